//! `/desk/closed`: what became of the leads that somebody had, and when those come back that are to be taken up again.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::HeaderMap,
};
use serde::{Deserialize, Serialize};

use super::rep;
use crate::{
    domain::{
        kernel::{Result, id::LeadId},
        lead::{DisqualifyReason, LeadStage},
    },
    render::slots::escape_url_part,
    store::{
        closings::{self, Closed, Filter, PAGE},
        partners,
    },
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{chart::Badge, counted, lead, when::Moment},
    },
    work::{
        Context,
        desk::{Manages, Rep},
    },
};

/// Farthest page, in leads.
const FROM_MAX: i64 = 1_000_000;
/// Longest search.
const SEARCH_CHARS_MAX: usize = 100;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// What was just closed, and when it comes back.
    pub notice: Option<String>,
    /// `12 leads`
    pub text: String,
    /// What was searched for.
    pub search: String,
    /// Lines.
    pub leads: Vec<Line>,
    /// The next page.
    pub more: Option<String>,
}

/// A lead that was closed.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Its card, where whoever looks may open it.
    pub href: Option<String>,
    /// What became of it.
    pub stage: Badge,
    /// Why.
    pub reason: String,
    /// When it comes back, where a day was named.
    pub again: Option<Moment>,
    /// Who had it.
    pub rep: String,
    /// When it was closed.
    pub closed: Moment,
}

/// What was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    from: i64,
    done: String,
}

/// `GET /desk/closed`
pub async fn page(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Answer {
    let rep = rep(&ctx, &headers).await?.ok_or_else(super::work::none)?;
    let search: String = asked.q.trim().chars().take(SEARCH_CHARS_MAX).collect();
    let from = asked.from.clamp(0, FROM_MAX);
    let all =
        Filter { rep_key: rep.key.clone(), partners: partners_of(&ctx, &rep).await?, ..Filter::default() };
    let filter = Filter { search: search.clone(), ..all.clone() };
    let count = closings::count(&ctx.db, &filter).await?;
    let found = closings::list(&ctx.db, &filter, from).await?;
    let view = View {
        notice: just_closed(&ctx, &rep, all, &asked.done).await?,
        text: counted(usize::try_from(count).unwrap_or(0), "lead", "leads"),
        leads: found.into_iter().map(|closed| line(closed, &rep)).collect(),
        more: (from + PAGE < count)
            .then(|| format!("/desk/closed?q={}&from={}", escape_url_part(&search), from + PAGE)),
        search,
    };
    respond::page(&ctx, "desk/closed", &Frame::new(&ctx, Area::Desk, "Closed leads", "/desk/closed"), &view)
}

/// The partners all of whose leads are theirs to see.
async fn partners_of(ctx: &Context, rep: &Rep) -> Result<Vec<String>> {
    if rep.manages == Manages::Nobody {
        return Ok(Vec::new());
    }
    let all = partners::all_partners(&ctx.db).await?;
    Ok(all.into_iter().filter(|it| rep.looks_after(it)).map(|it| it.slug.to_string()).collect())
}

/// What became of the lead `id`, if it is among `all` of theirs.
async fn just_closed(ctx: &Context, rep: &Rep, all: Filter, id: &str) -> Result<Option<String>> {
    let Ok(id) = LeadId::parse(id) else { return Ok(None) };
    let found = closings::list(&ctx.db, &Filter { id: id.to_string(), ..all }, 0).await?;
    let Some(closed) = found.into_iter().next() else { return Ok(None) };
    let line = line(closed, rep);
    let then = match (&line.again, line.stage.text.as_str()) {
        (Some(again), _) => format!("It is offered again on {}, first to who had it.", again.text),
        (None, "Back to nurture") => "It comes back when the person qualifies again.".to_owned(),
        (None, _) => "It stays closed unless the person asks again.".to_owned(),
    };
    Ok(Some(format!("{}, {} is closed: {}. {then}", line.name, line.company, line.reason.to_lowercase())))
}

fn line(closed: Closed, rep: &Rep) -> Line {
    let Closed { lead, rep_name, closed_ms } = closed;
    let is_owners = lead.owner_email.as_deref().is_some_and(|owner| rep.is_at(owner));
    let may_open = is_owners || rep.manages != Manages::Nobody;
    let reason = DisqualifyReason::parse(&lead.closed_reason).map_or("", DisqualifyReason::label);
    let won = lead.stage == LeadStage::Won.as_str();
    Line {
        href: may_open.then(|| format!("/desk/leads/{}", lead.id)),
        stage: lead::stage(&lead.stage),
        reason: if won || reason.is_empty() { "–".to_owned() } else { reason.to_owned() },
        again: lead.reopen_ms.map(|at_ms| Moment::day(at_ms, rep.zone)),
        rep: rep_name,
        closed: Moment::short(closed_ms, rep.zone),
        name: lead.name,
        company: lead.company,
    }
}

#[cfg(test)]
impl View {
    /// One that comes back, one that was won.
    pub fn sample() -> Self {
        let zone = chrono_tz::America::Chicago;
        let line = |name: &str, stage: &str, reason: &str, again| Line {
            name: name.into(),
            company: "Harbor Clinic Group".into(),
            href: Some("#".into()),
            stage: lead::stage(stage),
            reason: reason.into(),
            again,
            rep: "Luis Ortega".into(),
            closed: Moment::short(1_799_766_000_000, zone),
        };
        Self {
            notice: Some("Ana Ruiz, Harbor Clinic Group is closed: not now.".into()),
            text: "2 leads".into(),
            search: String::new(),
            leads: vec![
                line("Ana Ruiz", "recycled", "Not now", Some(Moment::day(1_803_000_000_000, zone))),
                line("Jonas Lind", "won", "–", None),
            ],
            more: Some("#".into()),
        }
    }
}
