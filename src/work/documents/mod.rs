//! Co-branded PDFs, made when somebody asks and kept for the next who does.

mod input;
mod letters;

pub use letters::findings;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::sync::Semaphore;

use super::{
    cache::Cache,
    cobrand::{Media, page_path},
    context::Context,
};
use crate::{
    domain::{
        content::{
            Asset, AssetKind, Detail, Reader,
            kinds::Gate,
            tree::{self, Node, Target},
        },
        kernel::{Error, Locale, Result},
        partner::Partner,
    },
    render::document::{self, DocumentHooks, DocumentInput, Prepared},
    store::{contents, partners},
};

/// Documents made at the same time; each needs some ten MB while it is made.
const AT_ONCE: usize = 2;
/// Those who may wait for their turn; with two at once that is a few seconds.
const WAITING_MAX: usize = 64;
/// Documents kept in memory.
const KEPT_MAX: usize = 32;

/// Makes documents, a few at a time.
pub struct Documents {
    kept: Cache<Vec<u8>>,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Documents {
    fn default() -> Self {
        Self {
            kept: Cache::new(KEPT_MAX),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::new(0),
        }
    }
}

/// Whether there is a document of this asset: of whitepapers, datasheets and kits, where PDF was built in and our
/// typefaces have all its letters.
pub fn has_pdf(asset: &Asset) -> bool {
    cfg!(feature = "pdf") && may_have_pdf(asset) && document::unset_letter(&asset.source).is_none()
}

/// The same in the brand of `partner`, whose name must be set too.
pub fn has_pdf_for(asset: &Asset, partner: &Partner) -> bool {
    let brand = &partner.brand;
    let names = [Some(&partner.name), brand.contact_name.as_ref(), brand.logo_alt.as_ref()];
    has_pdf(asset) && names.into_iter().flatten().all(|name| document::unset_letter(name).is_none())
}

fn may_have_pdf(asset: &Asset) -> bool {
    matches!(asset.kind(), AssetKind::Whitepaper | AssetKind::Datasheet | AssetKind::Kit)
}

/// Whether anybody may have the document who may see the page: it stands behind no form, and is for customers.
pub fn is_open(asset: &Asset, partner: &Partner) -> bool {
    let is_gated = matches!(&asset.detail, Detail::Whitepaper(paper) if paper.gate == Gate::Form);
    has_pdf_for(asset, partner) && asset.kind().is_for_customers() && !is_gated
}

/// The name of the file: `<asset>-<partner>.pdf`.
pub fn file_name(reference: &str, partner: &str) -> String {
    format!("{}-{partner}.pdf", reference.rsplit('/').next().unwrap_or("document"))
}

/// What the document of an asset is made of, in a partner's brand and a reader's language.
///
/// # Errors
/// `NotFound` for a kind that has no document; `Invalid` for a field without value.
pub async fn input_of(
    ctx: &Context,
    partner: &Partner,
    asset: &Asset,
    locale: &Locale,
) -> Result<DocumentInput> {
    input::of(ctx, &ctx.library(), partner, asset, locale).await
}

/// A document, and what it was made of.
#[derive(Debug, Clone)]
pub struct Document {
    /// The PDF.
    pub pdf: Arc<Vec<u8>>,
    /// The asset's revision, by hash.
    pub revision: String,
}

/// The PDF of an asset for a partner's customers, in the partner's brand and a reader's language.
///
/// # Errors
/// `NotFound` for a partner or asset that is not there, or that is not for customers; `Invalid` for content that
/// cannot be set; `Unavailable` in a build without PDF, or while too many wait.
pub async fn for_customers(
    ctx: &Context,
    partner: &str,
    reference: &str,
    locale: &Locale,
) -> Result<Document> {
    let kind = ctx.library().find(reference, locale).map(Asset::kind);
    if !kind.is_some_and(AssetKind::is_for_customers) {
        return Err(no_document());
    }
    pdf(ctx, partner, reference, locale).await
}

/// The PDF of an asset, kits included, for the partner's own people and ours.
///
/// # Errors
/// As [`for_customers`], which see.
pub async fn pdf(ctx: &Context, partner: &str, reference: &str, locale: &Locale) -> Result<Document> {
    let partner =
        partners::partner(&ctx.db, partner).await?.ok_or_else(|| Error::not_found("this partner"))?;
    let library = ctx.library();
    let reader = |asset: &Asset| reader_of(asset, &partner, locale);
    let theirs = |asset: &&Asset| asset.concerns(&reader(asset));
    let asset = library.find(reference, locale).filter(theirs).ok_or_else(no_document)?;
    let revision = asset.revision.clone();
    let made = input_of(ctx, &partner, asset, locale).await?;
    let images = images(ctx, &ctx.media(), &made.body).await?;
    let prepared = prepare(ctx, &partner, locale, &made, &images)?;
    // Made of all that the typesetter is given, so there is nothing whose change it could miss.
    let key = prepared.key(&ctx.templates);
    if let Some(pdf) = ctx.documents.kept.get(&key) {
        return Ok(Document { pdf, revision });
    }
    let place = ctx.documents.place().await?;
    // While we waited somebody else may have made it.
    if let Some(pdf) = ctx.documents.kept.get(&key) {
        return Ok(Document { pdf, revision });
    }
    let templates = ctx.templates.clone();
    let made = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also when nobody waits for it any more.
        let _place = place;
        prepared.pdf(&templates)
    });
    let pdf = made.await.map_err(|error| Error::internal("making a document").because(error))??;
    Ok(Document { pdf: ctx.documents.kept.put(&key, pdf), revision })
}

fn prepare(
    ctx: &Context,
    partner: &Partner,
    locale: &Locale,
    made: &DocumentInput,
    images: &HashMap<String, Vec<u8>>,
) -> Result<Prepared> {
    let mut hooks = DocumentHooks {
        link: &mut |target| match target {
            Target::Asset(reference) => page_url(ctx, partner, reference, locale),
            Target::Url(url) => url.clone(),
            Target::Template(_) => String::new(),
        },
        image: &mut |path| images.get(path).cloned(),
    };
    document::prepare(&ctx.templates, made, &mut hooks)
}

impl Documents {
    /// A place to make a document in, in turn.
    async fn place(&self) -> Result<tokio::sync::OwnedSemaphorePermit> {
        /// One who waits, also when they go away.
        struct Waiting<'w>(&'w AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= WAITING_MAX {
            return Err(Error::unavailable("too many documents are being made; try again in a few seconds"));
        }
        let place = self.places.clone().acquire_owned().await;
        place.map_err(|error| Error::internal("documents").because(error))
    }
}

fn no_document() -> Error {
    Error::not_found("this document")
}

/// For whom a document is written: kits for the partner's own people, the rest for their customers.
fn reader_of<'r>(asset: &Asset, partner: &'r Partner, locale: &'r Locale) -> Reader<'r> {
    if asset.kind().is_for_customers() {
        Reader::public(partner, locale)
    } else {
        Reader::insider(partner, locale)
    }
}

/// The address of an asset's page, in the document's language: paper is read far from the page it came from.
fn page_url(ctx: &Context, partner: &Partner, reference: &str, locale: &Locale) -> String {
    format!("{}{}?lang={locale}", ctx.settings.public_url, page_path(partner.slug.as_str(), reference))
}

/// The bytes of the images that a text shows, by path.
async fn images(ctx: &Context, media: &Media, nodes: &[Node]) -> Result<HashMap<String, Vec<u8>>> {
    let mut paths = Vec::new();
    tree::each_node(nodes, &mut |node| {
        if let Node::Image { src, .. } = node {
            paths.push(src.clone());
        }
    });
    let mut images = HashMap::new();
    for path in paths {
        if let Some(hash) = media.get(&path)
            && !images.contains_key(&path)
        {
            let bytes = bytes_of(ctx, hash).await?;
            images.insert(path, bytes);
        }
    }
    Ok(images)
}

/// The bytes of a stored file.
pub(super) async fn bytes_of(ctx: &Context, hash: &str) -> Result<Vec<u8>> {
    let file = contents::file(&ctx.db, hash).await?.ok_or_else(|| Error::not_found("this image"))?;
    STANDARD
        .decode(&file.base64)
        .map_err(|error| Error::internal(format!("stored_file {hash}")).because(error))
}
