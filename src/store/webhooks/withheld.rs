//! Messages that wait for a fault of ours, which no receiver can mend: the vendor's people are told.

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// An endpoint that gets nothing, or not everything, by a fault of ours.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Withheld {
    /// The endpoint.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose; empty for the vendor's own.
    pub partner_slug: String,
    /// Since when.
    pub since_ms: UtcMs,
    /// What the last try came to.
    pub why: String,
}

/// Endpoints `e` with messages that wait for a fault of ours, each with what the last such try came to.
macro_rules! withheld {
    () => {
        "SELECT e.id, e.name, e.partner_slug, MIN(m.withheld_since_ms) AS since_ms,
             COALESCE((SELECT a.detail FROM webhook_attempt a JOIN webhook_message o
                           ON o.endpoint_id = a.endpoint_id AND o.event_id = a.event_id
                       WHERE a.endpoint_id = e.id AND a.verdict = 'withheld'
                         AND o.withheld_since_ms IS NOT NULL AND o.ended_ms IS NULL
                       ORDER BY a.at_ms DESC, a.no DESC LIMIT 1), '') AS why
         FROM webhook_endpoint e JOIN webhook_message m ON m.endpoint_id = e.id
         WHERE e.state = 'active' AND m.withheld_since_ms IS NOT NULL AND m.ended_ms IS NULL"
    };
}

/// What is known of one endpoint, if any of its messages waits for a fault of ours.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn of(db: &Db, endpoint_id: &str) -> Result<Option<Withheld>> {
    db.opt(
        concat!(withheld!(), " AND e.id = $1 GROUP BY e.id, e.name, e.partner_slug LIMIT 1"),
        args![endpoint_id],
    )
    .await
}

/// Endpoints with messages that have waited for a fault of ours since before `since_ms`, of which nobody was told; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn untold(db: &Db, since_ms: UtcMs) -> Result<Vec<Withheld>> {
    db.all(
        concat!(
            withheld!(),
            " AND e.withheld_told_ms IS NULL GROUP BY e.id, e.name, e.partner_slug
              HAVING MIN(m.withheld_since_ms) <= $1 ORDER BY e.id LIMIT 100"
        ),
        args![since_ms],
    )
    .await
}

/// Notes that the vendor's people are told of an endpoint. False where somebody else did that.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn tell(tx: &mut Tx, endpoint_id: &str, now_ms: UtcMs) -> Result<bool> {
    let told = tx
        .run(
            "UPDATE webhook_endpoint SET withheld_told_ms = $2 WHERE id = $1 AND withheld_told_ms IS NULL",
            args![endpoint_id, now_ms],
        )
        .await?;
    Ok(told == 1)
}

/// Endpoints of which the vendor's people were told and that wait for nothing of ours any more; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn over(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT e.id FROM webhook_endpoint e WHERE e.withheld_told_ms IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM webhook_message m
                 WHERE m.endpoint_id = e.id AND m.withheld_since_ms IS NOT NULL AND m.ended_ms IS NULL)
             ORDER BY e.id LIMIT 100",
            Vec::new(),
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Forgets that they were told: the next time is another story.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget_told(tx: &mut Tx, endpoint_id: &str) -> Result<()> {
    tx.run("UPDATE webhook_endpoint SET withheld_told_ms = NULL WHERE id = $1", args![endpoint_id])
        .await
        .map(|_| ())
}
