//! People in nurture whose deeds, without a form, meet the rule: a click or a page more than needed.

use std::sync::{Mutex, PoisonError};

use super::{
    super::{context::Context, scoring},
    Offering, agrees, asset_title, conflict, lead_and_partner, lead_in, prepare, stage_of,
};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{DAY_MS, MINUTE_MS, UtcMs},
        },
        lead::clock::Heat,
    },
    store::leads,
};

/// Who qualifies, among what may rest.
const WHO: &str = "who qualifies";
/// Leads of one page.
const PAGE_ROWS: i64 = 200;
/// Pages of one look.
const PAGES_MAX: usize = 50;
/// How far back the first look of a process goes, and thereby how late an event may be written down.
const FIRST_LOOK_MS: i64 = 2 * DAY_MS;
/// How far looks overlap: events are written in batches, a moment after they happened.
const OVERLAP_MS: i64 = MINUTE_MS;
/// The least time between two looks.
const REST_MS: i64 = 15_000;

/// Hands off who qualifies since the last look. Returns the faults.
///
/// # Errors
/// Those of the store.
pub(super) async fn by_deeds(ctx: &Context) -> Result<Vec<String>> {
    let now_ms = ctx.now_ms();
    if ctx.looks.rests(WHO, now_ms) {
        return Ok(Vec::new());
    }
    // A clock that was set back has seen nothing yet.
    let last_ms = ctx.qualified.until().filter(|last_ms| *last_ms <= now_ms);
    let from_ms = last_ms.map_or(now_ms - FIRST_LOOK_MS, |last_ms| last_ms - OVERLAP_MS);
    let mut faults = Vec::new();
    let mut after = String::new();
    for _ in 0..PAGES_MAX {
        let page = leads::active_in_nurture(&ctx.db, from_ms, now_ms + 1, &after, PAGE_ROWS).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for lead in &page {
            faults.extend(
                qualify(ctx, &lead.id, Heat::Standard)
                    .await
                    .err()
                    .map(|error: Error| format!("{}: {}", lead.id, error.detail())),
            );
        }
    }
    if faults.is_empty() {
        ctx.qualified.set(now_ms);
    }
    ctx.looks.rest(WHO.to_owned(), now_ms, now_ms + REST_MS);
    Ok(faults)
}

/// Hands a lead off who qualifies by something that is told later than it was done, which no look would find; nothing for
/// one who is in hand or closed.
///
/// # Errors
/// Those of the store.
pub async fn told_later(ctx: &Context, lead_id: &str) -> Result<()> {
    qualify(ctx, lead_id, Heat::Standard).await
}

/// Hands a lead in nurture over that qualifies; one that another partner is in the way of waits.
pub(super) async fn qualify(ctx: &Context, lead_id: &str, heat: Heat) -> Result<()> {
    let (lead, partner) = lead_and_partner(ctx, lead_id).await?;
    if !stage_of(&lead)?.is_in_nurture() {
        return Ok(());
    }
    let standing = scoring::assess(ctx, &lead, None).await?;
    let Some(because) = &standing.qualified_because else { return Ok(()) };
    if !agrees(ctx, lead_id).await? {
        return Ok(());
    }
    let meeting = conflict::weigh(ctx, &lead, true).await?;
    if !meeting.goes() {
        return conflict::wait(ctx, &lead, heat, meeting).await;
    }
    let title = asset_title(ctx, &lead, &partner)?;
    let mut scored = lead.clone();
    standing.apply(&mut scored);
    let hand_off = prepare(
        ctx,
        &Offering {
            lead: &scored,
            partner: &partner,
            asset_title: &title,
            because,
            heat,
            passing: None,
            again: None,
        },
    )
    .await?;
    let mut tx = ctx.db.begin().await?;
    let mut now = lead_in(&mut tx, lead_id).await?;
    if now.updated_ms != lead.updated_ms || !stage_of(&now)?.is_in_nurture() {
        return Ok(());
    }
    conflict::meet(ctx, &mut tx, &now, Some(heat), meeting).await?;
    standing.apply(&mut now);
    hand_off.store(ctx, &mut tx, &mut now).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Until when this process has looked; nothing before its first look.
#[derive(Debug, Default)]
pub struct Looked(Mutex<Option<UtcMs>>);

impl Looked {
    fn until(&self) -> Option<UtcMs> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, now_ms: UtcMs) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now_ms);
    }
}
