//! Conflicts: one person, or one company, known through two partners. The list, and a case with both sides and its log.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use super::signin::Actor;
use crate::{
    store::{conflicts, leads},
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{chart::Badge, conflict, counted, when::Moment},
    },
    work::{
        Context,
        handoff::{self, By},
        names::Names,
    },
};

/// Where the pages are.
const PATH: &str = "/console/conflicts";

/// The list.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// `2 wait for a decision`.
    pub text: String,
    /// Those that wait first.
    pub cases: Vec<Line>,
}

/// A case in the list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its page.
    pub href: String,
    /// Whom it is about.
    pub title: String,
    /// Between which partners.
    pub partners: String,
    /// How it stands.
    pub state: Badge,
    /// Who goes on.
    pub winner: Option<String>,
    /// Last change.
    pub changed: Moment,
}

/// `GET /console/conflicts`
pub async fn list(State(ctx): State<Arc<Context>>) -> Answer {
    let (_, zone) = frame::vendor(&ctx);
    let names = Names::load(&ctx.db).await?;
    let name = |slug: &str| names.of(slug).to_owned();
    let mut cases = Vec::new();
    let mut waiting = 0;
    for case in conflicts::list(&ctx.db).await? {
        waiting += usize::from(case.state == "open");
        let parties = conflicts::parties(&ctx.db, &case.id).await?;
        let mut between: Vec<String> = parties.iter().map(|party| name(&party.partner_slug)).collect();
        between.sort();
        between.dedup();
        let person = match parties.first().filter(|_| case.scope == "person") {
            Some(party) => leads::lead(&ctx.db, &party.lead_id).await?.map(|lead| lead.name),
            None => None,
        };
        cases.push(Line {
            href: format!("{PATH}/{}", case.id),
            title: person.unwrap_or(case.subject),
            partners: between.join(", "),
            state: conflict::badge(&case.state),
            winner: case.winner.as_deref().map(&name),
            changed: Moment::short(case.changed_ms, zone),
        });
    }
    let verb = if waiting == 1 { "waits" } else { "wait" };
    let view = ListView {
        text: format!("{} {verb} for a decision.", counted(waiting, "conflict", "conflicts")),
        cases,
    };
    respond::page(&ctx, "console/conflicts", &Frame::new(&ctx, Area::Console, "Conflicts", PATH), &view)
}

/// `GET /console/conflicts/{id}`
pub async fn page(State(ctx): State<Arc<Context>>, Path(id): Path<String>) -> Answer {
    let (_, zone) = frame::vendor(&ctx);
    let at = (format!("{PATH}/"), "/console/leads/");
    let view = conflict::of_case(&ctx, &id, zone, (&at.0, Some(at.1))).await?;
    let frame = Frame::new(&ctx, Area::Console, format!("Conflict: {}", view.title), PATH);
    respond::page(&ctx, "console/conflict", &frame, &view)
}

/// A decision.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Decided {
    /// Who goes on.
    pub winner: String,
    /// Why.
    pub because: String,
    /// What was looked at.
    pub version: i64,
}

/// `POST /console/conflicts/{id}`
pub async fn decide(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    Actor(actor): Actor,
    Body(sent): Body<Decided>,
) -> Answer {
    let by = By::Console(&actor);
    handoff::conflict::decide(&ctx, &id, by, sent.version, &sent.winner, &sent.because).await?;
    Ok(respond::see_other(&format!("{PATH}/{id}")))
}

/// `POST /console/conflicts/{id}/again`
pub async fn again(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    Actor(actor): Actor,
    Body(sent): Body<Decided>,
) -> Answer {
    handoff::conflict::reopen(&ctx, &id, By::Console(&actor), sent.version, &sent.because).await?;
    Ok(respond::see_other(&format!("{PATH}/{id}")))
}

#[cfg(test)]
impl ListView {
    /// One that waits, or nothing.
    pub fn sample(some: bool) -> Self {
        let line = Line {
            href: "#".into(),
            title: "Ana Ruiz".into(),
            partners: "Northlight MSP, Thornbury Cloud".into(),
            state: conflict::badge("open"),
            winner: None,
            changed: Moment::short(1_799_766_000_000, chrono_tz::Europe::Oslo),
        };
        Self {
            text: "1 conflict waits for a decision.".into(),
            cases: some.then_some(line).into_iter().collect(),
        }
    }
}
