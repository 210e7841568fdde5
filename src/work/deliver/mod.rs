//! The delivery loop: claim, mark a window as sending, send, settle.
//!
//! One transaction records the results of window k-1 and marks window k as sending; the network is used between
//! transactions only. After a crash the rows marked sending are exactly those that may have left.

mod message;
mod node;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::context::Context;
use crate::{
    channel::smtp::SmtpChannel,
    domain::{
        delivery::{DeliveryState, Outcome, Stage, Trouble, backoff},
        kernel::{Result, clock::UtcMs, id::NodeId},
    },
    store::{
        nodes,
        queue::{self, Claimed, Settled},
    },
};
use message::Writer;
use node::{DEAD_AFTER_MS, beat, beat_forever, reap};

/// A node that could not say so for this long starts no window.
const STALE_AFTER_MS: i64 = 30_000;
/// Longest rest before the queue is looked at again.
const POLL: Duration = Duration::from_millis(500);
/// Shortest rest.
const REST_MIN: Duration = Duration::from_millis(5);
/// Time for messages that are on their way when we are asked to stop; below `server.grace_s`.
const LAST_MOMENT: Duration = Duration::from_secs(10);
/// Rest after the database did not answer.
const DATABASE_REST: Duration = Duration::from_secs(1);
/// Windows claimed ahead.
const WINDOWS_AHEAD: usize = 4;
/// One worker. Run one a process; it spreads a window over several connections.
pub struct Deliverer {
    ctx: Arc<Context>,
    channel: SmtpChannel,
    node: NodeId,
    last_beat_ms: Arc<AtomicI64>,
    writer: Writer,
    /// Results of the last window, not yet recorded.
    unsettled: Vec<Settled>,
    /// Whether the database failed while we held rows, so that some may be ours without our knowing.
    astray: bool,
    /// Windows in a row in which the relay could not be talked to, and until when it is left alone.
    relay_down: u32,
    relay_rests_until_ms: UtcMs,
}

impl Deliverer {
    /// A worker that hands over to `channel`.
    pub fn new(ctx: Arc<Context>, channel: SmtpChannel) -> Self {
        let node = NodeId::new(ctx.clock.machine_ms(), &*ctx.random);
        let last_beat_ms = Arc::new(AtomicI64::new(i64::MIN / 2));
        let writer = Writer::new(ctx.clone());
        Self {
            ctx,
            channel,
            node,
            last_beat_ms,
            writer,
            unsettled: Vec::new(),
            astray: false,
            relay_down: 0,
            relay_rests_until_ms: i64::MIN,
        }
    }

    /// Works until `shutdown`; then finishes the open window, records it and hands back the rest.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let heart = tokio::spawn(beat_forever(self.ctx.clone(), self.node, self.last_beat_ms.clone()));
        self.astray = true;
        while !*shutdown.borrow() {
            match self.round(&mut shutdown).await {
                Ok(0) => tokio::select! {
                    () = self.ctx.wake.deliver.notified() => {}
                    () = tokio::time::sleep(self.rest().await) => {}
                    _ = shutdown.changed() => {}
                },
                Ok(_) => {}
                Err(error) => {
                    self.astray = true;
                    tracing::error!(error = error.detail(), "delivery rests: the database does not answer");
                    tokio::time::sleep(DATABASE_REST).await;
                }
            }
        }
        if let Err(error) = self.leave().await {
            tracing::error!(
                error = error.detail(),
                "could not hand back what was claimed; it will be taken over"
            );
        }
        heart.abort();
        self.channel.close().await;
    }

    /// Sends everything that is due now; for tests and `drain`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn drain(&mut self) -> Result<usize> {
        beat(&self.ctx, self.node, &self.last_beat_ms).await?;
        let (_keep, mut never) = watch::channel(false);
        let mut sent = 0;
        loop {
            match self.round(&mut never).await? {
                0 => return Ok(sent),
                some => sent += some,
            }
        }
    }

    /// Takes over what processes that are gone left behind, and what we ourselves may hold without knowing. A SQLite
    /// file has one process: all others are gone.
    async fn gather(&mut self) -> Result<()> {
        let machine_ms = self.ctx.clock.machine_ms();
        let alive_since_ms = if self.ctx.db.is_shared() { machine_ms - DEAD_AFTER_MS } else { i64::MAX };
        reap(&self.ctx, self.node, alive_since_ms, true).await?;
        beat(&self.ctx, self.node, &self.last_beat_ms).await?;
        self.astray = false;
        Ok(())
    }

    /// Claims what is due and sends it window by window. Returns how many were claimed.
    async fn round(&mut self, shutdown: &mut watch::Receiver<bool>) -> Result<usize> {
        self.settle_rest().await?;
        if self.astray {
            self.gather().await?;
        }
        if self.ctx.now_ms() < self.relay_rests_until_ms {
            return Ok(0);
        }
        if self.ctx.clock.machine_ms() - self.last_beat_ms.load(Ordering::Relaxed) > STALE_AFTER_MS {
            // Others may already have taken over what we hold; starting anything now could double it.
            return Ok(0);
        }
        let limit = i64::try_from(self.ctx.settings.window * WINDOWS_AHEAD).unwrap_or(i64::MAX);
        let mut tx = self.ctx.db.begin().await?;
        let claimed = queue::claim(&mut tx, self.node, self.ctx.now_ms(), limit).await?;
        tx.commit().await?;
        let count = claimed.len();
        for window in claimed.chunks(self.ctx.settings.window) {
            if *shutdown.borrow() || self.ctx.now_ms() < self.relay_rests_until_ms {
                break;
            }
            if let Err(error) = self.window(window, shutdown).await {
                self.astray = true;
                return Err(error);
            }
        }
        self.settle_rest().await?;
        if self.ctx.now_ms() < self.relay_rests_until_ms {
            // What was claimed and not started waits where other nodes can see it.
            let mut tx = self.ctx.db.begin().await?;
            queue::hand_back(&mut tx, self.node).await?;
            tx.commit().await?;
        }
        Ok(count)
    }

    /// How long nothing is due, at most [`POLL`]: other nodes and people may add to the queue meanwhile.
    async fn rest(&self) -> Duration {
        let next_due_ms = queue::next_due_ms(&self.ctx.db).await.ok().flatten();
        let now_ms = self.ctx.now_ms().max(self.relay_rests_until_ms);
        // What is due already and was not claimed is paused: looking again at once would change nothing.
        next_due_ms
            .filter(|due_ms| *due_ms > now_ms)
            .map_or(POLL, |due_ms| self.ctx.clock.until(due_ms).clamp(REST_MIN, POLL))
    }

    /// Records the last window, starts this one, sends it.
    async fn window(&mut self, window: &[Claimed], shutdown: &mut watch::Receiver<bool>) -> Result<()> {
        let mut tx = self.ctx.db.begin().await?;
        let settled = settle(&mut tx, self.node, &self.unsettled).await?;
        let started = queue::start_window(&mut tx, window).await?;
        tx.commit().await?;
        self.report_fenced(settled);
        self.unsettled.clear();
        let leaving: Vec<&Claimed> = window.iter().filter(|claimed| started.contains(&claimed.id)).collect();
        let (mut mails, mut sent) = (Vec::new(), Vec::new());
        for (claimed, written) in self.writer.write_all(leaving).await {
            match written {
                Ok(mail) => {
                    mails.push(mail);
                    sent.push(claimed);
                }
                Err(outcome) => self.unsettled.push(self.settled(claimed, &outcome)),
            }
        }
        // Asked to stop, we give what is on its way a moment, and record what is known by then.
        let enough = async {
            let _ = shutdown.wait_for(|stop| *stop).await;
            tokio::time::sleep(LAST_MOMENT).await;
        };
        let outcomes = self.channel.send_window_until(mails, enough).await;
        self.mind_the_relay(&outcomes);
        for (claimed, outcome) in sent.into_iter().zip(&outcomes) {
            self.unsettled.push(self.settled(claimed, outcome));
        }
        Ok(())
    }

    /// A relay that cannot be talked to is left alone for a while, longer each time, instead of being asked for
    /// every message.
    fn mind_the_relay(&mut self, outcomes: &[Outcome]) {
        let is_down = |outcome: &Outcome| {
            matches!(outcome, Outcome::Refused { trouble: Trouble::Host | Trouble::OurSetup, .. })
        };
        if outcomes.is_empty() {
            return;
        }
        if outcomes.iter().all(is_down) {
            self.relay_down = self.relay_down.saturating_add(1);
            self.relay_rests_until_ms = self.ctx.now_ms() + backoff::host_wait_ms(self.relay_down);
            tracing::warn!(
                times = self.relay_down,
                "the relay cannot be talked to; it is left alone for a while"
            );
        } else {
            self.relay_down = 0;
        }
    }

    fn settled(&self, claimed: &Claimed, outcome: &Outcome) -> Settled {
        let now_ms = self.ctx.now_ms();
        let tries = match outcome {
            Outcome::Refused { trouble: Trouble::Host | Trouble::OurSetup, .. } => self.relay_down.max(1),
            _ => u32::try_from(claimed.tries + 1).unwrap_or(u32::MAX),
        };
        let jitter = u32::try_from(self.ctx.random.next_u64() >> 32).unwrap_or(0);
        let next =
            backoff::next(outcome, tries, now_ms, claimed.expires_ms, self.ctx.settings.on_uncertain, jitter);
        let (stage, code, reply) = match outcome {
            Outcome::Accepted { reply } => (None, Some(i64::from(reply.code)), reply.to_string()),
            Outcome::Refused { stage, reply, detail, .. } => (
                Some(stage.to_string()),
                reply.as_ref().map(|reply| i64::from(reply.code)),
                reply.as_ref().map_or_else(|| detail.clone(), ToString::to_string),
            ),
            Outcome::Uncertain { detail } => (Some(Stage::FinalDot.to_string()), None, detail.clone()),
        };
        Settled {
            id: claimed.id.clone(),
            token: claimed.token,
            attempt: claimed.attempt + 1,
            state: if claimed.expires_ms < now_ms && next.state != DeliveryState::Accepted {
                DeliveryState::Expired
            } else {
                next.state
            },
            due_ms: next.due_ms,
            counts: next.counts,
            accepted_ms: (next.state == DeliveryState::Accepted).then_some(now_ms),
            outcome: outcome.as_str(),
            stage,
            code,
            reply,
            ended_ms: now_ms,
        }
    }

    /// Records results that no following window recorded. They are kept until the database takes them.
    async fn settle_rest(&mut self) -> Result<()> {
        if self.unsettled.is_empty() {
            return Ok(());
        }
        let mut tx = self.ctx.db.begin().await?;
        let settled = settle(&mut tx, self.node, &self.unsettled).await?;
        tx.commit().await?;
        self.report_fenced(settled);
        self.unsettled.clear();
        self.ctx.wake.publish.notify_one();
        Ok(())
    }

    fn report_fenced(&self, settled: u64) {
        let sent = self.unsettled.len() as u64;
        if settled < sent {
            tracing::warn!(lost = sent - settled, "another node had taken over deliveries that we finished");
        }
    }

    async fn leave(&mut self) -> Result<()> {
        self.settle_rest().await?;
        let mut tx = self.ctx.db.begin().await?;
        queue::hand_back(&mut tx, self.node).await?;
        nodes::leave(&mut tx, self.node).await?;
        tx.commit().await
    }
}

async fn settle(tx: &mut crate::store::Tx, node: NodeId, results: &[Settled]) -> Result<u64> {
    if results.is_empty() { Ok(0) } else { queue::settle(tx, node, results).await }
}
