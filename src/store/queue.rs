//! The queue: release, claim, windows, settle, reap. One statement a batch.

use std::collections::HashSet;

use super::{
    Db, Tx,
    sql::{args, skip_locked},
};
use crate::domain::{
    delivery::DeliveryState,
    kernel::{
        Result,
        clock::UtcMs,
        id::{DeliveryId, NodeId},
        text::base_key,
    },
};

/// Crashes while one message was being sent after which a person must look.
const CRASHES_MAX: i64 = 3;

/// Mail somebody waits for: hand-offs, sign-in, what a form promised.
pub const LANE_URGENT: i64 = 0;
/// Newsletter issues.
pub const LANE_ISSUE: i64 = 10;

/// What a worker needs to send one message.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Claimed {
    /// The key.
    pub id: String,
    /// Fencing token of this claim.
    pub token: i64,
    /// How often it was started before.
    pub attempt: i64,
    /// How many tries counted.
    pub tries: i64,
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
}

/// Takes up to `limit` due deliveries for `node`, urgent lanes first. Those of paused issues stay.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn claim(tx: &mut Tx, node: NodeId, now_ms: UtcMs, limit: i64) -> Result<Vec<Claimed>> {
    tx.all(
        skip_locked!(
            "WITH pick AS (
                 SELECT id AS pick_id FROM delivery
                 WHERE state = 'ready' AND due_ms <= $1 AND NOT EXISTS (
                     SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'paused')
                 ORDER BY lane, due_ms, id LIMIT $2",
            ")
             UPDATE delivery SET state = 'leased', node_id = $3, token = token + 1
             FROM pick WHERE id = pick_id
             RETURNING id, token, attempt, tries, message_id, promised_ms, email, recipient_name, rendition_id,
                 expires_ms"
        ),
        args![now_ms, limit, node.to_string()],
    )
    .await
}

/// Marks a window as being sent and returns the ids that may leave: those still ours, of issues that run, to
/// people who still want it. The others are put where they belong.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn start_window(tx: &mut Tx, window: &[Claimed]) -> Result<Vec<String>> {
    let keys = || window.iter().map(|claimed| args![&claimed.id, claimed.token]).collect::<Vec<_>>();
    let started: Vec<(String,)> = tx
        .bulk_all(
            "WITH r (rid, rtoken) AS (",
            keys(),
            ") UPDATE delivery SET state = 'sending', attempt = attempt + 1
             FROM r WHERE id = rid AND token = rtoken AND state = 'leased'
               AND (issue_id IS NULL OR EXISTS (
                   SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'running'))
               AND NOT EXISTS (
                   SELECT 1 FROM suppression s WHERE s.email_key = delivery.base_key
                     AND delivery.scope <> '' AND s.scope IN (delivery.scope, 'all'))
             RETURNING id",
        )
        .await?;
    if started.len() < window.len() {
        tx.bulk(
            "WITH r (rid, rtoken) AS (",
            keys(),
            ") UPDATE delivery SET node_id = NULL,
                 detail = CASE WHEN EXISTS (
                         SELECT 1 FROM suppression s WHERE s.email_key = delivery.base_key
                           AND delivery.scope <> '' AND s.scope IN (delivery.scope, 'all'))
                     THEN 'it was on the do-not-send list when it was to leave' ELSE detail END,
                 state = CASE
                     WHEN EXISTS (
                         SELECT 1 FROM suppression s WHERE s.email_key = delivery.base_key
                           AND delivery.scope <> '' AND s.scope IN (delivery.scope, 'all'))
                         THEN 'suppressed'
                     WHEN EXISTS (
                         SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')
                         THEN 'cancelled'
                     ELSE 'ready' END
             FROM r WHERE id = rid AND token = rtoken AND state = 'leased'",
        )
        .await?;
    }
    Ok(started.into_iter().map(|(id,)| id).collect())
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
            result.due_ms,
            i64::from(result.counts),
            &result.reply,
            result.accepted_ms,
        ]
    });
    let ours: Vec<(String, i64)> = tx
        .bulk_all(
            "WITH r (rid, rtoken, rstate, rdue_ms, rcounts, rdetail, raccepted_ms) AS (",
            rows.collect(),
            ") UPDATE delivery SET state = rstate, due_ms = COALESCE(rdue_ms, due_ms), tries = tries + rcounts,
                 detail = rdetail, accepted_ms = raccepted_ms, node_id = NULL
             FROM r WHERE id = rid AND token = rtoken AND state = 'sending'
             RETURNING id, token",
        )
        .await?;
    let ours: HashSet<(&str, i64)> = ours.iter().map(|(id, token)| (id.as_str(), *token)).collect();
    let rows =
        results.iter().filter(|result| ours.contains(&(result.id.as_str(), result.token))).map(|result| {
            args![
                &result.id,
                result.attempt,
                node.to_string(),
                result.ended_ms,
                result.outcome,
                result.stage.clone(),
                result.code,
                &result.reply,
            ]
        });
    tx.bulk(
        "INSERT INTO attempt (delivery_id, no, node_id, ended_ms, outcome, stage, code, reply)",
        rows.collect(),
        "ON CONFLICT (delivery_id, no) DO NOTHING",
    )
    .await?;
    Ok(ours.len() as u64)
}

/// Hands back what was claimed and not started.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn hand_back(tx: &mut Tx, node: NodeId) -> Result<u64> {
    tx.run(
        "UPDATE delivery SET state = 'ready', node_id = NULL, token = token + 1
         WHERE state = 'leased' AND node_id = $1",
        args![node.to_string()],
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

/// Takes over the rows of nodes without a heartbeat since `alive_since_ms` (machine time); of `node` itself only when
/// `own`, after the database failed it.
/// Rows that were being sent go out again, or wait for a person when `hold`; each gets an attempt record that says
/// so, so that every possible repeat is listed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn reap(
    tx: &mut Tx,
    node: NodeId,
    alive_since_ms: UtcMs,
    now_ms: UtcMs,
    hold: bool,
    own: bool,
) -> Result<Reaped> {
    let uncertain = tx
        .run(
            "INSERT INTO attempt (delivery_id, no, node_id, ended_ms, outcome, stage, code, reply)
             SELECT d.id, d.attempt, COALESCE(d.node_id, ''), $3, 'uncertain', 'final-dot', NULL,
                 'the process ended while this was being sent; it may have been accepted'
             FROM delivery d
             WHERE d.state = 'sending' AND (($4 AND d.node_id = $1) OR (d.node_id <> $1 AND NOT EXISTS (
                 SELECT 1 FROM node n WHERE n.id = d.node_id AND n.heartbeat_ms >= $2)))
             ON CONFLICT (delivery_id, no) DO NOTHING",
            args![node.to_string(), alive_since_ms, now_ms, own],
        )
        .await?;
    let all = tx
        .run(
            "UPDATE delivery SET
                 state = CASE
                     WHEN state = 'leased' THEN 'ready'
                     WHEN crashes + 1 >= $3 THEN 'dead'
                     WHEN $4 THEN 'uncertain'
                     ELSE 'ready' END,
                 detail = CASE WHEN state = 'sending'
                     THEN 'the process ended while this was being sent' ELSE detail END,
                 crashes = crashes + CASE WHEN state = 'sending' THEN 1 ELSE 0 END,
                 token = token + 1, node_id = NULL
             WHERE state IN ('leased', 'sending') AND (($5 AND node_id = $1) OR (node_id <> $1 AND NOT EXISTS (
                 SELECT 1 FROM node n WHERE n.id = delivery.node_id AND n.heartbeat_ms >= $2)))",
            args![node.to_string(), alive_since_ms, CRASHES_MAX, hold, own],
        )
        .await?;
    tx.run("DELETE FROM node WHERE heartbeat_ms < $1 AND id <> $2", args![alive_since_ms, node.to_string()])
        .await?;
    Ok(Reaped { uncertain, all })
}

/// Puts a delivery that ended without being accepted back into the queue, due now: the same message, by a person's
/// word. `lifetime_ms` is how long it is worth sending. False for one that was accepted or is on its way.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn send_again(tx: &mut Tx, id: &str, now_ms: UtcMs, lifetime_ms: i64) -> Result<bool> {
    let done = tx
        .run(
            "UPDATE delivery SET state = 'ready', due_ms = $2, expires_ms = $2 + $3, crashes = 0, token = token + 1,
                 detail = 'a person had it sent again'
             WHERE id = $1 AND state IN ('uncertain', 'failed', 'expired', 'dead')",
            args![id, now_ms, lifetime_ms],
        )
        .await?;
    Ok(done == 1)
}

/// Releases an approved issue: fills its outbox with one row per included recipient, in one statement. An issue
/// that was released before, is not approved or was cancelled stays as it is. `lifetime_ms` is how long after its
/// promise a message is worth sending, `domain` the part of the Message-ID after the @.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn release(
    tx: &mut Tx,
    issue_id: &str,
    now_ms: UtcMs,
    lifetime_ms: i64,
    domain: &str,
) -> Result<u64> {
    // First, because it holds the row: of two nodes that release at once the second waits here and finds it done.
    let first = tx
        .run(
            "UPDATE issue SET state = 'sending', released_ms = $2
             WHERE id = $1 AND state = 'approved' AND control <> 'cancelled'",
            args![issue_id, now_ms],
        )
        .await?;
    if first == 0 {
        return Ok(0);
    }
    tx.run(
        "INSERT INTO delivery (id, source, issue_id, contact_id, partner_slug, recipient_key, base_key, recipient_name,
             email, channel, generation, lane, scope, rendition_id, message_id, because, state, due_ms,
             promised_ms, expires_ms, created_ms)
         SELECT a.delivery_id, i.id, i.id, c.id, c.partner_slug, c.email_key, c.base_key, c.name, c.email,
             'email', 1, $2,
             i.newsletter, a.rendition_id, a.delivery_id || '.g1@' || $5, a.because, 'ready', o.due_ms, o.due_ms,
             CASE WHEN o.due_ms > $4 THEN o.due_ms ELSE $4 END + $3, $4
         FROM audience_decision a
         JOIN issue i ON i.id = a.issue_id
         JOIN contact c ON c.id = a.contact_id
         JOIN occurrence o ON o.issue_id = a.issue_id AND o.zone = a.zone
         WHERE a.issue_id = $1 AND a.included
         ON CONFLICT (source, recipient_key, channel, generation) DO NOTHING",
        args![issue_id, LANE_ISSUE, lifetime_ms, now_ms, domain],
    )
    .await
}

/// A single mail to put into the outbox.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// The key, also in the Message-ID.
    pub id: DeliveryId,
    /// What makes it, and makes it once: such as `offer:off_…`.
    pub source: String,
    /// The lead it is about.
    pub lead_id: Option<String>,
    /// Whose partner.
    pub partner_slug: String,
    /// To whom.
    pub recipient_name: String,
    /// Where to.
    pub email: String,
    /// Which rendition.
    pub rendition_id: String,
    /// Empty for mail that goes out whatever the recipient stopped; else the scope that stops it, beside `all`.
    pub scope: &'static str,
    /// The part of the Message-ID after the @.
    pub domain: String,
    /// Why they get it.
    pub because: String,
    /// After which it is worthless.
    pub expires_ms: UtcMs,
}

/// Puts a single urgent mail into the outbox, due now; once per source and recipient.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn enqueue(tx: &mut Tx, now_ms: UtcMs, mail: &NewDelivery) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO delivery (id, source, lead_id, partner_slug, recipient_key, base_key, recipient_name, email, channel,
                 generation, lane, scope, rendition_id, message_id, because, state, due_ms, promised_ms, expires_ms,
                 created_ms)
             VALUES ($1, $2, $3, $4, $5, $15, $6, $7, 'email', 1, $8, $14, $9, $1 || '.g1@' || $13, $10, 'ready', $11, $11,
                 $12, $11)
             ON CONFLICT (source, recipient_key, channel, generation) DO NOTHING",
            args![
                mail.id.to_string(),
                &mail.source,
                mail.lead_id.clone(),
                &mail.partner_slug,
                mail.email.to_lowercase(),
                &mail.recipient_name,
                &mail.email,
                LANE_URGENT,
                &mail.rendition_id,
                &mail.because,
                now_ms,
                mail.expires_ms,
                &mail.domain,
                mail.scope,
                base_key(&mail.email),
            ],
        )
        .await?;
    Ok(added == 1)
}

/// When the next delivery is due, if one waits.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn next_due_ms(db: &Db) -> Result<Option<UtcMs>> {
    let row: Option<(Option<i64>,)> =
        db.opt("SELECT MIN(due_ms) FROM delivery WHERE state = 'ready'", Vec::new()).await?;
    Ok(row.and_then(|(due_ms,)| due_ms))
}
