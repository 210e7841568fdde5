//! Time that counts: minutes within the receiver's business hours, in their zone, across clock changes.

use chrono::{Datelike, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use crate::domain::{
    content::rules::BusinessHours,
    kernel::clock::{MINUTE_MS, UtcMs, utc},
    program::cadence::resolve,
};

/// Most business days looked at: more than any clock needs, and an end to every search.
const DAYS_MAX: usize = 10_000;

/// The instant by which `minutes` business minutes have passed since `start_ms`; `start_ms` itself for none.
/// Clocks of more than 10,000 business days end there.
pub fn add_minutes(hours: &BusinessHours, start_ms: UtcMs, minutes: u32, zone: Tz) -> UtcMs {
    let mut left_ms = i64::from(minutes) * MINUTE_MS;
    if left_ms == 0 {
        return start_ms;
    }
    let mut last_ms = start_ms;
    for (open_ms, close_ms) in windows(hours, start_ms, zone) {
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
pub fn elapsed_minutes(hours: &BusinessHours, from_ms: UtcMs, to_ms: UtcMs, zone: Tz) -> u32 {
    u32::try_from(elapsed_ms(hours, from_ms, to_ms, zone) / MINUTE_MS).unwrap_or(u32::MAX)
}

/// Business milliseconds between two instants; 0 where `to_ms` is not after `from_ms`. Looks at 10,000 business
/// days at most.
pub fn elapsed_ms(hours: &BusinessHours, from_ms: UtcMs, to_ms: UtcMs, zone: Tz) -> i64 {
    windows(hours, from_ms, zone)
        .take_while(|(open_ms, _)| *open_ms < to_ms)
        .map(|(open_ms, close_ms)| (close_ms.min(to_ms) - open_ms.max(from_ms)).max(0))
        .sum()
}

/// The hours of each business day, from the local day of `from_ms` on, in order.
fn windows(hours: &BusinessHours, from_ms: UtcMs, zone: Tz) -> impl Iterator<Item = (UtcMs, UtcMs)> {
    // Yesterday's hours are over: the clocks have shown today.
    let today = utc(from_ms).with_timezone(&zone).date_naive();
    // Weeks are limited too, so that hours without a day end the search.
    let open = today.iter_days().take(7 * DAYS_MAX).filter(|date| hours.days.contains(&date.weekday()));
    open.take(DAYS_MAX).map(move |date| {
        let at = |time: NaiveTime| resolve(NaiveDate::and_time(&date, time), zone).at_ms;
        (at(hours.start), at(hours.end))
    })
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;
    use crate::domain::kernel::{Random, clock::DAY_MS, random::SeededRandom};

    const MON_TO_FRI: &[Weekday] = &[Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];

    fn hours(days: &[Weekday], start: (u32, u32), end: (u32, u32)) -> BusinessHours {
        let time = |(hour, minute)| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        BusinessHours { days: days.to_vec(), start: time(start), end: time(end) }
    }

    fn office() -> BusinessHours {
        hours(MON_TO_FRI, (9, 0), (17, 0))
    }

    fn ms(text: &str) -> UtcMs {
        chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_millis()
    }

    #[test]
    fn a_clock_started_on_friday_evening_runs_on_monday_morning() {
        let london = Tz::Europe__London;
        let friday = ms("2027-01-15 18:30");
        assert_eq!(add_minutes(&office(), friday, 60, london), ms("2027-01-18 10:00"));
        assert_eq!(add_minutes(&office(), ms("2027-01-15 16:30"), 30, london), ms("2027-01-15 17:00"));
        assert_eq!(add_minutes(&office(), ms("2027-01-15 16:30"), 31, london), ms("2027-01-18 09:01"));
        assert_eq!(elapsed_minutes(&office(), friday, ms("2027-01-18 09:45"), london), 45);
        assert_eq!(elapsed_minutes(&office(), friday, friday - 1, london), 0);
        // Five business days over the spring change: the same local time.
        assert_eq!(add_minutes(&office(), ms("2027-03-25 10:00"), 2_400, london), ms("2027-04-01 09:00"));
    }

    #[test]
    fn hours_without_a_day_end_every_search() {
        let never = hours(&[], (9, 0), (17, 0));
        assert_eq!(add_minutes(&never, 0, 60, Tz::Asia__Tokyo), 0);
        assert_eq!(elapsed_ms(&never, 0, DAY_MS, Tz::Asia__Tokyo), 0);
    }

    #[test]
    fn agrees_with_an_oracle_that_walks_every_minute() {
        let all = [MON_TO_FRI, &[Weekday::Sat, Weekday::Sun]].concat();
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
            hours(&all, (0, 0), (1, 30)),
            hours(&[Weekday::Sat, Weekday::Sun], (1, 15), (3, 0)),
            hours(&[Weekday::Fri, Weekday::Sun], (22, 0), (23, 59)),
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
                    hours.days.contains(&shown.weekday())
                        && shown.time() >= hours.start
                        && shown.time() < hours.end
                };
                for _ in 0..12 {
                    let from = usize::try_from(pick(6 * 1_440)).unwrap();
                    let from_ms = first + i64::try_from(from).unwrap() * MINUTE_MS;
                    let minutes = u32::try_from(1 + pick(200)).unwrap();
                    let due_ms = add_minutes(hours, from_ms, minutes, zone);
                    let mut passed = 0;
                    let expected = (from..shown.len()).find(|at| {
                        passed += u32::from(counts(*at));
                        passed == minutes
                    });
                    if let Some(at) = expected {
                        let expected_ms = first + i64::try_from(at + 1).unwrap() * MINUTE_MS;
                        assert_eq!(due_ms, expected_ms, "{zone} {hours:?} from {from_ms} {minutes}");
                    }
                    assert_eq!(elapsed_minutes(hours, from_ms, due_ms, zone), minutes, "{zone} {hours:?}");
                }
            }
        }
    }
}
