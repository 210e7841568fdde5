//! The turns in which posts are sent. An account has a turn of its own, which one process holds, so that no two nodes post in it
//! at once, and a server that hangs holds up nobody else.

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{
        Db, Tx,
        sql::{args, skip_locked},
    },
};

/// How long a request whose process ended may still be at work at its server.
pub const UNSURE_MS: i64 = 30_000;

/// An account's turn, held by us.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Turn {
    /// The account.
    pub id: String,
    /// Whose.
    pub partner_slug: String,
    /// Which network.
    pub network: String,
    /// Its server.
    pub server: String,
    /// As people know the account.
    pub handle: String,
    /// What stays of it.
    pub remote_id: String,
    /// The number of this turn: what was begun in another one counts no more.
    pub token: i64,
    /// Since when the account is in its state; connected again, it is so anew.
    pub state_ms: UtcMs,
}

/// Accounts `a` that may be posted in at `$1`, have something due by then or left on its way, and whose turn nobody holds.
macro_rules! due {
    () => {
        "a.state = 'active' AND NOT a.held AND a.rest_ms <= $1
           AND EXISTS (SELECT 1 FROM social_post p
                       WHERE p.account_id = a.id AND ((p.state = 'due' AND p.due_ms <= $1) OR p.state = 'sending'))"
    };
}

/// Whether any account's turn is due.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn any_due(db: &Db, now_ms: UtcMs) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            concat!("SELECT CAST(1 AS BIGINT) FROM social_account a WHERE ", due!(), " LIMIT 1"),
            args![now_ms],
        )
        .await?;
    Ok(row.is_some())
}

/// Takes the turns of at most `limit` accounts that have something due; who waited longest comes first.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn take(tx: &mut Tx, now_ms: UtcMs, limit: i64) -> Result<Vec<Turn>> {
    tx.all(
        skip_locked!(
            no_key: concat!(
                "UPDATE social_account SET held = TRUE, token = token + 1 WHERE id IN (
                     SELECT a.id FROM social_account a WHERE ",
                due!(),
                " ORDER BY a.turn_ms, a.id LIMIT $2"
            ),
            ") RETURNING id, partner_slug, network, server, handle, remote_id, token, state_ms"
        ),
        args![now_ms, limit],
    )
    .await
}

/// The turns that are held, with their tokens; at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn held(db: &Db) -> Result<Vec<(String, i64)>> {
    db.all("SELECT id, token FROM social_account WHERE held ORDER BY id LIMIT 1000", Vec::new()).await
}

/// Frees a turn whose process is gone or stands still. False where it was given back meanwhile.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn free(tx: &mut Tx, id: &str, token: i64) -> Result<bool> {
    let freed = tx
        .run("UPDATE social_account SET held = FALSE WHERE id = $1 AND token = $2 AND held", args![id, token])
        .await?;
    Ok(freed == 1)
}

/// Frees every turn: for a database that this process alone works on, at its start.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn free_all(tx: &mut Tx) -> Result<u64> {
    tx.run("UPDATE social_account SET held = FALSE WHERE held", Vec::new()).await
}

/// Puts back what an earlier turn left on its way when its process ended: it may have arrived, and is looked for before it goes
/// again, half a minute later at the earliest: its server may still be at work on it, and would not show it yet. The try stands in
/// the ledger as `uncertain`. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn take_over(tx: &mut Tx, turn: &Turn, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "INSERT INTO social_attempt (post_id, no, at_ms, took_ms, verdict, status, detail)
         SELECT p.id, p.attempts, $3, 0, 'uncertain', NULL, 'the process ended while it was on its way'
         FROM social_post p WHERE p.account_id = $1 AND p.state = 'sending' AND p.token < $2
         ON CONFLICT (post_id, no) DO NOTHING",
        args![&turn.id, turn.token, now_ms],
    )
    .await?;
    tx.run(
        "UPDATE social_post SET state = 'due', due_ms = $3, uncertain = TRUE
         WHERE account_id = $1 AND state = 'sending' AND token < $2",
        args![&turn.id, turn.token, now_ms + UNSURE_MS],
    )
    .await
}

/// A post that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Started {
    /// Which.
    pub id: String,
    /// Of which asset.
    pub asset: String,
    /// What is posted.
    pub content: String,
    /// When it was made: nothing of it is anywhere before.
    pub made_ms: UtcMs,
    /// Since when it may be sent.
    pub ready_ms: UtcMs,
    /// Number of this try of those that count.
    pub tries: i64,
    /// Number of this try of all.
    pub attempts: i64,
    /// Whether an earlier try may have arrived.
    pub uncertain: bool,
}

/// Marks the oldest due post of a turn as on its way and counts the try, before anything is sent. None where the turn is another's
/// by now, the account rests, or nothing is due.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn start(tx: &mut Tx, turn: &Turn, now_ms: UtcMs) -> Result<Option<Started>> {
    tx.opt(
        "UPDATE social_post SET state = 'sending', tries = tries + 1, attempts = attempts + 1, token = $2
         WHERE state = 'due' AND id = (
             SELECT p.id FROM social_post p WHERE p.account_id = $1 AND p.state = 'due' AND p.due_ms <= $3
             ORDER BY p.due_ms, p.id LIMIT 1)
           AND EXISTS (SELECT 1 FROM social_account a
                       WHERE a.id = $1 AND a.token = $2 AND a.held AND a.state = 'active' AND a.rest_ms <= $3)
         RETURNING id, asset, content, made_ms, ready_ms, tries, attempts, uncertain",
        args![&turn.id, turn.token, now_ms],
    )
    .await
}

/// Whether a turn is still ours.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn is_ours(db: &Db, turn: &Turn) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM social_account WHERE id = $1 AND token = $2 AND held AND state = 'active'",
            args![&turn.id, turn.token],
        )
        .await?;
    Ok(row.is_some())
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tried {
    /// Which post.
    pub id: String,
    /// Number of the try of all.
    pub attempt: i64,
    /// When it began.
    pub at_ms: UtcMs,
    /// How long it took.
    pub took_ms: i64,
    /// The word of its verdict.
    pub verdict: &'static str,
    /// The answer's status.
    pub status: Option<i64>,
    /// What was done, and what was answered.
    pub detail: String,
    /// The state that the post is in now.
    pub state: &'static str,
    /// Why.
    pub because: String,
    /// When it is tried again, if it is.
    pub due_ms: Option<UtcMs>,
    /// When it ended, if it did.
    pub ended_ms: Option<UtcMs>,
    /// Whether the try counts: one that failed by our own fault is none of the post's.
    pub counts: bool,
    /// Whether it may have arrived.
    pub uncertain: bool,
    /// Its id at the network, the hash of what is there, and where people read it.
    pub remote: (String, String, String),
    /// Whether the network refused it as one that the account has already.
    pub is_there: bool,
}

/// Records what became of a try. A post that another turn has taken over stays as it is, and its try the ledger's first verdict;
/// but what was posted is known from then on. Returns whether it moved.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn settle(tx: &mut Tx, turn: &Turn, tried: &Tried) -> Result<bool> {
    tx.run(
        "INSERT INTO social_attempt (post_id, no, at_ms, took_ms, verdict, status, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (post_id, no) DO NOTHING",
        args![
            &tried.id,
            tried.attempt,
            tried.at_ms,
            tried.took_ms,
            tried.verdict,
            tried.status,
            &tried.detail,
        ],
    )
    .await?;
    let moved = tx
        .run(
            "UPDATE social_post SET state = $3, because = $4, due_ms = COALESCE($5, due_ms), ended_ms = $6, tries = tries - $7,
                 uncertain = (uncertain OR $8), remote_uri = $9, remote_cid = $10, remote_url = $11, is_there = $12
             WHERE id = $1 AND token = $2 AND state = 'sending'",
            args![
                &tried.id,
                turn.token,
                tried.state,
                &tried.because,
                tried.due_ms,
                tried.ended_ms,
                i64::from(!tried.counts),
                tried.uncertain,
                &tried.remote.0,
                &tried.remote.1,
                &tried.remote.2,
                tried.is_there,
            ],
        )
        .await?;
    Ok(moved == 1)
}

/// Gives a turn back. `rest_ms` is until when the account is left alone; `worked` that it was let in. False where the turn is
/// another's by now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn give_back(
    tx: &mut Tx,
    turn: &Turn,
    rest_ms: UtcMs,
    worked: bool,
    now_ms: UtcMs,
) -> Result<bool> {
    let given = tx
        .run(
            "UPDATE social_account SET held = FALSE, turn_ms = $3, rest_ms = $4,
                 worked_ms = CASE WHEN $5 THEN $3 ELSE worked_ms END
             WHERE id = $1 AND token = $2 AND held",
            args![&turn.id, turn.token, now_ms, rest_ms, worked],
        )
        .await?;
    Ok(given == 1)
}
