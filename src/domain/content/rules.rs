//! The rules that marketers may change: scoring, routing, consent.

use std::collections::BTreeMap;

use chrono::{NaiveTime, TimeDelta, Weekday};

use super::{
    asset::words,
    field::Scope,
    finding::{Findings, codes},
    keys::{Found, Keys},
    merge::Template,
};
use crate::domain::kernel::{Locale, Slug};

/// Most points, either way, that a rule may give for one thing.
const POINTS_MAX: i32 = 10_000;
/// Longest half-life, in days.
const HALF_LIFE_DAYS_MAX: u32 = 3_650;
/// Longest clock, in business minutes: a quarter of eight-hour days.
const CLOCK_MINUTES_MAX: u32 = 90 * 8 * 60;
/// Shortest business day: no clock change may swallow it, and no search for an open hour runs for long.
const BUSINESS_DAY_MIN: TimeDelta = TimeDelta::hours(1);

words! {
    /// What may move a score: the kinds of events that a rule can name, in `engagement`'s words.
    ScoreEvent {
        /// A click by a person.
        Click "click",
        /// A page read.
        PageView "page_view",
        /// A file taken.
        Download "download",
        /// The form before a whitepaper.
        WhitepaperForm "whitepaper_form",
        /// Registered for a webinar.
        WebinarRegistered "webinar_registered",
        /// Was there.
        WebinarAttended "webinar_attended",
        /// Asked to talk.
        TalkToUs "talk_to_us",
        /// Left the list.
        Unsubscribe "unsubscribe",
    }
}

words! {
    /// How well a lead fits, best first. A: 8 points and more, B: 5, C: 2.
    FitGrade {
        /// 8 points and more.
        A "A",
        /// 5 to 7.
        B "B",
        /// 2 to 4.
        C "C",
        /// Fewer.
        D "D",
    }
}

/// scoring.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoring {
    /// Raised with every change; each score names it.
    pub version: u32,
    /// After so many days points are worth half; 1 to 3,650.
    pub half_life_days: u32,
    /// Engagement from which a lead qualifies, in points.
    pub mql_score: i32,
    /// And the least grade of fit.
    pub mql_fit: FitGrade,
    /// Events that qualify at once.
    pub instant: Vec<ScoreEvent>,
    /// Points an event gives, 10,000 at most either way; those not listed give none.
    pub points: BTreeMap<ScoreEvent, i32>,
    /// The most that one kind of event may give, in points, after decay; those not listed have no limit.
    pub caps: BTreeMap<ScoreEvent, i32>,
    /// Points for who they are.
    pub fit: Fit,
}

/// Points for who a lead is, 10,000 at most either way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// The address is not one of a free mail provider.
    pub business_email: i32,
    /// By number of people: `50-249`.
    pub company_size: BTreeMap<String, i32>,
    /// By what they do: `executive`.
    pub job_role: BTreeMap<String, i32>,
    /// Their country is in the partner's region.
    pub country_served: i32,
}

/// routing.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// Raised with every change.
    pub version: u32,
    /// When the clocks run, in the partner's zone.
    pub business_hours: BusinessHours,
    /// The clock for somebody who raised a hand.
    pub hot: LeadClock,
    /// The clock for all others.
    pub standard: LeadClock,
}

/// When people work, in their own zone. A day's hours run from the first instant at which the clocks show `start`
/// or later to the first at which they show `end` or later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessHours {
    /// Days, Monday first.
    pub days: Vec<Weekday>,
    /// From.
    pub start: NaiveTime,
    /// Until; an hour after `start` at least.
    pub end: NaiveTime,
}

/// How much time a rep has, in minutes of business hours; each 1 to 43,200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadClock {
    /// To accept, from the offer.
    pub accept_minutes: u32,
    /// To the first contact, from acceptance.
    pub first_contact_minutes: u32,
    /// To qualify, disqualify or recycle, from the first contact.
    pub next_step_minutes: u32,
}

/// A text of consent.toml: what a person agrees to, word for word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentText {
    /// Which: `whitepaper`, `talk-to-us`.
    pub id: Slug,
    /// Raised with every change; a text that was shown is never edited.
    pub version: u32,
    /// What is agreed to: `follow_up`.
    pub purpose: String,
    /// The text, by locale; merge fields of partner and vendor allowed.
    pub texts: BTreeMap<Locale, Template>,
}

impl ConsentText {
    /// The text in the reader's language, with its locale; else English, else the first.
    pub fn text_in(&self, locale: &Locale) -> Option<(&Locale, &Template)> {
        let fallbacks = locale.fallbacks();
        let of = |tag: &str| self.texts.iter().find(|(key, _)| key.as_str() == tag);
        fallbacks.into_iter().find_map(of).or_else(|| of("en")).or_else(|| self.texts.iter().next())
    }
}

/// The rules; what a folder does not have is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// scoring.toml.
    pub scoring: Option<Scoring>,
    /// routing.toml.
    pub routing: Option<Routing>,
    /// consent.toml, in its order.
    pub consent: Vec<ConsentText>,
}

impl Rules {
    /// The newest version of the consent text `id`.
    pub fn consent(&self, id: &str) -> Option<&ConsentText> {
        self.consent.iter().filter(|text| text.id.as_str() == id).max_by_key(|text| text.version)
    }
}

impl Scoring {
    pub(super) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Option<Self> {
        let version = keys.need("version", f).and_then(|v| v.count(1, f));
        let half_life_days = keys.need("half_life_days", f).and_then(|v| whole(v, 1, HALF_LIFE_DAYS_MAX, f));
        let mql_score = keys.need("mql_score", f).and_then(|v| points(v, f));
        let mql_fit = keys.need("mql_fit", f).and_then(|v| v.choice(FitGrade::WORDS, f));
        let instant = keys.get("instant").map(|v| v.choices(ScoreEvent::WORDS, f)).unwrap_or_default();
        let given = keys.need("points", f).map(|v| by_event(v, f, points)).unwrap_or_default();
        let caps = keys.get("caps").map(|v| by_event(v, f, cap)).unwrap_or_default();
        let fit = keys.need("fit", f).and_then(|v| fit(v, f));
        keys.finish(f);
        Some(Self {
            version: version?,
            half_life_days: half_life_days?,
            mql_score: mql_score?,
            mql_fit: mql_fit?,
            instant,
            points: given,
            caps,
            fit: fit?,
        })
    }
}

/// A whole number from `least` to `most`.
fn whole(found: Found, least: u32, most: u32, f: &mut Findings<'_>) -> Option<u32> {
    found.int(i64::from(least)..=i64::from(most), f).and_then(|number| u32::try_from(number).ok())
}

/// What a rule gives or takes for one thing.
fn points(found: Found, f: &mut Findings<'_>) -> Option<i32> {
    let most = i64::from(POINTS_MAX);
    found.int(-most..=most, f).and_then(|number| i32::try_from(number).ok())
}

/// A limit to points.
fn cap(found: Found, f: &mut Findings<'_>) -> Option<i32> {
    found.int(0..=i64::from(POINTS_MAX), f).and_then(|number| i32::try_from(number).ok())
}

fn by_event(
    found: Found,
    f: &mut Findings<'_>,
    read: fn(Found, &mut Findings<'_>) -> Option<i32>,
) -> BTreeMap<ScoreEvent, i32> {
    let Some(mut keys) = found.map(f) else { return BTreeMap::new() };
    let mut table = BTreeMap::new();
    for (word, event) in ScoreEvent::WORDS {
        if let Some(number) = keys.get(word).and_then(|v| read(v, f)) {
            table.insert(*event, number);
        }
    }
    keys.finish(f);
    table
}

fn by_name(found: Found, f: &mut Findings<'_>) -> BTreeMap<String, i32> {
    let Some(mut keys) = found.map(f) else { return BTreeMap::new() };
    keys.rest().into_iter().filter_map(|(name, found)| Some((name, points(found, f)?))).collect()
}

fn fit(found: Found, f: &mut Findings<'_>) -> Option<Fit> {
    let mut keys = found.map(f)?;
    let fit = Fit {
        business_email: keys.need("business_email", f).and_then(|v| points(v, f)).unwrap_or_default(),
        company_size: keys.need("company_size", f).map(|v| by_name(v, f)).unwrap_or_default(),
        job_role: keys.need("job_role", f).map(|v| by_name(v, f)).unwrap_or_default(),
        country_served: keys.need("country_served", f).and_then(|v| points(v, f)).unwrap_or_default(),
    };
    keys.finish(f);
    Some(fit)
}

const DAYS: &[(&str, Weekday)] = &[
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

impl Routing {
    pub(super) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Option<Self> {
        let version = keys.need("version", f).and_then(|v| v.count(1, f));
        let hours = keys.need("business_hours", f).and_then(|v| business_hours(v, f));
        let clocks = keys.need("clock", f).and_then(|v| v.map(f)).and_then(|mut keys| {
            let hot = keys.need("hot", f).and_then(|v| lead_clock(v, f));
            let standard = keys.need("standard", f).and_then(|v| lead_clock(v, f));
            keys.finish(f);
            hot.zip(standard)
        });
        keys.finish(f);
        let (hot, standard) = clocks?;
        Some(Self { version: version?, business_hours: hours?, hot, standard })
    }
}

fn business_hours(found: Found, f: &mut Findings<'_>) -> Option<BusinessHours> {
    let mut keys = found.map(f)?;
    let days = keys.need("days", f).map(|v| v.choices(DAYS, f));
    let start = keys.need("start", f).and_then(|v| v.time(f));
    let end = keys.need("end", f).and_then(|v| v.time(f));
    let place = keys.place();
    keys.finish(f);
    let (mut days, start, end) = (days?, start?, end?);
    days.sort_by_key(Weekday::num_days_from_monday);
    days.dedup();
    if days.is_empty() || end - start < BUSINESS_DAY_MIN {
        let fix = "name at least one day, and an `end` an hour or more after `start`";
        f.add(
            codes::BAD_VALUE,
            place,
            "there are no business hours to speak of, so clocks would not run",
            fix,
        );
        return None;
    }
    Some(BusinessHours { days, start, end })
}

fn lead_clock(found: Found, f: &mut Findings<'_>) -> Option<LeadClock> {
    let mut keys = found.map(f)?;
    let mut minutes = |key| keys.need(key, f).and_then(|v| whole(v, 1, CLOCK_MINUTES_MAX, f));
    let accept = minutes("accept_minutes");
    let first_contact = minutes("first_contact_minutes");
    let next_step = minutes("next_step_minutes");
    keys.finish(f);
    Some(LeadClock {
        accept_minutes: accept?,
        first_contact_minutes: first_contact?,
        next_step_minutes: next_step?,
    })
}

/// Longest consent text, in characters.
const CONSENT_CHARS_MAX: usize = 2_000;

/// Reads the keys of consent.toml.
pub(super) fn consent(mut keys: Keys, f: &mut Findings<'_>) -> Vec<ConsentText> {
    let found = keys.need("text", f).map(|v| v.list(f)).unwrap_or_default();
    let mut texts: Vec<ConsentText> = Vec::new();
    for found in found {
        let place = found.place();
        let Some(text) = consent_text(found, f) else { continue };
        if texts.iter().any(|other| other.id == text.id && other.version == text.version) {
            let message = format!("`{}` version {} stands twice", text.id, text.version);
            f.add(codes::DUPLICATE_KEY, place, message, "raise `version`");
        }
        texts.push(text);
    }
    keys.finish(f);
    texts
}

fn consent_text(found: Found, f: &mut Findings<'_>) -> Option<ConsentText> {
    let mut keys = found.map(f)?;
    let id = keys.need("id", f).and_then(|v| v.slug(f));
    let version = keys.need("version", f).and_then(|v| v.count(1, f));
    let purpose = keys.need("purpose", f).and_then(|v| v.line(f));
    let place = keys.place();
    let mut texts = BTreeMap::new();
    for (name, found) in keys.rest() {
        let Ok(locale) = Locale::parse(&name) else {
            let fix = "use `id`, `version`, `purpose`, or a locale such as `de`";
            f.add(codes::UNKNOWN_KEY, found.place(), format!("there is no key `{name}` here"), fix);
            continue;
        };
        if let Some(template) = found.template(CONSENT_CHARS_MAX, Scope::Common, f) {
            texts.insert(locale, template);
        }
    }
    if !texts.keys().any(|locale| locale.as_str() == "en") {
        let fix = "add `en`, the language of last resort";
        f.add(codes::MISSING_KEY, place, "a consent text without `en`", fix);
    }
    Some(ConsentText { id: id?, version: version?, purpose: purpose?, texts })
}

#[cfg(test)]
pub(in crate::domain) mod tests;
