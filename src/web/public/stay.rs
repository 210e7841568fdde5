//! How long a page was in view.

use std::sync::Arc;

use axum::{
    Extension, Form as Body,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::Deserialize;

use crate::{
    web::{error::Problem, respond::Answer, throttle::Throttle, visitor::Asking},
    work::{Context, track},
};

/// What the page tells.
#[derive(Debug, Deserialize)]
pub struct Told {
    /// Whole seconds in view so far.
    seconds: u32,
}

/// `POST /stay/{token}`: told by the page's script when the page is hidden; it waits for no answer, and none says anything.
pub async fn told(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
    Body(told): Body<Told>,
) -> Answer {
    throttle.stay(&ctx, &visitor).map_err(Problem::too_often)?;
    track::stay(&ctx, &token, told.seconds, &visitor).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
