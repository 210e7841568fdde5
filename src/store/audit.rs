//! Who did what. Append-only.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Random, Result, clock::UtcMs, id::EventId};

/// Writes one entry.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn record(
    tx: &mut Tx,
    now_ms: UtcMs,
    random: &dyn Random,
    actor: &str,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<()> {
    tx.run(
        "INSERT INTO audit (id, at_ms, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        args![EventId::new(now_ms, random).to_string(), now_ms, actor, action, subject, detail],
    )
    .await
    .map(|_| ())
}

/// When `action` was last done to `subject` since `since_ms`, in milliseconds; none where it was not.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn last_ms(db: &Db, action: &str, subject: &str, since_ms: UtcMs) -> Result<Option<UtcMs>> {
    // Keys begin with the time, so that nothing before it is looked at.
    let row: Option<(Option<i64>,)> = db
        .opt(
            "SELECT MAX(at_ms) FROM audit WHERE id >= $1 AND action = $2 AND subject = $3",
            args![EventId::since(since_ms).to_string(), action, subject],
        )
        .await?;
    Ok(row.and_then(|(at_ms,)| at_ms))
}

/// By whom and with which detail `action` was last done to `subject` since `since_ms`; none where it was not.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn last(db: &Db, action: &str, subject: &str, since_ms: UtcMs) -> Result<Option<(String, String)>> {
    db.opt(
        "SELECT actor, detail FROM audit WHERE id >= $1 AND action = $2 AND subject = $3 ORDER BY id DESC LIMIT 1",
        args![EventId::since(since_ms).to_string(), action, subject],
    )
    .await
}
