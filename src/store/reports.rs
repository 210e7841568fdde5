//! What came back by mail: bounces, complaints, auto-replies, and what nobody could read. Append-only.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs, id::DeliveryId};

/// A message that came back.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MailReport {
    /// The key.
    pub id: String,
    /// When it was taken.
    pub at_ms: UtcMs,
    /// `imap`, `maildir`, `lmtp`, `http`, `file`, or `relay` for a refusal at the door.
    pub source: String,
    /// SHA-256 of the message, hex.
    pub message_hash: String,
    /// `Report::kind`.
    pub kind: String,
    /// `Report::class`.
    pub class: String,
    /// `Report::action`.
    pub action: String,
    /// The delivery it is about, if it was rightly signed.
    pub delivery_id: Option<String>,
    /// The reader's address without its tag; empty if not signed.
    pub base_key: String,
    /// Enhanced status code, or empty.
    pub status: String,
    /// What the server said, at most 1,000 characters.
    pub diagnostic: String,
    /// The address it is about, in the reporter's words.
    pub final_recipient: String,
    /// Its subject, at most 200 characters.
    pub subject: String,
    /// Whether it changed anything.
    pub changed: bool,
    /// What followed, or why nothing did.
    pub effect: String,
    /// How it begins, at most 8 kB.
    pub excerpt: String,
}

/// Stores a report; says whether it is new. The same message a second time changes nothing.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn insert(tx: &mut Tx, report: &MailReport) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO mail_report (id, at_ms, source, message_hash, kind, class, action, delivery_id, base_key,
                 status, diagnostic, final_recipient, subject, changed, effect, excerpt)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
             ON CONFLICT (message_hash) DO NOTHING",
            args![
                &report.id,
                report.at_ms,
                &report.source,
                &report.message_hash,
                &report.kind,
                &report.class,
                &report.action,
                report.delivery_id.clone(),
                &report.base_key,
                &report.status,
                &report.diagnostic,
                &report.final_recipient,
                &report.subject,
                report.changed,
                &report.effect,
                &report.excerpt,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// Whether a message was taken before.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn is_known(tx: &mut Tx, message_hash: &str) -> Result<bool> {
    let row: Option<(i64,)> =
        tx.opt("SELECT at_ms FROM mail_report WHERE message_hash = $1", args![message_hash]).await?;
    Ok(row.is_some())
}

/// Whether a delivery was reported on before, in this kind and with this action.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn reported(tx: &mut Tx, delivery_id: &str, kind: &str, action: &str) -> Result<bool> {
    let row: Option<(i64,)> = tx
        .opt(
            "SELECT at_ms FROM mail_report WHERE delivery_id = $1 AND kind = $2 AND action = $3 LIMIT 1",
            args![delivery_id, kind, action],
        )
        .await?;
    Ok(row.is_some())
}

/// When an address last came back for this class, before `before_ms`.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn last_of_class(
    tx: &mut Tx,
    base_key: &str,
    class: &str,
    before_ms: UtcMs,
) -> Result<Option<UtcMs>> {
    let row: Option<(Option<i64>,)> = tx
        .opt(
            "SELECT MAX(at_ms) FROM mail_report
             WHERE base_key = $1 AND kind = 'bounce' AND class = $2 AND at_ms < $3",
            args![base_key, class, before_ms],
        )
        .await?;
    Ok(row.and_then(|(at_ms,)| at_ms))
}

/// Of how many different addresses of a domain (`@domain`) mail came back for this class since `since_ms`.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn witnesses(tx: &mut Tx, domain_key: &str, class: &str, since_ms: UtcMs) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT DISTINCT base_key FROM mail_report
             WHERE at_ms >= $3 AND kind = 'bounce' AND class = $2
               AND ltrim(base_key, replace(base_key, '@', '')) = $1
             ORDER BY base_key LIMIT 100",
            args![domain_key, class, since_ms],
        )
        .await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// Of the last `issues` issues of the delivery's newsletter that its reader was sent, up to that delivery: how many came
/// back for this class.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn issues_in_a_row(tx: &mut Tx, delivery_id: DeliveryId, class: &str, issues: i64) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .opt(
            "WITH sent AS (
                 SELECT d.id AS sent_id FROM delivery this
                 JOIN issue mine ON mine.id = this.issue_id
                 JOIN issue i ON i.newsletter = mine.newsletter AND i.nominal_date <= mine.nominal_date
                 JOIN delivery d ON d.source = i.id AND d.recipient_key = this.recipient_key
                      AND d.channel = this.channel
                 WHERE this.id = $1
                 ORDER BY i.nominal_date DESC, d.generation DESC LIMIT $3)
             SELECT COUNT(*) FROM sent WHERE EXISTS (
                 SELECT 1 FROM mail_report r WHERE r.delivery_id = sent_id AND r.kind = 'bounce' AND r.class = $2)",
            args![delivery_id.to_string(), class, issues],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// What the list of reports shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// Everything.
    #[default]
    All,
    /// What changed something.
    Effective,
    /// What was put aside: not signed, too old, unreadable.
    Unmatched,
}

/// The latest reports, newest first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn recent(db: &Db, which: Which) -> Result<Vec<MailReport>> {
    let (effective, unmatched) = (which == Which::Effective, which == Which::Unmatched);
    db.all(
        "SELECT id, at_ms, source, message_hash, kind, class, action, delivery_id, base_key, status, diagnostic,
             final_recipient, subject, changed, effect, excerpt
         FROM mail_report WHERE (NOT $1 OR changed) AND (NOT $2 OR delivery_id IS NULL)
         ORDER BY at_ms DESC, id DESC LIMIT 100",
        args![effective, unmatched],
    )
    .await
}

/// One report.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn report(db: &Db, id: &str) -> Result<Option<MailReport>> {
    db.opt(
        "SELECT id, at_ms, source, message_hash, kind, class, action, delivery_id, base_key, status, diagnostic,
             final_recipient, subject, changed, effect, excerpt
         FROM mail_report WHERE id = $1",
        args![id],
    )
    .await
}

/// A word about a delivery that came back: what stands beside `accepted`, which stays true.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Returned {
    /// Which delivery.
    pub delivery_id: String,
    /// `bounce` or `complaint`.
    pub kind: String,
    /// Its class.
    pub class: String,
    /// What the server said.
    pub diagnostic: String,
    /// When we heard.
    pub at_ms: UtcMs,
}

/// The failed bounces and the complaints about an issue's deliveries, oldest first, at most 1,000 from `offset`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_issue(db: &Db, issue_id: &str, offset: i64) -> Result<Vec<Returned>> {
    db.all(
        "SELECT r.delivery_id AS delivery_id, r.kind AS kind, r.class AS class, r.diagnostic AS diagnostic,
             r.at_ms AS at_ms
         FROM delivery d JOIN mail_report r ON r.delivery_id = d.id
         WHERE d.source = $1 AND ((r.kind = 'bounce' AND r.action = 'failed') OR r.kind = 'complaint')
         ORDER BY r.at_ms, r.id LIMIT 1000 OFFSET $2",
        args![issue_id, offset],
    )
    .await
}

/// Everything that came back for one delivery, oldest first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_delivery(db: &Db, delivery_id: &str) -> Result<Vec<MailReport>> {
    db.all(
        "SELECT id, at_ms, source, message_hash, kind, class, action, delivery_id, base_key, status, diagnostic,
             final_recipient, subject, changed, effect, excerpt
         FROM mail_report WHERE delivery_id = $1 ORDER BY at_ms, id LIMIT 100",
        args![delivery_id],
    )
    .await
}

/// The delivery that a report is about.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Target {
    /// The key.
    pub id: String,
    /// The issue, for a newsletter's mail.
    pub issue_id: Option<String>,
    /// The contact, for mail to partners.
    pub contact_id: Option<String>,
    /// The lead, for single mails.
    pub lead_id: Option<String>,
    /// Whose partner.
    pub partner_slug: String,
    /// Where it went to.
    pub email: String,
    /// The same without its tag, lower case.
    pub base_key: String,
    /// What stops such mail beside `all`; empty for mail that nothing stops.
    pub scope: String,
    /// Its Message-ID, without angle brackets.
    pub message_id: String,
    /// When it was made.
    pub created_ms: UtcMs,
}

/// The delivery with this id.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn target(db: &Db, id: DeliveryId) -> Result<Option<Target>> {
    db.opt(
        "SELECT id, issue_id, contact_id, lead_id, partner_slug, email, base_key, scope, message_id, created_ms
         FROM delivery WHERE id = $1",
        args![id.to_string()],
    )
    .await
}

/// A delivery that the next mail server refused for its address.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Refusal {
    /// Which delivery.
    pub delivery_id: String,
    /// What the server said, the code first.
    pub reply: String,
}

/// Deliveries made since `since_ms` that were refused at the door for their address and are not recorded yet, at most
/// 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn refusals(db: &Db, since_ms: UtcMs) -> Result<Vec<Refusal>> {
    db.all(
        "SELECT d.id AS delivery_id, a.reply AS reply FROM delivery d
         JOIN attempt a ON a.delivery_id = d.id AND a.no = d.attempt
         WHERE NOT d.live AND d.accepted_ms IS NULL AND d.state = 'failed' AND d.created_ms >= $1 AND a.outcome = 'bad-address'
           AND NOT EXISTS (SELECT 1 FROM mail_report r WHERE r.delivery_id = d.id AND r.kind = 'bounce')
         ORDER BY d.created_ms, d.id LIMIT 500",
        args![since_ms],
    )
    .await
}
