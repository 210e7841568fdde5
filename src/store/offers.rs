//! Offers of leads to sales reps. One that was accepted is an assignment, until it ends.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// An offer of a lead to a sales rep.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Offer {
    /// The key.
    pub id: String,
    /// Which lead.
    pub lead_id: String,
    /// The rep, if they are a contact; a channel manager is none.
    pub contact_id: Option<String>,
    /// The rep's name.
    pub rep_name: String,
    /// The rep's address.
    pub rep_email: String,
    /// Why them.
    pub because: String,
    /// `hot` or `standard`.
    pub temperature: String,
    /// When it was made.
    pub offered_ms: UtcMs,
    /// When the card was opened.
    pub viewed_ms: Option<UtcMs>,
    /// When it was answered.
    pub answered_ms: Option<UtcMs>,
    /// `accepted`, `rejected`, or `recalled` where nobody answered in time or the vendor took it back.
    pub answer: Option<String>,
    /// The reason given, in a sentence.
    pub answer_reason: Option<String>,
    /// The reason in one word, `lead::RejectReason`'s; empty where none was given.
    pub reason: String,
    /// When an accepted one ended: the lead was taken back, given to somebody else, or closed.
    pub ended_ms: Option<UtcMs>,
    /// Why it ended.
    pub ended_because: Option<String>,
    /// What it asks for, `lead::OfferPurpose`'s word.
    pub purpose: String,
    /// Why somebody gave it to them, empty where they did not say; none where the rule chose them.
    pub given_because: Option<String>,
}

impl Offer {
    /// Whether they were given a lead that is worked, without being asked whether they take it.
    pub fn is_handed_over(&self) -> bool {
        self.given_because.is_some() && self.answered_ms == Some(self.offered_ms)
    }

    /// Whether it is open, or accepted and not over.
    pub fn is_live(&self) -> bool {
        self.ended_ms.is_none() && matches!(self.answer.as_deref(), None | Some("accepted"))
    }

    /// Whether it was accepted and is not over.
    pub fn holds(&self) -> bool {
        self.is_live() && self.answer.is_some()
    }
}

/// Offers a lead, or records an assignment; `Conflict` if another offer is open or holds, for a lead has one owner at a time.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, offer: &Offer) -> Result<()> {
    tx.run(
        "INSERT INTO offer (id, lead_id, contact_id, rep_name, rep_email, because, temperature, offered_ms, rep_key,
             viewed_ms, answered_ms, answer, purpose, given_because)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        args![
            &offer.id,
            &offer.lead_id,
            offer.contact_id.clone(),
            &offer.rep_name,
            &offer.rep_email,
            &offer.because,
            &offer.temperature,
            offer.offered_ms,
            offer.rep_email.to_lowercase(),
            offer.viewed_ms,
            offer.answered_ms,
            offer.answer.clone(),
            &offer.purpose,
            offer.given_because.clone(),
        ],
    )
    .await
    .map(|_| ())
}

/// Makes an offer hot: the person asked to be called meanwhile.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn heat(tx: &mut Tx, id: &str) -> Result<()> {
    tx.run("UPDATE offer SET temperature = 'hot' WHERE id = $1", args![id]).await.map(|_| ())
}

/// One offer.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn offer(db: &Db, id: &str) -> Result<Option<Offer>> {
    db.opt(
        "SELECT id, lead_id, contact_id, rep_name, rep_email, because, temperature, offered_ms, viewed_ms, answered_ms,
             answer, answer_reason, reason, ended_ms, ended_because, purpose, given_because
         FROM offer WHERE id = $1",
        args![id],
    )
    .await
}

/// The offer of a lead that is open or holds, inside a transaction.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn live_in(tx: &mut Tx, lead_id: &str) -> Result<Option<Offer>> {
    tx.opt(
        "SELECT id, lead_id, contact_id, rep_name, rep_email, because, temperature, offered_ms, viewed_ms, answered_ms,
             answer, answer_reason, reason, ended_ms, ended_because, purpose, given_because
         FROM offer WHERE lead_id = $1 AND ended_ms IS NULL AND (answer IS NULL OR answer = 'accepted')",
        args![lead_id],
    )
    .await
}

/// The offers of a lead, newest first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Vec<Offer>> {
    db.all(
        "SELECT id, lead_id, contact_id, rep_name, rep_email, because, temperature, offered_ms, viewed_ms, answered_ms,
             answer, answer_reason, reason, ended_ms, ended_because, purpose, given_because
         FROM offer WHERE lead_id = $1 ORDER BY offered_ms DESC, id DESC LIMIT 100",
        args![lead_id],
    )
    .await
}

/// The offers to the rep with this lower-cased address that are open or hold, newest first, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn live_of_rep(db: &Db, rep_key: &str) -> Result<Vec<Offer>> {
    db.all(
        "SELECT id, lead_id, contact_id, rep_name, rep_email, because, temperature, offered_ms, viewed_ms, answered_ms,
             answer, answer_reason, reason, ended_ms, ended_because, purpose, given_because
         FROM offer WHERE rep_key = $1 AND ended_ms IS NULL AND (answer IS NULL OR answer = 'accepted')
         ORDER BY offered_ms DESC, id DESC LIMIT 500",
        args![rep_key],
    )
    .await
}

/// Offers of leads of a partner (that had them then), or of all, made after `since_ms`, newest first, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn since(db: &Db, partner: Option<&str>, since_ms: UtcMs, limit: i64) -> Result<Vec<Offer>> {
    db.all(
        "SELECT o.id, o.lead_id, o.contact_id, o.rep_name, o.rep_email, o.because, o.temperature, o.offered_ms, o.viewed_ms,
             o.answered_ms, o.answer, o.answer_reason, o.reason, o.ended_ms, o.ended_because, o.purpose, o.given_because
         FROM offer o JOIN lead l ON l.id = o.lead_id
         WHERE o.offered_ms > $2 AND ($1 IS NULL OR $1 = COALESCE((SELECT a.partner_slug FROM lead_assignment a
             WHERE a.lead_id = o.lead_id AND a.given_ms <= o.offered_ms ORDER BY a.no DESC LIMIT 1), l.partner_slug))
         ORDER BY o.offered_ms DESC, o.id DESC LIMIT $3",
        args![partner, since_ms, limit],
    )
    .await
}

/// What somebody at a partner has been asked to take.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Load {
    /// Their lower-cased address.
    pub rep_key: String,
    /// Leads offered to them now, or theirs.
    pub live: i64,
    /// When they were asked last.
    pub last_ms: UtcMs,
}

/// What the people whom a partner's leads were offered to have in hand, at most 1,000 of them.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn loads(db: &Db, partner: &str) -> Result<Vec<Load>> {
    db.all(
        "SELECT o.rep_key, COUNT(CASE WHEN o.ended_ms IS NULL AND (o.answer IS NULL OR o.answer = 'accepted') THEN 1 END) AS live,
             MAX(o.offered_ms) AS last_ms
         FROM offer o JOIN lead l ON l.id = o.lead_id
         WHERE $1 = COALESCE((SELECT a.partner_slug FROM lead_assignment a
             WHERE a.lead_id = o.lead_id AND a.given_ms <= o.offered_ms ORDER BY a.no DESC LIMIT 1), l.partner_slug)
         GROUP BY o.rep_key ORDER BY o.rep_key LIMIT 1000",
        args![partner],
    )
    .await
}

/// Leads that somebody has in hand, or is asked to take, inside a transaction; by their lower-cased address.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn live_of_rep_in(tx: &mut Tx, rep_key: &str) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .opt(
            "SELECT COUNT(*) FROM offer WHERE rep_key = $1 AND ended_ms IS NULL AND (answer IS NULL OR answer = 'accepted')",
            args![rep_key],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Records that the card was opened; only the first time counts.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn view(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<bool> {
    let first = tx
        .run("UPDATE offer SET viewed_ms = $2 WHERE id = $1 AND viewed_ms IS NULL", args![id, now_ms])
        .await?;
    Ok(first == 1)
}

/// How an offer was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// `accepted`, `rejected` or `recalled`.
    pub answer: &'a str,
    /// The reason in one word, or empty.
    pub reason: &'a str,
    /// The reason in a sentence.
    pub because: Option<&'a str>,
}

/// Records the answer; false if it was answered before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn answer(tx: &mut Tx, id: &str, now_ms: UtcMs, how: Answer<'_>) -> Result<bool> {
    // Nobody opened the card of an offer that was taken back unanswered.
    let first = tx
        .run(
            "UPDATE offer SET answered_ms = $2, answer = $3, answer_reason = $4, reason = $5,
                 viewed_ms = CASE WHEN $3 = 'recalled' THEN viewed_ms ELSE COALESCE(viewed_ms, $2) END
             WHERE id = $1 AND answered_ms IS NULL",
            args![id, now_ms, how.answer, how.because, how.reason],
        )
        .await?;
    Ok(first == 1)
}

/// Ends an assignment, for a reason in a word, or none, and in a sentence; false if it was over before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn end(tx: &mut Tx, id: &str, now_ms: UtcMs, (reason, because): (&str, &str)) -> Result<bool> {
    let ended = tx
        .run(
            "UPDATE offer SET ended_ms = $2, ended_because = $3, reason = $4
             WHERE id = $1 AND answer = 'accepted' AND ended_ms IS NULL",
            args![id, now_ms, because, reason],
        )
        .await?;
    Ok(ended == 1)
}
