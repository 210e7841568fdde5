//! The turns in which messages are sent. An endpoint has a turn of its own, which one process holds, so that order,
//! rate and what is on its way need no count over nodes, and one that hangs holds up nobody else.

use super::must_arrive;
use crate::{
    domain::kernel::{
        Result,
        clock::{DAY_MS, UtcMs},
    },
    store::{
        Db, Tx,
        sql::{args, skip_locked},
    },
};

/// An endpoint's turn, held by us.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Turn {
    /// The endpoint.
    pub id: String,
    /// Where.
    pub url: String,
    /// Whether each message waits for the one before it.
    pub ordered: bool,
    /// Messages a second at most; 0 for as many as it takes.
    pub per_second: i64,
    /// Messages on their way at once at most.
    pub concurrency: i64,
    /// Failures since the last success.
    pub failures: i64,
    /// When it first did not take something, since the last success.
    pub failing_since_ms: Option<UtcMs>,
    /// When it last did not take something.
    pub failed_ms: Option<UtcMs>,
    /// Until when it was left alone because it failed.
    pub rest_ms: UtcMs,
    /// Until when it was left alone because it asked for that.
    pub throttled_ms: UtcMs,
    /// Up to which time its rate is used, in microseconds.
    pub paid_us: i64,
    /// How often somebody had had it go on.
    pub anew: i64,
    /// The number of this turn: what was begun in another one counts no more.
    pub token: i64,
    /// What messages are made of: `standard`, or the field map that renders them.
    pub format: String,
    /// Whose it is; empty for the vendor's own.
    pub partner_slug: String,
}

/// Endpoints `e` that are not left alone at `$1`, have something due by then or left on its way, and whose turn nobody holds. Of
/// an ordered endpoint only the oldest message counts: the others wait for it, however long they have been due.
macro_rules! due {
    () => {
        "e.state = 'active' AND NOT e.held AND e.rest_ms <= $1 AND e.throttled_ms <= $1
           AND e.paid_us <= $1 * 1000 + 1000000 - 1000000 / CASE WHEN e.per_second > 0 THEN e.per_second ELSE 1 END
           AND ((NOT e.ordered AND EXISTS (
                     SELECT 1 FROM webhook_message m
                     WHERE m.endpoint_id = e.id AND m.state = 'waiting' AND m.due_ms <= $1))
             OR (e.ordered AND EXISTS (
                     SELECT 1 FROM webhook_message m
                     WHERE m.endpoint_id = e.id AND m.state = 'waiting' AND m.due_ms <= $1
                       AND m.event_id = (SELECT MIN(o.event_id) FROM webhook_message o
                                         WHERE o.endpoint_id = e.id AND o.ended_ms IS NULL)))
             OR EXISTS (SELECT 1 FROM webhook_message m WHERE m.endpoint_id = e.id AND m.state = 'sending'))"
    };
}

/// Whether any endpoint's turn is due.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn any_due(db: &Db, now_ms: UtcMs) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            concat!("SELECT CAST(1 AS BIGINT) FROM webhook_endpoint e WHERE ", due!(), " LIMIT 1"),
            args![now_ms],
        )
        .await?;
    Ok(row.is_some())
}

/// Takes the turns of at most `limit` endpoints that have something due, and that nobody holds; who waited longest comes first.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn take(tx: &mut Tx, now_ms: UtcMs, limit: i64) -> Result<Vec<Turn>> {
    tx.all(
        skip_locked!(
            no_key: concat!(
                "UPDATE webhook_endpoint SET held = TRUE, token = token + 1 WHERE id IN (
                     SELECT e.id FROM webhook_endpoint e WHERE ",
                due!(),
                " ORDER BY e.turn_ms, e.id LIMIT $2"
            ),
            ") RETURNING id, url, ordered, per_second, concurrency, failures, failing_since_ms, failed_ms, rest_ms, throttled_ms, paid_us,
               anew, token, format, partner_slug"
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
    db.all("SELECT id, token FROM webhook_endpoint WHERE held ORDER BY id LIMIT 1000", Vec::new()).await
}

/// Frees a turn whose process is gone or stands still; if it comes back, its token is worth nothing once somebody else has
/// taken the turn. False where it was given back meanwhile.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn free(tx: &mut Tx, id: &str, token: i64) -> Result<bool> {
    let freed = tx
        .run(
            "UPDATE webhook_endpoint SET held = FALSE WHERE id = $1 AND token = $2 AND held",
            args![id, token],
        )
        .await?;
    Ok(freed == 1)
}

/// Puts back what an earlier turn left on its way when its process ended: it may have arrived, and goes again under the same id,
/// unless `tries_max` were begun: what ends processes must not do so for ever, and what must arrive goes once a day. The try stands in the ledger as `uncertain`.
/// Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn take_over(tx: &mut Tx, turn: &Turn, now_ms: UtcMs, tries_max: i64) -> Result<u64> {
    tx.run(
        "INSERT INTO webhook_attempt (endpoint_id, event_id, no, at_ms, took_ms, verdict, status, detail, body)
         SELECT m.endpoint_id, m.event_id, m.attempts, $3, 0, 'uncertain', NULL,
             'the process ended while it was on its way', ''
         FROM webhook_message m WHERE m.endpoint_id = $1 AND m.state = 'sending' AND m.token < $2
         ON CONFLICT (endpoint_id, event_id, no) DO NOTHING",
        args![&turn.id, turn.token, now_ms],
    )
    .await?;
    let daily = tx
        .run(
            concat!(
                "UPDATE webhook_message SET due_ms = $3, state = 'waiting', withheld_since_ms = NULL
                 WHERE endpoint_id = $1 AND state = 'sending' AND token < $2 AND tries >= $4
                   AND EXISTS (SELECT 1 FROM webhook_event v WHERE v.id = webhook_message.event_id AND ",
                must_arrive!(),
                ")"
            ),
            args![&turn.id, turn.token, now_ms + DAY_MS, tries_max],
        )
        .await?;
    let others = tx
        .run(
            "UPDATE webhook_message SET due_ms = $3, withheld_since_ms = NULL,
                 state = CASE WHEN tries >= $4 THEN 'failed' ELSE 'waiting' END,
                 because = CASE WHEN tries >= $4 THEN 'no try is left' ELSE '' END,
                 ended_ms = CASE WHEN tries >= $4 THEN $3 ELSE NULL END
             WHERE endpoint_id = $1 AND state = 'sending' AND token < $2",
            args![&turn.id, turn.token, now_ms, tries_max],
        )
        .await?;
    Ok(daily + others)
}

/// A message that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Started {
    /// `webhook-id`.
    pub event_id: String,
    /// Number of this try since it was made or replayed, 1 is the first.
    pub tries: i64,
    /// Number of this try of all.
    pub attempts: i64,
    /// What is sent.
    pub payload: String,
    /// Whether it says that something must be erased or taken away, and so never ends by itself.
    pub must_arrive: bool,
}

/// Marks at most `limit` due messages of a turn as on their way and counts the try, before anything is sent. None where the turn
/// is another's by now, or the endpoint rests. Of an ordered endpoint only the oldest message that has not ended.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn start(tx: &mut Tx, turn: &Turn, now_ms: UtcMs, limit: i64) -> Result<Vec<Started>> {
    const BEGIN: &str = concat!("UPDATE webhook_message SET state = 'sending', tries = tries + 1, attempts = attempts + 1, token = $2
         WHERE endpoint_id = $1 AND state = 'waiting' AND event_id IN (
             SELECT m.event_id FROM webhook_message m
             WHERE m.endpoint_id = $1 AND m.state = 'waiting' AND m.due_ms <= $3
             ORDER BY m.due_ms, m.event_id LIMIT $4)
           AND EXISTS (SELECT 1 FROM webhook_endpoint e WHERE e.id = $1 AND e.token = $2 AND e.state = 'active')
         RETURNING event_id, tries, attempts,
             (SELECT v.payload FROM webhook_event v WHERE v.id = webhook_message.event_id) AS payload,
             EXISTS (SELECT 1 FROM webhook_event v WHERE v.id = webhook_message.event_id AND ", must_arrive!(), ") AS must_arrive");
    const BEGIN_OLDEST: &str = concat!("UPDATE webhook_message SET state = 'sending', tries = tries + 1, attempts = attempts + 1, token = $2
         WHERE endpoint_id = $1 AND state = 'waiting' AND due_ms <= $3 AND $4 > 0 AND event_id = (
             SELECT MIN(m.event_id) FROM webhook_message m
             WHERE m.endpoint_id = $1 AND m.ended_ms IS NULL)
           AND EXISTS (SELECT 1 FROM webhook_endpoint e WHERE e.id = $1 AND e.token = $2 AND e.state = 'active')
         RETURNING event_id, tries, attempts,
             (SELECT v.payload FROM webhook_event v WHERE v.id = webhook_message.event_id) AS payload,
             EXISTS (SELECT 1 FROM webhook_event v WHERE v.id = webhook_message.event_id AND ", must_arrive!(), ") AS must_arrive");
    let begin = if turn.ordered { BEGIN_OLDEST } else { BEGIN };
    let mut started: Vec<Started> = tx.all(begin, args![&turn.id, turn.token, now_ms, limit]).await?;
    started.sort_by(|one, other| one.event_id.cmp(&other.event_id));
    Ok(started)
}

/// Notes up to which time an endpoint's rate is used, with the messages that use it.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn pay(tx: &mut Tx, turn: &Turn, paid_us: i64) -> Result<()> {
    tx.run(
        "UPDATE webhook_endpoint SET paid_us = $3 WHERE id = $1 AND token = $2",
        args![&turn.id, turn.token, paid_us],
    )
    .await
    .map(|_| ())
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Which message.
    pub event_id: String,
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
    /// What kept us from an answer.
    pub detail: String,
    /// The beginning of the answer's body.
    pub body: String,
    /// The state that the message is in now.
    pub state: &'static str,
    /// Why it failed, if it did.
    pub because: &'static str,
    /// When it is tried again, if it is.
    pub due_ms: Option<UtcMs>,
    /// When it ended, if it did.
    pub ended_ms: Option<UtcMs>,
    /// Whether the try counts: one that failed by our own fault is none of the message's.
    pub counts: bool,
}

/// Records what became of tries of a turn. A message that another turn has taken over stays as it is; of its try both verdicts are
/// the ledger's first, which is that one's `uncertain`. Returns how many messages moved.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn settle(tx: &mut Tx, turn: &Turn, results: &[Tried]) -> Result<u64> {
    let tries = results.iter().map(|it| {
        args![
            &turn.id,
            &it.event_id,
            it.attempt,
            it.at_ms,
            it.took_ms,
            it.verdict,
            it.status,
            &it.detail,
            &it.body,
        ]
    });
    tx.bulk(
        "INSERT INTO webhook_attempt (endpoint_id, event_id, no, at_ms, took_ms, verdict, status, detail, body)",
        tries.collect(),
        "ON CONFLICT (endpoint_id, event_id, no) DO NOTHING",
    )
    .await?;
    let rows = results.iter().map(|it| {
        args![
            &turn.id,
            &it.event_id,
            turn.token,
            it.state,
            it.because,
            it.due_ms,
            it.ended_ms,
            i64::from(!it.counts),
            it.at_ms,
        ]
    });
    tx.bulk(
        "WITH r (rendpoint, revent, rtoken, rstate, rbecause, rdue_ms, rended_ms, rback, rat_ms) AS (",
        rows.collect(),
        ") UPDATE webhook_message SET state = rstate, because = rbecause, due_ms = COALESCE(rdue_ms, due_ms),
             ended_ms = rended_ms, tries = tries - rback,
             withheld_since_ms = CASE WHEN rback = 1 THEN COALESCE(withheld_since_ms, rat_ms) ELSE NULL END
         FROM r WHERE endpoint_id = rendpoint AND event_id = revent AND token = rtoken AND state = 'sending'",
    )
    .await
}

/// How an endpoint fares at the end of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Failures since the last success.
    pub failures: i64,
    /// When it first did not take something, since the last success.
    pub failing_since_ms: Option<UtcMs>,
    /// When it last did not take something.
    pub failed_ms: Option<UtcMs>,
    /// Until when it is left alone because it fails.
    pub rest_ms: UtcMs,
    /// Until when it is left alone because it asked for that.
    pub throttled_ms: UtcMs,
}

/// Gives a turn back. A success, or failures that begin anew, let what its owner was told be forgotten. False where the turn is another's by now, or where
/// somebody had the endpoint go on meanwhile: then it begins anew, whatever this turn found.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn give_back(tx: &mut Tx, turn: &Turn, standing: Standing, now_ms: UtcMs) -> Result<bool> {
    let noted = tx
        .run(
            "UPDATE webhook_endpoint SET failures = $4, failing_since_ms = $5, rest_ms = $6, throttled_ms = $7,
                 failed_ms = $8, told_ms = CASE WHEN $5 IS NULL OR $5 > failing_since_ms THEN NULL ELSE told_ms END
             WHERE id = $1 AND token = $2 AND anew = $3",
            args![
                &turn.id,
                turn.token,
                turn.anew,
                standing.failures,
                standing.failing_since_ms,
                standing.rest_ms,
                standing.throttled_ms,
                standing.failed_ms,
            ],
        )
        .await?;
    tx.run(
        "UPDATE webhook_endpoint SET held = FALSE, turn_ms = $3 WHERE id = $1 AND token = $2",
        args![&turn.id, turn.token, now_ms],
    )
    .await?;
    Ok(noted == 1)
}

/// Frees every turn: for a database that this process alone works on, at its start.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn free_all(tx: &mut Tx) -> Result<u64> {
    tx.run("UPDATE webhook_endpoint SET held = FALSE WHERE held", Vec::new()).await
}
