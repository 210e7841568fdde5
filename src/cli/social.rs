//! `partnercast social`

use clap::Subcommand;

use super::{ConfigArgument, load, looking, say, secret_line, start_log, steer, writing};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
        },
        social::Content,
    },
    store::social::{
        Account, Post, accounts,
        invitations::Invited,
        posts::{self, Attempt},
    },
    work::{
        Context,
        social::{self, Invite, Order},
    },
};

/// Posts that `posts` lists.
const SHOWN: i64 = 50;

/// Arguments of `social`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Connect an account of a partner's, or give one that is connected another password or token. Its server is asked at once;
    /// where it does not let us in, nothing is stored. The password or token is asked for, or read from standard input.
    Connect(Connect),
    /// Make a link by which a partner's own people connect their account at a server of the Mastodon API: they sign in there, and nobody
    /// hands over a token. It is good for one account, for three days, and no account is stored before it was used.
    Invite(Invitation),
    /// Withdraw an invitation: its link connects nothing any more.
    Withdraw {
        /// The invitation, `soi_…`, as `list` shows it.
        invitation: String,
    },
    /// Show all accounts, with how they fare, and the invitations that may still be followed.
    List {
        /// Only those of this partner.
        #[arg(long)]
        partner: Option<String>,
    },
    /// Show what was spent at X, month by month, and for what.
    Spending,
    /// Show the posts of an account (`soc_…`), the latest first; or one post (`spo_…`) with what it says and every try.
    Posts {
        /// The account or the post.
        id: String,
        /// Only posts in this state: waiting_approval, due, sending, posted, failed, kit, withdrawn.
        #[arg(long)]
        state: Option<String>,
    },
    /// Approve a post as it is now, which is printed.
    Approve {
        /// The post, `spo_…`.
        post: String,
    },
    /// Have a post sent now that was not.
    Retry {
        /// The post, `spo_…`.
        post: String,
    },
    /// Say what is done with what is new in an account.
    Mode {
        /// The account, `soc_…`.
        account: String,
        /// `auto`, `approve` or `share_kit`.
        mode: String,
    },
    /// Ask an account's server whether it lets us in. Nothing is posted.
    Test {
        /// The account, `soc_…`.
        account: String,
    },
    /// Take an account away, with its password or token; what was not sent yet is not.
    Disconnect {
        /// The account, `soc_…`.
        account: String,
    },
}

/// What `connect` is told.
#[derive(Debug, clap::Args)]
struct Connect {
    /// The partner's slug.
    partner: String,
    /// `bluesky`, `mastodon`, `linkedin` or `x`; `x` with mode share_kit alone unless the configuration has a budget for it.
    network: String,
    /// The account: handle or DID at Bluesky, `urn:li:organization:123` for a page at LinkedIn, a name for people where a person
    /// posts; a token of Mastodon's or X's, or of a member of LinkedIn's, says whose it is.
    #[arg(long, default_value = "")]
    account: String,
    /// Its server, `https://host`; of Bluesky bsky.social if left out; LinkedIn and X have but their own.
    #[arg(long, default_value = "")]
    server: String,
    /// What is done with what is new: `approve`, `auto` or `share_kit`. Left out, an account that is connected already stays as it
    /// is, and a new one is `approve`, or `share_kit` without a secret.
    #[arg(long, default_value = "", hide_default_value = true)]
    mode: String,
    /// When the token ends, if it does: `2027-03-01` (UTC) or `2027-03-01T08:00:00Z`; LinkedIn's after 60 days if left out. There are
    /// warnings 14, 7 and 1 days before.
    #[arg(long, default_value = "")]
    expires: String,
    /// To which application X gave the tokens: its client id. The tokens are read in one line: what X's token endpoint answered, or
    /// access token and refresh token (and the client secret of a confidential application) with blanks between them.
    #[arg(long, default_value = "")]
    client_id: String,
    /// Without a password or token: a person posts.
    #[arg(long)]
    no_secret: bool,
}

/// What `invite` is told.
#[derive(Debug, clap::Args)]
struct Invitation {
    /// The partner's slug.
    partner: String,
    /// The server, `https://host`.
    #[arg(long)]
    server: String,
    /// What is done with what is new: `approve` or `auto`; left out, `approve`. An account that is connected already stays as it is.
    #[arg(long, default_value = "", hide_default_value = true)]
    mode: String,
}

/// Does it.
///
/// # Errors
/// A database that cannot be opened; what the use cases refuse.
pub async fn main(arguments: Arguments) -> Result<()> {
    let looks = matches!(arguments.what, What::List { .. } | What::Posts { .. } | What::Spending);
    if looks {
        let ctx = looking::context(&arguments.config, None).await?;
        let shown = look(&ctx, arguments.what).await;
        ctx.db.close().await;
        return shown;
    }
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    // Asked for first: whoever types it holds no database.
    let secret = match &arguments.what {
        What::Connect(connect) if !connect.no_secret => secret()?,
        _ => String::new(),
    };
    let ctx = writing::context(&config, "/console/social").await?;
    let done = change(&ctx, arguments.what, secret).await;
    ctx.db.close().await;
    done
}

/// The password or token.
fn secret() -> Result<String> {
    let secret = secret_line::read("App password or token")?;
    if secret.is_empty() {
        return Err(Error::invalid(
            "there is no password or token: type it, or hand it over on standard input; --no-secret where a person posts",
        ));
    }
    Ok(secret)
}

async fn look(ctx: &Context, what: What) -> Result<()> {
    match what {
        What::Posts { id, .. } if id.starts_with("spo_") => {
            let post = known_post(ctx, &id).await?;
            say(&post_line(&post));
            content_lines(&post).iter().for_each(|line| say(line));
            for attempt in posts::attempts(&ctx.db, &id).await? {
                say(&attempt_line(&attempt));
            }
        }
        What::Posts { id, state } => {
            let account = accounts::account(&ctx.db, &id).await?;
            let account = account.ok_or_else(|| {
                Error::not_found_but(format!("account {id}"), "`partnercast social list` shows all")
            })?;
            say(&line(&account));
            let listed = posts::list(&ctx.db, &id, state.as_deref(), None, SHOWN).await?;
            listed.iter().for_each(|post| say(&post_line(post)));
            if listed.is_empty() {
                say("no posts yet: one is made when an asset of content/social has its day");
            }
        }
        What::List { partner } => {
            if let Some(slug) = &partner {
                looking::known_partner(ctx, slug).await?;
            }
            let all = accounts::list(&ctx.db, partner.as_deref()).await?;
            all.iter().for_each(|account| say(&line(account)));
            if all.is_empty() {
                say("there are no accounts; `partnercast social connect --help` tells how to connect one");
            }
            let invited = social::open_invitations(ctx, partner.as_deref()).await?;
            invited.iter().for_each(|one| say(&invitation_line(one)));
            if let Some(spending) = social::spending(ctx).await? {
                say(&format!("X in {}: {}", spending.month, spending.says()));
            }
        }
        What::Spending => {
            let months = social::spending_by_month(ctx).await?;
            let present = social::spending(ctx).await?.map(|it| it.month);
            for month in &months {
                // What a budget was in a month that is over, nobody has kept.
                let is_over = present.as_ref() != Some(&month.month);
                let says = if is_over { format!("{} spent", month.spent) } else { month.says() };
                say(&format!("{}  {says}", month.month));
                month.lines().iter().for_each(|line| say(&format!("    {line}")));
            }
            if months.is_empty() {
                say(
                    "nothing was spent yet: that needs `x_budget_usd_monthly` under [social] in the configuration, and an account at X",
                );
            }
        }
        _ => {}
    }
    Ok(())
}

async fn change(ctx: &Context, what: What, secret: String) -> Result<()> {
    let actor = steer::ACTOR;
    match what {
        What::Invite(Invitation { partner, server, mode }) => {
            say(&social::invite(ctx, actor, &Invite { partner, server, mode }).await?);
        }
        What::Withdraw { invitation } => {
            social::withdraw(ctx, actor, &invitation).await?;
            say(&format!("{invitation} is withdrawn: its link connects nothing any more"));
        }
        What::Connect(connect) => {
            let order = Order {
                partner: connect.partner,
                network: connect.network,
                server: connect.server,
                identifier: connect.account,
                secret,
                client: connect.client_id,
                mode: connect.mode,
                expires: connect.expires,
                invitation: None,
            };
            let connected = social::connect(ctx, actor, &order).await?;
            let again = if connected.is_known { "connected again" } else { "connected" };
            say(&format!("{}  {}  {again}", connected.id, connected.handle));
        }
        What::Approve { post } => {
            let seen = known_post(ctx, &post).await?;
            content_lines(&seen).iter().for_each(|line| say(line));
            social::approve(ctx, actor, &post, &seen.hash).await?;
            say(&format!("{post} is approved; `serve` posts it"));
        }
        What::Retry { post } => {
            social::retry(ctx, actor, &post).await?;
            say(&format!("{post} is due; `serve` posts it"));
        }
        What::Mode { account, mode } => {
            social::set_mode(ctx, actor, &account, &mode).await?;
            say(&format!("{account}: {mode} from now on"));
        }
        What::Test { account } => {
            let said = social::test(ctx, actor, &account).await?;
            say(&format!("{account} is let in as {said}"));
        }
        What::Disconnect { account } => {
            social::disconnect(ctx, actor, &account).await?;
            say(&format!("{account} is taken away"));
        }
        What::List { .. } | What::Posts { .. } | What::Spending => {}
    }
    Ok(())
}

async fn known_post(ctx: &Context, id: &str) -> Result<Post> {
    let post = posts::post(&ctx.db, id).await?;
    post.ok_or_else(|| {
        Error::not_found_but(format!("post {id}"), "`partnercast social posts` shows those of an account")
    })
}

fn minute(ms: UtcMs) -> String {
    utc(ms).format("%Y-%m-%d %H:%M").to_string()
}

/// `soc_…  northlight  bluesky  northlight.test  approve  active`
fn line(account: &Account) -> String {
    let state = match account.state.as_str() {
        "active" => "active".to_owned(),
        state => format!("{}: {}", state.replace('_', " "), account.because),
    };
    let ends = account.expires_ms.map(|at| format!(", token ends {}", minute(at))).unwrap_or_default();
    let Account { id, partner_slug, network, handle, mode, .. } = account;
    format!("{id}  {partner_slug}  {network}  {handle}  {mode}  {state}{ends}")
}

/// `soi_…  northlight  https://social.example  invited by ana, until 2027-01-10 08:00`
fn invitation_line(invited: &Invited) -> String {
    let Invited { id, partner_slug, server, made_by, .. } = invited;
    format!("{id}  {partner_slug}  {server}  invited by {made_by}, until {}", minute(invited.ends_ms))
}

/// `spo_…  2027-01-07 08:00  social/backup-green-tick  posted  at://…`
fn post_line(post: &Post) -> String {
    let state = match post.state.as_str() {
        _ if post.shared_ms.is_some() => "shared by hand".to_owned(),
        _ if post.is_there => format!("there already: {}", post.because),
        "due" if post.attempts > 0 => format!("due again {} ({})", minute(post.due_ms), post.because),
        state if post.because.is_empty() => state.replace('_', " "),
        state => format!("{}: {}", state.replace('_', " "), post.because),
    };
    let line = format!("{}  {}  {}  {state}  {}", post.id, minute(post.made_ms), post.asset, post.remote_uri);
    line.trim_end().to_owned()
}

fn content_lines(post: &Post) -> Vec<String> {
    let content: Content = serde_json::from_str(&post.content).unwrap_or_default();
    let mut lines: Vec<String> = content.text.lines().map(|line| format!("    {line}")).collect();
    lines.push(format!("    {}", content.link));
    lines.push(format!("    hash {}", post.hash));
    if !post.remote_url.is_empty() {
        lines.push(format!("    {}", post.remote_url));
    }
    lines
}

fn attempt_line(attempt: &Attempt) -> String {
    let status = attempt.status.map(|status| format!("  {status}")).unwrap_or_default();
    let Attempt { no, took_ms, verdict, detail, .. } = attempt;
    let line = format!("{no}  {}  {verdict}{status}  {took_ms} ms  {detail}", minute(attempt.at_ms));
    line.trim_end().to_owned()
}
