//! What messages are signed with. Sealed before it comes here.

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// A sealed secret.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Sealed {
    /// Its number at its endpoint, 1 is the first.
    pub no: i64,
    /// As it is kept.
    pub sealed: String,
    /// Since when.
    pub created_ms: UtcMs,
    /// Until when it signs beside its successor; for ever where nothing replaced it.
    pub retires_ms: Option<UtcMs>,
}

/// Adds a secret.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn keep(tx: &mut Tx, endpoint_id: &str, sealed: &str, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "INSERT INTO webhook_secret (endpoint_id, no, sealed, created_ms)
         SELECT $1, COALESCE(MAX(no), 0) + 1, $2, $3 FROM webhook_secret WHERE endpoint_id = $1",
        args![endpoint_id, sealed, now_ms],
    )
    .await
    .map(|_| ())
}

/// Has secrets sign until `retires_ms` at most; one that retires sooner stays as it is.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn retire(tx: &mut Tx, endpoint_id: &str, numbers: &[i64], retires_ms: UtcMs) -> Result<u64> {
    let mut retired = 0;
    for no in numbers {
        retired += tx
            .run(
                "UPDATE webhook_secret SET retires_ms = $3
                 WHERE endpoint_id = $1 AND no = $2 AND (retires_ms IS NULL OR retires_ms > $3)",
                args![endpoint_id, *no, retires_ms],
            )
            .await?;
    }
    Ok(retired)
}

/// The secrets that sign now, the newest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn in_use(db: &Db, endpoint_id: &str, now_ms: UtcMs) -> Result<Vec<Sealed>> {
    db.all(
        "SELECT no, sealed, created_ms, retires_ms FROM webhook_secret
         WHERE endpoint_id = $1 AND (retires_ms IS NULL OR retires_ms > $2) ORDER BY no DESC LIMIT 20",
        args![endpoint_id, now_ms],
    )
    .await
}

/// Secrets that another key than this one sealed, each with its endpoint; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn sealed_otherwise(db: &Db, key_id: &str) -> Result<Vec<(String, Sealed)>> {
    let rows: Vec<(String, i64, String, i64, Option<i64>)> = db
        .all(
            "SELECT endpoint_id, no, sealed, created_ms, retires_ms FROM webhook_secret
             WHERE sealed NOT LIKE $1 || '.%' ORDER BY endpoint_id, no LIMIT 100",
            args![key_id],
        )
        .await?;
    let sealed = |no, sealed, created_ms, retires_ms| Sealed { no, sealed, created_ms, retires_ms };
    Ok(rows.into_iter().map(|row| (row.0, sealed(row.1, row.2, row.3, row.4))).collect())
}

/// Puts `sealed` in the place of what was sealed before, unless somebody else did.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn replace(tx: &mut Tx, endpoint_id: &str, known: &Sealed, sealed: &str) -> Result<bool> {
    let replaced = tx
        .run(
            "UPDATE webhook_secret SET sealed = $4 WHERE endpoint_id = $1 AND no = $2 AND sealed = $3",
            args![endpoint_id, known.no, &known.sealed, sealed],
        )
        .await?;
    Ok(replaced == 1)
}

/// Forgets secrets whose time is over.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget_retired(tx: &mut Tx, now_ms: UtcMs) -> Result<u64> {
    tx.run("DELETE FROM webhook_secret WHERE retires_ms <= $1", args![now_ms]).await
}
