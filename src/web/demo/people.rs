//! Who the addresses in the catcher's mail belong to.

use std::collections::HashMap;

use serde::Serialize;

use crate::{
    domain::kernel::Result,
    store::{leads, partners},
    work::{Context, names::Names},
};

/// Somebody who got mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Full name.
    pub name: String,
    /// What they do, and where: `sales, Northlight MSP`.
    pub place: String,
}

/// Everybody by lower-cased address.
pub struct People(HashMap<String, Known>);

impl People {
    /// The vendor's people, partners' contacts (at most 1,000) and the leads that changed last.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn load(ctx: &Context) -> Result<Self> {
        let mut known = HashMap::new();
        let names = Names::load(&ctx.db).await?;
        for lead in leads::recent(&ctx.db, None).await? {
            let place = format!("{}, asked {}", lead.company, names.of(&lead.partner_slug));
            known.insert(lead.email_key, Known { name: lead.name, place });
        }
        if let Some(vendor) = &ctx.library().vendor {
            for manager in &vendor.channel_managers {
                let place = format!("channel manager, {}", vendor.name);
                known.insert(manager.email.key(), Known { name: manager.name.clone(), place });
            }
        }
        for stored in partners::contacts(&ctx.db, "").await? {
            let contact = stored.contact;
            let roles: Vec<&str> = contact.roles.iter().map(|role| role.as_str()).collect();
            let place = format!("{}, {}", roles.join(" and "), names.of(contact.partner.as_str()));
            known.insert(contact.email.key(), Known { name: contact.name, place });
        }
        Ok(Self(known))
    }

    /// Who has this address.
    pub fn at(&self, address: &str) -> Option<Known> {
        self.0.get(&address.to_lowercase()).cloned()
    }
}

#[cfg(test)]
impl Known {
    /// Luis.
    pub fn sample() -> Self {
        Self { name: "Luis Ortega".into(), place: "sales, Northlight MSP".into() }
    }
}
