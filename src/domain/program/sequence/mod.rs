//! What comes next for somebody in a sequence, and when; what ends it; what an edit of it does to those inside.
//!
//! Progress goes by the names of steps, never by their number: whatever is done to a sequence, a step that somebody had is
//! never sent to them again, and the order is the one that is written now.

mod edit;
mod reason;
#[cfg(test)]
mod tests;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;

pub use edit::{Effect, Inside, effect, sentences};
pub use reason::LeaveReason;

use super::cadence::resolve;
use crate::domain::{
    content::kinds::{Condition, ExitRule, Sequence, Step},
    kernel::clock::{UtcMs, utc},
};

/// What somebody did so far, as far as a sequence asks. Machines' doings are not among it.
pub trait Deeds {
    /// Whether the message of this step has reached them.
    fn reached(&self, step: &str) -> bool;
    /// Whether they followed a link in the message of this step.
    fn clicked(&self, step: &str) -> bool;
    /// Whether they took this asset: its file, its form, its place at a webinar.
    fn took(&self, asset: &str) -> bool;
    /// Whether they asked to talk.
    fn asked_to_talk(&self) -> bool;
}

/// The place in `order` (ids of steps) of what comes next for somebody who had `done`, oldest first, and waits for
/// `waiting`; none at the end.
///
/// It is the first step behind the last one they had that they have not had. Where that one is gone, it is what they waited
/// for; where that is gone too, what comes behind the last one they had that is left, or the first step.
pub fn next_step<S: AsRef<str>>(order: &[S], done: &[&str], waiting: Option<&str>) -> Option<usize> {
    let place = |id: &str| order.iter().position(|step| step.as_ref() == id);
    let behind = |id: &&str| place(id).map(|at| at + 1);
    let last = done.last().and_then(behind);
    let from =
        last.or_else(|| waiting.and_then(place)).or_else(|| done.iter().rev().find_map(behind)).unwrap_or(0);
    (from..order.len()).find(|at| !done.contains(&order[*at].as_ref()))
}

/// When a step is due that comes `after_days` whole days of the reader's calendar behind `from_ms`, at `at` on their clocks:
/// the first such time that is not before `from_ms`.
pub fn due_ms(from_ms: UtcMs, after_days: u16, at: NaiveTime, zone: Tz) -> UtcMs {
    let first = utc(from_ms).with_timezone(&zone).date_naive();
    // Today at that time may be over; tomorrow is not.
    let days = (0..=1).map(|more| i64::from(after_days) + more);
    let mut instants = days
        .filter_map(|days| first.checked_add_signed(TimeDelta::days(days)))
        .map(|day| resolve(day.and_time(at), zone).at_ms);
    instants.find(|at_ms| *at_ms >= from_ms).unwrap_or(from_ms)
}

/// The due time of `step` behind what happened at `from_ms`.
pub fn step_due_ms(step: &Step, from_ms: UtcMs, zone: Tz) -> UtcMs {
    due_ms(from_ms, step.after_days, step.at, zone)
}

/// Why `condition` is not met, if so.
pub fn unmet(condition: &Condition, deeds: &dyn Deeds) -> Option<String> {
    match condition {
        Condition::Clicked(step) => (!deeds.clicked(step.as_str()))
            .then(|| format!("they followed no link in the message of `{}`", step.as_str())),
        Condition::NotClicked(step) => deeds
            .clicked(step.as_str())
            .then(|| format!("they followed a link in the message of `{}`", step.as_str())),
        Condition::Took(asset) => {
            (!deeds.took(asset.as_str())).then(|| format!("they have not taken {}", asset.as_str()))
        }
        Condition::NotTook(asset) => {
            deeds.took(asset.as_str()).then(|| format!("they have taken {}", asset.as_str()))
        }
    }
}

/// Why one of the sequence's own rules ends it for somebody, if one does.
pub fn ends(sequence: &Sequence, deeds: &dyn Deeds) -> Option<String> {
    sequence.exit.iter().find_map(|rule| match rule {
        ExitRule::AskedToTalk => deeds.asked_to_talk().then(|| "they asked to talk".to_owned()),
        // Nobody follows a link in a message that they never had.
        ExitRule::When(Condition::NotClicked(step)) if !deeds.reached(step.as_str()) => None,
        ExitRule::When(condition) => unmet(condition, deeds).is_none().then(|| match condition {
            Condition::Clicked(step) => format!("they followed a link in the message of `{}`", step.as_str()),
            Condition::NotClicked(step) => {
                format!("they followed no link in the message of `{}`", step.as_str())
            }
            Condition::Took(asset) => format!("they have taken {}", asset.as_str()),
            Condition::NotTook(asset) => format!("they have not taken {}", asset.as_str()),
        }),
    })
}

/// The ids of a sequence's steps, in order.
pub fn order(sequence: &Sequence) -> Vec<&str> {
    sequence.steps.iter().map(|step| step.id.as_str()).collect()
}
