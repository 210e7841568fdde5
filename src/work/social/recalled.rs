//! Posts of what was recalled: none is sent any more, and of what stands at networks already people are told.

use super::{content, notice};
use crate::{
    domain::{
        content::kinds::Network,
        kernel::{Error, Result, clock::UtcMs, id::SocialPostId},
    },
    store::{
        partners, recalls,
        social::{
            Account, Post,
            recalled::{self as rows, Standing},
        },
    },
    work::{Context, recall::Replaced},
};

/// What a post says, and whose it is.
pub(super) struct Said<'p> {
    /// The post.
    pub id: &'p str,
    /// Whose.
    pub partner: &'p str,
    /// At which network.
    pub network: &'p str,
    /// Of which asset.
    pub asset: &'p str,
    /// Its content, as JSON.
    pub content: &'p str,
    /// Since when it may be sent, in these words.
    pub ready_ms: UtcMs,
}

impl<'p> Said<'p> {
    /// What a post says in its account.
    pub(super) fn of(post: &'p Post, account: &'p Account) -> Self {
        Self {
            id: &post.id,
            partner: &account.partner_slug,
            network: &account.network,
            asset: &post.asset,
            content: &post.content,
            ready_ms: post.ready_ms,
        }
    }
}

/// Whether what a post says was taken back: its asset leads elsewhere, is gone, or says something else since its recall.
///
/// # Errors
/// `Unavailable` before the first sync, and those of the store.
pub(super) async fn is_recalled(ctx: &Context, said: &Said<'_>) -> Result<bool> {
    match recalls::in_force(&ctx.db, said.asset).await? {
        None => return Ok(false),
        Some(recall) if recall.target.is_some() => return Ok(true),
        // Its words are younger than those that were recalled.
        Some(recall) if said.ready_ms >= recall.recalled_ms => return Ok(false),
        Some(_) => {}
    }
    if ctx.library().vendor.is_none() {
        return Err(Error::unavailable("nothing was synced yet, so nobody knows what its asset says"));
    }
    let partner = partners::partner(&ctx.db, said.partner).await?;
    let (Some(partner), Some(network)) = (partner, Network::parse(said.network)) else { return Ok(true) };
    let replaced = Replaced::load(&ctx.db).await?;
    let id = SocialPostId::parse(said.id)?;
    // One that has no value for a field any more says nothing.
    let Ok(Some(now)) = content::content(ctx, &replaced, (&partner, network), said.asset, id) else {
        return Ok(true);
    };
    Ok(content::read(said.content).ok().is_none_or(|said| said != now))
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
