//! What our domains that receive say about TLS. It concerns what comes back and replies, not what leaves, so nothing here
//! fails; a broken policy keeps bounces away and is told.

use std::net::IpAddr;

use super::{Finding, Group, Subject};
use crate::{
    channel::{
        dns::Kind,
        probe::{Question, Url, ask},
    },
    domain::{
        kernel::clock::utc,
        sender::{
            dmarc::organisation_guess,
            mta_sts::{Mode, Policy, policy_id, reports_to},
        },
    },
};

/// MTA-STS and TLS-RPT of `domain`.
pub(super) async fn check(subject: &Subject, domain: &str) -> Vec<Finding> {
    vec![policy(subject, domain).await, reports(subject, domain).await]
}

async fn policy(subject: &Subject, domain: &str) -> Finding {
    let finding = Finding::new(Group::Sender, "mta-sts", domain);
    let texts = match subject.dns.ask(&format!("_mta-sts.{domain}"), Kind::Txt).await {
        Ok(texts) => texts,
        Err(why) => return finding.unanswered(&why),
    };
    let today = utc(subject.now_ms).format("%Y%m%d");
    let publish = format!("publish: _mta-sts.{domain}. TXT \"v=STSv1; id={today}\"");
    let place = format!("https://mta-sts.{domain}/.well-known/mta-sts.txt");
    match policy_id(&texts) {
        Ok(None) => finding.pass_with(
            "none, as is usual: servers may hand over mail for it in plain text",
            format!(
                "optional: to have them insist on TLS, serve a policy (RFC 8461) at {place}, then {publish}"
            ),
        ),
        Err(why) => finding.warn(format!("the record is of no use: {why}"), publish),
        Ok(Some(_)) => match fetched(subject, domain, &place).await {
            Ok(policy) => covered(finding, subject, domain, &policy).await,
            Err(why) => finding.warn(
                format!("the record promises a policy, and {why}"),
                format!(
                    "serve it at {place} with a valid certificate, or take the record _mta-sts.{domain}. out"
                ),
            ),
        },
    }
}

/// The policy as senders fetch it.
async fn fetched(subject: &Subject, domain: &str, place: &str) -> Result<Policy, String> {
    let host = format!("mta-sts.{domain}");
    let mut addresses: Vec<IpAddr> = Vec::new();
    for kind in [Kind::A, Kind::Aaaa] {
        let found = subject.dns.ask(&host, kind).await?;
        addresses.extend(found.iter().filter_map(|text| text.parse::<IpAddr>().ok()));
    }
    if addresses.is_empty() {
        return Err(format!("{host} has no address in DNS"));
    }
    let url = Url::parse(place).ok_or_else(|| format!("{place} is no web address"))?;
    let question = Question { url: &url, body: None, bearer: None, addresses: &addresses };
    match ask(&question).await {
        Ok(seen) if seen.status == 200 => Policy::parse(&seen.body),
        Ok(seen) => Err(format!("{place} answers {}", seen.status)),
        Err(why) => Err(format!("{place} cannot be read: {why}")),
    }
}

async fn covered(finding: Finding, subject: &Subject, domain: &str, policy: &Policy) -> Finding {
    let servers = match subject.dns.ask(domain, Kind::Mx).await {
        Ok(servers) => servers,
        Err(why) => return finding.unanswered(&why),
    };
    let hosts = servers.iter().filter_map(|server| server.split_once(' ')).map(|(_, host)| host);
    let outside: Vec<&str> = hosts.filter(|host| !policy.covers(host)).collect();
    let mode = policy.mode.as_str();
    if outside.is_empty() || policy.mode == Mode::Off {
        return finding.pass(format!("a policy in mode {mode}"));
    }
    let lines = outside.iter().map(|host| format!("`mx: {host}`")).collect::<Vec<_>>().join(", ");
    let happens =
        if policy.mode == Mode::Enforce { "get nothing from servers that follow it" } else { "are reported" };
    finding.warn(
        format!("its policy in mode {mode} does not name {}, which {happens}", outside.join(", ")),
        format!("add {lines} to the policy, then change the id of the record _mta-sts.{domain}."),
    )
}

async fn reports(subject: &Subject, domain: &str) -> Finding {
    let finding = Finding::new(Group::Sender, "tls-rpt", domain);
    // Not at the domain itself: mail to a return path is for partnercast, and nobody reads it.
    let reader = organisation_guess(domain);
    let publish =
        format!("publish: _smtp._tls.{domain}. TXT \"v=TLSRPTv1; rua=mailto:tls-reports@{reader}\"");
    match subject.dns.ask(&format!("_smtp._tls.{domain}"), Kind::Txt).await {
        Err(why) => finding.unanswered(&why),
        Ok(texts) => match reports_to(&texts) {
            Ok(Some(place)) => finding.pass(format!("reports on TLS go to {place}")),
            Ok(None) => finding.pass_with(
                "none, as is usual: nobody reports when TLS fails for mail to it",
                format!("optional: with an address that takes the reports, {publish}"),
            ),
            Err(why) => finding.warn(format!("the record is of no use: {why}"), publish),
        },
    }
}
