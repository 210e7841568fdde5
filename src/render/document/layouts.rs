//! The Typst sources of documents: one layout a kind, and what all of them share.

use std::{collections::HashMap, sync::LazyLock};

use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};

use crate::{
    domain::kernel::{Error, Result},
    render::files::{self, Files},
};

use super::{IMAGES_MAX, LOGOS};

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

/// The sources, parsed once.
#[derive(Debug)]
pub(in crate::render) struct Layouts(HashMap<FileId, Source>);

impl Layouts {
    /// Takes them out of `files`.
    ///
    /// # Errors
    /// One is missing or is not UTF-8.
    pub(in crate::render) fn load(files: &Files) -> Result<Self> {
        let source = |file: &'static str| {
            let name = format!("document/{file}");
            let bytes = files.get(&name).ok_or_else(|| Error::not_found(format!("templates/{name}")))?;
            Ok((id(file), Source::new(id(file), files::text(&name, bytes)?.to_owned())))
        };
        SOURCES.into_iter().map(source).collect::<Result<_>>().map(Self)
    }

    /// The source with this id.
    pub(super) fn get(&self, id: FileId) -> Option<&Source> {
        self.0.get(&id)
    }

    /// The text of `file`, empty where there is none.
    pub(super) fn text(&self, file: &str) -> &str {
        self.get(id(file)).map_or("", Source::text)
    }
}
