//! The delivery loop: start, send, settle.
//!
//! One transaction records what is finished and marks what comes next as being sent; the network is used between
//! transactions only. After a crash the rows marked `sending` are exactly those that may have left, and never more
//! than the window.

mod dispatch;
mod gate;
mod ledger;
mod message;
mod node;
mod relays;
mod sender;
mod sites;
mod step;
mod step_times;

use std::{
    collections::HashMap,
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
        delivery::Breaker,
        kernel::{Result, clock::UtcMs, id::NodeId},
    },
    store::{
        nodes,
        queue::Claimed,
        running::{self, Running},
        takeover,
    },
};
use gate::Gate;
use ledger::Limits;
pub use message::message;
use node::{Life, beat_forever};
use relays::RelayTerms;
pub use relays::RelayView;
use sender::{Desk, send_until_stopped};
use step::Passed;
pub use step_times::StepTimes;

/// Longest rest before the queue is looked at again.
const POLL: Duration = Duration::from_millis(500);
/// Shortest rest.
const REST_MIN: Duration = Duration::from_millis(5);
/// Longest rest while the mail of some sites is left out.
const LEFT_OUT_REST_MAX: Duration = Duration::from_secs(2);
/// Longest time that a result waits for others before it is recorded.
const SETTLE_WITHIN: Duration = Duration::from_millis(50);
/// Time for messages that are on their way when we are asked to stop; below `server.grace_s`.
const LAST_MOMENT: Duration = Duration::from_secs(10);
/// Time for recording the last results then, should the database fail; with the above below `server.grace_s`.
const LAST_TRIES: Duration = Duration::from_secs(15);
/// First and longest rest between two of these tries.
const LAST_REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Rest after the database did not answer.
const DATABASE_REST: Duration = Duration::from_secs(1);
/// Places of the window that issues leave to single mails, half of a smaller window at most.
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
    /// When that is looked for once more.
    look_again: Option<Instant>,
    passed: Passed,
    /// Whether the last look found less than there was room for.
    is_dry: bool,
    last_step: Instant,
    steps: StepTimes,
    /// Issues that may be started, as last read.
    running: Vec<Running>,
    /// How often the issues have taken turns at being first.
    turn: usize,
    gate: Gate,
    /// Until when it is not asked for messages of sequences, of which there were none.
    no_sequences_until: Option<Instant>,
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
        let desk = Arc::new(Desk::new(ctx.clone(), life.clone(), &terms));
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
            look_again: None,
            passed: Passed::default(),
            is_dry: false,
            last_step: Instant::now(),
            steps: StepTimes::default(),
            running: Vec::new(),
            turn: 0,
            gate: Gate::default(),
            no_sequences_until: None,
        }
    }

    /// Works until `shutdown`; then finishes what is on its way, records it and puts back the rest.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let heart = tokio::spawn(beat_forever(self.ctx.clone(), self.life.clone()));
        // A heart that stands still makes this loop end, and with it the process: better a restart than a node that others
        // take over while it works.
        while !*shutdown.borrow() && !heart.is_finished() {
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
        // Meanwhile the heart beats on: what is not recorded yet must not be taken over.
        if tokio::time::timeout(LAST_MOMENT + LAST_TRIES, self.leave()).await.is_err() {
            tracing::error!("could not record the last results; they will be taken over");
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
        if self.astray {
            self.step().await?;
        }
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
            let settle_at = tokio::time::Instant::now() + SETTLE_WITHIN;
            while !self.is_worth_a_step() {
                if tokio::time::timeout_at(settle_at, self.desk.progress.notified()).await.is_err() {
                    break;
                }
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

    /// Messages started, finished, and room for more.
    fn outlook(&self) -> (usize, usize, usize) {
        let dispatch = self.desk.dispatch();
        (dispatch.open(), dispatch.finished(), dispatch.room(self.desk.now()))
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
        let rested = tokio::time::Instant::now() + rest;
        loop {
            if self.is_worth_a_step() {
                return;
            }
            let (_, finished, _) = self.outlook();
            let settle_at = tokio::time::Instant::from_std(self.last_step + SETTLE_WITHIN);
            let until = if finished > 0 { rested.min(settle_at) } else { rested };
            tokio::select! {
                () = self.desk.progress.notified() => {}
                () = self.ctx.wake.deliver.notified() => {
                    self.is_dry = false;
                    return;
                }
                () = tokio::time::sleep_until(until) => {
                    self.is_dry &= tokio::time::Instant::now() < rested;
                    return;
                }
                _ = shutdown.changed() => return,
            }
        }
    }

    /// Whether enough is finished, or may be started, for a transaction.
    fn is_worth_a_step(&self) -> bool {
        let (open, finished, room) = self.outlook();
        let batch = self.desk.dispatch().batch(self.desk.now());
        let is_enough = finished >= batch || (finished > 0 && open == 0);
        // Where nothing may be started, room alone is no reason to look again: that would turn for ever, and the
        // heartbeat that would end it might never get its turn.
        let may_start = self.astray || self.life.is_fresh(self.ctx.clock.machine_ms());
        is_enough || (may_start && !self.is_dry && room.saturating_sub(self.urgent_places()) >= batch)
    }

    /// Places of the window that issues leave to single mails.
    fn urgent_places(&self) -> usize {
        URGENT_PLACES.min(self.ctx.settings.window / 2)
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
            None => running::next_due_ms(&self.ctx.db, &self.running).await.ok().flatten(),
        };
        // What is due already and was not started is held back: looking again at once would change nothing.
        let rest = next_due_ms
            .filter(|due_ms| *due_ms > now_ms)
            .map_or(POLL, |due_ms| self.ctx.clock.until(due_ms).clamp(REST_MIN, POLL));
        // Walking over all that waits for a site that rests is not cheap.
        if self.passed.leaves_out() {
            rest.max((self.steps.last() * 10).min(LEFT_OUT_REST_MAX))
        } else {
            rest
        }
    }

    /// Gives what is on its way a moment, records what is known by then, and puts back the rest; again and again until
    /// the database takes it.
    async fn leave(&mut self) {
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
        let (mut rest, rest_max) = LAST_REST;
        while let Err(error) = self.record_last(&finished).await {
            // Whether it was done is not known; doing it again changes nothing then.
            self.astray = true;
            tracing::warn!(error = error.detail(), "the last results are not recorded yet; trying again");
            tokio::time::sleep(rest).await;
            rest = (rest * 2).min(rest_max);
        }
        if let Err(error) = self.limits.top_up(&self.ctx, &self.desk, false).await {
            tracing::warn!(error = error.detail(), "what is left of hourly limits was not given back");
        }
    }

    /// The last step: records and puts back what there is, and leaves the nodes.
    async fn record_last(&mut self, finished: &[dispatch::Finished]) -> Result<()> {
        let mut tx = self.ctx.db.begin().await?;
        let recorded = ledger::record(&self.ctx, &mut tx, self.node, finished, &mut self.breakers).await?;
        self.put_back(&mut tx).await?;
        if self.astray || self.look_again.is_some() {
            // What we may hold without knowing must not stay behind under a name that nobody watches.
            takeover::put_back_unconfirmed(&mut tx, self.node, &[]).await?;
        }
        nodes::leave(&mut tx, self.node).await?;
        tx.commit().await?;
        recorded.count(&self.ctx.metrics);
        Ok(())
    }
}
