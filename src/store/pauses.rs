//! Sequences that rest.

use super::{
    Db, Tx,
    outbox::{LANE_RESTING, LANE_SEQUENCE},
    sql::args,
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A sequence that rests.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, sqlx::FromRow)]
pub struct Pause {
    /// Its slug.
    pub sequence: String,
    /// Why, where the worker did it; empty where a person did.
    pub because: String,
    /// Who did it.
    pub actor: String,
    /// Since when.
    pub since_ms: UtcMs,
}

impl Pause {
    /// Whether a person had it rest, and not what its mail met.
    pub fn is_by_hand(&self) -> bool {
        self.because.is_empty()
    }
}

/// Has a sequence rest. False if it does already.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn pause(tx: &mut Tx, pause: &Pause) -> Result<bool> {
    let done = tx
        .run(
            "INSERT INTO sequence_pause (sequence, because, actor, since_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (sequence) DO NOTHING",
            args![&pause.sequence, &pause.because, &pause.actor, pause.since_ms],
        )
        .await?;
    Ok(done == 1)
}

/// Has a sequence go on. False if it does not rest.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn resume(tx: &mut Tx, sequence: &str) -> Result<bool> {
    let done = tx.run("DELETE FROM sequence_pause WHERE sequence = $1", args![sequence]).await?;
    Ok(done == 1)
}

/// The sequences that rest, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn all(db: &Db) -> Result<Vec<Pause>> {
    db.all(
        "SELECT sequence, because, actor, since_ms FROM sequence_pause ORDER BY sequence LIMIT 1000",
        Vec::new(),
    )
    .await
}

/// Whether and why one sequence rests.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn of(db: &Db, sequence: &str) -> Result<Option<Pause>> {
    db.opt(
        "SELECT sequence, because, actor, since_ms FROM sequence_pause WHERE sequence = $1",
        args![sequence],
    )
    .await
}

/// Takes what waits of sequences that rest out of the lane in which it would be started, at most `rows`: starts would walk
/// over it each time. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn set_aside(tx: &mut Tx, rows: i64) -> Result<u64> {
    tx.run(
        "UPDATE delivery SET lane = $2 WHERE live AND state = 'ready' AND lane = $1 AND id IN (
             SELECT d.id FROM delivery d
             WHERE EXISTS (SELECT 1 FROM sequence_pause)
               AND d.live AND d.issue_id IS NULL AND d.lane = $1 AND d.state = 'ready'
               AND EXISTS (SELECT 1 FROM sequence_pause p WHERE p.sequence = d.scope) LIMIT $3)",
        args![LANE_SEQUENCE, LANE_RESTING, rows],
    )
    .await
}

/// How many messages of a sequence wait.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn waiting(db: &Db, sequence: &str) -> Result<i64> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT COUNT(*) FROM delivery WHERE live AND issue_id IS NULL AND lane IN ($2, $3) AND scope = $1",
            args![sequence, LANE_SEQUENCE, LANE_RESTING],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Puts what was set aside of sequences that do not rest any more back, at most `rows`. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn bring_back(tx: &mut Tx, rows: i64) -> Result<u64> {
    tx.run(
        "UPDATE delivery SET lane = $1 WHERE live AND lane = $2 AND id IN (
             SELECT d.id FROM delivery d WHERE d.live AND d.issue_id IS NULL AND d.lane = $2
               AND NOT EXISTS (SELECT 1 FROM sequence_pause p WHERE p.sequence = d.scope) LIMIT $3)",
        args![LANE_SEQUENCE, LANE_RESTING, rows],
    )
    .await
}

/// Sequences that do not rest and have messages which may be started, each with the address they are sent from; in the order
/// of those addresses, so that nodes which count use by them take their turns. At most 1,000.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn going(tx: &mut Tx, lane: i64, now_ms: UtcMs) -> Result<Vec<(String, String)>> {
    tx.all(
        "SELECT d.scope, MIN(r.sender) FROM delivery d JOIN rendition r ON r.id = d.rendition_id
         WHERE d.live AND d.issue_id IS NULL AND d.lane = $1 AND d.due_ms <= $2 AND d.state = 'ready'
           AND NOT EXISTS (SELECT 1 FROM sequence_pause p WHERE p.sequence = d.scope)
         GROUP BY d.scope ORDER BY 2, 1 LIMIT 1000",
        args![lane, now_ms],
    )
    .await
}
