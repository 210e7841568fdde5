//! Approving and steering an issue. Approval is bound to what the person saw.

use super::context::Context;
use crate::{
    domain::kernel::{Error, Result, clock::DAY_MS},
    store::{audit, issues, outbox},
};

/// Approves the issue whose frozen content has this hash.
///
/// # Errors
/// `Conflict` if the content is another one by now, or the issue no longer waits for approval.
pub async fn approve(ctx: &Context, issue_id: &str, content_hash: &str, actor: &str) -> Result<()> {
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    if !issues::approve(&mut tx, issue_id, content_hash, actor, now_ms).await? {
        return Err(Error::conflict(
            "this issue no longer waits for approval, or it is not what you looked at; load the page again",
        ));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "approve", issue_id, content_hash).await?;
    tx.commit().await?;
    ctx.wake.publish.notify_one();
    Ok(())
}

/// Stops starting deliveries of the issue; the open window is finished.
///
/// # Errors
/// `Conflict` if it is paused, cancelled or done already.
pub async fn pause(ctx: &Context, issue_id: &str, actor: &str) -> Result<()> {
    control(ctx, issue_id, "paused", "pause", actor).await
}

/// Goes on with a paused issue.
///
/// # Errors
/// `Conflict` if it runs, is cancelled or done already.
pub async fn resume(ctx: &Context, issue_id: &str, actor: &str) -> Result<()> {
    control(ctx, issue_id, "running", "resume", actor).await
}

/// Ends the issue for good: what has not left does not leave. The evidence stays.
///
/// # Errors
/// `Conflict` if it is cancelled or done already.
pub async fn cancel(ctx: &Context, issue_id: &str, actor: &str) -> Result<()> {
    control(ctx, issue_id, "cancelled", "cancel", actor).await
}

/// Sends a delivery again that failed, expired, or waits for a person: the same message, with the same Message-ID.
///
/// # Errors
/// `Conflict` if it was accepted, is on its way, or its issue was cancelled.
pub async fn send_again(ctx: &Context, delivery_id: &str, actor: &str) -> Result<()> {
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    if !outbox::send_again(&mut tx, delivery_id, now_ms, DAY_MS).await? {
        return Err(Error::conflict(
            "this message was accepted, is on its way, or its issue was cancelled; there is nothing to send again",
        ));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "send-again", delivery_id, "").await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

async fn control(ctx: &Context, issue_id: &str, to: &str, action: &str, actor: &str) -> Result<()> {
    let Some(issue) = issues::issue(&ctx.db, issue_id).await? else {
        return Err(Error::not_found("this issue"));
    };
    // A long list is renewed and cancelled in parts, so that clicks and other issues do not wait for it. Before it goes
    // on, or its mail would expire at once.
    if to == "running" && issue.control == "paused" {
        renew(ctx, issue_id).await?;
    }
    let mut tx = ctx.db.begin().await?;
    if !issues::control(&mut tx, issue_id, to).await? {
        return Err(Error::conflict(format!(
            "there is nothing to {action}: this issue is {}",
            standing(&issue)
        )));
    }
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, actor, action, issue_id, "").await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    if to == "cancelled" { clear_away(ctx).await } else { Ok(()) }
}

/// Where an issue stands, for whoever wanted to move it.
fn standing(issue: &issues::Issue) -> String {
    let ended = ["done", "cancelled"].contains(&issue.state.as_str());
    match issue.control.as_str() {
        "cancelled" => "cancelled already".to_owned(),
        _ if ended => format!("{} already", issue.state),
        "running" => "not paused".to_owned(),
        control => format!("{control} already"),
    }
}

/// Gives everything that waits of an issue another day.
async fn renew(ctx: &Context, issue_id: &str) -> Result<()> {
    let (expires_ms, mut after) = (ctx.now_ms() + DAY_MS, None);
    loop {
        let mut tx = ctx.db.begin().await?;
        after = outbox::renew(&mut tx, issue_id, expires_ms, after.as_ref(), issues::PART_ROWS).await?;
        tx.commit().await?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Takes the rest of what cancelled issues left out of the queue; after a fault here `publish` goes on with it.
async fn clear_away(ctx: &Context) -> Result<()> {
    loop {
        let mut tx = ctx.db.begin().await?;
        let cancelled = issues::cancel_part(&mut tx, issues::PART_ROWS).await?;
        tx.commit().await?;
        if cancelled == 0 {
            return Ok(());
        }
    }
}
