//! The dates ahead: when each issue is fixed and leaves, to whom, in which variants, who is left out and why, and what
//! changed since the last one. Decided and rendered as freezing will do it, and nothing of it is stored.

mod survey;

use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDateTime;
use serde::Serialize;

use self::survey::{Crowd, of_issue, of_newsletter};
use super::{
    compose::Plan,
    context::Context,
    promised::{Letter, PromisedHours},
    promises::Places,
    recall::Replaced,
};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
        },
        program::{cadence::Cadence, issue::IssueState},
    },
    store::{issues, promises::NewPromise},
};

/// People named for each reason to be left out, and for each change.
const NAMED_MAX: usize = 10;
/// Most issues looked ahead for each newsletter.
pub const AHEAD_MAX: usize = 24;

/// An issue ahead.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// The newsletter's slug.
    pub newsletter: String,
    /// The promised date.
    pub date: String,
    /// The cadence in words.
    pub cadence: String,
    /// Its file; none if nothing is written for the date yet.
    pub file: Option<String>,
    /// Its subject as authored.
    pub subject: Option<String>,
    /// Where it stands, once it is fixed: then it is shown in the console and by `explain`.
    pub state: Option<String>,
    /// When content and audience are fixed.
    pub freezes_ms: Option<UtcMs>,
    /// The promises, in order of time.
    pub promises: Vec<PlannedPromise>,
    /// What the calendar's rules skip.
    pub skipped: Vec<Skipped>,
    /// How many people get it.
    pub readers: usize,
    /// What they get.
    pub variants: Vec<PlannedVariant>,
    /// Who does not, by reason.
    pub left_out: Vec<LeftOut>,
    /// What changed since the last issue that was fixed.
    pub since: Option<Since>,
    /// What would keep it from being fixed.
    pub faults: Vec<String>,
    /// What would keep it, once fixed, until a person has looked at it.
    pub held_because: Vec<String>,
}

/// A promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedPromise {
    /// IANA zone.
    pub zone: String,
    /// Local date and time, `YYYY-MM-DDTHH:MM`.
    pub local: String,
    /// The instant.
    pub due_ms: UtcMs,
    /// What a clock change does to it.
    pub note: Option<String>,
    /// To how many people.
    pub readers: usize,
}

/// Hours that a rule of the calendar takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The rule, and what it does.
    pub because: String,
    /// For how many people.
    pub readers: usize,
}

/// One text, the same for everybody who gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedVariant {
    /// The partner's slug.
    pub partner: String,
    /// Roles, separated by semicolons.
    pub roles: String,
    /// Language.
    pub locale: String,
    /// Its subject.
    pub subject: String,
    /// How many people get it.
    pub readers: usize,
}

/// People left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Why, in a sentence.
    pub because: String,
    /// How many.
    pub people: usize,
    /// Some of them, by address.
    pub named: Vec<String>,
}

/// What changed since another issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Since {
    /// That issue's date.
    pub date: String,
    /// Who gets this one and did not get that one.
    pub joined: Change,
    /// Who got that one and does not get this one.
    pub left: Change,
    /// People of that issue who are no longer in the roster.
    pub gone: usize,
}

/// How many people, and some of them by address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// How many.
    pub people: usize,
    /// Some of them.
    pub named: Vec<String>,
}

impl Change {
    fn add(&mut self, address: &str) {
        self.people += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(address.to_owned());
        }
    }
}

/// The next `count` issues of each newsletter, or of the one called `only`, in order of time.
///
/// # Errors
/// `NotFound` with the newsletters there are; those of the store.
pub async fn ahead(ctx: &Context, only: Option<&str>, count: usize) -> Result<Vec<Planned>> {
    let library = ctx.library();
    let slugs: Vec<String> = library.newsletters().map(|(asset, _)| asset.slug().to_owned()).collect();
    if let Some(only) = only.filter(|only| !slugs.iter().any(|slug| slug == only)) {
        let hint = if slugs.is_empty() {
            "there is none in the content".to_owned()
        } else {
            format!("there is {}", slugs.join(", "))
        };
        return Err(Error::not_found_but(format!("newsletter {only}"), hint));
    }
    let places = Places::load(ctx).await?;
    let mut all = Vec::new();
    for (asset, newsletter) in library.newsletters() {
        if only.is_some_and(|only| only != asset.slug()) {
            continue;
        }
        let cadence = Cadence::parse(&newsletter.cadence)?;
        let letter = Letter { library: &library, asset, newsletter };
        let written = library.issues_of(asset.slug());
        let mut nominal = utc(ctx.now_ms()).naive_utc() - chrono::Duration::days(1);
        let mut left = count.min(AHEAD_MAX);
        let mut crowd = None;
        while left > 0 {
            let Some(next) = cadence.next_nominal(nominal) else { break };
            left -= 1;
            nominal = next;
            let blank = Planned::blank(asset.slug(), next, &cadence);
            let hours = PromisedHours::new(letter, &cadence, next);
            let found = written.iter().find(|(_, issue)| issue.date == next.date());
            let planned = match found {
                Some((file, issue)) => {
                    let media = ctx.media();
                    let plan = Plan {
                        library: &library,
                        media: &media,
                        newsletter_asset: asset,
                        newsletter,
                        asset: file,
                        issue,
                    };
                    written_for(ctx, &plan, &hours, &places, blank).await?
                }
                None => {
                    if crowd.is_none() {
                        crowd = Some(of_newsletter(ctx, &hours).await?);
                    }
                    unwritten(&hours, &places, crowd.as_ref(), blank)
                }
            };
            if planned.has_ended(ctx.now_ms()) {
                // Of the last day or the next, so there are few.
                left += 1;
            } else {
                all.push((next, planned));
            }
        }
    }
    all.sort_by_key(|(nominal, _)| *nominal);
    Ok(all.into_iter().map(|(_, planned)| planned).collect())
}

impl Planned {
    /// Whether nothing more comes of it: its issue is over, or nothing was written and the last hour has passed.
    fn has_ended(&self, now_ms: UtcMs) -> bool {
        match self.state.as_deref().and_then(IssueState::parse) {
            Some(state) => matches!(state, IssueState::Done | IssueState::Cancelled),
            None => {
                self.file.is_none()
                    && !self.promises.is_empty()
                    && self.promises.iter().all(|promise| promise.due_ms <= now_ms)
            }
        }
    }

    /// A date that is promised, before anything is known of it.
    fn blank(newsletter: &str, nominal: NaiveDateTime, cadence: &Cadence) -> Self {
        Self {
            newsletter: newsletter.to_owned(),
            date: nominal.date().to_string(),
            cadence: cadence.describe(),
            file: None,
            subject: None,
            state: None,
            freezes_ms: None,
            promises: Vec::new(),
            skipped: Vec::new(),
            readers: 0,
            variants: Vec::new(),
            left_out: Vec::new(),
            since: None,
            faults: Vec::new(),
            held_because: Vec::new(),
        }
    }
}

/// A date for which nothing is written yet: to whom it is promised, by the newsletter's rule.
fn unwritten(hours: &PromisedHours<'_>, places: &Places, crowd: Option<&Crowd>, blank: Planned) -> Planned {
    let Some(crowd) = crowd else { return blank };
    let promised = places.promised(hours).into_iter().map(|promise| {
        let readers = crowd.at(&promise.partner_slug, &promise.reader_zone);
        NewPromise { eligible: i64::try_from(readers).unwrap_or(i64::MAX), ..Arc::unwrap_or_clone(promise) }
    });
    let promised: Vec<NewPromise> = promised.filter(|promise| promise.eligible > 0).collect();
    let first_ms = places.span(hours).map(|span| span.first_ms);
    Planned {
        freezes_ms: first_ms.map(|ms| ms - hours.letter().freeze_ms()),
        readers: readers(&promised),
        skipped: skipped(&promised),
        promises: promises(promised.into_iter()),
        left_out: crowd.left_out(),
        ..blank
    }
}

async fn written_for(
    ctx: &Context,
    plan: &Plan<'_>,
    hours: &PromisedHours<'_>,
    places: &Places,
    blank: Planned,
) -> Result<Planned> {
    let issues = issues::named(&ctx.db, None, Some(&blank.newsletter), None).await?;
    let there = issues.iter().find(|issue| issue.nominal_date == blank.date);
    let mut planned = Planned {
        file: Some(plan.asset.path.clone()),
        subject: Some(plan.issue.subject.as_str().to_owned()),
        state: there.map(|issue| issue.state.clone()),
        ..blank
    };
    if let Some(there) = there {
        // What is fixed is no plan any more; the ledger tells it.
        planned.freezes_ms = Some(there.frozen_ms);
        return Ok(planned);
    }
    let last = issues.iter().find(|issue| issue.nominal_date < planned.date && issue.state != "cancelled");
    let survey = of_issue(ctx, plan, hours, last).await?;
    let first_ms = places.span(hours).map(|span| span.first_ms);
    planned.freezes_ms = first_ms.map(|ms| ms - hours.letter().freeze_ms());
    let promised: Vec<NewPromise> = survey.promises.into_values().collect();
    planned.skipped = skipped(&promised);
    planned.promises = promises(promised.into_iter());
    planned.readers = survey.readers;
    planned.variants = survey.variants.into_values().collect();
    planned.left_out = survey.left_out.into_sorted();
    planned.faults = survey.faults.into_iter().collect();
    planned.held_because = Replaced::load(&ctx.db).await?.objections(plan.featured());
    planned.since = survey.since;
    Ok(planned)
}

/// For how many people something is due.
fn readers(promised: &[NewPromise]) -> usize {
    let due = promised.iter().filter(|promise| !promise.skipped);
    due.map(|promise| usize::try_from(promise.eligible).unwrap_or_default()).sum()
}

/// What is skipped, most people first.
fn skipped(promised: &[NewPromise]) -> Vec<Skipped> {
    let mut together: BTreeMap<&str, usize> = BTreeMap::new();
    for promise in promised.iter().filter(|promise| promise.skipped) {
        let because = promise.because.as_deref().unwrap_or_default();
        *together.entry(because).or_default() += usize::try_from(promise.eligible).unwrap_or_default();
    }
    let mut skipped: Vec<Skipped> = together
        .into_iter()
        .map(|(because, readers)| Skipped { because: because.to_owned(), readers })
        .collect();
    skipped.sort_by(|a, b| (b.readers, &a.because).cmp(&(a.readers, &b.because)));
    skipped
}

/// The promises by zone and instant, in order of time.
fn promises(all: impl Iterator<Item = NewPromise>) -> Vec<PlannedPromise> {
    let mut together: BTreeMap<(UtcMs, String, Option<String>), PlannedPromise> = BTreeMap::new();
    for promise in all.filter(|promise| promise.because.is_none()) {
        let readers = usize::try_from(promise.eligible).unwrap_or_default();
        let planned = together
            .entry((promise.due_ms, promise.zone.clone(), promise.note.clone()))
            .or_insert_with(|| PlannedPromise {
                zone: promise.zone,
                local: promise.nominal_local,
                due_ms: promise.due_ms,
                note: promise.note,
                readers: 0,
            });
        planned.readers += readers;
    }
    together.into_values().collect()
}
