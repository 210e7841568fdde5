//! A budget for each person: no more messages in any span of days than they were told.

use crate::domain::{
    content::rules::frequency::FrequencyLimit,
    kernel::clock::{DAY_MS, UtcMs},
};

/// The limit that another message at `due_ms` would break, with how many there would be; `others` are those that a person
/// had or is promised, in any order.
pub fn broken(limits: &[FrequencyLimit], due_ms: UtcMs, others: &[UtcMs]) -> Option<(FrequencyLimit, usize)> {
    limits.iter().find_map(|limit| {
        let span_ms = i64::from(limit.days) * DAY_MS;
        let near = |from_ms: UtcMs| {
            others.iter().filter(|at_ms| (from_ms..from_ms + span_ms).contains(*at_ms)).count() + 1
        };
        // Every span that holds the new one begins with it or with one of those before it.
        let begins = others.iter().copied().filter(|at_ms| *at_ms <= due_ms && due_ms - *at_ms < span_ms);
        let most = begins.chain([due_ms]).map(near).max().unwrap_or(1);
        (most > usize::try_from(limit.messages).unwrap_or(usize::MAX)).then_some((*limit, most))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WEEK: FrequencyLimit = FrequencyLimit { messages: 2, days: 7 };

    #[test]
    fn any_span_counts_whatever_comes_first() {
        let day = |day: i64| day * DAY_MS;
        let broken = |due, others: &[i64]| {
            let others: Vec<UtcMs> = others.iter().map(|at| day(*at)).collect();
            broken(&[WEEK], day(due), &others).map(|(_, most)| most)
        };
        assert_eq!(broken(10, &[]), None);
        assert_eq!(broken(10, &[4]), None);
        assert_eq!(broken(10, &[4, 9]), Some(3));
        assert_eq!(broken(10, &[3, 9]), None, "a week ago is another span");
        assert_eq!(broken(10, &[9, 14]), Some(3), "what is promised for later counts, too");
        assert_eq!(broken(10, &[4, 14]), None, "never three in seven days");
        assert_eq!(broken(10, &[11, 12]), Some(3));
    }

    proptest! {
        /// What was let through one after the other never breaks a limit, as counted naively over every day.
        #[test]
        fn what_is_let_through_keeps_every_limit(due in proptest::collection::vec(0..60_i64, 0..40)) {
            let mut had: Vec<UtcMs> = Vec::new();
            for day in due {
                if broken(&[WEEK], day * DAY_MS, &had).is_none() {
                    had.push(day * DAY_MS);
                }
            }
            for first in 0..60 {
                let within = had.iter().filter(|at| (first * DAY_MS..(first + 7) * DAY_MS).contains(*at)).count();
                prop_assert!(within <= 2, "{had:?}");
            }
        }
    }
}
