//! How a partner looks and speaks, and whether that can be read.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::Typeface;
use crate::domain::kernel::{Error, Locale, Result, text::LINE_CHARS_MAX};

/// Longest value proposition, in characters.
pub const VALUE_PROPOSITION_CHARS_MAX: usize = 160;
/// Longest call to action, in characters: it must fit a button.
pub const CALL_TO_ACTION_CHARS_MAX: usize = 40;

/// A colour `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    /// White.
    pub const WHITE: Self = Self { red: 255, green: 255, blue: 255 };
    /// Black.
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0 };
    /// The near-black used for text.
    pub const INK: Self = Self { red: 0x1b, green: 0x1f, blue: 0x24 };
    /// The dark ground that logos stand on where a reader likes it dark, in mail and on pages.
    pub const NIGHT: Self = Self { red: 0x1f, green: 0x24, blue: 0x29 };

    /// From its parts.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Relative luminance, 0 to 1 (WCAG 2.2, definition "relative luminance").
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// Contrast ratio, 1 to 21 (WCAG 2.2, definition "contrast ratio").
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// White or ink, whichever reads better on this colour; black on those few on which neither has contrast 4.5.
    pub fn text_on(self) -> Self {
        let best =
            if self.contrast(Self::WHITE) >= self.contrast(Self::INK) { Self::WHITE } else { Self::INK };
        if self.contrast(best) >= 4.5 { best } else { Self::BLACK }
    }

    /// This colour, darkened step by step until it reads on white with contrast 4.5 (WCAG 2.2 SC 1.4.3).
    #[must_use]
    pub fn legible_on_white(self) -> Self {
        let darker = |channel: u8| u8::try_from(u16::from(channel) * 94 / 100).unwrap_or(0);
        let mut colour = self;
        while colour.contrast(Self::WHITE) < 4.5 {
            colour = Self { red: darker(colour.red), green: darker(colour.green), blue: darker(colour.blue) };
        }
        colour
    }

    /// This colour, lightened step by step until its contrast on [`Colour::NIGHT`] is `least`: 4.5 for text (WCAG 2.2
    /// SC 1.4.3), 3 for buttons and lines (SC 1.4.11).
    #[must_use]
    pub fn legible_on_night(self, least: f64) -> Self {
        let lighter = |channel: u8| channel.saturating_add((255 - channel) / 16 + 1);
        let mut colour = self;
        while colour.contrast(Self::NIGHT) < least && colour != Self::WHITE {
            colour =
                Self { red: lighter(colour.red), green: lighter(colour.green), blue: lighter(colour.blue) };
        }
        colour
    }
}

impl TryFrom<String> for Colour {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let wrong = || Error::invalid(format!("`{text}` is not a colour; write it as #rrggbb"));
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.is_ascii()).ok_or_else(wrong)?;
        let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong());
        Ok(Self { red: channel(0)?, green: channel(2)?, blue: channel(4)? })
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// A partner's brand profile: everything of theirs that an asset may show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrandProfile {
    /// Colour of the header band.
    pub primary: Colour,
    /// Colour of buttons and links.
    pub accent: Colour,
    /// Their typeface; without one the vendor's, else the usual ones. Left out where there is none, so that a node of the
    /// version before can read what this one stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typeface: Option<Typeface>,
    /// What they promise, in their voice.
    #[serde(default)]
    pub value_proposition: Option<String>,
    /// The same in other languages, by language.
    #[serde(default)]
    pub value_proposition_by_locale: BTreeMap<String, String>,
    /// Why to believe them.
    #[serde(default)]
    pub proof: Option<String>,
    /// The same in other languages, by language.
    #[serde(default)]
    pub proof_by_locale: BTreeMap<String, String>,
    /// Text of the button.
    #[serde(default)]
    pub call_to_action: Option<String>,
    /// The same in other languages, by language.
    #[serde(default)]
    pub call_to_action_by_locale: BTreeMap<String, String>,
    /// Their text for zones of assets, Markdown-lite, by the zone's name without `partner.`.
    #[serde(default)]
    pub zones: BTreeMap<String, String>,
    /// The same in other languages, by language.
    #[serde(default)]
    pub zones_by_locale: BTreeMap<String, BTreeMap<String, String>>,
    /// The same for single assets, by reference.
    #[serde(default)]
    pub zones_by_asset: BTreeMap<String, BTreeMap<String, String>>,
    /// Telephone for customers.
    #[serde(default)]
    pub phone: Option<String>,
    /// Person for customers.
    #[serde(default)]
    pub contact_name: Option<String>,
    /// Address for customers.
    #[serde(default)]
    pub contact_email: Option<String>,
    /// What a screen reader says for the logo.
    #[serde(default)]
    pub logo_alt: Option<String>,
    /// Content hash of the logo (PNG) among the stored files; not written by hand.
    #[serde(default)]
    pub logo: Option<String>,
    /// The same of the logo for dark grounds, where there are both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_dark: Option<String>,
}

impl BrandProfile {
    /// Two colours and nothing else.
    pub fn plain(primary: Colour, accent: Colour) -> Self {
        Self {
            primary,
            accent,
            typeface: None,
            value_proposition: None,
            value_proposition_by_locale: BTreeMap::new(),
            proof: None,
            proof_by_locale: BTreeMap::new(),
            call_to_action: None,
            call_to_action_by_locale: BTreeMap::new(),
            zones: BTreeMap::new(),
            zones_by_locale: BTreeMap::new(),
            zones_by_asset: BTreeMap::new(),
            phone: None,
            contact_name: None,
            contact_email: None,
            logo_alt: None,
            logo: None,
            logo_dark: None,
        }
    }

    /// The value proposition in the reader's language, else in the partner's own.
    pub fn value_proposition_in(&self, locale: &Locale) -> Option<&str> {
        self.value_proposition_for(locale).or(self.value_proposition.as_deref())
    }

    /// Their text for a zone of an asset, which is named without `partner.`: the one for this asset, else the one in the
    /// reader's language, else their own.
    pub fn zone_text(&self, zone: &str, reference: &str, locale: &Locale) -> Option<&str> {
        let for_asset = self.zones_by_asset.get(reference);
        let translated =
            || locale.fallbacks().into_iter().find_map(|tag| self.zones_by_locale.get(tag)?.get(zone));
        let text =
            for_asset.and_then(|zones| zones.get(zone)).or_else(translated).or_else(|| self.zones.get(zone));
        text.map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    /// The value proposition, if it was written in the reader's language.
    pub fn value_proposition_for(&self, locale: &Locale) -> Option<&str> {
        written_in(&self.value_proposition_by_locale, locale)
    }

    /// Why to believe them, in the reader's language, else in the partner's own.
    pub fn proof_in(&self, locale: &Locale) -> Option<&str> {
        written_in(&self.proof_by_locale, locale).or(self.proof.as_deref())
    }

    /// Text of the button in the reader's language, else in the partner's own.
    pub fn call_to_action_in(&self, locale: &Locale) -> Option<&str> {
        written_in(&self.call_to_action_by_locale, locale).or(self.call_to_action.as_deref())
    }

    /// The texts that may be written in several languages: the key, the translations, the most characters.
    pub fn translations(&self) -> [(&'static str, &BTreeMap<String, String>, usize); 3] {
        [
            ("value_proposition_by_locale", &self.value_proposition_by_locale, VALUE_PROPOSITION_CHARS_MAX),
            ("proof_by_locale", &self.proof_by_locale, LINE_CHARS_MAX),
            ("call_to_action_by_locale", &self.call_to_action_by_locale, CALL_TO_ACTION_CHARS_MAX),
        ]
    }
}

fn written_in<'a>(texts: &'a BTreeMap<String, String>, locale: &Locale) -> Option<&'a str> {
    locale.fallbacks().into_iter().find_map(|tag| texts.get(tag)).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        Colour::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn contrast_follows_wcag() {
        assert!((Colour::WHITE.contrast(colour("#000000")) - 21.0).abs() < 0.001);
        assert!((Colour::WHITE.contrast(colour("#767676")) - 4.54).abs() < 0.01);
        assert_eq!(colour("#ffee00").text_on(), Colour::INK);
        assert!(colour("#ffee00").legible_on_white().contrast(Colour::WHITE) >= 4.5);
        for red in (0..=255).step_by(5) {
            for green in (0..=255).step_by(5) {
                let ground = Colour::rgb(red, green, 128);
                assert!(ground.contrast(ground.text_on()) >= 4.5, "{ground}");
            }
        }
        for dark in ["#000000", "#1a2f6b", "#16202e", "#7a1f3d"] {
            let lighter = colour(dark).legible_on_night(4.5);
            assert!((4.5..7.0).contains(&lighter.contrast(Colour::NIGHT)), "{dark}: {lighter}");
        }
        assert_eq!(colour("#ffee00").legible_on_night(4.5), colour("#ffee00"), "what can be read stays");
        assert!(Colour::try_from("red".to_owned()).is_err());
        assert!(Colour::try_from("#ééé".to_owned()).is_err());
    }

    #[test]
    fn what_an_earlier_version_does_not_know_is_left_out_where_it_is_not_used() {
        let plain: BrandProfile = toml::from_str("primary = \"#123456\"\naccent = \"#0a7d4b\"").unwrap();
        let stored = serde_json::to_string(&plain).unwrap();
        assert!(!stored.contains("typeface") && !stored.contains("logo_dark"), "{stored}");
        let chosen = BrandProfile { typeface: Some(Typeface::Jost), logo_dark: Some("ab".into()), ..plain };
        let stored = serde_json::to_string(&chosen).unwrap();
        assert!(stored.contains("\"typeface\":\"jost\""), "{stored}");
        assert_eq!(serde_json::from_str::<BrandProfile>(&stored).unwrap(), chosen);
    }
}
