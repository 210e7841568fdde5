//! What a changed scoring rule would have done: the past of leads, put to another rule. A function of events, rule and time;
//! nothing is stored, and what a person's profile said then is taken to be what it says now.

use std::collections::BTreeMap;

use super::{
    fit::{FitFacts, fit},
    score::{Qualification, ScoredEvent, engagement, qualifies},
};
use crate::domain::{
    content::rules::{FitGrade, ScoreEvent, Scoring},
    engagement::EventKind,
    kernel::clock::UtcMs,
};

/// What is known of one lead's past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Who they are.
    pub facts: FitFacts,
    /// What they did, oldest first.
    pub events: Vec<ScoredEvent>,
    /// When it qualifies by the rule that this one is compared with, if it does.
    pub qualified_ms: Option<UtcMs>,
    /// Whether somebody took it (`true`) or turned it down; none where nobody was asked, or nobody has answered.
    pub accepted: Option<bool>,
}

/// How a lead fares under the rule, against the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// It does not qualify, and would.
    Gained,
    /// It qualifies, and would not.
    Lost,
    /// It qualifies, and would at another time.
    Moved,
    /// As it is: at the same act.
    Kept,
    /// As it is: not at all.
    Out,
}

impl Change {
    /// The word in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gained => "would-qualify",
            Self::Lost => "would-not",
            Self::Moved => "other-time",
            Self::Kept => "same",
            Self::Out => "neither",
        }
    }
}

/// One lead under the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Against the other rule.
    pub change: Change,
    /// When it would have qualified.
    pub would_ms: Option<UtcMs>,
    /// Why, or what is missing at the end.
    pub because: String,
}

/// Acts are recorded and judged within one request, so that these are the same moment.
const SAME_MS: i64 = 60_000;

/// Puts a lead's past to `rule`: it is judged after each act of a person, as time was then, and qualifies once.
pub fn replay(rule: &Scoring, history: &History, now_ms: UtcMs) -> Replayed {
    let fit = fit(&rule.fit, &history.facts);
    let counts = |kind: EventKind| {
        let named = |event: &ScoreEvent| EventKind::from(*event) == kind;
        rule.instant.iter().any(named)
            || rule.points.iter().any(|(event, points)| named(event) && *points > 0)
    };
    for (at, event) in history.events.iter().enumerate() {
        if !event.human || !counts(event.kind) {
            continue;
        }
        let Some(seen) = history.events.get(..=at) else { continue };
        let score = engagement(rule, seen, event.at_ms);
        if let Qualification::Yes { because } = qualifies(rule, &score, &fit, seen) {
            let change = match history.qualified_ms {
                None => Change::Gained,
                Some(then) if (then - event.at_ms).abs() <= SAME_MS => Change::Kept,
                Some(_) => Change::Moved,
            };
            return Replayed { change, would_ms: Some(event.at_ms), because };
        }
    }
    let score = engagement(rule, &history.events, now_ms);
    let because = match qualifies(rule, &score, &fit, &history.events) {
        Qualification::Yes { because } | Qualification::No { because } => because,
    };
    let change = if history.qualified_ms.is_some() { Change::Lost } else { Change::Out };
    Replayed { change, would_ms: None, because }
}

/// How many of those that qualify were taken, of those that were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acceptance {
    /// That qualify.
    pub qualified: u32,
    /// Of them, taken.
    pub accepted: u32,
    /// Of them, turned down.
    pub rejected: u32,
}

impl Acceptance {
    /// In percent of those that were answered; none where nobody was.
    pub fn percent(self) -> Option<u32> {
        let answered = self.accepted + self.rejected;
        u32::try_from((u64::from(self.accepted) * 100).checked_div(u64::from(answered))?).ok()
    }

    fn add(&mut self, accepted: Option<bool>) {
        self.qualified += 1;
        match accepted {
            Some(true) => self.accepted += 1,
            Some(false) => self.rejected += 1,
            None => {}
        }
    }
}

/// What all leads come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// By what changes.
    pub changes: BTreeMap<Change, u32>,
    /// Those that qualify by the other rule.
    pub was: Acceptance,
    /// Those that would.
    pub would: Acceptance,
}

impl Totals {
    /// Counts one more.
    pub fn add(&mut self, history: &History, replayed: &Replayed) {
        *self.changes.entry(replayed.change).or_default() += 1;
        if history.qualified_ms.is_some() {
            self.was.add(history.accepted);
        }
        if replayed.would_ms.is_some() {
            self.would.add(history.accepted);
        }
    }
}

/// Why nobody can ever qualify by `rule`, if that is so.
pub fn qualifies_nobody(rule: &Scoring) -> Option<String> {
    if !rule.instant.is_empty() {
        return None;
    }
    // The most that all kinds together may give; none where one of them has no limit.
    let most = rule
        .points
        .iter()
        .filter(|(_, points)| **points > 0)
        .try_fold(0_i64, |sum, (event, _)| rule.caps.get(event).map(|cap| sum + i64::from(*cap)));
    if let Some(most) = most.filter(|most| *most < i64::from(rule.mql_score)) {
        return Some(format!(
            "nobody can qualify: with these caps all kinds of events together give {most} points at most, and {} are \
             needed; lower `mql_score`, raise a cap, or name an event in `instant`",
            rule.mql_score
        ));
    }
    let best = |table: &BTreeMap<String, i32>| table.values().copied().max().unwrap_or(0).max(0);
    let facts = FitFacts {
        email_domain_is_business: rule.fit.business_email > 0,
        company_size: name_of(&rule.fit.company_size, best(&rule.fit.company_size)),
        job_role: name_of(&rule.fit.job_role, best(&rule.fit.job_role)),
        country_served: rule.fit.country_served > 0,
    };
    let highest = fit(&rule.fit, &facts);
    (highest.grade > rule.mql_fit && rule.mql_fit != FitGrade::D).then(|| {
        format!(
            "nobody can qualify: the best profile has {} points of fit, which is grade {}, and `mql_fit` asks for {}; lower it, or \
             give more in [fit]",
            highest.points,
            highest.grade.as_str(),
            rule.mql_fit.as_str()
        )
    })
}

fn name_of(table: &BTreeMap<String, i32>, points: i32) -> Option<String> {
    table.iter().find(|(_, given)| **given == points).map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{content::rules::tests::scoring, kernel::clock::DAY_MS};

    fn event(kind: EventKind, day: i64, human: bool) -> ScoredEvent {
        ScoredEvent { kind, at_ms: day * DAY_MS, human, stayed_ms: None, label: String::new() }
    }

    fn history(events: Vec<ScoredEvent>, qualified_ms: Option<UtcMs>) -> History {
        let facts = FitFacts {
            email_domain_is_business: true,
            company_size: Some("50-249".to_owned()),
            job_role: Some("it".to_owned()),
            country_served: true,
        };
        History { facts, events, qualified_ms, accepted: Some(true) }
    }

    #[test]
    fn a_lead_qualifies_at_the_act_that_was_enough_and_not_before() {
        let acts = vec![
            event(EventKind::WhitepaperForm, 0, true),
            event(EventKind::WebinarAttended, 1, true),
            event(EventKind::Click, 2, true),
        ];
        let strict = Scoring { mql_score: 60, ..scoring() };
        let lenient = Scoring { mql_score: 40, ..scoring() };
        let none = history(acts.clone(), None);
        assert_eq!(replay(&strict, &none, 9 * DAY_MS).change, Change::Out);
        let gained = replay(&lenient, &none, 9 * DAY_MS);
        assert_eq!((gained.change, gained.would_ms), (Change::Gained, Some(DAY_MS)));
        let did = history(acts, Some(2 * DAY_MS));
        assert_eq!(replay(&lenient, &did, 9 * DAY_MS).change, Change::Moved);
        let lost = replay(&strict, &did, 9 * DAY_MS);
        assert!(lost.change == Change::Lost && lost.because.contains("of 60 needed"), "{lost:?}");
        let mut totals = Totals::default();
        totals.add(&did, &lost);
        totals.add(&none, &gained);
        assert_eq!((totals.was.qualified, totals.would.percent()), (1, Some(100)));
    }

    #[test]
    fn machines_qualify_nobody_and_instant_needs_no_points() {
        let by_machine = history(vec![event(EventKind::TalkToUs, 0, false)], None);
        assert_eq!(replay(&scoring(), &by_machine, DAY_MS).change, Change::Out);
        let by_hand = history(vec![event(EventKind::TalkToUs, 0, true)], Some(30_000));
        assert_eq!(replay(&scoring(), &by_hand, DAY_MS).change, Change::Kept);
    }

    #[test]
    fn a_rule_that_qualifies_nobody_says_why() {
        assert_eq!(qualifies_nobody(&scoring()), None);
        let mut capped = Scoring { instant: Vec::new(), ..scoring() };
        assert_eq!(qualifies_nobody(&capped), None, "kinds without a limit reach everything");
        capped.caps = capped.points.keys().map(|event| (*event, 5)).collect();
        assert!(qualifies_nobody(&capped).unwrap().contains("points at most"));
        let mut picky = Scoring { instant: Vec::new(), mql_fit: FitGrade::A, ..scoring() };
        picky.fit = crate::domain::content::rules::Fit::default();
        assert!(qualifies_nobody(&picky).unwrap().contains("grade D"));
    }

    proptest! {
        #[test]
        fn a_lower_gate_never_loses_anybody_nor_makes_them_later(
            acts in prop::collection::vec((0usize..3, 0i64..200, any::<bool>()), 0..30), gate in 1i32..120
        ) {
            let kinds = [EventKind::Click, EventKind::WhitepaperForm, EventKind::WebinarAttended];
            let mut events: Vec<_> = acts.into_iter().map(|(k, day, human)| event(kinds[k], day, human)).collect();
            events.sort_by_key(|event| event.at_ms);
            let past = history(events, None);
            let high = replay(&Scoring { mql_score: gate, ..scoring() }, &past, 300 * DAY_MS);
            let low = replay(&Scoring { mql_score: gate - 1, ..scoring() }, &past, 300 * DAY_MS);
            if let Some(then) = high.would_ms {
                prop_assert!(low.would_ms.is_some_and(|earlier| earlier <= then));
            }
        }
    }
}
