//! How fast messages leave, and when the last one will have: a pure function of counts taken now and then.

use std::{collections::VecDeque, time::Duration};

use crate::domain::kernel::clock::{MINUTE_MS, UtcMs};

/// Counts are remembered for this long.
const LOOK_BACK_MS: i64 = MINUTE_MS;
/// Counts remembered at most.
const SAMPLES_MAX: usize = 128;

/// What was accepted by when, over the last minute.
#[derive(Debug, Default)]
pub struct Pace {
    samples: VecDeque<(UtcMs, i64)>,
}

/// A rate and over how long it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Messages accepted a second.
    pub per_s: f64,
    /// Measured over this many milliseconds, at most a minute.
    pub over_ms: i64,
}

impl Pace {
    /// Notes that `accepted` messages were accepted by `at_ms` (machine time).
    pub fn note(&mut self, at_ms: UtcMs, accepted: i64) {
        // A clock that was set back makes what is remembered worthless.
        if self.samples.back().is_some_and(|(last_ms, _)| *last_ms > at_ms) {
            self.samples.clear();
        }
        self.samples.push_back((at_ms, accepted));
        while self.samples.len() > SAMPLES_MAX
            || self.samples.front().is_some_and(|(first_ms, _)| first_ms + LOOK_BACK_MS < at_ms)
        {
            self.samples.pop_front();
        }
    }

    /// The rate between the first and the last count of the last minute; none before there are two, a second apart.
    pub fn rate(&self) -> Option<Rate> {
        let (first_ms, first) = *self.samples.front()?;
        let (last_ms, last) = *self.samples.back()?;
        let over_ms = last_ms - first_ms;
        if over_ms < 1_000 {
            return None;
        }
        // Counts are far below 2^52, so nothing is lost.
        let per_s = (last - first).max(0) as f64 * 1_000.0 / over_ms as f64;
        Some(Rate { per_s, over_ms })
    }
}

/// When the last message will have left: `due` are due and wait for their turn, `later` wait for their hour, the last
/// of them at `last_due_ms`. None when nothing is left, or when nothing says how fast what is due leaves.
pub fn ends_ms(now_ms: UtcMs, due: i64, later: i64, last_due_ms: UtcMs, rate: Option<Rate>) -> Option<UtcMs> {
    let queue_ms = match (due, rate) {
        (0, _) => Some(now_ms),
        (_, Some(rate)) if rate.per_s > 0.0 => {
            // A rate so small that the wait cannot be said is none.
            let wait = Duration::try_from_secs_f64(due as f64 / rate.per_s).ok();
            wait.and_then(|wait| i64::try_from(wait.as_millis()).ok())
                .and_then(|wait_ms| now_ms.checked_add(wait_ms))
        }
        _ => None,
    };
    match (due, later) {
        (0, 0) => None,
        (_, 0) => queue_ms,
        _ => queue_ms.map(|queue_ms| queue_ms.max(last_due_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let mut pace = Pace::default();
        assert_eq!(pace.rate(), None);
        pace.note(0, 0);
        pace.note(500, 50);
        assert_eq!(pace.rate(), None, "half a second says nothing");
        pace.note(10_000, 1_000);
        assert_eq!(pace.rate(), Some(Rate { per_s: 100.0, over_ms: 10_000 }));
        pace.note(70_000, 1_600);
        assert_eq!(pace.rate(), Some(Rate { per_s: 10.0, over_ms: 60_000 }), "older counts are forgotten");
        pace.note(1_000, 1_700);
        assert_eq!(pace.rate(), None, "a clock that was set back begins again");
        for at in 0..1_000 {
            pace.note(2_000 + at, 0);
        }
        assert!(pace.samples.len() <= SAMPLES_MAX);
    }

    #[test]
    fn the_end_waits_for_the_queue_and_for_the_last_zone() {
        let rate = Some(Rate { per_s: 10.0, over_ms: 60_000 });
        assert_eq!(ends_ms(1_000, 100, 0, 0, rate), Some(11_000));
        assert_eq!(ends_ms(1_000, 100, 5, 90_000, rate), Some(90_000), "the last zone is later");
        assert_eq!(ends_ms(1_000, 0, 5, 90_000, None), Some(90_000), "nothing is due: no rate is needed");
        assert_eq!(ends_ms(1_000, 5, 0, 0, None), None);
        assert_eq!(
            ends_ms(1_000, 5, 0, 0, Some(Rate { per_s: 0.0, over_ms: 60_000 })),
            None,
            "it stands still"
        );
        assert_eq!(ends_ms(1_000, 0, 0, 90_000, rate), None, "nothing is left");
    }
}
