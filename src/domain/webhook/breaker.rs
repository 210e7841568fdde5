//! How an endpoint fares: after failures in a row it is left alone for longer and longer, then tried with one message; when it
//! has failed for a month it is given up.

use super::schedule::spread;
use crate::domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs};

/// Failures in a row after which an endpoint is left alone.
pub const FAILURES_MAX: u32 = 5;
/// How long it is left alone after that many, one more, two more …, in milliseconds.
const RESTS_MS: [i64; 7] =
    [MINUTE_MS / 2, MINUTE_MS, 2 * MINUTE_MS, 4 * MINUTE_MS, 8 * MINUTE_MS, 16 * MINUTE_MS, 30 * MINUTE_MS];
/// How long it may fail before its owner is told.
const TELL_AFTER_MS: i64 = HOUR_MS;
/// How long it may fail before it is disabled.
pub const GIVE_UP_AFTER_MS: i64 = 30 * DAY_MS;

/// What is known of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Failures since the last success.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since_ms: Option<UtcMs>,
    /// Until when it is left alone.
    pub rest_ms: UtcMs,
}

impl Health {
    /// Whether it is left alone at times: then one message at a time is tried ("half open").
    pub fn is_open(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    /// How many messages may be on their way at once, of `most`.
    pub fn room(&self, most: usize) -> usize {
        if self.is_open() { most.min(1) } else { most }
    }

    /// Notes a try that ended at `now_ms`. `jitter` is a random number in `0..=u32::MAX`.
    pub fn note(&mut self, worked: bool, now_ms: UtcMs, jitter: u32) {
        if worked {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        // A clock that was set back must not make an endpoint look as if it began to fail in the future.
        self.failing_since_ms = Some(self.failing_since_ms.map_or(now_ms, |since_ms| since_ms.min(now_ms)));
        if let Some(more) = self.failures.checked_sub(FAILURES_MAX) {
            let rest = RESTS_MS[(more as usize).min(RESTS_MS.len() - 1)];
            self.rest_ms = now_ms + spread(rest, jitter);
        }
    }

    /// Leaves it alone for `asked_ms` at least, an hour at most: it has more than it can take.
    pub fn throttle(&mut self, asked_ms: Option<i64>, now_ms: UtcMs) {
        let rest = asked_ms.unwrap_or(RESTS_MS[0]).clamp(1_000, HOUR_MS);
        self.rest_ms = self.rest_ms.max(now_ms + rest);
    }

    /// Whether its owner should know that it fails.
    pub fn is_worth_telling(&self, now_ms: UtcMs) -> bool {
        self.is_open() && self.failing_since_ms.is_some_and(|since_ms| now_ms - since_ms >= TELL_AFTER_MS)
    }

    /// Whether it is given up.
    pub fn is_lost(&self, now_ms: UtcMs) -> bool {
        self.failing_since_ms.is_some_and(|since_ms| now_ms - since_ms >= GIVE_UP_AFTER_MS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn five_failures_open_it_one_try_at_a_time_and_a_success_closes_it() {
        let mut health = Health::default();
        for number in 1..FAILURES_MAX {
            health.note(false, i64::from(number), 0);
            assert!(!health.is_open() && health.rest_ms == 0 && health.room(8) == 8);
        }
        health.note(false, 1_000, u32::MAX / 2);
        assert!(health.is_open());
        assert_eq!(health.room(8), 1);
        assert_eq!(health.rest_ms / 1_000, 30);
        health.note(false, 60_000, u32::MAX / 2);
        assert_eq!(health.rest_ms / 1_000, 119, "a minute from then, or a little less");
        health.note(true, 200_000, 0);
        assert_eq!((health, health.room(8)), (Health::default(), 8));
    }

    #[test]
    fn its_owner_is_told_after_an_hour_and_it_is_lost_after_a_month() {
        let mut health = Health::default();
        health.note(false, 0, 0);
        assert!(!health.is_worth_telling(2 * HOUR_MS), "one failure is no story");
        (0..5).for_each(|_| health.note(false, 1, 0));
        assert!(!health.is_worth_telling(HOUR_MS - 1) && health.is_worth_telling(HOUR_MS));
        assert!(!health.is_lost(GIVE_UP_AFTER_MS - 1) && health.is_lost(GIVE_UP_AFTER_MS));
    }

    #[test]
    fn throttling_lets_it_rest_but_is_no_way_to_be_left_alone_for_ever() {
        let mut health = Health::default();
        health.throttle(Some(20_000), 5);
        assert_eq!(health.rest_ms, 20_005);
        health.throttle(Some(i64::MAX), 5);
        assert_eq!(health.rest_ms, HOUR_MS + 5);
    }

    proptest! {
        /// Whatever happens, it comes to be tried again within the longest rest, and a success makes it well.
        #[test]
        fn it_is_always_tried_again(tries in proptest::collection::vec((any::<bool>(), 0..HOUR_MS, any::<u32>()), 1..60)) {
            let (mut health, mut now_ms) = (Health::default(), 0);
            for (worked, after_ms, jitter) in tries {
                now_ms += after_ms;
                health.note(worked, now_ms, jitter);
                prop_assert!(health.rest_ms - now_ms <= 36 * MINUTE_MS);
                prop_assert!(!worked || health == Health::default());
                prop_assert!(health.room(4) >= 1);
            }
        }
    }
}
