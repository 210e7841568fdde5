//! Who has which revision: the people to whom an issue went that holds it, and what they did with it.

use serde::Serialize;

use super::{
    Db,
    sql::{args, like_plain},
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// People read in one page.
pub const PAGE: usize = 200;
/// Issues looked at for one file, the latest first.
pub const ISSUES_MAX: i64 = 500;

/// Somebody to whom a revision went: an accepted message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Holder {
    /// The delivery.
    pub delivery_id: String,
    /// Lower-cased address.
    pub recipient_key: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their partner.
    pub partner_slug: String,
    /// When the next mail server accepted it.
    pub accepted_ms: UtcMs,
    /// Which text, as in the history.
    pub hash: String,
    /// `text`, `card` or `standing`.
    pub part: String,
    /// When a person first followed a link of that mail to the asset.
    pub clicked_ms: Option<UtcMs>,
    /// When a person first took a file of it, coming from that mail.
    pub downloaded_ms: Option<UtcMs>,
}

/// An issue that holds a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct HoldingIssue {
    /// The key.
    pub id: String,
    /// The newsletter's slug.
    pub newsletter: String,
    /// The promised date.
    pub nominal_date: String,
}

/// The issues with a rendition that holds `path`, with this `hash` or any, the latest first, at most [`ISSUES_MAX`].
///
/// # Errors
/// Those of [`Db::all`].
pub async fn issues(db: &Db, path: &str, hash: Option<&str>) -> Result<Vec<HoldingIssue>> {
    db.all(
        "SELECT id, newsletter, nominal_date FROM issue WHERE id IN (
             SELECT r.issue_id FROM rendition_asset a JOIN rendition r ON r.id = a.rendition_id
             WHERE a.path = $1 AND ($2 IS NULL OR a.hash = $2))
         ORDER BY nominal_date DESC, newsletter LIMIT $3",
        args![path, hash, ISSUES_MAX],
    )
    .await
}

/// The people to whom the issue went with `path` in it, at one `partner` or at all, by address after (`after_key`, `after_id`), at most [`PAGE`]. What
/// they did counts where it was about `asset`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn page(
    db: &Db,
    issue_id: &str,
    (path, hash, asset): (&str, Option<&str>, &str),
    partner: Option<&str>,
    (after_key, after_id): (&str, &str),
) -> Result<Vec<Holder>> {
    // The issue's deliveries in their order, each with its rendition's one row: joined the other way, every variant
    // would be looked for among all readers.
    db.all(
        "SELECT d.id AS delivery_id, d.recipient_key, d.recipient_name AS name, d.email, d.partner_slug, d.accepted_ms,
             a.hash, a.part,
             (SELECT MIN(e.at_ms) FROM engagement_event e
              WHERE e.delivery_id = d.id AND e.kind = 'click' AND e.asset = $4 AND e.human) AS clicked_ms,
             (SELECT MIN(e.at_ms) FROM engagement_event e
              WHERE e.delivery_id = d.id AND e.kind = 'download' AND e.asset = $4 AND e.human) AS downloaded_ms
         FROM delivery d CROSS JOIN rendition_asset a
         WHERE d.source = $1 AND d.state = 'accepted' AND d.accepted_ms IS NOT NULL
           AND (d.recipient_key, d.id) > ($5, $6)
           AND a.rendition_id = d.rendition_id AND a.path = $2 AND ($3 IS NULL OR a.hash = $3)
           AND ($8 IS NULL OR d.partner_slug = $8)
         ORDER BY d.recipient_key, d.id LIMIT $7",
        args![issue_id, path, hash, asset, after_key, after_id, PAGE as i64, partner],
    )
    .await
}

/// How many different people have each text of `path`, by hash, counted over the issues that hold it.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn counts(db: &Db, path: &str) -> Result<Vec<(String, i64)>> {
    db.all(
        "SELECT a.hash, COUNT(DISTINCT d.recipient_key) FROM delivery d CROSS JOIN rendition_asset a
         WHERE d.source IN (SELECT r.issue_id FROM rendition_asset x JOIN rendition r ON r.id = x.rendition_id
                            WHERE x.path = $1)
           AND d.state = 'accepted' AND a.rendition_id = d.rendition_id AND a.path = $1
         GROUP BY a.hash",
        args![path],
    )
    .await
}

/// How many different people have a text of an asset, or of a translation of it, that was wrong: one that was not the head
/// of its path at `good_since_ms` or later, or any where that is nothing. Looks at every message of the issues that hold
/// it: seconds with a million readers.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn of_wrong_texts(db: &Db, reference: &str, good_since_ms: Option<UtcMs>) -> Result<i64> {
    let plain = like_plain(reference);
    let row: Option<(i64,)> = db
        .opt(
            "WITH wrong AS (
                 SELECT DISTINCT h.path, h.hash FROM content_history h
                 WHERE (h.path = $1 OR h.path LIKE $2 ESCAPE '!') AND ($3 IS NULL OR NOT EXISTS (
                     SELECT 1 FROM content_history g WHERE g.path = h.path AND g.hash = h.hash
                       AND g.no >= COALESCE((SELECT MAX(l.no) FROM content_history l
                                             WHERE l.path = h.path AND l.since_ms <= $3), 0)))),
             holding AS (
                 SELECT DISTINCT r.id, r.issue_id FROM wrong w
                 JOIN rendition_asset a ON a.path = w.path AND a.hash = w.hash
                 JOIN rendition r ON r.id = a.rendition_id)
             SELECT COUNT(DISTINCT d.recipient_key) FROM delivery d
             WHERE d.source IN (SELECT issue_id FROM holding) AND d.state = 'accepted'
               AND d.rendition_id IN (SELECT id FROM holding)",
            args![format!("{reference}.md"), format!("{plain}.%.md"), good_since_ms],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// The issue and the lower-cased address of a delivery of an issue: where a list of [`page`] goes on after it.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn place(db: &Db, delivery_id: &str) -> Result<Option<(String, String)>> {
    db.opt("SELECT source, recipient_key FROM delivery WHERE id = $1", args![delivery_id]).await
}

/// A lead who took a file of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Taker {
    /// The event.
    pub id: String,
    /// The lead.
    pub lead_id: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their partner.
    pub partner_slug: String,
    /// Which text it was made of, as in the history.
    pub hash: String,
    /// When they took it.
    pub at_ms: UtcMs,
}

/// Downloads by leads who are people of files that were made of `path`, of the text with this `hash` or any, at one
/// `partner` or at all, oldest first after (`after_ms`, `after_id`), at most [`PAGE`].
///
/// # Errors
/// Those of [`Db::all`].
pub async fn takers(
    db: &Db,
    (path, hash): (&str, Option<&str>),
    partner: Option<&str>,
    (after_ms, after_id): (UtcMs, &str),
) -> Result<Vec<Taker>> {
    db.all(
        "SELECT e.id, l.id AS lead_id, l.name, l.email, l.partner_slug, e.revision AS hash, e.at_ms
         FROM engagement_event e JOIN lead l ON l.id = e.lead_id
         WHERE e.kind = 'download' AND e.human AND (e.at_ms, e.id) > ($3, $4)
           AND e.revision IN (SELECT h.hash FROM content_history h
                              WHERE h.path = $1 AND ($2 IS NULL OR h.hash = $2))
           AND ($6 IS NULL OR l.partner_slug = $6)
         ORDER BY e.at_ms, e.id LIMIT $5",
        args![path, hash, after_ms, after_id, PAGE as i64, partner],
    )
    .await
}

/// Files of `asset` that people took before it was noted which text they were made of.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn files_unrecorded(db: &Db, asset: &str) -> Result<i64> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT COUNT(*) FROM engagement_event
             WHERE kind = 'download' AND revision IS NULL AND asset = $1 AND human",
            args![asset],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Issues that were frozen before it was noted which revisions went into them.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn unrecorded(db: &Db) -> Result<i64> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT COUNT(*) FROM issue WHERE NOT EXISTS (
                 SELECT 1 FROM rendition r JOIN rendition_asset a ON a.rendition_id = r.id
                 WHERE r.issue_id = issue.id)
               AND EXISTS (SELECT 1 FROM rendition r WHERE r.issue_id = issue.id)",
            Vec::new(),
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}
