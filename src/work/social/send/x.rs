//! A post at X, which has no key of ours, charges for each post, and whose tokens are renewed by tokens that may be used once.
//!
//! What is asked for is paid for first (`spend`). A post of which nobody knows is looked for among the account's latest by its link,
//! which is its own; where it is not found there and X refuses the words as a repetition, they can be nobody else's, and it is looked
//! for once more for its id.

use std::time::Duration;

use super::{
    super::{
        ACTOR, secret,
        spend::{self, Purchase},
    },
    fence, ours, picture, uploaded,
};
use crate::{
    channel::social::{
        Posted,
        x::{self, LATEST, PICTURE_BYTES_MAX, X},
    },
    domain::{
        content::kinds::x_has_link,
        kernel::{
            Error, Result,
            clock::{DAY_MS, MINUTE_MS},
        },
        social::{
            Content, Failure, Trouble, fit, schedule,
            spend::{Usd, What},
            x::{Tokens, text},
        },
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

/// How long a process has to renew tokens: longer than its exchange with X and keeping what that brought.
const RENEWAL_MS: i64 = MINUTE_MS;
/// How often keeping new tokens is tried: the old ones open nothing any more.
const KEEP_TRIES: u32 = 5;

/// Tokens as they are sealed for an account.
pub(in crate::work::social) fn seal(ctx: &Context, account_id: &str, tokens: &Tokens) -> Result<String> {
    let json = serde_json::to_string(tokens).map_err(|error| Error::internal("tokens").because(error))?;
    secret::seal(ctx, account_id, &json)
}

/// An account at X with its tokens.
pub(in crate::work::social) struct Signed<'c> {
    ctx: &'c Context,
    actor: &'c str,
    account_id: &'c str,
    server: &'c str,
    tokens: Tokens,
    /// As they are stored, by which somebody else's are told from these.
    sealed: String,
}

impl<'c> Signed<'c> {
    /// By the tokens that are kept, renewed where they are over.
    pub(in crate::work::social) async fn new(
        ctx: &'c Context,
        actor: &'c str,
        (account_id, server): (&'c str, &'c str),
        steps: &mut Vec<String>,
    ) -> Result<Self, Failure> {
        let (tokens, sealed) = kept(ctx, account_id).await?;
        let mut signed = Self { ctx, actor, account_id, server, tokens, sealed };
        if signed.tokens.is_over(ctx.clock.wall_ms()) {
            signed.renew(steps).await?;
        }
        Ok(signed)
    }

    fn client(&self) -> X<'_> {
        X::new(&self.ctx.egress, self.server, &self.tokens.access, self.ctx.clock.wall_ms())
    }

    /// Other tokens in the place of those that are over. The old refresh token may be used once, so one process alone uses it, and what
    /// it brings is sealed and stored before anything is done with it.
    pub(in crate::work::social) async fn renew(&mut self, steps: &mut Vec<String>) -> Result<(), Failure> {
        let begun_ms = self.ctx.now_ms();
        if !self.begin_renewal(begun_ms).await.map_err(|error| ours(&error))? {
            let (tokens, sealed) = kept(self.ctx, self.account_id).await?;
            if tokens == self.tokens {
                self.sealed = sealed;
                return Err(Failure::new(Trouble::Withheld, "another process renews its tokens just now"));
            }
            steps.push("took the tokens that another process renewed".to_owned());
            (self.tokens, self.sealed) = (tokens, sealed);
            return Ok(());
        }
        let done = self.client().renewed(&self.tokens).await;
        let tokens = match done {
            Ok(tokens) => tokens,
            Err(failure) => {
                self.end_renewal(begun_ms, None).await.map_err(|error| ours(&error))?;
                // Whoever used the old ones before us may have kept what they brought by now.
                let (tokens, sealed) = kept(self.ctx, self.account_id).await?;
                if tokens == self.tokens {
                    return Err(failure);
                }
                steps.push("took the tokens that another process renewed".to_owned());
                (self.tokens, self.sealed) = (tokens, sealed);
                return Ok(());
            }
        };
        let sealed = seal(self.ctx, self.account_id, &tokens).map_err(|error| ours(&error))?;
        let mut tries = 0;
        let is_kept = loop {
            tries += 1;
            match self.end_renewal(begun_ms, Some(&sealed)).await {
                Err(error) if tries < KEEP_TRIES => {
                    tracing::warn!(
                        account = self.account_id,
                        error = error.detail(),
                        "keeping tokens is tried again"
                    );
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                done => break done.map_err(|error| ours(&error))?,
            }
        };
        if !is_kept {
            return Err(Failure::new(Trouble::Withheld, "somebody else has changed this account meanwhile"));
        }
        steps.push("renewed the tokens".to_owned());
        (self.tokens, self.sealed) = (tokens, sealed);
        Ok(())
    }

    async fn begin_renewal(&self, now_ms: i64) -> Result<bool> {
        let mut tx = self.ctx.db.begin().await?;
        let times = (now_ms, now_ms - RENEWAL_MS);
        let begun = accounts::begin_renewal(&mut tx, self.account_id, &self.sealed, times).await?;
        tx.commit().await?;
        Ok(begun)
    }

    async fn end_renewal(&self, begun_ms: i64, sealed: Option<&str>) -> Result<bool> {
        let (ctx, now_ms) = (self.ctx, self.ctx.now_ms());
        let mut tx = ctx.db.begin().await?;
        let of = (self.sealed.as_str(), begun_ms);
        let ended = accounts::end_renewal(&mut tx, self.account_id, of, sealed).await?;
        let detail = if sealed.is_some() { "new tokens" } else { "no new tokens" };
        audit::record(
            &mut tx,
            now_ms,
            &*ctx.random,
            self.actor,
            "use-social-secret",
            self.account_id,
            detail,
        )
        .await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Whose tokens they are, paid for.
    pub(in crate::work::social) async fn me(
        &mut self,
        steps: &mut Vec<String>,
    ) -> Result<x::Account, Failure> {
        let price = self.ctx.settings.x.prices.read_user;
        let reserved = spend::reserve(self.ctx, &self.purchase("", What::ReadUser, price)).await?;
        let done = match self.client().me().await {
            Err(failure) if failure.trouble == Trouble::SessionOver => match self.renew(steps).await {
                Ok(()) => self.client().me().await.map_err(lost),
                Err(other) => Err(after(&failure, other)),
            },
            done => done,
        };
        if done.as_ref().is_err_and(spend::was_refused) {
            spend::give_back(self.ctx, &reserved, price).await;
        }
        spend::tell(self.ctx).await;
        done
    }

    fn purchase<'p>(&'p self, post_id: &'p str, what: What, price: Usd) -> Purchase<'p> {
        Purchase { actor: self.actor, account_id: self.account_id, post_id, what, price }
    }

    /// The post with `link`, if it is among the latest that the account made since `since_ms`; each that is read is paid for.
    async fn find(
        &mut self,
        turn: &Turn,
        (post_id, link): (&str, &str),
        since_ms: i64,
        steps: &mut Vec<String>,
    ) -> Result<Option<Posted>, Failure> {
        let each = self.ctx.settings.x.prices.read_post;
        let reserved =
            spend::reserve(self.ctx, &self.purchase(post_id, What::ReadPosts, each.times(LATEST))).await?;
        let done = match self.client().find(&turn.remote_id, link, since_ms).await {
            Err(failure) if failure.trouble == Trouble::SessionOver => match self.renew(steps).await {
                Ok(()) => self.client().find(&turn.remote_id, link, since_ms).await.map_err(lost),
                Err(other) => Err(after(&failure, other)),
            },
            done => done,
        };
        // An answer that was lost may have been charged.
        let unread = match &done {
            Ok(looked) => each.times((LATEST - looked.read).max(0)),
            Err(failure) if spend::was_refused(failure) => each.times(LATEST),
            Err(_) => Usd::default(),
        };
        spend::give_back(self.ctx, &reserved, unread).await;
        steps.push("looked for the post among the latest".to_owned());
        done.map(|looked| looked.found)
    }

    /// Uploads a picture with what stands for it, where there is one, X takes it, and the budget pays for it.
    async fn media(
        &mut self,
        (post_id, tries): (&str, i64),
        content: &Content,
        steps: &mut Vec<String>,
    ) -> Result<Option<String>, Failure> {
        let Some(png) = picture(self.ctx, content, steps).await else { return Ok(None) };
        if png.len() > PICTURE_BYTES_MAX {
            steps.push(format!(
                "left out the picture: it has {} bytes, and X takes {PICTURE_BYTES_MAX}",
                png.len()
            ));
            return Ok(None);
        }
        let price = self.ctx.settings.x.prices.of_picture(!content.alt.is_empty());
        let reserved = match spend::reserve(self.ctx, &self.purchase(post_id, What::Picture, price)).await {
            Ok(reserved) => reserved,
            Err(failure) if failure.trouble == Trouble::Unaffordable => {
                steps.push(format!("left out the picture: {}", failure.why));
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        let done = match self.client().upload(&png).await {
            Err(failure) if failure.trouble == Trouble::SessionOver => match self.renew(steps).await {
                Ok(()) => self.client().upload(&png).await.map_err(lost),
                Err(other) => Err(after(&failure, other)),
            },
            done => done,
        };
        if let Err(failure) = &done {
            let upload = self.ctx.settings.x.prices.upload;
            let unasked = if spend::was_refused(failure) { price } else { price.less(upload) };
            spend::give_back(self.ctx, &reserved, unasked).await;
        }
        let Some(id) = uploaded(done, tries, steps)? else { return Ok(None) };
        if !content.alt.is_empty()
            && let Err(failure) = self.client().describe(&id, &content.alt).await
        {
            if spend::was_refused(&failure) {
                spend::give_back(self.ctx, &reserved, self.ctx.settings.x.prices.alt_text).await;
            }
            steps.push(format!("the picture has no words beside it: {}", failure.why));
        }
        Ok(Some(id))
    }
}

/// The tokens that are stored, and as they are sealed.
async fn kept(ctx: &Context, account_id: &str) -> Result<(Tokens, String), Failure> {
    let read = async {
        let (sealed, _) = accounts::sealed(&ctx.db, account_id).await?.unwrap_or_default();
        let (json, _) = secret::of_account(ctx, account_id).await?;
        let tokens =
            serde_json::from_str(&json).map_err(|_| Error::internal("an account's tokens cannot be read"))?;
        Ok::<_, Error>((tokens, sealed))
    };
    read.await.map_err(|error| ours(&error))
}

/// What kept us from renewing tokens after `refused`, by which we know that nothing was done.
fn after(refused: &Failure, other: Failure) -> Failure {
    Failure { status: refused.status, ..other }
}

/// What new tokens do not open, no others will.
fn lost(failure: Failure) -> Failure {
    match failure.trouble {
        Trouble::SessionOver => Failure { trouble: Trouble::Denied, ..failure },
        _ => failure,
    }
}

/// What a look came to that our budget does not pay for: nobody knows yet whether the post is there.
fn unlooked(failure: Failure) -> Failure {
    match failure.trouble {
        Trouble::Unaffordable => Failure { trouble: Trouble::Unlooked, ..failure },
        _ => failure,
    }
}

/// Since when a post may be there: a day for clocks that differ, by the wall clock, which a rehearsal's is not.
fn since_ms(ctx: &Context, started: &Started) -> i64 {
    ctx.clock.wall_ms() - (ctx.now_ms() - started.made_ms) - DAY_MS
}

/// The post of a try before, if it is there; looking is paid for.
pub(super) async fn look(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Option<Posted>, Failure> {
    let mut signed = Signed::new(ctx, ACTOR, (&turn.id, &turn.server), steps).await?;
    let which = (started.id.as_str(), content.link.as_str());
    let found = signed.find(turn, which, since_ms(ctx, started), steps).await.map_err(unlooked);
    spend::tell(ctx).await;
    found
}

/// Posts, after paying for it and looking for one that may be there.
pub(super) async fn send(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Posted, Failure> {
    let done = paid(ctx, turn, started, content, steps).await;
    spend::tell(ctx).await;
    done
}

async fn paid(
    ctx: &Context,
    turn: &Turn,
    started: &Started,
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Posted, Failure> {
    let words = text(content);
    fit::x(&words).map_err(|why| Failure::new(Trouble::Refused, why))?;
    if ctx.settings.x.budget.is_none() {
        let failure = Failure::new(Trouble::Unaffordable, spend::NO_BUDGET);
        return Err(if started.uncertain { unlooked(failure) } else { failure });
    }
    let mut signed = Signed::new(ctx, ACTOR, (&turn.id, &turn.server), steps).await?;
    let since_ms = since_ms(ctx, started);
    let which = (started.id.as_str(), content.link.as_str());
    if started.uncertain {
        let found = signed.find(turn, which, since_ms, steps).await.map_err(unlooked)?;
        if let Some(found) = found {
            return Ok(found);
        }
        if ctx.now_ms() - started.ready_ms >= schedule::LIFETIME_MS {
            let why = "for three days it could not be sent, and it is not among the account's latest posts";
            return Err(Failure::new(Trouble::Refused, why));
        }
    }
    let has_link = x_has_link(&words);
    let (what, price) =
        (if has_link { What::PostWithLink } else { What::Post }, ctx.settings.x.prices.of_post(has_link));
    let reserved = spend::reserve(ctx, &signed.purchase(&started.id, what, price)).await?;
    let done = write(&mut signed, turn, (started, &words), content, steps).await;
    if done.as_ref().is_err_and(spend::is_free) {
        spend::give_back(ctx, &reserved, price).await;
    }
    match done {
        Err(failure) if failure.trouble == Trouble::Duplicate => {
            // The link in these words is this post's alone.
            match signed.find(turn, which, since_ms, steps).await {
                Ok(Some(found)) => Ok(found),
                // It is there, and is found when there is an answer: the next try is refused free of charge.
                Err(other) if matches!(other.trouble, Trouble::Busy { .. } | Trouble::Withheld) => Err(other),
                Ok(None) | Err(_) => Err(Failure {
                    why: format!(
                        "the account has a post with these words already, as X says ({})",
                        failure.why
                    ),
                    ..failure
                }),
            }
        }
        done => done,
    }
}

/// Writes the post, which is paid for.
async fn write(
    signed: &mut Signed<'_>,
    turn: &Turn,
    (started, words): (&Started, &str),
    content: &Content,
    steps: &mut Vec<String>,
) -> Result<Posted, Failure> {
    let media = signed.media((&started.id, started.tries), content, steps).await?;
    fence(signed.ctx, turn, started).await?;
    match signed.client().post(words, media.as_deref()).await {
        Err(failure) if failure.trouble == Trouble::SessionOver => {
            signed.renew(steps).await?;
            fence(signed.ctx, turn, started).await?;
            signed.client().post(words, media.as_deref()).await.map_err(lost)
        }
        done => done,
    }
}
