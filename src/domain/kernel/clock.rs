//! The only place that reads the machine's clock.
//!
//! Rules take `now_ms` as an argument. Loops and doors ask the [`Clock`] they were given, which has two hands:
//! the calendar (promises, ledgers, everything people see), which a rehearsal may move, and the machine's own
//! time (leases and heartbeats), which nothing moves.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Utc};

/// Milliseconds of UTC since 1970-01-01.
pub type UtcMs = i64;

/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The calendar: what people and promises go by.
    fn now_ms(&self) -> UtcMs;

    /// The machine's own time, for leases and heartbeats. Differs from the calendar in a rehearsal only.
    fn machine_ms(&self) -> UtcMs {
        self.now_ms()
    }

    /// How long the machine has to rest until the calendar reads `at_ms`; zero when it does already.
    fn until(&self, at_ms: UtcMs) -> Duration {
        Duration::from_millis(u64::try_from(at_ms - self.now_ms()).unwrap_or(0))
    }
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
impl Clock for SystemClock {
    fn now_ms(&self) -> UtcMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A clock that tests move by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Starts at `now_ms`.
    pub fn new(now_ms: UtcMs) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Moves forward by `by_ms`.
    pub fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Jumps to `now_ms`, forward or back.
    pub fn set(&self, now_ms: UtcMs) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> UtcMs {
        self.0.load(Ordering::SeqCst)
    }
}

/// A calendar for rehearsals: begins at `start_ms`, runs `speed` times as fast until it reads `until_ms`, then at
/// normal speed. It is a function of the machine's clock and of the anchor alone, so a restart goes on where the
/// calendar would be by now and never goes back.
#[derive(Debug, Clone, Copy)]
pub struct RehearsalClock {
    /// Machine time at which the rehearsal began.
    pub anchor_ms: UtcMs,
    /// Calendar time at that moment.
    pub start_ms: UtcMs,
    /// How many calendar milliseconds pass in a machine's millisecond, at least 1.
    pub speed: i64,
    /// Calendar time from which it runs at normal speed.
    pub until_ms: UtcMs,
}

impl RehearsalClock {
    /// The calendar time at machine time `machine_ms`.
    pub fn at(&self, machine_ms: UtcMs) -> UtcMs {
        let elapsed = (machine_ms - self.anchor_ms).max(0);
        let fast_ms = (self.until_ms - self.start_ms).max(0) / self.speed.max(1);
        if elapsed < fast_ms {
            self.start_ms + elapsed * self.speed.max(1)
        } else {
            self.start_ms.max(self.until_ms) + (elapsed - fast_ms)
        }
    }
}

impl Clock for RehearsalClock {
    fn now_ms(&self) -> UtcMs {
        self.at(SystemClock.now_ms())
    }

    fn machine_ms(&self) -> UtcMs {
        SystemClock.now_ms()
    }

    fn until(&self, at_ms: UtcMs) -> Duration {
        let machine_ms = self.machine_ms();
        let now_ms = self.at(machine_ms);
        let fast_ms = (at_ms.min(self.until_ms) - now_ms).max(0);
        let slow_ms = at_ms - now_ms.max(self.until_ms).min(at_ms);
        let rest_ms = fast_ms / self.speed.max(1) + slow_ms.max(0);
        Duration::from_millis(u64::try_from(rest_ms).unwrap_or(0))
    }
}

/// `ms` as a date and time in UTC; the ends of chrono's range where `ms` lies beyond them.
pub fn utc(ms: UtcMs) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or(if ms < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_runs_fast_then_normally_and_never_back() {
        let clock = RehearsalClock { anchor_ms: 1_000, start_ms: 50_000, speed: 100, until_ms: 150_000 };
        assert_eq!(clock.at(500), 50_000, "before the anchor");
        assert_eq!(clock.at(1_500), 100_000);
        assert_eq!(clock.at(2_000), 150_000);
        assert_eq!(clock.at(2_250), 150_250);
        let mut last = i64::MIN;
        for machine in 0..4_000 {
            assert!(clock.at(machine) >= last);
            last = clock.at(machine);
        }
    }
}
