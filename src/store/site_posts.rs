//! What should stand on partners' own sites, and what does.

use serde::Serialize;

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Posts of one list.
pub const LIST_MAX: i64 = 1_000;

/// An asset on a site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, sqlx::FromRow)]
pub struct Post {
    /// The site.
    pub site_id: String,
    /// The asset, by reference.
    pub asset: String,
    /// By what it is found there.
    pub slug: String,
    /// Hash of what should stand there; empty for what is withdrawn.
    pub wanted: String,
    /// Hash of what does, as far as the site said so.
    pub placed: String,
    /// The id that the site gave it.
    pub remote_id: Option<i64>,
    /// Its address there.
    pub remote_url: String,
    /// `waiting`, `sending`, `placed`, `withdrawn`, `failed` or `gone`.
    pub state: String,
    /// Why it is in that state, or was not placed at the last try.
    pub because: String,
    /// When it is tried next.
    pub due_ms: UtcMs,
    /// Tries since it was last placed, or made to wait.
    pub tries: i64,
    /// The number of the latest try.
    pub token: i64,
    /// When that was last recorded.
    pub changed_ms: UtcMs,
    /// Since when that is wanted.
    pub wanted_ms: UtcMs,
    /// The status that it had before it was withdrawn; empty for one that is not.
    pub was_status: String,
    /// When whoever looks after the partner was told that it waits; 0 for never.
    pub told_ms: UtcMs,
}

/// What became of a try.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The state that follows.
    pub state: &'static str,
    /// Why.
    pub because: String,
    /// Hash of what was placed; nothing where nothing was.
    pub placed: Option<String>,
    /// Id and address that the site told.
    pub remote: Option<(i64, String)>,
    /// When it is tried again.
    pub due_ms: UtcMs,
    /// Until when the try may still be at work there; 0 for one that was answered for good.
    pub unsure_ms: UtcMs,
    /// Whether the try is none of the site's, and counts for nothing.
    pub is_spared: bool,
    /// Whether whoever looks after the partner is told that it waits.
    pub is_told: bool,
}

/// The posts of a site, the last changed first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_site(db: &Db, site_id: &str) -> Result<Vec<Post>> {
    db.all(
        "SELECT site_id, asset, slug, wanted, placed, remote_id, remote_url, state, because, due_ms, tries, token, changed_ms,
             wanted_ms, was_status, told_ms
         FROM site_post WHERE site_id = $1 ORDER BY changed_ms DESC, asset LIMIT $2",
        args![site_id, LIST_MAX],
    )
    .await
}

/// Has `wanted` stand on a site; what is on its way is not interrupted. What the partner took away stays away.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn want(
    tx: &mut Tx,
    (site_id, asset): (&str, &str),
    slug: &str,
    wanted: &str,
    now_ms: UtcMs,
) -> Result<u64> {
    tx.run(
        "INSERT INTO site_post (site_id, asset, slug, wanted, state, due_ms, changed_ms, wanted_ms)
         VALUES ($1, $2, $3, $4, 'waiting', $5, $5, $5)
         ON CONFLICT (site_id, asset) DO UPDATE SET wanted = $4, changed_ms = $5, wanted_ms = $5, told_ms = 0,
             state = CASE WHEN site_post.state IN ('sending', 'gone') THEN site_post.state ELSE 'waiting' END,
             because = CASE WHEN site_post.state = 'gone' THEN site_post.because ELSE '' END,
             tries = CASE WHEN site_post.state = 'sending' THEN site_post.tries ELSE 0 END,
             due_ms = CASE WHEN site_post.state = 'waiting' AND site_post.due_ms > $5 AND $4 <> '' THEN site_post.due_ms
                           WHEN site_post.unsure_ms > $5 THEN site_post.unsure_ms ELSE $5 END
         WHERE site_post.wanted <> $4",
        args![site_id, asset, slug, wanted, now_ms],
    )
    .await
}

/// Whether anything is due on a site that takes it.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn any_due(db: &Db, now_ms: UtcMs) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM site_post p JOIN site s ON s.id = p.site_id
             WHERE p.state = 'waiting' AND p.due_ms <= $1 AND s.state = 'active' AND s.rest_ms <= $1 LIMIT 1",
            args![now_ms],
        )
        .await?;
    Ok(row.is_some())
}

/// Marks what has waited longest as on its way and counts the try, before anything is sent: one post a site, and none of a site
/// that has one on its way. At most `limit`.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn take(tx: &mut Tx, now_ms: UtcMs, limit: i64) -> Result<Vec<Post>> {
    tx.all(
        "UPDATE site_post SET state = 'sending', tries = tries + 1, token = token + 1, changed_ms = $1
         WHERE state = 'waiting' AND (site_id, asset) IN (
             SELECT p.site_id, p.asset FROM site_post p JOIN site s ON s.id = p.site_id
             WHERE p.state = 'waiting' AND p.due_ms <= $1 AND s.state = 'active' AND s.rest_ms <= $1
                 AND NOT EXISTS (SELECT 1 FROM site_post o WHERE o.site_id = p.site_id AND (o.state = 'sending'
                     OR (o.state = 'waiting' AND (o.due_ms < p.due_ms OR (o.due_ms = p.due_ms AND o.asset < p.asset)))))
             ORDER BY p.due_ms, p.site_id LIMIT $2)
         RETURNING site_id, asset, slug, wanted, placed, remote_id, remote_url, state, because, due_ms, tries, token, changed_ms,
             wanted_ms, was_status, told_ms",
        args![now_ms, limit],
    )
    .await
}

/// Records what became of a try. What was placed and is no longer what is wanted waits again. False where somebody else has
/// taken it over.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn settle(tx: &mut Tx, post: &Post, outcome: &Outcome, now_ms: UtcMs) -> Result<bool> {
    let (remote_id, remote_url) = match &outcome.remote {
        Some((id, url)) => (Some(*id), Some(url.as_str())),
        None => (None, None),
    };
    let settled = tx
        .run(
            "UPDATE site_post SET
                 state = CASE WHEN $4 IN ('placed', 'withdrawn') AND wanted <> $6 THEN 'waiting' ELSE $4 END,
                 because = $5, placed = COALESCE($6, placed), remote_id = COALESCE($7, remote_id),
                 remote_url = COALESCE($8, remote_url), due_ms = $9, changed_ms = $10,
                 unsure_ms = $11, tries = CASE WHEN $4 IN ('placed', 'withdrawn') THEN 0 ELSE tries - $12 END,
                 was_status = CASE WHEN $4 = 'placed' THEN '' ELSE was_status END,
                 told_ms = CASE WHEN $13 THEN $10 ELSE told_ms END
             WHERE site_id = $1 AND asset = $2 AND token = $3 AND state = 'sending'",
            args![
                &post.site_id,
                &post.asset,
                post.token,
                outcome.state,
                &outcome.because,
                outcome.placed.as_deref(),
                remote_id,
                remote_url,
                outcome.due_ms,
                now_ms,
                outcome.unsure_ms,
                i64::from(outcome.is_spared),
                outcome.is_told,
            ],
        )
        .await?;
    Ok(settled == 1)
}

/// Notes the id and the address of a post that was found there, whatever comes of the try. False where the try is not the latest.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn note_remote(tx: &mut Tx, post: &Post, (id, url): (i64, &str)) -> Result<bool> {
    let noted = tx
        .run(
            "UPDATE site_post SET remote_id = $4, remote_url = $5
             WHERE site_id = $1 AND asset = $2 AND token = $3 AND state = 'sending'",
            args![&post.site_id, &post.asset, post.token, id, url],
        )
        .await?;
    Ok(noted == 1)
}

/// Notes the status that a post has before it is withdrawn; the first one stays. False where one is noted, or the try is not the
/// latest.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn note_status(tx: &mut Tx, post: &Post, status: &str) -> Result<bool> {
    let noted = tx
        .run(
            "UPDATE site_post SET was_status = $4
             WHERE site_id = $1 AND asset = $2 AND token = $3 AND state = 'sending' AND was_status = ''",
            args![&post.site_id, &post.asset, post.token, status],
        )
        .await?;
    Ok(noted == 1)
}

/// Whether a try is still the latest, of a post that is on its way to a site that takes it: asked last before anything is written
/// there.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn is_ours(db: &Db, post: &Post) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM site_post p JOIN site s ON s.id = p.site_id
             WHERE p.site_id = $1 AND p.asset = $2 AND p.token = $3 AND p.state = 'sending' AND s.state = 'active'",
            args![&post.site_id, &post.asset, post.token],
        )
        .await?;
    Ok(row.is_some())
}

/// What is on its way: site, asset and the number of the try; at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn on_way(db: &Db) -> Result<Vec<(String, String, i64)>> {
    db.all(
        "SELECT site_id, asset, token FROM site_post WHERE state = 'sending' ORDER BY site_id, asset LIMIT 1000",
        Vec::new(),
    )
    .await
}

/// Has what was on its way when its process ended, or stood still, tried again from `due_ms` on: it may have arrived.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn free(
    tx: &mut Tx,
    (site_id, asset): (&str, &str),
    token: i64,
    because: &str,
    due_ms: UtcMs,
) -> Result<bool> {
    let freed = tx
        .run(
            "UPDATE site_post SET state = 'waiting', because = $4, due_ms = $5, unsure_ms = $5
             WHERE site_id = $1 AND asset = $2 AND token = $3 AND state = 'sending'",
            args![site_id, asset, token, because, due_ms],
        )
        .await?;
    Ok(freed == 1)
}

/// Has what failed, or waits, tried now: one post of a site, or all. What the partner took away is made anew when it is named.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn again(tx: &mut Tx, site_id: &str, asset: Option<&str>, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE site_post SET state = 'waiting', due_ms = CASE WHEN unsure_ms > $3 THEN unsure_ms ELSE $3 END, tries = 0,
             changed_ms = $3, wanted_ms = $3, told_ms = 0,
             was_status = CASE WHEN state = 'gone' THEN '' ELSE was_status END,
             remote_id = CASE WHEN state = 'gone' THEN NULL ELSE remote_id END,
             placed = CASE WHEN state = 'gone' THEN '' ELSE placed END
         WHERE site_id = $1 AND (state IN ('waiting', 'failed') OR (state = 'gone' AND $2 IS NOT NULL))
             AND ($2 IS NULL OR asset = $2)",
        args![site_id, asset, now_ms],
    )
    .await
}
