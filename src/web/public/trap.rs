//! The hidden link of pages. No person sees it, and search engines are asked to leave it alone.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};

use super::{Setting, withdrawn};
use crate::{
    web::{respond::Answer, visitor::Asking},
    work::{Context, track},
};

/// Where it leads; a token follows.
pub const PATH: &str = "/nothing-here";

/// `GET /nothing-here/{token}`: a page of the partner's that says nothing, so that whoever follows it learns nothing.
pub async fn follow(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Asking(visitor): Asking,
) -> Answer {
    let partner = track::trapped(&ctx, &token, &visitor).await?;
    let setting = Setting::of(&ctx, &partner, None).await?;
    withdrawn::nothing(&ctx, &setting)
}

/// `GET /robots.txt` (RFC 9309): what is followed to be counted, and what nobody should find.
pub async fn robots() -> Response {
    let text = format!("User-agent: *\nDisallow: {PATH}/\nDisallow: /t/\nDisallow: /c/\nDisallow: /feeds/\n");
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
