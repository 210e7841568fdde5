//! The issues ahead: when each is fixed and leaves, to whom, in which variants, who is left out and why, and what changed
//! since the last one. Decided and rendered as freezing will do it, and nothing of it is stored.

use std::collections::{BTreeMap, BTreeSet, HashSet, btree_map::Entry};

use chrono::NaiveDateTime;
use serde::Serialize;

use super::{
    audience::{Audience, VariantKey, key_of, page},
    compose::{self, Plan},
    context::Context,
    freeze::count_promise,
    promised::{Letter, PromisedHours},
    promises::Places,
    recall::Replaced,
};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{MINUTE_MS, UtcMs, utc},
        },
        program::{cadence::Cadence, issue::IssueState},
    },
    store::{
        audience as stored,
        issues::{self, Issue},
        promises::NewPromise,
    },
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
    let mut all = Vec::new();
    for (asset, newsletter) in library.newsletters() {
        if only.is_some_and(|only| only != asset.slug()) {
            continue;
        }
        let cadence = Cadence::parse(&newsletter.cadence)?;
        let written = library.issues_of(asset.slug());
        let mut nominal = utc(ctx.now_ms()).naive_utc() - chrono::Duration::days(1);
        let mut left = count.min(AHEAD_MAX);
        while left > 0 {
            let Some(next) = cadence.next_nominal(nominal) else { break };
            left -= 1;
            nominal = next;
            let blank = Planned::blank(asset.slug(), next, &cadence);
            let found = written.iter().find(|(_, issue)| issue.date == next.date());
            let Some((file, issue)) = found else {
                all.push((next, blank));
                continue;
            };
            let media = ctx.media();
            let plan = Plan {
                library: &library,
                media: &media,
                newsletter_asset: asset,
                newsletter,
                asset: file,
                issue,
            };
            let hours = PromisedHours::new(Letter { library: &library, asset, newsletter }, &cadence, next);
            let planned = planned(ctx, &plan, &hours, blank).await?;
            if planned.has_ended() {
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
    /// Whether nothing more comes of it.
    fn has_ended(&self) -> bool {
        self.state
            .as_deref()
            .and_then(IssueState::parse)
            .is_some_and(|state| matches!(state, IssueState::Done | IssueState::Cancelled))
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
            readers: 0,
            variants: Vec::new(),
            left_out: Vec::new(),
            since: None,
            faults: Vec::new(),
            held_because: Vec::new(),
        }
    }
}

async fn planned(
    ctx: &Context,
    plan: &Plan<'_>,
    hours: &PromisedHours<'_>,
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
    let survey = survey(ctx, plan, hours, last).await?;
    let first_ms = Places::load(ctx).await?.span(hours).map(|span| span.first_ms);
    planned.freezes_ms = first_ms.map(|ms| ms - i64::from(plan.newsletter.freeze_minutes) * MINUTE_MS);
    planned.promises = promises(survey.promises.into_values());
    planned.readers = survey.readers;
    planned.variants = survey.variants.into_values().collect();
    planned.left_out = survey
        .left_out
        .into_iter()
        .map(|(because, change)| LeftOut { because, people: change.people, named: change.named })
        .collect();
    planned.left_out.sort_by(|a, b| (b.people, &a.because).cmp(&(a.people, &b.because)));
    planned.faults = survey.faults.into_iter().collect();
    planned.held_because = Replaced::load(&ctx.db).await?.objections(plan.featured());
    planned.since = survey.since;
    Ok(planned)
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

/// What a look at everybody found.
#[derive(Default)]
struct Survey {
    promises: BTreeMap<String, NewPromise>,
    readers: usize,
    variants: BTreeMap<VariantKey, PlannedVariant>,
    left_out: BTreeMap<String, Change>,
    faults: BTreeSet<String>,
    since: Option<Since>,
}

/// Looks at everybody, page by page, so that memory is that of the variants.
async fn survey(
    ctx: &Context,
    plan: &Plan<'_>,
    hours: &PromisedHours<'_>,
    last: Option<&Issue>,
) -> Result<Survey> {
    let audience = Audience::load(ctx, hours, Some(plan)).await?;
    let mut survey = Survey {
        since: last.map(|last| Since { date: last.nominal_date.clone(), ..Since::default() }),
        ..Survey::default()
    };
    let (mut after, mut before) = (String::new(), String::new());
    let (mut known, mut faulty) = (0, HashSet::new());
    while let Some(page) = page(ctx, &mut after).await? {
        let got_last: HashSet<String> = match last {
            Some(last) => stored::included(&ctx.db, &last.id, &before, &after).await?.into_iter().collect(),
            None => HashSet::new(),
        };
        before.clone_from(&after);
        for stored in &page {
            let Some(verdict) = audience.decide(&stored.contact) else { continue };
            let address = stored.contact.email.as_str();
            let had = got_last.contains(&stored.id.to_string());
            known += usize::from(had);
            let gets = verdict.readers.is_some();
            count_promise(&mut survey.promises, &verdict);
            if let Some(since) = &mut survey.since {
                match (had, gets) {
                    (false, true) => since.joined.add(address),
                    (true, false) => since.left.add(address),
                    _ => {}
                }
            }
            let Some(readers) = verdict.readers else {
                survey.left_out.entry(verdict.because).or_default().add(address);
                continue;
            };
            survey.readers += 1;
            let key = key_of(&readers);
            if faulty.contains(&key) {
                continue;
            }
            match survey.variants.entry(key) {
                Entry::Occupied(mut place) => place.get_mut().readers += 1,
                Entry::Vacant(place) => match compose::variant(&ctx.templates, plan, readers, "plan") {
                    Ok(variant) => {
                        place.insert(PlannedVariant {
                            partner: variant.partner_slug,
                            roles: variant.roles,
                            locale: variant.locale,
                            subject: variant.subject,
                            readers: 1,
                        });
                    }
                    Err(error) => {
                        faulty.insert(key_of(&readers));
                        survey.faults.insert(error.detail());
                    }
                },
            }
        }
    }
    if let (Some(since), Some(last)) = (&mut survey.since, last) {
        let all = usize::try_from(stored::included_count(&ctx.db, &last.id).await?).unwrap_or(usize::MAX);
        since.gone = all.saturating_sub(known);
    }
    Ok(survey)
}
