//! Whose endpoints hear of an asset: everybody's where every reader may see it now. Which partner's readers it is for is decided
//! reader by reader, and before its day it is nobody's; other endpoints than the vendor's would learn of it too early.

use std::sync::Arc;

use crate::{
    domain::{
        content::{Asset, Library, SourceFile},
        kernel::{
            Result,
            clock::{UtcMs, utc},
        },
        webhook::Scope,
    },
    store::{Db, revisions},
    work::revisions::versions,
};

/// The scope of what is said of an asset, of which these are the versions in all languages.
pub(super) fn scope_of(versions: &[Arc<Asset>], now_ms: UtcMs) -> Scope {
    let today = utc(now_ms).date_naive();
    let is_open = |asset: &Arc<Asset>| {
        let front = &asset.front;
        front.selection.conditions.is_empty() && front.publish.is_none_or(|day| day <= today)
    };
    if !versions.is_empty() && versions.iter().all(is_open) { Scope::Everybody } else { Scope::Vendor }
}

/// The same for an asset as it was stored last, whether or not it still is in the content folder.
///
/// # Errors
/// Those of the store.
pub async fn stored_scope(db: &Db, reference: &str, now_ms: UtcMs) -> Result<Scope> {
    let mut files = Vec::new();
    for path in versions(db, reference).await? {
        let Some(last) = revisions::of_path(db, &path, i64::MAX).await?.into_iter().next() else { continue };
        if let Some(text) = revisions::text(db, &last.hash).await? {
            files.push(SourceFile { path, bytes: text.into_bytes() });
        }
    }
    // What it refers to is not there, which its front matter does not care about.
    let (library, _) = Library::build(files);
    Ok(scope_of(library.versions(reference), now_ms))
}
