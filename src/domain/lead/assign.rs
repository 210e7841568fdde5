//! Which partner is given a lead that none brought: one of those who may, and why it was not the others.

use crate::domain::{
    content::rules::assigning::{AssignOrder, Assigning, Weight},
    kernel::clock::UtcMs,
    partner::Partner,
};

/// Partners that an explanation names.
const CONSIDERED_MAX: usize = 20;

/// What is known of the lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted<'a> {
    /// The domain of the person's address, lower case.
    pub domain: &'a str,
    /// ISO 3166-1 alpha-2, or empty.
    pub country: &'a str,
    /// Industry in lower case, or empty.
    pub vertical: &'a str,
}

/// A partner that is considered.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// Who.
    pub partner: &'a Partner,
    /// Leads that it has in hand.
    pub live: u32,
    /// When it was given one of these last; 0 for never.
    pub last_ms: UtcMs,
    /// Why it is given no other, or not this one, such as that it let it lapse before.
    pub passed: Option<String>,
}

/// Where a lead goes, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// Who is given it; nobody where none may.
    pub chosen: Option<&'a Partner>,
    /// Why they are.
    pub because: String,
    /// The others by name, each with why it was not them: at most 20, the nearest first.
    pub considered: Vec<(String, String)>,
    /// How many more there were.
    pub more: usize,
}

impl Assignment<'_> {
    /// The whole explanation as a sentence or two.
    pub fn explained(&self) -> String {
        if self.considered.is_empty() {
            return format!("{}.", self.because);
        }
        let others: Vec<String> =
            self.considered.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        let more = if self.more > 0 { format!("; and {} more", self.more) } else { String::new() };
        format!("{}. Considered: {}{more}.", self.because, others.join("; "))
    }
}

/// How well a partner fits; the smallest is the best.
type Rank<'a> = (bool, bool, usize, u32, UtcMs, &'a str);

/// Picks the partner. The same input gives the same answer, in whichever order the candidates come.
pub fn assign<'a>(rule: &Assigning, wanted: &Wanted<'_>, candidates: &[Candidate<'a>]) -> Assignment<'a> {
    let pinned = rule.pinned_to(wanted.domain);
    let mut able: Vec<&Candidate<'a>> = Vec::new();
    let mut others: Vec<(&Candidate<'a>, String)> = Vec::new();
    for candidate in candidates {
        let is_pinned = pinned == Some(candidate.partner.slug.as_str());
        match why_not(rule, wanted, candidate, is_pinned) {
            None => able.push(candidate),
            Some(why) => others.push((candidate, why)),
        }
    }
    able.sort_by_key(|it| {
        let is_pinned = pinned == Some(it.partner.slug.as_str());
        (!is_pinned, order(rule, wanted, it))
    });
    others.sort_by_key(|(it, _)| it.partner.slug.clone());
    let Some((first, rest)) = able.split_first() else {
        let because = "No partner may be given it".to_owned();
        return explain(None, because, others.into_iter().map(|(it, why)| (it.partner.name.clone(), why)));
    };
    let name = &first.partner.name;
    let because = if pinned == Some(first.partner.slug.as_str()) {
        format!("{name} has the accounts at {}", wanted.domain)
    } else {
        match rule.order {
            AssignOrder::BestFit | AssignOrder::FirstClaim => {
                format!("{name} fits best: {}", merits(wanted, first))
            }
            AssignOrder::RoundRobin => format!("{name} is next in turn"),
        }
    };
    let is_pinned = pinned == Some(first.partner.slug.as_str());
    let rest = rest.iter().map(|it| {
        let why = if is_pinned {
            "the account is somebody else's".to_owned()
        } else {
            behind(rule, wanted, first, it)
        };
        (it.partner.name.clone(), why)
    });
    let others = others.iter().map(|(it, why)| (it.partner.name.clone(), why.clone()));
    explain(Some(first.partner), because, rest.chain(others))
}

fn explain<'a>(
    chosen: Option<&'a Partner>,
    because: String,
    others: impl Iterator<Item = (String, String)>,
) -> Assignment<'a> {
    let mut considered: Vec<(String, String)> = others.collect();
    let more = considered.len().saturating_sub(CONSIDERED_MAX);
    considered.truncate(CONSIDERED_MAX);
    Assignment { chosen, because, considered, more }
}

/// A partner as somebody chooses it who gives a lead away by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Who.
    pub partner: &'a Partner,
    /// Leads that it has in hand.
    pub live: u32,
    /// What speaks for it, where it may be given the lead.
    pub merits: String,
    /// Why it may not.
    pub why_not: Option<String>,
}

/// All partners for somebody who chooses one: those who may be given the lead, best first, then the others by slug. Without a
/// rule every tier, country and industry will do.
pub fn choices<'a>(
    rule: Option<&Assigning>,
    wanted: &Wanted<'_>,
    candidates: &[Candidate<'a>],
) -> Vec<Choice<'a>> {
    let any = Assigning { territory: Weight::Ignored, vertical: Weight::Preferred, ..Assigning::default() };
    let rule = rule.unwrap_or(&any);
    let pinned = rule.pinned_to(wanted.domain);
    let mut all: Vec<_> = candidates
        .iter()
        .map(|it| {
            let is_pinned = pinned == Some(it.partner.slug.as_str());
            let why_not = why_not(rule, wanted, it, is_pinned);
            let rank = (why_not.is_none()).then(|| (!is_pinned, order(rule, wanted, it)));
            (why_not.is_some(), rank, it, why_not)
        })
        .collect();
    all.sort_by_key(|(may_not, rank, it, _)| (*may_not, *rank, it.partner.slug.clone()));
    let choice = |(_, _, it, why_not): (_, _, &Candidate<'a>, Option<String>)| Choice {
        partner: it.partner,
        live: it.live,
        merits: merits(wanted, it),
        why_not,
    };
    all.into_iter().map(choice).collect()
}

/// How many leads a partner may have in hand.
pub fn leads_max(rule: &Assigning, partner: &Partner) -> Option<u32> {
    partner.leads_max.or(rule.leads_max)
}

/// Why a partner is not given the lead; an account of theirs asks for no more than that they can take it.
fn why_not(
    rule: &Assigning,
    wanted: &Wanted<'_>,
    candidate: &Candidate<'_>,
    is_pinned: bool,
) -> Option<String> {
    let partner = candidate.partner;
    if let Some(why) = &candidate.passed {
        return Some(why.clone());
    }
    if let Some(most) = leads_max(rule, partner).filter(|most| candidate.live >= *most) {
        return Some(format!("has {} leads in hand, and {most} is the most", candidate.live));
    }
    if is_pinned {
        return None;
    }
    if !rule.tiers.contains(&partner.tier) {
        return Some(format!("partners of the tier {} are given none", partner.tier.as_str()));
    }
    let is_elsewhere = !wanted.country.is_empty() && !partner.countries.is_empty() && !names(wanted, partner);
    if rule.territory == Weight::Required && is_elsewhere {
        return Some(format!("does not serve {}", wanted.country));
    }
    if rule.vertical == Weight::Required && !wanted.vertical.is_empty() && !serves(wanted, partner) {
        return Some(format!("does not serve {}", wanted.vertical));
    }
    None
}

fn names(wanted: &Wanted<'_>, partner: &Partner) -> bool {
    partner.countries.iter().any(|country| country == wanted.country)
}

fn serves(wanted: &Wanted<'_>, partner: &Partner) -> bool {
    partner.verticals.iter().any(|vertical| vertical.to_lowercase() == wanted.vertical)
}

fn order<'a>(rule: &Assigning, wanted: &Wanted<'_>, it: &Candidate<'a>) -> Rank<'a> {
    let partner = it.partner;
    let slug = partner.slug.as_str();
    match rule.order {
        AssignOrder::RoundRobin => (false, false, 0, 0, it.last_ms, slug),
        AssignOrder::BestFit | AssignOrder::FirstClaim => (
            rule.vertical != Weight::Ignored && !serves(wanted, partner),
            rule.territory != Weight::Ignored && !names(wanted, partner),
            rule.tiers.iter().position(|tier| *tier == partner.tier).unwrap_or(usize::MAX),
            it.live,
            it.last_ms,
            slug,
        ),
    }
}

/// What speaks for the best, in words.
fn merits(wanted: &Wanted<'_>, it: &Candidate<'_>) -> String {
    let partner = it.partner;
    let mut merits = Vec::new();
    if serves(wanted, partner) {
        merits.push(format!("serves {}", wanted.vertical));
    }
    if names(wanted, partner) {
        merits.push(format!("serves {}", wanted.country));
    }
    merits.push(format!("{} partner", partner.tier.as_str()));
    merits.push(format!("{} in hand", it.live));
    merits.join(", ")
}

/// Why somebody who may be given it comes behind the first.
fn behind(rule: &Assigning, wanted: &Wanted<'_>, first: &Candidate<'_>, it: &Candidate<'_>) -> String {
    let (best, this) = (order(rule, wanted, first), order(rule, wanted, it));
    if best.0 != this.0 {
        return format!("does not serve {}", wanted.vertical);
    }
    if best.1 != this.1 {
        return format!("does not name {}", wanted.country);
    }
    if best.2 != this.2 {
        return format!("a lower tier ({})", it.partner.tier.as_str());
    }
    if best.3 != this.3 {
        return format!("has more in hand ({})", it.live);
    }
    let because = if best.4 == this.4 { "comes later in the list" } else { "was given one later" };
    because.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::route::tests::partner as some_partner, *};
    use crate::domain::{
        content::{Reference, finding::Place, rules::assigning::Pin},
        partner::Tier,
    };

    fn partner(slug: &str, tier: Tier, verticals: &[&str], countries: &[&str]) -> Partner {
        let mut partner = some_partner(slug);
        partner.name = slug.to_uppercase();
        partner.tier = tier;
        partner.verticals = verticals.iter().map(|it| (*it).to_owned()).collect();
        partner.countries = countries.iter().map(|it| (*it).to_owned()).collect();
        partner
    }

    fn of(partner: &Partner) -> Candidate<'_> {
        Candidate { partner, live: 0, last_ms: 0, passed: None }
    }

    fn three(partner: &Partner) -> Candidate<'_> {
        Candidate { live: 3, ..of(partner) }
    }

    const CLINIC: Wanted<'_> = Wanted { domain: "clinic.example", country: "DE", vertical: "health" };

    fn chosen<'a>(found: &Assignment<'a>) -> &'a str {
        found.chosen.map_or("", |partner| partner.slug.as_str())
    }

    #[test]
    fn the_best_fit_serves_the_industry_then_the_country_then_has_the_better_tier_and_fewer_in_hand() {
        let all = [
            partner("a", Tier::Platinum, &[], &["DE"]),
            partner("b", Tier::Silver, &["Health"], &[]),
            partner("c", Tier::Silver, &["health"], &["DE", "AT"]),
            partner("d", Tier::Gold, &["health"], &["DE"]),
            partner("e", Tier::Gold, &["health"], &["DE"]),
            partner("f", Tier::Platinum, &["health"], &["US"]),
        ];
        let mut candidates: Vec<Candidate<'_>> = all.iter().map(of).collect();
        candidates[3].live = 2;
        let rule = Assigning::default();
        let mut order = Vec::new();
        for _ in 0..all.len() {
            let found = assign(&rule, &CLINIC, &candidates);
            order.push(chosen(&found));
            if let Some(it) = candidates.iter_mut().find(|it| Some(it.partner) == found.chosen) {
                it.passed = Some("let it lapse before".to_owned());
            }
        }
        assert_eq!(order, ["e", "d", "c", "b", "a", ""], "f serves another country");
        candidates[4].passed = None;
        candidates[3].passed = None;
        let found = assign(&rule, &CLINIC, &candidates);
        assert_eq!(found.because, "E fits best: serves health, serves DE, gold partner, 0 in hand");
        assert!(found.considered.contains(&("D".to_owned(), "has more in hand (2)".to_owned())), "{found:?}");
        assert!(found.considered.contains(&("F".to_owned(), "does not serve DE".to_owned())), "{found:?}");
        assert!(found.considered.contains(&("A".to_owned(), "let it lapse before".to_owned())), "{found:?}");
    }

    #[test]
    fn what_is_pinned_full_or_of_no_tier_is_seen() {
        let mut all = [
            partner("a", Tier::Platinum, &["health"], &["DE"]),
            partner("b", Tier::Registered, &[], &["US"]),
        ];
        let pin = Pin {
            domains: vec!["clinic.example".to_owned()],
            partner: Reference { target: "b".to_owned(), place: Place::START },
        };
        let pinned = Assigning { pinned: vec![pin], tiers: vec![Tier::Platinum], ..Assigning::default() };
        let found = assign(&pinned, &CLINIC, &[of(&all[0]), of(&all[1])]);
        assert_eq!((chosen(&found), found.because.as_str()), ("b", "B has the accounts at clinic.example"));
        let other = Wanted { domain: "other.example", ..CLINIC };
        assert_eq!(chosen(&assign(&pinned, &other, &[of(&all[1])])), "", "its tier is given none");

        let full = Assigning { leads_max: Some(3), ..Assigning::default() };
        assert_eq!(chosen(&assign(&full, &CLINIC, &[three(&all[0])])), "");
        all[0].leads_max = Some(4);
        assert_eq!(chosen(&assign(&full, &CLINIC, &[three(&all[0])])), "a", "its own number comes first");
        let strict =
            Assigning { vertical: Weight::Required, territory: Weight::Ignored, ..Assigning::default() };
        assert_eq!(chosen(&assign(&strict, &CLINIC, &[of(&all[1])])), "");
        let loose = Assigning { territory: Weight::Preferred, ..Assigning::default() };
        assert_eq!(chosen(&assign(&loose, &CLINIC, &[of(&all[1])])), "b");
    }

    #[test]
    fn whoever_chooses_sees_those_who_may_first_and_why_the_others_may_not() {
        let all = [
            partner("a", Tier::Registered, &[], &["US"]),
            partner("b", Tier::Gold, &[], &["DE"]),
            partner("c", Tier::Gold, &["health"], &["DE"]),
        ];
        let mut candidates: Vec<Candidate<'_>> = all.iter().map(of).collect();
        let slugs = |found: &[Choice<'_>]| {
            found.iter().map(|it| (it.partner.slug.to_string(), it.why_not.is_none())).collect::<Vec<_>>()
        };
        let is = |slugs: &[(&str, bool)]| {
            slugs.iter().map(|(slug, may)| ((*slug).to_owned(), *may)).collect::<Vec<_>>()
        };
        let rule = Assigning::default();
        let found = choices(Some(&rule), &CLINIC, &candidates);
        assert_eq!(slugs(&found), is(&[("c", true), ("b", true), ("a", false)]));
        assert_eq!(found[2].why_not.as_deref(), Some("does not serve DE"));
        assert_eq!(found[0].merits, "serves health, serves DE, gold partner, 0 in hand");
        // The first of them is whom the rule would take.
        assert_eq!(chosen(&assign(&rule, &CLINIC, &candidates)), "c");
        candidates[2].passed = Some("has them as a lead of its own".to_owned());
        let found = choices(None, &CLINIC, &candidates);
        assert_eq!(slugs(&found), is(&[("b", true), ("a", true), ("c", false)]), "no rule, no territory");
    }

    proptest! {
        /// One at most, one of those who may, the same whatever the order of the candidates; and in turn nobody is given a
        /// second one before everybody had a first.
        #[test]
        fn one_partner_and_always_the_same(
            seeds in prop::collection::vec((0..4_usize, 0..3_usize, 0..3_usize, 0..4_u32, 0..5_i64, any::<bool>()), 1..12),
            turns in any::<bool>(),
            rotate in 0..12_usize,
        ) {
            let tiers = [Tier::Platinum, Tier::Gold, Tier::Silver, Tier::Registered];
            let verticals: [&[&str]; 3] = [&[], &["health"], &["law"]];
            let countries: [&[&str]; 3] = [&[], &["DE"], &["US"]];
            let all: Vec<Partner> = seeds.iter().enumerate()
                .map(|(at, seed)| partner(&format!("p{at}"), tiers[seed.0], verticals[seed.1], countries[seed.2]))
                .collect();
            let mut candidates: Vec<Candidate<'_>> = all.iter().zip(&seeds).map(|(partner, seed)| Candidate {
                partner,
                live: seed.3,
                last_ms: seed.4,
                passed: seed.5.then(|| "passed".to_owned()),
            }).collect();
            let order = if turns { AssignOrder::RoundRobin } else { AssignOrder::BestFit };
            let rule = Assigning { order, leads_max: Some(3), ..Assigning::default() };
            let found = assign(&rule, &CLINIC, &candidates);
            let (by, places) = (found.explained(), candidates.len());
            candidates.rotate_left(rotate % places);
            prop_assert_eq!(&assign(&rule, &CLINIC, &candidates), &found);
            prop_assert_eq!(found.considered.len() + usize::from(found.chosen.is_some()), places);
            match found.chosen {
                Some(partner) => {
                    let it = candidates.iter().find(|it| it.partner == partner).unwrap();
                    prop_assert!(why_not(&rule, &CLINIC, it, false).is_none(), "{}", by);
                }
                None => prop_assert!(candidates.iter().all(|it| why_not(&rule, &CLINIC, it, false).is_some())),
            }
            let able = candidates.iter().filter(|it| why_not(&rule, &CLINIC, it, false).is_none()).count();
            let mut had = std::collections::BTreeSet::new();
            if turns {
                for turn in 0..able {
                    let given = assign(&rule, &CLINIC, &candidates).chosen.unwrap();
                    prop_assert!(had.insert(given.slug.clone()), "{} twice in turn {}", given.slug, turn);
                    let it = candidates.iter_mut().find(|it| it.partner == given).unwrap();
                    it.last_ms = 100 + i64::try_from(turn).unwrap();
                }
            }
        }
    }
}
