//! Partners, their people, their brands.

pub mod brand;
pub mod contact;
mod country;
pub mod logo;
pub mod role;
pub mod roster;
pub mod svg;
pub mod typeface;

pub use brand::BrandProfile;
pub use contact::Contact;
pub use country::country;
pub use role::{AudienceRole, Roles};
pub use typeface::Typeface;

use serde::{Deserialize, Serialize};

use super::kernel::{Locale, Slug};

/// What a partner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartnerType {
    /// Managed service provider.
    Msp,
    /// Sells, does not run.
    Reseller,
    /// Systems integrator.
    Si,
    /// Hosts.
    Hoster,
    /// Advises.
    Consultant,
    /// Sells to partners of its own.
    Distributor,
}

/// A partner's level in the programme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Signed, no more.
    Registered,
    /// Second level.
    Silver,
    /// Third level.
    Gold,
    /// Highest level.
    Platinum,
}

/// Where a partner sells; also decides the channel manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// North and South America.
    Americas,
    /// Europe, Middle East, Africa.
    Emea,
    /// Asia and Pacific.
    Apac,
}

/// An independent firm that sells or services the vendor's offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Short name, the key.
    pub slug: Slug,
    /// Name as customers know it.
    pub name: String,
    /// What it is.
    pub partner_type: PartnerType,
    /// Its level.
    pub tier: Tier,
    /// Where it sells.
    pub region: Region,
    /// City, for people.
    pub city: String,
    /// Time zone promises to it are kept in.
    pub zone: chrono_tz::Tz,
    /// Language its people read, unless they say otherwise.
    pub locale: Locale,
    /// Industries it serves.
    pub verticals: Vec<String>,
    /// Solutions of the vendor's that it sells; slugs.
    pub solutions: Vec<String>,
    /// Countries that it serves (ISO 3166-1 alpha-2); none for wherever it is asked.
    pub countries: Vec<String>,
    /// How many leads it may have in hand to be given another by the vendor; nothing for what routing.toml says.
    pub leads_max: Option<u32>,
    /// The distributor it belongs to, in two-tier distribution.
    pub parent: Option<Slug>,
    /// Address of the vendor's channel manager for it.
    pub channel_manager_email: String,
    /// Its site, https.
    pub website: String,
    /// How it looks and speaks.
    pub brand: BrandProfile,
}
