//! What a person's interest is worth, and when it is enough. Interest fades with time; how well somebody matches
//! is a number of its own ([`super::fit`]), and the two are never added up. Every point is a line that somebody
//! can read.

use std::collections::BTreeMap;

use super::fit::FitResult;
use crate::domain::{
    content::rules::{ScoreEvent, Scoring},
    engagement::{EventKind, stay_words},
    kernel::clock::{DAY_MS, UtcMs},
};

/// One event, as the score sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoredEvent {
    /// What was done.
    pub kind: EventKind,
    /// When.
    pub at_ms: UtcMs,
    /// Whether a person did it.
    pub human: bool,
    /// How long a page was in view; of [`EventKind::PageRead`] alone.
    pub stayed_ms: Option<i64>,
    /// What it concerned, for people: the title of the asset.
    pub label: String,
}

impl ScoredEvent {
    /// What was done, for people: `stayed on a page for 1 min 20 s`.
    pub fn phrase(&self) -> String {
        match self.stayed_ms {
            Some(stayed_ms) => format!("{} for {}", self.kind.phrase(), stay_words(stayed_ms)),
            None => self.kind.phrase().to_owned(),
        }
    }
}

/// An engagement score, explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Version of the rule.
    pub rule_version: u32,
    /// The sum, rounded.
    pub points: i32,
    /// One for each event, newest first.
    pub lines: Vec<ScoreLine>,
}

/// One line of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreLine {
    /// What was done, with which asset.
    pub label: String,
    /// When.
    pub at_ms: UtcMs,
    /// Points of the rule.
    pub raw: i32,
    /// What counts of them now.
    pub after_decay: f64,
    /// Why it counts less than decay alone would say, or not at all.
    pub note: Option<String>,
}

/// Whether somebody is marketing qualified, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qualification {
    /// They are.
    Yes {
        /// Why.
        because: String,
    },
    /// They are not.
    No {
        /// What is missing.
        because: String,
    },
}

/// What a table of the rule says of a kind.
fn said(table: &BTreeMap<ScoreEvent, i32>, kind: EventKind) -> Option<i32> {
    table.iter().find(|(event, _)| EventKind::from(**event) == kind).map(|(_, points)| *points)
}

/// The engagement score at `now_ms`. A kind's limit holds for what counts now, newest first, so that one more
/// event never lowers a score that earlier ones had filled.
pub fn engagement(rule: &Scoring, events: &[ScoredEvent], now_ms: UtcMs) -> Score {
    let mut newest_first: Vec<&ScoredEvent> = events.iter().collect();
    newest_first.sort_by_key(|event| std::cmp::Reverse(event.at_ms));
    let mut counted: BTreeMap<EventKind, f64> = BTreeMap::new();
    let lines: Vec<ScoreLine> = newest_first
        .into_iter()
        .map(|event| line(rule, event, now_ms, counted.entry(event.kind).or_default()))
        .collect();
    let sum: f64 = lines.iter().map(|line| line.after_decay).sum();
    Score { rule_version: rule.version, points: rounded(sum), lines }
}

fn line(rule: &Scoring, event: &ScoredEvent, now_ms: UtcMs, counted: &mut f64) -> ScoreLine {
    let raw = said(&rule.points, event.kind).unwrap_or(0);
    let done = event.phrase();
    let label = match event.label.as_str() {
        "" => done,
        label => format!("{done}: {label}"),
    };
    let read_ms = i64::from(rule.read_seconds) * 1_000;
    let is_short = event.kind == EventKind::PageRead && event.stayed_ms.unwrap_or(0) < read_ms;
    let (after_decay, note) = if event.human && is_short {
        (0.0, Some(format!("a page counts as read after {}", stay_words(read_ms))))
    } else if event.human {
        let decayed = f64::from(raw) * decay(rule, event.at_ms, now_ms);
        match said(&rule.caps, event.kind) {
            Some(cap) if *counted + decayed > f64::from(cap) => {
                let room = (f64::from(cap) - *counted).max(0.0);
                (room, Some(format!("at most {cap} points count for this kind")))
            }
            _ => (decayed, None),
        }
    } else {
        (0.0, Some("a machine did this, so it counts nothing".to_owned()))
    };
    *counted += after_decay;
    ScoreLine { label, at_ms: event.at_ms, raw, after_decay, note }
}

/// What is left of a point: a half after each half-life. It fades from day to day (UTC), not within one, so that two
/// places that ask at two moments of a day say the same. The future counts as now.
fn decay(rule: &Scoring, at_ms: UtcMs, now_ms: UtcMs) -> f64 {
    let day = |ms: UtcMs| ms.div_euclid(DAY_MS);
    let days = i32::try_from((day(now_ms) - day(at_ms)).max(0)).unwrap_or(i32::MAX);
    0.5_f64.powf(f64::from(days) / f64::from(rule.half_life_days.max(1)))
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the range before")]
fn rounded(sum: f64) -> i32 {
    sum.round().clamp(f64::from(i32::MIN), f64::from(i32::MAX)) as i32
}

/// Whether somebody is marketing qualified. `events` are those since the lead was last recycled.
pub fn qualifies(rule: &Scoring, score: &Score, fit: &FitResult, events: &[ScoredEvent]) -> Qualification {
    let at_once = |kind: EventKind| rule.instant.iter().any(|event| EventKind::from(*event) == kind);
    let raised = events.iter().find(|event| event.human && at_once(event.kind));
    if let Some(event) = raised {
        return Qualification::Yes {
            because: format!("They {}, which qualifies at once", event.kind.phrase()),
        };
    }
    let (enough, fits) = (score.points >= rule.mql_score, fit.grade <= rule.mql_fit);
    let numbers = format!(
        "engagement {} of {} needed, fit {} where {} is needed",
        score.points,
        rule.mql_score,
        fit.grade.as_str(),
        rule.mql_fit.as_str()
    );
    match (enough, fits) {
        (true, true) => Qualification::Yes { because: format!("Both are met: {numbers}") },
        (false, true) => Qualification::No { because: format!("Not enough engagement yet: {numbers}") },
        (true, false) => Qualification::No { because: format!("Interested, but not a fit: {numbers}") },
        (false, false) => Qualification::No { because: format!("Neither is met: {numbers}") },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        content::rules::{FitGrade, tests::scoring},
        lead::fit::{FitFacts, fit},
    };

    fn event(kind: EventKind, day: i64, human: bool) -> ScoredEvent {
        ScoredEvent {
            kind,
            at_ms: day * DAY_MS,
            human,
            stayed_ms: None,
            label: "Proof of recovery".to_owned(),
        }
    }

    #[test]
    fn points_halve_caps_hold_and_machines_count_nothing() {
        let mut events = vec![event(EventKind::WhitepaperForm, 0, true), event(EventKind::Click, 30, false)];
        let score = engagement(&scoring(), &events, 30 * DAY_MS);
        assert_eq!((score.points, score.rule_version), (10, 3));
        assert_eq!(score.lines[0].after_decay, 0.0);
        assert!(score.lines[0].note.as_deref().unwrap().contains("machine"));
        assert_eq!(score.lines[1].label, "asked for a whitepaper: Proof of recovery");
        events.extend((0..10).map(|_| event(EventKind::Click, 30, true)));
        let score = engagement(&scoring(), &events, 30 * DAY_MS);
        assert_eq!(score.points, 30);
        assert!(
            score.lines.iter().any(|line| line.note.as_deref().is_some_and(|n| n.contains("at most 20")))
        );
        events.push(event(EventKind::Unsubscribe, 30, true));
        assert_eq!(engagement(&scoring(), &events, 30 * DAY_MS).points, -20);
    }

    #[test]
    fn a_page_counts_as_read_once_it_was_in_view_for_so_long() {
        let mut rule = scoring();
        rule.points.insert(ScoreEvent::PageRead, 3);
        let stay = |stayed_ms: i64, human: bool| ScoredEvent {
            stayed_ms: Some(stayed_ms),
            ..event(EventKind::PageRead, 0, human)
        };
        let score = |event: ScoredEvent| engagement(&rule, &[event], 0);
        let long = score(stay(80_000, true));
        assert_eq!((long.points, long.lines[0].note.clone()), (3, None));
        assert_eq!(long.lines[0].label, "stayed on a page for 1 min 20 s: Proof of recovery");
        let short = score(stay(29_999, true));
        assert_eq!(short.points, 0);
        assert_eq!(short.lines[0].note.as_deref(), Some("a page counts as read after 30 s"));
        assert_eq!(score(stay(80_000, false)).points, 0, "a machine's");
    }

    #[test]
    fn a_score_is_the_same_all_day() {
        let events = [0, 1, 2].map(|day| event(EventKind::WhitepaperForm, day, true));
        let at = |ms: i64| engagement(&scoring(), &events, ms).points;
        let morning = at(9 * DAY_MS);
        assert!((9 * DAY_MS..10 * DAY_MS).step_by(60_000).all(|ms| at(ms) == morning));
        assert!(at(12 * DAY_MS) < morning);
    }

    #[test]
    fn a_hand_raise_qualifies_at_once_unless_a_machine_pressed_the_button() {
        let nobody = fit(&scoring().fit, &FitFacts::default());
        assert_eq!(nobody.grade, FitGrade::D);
        let check = |events: &[ScoredEvent], fit: &FitResult| {
            qualifies(&scoring(), &engagement(&scoring(), events, 0), fit, events)
        };
        assert!(matches!(check(&[event(EventKind::TalkToUs, 0, true)], &nobody), Qualification::Yes { .. }));
        assert!(matches!(check(&[event(EventKind::TalkToUs, 0, false)], &nobody), Qualification::No { .. }));
        let keen = [EventKind::WhitepaperForm, EventKind::WebinarAttended, EventKind::Click]
            .map(|k| event(k, 0, true));
        let Qualification::No { because } = check(&keen, &nobody) else { panic!() };
        assert_eq!(because, "Interested, but not a fit: engagement 50 of 50 needed, fit D where B is needed");
        let facts = FitFacts {
            email_domain_is_business: true,
            company_size: Some("50-249".to_owned()),
            job_role: Some("other".to_owned()),
            country_served: false,
        };
        let good = fit(&scoring().fit, &facts);
        assert_eq!((good.grade, good.points), (FitGrade::B, 5));
        assert!(matches!(check(&keen, &good), Qualification::Yes { .. }));
    }

    proptest! {
        #[test]
        fn one_more_good_event_never_lowers_a_score_and_machines_never_change_it(
            seen in prop::collection::vec((0usize..4, 0i64..400, any::<bool>()), 0..40), more in (0usize..4, 0i64..400)
        ) {
            let kinds = [EventKind::Click, EventKind::WhitepaperForm, EventKind::WebinarAttended, EventKind::TalkToUs];
            let mut events: Vec<_> = seen.into_iter().map(|(k, day, human)| event(kinds[k], day, human)).collect();
            let now_ms = 400 * DAY_MS;
            let before = engagement(&scoring(), &events, now_ms).points;
            events.push(event(kinds[more.0], more.1, false));
            prop_assert_eq!(engagement(&scoring(), &events, now_ms).points, before);
            events.push(event(kinds[more.0], more.1, true));
            prop_assert!(engagement(&scoring(), &events, now_ms).points >= before);
        }
    }
}
