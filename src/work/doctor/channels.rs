//! The channels beside mail, one when it is asked for: whether servers of social networks answer from here and let accounts in,
//! whether partners' sites answer, and how endpoints stand. Nothing is posted. An account's secret is used as by `social test`: that
//! is noted, an account that is refused is lost from then on, and where nothing can be written it is not used.

use std::collections::BTreeSet;

use chrono::Datelike as _;

use super::{Finding, Group, days_until};
use crate::{
    channel::{
        egress::Unanswered,
        social::{bluesky::Bluesky, linkedin::Linkedin, mastodon::Mastodon, x::X},
    },
    domain::{
        content::kinds::Network,
        kernel::{Kind, Result, clock::utc},
        social::{AccountState, Trouble},
    },
    store::{
        sites::{self, Site},
        social::{Account, accounts},
        webhooks::{
            endpoints::{self, Endpoint},
            withheld,
        },
    },
    work::{Context, social},
};

/// Who asks, for the audit log.
const ACTOR: &str = "partnercast doctor";
/// A token that ends sooner is told about.
const TOKEN_DAYS_MIN: i64 = 14;
/// What keeps us from asking at all.
const EGRESS: &str =
    "see the section [egress] of the configuration, and this machine's network and name server";

/// A channel that can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Accounts at a social network.
    Social(Network),
    /// Partners' own sites.
    Wordpress,
    /// Endpoints of other systems.
    Webhook,
}

impl Channel {
    /// All channels by their words.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("bluesky", Self::Social(Network::Bluesky)),
        ("mastodon", Self::Social(Network::Mastodon)),
        ("linkedin", Self::Social(Network::Linkedin)),
        ("x", Self::Social(Network::X)),
        ("wordpress", Self::Wordpress),
        ("webhook", Self::Webhook),
    ];
}

/// Whether looking at a channel uses anybody's secret.
///
/// # Errors
/// Those of the store.
pub async fn uses_secrets(ctx: &Context, channel: Channel) -> Result<bool> {
    let Channel::Social(network) = channel else { return Ok(false) };
    let all = accounts::list(&ctx.db, None).await?;
    Ok(all.iter().any(|account| account.network == network.as_str() && !account.server.is_empty()))
}

/// Looks at one channel. `busy` says why nothing can be noted, where that is so.
///
/// # Errors
/// Those of the store.
pub async fn check(ctx: &Context, channel: Channel, busy: Option<&str>) -> Result<Vec<Finding>> {
    match channel {
        Channel::Social(network) => of_network(ctx, network, busy).await,
        Channel::Wordpress => {
            let all = sites::list(&ctx.db, None).await?;
            let mut findings = Vec::new();
            for site in &all {
                findings.push(wordpress(ctx, site).await);
            }
            let none = "a partner's WordPress is connected with `partnercast site connect --help`";
            Ok(or_none(findings, "sites", "no site is connected", none))
        }
        Channel::Webhook => {
            let all = endpoints::list(&ctx.db, None).await?;
            let none = "an endpoint is added with `partnercast webhook add --help`";
            let mut findings = Vec::new();
            for one in &all {
                findings.push(endpoint(ctx, one).await?);
            }
            Ok(or_none(findings, "endpoints", "there is no endpoint", none))
        }
    }
}

fn finding(check: &'static str, subject: impl Into<String>) -> Finding {
    Finding::new(Group::Channels, check, subject)
}

fn or_none(findings: Vec<Finding>, check: &'static str, found: &str, next: &str) -> Vec<Finding> {
    if findings.is_empty() { vec![finding(check, "none").unknown(found, next)] } else { findings }
}

async fn of_network(ctx: &Context, network: Network, busy: Option<&str>) -> Result<Vec<Finding>> {
    let all = accounts::list(&ctx.db, None).await?;
    let all: Vec<&Account> = all.iter().filter(|account| account.network == network.as_str()).collect();
    let mut findings = Vec::new();
    if network == Network::Linkedin {
        findings.push(version(ctx));
    }
    if network == Network::X {
        findings.push(budget(ctx).await?);
    }
    let mut servers: BTreeSet<&str> = all.iter().map(|account| account.server.as_str()).collect();
    servers.remove("");
    // Without a budget X is asked for nothing.
    if servers.is_empty() && (network != Network::X || ctx.settings.x.budget.is_some()) {
        servers.extend(social::usual_server(network));
    }
    for server in servers {
        findings.push(reached(ctx, network, server).await);
    }
    let mut connected = Vec::new();
    for account in all {
        connected.push(let_in(ctx, account, busy).await);
    }
    let none = format!("one is connected with `partnercast social connect PARTNER {}`", network.as_str());
    findings.extend(or_none(connected, "account", "no account is connected", &none));
    Ok(findings)
}

/// Whether the version of LinkedIn's API that is spoken will be served for long.
fn version(ctx: &Context) -> Finding {
    let (version, today) = (&ctx.settings.linkedin, utc(ctx.clock.wall_ms()));
    let finding = finding("linkedin-version", format!("social.linkedin_version {version}"));
    if version.is_ahead(today.year(), today.month()) {
        return finding.warn(
            "there is no such version yet, and until there is every post is refused (426)",
            "name an earlier month as social.linkedin_version in the configuration",
        );
    }
    if version.is_old(today.year(), today.month()) {
        return finding.warn(
            "each version is served for about a year, and then every post is refused (426)",
            "name a newer month as social.linkedin_version in the configuration; LinkedIn's documentation lists those it serves",
        );
    }
    finding.pass("it is younger than ten months; each is served for about a year")
}

/// Whether this month's budget for X pays for more.
async fn budget(ctx: &Context) -> Result<Finding> {
    let finding = finding("x-budget", "social.x_budget_usd_monthly");
    let more = "name more as social.x_budget_usd_monthly in the configuration, or let people share until the month is over";
    Ok(match social::spending(ctx).await? {
        Some(spending) if spending.budget.is_none() => finding.warn(
            spending.says(),
            "set `x_budget_usd_monthly` under [social] in the configuration; until then each post of an account there goes to a person",
        ),
        Some(spending) if spending.posts_left == 0 || spending.is_mostly_spent() => {
            finding.warn(format!("{}: {}", spending.month_name(), spending.says()), more)
        }
        Some(spending) => finding.pass(format!("{}: {}", spending.month_name(), spending.says())),
        None => finding.unknown(
            "no budget is set: at X a person posts",
            "to post there by its interface, which charges for each post, set `x_budget_usd_monthly` under [social]",
        ),
    })
}

/// Whether a network's server answers from here, without anybody's secret.
async fn reached(ctx: &Context, network: Network, server: &str) -> Finding {
    let finding = finding("server", server);
    let wall_ms = ctx.clock.wall_ms();
    let answers = match network {
        Network::Bluesky => {
            let done = Bluesky::new(&ctx.egress, server, wall_ms).answers().await;
            done.map(|()| "it answers as a server of Bluesky".to_owned())
        }
        Network::Mastodon => Mastodon::new(&ctx.egress, server, "", wall_ms).limits().await.map(|limits| {
            format!(
                "it answers as a server of the Mastodon API; a post may have {} characters",
                limits.characters
            )
        }),
        Network::Linkedin => {
            let done =
                Linkedin::new(&ctx.egress, server, ("", &ctx.settings.linkedin), wall_ms).answers().await;
            done.map(|()| "it answers, and asks for a token".to_owned())
        }
        Network::X => X::new(&ctx.egress, server, "", wall_ms)
            .answers()
            .await
            .map(|()| "it answers, and asks for a token".to_owned()),
    };
    let failure = match answers {
        Ok(found) => return finding.pass(found),
        Err(failure) => failure,
    };
    match (failure.trouble, failure.status) {
        (Trouble::Withheld, _) => finding.fail(failure.why, EGRESS),
        (_, Some(429 | 500..=599)) => {
            finding.warn(failure.why, "posts wait until it does better; look again later")
        }
        _ => finding.fail(
            failure.why,
            "see whether the address is right, and whether a proxy or a firewall answers in its place",
        ),
    }
}

fn unreached(finding: Finding, why: &Unanswered) -> Finding {
    if why.is_ours {
        return finding.fail(why.why.clone(), EGRESS);
    }
    finding.fail(why.why.clone(), "see whether the address is right, and whether it answers elsewhere")
}

/// Status and body of what stands at an address.
async fn asked(ctx: &Context, url: &str) -> Result<(u16, String), Unanswered> {
    let target = ctx.egress.target(url).map_err(|error| Unanswered::ours(error.public()))?;
    let answered = ctx.egress.get(&target, &[("accept", "application/json")]).await?;
    Ok((answered.status, answered.body))
}

/// Whether an account's server lets us in.
async fn let_in(ctx: &Context, account: &Account, busy: Option<&str>) -> Finding {
    let finding =
        finding("account", format!("{} of {} ({})", account.handle, account.partner_slug, account.id));
    if account.server.is_empty() {
        return finding.pass("a person posts there");
    }
    let again = again(account);
    let days = account.expires_ms.map(|ends_ms| days_until(ends_ms, ctx.now_ms()));
    let ends = days.filter(|days| *days < TOKEN_DAYS_MIN).map(|days| match days {
        ..0 => "its token has ended".to_owned(),
        days => format!("its token ends in {days} days"),
    });
    if account.state != AccountState::Active.as_str() && busy.is_some() {
        return finding.fail(format!("{}: {}", account.state.replace('_', " "), account.because), again);
    }
    let said = match busy {
        Some(_) => Ok("not asked".to_owned()),
        None => social::test(ctx, ACTOR, &account.id).await.map(|said| format!("we are let in as {said}")),
    };
    match (said, ends, busy) {
        (Err(error), ..) if error.kind() == Kind::Unavailable => finding.warn(
            error.public(),
            "look again later; where the version of an API is named, see the section [social] of the configuration",
        ),
        (Err(error), ..) => finding.fail(error.public(), again),
        (Ok(said), Some(ends), _) => finding.warn(format!("{said}; {ends}"), again),
        (Ok(said), None, Some(busy)) => finding.unknown(
            said,
            format!("{busy}; meanwhile the console asks it: {}/console/social/{}", ctx.settings.public_url, account.id),
        ),
        (Ok(said), None, None) => finding.pass(said),
    }
}

/// How an account is connected again, as the same one.
fn again(account: &Account) -> String {
    let Account { partner_slug, network, server, remote_id, .. } = account;
    // A token of Mastodon's says whose it is.
    let whose = match Network::parse(network) {
        Some(Network::Mastodon) => String::new(),
        Some(Network::X) => " --client-id CLIENT_ID".to_owned(),
        _ => format!(" --account {remote_id}"),
    };
    format!(
        "connect it again: `partnercast social connect {partner_slug} {network}{whose} --server {server}`"
    )
}

async fn wordpress(ctx: &Context, site: &Site) -> Finding {
    let finding = finding("site", format!("{} of {} ({})", site.url, site.partner_slug, site.id));
    let again = format!(
        "connect it again with another application password: `partnercast site connect {} {} --user {}`",
        site.partner_slug, site.url, site.username
    );
    if site.state != "active" {
        return finding.fail(format!("{}: {}", site.state, site.because), again);
    }
    match asked(ctx, &format!("{}/index.php?rest_route=/wp/v2", site.url)).await {
        Err(why) => unreached(finding, &why),
        Ok((200, body)) if body.contains("wp/v2") => {
            finding.pass(format!("its interface answers; posts go there as {}", site.mode))
        }
        Ok((status, _)) => finding.warn(
            format!("its interface answers {status}"),
            "see whether a plug-in or a firewall there shuts the REST interface (wp-json)",
        ),
    }
}

async fn endpoint(ctx: &Context, endpoint: &Endpoint) -> Result<Finding> {
    let whose = if endpoint.partner_slug.is_empty() { "the vendor" } else { &endpoint.partner_slug };
    let finding = finding("endpoint", format!("{} of {whose} ({})", endpoint.name, endpoint.id));
    let command = |what: &str| format!("`partnercast webhook {what} {}`", endpoint.id);
    if let Some(held) = withheld::of(&ctx.db, &endpoint.id).await? {
        let since = utc(held.since_ms).format("%-d %b %Y, %H:%M UTC");
        return Ok(finding.fail(
            format!("held back by us since {since}: {}", held.why),
            format!("mend that here; it goes on by itself, or at once with {}", command("resume")),
        ));
    }
    Ok(match endpoint.state.as_str() {
        "active" if endpoint.failures > 0 => finding.warn(
            format!("it failed the last {} times", endpoint.failures),
            format!("{} shows each try with its answer", command("show")),
        ),
        "active" => match endpoint.failing_since_ms {
            None => finding.pass("it takes what it is told"),
            Some(since_ms) => finding.warn(
                format!("it has asked for time since {}", utc(since_ms).format("%-d %b %Y, %H:%M UTC")),
                format!("its owner sees to it that it takes more; {} shows each try", command("show")),
            ),
        },
        "pending" => {
            finding.warn("nobody has shown yet whose it is: nothing is sent there", command("verify"))
        }
        "paused" => finding.warn(format!("paused: {}", endpoint.because), command("resume")),
        state => finding.fail(
            format!("{state}: {}", endpoint.because),
            format!("when it works again, {}: it goes on with what waits", command("verify")),
        ),
    })
}
