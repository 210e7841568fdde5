//! What happened at each try. Written by the queue, never changed.

use super::{Db, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// One try as the ledger keeps it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Attempt {
    /// Its number, 1 is the first.
    pub no: i64,
    /// Which process made it.
    pub node_id: String,
    /// When it ended.
    pub ended_ms: UtcMs,
    /// Its class: `accepted`, `uncertain`, or a refusal's (`delivery::Outcome::as_str`).
    pub outcome: String,
    /// How far it came.
    pub stage: Option<String>,
    /// The reply's code.
    pub code: Option<i64>,
    /// The reply as it came, or what happened.
    pub reply: String,
}

/// The tries of a delivery in order, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_delivery(db: &Db, delivery_id: &str) -> Result<Vec<Attempt>> {
    db.all(
        "SELECT no, node_id, ended_ms, outcome, stage, code, reply FROM attempt
         WHERE delivery_id = $1 ORDER BY no LIMIT 1000",
        args![delivery_id],
    )
    .await
}
