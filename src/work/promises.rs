//! The promise ledger is kept: what was promised is entered when its issue should be fixed, whether or not one was written,
//! and counted when its window is over.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::{
    audience::Audience,
    context::Context,
    freeze::count_promise,
    promised::{Letter, PromisedHours, nominal_local},
    since,
};
use crate::{
    domain::{
        content::kinds::Newsletter,
        kernel::{
            Result,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs, utc},
        },
        partner::Partner,
        program::{AudienceRule, Cadence},
    },
    store::{
        contents, issues, partners,
        promises::{self, NewPromise},
    },
};

/// How far back a date is looked for that was promised while nothing ran.
const LOOK_BACK_MS: i64 = 40 * DAY_MS;
/// No zone is further from UTC than this.
pub(super) const ZONE_SPREAD_MS: i64 = 15 * HOUR_MS;
/// Why nothing was sent for a date without a file.
pub(super) const UNWRITTEN: &str = "nothing was written for this date";
/// How often promises whose window is over are counted anew, as long as their issue is on its way.
const COUNT_AGAIN_MS: i64 = 2 * MINUTE_MS;

/// Where readers are: their partners, and the zones of each.
pub(super) struct Places {
    partners: HashMap<String, Partner>,
    pairs: Vec<(String, Tz)>,
}

/// Those of `pairs` (a partner and a zone of its readers) whose partner `newsletter` is for.
pub(super) fn admitted<'a>(
    partners: &'a HashMap<String, Partner>,
    pairs: &'a [(String, Tz)],
    newsletter: &Newsletter,
) -> impl Iterator<Item = (&'a Partner, Tz)> {
    let audience = AudienceRule::from(&newsletter.audience);
    let of = pairs.iter().filter_map(|(slug, zone)| Some((partners.get(slug)?, *zone)));
    of.filter(move |(partner, _)| audience.admits(partner))
}

/// From the first to the last hour that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first_ms: UtcMs,
    pub(super) last_ms: UtcMs,
}

impl Places {
    pub(super) async fn load(ctx: &Context) -> Result<Self> {
        let partners = partners::all_partners(&ctx.db).await?;
        let pairs = partners::places(&ctx.db).await?.into_iter();
        Ok(Self {
            partners: partners.into_iter().map(|partner| (partner.slug.to_string(), partner)).collect(),
            pairs: pairs.filter_map(|(partner, zone)| Some((partner, zone.parse().ok()?))).collect(),
        })
    }

    /// What is promised of `hours`, to the readers in each zone of each partner that the newsletter is for, in the order of
    /// partners.
    pub(super) fn promised(&self, hours: &PromisedHours<'_>) -> Vec<Arc<NewPromise>> {
        let all = admitted(&self.partners, &self.pairs, hours.letter().newsletter);
        all.map(|(partner, zone)| hours.of(partner, zone)).collect()
    }

    /// The span of what is due of `hours`; none where nobody is, or all of it is skipped.
    pub(super) fn span(&self, hours: &PromisedHours<'_>) -> Option<Span> {
        let due = self.promised(hours).into_iter().filter(|promise| !promise.skipped);
        due.map(|promise| promise.due_ms).fold(None, |span, due_ms| {
            let Span { first_ms, last_ms } = span.unwrap_or(Span { first_ms: due_ms, last_ms: due_ms });
            Some(Span { first_ms: first_ms.min(due_ms), last_ms: last_ms.max(due_ms) })
        })
    }

    /// In how many hours something is due of `hours`, each zone by itself.
    pub(super) fn zones(&self, hours: &PromisedHours<'_>) -> usize {
        let due = self.promised(hours).into_iter().filter(|promise| !promise.skipped);
        due.map(|promise| (promise.zone.clone(), promise.due_ms)).collect::<BTreeSet<_>>().len()
    }
}

/// Enters the promises of `hours` without an issue, `because` nothing is there to keep them; what the calendar skipped
/// says so itself. Returns in how many hours something was due; none where nothing was entered: the ledger knew it, or it is
/// for nobody. For whom it is then is not asked again for an hour.
///
/// # Errors
/// Those of the store.
pub(super) async fn enter(ctx: &Context, hours: &PromisedHours<'_>, because: &str) -> Result<usize> {
    let (path, now_ms) = (&hours.letter().asset.path, ctx.now_ms());
    let nobody = format!("nobody for {path} of {}", hours.nominal_local());
    if ctx.looks.rests(&nobody, now_ms) {
        return Ok(0);
    }
    let audience = Audience::load(ctx, hours, None).await?;
    let (mut entered, mut after) = (BTreeMap::new(), String::new());
    while let Some(page) = audience.page(ctx, &mut after).await? {
        for stored in &page {
            if let Some(verdict) = audience.decide(stored) {
                count_promise(&mut entered, &verdict);
            }
        }
    }
    let mut rows: Vec<NewPromise> = entered.into_values().collect();
    for row in rows.iter_mut().filter(|row| row.because.is_none()) {
        row.because = Some(because.to_owned());
    }
    let due: BTreeSet<(&str, UtcMs)> = rows
        .iter()
        .filter(|row| !row.skipped && row.eligible > 0)
        .map(|row| (row.zone.as_str(), row.due_ms))
        .collect();
    if rows.is_empty() {
        ctx.looks.rest_long(nobody, now_ms, now_ms + HOUR_MS);
        return Ok(0);
    }
    let mut tx = ctx.db.begin().await?;
    let entered = promises::insert(&mut tx, None, &rows).await?;
    tx.commit().await?;
    Ok(if entered > 0 { due.len() } else { 0 })
}

/// Enters what was promised by `letter` and has no issue: from the moment its issue should have been fixed, or, if one is
/// written, from its first hour. `faults` say by date why an issue could not be fixed.
///
/// # Errors
/// Those of the store.
pub(super) async fn watch(
    ctx: &Context,
    places: &Places,
    letter: Letter<'_>,
    cadence: &Cadence,
    faults: &BTreeMap<String, String>,
) -> Result<()> {
    let now_ms = ctx.now_ms();
    let slug = letter.asset.slug();
    let Some(since_ms) = since::promised_since_ms(ctx, letter).await? else { return Ok(()) };
    let freeze_ms = letter.freeze_ms();
    let from_ms = since_ms.min(now_ms).max(now_ms - LOOK_BACK_MS) - ZONE_SPREAD_MS;
    let until_ms = now_ms + freeze_ms + ZONE_SPREAD_MS;
    let (first, last) = (naive(from_ms), naive(until_ms));
    let known: BTreeSet<String> =
        promises::entered(&ctx.db, slug, &nominal_local(first)).await?.into_iter().collect();
    let fixed = issues::between(&ctx.db, slug, &first.date().to_string(), &last.date().to_string()).await?;
    let fixed: BTreeSet<&str> = fixed.iter().map(|issue| issue.nominal_date.as_str()).collect();
    for next in cadence.nominals(first).take_while(|next| *next <= last) {
        let date = next.date().to_string();
        if known.contains(&nominal_local(next)) || fixed.contains(date.as_str()) {
            continue;
        }
        let hours = PromisedHours::new(letter, cadence, next);
        let written = letter.library.issues_of(slug).into_iter().find(|(_, issue)| issue.date == next.date());
        let Some(span) = places.span(&hours) else {
            // It is for nobody, or the calendar skips it for all, whatever is written.
            let all_skipped = !places.promised(&hours).is_empty();
            if all_skipped && naive(now_ms + freeze_ms) >= next {
                enter(ctx, &hours, "").await?;
            }
            continue;
        };
        let (enter_ms, because) = match written {
            None => (span.first_ms - freeze_ms, UNWRITTEN.to_owned()),
            Some((asset, _)) => {
                let fault = faults.get(&date).map(|fault| format!("it could not be frozen: {fault}"));
                let stored_ms = contents::first_stored_ms(&ctx.db, &asset.path).await?;
                let late = stored_ms.is_some_and(|stored_ms| stored_ms > span.last_ms);
                let why = if late { "it was written after its time" } else { "it was not frozen in time" };
                (span.first_ms, fault.unwrap_or_else(|| why.to_owned()))
            }
        };
        if span.first_ms > since_ms && now_ms >= enter_ms {
            let due = enter(ctx, &hours, &because).await?;
            if due > 0 {
                tracing::warn!(
                    newsletter = slug,
                    date,
                    because,
                    "promised, and there is no issue to keep it"
                );
            }
            ctx.metrics.missed_occurrences(due);
        }
    }
    Ok(())
}

/// Takes back what newsletters that have left the content promised for hours that are still ahead. What was due before stays
/// promised: taking a newsletter away makes no figure better.
///
/// # Errors
/// Those of the store.
pub(super) async fn withdraw(ctx: &Context) -> Result<()> {
    let (library, now_ms) = (ctx.library(), ctx.now_ms());
    if library.vendor.is_none() {
        // Nothing was read yet.
        return Ok(());
    }
    for slug in promises::unwritten_ahead(&ctx.db, now_ms).await? {
        if library.newsletters().any(|(asset, _)| asset.slug() == slug) {
            continue;
        }
        let mut tx = ctx.db.begin().await?;
        let taken = promises::withdraw(&mut tx, &slug, now_ms).await?;
        tx.commit().await?;
        if taken > 0 {
            tracing::info!(
                newsletter = slug,
                "no longer in the content; what it promised for later is taken back"
            );
        }
    }
    Ok(())
}

/// Counts what is over.
///
/// # Errors
/// Those of the store; what was counted before stays counted.
pub(super) async fn count(ctx: &Context) -> Result<()> {
    let now_ms = ctx.now_ms();
    // Looked at first: every node counts, and writing where nothing is to be closed would keep others waiting for the writer.
    if promises::has_hopeless(&ctx.db, now_ms).await? {
        let mut tx = ctx.db.begin().await?;
        promises::close_hopeless(&mut tx, now_ms).await?;
        tx.commit().await?;
    }
    for issue_id in promises::uncounted(&ctx.db, now_ms, now_ms - COUNT_AGAIN_MS).await? {
        let counts = promises::count(&ctx.db, &issue_id, now_ms).await?;
        let mut tx = ctx.db.begin().await?;
        promises::record(&mut tx, &counts, now_ms).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn naive(ms: UtcMs) -> NaiveDateTime {
    utc(ms).naive_utc()
}
