//! What a partner's customers read and watch: whitepapers, blog posts, webinars.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _};

use super::super::{
    asset::words,
    finding::Findings,
    keys::{Found, Keys, Reference},
};

words! {
    /// How a reader gets a whitepaper.
    Gate {
        /// By a form, which makes a lead.
        Form "form",
        /// Freely.
        Open "open",
    }
}

/// A paper for the partner's customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whitepaper {
    /// Who wrote it.
    pub authors: Vec<String>,
    /// The partner who helped.
    pub co_author: Option<Reference>,
    /// How a reader gets it.
    pub gate: Gate,
    /// A line for the cover.
    pub cover_line: Option<String>,
}

impl Default for Whitepaper {
    fn default() -> Self {
        Self { authors: Vec::new(), co_author: None, gate: Gate::Form, cover_line: None }
    }
}

impl Whitepaper {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        Self {
            authors: keys.need("authors", f).map(|v| v.lines(f)).unwrap_or_default(),
            co_author: keys.get("co_author").and_then(|v| v.reference(f)),
            gate: keys.need("gate", f).and_then(|v| v.choice(Gate::WORDS, f)).unwrap_or(Gate::Form),
            cover_line: keys.get("cover_line").and_then(|v| v.line(f)),
        }
    }
}

/// A blog post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blog {
    /// Who wrote it.
    pub author: String,
    /// The partner whose guest post it is.
    pub partner: Option<Reference>,
    /// Where it stands first, https: what search engines are told to show.
    pub canonical: Option<String>,
}

impl Blog {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        Self {
            author: keys.need("author", f).and_then(|v| v.line(f)).unwrap_or_default(),
            partner: keys.get("partner").and_then(|v| v.reference(f)),
            canonical: keys.get("canonical").and_then(|v| v.https(f)),
        }
    }
}

/// Somebody who speaks in a webinar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// Full name.
    pub name: String,
    /// What they do.
    pub title: String,
    /// The partner they work for.
    pub partner: Option<Reference>,
}

/// A session at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webinar {
    /// Local date and time in `zone`.
    pub start: NaiveDateTime,
    /// The zone of `start`.
    pub zone: chrono_tz::Tz,
    /// How long it lasts.
    pub duration_minutes: u32,
    /// Who speaks.
    pub speakers: Vec<Speaker>,
    /// The partner who holds it with the vendor.
    pub co_host: Option<Reference>,
    /// Where to sign up, https, when it is not our own form.
    pub registration: Option<String>,
    /// Where it is watched afterwards, https.
    pub recording: Option<String>,
}

impl Default for Webinar {
    fn default() -> Self {
        Self {
            start: NaiveDate::default().and_time(NaiveTime::MIN),
            zone: chrono_tz::Tz::UTC,
            duration_minutes: 0,
            speakers: Vec::new(),
            co_host: None,
            registration: None,
            recording: None,
        }
    }
}

impl Webinar {
    /// When it begins; nothing for an hour that the zone's clocks leave out.
    pub fn begins(&self) -> Option<DateTime<chrono_tz::Tz>> {
        self.zone.from_local_datetime(&self.start).earliest()
    }

    /// When it ends.
    pub fn ends(&self) -> Option<DateTime<chrono_tz::Tz>> {
        self.begins().map(|begins| begins + Duration::minutes(self.duration_minutes.into()))
    }

    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let blank = Self::default();
        let speakers = keys.need("speakers", f).map(|v| v.list(f)).unwrap_or_default();
        Self {
            start: keys.need("start", f).and_then(|v| v.date_time(f)).unwrap_or(blank.start),
            zone: keys.need("zone", f).and_then(|v| v.zone(f)).unwrap_or(blank.zone),
            duration_minutes: keys
                .need("duration_minutes", f)
                .and_then(|v| v.count(1, f))
                .unwrap_or_default(),
            speakers: speakers.into_iter().filter_map(|v| speaker(v, f)).collect(),
            co_host: keys.get("co_host").and_then(|v| v.reference(f)),
            registration: keys.get("registration").and_then(|v| v.https(f)),
            recording: keys.get("recording").and_then(|v| v.https(f)),
        }
    }
}

fn speaker(found: Found, f: &mut Findings<'_>) -> Option<Speaker> {
    let mut keys = found.map(f)?;
    let speaker = Speaker {
        name: keys.need("name", f).and_then(|v| v.line(f)).unwrap_or_default(),
        title: keys.need("title", f).and_then(|v| v.line(f)).unwrap_or_default(),
        partner: keys.get("partner").and_then(|v| v.reference(f)),
    };
    keys.finish(f);
    Some(speaker)
}
