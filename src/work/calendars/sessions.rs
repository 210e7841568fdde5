//! Webinars as a partner's customers are told of them.

use chrono::{DateTime, TimeZone as _, Utc};

use super::changes;
use crate::{
    domain::{
        content::{Asset, AssetKind, Detail, Library, Reader, kinds::Webinar},
        kernel::{
            Error, Locale, Result,
            clock::{UtcMs, utc},
        },
        partner::Partner,
    },
    render::calendar::Entry,
    work::{cobrand::CoBrand, context::Context, recall::Replaced},
};

/// A webinar as a calendar's entry in the words of a partner; nothing for an hour that its zone's clocks leave out. Its
/// page is at `url`, an address with a scheme.
///
/// # Errors
/// Those of the store.
pub async fn entry(
    ctx: &Context,
    brand: &CoBrand<'_>,
    (asset, webinar): (&Asset, &Webinar),
    (title, text, url): (&str, &str, &str),
) -> Result<Option<Entry>> {
    let Some((start, end)) = webinar.begins().zip(webinar.ends()) else { return Ok(None) };
    let address = brand.partner.brand.contact_email.as_deref();
    Ok(Some(Entry {
        uid: format!("{}@{}", asset.reference, brand.partner.slug),
        changed: at(changes::of_asset(&ctx.db, &asset.reference).await?),
        start: start.to_utc(),
        end: end.to_utc(),
        title: title.to_owned(),
        text: text.to_owned(),
        url: url.to_owned(),
        organizer: address.map(|address| (brand.partner.name.clone(), address.to_owned())),
        is_cancelled: false,
        is_busy: true,
    }))
}

/// The one with this reference, in the language `locale`.
///
/// # Errors
/// `NotFound` where this partner's customers have no such webinar. Those of the store.
pub async fn session(ctx: &Context, partner: &Partner, locale: &Locale, reference: &str) -> Result<Entry> {
    let nothing = || Error::not_found("this webinar");
    let library = ctx.library();
    let reader = Reader::public(partner, locale);
    let asset =
        library.find(reference, locale).filter(|asset| asset.concerns(&reader)).ok_or_else(nothing)?;
    of_asset(ctx, &library, partner, locale, asset).await?.ok_or_else(nothing)
}

/// Those that customers of `partner` may know of by now and that end after `since_ms`, in the order of their references.
///
/// # Errors
/// Those of the store.
pub(super) async fn all(
    ctx: &Context,
    library: &Library,
    partner: &Partner,
    locale: &Locale,
    since_ms: UtcMs,
) -> Result<Vec<Entry>> {
    let replaced = Replaced::load(&ctx.db).await?;
    let today = utc(ctx.now_ms()).with_timezone(&partner.zone).date_naive();
    let reader = Reader::public(partner, locale);
    let mut entries = Vec::new();
    for original in library.by_kind(AssetKind::Webinar) {
        let Some(asset) = library.find(&original.reference, locale) else { continue };
        let is_shown = original.front.publish.is_none_or(|day| day <= today)
            && !replaced.contains(&original.reference)
            && asset.concerns(&reader);
        if !is_shown {
            continue;
        }
        let entry = of_asset(ctx, library, partner, locale, asset).await?;
        entries.extend(entry.filter(|entry| entry.end.timestamp_millis() >= since_ms));
    }
    Ok(entries)
}

async fn of_asset(
    ctx: &Context,
    library: &Library,
    partner: &Partner,
    locale: &Locale,
    asset: &Asset,
) -> Result<Option<Entry>> {
    let Detail::Webinar(webinar) = &asset.detail else { return Ok(None) };
    let media = ctx.media();
    let brand = CoBrand::new(library, &media, partner, locale, &ctx.settings.public_url)?;
    let title = brand.text(&asset.front.title)?;
    let summary = asset.front.summary.as_ref().map(|summary| brand.text(summary)).transpose()?;
    let url = format!("{}{}", ctx.settings.public_url, brand.path(&asset.reference));
    entry(ctx, &brand, (asset, webinar), (&title, &summary.unwrap_or_default(), &url)).await
}

/// An instant.
pub(super) fn at(ms: UtcMs) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(ms).single().unwrap_or_default()
}
