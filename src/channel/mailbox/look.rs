//! A look at a source without taking or changing anything, for `doctor`.

use std::time::Duration;

use super::{Source, imap, maildir};
use crate::domain::kernel::clock::UtcMs;

/// Longest wait for one answer of a server that is only looked at.
pub(super) const LOOK_STEP_MAX: Duration = Duration::from_secs(10);

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Messages that are not recorded yet.
    pub waiting: usize,
    /// When the server's certificate ends; none for a folder.
    pub certificate_ends_ms: Option<UtcMs>,
    /// The folder for what is recorded, if it is not there yet; the first message makes it.
    pub will_make: Option<String>,
}

/// How far a look came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Name, TCP and greeting.
    Reach,
    /// A certificate that we trust.
    Tls,
    /// User and password.
    SignIn,
    /// The folder is there and can be read.
    Folder,
    /// What is recorded can be put away.
    PutAway,
}

/// What kept it from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stopped.
    pub step: Step,
    /// Why, for the operator; without the password.
    pub why: String,
}

impl Source {
    /// Goes as far as fetching would, and fetches nothing.
    ///
    /// # Errors
    /// The first step at which fetching would fail.
    pub async fn look(&self) -> Result<Looked, Fault> {
        match self {
            Self::Imap(place) => imap::look(place).await,
            Self::Maildir(root) => maildir::look(root.clone()).await,
        }
    }
}
