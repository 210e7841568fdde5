//! A partner's own site that we post to: the names of posts, and what a site's answers mean.

pub mod answer;
pub mod schedule;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use answer::{Answer, Remote, Verdict};

/// How posts are put on a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Somebody at the partner's looks at it first and publishes it.
    Draft,
    /// It is public at once.
    Publish,
}

impl Mode {
    /// The word in the database, and what WordPress calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Publish => "publish",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Draft, Self::Publish].into_iter().find(|mode| mode.as_str() == word)
    }
}

/// The slug of a post, by which it is found again where nobody knows whether it was made: the same for ever, also after our
/// database was lost.
pub fn slug_of(partner: &str, asset: &str) -> String {
    let hash = Sha256::digest(format!("{partner}\n{asset}").as_bytes());
    format!("pc-{}", HEXLOWER.encode(&hash[..8]))
}

/// The hash of what a post says.
pub fn hash_of(title: &str, html: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(format!("{title}\n{html}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_of_one_partner_and_asset() {
        let slug = slug_of("northlight", "blog/a");
        assert_eq!(slug, slug_of("northlight", "blog/a"));
        assert!(slug.len() == 19 && slug.starts_with("pc-"), "{slug}");
        assert!(slug != slug_of("ipe", "blog/a") && slug != slug_of("northlight", "blog/b"));
        assert_ne!(hash_of("a", "b"), hash_of("a", "c"));
    }

    #[test]
    fn words_read_back() {
        for mode in [Mode::Draft, Mode::Publish] {
            assert_eq!(Mode::parse(mode.as_str()), Some(mode));
        }
        assert_eq!(Mode::parse("private"), None);
    }
}
