//! Feeds that were made and still hold: programs ask for them every few minutes and are mostly told that nothing is new, which
//! must not cost making fifty entries.

use std::sync::Arc;

use super::{Ask, feed};
use crate::{
    domain::{
        content::Library,
        kernel::{
            Result,
            clock::{MINUTE_MS, UtcMs},
        },
        partner::Partner,
    },
    render::feed::Feed,
    store::recalls,
    work::{cache::Cache, cobrand::Media, context::Context},
};

/// Feeds kept in memory at most.
const KEPT_MAX: usize = 64;
/// How long time alone leaves a feed as it is: midnights, at which entries appear, are on quarters of an hour in all zones.
const QUARTER_MS: i64 = 15 * MINUTE_MS;

/// The feeds that were made last.
pub struct Kept(Cache<Made>);

impl Default for Kept {
    fn default() -> Self {
        Self(Cache::new(KEPT_MAX))
    }
}

/// A feed, and all that it was made of.
struct Made {
    feed: Arc<Feed>,
    library: Arc<Library>,
    media: Arc<Media>,
    partner: Partner,
    /// How many there are, and when the last was made and lifted.
    recalls: (i64, UtcMs, UtcMs),
    quarter: i64,
}

/// The feed of `partner` as of now, made anew where content, brand or recalls are not what they were.
///
/// # Errors
/// Those of [`feed`].
pub async fn kept(ctx: &Context, partner: &Partner, ask: &Ask, is_inside: bool) -> Result<Arc<Feed>> {
    let (library, media) = (ctx.library(), ctx.media());
    let recalls = recalls::stamp(&ctx.db).await?;
    let quarter = ctx.now_ms().div_euclid(QUARTER_MS);
    let key = format!("{} {is_inside}{}", partner.slug, ask.query());
    if let Some(made) = ctx.feeds.0.get(&key)
        && Arc::ptr_eq(&made.library, &library)
        && Arc::ptr_eq(&made.media, &media)
        && (made.quarter, &made.partner, made.recalls) == (quarter, partner, recalls)
    {
        return Ok(made.feed.clone());
    }
    let feed = Arc::new(feed(ctx, partner, ask, is_inside).await?);
    let made = Made { feed: feed.clone(), library, media, partner: partner.clone(), recalls, quarter };
    ctx.feeds.0.put(&key, made);
    Ok(feed)
}
