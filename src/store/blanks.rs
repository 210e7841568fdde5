//! Rows that are emptied when somebody is erased: what they count stays.

use super::{
    Tx,
    sql::{args, like_plain},
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Empties a contact; the row stays, so that what was sent stays countable.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_contact(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE contact SET name = '(erased)', email = LOWER(id) || '@erased.invalid',
             email_key = LOWER(id) || '@erased.invalid', base_key = LOWER(id) || '@erased.invalid', locale = NULL,
             zone = NULL, lead_contact = FALSE, active = FALSE, left_ms = $2, updated_ms = $2
         WHERE id = $1",
        args![id, now_ms],
    )
    .await
}

/// Empties a lead, its steps, what people typed about it and what was done; when it reached which stage, by which asset, stays countable.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_lead(tx: &mut Tx, id: &str, stage: &str, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "UPDATE lead SET name = '(erased)', company = '', email = LOWER(id) || '@erased.invalid',
             email_key = LOWER(id) || '@erased.invalid', person_key = LOWER(id) || '@erased.invalid', account = '', phone = NULL, job_role = NULL, company_size = NULL, origin = '',
             because = 'erased at the person''s request', stage = $2, updated_ms = $3,
             reopen_ms = NULL, asked_again_ms = NULL,
             owner_name = CASE WHEN $2 IN ('sql', 'deal_registered', 'won', 'lost') THEN owner_name END,
             owner_email = CASE WHEN $2 IN ('sql', 'deal_registered', 'won', 'lost') THEN owner_email END
         WHERE id = $1",
        args![id, stage, now_ms],
    )
    .await?;
    // What others typed may speak about them; the reason's word stays.
    tx.run(
        "UPDATE offer SET
             answer_reason = CASE WHEN answer_reason <> '' THEN '(erased)' ELSE answer_reason END,
             ended_because = CASE WHEN ended_because <> '' THEN '(erased)' ELSE ended_because END,
             given_because = CASE WHEN given_because <> '' THEN '(erased)' ELSE given_because END
         WHERE lead_id = $1",
        args![id],
    )
    .await?;
    tx.run("UPDATE lead_assignment SET because = '(erased)' WHERE lead_id = $1 AND because <> ''", args![id])
        .await?;
    // Whoever else acted on it stays named: those it was offered to, and those the audit log knows.
    tx.run(
        "UPDATE lead_step SET what = '(erased)',
             actor = CASE WHEN actor = 'partnercast' OR actor IN (SELECT rep_name FROM offer WHERE lead_id = $1)
                               OR actor IN (SELECT a.actor FROM audit a WHERE a.subject = $1)
                          THEN actor ELSE '(erased)' END
         WHERE lead_id = $1",
        args![id],
    )
    .await
    .map(|_| ())
}

/// Takes agent and network off what somebody did.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_events(tx: &mut Tx, contact: Option<&str>, lead: Option<&str>) -> Result<u64> {
    tx.run(
        "UPDATE engagement_event SET agent = '', network = '', method = '', reduced = TRUE
         WHERE contact_id = $1 OR lead_id = $2",
        args![contact, lead],
    )
    .await
}

/// Empties the messages to somebody, and those about a lead, with what came back for them; what waits does not leave.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_mail(tx: &mut Tx, base_key: &str, leads: &[String]) -> Result<u64> {
    tx.run(
        "UPDATE mail_report SET base_key = '', final_recipient = '', subject = '', diagnostic = '', excerpt = ''
         WHERE base_key = $1 OR delivery_id IN (SELECT d.id FROM delivery d WHERE d.base_key = $1)",
        args![base_key],
    )
    .await?;
    let mut changed = 0;
    for lead in leads.iter().map(String::as_str).chain([""]) {
        tx.run(
            "UPDATE rendition SET subject = '(erased)', body = '', wire = '' WHERE issue_id IS NULL AND id IN (
                 SELECT d.rendition_id FROM delivery d
                 WHERE d.issue_id IS NULL AND d.lane = 0 AND (d.base_key = $1 OR d.lead_id = $2))",
            args![base_key, lead],
        )
        .await?;
        tx.run(
            "UPDATE delivery SET state = 'cancelled', live = FALSE, token = token + 1, detail = NULL
             WHERE state = 'ready' AND live AND (base_key = $1 OR lead_id = $2)",
            args![base_key, lead],
        )
        .await?;
    }
    changed += tx
        .run(
            "UPDATE delivery SET recipient_key = LOWER(id) || '@erased.invalid', recipient_name = '(erased)',
                 email = LOWER(id) || '@erased.invalid', base_key = LOWER(id) || '@erased.invalid',
                 site = 'erased.invalid', because = '(erased)', detail = NULL
             WHERE base_key = $1",
            args![base_key],
        )
        .await?;
    Ok(changed)
}

/// Forgets entries of the do-not-send list, and open desks, of somebody.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget_keys(tx: &mut Tx, base_key: &str) -> Result<()> {
    tx.run("DELETE FROM suppression WHERE email_key = $1", args![base_key]).await?;
    tx.run("DELETE FROM session WHERE subject = $1", args![base_key]).await.map(|_| ())
}

/// Takes the name and address of somebody who had, or was offered, others' leads off those leads: off offers and calls by
/// their key, off clocks and steps by the names that these had of them. What runs is somebody else's by now and stays.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_rep(tx: &mut Tx, contact: &str) -> Result<()> {
    for text in [
        "UPDATE sla_clock SET owner = '(erased)' WHERE stopped_ms IS NOT NULL AND owner IN (
             SELECT o.rep_name FROM offer o WHERE o.contact_id = $1 AND o.lead_id = sla_clock.lead_id)",
        "UPDATE lead_amount SET actor = '(erased)' WHERE actor IN (
             SELECT o.rep_name FROM offer o WHERE o.contact_id = $1 AND o.lead_id = lead_amount.lead_id)",
        "UPDATE audit SET actor = '(erased)' WHERE actor IN (
             SELECT o.rep_name FROM offer o WHERE o.contact_id = $1 AND o.lead_id = audit.subject)",
        "UPDATE audit SET detail = '(erased)' WHERE detail IN (
             SELECT o.rep_name FROM offer o WHERE o.contact_id = $1 AND o.lead_id = audit.subject)",
        "UPDATE lead_step SET actor = '(erased)' WHERE actor IN (
             SELECT o.rep_name FROM offer o WHERE o.contact_id = $1 AND o.lead_id = lead_step.lead_id
             UNION SELECT c.rep_name FROM lead_call c WHERE c.contact_id = $1 AND c.lead_id = lead_step.lead_id)",
        "UPDATE lead SET owner_name = '(erased)', owner_email = LOWER($1) || '@erased.invalid'
         WHERE LOWER(owner_email) IN (SELECT o.rep_key FROM offer o WHERE o.contact_id = $1 AND o.lead_id = lead.id)",
        "UPDATE lead_call SET rep_name = '(erased)', rep_email = LOWER($1) || '@erased.invalid' WHERE contact_id = $1",
        "UPDATE offer SET rep_name = '(erased)', rep_email = LOWER($1) || '@erased.invalid',
             rep_key = LOWER($1) || '@erased.invalid' WHERE contact_id = $1",
    ] {
        tx.run(text, args![contact]).await?;
    }
    Ok(())
}

/// The names under which a contact was offered leads or called for them.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn names_of_rep(tx: &mut Tx, contact: &str) -> Result<Vec<String>> {
    let names: Vec<(String,)> = tx
        .all(
            "SELECT rep_name FROM offer WHERE contact_id = $1 UNION SELECT rep_name FROM lead_call WHERE contact_id = $1",
            args![contact],
        )
        .await?;
    Ok(names.into_iter().map(|(name,)| name).filter(|name| name != "(erased)").collect())
}

/// Takes a name out of what is written about the leads of the partner of this contact: the steps name who was considered, who
/// was reminded, and who gave what to whom.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_rep_in_texts(tx: &mut Tx, contact: &str, name: &str) -> Result<()> {
    for text in [
        "UPDATE lead_step SET what = REPLACE(what, $2, '(erased)') WHERE what LIKE $3 ESCAPE '!' AND lead_id IN (
             SELECT l.id FROM lead l JOIN contact c ON c.partner_slug = l.partner_slug WHERE c.id = $1
             UNION SELECT o.lead_id FROM offer o WHERE o.contact_id = $1)",
        "UPDATE offer SET because = REPLACE(because, $2, '(erased)'),
             answer_reason = REPLACE(answer_reason, $2, '(erased)'),
             ended_because = REPLACE(ended_because, $2, '(erased)'),
             given_because = REPLACE(given_because, $2, '(erased)')
         WHERE (because LIKE $3 ESCAPE '!' OR answer_reason LIKE $3 ESCAPE '!' OR ended_because LIKE $3 ESCAPE '!'
                OR given_because LIKE $3 ESCAPE '!') AND lead_id IN (
             SELECT l.id FROM lead l JOIN contact c ON c.partner_slug = l.partner_slug WHERE c.id = $1
             UNION SELECT o.lead_id FROM offer o WHERE o.contact_id = $1)",
    ] {
        tx.run(text, args![contact, name, format!("%{}%", like_plain(name))]).await?;
    }
    Ok(())
}
