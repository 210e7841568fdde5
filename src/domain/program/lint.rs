//! Checks of content that need the rules of the programme: cadences that can be read, issues on promised days, and
//! calendar rules that leave a newsletter no day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDateTime};
use chrono_tz::Tz;

use crate::domain::{
    content::{
        asset::Asset,
        finding::{Code, Finding, Findings, Place, codes, listed},
        kinds::{Approval, Detail, Newsletter},
        library::Library,
        rules::{BusinessHours, CalendarRules},
        vendor::Duty,
    },
    kernel::clock::{UtcMs, utc},
    partner::{Partner, Region},
    program::{
        cadence::{Cadence, Occurrence},
        calendar::{LocalReader, Placed, Terms, place},
    },
};

/// Promised dates of which one must be left, and the days in which they lie.
const DATES: usize = 12;
const DATES_DAYS: u64 = 366;
/// Zones all around the world, five hours and more apart.
const ELSEWHERE: [Tz; 4] = [Tz::Pacific__Honolulu, Tz::America__New_York, Tz::Asia__Dubai, Tz::Asia__Tokyo];
/// How many dates are looked at: those of two years, at one a day, and those of a run that begins with their last.
const LOOK_DATES_MAX: usize = 750;
/// Of how many dates most must be left by what comes every week: four weeks of a daily newsletter.
const WEEKLY_DATES: usize = 28;
/// A run of dates that begins later than this is told of when it is nearer.
const AHEAD_DAYS: u64 = 2 * 366;

/// Findings on newsletters and their issues.
pub fn newsletters(library: &Library) -> Vec<Finding> {
    let mut all = Vec::new();
    for (asset, newsletter) in library.newsletters() {
        let cadence = match Cadence::parse(&newsletter.cadence) {
            Ok(cadence) => cadence,
            // That it is missing is said by the reader of the file.
            Err(_) if newsletter.cadence.is_empty() => continue,
            Err(error) => {
                let fix = meant(error.public());
                all.extend(finding(asset, codes::BAD_VALUE, "cadence", error.public(), &fix));
                continue;
            }
        };
        all.extend(approval(library, asset, newsletter));
        all.extend(staged(asset, newsletter));
        all.extend(digest(library, asset, newsletter));
        for (plan, issue) in library.issues_of(asset.slug()) {
            all.extend(subjects(library, plan));
            if newsletter.digest_hours.is_some() && issue.subject_b.is_some() {
                let message =
                    format!("`{}` allows digests, and with two subjects this one is in none", asset.slug());
                let fix = "leave out `subject_b`, or take it as it is";
                all.extend(finding(plan, codes::NOT_MERGED, "subject_b", &message, fix));
            }
            let Some(next) = cadence.next_day(issue.date).filter(|_| issue.has_date()) else { continue };
            if next != issue.date {
                let message = format!(
                    "{} is no day that `{}` promises ({})",
                    issue.date,
                    asset.slug(),
                    cadence.describe()
                );
                let fix = format!("the next one is {next}");
                all.extend(finding(plan, codes::BAD_VALUE, "date", &message, &fix));
            }
        }
    }
    all
}

/// How a cadence is mended that was refused for `why`: by the forms that it names.
fn meant(why: &str) -> String {
    // The first is what was written.
    let quoted = why.split('`').skip(1).step_by(2).skip(1);
    let mut forms: Vec<String> = quoted
        .filter(|text| text.starts_with("zone: ") || Cadence::parse(text).is_ok())
        .map(|form| format!("`{form}`"))
        .collect();
    forms.dedup();
    let zone = forms.iter().position(|form| form.starts_with("`zone: ")).map(|at| forms.remove(at));
    let zone = zone.map(|zone| format!(", and {zone} beside it")).unwrap_or_default();
    match &forms[..] {
        [] | [_, _, _, _, ..] => {
            "write it in one of the forms that `partnercast guide newsletter` lists".to_owned()
        }
        forms => format!("write {}{zone}", forms.join(" or ")),
    }
}

/// Findings on who approves a newsletter's issues.
fn approval(library: &Library, asset: &Asset, newsletter: &Newsletter) -> Vec<Finding> {
    let mut all = Vec::new();
    let Some(vendor) = &library.vendor else { return all };
    if let Some(address) = &newsletter.escalate_to
        && vendor.member(address.as_str()).is_none()
    {
        let message = format!("{address} is of nobody under [[staff]] in vendor.toml");
        let fix = "name somebody of the staff, or add them there";
        all.extend(finding(asset, codes::BAD_VALUE, "escalate_to", &message, fix));
    }
    if newsletter.second_approval_above.is_some() {
        let may = vendor.staff.iter().filter(|member| member.may.contains(&Duty::Approve)).count();
        if newsletter.approval == Approval::Automatic {
            let message = "a second approval is wanted of issues that need no first one";
            let fix = "write `approval: required`, or leave it out";
            all.extend(finding(asset, codes::BAD_VALUE, "second_approval_above", message, fix));
        } else if may == 0 {
            let message = "a second approval is wanted, and nobody of the staff may approve";
            let fix = "add `may = [\"approve\"]` to somebody under [[staff]] in vendor.toml";
            all.extend(finding(asset, codes::BAD_VALUE, "second_approval_above", message, fix));
        }
    }
    all
}

/// Findings on a newsletter's stages.
fn staged(asset: &Asset, newsletter: &Newsletter) -> Vec<Finding> {
    let Some(staged) = &newsletter.staged else { return Vec::new() };
    if staged.wait_minutes >= newsletter.on_time_minutes {
        let message = format!(
            "the rest would get it {} minutes after the hour, when it is on time for {} minutes only",
            staged.wait_minutes, newsletter.on_time_minutes
        );
        return finding(asset, codes::BAD_VALUE, "staged", &message, "wait less, or raise `on_time_minutes`");
    }
    if !staged.pilot.is_empty() && newsletter.freeze_minutes <= staged.wait_minutes {
        let message = format!(
            "the pilot leaves when an issue is frozen, {} minutes before the hour at the earliest, and the others wait {} minutes from \
             then on",
            newsletter.freeze_minutes, staged.wait_minutes
        );
        let fix = "raise `freeze_minutes` above `wait_minutes`, or wait less";
        return finding(asset, codes::SHORT_PILOT, "freeze_minutes", &message, fix);
    }
    Vec::new()
}

/// Findings on a newsletter that allows digests and is never in one.
fn digest(library: &Library, asset: &Asset, newsletter: &Newsletter) -> Vec<Finding> {
    if newsletter.digest_hours.is_none() {
        return Vec::new();
    }
    let of_say = |message: &str, fix: &str| finding(asset, codes::NOT_MERGED, "digest_hours", message, fix);
    if newsletter.staged.is_some() {
        return of_say("issues with stages are in no digest", "leave out `staged`, or `digest_hours`");
    }
    let others = library.newsletters().filter(|(other, _)| other.slug() != asset.slug());
    if others.into_iter().any(|(_, other)| other.digest_hours.is_some() && other.staged.is_none()) {
        return Vec::new();
    }
    of_say("no other newsletter allows digests", "add `digest_hours` to another one, or leave it out here")
}

/// Findings on translations that one of two subjects is missing from.
fn subjects(library: &Library, plan: &Asset) -> Vec<Finding> {
    let has_two = |asset: &Asset| matches!(&asset.detail, Detail::Issue(issue) if issue.subject_b.is_some());
    if !has_two(plan) {
        return Vec::new();
    }
    let versions = library.versions(&plan.reference).iter().filter(|asset| !has_two(asset));
    let message = format!("{} has a second subject, and this translation has none", plan.path);
    versions
        .flat_map(|asset| {
            finding(asset, codes::BAD_VALUE, "subject", &message, "add `subject_b`, or leave it out there")
        })
        .collect()
}

/// Findings on newsletters of which, from `now_ms` on, nothing would leave for a year, or nothing at the promised hour.
/// Partners that the rules name are looked at where they are among `partners`.
pub fn calendar(library: &Library, partners: &[Partner], now_ms: UtcMs) -> Vec<Finding> {
    let rules = &library.rules.calendar;
    let mut all = Vec::new();
    for (asset, newsletter) in library.newsletters() {
        let Ok(cadence) = Cadence::parse(&newsletter.cadence) else { continue };
        let checked = Checked { asset, newsletter, cadence, rules, now_ms };
        all.extend(checked.late());
        if !rules.is_empty() || newsletter.send_window.is_some() {
            all.extend(checked.blocked(library, partners));
        }
    }
    all
}

struct Checked<'c> {
    asset: &'c Asset,
    newsletter: &'c Newsletter,
    cadence: Cadence,
    rules: &'c CalendarRules,
    now_ms: UtcMs,
}

impl Checked<'_> {
    /// A send window that holds none of the hours promised in the reader's own zone.
    fn late(&self) -> Vec<Finding> {
        let Some(window) = self.newsletter.send_window.as_ref() else { return Vec::new() };
        if !self.newsletter.zone.is_readers() {
            return Vec::new();
        }
        let promised = self.nominal();
        let Some(first) = promised.first() else { return Vec::new() };
        if promised.iter().any(|nominal| is_within(window, *nominal)) {
            return Vec::new();
        }
        let message = format!(
            "none of the next {} times of `{}` is inside of the send window, such as {}",
            promised.len(),
            self.cadence,
            first.format("%a %Y-%m-%d %H:%M")
        );
        let fix = "promise a day and an hour of the window, or widen it";
        finding(self.asset, codes::NEVER_ON_TIME, "send_window", &message, fix)
    }

    /// The next promised times, without a zone.
    fn nominal(&self) -> Vec<NaiveDateTime> {
        self.cadence.nominals(utc(self.now_ms).naive_utc()).take(DATES).collect()
    }

    /// Readers for whom every date of a year is skipped: all of them, or those in a region, or those of a partner that
    /// the rules name.
    fn blocked(&self, library: &Library, partners: &[Partner]) -> Vec<Finding> {
        // Where it is each reader's own clock, it does not matter which: the rules go by it too.
        let zone = self.newsletter.zone.of(Tz::UTC, Tz::UTC, library.vendor_zone());
        let promised = self.cadence.next_instants(zone, self.now_ms, LOOK_DATES_MAX);
        let audience = &self.newsletter.audience.regions;
        let regions: Vec<(&str, Region)> = Region::WORDS
            .iter()
            .filter(|(_, region)| audience.is_empty() || audience.contains(region))
            .copied()
            .collect();
        let mut silent: BTreeMap<Silence, Vec<&str>> = BTreeMap::new();
        for (word, region) in &regions {
            let reader = |zone| LocalReader { zone, partner: "", region: *region };
            let silence = |zone| self.silence(&promised, &reader(zone));
            // By another's clock it is another hour for each reader, so it must be true wherever they are.
            let elsewhere = if self.newsletter.zone.is_readers() { &[][..] } else { &ELSEWHERE };
            if let Some(silence_here) = silence(zone)
                && elsewhere.iter().all(|zone| silence(*zone).is_some())
            {
                silent.entry(silence_here).or_default().push(*word);
            }
        }
        let mut all = Vec::new();
        for (silence, words) in &silent {
            let is_all = words.len() == regions.len();
            let who = if is_all { "everybody" } else { &format!("readers in {}", words.join(", ")) };
            // Where some get it, or it leaves some day, a content folder is no worse for it than before.
            let code =
                if is_all && silence.is_for_ever { codes::NEVER_LEAVES } else { codes::ALWAYS_BLOCKED };
            all.extend(self.silent(code, who, &silence.text));
        }
        let silent_for_ever = silent.iter().filter(|(silence, _)| silence.is_for_ever);
        let never: Vec<&str> = silent_for_ever.flat_map(|(_, words)| words).copied().collect();
        let leaving = regions.iter().filter(|(word, _)| !never.contains(word));
        all.extend(self.thinned(&promised, &leaving.copied().collect::<Vec<_>>(), zone, regions.len()));
        if silent.values().flatten().count() == regions.len() {
            return all;
        }
        let named: BTreeSet<&str> = self.rules.partners().map(|partner| partner.as_str()).collect();
        let mut of_partners: BTreeMap<Silence, Vec<&str>> = BTreeMap::new();
        for partner in partners.iter().filter(|partner| named.contains(partner.slug.as_str())) {
            let is_told =
                silent.values().flatten().any(|word| Region::WORDS.contains(&(*word, partner.region)));
            if is_told || !regions.iter().any(|(_, region)| *region == partner.region) {
                continue;
            }
            let zone = if self.newsletter.zone.is_readers() { zone } else { partner.zone };
            let reader = LocalReader { zone, partner: partner.slug.as_str(), region: partner.region };
            if let Some(silence) = self.silence(&promised, &reader) {
                of_partners.entry(silence).or_default().push(partner.slug.as_str());
            }
        }
        for (silence, slugs) in &of_partners {
            let who = format!("readers at {}", listed(slugs));
            all.extend(self.silent(codes::ALWAYS_BLOCKED, &who, &silence.text));
        }
        all
    }

    fn silent(&self, code: Code, who: &str, message: &str) -> Vec<Finding> {
        let fix = "shorten what blocks them, or promise another day or hour";
        finding(self.asset, code, "cadence", &format!("for {who}, {message}"), fix)
    }

    /// The first run of dates of which none leaves for `reader` until its last one, wherever within two years it begins: what
    /// happens to them, and when the next one leaves.
    fn silence(&self, promised: &[Occurrence], reader: &LocalReader<'_>) -> Option<Silence> {
        let last_start = promised.first()?.nominal.checked_add_days(Days::new(AHEAD_DAYS))?;
        let starts = promised.iter().take_while(|occurrence| occurrence.nominal <= last_start).count();
        let placed: Vec<Placed> = (0..promised.len()).map(|at| self.placed(promised, at, reader)).collect();
        let leaves_ms = |at: usize| match &placed[at] {
            Placed::At { at_ms, .. } => Some(*at_ms),
            Placed::Skipped { .. } => None,
        };
        let (from, dates) =
            (0..starts).find_map(|from| Some((from, silent_from(promised, from, &leaves_ms)?)))?;
        let because = match &placed[from] {
            Placed::Skipped { because } | Placed::At { because: Some(because), .. } => because,
            Placed::At { because: None, .. } => return None,
        };
        let next = (from..promised.len()).find_map(|at| Some((at, leaves_ms(at)?)));
        let is_for_ever = from == 0 && next.is_none();
        let next = match next {
            Some((at, at_ms)) => {
                let of = promised[at].nominal.format("%A, %Y-%m-%d");
                let is_moved = matches!(placed[at], Placed::At { because: Some(_), .. });
                let day = utc(at_ms).with_timezone(&reader.zone).format("%A, %Y-%m-%d");
                let to = if is_moved { format!(", which is moved to {day}") } else { String::new() };
                format!("the next issue that leaves is that of {of}{to}")
            }
            None => format!("none of the {} dates ahead leaves", promised.len() - from),
        };
        let (first, last) = (promised[from].nominal.date(), promised[from + dates - 1].nominal.date());
        let days = match dates {
            1 => format!("on the one promised date, {last}"),
            _ => format!("on any of the {dates} dates from {first} to {last}"),
        };
        let text = format!("nothing leaves {days}; {next}. What stops the first of them: {because}");
        Some(Silence { text, is_for_ever })
    }

    /// Readers for whom what comes every week skips most of the dates ahead. `of` regions are written to.
    fn thinned(
        &self,
        promised: &[Occurrence],
        regions: &[(&str, Region)],
        zone: Tz,
        of: usize,
    ) -> Vec<Finding> {
        // Blackouts are meant to take dates, and pass.
        let weekly = CalendarRules { blackouts: Vec::new(), ..self.rules.clone() };
        let elsewhere = if self.newsletter.zone.is_readers() { &[][..] } else { &ELSEWHERE };
        let mut thin: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (word, region) in regions {
            let skips = |zone| {
                self.skips_most(promised, &weekly, &LocalReader { zone, partner: "", region: *region })
            };
            if let Some(text) = skips(zone).filter(|_| elsewhere.iter().all(|zone| skips(*zone).is_some())) {
                thin.entry(text).or_default().push(word);
            }
        }
        let finding = |(text, words): (&String, &Vec<&str>)| {
            let who = if words.len() == of {
                "everybody".to_owned()
            } else {
                format!("readers in {}", words.join(", "))
            };
            let fix = "promise the days that are left, or shorten what blocks the others";
            finding(self.asset, codes::MOSTLY_SKIPPED, "cadence", &format!("for {who}, {text}"), fix)
        };
        thin.iter().flat_map(finding).collect()
    }

    /// How many of the dates ahead `rules` skip for `reader`, if that is more than half of them.
    fn skips_most(
        &self,
        promised: &[Occurrence],
        rules: &CalendarRules,
        reader: &LocalReader<'_>,
    ) -> Option<String> {
        let year_end = promised.first()?.nominal.checked_add_days(Days::new(DATES_DAYS))?;
        let dates = promised.iter().take(WEEKLY_DATES).take_while(|date| date.nominal < year_end).count();
        let skipped = (0..dates).filter_map(|at| match self.placed_by(rules, promised, at, reader) {
            Placed::Skipped { because } => Some(because),
            Placed::At { .. } => None,
        });
        let skipped: Vec<String> = skipped.collect();
        let first = skipped.first().filter(|_| skipped.len() * 2 > dates)?;
        Some(format!(
            "{} of the next {dates} dates are skipped. What stops the first of them: {first}",
            skipped.len()
        ))
    }

    fn placed(&self, promised: &[Occurrence], at: usize, reader: &LocalReader<'_>) -> Placed {
        self.placed_by(self.rules, promised, at, reader)
    }

    fn placed_by(
        &self,
        rules: &CalendarRules,
        promised: &[Occurrence],
        at: usize,
        reader: &LocalReader<'_>,
    ) -> Placed {
        let terms = Terms {
            window: self.newsletter.send_window.as_ref(),
            when_blocked: self.newsletter.when_blocked,
            before_ms: promised.get(at + 1).map(|next| next.resolved.at_ms),
        };
        place(rules, promised[at].resolved.at_ms, reader, &terms)
    }
}

/// A stretch of dates of which none leaves.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Silence {
    /// Which they are, when the next one leaves, and why.
    text: String,
    /// Whether none leaves however far one looks.
    is_for_ever: bool,
}

/// How many dates a run has that begins with the date `from`, twelve or a year's, if none of them leaves until the last one.
fn silent_from(
    promised: &[Occurrence],
    from: usize,
    leaves_ms: &dyn Fn(usize) -> Option<UtcMs>,
) -> Option<usize> {
    let year_end = promised[from].nominal.checked_add_days(Days::new(DATES_DAYS))?;
    let is_near = |occurrence: &&Occurrence| occurrence.nominal < year_end;
    let dates = promised[from..].iter().take_while(is_near).take(DATES).count();
    let last_ms = promised.get(from + dates.checked_sub(1)?)?.resolved.at_ms;
    // One that is moved behind the last of several dates leaves these without any.
    let is_there = |at_ms: UtcMs| dates == 1 || at_ms <= last_ms;
    let leaves = (from..from + dates).filter_map(leaves_ms).any(is_there);
    (!leaves).then_some(dates)
}

fn is_within(window: &BusinessHours, at: NaiveDateTime) -> bool {
    use chrono::Datelike;
    window.days.contains(&at.weekday()) && (window.start..window.end).contains(&at.time())
}

/// A finding at the line of `key` in the front matter.
pub(super) fn finding(asset: &Asset, code: Code, key: &str, message: &str, fix: &str) -> Vec<Finding> {
    let prefix = format!("{key}:");
    let line = asset.source.lines().position(|line| line.starts_with(&prefix)).unwrap_or(0);
    let mut findings = Findings::new(&asset.path, "");
    let place = Place { line: u32::try_from(line + 1).unwrap_or(1), column: 1 };
    findings.add(code, place, message, fix);
    findings.finish()
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
