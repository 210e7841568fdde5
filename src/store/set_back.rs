//! Undoing what was decided while the clock was ahead, once it has been set back.

use super::{Tx, outbox, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Takes back what deliveries were told by a clock that was set back by `by_ms` and now shows `now_ms`: what was put off
/// is put off by as much less, but never before its promise; what expired and still has time waits again. Returns how
/// many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn deliveries(tx: &mut Tx, now_ms: UtcMs, by_ms: i64) -> Result<u64> {
    // A single mail was promised to nobody for an hour: its promise is when it was made, also by a clock that was ahead.
    let sooner = tx
        .run(
            "UPDATE delivery SET due_ms = CASE
                 WHEN issue_id IS NOT NULL AND due_ms - $2 < promised_ms THEN promised_ms ELSE due_ms - $2 END
             WHERE live AND state = 'ready' AND due_ms > $1 AND (issue_id IS NULL OR due_ms > promised_ms)",
            args![now_ms, by_ms],
        )
        .await?;
    let again = tx
        .run(
            "UPDATE delivery SET state = 'ready', live = TRUE, detail = 'it had expired by a clock that was set back',
                 due_ms = CASE
                     WHEN issue_id IS NOT NULL AND due_ms - $2 < promised_ms THEN promised_ms ELSE due_ms - $2 END
             WHERE NOT live AND accepted_ms IS NULL AND state = 'expired' AND expires_ms > $1 AND NOT EXISTS (
                 SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')",
            args![now_ms, by_ms],
        )
        .await?;
    if again > 0 {
        outbox::reopen(tx).await?;
    }
    Ok(sooner + again)
}

/// What was used of promised limits after `now_ms`, by a clock that was set back to it, was used just now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn quotas(tx: &mut Tx, now_ms: UtcMs) -> Result<()> {
    // The slot at the end of time holds no use: it is a lock.
    tx.run(
        "INSERT INTO quota_use (key, slot_ms, used)
         SELECT key, $1, CAST(SUM(used) AS BIGINT) FROM quota_use WHERE slot_ms > $1 AND slot_ms < $2 GROUP BY key
         ON CONFLICT (key, slot_ms) DO UPDATE SET used = quota_use.used + excluded.used",
        args![now_ms, UtcMs::MAX],
    )
    .await?;
    tx.run("DELETE FROM quota_use WHERE slot_ms > $1 AND slot_ms < $2", args![now_ms, UtcMs::MAX])
        .await
        .map(|_| ())
}
