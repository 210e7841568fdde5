//! What the dispatcher knows of each relay: its slots, its share of the mail, and what its hourly limit leaves.

use std::sync::Arc;

use super::dispatch::Now;
use crate::{
    domain::{delivery::Slots, kernel::clock::UtcMs},
    store::nodes::RelayFault,
};

/// A relay may be ahead of its share by this many messages.
const SHARE_SLACK: f64 = 16.0;
/// A message that is on its way for this long (machine time) no longer counts against the slots of its relay.
const SLOW_MS: i64 = 1_000;

/// How long a relay that takes no more connections is not asked for another. What is known of it is a guess, so not for long.
const FULL_MS: i64 = 10_000;

/// A relay as the dispatcher sees it.
#[derive(Debug, Clone)]
pub(super) struct RelayTerms {
    pub(super) name: Arc<str>,
    /// Share among the relays; 0 only when no other can be talked to.
    pub(super) weight: u32,
    pub(super) connections_max: usize,
    pub(super) is_limited: bool,
}

pub(super) struct RelayDesk {
    pub(super) name: Arc<str>,
    pub(super) weight: u32,
    pub(super) slots: Slots,
    /// Messages handed to it, by its weight.
    share: f64,
    /// What its hourly limit leaves; `None` without one.
    permits: Option<Permits>,
    /// The site of its last failure, while nothing was accepted since.
    failed_site: Option<Arc<str>>,
    /// Why it was left alone, until it answers.
    fault: Option<RelayFault>,
    /// Machine times at which the messages that are on their way left.
    left_ms: Vec<UtcMs>,
    /// Open connections.
    pub(super) connected: usize,
    /// Those of them that wait for something to carry, without that for urgent mail.
    pub(super) idle: usize,
    /// How many connections it takes, and until when (machine time) that holds, once it refused one.
    admits: Option<(usize, UtcMs)>,
}

/// What an hourly limit leaves.
#[derive(Debug, Clone, Copy)]
struct Permits {
    /// For any message.
    common: u64,
    /// For mail that somebody waits for, once the others are used.
    reserved: u64,
    /// Until when they may be used.
    until_ms: UtcMs,
}

impl RelayDesk {
    pub(super) fn new(terms: &RelayTerms) -> Self {
        Self {
            name: terms.name.clone(),
            weight: terms.weight,
            slots: Slots::new(terms.connections_max),
            share: 0.0,
            permits: terms.is_limited.then_some(Permits { common: 0, reserved: 0, until_ms: UtcMs::MIN }),
            failed_site: None,
            fault: None,
            left_ms: Vec::new(),
            connected: 0,
            idle: 0,
            admits: None,
        }
    }

    /// How many connections it takes, while that is known.
    fn admitted(&self, now: Now) -> Option<usize> {
        self.admits.filter(|(_, until_ms)| now.machine_ms < *until_ms).map(|(admitted, _)| admitted)
    }

    /// Whether one more connection may be opened for what waits.
    pub(super) fn may_open(&self, now: Now) -> bool {
        self.idle == 0 && self.admitted(now).is_none_or(|admitted| self.open() < admitted)
    }

    /// Whether all connections that it takes carry something.
    pub(super) fn is_full(&self, now: Now) -> bool {
        self.idle == 0 && self.admitted(now).is_some_and(|admitted| self.open() >= admitted)
    }

    /// Whether it is full, and nothing of what its connections carry comes to its end.
    pub(super) fn is_stuck(&self, now: Now) -> bool {
        let flying = self.slots.in_use();
        self.is_full(now) && flying > 0 && self.slow(now) >= flying
    }

    /// Connections that are open or being opened.
    fn open(&self) -> usize {
        self.connected.max(self.idle + self.slots.in_use())
    }

    /// It refused a new connection. True if there are others, open or being opened: then it is not asked for more than those for a
    /// moment, and they go on. Each that is refused as well lowers their number, so the last one of a relay that takes none fails.
    pub(super) fn refused_connection(&mut self, now: Now) -> bool {
        let others = self.open();
        if others == 0 {
            // It takes none at all now, which says nothing of how many it takes once it is back.
            self.admits = None;
            return false;
        }
        tracing::debug!(relay = %self.name, others, "the relay takes no more connections for now");
        self.admits = Some((others, now.machine_ms + FULL_MS));
        true
    }

    /// How it stands.
    pub(super) fn view(&self, now: Now) -> RelayView {
        RelayView {
            name: self.name.to_string(),
            flying: self.slots.in_use(),
            slots: self.admitted(now).map_or(self.slots.limit(), |admitted| self.slots.limit().min(admitted)),
            rests_until_ms: self.slots.rests_until_ms(now.calendar_ms),
            fault: self.fault.clone(),
        }
    }

    /// Whether it may be given a message at all.
    pub(super) fn is_open(&self, is_urgent: bool, now: Now) -> bool {
        let may = |permits: Permits| {
            let left = permits.common + if is_urgent { permits.reserved } else { 0 };
            left > 0 && now.calendar_ms < permits.until_ms
        };
        self.slots.rests_until_ms(now.calendar_ms).is_none() && self.permits.is_none_or(may)
    }

    /// Whether one more may leave. Messages that a few slow recipients hold up must not stop the others, so those
    /// have connections beyond the slots.
    pub(super) fn has_room(&self, now: Now) -> bool {
        self.slots.has_room(now.calendar_ms, 0) || self.slots.has_room(now.calendar_ms, self.slow(now))
    }

    fn slow(&self, now: Now) -> usize {
        self.left_ms.iter().filter(|left_ms| now.machine_ms - **left_ms > SLOW_MS).count()
    }

    /// It could not be talked to, or broke off, as `detail` says. True if it is left alone from now on, after
    /// `broken_max` times in a row.
    pub(super) fn failed(&mut self, now_ms: UtcMs, broken_max: u32, detail: &str) -> bool {
        let rests = self.slots.failed(now_ms, broken_max);
        if rests {
            let since_ms = self.fault.as_ref().map_or(now_ms, |fault| fault.since_ms);
            self.fault =
                Some(RelayFault { relay: self.name.to_string(), since_ms, detail: detail.to_owned() });
        }
        rests
    }

    /// Whether its last failure was about another site than `site`, which it is about now.
    pub(super) fn failed_elsewhere(&mut self, site: &Arc<str>) -> bool {
        self.failed_site.replace(site.clone()).is_some_and(|before| before != *site)
    }

    /// It answered, whatever it said.
    pub(super) fn answered(&mut self) {
        (self.failed_site, self.fault) = (None, None);
    }

    /// Whether it is too far ahead of `other`, which has room.
    pub(super) fn is_ahead_of(&self, other: &Self) -> bool {
        self.share > other.share + SHARE_SLACK / f64::from(self.weight.max(1))
    }

    /// A message leaves; true if that takes a permit that is reserved for urgent mail.
    pub(super) fn send(&mut self, now: Now) -> bool {
        self.slots.take();
        self.left_ms.push(now.machine_ms);
        self.share += 1.0 / f64::from(self.weight.max(1));
        let Some(permits) = &mut self.permits else { return false };
        if let Some(left) = permits.common.checked_sub(1) {
            permits.common = left;
            return false;
        }
        permits.reserved = permits.reserved.saturating_sub(1);
        true
    }

    /// While it cannot be given anything it keeps up with `busy`: it must not get everything once it is back.
    pub(super) fn keep_up_with(&mut self, busy_share: f64) {
        self.share = self.share.max(busy_share);
    }

    pub(super) fn share(&self) -> f64 {
        self.share
    }

    /// A message that left at `left_ms` has come to its end.
    pub(super) fn end(&mut self, left_ms: UtcMs) {
        self.slots.give_back();
        if let Some(at) = self.left_ms.iter().position(|other| *other == left_ms) {
            self.left_ms.swap_remove(at);
        }
    }

    /// How many permits it has: common ones, and those reserved for urgent mail; `None` if it needs none.
    pub(super) fn permits(&self) -> Option<(u64, u64)> {
        self.permits.map(|permits| (permits.common, permits.reserved))
    }

    /// Adds permits that may be used until `until_ms`.
    pub(super) fn permit(&mut self, common: u64, reserved: u64, until_ms: UtcMs) {
        if let Some(permits) = &mut self.permits {
            permits.common += common;
            permits.reserved += reserved;
            permits.until_ms = until_ms;
        }
    }

    /// A message was not tried after all: neither its share nor its permit, one of those reserved for urgent mail or a common one, is
    /// used.
    pub(super) fn take_back(&mut self, is_reserved: bool) {
        self.share -= 1.0 / f64::from(self.weight.max(1));
        if let Some(permits) = &mut self.permits {
            let left = if is_reserved { &mut permits.reserved } else { &mut permits.common };
            *left += 1;
        }
    }

    /// Takes the unused permits away and returns how many there were.
    pub(super) fn revoke(&mut self) -> u64 {
        self.permits
            .as_mut()
            .map_or(0, |permits| std::mem::take(&mut permits.common) + std::mem::take(&mut permits.reserved))
    }
}

/// A relay at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayView {
    /// Its name.
    pub name: String,
    /// Messages on their way to it.
    pub flying: usize,
    /// How many may be.
    pub slots: usize,
    /// Until when it is left alone, if it is.
    pub rests_until_ms: Option<UtcMs>,
    /// Why it was left alone, until it answers.
    pub fault: Option<RelayFault>,
}
