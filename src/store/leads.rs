//! Leads, their steps, consents, offers and clocks.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Error, Result, clock::UtcMs};

/// A lead as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Lead {
    /// The key.
    pub id: String,
    /// The partner it came through.
    pub partner_slug: String,
    /// Address.
    pub email: String,
    /// Lower-cased address.
    pub email_key: String,
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Telephone, if given.
    pub phone: Option<String>,
    /// Job role, if given.
    pub job_role: Option<String>,
    /// Company size, if given.
    pub company_size: Option<String>,
    /// Language of the form they filled.
    pub locale: String,
    /// `lead::LeadStage`'s word.
    pub stage: String,
    /// Engagement points when last computed.
    pub score: i64,
    /// Fit grade A to D.
    pub fit: String,
    /// Why it stands where it stands.
    pub because: String,
    /// The asset that brought them.
    pub asset: String,
    /// How they came, in words.
    pub origin: String,
    /// The one owner.
    pub owner_name: Option<String>,
    /// The owner's address.
    pub owner_email: Option<String>,
    /// Since when.
    pub created_ms: UtcMs,
    /// Last change.
    pub updated_ms: UtcMs,
}

/// A step in a lead's life.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Step {
    /// Its place in the order.
    pub no: i64,
    /// When.
    pub at_ms: UtcMs,
    /// Who or what.
    pub actor: String,
    /// The stage reached.
    pub stage: String,
    /// What happened.
    pub what: String,
}

/// A consent as given.
#[derive(Debug, Clone)]
pub struct NewConsent {
    /// Which text (`rules/consent.toml`).
    pub text_id: String,
    /// Its version.
    pub text_version: i64,
    /// What for.
    pub purpose: String,
    /// The words the person saw, names filled in.
    pub wording: String,
    /// Yes or no.
    pub granted: bool,
}

/// An offer of a lead to a sales rep.
#[derive(Debug, Clone, sqlx::FromRow)]
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
    /// `accepted`, `rejected` or `recalled`.
    pub answer: Option<String>,
    /// The reason given.
    pub answer_reason: Option<String>,
}

/// A clock on a lead.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SlaClock {
    /// Which lead.
    pub lead_id: String,
    /// `accept`, `first_contact` or `next_step`.
    pub kind: String,
    /// Since when it runs.
    pub started_ms: UtcMs,
    /// When it runs out.
    pub due_ms: UtcMs,
    /// When it was stopped.
    pub stopped_ms: Option<UtcMs>,
    /// Who is to act.
    pub owner: String,
}

const ONE: &str =
    "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
        stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms
    FROM lead WHERE id = $1";

/// One lead.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn lead(db: &Db, id: &str) -> Result<Option<Lead>> {
    db.opt(ONE, args![id]).await
}

/// One lead, inside a transaction.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn lead_in(tx: &mut Tx, id: &str) -> Result<Option<Lead>> {
    tx.opt(ONE, args![id]).await
}

/// The lead with this address at this partner.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn by_address(db: &Db, email_key: &str, partner: &str) -> Result<Option<Lead>> {
    db.opt(
        "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms
         FROM lead WHERE email_key = $1 AND partner_slug = $2",
        args![email_key, partner],
    )
    .await
}

/// Adds a lead.
///
/// # Errors
/// `Conflict` when the partner has a lead with this address. Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, lead: &Lead) -> Result<()> {
    tx.run(
        "INSERT INTO lead (id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        args![
            &lead.id,
            &lead.partner_slug,
            &lead.email,
            &lead.email_key,
            &lead.name,
            &lead.company,
            lead.phone.clone(),
            lead.job_role.clone(),
            lead.company_size.clone(),
            &lead.locale,
            &lead.stage,
            lead.score,
            &lead.fit,
            &lead.because,
            &lead.asset,
            &lead.origin,
            lead.owner_name.clone(),
            lead.owner_email.clone(),
            lead.created_ms,
            lead.updated_ms,
        ],
    )
    .await
    .map(|_| ())
}

/// Brings a lead up to date that was read when it said `known_ms` and `known_stage`; where it came from stays.
///
/// # Errors
/// `Conflict` when somebody else changed it since. Those of [`Tx::run`].
pub async fn update(tx: &mut Tx, lead: &Lead, known_ms: UtcMs, known_stage: &str) -> Result<()> {
    let changed = tx
        .run(
            "UPDATE lead SET name = $2, company = $3, phone = $4, job_role = $5, company_size = $6, stage = $7,
                 score = $8, fit = $9, because = $10, owner_name = $11, owner_email = $12, updated_ms = $13
             WHERE id = $1 AND updated_ms = $14 AND stage = $15",
            args![
                &lead.id,
                &lead.name,
                &lead.company,
                lead.phone.clone(),
                lead.job_role.clone(),
                lead.company_size.clone(),
                &lead.stage,
                lead.score,
                &lead.fit,
                &lead.because,
                lead.owner_name.clone(),
                lead.owner_email.clone(),
                lead.updated_ms,
                known_ms,
                known_stage,
            ],
        )
        .await?;
    if changed == 1 {
        Ok(())
    } else {
        Err(Error::conflict("somebody else changed this lead meanwhile; try again"))
    }
}

/// Leads, last changed first, at most 500; of one partner, or of all.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn recent(db: &Db, partner: Option<&str>) -> Result<Vec<Lead>> {
    db.all(
        "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms
         FROM lead WHERE $1 IS NULL OR partner_slug = $1 ORDER BY updated_ms DESC, id DESC LIMIT 500",
        args![partner],
    )
    .await
}

/// Leads that are offered to, or were accepted by, the rep with this lower-cased address, last changed first, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_rep(db: &Db, rep_key: &str) -> Result<Vec<Lead>> {
    db.all(
        "SELECT l.id, l.partner_slug, l.email, l.email_key, l.name, l.company, l.phone, l.job_role, l.company_size,
             l.locale, l.stage, l.score, l.fit, l.because, l.asset, l.origin, l.owner_name, l.owner_email,
             l.created_ms, l.updated_ms
         FROM lead l
         WHERE EXISTS (SELECT 1 FROM offer o WHERE o.lead_id = l.id AND o.rep_key = $1
                         AND (o.answer IS NULL OR o.answer = 'accepted'))
         ORDER BY l.updated_ms DESC, l.id DESC LIMIT 500",
        args![rep_key],
    )
    .await
}

/// Appends a step to a lead's ledger.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add_step(
    tx: &mut Tx,
    lead_id: &str,
    at_ms: UtcMs,
    actor: &str,
    stage: &str,
    what: &str,
) -> Result<()> {
    // Holds the lead until the end of the transaction, so that two steps at once get two numbers.
    tx.run("UPDATE lead SET updated_ms = updated_ms WHERE id = $1", args![lead_id]).await?;
    tx.run(
        "INSERT INTO lead_step (lead_id, no, at_ms, actor, stage, what)
         SELECT $1, COALESCE(MAX(no), 0) + 1, $2, $3, $4, $5 FROM lead_step WHERE lead_id = $1",
        args![lead_id, at_ms, actor, stage, what],
    )
    .await
    .map(|_| ())
}

/// The steps of a lead, in order, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn steps(db: &Db, lead_id: &str) -> Result<Vec<Step>> {
    db.all(
        "SELECT no, at_ms, actor, stage, what FROM lead_step WHERE lead_id = $1 ORDER BY no LIMIT 1000",
        args![lead_id],
    )
    .await
}

/// Records what a person agreed to, or did not.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add_consent(tx: &mut Tx, lead_id: &str, at_ms: UtcMs, consent: &NewConsent) -> Result<()> {
    tx.run(
        "INSERT INTO consent (lead_id, text_id, text_version, at_ms, purpose, wording, granted)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        args![
            lead_id,
            &consent.text_id,
            consent.text_version,
            at_ms,
            &consent.purpose,
            &consent.wording,
            consent.granted,
        ],
    )
    .await
    .map(|_| ())
}

/// Records that everything the person agreed to is taken back: each text once more, with a no.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn withdraw_consents(tx: &mut Tx, lead_id: &str, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "INSERT INTO consent (lead_id, text_id, text_version, at_ms, purpose, wording, granted)
         SELECT lead_id, text_id, text_version, $2, MIN(purpose), MIN(wording), FALSE FROM consent
         WHERE lead_id = $1 GROUP BY lead_id, text_id, text_version
         ON CONFLICT DO NOTHING",
        args![lead_id, now_ms],
    )
    .await
}

/// A consent as stored: when, to what, yes or no.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Consent {
    /// When.
    pub at_ms: UtcMs,
    /// Which text.
    pub text_id: String,
    /// Its version.
    pub text_version: i64,
    /// The words the person saw.
    pub wording: String,
    /// Yes or no.
    pub granted: bool,
}

/// The consents of a lead, newest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn consents(db: &Db, lead_id: &str) -> Result<Vec<Consent>> {
    db.all(
        "SELECT at_ms, text_id, text_version, wording, granted FROM consent WHERE lead_id = $1
         ORDER BY at_ms DESC, text_id LIMIT 100",
        args![lead_id],
    )
    .await
}

/// Offers a lead; `Conflict` if an offer is still open, for a lead has one owner at a time.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add_offer(tx: &mut Tx, offer: &Offer) -> Result<()> {
    tx.run(
        "INSERT INTO offer (id, lead_id, contact_id, rep_name, rep_email, because, temperature, offered_ms, rep_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
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
        ],
    )
    .await
    .map(|_| ())
}

const OFFER: &str =
    "SELECT id, lead_id, contact_id, rep_name, rep_email, because, temperature, offered_ms, viewed_ms,
        answered_ms, answer, answer_reason
    FROM offer WHERE id = $1";

/// One offer.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn offer(db: &Db, id: &str) -> Result<Option<Offer>> {
    db.opt(OFFER, args![id]).await
}

/// The offers of a lead, newest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn offers_of(db: &Db, lead_id: &str) -> Result<Vec<Offer>> {
    db.all(
        "SELECT id, lead_id, contact_id, rep_name, rep_email, because, temperature, offered_ms, viewed_ms,
             answered_ms, answer, answer_reason
         FROM offer WHERE lead_id = $1 ORDER BY offered_ms DESC, id DESC LIMIT 100",
        args![lead_id],
    )
    .await
}

/// Records that the card was opened; only the first time counts.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn view_offer(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<bool> {
    let first = tx
        .run("UPDATE offer SET viewed_ms = $2 WHERE id = $1 AND viewed_ms IS NULL", args![id, now_ms])
        .await?;
    Ok(first == 1)
}

/// Records the answer; false if it was answered before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn answer_offer(
    tx: &mut Tx,
    id: &str,
    now_ms: UtcMs,
    answer: &str,
    reason: Option<&str>,
) -> Result<bool> {
    let first = tx
        .run(
            "UPDATE offer SET answered_ms = $2, answer = $3, answer_reason = $4, viewed_ms = COALESCE(viewed_ms, $2)
             WHERE id = $1 AND answered_ms IS NULL",
            args![id, now_ms, answer, reason],
        )
        .await?;
    Ok(first == 1)
}

/// Starts a clock.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn start_clock(tx: &mut Tx, clock: &SlaClock) -> Result<()> {
    tx.run(
        "INSERT INTO sla_clock (lead_id, kind, started_ms, due_ms, owner) VALUES ($1, $2, $3, $4, $5)",
        args![&clock.lead_id, &clock.kind, clock.started_ms, clock.due_ms, &clock.owner],
    )
    .await
    .map(|_| ())
}

/// Stops the running clock of a kind.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn stop_clock(tx: &mut Tx, lead_id: &str, kind: &str, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "UPDATE sla_clock SET stopped_ms = $3 WHERE lead_id = $1 AND kind = $2 AND stopped_ms IS NULL",
        args![lead_id, kind, now_ms],
    )
    .await
    .map(|_| ())
}

/// The clocks of a lead, oldest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn clocks(db: &Db, lead_id: &str) -> Result<Vec<SlaClock>> {
    db.all(
        "SELECT lead_id, kind, started_ms, due_ms, stopped_ms, owner FROM sla_clock
         WHERE lead_id = $1 ORDER BY started_ms, kind LIMIT 100",
        args![lead_id],
    )
    .await
}

/// All running clocks, the most urgent first, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn running_clocks(db: &Db) -> Result<Vec<SlaClock>> {
    db.all(
        "SELECT lead_id, kind, started_ms, due_ms, stopped_ms, owner FROM sla_clock
         WHERE stopped_ms IS NULL ORDER BY due_ms, lead_id LIMIT 500",
        Vec::new(),
    )
    .await
}
