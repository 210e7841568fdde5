//! Everything that a partner needs of an asset or a whole kit, ready to use: documents, pages, texts, posts, images and
//! a mail for their own system, in their brand and with their links, in one archive.

mod own_mail;
mod readme;

use std::collections::{BTreeMap, BTreeSet};

use self::readme::{About, readme};
use super::{
    calendars,
    cobrand::{CoBrand, TALK_TO_US, no_content, no_value},
    context::Context,
    documents, placed,
    recall::Replaced,
    share,
};
use crate::{
    domain::{
        content::{
            Asset, AssetKind, Detail, Library, Reader,
            kinds::{Gate, Social},
            merge,
            text::{Plain, plain_text},
            tree::{self, Node, Target},
        },
        engagement::Placement,
        kernel::{Error, Locale, Result},
        partner::Partner,
    },
    render::{
        SlotTable, Strings, archive, calendar,
        html::{self, Hooks, Profile},
        markdown::{self, MarkdownHooks},
        slots::escape_html,
        social,
    },
    store::partners,
};

/// Most tactics of a kit in one bundle.
const TACTICS_MAX: usize = 60;

/// An archive.
#[derive(Debug)]
pub struct Bundle {
    /// Its file's name.
    pub name: String,
    /// Its bytes, ZIP.
    pub bytes: Vec<u8>,
}

/// The bundle of an asset, or of a kit with everything in it that the partner has, in `locale` or the partner's own.
///
/// # Errors
/// `NotFound` for a partner or asset that is not there or not theirs; `Invalid` for content that cannot be rendered.
pub async fn bundle(
    ctx: &Context,
    partner: &str,
    reference: &str,
    locale: Option<&Locale>,
) -> Result<Bundle> {
    let partner =
        partners::partner(&ctx.db, partner).await?.ok_or_else(|| Error::not_found("this partner"))?;
    let library = ctx.library();
    library.vendor.as_ref().ok_or_else(no_content)?;
    let locale = locale.unwrap_or(&partner.locale);
    let reader = Reader::insider(&partner, locale);
    let theirs = |reference: &str| library.find(reference, locale).filter(|asset| asset.concerns(&reader));
    let asset = theirs(reference).ok_or_else(|| Error::not_found("this asset"))?;
    let replaced = Replaced::load(&ctx.db).await?;
    replaced.refuse(&asset.reference)?;
    let mut packed = Packed {
        ctx,
        library: &library,
        partner: &partner,
        locale,
        with_documents: true,
        files: BTreeMap::new(),
    };
    let mut contents = vec![packed.asset(asset, "").await?];
    if let Detail::Kit(kit) = &asset.detail {
        if kit.tactics.len() > TACTICS_MAX {
            return Err(Error::invalid(format!(
                "this kit has {} tactics, and a bundle holds {TACTICS_MAX}; split the kit",
                kit.tactics.len()
            )));
        }
        let mut seen = BTreeSet::from([asset.reference.as_str()]);
        let tactics = kit
            .tactics
            .iter()
            .map(|tactic| (tactic.asset.as_str(), Some((tactic.day, tactic.use_line.as_str()))));
        let playbook = kit.playbook.iter().map(|playbook| (playbook.as_str(), None));
        for (reference, tactic) in tactics.chain(playbook) {
            let reference = replaced.present(reference);
            let Some(piece) = theirs(reference).filter(|piece| seen.insert(piece.reference.as_str())) else {
                continue;
            };
            let mut entry = packed.asset(piece, &format!("{reference}/")).await?;
            if let Some((day, use_line)) = tactic {
                let day = day.to_string();
                entry.text = packed.strings().fill("bundle_day", &[("day", &day), ("use", use_line)]);
            }
            contents.push(entry);
        }
    }
    packed.readme(asset, &contents)?;
    let name = format!("{}-{}-{}.zip", asset.slug(), partner.slug, locale);
    let files = packed.files;
    let packing = tokio::task::spawn_blocking(move || archive::zip(&files));
    let bytes = packing.await.map_err(|error| Error::internal("packing a bundle").because(error))??;
    Ok(Bundle { name, bytes })
}

/// The files of an asset as in its bundle, by name, but for its document: mail, page, text, posts, calendar, images.
///
/// # Errors
/// As [`bundle`].
pub(super) async fn texts(
    ctx: &Context,
    partner: &Partner,
    reference: &str,
    locale: &Locale,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let library = ctx.library();
    let asset = library
        .find(reference, locale)
        .filter(|asset| asset.concerns(&Reader::insider(partner, locale)))
        .ok_or_else(|| Error::not_found("this asset"))?;
    let mut packed =
        Packed { ctx, library: &library, partner, locale, with_documents: false, files: BTreeMap::new() };
    packed.asset(asset, "").await?;
    Ok(packed.files)
}

/// One asset in the list of contents.
struct Entry {
    /// Whether customers may read it.
    for_customers: bool,
    /// Whether it stands behind a form.
    is_gated: bool,
    title: String,
    text: String,
    /// Its page, if customers may open it.
    url: Option<String>,
    files: Vec<String>,
}

struct Packed<'p> {
    ctx: &'p Context,
    library: &'p Library,
    partner: &'p Partner,
    locale: &'p Locale,
    /// Whether documents are made too, which takes longer than all the rest.
    with_documents: bool,
    files: BTreeMap<String, Vec<u8>>,
}

impl Packed<'_> {
    /// Adds the files of `asset` under `folder`, which is empty or ends in `/`.
    async fn asset(&mut self, asset: &Asset, folder: &str) -> Result<Entry> {
        let media = self.ctx.media();
        let brand =
            CoBrand::new(self.library, &media, self.partner, self.locale, &self.ctx.settings.public_url)?;
        let reader = if asset.kind().is_for_customers() {
            Reader::public(self.partner, self.locale)
        } else {
            Reader::insider(self.partner, self.locale)
        };
        let before: BTreeSet<String> = self.files.keys().cloned().collect();
        // The lead's fields stay as words in brackets, for the partner to fill.
        let nodes = merge(&asset.text_for(&reader), &|field| brand.value_or_name(field))
            .map_err(|missing| no_value(self.partner, &missing))?;
        let title = brand.text(&asset.front.title)?;
        let summary =
            asset.front.summary.as_ref().map(|summary| brand.text(summary)).transpose()?.unwrap_or_default();
        let url = self.url(&brand, &asset.reference);
        let language = asset.locale.clone().unwrap_or_else(|| brand.vendor.default_locale.clone());
        self.images(asset, &nodes, folder).await?;
        match &asset.detail {
            Detail::Social(post) => self.posts(&brand, asset, post, &nodes, folder)?,
            _ => self.texts(
                &brand,
                &Piece {
                    title: &title,
                    summary: &summary,
                    nodes: &nodes,
                    language: &language,
                    slug: asset.slug(),
                },
                folder,
            ),
        }
        if let Detail::Webinar(webinar) = &asset.detail {
            let entry =
                calendars::entry(self.ctx, &brand, (asset, webinar), (&title, &summary, &url)).await?;
            if let Some(entry) = entry {
                let name = format!("{folder}{}.ics", asset.slug());
                self.files.insert(name, calendar::calendar(&entry).into_bytes());
            }
        }
        if has_page(asset) {
            let (html, text) = self.mail(&brand, asset, (&title, &summary), &language)?;
            self.files.insert(format!("{folder}mail.html"), html.into_bytes());
            self.files.insert(format!("{folder}mail.txt"), text.into_bytes());
        }
        if self.with_documents && documents::has_pdf_for(asset, self.partner) {
            let pdf = documents::pdf(self.ctx, self.partner.slug.as_str(), &asset.reference, self.locale)
                .await?
                .pdf;
            self.files.insert(format!("{folder}{}.pdf", asset.slug()), pdf.to_vec());
        }
        let files = self.files.keys().filter(|path| !before.contains(*path)).cloned().collect();
        let url = has_page(asset).then_some(url);
        let is_gated = matches!(&asset.detail, Detail::Whitepaper(paper) if paper.gate == Gate::Form);
        Ok(Entry {
            for_customers: asset.kind().is_for_customers(),
            is_gated,
            title,
            text: summary,
            url,
            files,
        })
    }

    fn url(&self, brand: &CoBrand<'_>, reference: &str) -> String {
        format!("{}{}", self.ctx.settings.public_url, brand.path(reference))
    }

    /// A tracked link for a place outside our mails.
    fn placed(&self, reference: &str, how: (Placement, bool)) -> String {
        placed::address(self.ctx, self.partner, self.locale, reference, how)
    }

    fn link(&self, brand: &CoBrand<'_>, target: &Target) -> String {
        match target {
            Target::Asset(reference) => self.url(brand, reference),
            other => brand.target(other),
        }
    }

    /// The text as a page, as Markdown and as plain text.
    fn texts(&mut self, brand: &CoBrand<'_>, piece: &Piece<'_>, folder: &str) {
        let link = |target: &Target| self.link(brand, target);
        let mut hooks = Hooks {
            link: &mut |target| link(target),
            image: &mut |path| Some(path.to_owned()),
            slots: &mut SlotTable::default(),
        };
        let body = html::fragment(piece.nodes, Profile::Page, &mut hooks);
        let (title, summary) = (escape_html(piece.title), escape_html(piece.summary));
        let page = format!(
            "<!doctype html>\n<html lang=\"{}\" dir=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<meta name=\"description\" \
             content=\"{summary}\">\n</head>\n<body>\n<h1>{title}</h1>\n<p>{summary}</p>\n{body}\n</body>\n</html>\n",
            piece.language,
            piece.language.direction(),
        );
        let hooks = MarkdownHooks { link: &link, image: &|path| Some(path.to_owned()) };
        let words = markdown::markdown(piece.nodes, &hooks);
        let heading = vec![tree::Inline::Text(piece.title.to_owned())];
        let heading = markdown::markdown(&[Node::Paragraph(heading)], &hooks);
        let url = |target: &Target| Some(link(target)).filter(|url| !url.is_empty());
        let plain = plain_text(piece.nodes, &Plain { url: &url, field: &|_| String::new() });
        let text = format!("{}\n\n{}\n\n{plain}\n", piece.title, piece.summary);
        let named = |ending: &str| format!("{folder}{}.{ending}", piece.slug);
        self.files.insert(named("html"), page.into_bytes());
        self.files.insert(named("md"), format!("# {heading}\n{words}").into_bytes());
        self.files.insert(named("txt"), text.into_bytes());
    }

    /// A post for each of its networks.
    fn posts(
        &mut self,
        brand: &CoBrand<'_>,
        asset: &Asset,
        post: &Social,
        nodes: &[Node],
        folder: &str,
    ) -> Result<()> {
        for network in &post.networks {
            // Each network's link is another one, so that what comes of each is told apart.
            let how = (share::placement(*network), false);
            let url = post.link.as_ref().map(|link| self.placed(link.as_str(), how)).unwrap_or_default();
            let own = post.text_for(*network).map(|text| brand.text(text)).transpose()?;
            let text = social::post(nodes, own.as_deref(), &url);
            self.files
                .insert(format!("{folder}{}.{}.txt", asset.slug(), network.as_str()), text.into_bytes());
        }
        if let Some(image) = &asset.front.image {
            self.files
                .insert(format!("{folder}{}.alt.txt", asset.slug()), format!("{}\n", image.alt).into_bytes());
        }
        Ok(())
    }

    async fn images(&mut self, asset: &Asset, nodes: &[Node], folder: &str) -> Result<()> {
        let mut paths: BTreeSet<String> = asset.front.image.iter().map(|image| image.path.clone()).collect();
        tree::each_node(nodes, &mut |node| {
            if let Node::Image { src, .. } = node {
                paths.insert(src.clone());
            }
        });
        let media = self.ctx.media();
        for path in paths {
            if let Some(hash) = media.get(&path) {
                let bytes = documents::bytes_of(self.ctx, hash).await?;
                self.files.insert(format!("{folder}{path}"), bytes);
            }
        }
        Ok(())
    }

    /// What is in the archive and what to do with it.
    fn readme(&mut self, asset: &Asset, contents: &[Entry]) -> Result<()> {
        let media = self.ctx.media();
        let brand =
            CoBrand::new(self.library, &media, self.partner, self.locale, &self.ctx.settings.public_url)?;
        let title = brand.text(&asset.front.title)?;
        let about = About {
            title: &title,
            partner: &self.partner.name,
            vendor: &brand.vendor.name,
            checklist: match &asset.detail {
                Detail::Kit(kit) => &kit.checklist,
                _ => &[],
            },
        };
        let text = readme(&self.strings(), &about, contents)?;
        self.files.insert("README.md".to_owned(), text.into_bytes());
        Ok(())
    }

    /// The words around the content, in the partner's language where we have it.
    fn strings(&self) -> Strings {
        self.ctx.templates.strings(&self.ctx.templates.language(self.locale))
    }
}

/// An asset's words.
struct Piece<'p> {
    title: &'p str,
    summary: &'p str,
    nodes: &'p [Node],
    language: &'p Locale,
    slug: &'p str,
}

/// Whether it has a page of the partner's that anybody may open.
pub(super) fn has_page(asset: &Asset) -> bool {
    asset.kind().is_for_customers() && (asset.kind() != AssetKind::Page || asset.reference == TALK_TO_US)
}
