//! One person, or one company, known through two partners: who goes on. One point of contact, or both partners lose them.

use std::collections::BTreeSet;

use super::LeadStage;
use crate::domain::{
    content::rules::routing::{Conflict, ConflictRule},
    kernel::clock::UtcMs,
};

/// A lead of the person, or company, that a conflict is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Which.
    pub lead_id: String,
    /// The partner it came through.
    pub partner: String,
    /// Where it stands.
    pub stage: LeadStage,
    /// When the person gave that partner their name.
    pub created_ms: UtcMs,
    /// When they did something there last.
    pub last_ms: UtcMs,
    /// Since when somebody has it in hand, or was offered it; nothing where nobody does.
    pub since_ms: Option<UtcMs>,
    /// Whether it is to be handed over.
    pub asks: bool,
    /// Whether the partner may call them: they agree, and did something there since it was last returned.
    pub callable: bool,
    /// Whether the partner has anybody left who could.
    pub has_people: bool,
}

impl Party {
    /// Whether somebody at the partner has it, or is asked to take it.
    pub fn is_in_hand(&self) -> bool {
        self.since_ms.is_some()
    }

    /// Whether sales confirmed a deal: no rule takes that from anybody.
    pub fn is_bound(&self) -> bool {
        use LeadStage as S;
        self.is_in_hand() && matches!(self.stage, S::Sql | S::DealRegistered | S::Won)
    }

    /// Whether it is in the way of another partner's.
    pub fn contends(&self) -> bool {
        self.is_in_hand() || (self.callable && (self.asks || self.stage.is_in_nurture()))
    }

    /// Whether it may come out as the one that goes on.
    pub fn may_go_on(&self) -> bool {
        self.contends() && (self.is_in_hand() || self.has_people)
    }
}

/// What a rule says of the leads of one person, or one company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// Nobody is in anybody's way.
    Nothing,
    /// The partner that goes on, and why; a sentence that names no partner.
    Goes {
        /// Its slug.
        partner: String,
        /// Why.
        because: &'static str,
    },
    /// A person decides, and why.
    Ask {
        /// Why no rule does.
        because: &'static str,
    },
}

/// What the rule says of these leads, in whatever order. There is a conflict where leads of two partners contend, and one of
/// them is in hand or is to be handed over.
pub fn ruling(rule: &Conflict, parties: &[Party]) -> Ruling {
    let contenders: Vec<&Party> = parties.iter().filter(|party| party.contends()).collect();
    let partners: BTreeSet<&str> = contenders.iter().map(|party| party.partner.as_str()).collect();
    if partners.len() < 2 || !contenders.iter().any(|party| party.is_in_hand() || party.asks) {
        return Ruling::Nothing;
    }
    let eligible: BTreeSet<&str> =
        contenders.iter().filter(|party| party.may_go_on()).map(|party| party.partner.as_str()).collect();
    if let (Some(only), 1) = (eligible.first(), eligible.len()) {
        let because = "the other partner has nobody left who could call";
        return Ruling::Goes { partner: (*only).to_owned(), because };
    }
    let bound: BTreeSet<&str> =
        contenders.iter().filter(|party| party.is_bound()).map(|party| party.partner.as_str()).collect();
    let mut bound = bound.into_iter();
    match (rule.rule, bound.next(), bound.next()) {
        (ConflictRule::Ask, ..) => return Ruling::Ask { because: "the rule is to ask" },
        (_, Some(_), Some(_)) => {
            return Ruling::Ask { because: "sales confirmed a deal through more than one partner" };
        }
        (_, Some(partner), None) => {
            return Ruling::Goes {
                partner: partner.to_owned(),
                because: "sales confirmed a deal, and no rule takes that away",
            };
        }
        (_, None, _) => {}
    }
    let last = UtcMs::MAX;
    // Who only reads on takes nothing from whoever is in touch.
    let counts = |party: &&&Party| rule.rule != ConflictRule::LastTouch || party.is_in_hand() || party.asks;
    let chosen = contenders.iter().filter(|party| party.may_go_on()).filter(counts).min_by_key(|party| {
        let order = match rule.rule {
            // In hand before what is to be handed over, and that before the others.
            ConflictRule::FirstInHand => (party.since_ms.unwrap_or(last), !party.asks),
            ConflictRule::LastTouch => (-party.last_ms, false),
            ConflictRule::FirstTouch | ConflictRule::Ask => (party.created_ms, false),
        };
        (order, party.created_ms, party.lead_id.as_str())
    });
    let because = match rule.rule {
        ConflictRule::FirstInHand => "whoever had the lead in hand first goes on",
        ConflictRule::FirstTouch => "whoever was given the name first goes on",
        ConflictRule::LastTouch | ConflictRule::Ask => "whoever was asked last goes on",
    };
    let nobody = Ruling::Ask { because: "no partner has anybody left who could call" };
    chosen.map_or(nobody, |party| Ruling::Goes { partner: party.partner.clone(), because })
}

/// The lead of the partner that goes on which is to be offered, where none is in hand: the one that asks, else the one that did
/// something last. Nothing where none may be called.
pub fn to_offer<'a>(parties: &'a [Party], winner: &str) -> Option<&'a Party> {
    let theirs = || parties.iter().filter(|party| party.partner == winner);
    if theirs().any(Party::is_in_hand) {
        return None;
    }
    theirs().filter(|party| party.may_go_on()).max_by_key(|party| (party.asks, party.last_ms, &party.lead_id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::content::rules::routing::ConflictScope;

    fn rule(rule: ConflictRule) -> Conflict {
        Conflict { rule, scope: ConflictScope::Person, ..Conflict::default() }
    }

    fn party(partner: &str, stage: LeadStage, at_ms: UtcMs) -> Party {
        Party {
            lead_id: format!("led_{partner}"),
            partner: partner.to_owned(),
            stage,
            created_ms: at_ms,
            last_ms: at_ms,
            since_ms: stage.holds_nurture().then_some(at_ms),
            asks: false,
            callable: true,
            has_people: true,
        }
    }

    fn goes(of: ConflictRule, parties: &[Party]) -> String {
        match ruling(&rule(of), parties) {
            Ruling::Goes { partner, .. } => partner,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_rule_picks_as_it_says() {
        use ConflictRule as R;
        use LeadStage as S;
        // Known to `a` first, in hand at `b` since, and asking `c` now.
        let a = party("a", S::Nurturing, 10);
        let b = Party { created_ms: 20, since_ms: Some(50), last_ms: 40, ..party("b", S::Sal, 50) };
        let c = Party { asks: true, last_ms: 90, ..party("c", S::Inquiry, 90) };
        let all = [c.clone(), a.clone(), b.clone()];
        assert_eq!(goes(R::FirstInHand, &all), "b");
        assert_eq!(goes(R::FirstTouch, &all), "a");
        assert_eq!(goes(R::LastTouch, &all), "c");
        assert_eq!(ruling(&rule(R::Ask), &all), Ruling::Ask { because: "the rule is to ask" });
        assert_eq!(goes(R::FirstInHand, &[a.clone(), c.clone()]), "c", "who asks is in hand first");
        assert_eq!(to_offer(&all, "b"), None, "it goes on as it is");
        assert_eq!(to_offer(&all, "a"), Some(&a));
        // Nobody is to be called: nothing to decide.
        let quiet = Party { asks: false, ..c.clone() };
        assert_eq!(ruling(&rule(R::Ask), &[a.clone(), quiet]), Ruling::Nothing);
        // Two leads of one partner are no conflict.
        let own = Party { partner: "b".into(), ..c.clone() };
        assert_eq!(ruling(&rule(R::Ask), &[b.clone(), own]), Ruling::Nothing);
        // Who took back what they agreed to is in nobody's way.
        let gone = Party { callable: false, ..a.clone() };
        assert_eq!(ruling(&rule(R::FirstTouch), &[gone, b.clone()]), Ruling::Nothing);
        // A partner without people takes nobody's place, and none calls in its stead meanwhile.
        let empty = Party { has_people: false, ..c.clone() };
        assert_eq!(goes(R::Ask, &[empty.clone(), b.clone()]), "b");
        assert_eq!(goes(R::FirstInHand, &[empty, a.clone()]), "a");
        // A deal stays where it is.
        let deal = Party { stage: S::Sql, ..b };
        assert_eq!(goes(R::LastTouch, &[c.clone(), a, deal.clone()]), "b");
        let other = Party { stage: S::DealRegistered, since_ms: Some(60), ..c };
        assert!(matches!(ruling(&rule(R::FirstInHand), &[deal, other]), Ruling::Ask { .. }));
    }

    proptest! {
        #[test]
        fn one_who_contends_wins_whatever_the_order(
            seeds in prop::collection::vec((0_usize..3, 0_usize..14, 0_i64..5, 0_i64..5, any::<bool>(), any::<bool>(), any::<bool>()), 0..6),
            which in prop::sample::select(&[ConflictRule::FirstInHand, ConflictRule::FirstTouch, ConflictRule::LastTouch, ConflictRule::Ask][..]),
        ) {
            let parties: Vec<Party> = seeds.into_iter().enumerate().map(|(at, (partner, stage, from, last, asks, callable, has_people))| Party {
                lead_id: format!("led_{at}"),
                created_ms: from,
                last_ms: from + last,
                asks,
                callable,
                has_people,
                ..party(["a", "b", "c"][partner], LeadStage::ALL[stage], from)
            }).collect();
            let mut turned = parties.clone();
            turned.reverse();
            let said = ruling(&rule(which), &parties);
            prop_assert_eq!(&said, &ruling(&rule(which), &turned));
            if let Ruling::Goes { partner, .. } = said {
                prop_assert!(parties.iter().any(|party| party.partner == partner && party.may_go_on()));
                let others = parties.iter().any(|party| party.partner != partner && party.may_go_on());
                prop_assert!(which != ConflictRule::Ask || !others);
                prop_assert!(!parties.iter().any(|party| party.is_bound() && party.partner != partner), "a deal was taken");
                let offered = to_offer(&parties, &partner);
                let holds = parties.iter().any(|party| party.partner == partner && party.is_in_hand());
                prop_assert_eq!(offered.is_none(), holds);
            }
        }
    }
}
