//! The typefaces of documents: those under `templates/document/fonts`, and two families of Typst's own.

use typst::{
    foundations::Bytes,
    text::{Font, FontBook},
    utils::LazyHash,
};

use crate::render::files::{Files, is_font};

/// Families taken from Typst's own fonts.
const FAMILIES: [&str; 2] = ["Libertinus Serif", "DejaVu Sans Mono"];

/// The typefaces and their index, read once.
#[derive(Debug)]
pub(super) struct Fonts {
    pub(super) book: LazyHash<FontBook>,
    pub(super) fonts: Vec<Font>,
}

/// The typefaces among `files`, for Typst to read when it needs them.
pub(super) fn bytes(files: &Files) -> Vec<Bytes> {
    let fonts = files.iter().filter(|(name, _)| is_font(name));
    fonts.map(|(_, bytes)| Bytes::new(bytes.clone())).collect()
}

impl Fonts {
    /// Ours and Typst's.
    pub(super) fn read(ours: &[Bytes]) -> Self {
        let bundled = typst_assets::fonts().flat_map(|bytes| Font::iter(Bytes::new(bytes)));
        let bundled = bundled.filter(|font| FAMILIES.contains(&font.info().family.as_str()));
        let ours = ours.iter().cloned().flat_map(Font::iter);
        let fonts: Vec<Font> = ours.chain(bundled).collect();
        Self { book: LazyHash::new(FontBook::from_fonts(&fonts)), fonts }
    }

    /// Whether there is a letter for everything in `text`.
    pub(super) fn cover(&self, text: &str) -> bool {
        let has = |c: char| self.fonts.iter().any(|font| font.info().coverage.contains(c.into()));
        text.chars().all(|c| c.is_whitespace() || has(c))
    }
}
