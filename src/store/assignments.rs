//! Leads that no partner brought: to which partners they were given, and those that wait for one.

use super::{
    Db, Tx,
    intakes::{HOUSE, Intake},
    sql::args,
};
use crate::domain::kernel::{Error, Result, clock::UtcMs};

/// A lead that was given to a partner.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Assignment {
    /// Its place in the order.
    pub no: i64,
    /// To whom.
    pub partner_slug: String,
    /// When.
    pub given_ms: UtcMs,
    /// Why them.
    pub because: String,
    /// When it ended; nothing while they have it.
    pub ended_ms: Option<UtcMs>,
    /// `lapsed` or `turned_down`; empty while they have it.
    pub outcome: String,
}

/// To whom a lead was given, in order, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Vec<Assignment>> {
    db.all(
        "SELECT no, partner_slug, given_ms, because, ended_ms, outcome FROM lead_assignment
         WHERE lead_id = $1 ORDER BY no LIMIT 1000",
        args![lead_id],
    )
    .await
}

/// The partners that a lead was ever given to, or whose people it was offered to.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn ever_with(tx: &mut Tx, lead_id: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT partner_slug FROM lead_assignment WHERE lead_id = $1
             UNION SELECT c.partner_slug FROM offer o JOIN contact c ON c.id = o.contact_id WHERE o.lead_id = $1
             ORDER BY 1 LIMIT 1000",
            args![lead_id],
        )
        .await?;
    Ok(rows.into_iter().map(|(slug,)| slug).collect())
}

/// Gives a lead that is at `from` to a partner, or takes it back to the vendor (`to` the house).
///
/// # Errors
/// `Conflict` where it is not at `from` any more, somebody has it already, or the partner has a lead with this address.
pub async fn give(
    tx: &mut Tx,
    lead_id: &str,
    from: &str,
    to: &str,
    because: &str,
    now_ms: UtcMs,
) -> Result<()> {
    let moved = tx
        .run(
            "UPDATE lead SET partner_slug = $3 WHERE id = $1 AND partner_slug = $2",
            args![lead_id, from, to],
        )
        .await?;
    if moved != 1 {
        return Err(Error::conflict("this lead was given to somebody else meanwhile"));
    }
    if to == HOUSE {
        return Ok(());
    }
    tx.run(
        "INSERT INTO lead_assignment (lead_id, no, partner_slug, given_ms, because)
         SELECT $1, COALESCE(MAX(no), 0) + 1, $2, $3, $4 FROM lead_assignment WHERE lead_id = $1",
        args![lead_id, to, now_ms, because],
    )
    .await
    .map(|_| ())
}

/// Ends what a lead was given for, with `outcome`. Returns whether somebody had it.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn end(tx: &mut Tx, lead_id: &str, outcome: &str, now_ms: UtcMs) -> Result<bool> {
    let ended = tx
        .run(
            "UPDATE lead_assignment SET ended_ms = $3, outcome = $2 WHERE lead_id = $1 AND ended_ms IS NULL",
            args![lead_id, outcome, now_ms],
        )
        .await?;
    Ok(ended == 1)
}

/// What a partner has in hand, and was given.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Load {
    /// The partner.
    pub partner_slug: String,
    /// Leads that are offered to its people, or theirs, from wherever they came.
    pub live: i64,
    /// When it was given one last; 0 for never.
    pub last_ms: UtcMs,
}

/// What each partner has in hand and was given, of those that have or were, by slug, at most 200,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn loads(db: &Db) -> Result<Vec<Load>> {
    db.all(
        "SELECT partner_slug, CAST(SUM(live) AS BIGINT) AS live, MAX(last_ms) AS last_ms FROM (
             SELECT l.partner_slug, COUNT(*) AS live, CAST(0 AS BIGINT) AS last_ms
             FROM offer o JOIN lead l ON l.id = o.lead_id
             WHERE o.ended_ms IS NULL AND (o.answer IS NULL OR o.answer = 'accepted') GROUP BY l.partner_slug
             UNION ALL
             SELECT partner_slug, 0 AS live, MAX(given_ms) AS last_ms FROM lead_assignment GROUP BY partner_slug) x
         GROUP BY partner_slug ORDER BY partner_slug LIMIT 200000",
        Vec::new(),
    )
    .await
}

/// Leads that are offered to a partner's people, or theirs, inside a transaction.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn live_in(tx: &mut Tx, partner: &str) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .opt(
            "SELECT COUNT(*) FROM offer o JOIN lead l ON l.id = o.lead_id
             WHERE l.partner_slug = $1 AND o.ended_ms IS NULL AND (o.answer IS NULL OR o.answer = 'accepted')",
            args![partner],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// How what a partner was given went.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Fairness {
    /// The partner.
    pub partner_slug: String,
    /// Leads it was given.
    pub given: i64,
    /// Of these, taken by one of its people.
    pub taken: i64,
    /// Nobody there took it in time.
    pub lapsed: i64,
    /// They did not want it.
    pub turned_down: i64,
    /// When it was given one last.
    pub last_ms: UtcMs,
}

/// How what partners were given after `since_ms` went, by slug, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn fairness(db: &Db, since_ms: UtcMs) -> Result<Vec<Fairness>> {
    db.all(
        "SELECT a.partner_slug, COUNT(*) AS given,
             COUNT(CASE WHEN EXISTS (SELECT 1 FROM offer o WHERE o.lead_id = a.lead_id AND o.answer = 'accepted'
                 AND o.offered_ms >= a.given_ms AND (a.ended_ms IS NULL OR o.offered_ms < a.ended_ms)) THEN 1 END) AS taken,
             COUNT(CASE WHEN a.outcome = 'lapsed' THEN 1 END) AS lapsed,
             COUNT(CASE WHEN a.outcome = 'turned_down' THEN 1 END) AS turned_down,
             MAX(a.given_ms) AS last_ms
         FROM lead_assignment a WHERE a.given_ms > $1 GROUP BY a.partner_slug ORDER BY a.partner_slug LIMIT 1000",
        args![since_ms],
    )
    .await
}

/// Partners that have a lead with this lower-cased address, other than the lead itself, by slug, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn who_has(db: &Db, email_key: &str, but: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT partner_slug FROM lead WHERE email_key = $1 AND id <> $2 AND partner_slug <> ''
             ORDER BY partner_slug LIMIT 100",
            args![email_key, but],
        )
        .await?;
    Ok(rows.into_iter().map(|(slug,)| slug).collect())
}

/// Notes that under `looked` nobody was found for a lead.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn found_nobody(tx: &mut Tx, lead_id: &str, looked: &str, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "UPDATE lead_intake SET looked = $2, looked_ms = $3, due_ms = NULL WHERE lead_id = $1",
        args![lead_id, looked, now_ms],
    )
    .await
    .map(|_| ())
}

/// Notes that somebody was found.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn found(tx: &mut Tx, lead_id: &str) -> Result<()> {
    tx.run("UPDATE lead_intake SET looked = '', looked_ms = 0 WHERE lead_id = $1", args![lead_id])
        .await
        .map(|_| ())
}

/// Whether channel managers are to be told of a lead now: the first time alone.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn tell_once(tx: &mut Tx, lead_id: &str, now_ms: UtcMs) -> Result<bool> {
    let first = tx
        .run(
            "UPDATE lead_intake SET told_ms = $2 WHERE lead_id = $1 AND told_ms IS NULL",
            args![lead_id, now_ms],
        )
        .await?;
    Ok(first == 1)
}

/// Leads that wait for a partner and were looked at under something else than `looked`, or before `before_ms`: the longest
/// first, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn waiting(db: &Db, looked: &str, before_ms: UtcMs, limit: i64) -> Result<Vec<Intake>> {
    db.all(
        "SELECT i.lead_id, i.country, i.vertical, i.by_vendor, i.asks, i.due_ms, i.updated_ms AS came_ms FROM lead_intake i
         JOIN lead l ON l.id = i.lead_id
         WHERE i.looked <> '' AND (i.looked <> $1 OR i.looked_ms < $2) AND l.partner_slug = ''
           AND l.stage IN ('inquiry', 'nurturing', 'recycled')
         ORDER BY i.looked_ms, i.lead_id LIMIT $3",
        args![looked, before_ms, limit],
    )
    .await
}

/// How many leads wait for a partner.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn waiting_count(db: &Db) -> Result<i64> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT COUNT(*) FROM lead_intake i JOIN lead l ON l.id = i.lead_id
             WHERE i.looked <> '' AND l.partner_slug = ''",
            Vec::new(),
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}
