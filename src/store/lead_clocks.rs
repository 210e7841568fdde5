//! The clocks of leads, as promises to them.

use super::{Db, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A lead's clock as a promise to the lead.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Clock {
    /// The lead.
    pub lead_id: String,
    /// `accept`, `first_contact` or `next_step`.
    pub kind: String,
    /// Whose clock.
    pub owner: String,
    /// The lead's partner.
    pub partner_slug: String,
    /// When it had to be stopped.
    pub due_ms: UtcMs,
    /// When it was stopped.
    pub stopped_ms: Option<UtcMs>,
}

/// Lead clocks of a partner, or of all, that were due after `since_ms`, latest first, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn clocks(db: &Db, partner: Option<&str>, since_ms: UtcMs, limit: i64) -> Result<Vec<Clock>> {
    db.all(
        "SELECT c.lead_id, c.kind, c.owner, l.partner_slug, c.due_ms, c.stopped_ms
         FROM sla_clock c JOIN lead l ON l.id = c.lead_id
         WHERE ($1 IS NULL OR l.partner_slug = $1) AND c.due_ms > $2
         ORDER BY c.due_ms DESC, c.lead_id, c.kind LIMIT $3",
        args![partner, since_ms, limit],
    )
    .await
}
