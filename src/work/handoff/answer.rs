//! How a rep answers an offer: they look, take it, let it pass, or ask for more time.

use super::{
    super::context::Context, By, Offering, WITHDRAWN, add_step, advance, asset_title, assign, decision,
    heat_of, lead_and_partner, lead_in, must_agree, rest, stage_of, start_clock, working, zone_of,
};
use crate::{
    domain::{
        kernel::{Error, Result, clock::UtcMs, id::OfferId, text},
        lead::{LeadStage, RejectReason, SlaKind, clock},
    },
    store::{
        Tx, audit, conflicts, consents,
        lead_clocks::{self, SlaClock},
        leads::Lead,
        offers::{self, Answer, Offer},
        sql,
    },
};

/// Records that the rep opened the card.
///
/// # Errors
/// `NotFound` for an offer that is not there.
pub async fn view(ctx: &Context, id: OfferId) -> Result<Offer> {
    let offer = load_offer(ctx, id).await?;
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    if offers::view(&mut tx, &offer.id, now_ms).await? {
        let lead = lead_in(&mut tx, &offer.lead_id).await?;
        add_step(ctx, &mut tx, &lead, &offer.rep_name, "opened the lead card").await?;
    }
    tx.commit().await?;
    Ok(offer)
}

/// One offer.
///
/// # Errors
/// `NotFound` for an offer that is not there.
pub async fn load_offer(ctx: &Context, id: OfferId) -> Result<Offer> {
    offers::offer(&ctx.db, &id.to_string()).await?.ok_or_else(|| Error::not_found("this offer"))
}

/// The rep takes the lead: they are its owner, the acceptance clock stops, the one to the first contact starts.
///
/// # Errors
/// `Conflict` if the offer was answered before, or taken back, or the person took back their consent.
pub async fn accept(ctx: &Context, id: OfferId) -> Result<()> {
    let offer = load_offer(ctx, id).await?;
    let (_, partner) = lead_and_partner(ctx, &offer.lead_id).await?;
    let zone = zone_of(ctx, &offer, &partner).await?;
    let (mut tx, mut lead) =
        answer(ctx, &offer, Answer { answer: "accepted", reason: "", because: None }).await?;
    must_agree(&mut tx, &lead.id).await?;
    lead.owner_name = Some(offer.rep_name.clone());
    lead.owner_email = Some(offer.rep_email.clone());
    advance(ctx, &mut tx, &mut lead, LeadStage::Sal, &offer.rep_name, "accepted the lead").await?;
    start_clock(ctx, &mut tx, &offer, &partner, zone, SlaKind::FirstContact).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, &offer.rep_name, "accept", &lead.id, &offer.id)
        .await?;
    tx.commit().await
}

/// The rep turns the lead down before any contact. In the same transaction it is offered to the next person who may take it, or,
/// for a reason that no colleague can mend, to the vendor's channel manager, who is the last anyway. What they turn down too
/// goes back to nurture.
///
/// # Errors
/// `Conflict` if the offer was answered before, or taken back.
pub async fn reject(ctx: &Context, id: OfferId, reason: RejectReason, note: &str) -> Result<()> {
    let note = text::single_line("the note", note)?;
    let why = if note.is_empty() { reason.label().to_owned() } else { format!("{}: {note}", reason.label()) };
    let offer = load_offer(ctx, id).await?;
    let (mut lead, partner) = lead_and_partner(ctx, &offer.lead_id).await?;
    let standing = super::super::scoring::assess(ctx, &lead, None).await?;
    // What was done since the last form counts for the next rep too; why it qualified stays.
    lead.score = i64::from(standing.score.points);
    let title = asset_title(ctx, &lead, &partner)?;
    let of = Offering {
        lead: &lead,
        partner: &partner,
        asset_title: &title,
        because: &lead.because,
        heat: heat_of(&offer),
        passing: Some((&offer.rep_email, "turned this lead down before")),
        again: None,
    };
    let next = match decision::who_decides(ctx, &partner, &offer, reason) {
        Some(to) => assign::Next::Same(Box::new(decision::ask(ctx, &of, &to, &offer, (reason, &why)).await?)),
        None => assign::next(ctx, &of, assign::TURNED_DOWN).await?,
    };
    let how = Answer { answer: "rejected", reason: reason.as_str(), because: Some(&why) };
    let (mut tx, mut lead) = answer(ctx, &offer, how).await?;
    let what = format!("turned the lead down. {why}");
    advance(ctx, &mut tx, &mut lead, LeadStage::Rejected, &offer.rep_name, &what).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, &offer.rep_name, "reject", &lead.id, reason.as_str())
        .await?;
    if !consents::agrees_in(&mut tx, &lead.id).await? {
        rest(ctx, &mut tx, &mut lead, "they took back their consent", WITHDRAWN).await?;
    } else if decision::is_to_decide(&offer) {
        let what = "Closed by the channel manager, who was asked to decide. Back to nurture until the person asks again.";
        rest(ctx, &mut tx, &mut lead, &format!("the channel manager closed it: {}", reason.label()), what)
            .await?;
    } else if next.hand_off().is_some_and(|next| next.is_to(&offer.rep_email)) {
        // The channel manager is the last; asked once more they could only turn it down once more.
        let what = "Nobody is left to offer it to. Back to nurture until the person asks again.";
        rest(ctx, &mut tx, &mut lead, "everybody it was offered to turned it down", what).await?;
    } else {
        next.store(ctx, &mut tx, &mut lead, &partner, assign::TURNED_DOWN).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Whoever has the lead asks for more time: as much as the clock had, once for each clock, before it runs out.
/// Returns when it runs out now.
///
/// # Errors
/// `Denied` for somebody else, `Conflict` where no clock runs, it ran out, or had more time before.
pub async fn ask_for_time(ctx: &Context, lead_id: &str, by: By<'_>, note: &str) -> Result<UtcMs> {
    let note = text::single_line("the note", note)?;
    let (_, partner) = lead_and_partner(ctx, lead_id).await?;
    let library = ctx.library();
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    let lead = lead_in(&mut tx, lead_id).await?;
    let offer = offers::live_in(&mut tx, lead_id).await?;
    let offer = offer.ok_or_else(|| Error::conflict("this lead is with nobody now, so no clock runs"))?;
    let is_theirs = matches!(by, By::Rep(rep) if rep.is_at(&offer.rep_email));
    if !is_theirs && !by.manages(&partner) {
        return Err(Error::denied("only who has the lead can ask for more time"));
    }
    let running = lead_clocks::running_in(&mut tx, lead_id).await?;
    let running = running.ok_or_else(|| Error::conflict("no clock runs on this lead"))?;
    if running.first_due_ms.is_some() {
        return Err(Error::conflict(
            "this clock had more time before; if it does not suffice, your channel manager can give the lead to somebody else",
        ));
    }
    if now_ms >= running.due_ms {
        return Err(Error::conflict("this clock has run out"));
    }
    let zone = sql::stored("clock", "zone", lead_id, &running.zone, running.zone.parse().ok())?;
    let working = working(&library, &offer, &partner, zone)?;
    let minutes = u32::try_from(running.minutes).unwrap_or(0).max(1);
    let longer = clock::SlaClock {
        kind: kind_of(&running)?,
        started_ms: running.started_ms,
        due_ms: working.add_minutes(running.due_ms, minutes),
        minutes: minutes * 2,
    };
    let next = longer.turns(&working, 0, now_ms).1.map_or(longer.due_ms, |turn| turn.at_ms);
    if !lead_clocks::extend(&mut tx, &running, longer.due_ms, i64::from(longer.minutes), next).await? {
        return Err(Error::conflict("this clock has been stopped meanwhile"));
    }
    let what = if note.is_empty() {
        "asked for more time".to_owned()
    } else {
        format!("asked for more time: {note}")
    };
    add_step(ctx, &mut tx, &lead, by.name(), &what).await?;
    tx.commit().await?;
    Ok(longer.due_ms)
}

/// What a stored clock waits for.
pub(super) fn kind_of(clock: &SlaClock) -> Result<SlaKind> {
    sql::stored("clock", "kind", &clock.lead_id, &clock.kind, SlaKind::parse(&clock.kind))
}

/// Records the answer and stops the clock in a transaction that is still open, with the lead as it is in there.
pub(super) async fn answer(ctx: &Context, offer: &Offer, how: Answer<'_>) -> Result<(Tx, Lead)> {
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    // What is turned down may go to another partner, and meet somebody else's lead there.
    conflicts::take_turns(&mut tx).await?;
    if !offers::answer(&mut tx, &offer.id, now_ms, how).await? {
        let lead = lead_in(&mut tx, &offer.lead_id).await?;
        let stage = stage_of(&lead)?.label().to_lowercase();
        let now = offers::live_in(&mut tx, &lead.id).await?;
        // The same person in two tabs.
        let is_theirs = now.is_some_and(|now| now.id == offer.id && now.holds());
        return Err(Error::conflict(if is_theirs {
            format!("you have this lead already: it is \"{stage}\" now, and on your desk")
        } else {
            format!("this offer was answered or taken back before; the lead is \"{stage}\" now")
        }));
    }
    let lead = lead_in(&mut tx, &offer.lead_id).await?;
    lead_clocks::stop(&mut tx, &lead.id, now_ms, "").await?;
    Ok((tx, lead))
}
