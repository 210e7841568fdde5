//! Whether a promise was kept.
//!
//! One rule for all who ask: of an issue's hour by how many of its eligible recipients the next hop accepted in time,
//! of a lead's clock by when it was stopped. What follows is a function of counts and of now, stored nowhere.

use crate::domain::kernel::clock::UtcMs;

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
    /// Nothing was due: a rule of the calendar said so beforehand.
    Skipped,
}

impl PromiseVerdict {
    /// All of them, best first; what was skipped is neither good nor bad.
    pub const ALL: [Self; 5] = [Self::Kept, Self::Late, Self::Partial, Self::Missed, Self::Skipped];

    /// The word in the database and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Late => "late",
            Self::Partial => "partial",
            Self::Missed => "missed",
            Self::Skipped => "skipped",
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
    /// Length of the window.
    pub on_time_ms: i64,
}

impl OnTime {
    /// The end of the window; an acceptance at this very instant is on time.
    pub fn deadline_ms(self) -> UtcMs {
        self.promised_ms.saturating_add(self.on_time_ms)
    }

    /// The verdict at `now_ms`; none while the window is open and the promise not yet kept. A verdict other than
    /// kept may still improve, from missed to partial to late, as long as deliveries are under way. Where nobody is
    /// eligible nothing was due, and nothing was kept.
    pub fn judge(self, share: AcceptedShare, now_ms: UtcMs) -> Option<PromiseVerdict> {
        let enough = |accepted: u64| {
            u128::from(accepted) * 100 >= u128::from(share.eligible) * u128::from(KEPT_PERCENT)
        };
        if share.eligible > 0 && now_ms >= self.promised_ms && enough(share.on_time) {
            return Some(PromiseVerdict::Kept);
        }
        if now_ms <= self.deadline_ms() {
            return None;
        }
        Some(match share.in_all {
            _ if share.eligible == 0 => PromiseVerdict::Skipped,
            accepted if enough(accepted) => PromiseVerdict::Late,
            0 => PromiseVerdict::Missed,
            _ => PromiseVerdict::Partial,
        })
    }
}

/// How a clock was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// What it waits for was done.
    Done(UtcMs),
    /// It ran out, and the matter was taken from its owner.
    Overdue,
    /// The matter was taken from its owner for another reason: before the time it is no promise of theirs any more.
    Withdrawn(UtcMs),
}

/// How a clock went that must be stopped by `due_ms`; none while it runs in time. One that was stopped later is late,
/// one that nobody stopped is missed.
pub fn judge_clock(due_ms: UtcMs, stopped: Option<Stopped>, now_ms: UtcMs) -> Option<PromiseVerdict> {
    match stopped {
        Some(Stopped::Done(at_ms)) if at_ms <= due_ms => Some(PromiseVerdict::Kept),
        Some(Stopped::Done(_)) => Some(PromiseVerdict::Late),
        Some(Stopped::Withdrawn(at_ms)) if at_ms <= due_ms => Some(PromiseVerdict::Skipped),
        Some(Stopped::Overdue | Stopped::Withdrawn(_)) => Some(PromiseVerdict::Missed),
        None => (now_ms > due_ms).then_some(PromiseVerdict::Missed),
    }
}

/// How often promises were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptRate {
    /// Kept.
    pub kept: u32,
    /// Late, partial or missed.
    pub broken: u32,
    /// Skipped by rule: in no denominator, and always shown beside it.
    pub skipped: u32,
    /// Not over yet.
    pub open: u32,
}

impl KeptRate {
    /// Counts one promise.
    pub fn add(&mut self, verdict: Option<PromiseVerdict>) {
        match verdict {
            None => self.open += 1,
            Some(PromiseVerdict::Kept) => self.kept += 1,
            Some(PromiseVerdict::Skipped) => self.skipped += 1,
            Some(PromiseVerdict::Late | PromiseVerdict::Partial | PromiseVerdict::Missed) => self.broken += 1,
        }
    }

    /// Kept of a hundred that are over, rounded down; none before the first is.
    pub fn percent(self) -> Option<u32> {
        (u64::from(self.kept) * 100)
            .checked_div(u64::from(self.kept) + u64::from(self.broken))
            .and_then(|percent| u32::try_from(percent).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_judged_by_what_was_accepted_when() {
        let promise = OnTime { promised_ms: 1_000_000, on_time_ms: 15 * 60_000 };
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
        assert_eq!(
            promise.judge(nobody, after),
            Some(PromiseVerdict::Skipped),
            "nothing was due, nothing kept"
        );
    }

    #[test]
    fn clocks_are_kept_late_or_missed() {
        assert_eq!(judge_clock(100, None, 100), None);
        assert_eq!(judge_clock(100, None, 101), Some(PromiseVerdict::Missed));
        assert_eq!(judge_clock(100, Some(Stopped::Done(100)), 900), Some(PromiseVerdict::Kept));
        assert_eq!(judge_clock(100, Some(Stopped::Done(101)), 900), Some(PromiseVerdict::Late));
        assert_eq!(
            judge_clock(100, Some(Stopped::Overdue), 100),
            Some(PromiseVerdict::Missed),
            "at the very end"
        );
        assert_eq!(judge_clock(100, Some(Stopped::Withdrawn(100)), 900), Some(PromiseVerdict::Skipped));
        assert_eq!(judge_clock(100, Some(Stopped::Withdrawn(101)), 900), Some(PromiseVerdict::Missed));
    }

    #[test]
    fn a_rate_is_never_rounded_up_and_leaves_out_what_was_skipped() {
        let mut rate = KeptRate::default();
        assert_eq!(rate.percent(), None);
        for verdict in
            [None, Some(PromiseVerdict::Kept), Some(PromiseVerdict::Kept), Some(PromiseVerdict::Late)]
        {
            rate.add(verdict);
        }
        rate.add(Some(PromiseVerdict::Skipped));
        assert_eq!((rate.percent(), rate.open, rate.skipped), (Some(66), 1, 1));
    }
}
