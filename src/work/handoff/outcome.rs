//! What comes of a lead that somebody took: reached, qualified by sales, registered as a deal, won, lost, or closed after
//! contact, which may mean back to nurture until a day.

use chrono::{NaiveDate, NaiveTime};

use super::{
    super::{attribution, context::Context, sequences},
    By, Release, add_step, advance, again, heat_of, lead_in,
    ready::{Ready, ready, same_currency},
    release, row_of, stage_of, start_clock, working,
};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{MINUTE_MS, UtcMs},
            text,
        },
        lead::{Amount, DisqualifyReason, LeadStage, SlaKind, StopReason, clock},
        partner::Partner,
        program::cadence::resolve,
    },
    store::{
        Tx, audit,
        lead_clocks::{self, SlaClock},
        leads::{self, Lead},
        offers::{self, Offer},
    },
};

/// Longest time until a lead is taken up again, in days.
const REOPEN_DAYS_MAX: i64 = 730;
/// Farthest day on which a deal may be expected to close, in days.
const CLOSE_DAYS_MAX: i64 = 3 * 366;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Sales confirms a need, a value and a date.
    Sql(Closing),
    /// The partner's claim on the deal is registered.
    DealRegistered(Option<Closing>),
    /// Bought.
    Won(Closing),
    /// Did not buy.
    Lost(DisqualifyReason),
    /// Not a customer, or not now.
    Disqualified {
        /// Why.
        reason: DisqualifyReason,
        /// The day on which it is taken up again; for reasons that may pass.
        again_on: Option<NaiveDate>,
    },
}

/// What a deal is worth, and by when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// The value.
    pub amount: Amount,
    /// The day on which it is expected to be closed, or was.
    pub on: Option<NaiveDate>,
}

/// What can be recorded of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The owner reached the person: the clock to the first contact stops, the one to the next step starts.
    Contacted,
    /// A note alone; nothing else changes.
    Note,
    /// What came of it.
    Came(Outcome),
}

/// The owner reached the person: the clock to the first contact stops, the one to the next step starts. Of somebody who asked again
/// the stage stays, and a lead that was closed is closed as before.
///
/// # Errors
/// `Denied` for somebody who may not work the lead, `Conflict` in another stage.
pub async fn contacted(ctx: &Context, lead_id: &str, by: By<'_>, note: &str) -> Result<()> {
    alone(ctx, lead_id, by, Step::Contacted, note).await
}

/// Adds a note to the lead's ledger; nothing else changes.
///
/// # Errors
/// `Denied` for somebody who may not work the lead, `Invalid` without words.
pub async fn note(ctx: &Context, lead_id: &str, by: By<'_>, note: &str) -> Result<()> {
    alone(ctx, lead_id, by, Step::Note, note).await
}

/// Records what came of a lead.
///
/// # Errors
/// `Denied` for somebody who may not work the lead; `Conflict` in a stage that does not lead there, which says which one;
/// `Invalid` for a day that cannot be.
pub async fn record(ctx: &Context, lead_id: &str, by: By<'_>, outcome: Outcome, note: &str) -> Result<()> {
    alone(ctx, lead_id, by, Step::Came(outcome), note).await
}

async fn alone(ctx: &Context, lead_id: &str, by: By<'_>, step: Step, note: &str) -> Result<()> {
    let note = text::single_line("the note", note)?;
    if step == Step::Note && note.is_empty() {
        return Err(Error::invalid("write a word or two to note"));
    }
    let ready = ready(ctx, lead_id).await?;
    let mut tx = ctx.db.begin().await?;
    act(ctx, &mut tx, &ready, by, step, &note).await?;
    tx.commit().await
}

/// Records a step in the transaction of the caller, who ends it. `note` is one line.
///
/// # Errors
/// As [`record`]; then the transaction must not be committed.
pub(in crate::work) async fn act(
    ctx: &Context,
    tx: &mut Tx,
    ready: &Ready,
    by: By<'_>,
    step: Step,
    note: &str,
) -> Result<()> {
    let work = Work::begin(tx, ready, by).await?;
    let outcome = match step {
        Step::Contacted => {
            let what = said("reached the person", note);
            if again::waits_for_answer(&work.lead) {
                return work.answered(ctx, &what, ready.close_date).await;
            }
            return work.go_on(ctx, LeadStage::Contacted, &what, None).await;
        }
        Step::Note => {
            return add_step(ctx, work.tx, &work.lead, by.name(), &format!("noted: {note}")).await;
        }
        Step::Came(outcome) => outcome,
    };
    let today = crate::domain::kernel::clock::utc(ctx.now_ms()).with_timezone(&work.zone).date_naive();
    match outcome {
        Outcome::Sql(closing) => {
            if closing.on.is_none() {
                return Err(Error::invalid(
                    "write the day on which it may be closed; a deal without one cannot be planned with",
                ));
            }
            expected(closing.on, today)?;
            work.go_on(
                ctx,
                LeadStage::Sql,
                &said(&worth("confirmed the need", Some(closing)), note),
                Some(closing),
            )
            .await
        }
        Outcome::DealRegistered(closing) => {
            same_currency(ready.worth, closing)?;
            expected(closing.and_then(|it| it.on), today)?;
            work.go_on(
                ctx,
                LeadStage::DealRegistered,
                &said(&worth("registered the deal", closing), note),
                closing,
            )
            .await
        }
        Outcome::Won(closing) => {
            same_currency(ready.worth, Some(closing))?;
            let closing = Closing { on: closing.on.or(Some(today)), ..closing };
            if closing.on.is_some_and(|on| on > today) {
                return Err(Error::invalid("a deal cannot have been won on a day to come"));
            }
            work.close(
                ctx,
                LeadStage::Won,
                &said(&worth("won the deal", Some(closing)), note),
                Some(closing),
                "",
            )
            .await
        }
        Outcome::Lost(reason) => {
            let what = said(&format!("lost the deal. {}", reason.label()), note);
            work.close(ctx, LeadStage::Lost, &what, None, reason.as_str()).await
        }
        Outcome::Disqualified { reason, again_on } => {
            work.disqualify(ctx, reason, again_on, today, note).await
        }
    }
}

/// Appends what a lead is worth, and credits what brought it.
pub(super) async fn amount_said(
    ctx: &Context,
    tx: &mut Tx,
    lead_id: &str,
    actor: &str,
    stage: LeadStage,
    Closing { amount, on }: Closing,
) -> Result<()> {
    let amount = leads::Amount {
        at_ms: ctx.now_ms(),
        actor: actor.to_owned(),
        stage: stage.as_str().to_owned(),
        minor_units: amount.minor_units,
        currency: amount.currency.code().to_owned(),
        close_date: on.map(|on| on.to_string()),
    };
    let no = leads::add_amount(tx, lead_id, &amount).await?;
    attribution::credit(ctx, tx, (lead_id, no), amount.minor_units, amount.at_ms).await
}

/// `won the deal, EUR 12,000, 2027-02-26`
pub(super) fn worth(what: &str, closing: Option<Closing>) -> String {
    match closing {
        Some(Closing { amount, on: Some(on) }) => format!("{what}, {amount}, {on}"),
        Some(Closing { amount, on: None }) => format!("{what}, {amount}"),
        None => what.to_owned(),
    }
}

/// `what: note`, or `what` alone.
fn said(what: &str, note: &str) -> String {
    if note.is_empty() { what.to_owned() } else { format!("{what}: {note}") }
}

/// Whether a deal may be expected to close on a day.
pub(super) fn expected(on: Option<NaiveDate>, today: NaiveDate) -> Result<()> {
    match on {
        Some(on) if on < today => {
            Err(Error::invalid(format!("{on} has passed; write the day on which it may be closed")))
        }
        Some(on) if (on - today).num_days() > CLOSE_DAYS_MAX => {
            Err(Error::invalid(format!("{on} is more than three years ahead; check the year")))
        }
        _ => Ok(()),
    }
}

/// A clock to the end of the day on which the deal may be closed, or of the next business day, so that nobody forgets it. It is never
/// shorter than the one to a next step: who is late with what closes today has as long again.
pub(super) fn clock_until(
    ctx: &Context,
    offer: &Offer,
    partner: &Partner,
    zone: chrono_tz::Tz,
    on: NaiveDate,
) -> Result<SlaClock> {
    let library = ctx.library();
    let working = working(&library, offer, partner, zone)?;
    let now_ms = ctx.now_ms();
    let due_ms = working.end_of_day_ms(on, now_ms);
    let rule = library.rules.routing.as_ref();
    let shortest = rule.map_or(1, |rule| clock::minutes(rule, SlaKind::NextStep, heat_of(offer)));
    let minutes =
        u32::try_from(working.elapsed_ms(now_ms, due_ms) / MINUTE_MS).unwrap_or(u32::MAX).max(shortest);
    let running = clock::SlaClock { kind: SlaKind::NextStep, started_ms: now_ms, due_ms, minutes };
    Ok(row_of(offer, &running, &working, now_ms))
}

/// A lead in the hands of whoever may work it.
struct Work<'a> {
    tx: &'a mut Tx,
    lead: Lead,
    offer: Offer,
    partner: &'a Partner,
    zone: chrono_tz::Tz,
    by: By<'a>,
}

impl<'a> Work<'a> {
    async fn begin(tx: &'a mut Tx, ready: &'a Ready, by: By<'a>) -> Result<Self> {
        let Ready { known, partner, live, zone, .. } = ready;
        let lead_id = known.id.as_str();
        let lead = lead_in(tx, lead_id).await?;
        // Whoever it was given to in between is its owner.
        if !by.may_work(known, partner) || !by.may_work(&lead, partner) {
            return Err(Error::denied(
                "only the owner of a lead, or the channel manager, can record what came of it",
            ));
        }
        let offer = offers::live_in(tx, lead_id).await?.filter(Offer::holds);
        let stage = stage_of(&lead)?.label().to_lowercase();
        let offer = offer
            .ok_or_else(|| Error::conflict(format!("this lead is \"{stage}\" now, and nobody's to work")))?;
        if live.as_ref().is_some_and(|known| known.id != offer.id) {
            return Err(Error::conflict("somebody else has this lead now; look at it again"));
        }
        Ok(Self { tx, lead, offer, partner, zone: *zone, by })
    }

    /// Moves the lead on with its owner; the clock to the next step starts anew.
    async fn go_on(
        mut self,
        ctx: &Context,
        to: LeadStage,
        what: &str,
        closing: Option<Closing>,
    ) -> Result<()> {
        // A deal that is registered without another day keeps the one that was named before, with its clock.
        let is_dated = closing.is_some_and(|it| it.on.is_some());
        let begins_anew = to != LeadStage::DealRegistered || is_dated;
        if begins_anew {
            self.is_answered();
        }
        // Before whoever is told of the step asks what it is worth.
        self.say_amount(ctx, to, closing).await?;
        advance(ctx, self.tx, &mut self.lead, to, self.by.name(), what).await?;
        if begins_anew {
            lead_clocks::stop(self.tx, &self.lead.id, ctx.now_ms(), "").await?;
        }
        match (to, closing.and_then(|it| it.on)) {
            (LeadStage::Contacted, _) => {
                start_clock(ctx, self.tx, &self.offer, self.partner, self.zone, SlaKind::NextStep).await?;
            }
            (_, Some(on)) => self.start_clock_until(ctx, on).await?,
            (_, None) => {}
        }
        self.finish(ctx, to.as_str()).await
    }

    /// The person, who asked again, was reached: a closed lead is with nobody again; of others the clock goes on that was cut short.
    async fn answered(mut self, ctx: &Context, what: &str, close_date: Option<NaiveDate>) -> Result<()> {
        let now_ms = ctx.now_ms();
        let stage = stage_of(&self.lead)?;
        lead_clocks::stop(self.tx, &self.lead.id, now_ms, "").await?;
        again::set(ctx, self.tx, &mut self.lead, None, again::ANSWERED).await?;
        add_step(ctx, self.tx, &self.lead, self.by.name(), what).await?;
        match close_date.filter(|_| matches!(stage, LeadStage::Sql | LeadStage::DealRegistered)) {
            _ if stage.is_terminal() => {
                offers::end(self.tx, &self.offer.id, now_ms, ("", "Answered")).await?;
            }
            Some(on) => self.start_clock_until(ctx, on).await?,
            None => {
                start_clock(ctx, self.tx, &self.offer, self.partner, self.zone, SlaKind::NextStep).await?;
            }
        }
        self.finish(ctx, "answered").await
    }

    /// Who asked again does not wait any more, if they did.
    fn is_answered(&mut self) {
        if self.lead.asked_again_ms.take().is_some() {
            again::ANSWERED.clone_into(&mut self.lead.because);
        }
    }

    async fn start_clock_until(&mut self, ctx: &Context, on: NaiveDate) -> Result<()> {
        let clock = clock_until(ctx, &self.offer, self.partner, self.zone, on)?;
        lead_clocks::start(self.tx, &clock).await
    }

    /// Ends the work: won or lost, which nothing follows.
    async fn close(
        mut self,
        ctx: &Context,
        to: LeadStage,
        what: &str,
        closing: Option<Closing>,
        reason: &str,
    ) -> Result<()> {
        reason.clone_into(&mut self.lead.closed_reason);
        self.is_answered();
        self.say_amount(ctx, to, closing).await?;
        advance(ctx, self.tx, &mut self.lead, to, self.by.name(), what).await?;
        lead_clocks::stop(self.tx, &self.lead.id, ctx.now_ms(), "").await?;
        offers::end(self.tx, &self.offer.id, ctx.now_ms(), ("", to.label())).await?;
        self.finish(ctx, to.as_str()).await
    }

    /// Closes the lead after contact; for a reason that may pass it goes back to nurture, until a day if one is named.
    async fn disqualify(
        mut self,
        ctx: &Context,
        reason: DisqualifyReason,
        again_on: Option<NaiveDate>,
        today: NaiveDate,
        note: &str,
    ) -> Result<()> {
        let reopen_ms = self.reopen_ms(reason, again_on, today)?;
        reason.as_str().clone_into(&mut self.lead.closed_reason);
        let why = Release { reason: StopReason::Done, sentence: reason.label() };
        release(ctx, self.tx, &mut self.lead, &self.offer, &why).await?;
        let what = said(reason.label(), note);
        if again::waits_for_answer(&self.lead) {
            reason.label().clone_into(&mut self.lead.because);
        }
        // Whatever they did until now was weighed, and counts no more.
        self.lead.recycled_ms = Some(ctx.now_ms());
        advance(ctx, self.tx, &mut self.lead, LeadStage::Disqualified, self.by.name(), &what).await?;
        if reason.is_for_now() {
            self.lead.reopen_ms = reopen_ms;
            self.lead.because = format!("back to nurture: {}", reason.label().to_lowercase());
            let until = again_on.map_or(String::new(), |on| format!(" To be taken up again on {on}."));
            let what = format!("Back to nurture. {}.{until}", reason.label());
            advance(ctx, self.tx, &mut self.lead, LeadStage::Recycled, "partnercast", &what).await?;
            sequences::hand_back(self.tx, &self.lead.id, ctx.now_ms()).await?;
        }
        self.finish(ctx, reason.as_str()).await
    }

    /// Nine in the morning of the day on which it is taken up again.
    fn reopen_ms(
        &self,
        reason: DisqualifyReason,
        again_on: Option<NaiveDate>,
        today: NaiveDate,
    ) -> Result<Option<UtcMs>> {
        let Some(on) = again_on else { return Ok(None) };
        if !reason.is_for_now() {
            return Err(Error::invalid(format!(
                "\"{}\" closes a lead; leave out the day, or choose a reason that may pass",
                reason.label()
            )));
        }
        let days = (on - today).num_days();
        if !(1..=REOPEN_DAYS_MAX).contains(&days) {
            return Err(Error::invalid(format!("{on}: choose a day from tomorrow on, within two years")));
        }
        let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default();
        Ok(Some(resolve(on.and_time(nine), self.partner.zone).at_ms))
    }

    async fn say_amount(&mut self, ctx: &Context, stage: LeadStage, closing: Option<Closing>) -> Result<()> {
        let Some(closing) = closing else { return Ok(()) };
        amount_said(ctx, self.tx, &self.lead.id, self.by.name(), stage, closing).await
    }

    async fn finish(self, ctx: &Context, detail: &str) -> Result<()> {
        let (now_ms, actor) = (ctx.now_ms(), self.by.name());
        audit::record(self.tx, now_ms, &*ctx.random, actor, "lead", &self.lead.id, detail).await
    }
}
