//! What keeps the queue and the ledger of tries within their bounds. Everything is done in parts, so that nobody else waits long.

use super::{messages::PART_ROWS, must_arrive};
use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{
        Db, Tx,
        sql::{args, skip_locked},
    },
};

/// Messages `m` that may be given up: all but what must arrive.
macro_rules! may_end {
    () => {
        concat!("NOT EXISTS (SELECT 1 FROM webhook_event v WHERE v.id = m.event_id AND ", must_arrive!(), ")")
    };
}

/// Whether anything is left for [`give_up`], [`forget`] or [`clear`] to do: a look that changes nothing.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn is_needed(db: &Db, made_ms: UtcMs, ended_ms: UtcMs, now_ms: UtcMs) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            concat!(
                "SELECT CAST(1 AS BIGINT) WHERE EXISTS (
                 SELECT 1 FROM webhook_message m WHERE m.ended_ms IS NULL AND m.made_ms < $1 AND ",
                may_end!(),
                ")
               OR EXISTS (SELECT 1 FROM webhook_message WHERE ended_ms IS NOT NULL AND ended_ms < $2)
               OR EXISTS (SELECT 1 FROM webhook_secret WHERE retires_ms <= $3)
               OR EXISTS (SELECT 1 FROM webhook_endpoint WHERE state = 'removed' AND NOT held)"
            ),
            args![made_ms, ended_ms, now_ms],
        )
        .await?;
    Ok(row.is_some())
}

/// Gives up what has waited since before `made_ms`, whoever for, at most 500, but for what must arrive. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn give_up(tx: &mut Tx, made_ms: UtcMs, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        skip_locked!(
            concat!(
                "UPDATE webhook_message SET state = 'failed', because = 'it waited for too long', ended_ms = $2
                 WHERE state = 'waiting' AND (endpoint_id, event_id) IN (
                     SELECT m.endpoint_id, m.event_id FROM webhook_message m
                     WHERE m.ended_ms IS NULL AND m.state = 'waiting' AND m.made_ms < $1 AND ",
                may_end!(),
                " ORDER BY m.made_ms LIMIT $3"
            ),
            ")"
        ),
        args![made_ms, now_ms, PART_ROWS],
    )
    .await
}

/// Endpoints for which more than `keep` messages wait, whatever [`trim`] may do about it; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn crowded(db: &Db, keep: i64) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT endpoint_id FROM webhook_message WHERE ended_ms IS NULL
             GROUP BY endpoint_id HAVING COUNT(*) > $1 ORDER BY endpoint_id LIMIT 100",
            args![keep],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Gives up the oldest of what waits for an endpoint beyond `keep`, at most 500: nothing that must arrive, and nothing that somebody
/// had sent again; neither counts. Of two that do so at once one waits for the other, and both mean the same messages: so no more is
/// given up than is too much. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn trim(tx: &mut Tx, endpoint_id: &str, keep: i64, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        concat!(
            "WITH fresh (id) AS (
                 SELECT m.event_id FROM webhook_message m JOIN webhook_event v ON v.id = m.event_id
                 WHERE m.endpoint_id = $1 AND m.ended_ms IS NULL AND m.state = 'waiting' AND m.made_ms = v.at_ms AND NOT ",
            must_arrive!(),
            "),
             excess (many) AS (SELECT COUNT(*) - $2 FROM fresh)
             UPDATE webhook_message SET state = 'failed', because = 'too many waited', ended_ms = $3
             WHERE endpoint_id = $1 AND state = 'waiting' AND event_id IN (
                 SELECT id FROM fresh ORDER BY id
                 LIMIT (SELECT CASE WHEN many < 0 THEN 0 WHEN many > $4 THEN $4 ELSE many END FROM excess))"
        ),
        args![endpoint_id, keep, now_ms, PART_ROWS],
    )
    .await
}

/// A message that must arrive and has not.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Overdue {
    /// The event.
    pub event_id: String,
    /// The endpoint.
    pub endpoint_id: String,
    /// What people call that.
    pub endpoint: String,
    /// Whose it is; empty for the vendor's own.
    pub partner_slug: String,
    /// The sort of the event.
    pub kind: String,
    /// The lead that it tells of, or nothing.
    pub subject: String,
    /// What is sent.
    pub payload: String,
    /// Since when it waits.
    pub made_ms: UtcMs,
}

/// What must arrive and has waited since `made_ms` or before, without what somebody was told of; the oldest first, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn overdue(db: &Db, made_ms: UtcMs) -> Result<Vec<Overdue>> {
    db.all(
        concat!(
            "SELECT m.event_id, m.endpoint_id, e.name AS endpoint, e.partner_slug, v.kind, v.subject, v.payload, m.made_ms
             FROM webhook_message m JOIN webhook_event v ON v.id = m.event_id JOIN webhook_endpoint e ON e.id = m.endpoint_id
             WHERE m.ended_ms IS NULL AND m.made_ms <= $1 AND m.told_ms IS NULL AND e.state <> 'removed' AND ",
            must_arrive!(),
            " ORDER BY m.made_ms, m.event_id, m.endpoint_id LIMIT $2"
        ),
        args![made_ms, PART_ROWS],
    )
    .await
}

/// Notes that somebody is told of these. Returns of how many nobody was before.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn note_told(tx: &mut Tx, overdue: &[Overdue], now_ms: UtcMs) -> Result<u64> {
    tx.bulk(
        "WITH r (revent, rendpoint, rnow_ms) AS (",
        overdue.iter().map(|it| args![&it.event_id, &it.endpoint_id, now_ms]).collect(),
        ") UPDATE webhook_message SET told_ms = rnow_ms FROM r
           WHERE event_id = revent AND endpoint_id = rendpoint AND told_ms IS NULL",
    )
    .await
}

/// The longest wait after each number of tries, in milliseconds; the last one also after more.
pub type Waits = [i64; 10];

/// Endpoints that are left alone beyond `rest_until_ms`, or have something due beyond the longest wait from now that its plan has:
/// the calendar was set back. What waits for a fault of ours waits as an endpoint rests. At most 1,000.
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
                   AND (m.withheld_since_ms IS NULL OR m.due_ms > $1)
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
                 WHERE endpoint_id = $1 AND state = 'waiting' AND due_ms > $2 + $3 AND (tries = $4 OR ($4 = 9 AND tries > 9))
                   AND (withheld_since_ms IS NULL OR due_ms > $5)",
                args![endpoint_id, now_ms, *wait_ms, tries, rest_until_ms],
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
