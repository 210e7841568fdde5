//! The domain of signed return paths in DNS: what comes back finds its way, and the relay may send for it.

use super::{
    Finding, Group, Subject,
    spf::{self, fresh, places},
};
use crate::{
    channel::{dns::Kind, mailbox::Source},
    domain::sender::{dkim::txt_strings, dmarc::organisation_guess},
};

/// What receivers ask about the return path: a way back, and SPF, which is checked for it and not for the From.
pub(super) async fn check(subject: &Subject, domain: &str) -> Vec<Finding> {
    vec![way_back(subject, domain).await, spf::check(subject, domain).await]
}

/// The two records that a return path on `domain` needs.
pub(super) async fn records(subject: &Subject, domain: &str) -> String {
    let relays = places(subject).await;
    let spf = txt_strings(&fresh(&relays));
    let mx = mx(subject, domain);
    format!(
        "{}with the name of the server that takes its mail, publish: {mx}\n{domain}. TXT {spf}",
        relays.doubt()
    )
}

fn mx(subject: &Subject, domain: &str) -> String {
    let imap = subject.ways_back.sources.iter().find_map(|source| match source {
        Source::Imap(place) if place.host().contains('.') => Some(place.host().to_owned()),
        _ => None,
    });
    // As a rule the mailbox lies on the server that takes its mail.
    let server = imap.filter(|host| host.parse::<std::net::IpAddr>().is_err());
    let server = server.unwrap_or_else(|| format!("mail.{}", organisation_guess(domain)));
    format!("{domain}. MX 10 {server}.")
}

async fn way_back(subject: &Subject, domain: &str) -> Finding {
    let finding = Finding::new(Group::Sender, "return-path-mx", domain);
    let publish =
        format!("with the name of the server that takes its mail, publish: {}", mx(subject, domain));
    let servers = match subject.dns.ask(domain, Kind::Mx).await {
        Ok(servers) => servers,
        Err(why) => return finding.unanswered(&why),
    };
    if servers.iter().any(|server| server.ends_with(" .")) {
        let found =
            "it says that it takes no mail (a null MX): bounces are lost, and receivers refuse such senders";
        return finding.fail(found, publish);
    }
    if !servers.is_empty() {
        return finding.pass(format!("bounces come back by MX {}", servers.join(", ")));
    }
    match (subject.dns.ask(domain, Kind::A).await, subject.dns.ask(domain, Kind::Aaaa).await) {
        (Ok(v4), Ok(v6)) if v4.is_empty() && v6.is_empty() => finding.fail(
            "it has neither MX nor an address: bounces are lost, and receivers refuse such senders",
            publish,
        ),
        (Ok(v4), Ok(v6)) => {
            let places = [v4, v6].concat().join(", ");
            finding.warn(
                format!("it has no MX, so bounces go to {places}; is that where mail is taken?"),
                publish,
            )
        }
        (Err(why), _) | (_, Err(why)) => finding.unanswered(&why),
    }
}
