//! calendar.toml: when no newsletter leaves.
//!
//! ```toml
//! version = 1
//!
//! [[blackout]]                       # whole local days
//! name = "Year-end freeze"
//! from = 2027-12-20                  # or one day: `date = 2027-05-17`
//! to = 2028-01-02
//! every_year = true                  # from then on
//! clocks = false                     # the clocks of leads run on; without it nobody works on these days
//! regions = ["emea"]                 # or partners = ["northlight"]; without either: everywhere
//!
//! [[blackout]]
//! name = "Norwegian holidays"
//! calendar = "rules/norway.ics"      # the all-day events of an iCalendar file in the content folder
//!
//! [[quiet]]                          # every week, in the reader's local time
//! name = "Weekend"
//! from = "Fri 15:00"
//! to = "Mon 08:00"
//!
//! [[quiet]]                          # every day, or on `days = ["mon", "tue"]`
//! name = "Night"
//! from = "20:00"
//! to = "07:00"
//! ```

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};

pub use super::quiet::{Quiet, Span};
use super::{
    super::{
        finding::{Finding, Findings, Place, codes, did_you_mean},
        keys::{Found, Keys, Reference},
    },
    quiet::longest_open,
};
use crate::domain::partner::Region;

/// The file.
pub const CALENDAR: &str = "rules/calendar.toml";
/// Most blackouts, and most quiet windows.
const ENTRIES_MAX: usize = 200;
/// Most partners in one of them.
const PARTNERS_MAX: usize = 500;
/// Longest name, in characters.
pub(super) const NAME_CHARS_MAX: usize = 80;
/// Longest blackout, in days.
pub(super) const BLACKOUT_DAYS_MAX: i64 = 366;
/// Longest blackout that comes every year, in days: a day is left.
const YEARLY_DAYS_MAX: i64 = 364;
/// The last year for which days that come every year are reckoned.
pub(super) const LAST_YEAR: i32 = 2100;
/// The least time in one piece that quiet windows must leave of a week, in minutes.
const OPEN_MINUTES_MIN: u32 = 60;

/// When no newsletter leaves, in the reader's local time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CalendarRules {
    /// Raised with every change; 0 where there is no file.
    pub version: u32,
    /// Days on which none leaves, in the file's order.
    pub blackouts: Vec<Blackout>,
    /// Times of the week at which none leaves, in the file's order.
    pub quiet: Vec<Quiet>,
}

/// Whose readers an entry is about: those of any of its regions and partners; without either everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whose {
    /// Regions.
    pub regions: Vec<Region>,
    /// Slugs of partners.
    pub partners: Vec<Reference>,
}

/// Whole local days on which no newsletter leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blackout {
    /// What people call it; no two have the same.
    pub name: String,
    /// Whose readers.
    pub whose: Whose,
    /// The days, in order, none twice.
    pub days: Vec<Stretch>,
    /// The calendar that names them: its path in the content folder.
    pub calendar: Option<Reference>,
    /// Whether the clocks of leads stop on these days, because nobody works.
    pub stops_clocks: bool,
    /// Where it stands.
    pub place: Place,
}

/// Days in a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// The first.
    pub first: NaiveDate,
    /// The last, itself included.
    pub last: NaiveDate,
    /// What a calendar calls them.
    pub title: Option<String>,
}

impl Whose {
    /// Whether it is about readers at the partner `partner`, in `region`.
    pub fn holds_for(&self, partner: &str, region: Region) -> bool {
        self.is_everybody()
            || self.regions.contains(&region)
            || self.partners.iter().any(|slug| slug.as_str() == partner)
    }

    /// Whether it is about everybody.
    pub fn is_everybody(&self) -> bool {
        self.regions.is_empty() && self.partners.is_empty()
    }

    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let mut whose = Self::default();
        if let Some(found) = keys.get("regions") {
            whose.regions = some_of(found, Region::WORDS, f);
        }
        if let Some(found) = keys.get("partners") {
            let place = found.place();
            let items = some(found, f);
            if items.len() > PARTNERS_MAX {
                let message = format!("`partners` has {} entries", items.len());
                let fix = format!("name {PARTNERS_MAX} at most, or use `regions`");
                f.add(codes::BAD_VALUE, place, message, fix);
            }
            let slug = |item: Found, f: &mut Findings<'_>| {
                let place = item.place();
                item.slug(f).map(|slug| Reference { target: slug.as_str().to_owned(), place })
            };
            whose.partners = items.into_iter().take(PARTNERS_MAX).filter_map(|item| slug(item, f)).collect();
        }
        whose
    }
}

/// The items of a list. An empty one would be read as all, which nobody means by it.
fn some(found: Found, f: &mut Findings<'_>) -> Vec<Found> {
    let (key, place) = (found.key().to_owned(), found.place());
    let items = found.list(f);
    if items.is_empty() {
        f.add(codes::BAD_VALUE, place, format!("`{key}` names nothing"), "name one, or remove the key");
    }
    items
}

/// A list of words of a fixed list, not empty.
pub(super) fn some_of<T: Copy>(found: Found, words: &[(&'static str, T)], f: &mut Findings<'_>) -> Vec<T> {
    some(found, f).into_iter().filter_map(|item| item.choice(words, f)).collect()
}

impl Blackout {
    /// The days of this blackout of which `date` is one.
    pub fn on(&self, date: NaiveDate) -> Option<&Stretch> {
        let after = self.days.partition_point(|days| days.first <= date);
        self.days[..after].last().filter(|days| days.last >= date)
    }

    fn parse(found: Found, f: &mut Findings<'_>) -> Option<Self> {
        let mut keys = found.map(f)?;
        let place = keys.place();
        let name = keys.need("name", f).and_then(|v| v.line_of(NAME_CHARS_MAX, f));
        let whose = Whose::parse(&mut keys, f);
        let (date, from, to) = (keys.get("date"), keys.get("from"), keys.get("to"));
        let calendar = keys.get("calendar");
        let every_year = keys.get("every_year");
        let every_year = every_year.map(|v| (v.place(), v.flag(f).unwrap_or_default()));
        let stops_clocks = keys.get("clocks").and_then(|v| v.flag(f)).unwrap_or(true);
        keys.finish(f);
        let (days, calendar) = match (date, from, to, calendar) {
            (Some(date), None, None, None) => (date.date(f).map(|date| (date, date, place)), None),
            (None, Some(from), Some(to), None) => {
                let to_place = to.place();
                let (from, to) = (from.date(f), to.date(f));
                (from.zip(to).map(|(from, to)| (from, to, to_place)), None)
            }
            (None, None, None, Some(calendar)) => {
                if let Some((place, true)) = every_year {
                    let fix = "remove `every_year`: a calendar's events say themselves whether they recur";
                    f.add(codes::BAD_VALUE, place, "`every_year` with a `calendar`", fix);
                }
                (None, Some(calendar.reference(f)?))
            }
            _ => {
                let fix = "write either `date`, or `from` and `to`, or `calendar`";
                f.add(codes::MISSING_KEY, place, "it is not said which days this is about", fix);
                return None;
            }
        };
        let is_yearly = every_year.is_some_and(|(_, yearly)| yearly);
        let days = match days {
            Some(days) => stretches(days, is_yearly, f)?,
            None if calendar.is_some() => Vec::new(),
            None => return None,
        };
        Some(Self { name: name?, whose, days, calendar, stops_clocks, place })
    }
}

/// The days from `first` to `last`, which stands at `place`; each year from then on if it `is_yearly`.
fn stretches(
    (first, last, place): (NaiveDate, NaiveDate, Place),
    is_yearly: bool,
    f: &mut Findings<'_>,
) -> Option<Vec<Stretch>> {
    let count = (last - first).num_days() + 1;
    if count < 1 {
        let message = format!("it ends on {last}, before it begins on {first}");
        f.add(codes::BAD_VALUE, place, message, "write the first day as `from` and the last one as `to`");
        return None;
    }
    let most = if is_yearly { YEARLY_DAYS_MAX } else { BLACKOUT_DAYS_MAX };
    if count > most {
        let message = format!("it is {count} days long");
        let fix = format!("write {most} days at most; to end a newsletter, take it out of the folder");
        f.add(codes::BAD_VALUE, place, message, fix);
        return None;
    }
    if !is_yearly {
        return Some(vec![Stretch { first, last, title: None }]);
    }
    if [first, last].iter().any(|day| (day.month(), day.day()) == (2, 29)) {
        let fix = "write 28 February or 1 March";
        f.add(codes::BAD_VALUE, place, "29 February does not come every year", fix);
        return None;
    }
    let in_year = |ahead: i32| {
        let moved = |day: NaiveDate| day.with_year(day.year() + ahead);
        Some(Stretch { first: moved(first)?, last: moved(last)?, title: None })
    };
    Some((0..=(LAST_YEAR - first.year()).max(0)).filter_map(in_year).collect())
}

/// `days` in order, each day in one of them only.
pub(super) fn in_order(mut days: Vec<Stretch>) -> Vec<Stretch> {
    days.sort_unstable();
    let mut ordered: Vec<Stretch> = Vec::with_capacity(days.len());
    for mut next in days {
        if let Some(last) = ordered.last().filter(|last| last.last >= next.first) {
            let Some(after) = last.last.succ_opt().filter(|after| *after <= next.last) else { continue };
            next.first = after;
        }
        ordered.push(next);
    }
    ordered
}

impl CalendarRules {
    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.blackouts.is_empty() && self.quiet.is_empty()
    }

    /// All partners that the rules name, with their places.
    pub fn partners(&self) -> impl Iterator<Item = &Reference> {
        let whose = self.blackouts.iter().map(|blackout| &blackout.whose);
        whose.chain(self.quiet.iter().map(|quiet| &quiet.whose)).flat_map(|whose| &whose.partners)
    }

    /// Reads the keys of calendar.toml; days that calendars name are not known yet.
    pub(in super::super) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Self {
        let version = keys.need("version", f).and_then(|v| v.count(1, f)).unwrap_or_default();
        let blackouts: Vec<Blackout> =
            entries("blackout", &mut keys, f).into_iter().filter_map(|v| Blackout::parse(v, f)).collect();
        let quiet: Vec<Quiet> =
            entries("quiet", &mut keys, f).into_iter().filter_map(|v| Quiet::parse(v, f)).collect();
        keys.finish(f);
        unique(blackouts.iter().map(|blackout| (blackout.name.as_str(), blackout.place)), f);
        unique(quiet.iter().map(|quiet| (quiet.name.as_str(), quiet.place)), f);
        let rules = Self { version, blackouts, quiet };
        rules.leave_an_hour(f);
        rules
    }

    /// Takes the days of `calendars`, by path; finds calendars that are not there, and those that are for nothing.
    pub(in super::super) fn take(&mut self, calendars: &BTreeMap<String, Vec<Stretch>>) -> Vec<Finding> {
        let mut f = Findings::new(CALENDAR, "");
        let mut used = BTreeSet::new();
        for blackout in &mut self.blackouts {
            let Some(calendar) = &blackout.calendar else { continue };
            if let Some((path, days)) = calendars.get_key_value(calendar.as_str()) {
                used.insert(path.as_str());
                blackout.days.clone_from(days);
                continue;
            }
            let fix = if calendars.is_empty() {
                "add it to the folder `rules` of the content, with a name that ends with .ics".to_owned()
            } else {
                did_you_mean(calendar.as_str(), calendars.keys().map(String::as_str))
            };
            let message = format!("there is no calendar `{}`", calendar.as_str());
            f.add(codes::MISSING_CALENDAR, calendar.place, message, fix);
        }
        let mut all = f.finish();
        if !all.is_empty() {
            // Once the right one is named, the others may be in use.
            return all;
        }
        for path in calendars.keys().filter(|path| !used.contains(path.as_str())) {
            let mut f = Findings::new(path, "");
            let message = "no blackout names this calendar, so its days are like any other";
            let fix = format!("add a [[blackout]] with `calendar = \"{path}\"` to {CALENDAR}, or remove it");
            f.add(codes::UNUSED_CALENDAR, Place::START, message, fix);
            all.extend(f.finish());
        }
        all
    }

    /// Finds quiet windows that together leave no hour of a week to anybody, to a region, or to a partner.
    fn leave_an_hour(&self, f: &mut Findings<'_>) {
        let everybody = |quiet: &Quiet| quiet.whose.is_everybody();
        if self.never_open("everybody", everybody, f) {
            return;
        }
        for (word, region) in Region::WORDS {
            let of_region = |quiet: &Quiet| everybody(quiet) || quiet.whose.regions.contains(region);
            self.never_open(&format!("readers in {word}"), of_region, f);
        }
        let named = |quiet: &Quiet, slug: &str| quiet.whose.partners.iter().any(|one| one.as_str() == slug);
        let slugs: BTreeSet<&str> =
            self.quiet.iter().flat_map(|quiet| &quiet.whose.partners).map(Reference::as_str).collect();
        for slug in slugs {
            let of_partner = |quiet: &Quiet| everybody(quiet) || named(quiet, slug);
            self.never_open(&format!("readers at {slug}"), of_partner, f);
        }
    }

    fn never_open(&self, who: &str, counts: impl Fn(&Quiet) -> bool, f: &mut Findings<'_>) -> bool {
        let counting: Vec<&Quiet> = self.quiet.iter().filter(|quiet| counts(quiet)).collect();
        let Some(last) = counting.last() else { return false };
        let spans: Vec<Span> = counting.iter().flat_map(|quiet| quiet.spans.iter().copied()).collect();
        if longest_open(&spans) >= OPEN_MINUTES_MIN {
            return false;
        }
        let message = format!("with this, the quiet windows leave no hour of the week to {who}");
        f.add(codes::ALWAYS_QUIET, last.place, message, "shorten or remove one of them");
        true
    }
}

pub(super) fn entries(key: &'static str, keys: &mut Keys, f: &mut Findings<'_>) -> Vec<Found> {
    let Some(found) = keys.get(key) else { return Vec::new() };
    let place = found.place();
    let mut entries = found.list(f);
    if entries.len() > ENTRIES_MAX {
        let message = format!("there are {} of [[{key}]]", entries.len());
        let fix = format!("keep {ENTRIES_MAX} at most; a calendar file holds many days in one");
        f.add(codes::BAD_VALUE, place, message, fix);
        entries.truncate(ENTRIES_MAX);
    }
    entries
}

/// Sentences for readers' issues name a rule by its name.
fn unique<'n>(names: impl Iterator<Item = (&'n str, Place)>, f: &mut Findings<'_>) {
    let mut known: BTreeMap<&str, Place> = BTreeMap::new();
    for (name, place) in names {
        if let Some(first) = known.get(name) {
            let message = format!("`{name}` stands on line {} already", first.line);
            f.add(codes::DUPLICATE_KEY, place, message, "give each its own name");
        }
        known.entry(name).or_insert(place);
    }
}
