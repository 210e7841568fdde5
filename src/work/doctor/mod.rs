//! What `partnercast doctor` looks at: everything that decides whether mail leaves and arrives, each with the exact
//! record or setting that mends it. Changes nothing; sends nothing unless [`sample::send`] is asked to, and uses no
//! secret of an account's unless [`channels::check`] is.
//!
//! A check is a function that returns findings and stands in the file of its group; to add one, call it from that
//! file's `check`.

mod alignment;
mod blocklists;
mod bounces;
pub mod channels;
mod database;
mod dkim;
mod dmarc;
mod machine;
mod public_url;
mod queue;
mod receiving;
mod relay;
mod return_path;
pub mod sample;
mod sender;
mod spf;

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    channel::{dns::Dns, mailbox::Source, smtp::Relay},
    domain::{
        content::{library::Library, vendor::Sender},
        kernel::{
            clock::{DAY_MS, UtcMs},
            token::Keys,
        },
    },
    render::email::dkim::Signer,
    store::Db,
};

/// A certificate that ends sooner is told about.
const CERTIFICATE_DAYS_MIN: i64 = 14;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Pass,
    /// Could not be found out, or is not ours to find out.
    Unknown,
    /// Works, and something should be done.
    Warn,
    /// Mail will not leave or not arrive.
    Fail,
}

impl Status {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// DNS of the senders' domains, and signing.
    Sender,
    /// The next hop.
    Relay,
    /// The address people reach us at.
    PublicAddress,
    /// What comes back by mail.
    Bounces,
    /// The database.
    Database,
    /// The outbox.
    Queue,
    /// A channel beside mail, when it is asked for.
    Channels,
    /// This machine: clock, disk, secrets.
    Machine,
}

impl Group {
    /// All groups in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Sender,
        Self::Relay,
        Self::PublicAddress,
        Self::Bounces,
        Self::Database,
        Self::Queue,
        Self::Channels,
        Self::Machine,
    ];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sender => "Sender: what receivers ask DNS",
            Self::Relay => "Relay",
            Self::PublicAddress => "Public address",
            Self::Bounces => "Bounces: what comes back",
            Self::Database => "Database",
            Self::Queue => "Queue",
            Self::Channels => "Channels: servers, accounts, sites, endpoints",
            Self::Machine => "Machine",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where it is shown.
    pub group: Group,
    /// The check's steady name, for machines.
    pub check: &'static str,
    /// How it went.
    pub status: Status,
    /// What was looked at: a domain, a relay, a file.
    pub subject: String,
    /// What was found.
    pub found: String,
    /// What to publish, set or do; records are ready to paste.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    fn new(group: Group, check: &'static str, subject: impl Into<String>) -> Self {
        let (subject, found) = (subject.into(), String::new());
        Self { group, check, status: Status::Unknown, subject, found, fix: None }
    }

    fn pass(mut self, found: impl Into<String>) -> Self {
        (self.status, self.found) = (Status::Pass, found.into());
        self
    }

    /// As it should be here; `next` is what others have to set, or may.
    fn pass_with(mut self, found: impl Into<String>, next: impl Into<String>) -> Self {
        (self.status, self.found, self.fix) = (Status::Pass, found.into(), Some(next.into()));
        self
    }

    fn unknown(mut self, found: impl Into<String>, fix: impl Into<String>) -> Self {
        (self.status, self.found, self.fix) = (Status::Unknown, found.into(), Some(fix.into()));
        self
    }

    fn warn(mut self, found: impl Into<String>, fix: impl Into<String>) -> Self {
        (self.status, self.found, self.fix) = (Status::Warn, found.into(), Some(fix.into()));
        self
    }

    fn fail(mut self, found: impl Into<String>, fix: impl Into<String>) -> Self {
        (self.status, self.found, self.fix) = (Status::Fail, found.into(), Some(fix.into()));
        self
    }

    /// Nobody could say.
    fn unanswered(self, why: &str) -> Self {
        self.unknown(
            format!("DNS could not be asked: {why}"),
            "check the machine's resolver, or under [dns] name one: server = \"192.0.2.53:53\"",
        )
    }
}

/// What is to be looked at.
pub struct Subject {
    /// The content, for its senders and zones; none where there is none yet.
    pub library: Option<Arc<Library>>,
    /// Why the content folder cannot be read.
    pub content_fault: Option<String>,
    /// The errors in its files, for which nothing new of it is taken.
    pub content_errors: Vec<String>,
    /// Keys that sign.
    pub signer: Signer,
    /// Why keys of the configuration cannot sign.
    pub dkim_faults: Vec<String>,
    /// Files that hold secrets.
    pub secret_files: Vec<SecretFile>,
    /// The relays; none with the catcher.
    pub relays: Vec<Relay>,
    /// Why a relay of the configuration cannot be used.
    pub relay_faults: Vec<String>,
    /// The addresses from which the relays send to the world, where the operator says so.
    pub relay_addresses: Vec<IpAddr>,
    /// The zones of the blocklists to ask; none where nobody wants to know.
    pub blocklists: Option<Vec<String>>,
    /// Looks at the senders' DNS although the catcher keeps every mail.
    pub dns_anyway: bool,
    /// The domain of signed return paths.
    pub return_path_domain: Option<String>,
    /// How what comes back is taken.
    pub ways_back: WaysBack,
    /// As configured; empty where none is.
    pub public_url: String,
    /// Where it listens.
    pub listen: String,
    /// Keys that sign links, or why they cannot be used.
    pub keys: Result<Keys, String>,
    /// The database, open for reading, or why not.
    pub db: Result<Db, String>,
    /// The file of a SQLite database.
    pub sqlite_file: Option<PathBuf>,
    /// Who answers questions about DNS.
    pub dns: Arc<dyn Dns>,
    /// Whom to compare the clock with, `host` or `host:port`.
    pub time_server: Option<String>,
    /// The machine's time when the looking began.
    pub now_ms: UtcMs,
    /// When that was.
    pub since: Instant,
}

/// The ways in for what comes back, as configured.
#[derive(Debug, Clone, Default)]
pub struct WaysBack {
    /// Places that are looked at.
    pub sources: Vec<Source>,
    /// Why a place of the configuration cannot be used.
    pub faults: Vec<String>,
    /// Where messages are handed over by LMTP.
    pub lmtp: Option<String>,
    /// What opens the way in by HTTP.
    pub http_secret: Option<Secret>,
}

/// A secret that no log shows.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A file that holds a secret.
#[derive(Debug, Clone)]
pub struct SecretFile {
    /// Which key of the configuration names it.
    pub setting: String,
    /// Where it is.
    pub path: PathBuf,
    /// What to say when everybody on the machine may open it.
    pub open_to_others: Option<String>,
    /// How to replace it.
    pub rotate: String,
}

impl Subject {
    /// The senders of vendor.toml by name.
    fn senders(&self) -> Vec<(&str, &Sender)> {
        let vendor = self.library.as_ref().and_then(|library| library.vendor.as_ref());
        vendor
            .map(|vendor| vendor.senders.iter().map(|(name, sender)| (name.as_str(), sender)).collect())
            .unwrap_or_default()
    }

    /// The domains of the From addresses, each once.
    fn sending_domains(&self) -> Vec<String> {
        let mut domains: Vec<String> =
            self.senders().into_iter().map(|(_, sender)| sender.email.domain()).collect();
        domains.sort();
        domains.dedup();
        domains
    }

    /// What the machine's clock reads by now: looking takes seconds where somebody does not answer.
    fn present_ms(&self) -> UtcMs {
        self.now_ms.saturating_add(i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// The address of our pages, without a slash at its end.
    fn base_url(&self) -> String {
        match self.public_url.trim_end_matches('/') {
            "" => format!("http://{}", self.listen),
            url => url.to_owned(),
        }
    }

    /// Whether every mail stays in this process.
    fn is_catcher(&self) -> bool {
        self.relays.is_empty() && self.relay_faults.is_empty()
    }
}

/// Looks at everything.
pub async fn check(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in Group::ALL {
        findings.extend(look_at(subject, group).await);
    }
    findings
}

/// Looks at one group. The queue comes with its database, and channels when they are asked for ([`channels::check`]).
pub async fn look_at(subject: &Subject, group: Group) -> Vec<Finding> {
    match group {
        Group::Sender => sender::check(subject).await,
        Group::Relay => relay::check(subject).await,
        Group::PublicAddress => public_url::check(subject).await,
        Group::Bounces => bounces::check(subject).await,
        Group::Database => database::check(subject).await,
        Group::Queue | Group::Channels => Vec::new(),
        Group::Machine => machine::check(subject).await,
    }
}

/// Whole days from `now_ms` to `at_ms`.
fn days_until(at_ms: UtcMs, now_ms: UtcMs) -> i64 {
    (at_ms - now_ms).div_euclid(DAY_MS)
}

/// How long a certificate still holds.
fn certificate(finding: Finding, ends_ms: UtcMs, now_ms: UtcMs, renew: &str) -> Finding {
    match days_until(ends_ms, now_ms) {
        days if days < 0 => finding.fail("the certificate has ended", renew),
        days if days < CERTIFICATE_DAYS_MIN => {
            finding.warn(format!("the certificate ends in {days} days"), renew)
        }
        days => finding.pass(format!("the certificate holds for {days} days")),
    }
}
