//! Time that counts: minutes within the receiver's business hours, in their zone, across clock changes.

use chrono::{Datelike, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;

use crate::domain::{
    kernel::clock::{MINUTE_MS, UtcMs, utc},
    program::cadence::resolve,
};

/// Most business days looked at: more than any clock needs, and an end to every search.
const DAYS_MAX: usize = 10_000;

/// Weekly business hours. A day's hours run from the first instant at which the clocks show `start` or later to
/// the first at which they show `end` or later.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "HoursText")]
pub struct BusinessHours {
    days: [bool; 7],
    start: NaiveTime,
    end: NaiveTime,
}

/// As `routing.toml` writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoursText {
    days: Vec<String>,
    start: String,
    end: String,
}

const DAY_WORDS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl TryFrom<HoursText> for BusinessHours {
    type Error = String;

    fn try_from(text: HoursText) -> Result<Self, String> {
        let mut days = [false; 7];
        for word in &text.days {
            let at = DAY_WORDS.iter().position(|day| day == word);
            let at = at.ok_or_else(|| format!("`{word}` is no day; use {}", DAY_WORDS.join(", ")))?;
            days[at] = true;
        }
        let time = |text: &str| {
            NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| format!("`{text}` is no time; write HH:MM"))
        };
        let (start, end) = (time(&text.start)?, time(&text.end)?);
        if !days.contains(&true) {
            return Err("business_hours.days names no day".to_owned());
        }
        // An hour at least, so that no clock change can swallow every day's hours and no search runs for long.
        if end - start < chrono::Duration::hours(1) {
            return Err("business_hours.end must be at least an hour after start".to_owned());
        }
        Ok(Self { days, start, end })
    }
}

impl BusinessHours {
    /// The instant by which `minutes` business minutes have passed since `start_ms`; `start_ms` itself for none.
    /// Clocks of more than 10,000 business days end there.
    pub fn add_minutes(&self, start_ms: UtcMs, minutes: u32, zone: Tz) -> UtcMs {
        let mut left_ms = i64::from(minutes) * MINUTE_MS;
        if left_ms == 0 {
            return start_ms;
        }
        let mut last_ms = start_ms;
        for (open_ms, close_ms) in self.windows(start_ms, zone) {
            let open_ms = open_ms.max(start_ms);
            if close_ms <= open_ms {
                continue;
            }
            if close_ms - open_ms >= left_ms {
                return open_ms + left_ms;
            }
            left_ms -= close_ms - open_ms;
            last_ms = close_ms;
        }
        last_ms
    }

    /// Whole business minutes between two instants; 0 where `to_ms` is not after `from_ms`.
    pub fn elapsed_minutes(&self, from_ms: UtcMs, to_ms: UtcMs, zone: Tz) -> u32 {
        u32::try_from(self.elapsed_ms(from_ms, to_ms, zone) / MINUTE_MS).unwrap_or(u32::MAX)
    }

    /// Business milliseconds between two instants; 0 where `to_ms` is not after `from_ms`. Looks at 10,000
    /// business days at most.
    pub fn elapsed_ms(&self, from_ms: UtcMs, to_ms: UtcMs, zone: Tz) -> i64 {
        self.windows(from_ms, zone)
            .take_while(|(open_ms, _)| *open_ms < to_ms)
            .map(|(open_ms, close_ms)| (close_ms.min(to_ms) - open_ms.max(from_ms)).max(0))
            .sum()
    }

    /// The hours of each business day, from the local day of `from_ms` on, in order.
    fn windows(&self, from_ms: UtcMs, zone: Tz) -> impl Iterator<Item = (UtcMs, UtcMs)> {
        let today = utc(from_ms).with_timezone(&zone).date_naive();
        // Yesterday's hours are over: the clocks have shown today.
        today.iter_days().filter(|date| self.opens_on(date.weekday())).take(DAYS_MAX).map(move |date| {
            let at = |time: NaiveTime| resolve(NaiveDate::and_time(&date, time), zone).at_ms;
            (at(self.start), at(self.end))
        })
    }

    fn opens_on(&self, day: Weekday) -> bool {
        usize::try_from(day.num_days_from_monday()).is_ok_and(|at| self.days[at])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::kernel::{Random, clock::DAY_MS, random::SeededRandom};

    pub fn hours(days: &[&str], start: &str, end: &str) -> Result<BusinessHours, String> {
        let days = days.iter().map(|day| (*day).to_owned()).collect();
        HoursText { days, start: start.to_owned(), end: end.to_owned() }.try_into()
    }

    pub fn office() -> BusinessHours {
        hours(&["mon", "tue", "wed", "thu", "fri"], "09:00", "17:00").unwrap()
    }

    fn ms(text: &str) -> UtcMs {
        chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_millis()
    }

    #[test]
    fn a_clock_started_on_friday_evening_runs_on_monday_morning() {
        let london = Tz::Europe__London;
        let friday = ms("2027-01-15 18:30");
        assert_eq!(office().add_minutes(friday, 60, london), ms("2027-01-18 10:00"));
        assert_eq!(office().add_minutes(ms("2027-01-15 16:30"), 30, london), ms("2027-01-15 17:00"));
        assert_eq!(office().add_minutes(ms("2027-01-15 16:30"), 31, london), ms("2027-01-18 09:01"));
        assert_eq!(office().elapsed_minutes(friday, ms("2027-01-18 09:45"), london), 45);
        assert_eq!(office().elapsed_minutes(friday, friday - 1, london), 0);
        // Five business days over the spring change: the same local time.
        assert_eq!(office().add_minutes(ms("2027-03-25 10:00"), 2_400, london), ms("2027-04-01 09:00"));
    }

    #[test]
    fn hours_that_cannot_be_are_refused() {
        assert!(hours(&["mon", "tuesday"], "09:00", "17:00").unwrap_err().contains("tuesday"));
        assert!(hours(&[], "09:00", "17:00").is_err());
        assert!(hours(&["mon"], "17:00", "09:00").is_err());
        assert!(hours(&["mon"], "9am", "17:00").is_err());
    }

    #[test]
    fn agrees_with_an_oracle_that_walks_every_minute() {
        let all = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let windows = [
            (Tz::America__New_York, "2026-03-08 00:00"),
            (Tz::America__New_York, "2026-11-01 00:00"),
            (Tz::Australia__Lord_Howe, "2027-04-04 00:00"),
            (Tz::America__Sao_Paulo, "2018-11-04 00:00"),
            (Tz::America__Sao_Paulo, "2018-02-18 00:00"),
            (Tz::Pacific__Apia, "2011-12-30 00:00"),
            (Tz::Asia__Kolkata, "2027-01-15 00:00"),
        ];
        let random = SeededRandom::new(7);
        let pick = |n: i64| i64::try_from(random.next_u64() % 1_000_000).unwrap() % n;
        let schedules = [
            office(),
            hours(&all, "00:00", "01:30").unwrap(),
            hours(&["sat", "sun"], "01:15", "03:00").unwrap(),
            hours(&["fri", "sun"], "22:00", "23:59").unwrap(),
        ];
        for (zone, around) in windows {
            let (first, end) = (ms(around) - 5 * DAY_MS, ms(around) + 5 * DAY_MS);
            // The latest time the clocks have shown so far, minute by minute.
            let mut latest = utc(first - DAY_MS).with_timezone(&zone).naive_local();
            let shown: Vec<_> = (first..end)
                .step_by(60_000)
                .map(|at_ms| {
                    latest = latest.max(utc(at_ms).with_timezone(&zone).naive_local());
                    latest
                })
                .collect();
            for hours in &schedules {
                let counts = |at: usize| {
                    let shown = shown[at];
                    hours.opens_on(shown.weekday()) && shown.time() >= hours.start && shown.time() < hours.end
                };
                for _ in 0..12 {
                    let from = usize::try_from(pick(6 * 1_440)).unwrap();
                    let from_ms = first + i64::try_from(from).unwrap() * MINUTE_MS;
                    let minutes = u32::try_from(1 + pick(200)).unwrap();
                    let due_ms = hours.add_minutes(from_ms, minutes, zone);
                    let mut passed = 0;
                    let expected = (from..shown.len()).find(|at| {
                        passed += u32::from(counts(*at));
                        passed == minutes
                    });
                    if let Some(at) = expected {
                        let expected_ms = first + i64::try_from(at + 1).unwrap() * MINUTE_MS;
                        assert_eq!(due_ms, expected_ms, "{zone} {hours:?} from {from_ms} {minutes}");
                    }
                    assert_eq!(hours.elapsed_minutes(from_ms, due_ms, zone), minutes, "{zone} {hours:?}");
                }
            }
        }
    }
}
