//! Warnings before a token ends: 14, 7 and 1 days before, each once.

use crate::domain::kernel::clock::{DAY_MS, UtcMs};

/// How many days before the end there is a warning.
const DAYS: [i64; 3] = [14, 7, 1];

/// The warning that is due: how many days before the end, if one is that was not given. `told_days` is the last one that was. Who
/// was not told of the first in time is told of the latest alone.
pub fn due(expires_ms: UtcMs, told_days: Option<i64>, now_ms: UtcMs) -> Option<i64> {
    let left_ms = expires_ms - now_ms;
    if left_ms <= 0 {
        return None;
    }
    let latest = DAYS.into_iter().filter(|days| left_ms <= days * DAY_MS).min()?;
    told_days.is_none_or(|told| latest < told).then_some(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_given_once() {
        let end = 100 * DAY_MS;
        let at = |days: i64, told| due(end, told, end - days * DAY_MS);
        assert_eq!((at(15, None), at(14, None), at(14, Some(14))), (None, Some(14), None));
        assert_eq!((at(8, Some(14)), at(7, Some(14)), at(7, Some(7))), (None, Some(7), None));
        assert_eq!((at(1, Some(7)), at(1, Some(1)), at(0, None)), (Some(1), None, None));
        assert_eq!(at(3, None), Some(7), "and not all at once");
        assert_eq!(at(13, Some(7)), None, "a clock that was set back warns nobody twice");
    }
}
