//! What programs and files tell of leads, by the same rules as the desk: in one transaction, with every fault.

mod file;
mod hook;
mod request;

use std::collections::{HashMap, HashSet};

use super::{
    context::Context,
    handoff::{self, By, Closing, Outcome, Ready, Step},
};
use crate::{
    domain::{
        kernel::{Error, Kind, Result},
        lead::{
            LeadStage,
            intake::Fault,
            update::{self, Update},
        },
    },
    store::{Tx, lead_updates, leads, person},
};

pub use file::{Told, export, import};
pub use hook::{Signed, hook, sender};
pub use request::request;

/// What became of one update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its row.
    pub no: u64,
    /// The lead.
    pub lead_id: String,
    /// Whether it was recorded; else it was older than what is known.
    pub recorded: bool,
    /// Where the lead stands now.
    pub stage: String,
}

impl Done {
    /// `{"result":"recorded","lead_id":"led_…","stage":"won"}`; what is ignored says why.
    fn json(&self) -> String {
        let mut answer = serde_json::json!({
            "result": if self.recorded { "recorded" } else { "ignored" }, "lead_id": self.lead_id, "stage": self.stage,
        });
        if !self.recorded
            && let Some(answer) = answer.as_object_mut()
        {
            answer.insert("because".to_owned(), "updated_at is older than what is known of this lead".into());
        }
        answer.to_string()
    }
}

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Of what sort the first fault is.
    pub kind: Kind,
    /// All of them.
    pub faults: Vec<Fault>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcomes {
    /// Taken, now or before; the answer is JSON.
    Taken(String),
    /// Nothing was changed.
    Refused(Refused),
    /// Nobody is known to have sent it; says what is missing.
    Unsigned(&'static str),
}

/// What is read before the transaction: leads by their ids; nothing for those that there are not.
type Known = HashMap<String, Option<Ready>>;

/// Reads what it takes to apply `updates`.
async fn known(ctx: &Context, updates: &[Update]) -> Result<Known> {
    let mut known = Known::new();
    for update in updates {
        if known.contains_key(&update.lead_id) {
            continue;
        }
        let ready = match handoff::ready(ctx, &update.lead_id).await {
            Ok(ready) => Some(ready),
            Err(error) if error.kind() == Kind::NotFound => None,
            Err(error) => return Err(error),
        };
        known.insert(update.lead_id.clone(), ready);
    }
    Ok(known)
}

/// Applies `updates` in their order, in the transaction of the caller, who commits it only where nothing was refused. Of a lead
/// the first refusal is told; what follows from it is not.
async fn apply(
    ctx: &Context,
    tx: &mut Tx,
    known: &Known,
    by: By<'_>,
    updates: &[Update],
) -> Result<Result<Vec<Done>, Refused>> {
    let (mut all, mut faults, mut kind) = (Vec::with_capacity(updates.len()), Vec::new(), None);
    let mut refused = HashSet::new();
    for update in updates {
        if refused.contains(update.lead_id.as_str()) {
            continue;
        }
        let ready = known.get(&update.lead_id).and_then(Option::as_ref);
        match one(ctx, tx, ready, by, update).await {
            Ok(done) => all.push(done),
            Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => return Err(error),
            Err(error) => {
                refused.insert(update.lead_id.as_str());
                kind.get_or_insert(error.kind());
                faults.push(fault(tx, ready, update, &error).await?);
            }
        }
    }
    Ok(match kind {
        None => Ok(all),
        Some(kind) => Err(Refused { kind, faults }),
    })
}

async fn one(ctx: &Context, tx: &mut Tx, ready: Option<&Ready>, by: By<'_>, update: &Update) -> Result<Done> {
    let lead = leads::lead_in(tx, &update.lead_id).await?;
    // Another partner's lead is not there; nor is what is left of somebody who was erased.
    let is_theirs = |lead: &leads::Lead| match by {
        By::Program(_, Some(only)) => only == lead.partner_slug,
        _ => true,
    };
    let lead = lead.filter(|lead| is_theirs(lead) && !person::is_erased(&lead.email));
    let (Some(ready), Some(lead)) = (ready, lead) else { return Err(Error::not_found("this lead")) };
    if let Some(updated_ms) = update.updated_ms {
        if lead_updates::known_ms(tx, &lead.id).await?.is_some_and(|known_ms| updated_ms < known_ms) {
            return Ok(Done { no: update.no, lead_id: lead.id, recorded: false, stage: lead.stage });
        }
        lead_updates::told(tx, &lead.id, updated_ms).await?;
    }
    match corrected(ready, update) {
        Some(closing) => handoff::revalue(ctx, tx, ready, by, closing, &update.note).await?,
        None => handoff::act(ctx, tx, ready, by, step(update.step), &update.note).await?,
    }
    let stage = leads::lead_in(tx, &lead.id).await?.map_or(lead.stage, |lead| lead.stage);
    Ok(Done { no: update.no, lead_id: lead.id, recorded: true, stage })
}

/// The new value of a deal that stands already where the update has it.
fn corrected(ready: &Ready, update: &Update) -> Option<Closing> {
    match step(update.step) {
        Step::Came(outcome) => ready.corrected(outcome),
        _ => None,
    }
}

/// Which field is to be mended where what an update says cannot be, and how.
fn blamed(ready: Option<&Ready>, update: &Update) -> (&'static str, &'static str) {
    match (ready, step(update.step)) {
        (Some(ready), _) if update.note.is_empty() && corrected(ready, update).is_some() => {
            ("note", "say in a line why the value is corrected")
        }
        (Some(ready), Step::Came(outcome)) if ready.is_in_another_currency(outcome) => {
            ("currency", "write the value in the deal's own currency")
        }
        _ => ("close_date", "correct the day"),
    }
}

/// A refusal as a fault of its row, with where the lead may go from where it is.
async fn fault(tx: &mut Tx, ready: Option<&Ready>, update: &Update, error: &Error) -> Result<Fault> {
    let (column, fix) = match error.kind() {
        Kind::NotFound => (
            "lead_id",
            "use the id as it was sent or exported; it may be another partner's by now".to_owned(),
        ),
        Kind::Conflict => {
            let lead = leads::lead_in(tx, &update.lead_id).await?;
            let stage = lead.and_then(|lead| LeadStage::parse(&lead.stage));
            ("stage", stage.map_or_else(|| "read the lead again".to_owned(), may_follow))
        }
        Kind::Invalid => {
            let (column, fix) = blamed(ready, update);
            (column, fix.to_owned())
        }
        _ => ("", "ask the channel manager".to_owned()),
    };
    Ok(Fault {
        row: update.no,
        column: column.to_owned(),
        value: String::new(),
        message: error.public().to_owned(),
        fix,
    })
}

/// What may be told of a lead in this stage.
fn may_follow(stage: LeadStage) -> String {
    if !stage.is_owned() {
        return if stage.is_terminal() {
            "it is over; nothing follows".to_owned()
        } else {
            "tell it again once somebody has accepted the lead".to_owned()
        };
    }
    let told: Vec<&str> =
        stage.next().iter().map(|to| to.as_str()).filter(|to| update::STEPS.contains(to)).collect();
    format!("from here it can become {}", told.join(", "))
}

fn step(step: update::Step) -> Step {
    use update::Step as S;
    Step::Came(match step {
        S::Contacted => return Step::Contacted,
        S::Note => return Step::Note,
        S::Sql(amount, on) => Outcome::Sql(Closing { amount, on: Some(on) }),
        S::DealRegistered(closing) => {
            Outcome::DealRegistered(closing.map(|(amount, on)| Closing { amount, on }))
        }
        S::Won(amount, on) => Outcome::Won(Closing { amount, on }),
        S::Lost(reason) => Outcome::Lost(reason),
        S::Disqualified(reason, again_on) => Outcome::Disqualified { reason, again_on },
    })
}

/// The same, once more where somebody else changed the lead in between: the second time finds what they did.
async fn twice<F: Future<Output = Result<Outcomes>>>(mut once: impl FnMut() -> F) -> Result<Outcomes> {
    match once().await {
        Ok(Outcomes::Refused(Refused { kind: Kind::Conflict, .. })) => once().await,
        Err(error) if error.kind() == Kind::Conflict => once().await,
        done => done,
    }
}
