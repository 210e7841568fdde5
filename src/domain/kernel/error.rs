//! One error type for the whole crate: a kind, a text that may be shown, and a cause that may not.

use std::{error::Error as StdError, fmt};

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of trouble it is; `web/` alone turns a kind into an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The thing asked for does not exist, or is not the asker's to see.
    NotFound,
    /// The input is wrong; the text says what, where and how to mend it.
    Invalid,
    /// The input was fine, but the state has moved on (already answered, already released).
    Conflict,
    /// The asker may not do this.
    Denied,
    /// A peer or the disk does not answer; trying again later may help.
    Unavailable,
    /// Our fault; the public text carries no detail.
    Internal,
}

/// An error: `public` may be shown to the person who asked, `source` goes to the log alone.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    public: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    fn new(kind: Kind, public: impl Into<String>) -> Self {
        Self { kind, public: public.into(), source: None }
    }

    /// `what` does not exist.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("{what} was not found"))
    }

    /// `what` does not exist; `hint` says what does.
    pub fn not_found_but(what: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("{what} was not found; {hint}"))
    }

    /// The input is wrong: say what, where and how to mend it.
    pub fn invalid(why: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, why)
    }

    /// The state no longer allows it.
    pub fn conflict(why: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, why)
    }

    /// The asker may not do this.
    pub fn denied(why: impl Into<String>) -> Self {
        Self::new(Kind::Denied, why)
    }

    /// A peer, the database or the disk does not answer.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, why)
    }

    /// Our fault. `what` goes to the log, not to the person.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "something went wrong on our side").because(Cause(what.into()))
    }

    /// Adds the private cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What sort of trouble it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The text a person may read.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Public text and the whole chain of causes, for logs and the operator's terminal.
    pub fn detail(&self) -> String {
        let mut text = self.public.clone();
        let mut cause = self.source();
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|cause| cause as _)
    }
}

/// A cause that is only a sentence.
#[derive(Debug)]
struct Cause(String);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_shows_nothing_and_logs_everything() {
        let error = Error::internal("table delivery, column state, row dlv_1: `flying` is no state");
        assert!(!error.public().contains("delivery"));
        assert!(error.detail().contains("`flying`"));
    }
}
