//! Badges and bars: drawn, and said in words for those who cannot see the drawing.

use serde::Serialize;

/// The colour of a drawing's part; a word or a shape always says the same.
pub type Tone = &'static str;

/// A state in a word.
#[derive(Debug, Clone, Serialize)]
pub struct Badge {
    /// `good`, `warn`, `bad`, `brand`, or empty.
    pub tone: Tone,
    /// The word.
    pub text: String,
}

impl Badge {
    /// A badge.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// A horizontal bar of one or more parts.
#[derive(Debug, Clone, Serialize)]
pub struct Bar {
    /// The drawing in words.
    pub says: String,
    /// From the start.
    pub parts: Vec<Part>,
}

/// A part of a bar.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// Its colour.
    pub tone: Tone,
    /// Where it begins, in percent.
    pub at: f64,
    /// How wide it is, in percent.
    pub share: f64,
    /// What it counts.
    pub label: String,
    /// How many.
    pub count: i64,
}

impl Bar {
    /// Parts of a whole; those with a count of zero are not drawn and still named.
    pub fn of(parts: &[(Tone, &str, i64)]) -> Self {
        let total = parts.iter().map(|(_, _, count)| (*count).max(0)).sum::<i64>();
        Self::within(parts, total)
    }

    /// Parts of a whole of `total`; what they do not fill stays empty.
    pub fn within(parts: &[(Tone, &str, i64)], total: i64) -> Self {
        let mut at = 0.0;
        let parts: Vec<Part> = parts
            .iter()
            .map(|(tone, label, count)| {
                let share = percent(*count, total);
                let part = Part { tone, at: tenth(at), share, label: (*label).to_owned(), count: *count };
                at += share;
                part
            })
            .collect();
        let words: Vec<String> = parts.iter().map(|part| format!("{} {}", part.count, part.label)).collect();
        Self { says: words.join(", "), parts }
    }

    /// One value against the largest of its list.
    pub fn single(tone: Tone, says: String, value: i64, most: i64) -> Self {
        let part = Part { tone, at: 0.0, share: percent(value, most), label: String::new(), count: value };
        Self { says, parts: vec![part] }
    }
}

/// `part` of `whole` in percent, with one decimal; zero of nothing.
pub fn percent(part: i64, whole: i64) -> f64 {
    if whole <= 0 {
        return 0.0;
    }
    // Counts are far below 2^52, so nothing is lost.
    let share = part as f64 / whole as f64 * 100.0;
    tenth(share.clamp(0.0, 100.0))
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_drawn_and_said() {
        let bar = Bar::within(&[("good", "kept", 3), ("bad", "late", 1)], 8);
        assert_eq!(bar.says, "3 kept, 1 late");
        assert_eq!((bar.parts[1].at, bar.parts[1].share), (37.5, 12.5));
        assert_eq!(Bar::of(&[("good", "kept", 0)]).parts[0].share, 0.0);
    }
}
