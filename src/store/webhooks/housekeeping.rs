//! What keeps the queue and the ledger of tries within their bounds. Everything is done in parts, so that nobody else waits long.

use super::messages::PART_ROWS;
use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{
        Db, Tx,
        sql::{args, skip_locked},
    },
};

/// Whether anything is left for [`give_up`], [`forget`] or [`clear`] to do: a look that changes nothing.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn is_needed(db: &Db, made_ms: UtcMs, ended_ms: UtcMs, now_ms: UtcMs) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) WHERE EXISTS (
                 SELECT 1 FROM webhook_message WHERE ended_ms IS NULL AND made_ms < $1)
               OR EXISTS (SELECT 1 FROM webhook_message WHERE ended_ms IS NOT NULL AND ended_ms < $2)
               OR EXISTS (SELECT 1 FROM webhook_secret WHERE retires_ms <= $3)
               OR EXISTS (SELECT 1 FROM webhook_endpoint WHERE state = 'removed' AND NOT held)",
            args![made_ms, ended_ms, now_ms],
        )
        .await?;
    Ok(row.is_some())
}

/// Gives up what has waited since before `made_ms`, whoever for, at most 500. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn give_up(tx: &mut Tx, made_ms: UtcMs, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        skip_locked!(
            "UPDATE webhook_message SET state = 'failed', because = 'it waited for too long', ended_ms = $2
             WHERE state = 'waiting' AND (endpoint_id, event_id) IN (
                 SELECT m.endpoint_id, m.event_id FROM webhook_message m
                 WHERE m.ended_ms IS NULL AND m.state = 'waiting' AND m.made_ms < $1
                 ORDER BY m.made_ms LIMIT $3",
            ")"
        ),
        args![made_ms, now_ms, PART_ROWS],
    )
    .await
}

/// Endpoints for which more than `keep` messages wait, each with how many too many; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn crowded(db: &Db, keep: i64) -> Result<Vec<(String, i64)>> {
    db.all(
        "SELECT endpoint_id, COUNT(*) - $1 FROM webhook_message WHERE ended_ms IS NULL
         GROUP BY endpoint_id HAVING COUNT(*) > $1 ORDER BY endpoint_id LIMIT 100",
        args![keep],
    )
    .await
}

/// Gives up the oldest of what waits for an endpoint, at most `rows` and 500: none that says that something must be erased or
/// taken away, and none that somebody had sent again. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn trim(tx: &mut Tx, endpoint_id: &str, rows: i64, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE webhook_message SET state = 'failed', because = 'too many waited', ended_ms = $3
         WHERE endpoint_id = $1 AND state = 'waiting' AND event_id IN (
             SELECT m.event_id FROM webhook_message m JOIN webhook_event v ON v.id = m.event_id
             WHERE m.endpoint_id = $1 AND m.ended_ms IS NULL AND m.state = 'waiting'
               AND v.kind NOT IN ('lead.erased', 'asset.recalled') AND m.made_ms = v.at_ms
             ORDER BY m.event_id LIMIT $2)",
        args![endpoint_id, rows.min(PART_ROWS), now_ms],
    )
    .await
}

/// The longest wait after each number of tries, in milliseconds; the last one also after more.
pub type Waits = [i64; 10];

/// Endpoints that are left alone beyond `rest_until_ms`, or have something due beyond the longest wait from now that its plan has:
/// the calendar was set back. At most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn late(db: &Db, rest_until_ms: UtcMs, now_ms: UtcMs, waits: &Waits) -> Result<Vec<String>> {
    let [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9] = *waits;
    let rows: Vec<(String,)> = db
        .all(
            "SELECT e.id FROM webhook_endpoint e
             WHERE e.rest_ms > $1 OR e.throttled_ms > $1 OR EXISTS (
                 SELECT 1 FROM webhook_message m WHERE m.endpoint_id = e.id AND m.state = 'waiting' AND m.due_ms > $2 + $3
                   AND m.due_ms > $2 + CASE m.tries WHEN 0 THEN $3 WHEN 1 THEN $4 WHEN 2 THEN $5 WHEN 3 THEN $6 WHEN 4 THEN $7
                       WHEN 5 THEN $8 WHEN 6 THEN $9 WHEN 7 THEN $10 WHEN 8 THEN $11 ELSE $12 END)
             ORDER BY e.id LIMIT 1000",
            args![rest_until_ms, now_ms, w0, w1, w2, w3, w4, w5, w6, w7, w8, w9],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Has what is due at an endpoint later than its plan says, counted from now, tried at once. Returns how many messages.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn hurry(
    tx: &mut Tx,
    endpoint_id: &str,
    rest_until_ms: UtcMs,
    now_ms: UtcMs,
    waits: &Waits,
) -> Result<u64> {
    tx.run(
        "UPDATE webhook_endpoint SET rest_ms = CASE WHEN rest_ms > $2 THEN 0 ELSE rest_ms END,
             throttled_ms = CASE WHEN throttled_ms > $2 THEN 0 ELSE throttled_ms END, paid_us = 0
         WHERE id = $1",
        args![endpoint_id, rest_until_ms],
    )
    .await?;
    let mut changed = 0;
    for (tries, wait_ms) in (0_i64..).zip(waits) {
        changed += tx
            .run(
                "UPDATE webhook_message SET due_ms = $2
                 WHERE endpoint_id = $1 AND state = 'waiting' AND due_ms > $2 + $3 AND (tries = $4 OR ($4 = 9 AND tries > 9))",
                args![endpoint_id, now_ms, *wait_ms, tries],
            )
            .await?;
    }
    Ok(changed)
}

/// Forgets messages that ended before `before_ms`, with their tries, and events that nobody waits for any more; at most 500.
/// Returns how many messages.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget(tx: &mut Tx, before_ms: UtcMs) -> Result<u64> {
    let old: Vec<(String, String)> = tx
        .all(
            skip_locked!(
                "SELECT event_id, endpoint_id FROM webhook_message
                 WHERE ended_ms IS NOT NULL AND ended_ms < $1 ORDER BY ended_ms LIMIT $2",
                ""
            ),
            args![before_ms, PART_ROWS],
        )
        .await?;
    take_away(tx, &old).await
}

/// Endpoints that were removed and are still there, without those whose turn is held by somebody yet, who would write of it.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn removed(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT id FROM webhook_endpoint WHERE state = 'removed' AND NOT held ORDER BY id LIMIT 100",
            Vec::new(),
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
            skip_locked!(
                "SELECT event_id, endpoint_id FROM webhook_message WHERE endpoint_id = $1 ORDER BY event_id LIMIT $2",
                ""
            ),
            args![endpoint_id, PART_ROWS],
        )
        .await?;
    if !some.is_empty() {
        take_away(tx, &some).await?;
        return Ok(false);
    }
    // What another process is just taking away is there yet.
    let rest: Option<(i64,)> = tx
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM webhook_message WHERE endpoint_id = $1 LIMIT 1",
            args![endpoint_id],
        )
        .await?;
    if rest.is_some() {
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
        ") DELETE FROM webhook_attempt WHERE (endpoint_id, event_id) IN (SELECT rendpoint, revent FROM r)",
    )
    .await?;
    let gone = tx
        .bulk(
            "WITH r (revent, rendpoint) AS (",
            rows(),
            ") DELETE FROM webhook_message WHERE (endpoint_id, event_id) IN (SELECT rendpoint, revent FROM r)",
        )
        .await?;
    tx.bulk(
        "WITH r (revent, rendpoint) AS (",
        rows(),
        ") DELETE FROM webhook_document WHERE (endpoint_id, event_id) IN (SELECT rendpoint, revent FROM r)",
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
