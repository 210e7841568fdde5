//! Whether an endpoint is its owner's: before anything else it is sent a signed `endpoint.verification`, and must answer 2xx with
//! the challenge as its body, or as the JSON key `challenge`. Any server answers 200 to anything; only one that is meant to
//! receive this repeats what it cannot guess. Standard Webhooks says nothing of it; so do Slack, Zoom and Microsoft Graph. A chat
//! room is greeted instead.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    manage::{load, move_to},
    new_id,
    turn::{Of, Sender, kept},
    visible,
};
use crate::{
    channel::egress::Answered,
    domain::{
        crm::{self, Body},
        kernel::{Error, Result},
        webhook::{Chat, Event, EventKind, Scope, shown::without_query},
    },
    work::Context,
};

/// Letters of an answer's body in an error.
const SHOWN_LETTERS: usize = 120;

/// What proves that an endpoint is its owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It repeats the challenge.
    Challenge,
    /// It answers 2xx, and whoever acts vouches for the address: for systems that cannot be made to answer.
    Vouched,
}

/// Asks an endpoint that is pending or disabled, and lets it begin, or go on with what waits.
///
/// # Errors
/// `NotFound`; `Conflict` for one that works already; `Unavailable` for one that does not answer as it should.
pub async fn verify(ctx: &Context, actor: &str, id: &str, proof: Proof) -> Result<()> {
    let endpoint = load(ctx, id).await?;
    if !matches!(endpoint.state.as_str(), "pending" | "disabled") {
        return Err(Error::conflict(format!("the endpoint is {} and needs no proof", endpoint.state)));
    }
    let mut bytes = [0; 24];
    ctx.random.fill(&mut bytes);
    let challenge = format!("whc_{}", URL_SAFE_NO_PAD.encode(bytes));
    let data = [("challenge", Value::from(challenge.as_str()))];
    let event = Event::new(EventKind::EndpointVerification, Scope::Vendor, ctx.now_ms(), data);
    let event_id = new_id(&event, &*ctx.random);
    let of = Of { id, url: &endpoint.url, format: &endpoint.format, partner: &endpoint.partner_slug };
    let sender = Sender::to(ctx, of).await;
    let answered = sender.post(&event_id, &sender.worded(&event.payload()?)?).await;
    let shown = without_query(&endpoint.url);
    let answered = answered.map_err(|why| {
        let what = if why.is_ours { "cannot be asked" } else { "does not answer" };
        Error::unavailable(format!("{shown} {what}: {}", kept(&why.why)))
    })?;
    let is_crms = crm::map_of(&ctx.library(), &endpoint.format).is_some_and(|map| map.body == Body::Request);
    // A CRM refuses what is no record, and by that shows that it let us in.
    let lets_in =
        is_crms && proof == Proof::Vouched && matches!(answered.status, 400 | 405 | 409 | 415 | 422);
    if !(200..=299).contains(&answered.status) && !lets_in {
        return Err(Error::unavailable(format!("{shown} answers {}", answered.status)));
    }
    let (because, action) = match proof {
        // Nobody can be made to answer in a room; whoever was given its address, which is a secret, was given the room.
        _ if Chat::parse(&endpoint.format).is_some() => ("the room took a greeting", "verify-webhook"),
        Proof::Challenge if repeats(&answered, &challenge) => ("it repeated the challenge", "verify-webhook"),
        Proof::Challenge => {
            let body: String = kept(&answered.body).chars().take(SHOWN_LETTERS).collect();
            return Err(Error::unavailable(format!(
                "{shown} answers {}, but does not repeat `data.challenge` as its body or as JSON key `challenge`; its answer \
                 begins `{body}`",
                answered.status
            )));
        }
        Proof::Vouched => ("somebody vouched for it, and it answered", "vouch-for-webhook"),
    };
    visible::begin(ctx, &endpoint.partner_slug).await?;
    move_to(ctx, actor, &endpoint, "active", because, action).await
}

fn repeats(answered: &Answered, challenge: &str) -> bool {
    let body = answered.body.trim();
    body == challenge
        || serde_json::from_str::<Value>(body).is_ok_and(|json| {
            json.as_str() == Some(challenge)
                || json.get("challenge").and_then(Value::as_str) == Some(challenge)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_repeated_as_a_body_or_as_json() {
        let answered = |body: &str| Answered { status: 200, body: body.to_owned(), ..Answered::default() };
        for body in ["whc_1", " whc_1\n", "\"whc_1\"", "{\"challenge\": \"whc_1\", \"ok\": true}"] {
            assert!(repeats(&answered(body), "whc_1"), "{body}");
        }
        let whole = r#"{"type":"endpoint.verification","data":{"challenge":"whc_1"}}"#;
        for body in ["", "OK", "whc_2", "{\"challenge\": 1}", whole] {
            assert!(!repeats(&answered(body), "whc_1"), "{body}: what echoes everything proves nothing");
        }
    }
}
