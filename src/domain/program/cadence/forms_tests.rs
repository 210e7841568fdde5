//! What can be written, and what is said to those who write something else.

use chrono::Datelike;
use proptest::prelude::*;

use super::*;

/// The canonical text.
fn read(text: &str) -> Result<String, String> {
    Cadence::parse(text).map(|cadence| cadence.to_string()).map_err(|error| error.public().to_owned())
}

/// The cadences in backticks behind the refused text.
fn forms(text: &str, message: &str) -> Vec<String> {
    let said = message.strip_prefix(&format!("`{}`", text.trim())).unwrap_or(message);
    said.split('`').filter(|form| Cadence::parse(form).is_ok()).map(str::to_owned).collect()
}

/// The canonical text, and what else is read as it.
const TAKEN: &[(&str, &[&str])] = &[
    (
        "weekly on Tuesday at 09:00",
        &[
            "every Tuesday at 09:00",
            "Tuesdays at 9am",
            "on Tuesdays at 9:00",
            "each tue at 9 a.m.",
            "every week on Tuesday at 09:00",
            "weekly Tues at 09:00",
            "once a week on Tuesday at 09:00",
            "0 9 * * Tue",
            "00 09 * * tuesday",
            "0 9 * * Tues",
        ],
    ),
    (
        "every business day at 09:00",
        &[
            "weekdays at 09:00",
            "every weekday at 9:00",
            "every working day at 09:00",
            "Mon-Fri at 09:00",
            "Monday to Friday at 09:00",
            "0 9 * * Mon-Fri",
            "0 9 * * Mon,Tue,Wed,Thu,Fri",
        ],
    ),
    (
        "daily at 12:00",
        &["every day at noon", "daily at 12:00", "once a day at noon", "0 12 * * *", "0 12 1-31 1-12 *"],
    ),
    (
        "monthly on day 15 at 21:30",
        &[
            "monthly on the 15th at 9:30pm",
            "on the 15th at 21:30",
            "the 15th of each month at 21:30",
            "every month on day 15 at 21:30",
            "day 15 of the month at 9:30 p.m.",
            "once a month on the 15th at 21:30",
            "every 15th at 21:30",
            "30 21 15 * *",
        ],
    ),
    ("monthly on day 31 at 09:00", &["last day of the month at 09:00", "monthly on day 31 at 09:00"]),
    (
        "second Tuesday at 09:00",
        &[
            "2nd Tuesday of the month at 09:00",
            "the second Tuesday of every month at 9am",
            "every month on the second Tuesday at 09:00",
            "monthly, second Tuesday at 09:00",
            "every month on the 2nd tue at 09:00",
        ],
    ),
    ("first Monday at 09:00", &["every first Monday at 09:00", "1st Monday at 09:00"]),
    (
        "last business day at 17:00",
        &[
            "last weekday of the month at 17:00",
            "every last working day at 5pm",
            "last business day of each month at 17:00",
        ],
    ),
    (
        "quarterly, first Monday at 09:00",
        &[
            "every quarter on the first Monday at 09:00",
            "first Monday of the quarter at 09:00",
            "first Monday of each quarter at 09:00",
            "quarterly on the 1st Monday at 09:00",
        ],
    ),
    (
        "quarterly, on day 15 at 09:00",
        &[
            "quarterly on the 15th at 09:00",
            "quarterly, day 15 at 09:00",
            "0 9 15 1,4,7,10 *",
            "0 9 15 jan,April,JUL,Oct *",
            "0 9 15 */3 *",
        ],
    ),
    (
        "every 2 weeks from 2027-01-06 at 09:00",
        &[
            "every two weeks from 2027-01-06 at 09:00",
            "every other week from 2027-01-06 at 09:00",
            "fortnightly starting 2027-01-06 at 09:00",
            "every 2 weeks on Wednesday from 2027-1-6 at 09:00",
        ],
    ),
    (
        "every week from 2027-01-06 at 09:00",
        &["every 1 weeks from 2027-01-06 at 09:00", "every Wednesday from 2027-01-06 at 09:00"],
    ),
];

#[test]
fn what_can_be_read_in_one_way_is_taken() {
    for (canonical, texts) in TAKEN {
        assert_eq!(read(canonical).as_deref(), Ok(*canonical));
        for text in *texts {
            assert_eq!(read(text).as_deref(), Ok(*canonical), "{text}");
        }
    }
}

#[test]
fn the_guide_names_forms_as_they_are_written() {
    use crate::domain::content::{AssetKind, guide};
    for (form, _) in guide::cadences(AssetKind::Newsletter) {
        assert_eq!(read(form).as_deref(), Ok(*form));
    }
    for form in forms("", &format!("` {}", parse::FORMS)) {
        assert_eq!(read(&form).as_deref(), Ok(form.as_str()));
    }
}

/// Each with the forms it names, in their order.
const REFUSED: &[(&str, &[&str])] = &[
    // Without a time, or with one that is none.
    ("last business day", &["last business day at 09:00"]),
    ("quarterly, first Monday", &["quarterly, first Monday at 09:00"]),
    ("every 2 weeks from 2027-01-06", &["every 2 weeks from 2027-01-06 at 09:00"]),
    ("daily 9am", &["daily at 09:00"]),
    ("at 09:00 on Tuesdays", &["weekly on Tuesday at 09:00"]),
    ("9am every Tuesday", &["weekly on Tuesday at 09:00"]),
    ("daily at 0930", &["daily at 09:30"]),
    ("daily at 9h30", &["daily at 09:30"]),
    ("daily at 09:00:00", &["daily at 09:00"]),
    ("daily at 24:00", &["daily at 23:59"]),
    ("daily at 12am", &["daily at 00:00"]),
    ("daily at 12 p.m.", &["daily at 12:00"]),
    ("last Friday at midnight", &["last Friday at 00:00"]),
    ("daily at 13pm", &["daily at 13:00"]),
    ("daily at 25:00", &["daily at 09:00"]),
    ("daily at 09:00 and 17:00", &["daily at 09:00"]),
    ("Tuesday at 9", &["weekly on Tuesday at 09:00", "second Tuesday at 09:00"]),
    // With a zone, which is another key's.
    ("every Tuesday at 09:00 Europe/Berlin", &["weekly on Tuesday at 09:00"]),
    ("every Tuesday at 09:00 (europe/berlin time)", &["weekly on Tuesday at 09:00"]),
    ("every Tuesday at 09:00 UTC", &["weekly on Tuesday at 09:00"]),
    ("every Tuesday at 09:00 PST", &["weekly on Tuesday at 09:00"]),
    ("last business day at 17:00 in partner's time", &["last business day at 17:00"]),
    // With two meanings.
    ("every second Tuesday at 09:00", &["second Tuesday at 09:00", "every 2 weeks from 2027-01-05 at 09:00"]),
    ("every third Friday at 09:00", &["third Friday at 09:00", "every 3 weeks from 2027-01-08 at 09:00"]),
    ("every other Tuesday at 9am", &["every 2 weeks from 2027-01-05 at 09:00"]),
    ("every 2 weeks on Thursday at 09:00", &["every 2 weeks from 2027-01-07 at 09:00"]),
    ("biweekly on Tuesday at 09:00", &["every 2 weeks from 2027-01-05 at 09:00"]),
    ("fortnightly on Tuesday at 09:00", &["every 2 weeks from 2027-01-05 at 09:00"]),
    ("Tuesday at 09:00", &["weekly on Tuesday at 09:00", "second Tuesday at 09:00"]),
    ("twice a month", &["every 2 weeks from 2027-01-06 at 09:00", "0 9 1,15 * *"]),
    ("bimonthly at 10:30", &["every 2 weeks from 2027-01-06 at 10:30", "30 10 1,15 * *"]),
    // With more days than a form has.
    ("1st and 3rd Tuesday at 09:00", &["first Tuesday at 09:00", "every 2 weeks from 2027-01-05 at 09:00"]),
    ("on the 1st and 15th at 09:00", &["0 9 1,15 * *"]),
    ("Tuesdays and Thursdays at 09:00", &["0 9 * * Tue,Thu"]),
    ("Monday to Thursday at 09:00", &["0 9 * * Mon-Thu"]),
    ("weekly on Saturday and Sunday at 09:00", &["0 9 * * Sat,Sun"]),
    ("twice a week at 10:15", &["15 10 * * Tue,Thu"]),
    // Days that are not there.
    ("fifth Tuesday at 09:00", &["last Tuesday at 09:00"]),
    ("quarterly, fifth Monday", &["quarterly, last Monday at 09:00"]),
    ("5th Tuesday", &["last Tuesday at 09:00"]),
    ("monthly on day 32 at 09:00", &["monthly on day 31 at 09:00"]),
    ("quarterly, on day 32", &["quarterly, on day 30 at 09:00", "quarterly, last business day at 09:00"]),
    ("2 weeks", &["every 2 weeks from 2027-01-06 at 09:00"]),
    ("2 weeks from 2027-01-07 at 08:00", &["every 2 weeks from 2027-01-07 at 08:00"]),
    ("two weeks on Tuesday", &["every 2 weeks from 2027-01-05 at 09:00"]),
    ("9 am on Tuesdays", &["weekly on Tuesday at 09:00"]),
    ("day 0 at 09:00", &["monthly on day 31 at 09:00"]),
    ("second business day at 09:00", &["first business day at 09:00", "last business day at 09:00"]),
    ("quarterly, last day at 09:00", &["quarterly, last business day at 09:00"]),
    ("quarterly on day 10 of month 2 at 09:00", &["quarterly, on day 10 at 09:00", "0 9 10 2,5,8,11 *"]),
    ("quarterly, third month, day 1 at 09:00", &["quarterly, on day 1 at 09:00", "0 9 1 3,6,9,12 *"]),
    ("every 2 weeks from 2027-02-30 at 09:00", &["every 2 weeks from 2027-02-28 at 09:00"]),
    ("every 2 weeks from 9999-12-31 at 09:00", &["every 2 weeks from 2027-01-06 at 09:00"]),
    ("every 2 weeks from 6.1.2027 at 09:00", &["every 2 weeks from 2027-01-06 at 09:00"]),
    ("every 2 weeks on Tuesday from 2027-01-06 at 09:00", &["every 2 weeks from 2027-01-05 at 09:00"]),
    ("every 0 weeks from 2027-01-06 at 09:00", &["every 2 weeks from 2027-01-06 at 09:00"]),
    // Rhythms that are none of ours.
    ("hourly", &["daily at 09:00"]),
    ("every 5 minutes", &["daily at 09:00"]),
    ("twice a day at 08:00", &["daily at 08:00"]),
    (
        "every 3 days at 09:00",
        &["daily at 09:00", "every business day at 09:00", "every 2 weeks from 2027-01-06 at 09:00"],
    ),
    ("every 3 months at 09:00", &["quarterly, on day 15 at 09:00"]),
    ("every other month at 09:00", &["0 9 15 */2 *"]),
    ("yearly at 09:00", &["0 9 15 1 *"]),
    ("weekly at 10:00", &["weekly on Wednesday at 10:00"]),
    ("monthly", &["monthly on day 15 at 09:00", "first Monday at 09:00"]),
    ("quarterly at 08:00", &["quarterly, on day 15 at 08:00", "quarterly, first Monday at 08:00"]),
    // Slips.
    ("second Tusday at 09:00", &["second Tuesday at 09:00"]),
    ("secnd Tuesday", &["second Tuesday at 09:00"]),
    ("dayly at 07:15", &["daily at 07:15"]),
    ("wekly on Wensday at 08:00", &["weekly on Wednesday at 08:00"]),
    ("evry 2 weks from 2027-01-06 at 08:00", &["every 2 weeks from 2027-01-06 at 08:00"]),
    // Cron.
    ("0 9 * * 2", &["weekly on Tuesday at 09:00", "0 9 * * Tue"]),
    ("0 9 * * 0", &["weekly on Sunday at 09:00", "0 9 * * Sun"]),
    ("0 9 * * 7", &["weekly on Sunday at 09:00", "0 9 * * Sun"]),
    ("0 9 * * 1-5", &["every business day at 09:00", "0 9 * * Mon-Fri"]),
    ("0 9 * * 1,3", &["0 9 * * Mon,Wed"]),
    ("0 9 * * Fri-Mon", &["0 9 * * Mon,Fri,Sat,Sun"]),
    ("0 9 * * Sat-Sun", &["0 9 * * Sat,Sun"]),
    ("0 9 * * */2", &["0 9 * * Tue,Thu,Sat,Sun"]),
    ("0 9 * * Mon-Fri/2", &["0 9 * * Mon,Wed,Fri"]),
    ("0 9 * * Tusday", &["weekly on Tuesday at 09:00", "0 9 * * Tue"]),
    ("0 9 * * FriL", &["last Friday at 09:00"]),
    ("0 9 * * Fri#2", &["second Friday at 09:00"]),
    ("0 9 * * 2#1", &["first Monday at 09:00", "first Tuesday at 09:00"]),
    ("0 9 L * *", &["monthly on day 31 at 09:00"]),
    ("0 9 LW * *", &["last business day at 09:00"]),
    ("0 9 1W * ?", &["first business day at 09:00"]),
    ("0 9 15W * *", &["monthly on day 15 at 09:00"]),
    ("0 9 8-14 * Tue", &["second Tuesday at 09:00"]),
    ("0 9 13 * Fri", &["weekly on Friday at 09:00", "monthly on day 13 at 09:00"]),
    ("0 9 */2 * Mon", &["weekly on Monday at 09:00", "0 9 */2 * *"]),
    ("0 9 ? * Tue", &["weekly on Tuesday at 09:00", "0 9 * * Tue"]),
    ("0 9 25-5 * *", &["0 9 25-31,1-5 * *"]),
    ("0 9 5/10 * *", &["0 9 5-31/10 * *"]),
    ("0 9 1 11-2 *", &["0 9 1 11-12,1-2 *"]),
    ("0 9 30 2 *", &["0 9 28 2 *"]),
    ("0 9 31 4,6 *", &["0 9 30 4,6 *"]),
    ("0 */2 * * *", &["daily at 09:00", "0 9 * * *"]),
    ("0 8,16 * * Tue", &["weekly on Tuesday at 08:00", "0 8 * * Tue"]),
    ("*/30 7 * * *", &["daily at 07:00", "0 7 * * *"]),
    ("* * * * *", &["daily at 09:00", "0 9 * * *"]),
    ("0 25 * * *", &["daily at 09:00", "0 9 * * *"]),
    ("0 0 9 * * Tue", &["weekly on Tuesday at 09:00", "0 9 * * Tue"]),
    ("0 9 * * Tue 2027", &["weekly on Tuesday at 09:00", "0 9 * * Tue"]),
    ("0 0 9 * * Tue 2027", &["weekly on Tuesday at 09:00", "0 9 * * Tue"]),
    ("@daily", &["daily at 00:00"]),
    ("@weekly", &["weekly on Sunday at 00:00"]),
    ("@monthly", &["monthly on day 1 at 00:00"]),
    ("@yearly", &["0 0 1 1 *"]),
    ("@hourly", &["daily at 09:00"]),
];

#[test]
fn what_is_refused_is_told_the_form_that_was_meant() {
    for (text, expected) in REFUSED {
        let message = read(text).unwrap_err();
        assert_eq!(forms(text, &message), *expected, "{message}");
    }
}

#[test]
fn errors_say_why() {
    for (text, why) in [
        ("fifth Tuesday at 09:00", "a year has but four or five"),
        ("last business day", "it names no time"),
        ("every Tuesday at 09:00 Europe/Berlin", "and `zone: Europe/Berlin`"),
        ("every Tuesday at 09:00 local time", "and `zone: partner`"),
        ("0 9 * * 2", "`2` is Monday to some and Tuesday to others"),
        ("0 9 * * 1-5", "`1` is Sunday to some and Monday to others"),
        ("0 9 * * 7", "`7` is Saturday to some and Sunday to others"),
        ("0 9 * * 0", "`0` is Sunday to some and no day to others"),
        ("2 weeks", "say from which day to count"),
        ("0 8,16 * * *", "an issue is known by its day"),
        ("0 9 30 2 *", "never comes"),
        ("0 9 13 * Fri", "some read \"and\", some \"or\""),
        ("every 2 weeks from 2027-02-30 at 09:00", "the month ends before it"),
        ("every 60 weeks from 2027-01-06 at 09:00", "use 1 to 52"),
        ("0 9 32 * *", "use 1 to 31"),
        ("", "on which days"),
        ("@reboot", "names no time"),
    ] {
        let message = read(text).unwrap_err();
        assert!(message.contains(why) && !forms(text, &message).is_empty(), "{message}");
    }
    assert!(read(&"x".repeat(1_000_000)).unwrap_err().len() < 1_000);
}

/// A day field as crontab(5) has it, read by one who knows nothing else: is `number` in it?
fn crontab_says(field: &str, number: u32, lowest: u32, names: &[&str]) -> bool {
    let value = |text: &str| match names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        Some(at) => u32::try_from(at).unwrap() + lowest,
        None => text.parse().unwrap(),
    };
    field.split(',').any(|item| {
        let (span, step) = item.split_once('/').unwrap_or((item, "1"));
        let step: u32 = step.parse().unwrap();
        if span == "*" {
            return (number - lowest).is_multiple_of(step);
        }
        let (from, to) = span.split_once('-').unwrap_or((span, span));
        (value(from)..=value(to)).contains(&number) && (number - value(from)).is_multiple_of(step)
    })
}

#[test]
fn cron_means_what_crontab_says() {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let days = [
        "*",
        "1",
        "31",
        "29",
        "1-7",
        "*/2",
        "*/10",
        "*/31",
        "2-30/7",
        "1,15",
        "31,1,16",
        "5-9,20-31/5",
        "07",
        "1-31",
    ];
    let names =
        ["*", "1", "2", "Feb", "Mar-May", "1,4,7,10", "*/2", "*/5", "2-12/5", "jan,DEC", "1-12", "6-6", "09"];
    let weeks =
        ["*", "Sun", "Sat", "Mon-Fri", "Sun-Tue", "Tue,Thu", "Wed-Sat,Mon", "sun,SAT", "Sun-Sat", "Mon-Mon"];
    let patterns = days
        .iter()
        .flat_map(|day| names.map(|month| (*day, month, "*")))
        .chain(names.iter().flat_map(|month| weeks.map(|weekday| ("*", *month, weekday))));
    let from = NaiveDate::from_ymd_opt(2027, 1, 1).unwrap();
    for (day, month, weekday) in patterns {
        let text = format!("5 9 {day} {month} {weekday}");
        let expected: Vec<NaiveDate> = from
            .iter_days()
            .take(4 * 366)
            .filter(|date| {
                crontab_says(day, date.day(), 1, &[])
                    && crontab_says(month, date.month(), 1, &months)
                    && crontab_says(weekday, date.weekday().num_days_from_sunday(), 0, &weekdays)
            })
            .collect();
        if expected.is_empty() {
            assert!(read(&text).unwrap_err().contains("never comes"), "{text}");
            continue;
        }
        let cadence = Cadence::parse(&text).unwrap_or_else(|error| panic!("{}", error.public()));
        let mut at = from.and_time(NaiveTime::MIN);
        for day in &expected {
            at = cadence.next_nominal(at).unwrap();
            assert_eq!(at, day.and_hms_opt(9, 5, 0).unwrap(), "{text}");
        }
        assert_eq!(read(&cadence.to_string()), Ok(cadence.to_string()), "{text}");
    }
}

/// The language's own words, and near misses.
const WORDS: [&str; 84] = [
    "at",
    "on",
    "the",
    "of",
    "a",
    "and",
    "to",
    "in",
    "from",
    "starting",
    "each",
    "every",
    "other",
    "once",
    "twice",
    "two",
    "2",
    "3",
    "0",
    "15",
    "32",
    "99999999999",
    "daily",
    "weekly",
    "biweekly",
    "fortnightly",
    "monthly",
    "quarterly",
    "yearly",
    "hourly",
    "day",
    "days",
    "week",
    "weeks",
    "weekday",
    "weekdays",
    "month",
    "months",
    "quarter",
    "business",
    "working",
    "second",
    "first",
    "1st",
    "3rd",
    "fifth",
    "last",
    "15th",
    "Tuesday",
    "Tuesdays",
    "tue",
    "Mon-Fri",
    "Fri-Mon",
    "tusday",
    "monday,",
    "09:00",
    "9:00",
    "9",
    "9am",
    "am",
    "pm",
    "p.m.",
    "12am",
    "noon",
    "midnight",
    "24:00",
    "0900",
    "2027-01-06",
    "2027-02-30",
    "2027-1-6",
    "Europe/Berlin",
    "UTC",
    "PST",
    "local",
    "time",
    "@daily",
    "*",
    "*/2",
    "1-7",
    "5-1",
    "?",
    "L",
    "2#2",
    "–",
];

fn some_text() -> impl Strategy<Value = String> {
    let words = proptest::collection::vec(proptest::sample::select(WORDS.as_slice()), 0..9);
    let word = prop_oneof![
        9 => proptest::sample::select(WORDS.as_slice()).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    let mixed = proptest::collection::vec(word, 0..7).prop_map(|words| words.join(" "));
    let ended = words.clone().prop_map(|words| format!("{} at 09:00", words.join(" ")));
    let field = "[0-9*,/LW#?-]{1,5}|[A-Za-z]{3}(-[A-Za-z]{3})?";
    let cron =
        (field, field, field, field, field).prop_map(|f| format!("{} {} {} {} {}", f.0, f.1, f.2, f.3, f.4));
    let day_cron = (0..60_u32, 0..24_u32, field, field, field)
        .prop_map(|f| format!("{} {} {} {} {}", f.0, f.1, f.2, f.3, f.4));
    prop_oneof![words.prop_map(|words| words.join(" ")), ended, mixed, cron, day_cron, "\\PC{0,130}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_told_a_form(text in some_text()) {
        match Cadence::parse(&text) {
            Ok(cadence) => {
                let canonical = cadence.to_string();
                let again = Cadence::parse(&canonical);
                prop_assert_eq!(again.ok(), Some(cadence.clone()), "{} as {}", text, canonical);
                prop_assert!(cadence.describe().len() < 400);
                let start = NaiveDate::from_ymd_opt(2027, 1, 1).unwrap().and_time(NaiveTime::MIN);
                let next = cadence.next_nominal(start).expect("it comes");
                prop_assert!(next > start);
            }
            Err(error) => {
                let message = error.public();
                prop_assert!(!forms(&text, message).is_empty(), "{}", message);
                prop_assert!(message.len() < 1_500, "{}", message);
            }
        }
    }
}
