//! iCalendar files (RFC 5545) as lists of holidays: the days of their all-day events.
//!
//! Lines are unfolded and components followed here, without recursion and with each line's number, so that no file can
//! exhaust the stack and each finding has a place; what a line says is read by the crate that writes our own calendars.
//! Whatever might be a holiday and is not taken for one is named in a finding.

use std::collections::{BTreeSet, HashMap};

use chrono::{Datelike, Days, NaiveDate};
use icalendar::parser::Property;

use super::{
    super::{
        finding::{Findings, Place, codes, listed},
        safe::is_bad,
    },
    calendar::{BLACKOUT_DAYS_MAX, LAST_YEAR, Stretch, in_order},
    recurrence,
};

/// Largest file, in bytes.
pub const BYTES_MAX: usize = 512 * 1024;
/// Most events in a file.
const EVENTS_MAX: usize = 2_000;
/// Most events that recur.
const RECURRING_MAX: usize = 300;
/// Most days in a row, one of each event's recurrences counted as one.
const STRETCHES_MAX: usize = 20_000;
/// Most dates in one line.
const DATES_MAX: usize = 500;
/// Longest line that is read, in bytes, unfolded.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Deepest nesting of components.
const DEPTH_MAX: usize = 8;
/// Longest title that is kept, in characters.
const TITLE_CHARS_MAX: usize = 80;
/// The first year of which days are kept.
const FIRST_YEAR: i32 = 1970;

/// An event as its lines say.
#[derive(Debug, Default)]
struct Event {
    line: u32,
    title: String,
    uid: String,
    start: Option<When>,
    end: Option<When>,
    duration_days: Option<u64>,
    rules: Vec<String>,
    extra: BTreeSet<NaiveDate>,
    without: BTreeSet<NaiveDate>,
    /// Which recurrence of the event with this uid it stands in for.
    instead_of: Option<NaiveDate>,
    is_cancelled: bool,
    /// What could not be read.
    faults: Vec<String>,
}

/// A day, or a time on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Day(NaiveDate),
    Time(NaiveDate),
}

/// `20270517`.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    let is_date = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_date.then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok()).flatten()
}

/// The days of all-day events of the calendar `text`, in order, none twice; empty with an error where there are none.
pub(in super::super) fn days(text: &str, f: &mut Findings<'_>) -> Vec<Stretch> {
    let events = match events(text) {
        Ok(events) => events,
        Err((line, what)) => {
            let fix = "export it anew as iCalendar (.ics)";
            f.add(codes::BAD_CALENDAR, Place { line, column: 1 }, what, fix);
            return Vec::new();
        }
    };
    let mut without: HashMap<&str, BTreeSet<NaiveDate>> = HashMap::new();
    for event in events.iter().filter(|event| !event.uid.is_empty()) {
        without.entry(&event.uid).or_default().extend(event.instead_of);
    }
    let (mut days, mut recurring) = (Vec::new(), 0);
    // Told of in one finding: a calendar of meetings has many.
    let mut timed: Vec<&Event> = Vec::new();
    for event in events.iter().filter(|event| !event.is_cancelled) {
        for fault in &event.faults {
            event.finding(fault, f);
        }
        match event.start {
            Some(When::Day(start)) => {
                recurring += usize::from(!event.rules.is_empty());
                if recurring > RECURRING_MAX || days.len() > STRETCHES_MAX {
                    too_many(f);
                    break;
                }
                event.days(start, without.get(event.uid.as_str()), &mut days, f);
            }
            Some(When::Time(_)) => timed.push(event),
            None if event.faults.is_empty() => event.finding("a beginning is missing", f),
            None => {}
        }
    }
    if let Some(first) = timed.first() {
        let titles: Vec<&str> = timed.iter().map(|event| event.title.as_str()).collect();
        let message = format!("events with a time of day are no blackouts: {}", listed(&titles));
        let fix = "make those that are holidays all-day events, and take the others out of the file";
        f.add(codes::EVENT_NOT_READ, Place { line: first.line, column: 1 }, message, fix);
    }
    if days.is_empty() {
        let fix = "name a calendar of holidays, whose events last all day";
        f.add(codes::BAD_CALENDAR, Place::START, "there is no all-day event in this calendar", fix);
    }
    in_order(days)
}

fn too_many(f: &mut Findings<'_>) {
    let message = format!(
        "there are more than {RECURRING_MAX} events that recur, or {STRETCHES_MAX} days; the rest is not read"
    );
    f.add(codes::BAD_CALENDAR, Place::START, message, "keep the holidays, and take the rest out");
}

impl Event {
    /// An event that may be a holiday, and of which something was not understood.
    fn finding(&self, what: &str, f: &mut Findings<'_>) {
        let message = format!("“{}” is not read as it is meant: {what}", self.title);
        let fix =
            "say it in a simpler way, such as one event for each day, or add a [[blackout]] with its date";
        f.add(codes::EVENT_NOT_READ, Place { line: self.line, column: 1 }, message, fix);
    }

    /// Adds its days, recurrences included.
    fn days(
        &self,
        start: NaiveDate,
        replaced: Option<&BTreeSet<NaiveDate>>,
        days: &mut Vec<Stretch>,
        f: &mut Findings<'_>,
    ) {
        // The end is the day after the last one; without an end it is one day (section 3.6.1).
        let length = match (self.end, self.duration_days) {
            (Some(When::Day(end) | When::Time(end)), _) => (end - start).num_days().max(0),
            (None, Some(days)) => i64::try_from(days).unwrap_or(i64::MAX),
            (None, None) => 1,
        };
        if matches!(self.end, Some(When::Day(end) | When::Time(end)) if end < start) {
            return self.finding("it ends before it begins", f);
        }
        if length > BLACKOUT_DAYS_MAX {
            return self.finding(&format!("it is {length} days long"), f);
        }
        let mut starts = BTreeSet::from([start]);
        for rule in &self.rules {
            match recurrence::days(rule, start) {
                Ok(more) => starts.extend(more),
                Err(what) => {
                    self.finding(&format!("{what} is not understood, so only its first day counts"), f);
                }
            }
        }
        starts.extend(&self.extra);
        let is_left_out = |day: &NaiveDate| {
            let is_replaced = self.instead_of.is_none() && replaced.is_some_and(|days| days.contains(day));
            is_replaced || self.without.contains(day)
        };
        let title = Some(self.title.clone());
        let after = Days::new(u64::try_from(length.max(1) - 1).unwrap_or(0));
        for first in starts.into_iter().filter(|day| !is_left_out(day)) {
            let last = first.checked_add_days(after);
            let known = (FIRST_YEAR..=LAST_YEAR).contains(&first.year());
            match last.filter(|_| known) {
                Some(last) => days.push(Stretch { first, last, title: title.clone() }),
                None => self.finding(&format!("{first} is before {FIRST_YEAR} or after {LAST_YEAR}"), f),
            }
        }
    }

    /// Takes a line of the event; which, by its name in capitals.
    fn take(&mut self, name: &str, line: &str) {
        const KNOWN: [&str; 10] = [
            "DTSTART",
            "DTEND",
            "DURATION",
            "SUMMARY",
            "STATUS",
            "RRULE",
            "RDATE",
            "EXDATE",
            "RECURRENCE-ID",
            "UID",
        ];
        if name == "EXRULE" {
            self.faults.push("EXRULE is not understood".to_owned());
        }
        if !KNOWN.contains(&name) {
            return;
        }
        let property = if line.len() > LINE_BYTES_MAX { None } else { Property::try_from(line).ok() };
        let Some(property) = property else {
            self.faults.push(format!("its {name} cannot be read"));
            return;
        };
        let value = property.val.as_str().trim();
        let mut when = |value: &str| {
            let read = moment(value);
            if read.is_none() {
                self.faults.push(format!("{name} is `{}`, which is no date", short(value)));
            }
            read
        };
        match name {
            "DTSTART" => self.start = when(value),
            "DTEND" => self.end = when(value),
            "RECURRENCE-ID" => self.instead_of = when(value).map(When::day),
            "RDATE" | "EXDATE" => {
                let listed: Vec<&str> = value.split(',').take(DATES_MAX + 1).collect();
                let days: Vec<NaiveDate> =
                    listed.iter().take(DATES_MAX).filter_map(|one| when(one)).map(When::day).collect();
                if listed.len() > DATES_MAX {
                    self.faults.push(format!("{name} lists more than {DATES_MAX} dates"));
                }
                if name == "RDATE" { self.extra.extend(days) } else { self.without.extend(days) }
            }
            "DURATION" => {
                self.duration_days = duration_days(value);
                if self.duration_days.is_none() {
                    self.faults.push(format!("DURATION is `{}`, not whole days", short(value)));
                }
            }
            "SUMMARY" => self.title = short(value),
            "STATUS" => self.is_cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            "RRULE" => self.rules.push(value.to_owned()),
            _ => self.uid = value.to_owned(),
        }
    }
}

impl When {
    fn day(self) -> NaiveDate {
        let (Self::Day(day) | Self::Time(day)) = self;
        day
    }
}

/// `20270517`, or `20270517T090000` with or without Z.
fn moment(value: &str) -> Option<When> {
    let value = value.trim();
    match value.split_once(['T', 't']) {
        None => date(value).map(When::Day),
        Some((day, _)) => date(day).map(When::Time),
    }
}

/// `P2D`, `P1W`.
fn duration_days(value: &str) -> Option<u64> {
    let rest = value.trim_start_matches('+').strip_prefix('P')?;
    let (number, unit) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
    let days = match unit {
        "D" => 1,
        "W" => 7,
        _ => return None,
    };
    number.parse::<u64>().ok().filter(|number| (1..=1_000).contains(number)).map(|number| number * days)
}

/// A title as people may be shown it.
fn short(text: &str) -> String {
    let line: String = text.chars().filter(|c| !is_bad(*c)).take(TITLE_CHARS_MAX).collect();
    line.replace(['\n', '\t'], " ").trim().to_owned()
}

/// The events of a calendar, or the line of a fault and what it is.
fn events(text: &str) -> Result<Vec<Event>, (u32, String)> {
    let mut inside: Vec<String> = Vec::new();
    let (mut events, mut last) = (Vec::new(), 1);
    let mut event = Event::default();
    for (number, line) in unfolded(text) {
        last = number;
        let name = line.split([':', ';']).next().unwrap_or_default().trim().to_ascii_uppercase();
        let component = || line.split_once(':').map_or("", |(_, name)| name).trim().to_ascii_uppercase();
        match name.as_str() {
            "BEGIN" => {
                inside.push(component());
                let is_calendar = inside[0] == "VCALENDAR";
                if !is_calendar || inside.len() > DEPTH_MAX {
                    let what =
                        if is_calendar { "it is nested too deep" } else { "this is no iCalendar file" };
                    return Err((number, what.to_owned()));
                }
                if is_event(&inside) {
                    event = Event { line: number, title: "an event".to_owned(), ..Event::default() };
                }
            }
            "END" => {
                if inside.last().is_none_or(|begun| *begun != component()) {
                    return Err((number, format!("`{}` ends what has not begun", short(&line))));
                }
                if is_event(&inside) {
                    if events.len() == EVENTS_MAX {
                        return Err((number, format!("there are more than {EVENTS_MAX} events")));
                    }
                    events.push(std::mem::take(&mut event));
                }
                inside.pop();
            }
            _ if inside.is_empty() => return Err((number, "this is no iCalendar file".to_owned())),
            _ if is_event(&inside) => event.take(&name, &line),
            _ => {}
        }
    }
    match inside.last() {
        Some(open) => Err((last, format!("the file ends within {}", short(open)))),
        None => Ok(events),
    }
}

fn is_event(inside: &[String]) -> bool {
    inside.len() == 2 && inside[1] == "VEVENT"
}

/// The lines with their numbers, joined where a line goes on with a blank (section 3.1); blank ones left out.
fn unfolded(text: &str) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, before))) => before.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push((u32::try_from(at + 1).unwrap_or(u32::MAX), line.to_owned())),
        }
    }
    lines
}
