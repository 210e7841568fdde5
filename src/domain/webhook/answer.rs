//! What an answer, or none, means for the message and for its endpoint.

use super::schedule::asked_ms;
use crate::domain::kernel::clock::UtcMs;

/// The header of an answer that says something about the message, as Svix has it.
pub const DELIVERY_HEADER: &str = "webhook-delivery";
/// Its value for a message that need not be tried again.
const ABORT: &str = "abort-message";

/// What an endpoint answered, as far as it decides something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// `webhook-delivery`.
    pub delivery: Option<&'a str>,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// It is tried again.
    Again {
        /// How long the receiver asked for, in milliseconds.
        asked_ms: Option<i64>,
        /// Whether the whole endpoint has more than it can take, so that its other messages wait too.
        throttled: bool,
    },
    /// The receiver wants this one not again.
    Aborted,
    /// The endpoint is gone and wants nothing any more.
    Gone,
    /// Nothing was asked of the receiver, by a fault of our own.
    Withheld {
        /// Whether it keeps back whatever is sent there, and not this message alone.
        all: bool,
    },
}

impl Verdict {
    /// The word in the ledger of tries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Again { throttled: false, .. } => "failed",
            Self::Again { throttled: true, .. } => "throttled",
            Self::Aborted => "aborted",
            Self::Gone => "gone",
            Self::Withheld { .. } => "withheld",
        }
    }

    /// Whether the endpoint works: whoever turns a message down has read it.
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Delivered | Self::Aborted)
    }
}

/// What no answer at all means: a fault of the network, of TLS or of the name, or ten seconds of silence.
pub const SILENCE: Verdict = Verdict::Again { asked_ms: None, throttled: false };

/// What an answer means. Only 2xx is success; a redirect is not followed, and is a failure. `wall_ms` is now by the wall clock.
pub fn verdict(answer: &Answer<'_>, wall_ms: UtcMs) -> Verdict {
    let aborts = answer.delivery.is_some_and(|word| word.trim().eq_ignore_ascii_case(ABORT));
    match answer.status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        _ if aborts => Verdict::Aborted,
        status => {
            let asked_ms = answer.retry_after.and_then(|value| asked_ms(value, wall_ms));
            Verdict::Again { asked_ms, throttled: matches!(status, 429 | 502..=504) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16) -> Verdict {
        verdict(&Answer { status, ..Answer::default() }, 0)
    }

    #[test]
    fn every_status_has_a_meaning() {
        for status in 0..=999 {
            let expected = match status {
                200..=299 => "delivered",
                410 => "gone",
                429 | 502 | 503 | 504 => "throttled",
                _ => "failed",
            };
            assert_eq!(of(status).as_str(), expected, "{status}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_time_or_for_nothing_more() {
        let busy = Answer { status: 503, retry_after: Some("30"), delivery: None };
        assert_eq!(verdict(&busy, 0), Verdict::Again { asked_ms: Some(30_000), throttled: true });
        let never = Answer { status: 422, retry_after: None, delivery: Some("Abort-Message") };
        assert_eq!(verdict(&never, 0), Verdict::Aborted);
        assert_eq!(verdict(&Answer { status: 200, ..never }, 0), Verdict::Delivered);
        assert_eq!(
            verdict(&Answer { status: 410, ..never }, 0),
            Verdict::Gone,
            "the endpoint, not the message"
        );
        assert_eq!(verdict(&Answer { delivery: Some("please"), ..never }, 0).as_str(), "failed");
    }
}
