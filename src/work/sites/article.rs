//! An article as it stands on a partner's own site: in their voice, with tracked links, and where it comes from.

use crate::{
    domain::{
        content::{Asset, Reader, merge::merge, tree::Target},
        engagement::Placement,
        kernel::Result,
        partner::Partner,
    },
    render::{
        html::{self, Hooks, Profile},
        slots::{SlotTable, escape_html},
    },
    work::{
        Context,
        cobrand::{CoBrand, no_value},
        placed,
    },
};

/// Title and HTML of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Article {
    /// Text.
    pub title: String,
    /// HTML.
    pub html: String,
}

/// The article `reference` for `partner`; none where the content has none of that name.
///
/// # Errors
/// `Unavailable` before the first sync; `Invalid` for merge fields without value.
pub(super) fn article(ctx: &Context, partner: &Partner, reference: &str) -> Result<Option<Article>> {
    let (library, media) = (ctx.library(), ctx.media());
    let locale = &partner.locale;
    let brand = CoBrand::new(&library, &media, partner, locale, &ctx.settings.public_url)?;
    let Some(asset) = library.find(reference, locale) else { return Ok(None) };
    let language = asset.locale.clone().unwrap_or_else(|| brand.vendor.default_locale.clone());
    let strings = ctx.templates.strings_for(&language, locale);
    let tracked =
        |reference: &str| placed::address(ctx, partner, locale, reference, (Placement::Embed, false));
    let nodes = merge(&asset.text_for(&Reader::public(partner, locale)), &|field| brand.value_or_name(field))
        .map_err(|missing| no_value(partner, &missing))?;
    let mut hooks = Hooks {
        link: &mut |target| match target {
            Target::Asset(reference) => tracked(reference),
            other => brand.target(other),
        },
        image: &mut |path| brand.image(path),
        slots: &mut SlotTable::default(),
    };
    let body = html::fragment(&nodes, Profile::Page, &mut hooks);
    let partner_name = [("partner", partner.name.as_str())];
    let by = strings
        .fill("presented_by", &[("partner", partner.name.as_str()), ("vendor", brand.vendor.name.as_str())]);
    // A site's own plugins decide what search engines are told; the post says where the original is.
    let original = original(asset, &tracked(reference));
    let html = format!(
        "{body}\n<p><em>{}</em> <a href=\"{}\">{}</a></p>",
        escape_html(&by),
        escape_html(&original),
        escape_html(&strings.fill("embed_open", &partner_name)),
    );
    // WordPress runs what stands in brackets; nothing that an author writes is code.
    let html = html.replace('[', "&#91;");
    Ok(Some(Article { title: brand.text(&asset.front.title)?, html }))
}

/// Where it was first, else the partner's page.
fn original(asset: &Asset, page: &str) -> String {
    match &asset.detail {
        crate::domain::content::Detail::Blog(blog) => {
            blog.canonical.clone().unwrap_or_else(|| page.to_owned())
        }
        _ => page.to_owned(),
    }
}

/// What stands in the place of one that was taken back; nobody publishes it by mistake.
pub(super) fn withdrawn(ctx: &Context, partner: &Partner) -> Article {
    let library = ctx.library();
    let strings = ctx.templates.strings(&ctx.templates.language(&partner.locale));
    let vendor = library.vendor.as_ref().map(|vendor| vendor.name.clone()).unwrap_or_default();
    let names = [("vendor", vendor.as_str()), ("partner", partner.name.as_str())];
    Article {
        title: strings.get("withdrawn_title").to_owned(),
        html: format!("<p>{}</p>", escape_html(&strings.fill("withdrawn_text", &names))),
    }
}
