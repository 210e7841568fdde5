//! Judging anew who did what is kept, when the rules about people and machines have changed.
//!
//! A page of events at a time, in the order of their keys, each in a transaction of its own that says how far it has come:
//! a process that ends goes on from there, and of several nodes one takes each page.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use tokio::sync::watch;

use super::{Context, scoring, track};
use crate::{
    domain::{
        engagement::{Around, EventKind, Followed, Machines, Reason},
        kernel::Result,
        lead::LeadStage,
    },
    store::{
        events::Event,
        intakes,
        judgements::{self, Progress, Rejudged, Sent},
        leads,
    },
};

/// How often it is looked whether the rules have changed.
const LOOK: Duration = Duration::from_secs(2);
/// Leads whose scores are brought up to date at once, at most; pages reckon anew for each look anyway, and whoever may qualify is due.
const LEADS_MAX: usize = 10_000;

/// What judging anew changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Events looked at.
    pub looked: u64,
    /// Events judged differently.
    pub changed: u64,
    /// The same by kind and reasons.
    pub changes: Vec<Change>,
    /// Leads of whom something is judged differently.
    pub leads: usize,
}

/// Events of one kind that are judged differently in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `engagement::EventKind`'s word.
    pub kind: String,
    /// The reason before, `engagement::Reason`'s word.
    pub was: String,
    /// The reason now.
    pub now: String,
    /// How many.
    pub events: u64,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    looked: u64,
    changes: BTreeMap<(String, String, String), u64>,
    leads: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, page: &Page) {
        self.looked += page.looked;
        for (kind, changed) in &page.changed {
            let now = changed.verdict.reason.as_str().to_owned();
            *self.changes.entry((kind.clone(), changed.was.clone(), now)).or_default() += 1;
        }
        for lead in &page.leads {
            if self.leads.len() < LEADS_MAX {
                self.leads.insert(lead.clone());
            }
        }
    }

    fn told(self) -> Told {
        let changes = self.changes.into_iter();
        let changes: Vec<Change> =
            changes.map(|((kind, was, now), events)| Change { kind, was, now, events }).collect();
        let changed = changes.iter().map(|change| change.events).sum();
        Told { looked: self.looked, changed, changes, leads: self.leads.len() }
    }
}

/// A page of events, judged anew.
struct Page {
    looked: u64,
    last: String,
    changed: Vec<(String, Rejudged)>,
    leads: BTreeSet<String>,
}

/// What the rules as last synced would change; changes nothing.
///
/// # Errors
/// Those of the store.
pub async fn preview(ctx: &Context) -> Result<Told> {
    let machines = ctx.machines();
    let (mut found, mut after) = (Found::default(), String::new());
    while let Some(page) = page(ctx, &machines, &after).await? {
        found.add(&page);
        after = page.last;
    }
    Ok(found.told())
}

/// Judges everything anew by the rules as last synced, from the beginning.
///
/// # Errors
/// Those of the store; what was judged stays so, and the rest is judged the next time.
pub async fn all(ctx: &Context) -> Result<Told> {
    let mut tx = ctx.db.begin().await?;
    judgements::begin(&mut tx, ctx.machines().version()).await?;
    tx.commit().await?;
    go_on(ctx).await
}

/// Judges anew whenever the rules have changed, until `shutdown`.
pub async fn run(ctx: Arc<Context>, mut shutdown: watch::Receiver<bool>) {
    // A node asks once for each of its own changes: two with different programs must not undo each other's for ever.
    let mut asked = String::new();
    while !*shutdown.borrow() {
        let version = ctx.machines().version().to_owned();
        if version != asked && ctx.library().vendor.is_some() {
            match tokio::select! {
                done = if_changed(&ctx) => done,
                _ = shutdown.changed() => return,
            } {
                Ok(told) => {
                    asked = version;
                    if told.changed > 0 {
                        let Told { looked, changed, leads, .. } = told;
                        tracing::info!(
                            looked,
                            changed,
                            leads,
                            "engagement judged anew: its rules have changed"
                        );
                    }
                }
                Err(error) => tracing::error!(error = error.detail(), "engagement is not judged anew yet"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = shutdown.changed() => return,
        }
    }
}

/// Judges everything anew if it was judged by other rules, or not to the end.
///
/// # Errors
/// As [`all`].
pub async fn if_changed(ctx: &Context) -> Result<Told> {
    match judgements::progress(&ctx.db).await? {
        Some(progress) if progress.version == ctx.machines().version() => go_on(ctx).await,
        _ => all(ctx).await,
    }
}

async fn go_on(ctx: &Context) -> Result<Told> {
    let machines = ctx.machines();
    let mut found = Found::default();
    loop {
        let progress = judgements::progress(&ctx.db).await?;
        let Some(progress) = progress.filter(|it| it.version == machines.version() && !it.done) else {
            break;
        };
        let page = page(ctx, &machines, &progress.after_id).await?;
        if step(ctx, &progress, page.as_ref()).await?
            && let Some(page) = page
        {
            found.add(&page);
        }
    }
    for lead in &found.leads {
        // One that cannot be assessed keeps nobody else's score as it was.
        if let Err(error) = rescore(ctx, lead).await {
            tracing::error!(lead, error = error.detail(), "a lead is not scored anew");
        }
    }
    Ok(found.told())
}

/// Stores a page's judgements, or that there is none; false if another node did. Whoever may qualify by them is due from then on,
/// whatever becomes of this process: they did so long ago, and no look at what was done lately finds them.
async fn step(ctx: &Context, progress: &Progress, page: Option<&Page>) -> Result<bool> {
    let last = page.map_or(progress.after_id.as_str(), |page| page.last.as_str());
    let mut due = Vec::new();
    for lead in page.iter().flat_map(|page| &page.leads) {
        let stage = leads::lead(&ctx.db, lead).await?.and_then(|lead| LeadStage::parse(&lead.stage));
        if stage.is_some_and(LeadStage::is_in_nurture) {
            due.push(lead);
        }
    }
    let mut tx = ctx.db.begin().await?;
    if !judgements::advance(&mut tx, progress, last, page.is_none()).await? {
        return Ok(false);
    }
    let changed: Vec<Rejudged> =
        page.iter().flat_map(|page| page.changed.iter()).map(|it| it.1.clone()).collect();
    if !changed.is_empty() {
        judgements::store(&mut tx, changed).await?;
    }
    for lead in due {
        intakes::due_now(&mut tx, lead, false, ctx.now_ms()).await?;
    }
    tx.commit().await?;
    Ok(true)
}

async fn rescore(ctx: &Context, lead_id: &str) -> Result<()> {
    let Some(lead) = leads::lead(&ctx.db, lead_id).await? else { return Ok(()) };
    let standing = scoring::assess(ctx, &lead, None).await?;
    let (score, fit) = (i64::from(standing.score.points), standing.fit.grade.as_str());
    let mut tx = ctx.db.begin().await?;
    judgements::rescore(&mut tx, lead_id, score, fit, &standing.because).await?;
    tx.commit().await
}

async fn page(ctx: &Context, machines: &Machines, after: &str) -> Result<Option<Page>> {
    let events = judgements::page(&ctx.db, after).await?;
    let Some(last) = events.last().map(|event| event.id.clone()) else { return Ok(None) };
    let sent = judgements::sent(&ctx.db, after, &last).await?;
    let sent: HashMap<&str, &Sent> = sent.iter().map(|it| (it.id.as_str(), it)).collect();
    let thresholds = machines.thresholds();
    let reach_ms = i64::from(thresholds.honeypot_ms.max(thresholds.burst_ms));
    let times = || events.iter().map(|event| event.at_ms);
    let from_ms = times().min().unwrap_or_default() - reach_ms;
    let until_ms = times().max().unwrap_or_default() + reach_ms;
    let mut followed: HashMap<String, Vec<Followed>> = HashMap::new();
    for link in judgements::followed(&ctx.db, (after, &last), (from_ms, until_ms)).await? {
        let it = Followed { at_ms: link.at_ms, link_no: link.link_no, honeypot: link.honeypot };
        followed.entry(link.delivery_id).or_default().push(it);
    }
    let mut page = Page {
        looked: u64::try_from(events.len()).unwrap_or(u64::MAX),
        last,
        changed: Vec::new(),
        leads: BTreeSet::new(),
    };
    for event in events.iter().filter(|event| is_judged(event)) {
        let delivery = event.delivery_id.as_deref().unwrap_or_default();
        let origin = sent.get(delivery).map(|sent| (sent.accepted_ms, sent.is_test));
        let links = followed.get(delivery).map_or(&[][..], Vec::as_slice);
        let around = Around::of(event.at_ms, links, machines);
        let verdict = track::verdict(event, origin, around, machines);
        if event.reason != verdict.reason.as_str() {
            page.leads.extend(event.lead_id.clone());
            let changed = Rejudged { id: event.id.clone(), was: event.reason.clone(), verdict };
            page.changed.push((event.kind.clone(), changed));
        }
    }
    Ok(Some(page))
}

/// Whether a request decides who did it; forms, reports of mail systems and the like are what they are.
fn is_judged(event: &Event) -> bool {
    let fixed =
        matches!(Reason::parse(&event.reason), Some(Reason::Form | Reason::Reported | Reason::Listed));
    !fixed && EventKind::parse(&event.kind).is_some_and(EventKind::is_request)
}
