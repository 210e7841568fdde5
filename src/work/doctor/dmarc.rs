//! DMARC by tree walk (RFC 9989), and the alignment of everything that must fit the From domain.

use super::{Finding, Group, Subject};
use crate::{
    channel::{
        dns::{Dns, Kind},
        probe::Url,
    },
    domain::sender::dmarc::{self, DmarcRecord, Policy, tree_walk},
};

/// What a walk found: valid records, nearest first, and faults.
struct Walk {
    found: Vec<(String, DmarcRecord)>,
    faults: Vec<String>,
}

async fn walk(dns: &dyn Dns, domain: &str) -> Result<Walk, String> {
    let mut walk = Walk { found: Vec::new(), faults: Vec::new() };
    for name in tree_walk(domain) {
        let texts = dns.ask(&format!("_dmarc.{name}"), Kind::Txt).await?;
        let records: Vec<&String> = texts.iter().filter(|text| DmarcRecord::is_one(text)).collect();
        match records[..] {
            [] if texts.is_empty() => {}
            [] => walk.faults.push(format!("_dmarc.{name} holds no record that begins with v=DMARC1")),
            [one] => match DmarcRecord::parse(one) {
                Ok(record) => walk.found.push((name, record)),
                Err(why) => walk.faults.push(format!("_dmarc.{name}: {why}")),
            },
            _ => walk
                .faults
                .push(format!("_dmarc.{name} holds {} records, so receivers use none", records.len())),
        }
    }
    Ok(walk)
}

/// DMARC and alignment for a From on `domain`.
pub(super) async fn check(subject: &Subject, domain: &str) -> Vec<Finding> {
    let finding = Finding::new(Group::Sender, "dmarc", domain);
    let walk = match walk(&*subject.dns, domain).await {
        Ok(walk) => walk,
        Err(why) => return vec![finding.unanswered(&why)],
    };
    let organisation = dmarc::organisation(domain, &walk.found);
    let own = walk.found.iter().find(|(name, _)| name == domain);
    let applying = own.or_else(|| walk.found.iter().find(|(name, _)| *name == organisation));
    let mut findings = Vec::new();
    match applying {
        None => {
            let why = if walk.faults.is_empty() {
                "there is no DMARC record".to_owned()
            } else {
                walk.faults.join("; ")
            };
            let at = if walk.faults.is_empty() { organisation_guess(domain) } else { domain.to_owned() };
            findings.push(finding.fail(
                why,
                format!("publish: _dmarc.{at}. TXT \"v=DMARC1; p=none; rua=mailto:dmarc-reports@{at}\""),
            ));
        }
        Some((name, record)) => {
            findings.push(policy(finding, &walk, name, record, domain));
            findings.extend(reports(&*subject.dns, name, record).await);
        }
    }
    findings.extend(alignment(subject, domain, &organisation, applying.map(|(_, record)| record)).await);
    findings
}

/// Where a first record is best published: one label under the top.
fn organisation_guess(domain: &str) -> String {
    let labels: Vec<&str> = domain.split('.').collect();
    labels[labels.len().saturating_sub(2)..].join(".")
}

fn policy(finding: Finding, walk: &Walk, name: &str, record: &DmarcRecord, domain: &str) -> Finding {
    let below = record.below.filter(|_| name != domain);
    let policy = below.unwrap_or(record.policy);
    let mut advice: Vec<String> = walk.faults.clone();
    if !record.removed.is_empty() {
        advice.push(format!("RFC 9989 took out {}=", record.removed.join("=, ")));
    }
    if record.reports_to.is_empty() {
        advice.push("without rua= nobody tells you what is rejected in your name".to_owned());
    }
    if record.testing {
        advice.push("t=y asks receivers to act one step milder".to_owned());
    }
    let found = format!("_dmarc.{name} applies, policy {}", policy.as_str());
    if advice.is_empty() {
        let more = if policy == Policy::None { "; once reports are clean, move to quarantine" } else { "" };
        finding.pass(format!("{found}{more}"))
    } else {
        let word = record.policy.as_str();
        let rua = record.reports_to.first().cloned().unwrap_or_else(|| format!("dmarc-reports@{name}"));
        finding.warn(
            format!("{found}: {}", advice.join("; ")),
            format!("publish: _dmarc.{name}. TXT \"v=DMARC1; p={word}; rua=mailto:{rua}\""),
        )
    }
}

/// Reports to somewhere else need that place's consent (RFC 9990 section 4).
async fn reports(dns: &dyn Dns, name: &str, record: &DmarcRecord) -> Vec<Finding> {
    let mut findings = Vec::new();
    for address in &record.reports_to {
        let Some((_, place)) = address.rsplit_once('@') else { continue };
        let place = place.to_lowercase();
        let inside = |inner: &str, outer: &str| {
            inner == outer || inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.'))
        };
        if inside(&place, name) || inside(name, &place) {
            continue;
        }
        let consent = format!("{name}._report._dmarc.{place}");
        let finding = Finding::new(Group::Sender, "dmarc-reports", address.clone());
        findings.push(match dns.ask(&consent, Kind::Txt).await {
            Ok(texts) if texts.iter().any(|text| DmarcRecord::is_one(text)) => {
                finding.pass(format!("{place} takes reports about {name}"))
            }
            Ok(_) => finding.warn(
                format!("{place} does not say that it takes reports about {name}, so none are sent"),
                format!("let them publish: {consent}. TXT \"v=DMARC1\"; or use an address under {name}"),
            ),
            Err(why) => finding.unanswered(&why),
        });
    }
    findings
}

/// d=, the return path and the tracking links against the From domain.
async fn alignment(
    subject: &Subject,
    domain: &str,
    organisation: &str,
    record: Option<&DmarcRecord>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let strict = record.is_some_and(|record| record.strict_dkim);
    for key in subject.signer.active(domain, subject.now_ms) {
        let finding = Finding::new(Group::Sender, "alignment", format!("d={}", key.domain));
        findings.push(if strict && key.domain != domain {
            finding.fail(
                format!("adkim=s asks for d={domain} exactly"),
                format!("list a key with domain = \"{domain}\" under [[mail.dkim]], or take adkim=s out of the record"),
            )
        } else {
            finding.pass(format!("fits a From on {domain}"))
        });
    }
    // The return path is the sender's own address, so it fits by itself; what differs is where links lead.
    findings.push(
        Finding::new(Group::Sender, "alignment", format!("return path {domain}"))
            .pass(format!("fits a From on {domain}")),
    );
    // An address without a name is this machine's, which the public address's own check tells.
    let named = |url: &Url| url.host.contains('.') && url.host.parse::<std::net::IpAddr>().is_err();
    if let Some(url) = Url::parse(&subject.public_url).filter(named) {
        findings.push(links(subject, domain, organisation, &url.host).await);
    }
    findings
}

/// Links that lead to another organisation look like phishing to filters.
async fn links(subject: &Subject, domain: &str, organisation: &str, host: &str) -> Finding {
    let finding = Finding::new(Group::Sender, "links", host);
    let theirs = match walk(&*subject.dns, host).await {
        Ok(walk) => dmarc::organisation(host, &walk.found),
        Err(why) => return finding.unanswered(&why),
    };
    let same =
        theirs == organisation || host.strip_suffix(organisation).is_some_and(|rest| rest.ends_with('.'));
    if same {
        finding.pass(format!("links lead to the same organisation as a From on {domain}"))
    } else {
        finding.warn(
            format!("links lead to {theirs}, mail comes from {organisation}: filters distrust that"),
            format!(
                "serve partnercast under a name such as news.{organisation} and set server.public_url to it"
            ),
        )
    }
}
