//! The senders' domains: they exist, may be answered, and fit each other.

use super::{Finding, Group, Subject, dkim, dmarc, spf};
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
        findings.push(spf::check(subject, domain).await);
        findings.extend(dkim::check(subject, domain).await);
        findings.extend(dmarc::check(subject, domain).await);
    }
    findings.extend(dkim::faults(subject));
    findings.push(feedback_loops(&domains));
    findings
}

/// Receivers refuse senders that cannot be answered (RFC 5321 section 5.1, RFC 7505).
async fn mail_servers(dns: &dyn Dns, domain: &str) -> Finding {
    let finding = Finding::new(Group::Sender, "mail-servers", domain);
    let publish = format!("publish: {domain}. MX 10 mail.{domain}. (or whichever host takes your mail)");
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
fn feedback_loops(domains: &[String]) -> Finding {
    Finding::new(Group::Sender, "feedback-loops", domains.join(", ")).unknown(
        "complaints reach you only where the domain is registered, which cannot be seen from here",
        "register it once at Google Postmaster Tools, Yahoo Complaint Feedback Loop, Microsoft SNDS and JMRP; keep \
         complaints under 0.1 %, never 0.3 %",
    )
}
