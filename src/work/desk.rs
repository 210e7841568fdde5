//! Who has a desk: the people whom leads are offered to, known by their address. Most are contacts of a partner; the
//! vendor's channel managers are not, and get what nobody at the partner takes.

use chrono_tz::Tz;

use super::context::Context;
use crate::{domain::kernel::Result, store::partners};

/// Somebody with a desk.
#[derive(Debug, Clone)]
pub struct Rep {
    /// The lower-cased address.
    pub key: String,
    /// Full name.
    pub name: String,
    /// The partner they work for, or the vendor.
    pub company: String,
    /// The zone of the times they read.
    pub zone: Tz,
}

impl Rep {
    /// Whether `address` is theirs.
    pub fn is_at(&self, address: &str) -> bool {
        address.to_lowercase() == self.key
    }
}

/// The rep at `address`. Nobody who is neither an active contact nor a channel manager has a desk, so that an open
/// session ends with the job.
///
/// # Errors
/// Those of the store.
pub async fn rep(ctx: &Context, address: &str) -> Result<Option<Rep>> {
    let key = address.to_lowercase();
    if let Some(stored) = partners::contact_at(&ctx.db, &key).await? {
        let partner = partners::partner(&ctx.db, stored.contact.partner.as_str()).await?;
        let zone = stored.contact.zone.or(partner.as_ref().map(|partner| partner.zone));
        return Ok(Some(Rep {
            key,
            name: stored.contact.name,
            company: partner.map(|partner| partner.name).unwrap_or_default(),
            zone: zone.unwrap_or(Tz::UTC),
        }));
    }
    let library = ctx.library();
    let vendor = library.vendor.as_ref();
    let listed = vendor
        .and_then(|vendor| vendor.channel_managers.iter().find(|manager| manager.email.key() == key))
        .map(|manager| manager.name.clone());
    let name = match listed {
        Some(name) => Some(name),
        // A partner may have a manager of its own, whom vendor.toml does not list.
        None => partners::channel_managers(&ctx.db).await?.into_iter().find(|it| it.to_lowercase() == key),
    };
    Ok(name.map(|name| Rep {
        key,
        name,
        company: vendor.map(|vendor| vendor.name.clone()).unwrap_or_default(),
        zone: vendor.map_or(Tz::UTC, |vendor| vendor.zone),
    }))
}
