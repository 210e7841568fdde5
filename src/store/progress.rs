//! How an issue and the queue as a whole come along, counted for people and for meters.

use super::{Db, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Of an issue's messages that were tried and are not accepted: how many ended their last try in which class.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn classes(db: &Db, issue_id: &str) -> Result<Vec<(String, i64)>> {
    db.all(
        "SELECT a.outcome, COUNT(*) AS many FROM delivery d JOIN attempt a ON a.delivery_id = d.id AND a.no = d.attempt
         WHERE d.source = $1 AND d.state IN ('ready', 'failed', 'uncertain', 'expired', 'dead') AND d.attempt > 0
         GROUP BY a.outcome ORDER BY many DESC, a.outcome LIMIT 50",
        args![issue_id],
    )
    .await
}

/// The messages of an issue to one site.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Site {
    /// Domain of the addresses.
    pub site: String,
    /// All of them.
    pub total: i64,
    /// Accepted by the next hop.
    pub accepted: i64,
    /// Not yet in a final state.
    pub unfinished: i64,
}

/// The 20 sites with most messages of an issue.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn sites(db: &Db, issue_id: &str) -> Result<Vec<Site>> {
    db.all(
        "SELECT site, COUNT(*) AS total, COUNT(CASE WHEN state = 'accepted' THEN 1 END) AS accepted,
             COUNT(CASE WHEN live THEN 1 END) AS unfinished
         FROM delivery WHERE source = $1
         GROUP BY site ORDER BY total DESC, site LIMIT 20",
        args![issue_id],
    )
    .await
}

/// What of an issue is not due yet: its hour is ahead, or it was put off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Later {
    /// How many.
    pub messages: i64,
    /// When the first of them is due.
    pub first_due_ms: Option<UtcMs>,
    /// When the last is.
    pub last_due_ms: Option<UtcMs>,
}

/// What of an issue is not due at `now_ms`.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn later(db: &Db, issue_id: &str, now_ms: UtcMs) -> Result<Later> {
    let row = db
        .opt(
            "SELECT COUNT(*) AS messages, MIN(due_ms) AS first_due_ms, MAX(due_ms) AS last_due_ms
             FROM delivery WHERE source = $1 AND live AND state = 'ready' AND due_ms > $2",
            args![issue_id, now_ms],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// What waits in one lane of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Lane {
    /// Its number (`outbox::LANE_URGENT` and others).
    pub lane: i64,
    /// Due by now.
    pub due: i64,
    /// Due later.
    pub later: i64,
    /// When the oldest became due.
    pub oldest_due_ms: UtcMs,
}

/// What waits, by lane.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn lanes(db: &Db, now_ms: UtcMs) -> Result<Vec<Lane>> {
    db.all(
        "SELECT lane, COUNT(CASE WHEN due_ms <= $1 THEN 1 END) AS due,
             COUNT(CASE WHEN due_ms > $1 THEN 1 END) AS later, MIN(due_ms) AS oldest_due_ms
         FROM delivery WHERE live AND state = 'ready' GROUP BY lane ORDER BY lane LIMIT 100",
        args![now_ms],
    )
    .await
}

/// The earliest promised instant of the issues that are frozen and not released, if there is one.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn first_unreleased_ms(db: &Db) -> Result<Option<UtcMs>> {
    let row: Option<(Option<i64>,)> = db
        .opt(
            "SELECT MIN(p.due_ms) FROM issue i JOIN promise p ON p.issue_id = i.id AND NOT p.skipped
             WHERE i.state IN ('frozen', 'approved') AND i.control <> 'cancelled'",
            Vec::new(),
        )
        .await?;
    Ok(row.and_then(|(due_ms,)| due_ms))
}
