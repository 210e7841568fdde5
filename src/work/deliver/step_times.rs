//! How long the steps of the delivery loop take.

use std::{collections::VecDeque, time::Duration};

/// Steps whose times are kept.
const STEPS_KEPT: usize = 10_000;

/// How long the last transactions of the loop took.
#[derive(Debug, Default)]
pub struct StepTimes {
    recent_us: VecDeque<u32>,
    count: u64,
}

impl StepTimes {
    pub(super) fn note(&mut self, took: Duration) {
        if self.recent_us.len() == STEPS_KEPT {
            self.recent_us.pop_front();
        }
        self.recent_us.push_back(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        self.count += 1;
    }

    /// The last one.
    pub(super) fn last(&self) -> Duration {
        Duration::from_micros(self.recent_us.back().copied().unwrap_or(0).into())
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The time that `percent` of the last 10,000 did not exceed, in milliseconds.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let mut sorted: Vec<u32> = self.recent_us.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        f64::from(sorted.get(at).copied().unwrap_or(0)) / 1_000.0
    }
}
