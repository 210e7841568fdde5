//! A post at a server of the Mastodon API, looked for before it is repeated.

use super::{super::secret, fence, ours, picture, uploaded};
use crate::{
    channel::social::{Posted, mastodon::Mastodon},
    domain::{
        kernel::{Result, clock::DAY_MS},
        social::{Content, Failure, Trouble, fit},
    },
    store::social::turns::{Started, Turn},
    work::Context,
};

/// Posts under the post's own key, after looking for one that may be there.
pub(super) async fn send(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Posted, Failure> {
    if started.uncertain
        && let Some(found) = look(ctx, turn, started, content, steps).await?
    {
        return Ok(found);
    }
    let (token, _) = secret::of_account(ctx, &turn.id).await.map_err(|error| ours(&error))?;
    let client = Mastodon::new(&ctx.egress, &turn.server, &token, ctx.clock.wall_ms());
    let limits = client.limits().await?;
    fit::mastodon(&content.with_link(), limits).map_err(|why| Failure::new(Trouble::Refused, why))?;
    let media = match picture(ctx, content, steps).await {
        Some(png) => uploaded(client.upload(&png, &content.alt).await, started.tries, steps)?,
        None => None,
    };
    fence(ctx, turn, started).await?;
    client.post(content, media.as_deref(), &started.id).await
}

/// The post of a try before, if it is there.
pub(super) async fn look(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Option<Posted>, Failure> {
    let (token, _) = secret::of_account(ctx, &turn.id).await.map_err(|error| ours(&error))?;
    let client = Mastodon::new(&ctx.egress, &turn.server, &token, ctx.clock.wall_ms());
    steps.push("looked for the post of a try before".to_owned());
    // A day for clocks that differ.
    client.find(&turn.remote_id, &content.link, started.made_ms - DAY_MS).await
}
