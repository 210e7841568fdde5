//! Reading a cadence, with errors that say the form that was meant.

use chrono::NaiveTime;
use chrono_tz::TZ_VARIANTS;

use super::{Rule, clock_time, crontab, days, words};
use crate::domain::kernel::{Error, Result};

/// Longest text of a cadence, in bytes.
const TEXT_BYTES_MAX: usize = 120;
/// Names a form for each kind of mistake.
pub(super) const FORMS: &str = "`second Tuesday at 09:00`, `weekly on Wednesday at 08:00`, `monthly on day 15 at 09:00`, \
     `last business day at 17:00`, `quarterly, first Monday at 09:00`, `every 2 weeks from 2027-01-06 at 09:00`, \
     `every business day at 09:00` or `daily at 09:00`";
/// What some write for a zone; IANA's own names are known besides.
const ZONES: [&str; 16] = [
    "z", "pst", "pdt", "pt", "mdt", "cst", "cdt", "edt", "et", "bst", "ist", "cest", "mez", "mesz", "jst",
    "aest",
];

/// Reads any form.
pub(super) fn rule(text: &str) -> Result<Rule> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::invalid(format!(
            "a cadence has at most {TEXT_BYTES_MAX} bytes; write it as {FORMS}"
        )));
    }
    let text = text.trim();
    let read = if crontab::is_meant(text) { crontab::rule(text) } else { readable(text) };
    read.map_err(|why| Error::invalid(format!("`{text}` is not a cadence: {why}")))
}

fn readable(text: &str) -> Result<Rule, String> {
    let lower = text.to_lowercase().replace([',', ';', '(', ')'], " ");
    let every = |word| if word == "each" { "every" } else { word };
    let words: Vec<&str> = lower.split_whitespace().filter(|word| *word != "the").map(every).collect();
    let Some((zone, rest)) = zone(&words) else { return promised(&words) };
    Err(match promised(&rest) {
        Ok(rule) => format!("the zone has a key of its own: write `{rule}` and {zone}"),
        Err(why) => format!("the zone has a key of its own, {zone}; and {why}"),
    })
}

/// The zone among the words, as its key is written, and the words without it.
fn zone<'w>(words: &[&'w str]) -> Option<(String, Vec<&'w str>)> {
    if let [rest @ .., whose, "time"] = words {
        let zone = match *whose {
            "local" | "partner" | "partner's" | "partners'" | "their" | "reader's" | "recipient's" => {
                "partner"
            }
            "vendor" | "vendor's" | "our" | "my" => "vendor",
            _ => "",
        };
        if !zone.is_empty() {
            let rest = if let [rest @ .., "in"] = rest { rest } else { rest };
            return Some((format!("`zone: {zone}`"), rest.to_vec()));
        }
    }
    let (at, name) = words.iter().enumerate().find_map(|(at, word)| {
        let known = TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(word));
        match known {
            Some(zone) => Some((at, zone.name())),
            None => ZONES.contains(word).then_some((at, "Europe/Berlin")),
        }
    })?;
    let such_as = if name.eq_ignore_ascii_case(words[at]) { "" } else { "IANA's name of the zone, such as " };
    let rest = words
        .iter()
        .enumerate()
        .filter(|(i, word)| *i != at && !matches!(**word, "in" | "zone" | "time" | "timezone"));
    Some((format!("{such_as}`zone: {name}`"), rest.map(|(_, word)| *word).collect()))
}

/// Days, `at`, and the time.
fn promised(words: &[&str]) -> Result<Rule, String> {
    let Some(at) = words.iter().rposition(|word| *word == "at") else { return Err(without_at(words)) };
    let (before, after) = (&words[..at], &words[at + 1..]);
    let fault = match clock_time::read(after) {
        Ok(time) => return on_days(before, time),
        Err(fault) => fault,
    };
    if let Some(rule) = time_first(before, after) {
        return Err(format!("the time stands last: `{rule}`"));
    }
    Err(match days::rule(before, fault.meant.unwrap_or(clock_time::hour(9))) {
        Ok(rule) => format!("{}: `{rule}`", fault.why),
        Err(why) => format!("{}; and {why}", fault.why),
    })
}

/// What is wrong with words without `at`.
fn without_at(words: &[&str]) -> String {
    for length in [2, 1] {
        let Some(split) = words.len().checked_sub(length) else { continue };
        let read =
            clock_time::read(&words[split..]).ok().and_then(|time| days::rule(&words[..split], time).ok());
        if let Some(rule) = read {
            return format!("write `at` before the time: `{rule}`");
        }
    }
    if let Some(rule) = time_first(&[], words) {
        return format!("the time stands last: `{rule}`");
    }
    match on_days(words, clock_time::hour(9)) {
        Ok(rule) => format!("it names no time; write it with one: `{rule}`"),
        Err(why) => why,
    }
}

/// `at 09:00 on Tuesdays`.
fn time_first(before: &[&str], after: &[&str]) -> Option<Rule> {
    [2, 1].into_iter().find_map(|length| {
        let (time, rest) = after.split_at_checked(length)?;
        let time = clock_time::read(time).ok()?;
        days::rule(&[before, rest].concat(), time).ok()
    })
}

/// The days, or what was probably meant by words that are none of ours.
fn on_days(words: &[&str], time: NaiveTime) -> Result<Rule, String> {
    days::rule(words, time).map_err(|why| {
        let meant = words::mended(words).and_then(|words| days::rule(&words, time).ok());
        meant.map_or(why, |rule| format!("did you mean `{rule}`?"))
    })
}
