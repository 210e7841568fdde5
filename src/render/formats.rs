//! Dates, times, numbers, lists and plural forms as the reader's locale writes them: CLDR data, compiled in (ICU4X).
//!
//! The digits are CLDR's default for the locale: Latin ones for `ar` and `ar-AE`, Arabic-Indic ones for `ar-EG`. The
//! calendar is the Gregorian one for everybody, also where CLDR prefers another (`ar-SA`, `fa`, `th`): a cadence
//! promises Gregorian days, and business mail is dated so there too.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Offset, Timelike, Weekday};
use chrono_tz::Tz;
use icu_calendar::{Date, Gregorian};
use icu_datetime::{
    FixedCalendarDateTimeFormatter, NoCalendarFormatter,
    fieldsets::{E, MD, T, YM, YMD, YMDE, zone::SpecificShort},
};
use icu_decimal::DecimalFormatter;
use icu_list::{ListFormatter, options::ListFormatterOptions};
use icu_locale_core::locale;
use icu_plurals::{PluralCategory, PluralRules};
use icu_time::{DateTime as LocalDateTime, Time, TimeZone, ZonedDateTime, zone::UtcOffset};

use crate::domain::kernel::Locale;

/// The writing habits of one locale. Making one costs nothing; a date takes two to six microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Formats(icu_locale_core::Locale);

impl Formats {
    /// Those of `locale`; of its language where CLDR knows no such region.
    pub(super) fn of(locale: &Locale) -> Self {
        Self(icu_locale_core::Locale::try_from_str(locale.as_str()).unwrap_or(locale!("en")))
    }

    /// `12 January 2027`, `January 12, 2027`, `2027年1月12日`.
    pub(super) fn date(&self, day: NaiveDate) -> String {
        let formatter =
            FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new((&self.0).into(), YMD::long());
        match (formatter, gregorian(day)) {
            (Ok(formatter), Some(date)) => tidy(&formatter.format(&date).to_string()),
            _ => day.to_string(),
        }
    }

    /// The day without its year: `12 January`, `January 12`, `1月12日`.
    pub(super) fn short_date(&self, day: NaiveDate) -> String {
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new((&self.0).into(), MD::long());
        match (formatter, gregorian(day)) {
            (Ok(formatter), Some(date)) => tidy(&formatter.format(&date).to_string()),
            _ => day.to_string(),
        }
    }

    /// The month and its year: `January 2027`, `2027年1月`.
    pub(super) fn month(&self, day: NaiveDate) -> String {
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new((&self.0).into(), YM::long());
        match (formatter, gregorian(day)) {
            (Ok(formatter), Some(date)) => tidy(&formatter.format(&date).to_string()),
            _ => day.format("%Y-%m").to_string(),
        }
    }

    /// Weekday, day, time and zone: `Dienstag, 12. Januar 2027 um 09:00 MEZ`. Zones have the short name that the
    /// locale's readers know, else their distance from UTC.
    pub(super) fn date_time(&self, at: &DateTime<Tz>) -> String {
        self.zoned(at).unwrap_or_else(|| at.format("%Y-%m-%d %H:%M %Z").to_string())
    }

    fn zoned(&self, at: &DateTime<Tz>) -> Option<String> {
        let fields = YMDE::long().with_time_hm().with_zone(SpecificShort);
        let formatter =
            FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new((&self.0).into(), fields).ok()?;
        let (date, time) = (gregorian(at.date_naive())?, hour_and_minute(at.time())?);
        let offset = UtcOffset::try_from_seconds(at.offset().fix().local_minus_utc()).ok();
        let local = LocalDateTime { date, time };
        let zone = TimeZone::from_iana_id(at.timezone().name()).with_offset(offset).at_date_time(local);
        Some(tidy(&formatter.format(&ZonedDateTime { date, time, zone }).to_string()))
    }

    /// `09:00`, `9:00 AM`.
    pub(super) fn time(&self, time: NaiveTime) -> String {
        match (NoCalendarFormatter::try_new((&self.0).into(), T::hm()), hour_and_minute(time)) {
            (Ok(formatter), Some(time)) => tidy(&formatter.format(&time).to_string()),
            _ => time.format("%H:%M").to_string(),
        }
    }

    /// The weekday as it stands in a sentence: `Tuesday`, `mardi`.
    pub(super) fn weekday(&self, day: Weekday) -> String {
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new((&self.0).into(), E::long());
        // Any week will do: 4 January 2027 is a Monday.
        let date =
            gregorian(NaiveDate::from_ymd_opt(2027, 1, 4 + day.num_days_from_monday()).unwrap_or_default());
        match (formatter, date) {
            (Ok(formatter), Some(date)) => formatter.format(&date).to_string(),
            _ => day.to_string(),
        }
    }

    /// `12,345`, `12.345`.
    pub(super) fn number(&self, number: u64) -> String {
        DecimalFormatter::try_new((&self.0).into(), icu_decimal::options::DecimalFormatterOptions::default())
            .map_or_else(
                |_| number.to_string(),
                |formatter| tidy(&formatter.format(&number.into()).to_string()),
            )
    }

    /// `A, B and C`.
    pub(super) fn list<T: AsRef<str>>(&self, items: &[T]) -> String {
        let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
        ListFormatter::try_new_and((&self.0).into(), ListFormatterOptions::default())
            .map_or_else(|_| items.join(", "), |formatter| formatter.format(items.iter()).to_string())
    }

    /// CLDR's plural category for a count of things: `one`, `few`, `other` ...
    pub(super) fn plural(&self, number: u64) -> &'static str {
        PluralRules::try_new_cardinal((&self.0).into())
            .map_or("other", |rules| category(rules.category_for(number)))
    }

    /// All categories that the language tells apart.
    #[cfg(test)]
    pub(super) fn plurals(&self) -> Vec<&'static str> {
        PluralRules::try_new_cardinal((&self.0).into()).unwrap().categories().map(category).collect()
    }
}

fn category(category: PluralCategory) -> &'static str {
    match category {
        PluralCategory::Zero => "zero",
        PluralCategory::One => "one",
        PluralCategory::Two => "two",
        PluralCategory::Few => "few",
        PluralCategory::Many => "many",
        PluralCategory::Other => "other",
    }
}

fn gregorian(day: NaiveDate) -> Option<Date<Gregorian>> {
    let (month, of_month) = (u8::try_from(day.month()).ok()?, u8::try_from(day.day()).ok()?);
    Date::try_new_gregorian(day.year(), month, of_month).ok()
}

fn hour_and_minute(time: NaiveTime) -> Option<Time> {
    Time::try_new(u8::try_from(time.hour()).ok()?, u8::try_from(time.minute()).ok()?, 0, 0).ok()
}

/// CLDR parts `9:00` and `AM` by a narrow no-break space, which older mail programs have no glyph for.
fn tidy(text: &str) -> String {
    text.replace('\u{202f}', "\u{a0}")
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    #[test]
    fn dates_are_written_as_the_reader_s_locale_does() {
        let day = NaiveDate::from_ymd_opt(2027, 1, 12).unwrap();
        for (tag, zone, date, moment) in [
            (
                "en-US",
                Tz::America__Chicago,
                "January 12, 2027",
                "Tuesday, January 12, 2027 at 9:00\u{a0}AM CST",
            ),
            (
                "en-CA",
                Tz::America__Vancouver,
                "January 12, 2027",
                "Tuesday, January 12, 2027 at 9:00\u{a0}a.m. PST",
            ),
            ("en-GB", Tz::Europe__London, "12 January 2027", "Tuesday, 12 January 2027 at 09:00 GMT"),
            ("en-IN", Tz::Asia__Kolkata, "12 January 2027", "Tuesday, 12 January 2027 at 9:00\u{a0}AM IST"),
            (
                "en-AU",
                Tz::Australia__Adelaide,
                "12 January 2027",
                "Tuesday 12 January 2027 at 9:00\u{a0}am ACDT",
            ),
            ("en-DE", Tz::Europe__Berlin, "12 January 2027", "Tuesday, 12 January 2027 at 09:00 CET"),
            ("de-DE", Tz::Europe__Berlin, "12. Januar 2027", "Dienstag, 12. Januar 2027 um 09:00 MEZ"),
            ("de-AT", Tz::Europe__Vienna, "12. Jänner 2027", "Dienstag, 12. Jänner 2027 um 09:00 MEZ"),
            (
                "es-MX",
                Tz::America__Mexico_City,
                "12 de enero de 2027",
                "martes, 12 de enero de 2027 a las 09:00\u{a0}a.m. GMT-6",
            ),
            (
                "pt-BR",
                Tz::America__Sao_Paulo,
                "12 de janeiro de 2027",
                "terça-feira, 12 de janeiro de 2027 às 09:00 BRT",
            ),
            ("fr-FR", Tz::Europe__Paris, "12 janvier 2027", "mardi 12 janvier 2027 à 09:00 UTC+1"),
            ("nb-NO", Tz::Europe__Oslo, "12. januar 2027", "tirsdag 12. januar 2027 kl. 09:00 CET"),
            ("ar-AE", Tz::Asia__Dubai, "12 يناير 2027", "الثلاثاء، 12 يناير 2027 في 9:00 ص غرينتش\u{200e}+4"),
            ("ar-EG", Tz::Africa__Cairo, "١٢ يناير ٢٠٢٧", "الثلاثاء، ١٢ يناير ٢٠٢٧ في ٩:٠٠ ص غرينتش\u{61c}+٢"),
            ("ja-JP", Tz::Asia__Tokyo, "2027年1月12日", "2027年1月12日火曜日 9:00 JST"),
        ] {
            let formats = Formats::of(&Locale::parse(tag).unwrap());
            assert_eq!(formats.date(day), date, "{tag}");
            let at = zone.with_ymd_and_hms(2027, 1, 12, 9, 0, 0).unwrap();
            assert_eq!(formats.date_time(&at), moment, "{tag}");
        }
    }

    #[test]
    fn summer_and_winter_have_names_of_their_own() {
        let at = Tz::America__Chicago.with_ymd_and_hms(2027, 7, 13, 9, 0, 0).unwrap();
        let us = Formats::of(&Locale::parse("en-US").unwrap());
        assert!(us.date_time(&at).ends_with("CDT"), "{}", us.date_time(&at));
    }

    #[test]
    fn numbers_lists_times_and_weekdays_follow_the_locale() {
        let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap();
        for (tag, number, list, time, weekday) in [
            ("en-US", "12,345", "A, B, and C", "9:00\u{a0}AM", "Tuesday"),
            ("en-GB", "12,345", "A, B and C", "09:00", "Tuesday"),
            ("de", "12.345", "A, B und C", "09:00", "Dienstag"),
            ("fr", "12\u{a0}345", "A, B et C", "09:00", "mardi"),
            ("ar-AE", "12,345", "A وB وC", "9:00 ص", "الثلاثاء"),
            ("ar-EG", "١٢٬٣٤٥", "A وB وC", "٩:٠٠ ص", "الثلاثاء"),
            ("ja", "12,345", "A、B、C", "9:00", "火曜日"),
        ] {
            let formats = Formats::of(&Locale::parse(tag).unwrap());
            assert_eq!(formats.number(12_345), number, "{tag}");
            assert_eq!(formats.list(&["A", "B", "C"]), list, "{tag}");
            assert_eq!(formats.time(nine), time, "{tag}");
            assert_eq!(formats.weekday(Weekday::Tue), weekday, "{tag}");
        }
    }
}
