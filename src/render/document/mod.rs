//! Whitepapers as PDF, co-branded, through Typst.
//!
//! The layout is `templates/document/whitepaper.typ`; everything else is data in one JSON file, so no text of an
//! author or a partner is ever Typst code. With the same input the bytes are the same.

mod tree;
#[cfg(feature = "pdf")]
mod world;

use serde::Serialize;

use crate::domain::{
    content::tree::{Node, Target},
    kernel::{Error, Locale, Result},
};

use super::{
    Strings, Templates,
    brand::{PartnerBrand, PartnerView, VendorBrand},
};

/// Largest logo or image, in bytes.
const IMAGE_BYTES_MAX: usize = 4 << 20;
/// Most images in one document.
pub(super) const IMAGES_MAX: usize = 32;
/// Most blocks in one document; about 400 pages.
const NODES_MAX: usize = 20_000;

/// Everything a document is made of. All texts are merged already.
#[derive(Debug)]
pub struct DocumentInput {
    /// Language of the content.
    pub locale: Locale,
    /// "Whitepaper" in the reader's language.
    pub kind_label: String,
    /// Title.
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// A line under the title on the cover.
    pub cover_line: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Day of publication in words.
    pub published: String,
    /// Year for the copyright line.
    pub year: i32,
    /// The text.
    pub body: Vec<Node>,
    /// The partner it is made for; `call_to_action.url` must be https.
    pub partner: PartnerBrand,
    /// The partner's logo as PNG; without one the name is set in type.
    pub partner_logo: Option<Vec<u8>>,
    /// The publisher.
    pub vendor: VendorBrand,
    /// The vendor's logo as PNG.
    pub vendor_logo: Option<Vec<u8>>,
}

/// What a document needs from outside.
pub struct DocumentHooks<'a> {
    /// The address for a link's target; empty leaves the text without a link.
    pub link: &'a mut dyn FnMut(&Target) -> String,
    /// The bytes (PNG or JPEG) of a content image by its path; nothing shows the alternative text.
    pub image: &'a mut dyn FnMut(&str) -> Option<Vec<u8>>,
}

/// The data file that the layout reads.
#[derive(Serialize)]
struct Data<'a> {
    lang: &'a str,
    region: Option<&'a str>,
    kind_label: &'a str,
    title: &'a str,
    summary: &'a str,
    cover_line: Option<&'a str>,
    authors: &'a [String],
    by_authors: String,
    published: String,
    rights: String,
    presented_by: String,
    next_step: &'a str,
    page_of: &'a str,
    contents: &'a str,
    contact: &'a str,
    phone: &'a str,
    email: &'a str,
    website: &'a str,
    partner: PartnerView<'a>,
    vendor: &'a VendorBrand,
    has_partner_logo: bool,
    has_vendor_logo: bool,
    body: Vec<serde_json::Value>,
}

/// Renders the whitepaper. Takes about 100 ms of one core and up to some hundred MB, so run one or two at a time.
///
/// # Errors
/// A logo or image that is no PNG or JPEG or is too large, a text that is too long, or a layout on disk that
/// does not fit. Without the feature `pdf`: always, saying so.
pub fn render_pdf(
    templates: &Templates,
    input: &DocumentInput,
    hooks: &mut DocumentHooks<'_>,
) -> Result<Vec<u8>> {
    let mut images = Vec::new();
    let mut blocks = 0;
    let mut body = tree::Writer { hooks, images: &mut images, blocks: &mut blocks };
    let body = body.nodes(&input.body);
    if blocks > NODES_MAX {
        return Err(Error::invalid(format!(
            "the document has {blocks} blocks, at most {NODES_MAX} are set; split it"
        )));
    }
    let strings = templates.strings(&input.locale);
    let data = data(input, &strings, body);
    let json = serde_json::to_vec(&data).map_err(|error| Error::internal("document data").because(error))?;
    if let Some(letter) = unset_letter(&String::from_utf8_lossy(&json)) {
        return Err(Error::invalid(format!(
            "no font of ours has the letter `{letter}` (U+{:04X}); this document can be read as a page only",
            u32::from(letter)
        )));
    }
    let mut files = vec![("document.json".to_owned(), json)];
    let logos = [
        ("partner-logo.png", "the partner's logo", &input.partner_logo),
        ("vendor-logo.png", "the vendor's logo", &input.vendor_logo),
    ];
    for (name, what, bytes) in logos {
        if let Some(bytes) = bytes {
            check_image(what, bytes)?;
            files.push((name.to_owned(), bytes.clone()));
        }
    }
    for (number, (path, bytes)) in images.into_iter().enumerate() {
        check_image(&format!("the image {path}"), &bytes)?;
        files.push((format!("image-{number}"), bytes));
    }
    compile(templates, files)
}

/// The first letter of `text` that no font of ours has, so that a document with it cannot be set.
pub fn unset_letter(text: &str) -> Option<char> {
    #[cfg(feature = "pdf")]
    return world::unset_letter(text);
    #[cfg(not(feature = "pdf"))]
    text.chars().next().filter(|_| false)
}

#[cfg(feature = "pdf")]
fn compile(templates: &Templates, files: Vec<(String, Vec<u8>)>) -> Result<Vec<u8>> {
    world::compile(templates.whitepaper(), files)
}

#[cfg(not(feature = "pdf"))]
fn compile(_: &Templates, _: Vec<(String, Vec<u8>)>) -> Result<Vec<u8>> {
    Err(Error::unavailable(
        "this partnercast was built without PDF documents; build it with the feature `pdf`",
    ))
}

fn data<'a>(input: &'a DocumentInput, strings: &'a Strings, body: Vec<serde_json::Value>) -> Data<'a> {
    let names = [("partner", input.partner.name.as_str()), ("vendor", input.vendor.name.as_str())];
    let region = input.locale.as_str().split('-').next_back().filter(|tag| tag.len() == 2);
    Data {
        lang: input.locale.language(),
        region: region.filter(|tag| *tag != input.locale.language()),
        kind_label: &input.kind_label,
        title: &input.title,
        summary: &input.summary,
        cover_line: input.cover_line.as_deref(),
        authors: &input.authors,
        by_authors: strings.fill("by_authors", &[("authors", &strings.list(&input.authors))]),
        published: strings.fill("published", &[("date", &input.published)]),
        rights: strings.fill(
            "all_rights",
            &[("year", &input.year.to_string()), ("legal_name", &input.vendor.legal_name)],
        ),
        presented_by: strings.fill("presented_by", &names),
        next_step: strings.get("next_step"),
        page_of: strings.get("page_of"),
        contents: strings.get("contents"),
        contact: strings.get("contact"),
        phone: strings.get("phone"),
        email: strings.get("email"),
        website: strings.get("website"),
        partner: PartnerView::from(&input.partner),
        vendor: &input.vendor,
        has_partner_logo: input.partner_logo.is_some(),
        has_vendor_logo: input.vendor_logo.is_some(),
        body,
    }
}

/// Refuses what is no PNG or JPEG, or cannot be decoded, before the typesetter sees it.
fn check_image(what: &str, bytes: &[u8]) -> Result<()> {
    if bytes.len() > IMAGE_BYTES_MAX {
        return Err(Error::invalid(format!("{what} is larger than 4 MB; make it smaller")));
    }
    let is_png = bytes.starts_with(b"\x89PNG\r\n\x1a\n");
    if !is_png && !bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return Err(Error::invalid(format!("{what} is neither PNG nor JPEG; convert it")));
    }
    if is_png {
        image::load_from_memory_with_format(bytes, image::ImageFormat::Png)
            .map_err(|error| Error::invalid(format!("{what} is a damaged PNG ({error}); save it again")))?;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(feature = "pdf")]
#[path = "document_tests.rs"]
mod tests;

#[cfg(test)]
#[cfg(not(feature = "pdf"))]
mod without_pdf {
    #[test]
    fn the_error_says_what_is_missing() {
        let templates = super::Templates::load(None).unwrap();
        let error = super::compile(&templates, Vec::new()).unwrap_err();
        assert!(error.public().contains("feature `pdf`"));
    }
}
