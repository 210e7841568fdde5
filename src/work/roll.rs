//! The roll of a date: everybody considered for an issue with the reason in or out, before it is fixed and after, and what
//! changed since the issue before it.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use tokio::sync::mpsc::Sender;

use super::{
    audience::{Audience, Verdict},
    compose::Plan,
    context::Context,
    plan::NOTHING_STORED,
    promised::{Letter, PromisedHours},
    promises::Places,
    publish::nominal_on,
    together::{Together, Written, written_beside},
};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
        },
        program::Cadence,
    },
    store::{
        audience as stored,
        issues::{self, Issue},
        partners::StoredContact,
    },
};

/// Pages on their way to a reader that is slower than the database.
pub const PAGES_MAX: usize = 2;

/// Somebody considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The partner's slug.
    pub partner: String,
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Roles, separated by semicolons.
    pub roles: String,
    /// `in` or `out`.
    pub verdict: &'static str,
    /// The rule that left them out, in a word; empty for those in.
    pub reason: String,
    /// Why, in a sentence.
    pub because: String,
    /// IANA zone of the promise.
    pub zone: String,
    /// When it is due, RFC 3339 in UTC; none for those out.
    pub due: Option<String>,
    /// `new`, `again`, `left` or `not before`, against the issue before; empty where there is none.
    pub change: &'static str,
    /// Whether it comes in the mail of another newsletter; `because` says which.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rides: bool,
}

impl Entry {
    /// The columns of a table of entries.
    pub const COLUMNS: [&str; 10] =
        ["partner", "name", "email", "roles", "verdict", "reason", "because", "zone", "due", "change"];

    /// The cells of its row, in the order of [`Entry::COLUMNS`].
    pub fn cells(&self) -> [&str; 10] {
        [
            &self.partner,
            &self.name,
            &self.email,
            &self.roles,
            self.verdict,
            &self.reason,
            &self.because,
            &self.zone,
            self.due.as_deref().unwrap_or_default(),
            self.change,
        ]
    }
}

/// How many are in and out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Those who get it.
    pub readers: usize,
    /// Those who do not, by the rule's word.
    pub left_out: BTreeMap<String, usize>,
    /// Those who get it and did not get the one before.
    pub joined: usize,
    /// Those who got the one before and do not get it.
    pub left: usize,
    /// Those who get it in the mail of another newsletter.
    pub riding: usize,
}

impl Totals {
    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry) {
        if entry.verdict == "in" {
            self.readers += 1;
        } else {
            *self.left_out.entry(entry.reason.clone()).or_default() += 1;
        }
        self.riding += usize::from(entry.rides);
        self.joined += usize::from(entry.change == "new");
        self.left += usize::from(entry.change == "left");
    }
}

/// What a date is called, and whether its issue is fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heading {
    /// The newsletter's slug.
    pub newsletter: String,
    /// Its title.
    pub title: String,
    /// The promised date.
    pub date: String,
    /// The issue, once it is fixed: then what was decided is told, and nothing is decided anew.
    pub issue_id: Option<String>,
    /// The date of the issue that changes are told against.
    pub since: Option<String>,
}

/// Finds the date of a newsletter.
///
/// # Errors
/// `NotFound` for a newsletter that is not there, `Invalid` for a date that its cadence does not promise.
pub async fn heading(ctx: &Context, newsletter: &str, date: &str) -> Result<Heading> {
    let library = ctx.library();
    let found = library.newsletters().find(|(asset, _)| asset.slug() == newsletter);
    let issue = issues::named(&ctx.db, None, Some(newsletter), Some(date)).await?.pop();
    let Some((asset, letter)) = found else {
        let known: Vec<&str> = library.newsletters().map(|(asset, _)| asset.slug()).collect();
        let hint = match &known[..] {
            _ if library.vendor.is_none() => NOTHING_STORED.to_owned(),
            [] => "there is none in the content".to_owned(),
            known => format!("there is {}", known.join(", ")),
        };
        return Err(Error::not_found_but(format!("newsletter {newsletter}"), hint));
    };
    if issue.is_none() {
        promised_on(&Cadence::parse(&letter.cadence)?, date)?;
    }
    let before = issues::last_before(&ctx.db, newsletter, date).await?;
    Ok(Heading {
        newsletter: newsletter.to_owned(),
        title: asset.front.title.as_str().to_owned(),
        date: date.to_owned(),
        issue_id: issue.map(|issue| issue.id),
        since: before.map(|issue| issue.nominal_date),
    })
}

/// The time that the cadence promises on `date`.
fn promised_on(cadence: &Cadence, date: &str) -> Result<chrono::NaiveDateTime> {
    let day = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d")
        .map_err(|_| Error::invalid(format!("`{date}` is not a date; write it as 2027-01-12")))?;
    nominal_on(cadence, day).ok_or_else(|| {
        let next = cadence.next_day(day).map(|next| format!("; the next one is {next}")).unwrap_or_default();
        Error::invalid(format!("{date} is no day that the cadence promises ({}){next}", cadence.describe()))
    })
}

/// Calls the roll of a date, page by page, in the order of the contacts' keys.
///
/// # Errors
/// As [`heading`]; those of the store. A reader that has gone ends it.
pub async fn call(ctx: &Context, heading: &Heading, pages: &Sender<Result<Vec<Entry>>>) -> Result<()> {
    let before = match &heading.since {
        Some(date) => issues::named(&ctx.db, None, Some(&heading.newsletter), Some(date)).await?.pop(),
        None => None,
    };
    match &heading.issue_id {
        Some(issue_id) => fixed(ctx, issue_id, before.as_ref(), pages).await,
        None => ahead(ctx, heading, before.as_ref(), pages).await,
    }
}

/// Who decides about a date that is not fixed yet.
enum Look<'a> {
    /// Its issue is written: with whatever may come in one mail with it, and its number among these.
    Written(Together<'a>, usize),
    /// Nothing is written, and the newsletter's rule decides.
    Promised(Box<Audience<'a>>),
}

impl Look<'_> {
    async fn page(&self, ctx: &Context, after: &mut String) -> Result<Option<Vec<StoredContact>>> {
        match self {
            Self::Written(together, _) => together.page(ctx, after).await,
            Self::Promised(audience) => audience.page(ctx, after).await,
        }
    }

    /// What somebody gets, and whether in the mail of another newsletter.
    fn decide<'b>(&'b self, stored: &'b StoredContact) -> Option<(Verdict<'b>, bool)> {
        match self {
            Self::Written(together, number) => {
                let it = together.decide(stored)?.swap_remove(*number);
                Some((it.verdict, it.host.is_some()))
            }
            Self::Promised(audience) => Some((audience.decide(stored)?, false)),
        }
    }
}

async fn ahead(
    ctx: &Context,
    heading: &Heading,
    before: Option<&Issue>,
    pages: &Sender<Result<Vec<Entry>>>,
) -> Result<()> {
    let (library, media) = (ctx.library(), ctx.media());
    let found = library.newsletters().find(|(asset, _)| asset.slug() == heading.newsletter);
    let (asset, newsletter) = found.ok_or_else(|| Error::not_found("this newsletter"))?;
    let cadence = Cadence::parse(&newsletter.cadence)?;
    let nominal = promised_on(&cadence, &heading.date)?;
    let hours = PromisedHours::new(Letter { library: &library, asset, newsletter }, &cadence, nominal);
    let written = library.issues_of(asset.slug()).into_iter().find(|(_, issue)| issue.date == nominal.date());
    let plan = written.map(|(file, issue)| Plan {
        library: &library,
        media: &media,
        newsletter_asset: asset,
        newsletter,
        asset: file,
        issue,
    });
    let group = match plan {
        Some(plan) => {
            let written = Written::new(plan, &cadence, nominal, ctx.now_ms());
            written_beside(ctx, &Places::load(ctx).await?, written).await?
        }
        None => Vec::new(),
    };
    let look = match &plan {
        Some(plan) => {
            let together = Together::load(ctx, &group).await?;
            let number = together.number_of(&plan.asset.path).unwrap_or_default();
            Look::Written(together, number)
        }
        None => Look::Promised(Box::new(Audience::load(ctx, &hours, None).await?)),
    };
    let (mut after, mut from) = (String::new(), String::new());
    while let Some(people) = look.page(ctx, &mut after).await? {
        let had = had(ctx, before, &from, &after).await?;
        from.clone_from(&after);
        let entries = people.iter().filter_map(|stored| {
            let (verdict, rides) = look.decide(stored)?;
            let gets = verdict.readers.is_some();
            Some(Entry {
                partner: stored.contact.partner.to_string(),
                name: stored.contact.name.clone(),
                email: stored.contact.email.to_string(),
                roles: stored.contact.roles.to_string(),
                verdict: if gets { "in" } else { "out" },
                reason: verdict.reason.map_or_else(String::new, |reason| reason.as_str().to_owned()),
                because: verdict.because.to_string(),
                zone: verdict.promise.zone.clone(),
                due: gets.then(|| instant(verdict.promise.due_ms)),
                change: change(had.as_ref(), &stored.key, gets),
                rides,
            })
        });
        if pages.send(Ok(entries.collect())).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

async fn fixed(
    ctx: &Context,
    issue_id: &str,
    before: Option<&Issue>,
    pages: &Sender<Result<Vec<Entry>>>,
) -> Result<()> {
    let mut after = String::new();
    loop {
        let people = stored::listed(&ctx.db, issue_id, &after).await?;
        let Some(last) = people.last() else { return Ok(()) };
        let had = had(ctx, before, &after, &last.contact_id).await?;
        after.clone_from(&last.contact_id);
        let entries = people.into_iter().map(|person| Entry {
            verdict: if person.included { "in" } else { "out" },
            change: change(had.as_ref(), &person.contact_id, person.included),
            rides: person.rides,
            due: person.due_ms.map(instant),
            partner: person.partner_slug,
            name: person.name,
            email: person.email,
            roles: person.roles,
            reason: person.reason,
            because: person.because,
            zone: person.zone,
        });
        if pages.send(Ok(entries.collect())).await.is_err() {
            return Ok(());
        }
    }
}

/// Who between two keys got the issue before; none where there is none.
async fn had(
    ctx: &Context,
    before: Option<&Issue>,
    after: &str,
    through: &str,
) -> Result<Option<HashSet<String>>> {
    Ok(match before {
        Some(before) => {
            Some(stored::included(&ctx.db, &before.id, after, through).await?.into_iter().collect())
        }
        None => None,
    })
}

fn change(had: Option<&HashSet<String>>, contact_id: &str, gets: bool) -> &'static str {
    match (had.map(|had| had.contains(contact_id)), gets) {
        (None, _) => "",
        (Some(false), true) => "new",
        (Some(true), true) => "again",
        (Some(true), false) => "left",
        (Some(false), false) => "not before",
    }
}

fn instant(ms: UtcMs) -> String {
    utc(ms).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
