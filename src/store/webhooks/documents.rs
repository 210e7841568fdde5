//! What field maps made of events: a body for one endpoint, the same at every try. It says who people are.

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Document {
    /// The event.
    pub event_id: String,
    /// For whom.
    pub endpoint_id: String,
    /// Of which lead.
    pub lead_id: String,
    /// The field map that made it.
    pub format: String,
    /// What is sent.
    pub body: String,
}

/// The body that was made of an event for an endpoint, if one was.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn body(db: &Db, endpoint_id: &str, event_id: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = db
        .opt(
            "SELECT body FROM webhook_document WHERE endpoint_id = $1 AND event_id = $2",
            args![endpoint_id, event_id],
        )
        .await?;
    Ok(row.map(|(body,)| body))
}

/// Keeps a document that was made of a lead as it was at `known_ms`, unless there is one. False where the lead has changed since:
/// then it may have been erased, and nothing is kept.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn keep(tx: &mut Tx, document: &Document, known_ms: UtcMs) -> Result<bool> {
    // Holds the lead until the end of the transaction, so that nobody erases it in between.
    let held = tx
        .run(
            "UPDATE lead SET updated_ms = updated_ms WHERE id = $1 AND updated_ms = $2",
            args![&document.lead_id, known_ms],
        )
        .await?;
    if held == 0 {
        return Ok(false);
    }
    tx.run(
        "INSERT INTO webhook_document (event_id, endpoint_id, lead_id, format, body) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (event_id, endpoint_id) DO NOTHING",
        args![
            &document.event_id,
            &document.endpoint_id,
            &document.lead_id,
            &document.format,
            &document.body,
        ],
    )
    .await?;
    Ok(true)
}

/// Whether an endpoint was sent a document of a lead before.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn knows(db: &Db, endpoint_id: &str, lead_id: &str) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM webhook_document WHERE endpoint_id = $1 AND lead_id = $2 LIMIT 1",
            args![endpoint_id, lead_id],
        )
        .await?;
    Ok(row.is_some())
}

/// The field maps that made something of a lead.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn formats(tx: &mut Tx, lead_id: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT DISTINCT format FROM webhook_document WHERE lead_id = $1 ORDER BY format LIMIT 100",
            args![lead_id],
        )
        .await?;
    Ok(rows.into_iter().map(|(format,)| format).collect())
}

/// Puts `body` in place of what a field map made of a lead, and takes away what endpoints answered to it, which may repeat it.
/// Returns how many documents.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn replace(tx: &mut Tx, lead_id: &str, format: &str, body: &str) -> Result<u64> {
    tx.run(
        "UPDATE webhook_attempt SET body = '', detail = '' WHERE EXISTS (
             SELECT 1 FROM webhook_document d WHERE d.lead_id = $1 AND d.format = $2
               AND d.endpoint_id = webhook_attempt.endpoint_id AND d.event_id = webhook_attempt.event_id)",
        args![lead_id, format],
    )
    .await?;
    tx.run(
        "UPDATE webhook_document SET body = $3 WHERE lead_id = $1 AND format = $2",
        args![lead_id, format, body],
    )
    .await
}
