//! An asset through somebody's eyes, on one channel.

use crate::{
    domain::{
        content::{Asset, AssetKind, Detail, Reader, kinds::People},
        kernel::{Error, Locale, Result},
        partner::{AudienceRole, Partner, Roles},
        program::{subject_test::Arm, touch::Withheld},
    },
    render::{SlotValues, email::EmailRendition, slots::escape_html},
    store::{partners, renditions::NewLink},
    work::{
        bundle,
        cobrand::CoBrand,
        compose::{self, Mailing, Readers},
        documents,
    },
};

use super::Preview;

/// Where an asset is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// The mail, or the mail that a partner sends from their own system.
    Mail,
    /// The partner's page.
    Page,
    /// The plain text.
    Text,
    /// A post on the network of this name.
    Post(&'static str),
    /// The PDF.
    Document,
    /// The entry for calendars.
    Calendar,
}

impl Channel {
    /// The word in addresses.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Page => "page",
            Self::Text => "text",
            Self::Post(network) => network,
            Self::Document => "pdf",
            Self::Calendar => "calendar",
        }
    }
}

/// The channels that an asset is for, the usual one first; none for a newsletter or sequence, whose mails are shown.
pub fn channels(asset: &Asset) -> Vec<Channel> {
    match &asset.detail {
        Detail::Newsletter(_) | Detail::Sequence(_) => Vec::new(),
        Detail::Issue(_) | Detail::Message(_) => vec![Channel::Mail, Channel::Text],
        Detail::Social(post) => post.networks.iter().map(|network| Channel::Post(network.as_str())).collect(),
        _ => {
            let mut channels = vec![Channel::Page, Channel::Text];
            if bundle::has_page(asset) {
                channels.push(Channel::Mail);
            }
            if documents::has_pdf(asset) {
                channels.push(Channel::Document);
            }
            if asset.kind() == AssetKind::Webinar {
                channels.push(Channel::Calendar);
            }
            channels
        }
    }
}

/// Whose eyes to look through.
#[derive(Debug, Clone)]
pub struct Eyes {
    /// At which partner.
    pub partner: Partner,
    /// Doing what there.
    pub role: Option<AudienceRole>,
    /// Reading what.
    pub locale: Locale,
}

/// What is shown.
#[derive(Debug, Clone)]
pub enum Rendition {
    /// A mail as one reader gets it.
    Mail(Mail),
    /// Plain text.
    Text(String),
    /// A PDF.
    Document(Vec<u8>),
}

/// A mail to a reader who is nobody, with links that lead straight to their targets.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Subject.
    pub subject: String,
    /// HTML.
    pub html: String,
    /// Plain text.
    pub text: String,
}

impl Mail {
    /// `mail` for somebody, at `base_url`; nobody's clicks are counted, so its tracked `links` become their targets.
    fn filled(mail: &EmailRendition, links: &[NewLink], base_url: &str) -> Self {
        let (subject, mut html, mut text) = mail.filled(&SlotValues {
            first_name: "Kim",
            full_name: "Kim Doe",
            base_url,
            click_token: "preview",
            via_token: "preview",
            preferences_token: "preview",
        });
        // The last first: `/12` begins like `/1`.
        for (no, link) in links.iter().enumerate().rev() {
            let tracked = format!("{base_url}/c/preview/{no}");
            let target = if link.target.starts_with('/') {
                format!("{base_url}{}", link.target)
            } else {
                link.target.clone()
            };
            html = html.replace(&tracked, &escape_html(&target));
            text = text.replace(&tracked, &target);
        }
        Self { subject, html, text }
    }
}

impl Preview {
    /// Looks for the partner `slug`.
    ///
    /// # Errors
    /// `NotFound` with what to do.
    pub async fn partner(&self, slug: &str) -> Result<Partner> {
        let found = partners::partner(&self.ctx.db, slug).await?;
        found.ok_or_else(|| Error::not_found_but(format!("the partner {slug}"), "see roster/partners.csv"))
    }

    /// `reference` on `channel` as somebody gets it; pages are shown by the web layer itself.
    ///
    /// # Errors
    /// What is wrong with the content, or why this partner does not have it.
    pub async fn rendition(&self, reference: &str, channel: &Channel, eyes: &Eyes) -> Result<Rendition> {
        let library = self.ctx.library();
        let asset = library
            .find(reference, &eyes.locale)
            .ok_or_else(|| Error::not_found(format!("the asset {reference}")))?;
        theirs(asset, eyes)?;
        if asset.detail.letter().is_some() {
            let mail = self.letter(asset, eyes)?;
            return Ok(match channel {
                Channel::Text => Rendition::Text(mail.text),
                _ => Rendition::Mail(mail),
            });
        }
        if *channel == Channel::Document {
            let slug = eyes.partner.slug.as_str();
            let pdf = documents::pdf(&self.ctx, slug, reference, &eyes.locale).await?.pdf;
            return Ok(Rendition::Document(pdf.to_vec()));
        }
        let mut files = bundle::texts(&self.ctx, &eyes.partner, reference, &eyes.locale).await?;
        let slug = asset.slug();
        let name = match channel {
            Channel::Mail => "mail.html".to_owned(),
            Channel::Post(network) => format!("{slug}.{network}.txt"),
            Channel::Calendar => format!("{slug}.ics"),
            _ => format!("{slug}.txt"),
        };
        let bytes = files
            .remove(&name)
            .ok_or_else(|| Error::not_found(format!("{reference} as {}", channel.as_str())))?;
        let text = String::from_utf8(bytes).map_err(|error| Error::internal(name).because(error))?;
        if *channel != Channel::Mail {
            return Ok(Rendition::Text(text));
        }
        let plain = files.remove(&format!("{slug}.txt")).unwrap_or_default();
        let (media, base_url) = (self.ctx.media(), &self.ctx.settings.public_url);
        let voice = CoBrand::new(&library, &media, &eyes.partner, &eyes.locale, base_url)?;
        Ok(Rendition::Mail(Mail {
            subject: voice.text(&asset.front.title)?,
            html: text,
            text: String::from_utf8_lossy(&plain).into_owned(),
        }))
    }

    fn letter(&self, asset: &Asset, eyes: &Eyes) -> Result<Mail> {
        let (library, media) = (self.ctx.library(), self.ctx.media());
        // The original is what a letter is made of; it looks for the translation itself.
        let asset = library.versions(&asset.reference).first().map_or(asset, |original| &**original);
        let mailing = Mailing::of(&library, &media, asset).ok_or_else(|| match &asset.detail {
            Detail::Message(_) => Error::not_found_but("its sequence", "its folder has the sequence's name"),
            _ => Error::not_found_but("its newsletter", "name one of the folder under `newsletter:`"),
        })?;
        let is_for_leads =
            matches!(&mailing.series.detail, Detail::Sequence(it) if it.who == Some(People::Leads));
        let roles = eyes.role.map_or(Roles::ALL, |role| [role].into_iter().collect());
        let roles = (!is_for_leads).then_some(roles);
        let readers = Readers {
            partner: &eyes.partner,
            roles,
            locale: &eyes.locale,
            arm: Arm::A,
            withheld: Withheld::NOTHING,
        };
        let (mail, links) = compose::mail(&self.ctx.templates, &mailing, readers)?;
        Ok(Mail::filled(&mail, &links, &self.ctx.settings.public_url))
    }
}

/// Says why a partner does not have an asset.
///
/// # Errors
/// `Conflict`, if that is so.
pub fn theirs(asset: &Asset, eyes: &Eyes) -> Result<()> {
    let reader = Reader::insider(&eyes.partner, &eyes.locale);
    if !asset.front.selection.concerns(&reader) {
        return Err(Error::conflict(format!(
            "{} does not have it: it is for `{}`",
            eyes.partner.name, asset.front.selection
        )));
    }
    let missing = asset.body.missing_zones(&asset.reference, &reader);
    if !missing.is_empty() {
        let zones: Vec<&str> = missing.iter().map(|zone| zone.as_str()).collect();
        return Err(Error::conflict(format!(
            "{} cannot have it yet: its brand profile has no text for {}",
            eyes.partner.name,
            zones.join(" and ")
        )));
    }
    Ok(())
}
