//! What partners' own people work with: playbooks and kits.

use chrono::NaiveDate;

use super::super::{
    asset::Form,
    field::Scope,
    finding::{Findings, codes},
    keys::{Found, Keys, Reference},
    merge::Template,
};

/// How many next steps a playbook has: enough to choose from, few enough to remember.
const NEXT_STEPS: usize = 3;
/// Longest step, answer or use, in characters.
const STEP_CHARS_MAX: usize = 600;

/// What a customer may say, and what to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// What they say.
    pub objection: String,
    /// The answer.
    pub answer: String,
}

/// A sales rep's guide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Playbook {
    /// Three things to do next.
    pub next_steps: Vec<String>,
    /// What customers say.
    pub objections: Vec<Objection>,
    /// Subject of the first mail to the lead.
    pub mail_subject: Template,
    /// Its text.
    pub mail_body: Template,
}

impl Playbook {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let steps = keys.need("next_steps", f);
        let place = steps.as_ref().map(Found::place);
        let next_steps = steps.map(|v| v.lines_of(STEP_CHARS_MAX, f)).unwrap_or_default();
        if let Some(place) = place.filter(|_| next_steps.len() != NEXT_STEPS) {
            let message = format!("`next_steps` has {} steps", next_steps.len());
            f.add(codes::BAD_VALUE, place, message, format!("write exactly {NEXT_STEPS}"));
        }
        let objections = keys.need("objections", f).map(|v| v.list(f)).unwrap_or_default();
        let subject = keys.need("mail_subject", f);
        let body = keys.need("mail_body", f);
        Self {
            next_steps,
            objections: objections.into_iter().filter_map(|v| objection(v, f)).collect(),
            mail_subject: subject.and_then(|v| v.template(150, Scope::Playbook, f)).unwrap_or_default(),
            mail_body: body.and_then(|v| v.text_template(Scope::Playbook, f)).unwrap_or_default(),
        }
    }
}

fn objection(found: Found, f: &mut Findings<'_>) -> Option<Objection> {
    let mut keys = found.map(f)?;
    let mut text = |key, f: &mut Findings<'_>| {
        keys.need(key, f).and_then(|v| v.line_of(STEP_CHARS_MAX, f)).unwrap_or_default()
    };
    let objection = Objection { objection: text("objection", f), answer: text("answer", f) };
    keys.finish(f);
    Some(objection)
}

/// One use of an asset in a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tactic {
    /// The asset.
    pub asset: Reference,
    /// What to do with it, in one line.
    pub use_line: String,
    /// Days from the kit's start; negative: before it.
    pub day: i32,
    /// How people take it in.
    pub form: Option<Form>,
}

/// A campaign made of other assets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kit {
    /// What it is about, in a few words.
    pub theme: String,
    /// First day.
    pub start: NaiveDate,
    /// Last day.
    pub end: NaiveDate,
    /// What to use when.
    pub tactics: Vec<Tactic>,
    /// What to have ready.
    pub checklist: Vec<String>,
    /// The playbook for following up.
    pub playbook: Option<Reference>,
}

impl Kit {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let theme = keys.need("theme", f).and_then(|v| v.line(f)).unwrap_or_default();
        let start = keys.need("start", f).and_then(|v| v.date(f)).unwrap_or_default();
        let found = keys.need("end", f);
        let place = found.as_ref().map(Found::place);
        let end = found.and_then(|v| v.date(f)).unwrap_or(start);
        if let Some(place) = place.filter(|_| end < start) {
            f.add(codes::BAD_VALUE, place, "`end` is before `start`", "correct one of them");
        }
        let tactics = keys.need("tactics", f).map(|v| v.list(f)).unwrap_or_default();
        Self {
            theme,
            start,
            end,
            tactics: tactics.into_iter().filter_map(|v| tactic(v, f)).collect(),
            checklist: keys.need("checklist", f).map(|v| v.lines_of(STEP_CHARS_MAX, f)).unwrap_or_default(),
            playbook: keys.need("playbook", f).and_then(|v| v.reference(f)),
        }
    }
}

fn tactic(found: Found, f: &mut Findings<'_>) -> Option<Tactic> {
    let mut keys = found.map(f)?;
    let asset = keys.need("asset", f).and_then(|v| v.reference(f));
    let use_line = keys.need("use", f).and_then(|v| v.line_of(STEP_CHARS_MAX, f)).unwrap_or_default();
    let day = keys.need("day", f).and_then(|v| v.int(-365..=730, f)).unwrap_or_default();
    let form = keys.need("form", f).and_then(|v| v.choice(Form::WORDS, f));
    keys.finish(f);
    Some(Tactic { asset: asset?, use_line, day: i32::try_from(day).unwrap_or_default(), form })
}
