//! Reading the days of a readable form: all its words before `at`.

use chrono::{NaiveDate, NaiveTime, Timelike, Weekday};

use super::{
    MonthDay, Ordinal, Rule,
    parse::FORMS,
    weekday_name,
    words::{self, WEEKDAYS, count, cron_days, day_number, ordinal, weekday},
};

/// Most weeks between two issues.
const WEEKS_MAX: u8 = 52;
/// Years in which weeks may begin to be counted.
const FROM_YEARS: std::ops::RangeInclusive<i32> = 1970..=2100;

/// The stretch of time a day is named in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Period {
    Month,
    Quarter,
}

/// The rule of these lower-case words at `time`.
pub(super) fn rule(words: &[&str], time: NaiveTime) -> Result<Rule, String> {
    let words = with_synonyms(words);
    if let Some(why) = refused_rhythm(&words, time) {
        return Err(why);
    }
    match words[..] {
        [] => return Err(format!("say on which days; write it as {FORMS}")),
        ["daily"] | ["every", "day"] | ["everyday"] => return Ok(Rule::Daily(time)),
        ["every" | "on", "business", "day"] | ["business", "day"] | ["daily", "on", "business", "day"] => {
            return Ok(Rule::BusinessDaily(time));
        }
        ["every", number, "week" | "weeks", ref rest @ ..] if count(number).is_some() => {
            return every_weeks(number, rest, time);
        }
        ["every", day, "from" | "starting", ..] if weekday(day).is_some() => {
            return every_weeks("1", &words[1..], time);
        }
        ["every", place, _] | ["every", place, "business", "day"] if ordinal(place).is_some() => {
            return in_period(Period::Month, &words[1..], time);
        }
        ["every", number] if day_number(number).is_some() => {
            return in_period(Period::Month, &words[1..], time);
        }
        ["every", "week", "from" | "starting", ..] => return every_weeks("1", &words[2..], time),
        ["fortnightly", ref rest @ ..] | ["every", "fortnight", ref rest @ ..] => {
            return every_weeks("2", rest, time);
        }
        ["weekly"] | ["every", "week"] => {
            return Err(format!("say which day: `{}`", Rule::Weekly(Weekday::Wed, time)));
        }
        ["weekly", "on", ref days @ ..]
        | ["every", "week", "on", ref days @ ..]
        | ["every", "week", ref days @ ..]
        | ["weekly", ref days @ ..] => return weekly(days, time),
        _ => {}
    }
    if let Some((period, rest)) = period(&words) {
        return in_period(period, &rest, time);
    }
    match words[..] {
        ["every" | "on", ref days @ ..] | ref days if day_set(days).is_some() => {
            let is_plural = days.iter().all(|day| day.ends_with('s') || weekday(day).is_none());
            match days {
                [day] if words[0] != "every" && !is_plural => Err(how_often(day, time)),
                _ => weekly(days, time),
            }
        }
        ["every", day] => weekly(&[day], time),
        [word] if day_number(word).is_none() => Err(format!("`{word}` is no rhythm; write it as {FORMS}")),
        _ => in_period(Period::Month, &words, time),
    }
}

fn how_often(day: &str, time: NaiveTime) -> String {
    let day = weekday(day).unwrap_or(Weekday::Tue);
    let (weekly, monthly) = (Rule::Weekly(day, time), MonthDay::Nth(Ordinal::Second, day));
    format!("say how often: `{weekly}` or `{}`", Rule::Monthly(monthly, time))
}

/// One word for what has several.
fn with_synonyms<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let mut all: Vec<&str> = Vec::new();
    for word in words {
        match *word {
            "weekday" | "weekdays" | "workday" | "workdays" => all.extend(["business", "day"]),
            "working" | "work" => all.push("business"),
            "days" if all.last() == Some(&"business") => all.push("day"),
            other => all.push(other),
        }
    }
    if let ["once", "a" | "every" | "per", unit, rest @ ..] = &all[..] {
        let rhythm = ["daily", "weekly", "monthly", "quarterly"];
        let units = ["day", "week", "month", "quarter"];
        if let Some(at) = units.iter().position(|known| known == unit) {
            return [&[rhythm[at]], rest].concat();
        }
    }
    all
}

/// Why there is no such rhythm, with what comes nearest.
fn refused_rhythm(words: &[&str], time: NaiveTime) -> Option<String> {
    let cron = |days: &str| format!("`{} {} {days}`", time.minute(), time.hour());
    let named = words.iter().find_map(|word| weekday(word));
    let two_weeks = || words::every_two_weeks(named.unwrap_or(Weekday::Wed), time);
    let last = words.last().copied().unwrap_or("");
    let short = ["hour", "hours", "minute", "minutes", "hourly", "seconds"];
    let is_short = words.iter().any(|word| short.contains(word)) || matches!(words, ["every", "second"]);
    let is_twice = matches!(words.first(), Some(&("twice" | "thrice" | "2x")));
    if is_short || (is_twice && matches!(last, "day" | "daily")) {
        let once = Rule::Daily(time);
        return Some(format!(
            "an issue is known by its day, so a newsletter comes at most once a day: `{once}`"
        ));
    }
    match *words {
        ["twice" | "thrice" | "2x", .., "week" | "weekly"] => {
            Some(format!("days of the week are named, in cron: {}", cron("* * Tue,Thu")))
        }
        ["twice" | "2x", ..] | ["semimonthly" | "semi-monthly" | "bimonthly" | "bi-monthly", ..] => {
            Some(format!("say on which days: `{}`, or in cron {}", two_weeks(), cron("1,15 * *")))
        }
        ["biweekly" | "bi-weekly", ..] => {
            Some(format!("biweekly is twice a week to some; for every other week write `{}`", two_weeks()))
        }
        ["yearly" | "annually" | "annual", ..]
        | ["every", "year", ..]
        | [.., "a" | "every" | "per", "year"] => {
            Some(format!("once a year is written in cron, as {} is for 15 January", cron("15 1 *")))
        }
        [number, "week" | "weeks", ref rest @ ..] if count(number).is_some() => {
            Some(match every_weeks(number, rest, time) {
                Ok(rule) => format!("write `every` before it: `{rule}`"),
                Err(why) => why,
            })
        }
        ["every", _, "day" | "days", ..] if count(words[1]).is_some() => Some(format!(
            "days are not counted: `{}`, `{}` or `{}`",
            Rule::Daily(time),
            Rule::BusinessDaily(time),
            two_weeks()
        )),
        ["every", "3" | "three", "months", ..] => {
            Some(format!("three months are a quarter: `{}`", Rule::Quarterly(MonthDay::Numbered(15), time)))
        }
        ["every", number, "month" | "months" | "year" | "years" | "quarter" | "quarters", ..]
            if count(number).is_some() =>
        {
            Some(format!("months are named in cron, as {} is for every other month", cron("15 */2 *")))
        }
        ["every", number, day] => every_nth(number, weekday(day)?, time),
        _ => None,
    }
}

/// `every second Tuesday`: of the month, or of all?
fn every_nth(number: &str, day: Weekday, time: NaiveTime) -> Option<String> {
    let place = ordinal(number);
    let weeks = match place {
        Some(Ordinal::First | Ordinal::Last) => return None,
        Some(Ordinal::Second) => 2,
        Some(Ordinal::Third) => 3,
        Some(Ordinal::Fourth) => 4,
        None => weeks_between(number)?,
    };
    let counted = words::every_weeks(weeks, day, time);
    Some(match place {
        Some(place) => {
            let monthly = Rule::Monthly(MonthDay::Nth(place, day), time);
            format!(
                "it can be read in two ways: once a month is `{monthly}`, and every {weeks} weeks is `{counted}`"
            )
        }
        None => format!("say from which day to count: `{counted}`"),
    })
}

/// Several weekdays, with `and`, `to` or a hyphen; none where a word is no weekday.
fn day_set(words: &[&str]) -> Option<Vec<Weekday>> {
    let spaced = words.join(" ").replace(['-', '\u{2013}'], " to ").replace('&', " and ");
    let (mut days, mut is_range): (Vec<Weekday>, bool) = (Vec::new(), false);
    for word in spaced.split_whitespace() {
        match word {
            "and" => {}
            "to" | "through" => is_range = !days.is_empty(),
            name => {
                let day = weekday(name)?;
                while is_range && days.last().is_some_and(|last| last.succ() != day) && days.len() <= 7 {
                    days.push(days.last()?.succ());
                }
                is_range = false;
                days.push(day);
            }
        }
    }
    let sorted: Vec<Weekday> = WEEKDAYS.into_iter().filter(|day| days.contains(day)).collect();
    (!sorted.is_empty()).then_some(sorted)
}

fn weekly(words: &[&str], time: NaiveTime) -> Result<Rule, String> {
    match day_set(words) {
        Some(days) if days.len() == 7 => Ok(Rule::Daily(time)),
        Some(days) if days == WEEKDAYS[..5] => Ok(Rule::BusinessDaily(time)),
        Some(days) if days.len() == 1 => Ok(Rule::Weekly(days[0], time)),
        Some(days) => {
            let cron = format!("{} {} * * {}", time.minute(), time.hour(), cron_days(&days));
            Err(format!("several days of a week are written in cron: `{cron}`"))
        }
        None => {
            Err(format!("`{}` is no weekday; write `{}`", words.join(" "), Rule::Weekly(Weekday::Wed, time)))
        }
    }
}

/// `from 2027-01-06`, `on Wednesday from 2027-01-06`.
fn every_weeks(number: &str, rest: &[&str], time: NaiveTime) -> Result<Rule, String> {
    let (day, rest) = match rest {
        ["on", day, rest @ ..] => (weekday(day), rest),
        [day, rest @ ..] if weekday(day).is_some() => (weekday(day), rest),
        _ => (None, rest),
    };
    let weeks = weeks_between(number);
    let form = words::every_weeks(weeks.unwrap_or(2), day.unwrap_or(Weekday::Wed), time);
    let Some(weeks) = weeks else {
        return Err(format!("`{number}` weeks is out of range; use 1 to {WEEKS_MAX}, as in `{form}`"));
    };
    let (["from", from] | ["starting", from] | ["starting", "on" | "from", from]) = rest else {
        return Err(format!("say from which day to count: `{form}`"));
    };
    let from = date(from).map_err(|mend| match mend {
        Some(from) => {
            let meant = Rule::EveryWeeks { weeks, from, time };
            format!("there is no day {}; the month ends before it: `{meant}`", rest[rest.len() - 1])
        }
        None => {
            let written = rest[rest.len() - 1];
            let (first, last) = (FROM_YEARS.start(), FROM_YEARS.end());
            match NaiveDate::parse_from_str(written, "%Y-%m-%d") {
                Ok(from) if chrono::Datelike::year(&from) > *last => {
                    format!(
                        "{written} is too far ahead; count from a day up to the year {last}, as in `{form}`"
                    )
                }
                Ok(_) => {
                    format!(
                        "{written} is too long ago; count from a day from the year {first} on, as in `{form}`"
                    )
                }
                Err(_) => format!("`{written}` is not a date; write it as in `{form}`"),
            }
        }
    })?;
    match day {
        Some(day) if day != chrono::Datelike::weekday(&from) => Err(format!(
            "{from} is a {}; count from a {}, as in `{form}`",
            weekday_name(chrono::Datelike::weekday(&from)),
            weekday_name(day)
        )),
        _ => Ok(Rule::EveryWeeks { weeks, from, time }),
    }
}

fn weeks_between(number: &str) -> Option<u8> {
    count(number).and_then(|weeks| u8::try_from(weeks).ok()).filter(|weeks| (1..=WEEKS_MAX).contains(weeks))
}

/// `2027-01-06`; where only the day is wrong, the month's last.
fn date(text: &str) -> Result<NaiveDate, Option<NaiveDate>> {
    let parts: Vec<u32> = text
        .split('-')
        .map_while(|part| {
            (part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
        })
        .collect();
    let ([year, month, day], 2) = (&parts[..], text.matches('-').count()) else { return Err(None) };
    let year = i32::try_from(*year).ok().filter(|year| FROM_YEARS.contains(year)).ok_or(None)?;
    NaiveDate::from_ymd_opt(year, *month, *day)
        .ok_or_else(|| (28..=*day.min(&31)).rev().find_map(|day| NaiveDate::from_ymd_opt(year, *month, day)))
}

/// `monthly on`, `of every quarter`: the period, and the words without it.
fn period<'w>(words: &[&'w str]) -> Option<(Period, Vec<&'w str>)> {
    let unit = |word: &str| match word {
        "month" => Some(Period::Month),
        "quarter" => Some(Period::Quarter),
        _ => None,
    };
    let (prefix, words) = match words {
        ["monthly", rest @ ..] => (Some(Period::Month), rest),
        ["quarterly", rest @ ..] => (Some(Period::Quarter), rest),
        ["every", word, rest @ ..] if unit(word).is_some() => (unit(word), rest),
        _ => (None, words),
    };
    let (suffix, rest) = match words {
        [rest @ .., "of" | "in", "every" | "a", word]
        | [rest @ .., "of" | "in" | "every" | "a" | "per", word] => (unit(word), rest),
        _ => (None, words),
    };
    match (prefix, suffix) {
        // A month of the quarter: the words stay, to be refused as such.
        (Some(Period::Quarter), Some(Period::Month)) | (_, None) => Some((prefix?, words.to_vec())),
        (_, Some(suffix)) => Some((prefix.unwrap_or(suffix), rest.to_vec())),
    }
}

fn in_period(period: Period, words: &[&str], time: NaiveTime) -> Result<Rule, String> {
    let rule = |day| match period {
        Period::Month => Rule::Monthly(day, time),
        Period::Quarter => Rule::Quarterly(day, time),
    };
    let words = if let ["on", rest @ ..] = words { rest } else { words };
    let number_of = |number: u32| match u8::try_from(number) {
        Ok(day @ 1..=31) => Ok(rule(MonthDay::Numbered(day))),
        _ if period == Period::Month => Err(format!(
            "`{number}` is no day of a month; use 1 to 31, of which `{}` is the last day of every month",
            rule(MonthDay::Numbered(31))
        )),
        // A quarter's first month may be April, which has no day 31.
        _ => Err(format!(
            "`{number}` is no day of a quarter's first month; use 1 to 30, as in `{}`, or `{}`",
            rule(MonthDay::Numbered(30)),
            rule(MonthDay::LastBusinessDay)
        )),
    };
    if period == Period::Quarter && (words.contains(&"month") || words.contains(&"months")) {
        return Err(month_of_quarter(words, time));
    }
    match words {
        [] => Err(format!(
            "say which day: `{}` or `{}`",
            rule(MonthDay::Numbered(15)),
            rule(MonthDay::Nth(Ordinal::First, Weekday::Mon))
        )),
        ["first" | "1st", "business", "day"] => Ok(rule(MonthDay::FirstBusinessDay)),
        ["last", "business", "day"] => Ok(rule(MonthDay::LastBusinessDay)),
        [.., "business", "day"] => Err(format!(
            "of business days only the first and the last are known: `{}` or `{}`",
            rule(MonthDay::FirstBusinessDay),
            rule(MonthDay::LastBusinessDay)
        )),
        ["last", "day"] if period == Period::Quarter => {
            Err(format!("a quarter's last day is no form; write `{}`", rule(MonthDay::LastBusinessDay)))
        }
        ["last", "day"] => number_of(31),
        ["first", "day"] => number_of(1),
        ["day", number] | [number, "day"] | [number] if day_number(number).is_some() => {
            number_of(day_number(number).unwrap_or(0))
        }
        [place, day] => nth(place, day, time, rule),
        _ => Err(several(words, time)),
    }
}

fn nth(place: &str, day: &str, time: NaiveTime, rule: impl Fn(MonthDay) -> Rule) -> Result<Rule, String> {
    let known = weekday(day);
    if let (Some(place), Some(day)) = (ordinal(place), known) {
        return Ok(rule(MonthDay::Nth(place, day)));
    }
    let shown = known.unwrap_or(Weekday::Tue);
    let with = |place| rule(MonthDay::Nth(place, shown));
    if matches!(place, "fifth" | "5th") {
        let name = weekday_name(shown);
        let why = match with(Ordinal::Last) {
            Rule::Quarterly(..) => format!(
                "a quarter's day is one of its first month, which has four {name}s in most quarters and seldom five"
            ),
            _ => format!("most months have no fifth {name}, for a year has but four or five"),
        };
        let form = with(Ordinal::Last);
        return Err(format!("{why}; use `last`, which is the fifth where there is one: `{form}`"));
    }
    if let (None, Some(ordinal)) = (known, ordinal(place)) {
        return Err(format!("`{day}` is no weekday; write it as in `{}`", with(ordinal)));
    }
    if let Some(day) = known {
        let month = match with(Ordinal::First) {
            Rule::Quarterly(..) => "a quarter's first month",
            _ => "the month",
        };
        return Err(format!(
            "`{place}` names no place in {month}; use first, second, third, fourth or last, as in `{}` or `{}`",
            with(Ordinal::First),
            Rule::Weekly(day, time)
        ));
    }
    Err(format!("write it as {FORMS}"))
}

/// Two days in a month.
fn several(words: &[&str], time: NaiveTime) -> String {
    let mut numbers: Vec<u32> = words.iter().filter_map(|word| day_number(word)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let places: Vec<Ordinal> = words.iter().filter_map(|word| ordinal(word)).collect();
    if let (2.., Some(day)) = (places.len(), words.iter().find_map(|word| weekday(word))) {
        let one = Rule::Monthly(MonthDay::Nth(places[0], day), time);
        let counted = words::every_two_weeks(day, time);
        return format!("it names one day of a month or counts weeks: `{one}` or `{counted}`");
    }
    if numbers.len() > 1 && numbers.iter().all(|number| (1..=31).contains(number)) {
        let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
        let cron = format!("{} {} {} * *", time.minute(), time.hour(), numbers.join(","));
        return format!("several days of a month are written in cron: `{cron}`");
    }
    format!("write it as {FORMS}")
}

/// `quarterly on day 15 of month 2`.
fn month_of_quarter(words: &[&str], time: NaiveTime) -> String {
    let at = words.iter().position(|word| word.starts_with("month")).unwrap_or(0);
    let number = |word: Option<&&str>| {
        let word = word?;
        let place = ["first", "second", "third"].iter().position(|place| place == word);
        place.and_then(|place| u32::try_from(place + 1).ok()).or_else(|| day_number(word))
    };
    let before = at.checked_sub(1).and_then(|before| number(words.get(before)));
    let month = number(words.get(at + 1)).or(before).filter(|month| (1..=3).contains(month)).unwrap_or(2);
    let day =
        words.iter().find_map(|word| day_number(word)).filter(|day| (1..=28).contains(day)).unwrap_or(15);
    let months: Vec<String> = (0..4).map(|quarter| (month + 3 * quarter).to_string()).collect();
    let first = Rule::Quarterly(MonthDay::Numbered(u8::try_from(day).unwrap_or(15)), time);
    format!(
        "`{first}` is in a quarter's first month; another is written in cron: `{} {} {day} {} *`",
        time.minute(),
        time.hour(),
        months.join(",")
    )
}
