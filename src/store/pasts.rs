//! The past of leads, a page at a time: for replaying it under another rule.

use super::{Db, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A lead with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Past {
    /// The key.
    pub id: String,
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Whose partner.
    pub partner_slug: String,
    /// Lower-cased address.
    pub email_key: String,
    /// Company size, if given.
    pub company_size: Option<String>,
    /// Job role, if given.
    pub job_role: Option<String>,
    /// When it met the rule first; what a channel manager chose to hand over did not.
    pub qualified_ms: Option<UtcMs>,
    /// When it was taken first.
    pub accepted_ms: Option<UtcMs>,
    /// When it was turned down first.
    pub rejected_ms: Option<UtcMs>,
}

/// Leads behind the key `after`, at most `rows`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn page(db: &Db, after: &str, rows: i64) -> Result<Vec<Past>> {
    db.all(
        "SELECT l.id, l.name, l.company, l.partner_slug, l.email_key, l.company_size, l.job_role,
             (SELECT MIN(s.at_ms) FROM lead_step s WHERE s.lead_id = l.id AND s.stage = 'mql'
                 AND s.actor = 'partnercast') AS qualified_ms,
             (SELECT MIN(s.at_ms) FROM lead_step s WHERE s.lead_id = l.id AND s.stage = 'sal') AS accepted_ms,
             (SELECT MIN(s.at_ms) FROM lead_step s WHERE s.lead_id = l.id AND s.stage = 'rejected') AS rejected_ms
         FROM lead l WHERE l.id > $1 ORDER BY l.id LIMIT $2",
        args![after, rows],
    )
    .await
}

/// Something that a lead did.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Act {
    /// Which lead.
    pub lead_id: String,
    /// `engagement::EventKind`'s word.
    pub kind: String,
    /// When.
    pub at_ms: UtcMs,
    /// Whether a person did it.
    pub human: bool,
    /// How long a page was in view, in milliseconds; of stays alone.
    pub stayed_ms: Option<i64>,
    /// Which asset.
    pub asset: Option<String>,
}

/// What leads between two keys, both included, did: by lead, oldest first; of each the newest 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn acts(db: &Db, first: &str, last: &str) -> Result<Vec<Act>> {
    db.all(
        "SELECT lead_id, kind, at_ms, human, stayed_ms, asset FROM (
             SELECT lead_id, kind, at_ms, human, stayed_ms, asset, id,
                 ROW_NUMBER() OVER (PARTITION BY lead_id ORDER BY at_ms DESC, id DESC) AS place
             FROM engagement_event WHERE lead_id >= $1 AND lead_id <= $2) e
         WHERE place <= 1000 ORDER BY lead_id, at_ms, id",
        args![first, last],
    )
    .await
}
