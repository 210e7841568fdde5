//! What LinkedIn's Posts API wants said in its own way: whose account it is, words as its "little" text, and which month's version
//! of the API is spoken.
//!
//! Written from its published documentation (Posts API, little text format, versioning); LinkedIn itself cannot be reached from
//! where this is built.

use std::fmt;

use super::facet::{Facet, facets};
use crate::domain::kernel::{Error, Result, clock::UtcMs};

/// Where the API is.
pub const SERVER: &str = "https://api.linkedin.com";
/// Signs that mean something in little text. One that is not escaped ends the text there, and the answer is `201` all the same.
const RESERVED: &str = "\\|{}@[]()<>#*_~";
/// Longest id of a member or page, in bytes.
const ID_BYTES_MAX: usize = 64;
/// After how many months a version is about to be taken away: it lives for a year.
const OLD_MONTHS: i32 = 10;

/// Whether a host, in lower case, is LinkedIn's own: nobody else is to have a token of it.
pub fn is_own_host(name: &str) -> bool {
    name == "linkedin.com" || name.ends_with(".linkedin.com")
}

/// In whose name a post is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A member, by the id that their token tells.
    Person(String),
    /// A company page, by its number.
    Organization(String),
}

impl Author {
    /// What people type: `urn:li:organization:123`, `urn:li:person:abc`, or a page's number alone.
    ///
    /// # Errors
    /// `Invalid` with what may be written.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let is_number = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let is_id = |id: &str| {
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let found = match text.strip_prefix("urn:li:").and_then(|rest| rest.split_once(':')) {
            Some(("organization", id)) if is_number(id) => Some(Self::Organization(id.to_owned())),
            Some(("person", id)) if is_id(id) => Some(Self::Person(id.to_owned())),
            None if is_number(text) => Some(Self::Organization(text.to_owned())),
            _ => None,
        };
        found.filter(|author| author.id().len() <= ID_BYTES_MAX).ok_or_else(|| {
            Error::invalid(format!(
                "`{text}` is no account at LinkedIn; write urn:li:organization:123 for a company page (its number stands in the \
                 address of its admin view), or leave it out for the member whose token it is"
            ))
        })
    }

    /// The id alone.
    pub fn id(&self) -> &str {
        match self {
            Self::Person(id) | Self::Organization(id) => id,
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "urn:li:person:{id}"),
            Self::Organization(id) => write!(f, "urn:li:organization:{id}"),
        }
    }
}

/// `text` as little text: tags stay tags, everything else that would mean something is escaped.
pub fn little(text: &str) -> String {
    let mut little = String::with_capacity(text.len() + 16);
    let mut at = 0;
    for (range, facet) in facets(text) {
        let Facet::Tag(tag) = facet else { continue };
        escape(&text[at..range.start], &mut little);
        little.push_str("{hashtag|\\#|");
        escape(&tag, &mut little);
        little.push('}');
        at = range.end;
    }
    escape(&text[at..], &mut little);
    little
}

fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        if RESERVED.contains(c) {
            into.push('\\');
        }
        into.push(c);
    }
}

/// The address of the post of which LinkedIn says that another one repeats it (`422`, `DUPLICATE_POST`), as it stands in the words of
/// its answer.
pub fn duplicate_of(body: &str) -> Option<&str> {
    if !body.contains("DUPLICATE_POST") {
        return None;
    }
    let start = ["urn:li:share:", "urn:li:ugcPost:"].iter().filter_map(|kind| body.find(kind)).min()?;
    let rest = &body[start..];
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != ':').unwrap_or(rest.len());
    rest.get(..end).filter(|urn| is_post(urn))
}

/// Whether `urn` is the address of a post: it becomes a part of links.
pub fn is_post(urn: &str) -> bool {
    let number = urn.strip_prefix("urn:li:share:").or_else(|| urn.strip_prefix("urn:li:ugcPost:"));
    number.is_some_and(|number| {
        (1..=32).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// When a post was made, by the number of its address: like other networks LinkedIn puts the time before the last 22 bits. Its
/// documentation does not say so, and those that are known do.
pub fn made_ms(urn: &str) -> Option<UtcMs> {
    let number: u64 = urn.rsplit(':').next()?.parse().ok()?;
    i64::try_from(number >> 22).ok()
}

/// Which month's version of the API is spoken (`LinkedIn-Version`). Each is served for about a year, and then refused with `426`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    year: i32,
    month: i32,
}

impl Default for Version {
    /// The newest whose documentation this was checked against.
    fn default() -> Self {
        Self { year: 2026, month: 7 }
    }
}

impl Version {
    /// `202607`
    ///
    /// # Errors
    /// `Invalid` for what is no month.
    pub fn parse(text: &str) -> Result<Self> {
        let number = |part: Option<&str>| {
            part.filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|part| part.parse().ok())
        };
        match (number(text.get(..4)), number(text.get(4..))) {
            (Some(year @ 2022..=2999), Some(month @ 1..=12)) if text.len() == 6 => Ok(Self { year, month }),
            _ => Err(Error::invalid(format!(
                "`{text}` is no version of LinkedIn's API; write a month: 202607"
            ))),
        }
    }

    /// Whether it is later than `year` and `month`, so that there is none yet.
    pub fn is_ahead(&self, year: i32, month: u32) -> bool {
        let month = i32::try_from(month).unwrap_or_default();
        (self.year, self.month) > (year, month)
    }

    /// Whether it is about to be taken away in `year` and `month`, or was.
    pub fn is_old(&self, year: i32, month: u32) -> bool {
        let month = i32::try_from(month).unwrap_or_default();
        (year - self.year) * 12 + month - self.month >= OLD_MONTHS
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_compared_by_whole_names() {
        assert!(is_own_host("linkedin.com") && is_own_host("api.linkedin.com"));
        assert!(!is_own_host("notlinkedin.com") && !is_own_host("linkedin.com.evil.example"));
    }

    #[test]
    fn an_account_is_a_page_or_a_member() {
        assert_eq!(Author::parse("5515715").unwrap().to_string(), "urn:li:organization:5515715");
        assert_eq!(Author::parse(" urn:li:person:8_Sx-2 ").unwrap().to_string(), "urn:li:person:8_Sx-2");
        for wrong in [
            "",
            "northlight",
            "urn:li:organization:a",
            "urn:li:person:",
            "urn:li:company:1",
            "urn:li:person:a/b",
        ] {
            let told = Author::parse(wrong).unwrap_err();
            assert!(told.public().contains("urn:li:organization:123"), "{told}");
        }
    }

    #[test]
    fn what_means_something_is_escaped_and_tags_stay_tags() {
        assert_eq!(
            little("Backups (all_of them) #Restore, 3 < 4 @you *now*"),
            "Backups \\(all\\_of them\\) {hashtag|\\#|Restore}, 3 \\< 4 \\@you \\*now\\*"
        );
        assert_eq!(little("a\\b #1"), "a\\\\b \\#1");
        assert_eq!(little("#a_b"), "{hashtag|\\#|a\\_b}");
    }

    #[test]
    fn a_duplicate_names_the_post_that_it_repeats() {
        let body = r#"{"message":"com.linkedin.X: Content is a duplicate of urn:li:share:7141138937766391808","errorDetails":{"inputErrors":[{"code":"DUPLICATE_POST"}]},"status":422}"#;
        assert_eq!(duplicate_of(body), Some("urn:li:share:7141138937766391808"));
        // The report with this answer is of 14 December 2023.
        assert_eq!(made_ms("urn:li:share:7141138937766391808"), Some(1_702_580_198_709));
        assert_eq!(duplicate_of(&body.replace("DUPLICATE_POST", "OTHER")), None);
        assert_eq!(duplicate_of(r#"{"code":"DUPLICATE_POST"}"#), None);
        assert_eq!(duplicate_of(r#"DUPLICATE_POST urn:li:ugcPost:12"#), Some("urn:li:ugcPost:12"));
        assert_eq!(duplicate_of(r#"DUPLICATE_POST urn:li:share:x"#), None);
    }

    #[test]
    fn a_version_is_a_month_that_grows_old() {
        let version = Version::parse("202607").unwrap();
        assert_eq!((version.clone(), version.to_string().as_str()), (Version::default(), "202607"));
        assert!(!version.is_old(2027, 4) && version.is_old(2027, 5) && version.is_old(2030, 1));
        assert!(version.is_ahead(2026, 6) && !version.is_ahead(2026, 7) && !version.is_ahead(2027, 1));
        for wrong in ["2026-07", "202613", "20267", "", "２０２６07", "2026070"] {
            assert!(Version::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        /// Read as LinkedIn reads it, the words are what they were.
        #[test]
        fn nothing_is_cut(text in "(?s)[a-z\\\\|{}@\\[\\]()<>#*_~ é]{0,60}") {
            let little = little(&text);
            let (mut read, mut chars) = (String::new(), little.chars());
            while let Some(c) = chars.next() {
                match c {
                    '\\' => read.extend(chars.next()),
                    '{' => {
                        // A tag: `{hashtag|\#|word}`.
                        let rest = chars.as_str();
                        prop_assert!(rest.starts_with("hashtag|\\#|"), "{}", little);
                        chars = rest["hashtag|\\#|".len()..].chars();
                        read.push('#');
                    }
                    '}' => {}
                    c => {
                        prop_assert!(!RESERVED.contains(c), "{}", little);
                        read.push(c);
                    }
                }
            }
            prop_assert_eq!(read, text);
        }
    }
}
