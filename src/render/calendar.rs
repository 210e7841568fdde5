//! A session as a calendar file (iCalendar, RFC 5545).

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component as _, Event, EventLike as _, Property};

/// Who made the file (RFC 5545 section 3.7.3).
const PRODID: &str = "-//partnercast//partnercast//EN";

/// A session at a time.
#[derive(Debug, Clone)]
pub struct Session<'s> {
    /// The same for ever, so that a second file changes the first entry.
    pub uid: &'s str,
    /// When what is said was last changed; also its order among several files.
    pub changed: DateTime<Utc>,
    /// When it begins.
    pub start: DateTime<Utc>,
    /// When it ends.
    pub end: DateTime<Utc>,
    /// Its title.
    pub title: &'s str,
    /// A few sentences.
    pub text: &'s str,
    /// Its page.
    pub url: &'s str,
    /// Who holds it, a name and an address, where they have told one.
    pub organizer: Option<(&'s str, &'s str)>,
}

/// The file; the same for the same session.
pub fn calendar(session: &Session<'_>) -> String {
    let mut event = Event::new();
    event
        .uid(session.uid)
        .timestamp(session.changed)
        .sequence(u32::try_from(session.changed.timestamp() / 60).unwrap_or_default())
        .starts(session.start)
        .ends(session.end)
        .summary(session.title)
        .description(&format!("{}\n{}", session.text, session.url))
        .url(session.url);
    if let Some((name, address)) = session.organizer {
        let mut organizer = Property::new("ORGANIZER", format!("mailto:{address}"));
        // A quotation mark cannot stand in a parameter at all (RFC 5545 section 3.2).
        organizer.add_parameter("CN", &name.replace('"', "'"));
        event.append_property(organizer.done());
    }
    let mut calendar = Calendar::empty();
    let properties =
        [("VERSION", "2.0"), ("PRODID", PRODID), ("CALSCALE", "GREGORIAN"), ("METHOD", "PUBLISH")];
    for property in properties {
        calendar.append_property(property);
    }
    calendar.push(event.done());
    calendar.to_string()
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    #[test]
    fn a_session_is_a_calendar_entry() {
        let at = |hour| Utc.with_ymd_and_hms(2027, 1, 21, hour, 0, 0).unwrap();
        let text = calendar(&Session {
            uid: "webinars/live@partnercast",
            changed: at(8),
            start: at(15),
            end: at(16),
            title: "Live; \"restore\", ünder 20 minutes with a title that is longer than one line of the file may be",
            text: "Watch.\nAsk.",
            url: "https://cast.example/p/northlight/webinars/live",
            organizer: Some(("Brack\"en: fold", "news@brackenfold.example")),
        });
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
        let unfolded = text.replace("\r\n ", "");
        for line in [
            "DTSTART:20270121T150000Z",
            "DTEND:20270121T160000Z",
            "DTSTAMP:20270121T080000Z",
            "METHOD:PUBLISH",
            "PRODID:-//partnercast//partnercast//EN",
        ] {
            assert!(unfolded.contains(&format!("\r\n{line}\r\n")), "{line}: {unfolded}");
        }
        assert!(unfolded.contains("SUMMARY:Live\\; \"restore\"\\, ünder 20 minutes"));
        assert!(unfolded.contains("DESCRIPTION:Watch.\\nAsk.\\nhttps://cast"));
        assert!(unfolded.contains("ORGANIZER;CN=\"Brack'en: fold\":mailto:news@"), "{unfolded}");
    }
}
