//! What programs told of leads: up to when it is known, and what their signed messages were answered.

use super::{Db, Tx, api_keys::Answer, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Up to when is known what became of a lead: since when it is in its stage, or what a program told of it last, whichever is later.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn known_ms(tx: &mut Tx, lead_id: &str) -> Result<Option<UtcMs>> {
    let told: Option<(UtcMs,)> =
        tx.opt("SELECT told_ms FROM lead_told WHERE lead_id = $1", args![lead_id]).await?;
    let since: Option<(Option<UtcMs>,)> = tx
        .opt(
            "SELECT MIN(s.at_ms) FROM lead_step s JOIN lead l ON l.id = s.lead_id AND l.stage = s.stage
             WHERE s.lead_id = $1 AND s.no > (
                 SELECT COALESCE(MAX(o.no), 0) FROM lead_step o WHERE o.lead_id = $1 AND o.stage <> l.stage)",
            args![lead_id],
        )
        .await?;
    Ok(told.map(|(ms,)| ms).max(since.and_then(|(ms,)| ms)))
}

/// Notes when what is told now was changed where it comes from.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn told(tx: &mut Tx, lead_id: &str, told_ms: UtcMs) -> Result<()> {
    tx.run(
        "INSERT INTO lead_told (lead_id, told_ms) VALUES ($1, $2)
         ON CONFLICT (lead_id) DO UPDATE SET told_ms = excluded.told_ms WHERE lead_told.told_ms < excluded.told_ms",
        args![lead_id, told_ms],
    )
    .await
    .map(|_| ())
}

/// What a signed message was answered, if it was taken.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn taken(db: &Db, endpoint_id: &str, message_id: &str) -> Result<Option<Answer>> {
    db.opt(
        "SELECT body_hash, answer FROM hook_taken WHERE endpoint_id = $1 AND message_id = $2",
        args![endpoint_id, message_id],
    )
    .await
}

/// Keeps what a signed message is answered, and forgets answers of before `forget_ms`.
///
/// # Errors
/// `Conflict` where the same message is being taken elsewhere. Those of [`Tx::run`].
pub async fn take(
    tx: &mut Tx,
    (endpoint_id, message_id): (&str, &str),
    answer: &Answer,
    now_ms: UtcMs,
    forget_ms: UtcMs,
) -> Result<()> {
    tx.run("DELETE FROM hook_taken WHERE at_ms < $1", args![forget_ms]).await?;
    tx.run(
        "INSERT INTO hook_taken (endpoint_id, message_id, body_hash, answer, at_ms) VALUES ($1, $2, $3, $4, $5)",
        args![endpoint_id, message_id, &answer.body_hash, &answer.answer, now_ms],
    )
    .await
    .map(|_| ())
}

/// A lead as it is exported.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Exported {
    /// The key.
    pub id: String,
    /// The partner that has it; empty for the vendor's own.
    pub partner_slug: String,
    /// Where it stands.
    pub stage: String,
    /// Since when it is known.
    pub created_ms: UtcMs,
    /// Last change.
    pub updated_ms: UtcMs,
    /// Address.
    pub email: String,
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Telephone.
    pub phone: Option<String>,
    /// Job role.
    pub job_role: Option<String>,
    /// Company size.
    pub company_size: Option<String>,
    /// Language.
    pub locale: String,
    /// What brought them.
    pub asset: String,
    /// How they came.
    pub origin: String,
    /// Engagement points.
    pub score: i64,
    /// Fit grade.
    pub fit: String,
    /// Who has it.
    pub owner_name: Option<String>,
    /// Why it was closed.
    pub closed_reason: String,
    /// What it is worth, in the currency's smallest unit.
    pub minor_units: Option<i64>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// When the deal may be closed, or was.
    pub close_date: Option<String>,
}

/// A lead with its last amount.
macro_rules! select {
    () => {
        "SELECT l.id, l.partner_slug, l.stage, l.created_ms, l.updated_ms, l.email, l.name, l.company, l.phone, l.job_role,
             l.company_size, l.locale, l.asset, l.origin, l.score, l.fit, l.owner_name, l.closed_reason,
             a.minor_units, a.currency, a.close_date
         FROM lead l LEFT JOIN lead_amount a ON a.lead_id = l.id
             AND a.no = (SELECT MAX(n.no) FROM lead_amount n WHERE n.lead_id = l.id)
         "
    };
}

/// Leads by their ids, those behind `after`, that changed since `since_ms`; of one partner, or of all; at most `limit`. What is
/// left of people who were erased is none.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn exported(
    db: &Db,
    partner: Option<&str>,
    since_ms: UtcMs,
    after: &str,
    limit: i64,
) -> Result<Vec<Exported>> {
    db.all(
        concat!(
            select!(),
            "WHERE l.id > $1 AND ($2 IS NULL OR l.partner_slug = $2) AND l.updated_ms >= $3
                 AND l.email NOT LIKE '%@erased.invalid'
             ORDER BY l.id LIMIT $4"
        ),
        args![after, partner, since_ms, limit],
    )
    .await
}

/// One of them.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn exported_one(db: &Db, lead_id: &str) -> Result<Option<Exported>> {
    db.opt(concat!(select!(), "WHERE l.id = $1 AND l.email NOT LIKE '%@erased.invalid'"), args![lead_id])
        .await
}
