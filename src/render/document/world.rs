//! What Typst sees: one layout, one data file, two logos, some images, our fonts. No disk, no network, no clock.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult, SourceDiagnostic},
    foundations::{Bytes, Datetime, Duration},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::PdfOptions;

use crate::{
    domain::kernel::{Error, Result},
    render::files,
};

use super::IMAGES_MAX;

/// Layouts kept in Typst's cache: what the last jobs used. Without this its memory grows with every document.
const CACHE_AGE_MAX: usize = 10;

/// Families taken from Typst's own fonts; the rest is under `templates/document/fonts`.
const FAMILIES: [&str; 2] = ["Libertinus Serif", "DejaVu Sans Mono"];

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));

static FONTS: LazyLock<(LazyHash<FontBook>, Vec<Font>)> = LazyLock::new(|| {
    let bundled = typst_assets::fonts().flat_map(|bytes| Font::iter(Bytes::new(bytes)));
    let bundled = bundled.filter(|font| FAMILIES.contains(&font.info().family.as_str()));
    let ours = files::fonts().into_iter().flat_map(|bytes| Font::iter(Bytes::new(bytes)));
    let fonts: Vec<Font> = ours.chain(bundled).collect();
    (LazyHash::new(FontBook::from_fonts(&fonts)), fonts)
});

/// The ids of all files there can ever be. Typst never frees an id and has 65,535 of them, so names are fixed.
static IDS: LazyLock<HashMap<String, FileId>> = LazyLock::new(|| {
    let fixed = ["main.typ", "document.json", "partner-logo.png", "vendor-logo.png"].map(str::to_owned);
    let images = (0..IMAGES_MAX).map(|number| format!("image-{number}"));
    let id = |name: String| {
        let path = VirtualPath::new(&name).expect("these names are plain");
        (name, FileId::new(RootedPath::new(VirtualRoot::Project, path)))
    };
    fixed.into_iter().chain(images).map(id).collect()
});

/// The first letter of `text` that none of our fonts has; it would be set as an empty box.
pub(super) fn unset_letter(text: &str) -> Option<char> {
    let has = |c: char| FONTS.1.iter().any(|font| font.info().coverage.contains(u32::from(c)));
    // Latin letters are there, which spares the look into the fonts for most texts.
    let mut seen = HashSet::new();
    text.chars().filter(|c| *c > '\u{24f}' && c.is_alphabetic() && seen.insert(*c)).find(|c| !has(*c))
}

struct Shelf {
    main: Source,
    files: HashMap<FileId, Bytes>,
}

impl World for Shelf {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &FONTS.0
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() { Ok(self.main.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files.get(&id).cloned().ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.1.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

/// Sets `layout` with `files` (name and bytes) and exports a tagged PDF.
///
/// # Errors
/// What Typst finds wrong, with the line of the layout.
pub(super) fn compile(layout: &str, files: Vec<(String, Vec<u8>)>) -> Result<Vec<u8>> {
    let shelf = Shelf {
        main: Source::new(IDS["main.typ"], layout.to_owned()),
        files: files.into_iter().map(|(name, bytes)| (IDS[name.as_str()], Bytes::new(bytes))).collect(),
    };
    let pdf = typst::compile::<PagedDocument>(&shelf)
        .output
        .and_then(|document| typst_pdf::pdf(&document, &PdfOptions::default()))
        .map_err(|diagnostics| wrong(&shelf, &diagnostics));
    comemo::evict(CACHE_AGE_MAX);
    pdf
}

fn wrong(shelf: &Shelf, diagnostics: &[SourceDiagnostic]) -> Error {
    use typst::WorldExt;
    let lines: Vec<String> = diagnostics
        .iter()
        .take(5)
        .map(|diagnostic| {
            let at = shelf.range(diagnostic.span).map_or(0, |range| range.start);
            let line = shelf.main.text()[..at].lines().count().max(1);
            format!("templates/document/whitepaper.typ, line {line}: {}", diagnostic.message)
        })
        .collect();
    Error::internal(lines.join("; "))
}
