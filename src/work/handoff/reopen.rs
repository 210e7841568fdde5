//! Leads that went back to nurture until a day: on that day they are offered again, first to who had them.

use super::{
    super::context::Context, Offering, add_step, agrees, asset_title, conflict, lead_and_partner, lead_in,
    prepare, stage_of,
};
use crate::{
    domain::{
        kernel::{Error, Result},
        lead::{DisqualifyReason, clock::Heat},
    },
    store::{
        leads::{self, Lead},
        nurture, offers,
    },
};

/// Leads of one look.
const LEADS_MAX: i64 = 100;

/// Offers what is due to be taken up again. Returns the faults; what failed stays due.
///
/// # Errors
/// Those of the store.
pub(super) async fn due(ctx: &Context) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for lead in nurture::to_reopen(&ctx.db, ctx.now_ms(), LEADS_MAX).await? {
        faults.extend(
            reopen(ctx, &lead).await.err().map(|error: Error| format!("{}: {}", lead.id, error.detail())),
        );
    }
    Ok(faults)
}

async fn reopen(ctx: &Context, known: &Lead) -> Result<()> {
    let (lead, partner) = lead_and_partner(ctx, &known.id).await?;
    if !stage_of(&lead)?.is_in_nurture() {
        return forget(ctx, &lead, None).await;
    }
    if !agrees(ctx, &lead.id).await? {
        let why = "Not taken up again: the person took back what they had agreed to.";
        return forget(ctx, &lead, Some(why)).await;
    }
    let meeting = conflict::weigh(ctx, &lead, true).await?;
    if !meeting.goes() {
        return conflict::wait(ctx, &lead, Heat::Standard, meeting).await;
    }
    let before = offers::of_lead(&ctx.db, &lead.id).await?;
    let owner = before.iter().find(|offer| offer.answer.as_deref() == Some("accepted"));
    let reason = DisqualifyReason::parse(&lead.closed_reason).map_or("later", DisqualifyReason::label);
    let because = format!("To be taken up again now: \"{reason}\" was said before");
    let title = asset_title(ctx, &lead, &partner)?;
    let hand_off = prepare(
        ctx,
        &Offering {
            lead: &lead,
            partner: &partner,
            asset_title: &title,
            because: &because,
            heat: Heat::Standard,
            passing: None,
            again: owner.map(|offer| offer.rep_email.as_str()),
        },
    )
    .await?;
    let mut tx = ctx.db.begin().await?;
    let mut lead = lead_in(&mut tx, &known.id).await?;
    if lead.reopen_ms != known.reopen_ms || !stage_of(&lead)?.is_in_nurture() {
        return Ok(());
    }
    conflict::meet(ctx, &mut tx, &lead, Some(Heat::Standard), meeting).await?;
    lead.closed_reason.clear();
    hand_off.store(ctx, &mut tx, &mut lead).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// The day is of no use: somebody works it already, or `why`.
async fn forget(ctx: &Context, lead: &Lead, why: Option<&str>) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    let mut now = lead_in(&mut tx, &lead.id).await?;
    let (known_ms, stage) = (now.updated_ms, now.stage.clone());
    now.reopen_ms = None;
    leads::update(&mut tx, &now, known_ms, &stage).await?;
    if let Some(why) = why {
        add_step(ctx, &mut tx, &now, "partnercast", why).await?;
    }
    tx.commit().await
}
