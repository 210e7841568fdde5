//! Staged release: a pilot first, then a share, then everybody, so that a mistake reaches few.

use crate::domain::{
    content::kinds::Staged,
    kernel::clock::{MINUTE_MS, UtcMs},
};

/// So late after its hour a share may begin and still count as having begun at it, or every normal issue would keep the rest
/// waiting for some seconds more.
const IN_TIME_MS: i64 = MINUTE_MS;

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
            Self::Rest => Some(due_ms + wait_ms(staged)),
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }

    /// From when on this stage of the readers promised `hour_ms` may leave: `wait_ms` after the stages `before` it began to. So a
    /// mistake that is found with few reaches no more, also when an issue leaves late, or goes on after a pause. One that was tried in
    /// vain before a person had the issue go on at `resumed_ms` holds nobody up for long.
    pub fn opens(
        self,
        (hour_ms, now_ms): (UtcMs, UtcMs),
        (wait_ms, resumed_ms): (i64, Option<UtcMs>),
        before: &[Before],
    ) -> Opens {
        let mut opens = Opens { at_ms: UtcMs::MIN, is_sure: true, planned_ms: None };
        for stage in Self::ALL.into_iter().filter(|stage| *stage < self) {
            let of_it = || before.iter().filter(|before| before.stage == stage);
            // Pilots leave together. A share leaves hour by hour, and the latest hour up to this one is the one before; not one whose
            // readers wait for another day, or those of later hours would wait with them.
            let is_before =
                |one: &&Before| one.hour_ms == hour_ms || (one.hour_ms < hour_ms && !one.waits_at(now_ms));
            let latest_ms = of_it().filter(is_before).map(|before| before.hour_ms).max();
            let counts = |one: &&Before| stage == Self::Pilot || Some(one.hour_ms) == latest_ms;
            let began_ms = of_it().filter(counts).filter_map(|before| before.began(wait_ms)).min();
            let is_let_go =
                |one: &&Before| one.vain_ms.is_some_and(|vain_ms| resumed_ms.is_some_and(|ms| ms >= vain_ms));
            let is_held_up = |one: &&Before| {
                !is_let_go(one) || one.waits_until_ms.is_some_and(|ms| ms <= now_ms + wait_ms)
            };
            let waits_until_ms =
                of_it().filter(counts).filter(is_held_up).filter_map(|one| one.waits_until_ms).min();
            let put_off_ms = of_it().filter(counts).filter(is_held_up).filter_map(|one| one.put_off_ms).max();
            opens = match (began_ms, waits_until_ms) {
                (Some(began_ms), _) => {
                    let at_ms = opens.at_ms.max(began_ms + wait_ms);
                    Opens { at_ms, planned_ms: opens.planned_ms.max(Some(at_ms)), ..opens }
                }
                (None, Some(until_ms)) => Opens {
                    at_ms: opens.at_ms.max(until_ms + wait_ms),
                    is_sure: false,
                    planned_ms: opens.planned_ms.max(put_off_ms.map(|ms| ms + wait_ms)),
                },
                (None, None) => opens,
            };
        }
        opens
    }
}

/// When a stage may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opens {
    /// The earliest moment.
    pub at_ms: UtcMs,
    /// False while a stage before it has not begun: then it is when it would, should that leave when it is due.
    pub is_sure: bool,
    /// When it was to open, where that is later than its hour: as the one before was begun, or put off for its readers or by a person's
    /// word. Not as it is tried again and again.
    pub planned_ms: Option<UtcMs>,
}

/// Whether the few were tried in vain: nobody of them has got an issue, and everybody of some stage and hour was refused for what was
/// sent or for who sends it, since a person last had it go on. What they are there to find was found.
pub fn is_in_vain(stages: &[Before], resumed_ms: Option<UtcMs>) -> bool {
    let is_new = |vain_ms: UtcMs| resumed_ms.is_none_or(|resumed_ms| vain_ms > resumed_ms);
    stages.iter().all(|one| one.began_ms.is_none())
        && stages.iter().any(|one| one.untried == 0 && one.vain_ms.is_some_and(is_new))
}

/// How long each stage waits for the one before.
pub fn wait_ms(staged: &Staged) -> i64 {
    i64::from(staged.wait_minutes) * MINUTE_MS
}

/// How far a stage has come with the readers of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Which.
    pub stage: Stage,
    /// The hour.
    pub hour_ms: UtcMs,
    /// When the first of its messages was accepted, or refused for a reason that lies with its recipient.
    pub began_ms: Option<UtcMs>,
    /// When the last of them to be was first refused for what was sent, or for who sends it.
    pub vain_ms: Option<UtcMs>,
    /// How many may still be taken: not tried, being sent, or put off for another reason.
    pub untried: i64,
    /// When the first of those is due that are not in a final state; none where all are.
    pub waits_until_ms: Option<UtcMs>,
    /// To when the last of those was put off, or when a person said that it may be late.
    pub put_off_ms: Option<UtcMs>,
}

impl Before {
    /// Whether it has not begun at `now_ms` and does not leave before some later moment.
    fn waits_at(&self, now_ms: UtcMs) -> bool {
        self.began_ms.is_none() && self.waits_until_ms.is_some_and(|until_ms| until_ms > now_ms)
    }

    /// When it began, as the next stage sees it.
    fn began(&self, wait_ms: i64) -> Option<UtcMs> {
        let in_time = self.hour_ms..=self.hour_ms + IN_TIME_MS.min(wait_ms / 2);
        self.began_ms.map(|began_ms| if in_time.contains(&began_ms) { self.hour_ms } else { began_ms })
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
        assert!(Stage::ALL.iter().all(|stage| Stage::parse(stage.as_str()) == Some(*stage)));
    }

    #[test]
    fn a_stage_waits_for_the_one_before_as_it_really_left() {
        const WAIT_MS: i64 = 5 * MINUTE_MS;
        const HOUR_MS: UtcMs = 100 * MINUTE_MS;
        let of = |stage, hour_ms, began_ms, waits_until_ms| Before {
            stage,
            hour_ms,
            began_ms,
            vain_ms: None,
            untried: 1,
            waits_until_ms,
            put_off_ms: None,
        };
        let sure = |at_ms| {
            let planned_ms = (at_ms > UtcMs::MIN).then_some(at_ms);
            Opens { at_ms, is_sure: true, planned_ms }
        };
        let hoped = |at_ms| Opens { at_ms, is_sure: false, planned_ms: None };
        let opens =
            |stage: Stage, before: &[Before]| stage.opens((HOUR_MS, HOUR_MS + 9), (WAIT_MS, None), before);
        assert_eq!(opens(Stage::Pilot, &[]), sure(UtcMs::MIN));
        assert_eq!(opens(Stage::First, &[]), sure(UtcMs::MIN), "there is no pilot");
        let pilot = |began_ms, until_ms| of(Stage::Pilot, 2 * HOUR_MS, began_ms, until_ms);
        assert_eq!(opens(Stage::First, &[pilot(Some(HOUR_MS + 1), Some(9))]), sure(HOUR_MS + 1 + WAIT_MS));
        assert_eq!(
            opens(Stage::First, &[pilot(None, Some(400))]),
            hoped(400 + WAIT_MS),
            "not approved in time"
        );
        let morning_ms = 9 * HOUR_MS;
        assert_eq!(opens(Stage::First, &[pilot(None, Some(morning_ms))]), hoped(morning_ms + WAIT_MS));
        assert_eq!(opens(Stage::First, &[pilot(None, None)]), sure(UtcMs::MIN), "nobody of it is left");
        let first = |hour_ms, began_ms, until_ms| of(Stage::First, hour_ms, began_ms, until_ms);
        let early = first(HOUR_MS / 2, Some(HOUR_MS / 2), None);
        let waits = first(HOUR_MS, None, Some(HOUR_MS));
        assert_eq!(
            opens(Stage::Rest, &[pilot(Some(400), None), early, waits]),
            Opens { planned_ms: Some(400 + WAIT_MS), ..hoped(HOUR_MS + WAIT_MS) }
        );
        let late_ms = HOUR_MS + 2 * MINUTE_MS;
        let late = first(HOUR_MS, Some(late_ms), Some(HOUR_MS));
        assert_eq!(opens(Stage::Rest, &[early, late]), sure(late_ms + WAIT_MS));
        let in_time = first(HOUR_MS, Some(HOUR_MS + 900), Some(HOUR_MS));
        assert_eq!(opens(Stage::Rest, &[in_time]), sure(HOUR_MS + WAIT_MS));
        let later = first(2 * HOUR_MS, None, Some(2 * HOUR_MS));
        assert_eq!(opens(Stage::Rest, &[early, later]), sure(HOUR_MS / 2 + WAIT_MS), "of a later hour");
    }

    #[test]
    fn a_share_that_waits_for_its_morning_keeps_no_other_hour_waiting() {
        const WAIT_MS: i64 = 5 * MINUTE_MS;
        let put_off = Before {
            stage: Stage::First,
            hour_ms: 100,
            began_ms: None,
            vain_ms: None,
            untried: 1,
            waits_until_ms: Some(90 * WAIT_MS),
            put_off_ms: Some(90 * WAIT_MS),
        };
        let own = Stage::Rest.opens((100, 200), (WAIT_MS, None), &[put_off]);
        assert_eq!(
            own,
            Opens { at_ms: 91 * WAIT_MS, is_sure: false, planned_ms: Some(91 * WAIT_MS) },
            "its own hour's do"
        );
        let other = Stage::Rest.opens((150, 200), (WAIT_MS, None), &[put_off]);
        assert_eq!(other, Opens { at_ms: UtcMs::MIN, is_sure: true, planned_ms: None });
    }

    #[test]
    fn few_who_were_tried_in_vain_hold_the_others_until_a_person_says_go() {
        let vain = Before {
            stage: Stage::Pilot,
            hour_ms: 1_000,
            began_ms: None,
            vain_ms: Some(500),
            untried: 0,
            waits_until_ms: Some(90_000),
            put_off_ms: None,
        };
        assert!(is_in_vain(&[vain], None) && is_in_vain(&[vain], Some(499)));
        assert!(!is_in_vain(&[vain], Some(500)), "a person knows");
        assert!(!is_in_vain(&[Before { untried: 1, ..vain }], None), "not everybody was tried");
        assert!(!is_in_vain(&[vain, Before { began_ms: Some(7), ..vain }], None), "others have it");
        assert!(
            !is_in_vain(&[Before { vain_ms: None, ..vain }], None),
            "a relay that is down refuses nothing"
        );
        let opens = |resumed_ms, one| Stage::First.opens((1_000, 1_000), (100, resumed_ms), &[one]);
        assert_eq!(opens(None, vain), Opens { at_ms: 90_100, is_sure: false, planned_ms: None });
        assert_eq!(opens(Some(600), vain), Opens { at_ms: UtcMs::MIN, is_sure: true, planned_ms: None });
        let soon = Before { waits_until_ms: Some(1_050), ..vain };
        assert_eq!(
            opens(Some(600), soon),
            Opens { at_ms: 1_150, is_sure: false, planned_ms: None },
            "it is about to leave"
        );
    }
}
