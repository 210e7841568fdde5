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
    texts: HashMap<(String, String), NewConsent>,
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

    /// The newest version of the text `id` as `partner`'s customers read it, or the vendor's.
    pub(super) async fn consent(
        &mut self,
        ctx: &Context,
        tx: &mut Tx,
        id: &str,
        partner: &str,
    ) -> Result<NewConsent> {
        let key = (id.to_owned(), partner.to_owned());
        if let Some(known) = self.texts.get(&key) {
            return Ok(known.clone());
        }
        let (library, media) = (ctx.library(), ctx.media());
        let text = library.rules.consent(id).ok_or_else(no_content)?;
        let vendor = library.vendor.as_ref().ok_or_else(no_content)?;
        let wording = match self.partner(tx, partner).await? {
            Some(partner) => {
                let (_, template) = text.text_in(&partner.locale).ok_or_else(no_content)?;
                CoBrand::new(&library, &media, partner, &partner.locale, "")?.text(template)?
            }
            None => {
                let (_, template) = text.text_in(&Locale::en()).ok_or_else(no_content)?;
                let value = |field| match field {
                    Field::VendorName => Value::Text(vendor.name.clone()),
                    Field::VendorWebsite => Value::Text(vendor.website.clone()),
                    _ => Value::Empty,
                };
                template.merge_text(&value).map_err(|_| {
                    Error::invalid(format!("the consent text `{id}` names a partner, and there is none"))
                })?
            }
        };
        let consent = NewConsent {
            text_id: id.to_owned(),
            text_version: i64::from(text.version),
            purpose: text.purpose.clone(),
            wording,
            granted: true,
        };
        self.texts.insert(key, consent.clone());
        Ok(consent)
    }
}
