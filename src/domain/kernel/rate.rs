//! How often somebody may do something: the generic cell rate algorithm (ITU-T I.371), which needs one number a rate and
//! key, lets a burst pass and then spreads. What is remembered is limited; the clock is an argument.

use std::collections::{BTreeSet, HashMap};

use super::clock::UtcMs;

/// So many in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: i64,
    /// In how much time.
    pub per_ms: i64,
}

impl Rate {
    /// What it costs to do it once, when everything so far is paid for at `paid_ms`: the new time of that, or how long to
    /// wait.
    fn ask(self, paid_ms: UtcMs, now_ms: UtcMs) -> Result<UtcMs, i64> {
        let each_ms = self.per_ms / self.count.max(1);
        let next_ms = paid_ms.max(now_ms) + each_ms;
        let ahead_ms = next_ms - now_ms;
        if ahead_ms <= self.per_ms { Ok(next_ms) } else { Err(ahead_ms - self.per_ms) }
    }
}

/// Keeps all its rates for each key.
#[derive(Debug)]
pub struct Limiter {
    rates: &'static [Rate],
    keys_max: usize,
    paid: HashMap<String, Vec<UtcMs>>,
    /// The keys by the time at which everything is paid and they may be forgotten.
    by_time: BTreeSet<(UtcMs, String)>,
}

impl Limiter {
    /// Remembers `keys_max` keys at most; beyond that, those who would be free first are forgotten first.
    pub fn new(rates: &'static [Rate], keys_max: usize) -> Self {
        Self { rates, keys_max, paid: HashMap::new(), by_time: BTreeSet::new() }
    }

    /// Whether `key` may do it now. What is refused costs nothing.
    ///
    /// # Errors
    /// How many milliseconds to wait.
    pub fn ask(&mut self, key: &str, now_ms: UtcMs) -> Result<(), i64> {
        self.forget(now_ms);
        let before = self.paid.get(key);
        let paid = |at: usize| before.map_or(0, |paid| paid[at]);
        let asked: Vec<_> =
            self.rates.iter().enumerate().map(|(at, rate)| rate.ask(paid(at), now_ms)).collect();
        if let Some(wait_ms) = asked.iter().filter_map(|one| one.err()).max() {
            return Err(wait_ms);
        }
        if let Some(before) = before {
            self.by_time.remove(&(last(before), key.to_owned()));
        } else if self.paid.len() >= self.keys_max
            && let Some((_, first)) = self.by_time.pop_first()
        {
            self.paid.remove(&first);
        }
        let now_paid: Vec<UtcMs> = asked.into_iter().filter_map(Result::ok).collect();
        self.by_time.insert((last(&now_paid), key.to_owned()));
        self.paid.insert(key.to_owned(), now_paid);
        Ok(())
    }

    /// Forgets who is free again.
    fn forget(&mut self, now_ms: UtcMs) {
        while self.by_time.first().is_some_and(|(paid_ms, _)| *paid_ms <= now_ms) {
            if let Some((_, key)) = self.by_time.pop_first() {
                self.paid.remove(&key);
            }
        }
    }

    /// How many keys are remembered.
    pub fn keys(&self) -> usize {
        self.paid.len()
    }
}

fn last(paid: &[UtcMs]) -> UtcMs {
    paid.iter().copied().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::kernel::clock::{HOUR_MS, MINUTE_MS};

    const RATES: &[Rate] = &[Rate { count: 10, per_ms: MINUTE_MS }, Rate { count: 60, per_ms: HOUR_MS }];

    #[test]
    fn a_burst_passes_and_then_it_is_spread() {
        let mut limiter = Limiter::new(RATES, 100);
        for _ in 0..10 {
            assert_eq!(limiter.ask("a", 1_000), Ok(()));
        }
        assert_eq!(limiter.ask("a", 1_000), Err(6_000));
        assert_eq!(limiter.ask("b", 1_000), Ok(()), "another is another");
        assert_eq!(limiter.ask("a", 6_999), Err(1), "what is refused costs nothing");
        assert_eq!(limiter.ask("a", 7_000), Ok(()));
        assert_eq!(limiter.ask("a", 7_000), Err(6_000));
    }

    #[test]
    fn the_slower_rate_holds_too_and_time_heals() {
        let mut limiter = Limiter::new(RATES, 100);
        let taken = (0..HOUR_MS / 1_000).filter(|second| limiter.ask("a", second * 1_000).is_ok()).count();
        assert!((60..=120).contains(&taken), "{taken} in the first hour");
        assert_eq!(limiter.ask("a", 3 * HOUR_MS), Ok(()));
        assert_eq!(limiter.keys(), 1);
        assert_eq!(limiter.ask("b", 9 * HOUR_MS), Ok(()));
        assert_eq!(limiter.keys(), 1, "who is free again is forgotten");
    }

    #[test]
    fn a_flood_of_keys_frees_nobody_who_is_held() {
        let mut limiter = Limiter::new(RATES, 50);
        while limiter.ask("held", 0).is_ok() {}
        for at in 0..1_000 {
            assert_eq!(limiter.ask(&format!("k{at}"), 1), Ok(()));
            assert!(limiter.keys() <= 50);
        }
        assert!(limiter.ask("held", 1).is_err());
    }

    proptest! {
        #[test]
        fn in_any_span_no_more_than_a_burst_and_its_refill(gaps in prop::collection::vec(0i64..20_000, 1..300)) {
            let rate = &RATES[..1];
            let mut limiter = Limiter::new(rate, 5);
            let mut now_ms = 0;
            let mut taken = Vec::new();
            for gap in gaps {
                now_ms += gap;
                match limiter.ask("a", now_ms) {
                    Ok(()) => taken.push(now_ms),
                    Err(wait_ms) => prop_assert!(wait_ms > 0 && wait_ms <= MINUTE_MS),
                }
            }
            for (at, from) in taken.iter().enumerate() {
                let within = taken[at..].iter().filter(|to| **to < from + MINUTE_MS).count();
                prop_assert!(within <= 20, "{within} in a minute");
            }
        }
    }
}
