//! Issues whose deliveries may be started, and when the next delivery is due.

use super::{
    Db,
    outbox::{LANE_SEQUENCE, LANE_URGENT},
    sql::args,
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// An issue whose deliveries may be started.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Running {
    /// The key.
    pub id: String,
    /// The newsletter's slug.
    pub newsletter: String,
    /// How long after its hour a message is still in time.
    pub on_time_ms: i64,
    /// How long each stage waits for the one before; none without stages.
    pub stage_wait_ms: Option<i64>,
    /// When a message of it was last taken or refused by the other side, or kept back by a limit of ours; to a minute.
    pub moved_ms: Option<UtcMs>,
    /// Since when it moves without having stopped in between.
    pub going_ms: Option<UtcMs>,
    /// When a person who may approve last had it go on.
    pub resumed_ms: Option<UtcMs>,
}

/// Issues whose deliveries may be started, the one frozen first before the others; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn running(db: &Db) -> Result<Vec<Running>> {
    db.all(
        "SELECT id, newsletter, on_time_ms, stage_wait_ms, moved_ms, going_ms, resumed_ms FROM issue
         WHERE state = 'sending' AND control = 'running' ORDER BY frozen_ms, id LIMIT 100",
        Vec::new(),
    )
    .await
}

/// When the next delivery that may be started is due, if one waits: a single mail, or one of `issues`.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn next_due_ms(db: &Db, issues: &[Running]) -> Result<Option<UtcMs>> {
    let mut next = None;
    for lane in [LANE_URGENT, LANE_SEQUENCE] {
        let first: Option<(Option<i64>,)> = db
            .opt(
                "SELECT MIN(due_ms) FROM delivery WHERE live AND issue_id IS NULL AND lane = $1 AND state = 'ready'
                   AND (lane <> $2 OR NOT EXISTS (SELECT 1 FROM sequence_pause p WHERE p.sequence = delivery.scope))",
                args![lane, LANE_SEQUENCE],
            )
            .await?;
        next = [next, first.and_then(|(due_ms,)| due_ms)].into_iter().flatten().min();
    }
    for issue in issues {
        let first: Option<(Option<i64>,)> = db
            .opt(
                "SELECT MIN(due_ms) FROM delivery WHERE live AND issue_id = $1 AND state = 'ready'",
                args![&issue.id],
            )
            .await?;
        next = [next, first.and_then(|(due_ms,)| due_ms)].into_iter().flatten().min();
    }
    Ok(next)
}
