//! Leads that several partners are asked to take at once.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A lead that somebody is asked to claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Call {
    /// The key.
    pub id: String,
    /// Which lead.
    pub lead_id: String,
    /// Which time it is called out, from 1.
    pub round: i64,
    /// The partner.
    pub partner_slug: String,
    /// The rep.
    pub contact_id: Option<String>,
    /// The rep's name.
    pub rep_name: String,
    /// The rep's address.
    pub rep_email: String,
    /// Why the lead is qualified.
    pub because: String,
    /// `hot` or `standard`.
    pub temperature: String,
    /// When they were asked.
    pub called_ms: UtcMs,
    /// Until when they can claim it.
    pub due_ms: UtcMs,
    /// When it was answered.
    pub answered_ms: Option<UtcMs>,
    /// `claimed`, `declined`, `lapsed`, `taken` by another, or `withdrawn`; nothing while it is open.
    pub answer: Option<String>,
}

/// Calls a lead out.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn add(tx: &mut Tx, calls: &[Call]) -> Result<u64> {
    let rows = calls.iter().map(|call| {
        args![
            &call.id,
            &call.lead_id,
            call.round,
            &call.partner_slug,
            call.contact_id.clone(),
            &call.rep_name,
            &call.rep_email,
            &call.because,
            &call.temperature,
            call.called_ms,
            call.due_ms,
        ]
    });
    tx.bulk(
        "INSERT INTO lead_call (id, lead_id, round, partner_slug, contact_id, rep_name, rep_email, because, temperature,
             called_ms, due_ms)",
        rows.collect(),
        "",
    )
    .await
}

/// One call.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn call(db: &Db, id: &str) -> Result<Option<Call>> {
    db.opt(
        "SELECT id, lead_id, round, partner_slug, contact_id, rep_name, rep_email, because, temperature, called_ms, due_ms,
             answered_ms, answer
         FROM lead_call WHERE id = $1",
        args![id],
    )
    .await
}

/// The calls of a lead, in order, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Vec<Call>> {
    db.all(
        "SELECT id, lead_id, round, partner_slug, contact_id, rep_name, rep_email, because, temperature, called_ms, due_ms,
             answered_ms, answer
         FROM lead_call WHERE lead_id = $1 ORDER BY round, called_ms, id LIMIT 1000",
        args![lead_id],
    )
    .await
}

/// The calls that a rep at this address (lower case) may still answer at `now_ms`, the most urgent first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn open_of_rep(db: &Db, address: &str, now_ms: UtcMs) -> Result<Vec<Call>> {
    db.all(
        "SELECT id, lead_id, round, partner_slug, contact_id, rep_name, rep_email, because, temperature, called_ms, due_ms,
             answered_ms, answer
         FROM lead_call WHERE LOWER(rep_email) = $1 AND answer IS NULL AND due_ms > $2 ORDER BY due_ms, id LIMIT 100",
        args![address, now_ms],
    )
    .await
}

/// Holds the lead until the end of the transaction, so that of several who claim it one comes first.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn hold(tx: &mut Tx, lead_id: &str) -> Result<()> {
    tx.run("UPDATE lead SET updated_ms = updated_ms WHERE id = $1", args![lead_id]).await.map(|_| ())
}

/// Answers a call that is open. Returns whether it was.
///
/// # Errors
/// `Conflict` where somebody else claimed the lead in this round.
pub async fn answer(tx: &mut Tx, id: &str, answer: &str, now_ms: UtcMs) -> Result<bool> {
    let answered = tx
        .run(
            "UPDATE lead_call SET answer = $2, answered_ms = $3 WHERE id = $1 AND answer IS NULL",
            args![id, answer, now_ms],
        )
        .await?;
    Ok(answered == 1)
}

/// Ends all open calls of a lead with `answer`. Returns how many were.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn close(tx: &mut Tx, lead_id: &str, answer: &str, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE lead_call SET answer = $2, answered_ms = $3 WHERE lead_id = $1 AND answer IS NULL",
        args![lead_id, answer, now_ms],
    )
    .await
}

/// Has a lead looked at anew whose calls were all answered, and that nobody claimed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn look_again(tx: &mut Tx, lead_id: &str, now_ms: UtcMs) -> Result<bool> {
    let due = tx
        .run(
            "UPDATE lead_intake SET due_ms = $2 WHERE lead_id = $1
               AND NOT EXISTS (SELECT 1 FROM lead_call c WHERE c.lead_id = $1 AND c.answer IS NULL)",
            args![lead_id, now_ms],
        )
        .await?;
    Ok(due == 1)
}

/// Calls that are open and whose time is over, the longest first, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn over(db: &Db, now_ms: UtcMs, limit: i64) -> Result<Vec<Call>> {
    db.all(
        "SELECT id, lead_id, round, partner_slug, contact_id, rep_name, rep_email, because, temperature, called_ms, due_ms,
             answered_ms, answer
         FROM lead_call WHERE answer IS NULL AND due_ms <= $1 ORDER BY due_ms, id LIMIT $2",
        args![now_ms, limit],
    )
    .await
}
