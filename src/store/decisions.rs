//! How long people took to decide conflicts.

use super::{Db, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A case that people were asked to decide.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Decision {
    /// Since when they are, or were, asked.
    pub asked_ms: UtcMs,
    /// How much of their time they were told of, in percent: from 100 on it is over.
    pub told_percent: i64,
    /// When it was decided after that.
    pub decided_ms: Option<UtcMs>,
    /// When it came to its end without a decision.
    pub over_ms: Option<UtcMs>,
}

/// Cases that people were asked to decide after `since_ms`, the latest first, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn decisions(db: &Db, since_ms: UtcMs, limit: i64) -> Result<Vec<Decision>> {
    db.all(
        "SELECT c.asked_ms, c.told_percent,
             (SELECT MIN(s.at_ms) FROM conflict_step s
              WHERE s.case_id = c.id AND s.winner IS NOT NULL AND s.at_ms >= c.asked_ms) AS decided_ms,
             CASE WHEN c.state = 'over' THEN c.changed_ms END AS over_ms
         FROM conflict_case c WHERE c.asked_ms > $1 ORDER BY c.asked_ms DESC, c.id LIMIT $2",
        args![since_ms, limit],
    )
    .await
}
