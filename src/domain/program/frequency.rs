//! A budget for each person: no more messages in any span of days than they were told.

use std::cmp::Reverse;

use crate::domain::{
    content::rules::frequency::FrequencyLimit,
    kernel::clock::{DAY_MS, UtcMs},
};

/// A limit that another message would break, in the span of days in which it would be broken most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// The limit.
    pub limit: FrequencyLimit,
    /// How many messages there would be in the span, the new one among them.
    pub messages: usize,
    /// Where the span begins.
    from_ms: UtcMs,
}

impl Broken {
    /// Whether a message at `at_ms` is within the span.
    pub fn spans(&self, at_ms: UtcMs) -> bool {
        (self.from_ms..self.from_ms + span_ms(&self.limit)).contains(&at_ms)
    }

    /// In a sentence: what the limit allows.
    pub fn allowed(&self) -> String {
        let are = if self.limit.messages == 1 { "is" } else { "are" };
        format!("{} {are} the most", self.limit)
    }
}

fn span_ms(limit: &FrequencyLimit) -> i64 {
    i64::from(limit.days) * DAY_MS
}

/// The limit that another message at `due_ms` would break; `others` are those that a person had or is promised, in any order.
/// What lies before and what lies behind it count together only where one span holds both.
pub fn broken(limits: &[FrequencyLimit], due_ms: UtcMs, others: &[UtcMs]) -> Option<Broken> {
    limits.iter().find_map(|limit| {
        let span_ms = span_ms(limit);
        // Every span that holds the new one begins with it or with one of those before it.
        let begins = others.iter().copied().filter(|at_ms| *at_ms <= due_ms && due_ms - *at_ms < span_ms);
        let spans = begins.chain([due_ms]).map(|from_ms| {
            let within = others.iter().filter(|at_ms| (from_ms..from_ms + span_ms).contains(*at_ms)).count();
            Broken { limit: *limit, messages: within + 1, from_ms }
        });
        // Of several that hold as many, the earliest.
        let worst = spans.max_by_key(|span| (span.messages, Reverse(span.from_ms)))?;
        (worst.messages > usize::try_from(limit.messages).unwrap_or(usize::MAX)).then_some(worst)
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
    let spans = limits.iter().map(span_ms);
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
            broken(&[WEEK], day(due), &others).map(|broken| broken.messages)
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
    fn the_reason_counts_within_one_span() {
        let daily = FrequencyLimit { messages: 3, days: 1 };
        let hours = |hours: &[i64]| hours.iter().map(|hour| hour * HOUR_MS).collect::<Vec<UtcMs>>();
        // Three on the evening before, two on the morning behind it: no day holds all of them.
        let others = hours(&[8, 9, 10, 40, 41]);
        let found = broken(&[daily], 30 * HOUR_MS, &others).unwrap();
        let named: Vec<i64> =
            others.iter().filter(|at_ms| found.spans(**at_ms)).map(|at_ms| at_ms / HOUR_MS).collect();
        assert_eq!((found.messages, named), (4, vec![8, 9, 10]));
        assert_eq!(found.allowed(), "3 messages in 1 day are the most");
        assert_eq!(broken(&[daily], 34 * HOUR_MS, &others), None, "two of the evening have left the day");
        let behind = broken(&[daily], 30 * HOUR_MS, &hours(&[40, 41, 42])).unwrap();
        assert!(behind.spans(42 * HOUR_MS) && !behind.spans(29 * HOUR_MS));
        let weekly = broken(&[FrequencyLimit { messages: 1, days: 7 }], 0, &[0]).unwrap();
        assert_eq!(weekly.allowed(), "1 message in 7 days is the most");
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
