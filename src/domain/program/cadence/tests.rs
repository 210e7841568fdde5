use std::collections::BTreeSet;

use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};
use chrono_tz::Tz;

use super::*;
use crate::domain::kernel::{
    Random,
    clock::{DAY_MS, MINUTE_MS, utc},
    random::SeededRandom,
};

fn cadence(text: &str) -> Cadence {
    Cadence::parse(text).unwrap_or_else(|error| panic!("{}", error.public()))
}

fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
}

fn ms(text: &str) -> UtcMs {
    local(text).and_utc().timestamp_millis()
}

fn nominals(text: &str, after: &str, count: usize) -> Vec<String> {
    let cadence = cadence(text);
    let mut at = local(after);
    (0..count)
        .map(|_| {
            at = cadence.next_nominal(at).unwrap();
            at.format("%Y-%m-%d %H:%M").to_string()
        })
        .collect()
}

#[test]
fn readable_forms_walk_the_calendar() {
    let cases: [(&str, &[&str]); 11] = [
        ("second Tuesday at 09:00", &["2027-01-12 09:00", "2027-02-09 09:00", "2027-03-09 09:00"]),
        ("last Friday at 17:00", &["2027-01-29 17:00", "2027-02-26 17:00"]),
        ("weekly on Wednesday at 08:00", &["2027-01-06 08:00", "2027-01-13 08:00"]),
        ("monthly on day 31 at 09:00", &["2027-01-31 09:00", "2027-02-28 09:00", "2027-03-31 09:00"]),
        ("last business day at 17:00", &["2027-01-29 17:00", "2027-02-26 17:00", "2027-03-31 17:00"]),
        ("first business day at 09:00", &["2027-01-01 09:00", "2027-02-01 09:00"]),
        ("quarterly, first Monday at 09:00", &["2027-01-04 09:00", "2027-04-05 09:00"]),
        ("quarterly, last business day at 17:00", &["2027-03-31 17:00", "2027-06-30 17:00"]),
        ("every 2 weeks from 2027-01-06 at 09:00", &["2027-01-06 09:00", "2027-01-20 09:00"]),
        ("daily at 00:00", &["2027-01-02 00:00"]),
        ("0 9 * * Mon-Fri", &["2027-01-01 09:00", "2027-01-04 09:00"]),
    ];
    for (text, expected) in cases {
        assert_eq!(nominals(text, "2027-01-01 00:00", expected.len()), expected, "{text}");
        assert_eq!(cadence(&cadence(text).to_string()), cadence(text), "canonical text reads back");
        assert_eq!(nominals(text, expected[0], 1).len(), 1);
        assert_ne!(nominals(text, expected[0], 1)[0], expected[0], "strictly after");
    }
}

#[test]
fn sentences_say_what_happens_in_short_months() {
    assert_eq!(
        cadence("2nd TUESDAY of the month at 09:00").describe(),
        "the second Tuesday of each month at 09:00"
    );
    assert_eq!(
        cadence("monthly on day 31 at 09:00").describe(),
        "on day 31 of each month at 09:00, or on the month's last day where there is no day 31"
    );
    assert!(cadence("0 9 31 * *").describe().ends_with("never in months without a day 31"));
    assert_eq!(cadence("daily at 09:00").describe(), "every day at 09:00");
}

#[test]
fn errors_say_what_was_meant() {
    for (text, hint) in [
        ("second Tusday at 09:00", "did you mean Tuesday?"),
        ("secnd Tuesday at 09:00", "did you mean `second`?"),
        ("fifth Tuesday at 09:00", "use `last`"),
        ("second Tuesday", "end it with `at 09:00`"),
        ("second Tuesday at 9 am", "HH:MM"),
        ("daily at 24:00", "HH:MM"),
        ("dayly at 09:00", "did you mean `daily`?"),
        ("weekly at 09:00", "weekly on Wednesday"),
        ("Tuesday at 09:00", "how often"),
        ("monthly on day 32 at 09:00", "1 to 31"),
        ("every 2 weeks at 09:00", "from which day"),
        ("every 0 weeks from 2027-01-06 at 09:00", "out of range"),
        ("every 2 weeks from 2027-02-30 at 09:00", "not a date"),
        ("0 9 * * 2", "name the weekday"),
        ("0 9 8-14 * Tue", "`second Tuesday at 09:00`"),
        ("*/30 9 * * *", "more than once an hour"),
        ("0 9 30 2 *", "never comes"),
        ("0 0 9 * * Tue", "five fields"),
        ("@daily", "five fields"),
        ("0 25 * * *", "five fields"),
        ("", "names no time"),
    ] {
        let error = Cadence::parse(text).unwrap_err();
        assert!(error.public().contains(hint), "{text}: {}", error.public());
    }
    assert!(Cadence::parse(&"x".repeat(1_000_000)).is_err());
}

#[test]
fn clock_changes_move_or_keep_the_time_and_say_so() {
    let at = |text: &str, zone: Tz| resolve(local(text), zone);
    let gap = at("2026-03-08 02:30", Tz::America__New_York);
    assert_eq!(gap.at_ms, ms("2026-03-08 07:00"), "first valid instant, 03:00 EDT");
    assert_eq!(gap.note, Some(ClockNote::Gap { moved_by_minutes: 30 }));
    let fold = at("2026-11-01 01:30", Tz::America__New_York);
    assert_eq!((fold.at_ms, fold.note), (ms("2026-11-01 05:30"), Some(ClockNote::OverlapFirst)));
    assert_eq!(at("2018-11-04 00:00", Tz::America__Sao_Paulo).at_ms, ms("2018-11-04 03:00"));
    assert_eq!(at("2026-10-04 02:15", Tz::Australia__Lord_Howe).at_ms, ms("2026-10-03 15:30"));
    assert_eq!(
        at("2011-12-30 09:00", Tz::Pacific__Apia).at_ms,
        ms("2011-12-30 10:00"),
        "a day that never was"
    );
}

#[test]
fn asking_again_never_repeats_an_hour_that_the_clocks_repeat() {
    let daily = cadence("daily at 01:30");
    // The second 01:10 of the autumn night: today's issue has gone out already.
    let next = daily.next_instants(Tz::America__New_York, ms("2026-11-01 06:10"), 1);
    assert_eq!(next[0].nominal, local("2026-11-02 01:30"));
    // Between the skipped 02:30 and the instant it moved to there is nothing: the next is tomorrow.
    let moved = cadence("daily at 02:30").next_instants(Tz::America__New_York, ms("2026-03-08 07:00"), 1);
    assert_eq!(moved[0].nominal, local("2026-03-09 02:30"));
}

/// A rule as the oracle reads it: naive field matching, sharing nothing with the generator.
struct Naive {
    text: String,
    time: NaiveTime,
    day: Box<dyn Fn(NaiveDate) -> bool>,
}

fn days_in_month(date: NaiveDate) -> u32 {
    (28..=31).filter(|d| date.with_day(*d).is_some()).max().unwrap()
}

fn business(date: NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

fn some_rule(random: &SeededRandom) -> Naive {
    let pick = |n: u64| random.next_u64() % n;
    let number = |n: u64| u32::try_from(pick(n)).unwrap();
    // Clock changes happen at night, so that is where most times are tried.
    let (hour, minute) = (if pick(3) == 0 { number(24) } else { number(4) }, number(12) * 5);
    let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
    let weekday =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun]
            [usize::try_from(pick(7)).unwrap()];
    let (place, word) = [(1, "first"), (2, "second"), (3, "third"), (4, "fourth"), (0, "last")]
        [usize::try_from(pick(5)).unwrap()];
    let nth = move |date: NaiveDate| {
        date.weekday() == weekday
            && if place == 0 { date.day() + 7 > days_in_month(date) } else { date.day().div_ceil(7) == place }
    };
    let quarter_month = if place == 0 { 2 } else { 0 };
    let number_of_month = number(31) + 1;
    let (text, day): (String, Box<dyn Fn(NaiveDate) -> bool>) = match pick(8) {
        0 => ("daily".to_owned(), Box::new(|_| true)),
        1 => (format!("weekly on {}", weekday_name(weekday)), Box::new(move |d| d.weekday() == weekday)),
        2 => (format!("{word} {}", weekday_name(weekday)), Box::new(nth)),
        3 => (
            format!("quarterly, {word} {}", weekday_name(weekday)),
            Box::new(move |d| d.month0() % 3 == quarter_month && nth(d)),
        ),
        4 => (
            format!("monthly on day {number_of_month}"),
            Box::new(move |d| d.day() == number_of_month.min(days_in_month(d))),
        ),
        5 => (
            "last business day".to_owned(),
            Box::new(|d| {
                business(d)
                    && (d.day() + 1..=days_in_month(d)).all(|later| !business(d.with_day(later).unwrap()))
            }),
        ),
        6 => {
            let from = NaiveDate::from_ymd_opt(1990, 1, 3).unwrap();
            (format!("every 2 weeks from {from}"), Box::new(move |d| (d - from).num_days() % 14 == 0))
        }
        _ => {
            let text = format!("{minute} {hour} * * {weekday}");
            return Naive { text, time, day: Box::new(move |d| d.weekday() == weekday) };
        }
    };
    Naive { text: format!("{text} at {hour:02}:{minute:02}"), time, day }
}

#[test]
fn agrees_with_an_oracle_that_walks_every_minute() {
    // A window of days around each clock change, and one around each date line jump.
    let windows = [
        (Tz::America__New_York, "2026-03-08 00:00"),
        (Tz::America__New_York, "2026-11-01 00:00"),
        (Tz::Europe__Berlin, "2027-03-28 00:00"),
        (Tz::Europe__Berlin, "2027-10-31 00:00"),
        (Tz::Australia__Lord_Howe, "2026-10-04 00:00"),
        (Tz::Australia__Lord_Howe, "2027-04-04 00:00"),
        (Tz::Australia__Adelaide, "2026-10-04 00:00"),
        (Tz::America__Santiago, "2027-09-05 00:00"),
        (Tz::America__Santiago, "2027-04-04 00:00"),
        (Tz::America__Sao_Paulo, "2018-11-04 00:00"),
        (Tz::America__Sao_Paulo, "2018-02-18 00:00"),
        (Tz::Asia__Beirut, "2027-03-28 00:00"),
        (Tz::Asia__Kolkata, "2027-01-15 00:00"),
        (Tz::Pacific__Apia, "2011-12-30 00:00"),
        (Tz::Pacific__Kiritimati, "1995-01-01 00:00"),
    ];
    let random = SeededRandom::new(20_270_112);
    for (zone, around) in windows {
        let (start, end) = (ms(around) - 18 * DAY_MS, ms(around) + 18 * DAY_MS);
        // The first instant at which the clocks have shown each nominal minute, or a later one.
        let mut shown = Vec::new();
        let first = utc(start - MINUTE_MS).with_timezone(&zone).naive_local();
        let mut latest = first;
        for at_ms in (start..end).step_by(60_000) {
            let now = utc(at_ms).with_timezone(&zone).naive_local();
            while latest < now {
                latest += Duration::minutes(1);
                shown.push((latest, at_ms));
            }
        }
        for _ in 0..24 {
            let rule = some_rule(&random);
            let expected: BTreeSet<UtcMs> = shown
                .iter()
                .filter(|(nominal, _)| {
                    nominal.minute() == rule.time.minute()
                        && nominal.time() == rule.time
                        && (rule.day)(nominal.date())
                })
                .map(|(_, at_ms)| *at_ms)
                .collect();
            let found = cadence(&rule.text).next_instants(zone, start - 1, 60);
            assert!(
                found.windows(2).all(|pair| pair[0].resolved.at_ms < pair[1].resolved.at_ms),
                "monotone, no doubles"
            );
            let never_early =
                |o: &Occurrence| utc(o.resolved.at_ms).with_timezone(&zone).naive_local() >= o.nominal;
            assert!(found.iter().all(never_early), "{} in {zone}", rule.text);
            let found: Vec<UtcMs> =
                found.iter().map(|o| o.resolved.at_ms).filter(|at_ms| *at_ms < end).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{} in {zone}", rule.text);
        }
    }
}
