//! What amounts are credited to, and deals counted by it. The rule is `domain/lead/attribution`'s.
//!
//! A deal is a lead's last amount. Every statement over deals takes the same first three arguments: from and before when the
//! amount was said, and whether it is won or still open.

use super::{
    Db, Tx,
    sql::{Arg, args},
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Groups of one answer.
pub const GROUPS_MAX: usize = 1_000;

/// A touch that may be credited: what somebody did, at any partner.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Act {
    /// The event.
    pub id: String,
    /// When.
    pub at_ms: UtcMs,
    /// What.
    pub kind: String,
    /// At whose partner.
    pub partner_slug: String,
    /// With which asset; empty for none.
    pub asset: String,
    /// By which newsletter or sequence; empty for none.
    pub scope: String,
    /// Where the link stood that led to it: `Placement`'s word, `mail` for a mail of ours, empty for none.
    pub channel: String,
}

/// What the person behind a lead did as anybody's lead until `until_ms`, by people and not by machines; the first that a day
/// saw of each partner, asset, newsletter and kind. Oldest first, at most 5,000.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn acts(tx: &mut Tx, lead_id: &str, from_ms: UtcMs, until_ms: UtcMs) -> Result<Vec<Act>> {
    tx.all(
        "SELECT d.id, d.at_ms, d.kind, d.partner_slug, d.asset, d.scope,
             CASE WHEN f.channel = '' AND f.delivery_id IS NOT NULL THEN 'mail' ELSE f.channel END AS channel
         FROM (SELECT MIN(e.id) AS id, MIN(e.at_ms) AS at_ms, e.kind, e.partner_slug, COALESCE(e.asset, '') AS asset, e.scope
               FROM engagement_event e
               WHERE e.lead_id IN (SELECT o.id FROM lead l JOIN lead o ON o.email_key = l.email_key WHERE l.id = $1)
                 AND e.human AND e.kind NOT IN ('unsubscribe', 'resubscribe', 'bounce', 'complaint', 'feed_read', 'open')
                 AND e.at_ms >= $2 AND e.at_ms <= $3
               GROUP BY e.at_ms / 86400000, e.kind, e.partner_slug, e.asset, e.scope
               ORDER BY 2, 1 LIMIT 5000) d
         JOIN engagement_event f ON f.id = d.id
         ORDER BY d.at_ms, d.id",
        args![lead_id, from_ms, until_ms],
    )
    .await
}

/// A line of an amount's credit.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    /// Whose amount.
    pub lead_id: String,
    /// Which of the lead's amounts, from 1.
    pub amount_no: i64,
    /// Which line, from 1.
    pub no: i64,
    /// The event, as it was; none where nothing led to the amount.
    pub event_id: Option<String>,
    /// When it happened; when the amount was said where there is none.
    pub at_ms: UtcMs,
    /// Its kind; empty where there is none.
    pub kind: String,
    /// At whose partner; empty where there is none.
    pub partner_slug: String,
    /// With which asset; empty for none.
    pub asset: String,
    /// By which newsletter or sequence; empty for none.
    pub scope: String,
    /// Where the link stood that led to it, as [`Act::channel`] has it.
    pub channel: String,
    /// Whether it sourced the amount.
    pub is_primary: bool,
    /// Its part of the amount, in the currency's smallest unit.
    pub minor_units: i64,
    /// Version and words of the rule.
    pub rule: String,
}

/// Writes all lines of an amount.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn add(tx: &mut Tx, lines: &[Line]) -> Result<()> {
    let rows = lines.iter().map(|line| {
        args![
            &line.lead_id,
            line.amount_no,
            line.no,
            line.event_id.clone(),
            line.at_ms,
            &line.kind,
            &line.partner_slug,
            &line.asset,
            &line.scope,
            &line.channel,
            line.is_primary,
            line.minor_units,
            &line.rule,
        ]
    });
    tx.bulk(
        "INSERT INTO credit (lead_id, amount_no, no, event_id, at_ms, kind, partner_slug, asset, scope, channel,
             is_primary, minor_units, rule)",
        rows.collect(),
        "",
    )
    .await
    .map(|_| ())
}

/// An amount that has no credit yet.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Bare {
    /// Whose.
    pub lead_id: String,
    /// Which of theirs.
    pub no: i64,
    /// When it was said.
    pub at_ms: UtcMs,
    /// In the currency's smallest unit.
    pub minor_units: i64,
}

/// Amounts without credit, which were said before there was any; at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn bare(db: &Db, limit: i64) -> Result<Vec<Bare>> {
    db.all(
        "SELECT a.lead_id, a.no, a.at_ms, a.minor_units FROM lead_amount a
         WHERE NOT EXISTS (SELECT 1 FROM credit c WHERE c.lead_id = a.lead_id AND c.amount_no = a.no)
         ORDER BY a.lead_id, a.no LIMIT $1",
        args![limit],
    )
    .await
}

/// Whether an amount has credit, asked inside of a transaction that would give it.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn has(tx: &mut Tx, lead_id: &str, amount_no: i64) -> Result<bool> {
    let row: Option<(i64,)> = tx
        .opt(
            "SELECT no FROM credit WHERE lead_id = $1 AND amount_no = $2 AND no = 1",
            args![lead_id, amount_no],
        )
        .await?;
    Ok(row.is_some())
}

/// What all amounts of a lead are credited to, by amount, newest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Vec<Line>> {
    db.all(
        "SELECT lead_id, amount_no, no, event_id, at_ms, kind, partner_slug, asset, scope, channel, is_primary, minor_units,
             rule
         FROM credit WHERE lead_id = $1 ORDER BY amount_no DESC, no LIMIT 1000",
        args![lead_id],
    )
    .await
}

/// Which deals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Whose amount was said from this instant on.
    pub from_ms: UtcMs,
    /// Before this one.
    pub before_ms: UtcMs,
    /// Won ones; open ones otherwise.
    pub won: bool,
    /// References of assets that count as one group; nothing for all.
    pub assets: Option<Vec<String>>,
}

impl Filter {
    fn args(&self, more: Vec<Arg>) -> Vec<Arg> {
        let mut all = args![self.from_ms, self.before_ms, self.won];
        all.extend(more);
        all
    }

    /// References hold no blanks and nothing that means something in a pattern.
    fn assets(&self) -> Option<String> {
        self.assets.as_ref().map(|assets| format!(" {} ", assets.join(" ")))
    }
}

/// By what deals are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Partners that touches happened at.
    Partner,
    /// Assets.
    Asset,
    /// Newsletters and sequences.
    Newsletter,
    /// Where the link stood that led to a touch: `Placement`'s word, `mail` for a mail of ours, empty for none.
    Channel,
    /// Not at all: all of [`Filter::assets`] together, such as those of a kit.
    Together,
}

/// A group's deals in one currency.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Sum {
    /// The group; empty for deals that nothing led to, and for touches without.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// Deals that it sourced.
    pub sourced: i64,
    /// Their amounts.
    pub sourced_units: i64,
    /// Deals that it influenced and did not source.
    pub influenced: i64,
    /// Their amounts.
    pub influenced_units: i64,
    /// Its share of all amounts.
    pub share_units: i64,
}

macro_rules! deals {
    () => {
        "(SELECT a.lead_id, a.no, a.at_ms, a.actor, a.minor_units, a.currency, a.close_date, l.partner_slug, l.name,
                 l.company, l.stage
          FROM lead_amount a JOIN lead l ON l.id = a.lead_id
          WHERE a.at_ms >= $1 AND a.at_ms < $2
            AND ((l.stage = 'won' AND $3) OR (l.stage IN ('sql', 'deal_registered') AND NOT $3))
            AND NOT EXISTS (SELECT 1 FROM lead_amount b WHERE b.lead_id = a.lead_id AND b.no > a.no))"
    };
}
// Of credit and not of events, which go in time. What a newsletter led to came by a mail, whoever wrote the line.
macro_rules! channel {
    () => {
        "CASE WHEN c.channel <> '' THEN c.channel WHEN c.scope <> '' THEN 'mail' ELSE '' END"
    };
}
macro_rules! sums {
    ($by:expr, $of:literal) => {
        concat!(
            "SELECT g.name, g.currency, CAST(SUM(g.sourced) AS BIGINT) AS sourced,
                 CAST(SUM(g.sourced * g.amount) AS BIGINT) AS sourced_units,
                 CAST(SUM(1 - g.sourced) AS BIGINT) AS influenced,
                 CAST(SUM((1 - g.sourced) * g.amount) AS BIGINT) AS influenced_units,
                 CAST(SUM(g.share) AS BIGINT) AS share_units
             FROM (SELECT ",
            $by,
            " AS name, d.currency, MAX(CASE WHEN c.is_primary THEN 1 ELSE 0 END) AS sourced,
                       MAX(d.minor_units) AS amount, SUM(c.minor_units) AS share
                   FROM ",
            deals!(),
            " d JOIN credit c ON c.lead_id = d.lead_id AND c.amount_no = d.no
                   WHERE ",
            $of,
            " GROUP BY 1, d.currency, d.lead_id) g
             GROUP BY g.name, g.currency ORDER BY g.name, g.currency LIMIT 1000"
        )
    };
}

/// Deals by group and currency, by name.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn sums(db: &Db, filter: &Filter, by: By) -> Result<Vec<Sum>> {
    let sql = match by {
        By::Partner => sums!("c.partner_slug", "$4 IS NULL"),
        By::Asset => sums!("c.asset", "$4 IS NULL"),
        By::Newsletter => sums!("c.scope", "$4 IS NULL"),
        By::Channel => sums!(channel!(), "$4 IS NULL"),
        By::Together => sums!("''", "$4 LIKE '% ' || c.asset || ' %' AND c.asset <> ''"),
    };
    let assets = filter.assets().filter(|_| by == By::Together);
    db.all(sql, filter.args(args![assets])).await
}

/// Deals by the partner that holds them without a touch of the person through that partner: name, currency, deals, amounts.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn attached(db: &Db, filter: &Filter) -> Result<Vec<(String, String, i64, i64)>> {
    db.all(
        concat!(
            "SELECT d.partner_slug, d.currency, COUNT(*), CAST(SUM(d.minor_units) AS BIGINT) FROM ",
            deals!(),
            " d WHERE NOT EXISTS (SELECT 1 FROM credit c
                                  WHERE c.lead_id = d.lead_id AND c.amount_no = d.no AND c.partner_slug = d.partner_slug)
              GROUP BY d.partner_slug, d.currency ORDER BY d.partner_slug, d.currency LIMIT 1000"
        ),
        filter.args(Vec::new()),
    )
    .await
}

/// A deal with a group's part in it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Deal {
    /// The lead.
    pub lead_id: String,
    /// The person; empty once they were erased.
    pub name: String,
    /// Their company.
    pub company: String,
    /// The partner that holds it.
    pub partner_slug: String,
    /// Where the lead stands.
    pub stage: String,
    /// The whole amount.
    pub minor_units: i64,
    /// ISO 4217.
    pub currency: String,
    /// Who said so.
    pub actor: String,
    /// When.
    pub at_ms: UtcMs,
    /// The day on which it is, or was, closed.
    pub close_date: Option<String>,
    /// Whether the group sourced it.
    pub is_primary: bool,
    /// The group's share of it.
    pub share_units: i64,
    /// Touches in it.
    pub touches: i64,
}

macro_rules! parts {
    ($of:expr) => {
        concat!(
            "SELECT d.lead_id, d.name, d.company, d.partner_slug, d.stage, d.minor_units, d.currency, d.actor, d.at_ms,
                 d.close_date, p.sourced = 1 AS is_primary, p.share_units, p.touches
             FROM ",
            deals!(),
            " d JOIN (SELECT c.lead_id, c.amount_no, MAX(CASE WHEN c.is_primary THEN 1 ELSE 0 END) AS sourced,
                          CAST(SUM(c.minor_units) AS BIGINT) AS share_units, COUNT(c.event_id) AS touches
                      FROM credit c WHERE ",
            $of,
            " GROUP BY c.lead_id, c.amount_no) p ON p.lead_id = d.lead_id AND p.amount_no = d.no
             WHERE (d.at_ms, d.lead_id) > ($5, $6) ORDER BY d.at_ms, d.lead_id LIMIT $7"
        )
    };
}

/// The deals that a group has a part in, by when their amount was said, at most `limit` behind this instant and lead. `name`
/// is the group's; nothing asks for all deals. With [`By::Together`] it is not looked at.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn deals(
    db: &Db,
    filter: &Filter,
    of: (By, Option<&str>),
    after: (UtcMs, &str),
    limit: i64,
) -> Result<Vec<Deal>> {
    let (by, name) = of;
    let sql = match by {
        By::Partner => parts!("($4 IS NULL OR c.partner_slug = $4)"),
        By::Asset => parts!("($4 IS NULL OR c.asset = $4)"),
        By::Newsletter => parts!("($4 IS NULL OR c.scope = $4)"),
        By::Channel => parts!(concat!("($4 IS NULL OR ", channel!(), " = $4)")),
        By::Together => parts!("$4 LIKE '% ' || c.asset || ' %' AND c.asset <> ''"),
    };
    let name = if by == By::Together { filter.assets() } else { name.map(str::to_owned) };
    db.all(sql, filter.args(args![name, after.0, after.1, limit])).await
}
