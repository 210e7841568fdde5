//! Which touches an amount of money is credited to.
//!
//! One touch **sources** it, so that nothing is counted twice; every other one in the window **influenced** it; and the amount
//! is parted among all of them to the last cent. A partner that only holds the deal has it **attached**.

use crate::domain::{
    content::rules::attribution::{AttributionRule, Primary, Shares},
    engagement::EventKind,
    kernel::clock::{DAY_MS, UtcMs},
};

/// Most touches that one amount is parted among; of more, the first half and the last half count.
pub const TOUCHES_MAX: usize = 100;
/// The weight of a touch at the moment at which the amount is said, for [`Shares::Decay`].
const FULL_WEIGHT: f64 = 1e9;

/// How deals are credited, for people.
pub const CREDIT: &str = "A deal is sourced once: by the one touch that the rule names. Every other touch in the window \
    influenced it, so that influenced deals are counted for each that had a part in them and are no sum. Shares part each \
    amount among all touches and add up to it. A touch is what one person did with one asset of one partner on one day in UTC, \
    taken for a person’s act; the same person through another partner counts. Credit is fixed when an amount is said.";

/// What a person did, once for each day, partner, asset and newsletter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The event that it was first that day.
    pub event_id: String,
    /// When.
    pub at_ms: UtcMs,
    /// What.
    pub kind: EventKind,
    /// At whose partner.
    pub partner_slug: String,
    /// With which asset; empty where it was none.
    pub asset: String,
    /// By which newsletter or sequence; empty where it was none.
    pub scope: String,
    /// Where the link stood that led to it, `mail` for a mail of ours; empty where it was none.
    pub channel: String,
}

/// A touch with its part of an amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// The touch.
    pub touch: Touch,
    /// Whether it sourced the amount.
    pub is_primary: bool,
    /// Its part, in the currency's smallest unit.
    pub minor_units: i64,
}

/// Parts `minor_units`, said at `said_ms`, among what the person did, in any order; nothing where they did nothing in the
/// window. What is left of rounding goes to those that lost most by it, the earlier first.
pub fn credit(
    rule: &AttributionRule,
    minor_units: i64,
    said_ms: UtcMs,
    mut touches: Vec<Touch>,
) -> Vec<Credit> {
    let from_ms = said_ms - i64::from(rule.window_days) * DAY_MS;
    touches.retain(|touch| (from_ms..=said_ms).contains(&touch.at_ms));
    touches.sort_by(|a, b| (a.at_ms, &a.event_id).cmp(&(b.at_ms, &b.event_id)));
    let mut seen = std::collections::HashSet::new();
    touches.retain(|touch| {
        let day = touch.at_ms.div_euclid(DAY_MS);
        seen.insert((day, touch.partner_slug.clone(), touch.asset.clone(), touch.scope.clone()))
    });
    if touches.len() > TOUCHES_MAX {
        touches.drain(TOUCHES_MAX / 2..touches.len() - TOUCHES_MAX / 2);
    }
    let weights: Vec<u64> = (0..touches.len()).map(|at| weight(rule, said_ms, &touches, at)).collect();
    let primary = match rule.primary {
        Primary::FirstTouch => 0,
        Primary::LastTouch => touches.len().saturating_sub(1),
    };
    let parts = parted(minor_units, &weights);
    let credited = touches.into_iter().zip(parts).enumerate();
    credited
        .map(|(at, (touch, minor_units))| Credit { touch, is_primary: at == primary, minor_units })
        .collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and FULL_WEIGHT")]
fn weight(rule: &AttributionRule, said_ms: UtcMs, touches: &[Touch], at: usize) -> u64 {
    match rule.shares {
        Shares::Linear => 1,
        Shares::Position => match touches.len() {
            0..=2 => 1,
            // 40 % each of the outer two, 20 % for all between.
            count if at == 0 || at == count - 1 => 2 * (count as u64 - 2),
            _ => 1,
        },
        Shares::Decay => {
            let half_life_ms = (i64::from(rule.half_life_days) * DAY_MS) as f64;
            let half_lives = (said_ms - touches[at].at_ms) as f64 / half_life_ms;
            ((FULL_WEIGHT * (-half_lives).exp2()).round() as u64).max(1)
        }
    }
}

/// Largest remainders.
fn parted(minor_units: i64, weights: &[u64]) -> Vec<i64> {
    let whole = u128::try_from(minor_units).unwrap_or(0);
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return Vec::new();
    }
    let mut parts: Vec<u128> = weights.iter().map(|weight| whole * u128::from(*weight) / sum).collect();
    let mut losers: Vec<usize> = (0..weights.len()).collect();
    losers.sort_by_key(|at| std::cmp::Reverse(whole * u128::from(weights[*at]) % sum));
    // Fewer are left than there are parts.
    let left = usize::try_from(whole - parts.iter().sum::<u128>()).unwrap_or(0);
    for at in losers.into_iter().take(left) {
        parts[at] += 1;
    }
    parts.into_iter().map(|part| i64::try_from(part).unwrap_or(i64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAID_MS: UtcMs = 400 * DAY_MS;

    fn touch(day: i64, partner: &str, asset: &str) -> Touch {
        Touch {
            event_id: format!("evt_{day}{partner}{asset}"),
            at_ms: day * DAY_MS + 1,
            kind: EventKind::PageView,
            partner_slug: partner.to_owned(),
            asset: asset.to_owned(),
            scope: String::new(),
            channel: String::new(),
        }
    }

    fn parts(rule: &AttributionRule, minor_units: i64, touches: Vec<Touch>) -> Vec<(String, bool, i64)> {
        let credits = credit(rule, minor_units, SAID_MS, touches);
        credits.into_iter().map(|it| (it.touch.asset, it.is_primary, it.minor_units)).collect()
    }

    fn path() -> Vec<Touch> {
        ["a", "b", "c", "d"]
            .iter()
            .zip([100, 200, 300, 399])
            .map(|(asset, day)| touch(day, "x", asset))
            .collect()
    }

    #[test]
    fn one_touch_sources_and_every_cent_is_somebodys() {
        let ours = AttributionRule::default();
        let of = |parts: &[(&str, bool, i64)]| -> Vec<(String, bool, i64)> {
            parts.iter().map(|(asset, primary, part)| ((*asset).to_owned(), *primary, *part)).collect()
        };
        assert_eq!(
            parts(&ours, 1_001, path()),
            of(&[("a", true, 401), ("b", false, 100), ("c", false, 100), ("d", false, 400)])
        );
        let last = AttributionRule { primary: Primary::LastTouch, shares: Shares::Linear, ..ours };
        assert_eq!(
            parts(&last, 10, path()),
            of(&[("a", false, 3), ("b", false, 3), ("c", false, 2), ("d", true, 2)])
        );
        let decay = AttributionRule { shares: Shares::Decay, half_life_days: 99, ..ours };
        let two = vec![touch(300, "x", "a"), touch(399, "x", "b")];
        assert_eq!(parts(&decay, 300, two), of(&[("a", true, 100), ("b", false, 200)]));
    }

    #[test]
    fn what_is_done_twice_a_day_or_before_the_window_is_no_touch() {
        let ours = AttributionRule { window_days: 50, ..AttributionRule::default() };
        let mut again = touch(399, "x", "d");
        again.at_ms += 60_000;
        again.event_id = "evt_again".to_owned();
        let touches: Vec<Touch> = path().into_iter().chain([again, touch(399, "y", "d")]).collect();
        let credits = credit(&ours, 100, SAID_MS, touches);
        let of: Vec<(&str, i64)> =
            credits.iter().map(|it| (it.touch.partner_slug.as_str(), it.minor_units)).collect();
        assert_eq!(of, [("x", 50), ("y", 50)]);
        assert_eq!(credit(&ours, 100, SAID_MS, vec![touch(10, "x", "a"), touch(401, "x", "a")]), []);
    }

    #[test]
    fn of_very_many_the_first_and_the_last_count() {
        let touches: Vec<Touch> = (100..400).map(|day| touch(day, "x", "a")).collect();
        let credits = credit(&AttributionRule::default(), 1_000_000, SAID_MS, touches);
        assert_eq!(credits.len(), TOUCHES_MAX);
        assert_eq!((credits[0].touch.at_ms, credits[0].minor_units), (100 * DAY_MS + 1, 400_000));
        assert_eq!(credits[TOUCHES_MAX - 1].touch.at_ms, 399 * DAY_MS + 1);
    }

    proptest! {
        /// Whatever was done, parts add up to the amount, none is negative, one is primary, and order does not matter.
        #[test]
        fn parts_add_up(
            units in 1..i64::MAX,
            days in prop::collection::vec((0..500_i64, 0..3_u8, 0..4_u8), 0..150),
            shares in 0..3_usize,
            last: bool,
        ) {
            let rule = AttributionRule {
                primary: if last { Primary::LastTouch } else { Primary::FirstTouch },
                shares: Shares::WORDS[shares].1,
                ..AttributionRule::default()
            };
            let touches: Vec<Touch> =
                days.iter().map(|(day, partner, asset)| touch(*day, &partner.to_string(), &asset.to_string())).collect();
            let credits = credit(&rule, units, SAID_MS, touches.clone());
            let turned = credit(&rule, units, SAID_MS, touches.into_iter().rev().collect());
            prop_assert_eq!(&credits, &turned);
            prop_assert!(credits.iter().all(|it| it.minor_units >= 0));
            if !credits.is_empty() {
                prop_assert_eq!(credits.iter().map(|it| it.minor_units).sum::<i64>(), units);
                prop_assert_eq!(credits.iter().filter(|it| it.is_primary).count(), 1);
            }
        }
    }
}
