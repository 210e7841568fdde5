//! Where the cadence walks, and what clock changes do to it. A minute-walking oracle is in `tests/it/cadence`.

use super::*;

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
    let cases: [(&str, &[&str]); 15] = [
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
        ("every business day at 09:00", &["2027-01-01 09:00", "2027-01-04 09:00", "2027-01-05 09:00"]),
        ("every week from 2027-01-06 at 09:00", &["2027-01-06 09:00", "2027-01-13 09:00"]),
        ("0 9 1,15 * *", &["2027-01-01 09:00", "2027-01-15 09:00", "2027-02-01 09:00"]),
        ("0 9 29 2 *", &["2028-02-29 09:00", "2032-02-29 09:00"]),
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
    for (text, sentence) in [
        ("daily at 09:00", "every day at 09:00"),
        ("every business day at 09:00", "every business day (Monday to Friday) at 09:00"),
        ("every week from 2027-01-06 at 09:00", "every week on Wednesday at 09:00, counted from 2027-01-06"),
        (
            "0 9 31 * *",
            "on day 31 of each month at 09:00 (cron `0 9 31 * *`), and never in months without a day 31",
        ),
        ("0 9 29 2 *", "on day 29 of February at 09:00 (cron `0 9 29 2 *`), so only in leap years"),
        ("0 9 31 1,3 *", "on day 31 of January and March at 09:00 (cron `0 9 31 1,3 *`)"),
        (
            "5 9 1-7,15,31 * *",
            "on days 1 to 7, 15 and 31 of each month at 09:05 (cron `5 9 1-7,15,31 * *`), leaving out \
          days that a month lacks",
        ),
        (
            "0 9 * * Mon,wed,Friday",
            "every Monday, Wednesday and Friday at 09:00 (cron `0 9 * * Mon,Wed,Fri`)",
        ),
        ("0 9 * 7 *", "every day in July at 09:00 (cron `0 9 * 7 *`)"),
    ] {
        assert_eq!(cadence(text).describe(), sentence, "{text}");
    }
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

#[test]
fn what_a_quarter_has_not_is_said_of_the_quarter() {
    let says = |text: &str| Cadence::parse(text).unwrap_err().public().to_owned();
    assert_eq!(
        says("quarterly, fifth Monday at 09:00"),
        "`quarterly, fifth Monday at 09:00` is not a cadence: a quarter's day is one of its first month, which has four Mondays \
         in most quarters and seldom five; use `last`, which is the fifth where there is one: `quarterly, last Monday at 09:00`"
    );
    assert!(says("quarterly, tenth Monday").contains("no place in a quarter's first month"));
    assert!(says("fifth Monday").contains("most months have no fifth Monday"));
}
