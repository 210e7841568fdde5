//! What is posted in partners' accounts.

use serde::Serialize;

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// A post.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, sqlx::FromRow)]
pub struct Post {
    /// The key, `spo_…`.
    pub id: String,
    /// Where.
    pub account_id: String,
    /// Whose.
    pub partner_slug: String,
    /// Of which asset.
    pub asset: String,
    /// What is posted, as JSON.
    pub content: String,
    /// Its hash.
    pub hash: String,
    /// How it stands.
    pub state: String,
    /// Why.
    pub because: String,
    /// When it was made.
    pub made_ms: UtcMs,
    /// Since when it may be posted.
    pub ready_ms: UtcMs,
    /// When it is tried next.
    pub due_ms: UtcMs,
    /// When it ended, if it did.
    pub ended_ms: Option<UtcMs>,
    /// Tries that count.
    pub tries: i64,
    /// All tries.
    pub attempts: i64,
    /// Whether a try may have arrived of which nobody knows.
    pub uncertain: bool,
    /// Who approved it; empty for nobody.
    pub approved_by: String,
    /// When they did.
    pub approved_ms: Option<UtcMs>,
    /// Its id at the network; empty as long as it has none.
    pub remote_uri: String,
    /// The hash of what is there, where the network has such.
    pub remote_cid: String,
    /// Where people read it.
    pub remote_url: String,
    /// When the partner's own people said that they shared it by hand.
    pub shared_ms: Option<UtcMs>,
    /// Whether its network refused it as one that the account has already, under an id that nobody told.
    pub is_there: bool,
}

/// A try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Attempt {
    /// Its number, 1 is the first.
    pub no: i64,
    /// When it began.
    pub at_ms: UtcMs,
    /// How long it took.
    pub took_ms: i64,
    /// What it came to, as a word.
    pub verdict: String,
    /// The answer's status.
    pub status: Option<i64>,
    /// What was done, and what was answered.
    pub detail: String,
}

/// Makes a post. False where its account has one of this asset already, whatever became of it.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, post: &Post) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO social_post (id, account_id, partner_slug, asset, content, hash, state, because, made_ms, ready_ms,
                 due_ms, ended_ms)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
             WHERE EXISTS (SELECT 1 FROM social_account a WHERE a.id = $2 AND a.state <> 'disconnected')
             ON CONFLICT (account_id, asset) DO NOTHING",
            args![
                &post.id,
                &post.account_id,
                &post.partner_slug,
                &post.asset,
                &post.content,
                &post.hash,
                &post.state,
                &post.because,
                post.made_ms,
                post.ready_ms,
                post.due_ms,
                post.ended_ms,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// The assets of which an account has posts, at most 10,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn assets(db: &Db, account_id: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT asset FROM social_post WHERE account_id = $1 ORDER BY asset LIMIT 10000",
            args![account_id],
        )
        .await?;
    Ok(rows.into_iter().map(|(asset,)| asset).collect())
}

/// The posts of all accounts that have not ended, by account and in their order, at most 10,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn open(db: &Db) -> Result<Vec<Post>> {
    db.all(
        "SELECT id, account_id, partner_slug, asset, content, hash, state, because, made_ms, ready_ms, due_ms, ended_ms, tries,
             attempts, uncertain, approved_by, approved_ms, remote_uri, remote_cid, remote_url, shared_ms,
             is_there
         FROM social_post WHERE ended_ms IS NULL ORDER BY account_id, id LIMIT 10000",
        Vec::new(),
    )
    .await
}

/// One post.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn post(db: &Db, id: &str) -> Result<Option<Post>> {
    db.opt(
        "SELECT id, account_id, partner_slug, asset, content, hash, state, because, made_ms, ready_ms, due_ms, ended_ms, tries,
             attempts, uncertain, approved_by, approved_ms, remote_uri, remote_cid, remote_url, shared_ms,
             is_there
         FROM social_post WHERE id = $1",
        args![id],
    )
    .await
}

/// Posts of an account, of all states or of one, before `before` (an id), the latest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(
    db: &Db,
    account_id: &str,
    state: Option<&str>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Post>> {
    db.all(
        "SELECT id, account_id, partner_slug, asset, content, hash, state, because, made_ms, ready_ms, due_ms, ended_ms, tries,
             attempts, uncertain, approved_by, approved_ms, remote_uri, remote_cid, remote_url, shared_ms,
             is_there
         FROM social_post
         WHERE account_id = $1 AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        args![account_id, state, before, limit],
    )
    .await
}

/// How many posts of an account are in which state.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn counts(db: &Db, account_id: &str) -> Result<Vec<(String, i64)>> {
    db.all(
        "SELECT state, COUNT(*) FROM social_post WHERE account_id = $1 GROUP BY state ORDER BY state LIMIT 20",
        args![account_id],
    )
    .await
}

/// The tries of a post, in their order, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn attempts(db: &Db, id: &str) -> Result<Vec<Attempt>> {
    db.all(
        "SELECT no, at_ms, took_ms, verdict, status, detail FROM social_attempt WHERE post_id = $1 ORDER BY no LIMIT 1000",
        args![id],
    )
    .await
}

/// Approves a post, which is known by the hash of what was seen. False where it waits for nobody, or says something else by now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn approve(tx: &mut Tx, id: &str, hash: &str, by: &str, now_ms: UtcMs) -> Result<bool> {
    let approved = tx
        .run(
            "UPDATE social_post SET state = 'due', because = '', ready_ms = $4, due_ms = $4, approved_by = $3, approved_ms = $4
             WHERE id = $1 AND hash = $2 AND state = 'waiting_approval'",
            args![id, hash, by, now_ms],
        )
        .await?;
    Ok(approved == 1)
}

/// Gives a post another content, and with it another state; what was approved before is not any more. Only one that is not on its
/// way and of which no try may have arrived, unless `anew`, for one that ended of which no try may have arrived.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn rewrite(tx: &mut Tx, post: &Post, anew: bool) -> Result<bool> {
    let rewritten = tx
        .run(
            "UPDATE social_post SET content = $2, hash = $3, state = $4, because = $5, ready_ms = $6, due_ms = $6, ended_ms = $7,
                 tries = 0, approved_by = '', approved_ms = NULL, is_there = FALSE
             WHERE id = $1 AND NOT uncertain AND remote_uri = '' AND shared_ms IS NULL
               AND ((NOT $8 AND state IN ('waiting_approval', 'due'))
                 OR ($8 AND state IN ('failed', 'kit', 'withdrawn')))",
            args![
                &post.id,
                &post.content,
                &post.hash,
                &post.state,
                &post.because,
                post.ready_ms,
                post.ended_ms,
                anew,
            ],
        )
        .await?;
    Ok(rewritten == 1)
}

/// Has a post that ended without an id at its network, or that waits for its next try, tried now, as it is.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn again(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<bool> {
    let moved = tx
        .run(
            "UPDATE social_post SET state = 'due', because = '', tries = 0, ready_ms = $2, due_ms = $2, ended_ms = NULL,
                 is_there = FALSE
             WHERE id = $1 AND remote_uri = '' AND shared_ms IS NULL AND state IN ('failed', 'kit', 'withdrawn', 'due')",
            args![id, now_ms],
        )
        .await?;
    Ok(moved == 1)
}

/// Notes that a post that was a person's to share was shared by hand. False where it was not theirs, or noted before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn share(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<bool> {
    let shared = tx
        .run(
            "UPDATE social_post SET shared_ms = $2
             WHERE id = $1 AND state IN ('failed', 'kit') AND remote_uri = '' AND shared_ms IS NULL",
            args![id, now_ms],
        )
        .await?;
    Ok(shared == 1)
}

/// Ends a post that is not on its way. False where it is in another state by now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn end(
    tx: &mut Tx,
    id: &str,
    (from, to): (&str, &str),
    because: &str,
    now_ms: UtcMs,
) -> Result<bool> {
    let ended = tx
        .run(
            "UPDATE social_post SET state = $3, because = $4, ended_ms = $5 WHERE id = $1 AND state = $2 AND state <> 'sending'",
            args![id, from, to, because, now_ms],
        )
        .await?;
    Ok(ended == 1)
}

/// Withdraws what waits of an account that was disconnected while something of it was on its way. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn withdraw_of_disconnected(tx: &mut Tx, account_id: &str, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE social_post SET state = 'withdrawn', because = 'the account was taken away', ended_ms = $2
         WHERE account_id = $1 AND state IN ('waiting_approval', 'due')
           AND EXISTS (SELECT 1 FROM social_account a WHERE a.id = $1 AND a.state = 'disconnected')",
        args![account_id, now_ms],
    )
    .await
}

/// Withdraws what an account has not begun to send, and what a process that is gone left on its way. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn withdraw_all(tx: &mut Tx, account_id: &str, because: &str, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE social_post SET state = 'withdrawn', because = $2, ended_ms = $3
         WHERE account_id = $1 AND (state IN ('waiting_approval', 'due')
           OR (state = 'sending' AND NOT EXISTS (SELECT 1 FROM social_account a WHERE a.id = $1 AND a.held)))",
        args![account_id, because, now_ms],
    )
    .await
}
