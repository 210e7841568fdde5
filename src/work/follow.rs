//! Content followed: the folder, or what others stored of theirs, is looked at again and again, and taken up when it changed.
//! What is fixed from it is fixed from what it holds by then.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{Mutex, watch};

use super::{
    context::Context,
    folder,
    sync::{load, sync},
    tokens::sha256_hex,
};
use crate::{
    domain::{
        content::finding::Severity,
        kernel::{Result, clock::utc},
    },
    store::contents,
};

/// How often the folder is looked at.
const POLL: Duration = Duration::from_secs(2);

/// Which content a process follows, and how far it has come. One look at a time.
#[derive(Debug, Default)]
pub struct Followed {
    source: Mutex<Option<Source>>,
}

#[derive(Debug)]
struct Source {
    /// The folder; without one the store is followed.
    dir: Option<PathBuf>,
    import_roster: bool,
    /// What was there at the last look.
    seen: String,
}

/// How the content in use stands to what is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the same, or nothing is followed.
    InStep,
    /// What is there has errors, so that what was there before is in use.
    Refused,
}

/// Begins to follow the folder `dir`, or without one the store, and takes up what is there; trouble is logged.
pub async fn begin(ctx: &Context, dir: Option<&Path>, import_roster: bool) {
    let mut source = ctx.followed.source.lock().await;
    let seen = seen(ctx, dir).await.unwrap_or_default();
    // What could not be read is looked at again.
    let seen = match step(ctx, dir, import_roster).await {
        Ok(()) => seen,
        Err(error) => {
            tracing::error!(error = error.detail(), "content could not be synced");
            String::new()
        }
    };
    *source = Some(Source { dir: dir.map(Path::to_owned), import_roster, seen });
}

/// Keeps what [`begin`] follows in step until `shutdown`.
pub async fn run(ctx: Arc<Context>, mut shutdown: watch::Receiver<bool>) {
    let mut last_fault = String::new();
    while !*shutdown.borrow() {
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            _ = shutdown.changed() => break,
        }
        match catch_up(&ctx).await {
            Ok(_) => {}
            Err(error) if error.detail() != last_fault => {
                last_fault = error.detail();
                tracing::error!(error = last_fault, "content cannot be read");
            }
            Err(_) => {}
        }
    }
}

/// Takes up at once what is followed where it changed since the last look: whoever is about to fix something from the content
/// does not fix what an author has replaced a moment ago.
///
/// # Errors
/// The folder or the store cannot be read.
pub async fn catch_up(ctx: &Context) -> Result<Standing> {
    let mut source = ctx.followed.source.lock().await;
    let Some(source) = source.as_mut() else { return Ok(Standing::InStep) };
    let now = seen(ctx, source.dir.as_deref()).await?;
    if now != source.seen {
        step(ctx, source.dir.as_deref(), source.import_roster).await?;
        source.seen = now;
    }
    Ok(if ctx.refused_findings().is_empty() { Standing::InStep } else { Standing::Refused })
}

/// A text that changes when there is something to do.
async fn seen(ctx: &Context, dir: Option<&Path>) -> Result<String> {
    // What ends with a day is looked for again on the next.
    let today = utc(ctx.now_ms()).date_naive();
    let seen = match dir {
        Some(dir) => folder::fingerprint(dir).await?,
        None => heads_fingerprint(ctx).await?,
    };
    Ok(format!("{today} {seen}"))
}

/// Takes up what is there. Where it has errors, or cannot be read, what was there before stays in use, or is read from the store.
async fn step(ctx: &Context, dir: Option<&Path>, import_roster: bool) -> Result<()> {
    let synced = match dir {
        Some(dir) => sync(ctx, dir, import_roster).await,
        None => load(ctx).await,
    };
    match synced {
        Ok(synced) => {
            for finding in &synced.findings {
                tracing::warn!("{finding}");
            }
            let refused = synced.findings.iter().filter(|f| f.severity == Severity::Error).cloned();
            ctx.set_refused_findings(refused.collect());
            let errors = synced.findings.iter().filter(|f| f.severity == Severity::Error).count();
            if errors > 0 {
                tracing::error!(errors, "content has errors; the last good content stays in use");
                last_good(ctx).await;
            } else {
                tracing::info!(changed = synced.changed, gone = synced.gone, "content in step");
            }
            ctx.wake.publish.notify_one();
            Ok(())
        }
        Err(error) => {
            if dir.is_some() {
                last_good(ctx).await;
            }
            Err(error)
        }
    }
}

/// Reads the content from the store where nothing was read yet.
async fn last_good(ctx: &Context) {
    if ctx.library().vendor.is_none()
        && let Err(error) = load(ctx).await
    {
        tracing::error!(error = error.detail(), "the last good content cannot be read");
    }
}

async fn heads_fingerprint(ctx: &Context) -> Result<String> {
    let heads = contents::heads(&ctx.db).await?;
    let lines: Vec<String> = heads.into_iter().map(|head| format!("{} {}", head.path, head.hash)).collect();
    Ok(sha256_hex(lines.join("\n").as_bytes()))
}
