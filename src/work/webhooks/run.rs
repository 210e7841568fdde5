//! The loop: takes turns that are due, one task each, so that an endpoint that is dead or slow holds up nobody else.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{sync::watch, task::JoinSet};

use super::{holds, keep, turn};
use crate::{
    domain::{kernel::Result, webhook::schedule::TRIES_MAX},
    store::webhooks::turns::{self, Turn},
    work::{
        Context,
        pulse::{self, Said},
    },
};

/// Turns at once in one process.
const TURNS_MAX: usize = 64;
/// How often the ledger is tidied.
const KEEP: Duration = Duration::from_secs(60);
/// Looks of one tick at most.
const LOOKS_MAX: usize = 1_000;

/// Sends what is due until `shutdown`; then what is on its way is waited for, twenty seconds at most: half of them for names.
pub async fn run(ctx: Arc<Context>, shutdown: watch::Receiver<bool>) {
    let (mut stopped, mut turns, mut said) = (shutdown.clone(), JoinSet::new(), Said::default());
    let mut is_freed = ctx.db.is_shared();
    // By itself: a ledger that takes long to tidy holds up nobody.
    let keeping = tokio::spawn(keep_forever(ctx.clone(), shutdown.clone()));
    while !*stopped.borrow() {
        if !is_freed {
            // Nobody else works on this file: what was held was held by a process that ended.
            is_freed = free(&ctx).await.is_ok();
        }
        let done = match take(&ctx, TURNS_MAX - turns.len()).await {
            Ok(taken) => {
                for turn in taken {
                    turns.spawn(alone(ctx.clone(), turn, shutdown.clone()));
                }
                Ok(())
            }
            Err(error) => Err(error),
        };
        said.once(done, "webhooks");
        tokio::select! {
            () = tokio::time::sleep(pulse::rest(&ctx)) => {}
            // A turn that ended may have left more behind, and there is room for another.
            Some(_) = turns.join_next(), if !turns.is_empty() => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            _ = stopped.changed() => {}
        }
    }
    while turns.join_next().await.is_some() {}
    if let Err(error) = keeping.await {
        tracing::error!(%error, "tidying the ledger of webhooks had failed");
    }
}

/// Keeps the ledger within its bounds once a minute until `shutdown`.
async fn keep_forever(ctx: Arc<Context>, mut shutdown: watch::Receiver<bool>) {
    while !*shutdown.borrow() {
        let shut = shutdown.clone();
        if let Err(error) = keep::tick(&ctx, &shut).await {
            tracing::error!(error = error.detail(), "the ledger of webhooks waits to be tidied");
        }
        tokio::select! {
            () = tokio::time::sleep(KEEP) => {}
            _ = shutdown.changed() => {}
        }
    }
}

async fn alone(ctx: Arc<Context>, turn: Turn, shutdown: watch::Receiver<bool>) {
    if let Err(error) = turn::work(&ctx, &turn, &shutdown).await {
        tracing::error!(
            endpoint = turn.id,
            error = error.detail(),
            "a turn of webhooks broke off; it is taken over"
        );
    }
}

/// Sends everything that is due now, turn after turn, and returns how many turns that took.
///
/// # Errors
/// Those of the store.
pub async fn tick(ctx: &Context) -> Result<usize> {
    let (_stay, shutdown) = watch::channel(false);
    let mut count = 0;
    for _ in 0..LOOKS_MAX {
        let taken = take(ctx, TURNS_MAX).await?;
        if taken.is_empty() {
            break;
        }
        count += taken.len();
        join_all(taken.iter().map(|turn| turn::work(ctx, turn, &shutdown)))
            .await
            .into_iter()
            .collect::<Result<()>>()?;
    }
    keep::tick(ctx, &shutdown).await?;
    Ok(count)
}

/// Takes at most `room` turns, and over what earlier ones left on its way.
async fn take(ctx: &Context, room: usize) -> Result<Vec<Turn>> {
    holds::free_late(ctx).await?;
    let now_ms = ctx.now_ms();
    // Looking costs no transaction, and usually there is nothing.
    if room == 0 || !turns::any_due(&ctx.db, now_ms).await? {
        return Ok(Vec::new());
    }
    let mut tx = ctx.db.begin().await?;
    let taken = turns::take(&mut tx, now_ms, i64::try_from(room).unwrap_or(i64::MAX)).await?;
    for turn in &taken {
        let left = turns::take_over(&mut tx, turn, now_ms, i64::from(TRIES_MAX)).await?;
        if left > 0 {
            tracing::warn!(endpoint = turn.id, left, "webhooks that may have arrived are sent again");
        }
    }
    tx.commit().await?;
    Ok(taken)
}

async fn free(ctx: &Context) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    turns::free_all(&mut tx).await?;
    tx.commit().await
}
