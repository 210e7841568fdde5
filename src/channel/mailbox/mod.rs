//! Ways in for what comes back by mail: an IMAP mailbox, a Maildir, LMTP. Each hands over raw messages and forgets one
//! only when told that it was recorded. Reading them is [`parse`]'s; what follows is not decided here.

mod imap;
pub mod lmtp;
pub mod look;
mod maildir;
mod mime;
pub mod parse;

use std::{collections::HashSet, path::PathBuf};

pub use imap::{Done, ImapPlace};
pub use parse::{MESSAGE_BYTES_MAX, Parsed, ReturnedMail, parse};

use self::{imap::ImapSession, maildir::MaildirSession};
use crate::domain::kernel::Result;

/// Messages handed over at once.
const BATCH: usize = 20;

/// A message as its source holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What the source calls it.
    pub id: String,
    /// Whom it was handed over for, where the source knows.
    pub envelope_to: Option<String>,
    /// Its first [`MESSAGE_BYTES_MAX`] bytes.
    pub raw: Vec<u8>,
}

/// A place that is looked at from time to time.
#[derive(Debug, Clone)]
pub enum Source {
    /// A mailbox on a server.
    Imap(ImapPlace),
    /// A folder that a mail server on this machine delivers to.
    Maildir(PathBuf),
}

/// A source that is being emptied.
pub enum Opened {
    /// Connected and signed in.
    Imap(Box<ImapSession>),
    /// There.
    Maildir(MaildirSession),
}

impl Source {
    /// `imap` or `maildir`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Imap(_) => "imap",
            Self::Maildir(_) => "maildir",
        }
    }

    /// Where it is, for messages; without the password.
    pub fn place(&self) -> String {
        match self {
            Self::Imap(place) => place.to_string(),
            Self::Maildir(root) => root.display().to_string(),
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// `Unavailable` or `Invalid`, with what to do about it.
    pub async fn open(&self) -> Result<Opened> {
        Ok(match self {
            Self::Imap(place) => Opened::Imap(Box::new(ImapSession::open(place).await?)),
            Self::Maildir(root) => Opened::Maildir(MaildirSession::open(root.clone()).await?),
        })
    }
}

impl Opened {
    /// The next messages, oldest first, at most 20; none of those in `skip`.
    ///
    /// # Errors
    /// The source does not answer.
    pub async fn batch(&mut self, skip: &HashSet<String>) -> Result<Vec<Letter>> {
        match self {
            Self::Imap(session) => session.batch(skip, BATCH).await,
            Self::Maildir(session) => session.batch(skip, BATCH).await,
        }
    }

    /// Puts messages away that were recorded.
    ///
    /// # Errors
    /// The source does not answer; then they come again, which does no harm.
    pub async fn done(&mut self, ids: &[String]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        match self {
            Self::Imap(session) => session.done(ids).await,
            Self::Maildir(session) => session.done(ids).await,
        }
    }

    /// Takes leave.
    pub async fn close(self) {
        if let Self::Imap(session) = self {
            session.close().await;
        }
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
