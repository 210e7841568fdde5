//! What pages about leads share: stages, heat, evidence, score lines.

use chrono_tz::Tz;
use serde::Serialize;

use super::{
    Fact,
    chart::{Badge, Bar},
    when::{Moment, left},
    words,
};
use crate::{
    domain::{
        content::{Library, form::word_in},
        engagement::{EventKind, stay_words},
        kernel::{Locale, clock::UtcMs},
        lead::{LeadStage, OfferPurpose, fit::FitResult, score::ScoreLine},
    },
    store::{
        answers::Answer,
        events::Event,
        leads::{Consent, Lead},
    },
};

/// A stage as a badge.
pub fn stage(word: &str) -> Badge {
    let Some(stage) = LeadStage::parse(word) else { return Badge::new("", words(word)) };
    let tone = match stage {
        LeadStage::Won
        | LeadStage::Sal
        | LeadStage::Contacted
        | LeadStage::Sql
        | LeadStage::DealRegistered => "good",
        LeadStage::Offered | LeadStage::Mql => "warn",
        LeadStage::Rejected | LeadStage::Expired | LeadStage::Lost | LeadStage::Disqualified => "bad",
        LeadStage::Inquiry | LeadStage::Nurturing | LeadStage::Recycled => "",
    };
    Badge::new(tone, stage.label())
}

/// Where a lead stands; of one whose person waits for an answer, also that: `Lost, asks again`.
pub fn standing(lead: &Lead) -> Badge {
    let badge = stage(&lead.stage);
    if lead.asked_again_ms.is_none() {
        return badge;
    }
    Badge::new("warn", format!("{}, asks again", badge.text))
}

/// `offered to Luis Ortega`, or `with Tom Beckett, who decides`: whom a lead waits for, by what they are asked for.
pub fn waits_for(name: &str, purpose: &str) -> String {
    if OfferPurpose::asks_to_take(purpose) {
        format!("offered to {name}")
    } else {
        format!("with {name}, who decides")
    }
}

/// `Wants to talk` for hot, whoever told us so, `Reached the score` for standard; with its tone.
pub fn heat(temperature: &str) -> (&'static str, &'static str) {
    if temperature == "hot" { ("Wants to talk", "warn") } else { ("Reached the score", "brand") }
}

/// How long is left of a clock: calm, urgent once four fifths of its time are gone, and late.
pub fn left_badge(started_ms: UtcMs, due_ms: UtcMs, now_ms: UtcMs) -> Badge {
    let is_urgent = (due_ms - now_ms) * 5 <= due_ms - started_ms;
    let tone = match due_ms < now_ms {
        true => "bad",
        false if is_urgent => "warn",
        false => "",
    };
    Badge::new(tone, left(due_ms, now_ms))
}

/// What somebody answered to forms' own fields: the last word on each. What was chosen stands as `library`'s form shows it to
/// readers of English; the value itself where the form has it no more.
pub fn answered(library: &Library, all: &[Answer]) -> Vec<Fact> {
    let mut facts: Vec<(&str, Fact)> = Vec::new();
    for answer in all {
        if !facts.iter().any(|(name, _)| *name == answer.name) {
            let field = library
                .form(&answer.form)
                .and_then(|form| form.fields.iter().find(|field| field.name == answer.name));
            let option = field.and_then(|field| field.options.iter().find(|it| it.value == answer.value));
            let shown = option.and_then(|option| word_in(&option.label, &Locale::en()));
            facts.push((&answer.name, Fact::new(&answer.label, shown.unwrap_or(&answer.value))));
        }
    }
    facts.into_iter().map(|(_, fact)| fact).collect()
}

/// What somebody agreed to, or took back.
#[derive(Debug, Clone, Serialize)]
pub struct ConsentLine {
    /// Which of the two.
    pub badge: Badge,
    /// When.
    pub at: Moment,
    /// The words they saw.
    pub wording: String,
    /// Which text.
    pub text_id: String,
    /// Its version.
    pub version: i64,
}

impl ConsentLine {
    /// `consent` with its time in `zone`.
    pub fn of(consent: &Consent, zone: Tz) -> Self {
        let badge =
            if consent.stands { Badge::new("good", "agreed") } else { Badge::new("bad", "taken back") };
        Self {
            badge,
            at: Moment::full(consent.at_ms, zone),
            wording: consent.wording.clone(),
            text_id: consent.text_id.clone(),
            version: consent.text_version,
        }
    }

    /// To what somebody agreed at noon.
    #[cfg(test)]
    pub fn sample(wording: &str, text_id: &str, granted: bool) -> Self {
        let (wording, text_id) = (wording.to_owned(), text_id.to_owned());
        let consent =
            Consent { at_ms: 1_799_766_000_000, text_id, text_version: 1, wording, granted, stands: granted };
        Self::of(&consent, chrono_tz::America::Chicago)
    }
}

/// Something that was done, for people.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// What.
    pub text: String,
    /// Whether a machine did it, and why we think so.
    pub badge: Option<Badge>,
    /// When.
    pub at: Moment,
}

/// `event` with the title of its asset.
pub fn evidence(event: &Event, title: Option<String>, zone: Tz) -> Evidence {
    Evidence { text: phrase(event, title), badge: machine(event), at: Moment::full(event.at_ms, zone) }
}

/// `followed a link: Proof of Recovery`.
pub fn phrase(event: &Event, title: Option<String>) -> String {
    let done =
        EventKind::parse(&event.kind).map_or_else(|| words(&event.kind), |kind| kind.phrase().to_owned());
    let done = match event.stayed_ms {
        Some(stayed_ms) => format!("{done} for {}", stay_words(stayed_ms)),
        None => done,
    };
    match title.or_else(|| event.asset.clone()) {
        Some(title) => format!("{done}: {title}"),
        None => done,
    }
}

/// Says that a machine did it; people are not marked.
pub fn machine(event: &Event) -> Option<Badge> {
    (!event.human).then(|| Badge::new("", format!("machine: {}", event.verdict)))
}

/// A line of the score.
#[derive(Debug, Clone, Serialize)]
pub struct Points {
    /// What gave them.
    pub text: String,
    /// How many count now.
    pub points: String,
    /// `of 20`, where time or a limit took some away.
    pub of: Option<String>,
    /// When it was done.
    pub at: Moment,
    /// Drawn against the largest.
    pub bar: Bar,
}

/// The lines of a score with their times in `zone`, each drawn against the largest.
pub fn score_lines(lines: &[ScoreLine], zone: Tz) -> Vec<Points> {
    let tenths = |line: &ScoreLine| tenths(line.after_decay);
    let most = lines.iter().map(|line| tenths(line).abs()).max().unwrap_or(0);
    lines
        .iter()
        .map(|line| {
            let points = format!("{:+.1}", line.after_decay);
            let text = match &line.note {
                Some(note) => format!("{} ({note})", line.label),
                None => line.label.clone(),
            };
            let tone = if line.after_decay < 0.0 { "bad" } else { "brand" };
            let bar = Bar::single(tone, format!("{points} points"), tenths(line).abs(), most);
            let is_less = tenths(line) != 10 * i64::from(line.raw);
            let of = is_less.then(|| format!("of {:+}", line.raw));
            Points { text, points, of, at: Moment::full(line.at_ms, zone), bar }
        })
        .collect()
}

/// `business email +2`
pub fn fit_lines(fit: &FitResult) -> Vec<String> {
    fit.lines.iter().map(|line| format!("{} {:+}", line.label, line.points)).collect()
}

/// Rounded to tenths, for a drawing.
fn tenths(points: f64) -> i64 {
    format!("{:.0}", points * 10.0).parse().unwrap_or(0)
}
