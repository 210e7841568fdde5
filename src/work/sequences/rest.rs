//! Having a sequence rest, and go on.

use super::PARTS_MAX;
use crate::{
    domain::kernel::{Error, Result},
    store::{
        audit, issues,
        outbox::Waiting,
        pauses::{self, Pause},
    },
    work::{Context, approve},
};

/// Has a sequence rest: nobody takes a step, and none of its messages is started. What waits stays where it is.
///
/// # Errors
/// `NotFound` for a sequence that there is not, `Conflict` for one that rests already.
pub async fn pause(ctx: &Context, slug: &str, actor: &str) -> Result<()> {
    super::overview(ctx, slug).await?;
    let now_ms = ctx.now_ms();
    let pause = Pause {
        sequence: slug.to_owned(),
        because: String::new(),
        actor: actor.to_owned(),
        since_ms: now_ms,
    };
    let mut tx = ctx.db.begin().await?;
    if !pauses::pause(&mut tx, &pause).await? {
        return Err(Error::conflict(format!(
            "there is nothing to pause: the sequence {slug} is paused already"
        )));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "pause", slug, "").await?;
    tx.commit().await?;
    set_aside(ctx).await
}

/// Takes what waits of sequences that rest out of the way of whatever is started, and puts back what rests no more: part by
/// part, until all is in its place, or this look has done enough. Whoever pauses or resumes does so at once, and every look for
/// what a node that ended, or the breaker, left.
pub(super) async fn set_aside(ctx: &Context) -> Result<()> {
    let mut moved = 1;
    for _ in 0..PARTS_MAX {
        if moved == 0 {
            break;
        }
        let mut tx = ctx.db.begin().await?;
        moved = pauses::set_aside(&mut tx, issues::PART_ROWS).await?;
        moved += pauses::bring_back(&mut tx, issues::PART_ROWS).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Whether `actor` may have a sequence go on that rests as `pause` says: one that was paused for a reason, so that somebody
/// reads it, or that one of those who may approve stopped, is for those who may.
pub fn may_resume(ctx: &Context, actor: &str, pause: &Pause) -> bool {
    approve::may_approve(ctx, actor) || pause.is_by_hand() && !approve::may_approve(ctx, &pause.actor)
}

/// Has a sequence go on, also one that is gone from the content. What waits of it is worth sending for another day at least.
///
/// # Errors
/// `NotFound` for a sequence that there is not, `Conflict` for one that does not rest, `Denied` for somebody who may not
/// approve, where it rests for a reason that somebody must read or one of those who may stopped it.
pub async fn resume(ctx: &Context, slug: &str, actor: &str) -> Result<()> {
    let rests = pauses::of(&ctx.db, slug).await?;
    if rests.is_none() {
        super::overview(ctx, slug).await?;
    }
    if rests.is_some_and(|pause| !may_resume(ctx, actor, &pause)) {
        return Err(approve::denied(
            ctx,
            actor,
            "resume a sequence that was paused for a reason, or by somebody who may approve",
        ));
    }
    let now_ms = ctx.now_ms();
    // Before it goes on, or its mail would expire at once.
    approve::renew(ctx, Waiting::Sequence(slug), approve::may_approve(ctx, actor)).await?;
    let mut tx = ctx.db.begin().await?;
    if !pauses::resume(&mut tx, slug).await? {
        return Err(Error::conflict(format!(
            "there is nothing to resume: the sequence {slug} is not paused"
        )));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "resume", slug, "").await?;
    tx.commit().await?;
    set_aside(ctx).await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}
