//! What becomes of messages whose time allowed is over and that nothing could hand over: they leave at their reader's next allowed
//! time, or a person is asked whether they are still worth sending.

use super::calendar::{LocalReader, Placed, place_late};
use crate::domain::{
    content::{
        kinds::{CatchUp, Newsletter},
        rules::{BusinessHours, CalendarRules},
    },
    kernel::clock::{HOUR_MS, MINUTE_MS, UtcMs},
};

/// A message that is late.
#[derive(Debug, Clone, Copy)]
pub struct Behind<'a> {
    /// From when on its lateness counts: its promise, or the later time to which it was put off or when a person said go.
    pub hour_ms: UtcMs,
    /// When it was promised.
    pub promised_ms: UtcMs,
    /// Who reads.
    pub reader: LocalReader<'a>,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Late {
    /// It leaves now.
    Leaves,
    /// It leaves later.
    Waits {
        /// When.
        until_ms: UtcMs,
        /// Why, as a sentence without its end.
        because: String,
    },
    /// It does not leave before a person says so.
    Asks {
        /// Why, as a sentence without its end.
        because: String,
    },
}

/// What a newsletter and the calendar say.
#[derive(Debug, Clone, Copy)]
pub struct LateRule<'a> {
    calendar: &'a CalendarRules,
    window: Option<&'a BusinessHours>,
    on_time_ms: i64,
    ask_after_ms: i64,
    going_ms: Option<UtcMs>,
}

impl<'a> LateRule<'a> {
    /// That of `newsletter`, of which `on_time_ms` are allowed. Of an issue that moves without a stop since `going_ms` nobody is asked
    /// about what was not too late by then: something sends it, and slowly.
    pub fn new(
        calendar: &'a CalendarRules,
        newsletter: &'a Newsletter,
        on_time_ms: i64,
        going_ms: Option<UtcMs>,
    ) -> Self {
        let hours_ms = match newsletter.catch_up {
            CatchUp::None => 0,
            CatchUp::Latest | CatchUp::All => i64::from(newsletter.catch_up_hours) * HOUR_MS,
        };
        let ask_after_ms = hours_ms.max(on_time_ms);
        Self { calendar, window: newsletter.send_window.as_ref(), on_time_ms, ask_after_ms, going_ms }
    }

    /// What becomes of a message that nothing could hand over by `now_ms`.
    pub fn judge(&self, behind: &Behind<'_>, now_ms: UtcMs) -> Late {
        if now_ms <= behind.promised_ms + self.on_time_ms {
            return Late::Leaves;
        }
        let hour_ms = behind.hour_ms.max(behind.promised_ms);
        let behind_ms = now_ms - hour_ms;
        let is_slow = self.going_ms.is_some_and(|going_ms| going_ms - hour_ms <= self.ask_after_ms);
        if behind_ms > self.ask_after_ms && !is_slow {
            let ago = ago(behind_ms);
            let because =
                format!("its hour passed {ago} ago and nothing could hand it over: shall it still go?");
            return Late::Asks { because };
        }
        match place_late(self.calendar, now_ms, behind.promised_ms, &behind.reader, self.window) {
            Placed::At { at_ms, .. } if at_ms <= now_ms => Late::Leaves,
            Placed::At { at_ms, because } => {
                let because = because.unwrap_or_default();
                let because = format!("it is late and waits for its reader's next allowed time: {because}");
                Late::Waits { until_ms: at_ms, because }
            }
            // Not after a person's word: they would be asked again and again.
            Placed::Skipped { .. } if behind.hour_ms > behind.promised_ms => Late::Leaves,
            Placed::Skipped { because } => {
                Late::Asks { because: format!("its hour passed, and now it may not leave: {because}") }
            }
        }
    }
}

/// `14 hours`, `1 hour`, `20 minutes`.
fn ago(behind_ms: i64) -> String {
    let (number, unit) = match behind_ms / HOUR_MS {
        0 => (behind_ms / MINUTE_MS, "minute"),
        hours => (hours, "hour"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveTime, Weekday};

    use super::*;
    use crate::domain::partner::Region;

    /// 2027-01-12 08:00 UTC, a Tuesday: 09:00 in Oslo.
    const NINE_MS: UtcMs = 1_799_740_800_000;
    const ON_TIME_MS: i64 = 15 * MINUTE_MS;

    fn behind(hour_ms: UtcMs) -> Behind<'static> {
        let reader =
            LocalReader { zone: chrono_tz::Europe::Oslo, partner: "fjellvakt", region: Region::Emea };
        Behind { hour_ms, promised_ms: NINE_MS, reader }
    }

    /// What is said at `now_ms` of a message that a person last let go `hour_ms` after its promise.
    fn asks(catch_up: CatchUp, going_ms: Option<i64>, hour_ms: i64, now_ms: i64) -> Option<String> {
        let calendar = CalendarRules::default();
        let letter = Newsletter { catch_up, catch_up_hours: 6, ..Newsletter::default() };
        let rule = LateRule::new(&calendar, &letter, ON_TIME_MS, going_ms.map(|ms| NINE_MS + ms));
        match rule.judge(&behind(NINE_MS + hour_ms), NINE_MS + now_ms) {
            Late::Asks { because } => Some(because),
            Late::Leaves => None,
            waits => panic!("{waits:?}"),
        }
    }

    #[test]
    fn a_person_is_asked_after_the_hours_of_catching_up() {
        for catch_up in [CatchUp::Latest, CatchUp::All] {
            assert_eq!(asks(catch_up, None, 0, 6 * HOUR_MS), None);
            let said = asks(catch_up, None, 0, 6 * HOUR_MS + 1).unwrap();
            assert!(said.starts_with("its hour passed 6 hours ago and nothing could hand it over"), "{said}");
            assert_eq!(asks(catch_up, None, 90 * HOUR_MS, 96 * HOUR_MS), None, "somebody said go");
            assert_eq!(asks(catch_up, Some(HOUR_MS), 0, 20 * HOUR_MS), None, "it is under way, and slow");
            assert!(
                asks(catch_up, Some(7 * HOUR_MS), 0, 20 * HOUR_MS).is_some(),
                "it moves again, after an outage"
            );
        }
        assert_eq!(asks(CatchUp::None, None, 0, ON_TIME_MS), None);
        let said = asks(CatchUp::None, None, 0, ON_TIME_MS + 1).unwrap();
        assert!(said.contains("15 minutes ago"), "{said}");
        assert_eq!(asks(CatchUp::None, Some(0), 0, 2 * ON_TIME_MS), None);
    }

    #[test]
    fn what_is_late_waits_for_the_send_window() {
        let calendar = CalendarRules::default();
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let window = BusinessHours {
            days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            start: time(8),
            end: time(9),
        };
        let letter = Newsletter { catch_up_hours: 24, send_window: Some(window), ..Newsletter::default() };
        let rule = LateRule::new(&calendar, &letter, ON_TIME_MS, None);
        assert_eq!(rule.judge(&behind(NINE_MS), NINE_MS + ON_TIME_MS), Late::Leaves, "in time");
        let morning_ms = NINE_MS + 23 * HOUR_MS;
        let evening = rule.judge(&behind(NINE_MS), NINE_MS + 13 * HOUR_MS + HOUR_MS / 2);
        let Late::Waits { until_ms, because } = evening else { panic!("{evening:?}") };
        assert_eq!(until_ms, morning_ms, "Wednesday at eight");
        assert!(because.contains("moved from Tue 2027-01-12 22:30 to Wed"), "{because}");
        assert_eq!(rule.judge(&behind(morning_ms), morning_ms + 9), Late::Leaves);
    }
}
