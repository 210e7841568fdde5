//! The words that cadences are made of.

use chrono::{Days, NaiveDate, NaiveTime, Weekday};

use super::{Ordinal, Rule, weekday_name};
use crate::domain::partner::roster::nearest;

pub(super) const WEEKDAYS: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
/// What a word may have been meant to be.
const VOCABULARY: [&str; 29] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "every",
    "week",
    "weeks",
    "weekdays",
    "month",
    "quarter",
    "business",
    "day",
    "first",
    "second",
    "third",
    "fourth",
    "last",
    "from",
    "other",
    "and",
    "fortnightly",
    "biweekly",
];

/// A name of a weekday, whole or its first three letters or more, also in the plural.
pub(super) fn weekday(word: &str) -> Option<Weekday> {
    WEEKDAYS.into_iter().find(|day| {
        let name = weekday_name(*day).to_lowercase();
        name.starts_with(word) && word.len() >= 3 || word.strip_suffix('s') == Some(name.as_str())
    })
}

/// `first` or `1st`.
pub(super) fn ordinal(word: &str) -> Option<Ordinal> {
    let word = match word {
        "1st" => "first",
        "2nd" => "second",
        "3rd" => "third",
        "4th" => "fourth",
        other => other,
    };
    Ordinal::ALL.into_iter().find(|ordinal| ordinal.as_str() == word)
}

/// `15` or `15th`, whatever the number.
pub(super) fn day_number(word: &str) -> Option<u32> {
    let endings = ["st", "nd", "rd", "th", "."];
    let digits = endings.iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word);
    (digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// `2` or `two` or `other`.
pub(super) fn count(word: &str) -> Option<u32> {
    let spelt = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
    match word {
        "other" => Some(2),
        _ if !word.is_empty() && word.len() <= 9 && word.bytes().all(|b| b.is_ascii_digit()) => {
            word.parse().ok()
        }
        _ => (1..).zip(spelt).find_map(|(number, name)| (name == word).then_some(number)),
    }
}

/// The words with each that is none replaced by the nearest that is one; none where nothing is to be replaced.
pub(super) fn mended<'w>(words: &[&'w str]) -> Option<Vec<&'w str>> {
    let known = |word: &str| {
        VOCABULARY.contains(&word)
            || word.len() < 3
            || word.bytes().any(|b| b.is_ascii_digit())
            || weekday(word).is_some()
    };
    let mend = |word: &&'w str| {
        if known(word) { *word } else { nearest(word, VOCABULARY.into_iter()).unwrap_or(*word) }
    };
    let mended: Vec<&str> = words.iter().map(mend).collect();
    (mended != words).then_some(mended)
}

/// A form for those who count weeks, from a first day of that name.
pub(super) fn every_two_weeks(day: Weekday, time: NaiveTime) -> String {
    every_weeks(2, day, time)
}

/// As [`every_two_weeks`], every `weeks` weeks.
pub(super) fn every_weeks(weeks: u8, day: Weekday, time: NaiveTime) -> String {
    // A Monday; the date is but an example, for a text has no today.
    let monday = NaiveDate::from_ymd_opt(2027, 1, 4).unwrap_or_default();
    let from = monday + Days::new(day.num_days_from_monday().into());
    Rule::EveryWeeks { weeks, from, time }.to_string()
}

/// `Mon,Wed-Fri`, as cron has it; the days in the week's order.
pub(super) fn cron_days(days: &[Weekday]) -> String {
    let short = |day: Weekday| weekday_name(day)[..3].to_owned();
    // Sunday begins cron's week, so that no range may end with it.
    let follows = |day: &Weekday, next: &Weekday| day.succ() == *next && *next != Weekday::Sun;
    runs(days, follows, short, "-").join(",")
}

/// `1 to 7 and 15`.
pub(super) fn number_list(numbers: &[u32]) -> String {
    list(&runs(numbers, |number, next| number + 1 == *next, |number| number.to_string(), " to "))
}

/// Three and more that follow each other, as one.
fn runs<T: Copy>(
    items: &[T],
    follows: impl Fn(&T, &T) -> bool,
    name: impl Fn(T) -> String,
    to: &str,
) -> Vec<String> {
    let named = |run: &[T]| match run {
        [first, _, .., last] => vec![format!("{}{to}{}", name(*first), name(*last))],
        few => few.iter().map(|item| name(*item)).collect(),
    };
    items.chunk_by(follows).flat_map(named).collect()
}

/// `A, B and C`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items[..] {
        [] => String::new(),
        [one] => one.to_owned(),
        [ref head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}
