//! Once a minute, beside the loop that sends: partners are told what has become visible to them, what waited too long or beyond the
//! limit is given up, what is old is forgotten, who was removed goes, what a clock that was ahead put off is hurried, and what waits
//! for a fault of ours, or must not be lost, is told. Each is looked for first, and looking changes nothing.

use tokio::sync::watch;

use super::{KEPT_DAYS, WAITING_MAX, overdue, secret, visible, withheld};
use crate::{
    domain::{
        kernel::{
            Result,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS},
        },
        webhook::schedule::{LIFETIME_MS, longest_wait_ms},
    },
    store::webhooks::{
        housekeeping::{self, Waits},
        messages::PART_ROWS,
        secrets,
    },
    work::Context,
};

/// Parts of one sort that are done at a look at most: the rest comes in a minute.
const PARTS_MAX: usize = 100;
/// No rest is longer, so one that is was planned by a clock that was set back since.
const REST_MAX_MS: i64 = HOUR_MS + MINUTE_MS;

/// Looks once; ends early when it is to stop.
///
/// # Errors
/// Those of the store; what was done before stays done.
pub(super) async fn tick(ctx: &Context, shutdown: &watch::Receiver<bool>) -> Result<()> {
    hurry(ctx).await?;
    secret::seal_anew(ctx).await?;
    withheld::tell(ctx).await?;
    overdue::tell(ctx).await?;
    visible::tell(ctx).await?;
    for id in housekeeping::crowded(&ctx.db, WAITING_MAX).await? {
        trim(ctx, &id, shutdown).await?;
    }
    let now_ms = ctx.now_ms();
    let (made_ms, ended_ms) = (now_ms - LIFETIME_MS, now_ms - KEPT_DAYS * DAY_MS);
    if !housekeeping::is_needed(&ctx.db, made_ms, ended_ms, now_ms).await? {
        return Ok(());
    }
    for _ in 0..PARTS_MAX {
        let mut tx = ctx.db.begin().await?;
        let late = housekeeping::give_up(&mut tx, made_ms, now_ms).await?;
        secrets::forget_retired(&mut tx, now_ms).await?;
        let gone = housekeeping::forget(&mut tx, ended_ms).await?;
        tx.commit().await?;
        if late > 0 {
            tracing::warn!(
                late,
                "webhooks that waited for too long were given up; replay them when it works"
            );
        }
        if late.max(gone) < PART_ROWS.unsigned_abs() || *shutdown.borrow() {
            break;
        }
    }
    for id in housekeeping::removed(&ctx.db).await? {
        for _ in 0..PARTS_MAX {
            let mut tx = ctx.db.begin().await?;
            let is_gone = housekeeping::clear(&mut tx, &id).await?;
            tx.commit().await?;
            if is_gone || *shutdown.borrow() {
                break;
            }
        }
    }
    Ok(())
}

/// Has what was put off by a clock that was ahead tried now.
async fn hurry(ctx: &Context) -> Result<()> {
    let now_ms = ctx.now_ms();
    let waits: Waits =
        std::array::from_fn(|tries| longest_wait_ms(u32::try_from(tries).unwrap_or(u32::MAX)) + MINUTE_MS);
    for id in housekeeping::late(&ctx.db, now_ms + REST_MAX_MS, now_ms, &waits).await? {
        let mut tx = ctx.db.begin().await?;
        let hurried = housekeeping::hurry(&mut tx, &id, now_ms + REST_MAX_MS, now_ms, &waits).await?;
        tx.commit().await?;
        tracing::warn!(endpoint = id, hurried, "webhooks that a clock put off that was ahead are tried now");
    }
    Ok(())
}

/// Gives up the oldest of what waits for an endpoint beyond what may.
async fn trim(ctx: &Context, id: &str, shutdown: &watch::Receiver<bool>) -> Result<()> {
    let mut count = 0;
    for _ in 0..PARTS_MAX {
        let mut tx = ctx.db.begin().await?;
        let gone = housekeeping::trim(&mut tx, id, WAITING_MAX, ctx.now_ms()).await?;
        tx.commit().await?;
        count += gone;
        if gone == 0 || *shutdown.borrow() {
            break;
        }
    }
    if count > 0 {
        tracing::warn!(endpoint = id, gone = count, "too many webhooks waited; replay them when it works");
    }
    Ok(())
}
