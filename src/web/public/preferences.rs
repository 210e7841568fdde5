//! Unsubscribing and choosing. A link shows the state; only a button changes it, and every change can be undone.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};

use super::{Head, Setting, calendar::kept_words};
use crate::{
    domain::kernel::Error,
    render::Strings,
    web::{
        respond::{self, Answer},
        visitor::Asking,
    },
    work::{
        Context, calendars,
        preferences::{self, Because},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Title.
    pub title: String,
    /// The address, partly hidden.
    pub email: String,
    /// Why they got the mail.
    pub because: String,
    /// What was just done.
    pub done: Option<String>,
    /// The newsletters that undoing brings back.
    pub undo: Vec<String>,
    /// Where the buttons lead.
    pub action: String,
    /// The newsletter of the mail, if they still get it.
    pub this_newsletter: Option<String>,
    /// `Stop Fold Forward`
    pub stop_title: String,
    /// What stopping everything comes to.
    pub stop_all_text: String,
    /// Whether everything is stopped.
    pub all_stopped: bool,
    /// All of them.
    pub newsletters: Vec<Line>,
    /// The calendar of what they get.
    pub calendar: Option<Calendar>,
}

/// Where a calendar is.
#[derive(Debug, Serialize)]
pub struct Calendar {
    /// Its page.
    pub href: String,
    /// Where calendar programs subscribe, as their own kind of link.
    pub webcal: String,
    /// The same for any program.
    pub https: String,
}

/// A newsletter.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its slug.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// When it comes.
    pub description: String,
    /// Whether they get it.
    pub subscribed: bool,
    /// How it kept its last promises.
    pub kept: Option<String>,
}

/// What was just done, in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    done: Option<String>,
}

/// `GET /u/{token}`, also in place of one-click: a GET changes nothing (RFC 8058 section 6).
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Query(after): Query<After>,
) -> Answer {
    let state = preferences::state(&ctx, &token).await?;
    let strings = ctx.templates.strings(&state.locale);
    let this = state.this_newsletter.as_deref();
    let this = this.and_then(|slug| state.newsletters.iter().find(|newsletter| newsletter.slug == slug));
    let done = match after.done.as_deref() {
        Some("stopped") => Some("done_stopped"),
        Some("stopped-all") if state.is_customer => Some("done_withdrawn"),
        Some("stopped-all") => Some("done_stopped_all"),
        Some("saved") => Some("done_saved"),
        _ => None,
    };
    let mut undo: Vec<String> = Vec::new();
    if after.done.as_deref() == Some("stopped") {
        let kept = state.newsletters.iter().filter(|newsletter| newsletter.subscribed);
        undo.extend(kept.chain(this).map(|newsletter| newsletter.slug.clone()));
    }
    let title = this.map(|newsletter| newsletter.title.clone()).unwrap_or_default();
    let view = View {
        title: strings.get("preferences_title").to_owned(),
        email: state.email_masked.clone(),
        because: because(&strings, &state.because, &state.partner.name),
        done: done.map(|key| strings.fill(key, &[("newsletter", &title), ("partner", &state.partner.name)])),
        undo,
        action: format!("/u/{token}"),
        this_newsletter: this
            .filter(|newsletter| newsletter.subscribed)
            .map(|newsletter| newsletter.slug.clone()),
        stop_title: strings.fill("stop_title", &[("newsletter", &title)]),
        stop_all_text: strings.fill(
            if state.is_customer { "withdraw_text" } else { "stop_all_text" },
            &[("partner", &state.partner.name)],
        ),
        all_stopped: state.all_stopped,
        calendar: state.zone.map(|zone| {
            let slug = state.partner.slug.as_str();
            Calendar::of(&ctx, &calendars::path(&ctx, None, Some((slug, zone))))
        }),
        newsletters: state
            .newsletters
            .into_iter()
            .map(|newsletter| Line {
                kept: kept_words(&strings, newsletter.kept),
                slug: newsletter.slug,
                title: newsletter.title,
                description: newsletter
                    .cadence
                    .map(|cadence| strings.cadence_in(&cadence, newsletter.zone))
                    .unwrap_or_default(),
                subscribed: newsletter.subscribed,
            })
            .collect(),
    };
    let setting = Setting::of(&ctx, state.partner.slug.as_str(), Some(state.locale.as_str())).await?;
    let language = ctx.templates.language(&state.locale);
    let head = Head::new(&view.title, "", &language);
    setting.page(&ctx, "public/preferences", head, &view)
}

impl Calendar {
    /// The one at `path`.
    pub fn of(ctx: &Context, path: &str) -> Self {
        let https = format!("{}{path}.ics", ctx.settings.public_url);
        let webcal = format!("webcal://{}", https.split_once("://").map_or("", |(_, rest)| rest));
        Self { href: path.to_owned(), webcal, https }
    }
}

fn because(strings: &Strings, because: &Because, partner: &str) -> String {
    match because {
        Because::Said(text) => text.clone(),
        Because::Customer => strings.fill("preferences_because_customer", &[("partner", partner)]),
        Because::Reader(roles) => {
            strings.fill("preferences_because", &[("partner", partner), ("roles", &strings.roles(*roles))])
        }
    }
}

/// `POST /u/{token}`: a button of the page.
pub async fn change(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Asking(visitor): Asking,
    Body(pairs): Body<Vec<(String, String)>>,
) -> Answer {
    let of = |name: &str| -> Vec<String> {
        pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    };
    let done = match of("do").first().map(String::as_str) {
        Some("stop") => {
            preferences::unsubscribe(&ctx, &token, &visitor).await?;
            "stopped"
        }
        Some("stop-all") => {
            preferences::choose(&ctx, &token, &[], true, &visitor).await?;
            "stopped-all"
        }
        Some("choose") => {
            preferences::choose(&ctx, &token, &of("newsletter"), false, &visitor).await?;
            "saved"
        }
        _ => return Err(Error::invalid("the form says not what to do; use the buttons of the page").into()),
    };
    Ok(respond::see_other(&format!("/u/{token}?done={done}")))
}

/// One-click unsubscribing by a mail program (RFC 8058): no cookie, no redirect, no question; again and again the
/// same answer.
pub async fn one_click(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Asking(visitor): Asking,
) -> Answer {
    preferences::unsubscribe(&ctx, &token, &visitor).await?;
    Ok((StatusCode::OK, "You are unsubscribed.\n").into_response())
}

#[cfg(test)]
impl View {
    /// Just unsubscribed.
    pub fn sample() -> Self {
        Self {
            title: "What you get from us".into(),
            email: "d…@northlight.example".into(),
            because: "You are the sales contact of Northlight MSP.".into(),
            done: Some("You no longer get Fold Forward.".into()),
            undo: vec!["fold-forward".into()],
            action: "#".into(),
            this_newsletter: Some("executive-brief".into()),
            stop_title: "Stop Executive brief".into(),
            stop_all_text: "Then you get no newsletter from us, neither this one nor any new one.".into(),
            all_stopped: false,
            calendar: Some(Calendar {
                href: "/calendars/abc".into(),
                webcal: "webcal://cast.example/calendars/abc.ics".into(),
                https: "https://cast.example/calendars/abc.ics".into(),
            }),
            newsletters: vec![Line {
                slug: "fold-forward".into(),
                title: "Fold Forward".into(),
                description: "second Tuesday at 09:00".into(),
                subscribed: false,
                kept: Some("On time lately (within 15 min): 11 of 12".into()),
            }],
        }
    }
}
