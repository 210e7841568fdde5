//! Once a minute: what waited too long or beyond the limit is given up, what is old is forgotten, and who was removed goes.

use super::{KEPT_DAYS, WAITING_MAX};
use crate::{
    domain::{
        kernel::{
            Result,
            clock::{DAY_MS, MINUTE_MS},
        },
        webhook::schedule::{LIFETIME_MS, LONGEST_WAIT_MS},
    },
    store::webhooks::{housekeeping, messages::PART_ROWS, secrets},
    work::Context,
};

/// Parts that are done for one endpoint at a look at most: the next one has its turn, and the rest comes in a minute.
const PARTS_MAX: usize = 100;

/// Looks once.
///
/// # Errors
/// Those of the store; what was done before stays done.
pub(super) async fn tick(ctx: &Context) -> Result<()> {
    let mut after = String::new();
    loop {
        let page = housekeeping::present(&ctx.db, &after).await?;
        for id in &page {
            bound(ctx, id).await?;
        }
        match page.into_iter().next_back() {
            Some(last) => after = last,
            None => break,
        }
    }
    let removed = housekeeping::removed(&ctx.db, ctx.clock.machine_ms()).await?;
    if after.is_empty() && removed.is_empty() {
        return Ok(());
    }
    forget(ctx).await?;
    for id in removed {
        for _ in 0..PARTS_MAX {
            let mut tx = ctx.db.begin().await?;
            let is_gone = housekeeping::clear(&mut tx, &id).await?;
            tx.commit().await?;
            if is_gone {
                break;
            }
        }
    }
    Ok(())
}

/// Keeps what waits for one endpoint within its bounds.
async fn bound(ctx: &Context, id: &str) -> Result<()> {
    let now_ms = ctx.now_ms();
    for _ in 0..PARTS_MAX {
        let mut tx = ctx.db.begin().await?;
        housekeeping::hurry(&mut tx, id, now_ms + LONGEST_WAIT_MS + MINUTE_MS, now_ms).await?;
        let late = housekeeping::give_up(&mut tx, id, now_ms - LIFETIME_MS, now_ms).await?;
        let many = housekeeping::trim(&mut tx, id, WAITING_MAX, now_ms).await?;
        tx.commit().await?;
        if late + many > 0 {
            tracing::warn!(endpoint = id, late, many, "webhooks were given up; replay them when it works");
        }
        if late + many < PART_ROWS.unsigned_abs() {
            break;
        }
    }
    Ok(())
}

/// Forgets secrets that sign no more, and what ended long ago.
async fn forget(ctx: &Context) -> Result<()> {
    let now_ms = ctx.now_ms();
    for _ in 0..PARTS_MAX {
        let mut tx = ctx.db.begin().await?;
        secrets::forget_retired(&mut tx, now_ms).await?;
        let gone = housekeeping::forget(&mut tx, now_ms - KEPT_DAYS * DAY_MS).await?;
        tx.commit().await?;
        if gone < PART_ROWS.unsigned_abs() {
            break;
        }
    }
    Ok(())
}
