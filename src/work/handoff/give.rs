//! The channel manager gives a lead to somebody of their choice, whoever has it now.

use super::{
    super::{context::Context, sequences},
    By, Offering, Release, add_step, advance, again, agrees, asset_title, conflict, heat_of,
    lead_and_partner, lead_in, offer, release, reminder, stage_of, start_clock, zone_of,
};
use crate::{
    domain::{
        kernel::{Error, Result},
        lead::{LeadStage, SlaKind, StopReason, clock::Heat},
    },
    store::{
        Tx, audit, lead_clocks, leads,
        offers::{self, Offer},
    },
};

/// Gives a lead to the person with the address `to`. A lead that nobody has reached yet is offered to them; one that is
/// being worked changes its owner and stays where it is, with a clock of its own.
///
/// # Errors
/// `Denied` for somebody who does not manage the partner; `Invalid` for an address of nobody who may receive its leads;
/// `Conflict` for a lead that is closed, or that they have already.
pub async fn give(ctx: &Context, lead_id: &str, by: By<'_>, to: &str) -> Result<()> {
    let (lead, partner) = lead_and_partner(ctx, lead_id).await?;
    if !by.manages(&partner) {
        return Err(Error::denied("only the partner's channel manager can give a lead to somebody else"));
    }
    let stage = stage_of(&lead)?;
    let live = offers::of_lead(&ctx.db, lead_id).await?.into_iter().find(Offer::is_live);
    // A closed lead is somebody's only while its person waits for an answer.
    if stage.is_terminal() && live.is_none() {
        return Err(Error::conflict(format!("this lead is closed: \"{}\"", stage.label().to_lowercase())));
    }
    if live.as_ref().is_some_and(|offer| offer.rep_email.eq_ignore_ascii_case(to.trim())) {
        return Err(Error::conflict("they have this lead already"));
    }
    if !agrees(ctx, lead_id).await? {
        return Err(Error::conflict(
            "the person took back their consent to be contacted; nobody may call them",
        ));
    }
    let meeting = conflict::weigh(ctx, &lead, live.is_none()).await?;
    if live.is_none() && !meeting.goes() {
        return Err(Error::conflict(
            "this lead waits: the person is known through another partner too; decide that conflict first",
        ));
    }
    let heat = live.as_ref().map_or(Heat::Standard, heat_of);
    let title = asset_title(ctx, &lead, &partner)?;
    let chosen = format!("{} chose to hand it over", by.name());
    let because = if lead.because.is_empty() || stage.is_in_nurture() { &chosen } else { &lead.because };
    let offering = Offering::new(&lead, &partner, &title, because, heat);
    let hand_off = offer::prepare_to(ctx, &offering, to.trim(), by.name()).await?;
    let gone = live.as_ref().map(|offer| reminder::moved_on_from(ctx, &lead, &partner, offer)).transpose()?;
    let is_worked = matches!(stage, LeadStage::Contacted | LeadStage::Sql | LeadStage::DealRegistered)
        || stage.is_terminal();
    let zone = zone_of(ctx, &hand_off.offer, &partner).await?;
    let given = reminder::given(ctx, &lead, &partner, &hand_off.offer)?;

    let mut tx = ctx.db.begin().await?;
    let mut lead = lead_in(&mut tx, lead_id).await?;
    if stage_of(&lead)? != stage {
        return Err(Error::conflict("somebody else has changed this lead meanwhile; look at it again"));
    }
    let sentence = format!("{} gave it to {}", by.name(), hand_off.offer.rep_name);
    if let Some(offer) = &live {
        release(
            ctx,
            &mut tx,
            &mut lead,
            offer,
            &Release { reason: StopReason::Withdrawn, sentence: &sentence },
        )
        .await?;
    }
    if is_worked {
        let offer = take_over(ctx, &mut tx, &mut lead, hand_off.offer, &sentence).await?;
        if again::waits_for_answer(&lead) {
            let clock = again::answer_clock(ctx, &offer, &partner, zone)?;
            lead_clocks::start(&mut tx, &clock).await?;
        } else {
            start_clock(ctx, &mut tx, &offer, &partner, zone, SlaKind::NextStep).await?;
        }
        given.enqueue(&mut tx, ctx.now_ms()).await?;
    } else {
        if matches!(stage, LeadStage::Offered | LeadStage::Sal) {
            advance(ctx, &mut tx, &mut lead, LeadStage::Expired, by.name(), &sentence).await?;
            hand_off.store_again(ctx, &mut tx, &mut lead).await?;
        } else {
            conflict::meet(ctx, &mut tx, &lead, Some(heat), meeting).await?;
            hand_off.store(ctx, &mut tx, &mut lead).await?;
        }
    }
    if let Some(gone) = gone {
        gone.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, by.name(), "give", lead_id, to.trim()).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Makes somebody the owner of a lead that is worked already: an assignment without an offer.
async fn take_over(
    ctx: &Context,
    tx: &mut Tx,
    lead: &mut leads::Lead,
    offer: Offer,
    sentence: &str,
) -> Result<Offer> {
    let now_ms = ctx.now_ms();
    let offer =
        Offer { viewed_ms: None, answered_ms: Some(now_ms), answer: Some("accepted".to_owned()), ..offer };
    lead.owner_name = Some(offer.rep_name.clone());
    lead.owner_email = Some(offer.rep_email.clone());
    let (known_ms, known_stage) = (lead.updated_ms, lead.stage.clone());
    lead.updated_ms = now_ms;
    leads::update(tx, lead, known_ms, &known_stage).await?;
    offers::add(tx, &offer).await?;
    sequences::hand_over(tx, &lead.id, now_ms).await?;
    add_step(ctx, tx, lead, "partnercast", sentence).await?;
    Ok(offer)
}
