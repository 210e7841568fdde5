//! Making answers: pages from templates, redirects, live parts.

use std::collections::BTreeMap;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Serialize;

use super::{error::Problem, frame::Frame, headers::private};
use crate::{
    domain::kernel::{
        Result,
        clock::{UtcMs, utc},
    },
    render::Templates,
    work::{Context, tokens::sha256_hex},
};

/// What a handler answers with.
pub type Answer = Result<Response, Problem>;

/// What every template is given: the frame, and the page's own data.
#[derive(Serialize)]
pub struct Shown<'a, T> {
    /// Around the page.
    pub frame: &'a Frame,
    /// The page.
    pub page: &'a T,
}

/// The page `pages/{name}.html`.
///
/// # Errors
/// The template is wrong, which is our fault.
pub fn page(ctx: &Context, name: &str, frame: &Frame, page: &impl Serialize) -> Answer {
    html(&ctx.templates, name, &Shown { frame, page })
}

/// The same with other data beside the frame.
///
/// # Errors
/// The template is wrong.
pub fn html(templates: &Templates, name: &str, data: &impl Serialize) -> Answer {
    Ok(Html(templates.render(&format!("pages/{name}.html"), data)?).into_response())
}

/// A file to keep, for this visitor alone.
pub fn attachment(media_type: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    private((headers, bytes).into_response())
}

/// The media type of calendars (RFC 5545 section 8.1).
pub const CALENDAR: &str = "text/calendar; charset=utf-8";

/// How an answer is kept by whoever asked.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// When it last changed.
    pub changed_ms: UtcMs,
    /// How long it need not be asked for again, in seconds.
    pub seconds: u32,
}

/// What programs ask for again and again: with what they need to ask whether it has changed, and nothing where it has not
/// (RFC 9110 section 13.1.2).
pub fn revalidated(
    ctx: &Context,
    asked: &HeaderMap,
    media_type: &'static str,
    bytes: Vec<u8>,
    kept: Kept,
) -> Response {
    // A weak one: the bytes may be packed on their way.
    let tag = format!("W/\"{}\"", &sha256_hex(&bytes)[..32]);
    // The demo's calendar runs ahead, and nothing may have changed in the future (RFC 9110 section 8.8.2.1).
    let changed =
        utc(kept.changed_ms.min(ctx.clock.wall_ms())).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let is_known = asked.get_all(header::IF_NONE_MATCH).iter().any(|value| names(value, &tag));
    let headers = [
        (header::ETAG, tag),
        (header::LAST_MODIFIED, changed),
        (header::CACHE_CONTROL, format!("private, max-age={}", kept.seconds)),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, media_type)], bytes).into_response()
}

/// Whether `If-None-Match` names the tag, as weak tags are compared (RFC 9110 section 8.8.3.2).
fn names(value: &HeaderValue, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let value = value.to_str().unwrap_or_default();
    value.trim() == "*" || value.split(',').any(|one| opaque(one) == opaque(tag))
}

/// Live parts of a page: their HTML by element id.
#[derive(Serialize)]
pub struct Live {
    /// The calendar's time.
    now_ms: UtcMs,
    /// HTML by element id.
    fragments: BTreeMap<String, String>,
}

impl Live {
    /// Nothing but the clock.
    ///
    /// # Errors
    /// The template is wrong.
    pub fn new(ctx: &Context, frame: &Frame) -> Result<Self> {
        let mut live = Self { now_ms: frame.now_ms, fragments: BTreeMap::new() };
        live.add(ctx, "clock", "frame/clock", frame, &())?;
        Ok(live)
    }

    /// Adds the part `id`, which `pages/{name}.html` shows.
    ///
    /// # Errors
    /// The template is wrong.
    pub fn add(
        &mut self,
        ctx: &Context,
        id: &str,
        name: &str,
        frame: &Frame,
        page: &impl Serialize,
    ) -> Result<()> {
        self.put(ctx, id, name, &Shown { frame, page })
    }

    /// Adds the part `id` with other data.
    ///
    /// # Errors
    /// The template is wrong.
    pub fn put(&mut self, ctx: &Context, id: &str, name: &str, data: &impl Serialize) -> Result<()> {
        let html = ctx.templates.render(&format!("pages/{name}.html"), data)?;
        self.fragments.insert(id.to_owned(), html);
        Ok(())
    }
}

impl IntoResponse for Live {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}

/// Sends a browser on with a GET after a POST (RFC 9110 section 15.4.4).
pub fn see_other(to: &str) -> Response {
    redirect(StatusCode::SEE_OTHER, to)
}

/// Sends a browser on, without a body.
pub fn redirect(status: StatusCode, to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(location) => (status, [(header::LOCATION, location)]).into_response(),
        // Only a target with control characters comes here; none is stored.
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_however_it_is_named() {
        let named = |value: &'static str| names(&HeaderValue::from_static(value), "W/\"ab\"");
        for known in ["W/\"ab\"", "\"ab\"", "*", " * ", "\"x\", W/\"ab\"", "\"x\",\"ab\""] {
            assert!(named(known), "{known}");
        }
        for other in ["", "ab", "W/ab", "\"abc\"", "W/\"a\"", "\"x\", *"] {
            assert!(!named(other), "{other}");
        }
    }
}
