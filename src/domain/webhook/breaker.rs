//! How an endpoint fares: after failures in a row it is left alone for longer and longer, then tried with one message; when it
//! has failed for a month it is given up.

use super::schedule::spread;
use crate::domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs};

/// Failures in a row after which an endpoint is left alone.
pub const FAILURES_MAX: u32 = 5;
/// How long it is left alone after that many, one more, two more …, in milliseconds.
const RESTS_MS: [i64; 7] =
    [MINUTE_MS / 2, MINUTE_MS, 2 * MINUTE_MS, 4 * MINUTE_MS, 8 * MINUTE_MS, 16 * MINUTE_MS, 30 * MINUTE_MS];
/// How long it is left alone for a fault of ours, which mostly a person has to mend.
const SPARE_MS: i64 = 5 * MINUTE_MS;
/// How long it may fail before its owner is told.
const TELL_AFTER_MS: i64 = HOUR_MS;
/// Failures that lie further apart are none in a row: nobody asked meanwhile.
const APART_MS: i64 = 7 * DAY_MS;
/// How long it may fail before it is disabled.
pub const GIVE_UP_AFTER_MS: i64 = 30 * DAY_MS;

/// What is known of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Failures since the last success; those of messages that were on their way together count until it is left alone.
    pub failures: u32,
    /// When it first did not take something, since the last success.
    pub failing_since_ms: Option<UtcMs>,
    /// When it last did not take something.
    pub failed_ms: Option<UtcMs>,
    /// Until when it is left alone because it fails.
    pub rest_ms: UtcMs,
    /// Until when it is left alone because it asked for that; no success makes that shorter.
    pub throttled_ms: UtcMs,
}

impl Health {
    /// Whether it is left alone at times: then one message at a time is tried ("half open").
    pub fn is_open(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    /// Until when nothing is begun.
    pub fn quiet_until_ms(&self) -> UtcMs {
        self.rest_ms.max(self.throttled_ms)
    }

    /// How many messages may be on their way at once, of `most`.
    pub fn room(&self, most: usize) -> usize {
        if self.is_open() { most.min(1) } else { most }
    }

    /// Notes a success.
    pub fn succeed(&mut self) {
        *self = Self { throttled_ms: self.throttled_ms, ..Self::default() };
    }

    /// Notes that a try that began at `began_ms` failed at `now_ms`. What was on its way already when it came to be left alone is
    /// the same failure once more, and makes the rest no longer. `jitter` is a random number in `0..=u32::MAX`.
    pub fn fail(&mut self, began_ms: UtcMs, now_ms: UtcMs, jitter: u32) {
        self.suffer(now_ms);
        if self.is_open() && began_ms < self.rest_ms {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if let Some(more) = self.failures.checked_sub(FAILURES_MAX) {
            let rest = RESTS_MS[(more as usize).min(RESTS_MS.len() - 1)];
            self.rest_ms = now_ms + spread(rest, jitter);
        }
    }

    /// Leaves it alone for `asked_ms` at least, an hour at most: it has more than it can take, which is no failure, but must not
    /// go on for ever either.
    pub fn throttle(&mut self, asked_ms: Option<i64>, now_ms: UtcMs) {
        self.suffer(now_ms);
        let rest = asked_ms.unwrap_or(RESTS_MS[0]).clamp(1_000, HOUR_MS);
        self.throttled_ms = self.throttled_ms.max(now_ms + rest);
    }

    /// Leaves it alone for a while for a fault that is not its own.
    pub fn spare(&mut self, now_ms: UtcMs) {
        self.throttled_ms = self.throttled_ms.max(now_ms + SPARE_MS);
    }

    fn suffer(&mut self, now_ms: UtcMs) {
        if self.failed_ms.is_some_and(|last_ms| now_ms - last_ms > APART_MS) {
            (self.failures, self.failing_since_ms) = (0, None);
        }
        self.failed_ms = Some(now_ms);
        // A clock that was set back must not make an endpoint look as if it began to fail in the future.
        self.failing_since_ms = Some(self.failing_since_ms.map_or(now_ms, |since_ms| since_ms.min(now_ms)));
    }

    /// Whether its owner should know that it fails, or takes nothing.
    pub fn is_worth_telling(&self, now_ms: UtcMs) -> bool {
        self.failing_since_ms.is_some_and(|since_ms| {
            let is_lasting = self.is_open() || self.throttled_ms - since_ms >= TELL_AFTER_MS;
            is_lasting && now_ms - since_ms >= TELL_AFTER_MS
        })
    }

    /// Whether it is given up: it was asked over all that time, and took nothing.
    pub fn is_lost(&self) -> bool {
        let asked_ms =
            self.failing_since_ms.zip(self.failed_ms).map(|(since_ms, last_ms)| last_ms - since_ms);
        asked_ms.is_some_and(|asked_ms| asked_ms >= GIVE_UP_AFTER_MS)
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
            health.fail(0, i64::from(number), 0);
            assert!(!health.is_open() && health.rest_ms == 0 && health.room(8) == 8);
        }
        health.fail(0, 1_000, u32::MAX / 2);
        assert!(health.is_open());
        assert_eq!(health.room(8), 1);
        assert_eq!(health.rest_ms / 1_000, 30);
        health.fail(60_000, 60_000, u32::MAX / 2);
        assert_eq!(health.rest_ms / 1_000, 119, "a minute from then, or a little less");
        health.succeed();
        assert_eq!((health, health.room(8)), (Health::default(), 8));
    }

    #[test]
    fn refusals_of_what_was_on_its_way_together_are_one_step() {
        let mut health = Health::default();
        (0..16).for_each(|_| health.fail(10, 20, u32::MAX / 2));
        assert!(health.rest_ms <= 20 + 30_000, "{health:?}");
        assert_eq!(health.failures, FAILURES_MAX);
        let next_ms = health.rest_ms;
        health.fail(next_ms, next_ms, u32::MAX / 2);
        assert_eq!(health.failures, FAILURES_MAX + 1, "that was tried after its rest");
    }

    #[test]
    fn its_owner_is_told_after_an_hour_and_it_is_lost_after_a_month() {
        let mut health = Health::default();
        health.fail(0, 0, 0);
        assert!(!health.is_worth_telling(2 * HOUR_MS), "one failure is no story");
        (0..5).for_each(|_| health.fail(1, 1, 0));
        assert!(!health.is_worth_telling(HOUR_MS - 1) && health.is_worth_telling(HOUR_MS));
        (1..30).for_each(|day| health.fail(day * DAY_MS, day * DAY_MS, 0));
        health.fail(GIVE_UP_AFTER_MS - 1, GIVE_UP_AFTER_MS - 1, 0);
        assert!(!health.is_lost());
        health.fail(GIVE_UP_AFTER_MS, GIVE_UP_AFTER_MS, 0);
        assert!(health.is_lost());
    }

    #[test]
    fn what_was_not_asked_for_long_has_not_failed_meanwhile() {
        let mut health = Health::default();
        (0..10).for_each(|try_no| health.fail(try_no * DAY_MS, try_no * DAY_MS, 0));
        // Nothing happened for three weeks; then a hiccup.
        let now_ms = 9 * DAY_MS + 22 * DAY_MS;
        health.throttle(None, now_ms);
        assert!(!health.is_lost() && !health.is_open(), "{health:?}");
        assert_eq!(health.failing_since_ms, Some(now_ms));
        for day in 32..61 {
            health.fail(day * DAY_MS, day * DAY_MS, 0);
            assert!(!health.is_lost(), "{day}");
        }
        health.fail(61 * DAY_MS, 61 * DAY_MS, 0);
        assert!(health.is_lost(), "asked all the time");
    }

    #[test]
    fn throttling_lets_it_rest_but_is_no_way_to_be_left_alone_for_ever() {
        let mut health = Health::default();
        health.throttle(Some(20_000), 5);
        assert_eq!((health.throttled_ms, health.failures), (20_005, 0), "that is no failure");
        health.succeed();
        assert_eq!(
            (health.throttled_ms, health.failing_since_ms),
            (20_005, None),
            "what was asked for is kept"
        );
        health.throttle(Some(i64::MAX), 5);
        assert_eq!(health.throttled_ms, HOUR_MS + 5);
        health.throttle(None, HOUR_MS + 5);
        assert!(health.is_worth_telling(HOUR_MS + 5) && !health.is_lost());
        (1..=30).for_each(|day| health.throttle(None, day * DAY_MS + 5));
        assert!(health.is_lost());
    }

    proptest! {
        /// Whatever happens, it comes to be tried again within the longest rest, a success makes it well, and nothing shortens
        /// what it asked for.
        #[test]
        fn it_is_always_tried_again(tries in proptest::collection::vec((0..3_u8, 0..HOUR_MS, any::<u32>()), 1..60)) {
            let (mut health, mut now_ms) = (Health::default(), 0);
            for (what, after_ms, jitter) in tries {
                now_ms += after_ms;
                let before = health;
                match what {
                    0 => health.succeed(),
                    1 => health.fail(now_ms - after_ms, now_ms, jitter),
                    _ => health.throttle(Some(i64::from(jitter)), now_ms),
                }
                prop_assert!(health.rest_ms - now_ms <= 36 * MINUTE_MS && health.throttled_ms - now_ms <= HOUR_MS);
                prop_assert!(what != 0 || (health.failures == 0 && health.failing_since_ms.is_none() && health.rest_ms == 0));
                prop_assert!(health.throttled_ms >= before.throttled_ms && health.failures <= before.failures + 1);
                prop_assert!(what == 1 || health.failures <= before.failures);
                prop_assert!(health.room(4) >= 1);
            }
        }
    }
}
