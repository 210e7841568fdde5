//! Text that has been checked: an address, a locale, a slug. Made by parsing only.

use std::fmt;

use super::{Error, Result};

/// Longest address we accept, in bytes (RFC 5321 section 4.5.3.1.3 less the angle brackets).
const EMAIL_BYTES_MAX: usize = 254;
/// Longest one-line text a person may give (names, subjects, companies), in characters.
pub const LINE_CHARS_MAX: usize = 200;

/// Refuses what must never reach a mail header or a page: control characters, and the characters that turn
/// the direction of text around (Unicode bidi controls), which can make one name look like another.
///
/// # Errors
/// Says which character stands where.
pub fn single_line(what: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if let Some((at, bad)) = text.chars().enumerate().find(|(_, c)| is_unsafe(*c)) {
        return Err(Error::invalid(format!(
            "{what} holds the control character U+{:04X} at position {}; remove it",
            u32::from(bad),
            at + 1
        )));
    }
    if text.chars().count() > LINE_CHARS_MAX {
        return Err(Error::invalid(format!("{what} is longer than {LINE_CHARS_MAX} characters; shorten it")));
    }
    Ok(text.to_owned())
}

/// Control characters, line and paragraph separators, bidi controls, and the private-use characters that mark
/// recipient slots in our renditions.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{e000}'..='\u{f8ff}')
}

/// An email address of the form `local@domain` (RFC 5321 Mailbox without address literals and quoted local parts).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Checks `text`.
    ///
    /// # Errors
    /// Control characters, no single `@`, an address literal, a domain without a dot, or too long.
    pub fn parse(text: &str) -> Result<Self> {
        let text = single_line("the address", text)?;
        let bad = |why: &str| Err(Error::invalid(format!("`{text}` is not an email address: {why}")));
        if text.len() > EMAIL_BYTES_MAX {
            return bad("it is longer than 254 bytes");
        }
        let Some((local, domain)) = text.rsplit_once('@') else {
            return bad("it has no @");
        };
        if domain.starts_with('[') {
            return bad("a domain name is wanted after the @, not an IP address");
        }
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !domain.contains('.') || !domain.split('.').all(label_ok) {
            return bad("the part after the @ is not a domain name");
        }
        let local_char_ok = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        if local.is_empty()
            || local.len() > 64
            || local.starts_with('.')
            || local.ends_with('.')
            || local.contains("..")
            || !local.chars().all(local_char_ok)
        {
            return bad("the part before the @ is not one we can deliver to");
        }
        Ok(Self(text))
    }

    /// The address as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that two spellings of one mailbox share: lower case. Used as key everywhere.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// The key of the do-not-send list: lower case without a `+tag` (RFC 5233), so that an entry for one spelling
    /// holds for all. Other marks, such as dots, mean different mailboxes at most providers and stay.
    pub fn base_key(&self) -> String {
        base_key(&self.0)
    }

    /// The domain in lower case.
    pub fn domain(&self) -> String {
        self.0.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// [`EmailAddress::base_key`] of an address that was checked before, such as a stored one.
pub fn base_key(address: &str) -> String {
    let key = address.to_lowercase();
    match key.split_once('@') {
        // A local part that begins with the mark has nothing else; without it, it would name the whole domain.
        Some((local, domain)) if !local.starts_with('+') => {
            let base = local.split_once('+').map_or(local, |(base, _)| base);
            format!("{base}@{domain}")
        }
        _ => key,
    }
}

/// The key of a whole domain on the do-not-send list: `@northlight.example` of an address or its key.
pub fn domain_key(address: &str) -> String {
    let key = address.to_lowercase();
    key.rsplit_once('@').map_or_else(String::new, |(_, domain)| format!("@{domain}"))
}

/// A language tag of the simple form `en`, `en-US`, `zh-Hant-TW` (RFC 5646 langtag without extensions).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locale(String);

impl Locale {
    /// Checks `text`.
    ///
    /// # Errors
    /// Not a language tag.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split('-');
        let language_ok = parts
            .next()
            .is_some_and(|p| (2..=3).contains(&p.len()) && p.chars().all(|c| c.is_ascii_lowercase()));
        let rest_ok =
            parts.all(|p| (2..=8).contains(&p.len()) && p.chars().all(|c| c.is_ascii_alphanumeric()));
        if language_ok && rest_ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::invalid(format!("`{text}` is not a locale; write one such as `en`, `de` or `pt-BR`")))
        }
    }

    /// English, the language of last resort.
    pub fn en() -> Self {
        Self("en".to_owned())
    }

    /// The tag as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone: `de` of `de-AT`.
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or("en")
    }

    /// The region: `AT` of `de-AT`, nothing of `de` and `zh-Hant`.
    pub fn region(&self) -> Option<&str> {
        let is_region = |part: &&str| match part.len() {
            2 => part.chars().all(|c| c.is_ascii_alphabetic()),
            3 => part.chars().all(|c| c.is_ascii_digit()),
            _ => false,
        };
        self.0.split('-').skip(1).find(is_region)
    }

    /// How `reader` wants text of this language dated and counted: their own variety of it, else with the habits of
    /// their region. An American reads `en` as `en-US`, a German as `en-DE`.
    pub fn read_by(&self, reader: &Self) -> Self {
        match reader.region() {
            _ if self.region().is_some() => self.clone(),
            Some(_) if self.language() == reader.language() => reader.clone(),
            Some(region) => Self(format!("{}-{region}", self.0)),
            None => self.clone(),
        }
    }

    /// Where to look for a translation, most specific first: `de-AT`, `de`.
    pub fn fallbacks(&self) -> Vec<&str> {
        let mut chain = vec![self.as_str()];
        if self.language() != self.as_str() {
            chain.push(self.language());
        }
        chain
    }

    /// Whether the language is written from right to left.
    pub fn is_rtl(&self) -> bool {
        matches!(self.language(), "ar" | "ckb" | "dv" | "fa" | "he" | "ps" | "sd" | "ug" | "ur" | "yi")
    }

    /// `ltr` or `rtl`, as HTML says it.
    pub fn direction(&self) -> &'static str {
        if self.is_rtl() { "rtl" } else { "ltr" }
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A short name for addresses and references: lower-case letters, digits and single hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

impl Slug {
    /// Checks `text`.
    ///
    /// # Errors
    /// Empty, longer than 80 bytes, or other characters.
    pub fn parse(text: &str) -> Result<Self> {
        let ok = !text.is_empty()
            && text.len() <= 80
            && text.split('-').all(|part| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            });
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::invalid(format!(
                "`{text}` is not a slug; use lower-case letters, digits and hyphens, such as `proof-of-recovery`"
            )))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_would_break_a_header_or_reach_an_ip_are_refused() {
        for bad in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@b",
            "t@[127.0.0.1]",
            "a\r\nBcc: x@y.example",
            "a b@c.example",
            "a..b@c.example",
            ".a@c.example",
            "a@-b.example",
            "a@b..example",
            "<a@b.example>",
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
        let fine = EmailAddress::parse(" Dana.Whitlock+x@Northlight.example ").unwrap();
        assert_eq!(fine.as_str(), "Dana.Whitlock+x@Northlight.example");
        assert_eq!(fine.key(), "dana.whitlock+x@northlight.example");
    }

    #[test]
    fn tags_share_their_base_and_no_base_is_a_domain() {
        assert_eq!(base_key("Dana+News+x@Northlight.example"), "dana@northlight.example");
        assert_eq!(base_key("dana@northlight.example"), "dana@northlight.example");
        assert_eq!(base_key("+x@northlight.example"), "+x@northlight.example");
        assert_eq!(domain_key("Dana+x@Northlight.example"), "@northlight.example");
        assert_eq!(EmailAddress::parse("A+b@C.example").unwrap().base_key(), "a@c.example");
    }

    #[test]
    fn names_with_control_or_bidi_characters_are_refused_with_the_place() {
        let error = single_line("the name", "Eve\u{202e}lle").unwrap_err();
        assert!(error.public().contains("U+202E at position 4"), "{error}");
        assert!(single_line("the name", "a\r\nb").is_err());
        assert_eq!(single_line("the name", " José Müller ").unwrap(), "José Müller");
    }

    #[test]
    fn locales_fall_back_to_their_language() {
        assert_eq!(Locale::parse("pt-BR").unwrap().fallbacks(), ["pt-BR", "pt"]);
        assert!(Locale::parse("english").is_err());
        assert!(Locale::parse("ar-AE").unwrap().is_rtl());
    }

    #[test]
    fn a_language_is_read_with_the_habits_of_the_reader_s_region() {
        let read = |text: &str, reader: &str| {
            Locale::parse(text).unwrap().read_by(&Locale::parse(reader).unwrap()).to_string()
        };
        assert_eq!(read("en", "en-GB"), "en-GB");
        assert_eq!(read("en", "de-DE"), "en-DE");
        assert_eq!(read("en", "de"), "en");
        assert_eq!(read("ar", "ar-AE"), "ar-AE");
        assert_eq!(read("pt-BR", "pt-PT"), "pt-BR", "a text for a region keeps it");
        assert_eq!(read("en", "zh-Hant-TW"), "en-TW");
    }
}
