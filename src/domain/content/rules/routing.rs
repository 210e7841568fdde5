//! routing.toml: business hours, and the clocks of leads that run in them.

use chrono::{NaiveTime, TimeDelta, Weekday};

use super::{
    super::{
        finding::{Findings, codes},
        keys::{Found, Keys},
    },
    whole,
};

/// Longest clock, in business minutes: a quarter of eight-hour days.
const CLOCK_MINUTES_MAX: u32 = 90 * 8 * 60;
/// Shortest business day: no clock change may swallow it, and no search for an open hour runs for long.
const BUSINESS_DAY_MIN: TimeDelta = TimeDelta::hours(1);

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
    pub(in super::super) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Option<Self> {
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

/// Days, and the hours of each.
pub(in super::super) fn business_hours(found: Found, f: &mut Findings<'_>) -> Option<BusinessHours> {
    let key = found.key().to_owned();
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
