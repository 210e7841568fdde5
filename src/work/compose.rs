//! One variant of an issue, or of a sequence's message: partner, roles and language in, finished rendition with its links
//! out.

mod guests;
mod invitation;
mod messages;

pub use invitation::call_to_action;

pub(super) use messages::told_by;

use std::cell::RefCell;

use super::{
    cobrand::{CoBrand, Media, TALK_TO_US, no_content, no_value},
    link_book::{HIDDEN, LinkBook},
    tokens,
};
use crate::{
    domain::{
        content::{
            asset::Asset,
            kinds::{Detail, Issue, Letter, Newsletter},
            library::Library,
            merge::Template,
            selection::Reader,
            tree::Target,
        },
        engagement::Utm,
        kernel::{Error, Locale, Result},
        partner::{Partner, Roles},
        program::{subject_test::Arm, touch::Withheld},
    },
    render::{
        Strings, Templates,
        email::{self, CardImage, EmailInput, FeatureCard, FooterLinks, MessageHeaders, WireTemplate},
        slots::{Slot, SlotTable},
    },
    store::renditions::{NewLink, NewPart, NewRendition, Part},
};

/// An issue that is to be composed.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// All content.
    pub library: &'a Library,
    /// Images and logos.
    pub media: &'a Media,
    /// The newsletter's file.
    pub newsletter_asset: &'a Asset,
    /// What it says about itself.
    pub newsletter: &'a Newsletter,
    /// The issue's file.
    pub asset: &'a Asset,
    /// What it says about itself.
    pub issue: &'a Issue,
}

/// Who a variant is for.
#[derive(Debug, Clone, Copy)]
pub struct Readers<'a> {
    /// Their partner.
    pub partner: &'a Partner,
    /// What they do there; nothing for leads, who are no people of the partner's.
    pub roles: Option<Roles>,
    /// What they read.
    pub locale: &'a Locale,
    /// Which of two subjects they get.
    pub arm: Arm,
    /// Cards that they get no more.
    pub withheld: Withheld,
}

impl<'a> Readers<'a> {
    /// Their roles as rows and keys hold them; empty for leads.
    pub(super) fn roles_text(&self) -> String {
        self.roles.map(|roles| roles.to_string()).unwrap_or_default()
    }

    /// For what concerns them.
    fn reader(&self) -> Reader<'a> {
        Reader { roles: self.roles, partner: self.partner, locale: self.locale }
    }
}

impl<'a> Plan<'a> {
    /// The plan of the issue `asset`, which is an original; none if it is no issue, or its newsletter is not there.
    pub fn of(library: &'a Library, media: &'a Media, asset: &'a Asset) -> Option<Self> {
        let Detail::Issue(issue) = &asset.detail else { return None };
        let name = issue.newsletter.as_ref()?.as_str();
        let (newsletter_asset, newsletter) = library.newsletters().find(|(asset, _)| asset.slug() == name)?;
        Some(Self { library, media, newsletter_asset, newsletter, asset, issue })
    }

    /// Whether the issue holds anything for such a reader, but for what is `withheld`: a block or card of theirs, or text for
    /// everyone alone.
    pub fn has_content_for(&self, reader: &Reader<'_>, withheld: Withheld) -> bool {
        self.mailing().has_content_for(reader, withheld)
    }

    /// The assets that the issue has cards of, in any language.
    pub(super) fn featured(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.mailing().featured()
    }

    /// As the letter that it is.
    pub fn mailing(&self) -> Mailing<'a> {
        let Self { library, media, newsletter_asset, asset, .. } = *self;
        Mailing { library, media, series: newsletter_asset, asset }
    }
}

/// A letter that is to be composed: an issue of a newsletter, or a message of a sequence.
#[derive(Clone, Copy)]
pub struct Mailing<'a> {
    /// All content.
    pub library: &'a Library,
    /// Images and logos.
    pub media: &'a Media,
    /// The file of its newsletter or sequence.
    pub series: &'a Asset,
    /// Its own file, an original.
    pub asset: &'a Asset,
}

impl<'a> Mailing<'a> {
    /// The letter of `asset`, which is an original; none if it is no letter, or its series is not there.
    pub fn of(library: &'a Library, media: &'a Media, asset: &'a Asset) -> Option<Self> {
        if let Some(plan) = Plan::of(library, media, asset) {
            return Some(plan.mailing());
        }
        let Detail::Message(_) = &asset.detail else { return None };
        let (folder, _) = asset.reference.rsplit_once('/')?;
        let (series, _) = library.sequence(folder.strip_prefix("sequences/")?)?;
        Some(Self { library, media, series, asset })
    }

    /// What `letter` features of what concerns `reader` and is not `withheld`, in its order.
    fn cards<'p>(
        &self,
        letter: Letter<'p>,
        reader: &'p Reader<'p>,
        withheld: Withheld,
    ) -> impl Iterator<Item = &'a Asset> + use<'p, 'a> {
        let (library, pieces) = (self.library, self.pieces());
        let left = letter.features.iter().filter(move |it| {
            let place = pieces.iter().position(|piece| *piece == it.as_str());
            !place.is_some_and(|place| withheld.holds(place))
        });
        let found = left.filter_map(move |it| library.find(it.as_str(), reader.locale));
        found.filter(move |asset| asset.concerns(reader))
    }

    /// The assets of which `readers` get cards.
    pub(super) fn shown(&self, readers: Readers<'_>) -> Vec<&'a str> {
        let Ok((_, letter, _)) = self.localised(readers.locale) else { return Vec::new() };
        let reader = readers.reader();
        self.cards(letter, &reader, readers.withheld).map(|card| card.reference.as_str()).collect()
    }

    /// The assets of which `readers` would get cards if none were withheld from them.
    pub(super) fn left_out(&self, readers: Readers<'_>) -> Vec<&'a str> {
        let shown = self.shown(readers);
        let all = self.shown(Readers { withheld: Withheld::NOTHING, ..readers });
        all.into_iter().filter(|card| !shown.contains(card)).collect()
    }

    /// What it features in any language, each once; [`Withheld`] goes by their places.
    pub(super) fn pieces(&self) -> Vec<&'a str> {
        let mut pieces = Vec::new();
        for piece in self.featured() {
            if !pieces.contains(&piece) {
                pieces.push(piece);
            }
        }
        pieces
    }

    /// The assets that it has cards of, in any language.
    pub(super) fn featured(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let versions = self.library.versions(&self.asset.reference).iter();
        let features = versions.filter_map(|asset| Some(asset.detail.letter()?.features));
        features.flatten().map(|feature| feature.as_str())
    }

    /// The letter in the readers' language, and that language.
    fn localised(&self, locale: &Locale) -> Result<(&'a Asset, Letter<'a>, Locale)> {
        let found = self.library.find(&self.asset.reference, locale).unwrap_or(self.asset);
        let default = self.library.vendor.as_ref().map(|vendor| vendor.default_locale.clone());
        let language = found.locale.clone().or(default).unwrap_or_else(Locale::en);
        let letter =
            found.detail.letter().ok_or_else(|| Error::invalid(format!("{} is no mail", found.path)))?;
        Ok((found, letter, language))
    }

    /// The series' own texts in the language of the letter, and the sentence why somebody gets it.
    fn standing(&self, language: &Locale) -> Result<(&'a Asset, &'a Template)> {
        let found = self.library.find(&self.series.reference, language).unwrap_or(self.series);
        let series = found.detail.series();
        let series = series.ok_or_else(|| Error::invalid(format!("{} sends no mails", found.path)))?;
        Ok((found, series.why))
    }

    /// Whether it holds anything for such a reader, but for what is `withheld`: a block or card of theirs, or text for everyone
    /// alone.
    pub fn has_content_for(&self, reader: &Reader<'_>, withheld: Withheld) -> bool {
        let Ok((asset, ..)) = self.localised(reader.locale) else { return false };
        asset.body.sections.iter().any(|section| section.selection.concerns(reader))
            || self
                .asset
                .detail
                .letter()
                .is_some_and(|letter| self.cards(letter, reader, withheld).next().is_some())
    }

    /// What the sites of others are told of links to them; nothing where the vendor does not want that.
    fn utm(&self, letter: Letter<'_>, partner: &Partner) -> Option<Utm> {
        self.library.vendor.as_ref().filter(|vendor| vendor.utm)?;
        let slug = self.series.slug();
        Some(Utm {
            source: partner.slug.to_string(),
            medium: "email".to_owned(),
            campaign: letter.edition.map_or_else(|| slug.to_owned(), |(_, date)| format!("{slug}-{date}")),
            content: self.asset.slug().to_owned(),
        })
    }

    /// What receivers are told to count complaints by.
    fn feedback_id(&self, letter: &Letter<'_>) -> String {
        let slug = self.series.slug();
        match letter.edition {
            Some((_, date)) => format!("{date}:{slug}:newsletter:partnercast"),
            None => format!("{}:{slug}:sequence:partnercast", self.asset.slug()),
        }
    }
}

/// Renders and encodes the variant of an issue for `readers`. `issue_id` becomes part of the rendition's id.
///
/// # Errors
/// `Invalid` with every merge field that has neither value nor default, or whatever else is wrong with the content.
pub fn variant(
    templates: &Templates,
    plan: &Plan<'_>,
    readers: Readers<'_>,
    issue_id: &str,
) -> Result<NewRendition> {
    digest(templates, plan, readers, &[], issue_id)
}

/// An issue that rides in the mail of another one: what it is, and for whom, which may differ in what only it knows.
pub(super) type Guest<'a> = (Mailing<'a>, Readers<'a>);

/// The variant of an issue with others in it, below its own text.
///
/// # Errors
/// As [`variant`], for each of them.
pub(super) fn digest(
    templates: &Templates,
    plan: &Plan<'_>,
    readers: Readers<'_>,
    guests: &[Guest<'_>],
    issue_id: &str,
) -> Result<NewRendition> {
    let rendition = rendition_of(templates, &plan.mailing(), readers, guests, issue_id)?;
    Ok(NewRendition { issue_id: Some(issue_id.to_owned()), ..rendition })
}

/// The same of any letter; `of` keeps the ids of renditions of different letters apart.
///
/// # Errors
/// As [`variant`].
pub(super) fn variant_of(
    templates: &Templates,
    mailing: &Mailing<'_>,
    readers: Readers<'_>,
    of: &str,
) -> Result<NewRendition> {
    rendition_of(templates, mailing, readers, &[], of)
}

fn rendition_of(
    templates: &Templates,
    mailing: &Mailing<'_>,
    readers: Readers<'_>,
    guests: &[Guest<'_>],
    of: &str,
) -> Result<NewRendition> {
    let vendor = mailing.library.vendor.as_ref().ok_or_else(no_content)?;
    let sender_name = mailing.series.detail.series().and_then(|series| series.sender);
    let sender_name = sender_name.map(|name| name.as_str()).unwrap_or_default();
    let sender = vendor
        .senders
        .get(sender_name)
        .ok_or_else(|| Error::invalid(format!("vendor.toml has no [sender.{sender_name}]")))?;
    let (_, letter, _) = mailing.localised(readers.locale)?;
    let (rendition, links) = mail_with(templates, mailing, readers, guests)?;
    let headers = MessageHeaders {
        from_name: sender.name.clone(),
        from_email: sender.email.clone(),
        reply_to: Some(sender.reply_to.clone()),
        list_id: Some(format!("{}.{}", mailing.series.slug(), sender.email.domain())),
        feedback_id: Some(mailing.feedback_id(&letter)),
        one_click_path: Some("/one-click/".to_owned()),
        auto_generated: false,
        extra: Vec::new(),
    };
    let wire = WireTemplate::build(&rendition, &headers)?.to_text();
    let roles = readers.roles_text();
    let partner = readers.partner.slug.as_str();
    let locale = readers.locale.as_str();
    Ok(NewRendition {
        id: tokens::rendition_id(&[of, partner, &roles, locale, &wire]),
        issue_id: None,
        arm: if letter.subject_b.is_some() { readers.arm.as_str() } else { "" },
        partner_slug: partner.to_owned(),
        subject: shown(&rendition.subject),
        roles,
        locale: locale.to_owned(),
        sender: sender.email.to_string(),
        body: serde_json::to_string(&rendition)
            .map_err(|error| Error::internal("rendition").because(error))?,
        wire,
        links,
        assets: guests::parts(mailing, readers, guests)?,
        messages: messages::messages(mailing, readers, guests)?,
    })
}

/// The files that the variant is made of, as they are now.
fn parts(mailing: &Mailing<'_>, readers: Readers<'_>) -> Result<Vec<NewPart>> {
    let reader = readers.reader();
    let (asset, letter, language) = mailing.localised(readers.locale)?;
    let (standing, _) = mailing.standing(&language)?;
    let part =
        |asset: &Asset, part: Part| NewPart { path: asset.path.clone(), hash: asset.revision.clone(), part };
    let cards = mailing.cards(letter, &reader, readers.withheld).map(|card| part(card, Part::Card));
    Ok([part(asset, Part::Text), part(standing, Part::Standing)].into_iter().chain(cards).collect())
}

/// A subject for lists: recipient slots shown as an ellipsis.
fn shown(subject: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in subject.chars() {
        match c {
            crate::render::slots::OPEN => {
                inside = true;
                text.push('…');
            }
            crate::render::slots::CLOSE => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

/// The mail that `readers` get of a letter, and its tracked links.
///
/// # Errors
/// As [`variant`].
pub(super) fn mail(
    templates: &Templates,
    mailing: &Mailing<'_>,
    readers: Readers<'_>,
) -> Result<(email::EmailRendition, Vec<NewLink>)> {
    mail_with(templates, mailing, readers, &[])
}

fn mail_with(
    templates: &Templates,
    mailing: &Mailing<'_>,
    readers: Readers<'_>,
    guests: &[Guest<'_>],
) -> Result<(email::EmailRendition, Vec<NewLink>)> {
    let (asset, letter, language) = mailing.localised(readers.locale)?;
    let strings = templates.strings_for(&language, readers.locale);
    let book = RefCell::new(LinkBook::telling(mailing.utm(letter, readers.partner)));
    let base = book.borrow_mut().slots().marker(Slot::BaseUrl);
    let brand = CoBrand::new(mailing.library, mailing.media, readers.partner, readers.locale, &base)?;
    let wrong = |missing: Vec<_>| no_value(readers.partner, &missing);
    let line = |template: &Template| -> Result<String> {
        Ok(book.borrow_mut().slots().parts(&brand.parts(template).map_err(wrong)?))
    };
    let subject = match (readers.arm, letter.subject_b) {
        (Arm::B, Some(subject)) => subject,
        _ => letter.subject,
    };
    let (subject, preheader) = (line(subject)?, line(letter.preheader)?);
    let (series, why) = mailing.standing(&language)?;
    let (why, title) = (line(why)?, line(&series.front.title)?);
    let (headline, edition) = match letter.edition {
        Some((theme, date)) => (theme.to_owned(), strings.date(date)),
        None => (line(&asset.front.title)?, String::new()),
    };
    let reader = readers.reader();
    has_zones(asset, &reader)?;
    let sections = vec![brand.nodes(&asset.text_for(&reader)).map_err(wrong)?];
    let standing = brand.nodes(&series.text_for(&reader)).map_err(wrong)?;
    let cards = mailing
        .cards(letter, &reader, readers.withheld)
        .map(|feature| card(feature, &brand, &strings, &book))
        .collect::<Result<Vec<_>>>()?;
    let guests = guests::sections(guests, &brand, &strings, &book)?;
    let talk_to_us =
        book.borrow_mut().tracked(&brand.path(TALK_TO_US), strings.get("talk_to_us"), Some(TALK_TO_US));
    let hidden_link = book.borrow_mut().tracked(HIDDEN, "", None);
    let links = footer(book.borrow_mut().slots(), &base);
    let slots = book.borrow_mut().slots().clone();
    let input = EmailInput {
        locale: language.clone(),
        subject,
        preheader,
        newsletter: title,
        edition,
        headline,
        sections,
        cards,
        guests,
        standing,
        partner: brand.partner_brand(talk_to_us, strings.get("talk_to_us")),
        vendor: brand.vendor_brand(),
        why,
        hidden_link,
        links,
        slots,
    };
    let mut link = |target: &Target| {
        let asset = if let Target::Asset(reference) = target { Some(reference.as_str()) } else { None };
        let title = asset.and_then(|reference| mailing.library.find(reference, readers.locale));
        let label = title.map_or_else(String::new, |asset| asset.front.title.as_str().to_owned());
        book.borrow_mut().tracked(&brand.target(target), &label, asset)
    };
    let mut image = |path: &str| brand.image(path);
    let rendition = email::newsletter(templates, &input, &mut link, &mut image)?;
    Ok((rendition, book.into_inner().into_links()))
}

/// Whether the partner has given the texts that `asset` wants of them.
fn has_zones(asset: &Asset, reader: &Reader<'_>) -> Result<()> {
    let unfilled = asset.body.missing_zones(&asset.reference, reader);
    if unfilled.is_empty() {
        return Ok(());
    }
    let zones: Vec<&str> = unfilled.iter().map(|zone| zone.as_str()).collect();
    Err(Error::invalid(format!(
        "{} has no text for {}, which {} wants; add it to the partner's brand profile",
        reader.partner.name,
        zones.join(" and "),
        asset.path
    )))
}

fn footer(slots: &mut SlotTable, base: &str) -> FooterLinks {
    let (click, preferences) = (slots.marker(Slot::ClickToken), slots.marker(Slot::PreferencesToken));
    FooterLinks {
        unsubscribe: format!("{base}/u/{preferences}"),
        preferences: format!("{base}/u/{preferences}#choose"),
        view: format!("{base}/v/{click}"),
    }
}

fn card(
    asset: &Asset,
    brand: &CoBrand<'_>,
    strings: &Strings,
    book: &RefCell<LinkBook>,
) -> Result<FeatureCard> {
    let title = brand.text(&asset.front.title)?;
    let summary = asset.front.summary.as_ref().map(|summary| brand.text(summary)).transpose()?;
    let detail = match &asset.detail {
        Detail::Webinar(webinar) => {
            // In the reader's partner's own time: nobody should have to convert.
            let start = webinar.begins();
            start.map(|start| {
                let date = strings.date_time(&start.with_timezone(&brand.partner.zone));
                let minutes = ("minutes", webinar.duration_minutes.into());
                strings.count("webinar_at", minutes, &[("date", &date)])
            })
        }
        _ => None,
    };
    let call_to_action = strings.get(call_to_action(asset.kind())).to_owned();
    let image = asset.front.image.as_ref().and_then(|picture| {
        brand.image(&picture.path).map(|url| CardImage { url, alt: picture.alt.clone() })
    });
    let language = asset.locale.as_ref().unwrap_or(&brand.vendor.default_locale);
    Ok(FeatureCard {
        lang: language.to_string(),
        dir: language.direction(),
        kind_label: strings.get(&format!("kind_{}", asset.kind().as_str())).to_owned(),
        url: book.borrow_mut().tracked(&brand.path(&asset.reference), &title, Some(&asset.reference)),
        title,
        summary: summary.unwrap_or_default(),
        detail,
        call_to_action,
        image,
    })
}
