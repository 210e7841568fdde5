//! Newsletters that have left the content: for a while their dates stay in calendars, cancelled, because programs keep what
//! nobody takes back.

use std::collections::BTreeMap;

use crate::{
    domain::{
        content::{Asset, Library, SourceFile, kinds::Newsletter},
        kernel::{Result, clock::UtcMs},
    },
    store::{Db, revisions},
};

/// Where newsletters are; their issues have folders of their own below it.
const FOLDER: &str = "newsletters/";

/// Newsletters as they were last, among what is there now.
pub(super) struct Gone {
    library: Library,
    left_ms: BTreeMap<String, UtcMs>,
}

impl Gone {
    /// Those that left at `since_ms` or later and are not in `now`.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn load(db: &Db, now: &Library, since_ms: UtcMs) -> Result<Self> {
        let removed = revisions::removed(db, FOLDER, since_ms).await?;
        let left_ms = removed.iter().map(|gone| (gone.path.clone(), gone.at_ms)).collect();
        let files =
            removed.into_iter().map(|gone| SourceFile { path: gone.path, bytes: gone.source.into_bytes() });
        // What was stored had no errors; whatever is missing around it now does not matter.
        let (mut library, _) = Library::build(files.collect::<Vec<_>>());
        library.assets.retain(|asset| now.versions(&asset.reference).is_empty());
        library.vendor = now.vendor.clone();
        library.rules = now.rules.clone();
        Ok(Self { library, left_ms })
    }

    /// What they are of.
    pub(super) fn library(&self) -> &Library {
        &self.library
    }

    /// Each with when it left.
    pub(super) fn newsletters(&self) -> impl Iterator<Item = (&Asset, &Newsletter, UtcMs)> {
        let known = |path: &str| self.left_ms.get(path).copied();
        self.library
            .newsletters()
            .filter_map(move |(asset, newsletter)| Some((asset, newsletter, known(&asset.path)?)))
    }
}
