//! What to do next with a lead, by where it stands: the playbook is about the first call, what follows it is the same for all.

use crate::domain::lead::LeadStage;

/// The steps that a card shows at `stage`; `waits` where the person asked again and waits for an answer. `playbook` is what the
/// kit's playbook says about the first call, its first step being to accept the lead.
pub fn next_steps(stage: LeadStage, waits: bool, playbook: &[String]) -> Vec<String> {
    use LeadStage as S;
    let own = |steps: &[&str]| steps.iter().map(|step| (*step).to_owned()).collect();
    if waits {
        return own(&[
            "Read what they wrote now, above, and what was said before, in the history.",
            "Call them back while the clock runs; if nobody answers, note the try and write.",
            "Press “I have contacted” and say in a line what came out of it.",
        ]);
    }
    match stage {
        S::Sal => playbook.iter().skip(1).cloned().collect(),
        S::Contacted => own(&[
            "Settle what they need, what it is worth, and by when it may be closed.",
            "Agree on one next step with a date, and put it into the calendar.",
            "Record it as qualified by sales; or close it with the reason, and with a day if it is only too early.",
        ]),
        S::Sql => own(&[
            "Register the deal, so that nobody else works on it.",
            "Keep value and day true: the vendor plans with them.",
            "Ask who else decides, and what could still stop it.",
        ]),
        S::DealRegistered => own(&[
            "Follow up on the open points until the day that was named.",
            "Record it as won or lost on the day it is decided, with the sum that was signed.",
        ]),
        S::Won => own(&[
            "Agree with them who starts what, and when.",
            "If another sum was signed, correct the value here, with the reason.",
        ]),
        S::Lost | S::Disqualified | S::Recycled => {
            own(&["Nothing for now. If the person asks again, a mail comes and a clock runs."])
        }
        _ => playbook.to_vec(),
    }
}

/// Whether the playbook's first mail fits: nobody has reached the person yet.
pub fn is_before_contact(stage: LeadStage) -> bool {
    !matches!(
        stage,
        LeadStage::Contacted
            | LeadStage::Sql
            | LeadStage::DealRegistered
            | LeadStage::Won
            | LeadStage::Lost
            | LeadStage::Disqualified
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_is_spoken_of_until_it_was_made() {
        let playbook = ["accept".to_owned(), "call".to_owned()];
        assert_eq!(next_steps(LeadStage::Offered, false, &playbook), playbook);
        assert_eq!(next_steps(LeadStage::Sal, false, &playbook), ["call"]);
        for stage in LeadStage::ALL {
            for waits in [false, true] {
                let steps = next_steps(*stage, waits, &playbook);
                assert!(!steps.is_empty(), "{stage}");
                let speaks = steps.iter().any(|step| step == "accept" || step == "call");
                assert!(!speaks || (is_before_contact(*stage) && !waits), "{stage}: {steps:?}");
            }
        }
    }
}
