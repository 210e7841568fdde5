//! Requests that change something must come from our own pages.
//!
//! Browsers say where a request comes from in `Sec-Fetch-Site` (W3C Fetch Metadata); those that do not yet send
//! `Origin`. There is no token to lose and no cookie to set. One-click unsubscribing comes from mail servers and is
//! exempt (RFC 8058 section 3.2): its token is all it needs.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::error::Problem;
use crate::{domain::kernel::Error, work::Context};

/// Refuses unsafe requests that come from elsewhere.
pub async fn guard(State(ctx): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let one_click =
        path.starts_with("/one-click/") || (path.starts_with("/u/") && path.ends_with("/one-click"));
    // No browser knows the secrets of these.
    let by_secret = path == super::incoming::PATH || path.starts_with(super::api::PREFIX);
    if request.method().is_safe()
        || one_click
        || by_secret
        || is_ours(request.headers(), &ctx.settings.public_url)
    {
        return next.run(request).await;
    }
    let why = "this was not sent from our own page; open the page again and send it from there";
    Problem::from(Error::denied(why)).into_response()
}

/// Whether the headers say that one of our pages sent it.
fn is_ours(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => text(header::ORIGIN.as_str()).is_some_and(|origin| {
            let same_host = text(header::HOST.as_str()).is_some_and(|host| {
                origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
            });
            origin.eq_ignore_ascii_case(public_url) || same_host
        }),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_our_own_pages_may_send() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect();
            is_ours(&headers, "https://cast.example")
        };
        assert!(of(&[("sec-fetch-site", "same-origin")]));
        assert!(of(&[("sec-fetch-site", "none")]));
        assert!(of(&[("origin", "https://cast.example")]));
        assert!(of(&[("origin", "http://127.0.0.1:8000"), ("host", "127.0.0.1:8000")]));
        assert!(!of(&[("sec-fetch-site", "cross-site"), ("origin", "https://cast.example")]));
        assert!(!of(&[("sec-fetch-site", "same-site")]));
        assert!(!of(&[("origin", "https://evil.example"), ("host", "cast.example")]));
        assert!(!of(&[("origin", "null"), ("host", "cast.example")]));
        assert!(!of(&[("origin", "https://cast.example.evil.example"), ("host", "cast.example")]));
        assert!(!of(&[]));
    }
}
