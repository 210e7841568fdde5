//! Single mails that somebody waits for: a lead offer, what a form promised.

use super::{
    cobrand::{CoBrand, TALK_TO_US},
    context::Context,
    publish,
    tokens::{rendition_id, sha256_hex},
};
use crate::{
    domain::{
        content::tree::{Inline, Node},
        kernel::{
            Error, Locale, Result,
            clock::{DAY_MS, UtcMs},
            id::DeliveryId,
        },
        partner::Partner,
    },
    render::{
        brand::Button,
        email::{self, Fact, MessageHeaders, NoticeInput, WireTemplate},
        slots::{Slot, SlotTable},
    },
    store::{
        Tx,
        outbox::{self, LANE_URGENT, NewDelivery},
        renditions::{self, NewRendition},
    },
};

/// Scope of mail that answers a form: who stopped everything gets none.
pub const FORMS: &str = "forms";
/// How long a notice is worth sending.
const LIFETIME_MS: i64 = 3 * DAY_MS;

/// A single mail, in words.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    /// What makes it, and makes it once: such as `offer:off_…`.
    pub source: String,
    /// The lead it is about.
    pub lead_id: String,
    /// To whom.
    pub to_name: String,
    /// Where to.
    pub to_email: String,
    /// Whose brand it wears.
    pub partner: &'a Partner,
    /// Its language.
    pub locale: &'a Locale,
    /// Name of the `[sender.*]` of vendor.toml.
    pub sender: &'a str,
    /// Subject.
    pub subject: String,
    /// First heading.
    pub heading: String,
    /// Paragraphs above the table.
    pub paragraphs: Vec<String>,
    /// The table: label and value.
    pub facts: Vec<(String, String)>,
    /// The one thing to do: words and path.
    pub button: (String, String),
    /// Why they get it.
    pub why: String,
    /// Words of a link with which the reader stops all further mail, where that makes sense.
    pub stop: Option<String>,
}

/// A finished single mail; [`Ready::enqueue`] puts it into the outbox.
#[derive(Debug, Clone)]
pub struct Ready {
    rendition: NewRendition,
    delivery: NewDelivery,
}

impl Ready {
    /// Puts it into the outbox, once per source and recipient.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn enqueue(self, tx: &mut Tx, now_ms: i64) -> Result<bool> {
        renditions::insert(tx, now_ms, vec![self.rendition]).await?;
        outbox::enqueue(tx, now_ms, &self.delivery).await
    }
}

/// Renders and encodes a notice.
///
/// # Errors
/// No content yet, a sender that vendor.toml does not have, or a template that does not fit.
pub fn compose(ctx: &Context, notice: &Notice<'_>) -> Result<Ready> {
    let (library, media) = (ctx.library(), ctx.media());
    let mut slots = SlotTable::default();
    let base = slots.marker(Slot::BaseUrl);
    let brand = CoBrand::new(&library, &media, notice.partner, notice.locale, &base)?;
    let sender = brand
        .vendor
        .senders
        .get(notice.sender)
        .ok_or_else(|| Error::invalid(format!("vendor.toml has no [sender.{}]", notice.sender)))?;
    let links = notice.stop.iter().map(|label| {
        let token = slots.marker(Slot::PreferencesToken);
        Button { label: label.clone(), url: format!("{base}/u/{token}") }
    });
    let links = links.collect();
    let talk_to_us = format!("{base}{}", brand.path(TALK_TO_US));
    let input = NoticeInput {
        locale: notice.locale.clone(),
        subject: notice.subject.clone(),
        preheader: notice.paragraphs.first().cloned().unwrap_or_default(),
        heading: notice.heading.clone(),
        body: notice
            .paragraphs
            .iter()
            .map(|paragraph| Node::Paragraph(vec![Inline::Text(paragraph.clone())]))
            .collect(),
        facts: notice
            .facts
            .iter()
            .map(|(label, value)| Fact { label: label.clone(), value: value.clone() })
            .collect(),
        button: Some(Button { label: notice.button.0.clone(), url: format!("{base}{}", notice.button.1) }),
        after: Vec::new(),
        partner: Some(brand.partner_brand(talk_to_us, "")),
        vendor: brand.vendor_brand(),
        vendor_colours: (brand.vendor.primary, brand.vendor.accent),
        why: notice.why.clone(),
        links,
        is_partners_own: false,
        slots,
    };
    let rendition = email::notice(&ctx.templates, &input, &mut |_| String::new(), &mut |_| None)?;
    let headers = MessageHeaders {
        from_name: sender.name.clone(),
        from_email: sender.email.clone(),
        reply_to: Some(sender.reply_to.clone()),
        list_id: None,
        feedback_id: Some(format!(
            "{}:{}:notice:partnercast",
            notice.source.split(':').next().unwrap_or_default(),
            notice.partner.slug
        )),
        one_click_path: notice.stop.is_some().then(|| "/one-click/".to_owned()),
        auto_generated: true,
        extra: Vec::new(),
    };
    let wire = WireTemplate::build(&rendition, &headers)?.to_text();
    let now_ms = ctx.now_ms();
    let id = rendition_id(&[&notice.source, &notice.to_email, &sha256_hex(wire.as_bytes())]);
    let body =
        serde_json::to_string(&rendition).map_err(|error| Error::internal("rendition").because(error))?;
    Ok(Ready {
        delivery: delivery_of(ctx, notice, &id, now_ms),
        rendition: NewRendition {
            id,
            issue_id: None,
            partner_slug: notice.partner.slug.to_string(),
            roles: String::new(),
            locale: notice.locale.to_string(),
            subject: notice.subject.clone(),
            sender: sender.email.to_string(),
            body,
            wire,
            links: Vec::new(),
            assets: Vec::new(),
        },
    })
}

/// The row of a notice whose rendition is `rendition_id`.
fn delivery_of(ctx: &Context, notice: &Notice<'_>, rendition_id: &str, now_ms: UtcMs) -> NewDelivery {
    NewDelivery {
        id: DeliveryId::new(now_ms, &*ctx.random),
        source: notice.source.clone(),
        lane: LANE_URGENT,
        lead_id: Some(notice.lead_id.clone()),
        contact_id: None,
        partner_slug: notice.partner.slug.to_string(),
        recipient_name: notice.to_name.clone(),
        email: notice.to_email.clone(),
        rendition_id: rendition_id.to_owned(),
        scope: if notice.stop.is_some() { FORMS } else { "" }.to_owned(),
        domain: publish::sender_domain(ctx),
        because: notice.why.clone(),
        due_ms: now_ms,
        expires_ms: now_ms + LIFETIME_MS,
    }
}
