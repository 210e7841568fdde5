//! A promise is kept in every zone: what the cadence gives is what one finds who walks every minute.
//!
//! Every run takes a part by a seed that it says: one year of every zone, and all years of a few. `TEST_ORACLE=<seed>`
//! takes that part again; `TEST_ORACLE=all cargo test --test it cadence:: -- --nocapture` takes all years of all zones,
//! and asks for the offset in each of their minutes, as does `tests/run --soak`.

mod oracle;
mod rules;

use std::{
    io::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use chrono::NaiveDate;
use chrono_tz::Tz;
use partnercast::domain::{
    kernel::{
        Random as _,
        clock::{DAY_MS, UtcMs},
        random::{OsRandom, SeededRandom},
    },
    program::cadence::{Cadence, Occurrence},
};

use self::{
    oracle::{Stride, walk},
    rules::Rule,
};
use crate::harness::environment;

/// Years that a zone is walked for.
const YEARS: i32 = 20;
/// Zones of which a part takes all years.
const WHOLE_ZONES: usize = 6;
/// What clocks have done: half hours and quarters, changes by half an hour and by two, at midnight, backwards in summer,
/// for Ramadan, of the date, of the standard time; some do nothing.
const ZONES: [&str; 54] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Moscow",
    "Europe/Istanbul",
    "Europe/Volgograd",
    "Europe/Chisinau",
    "Atlantic/Azores",
    "America/New_York",
    "America/Los_Angeles",
    "America/Chicago",
    "America/Phoenix",
    "America/St_Johns",
    "America/Havana",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Asuncion",
    "America/Nuuk",
    "America/Scoresbysund",
    "America/Caracas",
    "America/Mexico_City",
    "America/Port-au-Prince",
    "America/Montevideo",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Johannesburg",
    "Africa/Juba",
    "Africa/Windhoek",
    "Africa/Tripoli",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Amman",
    "Asia/Tehran",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Pyongyang",
    "Asia/Tokyo",
    "Asia/Dubai",
    "Asia/Ulaanbaatar",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Australia/Sydney",
    "Pacific/Apia",
    "Pacific/Fakaofo",
    "Pacific/Chatham",
    "Pacific/Norfolk",
    "Pacific/Fiji",
    "Pacific/Kwajalein",
    "Pacific/Kiritimati",
];

/// The first of a zone's years: those that crossed the date line in the nineties begin before.
fn first_year(zone: Tz) -> i32 {
    if matches!(zone, Tz::Pacific__Kwajalein | Tz::Pacific__Kiritimati) { 1990 } else { 2010 }
}

fn zone(name: &str) -> Tz {
    name.parse().unwrap_or_else(|_| panic!("{name} is a zone"))
}

fn ms(year: i32, month: u32, day: u32) -> UtcMs {
    let midnight = NaiveDate::from_ymd_opt(year, month, day).unwrap().and_hms_opt(0, 0, 0).unwrap();
    midnight.and_utc().timestamp_millis()
}

/// Compares the cadence with the oracle for some rules in a zone; returns how many occurrences were compared.
fn agree(zone: Tz, span: (UtcMs, UtcMs), kinds: usize, stride: Stride, seed: u64) -> usize {
    let random = SeededRandom::new(seed);
    let rules: Vec<Rule> = (0..kinds).map(|kind| rules::some(&random, kind)).collect();
    let walked = walk(zone, span, &rules, stride);
    let mut compared = 0;
    for (rule, expected) in rules.iter().zip(&walked.instants) {
        let whose = format!("`{}` in {zone} from {} on, seed {seed}", rule.text, span.0);
        let cadence = Cadence::parse(&rule.text).unwrap_or_else(|error| panic!("{}", error.public()));
        let found = cadence.next_instants(zone, span.0 - 1, expected.len() + 1);
        let instants: Vec<UtcMs> =
            found.iter().map(|found| found.resolved.at_ms).filter(|at_ms| *at_ms < span.1).collect();
        assert!(instants.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice: {whose}");
        if let Some(at) =
            (0..instants.len().max(expected.len())).find(|at| instants.get(*at) != expected.get(*at))
        {
            panic!("{whose}: found {:?}, the clocks say {:?}", found.get(at), expected.get(at));
        }
        for one in &found {
            let shown = oracle::shown(zone, one.resolved.at_ms);
            assert!(shown >= one.nominal, "{} is early: {whose}", one.nominal);
            assert_eq!(shown == one.nominal, !is_moved(one), "{one:?} says what happened: {whose}");
        }
        continues(&cadence, zone, span, &found, &walked.changes, &random, &whose);
        compared += expected.len();
    }
    compared
}

fn is_moved(one: &Occurrence) -> bool {
    matches!(one.resolved.note, Some(partnercast::domain::program::cadence::ClockNote::Gap { .. }))
}

/// Whoever asks in between is told the rest of the same sequence: at occurrences, around clock changes, anywhere.
fn continues(
    cadence: &Cadence,
    zone: Tz,
    span: (UtcMs, UtcMs),
    whole: &[Occurrence],
    changes: &[UtcMs],
    random: &SeededRandom,
    whose: &str,
) {
    let pick = |most: usize| usize::try_from(random.next_u64() % most.max(1) as u64).unwrap();
    let mut afters: Vec<UtcMs> = (0..8)
        .map(|_| span.0 + i64::try_from(random.next_u64() % (span.1 - span.0) as u64).unwrap())
        .collect();
    for _ in 0..8 {
        if let Some(one) = whole.get(pick(whole.len())) {
            afters.extend([one.resolved.at_ms - 1, one.resolved.at_ms, one.resolved.at_ms + 1]);
        }
    }
    for _ in 0..4 {
        if let Some(change_ms) = changes.get(pick(changes.len())) {
            let around = [-DAY_MS, -1, 0, 1, DAY_MS / 2, DAY_MS];
            afters.extend(around.map(|ms| change_ms + ms));
            afters.extend((-10..=10).map(|quarter| change_ms + quarter * 900_000 - 1));
        }
    }
    for after_ms in afters {
        let rest = whole.iter().filter(|one| one.resolved.at_ms > after_ms.max(span.0 - 1)).take(3);
        let rest: Vec<&Occurrence> = rest.collect();
        let told = cadence.next_instants(zone, after_ms.max(span.0 - 1), rest.len());
        assert!(rest.iter().copied().eq(&told), "after {after_ms}: {told:?}, not {rest:?}: {whose}");
    }
}

/// One year of every zone, and all years of a few.
fn part(seed: u64) -> usize {
    let random = SeededRandom::new(seed);
    let mut compared = 0;
    for name in ZONES {
        let zone = zone(name);
        let year = first_year(zone) + i32::try_from(random.next_u64() % 20).unwrap();
        let span = (ms(year, 1, 1), ms(year + 1, 1, 1));
        compared += agree(zone, span, 28, Stride::Hour, random.next_u64());
    }
    for _ in 0..WHOLE_ZONES {
        let zone = zone(ZONES[usize::try_from(random.next_u64() % ZONES.len() as u64).unwrap()]);
        compared += agree(zone, all_years(zone), 28, Stride::Hour, random.next_u64());
    }
    compared
}

fn all_years(zone: Tz) -> (UtcMs, UtcMs) {
    (ms(first_year(zone), 1, 1), ms(first_year(zone) + YEARS, 1, 1))
}

/// All years of all zones, minute by minute, with three rules of each kind.
fn all(seed: u64) -> usize {
    let (next, compared) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(name) = ZONES.get(next.fetch_add(1, Ordering::Relaxed)) {
            let zone = zone(name);
            let few = agree(zone, all_years(zone), 42, Stride::Minute, seed ^ u64::from(zone as u16));
            compared.fetch_add(few, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    compared.into_inner()
}

#[test]
fn every_promise_is_where_the_clocks_show_it() {
    let asked = environment::oracle();
    let began = Instant::now();
    let is_all = asked.as_deref() == Some("all") || (asked.is_none() && environment::soak());
    let seed = match asked.filter(|asked| asked != "all") {
        Some(seed) => seed.parse().expect("TEST_ORACLE is `all` or a seed"),
        None => OsRandom.next_u64(),
    };
    // Captured, and shown where the test fails or with `--nocapture`.
    writeln!(std::io::stdout(), "TEST_ORACLE={seed} takes this part again").unwrap();
    let compared = if is_all { all(seed) } else { part(seed) };
    assert!(compared > 5_000, "{compared} occurrences");
    writeln!(std::io::stdout(), "{compared} occurrences in {:.1?}", began.elapsed()).unwrap();
}

#[test]
fn a_day_that_never_was_moves_to_the_next_ones_begin() {
    // Across the date line: these days are in no calendar of theirs.
    for (name, day, jumps) in [
        ("Pacific/Apia", (2011, 12, 30), 24 * 60),
        ("Pacific/Fakaofo", (2011, 12, 30), 24 * 60),
        ("Pacific/Kwajalein", (1993, 8, 21), 24 * 60),
        ("Pacific/Kiritimati", (1994, 12, 31), 24 * 60),
        ("Pacific/Enderbury", (1994, 12, 31), 24 * 60),
    ] {
        let zone = zone(name);
        let skipped = NaiveDate::from_ymd_opt(day.0, day.1, day.2).unwrap();
        let around = ms(day.0, day.1, day.2);
        let span = (around - 20 * DAY_MS, around + 20 * DAY_MS);
        for seed in 0..6 {
            agree(zone, span, 28, Stride::Minute, seed);
        }
        let changes = walk(zone, span, &[], Stride::Minute).changes;
        let [change_ms] = changes[..] else { panic!("{name}: {changes:?}") };
        let before = oracle::shown(zone, change_ms - 60_000);
        let after = oracle::shown(zone, change_ms);
        assert_eq!((after - before).num_minutes(), jumps + 1, "{name}");
        assert_eq!(after.date().pred_opt(), Some(skipped), "{name}");
        // Midnight of both days is one instant, and so one occurrence.
        let midnight = Cadence::parse("daily at 00:00").unwrap();
        let told = midnight.next_instants(zone, change_ms - DAY_MS, 3);
        let told: Vec<UtcMs> = told.iter().map(|one| one.resolved.at_ms).collect();
        assert_eq!(told, [change_ms, change_ms + DAY_MS, change_ms + 2 * DAY_MS], "{name}");
        // Its promises come with the day after, once, from wherever one asks.
        let daily = Cadence::parse("daily at 09:00").unwrap();
        for after_ms in (change_ms - 26 * 3_600_000..change_ms + 50 * 3_600_000).step_by(900_000) {
            let told = daily.next_instants(zone, after_ms, 2);
            let is_moved = told[0].nominal.date() == skipped;
            assert_eq!(is_moved, after_ms < change_ms && after_ms >= change_ms - 15 * 3_600_000, "{name}");
            assert!(
                !is_moved || (told[0].resolved.at_ms == change_ms && told[1].nominal.date() == after.date())
            );
        }
    }
}
