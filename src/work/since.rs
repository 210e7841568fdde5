//! Since when a newsletter has promised what it promises.

use super::{context::Context, promised::Letter};
use crate::{
    domain::{
        content::{Library, SourceFile, kinds::Newsletter},
        kernel::{Result, clock::UtcMs},
    },
    store::revisions,
};

/// Since when `letter` has promised the same dates to the same people: since the text of its file from which on cadence,
/// zone and audience are as they are now. What else is changed in the file, a spelling mistake perhaps, promises nothing
/// new, and takes nothing back. None for a file that was never stored.
///
/// # Errors
/// Those of the store.
pub(super) async fn promised_since_ms(ctx: &Context, letter: Letter<'_>) -> Result<Option<UtcMs>> {
    let (path, hash) = (&letter.asset.path, &letter.asset.revision);
    if let Some(since_ms) = ctx.looks.promised_since_ms(path, hash) {
        return Ok(Some(since_ms));
    }
    // What was taken out of the folder in between was not promised then.
    let removed = revisions::removals(&ctx.db, path).await?;
    let numbers = revisions::numbers(&ctx.db, path).await?.into_iter();
    let mut since_ms = None;
    for number in numbers.skip_while(|number| number.hash != *hash) {
        let was_removed = removed.iter().any(|removal| removal.no == number.no);
        if since_ms.is_some() {
            let source = revisions::text(&ctx.db, &number.hash).await?;
            if was_removed || !source.is_some_and(|source| promises_the_same(path, source, letter.newsletter))
            {
                break;
            }
        }
        since_ms = Some(number.since_ms);
    }
    match since_ms {
        Some(since_ms) => {
            ctx.looks.note_promised_since(path, hash, since_ms);
            Ok(Some(since_ms))
        }
        // This node's content is of before, or not stored.
        None => revisions::head_since_ms(&ctx.db, path).await,
    }
}

/// Whether the text `source` of the file `path` promised the same as `now` does.
fn promises_the_same(path: &str, source: String, now: &Newsletter) -> bool {
    let file = SourceFile { path: path.to_owned(), bytes: source.into_bytes() };
    let (library, _) = Library::build(vec![file]);
    let then = library.newsletters().next().map(|(_, then)| then.clone());
    then.is_some_and(|then| {
        (&then.cadence, then.zone, &then.audience) == (&now.cadence, now.zone, &now.audience)
    })
}
