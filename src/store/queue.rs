//! The queue: start, settle, put back, reap. One statement a batch. What fills it is `outbox.rs`.

use std::collections::HashSet;

use super::{
    Db, Tx,
    sql::{args, skip_locked},
};
use crate::domain::{
    delivery::DeliveryState,
    kernel::{Result, clock::UtcMs, id::NodeId},
};

/// Crashes while one message was being sent after which a person must look.
const CRASHES_MAX: i64 = 3;

/// Sites that one start may leave out.
pub const EXCEPT_MAX: usize = 8;

/// The end of both starts: what was picked is marked, or put where it belongs.
macro_rules! start_picked {
    () => {
        ")
         UPDATE delivery SET token = token + 1,
             node_id = CASE WHEN unwanted OR expires_ms < $1 THEN NULL ELSE $3 END,
             attempt = attempt + CASE WHEN unwanted OR expires_ms < $1 THEN 0 ELSE 1 END,
             detail = CASE WHEN unwanted THEN 'the address was put on the do-not-send list before it left'
                 WHEN expires_ms < $1 THEN 'its time passed before it could leave' ELSE detail END,
             state = CASE WHEN unwanted THEN 'suppressed' WHEN expires_ms < $1 THEN 'expired' ELSE 'sending' END,
             live = NOT (unwanted OR expires_ms < $1)
         FROM pick WHERE id = pick_id
         RETURNING id, token, attempt, tries, issue_id, site, message_id, promised_ms, email, recipient_name,
             rendition_id, expires_ms, state"
    };
}

/// What a worker needs to send one message.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Claimed {
    /// The key.
    pub id: String,
    /// Fencing token of this start.
    pub token: i64,
    /// Number of this try.
    pub attempt: i64,
    /// How many tries counted before.
    pub tries: i64,
    /// The issue; none for single mails.
    pub issue_id: Option<String>,
    /// The recipient's domain.
    pub site: String,
    /// Message-ID without angle brackets, the same for every try.
    pub message_id: String,
    /// When it was promised, the `Date` of the message.
    pub promised_ms: UtcMs,
    /// Where to.
    pub email: String,
    /// To whom.
    pub recipient_name: String,
    /// Which rendition.
    pub rendition_id: String,
    /// After which it is worthless.
    pub expires_ms: UtcMs,
    /// `sending`, or what kept it from leaving.
    pub state: String,
}

impl Claimed {
    /// Whether somebody waits for it: a hand-off, a sign-in, what a form promised.
    pub fn is_urgent(&self) -> bool {
        self.issue_id.is_none()
    }
}

/// Issues whose deliveries may be started, the one frozen first before the others; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn running(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT id FROM issue WHERE state = 'sending' AND control = 'running' ORDER BY frozen_ms, id LIMIT 100",
            Vec::new(),
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Marks up to `limit` due deliveries of a running issue as being sent by `node`, but none to `except` sites. Those
/// that the recipient stopped or whose time passed are put where they belong instead; returns how many of all were
/// looked at and those that may leave.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn start_issue(
    tx: &mut Tx,
    node: NodeId,
    now_ms: UtcMs,
    issue_id: &str,
    except: &[String],
    limit: i64,
) -> Result<(usize, Vec<Claimed>)> {
    let mut arguments = args![now_ms, limit, node.to_string(), issue_id];
    let except = except.iter().map(String::as_str).chain(std::iter::repeat("\u{1}")).take(EXCEPT_MAX);
    arguments.extend(except.map(Into::into));
    let rows = tx
        .all(
            skip_locked!(
                "WITH pick AS (
                     SELECT id AS pick_id, EXISTS (
                             SELECT 1 FROM suppression s WHERE s.email_key IN (delivery.base_key, '@' || delivery.site)
                               AND s.scope IN (delivery.scope, 'all')
                               AND (s.expires_ms IS NULL OR s.expires_ms > $1)) AS unwanted
                     FROM delivery
                     WHERE live AND issue_id = $4 AND due_ms <= $1 AND state = 'ready'
                       AND site NOT IN ($5, $6, $7, $8, $9, $10, $11, $12)
                       AND EXISTS (SELECT 1 FROM issue WHERE issue.id = $4 AND issue.control = 'running')
                     ORDER BY due_ms, id LIMIT $2",
                start_picked!()
            ),
            arguments,
        )
        .await?;
    Ok(leaving(rows))
}

/// The same for single mails, which somebody waits for.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn start_single(
    tx: &mut Tx,
    node: NodeId,
    now_ms: UtcMs,
    limit: i64,
) -> Result<(usize, Vec<Claimed>)> {
    let rows = tx
        .all(
            skip_locked!(
                "WITH pick AS (
                     SELECT id AS pick_id, scope <> '' AND EXISTS (
                             SELECT 1 FROM suppression s WHERE s.email_key IN (delivery.base_key, '@' || delivery.site)
                               AND s.scope IN (delivery.scope, 'all')
                               AND (s.expires_ms IS NULL OR s.expires_ms > $1)) AS unwanted
                     FROM delivery
                     WHERE live AND issue_id IS NULL AND due_ms <= $1 AND state = 'ready'
                     ORDER BY due_ms, id LIMIT $2",
                start_picked!()
            ),
            args![now_ms, limit, node.to_string()],
        )
        .await?;
    Ok(leaving(rows))
}

fn leaving(rows: Vec<Claimed>) -> (usize, Vec<Claimed>) {
    let seen = rows.len();
    (seen, rows.into_iter().filter(|row| row.state == DeliveryState::Sending.as_str()).collect())
}

/// Puts back what was started and surely did not leave, not to be started again before the moment beside it; the start
/// does not count. Rows that another node took over stay as they are.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn put_back(tx: &mut Tx, claimed: &[(Claimed, UtcMs)]) -> Result<u64> {
    let rows = claimed.iter().map(|(claimed, since_ms)| args![&claimed.id, claimed.token, *since_ms]);
    let back = tx
        .bulk(
            "WITH r (rid, rtoken, rsince_ms) AS (",
            rows.collect(),
            ") UPDATE delivery SET state = 'ready', node_id = NULL, attempt = attempt - 1,
                 due_ms = CASE WHEN due_ms < rsince_ms THEN rsince_ms ELSE due_ms END
             FROM r WHERE id = rid AND token = rtoken AND state = 'sending'",
        )
        .await?;
    cancel_returned(tx, claimed.iter().map(|(claimed, _)| &claimed.id)).await?;
    Ok(back)
}

/// One delivery as a worker would see it, without claiming it.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn peek(db: &Db, id: &str) -> Result<Option<Claimed>> {
    db.opt(
        "SELECT id, token, attempt, tries, issue_id, site, message_id, promised_ms, email, recipient_name,
             rendition_id, expires_ms, state
         FROM delivery WHERE id = $1",
        args![id],
    )
    .await
}

/// The result of one try, as the ledger keeps it.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Which delivery.
    pub id: String,
    /// The claim's fencing token.
    pub token: i64,
    /// Number of this try.
    pub attempt: i64,
    /// The new state.
    pub state: DeliveryState,
    /// When to try again.
    pub due_ms: Option<UtcMs>,
    /// Whether the try counts.
    pub counts: bool,
    /// When it was accepted.
    pub accepted_ms: Option<UtcMs>,
    /// The outcome's word.
    pub outcome: &'static str,
    /// How far it came.
    pub stage: Option<String>,
    /// The reply's code.
    pub code: Option<i64>,
    /// The reply, or what happened.
    pub reply: String,
    /// Name of the relay that was asked, if it came to that.
    pub relay: Option<String>,
    /// When the try ended.
    pub ended_ms: UtcMs,
}

/// Records the results of a window and returns how many were still ours to record; fewer than given means that
/// another node took them over meanwhile (we were fenced). Of those the ledger keeps the reaper's word, not ours.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn settle(tx: &mut Tx, node: NodeId, results: &[Settled]) -> Result<u64> {
    let rows = results.iter().map(|result| {
        args![
            &result.id,
            result.token,
            result.state.as_str(),
            !result.state.is_final(),
            result.due_ms,
            i64::from(result.counts),
            &result.reply,
            result.accepted_ms,
        ]
    });
    let recorded = tx
        .bulk(
            "WITH r (rid, rtoken, rstate, rlive, rdue_ms, rcounts, rdetail, raccepted_ms) AS (",
            rows.collect(),
            ") UPDATE delivery SET state = rstate, live = rlive, due_ms = COALESCE(rdue_ms, due_ms),
                 tries = tries + rcounts, detail = rdetail, accepted_ms = raccepted_ms, node_id = NULL
             FROM r WHERE id = rid AND token = rtoken AND state = 'sending'",
        )
        .await?;
    // Asking which were ours is worth a statement only when some were not.
    let ours = if recorded == results.len() as u64 { None } else { Some(held(tx, results).await?) };
    let is_ours = |result: &&Settled| {
        ours.as_ref().is_none_or(|ours| ours.contains(&(result.id.clone(), result.token)))
    };
    let rows = results.iter().filter(is_ours).map(|result| {
        args![
            &result.id,
            result.attempt,
            node.to_string(),
            result.ended_ms,
            result.outcome,
            result.stage.clone(),
            result.code,
            &result.reply,
            result.relay.clone(),
        ]
    });
    tx.bulk(
        "INSERT INTO attempt (delivery_id, no, node_id, ended_ms, outcome, stage, code, reply, relay)",
        rows.collect(),
        "ON CONFLICT (delivery_id, no) DO NOTHING",
    )
    .await?;
    let again = results.iter().filter(|result| result.state == DeliveryState::Ready).map(|result| &result.id);
    cancel_returned(tx, again).await?;
    Ok(recorded)
}

/// Which of `results` carry the token that their row has now, and were started.
async fn held(tx: &mut Tx, results: &[Settled]) -> Result<HashSet<(String, i64)>> {
    let rows: Vec<(String, i64)> = tx
        .bulk_all(
            "WITH r (rid, rtoken, rattempt) AS (",
            results.iter().map(|result| args![&result.id, result.token, result.attempt]).collect(),
            ") SELECT id, token FROM delivery JOIN r ON id = rid AND token = rtoken AND attempt = rattempt",
        )
        .await?;
    Ok(rows.into_iter().collect())
}

/// Rows that came back to the queue of an issue that was cancelled meanwhile go no further.
async fn cancel_returned(tx: &mut Tx, ids: impl Iterator<Item = &String>) -> Result<u64> {
    tx.bulk(
        "WITH r (rid) AS (",
        ids.map(|id| args![id]).collect(),
        ") UPDATE delivery SET state = 'cancelled', live = FALSE, detail = 'the issue was cancelled'
         FROM r WHERE id = rid AND state = 'ready' AND EXISTS (
             SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')",
    )
    .await
}

/// What became of the rows of nodes that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reaped {
    /// Were being sent: these may have left once already.
    pub uncertain: u64,
    /// All rows taken over.
    pub all: u64,
}

/// Takes over the rows of nodes that are not known any more, and with `own` those of `node` itself, after the database
/// failed it. They go out again, or wait for a person when `hold`; each gets an attempt record that says so, so that
/// every possible repeat is listed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn reap(tx: &mut Tx, node: NodeId, now_ms: UtcMs, hold: bool, own: bool) -> Result<Reaped> {
    let uncertain = tx
        .run(
            "INSERT INTO attempt (delivery_id, no, node_id, ended_ms, outcome, stage, code, reply)
             SELECT d.id, d.attempt, COALESCE(d.node_id, ''), $2, 'uncertain', 'final-dot', NULL,
                 'the process ended while this was being sent; it may have been accepted'
             FROM delivery d
             WHERE d.live AND d.state = 'sending' AND (($3 AND d.node_id = $1) OR (d.node_id <> $1 AND NOT EXISTS (
                 SELECT 1 FROM node n WHERE n.id = d.node_id)))
             ON CONFLICT (delivery_id, no) DO NOTHING",
            args![node.to_string(), now_ms, own],
        )
        .await?;
    let all = tx
        .run(
            "UPDATE delivery SET
                 state = CASE
                     WHEN crashes + 1 >= $2 THEN 'dead'
                     WHEN $3 THEN 'uncertain'
                     WHEN EXISTS (
                         SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')
                         THEN 'cancelled'
                     ELSE 'ready' END,
                 live = NOT (crashes + 1 >= $2 OR $3 OR EXISTS (
                     SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')),
                 detail = 'the process ended while this was being sent', crashes = crashes + 1,
                 token = token + 1, node_id = NULL
             WHERE live AND state = 'sending' AND (($4 AND node_id = $1) OR (node_id <> $1 AND NOT EXISTS (
                 SELECT 1 FROM node n WHERE n.id = delivery.node_id)))",
            args![node.to_string(), CRASHES_MAX, hold, own],
        )
        .await?;
    Ok(Reaped { uncertain, all })
}

/// When the next delivery that may be started is due, if one waits: a single mail, or one of `issues`.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn next_due_ms(db: &Db, issues: &[String]) -> Result<Option<UtcMs>> {
    let single: Option<(Option<i64>,)> = db
        .opt(
            "SELECT MIN(due_ms) FROM delivery WHERE live AND issue_id IS NULL AND state = 'ready'",
            Vec::new(),
        )
        .await?;
    let mut next = single.and_then(|(due_ms,)| due_ms);
    for issue in issues {
        let first: Option<(Option<i64>,)> = db
            .opt(
                "SELECT MIN(due_ms) FROM delivery WHERE live AND issue_id = $1 AND state = 'ready'",
                args![issue],
            )
            .await?;
        next = [next, first.and_then(|(due_ms,)| due_ms)].into_iter().flatten().min();
    }
    Ok(next)
}
