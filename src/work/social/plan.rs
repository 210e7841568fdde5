//! What becomes visible makes a post in each account that it is for, once for ever; what was not sent yet follows its asset; what
//! waits too long is given up; and whoever has a token that ends is warned.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use chrono::{NaiveDate, TimeZone as _};
use chrono_tz::Tz;

use super::{
    ACTOR,
    content::{self, Begun},
    notice,
    recalled::{self, Said},
};
use crate::{
    domain::{
        content::{Asset, AssetKind, Detail, kinds::Network},
        kernel::{Result, clock::UtcMs, id::SocialPostId},
        partner::Partner,
        social::{AccountState, PostState, schedule, warning},
    },
    store::{
        Tx, audit, partners, revisions,
        social::{Account, Post, accounts, posts},
    },
    work::{Context, recall::Replaced},
};

/// Where posts are in the content folder.
const FOLDER: &str = "social/";

/// The assets of which accounts are known to have posts. An account that has one has it for ever, so nobody asks again.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<String, HashSet<String>>>);

impl Known {
    fn has(&self, account: &str, asset: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(account).is_some_and(|assets| assets.contains(asset))
    }

    fn note(&self, account: &str, assets: HashSet<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(account.to_owned(), assets);
    }

    /// Forgets accounts that are gone.
    fn keep(&self, accounts: &[Account]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > accounts.len() {
            known.retain(|id, _| accounts.iter().any(|account| account.id == *id));
        }
    }
}

/// Looks once at every account. What goes wrong with one holds up no other. Returns how many posts were made.
///
/// # Errors
/// Those of the store before the first account.
pub(super) async fn tick(ctx: &Context) -> Result<usize> {
    if let Err(error) = recalled::tell(ctx).await {
        tracing::error!(error = error.detail(), "nobody is told yet of posts of what was recalled");
    }
    let all = accounts::list(&ctx.db, None).await?;
    let Some(earliest_ms) = all.iter().map(|account| account.connected_ms).min() else { return Ok(0) };
    if ctx.library().vendor.is_none() {
        return Ok(0);
    }
    let replaced = Replaced::load(&ctx.db).await?;
    let new = revisions::first_known(&ctx.db, FOLDER, earliest_ms).await?;
    let look = Look { ctx, replaced, first_known: new.into_iter().collect() };
    ctx.posts_known.keep(&all);
    let mut open: HashMap<String, Vec<Post>> = HashMap::new();
    for post in posts::open(&ctx.db).await? {
        open.entry(post.account_id.clone()).or_default().push(post);
    }
    let mut known: HashMap<String, Option<Partner>> = HashMap::new();
    let mut made = 0;
    for account in &all {
        let slug = &account.partner_slug;
        if !known.contains_key(slug) {
            known.insert(slug.clone(), partners::partner(&ctx.db, slug).await?);
        }
        let Some(Some(partner)) = known.get(slug) else { continue };
        let open = open.remove(&account.id).unwrap_or_default();
        match look.at(account, partner, open).await {
            Ok(count) => made += count,
            Err(error) => tracing::error!(account = account.id, error = error.detail(), "posts wait"),
        }
    }
    Ok(made)
}

/// Midnight at the partner's on the day from which something may be seen.
fn day_ms(day: NaiveDate, zone: Tz) -> UtcMs {
    let midnight = day.and_hms_opt(0, 0, 0).unwrap_or_default();
    // Where the clocks skip midnight the day begins an hour later.
    let at = zone.from_local_datetime(&midnight).earliest();
    at.map_or_else(|| midnight.and_utc().timestamp_millis(), |at| at.timestamp_millis())
}

struct Look<'c> {
    ctx: &'c Context,
    replaced: Replaced,
    /// Since when files are known that are new since the first account was connected.
    first_known: HashMap<String, UtcMs>,
}

impl Look<'_> {
    async fn at(&self, account: &Account, partner: &Partner, open: Vec<Post>) -> Result<usize> {
        let Some(network) = Network::parse(&account.network) else { return Ok(0) };
        self.follow(account, partner, network, open).await?;
        self.warn(account).await?;
        let new = self.new_assets(account, partner, network);
        if new.is_empty() {
            return Ok(0);
        }
        let known: HashSet<String> = posts::assets(&self.ctx.db, &account.id).await?.into_iter().collect();
        let mut made = 0;
        for (asset, is_late) in new.iter().filter(|(asset, _)| !known.contains(asset)) {
            made += usize::from(self.make(account, (partner, network), asset, *is_late).await?);
        }
        self.ctx.posts_known.note(&account.id, known);
        Ok(made)
    }

    /// What became visible since the account was connected and is not known to be posted there, each with whether its day was too
    /// long ago.
    fn new_assets(&self, account: &Account, partner: &Partner, network: Network) -> Vec<(String, bool)> {
        let (library, now_ms) = (self.ctx.library(), self.ctx.now_ms());
        let originals = library.by_kind(AssetKind::Social).filter(|asset| asset.locale.is_none());
        let new = originals.filter_map(|asset| {
            let is_for = matches!(&asset.detail, Detail::Social(post) if post.networks.contains(&network));
            let since_ms = self.visible_since(asset, partner.zone)?;
            let is_new = is_for && since_ms > account.connected_ms && since_ms <= now_ms;
            (is_new && !self.ctx.posts_known.has(&account.id, &asset.reference))
                .then(|| (asset.reference.clone(), now_ms - since_ms >= schedule::LATE_MS))
        });
        new.collect()
    }

    /// Since when an asset may be seen: its day, or when it came into the folder, if that was later. One without a day is for
    /// whoever looks for it.
    fn visible_since(&self, asset: &Asset, zone: Tz) -> Option<UtcMs> {
        let day_ms = day_ms(asset.front.publish?, zone);
        Some(self.first_known.get(&asset.path).map_or(day_ms, |known_ms| day_ms.max(*known_ms)))
    }

    async fn make(
        &self,
        account: &Account,
        (partner, network): (&Partner, Network),
        asset: &str,
        is_late: bool,
    ) -> Result<bool> {
        let (ctx, now_ms) = (self.ctx, self.ctx.now_ms());
        let id = SocialPostId::new(now_ms, &*ctx.random);
        let Some(content) = content::content(ctx, &self.replaced, (partner, network), asset, id).transpose()
        else {
            return Ok(false);
        };
        let mut begun = content::begin(account, content)?;
        if is_late && begun.state == PostState::Due {
            begun.state = PostState::Failed;
            begun.because =
                "its day was more than a week ago when it could have been posted first".to_owned();
        }
        let post = Post {
            id: id.to_string(),
            account_id: account.id.clone(),
            partner_slug: account.partner_slug.clone(),
            asset: asset.to_owned(),
            made_ms: now_ms,
            ..written(Post::default(), begun, now_ms)
        };
        let mails = notice::of_post(ctx, account, &post).await?;
        let mut tx = ctx.db.begin().await?;
        let is_made = posts::add(&mut tx, &post).await?;
        if is_made {
            notice::enqueue(&mut tx, mails, now_ms).await?;
        }
        tx.commit().await?;
        ctx.wake.deliver.notify_one();
        Ok(is_made)
    }

    /// Has what was not sent yet say what its asset says now, and gives up what waited for too long.
    async fn follow(
        &self,
        account: &Account,
        partner: &Partner,
        network: Network,
        open: Vec<Post>,
    ) -> Result<()> {
        for post in open {
            let state = PostState::parse(&post.state).filter(|state| *state != PostState::Sending);
            let Some(state) = state else { continue };
            if let Some((to, because)) = self.given_up(account, &post, state) {
                // What was recalled is nobody's to share by hand.
                let is_recalled = recalled::is_recalled(self.ctx, &Said::of(&post, account)).await?;
                let to = if is_recalled { PostState::Withdrawn } else { to };
                self.end(account, &post, to, because).await?;
            } else if !post.uncertain {
                self.renew(account, (partner, network), post).await?;
            }
        }
        Ok(())
    }

    fn given_up(
        &self,
        account: &Account,
        post: &Post,
        state: PostState,
    ) -> Option<(PostState, &'static str)> {
        let now_ms = self.ctx.now_ms();
        if state == PostState::WaitingApproval {
            let is_over = now_ms - post.ready_ms >= schedule::APPROVAL_MS;
            return is_over.then_some((PostState::Failed, "for 14 days nobody approved it"));
        }
        let is_lost = account.state == AccountState::NeedsReconnect.as_str();
        if account.network == Network::X.as_str() && post.uncertain && !is_lost {
            // It is looked for when the budget pays for it, and before that it is nobody's to share.
            let is_over = now_ms - post.ready_ms >= schedule::LOOK_LIFETIME_MS;
            return is_over.then_some((PostState::Failed, "for five weeks nothing paid for looking for it"));
        }
        schedule::given_up(post.ready_ms, is_lost.then_some(account.state_ms), now_ms)
            .map(|because| (PostState::Failed, because))
    }

    async fn renew(&self, account: &Account, partner: (&Partner, Network), post: Post) -> Result<()> {
        let ctx = self.ctx;
        let id = SocialPostId::parse(&post.id)?;
        let content = content::content(ctx, &self.replaced, partner, &post.asset, id);
        let content = match content {
            Ok(Some(content)) => content,
            Ok(None) => {
                let because = "its asset was recalled, or is not for this partner any more";
                return self.end(account, &post, PostState::Withdrawn, because).await;
            }
            // What it said is still good.
            Err(_) => return Ok(()),
        };
        let begun = content::begin(account, Ok(content))?;
        if begun.hash == post.hash {
            return Ok(());
        }
        let now_ms = ctx.now_ms();
        let post = written(post, begun, now_ms);
        let mails = notice::of_post(ctx, account, &post).await?;
        let mut tx = ctx.db.begin().await?;
        if posts::rewrite(&mut tx, &post, false).await? {
            audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, "rewrite-social-post", &post.id, &post.hash)
                .await?;
            notice::enqueue(&mut tx, mails, now_ms).await?;
        }
        tx.commit().await
    }

    async fn end(&self, account: &Account, post: &Post, to: PostState, because: &str) -> Result<()> {
        let (ctx, now_ms) = (self.ctx, self.ctx.now_ms());
        let because = match post.uncertain {
            true => format!("{because}; a try of which nobody knows may have arrived, so look there first"),
            false => because.to_owned(),
        };
        let ended = Post { state: to.as_str().to_owned(), because: because.clone(), ..post.clone() };
        let mails = notice::of_post(ctx, account, &ended).await?;
        let mut tx = ctx.db.begin().await?;
        if posts::end(&mut tx, &post.id, (&post.state, to.as_str()), &because, now_ms).await? {
            audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, "end-social-post", &post.id, &because)
                .await?;
            notice::enqueue(&mut tx, mails, now_ms).await?;
        }
        tx.commit().await?;
        ctx.wake.deliver.notify_one();
        Ok(())
    }

    async fn warn(&self, account: &Account) -> Result<()> {
        let (ctx, now_ms) = (self.ctx, self.ctx.now_ms());
        let Some(expires_ms) = account.expires_ms.filter(|_| account.state == AccountState::Active.as_str())
        else {
            return Ok(());
        };
        let Some(days) = warning::due(expires_ms, account.told_days, now_ms) else { return Ok(()) };
        let mails = notice::token_ends(ctx, account, expires_ms, days).await?;
        let mut tx: Tx = ctx.db.begin().await?;
        if accounts::tell(&mut tx, &account.id, days).await? {
            notice::enqueue(&mut tx, mails, now_ms).await?;
        }
        tx.commit().await?;
        ctx.wake.deliver.notify_one();
        Ok(())
    }
}

/// `post` with what it says now.
pub(super) fn written(post: Post, begun: Begun, now_ms: UtcMs) -> Post {
    Post {
        content: begun.json,
        hash: begun.hash,
        state: begun.state.as_str().to_owned(),
        because: begun.because,
        ready_ms: now_ms,
        due_ms: now_ms,
        ended_ms: begun.state.has_ended().then_some(now_ms),
        ..post
    }
}
