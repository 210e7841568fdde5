//! `/connect`: the partner's own people connect their account by signing in at its server. The sealed link says what they are asked;
//! the server sends them back here, and only their press of a button, in the browser that began, connects it.

use std::sync::Arc;

use axum::{
    Extension, Form as Body,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::IntoResponse as _,
};
use serde::{Deserialize, Serialize};

use super::{cookie_name, set_cookie};
use crate::{
    domain::{
        kernel::{Error, Kind, Result},
        social::{
            Mode,
            invitation::{Answer as Came, Invitation},
        },
    },
    store::partners,
    web::{
        error::Problem,
        frame::{self, Area, Frame},
        headers,
        respond::{self, Answer},
        throttle::Throttle,
        view::when::Moment,
        visitor::{Asking, cookie},
    },
    work::{
        Context,
        social::{self, Connected, INVITATION_PATH as PATH},
    },
};

/// Most letters of a server's own words that are shown.
const WORDS_MAX: usize = 300;
/// The cookie that holds a visit.
const COOKIE: &str = "connect";
/// What is kept of a visit that was answered: its words were used, so that another begins.
const ANSWERED: &str = "";

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// What it is.
    pub title: String,
    /// What follows.
    pub text: String,
    /// What was wrong.
    pub notice: Option<(&'static str, String)>,
    /// Where to sign in: address, the server's name, and ours there.
    pub sign_in: Option<(String, String, String)>,
    /// The last step: where it is sent, the server's code, our own word and who the server says it is.
    pub finish: Option<Finish>,
    /// Until when the link is good.
    pub until: Option<Moment>,
}

/// What the last step sends.
#[derive(Debug, Serialize)]
pub struct Finish {
    action: String,
    code: String,
    state: String,
    issuer: Option<String>,
}

/// What a server sends back (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207), and what the last step sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Returned {
    code: String,
    state: String,
    iss: Option<String>,
    error: String,
    error_description: String,
}

impl Returned {
    fn came<'a>(&'a self, id: &'a str) -> Came<'a> {
        Came { id, state: &self.state, issuer: self.iss.as_deref() }
    }
}

/// `GET /connect/{token}`: changes nothing, whoever asks; the browser is given what it comes back with.
pub async fn page(State(ctx): State<Arc<Context>>, Path(token): Path<String>, headers: HeaderMap) -> Answer {
    let invitation = social::invited(&ctx, &token).await?;
    show(&ctx, &kept(&ctx, &headers), invitation, None).await
}

/// `GET /connect/back/{id}`: where a server sends back whoever let us in, or did not. Changes nothing.
pub async fn returned(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    Query(returned): Query<Returned>,
    headers: HeaderMap,
) -> Answer {
    let visit = social::came_back(&ctx, &kept(&ctx, &headers), returned.came(&id)).await?;
    let host = host(&visit.invitation.server).to_owned();
    if returned.code.is_empty() {
        let words =
            [&returned.error_description, &returned.error].into_iter().find(|words| !words.is_empty());
        let words: String = words.map_or("it sent no code", |words| words).chars().take(WORDS_MAX).collect();
        let notice = format!("Nothing was connected. {host} says: {words}");
        return show(&ctx, ANSWERED, visit.invitation, Some(("bad", notice))).await;
    }
    let (vendor, _) = frame::vendor(&ctx);
    let partner = partner(&ctx, &visit.invitation).await?;
    let view = View {
        title: "One more step".to_owned(),
        text: format!(
            "{host} lets us in. Connect the account as which you signed in there to {partner}? {}",
            what_appears(&visit.invitation, &vendor, &partner)
        ),
        notice: None,
        sign_in: None,
        finish: Some(Finish {
            action: format!("{PATH}/back/{id}"),
            code: returned.code,
            state: returned.state,
            issuer: returned.iss,
        }),
        until: None,
    };
    answer(&ctx, &view)
}

/// `POST /connect/back/{id}`
pub async fn finish(
    State(ctx): State<Arc<Context>>,
    Extension(throttle): Extension<Arc<Throttle>>,
    Asking(visitor): Asking,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(sent): Body<Returned>,
) -> Answer {
    throttle.sign_in(&ctx, &visitor, "").map_err(Problem::too_often)?;
    let visit = social::came_back(&ctx, &kept(&ctx, &headers), sent.came(&id)).await?;
    let invitation = visit.invitation.clone();
    // To its end, whoever goes away meanwhile: the code is to be had once.
    let work = {
        let ctx = ctx.clone();
        async move { social::accept(&ctx, &visit, &sent.code).await }
    };
    match tokio::spawn(work).await.map_err(|error| Error::internal("connecting").because(error))? {
        Ok(connected) => Ok(([set_cookie(&ctx, COOKIE, "")], done(&ctx, &connected)?).into_response()),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Unavailable) => {
            let notice = format!(
                "Nothing was connected: {}. Sign in again, and if that does not help, ask for a new link.",
                error.public().trim_end_matches('.')
            );
            show(&ctx, ANSWERED, invitation, Some(("bad", notice))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Which account it was is said to whoever signed in, and stands in no address.
fn done(ctx: &Context, connected: &Connected) -> Answer {
    let (vendor, _) = frame::vendor(ctx);
    let view = View {
        title: "Your account is connected".to_owned(),
        text: format!(
            "It is {}. If you did not mean that one, or to end it later, tell {vendor}, or take your yes back in that server’s \
             settings. You can close this page.",
            connected.handle
        ),
        notice: None,
        sign_in: None,
        finish: None,
        until: None,
    };
    answer(ctx, &view)
}

/// What this browser keeps of its visit.
fn kept(ctx: &Context, headers: &HeaderMap) -> String {
    cookie(headers, &cookie_name(ctx, COOKIE)).unwrap_or_default()
}

async fn partner(ctx: &Context, invitation: &Invitation) -> Result<String> {
    let partner = partners::partner(&ctx.db, &invitation.partner).await?;
    partner.map(|partner| partner.name).ok_or_else(|| Error::not_found("this link"))
}

/// `kept` is what the browser keeps of a visit that may go on.
async fn show(
    ctx: &Context,
    kept: &str,
    invitation: Invitation,
    notice: Option<(&'static str, String)>,
) -> Answer {
    let partner = partner(ctx, &invitation).await?;
    let (vendor, zone) = frame::vendor(ctx);
    let host = host(&invitation.server).to_owned();
    let text = format!(
        "Connect an account of yours at {host} to {partner}? {} You sign in at {host} and say yes; nobody here learns your password, \
         and you can take your yes back in that server’s settings at any time.",
        what_appears(&invitation, &vendor, &partner)
    );
    let until = Moment::full(invitation.ends_ms, zone);
    let (visit, there) = social::visit(ctx, invitation, kept)?;
    let view = View {
        title: "Connect your account".to_owned(),
        text,
        notice,
        sign_in: Some((there, host, social::client_name(ctx))),
        finish: None,
        until: Some(until),
    };
    Ok(([set_cookie(ctx, COOKIE, &visit)], answer(ctx, &view)?).into_response())
}

/// Whose posts appear in the account, and when.
fn what_appears(invitation: &Invitation, vendor: &str, partner: &str) -> String {
    let once = if invitation.mode == Mode::Auto.as_str() {
        "by themselves".to_owned()
    } else {
        format!("once {partner} or {vendor} has approved each")
    };
    format!(
        "What {vendor} writes for {partner} is posted in it, {once}. An account that is connected already goes on as it is set."
    )
}

fn host(server: &str) -> &str {
    server.split_once("://").map_or(server, |(_, host)| host)
}

fn answer(ctx: &Context, view: &View) -> Answer {
    let frame = Frame::new(ctx, Area::Desk, &view.title, PATH);
    Ok(headers::unlisted(respond::page(ctx, "desk/connect", &frame, view)?))
}

#[cfg(test)]
impl View {
    /// An invitation with a notice, or the last step.
    pub fn sample(is_invitation: bool) -> Self {
        let until = Moment::full(1_799_744_400_000, chrono_tz::Europe::Oslo);
        Self {
            title: "Connect your account".into(),
            text: "What Brackenfold writes for Northlight MSP is posted in it, by themselves.".into(),
            notice: is_invitation
                .then(|| ("bad", "Nothing was connected. social.example says: <b>denied</b>".into())),
            sign_in: is_invitation.then(|| {
                (
                    "https://social.example/oauth/authorize?a=1&b=2".into(),
                    "social.example".into(),
                    "Brackenfold".into(),
                )
            }),
            finish: (!is_invitation).then(|| Finish {
                action: "/connect/back/a".into(),
                code: "c0de\"<".into(),
                state: "word".into(),
                issuer: Some("https://social.example".into()),
            }),
            until: is_invitation.then_some(until),
        }
    }
}
