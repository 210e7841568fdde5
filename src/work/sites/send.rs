//! One post on its way: looked for, made or changed. What follows from what the site says is `settle`'s.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{
    PURPOSE,
    article::{self, Article},
    route,
    settle::{Done, settle},
};
use crate::{
    channel::egress::{Answered, Ask, Post as Request, Unanswered},
    domain::{
        kernel::{Error, Result, seal::Seal},
        partner::Partner,
        site::{Answer, Remote, Verdict, answer, hash_of},
    },
    store::{
        partners,
        site_posts::{self, Post},
        sites::{self, Site},
    },
    work::Context,
};

/// What a site is asked to tell of a post: a whole one may be longer than what is read of an answer.
const FIELDS: &str = "&_fields=id,link,slug,status";
/// Where a post may stand; `any` would leave out the bin.
const STATUSES: &str = "publish,future,draft,pending,private,trash";
/// Asks for the words of one post too, as they were sent.
const WORDS: &str = "&context=edit&_fields=id,link,slug,status,title,content";
/// Most bytes that are read of a post with its words.
const WORDS_BYTES_MAX: usize = 4 << 20;

/// As whom a site is asked.
pub(super) struct Door<'c> {
    ctx: &'c Context,
    base: String,
    authorization: String,
}

impl<'c> Door<'c> {
    pub(super) fn new(ctx: &'c Context, base: &str, (username, password): (&str, &str)) -> Self {
        let pair = BASE64_STANDARD.encode(format!("{username}:{password}"));
        Self { ctx, base: base.to_owned(), authorization: format!("Basic {pair}") }
    }

    async fn of(ctx: &'c Context, site: &Site) -> Result<Self> {
        let sealed = sites::sealed(&ctx.db, &site.id).await?.ok_or_else(|| Error::not_found("this site"))?;
        let bytes = Seal::new(&ctx.keys, PURPOSE)?.open(&site.id, &sealed)?;
        let password =
            String::from_utf8(bytes).map_err(|error| Error::internal("a site's password").because(error))?;
        Ok(Self::new(ctx, &site.url, (&site.username, &password)))
    }

    /// Asks for what is at a route, or posts `body` there.
    pub(super) async fn ask(
        &self,
        path: &str,
        query: &str,
        body: Option<&str>,
    ) -> Result<Answered, Unanswered> {
        let url = route(&self.base, path, query);
        let target = self.ctx.egress.target(&url).map_err(|error| Unanswered::ours(error.public()))?;
        let headers = [("authorization", self.authorization.as_str())];
        match body {
            Some(body) => self.ctx.egress.post(&Request { to: &target, headers: &headers, body }).await,
            None => self.ctx.egress.get(&target, &headers).await,
        }
    }

    /// One post there with its words.
    async fn post(&self, id: i64) -> Result<Remote, Verdict> {
        let url = route(&self.base, &format!("posts/{id}"), WORDS);
        let target = self.ctx.egress.target(&url);
        let target = target.map_err(|error| Verdict::Withheld(error.public().to_owned()))?;
        let headers = [("authorization", self.authorization.as_str())];
        let ask =
            Ask { method: "GET", to: &target, headers: &headers, body: &[], body_bytes_max: WORDS_BYTES_MAX };
        match judged(self.ctx, self.ctx.egress.send(&ask).await) {
            Verdict::Placed(remote) => Ok(remote),
            other => Err(other),
        }
    }
}

/// An answer, as far as it decides something.
pub(super) fn answer_of(answered: &Answered) -> Answer<'_> {
    Answer {
        status: answered.status,
        retry_after: answered.header("retry-after"),
        location: answered.header("location"),
        body: &answered.body,
    }
}

/// Sends a post that was taken, and records what became of it.
///
/// # Errors
/// Those of the store; then the post is on its way until it is freed.
pub(super) async fn one(ctx: &Context, post: &Post) -> Result<()> {
    let Some(site) = sites::site(&ctx.db, &post.site_id).await? else {
        return settle(ctx, None, post, Done::nothing("the site was disconnected")).await;
    };
    let done = match partners::partner(&ctx.db, &site.partner_slug).await {
        Ok(Some(partner)) => send(ctx, &site, &partner, post).await?,
        Ok(None) => Done::nothing("the partner is not in the roster any more"),
        // One partner that cannot be read is not to hold a post on its way.
        Err(error) => {
            tracing::error!(site = site.id, error = error.detail(), "a site's partner cannot be read");
            Done::nothing(error.public())
        }
    };
    settle(ctx, Some(&site), post, done).await
}

async fn send(ctx: &Context, site: &Site, partner: &Partner, post: &Post) -> Result<Done> {
    let is_withdrawn = post.wanted.is_empty();
    if is_withdrawn && post.remote_id.is_none() && post.token <= 1 {
        // It was never begun to be made.
        return Ok(Done::new("nothing", Verdict::Gone));
    }
    let made = if is_withdrawn {
        article::withdrawn(ctx, partner)
    } else {
        match article::article(ctx, partner, &post.asset) {
            Ok(Some(made)) => made,
            Ok(None) => return Ok(Done::nothing("there is no such article any more")),
            Err(error) => return Ok(Done::nothing(error.public())),
        }
    };
    let door = match Door::of(ctx, site).await {
        Ok(door) => door,
        Err(error) => {
            tracing::error!(site = site.id, error = error.detail(), "a site's password cannot be opened");
            return Ok(Done::nothing(error.public()));
        }
    };
    let (known, is_found) = match post.remote_id {
        Some(id) => (Some(id), false),
        None => match lookup(ctx, &door, post).await {
            Ok(Some(remote)) if remote.is_in_bin() => return Ok(Done::new("look for", Verdict::Gone)),
            Ok(Some(remote)) => {
                // Known from now on, whatever comes of this try.
                let mut tx = ctx.db.begin().await?;
                site_posts::note_remote(&mut tx, post, (remote.id, &remote.url)).await?;
                tx.commit().await?;
                (Some(remote.id), true)
            }
            Ok(None) => (None, false),
            Err(verdict) => return Ok(Done::new("look for", verdict)),
        },
    };
    let Some(id) = known else {
        return match is_withdrawn {
            true => Ok(Done::new("look for", Verdict::Gone)),
            false => make(ctx, (&door, &site.mode), post, &made).await,
        };
    };
    if is_withdrawn {
        return withdraw(ctx, &door, (post, id), &made).await;
    }
    // A try before of which nobody knows may have done it, however long the site took.
    let may_be_done = is_found || post.tries > 1;
    change(ctx, &door, (post, id), &made, may_be_done).await
}

/// Makes a post under its slug.
async fn make(ctx: &Context, (door, mode): (&Door<'_>, &str), post: &Post, made: &Article) -> Result<Done> {
    let body = json!({ "title": made.title, "content": made.html, "status": mode, "slug": post.slug });
    let done = write(ctx, door, post, ("make", "posts"), &body.to_string()).await?;
    Ok(Done { hash: hash_of(&made.title, &made.html), ..done })
}

/// Has a post say what the article says. Who sees it is for the partner to say; one that we withdrew comes back as it was.
async fn change(
    ctx: &Context,
    door: &Door<'_>,
    (post, id): (&Post, i64),
    made: &Article,
    may_be_done: bool,
) -> Result<Done> {
    let hash = hash_of(&made.title, &made.html);
    let is_back = |status: &str| post.was_status.is_empty() || post.was_status == status;
    if may_be_done {
        match door.post(id).await {
            Ok(remote) if remote.hash == hash && is_back(&remote.status) => {
                return Ok(Done { hash, ..Done::new("find", Verdict::Placed(remote)) });
            }
            Ok(_) => {}
            Err(verdict) => return Ok(Done::new("look for", verdict)),
        }
    }
    let mut body = json!({ "title": made.title, "content": made.html });
    if !post.was_status.is_empty() {
        body["status"] = json!(post.was_status);
    }
    let done = write(ctx, door, post, ("change", &format!("posts/{id}")), &body.to_string()).await?;
    Ok(Done { hash, ..done })
}

/// Makes a post a draft without its words: nobody who visits sees a draft. How it was seen is kept before.
async fn withdraw(ctx: &Context, door: &Door<'_>, (post, id): (&Post, i64), made: &Article) -> Result<Done> {
    let there = match door.post(id).await {
        Ok(there) => there,
        // Making a draft of what somebody threw away would bring it back.
        Err(verdict) => return Ok(Done::new("look for", verdict)),
    };
    if there.hash == hash_of(&made.title, &made.html) && there.status == "draft" {
        return Ok(Done::new("find", Verdict::Placed(there)));
    }
    if post.was_status.is_empty() && !there.status.is_empty() {
        let mut tx = ctx.db.begin().await?;
        site_posts::note_status(&mut tx, post, &there.status).await?;
        tx.commit().await?;
    }
    let body = json!({ "title": made.title, "content": made.html, "status": "draft" });
    let mut done = write(ctx, door, post, ("withdraw", &format!("posts/{id}")), &body.to_string()).await?;
    if let Verdict::Placed(remote) = &done.verdict
        && remote.status == "publish"
    {
        let why = "it is still published there, though it was asked to be a draft".to_owned();
        done.verdict = Verdict::Again { asked_ms: None, why };
    }
    Ok(done)
}

async fn write(
    ctx: &Context,
    door: &Door<'_>,
    post: &Post,
    (did, path): (&'static str, &str),
    body: &str,
) -> Result<Done> {
    if !site_posts::is_ours(&ctx.db, post).await? {
        return Ok(Done::nothing("another process has taken it over, or the site takes no more posts"));
    }
    Ok(Done::new(did, judged(ctx, door.ask(path, FIELDS, Some(body)).await)))
}

/// The post that an earlier try made, if it did: nothing is made before somebody looked. In the bin its slug has an ending.
async fn lookup(ctx: &Context, door: &Door<'_>, post: &Post) -> Result<Option<Remote>, Verdict> {
    let slug = &post.slug;
    let query = format!("&slug={slug},{slug}__trashed&status={STATUSES}{FIELDS}");
    match door.ask("posts", &query, None).await {
        Ok(answered) => {
            let found = answer::found(&answer_of(&answered), ctx.clock.wall_ms())?;
            Ok(found.into_iter().next())
        }
        Err(why) => Err(unanswered(why)),
    }
}

fn judged(ctx: &Context, answered: Result<Answered, Unanswered>) -> Verdict {
    match answered {
        Ok(answered) => answer::verdict(&answer_of(&answered), ctx.clock.wall_ms()),
        Err(why) => unanswered(why),
    }
}

fn unanswered(unanswered: Unanswered) -> Verdict {
    match unanswered.is_ours {
        true => Verdict::Withheld(unanswered.why),
        false => Verdict::Again { asked_ms: None, why: unanswered.why },
    }
}
