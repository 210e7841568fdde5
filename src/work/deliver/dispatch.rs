//! Which message goes next, over which relay. Bookkeeping alone: no network, no database, time is argued.
//!
//! Relays have slots, and so have sites (the recipients of one domain): a domain that answers slowly or not at all
//! soon holds one slot and the others go on. Sites take turns; urgent mail goes first, has a connection of its own and
//! needs no slot of its site.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use crate::{
    domain::{
        delivery::{Outcome, Slots, Stage, Trouble, slots},
        kernel::clock::UtcMs,
    },
    store::queue::Claimed,
};

use super::{
    relays::{RelayDesk, RelayTerms, RelayView},
    sites::Site,
};

/// Messages to one domain that may be on their way at once.
const SITE_SLOTS_MAX: usize = 20;
/// Failures of a relay in a row, at two sites at least or before any message was at stake, after which it rests.
const RELAY_BROKEN_MAX: u32 = 2;
/// Failures of a site in a row after which it rests.
const SITE_BROKEN_MAX: u32 = 2;
/// Messages that may be open for each slot of a relay: a relay that was in trouble soon takes no more.
const OPEN_A_SLOT: usize = 32;
/// Sites remembered; those with nothing to do are forgotten first.
const SITES_MAX: usize = 10_000;
/// First rest of a relay that said "too fast".
const RELAY_THROTTLED_MS: i64 = 60_000;

/// A message that was started and has not left yet.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) claimed: Claimed,
    site: Arc<str>,
    /// Relays that could not be talked to about it, a bit each.
    tried: u64,
    /// Machine time at which it last left.
    left_ms: UtcMs,
    /// Whether it left by a permit that is reserved for urgent mail.
    is_reserved: bool,
}

/// What became of a message.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) claimed: Claimed,
    pub(super) outcome: Outcome,
    /// Name of the relay that was asked last.
    pub(super) relay: Option<Arc<str>>,
}

/// The two hands of the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) calendar_ms: UtcMs,
    pub(super) machine_ms: UtcMs,
}

/// The desk between queue and connections.
pub(super) struct Dispatch {
    window: usize,
    relays: Vec<RelayDesk>,
    sites: HashMap<Arc<str>, Site>,
    /// Sites with something to do, whose turn it is first.
    turns: VecDeque<Arc<str>>,
    urgent: VecDeque<Job>,
    finished: Vec<Finished>,
    /// Given to a connection and not tried after all.
    returned: Vec<Claimed>,
    waiting: usize,
    /// Those of them that a relay was asked about already.
    waiting_again: usize,
    /// Id and token of those on their way.
    flying: HashSet<(String, i64)>,
    site_slots_max: usize,
}

impl Dispatch {
    /// A desk for at most `window` open messages.
    pub(super) fn new(relays: &[RelayTerms], window: usize) -> Self {
        let connections: usize = relays.iter().map(|relay| relay.connections_max).sum();
        Self {
            window,
            relays: relays.iter().map(RelayDesk::new).collect(),
            sites: HashMap::new(),
            turns: VecDeque::new(),
            urgent: VecDeque::new(),
            finished: Vec::new(),
            returned: Vec::new(),
            waiting: 0,
            waiting_again: 0,
            flying: HashSet::new(),
            site_slots_max: SITE_SLOTS_MAX.min(connections.max(1)),
        }
    }

    /// Messages that were started and are not finished: waiting and on their way.
    pub(super) fn open(&self) -> usize {
        self.waiting + self.flying.len()
    }

    /// Id and token of messages that were started and are not finished.
    pub(super) fn in_hand(&self) -> Vec<(String, i64)> {
        let waiting = self.sites.values().flat_map(|site| &site.waiting).chain(&self.urgent);
        waiting.map(|job| job.claimed.start()).chain(self.flying.iter().cloned()).collect()
    }

    /// Messages finished and not yet taken.
    pub(super) fn finished(&self) -> usize {
        self.finished.len()
    }

    /// Takes up messages that were started.
    pub(super) fn add(&mut self, claimed: Vec<Claimed>, now: Now) {
        for claimed in claimed {
            let site = Arc::from(claimed.site.as_str());
            self.wait(Job { site, claimed, tried: 0, left_ms: UtcMs::MIN, is_reserved: false }, now, false);
        }
    }

    fn wait(&mut self, job: Job, now: Now, first: bool) {
        self.waiting += 1;
        self.waiting_again += usize::from(job.tried != 0);
        if job.claimed.is_urgent() {
            self.urgent.push_back(job);
            return;
        }
        let several = self.sites.len() > 1;
        let name = job.site.clone();
        let site = self.sites.entry(name.clone()).or_insert_with(|| Site {
            slots: Slots::new(self.site_slots_max),
            waiting: VecDeque::new(),
            answered_ms: now.machine_ms,
        });
        if site.slots.in_use() == 0 {
            site.answered_ms = now.machine_ms;
        }
        if site.waiting.is_empty() {
            self.turns.push_back(name);
        }
        if first {
            site.waiting.push_front(job);
        } else {
            site.waiting.push_back(job);
        }
        if several && self.sites.len() > SITES_MAX {
            self.sites.retain(|_, site| !site.waiting.is_empty() || site.slots.in_use() > 0);
        }
    }

    fn is_any_open(&self, is_urgent: bool, now: Now) -> bool {
        self.relays.iter().any(|relay| relay.is_open(is_urgent, now))
    }

    /// Whether a relay can take messages of issues.
    pub(super) fn may_start_issues(&self, now: Now) -> bool {
        self.is_any_open(false, now)
    }

    /// Whether `relay` should leave a message to another one that can be asked about it: as a stand-by that is not
    /// needed, or because it is ahead of its share. Urgent mail does not wait for shares.
    fn must_hold_back(&self, relay: usize, tried: u64, is_urgent: bool, now: Now) -> bool {
        let own = &self.relays[relay];
        self.relays.iter().enumerate().any(|(at, other)| {
            at != relay
                && tried & (1 << at) == 0
                && other.weight > 0
                && other.is_open(is_urgent, now)
                && if own.weight == 0 {
                    !other.is_stuck(now)
                } else {
                    !is_urgent && other.has_room(now) && !other.is_full(now) && own.is_ahead_of(other)
                }
        })
    }

    /// Whether a connection of `relay` is to be opened for what waits: none that is open is free to carry it, and the relay did not
    /// say just now that it takes no more of them.
    pub(super) fn wants_another(&self, relay: usize, now: Now) -> bool {
        self.waiting > 0 && self.relays[relay].may_open(now)
    }

    /// What is known of `relay`, for whoever counts its connections.
    pub(super) fn relay(&mut self, relay: usize) -> &mut RelayDesk {
        &mut self.relays[relay]
    }

    /// The next message for a free connection of `relay`; `urgent_only` for the connection kept for those, and with `is_open` false
    /// for one that has to be opened for it.
    pub(super) fn next(
        &mut self,
        relay: usize,
        (urgent_only, is_open): (bool, bool),
        now: Now,
    ) -> Option<Job> {
        let may_carry = self.waiting > 0 && (is_open || self.wants_another(relay, now));
        if !may_carry || !self.relays[relay].is_open(true, now) {
            return None;
        }
        let may_ask = |job: &Job| job.tried & (1_u64 << relay) == 0;
        // Urgent mail waits for no slot but a connection's.
        let is_next = |job: &Job| may_ask(job) && !self.must_hold_back(relay, job.tried, true, now);
        if let Some(at) = self.urgent.iter().position(is_next) {
            let job = self.urgent.remove(at)?;
            return Some(self.dispatched(relay, job, now));
        }
        if urgent_only || !self.relays[relay].is_open(false, now) || !self.relays[relay].has_room(now) {
            return None;
        }
        // What another relay was asked about in vain may be this one's all the same.
        let holds_back = self.must_hold_back(relay, 0, false, now);
        if holds_back && self.waiting_again == 0 {
            return None;
        }
        for _ in 0..self.turns.len() {
            let name = self.turns.pop_front()?;
            let several = self.sites.len() > 1;
            let Some(site) = self.sites.get(&name) else { continue };
            let fits = site.slots.has_room(now.calendar_ms, 0)
                // One site alone may use every connection, several leave some to each other.
                && (!several || site.slots.in_use() < (self.site_slots_max * 3).div_ceil(4));
            let is_next = |job: &Job| {
                let is_ours =
                    !holds_back || (job.tried != 0 && !self.must_hold_back(relay, job.tried, false, now));
                is_ours && may_ask(job)
            };
            let at = if fits { site.waiting.iter().position(is_next) } else { None };
            let site = self.sites.get_mut(&name)?;
            let job = at.and_then(|at| site.waiting.remove(at));
            if job.is_some() {
                site.slots.take();
            }
            if !site.waiting.is_empty() {
                self.turns.push_back(name);
            }
            if let Some(job) = job {
                return Some(self.dispatched(relay, job, now));
            }
        }
        None
    }

    fn dispatched(&mut self, relay: usize, job: Job, now: Now) -> Job {
        let is_reserved = self.relays[relay].send(now);
        let share = self.relays[relay].share();
        for other in self.relays.iter_mut().filter(|other| !other.is_open(false, now)) {
            other.keep_up_with(share);
        }
        self.waiting -= 1;
        self.waiting_again -= usize::from(job.tried != 0);
        self.flying.insert(job.claimed.start());
        Job { left_ms: now.machine_ms, is_reserved, ..job }
    }

    /// Takes note of what became of a message. True if a connection other than the caller's may now have work.
    pub(super) fn done(&mut self, relay: usize, job: Job, outcome: Outcome, now: Now) -> bool {
        self.flying.remove(&job.claimed.start());
        self.relays[relay].end(job.left_ms);
        if let Some(site) = self.sites.get_mut(&job.site).filter(|_| !job.claimed.is_urgent()) {
            site.slots.give_back();
            site.answered_ms = now.machine_ms;
        }
        // Nothing was said about the message.
        let is_full = outcome.is_of_connection() && self.relays[relay].refused_connection(now);
        if is_full {
            self.relays[relay].take_back(job.is_reserved);
        }
        let bit = 1_u64 << relay;
        let surely_not_taken = is_full
            || matches!(&outcome, Outcome::Refused { trouble: Trouble::Host, .. })
            || matches!(&outcome, Outcome::Refused { trouble: Trouble::OurSetup, stage, .. } if *stage <= Stage::Hello);
        let another = surely_not_taken
            && self.relays.iter().enumerate().any(|(at, other)| {
                at != relay
                    && (job.tried | bit) & (1 << at) == 0
                    && other.is_open(job.claimed.is_urgent(), now)
                    && !(is_full && other.is_full(now))
            });
        if is_full && !another {
            // One of the connections that are open carries it.
            self.wait(job, now, true);
            return true;
        }
        let grown = !is_full && self.learn(relay, &job.site, &outcome, another, now);
        if another {
            // Fail over: the other relay is asked at once, for the same message under the same Message-ID.
            self.wait(Job { tried: job.tried | bit, ..job }, now, true);
            return true;
        }
        let relay = Some(self.relays[relay].name.clone());
        self.finished.push(Finished { claimed: job.claimed, outcome, relay });
        grown
    }

    /// Takes back a message that was not tried, for a reason that says nothing about relay and site.
    pub(super) fn not_tried(&mut self, relay: usize, job: Job) {
        self.flying.remove(&job.claimed.start());
        self.relays[relay].end(job.left_ms);
        self.relays[relay].take_back(job.is_reserved);
        if let Some(site) = self.sites.get_mut(&job.site).filter(|_| !job.claimed.is_urgent()) {
            site.slots.give_back();
        }
        self.returned.push(job.claimed);
    }

    /// What an outcome says about relay and site; little about the site while `another` relay may reach it. True if
    /// there is room for one more than before.
    fn learn(
        &mut self,
        relay: usize,
        site_name: &Arc<str>,
        outcome: &Outcome,
        another: bool,
        now: Now,
    ) -> bool {
        let now_ms = now.calendar_ms;
        let desk = &mut self.relays[relay];
        let site = self.sites.get_mut(site_name);
        match outcome {
            Outcome::Refused { trouble: Trouble::Host | Trouble::OurSetup, stage, detail, .. }
                if *stage <= Stage::Hello =>
            {
                if desk.failed(now_ms, RELAY_BROKEN_MAX, detail) {
                    tracing::warn!(relay = %desk.name, "the relay cannot be talked to; it is left alone for a while");
                }
                false
            }
            Outcome::Refused { trouble: Trouble::Host, detail, .. } | Outcome::Uncertain { detail } => {
                if desk.failed_elsewhere(site_name) && desk.failed(now_ms, RELAY_BROKEN_MAX, detail) {
                    tracing::warn!(relay = %desk.name, "the relay breaks off; it is left alone for a while");
                }
                if let Some(site) = site.filter(|_| !another)
                    && site.slots.failed(now_ms, SITE_BROKEN_MAX)
                {
                    tracing::warn!(site = %site_name, "mail to this domain is not taken; it is left alone for a while");
                }
                false
            }
            Outcome::Refused { trouble: Trouble::Throttle, stage, .. } => {
                if *stage <= Stage::Mail {
                    desk.slots.throttled(now_ms, RELAY_THROTTLED_MS);
                } else if let Some(site) = site {
                    site.slots.throttled(now_ms, slots::THROTTLED_MS);
                }
                false
            }
            Outcome::Accepted { .. } => {
                desk.answered();
                let relay_grew = desk.slots.succeeded();
                site.is_some_and(|site| site.slots.succeeded()) || relay_grew
            }
            // An answer, though not the one hoped for: both can be talked to.
            Outcome::Refused { .. } => {
                desk.answered();
                false
            }
        }
    }

    /// What is finished, for the ledger.
    pub(super) fn take_finished(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.finished)
    }

    /// Puts back what the ledger could not take.
    pub(super) fn put_finished(&mut self, mut finished: Vec<Finished>) {
        finished.append(&mut self.finished);
        self.finished = finished;
    }

    /// Messages that wait for something that will not come soon, taken out: their site rests or is stalled, or no
    /// relay can take them; with `all`, every one that waits. Beside each stands when it may be started again: those of
    /// more sites than a start can leave out would otherwise come back at once, before all others.
    pub(super) fn take_stuck(&mut self, now: Now, all: bool) -> Vec<(Claimed, UtcMs)> {
        let all_urgent = all || !self.is_any_open(true, now);
        let all = all || !self.is_any_open(false, now);
        let mut stuck = Vec::new();
        let returned = std::mem::take(&mut self.returned);
        if all_urgent {
            stuck.extend(self.urgent.drain(..).map(|job| (job.claimed, UtcMs::MIN)));
        }
        for site in self.sites.values_mut() {
            let since_ms = match site.stuck_until_ms(now) {
                Some(until_ms) => until_ms,
                None if all => UtcMs::MIN,
                None => continue,
            };
            stuck.extend(site.waiting.drain(..).map(|job| (job.claimed, since_ms)));
        }
        if self.waiting_again > 0 {
            self.take_without_relay(now, &mut stuck);
        }
        if !stuck.is_empty() {
            let waiting = || self.sites.values().flat_map(|site| &site.waiting).chain(&self.urgent);
            (self.waiting, self.waiting_again) =
                (waiting().count(), waiting().filter(|job| job.tried != 0).count());
            self.turns.retain(|name| self.sites.get(name).is_some_and(|site| !site.waiting.is_empty()));
        }
        stuck.extend(returned.into_iter().map(|claimed| (claimed, UtcMs::MIN)));
        stuck
    }

    /// Moves those to `stuck` that no relay can be asked about any more for now.
    fn take_without_relay(&mut self, now: Now, stuck: &mut Vec<(Claimed, UtcMs)>) {
        let open = |is_urgent: bool| -> u64 {
            let relays = self.relays.iter().enumerate();
            relays.filter(|(_, relay)| relay.is_open(is_urgent, now)).map(|(at, _)| 1_u64 << at).sum()
        };
        let (open_to_urgent, open_to_all) = (open(true), open(false));
        let queues = self.sites.values_mut().map(|site| &mut site.waiting).chain([&mut self.urgent]);
        for queue in queues {
            let is_stuck = |job: &Job| {
                let open = if job.claimed.is_urgent() { open_to_urgent } else { open_to_all };
                open & !job.tried == 0
            };
            for at in (0..queue.len()).rev().filter(|at| is_stuck(&queue[*at])).collect::<Vec<_>>() {
                stuck.extend(queue.remove(at).map(|job| (job.claimed, UtcMs::MIN)));
            }
        }
    }

    /// Sites that should get nothing for now, in order.
    pub(super) fn stuck_sites(&self, now: Now) -> Vec<String> {
        let stuck = self.sites.iter().filter(|(_, site)| site.stuck_until_ms(now).is_some());
        let mut names: Vec<String> = stuck.map(|(name, _)| name.to_string()).collect();
        names.sort_unstable();
        names
    }

    /// How many messages may be open at once.
    fn capacity(&self, now: Now) -> usize {
        let open = self.relays.iter().filter(|relay| relay.is_open(true, now));
        let slots: usize = open.map(|relay| relay.slots.limit()).sum();
        self.window.min(slots * OPEN_A_SLOT)
    }

    /// How many messages more may be started.
    pub(super) fn room(&self, now: Now) -> usize {
        self.capacity(now).saturating_sub(self.open())
    }

    /// How many finished messages are worth a transaction: a third of those that may be open, while the others go on.
    pub(super) fn batch(&self, now: Now) -> usize {
        (self.capacity(now) / 3).max(1)
    }

    /// When a relay can be asked again, if none can be now.
    pub(super) fn closed_until_ms(&self, now: Now) -> Option<UtcMs> {
        if self.is_any_open(true, now) {
            return None;
        }
        self.relays.iter().filter_map(|relay| relay.slots.rests_until_ms(now.calendar_ms)).min()
    }

    /// What the hourly limit of `relay` leaves: permits for all, and those reserved for urgent mail.
    pub(super) fn permits(&self, relay: &str) -> (u64, u64) {
        let desk = self.relays.iter().find(|desk| &*desk.name == relay);
        desk.and_then(RelayDesk::permits).unwrap_or((0, 0))
    }

    /// Adds to what the hourly limit of `relay` leaves, to be used before `until_ms`.
    pub(super) fn permit(&mut self, relay: &str, common: u64, reserved: u64, until_ms: UtcMs) {
        for desk in self.relays.iter_mut().filter(|desk| &*desk.name == relay) {
            desk.permit(common, reserved, until_ms);
        }
    }

    /// Takes away what the hourly limit of `relay` left and returns how many there were.
    pub(super) fn revoke(&mut self, relay: &str) -> u64 {
        self.relays.iter_mut().filter(|desk| &*desk.name == relay).map(RelayDesk::revoke).sum()
    }

    /// For the console and metrics: name, messages on their way, slots, and until when it rests.
    pub(super) fn relays(&self, now: Now) -> Vec<RelayView> {
        self.relays.iter().map(|relay| relay.view(now)).collect()
    }
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
