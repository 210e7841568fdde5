//! Engagement events. Append-only; written in batches.

use serde::{Deserialize, Serialize};

use super::{Db, Tx, sql::args};
use crate::domain::{
    engagement::Verdict,
    kernel::{Result, clock::UtcMs},
};

/// Something that somebody, or some machine, did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
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
    /// Where the link stood that led here, as `engagement::Placement`'s word; empty for a mail's, and for none.
    #[serde(default)]
    pub channel: String,
    /// How long the page was in view, in milliseconds; of stays alone.
    #[serde(default)]
    pub stayed_ms: Option<i64>,
    /// Which link of the mail.
    pub link_no: Option<i64>,
    /// HTTP method.
    pub method: String,
    /// User agent, cut to 200 characters.
    pub agent: String,
    /// Network of the address, truncated (/24 or /48).
    pub network: String,
    /// Whether its headers said that it only fetched ahead.
    pub prefetch: bool,
    /// Whether it followed the link that no person sees.
    pub honeypot: bool,
    /// Whether we take it for a person.
    pub human: bool,
    /// Why, as `engagement::Reason`'s word.
    pub reason: String,
    /// The same for people.
    pub verdict: String,
}

impl Event {
    /// Takes over how it was judged.
    pub fn judged(&mut self, verdict: &Verdict) {
        self.human = verdict.human();
        verdict.reason.as_str().clone_into(&mut self.reason);
        verdict.sentence.as_ref().clone_into(&mut self.verdict);
    }
}

/// `SELECT` of an [`Event`] from the table or tables that follow, with `$before` in front of each column.
macro_rules! select {
    ($before:literal, $after:literal) => {
        concat!(
            "SELECT ",
            $before,
            "id, ",
            $before,
            "kind, ",
            $before,
            "at_ms, ",
            $before,
            "delivery_id, ",
            $before,
            "contact_id, ",
            $before,
            "lead_id, ",
            $before,
            "partner_slug, ",
            $before,
            "asset, ",
            $before,
            "revision, ",
            $before,
            "channel, ",
            $before,
            "stayed_ms, ",
            $before,
            "link_no, ",
            $before,
            "method, ",
            $before,
            "agent, ",
            $before,
            "network, ",
            $before,
            "prefetch, ",
            $before,
            "honeypot, ",
            $before,
            "human, ",
            $before,
            "reason, ",
            $before,
            "verdict ",
            $after
        )
    };
}
pub(super) use select;

/// Stores a batch. What is there already stays as it is, but for a stay that went on: it is the longest that was told.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn insert(tx: &mut Tx, mut events: Vec<Event>) -> Result<()> {
    // PostgreSQL changes no row twice in one statement, and what is spooled in need may be there twice.
    events.sort_by(|a, b| (&a.id, b.stayed_ms).cmp(&(&b.id, a.stayed_ms)));
    events.dedup_by(|later, kept| later.id == kept.id);
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
            event.channel,
            event.stayed_ms,
            event.link_no,
            event.method,
            event.agent,
            event.network,
            event.prefetch,
            event.honeypot,
            event.human,
            event.reason,
            event.verdict,
        ]
    });
    // What led there is stored with each, so that whoever counts need not look millions of deliveries up.
    tx.bulk(
        "WITH seen (id, kind, at_ms, delivery_id, contact_id, lead_id, partner_slug, asset, revision, channel, stayed_ms, link_no,
             method, agent, network, prefetch, honeypot, human, reason, verdict) AS (",
        rows.collect(),
        ") INSERT INTO engagement_event (id, kind, at_ms, delivery_id, contact_id, lead_id, partner_slug, asset,
             revision, channel, stayed_ms, link_no, method, agent, network, prefetch, honeypot, human, reason, verdict, scope)
         SELECT s.id, s.kind, s.at_ms, s.delivery_id, s.contact_id, s.lead_id, s.partner_slug, s.asset, s.revision, s.channel,
             s.stayed_ms, s.link_no, s.method, s.agent, s.network, s.prefetch, s.honeypot, s.human, s.reason, s.verdict, COALESCE(d.scope, '')
         FROM seen s LEFT JOIN delivery d ON d.id = s.delivery_id AND d.lane > 0
         WHERE TRUE ON CONFLICT (id) DO UPDATE SET stayed_ms = excluded.stayed_ms
             WHERE excluded.stayed_ms > engagement_event.stayed_ms",
    )
    .await
    .map(|_| ())
}

/// What a lead did, oldest first; of very much the newest 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Vec<Event>> {
    let mut newest = db
        .all(
            select!("", "FROM engagement_event WHERE lead_id = $1 ORDER BY at_ms DESC, id DESC LIMIT 1000"),
            args![lead_id],
        )
        .await?;
    newest.reverse();
    Ok(newest)
}

/// Whether a lead did something (its key, the kind's word, the asset's reference) from `since_ms` on.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn was_done(db: &Db, (lead_id, kind, asset): (&str, &str, &str), since_ms: UtcMs) -> Result<bool> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM engagement_event
             WHERE lead_id = $1 AND at_ms >= $4 AND kind = $2 AND asset = $3 LIMIT 1",
            args![lead_id, kind, asset, since_ms],
        )
        .await?;
    Ok(row.is_some())
}

/// A page view, by its key; none for another event, or one that is not stored (yet).
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn page_view(db: &Db, id: &str) -> Result<Option<Event>> {
    db.opt(
        select!("", "FROM engagement_event WHERE id = $1 AND kind = 'page_view' AND NOT reduced"),
        args![id],
    )
    .await
}

/// What came of a delivery, oldest first; of very much the newest 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_delivery(db: &Db, delivery_id: &str) -> Result<Vec<Event>> {
    let mut newest = db
        .all(
            select!(
                "",
                "FROM engagement_event WHERE delivery_id = $1 ORDER BY at_ms DESC, id DESC LIMIT 1000"
            ),
            args![delivery_id],
        )
        .await?;
    newest.reverse();
    Ok(newest)
}

/// What people did of whom a list of leads tells, of one partner or of all, oldest first; of those that `leads::recent` names, and of
/// each the newest 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_recent_leads(db: &Db, partner: Option<&str>) -> Result<Vec<Event>> {
    db.all(
        select!(
            "e.",
            "FROM (SELECT e.*, ROW_NUMBER() OVER (PARTITION BY e.lead_id ORDER BY e.at_ms DESC, e.id DESC) AS place
               FROM engagement_event e
               JOIN (SELECT id FROM lead WHERE ($1 IS NULL OR partner_slug = $1) AND email NOT LIKE '%@erased.invalid'
                     ORDER BY updated_ms DESC, id DESC LIMIT 500) l ON l.id = e.lead_id
               WHERE e.human) e
         WHERE e.place <= 1000 ORDER BY e.at_ms, e.id"
        ),
        args![partner],
    )
    .await
}

/// The same as [`of_lead`] inside a transaction, seeing what it wrote.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn of_lead_in(tx: &mut Tx, lead_id: &str) -> Result<Vec<Event>> {
    let mut newest = tx
        .all(
            select!("", "FROM engagement_event WHERE lead_id = $1 ORDER BY at_ms DESC, id DESC LIMIT 1000"),
            args![lead_id],
        )
        .await?;
    newest.reverse();
    Ok(newest)
}

/// What these leads did, oldest first; of each the newest 1,000.
///
/// # Errors
/// Those of [`Tx::bulk_all`].
pub async fn of_leads_in(tx: &mut Tx, leads: &[String]) -> Result<Vec<Event>> {
    tx.bulk_all(
        "WITH r (rid) AS (",
        leads.iter().map(|lead| args![lead]).collect(),
        concat!(
            ") ",
            select!(
                "e.",
                "FROM (SELECT e.*, ROW_NUMBER() OVER (PARTITION BY e.lead_id ORDER BY e.at_ms DESC, e.id DESC) AS place
                   FROM r JOIN engagement_event e ON e.lead_id = rid) e
             WHERE e.place <= 1000 ORDER BY e.at_ms, e.id"
            )
        ),
    )
    .await
}

/// The latest events of all kinds, newest first, at most 200.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn recent(db: &Db) -> Result<Vec<Event>> {
    db.all(select!("", "FROM engagement_event ORDER BY at_ms DESC, id DESC LIMIT 200"), Vec::new()).await
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

/// How many clicks in an issue's mails machines made, by `engagement::Reason`'s word, the most first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn machine_clicks_of_issue(db: &Db, issue_id: &str) -> Result<Vec<(String, i64)>> {
    db.all(
        "SELECT e.reason, COUNT(*) FROM engagement_event e JOIN delivery d ON d.id = e.delivery_id
         WHERE d.source = $1 AND e.kind = 'click' AND NOT e.human GROUP BY e.reason ORDER BY 2 DESC, 1",
        args![issue_id],
    )
    .await
}

/// A span of time in which what was done with a message turned out to be a machine's.
#[derive(Debug, Clone)]
pub struct Spoiled {
    /// The message.
    pub delivery_id: String,
    /// From when on.
    pub since_ms: UtcMs,
    /// Until when.
    pub until_ms: UtcMs,
    /// How that is known.
    pub verdict: Verdict,
}

/// Takes what people were thought to have done with messages within the spans for a machine's.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn spoil(tx: &mut Tx, spans: Vec<Spoiled>) -> Result<u64> {
    let rows = spans.into_iter().map(|it| {
        args![
            it.delivery_id,
            it.since_ms,
            it.until_ms,
            it.verdict.reason.as_str(),
            it.verdict.sentence.into_owned()
        ]
    });
    tx.bulk(
        "WITH r (rdelivery, rsince_ms, runtil_ms, rreason, rverdict) AS (",
        rows.collect(),
        ") UPDATE engagement_event SET human = FALSE, reason = rreason, verdict = rverdict
         FROM r WHERE delivery_id = rdelivery AND at_ms >= rsince_ms AND at_ms <= runtil_ms AND human
           AND kind IN ('click', 'page_view', 'page_read', 'download', 'webinar_replay', 'embed_view', 'share')",
    )
    .await
}

/// What was done by way of what a partner spreads: of one place and kind.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OfChannel {
    /// `engagement::Placement`'s word.
    pub channel: String,
    /// `engagement::EventKind`'s word.
    pub kind: String,
    /// By people.
    pub human: i64,
    /// By machines.
    pub machine: i64,
}

/// What was done by way of what the partner spreads, since then, by place and kind.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn by_channel(db: &Db, partner: &str, since_ms: UtcMs) -> Result<Vec<OfChannel>> {
    db.all(
        "SELECT channel, kind, COUNT(CASE WHEN human THEN 1 END) AS human, COUNT(CASE WHEN NOT human THEN 1 END) AS machine
         FROM engagement_event WHERE partner_slug = $1 AND channel <> '' AND at_ms >= $2
         GROUP BY channel, kind ORDER BY channel, kind LIMIT 200",
        args![partner, since_ms],
    )
    .await
}

/// Takes the event `id`, a page's view or stay, for that of a machine which followed the page's hidden link.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn trap(tx: &mut Tx, id: &str, verdict: &Verdict) -> Result<u64> {
    tx.run(
        "UPDATE engagement_event SET honeypot = TRUE, human = FALSE, reason = $2, verdict = $3
         WHERE id = $1 AND kind IN ('page_view', 'page_read')",
        args![id, verdict.reason.as_str(), verdict.sentence.as_ref()],
    )
    .await
}

/// Whether the event `id` is stored.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn is_stored(db: &Db, id: &str) -> Result<bool> {
    let row: Option<(String,)> = db.opt("SELECT id FROM engagement_event WHERE id = $1", args![id]).await?;
    Ok(row.is_some())
}

/// Which of `ids` are stored.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn known(tx: &mut Tx, ids: Vec<String>) -> Result<Vec<(String,)>> {
    tx.bulk_all(
        "WITH r (rid) AS (",
        ids.into_iter().map(|id| args![id]).collect(),
        ") SELECT id FROM engagement_event JOIN r ON id = rid",
    )
    .await
}
