//! What endpoints are told, and what is known of each message.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    domain::{
        kernel::{Result, clock::UtcMs},
        webhook::Scope,
    },
    store::{Db, Tx, sql::args},
};

/// Messages of one list, or changed in one statement.
pub const PART_ROWS: i64 = 500;

/// An event that is told.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    /// The key, `whm_…`, which every receiver gets as `webhook-id`.
    pub id: &'a str,
    /// The word of its sort.
    pub kind: &'a str,
    /// The entries by which an endpoint may want it.
    pub entries: &'a [String; 3],
    /// When it happened.
    pub at_ms: UtcMs,
    /// The lead that it tells of, or nothing.
    pub subject: &'a str,
    /// What is sent.
    pub payload: &'a str,
}

/// Stores an event for every endpoint that wants it and may have it, and returns for how many. Those that are not verified yet
/// get nothing; for those that rest or are disabled it waits. Without any the event is not stored.
///
/// # Errors
/// As [`tell_all`].
pub async fn tell(tx: &mut Tx, event: &NewEvent<'_>, scope: &Scope) -> Result<u64> {
    tell_all(tx, &[(*event, scope)]).await
}

/// Endpoints `e` that want the event of row `r` and may have it.
macro_rules! wanting {
    () => {
        "e.state IN ('active', 'paused', 'disabled')
           AND ((r.rvendor AND e.partner_slug = '') OR (e.partner_slug <> '' AND r.rslug IN ('*', e.partner_slug)))
           AND EXISTS (SELECT 1 FROM webhook_filter f WHERE f.endpoint_id = e.id AND f.entry IN (r.rall, r.rgroup, r.rkind))"
    };
}

/// The same for many events at once. Returns how many messages were made.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn tell_all(tx: &mut Tx, events: &[(NewEvent<'_>, &Scope)]) -> Result<u64> {
    let whose = |scope: &Scope| match scope {
        Scope::Vendor => (true, String::new()),
        Scope::Partner(slug) => (true, slug.clone()),
        Scope::PartnerOnly(slug) => (false, slug.clone()),
        // No slug is written so.
        Scope::Everybody => (true, "*".to_owned()),
    };
    let rows = || {
        events.iter().map(|(event, scope)| {
            let (vendor, slug) = whose(scope);
            let [all, group, _] = event.entries;
            args![event.id, event.kind, event.at_ms, event.subject, event.payload, vendor, slug, all, group]
        })
    };
    let stored = tx
        .bulk(
            "WITH r (rid, rkind, rat_ms, rsubject, rpayload, rvendor, rslug, rall, rgroup) AS (",
            rows().collect(),
            concat!(
                ") INSERT INTO webhook_event (id, kind, at_ms, subject, payload)
                   SELECT r.rid, r.rkind, r.rat_ms, r.rsubject, r.rpayload FROM r
                   WHERE EXISTS (SELECT 1 FROM webhook_endpoint e WHERE ",
                wanting!(),
                ")"
            ),
        )
        .await?;
    if stored == 0 {
        return Ok(0);
    }
    let made: Vec<(String,)> = tx
        .bulk_all(
            "WITH r (rid, rkind, rat_ms, rsubject, rpayload, rvendor, rslug, rall, rgroup) AS (",
            rows().collect(),
            concat!(
                ") INSERT INTO webhook_message (event_id, endpoint_id, state, made_ms, due_ms)
                   SELECT v.id, e.id, 'waiting', r.rat_ms, r.rat_ms
                   FROM r JOIN webhook_event v ON v.id = r.rid JOIN webhook_endpoint e ON ",
                wanting!(),
                " RETURNING event_id"
            ),
        )
        .await?;
    let told: BTreeSet<&str> = made.iter().map(|(id,)| id.as_str()).collect();
    if (told.len() as u64) < stored {
        // Its endpoint left between the two statements: nothing else would ever forget it.
        let untold = events.iter().filter(|(event, _)| !told.contains(event.id));
        tx.bulk(
            "WITH r (rid) AS (",
            untold.map(|(event, _)| args![event.id]).collect(),
            ") DELETE FROM webhook_event WHERE id IN (SELECT rid FROM r)",
        )
        .await?;
    }
    Ok(made.len() as u64)
}

/// Forgets what endpoints answered to what they were told of a lead: they may have repeated who it was. Returns how many tries.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget_answers(tx: &mut Tx, lead_id: &str) -> Result<u64> {
    tx.run(
        "UPDATE webhook_attempt SET body = '', detail = '' WHERE (endpoint_id, event_id) IN (
             SELECT m.endpoint_id, m.event_id FROM webhook_event v JOIN webhook_message m ON m.event_id = v.id
             WHERE v.subject = $1)",
        args![lead_id],
    )
    .await
}

/// Stores an event for one endpoint, whatever it wants.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn tell_one(tx: &mut Tx, event: &NewEvent<'_>, endpoint_id: &str, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "INSERT INTO webhook_event (id, kind, at_ms, subject, payload) VALUES ($1, $2, $3, $4, $5)",
        args![event.id, event.kind, event.at_ms, event.subject, event.payload],
    )
    .await?;
    tx.run(
        "INSERT INTO webhook_message (event_id, endpoint_id, state, made_ms, due_ms) VALUES ($1, $2, 'waiting', $3, $3)",
        args![event.id, endpoint_id, now_ms],
    )
    .await
    .map(|_| ())
}

/// Whether any endpoint wants one of `entries`.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn is_wanted(tx: &mut Tx, entries: &[String; 3]) -> Result<bool> {
    let [all, group, kind] = entries;
    let row: Option<(i64,)> = tx
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM webhook_endpoint e
             JOIN webhook_filter f ON f.endpoint_id = e.id AND f.entry IN ($1, $2, $3)
             WHERE e.state IN ('active', 'paused', 'disabled') LIMIT 1",
            args![all, group, kind],
        )
        .await?;
    Ok(row.is_some())
}

/// The partners whose readers an issue is promised to, and who have an endpoint that wants one of `entries`.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn partners_promised(tx: &mut Tx, entries: &[String; 3], issue_id: &str) -> Result<Vec<String>> {
    let [all, group, kind] = entries;
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT DISTINCT e.partner_slug FROM webhook_endpoint e
             JOIN webhook_filter f ON f.endpoint_id = e.id AND f.entry IN ($1, $2, $3)
             WHERE e.partner_slug <> '' AND e.state IN ('active', 'paused', 'disabled')
               AND EXISTS (SELECT 1 FROM promise p WHERE p.issue_id = $4 AND p.partner_slug = e.partner_slug)
             ORDER BY e.partner_slug LIMIT 1000",
            args![all, group, kind, issue_id],
        )
        .await?;
    Ok(rows.into_iter().map(|(slug,)| slug).collect())
}

/// A message as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Message {
    /// The event, `webhook-id`.
    pub event_id: String,
    /// Its sort.
    pub kind: String,
    /// When it happened.
    pub at_ms: UtcMs,
    /// `waiting`, `sending`, `delivered` or `failed`.
    pub state: String,
    /// Why it failed without a try, where it did.
    pub because: String,
    /// When it is tried next, while it waits.
    pub due_ms: UtcMs,
    /// When it was delivered or given up.
    pub ended_ms: Option<UtcMs>,
    /// Tries of all times.
    pub attempts: i64,
    /// The status of the last answer, if one came.
    pub status: Option<i64>,
    /// What the last try came to.
    pub verdict: Option<String>,
}

/// Messages of an endpoint, the latest first, from before `before` on; of one state if that is named.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(
    db: &Db,
    endpoint_id: &str,
    state: Option<&str>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Message>> {
    db.all(
        "SELECT m.event_id, v.kind, v.at_ms, m.state, m.because, m.due_ms, m.ended_ms, m.attempts, a.status, a.verdict
         FROM webhook_message m JOIN webhook_event v ON v.id = m.event_id
         LEFT JOIN webhook_attempt a
             ON a.endpoint_id = m.endpoint_id AND a.event_id = m.event_id AND a.no = m.attempts
         WHERE m.endpoint_id = $1 AND ($2 IS NULL OR m.state = $2) AND ($3 IS NULL OR m.event_id < $3)
         ORDER BY m.event_id DESC LIMIT $4",
        args![endpoint_id, state, before, limit.min(PART_ROWS)],
    )
    .await
}

/// What was or will be sent, of one message.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn payload(db: &Db, endpoint_id: &str, event_id: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = db
        .opt(
            "SELECT v.payload FROM webhook_event v JOIN webhook_message m ON m.event_id = v.id
             WHERE m.endpoint_id = $1 AND m.event_id = $2",
            args![endpoint_id, event_id],
        )
        .await?;
    Ok(row.map(|(payload,)| payload))
}

/// A try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Attempt {
    /// Which event.
    pub event_id: String,
    /// Its number, 1 is the first.
    pub no: i64,
    /// When it began.
    pub at_ms: UtcMs,
    /// How long it took.
    pub took_ms: i64,
    /// `delivered`, `failed`, `throttled`, `aborted`, `gone`, `withheld` for a fault of our own, or `uncertain` where the
    /// process ended in it.
    pub verdict: String,
    /// The answer's status; none where no answer came.
    pub status: Option<i64>,
    /// What kept us from an answer.
    pub detail: String,
    /// The beginning of the answer's body.
    pub body: String,
}

/// The tries of one message in order.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn attempts(db: &Db, endpoint_id: &str, event_id: &str) -> Result<Vec<Attempt>> {
    db.all(
        "SELECT event_id, no, at_ms, took_ms, verdict, status, detail, body FROM webhook_attempt
         WHERE endpoint_id = $1 AND event_id = $2 ORDER BY no LIMIT 200",
        args![endpoint_id, event_id],
    )
    .await
}

/// How many messages of an endpoint are in each state.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn counts(db: &Db, endpoint_id: &str) -> Result<Vec<(String, i64)>> {
    db.all(
        "SELECT state, COUNT(*) FROM webhook_message WHERE endpoint_id = $1 GROUP BY state ORDER BY state LIMIT 10",
        args![endpoint_id],
    )
    .await
}

/// What is sent again.
#[derive(Debug, Clone, Copy)]
pub struct Range<'a> {
    /// Events from this id on.
    pub from: &'a str,
    /// Events before this id.
    pub until: &'a str,
    /// Only those that failed, and not what was delivered too.
    pub only_failed: bool,
}

/// Has ended messages of an endpoint sent again under their old ids, at most [`PART_ROWS`], the oldest first. Returns their ids, in
/// any order; none when there are no more.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn replay(tx: &mut Tx, endpoint_id: &str, range: Range<'_>, now_ms: UtcMs) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx.all(
        "UPDATE webhook_message SET state = 'waiting', because = '', made_ms = $5, due_ms = $5, ended_ms = NULL, tries = 0,
             withheld_since_ms = NULL, told_ms = NULL
         WHERE endpoint_id = $1 AND event_id IN (
             SELECT m.event_id FROM webhook_message m
             WHERE m.endpoint_id = $1 AND m.event_id >= $2 AND m.event_id < $3
               AND (m.state = 'failed' OR (m.state = 'delivered' AND NOT $4))
             ORDER BY m.event_id LIMIT $6)
         RETURNING event_id",
        args![endpoint_id, range.from, range.until, range.only_failed, now_ms, PART_ROWS],
    )
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
