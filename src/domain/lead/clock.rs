//! The clocks of a lead: accept it, contact the person, take the next step. All run in business time.

use std::fmt;

use super::business_time::WorkingHours;
use crate::domain::{content::rules::Routing, kernel::clock::UtcMs};

/// Share of a clock's time at which its owner is reminded, in percent.
pub const REMIND_AT_PERCENT: [u32; 2] = [50, 80];
/// Share at which the lead is taken back or the matter goes one step up, in percent.
pub const OVERDUE_AT_PERCENT: u32 = 100;
/// Share at which a matter that nobody took up goes to the last step, in percent.
pub const SPONSOR_AT_PERCENT: u32 = 200;
/// All at which something happens, in order.
const TURNS_PERCENT: [u32; 4] =
    [REMIND_AT_PERCENT[0], REMIND_AT_PERCENT[1], OVERDUE_AT_PERCENT, SPONSOR_AT_PERCENT];

/// How urgent a lead is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Heat {
    /// Somebody asked to talk.
    Hot,
    /// Somebody reached the score.
    Standard,
}

/// What a clock waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlaKind {
    /// The offer is answered.
    Accept,
    /// The person is reached.
    FirstContact,
    /// The lead moves on.
    NextStep,
}

/// Why a clock was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// What it waits for was done.
    Done,
    /// It ran out, and the matter was taken from its owner.
    Overdue,
    /// The matter was taken from its owner for another reason.
    Withdrawn,
    /// The same, since another partner went on with the person; whoever had it may be asked again.
    Conflict,
}

impl StopReason {
    /// The word in the database; none for what was done.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "",
            Self::Overdue => "overdue",
            Self::Withdrawn => "withdrawn",
            Self::Conflict => "conflict",
        }
    }

    /// Reads the word; one that this version does not know is no promise kept, and none broken.
    pub fn of(word: &str) -> Self {
        [Self::Done, Self::Overdue, Self::Conflict]
            .into_iter()
            .find(|it| it.as_str() == word)
            .unwrap_or(Self::Withdrawn)
    }
}

/// A running clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlaClock {
    /// What it waits for.
    pub kind: SlaKind,
    /// When it began.
    pub started_ms: UtcMs,
    /// When it ends.
    pub due_ms: UtcMs,
    /// How long it runs, in business minutes.
    pub minutes: u32,
}

/// What happens to a clock at some share of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The share, in percent.
    pub percent: u32,
    /// When it is reached.
    pub at_ms: UtcMs,
}

/// How long a clock runs, in business minutes.
pub fn minutes(rule: &Routing, kind: SlaKind, heat: Heat) -> u32 {
    let clock = match heat {
        Heat::Hot => rule.hot,
        Heat::Standard => rule.standard,
    };
    match kind {
        SlaKind::Accept => clock.accept_minutes,
        SlaKind::FirstContact => clock.first_contact_minutes,
        SlaKind::NextStep => clock.next_step_minutes,
    }
}

/// Starts a clock at `started_ms` in the receiver's working hours.
pub fn start(
    rule: &Routing,
    kind: SlaKind,
    heat: Heat,
    started_ms: UtcMs,
    working: &WorkingHours<'_>,
) -> SlaClock {
    let minutes = minutes(rule, kind, heat);
    SlaClock { kind, started_ms, due_ms: working.add_minutes(started_ms, minutes), minutes }
}

impl SlaClock {
    /// When `percent` of its business time will have passed; the end of a clock is the promise that was made, even where
    /// the hours were changed since.
    pub fn at_percent_ms(&self, working: &WorkingHours<'_>, percent: u32) -> UtcMs {
        if percent == OVERDUE_AT_PERCENT {
            return self.due_ms;
        }
        let minutes = u64::from(self.minutes) * u64::from(percent) / u64::from(OVERDUE_AT_PERCENT);
        let at_ms = working.add_minutes(self.started_ms, u32::try_from(minutes).unwrap_or(u32::MAX));
        if percent < OVERDUE_AT_PERCENT { at_ms.min(self.due_ms) } else { at_ms.max(self.due_ms) }
    }

    /// The turn that has come at `now_ms` since `done_percent`, the latest where several have; and the one after it.
    pub fn turns(
        &self,
        working: &WorkingHours<'_>,
        done_percent: u32,
        now_ms: UtcMs,
    ) -> (Option<Turn>, Option<Turn>) {
        let all = TURNS_PERCENT.into_iter().filter(|percent| *percent > done_percent);
        let mut come = None;
        for percent in all {
            let turn = Turn { percent, at_ms: self.at_percent_ms(working, percent) };
            if turn.at_ms > now_ms {
                return (come, Some(turn));
            }
            come = Some(turn);
            if percent == OVERDUE_AT_PERCENT {
                // What a clock that ran out leads to comes first, however late it is.
                let next = TURNS_PERCENT.into_iter().find(|percent| *percent > OVERDUE_AT_PERCENT);
                let next = next.map(|percent| Turn { percent, at_ms: self.at_percent_ms(working, percent) });
                return (come, next);
            }
        }
        (come, None)
    }
}

impl Heat {
    /// The word in files and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Standard => "standard",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Hot, Self::Standard].into_iter().find(|heat| heat.as_str() == word)
    }
}

impl fmt::Display for Heat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl SlaKind {
    /// All of them, in the order they run.
    pub const ALL: [Self; 3] = [Self::Accept, Self::FirstContact, Self::NextStep];

    /// The word in files and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::FirstContact => "first_contact",
            Self::NextStep => "next_step",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// What is to be done, for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Accept => "Accept or turn down",
            Self::FirstContact => "Make first contact",
            Self::NextStep => "Take the next step",
        }
    }
}

impl fmt::Display for SlaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::{
        content::rules::tests::routing,
        kernel::clock::{HOUR_MS, MINUTE_MS},
    };

    /// Monday, 2027-01-18 16:30 in London.
    const MONDAY_1630: UtcMs = 1_800_289_800_000;

    #[test]
    fn a_hot_clock_stops_over_night_and_turns_on_the_way() {
        let rule = routing();
        let working =
            WorkingHours { hours: &rule.business_hours, zone: Tz::Europe__London, holidays: Vec::new() };
        let clock = start(&rule, SlaKind::Accept, Heat::Hot, MONDAY_1630, &working);
        let tuesday = |hour: i64, minute: i64| MONDAY_1630 + (7 * 60 + 30 + hour * 60 + minute) * MINUTE_MS;
        assert_eq!((clock.due_ms, clock.minutes), (tuesday(9, 30), 60));
        let turn = |percent, at_ms| Some(Turn { percent, at_ms });
        let (half, most) = (turn(50, MONDAY_1630 + 30 * MINUTE_MS), turn(80, tuesday(9, 18)));
        let (end, twice) = (turn(100, tuesday(9, 30)), turn(200, tuesday(10, 30)));
        assert_eq!(clock.turns(&working, 0, MONDAY_1630), (None, half));
        assert_eq!(
            clock.turns(&working, 0, MONDAY_1630 + 10 * HOUR_MS),
            (half, most),
            "the night does not count"
        );
        assert_eq!(clock.turns(&working, 50, tuesday(9, 18) - 1), (None, most));
        assert_eq!(
            clock.turns(&working, 0, tuesday(9, 29)),
            (most, end),
            "of two that were missed the later one"
        );
        assert_eq!(clock.turns(&working, 80, tuesday(9, 30)), (end, twice));
        assert_eq!(
            clock.turns(&working, 0, tuesday(16, 0)),
            (end, twice),
            "what ran out is told before it is told higher up"
        );
        assert_eq!(clock.turns(&working, 100, tuesday(10, 30)), (twice, None));
        assert_eq!(clock.turns(&working, 200, tuesday(16, 0)), (None, None));
    }

    #[test]
    fn the_end_of_a_clock_stays_where_hours_were_changed_since() {
        let mut rule = routing();
        let start_ms = MONDAY_1630;
        let (zone, holidays) = (Tz::Europe__London, Vec::new());
        let working = WorkingHours { hours: &rule.business_hours, zone, holidays };
        let clock = start(&rule, SlaKind::FirstContact, Heat::Standard, start_ms, &working);
        rule.business_hours.days = vec![chrono::Weekday::Fri];
        let fridays = WorkingHours { hours: &rule.business_hours, zone, holidays: Vec::new() };
        assert_eq!(clock.turns(&fridays, 80, clock.due_ms).0.unwrap().at_ms, clock.due_ms);
        assert!(clock.at_percent_ms(&fridays, 80) <= clock.due_ms);
        assert!(clock.at_percent_ms(&fridays, 200) >= clock.due_ms);
    }
}
