//! Reading five-field cron as crontab(5) has it, strictly: what the `cron` crate or another cron reads otherwise is
//! refused with what to write instead.

use std::{collections::BTreeSet, str::FromStr};

use chrono::{NaiveTime, Weekday};
use cron::{Schedule, TimeUnitSpec};

use super::{
    MonthDay, Ordinal, Rule, clock_time,
    parse::FORMS,
    weekday_name,
    words::{WEEKDAYS, cron_days},
};
use crate::domain::partner::roster::nearest;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// The most days that each month can have.
pub(super) const DAYS_IN_MONTH: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// As cron counts them, with Sunday once more at the end.
const DAY_NAMES: [&str; 8] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What is wrong with a field, and the field that was probably meant.
struct Fault {
    why: String,
    meant: Option<String>,
}

/// Whether the text is meant to be cron.
pub(super) fn is_meant(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or("");
    let is_field = !first.is_empty() && first.chars().all(|c| c.is_ascii_digit() || "*?/,-".contains(c));
    // `2 weeks`, `9 am on Tuesdays`: no cron has a word for its hour.
    let is_word = |word: &str| word.len() > 1 && word.chars().all(char::is_alphabetic);
    first.starts_with('@')
        || (is_field && words.next().is_none_or(|hour| !is_word(hour)) && words.all(|word| word != "at"))
}

/// The five fields as written, without the seconds we put before them.
pub(super) fn fields(schedule: &Schedule) -> &str {
    schedule.source().split_once(' ').map_or("", |(_, fields)| fields)
}

/// The one time of the day.
pub(super) fn time_of(schedule: &Schedule) -> NaiveTime {
    let (hour, minute) = (schedule.hours().iter().next(), schedule.minutes().iter().next());
    NaiveTime::from_hms_opt(hour.unwrap_or(0), minute.unwrap_or(0), 0).unwrap_or_default()
}

/// Reads five fields.
pub(super) fn rule(text: &str) -> Result<Rule, String> {
    if let Some(name) = text.strip_prefix('@') {
        return Err(shorthand(name));
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else { return Err(count(&fields)) };
    let retry = |fault: Fault, fields: [&str; 5]| mend(&fault.why, fault.meant.is_some().then_some(fields));
    let time = match time(minute, hour) {
        Ok(time) => time,
        Err((why, meant)) => {
            let (minute, hour) = (meant.format("%-M").to_string(), meant.format("%-H").to_string());
            return Err(mend(&why, Some([&minute, &hour, day, month, weekday])));
        }
    };
    let days = numbers(day, "day", 1..=31, &[]).map_err(|fault| {
        let form = quartz_day(day, time).map(|form| format!("cron has no `{day}`; write {form}"));
        let meant = fault.meant.clone().unwrap_or_default();
        form.unwrap_or_else(|| retry(fault, [minute, hour, &meant, month, weekday]))
    })?;
    let months = numbers(month, "month", 1..=12, &MONTHS).map_err(|fault| {
        let meant = fault.meant.clone().unwrap_or_default();
        retry(fault, [minute, hour, day, &meant, weekday])
    })?;
    let weekdays = weekdays(weekday).map_err(|fault| {
        let form = quartz_weekday(weekday, time).map(|form| format!("cron has no `{weekday}`; write {form}"));
        let meant = fault.meant.clone().unwrap_or_default();
        form.unwrap_or_else(|| retry(fault, [minute, hour, day, month, &meant]))
    })?;
    if day != "*" && weekday != "*" {
        return Err(both_days(&fields, &weekdays, time));
    }
    let comes = |month: &u32| days.iter().any(|day| *day <= DAYS_IN_MONTH[*month as usize - 1]);
    if !months.iter().any(comes) {
        let last = if months.iter().all(|month| *month == 2) { "28" } else { "30" };
        return Err(mend("that day never comes", Some([minute, hour, last, month, weekday])));
    }
    simplest(&days, &months, &weekdays, time).map_or_else(|| schedule(&fields), Ok)
}

/// What a step means that runs past the end of its field: its first value alone.
pub(super) fn long_step(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [_, _, days, months, _] = fields[..] else { return None };
    let of = |field: &str, (what, period): (&str, &str), (low, high): (u32, u32), names: &[&str]| {
        field.split(',').find_map(|item| {
            let (span, step) = item.split_once('/')?;
            let (from, to) = match span.split_once('-') {
                Some((from, to)) => (point(from, low, names)?, point(to, low, names)?),
                None => (low, high),
            };
            let is_alone = decimal(step)? > to.checked_sub(from)?;
            is_alone
                .then(|| format!("`{item}` is {what} {from} alone, since a step begins anew every {period}"))
        })
    };
    of(days, ("day", "month"), (1, 31), &[]).or_else(|| of(months, ("month", "year"), (1, 12), &MONTHS))
}

/// What the crate makes of fields that stood every check.
fn schedule(fields: &[&str]) -> Result<Rule, String> {
    let [minute, hour, day, month, weekday] = fields[..] else { return Err(count(fields)) };
    // The crate knows fewer ways to write a name.
    let source = format!("0 {minute} {hour} {day} {} {}", short_names(month), short_names(weekday));
    match Schedule::from_str(&source) {
        Ok(schedule) => Ok(Rule::Cron(Box::new(schedule))),
        Err(_) => Err(format!("the pattern cannot be read; write it as {FORMS}")),
    }
}

/// The readable form of a pattern that means the same every time.
fn simplest(
    days: &BTreeSet<u32>,
    months: &BTreeSet<u32>,
    weekdays: &[Weekday],
    time: NaiveTime,
) -> Option<Rule> {
    let one_day = (days.len() == 1).then(|| days.first().copied()).flatten();
    // Beyond day 28 cron leaves months out where the readable forms take the month's last day.
    let one_day =
        one_day.filter(|day| *day <= 28).and_then(|day| u8::try_from(day).ok()).map(MonthDay::Numbered);
    match (months.len(), days.len(), weekdays.len()) {
        (12, 31, 7) => Some(Rule::Daily(time)),
        (12, 31, 1) => Some(Rule::Weekly(weekdays[0], time)),
        (12, 31, 5) if weekdays == &WEEKDAYS[..5] => Some(Rule::BusinessDaily(time)),
        (12, 1, 7) => Some(Rule::Monthly(one_day?, time)),
        (4, 1, 7) if months.iter().eq([1, 4, 7, 10].iter()) => Some(Rule::Quarterly(one_day?, time)),
        _ => None,
    }
}

/// The fault, and the fields that were probably meant where they can be read.
fn mend(why: &str, meant: Option<[&str; 5]>) -> String {
    let Some(meant) = meant else { return format!("{why}; write it as {FORMS}") };
    let fields = meant.join(" ");
    match rule(&fields) {
        Ok(rule) => {
            let named = rule.to_string();
            let cron = if named == fields { String::new() } else { format!(", in cron `{fields}`") };
            format!("{why}: write `{named}`{cron}")
        }
        Err(further) => format!("{why}; and {further}"),
    }
}

fn shorthand(name: &str) -> String {
    let midnight = clock_time::hour(0);
    let form = match name.to_lowercase().as_str() {
        "daily" | "midnight" => Rule::Daily(midnight).to_string(),
        "weekly" => Rule::Weekly(Weekday::Sun, midnight).to_string(),
        "monthly" => Rule::Monthly(MonthDay::Numbered(1), midnight).to_string(),
        "yearly" | "annually" => "0 0 1 1 *".to_owned(),
        "hourly" => {
            let once = Rule::Daily(clock_time::hour(9));
            return format!(
                "`@hourly` fires more than once a day, and an issue is known by its day: `{once}`"
            );
        }
        _ => return format!("`@{name}` names no time; write it as {FORMS}"),
    };
    format!("`@{name}` hides that it is at midnight: write `{form}`, or the time that is meant")
}

/// Not five fields.
fn count(fields: &[&str]) -> String {
    let why = "cron has five fields (minute hour day month weekday)";
    let is_year = |field: &&str| field.len() == 4 && field.bytes().all(|b| b.is_ascii_digit());
    let meant = match fields {
        [five @ .., year] if five.len() == 5 && is_year(year) => five,
        [_, five @ ..] if five.len() == 5 => five,
        [_, five @ .., _] if five.len() == 5 => five,
        _ => return format!("{why}, not {}; or write it as {FORMS}", fields.len()),
    };
    let meant = <[&str; 5]>::try_from(meant).ok();
    mend(&format!("{why}, and none for seconds or years"), meant)
}

/// One minute of one hour.
fn time(minute: &str, hour: &str) -> Result<NaiveTime, (String, NaiveTime)> {
    let number = |field: &str, max| decimal(field).filter(|number| *number <= max);
    let first = |field: &str, max| {
        let digits = field.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty());
        // The number after a slash is a step.
        digits.filter(|_| !field.starts_with('*')).and_then(|digits| number(digits, max))
    };
    if let (Some(minute), Some(hour)) = (number(minute, 59), number(hour, 23)) {
        return Ok(NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default());
    }
    let meant = (first(hour, 23).unwrap_or(9), first(minute, 59).unwrap_or(0));
    let meant = NaiveTime::from_hms_opt(meant.0, meant.1, 0).unwrap_or_default();
    let is_pattern = |field: &str| field.contains(['*', ',', '-', '/']);
    let why = if is_pattern(minute) {
        format!("`{minute}` fires more than once an hour, and an issue is known by its day; name one minute")
    } else if is_pattern(hour) {
        format!("`{hour}` fires more than once a day, and an issue is known by its day; name one hour")
    } else if number(minute, 59).is_none() {
        format!("`{minute}` is no minute; use 0 to 59")
    } else {
        format!("`{hour}` is no hour; use 0 to 23")
    };
    Err((why, meant))
}

/// One or two digits.
fn decimal(text: &str) -> Option<u32> {
    (matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A number, or a name by its first three letters or more.
fn point(text: &str, first: u32, names: &[&str]) -> Option<u32> {
    let full = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    decimal(text).or_else(|| {
        let lower = text.to_lowercase();
        let known = |name: &&str| {
            let days = WEEKDAYS.map(|day| weekday_name(day).to_lowercase());
            let whole = days.iter().map(String::as_str).chain(full).find(|whole| whole.starts_with(*name));
            lower.len() >= 3 && whole.is_some_and(|whole| whole.starts_with(&lower))
        };
        names.iter().position(known).and_then(|at| u32::try_from(at).ok()).map(|at| at + first)
    })
}

/// The numbers of a field: `*`, numbers, names, ranges, steps of `*` or a range, and lists of these.
fn numbers(
    field: &str,
    what: &str,
    range: std::ops::RangeInclusive<u32>,
    names: &[&str],
) -> Result<BTreeSet<u32>, Fault> {
    let (low, high) = (*range.start(), *range.end());
    let (mut all, mut why, mut meant) = (BTreeSet::new(), None, Vec::new());
    for item in field.split(',') {
        let (span, step) = item.split_once('/').map_or((item, None), |(span, step)| (span, Some(step)));
        let number = |text: &str| point(text, low, names).filter(|number| range.contains(number));
        let ends = match (span, span.split_once('-')) {
            ("*" | "?", _) => Some((low, high)),
            (_, Some((from, to))) => number(from).zip(number(to)),
            _ => number(span).map(|number| (number, number)),
        };
        let by = step.map_or(Some(1), decimal);
        let (Some((from, to)), Some(by)) = (ends, by) else {
            return Err(Fault { why: format!("`{item}` is no {what}; use {low} to {high}"), meant: None });
        };
        let fault = if span == "?" {
            Some((format!("`?` is not cron's; write `*` for every {what}"), "*".to_owned()))
        } else if by == 0 {
            Some((format!("`{item}` has a step of 0"), span.to_owned()))
        } else if step.is_some() && !span.contains(['*', '-']) {
            Some((
                format!("a step belongs to `*` or a range, not to `{span}`"),
                format!("{from}-{high}/{by}"),
            ))
        } else if from > to {
            let (before, after) = (format!("{from}-{high}"), format!("{low}-{to}"));
            Some((format!("`{item}` runs past the end"), format!("{before},{after}")))
        } else {
            None
        };
        match fault {
            Some((found, mended)) => {
                why.get_or_insert(found);
                meant.push(mended);
            }
            None => {
                meant.push(item.to_owned());
                all.extend((from..=to).step_by(by as usize));
            }
        }
    }
    match why {
        Some(why) => Err(Fault { why, meant: Some(meant.join(",")) }),
        None => Ok(all),
    }
}

/// The weekdays of a field, which are named.
fn weekdays(field: &str) -> Result<Vec<Weekday>, Fault> {
    if field == "*" {
        return Ok(WEEKDAYS.to_vec());
    }
    let mut days = BTreeSet::new();
    let mut why = None;
    for item in field.split(',') {
        let (span, step) = item.split_once('/').map_or((item, None), |(span, step)| (span, Some(step)));
        let number = |text: &str| point(text, 0, &DAY_NAMES[..7]).filter(|number| *number <= 7);
        let ends = match (span, span.split_once('-')) {
            ("*" | "?", _) => Some((0, 6)),
            (_, Some((from, to))) => number(from).zip(number(to)),
            _ => number(span).map(|number| (number, number)),
        };
        let by = step.map_or(Some(1), decimal).filter(|by| *by > 0);
        let (Some((from, to)), Some(by)) = (ends, by) else {
            let names = WEEKDAYS.map(|day| weekday_name(day).to_lowercase());
            let near = nearest(&field.to_lowercase(), names.iter().map(String::as_str)).map(short_names);
            return Err(Fault {
                why: format!("`{item}` is no weekday, such as `Tue` or `Mon-Fri`"),
                meant: near,
            });
        };
        let found = if span == "?" {
            Some("`?` is not cron's".to_owned())
        } else if span.bytes().any(|b| b.is_ascii_digit()) {
            Some(format!("{}; name the weekday", two_readings(span)))
        } else if step.is_some() {
            Some(
                "a step over weekdays begins on Sunday to some and on Monday to others; name the weekdays"
                    .to_owned(),
            )
        } else {
            (from > to).then(|| format!("`{item}` runs past Saturday, where cron's week ends"))
        };
        why = why.or(found);
        let to = if from > to { to + 7 } else { to };
        days.extend((from..=to).step_by(by as usize).map(|day| day % 7));
    }
    let of = |day: &Weekday| days.contains(&day.num_days_from_sunday());
    let days: Vec<Weekday> = WEEKDAYS.into_iter().filter(of).collect();
    match why {
        Some(why) if days.len() == 7 => Err(Fault { why, meant: Some("*".to_owned()) }),
        Some(why) => Err(Fault { why, meant: Some(cron_days(&days)) }),
        None => Ok(days),
    }
}

/// Which weekday the first number of `span` is: crontab(5) counts Sunday as 0 and as 7, Quartz as 1.
fn two_readings(span: &str) -> String {
    let number = span.split(|c: char| !c.is_ascii_digit()).find_map(decimal).unwrap_or(0);
    let name = |from_sunday: u32| WEEKDAYS[(from_sunday as usize + 6) % 7];
    match number {
        0 => "`0` is Sunday to some and no day to others".to_owned(),
        _ => format!(
            "`{number}` is {} to some and {} to others",
            weekday_name(name(number - 1)),
            weekday_name(name(number))
        ),
    }
}

/// `Tuesday-thurs` as `Tue-Thu`; numbers stay.
fn short_names(field: &str) -> String {
    let mut short = String::new();
    let mut letters = 0;
    for c in field.chars() {
        letters = if c.is_alphabetic() { letters + 1 } else { 0 };
        match letters {
            1 => short.extend(c.to_uppercase()),
            4.. => {}
            _ => short.extend(c.to_lowercase()),
        }
    }
    short
}

/// Quartz's `L`, `LW` and `15W`.
fn quartz_day(field: &str, time: NaiveTime) -> Option<String> {
    let day = match field.to_uppercase().as_str() {
        "L" => MonthDay::Numbered(31),
        "LW" | "WL" => MonthDay::LastBusinessDay,
        "1W" => MonthDay::FirstBusinessDay,
        other => MonthDay::Numbered(
            decimal(other.strip_suffix('W')?)
                .and_then(|day| u8::try_from(day).ok())
                .filter(|day| (1..=31).contains(day))?,
        ),
    };
    Some(format!("`{}`", Rule::Monthly(day, time)))
}

/// Quartz's `Fri#2` and `FriL`, and with a number, which it counts from Sunday as 1.
fn quartz_weekday(field: &str, time: NaiveTime) -> Option<String> {
    let upper = field.to_uppercase();
    let (day, place) = match upper.split_once('#') {
        Some((day, place)) => (day, place.parse::<usize>().ok()?.checked_sub(1)?),
        None => (upper.strip_suffix('L')?, 4),
    };
    let ordinal = *Ordinal::ALL.get(place)?;
    let days: Vec<Weekday> = match decimal(day) {
        // Which day a number is, nobody can tell.
        Some(_) => vec![Weekday::Mon, Weekday::Tue],
        None => WEEKDAYS
            .into_iter()
            .filter(|known| point(day, 0, &DAY_NAMES[..7]) == Some(known.num_days_from_sunday()))
            .collect(),
    };
    let forms: Vec<String> =
        days.iter().map(|day| format!("`{}`", Rule::Monthly(MonthDay::Nth(ordinal, *day), time))).collect();
    (!forms.is_empty()).then(|| forms.join(" or "))
}

fn both_days(fields: &[&str], weekdays: &[Weekday], time: NaiveTime) -> String {
    let ordinal = match fields[2] {
        "1-7" => Some(Ordinal::First),
        "8-14" => Some(Ordinal::Second),
        "15-21" => Some(Ordinal::Third),
        "22-28" => Some(Ordinal::Fourth),
        _ => None,
    };
    let why = "with both day fields set, some read \"and\", some \"or\"";
    if let ([day], Some(ordinal), "*") = (weekdays, ordinal, fields[3]) {
        return format!("{why}; for \"and\" write `{}`", Rule::Monthly(MonthDay::Nth(ordinal, *day), time));
    }
    let by = |day: &str, weekday: &str| {
        let fields = [fields[0], fields[1], day, fields[3], weekday];
        rule(&fields.join(" ")).map_or_else(|_| "daily at 09:00".to_owned(), |rule| rule.to_string())
    };
    format!("{why}; leave one `*`: `{}` or `{}`", by("*", fields[4]), by(fields[2], "*"))
}
