//! Documents as PDF, co-branded, through Typst: whitepapers, datasheets, and kits on one page.
//!
//! How a kind looks is `templates/document/<kind>.typ`; what all kinds share is `common.typ`. Everything that is said is
//! data in one JSON file, so no text of an author or a partner is ever Typst code. With the same input the bytes are
//! the same, in every process.

mod data;
mod datasheet;
#[cfg(feature = "pdf")]
mod fonts;
mod kit;
#[cfg(feature = "pdf")]
mod layouts;
mod picture;
mod text;
mod tree;
mod whitepaper;
#[cfg(feature = "pdf")]
mod world;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

#[cfg(feature = "pdf")]
pub(super) use self::layouts::Layouts;
pub use self::{
    datasheet::{Datasheet, Specification},
    kit::{Kit, Manager, Tactic},
    whitepaper::Whitepaper,
};
use super::{
    Templates,
    brand::{PartnerBrand, VendorBrand},
};
use crate::domain::{
    content::tree::{Node, Target},
    kernel::{Error, Locale, Result},
};

/// Most images in one document.
pub(super) const IMAGES_MAX: usize = 32;
/// Most blocks in one document; about 400 pages.
const NODES_MAX: usize = 20_000;
/// The names of the logos' files: the partner's, the vendor's.
const LOGOS: [&str; 2] = ["partner-logo", "vendor-logo"];

/// Everything a document is made of. All texts are merged already.
#[derive(Debug)]
pub struct DocumentInput {
    /// Language of the content.
    pub locale: Locale,
    /// The reader's, for dates.
    pub reader_locale: Locale,
    /// Title.
    pub title: String,
    /// One sentence, may be empty.
    pub summary: String,
    /// What it is about, for search.
    pub keywords: Vec<String>,
    /// Day of publication.
    pub published: Option<NaiveDate>,
    /// The text; a kit's is not shown.
    pub body: Vec<Node>,
    /// The partner it is made for; `call_to_action.url` must be https.
    pub partner: PartnerBrand,
    /// The partner's logo as PNG; without one the name is set in type.
    pub partner_logo: Option<Vec<u8>>,
    /// The publisher.
    pub vendor: VendorBrand,
    /// The vendor's logo as PNG.
    pub vendor_logo: Option<Vec<u8>>,
    /// What its kind has of its own.
    pub own: Own,
}

/// What a kind of document has of its own.
#[derive(Debug)]
pub enum Own {
    /// A paper of several pages with a cover.
    Whitepaper(Whitepaper),
    /// A product on a page or two.
    Datasheet(Datasheet),
    /// A campaign on a page, for the partner's own people.
    Kit(Kit),
}

impl Own {
    /// The name of its kind, as in `kind_<name>` of the interface's texts and `<name>.typ`.
    fn name(&self) -> &'static str {
        match self {
            Self::Whitepaper(_) => "whitepaper",
            Self::Datasheet(_) => "datasheet",
            Self::Kit(_) => "kit",
        }
    }
}

/// What a document needs from outside.
pub struct DocumentHooks<'a> {
    /// The address for a link's target; empty leaves the text without a link.
    pub link: &'a mut dyn FnMut(&Target) -> String,
    /// The bytes (PNG) of a content image by its path; nothing shows the alternative text.
    pub image: &'a mut dyn FnMut(&str) -> Option<Vec<u8>>,
}

/// A document that is ready to be set: exactly what the typesetter will be given.
#[derive(Debug)]
pub struct Prepared {
    /// `whitepaper.typ` or another.
    layout: String,
    /// What readers of PDF tell documents apart by.
    ident: String,
    /// Names and bytes: the data, logos, images.
    files: Vec<(String, Vec<u8>)>,
    /// Which of them are images, and what each is for people.
    images: Vec<(String, String)>,
}

/// Makes the data of a document. Takes less than a millisecond; nothing is set yet.
///
/// # Errors
/// A logo or image that is no PNG or is too large, or a text that is too long; says which.
pub fn prepare(
    templates: &Templates,
    input: &DocumentInput,
    hooks: &mut DocumentHooks<'_>,
) -> Result<Prepared> {
    let mut writer = tree::Writer::new(hooks);
    let body = writer.nodes(&input.body);
    if writer.blocks > NODES_MAX {
        return Err(Error::invalid(format!(
            "the document has {} blocks, at most {NODES_MAX} are set; split it",
            writer.blocks
        )));
    }
    let images = writer.images;
    let mut prepared = Prepared {
        layout: format!("{}.typ", input.own.name()),
        ident: [
            &input.vendor.name,
            &input.partner.name,
            input.own.name(),
            &input.title,
            input.locale.as_str(),
        ]
        .join("/"),
        files: Vec::new(),
        images: Vec::new(),
    };
    let logos = [("the partner's logo", &input.partner_logo), ("the vendor's logo", &input.vendor_logo)];
    let mut shapes = [None; LOGOS.len()];
    for ((what, bytes), (file, shape)) in logos.into_iter().zip(LOGOS.into_iter().zip(&mut shapes)) {
        if let Some(bytes) = bytes {
            *shape = Some(prepared.image(what, file.to_owned(), bytes.clone())?);
        }
    }
    let mut sizes = Vec::new();
    for (number, (path, bytes)) in images.into_iter().enumerate() {
        sizes.push(prepared.image(&format!("the image {path}"), format!("image-{number}"), bytes)?);
    }
    let partner = legible(templates, &input.partner);
    let strings = templates.strings_for(&input.locale, &input.reader_locale);
    let data = data::data(input, &partner, &strings, (body, &sizes), shapes)?;
    refuse_what_cannot_be_set(templates, &data)?;
    prepared.files.push(("document.json".to_owned(), data));
    Ok(prepared)
}

impl Prepared {
    fn image(&mut self, what: &str, file: String, bytes: Vec<u8>) -> Result<picture::Size> {
        let size = picture::look(what, &bytes)?;
        self.images.push((file.clone(), what.to_owned()));
        self.files.push((file, bytes));
        Ok(size)
    }

    /// What the document depends on, as 64 hexadecimal digits: the layouts and typefaces, the
    /// data, every logo and image. There is
    /// nothing else that it could depend on, since the typesetter sees neither disk nor clock.
    pub fn key(&self, templates: &Templates) -> String {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            // With its length, so that no two lists of parts look alike.
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        };
        part(layouts_digest(templates));
        part(self.layout.as_bytes());
        part(self.ident.as_bytes());
        for (name, bytes) in &self.files {
            part(name.as_bytes());
            part(bytes);
        }
        data_encoding::HEXLOWER.encode(&hash.finalize())
    }

    /// Sets the document. Takes some ten milliseconds of a core and some ten MB, so do not run many at a time.
    ///
    /// # Errors
    /// A damaged image, by name; a layout on disk that does not fit, with its line in the private part. Without the
    /// feature `pdf`: always, saying so.
    pub fn pdf(self, templates: &Templates) -> Result<Vec<u8>> {
        compile(templates, self)
    }
}

/// Makes the data of a document and sets it: [`prepare`], then [`Prepared::pdf`].
///
/// # Errors
/// Those of both.
pub fn render_pdf(
    templates: &Templates,
    input: &DocumentInput,
    hooks: &mut DocumentHooks<'_>,
) -> Result<Vec<u8>> {
    prepare(templates, input, hooks)?.pdf(templates)
}

/// The first letter of `text` that none of the typefaces in the binary has, so that a document with it cannot be set.
pub fn unset_letter(text: &str) -> Option<char> {
    #[cfg(feature = "pdf")]
    return fonts::EMBEDDED.unset_letter(text);
    #[cfg(not(feature = "pdf"))]
    text.chars().next().filter(|_| false)
}

#[cfg(feature = "pdf")]
fn layouts_digest(templates: &Templates) -> &[u8] {
    templates.layouts().digest()
}

#[cfg(not(feature = "pdf"))]
fn layouts_digest(_: &Templates) -> &[u8] {
    &[]
}

/// Whether our typefaces have a letter for everything in `text`.
#[cfg(feature = "pdf")]
fn can_be_set(templates: &Templates, text: &str) -> bool {
    templates.layouts().fonts().cover(text)
}

#[cfg(not(feature = "pdf"))]
fn can_be_set(_: &Templates, _: &str) -> bool {
    true
}

/// Says which letter no typeface has: better no document than one with empty boxes.
#[cfg(feature = "pdf")]
fn refuse_what_cannot_be_set(templates: &Templates, data: &[u8]) -> Result<()> {
    match templates.layouts().fonts().unset_letter(&String::from_utf8_lossy(data)) {
        None => Ok(()),
        Some(letter) => Err(Error::invalid(format!(
            "no font of ours has the letter `{letter}` (U+{:04X}); this document can be read as a page only",
            u32::from(letter)
        ))),
    }
}

#[cfg(not(feature = "pdf"))]
fn refuse_what_cannot_be_set(_: &Templates, _: &[u8]) -> Result<()> {
    Ok(())
}

/// The partner's brand without the sentences that our typefaces have no letters for: empty boxes promise nothing.
fn legible(templates: &Templates, brand: &PartnerBrand) -> PartnerBrand {
    let kept = |text: &Option<String>| text.clone().filter(|text| can_be_set(templates, text));
    PartnerBrand {
        value_proposition: kept(&brand.value_proposition),
        proof: kept(&brand.proof),
        call_to_action: brand.call_to_action.clone().filter(|button| can_be_set(templates, &button.label)),
        ..brand.clone()
    }
}

#[cfg(feature = "pdf")]
fn compile(templates: &Templates, prepared: Prepared) -> Result<Vec<u8>> {
    let Prepared { layout, ident, files, images } = prepared;
    let shelf = world::Shelf::new(templates.layouts(), &layout, files);
    world::pdf(&shelf, &ident).map_err(|error| {
        // Images are decoded once, by the typesetter. Only when it failed is it worth asking which one is damaged.
        let damaged = |(file, what): &(String, String)| picture::decode(what, &shelf.bytes(file)?).err();
        images.iter().find_map(damaged).unwrap_or(error)
    })
}

#[cfg(not(feature = "pdf"))]
fn compile(_: &Templates, _: Prepared) -> Result<Vec<u8>> {
    Err(Error::unavailable(
        "this partnercast was built without PDF documents; build it with the feature `pdf`",
    ))
}

#[cfg(test)]
#[cfg(feature = "pdf")]
#[path = "document_tests.rs"]
mod tests;

#[cfg(test)]
#[cfg(not(feature = "pdf"))]
mod without_pdf {
    use super::*;

    #[test]
    fn the_error_says_what_is_missing() {
        let templates = Templates::load(None).unwrap();
        let prepared = Prepared {
            layout: "kit.typ".into(),
            ident: String::new(),
            files: Vec::new(),
            images: Vec::new(),
        };
        let error = prepared.pdf(&templates).unwrap_err();
        assert!(error.public().contains("feature `pdf`"));
    }
}
