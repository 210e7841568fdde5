//! What a person had and is promised, against the budget of `rules/frequency.toml`.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use super::{
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
        program::{AudienceRule, Cadence, frequency},
    },
    store::{
        audience as stored, issues, promises,
        suppressions::{self, ALL},
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
    title: String,
    rule: AudienceRule,
    dates: Vec<PromisedHours<'a>>,
    stopped: HashSet<String>,
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
                title: asset.front.title.as_str().to_owned(),
                rule: AudienceRule::from(&newsletter.audience),
                dates,
                stopped: stopped(ctx, asset.slug()).await?,
            });
        }
        Ok(Some(Self { rules, issues: near, before, had: Mutex::default() }))
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

    /// Why `contact` may get nothing at `due_ms`, if so.
    pub(super) fn spent(
        &self,
        contact_id: &str,
        contact: &Contact,
        partner: &Partner,
        due_ms: UtcMs,
    ) -> Option<Spent> {
        let had = self.had.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others: Vec<(UtcMs, String)> = had
            .get(contact_id)
            .into_iter()
            .flatten()
            .filter_map(|(due_ms, at)| Some((*due_ms, self.issues.get(*at)?.1.clone())))
            .collect();
        drop(had);
        for before in &self.before {
            if before.wants(contact, partner) {
                let zone = contact.zone.unwrap_or(partner.zone);
                others.extend(before.dates.iter().filter_map(|hours| {
                    let promise = hours.of(partner, zone);
                    let title = format!("{} of {}", before.title, &promise.nominal_local[..10]);
                    (!promise.skipped).then_some((promise.due_ms, title))
                }));
            }
        }
        let times: Vec<UtcMs> = others.iter().map(|(due_ms, _)| *due_ms).collect();
        let (limit, _) = frequency::broken(&self.rules.limits, due_ms, &times)?;
        let span_ms = i64::from(limit.days) * DAY_MS;
        let mut near: Vec<(UtcMs, String)> =
            others.into_iter().filter(|(at_ms, _)| (at_ms - due_ms).abs() < span_ms).collect();
        near.sort();
        Some(Spent { limit, titles: near.into_iter().map(|(_, title)| title).collect() })
    }
}

impl Before<'_> {
    fn wants(&self, contact: &Contact, partner: &Partner) -> bool {
        self.rule.admits(partner)
            && self.rule.roles.concern(contact.roles)
            && !self.stopped.contains(&contact.email.base_key())
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
    let mut nominal = utc(from_ms.max(ctx.now_ms() - DAY_MS)).naive_utc();
    let until = utc(until_ms).naive_utc();
    let mut dates = Vec::new();
    while let Some(next) = cadence.next_nominal(nominal).filter(|next| *next < until) {
        nominal = next;
        if dates.len() == DATES_MAX {
            break;
        }
        if !issues::exists(&ctx.db, letter.asset.slug(), &next.date().to_string()).await? {
            dates.push(PromisedHours::new(letter, cadence, next));
        }
    }
    Ok(dates)
}

/// Who wants nothing of a newsletter, or nothing at all.
async fn stopped(ctx: &Context, newsletter: &str) -> Result<HashSet<String>> {
    let (mut stopped, mut after) = (HashSet::new(), String::new());
    loop {
        let page = suppressions::concerning(&ctx.db, ctx.now_ms(), newsletter, &after).await?;
        let Some(last) = page.last() else { return Ok(stopped) };
        after.clone_from(&last.email_key);
        let ours = page.into_iter().filter(|entry| entry.scope == newsletter || entry.scope == ALL);
        stopped.extend(ours.map(|entry| entry.email_key));
    }
}
