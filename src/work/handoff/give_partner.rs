//! Somebody at the vendor gives a lead that no partner brought to a partner of their choice.

use super::{
    super::{context::Context, scoring},
    agrees,
    assign::{Giver, given},
    call, conflict, lead_in,
    market::Market,
    stage_of,
};
use crate::{
    domain::{
        kernel::{Error, Result, clock::UtcMs, text::single_line},
        lead::clock::Heat,
        partner::Partner,
    },
    store::{
        assignments, calls, conflicts,
        intakes::{self, HOUSE, Intake},
        leads::{self, Lead},
        partners,
        person::is_erased,
    },
};

/// A partner that may be chosen for a lead, or why it may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What speaks for it.
    pub merits: String,
    /// Why it may not have the lead.
    pub why_not: Option<String>,
}

/// Partners for a lead, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// Those who may have it, best first, then the others by slug.
    pub all: Vec<Choice>,
    /// Why nobody may have it now, whoever is chosen.
    pub nobody: Option<String>,
}

/// What is ordered: a lead for a partner.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The lead.
    pub lead_id: &'a str,
    /// The partner's slug.
    pub to: &'a str,
    /// Why, for colleagues.
    pub because: &'a str,
    /// When the lead had changed last as whoever orders it saw it; nothing where they did not look.
    pub known_ms: Option<UtcMs>,
}

/// Which partners a lead of the vendor's may be given to; nothing for one that is a partner's.
///
/// # Errors
/// Those of the store.
pub async fn choices(ctx: &Context, lead: &Lead) -> Result<Option<Choices>> {
    if lead.partner_slug != HOUSE || is_erased(&lead.email) {
        return Ok(None);
    }
    let intake = intakes::of_lead(&ctx.db, &lead.id).await?;
    Ok(Some(Choices { all: all(ctx, lead, intake.as_ref()).await?, nobody: why_nobody(ctx, lead).await? }))
}

async fn all(ctx: &Context, lead: &Lead, intake: Option<&Intake>) -> Result<Vec<Choice>> {
    let mut market = Market::load(ctx).await?;
    let others = assignments::who_has(&ctx.db, &lead.email_key, &lead.id).await?;
    market.pass(others.into_iter().map(|slug| (slug, "has them as a lead of its own".to_owned())));
    let (country, vertical) =
        intake.map_or(("", ""), |intake| (intake.country.as_str(), intake.vertical.as_str()));
    let choice = |it: crate::domain::lead::assign::Choice<'_>| Choice {
        slug: it.partner.slug.to_string(),
        name: it.partner.name.clone(),
        merits: it.merits,
        why_not: it.why_not,
    };
    Ok(market.choices(&lead.email_key, country, vertical).into_iter().map(choice).collect())
}

/// Why a lead of the vendor's can be given to nobody now.
async fn why_nobody(ctx: &Context, lead: &Lead) -> Result<Option<String>> {
    let stage = stage_of(lead)?;
    if !stage.may_be_offered() {
        return Ok(Some(format!("the lead is \"{}\"", stage.label().to_lowercase())));
    }
    let agreed = agrees(ctx, &lead.id).await?;
    Ok((!agreed).then(|| "the person did not agree to be contacted, or took that back".to_owned()))
}

/// Gives a lead of the vendor's to a partner: it is offered there, to whoever is next, or waits there where another partner is
/// in touch with the person (`rules/routing.toml [conflict]`). Whoever was asked to claim it is told that it is taken. Returns
/// whether it was offered.
///
/// # Errors
/// `Invalid` without a reason, `NotFound` for a partner or a lead that is not there; `Conflict` with a sentence where the
/// partner may not have it, or the lead has changed since it was looked at.
pub async fn give_partner(ctx: &Context, actor: &str, order: &Order<'_>) -> Result<bool> {
    let because = single_line("the reason", order.because)?;
    if because.is_empty() {
        return Err(Error::invalid("write down why they get it: it stays in the history of the lead"));
    }
    let lead = leads::lead(&ctx.db, order.lead_id).await?.ok_or_else(|| Error::not_found("this lead"))?;
    let intake = intakes::of_lead(&ctx.db, &lead.id).await?;
    let partner = allowed(ctx, &lead, intake.as_ref(), order).await?;
    let standing = scoring::assess(ctx, &lead, None).await?;
    let mut scored = lead.clone();
    standing.apply(&mut scored);
    let by_hand = format!("{actor} gave it to {}", partner.name);
    let qualified = standing.qualified_because.as_deref().unwrap_or(&by_hand);
    let heat = if intake.as_ref().is_some_and(|intake| intake.asks) { Heat::Hot } else { Heat::Standard };
    let explained = format!("{actor} chose them: {because}");
    let given = given(ctx, &scored, partner, (explained, qualified, heat)).await?;
    if given.hand_off.is_managers() {
        let name = &given.partner.name;
        return Err(Error::conflict(format!(
            "nobody at {name} can take a lead now: all of them are asked as much as they may be"
        )));
    }
    let is_offered = given.meeting.goes();
    let taken = call::told_taken(ctx, &lead.id, None).await?;

    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    calls::hold(&mut tx, &lead.id).await?;
    let mut now = lead_in(&mut tx, &lead.id).await?;
    if now.updated_ms != lead.updated_ms || now.stage != lead.stage || now.partner_slug != HOUSE {
        return Err(changed());
    }
    if calls::close(&mut tx, &lead.id, "withdrawn", ctx.now_ms()).await? > 0 {
        for mail in taken {
            mail.enqueue(&mut tx, ctx.now_ms()).await?;
        }
    }
    if let Some(due_ms) = intake.and_then(|intake| intake.due_ms) {
        intakes::put_off(&mut tx, &lead.id, Some(due_ms), None).await?;
    }
    standing.apply(&mut now);
    let case_id = given.start(ctx, &mut tx, &mut now, &Giver { from: HOUSE, actor }).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    conflict::settle_now(ctx, case_id).await;
    Ok(is_offered)
}

/// The partner, if it may have the lead now.
async fn allowed(ctx: &Context, lead: &Lead, intake: Option<&Intake>, order: &Order<'_>) -> Result<Partner> {
    if is_erased(&lead.email) {
        return Err(Error::conflict("the person was erased; nothing of them can be given to anybody"));
    }
    if lead.partner_slug != HOUSE {
        let with = partners::partner(&ctx.db, &lead.partner_slug).await?;
        let with = with.map_or_else(|| lead.partner_slug.clone(), |partner| partner.name);
        return Err(Error::conflict(format!(
            "this lead is with {with} already; on its card their channel manager can give it to somebody else there"
        )));
    }
    if order.known_ms.is_some_and(|known_ms| known_ms != lead.updated_ms) {
        return Err(changed());
    }
    if let Some(why) = why_nobody(ctx, lead).await? {
        return Err(Error::conflict(format!("nobody can be given this lead now: {why}")));
    }
    let partner = partners::partner(&ctx.db, order.to).await?.filter(|_| order.to != HOUSE);
    let partner = partner.ok_or_else(|| Error::not_found(format!("partner {}", order.to)))?;
    let choices = all(ctx, lead, intake).await?;
    let why_not = choices.into_iter().find(|it| it.slug == order.to).and_then(|it| it.why_not);
    match why_not {
        Some(why) => Err(Error::conflict(format!("{} may not have this lead: it {why}", partner.name))),
        None => Ok(partner),
    }
}

fn changed() -> Error {
    Error::conflict("this lead has changed since you looked at it; look at it again, then decide")
}
