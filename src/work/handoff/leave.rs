//! Somebody who has leads is erased: what nobody reached yet is offered to the next, what is worked goes to the channel manager,
//! so that no lead is left with nobody.

use super::{
    super::context::Context,
    Offering, Release, asset_title, assign,
    give::{begin_clock, take_over},
    heat_of, lead_and_partner, lead_in, offer,
    ready::close_date,
    release, reminder, stage_of,
    turn::pass_on,
    zone_of,
};
use crate::{
    domain::{
        kernel::{Error, Result},
        lead::{LeadStage, StopReason},
        partner::Partner,
    },
    store::{
        audit, conflicts,
        leads::{self, Lead},
        offers::{self, Offer},
    },
};

/// Why a lead is taken from them; it names nobody.
const LEFT: &str = "taken back: whoever had it has left";

/// Takes from the contact at an address all leads that they have or were offered, but for those of `theirs` of which they are
/// the person and that end with them. Returns how many.
///
/// # Errors
/// Those of the store, and `Conflict` where a lead changed in this moment, or nobody else could have it; what was passed on
/// before stays so.
pub(in crate::work) async fn leave(ctx: &Context, rep_key: &str, theirs: &[String]) -> Result<usize> {
    let mut passed = 0;
    loop {
        let before = passed;
        for offer in offers::live_of_rep(&ctx.db, rep_key).await? {
            let (lead, partner) = lead_and_partner(ctx, &offer.lead_id).await?;
            let stage = stage_of(&lead)?;
            let is_deal = matches!(stage, LeadStage::Sql | LeadStage::DealRegistered);
            // A channel manager is no contact: what they have is for whoever follows them.
            if offer.contact_id.is_none() || theirs.contains(&lead.id) && !is_deal {
                continue;
            }
            if matches!(stage, LeadStage::Offered | LeadStage::Sal) {
                to_the_next(ctx, &lead, &partner, &offer).await?;
            } else {
                to_the_manager(ctx, &lead, &partner, &offer).await?;
            }
            passed += 1;
        }
        if passed == before {
            return Ok(passed);
        }
    }
}

async fn to_the_next(ctx: &Context, known: &Lead, partner: &Partner, offer: &Offer) -> Result<()> {
    let title = asset_title(ctx, known, partner)?;
    let passing = Some((offer.rep_email.as_str(), "has left"));
    let of = Offering::new(known, partner, &title, &known.because, heat_of(offer));
    let next = assign::next(ctx, &Offering { passing, ..of }, assign::LAPSED).await?;
    let mut tx = ctx.db.begin().await?;
    // The next partner may meet somebody else's lead.
    conflicts::take_turns(&mut tx).await?;
    let mut lead = lead_in(&mut tx, &known.id).await?;
    unchanged(known, &lead)?;
    let why = Release { reason: StopReason::Withdrawn, sentence: LEFT };
    pass_on(ctx, &mut tx, &mut lead, (partner, offer), Some(next), &why).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, "partnercast", "take-back", &lead.id, &offer.id)
        .await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// What is worked keeps its stage: the channel manager has it until they give it to somebody.
async fn to_the_manager(ctx: &Context, known: &Lead, partner: &Partner, offer: &Offer) -> Result<()> {
    let title = asset_title(ctx, known, partner)?;
    let of = Offering::new(known, partner, &title, &known.because, heat_of(offer));
    let to = partner.channel_manager_email.as_str();
    if offer.rep_email.eq_ignore_ascii_case(to) {
        return Err(Error::conflict(format!(
            "they work leads of {} and are its channel manager; name another one in the roster first",
            partner.name
        )));
    }
    let mut hand_off = offer::prepare_to(ctx, &of, to, "partnercast").await?;
    hand_off.offer.given_because = Some("whoever had it has left".to_owned());
    let day = close_date(&leads::amounts(&ctx.db, &known.id).await?);
    let stage = stage_of(known)?;
    let until = day.filter(|_| matches!(stage, LeadStage::Sql | LeadStage::DealRegistered));
    let zone = zone_of(ctx, &hand_off.offer, partner).await?;
    let given = reminder::given(ctx, known, partner, &hand_off.offer)?;
    let sentence = format!("partnercast gave it to {}: whoever had it has left", hand_off.offer.rep_name);

    let mut tx = ctx.db.begin().await?;
    let mut lead = lead_in(&mut tx, &known.id).await?;
    unchanged(known, &lead)?;
    release(ctx, &mut tx, &mut lead, offer, &Release { reason: StopReason::Withdrawn, sentence: LEFT })
        .await?;
    let offer = take_over(ctx, &mut tx, &mut lead, hand_off.offer, ("partnercast", &sentence)).await?;
    begin_clock(ctx, &mut tx, (&lead, stage), &offer, partner, (zone, until)).await?;
    given.enqueue(&mut tx, ctx.now_ms()).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, "partnercast", "give", &lead.id, to).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

fn unchanged(known: &Lead, now: &Lead) -> Result<()> {
    if known.stage == now.stage && known.owner_email == now.owner_email {
        return Ok(());
    }
    Err(Error::conflict("a lead of theirs changed in this moment; ask again"))
}
