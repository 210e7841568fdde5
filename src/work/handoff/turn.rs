//! What becomes of a clock as its time passes. At a half and at four fifths whoever has the lead is reminded. At its end a
//! lead that nobody took, or reached, is taken back and offered to the next; a next step that is late, and whatever the
//! channel manager has, goes one step up instead: to the channel manager, then to the sponsor. Each step is told to the
//! channel manager, and stands in the lead's ledger.

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    super::{
        api_keys, attribution,
        cobrand::no_content,
        context::Context,
        pulse::{self, Said},
        scoring,
    },
    Offering, Release, WITHDRAWN, add_step, advance, agrees,
    answer::kind_of,
    asset_title, assign, call, conflict, heat_of, lead_and_partner, lead_in, qualify, release, reminder,
    reopen, rest, stage_of, taken_in, withdrawn, working,
};
use crate::{
    domain::{
        kernel::{Result, clock::UtcMs},
        lead::{
            LeadStage, SlaKind, StopReason,
            clock::{self, OVERDUE_AT_PERCENT, SPONSOR_AT_PERCENT, Turn},
        },
        partner::Partner,
    },
    store::{
        Tx, audit, conflicts, consents,
        lead_clocks::{self, SlaClock},
        leads::Lead,
        offers::{self, Offer},
        sql,
    },
};

/// Clocks looked at in one go.
const CLOCKS_MAX: i64 = 100;
/// Goes of one look; the next look goes on behind them.
const PARTS_MAX: usize = 50;

/// Looks each second (faster in a rehearsal) until `shutdown`.
pub async fn run(ctx: Arc<Context>, mut shutdown: watch::Receiver<bool>) {
    let mut said = Said::default();
    while !*shutdown.borrow() {
        said.once(tick(&ctx).await, "clocks of leads");
        tokio::select! {
            () = tokio::time::sleep(pulse::rest(&ctx)) => {}
            _ = shutdown.changed() => {}
        }
    }
}

/// Does all that is due: clocks whose turn has come, conflicts of partners, leads that came from a file or through the API,
/// leads to take up again, people in nurture who qualify.
///
/// # Errors
/// Every fault, of whichever lead; the others are done.
pub async fn tick(ctx: &Context) -> Result<()> {
    if ctx.library().rules.routing.is_none() {
        // Nothing was synced yet.
        return Ok(());
    }
    // Before anybody is reminded to call them.
    let mut faults = withdrawn::due(ctx).await?;
    for _ in 0..PARTS_MAX {
        let due = lead_clocks::turning(&ctx.db, ctx.now_ms(), CLOCKS_MAX).await?;
        let before = faults.len();
        for clock in &due {
            faults.extend(
                turn(ctx, clock).await.err().map(|error| format!("{}: {}", clock.lead_id, error.detail())),
            );
        }
        // What failed comes again at once, so only a go without a fault leads to another.
        if due.is_empty() || faults.len() > before {
            break;
        }
    }
    faults.extend(api_keys::tell_of_ends(ctx).await?);
    faults.extend(call::over(ctx).await?);
    faults.extend(conflict::tick(ctx).await?);
    faults.extend(taken_in::due(ctx).await?);
    faults.extend(assign::waiting(ctx).await?);
    faults.extend(reopen::due(ctx).await?);
    faults.extend(qualify::by_deeds(ctx).await?);
    attribution::credit_the_bare(ctx).await?;
    if faults.is_empty() { Ok(()) } else { Err(crate::domain::kernel::Error::internal(faults.join("\n"))) }
}

/// A clock whose turn has come, with all that it concerns.
pub(super) struct Due<'a> {
    pub(super) lead: Lead,
    pub(super) partner: Partner,
    pub(super) offer: Offer,
    pub(super) clock: &'a SlaClock,
    pub(super) kind: SlaKind,
    pub(super) turn: Turn,
    /// When the turn after it is; never, where it was the last.
    next_ms: UtcMs,
}

async fn turn(ctx: &Context, row: &SlaClock) -> Result<()> {
    let (lead, partner) = lead_and_partner(ctx, &row.lead_id).await?;
    let live = offers::of_lead(&ctx.db, &lead.id).await?.into_iter().find(Offer::is_live);
    let Some(offer) = live else { return stop_idle(ctx, row).await };
    let library = ctx.library();
    let zone = sql::stored("clock", "zone", &lead.id, &row.zone, row.zone.parse().ok())?;
    let working = working(&library, &offer, &partner, zone)?;
    let kind = kind_of(row)?;
    let rule = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let minutes = match u32::try_from(row.minutes) {
        Ok(0) | Err(_) => clock::minutes(rule, kind, heat_of(&offer)),
        Ok(minutes) => minutes,
    };
    let running = clock::SlaClock { kind, started_ms: row.started_ms, due_ms: row.due_ms, minutes };
    let told_percent = u32::try_from(row.told_percent).unwrap_or(0);
    let (come, next) = running.turns(&working, told_percent, ctx.now_ms());
    let next_ms = next.map_or(UtcMs::MAX, |turn| turn.at_ms);
    let Some(come) = come else { return put_off(ctx, row, next_ms).await };
    let due = Due { lead, partner, offer, clock: row, kind, turn: come, next_ms };
    match come.percent {
        ..OVERDUE_AT_PERCENT => remind(ctx, &due).await,
        OVERDUE_AT_PERCENT if due.is_taken_back() => take_back(ctx, due).await,
        _ => go_up(ctx, &due).await,
    }
}

impl Due<'_> {
    /// Whether the lead is taken back now: nobody took it, or reached the person, and there is somebody else to ask.
    fn is_taken_back(&self) -> bool {
        self.kind != SlaKind::NextStep && self.offer.contact_id.is_some()
    }

    /// Whether the sponsor is told: where the channel manager is the one who is late, or was told before.
    pub(super) fn is_sponsors(&self) -> bool {
        self.offer.contact_id.is_none() || self.turn.percent >= SPONSOR_AT_PERCENT
    }
}

/// A clock of a lead that is with nobody: nothing should leave one behind, and it must not come up for ever.
async fn stop_idle(ctx: &Context, row: &SlaClock) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    // This one, and none that was started meanwhile.
    if lead_clocks::told(&mut tx, row, row.told_percent, UtcMs::MAX).await? {
        lead_clocks::stop(&mut tx, &row.lead_id, ctx.now_ms(), StopReason::Withdrawn.as_str()).await?;
    }
    tx.commit().await
}

/// Hours or rules were changed, so its turn is later than it was.
async fn put_off(ctx: &Context, row: &SlaClock, next_ms: UtcMs) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    lead_clocks::told(&mut tx, row, row.told_percent, next_ms).await?;
    tx.commit().await
}

async fn remind(ctx: &Context, due: &Due<'_>) -> Result<()> {
    let mail = reminder::to_rep(ctx, due)?;
    let mut tx = ctx.db.begin().await?;
    if !lead_clocks::told(&mut tx, due.clock, i64::from(due.turn.percent), due.next_ms).await? {
        return Ok(());
    }
    mail.enqueue(&mut tx, ctx.now_ms()).await?;
    let what = format!(
        "reminded {}: {} % of the time to {} is used",
        due.offer.rep_name,
        due.turn.percent,
        due.kind.label().to_lowercase()
    );
    add_step(ctx, &mut tx, &due.lead, "partnercast", &what).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// The matter goes one step up; the lead stays where it is.
async fn go_up(ctx: &Context, due: &Due<'_>) -> Result<()> {
    let above = reminder::upwards(ctx, due)?;
    let told =
        above.as_ref().map_or_else(|| "nobody is above them".to_owned(), |(name, _)| format!("told {name}"));
    let what = format!("{} is late: {}; {told}", due.offer.rep_name, due.kind.label().to_lowercase());
    let mut tx = ctx.db.begin().await?;
    if !lead_clocks::told(&mut tx, due.clock, i64::from(due.turn.percent), due.next_ms).await? {
        return Ok(());
    }
    if let Some((_, mail)) = above {
        mail.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    add_step(ctx, &mut tx, &due.lead, "partnercast", &what).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Takes a lead that nobody reached yet from whoever has it, and offers it to the next; it rests where its person took back
/// their consent, whoever would be next.
pub(super) async fn pass_on(
    ctx: &Context,
    tx: &mut Tx,
    lead: &mut Lead,
    (partner, offer): (&Partner, &Offer),
    next: Option<assign::Next>,
    why: &Release<'_>,
) -> Result<()> {
    release(ctx, tx, lead, offer, why).await?;
    advance(ctx, tx, lead, LeadStage::Expired, "partnercast", why.sentence).await?;
    match next {
        Some(next) if consents::agrees_in(tx, &lead.id).await? => {
            next.store(ctx, tx, lead, partner, assign::LAPSED).await
        }
        _ => rest(ctx, tx, lead, "they took back their consent", WITHDRAWN).await,
    }
}

/// Takes the lead back from who did not answer, or reach the person, and offers it to the next.
async fn take_back(ctx: &Context, due: Due<'_>) -> Result<()> {
    let standing = scoring::assess(ctx, &due.lead, None).await?;
    let scored = Lead { score: i64::from(standing.score.points), ..due.lead.clone() };
    let title = asset_title(ctx, &due.lead, &due.partner)?;
    let why = match due.kind {
        SlaKind::Accept => "did not answer in time before",
        SlaKind::FirstContact | SlaKind::NextStep => "did not reach the person in time before",
    };
    let next = assign::next(
        ctx,
        &Offering {
            lead: &scored,
            partner: &due.partner,
            asset_title: &title,
            because: &due.lead.because,
            heat: heat_of(&due.offer),
            passing: Some((&due.offer.rep_email, why)),
            again: None,
        },
        assign::LAPSED,
    )
    .await?;
    let gone = reminder::moved_on(ctx, &due)?;
    let told = match next.hand_off() {
        Some(next) if agrees(ctx, &due.lead.id).await? => reminder::taken_back(ctx, &due, next)?,
        _ => None,
    };
    let mut tx = ctx.db.begin().await?;
    // The next partner may meet somebody else's lead.
    conflicts::take_turns(&mut tx).await?;
    if !lead_clocks::told(&mut tx, due.clock, i64::from(due.turn.percent), due.next_ms).await? {
        return Ok(());
    }
    let mut lead = lead_in(&mut tx, &due.lead.id).await?;
    // Answered in this very moment: then there is nothing to take back.
    if !matches!(stage_of(&lead)?, LeadStage::Offered | LeadStage::Sal) {
        return Ok(());
    }
    let sentence = match due.kind {
        SlaKind::Accept => format!("{} did not answer in time", due.offer.rep_name),
        _ => format!("{} did not reach the person in time", due.offer.rep_name),
    };
    lead.score = scored.score;
    let why = Release { reason: StopReason::Overdue, sentence: &sentence };
    pass_on(ctx, &mut tx, &mut lead, (&due.partner, &due.offer), Some(next), &why).await?;
    for mail in std::iter::once(gone).chain(told) {
        mail.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, "partnercast", "take-back", &lead.id, &due.offer.id)
        .await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}
