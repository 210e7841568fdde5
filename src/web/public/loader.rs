//! `/embed/v1.js` and `/embed/v1.{hash}.js`: the script that partners' pages load.

use axum::{
    http::{HeaderValue, Uri, header},
    response::IntoResponse as _,
};

use crate::{
    web::{error::Problem, respond::Answer, statics},
    work::embeds,
};

/// How long the floating one need not be asked for again: an hour, and a day longer while we cannot be reached (RFC 5861).
const FLOATING_KEPT: &str = "public, max-age=3600, stale-if-error=86400";

/// `GET /embed/{name}`: it may be read by pages of any site, as `integrity` wants it to (SRI section 3.5).
pub async fn script(uri: Uri) -> Answer {
    let (loader, is_fixed) = embeds::loader_at(uri.path()).ok_or_else(Problem::no_page)?;
    let media_type = "text/javascript; charset=utf-8";
    let mut response = if is_fixed {
        statics::kept(media_type, loader.script.clone().into_bytes())
    } else {
        let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, FLOATING_KEPT)];
        (headers, loader.script.clone()).into_response()
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}
