//! From the buffer into the database, many events a transaction, each judged with what is known of its message.
//!
//! A server that several nodes share takes several transactions at once, so that one is judged while another one waits for the disk.
//! What was done with one message goes by one lane: it is judged by what was done before.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, RwLock, oneshot, watch},
    task::JoinSet,
};

use super::{
    Recording,
    recent::Recent,
    spool::{Spool, replay},
    stay::is_a_machines,
    verdict,
};
use crate::{
    domain::{
        engagement::{Around, EventKind, Followed, Machines, Reason, Verdict},
        kernel::{Result, clock::UtcMs, id::DeliveryId},
    },
    store::{
        deliveries::{self, Origin},
        events::{self, Event, Spoiled},
        renditions,
    },
    work::{cache::Cache, context::Context, handoff},
};

/// Events written in one transaction.
const BATCH_MAX: usize = 1_000;
/// Events waiting at most; what comes beyond goes into the spool.
const BUFFER_MAX: usize = 20_000;
/// Transactions that a shared database is given at once.
const LANES: usize = 3;
/// What follows a failed write.
const AGAIN: Duration = Duration::from_secs(1);

/// Something that happened, not yet judged.
struct Seen {
    event: Event,
    written: oneshot::Sender<()>,
}

/// The buffer between requests and the database.
pub struct Tracker {
    lanes: Vec<Lane>,
    pub(super) links: Cache<Vec<renditions::Link>>,
    recent: Mutex<Recent>,
    pub(super) spool: Option<Spool>,
    /// Held by each who writes a batch; alone by who writes what was spooled, which is of any message.
    pub(super) writing: RwLock<()>,
    spooled: Notify,
}

/// What waits to be written one batch after the other.
#[derive(Default)]
struct Lane {
    waiting: Mutex<VecDeque<Seen>>,
    arrived: Notify,
}

impl Lane {
    fn take(&self) -> Vec<Seen> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(BATCH_MAX);
        waiting.drain(..count).collect()
    }

    fn put_back(&self, batch: Vec<Seen>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for seen in batch.into_iter().rev() {
            waiting.push_front(seen);
        }
    }
}

impl Tracker {
    /// One for a database that is shared by nodes (`is_shared`), or for one with a single writer.
    pub fn new(is_shared: bool) -> Self {
        let lanes = if is_shared { LANES } else { 1 };
        Self {
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            links: Cache::default(),
            recent: Mutex::default(),
            spool: None,
            writing: RwLock::default(),
            spooled: Notify::default(),
        }
    }

    /// The same, setting aside in `spool` what the database does not take in time.
    #[must_use]
    pub fn with(self, spool: Spool) -> Self {
        Self { spool: Some(spool), ..self }
    }

    /// Events not yet written.
    pub fn backlog(&self) -> usize {
        let waiting = |lane: &Lane| lane.waiting.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.lanes.iter().map(waiting).sum()
    }

    /// Takes up an event. It stays in no buffer beyond the limit: then the spool is its only place.
    pub(super) fn take_up(&self, event: Event) -> Recording {
        let (written, durable) = oneshot::channel();
        let lane = self.lane(&event);
        let mut waiting = lane.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = waiting.len() < BUFFER_MAX / self.lanes.len();
        if has_room {
            waiting.push_back(Seen { event: event.clone(), written });
        }
        drop(waiting);
        lane.arrived.notify_one();
        Recording { event, written: has_room.then_some(durable) }
    }

    /// By its message, or its own key where it is of none.
    fn lane(&self, event: &Event) -> &Lane {
        let key = event.delivery_id.as_ref().unwrap_or(&event.id);
        let sum: usize = key.bytes().map(usize::from).sum();
        &self.lanes[sum % self.lanes.len()]
    }

    /// Puts an event into the spool; where there is none, or it cannot be written, the log says so.
    pub(super) async fn set_aside(&self, event: &Event) {
        let set_aside = match &self.spool {
            Some(spool) => spool.append(event).await,
            None => Err("there is no spool".to_owned()),
        };
        match set_aside {
            Ok(()) => self.spooled.notify_one(),
            Err(error) => tracing::error!(error, kind = event.kind, "an event is in memory alone"),
        }
    }
}

/// Writes batches until `shutdown`, and what is left then: into the spool, if the database takes it no more. What is in the
/// spool, also from an earlier process, is written as soon as the database takes it.
pub async fn run(ctx: Arc<Context>, shutdown: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    for lane in 0..ctx.tracker.lanes.len() {
        running.spawn(write_lane(ctx.clone(), lane, shutdown.clone()));
    }
    running.spawn(write_spooled(ctx, shutdown));
    running.join_all().await;
}

async fn write_lane(ctx: Arc<Context>, lane: usize, mut shutdown: watch::Receiver<bool>) {
    let Some(lane) = ctx.tracker.lanes.get(lane) else { return };
    loop {
        match write_batch_of(&ctx, lane).await {
            Ok(0) if *shutdown.borrow() => return,
            Ok(0) => tokio::select! {
                () = lane.arrived.notified() => {}
                _ = shutdown.changed() => {}
            },
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = error.detail(), waiting = ctx.tracker.backlog(), "events wait");
                if *shutdown.borrow() {
                    ctx.tracker.set_all_aside(lane).await;
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn write_spooled(ctx: Arc<Context>, mut shutdown: watch::Receiver<bool>) {
    loop {
        let done = if ctx.tracker.has_spooled() { replay(&ctx).await } else { Ok(0) };
        match done {
            Ok(0) if *shutdown.borrow() => return,
            Ok(0) => tokio::select! {
                () = ctx.tracker.spooled.notified() => {}
                _ = shutdown.changed() => {}
            },
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = error.detail(), "events wait on disk");
                if *shutdown.borrow() {
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

impl Tracker {
    /// Whether the spool holds anything of ours.
    fn has_spooled(&self) -> bool {
        self.spool.as_ref().is_some_and(Spool::has_any)
    }

    /// Puts all that waits in a lane into the spool.
    async fn set_all_aside(&self, lane: &Lane) {
        loop {
            let batch = lane.take();
            if batch.is_empty() {
                return;
            }
            for seen in batch {
                self.set_aside(&seen.event).await;
            }
        }
    }
}

/// Writes one batch of each lane and returns how many events that were; on failure a batch waits again.
///
/// # Errors
/// Those of the store.
pub async fn write_batch(ctx: &Context) -> Result<usize> {
    let mut written = 0;
    for lane in &ctx.tracker.lanes {
        written += write_batch_of(ctx, lane).await?;
    }
    Ok(written)
}

async fn write_batch_of(ctx: &Context, lane: &Lane) -> Result<usize> {
    let _together = ctx.tracker.writing.read().await;
    let batch = lane.take();
    if batch.is_empty() {
        return Ok(0);
    }
    let (mut events, waiting): (Vec<Event>, Vec<oneshot::Sender<()>>) =
        batch.into_iter().map(|seen| (seen.event, seen.written)).unzip();
    match write(ctx, &mut events).await {
        Ok(()) => {
            for written in waiting {
                // Nobody waits any more when the reader was sent on.
                let _ = written.send(());
            }
            Ok(events.len())
        }
        Err(error) => {
            let seen = events.into_iter().zip(waiting).map(|(event, written)| Seen { event, written });
            lane.put_back(seen.collect());
            Err(error)
        }
    }
}

/// Judges and stores `batch` in one transaction; those that are there already stay as they are.
///
/// # Errors
/// Those of the store; then nothing is stored, and doing it again judges the same.
pub(super) async fn write(ctx: &Context, batch: &mut [Event]) -> Result<()> {
    let machines = ctx.machines();
    let mut tx = ctx.db.begin().await?;
    let ids: HashSet<&str> = batch.iter().filter_map(|event| event.delivery_id.as_deref()).collect();
    let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    let origins = if ids.is_empty() { Vec::new() } else { deliveries::origins(&mut tx, ids).await? };
    let origins: HashMap<&str, &Origin> = origins.iter().map(|it| (it.id.as_str(), it)).collect();
    let around = around(ctx, &machines, batch);
    let mut spoiled: HashMap<(String, Reason), (UtcMs, UtcMs)> = HashMap::new();
    for (event, around) in batch.iter_mut().zip(around) {
        let origin = event.delivery_id.as_deref().and_then(|id| origins.get(id).copied());
        let verdict = judge_event(event, origin, around, &machines);
        for (reason, span) in reach(event, around, &machines) {
            let Some(delivery) = &event.delivery_id else { continue };
            let all = spoiled.entry((delivery.clone(), reason)).or_insert(span);
            *all = (all.0.min(span.0), all.1.max(span.1));
        }
        if !is_a_machines(event) {
            event.judged(&verdict);
        }
    }
    events::insert(&mut tx, batch.to_vec()).await?;
    if !spoiled.is_empty() {
        let spoiled = spoiled.into_iter().map(|((delivery_id, reason), (since_ms, until_ms))| Spoiled {
            delivery_id,
            since_ms,
            until_ms,
            verdict: reason.into(),
        });
        events::spoil(&mut tx, spoiled.collect()).await?;
    }
    tx.commit().await?;
    for lead in late(batch, ctx.now_ms()) {
        // Where that fails the batch is written again, which changes nothing but this.
        handoff::told_later(ctx, lead).await?;
    }
    for event in batch {
        if let Some(kind) = EventKind::parse(&event.kind) {
            ctx.metrics.event(kind.as_str(), event.human);
        }
    }
    Ok(())
}

/// The leads of whom a person's deed is written so late that no look at what was done lately finds it.
fn late(batch: &[Event], now_ms: UtcMs) -> BTreeSet<&str> {
    let late = batch.iter().filter(|event| event.human && handoff::is_overlooked(event.at_ms, now_ms));
    late.filter_map(|event| event.lead_id.as_deref()).collect()
}

/// What else was done with each event's message. Every link of the batch is noted before any is judged, so that one batch
/// is judged like many.
fn around(ctx: &Context, machines: &Machines, batch: &[Event]) -> Vec<Around> {
    let keep_ms = 2 * i64::from(machines.thresholds().burst_ms);
    let messages: Vec<Option<DeliveryId>> = batch
        .iter()
        .map(|event| event.delivery_id.as_deref().and_then(|id| DeliveryId::parse(id).ok()))
        .collect();
    let mut recent = ctx.tracker.recent.lock().unwrap_or_else(PoisonError::into_inner);
    for (event, delivery) in batch.iter().zip(&messages) {
        if let (Some(delivery), Some(link_no)) = (delivery, event.link_no) {
            let followed = Followed { at_ms: event.at_ms, link_no, honeypot: event.honeypot };
            recent.note(*delivery, followed, keep_ms);
        }
    }
    let of = |(event, delivery): (&Event, &Option<DeliveryId>)| match delivery {
        Some(delivery) => Around::of(event.at_ms, recent.of(*delivery), machines),
        None => Around::default(),
    };
    batch.iter().zip(&messages).map(of).collect()
}

/// Judges with what is known of the delivery, and credits it.
fn judge_event(event: &mut Event, origin: Option<&Origin>, around: Around, machines: &Machines) -> Verdict {
    // What an erased person's old mail still leads to is nobody's.
    if origin.is_some_and(|origin| origin.is_erased) {
        (event.delivery_id, event.contact_id, event.lead_id) = (None, None, None);
    }
    // A link that was moved to another partner's page did not lead to it.
    let origin = origin.filter(|origin| {
        let is_theirs = event.partner_slug.is_empty() || event.partner_slug == origin.partner_slug;
        if !is_theirs {
            event.delivery_id = None;
        }
        is_theirs
    });
    if let Some(origin) = origin.filter(|origin| !origin.is_erased) {
        event.contact_id.clone_from(&origin.contact_id);
        if event.partner_slug.is_empty() {
            event.partner_slug.clone_from(&origin.partner_slug);
        }
        if event.kind == EventKind::Click.as_str() && event.lead_id.is_none() {
            event.lead_id.clone_from(&origin.lead_id);
        }
    }
    let trapped = origin.and_then(|origin| origin.trapped_ms).map(|at_ms| (at_ms - event.at_ms).abs());
    let near_ms = i64::from(machines.thresholds().honeypot_ms);
    let around =
        Around { honeypot: around.honeypot || trapped.is_some_and(|away_ms| away_ms <= near_ms), ..around };
    verdict(event, origin.map(|origin| (origin.accepted_ms, origin.is_test)), around, machines)
}

/// The spans in which an event also makes machines of what was done with the same message before, each with how that is
/// known then.
fn reach(event: &Event, around: Around, machines: &Machines) -> Vec<(Reason, (UtcMs, UtcMs))> {
    let (thresholds, at_ms) = (machines.thresholds(), event.at_ms);
    let mut spans = Vec::new();
    if event.honeypot {
        let near_ms = i64::from(thresholds.honeypot_ms);
        spans.push((Reason::NearHoneypot, (at_ms - near_ms, at_ms + near_ms)));
    }
    if event.link_no.is_some() && around.links >= thresholds.burst_links {
        spans.push((Reason::Burst, (at_ms - i64::from(thresholds.burst_ms), at_ms)));
    }
    spans
}
