//! What an edited sequence does to those who are inside.

use std::collections::{BTreeMap, BTreeSet};

use super::next_step;

/// People inside who are at the same place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inside {
    /// The steps that they had, sent or left out, oldest first.
    pub done: Vec<String>,
    /// What they wait for.
    pub waiting: Option<String>,
    /// How many they are.
    pub people: u64,
}

/// What becomes of people who are at the same place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Effect {
    /// They go on with what they waited for.
    Same {
        /// That step.
        step: String,
    },
    /// They waited for a step that is gone.
    Gone {
        /// That step.
        step: String,
        /// What they go on with; nothing: they finish.
        next: Option<String>,
    },
    /// Another step comes before the one that they waited for, or in its place.
    Other {
        /// What they waited for.
        step: String,
        /// What comes now; nothing: they finish.
        next: Option<String>,
    },
    /// A step that is new stands before their place.
    Past {
        /// That step.
        step: String,
    },
}

/// How many people each effect of the new `order` of steps concerns, whose steps were `before`. The same person may be
/// counted by several effects: at most one of them is not [`Effect::Past`].
pub fn effect<S: AsRef<str>>(before: &[S], order: &[S], inside: &[Inside]) -> BTreeMap<Effect, u64> {
    let ids = |steps: &[S]| steps.iter().map(|step| step.as_ref().to_owned()).collect::<BTreeSet<_>>();
    let (known, now) = (ids(before), ids(order));
    let mut effects = BTreeMap::new();
    for group in inside {
        let done: Vec<&str> = group.done.iter().map(String::as_str).collect();
        let next = next_step(order, &done, group.waiting.as_deref());
        let next_id = next.map(|at| order[at].as_ref().to_owned());
        let effect = group.waiting.as_ref().map(|step| match &next_id {
            Some(next) if next == step => Effect::Same { step: step.clone() },
            _ if !now.contains(step) => Effect::Gone { step: step.clone(), next: next_id.clone() },
            _ => Effect::Other { step: step.clone(), next: next_id.clone() },
        });
        let passed = order[..next.unwrap_or(order.len())].iter().map(AsRef::as_ref);
        let missed = passed.filter(|step| !known.contains(*step) && !done.contains(step));
        let past = missed.map(|step| Effect::Past { step: step.to_owned() });
        for effect in effect.into_iter().chain(past) {
            *effects.entry(effect).or_insert(0) += group.people;
        }
    }
    effects
}

/// The same for people, beginning with how many are inside.
pub fn sentences(inside: &[Inside], effects: &BTreeMap<Effect, u64>) -> Vec<String> {
    let all: u64 = inside.iter().map(|group| group.people).sum();
    let people = |count: u64| if count == 1 { "1 person".to_owned() } else { format!("{count} people") };
    let is_one = |count: u64| count == 1;
    let mut lines = vec![format!("{} {} inside", people(all), if is_one(all) { "is" } else { "are" })];
    for (effect, count) in effects {
        let (count, one) = (*count, is_one(*count));
        let verb = |singular: &'static str, plural: &'static str| if one { singular } else { plural };
        let goes_on = |next: &Option<String>| match next {
            Some(next) => format!("{} on with `{next}`", verb("goes", "go")),
            None => format!("{}, since nothing follows", verb("finishes", "finish")),
        };
        lines.push(match effect {
            Effect::Same { step } => {
                format!("{} {} for `{step}` as before", people(count), verb("waits", "wait"))
            }
            Effect::Gone { step, next } => {
                format!("{} who waited for `{step}`, which is gone, {}", people(count), goes_on(next))
            }
            Effect::Other { step, next } => {
                format!("{} who waited for `{step}` now {}", people(count), goes_on(next))
            }
            Effect::Past { step } => format!(
                "{} {} past the new step `{step}` and {} not get it",
                people(count),
                verb("is", "are"),
                verb("does", "do")
            ),
        });
    }
    lines
}
