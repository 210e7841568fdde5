//! Sending one post by its network's own ways, so that no try makes a second one: a file a network.

pub(super) mod bluesky;
mod linkedin;
mod mastodon;
pub(super) mod x;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::content;
use crate::{
    channel::social::Posted,
    domain::{
        content::kinds::Network,
        kernel::{Error, Result},
        social::{Content, Failure, Trouble},
    },
    store::{
        contents,
        social::turns::{self, Started, Turn},
    },
    work::Context,
};

/// What a try came to, and what was done with the account's secret on the way.
pub(super) struct Done {
    pub result: Result<Posted, Failure>,
    /// What the secret or session was used for, and what was left out.
    pub steps: Vec<String>,
}

/// Sends a post once.
pub(super) async fn send(ctx: &Context, turn: &Turn, started: &Started) -> Done {
    let mut steps = Vec::new();
    let result = match (content::read(&started.content), Network::parse(&turn.network)) {
        (Ok(content), Some(Network::Bluesky)) => {
            bluesky::send(ctx, turn, started, &content, &mut steps).await
        }
        (Ok(content), Some(Network::Mastodon)) => {
            mastodon::send(ctx, turn, started, &content, &mut steps).await
        }
        (Ok(content), Some(Network::Linkedin)) => {
            linkedin::send(ctx, turn, started, &content, &mut steps).await
        }
        (Ok(content), Some(Network::X)) => x::send(ctx, turn, started, &content, &mut steps).await,
        (Err(error), _) => Err(ours(&error)),
        (Ok(_), None) => Err(Failure::new(Trouble::Refused, "in this network a person posts")),
    };
    Done { result, steps }
}

fn ours(error: &Error) -> Failure {
    Failure::new(Trouble::Withheld, error.public())
}

/// Whether the turn is still ours: asked last before a post is written, so that a process that stood still writes nothing.
async fn fence(ctx: &Context, turn: &Turn) -> Result<(), Failure> {
    match turns::is_ours(&ctx.db, turn).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::new(
            Trouble::Withheld,
            "another process has the turn, or the account was taken away",
        )),
        Err(error) => Err(ours(&error)),
    }
}

/// The bytes of a post's picture, if it has one that is there.
async fn picture(ctx: &Context, content: &Content, steps: &mut Vec<String>) -> Option<Vec<u8>> {
    if content.image.is_empty() {
        return None;
    }
    let file = contents::file(&ctx.db, &content.image).await.ok().flatten();
    let png = file.and_then(|file| STANDARD.decode(&file.base64).ok());
    if png.is_none() {
        steps.push("left out the picture: it is not stored any more".to_owned());
    }
    png
}

/// What an upload came to: a picture that the network does not take is left out, and anything else keeps the post.
fn uploaded<T>(done: Result<T, Failure>, steps: &mut Vec<String>) -> Result<Option<T>, Failure> {
    match done {
        Ok(picture) => {
            steps.push("uploaded the picture".to_owned());
            Ok(Some(picture))
        }
        Err(failure) if failure.trouble == Trouble::Refused => {
            steps.push(format!("left out the picture: {}", failure.why));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}
