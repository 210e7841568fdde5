//! The channels beside mail, one when it is asked for: whether its servers answer from here, and whether they let us in. Nothing is
//! posted. Whoever asks with an account's secret notes it, so where nothing can be noted it is not asked.

use std::collections::BTreeSet;

use chrono::Datelike as _;

use super::{Finding, Group, days_until};
use crate::{
    channel::egress::Unanswered,
    domain::{
        content::kinds::Network,
        kernel::{Result, clock::utc},
        social::{AccountState, Limits, Mode, linkedin},
    },
    store::{
        sites::{self, Site},
        social::{Account, accounts},
        webhooks::endpoints::{self, Endpoint},
    },
    work::{Context, social},
};

/// Who asks, for the audit log.
const ACTOR: &str = "partnercast doctor";
/// A token that ends sooner is told about.
const TOKEN_DAYS_MIN: i64 = 14;

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
            Ok(or_none(all.iter().map(endpoint).collect(), "endpoints", "there is no endpoint", none))
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
    let mut servers: BTreeSet<&str> = all.iter().map(|account| account.server.as_str()).collect();
    servers.remove("");
    if servers.is_empty() {
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
    if version.is_old(today.year(), today.month()) {
        return finding.warn(
            "each version is served for about a year, and then every post is refused (426)",
            "name a newer month as social.linkedin_version in the configuration; LinkedIn's documentation lists those it serves",
        );
    }
    finding.pass("it is younger than ten months; each is served for about a year")
}

/// Whether a network's server answers from here, without anybody's secret.
async fn reached(ctx: &Context, network: Network, server: &str) -> Finding {
    let finding = finding("server", server);
    let path = match network {
        Network::Bluesky => "/xrpc/com.atproto.server.describeServer",
        Network::Mastodon => "/api/v1/instance",
        Network::Linkedin | Network::X => linkedin::MEMBER_PATH,
    };
    let answered = match asked(ctx, &format!("{server}{path}")).await {
        Ok(answered) => answered,
        Err(why) => return unreached(finding, &why),
    };
    let json = serde_json::from_str::<serde_json::Value>(&answered.1).ok();
    let limits = || json.as_ref().map(Limits::of_instance).map_or(0, |limits| limits.characters);
    match (network, answered.0, json.is_some()) {
        (Network::Linkedin, 401, true) => finding.pass("it answers, and asks for a token"),
        (Network::Bluesky, 200, true) => finding.pass("it answers as a server of Bluesky"),
        (Network::Mastodon, 200, true) => finding.pass(format!(
            "it answers as a server of the Mastodon API; a post may have {} characters",
            limits()
        )),
        (_, 429 | 500..=599, _) => finding.warn(
            format!("it answers {} now", answered.0),
            "posts wait until it does better; look again later",
        ),
        (_, status, _) => finding.fail(
            format!("it answers {status}, as a server of {} does not", network.as_str()),
            "see whether the address is right, and whether a proxy or a firewall answers in its place",
        ),
    }
}

fn unreached(finding: Finding, why: &Unanswered) -> Finding {
    if why.is_ours {
        return finding.fail(
            why.why.clone(),
            "see the section [egress] of the configuration, and this machine's network and name server",
        );
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
    if let Some(busy) = busy {
        let stands = match account.state.as_str() {
            state if state == AccountState::Active.as_str() => "it worked last".to_owned(),
            state => format!("{}: {}", state.replace('_', " "), account.because),
        };
        return finding.unknown(format!("not asked; {stands}"), busy);
    }
    let again = format!(
        "connect it again: `partnercast social connect {} {} --server {}`",
        account.partner_slug, account.network, account.server
    );
    match social::test(ctx, ACTOR, &account.id).await {
        Ok(said) => match account.expires_ms.map(|ends_ms| days_until(ends_ms, ctx.now_ms())) {
            Some(days) if days < TOKEN_DAYS_MIN && account.mode != Mode::ShareKit.as_str() => {
                finding.warn(format!("we are let in as {said}; its token ends in {days} days"), again)
            }
            _ => finding.pass(format!("we are let in as {said}")),
        },
        Err(error) => finding.fail(error.public(), again),
    }
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

fn endpoint(endpoint: &Endpoint) -> Finding {
    let whose = if endpoint.partner_slug.is_empty() { "the vendor" } else { &endpoint.partner_slug };
    let finding = finding("endpoint", format!("{} of {whose} ({})", endpoint.name, endpoint.id));
    let command = |what: &str| format!("`partnercast webhook {what} {}`", endpoint.id);
    match endpoint.state.as_str() {
        "active" if endpoint.failures > 0 => finding.warn(
            format!("it failed the last {} times", endpoint.failures),
            format!("{} shows each try with its answer", command("show")),
        ),
        "active" => finding.pass("it takes what it is told"),
        "pending" => {
            finding.warn("nobody has shown yet whose it is: nothing is sent there", command("verify"))
        }
        "paused" => finding.warn(format!("paused: {}", endpoint.because), command("resume")),
        state => finding.fail(format!("{state}: {}", endpoint.because), command("resume")),
    }
}
