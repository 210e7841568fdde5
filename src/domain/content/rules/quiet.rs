//! Quiet windows of calendar.toml: times of the week.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Weekday};

use super::{
    super::{
        finding::{Findings, Place, codes},
        keys::Found,
    },
    calendar::{NAME_CHARS_MAX, Whose, some_of},
    routing::DAYS,
};

const DAY_MINUTES: u32 = 24 * 60;
const WEEK_MINUTES: u32 = 7 * DAY_MINUTES;

/// Times of the week at which no newsletter leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// What people call it.
    pub name: String,
    /// Whose readers.
    pub whose: Whose,
    /// The times.
    pub spans: Vec<Span>,
    /// Where it stands.
    pub place: Place,
}

/// A part of the week, in minutes from Monday 00:00 on, less than 10,080. It may run over the week's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first minute.
    pub from: u32,
    /// The first minute after it; never `from`.
    pub to: u32,
}

impl Span {
    fn new(day: u32, from: u32, end_day: u32, to: u32) -> Self {
        let minute = |day: u32, minute: u32| (day * DAY_MINUTES + minute) % WEEK_MINUTES;
        Self { from: minute(day, from), to: minute(end_day, to) }
    }

    /// When this part of the week is over, seen from `at`; nothing if `at` is not in it.
    pub fn end_after(&self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        let minute = at.weekday().num_days_from_monday() * DAY_MINUTES + at.hour() * 60 + at.minute();
        let since = (minute + WEEK_MINUTES - self.from) % WEEK_MINUTES;
        let left = self.minutes().checked_sub(since).filter(|left| *left > 0)?;
        let whole = at.with_second(0)?.with_nanosecond(0)?;
        whole.checked_add_signed(TimeDelta::minutes(i64::from(left)))
    }

    fn minutes(&self) -> u32 {
        (self.to + WEEK_MINUTES - self.from) % WEEK_MINUTES
    }
}

impl Quiet {
    /// When this quiet is over, seen from `at`; nothing if `at` is not in it.
    pub fn end_after(&self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        self.spans.iter().filter_map(|span| span.end_after(at)).max()
    }

    pub(super) fn parse(found: Found, f: &mut Findings<'_>) -> Option<Self> {
        let mut keys = found.map(f)?;
        let place = keys.place();
        let name = keys.need("name", f).and_then(|v| v.line_of(NAME_CHARS_MAX, f));
        let whose = Whose::parse(&mut keys, f);
        let days = keys.get("days").map(|v| (v.place(), some_of(v, DAYS, f)));
        let from = keys.need("from", f).and_then(|v| week_time(v, f));
        let to = keys.need("to", f).and_then(|v| week_time(v, f));
        keys.finish(f);
        let ((from_day, from), (to_day, to)) = (from?, to?);
        let spans = match (from_day, to_day, days) {
            (Some(from_day), Some(to_day), None) => {
                let day = |day: Weekday| day.num_days_from_monday();
                vec![Span::new(day(from_day), from, day(to_day), to)]
            }
            (None, None, days) => {
                let every = || DAYS.iter().map(|(_, day)| *day).collect();
                let days: Vec<Weekday> = days.map_or_else(every, |(_, days)| days);
                let days = days.iter().map(Weekday::num_days_from_monday);
                days.map(|day| Span::new(day, from, day + u32::from(to < from), to)).collect()
            }
            (Some(_), Some(_), Some((place, _))) => {
                let fix = "remove `days`, or write `from` and `to` without a day";
                f.add(codes::BAD_VALUE, place, "`from` and `to` name their days already", fix);
                return None;
            }
            _ => {
                let message = "one of `from` and `to` names a day, and the other does not";
                let fix = "write both like \"Fri 15:00\", or both like \"15:00\"";
                f.add(codes::BAD_VALUE, place, message, fix);
                return None;
            }
        };
        if spans.iter().any(|span| span.from == span.to) {
            let fix = "write a `to` that differs from `from`; for whole days use `[[blackout]]`";
            f.add(codes::BAD_VALUE, place, "it ends when it begins", fix);
            return None;
        }
        Some(Self { name: name?, whose, spans, place })
    }
}

/// `Fri 15:00`, or `15:00`: the day, and the minute of the day.
fn week_time(found: Found, f: &mut Findings<'_>) -> Option<(Option<Weekday>, u32)> {
    let (key, place) = (found.key().to_owned(), found.place());
    let text = found.line(f)?;
    let read = |text: &str| {
        let (day, time) = match text.split_once(' ') {
            Some((day, time)) => (Some(day.parse::<Weekday>().ok()?), time.trim()),
            None => (None, text),
        };
        let time = NaiveTime::parse_from_str(time, "%H:%M").ok()?;
        Some((day, time.hour() * 60 + time.minute()))
    };
    let time = read(&text);
    if time.is_none() {
        let message = format!("`{key}` is `{text}`, which cannot be read");
        f.add(codes::BAD_DATE, place, message, "write it like \"Fri 15:00\", or \"15:00\" for each day");
    }
    time
}

/// The longest time in one piece that `spans` leave of a week, in minutes.
pub(super) fn longest_open(spans: &[Span]) -> u32 {
    let covered =
        |minute: u32, span: &Span| (minute + WEEK_MINUTES - span.from) % WEEK_MINUTES < span.minutes();
    // What is open begins where a quiet window ends, and runs until the next one begins.
    let open_from = |minute: u32| {
        if spans.iter().any(|span| covered(minute, span)) {
            return 0;
        }
        let until = |span: &Span| (span.from + WEEK_MINUTES - minute) % WEEK_MINUTES;
        spans.iter().map(until).min().unwrap_or(WEEK_MINUTES)
    };
    let ends: BTreeSet<u32> = spans.iter().map(|span| span.to).collect();
    ends.into_iter().map(open_from).max().unwrap_or(WEEK_MINUTES)
}
