//! `POST /in/mail`: a mail server or provider hands over what came back. The secret opens the door; what a message may
//! change is decided by its signature.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::respond::Answer;
use crate::{
    domain::kernel::Error,
    work::{
        Context,
        bounce::{self, Incoming},
        tokens::sha256_hex,
    },
};

/// Where it is.
pub const PATH: &str = "/in/mail";

/// What stands in the address.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// Whom the message came to, where the sender knows.
    to: Option<String>,
}

/// `POST /in/mail?to=…` with the message (RFC 5322) as body and `Authorization: Bearer <bounces.http_secret>`. Success
/// means recorded; anything else, try again.
pub async fn take(
    State(ctx): State<Arc<Context>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Some(hash) = &ctx.settings.bounces.http_secret_hash else {
        return Err(Error::not_found("this page").into());
    };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let secret = given.strip_prefix("Bearer ").unwrap_or_default();
    // Of the hashes: their length and beginning say nothing about the secret.
    if !bool::from(sha256_hex(secret.as_bytes()).as_bytes().ct_eq(hash.as_bytes())) {
        return Err(
            Error::denied("the secret is wrong; send Authorization: Bearer and bounces.http_secret").into()
        );
    }
    if body.is_empty() {
        return Err(Error::invalid("there is no message; send it as the body").into());
    }
    let incoming = Incoming { source: "http", envelope_to: asked.to.as_deref(), raw: &body };
    let taken = bounce::take(&ctx, &incoming).await?;
    let answer = format!("{} {}\n{}\n", taken.report.id, taken.report.kind, taken.report.effect);
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], answer).into_response())
}
