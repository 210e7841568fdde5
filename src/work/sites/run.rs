//! The loop: what should stand on sites is looked at when something changed, and once a minute; then posts are sent, one a site
//! at a time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{sync::watch, task::JoinSet};

use super::{ACTOR, PURPOSE, plan, send, settle};
use crate::{
    domain::{
        content::Library,
        kernel::{Result, clock::MINUTE_MS, seal::Seal},
    },
    store::{
        audit, recalls, site_posts,
        site_posts::Post,
        sites::{self, Site},
    },
    work::{
        Context,
        pulse::{self, Said},
        webhooks::Holds,
    },
};

/// Sites that are posted to at once, in a process.
const SITES_MAX: usize = 16;
/// A post that is on its way for so long is nobody's any more: its few requests have twenty seconds each, with looking up the name.
const HELD_MS: i64 = 2 * MINUTE_MS;
/// Looks of one tick at most.
const LOOKS_MAX: usize = 1_000;

/// What was seen when sites were looked at last.
#[derive(Debug, Default)]
pub struct Seen {
    last: Mutex<Option<Last>>,
    holds: Holds,
}

#[derive(Debug)]
struct Last {
    library: Arc<Library>,
    recalls: (i64, i64, i64),
    sites: Vec<Site>,
    at_ms: i64,
}

/// Posts what is due until `shutdown`; what is on its way is waited for.
pub async fn run(ctx: Arc<Context>, shutdown: watch::Receiver<bool>) {
    let (mut stopped, mut on_way, mut said) = (shutdown.clone(), JoinSet::new(), Said::default());
    let mut is_freed = ctx.db.is_shared();
    while !*stopped.borrow() {
        if !is_freed {
            // Nobody else works on this file: what is on its way was a process's that ended.
            is_freed = free_all(&ctx).await.is_ok();
        }
        let done = match step(&ctx, SITES_MAX - on_way.len()).await {
            Ok(taken) => {
                for post in taken {
                    on_way.spawn(alone(ctx.clone(), post));
                }
                Ok(())
            }
            Err(error) => Err(error),
        };
        said.once(done, "posts to partners' sites");
        tokio::select! {
            () = tokio::time::sleep(pulse::rest(&ctx)) => {}
            Some(_) = on_way.join_next(), if !on_way.is_empty() => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            _ = stopped.changed() => {}
        }
    }
    while on_way.join_next().await.is_some() {}
}

async fn alone(ctx: Arc<Context>, post: Post) {
    if let Err(error) = send::one(&ctx, &post).await {
        tracing::error!(
            site = post.site_id,
            asset = post.asset,
            error = error.detail(),
            "a post to a partner's site broke off; it is looked for and tried again"
        );
    }
}

/// Posts everything that is due now, and returns how many tries that took.
///
/// # Errors
/// Those of the store.
pub async fn tick(ctx: &Context) -> Result<usize> {
    let mut count = 0;
    for _ in 0..LOOKS_MAX {
        let taken = step(ctx, SITES_MAX).await?;
        if taken.is_empty() {
            break;
        }
        count += taken.len();
        join_all(taken.iter().map(|post| send::one(ctx, post))).await.into_iter().collect::<Result<()>>()?;
    }
    Ok(count)
}

/// Looks at what should stand where, if something changed, and takes at most `room` posts.
async fn step(ctx: &Context, room: usize) -> Result<Vec<Post>> {
    if let Some(seen) = news(ctx).await? {
        if !seen.sites.is_empty() {
            // What waits already is posted whatever comes of this, which is done again within a minute.
            if let Err(error) = seal_anew(ctx).await {
                tracing::error!(error = error.detail(), "sites' passwords cannot be sealed anew");
            }
            plan::look(ctx, &seen.sites).await;
        }
        *ctx.sites.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
    free_late(ctx).await?;
    let now_ms = ctx.now_ms();
    if room == 0 || !site_posts::any_due(&ctx.db, now_ms).await? {
        return Ok(Vec::new());
    }
    let mut tx = ctx.db.begin().await?;
    let taken = site_posts::take(&mut tx, now_ms, i64::try_from(room).unwrap_or(i64::MAX)).await?;
    tx.commit().await?;
    Ok(taken)
}

/// What decides what stands where, if that changed, or a minute is over: days begin, brands are imported.
async fn news(ctx: &Context) -> Result<Option<Last>> {
    let sites = sites::list(&ctx.db, None).await?;
    let recalls = if sites.is_empty() { (0, 0, 0) } else { recalls::stamp(&ctx.db).await? };
    let (library, at_ms) = (ctx.library(), ctx.now_ms());
    let last = ctx.sites.last.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = last.as_ref().is_some_and(|last| {
        Arc::ptr_eq(&last.library, &library)
            && last.recalls == recalls
            && last.sites == sites
            && (0..MINUTE_MS).contains(&(at_ms - last.at_ms))
    });
    Ok((!is_same).then_some(Last { library, recalls, sites, at_ms }))
}

/// Frees what is on its way by a process that is gone or stands still.
async fn free_late(ctx: &Context) -> Result<()> {
    let on_way = site_posts::on_way(&ctx.db).await?;
    let named = on_way.iter().map(|(site, asset, token)| (format!("{site} {asset}"), *token)).collect();
    let late = ctx.sites.holds.look(named, ctx.clock.awake_ms(), HELD_MS);
    for (site, asset, token) in on_way {
        if late.contains(&(format!("{site} {asset}"), token)) {
            free(ctx, (&site, &asset), token).await?;
        }
    }
    Ok(())
}

async fn free_all(ctx: &Context) -> Result<()> {
    for (site, asset, token) in site_posts::on_way(&ctx.db).await? {
        free(ctx, (&site, &asset), token).await?;
    }
    Ok(())
}

async fn free(ctx: &Context, post: (&str, &str), token: i64) -> Result<()> {
    let because = "the process ended while it was on its way";
    let due_ms = ctx.now_ms() + settle::UNCERTAIN_MS;
    let mut tx = ctx.db.begin().await?;
    if site_posts::free(&mut tx, post, token, because, due_ms).await? {
        // The password may have been used.
        let detail = format!("{}: {because}", post.1);
        audit::record(&mut tx, ctx.now_ms(), &*ctx.random, ACTOR, "post-to-site", post.0, &detail).await?;
        tracing::warn!(
            site = post.0,
            asset = post.1,
            "a post that may have arrived is looked for, and tried again"
        );
    }
    tx.commit().await
}

/// Seals anew what an older key sealed.
async fn seal_anew(ctx: &Context) -> Result<()> {
    let seal = Seal::new(&ctx.keys, PURPOSE)?;
    for (id, known) in sites::sealed_otherwise(&ctx.db, seal.key_id()).await? {
        match seal.open(&id, &known) {
            Ok(bytes) => {
                let sealed = seal.seal(&id, &bytes, &*ctx.random)?;
                let mut tx = ctx.db.begin().await?;
                sites::seal_anew(&mut tx, &id, (&known, &sealed)).await?;
                tx.commit().await?;
            }
            Err(error) => {
                tracing::error!(site = id, error = error.detail(), "a site's password cannot be opened");
            }
        }
    }
    Ok(())
}
