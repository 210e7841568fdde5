//! Clicks, page views and downloads: judged, batched, durable.
//!
//! A click's target comes from the stored links. The reader is sent on as soon as the click is durable, and after
//! [`PATIENCE`] in any case: the reader comes first, the event stays in the buffer until the database takes it.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, oneshot, watch};

use super::{cache::Cache, context::Context, tokens::MailToken};
use crate::{
    domain::{
        engagement::{EventKind, Evidence, Verdict, judge, verdict::BURST_LINKS},
        kernel::{
            Error, Result,
            clock::UtcMs,
            id::{DeliveryId, EventId, LeadId},
            token::Purpose,
        },
    },
    store::{
        deliveries,
        events::{self, Event},
        renditions,
    },
};

/// Longest time a reader waits for a click to be durable.
const PATIENCE: Duration = Duration::from_millis(250);
/// Events written in one transaction.
const BATCH_MAX: usize = 200;
/// Events waiting at most; beyond that clicks wait in line and page views are dropped with a warning.
const BUFFER_MAX: usize = 20_000;
/// Clicks so close together count as a burst.
const BURST_MS: i64 = 2_000;
/// Recent clicks remembered for bursts.
const RECENT_MAX: usize = 10_000;
/// Longest user agent kept, in characters.
const AGENT_CHARS_MAX: usize = 200;

/// Who asks, as far as a request tells.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// HTTP method.
    pub method: String,
    /// User agent.
    pub agent: String,
    /// Network, truncated to /24 or /48.
    pub network: String,
    /// Whether a browser says that it only prefetches.
    pub prefetch: bool,
}

/// Something that happened, not yet judged.
struct Seen {
    event: Event,
    prefetch: bool,
    durable: Option<oneshot::Sender<()>>,
}

/// The buffer between requests and the database.
#[derive(Default)]
pub struct Tracker {
    waiting: Mutex<VecDeque<Seen>>,
    arrived: Notify,
    links: Cache<Vec<renditions::Link>>,
    recent: Mutex<VecDeque<(UtcMs, String, i64)>>,
}

impl Tracker {
    /// Events not yet written.
    pub fn backlog(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn push(&self, seen: Seen) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= BUFFER_MAX && seen.durable.is_none() {
            return false;
        }
        waiting.push_back(seen);
        drop(waiting);
        self.arrived.notify_one();
        true
    }

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

    /// Distinct links of `delivery` followed within the last two seconds, this one included.
    fn burst(&self, delivery: &str, link_no: i64, at_ms: UtcMs) -> u32 {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_back((at_ms, delivery.to_owned(), link_no));
        while recent.len() > RECENT_MAX || recent.front().is_some_and(|(at, _, _)| at + BURST_MS < at_ms) {
            recent.pop_front();
        }
        let distinct: HashSet<i64> =
            recent.iter().filter(|(_, other, _)| other == delivery).map(|(_, _, no)| *no).collect();
        u32::try_from(distinct.len()).unwrap_or(u32::MAX)
    }
}

/// Follows a tracked link: records the click and returns where it leads. Our own pages are told which delivery led
/// there (`via`), so that what happens on them can be credited.
///
/// # Errors
/// `NotFound` for a token we did not sign or a link that the rendition does not have.
pub async fn click(ctx: &Context, token: &str, link_no: i64, visitor: &Visitor) -> Result<String> {
    let mail = MailToken::verify(&ctx.keys, Purpose::Click, token)?;
    let rendition_id = mail.rendition_id();
    let links = match ctx.tracker.links.get(&rendition_id) {
        Some(links) => links,
        None => {
            let links = renditions::links(&ctx.db, &rendition_id).await?;
            ctx.tracker.links.put(&rendition_id, links)
        }
    };
    let link = links
        .iter()
        .find(|link| link.no == link_no)
        .ok_or_else(|| Error::not_found("the target of this link"))?;
    let (done, durable) = oneshot::channel();
    let mut event = blank(ctx, EventKind::Click, visitor);
    event.delivery_id = Some(mail.delivery.to_string());
    event.link_no = Some(link_no);
    event.asset.clone_from(&link.asset);
    ctx.tracker.push(Seen { event, prefetch: visitor.prefetch, durable: Some(done) });
    if tokio::time::timeout(PATIENCE, durable).await.is_err() {
        tracing::warn!("a click waits for the database; its reader was sent on");
    }
    Ok(with_via(&link.target, &mail.sign(&ctx.keys, Purpose::Via)))
}

/// Our own pages get a token that names the mail, and opens nothing; others' addresses stay as they are.
fn with_via(target: &str, token: &str) -> String {
    // Our own pages are stored as paths, so that moving to another address breaks no link already sent.
    if !target.starts_with("/p/") {
        return target.to_owned();
    }
    let joint = if target.contains('?') { '&' } else { '?' };
    format!("{target}{joint}via={token}")
}

/// The delivery that a `via` parameter names, if we signed it.
pub fn via(ctx: &Context, token: &str) -> Option<DeliveryId> {
    MailToken::verify(&ctx.keys, Purpose::Via, token).ok().map(|mail| mail.delivery)
}

/// What happened on one of our pages.
#[derive(Debug, Clone)]
pub struct OnPage<'a> {
    /// What it was.
    pub kind: EventKind,
    /// Whose page.
    pub partner: &'a str,
    /// Which asset.
    pub asset: &'a str,
    /// The revision that the file was made of, by hash; of downloads alone.
    pub revision: Option<&'a str>,
    /// The delivery that led here.
    pub via: Option<DeliveryId>,
    /// The lead, where we know them.
    pub lead: Option<LeadId>,
}

/// Records a page view or a download without waiting.
pub fn on_page(ctx: &Context, what: &OnPage<'_>, visitor: &Visitor) {
    let mut event = blank(ctx, what.kind, visitor);
    event.partner_slug = what.partner.to_owned();
    event.asset = Some(what.asset.to_owned());
    event.revision = what.revision.map(str::to_owned);
    event.delivery_id = what.via.map(|id| id.to_string());
    event.lead_id = what.lead.map(|id| id.to_string());
    if !ctx.tracker.push(Seen { event, prefetch: visitor.prefetch, durable: None }) {
        tracing::warn!("a page view was dropped: too many events wait for the database");
    }
}

/// An event of now by `visitor`, not yet judged.
pub(super) fn blank(ctx: &Context, kind: EventKind, visitor: &Visitor) -> Event {
    let at_ms = ctx.now_ms();
    Event {
        id: EventId::new(at_ms, &*ctx.random).to_string(),
        kind: kind.as_str().to_owned(),
        at_ms,
        delivery_id: None,
        contact_id: None,
        lead_id: None,
        partner_slug: String::new(),
        asset: None,
        revision: None,
        link_no: None,
        method: visitor.method.clone(),
        agent: visitor.agent.chars().take(AGENT_CHARS_MAX).collect(),
        network: visitor.network.clone(),
        human: true,
        verdict: String::new(),
    }
}

/// Judges by what the request alone tells.
pub(super) fn judge_request(event: &mut Event, prefetch: bool) -> Verdict {
    let verdict = judge(&Evidence {
        method: &event.method,
        user_agent: Some(&event.agent),
        purpose: prefetch.then_some("prefetch"),
        ..Evidence::default()
    });
    event.human = verdict.human;
    verdict.sentence.clone_into(&mut event.verdict);
    verdict
}

/// Writes batches until `shutdown`, and what is left then.
pub async fn run(ctx: Arc<Context>, mut shutdown: watch::Receiver<bool>) {
    loop {
        match write_batch(&ctx).await {
            Ok(0) if *shutdown.borrow() => return,
            Ok(0) => tokio::select! {
                () = ctx.tracker.arrived.notified() => {}
                _ = shutdown.changed() => {}
            },
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = error.detail(), waiting = ctx.tracker.backlog(), "events wait");
                if *shutdown.borrow() {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Writes one batch and returns its size; on failure the batch waits again.
///
/// # Errors
/// Those of the store.
pub async fn write_batch(ctx: &Context) -> Result<usize> {
    let mut batch = ctx.tracker.take();
    if batch.is_empty() {
        return Ok(0);
    }
    let written = write(ctx, &mut batch).await;
    match written {
        Ok(()) => {
            let count = batch.len();
            for seen in &batch {
                if let Some(kind) = EventKind::parse(&seen.event.kind) {
                    ctx.metrics.event(kind.as_str(), seen.event.human);
                }
            }
            for durable in batch.into_iter().filter_map(|seen| seen.durable) {
                // Nobody waits any more when the reader was sent on.
                let _ = durable.send(());
            }
            Ok(count)
        }
        Err(error) => {
            ctx.tracker.put_back(batch);
            Err(error)
        }
    }
}

async fn write(ctx: &Context, batch: &mut [Seen]) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    let ids: HashSet<&str> = batch.iter().filter_map(|seen| seen.event.delivery_id.as_deref()).collect();
    let origins = deliveries::origins(&mut tx, ids.into_iter().map(str::to_owned).collect()).await?;
    let origins: HashMap<&str, &deliveries::Origin> =
        origins.iter().map(|origin| (origin.id.as_str(), origin)).collect();
    let mut bursts: HashSet<String> = HashSet::new();
    for seen in batch.iter_mut() {
        let origin = seen.event.delivery_id.as_deref().and_then(|id| origins.get(id).copied());
        if judge_seen(ctx, seen, origin) {
            bursts.extend(seen.event.delivery_id.clone());
        }
    }
    events::insert(&mut tx, batch.iter().map(|seen| seen.event.clone()).collect()).await?;
    for delivery in bursts {
        events::judge_burst(&mut tx, &delivery, ctx.now_ms() - BURST_MS).await?;
    }
    tx.commit().await
}

/// Judges with what is known of the delivery. Returns whether it completes a burst, which also makes machines of
/// the clicks just before it.
fn judge_seen(ctx: &Context, seen: &mut Seen, origin: Option<&deliveries::Origin>) -> bool {
    let is_click = seen.event.kind == EventKind::Click.as_str();
    if let Some(origin) = origin {
        seen.event.contact_id.clone_from(&origin.contact_id);
        if seen.event.partner_slug.is_empty() {
            seen.event.partner_slug.clone_from(&origin.partner_slug);
        }
        if is_click && seen.event.lead_id.is_none() {
            seen.event.lead_id.clone_from(&origin.lead_id);
        }
    }
    let distinct = match (&seen.event.delivery_id, seen.event.link_no) {
        (Some(delivery), Some(no)) if is_click => ctx.tracker.burst(delivery, no, seen.event.at_ms),
        _ => 0,
    };
    let verdict = judge(&Evidence {
        method: &seen.event.method,
        user_agent: Some(&seen.event.agent),
        purpose: seen.prefetch.then_some("prefetch"),
        since_accepted_ms: origin
            .filter(|_| is_click)
            .and_then(|origin| origin.accepted_ms)
            .map(|accepted_ms| seen.event.at_ms - accepted_ms),
        distinct_links_last_2s: distinct,
        is_test: origin.is_some_and(|origin| origin.is_test),
        ..Evidence::default()
    });
    seen.event.human = verdict.human;
    verdict.sentence.clone_into(&mut seen.event.verdict);
    distinct >= BURST_LINKS
}
