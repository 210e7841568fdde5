//! The interface's own texts in the reader's language: `templates/locales/<language>.toml`, one flat table each.

use std::collections::BTreeMap;
#[cfg(test)]
use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeZone, Weekday};
use serde::Serialize;

use crate::domain::{
    kernel::{Error, Locale, Result},
    program::cadence::{Cadence, MonthDay, Ordinal, Rule},
};

use super::files::{self, Files};

/// The language every key exists in.
const COMPLETE: &str = "en";

/// The texts of one language, completed from English. Serialises to a map, so that templates read
/// `{{ t.unsubscribe }}`.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Strings {
    texts: BTreeMap<String, String>,
}

impl Strings {
    /// The text `key`; the key itself where it is unknown, so that a slip is seen and breaks nothing.
    pub fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.texts.get(key).map_or(key, String::as_str)
    }

    /// The text `key` with each `{name}` replaced by its value. Values are not looked at again.
    pub fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut filled = String::new();
        let mut rest = self.get(key);
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let known = after.split_once('}').and_then(|(name, tail)| {
                values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value, tail))
            });
            match known {
                Some((value, tail)) => {
                    filled.push_str(value);
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
        let month = self.get("months").split('|').nth(day.month0() as usize).unwrap_or("?");
        self.fill(
            "date",
            &[("day", &day.day().to_string()), ("month", month), ("year", &day.year().to_string())],
        )
    }

    /// The day in words without its year: `12 January`.
    pub fn short_date(&self, day: NaiveDate) -> String {
        let month = self.get("months").split('|').nth(day.month0() as usize).unwrap_or("?");
        self.fill("short_date", &[("day", &day.day().to_string()), ("month", month)])
    }

    /// When a newsletter comes: `am zweiten Dienstag im Monat um 09:00 Uhr`.
    pub fn cadence(&self, cadence: &Cadence) -> String {
        let hm = |time: &NaiveTime| time.format("%H:%M").to_string();
        let of_month = |key: &str, day: &MonthDay, time: &NaiveTime| {
            self.fill(key, &[("day", &self.month_day(*day)), ("time", &hm(time))])
        };
        match cadence.rule() {
            Rule::Daily(time) => self.fill("cadence_daily", &[("time", &hm(time))]),
            Rule::Weekly(day, time) => {
                self.fill("cadence_weekly", &[("weekday", self.weekday(*day)), ("time", &hm(time))])
            }
            Rule::EveryWeeks { weeks, from, time } => {
                let weekday = self.weekday(from.weekday());
                let values =
                    [("weeks", weeks.to_string()), ("weekday", weekday.to_owned()), ("time", hm(time))];
                self.fill(
                    "cadence_every_weeks",
                    &values.each_ref().map(|(name, value)| (*name, value.as_str())),
                )
            }
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
                let ordinal = self.get("ordinals").split('|').nth(which).unwrap_or("?");
                self.fill("day_nth", &[("ordinal", ordinal), ("weekday", self.weekday(weekday))])
            }
            MonthDay::FirstBusinessDay => self.get("day_first_business").to_owned(),
            MonthDay::LastBusinessDay => self.get("day_last_business").to_owned(),
            MonthDay::Numbered(number) => self.fill("day_numbered", &[("number", &number.to_string())]),
        }
    }

    fn weekday(&self, day: Weekday) -> &str {
        self.get("weekdays").split('|').nth(day.num_days_from_monday() as usize).unwrap_or("?")
    }

    /// The weekday, the day and the time, with the zone's abbreviation: `Tuesday, 12 January 2027, 09:00 CET`.
    pub fn date_time<Z: TimeZone>(&self, at: &DateTime<Z>) -> String
    where
        Z::Offset: std::fmt::Display,
    {
        let weekday = self.weekday(at.weekday());
        self.fill(
            "date_time",
            &[
                ("weekday", weekday),
                ("date", &self.date(at.date_naive())),
                ("time", &at.format("%H:%M").to_string()),
                ("zone", &at.format("%Z").to_string()),
            ],
        )
    }
}

/// All languages.
#[derive(Debug)]
pub(super) struct Languages(BTreeMap<String, Strings>);

impl Languages {
    /// Reads `locales/*.toml`.
    ///
    /// # Errors
    /// A file that is not a flat table of texts, or no English one.
    pub(super) fn load(files: &Files) -> Result<Self> {
        let mut languages = BTreeMap::new();
        for (name, bytes) in files {
            let Some(tag) = name.strip_prefix("locales/").and_then(|file| file.strip_suffix(".toml")) else {
                continue;
            };
            let mut table: BTreeMap<String, toml::Value> = toml::from_str(files::text(name, bytes)?)
                .map_err(|error| Error::invalid(format!("templates/{name}: {error}")))?;
            table.remove("missing_on_purpose");
            let texts = table
                .into_iter()
                .map(|(key, value)| match value {
                    toml::Value::String(text) => Ok((key, text)),
                    _ => Err(Error::invalid(format!("templates/{name}: `{key}` must be a text"))),
                })
                .collect::<Result<_>>()?;
            languages.insert(tag.to_owned(), Strings { texts });
        }
        let english = languages
            .get(COMPLETE)
            .cloned()
            .ok_or_else(|| Error::not_found(format!("templates/locales/{COMPLETE}.toml")))?;
        for strings in languages.values_mut() {
            for (key, text) in &english.texts {
                strings.texts.entry(key.clone()).or_insert_with(|| text.clone());
            }
        }
        Ok(Self(languages))
    }

    /// The language of `locale`, most specific first, else English.
    pub(super) fn of(&self, locale: &Locale) -> &Strings {
        locale
            .fallbacks()
            .into_iter()
            .chain([COMPLETE])
            .find_map(|tag| self.0.get(tag))
            .expect("English was there when the languages were loaded")
    }

    /// Whether there are texts in the language of `locale`.
    pub(super) fn have(&self, locale: &Locale) -> bool {
        locale.fallbacks().into_iter().any(|tag| self.0.contains_key(tag))
    }
}

/// Keys of English that a language lacks without saying so, and keys of its own that English lacks.
#[cfg(test)]
fn differences(english: &str, other: &str) -> BTreeSet<String> {
    let table = |text: &str| toml::from_str::<toml::Table>(text).unwrap();
    let (english, other) = (table(english), table(other));
    let on_purpose: BTreeSet<&str> = other
        .get("missing_on_purpose")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
        .collect();
    let missing =
        english.keys().filter(|key| !other.contains_key(*key) && !on_purpose.contains(key.as_str()));
    let surplus = other.keys().filter(|key| *key != "missing_on_purpose" && !english.contains_key(*key));
    missing.chain(surplus).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locale_file(files: &Files, tag: &str) -> String {
        String::from_utf8(files[&format!("locales/{tag}.toml")].to_vec()).unwrap()
    }

    #[test]
    fn every_language_has_every_key_or_says_why_not() {
        let files = files::load(None).unwrap();
        let english = locale_file(&files, "en");
        for tag in ["de", "es"] {
            assert_eq!(differences(&english, &locale_file(&files, tag)), BTreeSet::new(), "{tag}");
        }
        assert_eq!(differences("a = 'x'\nb = 'y'", "b = 'z'\nc = ''").len(), 2, "the check can fail");
        assert_eq!(differences("a = 'x'", "missing_on_purpose = ['a']").len(), 0);
    }

    #[test]
    fn every_language_names_the_same_placeholders() {
        let files = files::load(None).unwrap();
        let names = |text: &str| -> BTreeSet<String> {
            text.split('{')
                .skip(1)
                .filter_map(|part| part.split_once('}'))
                .map(|(n, _)| n.to_owned())
                .collect()
        };
        let languages = Languages::load(&files).unwrap();
        for (tag, strings) in &languages.0 {
            for (key, text) in &strings.texts {
                assert_eq!(names(text), names(languages.0["en"].get(key)), "{tag}: {key}");
            }
        }
    }

    #[test]
    fn dates_are_written_in_the_readers_language() {
        let languages = Languages::load(&files::load(None).unwrap()).unwrap();
        let day = NaiveDate::from_ymd_opt(2027, 1, 12).unwrap();
        let date = |tag: &str| languages.of(&Locale::parse(tag).unwrap()).date(day);
        assert_eq!(date("en"), "12 January 2027");
        assert_eq!(date("de-AT"), "12. Januar 2027");
        assert_eq!(date("es"), "12 de enero de 2027");
        assert_eq!(date("ja"), "12 January 2027", "no Japanese yet, so English");
    }

    #[test]
    fn a_cadence_is_said_in_the_readers_language() {
        let languages = Languages::load(&files::load(None).unwrap()).unwrap();
        let say = |tag: &str, cadence: &str| {
            languages.of(&Locale::parse(tag).unwrap()).cadence(&Cadence::parse(cadence).unwrap())
        };
        assert_eq!(say("en", "second Tuesday at 09:00"), "on the second Tuesday of the month at 09:00");
        assert_eq!(say("de", "second Tuesday at 09:00"), "am zweiten Dienstag im Monat um 09:00 Uhr");
        assert_eq!(say("es", "second Tuesday at 09:00"), "el segundo martes de cada mes a las 09:00");
        assert_eq!(say("de", "daily at 07:30"), "jeden Tag um 07:30 Uhr");
        assert_eq!(say("de", "weekly on Wednesday at 08:00"), "jeden Mittwoch um 08:00 Uhr");
        assert_eq!(
            say("en", "every 2 weeks from 2027-01-06 at 09:00"),
            "every 2 weeks on Wednesday at 09:00"
        );
        assert_eq!(say("de", "monthly on day 15 at 09:00"), "am 15. Tag im Monat um 09:00 Uhr");
        assert_eq!(
            say("es", "last business day at 17:00"),
            "el último día laborable de cada mes a las 17:00"
        );
        assert_eq!(say("de", "quarterly, first Monday at 09:00"), "am ersten Montag im Quartal um 09:00 Uhr");
        assert_eq!(say("de", "0 9 1 * *"), "nach einem eigenen Kalender");
    }

    #[test]
    fn filled_values_are_not_looked_at_again() {
        let strings = Strings { texts: BTreeMap::from([("k".into(), "{a} and {b} {c}".into())]) };
        assert_eq!(strings.fill("k", &[("a", "{b}"), ("b", "x")]), "{b} and x {c}");
        assert_eq!(strings.get("unknown"), "unknown");
    }
}
