//! Who gets an issue, and why, in words.

use super::because::Because;
use crate::domain::{
    content::{Reader, kinds::Audience},
    partner::{AudienceRole, Contact, Partner, PartnerType, Region, Roles, Tier},
};

/// Whom a newsletter is for. An empty list restricts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AudienceRule {
    /// Readers' roles.
    pub roles: Roles,
    /// Partners' tiers.
    pub tiers: Vec<Tier>,
    /// Partners' types.
    pub types: Vec<PartnerType>,
    /// Partners' regions.
    pub regions: Vec<Region>,
}

/// What a person has said about this newsletter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subscription {
    /// Nothing: the newsletter's rule decides.
    #[default]
    Default,
    /// They asked for it, whatever their role.
    In,
    /// They do not want it.
    Out,
    /// They do not want it for now.
    Paused,
}

/// Why an address must not be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SuppressionReason {
    /// A receiving server says that the address does not exist.
    BadAddress,
    /// The whole domain takes no mail at present.
    BadDomain,
    /// The mailbox stayed full for several issues.
    MailboxFull,
    /// The person called our mail spam.
    Complaint,
    /// The person wants no mail from us at all.
    Unsubscribed,
    /// A person of the vendor entered it.
    Manual,
}

/// Somebody who might get an issue.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The person.
    pub contact: &'a Contact,
    /// Their partner.
    pub partner: &'a Partner,
    /// What they said about this newsletter.
    pub subscribed: Subscription,
    /// Whether their address must not be written to.
    pub suppressed: Option<SuppressionReason>,
}

/// Why somebody is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExclusionReason {
    /// Their address must not be written to.
    Suppressed,
    /// They unsubscribed from this newsletter.
    Unsubscribed,
    /// They paused it.
    Paused,
    /// Their partner's tier.
    Tier,
    /// Their partner's type.
    Type,
    /// Their partner's region.
    Region,
    /// Their own role.
    Role,
    /// The issue has nothing for their roles.
    NoContent,
    /// They have had, or are promised, as many messages as a person gets at most.
    Frequency,
    /// They have been told the key message as often as one is, or met it in its form the time before.
    Touches,
    /// A rule of the calendar skips their hour.
    Calendar,
    /// Their hour had passed when the issue could be fixed, and the newsletter does not catch up.
    Missed,
}

/// Whether somebody gets an issue, with a sentence that they and the marketer understand.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision<'a> {
    /// They get it.
    In {
        /// Why.
        because: Because<'a>,
    },
    /// They do not.
    Out {
        /// The reason, for counting.
        reason: ExclusionReason,
        /// Why.
        because: Because<'a>,
    },
}

impl SuppressionReason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::BadAddress,
        Self::BadDomain,
        Self::MailboxFull,
        Self::Complaint,
        Self::Unsubscribed,
        Self::Manual,
    ];

    /// The word in the database and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadAddress => "bad-address",
            Self::BadDomain => "bad-domain",
            Self::MailboxFull => "mailbox-full",
            Self::Complaint => "complaint",
            Self::Unsubscribed => "unsubscribed",
            Self::Manual => "manual",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// A sentence about the address.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::BadAddress => "the receiving server says that this address does not exist",
            Self::BadDomain => "the domain of this address takes no mail at present",
            Self::MailboxFull => "this mailbox was full on three issues in a row",
            Self::Complaint => "this person reported our mail as unwanted",
            Self::Unsubscribed => "this person wants no mail from us",
            Self::Manual => "the vendor put this address on the do-not-send list",
        }
    }
}

impl Subscription {
    /// The word in the database and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::In => "in",
            Self::Out => "out",
            Self::Paused => "paused",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Default, Self::In, Self::Out, Self::Paused].into_iter().find(|s| s.as_str() == word)
    }
}

impl ExclusionReason {
    /// All of them, in the order they are looked at.
    pub const ALL: [Self; 12] = [
        Self::Suppressed,
        Self::Unsubscribed,
        Self::Paused,
        Self::Tier,
        Self::Type,
        Self::Region,
        Self::Role,
        Self::NoContent,
        Self::Frequency,
        Self::Touches,
        Self::Calendar,
        Self::Missed,
    ];

    /// Whether a limit of ours kept somebody out whom it was meant for, and who wants it.
    pub fn is_limit(self) -> bool {
        matches!(self, Self::Frequency | Self::Touches)
    }

    /// The word in the database and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suppressed => "suppressed",
            Self::Unsubscribed => "unsubscribed",
            Self::Paused => "paused",
            Self::Tier => "tier",
            Self::Type => "type",
            Self::Region => "region",
            Self::Role => "role",
            Self::NoContent => "no-content",
            Self::Frequency => "frequency",
            Self::Touches => "touches",
            Self::Calendar => "calendar",
            Self::Missed => "missed",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl From<&Audience> for AudienceRule {
    fn from(audience: &Audience) -> Self {
        let Audience { roles, tiers, types, regions } = audience.clone();
        Self { roles, tiers, types, regions }
    }
}

impl AudienceRule {
    /// Whether people of `partner` may be in it, whatever they do there.
    pub fn admits(&self, partner: &Partner) -> bool {
        allows(&self.tiers, partner.tier)
            && allows(&self.types, partner.partner_type)
            && allows(&self.regions, partner.region)
    }

    /// Whom it is for: `sales and executive readers of gold MSPs in EMEA`.
    pub fn describe(&self) -> String {
        let roles: Vec<&str> = self.roles.iter().map(AudienceRole::as_str).collect();
        let mut text = match roles.len() {
            0 | 5 => "readers".to_owned(),
            _ => format!("{} readers", and(&roles)),
        };
        let tiers: Vec<&str> = self.tiers.iter().map(|tier| tier.as_str()).collect();
        let types: Vec<&str> = self.types.iter().map(|kind| type_plural(*kind)).collect();
        let regions: Vec<&str> = self.regions.iter().map(|region| region_name(*region)).collect();
        text.push_str(if tiers.is_empty() && types.is_empty() && regions.is_empty() {
            " of all "
        } else {
            " of "
        });
        if !tiers.is_empty() {
            text.push_str(&and(&tiers));
            text.push(' ');
        }
        text.push_str(&if types.is_empty() { "partners".to_owned() } else { and(&types) });
        if !regions.is_empty() {
            text.push_str(" in ");
            text.push_str(&and(&regions));
        }
        text
    }
}

/// A rule with its words, which are the same for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenRule {
    rule: AudienceRule,
    words: String,
}

impl SpokenRule {
    /// The rule.
    pub fn rule(&self) -> &AudienceRule {
        &self.rule
    }
}

impl From<AudienceRule> for SpokenRule {
    fn from(rule: AudienceRule) -> Self {
        Self { words: capitalised(&rule.describe()), rule }
    }
}

/// Decides. `no_hour` says why nothing is sent at their hour, if so; `has_content_for` whether the issue holds anything for
/// this reader.
///
/// What the person or their address says comes first. Somebody who asked for the newsletter gets it whatever
/// their role is; tier, type and region are the vendor's to decide and always hold.
pub fn decide<'a>(
    SpokenRule { rule, words }: &'a SpokenRule,
    candidate: &Candidate<'a>,
    no_hour: Option<(ExclusionReason, &str)>,
    has_content_for: &dyn Fn(&Reader<'_>) -> bool,
) -> Decision<'a> {
    let Candidate { contact, partner, subscribed, suppressed } = *candidate;
    let out = |reason, because| Decision::Out { reason, because };
    if let Some(reason) = suppressed {
        return out(ExclusionReason::Suppressed, Because::said(capitalised(reason.sentence())));
    }
    match subscribed {
        Subscription::Out => {
            let because = Because::said("They unsubscribed from this newsletter");
            return out(ExclusionReason::Unsubscribed, because);
        }
        Subscription::Paused => {
            return out(ExclusionReason::Paused, Because::said("They paused this newsletter"));
        }
        Subscription::Default | Subscription::In => {}
    }
    let facts = Because::by_rule(words, contact, partner);
    let misses = |reason, what: String| out(reason, facts.clone().and(format!(" ({what})")));
    if !allows(&rule.tiers, partner.tier) {
        return misses(ExclusionReason::Tier, format!("not for {} partners", partner.tier.as_str()));
    }
    if !allows(&rule.types, partner.partner_type) {
        return misses(ExclusionReason::Type, format!("not for {}", type_plural(partner.partner_type)));
    }
    if !allows(&rule.regions, partner.region) {
        return misses(ExclusionReason::Region, format!("not for {}", region_name(partner.region)));
    }
    let asked = subscribed == Subscription::In;
    if !asked && !rule.roles.concern(contact.roles) {
        return misses(ExclusionReason::Role, format!("not for {} readers", roles_in_words(contact.roles)));
    }
    let locale = contact.locale.as_ref().unwrap_or(&partner.locale);
    if !has_content_for(&Reader { roles: Some(contact.roles), partner, locale }) {
        let because = format!("This issue holds nothing for {} readers", roles_in_words(contact.roles));
        return out(ExclusionReason::NoContent, Because::said(because));
    }
    if let Some((reason, because)) = no_hour {
        return out(reason, Because::said(capitalised(because)));
    }
    Decision::In { because: if asked { facts.and(". They asked for it") } else { facts } }
}

fn allows<T: PartialEq + Copy>(list: &[T], value: T) -> bool {
    list.is_empty() || list.contains(&value)
}

pub(super) fn roles_in_words(roles: Roles) -> String {
    let words: Vec<&str> = roles.iter().map(AudienceRole::as_str).collect();
    if words.is_empty() { "no role".to_owned() } else { and(&words) }
}

/// `a`, `a and b`, `a, b and c`.
fn and(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

pub(super) fn region_name(region: Region) -> &'static str {
    match region {
        Region::Americas => "the Americas",
        Region::Emea => "EMEA",
        Region::Apac => "APAC",
    }
}

fn type_plural(kind: PartnerType) -> &'static str {
    match kind {
        PartnerType::Msp => "MSPs",
        PartnerType::Reseller => "resellers",
        PartnerType::Si => "systems integrators",
        PartnerType::Hoster => "hosters",
        PartnerType::Consultant => "consultants",
        PartnerType::Distributor => "distributors",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{prelude::*, sample::subsequence};

    use super::*;
    use crate::domain::partner::roster::{Roster, RosterFiles, Word};

    fn roster() -> Roster {
        let brand = "primary = \"#9a3412\"\naccent = \"#0f5e9c\"\n";
        let partners = "slug,name,type,tier,region,city,zone,locale,verticals,parent,channel_manager_email,website\n\
             thornbury,Thornbury Hosting,hoster,platinum,emea,X,Europe/London,en-GB,,,c@v.example,https://t.example\n\
             ipe,Ipe,msp,gold,americas,X,America/Sao_Paulo,pt-BR,,,c@v.example,https://i.example\n";
        let contacts = "partner,name,email,roles,locale,zone,lead_contact\n\
             thornbury,Dev Patel,d@t.example,sales,,,yes\nipe,Caio,c@i.example,technical;executive,,,yes\n";
        let brands = ["ipe", "thornbury"].map(|slug| (slug.to_owned(), brand.to_owned()));
        let (partners, contacts) = (partners.as_bytes(), contacts.as_bytes());
        Roster::parse(RosterFiles { partners, contacts, brands: &BTreeMap::from(brands) }).unwrap()
    }

    fn candidate(roster: &Roster, at: usize, subscribed: Subscription) -> Candidate<'_> {
        let (contact, partner) = (&roster.contacts[at], &roster.partners[at]);
        Candidate { contact, partner, subscribed, suppressed: None }
    }

    #[test]
    fn reasons_are_sentences() {
        let roster = roster();
        let rule = AudienceRule {
            roles: Roles::parse("sales;executive").unwrap(),
            tiers: vec![Tier::Gold, Tier::Platinum],
            regions: vec![Region::Emea],
            types: vec![],
        };
        let dev = candidate(&roster, 0, Subscription::Default);
        let rule = rule.into();
        let Decision::In { mut because } = decide(&rule, &dev, None, &|_| true) else { panic!() };
        because = because.and("; carries Beta");
        let readers = "Sales and executive readers of gold and platinum partners in EMEA";
        let told = format!("{readers}; they are: sales, Thornbury Hosting, platinum, EMEA; carries Beta");
        assert_eq!(because.to_string(), told);
        let caio = candidate(&roster, 1, Subscription::In);
        let Decision::Out { reason, because } = decide(&rule, &caio, None, &|_| true) else { panic!() };
        assert_eq!(reason, ExclusionReason::Region);
        assert!(because.to_string().ends_with("(not for the Americas)"), "{because}");
        assert_eq!(because.impersonal(), format!("{readers} (not for the Americas)"));
        assert_eq!(Because::said("They paused it").impersonal(), "They paused it");
        assert_eq!(AudienceRule::default().describe(), "readers of all partners");
    }

    #[test]
    fn what_a_person_says_comes_first_and_asking_opens_a_role() {
        let roster = roster();
        let technical = AudienceRule { roles: Roles::parse("technical").unwrap(), ..AudienceRule::default() };
        let reason = |subscribed, suppressed| {
            let candidate = Candidate { suppressed, ..candidate(&roster, 0, subscribed) };
            match decide(&technical.clone().into(), &candidate, None, &|_| true) {
                Decision::In { .. } => None,
                Decision::Out { reason, .. } => Some(reason),
            }
        };
        assert_eq!(reason(Subscription::Default, None), Some(ExclusionReason::Role));
        assert_eq!(reason(Subscription::In, None), None);
        assert_eq!(reason(Subscription::Out, None), Some(ExclusionReason::Unsubscribed));
        assert_eq!(reason(Subscription::Paused, None), Some(ExclusionReason::Paused));
        let bounced = Some(SuppressionReason::BadAddress);
        assert_eq!(reason(Subscription::In, bounced), Some(ExclusionReason::Suppressed));
        let (all, asked) = (AudienceRule::default().into(), candidate(&roster, 0, Subscription::In));
        let nothing = decide(&all, &asked, None, &|_| false);
        assert!(matches!(nothing, Decision::Out { reason: ExclusionReason::NoContent, .. }));
    }

    fn words<W: Word + std::fmt::Debug>() -> impl Strategy<Value = Vec<W>> {
        let all: Vec<W> = W::WORDS.iter().map(|(_, value)| *value).collect();
        let count = all.len();
        subsequence(all, 1..=count)
    }

    proptest! {
        #[test]
        fn narrowing_a_rule_never_lets_anybody_in(
            roles in subsequence(AudienceRole::ALL.to_vec(), 1..=5), tiers in words::<Tier>(),
            types in words::<PartnerType>(), regions in words::<Region>(),
            wide in proptest::array::uniform4(any::<bool>()), keep in 0usize..5, at in 0usize..2, asked in any::<bool>(),
        ) {
            let roster = roster();
            let subscribed = if asked { Subscription::In } else { Subscription::Default };
            let person = candidate(&roster, at, subscribed);
            // The wide rule lifts some restrictions whole; the narrow one keeps a non-empty part of each.
            let part = |n: usize| 1 + keep % n;
            let narrow = AudienceRule {
                roles: roles.iter().copied().take(part(roles.len())).collect(),
                tiers: tiers[..part(tiers.len())].to_vec(),
                types: types[..part(types.len())].to_vec(),
                regions: regions[..part(regions.len())].to_vec(),
            };
            let wide = AudienceRule {
                roles: if wide[0] { Roles::NONE } else { roles.into_iter().collect() },
                tiers: if wide[1] { vec![] } else { tiers },
                types: if wide[2] { vec![] } else { types },
                regions: if wide[3] { vec![] } else { regions },
            };
            let is_in = |rule: &AudienceRule| matches!(decide(&rule.clone().into(), &person, None, &|_| true), Decision::In { .. });
            prop_assert!(!is_in(&narrow) || is_in(&wide));
        }
    }
}
