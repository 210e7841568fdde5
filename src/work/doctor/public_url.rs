//! The public address, asked as a mailbox provider asks it for one-click unsubscribing (RFC 8058).

use super::{Finding, Group, Subject, certificate};
use crate::{
    channel::probe::{Seen, Url, request},
    domain::kernel::token::{Keys, Purpose},
};

/// What a mailbox provider posts.
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// The address itself, its certificate and one-click.
pub(super) async fn check(subject: &Subject) -> Vec<Finding> {
    let finding = |check| Finding::new(Group::PublicAddress, check, "server.public_url");
    if subject.public_url.is_empty() {
        let found = format!("it is not set, so links in mail lead to {} on this machine", subject.listen);
        let fix = "set server.public_url to the https address people reach you at";
        // With the catcher nobody else gets the links.
        let finding = finding("public-url");
        return vec![if subject.is_catcher() {
            finding.unknown(found, fix)
        } else {
            finding.fail(found, fix)
        }];
    }
    let address = subject.public_url.trim_end_matches('/');
    let Some(url) = Url::parse(&format!("{address}/healthz")) else {
        return vec![
            finding("public-url")
                .fail(format!("`{address}` is no web address"), "write https://news.example.com"),
        ];
    };
    let finding = |check| Finding::new(Group::PublicAddress, check, address);
    let here = url.host == "localhost" || url.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    let mut findings = Vec::new();
    match request(&url, None).await {
        Ok(seen) => {
            findings.push(healthy(finding("public-url"), &url, here, &seen));
            if let Some(ends_ms) = seen.certificate_ends_ms {
                let renew = "renew it; automatic renewal seems not to work";
                findings.push(certificate(finding("public-url-certificate"), ends_ms, subject.now_ms, renew));
            }
        }
        Err(why) => {
            findings.push(finding("public-url").fail(
                format!("nothing answers there: {why}"),
                "start `partnercast serve`, let DNS and the proxy lead to it, and give the proxy a valid certificate",
            ));
            return findings;
        }
    }
    match &subject.keys {
        Ok(keys) => findings.extend(one_click(finding, address, keys, subject.now_ms).await),
        Err(_) => findings.push(
            finding("one-click")
                .unknown("cannot be asked without the keys that sign links", "see the secrets below"),
        ),
    }
    findings
}

fn healthy(finding: Finding, url: &Url, here: bool, seen: &Seen) -> Finding {
    if !(200..300).contains(&seen.status) {
        finding.fail(
            format!("/healthz answers {}", seen.status),
            "let the proxy hand every path to partnercast unchanged, and see the log of `serve`",
        )
    } else if here {
        finding.warn(
            "it answers, on this machine alone",
            "set server.public_url to the https address people reach you at",
        )
    } else if !url.tls {
        finding.fail(
            "it is http, and one-click unsubscribing must be https (RFC 8058 section 3.1)",
            "let a proxy with a certificate stand before it and write https:// in server.public_url",
        )
    } else {
        finding.pass("answers over https")
    }
}

/// The token is signed for this question alone and stands for nobody, so nobody is unsubscribed.
async fn one_click(
    finding: impl Fn(&'static str) -> Finding,
    address: &str,
    keys: &Keys,
    now_ms: i64,
) -> Vec<Finding> {
    let token = keys.sign(Purpose::Doctor, &now_ms.to_be_bytes());
    let Some(url) = Url::parse(&format!("{address}/one-click/{token}")) else { return Vec::new() };
    let asked = (request(&url, Some(ONE_CLICK)).await, request(&url, None).await);
    let (post, get) = match asked {
        (Ok(post), Ok(get)) => (post, get),
        (Err(why), _) | (_, Err(why)) => {
            let fix = "let the proxy hand POST and GET of /one-click/ to partnercast";
            return vec![finding("one-click").fail(format!("no answer: {why}"), fix)];
        }
    };
    vec![posted(finding("one-click"), &post), gotten(finding("one-click-get"), &post, &get)]
}

fn posted(finding: Finding, post: &Seen) -> Finding {
    let fix = "let the proxy hand POST /one-click/ to partnercast as it is: no sign-in, no redirect, no cookie, no form \
               protection (RFC 8058 section 3.2)";
    if (300..400).contains(&post.status) {
        finding.fail(format!("a POST is redirected to {}", post.header("location").unwrap_or("nowhere")), fix)
    } else if !(200..300).contains(&post.status) {
        finding.fail(
            format!("a POST is answered with {}", post.status),
            if post.status == 404 {
                "the address must lead to a partnercast with the same secrets.token_keys_file"
            } else {
                fix
            },
        )
    } else if post.header("set-cookie").is_some() {
        finding.fail("a POST gets a cookie", fix)
    } else {
        finding.pass(format!("a POST is answered with {}, without redirect or cookie", post.status))
    }
}

fn gotten(finding: Finding, post: &Seen, get: &Seen) -> Finding {
    let same = (200..300).contains(&get.status) && get.body == post.body;
    if same {
        finding.fail(
            "a GET is answered like a POST, so link scanners may unsubscribe people",
            "let the proxy keep the method of requests",
        )
    } else {
        finding.pass("a GET unsubscribes nobody")
    }
}
