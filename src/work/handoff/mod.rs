//! From a qualified lead to its close: offered with a running clock, answered, worked, taken back, closed.
//!
//! A lead has one offer at a time that is open or holds, and one clock at most; the database holds both to it. Every
//! change is one transaction with its step in the lead's ledger, its clock and its mails, so that nothing can happen
//! without being told, nor be told without happening. Whoever comes second is refused and finds what the first one did.

mod again;
mod answer;
mod assign;
mod call;
pub mod conflict;
mod decision;
mod give;
mod give_partner;
mod leave;
mod market;
mod offer;
mod outcome;
mod qualify;
mod ready;
mod reminder;
mod reopen;
mod taken_in;
mod turn;
mod value;
mod withdrawn;
mod wording;

use super::{
    cobrand::{CoBrand, no_content},
    context::Context,
    desk::Rep,
    sequences, webhooks,
};
use crate::{
    domain::{
        content::Library,
        kernel::{Error, Result, clock::UtcMs},
        lead::{
            LeadStage, SlaKind, StopReason, WorkingHours,
            clock::{self, Heat},
        },
        partner::Partner,
    },
    store::{
        Tx, closings, consents,
        lead_clocks::{self, SlaClock},
        leads::{self, Lead},
        offers::{self, Offer},
        partners, sql,
    },
};

pub use again::{Again, asks_again, waits_for_answer};
pub use answer::{accept, ask_for_time, load_offer, reject, view};
pub(super) use assign::{CALLED_BACK, CALLED_OUT, GIVEN_TO, STAYS, TRIES_MAX};
pub use call::{claim, decline, gone, load_call};
pub use decision::{Correction, correct, hand_on, is_to_decide};
pub use give::{BECAUSE_CHARS_MAX, Giving, Prospect, Recipient, give, prospect};
pub use give_partner::{Choices, Order, choices, give_partner};
pub(super) use leave::leave;
pub(super) use market::Market;
pub(super) use offer::routed;
pub use offer::{HandOff, Offering, code, prepare};
pub(super) use outcome::act;
pub use outcome::{Closing, Outcome, Step, contacted, note, record};
pub(in crate::work) use qualify::is_overlooked;
pub use qualify::{Looked, SCORING_LOOK, told_later};
pub(super) use ready::{Ready, ready};
pub use turn::{run, tick};
pub use value::correct_value;
pub(in crate::work) use value::revalue;
pub use wording::Asked;

/// Who acts on a lead.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// Somebody with a desk.
    Rep(&'a Rep),
    /// Somebody at the console, as the audit log names them.
    Console(&'a str),
    /// A program, as the audit log names it, for one partner or for all.
    Program(&'a str, Option<&'a str>),
}

impl By<'_> {
    /// How the lead's ledger names them.
    pub fn name(&self) -> &str {
        match self {
            Self::Rep(rep) => &rep.name,
            Self::Console(name) | Self::Program(name, _) => name,
        }
    }

    /// Whether they may work the lead: its owner, the partner's channel manager, or whoever is signed in to the console.
    fn may_work(&self, lead: &Lead, partner: &Partner) -> bool {
        match self {
            Self::Rep(rep) => {
                lead.owner_email.as_deref().is_some_and(|it| rep.is_at(it)) || self.manages(partner)
            }
            Self::Console(_) => true,
            Self::Program(_, only) => only.is_none_or(|only| only == lead.partner_slug),
        }
    }

    /// Whether they look after the partner for the vendor.
    pub fn manages(&self, partner: &Partner) -> bool {
        match self {
            Self::Rep(rep) => rep.looks_after(partner),
            Self::Console(_) => true,
            Self::Program(_, only) => only.is_none(),
        }
    }
}

/// A lead with its partner, as they are now.
async fn lead_and_partner(ctx: &Context, lead_id: &str) -> Result<(Lead, Partner)> {
    let lead = leads::lead(&ctx.db, lead_id).await?.ok_or_else(|| Error::not_found("this lead"))?;
    let partner = partners::partner(&ctx.db, &lead.partner_slug).await?;
    Ok((lead, partner.ok_or_else(|| Error::not_found("the partner of this lead"))?))
}

/// A lead as it is inside of a transaction.
async fn lead_in(tx: &mut Tx, lead_id: &str) -> Result<Lead> {
    leads::lead_in(tx, lead_id).await?.ok_or_else(|| Error::not_found("this lead"))
}

/// Whether the person still agrees to be contacted. Nobody who took that back is called for what they do, or on a day that was
/// named before.
pub(super) async fn agrees(ctx: &Context, lead_id: &str) -> Result<bool> {
    consents::agrees(&ctx.db, lead_id).await
}

/// The same inside the transaction in which the lead goes to somebody: refused where they took it back meanwhile.
async fn must_agree(tx: &mut Tx, lead_id: &str) -> Result<()> {
    if consents::agrees_in(tx, lead_id).await? {
        return Ok(());
    }
    Err(Error::conflict("the person took back their consent to be contacted; nobody may call them"))
}

fn stage_of(lead: &Lead) -> Result<LeadStage> {
    sql::stored("lead", "stage", &lead.id, &lead.stage, LeadStage::parse(&lead.stage))
}

fn heat_of(offer: &Offer) -> Heat {
    Heat::parse(&offer.temperature).unwrap_or(Heat::Standard)
}

/// The title of what brought the lead, as the partner's readers see it.
fn asset_title(ctx: &Context, lead: &Lead, partner: &Partner) -> Result<String> {
    let (library, media) = (ctx.library(), ctx.media());
    let brand = CoBrand::new(&library, &media, partner, &partner.locale, "")?;
    match library.find(&lead.asset, &partner.locale) {
        Some(asset) => brand.text(&asset.front.title),
        None if lead.asset.is_empty() => {
            Ok(wording::came(ctx, &ctx.templates.strings(&partner.locale), lead))
        }
        None => Ok(lead.asset.clone()),
    }
}

/// Moves the lead to `to`, if its stage allows that, and writes the step.
async fn advance(
    ctx: &Context,
    tx: &mut Tx,
    lead: &mut Lead,
    to: LeadStage,
    actor: &str,
    what: &str,
) -> Result<()> {
    let from = stage_of(lead)?;
    from.check_step(to)?;
    let known_ms = lead.updated_ms;
    if to.is_in_nurture() || to == LeadStage::Disqualified {
        // Nobody is to answer them any more.
        lead.asked_again_ms = None;
    }
    to.as_str().clone_into(&mut lead.stage);
    lead.updated_ms = ctx.now_ms();
    leads::update(tx, lead, known_ms, from.as_str()).await?;
    leads::add_step(tx, &lead.id, lead.updated_ms, actor, to.as_str(), what).await?;
    if matches!(to, LeadStage::Disqualified | LeadStage::Lost) {
        closings::say_why(tx, &lead.id, &lead.closed_reason).await?;
    }
    webhooks::lead_moved(tx, &*ctx.random, lead, from, to).await
}

/// Sends a lead back to nurture, with why; it is offered to nobody until the person acts anew.
async fn rest(ctx: &Context, tx: &mut Tx, lead: &mut Lead, because: &str, what: &str) -> Result<()> {
    because.clone_into(&mut lead.because);
    lead.recycled_ms = Some(ctx.now_ms());
    advance(ctx, tx, lead, LeadStage::Recycled, "partnercast", what).await?;
    sequences::hand_back(tx, &lead.id, ctx.now_ms()).await.map(drop)
}

/// What the ledger says of a lead whose person takes their consent back.
const WITHDRAWN: &str = "The person took back their consent to be contacted. Nobody is asked to call.";

/// Writes a step that leaves the lead where it is.
async fn add_step(ctx: &Context, tx: &mut Tx, lead: &Lead, actor: &str, what: &str) -> Result<()> {
    leads::add_step(tx, &lead.id, ctx.now_ms(), actor, &lead.stage, what).await
}

/// Ends what binds the lead to somebody: an offer that is open is taken back, an assignment ends, the clock stops.
async fn release(
    ctx: &Context,
    tx: &mut Tx,
    lead: &mut Lead,
    offer: &Offer,
    why: &Release<'_>,
) -> Result<()> {
    let now_ms = ctx.now_ms();
    let ended = if offer.answer.is_none() {
        let how =
            offers::Answer { answer: "recalled", reason: why.reason.as_str(), because: Some(why.sentence) };
        offers::answer(tx, &offer.id, now_ms, how).await?
    } else {
        let reason = if why.reason == StopReason::Conflict { why.reason.as_str() } else { "" };
        offers::end(tx, &offer.id, now_ms, (reason, why.sentence)).await?
    };
    if !ended {
        return Err(Error::conflict("somebody else has changed this lead meanwhile; look at it again"));
    }
    lead_clocks::stop(tx, &lead.id, now_ms, why.reason.as_str()).await?;
    lead.owner_name = None;
    lead.owner_email = None;
    Ok(())
}

/// Why a lead is taken from somebody.
struct Release<'a> {
    /// What stops the clock.
    reason: StopReason,
    /// For people.
    sentence: &'a str,
}

/// The working hours of whoever an offer was made to, by the clocks of `zone`.
fn working<'r>(
    library: &'r Library,
    offer: &Offer,
    partner: &Partner,
    zone: chrono_tz::Tz,
) -> Result<WorkingHours<'r>> {
    let routing = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let calendar = &library.rules.calendar;
    Ok(if offer.contact_id.is_some() {
        WorkingHours::at_partner(routing, calendar, partner, zone)
    } else {
        WorkingHours::at_vendor(routing, calendar, zone)
    })
}

/// A clock that starts now for whoever the offer was made to; `zone` is theirs.
fn clock_of(
    ctx: &Context,
    offer: &Offer,
    partner: &Partner,
    zone: chrono_tz::Tz,
    kind: SlaKind,
    now_ms: UtcMs,
) -> Result<SlaClock> {
    let library = ctx.library();
    let rule = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let working = working(&library, offer, partner, zone)?;
    let running = clock::start(rule, kind, heat_of(offer), now_ms, &working);
    Ok(row_of(offer, &running, &working, now_ms))
}

/// The row of a clock that runs for whoever the offer was made to, in their `working` hours.
fn row_of(offer: &Offer, running: &clock::SlaClock, working: &WorkingHours<'_>, now_ms: UtcMs) -> SlaClock {
    SlaClock {
        lead_id: offer.lead_id.clone(),
        kind: running.kind.as_str().to_owned(),
        started_ms: running.started_ms,
        due_ms: running.due_ms,
        owner: offer.rep_name.clone(),
        zone: working.zone.name().to_owned(),
        minutes: i64::from(running.minutes),
        turn_ms: running.turns(working, 0, now_ms).1.map_or(running.due_ms, |turn| turn.at_ms),
        ..SlaClock::default()
    }
}

/// The zone of whoever the offer was made to.
async fn zone_of(ctx: &Context, offer: &Offer, partner: &Partner) -> Result<chrono_tz::Tz> {
    let rep = super::desk::rep(ctx, &offer.rep_email).await?;
    Ok(rep.map_or(partner.zone, |rep| rep.zone))
}

/// Starts the clock of `kind` for whoever holds the lead.
async fn start_clock(
    ctx: &Context,
    tx: &mut Tx,
    offer: &Offer,
    partner: &Partner,
    zone: chrono_tz::Tz,
    kind: SlaKind,
) -> Result<()> {
    lead_clocks::start(tx, &clock_of(ctx, offer, partner, zone, kind, ctx.now_ms())?).await
}
