//! The delivery loop: start, send, settle.
//!
//! One transaction records what is finished and marks what comes next as being sent; the network is used between
//! transactions only. After a crash the rows marked `sending` are exactly those that may have left, and never more
//! than the window.

mod dispatch;
mod ledger;
mod message;
mod node;
mod relays;
mod sender;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    task::{Id, JoinSet},
};

use super::context::Context;
use crate::{
    channel::smtp::Dialer,
    domain::{
        delivery::{Breaker, backoff::OnUncertain},
        kernel::{Result, clock::UtcMs, id::NodeId},
    },
    store::{
        nodes,
        queue::{self, Claimed},
    },
};
use dispatch::Finished;
pub use dispatch::RelayView;
use ledger::Limits;
pub use message::message;
use node::{Life, beat_forever, gather};
use relays::RelayTerms;
use sender::{Desk, send_until_stopped};

/// Longest rest before the queue is looked at again.
const POLL: Duration = Duration::from_millis(500);
/// Shortest rest.
const REST_MIN: Duration = Duration::from_millis(5);
/// Longest time that a result waits for others before it is recorded.
const SETTLE_WITHIN: Duration = Duration::from_millis(50);
/// Time for messages that are on their way when we are asked to stop; below `server.grace_s`.
const LAST_MOMENT: Duration = Duration::from_secs(10);
/// Rest after the database did not answer.
const DATABASE_REST: Duration = Duration::from_secs(1);
/// Steps whose times are kept.
const STEPS_KEPT: usize = 10_000;
/// Places of the window that issues leave to single mails.
const URGENT_PLACES: usize = 8;

/// One worker. Run one a process; it spreads the window over the connections of all relays.
pub struct Deliverer {
    ctx: Arc<Context>,
    dialers: Vec<Arc<Dialer>>,
    node: NodeId,
    life: Arc<Life>,
    desk: Arc<Desk>,
    /// The connections' tasks, and which relay each serves, for urgent mail only or for all.
    senders: JoinSet<()>,
    served: HashMap<Id, (usize, bool)>,
    limits: Limits,
    breakers: HashMap<String, Breaker>,
    /// Messages to be put back that the database has not taken yet, and when they may be started again.
    returned: Vec<(Claimed, UtcMs)>,
    /// Whether the database failed while we held rows, so that some may be ours without our knowing.
    astray: bool,
    /// Whether the last look found less than there was room for.
    is_dry: bool,
    last_step: Instant,
    steps: StepTimes,
    /// Issues that may be started, as last read.
    running: Vec<String>,
}

impl Deliverer {
    /// A worker that hands over to the relays that `dialers` reach, at least one.
    pub fn new(ctx: Arc<Context>, dialers: Vec<Dialer>) -> Self {
        let node = NodeId::new(ctx.clock.machine_ms(), &*ctx.random);
        let life = Arc::new(Life::new(node));
        let terms: Vec<RelayTerms> = dialers
            .iter()
            .map(|dialer| RelayTerms {
                name: Arc::from(dialer.relay().name.as_str()),
                weight: dialer.relay().weight,
                connections_max: dialer.relay().connections_max,
                is_limited: dialer.relay().per_hour_max.is_some(),
            })
            .collect();
        let batch = (ctx.settings.window / 4).max(1);
        let desk = Arc::new(Desk::new(ctx.clone(), life.clone(), &terms, batch));
        let limits = Limits::new(&ctx, &dialers);
        Self {
            ctx,
            dialers: dialers.into_iter().map(Arc::new).collect(),
            node,
            life,
            desk,
            senders: JoinSet::new(),
            served: HashMap::new(),
            limits,
            breakers: HashMap::new(),
            returned: Vec::new(),
            astray: true,
            is_dry: false,
            last_step: Instant::now(),
            steps: StepTimes::default(),
            running: Vec::new(),
        }
    }

    /// Works until `shutdown`; then finishes what is on its way, records it and puts back the rest.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let heart = tokio::spawn(beat_forever(self.ctx.clone(), self.life.clone()));
        while !*shutdown.borrow() {
            match self.step().await {
                Ok(_) => self.wait(&mut shutdown).await,
                Err(error) => {
                    tracing::error!(error = error.detail(), "delivery rests: the database does not answer");
                    tokio::select! {
                        () = tokio::time::sleep(DATABASE_REST) => {}
                        _ = shutdown.changed() => {}
                    }
                }
            }
        }
        if let Err(error) = self.leave().await {
            tracing::error!(
                error = error.detail(),
                "could not record the last results; they will be taken over"
            );
        }
        heart.abort();
    }

    /// Sends everything that is due now and can be sent; for tests and measurements. Returns how many were started.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn drain(&mut self) -> Result<usize> {
        self.life.beat(&self.ctx).await?;
        self.is_dry = false;
        let mut started = 0;
        loop {
            if !self.life.is_fresh(self.ctx.clock.machine_ms()) {
                self.life.beat(&self.ctx).await?;
            }
            started += self.step().await?;
            let (open, finished, room) = self.outlook();
            if open == 0 && finished == 0 && (self.is_dry || room == 0) {
                self.limits.top_up(&self.ctx, &self.desk, false).await?;
                return Ok(started);
            }
            if open > 0 && (self.is_dry || room < self.batch()) && finished < self.batch() {
                let progress = self.desk.progress.notified();
                let _ = tokio::time::timeout(SETTLE_WITHIN, progress).await;
            }
        }
    }

    /// How the relays stand.
    pub fn relays(&self) -> Vec<RelayView> {
        self.desk.dispatch().relays(self.desk.now())
    }

    /// How long the last steps took.
    pub fn steps(&self) -> &StepTimes {
        &self.steps
    }

    fn batch(&self) -> usize {
        (self.ctx.settings.window / 4).max(1)
    }

    /// Messages started, finished, and room for more.
    fn outlook(&self) -> (usize, usize, usize) {
        let dispatch = self.desk.dispatch();
        (dispatch.open(), dispatch.finished(), dispatch.room(self.ctx.settings.window, self.desk.now()))
    }

    /// Records what is finished and starts what there is room for, in one transaction. Returns how many were started.
    async fn step(&mut self) -> Result<usize> {
        self.staff();
        self.last_step = Instant::now();
        let now = self.desk.now();
        let is_fresh = self.life.is_fresh(now.machine_ms);
        self.astray |= self.life.was_forgotten();
        let may_start = is_fresh && !self.astray && !self.is_dry;
        // Before results are taken from the desk: a fault here must not lose them.
        if may_start {
            self.prepare().await?;
        }
        // Seen together: what ends between two looks would be taken for lost.
        let (finished, flying) = {
            let mut dispatch = self.desk.dispatch();
            self.returned.extend(dispatch.take_stuck(now, !is_fresh || self.astray));
            (dispatch.take_finished(), dispatch.flying())
        };
        if self.astray && finished.is_empty() && self.returned.is_empty() && flying == 0 {
            gather(&self.ctx, &self.life).await?;
            self.astray = false;
            return Ok(0);
        }
        let (_, _, room) = self.outlook();
        let starts = may_start && room > 0;
        if finished.is_empty() && self.returned.is_empty() && !starts {
            return Ok(0);
        }
        let began = Instant::now();
        match self.record_and_start(&finished, if starts { room } else { 0 }).await {
            Ok(started) => {
                let took = began.elapsed();
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
                // Whether it was done is not known: what is ours is found out before anything new begins.
                self.desk.dispatch().put_finished(finished);
                self.astray = true;
                Err(error)
            }
        }
    }

    /// Finds out which issues run and what the relays' limits leave.
    async fn prepare(&mut self) -> Result<()> {
        if self.running_is_old() {
            self.running = queue::running(&self.ctx.db).await?;
        }
        if !self.limits.has_hourly() {
            return Ok(());
        }
        let has_work = self.desk.dispatch().open() > 0 || {
            let due_ms = queue::next_due_ms(&self.ctx.db, &self.running).await?;
            due_ms.is_some_and(|due_ms| due_ms <= self.ctx.now_ms())
        };
        self.limits.top_up(&self.ctx, &self.desk, has_work).await
    }

    fn measure(&self, took: Duration, started: usize) {
        let (open, relays) = {
            let dispatch = self.desk.dispatch();
            (dispatch.open(), dispatch.relays(self.desk.now()))
        };
        self.ctx.metrics.step(took, started, open);
        for relay in relays {
            self.ctx.metrics.relay(&relay.name, relay.rests_until_ms.is_none(), relay.slots);
        }
    }

    async fn record_and_start(&mut self, finished: &[Finished], room: usize) -> Result<Vec<Claimed>> {
        let now_ms = self.ctx.now_ms();
        let except = self.desk.dispatch().stuck_sites(self.desk.now());
        let mut tx = self.ctx.db.begin().await?;
        ledger::record(&self.ctx, &mut tx, self.node, finished, &mut self.breakers).await?;
        if !self.returned.is_empty() {
            queue::put_back(&mut tx, &self.returned).await?;
        }
        let mut started = Vec::new();
        if room > 0 {
            let (seen, single) = queue::start_single(&mut tx, self.node, now_ms, as_i64(room)).await?;
            let mut left = room - seen;
            started.extend(single);
            left = left.saturating_sub(URGENT_PLACES.min(self.ctx.settings.window / 2));
            // The issues take turns at being first, so that none waits for another to end.
            // With warm-up plans every node asks in the same order, or two would wait for each other.
            if !self.running.is_empty() && !self.limits.has_plans() {
                self.running.rotate_left(1);
            }
            let had_room = left > 0;
            for issue in &self.running {
                if left == 0 {
                    break;
                }
                let allowed = self.limits.allowed(&self.ctx, &mut tx, issue, left).await?;
                let (seen, leaving) =
                    queue::start_issue(&mut tx, self.node, now_ms, issue, &except, as_i64(allowed)).await?;
                self.limits.give_back(&mut tx, issue, allowed - leaving.len()).await?;
                left -= seen;
                started.extend(leaving);
            }
            self.is_dry = had_room && left > 0;
        }
        tx.commit().await?;
        Ok(started)
    }

    /// The list of running issues is read anew when there was nothing to do; in between the start itself looks whether
    /// its issue still runs.
    fn running_is_old(&mut self) -> bool {
        self.running.is_empty() || self.desk.dispatch().open() == 0 || self.limits.is_due()
    }

    /// Sees to it that every connection has its task.
    fn staff(&mut self) {
        while let Some(ended) = self.senders.try_join_next_with_id() {
            let id = match &ended {
                Ok((id, ())) => *id,
                // The whole process is ending: whoever takes its place would end at once, and so on for ever.
                Err(error) if error.is_cancelled() => continue,
                Err(error) => {
                    tracing::error!(%error, "a connection's task ended; another takes its place");
                    error.id()
                }
            };
            if let Some((relay, urgent_only)) = self.served.remove(&id) {
                self.hire(relay, urgent_only);
            }
        }
        if self.served.is_empty() {
            for relay in 0..self.dialers.len() {
                for _ in 0..self.dialers[relay].relay().connections_max {
                    self.hire(relay, false);
                }
                self.hire(relay, true);
            }
        }
    }

    fn hire(&mut self, relay: usize, urgent_only: bool) {
        let task = send_until_stopped(self.desk.clone(), relay, self.dialers[relay].clone(), urgent_only);
        let id = self.senders.spawn(task).id();
        self.served.insert(id, (relay, urgent_only));
    }

    /// Waits until there is something to record or to start.
    async fn wait(&mut self, shutdown: &mut watch::Receiver<bool>) {
        let rest = self.rest().await;
        let until = tokio::time::Instant::now() + rest;
        // Where nothing may be started, room alone is no reason to look again: that would turn for ever, and the
        // heartbeat that would end it might never get its turn.
        let may_start = self.life.is_fresh(self.ctx.clock.machine_ms()) && !self.astray;
        loop {
            let (open, finished, room) = self.outlook();
            let enough = finished >= self.batch() || (finished > 0 && open == 0);
            if enough || (may_start && !self.is_dry && room >= self.batch()) {
                return;
            }
            let settle_at = tokio::time::Instant::from_std(self.last_step + SETTLE_WITHIN);
            let until = if finished > 0 { until.min(settle_at) } else { until };
            tokio::select! {
                () = self.desk.progress.notified() => {}
                () = self.ctx.wake.deliver.notified() => {
                    self.is_dry = false;
                    return;
                }
                () = tokio::time::sleep_until(until) => {
                    self.is_dry &= finished > 0;
                    return;
                }
                _ = shutdown.changed() => return,
            }
        }
    }

    /// How long nothing is due, at most [`POLL`]: other nodes and people may add to the queue meanwhile.
    async fn rest(&self) -> Duration {
        let (open, finished, room) = self.outlook();
        if open + finished > 0 || (!self.is_dry && room > 0) {
            return POLL;
        }
        let now_ms = self.ctx.now_ms();
        let closed_until_ms = self.desk.dispatch().closed_until_ms(self.desk.now());
        let next_due_ms: Option<UtcMs> = match closed_until_ms {
            Some(until_ms) => Some(until_ms),
            None => queue::next_due_ms(&self.ctx.db, &self.running).await.ok().flatten(),
        };
        // What is due already and was not started is held back: looking again at once would change nothing.
        next_due_ms
            .filter(|due_ms| *due_ms > now_ms)
            .map_or(POLL, |due_ms| self.ctx.clock.until(due_ms).clamp(REST_MIN, POLL))
    }

    /// Gives what is on its way a moment, records what is known by then, and puts back the rest.
    async fn leave(&mut self) -> Result<()> {
        self.desk.stop();
        let all_ended = async { while self.senders.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_MOMENT, all_ended).await.is_err() {
            self.senders.shutdown().await;
        }
        let now = self.desk.now();
        let finished = {
            let mut dispatch = self.desk.dispatch();
            self.returned.extend(dispatch.take_stuck(now, true));
            dispatch.take_finished()
        };
        let mut tx = self.ctx.db.begin().await?;
        ledger::record(&self.ctx, &mut tx, self.node, &finished, &mut self.breakers).await?;
        queue::put_back(&mut tx, &self.returned).await?;
        if self.astray {
            // What we may hold without knowing must not stay behind under a name that nobody watches.
            let hold = self.ctx.settings.on_uncertain == OnUncertain::Hold;
            queue::reap(&mut tx, self.node, self.ctx.now_ms(), hold, true).await?;
        }
        nodes::leave(&mut tx, self.node).await?;
        tx.commit().await?;
        self.limits.top_up(&self.ctx, &self.desk, false).await
    }
}

/// How long the last transactions of the loop took.
#[derive(Debug, Default)]
pub struct StepTimes {
    recent_us: VecDeque<u32>,
    count: u64,
}

impl StepTimes {
    fn note(&mut self, took: Duration) {
        if self.recent_us.len() == STEPS_KEPT {
            self.recent_us.pop_front();
        }
        self.recent_us.push_back(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        self.count += 1;
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The time that `percent` of the last 10,000 did not exceed, in milliseconds.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let mut sorted: Vec<u32> = self.recent_us.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        f64::from(sorted.get(at).copied().unwrap_or(0)) / 1_000.0
    }
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
