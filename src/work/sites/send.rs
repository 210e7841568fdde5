//! One post on its way: looked for, made or changed, and what the site said of it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{ACTOR, PURPOSE, article, notice, route};
use crate::{
    channel::egress::{Answered, Post as Request, Unanswered},
    domain::{
        kernel::{Error, Result, clock::HOUR_MS, seal::Seal},
        partner::Partner,
        site::{Answer, Remote, Verdict, answer, hash_of},
        webhook::schedule,
    },
    store::{
        audit, partners,
        site_posts::{self, Outcome, Post},
        sites::{self, Site},
    },
    work::Context,
};

/// What a site is asked to tell of a post: a whole one may be longer than what is read of an answer.
const FIELDS: &str = "&_fields=id,link,slug,status";
/// Where a post may stand; `any` would leave out the bin.
const STATUSES: &str = "publish,future,draft,pending,private,trash";
/// How long a request that nobody answered may still be at work there, and what it does not show yet, in milliseconds.
pub(super) const UNCERTAIN_MS: i64 = 30_000;
/// Shortest rest of a site that has too much to do, in milliseconds.
const REST_MS: i64 = 60_000;
/// Longest: what is recalled is not to wait for days.
const REST_MAX_MS: i64 = HOUR_MS;

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

/// What was done, and what came of it.
struct Done {
    did: &'static str,
    verdict: Verdict,
    /// Hash of what was sent.
    hash: String,
}

/// Sends a post that was taken, and records what became of it.
///
/// # Errors
/// Those of the store; then the post is on its way until it is freed.
pub(super) async fn one(ctx: &Context, post: &Post) -> Result<()> {
    let Some(site) = sites::site(&ctx.db, &post.site_id).await? else {
        return settle(ctx, None, post, Done::quiet("nothing", "the site was disconnected")).await;
    };
    let done = match partners::partner(&ctx.db, &site.partner_slug).await? {
        Some(partner) => send(ctx, &site, &partner, post).await?,
        None => Done::quiet("nothing", "the partner is not in the roster any more"),
    };
    settle(ctx, Some(&site), post, done).await
}

impl Done {
    /// Nothing was asked of the site.
    fn quiet(did: &'static str, why: &str) -> Self {
        let verdict = Verdict::Again { asked_ms: None, why: why.to_owned() };
        Self { did, verdict, hash: String::new() }
    }
}

async fn send(ctx: &Context, site: &Site, partner: &Partner, post: &Post) -> Result<Done> {
    let is_withdrawn = post.wanted.is_empty();
    if is_withdrawn && post.remote_id.is_none() && post.token <= 1 {
        // It was never begun to be made.
        return Ok(Done { did: "nothing", verdict: Verdict::Gone, hash: String::new() });
    }
    let made = if is_withdrawn {
        article::withdrawn(ctx, partner)
    } else {
        match article::article(ctx, partner, &post.asset) {
            Ok(Some(made)) => made,
            Ok(None) => return Ok(Done::quiet("nothing", "there is no such article any more")),
            Err(error) => return Ok(Done::quiet("nothing", error.public())),
        }
    };
    let hash = if is_withdrawn { String::new() } else { hash_of(&made.title, &made.html) };
    let door = match Door::of(ctx, site).await {
        Ok(door) => door,
        Err(error) => {
            tracing::error!(site = site.id, error = error.detail(), "a site's password cannot be opened");
            return Ok(Done::quiet("nothing", error.public()));
        }
    };
    let known = match post.remote_id {
        Some(id) => Some(id),
        None => match lookup(ctx, &door, post).await {
            Ok(Some(remote)) if remote.is_in_bin() => {
                return Ok(Done { did: "look for", verdict: Verdict::Gone, hash });
            }
            Ok(found) => found.map(|remote| remote.id),
            Err(verdict) => return Ok(Done { did: "look for", verdict, hash }),
        },
    };
    if let (Some(id), true) = (known, is_withdrawn) {
        // Making a draft of what somebody threw away would bring it back.
        let there = judged(ctx, door.ask(&format!("posts/{id}"), FIELDS, None).await);
        if !matches!(there, Verdict::Placed(_)) {
            return Ok(Done { did: "look for", verdict: there, hash });
        }
    }
    let mut body = json!({ "title": made.title, "content": made.html });
    let (did, path) = match (known, is_withdrawn) {
        (None, true) => return Ok(Done { did: "look for", verdict: Verdict::Gone, hash }),
        (Some(id), true) => {
            // Nobody who visits sees a draft.
            body["status"] = json!("draft");
            ("withdraw", format!("posts/{id}"))
        }
        (Some(id), false) => {
            // One that we withdrew ourselves comes back as it was; else who sees it is for the partner to say.
            if post.placed.is_empty() && post.remote_id.is_some() {
                body["status"] = json!(site.mode);
            }
            ("change", format!("posts/{id}"))
        }
        (None, false) => {
            body["status"] = json!(site.mode);
            body["slug"] = json!(post.slug);
            ("make", "posts".to_owned())
        }
    };
    if !site_posts::is_ours(&ctx.db, post).await? {
        return Ok(Done::quiet("nothing", "another process has taken it over"));
    }
    let answered = door.ask(&path, FIELDS, Some(&body.to_string())).await;
    let verdict = match judged(ctx, answered) {
        Verdict::Placed(remote) if is_withdrawn && remote.status == "publish" => {
            let why = "it is still published there, though it was asked to be a draft".to_owned();
            Verdict::Again { asked_ms: None, why }
        }
        verdict => verdict,
    };
    Ok(Done { did, verdict, hash })
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
        Err(why) => Err(Verdict::Again { asked_ms: None, why: why.why }),
    }
}

fn judged(ctx: &Context, answered: Result<Answered, Unanswered>) -> Verdict {
    match answered {
        Ok(answered) => answer::verdict(&answer_of(&answered), ctx.clock.wall_ms()),
        Err(why) => Verdict::Again { asked_ms: None, why: why.why },
    }
}

async fn settle(ctx: &Context, site: Option<&Site>, post: &Post, done: Done) -> Result<()> {
    let now_ms = ctx.now_ms();
    let is_withdrawn = post.wanted.is_empty();
    let ended = |state, because: &str| Outcome {
        state,
        because: because.to_owned(),
        due_ms: now_ms,
        ..Outcome::default()
    };
    let (outcome, refused) = match &done.verdict {
        Verdict::Placed(remote) => {
            let state = if is_withdrawn { "withdrawn" } else { "placed" };
            let remote = Some((remote.id, remote.url.clone()));
            (Outcome { placed: Some(done.hash.clone()), remote, ..ended(state, "") }, None)
        }
        Verdict::Gone if is_withdrawn && post.remote_id.is_none() => {
            (Outcome { placed: Some(String::new()), ..ended("withdrawn", "") }, None)
        }
        Verdict::Gone => (ended("gone", "it was taken away there"), None),
        Verdict::Never(why) => (ended("failed", why), None),
        // It waits until the site is connected anew.
        Verdict::Refused(why) => (ended("waiting", why), Some(why.as_str())),
        Verdict::Again { asked_ms, why } => {
            let jitter = u32::try_from(ctx.random.next_u64() >> 32).unwrap_or_default();
            let tries = u32::try_from(post.tries).unwrap_or(u32::MAX);
            match schedule::wait_ms(tries, *asked_ms, jitter) {
                Some(wait_ms) => {
                    let (due_ms, unsure_ms) = (now_ms + wait_ms.max(UNCERTAIN_MS), now_ms + UNCERTAIN_MS);
                    (Outcome { due_ms, unsure_ms, ..ended("waiting", why) }, None)
                }
                None => (ended("failed", &format!("no try is left: {why}")), None),
            }
        }
    };
    let mails = match (refused, site) {
        (Some(why), Some(site)) => notice::refused(ctx, site, why).await?,
        (None, Some(site)) if outcome.state == "failed" => {
            notice::failed(ctx, site, post, &outcome.because).await?
        }
        _ => Vec::new(),
    };
    let mut tx = ctx.db.begin().await?;
    let is_settled = site_posts::settle(&mut tx, post, &outcome, now_ms).await?;
    if done.did != "nothing" {
        let came = match &done.verdict {
            Verdict::Placed(remote) => format!("post {}", remote.id),
            other => answer::words(other),
        };
        let detail = format!("{} {}: {came}", done.did, post.asset);
        audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, "post-to-site", &post.site_id, &detail).await?;
    }
    if let Verdict::Again { asked_ms: Some(asked_ms), .. } = &done.verdict {
        sites::rest(&mut tx, &post.site_id, now_ms + (*asked_ms).clamp(REST_MS, REST_MAX_MS)).await?;
    }
    let mut to_tell = Vec::new();
    if refused.is_none() && is_settled {
        to_tell = mails;
    } else if let Some(why) = refused
        && sites::move_to(&mut tx, &post.site_id, ("active", "refused"), why, now_ms).await?
    {
        audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, "stop-site", &post.site_id, why).await?;
        to_tell = mails;
    }
    let is_told = !to_tell.is_empty();
    for mail in to_tell {
        mail.enqueue(&mut tx, now_ms).await?;
    }
    tx.commit().await?;
    if is_told {
        ctx.wake.deliver.notify_one();
    }
    Ok(())
}
