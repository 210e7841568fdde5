//! Somebody took back their consent while they were offered to somebody, or before the owner reached them: nobody is to call
//! them. What is worked since a first contact stays; its owner reads it on the card.

use super::{super::context::Context, Release, lead_and_partner, lead_in, reminder, stage_of, turn::pass_on};
use crate::{
    domain::{
        kernel::{Error, Kind, Result},
        lead::{LeadStage, StopReason},
    },
    store::{
        audit, conflicts, consents,
        offers::{self, Offer},
    },
};

/// Leads of one look.
const LEADS_MAX: i64 = 100;

/// Takes back what is offered, or was accepted, of those who took back their consent. Returns the faults.
///
/// # Errors
/// Those of the store.
pub(super) async fn due(ctx: &Context) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for id in consents::unsettled(&ctx.db, LEADS_MAX).await? {
        faults.extend(settle(ctx, &id).await.err().map(|error: Error| format!("{id}: {}", error.detail())));
    }
    Ok(faults)
}

async fn settle(ctx: &Context, lead_id: &str) -> Result<()> {
    let (known, partner) = match lead_and_partner(ctx, lead_id).await {
        Ok(found) => found,
        // A lead of the house is with nobody.
        Err(error) if error.kind() == Kind::NotFound => return nobody_has_it(ctx, lead_id).await,
        Err(error) => return Err(error),
    };
    let live = offers::of_lead(&ctx.db, lead_id).await?.into_iter().find(Offer::is_live);
    let told = live.as_ref().map(|offer| reminder::withdrawn(ctx, &known, &partner, offer)).transpose()?;
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    if !consents::settle(&mut tx, lead_id, ctx.now_ms()).await? {
        return Ok(());
    }
    let mut lead = lead_in(&mut tx, lead_id).await?;
    let offer = offers::live_in(&mut tx, lead_id).await?;
    if offer.as_ref().map(|it| &it.id) != live.as_ref().map(|it| &it.id) {
        return Err(Error::conflict("somebody else has this lead now; it is looked at again"));
    }
    let is_before_contact = matches!(stage_of(&lead)?, LeadStage::Offered | LeadStage::Sal);
    // Agreed anew meanwhile: then they may be called.
    let agrees = consents::agrees_in(&mut tx, lead_id).await?;
    if let (Some(offer), Some(told), true, false) = (offer, told, is_before_contact, agrees) {
        let why = Release { reason: StopReason::Withdrawn, sentence: WHY };
        pass_on(ctx, &mut tx, &mut lead, (&partner, &offer), None, &why).await?;
        told.enqueue(&mut tx, ctx.now_ms()).await?;
        audit::record(&mut tx, ctx.now_ms(), &*ctx.random, "partnercast", "take-back", lead_id, &offer.id)
            .await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Why a lead is taken from whoever has it.
const WHY: &str = "taken back: the person took back their consent to be contacted";

async fn nobody_has_it(ctx: &Context, lead_id: &str) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    consents::settle(&mut tx, lead_id, ctx.now_ms()).await?;
    tx.commit().await
}
