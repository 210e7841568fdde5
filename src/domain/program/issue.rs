//! Where an issue stands, and what a person said about it.

use std::fmt;

use crate::domain::kernel::{Error, Result, clock::UtcMs};

/// Where an issue stands. An issue of which something was started never changes.
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

    /// The states it may go to. As long as nothing of it was started it may go back to draft, where an approval is void.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Frozen, Self::Cancelled],
            Self::Frozen => &[Self::Approved, Self::Draft, Self::Cancelled],
            // Back to frozen where what it features is recalled.
            Self::Approved => &[Self::Released, Self::Frozen, Self::Draft, Self::Cancelled],
            // Straight to done where nobody is eligible.
            Self::Released => &[Self::Sending, Self::Done, Self::Draft, Self::Cancelled],
            Self::Sending => &[Self::Done, Self::Draft, Self::Cancelled],
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

/// How many people must approve an issue for `recipients`: none where approval is automatic and nothing `held` it, else
/// one, and a second one where there are more recipients than `second_above`.
pub fn approvals_needed(automatic: bool, held: bool, recipients: usize, second_above: Option<u32>) -> u32 {
    let second = second_above.is_some_and(|above| recipients > usize::try_from(above).unwrap_or(usize::MAX));
    match (automatic && !held, second) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    }
}

/// How urgently approvers are told that an issue waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urging {
    /// It waits.
    Asked,
    /// Half of the time until its first hour has passed.
    Reminded,
    /// Its first hour has come: it is late.
    Late,
}

impl Urging {
    /// The number in the database; 0 is for nobody told yet.
    pub fn number(self) -> i64 {
        match self {
            Self::Asked => 1,
            Self::Reminded => 2,
            Self::Late => 3,
        }
    }

    /// What approvers should have been told by `now_ms` of an issue that waits since `frozen_ms` and is due first at
    /// `first_due_ms`.
    pub fn due(frozen_ms: UtcMs, first_due_ms: UtcMs, now_ms: UtcMs) -> Self {
        let half_ms = frozen_ms + (first_due_ms - frozen_ms) / 2;
        match now_ms {
            now_ms if now_ms >= first_due_ms => Self::Late,
            now_ms if now_ms >= half_ms => Self::Reminded,
            _ => Self::Asked,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_readers_need_a_second_person() {
        assert_eq!(approvals_needed(true, false, 9_000, None), 0);
        assert_eq!(approvals_needed(true, true, 9_000, None), 1);
        assert_eq!(approvals_needed(false, false, 500, Some(500)), 1);
        assert_eq!(approvals_needed(false, true, 501, Some(500)), 2);
    }

    #[test]
    fn approvers_are_urged_as_the_hour_comes() {
        let due = |now_ms| Urging::due(1_000, 2_000, now_ms);
        assert_eq!(
            [due(1_000), due(1_499), due(1_500), due(1_999), due(2_000)].map(Urging::number),
            [1, 1, 2, 2, 3]
        );
        assert_eq!(Urging::due(3_000, 2_000, 3_000), Urging::Late, "frozen after its hour");
    }

    #[test]
    fn an_issue_is_released_once_and_only_after_approval() {
        for from in IssueState::ALL {
            assert_eq!(IssueState::parse(from.as_str()), Some(from));
            let may_release = from.check_step(IssueState::Released).is_ok();
            assert_eq!(may_release, from == IssueState::Approved, "{from}");
        }
        for over in [IssueState::Done, IssueState::Cancelled] {
            let error = over.check_step(IssueState::Draft).unwrap_err();
            assert_eq!(error.public(), format!("the issue is {over} and cannot become draft"));
        }
        assert!(IssueState::Done.is_final() && IssueState::Cancelled.is_final());
    }
}
