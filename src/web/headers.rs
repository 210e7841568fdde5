//! Headers on every response: what browsers may load, frame, send and remember.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

use crate::work::Context;

const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
/// One year (RFC 6797).
const HSTS: &str = "max-age=31536000; includeSubDomains";

/// A foreign or rendered mail in a frame of ours: its styles are inline, it runs nothing, its origin is nobody's.
#[derive(Debug, Clone, Copy)]
pub struct Sandboxed;

/// Marks `response` as a mail to be shown in a sandbox.
pub fn sandboxed(mut response: Response) -> Response {
    response.extensions_mut().insert(Sandboxed);
    response
}

/// What the author's preview shows in a frame of its own: no script, no form, nothing from elsewhere.
#[derive(Debug, Clone, Copy)]
struct Framed(&'static str);

/// A page of ours, in a pane of the preview.
pub fn framed(mut response: Response) -> Response {
    response.extensions_mut().insert(Framed(
        "default-src 'none'; img-src 'self'; style-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'",
    ));
    response
}

/// A mail, whose styles are inline, in a pane of the preview.
pub fn framed_mail(mut response: Response) -> Response {
    response.extensions_mut().insert(Framed(
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'",
    ));
    response
}

/// A page that some other sites may show in a frame of theirs.
#[derive(Debug, Clone)]
struct Embedded(String);

/// Marks `response` as one that pages of `origins` may show in a frame, and nobody else.
pub fn embedded(mut response: Response, origins: &[String]) -> Response {
    let ancestors = if origins.is_empty() { "'none'".to_owned() } else { origins.join(" ") };
    response.extensions_mut().insert(Embedded(format!(
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors {ancestors}; form-action 'self'"
    )));
    response
}

/// An answer about one person: kept by nobody.
pub fn private(mut response: Response) -> Response {
    set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
    response
}

/// An answer that tells others nothing about where the reader came from, and is no page.
pub fn untraced(response: Response) -> Response {
    let mut response = private(response);
    set(response.headers_mut(), header::REFERRER_POLICY, "no-referrer");
    set(response.headers_mut(), HeaderName::from_static("x-robots-tag"), "noindex");
    response
}

/// A page that stands in others' pages, or at an address that nobody can guess: search engines leave it alone. No page tells other
/// sites its address ([`add`]).
pub fn unlisted(mut response: Response) -> Response {
    set(response.headers_mut(), HeaderName::from_static("x-robots-tag"), "noindex");
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Adds what is missing to every response, errors included.
pub async fn add(State(ctx): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let in_pane = response.extensions().get::<Framed>().copied();
    let embedded = response.extensions().get::<Embedded>().cloned();
    let sandboxed = response.extensions().get::<Sandboxed>().is_some();
    let headers = response.headers_mut();
    if let Some(Framed(policy)) = in_pane {
        set(headers, header::CONTENT_SECURITY_POLICY, policy);
        set(headers, header::CACHE_CONTROL, "no-store");
    } else if sandboxed {
        let policy = mail_policy(&ctx.settings.public_url);
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
    } else {
        set(headers, header::CONTENT_SECURITY_POLICY, POLICY);
    }
    if let Some(Embedded(policy)) = &embedded {
        // Browsers that know the one header pass over the other (CSP 3 section 6.4.2.2), which cannot name sites.
        if let Ok(policy) = HeaderValue::from_str(policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
    } else {
        let by = if sandboxed || in_pane.is_some() { "SAMEORIGIN" } else { "DENY" };
        set(headers, header::X_FRAME_OPTIONS, by);
    }
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if !headers.contains_key(header::REFERRER_POLICY) {
        // Not `no-referrer`: browsers would send `Origin: null` with our own forms.
        set(headers, header::REFERRER_POLICY, "same-origin");
    }
    if ctx.settings.public_url.starts_with("https:") {
        set(headers, header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

fn mail_policy(public_url: &str) -> String {
    format!(
        "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; \
         default-src 'none'; img-src 'self' {public_url} data:; style-src 'unsafe-inline'; object-src 'none'; \
         base-uri 'none'; frame-ancestors 'self'; form-action 'none'"
    )
}
