//! `doctor`: what it finds in good and bad surroundings, through its library, real DNS and the program itself.

mod blocklists;
mod bounces;
mod clock;
mod imap;
mod program;
mod proxy;
mod relay;
mod return_path;
mod sender;
mod stored;
mod tls;
mod zone;

use std::sync::Arc;

use partnercast::{
    channel::smtp::{Relay, RelayTls},
    domain::kernel::token::Keys,
    render::email::dkim::{DkimKey, Signer, SigningKey},
    work::{
        doctor::{Finding, Status, Subject, WaysBack},
        folder, sync,
    },
};

use tokio::time::Instant;

use crate::{harness::START_MS, story::content};

const DOMAIN: &str = "partners.brackenfold.example";
const RETURN_PATH: &str = "bounces.partners.brackenfold.example";

/// An RSA and an Ed25519 key of the demo vendor's.
fn keys() -> [DkimKey; 2] {
    [
        key("r1", None, include_bytes!("../../keys/rsa-2048.pem")),
        key("e1", None, include_bytes!("../../keys/ed25519.pem")),
    ]
}

fn key(selector: &str, from_ms: Option<i64>, pem: &[u8]) -> DkimKey {
    DkimKey::new(DOMAIN, selector, from_ms, SigningKey::from_pem(pem).unwrap()).unwrap()
}

/// The demo vendor with everything right: both keys, a relay at relay.example, links on the vendor's own domain.
fn subject(zone: zone::Zone) -> Subject {
    Subject {
        library: Some(Arc::new(sync::read(&folder::read_now(&content()).unwrap()).library)),
        content_fault: None,
        content_errors: Vec::new(),
        signer: Signer::new(keys().into()).unwrap(),
        dkim_faults: Vec::new(),
        secret_files: Vec::new(),
        relays: vec![Relay::new("relay.example", 587, RelayTls::StartTls)],
        relay_faults: Vec::new(),
        relay_addresses: Vec::new(),
        blocklists: None,
        dns_anyway: false,
        return_path_domain: None,
        ways_back: WaysBack::default(),
        public_url: "https://news.brackenfold.example".to_owned(),
        listen: "127.0.0.1:8000".to_owned(),
        keys: Ok(Keys::new(&[vec![7; 32]]).unwrap()),
        db: Err("not looked at".to_owned()),
        sqlite_file: None,
        dns: zone::shared(zone),
        time_server: None,
        now_ms: START_MS,
        since: Instant::now(),
    }
}

/// The findings of `check`; there is at least one.
fn of<'a>(findings: &'a [Finding], check: &str) -> Vec<&'a Finding> {
    let found: Vec<&Finding> = findings.iter().filter(|finding| finding.check == check).collect();
    assert!(!found.is_empty(), "nothing was said about {check}: {findings:#?}");
    found
}

/// The worst status of `check`, with everything it says.
fn worst(findings: &[Finding], check: &str) -> (Status, String) {
    let found = of(findings, check);
    let said = found
        .iter()
        .map(|finding| {
            format!("{}: {} -> {}", finding.subject, finding.found, finding.fix.clone().unwrap_or_default())
        })
        .collect::<Vec<_>>();
    (found.iter().map(|finding| finding.status).max().unwrap(), said.join("\n"))
}
