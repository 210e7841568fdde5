//! A session as a calendar file (iCalendar, RFC 5545).

use chrono::{DateTime, Utc};

/// Longest line, in octets without its end (section 3.1).
const LINE_OCTETS_MAX: usize = 75;

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
    /// Who holds it: a name and an address.
    pub organizer: (&'s str, &'s str),
}

/// The file.
pub fn calendar(session: &Session<'_>) -> String {
    let stamp = |at: DateTime<Utc>| at.format("%Y%m%dT%H%M%SZ").to_string();
    let (name, address) = session.organizer;
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//partnercast//session//EN".to_owned(),
        "METHOD:PUBLISH".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}", session.uid),
        format!("DTSTAMP:{}", stamp(session.changed)),
        format!("SEQUENCE:{}", session.changed.timestamp().max(0) / 60),
        format!("DTSTART:{}", stamp(session.start)),
        format!("DTEND:{}", stamp(session.end)),
        format!("SUMMARY:{}", escaped(session.title)),
        format!("DESCRIPTION:{}", escaped(&format!("{}\n{}", session.text, session.url))),
        format!("URL:{}", session.url),
        format!("ORGANIZER;CN=\"{}\":mailto:{address}", name.replace(['"', '\n', '\r'], " ")),
        "END:VEVENT".to_owned(),
        "END:VCALENDAR".to_owned(),
    ];
    lines.iter().map(|line| folded(line)).collect()
}

/// Text as a value (section 3.3.11).
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,");
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\\n")
}

/// A line of at most 75 octets, the rest on lines that begin with a blank; never cut inside a character.
fn folded(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    let mut octets = 0;
    for c in line.chars() {
        if octets + c.len_utf8() > LINE_OCTETS_MAX {
            out.push_str("\r\n ");
            octets = 1;
        }
        out.push(c);
        octets += c.len_utf8();
    }
    out.push_str("\r\n");
    out
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
            organizer: ("Brack\"enfold", "news@brackenfold.example"),
        });
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
        let unfolded = text.replace("\r\n ", "");
        assert!(unfolded.contains("\r\nDTSTART:20270121T150000Z\r\nDTEND:20270121T160000Z\r\n"));
        assert!(unfolded.contains("SUMMARY:Live\\; \"restore\"\\, ünder 20 minutes"));
        assert!(unfolded.contains("DESCRIPTION:Watch.\\nAsk.\\nhttps://cast"));
        assert!(unfolded.contains("ORGANIZER;CN=\"Brack enfold\":mailto:news@"));
    }
}
