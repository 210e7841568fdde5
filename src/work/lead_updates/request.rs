//! `PATCH /api/leads/{id}`: a program with a key tells what came of a lead.

use serde_json::{Map, Value};

use super::{Outcomes, Refused, apply, known, twice};
use crate::{
    domain::{
        crm,
        kernel::{Error, Kind, Result, clock::DAY_MS},
    },
    store::api_keys::{self, Answer, ApiKey},
    work::{Context, api_keys::LEADS_WRITE, handoff::By, intake, tokens::sha256_hex},
};

/// How long an answer is kept.
const KEPT_MS: i64 = 7 * DAY_MS;

/// Takes what is told of the lead with this id. With a `request_key` (`Idempotency-Key`) the same request gets the same answer for
/// a week, and is taken once.
///
/// # Errors
/// `Denied` for a key of another purpose; `Invalid` for what is no JSON object, or a `request_key` that was sent with something
/// else before; those of the store.
pub async fn request(
    ctx: &Context,
    key: &ApiKey,
    request_key: Option<&str>,
    lead_id: &str,
    body: &[u8],
) -> Result<Outcomes> {
    if key.purpose != LEADS_WRITE {
        return Err(Error::denied(format!("this key is for {}, not for {LEADS_WRITE}", key.purpose)));
    }
    request_key.map_or(Ok(()), intake::check_request_key)?;
    twice(|| take(ctx, key, request_key, lead_id, body)).await
}

async fn take(
    ctx: &Context,
    key: &ApiKey,
    request_key: Option<&str>,
    lead_id: &str,
    body: &[u8],
) -> Result<Outcomes> {
    // The lead stands in the address, and belongs to what was asked.
    let hash = sha256_hex(&[lead_id.as_bytes(), b"\n".as_slice(), body].concat());
    if let Some(request_key) = request_key {
        match api_keys::answered(&ctx.db, &key.id, request_key).await? {
            Some(answer) if answer.body_hash == hash => return Ok(Outcomes::Taken(answer.answer)),
            Some(_) => {
                return Err(Error::invalid(
                    "this Idempotency-Key was sent with something else before; use a new one for each request",
                ));
            }
            None => {}
        }
    }
    let now_ms = ctx.now_ms();
    let update = match crm::update(None, &read(lead_id, body)?, now_ms) {
        Ok(update) => [update],
        Err(faults) => return Ok(Outcomes::Refused(Refused { kind: Kind::Invalid, faults })),
    };
    let known = known(ctx, &update).await?;
    let actor = format!("API key {}", key.name);
    let mut tx = ctx.db.begin().await?;
    let by = By::Program(&actor, key.partner_slug.as_deref());
    let done = match apply(ctx, &mut tx, &known, by, &update).await? {
        Ok(mut done) => done.remove(0),
        Err(refused) => return Ok(Outcomes::Refused(refused)),
    };
    let answer = Answer { body_hash: hash, answer: done.json() };
    if let Some(request_key) = request_key {
        api_keys::answer(&mut tx, &key.id, request_key, &answer, now_ms, now_ms - KEPT_MS).await?;
    }
    tx.commit().await?;
    Ok(Outcomes::Taken(answer.answer))
}

/// The body's object, about the lead of the address.
fn read(lead_id: &str, body: &[u8]) -> Result<Map<String, Value>> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Error::invalid(format!("the body is no JSON: {error}")).because(error))?;
    let Value::Object(mut fields) = value else {
        return Err(Error::invalid("send an object, such as {\"stage\": \"contacted\"}"));
    };
    if fields.get("lead_id").is_some_and(|named| named.as_str() != Some(lead_id)) {
        return Err(Error::invalid("the body names another lead than the address; leave `lead_id` out"));
    }
    fields.insert("lead_id".to_owned(), lead_id.into());
    Ok(fields)
}
