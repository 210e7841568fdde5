//! Somebody whose lead is in hand, or closed, asks to talk again. Whoever has it, or had it, is told, and once it is past the
//! first contact a clock runs until they have answered, short as that to a first contact. A lead that was won or lost stays so:
//! it is with its owner again until they have answered. Nobody who asks is left without somebody who has to act.

use super::{
    super::{
        cobrand::no_content,
        context::Context,
        notices::{self, Ready, StaffNotice, Words},
        tokens::DeskToken,
    },
    Asked, HandOff, Offering, Release, add_step, asset_title, conflict, lead_and_partner, lead_in, offer,
    prepare, reminder, row_of, stage_of, working, zone_of,
};
use crate::{
    domain::{
        kernel::{Kind, Result, clock::UtcMs},
        lead::{
            LeadStage, OfferPurpose, SlaKind, StopReason,
            clock::{self, Heat},
        },
        partner::Partner,
    },
    store::{
        Tx,
        lead_clocks::{self, SlaClock},
        leads::{self, Lead},
        offers::{self, Offer},
    },
};

/// Why a lead stands where it stands whose person asked again and waits for an answer.
const ASKED_AGAIN: &str = "asked to talk again, and waits for an answer";
/// The same, once they were answered.
pub(super) const ANSWERED: &str = "asked again, and was answered";

/// What follows when somebody asks again.
pub struct Again {
    lead_id: String,
    mails: Vec<Ready>,
    then: Then,
}

/// What is done about it.
enum Then {
    /// The mail alone: a clock for just this runs already.
    Told,
    /// The clock of whoever has it ends sooner; by which offer they have it.
    Sooner(String, Box<SlaClock>),
    /// Whoever closed it, or else who comes next, has it until they have answered.
    Follow(Box<(Offer, SlaClock)>),
}

/// Whether the person of `lead` asked again and waits for an answer.
pub fn waits_for_answer(lead: &Lead) -> bool {
    lead.asked_again_ms.is_some()
}

/// Prepares what follows when the person of a lead that nobody may be offered now asks again; `what` makes its mails, once.
/// Stores nothing.
///
/// # Errors
/// Those of the store, of routing and of composing.
pub async fn asks_again(ctx: &Context, lead_id: &str, what: &str, asked: Asked) -> Result<Again> {
    let (lead, partner) = lead_and_partner(ctx, lead_id).await?;
    let stage = stage_of(&lead)?;
    let all = offers::of_lead(&ctx.db, lead_id).await?;
    let live = all.iter().find(|offer| offer.is_live());
    let mut again = Again { lead_id: lead.id.clone(), mails: Vec::new(), then: Then::Told };
    match live {
        Some(offer) => {
            again.mails.push(reminder::wrote_again(ctx, &lead, &partner, offer, (what, asked))?);
            let kind = match stage {
                // Whoever asked before has the short clocks already.
                LeadStage::Offered if !is_hot(offer) => Some(SlaKind::Accept),
                LeadStage::Sal if !is_hot(offer) => Some(SlaKind::FirstContact),
                LeadStage::Contacted | LeadStage::Sql | LeadStage::DealRegistered
                    if !waits_for_answer(&lead) =>
                {
                    Some(SlaKind::NextStep)
                }
                _ => None,
            };
            if let Some(kind) = kind {
                let zone = zone_of(ctx, offer, &partner).await?;
                let clock = hot_clock(ctx, kind, offer, &partner, zone)?;
                again.then = Then::Sooner(offer.id.clone(), Box::new(clock));
            }
        }
        None if stage.is_terminal() => {
            // Where another partner has the person in hand, that one is told, and no second one calls.
            let meeting = conflict::weigh(ctx, &lead, true).await?;
            if meeting.goes() {
                follow(ctx, &mut again, (&lead, &partner), &all, (what, asked)).await?;
            } else {
                again.mails.extend(conflict::tell_who_goes_on(ctx, &meeting, what).await?);
            }
        }
        None => {}
    }
    Ok(again)
}

/// A closed lead is with somebody again: with who closed it, if they may still have leads of the partner, else with who comes next.
async fn follow(
    ctx: &Context,
    again: &mut Again,
    (lead, partner): (&Lead, &Partner),
    all: &[Offer],
    (what, asked): (&str, Asked),
) -> Result<()> {
    let title = asset_title(ctx, lead, partner)?;
    let of = Offering::new(lead, partner, &title, ASKED_AGAIN, Heat::Hot);
    let theirs = lead.owner_email.as_deref();
    let hand_off = match theirs {
        Some(owner) => match offer::prepare_to(ctx, &of, owner, "partnercast").await {
            Err(error) if error.kind() == Kind::Invalid => prepare(ctx, &of).await?,
            found => found?,
        },
        None => prepare(ctx, &of).await?,
    };
    let HandOff { offer, .. } = hand_off;
    let now_ms = ctx.now_ms();
    let knew_it = all
        .iter()
        .any(|before| before.viewed_ms.is_some() && before.rep_email.eq_ignore_ascii_case(&offer.rep_email));
    let is_owners = theirs.is_some_and(|owner| owner.eq_ignore_ascii_case(&offer.rep_email));
    let because = if is_owners { "they had this lead before" } else { offer.because.as_str() };
    let offer = Offer {
        because: format!("The person asks again: {because}"),
        purpose: OfferPurpose::Answer.as_str().to_owned(),
        viewed_ms: knew_it.then_some(now_ms),
        answered_ms: Some(now_ms),
        answer: Some("accepted".to_owned()),
        ..offer
    };
    let zone = zone_of(ctx, &offer, partner).await?;
    let clock = hot_clock(ctx, SlaKind::NextStep, &offer, partner, zone)?;
    again.mails.push(reminder::wrote_again(ctx, lead, partner, &offer, (what, asked))?);
    again.mails.extend(to_manager(ctx, lead, partner, &offer, (what, asked))?);
    again.then = Then::Follow(Box::new((offer, clock)));
    Ok(())
}

fn is_hot(offer: &Offer) -> bool {
    Heat::parse(&offer.temperature) == Some(Heat::Hot)
}

/// The clock of somebody who asked; a next step has as long then as a first contact.
pub(super) fn hot_clock(
    ctx: &Context,
    kind: SlaKind,
    offer: &Offer,
    partner: &Partner,
    zone: chrono_tz::Tz,
) -> Result<SlaClock> {
    let library = ctx.library();
    let rule = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let working = working(&library, offer, partner, zone)?;
    let now_ms = ctx.now_ms();
    let as_short_as = if kind == SlaKind::NextStep { SlaKind::FirstContact } else { kind };
    let minutes = clock::minutes(rule, as_short_as, Heat::Hot);
    let due_ms = working.add_minutes(now_ms, minutes);
    let running = clock::SlaClock { kind, started_ms: now_ms, due_ms, minutes };
    Ok(row_of(offer, &running, &working, now_ms))
}

/// The channel manager is told that a closed lead asks again; not where it is with them anyway.
fn to_manager(
    ctx: &Context,
    lead: &Lead,
    partner: &Partner,
    offer: &Offer,
    (what, asked): (&str, Asked),
) -> Result<Option<Ready>> {
    let manager = reminder::manager(ctx, partner);
    let Some(to) = manager.filter(|to| !to.email.as_str().eq_ignore_ascii_case(&offer.rep_email)) else {
        return Ok(None);
    };
    let subject = format!("A closed lead of {} asks again ({})", partner.name, offer::code(&lead.id));
    let token = DeskToken::of_address(to.email.as_str(), ctx.clock.wall_ms()).sign(&ctx.keys);
    let asks = match asked {
        Asked::Themselves => "has asked to talk again",
        Asked::AsTold => "wants to be called again, as a file or a program told us",
    };
    let text = format!(
        "Somebody whose lead is \"{}\" {asks}. {} is to answer them, and a clock runs.",
        stage_of(lead)?.label().to_lowercase(),
        offer.rep_name
    );
    let notice = StaffNotice {
        source: format!("asks-again:{}:{what}", offer.id),
        sender: Some("leads"),
        to: &to,
        words: Words {
            heading: subject.clone(),
            subject,
            paragraphs: vec![text],
            facts: vec![("Partner".to_owned(), partner.name.clone())],
            button: ("Open the lead".to_owned(), format!("/desk/enter/{token}?to=/desk/leads/{}", lead.id)),
            why: "You look after this partner for the vendor.".to_owned(),
        },
    };
    notices::compose_for_staff(ctx, &notice).map(Some)
}

impl Again {
    /// Stores it, behind what the person sent. Where the lead has changed meanwhile, what was done then counts, and the mail is
    /// sent all the same.
    ///
    /// # Errors
    /// `Conflict` where somebody changed the lead in this very moment. Those of the store.
    pub async fn store(self, ctx: &Context, tx: &mut Tx) -> Result<()> {
        let now_ms = ctx.now_ms();
        let mut lead = lead_in(tx, &self.lead_id).await?;
        let live = offers::live_in(tx, &lead.id).await?;
        match (self.then, live) {
            (Then::Sooner(offer_id, clock), Some(live)) if live.id == offer_id => {
                let running = lead_clocks::running_in(tx, &lead.id).await?;
                let is_answer = clock.kind == SlaKind::NextStep.as_str();
                // Taken meanwhile, another clock runs, which is for them to keep.
                let runs_for_this = is_answer || running.as_ref().is_none_or(|it| it.kind == clock.kind);
                if runs_for_this && running.is_none_or(|running| running.due_ms > clock.due_ms) {
                    lead_clocks::stop(tx, &lead.id, now_ms, StopReason::Withdrawn.as_str()).await?;
                    lead_clocks::start(tx, &clock).await?;
                }
                if is_answer {
                    asked(ctx, tx, &mut lead, &clock.owner).await?;
                } else {
                    offers::heat(tx, &live.id).await?;
                    let what =
                        format!("They ask to talk now; {} has as long as for whoever asks", live.rep_name);
                    add_step(ctx, tx, &lead, "partnercast", &what).await?;
                }
            }
            (Then::Follow(follow), None) if stage_of(&lead)?.is_terminal() => {
                let (offer, clock) = *follow;
                lead.owner_name = Some(offer.rep_name.clone());
                lead.owner_email = Some(offer.rep_email.clone());
                offers::add(tx, &offer).await?;
                lead_clocks::start(tx, &clock).await?;
                asked(ctx, tx, &mut lead, &offer.rep_name).await?;
            }
            _ => {}
        }
        for mail in self.mails {
            mail.enqueue(tx, now_ms).await?;
        }
        Ok(())
    }
}

/// Writes down that they wait for an answer, of whom.
async fn asked(ctx: &Context, tx: &mut Tx, lead: &mut Lead, owner: &str) -> Result<()> {
    set(ctx, tx, lead, Some(ctx.now_ms()), ASKED_AGAIN).await?;
    add_step(ctx, tx, lead, "partnercast", &format!("They ask again; {owner} is to answer them")).await
}

/// Says of a lead whose stage stays since when its person waits for an answer, if they do, and why it stands where it stands.
pub(super) async fn set(
    ctx: &Context,
    tx: &mut Tx,
    lead: &mut Lead,
    asked_again_ms: Option<UtcMs>,
    because: &str,
) -> Result<()> {
    let (known_ms, stage) = (lead.updated_ms, lead.stage.clone());
    because.clone_into(&mut lead.because);
    lead.asked_again_ms = asked_again_ms;
    lead.updated_ms = ctx.now_ms();
    leads::update(tx, lead, known_ms, &stage).await
}

/// Takes a closed lead from whoever was to answer, since another partner goes on with the person; it stays closed.
pub(super) async fn let_go(
    ctx: &Context,
    tx: &mut Tx,
    lead: &mut Lead,
    offer: &Offer,
    why: &Release<'_>,
) -> Result<()> {
    let now_ms = ctx.now_ms();
    offers::end(tx, &offer.id, now_ms, (why.reason.as_str(), why.sentence)).await?;
    lead_clocks::stop(tx, &lead.id, now_ms, why.reason.as_str()).await?;
    set(ctx, tx, lead, None, why.sentence).await?;
    add_step(ctx, tx, lead, "partnercast", &format!("Nobody here is to answer: {}.", why.sentence)).await
}
