//! A post at LinkedIn, which has no key of ours. A page's latest posts are read, where the token may, before one is repeated of which
//! nobody knows; and the same words are refused there, with the address of those that are.

use super::{super::secret, fence, ours, picture, uploaded};
use crate::{
    channel::social::{Posted, linkedin::Linkedin},
    domain::{
        kernel::{Result, clock::DAY_MS},
        social::{Content, Failure, Trouble, fit, linkedin::Author},
    },
    store::social::turns::{Started, Turn},
    work::Context,
};

/// Posts, after looking for one that may be there.
pub(super) async fn send(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Posted, Failure> {
    fit::linkedin(&content.text).map_err(|why| Failure::new(Trouble::Refused, why))?;
    let author = Author::parse(&turn.remote_id).map_err(|error| ours(&error))?;
    let (token, _) = secret::of_account(ctx, &turn.id).await.map_err(|error| ours(&error))?;
    let by = (token.as_str(), &ctx.settings.linkedin);
    let client = Linkedin::new(&ctx.egress, &turn.server, by, ctx.clock.wall_ms());
    // A day for clocks that differ; by the wall clock, which a rehearsal's is not.
    let since_ms = ctx.clock.wall_ms() - (ctx.now_ms() - started.made_ms) - DAY_MS;
    if started.uncertain
        && let Some(found) = look(ctx, turn, content, steps).await?
    {
        return Ok(found);
    }
    let image = match picture(ctx, content, steps).await {
        Some(png) => uploaded(client.upload(&author, &png).await, started.tries, steps)?,
        None => None,
    };
    fence(ctx, turn, started).await?;
    client.post(&author, content, image.as_deref(), started.uncertain.then_some(since_ms)).await
}

/// The post of a try before, if it is there and the token may see it.
pub(super) async fn look(
    ctx: &Context,
    turn: &Turn,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Option<Posted>, Failure> {
    let author = Author::parse(&turn.remote_id).map_err(|error| ours(&error))?;
    let (token, _) = secret::of_account(ctx, &turn.id).await.map_err(|error| ours(&error))?;
    let by = (token.as_str(), &ctx.settings.linkedin);
    steps.push("looked for the post of a try before".to_owned());
    Linkedin::new(&ctx.egress, &turn.server, by, ctx.clock.wall_ms()).find(&author, &content.link).await
}
