//! The sequences that somebody is or was inside, for `explain`: what they had, what comes next, why they left.

use serde::Serialize;

use super::explain::{self, DeliveryTold, Holding, PersonTold};
use crate::{
    domain::{
        kernel::{Result, clock::UtcMs},
        program::sequence::LeaveReason,
    },
    store::{
        Db,
        contacts::Known,
        deliveries, journeys as stored,
        nodes::{self, RelayFault},
        pauses,
        sequences::{self, Enrolment},
    },
};

/// One journey of one person. Times are UTC milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct JourneyTold {
    /// The key.
    pub id: String,
    /// The sequence's slug.
    pub sequence: String,
    /// Whether they go through it as a lead, and not as a partner's person.
    pub is_lead: bool,
    /// Whose partner.
    pub partner: String,
    /// Why they entered.
    pub because: String,
    /// When.
    pub entered_ms: UtcMs,
    /// `inside`, `finished` or `left`.
    pub state: String,
    /// What they had, oldest first.
    pub steps: Vec<StepTold>,
    /// What comes next.
    pub next: Option<NextTold>,
    /// When they finished or left.
    pub ended_ms: Option<UtcMs>,
    /// Why they left, or a word on how they finished.
    pub left: Option<String>,
}

/// A step that somebody had.
#[derive(Debug, Clone, Serialize)]
pub struct StepTold {
    /// Its name.
    pub step: String,
    /// When.
    pub at_ms: UtcMs,
    /// `sent` or `skipped`.
    pub outcome: String,
    /// Why.
    pub because: String,
    /// The message, and every try.
    pub delivery: Option<DeliveryTold>,
}

/// What somebody waits for.
#[derive(Debug, Clone, Serialize)]
pub struct NextTold {
    /// The step.
    pub step: String,
    /// When it is due.
    pub due_ms: UtcMs,
    /// What stands in the way.
    pub detail: Option<String>,
}

/// One person, whatever they are to get: the sequences that they are or were inside. Times are UTC milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct PersonExplanation {
    /// What was asked for.
    pub asked: String,
    /// The partner's person, where one is known.
    pub person: Option<PersonTold>,
    /// Whether a lead has that address.
    pub is_lead: bool,
    /// The sequences.
    pub sequences: Vec<JourneyTold>,
}

impl PersonExplanation {
    /// Whether nobody is known by what was asked for: no partner's person, and no lead.
    pub fn is_nobody(&self) -> bool {
        self.person.is_none() && !self.is_lead
    }
}

/// Tells what somebody is or was inside: a partner's `person`, and leads with their address or `asked`.
///
/// # Errors
/// Those of the store.
pub async fn person(db: &Db, now_ms: UtcMs, asked: &str, person: Option<Known>) -> Result<PersonExplanation> {
    let address =
        person.as_ref().map_or_else(|| asked.trim().to_lowercase(), |known| known.email_key.clone());
    let contact = person.as_ref().map(|known| known.id.as_str());
    let sequences = of_person(db, now_ms, contact, &address).await?;
    let is_lead = !stored::leads_at(db, &address).await?.is_empty();
    Ok(PersonExplanation {
        asked: asked.to_owned(),
        person: person.map(explain::person_told),
        is_lead,
        sequences,
    })
}

/// The journeys of a contact and of the leads with the address `email_key`, oldest first.
///
/// # Errors
/// Those of the store.
pub async fn of_person(
    db: &Db,
    now_ms: UtcMs,
    contact_id: Option<&str>,
    email_key: &str,
) -> Result<Vec<JourneyTold>> {
    let mut people: Vec<String> = contact_id.map(str::to_owned).into_iter().collect();
    people.extend(stored::leads_at(db, email_key).await?);
    let relay_faults = nodes::relay_faults(db).await?;
    let mut all = Vec::new();
    for person in people {
        for of in sequences::of_person(db, &person).await? {
            all.push(told(db, now_ms, of, &relay_faults).await?);
        }
    }
    all.sort_by(|a, b| (a.entered_ms, &a.id).cmp(&(b.entered_ms, &b.id)));
    Ok(all)
}

async fn told(db: &Db, now_ms: UtcMs, of: Enrolment, relay_faults: &[RelayFault]) -> Result<JourneyTold> {
    let paused = pauses::of(db, &of.sequence).await?;
    let rests = paused.as_ref().map(|pause| match pause.because.as_str() {
        "" => format!("the sequence was paused by {}", pause.actor),
        because => format!("the sequence was paused because {because}"),
    });
    let way_on = format!("`partnercast sequences {} --resume` has it go on", of.sequence);
    let rests = rests.map(|why| format!("{why}; {way_on}"));
    let mut steps = Vec::new();
    for done in sequences::steps(db, &of.id).await? {
        let found = match &done.delivery_id {
            Some(id) => deliveries::told(db, id).await?,
            None => None,
        };
        let delivery = match found {
            Some(delivery) => {
                let holding = Holding { paused: rests.is_some(), because: rests.clone(), relay_faults };
                Some(explain::delivery(db, delivery, &holding, now_ms).await?)
            }
            None => None,
        };
        let (step, at_ms) = (done.step, done.at_ms);
        steps.push(StepTold { step, at_ms, outcome: done.outcome, because: done.because, delivery });
    }
    let next = of.waiting.map(|step| {
        let in_the_way = rests.into_iter().chain(Some(of.detail.clone()).filter(|detail| !detail.is_empty()));
        let in_the_way: Vec<String> = in_the_way.collect();
        let detail = (!in_the_way.is_empty()).then(|| in_the_way.join("; "));
        NextTold { step, due_ms: of.due_ms, detail }
    });
    let reason = LeaveReason::parse(&of.reason).map(LeaveReason::label);
    let left = match (reason, of.detail.as_str()) {
        _ if of.ended_ms.is_none() => None,
        (Some(reason), "") => Some(reason.to_owned()),
        (Some(reason), detail) => Some(format!("{reason}: {detail}")),
        (None, "") => None,
        (None, detail) => Some(detail.to_owned()),
    };
    Ok(JourneyTold {
        id: of.id,
        sequence: of.sequence,
        is_lead: of.lead_id.is_some(),
        partner: of.partner_slug,
        because: of.because,
        entered_ms: of.entered_ms,
        state: of.state,
        steps,
        next,
        ended_ms: of.ended_ms,
        left,
    })
}
