//! `partnercast plan`

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use chrono_tz::Tz;

use super::{ConfigArgument, looking, say};
use crate::{
    domain::{
        content::merge::authored,
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
        },
    },
    work::plan::{
        self, AHEAD_MAX, LeftOut, NOTHING_STORED, Planned, PlannedPromise, PlannedVariant, Shared, Since,
    },
};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// A newsletter's slug; all of them if left out.
    newsletter: Option<String>,
    /// How many issues ahead.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=24))]
    next: u8,
    /// Plan with this content folder instead of the content as last synced.
    #[arg(long)]
    content: Option<PathBuf>,
    /// List every variant.
    #[arg(long)]
    variants: bool,
    /// A JSON array; times are UTC milliseconds.
    #[arg(long)]
    json: bool,
}

/// Prints the issues ahead. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database or the folder cannot be read, or there is no such newsletter.
pub async fn main(arguments: Arguments) -> Result<()> {
    let ctx = looking::context(&arguments.config, arguments.content.as_deref()).await?;
    let count = usize::from(arguments.next).min(AHEAD_MAX);
    let planned = plan::ahead(&ctx, arguments.newsletter.as_deref(), count).await?;
    let vendor_zone = ctx.library().vendor.as_ref().map(|vendor| vendor.zone);
    let zone = vendor_zone.unwrap_or(Tz::UTC);
    ctx.db.close().await;
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&planned).map_err(|error| Error::internal("JSON").because(error))?;
        say(&text);
        return Ok(());
    }
    if planned.is_empty() {
        let why =
            if vendor_zone.is_some() { "there is no newsletter in the content" } else { NOTHING_STORED };
        say(&format!("nothing is promised: {why}"));
    }
    text(&planned, zone, arguments.variants).iter().for_each(|line| say(line));
    Ok(())
}

/// The issues with a blank line between them; dates in a row that one rule skips for everybody are said once.
fn text(planned: &[Planned], zone: Tz, with_variants: bool) -> Vec<String> {
    let mut text: Vec<String> = Vec::new();
    let goes_on = |a: &Planned, b: &Planned| {
        a.newsletter == b.newsletter && skipped_by(a).is_some() && skipped_by(a) == skipped_by(b)
    };
    for together in planned.chunk_by(goes_on) {
        if !text.is_empty() {
            text.push(String::new());
        }
        match together {
            [issue] => text.extend(lines(issue, zone, with_variants)),
            [first, .., last] => text.extend(skipped_dates(first, last, together.len())),
            [] => {}
        }
    }
    text
}

/// The one rule that skips a date for everybody, and for how many; nothing where anybody gets something, or it is written.
fn skipped_by(issue: &Planned) -> Option<(&str, usize)> {
    let [skipped] = &issue.skipped[..] else { return None };
    let is_all = issue.promises.is_empty() && issue.file.is_none() && issue.state.is_none();
    // What stands before the date: `Week until Sun 00:00: Fri 2027-01-01 09:00 is skipped`.
    let (rule, _) = skipped.because.rsplit_once(": ")?;
    is_all.then_some((rule, skipped.readers))
}

fn skipped_dates(first: &Planned, last: &Planned, dates: usize) -> Vec<String> {
    let skipped = first.skipped.first();
    let (readers, because) = skipped.map(|it| (it.readers, it.because.as_str())).unwrap_or_default();
    vec![
        format!("{}/{} to {}  ({})", first.newsletter, first.date, last.date, first.cadence),
        format!("  skipped   {dates} dates in a row, for {}. The first: {because}", people(readers)),
    ]
}

fn lines(issue: &Planned, zone: Tz, with_variants: bool) -> Vec<String> {
    let at = |ms: UtcMs| utc(ms).with_timezone(&zone).format("%Y-%m-%d %H:%M %Z").to_string();
    // Its theme: each partner's readers see a subject of their own.
    let subject = issue.theme.as_ref().or(issue.subject.as_ref());
    let subject = subject.map(|subject| format!("  “{}”", authored(subject))).unwrap_or_default();
    let mut lines = vec![format!("{}/{}{subject}  ({})", issue.newsletter, issue.date, issue.cadence)];
    match &issue.file {
        Some(file) => lines.push(format!("  file      {file}")),
        None => lines.push(
            "  file      promised, and nothing is written for it yet: `partnercast new` begins it".to_owned(),
        ),
    }
    if let Some(state) = &issue.state {
        let when = issue.freezes_ms.map(|ms| format!(", frozen {}", at(ms))).unwrap_or_default();
        lines.push(format!("  state     {state}{when}: see the console or `partnercast explain`"));
        lines.extend(shared(issue));
        return lines;
    }
    if let Some(ms) = issue.freezes_ms {
        lines.push(format!("  frozen    {}", at(ms)));
    }
    if let (Some(first), Some(last)) = (issue.promises.first(), issue.promises.last()) {
        // Several partners share a zone, and the calendar may move one of them.
        let zones: BTreeSet<&str> = issue.promises.iter().map(|promise| promise.zone.as_str()).collect();
        let hours: BTreeSet<&str> = issue.promises.iter().map(|promise| &promise.local[11..]).collect();
        let zones = match zones.len() {
            1 => first.zone.clone(),
            many => format!("{many} zones, from {} to {}", first.zone, last.zone),
        };
        let hour = if hours.len() == 1 { format!("at {} ", &first.local[11..]) } else { String::new() };
        let until =
            if first.due_ms == last.due_ms { String::new() } else { format!(" to {}", at(last.due_ms)) };
        lines.push(format!("  leaves    {}{until}, {hour}in {zones}", at(first.due_ms)));
    }
    lines.extend(instants(&issue.promises));
    for skipped in &issue.skipped {
        lines.push(format!("  skipped   for {}: {}", people(skipped.readers), skipped.because));
    }
    if issue.file.is_none() {
        lines.push(format!("  readers   {}, by the newsletter's rule", issue.readers));
        lines.extend(issue.left_out.iter().map(left_out));
        return lines;
    }
    lines.push(format!("  readers   {}", readers(issue)));
    lines.extend(shared(issue));
    lines.extend(issue.since.as_ref().map(since));
    lines.extend(issue.left_out.iter().map(left_out));
    lines.extend(without(&issue.variants));
    lines.extend(
        issue.held_because.iter().map(|why| format!("  held      until a person approves it: {why}")),
    );
    lines.extend(issue.faults.iter().map(|fault| format!("  fault     {fault}")));
    if with_variants {
        lines.extend(issue.variants.iter().map(variant));
    }
    lines
}

/// `18 in 4 variants`; of what comes in others' mails, for how many and whose.
fn readers(issue: &Planned) -> String {
    let variants = |count: usize| format!("{count} {}", if count == 1 { "variant" } else { "variants" });
    let hosts: Vec<String> = issue
        .rides_in
        .iter()
        .map(|host| format!("{} in the mail of {} of {}", host.people, host.newsletter, host.date))
        .collect();
    if hosts.is_empty() {
        return format!("{} in {}", issue.readers, variants(issue.variants.len()));
    }
    let riding: usize = issue.rides_in.iter().map(|host| host.people).sum();
    let own = match issue.readers.saturating_sub(riding) {
        0 => "none in a mail of its own".to_owned(),
        own => format!("{own} in a mail of its own, in {}", variants(issue.variants.len())),
    };
    format!("{}: {}, {own}", issue.readers, hosts.join(", "))
}

/// The zones that share an instant in one line, with what was done to it.
fn instants(promises: &[PlannedPromise]) -> Vec<String> {
    let mut lines = Vec::new();
    for together in promises.chunk_by(|a, b| a.due_ms == b.due_ms && a.note == b.note) {
        let zones: Vec<&str> = together.iter().map(|promise| promise.zone.as_str()).collect();
        let readers = together.iter().map(|promise| promise.readers).sum();
        let note = together[0].note.as_ref().map(|note| format!("  {note}")).unwrap_or_default();
        lines.push(format!(
            "            {}  {}  {}{note}",
            utc(together[0].due_ms).format("%Y-%m-%d %H:%MZ"),
            people(readers),
            zones.join(", "),
        ));
    }
    lines
}

/// What comes in one mail with it.
fn shared(issue: &Planned) -> Vec<String> {
    let line = |says: &str, it: &Shared| {
        format!("  {says}{} of {}, for {}", it.newsletter, it.date, people(it.people))
    };
    let rides = issue.rides_in.iter().map(|it| line("rides in  ", it));
    rides.chain(issue.carries.iter().map(|it| line("carries   ", it))).collect()
}

/// `1 person`, `12 people`.
fn people(count: usize) -> String {
    format!("{count} {}", if count == 1 { "person" } else { "people" })
}

fn left_out(out: &LeftOut) -> String {
    let more = if out.people > out.named.len() { ", …" } else { "" };
    format!("  left out  {}: {}  {}{more}", out.people, out.because, out.named.join(", "))
}

fn since(since: &Since) -> String {
    let named = |what: &str, change: &plan::Change| {
        let who =
            if change.named.is_empty() { String::new() } else { format!(" ({})", change.named.join(", ")) };
        format!("{} {what}{who}", change.people)
    };
    format!(
        "  since     {}: {}, {}, {} no longer in the roster",
        since.date,
        named("new", &since.joined),
        named("no longer among them", &since.left),
        since.gone
    )
}

/// Cards that some of those who get it get no more, each with how many.
fn without(variants: &[PlannedVariant]) -> Vec<String> {
    let mut cards: BTreeMap<&str, usize> = BTreeMap::new();
    for variant in variants {
        for card in &variant.without {
            *cards.entry(card).or_default() += variant.readers;
        }
    }
    let why = "told often enough, met in this form the time before, or in another mail of theirs";
    cards
        .into_iter()
        .map(|(card, readers)| format!("  card      {card} left out for {}: {why}", people(readers)))
        .collect()
}

fn variant(variant: &PlannedVariant) -> String {
    let without = if variant.without.is_empty() {
        String::new()
    } else {
        format!("  without {}", variant.without.join(", "))
    };
    format!(
        "  variant   {}, {}, {}: {}  “{}”{without}",
        variant.partner,
        variant.roles.replace(';', " and "),
        variant.locale,
        if variant.readers == 1 { "1 reader".to_owned() } else { format!("{} readers", variant.readers) },
        variant.subject
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::plan::Skipped;

    #[test]
    fn one_instant_is_no_stretch_of_time() {
        let promise = |zone: &str, due_ms: UtcMs| PlannedPromise {
            zone: zone.to_owned(),
            local: "2027-01-12T09:00".to_owned(),
            due_ms,
            note: None,
            readers: 1,
        };
        let says = |promises: Vec<PlannedPromise>| {
            let issue = Planned { promises, ..Planned::default() };
            lines(&issue, Tz::UTC, false).into_iter().find(|line| line.contains("leaves")).unwrap()
        };
        let oslo = promise("Europe/Oslo", 1_799_740_800_000);
        assert_eq!(says(vec![oslo.clone()]), "  leaves    2027-01-12 08:00 UTC, at 09:00 in Europe/Oslo");
        assert_eq!(
            says(vec![oslo, promise("UTC", 1_799_744_400_000)]),
            "  leaves    2027-01-12 08:00 UTC to 2027-01-12 09:00 UTC, at 09:00 in 2 zones, from Europe/Oslo to UTC"
        );
    }

    #[test]
    fn what_one_rule_skips_day_by_day_is_said_once() {
        let day = |date: &str, because: &str| Planned {
            newsletter: "daily".to_owned(),
            date: date.to_owned(),
            cadence: "every day at 09:00".to_owned(),
            skipped: vec![Skipped { because: because.to_owned(), readers: 1 }],
            ..Planned::default()
        };
        let week = |date: &str| day(date, &format!("Week until Sun 00:00: {date} 09:00 is skipped"));
        let planned = [
            week("2027-01-04"),
            week("2027-01-05"),
            week("2027-01-06"),
            day("2027-01-07", "Pause on 2027-01-07: 2027-01-07 09:00 is skipped"),
        ];
        assert_eq!(
            text(&planned, Tz::UTC, false)[..4],
            [
                "daily/2027-01-04 to 2027-01-06  (every day at 09:00)",
                "  skipped   3 dates in a row, for 1 person. The first: Week until Sun 00:00: 2027-01-04 09:00 is skipped",
                "",
                "daily/2027-01-07  (every day at 09:00)",
            ]
        );
        assert_eq!(text(&planned[3..], Tz::UTC, false), lines(&planned[3], Tz::UTC, false));
    }

    #[test]
    fn cards_that_are_left_out_are_named() {
        let variant = |readers: usize, without: &[&str]| PlannedVariant {
            readers,
            without: without.iter().map(|card| (*card).to_owned()).collect(),
            ..PlannedVariant::default()
        };
        let issue = Planned {
            readers: 9,
            file: Some("newsletters/beta/2027-01-12.md".to_owned()),
            variants: vec![variant(5, &["blog/a", "videos/b"]), variant(1, &["blog/a"]), variant(3, &[])],
            ..Planned::default()
        };
        let said = lines(&issue, Tz::UTC, true);
        let starts = |start: &str| said.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!(starts("  card      blog/a left out for 6 people: told"), 1, "{said:?}");
        assert_eq!(starts("  card      videos/b left out for 5 people: "), 1, "{said:?}");
        let named: Vec<bool> = said
            .iter()
            .filter(|line| line.starts_with("  variant"))
            .map(|line| line.contains("  without blog/a"))
            .collect();
        assert_eq!(named, [true, true, false], "{said:?}");
    }

    #[test]
    fn readers_are_told_whose_mails_they_get_it_in() {
        let mut issue = Planned { readers: 18, ..Planned::default() };
        let says =
            |issue: &Planned| lines(issue, Tz::UTC, false).into_iter().find(|line| line.contains("readers"));
        issue.file = Some("newsletters/beta/2027-01-12.md".to_owned());
        issue.variants = vec![PlannedVariant::default(); 4];
        assert_eq!(says(&issue).unwrap(), "  readers   18 in 4 variants");
        issue.rides_in =
            vec![Shared { newsletter: "alpha".to_owned(), date: "2027-01-12".to_owned(), people: 17 }];
        issue.variants.truncate(1);
        let some =
            "  readers   18: 17 in the mail of alpha of 2027-01-12, 1 in a mail of its own, in 1 variant";
        assert_eq!(says(&issue).unwrap(), some);
        issue.rides_in[0].people = 18;
        issue.variants.clear();
        let all = "  readers   18: 18 in the mail of alpha of 2027-01-12, none in a mail of its own";
        assert_eq!(says(&issue).unwrap(), all);
    }
}
