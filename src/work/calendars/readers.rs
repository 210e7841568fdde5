//! To whom dates are promised: one zone of a partner, a partner, or everybody.

use std::collections::{BTreeSet, HashMap};

use chrono_tz::Tz;

use crate::{
    domain::{
        content::{
            kinds::{IssueZone, Newsletter},
            rules::CalendarRules,
        },
        kernel::Result,
        partner::{Partner, Region},
    },
    store::{Db, partners, promises},
    work::promises::admitted,
};

/// Readers by partner and zone.
pub(super) struct Readers {
    partner: Option<String>,
    zone: Option<Tz>,
    partners: HashMap<String, Partner>,
    pairs: Vec<(String, Tz)>,
}

impl Readers {
    /// Those of `partner` whose clocks go by `zone`, whether or not there is one now.
    pub(super) fn in_zone(partner: &Partner, zone: Tz) -> Self {
        let slug = partner.slug.to_string();
        Self {
            partner: Some(slug.clone()),
            zone: Some(zone),
            partners: HashMap::from([(slug.clone(), partner.clone())]),
            pairs: vec![(slug, zone)],
        }
    }

    /// Everybody, or those of `partner`.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn all(db: &Db, partner: Option<&str>) -> Result<Self> {
        let partners = partners::all_partners(db).await?.into_iter();
        let is_theirs = |slug: &str| partner.is_none_or(|partner| partner == slug);
        let pairs = partners::places(db).await?.into_iter();
        Ok(Self {
            partner: partner.map(str::to_owned),
            zone: None,
            partners: partners.map(|partner| (partner.slug.to_string(), partner)).collect(),
            pairs: pairs
                .filter(|(slug, _)| is_theirs(slug))
                .filter_map(|(slug, zone)| Some((slug, zone.parse().ok()?)))
                .collect(),
        })
    }

    /// Their partner, where they are those of one.
    pub(super) fn partner(&self) -> Option<&Partner> {
        self.partner.as_ref().and_then(|slug| self.partners.get(slug))
    }

    /// As the ledger is asked for them.
    pub(super) fn asked<'a>(&'a self, newsletter: &'a str) -> promises::Readers<'a> {
        promises::Readers {
            newsletter,
            partner: self.partner.as_deref(),
            zone: self.zone.as_ref().map(|zone| zone.name()),
        }
    }

    /// What makes their entries others than those of other readers: the zone and the partner, or the vendor's own.
    pub(super) fn name(&self) -> String {
        match (&self.zone, &self.partner) {
            (Some(zone), Some(partner)) => format!("{}@{partner}", zone.name()),
            (_, Some(partner)) => format!("all-zones@{partner}"),
            (_, None) => "all-zones@vendor".to_owned(),
        }
    }

    /// One partner and zone of each kind that `newsletter` is for: of those whom its cadence and all rules treat alike.
    pub(super) fn kinds(&self, newsletter: &Newsletter, rules: &CalendarRules) -> Vec<(&Partner, Tz)> {
        let blackouts = rules.blackouts.iter().map(|blackout| &blackout.whose);
        let whose = blackouts.chain(rules.quiet.iter().map(|quiet| &quiet.whose));
        let named: BTreeSet<&str> =
            whose.flat_map(|whose| &whose.partners).map(|slug| slug.as_str()).collect();
        let mut seen: BTreeSet<(&str, Option<&str>, Region, Option<&str>)> = BTreeSet::new();
        let mut kinds = Vec::new();
        for (partner, zone) in admitted(&self.partners, &self.pairs, newsletter) {
            let of_partner = (newsletter.zone == IssueZone::Partner).then(|| partner.zone.name());
            let by_name = named.get(partner.slug.as_str()).copied();
            if seen.insert((zone.name(), of_partner, partner.region, by_name)) {
                kinds.push((partner, zone));
            }
        }
        kinds
    }
}
