//! Whether people still agree to what they agreed to, and what follows when they took it back.

use super::{
    Db, Tx,
    sql::{args, consent_stands},
};
use crate::domain::kernel::{Result, clock::UtcMs};

const AGREES: &str = concat!("SELECT COUNT(*) FROM consent c WHERE c.lead_id = $1 AND ", consent_stands!());

/// Whether a person still agrees to be contacted: to one text at least they said yes, and nothing after that took it back.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn agrees(db: &Db, lead_id: &str) -> Result<bool> {
    let row: Option<(i64,)> = db.opt(AGREES, args![lead_id]).await?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// The same inside a transaction.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn agrees_in(tx: &mut Tx, lead_id: &str) -> Result<bool> {
    let row: Option<(i64,)> = tx.opt(AGREES, args![lead_id]).await?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// Whether a lead agrees to `purpose`, by a text whose consent was not taken back.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn has(db: &Db, lead_id: &str, purpose: &str) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            concat!(
                "SELECT COUNT(*) FROM consent c WHERE c.lead_id = $1 AND c.purpose = $2 AND ",
                consent_stands!()
            ),
            args![lead_id, purpose],
        )
        .await?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// Records that everything the person agreed to is taken back, also what is told later of a time before: each text that is
/// known once more, with a no. Whoever looked at the lead before sees that it changed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn withdraw(tx: &mut Tx, lead_id: &str, now_ms: UtcMs) -> Result<u64> {
    let changed = tx
        .run(
            "INSERT INTO consent (lead_id, text_id, text_version, at_ms, purpose, wording, granted, locale)
             SELECT lead_id, text_id, text_version, $2, MIN(purpose), MIN(wording), FALSE, MIN(locale) FROM consent
             WHERE lead_id = $1 GROUP BY lead_id, text_id, text_version
             ON CONFLICT DO NOTHING",
            args![lead_id, now_ms],
        )
        .await?;
    tx.run(
        "INSERT INTO consent_withdrawal (lead_id, at_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        args![lead_id, now_ms],
    )
    .await?;
    tx.run(
        "UPDATE lead SET updated_ms = CASE WHEN updated_ms < $2 THEN $2 ELSE updated_ms + 1 END WHERE id = $1",
        args![lead_id, now_ms],
    )
    .await?;
    Ok(changed)
}

/// The leads whose person took back their consent and of whom nobody has looked yet who has them, the first first; at most
/// `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn unsettled(db: &Db, limit: i64) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT lead_id FROM consent_withdrawal WHERE settled_ms IS NULL
             GROUP BY lead_id ORDER BY MIN(at_ms), lead_id LIMIT $1",
            args![limit],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Records that it was looked after who has the lead. False if somebody else did so meanwhile.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn settle(tx: &mut Tx, lead_id: &str, now_ms: UtcMs) -> Result<bool> {
    let changed = tx
        .run(
            "UPDATE consent_withdrawal SET settled_ms = $2 WHERE lead_id = $1 AND settled_ms IS NULL",
            args![lead_id, now_ms],
        )
        .await?;
    Ok(changed > 0)
}
