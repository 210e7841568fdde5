//! Who must not be sent to, and for what. Entries go by the address without its tag, or by a whole domain.

use super::{
    Db, Tx,
    sql::{args, like_plain},
};
use crate::domain::kernel::{
    Result,
    clock::UtcMs,
    text::{base_key, domain_key},
};

/// The scope that covers everything but the mail a person asked for at that moment.
pub const ALL: &str = "all";
/// Entries of one page.
pub const PAGE: usize = 1_000;

/// When an entry that is there (`suppression`) gives way to a new one (`excluded`): the new one lasts longer, or is the
/// reader's own word where the old one is not.
macro_rules! gives_way {
    () => {
        "((suppression.expires_ms IS NOT NULL
             AND (excluded.expires_ms IS NULL OR excluded.expires_ms > suppression.expires_ms))
          OR (excluded.expires_ms IS NULL AND suppression.source NOT IN ('unsubscribe', 'complaint')
             AND excluded.source IN ('unsubscribe', 'complaint')))"
    };
}

/// One do-not-send entry.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Suppression {
    /// Lower-cased address without a tag, or `@domain`.
    pub email_key: String,
    /// A newsletter's slug, or [`ALL`].
    pub scope: String,
    /// `SuppressionReason`'s word.
    pub reason: String,
    /// `unsubscribe`, `bounce`, `complaint` or `person`.
    pub source: String,
    /// What the server, the reader or the person said.
    pub detail: String,
    /// Since when.
    pub created_ms: UtcMs,
    /// Until when; for good if none.
    pub expires_ms: Option<UtcMs>,
}

/// What is suppressed for one address, and for its domain.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of(db: &Db, now_ms: UtcMs, address: &str) -> Result<Vec<Suppression>> {
    db.all(
        "SELECT email_key, scope, reason, source, detail, created_ms, expires_ms FROM suppression
         WHERE email_key IN ($1, $2) AND (expires_ms IS NULL OR expires_ms > $3)
         ORDER BY scope, email_key DESC LIMIT 1000",
        args![base_key(address), domain_key(address), now_ms],
    )
    .await
}

/// Entries that concern `scope` (that scope or [`ALL`], which is preferred), one an address, at most [`PAGE`] after
/// key `after`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn concerning(db: &Db, now_ms: UtcMs, scope: &str, after: &str) -> Result<Vec<Suppression>> {
    db.all(
        "SELECT email_key, scope, reason, source, detail, created_ms, expires_ms FROM suppression s
         WHERE scope IN ($1, 'all') AND email_key > $2 AND (expires_ms IS NULL OR expires_ms > $3)
           AND (scope = 'all' OR NOT EXISTS (
               SELECT 1 FROM suppression a WHERE a.email_key = s.email_key AND a.scope = 'all'
                 AND (a.expires_ms IS NULL OR a.expires_ms > $3)))
         ORDER BY email_key LIMIT 1000",
        args![scope, after, now_ms],
    )
    .await
}

/// What a list of entries shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A part of the address; empty for all.
    pub search: String,
    /// `SuppressionReason`'s word; empty for all.
    pub reason: String,
}

/// Entries in force, newest first, at most 200 from `offset`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(db: &Db, now_ms: UtcMs, filter: &Filter, offset: i64) -> Result<Vec<Suppression>> {
    db.all(
        "SELECT email_key, scope, reason, source, detail, created_ms, expires_ms FROM suppression
         WHERE email_key LIKE $1 ESCAPE '!' AND ($2 = '' OR reason = $2) AND (expires_ms IS NULL OR expires_ms > $3)
         ORDER BY created_ms DESC, email_key, scope LIMIT 200 OFFSET $4",
        args![pattern(&filter.search), &filter.reason, now_ms, offset],
    )
    .await
}

/// How many entries in force a filter finds.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn count(db: &Db, now_ms: UtcMs, filter: &Filter) -> Result<i64> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT COUNT(*) FROM suppression
             WHERE email_key LIKE $1 ESCAPE '!' AND ($2 = '' OR reason = $2)
               AND (expires_ms IS NULL OR expires_ms > $3)",
            args![pattern(&filter.search), &filter.reason, now_ms],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

fn pattern(search: &str) -> String {
    let plain = like_plain(&search.trim().to_lowercase());
    format!("%{plain}%")
}

/// Adds what a reader asked for, for good; see [`put`].
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, now_ms: UtcMs, address: &str, scope: &str, reason: &str) -> Result<bool> {
    put(tx, &asked_for(now_ms, address, scope, reason)).await
}

/// The entry that [`add`] makes.
pub fn asked_for(now_ms: UtcMs, address: &str, scope: &str, reason: &str) -> Suppression {
    Suppression {
        email_key: address.to_owned(),
        scope: scope.to_owned(),
        reason: reason.to_owned(),
        source: "unsubscribe".to_owned(),
        detail: String::new(),
        created_ms: now_ms,
        expires_ms: None,
    }
}

/// Adds an entry for an address, whose tag is left out, or for `@domain`. One that is there already stays as it is,
/// unless the new one lasts longer, or is the reader's own word where the old one is not. Says whether anything
/// changed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn put(tx: &mut Tx, entry: &Suppression) -> Result<bool> {
    let changed = tx
        .run(
            concat!(
                "INSERT INTO suppression (email_key, scope, reason, source, detail, created_ms, expires_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (email_key, scope) DO UPDATE SET reason = excluded.reason, source = excluded.source,
                     detail = excluded.detail, created_ms = excluded.created_ms, expires_ms = excluded.expires_ms
                 WHERE ",
                gives_way!()
            ),
            args![
                base_key(&entry.email_key),
                &entry.scope,
                &entry.reason,
                &entry.source,
                &entry.detail,
                entry.created_ms,
                entry.expires_ms,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Whether [`put`] would change anything. Changes nothing.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn is_new(tx: &mut Tx, entry: &Suppression) -> Result<bool> {
    let stays: Option<(String,)> = tx
        .opt(
            concat!(
                "WITH excluded (source, expires_ms) AS (SELECT CAST($3 AS TEXT), CAST($4 AS BIGINT))
                 SELECT suppression.email_key FROM suppression CROSS JOIN excluded
                 WHERE suppression.email_key = $1 AND suppression.scope = $2 AND NOT ",
                gives_way!()
            ),
            args![base_key(&entry.email_key), &entry.scope, &entry.source, entry.expires_ms],
        )
        .await?;
    Ok(stays.is_none())
}

/// Takes an entry away because the reader wants mail again. What the vendor's people entered stays.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn remove(tx: &mut Tx, address: &str, scope: &str) -> Result<bool> {
    let gone = tx
        .run(
            "DELETE FROM suppression WHERE email_key = $1 AND scope = $2 AND source <> 'person'",
            args![base_key(address), scope],
        )
        .await?;
    Ok(gone == 1)
}

/// Takes an entry away, whatever it came from, and returns it.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn lift(tx: &mut Tx, address: &str, scope: &str) -> Result<Option<Suppression>> {
    tx.opt(
        "DELETE FROM suppression WHERE email_key = $1 AND scope = $2
         RETURNING email_key, scope, reason, source, detail, created_ms, expires_ms",
        args![base_key(address), scope],
    )
    .await
}

/// Takes away, and returns, up to 500 entries whose time is over: the queue looks at the table alone.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn lapse(tx: &mut Tx, now_ms: UtcMs) -> Result<Vec<Suppression>> {
    tx.all(
        "DELETE FROM suppression WHERE (email_key, scope) IN (
             SELECT email_key, scope FROM suppression WHERE expires_ms <= $1 LIMIT 500)
         RETURNING email_key, scope, reason, source, detail, created_ms, expires_ms",
        args![now_ms],
    )
    .await
}
