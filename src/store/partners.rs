//! Partners and contacts.

mod import;

pub use import::import;

use super::{
    Db, Tx,
    sql::{args, stored},
};
use crate::domain::{
    kernel::{EmailAddress, Error, Locale, Result, Slug, clock::UtcMs, id::ContactId},
    partner::{BrandProfile, Contact, Partner, PartnerType, Region, Roles, Tier},
};

/// Rows of one page.
const PAGE: usize = 1_000;

#[derive(sqlx::FromRow)]
struct PartnerRow {
    slug: String,
    name: String,
    partner_type: String,
    tier: String,
    region: String,
    city: String,
    zone: String,
    locale: String,
    verticals: String,
    solutions: String,
    countries: String,
    leads_max: Option<i64>,
    parent: Option<String>,
    channel_manager_email: String,
    website: String,
    brand: String,
}

/// The words serde gives the small enums, so that files and tables share them.
fn word<T: serde::Serialize>(value: T) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        other => Err(Error::internal(format!("no word for {other:?}"))),
    }
}

fn unword<T: serde::de::DeserializeOwned>(column: &str, row: &str, value: &str) -> Result<T> {
    stored(
        "partner",
        column,
        row,
        value,
        serde_json::from_value(serde_json::Value::String(value.to_owned())).ok(),
    )
}

fn words(text: &str) -> Vec<String> {
    text.split(';').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl TryFrom<PartnerRow> for Partner {
    type Error = Error;

    fn try_from(row: PartnerRow) -> Result<Self> {
        let id = row.slug.as_str();
        let brand: Option<BrandProfile> = serde_json::from_str(&row.brand).ok();
        Ok(Self {
            partner_type: unword::<PartnerType>("partner_type", id, &row.partner_type)?,
            tier: unword::<Tier>("tier", id, &row.tier)?,
            region: unword::<Region>("region", id, &row.region)?,
            zone: stored("partner", "zone", id, &row.zone, row.zone.parse().ok())?,
            locale: stored("partner", "locale", id, &row.locale, Locale::parse(&row.locale).ok())?,
            brand: stored("partner", "brand", id, &row.brand, brand)?,
            parent: row
                .parent
                .as_deref()
                .map(|parent| stored("partner", "parent", id, parent, Slug::parse(parent).ok()))
                .transpose()?,
            slug: stored("partner", "slug", id, id, Slug::parse(id).ok())?,
            verticals: words(&row.verticals),
            solutions: words(&row.solutions),
            countries: words(&row.countries),
            leads_max: row.leads_max.and_then(|most| u32::try_from(most).ok()),
            name: row.name,
            city: row.city,
            channel_manager_email: row.channel_manager_email,
            website: row.website,
        })
    }
}

/// A contact with its id.
#[derive(Debug, Clone)]
pub struct StoredContact {
    /// The key.
    pub id: ContactId,
    /// The same as text, as other tables have it.
    pub key: String,
    /// Who it is.
    pub contact: Contact,
}

#[derive(sqlx::FromRow)]
struct ContactRow {
    id: String,
    partner_slug: String,
    name: String,
    email: String,
    roles: String,
    locale: Option<String>,
    zone: Option<String>,
    lead_contact: bool,
}

impl TryFrom<ContactRow> for StoredContact {
    type Error = Error;

    fn try_from(row: ContactRow) -> Result<Self> {
        let id = row.id.as_str();
        let zone = row.zone.as_deref().map(|zone| stored("contact", "zone", id, zone, zone.parse().ok()));
        Ok(Self {
            id: stored("contact", "id", id, id, ContactId::parse(id).ok())?,
            contact: Contact {
                partner: stored(
                    "contact",
                    "partner_slug",
                    id,
                    &row.partner_slug,
                    Slug::parse(&row.partner_slug).ok(),
                )?,
                email: stored("contact", "email", id, &row.email, EmailAddress::parse(&row.email).ok())?,
                roles: stored("contact", "roles", id, &row.roles, Roles::parse(&row.roles).ok())?,
                locale: row
                    .locale
                    .as_deref()
                    .map(|locale| stored("contact", "locale", id, locale, Locale::parse(locale).ok()))
                    .transpose()?,
                zone: zone.transpose()?,
                name: row.name,
                lead_contact: row.lead_contact,
            },
            key: row.id,
        })
    }
}

/// All partners by slug, at most 1,000 after `after`.
///
/// # Errors
/// Those of [`Db::all`], and a row that cannot be read.
pub async fn partners(db: &Db, after: &str) -> Result<Vec<Partner>> {
    let rows: Vec<PartnerRow> = db
        .all(
            "SELECT slug, name, partner_type, tier, region, city, zone, locale, verticals, solutions, countries,
                    leads_max, parent, channel_manager_email, website, brand
             FROM partner WHERE slug > $1 ORDER BY slug LIMIT $2",
            args![after, PAGE as i64],
        )
        .await?;
    rows.into_iter().map(Partner::try_from).collect()
}

/// All partners, page by page.
///
/// # Errors
/// Those of [`partners`].
pub async fn all_partners(db: &Db) -> Result<Vec<Partner>> {
    let mut all: Vec<Partner> = Vec::new();
    loop {
        let after = all.last().map(|partner| partner.slug.to_string()).unwrap_or_default();
        let page = partners(db, &after).await?;
        let last = page.len() < PAGE;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

const ONE: &str =
    "SELECT slug, name, partner_type, tier, region, city, zone, locale, verticals, solutions, countries,
        leads_max, parent, channel_manager_email, website, brand
    FROM partner WHERE slug = $1 AND slug <> ''";

/// One partner.
///
/// # Errors
/// Those of [`Db::opt`], and a row that cannot be read.
pub async fn partner(db: &Db, slug: &str) -> Result<Option<Partner>> {
    let row: Option<PartnerRow> = db.opt(ONE, args![slug]).await?;
    row.map(Partner::try_from).transpose()
}

/// The same inside a transaction.
///
/// # Errors
/// As [`partner`].
pub async fn partner_in(tx: &mut Tx, slug: &str) -> Result<Option<Partner>> {
    let row: Option<PartnerRow> = tx.opt(ONE, args![slug]).await?;
    row.map(Partner::try_from).transpose()
}

/// Active contacts by id, at most 1,000 after `after`.
///
/// # Errors
/// Those of [`Db::all`], and a row that cannot be read.
pub async fn contacts(db: &Db, after: &str) -> Result<Vec<StoredContact>> {
    contacts_page(db, after, PAGE as i64).await
}

/// Active contacts by id, at most `rows` after `after`.
///
/// # Errors
/// Those of [`contacts`].
pub async fn contacts_page(db: &Db, after: &str, rows: i64) -> Result<Vec<StoredContact>> {
    let rows: Vec<ContactRow> = db
        .all(
            "SELECT id, partner_slug, name, email, roles, locale, zone, lead_contact
             FROM contact WHERE active AND id > $1 ORDER BY id LIMIT $2",
            args![after, rows],
        )
        .await?;
    rows.into_iter().map(StoredContact::try_from).collect()
}

/// The key of the `rows`th contact after `after`, active or not: where a page of at most so many ends. None where fewer follow.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn contact_key(db: &Db, after: &str, rows: i64) -> Result<Option<String>> {
    let row: Option<(String,)> = db
        .opt("SELECT id FROM contact WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2", args![after, rows - 1])
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Active contacts by id, those after `after` up to `through`.
///
/// # Errors
/// Those of [`contacts`].
pub async fn contacts_between(db: &Db, after: &str, through: &str) -> Result<Vec<StoredContact>> {
    let rows: Vec<ContactRow> = db
        .all(
            "SELECT id, partner_slug, name, email, roles, locale, zone, lead_contact
             FROM contact WHERE active AND id > $1 AND id <= $2 ORDER BY id",
            args![after, through],
        )
        .await?;
    rows.into_iter().map(StoredContact::try_from).collect()
}

/// An active contact who was none before a moment, and since when they are.
#[derive(Debug, Clone)]
pub struct NewContact {
    /// Who.
    pub stored: StoredContact,
    /// Since when.
    pub active_since_ms: UtcMs,
}

/// Active contacts since a moment after `since_ms` who never entered `sequence`, in that order: at most `rows` behind
/// `after`.
///
/// # Errors
/// Those of [`contacts`].
pub async fn new_contacts(
    db: &Db,
    sequence: &str,
    since_ms: UtcMs,
    after: (UtcMs, &str),
    rows: i64,
) -> Result<Vec<NewContact>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        active_since_ms: UtcMs,
        #[sqlx(flatten)]
        contact: ContactRow,
    }
    let rows: Vec<Row> = db
        .all(
            "SELECT id, partner_slug, name, email, roles, locale, zone, lead_contact, active_since_ms
             FROM contact c
             WHERE active AND active_since_ms > 0 AND active_since_ms > $1 AND (active_since_ms, id) > ($2, $3)
               AND NOT EXISTS (SELECT 1 FROM enrolment e WHERE e.sequence = $4 AND e.person = c.id)
             ORDER BY active_since_ms, id LIMIT $5",
            args![since_ms, after.0, after.1, sequence, rows],
        )
        .await?;
    let read = |row: Row| {
        let stored = StoredContact::try_from(row.contact)?;
        Ok(NewContact { stored, active_since_ms: row.active_since_ms })
    };
    rows.into_iter().map(read).collect()
}

/// The active contact with this key.
///
/// # Errors
/// Those of [`contacts`].
pub async fn contact(db: &Db, id: &str) -> Result<Option<StoredContact>> {
    let row: Option<ContactRow> = db
        .opt(
            "SELECT id, partner_slug, name, email, roles, locale, zone, lead_contact
             FROM contact WHERE id = $1 AND active",
            args![id],
        )
        .await?;
    row.map(StoredContact::try_from).transpose()
}

/// Active contacts of one partner, by name.
///
/// # Errors
/// Those of [`contacts`].
pub async fn contacts_of(db: &Db, partner: &str) -> Result<Vec<StoredContact>> {
    let rows: Vec<ContactRow> = db
        .all(
            "SELECT id, partner_slug, name, email, roles, locale, zone, lead_contact
             FROM contact WHERE active AND partner_slug = $1 ORDER BY name, id LIMIT $2",
            args![partner, PAGE as i64],
        )
        .await?;
    rows.into_iter().map(StoredContact::try_from).collect()
}

/// The active contact with this lower-cased address.
///
/// # Errors
/// Those of [`contacts`].
pub async fn contact_at(db: &Db, email_key: &str) -> Result<Option<StoredContact>> {
    let row: Option<ContactRow> = db
        .opt(
            "SELECT id, partner_slug, name, email, roles, locale, zone, lead_contact
             FROM contact WHERE email_key = $1 AND active",
            args![email_key],
        )
        .await?;
    row.map(StoredContact::try_from).transpose()
}

/// The addresses of partners' channel managers as written, each once, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn channel_managers(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT channel_manager_email FROM partner WHERE slug <> '' ORDER BY channel_manager_email LIMIT $1",
            args![PAGE as i64],
        )
        .await?;
    Ok(rows.into_iter().map(|(address,)| address).collect())
}

/// The zones that somebody's promise is kept in: a contact's own, or the partner's.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn zones(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT COALESCE(c.zone, p.zone) AS zone FROM contact c JOIN partner p ON p.slug = c.partner_slug
             WHERE c.active ORDER BY zone LIMIT 1000",
            Vec::new(),
        )
        .await?;
    Ok(rows.into_iter().map(|(zone,)| zone).collect())
}

/// The slugs of all partners, in their order, at most 200,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn slugs(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> =
        db.all("SELECT slug FROM partner WHERE slug <> '' ORDER BY slug LIMIT 200000", Vec::new()).await?;
    Ok(rows.into_iter().map(|(slug,)| slug).collect())
}

/// The partners and zones of readers, a contact's own or else the partner's, each pair once, at most 200,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn places(db: &Db) -> Result<Vec<(String, String)>> {
    db.all(
        "SELECT DISTINCT c.partner_slug, COALESCE(c.zone, p.zone) AS zone
         FROM contact c JOIN partner p ON p.slug = c.partner_slug
         WHERE c.active ORDER BY c.partner_slug, zone LIMIT 200000",
        Vec::new(),
    )
    .await
}

/// Partners with somebody who sells, decides, or receives the leads, by slug, at most 200,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn receiving(db: &Db) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT partner_slug FROM contact
             WHERE active AND (lead_contact OR roles LIKE '%sales%' OR roles LIKE '%executive%')
             ORDER BY partner_slug LIMIT 200000",
            Vec::new(),
        )
        .await?;
    Ok(rows.into_iter().map(|(slug,)| slug).collect())
}

/// When partners or their people were changed last, in milliseconds; 0 where there are none.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn changed_ms(db: &Db) -> Result<UtcMs> {
    let row: Option<(i64,)> = db
        .opt(
            "SELECT COALESCE(MAX(ms), 0) FROM (SELECT MAX(updated_ms) AS ms FROM partner WHERE slug <> ''
                 UNION ALL SELECT MAX(updated_ms) AS ms FROM contact) x",
            Vec::new(),
        )
        .await?;
    Ok(row.map_or(0, |(ms,)| ms))
}
