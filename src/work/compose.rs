//! One variant of an issue: partner, roles and language in, finished rendition with its links out.

use std::cell::RefCell;

use super::{
    cobrand::{CoBrand, Media, TALK_TO_US, no_content, no_value},
    link_book::LinkBook,
    tokens,
};
use crate::{
    domain::{
        content::{
            asset::{Asset, AssetKind},
            kinds::{Detail, Issue, Newsletter},
            library::Library,
            merge::Template,
            selection::Reader,
            tree::Target,
        },
        kernel::{Error, Locale, Result},
        partner::{Partner, Roles},
        program::subject_test::Arm,
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
    /// What they do there.
    pub roles: Roles,
    /// What they read.
    pub locale: &'a Locale,
    /// Which of two subjects they get.
    pub arm: Arm,
}

impl<'a> Readers<'a> {
    /// For what concerns them.
    fn reader(&self) -> Reader<'a> {
        Reader { roles: Some(self.roles), partner: self.partner, locale: self.locale }
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

    /// What `issue` features of what concerns `reader`, in its order.
    fn cards<'p>(
        &self,
        issue: &'p Issue,
        reader: &'p Reader<'p>,
    ) -> impl Iterator<Item = &'a Asset> + use<'p, 'a> {
        let library = self.library;
        let found = issue.features.iter().filter_map(move |it| library.find(it.as_str(), reader.locale));
        found.filter(move |asset| asset.concerns(reader))
    }
}

impl Plan<'_> {
    /// The assets that the issue has cards of, in any language.
    pub(super) fn featured(&self) -> impl Iterator<Item = &str> {
        self.library.versions(&self.asset.reference).iter().flat_map(|asset| {
            match &asset.detail {
                Detail::Issue(issue) => issue.features.as_slice(),
                _ => &[],
            }
            .iter()
            .map(|it| it.as_str())
        })
    }

    /// The issue in the readers' language, and that language.
    fn localised(&self, locale: &Locale) -> (&Asset, &Issue, Locale) {
        let found = self.library.find(&self.asset.reference, locale).unwrap_or(self.asset);
        let default = self.library.vendor.as_ref().map(|vendor| vendor.default_locale.clone());
        let language = found.locale.clone().or(default).unwrap_or_else(Locale::en);
        match &found.detail {
            Detail::Issue(issue) => (found, issue, language),
            _ => (self.asset, self.issue, language),
        }
    }

    /// The newsletter's own texts in the language of the issue, and the sentence why somebody gets it.
    fn letter(&self, language: &Locale) -> (&Asset, &Template) {
        let found = self.library.find(&self.newsletter_asset.reference, language);
        match found.map(|asset| (asset, &asset.detail)) {
            Some((asset, Detail::Newsletter(newsletter))) => (asset, &newsletter.why),
            _ => (self.newsletter_asset, &self.newsletter.why),
        }
    }

    /// Whether the issue holds anything for such a reader: a block or card of theirs, or text for everyone alone.
    pub fn has_content_for(&self, reader: &Reader<'_>) -> bool {
        let features = self
            .issue
            .features
            .iter()
            .filter_map(|feature| self.library.find(feature.as_str(), reader.locale));
        let (asset, ..) = self.localised(reader.locale);
        asset.body.sections.iter().any(|section| section.selection.concerns(reader))
            || features.into_iter().any(|asset| asset.concerns(reader))
    }
}

/// Renders and encodes the variant for `readers`. `issue_id` becomes part of the rendition's id.
///
/// # Errors
/// `Invalid` with every merge field that has neither value nor default, or whatever else is wrong with the content.
pub fn variant(
    templates: &Templates,
    plan: &Plan<'_>,
    readers: Readers<'_>,
    issue_id: &str,
) -> Result<NewRendition> {
    let vendor = plan.library.vendor.as_ref().ok_or_else(no_content)?;
    let sender_name = plan.newsletter.sender.as_ref().map(|name| name.as_str()).unwrap_or_default();
    let sender = vendor
        .senders
        .get(sender_name)
        .ok_or_else(|| Error::invalid(format!("vendor.toml has no [sender.{sender_name}]")))?;
    let (rendition, links) = render(templates, plan, readers)?;
    let headers = MessageHeaders {
        from_name: sender.name.clone(),
        from_email: sender.email.clone(),
        reply_to: Some(sender.reply_to.clone()),
        list_id: Some(format!("{}.{}", plan.newsletter_asset.slug(), sender.email.domain())),
        feedback_id: Some(format!(
            "{}:{}:newsletter:partnercast",
            plan.issue.date,
            plan.newsletter_asset.slug()
        )),
        one_click_path: Some("/one-click/".to_owned()),
        auto_generated: false,
        extra: Vec::new(),
    };
    let wire = WireTemplate::build(&rendition, &headers)?.to_text();
    let roles = readers.roles.to_string();
    let partner = readers.partner.slug.as_str();
    let locale = readers.locale.as_str();
    Ok(NewRendition {
        id: tokens::rendition_id(&[issue_id, partner, &roles, locale, &wire]),
        issue_id: Some(issue_id.to_owned()),
        arm: if plan.issue.subject_b.is_some() { readers.arm.as_str() } else { "" },
        partner_slug: partner.to_owned(),
        subject: shown(&rendition.subject),
        roles,
        locale: locale.to_owned(),
        sender: sender.email.to_string(),
        body: serde_json::to_string(&rendition)
            .map_err(|error| Error::internal("rendition").because(error))?,
        wire,
        links,
        assets: parts(plan, readers),
    })
}

/// The files that the variant is made of, as they are now.
fn parts(plan: &Plan<'_>, readers: Readers<'_>) -> Vec<NewPart> {
    let reader = readers.reader();
    let (asset, issue, language) = plan.localised(readers.locale);
    let (letter, _) = plan.letter(&language);
    let part =
        |asset: &Asset, part: Part| NewPart { path: asset.path.clone(), hash: asset.revision.clone(), part };
    let cards = plan.cards(issue, &reader).map(|card| part(card, Part::Card));
    [part(asset, Part::Text), part(letter, Part::Standing)].into_iter().chain(cards).collect()
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

/// The mail that `readers` get, and its tracked links.
///
/// # Errors
/// As [`variant`].
pub(super) fn mail(
    templates: &Templates,
    plan: &Plan<'_>,
    readers: Readers<'_>,
) -> Result<(email::EmailRendition, Vec<NewLink>)> {
    render(templates, plan, readers)
}

fn render(
    templates: &Templates,
    plan: &Plan<'_>,
    readers: Readers<'_>,
) -> Result<(email::EmailRendition, Vec<NewLink>)> {
    let (asset, issue, language) = plan.localised(readers.locale);
    let strings = templates.strings_for(&language, readers.locale);
    let book = RefCell::new(LinkBook::default());
    let base = book.borrow_mut().slots().marker(Slot::BaseUrl);
    let brand = CoBrand::new(plan.library, plan.media, readers.partner, readers.locale, &base)?;
    let wrong = |missing: Vec<_>| no_value(readers.partner, &missing);
    let line = |template: &Template| -> Result<String> {
        Ok(book.borrow_mut().slots().parts(&brand.parts(template).map_err(wrong)?))
    };
    let subject = match (readers.arm, &issue.subject_b) {
        (Arm::B, Some(subject)) => subject,
        _ => &issue.subject,
    };
    let (subject, preheader) = (line(subject)?, line(&issue.preheader)?);
    let (letter, why) = plan.letter(&language);
    let (why, title) = (line(why)?, line(&letter.front.title)?);
    let reader = readers.reader();
    let unfilled = asset.body.missing_zones(&asset.reference, &reader);
    if !unfilled.is_empty() {
        let zones: Vec<&str> = unfilled.iter().map(|zone| zone.as_str()).collect();
        return Err(Error::invalid(format!(
            "{} has no text for {}, which {} wants; add it to the partner's brand profile",
            readers.partner.name,
            zones.join(" and "),
            asset.path
        )));
    }
    let sections = vec![brand.nodes(&asset.text_for(&reader)).map_err(wrong)?];
    let standing = brand.nodes(&letter.text_for(&reader)).map_err(wrong)?;
    let cards = plan
        .cards(issue, &reader)
        .map(|feature| card(feature, &brand, &strings, &book))
        .collect::<Result<Vec<_>>>()?;
    let talk_to_us =
        book.borrow_mut().tracked(&brand.path(TALK_TO_US), strings.get("talk_to_us"), Some(TALK_TO_US));
    let links = footer(book.borrow_mut().slots(), &base);
    let slots = book.borrow_mut().slots().clone();
    let input = EmailInput {
        locale: language.clone(),
        subject,
        preheader,
        newsletter: title,
        edition: strings.date(issue.date),
        headline: issue.theme.clone(),
        sections,
        cards,
        standing,
        partner: brand.partner_brand(talk_to_us, strings.get("talk_to_us")),
        vendor: brand.vendor_brand(),
        why,
        links,
        slots,
    };
    let mut link = |target: &Target| {
        let asset = if let Target::Asset(reference) = target { Some(reference.as_str()) } else { None };
        let title = asset.and_then(|reference| plan.library.find(reference, readers.locale));
        let label = title.map_or_else(String::new, |asset| asset.front.title.as_str().to_owned());
        book.borrow_mut().tracked(&brand.target(target), &label, asset)
    };
    let mut image = |path: &str| brand.image(path);
    let rendition = email::newsletter(templates, &input, &mut link, &mut image)?;
    Ok((rendition, book.into_inner().into_links()))
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

/// The key of the words that invite to take an asset of this kind.
pub fn call_to_action(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Whitepaper => "read_whitepaper",
        AssetKind::Blog => "read_article",
        AssetKind::Webinar => "register",
        AssetKind::Video => "watch_video",
        AssetKind::Kit => "open_kit",
        AssetKind::Playbook => "open_playbook",
        _ => "read_more",
    }
}
