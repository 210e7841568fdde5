//! Signed-in browsers and tokens that work once.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A session that has not expired.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Session {
    /// `console` or `desk`.
    pub kind: String,
    /// `operator`, or a rep's lower-cased address.
    pub subject: String,
}

/// Opens a session; only the hash of its id is stored.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn open(
    tx: &mut Tx,
    id_hash: &str,
    kind: &str,
    subject: &str,
    now_ms: UtcMs,
    expires_ms: UtcMs,
) -> Result<()> {
    tx.run("DELETE FROM session WHERE expires_ms <= $1", args![now_ms]).await?;
    tx.run(
        "INSERT INTO session (id_hash, kind, subject, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)",
        args![id_hash, kind, subject, now_ms, expires_ms],
    )
    .await
    .map(|_| ())
}

/// The session with this id, unless it has expired.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn find(db: &Db, id_hash: &str, kind: &str, now_ms: UtcMs) -> Result<Option<Session>> {
    db.opt(
        "SELECT kind, subject FROM session WHERE id_hash = $1 AND kind = $2 AND expires_ms > $3",
        args![id_hash, kind, now_ms],
    )
    .await
}

/// Ends a session.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn close(tx: &mut Tx, id_hash: &str) -> Result<()> {
    tx.run("DELETE FROM session WHERE id_hash = $1", args![id_hash]).await.map(|_| ())
}

/// Whether a token was used up.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn is_used(db: &Db, token_hash: &str) -> Result<bool> {
    let row: Option<(i64,)> =
        db.opt("SELECT used_ms FROM used_token WHERE hash = $1", args![token_hash]).await?;
    Ok(row.is_some())
}

/// Uses up a token; false if it was used before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn use_up(tx: &mut Tx, token_hash: &str, now_ms: UtcMs) -> Result<bool> {
    let used = tx
        .run(
            "INSERT INTO used_token (hash, used_ms) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING",
            args![token_hash, now_ms],
        )
        .await?;
    Ok(used == 1)
}
