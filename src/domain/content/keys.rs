//! Reading a map strictly, with every fault named at once.
//!
//! A reader asks for the keys it knows; what is left when it is done is unknown.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use super::{
    document::{Entry, Placed, Value},
    field::Scope,
    finding::{Findings, Place, codes, did_you_mean, suggestion},
    merge::Template,
    safe::{first_bad, is_bad},
    selection::Selection,
};
use crate::domain::{
    kernel::{EmailAddress, Locale, Slug, text::LINE_CHARS_MAX},
    partner::{AudienceRole, Roles, brand::Colour},
};

/// A map that is being read.
#[derive(Debug)]
pub struct Keys {
    prefix: String,
    entries: Vec<Entry>,
    known: Vec<&'static str>,
    /// How many of `known` every kind of file has.
    common: usize,
    place: Place,
}

/// A value, and the key it came from.
#[derive(Debug)]
pub struct Found {
    key: String,
    placed: Placed,
}

impl Keys {
    /// The keys of a whole document. A document that is no map has none.
    pub fn root(root: Placed, findings: &mut Findings<'_>) -> Self {
        let found = Found { key: "the document".to_owned(), placed: root };
        let empty = matches!(found.placed.value, Value::Null);
        let mut keys = if empty { None } else { found.map(findings) }.unwrap_or_else(Self::none);
        keys.prefix.clear();
        keys
    }

    pub(super) fn none() -> Self {
        Self { prefix: String::new(), entries: Vec::new(), known: Vec::new(), common: 0, place: Place::START }
    }

    fn new(prefix: String, entries: Vec<Entry>, place: Place, findings: &mut Findings<'_>) -> Self {
        let mut unique: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            match unique.iter().find(|first| first.key == entry.key) {
                Some(first) => findings.add(
                    codes::DUPLICATE_KEY,
                    entry.place,
                    format!("`{}` stands twice", entry.key),
                    format!("remove it here or on line {}", first.place.line),
                ),
                None => unique.push(entry),
            }
        }
        Self { prefix, entries: unique, known: Vec::new(), common: 0, place }
    }

    /// Where the map begins.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The value of `key`. A key with nothing after it counts as absent.
    pub fn get(&mut self, key: &'static str) -> Option<Found> {
        self.known.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        let entry = self.entries.remove(at);
        let key = format!("{}{key}", self.prefix);
        (entry.value.value != Value::Null).then_some(Found { key, placed: entry.value })
    }

    /// The value of `key`, which must be there.
    pub fn need(&mut self, key: &'static str, findings: &mut Findings<'_>) -> Option<Found> {
        let found = self.get(key);
        if found.is_none() {
            let message = format!("`{}{key}` is missing", self.prefix);
            findings.add(codes::MISSING_KEY, self.place, message, format!("add `{key}`"));
        }
        found
    }

    /// All keys that were not asked for, with their values: for maps whose keys are data.
    pub fn rest(&mut self) -> Vec<(String, Found)> {
        let prefix = &self.prefix;
        let rest = std::mem::take(&mut self.entries).into_iter();
        rest.map(|entry| {
            (entry.key.clone(), Found { key: format!("{prefix}{}", entry.key), placed: entry.value })
        })
        .collect()
    }

    /// What was asked for so far every kind of file has: a suggestion names those of this kind first.
    pub(super) fn common_until_here(&mut self) {
        self.common = self.known.len();
    }

    /// The keys that were asked for.
    #[cfg(test)]
    pub fn known(&self) -> std::collections::BTreeSet<&'static str> {
        self.known.iter().copied().collect()
    }

    /// Ends the reading: what was not asked for is unknown.
    pub fn finish(self, findings: &mut Findings<'_>) {
        for entry in self.entries {
            let message = format!("there is no key `{}{}` here", self.prefix, entry.key);
            let (common, own) = self.known.split_at(self.common);
            let fix = did_you_mean(&entry.key, own.iter().chain(common).copied());
            findings.add(codes::UNKNOWN_KEY, entry.place, message, fix);
        }
    }
}

impl Found {
    /// Where it stands.
    pub fn place(&self) -> Place {
        self.placed.place
    }

    /// The key it came from, with those above it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The text, where it is text: for a look before reading.
    pub fn word(&self) -> Option<&str> {
        if let Value::Text(text) = &self.placed.value { Some(text) } else { None }
    }

    fn wrong_type(&self, wanted: &str, findings: &mut Findings<'_>) {
        let is = self.placed.value.type_name();
        let quotes =
            matches!(self.placed.value, Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Map(_));
        let fix = if quotes && wanted == "text" {
            "put it in quotes".to_owned()
        } else {
            format!("write {wanted}")
        };
        findings.add(
            codes::WRONG_TYPE,
            self.place(),
            format!("`{}` wants {wanted}, and is {is}", self.key),
            fix,
        );
    }

    fn bad(&self, message: impl Into<String>, fix: impl Into<String>, findings: &mut Findings<'_>) {
        findings.add(codes::BAD_VALUE, self.place(), message, fix);
    }

    /// Text of any number of lines. Characters that may reach no page are dropped.
    pub fn text(self, findings: &mut Findings<'_>) -> Option<String> {
        let Value::Text(_) = &self.placed.value else {
            self.wrong_type("text", findings);
            return None;
        };
        let place = self.place();
        let Value::Text(mut text) = self.placed.value else { return None };
        if let Some(c) = first_bad(&text) {
            let message = format!("`{}` holds the character U+{:04X}", self.key, u32::from(c));
            findings.add(codes::UNSAFE_CHARACTER, place, message, "remove it");
            text.retain(|c| !is_bad(c));
        }
        Some(text)
    }

    /// One line of at most [`LINE_CHARS_MAX`] characters, not blank.
    pub fn line(self, findings: &mut Findings<'_>) -> Option<String> {
        self.line_of(LINE_CHARS_MAX, findings)
    }

    /// One line of at most `chars_max` characters, not blank.
    pub fn line_of(self, chars_max: usize, findings: &mut Findings<'_>) -> Option<String> {
        let (key, place) = (self.key.clone(), self.place());
        let line = self.raw_line(chars_max, findings)?;
        if line.contains("{{") {
            let message = format!("merge fields are not filled in `{key}`");
            findings.add(codes::FIELD_NOT_HERE, place, message, "say it without the field");
        }
        Some(line)
    }

    /// A whole https address.
    pub fn https(self, findings: &mut Findings<'_>) -> Option<String> {
        let (key, place) = (self.key.clone(), self.place());
        let line = self.line(findings)?;
        let host = line.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
        if host.is_none_or(str::is_empty)
            || line.contains(|c: char| c.is_whitespace() || "\"<>\\^`{|}".contains(c))
        {
            let fix = "write it whole, such as https://vendor.example/page";
            findings.add(codes::BAD_VALUE, place, format!("`{key}` is not an https address"), fix);
            return None;
        }
        Some(line)
    }

    /// One line that may hold fields.
    fn raw_line(self, chars_max: usize, findings: &mut Findings<'_>) -> Option<String> {
        let (key, place) = (self.key.clone(), self.place());
        let text = self.text(findings)?;
        let line = text.trim();
        if line.is_empty() {
            findings.add(codes::BAD_VALUE, place, format!("`{key}` is blank"), "write it, or remove the key");
            return None;
        }
        if line.contains(['\n', '\t']) {
            findings.add(
                codes::BAD_VALUE,
                place,
                format!("`{key}` is more than one line"),
                "write it on one line",
            );
        }
        let length = line.chars().count();
        if length > chars_max {
            let message = format!("`{key}` is {length} characters long");
            findings.add(codes::TOO_LONG, place, message, format!("shorten it to {chars_max} characters"));
        }
        Some(line.replace(['\n', '\t'], " "))
    }

    /// One line with merge fields.
    pub fn template(self, chars_max: usize, scope: Scope, findings: &mut Findings<'_>) -> Option<Template> {
        let place = self.place();
        let line = self.raw_line(chars_max, findings)?;
        Some(Template::parse(&line, scope, place, findings))
    }

    /// Text of any number of lines with merge fields.
    pub fn text_template(self, scope: Scope, findings: &mut Findings<'_>) -> Option<Template> {
        let place = self.place();
        let text = self.text(findings)?;
        Some(Template::parse(&text, scope, place, findings))
    }

    /// `true` or `false`.
    pub fn flag(self, findings: &mut Findings<'_>) -> Option<bool> {
        let Value::Bool(flag) = self.placed.value else {
            self.wrong_type("true or false", findings);
            return None;
        };
        Some(flag)
    }

    /// A single value as JSON has it: text, a number, true or false.
    pub fn json(self, findings: &mut Findings<'_>) -> Option<serde_json::Value> {
        match &self.placed.value {
            Value::Bool(flag) => Some((*flag).into()),
            Value::Int(number) => Some((*number).into()),
            Value::Float(number) => Some((*number).into()),
            Value::Text(_) => self.text(findings).map(Into::into),
            _ => {
                self.wrong_type("text, a number, true or false", findings);
                None
            }
        }
    }

    /// A whole number in `range`.
    pub fn int(self, range: std::ops::RangeInclusive<i64>, findings: &mut Findings<'_>) -> Option<i64> {
        let fix = format!("write a whole number from {} to {}", range.start(), range.end());
        let number = match self.placed.value {
            Value::Int(number) => number,
            Value::Float(number) => {
                let message = format!("`{}` wants a whole number, and is {number}", self.key);
                findings.add(codes::WRONG_TYPE, self.place(), message, fix);
                return None;
            }
            _ => {
                self.wrong_type("a whole number", findings);
                return None;
            }
        };
        if range.contains(&number) {
            return Some(number);
        }
        self.bad(format!("`{}` is {number}", self.key), fix, findings);
        None
    }

    /// A whole number of minutes, days or the like, from `least` to 1,000,000.
    pub fn count(self, least: u32, findings: &mut Findings<'_>) -> Option<u32> {
        self.count_to(least, 1_000_000, findings)
    }

    /// A whole number of minutes, days or the like, from `least` to `most`.
    pub fn count_to(self, least: u32, most: u32, findings: &mut Findings<'_>) -> Option<u32> {
        let range = i64::from(least)..=i64::from(most);
        self.int(range, findings).and_then(|number| u32::try_from(number).ok())
    }

    /// The items of a list.
    pub fn list(self, findings: &mut Findings<'_>) -> Vec<Self> {
        let Value::List(items) = self.placed.value else {
            self.wrong_type("a list", findings);
            return Vec::new();
        };
        let key = |at: usize| format!("{}[{}]", self.key, at + 1);
        items.into_iter().enumerate().map(|(at, placed)| Self { key: key(at), placed }).collect()
    }

    /// A list of lines.
    pub fn lines(self, findings: &mut Findings<'_>) -> Vec<String> {
        self.lines_of(LINE_CHARS_MAX, findings)
    }

    /// A list of lines of at most `chars_max` characters.
    pub fn lines_of(self, chars_max: usize, findings: &mut Findings<'_>) -> Vec<String> {
        let items = self.list(findings);
        items.into_iter().filter_map(|item| item.line_of(chars_max, findings)).collect()
    }

    /// A map.
    pub fn map(self, findings: &mut Findings<'_>) -> Option<Keys> {
        let Value::Map(_) = &self.placed.value else {
            self.wrong_type("a map", findings);
            return None;
        };
        let (place, prefix) = (self.place(), format!("{}.", self.key));
        let Value::Map(entries) = self.placed.value else { return None };
        Some(Keys::new(prefix, entries, place, findings))
    }

    /// Conditions on readers.
    pub fn selection(self, findings: &mut Findings<'_>) -> Option<Selection> {
        let place = self.place();
        let line = self.line(findings)?;
        Some(Selection::parse(&line, place.into(), findings))
    }

    /// One word of a fixed list.
    pub fn choice<T: Copy>(self, choices: &[(&'static str, T)], findings: &mut Findings<'_>) -> Option<T> {
        let (key, place) = (self.key.clone(), self.place());
        let word = self.text(findings)?;
        let found = choices.iter().find(|(name, _)| *name == word.trim()).map(|(_, value)| *value);
        if found.is_none() {
            let fix = did_you_mean(&word, choices.iter().map(|(name, _)| *name));
            findings.add(codes::BAD_VALUE, place, format!("`{key}` cannot be `{word}`"), fix);
        }
        found
    }

    /// A list of words of a fixed list.
    pub fn choices<T: Copy>(self, choices: &[(&'static str, T)], findings: &mut Findings<'_>) -> Vec<T> {
        let items = self.list(findings);
        items.into_iter().filter_map(|item| item.choice(choices, findings)).collect()
    }

    /// A list of roles.
    pub fn roles(self, findings: &mut Findings<'_>) -> Roles {
        let choices = AudienceRole::ALL.map(|role| (role.as_str(), role));
        self.choices(&choices, findings).into_iter().collect()
    }

    fn parsed<T>(
        self,
        parse: impl FnOnce(&str) -> Result<T, String>,
        findings: &mut Findings<'_>,
    ) -> Option<T> {
        let (key, place) = (self.key.clone(), self.place());
        let text = self.text(findings)?;
        parse(text.trim())
            .map_err(|why| {
                // Who refuses a text says behind a semicolon how it is mended.
                let (why, fix) = why.rsplit_once("; ").unwrap_or((&why, "correct it"));
                findings.add(codes::BAD_VALUE, place, format!("`{key}`: {why}"), fix);
            })
            .ok()
    }

    /// A slug.
    pub fn slug(self, findings: &mut Findings<'_>) -> Option<Slug> {
        self.parsed(|text| Slug::parse(text).map_err(|error| error.public().to_owned()), findings)
    }

    /// An email address.
    pub fn email(self, findings: &mut Findings<'_>) -> Option<EmailAddress> {
        self.parsed(|text| EmailAddress::parse(text).map_err(|error| error.public().to_owned()), findings)
    }

    /// An IANA time zone.
    pub fn zone(self, findings: &mut Findings<'_>) -> Option<chrono_tz::Tz> {
        self.zone_or("", findings)
    }

    /// An IANA time zone, where words would do, too: `others` lists them.
    pub fn zone_or(self, others: &str, findings: &mut Findings<'_>) -> Option<chrono_tz::Tz> {
        let (key, place) = (self.key.clone(), self.place());
        let text = self.text(findings)?;
        let text = text.trim();
        let zone = text.parse().ok();
        if zone.is_none() {
            let message = format!("`{key}`: `{text}` is not {others}an IANA time zone such as Europe/Oslo");
            let fix = match nearest_zone(text) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("write {others}an IANA time zone, by continent and city"),
            };
            findings.add(codes::BAD_VALUE, place, message, fix);
        }
        zone
    }

    /// A locale.
    pub fn locale(self, findings: &mut Findings<'_>) -> Option<Locale> {
        self.parsed(|text| Locale::parse(text).map_err(|error| error.public().to_owned()), findings)
    }

    /// A colour `#rrggbb`.
    pub fn colour(self, findings: &mut Findings<'_>) -> Option<Colour> {
        let parse = |text: &str| Colour::try_from(text.to_owned()).map_err(|error| error.public().to_owned());
        self.parsed(parse, findings)
    }

    fn moment<T>(
        self,
        parse: fn(&str) -> Option<T>,
        example: &str,
        findings: &mut Findings<'_>,
    ) -> Option<T> {
        let (key, place) = (self.key.clone(), self.place());
        let text = self.text(findings)?;
        let moment = parse(text.trim());
        if moment.is_none() {
            let message = format!("`{key}` is `{text}`, which cannot be read");
            findings.add(codes::BAD_DATE, place, message, format!("write it like {example}"));
        }
        moment
    }

    /// A date `2027-01-06`.
    pub fn date(self, findings: &mut Findings<'_>) -> Option<NaiveDate> {
        let parse =
            |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
        self.moment(parse, "2027-01-06", findings)
    }

    /// A local date and time `2027-01-21T16:00`.
    pub fn date_time(self, findings: &mut Findings<'_>) -> Option<NaiveDateTime> {
        let parse = |text: &str| {
            ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]
                .iter()
                .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        };
        self.moment(parse, "2027-01-21T16:00", findings)
    }

    /// A local time `09:00`.
    pub fn time(self, findings: &mut Findings<'_>) -> Option<NaiveTime> {
        self.moment(|text| NaiveTime::parse_from_str(text, "%H:%M").ok(), "09:00", findings)
    }

    /// A path of an asset, without locale and `.md`.
    pub fn reference(self, findings: &mut Findings<'_>) -> Option<Reference> {
        let place = self.place();
        let target = self.line(findings)?;
        Some(Reference { target, place })
    }
}

/// The zone that a text was probably meant to name: a city alone, another case, or a slip.
fn nearest_zone(text: &str) -> Option<&'static str> {
    let names = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let wanted = text.replace(' ', "_");
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    names()
        .find(|name| name.eq_ignore_ascii_case(&wanted))
        .or_else(|| names().find(|name| city(name).eq_ignore_ascii_case(&wanted)))
        .or_else(|| suggestion(&wanted, names()))
}

/// A reference to another asset, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Such as `whitepapers/proof-of-recovery`.
    pub target: String,
    /// Where it stands in the file.
    pub place: Place,
}

impl Reference {
    /// The reference itself.
    pub fn as_str(&self) -> &str {
        &self.target
    }
}
