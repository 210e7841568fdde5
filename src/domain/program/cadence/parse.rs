//! Reading a cadence, with errors that say which form was meant.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use super::{MonthDay, Ordinal, Rule, weekday_name};
use crate::domain::{
    kernel::{Error, Result},
    partner::roster::nearest,
};

/// Longest text of a cadence, in bytes.
const TEXT_BYTES_MAX: usize = 120;
/// Most weeks between two issues.
const WEEKS_MAX: u8 = 52;
/// Names a form for each kind of mistake.
const FORMS: &str = "`second Tuesday at 09:00`, `weekly on Wednesday at 08:00`, `monthly on day 15 at 09:00`, \
     `last business day at 17:00`, `quarterly, first Monday at 09:00`, `every 2 weeks from 2027-01-06 at 09:00` \
     or `daily at 09:00`";
const WEEKDAYS: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// Reads any form.
pub(super) fn rule(text: &str) -> Result<Rule> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::invalid(format!(
            "a cadence has at most {TEXT_BYTES_MAX} bytes; write it as {FORMS}"
        )));
    }
    let trimmed = text.trim();
    let first_word = trimmed.split_whitespace().next().unwrap_or("");
    if !first_word.is_empty() && first_word.chars().all(|c| c.is_ascii_digit() || "*?/,-".contains(c))
        || first_word.starts_with('@')
    {
        return cron(trimmed);
    }
    let mut spaced = trimmed.to_lowercase().replace(',', " ");
    for filler in [" of the month", " of each month", " of every month"] {
        spaced = spaced.replace(filler, "");
    }
    let words: Vec<&str> = spaced.split_whitespace().skip_while(|word| *word == "the").collect();
    let Some(at) = words.iter().rposition(|word| *word == "at") else {
        return Err(wrong(trimmed, "it names no time: end it with `at 09:00`"));
    };
    let time = match &words[at + 1..] {
        [time] => clock_time(time),
        _ => None,
    };
    let Some(time) = time else {
        return Err(wrong(trimmed, "the time after `at` is HH:MM on the 24-hour clock, such as `at 09:00`"));
    };
    days(&words[..at], time).map_err(|why| wrong(trimmed, &why))
}

fn wrong(text: &str, why: &str) -> Error {
    Error::invalid(format!("`{text}` is not a cadence: {why}"))
}

fn clock_time(text: &str) -> Option<NaiveTime> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    NaiveTime::from_hms_opt(hour.parse().ok()?, minute.parse().ok()?, 0)
}

/// The words before `at`.
fn days(words: &[&str], time: NaiveTime) -> Result<Rule, String> {
    match words {
        ["daily"] | ["every", "day"] => Ok(Rule::Daily(time)),
        ["every", number, unit, rest @ ..] if number.starts_with(|c: char| c.is_ascii_digit()) => {
            every_weeks(number, unit, rest, time)
        }
        ["weekly", "on", day] | ["every", day] => Ok(Rule::Weekly(weekday(day)?, time)),
        ["weekly", ..] => Err("say which day: `weekly on Wednesday at 08:00`".to_owned()),
        ["quarterly"] => Err("say which day: `quarterly, first Monday at 09:00`".to_owned()),
        ["quarterly", rest @ ..] => Ok(Rule::Quarterly(month_day(rest)?, time)),
        ["monthly"] => {
            Err("say which day: `monthly on day 15 at 09:00` or `second Tuesday at 09:00`".to_owned())
        }
        ["monthly", rest @ ..] => Ok(Rule::Monthly(month_day(rest)?, time)),
        rest @ ([_, _] | [_, _, _] | ["on", ..]) => Ok(Rule::Monthly(month_day(rest)?, time)),
        [word] => Err(single_word(word)),
        _ => Err(format!("write it as {FORMS}")),
    }
}

fn single_word(word: &str) -> String {
    match nearest(word, ["daily", "weekly", "monthly", "quarterly"].into_iter()) {
        Some(meant) => format!("`{word}` is no rhythm; did you mean `{meant}`?"),
        None if weekday(word).is_ok() => {
            format!("say how often: `weekly on {word} at 09:00` or `second {word} at 09:00`")
        }
        None => format!("write it as {FORMS}"),
    }
}

fn every_weeks(number: &str, unit: &str, rest: &[&str], time: NaiveTime) -> Result<Rule, String> {
    const FORM: &str = "`every 2 weeks from 2027-01-06 at 09:00`";
    if !matches!(unit, "week" | "weeks") {
        return Err(format!("only weeks are counted; write {FORM}"));
    }
    let weeks = number.parse::<u8>().ok().filter(|weeks| (1..=WEEKS_MAX).contains(weeks));
    let weeks = weeks.ok_or_else(|| format!("`{number}` weeks is out of range; use 1 to {WEEKS_MAX}"))?;
    let ["from", from] = rest else {
        return Err(format!("say from which day to count: {FORM}"));
    };
    let from = NaiveDate::parse_from_str(from, "%Y-%m-%d")
        .map_err(|_| format!("`{from}` is not a date; write it as in {FORM}"))?;
    Ok(Rule::EveryWeeks { weeks, from, time })
}

/// `second tuesday`, `last business day`, `on day 15`.
fn month_day(words: &[&str]) -> Result<MonthDay, String> {
    let words = if let ["on", rest @ ..] = words { rest } else { words };
    match words {
        ["first", "business", "day"] => Ok(MonthDay::FirstBusinessDay),
        ["last", "business", "day"] => Ok(MonthDay::LastBusinessDay),
        [_, "business", "day"] => {
            Err("only `first business day` and `last business day` are known".to_owned())
        }
        ["last", "day"] => Ok(MonthDay::Numbered(31)),
        ["day", number] => match number.parse::<u8>() {
            Ok(day @ 1..=31) => Ok(MonthDay::Numbered(day)),
            _ => Err(format!("`{number}` is no day of a month; use 1 to 31")),
        },
        [place, day] => Ok(MonthDay::Nth(ordinal(place)?, weekday(day)?)),
        _ => Err(format!("write it as {FORMS}")),
    }
}

fn ordinal(word: &str) -> Result<Ordinal, String> {
    let short = match word {
        "1st" => "first",
        "2nd" => "second",
        "3rd" => "third",
        "4th" => "fourth",
        other => other,
    };
    if let Some(ordinal) = Ordinal::ALL.into_iter().find(|ordinal| ordinal.as_str() == short) {
        return Ok(ordinal);
    }
    if matches!(word, "fifth" | "5th") {
        return Err("most months have no fifth one; use `last`".to_owned());
    }
    Err(match nearest(word, Ordinal::ALL.into_iter().map(Ordinal::as_str)) {
        Some(meant) => format!("`{word}` names no place in the month; did you mean `{meant}`?"),
        None => format!("`{word}` names no place in the month; use first, second, third, fourth or last"),
    })
}

fn weekday(word: &str) -> Result<Weekday, String> {
    let name = |day: &Weekday| weekday_name(*day).to_lowercase();
    let exact = WEEKDAYS.into_iter().find(|day| {
        let name = name(day);
        word == name || (word.len() == 3 && name.starts_with(word))
    });
    if let Some(day) = exact {
        return Ok(day);
    }
    let names: Vec<String> = WEEKDAYS.iter().map(name).collect();
    let meant = nearest(word, names.iter().map(String::as_str))
        .and_then(|found| WEEKDAYS.into_iter().find(|day| name(day) == found));
    Err(match meant {
        Some(day) => format!("`{word}` is no weekday; did you mean {}?", weekday_name(day)),
        None => format!("`{word}` is no weekday; write it out, such as Tuesday"),
    })
}

/// Five-field cron. The crate counts Sunday as 1 where cron counts it as 0, and joins the two day fields with
/// "and" where cron says "or": we refuse both rather than let anyone guess.
fn cron(text: &str) -> Result<Rule> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, _, day, _, weekday] = fields[..] else {
        let why = format!("cron has five fields (minute hour day month weekday); or write it as {FORMS}");
        return Err(wrong(text, &why));
    };
    if weekday.bytes().any(|b| b.is_ascii_digit()) {
        let why =
            "number 1 is Sunday to some and Monday to others; name the weekday, such as `Tue` or `Mon-Fri`";
        return Err(wrong(text, why));
    }
    let restricted = |field: &str| !matches!(field, "*" | "?");
    if restricted(day) && restricted(weekday) {
        return Err(wrong(text, &both_days(day, weekday)));
    }
    let schedule = cron::Schedule::from_str(&format!("0 {}", fields.join(" "))).map_err(|error| {
        wrong(text, &format!("the pattern cannot be read; check its five fields, or write it as {FORMS}"))
            .because(error)
    })?;
    use cron::TimeUnitSpec;
    if schedule.minutes().count() != 1 {
        let why = format!("`{minute}` fires more than once an hour; name one minute, such as `0`");
        return Err(wrong(text, &why));
    }
    // Any time that the pattern allows at all comes within one full cycle of leap years.
    let start = NaiveDateTime::new(NaiveDate::default(), NaiveTime::MIN);
    if schedule.after(&start.and_utc()).next().is_none() {
        return Err(wrong(text, "that day never comes; check the day and the month"));
    }
    Ok(Rule::Cron(Box::new(schedule)))
}

fn both_days(day: &str, weekday: &str) -> String {
    let place = match day {
        "1-7" => "first",
        "8-14" => "second",
        "15-21" => "third",
        "22-28" => "fourth",
        _ => "second",
    };
    let name = WEEKDAYS
        .into_iter()
        .map(weekday_name)
        .find(|name| weekday.len() >= 3 && name.to_lowercase().starts_with(&weekday.to_lowercase()));
    format!(
        "with both day fields set, some read \"and\", some \"or\"; leave one `*`, or write `{place} {} at 09:00`",
        name.unwrap_or("Tuesday")
    )
}
