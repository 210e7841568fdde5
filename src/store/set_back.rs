//! Undoing what was decided while the clock was ahead, once it has been set back: once a change, in parts.

use super::{Db, Tx, outbox, sql::args};
use crate::domain::kernel::{
    Result,
    clock::{MINUTE_MS, UtcMs},
};

/// Two nodes that find a clock set back within this time, and by as much but for this, have found the same change.
const SAME_MS: i64 = 10 * MINUTE_MS;

/// A clock that was found set back.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// A new name for it.
    pub id: &'a str,
    /// What the clock shows now.
    pub now_ms: UtcMs,
    /// By how much it was set back.
    pub by_ms: i64,
}

/// Takes note of a change, so that [`part`] undoes it, unless another node has noted the same one. `known` is the last
/// change that this node has followed: finding that one again is finding another. Returns the id of the change that is
/// followed now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn begin(tx: &mut Tx, change: Change<'_>, known: &str) -> Result<String> {
    tx.run(
        "INSERT INTO clock_change (no, id, noticed_ms, by_ms, reached) VALUES (1, $1, $2, $3, '')
         ON CONFLICT (no) DO UPDATE SET id = excluded.id, noticed_ms = excluded.noticed_ms, by_ms = excluded.by_ms,
             reached = excluded.reached
         WHERE clock_change.id = $4 OR clock_change.noticed_ms NOT BETWEEN $2 - $5 AND $2 + $5
            OR clock_change.by_ms NOT BETWEEN $3 - $5 AND $3 + $5",
        args![change.id, change.now_ms, change.by_ms, known, SAME_MS],
    )
    .await?;
    let row: Option<(String,)> = tx.opt("SELECT id FROM clock_change WHERE no = 1", Vec::new()).await?;
    Ok(row.map_or_else(String::new, |(id,)| id))
}

/// Whether something of a change is still to be undone: by a process that ended meanwhile, or right now by another.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn is_open(db: &Db) -> Result<bool> {
    let row: Option<(i64,)> =
        db.opt("SELECT no FROM clock_change WHERE reached IS NOT NULL", Vec::new()).await?;
    Ok(row.is_some())
}

/// Takes back a part of what deliveries were told by the clock before it was set back, and now shows `now_ms`: what was
/// put off is put off by as much less, but never before its promise; what expired and still has time waits again. Looks
/// at `rows` deliveries behind those it has looked at before. Returns how many it concerned; `None` when it had looked
/// at all.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn part(tx: &mut Tx, now_ms: UtcMs, rows: i64) -> Result<Option<u64>> {
    // Holds the row: nodes that work on it together take turns.
    let held: Option<(i64, String)> = tx
        .opt(
            "UPDATE clock_change SET no = no WHERE no = 1 AND reached IS NOT NULL RETURNING by_ms, reached",
            Vec::new(),
        )
        .await?;
    let Some((by_ms, after)) = held else { return Ok(None) };
    let last: Option<(Option<String>,)> = tx
        .opt(
            "SELECT MAX(id) FROM (SELECT id FROM delivery WHERE id > $1 ORDER BY id LIMIT $2) AS page",
            args![&after, rows],
        )
        .await?;
    let last = last.and_then(|(last,)| last);
    tx.run("UPDATE clock_change SET reached = $1 WHERE no = 1", args![last.clone()]).await?;
    match last {
        Some(last) => deliveries(tx, now_ms, by_ms, &after, &last).await.map(Some),
        None => Ok(None),
    }
}

/// Before which nothing of an issue leaves: when its reader's stage does, without stages the promise.
macro_rules! floor {
    () => {
        "COALESCE((SELECT a.leaves_ms FROM audience_decision a
             WHERE a.issue_id = delivery.issue_id AND a.contact_id = delivery.contact_id), promised_ms)"
    };
}

/// When a delivery is due if its wait is less by `$2`. A single mail was promised to nobody for an hour: its promise is
/// when it was made, also by a clock that was ahead.
macro_rules! sooner {
    () => {
        concat!(
            "CASE WHEN lane <> $5 AND due_ms - $2 < ",
            floor!(),
            " THEN ",
            floor!(),
            " ELSE due_ms - $2 END"
        )
    };
}

/// Those behind `after` up to `last`.
async fn deliveries(tx: &mut Tx, now_ms: UtcMs, by_ms: i64, after: &str, last: &str) -> Result<u64> {
    let earlier = tx
        .run(
            concat!(
                "UPDATE delivery SET hour_ms = CASE WHEN hour_ms > $1 THEN hour_ms - $2 ELSE hour_ms END, due_ms = ",
                sooner!(),
                " WHERE id > $3 AND id <= $4 AND live AND state = 'ready' AND due_ms > $1 AND (lane = $5 OR due_ms > ",
                floor!(),
                ")"
            ),
            args![now_ms, by_ms, after, last, outbox::LANE_URGENT],
        )
        .await?;
    let again = tx
        .run(
            concat!(
                "UPDATE delivery SET state = 'ready', live = TRUE, held_ms = NULL,
                     detail = 'it had expired by a clock that was set back',
                     due_ms = ",
                sooner!(),
                " WHERE id > $3 AND id <= $4 AND NOT live AND accepted_ms IS NULL AND state = 'expired' AND expires_ms > $1
                   AND (held_ms IS NULL OR held_ms > $1)
                   AND NOT EXISTS (
                       SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')"
            ),
            args![now_ms, by_ms, after, last, outbox::LANE_URGENT],
        )
        .await?;
    if again > 0 {
        outbox::reopen(tx).await?;
    }
    Ok(earlier + again)
}

/// What was used of promised limits after `now_ms`, by a clock that was set back to it, was used just now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn quotas(tx: &mut Tx, now_ms: UtcMs) -> Result<()> {
    // The slot at the end of time holds no use: it is a lock.
    tx.run(
        "INSERT INTO quota_use (key, slot_ms, used)
         SELECT key, $1, CAST(SUM(used) AS BIGINT) FROM quota_use WHERE slot_ms > $1 AND slot_ms < $2 GROUP BY key
         ON CONFLICT (key, slot_ms) DO UPDATE SET used = quota_use.used + excluded.used",
        args![now_ms, UtcMs::MAX],
    )
    .await?;
    tx.run("DELETE FROM quota_use WHERE slot_ms > $1 AND slot_ms < $2", args![now_ms, UtcMs::MAX])
        .await
        .map(|_| ())
}

/// What was noted of issues after `now_ms`, by a clock that was set back to it, was just now; and whoever was told of late mail then
/// is told of what is late by the right clock.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn issues(tx: &mut Tx, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "UPDATE issue SET moved_ms = CASE WHEN moved_ms > $1 THEN $1 ELSE moved_ms END,
             going_ms = CASE WHEN going_ms > $1 THEN $1 ELSE going_ms END,
             resumed_ms = CASE WHEN resumed_ms > $1 THEN $1 ELSE resumed_ms END,
             held_told_ms = CASE WHEN held_told_ms > $1 THEN NULL ELSE held_told_ms END
         WHERE moved_ms > $1 OR resumed_ms > $1 OR held_told_ms > $1",
        args![now_ms],
    )
    .await
    .map(|_| ())
}

/// Notes what the wall clock shows.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn see(tx: &mut Tx, wall_ms: UtcMs) -> Result<()> {
    tx.run(
        "INSERT INTO clock_seen (no, at_ms) VALUES (1, $1) ON CONFLICT (no) DO UPDATE SET at_ms = excluded.at_ms",
        args![wall_ms],
    )
    .await
    .map(|_| ())
}

/// What the wall clock of a process showed when it was last noted, if it was, and nobody is at work here now: who is
/// would have found out by itself, and its clock may differ from ours.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn last_seen_ms(db: &Db) -> Result<Option<UtcMs>> {
    let row: Option<(i64,)> = db
        .opt("SELECT at_ms FROM clock_seen WHERE NOT EXISTS (SELECT 1 FROM node WHERE beats > 0)", Vec::new())
        .await?;
    Ok(row.map(|(at_ms,)| at_ms))
}
