//! What a partner's customers read and watch: whitepapers, blog posts, webinars.

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _};
use chrono_tz::GapInfo;

use super::super::{
    asset::words,
    finding::{Findings, Place, codes},
    keys::{Found, Keys, Reference},
};

/// Longest session, in minutes: a day.
const DURATION_MINUTES_MAX: u32 = 24 * 60;

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
    /// Whether a start was read.
    pub fn has_start(&self) -> bool {
        self.start != Self::default().start
    }

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
        let start = keys.need("start", f);
        let start_place = start.as_ref().map(Found::place);
        let start = start.and_then(|v| v.date_time(f));
        let zone = keys.need("zone", f).and_then(|v| v.zone(f));
        if let (Some(place), Some(start), Some(zone)) = (start_place, start, zone) {
            clocks(start, zone, place, f);
        }
        Self {
            start: start.unwrap_or(blank.start),
            zone: zone.unwrap_or(blank.zone),
            duration_minutes: keys
                .need("duration_minutes", f)
                .and_then(|v| v.count_to(1, DURATION_MINUTES_MAX, f))
                .unwrap_or_default(),
            speakers: speakers.into_iter().filter_map(|v| speaker(v, f)).collect(),
            co_host: keys.get("co_host").and_then(|v| v.reference(f)),
            registration: keys.get("registration").and_then(|v| v.https(f)),
            recording: keys.get("recording").and_then(|v| v.https(f)),
        }
    }
}

/// Whether the clocks of `zone` show `start` once.
fn clocks(start: NaiveDateTime, zone: chrono_tz::Tz, place: Place, f: &mut Findings<'_>) {
    let (shown, zone_name) = (start.format("%Y-%m-%dT%H:%M"), zone.name());
    match zone.from_local_datetime(&start) {
        LocalResult::Single(_) => {}
        LocalResult::None => {
            let next = GapInfo::new(&start, &zone).and_then(|gap| gap.end);
            let next = next.map_or_else(
                || "another time".to_owned(),
                |next| format!("`{}`, the next time that there is", next.format("%Y-%m-%dT%H:%M")),
            );
            let message = format!("`start`: the clocks of {zone_name} skip {shown}");
            f.add(codes::BAD_VALUE, place, message, format!("write {next}, or the one that is meant"));
        }
        LocalResult::Ambiguous(one, other) => {
            let (first, second) = (one.min(other), one.max(other));
            let message = format!(
                "`start`: the clocks of {zone_name} show {shown} twice, and the first time is meant, at UTC{}",
                first.format("%:z")
            );
            let fix = format!(
                "leave it if so; the second, at UTC{}, is `start: {}` with `zone: UTC`",
                second.format("%:z"),
                second.naive_utc().format("%Y-%m-%dT%H:%M")
            );
            f.add(codes::MISLEADING, place, message, fix);
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
