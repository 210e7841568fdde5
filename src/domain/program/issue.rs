//! Where an issue stands, and whether its promise was kept.

use std::fmt;

use crate::domain::kernel::{
    Error, Result,
    clock::{MINUTE_MS, UtcMs},
};

/// Where an issue stands. A released issue never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IssueState {
    /// Being written.
    Draft,
    /// Content and audience are fixed and hashed; waits for approval.
    Frozen,
    /// Approved under its hash; waits for its time.
    Approved,
    /// Its time came and its deliveries are rows.
    Released,
    /// Deliveries are under way.
    Sending,
    /// Every delivery is in a final state.
    Done,
    /// Stopped by a person.
    Cancelled,
}

impl IssueState {
    /// All states, in the order of an issue's life.
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Frozen,
        Self::Approved,
        Self::Released,
        Self::Sending,
        Self::Done,
        Self::Cancelled,
    ];

    /// The word in the database and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Frozen => "frozen",
            Self::Approved => "approved",
            Self::Released => "released",
            Self::Sending => "sending",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The states it may go to. An edit before release takes it back to draft, where an approval is void.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Frozen, Self::Cancelled],
            Self::Frozen => &[Self::Approved, Self::Draft, Self::Cancelled],
            Self::Approved => &[Self::Released, Self::Draft, Self::Cancelled],
            // Straight to done where nobody is eligible.
            Self::Released => &[Self::Sending, Self::Done, Self::Cancelled],
            Self::Sending => &[Self::Done, Self::Cancelled],
            Self::Done | Self::Cancelled => &[],
        }
    }

    /// Checks a step.
    ///
    /// # Errors
    /// A conflict that names both states, where the step is not allowed.
    pub fn check_step(self, to: Self) -> Result<()> {
        if self.next().contains(&to) {
            Ok(())
        } else {
            Err(Error::conflict(format!("the issue is {self} and cannot become {to}")))
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        self.next().is_empty()
    }
}

impl fmt::Display for IssueState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a person said about the sending of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Control {
    /// Send.
    Running,
    /// Start nothing new for now.
    Paused,
    /// Start nothing new ever.
    Cancelled,
}

impl Control {
    /// The word in the database and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Cancelled].into_iter().find(|c| c.as_str() == word)
    }
}

/// Eligible recipients that must be accepted for a promise to count as met, of a hundred.
pub const KEPT_PERCENT: u64 = 99;

/// How a promise went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PromiseVerdict {
    /// Accepted for 99 of 100 eligible recipients within the window.
    Kept,
    /// Accepted for 99 of 100, some after the window.
    Late,
    /// Accepted for some.
    Partial,
    /// Accepted for nobody.
    Missed,
}

impl PromiseVerdict {
    /// All of them, best first.
    pub const ALL: [Self; 4] = [Self::Kept, Self::Late, Self::Partial, Self::Missed];

    /// The word in the database and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Late => "late",
            Self::Partial => "partial",
            Self::Missed => "missed",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == word)
    }
}

/// How many of an issue's eligible recipients the next hop accepted. Who was excluded, and why, is listed
/// elsewhere: the denominator is what remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AcceptedShare {
    /// Eligible recipients.
    pub eligible: u64,
    /// Accepted at or before the end of the window.
    pub on_time: u64,
    /// Accepted by now, those on time included.
    pub in_all: u64,
}

/// A promised time and the window in which it counts as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnTime {
    /// The promised instant.
    pub promised_ms: UtcMs,
    /// Length of the window, in minutes.
    pub on_time_minutes: u32,
}

impl OnTime {
    /// The end of the window; an acceptance at this very instant is on time.
    pub fn deadline_ms(self) -> UtcMs {
        self.promised_ms.saturating_add(i64::from(self.on_time_minutes) * MINUTE_MS)
    }

    /// The verdict at `now_ms`; none while the window is open and the promise not yet kept. A verdict other than
    /// kept may still improve, from missed to partial to late, as long as deliveries are under way.
    pub fn judge(self, share: AcceptedShare, now_ms: UtcMs) -> Option<PromiseVerdict> {
        let enough = |accepted: u64| {
            u128::from(accepted) * 100 >= u128::from(share.eligible) * u128::from(KEPT_PERCENT)
        };
        if now_ms >= self.promised_ms && enough(share.on_time) {
            return Some(PromiseVerdict::Kept);
        }
        if now_ms <= self.deadline_ms() {
            return None;
        }
        Some(match share.in_all {
            accepted if enough(accepted) => PromiseVerdict::Late,
            0 => PromiseVerdict::Missed,
            _ => PromiseVerdict::Partial,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_released_once_and_only_after_approval() {
        for from in IssueState::ALL {
            assert_eq!(IssueState::parse(from.as_str()), Some(from));
            let may_release = from.check_step(IssueState::Released).is_ok();
            assert_eq!(may_release, from == IssueState::Approved, "{from}");
        }
        assert!(!IssueState::Released.next().contains(&IssueState::Draft));
        assert!(IssueState::Done.is_final() && IssueState::Cancelled.is_final());
    }

    #[test]
    fn promises_are_judged_by_what_was_accepted_when() {
        let promise = OnTime { promised_ms: 1_000_000, on_time_minutes: 15 };
        let (open, after) = (promise.deadline_ms(), promise.deadline_ms() + 1);
        let judge =
            |on_time, in_all, now_ms| promise.judge(AcceptedShare { eligible: 200, on_time, in_all }, now_ms);
        assert_eq!(judge(198, 198, open), Some(PromiseVerdict::Kept));
        assert_eq!(judge(197, 197, open), None);
        assert_eq!(judge(197, 198, after), Some(PromiseVerdict::Late));
        assert_eq!(judge(197, 197, after), Some(PromiseVerdict::Partial));
        assert_eq!(judge(0, 1, after), Some(PromiseVerdict::Partial));
        assert_eq!(judge(0, 0, after), Some(PromiseVerdict::Missed));
        let nobody = AcceptedShare::default();
        assert_eq!(promise.judge(nobody, 0), None, "before its time nothing is kept");
        assert_eq!(promise.judge(nobody, after), Some(PromiseVerdict::Kept));
    }
}
