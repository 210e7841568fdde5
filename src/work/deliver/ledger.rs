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
            Breaker, DeliveryState, Outcome, Quota, Stage, backoff,
            quota::{SLOT_MS, daily, hourly},
        },
        kernel::{Result, clock::UtcMs, id::NodeId},
    },
    store::{
        Tx, audit, issues,
        pauses::{self, Pause},
        queue::{self, Claimed, Settled},
        quotas, touches,
    },
    work::{context::Context, metrics::Metrics},
};

/// Permits for urgent mail that are taken at once when the hour has no more for issues.
const URGENT_PERMITS: u64 = 8;
/// How often the list of running issues is read anew at least.
const RUNNING_READ: Duration = Duration::from_millis(500);

/// What a transaction recorded, to be counted once it is committed: a result may have to be recorded again.
#[must_use = "results that are recorded and committed are to be counted"]
#[derive(Default)]
pub(super) struct Recorded {
    /// State, class, and how late it was if it was accepted.
    settled: Vec<(DeliveryState, &'static str, Option<i64>)>,
    fenced: u64,
}

impl Recorded {
    /// Tells it to whoever measures.
    pub(super) fn count(self, metrics: &Metrics) {
        for (state, class, late_ms) in self.settled {
            metrics.settled(state, class);
            if let Some(late_ms) = late_ms {
                metrics.accepted(late_ms);
            }
        }
        if self.fenced > 0 {
            metrics.fenced(self.fenced);
            tracing::warn!(lost = self.fenced, "another node had taken over deliveries that we finished");
        }
    }
}

/// Records what is finished, and pauses the issues and sequences that a fault of ours would harm further.
pub(super) async fn record(
    ctx: &Context,
    tx: &mut Tx,
    node: NodeId,
    finished: &[Finished],
    breakers: &mut HashMap<String, Breaker>,
) -> Result<Recorded> {
    if finished.is_empty() {
        return Ok(Recorded::default());
    }
    let results: Vec<Settled> = finished.iter().map(|finished| settled(ctx, finished)).collect();
    let fenced = queue::settle(tx, node, &results).await?.fenced;
    let singles = finished.iter().zip(&results).filter(|(finished, _)| finished.claimed.issue_id.is_none());
    let accepted =
        singles.filter(|(_, result)| result.accepted_ms.is_some() && !fenced.contains(&result.start()));
    let accepted: Vec<&str> = accepted.map(|(_, result)| result.id.as_str()).collect();
    touches::note_singles(tx, &accepted).await?;
    let mut recorded = Recorded { settled: Vec::new(), fenced: fenced.len() as u64 };
    for (finished, result) in finished.iter().zip(&results) {
        if !fenced.contains(&result.start()) {
            let late_ms = result.accepted_ms.map(|accepted_ms| accepted_ms - finished.claimed.promised_ms);
            recorded.settled.push((result.state, result.outcome, late_ms));
        }
        let Some(whole) = finished.claimed.whole() else { continue };
        let trouble = match &finished.outcome {
            Outcome::Accepted { .. } => None,
            Outcome::Refused { trouble, .. } => Some(*trouble),
            Outcome::Uncertain { .. } => continue,
        };
        let share = breakers.entry(whole).or_default().note(trouble);
        if let Some(share) = share {
            let why =
                format!("{share} were refused for a reason that lies with us: {}", told(&finished.outcome).2);
            pause(ctx, tx, &finished.claimed, &why).await?;
        }
    }
    Ok(recorded)
}

/// Pauses what a message is a part of, unless it is paused already.
async fn pause(ctx: &Context, tx: &mut Tx, claimed: &Claimed, why: &str) -> Result<()> {
    if let Some(issue) = &claimed.issue_id {
        return pause_issue(ctx, tx, issue, why).await;
    }
    let (sequence, actor) = (&claimed.scope, "partnercast");
    let pause = Pause {
        sequence: sequence.clone(),
        because: why.to_owned(),
        actor: actor.to_owned(),
        since_ms: ctx.now_ms(),
    };
    if pauses::pause(tx, &pause).await? {
        tracing::error!(id = sequence, why, "the sequence was paused");
        audit::record(tx, pause.since_ms, &*ctx.random, actor, "pause", sequence, why).await?;
    }
    Ok(())
}

/// Pauses an issue, unless it is paused already.
pub(super) async fn pause_issue(ctx: &Context, tx: &mut Tx, issue: &str, why: &str) -> Result<()> {
    if issues::pause_because(tx, issue, why).await? {
        tracing::error!(id = issue, why, "the issue was paused");
        audit::record(tx, ctx.now_ms(), &*ctx.random, "partnercast", "pause", issue, why).await?;
    }
    Ok(())
}

fn settled(ctx: &Context, finished: &Finished) -> Settled {
    let Finished { claimed, outcome, relay } = finished;
    let now_ms = ctx.now_ms();
    // What used up no try still waits longer each time.
    let started = match outcome {
        Outcome::Refused { trouble, .. } if trouble.is_ours() => claimed.attempt,
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
    hourly: Vec<Hourly>,
    /// The sending domain of each issue and sequence, as far as there is a warm-up plan for it.
    domains: HashMap<String, Option<String>>,
    has_plans: bool,
    /// What the present transaction took for an issue.
    taken: HashMap<String, Quota>,
    /// The day of a warm-up that an issue's last starts count for, and how many they are.
    started: HashMap<String, (UtcMs, u64)>,
    running_read: Instant,
}

/// The domain of an address.
fn domain_of(sender: &str) -> Option<String> {
    sender.rsplit_once('@').map(|(_, domain)| domain.to_lowercase())
}

/// A relay with an hourly limit.
struct Hourly {
    relay: Arc<str>,
    max: u64,
    /// When more may be possible: for issues, and for urgent mail.
    again_ms: UtcMs,
    reserved_again_ms: UtcMs,
    /// What the relay's permits were taken from.
    held: Option<Quota>,
}

/// Whether more is possible at a moment that is ahead; one that is further away than a slot was said by a clock that has been set
/// back since.
fn waits(again_ms: UtcMs, now_ms: UtcMs) -> bool {
    again_ms > now_ms && again_ms <= now_ms + SLOT_MS
}

impl Hourly {
    async fn top_up(&mut self, ctx: &Context, desk: &Desk, has_work: bool) -> Result<()> {
        let now_ms = ctx.now_ms();
        let window = ctx.settings.window as u64;
        let quota = hourly(&self.relay, self.max, now_ms);
        let is_over = self.held.as_ref().is_some_and(|held| !has_work || held.slot_ms != quota.slot_ms);
        let (common, reserved) = if is_over { (0, 0) } else { desk.dispatch().permits(&self.relay) };
        let missing = window.saturating_sub(common);
        let takes = has_work && !waits(self.again_ms, now_ms) && missing >= window.div_ceil(2);
        let is_used_up = takes || waits(self.again_ms, now_ms);
        let reserves =
            has_work && is_used_up && common == 0 && reserved == 0 && !waits(self.reserved_again_ms, now_ms);
        if !is_over && !takes && !reserves {
            return Ok(());
        }
        let mut tx = ctx.db.begin().await?;
        // After the database has answered: permits that are taken away and not given back are lost for an hour.
        if is_over && let Some(held) = self.held.take() {
            let unused = desk.dispatch().revoke(&self.relay);
            quotas::give_back(&mut tx, &held, unused).await?;
        }
        let taken = if takes { quotas::take(&mut tx, &quota.for_issues(), missing).await? } else { 0 };
        let kept =
            if reserves && taken == 0 { quotas::take(&mut tx, &quota, URGENT_PERMITS).await? } else { 0 };
        tx.commit().await?;
        if takes && taken < missing {
            self.again_ms = quota.again_ms;
        }
        if reserves && taken == 0 && kept == 0 {
            self.reserved_again_ms = quota.again_ms;
        }
        if taken + kept > 0 {
            desk.dispatch().permit(&self.relay, taken, kept, quota.again_ms);
            self.held = Some(quota);
        }
        Ok(())
    }
}

impl Limits {
    pub(super) fn new(ctx: &Context, dialers: &[Dialer]) -> Self {
        let hourly = dialers.iter().filter_map(|dialer| {
            let relay = dialer.relay();
            let name = Arc::from(relay.name.as_str());
            relay.per_hour_max.map(|max| Hourly {
                relay: name,
                max,
                again_ms: UtcMs::MIN,
                reserved_again_ms: UtcMs::MIN,
                held: None,
            })
        });
        Self {
            hourly: hourly.collect(),
            domains: HashMap::new(),
            has_plans: !ctx.settings.warm_up.is_empty(),
            taken: HashMap::new(),
            started: HashMap::new(),
            running_read: Instant::now(),
        }
    }

    /// Whether any sending domain is warmed up.
    pub(super) fn has_plans(&self) -> bool {
        self.has_plans
    }

    /// Whether the list of running issues should be read anew.
    pub(super) fn is_due(&mut self) -> bool {
        let is_due = self.running_read.elapsed() >= RUNNING_READ;
        if is_due {
            self.running_read = Instant::now();
        }
        is_due
    }

    /// Whether a relay has an hourly limit.
    pub(super) fn has_hourly(&self) -> bool {
        !self.hourly.is_empty()
    }

    /// Gets limited relays what their limit leaves, up to a window; and when it leaves issues no more, some of what is
    /// kept for urgent mail. What was taken counts in the minute in which it was taken, so it is given back when that is
    /// over; and when there is nothing to send, for other nodes.
    pub(super) async fn top_up(&mut self, ctx: &Context, desk: &Desk, has_work: bool) -> Result<()> {
        for limit in &mut self.hourly {
            limit.top_up(ctx, desk, has_work).await?;
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
            self.domains.insert(issue.to_owned(), sender.as_deref().and_then(domain_of));
        }
        let Some(quota) = self.day(ctx, issue) else { return Ok(wanted) };
        let taken = quotas::take(tx, &quota, wanted as u64).await?;
        let day = self.started.entry(issue.to_owned()).or_insert((quota.slot_ms, 0));
        *day = (quota.slot_ms, taken + if day.0 == quota.slot_ms { day.1 } else { 0 });
        self.taken.insert(issue.to_owned(), quota);
        Ok(usize::try_from(taken).unwrap_or(wanted))
    }

    /// The same for a sequence, which has several messages and may change its sender.
    pub(super) async fn allowed_from(
        &mut self,
        ctx: &Context,
        tx: &mut Tx,
        (key, sender): (&str, &str),
        wanted: usize,
    ) -> Result<usize> {
        self.domains.insert(key.to_owned(), domain_of(sender));
        self.allowed(ctx, tx, key, wanted).await
    }

    /// Whether little of an issue may get through: a relay has an hourly limit, or its sending domain is warmed up.
    pub(super) fn is_limited(&self, ctx: &Context, issue: &str) -> bool {
        self.has_hourly() || self.day(ctx, issue).is_some()
    }

    /// Whether the hourly limit of a relay leaves issues nothing for now.
    pub(super) fn is_used_up(&self, ctx: &Context) -> bool {
        let now_ms = ctx.now_ms();
        self.hourly.iter().any(|limit| waits(limit.again_ms, now_ms))
    }

    /// The present day of the warm-up of an issue's sending domain.
    fn day(&self, ctx: &Context, issue: &str) -> Option<Quota> {
        let domain = self.domains.get(issue)?.as_deref()?;
        let plan = ctx.settings.warm_up.iter().find(|plan| plan.domain == domain)?;
        daily(plan, ctx.now_ms())
    }

    /// Gives back what was allowed and not used.
    pub(super) async fn give_back(&mut self, tx: &mut Tx, issue: &str, unused: usize) -> Result<()> {
        match self.taken.remove(issue) {
            Some(quota) => self.give_back_to(tx, &quota, issue, unused as u64).await,
            None => Ok(()),
        }
    }

    /// Gives back the share of messages that were put back. Those of a day before are not added to the present one.
    pub(super) async fn put_back(
        &mut self,
        ctx: &Context,
        tx: &mut Tx,
        issue: &str,
        count: usize,
    ) -> Result<()> {
        match self.day(ctx, issue) {
            Some(quota) => self.give_back_to(tx, &quota, issue, count as u64).await,
            None => Ok(()),
        }
    }

    async fn give_back_to(&mut self, tx: &mut Tx, quota: &Quota, issue: &str, count: u64) -> Result<()> {
        let day = self.started.get_mut(issue).filter(|(day_ms, _)| *day_ms == quota.slot_ms);
        let Some((_, started)) = day else { return Ok(()) };
        let count = count.min(*started);
        *started -= count;
        if count == 0 { Ok(()) } else { quotas::give_back(tx, quota, count).await }
    }
}
