//! Assets taken back. One recall in force for an asset; lifted ones stay.

use serde::Serialize;

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Recalls of one list.
pub const LIST_MAX: i64 = 200;

/// A recall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Recall {
    /// The key.
    pub id: String,
    /// The asset.
    pub reference: String,
    /// The asset that its links lead to instead; nothing: to itself, or nowhere once it is removed.
    pub target: Option<String>,
    /// Why, for colleagues.
    pub because: String,
    /// The number of the original that replaced what was wrong; nothing where the asset was removed.
    pub good_no: Option<i64>,
    /// Who.
    pub actor: String,
    /// When.
    pub recalled_ms: UtcMs,
    /// When it was taken back.
    pub lifted_ms: Option<UtcMs>,
    /// By whom.
    pub lifted_by: Option<String>,
}

/// Has whoever changes recalls and whoever fixes an issue take turns until this transaction ends: of two at once the
/// second sees what the first did.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn take_turns(tx: &mut Tx) -> Result<()> {
    // A slot at the end of time holds no use, as for limits: whoever writes it holds it.
    tx.run(
        "INSERT INTO quota_use (key, slot_ms, used) VALUES ('recalls', $1, 0)
         ON CONFLICT (key, slot_ms) DO UPDATE SET used = 0",
        args![UtcMs::MAX],
    )
    .await
    .map(|_| ())
}

/// How many recalls there are, and when the last one was made and the last one lifted: it changes whenever one does.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn stamp(db: &Db) -> Result<(i64, UtcMs, UtcMs)> {
    let row: Option<(i64, i64, i64)> = db
        .opt(
            "SELECT COUNT(*), COALESCE(MAX(recalled_ms), 0), COALESCE(MAX(lifted_ms), 0) FROM recall",
            Vec::new(),
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// Puts a recall in force. False if the asset has one already; then nothing changed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn insert(tx: &mut Tx, recall: &Recall) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO recall (id, reference, target, because, good_no, actor, recalled_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (reference) WHERE lifted_ms IS NULL DO NOTHING",
            args![
                &recall.id,
                &recall.reference,
                recall.target.clone(),
                &recall.because,
                recall.good_no,
                &recall.actor,
                recall.recalled_ms,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// Ends the recall of `reference` that is in force, and returns it.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn lift(tx: &mut Tx, now_ms: UtcMs, actor: &str, reference: &str) -> Result<Option<Recall>> {
    tx.opt(
        "UPDATE recall SET lifted_ms = $1, lifted_by = $2 WHERE reference = $3 AND lifted_ms IS NULL
         RETURNING id, reference, target, because, good_no, actor, recalled_ms, lifted_ms, lifted_by",
        args![now_ms, actor, reference],
    )
    .await
}

/// The recall of `reference` that is in force.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn in_force(db: &Db, reference: &str) -> Result<Option<Recall>> {
    db.opt(
        "SELECT id, reference, target, because, good_no, actor, recalled_ms, lifted_ms, lifted_by
         FROM recall WHERE reference = $1 AND lifted_ms IS NULL",
        args![reference],
    )
    .await
}

/// The same inside a transaction.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn in_force_in(tx: &mut Tx, reference: &str) -> Result<Option<Recall>> {
    tx.opt(
        "SELECT id, reference, target, because, good_no, actor, recalled_ms, lifted_ms, lifted_by
         FROM recall WHERE reference = $1 AND lifted_ms IS NULL",
        args![reference],
    )
    .await
}

/// The assets with a recall in force, the latest first, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn references(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT reference FROM recall WHERE lifted_ms IS NULL ORDER BY recalled_ms DESC, id DESC LIMIT 1000",
            Vec::new(),
        )
        .await?;
    Ok(rows.into_iter().map(|(reference,)| reference).collect())
}

/// The recalls in force that lead to another asset, one an asset, the latest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn with_target(db: &Db) -> Result<Vec<Recall>> {
    db.all(
        "SELECT id, reference, target, because, good_no, actor, recalled_ms, lifted_ms, lifted_by
         FROM recall WHERE lifted_ms IS NULL AND target IS NOT NULL ORDER BY recalled_ms DESC, id DESC",
        Vec::new(),
    )
    .await
}

/// All recalls, or those of one asset, the latest first, at most [`LIST_MAX`].
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(db: &Db, reference: Option<&str>) -> Result<Vec<Recall>> {
    db.all(
        "SELECT id, reference, target, because, good_no, actor, recalled_ms, lifted_ms, lifted_by
         FROM recall WHERE $1 IS NULL OR reference = $1 ORDER BY recalled_ms DESC, id DESC LIMIT $2",
        args![reference, LIST_MAX],
    )
    .await
}
