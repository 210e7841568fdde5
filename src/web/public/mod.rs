//! Pages for partners' customers and for readers of mails: no cookies, no sign-in, the partner's colours.

pub mod asset;
pub mod brand;
pub mod calendar;
pub mod calendar_words;
pub mod card;
pub mod click;
pub mod document;
pub mod embed;
pub mod embedded;
pub mod feed;
pub mod form;
pub mod home;
pub mod kind_part;
pub mod loader;
pub mod lost;
pub mod media;
pub mod oembed;
pub mod placed;
pub mod preferences;
pub mod problem;
pub mod recording;
pub mod share;
pub mod stay;
pub mod thanks;
pub mod trap;
pub mod withdrawn;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::card::Card;
use super::{
    error::Problem,
    frame::{Area, Frame},
    respond::{self, Answer},
    statics,
};
use crate::{
    domain::{
        content::{Asset, Library, Node, Reader, merge::merge},
        engagement::Placement,
        kernel::{Error, Locale, Result, id::DeliveryId},
        partner::Partner,
    },
    render::{
        Strings,
        html::{self, Hooks, Profile},
        slots::SlotTable,
    },
    store::partners,
    work::{
        Context,
        cobrand::{CoBrand, Media, no_value},
        placed::{self as links, Placed},
        publish,
        recall::Replaced,
        track,
    },
};
use brand::BrandView;

/// What the address of a page may say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// A language.
    pub lang: Option<String>,
    /// Token of the mail, or of the link that a partner spreads, that led here.
    pub via: Option<String>,
}

impl Wanted {
    /// The delivery that led here; a bad token is no token.
    pub fn delivery(&self, ctx: &Context) -> Option<DeliveryId> {
        self.via.as_deref().and_then(|token| track::via(ctx, token))
    }

    /// What a link outside our mails says that led here; one for another partner's page says nothing.
    pub fn placed(&self, ctx: &Context, partner: &Partner) -> Option<Placed> {
        self.via.as_deref().and_then(|token| links::via(ctx, token, partner.slug.as_str()))
    }

    /// Where such a link stood.
    pub fn placement(&self, ctx: &Context, partner: &Partner) -> Option<Placement> {
        self.placed(ctx, partner).map(|placed| placed.placement)
    }

    /// The query with which a form comes back to the same page.
    pub fn query(&self) -> String {
        let safe = |text: &&String| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let pairs = [("lang", &self.lang), ("via", &self.via)];
        let pairs: Vec<String> = pairs
            .iter()
            .filter_map(|(key, value)| value.as_ref().filter(safe).map(|value| format!("{key}={value}")))
            .collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }
}

/// Whose page it is, in which language, from which content.
pub struct Setting {
    /// Whose.
    pub partner: Partner,
    /// The reader's language.
    pub locale: Locale,
    /// The content.
    pub library: Arc<Library>,
    /// Its images.
    pub media: Arc<Media>,
    /// Whether it is dark whatever the reader's device says, as the preview shows it.
    pub is_dark: bool,
    /// A token with which the page may tell how long it was in view; none where nobody counts that.
    pub stay: Option<String>,
    /// A token by which whoever follows the page's hidden link is known; none where nobody counts who looks.
    pub trap: Option<String>,
    /// Whether one of the partner's own people looks at it, who may share it.
    pub share: bool,
    /// What is offered no more; known where a page names other assets.
    pub replaced: Replaced,
}

impl Setting {
    /// For the partner's page, in the wanted language or the partner's own.
    ///
    /// # Errors
    /// `NotFound` for a partner that does not exist.
    pub async fn of(ctx: &Context, partner: &str, lang: Option<&str>) -> Result<Self> {
        let partner =
            partners::partner(&ctx.db, partner).await?.ok_or_else(|| Error::not_found("this page"))?;
        let locale = lang.and_then(|lang| Locale::parse(lang).ok()).unwrap_or_else(|| partner.locale.clone());
        Ok(Self {
            partner,
            locale,
            library: ctx.library(),
            media: ctx.media(),
            replaced: Replaced::default(),
            is_dark: false,
            stay: None,
            trap: None,
            share: false,
        })
    }

    /// Content in the partner's voice.
    ///
    /// # Errors
    /// `Unavailable` before the first sync.
    pub fn voice(&self) -> Result<CoBrand<'_>> {
        CoBrand::new(&self.library, &self.media, &self.partner, &self.locale, "")
    }

    /// Anybody who looks at the partner's page.
    pub fn reader(&self) -> Reader<'_> {
        Reader::public(&self.partner, &self.locale)
    }

    /// The asset in the reader's language.
    ///
    /// # Errors
    /// `NotFound`, also where this partner does not have it.
    pub fn asset(&self, reference: &str) -> Result<&Asset> {
        let found = self.library.find(reference, &self.locale).filter(|asset| asset.concerns(&self.reader()));
        found.ok_or_else(|| Error::not_found("this page"))
    }

    /// `nodes` as HTML for a page, with the partner's values. On pages inside the programme the reader's and
    /// the lead's fields are shown by name.
    ///
    /// # Errors
    /// `Invalid`, naming every field without value and default.
    pub fn html(&self, nodes: &[Node]) -> Result<String> {
        let voice = self.voice()?;
        let nodes = merge(nodes, &|field| voice.value_or_name(field))
            .map_err(|missing| no_value(&self.partner, &missing))?;
        let mut hooks = Hooks {
            link: &mut |target| voice.target(target),
            image: &mut |path| voice.image(path),
            slots: &mut SlotTable::default(),
        };
        Ok(html::fragment(&nodes, Profile::Page, &mut hooks))
    }

    /// The language a page about `asset` is in.
    pub fn language(&self, ctx: &Context, asset: &Asset) -> Locale {
        asset.locale.clone().unwrap_or_else(|| publish::default_locale(ctx))
    }

    /// A page in the partner's look.
    ///
    /// # Errors
    /// The template is wrong.
    pub fn page(&self, ctx: &Context, name: &str, head: Head<'_>, page: &impl Serialize) -> Answer {
        let mut frame = Frame::new(ctx, Area::Public, head.title, "").in_language(head.language);
        head.description.clone_into(&mut frame.description);
        frame.trap = self.trap.as_ref().map(|token| format!("{}/{token}", trap::PATH));
        if let Some(token) = &self.stay {
            frame.stay = Some(format!("/stay/{token}"));
            frame.more_js = Some(statics::address("stay.js"));
        }
        let strings = ctx.templates.strings_for(head.language, &self.locale);
        let brand = BrandView::new(self, &strings)?;
        respond::html(
            &ctx.templates,
            name,
            &Branded { frame: &frame, brand: &brand, card: head.card, t: &strings, page },
        )
    }
}

/// What a page says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Its title.
    pub title: &'a str,
    /// What search engines show.
    pub description: &'a str,
    /// The language of its content.
    pub language: &'a Locale,
    /// What programs are told that show a card of it.
    pub card: Option<&'a Card>,
}

impl<'a> Head<'a> {
    /// For a page that is shown nowhere as a card.
    pub fn new(title: &'a str, description: &'a str, language: &'a Locale) -> Self {
        Self { title, description, language, card: None }
    }
}

/// What templates of partners' pages are given.
#[derive(Serialize)]
pub struct Branded<'a, T> {
    /// Around the page.
    pub frame: &'a Frame,
    /// The partner's look.
    pub brand: &'a BrandView,
    /// For programs that show a card of it.
    pub card: Option<&'a Card>,
    /// The interface's texts.
    pub t: &'a Strings,
    /// The page.
    pub page: &'a T,
}

/// What nothing else serves.
pub async fn nothing() -> Problem {
    Problem::no_page()
}
