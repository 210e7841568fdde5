//! Leads that several partners are asked to take at once: whoever claims one first has it, and the others are told.

use super::{
    super::{
        context::Context,
        notices::{self, Notice, Ready, Words},
        tokens::call_token,
    },
    HandOff, Offering, add_step, advance, agrees, asset_title,
    assign::{self, Given},
    conflict::{self, Meeting},
    lead_in, offer, stage_of, start_clock, wording, zone_of,
};
use crate::{
    domain::{
        kernel::{
            Error, Kind, Result,
            clock::{UtcMs, utc},
            id::CallId,
        },
        lead::{LeadStage, SlaKind, assign::leads_max, clock::Heat},
        partner::{Partner, contact::first_name},
    },
    store::{
        Tx, assignments, audit,
        calls::{self, Call},
        conflicts,
        intakes::HOUSE,
        lead_clocks,
        leads::{self, Lead},
        offers, partners,
    },
};

/// Calls that end in one look.
const CALLS_MAX: i64 = 100;

/// A lead as it is called out: a call and a mail for each partner.
pub(super) struct Called {
    calls: Vec<Call>,
    mails: Vec<Ready>,
    what: String,
}

/// Prepares the calls for a lead. Stores nothing.
pub(super) async fn prepare(
    ctx: &Context,
    lead: &Lead,
    because: &str,
    heat: Heat,
    to: Vec<Given>,
) -> Result<Called> {
    let round = calls::of_lead(&ctx.db, &lead.id).await?.last().map_or(1, |call| call.round + 1);
    let now_ms = ctx.now_ms();
    let names: Vec<&str> = to.iter().map(|given| given.partner.name.as_str()).collect();
    let what = format!("{}{}. The first who claims it has it.", assign::CALLED_OUT, names.join(", "));
    let (mut calls, mut mails) = (Vec::new(), Vec::new());
    for given in to {
        let HandOff { offer, clock, .. } = given.hand_off;
        let id = CallId::new(now_ms, &*ctx.random);
        let call = Call {
            id: id.to_string(),
            lead_id: lead.id.clone(),
            round,
            partner_slug: given.partner.slug.to_string(),
            contact_id: offer.contact_id,
            rep_name: offer.rep_name,
            rep_email: offer.rep_email,
            because: because.to_owned(),
            temperature: heat.as_str().to_owned(),
            called_ms: now_ms,
            due_ms: clock.due_ms,
            ..Call::default()
        };
        let zone = clock.zone.parse().unwrap_or(given.partner.zone);
        let (partner, locale) = (&given.partner, &given.partner.locale);
        let strings = ctx.templates.strings(locale);
        let due = strings.date_time(&utc(call.due_ms).with_timezone(&zone));
        let why = wording::why(ctx, &strings, locale, &Offering::new(lead, partner, "", because, heat));
        let mut facts = vec![(strings.get("offer_fact_due").to_owned(), due.clone())];
        facts.extend(why.map(|why| (strings.get("offer_fact_why").to_owned(), why)));
        let open = Open { id, due: &due, facts };
        mails.push(mail(ctx, &call, partner, ("claim_subject", "claim_text"), Some(open))?);
        calls.push(call);
    }
    Ok(Called { calls, mails, what })
}

impl Called {
    /// Stores the calls; the lead stays the vendor's until somebody claims it.
    pub(super) async fn store(self, ctx: &Context, tx: &mut Tx, lead: &Lead) -> Result<()> {
        calls::add(tx, &self.calls).await?;
        assignments::found(tx, &lead.id).await?;
        add_step(ctx, tx, lead, "partnercast", &self.what).await?;
        for mail in self.mails {
            mail.enqueue(tx, ctx.now_ms()).await?;
        }
        audit::record(tx, ctx.now_ms(), &*ctx.random, "partnercast", "call-out", &lead.id, &self.what).await
    }
}

/// A call that can be claimed: its link, until when, and what its mail says beside that.
struct Open<'a> {
    id: CallId,
    due: &'a str,
    facts: Vec<(String, String)>,
}

/// A mail about a call: that it can be claimed, with its link, or that somebody else was first. No personal data.
fn mail(
    ctx: &Context,
    call: &Call,
    partner: &Partner,
    (subject, text): (&str, &str),
    open: Option<Open<'_>>,
) -> Result<Ready> {
    let strings = ctx.templates.strings(&partner.locale);
    let due = open.as_ref().map(|open| open.due).unwrap_or_default();
    let values = [("partner", partner.name.as_str()), ("name", first_name(&call.rep_name)), ("due", due)];
    let (path, button) = match &open {
        Some(open) => {
            (format!("/claim/{}", call_token(&ctx.keys, open.id, ctx.clock.wall_ms())), "claim_button")
        }
        None => ("/desk".to_owned(), "erased_button"),
    };
    let facts = open.map(|open| open.facts).unwrap_or_default();
    let subject_line = strings.fill(subject, &values);
    notices::compose(
        ctx,
        &Notice {
            source: format!("{subject}:{}", call.id),
            lead_id: call.lead_id.clone(),
            to_name: call.rep_name.clone(),
            to_email: call.rep_email.clone(),
            partner,
            locale: &partner.locale,
            sender: "leads",
            words: Words {
                subject: subject_line.clone(),
                heading: subject_line,
                paragraphs: vec![strings.fill(text, &values)],
                facts,
                button: (strings.get(button).to_owned(), path),
                why: strings.fill("offer_why", &values),
            },
            stop: None,
            tracks: false,
        },
    )
}

/// One call.
///
/// # Errors
/// `NotFound` for a call that is not there.
pub async fn load_call(ctx: &Context, id: CallId) -> Result<Call> {
    calls::call(&ctx.db, &id.to_string()).await?.ok_or_else(|| Error::not_found("this lead"))
}

/// Why a call cannot be answered any more, kindly.
pub fn gone(call: &Call) -> Option<&'static str> {
    Some(match call.answer.as_deref()? {
        "claimed" => "You have claimed this lead; it is on your desk.",
        "taken" => {
            "Somebody else was first: the person is in good hands, and there is nothing left for you to do."
        }
        "declined" => "You let this lead go to the others.",
        "lapsed" => "The time to claim this lead is over.",
        _ => "This lead is no longer called out.",
    })
}

/// Claims the lead: who comes first is its owner, has accepted it, and the clock to the first contact runs. The others are told.
///
/// # Errors
/// `Conflict`, kindly, for whoever comes second or too late.
pub async fn claim(ctx: &Context, id: CallId) -> Result<()> {
    let call = load_call(ctx, id).await?;
    let refused = |call: &Call| Error::conflict(gone(call).unwrap_or("This lead is no longer called out."));
    if call.answer.is_some() {
        return Err(refused(&call));
    }
    match claim_now(ctx, &call).await {
        Err(error) if error.kind() == Kind::Conflict => {
            let now = load_call(ctx, id).await?;
            Err(if now.answer.is_some() { refused(&now) } else { error })
        }
        done => done,
    }
}

async fn claim_now(ctx: &Context, call: &Call) -> Result<()> {
    let now_ms = ctx.now_ms();
    let lead = leads::lead(&ctx.db, &call.lead_id).await?.ok_or_else(|| Error::not_found("this lead"))?;
    let partner = partners::partner(&ctx.db, &call.partner_slug).await?;
    let partner = partner.ok_or_else(|| Error::not_found("your company"))?;
    if !agrees(ctx, &lead.id).await? {
        return Err(Error::conflict("the person took back their consent to be contacted"));
    }
    let (hand_off, meeting) = hand_off(ctx, call, &lead, &partner).await?;
    if !meeting.goes() {
        return call_back(ctx, call).await;
    }
    let zone = zone_of(ctx, &hand_off.offer, &partner).await?;
    let others = told_taken(ctx, &call.lead_id, Some(&call.id)).await?;
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    calls::hold(&mut tx, &lead.id).await?;
    if now_ms >= call.due_ms || !calls::answer(&mut tx, &call.id, "claimed", now_ms).await? {
        return Err(Error::conflict("the time to claim this lead is over"));
    }
    if let Some(full) = full(ctx, &mut tx, call, &partner).await? {
        return Err(Error::conflict(full));
    }
    calls::close(&mut tx, &lead.id, "taken", now_ms).await?;
    let mut lead = lead_in(&mut tx, &lead.id).await?;
    if lead.partner_slug != HOUSE || !stage_of(&lead)?.may_be_offered() {
        return Err(Error::conflict("this lead is with somebody already"));
    }
    let because = format!("{} claimed it first.", call.rep_name);
    assignments::give(&mut tx, &lead.id, HOUSE, &call.partner_slug, &because, now_ms).await?;
    lead.partner_slug.clone_from(&call.partner_slug);
    let what = format!("{}{}. {because}", assign::GIVEN_TO, partner.name);
    add_step(ctx, &mut tx, &lead, "partnercast", &what).await?;
    let heat = Heat::parse(&call.temperature).unwrap_or(Heat::Standard);
    let case_id = conflict::meet(ctx, &mut tx, &lead, Some(heat), meeting).await?;
    let offer = hand_off.offer.clone();
    hand_off.without_mail().store(ctx, &mut tx, &mut lead).await?;
    let accepted = offers::Answer { answer: "accepted", reason: "", because: None };
    offers::view(&mut tx, &offer.id, now_ms).await?;
    offers::answer(&mut tx, &offer.id, now_ms, accepted).await?;
    lead_clocks::stop(&mut tx, &lead.id, now_ms, "").await?;
    lead.owner_name = Some(offer.rep_name.clone());
    lead.owner_email = Some(offer.rep_email.clone());
    advance(ctx, &mut tx, &mut lead, LeadStage::Sal, &offer.rep_name, "claimed the lead").await?;
    start_clock(ctx, &mut tx, &offer, &partner, zone, SlaKind::FirstContact).await?;
    for mail in others {
        mail.enqueue(&mut tx, now_ms).await?;
    }
    audit::record(&mut tx, now_ms, &*ctx.random, &offer.rep_name, "claim", &lead.id, &call.id).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    conflict::settle_now(ctx, case_id).await;
    Ok(())
}

/// Why whoever claims a lead can have no other now; in a transaction in which nobody else claims any. A call that is open
/// counts for nobody, so what was free when they were asked may be full by now.
async fn full(ctx: &Context, tx: &mut Tx, call: &Call, partner: &Partner) -> Result<Option<String>> {
    let library = ctx.library();
    let Some(rule) = library.rules.routing.as_ref() else { return Ok(None) };
    let of_partner = match &rule.partners_of_leads {
        Some(rule) => leads_max(rule, partner),
        None => partner.leads_max,
    };
    if let Some(most) = of_partner {
        let live = assignments::live_in(tx, &call.partner_slug).await?;
        if live >= i64::from(most) {
            return Ok(Some(format!(
                "{} has {live} leads in hand, and {most} is the most: close or return one, then claim this one",
                partner.name
            )));
        }
    }
    if let Some(most) = rule.people.leads_max {
        let live = offers::live_of_rep_in(tx, &call.rep_email.to_lowercase()).await?;
        if live >= i64::from(most) {
            return Ok(Some(format!(
                "you have {live} leads in hand, and {most} is the most: close or return one, then claim this one"
            )));
        }
    }
    Ok(None)
}

/// Ends all calls of a lead whose person another partner has got in touch with since: it is looked at as one that arrives.
///
/// # Errors
/// `Conflict` always, kindly.
async fn call_back(ctx: &Context, call: &Call) -> Result<()> {
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    calls::hold(&mut tx, &call.lead_id).await?;
    if calls::close(&mut tx, &call.lead_id, "withdrawn", now_ms).await? > 0 {
        let lead = lead_in(&mut tx, &call.lead_id).await?;
        let what = format!("{}another partner is in touch with them since.", assign::CALLED_BACK);
        add_step(ctx, &mut tx, &lead, "partnercast", &what).await?;
        calls::look_again(&mut tx, &call.lead_id, now_ms).await?;
    }
    tx.commit().await?;
    Err(Error::conflict(
        "somebody else is in touch with the person since, so this lead is not called out any more",
    ))
}

/// The offer to whoever claims, and whether another partner is in its way.
async fn hand_off(ctx: &Context, call: &Call, lead: &Lead, partner: &Partner) -> Result<(HandOff, Meeting)> {
    let mut theirs = lead.clone();
    theirs.partner_slug.clone_from(&call.partner_slug);
    let title = asset_title(ctx, &theirs, partner)?;
    let of = Offering::new(
        &theirs,
        partner,
        &title,
        &call.because,
        Heat::parse(&call.temperature).unwrap_or(Heat::Standard),
    );
    let mut hand_off = offer::prepare_to(ctx, &of, &call.rep_email, "partnercast").await?;
    hand_off.offer.because = format!("{} claimed it first", call.rep_name);
    hand_off.routed = format!("{}.", hand_off.offer.because);
    Ok((hand_off, conflict::weigh(ctx, &theirs, true).await?))
}

/// The mails to those who are called for a lead, `but` one, that it has been taken.
pub(super) async fn told_taken(ctx: &Context, lead_id: &str, but: Option<&str>) -> Result<Vec<Ready>> {
    let mut mails = Vec::new();
    for other in calls::of_lead(&ctx.db, lead_id).await? {
        if but == Some(other.id.as_str()) || other.answer.is_some() {
            continue;
        }
        if let Some(partner) = partners::partner(&ctx.db, &other.partner_slug).await? {
            mails.push(mail(ctx, &other, &partner, ("claim_taken_subject", "claim_taken_text"), None)?);
        }
    }
    Ok(mails)
}

/// Leaves the lead to the others.
///
/// # Errors
/// `Conflict` where it was answered before.
pub async fn decline(ctx: &Context, id: CallId) -> Result<()> {
    let call = load_call(ctx, id).await?;
    if !end(ctx, &call, "declined").await? {
        let now = load_call(ctx, id).await?;
        return Err(Error::conflict(gone(&now).unwrap_or("This lead is no longer called out.")));
    }
    Ok(())
}

/// Ends a call; where it was the last, and nobody claimed the lead, it is looked at anew.
async fn end(ctx: &Context, call: &Call, answer: &str) -> Result<bool> {
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    calls::hold(&mut tx, &call.lead_id).await?;
    if !calls::answer(&mut tx, &call.id, answer, now_ms).await? {
        return Ok(false);
    }
    let lead = lead_in(&mut tx, &call.lead_id).await?;
    let what = match answer {
        "declined" => format!("{} left it to the others", call.rep_name),
        _ => format!("{} did not claim it in time", call.rep_name),
    };
    add_step(ctx, &mut tx, &lead, "partnercast", &what).await?;
    calls::look_again(&mut tx, &call.lead_id, now_ms).await?;
    tx.commit().await?;
    Ok(true)
}

/// Ends the calls whose time is over. Returns the faults.
///
/// # Errors
/// Those of the store.
pub(super) async fn over(ctx: &Context) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for call in calls::over(&ctx.db, ctx.now_ms(), CALLS_MAX).await? {
        let done = end(ctx, &call, "lapsed").await;
        faults.extend(done.err().map(|error: Error| format!("{}: {}", call.id, error.detail())));
    }
    Ok(faults)
}

/// Partners that were called for a lead since `since_ms` and let it go, with how, and whether some are called now.
pub(super) async fn called(
    ctx: &Context,
    lead_id: &str,
    since_ms: UtcMs,
) -> Result<(Vec<(String, String)>, bool)> {
    let all = calls::of_lead(&ctx.db, lead_id).await?;
    let is_open = all.iter().any(|call| call.answer.is_none());
    let passed = all.into_iter().filter(|call| call.called_ms >= since_ms).filter_map(|call| {
        let why = match call.answer.as_deref()? {
            "declined" => "left it to others before",
            "lapsed" => "did not claim it in time before",
            _ => return None,
        };
        Some((call.partner_slug, why.to_owned()))
    });
    Ok((passed.collect(), is_open))
}
