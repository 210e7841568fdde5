//! Sequences and their messages.

use std::collections::BTreeSet;

use chrono::NaiveTime;

use super::{
    super::{
        asset::{AssetKind, words},
        field::Scope,
        finding::{Findings, Place, codes, did_you_mean},
        keys::{Found, Keys, Reference},
        merge::Template,
    },
    letter::{Audience, SUBJECT_CHARS_MAX, audience, features},
};
use crate::domain::{kernel::Slug, partner::Roles};

/// The purpose that covers mail to leads, unless a sequence names another.
const FOLLOW_UP: &str = "follow_up";
/// Longest delay before a step, in days.
pub const DELAY_DAYS_MAX: u16 = 366;
/// Most steps of a sequence.
pub const STEPS_MAX: usize = 50;
/// When a step leaves, unless it says otherwise.
const AT: NaiveTime = NaiveTime::from_hms_opt(9, 0, 0).expect("a time of day");

words! {
    /// Whom a sequence is for.
    People {
        /// Partners' own people.
        Contacts "contacts",
        /// People who gave their name on a partner's page.
        Leads "leads",
    }
}

words! {
    /// Stages in which nobody at the partner works a lead, so that it may get more content.
    EntryStage {
        /// Gave contact data.
        Inquiry "inquiry",
        /// Gets more content until the rule is met.
        Nurturing "nurturing",
        /// Back to nurture.
        Recycled "recycled",
    }
}

/// What leads came through; an empty list stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CameThrough {
    /// Kinds of the asset that brought them.
    pub kinds: Vec<AssetKind>,
    /// Its topics, of which one must fit.
    pub topics: Vec<Slug>,
}

/// What somebody did, or did not. People's doings alone count, never machines'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Followed a link in the message of this step.
    Clicked(Reference),
    /// Did not.
    NotClicked(Reference),
    /// Took this asset: its file, its form, its place at a webinar.
    Took(Reference),
    /// Did not.
    NotTook(Reference),
}

/// What ends a sequence for somebody before its last step, beside what always does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitRule {
    /// They asked to talk.
    AskedToTalk,
    /// They did this.
    When(Condition),
}

/// A message, and when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, which is its message's file too: progress goes by it.
    pub id: Slug,
    /// Where it stands.
    pub place: Place,
    /// Whole days of the reader's calendar after the step before, or after entering.
    pub after_days: u16,
    /// The time of day there.
    pub at: NaiveTime,
    /// Without it met, the step is left out.
    pub condition: Option<Condition>,
}

/// Messages that follow each other at each reader's own pace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Whom it is for; none where the file does not say.
    pub who: Option<People>,
    /// For leads, the stages in which they enter; for contacts nothing, since who is new enters.
    pub stages: Vec<EntryStage>,
    /// For leads, what they came through.
    pub came_through: CameThrough,
    /// Whom of them, by their partner and, for contacts, by role.
    pub audience: Audience,
    /// For leads, the purpose (`rules/consent.toml`) that they must have agreed to.
    pub consent: Option<Reference>,
    /// Name of a `[sender.*]` in vendor.toml.
    pub sender: Option<Reference>,
    /// Why the reader gets it.
    pub why: Template,
    /// In order.
    pub steps: Vec<Step>,
    /// What ends it early.
    pub exit: Vec<ExitRule>,
    /// Slug of the sequence that who finishes enters.
    pub then: Option<Reference>,
}

impl Condition {
    fn parse(found: Found, f: &mut Findings<'_>) -> Option<Self> {
        let (place, key) = (found.place(), found.key().to_owned());
        let mut keys = found.map(f)?;
        let named = [
            keys.get("clicked").and_then(|v| v.reference(f)).map(Self::Clicked),
            keys.get("not_clicked").and_then(|v| v.reference(f)).map(Self::NotClicked),
            keys.get("took").and_then(|v| v.reference(f)).map(Self::Took),
            keys.get("not_took").and_then(|v| v.reference(f)).map(Self::NotTook),
        ];
        keys.finish(f);
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(one), None) => Some(one),
            _ => {
                let fix = "write one of `clicked: <step>`, `not_clicked: <step>`, `took: <asset>`, `not_took: <asset>`";
                f.add(codes::BAD_VALUE, place, format!("`{key}` wants one condition"), fix);
                None
            }
        }
    }

    /// The step it asks about.
    pub fn step(&self) -> Option<&Reference> {
        match self {
            Self::Clicked(step) | Self::NotClicked(step) => Some(step),
            Self::Took(_) | Self::NotTook(_) => None,
        }
    }

    /// The asset it asks about.
    pub fn asset(&self) -> Option<&Reference> {
        match self {
            Self::Took(asset) | Self::NotTook(asset) => Some(asset),
            Self::Clicked(_) | Self::NotClicked(_) => None,
        }
    }
}

impl ExitRule {
    fn parse(found: Found, f: &mut Findings<'_>) -> Option<Self> {
        match found.word() {
            Some("asked-to-talk") => return Some(Self::AskedToTalk),
            Some(word) => {
                let fix = "write `asked-to-talk`, or one of `clicked: <step>`, `not_clicked: <step>`, `took: <asset>`, \
                           `not_took: <asset>`";
                let message = format!("`{}`: `{word}` ends nothing", found.key());
                f.add(codes::BAD_VALUE, found.place(), message, fix);
                return None;
            }
            None => {}
        }
        Condition::parse(found, f).map(Self::When)
    }

    fn condition(&self) -> Option<&Condition> {
        match self {
            Self::When(condition) => Some(condition),
            Self::AskedToTalk => None,
        }
    }
}

impl Step {
    fn parse(found: Found, f: &mut Findings<'_>) -> Option<Self> {
        let place = found.place();
        let mut keys = found.map(f)?;
        let id = keys.need("id", f).and_then(|v| v.slug(f));
        let after_days = keys.need("after", f).and_then(|v| days(v, f)).unwrap_or_default();
        let at = keys.get("at").and_then(|v| v.time(f)).unwrap_or(AT);
        let condition = keys.get("if").and_then(|v| Condition::parse(v, f));
        keys.finish(f);
        Some(Self { id: id?, place, after_days, at, condition })
    }
}

/// `3 days`, `1 day`, `2 weeks`.
fn days(found: Found, f: &mut Findings<'_>) -> Option<u16> {
    let place = found.place();
    let text = found.line(f)?;
    let read = || {
        let (number, unit) = text.split_once(' ')?;
        let number: u16 = number.parse().ok()?;
        match unit.trim() {
            "day" | "days" => Some(number),
            "week" | "weeks" => number.checked_mul(7),
            _ => None,
        }
    };
    let days = read().filter(|days| *days <= DELAY_DAYS_MAX);
    if days.is_none() {
        let message = format!("`{text}` is no delay of 0 to {DELAY_DAYS_MAX} days");
        f.add(codes::BAD_DELAY, place, message, "write it like `3 days` or `2 weeks`");
    }
    days
}

impl Sequence {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let who = keys.need("who", f).and_then(|v| v.choice(People::WORDS, f));
        let enter = keys.need("enter", f);
        let stages = enter.map(|v| enter_stages(v, who, f)).unwrap_or_default();
        let came_through = keys.get("came_through");
        let audience_key = keys.get("audience");
        if who == Some(People::Contacts)
            && let Some(found) = &came_through
        {
            let message = "`came_through` is for leads, and this is for contacts";
            f.add(codes::WRONG_PEOPLE, found.place(), message, "remove it, or write `who: leads`");
        }
        let audience_place = audience_key.as_ref().map(Found::place);
        let audience = audience_key.and_then(|v| audience(v, f)).unwrap_or_default();
        if let (Some(People::Leads), Some(place), true) =
            (who, audience_place, audience.roles != Roles::default())
        {
            let message = "leads have no roles at the partner";
            f.add(
                codes::WRONG_PEOPLE,
                place,
                message,
                "remove `roles` from `audience`, or write `who: contacts`",
            );
        }
        let consent = keys.get("consent").and_then(|v| v.reference(f));
        if let (Some(People::Contacts), Some(found)) = (who, &consent) {
            let message = "`consent` is for leads, and this is for contacts";
            f.add(codes::WRONG_PEOPLE, found.place, message, "remove it, or write `who: leads`");
        }
        let sender = keys.need("sender", f).and_then(|v| v.reference(f));
        let why = keys.need("why", f).and_then(|v| v.template(400, Scope::Letter, f)).unwrap_or_default();
        let steps = keys.need("steps", f).map(|v| steps(v, f)).unwrap_or_default();
        let exit = keys.get("exit").map(|v| v.list(f)).unwrap_or_default();
        let exit: Vec<ExitRule> = exit.into_iter().filter_map(|v| ExitRule::parse(v, f)).collect();
        let then = keys.get("then").and_then(|v| v.reference(f));
        let sequence = Self {
            who,
            stages,
            came_through: came_through.and_then(|v| came_through_keys(v, f)).unwrap_or_default(),
            audience,
            consent,
            sender,
            why,
            steps,
            exit,
            then,
        };
        sequence.check_steps(f);
        sequence
    }

    /// The purpose that leads must have agreed to.
    pub fn purpose(&self) -> &str {
        self.consent.as_ref().map_or(FOLLOW_UP, Reference::as_str)
    }

    /// The step of this name, and its place in the order.
    pub fn step(&self, id: &str) -> Option<(usize, &Step)> {
        self.steps.iter().enumerate().find(|(_, step)| step.id.as_str() == id)
    }

    /// Every asset that its conditions name.
    pub(super) fn assets(&self) -> impl Iterator<Item = &Reference> {
        self.conditions().filter_map(|(_, condition)| condition.asset())
    }

    /// Every condition, with the place in the order of the step that asks; exit rules ask at the end.
    fn conditions(&self) -> impl Iterator<Item = (usize, &Condition)> {
        let steps = self.steps.iter().enumerate();
        let of_steps = steps.filter_map(|(at, step)| Some((at, step.condition.as_ref()?)));
        let of_exits = self.exit.iter().filter_map(ExitRule::condition);
        of_steps.chain(of_exits.map(|condition| (self.steps.len(), condition)))
    }

    fn check_steps(&self, f: &mut Findings<'_>) {
        let mut seen = BTreeSet::new();
        for step in &self.steps {
            if !seen.insert(&step.id) {
                let message = format!("another step is called `{}`", step.id);
                f.add(codes::DUPLICATE_STEP, step.place, message, "give it a name of its own");
            }
        }
        for (at, condition) in self.conditions() {
            let Some(named) = condition.step() else { continue };
            match self.step(named.as_str()) {
                None => {
                    let message = format!("there is no step `{}`", named.as_str());
                    let known: BTreeSet<&str> = self.steps.iter().map(|step| step.id.as_str()).collect();
                    f.add(
                        codes::UNKNOWN_STEP,
                        named.place,
                        message,
                        did_you_mean(named.as_str(), known.iter().copied()),
                    );
                }
                Some((other, _)) if other >= at => {
                    let message = format!("`{}` has not been sent by then", named.as_str());
                    f.add(codes::LATER_STEP, named.place, message, "ask about a step before this one");
                }
                Some(_) => {}
            }
        }
        for rule in &self.exit {
            // Rules are looked at before each step, and this one asks about a message that was sent.
            if let ExitRule::When(Condition::NotClicked(named)) = rule
                && self.step(named.as_str()).is_some_and(|(at, _)| at + 1 == self.steps.len())
            {
                let message = format!(
                    "`{}` is the last step: nothing comes behind it that this could end",
                    named.as_str()
                );
                f.add(codes::LATER_STEP, named.place, message, "name a step before it, or remove the rule");
            }
        }
    }
}

fn steps(found: Found, f: &mut Findings<'_>) -> Vec<Step> {
    let place = found.place();
    let mut items = found.list(f);
    if items.is_empty() {
        let fix = "add one, such as `- {id: hello, after: 0 days}`";
        f.add(codes::NO_STEPS, place, "the sequence has no steps", fix);
    }
    if items.len() > STEPS_MAX {
        let message = format!("there are {} steps, and at most {STEPS_MAX} are read", items.len());
        f.add(codes::TOO_MANY_STEPS, place, message, "end it earlier, and go on with another under `then`");
        items.truncate(STEPS_MAX);
    }
    items.into_iter().filter_map(|item| Step::parse(item, f)).collect()
}

/// `new` for contacts, a list of stages for leads.
fn enter_stages(found: Found, who: Option<People>, f: &mut Findings<'_>) -> Vec<EntryStage> {
    let place = found.place();
    match (who, found.word()) {
        (Some(People::Contacts), Some("new")) | (None, _) => Vec::new(),
        (Some(People::Contacts), _) => {
            let message = "contacts enter when they are new";
            f.add(codes::WRONG_PEOPLE, place, message, "write `enter: new`");
            Vec::new()
        }
        (Some(People::Leads), Some(_)) => {
            let fix = "write a list, such as `enter: [inquiry, nurturing, recycled]`";
            f.add(codes::WRONG_PEOPLE, place, "leads enter in certain stages", fix);
            Vec::new()
        }
        (Some(People::Leads), None) => found.choices(EntryStage::WORDS, f),
    }
}

fn came_through_keys(found: Found, f: &mut Findings<'_>) -> Option<CameThrough> {
    let mut keys = found.map(f)?;
    let topics = keys.get("topics").map(|v| v.list(f)).unwrap_or_default();
    let came_through = CameThrough {
        kinds: keys.get("kinds").map(|v| v.choices(AssetKind::WORDS, f)).unwrap_or_default(),
        topics: topics.into_iter().filter_map(|v| v.slug(f)).collect(),
    };
    keys.finish(f);
    Some(came_through)
}

/// What a step of a sequence sends; authors write it as they write an issue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The mail's subject.
    pub subject: Template,
    /// What mail programs show after the subject.
    pub preheader: Template,
    /// Assets shown as cards to readers whom each concerns, in order.
    pub features: Vec<Reference>,
}

impl Message {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let mut line = |key, f: &mut Findings<'_>| {
            let found = keys.need(key, f);
            found.and_then(|v| v.template(SUBJECT_CHARS_MAX, Scope::Letter, f)).unwrap_or_default()
        };
        let (subject, preheader) = (line("subject", f), line("preheader", f));
        Self { subject, preheader, features: features(keys, f) }
    }
}
