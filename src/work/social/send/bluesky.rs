//! A post at Bluesky: a session that is kept, and a record under a key of ours.

use chrono::SecondsFormat;
use serde_json::Value;

use super::{
    super::{ACTOR, secret},
    fence, ours, picture, uploaded,
};
use crate::{
    channel::social::{
        Posted,
        bluesky::{self, Bluesky, Session, THUMB_BYTES_MAX},
    },
    domain::{
        kernel::{Result, clock::utc, id::SocialPostId},
        social::{Content, Failure, Trouble, fit, tid},
    },
    store::{
        audit,
        social::{
            accounts,
            turns::{Started, Turn},
        },
    },
    work::Context,
};

/// An account at Bluesky, signed in.
pub(in crate::work::social) struct Signed<'c> {
    ctx: &'c Context,
    account_id: &'c str,
    client: Bluesky<'c>,
    password: String,
    pub session: Session,
}

impl<'c> Signed<'c> {
    /// By the session that is kept, else by the password.
    pub(in crate::work::social) async fn new(
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
    pub(in crate::work::social) async fn renew(&mut self, steps: &mut Vec<String>) -> Result<(), Failure> {
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

/// Puts a post under its key, where there is none.
pub(super) async fn send(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Posted, Failure> {
    fit::bluesky(&content.text).map_err(|why| Failure::new(Trouble::Refused, why))?;
    let id = SocialPostId::parse(&started.id).map_err(|error| ours(&error))?;
    let mut signed = Signed::new(ctx, (&turn.id, &turn.server, &turn.remote_id), steps).await?;
    let thumb = match picture(ctx, content, steps).await {
        Some(png) if png.len() <= THUMB_BYTES_MAX => {
            let done = signed.upload(&png, steps).await;
            uploaded(done, started.tries, steps)?
        }
        Some(png) => {
            steps.push(format!(
                "left out the picture: it has {} bytes, and Bluesky takes {THUMB_BYTES_MAX}",
                png.len()
            ));
            None
        }
        None => None,
    };
    let created = utc(ctx.now_ms()).to_rfc3339_opts(SecondsFormat::Millis, true);
    let (key, record) = (tid::of_post(id), bluesky::record(content, thumb, &created));
    fence(ctx, turn, started).await?;
    let put = signed.client.put(&signed.session, &key, &record).await;
    match put {
        Err(failure) if failure.trouble == Trouble::SessionOver => {
            signed.renew(steps).await?;
            fence(ctx, turn, started).await?;
            signed.client.put(&signed.session, &key, &record).await
        }
        put => put,
    }
}

/// The post of a try before, if it is under its key; anybody may read it.
pub(super) async fn look(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    steps: &mut Vec<String>,
) -> Result<Option<Posted>, Failure> {
    let id = SocialPostId::parse(&started.id).map_err(|error| ours(&error))?;
    steps.push("looked for the post of a try before".to_owned());
    Bluesky::new(&ctx.egress, &turn.server, ctx.clock.wall_ms())
        .find(&turn.remote_id, &tid::of_post(id))
        .await
}
