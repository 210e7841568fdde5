//! Single mails that somebody waits for: a lead offer, what a form promised.

use std::collections::BTreeSet;

use super::{
    cobrand::{CoBrand, TALK_TO_US, no_content, vendor_brand},
    context::Context,
    publish,
    tokens::{rendition_id, sha256_hex},
};
use crate::{
    domain::{
        content::{
            tree::{Inline, Node},
            vendor::{Sender, Staff},
        },
        kernel::{Error, Locale, Result, clock::DAY_MS, id::DeliveryId},
        partner::{Partner, brand::Colour},
    },
    render::{
        brand::{Button, PartnerBrand, VendorBrand},
        email::{self, EmailRendition, Fact, MessageHeaders, NoticeInput, WireTemplate},
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

/// What a single mail says.
#[derive(Debug, Clone)]
pub struct Words {
    /// Subject.
    pub subject: String,
    /// First heading.
    pub heading: String,
    /// Paragraphs above the table.
    pub paragraphs: Vec<String>,
    /// The table: label and value.
    pub facts: Vec<(String, String)>,
    /// The one thing to do: words and path; without words there is nothing.
    pub button: (String, String),
    /// Why they get it.
    pub why: String,
}

/// A single mail.
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
    /// What it says.
    pub words: Words,
    /// Words of a link with which the reader stops all further mail, where that makes sense.
    pub stop: Option<String>,
    /// Whether the button's page is told that this mail led to it, so that programs which open it are known for what they are.
    pub tracks: bool,
}

/// A finished single mail; [`Ready::enqueue`] puts it into the outbox.
#[derive(Debug, Clone)]
pub struct Ready {
    rendition: NewRendition,
    delivery: NewDelivery,
}

impl Ready {
    /// The same as one that speaks about a lead: with the lead's person its words are erased.
    #[must_use]
    pub fn about_lead(mut self, lead_id: &str) -> Self {
        self.delivery.lead_id = Some(lead_id.to_owned());
        self
    }

    /// Puts it into the outbox, once per source and recipient.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn enqueue(self, tx: &mut Tx, now_ms: i64) -> Result<bool> {
        renditions::insert(tx, now_ms, vec![self.rendition]).await?;
        outbox::enqueue(tx, now_ms, &self.delivery).await
    }
}

/// A single mail to somebody at the vendor; English, as the console is.
#[derive(Debug, Clone)]
pub struct StaffNotice<'a> {
    /// What makes it, and makes it once: such as `approval:iss_…`.
    pub source: String,
    /// Name of the `[sender.*]` of vendor.toml that it is about; the first one without.
    pub sender: Option<&'a str>,
    /// To whom.
    pub to: &'a Staff,
    /// What it says.
    pub words: Words,
}

/// Renders and encodes the same words for each of `people`, once, about the `[sender.*]` of that name.
///
/// # Errors
/// Those of [`compose_for_staff`].
pub fn compose_for_each<'a>(
    ctx: &Context,
    people: impl Iterator<Item = &'a Staff>,
    (source, sender): (&str, Option<&str>),
    words: &Words,
) -> Result<Vec<Ready>> {
    let mut named = BTreeSet::new();
    let people = people.filter(|member| named.insert(member.email.as_str()));
    let notice = |to| StaffNotice { source: source.to_owned(), sender, to, words: words.clone() };
    people.map(|to| compose_for_staff(ctx, &notice(to))).collect()
}

/// Renders and encodes a notice to somebody at the vendor, in the vendor's own brand.
///
/// # Errors
/// No content yet, no sender in vendor.toml, or a template that does not fit.
pub fn compose_for_staff(ctx: &Context, notice: &StaffNotice<'_>) -> Result<Ready> {
    let (library, media) = (ctx.library(), ctx.media());
    let mut slots = SlotTable::default();
    let base = slots.marker(Slot::BaseUrl);
    let vendor = library.vendor.as_ref().ok_or_else(no_content)?;
    let named = notice.sender.and_then(|name| vendor.senders.get(name));
    let sender = named
        .or_else(|| vendor.senders.values().next())
        .ok_or_else(|| Error::invalid("vendor.toml has no [sender.*]"))?;
    let locale = Locale::en();
    let vendor_wears = (vendor_brand(vendor, &media, &base), vendor.primary, vendor.accent);
    let input = input(&notice.words, &locale, &base, None, vendor_wears, Vec::new(), slots);
    let rendition = email::notice(&ctx.templates, &input, &mut |_| String::new(), &mut |_| None)?;
    let headers = headers(sender, &notice.source, "staff", false);
    finish(
        ctx,
        &rendition,
        &headers,
        Addressed {
            source: &notice.source,
            lead_id: None,
            partner_slug: "",
            name: &notice.to.name,
            email: notice.to.email.as_str(),
            locale: &locale,
            subject: &notice.words.subject,
            sender: sender.email.as_str(),
            scope: "",
            why: &notice.words.why,
        },
    )
}

/// What the template is given; `base` begins the button's address.
fn input(
    words: &Words,
    locale: &Locale,
    base: &str,
    partner: Option<PartnerBrand>,
    (vendor, primary, accent): (VendorBrand, Colour, Colour),
    links: Vec<Button>,
    slots: SlotTable,
) -> NoticeInput {
    let paragraph = |text: &String| Node::Paragraph(vec![Inline::Text(text.clone())]);
    let fact = |(label, value): &(String, String)| Fact { label: label.clone(), value: value.clone() };
    NoticeInput {
        locale: locale.clone(),
        subject: words.subject.clone(),
        preheader: words.paragraphs.first().cloned().unwrap_or_default(),
        heading: words.heading.clone(),
        body: words.paragraphs.iter().map(paragraph).collect(),
        facts: words.facts.iter().map(fact).collect(),
        button: (!words.button.0.is_empty())
            .then(|| Button { label: words.button.0.clone(), url: format!("{base}{}", words.button.1) }),
        after: Vec::new(),
        partner,
        vendor,
        vendor_colours: (primary, accent),
        why: words.why.clone(),
        links,
        is_partners_own: false,
        slots,
    }
}

/// The headers of a single mail about `about`, which is a partner or whom else it concerns.
fn headers(sender: &Sender, source: &str, about: &str, stoppable: bool) -> MessageHeaders {
    MessageHeaders {
        from_name: sender.name.clone(),
        from_email: sender.email.clone(),
        reply_to: Some(sender.reply_to.clone()),
        list_id: None,
        feedback_id: Some(format!(
            "{}:{about}:notice:partnercast",
            source.split(':').next().unwrap_or_default()
        )),
        one_click_path: stoppable.then(|| "/one-click/".to_owned()),
        auto_generated: true,
        extra: Vec::new(),
    }
}

/// From whom to whom a single mail goes, and why.
struct Addressed<'a> {
    source: &'a str,
    lead_id: Option<String>,
    partner_slug: &'a str,
    name: &'a str,
    email: &'a str,
    locale: &'a Locale,
    subject: &'a str,
    sender: &'a str,
    scope: &'static str,
    why: &'a str,
}

fn finish(
    ctx: &Context,
    rendition: &EmailRendition,
    headers: &MessageHeaders,
    to: Addressed<'_>,
) -> Result<Ready> {
    let wire = WireTemplate::build(rendition, headers)?.to_text();
    let now_ms = ctx.now_ms();
    let id = rendition_id(&[to.source, to.email, &sha256_hex(wire.as_bytes())]);
    let body =
        serde_json::to_string(rendition).map_err(|error| Error::internal("rendition").because(error))?;
    Ok(Ready {
        delivery: NewDelivery {
            id: DeliveryId::new(now_ms, &*ctx.random),
            source: to.source.to_owned(),
            lane: LANE_URGENT,
            lead_id: to.lead_id,
            contact_id: None,
            partner_slug: to.partner_slug.to_owned(),
            recipient_name: to.name.to_owned(),
            email: to.email.to_owned(),
            rendition_id: id.clone(),
            scope: to.scope.to_owned(),
            domain: publish::sender_domain(ctx),
            because: to.why.to_owned(),
            due_ms: now_ms,
            expires_ms: now_ms + LIFETIME_MS,
        },
        rendition: NewRendition {
            id,
            issue_id: None,
            arm: "",
            partner_slug: to.partner_slug.to_owned(),
            roles: String::new(),
            locale: to.locale.to_string(),
            subject: to.subject.to_owned(),
            sender: to.sender.to_owned(),
            body,
            wire,
            links: Vec::new(),
            messages: Vec::new(),
            assets: Vec::new(),
        },
    })
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
    let mut words = notice.words.clone();
    if notice.tracks {
        words.button.1.push_str(&format!("?via={}", slots.marker(Slot::ViaToken)));
    }
    let vendor_wears = (brand.vendor_brand(), brand.vendor.primary, brand.vendor.accent);
    let wears = Some(brand.partner_brand(talk_to_us, ""));
    let input = input(&words, notice.locale, &base, wears, vendor_wears, links, slots);
    let rendition = email::notice(&ctx.templates, &input, &mut |_| String::new(), &mut |_| None)?;
    let headers = headers(sender, &notice.source, notice.partner.slug.as_str(), notice.stop.is_some());
    finish(
        ctx,
        &rendition,
        &headers,
        Addressed {
            source: &notice.source,
            lead_id: Some(notice.lead_id.clone()),
            partner_slug: notice.partner.slug.as_str(),
            name: &notice.to_name,
            email: &notice.to_email,
            locale: notice.locale,
            subject: &notice.words.subject,
            sender: sender.email.as_str(),
            scope: if notice.stop.is_some() { FORMS } else { "" },
            why: &notice.words.why,
        },
    )
}
