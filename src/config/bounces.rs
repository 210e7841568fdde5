//! `[bounces]`: how what comes back by mail is taken.

use std::{fmt, path::PathBuf};

use serde::Deserialize;

use crate::domain::{delivery::report::ComplaintScope, kernel::EmailAddress};

/// Shortest secret that may guard an open door, in bytes.
const HTTP_SECRET_BYTES_MIN: usize = 24;

/// `[bounces]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounces {
    /// `imaps://user:password@host/INBOX`, or `imap+starttls://…`.
    pub imap: Option<String>,
    /// What happens to a message there once it is recorded.
    pub imap_done: ImapDone,
    /// The folder that `imap_done = "move"` moves to; made where absent.
    pub imap_folder: String,
    /// Certificates of a private authority the IMAP server's is signed by, PEM.
    pub ca_file: Option<PathBuf>,
    /// A Maildir whose `new` is read; what is recorded moves to `cur`.
    pub maildir: Option<PathBuf>,
    /// Address and port on which the mail server hands messages over by LMTP.
    pub lmtp: Option<String>,
    /// Opens `POST /in/mail` to who knows it.
    pub http_secret: Option<String>,
    /// Seconds between two looks at IMAP and Maildir.
    pub poll_s: u64,
    /// What a complaint stops.
    pub complaint_scope: ComplaintScope,
}

impl Default for Bounces {
    fn default() -> Self {
        Self {
            imap: None,
            imap_done: ImapDone::default(),
            imap_folder: "Processed".to_owned(),
            ca_file: None,
            maildir: None,
            lmtp: None,
            http_secret: None,
            poll_s: 60,
            complaint_scope: ComplaintScope::default(),
        }
    }
}

impl Bounces {
    /// Adds every fault of the section; `domain` is `mail.return_path_domain`.
    pub(super) fn find_faults(&self, domain: Option<&str>, faults: &mut Vec<String>) {
        if let Some(domain) = domain
            && (EmailAddress::parse(&format!("b@{domain}")).is_err() || !domain.is_ascii())
        {
            faults.push(format!(
                "mail.return_path_domain `{domain}` is not a domain name; write one such as bounces.example.com"
            ));
        }
        let sources =
            [self.imap.is_some(), self.maildir.is_some(), self.lmtp.is_some(), self.http_secret.is_some()];
        if sources.contains(&true) && domain.is_none() {
            faults.push(
                "[bounces] names a source, but without mail.return_path_domain no report can be told from a forgery; \
                 set it to the domain whose mail goes there"
                    .to_owned(),
            );
        }
        if self.http_secret.as_ref().is_some_and(|secret| secret.len() < HTTP_SECRET_BYTES_MIN) {
            faults.push(format!("bounces.http_secret must have at least {HTTP_SECRET_BYTES_MIN} characters"));
        }
        if !(1..=3_600).contains(&self.poll_s) {
            faults.push("bounces.poll_s must be between 1 and 3600".to_owned());
        }
    }
}

impl fmt::Debug for Bounces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.imap.as_deref().map(|url| url.rsplit('@').next().unwrap_or(""));
        f.debug_struct("Bounces")
            .field("imap", &host)
            .field("maildir", &self.maildir)
            .field("lmtp", &self.lmtp)
            .field("http", &self.http_secret.is_some())
            .finish_non_exhaustive()
    }
}

/// What happens to a message in an IMAP mailbox once it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImapDone {
    /// It goes to the folder `imap_folder`.
    #[default]
    Move,
    /// It is marked as seen; unseen messages alone are looked at.
    Seen,
    /// It is deleted.
    Delete,
}
