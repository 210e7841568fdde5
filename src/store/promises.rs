//! The promise ledger: what was promised to whom for when, and how it went. Lead clocks are read from where they run.

mod counting;
mod hours;

pub(super) use counting::reopen;
pub use counting::{Count, close_hopeless, count, has_hopeless, record, uncounted};
pub use hours::{Asked, Hours, Promise, Readers, ZoneHours, by_zone, has_arrived, hours, of_issue};

pub use super::lead_clocks::{Clock, clocks};
use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A promise that is entered: an issue's hour, to one partner's readers in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPromise {
    /// The key, made of newsletter, nominal time, zones and partner.
    pub id: String,
    /// The newsletter's slug.
    pub newsletter: String,
    /// Local date and time promised, `YYYY-MM-DDTHH:MM`.
    pub nominal_local: String,
    /// IANA zone whose clock the cadence goes by.
    pub zone: String,
    /// IANA zone of the readers.
    pub reader_zone: String,
    /// Whose readers.
    pub partner_slug: String,
    /// The instant.
    pub due_ms: UtcMs,
    /// Within which time after it counts as kept.
    pub on_time_ms: i64,
    /// What a clock change or a rule of the calendar did to it.
    pub note: Option<String>,
    /// Whether a rule of the calendar took it back beforehand.
    pub skipped: bool,
    /// Why it was skipped, or why nothing could be sent.
    pub because: Option<String>,
    /// How many people it was promised to.
    pub eligible: i64,
    /// How many more it was meant for, whom a limit of ours kept out: how often one is written to, or told a message.
    pub held_back: i64,
}

/// Enters promises. Those without an issue give way to what is entered already. Returns how many were.
///
/// # Errors
/// `Conflict` when an issue is to keep what is promised already. Else those of [`Tx::run`].
pub async fn insert(tx: &mut Tx, issue_id: Option<&str>, promises: &[NewPromise]) -> Result<u64> {
    let rows = promises.iter().map(|promise| {
        args![
            &promise.id,
            &promise.newsletter,
            &promise.nominal_local,
            &promise.zone,
            &promise.reader_zone,
            &promise.partner_slug,
            issue_id,
            promise.due_ms,
            promise.on_time_ms,
            promise.note.clone(),
            promise.skipped,
            promise.because.clone(),
            promise.eligible,
            promise.held_back,
            // Of nobody there is nothing to count.
            issue_id.is_some() && promise.eligible == 0,
        ]
    });
    tx.bulk(
        "INSERT INTO promise (id, newsletter, nominal_local, zone, reader_zone, partner_slug, issue_id, due_ms, on_time_ms,
                              note, skipped, because, eligible, held_back, closed)",
        rows.collect(),
        if issue_id.is_some() { "" } else { "ON CONFLICT DO NOTHING" },
    )
    .await
}

/// Takes out the promises of a date for which nothing had been written, when an issue for it is stored. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn remove_unwritten(tx: &mut Tx, newsletter: &str, nominal_local: &str) -> Result<u64> {
    tx.run(
        "DELETE FROM promise WHERE newsletter = $1 AND nominal_local = $2 AND issue_id IS NULL",
        args![newsletter, nominal_local],
    )
    .await
}

/// Takes out the promises of a newsletter that are still ahead at `now_ms` and have no issue: it promises nothing any more.
/// Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn withdraw(tx: &mut Tx, newsletter: &str, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "DELETE FROM promise WHERE newsletter = $1 AND issue_id IS NULL AND NOT closed AND due_ms > $2",
        args![newsletter, now_ms],
    )
    .await
}

/// The newsletters that have promises without an issue ahead at `now_ms`, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn unwritten_ahead(db: &Db, now_ms: UtcMs) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT newsletter FROM promise WHERE NOT closed AND issue_id IS NULL AND due_ms > $1
             ORDER BY newsletter LIMIT 1000",
            args![now_ms],
        )
        .await?;
    Ok(rows.into_iter().map(|(newsletter,)| newsletter).collect())
}

/// The newsletters that promised something for after `since_ms`, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn newsletters(db: &Db, since_ms: UtcMs) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT newsletter FROM promise WHERE due_ms > $1 ORDER BY newsletter LIMIT 1000",
            args![since_ms],
        )
        .await?;
    Ok(rows.into_iter().map(|(newsletter,)| newsletter).collect())
}

/// Whether nothing was sent of a newsletter for the last date that was entered and not skipped, for the reason `because`.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn last_failed(db: &Db, newsletter: &str, because: &str) -> Result<bool> {
    let found: Option<(String,)> = db
        .opt(
            "SELECT id FROM promise
             WHERE newsletter = $1 AND NOT skipped AND issue_id IS NULL AND because = $2 AND nominal_local = (
                 SELECT MAX(nominal_local) FROM promise WHERE newsletter = $1 AND NOT skipped) LIMIT 1",
            args![newsletter, because],
        )
        .await?;
    Ok(found.is_some())
}

/// What a newsletter promised for a date that has no issue: when, and why there is none if that is known.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct WithoutIssue {
    /// Local date and time, `YYYY-MM-DDTHH:MM`.
    pub nominal_local: String,
    /// Why it was skipped, or why nothing could be sent.
    pub because: Option<String>,
}

/// That of `newsletter` on `date`, `YYYY-MM-DD`, if there is one.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn without_issue(db: &Db, newsletter: &str, date: &str) -> Result<Option<WithoutIssue>> {
    db.opt(
        "SELECT nominal_local, MAX(because) AS because FROM promise
         WHERE newsletter = $1 AND issue_id IS NULL AND nominal_local LIKE $2 || 'T%'
         GROUP BY nominal_local ORDER BY nominal_local LIMIT 1",
        args![newsletter, date],
    )
    .await
}

/// The nominal local times from `since_local` on for which something was promised, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn entered(db: &Db, newsletter: &str, since_local: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT nominal_local FROM promise WHERE newsletter = $1 AND nominal_local >= $2
             ORDER BY nominal_local LIMIT 1000",
            args![newsletter, since_local],
        )
        .await?;
    Ok(rows.into_iter().map(|(nominal,)| nominal).collect())
}

/// Fixed issues with a promise between two instants, and not cancelled: key, newsletter and date, at most 500. One that was
/// never released and promised nothing after `alive_ms` reaches nobody any more, and is not among them.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn issues_between(
    db: &Db,
    (from_ms, until_ms): (UtcMs, UtcMs),
    alive_ms: UtcMs,
) -> Result<Vec<(String, String, String)>> {
    db.all(
        "SELECT id, newsletter, nominal_date FROM issue i
         WHERE control <> 'cancelled' AND EXISTS (
             SELECT 1 FROM promise p WHERE p.issue_id = i.id AND p.due_ms >= $1 AND p.due_ms < $2)
           AND (released_ms IS NOT NULL OR EXISTS (
             SELECT 1 FROM promise p WHERE p.issue_id = i.id AND p.due_ms > $3))
         ORDER BY nominal_date DESC, id LIMIT 500",
        args![from_ms, until_ms, alive_ms],
    )
    .await
}
