//! Recipient slots: the places in a rendition that differ from reader to reader.
//!
//! A slot is written as U+E000, its number, U+E001. No author or partner can type these private-use characters
//! (`kernel::text::is_unsafe`), so nothing they write can become a slot. A number survives every escaping between
//! the tree and the finished mail.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::domain::content::{
    field::{Field, FieldUse},
    merge::Part,
};

/// Opens a marker.
pub const OPEN: char = '\u{e000}';
/// Closes a marker.
pub const CLOSE: char = '\u{e001}';

/// What stands in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The reader's first name, or `default` where we know none.
    FirstName {
        /// Used for a reader without a name.
        default: String,
    },
    /// The reader's full name, or `default` where we know none.
    FullName {
        /// Used for a reader without a name.
        default: String,
    },
    /// Where our public pages are, `https://host` without a slash at the end.
    BaseUrl,
    /// The reader's signed token for tracked links.
    ClickToken,
    /// The reader's signed token for unsubscribing and choosing.
    PreferencesToken,
    /// The reader's signed token that says which mail led to a page.
    ViaToken,
}

/// The slots of one rendition, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlotTable(Vec<Slot>);

impl SlotTable {
    /// The marker for `slot`; the same slot always gets the same number.
    pub fn marker(&mut self, slot: Slot) -> String {
        let number = self.0.iter().position(|known| *known == slot).unwrap_or_else(|| {
            self.0.push(slot);
            self.0.len() - 1
        });
        format!("{OPEN}{number}{CLOSE}")
    }

    /// The marker for a field that differs per recipient. Lead fields never reach a rendition.
    ///
    /// # Errors
    /// The field's default as literal text, to be escaped, where no slot serves the field.
    pub fn field(&mut self, used: &FieldUse) -> Result<String, String> {
        let default = used.default.clone().unwrap_or_default();
        match used.field {
            Field::ContactFirstName => Ok(self.marker(Slot::FirstName { default })),
            Field::ContactName => Ok(self.marker(Slot::FullName { default })),
            _ => Err(default),
        }
    }

    /// A text of merged and per-recipient parts (a subject, a URL) as one text with markers; literal parts are
    /// taken as they are.
    pub fn parts(&mut self, parts: &[Part]) -> String {
        parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Field(used) => self.field(used).unwrap_or_else(|default| default),
            })
            .collect()
    }

    /// The slot with that number.
    pub fn get(&self, number: usize) -> Option<&Slot> {
        self.0.get(number)
    }

    /// All slots in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter()
    }

    /// `text` with every slot filled; `escape` is applied to the values, the rest stays as it is.
    pub fn fill(&self, text: &str, values: &SlotValues<'_>, escape: fn(&str) -> String) -> String {
        let mut filled = String::with_capacity(text.len() + 256);
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Slot(label) => {
                    if let Some(slot) = label.parse().ok().and_then(|number| self.get(number)) {
                        filled.push_str(&escape(values.of(slot)));
                    }
                }
            }
        }
        filled
    }
}

/// What one reader puts into the slots.
#[derive(Debug, Clone, Copy, Default)]
pub struct SlotValues<'a> {
    /// First name, empty where unknown.
    pub first_name: &'a str,
    /// Full name, empty where unknown.
    pub full_name: &'a str,
    /// `https://host` of our public pages, without a slash at the end.
    pub base_url: &'a str,
    /// Token of purpose `Click`.
    pub click_token: &'a str,
    /// Token of purpose `Preferences`.
    pub preferences_token: &'a str,
    /// Token of purpose `Via`.
    pub via_token: &'a str,
}

impl<'a> SlotValues<'a> {
    /// The value for `slot`.
    pub fn of<'b>(&self, slot: &'b Slot) -> &'b str
    where
        'a: 'b,
    {
        let or_default =
            |value: &'a str, default: &'b str| -> &'b str { if value.is_empty() { default } else { value } };
        match slot {
            Slot::FirstName { default } => or_default(self.first_name, default),
            Slot::FullName { default } => or_default(self.full_name, default),
            Slot::BaseUrl => self.base_url,
            Slot::ClickToken => self.click_token,
            Slot::PreferencesToken => self.preferences_token,
            Slot::ViaToken => self.via_token,
        }
    }
}

/// A stretch of text, or the label of a marker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Slot(&'a str),
}

/// Cuts `text` at its markers. A marker without an end is dropped with what follows it up to the next one; our
/// own code never writes such.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    text.split(OPEN).enumerate().flat_map(|(at, part)| {
        let (label, rest) = if at == 0 { (None, part) } else { cut(part) };
        label.map(Piece::Slot).into_iter().chain((!rest.is_empty()).then_some(Piece::Text(rest)))
    })
}

fn cut(part: &str) -> (Option<&str>, &str) {
    part.split_once(CLOSE).map_or((None, ""), |(label, rest)| (Some(label), rest))
}

/// Escapes for HTML text and double-quoted attributes.
pub fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// For a query or path part of a URL: everything but unreserved characters (RFC 3986 section 2.3) and markers.
pub fn escape_url_part(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Slot(label) => {
                escaped.push(OPEN);
                escaped.push_str(label);
                escaped.push(CLOSE);
            }
            Piece::Text(text) => {
                for byte in text.bytes() {
                    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                        escaped.push(char::from(byte));
                    } else {
                        // Writing to a String cannot fail.
                        let _ = write!(escaped, "%{byte:02X}");
                    }
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_filled_by_number_and_only_values_are_escaped() {
        let mut slots = SlotTable::default();
        let name = slots.marker(Slot::FirstName { default: "there".into() });
        let token = slots.marker(Slot::ClickToken);
        assert_eq!(slots.marker(Slot::ClickToken), token, "the same slot, the same number");
        let text = format!("<b>Hi {name}</b> {token}{token}");
        let values = SlotValues { first_name: "<Ann>", click_token: "T", ..SlotValues::default() };
        assert_eq!(slots.fill(&text, &values, escape_html), "<b>Hi &lt;Ann&gt;</b> TT");
        let nobody = SlotValues::default();
        assert_eq!(slots.fill(&name, &nobody, escape_html), "there");
    }

    #[test]
    fn a_value_that_looks_like_a_marker_stays_text() {
        let mut slots = SlotTable::default();
        let name = slots.marker(Slot::FirstName { default: String::new() });
        let token = slots.marker(Slot::ClickToken);
        let values = SlotValues { first_name: &token, click_token: "secret", ..SlotValues::default() };
        assert!(!slots.fill(&name, &values, escape_html).contains("secret"));
    }

    #[test]
    fn damaged_markers_are_dropped() {
        let all: Vec<_> = pieces("a\u{e000}1\u{e001}b\u{e000}2").collect();
        assert_eq!(all, [Piece::Text("a"), Piece::Slot("1"), Piece::Text("b")]);
    }
}
