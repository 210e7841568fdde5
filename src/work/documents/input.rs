//! What a document is made of, out of the content and the partner's brand.

use super::{bytes_of, no_document, page_url, reader_of};
use crate::{
    domain::{
        content::{Asset, AssetKind, Detail, Library, Reader, kinds},
        kernel::{Locale, Result},
        partner::Partner,
    },
    render::{
        Strings,
        document::{Datasheet, DocumentInput, Kit, Manager, Own, Specification, Tactic, Whitepaper},
    },
    store::partners,
    work::{
        cobrand::{CoBrand, TALK_TO_US, no_value},
        context::Context,
        recall::Replaced,
    },
};

/// For an asset that the partner has.
///
/// # Errors
/// `NotFound` for a kind that has no document; `Invalid` for a field without value.
pub(super) async fn of(
    ctx: &Context,
    library: &Library,
    partner: &Partner,
    asset: &Asset,
    locale: &Locale,
) -> Result<DocumentInput> {
    let media = ctx.media();
    let brand = CoBrand::new(library, &media, partner, locale, &ctx.settings.public_url)?;
    let language = asset.locale.clone().unwrap_or_else(|| brand.vendor.default_locale.clone());
    let strings = ctx.templates.strings_for(&language, locale);
    let own = match &asset.detail {
        Detail::Whitepaper(paper) => Own::Whitepaper(whitepaper(ctx, partner, paper).await?),
        Detail::Datasheet(sheet) => Own::Datasheet(datasheet(sheet)),
        Detail::Kit(one) => {
            let replaced = Replaced::load(&ctx.db).await?;
            Own::Kit(kit(ctx, library, &brand, (asset, one), &strings, &replaced)?)
        }
        _ => return Err(no_document()),
    };
    let body = match own {
        Own::Kit(_) => Vec::new(),
        Own::Whitepaper(_) | Own::Datasheet(_) => brand
            .nodes(&asset.text_for(&reader_of(asset, partner, locale)))
            .map_err(|missing| no_value(partner, &missing))?,
    };
    let logo = |hash: Option<String>| async move {
        match hash {
            Some(hash) => bytes_of(ctx, &hash).await.map(Some),
            None => Ok(None),
        }
    };
    let front = &asset.front;
    Ok(DocumentInput {
        title: brand.text(&front.title)?,
        summary: front.summary.as_ref().map(|summary| brand.text(summary)).transpose()?.unwrap_or_default(),
        keywords: front.topics.iter().chain(&front.key_message).map(ToString::to_string).collect(),
        published: front.publish,
        body,
        partner: brand.partner_brand(page_url(ctx, partner, TALK_TO_US, locale), strings.get("talk_to_us")),
        partner_logo: logo(partner.brand.logo.clone()).await?,
        vendor: brand.vendor_brand(),
        vendor_logo: logo(media.get(&brand.vendor.logo).cloned()).await?,
        reader_locale: locale.clone(),
        locale: language,
        own,
    })
}

async fn whitepaper(ctx: &Context, partner: &Partner, paper: &kinds::Whitepaper) -> Result<Whitepaper> {
    let co_author = match &paper.co_author {
        // In their own brand they are on the cover already.
        Some(slug) if slug.as_str() != partner.slug.as_str() => {
            partners::partner(&ctx.db, slug.as_str()).await?.map(|partner| partner.name)
        }
        _ => None,
    };
    Ok(Whitepaper { cover_line: paper.cover_line.clone(), authors: paper.authors.clone(), co_author })
}

fn datasheet(sheet: &kinds::Datasheet) -> Datasheet {
    let specification =
        |one: &kinds::Specification| Specification { name: one.name.clone(), value: one.value.clone() };
    Datasheet {
        product: sheet.product.clone(),
        version: sheet.version.clone(),
        specifications: sheet.specifications.iter().map(specification).collect(),
    }
}

/// With the tactics whose assets the partner has, as in their bundle.
fn kit(
    ctx: &Context,
    library: &Library,
    brand: &CoBrand<'_>,
    (asset, kit): (&Asset, &kinds::Kit),
    strings: &Strings,
    replaced: &Replaced,
) -> Result<Kit> {
    let (partner, locale) = (brand.partner, brand.locale);
    let reader = Reader::insider(partner, locale);
    let mut tactics = Vec::new();
    for kinds::Tactic { asset, use_line, day, .. } in &kit.tactics {
        let found =
            library.find(replaced.present(asset.as_str()), locale).filter(|asset| asset.concerns(&reader));
        let Some(found) = found else { continue };
        let kind = found.kind();
        let has_page = kind.is_for_customers() && (kind != AssetKind::Page || found.reference == TALK_TO_US);
        tactics.push(Tactic {
            day: *day,
            kind_label: strings.get(&format!("kind_{}", kind.as_str())).to_owned(),
            title: brand.text(&found.front.title)?,
            url: has_page.then(|| page_url(ctx, partner, &found.reference, locale)),
            use_line: use_line.clone(),
        });
    }
    let manager = brand.vendor.channel_manager(partner.region).map(|manager| Manager {
        name: manager.name.clone(),
        email: manager.email.to_string(),
        phone: manager.phone.clone(),
    });
    Ok(Kit {
        theme: kit.theme.clone(),
        outcome: asset.front.outcome.clone(),
        start: kit.start,
        end: kit.end,
        tactics,
        checklist: kit.checklist.clone(),
        manager,
    })
}
