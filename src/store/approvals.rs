//! Who approved an issue as it was frozen, and what takes an approval back.

use super::{
    Db, Tx,
    sql::{args, like_plain},
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Somebody's word for an issue.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Approval {
    /// Whose.
    pub approver: String,
    /// When.
    pub at_ms: UtcMs,
}

/// Records that `by` approves a frozen issue, if its content is still what they saw. Returns how many different people
/// have approved it now; none if it no longer waits, is another one by now, or they have approved it before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn give(
    tx: &mut Tx,
    issue_id: &str,
    content_hash: &str,
    by: &str,
    now_ms: UtcMs,
) -> Result<Option<i64>> {
    // Holds the issue's row: of two people who approve at once, the second counts the first.
    let waits = tx
        .run(
            "UPDATE issue SET state = 'frozen'
             WHERE id = $1 AND content_hash = $2 AND state = 'frozen' AND control <> 'cancelled'",
            args![issue_id, content_hash],
        )
        .await?;
    if waits == 0 {
        return Ok(None);
    }
    let given = tx
        .run(
            "INSERT INTO issue_approval (issue_id, content_hash, approver, at_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (issue_id, content_hash, approver) DO NOTHING",
            args![issue_id, content_hash, by, now_ms],
        )
        .await?;
    if given == 0 {
        return Ok(None);
    }
    let count: Option<(i64,)> = tx
        .opt(
            "SELECT COUNT(*) FROM issue_approval WHERE issue_id = $1 AND content_hash = $2",
            args![issue_id, content_hash],
        )
        .await?;
    Ok(count.map(|(count,)| count))
}

/// Approves a frozen issue by the word of `by`, all who had to. False if it is not frozen.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn approve(tx: &mut Tx, issue_id: &str, by: &str, now_ms: UtcMs) -> Result<bool> {
    let done = tx
        .run(
            "UPDATE issue SET state = 'approved', approved_by = $2, approved_ms = $3, held_because = NULL
             WHERE id = $1 AND state = 'frozen' AND control <> 'cancelled'",
            args![issue_id, by, now_ms],
        )
        .await?;
    Ok(done == 1)
}

/// Approvals of an issue (`$1`) as it is.
const GIVEN: &str = "SELECT a.approver, a.at_ms FROM issue_approval a
     JOIN issue i ON i.id = a.issue_id AND i.content_hash = a.content_hash
     WHERE a.issue_id = $1 ORDER BY a.at_ms, a.approver LIMIT 20";

/// Who has approved an issue as it is, in order of time.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_issue(db: &Db, issue_id: &str) -> Result<Vec<Approval>> {
    db.all(GIVEN, args![issue_id]).await
}

/// The same inside a transaction.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn given(tx: &mut Tx, issue_id: &str) -> Result<Vec<Approval>> {
    tx.all(GIVEN, args![issue_id]).await
}

/// An issue that waits for approval, and for how far its approvers were asked.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Waiting {
    /// The issue.
    pub id: String,
    /// The newsletter's slug.
    pub newsletter: String,
    /// The promised date.
    pub nominal_date: String,
    /// What it is about.
    pub title: String,
    /// Why it was held, where a rule did it.
    pub held_because: Option<String>,
    /// When it was frozen.
    pub frozen_ms: UtcMs,
    /// How many people must approve it.
    pub approvals_needed: i64,
    /// As `program::issue::Urging::number`; 0 for nobody asked yet.
    pub approval_asked: i64,
    /// When its first hour is, or that of an issue with which it shares mails: nothing of either leaves before both are
    /// approved.
    pub first_due_ms: UtcMs,
    /// To how many people it goes.
    pub recipients: i64,
}

/// Issues that wait for approval, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn waiting(db: &Db) -> Result<Vec<Waiting>> {
    db.all(
        "SELECT i.id, i.newsletter, i.nominal_date, i.title, i.held_because, i.frozen_ms, i.approvals_needed,
             i.approval_asked,
             COALESCE((SELECT MIN(q.due_ms) FROM issue o JOIN promise q ON q.issue_id = o.id AND q.because IS NULL
                       WHERE o.digest_id = i.digest_id AND o.control <> 'cancelled'), MIN(p.due_ms)) AS first_due_ms, CAST(SUM(p.eligible) AS BIGINT) AS recipients
         FROM issue i JOIN promise p ON p.issue_id = i.id AND p.because IS NULL
         WHERE i.state = 'frozen' AND i.control <> 'cancelled'
         GROUP BY i.id, i.newsletter, i.nominal_date, i.title, i.held_because, i.frozen_ms, i.approvals_needed,
             i.approval_asked, i.digest_id
         ORDER BY first_due_ms, i.id LIMIT 100",
        Vec::new(),
    )
    .await
}

/// Notes how far approvers were asked, once: false if another node did it.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn asked(tx: &mut Tx, issue_id: &str, asked: i64) -> Result<bool> {
    let first = tx
        .run(
            "UPDATE issue SET approval_asked = $2 WHERE id = $1 AND approval_asked < $2 AND state = 'frozen'",
            args![issue_id, asked],
        )
        .await?;
    Ok(first == 1)
}

/// Has issues with a card of the asset `reference`, in any language, wait for a person who has read `because`: what was
/// frozen or approved wants an approval, beside what it waits for already; what was released and runs is paused. Returns
/// how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn hold(tx: &mut Tx, reference: &str, because: &str) -> Result<u64> {
    let plain = like_plain(reference);
    let (original, translations) = (format!("{reference}.md"), format!("{plain}.%.md"));
    // In the order of an issue's life: one that is released in this very moment is waited for by the first statement, and
    // the last one sees that it runs.
    let held = tx
        .run(
            "UPDATE issue SET state = 'frozen', approved_by = NULL, approved_ms = NULL, approval_asked = 0,
             approvals_needed = CASE WHEN approvals_needed < 1 THEN 1 ELSE approvals_needed END,
             held_because = CASE WHEN held_because IS NULL THEN $3 ELSE held_because || '; ' || $3 END
         WHERE state IN ('frozen', 'approved') AND control <> 'cancelled' AND id IN (
             SELECT r.issue_id FROM rendition_asset a JOIN rendition r ON r.id = a.rendition_id
             WHERE a.part = 'card' AND (a.path = $1 OR a.path LIKE $2 ESCAPE '!'))",
            args![&original, &translations, because],
        )
        .await?;
    tx.run(
        "DELETE FROM issue_approval WHERE issue_id IN (
             SELECT i.id FROM issue i JOIN rendition r ON r.issue_id = i.id JOIN rendition_asset a ON a.rendition_id = r.id
             WHERE i.state = 'frozen' AND a.part = 'card' AND (a.path = $1 OR a.path LIKE $2 ESCAPE '!'))",
        args![&original, &translations],
    )
    .await?;
    let paused = tx
        .run(
            "UPDATE issue SET control = 'paused', paused_because = $3
             WHERE state IN ('released', 'sending') AND control = 'running' AND id IN (
                 SELECT r.issue_id FROM rendition_asset a JOIN rendition r ON r.id = a.rendition_id
                 WHERE a.part = 'card' AND (a.path = $1 OR a.path LIKE $2 ESCAPE '!'))",
            args![original, translations, because],
        )
        .await?;
    Ok(held + paused)
}
