//! The states of a delivery. Every one is true: no state says more than we know.

use std::fmt;

/// Where a delivery stands. `ready -> sending ->` one of the final states, or back to `ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Waiting for its due time, or to be tried again.
    Ready,
    /// Started: it may be leaving at this moment.
    Sending,
    /// The next hop took responsibility.
    Accepted,
    /// Refused for good, or too often.
    Failed,
    /// The connection broke after the final dot and the policy is to ask a person.
    Uncertain,
    /// The recipient does not want it, found out before it left.
    Suppressed,
    /// Its issue was cancelled.
    Cancelled,
    /// Its time passed.
    Expired,
    /// Three crashes while it was being sent: a person must look.
    Dead,
}

impl DeliveryState {
    /// All states, in the order of a delivery's life.
    pub const ALL: [Self; 9] = [
        Self::Ready,
        Self::Sending,
        Self::Accepted,
        Self::Failed,
        Self::Uncertain,
        Self::Suppressed,
        Self::Cancelled,
        Self::Expired,
        Self::Dead,
    ];

    /// The word in the database and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Dead => "dead",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Ready | Self::Sending)
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
