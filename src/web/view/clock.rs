//! A clock that runs: how much time is left, as words and as a bar.

use chrono_tz::Tz;
use serde::Serialize;

use super::{
    chart::{Tone, percent},
    when::{Moment, left},
};
use crate::{
    domain::{
        kernel::clock::UtcMs,
        lead::{SlaKind, StopReason},
    },
    store::lead_clocks::SlaClock,
};

/// A clock, running or stopped.
#[derive(Debug, Clone, Serialize)]
pub struct Running {
    /// What it waits for.
    pub label: String,
    /// `good`, `warn` (a quarter left), `bad` (late).
    pub tone: Tone,
    /// Whether it still runs.
    pub running: bool,
    /// When it runs out.
    pub due_ms: UtcMs,
    /// Since when it runs.
    pub from_ms: UtcMs,
    /// `58 min left`.
    pub left: String,
    /// How much is left, in percent.
    pub share: f64,
    /// The drawing in words.
    pub says: String,
    /// `due Tue 12 Jan 2027, 10:00 CST`.
    pub due_words: String,
}

impl Running {
    /// `clock` as it stands at `now_ms`, with times in `zone`.
    pub fn of(clock: &SlaClock, zone: Tz, now_ms: UtcMs) -> Self {
        let label = SlaKind::parse(&clock.kind).map_or("Next", SlaKind::label);
        let due = Moment::full(clock.due_ms, zone).text;
        let (tone, text, share, due_words) = match clock.stopped_ms {
            Some(stopped_ms) => {
                let at = Moment::full(stopped_ms, zone).text;
                let in_time = stopped_ms <= clock.due_ms;
                let (tone, text, words) = match StopReason::of(&clock.stopped_because) {
                    StopReason::Done if in_time => ("good", "Kept", format!("done {at}, due {due}")),
                    StopReason::Done => ("bad", "Kept late", format!("done {at}, due {due}")),
                    StopReason::Overdue => ("bad", "Not kept", format!("ran out {due}")),
                    StopReason::Withdrawn | StopReason::Conflict => {
                        ("", "Taken over", format!("{at}, due {due}"))
                    }
                };
                (tone, text.to_owned(), 100.0, words)
            }
            None => {
                let longer = if clock.first_due_ms.is_some() { ", after more time" } else { "" };
                let due = format!("{due}{longer}");
                let share = percent(clock.due_ms - now_ms, clock.due_ms - clock.started_ms);
                let tone = match share {
                    _ if now_ms > clock.due_ms => "bad",
                    share if share < 25.0 => "warn",
                    _ => "good",
                };
                let share = if now_ms > clock.due_ms { 100.0 } else { share };
                (tone, left(clock.due_ms, now_ms), share, format!("due {due}"))
            }
        };
        Self {
            label: label.to_owned(),
            tone,
            running: clock.stopped_ms.is_none(),
            due_ms: clock.due_ms,
            from_ms: clock.started_ms,
            says: format!("{label}: {text}"),
            left: text,
            share,
            due_words,
        }
    }
}

#[cfg(test)]
impl Running {
    /// An hour, two minutes gone.
    pub fn sample() -> Self {
        let clock = SlaClock {
            lead_id: String::new(),
            kind: "accept".into(),
            started_ms: 1_799_766_000_000,
            due_ms: 1_799_769_600_000,
            owner: "Luis Ortega".into(),
            ..SlaClock::default()
        };
        Self::of(&clock, chrono_tz::America::Chicago, 1_799_766_120_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_says_what_is_left_and_who_is_late() {
        let sample = Running::sample();
        assert_eq!((sample.left.as_str(), sample.tone), ("58 min left", "good"));
        assert_eq!(sample.due_words, "due Tue 12 Jan 2027, 10:00 CST");
        let late = SlaClock {
            lead_id: String::new(),
            kind: "first_contact".into(),
            started_ms: 0,
            due_ms: 60_000,
            ..SlaClock::default()
        };
        let late = Running::of(&late, chrono_tz::UTC, 180_000);
        assert_eq!((late.left.as_str(), late.tone), ("2 min late", "bad"));
    }
}
