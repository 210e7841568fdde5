//! Partners' accounts at social networks. Secrets and sessions are sealed before they come here.

use serde::Serialize;

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// Accounts of one list.
pub const LIST_MAX: i64 = 1_000;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, sqlx::FromRow)]
pub struct Account {
    /// The key, `soc_…`.
    pub id: String,
    /// Whose.
    pub partner_slug: String,
    /// `bluesky`, `mastodon`, `linkedin` or `x`.
    pub network: String,
    /// `https://host`; empty where a person posts.
    pub server: String,
    /// As people know it.
    pub handle: String,
    /// What stays when the handle changes.
    pub remote_id: String,
    /// `auto`, `approve` or `share_kit`.
    pub mode: String,
    /// `active`, `needs_reconnect` or `disconnected`.
    pub state: String,
    /// Why it is in that state.
    pub because: String,
    /// Since when.
    pub state_ms: UtcMs,
    /// When its token ends, where that is known.
    pub expires_ms: Option<UtcMs>,
    /// The last warning of that, in days before.
    pub told_days: Option<i64>,
    /// Since when what is new is posted there.
    pub connected_ms: UtcMs,
    /// Who connected it.
    pub connected_by: String,
    /// When it last worked.
    pub worked_ms: Option<UtcMs>,
    /// Until when its server wants to be left alone.
    pub rest_ms: UtcMs,
    /// Its own page, as its server names it; empty where that was not told.
    pub profile_url: String,
}

/// Connects an account. False where the partner has it already; then nothing changed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, account: &Account, (secret, session): (&str, &str)) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO social_account (id, partner_slug, network, server, handle, remote_id, mode, state, because, state_ms,
                 secret, session, expires_ms, connected_ms, connected_by, worked_ms, profile_url)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
             ON CONFLICT (partner_slug, network, server, remote_id) WHERE state <> 'disconnected' DO NOTHING",
            args![
                &account.id,
                &account.partner_slug,
                &account.network,
                &account.server,
                &account.handle,
                &account.remote_id,
                &account.mode,
                &account.state,
                &account.because,
                account.state_ms,
                secret,
                session,
                account.expires_ms,
                account.connected_ms,
                &account.connected_by,
                account.worked_ms,
                &account.profile_url,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// Gives an account another secret, and the mode `new_mode` if there is one, and lets it go on; what waits is due. Returns its id, or nothing where the partner has no
/// such account.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn reconnect(
    tx: &mut Tx,
    account: &Account,
    new_mode: Option<&str>,
    (secret, session): (&str, &str),
) -> Result<Option<String>> {
    let row: Option<(String,)> = tx
        .opt(
            "UPDATE social_account SET secret = $5, session = $6, handle = $7, mode = COALESCE($8, mode), state = 'active', because = $9,
                 state_ms = $10, expires_ms = $11, told_days = NULL, rest_ms = 0, worked_ms = $12, renewing_ms = 0,
                 profile_url = $13
             WHERE partner_slug = $1 AND network = $2 AND server = $3 AND remote_id = $4 AND state <> 'disconnected'
             RETURNING id",
            args![
                &account.partner_slug,
                &account.network,
                &account.server,
                &account.remote_id,
                secret,
                session,
                &account.handle,
                new_mode,
                &account.because,
                account.state_ms,
                account.expires_ms,
                account.worked_ms,
                &account.profile_url,
            ],
        )
        .await?;
    if let Some((id,)) = &row {
        tx.run(
            "UPDATE social_post SET due_ms = $2 WHERE account_id = $1 AND state = 'due' AND due_ms > $2",
            args![id, account.state_ms],
        )
        .await?;
    }
    Ok(row.map(|(id,)| id))
}

/// One account, also one that is disconnected.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn account(db: &Db, id: &str) -> Result<Option<Account>> {
    db.opt(
        "SELECT id, partner_slug, network, server, handle, remote_id, mode, state, because, state_ms, expires_ms, told_days,
             connected_ms, connected_by, worked_ms, rest_ms, profile_url
         FROM social_account WHERE id = $1",
        args![id],
    )
    .await
}

/// All accounts that are not disconnected, or those of one partner.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(db: &Db, partner: Option<&str>) -> Result<Vec<Account>> {
    db.all(
        "SELECT id, partner_slug, network, server, handle, remote_id, mode, state, because, state_ms, expires_ms, told_days,
             connected_ms, connected_by, worked_ms, rest_ms, profile_url
         FROM social_account WHERE state <> 'disconnected' AND ($1 IS NULL OR partner_slug = $1)
         ORDER BY partner_slug, connected_ms, id LIMIT $2",
        args![partner, LIST_MAX],
    )
    .await
}

/// The account that is the same one as `account` in another place: another partner's, or by another name of its server. What stays of
/// an account is the same everywhere, except at servers of the Mastodon API, which count for themselves: there it is its page.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn elsewhere(tx: &mut Tx, account: &Account) -> Result<Option<Account>> {
    tx.opt(
        "SELECT id, partner_slug, network, server, handle, remote_id, mode, state, because, state_ms, expires_ms, told_days,
             connected_ms, connected_by, worked_ms, rest_ms, profile_url
         FROM social_account
         WHERE state <> 'disconnected' AND server <> '' AND network = $1
           AND NOT (partner_slug = $2 AND server = $3 AND remote_id = $4)
           AND ((remote_id = $4 AND (network <> 'mastodon' OR server = $3)) OR (profile_url <> '' AND profile_url = $5))
         ORDER BY connected_ms, id LIMIT 1",
        args![
            &account.network,
            &account.partner_slug,
            &account.server,
            &account.remote_id,
            &account.profile_url,
        ],
    )
    .await
}

/// How many accounts a partner has that are not disconnected.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn count(tx: &mut Tx, partner: &str) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .opt(
            "SELECT COUNT(*) FROM social_account WHERE partner_slug = $1 AND state <> 'disconnected'",
            args![partner],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Moves an account from one state to another, and says why. False where it is in another state by now.
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
            "UPDATE social_account SET state = $3, because = $4, state_ms = $5,
                 secret = CASE WHEN $3 = 'disconnected' THEN '' ELSE secret END,
                 session = CASE WHEN $3 = 'active' THEN session ELSE '' END
             WHERE id = $1 AND state = $2",
            args![id, from, to, because, now_ms],
        )
        .await?;
    Ok(moved == 1)
}

/// Notes that an account has to be connected again, unless it was since `state_ms`: what an older secret came to says nothing of
/// the one that it has now. False where it is in another state by now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn lose(tx: &mut Tx, id: &str, state_ms: UtcMs, because: &str, now_ms: UtcMs) -> Result<bool> {
    let lost = tx
        .run(
            "UPDATE social_account SET state = 'needs_reconnect', because = $3, state_ms = $4, session = ''
             WHERE id = $1 AND state = 'active' AND state_ms = $2",
            args![id, state_ms, because, now_ms],
        )
        .await?;
    Ok(lost == 1)
}

/// Changes what is done with what is new.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn set_mode(tx: &mut Tx, id: &str, mode: &str) -> Result<bool> {
    let changed = tx
        .run("UPDATE social_account SET mode = $2 WHERE id = $1 AND state <> 'disconnected'", args![id, mode])
        .await?;
    Ok(changed == 1)
}

/// The sealed secret and session of an account; the session is empty where there is none.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn sealed(db: &Db, id: &str) -> Result<Option<(String, String)>> {
    db.opt("SELECT secret, session FROM social_account WHERE id = $1 AND state <> 'disconnected'", args![id])
        .await
}

/// Keeps a session of an account with its handle as of now; not of one that was taken away meanwhile.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn keep_session(tx: &mut Tx, id: &str, session: &str, handle: &str, now_ms: UtcMs) -> Result<bool> {
    let kept = tx
        .run(
            "UPDATE social_account SET session = $2, handle = $3, worked_ms = $4 WHERE id = $1 AND state <> 'disconnected'",
            args![id, session, handle, now_ms],
        )
        .await?;
    Ok(kept == 1)
}

/// Begins to renew an account's tokens, of which each may be used once: False where another process does since `late_ms` or has
/// (the secret is not `known` any more), or the account was taken away.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn begin_renewal(
    tx: &mut Tx,
    id: &str,
    known: &str,
    (now_ms, late_ms): (UtcMs, UtcMs),
) -> Result<bool> {
    let begun = tx
        .run(
            "UPDATE social_account SET renewing_ms = $3
             WHERE id = $1 AND secret = $2 AND renewing_ms <= $4 AND state <> 'disconnected'",
            args![id, known, now_ms, late_ms],
        )
        .await?;
    Ok(begun == 1)
}

/// Ends a renewal of the tokens `known`, as they are sealed, that was begun at `begun_ms`, with what it brought; nothing where it brought
/// nothing. What it brought is kept as long as those are stored, also where another renewal was begun since: the old ones could be used
/// once, so that one brings nothing. False where the account was connected again or taken away, or nothing was to be ended.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn end_renewal(
    tx: &mut Tx,
    id: &str,
    (known, begun_ms): (&str, UtcMs),
    secret: Option<&str>,
) -> Result<bool> {
    let ended = tx
        .run(
            "UPDATE social_account SET secret = COALESCE($3, secret),
                 renewing_ms = CASE WHEN renewing_ms = $2 THEN 0 ELSE renewing_ms END
             WHERE id = $1 AND secret = $4 AND (renewing_ms = $2 OR $5) AND state <> 'disconnected'",
            args![id, begun_ms, secret, known, secret.is_some()],
        )
        .await?;
    Ok(ended == 1)
}

/// Secrets and sessions that another key than this one sealed, each with its account; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn sealed_otherwise(db: &Db, key_id: &str) -> Result<Vec<(String, String, String)>> {
    db.all(
        "SELECT id, secret, session FROM social_account
         WHERE (secret <> '' AND secret NOT LIKE $1 || '.%') OR (session <> '' AND session NOT LIKE $1 || '.%')
         ORDER BY id LIMIT 100",
        args![key_id],
    )
    .await
}

/// Puts what is sealed anew in the place of `known`, unless somebody else changed that.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn seal_anew(tx: &mut Tx, id: &str, known: (&str, &str), sealed: (&str, &str)) -> Result<bool> {
    let changed = tx
        .run(
            "UPDATE social_account SET secret = $4, session = $5 WHERE id = $1 AND secret = $2 AND session = $3",
            args![id, known.0, known.1, sealed.0, sealed.1],
        )
        .await?;
    Ok(changed == 1)
}

/// Notes that there was a warning so many days before the token ends. False where that was done before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn tell(tx: &mut Tx, id: &str, days: i64) -> Result<bool> {
    let told = tx
        .run(
            "UPDATE social_account SET told_days = $2
             WHERE id = $1 AND state = 'active' AND (told_days IS NULL OR told_days > $2)",
            args![id, days],
        )
        .await?;
    Ok(told == 1)
}
