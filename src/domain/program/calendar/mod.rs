//! Where a promised time goes that calendar rules or a send window forbid: to the next allowed time, or nowhere.
//!
//! All rules are about what the reader's own clocks show. From the promised day on, day by day: a blackout takes a whole
//! day, and after it the promised time of day counts again; on any other day the first time counts that is in no quiet
//! window and inside of the send window. Which time of a later day is tried first depends on that day alone and not on how
//! it was reached, so that of two promises for the same time of day the later one never leaves first.

#[cfg(test)]
mod tests;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;

use super::cadence::resolve;
use crate::domain::{
    content::{
        kinds::WhenBlocked,
        rules::{
            BusinessHours, CalendarRules,
            calendar::{Blackout, Stretch},
        },
    },
    kernel::clock::{UtcMs, utc},
    partner::Region,
};

/// How far a promised time may be moved, in days.
pub const DAYS_MAX: i64 = 31;
/// How far the next allowed time is looked for, to say when it would be, in days.
const LOOK_DAYS_MAX: u64 = 400;
/// Most times in a row to which clocks that skip an hour may lead.
const GAPS_MAX: usize = 4;
/// Most rules that a sentence names.
const CAUSES_MAX: usize = 3;

/// Who reads, as far as the rules ask.
#[derive(Debug, Clone, Copy)]
pub struct LocalReader<'a> {
    /// The zone of their clocks.
    pub zone: Tz,
    /// Slug of their partner.
    pub partner: &'a str,
    /// Their partner's region.
    pub region: Region,
}

/// What the newsletter says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// The hours in which it may leave; nothing for all.
    pub window: Option<&'a BusinessHours>,
    /// What becomes of a promised time that is forbidden.
    pub when_blocked: WhenBlocked,
    /// The next promised time: an issue that would be moved so far is skipped.
    pub before_ms: Option<UtcMs>,
}

/// What becomes of a promised time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// It leaves.
    At {
        /// When; never before the promised time.
        at_ms: UtcMs,
        /// Why it was moved, as a sentence; nothing if it was not.
        because: Option<String>,
    },
    /// It does not leave for this reader.
    Skipped {
        /// Why, as a sentence.
        because: String,
    },
}

/// Where the time promised for `promised_ms` goes by `rules` and `terms`. Without a rule that forbids it, it stays.
pub fn place(
    rules: &CalendarRules,
    promised_ms: UtcMs,
    reader: &LocalReader<'_>,
    terms: &Terms<'_>,
) -> Placed {
    let time = utc(promised_ms).with_timezone(&reader.zone).time();
    placed(rules, (promised_ms, time), reader, terms)
}

/// The next allowed time from `now_ms` on, for what was promised for `promised_ms` and is late. After a blackout the promised
/// time of day counts, not the one at which it is found late.
pub fn place_late(
    rules: &CalendarRules,
    now_ms: UtcMs,
    promised_ms: UtcMs,
    reader: &LocalReader<'_>,
    window: Option<&BusinessHours>,
) -> Placed {
    let time = utc(promised_ms).with_timezone(&reader.zone).time();
    placed(rules, (now_ms, time), reader, &Terms { window, ..Terms::default() })
}

/// Where what would leave at `promised_ms` goes; `time` is the time of day that counts after a blackout.
fn placed(
    rules: &CalendarRules,
    (promised_ms, time): (UtcMs, NaiveTime),
    reader: &LocalReader<'_>,
    terms: &Terms<'_>,
) -> Placed {
    if rules.is_empty() && terms.window.is_none() {
        return Placed::At { at_ms: promised_ms, because: None };
    }
    let promised = utc(promised_ms).with_timezone(&reader.zone).naive_local();
    let mut search = Search {
        rules,
        reader,
        window: terms.window,
        promised_ms,
        promised,
        time,
        causes: Causes::default(),
    };
    let found = search.next_allowed();
    let (causes, from) = (search.causes, moment(promised));
    let Some((at_ms, shown)) =
        found.filter(|(_, shown)| (shown.date() - promised.date()).num_days() <= DAYS_MAX)
    else {
        let next = match found {
            Some((_, shown)) => format!("the next allowed time is {}", moment(shown)),
            None => format!("there is no allowed time for {LOOK_DAYS_MAX} days"),
        };
        let because = format!("{causes}: {from} is skipped, as {next}, and {DAYS_MAX} days are the most");
        return Placed::Skipped { because };
    };
    if causes.list.is_empty() {
        return Placed::At { at_ms, because: None };
    }
    let to = moment(shown);
    if terms.when_blocked == WhenBlocked::Skip {
        return Placed::Skipped { because: format!("{causes}: {from} is skipped") };
    }
    if terms.before_ms.is_some_and(|before_ms| at_ms >= before_ms) {
        let because = format!("{causes}: {from} is skipped, as the next one is promised before {to}");
        return Placed::Skipped { because };
    }
    Placed::At { at_ms, because: Some(format!("{causes}: moved from {from} to {to}")) }
}

/// `Mon 2028-01-03 09:00`.
fn moment(at: NaiveDateTime) -> impl std::fmt::Display {
    at.format("%a %Y-%m-%d %H:%M")
}

struct Search<'s> {
    rules: &'s CalendarRules,
    reader: &'s LocalReader<'s>,
    window: Option<&'s BusinessHours>,
    promised_ms: UtcMs,
    promised: NaiveDateTime,
    /// The time of day that counts after a blackout.
    time: NaiveTime,
    causes: Causes,
}

impl<'s> Search<'s> {
    /// The first allowed time from the promised one on, and what clocks show then.
    fn next_allowed(&mut self) -> Option<(UtcMs, NaiveDateTime)> {
        let mut after_blackout = false;
        for ahead in 0..=LOOK_DAYS_MAX {
            let day = self.promised.date().checked_add_days(Days::new(ahead))?;
            if let Some((blackout, days)) = self.blackout(day) {
                self.causes.add(|| during(blackout, days));
                after_blackout = true;
                continue;
            }
            let time = match ahead {
                0 => self.promised.time(),
                _ if after_blackout => self.time,
                _ => NaiveTime::MIN,
            };
            after_blackout = false;
            if let Some(found) = self.on_day(day.and_time(time)) {
                return Some(found);
            }
        }
        None
    }

    /// The blackout that lasts longest of those that `day` is in.
    fn blackout(&self, day: NaiveDate) -> Option<(&'s Blackout, &'s Stretch)> {
        let theirs = |blackout: &&Blackout| blackout.whose.holds_for(self.reader.partner, self.reader.region);
        let on_day = |blackout| Some((blackout, Blackout::on(blackout, day)?));
        self.rules.blackouts.iter().filter(theirs).filter_map(on_day).max_by_key(|(_, days)| days.last)
    }

    /// The first allowed instant of a day from `from` on, which is no time of a blackout.
    fn on_day(&mut self, from: NaiveDateTime) -> Option<(UtcMs, NaiveDateTime)> {
        let mut from = from;
        for _ in 0..GAPS_MAX {
            let nominal = self.allowed_on_day(from)?;
            let (at_ms, shown) = self.instant(nominal);
            if shown == nominal {
                return Some((at_ms, shown));
            }
            // The clocks skip that time; what they show next may be forbidden, or another day.
            if shown.date() != from.date() || shown < nominal {
                return None;
            }
            from = shown;
            if self.allowed_on_day(from)? == from {
                return Some((at_ms, shown));
            }
        }
        None
    }

    /// When the clocks first show `nominal` or later, from the promised time on, and what they show then.
    fn instant(&self, nominal: NaiveDateTime) -> (UtcMs, NaiveDateTime) {
        if nominal == self.promised {
            return (self.promised_ms, nominal);
        }
        let zone = self.reader.zone;
        let mut at_ms = resolve(nominal, zone).at_ms;
        if at_ms < self.promised_ms {
            // The clocks are set back, and the promise is for the second time that they show this hour.
            let second = zone.from_local_datetime(&nominal).latest();
            at_ms = second.map_or(at_ms, |at| at.timestamp_millis()).max(self.promised_ms);
        }
        (at_ms, utc(at_ms).with_timezone(&zone).naive_local())
    }

    /// The first time from `from` on and on the same day that is in no quiet window and inside of the send window.
    fn allowed_on_day(&mut self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut at = from;
        // Each span of a day is left once, and the window is entered once.
        let spans: usize = self.rules.quiet.iter().map(|quiet| quiet.spans.len()).sum();
        for _ in 0..=2 * spans + 2 {
            let next = match self.blocked_until(at) {
                Some(next) => next,
                None => return Some(at),
            };
            at = next.filter(|next| next.date() == from.date())?;
        }
        None
    }

    /// When a quiet window that holds `at` ends, or the send window opens; nothing if `at` is allowed. The inner value is
    /// nothing where the send window does not open again that day.
    fn blocked_until(&mut self, at: NaiveDateTime) -> Option<Option<NaiveDateTime>> {
        let (partner, region) = (self.reader.partner, self.reader.region);
        let theirs = self.rules.quiet.iter().filter(|quiet| quiet.whose.holds_for(partner, region));
        let ends = theirs.filter_map(|quiet| Some((quiet, quiet.end_after(at)?)));
        if let Some((quiet, end)) = ends.max_by_key(|(_, end)| *end) {
            self.causes.add(|| format!("{} until {}", quiet.name, end.format("%a %H:%M")));
            return Some(Some(end));
        }
        let window = self.window?;
        let is_day = window.days.contains(&at.weekday());
        if is_day && (window.start..window.end).contains(&at.time()) {
            return None;
        }
        self.causes.add(|| within(window));
        Some((is_day && at.time() < window.start).then(|| at.date().and_time(window.start)))
    }
}

/// `Year-end freeze until 2028-01-02`, `Norwegian holidays (Constitution Day) on 2027-05-17`.
fn during(blackout: &Blackout, days: &Stretch) -> String {
    let title = days.title.as_ref().map(|title| format!(" ({title})")).unwrap_or_default();
    let when = if days.first == days.last { "on" } else { "until" };
    format!("{}{title} {when} {}", blackout.name, days.last)
}

/// `send window 08:00 to 18:00 on Mon, Tue`
fn within(window: &BusinessHours) -> String {
    let days: Vec<String> = window.days.iter().map(ToString::to_string).collect();
    format!(
        "send window {} to {} on {}",
        window.start.format("%H:%M"),
        window.end.format("%H:%M"),
        days.join(", ")
    )
}

/// What forbade times, in order.
#[derive(Debug, Default)]
struct Causes {
    list: Vec<String>,
    more: usize,
}

impl Causes {
    fn add(&mut self, cause: impl FnOnce() -> String) {
        if self.list.len() == CAUSES_MAX {
            self.more = 1;
            return;
        }
        let cause = cause();
        if !self.list.contains(&cause) {
            self.list.push(cause);
        }
    }
}

impl std::fmt::Display for Causes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.list.join(", then "))?;
        if self.more > 0 { f.write_str(" and more") } else { Ok(()) }
    }
}
