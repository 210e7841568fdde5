//! Issues that are fixed together because they may come to somebody as one mail, and what everybody gets of each.
//!
//! Which issues these are is looked for where one of them is due to be fixed ([`written_beside`]): those of other
//! newsletters that are written, in time, and near enough for somebody. An issue that shares no mail is together with
//! nothing, and decided as if there were no digests.

use std::sync::Arc;

use chrono::{Duration, NaiveDateTime};

use super::{
    apart::{self, Apart},
    audience::{Audience, Beside, VariantKey, Verdict, key_of},
    compose::{Plan, Readers, told_by},
    context::Context,
    people::People,
    promised::{Letter, PromisedHours},
    promises::Places,
    publish::nominal_on,
    recall::Replaced,
    touches::ToldBeside,
};
use crate::{
    domain::{
        content::{Asset, kinds::CatchUp, kinds::Newsletter},
        kernel::{
            Result,
            clock::{MINUTE_MS, UtcMs},
        },
        program::{
            Cadence,
            digest::{self, Mails, TOGETHER_MAX},
        },
    },
    store::{
        contents, issues,
        partners::{self, StoredContact},
        promises::NewPromise,
    },
};

/// How many days apart the dates of issues may lie that come as one mail: their hours lie a day apart at most, and dates
/// go by the clocks of different zones.
const DAYS_APART: i64 = 3;

/// Why nothing is sent of what passed while nothing could send it.
pub(super) const NO_CATCH_UP: &str =
    "its time passed before it could be frozen, and this newsletter does not catch up";

/// An issue that is written for a date.
pub(super) struct Written<'a> {
    pub(super) plan: Plan<'a>,
    pub(super) hours: PromisedHours<'a>,
    /// What came of the digest that it was frozen in before, if that came apart.
    pub(super) apart: Option<Apart>,
}

impl<'a> Written<'a> {
    /// The issue of `plan`, at the nominal time that its newsletter promises on its date.
    pub(super) fn new(plan: Plan<'a>, cadence: &Cadence, nominal: NaiveDateTime, now_ms: UtcMs) -> Self {
        let letter =
            Letter { library: plan.library, asset: plan.newsletter_asset, newsletter: plan.newsletter };
        let hours = PromisedHours::new(letter, cadence, nominal);
        let hours = match plan.newsletter.catch_up {
            CatchUp::None => hours.giving_up(now_ms, NO_CATCH_UP),
            CatchUp::Latest | CatchUp::All => hours,
        };
        Self { plan, hours, apart: None }
    }

    /// Newsletter and date, as people call it.
    fn name(&self) -> String {
        format!("{} of {}", self.plan.newsletter_asset.front.title.as_str(), self.plan.issue.date)
    }

    fn slug(&self) -> &'a str {
        self.plan.newsletter_asset.slug()
    }

    /// How many hours before its own it may come in another mail, if at all.
    fn digest_hours(&self) -> Option<u32> {
        let by_itself = self.apart.as_ref().is_some_and(|apart| apart.by_itself);
        digest::allowed_hours(self.plan.newsletter, self.plan.issue).filter(|_| !by_itself)
    }

    /// Looks whether it was in a digest that came apart.
    async fn look_back(&mut self, ctx: &Context) -> Result<()> {
        // Also where it may share no mail any more: what was paused stays paused.
        self.apart = apart::of(ctx, self.slug(), self.plan.issue.date).await?;
        Ok(())
    }

    /// Whether it is to leave in time and by itself: one that is late or waits for a person would hold up the others.
    async fn is_in_time(&self, ctx: &Context, places: &Places) -> Result<bool> {
        let Some(span) = places.span(&self.hours) else { return Ok(false) };
        let now_ms = ctx.now_ms();
        let on_time_ms = i64::from(self.plan.newsletter.on_time_minutes) * MINUTE_MS;
        let stored_ms = contents::first_stored_ms(&ctx.db, &self.plan.asset.path).await?;
        if now_ms > span.last_ms + on_time_ms || stored_ms.is_some_and(|ms| ms.min(now_ms) > span.last_ms) {
            return Ok(false);
        }
        Ok(Replaced::load(&ctx.db).await?.objections(self.plan.featured()).is_empty())
    }

    /// Whether one may ride in the mail of the other, for readers somewhere.
    fn is_near(&self, other: &Self, places: &Places) -> bool {
        let comes_first =
            digest::order(&self.plan.library.rules.frequency, self.slug(), other.slug()).is_lt();
        let (host, guest) = if comes_first { (self, other) } else { (other, self) };
        let (Some(_), Some(hours)) = (host.digest_hours(), guest.digest_hours()) else { return false };
        let guests = places.promised(&guest.hours);
        places.promised(&host.hours).iter().any(|host| {
            let same = |guest: &&Arc<NewPromise>| {
                (&guest.partner_slug, &guest.reader_zone) == (&host.partner_slug, &host.reader_zone)
            };
            guests.iter().find(same).is_some_and(|guest| {
                host.because.is_none()
                    && guest.because.is_none()
                    && digest::may_ride(host.due_ms, guest.due_ms, hours)
            })
        })
    }
}

/// The issues that are fixed together with `first`, which is among them; in their order, the host of everybody who gets it
/// before its guests.
///
/// # Errors
/// Those of the store.
pub(super) async fn written_beside<'a>(
    ctx: &Context,
    places: &Places,
    mut first: Written<'a>,
) -> Result<Vec<Written<'a>>> {
    let library = first.plan.library;
    first.look_back(ctx).await?;
    let shares = first.digest_hours().is_some() && first.is_in_time(ctx, places).await?;
    let mut found = vec![first];
    let mut at = 0;
    while shares && at < found.len() {
        for (asset, newsletter) in library.newsletters() {
            let is_there = found.iter().any(|written| written.slug() == asset.slug());
            if is_there || newsletter.digest_hours.is_none() || found.len() == TOGETHER_MAX {
                continue;
            }
            found.extend(near(ctx, places, &found[at], asset, newsletter).await?);
        }
        at += 1;
    }
    found.sort_by(|a, b| digest::order(&library.rules.frequency, a.slug(), b.slug()));
    Ok(found)
}

/// The earliest issue of a newsletter that may share a mail with `beside`.
async fn near<'a>(
    ctx: &Context,
    places: &Places,
    beside: &Written<'a>,
    newsletter_asset: &'a Asset,
    newsletter: &'a Newsletter,
) -> Result<Option<Written<'a>>> {
    let Ok(cadence) = Cadence::parse(&newsletter.cadence) else { return Ok(None) };
    let about = beside.hours.nominal().date();
    let Plan { library, media, .. } = beside.plan;
    let mut issues = library.issues_of(newsletter_asset.slug());
    issues.retain(|(_, issue)| (issue.date - about).abs() <= Duration::days(DAYS_APART));
    issues.sort_by_key(|(_, issue)| issue.date);
    for (asset, issue) in issues {
        let Some(nominal) = nominal_on(&cadence, issue.date) else { continue };
        let plan = Plan { library, media, newsletter_asset, newsletter, asset, issue };
        let mut written = Written::new(plan, &cadence, nominal, ctx.now_ms());
        if !beside.is_near(&written, places) {
            continue;
        }
        written.look_back(ctx).await?;
        if written.digest_hours().is_some()
            && !issues::exists(&ctx.db, newsletter_asset.slug(), &issue.date.to_string()).await?
            && written.is_in_time(ctx, places).await?
        {
            return Ok(Some(written));
        }
    }
    Ok(None)
}

/// What decides who gets which of the issues, and as which mails.
pub(super) struct Together<'a> {
    issues: Vec<One<'a>>,
}

/// One of them.
struct One<'a> {
    written: &'a Written<'a>,
    audience: Audience<'a>,
    digest_hours: Option<u32>,
    name: String,
}

/// What a person gets of one issue.
pub(super) struct Given<'a> {
    pub(super) verdict: Verdict<'a>,
    /// The issue in whose mail it comes, by its number; none for a mail of its own, and where it does not come.
    pub(super) host: Option<usize>,
}

/// What a mail is: the issues in it, the host first, each with the readers for whom it is made.
pub(super) type MailKey = Vec<(usize, VariantKey)>;

impl<'a> Together<'a> {
    /// Loads what decides about `written`, which are in their order.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn load(ctx: &Context, written: &'a [Written<'a>]) -> Result<Self> {
        let hours: Vec<&PromisedHours<'_>> = written.iter().map(|written| &written.hours).collect();
        let mut issues = Vec::with_capacity(written.len());
        for written in written {
            let mut audience = Audience::load(ctx, &written.hours, Some(&written.plan)).await?;
            audience.fixed_beside(&hours);
            let digest_hours = written.digest_hours().filter(|_| hours.len() > 1);
            issues.push(One { written, audience, digest_hours, name: written.name() });
        }
        Ok(Self { issues })
    }

    /// How many there are; at least one.
    pub(super) fn len(&self) -> usize {
        self.issues.len()
    }

    /// What recalls say against each.
    pub(super) fn objections(&self, replaced: &Replaced) -> Vec<Vec<String>> {
        self.issues.iter().map(|one| replaced.objections(one.written.plan.featured())).collect()
    }

    /// The plan of one.
    pub(super) fn plan(&self, number: usize) -> &'a Plan<'a> {
        &self.issues[number].written.plan
    }

    /// The hours of one.
    pub(super) fn hours(&self, number: usize) -> &'a PromisedHours<'a> {
        &self.issues[number].written.hours
    }

    /// Who gets one, by itself.
    pub(super) fn audience(&self, number: usize) -> &Audience<'a> {
        &self.issues[number].audience
    }

    /// What came of the digest that one was frozen in before, if that came apart.
    pub(super) fn apart(&self, number: usize) -> Option<&'a Apart> {
        self.issues[number].written.apart.as_ref()
    }

    /// Whether one shares mails with others, or did before its digest came apart.
    pub(super) fn may_share(&self, number: usize) -> bool {
        self.issues[number].digest_hours.is_some() || self.apart(number).is_some()
    }

    /// The number of the issue of that file.
    pub(super) fn number_of(&self, path: &str) -> Option<usize> {
        self.issues.iter().position(|one| one.written.plan.asset.path == path)
    }

    /// The next contacts after `after`, which moves on; none at the end.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn page(&self, ctx: &Context, after: &mut String) -> Result<Option<Vec<StoredContact>>> {
        let page = partners::contacts(&ctx.db, after).await?;
        let Some(last) = page.last() else { return Ok(None) };
        let through = last.key.clone();
        self.turn_to(ctx, &People::between(ctx, after, &through)).await?;
        *after = through;
        Ok(Some(page))
    }

    /// Looks up what bears on `people`, before they are decided on.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn turn_to(&self, ctx: &Context, people: &People<'_>) -> Result<()> {
        for one in &self.issues {
            one.audience.turn_to(ctx, people).await?;
        }
        Ok(())
    }

    /// What a contact gets of each; `None` for one whose partner is gone.
    pub(super) fn decide<'b>(&'b self, stored: &'b StoredContact) -> Option<Vec<Given<'b>>> {
        let (mut given, mut mails) = (Vec::with_capacity(self.len()), Mails::default());
        let mut beside: Vec<(UtcMs, &str)> = Vec::new();
        for (number, one) in self.issues.iter().enumerate() {
            if let Some((host, verdict)) = self.riding(number, stored, &given, &mails) {
                mails.ride(number, host);
                given.push(Given { verdict, host: Some(host) });
                continue;
            }
            let told = self.told_beside(number, &given, None);
            let verdict = one.audience.decide_beside(stored, &Beside { mails: Some(&beside), told })?;
            if verdict.readers.is_some() {
                mails.own((number, number), verdict.promise.due_ms, one.digest_hours.is_some());
                beside.push((verdict.promise.due_ms, &one.name));
            }
            given.push(Given { verdict, host: None });
        }
        self.say(&mut given);
        Some(given)
    }

    /// What a contact gets of one in a mail that they get anyway, and whose; none where it fits into none.
    fn riding<'b>(
        &'b self,
        number: usize,
        stored: &'b StoredContact,
        given: &[Given<'b>],
        mails: &Mails,
    ) -> Option<(usize, Verdict<'b>)> {
        let one = &self.issues[number];
        if mails.is_empty() || one.digest_hours.is_none() {
            return None;
        }
        let host = mails.host_for(number, one.audience.promise(stored)?.due_ms, one.digest_hours)?;
        let told = self.told_beside(number, given, Some(host));
        let verdict = one.audience.decide_beside(stored, &Beside { mails: None, told })?;
        verdict.readers.is_some().then_some((host, verdict))
    }

    /// What those before `number` tell somebody in other mails than that of `host`, and what that one shows them. In one mail
    /// a message is told once, however many letters in it tell it.
    fn told_beside<'b>(&'b self, number: usize, given: &[Given<'b>], host: Option<usize>) -> ToldBeside<'b> {
        let mut beside = ToldBeside::default();
        for mail in 0..given.len() {
            let inside = contents(given, mail);
            let inside: Vec<_> =
                inside.into_iter().map(|(number, readers)| (self.plan(number).mailing(), readers)).collect();
            if host == Some(mail) {
                beside.shown = inside.iter().flat_map(|(mailing, readers)| mailing.shown(*readers)).collect();
            } else if self.issues[number].audience.tells() {
                let at_ms = given[mail].verdict.promise.due_ms;
                // What cannot be told is found when it is rendered.
                let told = told_by(&inside).unwrap_or_default();
                beside.told.extend(told.into_iter().map(|(message, forms)| (at_ms, message, forms)));
            }
        }
        beside
    }

    /// Adds to the reasons of those who get several as one mail that they do.
    fn say(&self, given: &mut [Given<'_>]) {
        let rides: Vec<(usize, usize)> =
            given.iter().enumerate().filter_map(|(guest, it)| Some((it.host?, guest))).collect();
        for (number, it) in given.iter_mut().enumerate().filter(|(_, it)| it.verdict.readers.is_some()) {
            if let Some(apart) = self.apart(number) {
                it.verdict.because.add(format!("; {}", apart.why));
            }
        }
        for (host, guest) in rides {
            given[guest].verdict.because.add(format!("; rides in {}", self.issues[host].name));
            given[host].verdict.because.add(format!("; carries {}", self.issues[guest].name));
        }
    }
}

/// The issues in the mail of `host`, which comes first, with the readers of each; nothing where it is no mail of its own.
pub(super) fn contents<'b>(given: &[Given<'b>], host: usize) -> Vec<(usize, Readers<'b>)> {
    let readers = |number: usize| Some((number, given.get(number)?.verdict.readers?));
    let Some(first) = readers(host).filter(|_| given[host].host.is_none()) else { return Vec::new() };
    let guests = given.iter().enumerate().filter(|(_, it)| it.host == Some(host));
    [first].into_iter().chain(guests.filter_map(|(guest, _)| readers(guest))).collect()
}

/// What such a mail is known by.
pub(super) fn mail_key(contents: &[(usize, Readers<'_>)]) -> MailKey {
    contents.iter().map(|(number, readers)| (*number, key_of(readers))).collect()
}
