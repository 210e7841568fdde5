//! What was decided about a person, and what stands between that and a delivery.

use super::DecisionTold;
use crate::store::{audience::Decided, contacts::Known, digests::Member, issues::Issue};

/// What somebody was considered for.
pub(super) struct Considered<'a> {
    /// The issue that was asked about.
    pub(super) issue: &'a Issue,
    /// The one in whose mail it leaves.
    pub(super) leaves: &'a Issue,
    /// The issue of the same newsletter that it must let go first, if there is one.
    pub(super) behind: Option<&'a Issue>,
    /// The issues that share mails with that one.
    pub(super) members: &'a [Member],
}

pub(super) fn told(
    of: &Considered<'_>,
    decided: Option<Decided>,
    person: Option<&Known>,
    asked: &str,
    has_delivery: bool,
) -> DecisionTold {
    let Some(decided) = decided else {
        return DecisionTold {
            verdict: "not-considered",
            because: never_considered(of.issue, person, asked, has_delivery),
            zone: person.map(|known| known.zone.clone()),
            promised_local: None,
            promised_ms: None,
            note: None,
            next: None,
        };
    };
    DecisionTold {
        verdict: if decided.included { "in" } else { "out" },
        because: decided.because,
        zone: Some(decided.zone),
        next: (decided.included && !has_delivery).then(|| before_release(of)),
        promised_local: decided.nominal_local.filter(|_| decided.included),
        promised_ms: decided.due_ms.filter(|_| decided.included),
        note: decided.note,
    }
}

/// Why nothing was decided about somebody.
fn never_considered(issue: &Issue, person: Option<&Known>, asked: &str, has_delivery: bool) -> String {
    match person {
        None if has_delivery => {
            format!("{asked} was this person’s address when the issue left; the roster has another now")
        }
        None => format!(
            "nobody with the name or address {asked} is in the roster, so this issue did not consider them; people come \
             by `partnercast import`"
        ),
        Some(known) if !known.active => format!(
            "{} was not in the roster when the audience of this issue was frozen, so nothing was decided about them",
            known.name
        ),
        Some(known) if known.updated_ms > issue.frozen_ms => format!(
            "{} came into the roster, or was changed in it, after the audience of this issue was frozen, so they were not \
             considered; the next issue does",
            known.name
        ),
        Some(known) => {
            format!("{} was not among the people when the audience of this issue was frozen", known.name)
        }
    }
}

/// What stands between a decision and a delivery.
fn before_release(of: &Considered<'_>) -> String {
    let issue = of.leaves;
    let waits = of.members.iter().filter(|member| member.id != issue.id && member.state == "frozen");
    let waits: Vec<String> =
        waits.map(|member| format!("{} of {}", member.newsletter, member.nominal_date)).collect();
    match (issue.control.as_str(), issue.state.as_str()) {
        ("cancelled", _) | (_, "cancelled") => "nothing leaves: the issue was cancelled".to_owned(),
        (_, "frozen") => match &issue.held_because {
            Some(why) => format!("the issue waits for a person to approve it: {why}"),
            None => "the issue waits for a person to approve it".to_owned(),
        },
        (_, "approved") if !waits.is_empty() => format!(
            "the issue is approved and waits until its hour for {}, with which it shares mails and which is not",
            waits.join(" and ")
        ),
        (_, "approved") => match of.behind {
            Some(first) => format!(
                "the issue is approved and waits until all of {} of {} was tried{}",
                first.newsletter,
                first.nominal_date,
                if first.control == "paused" { ", which is paused" } else { "" }
            ),
            None => {
                "the issue is approved; its deliveries are made in a moment, while `serve` runs".to_owned()
            }
        },
        _ => {
            "the issue was released without a delivery for this person, which should not be; please report it"
                .to_owned()
        }
    }
}
