//! What partners' endpoints were told that they may see, so that each is told once when its day comes, and hears of it when it is
//! taken back, whoever may see it by then.

use std::collections::BTreeMap;

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// The partners with endpoints that are told of anything, each with the mark of what it could see when that was looked at last;
/// none before the first time.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn audiences(db: &Db) -> Result<Vec<(String, Option<String>)>> {
    db.all(
        "SELECT DISTINCT e.partner_slug, a.mark FROM webhook_endpoint e
         LEFT JOIN webhook_audience a ON a.partner_slug = e.partner_slug
         WHERE e.partner_slug <> '' AND e.state IN ('active', 'paused', 'disabled') ORDER BY e.partner_slug LIMIT 10000",
        Vec::new(),
    )
    .await
}

/// Whether any endpoint of a partner is told of anything.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn is_told(db: &Db, partner: &str) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM webhook_endpoint
             WHERE partner_slug = $1 AND state IN ('active', 'paused', 'disabled') LIMIT 1",
            args![partner],
        )
        .await?;
    Ok(row.is_some())
}

/// What a partner could see, by its reference, each with the stamp of what it said.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of(db: &Db, partner: &str) -> Result<BTreeMap<String, String>> {
    let rows: Vec<(String, String)> = db
        .all(
            "SELECT asset, stamp FROM webhook_visible WHERE partner_slug = $1 ORDER BY asset LIMIT 100000",
            args![partner],
        )
        .await?;
    Ok(rows.into_iter().collect())
}

/// Puts the mark of what a partner can see in the place of the one that was known. False where somebody else did so meanwhile.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn mark(tx: &mut Tx, partner: &str, known: Option<&str>, mark: &str) -> Result<bool> {
    let marked = match known {
        Some(known) => {
            let sql = "UPDATE webhook_audience SET mark = $3 WHERE partner_slug = $1 AND mark = $2";
            tx.run(sql, args![partner, known, mark]).await?
        }
        None => {
            let sql = "INSERT INTO webhook_audience (partner_slug, mark) VALUES ($1, $2) ON CONFLICT (partner_slug) DO NOTHING";
            tx.run(sql, args![partner, mark]).await?
        }
    };
    Ok(marked == 1)
}

/// Forgets the mark of a partner: what it can see then is no news.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget_mark(tx: &mut Tx, partner: &str) -> Result<()> {
    tx.run("DELETE FROM webhook_audience WHERE partner_slug = $1", args![partner]).await.map(|_| ())
}

/// Notes what a partner can see, each asset with its stamp.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn note(tx: &mut Tx, partner: &str, assets: &[(&str, &str)], now_ms: UtcMs) -> Result<()> {
    if assets.is_empty() {
        return Ok(());
    }
    tx.bulk(
        "INSERT INTO webhook_visible (partner_slug, asset, stamp, since_ms)",
        assets.iter().map(|(asset, stamp)| args![partner, *asset, *stamp, now_ms]).collect(),
        "ON CONFLICT (partner_slug, asset) DO UPDATE SET stamp = excluded.stamp",
    )
    .await
    .map(|_| ())
}

/// The partners that could see an asset at any time.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn partners(tx: &mut Tx, asset: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT partner_slug FROM webhook_visible WHERE asset = $1 ORDER BY partner_slug LIMIT 10000",
            args![asset],
        )
        .await?;
    Ok(rows.into_iter().map(|(slug,)| slug).collect())
}

/// Forgets who could see an asset, which is gone: if it comes again, it is new.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget(tx: &mut Tx, asset: &str) -> Result<()> {
    tx.run("DELETE FROM webhook_visible WHERE asset = $1", args![asset]).await.map(|_| ())
}
