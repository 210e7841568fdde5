//! `POST /api/hooks/{endpoint}`: a CRM tells what came of a lead, signed as Standard Webhooks 1.0.0 has it. The signature opens the
//! door; every refusal is a problem document (RFC 9457).

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};

use super::{api, error::Problem, respond::Answer, throttle::Throttle, visitor::Asking};
use crate::{
    domain::kernel::Error,
    work::{
        Context,
        lead_updates::{self, Outcomes, Signed},
    },
};

/// Where they come.
pub const PATH: &str = "/api/hooks/{endpoint}";
/// Largest body, in bytes; what is said of one lead is short.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// `POST /api/hooks/{endpoint}` with `{"type": "lead.update", "data": {…}}`.
pub async fn take(
    State(ctx): State<Arc<Context>>,
    Extension(throttle): Extension<Arc<Throttle>>,
    Asking(visitor): Asking,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if body.len() > BODY_BYTES_MAX {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    }
    if !api::is_json(&headers) {
        return Ok(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body =
        std::str::from_utf8(&body).map_err(|error| Error::invalid("the body is not UTF-8").because(error))?;
    let signed = Signed {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signature: text("webhook-signature"),
        body,
    };
    let outcome = match lead_updates::sender(&ctx, &endpoint, &signed).await? {
        Ok(endpoint) => {
            throttle.api_key(&ctx, &endpoint.id).map_err(Problem::too_often)?;
            lead_updates::hook(&ctx, &endpoint, &signed).await?
        }
        Err(why) => {
            throttle.api_stranger(&ctx, &visitor).map_err(Problem::too_often)?;
            Outcomes::Unsigned(why)
        }
    };
    Ok(api::told(&ctx, outcome, "/data"))
}
