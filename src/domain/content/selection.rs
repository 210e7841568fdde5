//! Whom a block or an asset concerns: conditions on the reader and their partner, all of which must hold.
//!
//! Written as people say it: `sales, executive and tier gold+ and not region apac`. Commas mean "or", `and` joins
//! conditions, a condition without a name is about roles, and `gold+` is gold and every level above.

use std::fmt;

use serde::{Serialize, Serializer};

use super::finding::{At, Findings, codes, did_you_mean};
use crate::domain::{
    kernel::{Locale, Slug},
    partner::{AudienceRole, Partner, PartnerType, Region, Roles, Tier},
};

/// Most conditions of one selection.
const CONDITIONS_MAX: usize = 8;

/// Who reads.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'r> {
    /// What they do at the partner. Nothing for the public, which sees no block that names a role.
    pub roles: Option<Roles>,
    /// Their partner, or the one whose page they look at.
    pub partner: &'r Partner,
    /// The language they read.
    pub locale: &'r Locale,
}

impl<'r> Reader<'r> {
    /// Anybody who looks at a page of `partner`.
    pub fn public(partner: &'r Partner, locale: &'r Locale) -> Self {
        Self { roles: None, partner, locale }
    }

    /// Somebody at `partner` who does all five things: sees whatever some colleague does.
    pub fn insider(partner: &'r Partner, locale: &'r Locale) -> Self {
        Self { roles: Some(Roles::ALL), partner, locale }
    }
}

/// What a condition asks about. Lists hold at least one value, and one of them must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// What the reader does.
    Role(Roles),
    /// Their partner's level.
    Tier(Vec<Tier>),
    /// What their partner is.
    Type(Vec<PartnerType>),
    /// Where it sells.
    Region(Vec<Region>),
    /// An industry that it serves.
    Vertical(Vec<Slug>),
    /// A solution of the vendor's that it sells.
    Solution(Vec<Slug>),
    /// The reader's language; `de` fits `de-AT` too.
    Locale(Vec<Locale>),
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it asks about.
    pub test: Test,
    /// Whether it must not hold.
    pub is_negated: bool,
}

/// All conditions must hold; none: everyone is concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// In the author's order.
    pub conditions: Vec<Condition>,
}

const NAMES: [&str; 7] = ["role", "tier", "type", "region", "vertical", "solution", "locale"];
const EXAMPLE: &str = "write it like `sales, executive and tier gold+ and not region apac`";

impl Selection {
    /// Reads `text`, which stands at `at` of the file that `findings` are about. Conditions that cannot be read
    /// become findings and concern nobody: nothing is shown by accident.
    pub fn parse(text: &str, at: At, findings: &mut Findings<'_>) -> Self {
        let mut conditions = Vec::new();
        let mut offset = 0;
        for part in text.split(" and ") {
            let start = at.after(offset + (part.len() - part.trim_start().len()));
            offset += part.len() + " and ".len();
            conditions.push(condition(part.trim(), start, findings));
        }
        if conditions.len() > CONDITIONS_MAX {
            let message = format!("there are {} conditions", conditions.len());
            findings.add(codes::BAD_SELECTION, at, message, format!("keep {CONDITIONS_MAX}"));
            conditions.truncate(CONDITIONS_MAX);
        }
        Self { conditions }
    }

    /// Whether it concerns this reader.
    pub fn concerns(&self, reader: &Reader<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(reader))
    }

    /// Whether it asks nothing.
    pub fn is_for_everyone(&self) -> bool {
        self.conditions.is_empty()
    }

    /// The roles that it may concern.
    pub fn possible_roles(&self) -> Roles {
        let possible = |role: &AudienceRole| {
            self.conditions.iter().all(|condition| match condition.test {
                Test::Role(roles) => roles.contains(*role) != condition.is_negated,
                _ => true,
            })
        };
        AudienceRole::ALL.into_iter().filter(possible).collect()
    }
}

impl Condition {
    fn holds(&self, reader: &Reader<'_>) -> bool {
        let Partner { tier, partner_type, region, verticals, solutions, .. } = reader.partner;
        let fits = match &self.test {
            // What names a role is for partners' people; the public is none of them, negated or not. All roles
            // together mean everybody.
            Test::Role(roles) => match reader.roles {
                Some(own) => roles.intersects(own),
                None => return !self.is_negated && *roles == Roles::ALL,
            },
            Test::Tier(tiers) => tiers.contains(tier),
            Test::Type(types) => types.contains(partner_type),
            Test::Region(regions) => regions.contains(region),
            Test::Vertical(wanted) => {
                wanted.iter().any(|one| verticals.iter().any(|own| own == one.as_str()))
            }
            Test::Solution(wanted) => {
                wanted.iter().any(|one| solutions.iter().any(|own| own == one.as_str()))
            }
            Test::Locale(wanted) => {
                let tags = reader.locale.fallbacks();
                wanted.iter().any(|one| tags.contains(&one.as_str()))
            }
        };
        fits != self.is_negated
    }
}

fn condition(text: &str, at: At, findings: &mut Findings<'_>) -> Condition {
    let (is_negated, rest) = match text.strip_prefix("not ") {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let at = at.after(text.len() - rest.len());
    let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
    let name = NAMES.into_iter().find(|name| *name == first);
    let (words, words_at) = match name {
        Some(_) => (others, at.after(rest.len() - others.len())),
        None => (rest, at),
    };
    let mut words = Words { text: words, at: words_at, name: name.unwrap_or("role"), findings };
    let test = match words.name {
        "tier" => Test::Tier(words.tiers()),
        "type" => Test::Type(words.choices(PartnerType::WORDS)),
        "region" => Test::Region(words.choices(Region::WORDS)),
        "vertical" => Test::Vertical(words.parsed(|word| Slug::parse(word).ok())),
        "solution" => Test::Solution(words.parsed(|word| Slug::parse(word).ok())),
        "locale" => Test::Locale(words.parsed(|word| Locale::parse(word).ok())),
        _ => Test::Role(words.roles()),
    };
    // What could not be read fits nobody, and must not fit everybody by being negated.
    let is_negated = is_negated && !test.is_empty();
    Condition { test, is_negated }
}

impl Test {
    /// Whether it has no word that could be read.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Role(roles) => roles.is_empty(),
            Self::Tier(list) => list.is_empty(),
            Self::Type(list) => list.is_empty(),
            Self::Region(list) => list.is_empty(),
            Self::Vertical(list) | Self::Solution(list) => list.is_empty(),
            Self::Locale(list) => list.is_empty(),
        }
    }
}

/// The values of one condition.
struct Words<'w, 'f, 't> {
    text: &'w str,
    at: At,
    name: &'static str,
    findings: &'f mut Findings<'t>,
}

impl Words<'_, '_, '_> {
    /// Each value with its place.
    fn each(&self) -> Vec<(String, At)> {
        let mut at = 0;
        let mut found = Vec::new();
        for word in self.text.split([',', ';']) {
            found.push((word.trim().to_owned(), self.at.after(at + word.len() - word.trim_start().len())));
            at += word.len() + 1;
        }
        found
    }

    fn fault(&mut self, word: &str, at: At, fix: String) {
        let message = match word {
            "" => format!("a {} is wanted here", self.name),
            word => format!("`{word}` is no {}", self.name),
        };
        let code = if self.name == "role" { codes::UNKNOWN_ROLE } else { codes::BAD_SELECTION };
        self.findings.add(code, at, message, fix);
    }

    fn roles(&mut self) -> Roles {
        let mut known = Roles::NONE;
        for (word, at) in self.each() {
            match AudienceRole::parse(&word) {
                Some(role) => known.insert(role),
                None => {
                    let fix = other_name(&word)
                        .unwrap_or_else(|| did_you_mean(&word, AudienceRole::ALL.map(AudienceRole::as_str)));
                    self.fault(&word, at, fix);
                }
            }
        }
        known
    }

    fn tiers(&mut self) -> Vec<Tier> {
        let mut known = Vec::new();
        for (word, at) in self.each() {
            let (name, and_above) = match word.strip_suffix('+') {
                Some(name) => (name, true),
                None => (word.as_str(), false),
            };
            match Tier::WORDS.iter().find(|(tier, _)| *tier == name) {
                Some((_, tier)) if and_above => {
                    known.extend(Tier::WORDS.iter().map(|(_, other)| *other).filter(|other| other >= tier));
                }
                Some((_, tier)) => known.push(*tier),
                None => self.fault(&word, at, did_you_mean(name, Tier::WORDS.iter().map(|(name, _)| *name))),
            }
        }
        known
    }

    fn choices<T: Copy>(&mut self, choices: &[(&'static str, T)]) -> Vec<T> {
        let mut known = Vec::new();
        for (word, at) in self.each() {
            match choices.iter().find(|(name, _)| *name == word) {
                Some((_, value)) => known.push(*value),
                None => self.fault(&word, at, did_you_mean(&word, choices.iter().map(|(name, _)| *name))),
            }
        }
        known
    }

    fn parsed<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let mut known = Vec::new();
        for (word, at) in self.each() {
            match parse(&word) {
                Some(value) => known.push(value),
                None => self.fault(&word, at, EXAMPLE.to_owned()),
            }
        }
        known
    }
}

/// How to write a word that is no role but has a meaning elsewhere.
fn other_name(word: &str) -> Option<String> {
    let bare = word.trim_end_matches('+');
    let is_in = |name: &'static str, mut words: std::slice::Iter<'_, &str>| {
        words.any(|known| *known == bare).then_some(name)
    };
    let names = |list: Vec<&'static str>, name| is_in(name, list.iter());
    let name = names(Tier::WORDS.iter().map(|(name, _)| *name).collect(), "tier")
        .or_else(|| names(PartnerType::WORDS.iter().map(|(name, _)| *name).collect(), "type"))
        .or_else(|| names(Region::WORDS.iter().map(|(name, _)| *name).collect(), "region"))?;
    Some(format!("name what it is: `{name} {word}`; conditions are joined by `and`"))
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conditions.is_empty() {
            return f.write_str("everyone");
        }
        for (at, condition) in self.conditions.iter().enumerate() {
            if at > 0 {
                f.write_str(" and ")?;
            }
            write!(f, "{condition}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negated {
            f.write_str("not ")?;
        }
        let known = |name: &str, words: Vec<&str>| format!("{name} {}", words.join(", "));
        fn of<T: PartialEq>(choices: &[(&'static str, T)], list: &[T]) -> Vec<&'static str> {
            choices.iter().filter(|(_, value)| list.contains(value)).map(|(word, _)| *word).collect()
        }
        let text = match &self.test {
            Test::Role(roles) => roles.iter().map(AudienceRole::as_str).collect::<Vec<_>>().join(", "),
            Test::Tier(tiers) => known("tier", of(Tier::WORDS, tiers)),
            Test::Type(types) => known("type", of(PartnerType::WORDS, types)),
            Test::Region(regions) => known("region", of(Region::WORDS, regions)),
            Test::Vertical(list) => known("vertical", list.iter().map(Slug::as_str).collect()),
            Test::Solution(list) => known("solution", list.iter().map(Slug::as_str).collect()),
            Test::Locale(list) => known("locale", list.iter().map(Locale::as_str).collect()),
        };
        f.write_str(&text)
    }
}

impl Serialize for Selection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::tests::northlight, *};

    fn parse(text: &str) -> Selection {
        let mut findings = Findings::new("x", text);
        let selection = Selection::parse(text, At::Offset(0), &mut findings);
        assert_eq!(findings.finish(), [], "{text}");
        selection
    }

    /// Whether a seller of Northlight who reads Austrian German is concerned.
    fn concerns(text: &str) -> bool {
        let (partner, locale) = (northlight(), Locale::parse("de-AT").unwrap());
        let roles = Some([AudienceRole::Sales].into_iter().collect());
        parse(text).concerns(&Reader { roles, partner: &partner, locale: &locale })
    }

    #[test]
    fn conditions_combine_as_they_read() {
        for text in [
            "sales",
            "technical, sales",
            "role sales",
            "not technical",
            "tier gold+",
            "tier silver, platinum and region americas",
            "sales and not region apac, emea and type msp",
            "vertical health, retail and solution fold-proof",
            "locale de",
            "locale fr, de-AT",
        ] {
            assert!(concerns(text), "{text}");
        }
        for text in [
            "technical",
            "not sales",
            "tier gold",
            "not tier gold+",
            "sales and region emea",
            "vertical retail",
            "solution fold-vault",
            "locale de-CH",
            "not locale de",
        ] {
            assert!(!concerns(text), "{text}");
        }
    }

    #[test]
    fn the_public_sees_what_names_a_partner_and_nothing_that_names_a_role() {
        let (partner, locale) = (northlight(), Locale::en());
        let shown = |text: &str| parse(text).concerns(&Reader::public(&partner, &locale));
        assert!(shown("region americas and tier gold+"));
        assert!(!shown("sales") && !shown("not technical") && !shown("sales and region americas"));
        assert!(shown("sales, technical, marketing, development, executive"), "that is everybody");
    }

    #[test]
    fn what_cannot_be_read_concerns_nobody() {
        let (partner, locale) = (northlight(), Locale::en());
        for text in ["", "boss", "not boss", "tier", "not tier gld", "region europe", "sales and"] {
            let mut findings = Findings::new("x", text);
            let selection = Selection::parse(text, At::Offset(0), &mut findings);
            assert!(!findings.finish().is_empty(), "{text}");
            assert!(!selection.concerns(&Reader::insider(&partner, &locale)), "{text}");
        }
    }

    fn condition() -> impl Strategy<Value = String> {
        let values = prop::sample::select(vec![
            "sales",
            "technical, executive",
            "tier gold+",
            "tier silver, platinum",
            "region emea",
            "type msp",
            "vertical health",
            "solution fold-proof",
            "locale de",
        ]);
        (any::<bool>(), values)
            .prop_map(|(not, text)| if not { format!("not {text}") } else { text.to_owned() })
    }

    proptest! {
        #[test]
        fn another_condition_never_adds_a_reader(
            conditions in prop::collection::vec(condition(), 1..5), more in condition(), role in 0_usize..6,
        ) {
            let (partner, locale) = (northlight(), Locale::parse("de-AT").unwrap());
            let roles = AudienceRole::ALL.get(role).map(|role| [*role].into_iter().collect());
            let reader = Reader { roles, partner: &partner, locale: &locale };
            let wide = conditions.join(" and ");
            let narrow = format!("{wide} and {more}");
            prop_assert!(parse(&wide).concerns(&reader) || !parse(&narrow).concerns(&reader));
            prop_assert_eq!(parse(&parse(&wide).to_string()), parse(&wide), "it is written as it is read");
        }
    }
}
