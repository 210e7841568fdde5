//! What a person had and is promised, of newsletters and of sequences, against the budget of `rules/frequency.toml`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::NaiveDate;
use chrono_tz::Tz;
use tokio::sync::OnceCell;

use super::{
    audience::{ListKeys, Stopped},
    context::Context,
    people::People,
    promised::{Letter, PromisedHours},
    promises::{Places, UNWRITTEN, ZONE_SPREAD_MS},
    publish::LIFETIME_MS,
};
use crate::{
    domain::{
        content::{Library, rules::FrequencyRules},
        kernel::{
            Result,
            clock::{DAY_MS, HOUR_MS, UtcMs, utc},
        },
        partner::{Contact, Partner},
        program::{
            AudienceRule, Cadence, digest,
            frequency::{self, Broken},
        },
    },
    store::{
        audience as stored, issues, journeys,
        partners::StoredContact,
        promises::{self, NewPromise},
        suppressions::{self, ALL},
    },
};

/// Dates of a newsletter that are looked at within the longest span, at most.
const DATES_MAX: usize = 400;
/// A message of a sequence that was made so much later than it was promised counts from when it was made.
const LATE_MS: i64 = HOUR_MS;

/// The budget, for one date of one newsletter, or for the messages of one sequence.
pub(super) struct Budget<'a> {
    rules: &'a FrequencyRules,
    /// The titles of newsletters and sequences.
    titles: BTreeMap<&'a str, &'a str>,
    /// Fixed issues between the two instants, with their newsletters' titles.
    issues: Vec<(String, String)>,
    /// Newsletters that this one leaves room for.
    before: Vec<Before<'a>>,
    /// Sequences that this one leaves room for.
    sequences_before: Vec<&'a str>,
    /// From when until when others are looked at.
    span: (UtcMs, UtcMs),
    /// When it was loaded: an hour that had passed by then is no promise ahead.
    now_ms: UtcMs,
    had: Mutex<HashMap<String, Vec<(UtcMs, Had)>>>,
}

/// What somebody had or is promised.
enum Had {
    /// A fixed issue, by its place in the list of them.
    Issue(usize),
    /// A message of the sequence with this slug.
    Message(String),
}

/// Somebody in a sequence.
pub(super) struct Traveller<'b> {
    /// The contact's or lead's key.
    pub(super) key: &'b str,
    /// The contact; none for a lead.
    pub(super) contact: Option<&'b Contact>,
    /// Whose partner.
    pub(super) partner: &'b Partner,
    /// Where they live.
    pub(super) zone: Tz,
}

/// A newsletter that comes first, and its dates that are not fixed yet.
struct Before<'a> {
    slug: &'a str,
    title: &'a str,
    digest_hours: Option<u32>,
    rule: AudienceRule,
    dates: Vec<PromisedHours<'a>>,
    stopped: Stopped,
}

/// Why somebody gets nothing more.
pub(super) struct Spent {
    broken: Broken,
    /// The other messages of the span.
    titles: Vec<String>,
}

impl Spent {
    /// In a sentence.
    pub(super) fn because(&self) -> String {
        let Broken { messages, .. } = self.broken;
        format!("{}, and there would be {messages}: {}", self.broken.allowed(), self.titles.join(", "))
    }
}

impl<'a> Budget<'a> {
    /// What bears on `nominal`, a date of `letter`; none where nothing is limited.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn load(
        ctx: &Context,
        letter: Letter<'a>,
        nominal: chrono::NaiveDateTime,
    ) -> Result<Option<Self>> {
        let (about_ms, slug) = (nominal.and_utc().timestamp_millis(), letter.asset.slug());
        let date = nominal.date().to_string();
        let loaded = Self::around(ctx, letter.library, slug, (about_ms, about_ms), Some(&date)).await?;
        let Some(mut budget) = loaded else { return Ok(None) };
        for before in &mut budget.before {
            before.stopped = Stopped::load(ctx, before.slug).await?;
        }
        Ok(Some(budget))
    }

    /// What bears on messages of the sequence `slug` that leave between two instants; none where nothing is limited.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn of_sequence(
        ctx: &Context,
        library: &'a Library,
        slug: &str,
        leaves: (UtcMs, UtcMs),
    ) -> Result<Option<Self>> {
        Self::around(ctx, library, slug, leaves, None).await
    }

    async fn around(
        ctx: &Context,
        library: &'a Library,
        slug: &str,
        leaves: (UtcMs, UtcMs),
        but_date: Option<&str>,
    ) -> Result<Option<Self>> {
        let rules = &library.rules.frequency;
        if rules.is_empty() {
            return Ok(None);
        }
        let span_ms = i64::from(rules.days()) * DAY_MS;
        let (from_ms, until_ms) = (leaves.0 - span_ms - DAY_MS, leaves.1 + span_ms + DAY_MS);
        let newsletters = library.newsletters().map(|(asset, _)| asset);
        let titles: BTreeMap<&str, &str> = newsletters
            .chain(library.sequences().map(|(asset, _)| asset))
            .map(|asset| (asset.slug(), asset.front.title.as_str()))
            .collect();
        let mut near = Vec::new();
        let now_ms = ctx.now_ms();
        let fixed = promises::issues_between(&ctx.db, (from_ms, until_ms), now_ms - LIFETIME_MS).await?;
        for (id, newsletter, nominal_date) in fixed {
            if newsletter == slug && but_date == Some(nominal_date.as_str()) {
                continue;
            }
            let title = titles.get(newsletter.as_str()).copied().unwrap_or(&newsletter);
            near.push((id, format!("{title} of {nominal_date}")));
        }
        let own = rules.rank(slug);
        let (mut before, places) = (Vec::new(), OnceCell::new());
        for (asset, newsletter) in library.newsletters().filter(|(asset, _)| rules.rank(asset.slug()) < own) {
            let Ok(cadence) = Cadence::parse(&newsletter.cadence) else { continue };
            let of = Letter { library, asset, newsletter };
            before.push(Before {
                slug: asset.slug(),
                digest_hours: newsletter.digest_hours.filter(|_| newsletter.staged.is_none()),
                title: asset.front.title.as_str(),
                rule: AudienceRule::from(&newsletter.audience),
                dates: dates(ctx, of, &cadence, &places, until_ms).await?,
                stopped: Stopped::default(),
            });
        }
        before.sort_by(|a, b| digest::order(rules, a.slug, b.slug));
        let sequences = library.sequences().map(|(asset, _)| asset.slug());
        let sequences_before = sequences.filter(|slug| rules.rank(slug) < own).collect();
        let span = (from_ms, until_ms);
        let had = Mutex::default();
        Ok(Some(Self { rules, titles, issues: near, before, sequences_before, span, now_ms, had }))
    }

    /// Leaves out dates that are decided at the same time; what is decided of them is told by `beside` of [`Self::spent`].
    pub(super) fn leave_out(&mut self, others: &[&PromisedHours<'_>]) {
        let is_other = |slug: &str, hours: &PromisedHours<'_>| {
            others.iter().any(|it| it.letter().asset.slug() == slug && it.nominal() == hours.nominal())
        };
        for before in &mut self.before {
            before.dates.retain(|hours| !is_other(before.slug, hours));
        }
    }

    /// Looks up what `people` had, before they are asked about.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn turn_to(&self, ctx: &Context, people: &People<'_>) -> Result<()> {
        let mut had: HashMap<String, Vec<(UtcMs, Had)>> = HashMap::new();
        for (at, (id, _)) in self.issues.iter().enumerate() {
            for (contact_id, due_ms) in people.due(id).await?.iter() {
                had.entry(contact_id.clone()).or_default().push((*due_ms, Had::Issue(at)));
            }
        }
        for (person, sequence, at_ms) in self.messages(ctx, people.keys()).await? {
            had.entry(person).or_default().push((at_ms, Had::Message(sequence)));
        }
        *self.had.lock().unwrap_or_else(PoisonError::into_inner) = had;
        Ok(())
    }

    /// Why a contact may get nothing at `due_ms`, if so; `beside` are mails that they get and that are fixed at the same time.
    pub(super) fn spent(
        &self,
        StoredContact { key, contact, .. }: &StoredContact,
        partner: &Partner,
        due_ms: UtcMs,
        beside: &[(UtcMs, &str)],
    ) -> Option<Spent> {
        let had = self.had.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others: Vec<(UtcMs, Other<'_>)> =
            had.get(key).into_iter().flatten().map(|(at_ms, had)| (*at_ms, self.other(had))).collect();
        let zone = contact.zone.unwrap_or(partner.zone);
        let keys = ListKeys::new(&contact.email);
        let gets = |before: &Before<'_>| before.stopped.find(&keys).is_none();
        others.extend(beside.iter().map(|(due_ms, title)| (*due_ms, Other::Fixed(title))));
        others.extend(self.promised(contact, partner, zone, gets));
        self.broken(others, due_ms, zone)
    }

    /// Why somebody in a sequence may get no message at `at_ms`, if so, and the first moment from then on at which they may:
    /// of those that are an `hour` for it, which gives that moment or the next one.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn full(
        &self,
        ctx: &Context,
        who: &Traveller<'_>,
        at_ms: UtcMs,
        hour: impl Fn(UtcMs) -> UtcMs,
    ) -> Result<Option<(Spent, UtcMs)>> {
        let mut had = Vec::new();
        if who.contact.is_some() {
            let ids: Vec<&str> = self.issues.iter().map(|(id, _)| id.as_str()).collect();
            for (issue, due_ms) in stored::due_of(&ctx.db, who.key, &ids).await? {
                had.extend(ids.iter().position(|id| *id == issue).map(|place| (due_ms, Had::Issue(place))));
            }
        }
        let messages = self.messages(ctx, (who.key, who.key)).await?;
        had.extend(messages.into_iter().map(|(_, sequence, at_ms)| (at_ms, Had::Message(sequence))));
        let mut others: Vec<(UtcMs, Other<'_>)> =
            had.iter().map(|(at_ms, had)| (*at_ms, self.other(had))).collect();
        if let Some(contact) = who.contact.filter(|_| !self.before.is_empty()) {
            let no = suppressions::of(&ctx.db, ctx.now_ms(), contact.email.as_str()).await?;
            let gets = |before: &Before<'_>| !no.iter().any(|no| no.scope == ALL || no.scope == before.slug);
            others.extend(self.promised(contact, who.partner, who.zone, gets));
        }
        let times: Vec<UtcMs> = others.iter().map(|(at_ms, _)| *at_ms).collect();
        let Some(spent) = self.broken(others, at_ms, who.zone) else { return Ok(None) };
        Ok(Some((spent, frequency::first_allowed(&self.rules.limits, at_ms, &times, hour))))
    }

    /// What people between two keys, both included, were sent of sequences, and what is promised to them by those that come
    /// first: person, sequence, when.
    async fn messages(&self, ctx: &Context, people: (&str, &str)) -> Result<Vec<(String, String, UtcMs)>> {
        let mut all = journeys::sent_between(&ctx.db, people, self.span, LATE_MS).await?;
        if !self.sequences_before.is_empty() {
            let waiting = journeys::waiting_between(&ctx.db, people, self.span).await?;
            all.extend(
                waiting
                    .into_iter()
                    .filter(|(_, sequence, _)| self.sequences_before.contains(&sequence.as_str())),
            );
        }
        Ok(all)
    }

    /// What newsletters that come first, and that somebody `gets`, promise to them for hours ahead; what will come in one mail is
    /// one message. What was to come sooner came as a fixed issue, or did not come.
    fn promised<'b>(
        &'b self,
        contact: &Contact,
        partner: &Partner,
        zone: Tz,
        gets: impl Fn(&Before<'_>) -> bool,
    ) -> Vec<(UtcMs, Other<'b>)> {
        let mut promised = Vec::new();
        let gets = |before: &&Before<'_>| before.concerns(contact, partner) && gets(before);
        for (number, before) in self.before.iter().enumerate().filter(|(_, before)| gets(before)) {
            let promises = before.dates.iter().map(|hours| hours.of(partner, zone));
            let ahead = promises.filter(|promise| !promise.skipped && promise.due_ms > self.now_ms);
            promised.extend(ahead.map(|promise| (number, before, promise)));
        }
        let hours: Vec<_> = promised
            .iter()
            .map(|(number, before, promise)| (*number, promise.due_ms, before.digest_hours))
            .collect();
        let own = promised.into_iter().zip(digest::own_mails(&hours)).filter(|(_, is_own)| *is_own);
        own.map(|((_, before, promise), _)| (promise.due_ms, Other::Promised(before.title, promise)))
            .collect()
    }

    fn other<'b>(&'b self, had: &'b Had) -> Other<'b> {
        match had {
            Had::Issue(place) => Other::Fixed(self.issues.get(*place).map_or("", |(_, title)| title)),
            Had::Message(sequence) => {
                Other::Message(self.titles.get(sequence.as_str()).copied().unwrap_or(sequence))
            }
        }
    }

    /// The limit that a message at `due_ms` would break beside `others`, if there is one.
    fn broken(&self, mut others: Vec<(UtcMs, Other<'_>)>, due_ms: UtcMs, zone: Tz) -> Option<Spent> {
        let times: Vec<UtcMs> = others.iter().map(|(at_ms, _)| *at_ms).collect();
        let broken = frequency::broken(&self.rules.limits, due_ms, &times)?;
        others.retain(|(at_ms, _)| broken.spans(*at_ms));
        others.sort_by_key(|(at_ms, _)| *at_ms);
        Some(Spent {
            broken,
            titles: others.iter().map(|(at_ms, other)| other.title(*at_ms, zone)).collect(),
        })
    }
}

/// Another message of somebody's; put into words only for whoever gets no more.
enum Other<'b> {
    /// A fixed issue, by newsletter and date.
    Fixed(&'b str),
    /// A promise of a newsletter that comes first.
    Promised(&'b str, Arc<NewPromise>),
    /// A message of a sequence, by its title.
    Message(&'b str),
}

impl Other<'_> {
    fn title(&self, at_ms: UtcMs, zone: Tz) -> String {
        match self {
            Self::Fixed(title) => (*title).to_owned(),
            Self::Promised(title, promise) => {
                format!("{title} of {}", promise.nominal_local.get(..10).unwrap_or_default())
            }
            Self::Message(title) => {
                format!("{title} of {}", utc(at_ms).with_timezone(&zone).format("%Y-%m-%d"))
            }
        }
    }
}

impl Before<'_> {
    /// Whether somebody is among those it is for, whatever they do not want.
    fn concerns(&self, contact: &Contact, partner: &Partner) -> bool {
        self.rule.admits(partner) && self.rule.roles.concern(contact.roles)
    }
}

/// The dates of a newsletter until an instant that may still get an issue and have none yet: those for which one is written,
/// and, unless nothing was written for its last date, those for which it is not too late to write one: what never comes
/// would else keep its place for ever.
async fn dates<'a>(
    ctx: &Context,
    letter: Letter<'a>,
    cadence: &Cadence,
    places: &OnceCell<Places>,
    until_ms: UtcMs,
) -> Result<Vec<PromisedHours<'a>>> {
    let (slug, now_ms) = (letter.asset.slug(), ctx.now_ms());
    // Before that it is over everywhere.
    let from = utc(now_ms - DAY_MS).naive_utc();
    let until = utc(until_ms).naive_utc();
    let written: BTreeSet<NaiveDate> =
        letter.library.issues_of(slug).into_iter().map(|(_, issue)| issue.date).collect();
    let is_written = !promises::last_failed(&ctx.db, slug, UNWRITTEN).await?;
    let mut dates = Vec::new();
    for next in cadence.nominals(from).take_while(|next| *next < until).take(DATES_MAX) {
        let is_open = is_written || written.contains(&next.date());
        if !is_open || issues::exists(&ctx.db, slug, &next.date().to_string()).await? {
            continue;
        }
        let hours = PromisedHours::new(letter, cadence, next);
        // Nobody's hour is sooner than this, and rules of the calendar only put it off.
        let freeze_ms = next.and_utc().timestamp_millis() - ZONE_SPREAD_MS - letter.freeze_ms();
        if freeze_ms <= now_ms && !written.contains(&next.date()) {
            let places = places.get_or_try_init(|| Places::load(ctx)).await?;
            if places.span(&hours).is_none_or(|span| now_ms >= span.first_ms - letter.freeze_ms()) {
                continue;
            }
        }
        dates.push(hours);
    }
    Ok(dates)
}
