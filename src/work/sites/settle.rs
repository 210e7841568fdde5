//! What follows from a try: the state of a post, when it is tried again, and who is told.

use super::{ACTOR, notice};
use crate::{
    domain::{
        kernel::{
            Result,
            clock::{HOUR_MS, MINUTE_MS, UtcMs},
        },
        site::{
            Verdict, answer,
            schedule::{self, TOLD_AFTER_MS, WITHHELD_MS},
        },
    },
    store::{
        audit,
        site_posts::{self, Outcome, Post},
        sites::{self, Site},
    },
    work::{Context, notices::Ready},
};

/// How long a request that nobody answered may still be at work there, and what it does not show yet, in milliseconds.
pub(super) const UNCERTAIN_MS: i64 = 30_000;
/// Shortest rest of a site that has too much to do, in milliseconds.
const REST_MS: i64 = MINUTE_MS;
/// Longest: what is recalled is not to wait for days.
const REST_MAX_MS: i64 = HOUR_MS;
/// Longest where a post is withdrawn.
const REST_OF_WITHDRAWAL_MAX_MS: i64 = 15 * MINUTE_MS;

/// What was done, and what came of it.
pub(super) struct Done {
    pub did: &'static str,
    pub verdict: Verdict,
    /// Hash of what stands there if it was done.
    pub hash: String,
}

impl Done {
    pub(super) fn new(did: &'static str, verdict: Verdict) -> Self {
        Self { did, verdict, hash: String::new() }
    }

    /// Nothing was asked of the site, which has no part in it.
    pub(super) fn nothing(why: &str) -> Self {
        Self::new("nothing", Verdict::Withheld(why.to_owned()))
    }
}

/// Records what became of a try, and tells whom it concerns.
///
/// # Errors
/// Those of the store.
pub(super) async fn settle(ctx: &Context, site: Option<&Site>, post: &Post, done: Done) -> Result<()> {
    let now_ms = ctx.now_ms();
    let outcome = outcome(ctx, post, &done, now_ms);
    let refused = match &done.verdict {
        Verdict::Refused(why) => Some(why.as_str()),
        _ => None,
    };
    let mails = match site {
        Some(site) => mails(ctx, site, post, &done.verdict, &outcome).await,
        None => Vec::new(),
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
        let most_ms = if post.wanted.is_empty() { REST_OF_WITHDRAWAL_MAX_MS } else { REST_MAX_MS };
        sites::rest(&mut tx, &post.site_id, now_ms + (*asked_ms).clamp(REST_MS, most_ms)).await?;
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

fn outcome(ctx: &Context, post: &Post, done: &Done, now_ms: UtcMs) -> Outcome {
    let is_withdrawn = post.wanted.is_empty();
    let waited_ms = now_ms - post.wanted_ms;
    let ended = |state, because: &str| Outcome {
        state,
        because: because.to_owned(),
        due_ms: now_ms,
        ..Outcome::default()
    };
    let is_told = post.told_ms == 0 && waited_ms >= TOLD_AFTER_MS;
    match &done.verdict {
        Verdict::Placed(remote) => {
            let state = if is_withdrawn { "withdrawn" } else { "placed" };
            let remote = Some((remote.id, remote.url.clone()));
            Outcome { placed: Some(done.hash.clone()), remote, ..ended(state, "") }
        }
        Verdict::Gone if is_withdrawn && post.remote_id.is_none() => {
            Outcome { placed: Some(String::new()), ..ended("withdrawn", "") }
        }
        Verdict::Gone => ended("gone", "it was taken away there"),
        Verdict::Never(why) => ended("failed", why),
        // It waits until the site is connected anew.
        Verdict::Refused(why) => ended("waiting", why),
        Verdict::Withheld(why) => Outcome {
            due_ms: now_ms + WITHHELD_MS,
            is_spared: true,
            is_told,
            ..ended("waiting", &format!("by no fault of the site: {why}"))
        },
        Verdict::Again { asked_ms, why } => {
            let jitter = u32::try_from(ctx.random.next_u64() >> 32).unwrap_or_default();
            let tries = u32::try_from(post.tries).unwrap_or(u32::MAX);
            match schedule::wait_ms(tries, is_withdrawn.then_some(waited_ms), *asked_ms, jitter) {
                Some(wait_ms) => Outcome {
                    due_ms: now_ms + wait_ms.max(UNCERTAIN_MS),
                    unsure_ms: now_ms + UNCERTAIN_MS,
                    is_told: is_told && is_withdrawn,
                    ..ended("waiting", why)
                },
                None => ended("failed", &format!("no try is left: {why}")),
            }
        }
    }
}

async fn mails(ctx: &Context, site: &Site, post: &Post, verdict: &Verdict, outcome: &Outcome) -> Vec<Ready> {
    match verdict {
        Verdict::Refused(why) => notice::refused(ctx, site, why).await,
        _ if outcome.state == "failed" => notice::failed(ctx, site, post, &outcome.because).await,
        Verdict::Withheld(why) if outcome.is_told => notice::withheld(ctx, site, post, why).await,
        Verdict::Again { why, .. } if outcome.is_told => notice::late(ctx, site, post, why).await,
        _ => Vec::new(),
    }
}
