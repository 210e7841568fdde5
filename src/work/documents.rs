//! Co-branded PDFs of whitepapers, made when somebody asks and kept for the next who does.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::Datelike;
use tokio::sync::Semaphore;

use super::{
    cache::Cache,
    cobrand::{CoBrand, TALK_TO_US, no_value, page_path},
    context::Context,
    tokens::sha256_hex,
};
use crate::{
    domain::{
        content::{
            Asset, AssetKind, Finding, Library, Reader,
            finding::{Findings, Place, codes},
            kinds::Detail,
            tree::Target,
        },
        kernel::{Error, Locale, Result},
        partner::Partner,
    },
    render::document::{self, DocumentHooks, DocumentInput},
    store::{contents, partners},
};

/// Documents made at the same time; each may need 100 MB while it is made.
const AT_ONCE: usize = 2;
/// Documents kept in memory.
const KEPT_MAX: usize = 32;

/// Makes documents, a few at a time.
pub struct Documents {
    kept: Cache<Vec<u8>>,
    places: Arc<Semaphore>,
}

impl Default for Documents {
    fn default() -> Self {
        Self { kept: Cache::new(KEPT_MAX), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// The PDF of a whitepaper in a partner's brand and a reader's language.
///
/// # Errors
/// `NotFound` for a partner or whitepaper that is not there; `Invalid` for content that cannot be set; `Unavailable`
/// in a build without PDF.
pub async fn whitepaper_pdf(
    ctx: &Context,
    partner: &str,
    reference: &str,
    locale: &Locale,
) -> Result<Arc<Vec<u8>>> {
    let partner =
        partners::partner(&ctx.db, partner).await?.ok_or_else(|| Error::not_found("this partner"))?;
    let library = ctx.library();
    let theirs = |asset: &&Asset| asset.concerns(&Reader::public(&partner, locale));
    let asset =
        library.find(reference, locale).filter(theirs).ok_or_else(|| Error::not_found("this whitepaper"))?;
    // Everything the document depends on is in the key, so a change of text or brand makes a new one.
    let looks = format!("{partner:?}|{}|{locale}|{:?}", asset.revision, library.vendor);
    let key = sha256_hex(looks.as_bytes());
    if let Some(kept) = ctx.documents.kept.get(&key) {
        return Ok(kept);
    }
    let input = input(ctx, &partner, reference, locale).await?;
    let media = ctx.media();
    let mut images = std::collections::HashMap::new();
    for path in images_in(&input.body) {
        if let Some(hash) = media.get(&path) {
            images.insert(path, bytes_of(ctx, hash).await?);
        }
    }
    let place = ctx.documents.places.clone().acquire_owned().await;
    let place = place.map_err(|error| Error::internal("documents").because(error))?;
    // While we waited somebody else may have made it.
    if let Some(kept) = ctx.documents.kept.get(&key) {
        return Ok(kept);
    }
    let templates = ctx.templates.clone();
    let public_url = ctx.settings.public_url.clone();
    let (slug, lang) = (partner.slug.to_string(), locale.clone());
    let made = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also when nobody waits for it any more.
        let _place = place;
        let mut hooks = DocumentHooks {
            link: &mut |target| match target {
                Target::Asset(reference) => {
                    format!("{public_url}{}?lang={lang}", page_path(&slug, reference))
                }
                Target::Url(url) => url.clone(),
                Target::Template(_) => String::new(),
            },
            image: &mut |path| images.get(path).cloned(),
        };
        document::render_pdf(&templates, &input, &mut hooks)
    });
    let pdf = made.await.map_err(|error| Error::internal("making a document").because(error))??;
    Ok(ctx.documents.kept.put(&key, pdf))
}

/// Whether there is a PDF of `asset`: of a whitepaper, where our fonts have all its letters.
pub fn has_pdf(asset: &Asset) -> bool {
    cfg!(feature = "pdf")
        && asset.kind() == AssetKind::Whitepaper
        && document::unset_letter(&asset.source).is_none()
}

/// Findings on whitepapers of which there is no PDF.
pub fn findings(library: &Library) -> Vec<Finding> {
    let papers = library.assets.iter().filter(|asset| asset.kind() == AssetKind::Whitepaper);
    papers
        .filter_map(|asset| {
            let letter = document::unset_letter(&asset.source)?;
            let mut f = Findings::new(&asset.path, "");
            let message = format!("no font of a PDF has the letter `{letter}` (U+{:04X})", u32::from(letter));
            let fix = "write it with other letters, or leave it so: the page offers no PDF then";
            f.add(codes::NO_FONT, Place::START, message, fix);
            Some(f.finish())
        })
        .flatten()
        .collect()
}

fn images_in(nodes: &[crate::domain::content::tree::Node]) -> Vec<String> {
    let mut paths = Vec::new();
    crate::domain::content::tree::each_node(nodes, &mut |node| {
        if let crate::domain::content::tree::Node::Image { src, .. } = node {
            paths.push(src.clone());
        }
    });
    paths
}

async fn input(ctx: &Context, partner: &Partner, reference: &str, locale: &Locale) -> Result<DocumentInput> {
    let (library, media) = (ctx.library(), ctx.media());
    let asset = library.find(reference, locale).ok_or_else(|| Error::not_found("this whitepaper"))?;
    let Detail::Whitepaper(paper) = &asset.detail else {
        return Err(Error::not_found("this whitepaper"));
    };
    let brand = CoBrand::new(&library, &media, partner, locale, &ctx.settings.public_url)?;
    let language = asset.locale.clone().unwrap_or_else(|| brand.vendor.default_locale.clone());
    let strings = ctx.templates.strings_for(&language, locale);
    let published = asset.front.publish.unwrap_or_default();
    let talk_to_us = format!("{}{}", ctx.settings.public_url, brand.path(TALK_TO_US));
    let partner_logo = match &partner.brand.logo {
        Some(hash) => Some(bytes_of(ctx, hash).await?),
        None => None,
    };
    let vendor_logo = match media.get(&brand.vendor.logo) {
        Some(hash) => Some(bytes_of(ctx, hash).await?),
        None => None,
    };
    Ok(DocumentInput {
        kind_label: strings.get("kind_whitepaper").to_owned(),
        title: brand.text(&asset.front.title)?,
        summary: asset.front.summary.as_ref().map(|s| brand.text(s)).transpose()?.unwrap_or_default(),
        cover_line: paper.cover_line.clone(),
        authors: paper.authors.clone(),
        published: strings.date(published),
        year: published.year(),
        body: brand
            .nodes(&asset.text_for(&Reader::public(partner, locale)))
            .map_err(|missing| no_value(partner, &missing))?,
        partner: brand.partner_brand(talk_to_us, strings.get("talk_to_us")),
        partner_logo,
        vendor: brand.vendor_brand(),
        vendor_logo,
        locale: language,
    })
}

/// The bytes of a stored file.
pub(super) async fn bytes_of(ctx: &Context, hash: &str) -> Result<Vec<u8>> {
    let file = contents::file(&ctx.db, hash).await?.ok_or_else(|| Error::not_found("this image"))?;
    STANDARD
        .decode(&file.base64)
        .map_err(|error| Error::internal(format!("stored_file {hash}")).because(error))
}

#[cfg(all(test, feature = "pdf"))]
mod tests {
    use super::*;
    use crate::domain::content::{SourceFile, tests::VENDOR};

    #[test]
    fn a_paper_with_letters_that_no_font_has_is_told_and_offers_no_pdf() {
        let paper = |word: &str| {
            format!(
                "---\nkind: whitepaper\ntitle: A\nsummary: S\nroles: [sales]\nauthors: [A B]\ngate: none\n---\n{word}\n"
            )
        };
        let file = |path: &str, text: String| SourceFile { path: path.to_owned(), bytes: text.into_bytes() };
        let files = [
            file("vendor.toml", VENDOR.to_owned()),
            file("whitepapers/a.md", paper("Zürich Ελλάδα Москва")),
            file("whitepapers/a.ar.md", paper("استعادة")),
            file("whitepapers/a.ko.md", paper("복구")),
            file("whitepapers/a.ja.md", paper("復旧 リストア")),
        ];
        let library = Library::build(files).0;
        let said: Vec<String> = findings(&library).iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(
            said[0].starts_with("whitepapers/a.ko.md:1:1 warning C519") && said[0].contains("U+BCF5"),
            "{said:?}"
        );
        let offered: Vec<bool> = library.versions("whitepapers/a").iter().map(has_pdf).collect();
        assert_eq!(offered.iter().filter(|offered| **offered).count(), 3);
    }
}
