//! Looking at everybody who might get something, page by page, so that memory is that of the variants and of the reasons.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, btree_map::Entry};

use tokio::task::JoinHandle;

use super::{Change, LeftOut, PlannedVariant, Since};
use crate::{
    domain::{
        kernel::{Error, Result},
        program::{audience::impersonal, subject_test::Arm},
    },
    store::{
        audience as stored,
        issues::Issue,
        partners::{self, StoredContact},
        promises::NewPromise,
    },
    work::{
        audience::{Audience, VariantKey, key_of},
        compose::{self, Plan},
        context::Context,
        freeze::{count_promise, too_few},
        promised::PromisedHours,
    },
};

/// People left out, by reason.
#[derive(Default)]
pub(super) struct Reasons(BTreeMap<String, Change>);

impl Reasons {
    fn add(&mut self, because: &str, address: &str) {
        self.0.entry(impersonal(because)).or_default().add(address);
    }

    /// Most people first.
    pub(super) fn sorted(&self) -> Vec<LeftOut> {
        let mut left_out: Vec<LeftOut> = self
            .0
            .iter()
            .map(|(because, change)| LeftOut {
                because: because.clone(),
                people: change.people,
                named: change.named.clone(),
            })
            .collect();
        left_out.sort_by(|a, b| (b.people, &a.because).cmp(&(a.people, &b.because)));
        left_out
    }
}

/// What a look at everybody found of an issue.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) promises: BTreeMap<String, NewPromise>,
    pub(super) readers: usize,
    pub(super) variants: BTreeMap<VariantKey, PlannedVariant>,
    pub(super) left_out: Reasons,
    pub(super) faults: BTreeSet<String>,
    pub(super) since: Option<Since>,
}

/// Whom a newsletter is for, whatever is in its issues: how many people of which partner in which zone.
#[derive(Default)]
pub(super) struct Crowd {
    at: HashMap<String, HashMap<String, usize>>,
    pub(super) left_out: Reasons,
}

impl Crowd {
    /// How many of `partner` in `zone`.
    pub(super) fn at(&self, partner: &str, zone: &str) -> usize {
        self.at.get(partner).and_then(|zones| zones.get(zone)).copied().unwrap_or_default()
    }

    fn take(&mut self, audience: &Audience<'_>, stored: &StoredContact) {
        let Some(verdict) = audience.decide(stored) else { return };
        if !verdict.is_promised() {
            self.left_out.add(&verdict.because, stored.contact.email.as_str());
            return;
        }
        let NewPromise { partner_slug, reader_zone, .. } = &*verdict.promise;
        // Without a new key for each of a hundred thousand.
        match self.at.get_mut(partner_slug).and_then(|zones| zones.get_mut(reader_zone)) {
            Some(count) => *count += 1,
            None => _ = self.at.entry(partner_slug.clone()).or_default().insert(reader_zone.clone(), 1),
        }
    }
}

/// A look at everybody for one issue, as far as it has come.
pub(super) struct IssueLook<'a> {
    plan: &'a Plan<'a>,
    audience: Audience<'a>,
    last: Option<Issue>,
    survey: Survey,
    got_last: HashSet<String>,
    known: usize,
    faulty: HashSet<VariantKey>,
    arms: [usize; 2],
}

impl<'a> IssueLook<'a> {
    /// Begins one; what changed is told against `last`.
    pub(super) async fn begin(
        ctx: &Context,
        hours: &'a PromisedHours<'a>,
        plan: &'a Plan<'a>,
        last: Option<Issue>,
    ) -> Result<Self> {
        let since = last.as_ref().map(|last| Since { date: last.nominal_date.clone(), ..Since::default() });
        Ok(Self {
            plan,
            audience: Audience::load(ctx, hours, Some(plan)).await?,
            last,
            survey: Survey { since, ..Survey::default() },
            got_last: HashSet::new(),
            known: 0,
            faulty: HashSet::new(),
            arms: [0, 0],
        })
    }

    /// What is known of a page's people from the last issue, before they are taken.
    async fn turn_to(&mut self, ctx: &Context, page: &Page) -> Result<()> {
        self.audience.turn_to(ctx, &page.after, &page.through).await?;
        if let Some(last) = &self.last {
            let got = stored::included(&ctx.db, &last.id, &page.after, &page.through).await?;
            self.got_last = got.into_iter().collect();
        }
        Ok(())
    }

    fn take(&mut self, ctx: &Context, stored: &StoredContact) {
        let Some(verdict) = self.audience.decide(stored) else { return };
        let survey = &mut self.survey;
        let address = stored.contact.email.as_str();
        count_promise(&mut survey.promises, &verdict);
        if let Some(since) = &mut survey.since {
            let had = self.got_last.contains(&stored.id.to_string());
            self.known += usize::from(had);
            match (had, verdict.readers.is_some()) {
                (false, true) => since.joined.add(address),
                (true, false) => since.left.add(address),
                _ => {}
            }
        }
        let Some(readers) = verdict.readers else {
            survey.left_out.add(&verdict.because, address);
            return;
        };
        survey.readers += 1;
        self.arms[usize::from(readers.arm == Arm::B)] += 1;
        let key = key_of(&readers);
        if self.faulty.contains(&key) {
            return;
        }
        match survey.variants.entry(key) {
            Entry::Occupied(mut place) => place.get_mut().readers += 1,
            Entry::Vacant(place) => match compose::variant(&ctx.templates, self.plan, readers, "plan") {
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
                    self.faulty.insert(key_of(&readers));
                    survey.faults.insert(error.detail());
                }
            },
        }
    }

    /// What was found, when everybody was looked at.
    pub(super) async fn end(mut self, ctx: &Context) -> Result<Survey> {
        self.survey.faults.extend(too_few(self.plan, self.arms));
        if let (Some(since), Some(last)) = (&mut self.survey.since, &self.last) {
            let all = usize::try_from(stored::included_count(&ctx.db, &last.id).await?).unwrap_or(usize::MAX);
            since.gone = all.saturating_sub(self.known);
        }
        Ok(self.survey)
    }
}

/// A look at everybody by a newsletter's rule alone.
pub(super) struct RuleLook<'a> {
    audience: Audience<'a>,
    crowd: Crowd,
}

impl<'a> RuleLook<'a> {
    /// Begins one, for any of the newsletter's dates.
    pub(super) async fn begin(ctx: &Context, hours: &'a PromisedHours<'a>) -> Result<Self> {
        Ok(Self { audience: Audience::load(ctx, hours, None).await?, crowd: Crowd::default() })
    }

    /// What was found, when everybody was looked at.
    pub(super) fn end(self) -> Crowd {
        self.crowd
    }
}

/// Some people, and the keys between which they lie.
struct Page {
    people: Vec<StoredContact>,
    after: String,
    through: String,
}

/// Shows everybody to all looks, page by page. The next page is fetched while one is looked at.
pub(super) async fn everybody(
    ctx: &Context,
    issues: &mut [IssueLook<'_>],
    rules: &mut [RuleLook<'_>],
) -> Result<()> {
    if issues.is_empty() && rules.is_empty() {
        return Ok(());
    }
    let mut coming = fetch(ctx, String::new());
    loop {
        let page = coming.await.map_err(|error| Error::internal("a page of contacts").because(error))??;
        let Some(page) = page else { return Ok(()) };
        coming = fetch(ctx, page.through.clone());
        for look in issues.iter_mut() {
            look.turn_to(ctx, &page).await?;
        }
        for look in rules.iter() {
            look.audience.turn_to(ctx, &page.after, &page.through).await?;
        }
        for stored in &page.people {
            issues.iter_mut().for_each(|look| look.take(ctx, stored));
            rules.iter_mut().for_each(|look| look.crowd.take(&look.audience, stored));
        }
    }
}

fn fetch(ctx: &Context, after: String) -> JoinHandle<Result<Option<Page>>> {
    let db = ctx.db.clone();
    tokio::spawn(async move {
        let people = partners::contacts(&db, &after).await?;
        let through = people.last().map(|last| last.id.to_string());
        Ok(through.map(|through| Page { people, after, through }))
    })
}
