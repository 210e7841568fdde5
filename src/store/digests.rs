//! Digests: issues that share mails. They are released, or taken back, together.

use super::{
    Db, Tx,
    freezing::remove,
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

/// The other issues of a digest that is held, if nothing of it was released or begins to be; else none.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn unreleased_beside(tx: &mut Tx, digest_id: &str, issue_id: &str) -> Result<Option<Vec<String>>> {
    // Whoever fills an outbox holds the digest, too, so a row that is not there now does not come meanwhile.
    let all: Vec<(String, bool)> = tx
        .all(
            "SELECT id, state IN ('frozen', 'approved') AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.source = issue.id)
             FROM issue WHERE digest_id = $1 ORDER BY id LIMIT 100",
            args![digest_id],
        )
        .await?;
    if all.iter().any(|(_, waits)| !waits) {
        return Ok(None);
    }
    Ok(Some(all.into_iter().map(|(id, _)| id).filter(|id| id != issue_id).collect()))
}

/// The other issues of a digest that is held, but for what was cancelled.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn beside(tx: &mut Tx, digest_id: &str, issue_id: &str) -> Result<Vec<String>> {
    let all: Vec<(String,)> = tx
        .all(
            "SELECT id FROM issue WHERE digest_id = $1 AND id <> $2 AND control <> 'cancelled' ORDER BY id LIMIT 100",
            args![digest_id, issue_id],
        )
        .await?;
    Ok(all.into_iter().map(|(id,)| id).collect())
}

/// Dissolves a digest that is held and of which nothing was released: `returned` of its issues go back to draft, each is
/// fixed anew; another one stays by itself.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn dissolve(tx: &mut Tx, digest_id: &str, returned: &[String], now_ms: UtcMs) -> Result<()> {
    tx.run(
        "DELETE FROM issue_guest WHERE host_id IN (SELECT id FROM issue WHERE digest_id = $1)
             OR guest_id IN (SELECT id FROM issue WHERE digest_id = $1)",
        args![digest_id],
    )
    .await?;
    tx.run("UPDATE issue SET digest_id = NULL WHERE digest_id = $1", args![digest_id]).await?;
    for issue_id in returned {
        remove(tx, issue_id, now_ms).await?;
    }
    Ok(())
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
