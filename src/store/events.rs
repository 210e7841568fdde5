//! Engagement events. Append-only; written in batches.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Something that somebody, or some machine, did.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Event {
    /// The key.
    pub id: String,
    /// `engagement::EventKind`'s word.
    pub kind: String,
    /// When.
    pub at_ms: UtcMs,
    /// The delivery that led here.
    pub delivery_id: Option<String>,
    /// The partner's person who did it, or forwarded it.
    pub contact_id: Option<String>,
    /// The lead who did it.
    pub lead_id: Option<String>,
    /// Whose partner.
    pub partner_slug: String,
    /// Which asset.
    pub asset: Option<String>,
    /// The revision that the file was made of, by hash; of downloads alone.
    pub revision: Option<String>,
    /// Which link of the mail.
    pub link_no: Option<i64>,
    /// HTTP method.
    pub method: String,
    /// User agent, cut to 200 characters.
    pub agent: String,
    /// Network of the address, truncated (/24 or /48).
    pub network: String,
    /// Whether we take it for a person.
    pub human: bool,
    /// Why.
    pub verdict: String,
}

/// Stores a batch.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn insert(tx: &mut Tx, events: Vec<Event>) -> Result<()> {
    let rows = events.into_iter().map(|event| {
        args![
            event.id,
            event.kind,
            event.at_ms,
            event.delivery_id,
            event.contact_id,
            event.lead_id,
            event.partner_slug,
            event.asset,
            event.revision,
            event.link_no,
            event.method,
            event.agent,
            event.network,
            event.human,
            event.verdict,
        ]
    });
    // What led there is stored with each, so that whoever counts need not look millions of deliveries up.
    tx.bulk(
        "WITH seen (id, kind, at_ms, delivery_id, contact_id, lead_id, partner_slug, asset, revision, link_no, method,
             agent, network, human, verdict) AS (",
        rows.collect(),
        ") INSERT INTO engagement_event (id, kind, at_ms, delivery_id, contact_id, lead_id, partner_slug, asset,
             revision, link_no, method, agent, network, human, verdict, scope)
         SELECT s.id, s.kind, s.at_ms, s.delivery_id, s.contact_id, s.lead_id, s.partner_slug, s.asset, s.revision,
             s.link_no, s.method, s.agent, s.network, s.human, s.verdict, COALESCE(d.scope, '')
         FROM seen s LEFT JOIN delivery d ON d.id = s.delivery_id AND d.lane > 0
         WHERE TRUE ON CONFLICT (id) DO NOTHING",
    )
    .await
    .map(|_| ())
}

/// What a lead did, oldest first, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Vec<Event>> {
    db.all(
        "SELECT id, kind, at_ms, delivery_id, contact_id, lead_id, partner_slug, asset, revision, link_no, method, agent,
             network, human, verdict
         FROM engagement_event WHERE lead_id = $1 ORDER BY at_ms, id LIMIT 1000",
        args![lead_id],
    )
    .await
}

/// What came of a delivery, oldest first, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_delivery(db: &Db, delivery_id: &str) -> Result<Vec<Event>> {
    db.all(
        "SELECT id, kind, at_ms, delivery_id, contact_id, lead_id, partner_slug, asset, revision, link_no, method, agent,
             network, human, verdict
         FROM engagement_event WHERE delivery_id = $1 ORDER BY at_ms, id LIMIT 1000",
        args![delivery_id],
    )
    .await
}

/// What the leads of a list did, of one partner or of all, oldest first; of those that `leads::recent` names, and at most
/// 50,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_recent_leads(db: &Db, partner: Option<&str>) -> Result<Vec<Event>> {
    db.all(
        "SELECT e.id, e.kind, e.at_ms, e.delivery_id, e.contact_id, e.lead_id, e.partner_slug, e.asset, e.revision, e.link_no,
             e.method, e.agent, e.network, e.human, e.verdict
         FROM engagement_event e
         JOIN (SELECT id FROM lead WHERE $1 IS NULL OR partner_slug = $1
               ORDER BY updated_ms DESC, id DESC LIMIT 500) l ON l.id = e.lead_id
         ORDER BY e.at_ms, e.id LIMIT 50000",
        args![partner],
    )
    .await
}

/// The same as [`of_lead`] inside a transaction, seeing what it wrote.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn of_lead_in(tx: &mut Tx, lead_id: &str) -> Result<Vec<Event>> {
    tx.all(
        "SELECT id, kind, at_ms, delivery_id, contact_id, lead_id, partner_slug, asset, revision, link_no, method, agent,
             network, human, verdict
         FROM engagement_event WHERE lead_id = $1 ORDER BY at_ms, id LIMIT 1000",
        args![lead_id],
    )
    .await
}

/// The latest events of all kinds, newest first, at most 200.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn recent(db: &Db) -> Result<Vec<Event>> {
    db.all(
        "SELECT id, kind, at_ms, delivery_id, contact_id, lead_id, partner_slug, asset, revision, link_no, method, agent,
             network, human, verdict
         FROM engagement_event ORDER BY at_ms DESC, id DESC LIMIT 200",
        Vec::new(),
    )
    .await
}

/// Clicks of an issue: by people, by machines, and how many different people.
#[derive(Debug, Clone, Copy, Default, sqlx::FromRow)]
pub struct Clicks {
    /// By people.
    pub human: i64,
    /// By machines.
    pub machine: i64,
    /// Different people.
    pub people: i64,
}

/// Counts the clicks in an issue's mails.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn clicks_of_issue(db: &Db, issue_id: &str) -> Result<Clicks> {
    let row: Option<Clicks> = db
        .opt(
            "SELECT COUNT(CASE WHEN e.human THEN 1 END) AS human, COUNT(CASE WHEN NOT e.human THEN 1 END) AS machine,
                 COUNT(DISTINCT CASE WHEN e.human THEN e.contact_id END) AS people
             FROM engagement_event e JOIN delivery d ON d.id = e.delivery_id
             WHERE d.source = $1 AND e.kind = 'click'",
            args![issue_id],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// What one of an issue's two subjects came to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OfSubject {
    /// `a` or `b`.
    pub arm: String,
    /// The subject, as most of its readers see it.
    pub subject: String,
    /// To whom the next hop accepted it.
    pub readers: i64,
    /// People of them who followed a link.
    pub people: i64,
}

/// What an issue's two subjects came to; nothing for one with a single subject.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_subjects(db: &Db, issue_id: &str) -> Result<Vec<OfSubject>> {
    db.all(
        "SELECT r.arm, MIN(r.subject) AS subject, COUNT(d.accepted_ms) AS readers,
             COUNT(CASE WHEN d.accepted_ms IS NOT NULL AND EXISTS (
                 SELECT 1 FROM engagement_event e WHERE e.delivery_id = d.id AND e.kind = 'click' AND e.human) THEN 1 END)
                 AS people
         FROM delivery d JOIN rendition r ON r.id = d.rendition_id
         WHERE d.source = $1 AND r.arm <> '' GROUP BY r.arm ORDER BY r.arm",
        args![issue_id],
    )
    .await
}

/// Calls the clicks of a delivery since `since_ms` a machine's: they turned out to be the beginning of a burst.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn judge_burst(tx: &mut Tx, delivery_id: &str, since_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE engagement_event SET human = FALSE,
             verdict = 'three or more links of the message were followed within two seconds'
         WHERE delivery_id = $1 AND kind = 'click' AND at_ms >= $2 AND human",
        args![delivery_id, since_ms],
    )
    .await
}
