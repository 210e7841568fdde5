//! What people may do with an issue, and where one leads that is gone.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{issue_badge, signin::Actor};
use crate::{
    domain::kernel::{Error, Kind, Result},
    store::issues::{self, Issue},
    web::{
        error::Problem,
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{chart::Badge, when::Moment},
    },
    work::{
        Context,
        approve::{self, Returned},
        stale,
    },
};

/// A lever.
#[derive(Debug, Serialize)]
pub struct Action {
    /// Its text.
    pub label: &'static str,
    /// Where it leads.
    pub href: String,
    /// What to know before.
    pub confirm: Option<String>,
    /// Whether it stands back.
    pub quiet: bool,
    /// What was looked at.
    pub hash: Option<String>,
}

/// A newer issue of the newsletter that has left.
#[derive(Debug, Serialize)]
pub struct Overtaken {
    /// Its page.
    pub href: String,
    /// For when it was promised.
    pub date: String,
}

/// Where an issue was that is gone: it was returned to draft.
#[derive(Debug, Serialize)]
pub struct ReturnedView {
    /// What happened.
    pub text: String,
    /// Who would get what is frozen next.
    pub audience: String,
}

/// For an issue that is gone: the one that was frozen in its place, or a page that says that none is yet. Mails that asked
/// for its approval lead here.
///
/// # Errors
/// `NotFound` for one that never was.
pub(super) async fn gone(ctx: &Context, id: &str) -> Answer {
    let returned = approve::returned(ctx, id).await?.ok_or_else(|| Error::not_found("this issue"))?;
    if let Some(now) = &returned.now {
        return Ok(respond::see_other(&format!("/console/issues/{now}?instead=yes")));
    }
    let view = ReturnedView {
        text: format!(
            "{} It is frozen anew from the content as it is now; as soon as it is, this address leads to it.",
            went(&returned)
        ),
        audience: format!("/console/audience/{}/{}", returned.newsletter, returned.date),
    };
    let path = format!("/console/issues/{id}");
    let frame = Frame::new(ctx, Area::Console, "Returned to draft", &path);
    respond::page(ctx, "console/returned", &frame, &view)
}

/// Where one may go.
#[derive(Debug, Serialize)]
pub struct Link {
    /// Its text.
    pub label: String,
    /// Its address.
    pub href: String,
}

impl Link {
    fn new(label: impl Into<String>, href: String) -> Self {
        Self { label: label.into(), href }
    }
}

/// How an issue went that is gone.
fn went(returned: &Returned) -> String {
    let (by, letter, date) = (&returned.by, &returned.newsletter, &returned.date);
    match &returned.because {
        None => format!("{by} took {letter} of {date} back to draft."),
        Some(because) if by == "partnercast" => format!("{letter} of {date} went back to draft: {because}."),
        Some(because) => format!("{letter} of {date} went back to draft: {because} by {by}."),
    }
}

/// What somebody sees who approved what is another issue by now.
#[derive(Debug, Serialize)]
pub struct StaleView {
    /// In a few words.
    pub title: &'static str,
    /// What happened.
    pub text: String,
    /// The issue as it is now, and how it stands; none while nothing is frozen.
    pub now: Option<(Link, Badge)>,
    /// Texts that changed, and where the change is shown.
    pub changed: Vec<Link>,
    /// Whether there is something to compare.
    pub is_compared: bool,
    /// Who would get what is frozen next, or gets what is.
    pub audience: String,
}

/// A page that says what became of the issue that somebody wanted to approve, and leads there.
///
/// # Errors
/// `error`, which refused it, for an issue that never was.
async fn stale(ctx: &Context, id: &str, error: Error) -> Answer {
    let Some(stale) = stale::stale(ctx, id).await? else { return Err(error.into()) };
    let (_, zone) = frame::vendor(ctx);
    let text = match (&stale.returned, &stale.now) {
        (Some(returned), Some(now)) => format!(
            "Nothing was approved. {} It was frozen anew on {}: read it as it is now, then approve that.",
            went(returned),
            Moment::full(now.frozen_ms, zone).text
        ),
        (Some(returned), None) => {
            format!("Nothing was approved. {} It is frozen anew within a minute or so.", went(returned))
        }
        (None, now) => match now.as_ref().and_then(|now| now.approved_by.as_ref().zip(now.approved_ms)) {
            Some((by, at_ms)) => {
                format!("It is approved already, by {by} on {}.", Moment::full(at_ms, zone).text)
            }
            None => format!("Nothing was approved: {}.", error.public()),
        },
    };
    let audience = match (&stale.returned, &stale.now) {
        (Some(gone), _) => format!("/console/audience/{}/{}", gone.newsletter, gone.date),
        (None, Some(now)) => format!("/console/audience/{}/{}", now.newsletter, now.nominal_date),
        (None, None) => "/console".to_owned(),
    };
    let changed = stale.changed.iter().map(|file| match file.from {
        Some(from) => {
            Link::new(file.path.clone(), format!("/console/diff/{}?from={from}&to={}", file.path, file.to))
        }
        None => Link::new(format!("{} (new)", file.path), format!("/console/revisions/{}", file.path)),
    });
    let title = match (&stale.returned, &stale.now) {
        (None, Some(now)) if now.approved_by.is_some() => "It is approved already",
        (None, _) => "Nothing was approved",
        (Some(_), _) => "It has changed since you looked",
    };
    let view = StaleView {
        title,
        text,
        changed: changed.collect(),
        is_compared: stale.returned.as_ref().is_some_and(|gone| gone.frozen_ms.is_some())
            && stale.now.is_some(),
        now: stale.now.as_ref().map(|now| {
            let name = format!("{} of {}", now.newsletter, now.nominal_date);
            (Link::new(name, format!("/console/issues/{}", now.id)), issue_badge(now))
        }),
        audience,
    };
    let path = format!("/console/issues/{id}");
    let frame = Frame::new(ctx, Area::Console, view.title, &path);
    Ok((StatusCode::CONFLICT, respond::page(ctx, "console/stale", &frame, &view)?).into_response())
}

/// What was approved.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Seen {
    content_hash: String,
}

/// `POST /console/issues/{id}/{action}`
pub async fn steer(
    State(ctx): State<Arc<Context>>,
    Path((id, action)): Path<(String, String)>,
    Actor(actor): Actor,
    Body(seen): Body<Seen>,
) -> Answer {
    let who = &actor;
    match action.as_str() {
        "approve" => match approve::approve(&ctx, &id, &seen.content_hash, who).await {
            Err(error) if error.kind() == Kind::Conflict => return stale(&ctx, &id, error).await,
            approved => _ = approved?,
        },
        "pause" => approve::pause(&ctx, &id, who).await?,
        "resume" => approve::resume(&ctx, &id, who).await?,
        "cancel" => approve::cancel(&ctx, &id, who).await?,
        "return-to-draft" => {
            approve::return_to_draft(&ctx, &id, who).await?;
            ctx.figures.forget();
        }
        _ => return Err(Problem::no_page()),
    }
    ctx.figures.forget();
    Ok(respond::see_other(&format!("/console/issues/{id}")))
}

/// What can be done with it as it stands, by somebody who may approve and may resume it, or may not; `others` is what its end means
/// for others.
pub(super) fn actions(
    issue: &Issue,
    (may_approve, may_resume): (bool, bool),
    overtaken: bool,
    nothing_started: bool,
    others: &str,
) -> Vec<Action> {
    let action = |label, name: &str, quiet, confirm: Option<&str>| Action {
        label,
        href: format!("/console/issues/{}/{name}", issue.id),
        confirm: confirm.map(str::to_owned),
        quiet,
        hash: None,
    };
    let mut actions = Vec::new();
    if issue.control == "cancelled" || matches!(issue.state.as_str(), "done" | "cancelled") {
        return actions;
    }
    if issue.state == "frozen" && may_approve {
        let label =
            if overtaken { "Approve although a newer one has left" } else { "Approve what is shown here" };
        let approve = action(label, "approve", overtaken, None);
        actions.push(Action { hash: Some(issue.content_hash.clone()), ..approve });
    }
    if may_approve && nothing_started {
        let again = "It is frozen anew from the content as it is now, and so is what shares mails with it. Approvals of what is shown here are void.";
        actions.push(action("Return to draft", "return-to-draft", true, Some(again)));
    }
    if issue.control != "paused" {
        actions.push(action("Pause", "pause", true, None));
    } else if may_resume {
        actions.push(action("Resume", "resume", false, None));
    }
    if !may_approve {
        return actions;
    }
    let warning = "What has not left does not leave, for good. What was accepted cannot be called back. The evidence stays.";
    let warning = if others.is_empty() { warning.to_owned() } else { format!("{warning} {others}") };
    actions.push(action("Cancel the issue", "cancel", true, Some(&warning)));
    actions
}

/// When an issue was fixed whose file says something else since; none for one whose file says the same, or was taken away.
///
/// # Errors
/// Those of the store.
pub(super) async fn outdated(ctx: &Context, issue: &Issue, zone: Tz) -> Result<Option<Moment>> {
    let library = ctx.library();
    let mut files = library.issues_of(&issue.newsletter).into_iter();
    let Some((file, _)) = files.find(|(_, plan)| plan.date.to_string() == issue.nominal_date) else {
        return Ok(None);
    };
    let fixed = issues::plan_hash(&ctx.db, &issue.id).await?;
    Ok(fixed.filter(|fixed| *fixed != file.revision).map(|_| Moment::full(issue.frozen_ms, zone)))
}

/// The newer one that has left, for an issue that waits for approval.
///
/// # Errors
/// Those of the store.
pub(super) async fn overtaken(ctx: &Context, issue: &Issue) -> Result<Option<Overtaken>> {
    if issue.state != "frozen" {
        return Ok(None);
    }
    let newer = issues::overtaken_by(&ctx.db, &issue.id).await?;
    Ok(newer
        .map(|newer| Overtaken { href: format!("/console/issues/{}", newer.id), date: newer.nominal_date }))
}

#[cfg(test)]
impl StaleView {
    /// Mended by somebody else meanwhile.
    pub fn sample() -> Self {
        Self {
            title: "It has changed since you looked",
            text: "Nothing was approved. Ingrid took fold-forward of 2027-01-12 back to draft.".into(),
            now: Some((Link::new("fold-forward of 2027-01-12", "#".into()), Badge::new("", "frozen"))),
            changed: vec![Link::new("newsletters/fold-forward/2027-01-12.md", "#".into())],
            is_compared: true,
            audience: "#".into(),
        }
    }
}

#[cfg(test)]
impl ReturnedView {
    /// Nothing is frozen yet.
    pub fn sample() -> Self {
        Self { text: "It is frozen anew from the content as it is now.".into(), audience: "#".into() }
    }
}
