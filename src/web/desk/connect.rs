//! `/connect`: the partner's own people connect their account by signing in at its server. The signed link says what they are asked;
//! the server sends them back here, and only their press of a button connects it.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        kernel::{Error, Kind},
        social::invitation::Invitation,
    },
    store::partners,
    web::{
        frame::{self, Area, Frame},
        headers,
        respond::{self, Answer},
        view::when::Moment,
    },
    work::{
        Context,
        social::{self, INVITATION_PATH as PATH},
    },
};

/// Most letters of a server's own words that are shown.
const WORDS_MAX: usize = 300;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// What it is.
    pub title: String,
    /// What follows.
    pub text: String,
    /// What was just done, or what was wrong.
    pub notice: Option<(&'static str, String)>,
    /// Where to sign in: address and the server's name.
    pub sign_in: Option<(String, String)>,
    /// What the last step sends: the server's code and our own word.
    pub finish: Option<(String, String)>,
    /// Until when the link is good.
    pub until: Option<Moment>,
}

/// What stands in the address of an invitation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
}

/// What a server sends back (RFC 6749 sections 4.1.2 and 4.1.2.1), and what the last step sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Returned {
    code: String,
    state: String,
    error: String,
    error_description: String,
}

/// `GET /connect/{token}`: changes nothing, whoever asks.
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let done =
        (asked.done == "connected").then(|| ("good", "Connected. You can close this page.".to_owned()));
    show(&ctx, &token, done).await
}

/// `GET /connect`: where a server sends back whoever let us in, or did not. Changes nothing.
pub async fn returned(State(ctx): State<Arc<Context>>, Query(returned): Query<Returned>) -> Answer {
    let invitation = social::invited(&ctx, &returned.state)?;
    if returned.code.is_empty() {
        let words =
            [&returned.error_description, &returned.error].into_iter().find(|words| !words.is_empty());
        let words: String = words.map_or("it sent no code", |words| words).chars().take(WORDS_MAX).collect();
        let notice = format!("Nothing was connected. {} says: {words}", host(&invitation.server));
        return show(&ctx, &returned.state, Some(("bad", notice))).await;
    }
    let view = View {
        title: "One more step".to_owned(),
        text: format!("{} lets us in. Shall the account be connected?", host(&invitation.server)),
        notice: None,
        sign_in: None,
        finish: Some((returned.code, returned.state)),
        until: None,
    };
    answer(&ctx, &view)
}

/// `POST /connect`
pub async fn finish(State(ctx): State<Arc<Context>>, Body(sent): Body<Returned>) -> Answer {
    // To its end, whoever goes away meanwhile: the code is to be had once.
    let work = {
        let (ctx, token, code) = (ctx.clone(), sent.state.clone(), sent.code.clone());
        async move { social::accept(&ctx, &token, &code).await }
    };
    match tokio::spawn(work).await.map_err(|error| Error::internal("connecting").because(error))? {
        Ok(_) => Ok(respond::see_other(&format!("{PATH}/{}?done=connected", sent.state))),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Unavailable) => {
            show(&ctx, &sent.state, Some(("bad", error.public().to_owned()))).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn show(ctx: &Context, token: &str, notice: Option<(&'static str, String)>) -> Answer {
    let invitation = social::invited(ctx, token)?;
    let partner = partners::partner(&ctx.db, &invitation.partner).await?;
    let partner = partner.ok_or_else(|| Error::not_found("this link"))?;
    let is_done = notice.as_ref().is_some_and(|(tone, _)| *tone == "good");
    let (vendor, zone) = frame::vendor(ctx);
    let view = View {
        title: "Connect your account".to_owned(),
        text: text(&invitation, &vendor, &partner.name),
        notice,
        sign_in: if is_done {
            None
        } else {
            Some((social::sign_in_page(ctx, token)?, host(&invitation.server).to_owned()))
        },
        finish: None,
        until: (!is_done).then(|| Moment::full(invitation.ends_ms, zone)),
    };
    answer(ctx, &view)
}

fn text(invitation: &Invitation, vendor: &str, partner: &str) -> String {
    let once = if invitation.mode == "auto" { "by themselves" } else { "once approved" };
    format!(
        "{vendor} writes posts for {partner}, which appear {once} in an account of yours at {}. You sign in there and say yes; nobody \
         here learns your password, and you can take your yes back in that server’s settings at any time.",
        host(&invitation.server)
    )
}

fn host(server: &str) -> &str {
    server.split_once("://").map_or(server, |(_, host)| host)
}

fn answer(ctx: &Context, view: &View) -> Answer {
    let frame = Frame::new(ctx, Area::Desk, &view.title, PATH);
    Ok(headers::by_capability(respond::page(ctx, "desk/connect", &frame, view)?))
}

#[cfg(test)]
impl View {
    /// An invitation with a notice, or the last step.
    pub fn sample(is_invitation: bool) -> Self {
        let until = Moment::full(1_799_744_400_000, chrono_tz::Europe::Oslo);
        Self {
            title: "Connect your account".into(),
            text: "Brackenfold writes posts for Northlight MSP, which appear once approved in an account of yours.".into(),
            notice: is_invitation.then(|| ("bad", "Nothing was connected. social.example says: <b>denied</b>".into())),
            sign_in: is_invitation
                .then(|| ("https://social.example/oauth/authorize?a=1&b=2".into(), "social.example".into())),
            finish: (!is_invitation).then(|| ("c0de\"<".into(), "sealed".into())),
            until: is_invitation.then_some(until),
        }
    }
}
