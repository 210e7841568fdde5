//! People in nurture whose deeds, without a form, meet the rule: a click or a page more than needed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    super::{context::Context, scoring, tokens::sha256_hex},
    Offering, agrees, asset_title, conflict, lead_and_partner, lead_in, prepare, stage_of,
};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{DAY_MS, MINUTE_MS, UtcMs},
        },
        lead::{LeadStage, clock::Heat},
    },
    store::{
        intakes,
        leads::{self, Lead},
        nurture, rule_looks,
    },
};

/// Who qualifies, among what may rest.
const WHO: &str = "who qualifies";
/// The rule by which that is decided, among what was looked at by which version.
pub const SCORING_LOOK: &str = "scoring";
/// Leads of one page.
const PAGE_ROWS: i64 = 200;
/// Pages at once; a look goes on where it stopped.
const PAGES_MAX: usize = 10;
/// How far back the first look of a process goes, and thereby how late an event may be written down.
const FIRST_LOOK_MS: i64 = 2 * DAY_MS;
/// How far looks overlap: events are written in batches, a moment after they happened.
const OVERLAP_MS: i64 = MINUTE_MS;
/// The least time between two looks.
const REST_MS: i64 = 15_000;

/// Hands off who qualifies since the last look; by another rule than at the last one, whoever qualifies. Returns the faults.
///
/// # Errors
/// Those of the store.
pub(super) async fn by_deeds(ctx: &Context) -> Result<Vec<String>> {
    let now_ms = ctx.now_ms();
    if ctx.looks.rests(WHO, now_ms) {
        return Ok(Vec::new());
    }
    let mut faults = Vec::new();
    let mut look = match ctx.qualified.ongoing() {
        Some(look) => look,
        None => begin(ctx, now_ms).await?,
    };
    for _ in 0..PAGES_MAX {
        let page = match look.from_ms {
            Some(from_ms) => {
                nurture::active_in_nurture(&ctx.db, from_ms, look.to_ms + 1, &look.after, PAGE_ROWS).await?
            }
            None => nurture::in_nurture(&ctx.db, &look.after, PAGE_ROWS).await?,
        };
        let Some(last) = page.last() else {
            look.is_over = true;
            break;
        };
        look.after.clone_from(&last.id);
        for lead in &page {
            faults.extend(looked_at(ctx, lead).await?);
        }
    }
    if look.is_over
        && let Some(version) = &look.version
    {
        let mut tx = ctx.db.begin().await?;
        rule_looks::done(&mut tx, SCORING_LOOK, version).await?;
        tx.commit().await?;
    }
    ctx.qualified.set(look);
    ctx.looks.rest(WHO.to_owned(), now_ms, now_ms + REST_MS);
    Ok(faults)
}

/// Begins a look: at what was done since the last one, or at everybody by a rule that is new.
async fn begin(ctx: &Context, now_ms: UtcMs) -> Result<Look> {
    let library = ctx.library();
    let rule = sha256_hex(format!("{:?}", library.rules.scoring).as_bytes());
    let is_new = rule_looks::version(&ctx.db, SCORING_LOOK).await?.is_none_or(|version| version != rule);
    // A clock that was set back has seen nothing yet.
    let last_ms = ctx.qualified.until().filter(|last_ms| *last_ms <= now_ms);
    let since_ms = last_ms.map_or(now_ms - FIRST_LOOK_MS, |last_ms| last_ms - OVERLAP_MS);
    Ok(Look {
        from_ms: (!is_new).then_some(since_ms),
        to_ms: now_ms,
        after: String::new(),
        version: is_new.then_some(rule),
        is_over: false,
    })
}

/// Hands a lead in nurture off if it qualifies. One that has changed meanwhile, and one that no partner has, is due, as whatever
/// is told later; so is one with a fault, which is returned, and keeps nobody else from being looked at.
async fn looked_at(ctx: &Context, lead: &Lead) -> Result<Option<String>> {
    let done = match lead.partner_slug.as_str() {
        intakes::HOUSE => {
            scoring::assess(ctx, lead, None).await.map(|standing| standing.qualified_because.is_none())
        }
        _ => qualify(ctx, &lead.id, Heat::Standard).await,
    };
    if !matches!(done, Ok(true)) {
        told_later(ctx, &lead.id).await?;
    }
    Ok(done.err().map(|error: Error| format!("{}: {}", lead.id, error.detail())))
}

/// Whether what was done at `at_ms` and is written at `now_ms` may be behind the look that would find it; half of the overlap is for
/// clocks that differ.
pub(in crate::work) fn is_overlooked(at_ms: UtcMs, now_ms: UtcMs) -> bool {
    now_ms - at_ms >= OVERLAP_MS / 2
}

/// Has a lead judged anew of whom something is told later than it was done, which no look would find; nothing for one who is
/// in hand or closed.
///
/// # Errors
/// Those of the store.
pub async fn told_later(ctx: &Context, lead_id: &str) -> Result<()> {
    let lead = leads::lead(&ctx.db, lead_id).await?;
    if !lead.is_some_and(|lead| stage_of(&lead).is_ok_and(LeadStage::is_in_nurture)) {
        return Ok(());
    }
    let mut tx = ctx.db.begin().await?;
    intakes::due_now(&mut tx, lead_id, false, ctx.now_ms()).await?;
    tx.commit().await
}

/// Hands a lead over that nobody works and that qualifies; one that another partner is in the way of waits. False where it has
/// changed meanwhile, so that it is to be looked at again.
pub(super) async fn qualify(ctx: &Context, lead_id: &str, heat: Heat) -> Result<bool> {
    let (lead, partner) = lead_and_partner(ctx, lead_id).await?;
    if !stage_of(&lead)?.may_be_offered() {
        return Ok(true);
    }
    let standing = scoring::assess(ctx, &lead, None).await?;
    let Some(because) = &standing.qualified_because else { return Ok(true) };
    if !agrees(ctx, lead_id).await? {
        return Ok(true);
    }
    let meeting = conflict::weigh(ctx, &lead, true).await?;
    if !meeting.goes() {
        return conflict::wait(ctx, &lead, heat, meeting).await.map(|()| true);
    }
    let title = asset_title(ctx, &lead, &partner)?;
    let mut scored = lead.clone();
    standing.apply(&mut scored);
    let hand_off = prepare(ctx, &Offering::new(&scored, &partner, &title, because, heat)).await?;
    let mut tx = ctx.db.begin().await?;
    let mut now = lead_in(&mut tx, lead_id).await?;
    if now.updated_ms != lead.updated_ms || now.stage != lead.stage {
        return Ok(false);
    }
    conflict::meet(ctx, &mut tx, &now, Some(heat), meeting).await?;
    standing.apply(&mut now);
    hand_off.store(ctx, &mut tx, &mut now).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(true)
}

/// One look at leads in nurture, as far as it has come.
#[derive(Debug, Clone)]
struct Look {
    /// Since when they did something; everybody, whenever they did something, without.
    from_ms: Option<UtcMs>,
    to_ms: UtcMs,
    /// The last lead that was looked at.
    after: String,
    /// The version of the rule by which everybody is looked at.
    version: Option<String>,
    is_over: bool,
}

/// What this process has looked at.
#[derive(Debug, Default)]
pub struct Looked(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Until when; nothing before its first look.
    until_ms: Option<UtcMs>,
    ongoing: Option<Look>,
}

impl Looked {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self) -> Option<UtcMs> {
        self.state().until_ms
    }

    fn ongoing(&self) -> Option<Look> {
        self.state().ongoing.clone()
    }

    fn set(&self, look: Look) {
        let mut state = self.state();
        if look.is_over {
            state.until_ms = Some(look.to_ms);
            state.ongoing = None;
        } else {
            state.ongoing = Some(look);
        }
    }
}
