//! The clocks of a lead: accept it, contact the person, take the next step. All run in business time.

use std::fmt;

use chrono_tz::Tz;

use super::business_time;
use crate::domain::{
    content::rules::{BusinessHours, Routing},
    kernel::clock::{MINUTE_MS, UtcMs},
};

/// Share of a clock's time at which its owner is reminded, in percent.
pub const REMIND_AT_PERCENT: [u32; 2] = [50, 80];
/// Share at which the lead is taken back or the matter goes one step up, in percent.
pub const OVERDUE_AT_PERCENT: u32 = 100;

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
    /// The zone it runs in: the partner's.
    pub zone: Tz,
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

/// Starts a clock at `started_ms` in the partner's zone.
pub fn start(rule: &Routing, kind: SlaKind, heat: Heat, started_ms: UtcMs, zone: Tz) -> SlaClock {
    let minutes = minutes(rule, kind, heat);
    let due_ms = business_time::add_minutes(&rule.business_hours, started_ms, minutes, zone);
    SlaClock { kind, started_ms, due_ms, minutes, zone }
}

impl SlaClock {
    /// Business time used at `now_ms`, in whole percent; 100 from `due_ms` on, and more when overdue.
    pub fn share_used(&self, hours: &BusinessHours, now_ms: UtcMs) -> u32 {
        let used_ms = business_time::elapsed_ms(hours, self.started_ms, now_ms, self.zone);
        let whole_ms = i64::from(self.minutes.max(1)) * MINUTE_MS;
        let percent = u32::try_from(used_ms.saturating_mul(100) / whole_ms).unwrap_or(u32::MAX);
        // The stored due time is the promise, even where the hours were changed since.
        if now_ms >= self.due_ms {
            percent.max(OVERDUE_AT_PERCENT)
        } else {
            percent.min(OVERDUE_AT_PERCENT - 1)
        }
    }

    /// When `percent` of its business time will have passed: the due times of its reminders.
    pub fn at_percent_ms(&self, hours: &BusinessHours, percent: u32) -> UtcMs {
        if percent >= OVERDUE_AT_PERCENT {
            return self.due_ms;
        }
        let minutes = u64::from(self.minutes) * u64::from(percent) / u64::from(OVERDUE_AT_PERCENT);
        let minutes = u32::try_from(minutes).unwrap_or(self.minutes);
        business_time::add_minutes(hours, self.started_ms, minutes, self.zone).min(self.due_ms)
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
    use super::*;
    use crate::domain::{content::rules::tests::routing, kernel::clock::HOUR_MS};

    /// Monday, 2027-01-18 16:30 in London.
    const MONDAY_1630: UtcMs = 1_800_289_800_000;

    #[test]
    fn a_hot_clock_stops_over_night_and_reminds_on_the_way() {
        let rule = routing();
        let clock = start(&rule, SlaKind::Accept, Heat::Hot, MONDAY_1630, Tz::Europe__London);
        let tuesday_0930 = MONDAY_1630 + 17 * HOUR_MS;
        assert_eq!(clock.due_ms, tuesday_0930);
        let used = |now_ms| clock.share_used(&rule.business_hours, now_ms);
        assert_eq!(used(MONDAY_1630), 0);
        assert_eq!(used(MONDAY_1630 + 30 * MINUTE_MS), 50);
        assert_eq!(used(MONDAY_1630 + 10 * HOUR_MS), 50, "the night does not count");
        assert_eq!(used(tuesday_0930 - 1), 99);
        assert_eq!(used(tuesday_0930), 100);
        assert_eq!(used(tuesday_0930 + HOUR_MS), 200);
        let [half, most] = REMIND_AT_PERCENT.map(|p| clock.at_percent_ms(&rule.business_hours, p));
        assert_eq!((half, most), (MONDAY_1630 + 30 * MINUTE_MS, tuesday_0930 - 12 * MINUTE_MS));
    }
}
