//! Decisions about a conflict: a person's, the way back to an open case, and carrying out what was decided.

use super::{
    super::{
        super::{context::Context, notices, scoring},
        By, HandOff, Offering, Release, add_step, advance, again, asset_title, lead_and_partner, lead_in,
        prepare, release, reminder, stage_of,
    },
    changed, hold, looked, mail, parties, put, rule, won_since_ms,
};
use crate::{
    domain::{
        kernel::{Error, Result, clock::UtcMs, text},
        lead::{
            DisqualifyReason, LeadStage, StopReason,
            clock::Heat,
            conflict::{Party, to_offer},
        },
    },
    store::{
        Tx, audit,
        conflicts::{self, Case, Known, Step},
        leads::Lead,
        offers::{self, Offer},
        partners,
    },
};

/// A case with its leads as they are now.
struct Scene {
    case: Case,
    rows: Vec<Known>,
    parties: Vec<Party>,
}

async fn scene(ctx: &Context, id: &str) -> Result<Scene> {
    let case = conflicts::case(&ctx.db, id).await?.ok_or_else(|| Error::not_found("this conflict"))?;
    let since_ms = won_since_ms(&rule(ctx)?, ctx.now_ms());
    let rows = conflicts::known(&ctx.db, &case.scope, &case.subject, since_ms).await?;
    let parties = parties(&rows)?;
    Ok(Scene { case, rows, parties })
}

/// Whoever manages one of the partners of a case sees all of it; nobody else does.
async fn may_decide(ctx: &Context, parties: &[Party], by: By<'_>) -> Result<bool> {
    for party in parties {
        if let Some(partner) = partners::partner(&ctx.db, &party.partner).await?
            && by.manages(&partner)
        {
            return Ok(true);
        }
    }
    Ok(matches!(by, By::Console(_)))
}

/// Decides a case for the partner `winner`, as somebody saw it at `version`, with their reason.
///
/// # Errors
/// `Denied` for somebody who manages none of its partners. `Conflict` where it was decided before, is over, or has changed
/// since; where another partner's lead is a confirmed deal. `Invalid` without a reason, or for a partner that cannot go on,
/// which says why.
pub async fn decide(
    ctx: &Context,
    id: &str,
    by: By<'_>,
    version: i64,
    winner: &str,
    because: &str,
) -> Result<()> {
    let scene = scene(ctx, id).await?;
    if !may_decide(ctx, &scene.parties, by).await? {
        return Err(Error::denied("only the channel managers of the partners of a conflict can decide it"));
    }
    let because = text::single_line("the reason", because)?;
    check_open(ctx, &scene.case, version).await?;
    let mut faults = Vec::new();
    if because.is_empty() {
        faults.push("write down the reason: it stays in the case for both channel managers".to_owned());
    }
    faults.extend(why_not(&scene, winner));
    if !faults.is_empty() {
        return Err(Error::invalid(faults.join("; ")));
    }
    if let Some(deal) = scene.parties.iter().find(|party| party.is_bound() && party.partner != winner) {
        return Err(Error::conflict(format!(
            "sales confirmed a deal at {} (\"{}\"): decide for them, or record it as lost there first",
            deal.partner,
            deal.stage.label().to_lowercase()
        )));
    }
    let looked = looked(&scene.rows, None)?;
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    decided(ctx, &mut tx, &scene.case, winner, by.name(), &because, looked).await?;
    for party in scene.parties.iter().filter(|party| party.contends()) {
        put_again(ctx, &mut tx, &scene.case, party, winner).await?;
    }
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, by.name(), "decide-conflict", id, winner).await?;
    tx.commit().await?;
    settle(ctx, id).await
}

/// Writes down that a case is decided, in a transaction that is open.
///
/// # Errors
/// `Conflict` where somebody changed it since it was read.
pub(super) async fn decided(
    ctx: &Context,
    tx: &mut Tx,
    case: &Case,
    winner: &str,
    actor: &str,
    because: &str,
    looked: String,
) -> Result<()> {
    let now =
        Case { state: "decided".to_owned(), winner: Some(winner.to_owned()), settled: false, ..case.clone() };
    if !conflicts::update(tx, &now, ctx.now_ms()).await? {
        return Err(changed());
    }
    let step = Step {
        at_ms: ctx.now_ms(),
        actor: actor.to_owned(),
        what: format!("Decided: {winner} goes on."),
        because: because.to_owned(),
        winner: Some(winner.to_owned()),
        looked,
    };
    conflicts::add_step(tx, &case.id, &step).await
}

/// A lead's part once the case is decided: the winner's goes on, the others wait; what somebody else has is taken back when the
/// decision is carried out.
pub(super) async fn put_again(
    ctx: &Context,
    tx: &mut Tx,
    case: &Case,
    party: &Party,
    winner: &str,
) -> Result<()> {
    let known = conflicts::parties_in(tx, &case.id).await?.into_iter().find(|it| it.lead_id == party.lead_id);
    let asks = known.as_ref().map(|part| part.asks.clone()).unwrap_or_default();
    let is_held = known.is_some_and(|part| part.held);
    let decided = Case { winner: Some(winner.to_owned()), ..case.clone() };
    let stays_held = is_held && party.partner != winner;
    if stays_held {
        let lead = lead_in(tx, &party.lead_id).await?;
        return add_step(
            ctx,
            tx,
            &lead,
            "partnercast",
            "Decided: another partner goes on, and this lead waits.",
        )
        .await;
    }
    put(ctx, tx, &decided, party, &asks).await
}

/// That a case waits for a decision, as somebody saw it.
async fn check_open(ctx: &Context, case: &Case, version: i64) -> Result<()> {
    match case.state.as_str() {
        "over" => Err(Error::conflict("this conflict is over; there is nothing to decide any more")),
        "decided" => {
            let steps = conflicts::steps(&ctx.db, &case.id).await?;
            let last = steps.iter().rev().find(|step| step.winner.is_some());
            let by = last.map_or("the rule", |step| step.actor.as_str());
            let winner = case.winner.as_deref().unwrap_or_default();
            Err(Error::conflict(format!(
                "this conflict was decided before, by {by}, for {winner}; take it up again first to decide otherwise"
            )))
        }
        _ if case.version != version => Err(changed()),
        _ => Ok(()),
    }
}

/// Why a partner cannot go on.
fn why_not(scene: &Scene, winner: &str) -> Option<String> {
    let theirs: Vec<(&Party, &Known)> =
        scene.parties.iter().zip(&scene.rows).filter(|(party, _)| party.partner == winner).collect();
    if theirs.is_empty() {
        return Some("choose one of the partners of this conflict".to_owned());
    }
    if theirs.iter().any(|(party, _)| party.may_go_on()) {
        return None;
    }
    Some(if theirs.iter().all(|(_, row)| !row.has_people) {
        format!("{winner} has nobody left who could go on: its people are no longer on the roster")
    } else if theirs.iter().all(|(_, row)| !row.agrees) {
        format!("{winner} may not call: the person took back what they agreed to there")
    } else {
        format!("{winner} had this lead and returned it, and the person has done nothing there since")
    })
}

/// Takes a decided case up again: nothing is taken from whoever has the lead, and a channel manager decides anew.
///
/// # Errors
/// As [`decide`].
pub async fn reopen(ctx: &Context, id: &str, by: By<'_>, version: i64, because: &str) -> Result<()> {
    let Scene { case, rows, parties } = scene(ctx, id).await?;
    if !may_decide(ctx, &parties, by).await? {
        return Err(Error::denied(
            "only the channel managers of the partners of a conflict can take it up again",
        ));
    }
    let because = text::single_line("the reason", because)?;
    if because.is_empty() {
        return Err(Error::invalid("write down why it is to be decided again"));
    }
    if case.state != "decided" {
        let is = if case.state == "open" { "waits for a decision already" } else { "is over" };
        return Err(Error::conflict(format!("this conflict {is}")));
    }
    if case.version != version {
        return Err(changed());
    }
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    opened_again(ctx, &mut tx, &case, by.name(), &because, looked(&rows, None)?).await?;
    // Whoever was to be offered the lead, and was not yet, waits too.
    for party in parties.iter().filter(|party| party.contends() && !party.is_in_hand()) {
        let part =
            conflicts::parties_in(&mut tx, id).await?.into_iter().find(|it| it.lead_id == party.lead_id);
        if !part.is_some_and(|part| part.held) {
            put(ctx, &mut tx, &Case { winner: None, ..case.clone() }, party, "").await?;
        }
    }
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, by.name(), "reopen-conflict", id, "").await?;
    tx.commit().await
}

async fn opened_again(
    ctx: &Context,
    tx: &mut Tx,
    case: &Case,
    actor: &str,
    because: &str,
    looked: String,
) -> Result<()> {
    let now = Case { state: "open".to_owned(), winner: None, settled: false, ..case.clone() };
    if !conflicts::update(tx, &now, ctx.now_ms()).await? {
        return Err(changed());
    }
    conflicts::ask_anew(tx, &case.id, ctx.now_ms()).await?;
    let step = Step {
        at_ms: ctx.now_ms(),
        actor: actor.to_owned(),
        what: "Taken up again: a channel manager decides who goes on.".to_owned(),
        because: because.to_owned(),
        winner: None,
        looked,
    };
    conflicts::add_step(tx, &case.id, &step).await
}

/// As [`settle`], where a fault may wait: the loop of leads' clocks tries again.
pub(in crate::work) async fn settle_now(ctx: &Context, case_id: Option<String>) {
    let Some(id) = case_id else { return };
    if let Err(error) = settle(ctx, &id).await {
        tracing::warn!(case = id, error = error.detail(), "a decided conflict is not settled yet");
    }
}

/// A lead in hand that lost.
struct Loser {
    lead_id: String,
    offer: Offer,
    gone: notices::Ready,
}

/// Carries out what was decided: leads of others are taken back and wait, and the winner's is offered, where nobody there has
/// one. Nothing for a case that waits or is done.
///
/// # Errors
/// Those of the store and of routing; then nothing was changed.
pub(in crate::work) async fn settle(ctx: &Context, id: &str) -> Result<()> {
    let scene = scene(ctx, id).await?;
    let Scene { case, rows, parties } = &scene;
    let Some(winner) = case.winner.as_deref().filter(|_| case.state == "decided" && !case.settled) else {
        return Ok(());
    };
    let lost: Vec<&Party> = parties.iter().filter(|it| it.is_in_hand() && it.partner != winner).collect();
    if lost.iter().any(|party| party.is_bound()) {
        return undo(ctx, &scene, "a deal was confirmed meanwhile by whoever has the lead").await;
    }
    let mut losers = Vec::new();
    for party in lost {
        let (lead, partner) = lead_and_partner(ctx, &party.lead_id).await?;
        let live = offers::of_lead(&ctx.db, &lead.id).await?.into_iter().find(Offer::is_live);
        if let Some(offer) = live {
            let gone = reminder::lost_to_another(ctx, &lead, &partner, &offer)?;
            losers.push(Loser { lead_id: lead.id, offer, gone });
        }
    }
    let next = match to_offer(parties, winner) {
        Some(party) => Some(offering(ctx, case, &party.lead_id).await?),
        None => None,
    };
    let looked = looked(rows, None)?;
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    let done = Case { settled: true, ..case.clone() };
    if !conflicts::update(&mut tx, &done, ctx.now_ms()).await? {
        return Ok(()); // Somebody else settled it, or it is to be decided again.
    }
    let mut what = Vec::new();
    for loser in losers {
        what.push(format!("{} had it; it was taken back.", loser.offer.rep_name));
        take_from(ctx, &mut tx, case, loser).await?;
    }
    if let Some((known_ms, hand_off)) = next {
        what.push(format!("Offered to {}.", hand_off.offer.rep_name));
        let lead_id = hand_off.offer.lead_id.clone();
        let mut lead = lead_in(&mut tx, &lead_id).await?;
        if lead.updated_ms < known_ms || !stage_of(&lead)?.may_be_offered() {
            return Err(Error::conflict("the lead that goes on has changed meanwhile; try again"));
        }
        hand_off.store(ctx, &mut tx, &mut lead).await?;
    }
    if !what.is_empty() {
        let step = Step {
            at_ms: ctx.now_ms(),
            actor: "partnercast".to_owned(),
            what: what.join(" "),
            because: String::new(),
            winner: None,
            looked,
        };
        conflicts::add_step(&mut tx, id, &step).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// The offer of the lead that goes on, and when it was read.
async fn offering(ctx: &Context, case: &Case, lead_id: &str) -> Result<(UtcMs, HandOff)> {
    let (mut lead, partner) = lead_and_partner(ctx, lead_id).await?;
    let part = conflicts::parties(&ctx.db, &case.id).await?.into_iter().find(|it| it.lead_id == lead_id);
    let heat =
        if part.is_some_and(|part| part.asks == Heat::Hot.as_str()) { Heat::Hot } else { Heat::Standard };
    let known_ms = lead.updated_ms;
    let standing = scoring::assess(ctx, &lead, None).await?;
    standing.apply(&mut lead);
    let because = standing.qualified_because.unwrap_or_else(|| match heat {
        Heat::Hot => "the person asked to be called, and it was decided that this partner goes on".to_owned(),
        Heat::Standard => "it was decided that this partner goes on with the person".to_owned(),
    });
    let title = asset_title(ctx, &lead, &partner)?;
    let of = Offering::new(&lead, &partner, &title, &because, heat);
    Ok((known_ms, prepare(ctx, &of).await?))
}

/// Takes a lead back that lost, by the steps its stage allows, and lets it wait.
async fn take_from(ctx: &Context, tx: &mut Tx, case: &Case, loser: Loser) -> Result<()> {
    let mut lead = lead_in(tx, &loser.lead_id).await?;
    let sentence = "another partner goes on with this person";
    let why = Release { reason: StopReason::Conflict, sentence };
    let stage = stage_of(&lead)?;
    let out = match stage {
        LeadStage::Offered | LeadStage::Sal => LeadStage::Expired,
        LeadStage::Contacted => LeadStage::Disqualified,
        // Closed before, and with them only until they had answered.
        LeadStage::Won | LeadStage::Lost => {
            again::let_go(ctx, tx, &mut lead, &loser.offer, &why).await?;
            return loser.gone.enqueue(tx, ctx.now_ms()).await.map(drop);
        }
        // What was read is no longer so.
        _ => return Err(Error::conflict("a lead of this conflict has changed meanwhile; try again")),
    };
    release(ctx, tx, &mut lead, &loser.offer, &why).await?;
    let what = format!("Taken back: {sentence}.");
    DisqualifyReason::Conflict.as_str().clone_into(&mut lead.closed_reason);
    what.clone_into(&mut lead.because);
    advance(ctx, tx, &mut lead, out, "partnercast", &what).await?;
    advance(ctx, tx, &mut lead, LeadStage::Recycled, "partnercast", "Back to nurture, where it waits.")
        .await?;
    waits(ctx, tx, case, &lead).await?;
    loser.gone.enqueue(tx, ctx.now_ms()).await?;
    audit::record(tx, ctx.now_ms(), &*ctx.random, "partnercast", "take-back", &lead.id, &loser.offer.id).await
}

async fn waits(ctx: &Context, tx: &mut Tx, case: &Case, lead: &Lead) -> Result<()> {
    let known = conflicts::parties_in(tx, &case.id).await?.into_iter().find(|it| it.lead_id == lead.id);
    let part = conflicts::Party {
        case_id: case.id.clone(),
        lead_id: lead.id.clone(),
        partner_slug: lead.partner_slug.clone(),
        joined_ms: ctx.now_ms(),
        // Whoever had it worked it for a reason: it is taken up again when it is free.
        asks: known
            .map(|it| it.asks)
            .filter(|asks| !asks.is_empty())
            .unwrap_or_else(|| Heat::Standard.as_str().to_owned()),
        held: true,
    };
    conflicts::put_party(tx, &part).await?;
    hold(ctx, tx, lead, &case.scope, true).await
}

/// A decision that cannot be carried out any more: a channel manager decides anew.
async fn undo(ctx: &Context, scene: &Scene, because: &str) -> Result<()> {
    let case = &scene.case;
    let slugs = scene.parties.iter().map(|party| party.partner.as_str());
    let mails = mail::to_managers(ctx, &case.id, case.version + 1, slugs, because).await?;
    let mut tx = ctx.db.begin().await?;
    opened_again(ctx, &mut tx, case, "partnercast", because, looked(&scene.rows, None)?).await?;
    for mail in mails {
        mail.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}
