//! The Typst sources of documents, one layout a kind and what all of them share, and the typefaces.

use std::{
    collections::HashMap,
    sync::{LazyLock, OnceLock},
};

use sha2::{Digest, Sha256};
use typst::{
    foundations::Bytes,
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
};

use crate::{
    domain::kernel::{Error, Result},
    render::files::{self, Files},
};

use super::{
    IMAGES_MAX, LOGOS,
    fonts::{self, Fonts},
};

/// The file that every layout reads its data from.
pub(super) const DATA: &str = "document.json";
/// The sources under `templates/document/`; the first is imported by the others.
const SOURCES: [&str; 4] = ["common.typ", "whitepaper.typ", "datasheet.typ", "kit.typ"];

/// The ids of all files there can ever be. Typst never frees an id and has 65,535 of them, so names are fixed.
static IDS: LazyLock<HashMap<String, FileId>> = LazyLock::new(|| {
    let fixed = SOURCES.into_iter().chain([DATA]).chain(LOGOS).map(str::to_owned);
    let images = (0..IMAGES_MAX).map(|number| format!("image-{number}"));
    let id = |name: String| {
        let path = VirtualPath::new(&name).expect("these names are plain");
        (name, FileId::new(RootedPath::new(VirtualRoot::Project, path)))
    };
    fixed.chain(images).map(id).collect()
});

/// The id of a file by its name.
///
/// # Panics
/// For a name that is none of ours.
pub(super) fn id(name: &str) -> FileId {
    IDS[name]
}

/// The sources, parsed once, and the typefaces, read when the first document needs them.
#[derive(Debug)]
pub(in crate::render) struct Layouts {
    sources: HashMap<FileId, Source>,
    font_bytes: Vec<Bytes>,
    fonts: OnceLock<Fonts>,
    digest: OnceLock<[u8; 32]>,
}

impl Layouts {
    /// Takes them out of `files`.
    ///
    /// # Errors
    /// A layout is missing or is not UTF-8.
    pub(in crate::render) fn load(files: &Files) -> Result<Self> {
        let source = |file: &'static str| {
            let name = format!("document/{file}");
            let bytes = files.get(&name).ok_or_else(|| Error::not_found(format!("templates/{name}")))?;
            Ok((id(file), Source::new(id(file), files::text(&name, bytes)?.to_owned())))
        };
        Ok(Self {
            sources: SOURCES.into_iter().map(source).collect::<Result<_>>()?,
            font_bytes: fonts::bytes(files),
            fonts: OnceLock::new(),
            digest: OnceLock::new(),
        })
    }

    /// The source with this id.
    pub(super) fn get(&self, id: FileId) -> Option<&Source> {
        self.sources.get(&id)
    }

    /// The typefaces.
    pub(super) fn fonts(&self) -> &Fonts {
        self.fonts.get_or_init(|| Fonts::read(&self.font_bytes))
    }

    /// What tells these layouts and typefaces from all others.
    pub(super) fn digest(&self) -> &[u8; 32] {
        self.digest.get_or_init(|| {
            let mut hash = Sha256::new();
            let sources = SOURCES.iter().filter_map(|file| self.get(id(file)));
            let parts =
                sources.map(|source| source.text().as_bytes()).chain(self.font_bytes.iter().map(|f| &**f));
            for part in parts {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
            hash.finalize().into()
        })
    }
}
