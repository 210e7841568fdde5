//! The ledger of deliveries, as people and other parts read it. The queue that moves them is `queue.rs`.

use super::{
    Db, Tx,
    sql::{args, stored},
};
use crate::domain::{
    delivery::DeliveryState,
    kernel::{Result, clock::UtcMs, id::DeliveryId},
};

/// Whom a delivery went to, for clicks, preferences and "view in browser".
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Sent {
    /// The key.
    pub id: String,
    /// The contact, for mail to partners.
    pub contact_id: Option<String>,
    /// The lead, for single mails.
    pub lead_id: Option<String>,
    /// Whose partner.
    pub partner_slug: String,
    /// Lower-cased address.
    pub recipient_key: String,
    /// To whom.
    pub recipient_name: String,
    /// Newsletter's slug; empty for single mails.
    pub scope: String,
    /// Which rendition.
    pub rendition_id: String,
    /// Why they got it.
    pub because: String,
    /// When the relay accepted it.
    pub accepted_ms: Option<UtcMs>,
    /// Whether it is a test copy to the vendor's own people.
    pub is_test: bool,
}

/// One delivery.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn sent(db: &Db, id: DeliveryId) -> Result<Option<Sent>> {
    db.opt(
        "SELECT id, contact_id, lead_id, partner_slug, recipient_key, recipient_name, scope, rendition_id, because,
             accepted_ms, source LIKE 'test:%' AS is_test
         FROM delivery WHERE id = $1",
        args![id.to_string()],
    )
    .await
}

/// A line of an issue's delivery list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Line {
    /// The key.
    pub id: String,
    /// The contact.
    pub contact_id: Option<String>,
    /// To whom.
    pub recipient_name: String,
    /// Where to.
    pub email: String,
    /// Whose partner.
    pub partner_slug: String,
    /// Where it stands.
    pub state: String,
    /// Promised for.
    pub promised_ms: UtcMs,
    /// Accepted at.
    pub accepted_ms: Option<UtcMs>,
    /// How often it was started.
    pub attempt: i64,
    /// Last reply.
    pub detail: Option<String>,
    /// Since when it waits for a person because its time passed before anything could hand it over.
    pub held_ms: Option<UtcMs>,
    /// Which rendition.
    pub rendition_id: String,
    /// Why they get it.
    pub because: String,
}

/// Deliveries of an issue in the order they are promised, at most 1,000 from `offset`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_issue(db: &Db, issue_id: &str, offset: i64) -> Result<Vec<Line>> {
    db.all(
        "SELECT id, contact_id, recipient_name, email, partner_slug, state, promised_ms, accepted_ms, attempt, detail,
             held_ms, rendition_id, because
         FROM delivery WHERE source = $1 ORDER BY promised_ms, partner_slug, recipient_name, id
         LIMIT 1000 OFFSET $2",
        args![issue_id, offset],
    )
    .await
}

/// A delivery with all that explains it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Told {
    /// The key.
    pub id: String,
    /// The issue; none for single mails.
    pub issue_id: Option<String>,
    /// The contact, for mail to partners.
    pub contact_id: Option<String>,
    /// To whom.
    pub recipient_name: String,
    /// Where to.
    pub email: String,
    /// 1, and one more whenever a person has a new message made.
    pub generation: i64,
    /// Which rendition.
    pub rendition_id: String,
    /// Without angle brackets.
    pub message_id: String,
    /// Where it stands.
    pub state: String,
    /// When it is due.
    pub due_ms: UtcMs,
    /// Promised for.
    pub promised_ms: UtcMs,
    /// After which it is worthless.
    pub expires_ms: UtcMs,
    /// How often it was started.
    pub attempt: i64,
    /// Since when it waits for a person because its time passed before anything could hand it over.
    pub held_ms: Option<UtcMs>,
    /// The last word about it.
    pub detail: Option<String>,
    /// Accepted at.
    pub accepted_ms: Option<UtcMs>,
}

/// The deliveries of an issue to one person, by contact or by lower-cased address, oldest generation first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn to_person(db: &Db, issue_id: &str, contact_id: &str, recipient_key: &str) -> Result<Vec<Told>> {
    db.all(
        "SELECT id, issue_id, contact_id, recipient_name, email, generation, rendition_id, message_id, state, due_ms,
             promised_ms, expires_ms, attempt, held_ms, detail, accepted_ms
         FROM delivery WHERE source = $1 AND recipient_key = $3
         UNION
         SELECT d.id, d.issue_id, d.contact_id, d.recipient_name, d.email, d.generation, d.rendition_id, d.message_id,
             d.state, d.due_ms, d.promised_ms, d.expires_ms, d.attempt, d.held_ms, d.detail, d.accepted_ms
         FROM audience_decision a JOIN delivery d ON d.id = a.delivery_id
         WHERE a.issue_id = $1 AND a.contact_id = $2
         ORDER BY generation, id LIMIT 100",
        args![issue_id, contact_id, recipient_key],
    )
    .await
}

/// One delivery with all that explains it.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn told(db: &Db, id: &str) -> Result<Option<Told>> {
    db.opt(
        "SELECT id, issue_id, contact_id, recipient_name, email, generation, rendition_id, message_id, state, due_ms,
             promised_ms, expires_ms, attempt, held_ms, detail, accepted_ms
         FROM delivery WHERE id = $1",
        args![id],
    )
    .await
}

/// How many deliveries of an issue stand where.
///
/// # Errors
/// Those of [`Db::all`], and a state that cannot be read.
pub async fn counts(db: &Db, issue_id: &str) -> Result<Vec<(DeliveryState, i64)>> {
    let rows: Vec<(String, i64)> = db
        .all(
            "SELECT state, COUNT(*) FROM delivery WHERE source = $1 GROUP BY state ORDER BY state",
            args![issue_id],
        )
        .await?;
    rows.into_iter()
        .map(|(state, count)| {
            Ok((stored("delivery", "state", issue_id, &state, DeliveryState::parse(&state))?, count))
        })
        .collect()
}

/// How many deliveries of an issue wait for a person because their time passed before anything could hand them over.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn held(db: &Db, issue_id: &str) -> Result<i64> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT COUNT(*) FROM delivery d JOIN issue i ON i.id = d.issue_id
             WHERE d.issue_id = $1 AND d.held_ms IS NOT NULL AND d.state = 'expired' AND i.control <> 'cancelled'",
            args![issue_id],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// How many deliveries of all kinds are not yet in a final state.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn unfinished(db: &Db) -> Result<i64> {
    let row: Option<(i64,)> = db.opt("SELECT COUNT(*) FROM delivery WHERE live", Vec::new()).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// What an event needs to know of the delivery that led to it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Origin {
    /// The delivery.
    pub id: String,
    /// The contact it went to.
    pub contact_id: Option<String>,
    /// The lead it went to or is about.
    pub lead_id: Option<String>,
    /// Whose partner.
    pub partner_slug: String,
    /// When the relay accepted it.
    pub accepted_ms: Option<UtcMs>,
    /// Whether it is a test copy to the vendor's own people.
    pub is_test: bool,
    /// When its hidden link was followed last.
    pub trapped_ms: Option<UtcMs>,
    /// Whether the person it went to was erased.
    pub is_erased: bool,
}

/// The origins of many events in one statement.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn origins(tx: &mut Tx, ids: Vec<String>) -> Result<Vec<Origin>> {
    tx.bulk_all(
        "WITH r (rid) AS (",
        ids.into_iter().map(|id| args![id]).collect(),
        ") SELECT id, contact_id, lead_id, partner_slug, accepted_ms, source LIKE 'test:%' AS is_test,
             base_key LIKE '%@erased.invalid' AS is_erased,
             (SELECT MAX(at_ms) FROM engagement_event e WHERE e.delivery_id = delivery.id AND e.honeypot) AS trapped_ms
         FROM delivery JOIN r ON id = rid",
    )
    .await
}
