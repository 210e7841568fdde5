//! Keys of programs, and what their requests were answered.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A key; the secret itself is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ApiKey {
    /// Its id, `key_…`, which is no secret.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may do: `leads:write`.
    pub purpose: String,
    /// The one partner whose leads it may send; nothing for all.
    pub partner_slug: Option<String>,
    /// Since when.
    pub created_ms: UtcMs,
    /// Who made it.
    pub created_by: String,
    /// When it was used last, to the minute.
    pub used_ms: Option<UtcMs>,
    /// When it was revoked.
    pub revoked_ms: Option<UtcMs>,
    /// From when on it is refused; nothing for one from before keys ended.
    pub expires_ms: Option<UtcMs>,
}

/// Adds a key by the hash of its secret.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, key: &ApiKey, key_hash: &str) -> Result<()> {
    tx.run(
        "INSERT INTO api_key (id, name, key_hash, purpose, partner_slug, created_ms, created_by, expires_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            &key.id,
            &key.name,
            key_hash,
            &key.purpose,
            key.partner_slug.clone(),
            key.created_ms,
            &key.created_by,
            key.expires_ms,
        ],
    )
    .await
    .map(|_| ())
}

/// The key whose secret has this hash, unless it was revoked.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn find(db: &Db, key_hash: &str) -> Result<Option<ApiKey>> {
    db.opt(
        "SELECT id, name, purpose, partner_slug, created_ms, created_by, used_ms, revoked_ms, expires_ms FROM api_key
         WHERE key_hash = $1 AND revoked_ms IS NULL",
        args![key_hash],
    )
    .await
}

/// All keys, the newest first, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(db: &Db) -> Result<Vec<ApiKey>> {
    db.all(
        "SELECT id, name, purpose, partner_slug, created_ms, created_by, used_ms, revoked_ms, expires_ms FROM api_key
         ORDER BY created_ms DESC, id DESC LIMIT 1000",
        Vec::new(),
    )
    .await
}

/// Good keys that end before `before_ms` and whose end was told to nobody, the first first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn ending(db: &Db, before_ms: UtcMs) -> Result<Vec<ApiKey>> {
    db.all(
        "SELECT id, name, purpose, partner_slug, created_ms, created_by, used_ms, revoked_ms, expires_ms FROM api_key
         WHERE revoked_ms IS NULL AND told_ms IS NULL AND expires_ms IS NOT NULL AND expires_ms < $1
         ORDER BY expires_ms, id LIMIT 100",
        args![before_ms],
    )
    .await
}

/// Notes that the end of a key was told; false where it was before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn told(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<bool> {
    let told = tx
        .run("UPDATE api_key SET told_ms = $2 WHERE id = $1 AND told_ms IS NULL", args![id, now_ms])
        .await?;
    Ok(told == 1)
}

/// Revokes a key. Returns whether it was good until now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn revoke(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<bool> {
    let revoked = tx
        .run("UPDATE api_key SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL", args![id, now_ms])
        .await?;
    Ok(revoked == 1)
}

/// Notes that a key is used now, if that was not noted after `since_ms`.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn used(tx: &mut Tx, id: &str, now_ms: UtcMs, since_ms: UtcMs) -> Result<()> {
    tx.run(
        "UPDATE api_key SET used_ms = $2 WHERE id = $1 AND (used_ms IS NULL OR used_ms < $3)",
        args![id, now_ms, since_ms],
    )
    .await
    .map(|_| ())
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Answer {
    /// The hash of what was sent.
    pub body_hash: String,
    /// The answer.
    pub answer: String,
}

/// What the request with this `Idempotency-Key` was answered, if it was.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn answered(db: &Db, key_id: &str, request_key: &str) -> Result<Option<Answer>> {
    db.opt(
        "SELECT body_hash, answer FROM api_answer WHERE key_id = $1 AND request_key = $2",
        args![key_id, request_key],
    )
    .await
}

/// Keeps what a request is answered, and forgets answers of before `forget_ms`.
///
/// # Errors
/// `Conflict` where the same request is being answered elsewhere. Those of [`Tx::run`].
pub async fn answer(
    tx: &mut Tx,
    key_id: &str,
    request_key: &str,
    answer: &Answer,
    now_ms: UtcMs,
    forget_ms: UtcMs,
) -> Result<()> {
    tx.run("DELETE FROM api_answer WHERE at_ms < $1", args![forget_ms]).await?;
    tx.run(
        "INSERT INTO api_answer (key_id, request_key, body_hash, answer, at_ms) VALUES ($1, $2, $3, $4, $5)",
        args![key_id, request_key, &answer.body_hash, &answer.answer, now_ms],
    )
    .await
    .map(|_| ())
}
