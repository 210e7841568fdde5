//! What partners paste into their own site: the loader, the places it fills, what their site's policy must allow, and a whole
//! page to host. What is shown in those places is asked for anew by whoever opens the partner's page, so a recall holds at once.

use std::{fmt::Write as _, sync::LazyLock};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use sha2::{Digest as _, Sha256, Sha384};

use super::{
    Context,
    cobrand::{CoBrand, page_path},
    forms::TALK_TO_US,
    recall::Replaced,
};
use crate::{
    domain::{
        content::{Asset, AssetKind, Reader},
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
        },
        partner::Partner,
    },
    render::slots::escape_html,
    store::sites,
};

/// The loader that follows our releases.
pub const FLOATING: &str = "/embed/v1.js";
/// Loaders by their hash: sites that pin one go on to load it, so that a released one is never taken away. The first is the
/// present one.
static LOADERS: LazyLock<[Loader; 1]> =
    LazyLock::new(|| [Loader::of(include_str!("../../static/embed-v1.js"))]);
/// Snippets for single assets at most, the newest.
const ASSETS_MAX: usize = 50;

/// A script that partners' pages load.
#[derive(Debug)]
pub struct Loader {
    /// What is served.
    pub script: String,
    /// Beginning of its SHA-256, in hex.
    hash: String,
    /// As `integrity` names it (SRI section 3.1).
    pub integrity: String,
}

impl Loader {
    /// As it is served: without comments and indents.
    fn of(source: &str) -> Self {
        let mut script = String::with_capacity(source.len());
        for line in source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
            script.push_str(line);
            script.push('\n');
        }
        let hash = Sha256::digest(script.as_bytes()).iter().take(6).fold(String::new(), |mut hex, byte| {
            // Into a string nothing fails.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let integrity = format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(script.as_bytes())));
        Self { script, hash, integrity }
    }

    /// Path of exactly this one.
    pub fn path(&self) -> String {
        format!("/embed/v1.{}.js", self.hash)
    }
}

/// The present loader.
pub fn loader() -> &'static Loader {
    &LOADERS[0]
}

/// The loader of an address, and whether the address names exactly that one.
pub fn loader_at(path: &str) -> Option<(&'static Loader, bool)> {
    if path == FLOATING {
        return Some((loader(), false));
    }
    LOADERS.iter().find(|loader| loader.path() == path).map(|loader| (loader, true))
}

/// Something to paste.
#[derive(Debug, Clone, Serialize)]
pub struct Snippet {
    /// What it shows: `Article: Restores, not backups`.
    pub label: String,
    /// HTML.
    pub html: String,
}

/// Everything that a partner pastes.
#[derive(Debug, Clone, Serialize)]
pub struct Kit {
    /// The sites whose pages may show it.
    pub sites: Vec<String>,
    /// The script once a page: exactly this one, which the browser checks.
    pub fixed: String,
    /// The script once a page: always the present one.
    pub floating: String,
    /// The places.
    pub places: Vec<Snippet>,
    /// What the page's Content-Security-Policy must allow, a directive a line.
    pub policy: Vec<String>,
    /// A whole page.
    pub page: String,
}

/// What a partner may show in a frame, as its address and its place name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedded<'a> {
    /// The newest of what its page shows.
    List,
    /// An asset, by reference.
    Asset(&'a str),
    /// A form, by slug.
    Form(&'a str),
}

impl Embedded<'_> {
    /// What the loader's attribute says.
    pub fn named(self, partner: &str) -> String {
        match self {
            Self::List => partner.to_owned(),
            Self::Asset(reference) => format!("{partner}/{reference}"),
            Self::Form(slug) => format!("{partner}/forms/{slug}"),
        }
    }

    /// Path of the page in the frame.
    pub fn path(self, partner: &str) -> String {
        format!("/p/{}/embed", self.named(partner))
    }

    /// Room that is kept for it, in CSS pixels, before it says how high it is.
    pub fn height(self) -> u32 {
        match self {
            Self::Asset(reference) if reference.starts_with(AssetKind::Webinar.folder()) => 360,
            Self::Form(_) => 720,
            Self::List | Self::Asset(_) => 640,
        }
    }
}

/// The sites that may show the partner's content: the website of the roster, with and without `www.`.
pub fn origins(partner: &Partner) -> Vec<String> {
    let Some(rest) = partner.website.strip_prefix("https://") else { return Vec::new() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default().to_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Vec::new();
    }
    let other = host.strip_prefix("www.").map_or_else(|| format!("www.{host}"), str::to_owned);
    vec![format!("https://{host}"), format!("https://{other}")]
}

/// The same, and the partner's sites that are connected.
///
/// # Errors
/// Those of the store.
pub async fn ancestors(ctx: &Context, partner: &Partner) -> Result<Vec<String>> {
    let mut all = origins(partner);
    for site in sites::list(&ctx.db, Some(partner.slug.as_str())).await? {
        let origin = origin_of(&site.url);
        all.extend(origin.filter(|origin| !all.contains(origin)));
    }
    Ok(all)
}

/// Scheme, host and port of an address that was checked when it was connected.
fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    (!host.is_empty() && host.chars().all(plain)).then(|| format!("{scheme}://{}", host.to_lowercase()))
}

/// Whether anybody may see the asset on the partner's page by now, by the partner's calendar. Standing pages are no content.
pub fn is_open(partner: &Partner, asset: &Asset, now_ms: UtcMs) -> bool {
    let kind = asset.kind();
    let today = utc(now_ms).with_timezone(&partner.zone).date_naive();
    kind.is_for_customers()
        && kind != AssetKind::Page
        && asset.front.publish.is_none_or(|day| day <= today)
        && asset.concerns(&Reader::public(partner, &partner.locale))
}

/// What `partner` pastes; the places for single assets narrow to `only`, where that is named.
///
/// # Errors
/// `NotFound` for an asset that the partner's page does not show; those of the store and of merge fields.
pub async fn kit(ctx: &Context, partner: &Partner, only: Option<&str>) -> Result<Kit> {
    let (library, media, replaced) = (ctx.library(), ctx.media(), Replaced::load(&ctx.db).await?);
    let base = ctx.settings.public_url.as_str();
    let brand = CoBrand::new(&library, &media, partner, &partner.locale, base)?;
    let strings = ctx.templates.strings(&ctx.templates.language(&partner.locale));
    let slug = partner.slug.as_str();
    let now_ms = ctx.now_ms();
    let mut open: Vec<&Asset> = library
        .assets
        .iter()
        .map(|asset| &**asset)
        .filter(|asset| asset.locale.is_none() && is_open(partner, asset, now_ms))
        .filter(|asset| !replaced.contains(&asset.reference))
        .filter(|asset| only.is_none_or(|only| only == asset.reference))
        .collect();
    if let Some(only) = only.filter(|_| open.is_empty()) {
        return Err(Error::not_found_but(
            format!("`{only}` on the page of {}", partner.name),
            "name an asset that its page shows, such as blog/restores-not-backups",
        ));
    }
    open.sort_by_key(|asset| std::cmp::Reverse(asset.front.publish));
    open.truncate(ASSETS_MAX);
    let mut places = Vec::new();
    if only.is_none() {
        let list = place(base, slug, Embedded::List, (&page_path(slug, ""), strings.get("our_content")));
        places.push(Snippet { label: "The newest of what its page shows".to_owned(), html: list });
        let talk = (page_path(slug, TALK_TO_US), strings.get("talk_to_us"));
        let talk = place(base, slug, Embedded::Form("talk-to-us"), (&talk.0, talk.1));
        places.push(Snippet { label: "Form: ask for a call".to_owned(), html: talk });
    }
    for asset in open {
        let shown = library.find(&asset.reference, brand.locale).unwrap_or(asset);
        let (title, what) = (brand.text(&shown.front.title)?, Embedded::Asset(&asset.reference));
        let kind = format!("kind_{}", asset.kind().as_str());
        let html = place(base, slug, what, (&page_path(slug, &asset.reference), &title));
        places.push(Snippet { label: format!("{}: {title}", strings.get(&kind)), html });
    }
    let sites = ancestors(ctx, partner).await?;
    let fixed = format!(
        "<script async src=\"{base}{}\" integrity=\"{}\" crossorigin=\"anonymous\"></script>",
        loader().path(),
        loader().integrity
    );
    let page = hosted(ctx, partner, &fixed)?;
    Ok(Kit {
        sites,
        floating: format!("<script async src=\"{base}{FLOATING}\"></script>"),
        fixed,
        places,
        policy: vec![
            format!("script-src {base}"),
            format!("frame-src {base}"),
            format!("connect-src {base} (for data-mode=\"inline\")"),
            format!("img-src {base} (for data-mode=\"inline\")"),
        ],
        page,
    })
}

/// The place of an embed: its height is kept free, and a link stands in it for whoever has no script.
fn place(base: &str, partner: &str, what: Embedded<'_>, (path, title): (&str, &str)) -> String {
    format!(
        "<div data-partnercast=\"{}\" style=\"min-height:{}px\"><a href=\"{base}{}\">{}</a></div>",
        escape_html(&what.named(partner)),
        what.height(),
        escape_html(path.trim_end_matches('/')),
        escape_html(title)
    )
}

/// A page that the partner puts on its own site as it is: what is new comes into it by itself.
#[derive(Serialize)]
struct Hosted<'a> {
    lang: &'a str,
    dir: &'a str,
    title: &'a str,
    partner: &'a str,
    website: &'a str,
    base: &'a str,
    feed: String,
    loader: &'a str,
    primary: String,
    list: String,
    form: String,
    talk: &'a str,
}

fn hosted(ctx: &Context, partner: &Partner, loader: &str) -> Result<String> {
    let base = ctx.settings.public_url.as_str();
    let language = ctx.templates.language(&partner.locale);
    let strings = ctx.templates.strings(&language);
    let slug = partner.slug.as_str();
    let place = |what, path: &str, title| place(base, slug, what, (path, title));
    let page = Hosted {
        lang: language.as_str(),
        dir: language.direction(),
        title: strings.get("our_content"),
        partner: &partner.name,
        website: &partner.website,
        base,
        feed: super::feeds::public_path(slug),
        loader,
        primary: partner.brand.primary.to_string(),
        list: place(Embedded::List, &page_path(slug, ""), strings.get("our_content")),
        form: place(Embedded::Form("talk-to-us"), &page_path(slug, TALK_TO_US), strings.get("talk_to_us")),
        talk: strings.get("talk_to_us"),
    };
    ctx.templates.render("pages/public/hosted.html", &page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::tests::northlight;

    #[test]
    fn the_loader_is_small_and_each_is_found_by_its_hash() {
        let present = loader();
        assert!(present.script.len() < 3_072, "{}", present.script.len());
        assert!(!present.script.contains("cookie") && !present.script.contains("Storage"));
        assert_eq!(
            loader_at(FLOATING).map(|(found, fixed)| (&found.integrity, fixed)),
            Some((&present.integrity, false))
        );
        for one in LOADERS.iter() {
            assert!(loader_at(&one.path()).is_some_and(|(found, fixed)| fixed && found.script == one.script));
            assert_eq!(one.integrity.len(), "sha384-".len() + 64);
        }
        assert!(loader_at("/embed/v1.000000000000.js").is_none() && loader_at("/embed/v2.js").is_none());
    }

    #[test]
    fn a_place_is_an_address_and_its_text_is_no_code() {
        let html = place(
            "https://cast.example",
            "northlight",
            Embedded::Asset("webinars/live"),
            ("/p/northlight/webinars/live", "\"><script>"),
        );
        assert_eq!(
            html,
            "<div data-partnercast=\"northlight/webinars/live\" style=\"min-height:360px\">\
             <a href=\"https://cast.example/p/northlight/webinars/live\">&quot;&gt;&lt;script&gt;</a></div>"
        );
        assert_eq!(Embedded::Form("talk-to-us").path("ipe"), "/p/ipe/forms/talk-to-us/embed");
        assert_eq!(Embedded::List.path("ipe"), "/p/ipe/embed");
    }

    #[test]
    fn only_the_website_of_the_roster_may_show_it() {
        let at = |website: &str| {
            let mut partner = northlight();
            website.clone_into(&mut partner.website);
            origins(&partner)
        };
        let both = ["https://northlight.example", "https://www.northlight.example"];
        assert_eq!(at("https://Northlight.example/en?x"), both);
        assert_eq!(origin_of("http://127.0.0.1:8085/blog").as_deref(), Some("http://127.0.0.1:8085"));
        assert_eq!(origin_of("https://a.example;x/"), None);
        assert_eq!(at("https://www.northlight.example"), [both[1], both[0]]);
        for bad in
            ["http://northlight.example", "https://a.example; script-src *", "https://*", "https://", ""]
        {
            assert_eq!(at(bad), [] as [String; 0], "{bad}");
        }
    }
}
