//! `[partners]` of routing.toml: which partner is given a lead that none brought.
//!
//! ```toml
//! [partners]
//! order = "best_fit"                 # or "round_robin", "first_claim"
//! called_max = 5                     # partners that are asked at once, where the first who claims has it
//! leads_max = 20                     # whoever has so many in hand is given no other
//! tiers = ["platinum", "gold"]       # who is given any, best first; left out: all
//! territory = "required"             # or "preferred", "ignored"
//! vertical = "preferred"             # or "required", "ignored"
//!
//! [[partners.pinned]]                # accounts that are somebody's
//! domains = ["harborclinic.example"]
//! partner = "northlight"
//! ```

use super::{
    super::{
        asset::words,
        finding::{Findings, codes},
        keys::{Found, Keys, Reference},
    },
    calendar::entries,
    whole,
};
use crate::domain::{kernel::EmailAddress, partner::Tier};

/// Most leads that a partner may have in hand.
const LEADS_MAX: u32 = 100_000;
/// Most partners that are asked at once.
const CALLED_MAX: u32 = 20;
/// Most domains of one entry.
const DOMAINS_MAX: usize = 1_000;

words! {
    /// Who of those who may is given a lead.
    AssignOrder {
        /// Who serves its industry, names its country, has the better tier, has fewer in hand.
        BestFit "best_fit",
        /// Whoever was given one longest ago.
        RoundRobin "round_robin",
        /// Several are asked at once, those who fit best; whoever claims it first has it.
        FirstClaim "first_claim",
    }
}

words! {
    /// How much it matters whether a partner serves what a lead is of.
    Weight {
        /// Others are given none.
        Required "required",
        /// They come first.
        Preferred "preferred",
        /// Not at all.
        Ignored "ignored",
    }
}

/// Accounts that are a partner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Domains of their addresses, lower case.
    pub domains: Vec<String>,
    /// Whose they are.
    pub partner: Reference,
}

/// `[partners]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigning {
    /// Who is given a lead.
    pub order: AssignOrder,
    /// Leads that a partner may have in hand, where its own row says nothing; nothing for no limit.
    pub leads_max: Option<u32>,
    /// Partners that are asked at once, where whoever claims a lead first has it: 2 to 20.
    pub called_max: u32,
    /// Who is given any, best first.
    pub tiers: Vec<Tier>,
    /// Whether the partner has to serve the lead's country.
    pub territory: Weight,
    /// Whether the partner has to serve the lead's industry.
    pub vertical: Weight,
    /// Accounts that are somebody's.
    pub pinned: Vec<Pin>,
}

impl Default for Assigning {
    fn default() -> Self {
        Self {
            order: AssignOrder::BestFit,
            leads_max: None,
            called_max: 5,
            tiers: vec![Tier::Platinum, Tier::Gold, Tier::Silver, Tier::Registered],
            territory: Weight::Required,
            vertical: Weight::Preferred,
            pinned: Vec::new(),
        }
    }
}

impl Assigning {
    pub(super) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Self {
        let or = Self::default();
        let order = keys.get("order").and_then(|v| v.choice(AssignOrder::WORDS, f));
        let leads_max = keys.get("leads_max").and_then(|v| whole(v, 1, LEADS_MAX, f));
        let called_max = keys.get("called_max").and_then(|v| whole(v, 2, CALLED_MAX, f));
        let mut tiers = keys.get("tiers").map(|v| v.choices(Tier::WORDS, f)).unwrap_or_default();
        if tiers.is_empty() {
            tiers.clone_from(&or.tiers);
        }
        let territory = keys.get("territory").and_then(|v| v.choice(Weight::WORDS, f));
        let vertical = keys.get("vertical").and_then(|v| v.choice(Weight::WORDS, f));
        let pinned = entries("pinned", &mut keys, f).into_iter().filter_map(|v| Pin::parse(v, f)).collect();
        keys.finish(f);
        Self {
            order: order.unwrap_or(or.order),
            leads_max,
            called_max: called_max.unwrap_or(or.called_max),
            tiers,
            territory: territory.unwrap_or(or.territory),
            vertical: vertical.unwrap_or(or.vertical),
            pinned,
        }
    }

    /// The slug of the partner whose accounts have addresses at `domain`.
    pub fn pinned_to(&self, domain: &str) -> Option<&str> {
        let pin = self.pinned.iter().find(|pin| pin.domains.iter().any(|of| of == domain))?;
        Some(pin.partner.as_str())
    }
}

impl Pin {
    fn parse(found: Found, f: &mut Findings<'_>) -> Option<Self> {
        let mut keys = found.map(f)?;
        let mut domains = Vec::new();
        if let Some(found) = keys.need("domains", f) {
            let place = found.place();
            for domain in found.lines(f) {
                let domain = domain.trim_start_matches('@').to_lowercase();
                if EmailAddress::parse(&format!("a@{domain}")).is_err() {
                    let fix = "write the part behind the @, such as `harborclinic.example`";
                    f.add(codes::BAD_VALUE, place, format!("`{domain}` is no domain of addresses"), fix);
                }
                domains.push(domain);
            }
            if domains.is_empty() || domains.len() > DOMAINS_MAX {
                let message = format!("`domains` has {} entries", domains.len());
                f.add(codes::BAD_VALUE, place, message, format!("name 1 to {DOMAINS_MAX}"));
            }
        }
        let partner = keys.need("partner", f).and_then(|v| v.reference(f));
        keys.finish(f);
        Some(Self { domains, partner: partner? })
    }
}
