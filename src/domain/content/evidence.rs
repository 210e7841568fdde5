//! What stands behind what is said: sources of figures, and the right to use an image.
//!
//! ```yaml
//! evidence:
//!   - claim: Two thirds of restore tests fail the first time
//!     source: https://brackenfold.example/restore-report-2026
//!     until: 2027-12-31      # the day after which somebody should look again
//! ```

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{
    finding::{Findings, Place},
    keys::{Found, Keys},
    tree::{Inline, Node, Target},
};

/// The file that says what images may be used for: a table a file name.
pub const LICENCES: &str = "images/licences.toml";
/// What makes a number a share, in the languages of our interface.
const SHARE_WORDS: [&str; 12] = [
    "%",
    "\u{ff05}",
    "\u{66a}",
    "\u{30d1}\u{30fc}\u{30bb}\u{30f3}\u{30c8}",
    "percent",
    "per cent",
    "prozent",
    "pour cent",
    "por ciento",
    "por cento",
    "prosent",
    "\u{628}\u{627}\u{644}\u{645}\u{626}\u{629}",
];

/// A source of something that an asset claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What is claimed.
    pub claim: String,
    /// Who says so: a web address, or words.
    pub source: String,
    /// The last day on which it may be relied on.
    pub until: Option<NaiveDate>,
    /// Where it stands.
    pub place: Place,
}

impl Evidence {
    pub(super) fn parse(found: Found, f: &mut Findings<'_>) -> Option<Self> {
        let place = found.place();
        let mut keys = found.map(f)?;
        let claim = keys.need("claim", f).and_then(|v| v.line(f));
        let source = keys.need("source", f).and_then(|v| {
            let is_address = v.word().is_some_and(|word| word.contains("://"));
            if is_address { v.https(f) } else { v.line(f) }
        });
        let until = keys.get("until").and_then(|v| v.date(f));
        keys.finish(f);
        Some(Self { claim: claim?, source: source?, until, place })
    }
}

/// The sources as readers see them, below the text: a line, and one item each.
pub(super) fn nodes(evidence: &[Evidence]) -> Vec<Node> {
    if evidence.is_empty() {
        return Vec::new();
    }
    let item = |evidence: &Evidence| {
        let source = match evidence.source.strip_prefix("https://") {
            Some(address) => Inline::Link {
                target: Target::Url(evidence.source.clone()),
                inlines: vec![Inline::Text(address.trim_end_matches('/').to_owned())],
            },
            None => Inline::Text(evidence.source.clone()),
        };
        vec![Node::Paragraph(vec![Inline::Text(format!("{} \u{2013} ", evidence.claim)), source])]
    };
    vec![Node::Rule, Node::List { ordered_start: None, items: evidence.iter().map(item).collect() }]
}

/// The first share in `text`, such as `38 %` or `60 percent`.
pub fn statistic(text: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(at) = text[from..].find(char::is_numeric).map(|at| from + at) {
        let is_part = |c: char| c.is_numeric() || matches!(c, '.' | ',' | '\u{66b}');
        let number = text[at..].find(|c| !is_part(c)).map_or(text.len(), |end| at + end);
        let rest = &text[number..];
        let word = rest.trim_start_matches([' ', '\u{a0}', '\u{202f}', '-']);
        let share = SHARE_WORDS.iter().find(|share| {
            let is_word = share.ends_with(|c: char| c.is_ascii_alphabetic());
            let ends = |rest: &str| !(is_word && rest.starts_with(char::is_alphanumeric));
            let begins = |begin: &str| begin.eq_ignore_ascii_case(share);
            word.get(..share.len()).is_some_and(begins) && ends(&word[share.len()..])
        });
        if let Some(share) = share {
            return Some(&text[at..number + rest.len() - word.len() + share.len()]);
        }
        from = number;
    }
    None
}

/// The right to use an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// `own work`, `CC BY 4.0`, the name of a contract.
    pub licence: String,
    /// Who made it.
    pub author: Option<String>,
    /// The last day on which it may be used.
    pub until: Option<NaiveDate>,
    /// Where it stands.
    pub place: Place,
}

/// Reads [`LICENCES`], by path under the content folder.
pub(super) fn licences(mut keys: Keys, f: &mut Findings<'_>) -> BTreeMap<String, Licence> {
    keys.rest()
        .into_iter()
        .filter_map(|(name, found)| Some((format!("images/{name}"), licence(found, f)?)))
        .collect()
}

fn licence(found: Found, f: &mut Findings<'_>) -> Option<Licence> {
    let place = found.place();
    let mut keys = found.map(f)?;
    let licence = keys.need("licence", f).and_then(|v| v.line(f));
    let author = keys.get("author").and_then(|v| v.line(f));
    let until = keys.get("until").and_then(|v| v.date(f));
    keys.finish(f);
    Some(Licence { licence: licence?, author, until, place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_found_and_other_numbers_are_not() {
        for (text, found) in [
            ("some 38 % fail", Some("38 %")),
            ("60 percent of them", Some("60 percent")),
            ("12,5\u{a0}Prozent", Some("12,5\u{a0}Prozent")),
            ("\u{7d04}30\u{ff05}", Some("30\u{ff05}")),
            ("a 40% margin", Some("40%")),
            ("2027 tests in 15 minutes", None),
            ("the 10% or 20%", Some("10%")),
            ("by 3 percentage points, of 38 percentiles", None),
            ("\u{663}\u{668}\u{66a}", Some("\u{663}\u{668}\u{66a}")),
            (
                "38\u{30d1}\u{30fc}\u{30bb}\u{30f3}\u{30c8}\u{306e}",
                Some("38\u{30d1}\u{30fc}\u{30bb}\u{30f3}\u{30c8}"),
            ),
            ("", None),
            ("9", None),
        ] {
            assert_eq!(statistic(text), found, "{text}");
        }
    }
}
