//! Walks every minute with a clock on the wall, and writes down when it first shows a promised time, or has passed it.
//!
//! Nothing here is shared with the cadence but the zones' data: a time that the clocks skip is due in the first minute
//! after, one that they show twice is due the first time, and what is due in the same minute is one.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use partnercast::domain::kernel::clock::UtcMs;

use super::rules::Rule;

/// How often the zone is asked for its offset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stride {
    /// In every minute.
    Minute,
    /// At every full hour, and in every minute of an hour at whose ends it differs. That no zone changes twice within an
    /// hour is what the walk by minutes shows.
    Hour,
}

/// What was seen.
pub struct Walked {
    /// For each rule, when it was due, in milliseconds.
    pub instants: Vec<Vec<UtcMs>>,
    /// When the offset changed, in milliseconds.
    pub changes: Vec<UtcMs>,
}

/// What the clocks show.
pub fn shown(zone: Tz, at_ms: UtcMs) -> NaiveDateTime {
    DateTime::from_timestamp_millis(at_ms).unwrap().with_timezone(&zone).naive_local()
}

/// By how many minutes the clocks are ahead of UTC in this minute.
fn offset(zone: Tz, minute: i64) -> i64 {
    let at = DateTime::from_timestamp(minute * 60, 0).unwrap().naive_utc();
    let seconds = i64::from(zone.offset_from_utc_datetime(&at).fix().local_minus_utc());
    assert_eq!(seconds % 60, 0, "{zone} is on whole minutes");
    seconds / 60
}

/// Walks `span`, the end not included.
pub fn walk(zone: Tz, span: (UtcMs, UtcMs), rules: &[Rule], stride: Stride) -> Walked {
    let mut by_minute: Vec<Vec<usize>> = vec![Vec::new(); 1_440];
    for (at, rule) in rules.iter().enumerate() {
        by_minute[usize::try_from(rule.minute).unwrap()].push(at);
    }
    let mut walked = Walked { instants: vec![Vec::new(); rules.len()], changes: Vec::new() };
    let (start, end) = (span.0 / 60_000, span.1 / 60_000);
    let mut ahead = offset(zone, start - 1);
    // The latest local minute that the clocks have shown or passed, counted from 1970-01-01 00:00.
    let mut latest = start - 1 + ahead;
    for hour in (start..end).step_by(60) {
        let is_even = stride == Stride::Hour && offset(zone, hour) == offset(zone, hour + 60);
        if is_even && offset(zone, hour) == ahead && latest == hour - 1 + ahead {
            // The clock runs on as it did, so that only the minutes of this hour are shown.
            for minute in hour..hour + 60 {
                latest += 1;
                due(latest, minute, &by_minute, rules, &mut walked.instants);
            }
            continue;
        }
        for minute in hour..hour + 60 {
            let now_ahead = if is_even { offset(zone, hour) } else { offset(zone, minute) };
            if now_ahead != ahead {
                walked.changes.push(minute * 60_000);
                ahead = now_ahead;
            }
            while latest < minute + ahead {
                latest += 1;
                due(latest, minute, &by_minute, rules, &mut walked.instants);
            }
        }
    }
    walked
}

/// Writes down in `minute` which rules name the local minute.
fn due(local: i64, minute: i64, by_minute: &[Vec<usize>], rules: &[Rule], instants: &mut [Vec<UtcMs>]) {
    let named = &by_minute[usize::try_from(local.rem_euclid(1_440)).unwrap()];
    if named.is_empty() {
        return;
    }
    let date = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + TimeDelta::days(local.div_euclid(1_440));
    for at in named {
        if (rules[*at].is_day)(date) && instants[*at].last() != Some(&(minute * 60_000)) {
            instants[*at].push(minute * 60_000);
        }
    }
}
