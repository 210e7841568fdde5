//! From a cadence to a frozen, approved and released issue.
//!
//! Any node may try every step; unique keys decide who did it. Nothing here waits for the network.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{NaiveDate, NaiveDateTime};
use tokio::sync::{OnceCell, watch};

use super::{
    apart,
    compose::Plan,
    context::Context,
    follow,
    freeze::{freeze, tidy_up},
    promised::{Letter, PromisedHours},
    promises::{Places, Span, ZONE_SPREAD_MS},
    pulse::{self, Said},
    set_back::ClockGuard,
    together::{NO_CATCH_UP, Written, written_beside},
    webhooks,
};
use crate::{
    domain::{
        content::{kinds::CatchUp, library::Library},
        kernel::{
            Error, Kind, Locale, Result,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs, utc},
        },
        program::{Cadence, digest},
    },
    store::{
        audit, contents, issues, late,
        outbox::{self, Terms},
        promises,
    },
};

/// How long after its promise an issue is worth sending to somebody.
pub(super) const LIFETIME_MS: i64 = DAY_MS;
/// The ledgers and what waits for approval, among what may rest.
const LEDGER: &str = "the ledgers";
/// How often they are looked through.
const COUNT_MS: i64 = MINUTE_MS / 4;

/// Looks at the clock, which `guard` watches, and at every step each second (faster in a rehearsal) until `shutdown`.
pub async fn run(ctx: Arc<Context>, mut guard: ClockGuard, mut shutdown: watch::Receiver<bool>) {
    let mut said = Said::default();
    while !*shutdown.borrow() {
        let done = match guard.look(&ctx).await {
            Ok(()) => tick(&ctx).await,
            Err(error) => Err(error),
        };
        said.once(done, "issues");
        tokio::select! {
            () = ctx.wake.publish.notified() => {}
            () = tokio::time::sleep(pulse::rest(&ctx)) => {}
            _ = shutdown.changed() => {}
        }
    }
}

/// Notes about once a minute that an issue waits for an earlier one, which is no outage.
async fn wait_behind(ctx: &Context, issue_id: &str) -> Result<()> {
    let (now_ms, look) = (ctx.now_ms(), format!("{issue_id} waits for an earlier issue"));
    if ctx.looks.rests(&look, now_ms) {
        return Ok(());
    }
    let mut tx = ctx.db.begin().await?;
    late::kept_back(&mut tx, issue_id, now_ms, now_ms - HOUR_MS).await?;
    tx.commit().await?;
    ctx.looks.rest(look, now_ms, now_ms + MINUTE_MS);
    Ok(())
}

/// Does every step that is due: freeze, release, finish.
///
/// # Errors
/// The first fault; the steps before it are done, those after it are tried next time.
pub async fn tick(ctx: &Context) -> Result<()> {
    tidy_up(ctx).await?;
    // Before anything is fixed: what comes apart is fixed anew at once.
    apart::take_apart_due(ctx).await?;
    let frozen = freeze_due(ctx).await;
    for issue_id in issues::approved(&ctx.db).await? {
        // Issues of one newsletter leave one behind the other, never side by side to the same people.
        if issues::under_way_before(&ctx.db, &issue_id, ctx.now_ms()).await?.is_none() {
            release(ctx, &issue_id).await?;
        } else {
            wait_behind(ctx, &issue_id).await?;
        }
    }
    if issues::any_sending(&ctx.db).await? {
        let mut tx = ctx.db.begin().await?;
        outbox::reopen(&mut tx).await?;
        issues::finish(&mut tx, ctx.now_ms()).await?;
        tx.commit().await?;
    }
    if !ctx.looks.rests(LEDGER, ctx.now_ms()) {
        super::promises::withdraw(ctx).await?;
        super::promises::count(ctx).await?;
        super::approvals::urge(ctx).await?;
        super::paused::tell(ctx).await?;
        super::late::tell(ctx).await?;
        super::touches::note(ctx, super::touches::A_LOOK).await?;
        ctx.looks.rest(LEDGER.to_owned(), ctx.now_ms(), ctx.now_ms() + COUNT_MS);
    }
    frozen
}

/// Fills the outbox of an approved issue, part by part so that nobody else waits long for the database, and lets it go.
async fn release(ctx: &Context, issue_id: &str) -> Result<()> {
    let domain = sender_domain(ctx);
    let terms = Terms { now_ms: ctx.now_ms(), lifetime_ms: LIFETIME_MS, domain: &domain };
    // Before the transaction: one connection must do.
    let issue = issues::issue(&ctx.db, issue_id).await?;
    let mut tx = ctx.db.begin().await?;
    // From the beginning, also what another process filled before it ended: what is there stays, and when an issue was
    // taken back while some of it left, the rest need not lie behind it.
    let (mut filled, mut after) = (0, String::new());
    while let Some((count, last)) = outbox::fill(&mut tx, issue_id, &after, issues::PART_ROWS, terms).await? {
        tx.commit().await?;
        (filled, after) = (filled + count, last);
        tx = ctx.db.begin().await?;
    }
    let Some(rest) = outbox::release(&mut tx, issue_id, &after, terms).await? else {
        // Another node did it, or somebody cancelled it: that stands in the ledger already.
        return Ok(());
    };
    filled += rest;
    let detail = filled.to_string();
    audit::record(&mut tx, terms.now_ms, &*ctx.random, "partnercast", "release", issue_id, &detail).await?;
    if let Some(issue) = issue {
        webhooks::issue_released(&mut tx, &*ctx.random, &issue, terms.now_ms).await?;
    }
    tx.commit().await?;
    tracing::info!(issue = issue_id, deliveries = filled, "issue released");
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// The part after the @ of our Message-IDs.
pub fn sender_domain(ctx: &Context) -> String {
    let library = ctx.library();
    let sender = library.vendor.as_ref().and_then(|vendor| vendor.senders.values().next());
    sender.map_or_else(|| "partnercast.invalid".to_owned(), |sender| sender.email.domain())
}

async fn freeze_due(ctx: &Context) -> Result<()> {
    let library = ctx.library();
    let media = ctx.media();
    // Where readers are, looked up once, if something asks for it.
    let places = OnceCell::new();
    let mut faults = Vec::new();
    // Where several are due at once, what comes first is fixed before others look for room beside it.
    let mut newsletters: Vec<_> = library.newsletters().collect();
    newsletters.sort_by(|(a, _), (b, _)| digest::order(&library.rules.frequency, a.slug(), b.slug()));
    for (newsletter_asset, newsletter) in newsletters {
        let cadence = match Cadence::parse(&newsletter.cadence) {
            Ok(cadence) => cadence,
            Err(error) => {
                faults.push(format!("{}: {}", newsletter_asset.path, error.public()));
                continue;
            }
        };
        let letter = Letter { library: &library, asset: newsletter_asset, newsletter };
        let mut by_date = BTreeMap::new();
        for (asset, issue) in library.issues_of(newsletter_asset.slug()) {
            let plan = Plan { library: &library, media: &media, newsletter_asset, newsletter, asset, issue };
            let done = freeze_if_due(ctx, &plan, letter, &cadence, &places).await;
            if !is_present(ctx, &library) {
                // From here on it is not known what is promised: everything is looked at again, from what there is now.
                ctx.wake.publish.notify_one();
                return Ok(());
            }
            if let Err(error) = done {
                faults.push(told_of(&asset.path, &error.detail()));
                by_date.insert(issue.date.to_string(), error.detail());
            }
        }
        if !ctx.looks.rests(&newsletter_asset.path, ctx.now_ms()) {
            let places = places.get_or_try_init(|| Places::load(ctx)).await?;
            super::promises::watch(ctx, places, letter, &cadence, &by_date).await?;
            ctx.looks.rest(newsletter_asset.path.clone(), ctx.now_ms(), UtcMs::MAX);
        }
    }
    ctx.set_publishing_faults(&faults);
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults.join("\n"))) }
}

/// The nominal time that the cadence promises on a date.
pub(super) fn nominal_on(cadence: &Cadence, date: NaiveDate) -> Option<NaiveDateTime> {
    let midnight = date.and_hms_opt(0, 0, 0)?;
    let nominal = cadence.next_nominal(midnight - chrono::Duration::seconds(1))?;
    (nominal.date() == date).then_some(nominal)
}

/// What is wrong with the file at `path`, each line with its name, once: some faults begin with it.
fn told_of(path: &str, detail: &str) -> String {
    let lines = detail
        .lines()
        .map(|line| if line.starts_with(path) { line.to_owned() } else { format!("{path}: {line}") });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether `library` is still the content in use.
fn is_present(ctx: &Context, library: &Library) -> bool {
    std::ptr::eq(Arc::as_ptr(&ctx.library()), library)
}

/// Freezes the issue of `plan` if its time has come, and lets its file rest until it may be worth another look.
async fn freeze_if_due(
    ctx: &Context,
    plan: &Plan<'_>,
    letter: Letter<'_>,
    cadence: &Cadence,
    places: &OnceCell<Places>,
) -> Result<()> {
    let (look, now_ms) = (&plan.asset.path, ctx.now_ms());
    if ctx.looks.rests(look, now_ms) {
        return ctx.looks.say_again(look);
    }
    match freeze_now(ctx, plan, letter, cadence, places).await {
        Ok(again_ms) => {
            if is_present(ctx, plan.library) {
                ctx.looks.rest(look.clone(), now_ms, again_ms);
            }
            Ok(())
        }
        Err(error) => {
            // What is wrong with the content stays wrong; anything else may pass at once.
            if error.kind() == Kind::Invalid {
                ctx.looks.rest_faulty(look.clone(), now_ms, error.detail());
            }
            Err(error)
        }
    }
}

/// The same without resting. Returns when it may be due, if it was not.
async fn freeze_now(
    ctx: &Context,
    plan: &Plan<'_>,
    letter: Letter<'_>,
    cadence: &Cadence,
    places: &OnceCell<Places>,
) -> Result<UtcMs> {
    let now_ms = ctx.now_ms();
    let freeze_ms = letter.freeze_ms();
    let nominal = nominal_on(cadence, plan.issue.date).ok_or_else(|| {
        Error::invalid(format!(
            "{} is no day that the cadence promises ({}); correct `date`",
            plan.issue.date,
            cadence.describe()
        ))
    })?;
    let earliest_ms = nominal.and_utc().timestamp_millis() - ZONE_SPREAD_MS - freeze_ms;
    let (slug, date) = (plan.newsletter_asset.slug(), plan.issue.date.to_string());
    // What was fixed sooner, with others, is so again: people are asked about it, or had it rest.
    let at_once = || apart::is_to_be_fixed(ctx, slug, plan.issue.date);
    if now_ms < earliest_ms && !at_once().await? {
        return Ok(earliest_ms);
    }
    if issues::exists(&ctx.db, slug, &date).await? {
        return Ok(UtcMs::MAX);
    }
    // The hours first: they tell whether anything is due without looking at every person.
    let places = places.get_or_try_init(|| Places::load(ctx)).await?;
    let hours = PromisedHours::new(letter, cadence, nominal);
    let Some(span) = places.span(&hours) else { return Ok(UtcMs::MAX) };
    if now_ms < span.first_ms - freeze_ms && !at_once().await? {
        return Ok(span.first_ms - freeze_ms);
    }
    // A date that had passed before this installation knew of it was never promised by it. What seems to be stored in
    // the future was stored by a clock that has been set back since.
    let stored_ms = contents::first_stored_ms(&ctx.db, &plan.asset.path).await?;
    if stored_ms.is_none_or(|stored_ms| stored_ms.min(now_ms) > span.last_ms) {
        return Ok(UtcMs::MAX);
    }
    let late = match misfire(plan, places, letter, cadence, span, now_ms) {
        Misfire::InTime => None,
        Misfire::Late { asks } => asks,
        Misfire::GivenUp { because } => {
            let nominal = hours.nominal_local();
            if !promises::entered(&ctx.db, slug, &nominal).await?.contains(&nominal) {
                ctx.metrics.missed_occurrences(super::promises::enter(ctx, &hours, &because).await?);
            }
            return Ok(UtcMs::MAX);
        }
    };
    // Nothing is fixed from a text that its author has replaced by now. A folder that cannot be taken holds no promise up.
    if let Err(error) = follow::catch_up(ctx).await {
        tracing::warn!(error = error.detail(), "an issue is fixed from the content as it was last read");
    }
    if !is_present(ctx, plan.library) {
        return Ok(now_ms);
    }
    let missed = if late.is_some() { places.zones(&hours) } else { 0 };
    let written = Written::new(*plan, cadence, nominal, now_ms);
    // What may come in one mail with it is fixed with it, even before its own time.
    let mut written = written_beside(ctx, places, written).await?;
    if freeze(ctx, &mut written, &plan.asset.path, late.as_deref()).await? {
        ctx.metrics.missed_occurrences(missed);
    }
    Ok(UtcMs::MAX)
}

/// What is done with an issue whose time may have passed.
pub(super) enum Misfire {
    /// It has not, for some at least.
    InTime,
    /// It has, and the issue is sent all the same, or asks a person for a reason.
    Late { asks: Option<String> },
    /// It has, and nothing is sent.
    GivenUp { because: String },
}

/// What is done with the issue of `plan`, whose hours are `span`.
pub(super) fn misfire(
    plan: &Plan<'_>,
    places: &Places,
    letter: Letter<'_>,
    cadence: &Cadence,
    span: Span,
    now_ms: UtcMs,
) -> Misfire {
    let newsletter = plan.newsletter;
    if now_ms <= span.last_ms + i64::from(newsletter.on_time_minutes) * MINUTE_MS {
        return Misfire::InTime;
    }
    // The latest one whose time has come, too, takes its place.
    let others = letter.library.issues_of(letter.asset.slug()).into_iter().filter(|(_, other)| {
        other.date > plan.issue.date
            && nominal_on(cadence, other.date)
                .and_then(|nominal| places.span(&PromisedHours::new(letter, cadence, nominal)))
                .is_some_and(|other| other.first_ms <= now_ms)
    });
    let later = others.max_by_key(|(_, other)| other.date);
    match (newsletter.catch_up, later) {
        (CatchUp::None, _) => return Misfire::GivenUp { because: NO_CATCH_UP.to_owned() },
        (CatchUp::Latest, Some((_, later))) => {
            let because = format!(
                "its time passed before it could be frozen, and of several such issues only the latest is sent: {}",
                later.date
            );
            return Misfire::GivenUp { because };
        }
        (CatchUp::Latest | CatchUp::All, _) => {}
    }
    let asks = (now_ms > span.last_ms + i64::from(newsletter.catch_up_hours) * HOUR_MS).then(|| {
        let read = utc(now_ms).format("%Y-%m-%d %H:%M");
        format!(
            "its time passed, and so did its `catch_up_hours`, before it was frozen, at {read} UTC: a person says whether it still goes"
        )
    });
    Misfire::Late { asks }
}

/// The language of last resort for pages without a reader.
pub fn default_locale(ctx: &Context) -> Locale {
    ctx.library().vendor.as_ref().map_or_else(Locale::en, |vendor| vendor.default_locale.clone())
}
