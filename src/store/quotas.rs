//! How much of a promised limit was used.

use super::{Tx, sql::args};
use crate::domain::{
    delivery::Quota,
    kernel::{Result, clock::UtcMs},
};

/// The slot of a row that holds no use: whoever takes locks it first.
const LOCK_SLOT_MS: UtcMs = UtcMs::MAX;

/// Takes up to `wanted` from `quota` and returns how many there were. Nodes that take at once wait for each other, so
/// that the limit holds over all of them.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn take(tx: &mut Tx, quota: &Quota, wanted: u64) -> Result<u64> {
    // One row for all slots: two nodes may be on either side of a slot's end.
    tx.run(
        "INSERT INTO quota_use (key, slot_ms, used) VALUES ($1, $2, 0)
         ON CONFLICT (key, slot_ms) DO UPDATE SET used = 0",
        args![&quota.key, LOCK_SLOT_MS],
    )
    .await?;
    let used: Option<(i64,)> = tx
        .opt(
            "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM quota_use WHERE key = $1 AND slot_ms >= $2",
            args![&quota.key, quota.since_ms],
        )
        .await?;
    let used = used.and_then(|(used,)| u64::try_from(used).ok()).unwrap_or(0);
    let taken = quota.max.saturating_sub(used).min(wanted);
    if taken > 0 {
        tx.run(
            "INSERT INTO quota_use (key, slot_ms, used) VALUES ($1, $2, $3)
             ON CONFLICT (key, slot_ms) DO UPDATE SET used = quota_use.used + excluded.used",
            args![&quota.key, quota.slot_ms, i64::try_from(taken).unwrap_or(i64::MAX)],
        )
        .await?;
    }
    tx.run("DELETE FROM quota_use WHERE key = $1 AND slot_ms < $2", args![&quota.key, quota.since_ms])
        .await?;
    Ok(taken)
}

/// Gives back what was taken from `quota` and not used.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn give_back(tx: &mut Tx, quota: &Quota, unused: u64) -> Result<()> {
    tx.run(
        "UPDATE quota_use SET used = used - $3 WHERE key = $1 AND slot_ms = $2 AND used >= $3",
        args![&quota.key, quota.slot_ms, i64::try_from(unused).unwrap_or(i64::MAX)],
    )
    .await
    .map(|_| ())
}
