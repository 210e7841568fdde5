//! Signing in to the console: a link shows a button, the button uses the link up.

use std::sync::Arc;

use axum::{
    Extension, Form,
    extract::{FromRequestParts, Path, Query, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use crate::{
    domain::kernel::{Error, Kind, Result},
    web::{
        desk::{cookie_name, set_cookie},
        error::{Problem, prefers_json},
        frame::{self, Area, Frame},
        headers::private,
        respond::{self, Answer},
        throttle::Throttle,
        view::with_code,
        visitor::{Asking, cookie, is_loopback_host, peer},
    },
    work::{
        Context,
        signin::{self, ReturnTo},
    },
};

/// Where people sign in.
const PATH: &str = "/console/sign-in";

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Title.
    pub title: &'static str,
    /// What to do, as HTML.
    #[serde(serialize_with = "as_html")]
    pub text: &'static str,
    /// The button.
    pub action: Option<String>,
    /// Whether it asks for an address to mail a link to.
    pub asks: bool,
    /// The page that was asked for.
    pub to: Option<String>,
}

fn as_html<S: serde::Serializer>(text: &str, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&with_code(text))
}

/// Who acts in the console, for the audit log and for what only some may do.
#[derive(Debug, Clone)]
pub struct Actor(pub String);

/// Who acts in a rehearsal without having signed in.
pub(super) const OPEN: &str = "console (open)";

impl<S: Send + Sync> FromRequestParts<S> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::sign_in)
    }
}

/// Lets signed-in browsers pass and says who they are; in a rehearsal also everybody else on this machine.
pub async fn gate(State(ctx): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let passed = match signed_in(&ctx, &parts.headers).await {
        Ok(Some(subject)) => Ok(Actor(subject)),
        Ok(None) if ctx.settings.console_open => {
            let here = is_loopback_host(&parts.headers)
                && !is_forwarded(&parts.headers)
                && peer(&parts).is_some_and(|address| address.is_loopback());
            let text = "the console of a rehearsal opens on this machine alone, under the name 127.0.0.1 or localhost";
            if here { Ok(Actor(OPEN.to_owned())) } else { Err(Problem::from(Error::denied(text))) }
        }
        Ok(None) => return to_sign_in(&parts),
        Err(error) => Err(error.into()),
    };
    match passed {
        Ok(actor) => {
            let who = who(&ctx, &actor);
            parts.extensions.insert(actor);
            let response = frame::seen_by(who, next.run(Request::from_parts(parts, body))).await;
            if response.headers().contains_key(header::CACHE_CONTROL) { response } else { private(response) }
        }
        Err(problem) => problem.into_response(),
    }
}

/// Whoever looks is led to where they sign in, and back from there; who changes something, or is a program, is refused.
fn to_sign_in(parts: &Parts) -> Response {
    let is_for_programs =
        parts.uri.path().ends_with(".json") || prefers_json(parts.headers.get(header::ACCEPT));
    let looks = parts.method == Method::GET && !is_for_programs;
    let asked = parts.uri.path_and_query().and_then(|asked| ReturnTo::parse(asked.as_str()));
    match asked {
        Some(to) if looks => private(respond::see_other(&to.after(PATH))),
        _ => Problem::sign_in().into_response(),
    }
}

/// Who is signed in, as the header says it; nobody where a rehearsal lets everybody in.
fn who(ctx: &Context, Actor(subject): &Actor) -> Option<String> {
    if subject == OPEN {
        return None;
    }
    let library = ctx.library();
    let member = library.vendor.as_ref().and_then(|vendor| vendor.member(subject));
    Some(member.map_or_else(|| subject.clone(), |member| member.name.clone()))
}

async fn signed_in(ctx: &Context, headers: &HeaderMap) -> Result<Option<String>> {
    match cookie(headers, &cookie_name(ctx, "console")) {
        Some(cookie) => signin::console(ctx, &cookie).await,
        None => Ok(None),
    }
}

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    to: String,
}

impl Asked {
    fn page(&self) -> Option<ReturnTo> {
        ReturnTo::parse(&self.to)
    }

    fn path(&self) -> Option<String> {
        self.page().map(|to| to.as_str().to_owned())
    }
}

/// `GET /console/sign-in`
pub async fn explain(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>) -> Answer {
    let text = if asked.page().is_some() {
        "The page that you asked for is for people of the staff. We mail you a link that works once, for ten minutes, and \
         leads you there. The operator can also make one, with `partnercast sign-in` on the machine that runs this service."
    } else {
        "We mail you a link that works once, for ten minutes. The operator can also make one, with `partnercast sign-in` on \
         the machine that runs this service."
    };
    show(&ctx, &View { title: "Sign in", text, action: None, asks: true, to: asked.path() })
}

/// Whom to mail a link.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    email: String,
    #[serde(flatten)]
    asked: Asked,
}

/// `POST /console/sign-in`: the answer is the same whether or not anybody is mailed.
pub async fn ask(
    State(ctx): State<Arc<Context>>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
    Form(wanted): Form<Wanted>,
) -> Answer {
    throttle.sign_in(&ctx, &visitor, &wanted.email.trim().to_lowercase()).map_err(Problem::too_often)?;
    signin::send_link(&ctx, &wanted.email, wanted.asked.page().as_ref()).await?;
    let text = "If this is the address of somebody on the staff, a link is on its way to it. It works once, for \
                ten minutes.";
    show(&ctx, &View { title: "Look into your mail", text, action: None, asks: false, to: None })
}

/// `GET /console/sign-in/{token}`: changes nothing, so that a scanner of mails or chats uses no link up.
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    match signin::look(&ctx, &token).await {
        Err(error) if error.kind() == Kind::NotFound => return useless(&ctx, &asked),
        looked => looked?,
    }
    let text = "This link works once. The button uses it and signs this browser in for twelve hours.";
    let action = format!("{PATH}/{token}");
    let action = Some(asked.page().map_or_else(|| action.clone(), |to| to.after(&action)));
    show(&ctx, &View { title: "Sign in to the console", text, action, asks: false, to: None })
}

/// What a link says that signs nobody in.
fn useless(ctx: &Context, asked: &Asked) -> Answer {
    let text = "This link is of nobody on the staff, was used, or has expired: each works once, for ten minutes. Ask for \
                another.";
    let view = View { title: "This link signs nobody in", text, action: None, asks: true, to: asked.path() };
    Ok((StatusCode::NOT_FOUND, show(ctx, &view)?).into_response())
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
    Query(asked): Query<Asked>,
) -> Answer {
    // By network alone: counted by account, anybody could keep the operator out.
    throttle.sign_in(&ctx, &visitor, "").map_err(Problem::too_often)?;
    let session = match signin::consume(&ctx, &token).await {
        Err(error) if error.kind() == Kind::NotFound => return useless(&ctx, &asked),
        session => session?,
    };
    let to = asked.path().unwrap_or_else(|| "/console".to_owned());
    Ok(([set_cookie(&ctx, "console", &session)], respond::see_other(&to)).into_response())
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
        Self {
            title: "Sign in to the console",
            text: "This link works once.",
            action: Some("#".into()),
            asks: true,
            to: Some("/console/leads".into()),
        }
    }
}

/// Whether a proxy stands between: then "from this machine" says nothing about who asks.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"]
        .into_iter()
        .any(|name| headers.contains_key(name))
}
