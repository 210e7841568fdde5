//! From a nominal local time to an instant, through a zone's clock changes.

use std::fmt;

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

use crate::domain::kernel::clock::{MINUTE_MS, UtcMs};

/// The instant of a nominal local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// When it is.
    pub at_ms: UtcMs,
    /// What a clock change did to it.
    pub note: Option<ClockNote>,
}

/// What a clock change does to a promised time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockNote {
    /// The clocks skip this time: it moves to the first valid instant after.
    Gap {
        /// By how much the wall clock reads later than promised.
        moved_by_minutes: i64,
    },
    /// The clocks show this time twice: the first counts.
    OverlapFirst,
}

impl fmt::Display for ClockNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { moved_by_minutes } => {
                write!(f, "the clocks skip this time, so it moves {moved_by_minutes} minutes later")
            }
            Self::OverlapFirst => f.write_str("the clocks show this time twice; the first one counts"),
        }
    }
}

/// The instant at which `zone`'s clocks first show `nominal` or later.
pub fn resolve(nominal: NaiveDateTime, zone: Tz) -> Resolved {
    match zone.from_local_datetime(&nominal) {
        LocalResult::Single(at) => Resolved { at_ms: at.timestamp_millis(), note: None },
        LocalResult::Ambiguous(one, other) => {
            Resolved { at_ms: one.min(other).timestamp_millis(), note: Some(ClockNote::OverlapFirst) }
        }
        LocalResult::None => {
            let end = GapInfo::new(&nominal, &zone).and_then(|gap| gap.end);
            // chrono-tz knows the end of every gap of its own making; without one we can but read it as UTC.
            let at = end.map_or_else(|| nominal.and_utc(), |end| end.with_timezone(&Utc));
            Resolved { at_ms: at.timestamp_millis(), note: Some(gap_note(nominal, at, zone)) }
        }
    }
}

fn gap_note(nominal: NaiveDateTime, at: DateTime<Utc>, zone: Tz) -> ClockNote {
    let shown = at.with_timezone(&zone).naive_local();
    ClockNote::Gap { moved_by_minutes: (shown - nominal).num_milliseconds() / MINUTE_MS }
}
