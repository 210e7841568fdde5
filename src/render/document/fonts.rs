//! The typefaces of documents: those under `templates/document/fonts`, and two families of Typst's own.

use std::{collections::HashSet, sync::LazyLock};

use typst::{
    foundations::Bytes,
    text::{Font, FontBook},
    utils::LazyHash,
};

use crate::render::files::{self, Files, is_font};

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

    fn has(&self, c: char) -> bool {
        self.fonts.iter().any(|font| font.info().coverage.contains(c.into()))
    }

    /// Whether there is a letter for everything in `text`.
    pub(super) fn cover(&self, text: &str) -> bool {
        text.chars()
            .all(|c| c.is_whitespace() || matches!(c, '\u{200e}' | '\u{2066}'..='\u{2069}') || self.has(c))
    }

    /// The first letter of `text` that is in none; it would be set as an empty box.
    pub(super) fn unset_letter(&self, text: &str) -> Option<char> {
        // Latin letters are there, which spares the look into the typefaces for most texts.
        let mut seen = HashSet::new();
        let letters = text.chars().filter(|c| *c > '\u{24f}' && c.is_alphabetic() && seen.insert(*c));
        letters.into_iter().find(|c| !self.has(*c))
    }
}

/// The typefaces that come with the binary.
pub(super) static EMBEDDED: LazyLock<Fonts> = LazyLock::new(|| {
    let files = files::load(None).unwrap_or_default();
    Fonts::read(&bytes(&files))
});
