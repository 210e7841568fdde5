//! Leads, their steps, amounts and consents.

use super::{
    Db, Tx,
    sql::{args, consent_stands},
};
use crate::domain::{
    kernel::{Error, Result, clock::UtcMs, text::base_key},
    lead::account_of,
};

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
    /// When it last went back to nurture: what was done before counts no more for the gate.
    pub recycled_ms: Option<UtcMs>,
    /// When it is to be taken up again.
    pub reopen_ms: Option<UtcMs>,
    /// Why it was closed after contact, or lost, in one word; empty while it is open.
    pub closed_reason: String,
    /// Since when its person, who asked again, waits for an answer; none where they do not.
    pub asked_again_ms: Option<UtcMs>,
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
    /// The language of these words.
    pub locale: String,
}

const ONE: &str =
    "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
        stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms,
             recycled_ms, reopen_ms, closed_reason, asked_again_ms
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

/// The lead of a partner whose person has this address: with the very address, else with another tag of it, the one that changed
/// last.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn by_address(db: &Db, address: &str, partner: &str) -> Result<Option<Lead>> {
    db.opt(
        "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms,
             recycled_ms, reopen_ms, closed_reason, asked_again_ms
         FROM lead WHERE partner_slug = $3 AND person_key = $2
         ORDER BY CASE WHEN email_key = $1 THEN 0 ELSE 1 END, updated_ms DESC, id LIMIT 1",
        args![address.to_lowercase(), base_key(address), partner],
    )
    .await
}

/// The leads of whoever has this address, with another tag or without, at whichever partner; at most 100.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn at_person(tx: &mut Tx, address: &str) -> Result<Vec<Lead>> {
    tx.all(
        "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms,
             recycled_ms, reopen_ms, closed_reason, asked_again_ms
         FROM lead WHERE person_key = $1 ORDER BY id LIMIT 100",
        args![base_key(address)],
    )
    .await
}

/// Adds a lead.
///
/// # Errors
/// As [`add_all`].
pub async fn add(tx: &mut Tx, lead: &Lead) -> Result<()> {
    add_all(tx, std::slice::from_ref(lead)).await.map(|_| ())
}

/// Adds leads, each with whom its address and company are known by where partners meet (`person_key`, `account`). Returns how
/// many.
///
/// # Errors
/// `Conflict` when a partner has a lead with one of the addresses. Those of [`Tx::bulk`].
pub async fn add_all(tx: &mut Tx, leads: &[Lead]) -> Result<u64> {
    let rows = leads.iter().map(|lead| {
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
            base_key(&lead.email),
            account_of(&lead.email).unwrap_or_default(),
        ]
    });
    tx.bulk(
        "INSERT INTO lead (id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms, person_key, account)",
        rows.collect(),
        "",
    )
    .await
}

/// Brings a lead up to date that was read when it said `known_ms` and `known_stage`; where it came from stays.
///
/// # Errors
/// `Conflict` when somebody else changed it since. Those of [`Tx::run`].
pub async fn update(tx: &mut Tx, lead: &Lead, known_ms: UtcMs, known_stage: &str) -> Result<()> {
    let changed = tx
        .run(
            "UPDATE lead SET name = $2, company = $3, phone = $4, job_role = $5, company_size = $6, stage = $7,
                 score = $8, fit = $9, because = $10, owner_name = $11, owner_email = $12, updated_ms = $13,
                 recycled_ms = $16, reopen_ms = $17, closed_reason = $18, asked_again_ms = $19
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
                lead.recycled_ms,
                lead.reopen_ms,
                &lead.closed_reason,
                lead.asked_again_ms,
            ],
        )
        .await?;
    if changed == 1 {
        Ok(())
    } else {
        Err(Error::conflict("somebody else changed this lead meanwhile; try again"))
    }
}

/// Leads, last changed first, at most 500; of one partner, or of all. What is left of people who were erased is none.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn recent(db: &Db, partner: Option<&str>) -> Result<Vec<Lead>> {
    db.all(
        "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms,
             recycled_ms, reopen_ms, closed_reason, asked_again_ms
         FROM lead WHERE ($1 IS NULL OR partner_slug = $1) AND email NOT LIKE '%@erased.invalid'
         ORDER BY updated_ms DESC, id DESC LIMIT 500",
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
             l.created_ms, l.updated_ms, l.recycled_ms, l.reopen_ms, l.closed_reason, l.asked_again_ms
         FROM lead l
         WHERE EXISTS (SELECT 1 FROM offer o WHERE o.lead_id = l.id AND o.rep_key = $1 AND o.ended_ms IS NULL
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
        "INSERT INTO consent (lead_id, text_id, text_version, at_ms, purpose, wording, granted, locale)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        args![
            lead_id,
            &consent.text_id,
            consent.text_version,
            at_ms,
            &consent.purpose,
            &consent.wording,
            consent.granted,
            &consent.locale,
        ],
    )
    .await
    .map(|_| ())
}

/// The leads of whoever has this address, with another tag or without, at whichever partner: key and partner, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn at_address(db: &Db, address: &str) -> Result<Vec<(String, String)>> {
    let sql = "SELECT id, partner_slug FROM lead WHERE person_key = $1 ORDER BY id LIMIT 100";
    db.all(sql, args![base_key(address)]).await
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
    /// Whether it is a yes that nothing took back.
    pub stands: bool,
}

/// The consents of a lead, newest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn consents(db: &Db, lead_id: &str) -> Result<Vec<Consent>> {
    db.all(
        concat!(
            "SELECT c.at_ms, c.text_id, c.text_version, c.wording, c.granted,
                 CASE WHEN ",
            consent_stands!(),
            " THEN 1 ELSE 0 END = 1 AS stands
             FROM consent c WHERE c.lead_id = $1 ORDER BY c.at_ms DESC, c.text_id LIMIT 100"
        ),
        args![lead_id],
    )
    .await
}

/// What a lead is worth, as somebody said.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Amount {
    /// When they said so.
    pub at_ms: UtcMs,
    /// Who.
    pub actor: String,
    /// At which stage.
    pub stage: String,
    /// In the currency's smallest unit.
    pub minor_units: i64,
    /// ISO 4217.
    pub currency: String,
    /// The day on which the deal is, or was, closed: `2027-03-31`.
    pub close_date: Option<String>,
}

/// Appends what a lead is worth, and returns which of its amounts it is, from 1; nothing said before is changed.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn add_amount(tx: &mut Tx, lead_id: &str, amount: &Amount) -> Result<i64> {
    let written: Option<(i64,)> = tx.opt(
        "INSERT INTO lead_amount (lead_id, no, at_ms, actor, stage, minor_units, currency, close_date)
         SELECT $1, COALESCE(MAX(no), 0) + 1, $2, $3, $4, $5, $6, $7 FROM lead_amount WHERE lead_id = $1 RETURNING no",
        args![
            lead_id,
            amount.at_ms,
            &amount.actor,
            &amount.stage,
            amount.minor_units,
            &amount.currency,
            amount.close_date.clone(),
        ],
    )
    .await?;
    written.map(|(no,)| no).ok_or_else(|| Error::internal("an amount was not written"))
}

/// What a lead was said to be worth, newest first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn amounts(db: &Db, lead_id: &str) -> Result<Vec<Amount>> {
    db.all(
        "SELECT at_ms, actor, stage, minor_units, currency, close_date FROM lead_amount
         WHERE lead_id = $1 ORDER BY no DESC LIMIT 100",
        args![lead_id],
    )
    .await
}

/// A lead with the name of who has it, or is asked to take it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct InHand {
    /// The lead.
    #[sqlx(flatten)]
    pub lead: Lead,
    /// Who.
    pub rep_name: String,
    /// `accepted`, or nothing where they have not answered.
    pub answer: Option<String>,
    /// Which of the partner's people they are; nothing for the channel manager.
    pub contact_id: Option<String>,
    /// What they are asked for, `lead::OfferPurpose`'s word.
    pub purpose: String,
}

impl InHand {
    /// Whether it is with the channel manager.
    pub fn is_managers(&self) -> bool {
        self.contact_id.is_none()
    }
}

/// Leads of a partner, or of all, that are offered to, or belong to, somebody, last changed first, at most 500; with who.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn in_hand(db: &Db, partner: Option<&str>) -> Result<Vec<InHand>> {
    db.all(
        "SELECT l.id, l.partner_slug, l.email, l.email_key, l.name, l.company, l.phone, l.job_role, l.company_size,
             l.locale, l.stage, l.score, l.fit, l.because, l.asset, l.origin, l.owner_name, l.owner_email,
             l.created_ms, l.updated_ms, l.recycled_ms, l.reopen_ms, l.closed_reason, l.asked_again_ms, o.rep_name, o.answer,
             o.contact_id, o.purpose
         FROM lead l
         JOIN offer o ON o.lead_id = l.id AND o.ended_ms IS NULL AND (o.answer IS NULL OR o.answer = 'accepted')
         WHERE ($1 IS NULL OR l.partner_slug = $1) ORDER BY l.updated_ms DESC, l.id DESC LIMIT 500",
        args![partner],
    )
    .await
}
