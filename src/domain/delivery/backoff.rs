//! When to try again, and when to stop: a pure function of what happened and how often.

use crate::domain::kernel::clock::{HOUR_MS, MINUTE_MS, UtcMs};

use super::{DeliveryState, Outcome, Trouble};

/// Waits after a soft refusal, in minutes; after the last one the wait stays the same until expiry.
const SOFT_MINUTES: [i64; 6] = [5, 15, 45, 120, 240, 480];
/// Waits after a greylist, in minutes.
const GREYLIST_MINUTES: [i64; 3] = [5, 10, 20];
/// Waits after the host could not be talked to, in minutes.
const HOST_MINUTES: [i64; 6] = [1, 2, 4, 8, 16, 30];
/// Wait after "too fast", in minutes.
const THROTTLE_MINUTES: i64 = 10;
/// Tries against a policy refusal, spread over a day.
const POLICY_TRIES_MAX: u32 = 3;
/// Wait before a message that may have arrived is handed over again, in minutes.
const UNCERTAIN_MINUTES: i64 = 15;

/// How long a host is left alone that could not be talked to `times` times in a row, in milliseconds.
pub fn host_wait_ms(times: u32) -> i64 {
    step(&HOST_MINUTES, times) * MINUTE_MS
}

fn step(minutes: &[i64], times: u32) -> i64 {
    minutes[(times.max(1) as usize - 1).min(minutes.len() - 1)]
}

/// What the ledger says next about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// The new state.
    pub state: DeliveryState,
    /// When to try again, for `Ready`.
    pub due_ms: Option<UtcMs>,
    /// Whether the try counts against the limit.
    pub counts: bool,
}

/// What the installation does with a message that may or may not have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUncertain {
    /// Hand it over again, with the same Message-ID.
    #[default]
    Resend,
    /// List it for a person to decide.
    Hold,
}

/// Decides what follows `outcome` of try number `tries` (1 is the first). `jitter` is a random number in
/// `0..=u32::MAX` that spreads waits by 20 % either way; `expires_ms` is when the message is worthless.
pub fn next(
    outcome: &Outcome,
    tries: u32,
    now_ms: UtcMs,
    expires_ms: UtcMs,
    on_uncertain: OnUncertain,
    jitter: u32,
) -> Next {
    let stop = |state| Next { state, due_ms: None, counts: true };
    let wait = |minutes: i64, counts: bool| {
        let due_ms = now_ms + spread(minutes * MINUTE_MS, jitter);
        if due_ms > expires_ms {
            Next { state: DeliveryState::Expired, due_ms: None, counts }
        } else {
            Next { state: DeliveryState::Ready, due_ms: Some(due_ms), counts }
        }
    };
    match outcome {
        Outcome::Accepted { .. } => stop(DeliveryState::Accepted),
        Outcome::Uncertain { .. } => match on_uncertain {
            OnUncertain::Resend => wait(UNCERTAIN_MINUTES, true),
            OnUncertain::Hold => stop(DeliveryState::Uncertain),
        },
        Outcome::Refused { trouble, .. } => match trouble {
            Trouble::Host => wait(step(&HOST_MINUTES, tries), false),
            Trouble::Throttle => wait(THROTTLE_MINUTES, false),
            Trouble::Greylist => wait(step(&GREYLIST_MINUTES, tries), true),
            Trouble::Soft => wait(step(&SOFT_MINUTES, tries), true),
            Trouble::OurSetup => wait(step(&HOST_MINUTES, tries), false),
            Trouble::Policy if tries < POLICY_TRIES_MAX => wait(8 * HOUR_MS / MINUTE_MS, true),
            Trouble::Policy | Trouble::BadAddress | Trouble::Content | Trouble::Protocol => {
                stop(DeliveryState::Failed)
            }
        },
    }
}

/// `wait_ms` moved by up to 20 % either way.
fn spread(wait_ms: i64, jitter: u32) -> i64 {
    let share = i64::from(jitter) * 400 / i64::from(u32::MAX) - 200;
    wait_ms + wait_ms * share / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::{Reply, Stage};

    fn refused(trouble: Trouble) -> Outcome {
        Outcome::Refused { stage: Stage::Recipient, trouble, reply: None, detail: String::new() }
    }

    #[test]
    fn waits_grow_stay_within_a_fifth_and_end_at_expiry() {
        for (tries, minutes) in [(1, 5), (2, 15), (6, 480), (9, 480)] {
            for jitter in [0, 1 << 31, u32::MAX] {
                let next = next(&refused(Trouble::Soft), tries, 0, i64::MAX, OnUncertain::Resend, jitter);
                let due = next.due_ms.unwrap();
                assert!((due - minutes * MINUTE_MS).abs() <= minutes * MINUTE_MS / 5, "try {tries}: {due}");
            }
        }
        let late = next(&refused(Trouble::Soft), 1, 0, MINUTE_MS, OnUncertain::Resend, 0);
        assert_eq!(late.state, DeliveryState::Expired);
    }

    #[test]
    fn a_dead_host_uses_up_no_attempt_and_a_bad_address_stops() {
        assert!(!next(&refused(Trouble::Host), 1, 0, i64::MAX, OnUncertain::Resend, 0).counts);
        let bad = next(&refused(Trouble::BadAddress), 1, 0, i64::MAX, OnUncertain::Resend, 0);
        assert_eq!(bad.state, DeliveryState::Failed);
    }

    #[test]
    fn what_may_have_arrived_is_resent_or_held_as_asked() {
        let lost = Outcome::Uncertain { detail: String::new() };
        assert_eq!(next(&lost, 1, 0, i64::MAX, OnUncertain::Resend, 0).state, DeliveryState::Ready);
        assert_eq!(next(&lost, 1, 0, i64::MAX, OnUncertain::Hold, 0).state, DeliveryState::Uncertain);
        let reply = Reply { code: 250, enhanced: None, text: "ok".into() };
        assert_eq!(
            next(&Outcome::Accepted { reply }, 1, 0, 0, OnUncertain::Hold, 0).state,
            DeliveryState::Accepted
        );
    }
}
