//! This process as a node: its heartbeat, and taking over what nodes that are gone left behind.
//!
//! A node is alive while its count goes on, as each other node's own clock sees it; clocks are never compared.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::{
    domain::{
        delivery::backoff::OnUncertain,
        kernel::{Result, clock::UtcMs, id::NodeId},
    },
    store::{
        Tx, inspect,
        nodes::{self, Pulse, RelayFault},
        takeover::{self, Reaped},
    },
    work::context::Context,
};

/// How often a node says that it is alive (machine time).
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Heartbeats between two looks at rows whose node nobody knows.
const REAP_EVERY: u64 = 30;
/// A node that could not say so for this long starts nothing.
const STALE_AFTER_MS: i64 = 30_000;
/// Heartbeats between two looks at the database's clock.
const CLOCK_EVERY: u64 = 6;
/// A clock that is further from the database's lets mail leave early or late.
const CLOCK_APART_MS: i64 = 60_000;
/// A node that did not count on for this long is taken over.
const DEAD_AFTER_MS: i64 = 60_000;

/// Whether this node may believe that what it holds is still its own.
pub(super) struct Life {
    node: NodeId,
    last_beat_ms: AtomicI64,
    /// The others forgot us while we stood still: what we held is theirs.
    forgotten: AtomicBool,
    /// Relays that cannot be talked to, and whether the last heartbeat said so.
    relay_faults: Mutex<(Vec<RelayFault>, bool)>,
}

impl Life {
    pub(super) fn new(node: NodeId) -> Self {
        Self {
            node,
            last_beat_ms: AtomicI64::new(i64::MIN / 2),
            forgotten: AtomicBool::new(false),
            relay_faults: Mutex::new((Vec::new(), true)),
        }
    }

    /// Whether the last heartbeat is recent enough at machine time `machine_ms`.
    pub(super) fn is_fresh(&self, machine_ms: UtcMs) -> bool {
        machine_ms - self.last_beat_ms.load(Ordering::Relaxed) <= STALE_AFTER_MS
            && !self.forgotten.load(Ordering::SeqCst)
    }

    /// Whether the others forgot us since [`Self::begin_anew`].
    pub(super) fn was_forgotten(&self) -> bool {
        self.forgotten.load(Ordering::SeqCst)
    }

    /// What was ours is out of our hands: from now on we may begin again.
    pub(super) fn begin_anew(&self) {
        self.forgotten.store(false, Ordering::SeqCst);
    }

    /// Has the next heartbeat say which relays cannot be talked to. True if that is news.
    pub(super) fn note_relay_faults(&self, faults: Vec<RelayFault>) -> bool {
        let mut noted = self.relay_faults.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = noted.0 != faults;
        if is_news {
            *noted = (faults, false);
        }
        is_news
    }

    /// What the next heartbeat has to say of relays, if that is news.
    fn relay_news(&self) -> Option<Vec<RelayFault>> {
        let noted = self.relay_faults.lock().unwrap_or_else(PoisonError::into_inner);
        (!noted.1).then(|| noted.0.clone())
    }

    /// Says that we are alive.
    pub(super) async fn beat(&self, ctx: &Context) -> Result<()> {
        // Before asking: what counts is how old the answer may be.
        let machine_ms = ctx.clock.machine_ms();
        // Also before asking: the first two beats may run side by side.
        let is_first = self.last_beat_ms.load(Ordering::Relaxed) < 0;
        let mut tx = ctx.db.begin().await?;
        let beats = nodes::beat(&mut tx, self.node, machine_ms).await?;
        let news = self.relay_news();
        if let Some(faults) = &news {
            nodes::note_relay_faults(&mut tx, self.node, faults).await?;
        }
        tx.commit().await?;
        if let Some(faults) = news {
            let mut noted = self.relay_faults.lock().unwrap_or_else(PoisonError::into_inner);
            noted.1 |= noted.0 == faults;
        }
        // A SQLite file has one process, which nobody else forgets.
        if beats == 0 && !is_first && ctx.db.is_shared() {
            self.forgotten.store(true, Ordering::SeqCst);
        }
        self.last_beat_ms.store(machine_ms, Ordering::Relaxed);
        Ok(())
    }
}

/// The other nodes' counts, and since when each has been seen.
#[derive(Default)]
pub(super) struct Watch {
    seen: HashMap<String, (i64, i64)>,
    looks: u64,
    /// When it was looked last, awake.
    looked_ms: Option<i64>,
    /// Whether our clock was far from the database's when it was looked last.
    is_apart: bool,
}

impl Watch {
    /// Nodes that have not counted on for [`DEAD_AFTER_MS`] during which we were awake and could look. While the
    /// database was away nobody could count on: after such a gap everybody gets their time anew.
    fn dead(&mut self, pulses: Vec<Pulse>, me: NodeId, awake_ms: i64) -> Vec<Pulse> {
        let me = me.to_string();
        if self.looked_ms.replace(awake_ms).is_none_or(|looked_ms| awake_ms - looked_ms > STALE_AFTER_MS) {
            self.seen.clear();
        }
        self.seen.retain(|id, _| pulses.iter().any(|pulse| pulse.id == *id));
        let is_dead = |pulse: &Pulse| {
            let seen = self.seen.entry(pulse.id.clone()).or_insert((pulse.beats, awake_ms));
            if seen.0 != pulse.beats {
                *seen = (pulse.beats, awake_ms);
            }
            pulse.id != me && awake_ms - seen.1 >= DEAD_AFTER_MS
        };
        pulses.into_iter().filter(is_dead).collect()
    }
}

impl Watch {
    /// Says once when the clock by which this node lets mail leave is `ahead_ms` ahead of the one that all nodes share, or
    /// behind it, and when it no longer is.
    fn compare(&mut self, ahead_ms: i64) {
        let is_apart = ahead_ms.abs() > CLOCK_APART_MS;
        let seconds = ahead_ms.abs() / 1_000;
        match (is_apart, self.is_apart) {
            (true, false) if ahead_ms > 0 => tracing::error!(
                seconds,
                "this machine's clock is ahead of the database's, and mail leaves early by as much: set it, and let NTP keep it"
            ),
            (true, false) => tracing::error!(
                seconds,
                "this machine's clock is behind the database's, and mail leaves late by as much: set it, and let NTP keep it"
            ),
            (false, true) => tracing::info!("this machine's clock is near the database's again"),
            _ => {}
        }
        self.is_apart = is_apart;
    }
}

/// Says that the node is alive, and takes over those that are not.
pub(super) async fn beat_forever(ctx: Arc<Context>, life: Arc<Life>) {
    let mut watch = Watch::default();
    loop {
        if let Err(error) = beat_once(&ctx, &life, &mut watch).await {
            tracing::warn!(error = error.detail(), "no heartbeat: the database does not answer");
        }
        ctx.wake.deliver.notify_one();
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = ctx.wake.heart.notified() => {}
        }
    }
}

/// One heartbeat, and a look at the others.
pub(super) async fn beat_once(ctx: &Context, life: &Life, watch: &mut Watch) -> Result<()> {
    life.beat(ctx).await?;
    if !ctx.db.is_shared() {
        return Ok(());
    }
    // Awake, because a wall clock that is set forward is no time that the others had.
    let dead = watch.dead(nodes::pulses(&ctx.db).await?, life.node, ctx.clock.awake_ms());
    if watch.looks.is_multiple_of(CLOCK_EVERY) {
        let ahead_ms = ctx.clock.wall_ms() - inspect::server(&ctx.db).await?.now_ms;
        watch.compare(ahead_ms);
    }
    watch.looks += 1;
    // Now and then also without a dead node: one that was forgotten may have left something behind afterwards.
    if dead.is_empty() && !watch.looks.is_multiple_of(REAP_EVERY) {
        return Ok(());
    }
    let mut tx = ctx.db.begin().await?;
    for pulse in &dead {
        nodes::forget(&mut tx, pulse).await?;
    }
    let reaped = take_over(ctx, &mut tx, life.node).await?;
    tx.commit().await?;
    tell(ctx, reaped);
    Ok(())
}

/// Takes over what processes that are gone left behind, within `tx`.
pub(super) async fn take_over(ctx: &Context, tx: &mut Tx, node: NodeId) -> Result<Reaped> {
    let hold = ctx.settings.on_uncertain == OnUncertain::Hold;
    takeover::reap(tx, node, ctx.now_ms(), hold).await
}

/// Tells what was taken over.
pub(super) fn tell(ctx: &Context, reaped: Reaped) {
    if reaped.all > 0 {
        ctx.metrics.taken_over(reaped.all);
        tracing::warn!(
            deliveries = reaped.all,
            may_repeat = reaped.uncertain,
            "took over deliveries of a process that is gone"
        );
        ctx.wake.deliver.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::random::SeededRandom;

    #[test]
    fn a_node_is_dead_when_its_count_stands_still_by_our_own_clock() {
        let random = SeededRandom::new(1);
        let (me, other) = (NodeId::new(0, &random), NodeId::new(0, &random));
        let pulses =
            |beats| vec![Pulse { id: me.to_string(), beats: 0 }, Pulse { id: other.to_string(), beats }];
        let mut watch = Watch::default();
        let mut look = |beats, second: i64| watch.dead(pulses(beats), me, 1_000_000 + second * 1_000);
        assert!(look(5, 0).is_empty(), "a stranger gets its time");
        assert!(look(5, 29).is_empty() && look(6, 59).is_empty(), "it counts on");
        assert!(look(6, 88).is_empty() && look(6, 117).is_empty() && look(6, 118).is_empty());
        assert_eq!(look(6, 119), [Pulse { id: other.to_string(), beats: 6 }]);
        assert!(look(7, 120).is_empty(), "it woke up");
        assert!(look(7, 149).is_empty(), "and stands still again");
        assert!(look(7, 260).is_empty(), "for two minutes nobody could look, nor count on");
        assert!(look(7, 289).is_empty() && look(7, 318).is_empty());
        assert_eq!(look(7, 320).len(), 1, "now it had its time");
    }
}
