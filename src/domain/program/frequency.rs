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

/// The first moment from `from_ms` on at which another message breaks no limit. `hour` says which moment comes next at which
/// it may be at all, such as nine o'clock on the reader's clock, for any moment: that one or a later one.
pub fn first_allowed(
    limits: &[FrequencyLimit],
    from_ms: UtcMs,
    others: &[UtcMs],
    hour: impl Fn(UtcMs) -> UtcMs,
) -> UtcMs {
    // Room comes only when another one leaves the span behind it; what follows until then is no better.
    let spans = limits.iter().map(|limit| i64::from(limit.days) * DAY_MS);
    let behind = spans.flat_map(|span_ms| others.iter().map(move |at_ms| at_ms + span_ms));
    let mut moments: Vec<UtcMs> =
        behind.filter(|at_ms| *at_ms > from_ms).chain([from_ms]).map(hour).collect();
    moments.sort_unstable();
    // Behind the last span there is room for one.
    let last_ms = moments.last().copied().unwrap_or(from_ms);
    moments.into_iter().find(|at_ms| broken(limits, *at_ms, others).is_none()).unwrap_or(last_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::kernel::clock::HOUR_MS;

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

    #[test]
    fn room_comes_when_another_leaves_the_span() {
        let first = |from, others: &[i64]| {
            let others: Vec<UtcMs> = others.iter().map(|at| at * DAY_MS).collect();
            first_allowed(&[WEEK], from * DAY_MS, &others, |at_ms| at_ms) / DAY_MS
        };
        assert_eq!(first(10, &[]), 10);
        assert_eq!(first(10, &[4, 9]), 11, "a week after the first of the two");
        assert_eq!(first(10, &[4, 9, 12]), 16, "what is promised for later leaves no room before it");
        let at_nine = |at_ms: UtcMs| (at_ms - 9 * HOUR_MS).div_euclid(DAY_MS) * DAY_MS + 33 * HOUR_MS;
        assert_eq!(
            first_allowed(&[WEEK], 0, &[0, 0], at_nine),
            7 * DAY_MS + 9 * HOUR_MS,
            "at nine, not at midnight"
        );
    }

    proptest! {
        /// The moment that is found is allowed, and none before it is, tried hour by hour.
        #[test]
        fn no_moment_before_the_first_allowed_one_is(
            others in proptest::collection::vec(0..60 * 24_i64, 0..30),
            limits in proptest::collection::vec((1..4_u32, 1..20_u32), 1..3),
            from in 0..60 * 24_i64,
            every in proptest::sample::select(vec![1_i64, 6, 24]),
        ) {
            let limits: Vec<FrequencyLimit> =
                limits.into_iter().map(|(messages, days)| FrequencyLimit { messages, days }).collect();
            let others: Vec<UtcMs> = others.into_iter().map(|hour| hour * HOUR_MS).collect();
            let (from_ms, every_ms) = (from * HOUR_MS, every * HOUR_MS);
            let hour = |at_ms: UtcMs| (at_ms + every_ms - 1).div_euclid(every_ms) * every_ms;
            let first_ms = first_allowed(&limits, from_ms, &others, hour);
            prop_assert!(first_ms >= from_ms && hour(first_ms) == first_ms);
            prop_assert_eq!(broken(&limits, first_ms, &others), None);
            let mut at_ms = hour(from_ms);
            while at_ms < first_ms {
                prop_assert!(broken(&limits, at_ms, &others).is_some(), "{} is free already", at_ms / HOUR_MS);
                at_ms += every_ms;
            }
        }

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
