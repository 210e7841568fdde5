//! The promises ahead, for those who look on: when each leaves for the first and the last readers, and what stands in the
//! way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    context::Context,
    promised::{Letter, PromisedHours},
    promises::Places,
};
use crate::{
    domain::{
        content::kinds::FREEZE_MINUTES_MAX,
        kernel::{
            Result,
            clock::{DAY_MS, MINUTE_MS, UtcMs, utc},
        },
        program::cadence::{Cadence, resolve},
    },
    store::{issues, promises::NewPromise},
};

/// A promise ahead.
#[derive(Debug, Clone)]
pub struct Upcoming {
    /// The newsletter's slug.
    pub newsletter: String,
    /// Its title.
    pub title: String,
    /// The cadence in words.
    pub cadence: String,
    /// The promised date.
    pub nominal_date: String,
    /// When the first readers get it.
    pub first_due_ms: UtcMs,
    /// When the last ones get it.
    pub last_due_ms: UtcMs,
    /// By how many zones' clocks.
    pub zones: usize,
    /// What clock changes and the calendar's rules do to it, each once, with for how many partners where not for all.
    pub notes: Vec<String>,
    /// Whether the calendar's rules skip it for everybody.
    pub skipped: bool,
    /// Subject of the issue written for it, as authored.
    pub plan: Option<String>,
    /// What stands in the way.
    pub warning: Option<String>,
}

/// The next `count` promises of every newsletter of which nothing has left and nothing is due, in order of time.
///
/// # Errors
/// Those of the store.
pub async fn upcoming(ctx: &Context, count: usize) -> Result<Vec<Upcoming>> {
    let library = ctx.library();
    let places = Places::load(ctx).await?;
    let now_ms = ctx.now_ms();
    let mut ahead = Vec::new();
    for (asset, newsletter) in library.newsletters() {
        let Ok(cadence) = Cadence::parse(&newsletter.cadence) else { continue };
        let letter = Letter { library: &library, asset, newsletter };
        // No date of a fixed issue lies further ahead: its hour is at most a day from it.
        let last_ms = now_ms + i64::from(FREEZE_MINUTES_MAX) * MINUTE_MS + DAY_MS;
        let (yesterday, last) = (utc(now_ms - DAY_MS).date_naive(), utc(last_ms).date_naive());
        let fixed = issues::between(&ctx.db, asset.slug(), &yesterday.to_string(), &last.to_string()).await?;
        let has_left = |date: &str| {
            fixed.iter().any(|issue| {
                issue.nominal_date == date
                    && (issue.released_ms.is_some() || matches!(issue.state.as_str(), "done" | "cancelled"))
            })
        };
        let mut left = count;
        // Somewhere it may still be yesterday.
        for next in cadence.nominals(utc(now_ms - DAY_MS).naive_utc()) {
            if left == 0 {
                break;
            }
            let hours = PromisedHours::new(letter, &cadence, next);
            let promised = places.promised(&hours);
            // Before there are readers it is told by the vendor's own clock.
            let own_ms = || resolve(next, library.vendor_zone()).at_ms;
            let last_due_ms = promised.iter().map(|promise| promise.due_ms).max().unwrap_or_else(own_ms);
            let due = promised.iter().filter(|promise| !promise.skipped);
            let first_due_ms = due.clone().map(|promise| promise.due_ms).min().unwrap_or(last_due_ms);
            if first_due_ms <= now_ms || has_left(&next.date().to_string()) {
                continue;
            }
            left -= 1;
            let zones: BTreeSet<&str> = due.map(|promise| promise.zone.as_str()).collect();
            let written = library.issues_of(asset.slug());
            let plan = written.iter().find(|(_, issue)| issue.date == next.date());
            let skipped = zones.is_empty() && !promised.is_empty();
            ahead.push(Upcoming {
                newsletter: asset.slug().to_owned(),
                title: asset.front.title.as_str().to_owned(),
                cadence: cadence.describe(),
                nominal_date: next.date().to_string(),
                first_due_ms,
                last_due_ms,
                zones: zones.len(),
                notes: notes(&promised),
                skipped,
                plan: plan.map(|(_, issue)| issue.about().to_owned()),
                warning: (plan.is_none() && !skipped)
                    .then(|| "promised, and nothing is written for it yet".to_owned()),
            });
        }
    }
    ahead.sort_by(|a, b| (a.first_due_ms, &a.newsletter).cmp(&(b.first_due_ms, &b.newsletter)));
    Ok(ahead)
}

/// What is said about some of the promises, each sentence once, with for how many partners where not for all.
fn notes(promised: &[Arc<NewPromise>]) -> Vec<String> {
    let all: BTreeSet<&str> = promised.iter().map(|promise| promise.partner_slug.as_str()).collect();
    let mut said: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for promise in promised {
        for sentence in promise.note.iter().chain(&promise.because) {
            said.entry(sentence).or_default().insert(&promise.partner_slug);
        }
    }
    let notes = said.into_iter().map(|(sentence, partners)| {
        if partners.len() == all.len() {
            sentence.to_owned()
        } else {
            format!("{sentence} (for {} of {} partners)", partners.len(), all.len())
        }
    });
    notes.collect()
}
