//! What the promise ledger says: how often a cadence was kept, to whom it was not, and a note that owns up to it.

use serde::Serialize;

use super::{context::Context, handoff::conflict};
use crate::{
    domain::{
        content::Library,
        kernel::{
            Locale, Result,
            clock::{DAY_MS, MINUTE_MS, UtcMs},
        },
        lead::{StopReason, clock::OVERDUE_AT_PERCENT},
        program::{
            Cadence, KeptRate, PromiseVerdict,
            promise::{Stopped, judge_clock},
        },
    },
    store::{
        Db, decisions,
        let_down::{self, Silenced},
        promises::{self, Asked, Hours},
    },
};

/// Occurrences that make a newsletter's kept-rate.
pub const OCCURRENCES: usize = 12;
/// How far back they are looked for.
const SINCE_MS: i64 = 3 * 366 * DAY_MS;
/// What is meant by lately: so many days.
pub const LATELY_DAYS: i64 = 90;
const LATELY_MS: i64 = LATELY_DAYS * DAY_MS;
/// Dates that are looked at of them, the latest first.
const LATELY_MAX: i64 = 2_000;
/// Lead clocks that are looked at, the latest first.
const CLOCKS_MAX: i64 = 1_000;
/// How far back lead clocks are looked at.
const CLOCKS_SINCE_MS: i64 = 90 * DAY_MS;

/// One date of a newsletter.
#[derive(Debug, Clone, Serialize)]
pub struct Occurrence {
    /// Local date and time promised, `YYYY-MM-DDTHH:MM`.
    pub nominal_local: String,
    /// `kept`, `late`, `partial`, `missed` or `skipped`; none while it is not over, or is being counted.
    pub verdict: Option<&'static str>,
    /// Whether it is over and being counted.
    pub is_being_counted: bool,
    /// People it was promised to who may still be written to.
    pub eligible: i64,
    /// For whom the next hop accepted it within the window.
    pub on_time: i64,
    /// For whom it did by now.
    pub accepted: i64,
    /// People for whom a rule of the calendar took it back beforehand.
    pub skipped: i64,
    /// People who meanwhile must not be written to any more.
    pub suppressed: i64,
    /// Of the eligible ones, those whose window is open or was not counted yet.
    pub uncounted: i64,
    /// People it was meant for, whom a limit kept out: how often one is written to, or told a message.
    pub held_back: i64,
    /// How late it was still on time.
    pub on_time_minutes: i64,
    /// Why it was skipped, or why nothing was sent.
    pub because: Option<String>,
    /// The issue that was to keep it.
    pub issue_id: Option<String>,
    /// When the last hour was due.
    pub last_due_ms: UtcMs,
    /// When its last window is over, and it is counted whole.
    pub over_ms: UtcMs,
}

/// How a newsletter keeps its cadence.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// The newsletter's slug.
    pub newsletter: String,
    /// Its title, or its slug where it is no longer in the content.
    pub title: String,
    /// Its cadence in words.
    pub cadence: Option<String>,
    /// Of a hundred that are over, and not skipped, how many were kept; rounded down.
    pub kept_percent: Option<u32>,
    /// How many were kept.
    pub kept: u32,
    /// How many were late, partial or missed.
    pub broken: u32,
    /// How many a rule of the calendar skipped, or limits kept from everybody.
    pub skipped: u32,
    /// What on time means in these figures, such as `within 15 minutes`; none where nothing was promised.
    pub within: Option<String>,
    /// Whether the newsletter is still in the content.
    pub is_in_content: bool,
    /// The latest first.
    pub occurrences: Vec<Occurrence>,
}

/// What readers are told of how a newsletter's last promises to them were kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lately {
    /// How many were kept.
    pub kept: u32,
    /// How many are over, and were not skipped.
    pub over: u32,
    /// How late was still on time, at most.
    pub minutes: u64,
    /// Mails that a limit kept back from those they were meant for.
    pub held_back: u64,
}

/// How lead clocks are kept, over the last 90 days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Clocks {
    /// Of a hundred that are over, how many were stopped in time; rounded down.
    pub kept_percent: Option<u32>,
    /// Stopped in time.
    pub kept: u32,
    /// Stopped late, or run out.
    pub broken: u32,
    /// Running.
    pub open: u32,
}

impl Occurrence {
    fn of(hours: Hours, now_ms: UtcMs) -> Self {
        Self {
            verdict: hours.verdict(now_ms).map(PromiseVerdict::as_str),
            is_being_counted: hours.is_being_counted(now_ms),
            nominal_local: hours.nominal_local,
            eligible: hours.eligible,
            on_time: hours.on_time,
            accepted: hours.accepted,
            skipped: hours.skipped,
            suppressed: hours.suppressed,
            uncounted: hours.uncounted,
            held_back: hours.held_back,
            on_time_minutes: hours.on_time_ms / MINUTE_MS,
            because: hours.because.filter(|because| !because.is_empty()),
            issue_id: hours.issue_id,
            last_due_ms: hours.due_ms,
            over_ms: hours.deadline_ms,
        }
    }

    /// The verdict, for those who go by it.
    pub fn verdict(&self) -> Option<PromiseVerdict> {
        self.verdict.and_then(PromiseVerdict::parse)
    }

    /// For how many it is known whether they had it in time.
    pub fn counted(&self) -> i64 {
        self.eligible - self.uncounted
    }

    /// Whether it was late, partial or missed.
    pub fn is_broken(&self) -> bool {
        self.verdict()
            .is_some_and(|verdict| !matches!(verdict, PromiseVerdict::Kept | PromiseVerdict::Skipped))
    }

    /// Whether a limit kept out everybody whom it was for, so that nobody could get it.
    pub fn is_held_back(&self) -> bool {
        self.eligible == 0 && self.held_back > 0
    }

    /// Whether nothing is there yet to keep it.
    pub fn is_at_risk(&self) -> bool {
        self.verdict.is_none() && self.issue_id.is_none() && self.eligible > 0
    }

    /// The promised date, `YYYY-MM-DD`.
    pub fn date(&self) -> &str {
        self.nominal_local.get(..10).unwrap_or_default()
    }
}

impl Record {
    /// What readers are told of it.
    pub fn lately(&self) -> Lately {
        Lately {
            kept: self.kept,
            over: self.kept + self.broken,
            minutes: self
                .occurrences
                .iter()
                .filter_map(|it| u64::try_from(it.on_time_minutes).ok())
                .max()
                .unwrap_or_default(),
            held_back: u64::try_from(self.held_back()).unwrap_or_default(),
        }
    }

    /// Mails of all these dates that a limit kept back from those they were meant for.
    pub fn held_back(&self) -> i64 {
        self.occurrences.iter().map(|occurrence| occurrence.held_back).sum()
    }

    /// Dates that a rule of the calendar skipped, and those that limits kept from everybody: both are in `skipped`, and
    /// count neither way.
    pub fn skipped_by(&self) -> (u32, u32) {
        let of = |it: &&Occurrence| it.verdict() == Some(PromiseVerdict::Skipped) && it.is_held_back();
        let limits = u32::try_from(self.occurrences.iter().filter(of).count()).unwrap_or_default();
        (self.skipped.saturating_sub(limits), limits)
    }

    fn of(library: &Library, newsletter: &str, occurrences: Vec<Occurrence>) -> Self {
        let found = library.newsletters().find(|(asset, _)| asset.slug() == newsletter);
        let mut rate = KeptRate::default();
        occurrences.iter().for_each(|occurrence| rate.add(occurrence.verdict()));
        Self {
            newsletter: newsletter.to_owned(),
            title: found
                .map_or_else(|| newsletter.to_owned(), |(asset, _)| asset.front.title.as_str().to_owned()),
            cadence: found.and_then(|(_, letter)| Cadence::parse(&letter.cadence).ok()).map(|c| c.describe()),
            kept_percent: rate.percent(),
            kept: rate.kept,
            broken: rate.broken,
            skipped: rate.skipped,
            within: within(&occurrences),
            is_in_content: found.is_some(),
            occurrences,
        }
    }
}

/// How late `occurrences` were still on time, in words; none for none.
pub fn within<'o>(occurrences: impl IntoIterator<Item = &'o Occurrence>) -> Option<String> {
    let minutes = occurrences.into_iter().map(|occurrence| occurrence.on_time_minutes);
    let (least, most) = minutes.fold(None, |span, minutes| {
        let (least, most) = span.unwrap_or((minutes, minutes));
        Some((minutes.min(least), minutes.max(most)))
    })?;
    Some(match (least, most) {
        (1, 1) => "within 1 minute".to_owned(),
        (least, most) if least == most => format!("within {most} minutes"),
        (least, most) => format!("within {least} to {most} minutes"),
    })
}

/// How each newsletter kept its last promises, to `partner` or to all; those of the content in its order, whether or not
/// anything was promised yet, then those that are no longer in it: what they promised stays promised.
///
/// # Errors
/// Those of the store.
pub async fn newsletters(ctx: &Context, partner: Option<&str>) -> Result<Vec<Record>> {
    let library = ctx.library();
    let mut records = Vec::new();
    for (asset, _) in library.newsletters() {
        records.push(newsletter(ctx, asset.slug(), partner).await?);
    }
    for slug in promises::newsletters(&ctx.db, ctx.now_ms() - LATELY_MS).await? {
        if records.iter().all(|record| record.newsletter != slug) {
            let record = newsletter(ctx, &slug, partner).await?;
            records.extend(Some(record).filter(|record| !record.occurrences.is_empty()));
        }
    }
    Ok(records)
}

/// What was promised lately, whether or not its newsletter is still in the content, the latest first.
///
/// # Errors
/// Those of the store.
pub async fn lately(ctx: &Context) -> Result<Vec<Occurrence>> {
    let now_ms = ctx.now_ms();
    let asked = Asked { since_ms: now_ms - LATELY_MS, ..Asked::default() };
    let hours = promises::hours(&ctx.db, asked, LATELY_MAX).await?;
    Ok(hours.into_iter().map(|hours| Occurrence::of(hours, now_ms)).collect())
}

/// How one newsletter kept its last promises, to `partner` or to all.
///
/// # Errors
/// Those of the store.
pub async fn newsletter(ctx: &Context, slug: &str, partner: Option<&str>) -> Result<Record> {
    let now_ms = ctx.now_ms();
    let since_ms = now_ms - SINCE_MS;
    let count = i64::try_from(OCCURRENCES).unwrap_or(i64::MAX);
    let asked = Asked { newsletter: Some(slug), partner, since_ms, date: None };
    let hours = promises::hours(&ctx.db, asked, count).await?;
    let occurrences = hours.into_iter().map(|hours| Occurrence::of(hours, now_ms)).collect();
    Ok(Record::of(&ctx.library(), slug, occurrences))
}

/// One date of a newsletter; none if nothing was promised for it.
///
/// # Errors
/// Those of the store.
pub async fn occurrence(ctx: &Context, newsletter: &str, date: &str) -> Result<Option<Occurrence>> {
    let asked = Asked { newsletter: Some(newsletter), date: Some(date), ..Asked::default() };
    let hours = promises::hours(&ctx.db, asked, 1).await?.pop();
    Ok(hours.map(|hours| Occurrence::of(hours, ctx.now_ms())))
}

/// How lead clocks are kept at `partner`, or everywhere; then with the time that people have to decide conflicts, as the rule is now.
///
/// # Errors
/// Those of the store.
pub async fn clocks(ctx: &Context, partner: Option<&str>) -> Result<Clocks> {
    let now_ms = ctx.now_ms();
    let mut rate = KeptRate::default();
    for clock in promises::clocks(&ctx.db, partner, now_ms - CLOCKS_SINCE_MS, CLOCKS_MAX).await? {
        rate.add(judge_clock(clock.due_ms, stopped(&clock), now_ms));
    }
    if partner.is_none() {
        // Those who decide conflicts are the vendor's people: their clock is nobody's at a partner.
        for decision in decisions::decisions(&ctx.db, now_ms - CLOCKS_SINCE_MS, CLOCKS_MAX).await? {
            let Some(due_ms) = conflict::due_ms(ctx, decision.asked_ms) else { continue };
            rate.add(judge_clock(due_ms, taken(&decision), now_ms));
        }
    }
    let KeptRate { kept, broken, open, .. } = rate;
    Ok(Clocks { kept_percent: rate.percent(), kept, broken, open })
}

/// How the clock of a decision was stopped, if it was: by whoever decided, and not by the rule in their place.
fn taken(decision: &decisions::Decision) -> Option<Stopped> {
    if decision.told_percent >= i64::from(OVERDUE_AT_PERCENT) {
        return Some(Stopped::Overdue);
    }
    decision.decided_ms.map(Stopped::Done).or(decision.over_ms.map(Stopped::Withdrawn))
}

/// How a clock was stopped, if it was.
fn stopped(clock: &promises::Clock) -> Option<Stopped> {
    let at_ms = clock.stopped_ms?;
    Some(match StopReason::of(&clock.stopped_because) {
        StopReason::Done => Stopped::Done(at_ms),
        StopReason::Overdue => Stopped::Overdue,
        StopReason::Withdrawn | StopReason::Conflict => Stopped::Withdrawn(at_ms),
    })
}

/// Promises that were broken within the last `days`, the latest first, and those that are about to be: due soon, or now,
/// without an issue. At most 100 are looked at.
///
/// # Errors
/// Those of the store.
pub async fn broken(ctx: &Context, days: i64) -> Result<Vec<(String, Occurrence)>> {
    let now_ms = ctx.now_ms();
    let asked = Asked { since_ms: now_ms - days * DAY_MS, ..Asked::default() };
    let all = promises::hours(&ctx.db, asked, 100).await?.into_iter();
    let told = all.map(|hours| (hours.newsletter.clone(), Occurrence::of(hours, now_ms)));
    Ok(told.filter(|(_, occurrence)| occurrence.is_broken() || occurrence.is_at_risk()).collect())
}

/// Issues of the last `days`, and of those ahead, that are written and reach nobody, since the budget of `rules/frequency.toml`
/// leaves out everybody they are for.
///
/// # Errors
/// Those of the store.
pub async fn silenced(db: &Db, now_ms: UtcMs, days: i64) -> Result<Vec<Silenced>> {
    let all = let_down::silenced(db, now_ms - days * DAY_MS).await?;
    // Who was told a message often enough is no sign of a fault.
    Ok(all.into_iter().filter(|issue| issue.because.is_some()).collect())
}

/// Why people were left out of the issue of an occurrence, for each reason how many, most first.
///
/// # Errors
/// Those of the store.
pub async fn left_out(ctx: &Context, occurrence: &Occurrence) -> Result<Vec<(String, i64)>> {
    match &occurrence.issue_id {
        Some(issue_id) => let_down::left_out(&ctx.db, issue_id).await,
        None => Ok(Vec::new()),
    }
}

/// A note to readers about a promise that was broken, in the language of `locale`, as Markdown for the next issue: what was
/// promised and what came of it, from the ledger, and a place for the reason. None for a promise that was kept, was
/// skipped, or is not over.
pub fn note(ctx: &Context, title: &str, occurrence: &Occurrence, locale: &Locale) -> Option<String> {
    let strings = ctx.templates.strings(locale);
    let key = match occurrence.verdict()? {
        PromiseVerdict::Kept | PromiseVerdict::Skipped => return None,
        PromiseVerdict::Late if occurrence.on_time == 0 => "note_late_all",
        PromiseVerdict::Late => "note_late",
        PromiseVerdict::Partial => "note_partial",
        PromiseVerdict::Missed => "note_missed",
    };
    let promised = chrono::NaiveDateTime::parse_from_str(&occurrence.nominal_local, "%Y-%m-%dT%H:%M").ok()?;
    let date = strings.date(promised.date());
    let time = promised.format("%H:%M").to_string();
    let values = [("newsletter", title), ("date", date.as_str()), ("time", time.as_str())];
    Some(format!("{}\n\n{}\n", strings.fill(key, &values), strings.get("note_reason")))
}

/// The occurrence of `newsletter` on `date`; without one the latest that was broken.
///
/// # Errors
/// Those of the store.
pub async fn to_own_up_to(ctx: &Context, newsletter: &str, date: Option<&str>) -> Result<Option<Occurrence>> {
    match date {
        Some(date) => occurrence(ctx, newsletter, date).await,
        None => {
            let record = self::newsletter(ctx, newsletter, None).await?;
            Ok(record.occurrences.into_iter().find(Occurrence::is_broken))
        }
    }
}
