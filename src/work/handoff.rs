//! From a qualified lead to a sales rep: routed, offered with a running clock, viewed, answered, contacted. The offer
//! mail is an outbox row of the same transaction, so a hand-off cannot happen without its mail, nor a mail without
//! its hand-off.

use super::{
    cobrand::CoBrand,
    context::Context,
    desk::Rep,
    notices::{self, Notice, Words},
    tokens::offer_token,
};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::utc,
            id::{LeadId, OfferId},
        },
        lead::{
            LeadStage, RejectReason, SlaKind,
            clock::{self, Heat},
            route::{self, Receiver},
        },
        partner::Partner,
    },
    store::{
        Tx, audit,
        leads::{self, Lead, Offer, SlaClock},
        partners,
    },
};

/// An offer ready to be stored with everything that belongs to it.
pub struct HandOff {
    offer: Offer,
    clock: SlaClock,
    because: String,
    routed: String,
    mail: notices::Ready,
}

/// Routes a qualified lead and composes the offer. Stores nothing. Whoever turned the lead down before is not asked
/// again; `turned_down_by` is the address of the one who does so now.
///
/// # Errors
/// No routing rule yet, or those of the store.
pub async fn prepare(
    ctx: &Context,
    lead: &Lead,
    partner: &Partner,
    asset_title: &str,
    because: &str,
    heat: Heat,
    turned_down_by: Option<&str>,
) -> Result<HandOff> {
    let library = ctx.library();
    let rule = library.rules.routing.as_ref().ok_or_else(super::cobrand::no_content)?;
    let people = partners::contacts_of(&ctx.db, partner.slug.as_str()).await?;
    let contacts: Vec<_> = people.iter().map(|stored| stored.contact.clone()).collect();
    let offers = leads::offers_of(&ctx.db, &lead.id).await?;
    let rejected = offers.iter().filter(|offer| offer.answer.as_deref() == Some("rejected"));
    let passed: Vec<String> =
        rejected.map(|offer| offer.rep_email.as_str()).chain(turned_down_by).map(str::to_lowercase).collect();
    let route = route::route(partner, &contacts, &|contact| {
        if passed.contains(&contact.email.key()) {
            Err("turned this lead down before".to_owned())
        } else {
            Ok(())
        }
    });
    let (rep_name, rep_email, contact_id) = match route.receiver {
        Receiver::Contact(contact) => {
            let stored = people.iter().find(|stored| stored.contact.email == contact.email);
            (contact.name.clone(), contact.email.to_string(), stored.map(|stored| stored.id.to_string()))
        }
        Receiver::ChannelManager { email } => {
            let manager = library.vendor.as_ref().and_then(|vendor| {
                vendor.channel_managers.iter().find(|manager| manager.email.as_str() == email)
            });
            (manager.map_or_else(|| email.to_owned(), |m| m.name.clone()), email.to_owned(), None)
        }
    };
    let now_ms = ctx.now_ms();
    let running = clock::start(rule, SlaKind::Accept, heat, now_ms, partner.zone);
    let offer_id = OfferId::new(now_ms, &*ctx.random);
    let offer = Offer {
        id: offer_id.to_string(),
        lead_id: lead.id.clone(),
        contact_id,
        rep_name,
        rep_email,
        because: route.because.clone(),
        temperature: temperature(heat).to_owned(),
        offered_ms: now_ms,
        viewed_ms: None,
        answered_ms: None,
        answer: None,
        answer_reason: None,
    };
    let clock = row(&lead.id, running.kind, now_ms, running.due_ms, &offer.rep_name);
    let mail = offer_mail(ctx, lead, partner, asset_title, because, &offer, offer_id, clock.due_ms)?;
    let considered: Vec<String> =
        route.considered.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    let routed = if considered.is_empty() {
        route.because
    } else {
        format!("{} Considered: {}.", route.because, considered.join("; "))
    };
    Ok(HandOff { offer, clock, because: because.to_owned(), routed, mail })
}

fn temperature(heat: Heat) -> &'static str {
    match heat {
        Heat::Hot => "hot",
        Heat::Standard => "standard",
    }
}

fn row(lead_id: &str, kind: SlaKind, started_ms: i64, due_ms: i64, owner: &str) -> SlaClock {
    SlaClock {
        lead_id: lead_id.to_owned(),
        kind: kind.as_str().to_owned(),
        started_ms,
        due_ms,
        stopped_ms: None,
        owner: owner.to_owned(),
    }
}

/// The mail to the rep: what it is about and by when to answer, without personal data; the card is behind the link.
#[expect(clippy::too_many_arguments, reason = "what one mail says")]
fn offer_mail(
    ctx: &Context,
    lead: &Lead,
    partner: &Partner,
    asset_title: &str,
    because: &str,
    offer: &Offer,
    offer_id: OfferId,
    due_ms: i64,
) -> Result<notices::Ready> {
    let locale = &partner.locale;
    let strings = ctx.templates.strings(locale);
    let due = strings.date_time(&utc(due_ms).with_timezone(&partner.zone));
    let hot = offer.temperature == "hot";
    let values = [
        ("partner", partner.name.as_str()),
        ("due", due.as_str()),
        ("asset", asset_title),
        ("name", crate::domain::partner::contact::first_name(&offer.rep_name)),
    ];
    let mut facts = vec![
        (strings.get("offer_fact_due").to_owned(), due.clone()),
        (strings.get("offer_fact_asset").to_owned(), asset_title.to_owned()),
        (strings.get("offer_fact_score").to_owned(), format!("{} / {}", lead.score, lead.fit)),
        (strings.get("offer_fact_why").to_owned(), because.to_owned()),
    ];
    if let Some(size) = &lead.company_size {
        facts.push((strings.get("offer_fact_size").to_owned(), size.clone()));
    }
    let is_managers = offer.contact_id.is_none();
    let paragraphs = ["offer_text"]
        .into_iter()
        .chain(is_managers.then_some("offer_text_manager"))
        .chain(["offer_text_privacy"])
        .map(|text| strings.fill(text, &values))
        .collect();
    let notice = Notice {
        source: format!("offer:{}", offer.id),
        lead_id: lead.id.clone(),
        to_name: offer.rep_name.clone(),
        to_email: offer.rep_email.clone(),
        partner,
        locale,
        sender: "leads",
        words: Words {
            subject: strings.fill(if hot { "offer_subject_hot" } else { "offer_subject" }, &values),
            heading: strings.fill(if hot { "offer_heading_hot" } else { "offer_heading" }, &values),
            paragraphs,
            facts,
            button: (
                strings.get("offer_button").to_owned(),
                format!("/o/{}", offer_token(&ctx.keys, offer_id)),
            ),
            why: strings.fill(if is_managers { "offer_why_manager" } else { "offer_why" }, &values),
        },
        stop: None,
    };
    notices::compose(ctx, &notice)
}

impl HandOff {
    /// Stores the offer, its clock, its mail and the lead's steps; the lead is then `offered`.
    ///
    /// # Errors
    /// `Conflict` if another offer is open: a lead has one owner at a time. Those of the store.
    pub async fn store(self, ctx: &Context, tx: &mut Tx, lead: &mut Lead) -> Result<()> {
        lead.because.clone_from(&self.because);
        advance(ctx, tx, lead, LeadStage::Mql, "partnercast", &self.because).await?;
        self.store_again(ctx, tx, lead).await
    }

    /// As [`HandOff::store`], for a lead that is qualified already.
    async fn store_again(self, ctx: &Context, tx: &mut Tx, lead: &mut Lead) -> Result<()> {
        let what = format!("Offered to {}. {}", self.offer.rep_name, self.routed);
        advance(ctx, tx, lead, LeadStage::Offered, "partnercast", &what).await?;
        leads::add_offer(tx, &self.offer).await?;
        super::sequences::hand_over(tx, &lead.id, ctx.now_ms()).await?;
        leads::start_clock(tx, &self.clock).await?;
        self.mail.enqueue(tx, ctx.now_ms()).await?;
        tracing::info!(lead = lead.id, offer = self.offer.id, "lead offered");
        audit::record(tx, ctx.now_ms(), &*ctx.random, "partnercast", "offer", &lead.id, &self.offer.rep_name)
            .await
    }
}

fn stage_of(lead: &Lead) -> Result<LeadStage> {
    crate::store::sql::stored("lead", "stage", &lead.id, &lead.stage, LeadStage::parse(&lead.stage))
}

/// Records that the rep opened the card.
///
/// # Errors
/// `NotFound` for an offer that is not there.
pub async fn view(ctx: &Context, id: OfferId) -> Result<Offer> {
    let offer = load_offer(ctx, id).await?;
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    if leads::view_offer(&mut tx, &offer.id, now_ms).await? {
        leads::add_step(&mut tx, &offer.lead_id, now_ms, &offer.rep_name, "offered", "opened the lead card")
            .await?;
    }
    tx.commit().await?;
    Ok(offer)
}

/// One offer.
///
/// # Errors
/// `NotFound` for an offer that is not there.
pub async fn load_offer(ctx: &Context, id: OfferId) -> Result<Offer> {
    leads::offer(&ctx.db, &id.to_string()).await?.ok_or_else(|| Error::not_found("this offer"))
}

/// The rep takes the lead: they are its owner, the acceptance clock stops, the one to the first contact starts.
///
/// # Errors
/// `Conflict` if the offer was answered before.
pub async fn accept(ctx: &Context, id: OfferId) -> Result<()> {
    let offer = load_offer(ctx, id).await?;
    let (_, partner) = lead_and_partner(ctx, &offer.lead_id).await?;
    let (mut tx, mut lead) = answer(ctx, &offer, "accepted", None).await?;
    let now_ms = ctx.now_ms();
    lead.owner_name = Some(offer.rep_name.clone());
    lead.owner_email = Some(offer.rep_email.clone());
    advance(ctx, &mut tx, &mut lead, LeadStage::Sal, &offer.rep_name, "accepted the lead").await?;
    start_clock(ctx, &mut tx, &lead, &partner, SlaKind::FirstContact, &offer).await?;
    audit::record(&mut tx, now_ms, &*ctx.random, &offer.rep_name, "accept", &lead.id, &offer.id).await?;
    tx.commit().await
}

/// The rep turns the lead down before any contact. It is offered to the next person who may take it, in the same
/// transaction; the vendor's channel manager is the last. What they turn down too goes back to nurture.
///
/// # Errors
/// `Conflict` if the offer was answered before.
pub async fn reject(ctx: &Context, id: OfferId, reason: RejectReason, note: &str) -> Result<()> {
    let note = crate::domain::kernel::text::single_line("the note", note)?;
    let why = if note.is_empty() { reason.label().to_owned() } else { format!("{}: {note}", reason.label()) };
    let offer = load_offer(ctx, id).await?;
    let (mut lead, partner) = lead_and_partner(ctx, &offer.lead_id).await?;
    let standing = super::scoring::assess(ctx, &lead, None).await?;
    // What was done since the last form counts for the next rep too; why it qualified stays.
    lead.score = i64::from(standing.score.points);
    let (library, media) = (ctx.library(), ctx.media());
    let brand = CoBrand::new(&library, &media, &partner, &partner.locale, "")?;
    let title = match library.find(&lead.asset, &partner.locale) {
        Some(asset) => brand.text(&asset.front.title)?,
        None => lead.asset.clone(),
    };
    let next =
        prepare(ctx, &lead, &partner, &title, &lead.because, heat_of(&offer), Some(&offer.rep_email)).await?;
    let (mut tx, mut lead) = answer(ctx, &offer, "rejected", Some(&why)).await?;
    let what = format!("turned the lead down. {why}");
    advance(ctx, &mut tx, &mut lead, LeadStage::Rejected, &offer.rep_name, &what).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, &offer.rep_name, "reject", &lead.id, reason.as_str())
        .await?;
    if next.offer.rep_email.eq_ignore_ascii_case(&offer.rep_email) {
        // The channel manager is the last; asked once more they could only turn it down once more.
        "everybody it was offered to turned it down".clone_into(&mut lead.because);
        let what = "Nobody is left to offer it to. Back to nurture until the person asks again.";
        advance(ctx, &mut tx, &mut lead, LeadStage::Recycled, "partnercast", what).await?;
    } else {
        next.store_again(ctx, &mut tx, &mut lead).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// The owner reached the person: the clock to the first contact stops, the one to the next step starts.
///
/// # Errors
/// `Denied` for somebody who is not the owner, `Conflict` in another stage.
pub async fn contacted(ctx: &Context, lead_id: LeadId, by: &Rep, note: &str) -> Result<()> {
    let note = crate::domain::kernel::text::single_line("the note", note)?;
    let mut tx = ctx.db.begin().await?;
    let lead = leads::lead_in(&mut tx, &lead_id.to_string()).await?;
    let mut lead = lead.ok_or_else(|| Error::not_found("this lead"))?;
    if !lead.owner_email.as_deref().is_some_and(|owner| by.is_at(owner)) {
        return Err(Error::denied("only the owner of a lead can record the first contact"));
    }
    if stage_of(&lead)? != LeadStage::Sal {
        return Err(Error::conflict("the first contact of this lead was recorded before"));
    }
    let what =
        if note.is_empty() { "reached the person".to_owned() } else { format!("reached the person: {note}") };
    advance(ctx, &mut tx, &mut lead, LeadStage::Contacted, &by.name, &what).await?;
    leads::stop_clock(&mut tx, &lead.id, SlaKind::FirstContact.as_str(), ctx.now_ms()).await?;
    let partner = partners::partner(&ctx.db, &lead.partner_slug).await?;
    let partner = partner.ok_or_else(|| Error::not_found("the partner of this lead"))?;
    let offers = leads::offers_of(&ctx.db, &lead.id).await?;
    if let Some(offer) = offers.into_iter().find(|offer| offer.answer.as_deref() == Some("accepted")) {
        start_clock(ctx, &mut tx, &lead, &partner, SlaKind::NextStep, &offer).await?;
    }
    tx.commit().await
}

async fn lead_and_partner(ctx: &Context, lead_id: &str) -> Result<(Lead, Partner)> {
    let lead = leads::lead(&ctx.db, lead_id).await?.ok_or_else(|| Error::not_found("this lead"))?;
    let partner = partners::partner(&ctx.db, &lead.partner_slug).await?;
    Ok((lead, partner.ok_or_else(|| Error::not_found("the partner of this lead"))?))
}

/// Records the answer and stops the clock in a transaction that is still open, with the lead as it is in there.
async fn answer(ctx: &Context, offer: &Offer, answer: &str, reason: Option<&str>) -> Result<(Tx, Lead)> {
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    if !leads::answer_offer(&mut tx, &offer.id, now_ms, answer, reason).await? {
        return Err(Error::conflict("this offer was answered before"));
    }
    let lead = leads::lead_in(&mut tx, &offer.lead_id).await?;
    let lead = lead.ok_or_else(|| Error::not_found("this lead"))?;
    leads::stop_clock(&mut tx, &lead.id, SlaKind::Accept.as_str(), now_ms).await?;
    Ok((tx, lead))
}

fn heat_of(offer: &Offer) -> Heat {
    if offer.temperature == "hot" { Heat::Hot } else { Heat::Standard }
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
    to.as_str().clone_into(&mut lead.stage);
    lead.updated_ms = ctx.now_ms();
    leads::update(tx, lead, known_ms, from.as_str()).await?;
    leads::add_step(tx, &lead.id, lead.updated_ms, actor, to.as_str(), what).await
}

async fn start_clock(
    ctx: &Context,
    tx: &mut Tx,
    lead: &Lead,
    partner: &Partner,
    kind: SlaKind,
    offer: &Offer,
) -> Result<()> {
    let library = ctx.library();
    let rule = library.rules.routing.as_ref().ok_or_else(super::cobrand::no_content)?;
    let running = clock::start(rule, kind, heat_of(offer), ctx.now_ms(), partner.zone);
    leads::start_clock(tx, &row(&lead.id, kind, running.started_ms, running.due_ms, &offer.rep_name)).await
}
