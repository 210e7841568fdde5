//! The demo: a story in six steps, and the mail that was caught.

pub mod inbox;
pub mod people;
pub mod readers;
pub mod story;

use std::path::PathBuf;

use crate::channel::catcher::Mailbox;

/// The catcher's mail; empty where another relay is used.
#[derive(Clone)]
pub struct Mail(Mailbox);

impl Mail {
    /// The mail in the Maildir at `path`.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self(Mailbox::new(path.unwrap_or_default()))
    }
}
