//! Newsletters and their issues.

use chrono::NaiveDate;

use super::super::{
    asset::words,
    field::Scope,
    finding::Findings,
    keys::{Found, Keys, Reference},
    merge::Template,
};
use crate::domain::partner::{PartnerType, Region, Roles, Tier};

/// Longest subject and preheader, in characters.
pub(super) const SUBJECT_CHARS_MAX: usize = 150;
/// How long before an issue its content is fixed, unless the newsletter says otherwise.
const FREEZE_MINUTES: u32 = 30;
/// How long after its time an issue is sent without asking, unless the newsletter says otherwise: news of two days ago
/// should not send itself.
const CATCH_UP_HOURS: u32 = 6;
/// How late an issue is still on time, unless the newsletter says otherwise.
const ON_TIME_MINUTES: u32 = 15;

words! {
    /// Whether a person releases each issue.
    Approval {
        /// It goes out by itself.
        Automatic "automatic",
        /// Somebody must say yes.
        Required "required",
    }
}

words! {
    /// What to do with issues whose time passed while nothing could send them.
    CatchUp {
        /// None of them is sent.
        None "none",
        /// The latest is sent.
        Latest "latest",
        /// All are sent, in their order.
        All "all",
    }
}

/// Whose clock the cadence goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IssueZone {
    /// Each contact's own, or else their partner's.
    #[default]
    Contact,
    /// Their partner's.
    Partner,
    /// The vendor's.
    Vendor,
    /// This one, for all.
    Named(chrono_tz::Tz),
}

/// Whom a newsletter is for. An empty list or set stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    /// Roles.
    pub roles: Roles,
    /// Tiers.
    pub tiers: Vec<Tier>,
    /// Types of partner.
    pub types: Vec<PartnerType>,
    /// Regions.
    pub regions: Vec<Region>,
}

/// A series of mails that come at a promised time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newsletter {
    /// Such as "second Tuesday at 09:00"; read by `program::cadence`.
    pub cadence: String,
    /// Whose clock it goes by.
    pub zone: IssueZone,
    /// Whom it is for.
    pub audience: Audience,
    /// Name of a `[sender.*]` in vendor.toml.
    pub sender: Option<Reference>,
    /// How long before the promised time content and audience are fixed.
    pub freeze_minutes: u32,
    /// How late it is still on time.
    pub on_time_minutes: u32,
    /// What to do with issues whose time passed.
    pub catch_up: CatchUp,
    /// How long after its time an issue is still sent without asking a person.
    pub catch_up_hours: u32,
    /// Whether somebody must release it.
    pub approval: Approval,
    /// Why the reader gets it.
    pub why: Template,
}

impl Default for Newsletter {
    fn default() -> Self {
        Self {
            cadence: String::new(),
            zone: IssueZone::Contact,
            audience: Audience::default(),
            sender: None,
            freeze_minutes: FREEZE_MINUTES,
            on_time_minutes: ON_TIME_MINUTES,
            catch_up: CatchUp::Latest,
            catch_up_hours: CATCH_UP_HOURS,
            approval: Approval::Required,
            why: Template::default(),
        }
    }
}

impl Newsletter {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        Self {
            cadence: keys.need("cadence", f).and_then(|v| v.line(f)).unwrap_or_default(),
            zone: keys.need("zone", f).and_then(|v| issue_zone(v, f)).unwrap_or_default(),
            audience: keys.get("audience").and_then(|v| audience(v, f)).unwrap_or_default(),
            sender: keys.need("sender", f).and_then(|v| v.reference(f)),
            freeze_minutes: keys.get("freeze_minutes").and_then(|v| v.count(0, f)).unwrap_or(FREEZE_MINUTES),
            on_time_minutes: keys
                .get("on_time_minutes")
                .and_then(|v| v.count(1, f))
                .unwrap_or(ON_TIME_MINUTES),
            catch_up: keys
                .get("catch_up")
                .and_then(|v| v.choice(CatchUp::WORDS, f))
                .unwrap_or(CatchUp::Latest),
            catch_up_hours: keys.get("catch_up_hours").and_then(|v| v.count(0, f)).unwrap_or(CATCH_UP_HOURS),
            approval: keys
                .need("approval", f)
                .and_then(|v| v.choice(Approval::WORDS, f))
                .unwrap_or(Approval::Required),
            why: keys.need("why", f).and_then(|v| v.template(400, Scope::Letter, f)).unwrap_or_default(),
        }
    }
}

fn issue_zone(found: Found, f: &mut Findings<'_>) -> Option<IssueZone> {
    match found.word() {
        Some("contact") => Some(IssueZone::Contact),
        Some("partner") => Some(IssueZone::Partner),
        Some("vendor") => Some(IssueZone::Vendor),
        _ => found.zone(f).map(IssueZone::Named),
    }
}

pub(super) fn audience(found: Found, f: &mut Findings<'_>) -> Option<Audience> {
    let mut keys = found.map(f)?;
    let audience = Audience {
        roles: keys.get("roles").map(|v| v.roles(f)).unwrap_or_default(),
        tiers: keys.get("tiers").map(|v| v.choices(Tier::WORDS, f)).unwrap_or_default(),
        types: keys.get("types").map(|v| v.choices(PartnerType::WORDS, f)).unwrap_or_default(),
        regions: keys.get("regions").map(|v| v.choices(Region::WORDS, f)).unwrap_or_default(),
    };
    keys.finish(f);
    Some(audience)
}

/// One edition of a newsletter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issue {
    /// Slug of its newsletter.
    pub newsletter: Option<Reference>,
    /// The day it is promised for, in the newsletter's zone.
    pub date: NaiveDate,
    /// The mail's subject.
    pub subject: Template,
    /// What mail programs show after the subject.
    pub preheader: Template,
    /// What it is about, in a few words.
    pub theme: String,
    /// Assets shown as cards to readers whose role is among the asset's, in order.
    pub features: Vec<Reference>,
}

impl Issue {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let mut line = |key, f: &mut Findings<'_>| {
            keys.need(key, f)
                .and_then(|v| v.template(SUBJECT_CHARS_MAX, Scope::Letter, f))
                .unwrap_or_default()
        };
        let (subject, preheader) = (line("subject", f), line("preheader", f));
        let features = keys.get("features").map(|v| v.list(f)).unwrap_or_default();
        Self {
            newsletter: keys.need("newsletter", f).and_then(|v| v.reference(f)),
            date: keys.need("date", f).and_then(|v| v.date(f)).unwrap_or_default(),
            subject,
            preheader,
            theme: keys.need("theme", f).and_then(|v| v.line(f)).unwrap_or_default(),
            features: features.into_iter().filter_map(|v| v.reference(f)).collect(),
        }
    }
}
