//! A month as the vendor's own people see it: newsletters, webinars, and what is published.

use chrono::{DateTime, Datelike, Months, NaiveDate};
use chrono_tz::Tz;

use super::{
    changes,
    dates::{Ask, Date, Window, dates},
    readers::Readers,
};
use crate::{
    domain::{
        content::{
            Asset, AssetKind, Detail, Library, Reader,
            kinds::IssueZone,
            rules::{
                CalendarRules,
                calendar::{Blackout, Whose},
            },
        },
        kernel::{
            Error, Result,
            clock::{DAY_MS, UtcMs, utc},
        },
        partner::{Partner, Region},
        program::cadence::resolve,
    },
    store::partners,
    work::{cobrand::no_content, context::Context, promised::Letter, recall::Replaced},
};

/// How far from now a month may be.
pub const MONTHS_MAX: i32 = 24;

/// What is asked for; what is left out restricts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// `YYYY-MM`; this month without it.
    pub month: Option<&'a str>,
    /// A newsletter's slug; then it alone is shown.
    pub newsletter: Option<&'a str>,
    /// A partner's slug; then what concerns it is shown.
    pub partner: Option<&'a str>,
}

/// A month.
#[derive(Debug)]
pub struct Month {
    /// Its first day.
    pub first: NaiveDate,
    /// Today.
    pub today: NaiveDate,
    /// The vendor's zone, in which days are days.
    pub zone: Tz,
    /// Days on which no newsletter leaves.
    pub closed: Vec<Closed>,
    /// Whether it is one partner's, and those days are too.
    pub is_of_partner: bool,
    /// The dates of newsletters: of the day on which readers are promised them, by their own calendars.
    pub dates: Vec<OnDay>,
    /// Webinars, in order of time.
    pub webinars: Vec<Webinar>,
    /// What is published on which day.
    pub published: Vec<Published>,
    /// All newsletters, slug and title as authored.
    pub newsletters: Vec<(String, String)>,
    /// All partners, slug and name.
    pub partners: Vec<(String, String)>,
}

/// Days in a row on which no newsletter leaves.
#[derive(Debug)]
pub struct Closed {
    /// The first.
    pub first: NaiveDate,
    /// The last, itself included.
    pub last: NaiveDate,
    /// What they are called.
    pub name: String,
    /// Regions and partners for which it holds; none for all.
    pub whose: Vec<String>,
}

/// A date of a newsletter.
#[derive(Debug)]
pub struct OnDay {
    /// On which day.
    pub day: NaiveDate,
    /// The newsletter's title as authored.
    pub title: String,
    /// The date.
    pub date: Date,
}

/// A webinar.
#[derive(Debug)]
pub struct Webinar {
    /// Its reference.
    pub reference: String,
    /// Its title as authored.
    pub title: String,
    /// When it begins, in the vendor's zone.
    pub start: DateTime<Tz>,
    /// When it ends, there.
    pub end: DateTime<Tz>,
    /// Whether it was recalled.
    pub is_recalled: bool,
}

/// Something that customers may read from a day on.
#[derive(Debug)]
pub struct Published {
    /// The day, by each partner's own clocks.
    pub day: NaiveDate,
    /// Its reference.
    pub reference: String,
    /// Its title as authored.
    pub title: String,
    /// What it is.
    pub kind: AssetKind,
    /// Whether it was recalled.
    pub is_recalled: bool,
}

/// The month that is asked for.
///
/// # Errors
/// `Invalid` for what is no month, or one that is further away than [`MONTHS_MAX`]; `NotFound` for a newsletter or a
/// partner that is not there; `Unavailable` before the first sync. Those of the store.
pub async fn month(ctx: &Context, asked: Asked<'_>) -> Result<Month> {
    let library = ctx.library();
    let vendor = library.vendor.as_ref().ok_or_else(no_content)?;
    let zone = vendor.zone;
    let today = utc(ctx.now_ms()).with_timezone(&zone).date_naive();
    let (first, next) = days(asked.month, today)?;
    let all_partners = partners::all_partners(&ctx.db).await?;
    let partner = asked.partner.map(|slug| {
        let found = all_partners.iter().find(|partner| partner.slug.as_str() == slug);
        found.ok_or_else(|| Error::not_found(format!("a partner `{slug}`")))
    });
    let partner = partner.transpose()?;
    let letters: Vec<_> = library.newsletters().collect();
    if let Some(slug) = asked.newsletter
        && !letters.iter().any(|(asset, _)| asset.slug() == slug)
    {
        return Err(Error::not_found(format!("a newsletter `{slug}`")));
    }
    let readers = Readers::all(&ctx.db, asked.partner).await?;
    let rules_ms = changes::of_rules(&ctx.db, true).await?;
    let start = |day: NaiveDate| resolve(day.and_time(chrono::NaiveTime::MIN), zone).at_ms;
    // A day begins and ends elsewhere before and after it does here.
    let window =
        Window { from_ms: start(first) - DAY_MS, until_ms: start(next) + DAY_MS, ahead_max: usize::MAX };
    let locale = &vendor.default_locale;
    let mut on_days = Vec::new();
    let wanted = letters.iter().filter(|(asset, _)| asked.newsletter.is_none_or(|slug| asset.slug() == slug));
    for &(asset, newsletter) in wanted {
        let letter = Letter { library: &library, asset, newsletter };
        for date in
            dates(ctx, &Ask { letter, left_ms: None, readers: &readers, locale, rules_ms, window }).await?
        {
            let day = day_of(&date, newsletter.zone, zone);
            if (first..next).contains(&day) {
                on_days.push(OnDay { day, title: asset.front.title.as_str().to_owned(), date });
            }
        }
    }
    on_days.sort_by_key(|on_day| on_day.date.first_due_ms);
    let replaced = Replaced::load(&ctx.db).await?;
    let is_content = asked.newsletter.is_none();
    let in_month = |day: NaiveDate| is_content && (first..next).contains(&day);
    Ok(Month {
        first,
        today,
        zone,
        closed: closed(&library.rules.calendar, partner, first, next),
        is_of_partner: partner.is_some(),
        dates: on_days,
        webinars: webinars(&library, partner, zone, &replaced, &in_month),
        published: published(&library, partner, &replaced, &in_month),
        newsletters: letters
            .iter()
            .map(|(asset, _)| (asset.slug().to_owned(), asset.front.title.as_str().to_owned()))
            .collect(),
        partners: all_partners
            .iter()
            .map(|partner| (partner.slug.to_string(), partner.name.clone()))
            .collect(),
    })
}

/// The first day of the month `YYYY-MM`, or of today's, and that of the next one.
fn days(month: Option<&str>, today: NaiveDate) -> Result<(NaiveDate, NaiveDate)> {
    let wrong = || {
        Error::invalid(format!(
            "this is no month of a calendar: write `YYYY-MM`, at most {MONTHS_MAX} months from now, such as `{}`",
            today.format("%Y-%m")
        ))
    };
    let first = match month {
        // As it is written here and no other way, so that a month has one address.
        Some(text) => NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d")
            .ok()
            .filter(|day| day.format("%Y-%m").to_string() == text)
            .ok_or_else(wrong)?,
        None => today.with_day(1).unwrap_or(today),
    };
    let away =
        (first.year() - today.year()) * 12 + first.month0().cast_signed() - today.month0().cast_signed();
    let next = first.checked_add_months(Months::new(1)).filter(|_| away.abs() <= MONTHS_MAX);
    Ok((first, next.ok_or_else(wrong)?))
}

/// The day on which a date is shown: the promised one, as readers' own calendars have it, or that to which a rule moved the
/// first hour.
fn day_of(date: &Date, by: IssueZone, zone: Tz) -> NaiveDate {
    if date.state.is_off() || !date.is_moved {
        return date.nominal.date();
    }
    let readers = date.hours.first().and_then(|(zone, _)| zone.parse().ok());
    day_at(date.first_due_ms, if by.is_readers() { readers.unwrap_or(zone) } else { zone })
}

/// The blackouts of days from `first` to before `next`, which concern `partner` or, where none is asked for, anybody.
fn closed(
    rules: &CalendarRules,
    partner: Option<&Partner>,
    first: NaiveDate,
    next: NaiveDate,
) -> Vec<Closed> {
    let concerns = |blackout: &&Blackout| {
        partner.is_none_or(|partner| blackout.whose.holds_for(partner.slug.as_str(), partner.region))
    };
    let all = rules.blackouts.iter().filter(concerns).flat_map(|blackout| {
        let days = blackout.days.iter().filter(move |days| days.first < next && days.last >= first);
        days.map(move |days| Closed {
            first: days.first,
            last: days.last,
            name: match &days.title {
                Some(title) => format!("{}: {title}", blackout.name),
                None => blackout.name.clone(),
            },
            whose: if partner.is_some() { Vec::new() } else { words_of(&blackout.whose) },
        })
    });
    all.collect()
}

/// Regions and partners, as calendar.toml names them; nothing for everybody.
fn words_of(whose: &Whose) -> Vec<String> {
    let regions = Region::WORDS.iter().filter(|(_, region)| whose.regions.contains(region));
    let partners = whose.partners.iter().map(|partner| partner.as_str().to_owned());
    regions.map(|(word, _)| (*word).to_owned()).chain(partners).collect()
}

fn day_at(ms: UtcMs, zone: Tz) -> NaiveDate {
    utc(ms).with_timezone(&zone).date_naive()
}

/// Whether an asset concerns `partner`, or anybody where none is asked for.
fn concerns(asset: &Asset, partner: Option<&Partner>) -> bool {
    partner.is_none_or(|partner| asset.concerns(&Reader::public(partner, &partner.locale)))
}

fn webinars(
    library: &Library,
    partner: Option<&Partner>,
    zone: Tz,
    replaced: &Replaced,
    in_month: &dyn Fn(NaiveDate) -> bool,
) -> Vec<Webinar> {
    let mut found: Vec<Webinar> = library
        .by_kind(AssetKind::Webinar)
        .filter(|asset| concerns(asset, partner))
        .filter_map(|asset| {
            let Detail::Webinar(webinar) = &asset.detail else { return None };
            let (start, end) = webinar.begins().zip(webinar.ends())?;
            Some(Webinar {
                reference: asset.reference.clone(),
                title: asset.front.title.as_str().to_owned(),
                start: start.with_timezone(&zone),
                end: end.with_timezone(&zone),
                is_recalled: replaced.contains(&asset.reference),
            })
        })
        .filter(|webinar| in_month(webinar.start.date_naive()))
        .collect();
    found.sort_by_key(|webinar| webinar.start);
    found
}

fn published(
    library: &Library,
    partner: Option<&Partner>,
    replaced: &Replaced,
    in_month: &dyn Fn(NaiveDate) -> bool,
) -> Vec<Published> {
    let originals = library.assets.iter().filter(|asset| asset.locale.is_none());
    let mut found: Vec<Published> = originals
        .filter(|asset| concerns(asset, partner))
        .filter_map(|asset| {
            Some(Published {
                day: asset.front.publish.filter(|day| in_month(*day))?,
                reference: asset.reference.clone(),
                title: asset.front.title.as_str().to_owned(),
                kind: asset.kind(),
                is_recalled: replaced.contains(&asset.reference),
            })
        })
        .collect();
    found.sort_by(|a, b| (a.day, &a.reference).cmp(&(b.day, &b.reference)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_one_address_and_is_not_far_away() {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap();
        let today = day("2027-01-12");
        assert_eq!(days(None, today).unwrap(), (day("2027-01-01"), day("2027-02-01")));
        assert_eq!(days(Some("2026-12"), today).unwrap(), (day("2026-12-01"), day("2027-01-01")));
        assert_eq!(days(Some("2029-01"), today).unwrap().0, day("2029-01-01"));
        for wrong in
            ["2029-02", "2024-12", "2027-13", "2027-1", "27-01", "", "2027-01-01", " 2027-01", "+2027-01"]
        {
            let error = days(Some(wrong), today).unwrap_err();
            assert!(error.public().contains("such as `2027-01`"), "{wrong}: {}", error.public());
        }
    }
}
