//! Fetching what came back: each source in a loop of its own, so that one that does not answer holds up no other.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{Incoming, effect, take, take_refusals};
use crate::{
    channel::mailbox::{Opened, Source, lmtp::Handed},
    domain::{
        delivery::backoff,
        kernel::{Kind, Result},
    },
    work::Context,
};

/// Batches of one look at a source; the rest waits for the next look.
const BATCHES_MAX: usize = 500;
/// How often entries are looked for whose time is over, and refusals at the door.
const LAPSE_EVERY: Duration = Duration::from_secs(60);

/// Where to look, and how often.
pub struct Inbound {
    /// Places to look at.
    pub sources: Vec<Source>,
    /// What is handed over without our asking.
    pub handed: Option<mpsc::Receiver<Handed>>,
    /// Time between two looks.
    pub poll: Duration,
}

/// Takes what comes back and what was refused at the door, and ends do-not-send entries whose time is over, until `shutdown`.
pub async fn run(ctx: Arc<Context>, inbound: Inbound, shutdown: watch::Receiver<bool>) {
    let mut loops = JoinSet::new();
    for source in inbound.sources {
        loops.spawn(look_forever(ctx.clone(), source, inbound.poll, shutdown.clone()));
    }
    if let Some(handed) = inbound.handed {
        loops.spawn(take_handed(ctx.clone(), handed, shutdown.clone()));
    }
    loops.spawn(lapse_forever(ctx, shutdown));
    while let Some(ended) = loops.join_next().await {
        if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
            // Better a restart than a process that looks alive and takes no reports.
            std::panic::resume_unwind(panic);
        }
    }
}

/// Looks at one source again and again; after a fault less often, and readiness does not depend on it.
async fn look_forever(
    ctx: Arc<Context>,
    source: Source,
    poll: Duration,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut failures = 0_u32;
    // What the database refused for a reason of its own is left for the next start.
    let mut refused = HashSet::new();
    while !*shutdown.borrow() {
        let rest = match look(&ctx, &source, &mut refused, &shutdown).await {
            Ok(_) => {
                if failures > 0 {
                    tracing::info!(place = source.place(), "reports can be fetched again");
                }
                failures = 0;
                poll
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                let wait_ms = u64::try_from(backoff::host_wait_ms(failures)).unwrap_or(60_000);
                let wait = Duration::from_millis(wait_ms).max(poll);
                tracing::warn!(
                    place = source.place(),
                    error = error.detail(),
                    again_in_s = wait.as_secs(),
                    "bounces and complaints cannot be fetched; they wait where they are"
                );
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
    }
}

/// Empties a source; returns how many messages were recorded.
///
/// # Errors
/// The source or the database does not answer; what is not recorded stays in the source.
async fn look(
    ctx: &Context,
    source: &Source,
    refused: &mut HashSet<String>,
    shutdown: &watch::Receiver<bool>,
) -> Result<usize> {
    let mut opened = source.open().await?;
    let mut recorded = 0;
    for _ in 0..BATCHES_MAX {
        let done = record_batch(ctx, source, &mut opened, refused).await?;
        recorded += done.unwrap_or(0);
        if done.is_none() || *shutdown.borrow() {
            break;
        }
    }
    opened.close().await;
    Ok(recorded)
}

/// Records the next messages; nothing if there are none.
async fn record_batch(
    ctx: &Context,
    source: &Source,
    opened: &mut Opened,
    refused: &mut HashSet<String>,
) -> Result<Option<usize>> {
    let letters = opened.batch(refused).await?;
    if letters.is_empty() {
        return Ok(None);
    }
    let mut done = Vec::with_capacity(letters.len());
    let mut outage = None;
    for letter in letters {
        let incoming =
            Incoming { source: source.word(), envelope_to: letter.envelope_to.as_deref(), raw: &letter.raw };
        match take(ctx, &incoming).await {
            Ok(_) => done.push(letter.id),
            Err(error) if error.kind() == Kind::Unavailable => {
                outage = Some(error);
                break;
            }
            Err(error) => {
                tracing::error!(
                    error = error.detail(),
                    message = letter.id,
                    "a report cannot be recorded; it stays where it is"
                );
                refused.insert(letter.id);
            }
        }
    }
    opened.done(&done).await?;
    outage.map_or(Ok(Some(done.len())), Err)
}

/// Records what is handed over, and says whether it is committed.
async fn take_handed(
    ctx: Arc<Context>,
    mut handed: mpsc::Receiver<Handed>,
    mut shutdown: watch::Receiver<bool>,
) {
    loop {
        let next = tokio::select! {
            next = handed.recv() => next,
            _ = shutdown.wait_for(|stop| *stop) => None,
        };
        let Some(Handed { letter, recorded }) = next else {
            // The other end may be gone because it is asked to stop a moment before we are.
            let _ = shutdown.wait_for(|stop| *stop).await;
            return;
        };
        let incoming =
            Incoming { source: "lmtp", envelope_to: letter.envelope_to.as_deref(), raw: &letter.raw };
        let taken = take(&ctx, &incoming).await;
        if let Err(error) = &taken {
            tracing::error!(error = error.detail(), "a report cannot be recorded; the mail server keeps it");
        }
        // Whoever no longer listens will hand it over again.
        let _ = recorded.send(taken.is_ok());
    }
}

async fn lapse_forever(ctx: Arc<Context>, mut shutdown: watch::Receiver<bool>) {
    while !*shutdown.borrow() {
        match effect::lapse(&ctx, ctx.now_ms()).await {
            Ok(0) => {}
            Ok(lapsed) => tracing::info!(lapsed, "do-not-send entries ended"),
            Err(error) => tracing::warn!(error = error.detail(), "do-not-send entries cannot be ended now"),
        }
        if let Err(error) = take_refusals(&ctx).await {
            tracing::warn!(error = error.detail(), "refusals cannot be recorded now");
        }
        tokio::select! {
            () = tokio::time::sleep(LAPSE_EVERY) => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
    }
}
