//! What Typst sees: the layouts, one data file, logos, some images, our fonts. No disk, no network, no clock.

use std::{collections::HashMap, sync::LazyLock};

use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult, SourceDiagnostic},
    foundations::{Bytes, Datetime, Duration, Smart},
    syntax::{FileId, Source},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::domain::kernel::{Error, Result};

use super::layouts::{self, Layouts};

/// Results stay in Typst's cache as long as one of the last so many documents used them. What documents share is used
/// by each; the rest is of use to one alone. Measured with one paper in the brands of twelve partners in turn: 0, 1, 2
/// and 13 cost the same 42 ms of a core a document, and level at 45, 57, 67 and 151 MB.
const CACHE_AGE_MAX: usize = 1;

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));

/// Everything that a document can see.
pub(super) struct Shelf<'w> {
    layouts: &'w Layouts,
    main: FileId,
    files: HashMap<FileId, Bytes>,
}

impl World for Shelf<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.layouts.fonts().book
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        self.layouts.get(id).cloned().ok_or(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files.get(&id).cloned().ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.layouts.fonts().fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

impl<'w> Shelf<'w> {
    /// With the layout `main` and `files` (name and bytes).
    pub(super) fn new(layouts: &'w Layouts, main: &str, files: Vec<(String, Vec<u8>)>) -> Self {
        let file = |(name, bytes): (String, Vec<u8>)| (layouts::id(&name), Bytes::new(bytes));
        Self { layouts, main: layouts::id(main), files: files.into_iter().map(file).collect() }
    }

    /// What is in the file `name`.
    pub(super) fn bytes(&self, name: &str) -> Option<Bytes> {
        self.files.get(&layouts::id(name)).cloned()
    }

    /// Where and what, of the first few.
    fn words(&self, diagnostics: &[SourceDiagnostic]) -> String {
        use typst::WorldExt;
        let words = |diagnostic: &SourceDiagnostic| {
            let place = diagnostic.span.id().and_then(|id| {
                let source = self.layouts.get(id)?;
                let at = self.range(diagnostic.span)?.start;
                let line = source.text().get(..at)?.lines().count().max(1);
                Some(format!("templates/document/{}, line {line}", id.vpath().get_without_slash()))
            });
            format!("{}: {}", place.as_deref().unwrap_or("templates/document"), diagnostic.message)
        };
        diagnostics.iter().take(5).map(words).collect::<Vec<_>>().join("; ")
    }
}

/// Sets what is on the shelf.
///
/// # Errors
/// What Typst finds wrong, with file and line.
pub(super) fn pages(shelf: &Shelf<'_>) -> Result<PagedDocument> {
    let set = typst::compile::<PagedDocument>(shelf).output;
    set.map_err(|diagnostics| Error::internal(shelf.words(&diagnostics)))
}

/// Sets what is on the shelf and exports it as PDF/UA-1, known to readers as `ident`.
///
/// A text in a script that our fonts lack cannot be accessible in that sense; such a document is a tagged PDF 1.7
/// without the claim, and the log says why.
///
/// # Errors
/// As [`pages`].
pub(super) fn pdf(shelf: &Shelf<'_>, ident: &str) -> Result<Vec<u8>> {
    let pdf = pages(shelf).and_then(|pages| {
        let accessible = typst_pdf::pdf(&pages, &options(ident, &[PdfStandard::Ua_1]));
        let tagged = accessible.or_else(|diagnostics| {
            let reason = shelf.words(&diagnostics);
            tracing::warn!(document = ident, reason, "a document is not PDF/UA-1");
            typst_pdf::pdf(&pages, &options(ident, &[]))
        });
        tagged.map_err(|diagnostics| Error::internal(shelf.words(&diagnostics)))
    });
    comemo::evict(CACHE_AGE_MAX);
    pdf
}

fn options(ident: &str, standards: &[PdfStandard]) -> PdfOptions {
    PdfOptions {
        ident: Smart::Custom(ident.to_owned()),
        creator: Smart::Custom(Some("partnercast".to_owned())),
        standards: PdfStandards::new(standards).unwrap_or_default(),
        ..PdfOptions::default()
    }
}
