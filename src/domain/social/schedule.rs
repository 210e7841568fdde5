//! When a post is tried again: eight tries within about a day, spread by 20 %; later it is old news, and a person gets the kit.

use super::{PostState, Trouble};
use crate::domain::{
    kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs},
    webhook::schedule::spread,
};

/// Waits after the first, second … try, in milliseconds; after the last nothing follows.
const WAITS_MS: [i64; 7] =
    [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS];
/// Tries of a post, the first included.
pub const TRIES_MAX: i64 = 8;
/// Longest that a server may put us off: limits of a day are the longest that are known.
const ASKED_MAX_MS: i64 = DAY_MS;
/// Wait after what was our own fault, in milliseconds; it uses up no try.
pub const WITHHELD_MS: i64 = 5 * MINUTE_MS;
/// How long a post that may be sent is worth sending, whatever keeps it.
pub const LIFETIME_MS: i64 = 3 * DAY_MS;
/// Wait for a budget that pays for a look; it uses up no try.
const UNLOOKED_MS: i64 = HOUR_MS;
/// How long a post waits for that: until the next month has surely begun.
pub const LOOK_LIFETIME_MS: i64 = 35 * DAY_MS;
/// How long one waits for somebody to connect its account again.
pub const RECONNECT_MS: i64 = DAY_MS;
/// How long one waits for approval.
pub const APPROVAL_MS: i64 = 14 * DAY_MS;
/// How long after its day something is posted by itself, where nobody could do it before.
pub const LATE_MS: i64 = 7 * DAY_MS;

/// How long to wait after try number `tries` (1 is the first), in milliseconds; nothing when that was the last. What the server
/// asks for never makes us come sooner than planned, nor later than a day. `jitter` is a random number in `0..=u32::MAX`.
pub fn wait_ms(tries: i64, asked_ms: Option<i64>, jitter: u32) -> Option<i64> {
    let place = usize::try_from(tries.max(1) - 1).unwrap_or(usize::MAX);
    let planned = spread(*WAITS_MS.get(place)?, jitter);
    Some(asked_ms.map_or(planned, |asked_ms| asked_ms.clamp(planned, planned.max(ASKED_MAX_MS))))
}

/// Why a post that is due since `ready_ms` is given up now, if it is; `lost_ms` is since when its account needs to be connected
/// again, where it does.
pub fn given_up(ready_ms: UtcMs, lost_ms: Option<UtcMs>, now_ms: UtcMs) -> Option<&'static str> {
    if lost_ms.is_some_and(|lost_ms| now_ms - lost_ms.max(ready_ms) >= RECONNECT_MS) {
        return Some("for a day nobody connected its account again");
    }
    (now_ms - ready_ms >= LIFETIME_MS).then_some("for three days it could not be sent")
}

/// What follows a try that made no post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// The post's state.
    pub state: PostState,
    /// When it is tried again, if it is.
    pub due_ms: Option<UtcMs>,
    /// Whether the try counts.
    pub counts: bool,
    /// Until when the whole account is left alone, if it is.
    pub rest_ms: Option<UtcMs>,
    /// Whether the account has to be connected again.
    pub is_lost: bool,
}

/// What follows `trouble` in try number `tries` (1 is the first). `jitter` is a random number in `0..=u32::MAX`.
pub fn next(trouble: Trouble, tries: i64, now_ms: UtcMs, jitter: u32) -> Next {
    let ended = Next { state: PostState::Failed, due_ms: None, counts: true, rest_ms: None, is_lost: false };
    let again = |due_ms: UtcMs, counts| Next { state: PostState::Due, due_ms: Some(due_ms), counts, ..ended };
    match trouble {
        Trouble::Withheld => again(now_ms + WITHHELD_MS, false),
        // Waiting for the next month would make old news of it; a person can share it today.
        Trouble::Refused | Trouble::Unaffordable => ended,
        // Whoever was asked to share it by hand would post it twice.
        Trouble::Duplicate | Trouble::Recalled => Next { state: PostState::Withdrawn, ..ended },
        // Nor is anybody asked before somebody looked.
        Trouble::Unlooked => again(now_ms + UNLOOKED_MS, false),
        // It goes on as soon as the account is connected again.
        Trouble::Denied | Trouble::OutOfCredit => Next { is_lost: true, ..again(now_ms, false) },
        Trouble::Busy { asked_ms, is_limit: true } => {
            let wait_ms = wait_ms(1, asked_ms, jitter).unwrap_or(MINUTE_MS);
            Next { rest_ms: Some(now_ms + wait_ms), ..again(now_ms + wait_ms, false) }
        }
        Trouble::Busy { asked_ms, is_limit: false } => {
            wait_ms(tries, asked_ms, jitter).map_or(ended, |wait_ms| again(now_ms + wait_ms, true))
        }
        Trouble::Uncertain | Trouble::SessionOver => {
            wait_ms(tries, None, jitter).map_or(ended, |wait_ms| again(now_ms + wait_ms, true))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn eight_tries_take_about_a_day() {
        let waits: Vec<i64> = (1..=TRIES_MAX).map_while(|tries| wait_ms(tries, None, u32::MAX / 2)).collect();
        assert_eq!(waits.len(), 7, "after the eighth nothing follows");
        assert_eq!(waits.iter().sum::<i64>() / HOUR_MS, 22);
        assert_eq!(wait_ms(1, Some(10 * MINUTE_MS), 0), Some(10 * MINUTE_MS));
        assert_eq!(wait_ms(1, Some(i64::MAX), 0), Some(DAY_MS));
    }

    #[test]
    fn a_limit_rests_the_account_and_a_lost_one_waits_for_people() {
        let of = |trouble, tries| next(trouble, tries, 1_000, u32::MAX / 2);
        let limit = of(Trouble::Busy { asked_ms: Some(HOUR_MS), is_limit: true }, TRIES_MAX);
        assert_eq!(
            (limit.state, limit.due_ms, limit.rest_ms),
            (PostState::Due, Some(1_000 + HOUR_MS), Some(1_000 + HOUR_MS))
        );
        assert!(!limit.counts, "whoever waits as asked uses up nothing");
        let lost = of(Trouble::Denied, TRIES_MAX);
        assert!(lost.is_lost && lost.state == PostState::Due && !lost.counts);
        assert!(of(Trouble::OutOfCredit, TRIES_MAX).is_lost, "whoever pays has to do something first");
        assert_eq!(of(Trouble::Refused, 1).state, PostState::Failed);
        assert_eq!(of(Trouble::Unaffordable, 1).state, PostState::Failed);
        assert_eq!(of(Trouble::Duplicate, 1).state, PostState::Withdrawn);
        for trouble in [Trouble::Uncertain, Trouble::Busy { asked_ms: None, is_limit: false }] {
            assert_eq!(of(trouble, TRIES_MAX - 1).state, PostState::Due);
            assert_eq!(of(trouble, TRIES_MAX).state, PostState::Failed);
        }
        assert_eq!(of(Trouble::Withheld, 99).state, PostState::Due);
        assert_eq!(of(Trouble::Recalled, 1).state, PostState::Withdrawn);
        let unlooked = of(Trouble::Unlooked, 99);
        assert!((unlooked.state, unlooked.counts) == (PostState::Due, false), "{unlooked:?}");
    }

    #[test]
    fn a_post_is_given_up_when_it_is_old_or_its_account_is_lost() {
        assert_eq!(given_up(0, None, LIFETIME_MS - 1), None);
        assert!(given_up(0, None, LIFETIME_MS).unwrap().contains("three days"));
        assert_eq!(given_up(0, Some(10), DAY_MS), None, "a day from the loss");
        assert!(given_up(0, Some(10), DAY_MS + 10).unwrap().contains("connected"));
        assert_eq!(given_up(DAY_MS, Some(0), DAY_MS + 1), None, "a day from when it was due");
    }

    proptest! {
        #[test]
        fn waits_stay_within_their_bounds(tries in 0..20_i64, asked in proptest::option::of(any::<i64>()), jitter: u32) {
            match wait_ms(tries, asked, jitter) {
                None => prop_assert!(tries >= TRIES_MAX),
                Some(wait) => prop_assert!((48_000 - 1..=DAY_MS).contains(&wait)),
            }
        }
    }
}
