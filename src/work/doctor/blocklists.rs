//! Blocklists about the relays' addresses, where the operator wants to know: each has its own terms of use.

use std::net::IpAddr;

use super::{Finding, Group, Subject, spf::places};
use crate::{
    channel::dns::Kind,
    domain::sender::blocklist::{ALWAYS_LISTED, Listing, NEVER_LISTED, is_public, question},
};

/// Asks every list that is named.
pub(super) async fn check(subject: &Subject) -> Vec<Finding> {
    let Some(zones) = &subject.blocklists else { return Vec::new() };
    let finding = |subject: &str| Finding::new(Group::Relay, "blocklists", subject);
    if zones.is_empty() {
        return vec![finding("[doctor] blocklists").unknown(
            "no list is named, and none is asked unbidden: each has its own terms of use",
            "under [doctor] name lists that serve you, such as blocklists = [\"bl.spamcop.net\"]; `partnercast init` writes a \
             partnercast.toml that says more",
        )];
    }
    let relays = places(subject).await;
    let known: Vec<IpAddr> =
        relays.places.into_iter().flat_map(|(_, ips)| ips).filter(|ip| is_public(*ip)).collect();
    if known.is_empty() {
        return vec![finding("[doctor] relay_addresses").unknown(
            "no public address of the relay is known, so there is nothing to ask lists about",
            "under [doctor] write the addresses from which it sends to the world: relay_addresses = [\"192.0.2.1\"]",
        )];
    }
    let mut findings = Vec::new();
    for zone in zones {
        findings.push(one(subject, finding(zone), zone, &known, relays.is_certain).await);
    }
    findings
}

async fn one(subject: &Subject, finding: Finding, zone: &str, known: &[IpAddr], is_certain: bool) -> Finding {
    if let Err(why) = serves(subject, zone).await {
        return finding.unknown(
            why,
            "ask through a resolver of your own ([dns] server), see the list's terms of use, or take it out of [doctor] \
             blocklists",
        );
    }
    let (mut listed, mut names) = (Vec::new(), Vec::new());
    for ip in known {
        let name = question(*ip, zone);
        match subject.dns.ask(&name, Kind::A).await.map(|answers| Listing::read(&answers)) {
            Ok(Listing::Absent) => names.push(ip.to_string()),
            Ok(Listing::Listed(codes)) => {
                let why = subject.dns.ask(&name, Kind::Txt).await.unwrap_or_default().join(" ");
                let why: String = why.chars().take(200).collect();
                listed.push(format!("{ip} ({})", [codes.join(", "), why].join(" ").trim()));
            }
            Ok(Listing::Refused(codes)) => {
                return finding.unknown(refuses(&codes), "see the list's terms of use, or ask again later");
            }
            Err(why) => return finding.unanswered(&why),
        }
    }
    let guess = if is_certain { "" } else { ", as far as the relay sends from where it takes mail" };
    if listed.is_empty() {
        finding.pass(format!("does not list {}{guess}", names.join(", ")))
    } else {
        finding.warn(
            format!("lists {}{guess}: receivers that follow it refuse your mail", listed.join(", ")),
            "see the list's page for the reason, mend it, and let the relay's operator ask for removal",
        )
    }
}

/// A list holds the address that is there for this question, and not the one that no list may hold (RFC 5782 section 5):
/// without asking, a list that is gone or refuses us looks like one that has nothing against us.
async fn serves(subject: &Subject, zone: &str) -> Result<(), String> {
    let ask = async |ip| {
        let answers = subject.dns.ask(&question(ip, zone), Kind::A).await;
        answers.map(|answers| Listing::read(&answers)).map_err(|why| format!("DNS could not be asked: {why}"))
    };
    match (ask(ALWAYS_LISTED).await?, ask(NEVER_LISTED).await?) {
        (Listing::Listed(_), Listing::Absent) => Ok(()),
        (Listing::Refused(codes), _) => Err(refuses(&codes)),
        (Listing::Absent, _) => {
            Err("it does not serve us, or not any more: it does not know its own test entry".to_owned())
        }
        (Listing::Listed(_), _) => Err("it lists everything, so it says nothing".to_owned()),
    }
}

fn refuses(codes: &[String]) -> String {
    format!("it refuses to answer this resolver ({})", codes.join(", "))
}
