//! Events that are older than we keep them: found by age, thrown away, or reduced to what the ladder counts.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// An old event, as far as it decides what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Old {
    /// The key.
    pub id: String,
    /// When.
    pub at_ms: UtcMs,
    /// Whether a person did it.
    pub human: bool,
    /// What.
    pub kind: String,
    /// Whose partner.
    pub partner_slug: String,
    /// Who, if a lead.
    pub lead_id: Option<String>,
    /// Who, if a partner's person.
    pub contact_id: Option<String>,
    /// Which asset.
    pub asset: Option<String>,
    /// Out of which newsletter's or sequence's message.
    pub scope: String,
    /// Where the link stood that led to it.
    pub channel: String,
    /// Of downloads, what the file was made of.
    pub revision: Option<String>,
}

/// Whole events from before `before_ms`, the oldest first, at most `rows`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn old(db: &Db, before_ms: UtcMs, rows: i64) -> Result<Vec<Old>> {
    db.all(
        "SELECT id, at_ms, human, kind, partner_slug, lead_id, contact_id, asset, scope, channel, revision FROM engagement_event
         WHERE NOT reduced AND at_ms < $1 ORDER BY at_ms, id LIMIT $2",
        args![before_ms, rows],
    )
    .await
}

/// Throws events away.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn discard(tx: &mut Tx, ids: &[&str]) -> Result<u64> {
    tx.bulk(
        "WITH r (rid) AS (",
        ids.iter().map(|id| args![*id]).collect(),
        ") DELETE FROM engagement_event WHERE id IN (SELECT rid FROM r)",
    )
    .await
}

/// Takes off events what says how they were asked for; who did what, and when, stays.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn reduce(tx: &mut Tx, ids: &[&str]) -> Result<u64> {
    tx.bulk(
        "WITH r (rid) AS (",
        ids.iter().map(|id| args![*id]).collect(),
        ") UPDATE engagement_event SET reduced = TRUE, method = '', agent = '', network = '', link_no = NULL
         WHERE id IN (SELECT rid FROM r)",
    )
    .await
}
