//! A lead's part in a case: it joins one that there is, or begins one; it waits, or goes on.

use super::{
    super::{
        super::{context::Context, sequences},
        add_step, lead_in,
    },
    changed,
};
use crate::{
    domain::{
        kernel::{Result, id::ConflictId},
        lead::{
            clock::Heat,
            conflict::{Party, Ruling},
        },
    },
    store::{
        Tx,
        conflicts::{self, Case, Party as Part, Step},
        leads::Lead,
    },
};

/// A lead's part in a case that there is.
pub(super) async fn join(
    ctx: &Context,
    tx: &mut Tx,
    case: &Case,
    lead: &Lead,
    asks: Option<Heat>,
    held: bool,
    looked: String,
) -> Result<()> {
    let now_ms = ctx.now_ms();
    let known = conflicts::parties_in(tx, &case.id).await?.into_iter().find(|part| part.lead_id == lead.id);
    let before = known.as_ref().map_or("", |part| part.asks.as_str());
    // Who asked to talk is not less urgent for having done something else since.
    let asks = match (before, asks) {
        ("hot", _) | (_, None) => before,
        (_, Some(heat)) => heat.as_str(),
    };
    let part = Part {
        case_id: case.id.clone(),
        lead_id: lead.id.clone(),
        partner_slug: lead.partner_slug.clone(),
        joined_ms: now_ms,
        asks: asks.to_owned(),
        held,
    };
    let is_same = |known: &Part| {
        known.asks == part.asks && known.held == part.held && known.partner_slug == part.partner_slug
    };
    if known.as_ref().is_some_and(is_same) {
        return Ok(());
    }
    conflicts::put_party(tx, &part).await?;
    // Whoever decides is to know of it.
    if !conflicts::update(tx, case, now_ms).await? {
        return Err(changed());
    }
    let what = match (&known, asks != before) {
        (None, _) => format!("Known through {} too.", lead.partner_slug),
        (Some(_), true) => format!("Asks to be called through {}.", lead.partner_slug),
        (Some(_), false) => format!("The lead of {} stands otherwise now.", lead.partner_slug),
    };
    let step = Step {
        at_ms: now_ms,
        actor: "partnercast".to_owned(),
        what,
        because: String::new(),
        winner: None,
        looked,
    };
    conflicts::add_step(tx, &case.id, &step).await?;
    if held && !known.is_some_and(|known| known.held) {
        hold(ctx, tx, lead, &case.scope, case.state == "decided").await?;
    }
    Ok(())
}

/// A case that begins with a lead.
pub(super) struct Begun<'a> {
    pub(super) id: ConflictId,
    pub(super) scope: &'static str,
    pub(super) subject: &'a str,
    pub(super) lead: &'a Lead,
    pub(super) asks: Option<Heat>,
    pub(super) ruling: Ruling,
}

pub(super) async fn open(
    ctx: &Context,
    tx: &mut Tx,
    begun: &Begun<'_>,
    parties: &[Party],
    settled: bool,
    looked: String,
) -> Result<String> {
    let now_ms = ctx.now_ms();
    let (winner, because) = match &begun.ruling {
        Ruling::Goes { partner, because } => (Some(partner.clone()), *because),
        Ruling::Ask { because } => (None, *because),
        Ruling::Nothing => (None, ""),
    };
    let case = Case {
        id: begun.id.to_string(),
        scope: begun.scope.to_owned(),
        subject: begun.subject.to_owned(),
        state: if winner.is_some() { "decided" } else { "open" }.to_owned(),
        version: 1,
        opened_ms: now_ms,
        changed_ms: now_ms,
        winner: winner.clone(),
        settled,
        asked_ms: if winner.is_some() { 0 } else { now_ms },
        told_percent: 0,
    };
    conflicts::add(tx, &case).await?;
    for party in parties.iter().filter(|party| party.contends() || party.lead_id == begun.lead.id) {
        let asks = match begun.asks {
            Some(heat) if party.lead_id == begun.lead.id => heat.as_str(),
            _ => "",
        };
        put(ctx, tx, &case, party, asks).await?;
    }
    let what = match &winner {
        Some(winner) => format!("Known through two partners. {winner} goes on."),
        None => "Known through two partners. A channel manager decides who goes on.".to_owned(),
    };
    let step =
        Step { at_ms: now_ms, actor: "rule".to_owned(), what, because: because.to_owned(), winner, looked };
    conflicts::add_step(tx, &case.id, &step).await?;
    tracing::info!(case = case.id, scope = case.scope, state = case.state, "a conflict of two partners");
    Ok(case.id)
}

/// Puts a lead into a case as it stands, with what that means for it: it waits, or goes on.
pub(super) async fn put(ctx: &Context, tx: &mut Tx, case: &Case, party: &Party, asks: &str) -> Result<()> {
    let is_winners = case.winner.as_ref() == Some(&party.partner);
    // What somebody has is theirs until a decision is carried out.
    let held = !is_winners && !party.is_in_hand();
    let part = Part {
        case_id: case.id.clone(),
        lead_id: party.lead_id.clone(),
        partner_slug: party.partner.clone(),
        joined_ms: ctx.now_ms(),
        asks: asks.to_owned(),
        held,
    };
    conflicts::put_party(tx, &part).await?;
    let lead = lead_in(tx, &party.lead_id).await?;
    if held {
        hold(ctx, tx, &lead, &case.scope, case.winner.is_some()).await
    } else {
        let what = match (&case.winner, case.scope.as_str()) {
            (Some(_), "person") if is_winners => {
                "The person is known through another partner too. This lead goes on; the other one waits."
            }
            (Some(_), _) if is_winners => {
                "Somebody at this company is known through another partner too. This lead goes on; the other one waits."
            }
            (Some(_), _) => "The person is known through another partner too, who goes on.",
            (None, _) => "Known through another partner too; it is being decided who goes on.",
        };
        add_step(ctx, tx, &lead, "partnercast", what).await
    }
}

/// A lead waits from now on: it leaves its sequences, and its ledger says why, naming nobody.
pub(super) async fn hold(ctx: &Context, tx: &mut Tx, lead: &Lead, scope: &str, decided: bool) -> Result<()> {
    sequences::hand_over(tx, &lead.id, ctx.now_ms()).await?;
    let whom = if scope == "account" { "somebody at this company" } else { "this person" };
    let what = if decided {
        format!(
            "Waits: another partner is in touch with {whom} and goes on. Nobody is asked to call meanwhile."
        )
    } else {
        format!("Waits: {whom} is known through another partner too, and it is being decided who goes on.")
    };
    add_step(ctx, tx, lead, "partnercast", &what).await
}
