//! Sending one post by its network's own ways, so that no try makes a second one.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::SecondsFormat;
use serde_json::Value;

use super::{ACTOR, content, secret};
use crate::{
    channel::social::{
        Posted,
        bluesky::{self, Bluesky, Session, THUMB_BYTES_MAX},
        mastodon::Mastodon,
    },
    domain::{
        content::kinds::Network,
        kernel::{Error, Result, clock::DAY_MS, clock::utc, id::SocialPostId},
        social::{Content, Failure, Trouble, fit, tid},
    },
    store::{
        audit, contents,
        social::{
            accounts,
            turns::{self, Started, Turn},
        },
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
        (Ok(content), Some(Network::Bluesky)) => to_bluesky(ctx, turn, started, &content, &mut steps).await,
        (Ok(content), Some(Network::Mastodon)) => to_mastodon(ctx, turn, started, &content, &mut steps).await,
        (Err(error), _) => Err(ours(&error)),
        (Ok(_), _) => Err(Failure::new(Trouble::Refused, "in this network a person posts")),
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

/// The bytes of a picture, if it is there.
async fn picture(ctx: &Context, hash: &str) -> Option<Vec<u8>> {
    let file = contents::file(&ctx.db, hash).await.ok().flatten()?;
    STANDARD.decode(&file.base64).ok()
}

/// An account at Bluesky, signed in.
pub(super) struct Signed<'c> {
    ctx: &'c Context,
    account_id: &'c str,
    client: Bluesky<'c>,
    password: String,
    pub session: Session,
}

impl<'c> Signed<'c> {
    /// By the session that is kept, else by the password.
    pub(super) async fn new(
        ctx: &'c Context,
        (account_id, server, did): (&'c str, &'c str, &'c str),
        steps: &mut Vec<String>,
    ) -> Result<Self, Failure> {
        let (password, session) = secret::of_account(ctx, account_id).await.map_err(|error| ours(&error))?;
        let client = Bluesky::new(&ctx.egress, server, ctx.clock.wall_ms());
        let session = match session.filter(|session| session.did == did) {
            Some(session) => session,
            None => {
                let session = client.sign_in(did, &password).await?;
                steps.push("signed in".to_owned());
                keep(ctx, account_id, &session).await?;
                session
            }
        };
        Ok(Self { ctx, account_id, client, password, session })
    }

    /// Another session in the place of one that is over.
    pub(super) async fn renew(&mut self, steps: &mut Vec<String>) -> Result<(), Failure> {
        let next = match self.client.refresh(&self.session).await {
            Ok(session) => {
                steps.push("renewed the session".to_owned());
                session
            }
            Err(failure)
                if matches!(failure.trouble, Trouble::SessionOver | Trouble::Denied | Trouble::Refused) =>
            {
                let session = self.client.sign_in(&self.session.did, &self.password).await?;
                steps.push("signed in".to_owned());
                session
            }
            Err(failure) => return Err(failure),
        };
        keep(self.ctx, self.account_id, &next).await?;
        self.session = next;
        Ok(())
    }

    async fn upload(&mut self, png: &[u8], steps: &mut Vec<String>) -> Result<Value, Failure> {
        match self.client.upload(&self.session, png).await {
            Err(failure) if failure.trouble == Trouble::SessionOver => {
                self.renew(steps).await?;
                self.client.upload(&self.session, png).await
            }
            done => done,
        }
    }
}

/// Keeps a session, sealed, before anything is done with it.
async fn keep(ctx: &Context, account_id: &str, session: &Session) -> Result<(), Failure> {
    let kept = async {
        let sealed = secret::seal_session(ctx, account_id, session)?;
        let mut tx = ctx.db.begin().await?;
        accounts::keep_session(&mut tx, account_id, &sealed, &session.handle, ctx.now_ms()).await?;
        let (now_ms, detail) = (ctx.now_ms(), "a new session");
        audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, "use-social-secret", account_id, detail).await?;
        tx.commit().await
    };
    kept.await.map_err(|error| ours(&error))
}

async fn to_bluesky(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Posted, Failure> {
    fit::bluesky(&content.text).map_err(|why| Failure::new(Trouble::Refused, why))?;
    let id = SocialPostId::parse(&started.id).map_err(|error| ours(&error))?;
    let mut signed = Signed::new(ctx, (&turn.id, &turn.server, &turn.remote_id), steps).await?;
    let thumb = match picture(ctx, &content.image).await {
        Some(png) if png.len() <= THUMB_BYTES_MAX => match signed.upload(&png, steps).await {
            Ok(blob) => {
                steps.push("uploaded the picture".to_owned());
                Some(blob)
            }
            Err(failure) if failure.trouble == Trouble::Refused => {
                steps.push(format!("left out the picture: {}", failure.why));
                None
            }
            Err(failure) => return Err(failure),
        },
        Some(png) => {
            steps.push(format!(
                "left out the picture: it has {} bytes, and Bluesky takes {THUMB_BYTES_MAX}",
                png.len()
            ));
            None
        }
        None if content.image.is_empty() => None,
        None => {
            steps.push("left out the picture: it is not stored any more".to_owned());
            None
        }
    };
    let created = utc(ctx.now_ms()).to_rfc3339_opts(SecondsFormat::Millis, true);
    let (key, record) = (tid::of_post(id), bluesky::record(content, thumb, &created));
    fence(ctx, turn).await?;
    let put = signed.client.put(&signed.session, &key, &record).await;
    match put {
        Err(failure) if failure.trouble == Trouble::SessionOver => {
            signed.renew(steps).await?;
            fence(ctx, turn).await?;
            signed.client.put(&signed.session, &key, &record).await
        }
        put => put,
    }
}

async fn to_mastodon(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Posted, Failure> {
    let (token, _) = secret::of_account(ctx, &turn.id).await.map_err(|error| ours(&error))?;
    let client = Mastodon::new(&ctx.egress, &turn.server, &token, ctx.clock.wall_ms());
    if started.uncertain {
        steps.push("looked for the post of a try before".to_owned());
        // A day for clocks that differ.
        let found = client.find(&turn.remote_id, &content.link, started.made_ms - DAY_MS).await?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    let limits = client.limits().await?;
    fit::mastodon(&content.with_link(), limits).map_err(|why| Failure::new(Trouble::Refused, why))?;
    let media = match picture(ctx, &content.image).await {
        Some(png) => match client.upload(&png, &content.alt).await {
            Ok(id) => {
                steps.push("uploaded the picture".to_owned());
                Some(id)
            }
            Err(failure) if failure.trouble == Trouble::Refused => {
                steps.push(format!("left out the picture: {}", failure.why));
                None
            }
            Err(failure) => return Err(failure),
        },
        None if content.image.is_empty() => None,
        None => {
            steps.push("left out the picture: it is not stored any more".to_owned());
            None
        }
    };
    fence(ctx, turn).await?;
    client.post(content, media.as_deref(), &started.id).await
}
