//! Dates and times for people: in their zone, with the zone named.

use chrono_tz::Tz;
use serde::Serialize;

use crate::domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs, utc};

/// An instant, for machines and for people.
#[derive(Debug, Clone, Serialize)]
pub struct Moment {
    /// RFC 3339 in UTC, for `datetime`.
    pub iso: String,
    /// For people.
    pub text: String,
}

impl Moment {
    /// `Tue 12 Jan 2027, 09:00 CST`.
    pub fn full(ms: UtcMs, zone: Tz) -> Self {
        Self::of(ms, zone, "%a %-d %b %Y, %H:%M %Z")
    }

    /// `Tue 12 Jan, 09:00`, where the page names the zone.
    pub fn short(ms: UtcMs, zone: Tz) -> Self {
        Self::of(ms, zone, "%a %-d %b, %H:%M")
    }

    /// `Tue 12 Jan 2027`.
    pub fn day(ms: UtcMs, zone: Tz) -> Self {
        Self::of(ms, zone, "%a %-d %b %Y")
    }

    /// In the reader's own words.
    pub fn worded(ms: UtcMs, text: String) -> Self {
        Self { iso: iso(ms), text }
    }

    fn of(ms: UtcMs, zone: Tz, format: &str) -> Self {
        let at = utc(ms);
        Self { iso: iso(ms), text: at.with_timezone(&zone).format(format).to_string() }
    }
}

/// RFC 3339 in UTC, to the second.
pub fn iso(ms: UtcMs) -> String {
    utc(ms).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `09:00 CST`.
pub fn time_of_day(ms: UtcMs, zone: Tz) -> String {
    utc(ms).with_timezone(&zone).format("%H:%M %Z").to_string()
}

/// `58 min`, `3 h 5 min`, `4 days`: the same words as the script's, so that a page does not jump.
pub fn span(ms: i64) -> String {
    let ms = ms.max(0);
    if ms < MINUTE_MS {
        format!("{} s", ms / 1_000)
    } else if ms < HOUR_MS {
        format!("{} min", ms / MINUTE_MS)
    } else if ms < 2 * DAY_MS {
        format!("{} h {} min", ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS)
    } else {
        format!("{} days", ms / DAY_MS)
    }
}

/// `58 min left`, `12 min late`.
pub fn left(due_ms: UtcMs, now_ms: UtcMs) -> String {
    if due_ms >= now_ms {
        format!("{} left", span(due_ms - now_ms))
    } else {
        format!("{} late", span(now_ms - due_ms))
    }
}

/// `just now`, `12 min ago`.
pub fn ago(at_ms: UtcMs, now_ms: UtcMs) -> String {
    if now_ms - at_ms < 5_000 { "just now".to_owned() } else { format!("{} ago", span(now_ms - at_ms)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        assert_eq!(span(59_999), "59 s");
        assert_eq!(span(58 * MINUTE_MS), "58 min");
        assert_eq!(span(3 * HOUR_MS + 5 * MINUTE_MS), "3 h 5 min");
        assert_eq!(span(4 * DAY_MS + HOUR_MS), "4 days");
        assert_eq!(left(0, 12 * MINUTE_MS), "12 min late");
    }

    #[test]
    fn a_moment_names_its_zone() {
        let nine_in_minneapolis = 1_799_766_000_000;
        let moment = Moment::full(nine_in_minneapolis, chrono_tz::America::Chicago);
        assert_eq!(moment.text, "Tue 12 Jan 2027, 09:00 CST");
        assert_eq!(moment.iso, "2027-01-12T15:00:00Z");
        assert_eq!(time_of_day(nine_in_minneapolis, chrono_tz::Europe::Oslo), "16:00 CET");
    }
}
