//! The mails about a lead after its offer. None holds personal data; what they are about is behind their links.

use super::{
    super::{
        context::Context,
        notices::{self, Notice, Ready, StaffNotice, Words},
        tokens::{DeskToken, offer_token},
    },
    HandOff, lead_and_partner,
    offer::code,
    turn::Due,
    wording::{self, Asked},
};
use crate::{
    domain::{
        content::vendor::Staff,
        kernel::{EmailAddress, Result, clock::utc, id::OfferId},
        lead::SlaKind,
        partner::{Partner, contact::first_name},
    },
    render::strings::Strings,
    store::{
        leads::Lead,
        offers::{self, Offer},
    },
};

/// What a mail to whoever has a lead says: the keys of its words.
struct Keys {
    subject: &'static str,
    text: &'static str,
}

/// Reminds whoever has the lead that most of a clock's time is used.
pub(super) fn to_rep(ctx: &Context, due: &Due<'_>) -> Result<Ready> {
    let keys = match due.kind {
        SlaKind::Accept => Keys { subject: "remind_accept_subject", text: "remind_accept_text" },
        SlaKind::FirstContact => Keys { subject: "remind_contact_subject", text: "remind_contact_text" },
        SlaKind::NextStep => Keys { subject: "remind_step_subject", text: "remind_step_text" },
    };
    // With the time it ends: a clock that was given more is reminded of anew.
    let source =
        format!("remind:{}:{}:{}:{}", due.offer.id, due.clock.started_ms, due.clock.due_ms, due.turn.percent);
    let zone = due.clock.zone.parse().unwrap_or(due.partner.zone);
    let until = Some((due.clock.due_ms, zone));
    about(ctx, &due.lead, &due.partner, &due.offer, source, &keys, until)
}

/// Tells whoever had the lead that it has moved on, because a clock of theirs ran out.
pub(super) fn moved_on(ctx: &Context, due: &Due<'_>) -> Result<Ready> {
    moved_on_from(ctx, &due.lead, &due.partner, &due.offer)
}

/// Tells whoever the offer was made to that the lead has moved on.
pub(super) fn moved_on_from(ctx: &Context, lead: &Lead, partner: &Partner, offer: &Offer) -> Result<Ready> {
    let keys = Keys { subject: "moved_on_subject", text: "moved_on_text" };
    about(ctx, lead, partner, offer, format!("moved-on:{}", offer.id), &keys, None)
}

/// Tells whoever was to call that the person took back their consent.
pub(super) fn withdrawn(ctx: &Context, lead: &Lead, partner: &Partner, offer: &Offer) -> Result<Ready> {
    let keys = Keys { subject: "withdrawn_lead_subject", text: "withdrawn_lead_text" };
    about(ctx, lead, partner, offer, format!("withdrawn:{}", offer.id), &keys, None)
}

/// Tells the new owner of a lead that is being worked that it is theirs.
pub(super) fn given(ctx: &Context, lead: &Lead, partner: &Partner, offer: &Offer) -> Result<Ready> {
    let keys = Keys { subject: "given_subject", text: "given_text" };
    about(ctx, lead, partner, offer, format!("given:{}", offer.id), &keys, None)
}

/// Tells whoever has the lead, or had it last, that the person has written again. `what` makes the mail, once.
pub(super) fn wrote_again(
    ctx: &Context,
    lead: &Lead,
    partner: &Partner,
    offer: &Offer,
    (what, asked): (&str, Asked),
) -> Result<Ready> {
    let keys = match asked {
        Asked::Themselves => Keys { subject: "wrote_again_subject", text: "wrote_again_text" },
        Asked::AsTold => Keys { subject: "wrote_told_subject", text: "wrote_told_text" },
    };
    about(ctx, lead, partner, offer, format!("wrote:{}:{what}", offer.id), &keys, None)
}

/// Tells whoever has a lead that the person asked to be called by another way as well; nothing where nobody has it. `what` makes
/// the mail, once.
///
/// # Errors
/// Those of the store and of composing.
pub(super) async fn tell_that_they_asked_elsewhere(
    ctx: &Context,
    lead_id: &str,
    what: &str,
) -> Result<Option<Ready>> {
    let (lead, partner) = lead_and_partner(ctx, lead_id).await?;
    let live = offers::of_lead(&ctx.db, lead_id).await?.into_iter().find(Offer::is_live);
    let keys = Keys { subject: "asked_elsewhere_subject", text: "asked_elsewhere_text" };
    live.map(|offer| {
        about(ctx, &lead, &partner, &offer, format!("elsewhere:{}:{what}", offer.id), &keys, None)
    })
    .transpose()
}

/// Tells whoever had a lead that another partner goes on, without saying who.
pub(super) fn lost_to_another(ctx: &Context, lead: &Lead, partner: &Partner, offer: &Offer) -> Result<Ready> {
    let keys = Keys { subject: "other_partner_subject", text: "other_partner_text" };
    about(ctx, lead, partner, offer, format!("other-partner:{}", offer.id), &keys, None)
}

/// A mail about an offer to whoever it was made to.
fn about(
    ctx: &Context,
    lead: &Lead,
    partner: &Partner,
    offer: &Offer,
    source: String,
    keys: &Keys,
    until: Option<(i64, chrono_tz::Tz)>,
) -> Result<Ready> {
    let is_managers = offer.contact_id.is_none();
    let locale = &wording::language(ctx, partner, is_managers);
    let strings = ctx.templates.strings(locale);
    let vendor = wording::vendor(ctx);
    let due = until.map(|(due_ms, zone)| strings.date_time(&utc(due_ms).with_timezone(&zone)));
    let values = [
        ("partner", partner.name.as_str()),
        ("vendor", vendor.as_str()),
        ("name", first_name(&offer.rep_name)),
        ("due", due.as_deref().unwrap_or_default()),
    ];
    let facts = due.iter().map(|due| (strings.get("offer_fact_due").to_owned(), due.clone())).collect();
    let token = offer_token(&ctx.keys, OfferId::parse(&offer.id)?, ctx.clock.wall_ms());
    let why = if is_managers { "offer_why_manager" } else { "offer_why" };
    notices::compose(
        ctx,
        &Notice {
            source,
            lead_id: lead.id.clone(),
            to_name: offer.rep_name.clone(),
            to_email: offer.rep_email.clone(),
            partner,
            locale,
            sender: "leads",
            words: words(&strings, keys, &values, (facts, &code(&lead.id)), format!("/o/{token}"), why),
            stop: None,
            tracks: false,
        },
    )
}

fn words(
    strings: &Strings,
    keys: &Keys,
    values: &[(&str, &str)],
    (facts, code): (Vec<(String, String)>, &str),
    path: String,
    why: &str,
) -> Words {
    let heading = strings.fill(keys.subject, values);
    Words {
        subject: format!("{heading} ({code})"),
        heading,
        paragraphs: vec![strings.fill(keys.text, values), strings.fill("offer_text_privacy", values)],
        facts,
        button: (strings.get("offer_button").to_owned(), path),
        why: strings.fill(why, values),
    }
}

/// A mail to whoever is above the one who is late: the channel manager; for a channel manager, and the second time, the
/// sponsor. With their name; none where nobody is above.
pub(super) fn upwards(ctx: &Context, due: &Due<'_>) -> Result<Option<(String, Ready)>> {
    let what = due.kind.label().to_lowercase();
    let (subject, when) = match due.turn.percent {
        ..=100 => ("A lead of {partner} is late", "has not done so in time"),
        _ => ("A lead of {partner} is still late", "has not done so in twice the time"),
    };
    let late = format!("{} {when}: {what}.", due.offer.rep_name);
    let to = if due.is_sponsors() { sponsor(ctx) } else { manager(ctx, &due.partner) };
    to.map(|to| to_staff(ctx, due, &to, subject, &late).map(|mail| (to.name, mail))).transpose()
}

/// Tells the channel manager that a lead was taken back, and who has it now; not where it comes to them anyway.
pub(super) fn taken_back(ctx: &Context, due: &Due<'_>, next: &HandOff) -> Result<Option<Ready>> {
    let to = manager(ctx, &due.partner).filter(|to| !next.is_to(to.email.as_str()));
    let text = format!(
        "{} had it until now and has not done so in time: {}. It is offered to {} now.",
        due.offer.rep_name,
        due.kind.label().to_lowercase(),
        next.offer.rep_name
    );
    to.map(|to| to_staff(ctx, due, &to, "A lead of {partner} was taken back", &text)).transpose()
}

fn to_staff(ctx: &Context, due: &Due<'_>, to: &Staff, subject: &str, text: &str) -> Result<Ready> {
    let subject = format!("{} ({})", subject.replace("{partner}", &due.partner.name), code(&due.lead.id));
    let waits =
        utc(due.clock.due_ms).with_timezone(&due.partner.zone).format("%a %-d %b %Y, %H:%M %Z").to_string();
    let token = DeskToken::of_address(to.email.as_str(), ctx.clock.wall_ms()).sign(&ctx.keys);
    notices::compose_for_staff(
        ctx,
        &StaffNotice {
            source: format!("late:{}:{}:{}", due.offer.id, due.clock.started_ms, due.turn.percent),
            sender: Some("leads"),
            to,
            words: Words {
                heading: subject.clone(),
                subject,
                paragraphs: vec![
                    text.to_owned(),
                    "The card behind the button shows the lead, its clocks and who had it; there you can give it to \
                     somebody else."
                        .to_owned(),
                ],
                facts: vec![
                    ("Partner".to_owned(), due.partner.name.clone()),
                    ("Was due".to_owned(), waits),
                    ("Stage".to_owned(), due.lead.stage.replace('_', " ")),
                ],
                button: ("Open the lead".to_owned(), format!("/desk/enter/{token}?to=/desk/leads/{}", due.lead.id)),
                why: "You look after this partner, or after those who do, for the vendor.".to_owned(),
            },
        },
    )
}

/// The partner's channel manager as somebody to write to; nobody where the address is none.
pub(super) fn manager(ctx: &Context, partner: &Partner) -> Option<Staff> {
    let library = ctx.library();
    let address = &partner.channel_manager_email;
    let manager = library.vendor.as_ref().and_then(|vendor| vendor.manager_at(address));
    let email = EmailAddress::parse(address).ok()?;
    let name = manager.map_or_else(|| address.clone(), |manager| manager.name.clone());
    Some(Staff { name, title: "Channel manager".to_owned(), email, may: Vec::new() })
}

/// The sponsor of the routing rule.
pub(super) fn sponsor(ctx: &Context) -> Option<Staff> {
    let library = ctx.library();
    let (email, _) = library.rules.routing.as_ref()?.sponsor.as_ref()?;
    let vendor = library.vendor.as_ref()?;
    let member = vendor.member(email.as_str()).cloned();
    member.or_else(|| {
        let manager = vendor.manager_at(email.as_str())?;
        Some(Staff {
            name: manager.name.clone(),
            title: String::new(),
            email: email.clone(),
            may: Vec::new(),
        })
    })
}
