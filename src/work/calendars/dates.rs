//! The dates of a newsletter for some readers: those behind from the ledger, those ahead by cadence and rules.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::{changes::Changes, readers::Readers};
use crate::{
    domain::{
        content::Detail,
        kernel::{
            Locale, Result,
            clock::{DAY_MS, UtcMs, utc},
        },
        program::{Cadence, PromiseVerdict, calendar::DAYS_MAX},
    },
    store::{
        audit,
        issues::{self, Issue},
        promises::{self, NewPromise, ZoneHours},
    },
    work::{
        cobrand::CoBrand,
        context::Context,
        promised::{Letter, PromisedHours, nominal_local},
        promises::ZONE_SPREAD_MS,
        since::promised_since_ms,
    },
};

/// How one date of a newsletter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Promised, and nothing is written for it.
    Open,
    /// An issue is written for it.
    Written,
    /// Its issue is fixed, on its way, or sent.
    Fixed,
    /// The calendar's rules skip it for all these readers.
    Skipped,
    /// A person cancelled its issue.
    Cancelled,
}

impl State {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Written => "written",
            Self::Fixed => "fixed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing leaves.
    pub fn is_off(self) -> bool {
        matches!(self, Self::Skipped | Self::Cancelled)
    }
}

/// One date of a newsletter.
#[derive(Debug, Clone)]
pub struct Date {
    /// The same for ever: made of newsletter, nominal time, zone and partner, and never of the instant, which may move.
    pub uid: String,
    /// The newsletter's slug.
    pub newsletter: String,
    /// The local date and time that the cadence names.
    pub nominal: NaiveDateTime,
    /// When the first of these readers get it, or would have got it.
    pub first_due_ms: UtcMs,
    /// When the last do.
    pub last_due_ms: UtcMs,
    /// The readers' zones, each with its hour, in order of time; none where nothing leaves.
    pub hours: Vec<(String, UtcMs)>,
    /// What clock changes and the calendar's rules did to it, each sentence once.
    pub notes: Vec<String>,
    /// Whether any of the readers' clocks show another time than the nominal one when it is due.
    pub is_moved: bool,
    /// How it stands.
    pub state: State,
    /// How it went; none before it is over, and where nothing was entered for these readers.
    pub verdict: Option<PromiseVerdict>,
    /// Subject of the issue that is written for it, as authored.
    pub subject: Option<String>,
    /// Reference of that issue's file.
    pub written: Option<String>,
    /// The issue, once it is fixed.
    pub issue: Option<Issue>,
    /// When anything that decides about it was last changed.
    pub changed_ms: UtcMs,
}

/// Which dates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Due after this.
    pub(super) from_ms: UtcMs,
    /// Promised for a time before this.
    pub(super) until_ms: UtcMs,
    /// How many ahead at most.
    pub(super) ahead_max: usize,
}

/// What is asked for.
pub(super) struct Ask<'a> {
    /// The newsletter.
    pub(super) letter: Letter<'a>,
    /// When it left the content; what was ahead then and no issue keeps is cancelled.
    pub(super) left_ms: Option<UtcMs>,
    /// Whose dates.
    pub(super) readers: &'a Readers,
    /// In whose language subjects are, where they are translated.
    pub(super) locale: &'a Locale,
    /// The latest change of the rules.
    pub(super) rules_ms: UtcMs,
    /// Which.
    pub(super) window: Window,
}

/// The dates in order of time.
///
/// # Errors
/// Those of the store.
pub(super) async fn dates(ctx: &Context, ask: &Ask<'_>) -> Result<Vec<Date>> {
    let Letter { library, asset, newsletter } = ask.letter;
    let slug = asset.slug();
    let Ok(cadence) = Cadence::parse(&newsletter.cadence) else { return Ok(Vec::new()) };
    // What is due in the window may be promised for a time before it, and nominal times are those of any zone.
    let first = naive(ask.window.from_ms - DAYS_MAX * DAY_MS - ZONE_SPREAD_MS);
    let last = naive(ask.window.until_ms + ZONE_SPREAD_MS);
    let (from_local, until_local) = (nominal_local(first), nominal_local(last));
    let mut ledger: BTreeMap<String, Vec<ZoneHours>> = BTreeMap::new();
    for row in promises::by_zone(&ctx.db, ask.readers.asked(slug), &from_local, &until_local).await? {
        ledger.entry(row.hours.nominal_local.clone()).or_default().push(row);
    }
    let stored = issues::between(&ctx.db, slug, &from_local[..10], &until_local[..10]).await?;
    let changes = Changes::load(&ctx.db, ask.rules_ms, &asset.reference).await?;
    let since_ms = match ask.left_ms {
        // What was over by then is in the ledger.
        Some(left_ms) => left_ms,
        None => promised_since_ms(ctx, ask.letter).await?.unwrap_or(UtcMs::MAX),
    };
    let kinds = ask.readers.kinds(newsletter, &library.rules.calendar);
    let now_ms = ctx.now_ms();
    let entered = ledger.keys().filter_map(|local| parse(local));
    let mut nominals: BTreeSet<NaiveDateTime> = entered.collect();
    nominals.extend(of_cadence(&cadence, first, last, naive(now_ms), ask.window.ahead_max));
    let mut found = Vec::new();
    for nominal in nominals {
        let told = match ledger.get(&nominal_local(nominal)) {
            Some(rows) => Told::of_ledger(rows, nominal, now_ms),
            None => {
                let hours = PromisedHours::new(ask.letter, &cadence, nominal);
                let promised: Vec<_> = kinds.iter().map(|(partner, zone)| hours.of(partner, *zone)).collect();
                Told::of_rules(promised.iter().map(AsRef::as_ref), nominal)
            }
        };
        // What a file says now was promised from the moment it first said so, not before.
        let Some(told) = told.filter(|told| told.is_entered || told.last_due_ms >= since_ms) else {
            continue;
        };
        if told.last_due_ms < ask.window.from_ms {
            continue;
        }
        let issue = stored.iter().find(|issue| issue.nominal_date == nominal.date().to_string());
        found.push(date(ctx, ask, nominal, told, issue, &changes).await?);
    }
    found.sort_by_key(|date| date.first_due_ms);
    Ok(found)
}

/// The cadence's times from `first` to `last`, at most `ahead_max` of them after `now`.
fn of_cadence(
    cadence: &Cadence,
    first: NaiveDateTime,
    last: NaiveDateTime,
    now: NaiveDateTime,
    ahead_max: usize,
) -> Vec<NaiveDateTime> {
    let mut ahead = 0;
    let times = cadence.nominals(first).take_while(|next| {
        ahead += usize::from(*next > now);
        *next <= last && ahead <= ahead_max
    });
    times.collect()
}

/// What is known of a date.
struct Told {
    first_due_ms: UtcMs,
    last_due_ms: UtcMs,
    hours: Vec<(String, UtcMs)>,
    notes: BTreeSet<String>,
    is_skipped: bool,
    is_moved: bool,
    is_entered: bool,
    verdict: Option<PromiseVerdict>,
    /// How many of these readers have it.
    accepted: i64,
    /// Whether some of it is not counted yet, and so not among them.
    is_uncounted: bool,
    counted_ms: UtcMs,
}

impl Told {
    /// By the ledger, whose rows are of this one date.
    fn of_ledger(rows: &[ZoneHours], nominal: NaiveDateTime, now_ms: UtcMs) -> Option<Self> {
        let mut all = rows.first()?.hours.clone();
        for ZoneHours { hours, .. } in &rows[1..] {
            all.due_ms = all.due_ms.max(hours.due_ms);
            all.deadline_ms = all.deadline_ms.max(hours.deadline_ms);
            all.eligible += hours.eligible;
            all.on_time += hours.on_time;
            all.accepted += hours.accepted;
            all.uncounted_ms = [all.uncounted_ms, hours.uncounted_ms].into_iter().flatten().min();
        }
        let mut told =
            Self::of(rows.iter().map(|row| (row.reader_zone.as_str(), row.hours.due_ms, row.skipped_whole)))?;
        told.verdict = all.verdict(now_ms);
        told.accepted = all.accepted;
        told.is_uncounted = all.uncounted_ms.is_some();
        told.is_entered = true;
        told.is_moved = rows.iter().filter(|row| !row.skipped_whole).any(|row| {
            [row.first_due_ms, row.hours.due_ms].iter().any(|due_ms| shown(*due_ms, &row.zone) != nominal)
        });
        told.counted_ms = rows.iter().filter_map(|row| row.counted_ms).max().unwrap_or_default();
        let because = rows.iter().filter(|row| row.skipped_whole).filter_map(|row| row.hours.because.clone());
        told.notes = rows.iter().filter_map(|row| row.note.clone()).chain(because).collect();
        Some(told)
    }

    /// By cadence and rules.
    fn of_rules<'p>(
        promised: impl Iterator<Item = &'p NewPromise> + Clone,
        nominal: NaiveDateTime,
    ) -> Option<Self> {
        let hours = promised.clone();
        let mut told =
            Self::of(hours.map(|promise| (promise.reader_zone.as_str(), promise.due_ms, promise.skipped)))?;
        let mut due = promised.clone().filter(|promise| !promise.skipped);
        told.is_moved = due.any(|promise| shown(promise.due_ms, &promise.zone) != nominal);
        let notes = promised.flat_map(|promise| promise.note.iter().chain(&promise.because));
        told.notes = notes.cloned().collect();
        Some(told)
    }

    /// Of zones with their hours, and whether they are skipped.
    fn of<'z>(zones: impl Iterator<Item = (&'z str, UtcMs, bool)> + Clone) -> Option<Self> {
        let due: BTreeSet<(UtcMs, &str)> = zones
            .clone()
            .filter(|(_, _, skipped)| !skipped)
            .map(|(zone, due_ms, _)| (due_ms, zone))
            .collect();
        let is_skipped = due.is_empty();
        let all = zones.filter(|(_, _, skipped)| *skipped == is_skipped).map(|(_, due_ms, _)| due_ms);
        Some(Self {
            first_due_ms: all.clone().min()?,
            last_due_ms: all.max()?,
            hours: due.into_iter().map(|(due_ms, zone)| (zone.to_owned(), due_ms)).collect(),
            notes: BTreeSet::new(),
            is_skipped,
            is_moved: false,
            is_entered: false,
            verdict: None,
            accepted: 0,
            is_uncounted: false,
            counted_ms: 0,
        })
    }
}

async fn date(
    ctx: &Context,
    ask: &Ask<'_>,
    nominal: NaiveDateTime,
    told: Told,
    issue: Option<&Issue>,
    changes: &Changes,
) -> Result<Date> {
    let Letter { library, asset, .. } = ask.letter;
    let slug = asset.slug();
    let day = nominal.date().to_string();
    let written = library.issues_of(slug).into_iter().find(|(_, issue)| issue.date == nominal.date());
    let written = written.map(|(file, _)| file.reference.clone());
    let subject = written.as_ref().and_then(|reference| subject(ctx, ask, reference));
    let mut changed_ms = changes.of_date(&day).max(told.counted_ms);
    let cancelled = issue.filter(|issue| issue.control == "cancelled" || issue.state == "cancelled");
    // Who has it does not read that it was cancelled; that others never will is for the vendor.
    let arrived = match cancelled.filter(|_| told.is_uncounted) {
        Some(issue) => promises::has_arrived(&ctx.db, &issue.id, ask.readers.asked(slug)).await?,
        None => false,
    };
    let has_it = told.accepted > 0 || arrived;
    let mut notes: Vec<String> = told.notes.into_iter().collect();
    let is_vendors = ask.readers.partner().is_none();
    if let Some(issue) = cancelled.filter(|_| is_vendors || !has_it) {
        let at_ms = audit::last_ms(&ctx.db, "cancel", &issue.id, issue.frozen_ms).await?;
        changed_ms = changed_ms.max(at_ms.unwrap_or(issue.frozen_ms));
        if has_it {
            notes.push("It was cancelled after some had it: nobody else gets it.".to_owned());
        }
    }
    let cancelled = cancelled.filter(|_| !has_it);
    Ok(Date {
        uid: format!("newsletters/{slug}/{}/{}", nominal.format("%Y%m%dT%H%M"), ask.readers.name()),
        newsletter: slug.to_owned(),
        nominal,
        first_due_ms: told.first_due_ms,
        last_due_ms: told.last_due_ms,
        hours: told.hours,
        notes,
        is_moved: told.is_moved,
        state: match (cancelled, issue) {
            (Some(_), _) => State::Cancelled,
            (None, None) if ask.left_ms.is_some_and(|left_ms| left_ms < told.last_due_ms) => State::Cancelled,
            (None, _) if told.is_skipped => State::Skipped,
            (None, Some(_)) => State::Fixed,
            (None, None) if written.is_some() => State::Written,
            (None, None) => State::Open,
        },
        verdict: told.verdict,
        subject: subject.or_else(|| issue.map(|issue| issue.title.clone())),
        written,
        issue: issue.cloned(),
        changed_ms,
    })
}

/// The subject as the readers of a partner see it; for others, or where a reader's own name stands in it, the theme.
fn subject(ctx: &Context, ask: &Ask<'_>, reference: &str) -> Option<String> {
    let library = ask.letter.library;
    let Detail::Issue(issue) = &library.find(reference, ask.locale)?.detail else { return None };
    let media = ctx.media();
    let voice = ask.readers.partner().map(|partner| CoBrand::new(library, &media, partner, ask.locale, ""));
    let merged = voice.and_then(|voice| voice.ok()?.text(&issue.subject).ok());
    Some(merged.unwrap_or_else(|| issue.about().to_owned()))
}

fn naive(ms: UtcMs) -> NaiveDateTime {
    utc(ms).naive_utc()
}

/// What clocks show then in the IANA zone `zone`.
fn shown(ms: UtcMs, zone: &str) -> NaiveDateTime {
    utc(ms).with_timezone(&zone.parse().unwrap_or(Tz::UTC)).naive_local()
}

fn parse(local: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(local, "%Y-%m-%dT%H:%M").ok()
}
