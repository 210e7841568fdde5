//! Judging what is kept anew: how far it has come, what there is to judge, and what is judged differently.

use super::{
    Db, Tx,
    events::{Event, select},
    sql::args,
};
use crate::domain::{
    engagement::Verdict,
    kernel::{Result, clock::UtcMs},
};

/// How far judging anew has come.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Progress {
    /// `engagement::Machines::version` of the rules.
    pub version: String,
    /// Events up to this key are judged by them.
    pub after_id: String,
    /// Whether that is all there were.
    pub done: bool,
}

/// How far judging anew has come; nothing before the first time.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn progress(db: &Db) -> Result<Option<Progress>> {
    db.opt("SELECT version, after_id, done FROM engagement_rules WHERE only_row = 1", Vec::new()).await
}

/// Begins anew by the rules `version`.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn begin(tx: &mut Tx, version: &str) -> Result<()> {
    tx.run(
        "INSERT INTO engagement_rules (only_row, version, after_id, done) VALUES (1, $1, '', FALSE)
         ON CONFLICT (only_row) DO UPDATE SET version = excluded.version, after_id = '', done = FALSE",
        args![version],
    )
    .await
    .map(|_| ())
}

/// Goes on from `from` to `to`, unless another node did, or other rules hold.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn advance(tx: &mut Tx, from: &Progress, to: &str, done: bool) -> Result<bool> {
    let moved = tx
        .run(
            "UPDATE engagement_rules SET after_id = $3, done = $4
             WHERE only_row = 1 AND version = $1 AND after_id = $2 AND NOT done",
            args![&from.version, &from.after_id, to, done],
        )
        .await?;
    Ok(moved == 1)
}

/// The next 1,000 events behind `after`, by key.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn page(db: &Db, after: &str) -> Result<Vec<Event>> {
    db.all(
        select!("", "FROM engagement_event WHERE id > $1 AND NOT reduced ORDER BY id LIMIT 1000"),
        args![after],
    )
    .await
}

/// What a judgement needs of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Sent {
    /// The delivery.
    pub id: String,
    /// When the relay accepted it.
    pub accepted_ms: Option<UtcMs>,
    /// Whether it is a test copy to the vendor's own people.
    pub is_test: bool,
}

/// The deliveries of the events behind `after` up to `last`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn sent(db: &Db, after: &str, last: &str) -> Result<Vec<Sent>> {
    db.all(
        "SELECT id, accepted_ms, source LIKE 'test:%' AS is_test FROM delivery WHERE id IN (
             SELECT delivery_id FROM engagement_event WHERE id > $1 AND id <= $2 AND delivery_id IS NOT NULL)
         ORDER BY id",
        args![after, last],
    )
    .await
}

/// A link that was followed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Link {
    /// Of which message.
    pub delivery_id: String,
    /// When.
    pub at_ms: UtcMs,
    /// Which.
    pub link_no: i64,
    /// Whether it is the hidden one.
    pub honeypot: bool,
}

/// The links that were followed of the same deliveries between two times, by delivery in order of time; of a flood the first
/// 50,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn followed(
    db: &Db,
    (after, last): (&str, &str),
    (from_ms, until_ms): (UtcMs, UtcMs),
) -> Result<Vec<Link>> {
    db.all(
        "SELECT delivery_id, at_ms, link_no, honeypot FROM engagement_event
         WHERE delivery_id IN (
             SELECT delivery_id FROM engagement_event WHERE id > $1 AND id <= $2 AND delivery_id IS NOT NULL)
           AND link_no IS NOT NULL AND at_ms >= $3 AND at_ms <= $4
         ORDER BY delivery_id, at_ms, id LIMIT 50000",
        args![after, last, from_ms, until_ms],
    )
    .await
}

/// An event that is judged differently.
#[derive(Debug, Clone)]
pub struct Rejudged {
    /// The event.
    pub id: String,
    /// The reason it had, as stored.
    pub was: String,
    /// How it is judged now.
    pub verdict: Verdict,
}

/// Stores new judgements; what was judged otherwise meanwhile stays so.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn store(tx: &mut Tx, changed: Vec<Rejudged>) -> Result<u64> {
    let rows = changed.into_iter().map(|it| {
        args![it.id, it.was, it.verdict.human(), it.verdict.reason.as_str(), it.verdict.sentence.into_owned()]
    });
    tx.bulk(
        "WITH r (rid, rwas, rhuman, rreason, rverdict) AS (",
        rows.collect(),
        ") UPDATE engagement_event SET human = rhuman, reason = rreason, verdict = rverdict
         FROM r WHERE id = rid AND reason = rwas",
    )
    .await
}

/// Stores what a lead's events are worth now, and why it stands where it does while nobody has it; nothing else changes.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn rescore(tx: &mut Tx, lead_id: &str, score: i64, fit: &str, because: &str) -> Result<u64> {
    tx.run(
        "UPDATE lead SET score = $2, fit = $3,
             because = CASE WHEN stage IN ('inquiry', 'nurturing', 'recycled') THEN $4 ELSE because END
         WHERE id = $1 AND (score <> $2 OR fit <> $3
                            OR (because <> $4 AND stage IN ('inquiry', 'nurturing', 'recycled')))",
        args![lead_id, score, fit, because],
    )
    .await
}
