//! Stored images, addressed by content.

use std::sync::Arc;

use axum::extract::{Path, State};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    domain::kernel::Error,
    store::contents,
    web::{error::Problem, respond::Answer, statics},
    work::Context,
};

/// `GET /media/{hash}.png`: images alone, which were decoded and encoded again when they were stored.
pub async fn file(State(ctx): State<Arc<Context>>, Path(name): Path<String>) -> Answer {
    let hash = name
        .strip_suffix(".png")
        .filter(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    let hash = hash.ok_or_else(Problem::no_page)?;
    let file = contents::file(&ctx.db, hash).await?.ok_or_else(Problem::no_page)?;
    let bytes =
        STANDARD.decode(&file.base64).map_err(|error| Error::internal("a stored file").because(error))?;
    Ok(statics::kept("image/png", bytes))
}
