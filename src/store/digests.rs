//! Digests: issues that share mails. They are released, or taken back, together.

use super::{
    Db, Tx,
    sql::{Arg, args},
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// That one issue rides in the mail of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRide {
    /// Whose mail it is.
    pub host_id: String,
    /// What rides in it.
    pub guest_id: String,
    /// To how many people.
    pub people: i64,
}

/// Stores which issues, all of them stored already, share mails; `parts` are the keys of those that hang together.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn insert(tx: &mut Tx, parts: &[Vec<String>], rides: &[NewRide]) -> Result<()> {
    for part in parts {
        for issue_id in part {
            let args = args![issue_id, &part[0]];
            tx.run("UPDATE issue SET digest_id = $2 WHERE id = $1", args).await?;
        }
    }
    let rows: Vec<Vec<Arg>> =
        rides.iter().map(|ride| args![&ride.host_id, &ride.guest_id, ride.people]).collect();
    tx.bulk("INSERT INTO issue_guest (host_id, guest_id, people)", rows, "").await.map(|_| ())
}

/// Holds the digest that an issue belongs to until the transaction ends, so that nobody else releases or takes back any of
/// it: the row of the issue whose id is the digest's name. To be asked before any issue's row is held, or two who hold one
/// each would wait for each other. Returns its name; none for an issue that shares no mail.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn hold(tx: &mut Tx, issue_id: &str) -> Result<Option<String>> {
    let held: Option<(Option<String>,)> = tx
        .opt(
            "UPDATE issue SET digest_id = digest_id WHERE id = (SELECT digest_id FROM issue WHERE id = $1)
             RETURNING digest_id",
            args![issue_id],
        )
        .await?;
    Ok(held.and_then(|(digest_id,)| digest_id))
}

/// The other issues of a digest that is held, but for what was cancelled, if no message of any of it was started; else none.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn unstarted_beside(tx: &mut Tx, digest_id: &str, issue_id: &str) -> Result<Option<Vec<String>>> {
    let all: Vec<(String, bool, bool)> = tx
        .all(
            "SELECT id, control = 'cancelled',
                 (control = 'cancelled' OR state IN ('frozen', 'approved', 'released', 'sending'))
                     AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.source = issue.id AND d.attempt > 0)
             FROM issue WHERE digest_id = $1 ORDER BY id LIMIT 100",
            args![digest_id],
        )
        .await?;
    if all.iter().any(|(.., waits)| !waits) {
        return Ok(None);
    }
    let others = all.into_iter().filter(|(id, cancelled, _)| !cancelled && id != issue_id);
    Ok(Some(others.map(|(id, ..)| id).collect()))
}

/// Whether a message was started of the digest that an issue belongs to.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn is_started(db: &Db, issue_id: &str) -> Result<bool> {
    let started: Option<(String,)> = db
        .opt(
            "SELECT id FROM issue WHERE digest_id = (SELECT digest_id FROM issue WHERE id = $1)
               AND EXISTS (SELECT 1 FROM delivery d WHERE d.source = issue.id AND d.attempt > 0) LIMIT 1",
            args![issue_id],
        )
        .await?;
    Ok(started.is_some())
}

/// Digests of which nothing was started, and in which something that is approved and runs, and whose first hour is at `due_ms` or
/// before, waits for another one that is not approved or paused; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn held_up(db: &Db, due_ms: UtcMs) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT r.digest_id FROM issue r JOIN issue w ON w.digest_id = r.digest_id
             WHERE r.control = 'running' AND r.state IN ('approved', 'released', 'sending')
               AND w.control <> 'cancelled' AND w.state <> 'done' AND (w.state = 'frozen' OR w.control = 'paused')
               AND EXISTS (SELECT 1 FROM promise p WHERE p.issue_id = r.id AND p.because IS NULL AND p.due_ms <= $1)
               AND NOT EXISTS (SELECT 1 FROM issue o JOIN delivery d ON d.source = o.id
                   WHERE o.digest_id = r.digest_id AND d.attempt > 0)
             ORDER BY r.digest_id LIMIT 100",
            args![due_ms],
        )
        .await?;
    Ok(rows.into_iter().map(|(digest_id,)| digest_id).collect())
}

/// An issue of a digest that may come apart.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Part {
    /// The issue.
    pub id: String,
    /// Its newsletter's slug.
    pub newsletter: String,
    /// Its date.
    pub nominal_date: String,
    /// Hash of what was to be approved.
    pub content_hash: String,
    /// When it was frozen.
    pub frozen_ms: UtcMs,
    /// Whether it is paused.
    pub is_paused: bool,
    /// Why it was paused, when nobody asked for it.
    pub paused_because: Option<String>,
    /// Whether it is not approved, or paused.
    pub waits: bool,
    /// Whether its first hour has come.
    pub is_due: bool,
}

/// The issues of a digest that is held, but for what was cancelled, by newsletter; `due_ms` is the first hour that has not come.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn parts(tx: &mut Tx, digest_id: &str, due_ms: UtcMs) -> Result<Vec<Part>> {
    tx.all(
        "SELECT id, newsletter, nominal_date, content_hash, frozen_ms, control = 'paused' AS is_paused, paused_because,
             state = 'frozen' OR control = 'paused' AS waits,
             EXISTS (SELECT 1 FROM promise p WHERE p.issue_id = issue.id AND p.because IS NULL AND p.due_ms <= $2) AS is_due
         FROM issue WHERE digest_id = $1 AND control <> 'cancelled' ORDER BY newsletter, nominal_date LIMIT 100",
        args![digest_id, due_ms],
    )
    .await
}

/// Dissolves a digest that is held: each of its issues is by itself from now on.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn dissolve(tx: &mut Tx, digest_id: &str) -> Result<()> {
    tx.run(
        "DELETE FROM issue_guest WHERE host_id IN (SELECT id FROM issue WHERE digest_id = $1)
             OR guest_id IN (SELECT id FROM issue WHERE digest_id = $1)",
        args![digest_id],
    )
    .await?;
    tx.run("UPDATE issue SET digest_id = NULL WHERE digest_id = $1", args![digest_id]).await.map(|_| ())
}

/// An issue that shares mails with another one.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Beside {
    /// Whether the other one rides in the mails of this one, and not this one in those of the other.
    pub carried: bool,
    /// The other one.
    pub id: String,
    /// Its newsletter's slug.
    pub newsletter: String,
    /// Its date.
    pub nominal_date: String,
    /// To how many people.
    pub people: i64,
}

/// What an issue carries in its mails, and in whose mails it rides.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_issue(db: &Db, issue_id: &str) -> Result<Vec<Beside>> {
    db.all(
        "SELECT g.host_id = $1 AS carried, i.id, i.newsletter, i.nominal_date, g.people
         FROM issue_guest g JOIN issue i ON i.id = CASE WHEN g.host_id = $1 THEN g.guest_id ELSE g.host_id END
         WHERE g.host_id = $1 OR g.guest_id = $1
         ORDER BY carried, i.nominal_date, i.newsletter LIMIT 100",
        args![issue_id],
    )
    .await
}

/// An issue of a digest.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Member {
    /// The issue.
    pub id: String,
    /// Its newsletter's slug.
    pub newsletter: String,
    /// Its date.
    pub nominal_date: String,
    /// Its state.
    pub state: String,
    /// When its first hour is.
    pub first_due_ms: UtcMs,
}

/// All issues of the digest that an issue belongs to, itself included, but for what was cancelled, the first due first; none
/// for an issue that shares no mail. Nothing of a digest leaves before all of it is approved.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn members(db: &Db, issue_id: &str) -> Result<Vec<Member>> {
    db.all(
        "SELECT i.id, i.newsletter, i.nominal_date, i.state, MIN(p.due_ms) AS first_due_ms
         FROM issue i JOIN promise p ON p.issue_id = i.id AND p.because IS NULL
         WHERE i.digest_id = (SELECT digest_id FROM issue WHERE id = $1) AND i.control <> 'cancelled'
         GROUP BY i.id, i.newsletter, i.nominal_date, i.state ORDER BY first_due_ms, i.id LIMIT 100",
        args![issue_id],
    )
    .await
}

/// What of an issue rides in mails of another one that have not left.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Waiting {
    /// The newsletter's slug.
    pub newsletter: String,
    /// The date.
    pub nominal_date: String,
    /// For how many people.
    pub people: i64,
}

/// The issues, but for what was cancelled, that ride in mails of `host_id` that have not left, and for how many people.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn waiting_in(db: &Db, host_id: &str) -> Result<Vec<Waiting>> {
    db.all(
        "SELECT i.newsletter, i.nominal_date, COUNT(*) AS people
         FROM issue_guest g JOIN issue i ON i.id = g.guest_id AND i.control <> 'cancelled'
         JOIN audience_decision a ON a.issue_id = g.guest_id AND a.host_issue_id = g.host_id AND a.included
         LEFT JOIN delivery d ON d.id = a.delivery_id
         WHERE g.host_id = $1 AND (d.id IS NULL OR (d.live AND d.state = 'ready'))
         GROUP BY i.nominal_date, i.newsletter ORDER BY i.nominal_date, i.newsletter LIMIT 100",
        args![host_id],
    )
    .await
}

/// Mails in which an issue rides, by the issue whose they are, and where they stand.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Ridden {
    /// The issue whose mails they are.
    pub host_id: String,
    /// The newsletter's slug of the issue whose mails they are.
    pub newsletter: String,
    /// Its date.
    pub nominal_date: String,
    /// Their state.
    pub state: String,
    /// How many.
    pub mails: i64,
}

/// Where the mails stand in which an issue rides.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn ridden(db: &Db, guest_id: &str) -> Result<Vec<Ridden>> {
    db.all(
        "SELECT h.id AS host_id, h.newsletter, h.nominal_date, d.state, COUNT(*) AS mails
         FROM audience_decision a JOIN issue h ON h.id = a.host_issue_id JOIN delivery d ON d.id = a.delivery_id
         WHERE a.issue_id = $1 AND a.included
         GROUP BY h.id, h.nominal_date, h.newsletter, d.state
         ORDER BY h.nominal_date, h.newsletter, d.state LIMIT 200",
        args![guest_id],
    )
    .await
}
