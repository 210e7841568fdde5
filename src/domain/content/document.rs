//! YAML and TOML read into one tree whose every value knows its place, so that all faults can be named at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Spanned, options::DuplicateKeyPolicy, options::MergeKeyPolicy};

use super::finding::{Place, Places};

/// Longest front matter, in bytes.
pub const FRONT_MATTER_BYTES_MAX: usize = 16 * 1024;
/// Deepest nesting of maps and lists.
const DEPTH_MAX: usize = 8;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The value.
    pub value: Value,
    /// Its first character.
    pub place: Place,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing after the colon.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text; TOML dates too.
    Text(String),
    /// A list.
    List(Vec<Placed>),
    /// A map, in the file's order, duplicates included.
    Map(Vec<Entry>),
}

impl Value {
    /// What it is, for people.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// A key, where it stands, and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its first character.
    pub place: Place,
    /// The value.
    pub value: Placed,
}

/// Text that is no YAML or TOML at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxFault {
    /// Where reading ended.
    pub place: Place,
    /// What the parser says.
    pub message: String,
}

/// Reads front matter. Aliases, anchors, merge keys and deep nesting are refused; duplicates are kept for the
/// caller to name.
///
/// # Errors
/// Not YAML, too large, or beyond the limits.
pub fn yaml(text: &str) -> Result<Placed, SyntaxFault> {
    if text.len() > FRONT_MATTER_BYTES_MAX {
        let message = format!("the front matter is longer than {FRONT_MATTER_BYTES_MAX} bytes");
        return Err(SyntaxFault { place: Place::START, message });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_aliases: 0,
            max_anchors: 0,
            max_depth: DEPTH_MAX,
            max_documents: 1,
            max_nodes: 4_000,
            max_events: 10_000,
            max_inclusion_depth: 0,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options).map(placed).map_err(|error| {
        let place = error.location().map_or(Place::START, place_of);
        SyntaxFault { place, message: without_place(&error.to_string()) }
    })
}

/// The parser's message without its own place, which is relative to the front matter and would mislead.
fn without_place(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let end = line.find(" at line ").unwrap_or(line.len());
    line[..end].trim_start_matches("error: ").to_owned()
}

fn place_of(location: serde_saphyr::Location) -> Place {
    let number = |n: u64| u32::try_from(n.max(1)).unwrap_or(u32::MAX);
    Place { line: number(location.line()), column: number(location.column()) }
}

fn placed(spanned: Spanned<Value>) -> Placed {
    Placed { place: place_of(spanned.referenced), value: spanned.value }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, a list or a map")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(placed(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = placed(entries.next_value::<Spanned<Value>>()?);
            map.push(Entry { place: place_of(key.referenced), key: key.value, value });
        }
        Ok(Value::Map(map))
    }
}

/// Reads a TOML file.
///
/// # Errors
/// Every fault the parser finds.
pub fn toml(text: &str) -> Result<Placed, Vec<SyntaxFault>> {
    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    // A day that no calendar has would hide everything else: as a text it is told by who reads that key.
    if !errors.is_empty()
        && let Some(quoted) = with_bad_dates_quoted(text)
    {
        return toml(&quoted);
    }
    let places = Places::new(text);
    if errors.is_empty() {
        return Ok(Placed { value: toml_table(&places, table.into_inner()), place: Place::START });
    }
    let fault = |error: &toml::de::Error| SyntaxFault {
        place: places.of(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    };
    Err(errors.iter().map(fault).collect())
}

/// The text with bare dates that cannot be read put in quotes; none where there are none.
fn with_bad_dates_quoted(text: &str) -> Option<String> {
    let mut quoted = String::with_capacity(text.len() + 8);
    let mut found = false;
    for line in text.split_inclusive('\n') {
        let (mut rest, mut in_text) = (line, false);
        while let Some(first) = rest.chars().next() {
            in_text ^= first == '"';
            let length = if in_text || quoted.ends_with(is_of_date) { 0 } else { bad_date(rest) };
            if first == '#' && !in_text {
                break;
            }
            found |= length > 0;
            let end = if length > 0 { length } else { first.len_utf8() };
            let mark = if length > 0 { "\"" } else { "" };
            quoted.extend([mark, &rest[..end], mark]);
            rest = &rest[end..];
        }
        quoted.push_str(rest);
    }
    found.then_some(quoted)
}

fn is_of_date(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | ':' | '.' | '+')
}

/// How long the date is that a text begins with, if it is one of three numbers and no day of the calendar; else 0.
fn bad_date(text: &str) -> usize {
    let length = text.find(|letter| !is_of_date(letter)).unwrap_or(text.len());
    let word = &text[..length];
    let parts: Vec<&str> = word.split('-').collect();
    let is_meant = parts.len() == 3
        && parts[0].len() == 4
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let is_day = length == 10 && chrono::NaiveDate::parse_from_str(word, "%Y-%m-%d").is_ok();
    if is_meant && !is_day { length } else { 0 }
}

fn toml_table(places: &Places<'_>, table: toml::de::DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            place: places.of(key.span().start),
            key: key.into_inner().into_owned(),
            value: toml_value(places, value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.place);
    Value::Map(entries)
}

fn toml_value(places: &Places<'_>, value: toml::Spanned<toml::de::DeValue<'_>>) -> Placed {
    use toml::de::DeValue;
    let place = places.of(value.span().start);
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Text(number.as_str().to_owned()), Value::Int),
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| Value::Text(number.as_str().to_owned()), Value::Float)
        }
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(value) => Value::Text(value.to_string()),
        DeValue::Array(items) => {
            Value::List(items.into_iter().map(|item| toml_value(places, item)).collect())
        }
        DeValue::Table(table) => toml_table(places, table),
    };
    Placed { value, place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_values_know_their_place() {
        let Value::Map(entries) = yaml("a: no\nlist:\n  - b: 1\n  - x\nd: 2027-01-06").unwrap().value else {
            panic!()
        };
        assert_eq!(entries[0].value.value, Value::Text("no".to_owned()), "no is a word here");
        assert_eq!(entries[0].value.place, Place { line: 1, column: 4 });
        assert_eq!(entries[1].place, Place { line: 2, column: 1 });
        assert_eq!(entries[2].value.value, Value::Text("2027-01-06".to_owned()));
    }

    #[test]
    fn aliases_depth_and_merge_keys_are_refused() {
        assert!(yaml("a: &x [1]\nb: *x").is_err());
        assert!(yaml("a: [[[[[[[[[[1]]]]]]]]]]").is_err());
        assert!(yaml("<<: {a: 1}").is_err());
        assert!(yaml(&"a: x\n".repeat(10_000)).is_err());
    }

    #[test]
    fn syntax_faults_say_where() {
        assert_eq!(yaml("a: 1\nb: [1").unwrap_err().place.line, 2);
        assert_eq!(toml("a = 1\nb = \n").unwrap_err()[0].place.line, 2);
    }

    #[test]
    fn a_day_that_is_none_hides_nothing_else() {
        let text = "# from 2027-02-30\nname = \"until 2027-02-30, or so\"\nfrom = 2027-02-30 # no day\nto = 2027-3-1\ndays = [2027-01-01, 2027-13-01]\n";
        let Value::Map(entries) = toml(text).unwrap().value else { panic!() };
        let of = |at: usize| &entries[at].value.value;
        assert_eq!(*of(0), Value::Text("until 2027-02-30, or so".to_owned()));
        assert_eq!(*of(1), Value::Text("2027-02-30".to_owned()));
        assert_eq!(entries[1].value.place, Place { line: 3, column: 8 });
        assert_eq!(*of(2), Value::Text("2027-3-1".to_owned()));
        let Value::List(days) = of(3) else { panic!() };
        assert_eq!(days[1].value, Value::Text("2027-13-01".to_owned()));
        assert_eq!(
            toml("a = 2027-02-30\nb = \n").unwrap_err()[0].place.line,
            2,
            "what is wrong besides is told"
        );
    }
}
