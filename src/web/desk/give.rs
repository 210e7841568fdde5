//! `/desk/leads/{id}/give`: a channel manager gives a lead to somebody, on a page that says what follows before it is done.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};

use super::{
    team::working_time,
    work::{lead_id, signed_in},
};
use crate::{
    domain::{
        kernel::{Error, Kind, Result, clock::UtcMs},
        lead::{LeadStage, SlaKind},
    },
    store::leads::{self, Lead},
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::chart::Badge,
    },
    work::{
        Context,
        desk::Rep,
        handoff::{self, BECAUSE_CHARS_MAX, By, Giving, Prospect, Recipient},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Name and company.
    pub who: String,
    /// Its card.
    pub back: String,
    /// Where it is sent.
    pub action: String,
    /// When the lead had changed last.
    pub known_ms: UtcMs,
    /// What follows, a sentence each.
    pub follows: Vec<String>,
    /// Those whom routing might choose.
    pub fit: Vec<Person>,
    /// The others, with why it would not.
    pub others: Vec<Person>,
    /// The reason, as it was typed.
    pub because: String,
    /// Its longest.
    pub because_max: usize,
    /// Why nothing was done.
    pub notice: Option<Badge>,
}

/// Somebody it may be given to.
#[derive(Debug, Serialize)]
pub struct Person {
    /// Their address.
    pub email: String,
    /// Full name.
    pub name: String,
    /// What they do.
    pub role: String,
    /// Why routing would not choose them; empty where it might.
    pub why_not: String,
    /// Whether they were chosen before something was refused.
    pub is_chosen: bool,
}

/// What was chosen and typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    to: String,
    because: String,
    known_ms: Option<UtcMs>,
}

fn view(lead: &Lead, prospect: Prospect, chosen: &Chosen, notice: Option<Badge>) -> View {
    let follows = follows(lead, &prospect);
    let person = |it: Recipient| Person {
        is_chosen: it.email == chosen.to,
        email: it.email,
        name: it.name,
        role: it.role,
        why_not: it.why_not.unwrap_or_default(),
    };
    let (others, fit): (Vec<_>, Vec<_>) =
        prospect.people.into_iter().map(person).partition(|person| !person.why_not.is_empty());
    let back = format!("/desk/leads/{}", lead.id);
    View {
        who: format!("{}, {}", lead.name, lead.company),
        action: format!("{back}/give"),
        back,
        known_ms: lead.updated_ms,
        follows,
        fit,
        others,
        because: chosen.because.clone(),
        because_max: BECAUSE_CHARS_MAX,
        notice,
    }
}

/// What follows for stage and clock.
fn follows(lead: &Lead, prospect: &Prospect) -> Vec<String> {
    let stage = LeadStage::parse(&lead.stage).map_or("", LeadStage::label).to_lowercase();
    let mut told = vec![match &prospect.holder {
        Some(holder) if prospect.is_handed_over => {
            format!("{holder} has it now: it is taken from them, their clock ends, and they are told why.")
        }
        Some(holder) => format!(
            "It is offered to {holder}, who has not answered: that offer and its clock end, and they are told why."
        ),
        None => "Nobody has it now.".to_owned(),
    }];
    told.push(if prospect.is_handed_over {
        format!(
            "It is theirs at once, without being asked, and stays “{stage}”: notes, sums and history go with it."
        )
    } else {
        "They are asked whether they take it; until they do, nobody is its owner.".to_owned()
    });
    let within = working_time(prospect.minutes);
    told.push(match (prospect.kind, prospect.until) {
        (SlaKind::Accept, _) => format!("Their clock begins anew: {within} of working time to answer."),
        (SlaKind::FirstContact, _) => {
            format!("Their clock begins anew: {within} of working time to the first contact.")
        }
        _ if prospect.waits => {
            format!("The person waits for an answer: they have {within} of working time for it.")
        }
        (_, Some(on)) => format!("Their clock runs until {on}, the day that was named for the deal."),
        _ => format!("Their clock begins anew: {within} of working time to the next step."),
    });
    if prospect.had_more_time {
        told.push("The more time that was granted ends with the old clock.".to_owned());
    }
    told
}

async fn lead_of(ctx: &Context, id: &str) -> Result<Lead> {
    leads::lead(&ctx.db, id).await?.ok_or_else(|| Error::not_found("this lead"))
}

async fn show(ctx: &Context, id: &str, rep: &Rep, chosen: &Chosen, notice: Option<Badge>) -> Answer {
    let lead = lead_of(ctx, id).await?;
    let prospect = handoff::prospect(ctx, id, By::Rep(rep)).await?;
    let view = view(&lead, prospect, chosen, notice);
    let frame = Frame::new(ctx, Area::Desk, format!("Give {} away", view.who), "/desk/team");
    respond::page(ctx, "desk/give", &frame, &view)
}

/// `GET /desk/leads/{id}/give`
pub async fn page(State(ctx): State<Arc<Context>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let rep = signed_in(&ctx, &headers).await?;
    show(&ctx, &lead_id(&id)?, &rep, &Chosen::default(), None).await
}

/// `POST /desk/leads/{id}/give`
pub async fn give(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(chosen): Body<Chosen>,
) -> Answer {
    let rep = signed_in(&ctx, &headers).await?;
    let id = lead_id(&id)?;
    let giving = Giving { to: &chosen.to, because: &chosen.because, known_ms: chosen.known_ms };
    let Err(error) = handoff::give(&ctx, &id, By::Rep(&rep), &giving).await else {
        return Ok(respond::see_other(&format!("/desk/leads/{id}?done=give")));
    };
    let status = match error.kind() {
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Conflict => StatusCode::CONFLICT,
        _ => return Err(error.into()),
    };
    // The page again, as it is now; where nobody can be given it any more, that is the answer.
    let notice = Badge::new("bad", format!("Nothing was changed: {}.", error.public()));
    let mut page = show(&ctx, &id, &rep, &chosen, Some(notice)).await?;
    *page.status_mut() = status;
    Ok(page)
}

#[cfg(test)]
impl View {
    /// A lead that Luis accepted; with a refusal, or without.
    pub fn sample(is_refused: bool) -> Self {
        let person = |name: &str, role: &str, why_not: &str| Person {
            email: format!("{}@northlight.example", name.to_lowercase().replace(' ', ".")),
            name: name.into(),
            role: role.into(),
            why_not: why_not.into(),
            is_chosen: false,
        };
        Self {
            who: "Ana Ruiz, Harbor Clinic Group".into(),
            back: "#".into(),
            action: "#".into(),
            known_ms: 1_799_766_000_000,
            follows: vec![
                "Luis Ortega has it now: it is taken from them, their clock ends, and they are told why.".into(),
                "It is theirs at once, without being asked, and stays “accepted”: notes, sums and history go with it.".into(),
                "Their clock begins anew: 4 h 0 min of working time to the first contact.".into(),
            ],
            fit: vec![person("Dana Whitlock", "executive", "")],
            others: vec![
                person("Kara Boyd", "marketing", "neither sells nor decides"),
                person("Tom Beckett", "channel manager", "is asked last, where nobody at the partner can take it"),
            ],
            because: String::new(),
            because_max: BECAUSE_CHARS_MAX,
            notice: is_refused.then(|| Badge::new("bad", "Nothing was changed: choose whom to give it to.")),
        }
    }
}
