//! Leads in nurture: with nobody, until they qualify or are to be taken up again.

use super::{
    Db, Tx,
    leads::{Lead, add_step},
    sql::args,
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Records that a lead of which nobody knew more than that it is one gets content from now on; nothing for one in another
/// stage. Returns the stage in which it was, where it moved.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn nurture(tx: &mut Tx, lead_id: &str, now_ms: UtcMs, what: &str) -> Result<Option<String>> {
    for from in ["inquiry", "recycled"] {
        let moved = tx
            .run(
                "UPDATE lead SET stage = 'nurturing', updated_ms = $2 WHERE id = $1 AND stage = $3",
                args![lead_id, now_ms, from],
            )
            .await?;
        if moved == 1 {
            add_step(tx, lead_id, now_ms, "partnercast", "nurturing", what).await?;
            return Ok(Some(from.to_owned()));
        }
    }
    Ok(None)
}

/// Leads that went back to nurture until now, the longest due first, at most `limit`; without those that a conflict holds.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn to_reopen(db: &Db, now_ms: UtcMs, limit: i64) -> Result<Vec<Lead>> {
    db.all(
        "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms,
             recycled_ms, reopen_ms, closed_reason, asked_again_ms
         FROM lead WHERE reopen_ms IS NOT NULL AND reopen_ms <= $1
             AND NOT EXISTS (SELECT 1 FROM conflict_party p WHERE p.lead_id = lead.id AND p.held)
         ORDER BY reopen_ms, id LIMIT $2",
        args![now_ms, limit],
    )
    .await
}

/// Leads in nurture that did something between two moments, in order of id after `after`, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn active_in_nurture(
    db: &Db,
    from_ms: UtcMs,
    to_ms: UtcMs,
    after: &str,
    limit: i64,
) -> Result<Vec<Lead>> {
    db.all(
        "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms,
             recycled_ms, reopen_ms, closed_reason, asked_again_ms
         FROM lead
         WHERE stage IN ('inquiry', 'nurturing', 'recycled') AND id > $3
             -- What came with a file is judged with what came with it.
             AND NOT EXISTS (SELECT 1 FROM lead_intake i WHERE i.lead_id = lead.id AND i.due_ms IS NOT NULL)
             AND id IN (SELECT e.lead_id FROM engagement_event e WHERE e.at_ms >= $1 AND e.at_ms < $2 AND e.human
                            AND e.lead_id IS NOT NULL)
         ORDER BY id LIMIT $4",
        args![from_ms, to_ms, after, limit],
    )
    .await
}

/// Leads in nurture behind the key `after`, by key.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn in_nurture(db: &Db, after: &str, limit: i64) -> Result<Vec<Lead>> {
    db.all(
        "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms,
             recycled_ms, reopen_ms, closed_reason, asked_again_ms
         FROM lead
         WHERE stage IN ('inquiry', 'nurturing', 'recycled') AND id > $1
             -- What came with a file is judged with what came with it.
             AND NOT EXISTS (SELECT 1 FROM lead_intake i WHERE i.lead_id = lead.id AND i.due_ms IS NOT NULL)
         ORDER BY id LIMIT $2",
        args![after, limit],
    )
    .await
}
