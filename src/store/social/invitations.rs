//! Invitations to connect an account: to whom, and what became of each.

use crate::{
    domain::kernel::{
        Result,
        clock::{DAY_MS, UtcMs},
    },
    store::{Db, Tx, sql::args},
};

/// How long one is remembered that has ended; its link says nothing but that it ended from then on.
const KEPT_MS: i64 = 90 * DAY_MS;

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Invited {
    /// Its key, which stands in the address to which its server sends people back.
    pub id: String,
    /// The partner's slug.
    pub partner_slug: String,
    /// `https://host`
    pub server: String,
    /// When it was made.
    pub made_ms: UtcMs,
    /// By whom.
    pub made_by: String,
    /// Until when it may be followed.
    pub ends_ms: UtcMs,
    /// When it connected an account.
    pub used_ms: Option<UtcMs>,
    /// When it was withdrawn.
    pub withdrawn_ms: Option<UtcMs>,
}

/// Adds one unless its partner has `open_max` already that may still be followed; forgets those that ended long ago. Returns whether
/// it was added.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, invited: &Invited, open_max: i64) -> Result<bool> {
    tx.run("DELETE FROM social_invitation WHERE ends_ms < $1", args![invited.made_ms - KEPT_MS]).await?;
    let Invited { id, partner_slug, server, made_ms, made_by, ends_ms, .. } = invited;
    let added = tx
        .run(
            "INSERT INTO social_invitation (id, partner_slug, server, made_ms, made_by, ends_ms)
             SELECT $1, $2, $3, $4, $5, $6
             WHERE (SELECT COUNT(*) FROM social_invitation
                 WHERE partner_slug = $2 AND ends_ms > $4 AND used_ms IS NULL AND withdrawn_ms IS NULL) < $7",
            args![id, partner_slug, server, *made_ms, made_by, *ends_ms, open_max],
        )
        .await?;
    Ok(added == 1)
}

/// One of them.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn find(db: &Db, id: &str) -> Result<Option<Invited>> {
    db.opt(
        "SELECT id, partner_slug, server, made_ms, made_by, ends_ms, used_ms, withdrawn_ms FROM social_invitation WHERE id = $1",
        args![id],
    )
    .await
}

/// Those that may still be followed at `now_ms`, of one partner or of all, the newest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn open(db: &Db, partner_slug: Option<&str>, now_ms: UtcMs) -> Result<Vec<Invited>> {
    db.all(
        "SELECT id, partner_slug, server, made_ms, made_by, ends_ms, used_ms, withdrawn_ms FROM social_invitation
         WHERE ends_ms > $1 AND used_ms IS NULL AND withdrawn_ms IS NULL AND ($2 = '' OR partner_slug = $2)
         ORDER BY made_ms DESC, id DESC LIMIT 1000",
        args![now_ms, partner_slug.unwrap_or_default()],
    )
    .await
}

/// The invitation `$1`, if it may still be followed at `$2`.
macro_rules! is_open {
    () => {
        " WHERE id = $1 AND ends_ms > $2 AND used_ms IS NULL AND withdrawn_ms IS NULL"
    };
}

/// Notes that it connected an account. False where it did before, was withdrawn, or has ended.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn use_up(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<bool> {
    let used =
        tx.run(concat!("UPDATE social_invitation SET used_ms = $2", is_open!()), args![id, now_ms]).await?;
    Ok(used == 1)
}

/// Withdraws it. False where it connected an account, was withdrawn before, or has ended.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn withdraw(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<bool> {
    let sql = concat!("UPDATE social_invitation SET withdrawn_ms = $2", is_open!());
    Ok(tx.run(sql, args![id, now_ms]).await? == 1)
}
