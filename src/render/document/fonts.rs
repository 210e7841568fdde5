//! The typefaces of documents: ours from `templates/document/fonts`, and two families of Typst's own.

use std::sync::LazyLock;

use typst::{
    foundations::Bytes,
    text::{Font, FontBook},
    utils::LazyHash,
};

use crate::render::files;

/// Families taken from Typst's own fonts.
const FAMILIES: [&str; 2] = ["Libertinus Serif", "DejaVu Sans Mono"];

/// The typefaces and their index, read once a process.
pub(super) struct Fonts {
    pub(super) book: LazyHash<FontBook>,
    pub(super) fonts: Vec<Font>,
}

pub(super) static FONTS: LazyLock<Fonts> = LazyLock::new(|| {
    let bundled = typst_assets::fonts().flat_map(|bytes| Font::iter(Bytes::new(bytes)));
    let bundled = bundled.filter(|font| FAMILIES.contains(&font.info().family.as_str()));
    let ours = files::fonts().into_iter().flat_map(|bytes| Font::iter(Bytes::new(bytes)));
    let fonts: Vec<Font> = ours.chain(bundled).collect();
    Fonts { book: LazyHash::new(FontBook::from_fonts(&fonts)), fonts }
});
