//! Posts of what was recalled: none is sent any more, and of what stands at networks already people are told.

use super::{content, notice};
use crate::{
    domain::{
        content::kinds::Network,
        kernel::{Result, id::SocialPostId},
    },
    store::{
        partners, recalls,
        social::recalled::{self as rows, Standing},
    },
    work::{Context, recall::Replaced},
};

/// Whether what a post of `partner` at `network` says was taken back: its asset leads elsewhere, is gone, or says something else since
/// its recall.
///
/// # Errors
/// Those of the store.
pub(super) async fn is_recalled(
    ctx: &Context,
    (partner, network): (&str, &str),
    (id, asset, said): (&str, &str, &str),
) -> Result<bool> {
    match recalls::in_force(&ctx.db, asset).await? {
        None => return Ok(false),
        Some(recall) if recall.target.is_some() => return Ok(true),
        Some(_) => {}
    }
    let (Some(partner), Some(network)) =
        (partners::partner(&ctx.db, partner).await?, Network::parse(network))
    else {
        return Ok(true);
    };
    let replaced = Replaced::load(&ctx.db).await?;
    let now = content::content(ctx, &replaced, (&partner, network), asset, SocialPostId::parse(id)?);
    // One that has no value for a field any more says nothing.
    let Ok(Some(now)) = now else { return Ok(true) };
    Ok(content::read(said).ok().is_none_or(|said| said != now))
}

/// Tells a partner's people, and who looks after it, which posts of recalled assets stand at networks still: a mail a recall.
///
/// # Errors
/// Those of the store.
pub(super) async fn tell(ctx: &Context) -> Result<()> {
    let untold = rows::untold(&ctx.db).await?;
    let same =
        |a: &Standing, b: &Standing| (&a.partner_slug, &a.recall_id) == (&b.partner_slug, &b.recall_id);
    for posts in untold.chunk_by(same) {
        let mails = notice::recalled(ctx, posts).await?;
        let (now_ms, mut tx) = (ctx.now_ms(), ctx.db.begin().await?);
        let mut is_new = false;
        for post in posts {
            is_new |= rows::tell(&mut tx, post).await?;
        }
        if is_new {
            notice::enqueue(&mut tx, mails, now_ms).await?;
        }
        tx.commit().await?;
        ctx.wake.deliver.notify_one();
    }
    Ok(())
}
