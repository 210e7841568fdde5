//! Staged release: a pilot first, then a share, then everybody, so that a mistake reaches few.

use crate::domain::{
    content::kinds::Staged,
    kernel::clock::{MINUTE_MS, UtcMs},
};

/// Of which stage somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Has agreed to be first: gets an issue as soon as it is approved, before its hour.
    Pilot,
    /// Gets it at the promised hour.
    First,
    /// Gets it some minutes later, still in time.
    Rest,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Pilot, Self::First, Self::Rest];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pilot => "pilot",
            Self::First => "first",
            Self::Rest => "rest",
        }
    }

    /// Of which stage a reader is. `draw` is theirs alone and the same whenever it is asked for, 0 to 99.
    pub fn of(staged: &Staged, partner: &str, address: &str, draw: u8) -> Self {
        let is_pilot =
            staged.pilot.iter().any(|named| named == partner || named.eq_ignore_ascii_case(address));
        match is_pilot {
            true => Self::Pilot,
            false if u32::from(draw) < staged.share => Self::First,
            false => Self::Rest,
        }
    }

    /// When somebody of this stage gets what is promised for `due_ms` and was frozen at `frozen_ms`; none for at the
    /// promised instant. Never later than a reader outside of stages would without the wait.
    pub fn leaves_ms(self, staged: &Staged, due_ms: UtcMs, frozen_ms: UtcMs) -> Option<UtcMs> {
        match self {
            Self::Pilot => Some(frozen_ms.min(due_ms)),
            Self::First => None,
            Self::Rest => Some(due_ms + i64::from(staged.wait_minutes) * MINUTE_MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pilots_come_first_and_a_share_at_the_hour() {
        let pilot = vec!["northlight".to_owned(), "Dev@t.example".to_owned()];
        let staged = Staged { pilot, share: 10, wait_minutes: 5 };
        let of = |partner: &str, address: &str, draw| Stage::of(&staged, partner, address, draw);
        assert_eq!(of("northlight", "x@n.example", 99), Stage::Pilot);
        assert_eq!(of("thornbury", "dev@T.example", 99), Stage::Pilot);
        assert_eq!((of("ipe", "c@i.example", 9), of("ipe", "c@i.example", 10)), (Stage::First, Stage::Rest));
        let leaves = |stage: Stage, frozen_ms| stage.leaves_ms(&staged, 1_000_000, frozen_ms);
        assert_eq!(Stage::ALL.map(|stage| leaves(stage, 400)), [Some(400), None, Some(1_300_000)]);
        assert_eq!(leaves(Stage::Pilot, 2_000_000), Some(1_000_000), "a late freeze makes nobody later");
    }
}
