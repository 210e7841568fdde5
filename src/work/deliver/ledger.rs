//! What the ledger is told: results of tries, a breaker that trips, and how much of a promised limit is used.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{dispatch::Finished, sender::Desk};
use crate::{
    channel::smtp::Dialer,
    domain::{
        delivery::{
            Breaker, DeliveryState, Outcome, Quota, Stage, Trouble, backoff,
            quota::{daily, hourly},
        },
        kernel::{Result, clock::UtcMs, id::NodeId},
    },
    store::{
        Tx, audit, issues,
        queue::{self, Settled},
        quotas,
    },
    work::context::Context,
};

/// How often the list of running issues is read anew at least.
const RUNNING_READ: Duration = Duration::from_millis(500);

/// Records what is finished, and pauses the issues that a fault of ours would harm further.
pub(super) async fn record(
    ctx: &Context,
    tx: &mut Tx,
    node: NodeId,
    finished: &[Finished],
    breakers: &mut HashMap<String, Breaker>,
) -> Result<()> {
    if finished.is_empty() {
        return Ok(());
    }
    let results: Vec<Settled> = finished.iter().map(|finished| settled(ctx, finished)).collect();
    let recorded = queue::settle(tx, node, &results).await?;
    if recorded < results.len() as u64 {
        let lost = results.len() as u64 - recorded;
        tracing::warn!(lost, "another node had taken over deliveries that we finished");
    }
    for finished in finished {
        let Some(issue) = &finished.claimed.issue_id else { continue };
        let trouble = match &finished.outcome {
            Outcome::Accepted { .. } => None,
            Outcome::Refused { trouble, .. } => Some(*trouble),
            Outcome::Uncertain { .. } => continue,
        };
        let share = breakers.entry(issue.clone()).or_default().note(trouble);
        if let Some(share) = share {
            let why =
                format!("{share} were refused for a reason that lies with us: {}", told(&finished.outcome).2);
            if issues::pause_because(tx, issue, &why).await? {
                tracing::error!(issue, why, "the issue was paused");
                audit::record(tx, ctx.now_ms(), &*ctx.random, "partnercast", "pause", issue, &why).await?;
            }
        }
    }
    Ok(())
}

fn settled(ctx: &Context, finished: &Finished) -> Settled {
    let Finished { claimed, outcome, relay } = finished;
    let now_ms = ctx.now_ms();
    // What used up no try still waits longer each time.
    let started = match outcome {
        Outcome::Refused { trouble: Trouble::Host | Trouble::OurSetup, .. } => claimed.attempt,
        _ => claimed.tries + 1,
    };
    let tries = u32::try_from(started).unwrap_or(u32::MAX);
    let jitter = u32::try_from(ctx.random.next_u64() >> 32).unwrap_or(0);
    let next = backoff::next(outcome, tries, now_ms, claimed.expires_ms, ctx.settings.on_uncertain, jitter);
    let (stage, code, reply) = told(outcome);
    Settled {
        id: claimed.id.clone(),
        token: claimed.token,
        attempt: claimed.attempt,
        state: next.state,
        due_ms: next.due_ms,
        counts: next.counts,
        accepted_ms: (next.state == DeliveryState::Accepted).then_some(now_ms),
        outcome: outcome.as_str(),
        stage,
        code,
        reply,
        relay: relay.as_ref().map(|relay| relay.to_string()),
        ended_ms: now_ms,
    }
}

/// Stage, code and words of an outcome.
fn told(outcome: &Outcome) -> (Option<String>, Option<i64>, String) {
    match outcome {
        Outcome::Accepted { reply } => (None, Some(i64::from(reply.code)), reply.to_string()),
        Outcome::Refused { stage, reply, detail, .. } => (
            Some(stage.to_string()),
            reply.as_ref().map(|reply| i64::from(reply.code)),
            reply.as_ref().map_or_else(|| detail.clone(), ToString::to_string),
        ),
        Outcome::Uncertain { detail } => (Some(Stage::FinalDot.to_string()), None, detail.clone()),
    }
}

/// Promised limits: messages an hour through a relay, and the days of a warm-up.
pub(super) struct Limits {
    /// Relays with an hourly limit, and when more may be possible.
    hourly: Vec<(Arc<str>, u64, UtcMs)>,
    /// The sending domain of each issue, as far as there is a warm-up plan for it.
    domains: HashMap<String, Option<String>>,
    has_plans: bool,
    /// What the present transaction took for an issue.
    taken: HashMap<String, Quota>,
    running_read: Instant,
}

impl Limits {
    pub(super) fn new(ctx: &Context, dialers: &[Dialer]) -> Self {
        let hourly = dialers.iter().filter_map(|dialer| {
            let relay = dialer.relay();
            relay.per_hour_max.map(|max| (Arc::from(relay.name.as_str()), max, UtcMs::MIN))
        });
        Self {
            hourly: hourly.collect(),
            domains: HashMap::new(),
            has_plans: !ctx.settings.warm_up.is_empty(),
            taken: HashMap::new(),
            running_read: Instant::now(),
        }
    }

    /// Whether the list of running issues should be read anew.
    pub(super) fn is_due(&mut self) -> bool {
        let is_due = self.running_read.elapsed() >= RUNNING_READ;
        if is_due {
            self.running_read = Instant::now();
        }
        is_due
    }

    /// Gets limited relays what their limit leaves, up to a window.
    pub(super) async fn top_up(&mut self, ctx: &Context, desk: &Desk) -> Result<()> {
        let now_ms = ctx.now_ms();
        if self.hourly.iter().all(|(_, _, again_ms)| *again_ms > now_ms) {
            return Ok(());
        }
        let wanted = desk.dispatch().permits_wanted(ctx.settings.window as u64);
        for (relay, missing) in wanted {
            let Some((_, max, again_ms)) = self.hourly.iter_mut().find(|(name, _, _)| *name == relay) else {
                continue;
            };
            if *again_ms > now_ms {
                continue;
            }
            let quota = hourly(&relay, *max, now_ms);
            let mut tx = ctx.db.begin().await?;
            let taken = quotas::take(&mut tx, &quota, missing).await?;
            tx.commit().await?;
            if taken < missing {
                *again_ms = quota.again_ms;
            }
            desk.dispatch().permit(&relay, taken);
        }
        Ok(())
    }

    /// How many of `wanted` messages of an issue the warm-up of its sending domain leaves; they count as used.
    pub(super) async fn allowed(
        &mut self,
        ctx: &Context,
        tx: &mut Tx,
        issue: &str,
        wanted: usize,
    ) -> Result<usize> {
        if !self.has_plans {
            return Ok(wanted);
        }
        if !self.domains.contains_key(issue) {
            let sender = issues::sender(tx, issue).await?;
            let domain =
                sender.and_then(|sender| sender.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()));
            self.domains.insert(issue.to_owned(), domain);
        }
        let domain = self.domains.get(issue).and_then(Option::as_deref);
        let plan = ctx.settings.warm_up.iter().find(|plan| Some(plan.domain.as_str()) == domain);
        let Some(quota) = plan.and_then(|plan| daily(plan, ctx.now_ms())) else { return Ok(wanted) };
        let taken = quotas::take(tx, &quota, wanted as u64).await?;
        self.taken.insert(issue.to_owned(), quota);
        Ok(usize::try_from(taken).unwrap_or(wanted))
    }

    /// Gives back what was allowed and not used.
    pub(super) async fn give_back(&mut self, tx: &mut Tx, issue: &str, unused: usize) -> Result<()> {
        match self.taken.remove(issue) {
            Some(quota) if unused > 0 => quotas::give_back(tx, &quota, unused as u64).await,
            _ => Ok(()),
        }
    }
}
