//! The typefaces that a brand may choose: a small set that is embedded, so that documents and pages fetch nothing.

use serde::{Deserialize, Serialize};

use super::roster::nearest;
use crate::domain::kernel::{Error, Result};

/// A typeface of the set. Its files are under `templates/document/fonts` and `static/fonts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Typeface {
    /// A humanist sans.
    FiraSans,
    /// A grotesque.
    Inter,
    /// A geometric sans.
    Jost,
    /// A serif for reading.
    Literata,
    /// A slab serif.
    ZillaSlab,
}

impl Typeface {
    /// All of them with the words that people write.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("fira-sans", Self::FiraSans),
        ("inter", Self::Inter),
        ("jost", Self::Jost),
        ("literata", Self::Literata),
        ("zilla-slab", Self::ZillaSlab),
    ];

    /// The word used in files and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FiraSans => "fira-sans",
            Self::Inter => "inter",
            Self::Jost => "jost",
            Self::Literata => "literata",
            Self::ZillaSlab => "zilla-slab",
        }
    }

    /// The family's name, as it stands in its files.
    pub fn family(self) -> &'static str {
        match self {
            Self::FiraSans => "Fira Sans",
            Self::Inter => "Inter",
            Self::Jost => "Jost",
            Self::Literata => "Literata",
            Self::ZillaSlab => "Zilla Slab",
        }
    }

    /// Whether its letters have serifs, which decides what stands in for those it lacks.
    pub fn has_serifs(self) -> bool {
        matches!(self, Self::Literata | Self::ZillaSlab)
    }
}

impl TryFrom<String> for Typeface {
    type Error = Error;

    fn try_from(word: String) -> Result<Self> {
        let words = || Self::WORDS.iter().map(|(word, _)| *word);
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, typeface)| *typeface).ok_or_else(|| {
            // "Zilla Slab" is what the family is called everywhere else.
            let meant = nearest(&word.trim().to_lowercase().replace([' ', '_'], "-"), words());
            let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
            let all = words().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            Error::invalid(format!("`{word}` is no typeface of the set; {meant}It is one of {all}"))
        })
    }
}

impl From<Typeface> for String {
    fn from(typeface: Typeface) -> Self {
        typeface.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_as_itself_and_others_are_refused_with_what_was_meant() {
        for (word, typeface) in Typeface::WORDS {
            assert_eq!(Typeface::try_from((*word).to_owned()).unwrap(), *typeface);
            assert_eq!(typeface.as_str(), *word);
            assert_eq!(typeface.family().to_lowercase().replace(' ', "-"), *word);
        }
        let refused = |word: &str| Typeface::try_from(word.to_owned()).unwrap_err().public().to_owned();
        assert_eq!(
            refused("Zilla Slab"),
            "`Zilla Slab` is no typeface of the set; did you mean `zilla-slab`? It is one of `fira-sans`, `inter`, \
             `jost`, `literata`, `zilla-slab`"
        );
        assert!(!refused("Helvetica Neue").contains("did you mean"), "{}", refused("Helvetica Neue"));
    }
}
