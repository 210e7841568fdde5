//! The hours of one date of a newsletter: for when its issue is promised to whom, by the cadence and the calendar's rules.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::tokens;
use crate::{
    domain::{
        content::{Asset, Library, kinds::Newsletter},
        kernel::clock::{MINUTE_MS, UtcMs},
        partner::Partner,
        program::{
            Cadence,
            cadence::resolve,
            calendar::{LocalReader, Placed, Terms, place},
        },
    },
    store::promises::NewPromise,
};

/// A newsletter, whatever is written for it.
#[derive(Clone, Copy)]
pub(super) struct Letter<'a> {
    /// All content.
    pub(super) library: &'a Library,
    /// Its file.
    pub(super) asset: &'a Asset,
    /// What it says about itself.
    pub(super) newsletter: &'a Newsletter,
}

impl Letter<'_> {
    /// How long before the first hour content and audience are fixed.
    pub(super) fn freeze_ms(&self) -> i64 {
        i64::from(self.newsletter.freeze_minutes) * MINUTE_MS
    }
}

/// The hours of one partner's readers, by zone: few.
type OfPartner = Vec<(Tz, Arc<NewPromise>)>;

/// The hours of one date.
pub(super) struct PromisedHours<'a> {
    letter: Letter<'a>,
    nominal: NaiveDateTime,
    next: Option<NaiveDateTime>,
    give_up: Option<(UtcMs, &'static str)>,
    made: Mutex<HashMap<String, OfPartner>>,
}

impl<'a> PromisedHours<'a> {
    /// Those of `nominal`, a time of the newsletter's `cadence`.
    pub(super) fn new(letter: Letter<'a>, cadence: &Cadence, nominal: NaiveDateTime) -> Self {
        let next = cadence.next_nominal(nominal);
        Self { letter, nominal, next, give_up: None, made: Mutex::default() }
    }

    /// The same where hours whose window was over at `now_ms` are given up, for the reason `because`.
    pub(super) fn giving_up(self, now_ms: UtcMs, because: &'static str) -> Self {
        Self { give_up: Some((now_ms, because)), ..self }
    }

    /// The newsletter.
    pub(super) fn letter(&self) -> Letter<'a> {
        self.letter
    }

    /// The date and time promised.
    pub(super) fn nominal(&self) -> NaiveDateTime {
        self.nominal
    }

    /// The date and time promised, `YYYY-MM-DDTHH:MM`.
    pub(super) fn nominal_local(&self) -> String {
        nominal_local(self.nominal)
    }

    /// What is promised to readers of `partner` in `zone`; made once.
    pub(super) fn of(&self, partner: &Partner, zone: Tz) -> Arc<NewPromise> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_partner) = made.get(partner.slug.as_str())
            && let Some((_, promise)) = of_partner.iter().find(|(known, _)| *known == zone)
        {
            return promise.clone();
        }
        let promise = Arc::new(self.make(partner, zone));
        made.entry(partner.slug.to_string()).or_default().push((zone, promise.clone()));
        promise
    }

    fn make(&self, partner: &Partner, reader_zone: Tz) -> NewPromise {
        let Letter { library, asset, newsletter } = self.letter;
        let vendor = library.vendor_zone();
        let zone = newsletter.zone.of(reader_zone, partner.zone, vendor);
        let resolved = resolve(self.nominal, zone);
        let on_time_ms = i64::from(newsletter.on_time_minutes) * MINUTE_MS;
        let terms = Terms {
            window: newsletter.send_window.as_ref(),
            when_blocked: newsletter.when_blocked,
            // Moved to where the next issue is, it would be no issue of its own.
            before_ms: self.next.map(|next| resolve(next, zone).at_ms),
        };
        let reader =
            LocalReader { zone: reader_zone, partner: partner.slug.as_str(), region: partner.region };
        let placed = place(&library.rules.calendar, resolved.at_ms, &reader, &terms);
        let (due_ms, moved, skipped) = match placed {
            Placed::At { at_ms, because } => (at_ms, because, None),
            Placed::Skipped { because } => (resolved.at_ms, None, Some(because)),
        };
        let given_up = self.give_up.filter(|(now_ms, _)| due_ms + on_time_ms < *now_ms);
        let notes: Vec<String> =
            resolved.note.map(|note| note.to_string()).into_iter().chain(moved).collect();
        let nominal_local = self.nominal_local();
        let (slug, partner_slug) = (asset.slug(), partner.slug.as_str());
        NewPromise {
            id: tokens::promise_id(&[slug, &nominal_local, zone.name(), reader_zone.name(), partner_slug]),
            newsletter: slug.to_owned(),
            nominal_local,
            zone: zone.name().to_owned(),
            reader_zone: reader_zone.name().to_owned(),
            partner_slug: partner_slug.to_owned(),
            due_ms,
            on_time_ms,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
            skipped: skipped.is_some(),
            because: skipped.or_else(|| given_up.map(|(_, because)| because.to_owned())),
            eligible: 0,
            held_back: 0,
        }
    }
}

/// `YYYY-MM-DDTHH:MM`.
pub(super) fn nominal_local(nominal: NaiveDateTime) -> String {
    nominal.format("%Y-%m-%dT%H:%M").to_string()
}
