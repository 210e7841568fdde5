//! A cadence is a promise: "second Tuesday at 09:00", wherever the reader is.
//!
//! A cadence gives *nominal* local times, as a wall calendar would; a zone's clock changes cannot confuse it.
//! Mapping a nominal time to an instant is a second, separate step ([`resolve`]). The occurrence's key is the
//! nominal time and the zone, never the instant, so that a new tz database cannot make two of one.

mod clock_time;
mod crontab;
mod days;
mod describe;
#[cfg(test)]
mod forms_tests;
mod nominal;
mod parse;
mod resolve;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Weekday};
use chrono_tz::Tz;

pub use resolve::{ClockNote, Resolved, resolve};

use crate::domain::kernel::{
    Result,
    clock::{UtcMs, utc},
};

/// When a newsletter is promised, in nominal local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cadence(Rule);

/// The forms a cadence takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Every day.
    Daily(NaiveTime),
    /// Monday to Friday.
    BusinessDaily(NaiveTime),
    /// Every week on a day.
    Weekly(Weekday, NaiveTime),
    /// Every so many weeks.
    EveryWeeks {
        /// How many.
        weeks: u8,
        /// The first day.
        from: NaiveDate,
        /// When.
        time: NaiveTime,
    },
    /// On a day of each month.
    Monthly(MonthDay, NaiveTime),
    /// On a day of each quarter.
    Quarterly(MonthDay, NaiveTime),
    /// Days that no other form says, at one time of the day.
    Cron(Box<cron::Schedule>),
}

/// A day named by its place in a month or quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthDay {
    /// `second Tuesday`
    Nth(Ordinal, Weekday),
    /// Monday to Friday.
    FirstBusinessDay,
    /// Monday to Friday.
    LastBusinessDay,
    /// `day 15`
    Numbered(u8),
}

/// Which one of a month's Tuesdays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordinal {
    /// 1.
    First,
    /// 2.
    Second,
    /// 3.
    Third,
    /// 4.
    Fourth,
    /// The last there is.
    Last,
}

/// One promised time in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Local time as promised; with the zone, the occurrence's key.
    pub nominal: NaiveDateTime,
    /// The instant it falls on.
    pub resolved: Resolved,
}

impl Cadence {
    /// Reads a readable form, such as `second Tuesday at 09:00`, or five-field cron.
    ///
    /// Readable: `daily at 09:00`, `every business day at 09:00`, `weekly on Wednesday at 08:00`, `every 2 weeks from
    /// 2027-01-06 at 09:00`, `second Tuesday at 09:00` (first to fourth, last), `monthly on day 15 at 09:00`, `first
    /// business day at 09:00`, `last business day at 17:00`, and the monthly ones after `quarterly,`. What people write
    /// for these and can be read in one way only is taken too (`Tuesdays at 9am`); the canonical text is the form.
    ///
    /// Cron as crontab(5) has it, at one time of the day, weekdays by name, and one of the two day fields `*`. A pattern
    /// that a readable form says becomes that form.
    ///
    /// # Errors
    /// Says what is wrong and the whole form that was probably meant.
    pub fn parse(text: &str) -> Result<Self> {
        parse::rule(text).map(Self)
    }

    /// What is odd about a step in a crontab line that runs past the end of its field, as in `0 9 */40 * *`.
    pub fn long_step(text: &str) -> Option<String> {
        crontab::long_step(text)
    }

    /// The rule, for those who say it in another language.
    pub fn rule(&self) -> &Rule {
        &self.0
    }

    /// The first nominal time strictly after `after`; none where the calendar ends.
    pub fn next_nominal(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        nominal::next(&self.0, after)
    }

    /// The nominal times strictly after `after`, in their order, until the calendar ends.
    pub fn nominals(&self, after: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        std::iter::successors(self.next_nominal(after), |last| self.next_nominal(*last))
    }

    /// The first promised day from `day` on; none where the calendar ends.
    pub fn next_day(&self, day: NaiveDate) -> Option<NaiveDate> {
        let before = day.and_time(NaiveTime::MIN) - chrono::Duration::seconds(1);
        self.next_nominal(before).map(|next| next.date())
    }

    /// The next `count` occurrences in `zone` strictly after `after_ms`, in order, no instant twice.
    ///
    /// The search begins at the time that the clocks show, and not before it: a nominal time that they show or have
    /// passed resolves to an instant that is over, whatever they skip, be it a day.
    pub fn next_instants(&self, zone: Tz, after_ms: UtcMs, count: usize) -> Vec<Occurrence> {
        let mut cursor = utc(after_ms).with_timezone(&zone).naive_local();
        let (mut found, mut last_ms) = (Vec::new(), after_ms);
        while found.len() < count {
            let Some(nominal) = self.next_nominal(cursor) else { break };
            debug_assert!(nominal > cursor, "{self} does not advance after {cursor}");
            cursor = nominal;
            let resolved = resolve(nominal, zone);
            // Shown twice and gone already, or moved out of a gap to where another one is.
            if resolved.at_ms > last_ms {
                last_ms = resolved.at_ms;
                found.push(Occurrence { nominal, resolved });
            }
        }
        found
    }

    /// The promise as a sentence, with what happens in months that lack the day.
    pub fn describe(&self) -> String {
        describe::sentence(&self.0)
    }
}

/// The canonical text; reading it gives the same cadence.
impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daily(time) => write!(f, "daily at {}", hm(*time)),
            Self::BusinessDaily(time) => write!(f, "every business day at {}", hm(*time)),
            Self::Weekly(day, time) => write!(f, "weekly on {} at {}", weekday_name(*day), hm(*time)),
            Self::EveryWeeks { weeks: 1, from, time } => write!(f, "every week from {from} at {}", hm(*time)),
            Self::EveryWeeks { weeks, from, time } => {
                write!(f, "every {weeks} weeks from {from} at {}", hm(*time))
            }
            Self::Monthly(day @ MonthDay::Numbered(_), time) => {
                write!(f, "monthly on {day} at {}", hm(*time))
            }
            Self::Monthly(day, time) => write!(f, "{day} at {}", hm(*time)),
            Self::Quarterly(day @ MonthDay::Numbered(_), time) => {
                write!(f, "quarterly, on {day} at {}", hm(*time))
            }
            Self::Quarterly(day, time) => write!(f, "quarterly, {day} at {}", hm(*time)),
            Self::Cron(schedule) => f.write_str(crontab::fields(schedule)),
        }
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nth(ordinal, day) => write!(f, "{} {}", ordinal.as_str(), weekday_name(*day)),
            Self::FirstBusinessDay => f.write_str("first business day"),
            Self::LastBusinessDay => f.write_str("last business day"),
            Self::Numbered(day) => write!(f, "day {day}"),
        }
    }
}

impl Ordinal {
    const ALL: [Self; 5] = [Self::First, Self::Second, Self::Third, Self::Fourth, Self::Last];

    fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Third => "third",
            Self::Fourth => "fourth",
            Self::Last => "last",
        }
    }
}

fn hm(time: NaiveTime) -> impl fmt::Display {
    time.format("%H:%M")
}

fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}
