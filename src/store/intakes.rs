//! Leads that come in numbers, from a file or through the API: a statement for many.

use super::{
    Db, Tx,
    leads::{Lead, NewConsent},
    sql::args,
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Whose leads no partner has yet: the vendor's own, as a partner without a slug.
pub const HOUSE: &str = "";

/// Makes sure that leads can be the vendor's own.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn open_house(tx: &mut Tx, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "INSERT INTO partner (slug, name, partner_type, tier, region, city, zone, locale, verticals, parent,
             channel_manager_email, website, brand, updated_ms)
         VALUES ($1, '', '', '', '', '', 'UTC', 'en', '', NULL, '', '', '', $2) ON CONFLICT (slug) DO NOTHING",
        args![HOUSE, now_ms],
    )
    .await
    .map(|_| ())
}

/// Which of these marks are of rows that were taken before.
///
/// # Errors
/// Those of [`Tx::bulk_all`].
pub async fn seen(tx: &mut Tx, marks: Vec<String>) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx
        .bulk_all(
            "WITH r (rmark) AS (",
            marks.into_iter().map(|mark| args![mark]).collect(),
            ") SELECT mark FROM lead_seen JOIN r ON mark = rmark",
        )
        .await?;
    Ok(rows.into_iter().map(|(mark,)| mark).collect())
}

/// Remembers rows that were taken, each by its mark with the lead it made or changed.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn remember(tx: &mut Tx, marks: Vec<(String, String)>, now_ms: UtcMs) -> Result<u64> {
    tx.bulk(
        "INSERT INTO lead_seen (mark, lead_id, seen_ms)",
        marks.into_iter().map(|(mark, lead)| args![mark, lead, now_ms]).collect(),
        "ON CONFLICT (mark) DO NOTHING",
    )
    .await
}

/// Forgets rows that were taken before a moment.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget_before(tx: &mut Tx, before_ms: UtcMs) -> Result<u64> {
    tx.run("DELETE FROM lead_seen WHERE seen_ms < $1", args![before_ms]).await
}

/// Forgets what came with a lead, and that it did.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget(tx: &mut Tx, lead_id: &str) -> Result<()> {
    tx.run("DELETE FROM lead_seen WHERE lead_id = $1", args![lead_id]).await?;
    tx.run("DELETE FROM lead_intake WHERE lead_id = $1", args![lead_id]).await.map(|_| ())
}

/// Which of these people (`person`, by their address without a tag), or companies (`account`), have any lead.
///
/// # Errors
/// Those of [`Tx::bulk_all`].
pub async fn known_among(tx: &mut Tx, scope: &str, subjects: &[String]) -> Result<Vec<String>> {
    let rows = subjects.iter().map(|subject| args![subject]).collect();
    let found: Vec<(String,)> = if scope == "account" {
        tx.bulk_all("WITH r (rkey) AS (", rows, ") SELECT DISTINCT rkey FROM r JOIN lead ON account = rkey")
            .await?
    } else {
        tx.bulk_all(
            "WITH r (rkey) AS (",
            rows,
            ") SELECT DISTINCT rkey FROM r JOIN lead ON person_key = rkey",
        )
        .await?
    };
    Ok(found.into_iter().map(|(subject,)| subject).collect())
}

/// A lead that is held, with the number of its last step.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Held {
    /// The lead.
    #[sqlx(flatten)]
    pub lead: Lead,
    /// The number of its last step; 0 for none.
    pub steps: i64,
}

/// The leads of these people (their addresses without a tag, lower case), at whichever partner; nobody else changes them until the
/// transaction ends.
///
/// # Errors
/// Those of [`Tx::bulk_all`].
pub async fn hold(tx: &mut Tx, person_keys: &[String]) -> Result<Vec<Held>> {
    let rows = || person_keys.iter().map(|key| args![key]).collect();
    tx.bulk(
        "WITH r (rkey) AS (",
        rows(),
        ") UPDATE lead SET updated_ms = updated_ms FROM r WHERE person_key = rkey",
    )
    .await?;
    tx.bulk_all(
        "WITH r (rkey) AS (",
        rows(),
        ") SELECT l.id, l.partner_slug, l.email, l.email_key, l.name, l.company, l.phone, l.job_role, l.company_size,
             l.locale, l.stage, l.score, l.fit, l.because, l.asset, l.origin, l.owner_name, l.owner_email, l.created_ms,
             l.updated_ms, l.recycled_ms, l.reopen_ms, l.closed_reason, l.asked_again_ms,
             COALESCE((SELECT MAX(s.no) FROM lead_step s WHERE s.lead_id = l.id), 0) AS steps
         FROM r JOIN lead l ON l.person_key = rkey",
    )
    .await
}

/// Brings held leads up to date: who they are, and their score. Where each stands, and who has it, stays.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn update(tx: &mut Tx, leads: &[Lead]) -> Result<u64> {
    let rows = leads.iter().map(|lead| {
        args![
            &lead.id,
            &lead.name,
            &lead.company,
            lead.phone.clone(),
            lead.job_role.clone(),
            lead.company_size.clone(),
            lead.score,
            &lead.fit,
            &lead.because,
            lead.updated_ms,
        ]
    });
    tx.bulk(
        "WITH r (rid, rname, rcompany, rphone, rrole, rsize, rscore, rfit, rbecause, rms) AS (",
        rows.collect(),
        ") UPDATE lead SET name = rname, company = rcompany, phone = rphone, job_role = rrole, company_size = rsize,
             score = rscore, fit = rfit, because = rbecause, updated_ms = rms
         FROM r WHERE id = rid",
    )
    .await
}

/// A step with its place.
#[derive(Debug, Clone)]
pub struct NewStep {
    /// Whose.
    pub lead_id: String,
    /// Its place in the order, behind all others of the lead.
    pub no: i64,
    /// Who or what.
    pub actor: String,
    /// The stage.
    pub stage: String,
    /// What happened.
    pub what: String,
}

/// Appends steps of leads that are new or held.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn add_steps(tx: &mut Tx, now_ms: UtcMs, steps: Vec<NewStep>) -> Result<u64> {
    let rows =
        steps.into_iter().map(|step| args![step.lead_id, step.no, now_ms, step.actor, step.stage, step.what]);
    tx.bulk("INSERT INTO lead_step (lead_id, no, at_ms, actor, stage, what)", rows.collect(), "").await
}

/// Records what people agreed to: each with the lead and when.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn add_consents(tx: &mut Tx, consents: Vec<(String, UtcMs, NewConsent)>) -> Result<u64> {
    let rows = consents.into_iter().map(|(lead, at_ms, consent)| {
        args![
            lead,
            consent.text_id,
            consent.text_version,
            at_ms,
            consent.purpose,
            consent.wording,
            consent.granted,
            consent.locale
        ]
    });
    tx.bulk(
        "INSERT INTO consent (lead_id, text_id, text_version, at_ms, purpose, wording, granted, locale)",
        rows.collect(),
        "ON CONFLICT DO NOTHING",
    )
    .await
}

/// What came with a lead.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Intake {
    /// Whose.
    pub lead_id: String,
    /// ISO 3166-1 alpha-2, or empty.
    pub country: String,
    /// Industry, or empty.
    pub vertical: String,
    /// Whether no partner brought it, so that the vendor chooses one.
    pub by_vendor: bool,
    /// Whether the person asked to be called.
    pub asks: bool,
    /// When it is to be judged.
    pub due_ms: Option<UtcMs>,
    /// When a row about it came last.
    pub came_ms: UtcMs,
}

/// Notes what came with leads. What was known and is not given now stays; what is due stays due. Of what is due now,
/// channel managers may be told anew.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn note(tx: &mut Tx, intakes: Vec<Intake>) -> Result<u64> {
    let rows = intakes
        .into_iter()
        .map(|it| args![it.lead_id, it.country, it.vertical, it.by_vendor, it.asks, it.due_ms, it.came_ms]);
    tx.bulk(
        "INSERT INTO lead_intake (lead_id, country, vertical, by_vendor, asks, due_ms, updated_ms)",
        rows.collect(),
        "ON CONFLICT (lead_id) DO UPDATE SET
             country = CASE WHEN excluded.country = '' THEN lead_intake.country ELSE excluded.country END,
             vertical = CASE WHEN excluded.vertical = '' THEN lead_intake.vertical ELSE excluded.vertical END,
             asks = excluded.asks OR (lead_intake.asks AND lead_intake.due_ms IS NOT NULL),
             due_ms = COALESCE(excluded.due_ms, lead_intake.due_ms), updated_ms = excluded.updated_ms,
             told_ms = CASE WHEN excluded.due_ms IS NULL THEN lead_intake.told_ms END",
    )
    .await
}

/// What came with a lead; nothing for one of a form.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Option<Intake>> {
    db.opt(
        "SELECT lead_id, country, vertical, by_vendor, asks, due_ms, updated_ms AS came_ms FROM lead_intake WHERE lead_id = $1",
        args![lead_id],
    )
    .await
}

/// What is to be judged by `now_ms`, the longest due first, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn due(db: &Db, now_ms: UtcMs, limit: i64) -> Result<Vec<Intake>> {
    db.all(
        "SELECT lead_id, country, vertical, by_vendor, asks, due_ms, updated_ms AS came_ms FROM lead_intake
         WHERE due_ms IS NOT NULL AND due_ms <= $1 ORDER BY due_ms, lead_id LIMIT $2",
        args![now_ms, limit],
    )
    .await
}

/// Lets a lead be judged, and handed over if it qualifies, at the next look, whatever becomes of this process; `asks` to be
/// called. One that waits for a partner is looked at anyway.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn due_now(tx: &mut Tx, lead_id: &str, asks: bool, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "INSERT INTO lead_intake (lead_id, country, vertical, by_vendor, asks, due_ms, updated_ms)
         VALUES ($1, '', '', FALSE, $2, $3, $3)
         ON CONFLICT (lead_id) DO UPDATE SET due_ms = excluded.due_ms,
             asks = excluded.asks OR (lead_intake.asks AND lead_intake.due_ms IS NOT NULL)
         WHERE lead_intake.looked = ''",
        args![lead_id, asks, now_ms],
    )
    .await
    .map(|_| ())
}

/// Puts off when a lead is judged until `due_ms`, or notes that it was; only while it is due as `was_ms` says. Returns
/// whether it was.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn put_off(
    tx: &mut Tx,
    lead_id: &str,
    was_ms: Option<UtcMs>,
    due_ms: Option<UtcMs>,
) -> Result<bool> {
    let changed = tx
        .run(
            "UPDATE lead_intake SET due_ms = $3 WHERE lead_id = $1 AND due_ms = $2",
            args![lead_id, was_ms, due_ms],
        )
        .await?;
    Ok(changed == 1)
}
