//! What became of an issue that somebody wanted to approve and that was another one by then.

use super::{
    approve::{self, Returned},
    context::Context,
};
use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{
        issues::{self, Issue},
        renditions,
        revisions::{self, Number},
    },
};

/// Files that are compared, at most.
const FILES_MAX: usize = 100;

/// How things stand now.
#[derive(Debug)]
pub struct Stale {
    /// The issue that was asked for, or the one that was frozen in its place; none while nothing is frozen.
    pub now: Option<Issue>,
    /// How the one that was asked for went, if it is gone.
    pub returned: Option<Returned>,
    /// What the new one is made of that is another text than when the old one was frozen; by path.
    pub changed: Vec<Changed>,
}

/// A text of an issue that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Path under the content folder.
    pub path: String,
    /// The number that was in force; none for a file that is new.
    pub from: Option<i64>,
    /// The number that is.
    pub to: i64,
}

/// What became of the issue `issue_id`; none if it never was.
///
/// # Errors
/// Those of the store.
pub async fn stale(ctx: &Context, issue_id: &str) -> Result<Option<Stale>> {
    if let Some(issue) = issues::issue(&ctx.db, issue_id).await? {
        return Ok(Some(Stale { now: Some(issue), returned: None, changed: Vec::new() }));
    }
    let Some(returned) = approve::returned(ctx, issue_id).await? else { return Ok(None) };
    let now = match &returned.now {
        Some(id) => issues::issue(&ctx.db, id).await?,
        None => None,
    };
    let changed = match (&now, returned.frozen_ms) {
        (Some(now), Some(frozen_ms)) => changed(ctx, now, frozen_ms).await?,
        _ => Vec::new(),
    };
    Ok(Some(Stale { now, returned: Some(returned), changed }))
}

async fn changed(ctx: &Context, now: &Issue, frozen_ms: UtcMs) -> Result<Vec<Changed>> {
    let mut all = Vec::new();
    for path in renditions::paths_of_issue(&ctx.db, &now.id).await?.into_iter().take(FILES_MAX) {
        // The latest first.
        let numbers = revisions::numbers(&ctx.db, &path).await?;
        let at = |ms: UtcMs| numbers.iter().find(|number| number.since_ms <= ms);
        let Some(is) = at(now.frozen_ms) else { continue };
        let was: Option<&Number> = at(frozen_ms);
        if was.is_none_or(|was| was.hash != is.hash) {
            all.push(Changed { from: was.map(|was| was.no), to: is.no, path });
        }
    }
    Ok(all)
}
