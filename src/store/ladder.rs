//! The outcome ladder: counts, and the rows behind each count. What each rung means is `domain/lead/ladder`'s.
//!
//! Every statement takes the same first five arguments: from and before when, partner, newsletter or sequence, assets.

use super::{
    Db,
    sql::{Arg, Sql, args},
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Groups of one answer.
pub const GROUPS_MAX: usize = 1_000;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// From this instant on.
    pub from_ms: UtcMs,
    /// Before this one.
    pub before_ms: UtcMs,
    /// One partner's slug.
    pub partner: Option<String>,
    /// A newsletter's or sequence's slug.
    pub scope: Option<String>,
    /// References of assets; all where there is none.
    pub assets: Option<Vec<String>>,
}

impl Filter {
    fn args(&self) -> Vec<Arg> {
        // References hold no blanks and nothing that means something in a pattern.
        let assets = self.assets.as_ref().map(|assets| format!(" {} ", assets.join(" ")));
        args![self.from_ms, self.before_ms, self.partner.clone(), self.scope.clone(), assets]
    }

    fn args_and(&self, more: Vec<Arg>) -> Vec<Arg> {
        let mut all = self.args();
        all.extend(more);
        all
    }
}

/// By what a rung is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Not at all: one group without a name.
    Nothing,
    /// By partner.
    Partner,
    /// By asset.
    Asset,
    /// By newsletter or sequence.
    Newsletter,
}

/// A group's name, and how many it has.
pub type Counts = Vec<(String, i64)>;

macro_rules! accepted {
    () => {
        "d.accepted_ms IS NOT NULL AND d.lane > 0 AND d.accepted_ms >= $1 AND d.accepted_ms < $2
             AND ($3 IS NULL OR d.partner_slug = $3) AND ($4 IS NULL OR d.scope = $4)"
    };
}
macro_rules! with_asset {
    () => {
        " AND ($5 IS NULL OR EXISTS (SELECT 1 FROM link k WHERE k.rendition_id = d.rendition_id
                                       AND $5 LIKE '% ' || k.asset || ' %'))"
    };
}
/// Acts of people, with their time as `$at`. Kinds are left out by name, as `domain/lead/ladder` leaves them out.
macro_rules! acts {
    ($at:literal, $more:literal) => {
        concat!(
            "e.human AND e.kind NOT IN ('unsubscribe', 'resubscribe', 'bounce', 'complaint', 'feed_read', 'open'",
            $more,
            ") AND ",
            $at,
            " >= $1 AND ",
            $at,
            " < $2
             AND ($3 IS NULL OR e.partner_slug = $3) AND ($4 IS NULL OR e.scope = $4)
             AND ($5 IS NULL OR $5 LIKE '% ' || e.asset || ' %')"
        )
    };
}
/// A statement about acts. `+` keeps SQLite from walking along the index by time, which has neither people nor assets: it would
/// look up and sort a row for each act. PostgreSQL knows how narrow a time is.
macro_rules! acting {
    ($before:literal, $more:literal, $after:literal $(,)?) => {
        Sql {
            sqlite: concat!($before, acts!("+e.at_ms", $more), $after),
            postgres: concat!($before, acts!("e.at_ms", $more), $after),
        }
    };
}
/// Leads that reached the stage `$6` for the first time in the period, with what they are credited to.
macro_rules! reached {
    () => {
        "FROM (SELECT r.lead_id, r.at_ms, l.partner_slug, l.asset, l.name, l.email, l.company, l.stage,
                   COALESCE((SELECT e.scope FROM engagement_event e WHERE e.lead_id = l.id AND e.human
                               AND e.kind NOT IN ('unsubscribe', 'resubscribe', 'bounce', 'complaint', 'feed_read', 'open')
                             ORDER BY e.at_ms, e.id LIMIT 1), '') AS scope
               FROM (SELECT lead_id, MIN(at_ms) AS at_ms FROM lead_step WHERE stage = $6 GROUP BY lead_id) r
               JOIN lead l ON l.id = r.lead_id
               WHERE r.at_ms >= $1 AND r.at_ms < $2 AND ($3 IS NULL OR l.partner_slug = $3)
                 AND ($5 IS NULL OR $5 LIKE '% ' || l.asset || ' %')) c
         WHERE ($4 IS NULL OR c.scope = $4)"
    };
}

/// Messages that were accepted.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn delivered(db: &Db, filter: &Filter, by: By) -> Result<Counts> {
    let sql = match by {
        By::Nothing => {
            concat!("SELECT '', COUNT(*) FROM delivery d WHERE ", accepted!(), with_asset!())
        }
        By::Partner => concat!(
            "SELECT d.partner_slug, COUNT(*) FROM delivery d WHERE ",
            accepted!(),
            with_asset!(),
            " GROUP BY d.partner_slug ORDER BY d.partner_slug LIMIT 1000"
        ),
        By::Newsletter => concat!(
            "SELECT d.scope, COUNT(*) FROM delivery d WHERE ",
            accepted!(),
            with_asset!(),
            " GROUP BY d.scope ORDER BY d.scope LIMIT 1000"
        ),
        // Counted by rendition first: what is in a message is the same for all who got it.
        By::Asset => concat!(
            "SELECT k.asset, CAST(SUM(n.messages) AS BIGINT)
             FROM (SELECT d.rendition_id, COUNT(*) AS messages FROM delivery d WHERE ",
            accepted!(),
            " GROUP BY d.rendition_id) n
             JOIN (SELECT DISTINCT rendition_id, asset FROM link WHERE asset IS NOT NULL) k
               ON k.rendition_id = n.rendition_id
             WHERE $5 IS NULL OR $5 LIKE '% ' || k.asset || ' %'
             GROUP BY k.asset ORDER BY k.asset LIMIT 1000"
        ),
    };
    db.all(sql, filter.args()).await
}

/// Pairs of a partner and an asset that somebody used.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn used(db: &Db, filter: &Filter, by: By) -> Result<Counts> {
    let sql = match by {
        By::Nothing => acting!("SELECT '', COUNT(*) FROM (SELECT DISTINCT e.partner_slug, e.asset FROM engagement_event e
             WHERE e.asset IS NOT NULL AND ", ", 'click', 'reply'", ") u"),
        By::Partner => acting!("SELECT u.partner_slug, COUNT(*) FROM (SELECT DISTINCT e.partner_slug, e.asset FROM engagement_event e
             WHERE e.asset IS NOT NULL AND ", ", 'click', 'reply'", ") u GROUP BY u.partner_slug ORDER BY u.partner_slug LIMIT 1000"),
        By::Asset => acting!("SELECT u.asset, COUNT(*) FROM (SELECT DISTINCT e.partner_slug, e.asset FROM engagement_event e
             WHERE e.asset IS NOT NULL AND ", ", 'click', 'reply'", ") u GROUP BY u.asset ORDER BY u.asset LIMIT 1000"),
        By::Newsletter => acting!("SELECT u.scope, COUNT(*) FROM (SELECT DISTINCT e.scope, e.partner_slug, e.asset FROM engagement_event e
             WHERE e.asset IS NOT NULL AND ", ", 'click', 'reply'", ") u GROUP BY u.scope ORDER BY u.scope LIMIT 1000"),
    };
    db.all(sql, filter.args()).await
}

/// Different people who did something.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn engaged(db: &Db, filter: &Filter, by: By) -> Result<Counts> {
    // Grouped in the order of the index first, so that few are left to be told apart.
    let sql = match by {
        By::Nothing => acting!("SELECT '', COUNT(DISTINCT p.person) FROM (
                 SELECT COALESCE(e.lead_id, e.contact_id) AS person FROM engagement_event e WHERE ", "", " GROUP BY e.partner_slug, e.lead_id, e.contact_id) p"),
        By::Partner => acting!("SELECT p.partner_slug, COUNT(DISTINCT p.person) FROM (
                 SELECT e.partner_slug, COALESCE(e.lead_id, e.contact_id) AS person FROM engagement_event e WHERE ", "", " GROUP BY e.partner_slug, e.lead_id, e.contact_id) p
             GROUP BY p.partner_slug ORDER BY p.partner_slug LIMIT 1000"),
        By::Asset => acting!("SELECT p.asset, COUNT(DISTINCT p.person) FROM (
                 SELECT e.asset, COALESCE(e.lead_id, e.contact_id) AS person FROM engagement_event e
                 WHERE e.asset IS NOT NULL AND ", "", " GROUP BY e.partner_slug, e.lead_id, e.contact_id, e.asset) p
             GROUP BY p.asset ORDER BY p.asset LIMIT 1000"),
        By::Newsletter => acting!("SELECT p.scope, COUNT(DISTINCT p.person) FROM (
                 SELECT e.scope, COALESCE(e.lead_id, e.contact_id) AS person FROM engagement_event e WHERE ", "", " GROUP BY e.partner_slug, e.lead_id, e.contact_id, e.scope) p
             GROUP BY p.scope ORDER BY p.scope LIMIT 1000"),
    };
    db.all(sql, filter.args()).await
}

/// Leads whose ledger reached `stage` for the first time.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn reached(db: &Db, filter: &Filter, stage: &str, by: By) -> Result<Counts> {
    let sql = match by {
        By::Nothing => concat!("SELECT '', COUNT(*) ", reached!()),
        By::Partner => concat!(
            "SELECT c.partner_slug, COUNT(*) ",
            reached!(),
            " GROUP BY c.partner_slug ORDER BY c.partner_slug LIMIT 1000"
        ),
        By::Asset => {
            concat!("SELECT c.asset, COUNT(*) ", reached!(), " GROUP BY c.asset ORDER BY c.asset LIMIT 1000")
        }
        By::Newsletter => {
            concat!("SELECT c.scope, COUNT(*) ", reached!(), " GROUP BY c.scope ORDER BY c.scope LIMIT 1000")
        }
    };
    db.all(sql, filter.args_and(args![stage])).await
}

/// Where a page of rows begins: behind this time and key, or these two words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct After {
    /// Of messages and leads: when.
    pub at_ms: UtcMs,
    /// The row's key; of uses the partner.
    pub key: String,
    /// Of uses the asset.
    pub asset: String,
}

/// A row behind a number: a message, a use, a person or a lead.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    /// The delivery, the person's or the lead's key; of uses the partner's slug.
    pub key: String,
    /// Somebody's name; empty for uses, and for people who were erased.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Whose partner.
    pub partner_slug: String,
    /// The asset of uses and leads.
    pub asset: String,
    /// Newsletter or sequence of messages and leads.
    pub scope: String,
    /// A lead's stage now.
    pub stage: String,
    /// The issue of a message.
    pub issue_id: Option<String>,
    /// The contact of a message or a person, where it is one.
    pub contact_id: Option<String>,
    /// How often somebody acted; 1 for messages and leads.
    pub times: i64,
    /// When it was accepted, done for the first time, or reached.
    pub at_ms: UtcMs,
    /// When it was done for the last time.
    pub last_ms: UtcMs,
}

/// Messages, the first accepted first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn delivered_rows(db: &Db, filter: &Filter, after: &After, rows: i64) -> Result<Vec<Row>> {
    db.all(
        concat!(
            "SELECT d.id AS key, d.recipient_name AS name, d.email, d.partner_slug, '' AS asset, d.scope, '' AS stage,
                 d.issue_id, d.contact_id, CAST(1 AS BIGINT) AS times, d.accepted_ms AS at_ms, d.accepted_ms AS last_ms
             FROM delivery d WHERE ",
            accepted!(),
            with_asset!(),
            " AND (d.accepted_ms, d.id) > ($6, $7) ORDER BY d.accepted_ms, d.id LIMIT $8"
        ),
        filter.args_and(args![after.at_ms, &after.key, rows]),
    )
    .await
}

/// Uses, by partner and asset.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn used_rows(db: &Db, filter: &Filter, after: &After, rows: i64) -> Result<Vec<Row>> {
    db.all(
        acting!("SELECT e.partner_slug AS key, '' AS name, '' AS email, e.partner_slug, e.asset AS asset, '' AS scope,
                 '' AS stage, CAST(NULL AS TEXT) AS issue_id, CAST(NULL AS TEXT) AS contact_id, COUNT(*) AS times,
                 MIN(e.at_ms) AS at_ms, MAX(e.at_ms) AS last_ms
             FROM engagement_event e WHERE e.asset IS NOT NULL AND ", ", 'click', 'reply'", " AND (e.partner_slug, e.asset) > ($6, $7)
             GROUP BY e.partner_slug, e.asset ORDER BY e.partner_slug, e.asset LIMIT $8"),
        filter.args_and(args![&after.key, &after.asset, rows]),
    )
    .await
}

/// People, by key.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn engaged_rows(db: &Db, filter: &Filter, after: &After, rows: i64) -> Result<Vec<Row>> {
    db.all(
        acting!("SELECT q.person AS key, COALESCE(l.name, c.name, '') AS name, COALESCE(l.email, c.email, '') AS email,
                 q.partner_slug, COALESCE(l.asset, '') AS asset, '' AS scope, COALESCE(l.stage, '') AS stage,
                 CAST(NULL AS TEXT) AS issue_id, c.id AS contact_id, q.times, q.at_ms, q.last_ms
             FROM (SELECT p.person, MIN(p.partner_slug) AS partner_slug, CAST(SUM(p.times) AS BIGINT) AS times,
                       MIN(p.at_ms) AS at_ms, MAX(p.last_ms) AS last_ms
                   FROM (SELECT e.partner_slug, COALESCE(e.lead_id, e.contact_id) AS person, COUNT(*) AS times,
                             MIN(e.at_ms) AS at_ms, MAX(e.at_ms) AS last_ms
                         FROM engagement_event e WHERE ", "", "            GROUP BY e.partner_slug, e.lead_id, e.contact_id) p
                   WHERE p.person > $6 GROUP BY p.person ORDER BY p.person LIMIT $7) q
             LEFT JOIN lead l ON l.id = q.person LEFT JOIN contact c ON c.id = q.person ORDER BY q.person"),
        filter.args_and(args![&after.key, rows]),
    )
    .await
}

/// Leads, the first that reached `stage` first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn reached_rows(
    db: &Db,
    filter: &Filter,
    stage: &str,
    after: &After,
    rows: i64,
) -> Result<Vec<Row>> {
    db.all(
        concat!(
            "SELECT c.lead_id AS key, c.name, c.email, c.partner_slug, c.asset, c.scope, c.stage,
                 CAST(NULL AS TEXT) AS issue_id, CAST(NULL AS TEXT) AS contact_id, CAST(1 AS BIGINT) AS times,
                 c.at_ms, c.at_ms AS last_ms ",
            reached!(),
            " AND (c.at_ms, c.lead_id) > ($7, $8) ORDER BY c.at_ms, c.lead_id LIMIT $9"
        ),
        filter.args_and(args![stage, after.at_ms, &after.key, rows]),
    )
    .await
}
