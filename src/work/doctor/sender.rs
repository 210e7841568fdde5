//! The senders' domains: they exist, may be answered, and fit each other.

use super::{Finding, Group, Subject, dkim, dmarc, receiving, return_path, spf};
use crate::channel::dns::{Dns, Kind};

/// Everything that DNS says about the senders, and signing.
pub(super) async fn check(subject: &Subject) -> Vec<Finding> {
    if subject.is_catcher() && !subject.dns_anyway {
        return vec![Finding::new(Group::Sender, "sender", "mail.relay").unknown(
            "the relay is the catcher: every mail stays in this process, so DNS was not asked",
            "set mail.relay to your relay, or run `partnercast doctor --dns` to look at DNS before",
        )];
    }
    let domains = subject.sending_domains();
    if domains.is_empty() {
        return vec![Finding::new(Group::Sender, "sender", "vendor.toml").unknown(
            "no senders are known: there is no content with a [sender.*] yet",
            "set content.dir to the content folder, or start `serve` once with it",
        )];
    }
    let mut findings = Vec::new();
    for domain in &domains {
        findings.push(mail_servers(&*subject.dns, domain).await);
        // Receivers check SPF for the return path, which may lie elsewhere.
        if subject.return_path_domain.is_none() {
            findings.push(spf::check(subject, domain).await);
        }
        findings.extend(dkim::check(subject, domain).await);
        findings.extend(dmarc::check(subject, domain).await);
    }
    let return_path = subject.return_path_domain.as_ref();
    if let Some(domain) = return_path {
        findings.extend(return_path::check(subject, domain).await);
    }
    findings.extend(dkim::faults(subject));
    for domain in domains.iter().chain(return_path.filter(|domain| !domains.contains(domain))) {
        findings.extend(receiving::check(subject, domain).await);
    }
    findings.push(feedback_loops(&domains, return_path));
    findings
}

/// Receivers refuse senders that cannot be answered (RFC 5321 section 5.1, RFC 7505).
async fn mail_servers(dns: &dyn Dns, domain: &str) -> Finding {
    let finding = Finding::new(Group::Sender, "mail-servers", domain);
    let publish =
        format!("with the name of the server that takes its mail, publish: {domain}. MX 10 mail.{domain}.");
    let servers = match dns.ask(domain, Kind::Mx).await {
        Ok(servers) => servers,
        Err(why) => return finding.unanswered(&why),
    };
    if servers.iter().any(|server| server.ends_with(" .")) {
        return finding
            .fail("it says that it takes no mail (a null MX), so receivers refuse what it sends", publish);
    }
    if !servers.is_empty() {
        return finding.pass(format!("MX {}", servers.join(", ")));
    }
    match (dns.ask(domain, Kind::A).await, dns.ask(domain, Kind::Aaaa).await) {
        (Ok(v4), Ok(v6)) if v4.is_empty() && v6.is_empty() => {
            finding.fail("it has neither MX nor an address, so receivers refuse what it sends", publish)
        }
        (Ok(_), Ok(_)) => finding.pass("no MX, and an address, which stands for one"),
        (Err(why), _) | (_, Err(why)) => finding.unanswered(&why),
    }
}

/// What no program can look up.
fn feedback_loops(domains: &[String], return_path: Option<&String>) -> Finding {
    let to = return_path.map_or_else(String::new, |domain| {
        format!(" and give them an address at {domain} for complaints, which then stop whom they come from")
    });
    Finding::new(Group::Sender, "feedback-loops", domains.join(", ")).unknown(
        "complaints reach you only where the domain is registered, which cannot be seen from here",
        format!(
            "register it once at Google Postmaster Tools, Yahoo Complaint Feedback Loop, Microsoft SNDS and JMRP{to}; keep \
             complaints under 0.1 %, never 0.3 %"
        ),
    )
}
