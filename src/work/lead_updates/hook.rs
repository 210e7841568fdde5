//! A signed message of a CRM, as Standard Webhooks 1.0.0 has it.

use serde_json::{Map, Value};

use super::{Outcomes, Refused, apply, known, twice};
use crate::{
    domain::{
        crm::{self, FieldMap},
        kernel::{Error, Kind, Result, clock::DAY_MS},
        webhook::sign::{self, Message},
    },
    store::{
        api_keys::Answer,
        lead_updates,
        webhooks::{Endpoint, endpoints},
    },
    work::{Context, handoff::By, tokens::sha256_hex, webhooks},
};

/// How far the sender's clock may be off, in seconds.
const TOLERANCE_S: i64 = 300;
/// Longest `webhook-id`, in characters.
const ID_CHARS_MAX: usize = 255;
/// The only sort of message that is taken; none of our own is called so, so that nobody can send one of those back to us.
const UPDATE: &str = "lead.update";
/// How long an answer is kept.
const KEPT_MS: i64 = 7 * DAY_MS;
/// What is told to whoever is not known.
const WHO: &str = "sign it with the endpoint's secret: webhook-id, webhook-timestamp and webhook-signature (v1), as \
                   standardwebhooks.com has it";

/// A message with its headers.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `webhook-signature`.
    pub signature: &'a str,
    /// The body as it came.
    pub body: &'a str,
}

/// Takes a message that `endpoint` signed: once, however often it comes.
///
/// # Errors
/// `Invalid` for what is no message, or an id that was sent with something else before; `Unavailable` while its field map has
/// faults; those of the store.
pub async fn hook(ctx: &Context, endpoint: &Endpoint, signed: &Signed<'_>) -> Result<Outcomes> {
    twice(|| take(ctx, endpoint, signed)).await
}

/// The endpoint with this id, if the message is signed with one of its secrets, and lately; else what is missing. Whether there
/// is such an endpoint nobody else is told.
///
/// # Errors
/// Those of the store.
pub async fn sender(
    ctx: &Context,
    endpoint_id: &str,
    signed: &Signed<'_>,
) -> Result<Result<Endpoint, &'static str>> {
    let Some(endpoint) = signer(ctx, endpoint_id, signed).await? else { return Ok(Err(WHO)) };
    let is_off = signed
        .timestamp
        .parse::<i64>()
        .map_or(true, |sent_s| (ctx.clock.wall_ms() / 1_000).abs_diff(sent_s) > TOLERANCE_S.unsigned_abs());
    if is_off {
        return Ok(Err("its time is more than five minutes off: sign it anew, and set the clock right"));
    }
    Ok(Ok(endpoint))
}

async fn signer(ctx: &Context, endpoint_id: &str, signed: &Signed<'_>) -> Result<Option<Endpoint>> {
    let is_id = |id: &str| {
        (1..=ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
    };
    let is_time = (1..=12).contains(&signed.timestamp.len())
        && signed.timestamp.bytes().all(|byte| byte.is_ascii_digit());
    if !is_id(signed.id) || !is_time {
        return Ok(None);
    }
    let Some(endpoint) = endpoints::endpoint(&ctx.db, endpoint_id).await? else { return Ok(None) };
    // Whose it is has not been proved yet.
    if endpoint.state == "pending" {
        return Ok(None);
    }
    let secrets = webhooks::secrets_in_use(ctx, &endpoint.id).await?;
    let message = Message { id: signed.id, timestamp: signed.timestamp, body: signed.body };
    Ok(sign::verifies(&secrets, &message, signed.signature)?.then_some(endpoint))
}

async fn take(ctx: &Context, endpoint: &Endpoint, signed: &Signed<'_>) -> Result<Outcomes> {
    let hash = sha256_hex(signed.body.as_bytes());
    match lead_updates::taken(&ctx.db, &endpoint.id, signed.id).await? {
        Some(answer) if answer.body_hash == hash => return Ok(Outcomes::Taken(answer.answer)),
        Some(_) => {
            return Err(Error::invalid(
                "this webhook-id was sent with something else before; use a new one for each message",
            ));
        }
        None => {}
    }
    let data = data(signed.body)?;
    let map = map(ctx, endpoint)?;
    let now_ms = ctx.now_ms();
    let update = match crm::update(map.as_ref(), &data, now_ms) {
        Ok(update) => [update],
        Err(faults) => return Ok(Outcomes::Refused(Refused { kind: Kind::Invalid, faults })),
    };
    let known = known(ctx, &update).await?;
    let actor = format!("{} (webhook)", endpoint.name);
    let only = (!endpoint.partner_slug.is_empty()).then_some(endpoint.partner_slug.as_str());
    let mut tx = ctx.db.begin().await?;
    let done = match apply(ctx, &mut tx, &known, By::Program(&actor, only), &update).await? {
        Ok(mut done) => done.remove(0),
        Err(mut refused) => {
            if let Some(map) = &map {
                refused.faults.iter_mut().for_each(|fault| crm::in_their_words(map, fault));
            }
            return Ok(Outcomes::Refused(refused));
        }
    };
    let answer = Answer { body_hash: hash, answer: done.json() };
    lead_updates::take(&mut tx, (&endpoint.id, signed.id), &answer, now_ms, now_ms - KEPT_MS).await?;
    tx.commit().await?;
    Ok(Outcomes::Taken(answer.answer))
}

/// The field map by which the endpoint's words are read; none for our own words.
fn map(ctx: &Context, endpoint: &Endpoint) -> Result<Option<FieldMap>> {
    if crm::is_standard(&endpoint.format) {
        return Ok(None);
    }
    crm::map_of(&ctx.library(), &endpoint.format).map(Some).ok_or_else(|| {
        Error::unavailable(format!(
            "the field map crm/{}.toml is not there, or has faults; send it again later",
            endpoint.format
        ))
    })
}

/// `data` of a message.
fn data(body: &str) -> Result<Map<String, Value>> {
    let wrong = || {
        Error::invalid(format!(
            "send {{\"type\": \"{UPDATE}\", \"data\": {{...}}}} as JSON; `guide crm` shows all of it"
        ))
    };
    let message: Value = serde_json::from_str(body).map_err(|error| wrong().because(error))?;
    let Value::Object(mut message) = message else { return Err(wrong()) };
    if message.get("type").and_then(Value::as_str) != Some(UPDATE) {
        return Err(wrong());
    }
    match message.remove("data") {
        Some(Value::Object(data)) => Ok(data),
        _ => Err(wrong()),
    }
}
