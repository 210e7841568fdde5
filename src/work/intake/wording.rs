//! What people agreed to, in the words they saw: each text once for each partner.

use std::collections::HashMap;

use super::super::{
    cobrand::{CoBrand, no_content},
    context::Context,
};
use crate::{
    domain::{
        content::{field::Field, merge::Value},
        kernel::{Error, Locale, Result},
        partner::Partner,
    },
    store::{Tx, leads::NewConsent, partners},
};

/// Partners and texts of one intake.
#[derive(Default)]
pub(super) struct Wordings {
    partners: HashMap<String, Option<Partner>>,
    texts: HashMap<(String, String, String), NewConsent>,
}

impl Wordings {
    /// The partner with this slug; nobody for the vendor's own.
    pub(super) async fn partner(&mut self, tx: &mut Tx, slug: &str) -> Result<Option<&Partner>> {
        if !self.partners.contains_key(slug) {
            let found = partners::partner_in(tx, slug).await?;
            self.partners.insert(slug.to_owned(), found);
        }
        Ok(self.partners.get(slug).and_then(Option::as_ref))
    }

    /// The newest version of the text `id` as `partner`'s customers read it, or the vendor's; in `locale`, else in the partner's
    /// own language, or English.
    pub(super) async fn consent(
        &mut self,
        ctx: &Context,
        tx: &mut Tx,
        (id, locale): (&str, Option<&Locale>),
        partner: &str,
    ) -> Result<NewConsent> {
        let key = (id.to_owned(), partner.to_owned(), locale.map(ToString::to_string).unwrap_or_default());
        if let Some(known) = self.texts.get(&key) {
            return Ok(known.clone());
        }
        let (library, media) = (ctx.library(), ctx.media());
        let text = library.rules.consent(id).ok_or_else(no_content)?;
        let vendor = library.vendor.as_ref().ok_or_else(no_content)?;
        let (read, wording) = match self.partner(tx, partner).await? {
            Some(partner) => {
                let locale = locale.unwrap_or(&partner.locale);
                let (read, template) = text.text_in(locale).ok_or_else(no_content)?;
                (read, CoBrand::new(&library, &media, partner, locale, "")?.text(template)?)
            }
            None => {
                let english = Locale::en();
                let (read, template) = text.text_in(locale.unwrap_or(&english)).ok_or_else(no_content)?;
                let value = |field| match field {
                    Field::VendorName => Value::Text(vendor.name.clone()),
                    Field::VendorWebsite => Value::Text(vendor.website.clone()),
                    _ => Value::Empty,
                };
                let wording = template.merge_text(&value).map_err(|_| {
                    Error::invalid(format!("the consent text `{id}` names a partner, and there is none"))
                })?;
                (read, wording)
            }
        };
        let consent = NewConsent {
            text_id: id.to_owned(),
            text_version: i64::from(text.version),
            purpose: text.purpose.clone(),
            wording,
            granted: true,
            locale: read.to_string(),
        };
        self.texts.insert(key, consent.clone());
        Ok(consent)
    }
}
