//! routing.toml: who is asked to take a lead, business hours, and the clocks of leads that run in them.
//!
//! ```toml
//! version = 2
//!
//! [business_hours]                   # of everybody
//! days = ["mon", "tue", "wed", "thu", "fri"]
//! start = "09:00"
//! end = "17:00"
//!
//! [[business_hours_of]]              # of some; the first that fits
//! partners = ["dune-gate"]           # or regions = ["apac"]
//! days = ["sun", "mon", "tue", "wed", "thu"]
//! start = "08:00"
//! end = "16:00"
//!
//! [people]                           # who at the partner is asked
//! order = "pinned"                   # or "round_robin"
//! leads_max = 20                     # whoever has so many in hand is not asked
//!
//! [partners]                         # to whom leads go that no partner brought; see `assigning`
//! order = "best_fit"
//!
//! [escalation]
//! sponsor = "ingrid.solheim@brackenfold.example"
//!
//! [conflict]                         # one person known through two partners
//! rule = "first_in_hand"             # or "first_touch", "last_touch", "ask"
//! scope = "person"                   # or "account": everybody at one company's mail domain
//! won_days = 365                     # for so long a customer is their partner's
//! ask_hours = 16                     # business hours that a person has to decide
//! ask_then = "first_in_hand"         # the rule that decides where nobody has
//! ```

use chrono::{NaiveTime, TimeDelta, Weekday};

use super::{
    super::{
        asset::words,
        finding::{Findings, Place, codes},
        keys::{Found, Keys, Reference},
    },
    assigning::Assigning,
    calendar::{Whose, entries},
    whole,
};
use crate::domain::{kernel::EmailAddress, partner::Region};

/// The file.
pub const ROUTING: &str = "rules/routing.toml";
/// Most leads that one person may have in hand.
const LEADS_MAX: u32 = 10_000;

/// Longest clock, in business minutes: a quarter of eight-hour days.
const CLOCK_MINUTES_MAX: u32 = 90 * 8 * 60;
/// Shortest business day: no clock change may swallow it, and no search for an open hour runs for long.
const BUSINESS_DAY_MIN: TimeDelta = TimeDelta::hours(1);

/// routing.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// Raised with every change.
    pub version: u32,
    /// When the clocks run, in the receiver's zone, where nothing else is said.
    pub business_hours: BusinessHours,
    /// When they run for some; the first that fits counts.
    pub business_hours_of: Vec<HoursOf>,
    /// Who at the partner is asked.
    pub people: People,
    /// Which partner is given a lead that none brought; nothing: the vendor keeps them.
    pub partners_of_leads: Option<Assigning>,
    /// Whom a clock that ran out is told to last: somebody at the vendor above the channel managers.
    pub sponsor: Option<(EmailAddress, Place)>,
    /// Who goes on where one person is known through two partners.
    pub conflict: Conflict,
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

words! {
    /// Who of a partner's people is asked first to take a lead.
    Order {
        /// The lead contact, then who sells, then who decides.
        Pinned "pinned",
        /// Of those who sell, and the lead contact, whoever was asked longest ago.
        RoundRobin "round_robin",
    }
}

/// Who at the partner is asked to take a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct People {
    /// Who comes first.
    pub order: Order,
    /// Leads that one person may have in hand; whoever has so many is not asked. 1 to 10,000; nothing for no limit.
    pub leads_max: Option<u32>,
}

impl Default for People {
    fn default() -> Self {
        Self { order: Order::Pinned, leads_max: None }
    }
}

words! {
    /// Which partner goes on where one person, or company, is known through two.
    ConflictRule {
        /// The one that had the lead in hand first; where none has, the one that is asked now.
        FirstInHand "first_in_hand",
        /// The one that was given the name first.
        FirstTouch "first_touch",
        /// The one that was asked last: of those that have the lead, or are to get it.
        LastTouch "last_touch",
        /// A channel manager decides.
        Ask "ask",
    }
}

words! {
    /// What two partners may not have in hand at once.
    ConflictScope {
        /// One person, by their address.
        Person "person",
        /// One company, by its mail domain; people at public mail providers count each by themselves.
        Account "account",
    }
}

/// Who goes on where one person, or company, is known through two partners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// By which rule.
    pub rule: ConflictRule,
    /// About whom.
    pub scope: ConflictScope,
    /// How many days after a deal was won the customer is that partner's; 0 to 3,650.
    pub won_days: u32,
    /// How long a person has to decide what no rule does, in business hours; 1 to 720.
    pub ask_hours: u32,
    /// The rule that decides where nobody has by then; any but [`ConflictRule::Ask`].
    pub ask_then: ConflictRule,
}

/// Longest time that a person has to decide, in business hours: a quarter of eight-hour days.
const ASK_HOURS_MAX: u32 = 720;

/// Longest time for which a customer is the partner's, in days.
const WON_DAYS_MAX: u32 = 3_650;

impl Default for Conflict {
    fn default() -> Self {
        Self {
            rule: ConflictRule::FirstInHand,
            scope: ConflictScope::Person,
            won_days: 365,
            ask_hours: 16,
            ask_then: ConflictRule::FirstInHand,
        }
    }
}

impl Conflict {
    fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Self {
        let usual = Self::default();
        let rule = keys.get("rule").and_then(|v| v.choice(ConflictRule::WORDS, f));
        let scope = keys.get("scope").and_then(|v| v.choice(ConflictScope::WORDS, f));
        let won_days = keys.get("won_days").and_then(|v| whole(v, 0, WON_DAYS_MAX, f));
        let ask_hours = keys.get("ask_hours").and_then(|v| whole(v, 1, ASK_HOURS_MAX, f));
        // What decides where nobody does asks nobody.
        let decides: Vec<_> =
            ConflictRule::WORDS.iter().copied().filter(|(_, rule)| *rule != ConflictRule::Ask).collect();
        let ask_then = keys.get("ask_then").and_then(|v| v.choice(&decides, f));
        keys.finish(f);
        Self {
            rule: rule.unwrap_or(usual.rule),
            scope: scope.unwrap_or(usual.scope),
            won_days: won_days.unwrap_or(usual.won_days),
            ask_hours: ask_hours.unwrap_or(usual.ask_hours),
            ask_then: ask_then.unwrap_or(usual.ask_then),
        }
    }
}

/// When some people work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursOf {
    /// Whose receivers.
    pub whose: Whose,
    /// When they work.
    pub hours: BusinessHours,
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

pub(super) const DAYS: &[(&str, Weekday)] = &[
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

impl Routing {
    /// When receivers at the partner with this slug, in `region`, work.
    pub fn hours_for(&self, partner: &str, region: Region) -> &BusinessHours {
        let theirs = self.business_hours_of.iter().find(|of| of.whose.holds_for(partner, region));
        theirs.map_or(&self.business_hours, |of| &of.hours)
    }

    /// All partners that it names, with their places.
    pub fn partners(&self) -> impl Iterator<Item = &Reference> {
        let pinned = self.partners_of_leads.iter().flat_map(|rule| &rule.pinned);
        self.business_hours_of.iter().flat_map(|of| &of.whose.partners).chain(pinned.map(|pin| &pin.partner))
    }

    pub(in super::super) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Option<Self> {
        let version = keys.need("version", f).and_then(|v| v.count(1, f));
        let hours = keys.need("business_hours", f).and_then(|v| business_hours(v, f));
        let of = entries("business_hours_of", &mut keys, f);
        let business_hours_of = of.into_iter().filter_map(|v| HoursOf::parse(v, f)).collect();
        let people = keys.get("people").and_then(|v| v.map(f)).map(|keys| People::parse(keys, f));
        let partners = keys.get("partners").and_then(|v| v.map(f)).map(|keys| Assigning::parse(keys, f));
        let sponsor = keys.get("escalation").and_then(|v| v.map(f)).and_then(|mut keys| {
            let sponsor = keys.need("sponsor", f).and_then(|v| {
                let place = v.place();
                v.email(f).map(|email| (email, place))
            });
            keys.finish(f);
            sponsor
        });
        let conflict = keys.get("conflict").and_then(|v| v.map(f)).map(|keys| Conflict::parse(keys, f));
        let clocks = keys.need("clock", f).and_then(|v| v.map(f)).and_then(|mut keys| {
            let hot = keys.need("hot", f).and_then(|v| lead_clock(v, f));
            let standard = keys.need("standard", f).and_then(|v| lead_clock(v, f));
            keys.finish(f);
            hot.zip(standard)
        });
        keys.finish(f);
        let (hot, standard) = clocks?;
        Some(Self {
            version: version?,
            business_hours: hours?,
            business_hours_of,
            people: people.unwrap_or_default(),
            partners_of_leads: partners,
            sponsor,
            conflict: conflict.unwrap_or_default(),
            hot,
            standard,
        })
    }
}

impl HoursOf {
    fn parse(found: Found, f: &mut Findings<'_>) -> Option<Self> {
        let key = found.key().to_owned();
        let mut keys = found.map(f)?;
        let place = keys.place();
        let whose = Whose::parse(&mut keys, f);
        if whose.is_everybody() {
            let fix = "name `regions` or `partners`; the hours of everybody are `[business_hours]`";
            f.add(codes::MISSING_KEY, place, format!("`{key}` does not say whose hours these are"), fix);
        }
        Some(Self { whose, hours: hours(&key, keys, f)? })
    }
}

impl People {
    fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Self {
        let order = keys.get("order").and_then(|v| v.choice(Order::WORDS, f));
        let leads_max = keys.get("leads_max").and_then(|v| whole(v, 1, LEADS_MAX, f));
        keys.finish(f);
        Self { order: order.unwrap_or(Order::Pinned), leads_max }
    }
}

/// Days, and the hours of each.
pub(in super::super) fn business_hours(found: Found, f: &mut Findings<'_>) -> Option<BusinessHours> {
    let key = found.key().to_owned();
    hours(&key, found.map(f)?, f)
}

fn hours(key: &str, mut keys: Keys, f: &mut Findings<'_>) -> Option<BusinessHours> {
    let days = keys.need("days", f).map(|v| v.choices(DAYS, f));
    let start = keys.need("start", f).and_then(|v| v.time(f));
    let end = keys.need("end", f).and_then(|v| v.time(f));
    let place = keys.place();
    keys.finish(f);
    let (mut days, start, end) = (days?, start?, end?);
    days.sort_by_key(Weekday::num_days_from_monday);
    days.dedup();
    if days.is_empty() || end - start < BUSINESS_DAY_MIN {
        let fix = "name at least one day, and an `end` an hour or more after `start`, on the same day: hours over midnight cannot be \
                   written";
        f.add(codes::BAD_VALUE, place, format!("`{key}` leaves no hours to speak of"), fix);
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
