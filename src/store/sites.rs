//! Partners' own sites that we post to.

use serde::Serialize;

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Sites of one list.
pub const LIST_MAX: i64 = 1_000;

/// A site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, sqlx::FromRow)]
pub struct Site {
    /// The key, `sit_…`.
    pub id: String,
    /// Whose.
    pub partner_slug: String,
    /// What it is made with: `wordpress`.
    pub kind: String,
    /// Where, without a slash at the end.
    pub url: String,
    /// As whom.
    pub username: String,
    /// `draft` or `publish`.
    pub mode: String,
    /// What was published before this day is not posted: `2027-01-12`.
    pub since_day: String,
    /// Who is told when it refuses us.
    pub contact_email: String,
    /// `active`, `refused` or `removed`.
    pub state: String,
    /// Why it is in that state.
    pub because: String,
    /// Since when.
    pub state_ms: UtcMs,
    /// Until when it asked to be left alone.
    pub rest_ms: UtcMs,
    /// Since when it is known.
    pub created_ms: UtcMs,
    /// Who connected it.
    pub created_by: String,
}

/// Adds a site with what opens it. False where the partner has one at this address already; then nothing changed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, site: &Site, sealed: &str) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO site (id, partner_slug, kind, url, username, sealed, mode, since_day, contact_email, state, because,
                 state_ms, created_ms, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             ON CONFLICT (partner_slug, url) WHERE state <> 'removed' DO NOTHING",
            args![
                &site.id,
                &site.partner_slug,
                &site.kind,
                &site.url,
                &site.username,
                sealed,
                &site.mode,
                &site.since_day,
                &site.contact_email,
                &site.state,
                &site.because,
                site.state_ms,
                site.created_ms,
                &site.created_by,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// One site that is not removed.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn site(db: &Db, id: &str) -> Result<Option<Site>> {
    db.opt(
        "SELECT id, partner_slug, kind, url, username, mode, since_day, contact_email, state, because, state_ms, rest_ms,
             created_ms, created_by
         FROM site WHERE id = $1 AND state <> 'removed'",
        args![id],
    )
    .await
}

/// All sites that are not removed, or those of one partner.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(db: &Db, partner: Option<&str>) -> Result<Vec<Site>> {
    db.all(
        "SELECT id, partner_slug, kind, url, username, mode, since_day, contact_email, state, because, state_ms, rest_ms,
             created_ms, created_by
         FROM site WHERE state <> 'removed' AND ($1 IS NULL OR partner_slug = $1)
         ORDER BY partner_slug, created_ms, id LIMIT $2",
        args![partner, LIST_MAX],
    )
    .await
}

/// What opens a site, sealed.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn sealed(db: &Db, id: &str) -> Result<Option<String>> {
    let row: Option<(String,)> =
        db.opt("SELECT sealed FROM site WHERE id = $1 AND state <> 'removed'", args![id]).await?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Connects a site that is known anew: as somebody else, with another password, in another way.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn renew(tx: &mut Tx, site: &Site, sealed: &str, now_ms: UtcMs) -> Result<bool> {
    let renewed = tx
        .run(
            "UPDATE site SET username = $2, sealed = $3, mode = $4, since_day = $5, contact_email = $6, state = 'active',
                 because = '', state_ms = $7, rest_ms = 0
             WHERE id = $1 AND state <> 'removed'",
            args![
                &site.id,
                &site.username,
                sealed,
                &site.mode,
                &site.since_day,
                &site.contact_email,
                now_ms
            ],
        )
        .await?;
    Ok(renewed == 1)
}

/// Moves a site from one state to another, and says why; what opens a removed one is forgotten. False where it is in another
/// state by now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn move_to(
    tx: &mut Tx,
    id: &str,
    (from, to): (&str, &str),
    because: &str,
    now_ms: UtcMs,
) -> Result<bool> {
    let moved = tx
        .run(
            "UPDATE site SET state = $3, because = $4, state_ms = $5,
                 sealed = CASE WHEN $3 = 'removed' THEN '' ELSE sealed END
             WHERE id = $1 AND state = $2",
            args![id, from, to, because, now_ms],
        )
        .await?;
    Ok(moved == 1)
}

/// Leaves a site alone until `rest_ms`.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn rest(tx: &mut Tx, id: &str, rest_ms: UtcMs) -> Result<u64> {
    tx.run("UPDATE site SET rest_ms = $2 WHERE id = $1 AND rest_ms < $2", args![id, rest_ms]).await
}

/// Has a site take posts again at once.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn end_rest(tx: &mut Tx, id: &str) -> Result<u64> {
    tx.run("UPDATE site SET rest_ms = 0 WHERE id = $1", args![id]).await
}

/// What another key than this one sealed, each with its site; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn sealed_otherwise(db: &Db, key_id: &str) -> Result<Vec<(String, String)>> {
    db.all(
        "SELECT id, sealed FROM site WHERE state <> 'removed' AND sealed NOT LIKE $1 || '.%' ORDER BY id LIMIT 100",
        args![key_id],
    )
    .await
}

/// Puts `sealed` in the place of what was sealed before, unless somebody else did.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn seal_anew(tx: &mut Tx, id: &str, (known, sealed): (&str, &str)) -> Result<bool> {
    let replaced =
        tx.run("UPDATE site SET sealed = $3 WHERE id = $1 AND sealed = $2", args![id, known, sealed]).await?;
    Ok(replaced == 1)
}
