//! Dates as a calendar file (iCalendar, RFC 5545 and 7986), to import once or to subscribe to.

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component as _, Event, EventLike as _, EventStatus, Property};

/// Who made the file (RFC 5545 section 3.7.3).
const PRODID: &str = "-//partnercast//partnercast//EN";
/// From when seconds are counted that say which of two files is the later: 2020-01-01 UTC. They fit the 31 bits that a
/// sequence number may have until 2088.
const SEQUENCE_FROM_S: i64 = 1_577_836_800;
/// How often programs ask for a file they subscribe to.
const ASK_AGAIN: &str = "PT6H";

/// Something at a time.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The same for ever, so that a second file changes the first entry.
    pub uid: String,
    /// When what is said was last changed; also its order among several files.
    pub changed: DateTime<Utc>,
    /// When it begins.
    pub start: DateTime<Utc>,
    /// When it ends.
    pub end: DateTime<Utc>,
    /// Its title.
    pub title: String,
    /// A few sentences.
    pub text: String,
    /// Its page; empty for none.
    pub url: String,
    /// Who holds it, a name and an address, where they have told one.
    pub organizer: Option<(String, String)>,
    /// Whether it does not take place.
    pub is_cancelled: bool,
    /// Whether people are busy meanwhile.
    pub is_busy: bool,
}

/// What is said about a file that programs ask for again and again.
#[derive(Debug, Clone)]
pub struct About {
    /// Its name.
    pub name: String,
    /// The IANA zone in which it is shown.
    pub zone: String,
    /// Its colour, `#rrggbb`.
    pub colour: Option<String>,
}

/// The order of an entry that was `changed` then among several files about it: it grows with time and needs no memory.
pub fn sequence(changed: DateTime<Utc>) -> u32 {
    u32::try_from(changed.timestamp() - SEQUENCE_FROM_S).unwrap_or_default()
}

/// A file with one entry; the same for the same entry.
pub fn calendar(entry: &Entry) -> String {
    file(None, std::slice::from_ref(entry))
}

/// A file to subscribe to; the same for the same entries.
pub fn feed(about: &About, entries: &[Entry]) -> String {
    file(Some(about), entries)
}

fn file(about: Option<&About>, entries: &[Entry]) -> String {
    let mut calendar = Calendar::empty();
    let properties =
        [("VERSION", "2.0"), ("PRODID", PRODID), ("CALSCALE", "GREGORIAN"), ("METHOD", "PUBLISH")];
    for property in properties {
        calendar.append_property(property);
    }
    if let Some(about) = about {
        let name = line(&about.name);
        calendar.append_property(Property::new("NAME", &name).add_parameter("VALUE", "TEXT").done());
        calendar.append_property(("X-WR-CALNAME", name.as_str()));
        calendar.append_property(("X-WR-TIMEZONE", about.zone.as_str()));
        let again = Property::new("REFRESH-INTERVAL", ASK_AGAIN).add_parameter("VALUE", "DURATION").done();
        calendar.append_property(again);
        calendar.append_property(("X-PUBLISHED-TTL", ASK_AGAIN));
        if let Some(colour) = &about.colour {
            calendar.append_property(("X-APPLE-CALENDAR-COLOR", colour.as_str()));
        }
    }
    for entry in entries {
        calendar.push(event(entry));
    }
    calendar.to_string()
}

fn event(entry: &Entry) -> Event {
    let mut event = Event::new();
    let text = [entry.text.as_str(), entry.url.as_str()];
    let text: Vec<&str> = text.into_iter().filter(|part| !part.is_empty()).collect();
    event
        .uid(&entry.uid)
        .timestamp(entry.changed)
        .last_modified(entry.changed)
        .sequence(sequence(entry.changed))
        .starts(entry.start)
        .ends(entry.end)
        .summary(&line(&entry.title))
        .description(&clean(&text.join("\n"), '\n'))
        .status(if entry.is_cancelled { EventStatus::Cancelled } else { EventStatus::Confirmed })
        .add_property("TRANSP", if entry.is_busy { "OPAQUE" } else { "TRANSPARENT" });
    if !entry.url.is_empty() {
        event.url(&line(&entry.url));
    }
    if let Some((name, address)) = &entry.organizer {
        let mut organizer = Property::new("ORGANIZER", format!("mailto:{}", line(address)));
        // A quotation mark cannot stand in a parameter at all (RFC 5545 section 3.2).
        organizer.add_parameter("CN", &line(name).replace('"', "'"));
        event.append_property(organizer.done());
    }
    event.done()
}

/// `text` in one line.
fn line(text: &str) -> String {
    clean(text, ' ')
}

/// `text` with `at_break` for the ends of its lines, and spaces for what else could end a line for some program or is no
/// text: it comes from people, and what follows it must stay ours.
fn clean(text: &str, at_break: char) -> String {
    let text = text.replace("\r\n", "\n");
    let one = |c: char| match c {
        '\n' => at_break,
        '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
