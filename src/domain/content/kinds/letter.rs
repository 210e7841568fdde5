//! Newsletters and their issues.

use chrono::NaiveDate;

use super::super::{
    asset::words,
    field::Scope,
    finding::{Findings, codes},
    keys::{Found, Keys, Reference},
    merge::Template,
    rules::{BusinessHours, business_hours},
};
use crate::domain::{
    kernel::EmailAddress,
    partner::{PartnerType, Region, Roles, Tier},
};

/// Longest address of a pilot reader, in characters.
const PILOT_CHARS_MAX: usize = 254;
/// Longest subject and preheader, in characters.
pub(super) const SUBJECT_CHARS_MAX: usize = 150;
/// How long before an issue its content is fixed, unless the newsletter says otherwise.
const FREEZE_MINUTES: u32 = 30;
/// How long after its time an issue is sent without asking, unless the newsletter says otherwise: news of two days ago
/// should not send itself.
const CATCH_UP_HOURS: u32 = 6;
/// Longest time before an issue that its content is fixed, in minutes: two weeks. What is fixed longer is old news.
pub const FREEZE_MINUTES_MAX: u32 = 14 * 24 * 60;
/// Longest time after its hour that an issue is still on time, in minutes: a day. A promise that cannot be broken is none.
const ON_TIME_MINUTES_MAX: u32 = 24 * 60;
/// Longest time after its hour that an issue is sent without asking, in hours: 30 days. The ledger looks back 40.
const CATCH_UP_HOURS_MAX: u32 = 30 * 24;
/// Most cards of a letter.
pub const CARDS_MAX: usize = 32;
/// How late an issue is still on time, unless the newsletter says otherwise.
const ON_TIME_MINUTES: u32 = 15;
/// Longest time before its own hour that an issue may come in another one's mail, in hours.
const DIGEST_HOURS_MAX: i64 = 24;

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

words! {
    /// What becomes of an issue whose promised time falls into a blackout, a quiet window, or outside of its send window.
    #[derive(Default)]
    WhenBlocked {
        /// It leaves at the next allowed time.
        #[default]
        Move "move",
        /// It does not leave for these readers.
        Skip "skip",
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

impl IssueZone {
    /// Whether readers around the world are promised it at different instants.
    pub fn is_readers(self) -> bool {
        matches!(self, Self::Contact | Self::Partner)
    }

    /// The zone by which the cadence goes for somebody in the zone `reader`.
    pub fn of(self, reader: chrono_tz::Tz, partner: chrono_tz::Tz, vendor: chrono_tz::Tz) -> chrono_tz::Tz {
        match self {
            Self::Contact => reader,
            Self::Partner => partner,
            Self::Vendor => vendor,
            Self::Named(zone) => zone,
        }
    }
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

/// To whom an issue goes first, so that a mistake reaches few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Partners' slugs and contacts' addresses: who has agreed to get issues as soon as they are approved.
    pub pilot: Vec<String>,
    /// Of a hundred others, how many get it at the promised hour; 1 to 99, and one person at least.
    pub share: u32,
    /// How many minutes each stage waits for the one before: fewer than it may be late.
    pub wait_minutes: u32,
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
    /// How long after its time an issue, or a frozen mail that nothing could hand over, is still sent without asking a person.
    pub catch_up_hours: u32,
    /// The hours in which it may leave, in the reader's local time; nothing for all.
    pub send_window: Option<BusinessHours>,
    /// What happens at times at which it may not leave.
    pub when_blocked: WhenBlocked,
    /// How many hours before its own hour it may come in the mail of another newsletter; nothing for never.
    pub digest_hours: Option<u32>,
    /// To whom it goes first.
    pub staged: Option<Staged>,
    /// Whether somebody must release it.
    pub approval: Approval,
    /// For more recipients than this a second person must approve it, too.
    pub second_approval_above: Option<u32>,
    /// Address of the member of staff who is told when its approval is late; without one all who may approve are.
    pub escalate_to: Option<EmailAddress>,
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
            send_window: None,
            when_blocked: WhenBlocked::default(),
            digest_hours: None,
            staged: None,
            approval: Approval::Required,
            second_approval_above: None,
            escalate_to: None,
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
            freeze_minutes: keys
                .get("freeze_minutes")
                .and_then(|v| v.count_to(0, FREEZE_MINUTES_MAX, f))
                .unwrap_or(FREEZE_MINUTES),
            on_time_minutes: keys
                .get("on_time_minutes")
                .and_then(|v| v.count_to(1, ON_TIME_MINUTES_MAX, f))
                .unwrap_or(ON_TIME_MINUTES),
            catch_up: keys
                .get("catch_up")
                .and_then(|v| v.choice(CatchUp::WORDS, f))
                .unwrap_or(CatchUp::Latest),
            catch_up_hours: keys
                .get("catch_up_hours")
                .and_then(|v| v.count_to(0, CATCH_UP_HOURS_MAX, f))
                .unwrap_or(CATCH_UP_HOURS),
            send_window: keys.get("send_window").and_then(|v| business_hours(v, f)),
            when_blocked: keys
                .get("when_blocked")
                .and_then(|v| v.choice(WhenBlocked::WORDS, f))
                .unwrap_or_default(),
            digest_hours: keys
                .get("digest_hours")
                .and_then(|v| v.int(0..=DIGEST_HOURS_MAX, f))
                .and_then(|hours| u32::try_from(hours).ok()),
            staged: keys.get("staged").and_then(|v| staged(v, f)),
            approval: keys
                .need("approval", f)
                .and_then(|v| v.choice(Approval::WORDS, f))
                .unwrap_or(Approval::Required),
            second_approval_above: keys.get("second_approval_above").and_then(|v| v.count(1, f)),
            escalate_to: keys.get("escalate_to").and_then(|v| v.email(f)),
            why: keys.need("why", f).and_then(|v| v.template(400, Scope::Letter, f)).unwrap_or_default(),
        }
    }
}

/// The cards of a letter.
pub(super) fn features(keys: &mut Keys, f: &mut Findings<'_>) -> Vec<Reference> {
    let Some(found) = keys.get("features") else { return Vec::new() };
    let place = found.place();
    let found = found.list(f);
    if found.len() > CARDS_MAX {
        let message = format!("`features` names {} assets", found.len());
        f.add(codes::BAD_VALUE, place, message, format!("keep the {CARDS_MAX} that matter"));
    }
    found.into_iter().take(CARDS_MAX).filter_map(|v| v.reference(f)).collect()
}

fn issue_zone(found: Found, f: &mut Findings<'_>) -> Option<IssueZone> {
    match found.word() {
        Some("contact") => Some(IssueZone::Contact),
        Some("partner") => Some(IssueZone::Partner),
        Some("vendor") => Some(IssueZone::Vendor),
        _ => found.zone_or("`contact`, `partner`, `vendor` or ", f).map(IssueZone::Named),
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

fn staged(found: Found, f: &mut Findings<'_>) -> Option<Staged> {
    let mut keys = found.map(f)?;
    let pilot = keys.get("pilot").map(|v| v.lines_of(PILOT_CHARS_MAX, f)).unwrap_or_default();
    let share = keys.need("share", f).and_then(|v| v.int(1..=99, f));
    let wait_minutes = keys.need("wait_minutes", f).and_then(|v| v.count(1, f));
    keys.finish(f);
    Some(Staged {
        pilot,
        share: share.and_then(|share| u32::try_from(share).ok())?,
        wait_minutes: wait_minutes?,
    })
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
    /// Another one, which half of the readers get.
    pub subject_b: Option<Template>,
    /// What mail programs show after the subject.
    pub preheader: Template,
    /// What it is about, in a few words.
    pub theme: String,
    /// Assets shown as cards to readers whose role is among the asset's, in order.
    pub features: Vec<Reference>,
}

impl Issue {
    /// Whether a date was read.
    pub fn has_date(&self) -> bool {
        self.date != NaiveDate::default()
    }

    /// What it is about, for people whose partner is not known: the subject, or the theme where partners' names stand in the
    /// subject.
    pub fn about(&self) -> &str {
        let is_for_all = self.subject.fields().next().is_none() || self.theme.is_empty();
        if is_for_all { self.subject.as_str() } else { &self.theme }
    }

    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let mut line = |key, f: &mut Findings<'_>| {
            keys.need(key, f)
                .and_then(|v| v.template(SUBJECT_CHARS_MAX, Scope::Letter, f))
                .unwrap_or_default()
        };
        let (subject, preheader) = (line("subject", f), line("preheader", f));
        let subject_b = keys.get("subject_b").and_then(|v| v.template(SUBJECT_CHARS_MAX, Scope::Letter, f));
        Self {
            newsletter: keys.need("newsletter", f).and_then(|v| v.reference(f)),
            date: keys.need("date", f).and_then(|v| v.date(f)).unwrap_or_default(),
            subject,
            subject_b,
            preheader,
            theme: keys.need("theme", f).and_then(|v| v.line(f)).unwrap_or_default(),
            features: features(keys, f),
        }
    }
}
