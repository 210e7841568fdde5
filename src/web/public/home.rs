//! What a partner offers to read, watch and attend.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use chrono::NaiveDate;
use serde::Serialize;

use super::{Head, Setting, Wanted, oembed};
use crate::{
    domain::{
        content::{Asset, AssetKind},
        kernel::{
            Result,
            clock::{UtcMs, utc},
        },
    },
    web::respond::Answer,
    work::{Context, recall::Replaced},
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The newest first.
    pub assets: Vec<Teaser>,
    /// Where programs ask how it is embedded.
    pub oembed: String,
}

/// A card.
#[derive(Debug, Serialize)]
pub struct Teaser {
    /// Language of title and summary.
    pub lang: String,
    /// Its direction.
    pub dir: &'static str,
    /// `Whitepaper`
    pub kind: String,
    /// `12 January 2027`
    pub meta: String,
    /// Its page.
    pub href: String,
    /// Its title.
    pub title: String,
    /// Its summary.
    pub summary: String,
}

/// Whether customers may see an asset of this kind here. Standing pages have addresses of their own.
pub fn is_public(kind: AssetKind) -> bool {
    kind.is_for_customers() && kind != AssetKind::Page
}

/// Whether it may be seen by now, by the partner's calendar.
pub fn is_published(setting: &Setting, asset: &Asset, now_ms: UtcMs) -> bool {
    let today: NaiveDate = utc(now_ms).with_timezone(&setting.partner.zone).date_naive();
    asset.front.publish.is_none_or(|day| day <= today)
}

/// `GET /p/{partner}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(partner): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let mut setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    // That of the words around the cards, which may be other than the partner's, and than a card's.
    let language = ctx.templates.language(&setting.locale);
    let strings = ctx.templates.strings(&language);
    setting.replaced = Replaced::load(&ctx.db).await?;
    let voice = setting.voice()?;
    let assets = teasers(&ctx, &setting, usize::MAX, &|reference| voice.path(reference))?;
    let view = View { assets, oembed: oembed::address(&ctx, &format!("/p/{}", setting.partner.slug)) };
    let description =
        setting.partner.brand.value_proposition_in(&setting.locale).unwrap_or_default().to_owned();
    let head = Head::new(strings.get("our_content"), &description, &language);
    setting.page(&ctx, "public/home", head, &view)
}

/// The newest `most` that the partner's page shows, each leading where `href` says.
///
/// # Errors
/// `Invalid` for merge fields without value.
pub fn teasers(
    ctx: &Context,
    setting: &Setting,
    most: usize,
    href: &dyn Fn(&str) -> String,
) -> Result<Vec<Teaser>> {
    let language = ctx.templates.language(&setting.locale);
    let (voice, strings, now_ms) = (setting.voice()?, ctx.templates.strings(&language), ctx.now_ms());
    let mut shown: Vec<&Asset> = setting
        .library
        .assets
        .iter()
        .filter(|asset| {
            asset.locale.is_none()
                && is_public(asset.kind())
                && is_published(setting, asset, now_ms)
                && !setting.replaced.contains(&asset.reference)
                && asset.concerns(&setting.reader())
        })
        .map(|asset| setting.library.find(&asset.reference, &setting.locale).unwrap_or(asset))
        .collect();
    shown.sort_by_key(|asset| std::cmp::Reverse(asset.front.publish));
    shown.truncate(most);
    let teaser = |asset: &&Asset| {
        let of_asset = setting.language(ctx, asset);
        Ok(Teaser {
            dir: of_asset.direction(),
            lang: of_asset.to_string(),
            kind: strings.get(&format!("kind_{}", asset.kind().as_str())).to_owned(),
            meta: asset.front.publish.map(|day| strings.date(day)).unwrap_or_default(),
            href: href(&asset.reference),
            title: voice.text(&asset.front.title)?,
            summary: asset
                .front
                .summary
                .as_ref()
                .map(|summary| voice.text(summary))
                .transpose()?
                .unwrap_or_default(),
        })
    };
    shown.iter().map(teaser).collect()
}

#[cfg(test)]
impl View {
    /// Two cards.
    pub fn sample() -> Self {
        let card = |kind: &str, title: &str| Teaser {
            lang: "en".into(),
            dir: "ltr",
            kind: kind.into(),
            meta: "5 January 2027".into(),
            href: "#".into(),
            title: title.into(),
            summary: "Six questions that let a board tell a finished backup from a proven recovery.".into(),
        };
        Self {
            assets: vec![
                card("Whitepaper", "Proof of Recovery: what boards should ask"),
                card("Article", "Restores, not backups"),
                card("Webinar", "Live restore in 20 minutes"),
            ],
            oembed: "#".into(),
        }
    }
}
