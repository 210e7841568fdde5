//! The loops: one looks what is to be posted, one takes turns that are due, a task each, so that a server that hangs holds up
//! nobody else.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{sync::watch, task::JoinSet};

use super::{plan, secret, turn};
use crate::{
    domain::kernel::{Result, clock::MINUTE_MS},
    store::social::turns::{self, Turn},
    work::{
        Context,
        pulse::{self, Said},
    },
};

/// Turns at once in one process.
const TURNS_MAX: usize = 16;
/// How long a turn may be seen held: longer than all exchanges of one post, with looking for it, and recording it.
const HELD_MS: i64 = 5 * MINUTE_MS;
/// Looks of one tick at most.
const LOOKS_MAX: usize = 1_000;
/// How long looking for what is to be posted rests at least: what is visible changes by days and by saves.
const PLAN_REST: Duration = Duration::from_secs(2);

/// Posts what is due until `shutdown`; then what is on its way is waited for.
pub async fn run(ctx: Arc<Context>, shutdown: watch::Receiver<bool>) {
    let (mut stopped, mut turns, mut said) = (shutdown.clone(), JoinSet::new(), Said::default());
    let mut is_freed = ctx.db.is_shared();
    let planning = tokio::spawn(plan_forever(ctx.clone(), shutdown));
    while !*stopped.borrow() {
        if !is_freed {
            // Nobody else works on this file: what was held was held by a process that ended.
            is_freed = free(&ctx).await.is_ok();
        }
        let done = match take(&ctx, TURNS_MAX - turns.len()).await {
            Ok(taken) => {
                for turn in taken {
                    turns.spawn(alone(ctx.clone(), turn));
                }
                Ok(())
            }
            Err(error) => Err(error),
        };
        said.once(done, "posts");
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
    if let Err(error) = planning.await {
        tracing::error!(%error, "looking for what is to be posted had failed");
    }
}

async fn plan_forever(ctx: Arc<Context>, mut shutdown: watch::Receiver<bool>) {
    let mut said = Said::default();
    while !*shutdown.borrow() {
        let done = async {
            plan::tick(&ctx).await?;
            secret::seal_anew(&ctx).await
        };
        said.once(done.await, "posts in partners' accounts");
        tokio::select! {
            () = tokio::time::sleep(PLAN_REST) => {}
            _ = shutdown.changed() => {}
        }
    }
}

async fn alone(ctx: Arc<Context>, turn: Turn) {
    if let Err(error) = turn::work(&ctx, &turn).await {
        tracing::error!(
            account = turn.id,
            error = error.detail(),
            "a turn of posting broke off; it is taken over"
        );
    }
}

/// Makes what is to be posted now and posts what is due, turn after turn; returns how many turns that took.
///
/// # Errors
/// Those of the store.
pub async fn tick(ctx: &Context) -> Result<usize> {
    plan::tick(ctx).await?;
    secret::seal_anew(ctx).await?;
    let mut count = 0;
    for _ in 0..LOOKS_MAX {
        let taken = take(ctx, TURNS_MAX).await?;
        if taken.is_empty() {
            break;
        }
        count += taken.len();
        join_all(taken.iter().map(|turn| turn::work(ctx, turn))).await.into_iter().collect::<Result<()>>()?;
    }
    Ok(count)
}

/// Takes at most `room` turns, and over what earlier ones left on its way.
async fn take(ctx: &Context, room: usize) -> Result<Vec<Turn>> {
    free_late(ctx).await?;
    let now_ms = ctx.now_ms();
    // Looking costs no transaction, and usually there is nothing.
    if room == 0 || !turns::any_due(&ctx.db, now_ms).await? {
        return Ok(Vec::new());
    }
    let mut tx = ctx.db.begin().await?;
    let taken = turns::take(&mut tx, now_ms, i64::try_from(room).unwrap_or(i64::MAX)).await?;
    for turn in &taken {
        let left = turns::take_over(&mut tx, turn, now_ms).await?;
        if left > 0 {
            tracing::warn!(
                account = turn.id,
                left,
                "posts that may have arrived are looked for and sent again"
            );
        }
    }
    tx.commit().await?;
    Ok(taken)
}

/// Frees turns whose process is gone or stands still.
async fn free_late(ctx: &Context) -> Result<()> {
    let late = ctx.posting.look(turns::held(&ctx.db).await?, ctx.clock.awake_ms(), HELD_MS);
    if late.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.db.begin().await?;
    for (id, token) in late {
        if turns::free(&mut tx, &id, token).await? {
            tracing::warn!(account = id, "a turn of posting was held for too long and is taken over");
        }
    }
    tx.commit().await
}

async fn free(ctx: &Context) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    turns::free_all(&mut tx).await?;
    tx.commit().await
}
