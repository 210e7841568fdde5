use chrono::{NaiveDate, NaiveDateTime};

use super::calendar::{CALENDAR, Stretch};
use crate::domain::{
    content::{
        Finding,
        library::{Library, SourceFile},
        rules::CalendarRules,
    },
    partner::Region,
};

const RULES: &str = r#"version = 2

[[blackout]]
name = "Year-end freeze"
from = 2027-12-20
to = 2028-01-02
regions = ["emea"]

[[blackout]]
name = "Norwegian holidays"
calendar = "rules/norway.ics"
partners = ["northlight"]

[[quiet]]
name = "Weekend"
from = "Fri 15:00"
to = "Mon 08:00"

[[quiet]]
name = "Night"
days = ["mon", "sun"]
from = "20:00"
to = "07:00"
"#;

const ICS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20270517\r\n\
    DTEND;VALUE=DATE:20270518\r\nSUMMARY:Constitution\r\n  Day\\, Norway\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn file(path: &str, text: impl AsRef<[u8]>) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: text.as_ref().to_vec() }
}

fn read(rules: &str, calendars: &[(&str, &[u8])]) -> (CalendarRules, Vec<Finding>) {
    let calendars = calendars.iter().map(|(path, bytes)| file(path, bytes));
    let (library, findings) =
        Library::build([file(CALENDAR, rules)].into_iter().chain(calendars).collect::<Vec<_>>());
    (library.rules.calendar, findings.into_iter().filter(|finding| finding.code != "C512").collect())
}

/// Code, line, and the two texts of each finding once `from` has been replaced in calendar.toml.
fn faults(from: &str, to: &str) -> Vec<(&'static str, u32, String)> {
    assert!(RULES.contains(from), "{from}");
    let findings = read(&RULES.replacen(from, to, 1), &[("rules/norway.ics", ICS.as_bytes())]).1;
    findings.into_iter().map(|f| (f.code, f.line, format!("{}; {}", f.message, f.fix))).collect()
}

#[track_caller]
fn one(from: &str, to: &str, code: &str, line: u32, says: &str) {
    let found = faults(from, to);
    assert_eq!(found.len(), 1, "{to}: {found:?}");
    assert_eq!((found[0].0, found[0].1), (code, line), "{to}: {found:?}");
    assert!(found[0].2.contains(says), "{to}: {found:?}");
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The days of a calendar with these events, and what is found.
fn of_events(events: &str) -> (Vec<String>, Vec<String>) {
    let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n");
    of_file(text.as_bytes())
}

fn of_file(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let rules = "version = 1\n[[blackout]]\nname = \"H\"\ncalendar = \"rules/h.ics\"\n";
    let (rules, findings) = read(rules, &[("rules/h.ics", bytes)]);
    let shown = |days: &Stretch| {
        format!("{} {} {}", days.first, days.last, days.title.as_deref().unwrap_or_default())
    };
    let days = rules.blackouts.iter().flat_map(|blackout| &blackout.days).map(shown).collect();
    (days, findings.iter().map(|f| format!("{} {}: {}", f.code, f.line, f.message)).collect())
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\nUID:1\nSUMMARY:Day\n{lines}\nEND:VEVENT\n")
}

#[test]
fn whole_rules_are_read() {
    let (rules, findings) = read(RULES, &[("rules/norway.ics", ICS.as_bytes())]);
    assert_eq!(findings, []);
    assert_eq!((rules.version, rules.blackouts.len(), rules.quiet.len()), (2, 2, 2));
    let [freeze, holidays] = &rules.blackouts[..] else { panic!() };
    assert_eq!(freeze.on(day("2027-12-20")), freeze.on(day("2028-01-02")));
    assert!(freeze.on(day("2028-01-02")).is_some() && freeze.on(day("2028-01-03")).is_none());
    assert!(freeze.whose.holds_for("x", Region::Emea) && !freeze.whose.holds_for("x", Region::Apac));
    assert!(holidays.whose.holds_for("northlight", Region::Apac) && !holidays.whose.is_everybody());
    assert_eq!(holidays.on(day("2027-05-17")).unwrap().title.as_deref(), Some("Constitution Day, Norway"));
    let end = |quiet: usize, at: &str| {
        let at: NaiveDateTime = at.parse().unwrap();
        rules.quiet[quiet].end_after(at).map(|end| end.format("%a %H:%M").to_string())
    };
    assert_eq!(end(0, "2027-02-05T15:00:00").as_deref(), Some("Mon 08:00"));
    assert_eq!(end(0, "2027-02-08T07:59:59").as_deref(), Some("Mon 08:00"));
    assert_eq!((end(0, "2027-02-08T08:00:00"), end(0, "2027-02-05T14:59:00")), (None, None));
    assert_eq!(end(1, "2027-02-08T06:00:00").as_deref(), Some("Mon 07:00"), "since Sunday");
    assert_eq!(end(1, "2027-02-09T06:00:00").as_deref(), Some("Tue 07:00"), "since Monday");
    assert_eq!(end(1, "2027-02-09T21:00:00"), None, "Tuesday is not listed");
    assert!(read("version = 1\n", &[]).0.is_empty());
}

#[test]
fn each_fault_has_its_line_and_fix() {
    one("version = 2\n", "version = 0\n", "C106", 1, "from 1");
    one("to = 2028-01-02", "to = 2027-12-19", "C106", 6, "before it begins");
    one("to = 2028-01-02", "to = 2028-12-20", "C106", 6, "it is 367 days long");
    one("to = 2028-01-02", "to = \"2028-02-30\"", "C109", 6, "write it like 2027-01-06");
    one("to = 2028-01-02", "to = \"later\"", "C109", 6, "`blackout[1].to` is `later`");
    one("to = 2028-01-02", "", "C104", 3, "either `date`, or `from` and `to`, or `calendar`");
    one("to = 2028-01-02", "to = 2028-01-02\ndate = 2028-01-02", "C104", 3, "either `date`");
    one("to = 2028-01-02", "to = 2028-12-18\nevery_year = true", "C106", 6, "write 364 days at most");
    one("to = 2028-01-02", "to = 2028-02-29\nevery_year = true", "C106", 6, "29 February");
    one("to = 2028-01-02", "to = 2028-01-02\nevery_year = 1", "C105", 7, "true or false");
    one("regions = [\"emea\"]", "regions = [\"europe\"]", "C106", 7, "cannot be `europe`");
    one("regions = [\"emea\"]", "regions = []", "C106", 7, "names nothing");
    one("regions = [\"emea\"]", "regoins = [\"emea\"]", "C103", 7, "did you mean `regions`?");
    one("[\"northlight\"]", "[\"North Light\"]", "C106", 12, "partners[1]");
    one(
        "rules/norway.ics\"",
        "rules/norwya.ics\"\nevery_year = false",
        "C530",
        11,
        "did you mean `rules/norway.ics`?",
    );
    one(
        "\"Norwegian holidays\"",
        "\"Year-end freeze\"",
        "C107",
        9,
        "`Year-end freeze` stands on line 3 already",
    );
    one("\"Night\"", "\"Weekend\"", "C107", 19, "`Weekend` stands on line 14");
    one("\"Fri 15:00\"", "\"Friday at 3\"", "C109", 16, "write it like \"Fri 15:00\"");
    one("\"Fri 15:00\"", "\"15:00\"", "C106", 14, "both like \"15:00\"");
    one("\"Fri 15:00\"", "\"Mon 08:00\"", "C106", 14, "it ends when it begins");
    one("[\"mon\", \"sun\"]", "[\"mo\"]", "C106", 21, "did you mean `mon`?");
    one("[\"mon\", \"sun\"]", "[]", "C106", 21, "names nothing");
    one("\"20:00\"\nto = \"07:00\"", "\"Mon 20:00\"\nto = \"Tue 07:00\"", "C106", 21, "remove `days`");
}

#[test]
fn a_blackout_may_come_every_year() {
    let text =
        "version = 1\n[[blackout]]\nname = \"Y\"\nfrom = 2027-12-24\nto = 2028-01-01\nevery_year = true\n";
    let (rules, findings) = read(text, &[]);
    assert_eq!(findings, []);
    let on = |text: &str| rules.blackouts[0].on(day(text)).is_some();
    assert!(on("2027-12-24") && on("2029-01-01") && on("2050-12-31"));
    assert!(!on("2027-01-01") && !on("2028-01-02") && !on("2028-12-23"));
}

#[test]
fn quiet_windows_must_leave_an_hour() {
    let quiet = |name: &str, from: &str, to: &str, whose: &str| {
        format!("[[quiet]]\nname = \"{name}\"\nfrom = \"{from}\"\nto = \"{to}\"\n{whose}\n")
    };
    let found = |entries: &[String]| {
        let found = read(&format!("version = 1\n{}", entries.concat()), &[]).1;
        found.into_iter().map(|f| format!("{} {} {}", f.code, f.line, f.message)).collect::<Vec<_>>()
    };
    let week = quiet("A", "Mon 00:00", "Sun 12:00", "");
    assert_eq!(found(&[week.clone(), quiet("B", "Sun 13:00", "Mon 01:00", "")]), [] as [String; 0]);
    let rest = |whose| quiet("B", "Sun 12:30", "Sun 23:30", whose);
    let says =
        |who: &str| [format!("C534 7 with this, the quiet windows leave no hour of the week to {who}")];
    assert_eq!(found(&[week.clone(), rest("")]), says("everybody"));
    assert_eq!(found(&[week.clone(), rest("regions = [\"apac\"]")]), says("readers in apac"));
    assert_eq!(found(&[week, rest("partners = [\"northlight\"]")]), says("readers at northlight"));
    let days =
        ["00:00", "12:15"].map(|from| quiet(from, from, if from == "00:00" { "12:00" } else { "23:59" }, ""));
    assert_eq!(found(&days).len(), 1);
}

#[test]
fn a_calendar_that_no_blackout_names_is_told_of() {
    let (_, findings) = read("version = 1\n", &[("rules/norway.ics", ICS.as_bytes())]);
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].code, findings[0].file.as_str()), ("C533", "rules/norway.ics"));
    let (_, findings) = read(RULES, &[]);
    assert_eq!(findings.len(), 1);
    assert!(findings[0].code == "C530" && findings[0].fix.contains("ends with .ics"), "{findings:?}");
}

#[test]
fn all_day_events_are_days() {
    let none = Vec::<String>::new();
    let of = |lines: &str| of_events(&event(lines));
    assert_eq!(of("DTSTART;VALUE=DATE:20270517").0, ["2027-05-17 2027-05-17 Day"]);
    assert_eq!(
        of("DTSTART:20270517\nDTEND:20270520").0,
        ["2027-05-17 2027-05-19 Day"],
        "the end is not in it"
    );
    assert_eq!(of("DTSTART;VALUE=DATE:20270517\nDTEND;VALUE=DATE:20270517").0, ["2027-05-17 2027-05-17 Day"]);
    assert_eq!(of("DTSTART;VALUE=DATE:20270517\nDURATION:P1W").0, ["2027-05-17 2027-05-23 Day"]);
    assert_eq!(of("DTSTART;VALUE=DATE:20270517\nDURATION:P2D").0, ["2027-05-17 2027-05-18 Day"]);
    let alarm = "DTSTART;VALUE=DATE:20270517\nBEGIN:VALARM\nDURATION:PT5M\nEND:VALARM";
    assert_eq!(of(alarm), (vec!["2027-05-17 2027-05-17 Day".to_owned()], none.clone()));
    let (days, found) =
        of("DTSTART;VALUE=DATE:20270517\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20280517\nRDATE:20270601");
    assert_eq!((&days[1][..10], &days[2][..10], found), ("2027-06-01", "2029-05-17", none));
    let day = "DTSTART;VALUE=DATE:20270101";
    let cancelled = event(&format!("{day}\nSTATUS:CANCELLED"));
    assert_eq!(of_events(&format!("{}{cancelled}", event("DTSTART:20270517"))).0.len(), 1);
    let moved = event("RECURRENCE-ID;VALUE=DATE:20280517\nDTSTART;VALUE=DATE:20280518");
    let (days, _) = of_events(&format!("{}{moved}", event("DTSTART:20270517\nRRULE:FREQ=YEARLY;COUNT=2")));
    assert_eq!(days, ["2027-05-17 2027-05-17 Day", "2028-05-18 2028-05-18 Day"]);
    // Two that overlap are one day each.
    let (days, _) = of_events(&format!(
        "{}{}",
        event("DTSTART:20270517\nDTEND:20270519"),
        event("DTSTART:20270518\nDTEND:20270520")
    ));
    assert_eq!(days, ["2027-05-17 2027-05-18 Day", "2027-05-19 2027-05-19 Day"]);
}

#[test]
fn no_event_that_may_be_a_holiday_is_left_out_without_a_word() {
    let good = event("DTSTART:20270101");
    for (lines, says) in [
        ("DTSTART:20270517T090000Z", "events with a time of day are no blackouts: Day"),
        (
            "DTSTART;VALUE=DATE:20270517\nRRULE:FREQ=WEEKLY",
            "“Day” is not read as it is meant: a rule that is not FREQ=YEARLY",
        ),
        (
            "DTSTART;VALUE=DATE:20270517\nRRULE:FREQ=YEARLY;BYEASTER=1",
            "`BYEASTER=1` is not understood, so only its first day",
        ),
        ("DTSTART;VALUE=DATE:20270517\nEXRULE:FREQ=YEARLY", "EXRULE"),
        ("DTSTART;VALUE=DATE:20270230", "DTSTART is `20270230`, which is no date"),
        ("DTSTART;VALUE=DATE:20270517\nDTEND:20270516", "ends before it begins"),
        ("DTSTART;VALUE=DATE:20270517\nDTEND:20290517", "731 days long"),
        ("DTSTART;VALUE=DATE:20270517\nDURATION:PT5M", "not whole days"),
        ("DTSTART;VALUE=DATE:16010101", "before 1970"),
        ("CLASS:PUBLIC", "a beginning is missing"),
    ] {
        let (_, found) = of_events(&format!("{good}{}", event(lines)));
        assert_eq!(found.len(), 1, "{lines}: {found:?}");
        assert!(found[0].starts_with("C532 8: ") && found[0].contains(says), "{lines}: {found:?}");
    }
}

#[test]
fn files_that_are_no_calendars_are_refused() {
    let deep = format!("{}{}", "BEGIN:VCALENDAR\n".repeat(9), "END:VCALENDAR\n".repeat(9));
    let many = event("DTSTART:20270517").repeat(2_001);
    let recurring = event("DTSTART:20270517\nRRULE:FREQ=YEARLY").repeat(301);
    let whole = |events: &str| format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n");
    for (text, line, says) in [
        (String::new(), 1, "no all-day event"),
        ("<html>".to_owned(), 1, "no iCalendar file"),
        ("BEGIN:VCARD\nEND:VCARD\n".to_owned(), 1, "no iCalendar file"),
        (whole(""), 1, "no all-day event"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20270517\n".to_owned(), 3, "ends within VEVENT"),
        ("BEGIN:VCALENDAR\nEND:VEVENT\n".to_owned(), 2, "ends what has not begun"),
        (deep, 9, "nested too deep"),
        (whole(&many), 10_006, "more than 2000 events"),
        (whole(&recurring), 1, "more than 300 events that recur"),
    ] {
        let (_, found) = of_file(text.as_bytes());
        let shown: String = text.chars().take(60).collect();
        let start = format!("C531 {line}: ");
        assert!(found.iter().any(|f| f.starts_with(&start) && f.contains(says)), "{shown}: {found:?}");
    }
    let latin = ICS
        .replace("Constitution", "Gr")
        .into_bytes()
        .iter()
        .map(|b| if *b == b'G' { 0xe9 } else { *b })
        .collect::<Vec<_>>();
    assert!(of_file(&latin).1.iter().any(|found| found.starts_with("C100 1")));
    assert!(
        of_file(&vec![b'x'; 512 * 1024 + 1]).1.iter().any(|found| found.contains("more than 524288 bytes"))
    );
}

#[test]
fn the_worst_calendars_are_read_in_a_moment() {
    let whole = |line: &str| format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", event(line));
    let began = std::time::Instant::now();
    let every_day = "DTSTART:19700101\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU";
    for text in [
        whole(&format!("DTSTART{}:20270517", ";A=\"x\"".repeat(80_000))),
        whole(&format!("RRULE:{}", "FREQ=YEARLY;".repeat(40_000))),
        whole(&format!("DTSTART:20270517\n{}", "EXDATE:20270517\n".repeat(30_000))),
        whole(&format!("SUMMARY:{}", "\\".repeat(500_000))),
        format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", event(every_day).repeat(300)),
        "BEGIN:VEVENT\n".repeat(38_000),
        format!("BEGIN:VCALENDAR{}", "\n x".repeat(170_000)),
        "\u{e9}\n".repeat(170_000),
    ] {
        of_file(text.as_bytes());
    }
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
