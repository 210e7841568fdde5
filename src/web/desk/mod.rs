//! The sales desk: one card a lead, with evidence, next steps and the clock.

mod actions;
pub mod card;
pub mod claim;
pub mod closed;
pub mod conflict;
pub mod connect;
pub mod enter;
pub mod give;
pub mod leads;
pub mod offer;
pub mod post;
pub mod team;
pub mod work;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::{
    domain::kernel::Result,
    web::visitor::cookie,
    work::{Context, desk::Rep, signin},
};

/// The name of a cookie. On https it is bound to this host (RFC 6265bis, `__Host-`).
pub fn cookie_name(ctx: &Context, name: &str) -> String {
    if is_secure(ctx) { format!("__Host-{name}") } else { format!("partnercast-{name}") }
}

fn is_secure(ctx: &Context) -> bool {
    ctx.settings.public_url.starts_with("https:")
}

/// `Set-Cookie` for a session; an empty value ends it.
pub fn set_cookie(ctx: &Context, name: &str, value: &str) -> (header::HeaderName, HeaderValue) {
    let name = cookie_name(ctx, name);
    let secure = if is_secure(ctx) { "; Secure" } else { "" };
    let age = if value.is_empty() { "; Max-Age=0" } else { "" };
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    // Session ids are base64url, so this cannot fail; an empty header sets nothing.
    (header::SET_COOKIE, HeaderValue::from_str(&line).unwrap_or(HeaderValue::from_static("")))
}

/// The rep whose desk this browser opened.
///
/// # Errors
/// Those of the store.
pub async fn rep(ctx: &Context, headers: &HeaderMap) -> Result<Option<Rep>> {
    match cookie(headers, &cookie_name(ctx, "desk")) {
        Some(cookie) => signin::desk(ctx, &cookie).await,
        None => Ok(None),
    }
}
