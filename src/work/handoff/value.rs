//! What a deal is worth, corrected: by who has or won it, with a reason.

use super::{
    super::{context::Context, webhooks},
    By, add_step, again, lead_in,
    outcome::{Closing, amount_said, clock_until, expected, worth},
    ready::{Ready, ready},
    stage_of,
};
use crate::{
    domain::{
        kernel::{Error, Result, clock::utc, text},
        lead::{LeadStage, StopReason},
    },
    store::{
        Tx, audit, lead_clocks,
        offers::{self, Offer},
    },
};

/// Corrects what a deal is worth, whether it is won or still open. What was said before stays in the trail, and the last word counts; a
/// deal that is open keeps its day unless another is named.
///
/// # Errors
/// `Denied` for somebody who may not work the lead; `Conflict` for a lead that is no deal; `Invalid` for a day that cannot be, or
/// without a reason.
pub async fn correct_value(
    ctx: &Context,
    lead_id: &str,
    by: By<'_>,
    closing: Closing,
    note: &str,
) -> Result<()> {
    let note = text::single_line("the reason", note)?;
    let ready = ready(ctx, lead_id).await?;
    let mut tx = ctx.db.begin().await?;
    revalue(ctx, &mut tx, &ready, by, closing, &note).await?;
    tx.commit().await
}

/// The same in the transaction of the caller, who ends it; `note` is one line.
///
/// # Errors
/// As [`correct_value`]; then the transaction must not be committed.
pub(in crate::work) async fn revalue(
    ctx: &Context,
    tx: &mut Tx,
    ready: &Ready,
    by: By<'_>,
    closing: Closing,
    note: &str,
) -> Result<()> {
    let lead_id = ready.known.id.as_str();
    if !by.may_work(&ready.known, &ready.partner) {
        return Err(Error::denied(
            "only who has or won a deal, or the channel manager, can correct its value",
        ));
    }
    let stage = stage_of(&ready.known)?;
    let is_won = stage == LeadStage::Won;
    if !is_won && !matches!(stage, LeadStage::Sql | LeadStage::DealRegistered) {
        return Err(Error::conflict(
            "only the value of a deal that sales confirmed, or that was won, is corrected here",
        ));
    }
    let mut faults = Vec::new();
    if note.is_empty() {
        faults.push("write why it is corrected; it stays in the history".to_owned());
    }
    let today = utc(ctx.now_ms()).with_timezone(&ready.zone).date_naive();
    if is_won && closing.on.is_some_and(|on| on > today) {
        faults.push("a deal cannot have been won on a day to come".to_owned());
    }
    if !is_won {
        faults.extend(expected(closing.on, today).err().map(|error| error.public().to_owned()));
    }
    if !faults.is_empty() {
        return Err(Error::invalid(faults.join("; ")));
    }
    let on = closing.on.or(ready.close_date.filter(|on| !is_won || *on <= today));
    let lead = lead_in(tx, lead_id).await?;
    if stage_of(&lead)? != stage || !by.may_work(&lead, &ready.partner) {
        return Err(Error::conflict("somebody else has changed this lead meanwhile; look at it again"));
    }
    add_step(
        ctx,
        tx,
        &lead,
        by.name(),
        &format!("{}: {note}", worth("corrected the value of the deal", Some(Closing { on, ..closing }))),
    )
    .await?;
    amount_said(ctx, tx, &lead.id, by.name(), stage, Closing { on, ..closing }).await?;
    webhooks::lead_value_corrected(tx, &*ctx.random, &lead, ctx.now_ms()).await?;
    // The clock of somebody who waits for an answer is shorter than that to any day.
    let is_another = !is_won && on != ready.close_date && !again::waits_for_answer(&lead);
    if is_another
        && let Some(on) = on
        && let Some(offer) = offers::live_in(tx, lead_id).await?.filter(Offer::holds)
    {
        lead_clocks::stop(tx, lead_id, ctx.now_ms(), StopReason::Withdrawn.as_str()).await?;
        let clock = clock_until(ctx, &offer, &ready.partner, ready.zone, on)?;
        lead_clocks::start(tx, &clock).await?;
    }
    audit::record(tx, ctx.now_ms(), &*ctx.random, by.name(), "correct-deal", lead_id, "").await
}
