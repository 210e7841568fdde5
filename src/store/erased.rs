//! Addresses of people who were erased, by salted hash alone.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

const SALT: &str = "SELECT salt FROM erased_address ORDER BY erased_ms, hash LIMIT 1";

/// The salt of erased addresses, once there is one.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn salt(db: &Db) -> Result<Option<String>> {
    let row: Option<(String,)> = db.opt(SALT, Vec::new()).await?;
    Ok(row.map(|(salt,)| salt))
}

/// The same inside a transaction.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn salt_in(tx: &mut Tx) -> Result<Option<String>> {
    let row: Option<(String,)> = tx.opt(SALT, Vec::new()).await?;
    Ok(row.map(|(salt,)| salt))
}

/// Remembers an erased address by its salted hash.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn remember(tx: &mut Tx, hash: &str, salt: &str, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "INSERT INTO erased_address (hash, salt, erased_ms) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING",
        args![hash, salt, now_ms],
    )
    .await
    .map(|_| ())
}

/// Which of these hashes are of erased addresses.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn erased(tx: &mut Tx, hashes: Vec<String>) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx
        .bulk_all(
            "WITH r (rhash) AS (",
            hashes.into_iter().map(|hash| args![hash]).collect(),
            ") SELECT hash FROM erased_address JOIN r ON hash = rhash",
        )
        .await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}
