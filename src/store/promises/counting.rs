//! How promises went is counted when their window is over, and as long as their issue is on its way.

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// Whether [`close_hopeless`] has anything to do.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn has_hopeless(db: &Db, now_ms: UtcMs) -> Result<bool> {
    let found: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM promise
             WHERE NOT closed AND (
                 (due_ms < $1 AND due_ms + on_time_ms < $1 AND (issue_id IS NULL OR because IS NOT NULL))
                 OR (issue_id IS NULL AND EXISTS (
                     SELECT 1 FROM issue i
                     WHERE i.newsletter = promise.newsletter AND i.nominal_date = substr(promise.nominal_local, 1, 10))))
             LIMIT 1",
            args![now_ms],
        )
        .await?;
    Ok(found.is_some())
}

/// Closes promises that nothing can keep any more: whose window is over, and that have no issue or were given up. Returns
/// how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn close_hopeless(tx: &mut Tx, now_ms: UtcMs) -> Result<u64> {
    // What another node entered in the moment in which an issue for the date was stored.
    tx.run(
        "DELETE FROM promise WHERE NOT closed AND issue_id IS NULL AND EXISTS (
             SELECT 1 FROM issue i
             WHERE i.newsletter = promise.newsletter AND i.nominal_date = substr(promise.nominal_local, 1, 10))",
        Vec::new(),
    )
    .await?;
    tx.run(
        "UPDATE promise SET closed = TRUE, counted_ms = $1
         WHERE NOT closed AND due_ms < $1 AND due_ms + on_time_ms < $1 AND (issue_id IS NULL OR because IS NOT NULL)",
        args![now_ms],
    )
    .await
}

/// Issues that have promises to be counted at `now_ms`: whose window is over and that were not counted since
/// `counted_before_ms`, or whose issue has ended since. At most 20.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn uncounted(db: &Db, now_ms: UtcMs, counted_before_ms: UtcMs) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT i.id FROM promise p JOIN issue i ON i.id = p.issue_id
             WHERE NOT p.closed AND p.because IS NULL AND p.due_ms < $1 AND p.due_ms + p.on_time_ms < $1
               AND (p.counted_ms IS NULL OR p.counted_ms < $2 OR i.state IN ('done', 'cancelled'))
             ORDER BY i.id LIMIT 20",
            args![now_ms, counted_before_ms],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How a promise stands.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Count {
    /// Which.
    pub id: String,
    /// Recipients that must not be written to any more since it was fixed.
    pub suppressed: i64,
    /// Accepted within the window.
    pub on_time: i64,
    /// Accepted by now.
    pub accepted: i64,
}

/// Counts the promises of an issue whose window is over at `now_ms`. Left out are those who asked for no mail, or whose
/// address was stopped, while it could still be kept: by the end of the window, as the do-not-send list says, or before the
/// issue was released, which such a row's `created_ms` is. Who was stopped only later had been let down before, and whose
/// entry is gone may be written to.
/// Who unsubscribed from the newsletter in whose mail it was to come is not left out: of this one they wanted a mail.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn count(db: &Db, issue_id: &str, now_ms: UtcMs) -> Result<Vec<Count>> {
    db.all(
        // A row that nobody took up for sending (`token` 0) was suppressed when it was made.
        "SELECT p.id, COUNT(CASE WHEN d.state = 'suppressed' AND CASE
                 WHEN d.token = 0 THEN d.created_ms <= p.due_ms + p.on_time_ms
                 ELSE EXISTS (
                     SELECT 1 FROM suppression s WHERE s.email_key IN (d.base_key, '@' || d.site)
                       AND s.scope IN (p.newsletter, 'all') AND s.created_ms <= p.due_ms + p.on_time_ms)
                 END THEN 1 END) AS suppressed,
             COUNT(CASE WHEN d.accepted_ms <= p.due_ms + p.on_time_ms THEN 1 END) AS on_time,
             COUNT(d.accepted_ms) AS accepted
         FROM audience_decision a
         JOIN promise p ON p.id = a.promise_id AND p.due_ms + p.on_time_ms < $2
         LEFT JOIN delivery d ON d.id = a.delivery_id
         WHERE a.issue_id = $1 AND a.included
         GROUP BY p.id ORDER BY p.id",
        args![issue_id, now_ms],
    )
    .await
}

/// Records counts, and closes the promises of issues that have ended.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn record(tx: &mut Tx, counts: &[Count], now_ms: UtcMs) -> Result<u64> {
    let rows = counts
        .iter()
        .map(|count| args![count.id.as_str(), count.suppressed, count.on_time, count.accepted, now_ms]);
    tx.bulk(
        "WITH r (rid, rsuppressed, ron_time, raccepted, rnow_ms) AS (",
        rows.collect(),
        ") UPDATE promise SET suppressed = rsuppressed, on_time = ron_time, accepted = raccepted, counted_ms = rnow_ms,
             closed = EXISTS (SELECT 1 FROM issue i WHERE i.id = promise.issue_id AND i.state IN ('done', 'cancelled'))
         FROM r WHERE id = rid",
    )
    .await
}

/// Has the promises of issues that go on again counted anew.
///
/// # Errors
/// Those of [`Tx::run`].
pub(in crate::store) async fn reopen(tx: &mut Tx) -> Result<u64> {
    tx.run(
        "UPDATE promise SET closed = FALSE
         WHERE closed AND because IS NULL AND eligible > 0 AND issue_id IN (SELECT id FROM issue WHERE state = 'sending')",
        Vec::new(),
    )
    .await
}
