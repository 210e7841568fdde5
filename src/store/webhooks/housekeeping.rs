//! What keeps the queue and the ledger of tries within their bounds. Everything is done in parts, so that nobody else waits long.

use super::messages::PART_ROWS;
use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// Gives up what has waited since before `made_ms`, at most 500. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn give_up(tx: &mut Tx, endpoint_id: &str, made_ms: UtcMs, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE webhook_message SET state = 'failed', because = 'it waited for too long', ended_ms = $3
         WHERE endpoint_id = $1 AND state = 'waiting' AND event_id IN (
             SELECT m.event_id FROM webhook_message m
             WHERE m.endpoint_id = $1 AND m.ended_ms IS NULL AND m.state = 'waiting' AND m.made_ms < $2
             ORDER BY m.event_id LIMIT $4)",
        args![endpoint_id, made_ms, now_ms, PART_ROWS],
    )
    .await
}

/// Gives up the oldest of what waits beyond the latest `keep` messages, at most 500. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn trim(tx: &mut Tx, endpoint_id: &str, keep: i64, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE webhook_message SET state = 'failed', because = 'too many waited', ended_ms = $3
         WHERE endpoint_id = $1 AND state = 'waiting' AND event_id IN (
             SELECT m.event_id FROM webhook_message m
             WHERE m.endpoint_id = $1 AND m.ended_ms IS NULL AND m.state = 'waiting'
             ORDER BY m.event_id DESC LIMIT $4 OFFSET $2)",
        args![endpoint_id, keep, now_ms, PART_ROWS],
    )
    .await
}

/// Has what is due at an endpoint later than `latest_ms`, which no plan says, tried at once: the calendar was set back. Returns how
/// many messages.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn hurry(tx: &mut Tx, endpoint_id: &str, latest_ms: UtcMs, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE webhook_endpoint SET rest_ms = 0 WHERE id = $1 AND rest_ms > $2",
        args![endpoint_id, latest_ms],
    )
    .await?;
    tx.run(
        "UPDATE webhook_message SET due_ms = $3 WHERE endpoint_id = $1 AND state = 'waiting' AND due_ms > $2",
        args![endpoint_id, latest_ms, now_ms],
    )
    .await
}

/// Endpoints that are not removed, by their ids, those behind `after`; at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn present(db: &Db, after: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT id FROM webhook_endpoint WHERE state <> 'removed' AND id > $1 ORDER BY id LIMIT 1000",
            args![after],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Forgets messages that ended before `before_ms`, with their tries, and events that nobody waits for any more; at most 500.
/// Returns how many messages.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget(tx: &mut Tx, before_ms: UtcMs) -> Result<u64> {
    let old: Vec<(String, String)> = tx
        .all(
            "SELECT event_id, endpoint_id FROM webhook_message
             WHERE ended_ms IS NOT NULL AND ended_ms < $1 ORDER BY ended_ms LIMIT $2",
            args![before_ms, PART_ROWS],
        )
        .await?;
    take_away(tx, &old).await
}

/// Endpoints that were removed and are still there, without those whose turn is held by somebody yet, who would write of it.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn removed(db: &Db, machine_ms: UtcMs) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT id FROM webhook_endpoint WHERE state = 'removed' AND lease_ms <= $1 ORDER BY id LIMIT 100",
            args![machine_ms],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Takes a part of what belongs to a removed endpoint away, at last itself. True when nothing is left of it.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn clear(tx: &mut Tx, endpoint_id: &str) -> Result<bool> {
    let some: Vec<(String, String)> = tx
        .all(
            "SELECT event_id, endpoint_id FROM webhook_message WHERE endpoint_id = $1 ORDER BY event_id LIMIT $2",
            args![endpoint_id, PART_ROWS],
        )
        .await?;
    if !some.is_empty() {
        take_away(tx, &some).await?;
        return Ok(false);
    }
    tx.run("DELETE FROM webhook_filter WHERE endpoint_id = $1", args![endpoint_id]).await?;
    tx.run("DELETE FROM webhook_secret WHERE endpoint_id = $1", args![endpoint_id]).await?;
    tx.run("DELETE FROM webhook_endpoint WHERE id = $1 AND state = 'removed'", args![endpoint_id]).await?;
    Ok(true)
}

/// Messages with their tries, and then the events that have no message left.
async fn take_away(tx: &mut Tx, messages: &[(String, String)]) -> Result<u64> {
    let rows = || messages.iter().map(|(event, endpoint)| args![event, endpoint]).collect::<Vec<_>>();
    tx.bulk(
        "WITH r (revent, rendpoint) AS (",
        rows(),
        ") DELETE FROM webhook_attempt WHERE EXISTS (
             SELECT 1 FROM r WHERE r.revent = webhook_attempt.event_id AND r.rendpoint = webhook_attempt.endpoint_id)",
    )
    .await?;
    let gone = tx
        .bulk(
            "WITH r (revent, rendpoint) AS (",
            rows(),
            ") DELETE FROM webhook_message WHERE EXISTS (
                 SELECT 1 FROM r WHERE r.revent = webhook_message.event_id AND r.rendpoint = webhook_message.endpoint_id)",
        )
        .await?;
    tx.bulk(
        "WITH r (revent, rendpoint) AS (",
        rows(),
        ") DELETE FROM webhook_document WHERE EXISTS (
             SELECT 1 FROM r WHERE r.revent = webhook_document.event_id AND r.rendpoint = webhook_document.endpoint_id)",
    )
    .await?;
    tx.bulk(
        "WITH r (revent) AS (",
        messages.iter().map(|(event, _)| args![event]).collect(),
        ") DELETE FROM webhook_event WHERE id IN (SELECT revent FROM r)
             AND NOT EXISTS (SELECT 1 FROM webhook_message m WHERE m.event_id = webhook_event.id)",
    )
    .await?;
    Ok(gone)
}
