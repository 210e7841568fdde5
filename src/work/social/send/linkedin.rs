//! A post at LinkedIn. It has no key of ours and no way to read back with what applications usually may; what it has is that the same
//! words are refused, with the address of those that are there.

use super::{super::secret, fence, ours, picture, uploaded};
use crate::{
    channel::social::{Posted, linkedin::Linkedin},
    domain::{
        kernel::Result,
        social::{Content, Failure, Trouble, fit, linkedin::Author},
    },
    store::social::turns::{Started, Turn},
    work::Context,
};

/// Posts; a duplicate after a try that may have arrived is that one.
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
    let image = match picture(ctx, content, steps).await {
        Some(png) => uploaded(client.upload(&author, &png).await, steps)?,
        None => None,
    };
    fence(ctx, turn).await?;
    client.post(&author, content, image.as_deref(), started.uncertain).await
}
