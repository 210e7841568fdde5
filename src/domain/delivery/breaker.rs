//! The circuit breaker: stops an issue when the fault is ours, before everybody has been refused.

use std::collections::VecDeque;

use super::Trouble;

/// Faults of ours in a row that stop an issue.
const CONSECUTIVE_MAX: usize = 20;
/// How many of the last tries are looked at.
const RECENT: usize = 200;
/// Share of faults among them that stops an issue, in percent.
const SHARE_MAX_PERCENT: usize = 5;

/// The last tries of one issue.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    recent: VecDeque<bool>,
    faults: usize,
    consecutive: usize,
}

impl Breaker {
    /// Takes note of a try: `None` was accepted. Says why the issue must stop, the moment it must.
    pub fn note(&mut self, trouble: Option<Trouble>) -> Option<String> {
        let ours = matches!(trouble, Some(Trouble::OurSetup | Trouble::Policy | Trouble::Protocol));
        self.recent.push_back(ours);
        self.faults += usize::from(ours);
        if self.recent.len() > RECENT && self.recent.pop_front() == Some(true) {
            self.faults -= 1;
        }
        self.consecutive = if ours { self.consecutive + 1 } else { 0 };
        if !ours {
            return None;
        }
        if self.consecutive >= CONSECUTIVE_MAX {
            return Some(self.trip(format!("{CONSECUTIVE_MAX} messages in a row")));
        }
        if self.recent.len() >= RECENT && self.faults * 100 > RECENT * SHARE_MAX_PERCENT {
            let faults = self.faults;
            return Some(self.trip(format!("{faults} of the last {RECENT} messages")));
        }
        None
    }

    /// Forgets what was, so that a person's "go on" is a new beginning.
    fn trip(&mut self, share: String) -> String {
        *self = Self::default();
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_in_a_row_stop_and_a_new_beginning_counts_from_zero() {
        let mut breaker = Breaker::default();
        let stops: Vec<usize> =
            (1..=45).filter(|_| breaker.note(Some(Trouble::OurSetup)).is_some()).collect();
        assert_eq!(stops, [20, 40]);
    }

    #[test]
    fn more_than_a_twentieth_of_the_last_two_hundred_stop() {
        let mut breaker = Breaker::default();
        let mut stop = None;
        for at in 0..1_000 {
            let trouble = (at % 15 == 0).then_some(Trouble::Policy);
            if let Some(why) = breaker.note(trouble) {
                stop = Some((at, why));
                break;
            }
        }
        let (at, why) = stop.expect("it stops");
        assert!((199..230).contains(&at), "{at}: {why}");
        let mut calm = Breaker::default();
        assert!((0..1_000).all(|at| calm.note((at % 20 == 0).then_some(Trouble::Policy)).is_none()));
    }

    #[test]
    fn readers_faults_never_stop_an_issue() {
        let mut breaker = Breaker::default();
        for trouble in [Trouble::BadAddress, Trouble::Soft, Trouble::Host, Trouble::Content] {
            assert!((0..500).all(|_| breaker.note(Some(trouble)).is_none()));
        }
    }
}
