//! Who must not be sent to, and for what.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// The scope that covers everything but the mail a person asked for at that moment.
pub const ALL: &str = "all";

/// One do-not-send entry.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Suppression {
    /// Lower-cased address.
    pub email_key: String,
    /// A newsletter's slug, or [`ALL`].
    pub scope: String,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub created_ms: UtcMs,
}

/// What is suppressed for one address.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of(db: &Db, email_key: &str) -> Result<Vec<Suppression>> {
    db.all(
        "SELECT email_key, scope, reason, created_ms FROM suppression WHERE email_key = $1 ORDER BY scope LIMIT 1000",
        args![email_key],
    )
    .await
}

/// Entries that concern `scope` (that scope or [`ALL`]), at most 1,000 after address `after`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn concerning(db: &Db, scope: &str, after: &str) -> Result<Vec<Suppression>> {
    db.all(
        "SELECT email_key, MIN(scope) AS scope, MIN(reason) AS reason, MIN(created_ms) AS created_ms
         FROM suppression WHERE scope IN ($1, 'all') AND email_key > $2
         GROUP BY email_key ORDER BY email_key LIMIT 1000",
        args![scope, after],
    )
    .await
}

/// Adds an entry; one that is there already stays as it is.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, now_ms: UtcMs, email_key: &str, scope: &str, reason: &str) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO suppression (email_key, scope, reason, created_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (email_key, scope) DO NOTHING",
            args![email_key, scope, reason, now_ms],
        )
        .await?;
    Ok(added == 1)
}

/// Takes an entry away.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn remove(tx: &mut Tx, email_key: &str, scope: &str) -> Result<bool> {
    let gone = tx
        .run("DELETE FROM suppression WHERE email_key = $1 AND scope = $2", args![email_key, scope])
        .await?;
    Ok(gone == 1)
}
