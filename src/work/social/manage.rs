//! What people do with accounts and posts: connect one, say what is done there, try it, approve, send again, take it away.

use chrono::{DateTime, NaiveDate};

use super::{ACCOUNTS_MAX, content, notice, plan, secret, send::Signed, turn::kept};
use crate::{
    channel::social::{
        bluesky::{Bluesky, Session},
        mastodon::Mastodon,
    },
    domain::{
        content::{finding::did_you_mean, kinds::Network},
        kernel::{
            Error, Result,
            clock::UtcMs,
            id::{SocialAccountId, SocialPostId},
            text::single_line,
        },
        social::{AccountState, Failure, Mode, PostState, Trouble},
    },
    store::{
        audit, partners,
        social::{Account, Post, accounts, posts},
    },
    work::{Context, recall::Replaced},
};

/// Where accounts of Bluesky are that name no server.
const BLUESKY: &str = "https://bsky.social";
/// Longest password or token, in characters.
const SECRET_CHARS_MAX: usize = 4_000;

/// An account as somebody asks for it.
#[derive(Clone, Default)]
pub struct Order {
    /// The partner's slug.
    pub partner: String,
    /// `bluesky`, `mastodon`, `linkedin` or `x`.
    pub network: String,
    /// `https://host` or its name; of Bluesky `https://bsky.social` if left out.
    pub server: String,
    /// Handle, DID or address of an account at Bluesky; a name for people where a person posts.
    pub identifier: String,
    /// App password or token; nothing where a person posts.
    pub secret: String,
    /// `auto`, `approve` or `share_kit`.
    pub mode: String,
    /// When the token ends, `2027-03-01` (UTC) or RFC 3339; nothing where it does not, or nobody knows.
    pub expires: String,
}

/// An account that was connected.
#[derive(Debug, Clone)]
pub struct Connected {
    /// Its key.
    pub id: String,
    /// As people know it.
    pub handle: String,
    /// Whether the partner had it before, and it goes on.
    pub is_known: bool,
}

/// An order that was read.
struct Checked {
    network: Network,
    mode: Mode,
    server: String,
    name: String,
    expires_ms: Option<UtcMs>,
}

/// Whose account it turned out to be.
struct Found {
    remote_id: String,
    handle: String,
    session: Option<Session>,
}

/// Connects an account: its server is asked at once, and where it does not let us in nothing is stored. One that the partner has
/// goes on with the new secret, and with what waits.
///
/// # Errors
/// `Invalid` with every fault, or what the server says; `Unavailable` for one that does not answer as it should; `Conflict` for an
/// account too many.
pub async fn connect(ctx: &Context, actor: &str, order: &Order) -> Result<Connected> {
    let checked = checked(ctx, order).await?;
    let found = ask(ctx, &checked, order).await?;
    let now_ms = ctx.now_ms();
    let all = accounts::list(&ctx.db, Some(&order.partner)).await?;
    let same = |it: &&Account| {
        it.network == checked.network.as_str()
            && it.server == checked.server
            && it.remote_id == found.remote_id
    };
    let known = all.iter().find(same).map(|it| it.id.clone());
    let account = Account {
        id: known.clone().unwrap_or_else(|| SocialAccountId::new(now_ms, &*ctx.random).to_string()),
        partner_slug: order.partner.clone(),
        network: checked.network.as_str().to_owned(),
        server: checked.server,
        handle: found.handle,
        remote_id: found.remote_id,
        mode: checked.mode.as_str().to_owned(),
        state: AccountState::Active.as_str().to_owned(),
        because: format!("{actor} connected it"),
        state_ms: now_ms,
        expires_ms: checked.expires_ms,
        connected_ms: now_ms,
        connected_by: actor.to_owned(),
        worked_ms: (!order.secret.is_empty()).then_some(now_ms),
        ..Account::default()
    };
    let sealed = match order.secret.trim() {
        "" => String::new(),
        secret => secret::seal(ctx, &account.id, secret)?,
    };
    let session =
        found.session.map(|it| secret::seal_session(ctx, &account.id, &it)).transpose()?.unwrap_or_default();
    let detail = format!(
        "{} at {} {} of {}, {}",
        account.handle, account.network, account.server, order.partner, account.mode
    );
    let mut tx = ctx.db.begin().await?;
    let is_stored = if known.is_some() {
        accounts::reconnect(&mut tx, &account, (&sealed, &session)).await?.is_some()
    } else {
        if accounts::count(&mut tx, &order.partner).await? >= ACCOUNTS_MAX {
            return Err(Error::conflict(format!(
                "there are {ACCOUNTS_MAX} accounts already; take one away first"
            )));
        }
        accounts::add(&mut tx, &account, (&sealed, &session)).await?
    };
    if !is_stored {
        return Err(Error::conflict("somebody else has changed this account meanwhile; look at it again"));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "connect-social-account", &account.id, detail.trim())
        .await?;
    tx.commit().await?;
    Ok(Connected { id: account.id, handle: account.handle, is_known: known.is_some() })
}

async fn checked(ctx: &Context, order: &Order) -> Result<Checked> {
    let mut faults = Vec::new();
    let slugs = partners::slugs(&ctx.db).await?;
    if !slugs.contains(&order.partner) {
        let meant = did_you_mean(&order.partner, slugs.iter().map(String::as_str));
        faults.push(format!("partner {} was not found; {meant}", order.partner));
    }
    let network = Network::parse(order.network.trim());
    if network.is_none() {
        let words = Network::WORDS.iter().map(|(word, _)| *word);
        faults.push(format!(
            "there is no network `{}`; {}",
            order.network,
            did_you_mean(&order.network, words)
        ));
    }
    let mode = Mode::parse(order.mode.trim());
    if mode.is_none() {
        let words = Mode::ALL.iter().map(|mode| mode.as_str());
        faults.push(format!("there is no mode `{}`; {}", order.mode, did_you_mean(&order.mode, words)));
    }
    let name = single_line("the account's name", &order.identifier)
        .map_err(|error| faults.push(error.public().to_owned()))
        .unwrap_or_default();
    let secret = order.secret.trim();
    if secret.len() > SECRET_CHARS_MAX || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        faults.push(format!("a password or token has {SECRET_CHARS_MAX} visible ASCII characters at most"));
    }
    let expires_ms =
        time(&order.expires).map_err(|error| faults.push(error.public().to_owned())).unwrap_or_default();
    let server = match (network, secret.is_empty()) {
        (Some(Network::Linkedin | Network::X), false) => {
            faults
                .push("in this network a person posts: leave out the secret, with mode share_kit".to_owned());
            String::new()
        }
        (Some(_), true) if mode.is_some_and(|mode| mode != Mode::ShareKit) => {
            faults.push(
                "to post by itself it needs an app password or a token; without, the mode is share_kit"
                    .to_owned(),
            );
            String::new()
        }
        (Some(network), false) => server(ctx, network, &order.server)
            .map_err(|error| faults.push(error.public().to_owned()))
            .unwrap_or_default(),
        _ => String::new(),
    };
    if name.is_empty() && network != Some(Network::Mastodon) {
        faults.push("say which account it is: its handle, or a name for it".to_owned());
    }
    match (network, mode) {
        (Some(network), Some(mode)) if faults.is_empty() => {
            Ok(Checked { network, mode, server, name, expires_ms })
        }
        _ => Err(Error::invalid(faults.join("; "))),
    }
}

/// `https://host` of what was typed.
fn server(ctx: &Context, network: Network, typed: &str) -> Result<String> {
    let typed = match (typed.trim(), network) {
        ("", Network::Bluesky) => BLUESKY,
        ("", _) => return Err(Error::invalid("say on which server it is: https://host")),
        (typed, _) => typed,
    };
    let url = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
    let target = ctx.egress.target(&url)?;
    if target.path() != "/" {
        return Err(Error::invalid(format!("`{typed}`: write the server alone, https://host")));
    }
    Ok(target.to_string().trim_end_matches('/').to_owned())
}

/// A day, which begins at midnight in UTC, or a time.
fn time(text: &str) -> Result<Option<UtcMs>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let at = day.map(|day| day.and_utc().timestamp_millis());
    let at = at.or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis()));
    at.map(Some).ok_or_else(|| {
        Error::invalid(format!(
            "`{text}` is no time at which a token ends; write 2027-03-01 (UTC) or 2027-03-01T08:00:00Z"
        ))
    })
}

/// Asks the server whose account it is.
async fn ask(ctx: &Context, checked: &Checked, order: &Order) -> Result<Found> {
    let (secret, wall_ms) = (order.secret.trim(), ctx.clock.wall_ms());
    match checked.network {
        Network::Bluesky if !secret.is_empty() => {
            let client = Bluesky::new(&ctx.egress, &checked.server, wall_ms);
            let identifier = checked.name.trim_start_matches('@');
            let session = client
                .sign_in(identifier, secret)
                .await
                .map_err(|failure| told(&checked.server, &failure))?;
            Ok(Found {
                remote_id: session.did.clone(),
                handle: session.handle.clone(),
                session: Some(session),
            })
        }
        Network::Mastodon if !secret.is_empty() => {
            let client = Mastodon::new(&ctx.egress, &checked.server, secret, wall_ms);
            let account = client.verify().await.map_err(|failure| told(&checked.server, &failure))?;
            let host = checked.server.split_once("://").map_or("", |(_, host)| host);
            Ok(Found { handle: format!("@{}@{host}", account.name), remote_id: account.id, session: None })
        }
        network => {
            let name = if checked.name.is_empty() { network.as_str() } else { &checked.name };
            Ok(Found { remote_id: name.to_lowercase(), handle: name.to_owned(), session: None })
        }
    }
}

/// What a server said, to whoever connects.
fn told(server: &str, failure: &Failure) -> Error {
    match failure.trouble {
        Trouble::Denied | Trouble::Refused => {
            Error::invalid(format!("{server} does not let us in: {}", failure.why))
        }
        _ => Error::unavailable(format!(
            "{server} does not answer as it should: {}; try again later",
            failure.why
        )),
    }
}

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
    let said: Result<String, Failure> = match Network::parse(&account.network) {
        Some(Network::Bluesky) => {
            let mut steps = Vec::new();
            let place = (account.id.as_str(), account.server.as_str(), account.remote_id.as_str());
            let renewed = async {
                let mut signed = Signed::new(ctx, place, &mut steps).await?;
                signed.renew(&mut steps).await?;
                Ok(format!("{} ({})", signed.session.handle, signed.session.did))
            };
            renewed.await
        }
        _ => {
            let client = Mastodon::new(&ctx.egress, &account.server, &secret, ctx.clock.wall_ms());
            let asked = async {
                let known = client.verify().await?;
                let limits = client.limits().await?;
                let per_url = limits.per_url.map(|per_url| format!(", of which an address takes {per_url}"));
                Ok(format!(
                    "@{}; a post may have {} characters{}",
                    known.name,
                    limits.characters,
                    per_url.unwrap_or_default()
                ))
            };
            asked.await
        }
    };
    let now_ms = ctx.now_ms();
    let mails = match &said {
        Err(failure) if failure.trouble == Trouble::Denied => {
            notice::lost(ctx, &account, &kept(&failure.why), now_ms).await?
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
    } else if said.as_ref().is_err_and(|failure| failure.trouble == Trouble::Denied)
        && accounts::move_to(&mut tx, id, (active, lost), &detail, now_ms).await?
    {
        audit::record(&mut tx, now_ms, &*ctx.random, actor, "lose-social-account", id, &detail).await?;
        notice::enqueue(&mut tx, mails, now_ms).await?;
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "test-social-account", id, &detail).await?;
    tx.commit().await?;
    said.map_err(|failure| told(&account.server, &failure))
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
    if account.state != AccountState::Active.as_str() {
        return Err(Error::conflict("its account has to be connected again first"));
    }
    let now_ms = ctx.now_ms();
    let as_it_is = post.uncertain || state == PostState::Due;
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
