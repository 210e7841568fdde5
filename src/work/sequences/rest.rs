//! Having a sequence rest, and go on.

use crate::{
    domain::kernel::{Error, Result},
    store::{
        audit,
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
    tx.commit().await
}

/// Has a sequence go on. What waits of it is worth sending for another day at least.
///
/// # Errors
/// `NotFound` for a sequence that there is not, `Conflict` for one that does not rest.
pub async fn resume(ctx: &Context, slug: &str, actor: &str) -> Result<()> {
    super::overview(ctx, slug).await?;
    let now_ms = ctx.now_ms();
    // Before it goes on, or its mail would expire at once.
    approve::renew(ctx, Waiting::Sequence(slug)).await?;
    let mut tx = ctx.db.begin().await?;
    if !pauses::resume(&mut tx, slug).await? {
        return Err(Error::conflict(format!(
            "there is nothing to resume: the sequence {slug} is not paused"
        )));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "resume", slug, "").await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}
