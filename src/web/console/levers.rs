//! What people may do with an issue, and where one leads that is gone.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use super::signin::Actor;
use crate::{
    domain::kernel::{Error, Result},
    store::issues::{self, Issue},
    web::{
        error::Problem,
        frame::{Area, Frame},
        respond::{self, Answer},
    },
    work::{Context, approve},
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
            "{} took {} of {} back to draft. It is frozen anew from the content as it is now; as soon as it is, this \
             address leads to it.",
            returned.by, returned.newsletter, returned.date
        ),
        audience: format!("/console/audience/{}/{}", returned.newsletter, returned.date),
    };
    let path = format!("/console/issues/{id}");
    let frame = Frame::new(ctx, Area::Console, "Returned to draft", &path);
    respond::page(ctx, "console/returned", &frame, &view)
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
        "approve" => _ = approve::approve(&ctx, &id, &seen.content_hash, who).await?,
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

/// What can be done with it as it stands, by somebody who may approve or may not; `others` is what its end means for others.
pub(super) fn actions(
    issue: &Issue,
    may_approve: bool,
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
    } else if may_approve || !approve::resuming_approves(issue) {
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
impl ReturnedView {
    /// Nothing is frozen yet.
    pub fn sample() -> Self {
        Self { text: "It is frozen anew from the content as it is now.".into(), audience: "#".into() }
    }
}
