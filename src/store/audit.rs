//! Who did what. Append-only.

use super::{Tx, sql::args};
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
