//! The interface's own texts in the reader's language: `templates/locales/<language>.toml`, one flat table each.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;
use serde::Serialize;

use crate::domain::{
    kernel::{Error, Locale, Result, bidi},
    partner::{AudienceRole, Roles},
    program::cadence::{Cadence, MonthDay, Ordinal, Rule},
};

use super::{
    files::{self, Files},
    formats::Formats,
};

/// The language every key exists in.
const COMPLETE: &str = "en";

/// The texts of one language by key; the forms for counts as `key.one`, and the one for all others as `key`.
type Texts = BTreeMap<String, String>;

/// The texts of one language, completed from English, and how one locale of it writes dates and numbers. Serialises to a
/// map, so that templates read `{{ t.unsubscribe }}`.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Strings {
    texts: Arc<Texts>,
    #[serde(skip)]
    formats: Formats,
    #[serde(skip)]
    is_rtl: bool,
}

impl Strings {
    fn new(texts: &Arc<Texts>, locale: &Locale) -> Self {
        Self { texts: Arc::clone(texts), formats: Formats::of(locale), is_rtl: locale.is_rtl() }
    }

    /// The text `key`; the key itself where it is unknown, so that a slip is seen and breaks nothing.
    pub fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.texts.get(key).map_or(key, String::as_str)
    }

    /// The names of roles, as a list.
    pub fn roles(&self, roles: Roles) -> String {
        let name = |role| match role {
            AudienceRole::Sales => "role_sales",
            AudienceRole::Technical => "role_technical",
            AudienceRole::Marketing => "role_marketing",
            AudienceRole::Development => "role_development",
            AudienceRole::Executive => "role_executive",
        };
        let names: Vec<&str> = roles.iter().map(|role| self.get(name(role))).collect();
        self.list(&names)
    }

    /// The text `key` with each `{name}` replaced by its value, isolated where it may run the other way. Values are not
    /// looked at again.
    pub fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.filled(self.get(key), values)
    }

    /// As [`Strings::fill`], in the grammatical form for `number` things. `{name}` stands for the number itself.
    pub fn count(&self, key: &str, (name, number): (&str, u64), values: &[(&str, &str)]) -> String {
        let form = self.texts.get(&format!("{key}.{}", self.formats.plural(number)));
        let written = self.number(number);
        let values: Vec<_> = values.iter().copied().chain([(name, written.as_str())]).collect();
        self.filled(form.map_or_else(|| self.get(key), String::as_str), &values)
    }

    fn filled(&self, text: &str, values: &[(&str, &str)]) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let known = after.split_once('}').and_then(|(name, tail)| {
                values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value, tail))
            });
            match known {
                Some((value, tail)) => {
                    let is_number = value.chars().all(char::is_numeric);
                    filled += &bidi::isolated(value.to_owned(), self.is_rtl && !is_number);
                    rest = tail;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled + rest
    }

    /// The day in words: `12 January 2027`.
    pub fn date(&self, day: NaiveDate) -> String {
        self.formats.date(day)
    }

    /// The weekday, the day and the time, with the zone: `Tuesday, 12 January 2027 at 09:00 GMT`.
    pub fn date_time(&self, at: &DateTime<Tz>) -> String {
        self.formats.date_time(at)
    }

    /// The time of a day that was just named: `09:00`.
    pub fn time(&self, time: NaiveTime) -> String {
        self.formats.time(time)
    }

    /// The month of a day: `January 2027`.
    pub fn month(&self, day: NaiveDate) -> String {
        self.formats.month(day)
    }

    /// A number: `12,345`.
    pub fn number(&self, number: u64) -> String {
        self.formats.number(number)
    }

    /// Several things in a sentence: `A, B and C`.
    pub fn list<T: AsRef<str>>(&self, items: &[T]) -> String {
        // Each by itself, or the first one's direction would be that of them all.
        let isolated = |item: &T| bidi::isolated(item.as_ref().to_owned(), self.is_rtl);
        self.formats.list(&items.iter().map(isolated).collect::<Vec<_>>())
    }

    /// The day in words without its year: `12 January`.
    pub fn short_date(&self, day: NaiveDate) -> String {
        self.formats.short_date(day)
    }

    /// When a cadence comes, in the reader's language, with the zone in which it is said where that is not their own.
    pub fn cadence_in(&self, cadence: &Cadence, zone: Option<Tz>) -> String {
        let words = self.cadence(cadence);
        match zone {
            Some(zone) => format!("{words} ({})", zone.name().replace('_', " ")),
            None => words,
        }
    }

    /// When a newsletter comes: `am zweiten Dienstag im Monat um 09:00 Uhr`.
    pub fn cadence(&self, cadence: &Cadence) -> String {
        let hm = |time: &NaiveTime| self.formats.time(*time);
        let of_month = |key: &str, day: &MonthDay, time: &NaiveTime| {
            // The day is a phrase of this language, so there is nothing to isolate.
            self.get(key).replace("{day}", &self.month_day(*day)).replace("{time}", &hm(time))
        };
        match cadence.rule() {
            Rule::Daily(time) => self.fill("cadence_daily", &[("time", &hm(time))]),
            Rule::BusinessDaily(time) => self.fill("cadence_business_daily", &[("time", &hm(time))]),
            Rule::Weekly(day, time) => {
                self.fill("cadence_weekly", &[("weekday", &self.formats.weekday(*day)), ("time", &hm(time))])
            }
            Rule::EveryWeeks { weeks, from, time } => self.count(
                "cadence_every_weeks",
                ("weeks", u64::from(*weeks)),
                &[("weekday", &self.formats.weekday(from.weekday())), ("time", &hm(time))],
            ),
            Rule::Monthly(day, time) => of_month("cadence_monthly", day, time),
            Rule::Quarterly(day, time) => of_month("cadence_quarterly", day, time),
            Rule::Cron(_) => self.get("cadence_own").to_owned(),
        }
    }

    fn month_day(&self, day: MonthDay) -> String {
        match day {
            MonthDay::Nth(ordinal, weekday) => {
                let which = match ordinal {
                    Ordinal::First => 0,
                    Ordinal::Second => 1,
                    Ordinal::Third => 2,
                    Ordinal::Fourth => 3,
                    Ordinal::Last => 4,
                };
                // Ten ordinals where Saturday and Sunday are of another gender than the other days (Portuguese).
                let ordinals: Vec<&str> = self.get("ordinals").split('|').collect();
                let weekend = matches!(weekday, Weekday::Sat | Weekday::Sun) && ordinals.len() == 10;
                let ordinal = ordinals.get(if weekend { which + 5 } else { which }).unwrap_or(&"?");
                self.fill("day_nth", &[("ordinal", ordinal), ("weekday", &self.formats.weekday(weekday))])
            }
            MonthDay::FirstBusinessDay => self.get("day_first_business").to_owned(),
            MonthDay::LastBusinessDay => self.get("day_last_business").to_owned(),
            MonthDay::Numbered(number) => {
                self.fill("day_numbered", &[("number", &self.number(number.into()))])
            }
        }
    }
}

/// All languages.
#[derive(Debug)]
pub(super) struct Languages(BTreeMap<String, Arc<Texts>>);

impl Languages {
    /// Reads `locales/*.toml`.
    ///
    /// # Errors
    /// A file that is not a table of texts and their forms, or no English one.
    pub(super) fn load(files: &Files) -> Result<Self> {
        let mut languages: BTreeMap<String, Texts> = BTreeMap::new();
        for (name, bytes) in files {
            let Some(tag) = name.strip_prefix("locales/").and_then(|file| file.strip_suffix(".toml")) else {
                continue;
            };
            languages.insert(tag.to_owned(), texts(name, files::text(name, bytes)?)?);
        }
        let english = languages
            .get(COMPLETE)
            .cloned()
            .ok_or_else(|| Error::not_found(format!("templates/locales/{COMPLETE}.toml")))?;
        for texts in languages.values_mut() {
            for (key, text) in english.iter().filter(|(key, _)| !key.contains('.')) {
                texts.entry(key.clone()).or_insert_with(|| text.clone());
            }
        }
        Ok(Self(languages.into_iter().map(|(tag, texts)| (tag, Arc::new(texts))).collect()))
    }

    /// The languages there are, as tags.
    pub(super) fn tags(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// The texts in `language`, most specific first, else English, as `reader` wants them dated and counted.
    pub(super) fn of(&self, language: &Locale, reader: &Locale) -> Strings {
        let found = language.fallbacks().into_iter().find_map(|tag| self.0.get(tag));
        match found {
            Some(texts) => Strings::new(texts, &language.read_by(reader)),
            None => Strings::new(&self.0[COMPLETE], &Locale::en().read_by(reader)),
        }
    }

    /// Whether there are texts in the language of `locale`.
    pub(super) fn have(&self, locale: &Locale) -> bool {
        locale.fallbacks().into_iter().any(|tag| self.0.contains_key(tag))
    }
}

/// The texts of one file. `key = "…"` is a text, `key.one = "…"` the form for a count; `key.other` is the text `key`.
fn texts(name: &str, source: &str) -> Result<Texts> {
    let mut table: BTreeMap<String, toml::Value> =
        toml::from_str(source).map_err(|error| Error::invalid(format!("templates/{name}: {error}")))?;
    table.remove("missing_on_purpose");
    let wrong = |key: &str| Error::invalid(format!("templates/{name}: `{key}` must be a text"));
    let mut texts = Texts::new();
    for (key, value) in table {
        match value {
            toml::Value::String(text) => {
                texts.insert(key, text);
            }
            toml::Value::Table(forms) if forms.contains_key("other") => {
                for (form, text) in forms {
                    let name = if form == "other" { key.clone() } else { format!("{key}.{form}") };
                    texts.insert(name, text.as_str().ok_or_else(|| wrong(&key))?.to_owned());
                }
            }
            _ => return Err(wrong(&key)),
        }
    }
    Ok(texts)
}

#[cfg(test)]
#[path = "strings_tests.rs"]
mod tests;
