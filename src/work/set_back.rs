//! What follows when somebody sets the machine's clock, or the machine slept.
//!
//! Forward, nothing has to: every loop looks at the clock itself within a second. Back, what the clock decided while it
//! was ahead is decided again. Nothing that has left is repeated: an issue goes by its date, a message by its row.

use super::context::Context;
use crate::{
    domain::kernel::{
        Result,
        clock::{JumpWatch, MINUTE_MS},
    },
    store::set_back,
};

/// Watches the clock of one process.
#[derive(Debug, Default)]
pub struct ClockGuard {
    watch: JumpWatch,
    /// By how much the clock was set back without everything having been taken back yet.
    back_ms: i64,
}

impl ClockGuard {
    /// Says when the clock jumped, and after a jump back takes back what it had decided.
    ///
    /// # Errors
    /// Those of the store; it is tried again at the next look.
    pub async fn look(&mut self, ctx: &Context) -> Result<()> {
        if let Some(by_ms) = self.watch.look(&*ctx.clock) {
            tell(by_ms);
            self.back_ms += by_ms.min(0).abs();
            ctx.wake.heart.notify_one();
        }
        if self.back_ms > 0 {
            undo(ctx, self.back_ms).await?;
            self.back_ms = 0;
        }
        Ok(())
    }
}

fn tell(by_ms: i64) {
    let minutes = by_ms.abs() / MINUTE_MS;
    if by_ms < 0 {
        tracing::warn!(minutes, "the machine's clock was set back; what has left is not repeated");
    } else {
        tracing::warn!(
            minutes,
            "the machine's clock went forward in one step: it was set, or the machine slept; what is late now leaves \
             late, or waits for a person"
        );
    }
}

/// Takes back what was decided by a clock that was set back by `by_ms`. Returns how many deliveries it concerned.
///
/// # Errors
/// Those of the store.
pub async fn undo(ctx: &Context, by_ms: i64) -> Result<u64> {
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    let deliveries = set_back::deliveries(&mut tx, now_ms, by_ms).await?;
    set_back::quotas(&mut tx, now_ms).await?;
    tx.commit().await?;
    if deliveries > 0 {
        tracing::info!(deliveries, "what was put off or had expired by a clock that was ahead waits again");
    }
    ctx.wake.deliver.notify_one();
    Ok(deliveries)
}
