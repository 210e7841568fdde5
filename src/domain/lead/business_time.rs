//! Time that counts: minutes within the receiver's business hours, in their zone, across clock changes, and not on
//! their holidays.

use chrono::{Datelike, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use crate::domain::{
    content::rules::{BusinessHours, CalendarRules, Routing, calendar::Blackout},
    kernel::clock::{MINUTE_MS, UtcMs, utc},
    partner::Partner,
    program::cadence::resolve,
};

/// Most business days looked at: more than any clock needs, and an end to every search.
const DAYS_MAX: usize = 10_000;

/// When a receiver works.
#[derive(Debug, Clone)]
pub struct WorkingHours<'r> {
    /// Days of the week and hours of the day.
    pub hours: &'r BusinessHours,
    /// Whose clocks they go by.
    pub zone: Tz,
    /// Days on which nobody works, whatever day of the week.
    pub holidays: Vec<&'r Blackout>,
}

impl<'r> WorkingHours<'r> {
    /// Those of somebody at `partner` whose clocks show the time of `zone`.
    pub fn at_partner(
        routing: &'r Routing,
        calendar: &'r CalendarRules,
        partner: &Partner,
        zone: Tz,
    ) -> Self {
        let (slug, region) = (partner.slug.as_str(), partner.region);
        let theirs = calendar.blackouts.iter().filter(|blackout| blackout.whose.holds_for(slug, region));
        let holidays = theirs.filter(|blackout| blackout.stops_clocks).collect();
        Self { hours: routing.hours_for(slug, region), zone, holidays }
    }

    /// Those of somebody at the vendor: the hours of all, and the holidays of everybody.
    pub fn at_vendor(routing: &'r Routing, calendar: &'r CalendarRules, zone: Tz) -> Self {
        let everybodys = calendar.blackouts.iter().filter(|blackout| blackout.whose.is_everybody());
        let holidays = everybodys.filter(|blackout| blackout.stops_clocks).collect();
        Self { hours: &routing.business_hours, zone, holidays }
    }

    /// The instant by which `minutes` business minutes have passed since `start_ms`; `start_ms` itself for none.
    /// Clocks of more than 10,000 business days end there.
    pub fn add_minutes(&self, start_ms: UtcMs, minutes: u32) -> UtcMs {
        let mut left_ms = i64::from(minutes) * MINUTE_MS;
        if left_ms == 0 {
            return start_ms;
        }
        let mut last_ms = start_ms;
        for (open_ms, close_ms) in self.windows(start_ms) {
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

    /// Business milliseconds between two instants; 0 where `to_ms` is not after `from_ms`. Looks at 10,000 business
    /// days at most.
    pub fn elapsed_ms(&self, from_ms: UtcMs, to_ms: UtcMs) -> i64 {
        self.windows(from_ms)
            .take_while(|(open_ms, _)| *open_ms < to_ms)
            .map(|(open_ms, close_ms)| (close_ms.min(to_ms) - open_ms.max(from_ms)).max(0))
            .sum()
    }

    /// The end of the first business day, from the local day `on` on, that is not over at `now_ms`; `now_ms` where there is none
    /// within 10,000 business days.
    pub fn end_of_day_ms(&self, on: NaiveDate, now_ms: UtcMs) -> UtcMs {
        let midnight_ms = resolve(on.and_time(NaiveTime::MIN), self.zone).at_ms;
        let mut ends = self.windows(midnight_ms.max(now_ms)).map(|(_, close_ms)| close_ms);
        ends.find(|close_ms| *close_ms > now_ms).unwrap_or(now_ms)
    }

    /// Whether anybody works on that local day.
    fn is_open_on(&self, date: NaiveDate) -> bool {
        self.hours.days.contains(&date.weekday())
            && !self.holidays.iter().any(|blackout| blackout.on(date).is_some())
    }

    /// The hours of each business day, from the local day of `from_ms` on, in order.
    fn windows(&self, from_ms: UtcMs) -> impl Iterator<Item = (UtcMs, UtcMs)> {
        // Yesterday's hours are over: the clocks have shown today.
        let today = utc(from_ms).with_timezone(&self.zone).date_naive();
        // Weeks are limited too, so that hours without a day end the search.
        let open = today.iter_days().take(7 * DAYS_MAX).filter(|date| self.is_open_on(*date));
        open.take(DAYS_MAX).map(|date| {
            let at = |time: NaiveTime| resolve(NaiveDate::and_time(&date, time), self.zone).at_ms;
            (at(self.hours.start), at(self.hours.end))
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;
    use crate::domain::{
        content::{
            finding::Place,
            keys::Reference,
            rules::{
                calendar::{Stretch, Whose},
                tests::routing,
            },
        },
        kernel::{Random, clock::DAY_MS, random::SeededRandom},
        lead::route::tests::partner,
    };

    const MON_TO_FRI: &[Weekday] = &[Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];

    fn hours(days: &[Weekday], start: (u32, u32), end: (u32, u32)) -> BusinessHours {
        let time = |(hour, minute)| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        BusinessHours { days: days.to_vec(), start: time(start), end: time(end) }
    }

    fn office() -> BusinessHours {
        hours(MON_TO_FRI, (9, 0), (17, 0))
    }

    fn in_zone(hours: &BusinessHours, zone: Tz) -> WorkingHours<'_> {
        WorkingHours { hours, zone, holidays: Vec::new() }
    }

    fn ms(text: &str) -> UtcMs {
        chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_millis()
    }

    #[test]
    fn a_clock_started_on_friday_evening_runs_on_monday_morning() {
        let office = office();
        let london = in_zone(&office, Tz::Europe__London);
        let friday = ms("2027-01-15 18:30");
        assert_eq!(london.add_minutes(friday, 60), ms("2027-01-18 10:00"));
        assert_eq!(london.add_minutes(ms("2027-01-15 16:30"), 30), ms("2027-01-15 17:00"));
        assert_eq!(london.add_minutes(ms("2027-01-15 16:30"), 31), ms("2027-01-18 09:01"));
        assert_eq!(london.elapsed_ms(friday, ms("2027-01-18 09:45")), 45 * MINUTE_MS);
        assert_eq!(london.elapsed_ms(friday, friday - 1), 0);
        // Five business days over the spring change: the same local time.
        assert_eq!(london.add_minutes(ms("2027-03-25 10:00"), 2_400), ms("2027-04-01 09:00"));
    }

    #[test]
    fn holidays_do_not_count_for_those_who_have_them() {
        let rule = routing();
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let blackout = |name: &str, date: &str, partners: &[&str], stops_clocks| Blackout {
            name: name.to_owned(),
            whose: Whose {
                regions: Vec::new(),
                partners: partners
                    .iter()
                    .map(|slug| Reference { target: (*slug).to_owned(), place: Place::START })
                    .collect(),
            },
            days: vec![Stretch { first: day(date), last: day(date), title: None }],
            calendar: None,
            stops_clocks,
            place: Place::START,
        };
        let calendar = CalendarRules {
            blackouts: vec![
                blackout("Constitution Day", "2027-05-17", &["fjellvakt"], true),
                blackout("New Year", "2027-01-01", &[], true),
                blackout("Embargo", "2027-05-18", &[], false),
            ],
            ..CalendarRules::default()
        };
        let oslo = Tz::Europe__Oslo;
        let friday_16 = ms("2027-05-14 14:00");
        let fjellvakt = WorkingHours::at_partner(&rule, &calendar, &partner("fjellvakt"), oslo);
        assert_eq!(
            fjellvakt.add_minutes(friday_16, 120),
            ms("2027-05-18 08:00"),
            "the 17th is off, the 18th is not"
        );
        assert_eq!(fjellvakt.elapsed_ms(friday_16, ms("2027-05-18 08:00")), 120 * MINUTE_MS);
        let thornbury = WorkingHours::at_partner(&rule, &calendar, &partner("thornbury"), oslo);
        assert_eq!(thornbury.add_minutes(friday_16, 120), ms("2027-05-17 08:00"));
        let vendor = WorkingHours::at_vendor(&rule, &calendar, oslo);
        assert_eq!(vendor.add_minutes(ms("2026-12-31 15:00"), 120), ms("2027-01-04 09:00"));
    }

    #[test]
    fn a_day_ends_when_its_hours_do_or_on_the_next_business_day() {
        let hours = office();
        let london = in_zone(&hours, Tz::Europe__London);
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let friday_10 = ms("2027-01-15 10:00");
        assert_eq!(london.end_of_day_ms(day("2027-01-15"), friday_10), ms("2027-01-15 17:00"));
        assert_eq!(london.end_of_day_ms(day("2027-01-15"), ms("2027-01-15 17:00")), ms("2027-01-18 17:00"));
        assert_eq!(london.end_of_day_ms(day("2027-01-16"), friday_10), ms("2027-01-18 17:00"), "a Saturday");
        assert_eq!(london.end_of_day_ms(day("2027-01-20"), friday_10), ms("2027-01-20 17:00"));
        assert_eq!(
            london.end_of_day_ms(day("2027-01-04"), friday_10),
            ms("2027-01-15 17:00"),
            "a day that is over"
        );
    }

    #[test]
    fn hours_without_a_day_end_every_search() {
        let never = hours(&[], (9, 0), (17, 0));
        let never = in_zone(&never, Tz::Asia__Tokyo);
        assert_eq!(never.add_minutes(0, 60), 0);
        assert_eq!(never.elapsed_ms(0, DAY_MS), 0);
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
                    let working = in_zone(hours, zone);
                    let due_ms = working.add_minutes(from_ms, minutes);
                    let mut passed = 0;
                    let expected = (from..shown.len()).find(|at| {
                        passed += u32::from(counts(*at));
                        passed == minutes
                    });
                    if let Some(at) = expected {
                        let expected_ms = first + i64::try_from(at + 1).unwrap() * MINUTE_MS;
                        assert_eq!(due_ms, expected_ms, "{zone} {hours:?} from {from_ms} {minutes}");
                    }
                    let passed_ms = working.elapsed_ms(from_ms, due_ms);
                    assert_eq!(passed_ms, i64::from(minutes) * MINUTE_MS, "{zone} {hours:?}");
                }
            }
        }
    }
}
