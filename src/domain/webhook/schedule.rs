//! When a message is tried again: ten tries over about three days, as the specification's example has it, spread by 20 %.

use chrono::NaiveDateTime;

use crate::domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs};

/// Waits after the first, second … try, in milliseconds; after the last nothing follows.
const WAITS_MS: [i64; 9] = [
    5_000,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
];
/// Tries of a message, the first included.
pub const TRIES_MAX: u32 = 10;
/// Longest that a receiver may put us off, unless twice the planned wait is longer.
const ASKED_MAX_MS: i64 = HOUR_MS;
/// How long a message waits for a fault of ours at first, and at most.
const WITHHELD_MS: i64 = 5 * MINUTE_MS;
const WITHHELD_MAX_MS: i64 = HOUR_MS;
/// After this time nobody wants to hear of it any more, whether it was tried or waited behind others.
pub const LIFETIME_MS: i64 = 7 * DAY_MS;

/// How long a message waits that must arrive, after its last planned try failed: it is tried once a day for as long as it takes.
pub fn daily_ms(jitter: u32) -> i64 {
    spread(DAY_MS, jitter)
}

/// How long a message waits that is kept back by a fault of ours, after it was begun `attempts` times: later and later, up to an
/// hour, for a person has to mend it. In milliseconds.
pub fn withheld_ms(attempts: u32, jitter: u32) -> i64 {
    let planned = (WITHHELD_MS * i64::from(attempts.max(1))).min(WITHHELD_MAX_MS);
    spread(planned, jitter).min(WITHHELD_MAX_MS)
}

/// The longest wait that can follow the try number `tries` (0 is none yet), whatever chance and `Retry-After` say, in milliseconds.
pub fn longest_wait_ms(tries: u32) -> i64 {
    match tries.checked_sub(1) {
        None => 0,
        Some(at) => {
            let planned = WAITS_MS.get(at as usize).or(WAITS_MS.last()).copied().unwrap_or(DAY_MS);
            (planned * 12 / 5).max(ASKED_MAX_MS)
        }
    }
}

/// How long to wait after try number `tries` (1 is the first) failed, in milliseconds; nothing when that was the last.
/// `asked_ms` is what the receiver asked for in `Retry-After`: it never makes us come sooner than planned, nor later than an hour
/// or twice the plan, whichever is longer. `jitter` is a random number in `0..=u32::MAX`.
pub fn wait_ms(tries: u32, asked_ms: Option<i64>, jitter: u32) -> Option<i64> {
    let planned = spread(*WAITS_MS.get(tries.max(1) as usize - 1)?, jitter);
    let most = (2 * planned).max(ASKED_MAX_MS);
    Some(asked_ms.map_or(planned, |asked| asked.clamp(planned, most)))
}

/// `wait_ms` moved by up to 20 % either way.
pub fn spread(wait_ms: i64, jitter: u32) -> i64 {
    let share = i64::from(jitter) * 400 / i64::from(u32::MAX) - 200;
    wait_ms + wait_ms * share / 1_000
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date in one of the three forms of section 5.6.7. `wall_ms` is
/// now by the wall clock. Never negative, and never more than a week; nothing for what is neither.
pub fn asked_ms(value: &str, wall_ms: UtcMs) -> Option<i64> {
    let value = value.trim();
    let asked = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time all the same.
        value.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(1_000)
    } else {
        let forms = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
        let at = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(value, form).ok())?;
        at.and_utc().timestamp_millis().saturating_sub(wall_ms)
    };
    Some(asked.clamp(0, LIFETIME_MS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_tries_take_about_three_days() {
        let half = u32::MAX / 2;
        let waits: Vec<i64> = (1..=TRIES_MAX).map_while(|tries| wait_ms(tries, None, half)).collect();
        assert_eq!(waits.len(), 9, "after the tenth nothing follows");
        let hours = waits.iter().sum::<i64>() / HOUR_MS;
        assert!((73..=77).contains(&hours), "{hours}");
        assert!((waits[0] - 5_000).abs() < 10);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110
        assert_eq!(asked_ms(" 120 ", now), Some(120_000));
        for date in
            ["Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"]
        {
            assert_eq!(asked_ms(date, now), Some(60_000), "{date}");
        }
        assert_eq!(asked_ms("Sun, 06 Nov 1994 08:49:36 GMT", now), Some(0), "that was a second ago");
        assert_eq!(asked_ms("99999999999999999999", now), Some(LIFETIME_MS));
        for nonsense in ["", "-1", "soon", "1.5", "Mon, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(asked_ms(nonsense, now), None, "{nonsense}");
        }
    }

    #[test]
    fn what_we_keep_back_ourselves_is_looked_at_again_within_the_hour() {
        let half = u32::MAX / 2;
        // Half of the range is a thousandth off the middle.
        assert!((withheld_ms(0, half) - 5 * MINUTE_MS).abs() < 1_000);
        assert!((withheld_ms(3, half) - 15 * MINUTE_MS).abs() < 1_000);
        assert!(withheld_ms(u32::MAX, u32::MAX) == HOUR_MS && withheld_ms(1, 0) == 4 * MINUTE_MS);
    }

    proptest! {
        /// Never sooner than planned less a fifth, never beyond the longest wait, whatever is asked for.
        #[test]
        fn waits_stay_within_their_bounds(tries in 1..30_u32, asked in proptest::option::of(any::<i64>()), jitter: u32) {
            match wait_ms(tries, asked, jitter) {
                None => prop_assert!(tries >= TRIES_MAX),
                Some(wait) => {
                    let planned = WAITS_MS[tries as usize - 1];
                    prop_assert!(wait >= planned * 4 / 5 - 1);
                    prop_assert!(wait <= (planned * 12 / 5 + 2).max(HOUR_MS));
                    prop_assert!(wait <= longest_wait_ms(tries) + 2);
                }
            }
        }

        #[test]
        fn any_header_is_read_or_left(value in ".{0,40}", now in 0..4_000_000_000_000_i64) {
            let asked = asked_ms(&value, now);
            prop_assert!(asked.is_none_or(|asked| (0..=LIFETIME_MS).contains(&asked)));
        }
    }
}
