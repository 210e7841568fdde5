//! Tracked links that a partner spreads: in a feed, in a mail of their own system, in a post.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
};

use super::Wanted;
use crate::{
    domain::kernel::Locale,
    web::{
        respond::{self, Answer},
        visitor::Asking,
    },
    work::{Context, placed},
};

/// `GET /t/{token}/{partner}/{folder}/{slug}`: to the page that was signed, at once, without body or cookie.
pub async fn follow(
    State(ctx): State<Arc<Context>>,
    Path((token, partner, folder, slug)): Path<(String, String, String, String)>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
) -> Answer {
    let lang = wanted.lang.as_deref().and_then(|lang| Locale::parse(lang).ok());
    let asset = format!("{folder}/{slug}");
    let target = placed::follow(&ctx, &token, (&partner, &asset), lang.as_ref(), &visitor).await?;
    Ok(respond::redirect(StatusCode::FOUND, &target))
}
