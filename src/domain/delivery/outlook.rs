//! What happens next with a delivery, and why it ended as it did, in words.

use crate::domain::kernel::clock::UtcMs;

use super::DeliveryState;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Outlook {
    /// In a sentence without its end.
    pub says: &'static str,
    /// When, where a time is known.
    pub at_ms: Option<UtcMs>,
}

/// What is known of a delivery when one asks what happens next.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was started.
    pub attempts: i64,
    /// When it is due.
    pub due_ms: UtcMs,
    /// Whether a person stopped its issue for now.
    pub paused: bool,
}

impl Standing {
    /// What happens next as things stand at `now_ms`.
    pub fn outlook(self, now_ms: UtcMs) -> Outlook {
        let never = |says| Outlook { says, at_ms: None };
        let due = |says| Outlook { says, at_ms: Some(self.due_ms) };
        match self.state {
            DeliveryState::Ready if self.paused => {
                never("it waits: the issue is paused, until somebody resumes it")
            }
            DeliveryState::Ready if self.due_ms > now_ms && self.attempts > 0 => due("it is tried again"),
            DeliveryState::Ready if self.due_ms > now_ms => due("it leaves at its time"),
            DeliveryState::Ready => due("it is due and leaves as soon as a worker takes it"),
            DeliveryState::Sending => never("it is being handed over at this moment"),
            DeliveryState::Accepted => never("nothing more: the next mail server took responsibility"),
            DeliveryState::Failed
            | DeliveryState::Uncertain
            | DeliveryState::Expired
            | DeliveryState::Dead => never("nothing by itself; a person may have it sent again"),
            DeliveryState::Suppressed => never("nothing: this person does not want it"),
            DeliveryState::Cancelled => never("nothing: its issue was cancelled"),
        }
    }
}

/// The states in which a delivery waits for a person, and in which one may have it sent again.
pub const WAITS_FOR_A_PERSON: [DeliveryState; 4] =
    [DeliveryState::Failed, DeliveryState::Uncertain, DeliveryState::Expired, DeliveryState::Dead];

/// The classes a try can end in (`Outcome::as_str`), those of refusals in the order of the documentation.
pub const CLASSES: [&str; 11] = [
    "accepted",
    "host",
    "uncertain",
    "throttle",
    "greylist",
    "soft",
    "bad-address",
    "our-setup",
    "policy",
    "content",
    "protocol",
];

/// What a class means, in a sentence without its end.
pub fn class_means(class: &str) -> &'static str {
    match class {
        "accepted" => "the next mail server took responsibility",
        "host" => "the relay could not be talked to",
        "uncertain" => "the connection or the process ended before the answer came",
        "throttle" => "the relay asked us to slow down",
        "greylist" => "the other side has not met us yet and asks to come back",
        "soft" => "refused for now",
        "bad-address" => "there is no such address",
        "our-setup" => "the relay refused our set-up: credentials, sender or signature",
        "policy" => "refused by a policy or a block list",
        "content" => "refused for the size or form of the message",
        "protocol" => "an answer that makes no sense here, or a message that could not be written",
        _ => "a class that this version does not know",
    }
}

/// Why a delivery waits for a person, in a sentence without its end.
pub fn why_it_ended(state: DeliveryState, class: Option<&str>) -> String {
    let means = class.map(class_means);
    match (state, means) {
        (DeliveryState::Expired, _) => "its time passed before anybody took it".to_owned(),
        (DeliveryState::Dead, _) => {
            "three times the process ended while it was being sent; look at it before sending it again"
                .to_owned()
        }
        (DeliveryState::Uncertain, _) => {
            "it may have arrived, and mail.on_uncertain holds such messages for a person".to_owned()
        }
        (_, Some(means)) => means.to_owned(),
        (_, None) => "it was never tried".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::Trouble;

    #[test]
    fn every_state_says_what_comes_next() {
        let at = |state, attempts, due_ms, paused| Standing { state, attempts, due_ms, paused }.outlook(100);
        assert_eq!(at(DeliveryState::Ready, 0, 200, false).at_ms, Some(200));
        assert_eq!(at(DeliveryState::Ready, 1, 200, false).says, "it is tried again");
        assert_eq!(at(DeliveryState::Ready, 0, 200, true).at_ms, None, "paused has no time");
        assert!(at(DeliveryState::Ready, 0, 100, false).says.contains("due"));
        for state in DeliveryState::ALL {
            let next = at(state, 1, 200, false);
            assert_eq!(next.says.contains("sent again"), WAITS_FOR_A_PERSON.contains(&state), "{state}");
        }
    }

    #[test]
    fn every_class_has_a_meaning() {
        for class in CLASSES {
            assert!(!class_means(class).contains("does not know"), "{class}");
        }
        for trouble in [Trouble::Host, Trouble::OurSetup, Trouble::Protocol, Trouble::BadAddress] {
            assert!(CLASSES.contains(&trouble.as_str()));
        }
        assert_eq!(why_it_ended(DeliveryState::Failed, Some("bad-address")), "there is no such address");
        assert!(why_it_ended(DeliveryState::Expired, Some("protocol")).contains("time passed"));
        assert!(why_it_ended(DeliveryState::Failed, None).contains("never tried"));
    }
}
