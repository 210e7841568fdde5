//! Who was considered for an issue, and why they get it or not.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs, id::DeliveryId};

/// Who was considered, and why in or out.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The contact's id.
    pub contact_id: String,
    /// Zone their promise is kept in.
    pub zone: String,
    /// Why, in a sentence.
    pub because: String,
    /// For those left out: the rule that did it (`program::ExclusionReason`).
    pub reason: &'static str,
    /// For those included.
    pub included: Option<Included>,
}

/// What somebody gets.
#[derive(Debug, Clone)]
pub struct Included {
    /// Which text.
    pub rendition_id: String,
    /// Their copy.
    pub delivery: DeliveryId,
    /// Which promise it keeps.
    pub promise_id: String,
    /// Of which stage they are (`program::stage::Stage`); empty where the issue has none.
    pub stage: &'static str,
    /// When it leaves, if that is not the promised instant.
    pub leaves_ms: Option<UtcMs>,
    /// The issue in whose mail it rides: then text and copy are that issue's. None for a mail of its own.
    pub host_issue_id: Option<String>,
}

/// Stores who was considered for an issue, or some of them.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn insert(tx: &mut Tx, issue_id: &str, decisions: &[Decision]) -> Result<()> {
    let rows = decisions.iter().map(|decision| {
        args![
            issue_id,
            &decision.contact_id,
            decision.included.is_some(),
            &decision.because,
            &decision.zone,
            decision.included.as_ref().map(|included| included.rendition_id.clone()),
            decision.included.as_ref().map(|included| included.delivery.to_string()),
            decision.included.as_ref().map(|included| included.promise_id.clone()),
            decision.reason,
            decision.included.as_ref().map_or("", |included| included.stage),
            decision.included.as_ref().and_then(|included| included.leaves_ms),
            decision.included.as_ref().and_then(|included| included.host_issue_id.clone()),
        ]
    });
    tx.bulk(
        "INSERT INTO audience_decision (issue_id, contact_id, included, because, zone, rendition_id, delivery_id,
                                        promise_id, reason, stage, leaves_ms, host_issue_id)",
        rows.collect(),
        "",
    )
    .await
    .map(|_| ())
}

/// Somebody considered for an issue.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Considered {
    /// The contact's id.
    pub contact_id: String,
    /// Their name.
    pub name: String,
    /// Their partner.
    pub partner_slug: String,
    /// Their roles.
    pub roles: String,
    /// Whether they get it.
    pub included: bool,
    /// Why, or why not.
    pub because: String,
    /// Their rendition.
    pub rendition_id: Option<String>,
}

/// The audience of an issue with reasons, those left out first, at most 1,000 from `offset`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn page(db: &Db, issue_id: &str, offset: i64) -> Result<Vec<Considered>> {
    db.all(
        "SELECT a.contact_id, c.name, c.partner_slug, c.roles, a.included, a.because, a.rendition_id
         FROM audience_decision a JOIN contact c ON c.id = a.contact_id
         WHERE a.issue_id = $1 ORDER BY a.included, c.partner_slug, c.name, c.id LIMIT 1000 OFFSET $2",
        args![issue_id, offset],
    )
    .await
}

/// The texts of an issue, and how many get each.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VariantCount {
    /// The rendition.
    pub rendition_id: String,
    /// Whose readers.
    pub partner_slug: String,
    /// Their roles.
    pub roles: String,
    /// Their language.
    pub locale: String,
    /// The subject.
    pub subject: String,
    /// How many.
    pub readers: i64,
}

/// The texts of an issue by partner and roles, with how many get each; at most 2,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn variants(db: &Db, issue_id: &str) -> Result<Vec<VariantCount>> {
    db.all(
        "SELECT r.id AS rendition_id, r.partner_slug, r.roles, r.locale, r.subject, n.readers
         FROM (SELECT rendition_id, COUNT(*) AS readers FROM audience_decision
               WHERE issue_id = $1 AND included GROUP BY rendition_id) n
         JOIN rendition r ON r.id = n.rendition_id
         ORDER BY r.partner_slug, r.roles, r.locale, r.id LIMIT 2000",
        args![issue_id],
    )
    .await
}

/// How many were considered for an issue and are left out.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn left_out_count(db: &Db, issue_id: &str) -> Result<i64> {
    let row: Option<(i64,)> = db
        .opt("SELECT COUNT(*) FROM audience_decision WHERE issue_id = $1 AND NOT included", args![issue_id])
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Somebody considered for an issue, as it is listed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Listed {
    /// The contact's id.
    pub contact_id: String,
    /// Their partner.
    pub partner_slug: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their roles.
    pub roles: String,
    /// Whether they get it.
    pub included: bool,
    /// The rule that left them out.
    pub reason: String,
    /// Why, or why not.
    pub because: String,
    /// IANA zone of the promise.
    pub zone: String,
    /// When it is due for them.
    pub due_ms: Option<UtcMs>,
    /// Whether it comes in the mail of another issue.
    pub rides: bool,
}

/// Everybody considered for an issue by key, at most 1,000 after `after`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn listed(db: &Db, issue_id: &str, after: &str) -> Result<Vec<Listed>> {
    db.all(
        "SELECT a.contact_id, c.partner_slug, c.name, c.email, c.roles, a.included, a.reason, a.because, a.zone, p.due_ms,
             a.host_issue_id IS NOT NULL AS rides
         FROM audience_decision a JOIN contact c ON c.id = a.contact_id LEFT JOIN promise p ON p.id = a.promise_id
         WHERE a.issue_id = $1 AND a.contact_id > $2 ORDER BY a.contact_id LIMIT 1000",
        args![issue_id, after],
    )
    .await
}

/// The contacts with keys after `after` and up to `through` who got an issue; ask for as many as a page of contacts has.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn included(db: &Db, issue_id: &str, after: &str, through: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT contact_id FROM audience_decision
             WHERE issue_id = $1 AND contact_id > $2 AND contact_id <= $3 AND included ORDER BY contact_id",
            args![issue_id, after, through],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// When an issue is due for the contacts with keys after `after` and up to `through` who get a mail of it; ask for as many as a
/// page of contacts has. For whom it rides in another issue's mail it is no message more.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn due_between(
    db: &Db,
    issue_id: &str,
    after: &str,
    through: &str,
) -> Result<Vec<(String, UtcMs)>> {
    db.all(
        "SELECT a.contact_id, p.due_ms FROM audience_decision a JOIN promise p ON p.id = a.promise_id
         WHERE a.issue_id = $1 AND a.contact_id > $2 AND a.contact_id <= $3 AND a.included AND a.host_issue_id IS NULL
         ORDER BY a.contact_id",
        args![issue_id, after, through],
    )
    .await
}

/// Issues asked about in one statement.
const ISSUES_AT_ONCE: usize = 16;

/// Which of `issues` one contact gets a mail of, and when each is due for them. What rides in another issue's mail is no
/// message more.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn due_of(db: &Db, contact_id: &str, issues: &[&str]) -> Result<Vec<(String, UtcMs)>> {
    let mut all = Vec::new();
    for some in issues.chunks(ISSUES_AT_ONCE) {
        let mut arguments = args![contact_id];
        let ids = some.iter().copied().chain(std::iter::repeat("")).take(ISSUES_AT_ONCE);
        arguments.extend(ids.map(Into::into));
        let rows: Vec<(String, UtcMs)> = db
            .all(
                "SELECT a.issue_id, p.due_ms FROM audience_decision a JOIN promise p ON p.id = a.promise_id
                 WHERE a.contact_id = $1 AND a.included AND a.host_issue_id IS NULL AND a.issue_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                     $13, $14, $15, $16, $17)",
                arguments,
            )
            .await?;
        all.extend(rows);
    }
    Ok(all)
}

/// How many people got an issue.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn included_count(db: &Db, issue_id: &str) -> Result<i64> {
    let row: Option<(i64,)> = db
        .opt("SELECT COUNT(*) FROM audience_decision WHERE issue_id = $1 AND included", args![issue_id])
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// What was decided about one person when an issue was fixed, and what was promised to them.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Decided {
    /// Whether they get it.
    pub included: bool,
    /// Why, or why not.
    pub because: String,
    /// IANA zone their promise is kept in.
    pub zone: String,
    /// Their rendition.
    pub rendition_id: Option<String>,
    /// Local date and time promised, `YYYY-MM-DDTHH:MM`.
    pub nominal_local: Option<String>,
    /// The instant.
    pub due_ms: Option<UtcMs>,
    /// What a clock change did to it.
    pub note: Option<String>,
    /// The issue in whose mail it comes; none for a mail of its own.
    pub host_issue_id: Option<String>,
}

/// The decision about one contact; none if they were not considered.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn decided(db: &Db, issue_id: &str, contact_id: &str) -> Result<Option<Decided>> {
    db.opt(
        "SELECT a.included, a.because, a.zone, a.rendition_id, p.nominal_local, p.due_ms, p.note, a.host_issue_id
         FROM audience_decision a LEFT JOIN promise p ON p.id = a.promise_id
         WHERE a.issue_id = $1 AND a.contact_id = $2",
        args![issue_id, contact_id],
    )
    .await
}

/// How far a stage of an issue has come.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StageCount {
    /// `pilot`, `first` or `rest`.
    pub stage: String,
    /// People of it.
    pub people: i64,
    /// Accepted by the next hop.
    pub accepted: i64,
    /// Ended without being accepted.
    pub failed: i64,
    /// Did not leave, as the issue was cancelled.
    pub cancelled: i64,
    /// Did not leave, as these people do not want it any more.
    pub suppressed: i64,
}

/// How far the stages of an issue have come; nothing for one without stages.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn stages(db: &Db, issue_id: &str) -> Result<Vec<StageCount>> {
    db.all(
        "SELECT a.stage, COUNT(*) AS people, COUNT(d.accepted_ms) AS accepted,
             COUNT(CASE WHEN d.state IN ('failed', 'uncertain', 'expired', 'dead') THEN 1 END) AS failed,
             COUNT(CASE WHEN d.state = 'cancelled' THEN 1 END) AS cancelled,
             COUNT(CASE WHEN d.state = 'suppressed' THEN 1 END) AS suppressed
         FROM audience_decision a LEFT JOIN delivery d ON d.id = a.delivery_id
         WHERE a.issue_id = $1 AND a.included AND a.stage <> '' GROUP BY a.stage ORDER BY a.stage",
        args![issue_id],
    )
    .await
}
