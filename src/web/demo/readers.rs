//! The two readers whose mails the story shows side by side.

use serde::Serialize;

use crate::{
    channel::catcher::Envelope,
    domain::{
        kernel::Result,
        partner::{AudienceRole, Partner, contact::first_name},
    },
    store::partners,
    web::view::when::time_of_day,
    work::Context,
};

/// A reader's mail.
#[derive(Debug, Serialize)]
pub struct MailCard {
    /// Full name.
    pub name: String,
    /// First name.
    pub first_name: String,
    /// What they do.
    pub role: &'static str,
    /// Partner.
    pub partner: String,
    /// When it arrived.
    pub detail: String,
    /// The mail.
    pub href: Option<String>,
    /// Its HTML.
    pub html: Option<String>,
    /// When it will come.
    pub waiting: String,
}

/// Whose technical reader the story shows beside the first partner's sales rep.
const SECOND_PARTNER: &str = "thornbury";

/// The two mails, or where each is waited for.
///
/// # Errors
/// Those of the store.
pub async fn mail_cards(ctx: &Context, partner: &Partner, envelopes: &[Envelope]) -> Result<Vec<MailCard>> {
    let library = ctx.library();
    let sender = library.newsletters().next().and_then(|(_, newsletter)| {
        let vendor = library.vendor.as_ref()?;
        Some(vendor.senders.get(newsletter.sender.as_ref()?.as_str())?.email.to_string())
    });
    let is_letter =
        |envelope: &&Envelope| sender.as_ref().is_none_or(|sender| envelope.from.contains(sender.as_str()));
    let mut cards = Vec::new();
    // Two roles at two partners: one source, two brands, two texts.
    let other = partners::partner(&ctx.db, SECOND_PARTNER).await?;
    let technical_at = other.as_ref().unwrap_or(partner);
    let readers =
        [(AudienceRole::Sales, "sales", partner), (AudienceRole::Technical, "technical", technical_at)];
    for (role, word, partner) in readers {
        let contacts = partners::contacts_of(&ctx.db, partner.slug.as_str()).await?;
        let Some(reader) = contacts.iter().find(|stored| stored.contact.roles.contains(role)) else {
            continue;
        };
        let contact = &reader.contact;
        let mut theirs =
            envelopes.iter().filter(|envelope| envelope.to.eq_ignore_ascii_case(contact.email.as_str()));
        let letter = theirs.find(is_letter);
        let zone = contact.zone.unwrap_or(partner.zone);
        cards.push(MailCard {
            first_name: first_name(&contact.name).to_owned(),
            name: contact.name.clone(),
            role: word,
            partner: partner.name.clone(),
            detail: letter.map_or_else(
                || format!("it is {} there", time_of_day(ctx.now_ms(), zone)),
                |letter| {
                    format!("arrived {}", time_of_day(letter.date_ms.unwrap_or(letter.received_ms), zone))
                },
            ),
            href: letter.map(|letter| format!("/inbox/{}", letter.id)),
            html: letter.map(|letter| format!("/inbox/{}/html", letter.id)),
            waiting: format!("It arrives at 09:00 in {}.", partner.city),
        });
    }
    Ok(cards)
}
