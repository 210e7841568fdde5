//! Webinars as a partner's customers are told of them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeZone as _, Utc};

use super::changes;
use crate::{
    domain::{
        content::{Asset, AssetKind, Detail, Library, Reader, SourceFile, kinds::Webinar},
        kernel::{
            Error, Kind, Locale, Result,
            clock::{UtcMs, utc},
        },
        partner::Partner,
    },
    render::calendar::Entry,
    store::revisions,
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
        uid: uid(&asset.reference, brand.partner),
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

/// Those that customers of `partner` may know of by now and that end after `since_ms`, in the order of their references;
/// then those that were taken away, cancelled.
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
        if original.front.publish.is_some_and(|day| day > today) || !asset.concerns(&reader) {
            continue;
        }
        let Some(entry) = of_asset(ctx, library, partner, locale, asset).await? else { continue };
        entries.push(match replaced.since_ms(&original.reference) {
            Some(recalled_ms) => taken_back(entry, recalled_ms),
            None => entry,
        });
    }
    entries.extend(taken_away(ctx, library, partner, locale, "webinars/", since_ms).await?);
    entries.retain(|entry| entry.end.timestamp_millis() >= since_ms);
    Ok(entries)
}

/// The one with this reference, if it was taken back or away: cancelled, so that it does not stay in anybody's calendar.
///
/// # Errors
/// Those of the store.
pub async fn cancelled(
    ctx: &Context,
    partner: &Partner,
    locale: &Locale,
    reference: &str,
) -> Result<Option<Entry>> {
    let library = ctx.library();
    let Some(asset) = library.find(reference, locale) else {
        let since_ms = ctx.now_ms() - super::BACK_MS;
        let gone = taken_away(ctx, &library, partner, locale, &format!("{reference}."), since_ms).await?;
        return Ok(gone.into_iter().next());
    };
    let Some(recalled_ms) = Replaced::load(&ctx.db).await?.since_ms(reference) else { return Ok(None) };
    let today = utc(ctx.now_ms()).with_timezone(&partner.zone).date_naive();
    let is_ahead = asset.front.publish.is_some_and(|day| day > today);
    if is_ahead || !asset.concerns(&Reader::public(partner, locale)) {
        return Ok(None);
    }
    let entry = of_asset(ctx, &library, partner, locale, asset).await?;
    Ok(entry.map(|entry| taken_back(entry, recalled_ms)))
}

/// The entry of one that another one replaces since `recalled_ms`.
fn taken_back(entry: Entry, recalled_ms: UtcMs) -> Entry {
    Entry { changed: entry.changed.max(at(recalled_ms)), is_cancelled: true, ..entry }
}

/// Those whose files, of paths that begin with `prefix`, have left the folder after customers of `partner` could know of them,
/// as they were last.
async fn taken_away(
    ctx: &Context,
    library: &Library,
    partner: &Partner,
    locale: &Locale,
    prefix: &str,
    since_ms: UtcMs,
) -> Result<Vec<Entry>> {
    let removed = revisions::removed(&ctx.db, prefix, since_ms).await?;
    let since: BTreeMap<String, UtcMs> = removed.iter().map(|gone| (gone.path.clone(), gone.at_ms)).collect();
    let files =
        removed.into_iter().map(|gone| SourceFile { path: gone.path, bytes: gone.source.into_bytes() });
    // What was stored had no errors; whatever is missing around it now does not matter.
    let (before, _) = Library::build(files.collect::<Vec<_>>());
    let reader = Reader::public(partner, locale);
    let mut entries = Vec::new();
    for original in before.by_kind(AssetKind::Webinar) {
        let Some(asset) = before.find(&original.reference, locale) else { continue };
        let day = since.get(&original.path).map(|ms| utc(*ms).with_timezone(&partner.zone).date_naive());
        let was_known = day.is_some_and(|day| original.front.publish.is_none_or(|publish| publish <= day));
        if !was_known || !asset.concerns(&reader) || !library.versions(&original.reference).is_empty() {
            continue;
        }
        match of_asset(ctx, library, partner, locale, asset).await {
            Ok(entry) => entries.extend(entry.map(|entry| Entry { is_cancelled: true, ..entry })),
            // The partner's profile no longer has what its text asks for.
            Err(error) if error.kind() == Kind::Invalid => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

fn uid(reference: &str, partner: &Partner) -> String {
    format!("{reference}@{}", partner.slug)
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
