//! Issues that are being frozen: their audience is stored in parts before they exist.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// `alive_ms`, the last sign of life, of a freeze that was given up, and whose parts are being taken away.
const ABANDONED_MS: UtcMs = UtcMs::MIN;

/// Announces that an audience will be stored for `issue_id`, at `now_ms` of the wall clock.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn begin(tx: &mut Tx, issue_id: &str, now_ms: UtcMs) -> Result<()> {
    tx.run("INSERT INTO freezing (issue_id, alive_ms) VALUES ($1, $2)", args![issue_id, now_ms])
        .await
        .map(|_| ())
}

/// Says that it goes on, at `now_ms` of the wall clock, in the transaction that stores a part. False if it was given up
/// meanwhile: then nothing more may be stored.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn go_on(tx: &mut Tx, issue_id: &str, now_ms: UtcMs) -> Result<bool> {
    let going = tx
        .run(
            "UPDATE freezing SET alive_ms = $2 WHERE issue_id = $1 AND alive_ms <> $3",
            args![issue_id, now_ms, ABANDONED_MS],
        )
        .await?;
    Ok(going == 1)
}

/// Ends it, in the transaction that stores the issue itself. False if it was given up meanwhile: then the audience is
/// not whole, and nothing may be stored.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn end(tx: &mut Tx, issue_id: &str) -> Result<bool> {
    let ended = tx
        .run("DELETE FROM freezing WHERE issue_id = $1 AND alive_ms <> $2", args![issue_id, ABANDONED_MS])
        .await?;
    Ok(ended == 1)
}

/// Gives up the freeze of `issue_id`.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn give_up(tx: &mut Tx, issue_id: &str) -> Result<()> {
    tx.run("UPDATE freezing SET alive_ms = $2 WHERE issue_id = $1", args![issue_id, ABANDONED_MS])
        .await
        .map(|_| ())
}

/// One freeze that was given up, or did not go on since `before_ms` and so was broken off.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn abandoned(db: &Db, before_ms: UtcMs) -> Result<Option<String>> {
    let first = "SELECT issue_id FROM freezing WHERE alive_ms < $1 ORDER BY issue_id LIMIT 1";
    let found: Option<(String,)> = db.opt(first, args![before_ms]).await?;
    Ok(found.map(|(issue_id,)| issue_id))
}

/// Takes away at most `rows` of what was stored for a freeze that was given up; after the last the freeze itself.
/// Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn clear(tx: &mut Tx, issue_id: &str, rows: i64) -> Result<u64> {
    // The end first: by a list of keys PostgreSQL, which has no statistics of a new audience, compares all with all.
    let last: Option<(Option<String>,)> = tx
        .opt(
            "SELECT MAX(contact_id) FROM (
                 SELECT contact_id FROM audience_decision WHERE issue_id = $1 ORDER BY contact_id LIMIT $2) AS part",
            args![issue_id, rows],
        )
        .await?;
    let gone = tx
        .run(
            "DELETE FROM audience_decision WHERE issue_id = $1 AND contact_id <= $2
               AND EXISTS (SELECT 1 FROM freezing WHERE freezing.issue_id = $1 AND alive_ms = $3)",
            args![issue_id, last.and_then(|(last,)| last), ABANDONED_MS],
        )
        .await?;
    if gone == 0 {
        tx.run("DELETE FROM freezing WHERE issue_id = $1 AND alive_ms = $2", args![issue_id, ABANDONED_MS])
            .await?;
    }
    Ok(gone)
}

/// Has an issue of which nothing was started wait for approval again, so that nothing of it is started from now on; its
/// approvals are void. False if something was, or it is over.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn withdraw(tx: &mut Tx, issue_id: &str) -> Result<bool> {
    let waits = tx
        .run(
            "UPDATE issue SET state = 'frozen', approved_by = NULL, approved_ms = NULL, released_ms = NULL,
                 approvals_needed = CASE WHEN approvals_needed < 1 THEN 1 ELSE approvals_needed END
             WHERE id = $1 AND state IN ('frozen', 'approved', 'released', 'sending') AND control <> 'cancelled'
               AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.source = $1 AND d.attempt > 0)",
            args![issue_id],
        )
        .await?;
    if waits == 1 {
        tx.run("DELETE FROM issue_approval WHERE issue_id = $1", args![issue_id]).await?;
    }
    Ok(waits == 1)
}

/// Takes at most `rows` of the outbox away that was filled for an issue that waits for approval again; what was started
/// stays. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn empty(tx: &mut Tx, issue_id: &str, rows: i64) -> Result<u64> {
    // Holds the row: whoever approves it in this moment is first, or waits and fills it anew.
    let waits =
        tx.run("UPDATE issue SET state = 'frozen' WHERE id = $1 AND state = 'frozen'", args![issue_id]);
    if waits.await? == 0 {
        return Ok(0);
    }
    // The end first, as in `clear`.
    let last: Option<(Option<String>,)> = tx
        .opt(
            "SELECT MAX(recipient_key) FROM (
                 SELECT recipient_key FROM delivery WHERE source = $1 AND attempt = 0
                 ORDER BY recipient_key LIMIT $2) AS part",
            args![issue_id, rows],
        )
        .await?;
    tx.run(
        "DELETE FROM delivery WHERE source = $1 AND recipient_key <= $2 AND attempt = 0",
        args![issue_id, last.and_then(|(last,)| last)],
    )
    .await
}

/// Takes a frozen issue without an outbox back to draft: its row and its approvals go, its texts stay for whoever was sent a
/// test of them, and what was decided about people is taken away later, in parts. Once an hour of it has come by
/// `now_ms`, what it promised stays promised, until another issue keeps it; before, it goes too, and is entered anew when
/// it should be fixed. False if it does not wait, or something of it was started.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn thaw(tx: &mut Tx, issue_id: &str, now_ms: UtcMs) -> Result<bool> {
    // Holds the row: whoever approves it in this moment is first, or finds it gone.
    let waits = tx
        .run(
            "UPDATE issue SET state = 'frozen' WHERE id = $1 AND state = 'frozen' AND control <> 'cancelled'
               AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.source = $1)",
            args![issue_id],
        )
        .await?;
    if waits == 0 {
        return Ok(false);
    }
    remove(tx, issue_id, now_ms).await.map(|()| true)
}

/// Takes an issue's row and its approvals away, and its promises unless an hour of it has come by `now_ms`; of what was decided
/// about people it is noted that it goes.
///
/// # Errors
/// Those of [`Tx::run`].
async fn remove(tx: &mut Tx, issue_id: &str, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "UPDATE promise SET issue_id = NULL, because = COALESCE(because, 'its issue was returned to draft'),
             suppressed = 0, on_time = 0, accepted = 0, counted_ms = NULL, closed = FALSE
         WHERE issue_id = $1 AND EXISTS (
             SELECT 1 FROM promise d WHERE d.issue_id = $1 AND NOT d.skipped AND d.due_ms <= $2)",
        args![issue_id, now_ms],
    )
    .await?;
    for text in [
        // Holds the row: an approval that is given in this moment is there before it is taken away.
        "UPDATE issue SET state = state WHERE id = $1",
        "DELETE FROM issue_approval WHERE issue_id = $1",
        "DELETE FROM promise WHERE issue_id = $1",
        "UPDATE rendition SET issue_id = NULL WHERE issue_id = $1",
        "DELETE FROM issue WHERE id = $1",
    ] {
        tx.run(text, args![issue_id]).await?;
    }
    tx.run("INSERT INTO freezing (issue_id, alive_ms) VALUES ($1, $2)", args![issue_id, ABANDONED_MS])
        .await
        .map(|_| ())
}
