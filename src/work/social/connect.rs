//! Connecting an account: what was typed is checked, its server is asked whose it is, and only then is anything stored.

use chrono::{DateTime, NaiveDate};

use super::{
    ACCOUNTS_MAX, invitations, secret,
    send::x::seal,
    spend::{self, NO_BUDGET, Purchase},
};
use crate::{
    channel::egress::Host,
    channel::social::{
        bluesky::{Bluesky, Session},
        linkedin::Linkedin,
        mastodon::Mastodon,
        x::X,
    },
    domain::{
        content::{finding::did_you_mean, kinds::Network},
        kernel::{
            Error, Result,
            clock::{DAY_MS, UtcMs},
            id::SocialAccountId,
            text::single_line,
        },
        social::{
            AccountState, Failure, Mode, Trouble,
            invitation::Invitation,
            linkedin::{self, Author},
            spend::What,
            x::{self, Tokens},
        },
    },
    store::{
        Tx, audit, partners,
        social::{self as store, Account, accounts},
    },
    work::Context,
};

/// Where accounts of Bluesky are that name no server.
const BLUESKY: &str = "https://bsky.social";
/// Longest that a token of LinkedIn's lives; of one whose end nobody tells, it ends then.
const LINKEDIN_TOKEN_MS: i64 = 60 * DAY_MS;
/// Longest password or token, in characters.
const SECRET_CHARS_MAX: usize = 4_000;

/// An account as somebody asks for it.
#[derive(Clone, Default)]
pub struct Order {
    /// The partner's slug.
    pub partner: String,
    /// `bluesky`, `mastodon`, `linkedin` or `x`.
    pub network: String,
    /// `https://host` or its name; of Bluesky `https://bsky.social`, of LinkedIn and X their APIs if left out.
    pub server: String,
    /// Handle, DID or address of an account at Bluesky; of LinkedIn a page (`urn:li:organization:123`), or nothing for the member
    /// whose token it is; a name for people where a person posts.
    pub identifier: String,
    /// App password or token; nothing where a person posts. Of X what its token endpoint answered, or access and refresh token.
    pub secret: String,
    /// To which application X gave its tokens: its client id.
    pub client: String,
    /// `auto`, `approve` or `share_kit`. Left out, an account that is known stays as it is, and a new one has what needs the least of
    /// us: `approve`, or `share_kit` without a secret.
    pub mode: String,
    /// When the token ends, `2027-03-01` (UTC) or RFC 3339; nothing where it does not, or nobody knows.
    pub expires: String,
    /// By which invitation, which is good for one account, and leaves the mode of one that is known as it is.
    pub invitation: Option<Invitation>,
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
    mode: Option<Mode>,
    server: String,
    name: String,
    expires_ms: Option<UtcMs>,
    /// Those of an account at X.
    tokens: Option<Tokens>,
}

/// Whose account it turned out to be.
struct Found {
    remote_id: String,
    handle: String,
    /// Its page, where its id is of one server alone.
    profile_url: String,
    session: Option<Session>,
    /// What X gave in the place of the tokens that were pasted.
    tokens: Option<Tokens>,
}

/// Connects an account: its server is asked at once, and where it does not let us in nothing is stored. One that the partner has
/// goes on with the new secret, and with what waits.
///
/// # Errors
/// `Invalid` with every fault, or what the server says; `Unavailable` for one that does not answer as it should; `Conflict` for an
/// account too many.
pub async fn connect(ctx: &Context, actor: &str, order: &Order) -> Result<Connected> {
    let checked = checked(ctx, order).await?;
    let found = ask(ctx, actor, &checked, order).await?;
    let now_ms = ctx.now_ms();
    let is_linkedin = checked.network == Network::Linkedin && !checked.server.is_empty();
    let expires_ms = checked.expires_ms.or_else(|| is_linkedin.then_some(now_ms + LINKEDIN_TOKEN_MS));
    let all = accounts::list(&ctx.db, Some(&order.partner)).await?;
    let same = |it: &&Account| {
        it.network == checked.network.as_str()
            && it.server == checked.server
            && it.remote_id == found.remote_id
    };
    let known = all.iter().find(same);
    let usual = if order.secret.trim().is_empty() { Mode::ShareKit } else { Mode::Approve };
    // What is not said of an account that is known stays as it is then.
    let new_mode = checked.mode.filter(|_| known.is_none() || order.invitation.is_none());
    let mode = new_mode.or_else(|| Mode::parse(&known?.mode)).unwrap_or(usual);
    let known = known.map(|it| it.id.clone());
    let account = Account {
        id: known.clone().unwrap_or_else(|| SocialAccountId::new(now_ms, &*ctx.random).to_string()),
        partner_slug: order.partner.clone(),
        network: checked.network.as_str().to_owned(),
        server: checked.server,
        handle: found.handle,
        remote_id: found.remote_id,
        mode: mode.as_str().to_owned(),
        state: AccountState::Active.as_str().to_owned(),
        because: format!("{actor} connected it"),
        state_ms: now_ms,
        expires_ms,
        connected_ms: now_ms,
        connected_by: actor.to_owned(),
        worked_ms: (!order.secret.is_empty()).then_some(now_ms),
        profile_url: found.profile_url,
        ..Account::default()
    };
    let sealed = match (order.secret.trim(), &found.tokens) {
        ("", _) => String::new(),
        (_, Some(tokens)) => seal(ctx, &account.id, tokens)?,
        (secret, None) => secret::seal(ctx, &account.id, secret)?,
    };
    let session =
        found.session.map(|it| secret::seal_session(ctx, &account.id, &it)).transpose()?.unwrap_or_default();
    let detail = format!(
        "{} at {} {} of {}, {}",
        account.handle, account.network, account.server, order.partner, account.mode
    );
    let mut tx = ctx.db.begin().await?;
    if let Some(invitation) = &order.invitation
        && !store::invitations::use_up(&mut tx, &invitation.id, now_ms).await?
    {
        drop(tx);
        invitations::check(ctx, invitation).await?;
        return Err(Error::conflict("this link has changed meanwhile; follow it again"));
    }
    let is_stored = if known.is_some() {
        let new_mode = new_mode.map(Mode::as_str);
        accounts::reconnect(&mut tx, &account, new_mode, (&sealed, &session)).await?.is_some()
    } else {
        refuse_second(&mut tx, &account).await?;
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

/// Refuses an account that is connected in another place: what is posted would be posted twice.
async fn refuse_second(tx: &mut Tx, account: &Account) -> Result<()> {
    if account.server.is_empty() {
        return Ok(());
    }
    match accounts::elsewhere(tx, account).await? {
        None => Ok(()),
        Some(other) => Err(Error::conflict(format!(
            "this account is connected already, as {} at {} of partner {}: what is posted would be posted there twice; take that one \
             away first, or connect that one again",
            other.handle, other.server, other.partner_slug
        ))),
    }
}

/// Whether `order` may be carried out by a sign-in at its server, of the Mastodon API; returns that.
///
/// # Errors
/// `Invalid` with every fault.
pub(super) async fn for_sign_in(ctx: &Context, order: &Order) -> Result<String> {
    let mut faults = Vec::new();
    check_partner(ctx, order, &mut faults).await?;
    if check_mode(order, &mut faults) == Some(Mode::ShareKit) {
        faults.push("for share_kit nobody has to sign in; the modes are auto and approve".to_owned());
    }
    let server = server(ctx, Network::Mastodon, &order.server);
    let server = server.map_err(|error| faults.push(error.public().to_owned())).unwrap_or_default();
    if faults.is_empty() { Ok(server) } else { Err(Error::invalid(faults.join("; "))) }
}

async fn check_partner(ctx: &Context, order: &Order, faults: &mut Vec<String>) -> Result<()> {
    let slugs = partners::slugs(&ctx.db).await?;
    if !slugs.contains(&order.partner) {
        let meant = did_you_mean(&order.partner, slugs.iter().map(String::as_str));
        faults.push(format!("partner {} was not found; {meant}", order.partner));
    }
    Ok(())
}

fn check_mode(order: &Order, faults: &mut Vec<String>) -> Option<Mode> {
    let mode = Mode::parse(order.mode.trim());
    if mode.is_none() && !order.mode.trim().is_empty() {
        let words = Mode::ALL.iter().map(|mode| mode.as_str());
        faults.push(format!("there is no mode `{}`; {}", order.mode, did_you_mean(&order.mode, words)));
    }
    mode
}

async fn checked(ctx: &Context, order: &Order) -> Result<Checked> {
    let mut faults = Vec::new();
    check_partner(ctx, order, &mut faults).await?;
    let network = Network::parse(order.network.trim());
    if network.is_none() {
        let words = Network::WORDS.iter().map(|(word, _)| *word);
        faults.push(format!(
            "there is no network `{}`; {}",
            order.network,
            did_you_mean(&order.network, words)
        ));
    }
    let mode = check_mode(order, &mut faults);
    let name = single_line("the account's name", &order.identifier)
        .map_err(|error| faults.push(error.public().to_owned()))
        .unwrap_or_default();
    let secret = order.secret.trim();
    let mut tokens = None;
    if network == Some(Network::X) && !secret.is_empty() {
        if ctx.settings.x.budget.is_none() {
            faults.push(NO_BUDGET.to_owned());
        }
        tokens =
            Tokens::parse(secret, &order.client).map_err(|error| faults.push(error.public().to_owned())).ok();
    } else if secret.len() > SECRET_CHARS_MAX || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        faults.push(format!("a password or token has {SECRET_CHARS_MAX} visible ASCII characters at most"));
    }
    let expires_ms =
        time(&order.expires).map_err(|error| faults.push(error.public().to_owned())).unwrap_or_default();
    let server = match (network, secret.is_empty()) {
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
    // At these the token says whose it is.
    let token_says =
        !secret.is_empty() && matches!(network, Some(Network::Mastodon | Network::Linkedin | Network::X));
    if name.is_empty() && !token_says && network != Some(Network::Mastodon) {
        faults.push("say which account it is: its handle, or a name for it".to_owned());
    }
    if token_says
        && network == Some(Network::Linkedin)
        && !name.is_empty()
        && let Err(error) = Author::parse(&name)
    {
        faults.push(error.public().to_owned());
    }
    match network {
        Some(network) if faults.is_empty() => Ok(Checked { network, mode, server, name, expires_ms, tokens }),
        _ => Err(Error::invalid(faults.join("; "))),
    }
}

/// Where accounts of a network are that name no server, where they may.
pub fn usual_server(network: Network) -> Option<&'static str> {
    match network {
        Network::Bluesky => Some(BLUESKY),
        Network::Linkedin => Some(linkedin::SERVER),
        Network::X => Some(x::SERVER),
        Network::Mastodon => None,
    }
}

/// `https://host` of what was typed.
fn server(ctx: &Context, network: Network, typed: &str) -> Result<String> {
    let typed = match typed.trim() {
        "" => {
            usual_server(network).ok_or_else(|| Error::invalid("say on which server it is: https://host"))?
        }
        typed => typed,
    };
    let url = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
    let target = ctx.egress.target(&url)?;
    // A token of LinkedIn's or X's is of use to nobody else; what is allowed inside by its address stands in for it.
    let is_theirs = match (network, target.host()) {
        (Network::Linkedin, Host::Name(name)) => linkedin::is_own_host(name),
        (Network::X, Host::Name(name)) => x::is_own_host(name),
        _ => true,
    };
    if !is_theirs {
        let whose = if network == Network::X { "X" } else { "LinkedIn" };
        return Err(Error::invalid(format!("`{typed}` is not {whose}'s; leave the server out")));
    }
    if target.path() != "/" {
        return Err(Error::invalid(format!("`{typed}`: write the server alone, https://host")));
    }
    if network == Network::X && matches!(target.host(), Host::Name(_)) {
        // X has several names, and an account is one whichever is written.
        return Ok(x::SERVER.to_owned());
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
async fn ask(ctx: &Context, actor: &str, checked: &Checked, order: &Order) -> Result<Found> {
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
                profile_url: String::new(),
                session: Some(session),
                tokens: None,
            })
        }
        Network::Mastodon if !secret.is_empty() => {
            let client = Mastodon::new(&ctx.egress, &checked.server, secret, wall_ms);
            let account = client.verify().await.map_err(|failure| told(&checked.server, &failure))?;
            let host = checked.server.split_once("://").map_or("", |(_, host)| host);
            Ok(Found {
                handle: format!("@{}@{host}", account.name),
                remote_id: account.id,
                profile_url: account.url,
                session: None,
                tokens: None,
            })
        }
        Network::Linkedin if !secret.is_empty() => {
            let by = (secret, &ctx.settings.linkedin);
            let client = Linkedin::new(&ctx.egress, &checked.server, by, wall_ms);
            let asked = (!checked.name.is_empty()).then(|| Author::parse(&checked.name)).transpose()?;
            let account =
                client.verify(asked.as_ref()).await.map_err(|failure| told(&checked.server, &failure))?;
            Ok(Found {
                handle: account.name,
                remote_id: account.author.to_string(),
                profile_url: String::new(),
                session: None,
                tokens: None,
            })
        }
        Network::X if checked.tokens.is_some() => {
            let tokens = checked.tokens.as_ref().ok_or_else(|| Error::internal("tokens"))?;
            ask_x(ctx, actor, checked, tokens).await.map_err(|failure| told(&checked.server, &failure))
        }
        network => {
            let name = if checked.name.is_empty() { network.as_str() } else { &checked.name };
            Ok(Found {
                remote_id: name.to_lowercase(),
                handle: name.to_owned(),
                profile_url: String::new(),
                session: None,
                tokens: None,
            })
        }
    }
}

/// Whose tokens they are, which is paid for; and then the refresh token is tried, which gives the tokens that are kept: whoever
/// pasted one that opens nothing learns of it now, and not in two hours.
async fn ask_x(ctx: &Context, actor: &str, checked: &Checked, tokens: &Tokens) -> Result<Found, Failure> {
    let price = ctx.settings.x.prices.read_user;
    let purchase = Purchase { actor, account_id: "", post_id: "", what: What::ReadUser, price };
    let reserved = spend::reserve(ctx, &purchase).await?;
    let client = X::new(&ctx.egress, &checked.server, &tokens.access, ctx.clock.wall_ms());
    let known = match client.me().await {
        Ok(known) => known,
        Err(failure) => {
            if spend::was_refused(&failure) {
                spend::give_back(ctx, &reserved, price).await;
            }
            let over = "its access token opens nothing (any more): they live for two hours, so make new tokens and paste both";
            let is_over = failure.trouble == Trouble::SessionOver;
            let why = if is_over { format!("{over} ({})", failure.why) } else { failure.why.clone() };
            return Err(Failure {
                trouble: if is_over { Trouble::Denied } else { failure.trouble },
                why,
                ..failure
            });
        }
    };
    let asked = checked.name.trim_start_matches('@');
    if !asked.is_empty() && !asked.eq_ignore_ascii_case(&known.name) && asked != known.id {
        let why = format!("the tokens are those of @{}, not of {}", known.name, checked.name);
        return Err(Failure::new(Trouble::Denied, why));
    }
    let tokens = client.renewed(tokens).await.map_err(|failure| Failure {
        why: format!(
            "the refresh token does not renew ({}); is the client id that of its application?",
            failure.why
        ),
        ..failure
    })?;
    Ok(Found {
        remote_id: known.id,
        handle: format!("@{}", known.name),
        profile_url: String::new(),
        session: None,
        tokens: Some(tokens),
    })
}

/// What a server said, to whoever connects or tries an account.
pub(super) fn told(server: &str, failure: &Failure) -> Error {
    match failure.trouble {
        Trouble::Denied | Trouble::Refused => {
            Error::invalid(format!("{server} does not let us in: {}", failure.why))
        }
        Trouble::Unaffordable => Error::conflict(failure.why.clone()),
        Trouble::Withheld => Error::unavailable(failure.why.clone()),
        Trouble::OutOfCredit => Error::conflict(format!(
            "{server} does nothing more without credit: {}; buy credits or raise the spending limit there, and try again",
            failure.why
        )),
        _ => Error::unavailable(format!(
            "{server} does not answer as it should: {}; try again later",
            failure.why
        )),
    }
}
