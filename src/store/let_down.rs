//! To whom promises were not kept, who was never promised anything, and what reached nobody.

use super::{Db, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A partner to whom an issue's promise was not kept in full.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LetDown {
    /// The partner.
    pub partner_slug: String,
    /// IANA zone of the readers.
    pub reader_zone: String,
    /// When it was due.
    pub due_ms: UtcMs,
    /// People it was promised to.
    pub eligible: i64,
    /// Accepted within the window.
    pub on_time: i64,
    /// Accepted by now.
    pub accepted: i64,
}

/// To whom a promise was not kept in full, most people first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn let_down(db: &Db, newsletter: &str, nominal_local: &str) -> Result<Vec<LetDown>> {
    db.all(
        "SELECT partner_slug, reader_zone, due_ms, eligible - suppressed AS eligible, on_time, accepted FROM promise
         WHERE newsletter = $1 AND nominal_local = $2 AND NOT skipped AND counted_ms IS NOT NULL
           AND on_time < eligible - suppressed
         ORDER BY eligible - suppressed - on_time DESC, partner_slug, reader_zone LIMIT 100",
        args![newsletter, nominal_local],
    )
    .await
}

/// Why people were left out of an issue, and how many for each reason, most first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn left_out(db: &Db, issue_id: &str) -> Result<Vec<(String, i64)>> {
    db.all(
        "SELECT reason, COUNT(*) AS people FROM audience_decision WHERE issue_id = $1 AND NOT included
         GROUP BY reason ORDER BY people DESC, reason LIMIT 50",
        args![issue_id],
    )
    .await
}

/// An issue that limits kept from everybody it was for.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Silenced {
    /// The newsletter's slug.
    pub newsletter: String,
    /// The promised date, `YYYY-MM-DD`.
    pub nominal_date: String,
    /// How many people it was for.
    pub people: i64,
    /// Why one of them had no room for it; none where they only had its message often enough.
    pub because: Option<String>,
}

/// The issues that reach nobody because of limits alone, with something due after `since_ms`, the latest first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn silenced(db: &Db, since_ms: UtcMs) -> Result<Vec<Silenced>> {
    db.all(
        "SELECT i.newsletter, i.nominal_date, CAST(SUM(p.held_back) AS BIGINT) AS people,
             (SELECT a.because FROM audience_decision a
              WHERE a.issue_id = i.id AND NOT a.included AND a.reason = 'frequency' LIMIT 1) AS because
         FROM promise p JOIN issue i ON i.id = p.issue_id
         WHERE p.due_ms > $1 AND i.control <> 'cancelled'
         GROUP BY i.id, i.newsletter, i.nominal_date
         HAVING SUM(p.held_back) > 0 AND SUM(CASE WHEN p.skipped THEN 0 ELSE p.eligible END) = 0
         ORDER BY i.nominal_date DESC, i.newsletter LIMIT 100",
        args![since_ms],
    )
    .await
}
