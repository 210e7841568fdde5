//! Sequences as people see them: how many are where, who they are, how they left.

use super::{Db, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// How many people are, or ended, in one way.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Count {
    /// The sequence's slug.
    pub sequence: String,
    /// `inside`, `finished` or `left`.
    pub state: String,
    /// For those inside, the step that comes next.
    pub waiting: Option<String>,
    /// For those who left, why.
    pub reason: String,
    /// How many.
    pub people: i64,
}

/// How many people are where, of one sequence or of all; at most 20,000 lines.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn counts(db: &Db, sequence: Option<&str>) -> Result<Vec<Count>> {
    db.all(
        "SELECT sequence, state, waiting, reason, COUNT(*) AS people FROM enrolment
         WHERE $1 IS NULL OR sequence = $1
         GROUP BY sequence, state, waiting, reason ORDER BY sequence, state, waiting, reason LIMIT 20000",
        args![sequence],
    )
    .await
}

/// How many people had a step of `sequence`, and how: step, `sent` or `skipped`, people.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn had(db: &Db, sequence: &str) -> Result<Vec<(String, String, i64)>> {
    db.all(
        "SELECT s.step, s.outcome, COUNT(*) FROM enrolment_step s JOIN enrolment e ON e.id = s.enrolment_id
         WHERE e.sequence = $1 GROUP BY s.step, s.outcome ORDER BY s.step, s.outcome LIMIT 20000",
        args![sequence],
    )
    .await
}

/// Somebody in a sequence, with their name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, sqlx::FromRow)]
pub struct Traveller {
    /// The enrolment.
    pub id: String,
    /// The contact's or lead's key.
    pub person: String,
    /// Whether they are a lead.
    pub is_lead: bool,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Whose partner.
    pub partner_slug: String,
    /// The step that comes next.
    pub waiting: Option<String>,
    /// When it is due.
    pub due_ms: UtcMs,
    /// Why they wait, or left.
    pub detail: String,
    /// `program::sequence::LeaveReason`'s word, of those who left.
    pub reason: String,
    /// When they ended.
    pub ended_ms: Option<UtcMs>,
}

/// Who is inside `sequence`, the next due first, at most `rows`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn inside(db: &Db, sequence: &str, rows: i64) -> Result<Vec<Traveller>> {
    db.all(
        "SELECT e.id, e.person, e.lead_id IS NOT NULL AS is_lead, COALESCE(l.name, c.name, '') AS name,
             COALESCE(l.email, c.email, '') AS email, e.partner_slug, e.waiting, e.due_ms, e.detail, e.reason, e.ended_ms
         FROM enrolment e LEFT JOIN lead l ON l.id = e.lead_id LEFT JOIN contact c ON c.id = e.contact_id
         WHERE e.sequence = $1 AND e.state = 'inside' ORDER BY e.due_ms, e.id LIMIT $2",
        args![sequence, rows],
    )
    .await
}

/// Who left or finished `sequence`, the latest first, at most `rows`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn ended(db: &Db, sequence: &str, rows: i64) -> Result<Vec<Traveller>> {
    db.all(
        "SELECT e.id, e.person, e.lead_id IS NOT NULL AS is_lead, COALESCE(l.name, c.name, '') AS name,
             COALESCE(l.email, c.email, '') AS email, e.partner_slug, e.waiting, e.due_ms, e.detail, e.reason, e.ended_ms
         FROM enrolment e LEFT JOIN lead l ON l.id = e.lead_id LEFT JOIN contact c ON c.id = e.contact_id
         WHERE e.sequence = $1 AND e.state <> 'inside' ORDER BY e.ended_ms DESC, e.id LIMIT $2",
        args![sequence, rows],
    )
    .await
}

/// A step that somebody had.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Had {
    /// Its name.
    pub step: String,
    /// `sent` or `skipped`.
    pub outcome: String,
    /// Why it was passed over.
    pub because: String,
    /// When.
    pub at_ms: UtcMs,
}

/// The steps that somebody had, in order.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn path(db: &Db, sequence: &str, enrolment: &str) -> Result<Vec<Had>> {
    db.all(
        "SELECT s.step, s.outcome, s.because, s.at_ms FROM enrolment_step s JOIN enrolment e ON e.id = s.enrolment_id
         WHERE e.sequence = $1 AND e.id = $2 ORDER BY s.no, s.step LIMIT 1000",
        args![sequence, enrolment],
    )
    .await
}

/// Where people inside `sequence` are, by key: at most `rows` behind `after`, each with the step that comes next.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn places(
    db: &Db,
    sequence: &str,
    after: &str,
    rows: i64,
) -> Result<Vec<(String, Option<String>)>> {
    db.all(
        "SELECT id, waiting FROM enrolment WHERE sequence = $1 AND state = 'inside' AND id > $2 ORDER BY id LIMIT $3",
        args![sequence, after, rows],
    )
    .await
}

/// What people inside `sequence` had, behind the key `after` up to `last`: key and step, oldest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn had_by(db: &Db, sequence: &str, after: &str, last: &str) -> Result<Vec<(String, String)>> {
    db.all(
        "SELECT s.enrolment_id, s.step FROM enrolment_step s JOIN enrolment e ON e.id = s.enrolment_id
         WHERE e.sequence = $1 AND e.state = 'inside' AND e.id > $2 AND e.id <= $3
         ORDER BY s.enrolment_id, s.no, s.step LIMIT 100000",
        args![sequence, after, last],
    )
    .await
}

/// The sequences that somebody is inside, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn busy(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT sequence FROM enrolment WHERE state = 'inside' ORDER BY sequence LIMIT 1000",
            Vec::new(),
        )
        .await?;
    Ok(rows.into_iter().map(|(sequence,)| sequence).collect())
}

/// What people between two keys, both included, were sent of sequences between two instants: person, sequence, and when it
/// was promised, or made if that was more than `late_ms` later. What reached nobody is left out.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn sent_between(
    db: &Db,
    people: (&str, &str),
    span: (UtcMs, UtcMs),
    late_ms: i64,
) -> Result<Vec<(String, String, UtcMs)>> {
    db.all(
        "SELECT e.person, e.sequence,
             CASE WHEN d.created_ms - d.promised_ms > $5 THEN d.created_ms ELSE d.promised_ms END
         FROM enrolment e JOIN enrolment_step s ON s.enrolment_id = e.id JOIN delivery d ON d.id = s.delivery_id
         WHERE e.person >= $1 AND e.person <= $2 AND s.at_ms >= $3 AND s.at_ms < $4
           AND d.state NOT IN ('failed', 'suppressed', 'cancelled', 'expired')
         ORDER BY e.person, s.at_ms, s.step",
        args![people.0, people.1, span.0, span.1, late_ms],
    )
    .await
}

/// What people between two keys, both included, wait for in sequences between two instants: person, sequence, when.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn waiting_between(
    db: &Db,
    people: (&str, &str),
    span: (UtcMs, UtcMs),
) -> Result<Vec<(String, String, UtcMs)>> {
    db.all(
        "SELECT person, sequence, due_ms FROM enrolment
         WHERE person >= $1 AND person <= $2 AND state = 'inside' AND due_ms >= $3 AND due_ms < $4
         ORDER BY person, due_ms, sequence",
        args![people.0, people.1, span.0, span.1],
    )
    .await
}

/// The steps whose messages have reached a person: the next hop took them.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn reached(db: &Db, enrolment_id: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT s.step FROM enrolment_step s JOIN delivery d ON d.id = s.delivery_id
             WHERE s.enrolment_id = $1 AND d.accepted_ms IS NOT NULL ORDER BY s.step LIMIT 1000",
            args![enrolment_id],
        )
        .await?;
    Ok(rows.into_iter().map(|(step,)| step).collect())
}

/// The leads with this address, one a partner at most: their keys, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn leads_at(db: &Db, email_key: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> =
        db.all("SELECT id FROM lead WHERE email_key = $1 ORDER BY id LIMIT 100", args![email_key]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
