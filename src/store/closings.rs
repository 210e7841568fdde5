//! What became of leads: those that were closed, as whoever had them looks them up, and why leads were closed.

use super::{
    Db, Tx,
    leads::Lead,
    sql::{args, like_plain},
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Leads of one page.
pub const PAGE: i64 = 50;

/// Whose closed leads, and which of them.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The lower-cased address of who had them last.
    pub rep_key: String,
    /// Partners all of whose leads are theirs to see.
    pub partners: Vec<String>,
    /// Part of a name, a company or an address; empty for all.
    pub search: String,
    /// One lead alone, by its key; empty for all.
    pub id: String,
}

/// A lead that was closed, with what was said of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Closed {
    /// The lead.
    #[sqlx(flatten)]
    pub lead: Lead,
    /// Who had it last.
    pub rep_name: String,
    /// When it was closed.
    pub closed_ms: UtcMs,
}

// A lead is whose it was last: who had it before another, or at another partner, learns nothing more of it. What was never
// taken by anybody was not closed either.
macro_rules! closed {
    ($what:literal, $end:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM lead l JOIN offer o ON o.id = (SELECT x.id FROM offer x WHERE x.lead_id = l.id
                  AND x.answer = 'accepted' ORDER BY x.offered_ms DESC, x.id DESC LIMIT 1)
             WHERE l.stage IN ('won', 'lost', 'disqualified', 'recycled') AND o.ended_ms IS NOT NULL
               AND l.email NOT LIKE '%@erased.invalid'
               AND (o.rep_key = $1 OR $2 LIKE '% ' || l.partner_slug || ' %')
               AND (l.partner_slug = COALESCE((SELECT a.partner_slug FROM lead_assignment a
                   WHERE a.lead_id = l.id AND a.given_ms <= o.offered_ms ORDER BY a.no DESC LIMIT 1), l.partner_slug))
               AND ($3 = '' OR LOWER(l.name) LIKE $3 ESCAPE '!' OR LOWER(l.company) LIKE $3 ESCAPE '!'
                   OR l.email_key LIKE $3 ESCAPE '!')
               AND ($4 = '' OR l.id = $4)",
            $end
        )
    };
}

fn words(filter: &Filter) -> (String, String) {
    let partners = filter.partners.iter().fold(String::from(" "), |all, slug| format!("{all}{slug} "));
    let search = filter.search.trim().to_lowercase();
    let pattern = if search.is_empty() { String::new() } else { format!("%{}%", like_plain(&search)) };
    (partners, pattern)
}

/// Closed leads, the last first, at most [`PAGE`] from `offset`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(db: &Db, filter: &Filter, offset: i64) -> Result<Vec<Closed>> {
    let (partners, pattern) = words(filter);
    db.all(
        closed!(
            "l.id, l.partner_slug, l.email, l.email_key, l.name, l.company, l.phone, l.job_role, l.company_size,
             l.locale, l.stage, l.score, l.fit, l.because, l.asset, l.origin, l.owner_name, l.owner_email,
             l.created_ms, l.updated_ms, l.recycled_ms, l.reopen_ms, l.closed_reason, l.asked_again_ms, o.rep_name, o.ended_ms AS closed_ms",
            " ORDER BY o.ended_ms DESC, l.id DESC LIMIT 50 OFFSET $5"
        ),
        args![&filter.rep_key, partners, pattern, &filter.id, offset],
    )
    .await
}

/// How many of them there are.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn count(db: &Db, filter: &Filter) -> Result<i64> {
    let (partners, pattern) = words(filter);
    let row: Option<(i64,)> =
        db.opt(closed!("COUNT(*)", ""), args![&filter.rep_key, partners, pattern, &filter.id]).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Says with the last step of a lead why it was closed, in the transaction that wrote the step.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn say_why(tx: &mut Tx, lead_id: &str, reason: &str) -> Result<()> {
    tx.run(
        "UPDATE lead_step SET reason = $2
         WHERE lead_id = $1 AND no = (SELECT MAX(s.no) FROM lead_step s WHERE s.lead_id = $1)",
        args![lead_id, reason],
    )
    .await
    .map(|_| ())
}

/// Why leads were closed after contact, or lost, at a partner since `since_ms`: the reason's word, how often. What came back since
/// and what was given to another partner counts where it was closed.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn reasons(db: &Db, partner: &str, since_ms: UtcMs) -> Result<Vec<(String, i64)>> {
    db.all(
        "SELECT s.reason, COUNT(*) FROM lead_step s JOIN lead l ON l.id = s.lead_id
         WHERE s.reason <> '' AND s.at_ms > $2
           AND $1 = COALESCE((SELECT a.partner_slug FROM lead_assignment a
               WHERE a.lead_id = s.lead_id AND a.given_ms <= s.at_ms ORDER BY a.no DESC LIMIT 1), l.partner_slug)
         GROUP BY s.reason ORDER BY s.reason LIMIT 100",
        args![partner, since_ms],
    )
    .await
}
