//! `POST /api/leads`: a program sends leads; `PATCH /api/leads/{id}`: it tells what came of one. Its key comes as `Authorization: Bearer …` (RFC 6750); every refusal is a problem
//! document (RFC 9457).

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{error::Problem, headers, respond::Answer, throttle::Throttle, visitor::Asking};
use crate::{
    domain::{
        kernel::{Error, Kind, clock::utc},
        lead::intake::Fault,
    },
    store::api_keys::ApiKey,
    work::{
        Context,
        api_keys::{self, Recognised},
        intake::{self, Outcome},
        lead_updates::{self, Outcomes, Refused},
        track::Visitor,
    },
};

/// Where programs come.
pub const PREFIX: &str = "/api/";
/// Where leads are sent to.
pub const LEADS: &str = "/api/leads";
/// Where what came of a lead is told.
pub const LEAD: &str = "/api/leads/{id}";
/// Largest body, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// `POST /api/leads` with a lead or a list of them as JSON; with `Idempotency-Key` it may be sent again.
pub async fn leads(
    State(ctx): State<Arc<Context>>,
    Extension(throttle): Extension<Arc<Throttle>>,
    Asking(visitor): Asking,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let key = match known(&ctx, &throttle, &visitor, &headers).await? {
        Ok(key) => key,
        Err(answer) => return Ok(answer),
    };
    Ok(match intake::request(&ctx, &key, request_key(&headers)?, &body).await? {
        Outcome::Taken(answer) => taken(answer),
        Outcome::Faults(faults) => refused(&ctx, &faults),
    })
}

/// `PATCH /api/leads/{id}` with what came of the lead as JSON; with `Idempotency-Key` it may be sent again.
pub async fn lead(
    State(ctx): State<Arc<Context>>,
    Extension(throttle): Extension<Arc<Throttle>>,
    Asking(visitor): Asking,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let key = match known(&ctx, &throttle, &visitor, &headers).await? {
        Ok(key) => key,
        Err(answer) => return Ok(answer),
    };
    let outcome = lead_updates::request(&ctx, &key, request_key(&headers)?, &id, &body).await?;
    Ok(told(&ctx, outcome, ""))
}

/// The key that a request comes with, or the answer to who has none.
async fn known(
    ctx: &Context,
    throttle: &Throttle,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<Result<ApiKey, Response>, Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let secret = text(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    let key = api_keys::recognise(&ctx.db, ctx.now_ms(), secret.unwrap_or_default().trim()).await?;
    let key = match key {
        Recognised::Good(key) => key,
        Recognised::Expired(key) => {
            throttle.api_key(ctx, &key.id).map_err(Problem::too_often)?;
            return Ok(Err(expired(ctx, &key)));
        }
        Recognised::Unknown => {
            throttle.api_stranger(ctx, visitor).map_err(Problem::too_often)?;
            return Ok(Err(unknown(ctx)));
        }
    };
    throttle.api_key(ctx, &key.id).map_err(Problem::too_often)?;
    Ok(if is_json(headers) { Ok(key) } else { Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response()) })
}

/// Whether the body is said to be JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn request_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| {
        Problem::from(Error::invalid("Idempotency-Key has to be 1 to 255 visible ASCII characters"))
    })
}

fn taken(answer: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    headers::private((StatusCode::OK, kind, answer).into_response())
}

/// The answer to what was told of one lead; `place` is where it stands in what was sent (RFC 6901).
pub(super) fn told(ctx: &Context, outcome: Outcomes, place: &str) -> Response {
    let Refused { kind, faults } = match outcome {
        Outcomes::Taken(answer) => return taken(answer),
        Outcomes::Refused(refused) => refused,
        Outcomes::Unsigned(why) => {
            return document(
                StatusCode::UNAUTHORIZED,
                &json!({
                    "type": "about:blank", "title": "It is not known who sent this", "status": 401,
                    "detail": format!("Nothing was changed: {why}."), "instance": instance(ctx),
                }),
            );
        }
    };
    let (status, title) = match kind {
        Kind::NotFound => (StatusCode::NOT_FOUND, "There is no such lead"),
        Kind::Conflict => (StatusCode::CONFLICT, "The lead cannot go there from where it is"),
        Kind::Denied => (StatusCode::FORBIDDEN, "That is not allowed"),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, "That cannot be recorded as sent"),
    };
    let errors: Vec<_> = faults
        .iter()
        .map(|fault| {
            let pointer =
                if fault.column.is_empty() { place.to_owned() } else { format!("{place}/{}", fault.column) };
            json!({ "pointer": pointer, "value": fault.value, "detail": fault.message, "fix": fault.fix })
        })
        .collect();
    document(
        status,
        &json!({
            "type": "about:blank", "title": title, "status": status.as_u16(),
            "detail": format!("Faults: {}. Nothing was changed.", errors.len()), "instance": instance(ctx),
            "errors": errors,
        }),
    )
}

/// No key, or one that is not good: which of both nobody is told.
fn unknown(ctx: &Context) -> Response {
    let detail =
        "Send a key that `partnercast api-key create` made as Authorization: Bearer. Nothing was taken.";
    let challenge = HeaderValue::from_static("Bearer realm=\"leads:write\"");
    unauthorized(ctx, "The key is missing or not good", detail, challenge)
}

/// A key whose time is over: only who has it is told so.
fn expired(ctx: &Context, key: &ApiKey) -> Response {
    let end = key.expires_ms.map(|ms| utc(ms).format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
    let detail = format!(
        "The key {} ended on {end}. Have another one made with `partnercast api-key create`. Nothing was taken.",
        key.id
    );
    let challenge =
        "Bearer realm=\"leads:write\", error=\"invalid_token\", error_description=\"The key has expired\"";
    unauthorized(ctx, "The key has expired", &detail, HeaderValue::from_static(challenge))
}

/// RFC 6750 section 3: a refusal says by which means it is asked for.
fn unauthorized(ctx: &Context, title: &str, detail: &str, challenge: HeaderValue) -> Response {
    let mut response = document(
        StatusCode::UNAUTHORIZED,
        &json!({
            "type": "about:blank", "title": title, "status": 401, "detail": detail, "instance": instance(ctx),
        }),
    );
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// All faults, each with a pointer (RFC 6901) into what was sent.
fn refused(ctx: &Context, faults: &[Fault]) -> Response {
    let errors: Vec<_> = faults
        .iter()
        .map(|fault| {
            let place = fault.row.saturating_sub(1);
            let pointer = if fault.column.is_empty() {
                format!("/{place}")
            } else {
                format!("/{place}/{}", fault.column)
            };
            json!({ "pointer": pointer, "value": fault.value, "detail": fault.message, "fix": fault.fix })
        })
        .collect();
    let count = errors.len();
    document(
        StatusCode::UNPROCESSABLE_ENTITY,
        &json!({
            "type": "about:blank", "title": "Not all leads can be taken", "status": 422,
            "detail": format!("Faults: {count}. Nothing was taken."), "instance": instance(ctx), "errors": errors,
        }),
    )
}

fn instance(ctx: &Context) -> String {
    format!("{:016x}", ctx.random.next_u64())
}

fn document(status: StatusCode, body: &serde_json::Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    headers::private((status, kind, body.to_string()).into_response())
}
