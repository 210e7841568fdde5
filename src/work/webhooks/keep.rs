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
    store::webhooks::{endpoints, housekeeping, messages::PART_ROWS, secrets},
    work::Context,
};

/// Parts that are done for one endpoint at a look at most: the next one has its turn, and the rest comes in a minute.
const PARTS_MAX: usize = 100;

/// Looks once.
///
/// # Errors
/// Those of the store; what was done before stays done.
pub(super) async fn tick(ctx: &Context) -> Result<()> {
    let now_ms = ctx.now_ms();
    let endpoints = endpoints::list(&ctx.db, None).await?;
    let removed = housekeeping::removed(&ctx.db).await?;
    if endpoints.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.db.begin().await?;
    housekeeping::hurry(&mut tx, now_ms + LONGEST_WAIT_MS + MINUTE_MS, now_ms).await?;
    secrets::forget_retired(&mut tx, now_ms).await?;
    tx.commit().await?;
    for endpoint in &endpoints {
        for _ in 0..PARTS_MAX {
            let mut tx = ctx.db.begin().await?;
            let late = housekeeping::give_up(&mut tx, &endpoint.id, now_ms - LIFETIME_MS, now_ms).await?;
            let many = housekeeping::trim(&mut tx, &endpoint.id, WAITING_MAX, now_ms).await?;
            tx.commit().await?;
            if late + many > 0 {
                tracing::warn!(
                    endpoint = endpoint.id,
                    late,
                    many,
                    "webhooks were given up; replay them when it works"
                );
            }
            if late + many < PART_ROWS.unsigned_abs() {
                break;
            }
        }
    }
    for _ in 0..PARTS_MAX {
        let mut tx = ctx.db.begin().await?;
        let gone = housekeeping::forget(&mut tx, now_ms - KEPT_DAYS * DAY_MS).await?;
        tx.commit().await?;
        if gone < PART_ROWS.unsigned_abs() {
            break;
        }
    }
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
