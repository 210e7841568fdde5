//! Rules as one reads them who looks at a day on the wall calendar and knows nothing else.

use chrono::{Datelike, NaiveDate, Weekday};
use partnercast::domain::kernel::{Random, random::SeededRandom};

/// A rule: its text, its time and its days.
pub struct Rule {
    pub text: String,
    /// Of the day.
    pub minute: i64,
    pub is_day: Box<dyn Fn(NaiveDate) -> bool + Send + Sync>,
}

const WEEKDAYS: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

fn days_in_month(date: NaiveDate) -> u32 {
    (28..=31).filter(|day| date.with_day(*day).is_some()).max().unwrap()
}

fn is_business(date: NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Whether no other business day of the month comes before, or after.
fn is_outermost(date: NaiveDate, mut others: std::ops::Range<u32>) -> bool {
    is_business(date) && others.all(|other| !is_business(date.with_day(other).unwrap()))
}

fn is_nth(date: NaiveDate, place: u32, weekday: Weekday) -> bool {
    let is_place =
        if place == 0 { date.day() + 7 > days_in_month(date) } else { date.day().div_ceil(7) == place };
    date.weekday() == weekday && is_place
}

/// What a random rule is made of.
struct Parts<'r> {
    random: &'r SeededRandom,
    weekday: Weekday,
    /// 1 to 4, and 0 for the last.
    place: u32,
    word: &'static str,
    number: u32,
}

impl Parts<'_> {
    fn below(&self, most: u32) -> u32 {
        u32::try_from(self.random.next_u64() % u64::from(most)).unwrap()
    }
}

type Days = (String, Box<dyn Fn(NaiveDate) -> bool + Send + Sync>);

/// A rule of the kind with this number, modulo all kinds, with random parts.
pub fn some(random: &SeededRandom, kind: usize) -> Rule {
    let below = |most: u64| i64::try_from(random.next_u64() % most).unwrap();
    // Clocks change at night, so that is where most times are tried.
    let hour =
        if below(3) == 0 { below(24) } else { [23, 0, 1, 2, 3, 4][usize::try_from(below(6)).unwrap()] };
    let minute = [0, 0, 1, 15, 29, 30, 45, 59][usize::try_from(below(8)).unwrap()];
    let at = usize::try_from(below(5)).unwrap();
    let (place, word) = [(1, "first"), (2, "second"), (3, "third"), (4, "fourth"), (0, "last")][at];
    let weekday = WEEKDAYS[usize::try_from(below(7)).unwrap()];
    let number = [1, 13, 15, 28, 29, 30, 31][usize::try_from(below(7)).unwrap()];
    let parts = Parts { random, weekday, place, word, number };
    let at = format!("at {hour:02}:{minute:02}");
    let (text, is_day) = match kind % 14 {
        kind @ 0..10 => {
            let (days, is_day) = readable(kind, &parts);
            (format!("{days} {at}"), is_day)
        }
        kind => {
            let (fields, is_day) = cron(kind, &parts);
            (format!("{minute} {hour} {fields}"), is_day)
        }
    };
    Rule { text, minute: hour * 60 + minute, is_day }
}

fn readable(kind: usize, parts: &Parts<'_>) -> Days {
    let Parts { weekday, place, word, number, .. } = *parts;
    let day = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
        [weekday.num_days_from_monday() as usize];
    let last_month = if place == 0 { 2 } else { 0 };
    match kind {
        0 => ("daily".to_owned(), Box::new(|_| true)),
        1 => ("every business day".to_owned(), Box::new(is_business)),
        2 => (format!("weekly on {day}"), Box::new(move |date| date.weekday() == weekday)),
        3 => (format!("{word} {day}"), Box::new(move |date| is_nth(date, place, weekday))),
        4 => (
            format!("quarterly, {word} {day}"),
            Box::new(move |date| date.month0() % 3 == last_month && is_nth(date, place, weekday)),
        ),
        5 => (
            format!("monthly on day {number}"),
            Box::new(move |date| date.day() == number.min(days_in_month(date))),
        ),
        6 => (
            format!("quarterly, on day {number}"),
            Box::new(move |date| date.month0() % 3 == 0 && date.day() == number.min(days_in_month(date))),
        ),
        7 => ("first business day".to_owned(), Box::new(|date| is_outermost(date, 1..date.day()))),
        8 => (
            "last business day".to_owned(),
            Box::new(|date| is_outermost(date, date.day() + 1..days_in_month(date) + 1)),
        ),
        _ => {
            let (weeks, first) = (i64::from(parts.below(5)) + 1, i32::try_from(parts.below(20)).unwrap());
            let from = NaiveDate::from_ymd_opt(1992 + first, 1, parts.below(28) + 1).unwrap();
            let is_day = move |date: NaiveDate| date >= from && (date - from).num_days() % (7 * weeks) == 0;
            (format!("every {weeks} weeks from {from}"), Box::new(is_day))
        }
    }
}

fn cron(kind: usize, parts: &Parts<'_>) -> Days {
    let Parts { weekday, number, .. } = *parts;
    match kind {
        10 => {
            let other = weekday.succ().succ();
            let is_day = move |date: NaiveDate| [weekday, other].contains(&date.weekday());
            (format!("* * {weekday},{other}"), Box::new(is_day))
        }
        11 => (format!("{number} * *"), Box::new(move |date| date.day() == number)),
        12 => {
            let month = parts.below(6) + 1;
            let is_day = move |date: NaiveDate| date.day() <= 7 && [month, month + 6].contains(&date.month());
            (format!("1-7 {month},{} *", month + 6), Box::new(is_day))
        }
        _ => {
            let month = parts.below(12) + 1;
            let is_day = move |date: NaiveDate| date.month() == month && is_business(date);
            (format!("* {month} Mon-Fri"), Box::new(is_day))
        }
    }
}
