//! One step of the delivery loop: a transaction that records what is finished and starts what there is room for.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    Deliverer,
    dispatch::{Finished, Now},
    ledger,
    node::{take_over, tell},
};
use crate::{
    domain::{
        delivery::Breaker,
        kernel::{Result, clock::UtcMs},
    },
    store::{
        Tx, nodes,
        outbox::{LANE_SEQUENCE, LANE_URGENT},
        pauses,
        queue::{self, Claimed, Started},
        running, takeover,
    },
};

/// After a fault it is looked once more for what we hold without knowing: a commit that was under way when the
/// connection broke may be done by the server a moment later.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The part of the room that messages of sequences get while issues run.
const SEQUENCES_SHARE: usize = 8;
/// How long it is not asked for messages of sequences where there were none, while there is other work.
const SEQUENCES_REST: Duration = Duration::from_millis(250);

impl Deliverer {
    /// Records what is finished and starts what there is room for, in one transaction. Returns how many were started.
    pub(super) async fn step(&mut self) -> Result<usize> {
        self.staff();
        self.last_step = Instant::now();
        let now = self.desk.now();
        let is_fresh = self.life.is_fresh(now.machine_ms);
        self.astray |= self.life.was_forgotten();
        if self.astray || self.look_again.is_some_and(|at| at <= self.last_step) {
            return self.gather(now).await.map(|()| 0);
        }
        let may_start = is_fresh && !self.is_dry;
        // Before results are taken from the desk: a fault here must not lose them.
        if may_start {
            self.prepare().await?;
        }
        // Seen together: what ends in between is still being sent for the database, and would make the window larger.
        let (finished, room) = {
            let mut dispatch = self.desk.dispatch();
            self.returned.extend(dispatch.take_stuck(now, !is_fresh));
            let room = dispatch.room(now);
            (dispatch.take_finished(), room)
        };
        let starts = may_start && room > 0;
        if finished.is_empty() && self.returned.is_empty() && !starts {
            return Ok(0);
        }
        let breakers = self.breakers.clone();
        match self.record_and_start(&finished, if starts { room } else { 0 }).await {
            Ok(started) => {
                let took = self.last_step.elapsed();
                self.steps.note(took);
                self.returned.clear();
                let count = started.len();
                if count > 0 {
                    self.desk.dispatch().add(started, now);
                    self.desk.has_work();
                }
                if !finished.is_empty() {
                    self.ctx.wake.publish.notify_one();
                }
                self.measure(took, count);
                Ok(count)
            }
            Err(error) => {
                self.go_astray(finished, breakers);
                Err(error)
            }
        }
    }

    /// Records what is known, puts back what has not left, and takes over what nobody holds: rows of processes that are
    /// gone, and our own whose start was confirmed to nobody. What is in hand goes on.
    async fn gather(&mut self, now: Now) -> Result<()> {
        let (finished, in_hand) = {
            let mut dispatch = self.desk.dispatch();
            self.returned.extend(dispatch.take_stuck(now, self.astray));
            if self.astray {
                // Not before what waits is out of the connections' reach: another node may have it by now.
                self.life.begin_anew();
            }
            (dispatch.take_finished(), dispatch.in_hand())
        };
        let breakers = self.breakers.clone();
        match self.record_and_take_over(&finished, &in_hand).await {
            Ok(()) => {
                self.returned.clear();
                self.passed.forget();
                self.look_again = self.astray.then(|| self.last_step + LOOK_AGAIN);
                self.astray = false;
                self.life.beat(&self.ctx).await
            }
            Err(error) => {
                self.go_astray(finished, breakers);
                Err(error)
            }
        }
    }

    /// A transaction failed, and whether it was done is not known: what is ours is found out before anything new begins.
    /// The same results will be noted again, so the breakers go back to what they were.
    fn go_astray(&mut self, finished: Vec<Finished>, breakers: HashMap<String, Breaker>) {
        self.desk.dispatch().put_finished(finished);
        self.breakers = breakers;
        self.astray = true;
    }

    async fn record_and_take_over(&mut self, finished: &[Finished], in_hand: &[(String, i64)]) -> Result<()> {
        let mut tx = self.ctx.db.begin().await?;
        let recorded = ledger::record(&self.ctx, &mut tx, self.node, finished, &mut self.breakers).await?;
        self.put_back(&mut tx).await?;
        if !self.ctx.db.is_shared() {
            // A SQLite file has one process: all others are gone.
            nodes::forget_others(&mut tx, self.node).await?;
        }
        let unconfirmed = takeover::put_back_unconfirmed(&mut tx, self.node, in_hand).await?;
        let reaped = take_over(&self.ctx, &mut tx, self.node).await?;
        tx.commit().await?;
        recorded.count(&self.ctx.metrics);
        if unconfirmed > 0 {
            tracing::info!(deliveries = unconfirmed, "put back what was started and had not left");
        }
        tell(&self.ctx, reaped);
        Ok(())
    }

    /// Finds out which issues run and what the relays' limits leave.
    async fn prepare(&mut self) -> Result<()> {
        if self.running_is_old() {
            self.running = running::running(&self.ctx.db).await?;
            let turn = self.turn % self.running.len().max(1);
            self.running.rotate_left(turn);
        }
        if self.limits.is_used_up(&self.ctx) {
            self.running.iter().for_each(|issue| self.gate.keep_back(issue));
        }
        let is_limited = self.limits.has_hourly() || self.limits.has_plans();
        self.gate.look(&self.ctx, &self.running, is_limited).await?;
        if !self.limits.has_hourly() {
            return Ok(());
        }
        let has_work = self.desk.dispatch().open() > 0 || {
            let due_ms = running::next_due_ms(&self.ctx.db, &self.running).await?;
            due_ms.is_some_and(|due_ms| due_ms <= self.ctx.now_ms())
        };
        self.limits.top_up(&self.ctx, &self.desk, has_work).await
    }

    /// The list of running issues is read anew when there was nothing to do; in between the start itself looks whether
    /// its issue still runs.
    fn running_is_old(&mut self) -> bool {
        self.running.is_empty() || self.desk.dispatch().open() == 0 || self.limits.is_due()
    }

    fn measure(&self, took: Duration, started: usize) {
        let (open, relays) = {
            let dispatch = self.desk.dispatch();
            (dispatch.open(), dispatch.relays(self.desk.now()))
        };
        self.ctx.metrics.step(took, started, open);
        for relay in &relays {
            self.ctx.metrics.relay(&relay.name, relay.rests_until_ms.is_none(), relay.slots);
        }
        let faults = relays.into_iter().filter_map(|relay| relay.fault).collect();
        if self.life.note_relay_faults(faults) {
            self.ctx.wake.heart.notify_one();
        }
    }

    async fn record_and_start(&mut self, finished: &[Finished], room: usize) -> Result<Vec<Claimed>> {
        let mut tx = self.ctx.db.begin().await?;
        let recorded = ledger::record(&self.ctx, &mut tx, self.node, finished, &mut self.breakers).await?;
        self.gate.see(finished);
        self.put_back(&mut tx).await?;
        let mut started = Vec::new();
        if room > 0 {
            let now_ms = self.ctx.now_ms();
            let single = queue::start_single(&mut tx, self.node, now_ms, LANE_URGENT, as_i64(room)).await?;
            started.extend(single.leaving);
            let left = room.saturating_sub(single.seen);
            if self.desk.dispatch().may_start_issues(self.desk.now()) {
                self.start_issues(&mut tx, now_ms, left, &mut started).await?;
            } else {
                self.is_dry = left > 0;
            }
        }
        tx.commit().await?;
        recorded.count(&self.ctx.metrics);
        Ok(started)
    }

    /// Starts messages of running issues, `room` at most but for the places that single mails have.
    async fn start_issues(
        &mut self,
        tx: &mut Tx,
        now_ms: UtcMs,
        room: usize,
        started: &mut Vec<Claimed>,
    ) -> Result<()> {
        let mut left = room.saturating_sub(self.urgent_places());
        // The issues take turns at being first, so that none waits for another to end.
        // With warm-up plans every node asks in the same order, or two would wait for each other.
        if !self.running.is_empty() && !self.limits.has_plans() {
            self.running.rotate_left(1);
            self.turn = self.turn.wrapping_add(1);
        }
        let had_room = left > 0;
        let (seen, mut may_have_more) = self.start_sequences(tx, now_ms, left, started).await?;
        left -= seen;
        self.passed.leave_out(self.desk.dispatch().stuck_sites(self.desk.now()));
        for issue in &self.running {
            if left == 0 {
                break;
            }
            let id = &issue.id;
            let allowed = self.limits.allowed(&self.ctx, tx, id, left).await?;
            if allowed == 0 {
                self.gate.keep_back(issue);
            }
            let part = queue::Part { after: self.passed.of(id), except: &self.passed.sites };
            let mut start = queue::start_issue(tx, self.node, now_ms, id, part, as_i64(allowed)).await?;
            start.leaving = self
                .gate
                .pass(&self.ctx, tx, (issue, self.limits.is_limited(&self.ctx, id)), start.leaving)
                .await?;
            self.limits.give_back(tx, id, allowed - start.leaving.len()).await?;
            left -= start.seen;
            may_have_more |= self.passed.note(id, start.last, start.seen == allowed);
            started.extend(start.leaving);
        }
        self.is_dry = had_room && left > 0 && !may_have_more;
        Ok(())
    }

    /// Starts messages of sequences, and tells how many rows were looked at and whether there may be more. While issues run
    /// they get a part of the room, so that neither makes the other late; while there are none, nobody asks all the time.
    async fn start_sequences(
        &mut self,
        tx: &mut Tx,
        now_ms: UtcMs,
        room: usize,
        started: &mut Vec<Claimed>,
    ) -> Result<(usize, bool)> {
        let is_busy = self.desk.dispatch().open() > 0 || !started.is_empty();
        let rests = is_busy && self.no_sequences_until.is_some_and(|until| self.last_step < until);
        if room == 0 || rests {
            return Ok((0, false));
        }
        let limit = if self.running.is_empty() { room } else { room.div_ceil(SEQUENCES_SHARE) };
        let start = if self.limits.has_plans() {
            self.start_warming(tx, now_ms, limit).await?
        } else {
            queue::start_single(tx, self.node, now_ms, LANE_SEQUENCE, as_i64(limit)).await?
        };
        let is_full = start.seen == limit;
        self.no_sequences_until = (!is_full).then(|| self.last_step + SEQUENCES_REST);
        started.extend(start.leaving);
        Ok((start.seen, is_full))
    }

    /// Starts messages of one sequence after the other, as far as the warm-up of its sending domain leaves room.
    async fn start_warming(&mut self, tx: &mut Tx, now_ms: UtcMs, limit: usize) -> Result<Started> {
        let mut all = Started::default();
        for (sequence, sender) in pauses::going(tx, LANE_SEQUENCE, now_ms).await? {
            let left = limit.saturating_sub(all.seen);
            if left == 0 {
                break;
            }
            let key = queue::sequence_key(&sequence);
            let allowed = self.limits.allowed_from(&self.ctx, tx, (&key, &sender), left).await?;
            let start = queue::start_sequence(tx, self.node, now_ms, &sequence, as_i64(allowed)).await?;
            self.limits.give_back(tx, &key, allowed - start.leaving.len()).await?;
            all.seen += start.seen;
            all.leaving.extend(start.leaving);
        }
        Ok(all)
    }

    /// Puts back what did not leave, and the share of a warm-up that it had.
    pub(super) async fn put_back(&mut self, tx: &mut Tx) -> Result<()> {
        if self.returned.is_empty() {
            return Ok(());
        }
        queue::put_back(tx, &self.returned).await?;
        let mut by_whole: HashMap<String, usize> = HashMap::new();
        for whole in self.returned.iter().filter_map(|(claimed, _)| claimed.whole()) {
            *by_whole.entry(whole).or_default() += 1;
        }
        for (whole, count) in by_whole {
            self.limits.put_back(&self.ctx, tx, &whole, count).await?;
        }
        Ok(())
    }
}

/// How far each issue's queue was looked through while some sites are left out. Their rows stay at the head of it, and
/// walking over them again for every start would cost more each time.
#[derive(Debug, Default)]
pub(super) struct Passed {
    sites: Vec<String>,
    last: HashMap<String, queue::Place>,
}

impl Passed {
    /// From now on `sites` are left out; with other sites than before everything is looked through from its head.
    fn leave_out(&mut self, sites: Vec<String>) {
        if sites != self.sites {
            (self.sites, self.last) = (sites, HashMap::new());
        }
    }

    /// Whether some sites are left out.
    pub(super) fn leaves_out(&self) -> bool {
        !self.sites.is_empty()
    }

    fn of(&self, issue: &str) -> Option<&queue::Place> {
        self.last.get(issue)
    }

    /// Takes note of a start that came to `last`, `full` if it found as many as it wanted. True if something may wait
    /// before the place where it began.
    fn note(&mut self, issue: &str, last: Option<queue::Place>, full: bool) -> bool {
        match last.filter(|_| full && !self.sites.is_empty()) {
            Some(last) => {
                self.last.insert(issue.to_owned(), last);
                false
            }
            None => self.last.remove(issue).is_some(),
        }
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}

pub(super) fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(due_ms: UtcMs) -> Option<queue::Place> {
        Some(queue::Place { due_ms, id: "dlv_1".to_owned() })
    }

    #[test]
    fn a_queue_is_looked_through_from_where_it_was_left_until_its_end() {
        let mut passed = Passed::default();
        assert!(!passed.note("iss_1", place(1), true), "nobody is left out: from the head each time");
        assert_eq!(passed.of("iss_1"), None);
        passed.leave_out(vec!["slow.example".to_owned()]);
        assert!(!passed.note("iss_1", place(2), true));
        assert_eq!(passed.of("iss_1"), place(2).as_ref());
        passed.leave_out(vec!["slow.example".to_owned()]);
        assert_eq!(passed.of("iss_1"), place(2).as_ref(), "the same sites: on from there");
        assert!(passed.note("iss_1", place(3), false), "its end; what came back meanwhile waits at the head");
        assert_eq!(passed.of("iss_1"), None);
        assert!(!passed.note("iss_1", None, false), "from the head to the end: there is no more");
        passed.note("iss_1", place(4), true);
        passed.leave_out(Vec::new());
        assert_eq!(passed.of("iss_1"), None, "they are back, and their mail waits at the head");
    }
}
