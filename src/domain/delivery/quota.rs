//! Promised limits: "N an hour" means N in any hour, and a warm-up plan's cap means that many a day.

use chrono::NaiveDate;

use crate::domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs, utc};

/// How use is counted: in slots of this length.
pub const SLOT_MS: i64 = MINUTE_MS;

/// A sending domain that is not yet known to its readers' providers: so many a day, day by day; no cap after the
/// last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmUp {
    /// Domain of the From address.
    pub domain: String,
    /// Its first day, UTC.
    pub start: NaiveDate,
    /// Messages a day, from the first day on.
    pub daily: Vec<u64>,
}

impl WarmUp {
    /// The cap of the day of `now_ms`; `None` when there is none (any more). Before its first day nothing leaves.
    pub fn cap(&self, now_ms: UtcMs) -> Option<u64> {
        let day = (utc(now_ms).date_naive() - self.start).num_days();
        match usize::try_from(day) {
            Ok(day) => self.daily.get(day).copied(),
            Err(_) => Some(0),
        }
    }
}

/// A count that is kept in the database: what it is called, from which slot on it counts, and how many may be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Name of the count.
    pub key: String,
    /// The slot that new use goes to.
    pub slot_ms: UtcMs,
    /// The first slot that counts.
    pub since_ms: UtcMs,
    /// Uses at most.
    pub max: u64,
    /// When use may be possible again, if it is full.
    pub again_ms: UtcMs,
}

/// One in so many of an hour's messages is kept for mail that somebody waits for.
const RESERVED_SHARE: u64 = 20;
/// So many are enough.
const RESERVED_MAX: u64 = 100;

impl Quota {
    /// What newsletters may use of it: the rest is kept for mail that somebody waits for, so that a sign-in does not
    /// wait an hour behind an issue. A limit of one has no rest.
    #[must_use]
    pub fn for_issues(&self) -> Self {
        let reserved = (self.max / RESERVED_SHARE).clamp(1, RESERVED_MAX).min(self.max / 2);
        Self { max: self.max - reserved, ..self.clone() }
    }
}

/// At most `max` through `relay` in any 60 minutes, whichever instant they begin at: the slot that the hour begins
/// in counts as a whole, so the real limit is never passed.
pub fn hourly(relay: &str, max: u64, now_ms: UtcMs) -> Quota {
    let slot_ms = now_ms.div_euclid(SLOT_MS) * SLOT_MS;
    Quota {
        key: format!("relay:{relay}"),
        slot_ms,
        since_ms: slot_ms - HOUR_MS,
        max,
        again_ms: slot_ms + SLOT_MS,
    }
}

/// The cap of a warm-up plan's day; `None` without one.
pub fn daily(plan: &WarmUp, now_ms: UtcMs) -> Option<Quota> {
    let day_ms = now_ms.div_euclid(DAY_MS) * DAY_MS;
    plan.cap(now_ms).map(|max| Quota {
        key: format!("warm-up:{}", plan.domain),
        slot_ms: day_ms,
        since_ms: day_ms,
        max,
        again_ms: day_ms + DAY_MS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_limit_in_any_hour() {
        // A greedy sender that takes whatever is allowed, every 7 seconds.
        let (max, step_ms) = (100, 7_000);
        let mut sent: Vec<UtcMs> = Vec::new();
        for now_ms in (0..6 * HOUR_MS).step_by(step_ms) {
            let quota = hourly("r", max, now_ms);
            let used = sent.iter().filter(|at| **at >= quota.since_ms).count() as u64;
            sent.extend(std::iter::repeat_n(now_ms, usize::try_from(max - used.min(max)).unwrap().min(9)));
        }
        for (first, at) in sent.iter().enumerate() {
            let within = sent[first..].iter().take_while(|later| **later - at < HOUR_MS).count();
            assert!(within as u64 <= max, "{within} within an hour of {at}");
        }
        assert!(sent.len() >= 550, "{} in six hours: the limit is used", sent.len());
    }

    #[test]
    fn a_part_of_every_hour_is_kept_for_urgent_mail() {
        let kept = |max| max - hourly("r", max, 0).for_issues().max;
        assert_eq!([1, 2, 20, 100, 1_000, 100_000].map(kept), [0, 1, 1, 5, 50, 100]);
    }

    #[test]
    fn a_warm_up_grows_by_the_day_and_ends() {
        let start = NaiveDate::from_ymd_opt(2027, 1, 4).unwrap();
        let plan = WarmUp { domain: "vendor.example".to_owned(), start, daily: vec![50, 100] };
        let first_ms = start.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis();
        let cap = |days: i64| daily(&plan, first_ms + days * DAY_MS + HOUR_MS).map(|quota| quota.max);
        assert_eq!([cap(-1), cap(0), cap(1), cap(2)], [Some(0), Some(50), Some(100), None]);
    }
}
