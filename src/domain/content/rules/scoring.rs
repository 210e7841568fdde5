//! scoring.toml: what moves a score, and what a score must reach.

use std::collections::BTreeMap;

use super::{
    super::{
        asset::words,
        finding::Findings,
        keys::{Found, Keys},
    },
    whole,
};

/// Most points, either way, that a rule may give for one thing.
const POINTS_MAX: i32 = 10_000;
/// How long a page is in view before it is read, unless the rule says otherwise, and at most; in seconds.
pub const READ_SECONDS: u32 = 30;
const READ_SECONDS_MAX: u32 = 1_800;
/// Longest half-life, in days.
const HALF_LIFE_DAYS_MAX: u32 = 3_650;
words! {
    /// What may move a score: the kinds of events that a rule can name, in `engagement`'s words.
    ScoreEvent {
        /// A click by a person.
        Click "click",
        /// A page opened.
        PageView "page_view",
        /// A page kept in view for `read_seconds` at least.
        PageRead "page_read",
        /// A file taken.
        Download "download",
        /// The form before a whitepaper.
        WhitepaperForm "whitepaper_form",
        /// Registered for a webinar.
        WebinarRegistered "webinar_registered",
        /// Was there.
        WebinarAttended "webinar_attended",
        /// Went to its recording.
        WebinarReplay "webinar_replay",
        /// Asked to talk.
        TalkToUs "talk_to_us",
        /// Was shown a form in the partner's site.
        EmbedView "embed_view",
        /// Said that they posted it.
        Share "share",
        /// Wrote back to a mail.
        Reply "reply",
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
    /// Engagement from which a lead qualifies, in points; 1 to 10,000.
    pub mql_score: i32,
    /// And the least grade of fit.
    pub mql_fit: FitGrade,
    /// Events that qualify at once.
    pub instant: Vec<ScoreEvent>,
    /// Points an event gives, 10,000 at most either way; those not listed give none.
    pub points: BTreeMap<ScoreEvent, i32>,
    /// The most that one kind of event may give, in points, after decay; those not listed have no limit.
    pub caps: BTreeMap<ScoreEvent, i32>,
    /// How long a page is in view before it counts as read, in seconds.
    pub read_seconds: u32,
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

impl Scoring {
    pub(in super::super) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Option<Self> {
        let version = keys.need("version", f).and_then(|v| v.count(1, f));
        let half_life_days = keys.need("half_life_days", f).and_then(|v| whole(v, 1, HALF_LIFE_DAYS_MAX, f));
        let mql_score = keys.need("mql_score", f).and_then(|v| threshold(v, f));
        let mql_fit = keys.need("mql_fit", f).and_then(|v| v.choice(FitGrade::WORDS, f));
        let instant = keys.get("instant").map(|v| v.choices(ScoreEvent::WORDS, f)).unwrap_or_default();
        let given = keys.need("points", f).map(|v| by_event(v, f, points)).unwrap_or_default();
        let caps = keys.get("caps").map(|v| by_event(v, f, cap)).unwrap_or_default();
        let read_seconds =
            keys.get("read_seconds").and_then(|v| whole(v, 1, READ_SECONDS_MAX, f)).unwrap_or(READ_SECONDS);
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
            read_seconds,
            fit: fit?,
        })
    }
}

/// What a rule gives or takes for one thing.
fn points(found: Found, f: &mut Findings<'_>) -> Option<i32> {
    let most = i64::from(POINTS_MAX);
    found.int(-most..=most, f).and_then(|number| i32::try_from(number).ok())
}

/// What a score must reach: something, or everybody would qualify who was ever seen.
fn threshold(found: Found, f: &mut Findings<'_>) -> Option<i32> {
    found.int(1..=i64::from(POINTS_MAX), f).and_then(|number| i32::try_from(number).ok())
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
