//! How many messages may be on their way at once: begins small, grows with every success, halves when the other
//! side says "too fast" (additive increase, multiplicative decrease).

use crate::domain::kernel::clock::{MINUTE_MS, UtcMs};

/// Open at the beginning.
const START: usize = 2;
/// First rest of a side that cannot be talked to, doubled up to [`REST_MAX_MS`].
const REST_FIRST_MS: i64 = MINUTE_MS;
/// Longest rest.
const REST_MAX_MS: i64 = 30 * MINUTE_MS;
/// Rest of a side that said "too fast".
pub const THROTTLED_MS: i64 = 10 * MINUTE_MS;

/// The slots of one side: a relay, or the recipients of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    limit: usize,
    max: usize,
    in_use: usize,
    /// Failures in a row, nothing accepted between them.
    broken: u32,
    /// Rests in a row.
    rests: u32,
    rests_until_ms: UtcMs,
}

impl Slots {
    /// Slots that may grow to `max`, at least 1.
    pub fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { limit: START.min(max), max, in_use: 0, broken: 0, rests: 0, rests_until_ms: UtcMs::MIN }
    }

    /// How many are open at most at this moment.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many are used.
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// Until when nothing more is begun, if that is after `now_ms`. No rest is longer than [`REST_MAX_MS`]: one that
    /// seems to be was begun by a clock that has been set back since, and is over.
    pub fn rests_until_ms(&self, now_ms: UtcMs) -> Option<UtcMs> {
        let left_ms = self.rests_until_ms.saturating_sub(now_ms);
        (left_ms > 0 && left_ms <= REST_MAX_MS).then_some(self.rests_until_ms)
    }

    /// Whether one more may begin, with `spare` beyond the limit; the other side gets none of those while it fails.
    pub fn has_room(&self, now_ms: UtcMs, spare: usize) -> bool {
        let is_failing = self.broken > 0 || self.rests > 0;
        let limit = if is_failing { self.limit } else { (self.limit + spare).min(self.max) };
        self.rests_until_ms(now_ms).is_none() && self.in_use < limit
    }

    /// Takes a slot.
    pub fn take(&mut self) {
        self.in_use += 1;
    }

    /// Gives a slot back.
    pub fn give_back(&mut self) {
        self.in_use = self.in_use.saturating_sub(1);
    }

    /// Something was answered as it should be; true if there is room for one more than before.
    pub fn succeeded(&mut self) -> bool {
        (self.broken, self.rests) = (0, 0);
        let grows = self.limit < self.max;
        self.limit += usize::from(grows);
        grows
    }

    /// The other side said "too fast".
    pub fn throttled(&mut self, now_ms: UtcMs, rest_ms: i64) {
        self.limit = (self.limit / 2).max(1);
        self.rests_until_ms = self.rests_until_ms(now_ms).unwrap_or(now_ms).max(now_ms + rest_ms);
    }

    /// The other side could not be talked to. After `broken_max` times in a row it is left alone, longer each time;
    /// true when that begins.
    pub fn failed(&mut self, now_ms: UtcMs, broken_max: u32) -> bool {
        self.limit = (self.limit / 2).max(1);
        self.broken += 1;
        if self.broken < broken_max || self.rests_until_ms(now_ms).is_some() {
            return false;
        }
        self.broken = 0;
        self.limit = 1;
        let rest_ms = (REST_FIRST_MS << self.rests.min(5)).min(REST_MAX_MS);
        self.rests += 1;
        self.rests_until_ms = now_ms + rest_ms;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_success_and_halves_when_told() {
        let mut slots = Slots::new(8);
        for _ in 0..20 {
            slots.succeeded();
        }
        assert_eq!(slots.limit(), 8);
        slots.throttled(0, THROTTLED_MS);
        assert_eq!(
            (slots.limit(), slots.has_room(THROTTLED_MS - 1, 0), slots.has_room(THROTTLED_MS, 0)),
            (4, false, true)
        );
    }

    #[test]
    fn rests_double_up_to_half_an_hour_and_end_with_a_success() {
        let mut slots = Slots::new(8);
        let (mut now_ms, mut minutes) = (0, Vec::new());
        for _ in 0..7 {
            assert!(!slots.failed(now_ms, 2));
            assert!(slots.failed(now_ms, 2));
            let until_ms = slots.rests_until_ms(now_ms).unwrap();
            minutes.push((until_ms - now_ms) / MINUTE_MS);
            now_ms = until_ms;
        }
        assert_eq!(minutes, [1, 2, 4, 8, 16, 30, 30]);
        slots.succeeded();
        slots.failed(now_ms, 1);
        assert_eq!(slots.rests_until_ms(now_ms), Some(now_ms + MINUTE_MS));
    }

    #[test]
    fn spare_slots_end_at_the_most_and_are_not_for_a_side_that_fails() {
        let mut slots = Slots::new(4);
        let open = |slots: &mut Slots, spare| {
            let before = slots.in_use();
            while slots.has_room(0, spare) {
                slots.take();
            }
            slots.in_use() - before
        };
        assert_eq!((open(&mut slots, 0), open(&mut slots, 1), open(&mut slots, 9)), (2, 1, 1));
        slots.give_back();
        slots.failed(0, 9);
        assert_eq!(open(&mut slots, 9), 0);
        slots.succeeded();
        assert_eq!(open(&mut slots, 9), 1);
    }

    #[test]
    fn a_rest_that_a_clock_set_back_would_make_endless_is_over() {
        let mut slots = Slots::new(8);
        let ahead_ms = 2 * 24 * 60 * MINUTE_MS;
        assert!(slots.failed(ahead_ms, 1));
        assert_eq!(
            (slots.rests_until_ms(ahead_ms), slots.has_room(ahead_ms, 0)),
            (Some(ahead_ms + MINUTE_MS), false)
        );
        assert_eq!((slots.rests_until_ms(0), slots.has_room(0, 0)), (None, true));
        slots.throttled(0, THROTTLED_MS);
        assert_eq!(slots.rests_until_ms(0), Some(THROTTLED_MS));
    }

    #[test]
    fn failures_during_a_rest_do_not_make_it_longer() {
        let mut slots = Slots::new(8);
        assert!(slots.failed(0, 1));
        assert!(!slots.failed(1, 1));
        assert_eq!(slots.rests_until_ms(1), Some(MINUTE_MS));
    }
}
