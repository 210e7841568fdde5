//! One variant of a newsletter issue as a mail.

use serde::Serialize;

use crate::{
    domain::{
        content::tree::Node,
        kernel::{Locale, Result},
    },
    render::{
        Strings, Templates,
        brand::{PartnerBrand, PartnerView, VendorBrand},
        html::{self, Hooks, Profile},
        slots::SlotTable,
    },
};

use super::{Direction, EmailRendition, ImageMap, LinkMap, finish, text};

/// A feature of an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeatureCard {
    /// Language of title and summary: that of the feature, which may not be translated.
    pub lang: String,
    /// Its direction, `ltr` or `rtl`.
    pub dir: &'static str,
    /// "Whitepaper" in the reader's language.
    pub kind_label: String,
    /// Title.
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// A line such as when a webinar begins.
    pub detail: Option<String>,
    /// Where title and call to action lead, may hold slots.
    pub url: String,
    /// "Read the whitepaper" in the reader's language.
    pub call_to_action: String,
    /// https address of an image, and what stands for it where it cannot be seen.
    pub image: Option<CardImage>,
}

/// An image on a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardImage {
    /// https address.
    pub url: String,
    /// Alternative text.
    pub alt: String,
}

/// Links every mail of a newsletter carries, with slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FooterLinks {
    /// The page with the unsubscribe button.
    pub unsubscribe: String,
    /// The page to choose newsletters.
    pub preferences: String,
    /// The same issue as a page.
    pub view: String,
}

/// An issue of another newsletter that rides in this one's mail. All texts are merged already.
#[derive(Debug)]
pub struct GuestIssue {
    /// Language of its content, which may not be the host's where it is not translated.
    pub locale: Locale,
    /// Title of its newsletter.
    pub newsletter: String,
    /// Its date in words.
    pub edition: String,
    /// Its theme, the section's heading.
    pub headline: String,
    /// Its text, already selected for the reader's roles.
    pub text: Vec<Node>,
    /// Its features in their order.
    pub cards: Vec<FeatureCard>,
    /// The whole sentence why the reader gets it, may hold slots.
    pub why: String,
}

/// Everything a variant of an issue is made of. All texts are merged already, but for recipient slots.
#[derive(Debug)]
pub struct EmailInput {
    /// Language of the content; sets `lang`, `dir` and the interface's texts.
    pub locale: Locale,
    /// Subject, may hold slots.
    pub subject: String,
    /// The line mail clients show beside the subject, may hold slots.
    pub preheader: String,
    /// Title of the newsletter or sequence.
    pub newsletter: String,
    /// Which issue, such as its date in words; empty for messages of sequences.
    pub edition: String,
    /// The issue's theme or the message's title, the first heading.
    pub headline: String,
    /// The editorial, already selected for the reader's roles.
    pub sections: Vec<Vec<Node>>,
    /// Features in their order.
    pub cards: Vec<FeatureCard>,
    /// Issues of other newsletters that ride in this mail.
    pub guests: Vec<GuestIssue>,
    /// Standing text under every issue.
    pub standing: Vec<Node>,
    /// The reader's firm.
    pub partner: PartnerBrand,
    /// The sender.
    pub vendor: VendorBrand,
    /// The whole sentence why the reader gets this, may hold slots.
    pub why: String,
    /// A link that no person sees: whoever follows it is a machine. May hold slots.
    pub hidden_link: String,
    /// Footer links.
    pub links: FooterLinks,
    /// The slots used in the texts and links above; slots of the trees are added.
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
    newsletter: &'a str,
    edition: &'a str,
    headline: &'a str,
    sections: Vec<String>,
    cards: &'a [FeatureCard],
    guests: Vec<GuestView<'a>>,
    standing: String,
    partner: PartnerView<'a>,
    vendor: &'a VendorBrand,
    why: &'a str,
    hidden_link: &'a str,
    links: &'a FooterLinks,
    presented_by: String,
    about_partner: String,
    sent_by: String,
}

#[derive(Serialize)]
struct GuestView<'a> {
    lang: &'a str,
    #[serde(flatten)]
    direction: Direction,
    newsletter: &'a str,
    edition: &'a str,
    headline: &'a str,
    text: String,
    cards: &'a [FeatureCard],
    why: &'a str,
}

impl<'a> GuestView<'a> {
    fn of(guest: &'a GuestIssue, input: &EmailInput, hooks: &mut Hooks<'_>) -> Self {
        let profile =
            Profile::Mail { link: input.partner.accent.legible_on_white(), is_rtl: guest.locale.is_rtl() };
        Self {
            lang: guest.locale.as_str(),
            direction: Direction::of(&guest.locale),
            newsletter: &guest.newsletter,
            edition: &guest.edition,
            headline: &guest.headline,
            text: html::fragment(&guest.text, profile, hooks),
            cards: &guest.cards,
            why: &guest.why,
        }
    }
}

/// Renders one variant: HTML by `templates/email/newsletter.mjml.html`, text from the trees.
///
/// `link` gives the (tracked) address for a link's target, `image` the https address of a content image.
///
/// # Errors
/// A template on disk that does not fit, or HTML over 1 MB.
pub fn newsletter(
    templates: &Templates,
    input: &EmailInput,
    link: &mut LinkMap<'_>,
    image: &mut ImageMap<'_>,
) -> Result<EmailRendition> {
    let strings = templates.strings(&input.locale);
    let mut slots = input.slots.clone();
    let mut hooks = Hooks { link, image, slots: &mut slots };
    let profile =
        Profile::Mail { link: input.partner.accent.legible_on_white(), is_rtl: input.locale.is_rtl() };
    let (partner, vendor) = (input.partner.name.as_str(), input.vendor.name.as_str());
    let both = [("partner", partner), ("vendor", vendor)];
    let view = View {
        lang: input.locale.as_str(),
        direction: Direction::of(&input.locale),
        t: &strings,
        subject: &input.subject,
        preheader: &input.preheader,
        newsletter: &input.newsletter,
        edition: &input.edition,
        headline: &input.headline,
        sections: input.sections.iter().map(|nodes| html::fragment(nodes, profile, &mut hooks)).collect(),
        cards: &input.cards,
        guests: input.guests.iter().map(|guest| GuestView::of(guest, input, &mut hooks)).collect(),
        standing: html::fragment(&input.standing, profile, &mut hooks),
        partner: PartnerView::from(&input.partner),
        vendor: &input.vendor,
        why: &input.why,
        hidden_link: &input.hidden_link,
        links: &input.links,
        presented_by: strings.fill("presented_by", &both),
        about_partner: strings.fill("about_partner", &both),
        sent_by: strings.fill("sent_by", &both),
    };
    let mjml = templates.render("email/newsletter.mjml.html", &view)?;
    let text = plain(input, &strings, &mut hooks);
    finish(input.subject.clone(), &mjml, text, slots)
}

fn plain(input: &EmailInput, strings: &Strings, hooks: &mut Hooks<'_>) -> String {
    let first = [input.newsletter.as_str(), input.edition.as_str()];
    let first: Vec<&str> = first.into_iter().filter(|part| !part.is_empty()).collect();
    let mut blocks = vec![format!("{}\n{}\n", first.join(" | "), input.headline)];
    blocks.extend(input.sections.iter().map(|nodes| text::plain_text(nodes, hooks)));
    // "For you this month" is said of issues.
    if !input.cards.is_empty() && !input.edition.is_empty() {
        blocks.push(text::underlined(strings.get("for_you"), '='));
    }
    blocks.extend(input.cards.iter().map(plain_card));
    for guest in &input.guests {
        let heading = format!("{} | {}", guest.newsletter, guest.edition);
        blocks.push(format!("{}{}\n", text::underlined(&heading, '='), guest.headline));
        blocks.push(text::plain_text(&guest.text, hooks));
        blocks.extend(guest.cards.iter().map(plain_card));
        let mut why = String::new();
        text::wrapped(&guest.why, "", "", &mut why);
        blocks.push(why);
    }
    blocks.push(text::partner_block(&input.partner, strings));
    blocks.push(text::plain_text(&input.standing, hooks));
    let links = [
        (strings.get("unsubscribe"), &input.links.unsubscribe),
        (strings.get("choose"), &input.links.preferences),
        (strings.get("view_in_browser"), &input.links.view),
    ];
    blocks.push(text::footer(&input.partner, &input.vendor, &input.why, &links, strings));
    text::joined(&blocks)
}

fn plain_card(card: &FeatureCard) -> String {
    let mut block = String::new();
    text::wrapped(&format!("{}: {}", card.kind_label, card.title), "", "", &mut block);
    text::wrapped(&card.summary, "", "", &mut block);
    for line in card.detail.iter().cloned().chain([format!("{}: {}", card.call_to_action, card.url)]) {
        block.push_str(&line);
        block.push('\n');
    }
    block
}
