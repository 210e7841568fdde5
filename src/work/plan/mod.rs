//! The dates ahead: when each issue is fixed and leaves, to whom, in which variants, who is left out and why, and what
//! changed since the last one. Decided and rendered as freezing will do it, and nothing of it is stored.

mod survey;

use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDateTime;
use serde::Serialize;

use self::survey::{Crowd, IssueLook, RuleLook, Survey, everybody};
use super::{
    cobrand::Media,
    compose::Plan,
    context::Context,
    promised::{Letter, PromisedHours},
    promises::Places,
    recall::Replaced,
    together::{Written, written_beside},
};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{DAY_MS, UtcMs, utc},
        },
        program::{cadence::Cadence, issue::IssueState},
    },
    store::{
        digests,
        issues::{self, Issue},
        promises::NewPromise,
    },
};

/// People named for each reason to be left out, and for each change.
const NAMED_MAX: usize = 10;
/// Most issues looked ahead for each newsletter.
pub const AHEAD_MAX: usize = 24;

/// An issue ahead.
#[derive(Debug, Clone, Default, Serialize)]
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
    /// What it is about, in a few words.
    pub theme: Option<String>,
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
    /// Issues of other newsletters in whose mails it comes, for some.
    pub rides_in: Vec<Shared>,
    /// Issues of other newsletters that come in its mails, to some.
    pub carries: Vec<Shared>,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
    /// References of assets whose cards they do not get: they were told what these tell often enough, met it in the same form the time
    /// before, or have the card in another mail of the same time.
    pub without: Vec<String>,
}

/// An issue of another newsletter that comes in the same mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// The newsletter's slug.
    pub newsletter: String,
    /// Its date.
    pub date: String,
    /// How many people get both in one mail.
    pub people: usize,
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

/// What is said where no content was stored yet.
pub const NOTHING_STORED: &str = "no content is stored yet: `partnercast serve` takes it from the folder `content.dir` of the \
     configuration when it starts, and `--content FOLDER` looks into a folder that is not stored";

/// The next `count` issues of each newsletter, or of the one called `only`, in order of time.
///
/// # Errors
/// `NotFound` with the newsletters there are; those of the store.
pub async fn ahead(ctx: &Context, only: Option<&str>, count: usize) -> Result<Vec<Planned>> {
    let library = ctx.library();
    let slugs: Vec<String> = library.newsletters().map(|(asset, _)| asset.slug().to_owned()).collect();
    if let Some(only) = only.filter(|only| !slugs.iter().any(|slug| slug == only)) {
        let hint = if library.vendor.is_none() {
            NOTHING_STORED.to_owned()
        } else if slugs.is_empty() {
            "there is none in the content".to_owned()
        } else {
            format!("there is {}", slugs.join(", "))
        };
        return Err(Error::not_found_but(format!("newsletter {only}"), hint));
    }
    let places = Places::load(ctx).await?;
    let media = ctx.media();
    let mut dates = Vec::new();
    for (asset, newsletter) in library.newsletters() {
        if only.is_none_or(|only| only == asset.slug()) {
            let letter = Letter { library: &library, asset, newsletter };
            dates.extend(dates_of(ctx, letter, &media, &places, count).await?);
        }
    }
    let groups = groups(ctx, &places, &dates).await?;
    let mut groups_of = groups.iter();
    let (mut issue_looks, mut rule_looks, mut rule_of) = (Vec::new(), Vec::new(), BTreeMap::new());
    for date in dates.iter().filter(|date| date.planned.state.is_none()) {
        let rule = date.rule();
        match &date.plan {
            Some(plan) => {
                let Some(group) = groups_of.next() else { continue };
                issue_looks.push(IssueLook::begin(ctx, group, plan, date.last.clone()).await?);
            }
            None if !rule_of.contains_key(&rule) => {
                rule_of.insert(rule, rule_looks.len());
                rule_looks.push(RuleLook::begin(ctx, &date.hours).await?);
            }
            None => {}
        }
    }
    everybody(ctx, &mut issue_looks, &mut rule_looks).await?;
    let crowds: Vec<Crowd> = rule_looks.into_iter().map(RuleLook::end).collect();
    let replaced = Replaced::load(&ctx.db).await?;
    let mut looks = issue_looks.into_iter();
    let mut groups_of = groups.iter();
    let mut all = Vec::new();
    for date in &dates {
        let mut planned = date.planned.clone();
        if planned.state.is_none() {
            planned.freezes_ms =
                places.span(&date.hours).map(|span| span.first_ms - date.hours.letter().freeze_ms());
            match &date.plan {
                Some(plan) => {
                    let Some((look, group)) = looks.next().zip(groups_of.next()) else { continue };
                    planned.freezes_ms = freezes_ms(&places, group);
                    written(&mut planned, look.end(ctx).await?);
                    planned.held_because = replaced.objections(plan.featured());
                }
                None => {
                    let crowd = rule_of.get(&date.rule()).and_then(|at| crowds.get(*at));
                    unwritten(&mut planned, &date.hours, &places, crowd);
                }
            }
        }
        if let Some(issue_id) = &date.fixed {
            for beside in digests::of_issue(&ctx.db, issue_id).await? {
                let side = if beside.carried { &mut planned.carries } else { &mut planned.rides_in };
                side.push(Shared {
                    newsletter: beside.newsletter,
                    date: beside.nominal_date,
                    people: usize::try_from(beside.people).unwrap_or_default(),
                });
            }
        }
        all.push((date.nominal, planned));
    }
    all.sort_by_key(|(nominal, _)| *nominal);
    Ok(all.into_iter().map(|(_, planned)| planned).collect())
}

/// What each written issue is fixed together with.
async fn groups<'a>(ctx: &Context, places: &Places, dates: &[Ahead<'a>]) -> Result<Vec<Vec<Written<'a>>>> {
    let mut groups = Vec::new();
    for date in dates.iter().filter(|date| date.planned.state.is_none()) {
        let Some(plan) = date.plan else { continue };
        let cadence = Cadence::parse(&plan.newsletter.cadence)?;
        let written = Written::new(plan, &cadence, date.nominal, ctx.now_ms());
        groups.push(written_beside(ctx, places, written).await?);
    }
    Ok(groups)
}

/// When issues that are fixed together are: when the first of them is due to be.
fn freezes_ms(places: &Places, group: &[Written<'_>]) -> Option<UtcMs> {
    let due = |written: &Written<'_>| {
        places.span(&written.hours).map(|span| span.first_ms - written.hours.letter().freeze_ms())
    };
    group.iter().filter_map(due).min()
}

/// A date of a newsletter, before anybody was looked at.
struct Ahead<'a> {
    /// Its issue, once it is fixed.
    fixed: Option<String>,
    nominal: NaiveDateTime,
    hours: PromisedHours<'a>,
    plan: Option<Plan<'a>>,
    /// The last issue that was fixed.
    last: Option<Issue>,
    planned: Planned,
}

impl Ahead<'_> {
    /// Dates with the same have the same readers, as long as nothing is written for them: the newsletter, and where people
    /// have a budget the date.
    fn rule(&self) -> (&str, Option<NaiveDateTime>) {
        let Letter { library, asset, .. } = self.hours.letter();
        (asset.slug(), (!library.rules.frequency.is_empty()).then_some(self.nominal))
    }
}

/// The next `count` dates of a newsletter that are not over.
async fn dates_of<'a>(
    ctx: &Context,
    letter: Letter<'a>,
    media: &'a Media,
    places: &Places,
    count: usize,
) -> Result<Vec<Ahead<'a>>> {
    let Letter { library, asset, newsletter } = letter;
    let cadence = Cadence::parse(&newsletter.cadence)?;
    let written = library.issues_of(asset.slug());
    let issues = issues::named(&ctx.db, None, Some(asset.slug()), None).await?;
    let yesterday = utc(ctx.now_ms() - DAY_MS).naive_utc();
    let mut dates = Vec::new();
    for next in cadence.nominals(yesterday) {
        if dates.len() == count.min(AHEAD_MAX) {
            break;
        }
        let hours = PromisedHours::new(letter, &cadence, next);
        let found = written.iter().find(|(_, issue)| issue.date == next.date());
        let date = next.date().to_string();
        let there = issues.iter().find(|issue| issue.nominal_date == date);
        let is_over = match there.and_then(|issue| IssueState::parse(&issue.state)) {
            Some(state) => matches!(state, IssueState::Done | IssueState::Cancelled),
            None => found.is_none() && places.span(&hours).is_some_and(|span| span.last_ms <= ctx.now_ms()),
        };
        if is_over {
            // Of the last day or the next, so there are few.
            continue;
        }
        let mut planned = Planned::blank(asset.slug(), next, &cadence);
        if let Some((file, issue)) = found {
            planned.file = Some(file.path.clone());
            planned.subject = Some(issue.subject.as_str().to_owned());
            planned.theme = Some(issue.theme.clone()).filter(|theme| !theme.is_empty());
        }
        if let Some(there) = there {
            // What is fixed is no plan any more; the ledger tells it.
            planned.state = Some(there.state.clone());
            planned.freezes_ms = Some(there.frozen_ms);
        }
        let last =
            issues.iter().find(|issue| issue.nominal_date < date && issue.state != "cancelled").cloned();
        let plan = found.map(|(file, issue)| Plan {
            library,
            media,
            newsletter_asset: asset,
            newsletter,
            asset: file,
            issue,
        });
        let fixed = there.map(|issue| issue.id.clone());
        dates.push(Ahead { fixed, nominal: next, hours, plan, last, planned });
    }
    Ok(dates)
}

impl Planned {
    /// A date that is promised, before anything is known of it.
    fn blank(newsletter: &str, nominal: NaiveDateTime, cadence: &Cadence) -> Self {
        Self {
            newsletter: newsletter.to_owned(),
            date: nominal.date().to_string(),
            cadence: cadence.describe(),
            file: None,
            subject: None,
            theme: None,
            state: None,
            freezes_ms: None,
            promises: Vec::new(),
            skipped: Vec::new(),
            readers: 0,
            variants: Vec::new(),
            rides_in: Vec::new(),
            carries: Vec::new(),
            left_out: Vec::new(),
            since: None,
            faults: Vec::new(),
            held_because: Vec::new(),
        }
    }
}

/// A date for which nothing is written yet: to whom it is promised, by the newsletter's rule.
fn unwritten(planned: &mut Planned, hours: &PromisedHours<'_>, places: &Places, crowd: Option<&Crowd>) {
    let Some(crowd) = crowd else { return };
    let promised = places.promised(hours).into_iter().map(|promise| {
        let readers = crowd.at(&promise.partner_slug, &promise.reader_zone);
        NewPromise { eligible: i64::try_from(readers).unwrap_or(i64::MAX), ..Arc::unwrap_or_clone(promise) }
    });
    let promised: Vec<NewPromise> = promised.filter(|promise| promise.eligible > 0).collect();
    planned.readers = readers(&promised);
    planned.skipped = skipped(&promised);
    planned.promises = promises(promised.into_iter());
    planned.left_out = crowd.left_out.sorted();
}

/// A date for which an issue is written.
fn written(planned: &mut Planned, survey: Survey) {
    let promised: Vec<NewPromise> =
        survey.promises.into_values().filter(|promise| promise.eligible > 0).collect();
    planned.skipped = skipped(&promised);
    planned.promises = promises(promised.into_iter());
    planned.readers = survey.readers;
    planned.variants = survey.variants.into_values().collect();
    (planned.rides_in, planned.carries) = (survey.rides_in, survey.carries);
    planned.left_out = survey.left_out.sorted();
    planned.faults = survey.faults.into_iter().collect();
    planned.since = survey.since;
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
