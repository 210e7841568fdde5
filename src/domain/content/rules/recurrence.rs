//! Recurrence rules of iCalendar (RFC 5545 section 3.3.10), as far as holidays need them: every year, or every few.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, Weekday};

use super::{calendar::LAST_YEAR, ics::date};

/// Years before it are counted, and not listed.
const FIRST_YEAR: i32 = 2020;
/// Most years between two recurrences.
const INTERVAL_MAX: i32 = 100;

/// A rule that was read.
#[derive(Debug, Default)]
struct Rule {
    interval: Option<i32>,
    count: Option<usize>,
    until: Option<NaiveDate>,
    months: Vec<i32>,
    month_days: Vec<i32>,
    /// Days of the week, with which one of the month or year; 0 for each.
    days: Vec<(i32, Weekday)>,
}

/// The days on which `rule` falls, for an event that is first on `start`: from 2020 to 2100.
///
/// # Errors
/// What of the rule is not understood, for people.
pub(super) fn days(rule: &str, start: NaiveDate) -> Result<Vec<NaiveDate>, String> {
    let rule = Rule::parse(rule)?;
    let count = rule.count.unwrap_or(usize::MAX);
    let until = rule.until.unwrap_or(NaiveDate::MAX);
    // The first day counts even where it does not fit the rule.
    let (mut seen, mut days) = (1, vec![start]);
    let mut year = start.year();
    while year <= LAST_YEAR.min(until.year()) && seen < count {
        for day in rule.in_year(year, start) {
            if day > start && day <= until && seen < count {
                seen += 1;
                days.push(day);
            }
        }
        year += rule.interval.unwrap_or(1);
    }
    days.retain(|day| *day == start || day.year() >= FIRST_YEAR);
    Ok(days)
}

impl Rule {
    fn parse(text: &str) -> Result<Self, String> {
        let (mut rule, mut is_yearly) = (Self::default(), false);
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("`{part}`"))?;
            let wrong = || format!("`{part}`");
            let value = value.to_ascii_uppercase();
            match key.to_ascii_uppercase().as_str() {
                "FREQ" => is_yearly = value == "YEARLY",
                "INTERVAL" => rule.interval = Some(whole(&value, 1, INTERVAL_MAX).ok_or_else(wrong)?),
                "COUNT" => rule.count = value.parse().ok().filter(|count| *count > 0),
                "UNTIL" => rule.until = Some(value.get(..8).and_then(date).ok_or_else(wrong)?),
                "BYMONTH" => rule.months = list(&value, |one| whole(one, 1, 12)).ok_or_else(wrong)?,
                "BYMONTHDAY" => {
                    rule.month_days = list(&value, |one| whole(one, -31, 31)).ok_or_else(wrong)?;
                }
                "BYDAY" => rule.days = list(&value, weekday).ok_or_else(wrong)?,
                // Weeks are not counted here, so it does not matter when they begin.
                "WKST" => {}
                _ => return Err(wrong()),
            }
            if key.eq_ignore_ascii_case("COUNT") && rule.count.is_none() {
                return Err(wrong());
            }
        }
        if !is_yearly {
            return Err("a rule that is not FREQ=YEARLY".to_owned());
        }
        if !rule.month_days.is_empty() && rule.days.iter().any(|(nth, _)| *nth != 0) {
            return Err("BYMONTHDAY with a numbered BYDAY".to_owned());
        }
        Ok(rule)
    }

    /// The days of `year` that fit, in order.
    fn in_year(&self, year: i32, start: NaiveDate) -> Vec<NaiveDate> {
        let by_year = self.months.is_empty() && self.month_days.is_empty() && !self.days.is_empty();
        let months: BTreeSet<i32> = match &self.months[..] {
            [] if self.month_days.is_empty() && self.days.is_empty() => number(start.month()).collect(),
            [] => (1..=12).collect(),
            months => months.iter().copied().collect(),
        };
        let mut days = Vec::new();
        for month in months {
            let first = u32::try_from(month).ok().and_then(|month| NaiveDate::from_ymd_opt(year, month, 1));
            let Some(first) = first else { continue };
            let in_month = first.iter_days().take_while(|day| day.month() == first.month());
            days.extend(in_month.filter(|day| self.fits(*day, start, by_year)));
        }
        days
    }

    fn fits(&self, day: NaiveDate, start: NaiveDate, by_year: bool) -> bool {
        if self.month_days.is_empty() && self.days.is_empty() {
            return day.day() == start.day();
        }
        // From the beginning, and from the end, both counted from 1.
        let place = |at: u32, of: u32| (signed(at), -signed(of - at + 1));
        let length = u32::from(day.num_days_in_month());
        let (of_month, from_end) = place(day.day(), length);
        if !self.month_days.is_empty()
            && !self.month_days.iter().any(|one| [of_month, from_end].contains(one))
        {
            return false;
        }
        let year_days = if day.leap_year() { 366 } else { 365 };
        let (at, of) = if by_year { (day.ordinal(), year_days) } else { (day.day(), length) };
        let weeks = [signed((at - 1) / 7 + 1), -signed((of - at) / 7 + 1)];
        self.days.is_empty()
            || self
                .days
                .iter()
                .any(|(nth, weekday)| *weekday == day.weekday() && (*nth == 0 || weeks.contains(nth)))
    }
}

fn number(number: u32) -> impl Iterator<Item = i32> {
    i32::try_from(number).into_iter()
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A whole number from `least` to `most` that is not 0.
fn whole(text: &str, least: i32, most: i32) -> Option<i32> {
    text.parse().ok().filter(|number| (least..=most).contains(number) && *number != 0)
}

/// Up to a hundred of something.
fn list<T>(text: &str, one: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let items: Vec<&str> = text.split(',').take(101).collect();
    if items.len() > 100 { None } else { items.into_iter().map(one).collect() }
}

/// `MO`, `1MO`, `-1MO`.
fn weekday(text: &str) -> Option<(i32, Weekday)> {
    let (nth, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let day = match day {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    };
    if nth.is_empty() { Some((0, day)) } else { whole(nth, -53, 53).map(|nth| (nth, day)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(rule: &str, start: &str, count: usize) -> String {
        let days = days(rule, date(start).unwrap()).unwrap();
        let shown: Vec<String> =
            days.iter().take(count).map(|day| day.format("%Y%m%d").to_string()).collect();
        shown.join(" ")
    }

    #[test]
    fn yearly_holidays_are_found_as_the_standard_says() {
        let cases = [
            ("FREQ=YEARLY", "20270517", "20270517 20280517 20290517"),
            ("FREQ=YEARLY;INTERVAL=2", "20270517", "20270517 20290517 20310517"),
            ("FREQ=YEARLY;COUNT=2", "20270517", "20270517 20280517"),
            ("FREQ=YEARLY;UNTIL=20280516", "20270517", "20270517"),
            ("FREQ=YEARLY;UNTIL=20280517T000000Z", "20270517", "20270517 20280517"),
            // Days of leap years come in leap years.
            ("FREQ=YEARLY", "20280229", "20280229 20320229 20360229"),
            // May Day, early May bank holiday, spring bank holiday, Thanksgiving.
            ("FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=1", "20270501", "20270501 20280501"),
            ("FREQ=YEARLY;BYMONTH=5;BYDAY=1MO", "20270503", "20270503 20280501"),
            ("FREQ=YEARLY;BYDAY=-1MO;BYMONTH=5;WKST=MO", "20270531", "20270531 20280529"),
            ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "20271125", "20271125 20281123"),
            // Section 3.8.5.3: US presidential election day, every Friday the 13th, the 20th Monday of the year.
            (
                "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
                "20241105",
                "20241105 20281107 20321102",
            ),
            ("FREQ=YEARLY;BYMONTHDAY=13;BYDAY=FR", "20260213", "20260213 20260313 20261113"),
            ("FREQ=YEARLY;BYDAY=20MO", "20270517", "20270517 20280515 20290514"),
            ("FREQ=YEARLY;BYMONTHDAY=-1;BYMONTH=2", "20270228", "20270228 20280229"),
            // Long ago: counted from there, listed from 2020 on, with the first.
            ("FREQ=YEARLY;COUNT=52", "19700101", "19700101 20200101 20210101"),
        ];
        for (rule, start, expected) in cases {
            let count = expected.split(' ').count();
            assert_eq!(first(rule, start, count.max(2)), expected, "{rule}");
        }
        assert_eq!(days("FREQ=YEARLY", date("20270517").unwrap()).unwrap().len(), 74, "up to 2100");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (rule, says) in [
            ("FREQ=MONTHLY;BYMONTHDAY=1", "not FREQ=YEARLY"),
            ("", "not FREQ=YEARLY"),
            ("FREQ=YEARLY;BYSETPOS=1", "BYSETPOS"),
            ("FREQ=YEARLY;BYEASTER=1", "BYEASTER"),
            ("FREQ=YEARLY;INTERVAL=0", "INTERVAL=0"),
            ("FREQ=YEARLY;COUNT=0", "COUNT=0"),
            ("FREQ=YEARLY;BYMONTH=13", "BYMONTH=13"),
            ("FREQ=YEARLY;BYDAY=XX", "BYDAY=XX"),
            ("FREQ=YEARLY;BYDAY=\u{e9}", "BYDAY"),
            ("FREQ=YEARLY;BYMONTHDAY=1;BYDAY=1MO", "numbered BYDAY"),
            ("FREQ=YEARLY;UNTIL=later", "UNTIL=later"),
            ("FREQ", "FREQ"),
        ] {
            let error = days(rule, date("20270517").unwrap()).unwrap_err();
            assert!(error.contains(says), "{rule}: {error}");
        }
    }
}
