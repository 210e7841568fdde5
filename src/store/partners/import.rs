//! Partners and contacts as a roster lists them, stored as a whole.

use super::word;
use crate::{
    domain::{
        kernel::{Error, Locale, Random, Result, Slug, clock::UtcMs, id::ContactId},
        partner::{Contact, Partner},
    },
    store::{Tx, sql::args},
};

/// Adds or updates partners and contacts. A contact keeps its id as long as its address stays; people of these partners
/// who are not among `contacts` any more get nothing more.
///
/// # Errors
/// `Invalid` when a partner or an address is given twice, for which of the two would count? Else those of
/// [`Tx::run`].
pub async fn import(
    tx: &mut Tx,
    now_ms: UtcMs,
    random: &dyn Random,
    partners: &[Partner],
    contacts: &[Contact],
) -> Result<()> {
    let slugs = partners.iter().map(|partner| partner.slug.to_string());
    let repeated = [twice(slugs), twice(contacts.iter().map(|contact| contact.email.key()))].concat();
    if !repeated.is_empty() {
        return Err(Error::invalid(format!(
            "given more than once: {}; leave one of each",
            repeated.join(", ")
        )));
    }
    let mut rows = Vec::with_capacity(partners.len());
    for partner in partners {
        let brand = serde_json::to_string(&partner.brand)
            .map_err(|error| Error::internal("brand profile").because(error))?;
        rows.push(args![
            partner.slug.as_str(),
            &partner.name,
            word(partner.partner_type)?,
            word(partner.tier)?,
            word(partner.region)?,
            &partner.city,
            partner.zone.name(),
            partner.locale.as_str(),
            partner.verticals.join(";"),
            partner.solutions.join(";"),
            partner.countries.join(";"),
            partner.leads_max.map(i64::from),
            partner.parent.as_ref().map(Slug::as_str),
            &partner.channel_manager_email,
            &partner.website,
            brand,
            now_ms,
        ]);
    }
    tx.bulk(
        "INSERT INTO partner (slug, name, partner_type, tier, region, city, zone, locale, verticals, solutions, countries,
                              leads_max, parent, channel_manager_email, website, brand, updated_ms)",
        rows,
        "ON CONFLICT (slug) DO UPDATE SET name = excluded.name, partner_type = excluded.partner_type,
             tier = excluded.tier, region = excluded.region, city = excluded.city, zone = excluded.zone,
             locale = excluded.locale, verticals = excluded.verticals,
             solutions = excluded.solutions, countries = excluded.countries, leads_max = excluded.leads_max,
             parent = excluded.parent,
             channel_manager_email = excluded.channel_manager_email, website = excluded.website,
             brand = excluded.brand, updated_ms = excluded.updated_ms",
    )
    .await?;
    tx.bulk(
        "WITH r (rslug, rnow_ms) AS (",
        partners.iter().map(|partner| args![partner.slug.as_str(), now_ms]).collect(),
        ") UPDATE contact SET active = FALSE, left_ms = rnow_ms FROM r WHERE partner_slug = rslug AND active",
    )
    .await?;
    let rows = contacts.iter().map(|contact| {
        args![
            ContactId::new(now_ms, random).to_string(),
            contact.partner.as_str(),
            &contact.name,
            contact.email.as_str(),
            contact.email.key(),
            contact.email.base_key(),
            contact.roles.to_string(),
            contact.locale.as_ref().map(Locale::as_str),
            contact.zone.map(|zone| zone.name()),
            contact.lead_contact,
            true,
            now_ms,
            now_ms,
        ]
    });
    tx.bulk(
        "INSERT INTO contact (id, partner_slug, name, email, email_key, base_key, roles, locale, zone, lead_contact,
                              active, updated_ms, active_since_ms)",
        rows.collect(),
        "ON CONFLICT (email_key) DO UPDATE SET partner_slug = excluded.partner_slug, name = excluded.name,
             email = excluded.email, roles = excluded.roles, locale = excluded.locale, zone = excluded.zone,
             lead_contact = excluded.lead_contact, active = excluded.active, updated_ms = excluded.updated_ms,
             -- Who was active until this import has not left.
             active_since_ms = CASE WHEN contact.active OR contact.left_ms = excluded.updated_ms
                 THEN contact.active_since_ms ELSE excluded.active_since_ms END",
    )
    .await
    .map(|_| ())
}

/// The keys that occur more than once, in order, each once.
fn twice(keys: impl Iterator<Item = String>) -> Vec<String> {
    let mut keys: Vec<String> = keys.collect();
    keys.sort_unstable();
    let mut repeated: Vec<String> =
        keys.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
    repeated.dedup();
    repeated
}
