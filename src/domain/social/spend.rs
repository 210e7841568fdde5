//! What may be spent at X, whose interface costs money for each post: prices, a budget for a calendar month, and when to tell of it.
//! Amounts are whole millionths of a US dollar.

use std::fmt;

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, de};

use crate::domain::kernel::{
    Error, Result,
    clock::{UtcMs, utc},
};

/// Of a dollar.
const MILLION: i64 = 1_000_000;
/// Largest amount that is taken: a slip of the pen is more likely than a larger one.
const DOLLARS_MAX: i64 = 1_000_000;
/// At how many percent of the budget there is the first notice.
pub const EARLY_PERCENT: i64 = 80;

/// An amount in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Usd(i64);

impl Usd {
    /// Of so many millionths.
    pub const fn micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In millionths.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// `20`, `20.00`, `0.015`: no sign, no blanks, six decimals at most.
    ///
    /// # Errors
    /// `Invalid` with what may be written.
    pub fn parse(text: &str) -> Result<Self> {
        let (whole, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let read = || {
            if !is_digits(whole) || !is_digits(decimals) || decimals.len() > 6 {
                return None;
            }
            let dollars = whole.parse::<i64>().ok().filter(|dollars| *dollars <= DOLLARS_MAX)?;
            let micros = format!("{decimals:0<6}").parse::<i64>().ok()?;
            Some(Self(dollars * MILLION + micros))
        };
        read().ok_or_else(|| {
            Error::invalid(format!(
                "`{text}` is no amount in US dollars; write 20.00 or 0.015, {DOLLARS_MAX} at most"
            ))
        })
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// So many times as much.
    #[must_use]
    pub const fn times(self, count: i64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// What is left of it without `other`, never less than nothing.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }
}

impl fmt::Display for Usd {
    /// `$20.00`, `$0.015`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, micros) = (self.0 / MILLION, (self.0 % MILLION).abs());
        let decimals = format!("{micros:06}");
        let decimals = decimals.trim_end_matches('0');
        write!(f, "${dollars}.{decimals:0<2}")
    }
}

impl<'de> Deserialize<'de> for Usd {
    /// A number of TOML, which keeps its decimals when it is written out again, or the same as text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Whole(i64),
            Decimal(f64),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Whole(dollars) => dollars.to_string(),
            Written::Decimal(dollars) => dollars.to_string(),
            Written::Text(text) => text,
        };
        Self::parse(&text).map_err(|error| de::Error::custom(error.public()))
    }
}

/// What X asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// A post without a link.
    pub post: Usd,
    /// A post with one.
    pub post_with_link: Usd,
    /// The words that stand for a picture.
    pub alt_text: Usd,
    /// A picture.
    pub upload: Usd,
    /// Each post that is read.
    pub read_post: Usd,
    /// Each account that is read: whose a token is.
    pub read_user: Usd,
}

impl Default for Prices {
    /// Those of its documentation as of 2026 (docs.x.com, pricing). It names none for uploading a picture.
    fn default() -> Self {
        Self {
            post: Usd(15_000),
            post_with_link: Usd(200_000),
            alt_text: Usd(5_000),
            upload: Usd(0),
            read_post: Usd(5_000),
            read_user: Usd(10_000),
        }
    }
}

impl Prices {
    /// What a post costs.
    pub fn of_post(&self, has_link: bool) -> Usd {
        if has_link { self.post_with_link } else { self.post }
    }

    /// What a picture costs.
    pub fn of_picture(&self, has_alt: bool) -> Usd {
        if has_alt { self.upload.plus(self.alt_text) } else { self.upload }
    }
}

/// On which terms X is posted at: never without a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// What may be spent in a calendar month.
    pub budget: Option<Usd>,
    /// What things cost.
    pub prices: Prices,
}

impl Terms {
    /// Of which percentage of the budget there should be a notice by now: 80, or 100 as soon as it pays for no further post with a
    /// link, as all of ours are.
    pub fn due_notice(&self, spent: Usd) -> Option<i64> {
        let budget = self.budget?;
        if spent.plus(self.prices.post_with_link) > budget {
            return Some(100);
        }
        (spent.as_micros().saturating_mul(100) >= budget.as_micros().saturating_mul(EARLY_PERCENT))
            .then_some(EARLY_PERCENT)
    }
}

macro_rules! whats {
    ($($(#[$doc:meta])* $case:ident $word:literal $label:literal,)*) => {
        /// What money is spent for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum What { $($(#[$doc])* $case,)* }

        impl What {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The word in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $word,)* }
            }

            /// For people.
            pub fn label(self) -> &'static str {
                match self { $(Self::$case => $label,)* }
            }

            /// Reads the word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }
    };
}

whats! {
    /// A post without a link.
    Post "post" "a post",
    /// A post with one.
    PostWithLink "post_with_link" "a post with a link",
    /// A picture, with the words that stand for it.
    Picture "picture" "a picture",
    /// Looking for a post of ours.
    ReadPosts "read_posts" "looking for a post",
    /// Asking whose a token is.
    ReadUser "read_user" "asking whose a token is",
}

/// The month of a moment, `2027-02`, where the vendor is.
pub fn month(at_ms: UtcMs, zone: Tz) -> String {
    utc(at_ms).with_timezone(&zone).format("%Y-%m").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Usd {
        Usd::parse(text).unwrap()
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(usd("0.015").as_micros(), 15_000);
        assert_eq!(usd(" 20 ").to_string(), "$20.00");
        assert_eq!(
            (usd("0.2").to_string(), usd("0.0050").to_string()),
            ("$0.20".to_owned(), "$0.005".to_owned())
        );
        for wrong in ["", "-1", "1,5", "1.", ".5", "1.2345678", "9999999", "$1", "1e3", "NaN", "１"] {
            assert!(Usd::parse(wrong).unwrap_err().public().contains("US dollars"), "{wrong}");
        }
        // A hundred posts for 0.1 + 0.1 + … are ten dollars, and not nearly.
        let sum = (0..100).fold(Usd::default(), |sum, _| sum.plus(usd("0.1")));
        assert_eq!(sum, usd("10"));
        assert_eq!(usd("1").less(usd("2")), Usd::default());
    }

    #[test]
    fn amounts_are_read_from_a_configuration() {
        #[derive(Deserialize)]
        struct Read {
            a: Usd,
        }
        let read = |text: &str| toml::from_str::<Read>(text).map(|read| read.a);
        for (text, micros) in
            [("a = 20.00", 20_000_000), ("a = 7", 7_000_000), ("a = \"0.015\"", 15_000), ("a = 0.2", 200_000)]
        {
            assert_eq!(read(text).unwrap().as_micros(), micros, "{text}");
        }
        assert!(read("a = -1.0").is_err() && read("a = nan").is_err() && read("a = true").is_err());
    }

    #[test]
    fn there_is_a_notice_at_80_percent_and_when_nothing_more_is_paid() {
        let terms = Terms { budget: Some(usd("1.00")), prices: Prices::default() };
        assert_eq!(terms.due_notice(usd("0.79")), None);
        assert_eq!(terms.due_notice(usd("0.80")), Some(80), "one more is paid");
        assert_eq!(terms.due_notice(usd("0.81")), Some(100), "none is");
        assert_eq!(Terms::default().due_notice(usd("9")), None, "without a budget nothing is spent");
    }

    #[test]
    fn a_month_is_the_vendors() {
        // 2027-01-31 23:30 UTC.
        let at_ms = 1_801_438_200_000;
        assert_eq!(month(at_ms, Tz::UTC), "2027-01");
        assert_eq!(month(at_ms, chrono_tz::Europe::Oslo), "2027-02");
    }

    #[test]
    fn words_read_back() {
        for what in What::ALL {
            assert_eq!(What::parse(what.as_str()), Some(*what));
        }
        assert_eq!(What::parse("bribe"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(micros in 0..1_000_000_000_000_i64) {
            let written = Usd::micros(micros).to_string();
            prop_assert_eq!(Usd::parse(written.trim_start_matches('$')).unwrap().as_micros(), micros);
        }
    }
}
