//! What a person had and is promised, against the budget of `rules/frequency.toml`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    audience::stopped,
    context::Context,
    promised::{Letter, PromisedHours},
};
use crate::{
    domain::{
        content::rules::{FrequencyLimit, FrequencyRules},
        kernel::{
            Result,
            clock::{DAY_MS, UtcMs, utc},
        },
        partner::{Contact, Partner},
        program::{AudienceRule, Cadence, digest, frequency},
    },
    store::{
        audience as stored, issues,
        promises::{self, NewPromise},
        suppressions::Suppression,
    },
};

/// Dates of a newsletter that are looked at within the longest span, at most.
const DATES_MAX: usize = 400;

/// The budget, for one date of one newsletter.
pub(super) struct Budget<'a> {
    rules: &'a FrequencyRules,
    /// Fixed issues within the longest span, with their newsletters' titles.
    issues: Vec<(String, String)>,
    /// Newsletters that this one leaves room for.
    before: Vec<Before<'a>>,
    had: Mutex<HashMap<String, Vec<(UtcMs, usize)>>>,
}

/// A newsletter that comes first, and its dates that are not fixed yet.
struct Before<'a> {
    slug: &'a str,
    title: String,
    digest_hours: Option<u32>,
    rule: AudienceRule,
    dates: Vec<PromisedHours<'a>>,
    stopped: HashMap<String, Suppression>,
}

/// Why somebody gets nothing more.
pub(super) struct Spent {
    limit: FrequencyLimit,
    titles: Vec<String>,
}

impl Spent {
    /// In a sentence.
    pub(super) fn because(&self) -> String {
        format!(
            "{} {} in {} days are the most, and there would be {}: {}",
            self.limit.messages,
            if self.limit.messages == 1 { "message" } else { "messages" },
            self.limit.days,
            self.titles.len() + 1,
            self.titles.join(", ")
        )
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
        let rules = &letter.library.rules.frequency;
        if rules.is_empty() {
            return Ok(None);
        }
        let span_ms = i64::from(rules.days()) * DAY_MS;
        let about_ms = nominal.and_utc().timestamp_millis();
        let (from_ms, until_ms) = (about_ms - span_ms - DAY_MS, about_ms + span_ms + DAY_MS);
        let slug = letter.asset.slug();
        let titles: BTreeMap<&str, String> = letter
            .library
            .newsletters()
            .map(|(asset, _)| (asset.slug(), asset.front.title.as_str().to_owned()))
            .collect();
        let date = nominal.date().to_string();
        let mut near = Vec::new();
        for (id, newsletter, nominal_date) in promises::issues_between(&ctx.db, from_ms, until_ms).await? {
            if newsletter == slug && nominal_date == date {
                continue;
            }
            let title = titles.get(newsletter.as_str()).cloned().unwrap_or_else(|| newsletter.clone());
            near.push((id, format!("{title} of {nominal_date}")));
        }
        let mut before = Vec::new();
        for (asset, newsletter) in letter.library.newsletters() {
            if rules.rank(asset.slug()) >= rules.rank(slug) {
                continue;
            }
            let Ok(cadence) = Cadence::parse(&newsletter.cadence) else { continue };
            let of = Letter { library: letter.library, asset, newsletter };
            let dates = dates(ctx, of, &cadence, from_ms, until_ms).await?;
            before.push(Before {
                slug: asset.slug(),
                digest_hours: newsletter.digest_hours.filter(|_| newsletter.staged.is_none()),
                title: asset.front.title.as_str().to_owned(),
                rule: AudienceRule::from(&newsletter.audience),
                dates,
                stopped: stopped(ctx, asset.slug()).await?,
            });
        }
        before.sort_by(|a, b| digest::order(rules, a.slug, b.slug));
        Ok(Some(Self { rules, issues: near, before, had: Mutex::default() }))
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

    /// Looks up what people between two keys had, before they are asked about.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn turn_to(&self, ctx: &Context, after: &str, through: &str) -> Result<()> {
        let mut had: HashMap<String, Vec<(UtcMs, usize)>> = HashMap::new();
        for (at, (id, _)) in self.issues.iter().enumerate() {
            for (contact_id, due_ms) in stored::due_between(&ctx.db, id, after, through).await? {
                had.entry(contact_id).or_default().push((due_ms, at));
            }
        }
        *self.had.lock().unwrap_or_else(PoisonError::into_inner) = had;
        Ok(())
    }

    /// Why `contact` may get nothing at `due_ms`, if so; `beside` are mails that they get and that are fixed at the same time.
    pub(super) fn spent(
        &self,
        contact_id: &str,
        contact: &Contact,
        partner: &Partner,
        due_ms: UtcMs,
        beside: &[(UtcMs, &str)],
    ) -> Option<Spent> {
        let had = self.had.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others: Vec<(UtcMs, Other<'_>)> = had
            .get(contact_id)
            .into_iter()
            .flatten()
            .filter_map(|(due_ms, at)| Some((*due_ms, Other::Fixed(&self.issues.get(*at)?.1))))
            .collect();
        drop(had);
        others.extend(beside.iter().map(|(due_ms, title)| (*due_ms, Other::Fixed(title))));
        let mut promised = Vec::new();
        for before in self.before.iter().filter(|before| before.wants(contact, partner)) {
            let zone = contact.zone.unwrap_or(partner.zone);
            let promises = before.dates.iter().map(|hours| hours.of(partner, zone));
            let due = promises.filter(|promise| !promise.skipped);
            promised.extend(due.map(|promise| (before, promise)));
        }
        // What will come in one mail is one message.
        let hours: Vec<_> =
            promised.iter().map(|(before, promise)| (promise.due_ms, before.digest_hours)).collect();
        let own = promised.into_iter().zip(digest::own_mails(&hours)).filter(|(_, is_own)| *is_own);
        others.extend(
            own.map(|((before, promise), _)| (promise.due_ms, Other::Promised(&before.title, promise))),
        );
        let times: Vec<UtcMs> = others.iter().map(|(due_ms, _)| *due_ms).collect();
        let (limit, _) = frequency::broken(&self.rules.limits, due_ms, &times)?;
        let span_ms = i64::from(limit.days) * DAY_MS;
        others.retain(|(at_ms, _)| (at_ms - due_ms).abs() < span_ms);
        others.sort_by_key(|(at_ms, _)| *at_ms);
        Some(Spent { limit, titles: others.iter().map(|(_, other)| other.title()).collect() })
    }
}

/// Another message of somebody's; put into words only for whoever gets no more.
enum Other<'b> {
    /// A fixed issue, by newsletter and date.
    Fixed(&'b str),
    /// A promise of a newsletter that comes first.
    Promised(&'b str, Arc<NewPromise>),
}

impl Other<'_> {
    fn title(&self) -> String {
        match self {
            Self::Fixed(title) => (*title).to_owned(),
            Self::Promised(title, promise) => {
                format!("{title} of {}", promise.nominal_local.get(..10).unwrap_or_default())
            }
        }
    }
}

impl Before<'_> {
    fn wants(&self, contact: &Contact, partner: &Partner) -> bool {
        self.rule.admits(partner)
            && self.rule.roles.concern(contact.roles)
            && !self.stopped.contains_key(&contact.email.base_key())
    }
}

/// The dates of a newsletter between two instants that are not fixed yet.
async fn dates<'a>(
    ctx: &Context,
    letter: Letter<'a>,
    cadence: &Cadence,
    from_ms: UtcMs,
    until_ms: UtcMs,
) -> Result<Vec<PromisedHours<'a>>> {
    // What is over and was not fixed reached nobody.
    let from = utc(from_ms.max(ctx.now_ms() - DAY_MS)).naive_utc();
    let until = utc(until_ms).naive_utc();
    let mut dates = Vec::new();
    for next in cadence.nominals(from).take_while(|next| *next < until).take(DATES_MAX) {
        if !issues::exists(&ctx.db, letter.asset.slug(), &next.date().to_string()).await? {
            dates.push(PromisedHours::new(letter, cadence, next));
        }
    }
    Ok(dates)
}
