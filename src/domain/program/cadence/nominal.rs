//! The next nominal local time of a rule: calendar arithmetic, no zone.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use super::{MonthDay, Ordinal, Rule};

/// The first time of `rule` strictly after `after`.
pub(super) fn next(rule: &Rule, after: NaiveDateTime) -> Option<NaiveDateTime> {
    match rule {
        Rule::Daily(time) => on_or_after(after, *time, Some),
        Rule::BusinessDaily(time) => on_or_after(after, *time, next_business_day),
        Rule::Weekly(day, time) => on_or_after(after, *time, |date| next_weekday(date, *day)),
        Rule::EveryWeeks { weeks, from, time } => {
            on_or_after(after, *time, |date| every_weeks(date, *weeks, *from))
        }
        Rule::Monthly(day, time) => by_period(after, *day, *time, 1),
        Rule::Quarterly(day, time) => by_period(after, *day, *time, 3),
        Rule::Cron(schedule) => schedule.after(&after.and_utc()).next().map(|at| at.naive_utc()),
    }
}

/// `first_day(date)` is the rule's first day on or after `date`; tries the day of `after`, then the next.
fn on_or_after(
    after: NaiveDateTime,
    time: NaiveTime,
    first_day: impl Fn(NaiveDate) -> Option<NaiveDate>,
) -> Option<NaiveDateTime> {
    let today = first_day(after.date())?.and_time(time);
    if today > after { Some(today) } else { Some(first_day(after.date().succ_opt()?)?.and_time(time)) }
}

fn next_business_day(date: NaiveDate) -> Option<NaiveDate> {
    let ahead = match date.weekday() {
        Weekday::Sat => 2,
        Weekday::Sun => 1,
        _ => 0,
    };
    date.checked_add_days(Days::new(ahead))
}

fn next_weekday(date: NaiveDate, day: Weekday) -> Option<NaiveDate> {
    let ahead = day.days_since(date.weekday());
    date.checked_add_days(Days::new(u64::from(ahead)))
}

fn every_weeks(date: NaiveDate, weeks: u8, from: NaiveDate) -> Option<NaiveDate> {
    let Ok(passed) = u64::try_from((date - from).num_days()) else { return Some(from) };
    let step = 7 * u64::from(weeks.max(1));
    from.checked_add_days(Days::new(passed.div_ceil(step) * step))
}

/// Monthly (`months` 1) and quarterly (`months` 3): the day in the period of `after`, else in the next one.
fn by_period(after: NaiveDateTime, day: MonthDay, time: NaiveTime, months: u32) -> Option<NaiveDateTime> {
    let month_start = after.date().with_day(1)?;
    let period = month_start.checked_sub_months(Months::new(month_start.month0() % months))?;
    let here = day_in(period, months, day)?.and_time(time);
    if here > after {
        return Some(here);
    }
    let period = period.checked_add_months(Months::new(months))?;
    Some(day_in(period, months, day)?.and_time(time))
}

/// The day within the `months` months that begin at `start`. "First" to "fourth" count from the period's
/// beginning, "last" from its end; a number is a day of its first month, clamped to that month's end.
fn day_in(start: NaiveDate, months: u32, day: MonthDay) -> Option<NaiveDate> {
    let end = start.checked_add_months(Months::new(months))?.pred_opt()?;
    match day {
        MonthDay::Nth(Ordinal::Last, weekday) => {
            let back = end.weekday().days_since(weekday);
            end.checked_sub_days(Days::new(u64::from(back)))
        }
        MonthDay::Nth(ordinal, weekday) => {
            let weeks = match ordinal {
                Ordinal::First | Ordinal::Last => 0,
                Ordinal::Second => 1,
                Ordinal::Third => 2,
                Ordinal::Fourth => 3,
            };
            next_weekday(start, weekday)?.checked_add_days(Days::new(7 * weeks))
        }
        MonthDay::FirstBusinessDay => next_business_day(start),
        MonthDay::LastBusinessDay => {
            let back = match end.weekday() {
                Weekday::Sat => 1,
                Weekday::Sun => 2,
                _ => 0,
            };
            end.checked_sub_days(Days::new(back))
        }
        MonthDay::Numbered(number) => {
            let month_end = start.checked_add_months(Months::new(1))?.pred_opt()?;
            start.with_day(u32::from(number)).or(Some(month_end))
        }
    }
}
