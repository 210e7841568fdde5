//! One person, or one company, known through two partners: one of them goes on, the others' leads wait. Whoever hands a lead
//! over asks first ([`weigh`]) and says so in the transaction that does it ([`meet`]); what was decided against somebody who
//! has the lead is carried out by [`settle`]; what has come to its end is looked at again by [`tick`].

mod clock;
mod decide;
mod foresight;
mod mail;
mod part;
mod watch;

use serde::{Deserialize, Serialize};

use super::super::{cobrand::no_content, context::Context, notices};
use crate::{
    domain::{
        content::rules::routing::{Conflict, ConflictScope},
        kernel::{
            Error, Result,
            clock::{DAY_MS, UtcMs},
            id::ConflictId,
            text::base_key,
        },
        lead::{
            LeadStage, account_of,
            clock::Heat,
            conflict::{Party, Ruling, ruling},
        },
    },
    store::{
        Tx,
        conflicts::{self, Case, Known},
        leads::Lead,
        sql,
    },
};

pub use clock::{due_ms, until};
pub use decide::{decide, reopen};
pub(in crate::work) use decide::{settle, settle_now};
pub(in crate::work) use foresight::{Foreseen, Foresight};
use part::{Begun, hold, join, open, put};
pub(super) use watch::tick;

/// Whether a lead may be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Nobody else is in the way.
    Free,
    /// There is a case, and this lead goes on.
    Goes,
    /// It waits: another partner goes on, or that is not decided, or not done yet.
    Waits,
}

/// What was found of a lead before it is stored.
pub(in crate::work) struct Meeting {
    stand: Stand,
    /// A lead that goes on at another partner: whoever has it is told that the person asked.
    goes_on: Option<String>,
    /// The partners that know the person, or company, too.
    partners: Vec<String>,
    mails: Vec<notices::Ready>,
    case_id: ConflictId,
}

impl Meeting {
    /// Whether the lead may be handed over now.
    pub(in crate::work) fn goes(&self) -> bool {
        self.stand != Stand::Waits
    }

    /// The partners in whose way the lead is, or who are in its way.
    pub(super) fn partners(&self) -> &[String] {
        &self.partners
    }
}

/// What a lead of a case looked like when something happened in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// The lead.
    pub lead_id: String,
    /// The partner it came through.
    pub partner: String,
    /// `lead::LeadStage`'s word.
    pub stage: String,
    /// Points.
    pub score: i64,
    /// Fit grade.
    pub fit: String,
    /// The asset that brought them.
    pub asset: String,
    /// Who had it.
    pub owner: Option<String>,
    /// Since when it was known.
    pub created_ms: UtcMs,
    /// When the person did something last.
    pub last_ms: UtcMs,
    /// Since when somebody had it in hand.
    pub since_ms: Option<UtcMs>,
    /// Whether somebody was to call.
    pub asks: bool,
}

/// The rule of the present content.
fn rule(ctx: &Context) -> Result<Conflict> {
    ctx.library().rules.routing.as_ref().map(|routing| routing.conflict).ok_or_else(no_content)
}

/// What a conflict about the lead would be about: scope, and whom.
fn subject(rule: &Conflict, address: &str) -> (&'static str, String) {
    match (rule.scope, account_of(address)) {
        (ConflictScope::Account, Some(account)) => ("account", account),
        _ => ("person", base_key(address)),
    }
}

fn won_since_ms(rule: &Conflict, now_ms: UtcMs) -> UtcMs {
    now_ms - i64::from(rule.won_days) * DAY_MS
}

fn parties(rows: &[Known]) -> Result<Vec<Party>> {
    rows.iter().map(party).collect()
}

fn party(row: &Known) -> Result<Party> {
    let stage = sql::stored("lead", "stage", &row.lead_id, &row.stage, LeadStage::parse(&row.stage))?;
    let last_ms = row.last_ms.unwrap_or(row.created_ms).max(row.created_ms);
    Ok(Party {
        lead_id: row.lead_id.clone(),
        partner: row.partner_slug.clone(),
        stage,
        created_ms: row.created_ms,
        last_ms,
        since_ms: row.since_ms,
        asks: !row.asks.is_empty() && row.since_ms.is_none(),
        callable: row.agrees && row.recycled_ms.is_none_or(|returned_ms| last_ms > returned_ms),
        has_people: row.has_people,
    })
}

fn looked(rows: &[Known], asking: Option<&str>) -> Result<String> {
    let all: Vec<Looked> = rows
        .iter()
        .map(|row| Looked {
            lead_id: row.lead_id.clone(),
            partner: row.partner_slug.clone(),
            stage: row.stage.clone(),
            score: row.score,
            fit: row.fit.clone(),
            asset: row.asset.clone(),
            owner: row.owner_name.clone(),
            created_ms: row.created_ms,
            last_ms: row.last_ms.unwrap_or(row.created_ms),
            since_ms: row.since_ms,
            asks: !row.asks.is_empty() || asking == Some(row.lead_id.as_str()),
        })
        .collect();
    serde_json::to_string(&all).map_err(|error| Error::internal("JSON").because(error))
}

/// What is to be done about a lead.
enum Verdict {
    /// Nothing.
    Nothing,
    /// It belongs to a case that there is.
    Joins(Case),
    /// A case begins.
    Opens(Ruling),
}

struct Weighed {
    stand: Stand,
    parties: Vec<Party>,
    verdict: Verdict,
}

/// Puts a lead that does something now, and what is known of its person or company, to the rule.
fn weighed(
    rule: &Conflict,
    lead: &Lead,
    asks: bool,
    now_ms: UtcMs,
    mut parties: Vec<Party>,
    live: Option<Case>,
) -> Result<Weighed> {
    let stage = sql::stored("lead", "stage", &lead.id, &lead.stage, LeadStage::parse(&lead.stage))?;
    // One that moves to another partner is in nobody's hand there yet.
    let stored = parties.iter().find(|party| party.lead_id == lead.id && party.partner == lead.partner_slug);
    let (since_ms, has_people) = stored.map_or((None, true), |party| (party.since_ms, party.has_people));
    parties.retain(|party| party.lead_id != lead.id);
    parties.push(Party {
        lead_id: lead.id.clone(),
        partner: lead.partner_slug.clone(),
        stage,
        created_ms: lead.created_ms,
        last_ms: now_ms,
        since_ms,
        asks: asks && since_ms.is_none(),
        callable: true,
        has_people,
    });
    let own = lead.partner_slug.as_str();
    let (stand, verdict) = match live {
        Some(case) => {
            // What is not settled yet may still be with somebody else.
            let is_settled = case.state == "decided" && case.settled;
            let goes = since_ms.is_some() || (is_settled && case.winner.as_deref() == Some(own));
            (if goes { Stand::Goes } else { Stand::Waits }, Verdict::Joins(case))
        }
        None => match ruling(rule, &parties) {
            Ruling::Nothing => (Stand::Free, Verdict::Nothing),
            Ruling::Goes { partner, because } => {
                // Whoever has it loses it first; then this one is offered.
                let taken = parties.iter().any(|party| party.is_in_hand() && party.partner != partner);
                let goes = partner == own && !taken;
                let stand = if goes { Stand::Goes } else { Stand::Waits };
                (stand, Verdict::Opens(Ruling::Goes { partner, because }))
            }
            asked @ Ruling::Ask { .. } => (Stand::Waits, Verdict::Opens(asked)),
        },
    };
    Ok(Weighed { stand, parties, verdict })
}

/// Whether a lead that does something now, and is perhaps to be handed over (`asks`), is in conflict with one of another
/// partner. Stores nothing; the lead need not be stored yet.
///
/// # Errors
/// Those of the store, and of content without a routing rule.
pub(in crate::work) async fn weigh(ctx: &Context, lead: &Lead, asks: bool) -> Result<Meeting> {
    let (rule, now_ms) = (rule(ctx)?, ctx.now_ms());
    let (scope, subject) = subject(&rule, &lead.email);
    let rows = conflicts::known(&ctx.db, scope, &subject, won_since_ms(&rule, now_ms)).await?;
    let live = conflicts::live(&ctx.db, scope, &subject).await?;
    let weighed = weighed(&rule, lead, asks, now_ms, parties(&rows)?, live)?;
    let case_id = ConflictId::new(now_ms, &*ctx.random);
    let winner = match &weighed.verdict {
        Verdict::Joins(case) => case.winner.clone(),
        Verdict::Opens(Ruling::Goes { partner, .. }) => Some(partner.clone()),
        Verdict::Opens(_) | Verdict::Nothing => None,
    };
    let theirs = |party: &&Party| party.is_in_hand() && winner.as_ref() == Some(&party.partner);
    let goes_on = weighed.parties.iter().find(theirs).filter(|_| weighed.stand == Stand::Waits);
    let mails = match &weighed.verdict {
        Verdict::Opens(Ruling::Ask { because }) => {
            let slugs = weighed.parties.iter().map(|party| party.partner.as_str());
            mail::to_managers(ctx, &case_id.to_string(), 1, slugs, because).await?
        }
        _ => Vec::new(),
    };
    let goes_on = goes_on.map(|party| party.lead_id.clone());
    let others = weighed.parties.iter().filter(|party| party.lead_id != lead.id && party.contends());
    let partners = others.map(|party| party.partner.clone()).collect();
    Ok(Meeting { stand: weighed.stand, goes_on, partners, mails, case_id })
}

/// The mail to whoever has the lead that goes on: the person asked to be called by another way. None where nobody has it.
///
/// # Errors
/// Those of the store and of composing.
pub(in crate::work) async fn tell_who_goes_on(
    ctx: &Context,
    meeting: &Meeting,
    what: &str,
) -> Result<Option<notices::Ready>> {
    match &meeting.goes_on {
        Some(lead_id) => super::reminder::tell_that_they_asked_elsewhere(ctx, lead_id, what).await,
        None => Ok(None),
    }
}

/// Stores what was found of a lead, in the transaction that stores the lead itself. Returns the case that is to be settled
/// behind it ([`settle_now`]), if there is one.
///
/// # Errors
/// `Conflict` where something has changed since [`weigh`]; nothing of the transaction may count then. Those of the store.
pub(in crate::work) async fn meet(
    ctx: &Context,
    tx: &mut Tx,
    lead: &Lead,
    asks: Option<Heat>,
    meeting: Meeting,
) -> Result<Option<String>> {
    let (rule, now_ms) = (rule(ctx)?, ctx.now_ms());
    conflicts::take_turns(tx).await?;
    let (scope, subject) = subject(&rule, &lead.email);
    let rows = conflicts::known_in(tx, scope, &subject, won_since_ms(&rule, now_ms)).await?;
    let live = conflicts::live_in(tx, scope, &subject).await?;
    let weighed = weighed(&rule, lead, asks.is_some(), now_ms, parties(&rows)?, live)?;
    if weighed.stand != meeting.stand {
        return Err(Error::conflict("somebody else changed this lead meanwhile; try again"));
    }
    let asking = asks.is_some().then_some(lead.id.as_str());
    match weighed.verdict {
        Verdict::Nothing => Ok(None),
        Verdict::Joins(case) => {
            let looked = looked(&rows, asking)?;
            let held = weighed.stand == Stand::Waits && case.winner.as_ref() != Some(&lead.partner_slug);
            join(ctx, tx, &case, lead, asks, held, looked).await?;
            Ok((case.state == "decided" && !case.settled).then_some(case.id))
        }
        Verdict::Opens(ruling) => {
            let begun = Begun { id: meeting.case_id, scope, subject: &subject, lead, asks, ruling };
            let settled = weighed.stand == Stand::Goes
                || matches!(&begun.ruling, Ruling::Goes { partner, .. } if is_settled(&weighed.parties, partner));
            let case_id = open(ctx, tx, &begun, &weighed.parties, settled, looked(&rows, asking)?).await?;
            for mail in meeting.mails {
                mail.enqueue(tx, now_ms).await?;
            }
            Ok((!settled && !matches!(begun.ruling, Ruling::Ask { .. })).then_some(case_id))
        }
    }
}

/// Stores that a lead which was to be handed over waits, and carries out what was decided by that.
///
/// # Errors
/// As [`meet`] and [`settle`].
pub(super) async fn wait(ctx: &Context, lead: &Lead, heat: Heat, meeting: Meeting) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    let now = super::lead_in(&mut tx, &lead.id).await?;
    if now.updated_ms != lead.updated_ms || now.stage != lead.stage {
        return Ok(()); // It is looked at again.
    }
    let case_id = meet(ctx, &mut tx, &now, Some(heat), meeting).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    match case_id {
        Some(id) => settle(ctx, &id).await,
        None => Ok(()),
    }
}

/// Whether nothing is left to do for a decision: the winner has a lead in hand, and nobody else.
fn is_settled(parties: &[Party], winner: &str) -> bool {
    let mut in_hand = parties.iter().filter(|party| party.is_in_hand()).peekable();
    in_hand.peek().is_some() && in_hand.all(|party| party.partner == winner)
}

fn changed() -> Error {
    Error::conflict("this case has changed since you looked at it; look at it again, then decide")
}
