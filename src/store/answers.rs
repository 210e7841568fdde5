//! What people answered to fields that a form has of its own.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Answer {
    /// When.
    pub at_ms: UtcMs,
    /// Which form, by its name.
    pub form: String,
    /// Its version then.
    pub version: i64,
    /// The field's name.
    pub name: String,
    /// What stood over it.
    pub label: String,
    /// What was answered.
    pub value: String,
}

/// Keeps an answer; what the same form sent in the same moment is the same answer.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, lead_id: &str, answer: &Answer) -> Result<()> {
    tx.run(
        "INSERT INTO lead_answer (lead_id, at_ms, form, version, name, label, value) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (lead_id, form, name, at_ms) DO UPDATE SET value = excluded.value, label = excluded.label",
        args![
            lead_id,
            answer.at_ms,
            &answer.form,
            answer.version,
            &answer.name,
            &answer.label,
            &answer.value,
        ],
    )
    .await
    .map(|_| ())
}

/// The answers of a lead, newest first, at most 200.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Vec<Answer>> {
    db.all(
        "SELECT at_ms, form, version, name, label, value FROM lead_answer WHERE lead_id = $1
         ORDER BY at_ms DESC, form, name LIMIT 200",
        args![lead_id],
    )
    .await
}

/// Takes the words of a lead's answers away; that there were some stays countable.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank(tx: &mut Tx, lead_id: &str) -> Result<u64> {
    tx.run("UPDATE lead_answer SET value = '(erased)' WHERE lead_id = $1", args![lead_id]).await
}
