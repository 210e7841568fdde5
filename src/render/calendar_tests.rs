//! What a calendar file says, and what nobody can make it say.

use chrono::TimeZone as _;

use super::*;

fn at(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2027, 1, 21, hour, 0, 0).unwrap()
}

fn entry(title: &str, text: &str) -> Entry {
    Entry {
        uid: "webinars/live@northlight".to_owned(),
        changed: at(8),
        start: at(15),
        end: at(16),
        title: title.to_owned(),
        text: text.to_owned(),
        url: "https://cast.example/p/northlight/webinars/live".to_owned(),
        organizer: Some(("Brack\"en: fold".to_owned(), "news@brackenfold.example".to_owned())),
        is_cancelled: false,
        is_busy: true,
    }
}

fn about(name: &str) -> About {
    About { name: name.to_owned(), zone: "Europe/Oslo".to_owned(), colour: Some("#1a2f6b".to_owned()) }
}

/// The lines of a file, without folds.
fn lines(file: &str) -> Vec<String> {
    assert!(file.split("\r\n").all(|line| line.len() <= 75), "{file}");
    assert!(!file.replace("\r\n", "").contains(['\r', '\n']), "{file:?}");
    file.replace("\r\n ", "").split("\r\n").map(str::to_owned).collect()
}

#[test]
fn a_session_is_a_calendar_entry() {
    let title =
        "Live; \"restore\", ünder 20 minutes with a title that is longer than one line of the file may be";
    let lines = lines(&calendar(&entry(title, "Watch.\nAsk.")));
    for line in [
        "DTSTART:20270121T150000Z",
        "DTEND:20270121T160000Z",
        "DTSTAMP:20270121T080000Z",
        "LAST-MODIFIED:20270121T080000Z",
        "SEQUENCE:222681600",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "METHOD:PUBLISH",
        "PRODID:-//partnercast//partnercast//EN",
        "ORGANIZER;CN=\"Brack'en: fold\":mailto:news@brackenfold.example",
        "DESCRIPTION:Watch.\\nAsk.\\nhttps://cast.example/p/northlight/webinars/live",
    ] {
        assert!(lines.iter().any(|other| other == line), "{line}: {lines:#?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("SUMMARY:Live\\; \"restore\"\\, ünder 20 minutes")));
    assert!(!lines.iter().any(|line| line.starts_with("X-WR-")), "it is imported once");
}

#[test]
fn a_feed_says_what_it_is_and_when_to_ask_again() {
    let cancelled =
        Entry { is_cancelled: true, is_busy: false, url: String::new(), organizer: None, ..entry("t", "") };
    let lines = lines(&feed(&about("Fold, Forward; all"), &[entry("a", "b"), cancelled]));
    for line in [
        "NAME;VALUE=TEXT:Fold\\, Forward\\; all",
        "X-WR-CALNAME:Fold\\, Forward\\; all",
        "X-WR-TIMEZONE:Europe/Oslo",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
        "X-PUBLISHED-TTL:PT6H",
        "X-APPLE-CALENDAR-COLOR:#1a2f6b",
        "STATUS:CANCELLED",
        "TRANSP:TRANSPARENT",
        "DESCRIPTION:",
    ] {
        assert!(lines.iter().any(|other| other == line), "{line}: {lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 2);
    assert_eq!(lines.iter().filter(|line| line.starts_with("URL")).count(), 1);
}

#[test]
fn an_empty_feed_is_a_calendar() {
    let lines = lines(&feed(&about("none"), &[]));
    assert_eq!((lines[0].as_str(), lines[lines.len() - 2].as_str()), ("BEGIN:VCALENDAR", "END:VCALENDAR"));
}

#[test]
fn what_people_write_stays_a_text() {
    let breaks = ["\r\n", "\n", "\r", "\u{0b}", "\u{0c}", "\u{85}", "\u{2028}", "\u{2029}", "\0", "\u{1c}"];
    for end in breaks {
        let evil = format!("x{end}END:VEVENT{end}BEGIN:VEVENT{end}ATTENDEE:mailto:a@b.example{end} \\n;,:\"");
        let mut one = entry(&evil, &evil);
        one.organizer = Some((evil.clone(), evil.clone()));
        let lines = lines(&feed(&about(&evil), &[one]));
        for name in ["BEGIN:VEVENT", "END:VEVENT", "END:VCALENDAR"] {
            assert_eq!(lines.iter().filter(|line| *line == name).count(), 1, "{end:?} {name}: {lines:#?}");
        }
        assert!(!lines.iter().any(|line| line.starts_with("ATTENDEE")), "{end:?}");
        assert!(!lines.concat().chars().any(|c| c.is_control() || "\u{2028}\u{2029}".contains(c)), "{end:?}");
    }
}

#[test]
fn a_later_change_is_a_higher_number() {
    let numbers: Vec<u32> = [8, 9, 10].map(|hour| sequence(at(hour))).to_vec();
    assert!(numbers.is_sorted_by(|a, b| a < b) && numbers[2] < i32::MAX.unsigned_abs(), "{numbers:?}");
    assert_eq!(sequence(DateTime::UNIX_EPOCH), 0);
}
