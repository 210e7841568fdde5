//! Sending one post by its network's own ways, so that no try makes a second one: a file a network.

pub(super) mod bluesky;
mod linkedin;
mod mastodon;
pub(super) mod x;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    content,
    recalled::{Said, is_recalled},
};
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
    /// Whether its asset was recalled, so that it was looked for at most.
    pub is_recalled: bool,
}

/// Why a post is kept whose words were taken back.
const RECALLED: &str = "its asset was recalled";
/// From this try on, of those that count, a picture that cannot be uploaded keeps no post.
const TRIES_WITH_PICTURE: i64 = 3;

/// Sends a post once.
pub(super) async fn send(ctx: &Context, turn: &Turn, started: &Started) -> Done {
    let mut steps = Vec::new();
    let is_recalled = match taken_back(ctx, turn, started).await {
        Ok(is_recalled) => is_recalled,
        Err(error) => return Done { result: Err(ours(&error)), steps, is_recalled: false },
    };
    if is_recalled {
        let result = looked_for(ctx, turn, started, &mut steps).await;
        return Done { result, steps, is_recalled };
    }
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
    Done { result, steps, is_recalled }
}

async fn taken_back(ctx: &Context, turn: &Turn, started: &Started) -> Result<bool> {
    let said = Said {
        id: &started.id,
        partner: &turn.partner_slug,
        network: &turn.network,
        asset: &started.asset,
        content: &started.content,
        ready_ms: started.ready_ms,
    };
    is_recalled(ctx, &said).await
}

/// What of a recalled asset may have arrived with a try before is looked for, so that people know of it; it is not sent.
async fn looked_for(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    steps: &mut Vec<String>,
) -> Result<Posted, Failure> {
    if !started.uncertain {
        // The plan withdraws it, or has it say what its asset says now.
        return Err(Failure::new(Trouble::Withheld, RECALLED));
    }
    let content = content::read(&started.content).map_err(|error| ours(&error))?;
    let found = match Network::parse(&turn.network) {
        Some(Network::Bluesky) => bluesky::look(ctx, turn, started, steps).await?,
        Some(Network::Mastodon) => mastodon::look(ctx, turn, started, &content, steps).await?,
        Some(Network::Linkedin) => linkedin::look(ctx, turn, &content, steps).await?,
        Some(Network::X) => x::look(ctx, turn, started, &content, steps).await?,
        None => None,
    };
    found.ok_or_else(|| {
        let why = format!("{RECALLED}; a try before may have arrived, and is not to be seen there");
        Failure::new(Trouble::Recalled, why)
    })
}

fn ours(error: &Error) -> Failure {
    Failure::new(Trouble::Withheld, error.public())
}

/// Whether the turn is still ours, and what is sent still good: asked last before a post is written, so that a process that stood
/// still writes nothing, and nobody what was recalled.
async fn fence(ctx: &Context, turn: &Turn, started: &Started) -> Result<(), Failure> {
    match turns::is_ours(&ctx.db, turn).await {
        Ok(true) => match taken_back(ctx, turn, started).await {
            Ok(false) => Ok(()),
            // It is looked at anew, with what follows from that.
            Ok(true) => Err(Failure::new(Trouble::Withheld, RECALLED)),
            Err(error) => Err(ours(&error)),
        },
        Ok(false) => Err(Failure::new(
            Trouble::Withheld,
            "another process has the turn, or the account was taken away",
        )),
        Err(error) => Err(ours(&error)),
    }
}

/// Whether a network takes no picture now, or has no place for any.
fn is_missing(failure: &Failure) -> bool {
    matches!(failure.trouble, Trouble::Busy { is_limit: false, .. }) || failure.status == Some(404)
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

/// What an upload came to in try number `tries`: a picture that the network does not take is left out, and one that it does not take
/// now keeps the post for the first tries alone.
fn uploaded<T>(done: Result<T, Failure>, tries: i64, steps: &mut Vec<String>) -> Result<Option<T>, Failure> {
    match done {
        Ok(picture) => {
            steps.push("uploaded the picture".to_owned());
            Ok(Some(picture))
        }
        Err(failure)
            if failure.trouble == Trouble::Refused
                || (tries >= TRIES_WITH_PICTURE && is_missing(&failure)) =>
        {
            steps.push(format!("left out the picture: {}", failure.why));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}
