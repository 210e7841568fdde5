//! Errors as people and programs see them: a page or `application/problem+json` (RFC 9457), with an id that also
//! stands in the log, and without internals.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use super::{
    api,
    frame::{Area, Frame},
    public::{lost, problem},
    respond::Shown,
    throttle::Wait,
    view::with_code,
};
use crate::{
    domain::kernel::{Error, Kind},
    work::Context,
};

/// An error on its way to the person who asked.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    error: Error,
    wait: Option<Wait>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Denied => StatusCode::FORBIDDEN,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, error, wait: None }
    }
}

impl Problem {
    /// What is wrong, for a page that shows it by itself.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// There is no such page.
    pub fn no_page() -> Self {
        Error::not_found("this page").into()
    }

    /// It was done too often; says how long to wait.
    pub fn too_often(wait: Wait) -> Self {
        let text = format!("this was asked for too often; try again in {} min", wait.minutes());
        Self { status: StatusCode::TOO_MANY_REQUESTS, error: Error::conflict(text), wait: Some(wait) }
    }

    /// It was there, and is no more.
    pub fn gone(why: &str) -> Self {
        Self { status: StatusCode::GONE, error: Error::conflict(why), wait: None }
    }

    /// The asker must sign in first.
    pub fn sign_in() -> Self {
        let text = "Sign in first, then do it again: nothing was changed.";
        Self { status: StatusCode::UNAUTHORIZED, error: Error::denied(text), wait: None }
    }
}

/// Travels with the response to [`shown`], which knows the templates and what the asker accepts.
#[derive(Clone)]
struct Carried(Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(wait) = self.wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.seconds()));
        }
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}

/// What the problem page shows.
#[derive(Debug, Serialize)]
pub struct View {
    /// `404 Not Found`
    pub status: String,
    /// In a few words.
    pub title: String,
    /// What to do.
    pub text: String,
    /// The same as HTML.
    pub text_html: String,
    /// The number in the log.
    pub id: String,
    /// Where to go from here.
    pub back: Option<String>,
    /// Its text.
    pub back_label: String,
}

/// Turns every error into a page or a problem document, whoever made it.
pub async fn shown(State(ctx): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let path = uri.path();
    let head = request.method() == Method::HEAD;
    let is_programs = path.starts_with(api::PREFIX);
    let wants_json = is_programs || prefers_json(request.headers().get(header::ACCEPT));
    let languages = request.headers().get(header::ACCEPT_LANGUAGE).cloned();
    let response = next.run(request).await;
    let status = response.status();
    let written = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        [&b"text/html"[..], b"application/json", b"application/problem+json"]
            .iter()
            .any(|it| kind.starts_with(it))
    });
    let carried = response.extensions().get::<Carried>().cloned();
    if !(status.is_client_error() || status.is_server_error()) || (written && carried.is_none()) {
        return response;
    }
    let id = problem_id(&ctx);
    let text = explain(status, carried.as_ref().map(|carried| &carried.0.error), &id, path);
    let back = match status {
        _ if ["/desk", "/o/", "/claim/"].iter().any(|of| path.starts_with(of)) => {
            Some(("/desk", "Your leads, or a link to them by mail"))
        }
        _ if !path.starts_with("/console") => None,
        StatusCode::UNAUTHORIZED => Some(("/console/sign-in", "Sign in")),
        _ => Some(("/console", "To the overview")),
    };
    let view = View {
        status: status.to_string(),
        title: title(status).to_owned(),
        text_html: with_code(&text),
        text,
        id,
        back: back.map(|(back, _)| back.to_owned()),
        back_label: back.map(|(_, label)| label.to_owned()).unwrap_or_default(),
    };
    let mut shown = if wants_json {
        document(status, &view)
    } else {
        match problem::page(&ctx, &uri, status, &view.text, &view.id).await {
            Some(shown) => shown,
            None => lost::page(&ctx, &uri, languages.as_ref(), status, &view.id)
                .unwrap_or_else(|| page(&ctx, status, &view)),
        }
    };
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    if head {
        *shown.body_mut() = axum::body::Body::empty();
    }
    shown
}

fn page(ctx: &Context, status: StatusCode, view: &View) -> Response {
    let frame = Frame::new(ctx, Area::Public, &view.title, "");
    let html = ctx.templates.render("pages/problem.html", &Shown { frame: &frame, page: view });
    let html = html.unwrap_or_else(|error| {
        tracing::error!(error = error.detail(), "the problem page cannot be rendered");
        format!("<!doctype html><title>{0}</title><h1>{0}</h1>", view.title)
    });
    (status, Html(html)).into_response()
}

fn document(status: StatusCode, view: &View) -> Response {
    let body = json!({
        "type": "about:blank", "title": view.title, "status": status.as_u16(), "detail": view.text, "instance": view.id,
    });
    let mut response = (status, body.to_string()).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn problem_id(ctx: &Context) -> String {
    format!("{:016x}", ctx.random.next_u64())
}

/// What may be said, with the whole chain of causes in the log where it is our fault.
fn explain(status: StatusCode, error: Option<&Error>, id: &str, path: &str) -> String {
    // Paths hold tokens, so only their first part is logged.
    let area = path.split('/').nth(1).unwrap_or_default();
    match error {
        Some(error) if status.is_server_error() => {
            tracing::error!(id, area, error = error.detail(), "a request failed");
            sentence(error.public())
        }
        Some(error) => {
            tracing::debug!(id, area, error = error.detail(), "a request was refused");
            sentence(error.public())
        }
        None => match status {
            StatusCode::METHOD_NOT_ALLOWED => "This address cannot be asked in that way.",
            StatusCode::PAYLOAD_TOO_LARGE if path == api::LEADS => {
                "What was sent is larger than 256 KiB. Send fewer leads at a time."
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                "What was sent is larger than 64 KiB. Shorten it and send it again."
            }
            StatusCode::REQUEST_TIMEOUT => "It took longer than 15 seconds. Try again in a moment.",
            StatusCode::UNSUPPORTED_MEDIA_TYPE if path.starts_with(api::PREFIX) => {
                "Send JSON, with Content-Type: application/json."
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "Only a form can be sent to this address.",
            _ => "The request cannot be understood.",
        }
        .to_owned(),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| {
        // An address is written as it is stored.
        let is_address = text.split_whitespace().next().is_some_and(|word| word.contains('@'));
        if is_address { first.to_string() } else { first.to_uppercase().collect() }
    });
    let first = first.unwrap_or_default();
    let dot = if text.ends_with(['.', '!', '?', ')']) { "" } else { "." };
    format!("{first}{}{dot}", letters.as_str())
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::GONE => "This is no longer available",
        StatusCode::UNAUTHORIZED => "You are not signed in",
        StatusCode::FORBIDDEN => "That is not allowed",
        StatusCode::CONFLICT => "It cannot be done as it stands now",
        StatusCode::TOO_MANY_REQUESTS => "Too often in a short time",
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => "That cannot be done as sent",
        StatusCode::SERVICE_UNAVAILABLE => "Not available at this moment",
        status if status.is_server_error() => "Something went wrong on our side",
        _ => "That did not work",
    }
}

/// Programs say that they want JSON; browsers ask for HTML first.
pub fn prefers_json(accept: Option<&HeaderValue>) -> bool {
    let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let at = |kind: &str| accept.find(kind).unwrap_or(usize::MAX);
    at("application/json").min(at("application/problem+json")) < at("text/html")
}

#[cfg(test)]
impl View {
    /// Nothing there.
    pub fn sample() -> Self {
        Self {
            status: "404 Not Found".into(),
            title: "There is nothing here".into(),
            text: "This link was not found.".into(),
            text_html: "This link was not found.".into(),
            id: "5b1f0c2d9a77e340".into(),
            back: Some("/console".into()),
            back_label: "To the overview".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_json_and_people_a_page() {
        let of = |text: &'static str| prefers_json(Some(&HeaderValue::from_static(text)));
        assert!(of("application/json"));
        assert!(of("application/problem+json, */*"));
        assert!(!of("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!of("*/*"));
        assert!(!prefers_json(None));
    }

    #[test]
    fn texts_read_as_sentences() {
        assert_eq!(sentence("this link was not found"), "This link was not found.");
        assert_eq!(sentence("priya@brackenfold.example may not"), "priya@brackenfold.example may not.");
        assert_eq!(sentence(""), ".");
    }
}
