//! What a calendar says of each of its entries, in the reader's words.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::calendar::{Line, NEWSLETTER_MS, ends_ms};
use crate::{
    domain::{
        kernel::clock::{UtcMs, utc},
        program::PromiseVerdict,
    },
    render::{
        Strings,
        calendar::{Entry, sequence},
    },
    web::view::{
        authored,
        chart::Badge,
        when::{Moment, iso},
    },
    work::{
        Context,
        calendars::{Calendar, Date, Series, State},
    },
};

/// Hours of zones that a description lists at most.
const HOURS_MAX: usize = 60;

/// An entry as programs read it.
#[derive(Debug, Clone, Serialize)]
pub struct Item {
    /// The same for ever.
    pub uid: String,
    /// `newsletter` or `webinar`.
    pub kind: &'static str,
    /// The newsletter's slug.
    pub newsletter: Option<String>,
    /// What it is.
    pub title: String,
    /// What it is about, once that is written.
    pub subject: Option<String>,
    /// A few sentences.
    pub text: String,
    /// When it begins, RFC 3339 in UTC.
    pub starts: String,
    /// When it ends, likewise.
    pub ends: String,
    /// How it stands: `open`, `written`, `fixed`, `skipped` or `cancelled`; a webinar is `fixed`.
    pub state: &'static str,
    /// How it went: `kept`, `late`, `partial`, `missed` or `skipped`; none before it is over.
    pub verdict: Option<&'static str>,
    /// What clock changes and the calendar's rules did to it, in English.
    pub notes: Vec<String>,
    /// Its page.
    pub url: String,
    /// When what is said was last changed, RFC 3339 in UTC.
    pub changed: String,
    /// Grows with every change.
    pub sequence: u32,
    /// When it begins.
    #[serde(skip)]
    pub starts_ms: UtcMs,
    /// When it ends.
    #[serde(skip)]
    pub ends_ms: UtcMs,
    #[serde(skip)]
    changed_at: DateTime<Utc>,
    #[serde(skip)]
    organizer: Option<(String, String)>,
    #[serde(skip)]
    badge: Option<Badge>,
}

/// The entries of a calendar in order of time.
pub fn items(ctx: &Context, calendar: &Calendar, strings: &Strings) -> Vec<Item> {
    let mut items: Vec<Item> = calendar.sessions.iter().map(of_session).collect();
    for series in &calendar.newsletters {
        items.extend(series.dates.iter().map(|date| of_date(ctx, calendar, series, date, strings)));
    }
    items.sort_by(|a, b| (a.starts_ms, &a.uid).cmp(&(b.starts_ms, &b.uid)));
    items
}

fn of_session(entry: &Entry) -> Item {
    let (starts_ms, ends_ms) = (entry.start.timestamp_millis(), entry.end.timestamp_millis());
    Item {
        uid: entry.uid.clone(),
        kind: "webinar",
        newsletter: None,
        title: entry.title.clone(),
        subject: None,
        text: entry.text.clone(),
        starts: iso(starts_ms),
        ends: iso(ends_ms),
        state: if entry.is_cancelled { State::Cancelled } else { State::Fixed }.as_str(),
        verdict: None,
        notes: Vec::new(),
        url: entry.url.clone(),
        changed: iso(entry.changed.timestamp_millis()),
        sequence: sequence(entry.changed),
        starts_ms,
        ends_ms,
        changed_at: entry.changed,
        organizer: entry.organizer.clone(),
        badge: None,
    }
}

fn of_date(ctx: &Context, calendar: &Calendar, series: &Series, date: &Date, strings: &Strings) -> Item {
    let changed_at = utc(date.changed_ms);
    let badge = badge(date, strings);
    let cadence = series.cadence.as_ref().map(|cadence| strings.cadence_in(cadence, series.zone));
    let mut text: Vec<String> = cadence.into_iter().collect();
    text.extend(badge.iter().map(|badge| badge.text.clone()));
    text.extend(date.notes.iter().map(|note| strings.fill("calendar_note", &[("note", note)])));
    let base = &ctx.settings.public_url;
    let url = match &calendar.partner {
        Some(partner) => format!("{base}/p/{}", partner.slug),
        None => {
            text.extend(hours(date));
            format!("{base}{}", console_path(date))
        }
    };
    let ends_ms = ends_ms(date.last_due_ms);
    Item {
        uid: date.uid.clone(),
        kind: "newsletter",
        newsletter: Some(date.newsletter.clone()),
        title: authored(&series.title),
        subject: date.subject.as_deref().map(authored),
        text: text.join("\n"),
        starts: iso(date.first_due_ms),
        ends: iso(ends_ms),
        state: date.state.as_str(),
        verdict: date.verdict.map(PromiseVerdict::as_str),
        notes: date.notes.clone(),
        url,
        changed: iso(date.changed_ms),
        sequence: sequence(changed_at),
        starts_ms: date.first_due_ms,
        ends_ms,
        changed_at,
        organizer: None,
        badge,
    }
}

/// Where the console says more about a date.
pub fn console_path(date: &Date) -> String {
    match &date.issue {
        Some(issue) => format!("/console/issues/{}", issue.id),
        None if date.verdict.is_some() => {
            format!("/console/promises/{}/{}", date.newsletter, date.nominal.date())
        }
        None => format!("/console/calendar?month={}", date.nominal.format("%Y-%m")),
    }
}

/// How a date stands or went, where there is something to say.
fn badge(date: &Date, strings: &Strings) -> Option<Badge> {
    let (tone, key) = match (date.state, date.verdict) {
        (State::Cancelled, _) => ("bad", "calendar_cancelled"),
        (State::Skipped, _) | (_, Some(PromiseVerdict::Skipped)) => ("", "calendar_skipped"),
        (_, Some(PromiseVerdict::Kept)) => ("good", "calendar_kept"),
        (_, Some(PromiseVerdict::Late)) => ("warn", "calendar_late"),
        (_, Some(PromiseVerdict::Partial)) => ("warn", "calendar_partial"),
        (_, Some(PromiseVerdict::Missed)) => ("bad", "calendar_missed"),
        (_, None) => return None,
    };
    Some(Badge::new(tone, strings.get(key)))
}

/// `America/Chicago: Tue 12 Jan 2027, 09:00 CST`, a line for each zone, in order of time.
fn hours(date: &Date) -> Vec<String> {
    let zoned = |(zone, due_ms): &(String, UtcMs)| {
        let moment = Moment::full(*due_ms, zone.parse().unwrap_or(Tz::UTC));
        format!("{}: {}", zone.replace('_', " "), moment.text)
    };
    let mut lines: Vec<String> = date.hours.iter().take(HOURS_MAX).map(zoned).collect();
    let more = date.hours.len().saturating_sub(HOURS_MAX);
    lines.extend((more > 0).then(|| format!("and {more} more zones")));
    lines
}

impl Item {
    /// As an entry of a file.
    pub fn entry(&self) -> Entry {
        let is_session = self.kind == "webinar";
        Entry {
            uid: self.uid.clone(),
            changed: self.changed_at,
            start: utc(self.starts_ms),
            end: utc(self.ends_ms),
            title: match &self.subject {
                Some(subject) => format!("{}: {subject}", self.title),
                None => self.title.clone(),
            },
            text: self.text.clone(),
            url: self.url.clone(),
            organizer: self.organizer.clone(),
            is_cancelled: [State::Skipped, State::Cancelled].iter().any(|state| self.state == state.as_str()),
            is_busy: is_session,
        }
    }

    /// As a line of a page whose times are those of `zone`.
    pub fn line(self, strings: &Strings, zone: Tz) -> Line {
        let local = |ms: UtcMs| utc(ms).with_timezone(&zone);
        let moment = |ms: UtcMs| Moment::worded(ms, strings.date_time(&local(ms)));
        let day = local(self.starts_ms).date_naive();
        // A day is said once.
        let end = |ms: UtcMs| {
            let ends = local(ms);
            let is_same = ends.date_naive() == day;
            if is_same { Moment::worded(ms, strings.time(ends.time())) } else { moment(ms) }
        };
        let is_session = self.kind == "webinar";
        let last_ms = self.ends_ms - NEWSLETTER_MS;
        Line {
            month: Some(strings.month(day)),
            at: moment(self.starts_ms),
            until: (!is_session && last_ms > self.starts_ms).then(|| end(last_ms)),
            title: self.title,
            text: if is_session { Some(self.text) } else { self.subject },
            badge: self
                .badge
                .or_else(|| is_session.then(|| Badge::new("brand", strings.get("kind_webinar")))),
            notes: self.notes,
            href: is_session.then_some(self.url),
        }
    }
}
