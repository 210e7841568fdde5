//! Looking at everybody who might get something, page by page, so that memory is that of the variants and of the reasons.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, btree_map::Entry},
    mem,
    sync::Arc,
};

use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinError, JoinHandle},
};

use super::{Change, LeftOut, PlannedVariant, Shared, Since};
use crate::{
    domain::{
        kernel::{Error, Result},
        program::{Because, subject_test::Arm},
    },
    store::{
        Db, audience as stored,
        issues::Issue,
        partners::{self, StoredContact},
        promises::NewPromise,
    },
    work::{
        audience::Audience,
        compose::Plan,
        context::Context,
        freeze::{count_promise, render, too_few},
        people::People,
        promised::PromisedHours,
        together::{MailKey, Together, Written, contents, mail_key},
    },
};

/// Contacts in a page: of so many, a look waits for few answers of the database, and holds little.
const PAGE_ROWS: i64 = 4_000;
/// Pages that are read before they are looked at: most variants are rendered for the first, and the database need not wait
/// for that.
const PAGES_AHEAD: usize = 12;

/// Pages that are read at once: one waits for the database while another is taken apart.
const READERS: usize = 2;

/// People left out, by reason.
#[derive(Default)]
pub(super) struct Reasons(BTreeMap<String, Change>);

impl Reasons {
    fn add(&mut self, because: &Because<'_>, address: &str) {
        let because = because.impersonal();
        match self.0.get_mut(&*because) {
            Some(change) => change.add(address),
            None => self.0.entry(because.into_owned()).or_default().add(address),
        }
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
    pub(super) variants: BTreeMap<MailKey, PlannedVariant>,
    pub(super) rides_in: Vec<Shared>,
    pub(super) carries: Vec<Shared>,
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
    together: Together<'a>,
    /// Its number among those that are fixed together.
    number: usize,
    /// How many people get another one in its mail, or it in that of another one, by number.
    carries: BTreeMap<usize, usize>,
    rides_in: BTreeMap<usize, usize>,
    last: Option<Issue>,
    survey: Survey,
    got_last: HashSet<String>,
    known: usize,
    faulty: HashSet<MailKey>,
    arms: [usize; 2],
}

impl<'a> IssueLook<'a> {
    /// Begins one, that of `plan` among `group`, which are fixed together; what changed is told against `last`.
    pub(super) async fn begin(
        ctx: &Context,
        group: &'a [Written<'a>],
        plan: &'a Plan<'a>,
        last: Option<Issue>,
    ) -> Result<Self> {
        let since = last.as_ref().map(|last| Since { date: last.nominal_date.clone(), ..Since::default() });
        let together = Together::load(ctx, group).await?;
        Ok(Self {
            plan,
            number: together.number_of(&plan.asset.path).unwrap_or_default(),
            together,
            carries: BTreeMap::new(),
            rides_in: BTreeMap::new(),
            last,
            survey: Survey { since, ..Survey::default() },
            got_last: HashSet::new(),
            known: 0,
            faulty: HashSet::new(),
            arms: [0, 0],
        })
    }

    /// What is known of a page's people from the last issue, before they are taken.
    async fn turn_to(&mut self, ctx: &Context, page: &Page, people: &People<'_>) -> Result<()> {
        self.together.turn_to(ctx, people).await?;
        if let Some(last) = &self.last {
            let got = stored::included(&ctx.db, &last.id, &page.after, &page.through).await?;
            self.got_last = got.into_iter().collect();
        }
        Ok(())
    }

    fn take(&mut self, ctx: &Context, stored: &StoredContact) {
        let Some(mut given) = self.together.decide(stored) else { return };
        let inside = contents(&given, self.number);
        let it = given.swap_remove(self.number);
        let (verdict, host) = (it.verdict, it.host);
        let survey = &mut self.survey;
        let address = stored.contact.email.as_str();
        count_promise(&mut survey.promises, &verdict);
        if let Some(since) = &mut survey.since {
            let had = self.got_last.contains(&stored.key);
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
        if let Some(host) = host {
            *self.rides_in.entry(host).or_default() += 1;
            return;
        }
        for (guest, _) in &inside[1..] {
            *self.carries.entry(*guest).or_default() += 1;
        }
        let key = mail_key(&inside);
        if self.faulty.contains(&key) {
            return;
        }
        match survey.variants.entry(key) {
            Entry::Occupied(mut place) => place.get_mut().readers += 1,
            Entry::Vacant(place) => {
                // A guest with a fault would come by itself, and this one without it.
                let made = render(ctx, &self.together, &inside, "plan")
                    .or_else(|_| render(ctx, &self.together, &inside[..1], "plan"));
                match made {
                    Ok(variant) => {
                        let without = self.plan.mailing().left_out(inside[0].1);
                        place.insert(PlannedVariant {
                            without: without.into_iter().map(str::to_owned).collect(),
                            partner: variant.partner_slug,
                            roles: variant.roles,
                            locale: variant.locale,
                            subject: variant.subject,
                            readers: 1,
                        });
                    }
                    Err(error) => {
                        self.faulty.insert(place.into_key());
                        survey.faults.insert(error.detail());
                    }
                }
            }
        }
    }

    /// The others with which people get it in one mail, and how many do.
    fn shared(&self, counts: &BTreeMap<usize, usize>) -> Vec<Shared> {
        let of = |(number, people): (&usize, &usize)| {
            let plan = self.together.plan(*number);
            Shared {
                newsletter: plan.newsletter_asset.slug().to_owned(),
                date: plan.issue.date.to_string(),
                people: *people,
            }
        };
        counts.iter().map(of).collect()
    }

    /// What was found, when everybody was looked at.
    pub(super) async fn end(mut self, ctx: &Context) -> Result<Survey> {
        self.survey.faults.extend(too_few(self.plan, self.arms));
        (self.survey.rides_in, self.survey.carries) =
            (self.shared(&self.rides_in), self.shared(&self.carries));
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
    /// Begins one, for the date of `hours` and those with the same readers.
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

impl Page {
    /// The same with its people.
    async fn read(mut self, db: Db, readers: Arc<Semaphore>) -> Result<Self> {
        let _reader = readers
            .acquire()
            .await
            .map_err(|error| Error::internal("reading the contacts").because(error))?;
        self.people = partners::contacts_between(&db, &self.after, &self.through).await?;
        Ok(self)
    }
}

/// Shows everybody to all looks, page by page. The next pages are read while one is looked at.
pub(super) async fn everybody(
    ctx: &Context,
    issues: &mut [IssueLook<'_>],
    rules: &mut [RuleLook<'_>],
) -> Result<()> {
    if issues.is_empty() && rules.is_empty() {
        return Ok(());
    }
    let (mut pages, reading) = read_ahead(ctx);
    while let Some(page) = pages.recv().await {
        let page = page.await.map_err(stopped)??;
        // Whatever the letter and the date: much of it is the same for all.
        let people = People::between(ctx, &page.after, &page.through);
        for look in issues.iter_mut() {
            look.turn_to(ctx, &page, &people).await?;
        }
        for look in rules.iter() {
            look.audience.turn_to(ctx, &people).await?;
        }
        for stored in &page.people {
            issues.iter_mut().for_each(|look| look.take(ctx, stored));
            rules.iter_mut().for_each(|look| look.crowd.take(&look.audience, stored));
        }
    }
    // Whether that was everybody, only the reader knows.
    reading.await.map_err(stopped)?
}

fn stopped(error: JoinError) -> Error {
    Error::internal("reading the contacts").because(error)
}

/// All pages in their order, up to [`PAGES_AHEAD`] of them before they are asked for, and how finding them ended. It ends early when
/// nobody asks any more. A page is found by the key where it ends, which costs little, so that several can be read at once.
fn read_ahead(ctx: &Context) -> (mpsc::Receiver<JoinHandle<Result<Page>>>, JoinHandle<Result<()>>) {
    let (to, pages) = mpsc::channel(PAGES_AHEAD);
    let (db, readers) = (ctx.db.clone(), Arc::new(Semaphore::new(READERS)));
    let finding = tokio::spawn(async move {
        let mut after = String::new();
        while let Some(through) = partners::contact_key(&db, &after, PAGE_ROWS).await? {
            let page = Page { people: Vec::new(), after, through: through.clone() };
            if to.send(tokio::spawn(page.read(db.clone(), readers.clone()))).await.is_err() {
                return Ok(());
            }
            after = through;
        }
        // What follows the last whole page, and whoever comes meanwhile.
        loop {
            let people = partners::contacts_page(&db, &after, PAGE_ROWS).await?;
            let Some(through) = people.last().map(|last| last.key.clone()) else { return Ok(()) };
            let page = Page { people, after: mem::replace(&mut after, through.clone()), through };
            if to.send(tokio::spawn(async { Ok(page) })).await.is_err() {
                return Ok(());
            }
        }
    });
    (pages, finding)
}
