use chrono::{Timelike, Weekday};

use super::*;
use crate::domain::{
    content::{
        finding::Place,
        keys::Reference,
        library::{Library, SourceFile},
        rules::calendar::{Quiet, Span, Whose},
    },
    kernel::{
        Random,
        clock::{HOUR_MS, MINUTE_MS},
        random::SeededRandom,
    },
};

/// Rules as a folder's calendar.toml says them.
fn rules(text: &str) -> CalendarRules {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
    let (library, findings) = Library::build([
        file("rules/calendar.toml", &format!("version = 1\n{text}")),
        file(
            "rules/norway.ics",
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20270517\nSUMMARY:Constitution Day\nEND:VEVENT\nEND:VCALENDAR\n",
        ),
    ]);
    let faults: Vec<_> =
        findings.iter().filter(|finding| !["C512", "C533"].contains(&finding.code)).collect();
    assert!(faults.is_empty(), "{faults:?}");
    library.rules.calendar
}

const FREEZE: &str = "[[blackout]]\nname = \"Year-end freeze\"\nfrom = 2027-12-20\nto = 2028-01-02\n";
const WEEKEND: &str = "[[quiet]]\nname = \"Weekend\"\nfrom = \"Fri 15:00\"\nto = \"Mon 08:00\"\n";
const NIGHT: &str = "[[quiet]]\nname = \"Night\"\nfrom = \"20:00\"\nto = \"07:00\"\n";

fn reader(zone: Tz) -> LocalReader<'static> {
    LocalReader { zone, partner: "fjellvakt", region: Region::Emea }
}

fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
}

/// Where it goes in `zone`, as its clocks show it, and why.
fn placed_in(zone: Tz, rules: &CalendarRules, promised: &str, terms: &Terms<'_>) -> (String, String) {
    let promised_ms = resolve(local(promised), zone).at_ms;
    match place(rules, promised_ms, &reader(zone), terms) {
        Placed::At { at_ms, because } => {
            let shown = utc(at_ms).with_timezone(&zone).naive_local();
            (shown.format("%Y-%m-%d %H:%M").to_string(), because.unwrap_or_default())
        }
        Placed::Skipped { because } => ("skipped".to_owned(), because),
    }
}

fn placed(rules: &CalendarRules, promised: &str, terms: &Terms<'_>) -> (String, String) {
    placed_in(chrono_tz::Europe::Oslo, rules, promised, terms)
}

fn office() -> BusinessHours {
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let days = vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
    BusinessHours { days, start: time(8), end: time(18) }
}

#[test]
fn a_blackout_moves_to_the_same_hour_of_the_next_allowed_day() {
    let (at, because) = placed(&rules(FREEZE), "2027-12-20 09:00", &Terms::default());
    assert_eq!(at, "2028-01-03 09:00");
    assert_eq!(
        because,
        "Year-end freeze until 2028-01-02: moved from Mon 2027-12-20 09:00 to Mon 2028-01-03 09:00"
    );
    for free in ["2027-12-19 23:59", "2028-01-03 00:00"] {
        assert_eq!(placed(&rules(FREEZE), free, &Terms::default()), (free.to_owned(), String::new()));
    }
    let holidays =
        "[[blackout]]\nname = \"Holidays\"\ncalendar = \"rules/norway.ics\"\npartners = [\"fjellvakt\"]\n";
    let (at, because) = placed(&rules(holidays), "2027-05-17 09:00", &Terms::default());
    assert_eq!(at, "2027-05-18 09:00");
    assert!(because.starts_with("Holidays (Constitution Day) on 2027-05-17: moved"), "{because}");
    let yearly = "[[blackout]]\nname = \"Day\"\ndate = 2027-05-17\nevery_year = true\n";
    assert_eq!(placed(&rules(yearly), "2031-05-17 09:00", &Terms::default()).0, "2031-05-18 09:00");
}

#[test]
fn quiet_windows_end_and_send_windows_open() {
    let terms = Terms::default();
    let (at, because) = placed(&rules(WEEKEND), "2027-02-05 16:30", &terms);
    assert_eq!(at, "2027-02-08 08:00");
    assert_eq!(because, "Weekend until Mon 08:00: moved from Fri 2027-02-05 16:30 to Mon 2027-02-08 08:00");
    assert_eq!(placed(&rules(WEEKEND), "2027-02-08 08:00", &terms).0, "2027-02-08 08:00");
    assert_eq!(placed(&rules(NIGHT), "2027-02-07 23:00", &terms).0, "2027-02-08 07:00");
    let office = office();
    let terms = Terms { window: Some(&office), ..terms };
    let none = CalendarRules::default();
    assert_eq!(placed(&none, "2027-02-05 07:00", &terms).0, "2027-02-05 08:00");
    assert_eq!(placed(&none, "2027-02-05 17:59", &terms).1, "");
    let (at, because) = placed(&none, "2027-02-05 18:00", &terms);
    assert_eq!(at, "2027-02-08 08:00");
    assert!(because.starts_with("send window 08:00 to 18:00 on Mon, Tue, Wed, Thu, Fri: moved"), "{because}");
}

#[test]
fn rules_add_up() {
    let office = office();
    let terms = Terms { window: Some(&office), ..Terms::default() };
    let monday = "[[blackout]]\nname = \"Inventory\"\ndate = 2027-02-08\n";
    let all = rules(&format!("{WEEKEND}{monday}{NIGHT}"));
    let (at, because) = placed(&all, "2027-02-05 16:30", &terms);
    // Monday is a blackout, so the promised time of day counts again.
    assert_eq!(at, "2027-02-09 16:30");
    assert!(because.starts_with("Weekend until Mon 08:00, then Inventory on 2027-02-08: moved"), "{because}");
}

#[test]
fn a_newsletter_may_skip_instead_and_never_passes_its_next_promise() {
    let skip = Terms { when_blocked: WhenBlocked::Skip, ..Terms::default() };
    let (at, because) = placed(&rules(FREEZE), "2027-12-20 09:00", &skip);
    assert_eq!(
        (at.as_str(), because.as_str()),
        ("skipped", "Year-end freeze until 2028-01-02: Mon 2027-12-20 09:00 is skipped")
    );
    assert_eq!(placed(&rules(FREEZE), "2027-12-19 09:00", &skip).0, "2027-12-19 09:00");
    let next = resolve(local("2028-01-03 09:00"), chrono_tz::Europe::Oslo).at_ms;
    let weekly = |before_ms| {
        placed(&rules(FREEZE), "2027-12-27 09:00", &Terms { before_ms: Some(before_ms), ..Terms::default() })
    };
    assert!(weekly(next).1.contains("is skipped, as the next one is promised before Mon 2028-01-03 09:00"));
    assert_eq!(weekly(next + 1).0, "2028-01-03 09:00");
}

#[test]
fn what_would_move_by_more_than_a_month_is_skipped_with_the_next_allowed_time() {
    let summer = rules("[[blackout]]\nname = \"Summer\"\nfrom = 2027-06-01\nto = 2027-08-31\n");
    let (at, because) = placed(&summer, "2027-06-08 09:00", &Terms::default());
    assert_eq!(at, "skipped");
    assert_eq!(
        because,
        "Summer until 2027-08-31: Tue 2027-06-08 09:00 is skipped, as the next allowed time is Wed 2027-09-01 09:00, and \
         31 days are the most"
    );
    assert_eq!(placed(&summer, "2027-08-01 09:00", &Terms::default()).0, "2027-09-01 09:00");
    assert_eq!(placed(&summer, "2027-07-31 09:00", &Terms::default()).0, "skipped");
    let two = "[[blackout]]\nname = \"A\"\nfrom = 2027-01-01\nto = 2027-12-31\n[[blackout]]\nname = \"B\"\nfrom = 2028-01-01\nto = 2028-12-31\n";
    assert!(
        placed(&rules(two), "2027-06-08 09:00", &Terms::default()).1.contains("no allowed time for 400 days")
    );
}

#[test]
fn rules_are_for_those_they_name() {
    let of = |whose: &str| rules(&format!("{FREEZE}{whose}\n"));
    let moves =
        |whose: &str| placed(&of(whose), "2027-12-20 09:00", &Terms::default()).0 != "2027-12-20 09:00";
    assert!(moves("regions = [\"emea\"]") && moves("partners = [\"fjellvakt\"]"));
    assert!(moves("regions = [\"apac\"]\npartners = [\"fjellvakt\"]"), "any of them");
    assert!(!moves("regions = [\"apac\"]") && !moves("partners = [\"northlight\"]"));
}

#[test]
fn clock_changes_lead_to_times_that_exist() {
    use chrono_tz::{Africa::Cairo, America::New_York};
    let early = rules("[[quiet]]\nname = \"Early\"\nfrom = \"00:00\"\nto = \"02:30\"\n");
    // Clocks skip from 02:00 to 03:00.
    assert_eq!(placed_in(New_York, &early, "2027-03-14 01:00", &Terms::default()).0, "2027-03-14 03:00");
    let both = rules(
        "[[quiet]]\nname = \"Early\"\nfrom = \"00:00\"\nto = \"02:30\"\n[[quiet]]\nname = \"Also\"\nfrom = \"03:00\"\nto = \"04:00\"\n",
    );
    assert_eq!(placed_in(New_York, &both, "2027-03-14 01:00", &Terms::default()).0, "2027-03-14 04:00");
    // Clocks skip from 00:00 to 01:00 on the day after the blackout.
    let day = rules("[[blackout]]\nname = \"Day\"\ndate = 2027-04-29\n");
    assert_eq!(placed_in(Cairo, &day, "2027-04-29 00:30", &Terms::default()).0, "2027-04-30 01:00");
    // Clocks show 01:00 to 02:00 twice; the promise is for the second time.
    let promised_ms = resolve(local("2027-11-07 01:10"), New_York).at_ms + HOUR_MS;
    let half = rules("[[quiet]]\nname = \"Early\"\nfrom = \"00:00\"\nto = \"01:30\"\n");
    let moved = place(&half, promised_ms, &reader(New_York), &Terms::default());
    assert!(matches!(moved, Placed::At { at_ms, .. } if at_ms == promised_ms + 20 * MINUTE_MS), "{moved:?}");
}

fn whose(dice: &SeededRandom) -> Whose {
    match dice.next_u64() % 4 {
        0 => Whose { regions: vec![Region::Emea], partners: Vec::new() },
        1 => Whose {
            regions: vec![Region::Apac],
            partners: vec![Reference { target: "fjellvakt".to_owned(), place: Place::START }],
        },
        2 => Whose { regions: vec![Region::Apac], partners: Vec::new() },
        _ => Whose::default(),
    }
}

fn below(dice: &SeededRandom, end: u64) -> u64 {
    dice.next_u64() % end
}

fn number(dice: &SeededRandom, end: u64) -> u32 {
    u32::try_from(below(dice, end)).unwrap()
}

/// Some rules for the spring of 2027 with its clock changes, and perhaps a window.
fn any_rules(dice: &SeededRandom) -> (CalendarRules, Option<BusinessHours>) {
    let first = NaiveDate::from_ymd_opt(2027, 3, 1).unwrap();
    let blackouts = (0..below(dice, 5)).map(|at| {
        let from = first + Days::new(below(dice, 60));
        let days = vec![Stretch { first: from, last: from + Days::new(below(dice, 9)), title: None }];
        Blackout {
            name: format!("B{at}"),
            whose: whose(dice),
            days,
            calendar: None,
            stops_clocks: true,
            place: Place::START,
        }
    });
    let blackouts = blackouts.collect();
    let quiet = (0..below(dice, 4)).map(|at| {
        let (from, minutes) = (number(dice, 7 * 96) * 15, 15 + number(dice, 96) * 15);
        let spans = vec![Span { from, to: (from + minutes) % (7 * 24 * 60) }];
        Quiet { name: format!("Q{at}"), whose: whose(dice), spans, place: Place::START }
    });
    let quiet = quiet.collect();
    let window = (below(dice, 2) == 0).then(|| {
        let start = number(dice, 20);
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let days = office().days.into_iter().filter(|_| below(dice, 4) > 0).chain([Weekday::Sun]).collect();
        BusinessHours { days, start: hour(start), end: hour(start + 1 + number(dice, u64::from(23 - start))) }
    });
    (CalendarRules { version: 1, blackouts, quiet }, window)
}

/// Whether every rule allows what clocks show, reckoned anew and minute by minute.
fn is_allowed(
    rules: &CalendarRules,
    window: Option<&BusinessHours>,
    at: NaiveDateTime,
    reader: &LocalReader<'_>,
) -> bool {
    let holds = |whose: &Whose| whose.holds_for(reader.partner, reader.region);
    let is_dark = |day: NaiveDate| is_blackout(rules, day, reader);
    let minute = at.weekday().num_days_from_monday() * 1_440 + at.hour() * 60 + at.minute();
    let within = |span: &Span| match span.from < span.to {
        true => (span.from..span.to).contains(&minute),
        false => minute >= span.from || minute < span.to,
    };
    let is_open = window.is_none_or(|window| {
        window.days.contains(&at.weekday()) && window.start <= at.time() && at.time() < window.end
    });
    !is_dark(at.date())
        && is_open
        && !rules.quiet.iter().any(|quiet| holds(&quiet.whose) && quiet.spans.iter().any(within))
}

fn is_blackout(rules: &CalendarRules, day: NaiveDate, reader: &LocalReader<'_>) -> bool {
    let theirs = rules.blackouts.iter().filter(|one| one.whose.holds_for(reader.partner, reader.region));
    theirs.flat_map(|one| &one.days).any(|days| days.first <= day && day <= days.last)
}

const ZONES: [Tz; 5] = [
    chrono_tz::Europe::Oslo,
    chrono_tz::America::New_York,
    chrono_tz::Africa::Cairo,
    chrono_tz::Asia::Kolkata,
    chrono_tz::Australia::Lord_Howe,
];

#[test]
fn any_time_is_placed_as_early_as_every_rule_allows() {
    for seed in 0..400 {
        let dice = SeededRandom::new(seed);
        let (rules, window) = any_rules(&dice);
        let reader = reader(ZONES[usize::try_from(below(&dice, 5)).unwrap()]);
        let terms = Terms { window: window.as_ref(), ..Terms::default() };
        let shown = |ms| utc(ms).with_timezone(&reader.zone).naive_local();
        let promised_ms = local("2027-03-05 00:00").and_utc().timestamp_millis()
            + i64::try_from(below(&dice, 40 * 1_440)).unwrap() * MINUTE_MS;
        let promised = shown(promised_ms);
        let Placed::At { at_ms, because } = place(&rules, promised_ms, &reader, &terms) else { continue };
        assert!(at_ms >= promised_ms, "seed {seed}: early");
        assert_eq!(at_ms == promised_ms, because.is_none(), "seed {seed}: {because:?}");
        assert!(is_allowed(&rules, window.as_ref(), shown(at_ms), &reader), "seed {seed}: {because:?}");
        // Whatever comes before is forbidden, or on the day after a blackout and before the promised time of day.
        for ms in (promised_ms..at_ms).step_by(usize::try_from(MINUTE_MS).unwrap()) {
            let at = shown(ms);
            let is_after_blackout = at.date() > promised.date()
                && is_blackout(&rules, at.date().pred_opt().unwrap(), &reader)
                && at.time() < promised.time();
            let is_free = is_allowed(&rules, window.as_ref(), at, &reader);
            assert!(!is_free || is_after_blackout, "seed {seed}: {at} comes before {because:?}");
        }
        let again = place(&rules, at_ms, &reader, &terms);
        assert_eq!(again, Placed::At { at_ms, because: None }, "seed {seed}: idempotent");
        let none = place(&CalendarRules::default(), promised_ms, &reader, &Terms::default());
        assert_eq!(none, Placed::At { at_ms: promised_ms, because: None });
    }
}

#[test]
fn a_later_promise_for_the_same_hour_is_never_placed_earlier() {
    for seed in 0..400 {
        let dice = SeededRandom::new(seed);
        let (rules, window) = any_rules(&dice);
        let reader = reader(ZONES[usize::try_from(below(&dice, 5)).unwrap()]);
        let terms = Terms { window: window.as_ref(), ..Terms::default() };
        let time = NaiveTime::from_hms_opt(number(&dice, 24), number(&dice, 4) * 15, 0).unwrap();
        let mut last = i64::MIN;
        for ahead in 0..45 {
            let day = NaiveDate::from_ymd_opt(2027, 3, 1).unwrap() + Days::new(ahead);
            // A cadence's time in a gap is promised for another one, so its time of day is another.
            let promised = resolve(day.and_time(time), reader.zone);
            if promised.note.is_some() {
                continue;
            }
            if let Placed::At { at_ms, because } = place(&rules, promised.at_ms, &reader, &terms) {
                assert!(at_ms >= last, "seed {seed}, {day} {time}: {because:?}");
                last = at_ms;
            }
        }
    }
}
