//! Issues. Who gets them is [`audience`]'s, for when they are promised [`promises`]'.

use super::{
    Db, Tx,
    audience::{self, Decision},
    promises::{self, NewPromise},
    sql::args,
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Deliveries that are changed at once where a list may be long: a second of work at most.
pub const PART_ROWS: i64 = 20_000;

/// An issue as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Issue {
    /// The key.
    pub id: String,
    /// The newsletter's slug.
    pub newsletter: String,
    /// The promised date, `YYYY-MM-DD`.
    pub nominal_date: String,
    /// Its subject as authored.
    pub title: String,
    /// Hash over everything that was approved: audience, renditions, links.
    pub content_hash: String,
    /// Where it stands (`program::issue::IssueState`).
    pub state: String,
    /// `running`, `paused` or `cancelled`.
    pub control: String,
    /// Why it waits for a person although approval is automatic.
    pub held_because: Option<String>,
    /// Why it was paused, when nobody asked for it.
    pub paused_because: Option<String>,
    /// Within which time after the promise it counts as kept.
    pub on_time_ms: i64,
    /// When content and audience were fixed.
    pub frozen_ms: UtcMs,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// When it was approved.
    pub approved_ms: Option<UtcMs>,
    /// How many different people must approve it.
    pub approvals_needed: i64,
    /// When the outbox was filled.
    pub released_ms: Option<UtcMs>,
    /// When the last delivery reached a final state.
    pub done_ms: Option<UtcMs>,
}

/// A new, frozen issue.
#[derive(Debug, Clone)]
pub struct Frozen {
    /// The issue's own row.
    pub issue: Issue,
    /// Hash of the plan's file.
    pub plan_hash: String,
    /// What is promised to whom.
    pub promises: Vec<NewPromise>,
    /// Everybody considered.
    pub decisions: Vec<Decision>,
    /// Whether any of its texts tells a key message.
    pub tells_messages: bool,
    /// How long each stage waits for the one before; none without stages.
    pub stage_wait_ms: Option<i64>,
}

/// Stores a frozen issue; false if another node was first, in which case nothing else may be written for it.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn insert_head(tx: &mut Tx, frozen: &Frozen) -> Result<bool> {
    let issue = &frozen.issue;
    let added = tx
        .run(
            "INSERT INTO issue (id, newsletter, nominal_date, title, plan_hash, content_hash, state, control,
                 held_because, on_time_ms, frozen_ms, approved_by, approved_ms, approvals_needed, touches_noted,
                 stage_wait_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
             ON CONFLICT (newsletter, nominal_date) DO NOTHING",
            args![
                &issue.id,
                &issue.newsletter,
                &issue.nominal_date,
                &issue.title,
                &frozen.plan_hash,
                &issue.content_hash,
                &issue.state,
                &issue.control,
                issue.held_because.clone(),
                issue.on_time_ms,
                issue.frozen_ms,
                issue.approved_by.clone(),
                issue.approved_ms,
                issue.approvals_needed,
                !frozen.tells_messages,
                frozen.stage_wait_ms,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// Stores the promises and the audience of an issue whose head and renditions are stored.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn insert_audience(tx: &mut Tx, frozen: &Frozen) -> Result<()> {
    let issue = &frozen.issue.id;
    promises::insert(tx, Some(issue), &frozen.promises).await?;
    audience::insert(tx, issue, &frozen.decisions).await
}

/// Sets `running`, `paused` or `cancelled`; a cancelled issue stays cancelled. Cancelling also takes what has not
/// started out of the queue, the first part of it at once and the rest by [`cancel_part`], and keeps the rows as
/// evidence. False if nothing changed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn control(tx: &mut Tx, id: &str, control: &str) -> Result<bool> {
    let done = tx
        .run(
            "UPDATE issue SET control = $2, paused_because = NULL WHERE id = $1 AND control <> 'cancelled' AND control <> $2
               AND state <> 'done'",
            args![id, control],
        )
        .await?;
    if done == 1 && control == "cancelled" {
        tx.run("UPDATE issue SET state = 'cancelled' WHERE id = $1", args![id]).await?;
        cancel_part(tx, PART_ROWS).await?;
    }
    Ok(done == 1)
}

/// Whether something of an issue waits whose time allowed is over and that counted no try.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn has_late(db: &Db, id: &str, now_ms: UtcMs) -> Result<bool> {
    let row: Option<(String,)> = db
        .opt(
            "SELECT d.id FROM issue i JOIN delivery d ON d.issue_id = i.id
             WHERE i.id = $1 AND d.live AND d.tries = 0 AND d.promised_ms + i.on_time_ms < $2 LIMIT 1",
            args![id, now_ms],
        )
        .await?;
    Ok(row.is_some())
}

/// Notes that a person had an issue go on at `now_ms`: what of it is late by then may leave.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn resumed(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<()> {
    tx.run("UPDATE issue SET resumed_ms = $2 WHERE id = $1", args![id, now_ms]).await.map(|_| ())
}

// Where an issue's live rows are looked for, a due time that is always true is named: without statistics SQLite would
// else take the index of all its rows and walk over those that are done.

/// Takes a part of what waits of cancelled issues out of the queue, at most `rows`. Returns how many. What another node starts
/// in this moment stays with it.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn cancel_part(tx: &mut Tx, rows: i64) -> Result<u64> {
    tx.run(
        "UPDATE delivery SET state = 'cancelled', live = FALSE, detail = 'the issue was cancelled'
         WHERE state = 'ready' AND id IN (
             SELECT d.id FROM issue i CROSS JOIN delivery d
             WHERE i.control = 'cancelled' AND d.issue_id = i.id AND d.live AND d.due_ms < $2 AND d.state = 'ready'
             LIMIT $1)",
        args![rows, UtcMs::MAX],
    )
    .await
}

/// Pauses a running issue for a reason that people should read. False if it does not run.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn pause_because(tx: &mut Tx, id: &str, why: &str) -> Result<bool> {
    let done = tx
        .run(
            "UPDATE issue SET control = 'paused', paused_because = $2
             WHERE id = $1 AND control = 'running' AND state <> 'done'",
            args![id, why],
        )
        .await?;
    Ok(done == 1)
}

/// Issues that are paused for a reason that people should read, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn paused_because(db: &Db) -> Result<Vec<Issue>> {
    db.all(
        "SELECT id, newsletter, nominal_date, title, content_hash, state, control, held_because, paused_because,
             on_time_ms, frozen_ms, approved_by, approved_ms, approvals_needed, released_ms, done_ms
         FROM issue WHERE control = 'paused' AND paused_because IS NOT NULL AND state <> 'done'
         ORDER BY nominal_date, id LIMIT 100",
        Vec::new(),
    )
    .await
}

/// The address that an issue is sent from.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn sender(tx: &mut Tx, id: &str) -> Result<Option<String>> {
    let row: Option<(String,)> =
        tx.opt("SELECT MIN(sender) FROM rendition WHERE issue_id = $1 GROUP BY issue_id", args![id]).await?;
    Ok(row.map(|(sender,)| sender))
}

/// Marks issues as done whose deliveries have all reached a final state, those in whose mails they ride included. Also takes out of the queue what another
/// node put back in the moment an issue was cancelled, when neither saw the other's change.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn finish(tx: &mut Tx, now_ms: UtcMs) -> Result<u64> {
    cancel_part(tx, PART_ROWS).await?;
    tx.run(
        "UPDATE issue SET state = 'done', done_ms = $1
         WHERE state = 'sending' AND NOT EXISTS (
             SELECT 1 FROM delivery d WHERE d.issue_id = issue.id AND d.live AND d.due_ms < $2)
           AND NOT EXISTS (
             SELECT 1 FROM issue_guest g JOIN issue h ON h.id = g.host_id
             WHERE g.guest_id = issue.id AND (h.state NOT IN ('done', 'cancelled') OR EXISTS (
                 SELECT 1 FROM delivery d WHERE d.issue_id = h.id AND d.live AND d.due_ms < $2)))",
        args![now_ms, UtcMs::MAX],
    )
    .await
}

/// Approved issues that wait to be released, but those that share mails with one that waits for approval or is paused.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn approved(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT id FROM issue WHERE state = 'approved' AND control <> 'cancelled'
               AND NOT EXISTS (SELECT 1 FROM issue o WHERE o.digest_id = issue.digest_id
                   AND (o.state = 'frozen' OR (o.control = 'paused' AND o.state <> 'done')))
             ORDER BY frozen_ms, id LIMIT 100",
            Vec::new(),
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// An earlier issue of the same newsletter that is still under way: of which something was due and was not tried yet. What is tried again after a refusal holds up nobody. What shares mails is looked at together, since it is released together.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn under_way_before(db: &Db, id: &str, now_ms: UtcMs) -> Result<Option<Issue>> {
    db.opt(
        "SELECT e.id, e.newsletter, e.nominal_date, e.title, e.content_hash, e.state, e.control, e.held_because,
             e.paused_because, e.on_time_ms, e.frozen_ms, e.approved_by, e.approved_ms, e.approvals_needed,
             e.released_ms, e.done_ms
         FROM issue i JOIN issue e ON e.newsletter = i.newsletter AND e.nominal_date < i.nominal_date
         WHERE (i.id = $1 OR i.digest_id = (SELECT digest_id FROM issue WHERE id = $1)) AND e.state = 'sending' AND EXISTS (
             SELECT 1 FROM delivery d
             WHERE d.issue_id = e.id AND d.live AND d.attempt = 0 AND d.state = 'ready'
               AND d.due_ms <= $2)
         ORDER BY e.nominal_date LIMIT 1",
        args![id, now_ms],
    )
    .await
}

/// The latest issue of the same newsletter that is promised for a later date and has left already.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn overtaken_by(db: &Db, id: &str) -> Result<Option<Issue>> {
    db.opt(
        "SELECT l.id, l.newsletter, l.nominal_date, l.title, l.content_hash, l.state, l.control, l.held_because,
             l.paused_because, l.on_time_ms, l.frozen_ms, l.approved_by, l.approved_ms, l.approvals_needed,
             l.released_ms, l.done_ms
         FROM issue i JOIN issue l ON l.newsletter = i.newsletter AND l.nominal_date > i.nominal_date
         WHERE i.id = $1 AND l.released_ms IS NOT NULL ORDER BY l.nominal_date DESC LIMIT 1",
        args![id],
    )
    .await
}

/// Issues, latest promise first, at most 200.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn recent(db: &Db) -> Result<Vec<Issue>> {
    db.all(
        "SELECT id, newsletter, nominal_date, title, content_hash, state, control, held_because,
             paused_because, on_time_ms, frozen_ms, approved_by, approved_ms, approvals_needed, released_ms, done_ms
         FROM issue ORDER BY nominal_date DESC, id LIMIT 200",
        Vec::new(),
    )
    .await
}

/// One issue.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn issue(db: &Db, id: &str) -> Result<Option<Issue>> {
    db.opt(
        "SELECT id, newsletter, nominal_date, title, content_hash, state, control, held_because,
             paused_because, on_time_ms, frozen_ms, approved_by, approved_ms, approvals_needed, released_ms, done_ms
         FROM issue WHERE id = $1",
        args![id],
    )
    .await
}

/// The revision of the file from which an issue was fixed.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn plan_hash(db: &Db, id: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = db.opt("SELECT plan_hash FROM issue WHERE id = $1", args![id]).await?;
    Ok(row.map(|(hash,)| hash))
}

/// Issues that fit everything given, latest promise first, at most 10.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn named(
    db: &Db,
    id: Option<&str>,
    newsletter: Option<&str>,
    nominal_date: Option<&str>,
) -> Result<Vec<Issue>> {
    db.all(
        "SELECT id, newsletter, nominal_date, title, content_hash, state, control, held_because, paused_because,
             on_time_ms, frozen_ms, approved_by, approved_ms, approvals_needed, released_ms, done_ms
         FROM issue
         WHERE ($1 IS NULL OR id = $1) AND ($2 IS NULL OR newsletter = $2) AND ($3 IS NULL OR nominal_date = $3)
         ORDER BY nominal_date DESC, id LIMIT 10",
        args![id, newsletter, nominal_date],
    )
    .await
}

/// The last issue of a newsletter before the date `date`, `YYYY-MM-DD`, that was not cancelled.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn last_before(db: &Db, newsletter: &str, date: &str) -> Result<Option<Issue>> {
    db.opt(
        "SELECT id, newsletter, nominal_date, title, content_hash, state, control, held_because, paused_because,
             on_time_ms, frozen_ms, approved_by, approved_ms, approvals_needed, released_ms, done_ms
         FROM issue WHERE newsletter = $1 AND nominal_date < $2 AND state <> 'cancelled'
         ORDER BY nominal_date DESC LIMIT 1",
        args![newsletter, date],
    )
    .await
}

/// Issues of a newsletter that are promised for the dates `first` to `last`, `YYYY-MM-DD`, by date, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn between(db: &Db, newsletter: &str, first: &str, last: &str) -> Result<Vec<Issue>> {
    db.all(
        "SELECT id, newsletter, nominal_date, title, content_hash, state, control, held_because, paused_because,
             on_time_ms, frozen_ms, approved_by, approved_ms, approvals_needed, released_ms, done_ms
         FROM issue WHERE newsletter = $1 AND nominal_date >= $2 AND nominal_date <= $3
         ORDER BY nominal_date LIMIT 1000",
        args![newsletter, first, last],
    )
    .await
}

/// Whether an issue of this newsletter and date is there already.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn exists(db: &Db, newsletter: &str, nominal_date: &str) -> Result<bool> {
    let row: Option<(String,)> = db
        .opt(
            "SELECT id FROM issue WHERE newsletter = $1 AND nominal_date = $2",
            args![newsletter, nominal_date],
        )
        .await?;
    Ok(row.is_some())
}

/// Whether any issue is being sent, or has something waiting although it is over: a row that came back to the queue in
/// the moment in which its issue was cancelled or done.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn any_sending(db: &Db) -> Result<bool> {
    let row: Option<(String,)> = db
        .opt(
            "SELECT id FROM issue WHERE state = 'sending' OR (state IN ('done', 'cancelled')
                 AND EXISTS (SELECT 1 FROM delivery d WHERE d.issue_id = issue.id AND d.live AND d.due_ms < $1)) LIMIT 1",
            args![UtcMs::MAX],
        )
        .await?;
    Ok(row.is_some())
}
