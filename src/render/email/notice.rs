//! A single mail to one person: a lead offer, a whitepaper asked for, a confirmation.

use serde::Serialize;

use crate::{
    domain::{
        content::tree::Node,
        kernel::{Locale, Result},
        partner::brand::Colour,
    },
    render::{
        Strings, Templates,
        brand::{Button, PartnerBrand, PartnerView, VendorBrand},
        html::{self, Hooks, Profile},
        slots::SlotTable,
    },
};

use super::{Direction, EmailRendition, ImageMap, LinkMap, finish, text};

/// A line of a notice's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// The value, plain text.
    pub value: String,
}

/// Everything a notice is made of.
#[derive(Debug)]
pub struct NoticeInput {
    /// Language of the texts.
    pub locale: Locale,
    /// Subject, may hold slots.
    pub subject: String,
    /// The line mail clients show beside the subject; empty for none.
    pub preheader: String,
    /// The first heading.
    pub heading: String,
    /// What is said above the table.
    pub body: Vec<Node>,
    /// The table; none is shown when empty.
    pub facts: Vec<Fact>,
    /// The one thing to do.
    pub button: Option<Button>,
    /// What is said under the button.
    pub after: Vec<Node>,
    /// The partner whose band it wears; without one it wears the vendor's.
    pub partner: Option<PartnerBrand>,
    /// The sender.
    pub vendor: VendorBrand,
    /// The vendor's colours, worn where there is no partner: band and button.
    pub vendor_colours: (Colour, Colour),
    /// The whole sentence why the reader gets this.
    pub why: String,
    /// Unsubscribe or choose links, label and URL; none for what was asked for.
    pub links: Vec<Button>,
    /// Whether the partner sends it themselves: then their own system adds sender, address and unsubscribe link.
    pub is_partners_own: bool,
    /// The slots used in the texts and links above.
    pub slots: SlotTable,
}

#[derive(Serialize)]
struct View<'a> {
    lang: &'a str,
    #[serde(flatten)]
    direction: Direction,
    t: &'a Strings,
    subject: &'a str,
    preheader: &'a str,
    heading: &'a str,
    body: String,
    facts: &'a [Fact],
    button: Option<&'a Button>,
    after: String,
    partner: PartnerView<'a>,
    is_co_branded: bool,
    vendor: &'a VendorBrand,
    why: &'a str,
    links: &'a [Button],
    is_partners_own: bool,
    sent_by: String,
}

/// Renders a notice: HTML by `templates/email/notice.mjml.html`, text from the trees.
///
/// # Errors
/// A template on disk that does not fit, or HTML over 1 MB.
pub fn notice(
    templates: &Templates,
    input: &NoticeInput,
    link: &mut LinkMap<'_>,
    image: &mut ImageMap<'_>,
) -> Result<EmailRendition> {
    let strings = templates.strings(&input.locale);
    let mut slots = input.slots.clone();
    let mut hooks = Hooks { link, image, slots: &mut slots };
    let worn = input.partner.clone().unwrap_or_else(|| vendor_as_brand(input));
    let profile = Profile::Mail { link: worn.accent.legible_on_white(), is_rtl: input.locale.is_rtl() };
    let view = View {
        lang: input.locale.as_str(),
        direction: Direction::of(&input.locale),
        t: &strings,
        subject: &input.subject,
        preheader: &input.preheader,
        heading: &input.heading,
        body: html::fragment(&input.body, profile, &mut hooks),
        facts: &input.facts,
        button: input.button.as_ref(),
        after: html::fragment(&input.after, profile, &mut hooks),
        partner: PartnerView::from(&worn),
        is_co_branded: input.partner.is_some(),
        vendor: &input.vendor,
        why: &input.why,
        links: &input.links,
        is_partners_own: input.is_partners_own,
        sent_by: strings.fill(
            if input.is_partners_own { "presented_by" } else { "sent_by" },
            &[("partner", &worn.name), ("vendor", &input.vendor.name)],
        ),
    };
    let mjml = templates.render("email/notice.mjml.html", &view)?;
    let text = plain(input, &worn, &strings, &mut hooks);
    finish(input.subject.clone(), &mjml, text, slots)
}

/// The vendor in the partner's place.
fn vendor_as_brand(input: &NoticeInput) -> PartnerBrand {
    PartnerBrand {
        name: input.vendor.name.clone(),
        primary: input.vendor_colours.0,
        accent: input.vendor_colours.1,
        logo_url: input.vendor.logo_url.clone(),
        logo_dark_url: input.vendor.logo_dark_url.clone(),
        typeface: input.vendor.typeface,
        logo_alt: input.vendor.name.clone(),
        value_proposition: None,
        proof: None,
        call_to_action: None,
        contact_name: None,
        contact_email: None,
        phone: None,
        website: Some(input.vendor.website.clone()),
    }
}

fn plain(input: &NoticeInput, worn: &PartnerBrand, strings: &Strings, hooks: &mut Hooks<'_>) -> String {
    let mut blocks = vec![text::underlined(&input.heading, '='), text::plain_text(&input.body, hooks)];
    let mut facts = String::new();
    for fact in &input.facts {
        text::wrapped(&format!("{}: {}", fact.label, fact.value), "", "  ", &mut facts);
    }
    blocks.push(facts);
    if let Some(button) = &input.button {
        blocks.push(format!("{}:\n{}\n", button.label, button.url));
    }
    blocks.push(text::plain_text(&input.after, hooks));
    let links: Vec<(&str, &String)> =
        input.links.iter().map(|link| (link.label.as_str(), &link.url)).collect();
    blocks.push(text::footer(worn, &input.vendor, &input.why, &links, strings));
    text::joined(&blocks)
}
