//! The words a roster may use, and what was probably meant by others.

use std::str::FromStr;

use crate::domain::{
    kernel::{Error, Locale, Result},
    partner::{PartnerType, Region, Tier},
};

/// The one of `known` that `word` was probably meant to be: within a third of its letters.
pub fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let slack = |candidate: &str| 1.max(candidate.len() / 3);
    known
        // Cheap first: counting edits of a long line against every zone would take a while.
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= slack(candidate))
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= slack(candidate))
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean ...?`, where something is near.
pub(super) fn suggestion<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<String> {
    nearest(&word.to_lowercase(), known).map(|meant| format!("did you mean `{meant}`?"))
}

/// What is wrong with a field, and how to mend it.
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) fix: String,
}

impl From<Error> for Wrong {
    /// Kernel errors read "what; fix", or have no fix of their own.
    fn from(error: Error) -> Self {
        let text = error.public();
        // A semicolon between back ticks is the user's, not ours.
        let split = text.rsplit_once("; ").filter(|(message, _)| message.matches('`').count() % 2 == 0);
        let (message, fix) = split.unwrap_or((text, "correct it"));
        Self { message: message.to_owned(), fix: fix.to_owned() }
    }
}

/// Most leads that a partner may have in hand.
const LEADS_MAX: u32 = 100_000;

/// A fixed list of words, each for one value.
pub trait Word: Copy + 'static {
    /// Every word with its value, in the order people list them.
    const WORDS: &'static [(&'static str, Self)];
}

macro_rules! words {
    ($name:ident: $($word:literal $value:ident),+) => {
        impl Word for $name {
            const WORDS: &'static [(&'static str, Self)] = Self::WORDS;
        }

        impl $name {
            /// All of them with the words that people write, in their usual order.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$value)),+];

            /// The word used in files and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }

            /// Reads the word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
            }
        }
    };
}

words!(PartnerType: "msp" Msp, "reseller" Reseller, "si" Si, "hoster" Hoster, "consultant" Consultant,
    "distributor" Distributor);
words!(Tier: "registered" Registered, "silver" Silver, "gold" Gold, "platinum" Platinum);
words!(Region: "americas" Americas, "emea" Emea, "apac" Apac);

/// How many leads a partner may have in hand.
pub(super) fn leads_max(text: &str) -> Result<u32, Wrong> {
    text.parse().ok().filter(|most| *most <= LEADS_MAX).ok_or_else(|| Wrong {
        message: format!("`{text}` is no number of leads"),
        fix: format!("write a whole number up to {LEADS_MAX}, or leave it empty"),
    })
}

/// An IANA time zone.
pub(super) fn zone(text: &str) -> Result<chrono_tz::Tz, Wrong> {
    chrono_tz::Tz::from_str(text).map_err(|_| {
        let all = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let spaced = text.replace(' ', "_");
        let city =
            |name: &&str| name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&spaced));
        let by_case = || all().find(|name| name.eq_ignore_ascii_case(&spaced));
        // "Berlin" is nearer to Europe/Berlin than counting letters says.
        let meant = by_case().or_else(|| all().find(city)).or_else(|| nearest(&spaced, all()));
        Wrong {
            message: format!("`{text}` is no time zone"),
            fix: match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "use an IANA name such as `Europe/Berlin`".to_owned(),
            },
        }
    })
}

/// Languages by two-letter code (ISO 639-1), with the name people type by mistake.
const LANGUAGES: [(&str, &str); 40] = [
    ("ar", "arabic"),
    ("bg", "bulgarian"),
    ("ca", "catalan"),
    ("cs", "czech"),
    ("da", "danish"),
    ("de", "german"),
    ("el", "greek"),
    ("en", "english"),
    ("es", "spanish"),
    ("et", "estonian"),
    ("fa", "persian"),
    ("fi", "finnish"),
    ("fr", "french"),
    ("he", "hebrew"),
    ("hi", "hindi"),
    ("hr", "croatian"),
    ("hu", "hungarian"),
    ("id", "indonesian"),
    ("it", "italian"),
    ("ja", "japanese"),
    ("ko", "korean"),
    ("lt", "lithuanian"),
    ("lv", "latvian"),
    ("ms", "malay"),
    ("nb", "norwegian"),
    ("nl", "dutch"),
    ("nn", "nynorsk"),
    ("no", "norsk"),
    ("pl", "polish"),
    ("pt", "portuguese"),
    ("ro", "romanian"),
    ("ru", "russian"),
    ("sk", "slovak"),
    ("sl", "slovenian"),
    ("sv", "swedish"),
    ("th", "thai"),
    ("tr", "turkish"),
    ("uk", "ukrainian"),
    ("vi", "vietnamese"),
    ("zh", "chinese"),
];

/// A locale in a language we know. A well-formed tag of an unknown language is nearly always a slip, such as a
/// country's code in place of the language's.
pub(super) fn locale(text: &str) -> Result<Locale, Wrong> {
    let known = |locale: &Locale| LANGUAGES.iter().any(|(code, _)| *code == locale.language());
    Locale::parse(text).ok().filter(known).ok_or_else(|| Wrong {
        message: format!("`{text}` is no locale we know"),
        fix: match locale_meant(text) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "use one such as `en`, `de-DE` or `pt-BR`".to_owned(),
        },
    })
}

fn locale_meant(text: &str) -> Option<String> {
    let lower = text.to_lowercase().replace('_', "-");
    let (language, region) = lower.split_once('-').map_or((lower.as_str(), None), |(l, r)| (l, Some(r)));
    let code = |word: &str| LANGUAGES.iter().find(|(code, _)| *code == word).map(|(code, _)| *code);
    let by_country = match language {
        "gb" | "us" | "au" => Some("en"),
        "jp" => Some("ja"),
        "se" => Some("sv"),
        "dk" => Some("da"),
        "cz" => Some("cs"),
        "br" => Some("pt"),
        "cn" => Some("zh"),
        "ger" => Some("de"),
        _ => None,
    };
    let by_name = || {
        let name = nearest(language, LANGUAGES.iter().map(|(_, name)| *name))?;
        LANGUAGES.iter().find(|(_, known)| *known == name).map(|(code, _)| *code)
    };
    let found = code(language).or(by_country).or_else(by_name)?;
    Some(match region {
        Some(region) if region.len() == 2 => format!("{found}-{}", region.to_uppercase()),
        _ => found.to_owned(),
    })
}
