//! When a post on a site is tried again: as a webhook's message is; but what is withdrawn leaves soon after a site is back.

use crate::domain::{
    kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    webhook::schedule,
};

/// Longest wait for what is withdrawn, on its first day.
const WITHDRAWAL_MAX_MS: i64 = 15 * MINUTE_MS;
/// The same after that.
const LATER_MAX_MS: i64 = 2 * HOUR_MS;
/// How long a withdrawal is tried; after that a person has to.
const WITHDRAWAL_LIFETIME_MS: i64 = 3 * DAY_MS;
/// Wait after what was our own fault; it uses up no try.
pub const WITHHELD_MS: i64 = 5 * MINUTE_MS;
/// After this time somebody is told that a withdrawal waits, or anything that our own fault keeps.
pub const TOLD_AFTER_MS: i64 = HOUR_MS;

/// How long to wait after try number `tries` (1 is the first), in milliseconds; nothing when that was the last. `withdrawn_ms` is how
/// long ago it was withdrawn, of what is; a site that asks for longer than such a one waits is not heard. `jitter` is a random number
/// in `0..=u32::MAX`.
pub fn wait_ms(tries: u32, withdrawn_ms: Option<i64>, asked_ms: Option<i64>, jitter: u32) -> Option<i64> {
    match withdrawn_ms {
        None => schedule::wait_ms(tries, asked_ms, jitter),
        Some(age_ms) if age_ms >= WITHDRAWAL_LIFETIME_MS => None,
        Some(age_ms) => {
            let most_ms = if age_ms < DAY_MS { WITHDRAWAL_MAX_MS } else { LATER_MAX_MS };
            let planned = schedule::wait_ms(tries.min(schedule::TRIES_MAX - 1), asked_ms, jitter);
            Some(planned.map_or(most_ms, |wait_ms| wait_ms.min(most_ms)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u32 = u32::MAX / 2;

    #[test]
    fn what_is_withdrawn_waits_a_quarter_of_an_hour_at_most_for_a_day() {
        for tries in 1..200 {
            let wait_ms = wait_ms(tries, Some(DAY_MS - 1), Some(DAY_MS), HALF).unwrap();
            assert!((1..=WITHDRAWAL_MAX_MS).contains(&wait_ms), "{tries}: {wait_ms}");
        }
        assert_eq!(wait_ms(99, Some(DAY_MS), None, HALF), Some(LATER_MAX_MS));
        assert_eq!(wait_ms(2, Some(3 * DAY_MS), None, HALF), None);
    }

    #[test]
    fn other_posts_have_ten_tries() {
        assert_eq!(wait_ms(4, None, None, HALF), schedule::wait_ms(4, None, HALF));
        assert_eq!(wait_ms(schedule::TRIES_MAX, None, None, HALF), None);
    }
}
