//! Signing in to the console: a link shows a button, the button uses the link up.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    domain::kernel::{Error, Result},
    web::{
        desk::{cookie_name, set_cookie},
        error::Problem,
        frame::{Area, Frame},
        headers::private,
        respond::{self, Answer},
        throttle::Throttle,
        visitor::{Asking, cookie, is_loopback_host, peer},
    },
    work::{Context, signin},
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Title.
    pub title: &'static str,
    /// What to do.
    pub text: &'static str,
    /// The button.
    pub action: Option<String>,
}

/// Lets signed-in browsers pass; in a rehearsal, everybody on this machine.
pub async fn gate(State(ctx): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let passed = if ctx.settings.console_open {
        let here = is_loopback_host(&parts.headers)
            && !is_forwarded(&parts.headers)
            && peer(&parts).is_some_and(|address| address.is_loopback());
        let text =
            "the console of a rehearsal opens on this machine alone, under the name 127.0.0.1 or localhost";
        if here { Ok(()) } else { Err(Problem::from(Error::denied(text))) }
    } else {
        match is_signed_in(&ctx, &parts.headers).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Problem::sign_in()),
            Err(error) => Err(error.into()),
        }
    };
    match passed {
        Ok(()) => {
            let response = next.run(Request::from_parts(parts, body)).await;
            if response.headers().contains_key(header::CACHE_CONTROL) { response } else { private(response) }
        }
        Err(problem) => problem.into_response(),
    }
}

async fn is_signed_in(ctx: &Context, headers: &HeaderMap) -> Result<bool> {
    match cookie(headers, &cookie_name(ctx, "console")) {
        Some(cookie) => signin::is_console(ctx, &cookie).await,
        None => Ok(false),
    }
}

/// Who acts, for the audit log.
pub fn actor(ctx: &Context) -> &'static str {
    if ctx.settings.console_open { "console (open)" } else { "operator" }
}

/// `GET /console/sign-in`
pub async fn explain(State(ctx): State<Arc<Context>>) -> Answer {
    let text = "Run `partnercast sign-in` on the machine that runs this service. It prints a link that works once, for ten minutes.";
    show(&ctx, &View { title: "Sign in", text, action: None })
}

/// `GET /console/sign-in/{token}`: changes nothing, so that a scanner of mails or chats uses no link up.
pub async fn page(State(ctx): State<Arc<Context>>, Path(token): Path<String>) -> Answer {
    let text = "This link works once. The button uses it and signs this browser in for twelve hours.";
    show(
        &ctx,
        &View { title: "Sign in to the console", text, action: Some(format!("/console/sign-in/{token}")) },
    )
}

fn show(ctx: &Context, view: &View) -> Answer {
    respond::page(ctx, "console/sign_in", &Frame::new(ctx, Area::Public, view.title, ""), view)
}

/// `POST /console/sign-in/{token}`
pub async fn enter(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
) -> Answer {
    // By network alone: counted by account, anybody could keep the operator out.
    throttle.sign_in(&ctx, &visitor, "").map_err(Problem::too_often)?;
    let session = signin::consume(&ctx, &token).await?;
    Ok(([set_cookie(&ctx, "console", &session)], respond::see_other("/console")).into_response())
}

/// `POST /console/sign-out`
pub async fn leave(State(ctx): State<Arc<Context>>, headers: HeaderMap) -> Answer {
    if let Some(cookie) = cookie(&headers, &cookie_name(&ctx, "console")) {
        signin::leave(&ctx, &cookie).await?;
    }
    Ok(([set_cookie(&ctx, "console", "")], respond::see_other("/console/sign-in")).into_response())
}

#[cfg(test)]
impl View {
    /// With its button.
    pub fn sample() -> Self {
        Self { title: "Sign in to the console", text: "This link works once.", action: Some("#".into()) }
    }
}

/// Whether a proxy stands between: then "from this machine" says nothing about who asks.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"]
        .into_iter()
        .any(|name| headers.contains_key(name))
}
