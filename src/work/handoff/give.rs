//! The channel manager gives a lead to somebody of their choice, whoever has it now; and before that, what would follow.

use chrono::NaiveDate;

use super::{
    super::{cobrand::no_content, context::Context, sequences},
    By, Offering, Release, add_step, advance, again, agrees, asset_title,
    conflict::{self, Meeting},
    heat_of, lead_and_partner, lead_in, offer, outcome,
    ready::close_date,
    release, reminder, stage_of, start_clock, zone_of,
};
use crate::{
    domain::{
        kernel::{Error, Result, clock::UtcMs, text},
        lead::{
            LeadStage, SlaKind, StopReason,
            clock::{self, Heat},
        },
        partner::Partner,
    },
    store::{
        Tx, audit, lead_clocks,
        leads::{self, Lead},
        offers::{self, Offer},
    },
};

/// Longest reason, in characters.
pub const BECAUSE_CHARS_MAX: usize = 200;

/// To whom a lead is given, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Giving<'a> {
    /// The address of who gets it.
    pub to: &'a str,
    /// Why, in a line that stays in the ledger and that both of them read; may be empty.
    pub because: &'a str,
    /// When the lead had changed last, as the giver saw it; nothing for whoever looked at none.
    pub known_ms: Option<UtcMs>,
}

impl<'a> Giving<'a> {
    /// To whoever is at this address, without a word why.
    pub fn to(to: &'a str) -> Self {
        Self { to, because: "", known_ms: None }
    }
}

/// Somebody a lead may be given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Full name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// What they do.
    pub role: String,
    /// Why routing would not choose them; nothing where it might.
    pub why_not: Option<String>,
}

/// What giving a lead away would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    /// To whom it may be given, those first whom routing might choose.
    pub people: Vec<Recipient>,
    /// Who has it now, or is asked.
    pub holder: Option<String>,
    /// Whether it is theirs at once and stays at its stage; else they are asked whether they take it.
    pub is_handed_over: bool,
    /// Whether its person waits for an answer.
    pub waits: bool,
    /// What the clock waits for that begins.
    pub kind: SlaKind,
    /// How long it runs, in business minutes.
    pub minutes: u32,
    /// Until which day instead, where one was named for the deal.
    pub until: Option<NaiveDate>,
    /// Whether the clock that ends had more time.
    pub had_more_time: bool,
}

/// A lead that may be given away.
struct Known {
    lead: Lead,
    partner: Partner,
    stage: LeadStage,
    live: Option<Offer>,
    meeting: Meeting,
    /// The day that was named last for the deal.
    close_date: Option<NaiveDate>,
}

impl Known {
    async fn of(ctx: &Context, lead_id: &str, by: By<'_>) -> Result<Self> {
        let (lead, partner) = lead_and_partner(ctx, lead_id).await?;
        if !by.manages(&partner) {
            return Err(Error::denied("only the partner's channel manager can give a lead to somebody else"));
        }
        let stage = stage_of(&lead)?;
        let live = offers::of_lead(&ctx.db, lead_id).await?.into_iter().find(Offer::is_live);
        // A closed lead is somebody's only while its person waits for an answer.
        if stage.is_terminal() && live.is_none() {
            return Err(Error::conflict(format!(
                "this lead is closed: \"{}\"",
                stage.label().to_lowercase()
            )));
        }
        if !agrees(ctx, lead_id).await? {
            return Err(Error::conflict(
                "the person took back their consent to be contacted; nobody may call them",
            ));
        }
        let meeting = conflict::weigh(ctx, &lead, live.is_none()).await?;
        if live.is_none() && !meeting.goes() {
            return Err(Error::conflict(
                "this lead waits: the person is known through another partner too; decide that conflict first",
            ));
        }
        let close_date = close_date(&leads::amounts(&ctx.db, lead_id).await?);
        let is_deal = matches!(stage, LeadStage::Sql | LeadStage::DealRegistered);
        Ok(Self { lead, partner, stage, live, meeting, close_date: close_date.filter(|_| is_deal) })
    }

    /// Whether somebody took it: what was worked is kept, and it changes its owner alone.
    fn is_handed_over(&self) -> bool {
        self.stage.is_owned() || self.stage.is_terminal()
    }

    fn heat(&self) -> Heat {
        self.live.as_ref().map_or(Heat::Standard, heat_of)
    }

    /// The clock that begins, and how urgent it is.
    fn clock(&self) -> (SlaKind, Heat) {
        match self.stage {
            // As short as that to a first contact.
            _ if again::waits_for_answer(&self.lead) => (SlaKind::FirstContact, Heat::Hot),
            LeadStage::Sal => (SlaKind::FirstContact, self.heat()),
            _ if self.is_handed_over() => (SlaKind::NextStep, self.heat()),
            _ => (SlaKind::Accept, self.heat()),
        }
    }
}

/// What giving a lead away would do, and to whom it may be given. Changes nothing.
///
/// # Errors
/// As [`give`], where nobody can be given it.
pub async fn prospect(ctx: &Context, lead_id: &str, by: By<'_>) -> Result<Prospect> {
    let known = Known::of(ctx, lead_id, by).await?;
    let library = ctx.library();
    let rule = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let (kind, heat) = known.clock();
    let waits = again::waits_for_answer(&known.lead);
    let running = lead_clocks::of_lead(&ctx.db, lead_id).await?;
    let running = running.into_iter().find(|clock| clock.stopped_ms.is_none());
    Ok(Prospect {
        people: people(ctx, &known).await?,
        holder: known.live.as_ref().map(|offer| offer.rep_name.clone()),
        is_handed_over: known.is_handed_over(),
        waits,
        kind: if waits { SlaKind::NextStep } else { kind },
        minutes: clock::minutes(rule, kind, heat),
        until: known.close_date.filter(|_| !waits),
        had_more_time: running.is_some_and(|clock| clock.first_due_ms.is_some()),
    })
}

/// The partner's people and its channel manager, but for who has the lead; those first whom routing might choose.
async fn people(ctx: &Context, known: &Known) -> Result<Vec<Recipient>> {
    let (lead, partner) = (&known.lead, &known.partner);
    let of = Offering::new(lead, partner, "", &lead.because, known.heat());
    let has_it = |address: &str| {
        known.live.as_ref().is_some_and(|offer| offer.rep_email.eq_ignore_ascii_case(address))
    };
    let theirs = offer::fitness(ctx, &of).await?.into_iter().map(|(contact, why_not)| Recipient {
        role: contact.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", "),
        name: contact.name,
        email: contact.email.to_string(),
        why_not,
    });
    let manager = reminder::manager(ctx, partner).map(|manager| Recipient {
        name: manager.name,
        email: manager.email.to_string(),
        role: "channel manager".to_owned(),
        why_not: Some("is asked last, where nobody at the partner can take it".to_owned()),
    });
    let mut people: Vec<_> = theirs.chain(manager).filter(|it| !has_it(&it.email)).collect();
    people.sort_by_key(|it| it.why_not.is_some());
    Ok(people)
}

/// Gives a lead to the person at an address. A lead that nobody took yet is offered to them; one that somebody took changes its
/// owner and stays where it is, with a clock of its own.
///
/// # Errors
/// `Denied` for somebody who does not manage the partner; `Invalid` for an address of nobody who may receive its leads, or a reason
/// that is too long; `Conflict` for a lead that is closed, that they have already, or that changed since it was looked at.
pub async fn give(ctx: &Context, lead_id: &str, by: By<'_>, giving: &Giving<'_>) -> Result<()> {
    let to = giving.to.trim();
    let because = text::single_line("the reason", giving.because)?;
    let known = Known::of(ctx, lead_id, by).await?;
    if to.is_empty() {
        return Err(Error::invalid("choose whom to give it to"));
    }
    if because.chars().count() > BECAUSE_CHARS_MAX {
        return Err(Error::invalid(format!(
            "the reason is longer than {BECAUSE_CHARS_MAX} characters; shorten it"
        )));
    }
    if known.live.as_ref().is_some_and(|offer| offer.rep_email.eq_ignore_ascii_case(to)) {
        return Err(Error::conflict("they have this lead already"));
    }
    let changed = || Error::conflict("somebody else has changed this lead meanwhile; look at it again");
    if giving.known_ms.is_some_and(|known_ms| known_ms != known.lead.updated_ms) {
        return Err(changed());
    }
    let (is_handed_over, heat) = (known.is_handed_over(), known.heat());
    let Known { lead, partner, stage, live, meeting, close_date } = known;
    let title = asset_title(ctx, &lead, &partner)?;
    let chosen = format!("{} chose to hand it over", by.name());
    let why = if lead.because.is_empty() || stage.is_in_nurture() { &chosen } else { &lead.because };
    let offering = Offering::new(&lead, &partner, &title, why, heat);
    let mut hand_off = offer::prepare_to(ctx, &offering, to, by.name()).await?;
    hand_off.offer.given_because = Some(because.clone());
    let gone = live.as_ref().map(|offer| reminder::moved_on_from(ctx, &lead, &partner, offer)).transpose()?;
    let zone = zone_of(ctx, &hand_off.offer, &partner).await?;
    let given = reminder::given(ctx, &lead, &partner, &hand_off.offer)?;
    let sentence = sentence(by.name(), &hand_off.offer.rep_name, &because);

    let mut tx = ctx.db.begin().await?;
    let mut lead = lead_in(&mut tx, lead_id).await?;
    if stage_of(&lead)? != stage {
        return Err(changed());
    }
    if let Some(offer) = &live {
        let why = Release { reason: StopReason::Withdrawn, sentence: &sentence };
        release(ctx, &mut tx, &mut lead, offer, &why).await?;
    }
    if is_handed_over {
        let offer = take_over(ctx, &mut tx, &mut lead, hand_off.offer, (by.name(), &sentence)).await?;
        let until = (zone, close_date);
        begin_clock(ctx, &mut tx, (&lead, stage), &offer, &partner, until).await?;
        given.enqueue(&mut tx, ctx.now_ms()).await?;
    } else if stage == LeadStage::Offered {
        advance(ctx, &mut tx, &mut lead, LeadStage::Expired, by.name(), &sentence).await?;
        hand_off.store_again(ctx, &mut tx, &mut lead).await?;
    } else {
        conflict::meet(ctx, &mut tx, &lead, Some(heat), meeting).await?;
        hand_off.store(ctx, &mut tx, &mut lead).await?;
        add_step(ctx, &mut tx, &lead, by.name(), &sentence).await?;
    }
    if let Some(gone) = gone {
        gone.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, by.name(), "give", lead_id, to).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// What the ledger says, and whoever had the lead reads.
fn sentence(giver: &str, to: &str, because: &str) -> String {
    match because {
        "" => format!("{giver} gave it to {to}"),
        _ => format!("{giver} gave it to {to}: {because}"),
    }
}

/// Makes somebody the owner of a lead that is worked already: an assignment without an offer.
pub(super) async fn take_over(
    ctx: &Context,
    tx: &mut Tx,
    lead: &mut Lead,
    offer: Offer,
    (actor, sentence): (&str, &str),
) -> Result<Offer> {
    let now_ms = ctx.now_ms();
    let offer = Offer {
        offered_ms: now_ms,
        viewed_ms: None,
        answered_ms: Some(now_ms),
        answer: Some("accepted".to_owned()),
        ..offer
    };
    lead.owner_name = Some(offer.rep_name.clone());
    lead.owner_email = Some(offer.rep_email.clone());
    let (known_ms, known_stage) = (lead.updated_ms, lead.stage.clone());
    lead.updated_ms = now_ms;
    leads::update(tx, lead, known_ms, &known_stage).await?;
    offers::add(tx, &offer).await?;
    sequences::hand_over(tx, &lead.id, now_ms).await?;
    add_step(ctx, tx, lead, actor, sentence).await?;
    Ok(offer)
}

/// Begins the clock of whoever was given a lead that is worked: the one that its stage asks for, from the beginning.
pub(super) async fn begin_clock(
    ctx: &Context,
    tx: &mut Tx,
    (lead, stage): (&Lead, LeadStage),
    offer: &Offer,
    partner: &Partner,
    (zone, until): (chrono_tz::Tz, Option<NaiveDate>),
) -> Result<()> {
    if again::waits_for_answer(lead) {
        return lead_clocks::start(tx, &again::hot_clock(ctx, SlaKind::NextStep, offer, partner, zone)?)
            .await;
    }
    match (stage, until) {
        (LeadStage::Sal, _) => start_clock(ctx, tx, offer, partner, zone, SlaKind::FirstContact).await,
        (_, Some(on)) => lead_clocks::start(tx, &outcome::clock_until(ctx, offer, partner, zone, on)?).await,
        _ => start_clock(ctx, tx, offer, partner, zone, SlaKind::NextStep).await,
    }
}
