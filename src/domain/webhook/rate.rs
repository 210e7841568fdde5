//! How often an endpoint is sent something: the generic cell rate algorithm (ITU-T I.371) in one number that outlives the turn, in
//! microseconds, since 300 a second are none of whole milliseconds.

use crate::domain::kernel::clock::UtcMs;

/// A second: what may be saved up by being silent.
const BURST_US: i64 = 1_000_000;

/// A rate with what is used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages a second; 0 for as many as it takes.
    pub per_second: i64,
    /// Up to which time it is used, in microseconds since 1970.
    pub paid_us: i64,
}

impl Rate {
    /// How many of `most` may be begun at `now_ms`; nothing is used by asking.
    pub fn room(self, most: usize, now_ms: UtcMs) -> usize {
        if self.per_second <= 0 {
            return most;
        }
        let ahead_us = (self.begins_us(now_ms) - now_ms * 1_000).min(BURST_US);
        usize::try_from((BURST_US - ahead_us) / self.each_us()).unwrap_or(usize::MAX).min(most)
    }

    /// Uses it for `begun` messages at `now_ms`.
    pub fn pay(&mut self, begun: usize, now_ms: UtcMs) {
        if self.per_second > 0 {
            let cost_us = i64::try_from(begun).unwrap_or(i64::MAX).saturating_mul(self.each_us());
            self.paid_us = self.begins_us(now_ms).saturating_add(cost_us);
        }
    }

    /// Whole microseconds: of a thousand a second at most one in a thousand is too many.
    fn each_us(self) -> i64 {
        (BURST_US / self.per_second).max(1)
    }

    /// What was paid by a clock that was set back since counts as a second at most.
    fn begins_us(self, now_ms: UtcMs) -> i64 {
        self.paid_us.clamp(now_ms * 1_000, now_ms * 1_000 + BURST_US)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In no stretch of time more than the rate and one burst, whoever asks how often; and time always helps.
        #[test]
        fn a_rate_is_kept_over_any_time(per_second in 1..1_000_i64, steps in proptest::collection::vec((0..700_i64, 0..40_usize), 1..80)) {
            let mut rate = Rate { per_second, paid_us: 0 };
            let (mut now_ms, mut sent) = (1_800_000_000_000, Vec::new());
            for (after_ms, wanted) in steps {
                now_ms += after_ms;
                let begun = rate.room(wanted, now_ms);
                rate.pay(begun, now_ms);
                sent.push((now_ms, begun));
            }
            for from in 0..sent.len() {
                let mut count = 0;
                for (at_ms, begun) in &sent[from..] {
                    count += *begun as i64;
                    let most = per_second + (at_ms - sent[from].0) * per_second / 1_000;
                    prop_assert!(count <= most + most / 900 + 1, "{count} of {most}");
                }
            }
            prop_assert!(rate.room(9, now_ms + 1_001) >= 1);
        }
    }

    #[test]
    fn without_a_rate_everything_goes_and_a_clock_that_was_set_back_costs_a_second() {
        let mut rate = Rate { per_second: 0, paid_us: 0 };
        rate.pay(100, 5);
        assert_eq!((rate.room(16, 5), rate.paid_us), (16, 0));
        let ahead = Rate { per_second: 4, paid_us: 9_000_000_000 };
        assert_eq!((ahead.room(16, 1_000), ahead.begins_us(1_000)), (0, 2_000_000));
    }
}
