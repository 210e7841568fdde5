//! This process as a node: its heartbeat, and taking over what nodes that are gone left behind.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::{
    domain::{
        delivery::backoff,
        kernel::{Error, Result, clock::UtcMs, id::NodeId},
    },
    store::{nodes, queue},
    work::context::Context,
};

/// How often a node says that it is alive (machine time).
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A node that was not heard of for this long is taken over.
pub(super) const DEAD_AFTER_MS: i64 = 60_000;

/// Says that `node` is alive.
pub(super) async fn beat(ctx: &Context, node: NodeId, last_beat_ms: &AtomicI64) -> Result<()> {
    let machine_ms = ctx.clock.machine_ms();
    let mut tx = ctx.db.begin().await?;
    nodes::beat(&mut tx, node, machine_ms).await?;
    tx.commit().await?;
    last_beat_ms.store(machine_ms, Ordering::Relaxed);
    Ok(())
}

/// Says that the node is alive, and takes over those that are not.
pub(super) async fn beat_forever(ctx: Arc<Context>, node: NodeId, last_beat_ms: Arc<AtomicI64>) {
    loop {
        let beaten = async {
            beat(&ctx, node, &last_beat_ms).await?;
            if ctx.db.is_shared() {
                reap(&ctx, node, ctx.clock.machine_ms() - DEAD_AFTER_MS, false).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = beaten.await {
            tracing::warn!(error = error.detail(), "no heartbeat: the database does not answer");
        }
        ctx.wake.deliver.notify_one();
        tokio::time::sleep(HEARTBEAT).await;
    }
}

/// Takes over what nodes left behind that were not heard of since `alive_since_ms`; with `own` what we hold, too.
pub(super) async fn reap(ctx: &Context, node: NodeId, alive_since_ms: UtcMs, own: bool) -> Result<()> {
    let hold = ctx.settings.on_uncertain == backoff::OnUncertain::Hold;
    let mut tx = ctx.db.begin().await?;
    let reaped = queue::reap(&mut tx, node, alive_since_ms, ctx.now_ms(), hold, own).await?;
    tx.commit().await?;
    if reaped.all > 0 {
        tracing::warn!(
            deliveries = reaped.all,
            may_repeat = reaped.uncertain,
            "took over deliveries of a process that is gone"
        );
        ctx.wake.deliver.notify_one();
    }
    Ok(())
}
