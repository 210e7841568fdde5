//! `[mail]`: how mail leaves.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::Dkim;
use crate::domain::{delivery::backoff::OnUncertain, sender::hello::HelloName};

/// Most relays of one process.
const RELAYS_MAX: usize = 16;

/// `[mail]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `smtp://`, `smtp+starttls://` or `smtps://` with user, password, host and port; or `catcher`, which keeps
    /// every mail in this process. Empty when there are several, in `relays`.
    #[serde(default)]
    pub relay: String,
    /// Several relays, with their shares of the mail.
    #[serde(default)]
    pub relays: Vec<MailRelay>,
    /// What we call ourselves to relays (EHLO). When absent the host of `server.public_url`, where it is a domain name,
    /// else the address that we connect from, in brackets.
    #[serde(default)]
    pub hello_name: Option<String>,
    /// Folder of the catcher's mail.
    #[serde(default = "default_mailbox")]
    pub mailbox: PathBuf,
    /// Open connections to the relay at most.
    #[serde(default = "default_connections")]
    pub connections: usize,
    /// Messages that may be repeated after a crash at most, per worker.
    #[serde(default = "default_window")]
    pub window: usize,
    /// What to do with a message that may have arrived.
    #[serde(default)]
    pub on_uncertain: OnUncertain,
    /// Certificates of a private authority the relay's is signed by, PEM.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The operator's own rules for what refusals mean, TOML, read before the built-in ones.
    #[serde(default)]
    pub classes_file: Option<PathBuf>,
    /// Keys that sign, where the relay does not.
    #[serde(default)]
    pub dkim: Vec<Dkim>,
    /// The domain of signed return paths: mail to it must reach one of [`Bounces`]' sources. Without it the sender's
    /// address is the return path, and no bounce can be matched.
    #[serde(default)]
    pub return_path_domain: Option<String>,
    /// Sending domains that are to become known slowly.
    #[serde(default)]
    pub warm_up: Vec<MailWarmUp>,
}

/// `[[mail.relays]]`: one of several relays.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailRelay {
    /// As `mail.relay`, without `catcher`.
    pub url: String,
    /// What it is called in lists and logs; the host when absent.
    pub name: Option<String>,
    /// Its share among the relays; 0 keeps it for when no other can be talked to.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Open connections at most; `mail.connections` when absent.
    pub connections: Option<usize>,
    /// Messages in any 60 minutes at most; a twentieth is kept for mail that somebody waits for.
    pub per_hour: Option<u64>,
    /// As `mail.ca_file`.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for MailRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.rsplit('@').next().unwrap_or("");
        f.debug_struct("MailRelay").field("url", &host).field("weight", &self.weight).finish_non_exhaustive()
    }
}

fn default_weight() -> u32 {
    1
}

/// `[[mail.warm_up]]`: so many messages a day, day by day; after the last day there is no cap.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailWarmUp {
    /// Domain of the From address.
    pub domain: String,
    /// The first day, UTC, `YYYY-MM-DD`.
    pub start: chrono::NaiveDate,
    /// Messages a day.
    pub daily: Vec<u64>,
}

fn default_mailbox() -> PathBuf {
    PathBuf::from("mailbox")
}

fn default_connections() -> usize {
    4
}

fn default_window() -> usize {
    128
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.relay.rsplit('@').next().unwrap_or("");
        f.debug_struct("Mail")
            .field("relay", &host)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl Mail {
    /// Relative paths follow the configuration file.
    pub(super) fn resolve(&mut self, base: &Path) {
        let absolute = |path: &mut PathBuf| *path = base.join(&*path);
        absolute(&mut self.mailbox);
        [&mut self.ca_file, &mut self.classes_file]
            .into_iter()
            .chain(self.relays.iter_mut().map(|relay| &mut relay.ca_file))
            .flatten()
            .for_each(absolute);
        self.dkim.iter_mut().for_each(|entry| absolute(&mut entry.key_file));
    }

    /// What does not go together.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.window == 0 || self.window > 500 {
            faults.push("mail.window must be between 1 and 500".to_owned());
        }
        if self.connections == 0 || self.connections > 64 {
            faults.push("mail.connections must be between 1 and 64".to_owned());
        }
        if self.relay.is_empty() == self.relays.is_empty() {
            faults.push(
                "give one relay in mail.relay, or several as [[mail.relays]] with a url each, not both"
                    .to_owned(),
            );
        }
        if let Some(Err(error)) = self.hello_name.as_deref().map(HelloName::parse) {
            faults.push(format!("mail.hello_name: {}", error.public()));
        }
        if self.relays.len() > RELAYS_MAX {
            faults.push(format!("at most {RELAYS_MAX} [[mail.relays]] are used"));
        }
        if !self.relays.is_empty() && self.relays.iter().all(|relay| relay.weight == 0) {
            faults.push("one of the [[mail.relays]] must have a weight above 0".to_owned());
        }
        if self.relays.iter().any(|relay| relay.per_hour == Some(0)) {
            faults.push("mail.relays.per_hour must be at least 1; leave the relay out instead".to_owned());
        }
        if self.warm_up.iter().any(|plan| plan.daily.is_empty() || plan.domain.contains('@')) {
            faults.push(
                "each [[mail.warm_up]] needs a domain such as \"vendor.example\" and daily = [50, 100, ...]"
                    .to_owned(),
            );
        }
        faults
    }
}
