//! The delivery loop: claim, mark a window as sending, send, settle.
//!
//! One transaction records the results of window k-1 and marks window k as sending; the network is used between
//! transactions only. After a crash the rows marked sending are exactly those that may have left.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{cache::Cache, context::Context, tokens::MailToken};
use crate::{
    channel::smtp::{Mail, SmtpChannel},
    domain::{
        delivery::{DeliveryState, Outcome, Stage, Trouble, backoff},
        kernel::{
            Kind, Result,
            clock::UtcMs,
            id::{DeliveryId, NodeId},
            token::Purpose,
        },
        partner::contact::first_name,
    },
    render::{
        SlotValues,
        email::{Recipient, WireTemplate},
    },
    store::{
        deliveries::{self, Claimed, Settled},
        nodes, renditions,
    },
};

/// How often a node says that it is alive (machine time).
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A node that could not say so for this long starts no window.
const STALE_AFTER_MS: i64 = 30_000;
/// A node that was not heard of for this long is taken over.
const DEAD_AFTER_MS: i64 = 60_000;
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
/// Encoded renditions kept in memory.
const WIRES_MAX: usize = 256;

/// An encoded rendition and its envelope sender.
struct Wire {
    template: WireTemplate,
    sender: String,
}

/// One worker. Run one a process; it spreads a window over several connections.
pub struct Deliverer {
    ctx: Arc<Context>,
    channel: SmtpChannel,
    node: NodeId,
    last_beat_ms: Arc<AtomicI64>,
    wires: Cache<Wire>,
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
        Self {
            ctx,
            channel,
            node,
            last_beat_ms,
            wires: Cache::new(WIRES_MAX),
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
        let claimed = deliveries::claim(&mut tx, self.node, self.ctx.now_ms(), limit).await?;
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
            deliveries::hand_back(&mut tx, self.node).await?;
            tx.commit().await?;
        }
        Ok(count)
    }

    /// How long nothing is due, at most [`POLL`]: other nodes and people may add to the queue meanwhile.
    async fn rest(&self) -> Duration {
        let next_due_ms = deliveries::next_due_ms(&self.ctx.db).await.ok().flatten();
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
        let started = deliveries::start_window(&mut tx, window).await?;
        tx.commit().await?;
        self.report_fenced(settled);
        self.unsettled.clear();
        let leaving: Vec<&Claimed> = window.iter().filter(|claimed| started.contains(&claimed.id)).collect();
        let (mut mails, mut sent) = (Vec::new(), Vec::new());
        for claimed in leaving {
            match self.prepare(claimed).await {
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

    /// Writes the recipient's message. A fault here is ours and costs this message only.
    async fn prepare(&mut self, claimed: &Claimed) -> Result<Mail, Outcome> {
        let ours = |detail: String| Outcome::Refused {
            stage: Stage::Connect,
            trouble: Trouble::Protocol,
            reply: None,
            detail,
        };
        if claimed.expires_ms < self.ctx.now_ms() {
            return Err(ours("its time passed before it could leave".to_owned()));
        }
        let wire = match self.wires.get(&claimed.rendition_id) {
            Some(wire) => wire,
            None => self.load_wire(&claimed.rendition_id).await.map_err(|error| match error.kind() {
                // Nothing is wrong with the message: the database did not answer.
                Kind::Unavailable => Outcome::host(Stage::Connect, error.detail()),
                _ => ours(error.detail()),
            })?,
        };
        let token = DeliveryId::parse(&claimed.id)
            .and_then(|id| MailToken::new(id, &claimed.rendition_id))
            .map_err(|error| ours(error.detail()))?;
        let keys = &self.ctx.keys;
        let recipient = Recipient {
            to_name: &claimed.recipient_name,
            to_email: &claimed.email,
            message_id: &claimed.message_id,
            date_ms: claimed.promised_ms,
            values: SlotValues {
                first_name: first_name(&claimed.recipient_name),
                full_name: &claimed.recipient_name,
                base_url: &self.ctx.settings.public_url,
                click_token: &token.sign(keys, Purpose::Click),
                preferences_token: &token.sign(keys, Purpose::Preferences),
            },
        };
        let mut bytes = Vec::new();
        // A panic while writing one message must not stop the others.
        let filled = catch_unwind(AssertUnwindSafe(|| wire.template.fill(&recipient, &mut bytes)));
        match filled {
            Ok(Ok(())) => {
                Ok(Mail { envelope_from: wire.sender.clone(), envelope_to: claimed.email.clone(), bytes })
            }
            Ok(Err(error)) => Err(ours(error.detail())),
            Err(_) => Err(ours("the message could not be written".to_owned())),
        }
    }

    async fn load_wire(&self, rendition_id: &str) -> Result<Arc<Wire>> {
        let stored = renditions::wire(&self.ctx.db, rendition_id).await?;
        let stored = stored
            .ok_or_else(|| crate::domain::kernel::Error::not_found(format!("rendition {rendition_id}")))?;
        let wire = Wire { template: WireTemplate::from_text(&stored.wire)?, sender: stored.sender };
        Ok(self.wires.put(rendition_id, wire))
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
        deliveries::hand_back(&mut tx, self.node).await?;
        nodes::leave(&mut tx, self.node).await?;
        tx.commit().await
    }
}

async fn settle(tx: &mut crate::store::Tx, node: NodeId, results: &[Settled]) -> Result<u64> {
    if results.is_empty() { Ok(0) } else { deliveries::settle(tx, node, results).await }
}

async fn beat(ctx: &Context, node: NodeId, last_beat_ms: &AtomicI64) -> Result<()> {
    let machine_ms = ctx.clock.machine_ms();
    let mut tx = ctx.db.begin().await?;
    nodes::beat(&mut tx, node, machine_ms).await?;
    tx.commit().await?;
    last_beat_ms.store(machine_ms, Ordering::Relaxed);
    Ok(())
}

/// Says that the node is alive, and takes over those that are not.
async fn beat_forever(ctx: Arc<Context>, node: NodeId, last_beat_ms: Arc<AtomicI64>) {
    loop {
        let beaten = async {
            beat(&ctx, node, &last_beat_ms).await?;
            if ctx.db.is_shared() {
                reap(&ctx, node, ctx.clock.machine_ms() - DEAD_AFTER_MS, false).await?;
            }
            Ok::<_, crate::domain::kernel::Error>(())
        };
        if let Err(error) = beaten.await {
            tracing::warn!(error = error.detail(), "no heartbeat: the database does not answer");
        }
        ctx.wake.deliver.notify_one();
        tokio::time::sleep(HEARTBEAT).await;
    }
}

async fn reap(ctx: &Context, node: NodeId, alive_since_ms: UtcMs, own: bool) -> Result<()> {
    let hold = ctx.settings.on_uncertain == backoff::OnUncertain::Hold;
    let mut tx = ctx.db.begin().await?;
    let reaped = deliveries::reap(&mut tx, node, alive_since_ms, ctx.now_ms(), hold, own).await?;
    tx.commit().await?;
    if reaped.all > 0 {
        tracing::warn!(
            deliveries = reaped.all,
            may_repeat = reaped.uncertain,
            "took over deliveries of a process that is gone"
        );
        ctx.wake.deliver.notify_one();
    }
    Ok(())
}
