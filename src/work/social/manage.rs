//! What people do with accounts and posts: say what is done there, try one, approve, send again, take it away.

use super::{
    connect::told,
    content, notice, plan,
    recalled::{self, Said},
    secret,
    send::{bluesky::Signed, x},
    spend::NO_BUDGET,
    turn::kept,
};
use crate::{
    channel::social::{linkedin::Linkedin, mastodon::Mastodon},
    domain::{
        content::kinds::Network,
        kernel::{Error, Result, clock::UtcMs, id::SocialPostId},
        social::{AccountState, Failure, Mode, PostState, Trouble, linkedin::Author},
    },
    store::{
        audit, partners,
        social::{Account, Post, accounts, posts},
    },
    work::{
        Context,
        recall::Replaced,
        share::placement,
        track::{self, SharedBy, Visitor},
    },
};

/// The account with this id, unless it is disconnected.
async fn load(ctx: &Context, id: &str) -> Result<Account> {
    let account = accounts::account(&ctx.db, id).await?;
    account
        .filter(|account| account.state != AccountState::Disconnected.as_str())
        .ok_or_else(|| Error::not_found_but(format!("account {id}"), "`partnercast social list` shows all"))
}

/// Says what is done with what is new in an account; what is there already stays as it is.
///
/// # Errors
/// `NotFound`; `Invalid` for no mode; `Conflict` for an account without a secret.
pub async fn set_mode(ctx: &Context, actor: &str, id: &str, mode: &str) -> Result<()> {
    let account = load(ctx, id).await?;
    let Some(mode) = Mode::parse(mode) else {
        return Err(Error::invalid(format!("there is no mode `{mode}`; write auto, approve or share_kit")));
    };
    if mode != Mode::ShareKit {
        secret::of_account(ctx, id).await?;
        if account.network == Network::X.as_str() && ctx.settings.x.budget.is_none() {
            return Err(Error::conflict(NO_BUDGET));
        }
    }
    let (now_ms, mut tx) = (ctx.now_ms(), ctx.db.begin().await?);
    if !accounts::set_mode(&mut tx, id, mode.as_str()).await? {
        return Err(Error::conflict("somebody else has taken this account away"));
    }
    let detail = format!("{} to {}", account.mode, mode.as_str());
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "set-social-mode", id, &detail).await?;
    tx.commit().await
}

/// Asks an account's server whether it lets us in, and says what it answers. Nothing is posted.
///
/// # Errors
/// `NotFound`; `Conflict` for an account without a secret; `Invalid` or `Unavailable` with what the server says.
pub async fn test(ctx: &Context, actor: &str, id: &str) -> Result<String> {
    let account = load(ctx, id).await?;
    let (secret, _) = secret::of_account(ctx, id).await?;
    let said = asked(ctx, actor, &account, &secret).await;
    let now_ms = ctx.now_ms();
    let is_lost = |failure: &Failure| matches!(failure.trouble, Trouble::Denied | Trouble::OutOfCredit);
    let mails = match &said {
        Err(failure) if is_lost(failure) => {
            notice::lost(ctx, &account, (failure.trouble, &kept(&failure.why)), now_ms).await?
        }
        _ => Vec::new(),
    };
    let mut tx = ctx.db.begin().await?;
    let detail =
        said.as_ref().map_or_else(|failure: &Failure| kept(&failure.why), |_| "it answers".to_owned());
    let (active, lost) = (AccountState::Active.as_str(), AccountState::NeedsReconnect.as_str());
    if said.is_ok() {
        // What was taken for a refusal was none, or is over.
        accounts::move_to(&mut tx, id, (lost, active), "its server lets us in again", now_ms).await?;
    } else if said.as_ref().is_err_and(is_lost)
        && accounts::lose(&mut tx, id, account.state_ms, &detail, now_ms).await?
    {
        audit::record(&mut tx, now_ms, &*ctx.random, actor, "lose-social-account", id, &detail).await?;
        notice::enqueue(&mut tx, mails, now_ms).await?;
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "test-social-account", id, &detail).await?;
    tx.commit().await?;
    said.map_err(|failure| told(&account.server, &failure))
}

/// What an account's server says of it, with its secret.
async fn asked(ctx: &Context, actor: &str, account: &Account, secret: &str) -> Result<String, Failure> {
    let wall_ms = ctx.clock.wall_ms();
    match Network::parse(&account.network) {
        Some(Network::Bluesky) => {
            let mut steps = Vec::new();
            let place = (account.id.as_str(), account.server.as_str(), account.remote_id.as_str());
            let mut signed = Signed::new(ctx, place, &mut steps).await?;
            signed.renew(&mut steps).await?;
            Ok(format!("{} ({})", signed.session.handle, signed.session.did))
        }
        Some(Network::X) => {
            let mut steps = Vec::new();
            let place = (account.id.as_str(), account.server.as_str());
            let mut signed = x::Signed::new(ctx, actor, place, &mut steps).await?;
            let known = signed.me(&mut steps).await?;
            if known.id != account.remote_id {
                let why = format!("the tokens are those of @{}, not of {}", known.name, account.handle);
                return Err(Failure::new(Trouble::Denied, why));
            }
            Ok(format!("@{} ({})", known.name, known.id))
        }
        Some(Network::Linkedin) => {
            let author = Author::parse(&account.remote_id)
                .map_err(|error| Failure::new(Trouble::Withheld, error.public()))?;
            let by = (secret, &ctx.settings.linkedin);
            let known =
                Linkedin::new(&ctx.egress, &account.server, by, wall_ms).verify(Some(&author)).await?;
            Ok(format!("{} ({author}), by version {} of the API", known.name, ctx.settings.linkedin))
        }
        _ => {
            let client = Mastodon::new(&ctx.egress, &account.server, secret, wall_ms);
            let known = client.verify().await?;
            let limits = client.limits().await?;
            let per_url = limits.per_url.map(|per_url| format!(", of which an address takes {per_url}"));
            Ok(format!(
                "@{}; a post may have {} characters{}",
                known.name,
                limits.characters,
                per_url.unwrap_or_default()
            ))
        }
    }
}

async fn load_post(ctx: &Context, id: &str) -> Result<Post> {
    let post = posts::post(&ctx.db, id).await?;
    post.ok_or_else(|| {
        Error::not_found_but(format!("post {id}"), "`partnercast social posts` shows those of an account")
    })
}

/// Approves a post that says what `hash` stands for: it is sent as soon as may be.
///
/// # Errors
/// `NotFound`; `Conflict` where it waits for nobody, or says something else by now.
pub async fn approve(ctx: &Context, actor: &str, id: &str, hash: &str) -> Result<()> {
    let post = load_post(ctx, id).await?;
    let (now_ms, mut tx) = (ctx.now_ms(), ctx.db.begin().await?);
    if !posts::approve(&mut tx, id, hash, actor, now_ms).await? {
        return Err(Error::conflict(if post.state == PostState::WaitingApproval.as_str() {
            "its text has changed since you looked; look at it again".to_owned()
        } else {
            format!("nobody needs to approve it any more: it is {}", post.state.replace('_', " "))
        }));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "approve-social-post", id, hash).await?;
    tx.commit().await
}

/// Has a post sent now that was not: one of which a try may have arrived as it is, so that it is found; any other with what its
/// asset says now.
///
/// # Errors
/// `NotFound`; `Conflict` where it is posted, on its way, or its account cannot; `Invalid` for what cannot be posted.
pub async fn retry(ctx: &Context, actor: &str, id: &str) -> Result<()> {
    let post = load_post(ctx, id).await?;
    let account = load(ctx, &post.account_id).await?;
    secret::of_account(ctx, &account.id).await?;
    let state = PostState::parse(&post.state).unwrap_or(PostState::Posted);
    let may = matches!(state, PostState::Failed | PostState::Kit | PostState::Withdrawn | PostState::Due);
    if !may || !post.remote_uri.is_empty() {
        return Err(Error::conflict(format!(
            "it is {}, and need not be sent again",
            post.state.replace('_', " ")
        )));
    }
    if post.shared_ms.is_some() {
        return Err(Error::conflict(
            "the partner’s own people said that they shared it by hand: sent, it would stand there twice",
        ));
    }
    if account.state != AccountState::Active.as_str() {
        return Err(Error::conflict("its account has to be connected again first"));
    }
    let now_ms = ctx.now_ms();
    let as_it_is = post.uncertain || state == PostState::Due;
    if as_it_is && recalled::is_recalled(ctx, &Said::of(&post, &account)).await? {
        return Err(Error::conflict(format!(
            "{} was recalled, and this post has what it said before; if a try may have arrived, look at the network",
            post.asset
        )));
    }
    let fresh = if as_it_is { None } else { Some(anew(ctx, &account, post, now_ms).await?) };
    let waits = fresh.as_ref().filter(|fresh| fresh.state == PostState::WaitingApproval.as_str());
    let asked = match waits {
        Some(fresh) => notice::of_post(ctx, &account, fresh).await?,
        None => Vec::new(),
    };
    let mut tx = ctx.db.begin().await?;
    let moved = match &fresh {
        None => posts::again(&mut tx, id, now_ms).await?,
        Some(fresh) => posts::rewrite(&mut tx, fresh, true).await?,
    };
    if !moved {
        return Err(Error::conflict("somebody else has changed this post meanwhile; look at it again"));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "retry-social-post", id, "").await?;
    notice::enqueue(&mut tx, asked, now_ms).await?;
    tx.commit().await
}

/// Notes that a person shared a post by hand that was theirs to share: it counts as shared, and is not sent any more.
///
/// # Errors
/// `NotFound`; `Conflict` where it was not theirs.
pub async fn share(ctx: &Context, actor: &str, id: &str, visitor: &Visitor) -> Result<()> {
    let post = load_post(ctx, id).await?;
    if post.shared_ms.is_some() {
        return Ok(());
    }
    let account = accounts::account(&ctx.db, &post.account_id).await?;
    let network = account.and_then(|account| Network::parse(&account.network));
    let network = network.ok_or_else(|| Error::internal("a network"))?;
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    if !posts::share(&mut tx, id, now_ms).await? {
        return Err(Error::conflict(format!(
            "it is not yours to share any more: it is {}",
            post.state.replace('_', " ")
        )));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "share-social-post", id, &post.hash).await?;
    tx.commit().await?;
    let whose = (post.partner_slug.as_str(), post.asset.as_str());
    track::shared(ctx, whose, placement(network), SharedBy::Post(id), visitor).settled(ctx).await;
    Ok(())
}

/// A post with what its asset says now, due.
async fn anew(ctx: &Context, account: &Account, post: Post, now_ms: UtcMs) -> Result<Post> {
    let replaced = Replaced::load(&ctx.db).await?;
    let partner = partners::partner(&ctx.db, &account.partner_slug).await?;
    let partner = partner.ok_or_else(|| Error::not_found(format!("partner {}", account.partner_slug)))?;
    let network = Network::parse(&account.network).ok_or_else(|| Error::internal("a network"))?;
    let key = SocialPostId::parse(&post.id)?;
    let content = content::content(ctx, &replaced, (&partner, network), &post.asset, key)?;
    let content = content.ok_or_else(|| {
        Error::conflict(format!("{} was recalled, is gone, or is not for this partner any more", post.asset))
    })?;
    let mut begun = content::begin(account, Ok(content))?;
    if begun.state == PostState::Failed {
        return Err(Error::invalid(format!("{}: {}; shorten its text first", post.asset, begun.because)));
    }
    // What nobody approved in these words waits for that, whoever presses the button.
    let is_approved = !post.approved_by.is_empty() && begun.hash == post.hash;
    if begun.state != PostState::WaitingApproval || is_approved {
        begun.state = PostState::Due;
    }
    Ok(plan::written(post, begun, now_ms))
}

/// Takes an account away, with its secret: what was not sent yet is not.
///
/// # Errors
/// `NotFound`, and those of the store.
pub async fn disconnect(ctx: &Context, actor: &str, id: &str) -> Result<()> {
    let account = load(ctx, id).await?;
    let (now_ms, mut tx) = (ctx.now_ms(), ctx.db.begin().await?);
    let because = format!("{actor} disconnected it");
    let to = AccountState::Disconnected.as_str();
    if !accounts::move_to(&mut tx, id, (&account.state, to), &because, now_ms).await? {
        return Err(Error::conflict("somebody else has changed this account meanwhile; look at it again"));
    }
    let withdrawn = posts::withdraw_all(&mut tx, id, "its account was disconnected", now_ms).await?;
    let detail = format!("{} at {}, {withdrawn} posts withdrawn", account.handle, account.network);
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "disconnect-social-account", id, &detail).await?;
    tx.commit().await
}
