//! The list of leads: searched, of one partner, in one stage, in pages.

use super::{
    Db,
    leads::Lead,
    sql::{args, like_plain},
};
use crate::domain::kernel::Result;

/// Leads of one page.
pub const PAGE: i64 = 50;

/// Which leads.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Part of a name, a company or an address; empty for all.
    pub search: String,
    /// A partner's slug; empty for all.
    pub partner: String,
    /// `lead::LeadStage`'s word; empty for all.
    pub stage: String,
}

/// A lead of the list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Listed {
    /// The lead.
    #[sqlx(flatten)]
    pub lead: Lead,
    /// To whom it is offered, where they have not answered.
    pub offered_to: Option<String>,
    /// What they are asked for, `lead::OfferPurpose`'s word.
    pub purpose: Option<String>,
}

// What is left of people who were erased is no lead.
macro_rules! listed {
    ($what:literal, $end:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM lead l WHERE l.email NOT LIKE '%@erased.invalid'
               AND ($1 = '' OR LOWER(l.name) LIKE $1 ESCAPE '!' OR LOWER(l.company) LIKE $1 ESCAPE '!'
                   OR l.email_key LIKE $1 ESCAPE '!')
               AND ($2 = '' OR l.partner_slug = $2) AND ($3 = '' OR l.stage = $3)",
            $end
        )
    };
}

fn pattern(search: &str) -> String {
    let search = search.trim().to_lowercase();
    if search.is_empty() { search } else { format!("%{}%", like_plain(&search)) }
}

/// Leads, last changed first, at most [`PAGE`] from `offset`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn page(db: &Db, filter: &Filter, offset: i64) -> Result<Vec<Listed>> {
    db.all(
        listed!(
            "l.id, l.partner_slug, l.email, l.email_key, l.name, l.company, l.phone, l.job_role, l.company_size,
             l.locale, l.stage, l.score, l.fit, l.because, l.asset, l.origin, l.owner_name, l.owner_email,
             l.created_ms, l.updated_ms, l.recycled_ms, l.reopen_ms, l.closed_reason, l.asked_again_ms,
             (SELECT o.rep_name FROM offer o WHERE o.lead_id = l.id AND o.ended_ms IS NULL AND o.answer IS NULL) AS offered_to,
             (SELECT o.purpose FROM offer o WHERE o.lead_id = l.id AND o.ended_ms IS NULL AND o.answer IS NULL) AS purpose",
            " ORDER BY l.updated_ms DESC, l.id DESC LIMIT 50 OFFSET $4"
        ),
        args![pattern(&filter.search), &filter.partner, &filter.stage, offset],
    )
    .await
}

/// How many leads there are by stage: `lead::LeadStage`'s word, how many.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn by_stage(db: &Db, filter: &Filter) -> Result<Vec<(String, i64)>> {
    db.all(
        listed!("l.stage, COUNT(*)", " GROUP BY l.stage ORDER BY l.stage LIMIT 100"),
        args![pattern(&filter.search), &filter.partner, &filter.stage],
    )
    .await
}
