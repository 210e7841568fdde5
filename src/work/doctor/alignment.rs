//! What must fit the From domain, so that DMARC passes and filters trust the mail: d=, the return path, the links.

use std::net::IpAddr;

use super::{
    Finding, Group, Subject,
    dmarc::{better, walk},
    return_path,
};
use crate::{
    channel::{dns::Kind, probe::Url},
    domain::sender::dmarc::{DmarcRecord, organisation},
};

/// Shorteners and hosts under whose names strangers send links too; filters judge all of them together.
const SHARED: [&str; 24] = [
    "azurewebsites.net",
    "bit.ly",
    "buff.ly",
    "cutt.ly",
    "fly.dev",
    "github.io",
    "goo.gl",
    "herokuapp.com",
    "is.gd",
    "lnkd.in",
    "loca.lt",
    "netlify.app",
    "ngrok-free.app",
    "ngrok.app",
    "ngrok.io",
    "onrender.com",
    "ow.ly",
    "pages.dev",
    "rb.gy",
    "t.co",
    "tinyurl.com",
    "trycloudflare.com",
    "vercel.app",
    "workers.dev",
];

/// A From domain, and what DMARC says of it.
pub(super) struct From<'a> {
    pub(super) domain: &'a str,
    pub(super) organisation: &'a str,
    /// The record that applies, and where it stands.
    pub(super) applying: Option<&'a (String, DmarcRecord)>,
}

impl From<'_> {
    fn record(&self) -> Option<&DmarcRecord> {
        self.applying.map(|(_, record)| record)
    }

    /// The applying record without `tag`, ready to publish.
    fn without(&self, tag: &str) -> String {
        self.applying.map(|(name, record)| better(name, record, Some(tag))).unwrap_or_default()
    }
}

/// Everything that must fit a From.
pub(super) async fn check(subject: &Subject, from: &From<'_>) -> Vec<Finding> {
    let mut findings = signatures(subject, from);
    findings.push(return_path(subject, from).await);
    // An address without a name is this machine's, which the public address's own check tells.
    let named = |url: &Url| url.host.contains('.') && url.host.parse::<IpAddr>().is_err();
    if let Some(url) = Url::parse(&subject.public_url).filter(named) {
        findings.push(links(subject, from, &url.host).await);
    }
    findings
}

fn signatures(subject: &Subject, from: &From<'_>) -> Vec<Finding> {
    let domain = from.domain;
    let strict = from.record().is_some_and(|record| record.strict_dkim);
    let active = subject.signer.active(domain, subject.now_ms);
    let one = |key: &&crate::render::email::dkim::DkimKey| {
        let finding = Finding::new(Group::Sender, "alignment", format!("d={}", key.domain));
        if strict && key.domain != domain {
            finding.fail(
                format!("adkim=s asks for d={domain} exactly"),
                format!(
                    "list a key with domain = \"{domain}\" under [[mail.dkim]], or take adkim=s out: {}",
                    from.without("adkim")
                ),
            )
        } else {
            finding.pass(format!("fits a From on {domain}"))
        }
    };
    active.iter().map(one).collect()
}

/// SPF counts for DMARC only where the return path fits (RFC 9989 section 4.4).
async fn return_path(subject: &Subject, from: &From<'_>) -> Finding {
    let domain = from.domain;
    let path = subject.return_path_domain.as_deref().unwrap_or(domain);
    let finding = Finding::new(Group::Sender, "alignment", format!("return path {path}"));
    if path == domain {
        return finding.pass(format!("fits a From on {domain}"));
    }
    let Some(record) = from.record() else {
        return finding.unknown(
            format!("whether it fits a From on {domain} cannot be told before there is a DMARC record"),
            "see dmarc above",
        );
    };
    let theirs = match walk(&*subject.dns, path).await {
        Ok(walk) => organisation(path, &walk.found),
        Err(why) => return finding.unanswered(&why),
    };
    let same = theirs == from.organisation;
    if same && !record.strict_spf {
        return finding.pass(format!("fits a From on {domain}: both belong to {theirs}"));
    }
    let why = if same {
        format!("aspf=s asks for the return path {domain} exactly")
    } else {
        format!("it belongs to {theirs}, a From on {domain} to {}", from.organisation)
    };
    let fix = if same {
        format!("take aspf=s out of the record: {}", from.without("aspf"))
    } else {
        let domain = format!("bounces.{}", from.organisation);
        let records = return_path::records(subject, &domain).await;
        format!("under [mail] set return_path_domain = \"{domain}\"; {records}")
    };
    finding.warn(format!("{why}, so SPF does not count for DMARC, and all hangs on DKIM"), fix)
}

/// Links that lead to another organisation, or where strangers' links lead, look like phishing to filters.
async fn links(subject: &Subject, from: &From<'_>, host: &str) -> Finding {
    let finding = Finding::new(Group::Sender, "links", host);
    let own = format!(
        "serve partnercast under a name such as news.{}, and set server.public_url to it",
        from.organisation
    );
    let host = host.to_lowercase();
    if let Some(shared) = SHARED.iter().find(|shared| is_inside(&host, shared)) {
        let found = format!("strangers' links lead to {shared} too, and filters judge them together");
        return finding.warn(found, own);
    }
    match (subject.dns.ask(&host, Kind::A).await, subject.dns.ask(&host, Kind::Aaaa).await) {
        (Ok(v4), Ok(v6)) if v4.is_empty() && v6.is_empty() => {
            return finding.fail(
                "it has no address in DNS, nor does a CNAME there lead to one, so no link in mail works",
                format!(
                    "with the public address of the proxy instead of 192.0.2.1, publish: {host}. A 192.0.2.1"
                ),
            );
        }
        (Err(why), _) | (_, Err(why)) => return finding.unanswered(&why),
        _ => {}
    }
    let theirs = match walk(&*subject.dns, &host).await {
        Ok(walk) => organisation(&host, &walk.found),
        Err(why) => return finding.unanswered(&why),
    };
    if theirs == from.organisation || is_inside(&host, from.organisation) {
        finding.pass(format!("links lead to the same organisation as a From on {}", from.domain))
    } else if from.applying.is_none() {
        let found = "whether it is the sender's organisation cannot be told before there is a DMARC record";
        finding.unknown(found, "see dmarc above")
    } else {
        let found =
            format!("links lead to {theirs}, mail comes from {}: filters distrust that", from.organisation);
        finding.warn(found, own)
    }
}

/// Whether `name` is `above` or a name under it.
fn is_inside(name: &str, above: &str) -> bool {
    name == above || name.strip_suffix(above).is_some_and(|rest| rest.ends_with('.'))
}
