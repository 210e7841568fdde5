//! attribution.toml: who and what is credited with the money that a lead brings.

use super::{
    super::{asset::words, finding::Findings, keys::Keys},
    whole,
};

/// Where it lies.
pub const ATTRIBUTION: &str = "rules/attribution.toml";

words! {
    /// The one touch that sources a deal.
    Primary {
        /// The first in the window.
        FirstTouch "first_touch",
        /// The last before the amount was said.
        LastTouch "last_touch",
    }
}

words! {
    /// How an amount is parted among all touches.
    Shares {
        /// To each the same.
        Linear "linear",
        /// 40 % to the first, 40 % to the last, the rest to those between; of two, a half each.
        Position "position",
        /// The later the more: half as much for each half-life before the amount was said.
        Decay "decay",
    }
}

/// attribution.toml; a folder without one goes by the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributionRule {
    /// Raised with every change; 0 for the default. Each credit names it.
    pub version: u32,
    /// What sources a deal.
    pub primary: Primary,
    /// How it is parted.
    pub shares: Shares,
    /// For [`Shares::Decay`], in days.
    pub half_life_days: u32,
    /// How long before an amount is said touches count for it, in days.
    pub window_days: u32,
}

impl Default for AttributionRule {
    fn default() -> Self {
        Self {
            version: 0,
            primary: Primary::FirstTouch,
            shares: Shares::Position,
            half_life_days: 30,
            window_days: 365,
        }
    }
}

impl AttributionRule {
    pub(in crate::domain::content) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Self {
        let ours = Self::default();
        let version = keys.need("version", f).and_then(|v| v.count(1, f)).unwrap_or(1);
        let primary = keys.get("primary").and_then(|v| v.choice(Primary::WORDS, f));
        let shares = keys.get("shares").and_then(|v| v.choice(Shares::WORDS, f));
        let mut days = |key: &'static str, most: u32, otherwise: u32, f: &mut Findings<'_>| {
            keys.get(key).and_then(|v| whole(v, 1, most, f)).unwrap_or(otherwise)
        };
        let half_life_days = days("half_life_days", 365, ours.half_life_days, f);
        let window_days = days("window_days", 1_095, ours.window_days, f);
        keys.finish(f);
        Self {
            version,
            primary: primary.unwrap_or(ours.primary),
            shares: shares.unwrap_or(ours.shares),
            half_life_days,
            window_days,
        }
    }

    /// As each credit names it: `v2 first_touch position`.
    pub fn name(&self) -> String {
        format!("v{} {} {}", self.version, self.primary.as_str(), self.shares.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{Library, SourceFile};

    fn read(text: &str) -> (AttributionRule, Vec<String>) {
        let file = SourceFile { path: ATTRIBUTION.to_owned(), bytes: text.as_bytes().to_vec() };
        let (library, findings) = Library::build([file]);
        let said = findings.into_iter().filter(|finding| finding.file == ATTRIBUTION);
        (library.rules.attribution, said.map(|finding| finding.message).collect())
    }

    #[test]
    fn what_is_written_is_read_and_what_is_left_out_is_the_default() {
        let (rule, said) = read("version = 3\nshares = \"decay\"\nhalf_life_days = 14\n");
        assert_eq!(said, [] as [String; 0]);
        let ours = AttributionRule::default();
        assert_eq!(rule, AttributionRule { version: 3, shares: Shares::Decay, half_life_days: 14, ..ours });
        assert_eq!(rule.name(), "v3 first_touch decay");
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let (rule, said) = read("primary = \"loudest\"\nshares = 3\nwindow_days = 0\nwho = 1\n");
        for part in ["version", "loudest", "shares", "window_days", "`who`"] {
            assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:?}");
        }
        assert_eq!((said.len(), rule.window_days), (5, AttributionRule::default().window_days));
    }
}
