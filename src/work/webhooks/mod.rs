//! Telling other systems what happened: signed, at least once, and none of them held up by another.
//!
//! [`emit`] is called in the transaction of what it tells of and stores a message for each endpoint that wants it; the loop sends
//! them in turns (`turn`), an endpoint each, and `keep` holds the ledger within its bounds. People act through `manage`.

mod documents;
mod holds;
mod keep;
mod manage;
mod moments;
mod notice;
mod overdue;
mod run;
mod secret;
mod turn;
mod verify;
mod visible;
mod withheld;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::{
    domain::{
        kernel::{Random, Result, id::WebhookId},
        webhook::{Event, Scope, filter::matching},
    },
    store::{
        Tx,
        webhooks::messages::{self, NewEvent},
    },
};

pub(super) use documents::forget;
pub use holds::Holds;
pub use manage::{
    Order, Replay, add, bearer, pause, remove, replay, resume, rotate, secrets_for_receiver, test,
};
pub(super) use moments::{
    assets_changed, issue_released, lead_created, lead_erased, lead_moved, lead_value_corrected,
    leads_created, recall_lifted, recalled,
};
pub use run::{run, tick};
pub(super) use secret::secrets_in_use;
pub use verify::{Proof, verify};

/// Endpoints that one owner may have.
pub const ENDPOINTS_MAX: i64 = 20;
/// Messages a second that an endpoint may ask for at most.
pub const PER_SECOND_MAX: i64 = 1_000;
/// Messages on their way to an endpoint at once at most.
pub const CONCURRENCY_MAX: i64 = 16;
/// Those of an endpoint that says nothing about it.
pub const CONCURRENCY: i64 = 4;
/// Messages that may wait for one endpoint; beyond, the oldest are given up, and can be replayed.
pub const WAITING_MAX: i64 = 100_000;
/// For how long messages that ended are kept, with their tries, in days.
pub const KEPT_DAYS: i64 = 30;

/// Numbers the events of this process, so that those of one millisecond keep their order.
static NUMBER: AtomicU32 = AtomicU32::new(0);

fn new_id(event: &Event, random: &dyn Random) -> String {
    WebhookId::numbered(event.at_ms, NUMBER.fetch_add(1, Ordering::Relaxed), random).to_string()
}

/// Tells `event` to every endpoint that wants it, in the transaction of what it tells of: both happen, or neither. Returns to how
/// many.
///
/// # Errors
/// Those of the store.
pub async fn emit(tx: &mut Tx, random: &dyn Random, event: &Event) -> Result<u64> {
    // Most installations tell nobody, and most moments are on somebody's way.
    if !messages::is_wanted(tx, &matching(event.kind)).await? {
        return Ok(0);
    }
    emit_all(tx, random, std::slice::from_ref(event)).await
}

/// Tells events, in this order, with as few statements as one takes. Returns how many messages that makes.
async fn emit_all(tx: &mut Tx, random: &dyn Random, events: &[Event]) -> Result<u64> {
    let mut made = Vec::with_capacity(events.len());
    for event in events {
        made.push((new_id(event, random), event.payload()?, matching(event.kind), event));
    }
    let all: Vec<(NewEvent<'_>, &Scope)> = made
        .iter()
        .map(|(id, payload, entries, event)| {
            let subject = event.data.get("lead_id").and_then(Value::as_str).unwrap_or_default();
            let new =
                NewEvent { id, kind: event.kind.as_str(), entries, at_ms: event.at_ms, subject, payload };
            (new, &event.scope)
        })
        .collect();
    messages::tell_all(tx, &all).await
}
