//! The only place that reads the machine's clock.
//!
//! Rules take `now_ms` as an argument. Loops and doors ask the [`Clock`] they were given, which has several hands:
//! the calendar (promises, ledgers, everything people see), which a rehearsal may move; the machine's wall clock
//! (what other processes date), which an administrator may set; and the machine's own time (leases, heartbeats,
//! waits), which nobody can set back.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
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
/// What a wall clock may be ahead or behind from one look to the next without anybody having set it.
pub const JUMP_MS: i64 = 5 * MINUTE_MS;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The calendar: what people and promises go by.
    fn now_ms(&self) -> UtcMs;

    /// The machine's wall clock, for what other processes date, such as sign-in links. Differs from the calendar in
    /// a rehearsal only.
    fn wall_ms(&self) -> UtcMs {
        self.now_ms()
    }

    /// The machine's own time, for leases, heartbeats and waits of this process: begins as the wall clock, counts
    /// what the machine slept, and never goes back.
    fn machine_ms(&self) -> UtcMs {
        self.now_ms()
    }

    /// How long this process has been awake, in milliseconds from any beginning. Setting the wall clock does not
    /// change it, and neither does sleep.
    fn awake_ms(&self) -> i64 {
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

/// When this process first asked for the time.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
/// The one machine time of this process.
static OWN_TIME: OwnTime = OwnTime(AtomicI64::new(i64::MIN));

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
impl Clock for SystemClock {
    fn now_ms(&self) -> UtcMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn machine_ms(&self) -> UtcMs {
        OWN_TIME.at(self.now_ms(), self.awake_ms())
    }

    fn awake_ms(&self) -> i64 {
        i64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// By how much the wall clock was ahead of the time awake at most. A wall clock that went forward has slept, or is taken
/// to have: a lease may only seem older than it is.
#[derive(Debug)]
struct OwnTime(AtomicI64);

impl OwnTime {
    fn at(&self, wall_ms: UtcMs, awake_ms: i64) -> UtcMs {
        let ahead_ms = wall_ms - awake_ms;
        awake_ms + self.0.fetch_max(ahead_ms, Ordering::Relaxed).max(ahead_ms)
    }
}

/// Notices when somebody sets the wall clock, or the machine slept: it is then ahead or behind by more than the time
/// awake since the last look.
#[derive(Debug)]
pub struct JumpWatch {
    /// What the wall clock showed at the last look, and for how long the machine was awake by then.
    last: (UtcMs, i64),
}

impl JumpWatch {
    /// Begins with what `clock` shows now.
    pub fn new(clock: &dyn Clock) -> Self {
        Self { last: (clock.wall_ms(), clock.awake_ms()) }
    }

    /// What the wall clock showed at the last look.
    pub fn wall_ms(&self) -> UtcMs {
        self.last.0
    }

    /// By how many milliseconds the wall clock of `clock` jumped since the last look, negative for back; `None` for
    /// none, and for no more than five minutes.
    pub fn look(&mut self, clock: &dyn Clock) -> Option<i64> {
        let now = (clock.wall_ms(), clock.awake_ms());
        let last = std::mem::replace(&mut self.last, now);
        let by_ms = (now.0 - last.0) - (now.1 - last.1);
        (by_ms.abs() > JUMP_MS).then_some(by_ms)
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
/// normal speed. It is a function of the wall clock and of the anchor alone, so a restart goes on where the calendar
/// would be by now.
#[derive(Debug, Clone, Copy)]
pub struct RehearsalClock {
    /// What the wall clock showed when the rehearsal began.
    pub anchor_ms: UtcMs,
    /// Calendar time at that moment.
    pub start_ms: UtcMs,
    /// How many calendar milliseconds pass in a machine's millisecond, at least 1.
    pub speed: i64,
    /// Calendar time from which it runs at normal speed.
    pub until_ms: UtcMs,
}

impl RehearsalClock {
    /// The calendar time when the wall clock shows `wall_ms`.
    pub fn at(&self, wall_ms: UtcMs) -> UtcMs {
        let elapsed = (wall_ms - self.anchor_ms).max(0);
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
        self.at(self.wall_ms())
    }

    fn wall_ms(&self) -> UtcMs {
        SystemClock.now_ms()
    }

    fn machine_ms(&self) -> UtcMs {
        SystemClock.machine_ms()
    }

    fn awake_ms(&self) -> i64 {
        SystemClock.awake_ms()
    }

    fn until(&self, at_ms: UtcMs) -> Duration {
        let now_ms = self.now_ms();
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

    #[test]
    fn the_machines_own_time_counts_sleep_and_never_goes_back() {
        let own = OwnTime(AtomicI64::new(i64::MIN));
        assert_eq!(own.at(1_000_000, 0), 1_000_000, "it begins as the wall clock");
        assert_eq!(own.at(1_005_000, 5_000), 1_005_000);
        assert_eq!(own.at(1_005_000 + DAY_MS, 5_000), 1_005_000 + DAY_MS, "slept, or set forward");
        assert_eq!(
            own.at(1_006_000, 6_000),
            1_006_000 + DAY_MS,
            "set back: a second later it is a second later"
        );
        assert_eq!(own.at(1_006_000 - DAY_MS, 7_000), 1_007_000 + DAY_MS);
    }

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_drifts_is_not() {
        struct Two(UtcMs, i64);
        impl Clock for Two {
            fn now_ms(&self) -> UtcMs {
                self.0
            }
            fn awake_ms(&self) -> i64 {
                self.1
            }
        }
        assert_eq!(
            JumpWatch::new(&Two(9 * DAY_MS, 0)).look(&Two(DAY_MS, 0)),
            Some(-8 * DAY_MS),
            "before any look"
        );
        let mut watch = JumpWatch::new(&Two(9 * DAY_MS, 0));
        assert_eq!(watch.look(&Two(9 * DAY_MS, 0)), None);
        assert_eq!(watch.look(&Two(9 * DAY_MS + HOUR_MS, HOUR_MS)), None, "a long tick");
        assert_eq!(watch.look(&Two(9 * DAY_MS + 2 * HOUR_MS, HOUR_MS + 1_000)), Some(HOUR_MS - 1_000));
        assert_eq!(watch.look(&Two(7 * DAY_MS + 2 * HOUR_MS, HOUR_MS + 1_000)), Some(-2 * DAY_MS));
        let mut wall_ms = 7 * DAY_MS + 2 * HOUR_MS;
        for tick in 1..=60 {
            wall_ms += 1_000 + JUMP_MS;
            assert_eq!(watch.look(&Two(wall_ms, HOUR_MS + 1_000 + tick * 1_000)), None, "it runs fast");
        }
        let clock = SystemClock;
        let (first, awake) = (clock.machine_ms(), clock.awake_ms());
        assert!(clock.machine_ms() >= first && clock.awake_ms() >= awake);
        assert_eq!(JumpWatch::new(&clock).look(&clock), None);
    }
}
