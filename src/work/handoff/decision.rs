//! What the channel manager is asked to decide: a lead whose data is wrong, or that does not fit what was agreed, goes to them
//! first, with the reason, so that it does not wander through the whole partner. They hand it on, give it to somebody, correct
//! it, take it themselves, or close it.

use super::{
    super::{
        context::Context,
        notices::{self, Ready, StaffNotice, Words},
        tokens::DeskToken,
    },
    By, HandOff, Offering, add_step, advance, answer, asset_title, assign, heat_of, lead_and_partner,
    lead_in, must_agree, offer, reminder, stage_of,
};
use crate::{
    domain::{
        content::vendor::Staff,
        kernel::{Error, Result, clock::utc, text},
        lead::{LeadStage, OfferPurpose, RejectReason, StopReason, stage::RejectClass},
        partner::Partner,
    },
    store::{
        audit, leads,
        offers::{self, Answer, Offer},
    },
};

/// Whether an offer asks the channel manager to decide.
pub fn is_to_decide(offer: &Offer) -> bool {
    offer.purpose == OfferPurpose::Decide.as_str()
}

/// Who is asked to decide, where somebody at the partner turns a lead down for `reason`.
pub(super) fn who_decides(
    ctx: &Context,
    partner: &Partner,
    offer: &Offer,
    reason: RejectReason,
) -> Option<Staff> {
    let is_asked = offer.contact_id.is_some() && reason.class() != RejectClass::Procedural;
    is_asked.then(|| reminder::manager(ctx, partner)).flatten()
}

/// The offer to the channel manager, with the mail that asks them; `why` is the reason with what the rep wrote.
pub(super) async fn ask(
    ctx: &Context,
    of: &Offering<'_>,
    to: &Staff,
    offer: &Offer,
    (reason, why): (RejectReason, &str),
) -> Result<HandOff> {
    let mut hand_off = offer::prepare_to(ctx, of, to.email.as_str(), "partnercast").await?;
    // The note stays behind the link: a page that needs no sign-in shows this.
    hand_off.offer.because = format!("To decide: {} turned it down. {}", offer.rep_name, reason.label());
    OfferPurpose::Decide.as_str().clone_into(&mut hand_off.offer.purpose);
    hand_off.routed = format!("{} is asked to decide about it: {} turned it down.", to.name, offer.rep_name);
    let mail = mail(ctx, of, to, offer, &hand_off, why)?;
    Ok(hand_off.with_mail(mail))
}

fn mail(
    ctx: &Context,
    of: &Offering<'_>,
    to: &Staff,
    offer: &Offer,
    hand_off: &HandOff,
    why: &str,
) -> Result<Ready> {
    let subject = format!("Please decide about a lead of {} ({})", of.partner.name, offer::code(&of.lead.id));
    let zone = hand_off.clock.zone.parse().unwrap_or(of.partner.zone);
    let due = utc(hand_off.clock.due_ms).with_timezone(&zone).format("%a %-d %b %Y, %H:%M %Z").to_string();
    let token = DeskToken::of_address(to.email.as_str(), ctx.clock.wall_ms()).sign(&ctx.keys);
    let notice = StaffNotice {
        source: format!("decide:{}", offer.id),
        sender: Some("leads"),
        to,
        words: Words {
            heading: subject.clone(),
            subject,
            paragraphs: vec![
                format!("{} turned a lead down, for a reason that nobody else there can mend.", offer.rep_name),
                "It is with you until you decide: hand it on to the next at the partner, give it to somebody, correct \
                 its data, take it yourself, or close it."
                    .to_owned(),
            ],
            facts: vec![
                ("Partner".to_owned(), of.partner.name.clone()),
                ("Reason".to_owned(), why.to_owned()),
                ("Please decide by".to_owned(), due),
            ],
            button: ("Open the lead".to_owned(), format!("/desk/enter/{token}?to=/desk/leads/{}", of.lead.id)),
            why: "You look after this partner for the vendor.".to_owned(),
        },
    };
    // What the rep wrote may speak about the person.
    Ok(notices::compose_for_staff(ctx, &notice)?.about_lead(&of.lead.id))
}

/// The channel manager hands a lead on that they were asked about: to the next at the partner, or for a lead of the vendor's,
/// where nobody there is left, to another partner.
///
/// # Errors
/// `Denied` for somebody who does not manage the partner; `Conflict` where they were not asked, and where nobody is left.
pub async fn hand_on(ctx: &Context, lead_id: &str, by: By<'_>, note: &str) -> Result<()> {
    let note = text::single_line("the note", note)?;
    let (lead, partner) = lead_and_partner(ctx, lead_id).await?;
    if !by.manages(&partner) {
        return Err(Error::denied("only the partner's channel manager can hand a lead on"));
    }
    let live = offers::of_lead(&ctx.db, lead_id).await?.into_iter().find(Offer::is_live);
    let asked = live.filter(|offer| offer.answer.is_none() && is_to_decide(offer));
    let asked = asked.ok_or_else(|| Error::conflict("nothing is to be decided about this lead now"))?;
    let title = asset_title(ctx, &lead, &partner)?;
    let of = Offering::new(&lead, &partner, &title, &lead.because, heat_of(&asked));
    let next = assign::next(ctx, &of, assign::TURNED_DOWN).await?;
    if next.hand_off().is_some_and(HandOff::is_managers) {
        return Err(Error::conflict(format!(
            "nobody else at {} can take it now: give it to somebody of your choice, take it yourself, or close it",
            partner.name
        )));
    }
    let what = if note.is_empty() { "handed it on".to_owned() } else { format!("handed it on: {note}") };
    let sentence = format!("{} {what}", by.name());
    let how = Answer { answer: "recalled", reason: StopReason::Withdrawn.as_str(), because: Some(&sentence) };
    let (mut tx, mut lead) = answer::answer(ctx, &asked, how).await?;
    must_agree(&mut tx, lead_id).await?;
    advance(ctx, &mut tx, &mut lead, LeadStage::Expired, by.name(), &what).await?;
    next.store(ctx, &mut tx, &mut lead, &partner, assign::TURNED_DOWN).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, by.name(), "hand-on", lead_id, &asked.id).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// What is known better of a person than they, or a machine, wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correction {
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Telephone; empty for none.
    pub phone: String,
}

/// Corrects the contact data of a lead. The address stays: it is whom they are known by, and what they agreed to hangs on it.
///
/// # Errors
/// `Denied` for somebody who may not work the lead; `Invalid` without a name or a company, or where nothing is changed;
/// `Conflict` for a lead that is closed, or that somebody changed meanwhile.
pub async fn correct(ctx: &Context, lead_id: &str, by: By<'_>, right: &Correction) -> Result<()> {
    let (known, partner) = lead_and_partner(ctx, lead_id).await?;
    if !by.may_work(&known, &partner) {
        return Err(Error::denied("only who has a lead, or the channel manager, can correct its data"));
    }
    let stage = stage_of(&known)?;
    if stage.is_terminal() {
        return Err(Error::conflict(format!("this lead is closed: \"{}\"", stage.label().to_lowercase())));
    }
    let mut faults = Vec::new();
    let mut word = |what: &str, word: &str, is_needed: bool| match text::single_line(what, word.trim()) {
        Ok(word) if is_needed && word.is_empty() => {
            faults.push(format!("{what} is missing"));
            word
        }
        Ok(word) => word,
        Err(error) => {
            faults.push(error.public().to_owned());
            String::new()
        }
    };
    let (name, company) = (word("the name", &right.name, true), word("the company", &right.company, true));
    let phone = word("the phone number", &right.phone, false);
    if !faults.is_empty() {
        return Err(Error::invalid(faults.join("; ")));
    }
    let phone = Some(phone).filter(|phone| !phone.is_empty());
    let mut tx = ctx.db.begin().await?;
    let mut lead = lead_in(&mut tx, lead_id).await?;
    if lead.updated_ms != known.updated_ms || lead.stage != known.stage {
        return Err(Error::conflict("somebody else has changed this lead meanwhile; look at it again"));
    }
    let mut what = Vec::new();
    for (label, changed) in [
        ("name", lead.name != name),
        ("company", lead.company != company),
        ("phone number", lead.phone != phone),
    ] {
        what.extend(changed.then_some(label));
    }
    if what.is_empty() {
        return Err(Error::invalid("nothing was changed"));
    }
    (lead.name, lead.company, lead.phone, lead.updated_ms) = (name, company, phone, ctx.now_ms());
    leads::update(&mut tx, &lead, known.updated_ms, &known.stage).await?;
    // Which, and not what: the history outlives what is corrected.
    add_step(ctx, &mut tx, &lead, by.name(), &format!("corrected: {}", what.join(", "))).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, by.name(), "correct-lead", lead_id, "").await?;
    tx.commit().await
}
