//! The relays: they answer, may be trusted, let us in, and take mail as fast as wanted.

use super::{Finding, Group, Subject, blocklists, certificate};
use crate::{
    channel::smtp::{Capabilities, Probe, Relay, RelayTls, probe},
    domain::delivery::{Outcome, Stage},
};

/// Round trips a message costs with PIPELINING (envelope and DATA, then the message), and without.
const ROUND_TRIPS: (f64, f64) = (2.0, 4.0);
/// A smaller limit refuses ordinary newsletters, in bytes.
const SIZE_BYTES_MIN: u64 = 1 << 20;
/// Below this rate, in messages a second, it is told what would help.
const RATE_LOW: f64 = 20.0;

/// Every relay of the configuration.
pub(super) async fn check(subject: &Subject) -> Vec<Finding> {
    if subject.is_catcher() {
        let mut findings =
            vec![Finding::new(Group::Relay, "relay", "catcher").pass(
                "the built-in catcher keeps every mail in this process; nothing reaches a real mailbox",
            )];
        findings.extend(blocklists::check(subject).await);
        return findings;
    }
    let broken = subject.relay_faults.iter().map(|fault| {
        Finding::new(Group::Relay, "relay", "[mail]").fail(fault.clone(), "mend the relay's address")
    });
    let mut findings: Vec<Finding> = broken.collect();
    for relay in &subject.relays {
        findings.extend(one(relay, subject.now_ms).await);
    }
    findings.extend(blocklists::check(subject).await);
    findings
}

async fn one(relay: &Relay, now_ms: i64) -> Vec<Finding> {
    let finding = |check| Finding::new(Group::Relay, check, relay.place());
    match probe(relay).await {
        Ok(seen) => {
            let mut findings = vec![finding("relay").pass(match &relay.username {
                Some(_) => "answers and lets us in",
                None => "answers; no user and password are set",
            })];
            findings.push(tls(finding("relay-tls"), relay, &seen, now_ms));
            findings.push(features(finding("relay-features"), &seen.offers));
            findings.push(rate(finding("relay-rate"), relay, &seen));
            findings
        }
        Err(Outcome::Refused { stage, detail, .. }) => {
            vec![finding("relay").fail(detail, mend(stage, relay))]
        }
        Err(outcome) => vec![finding("relay").fail(format!("{outcome:?}"), mend(Stage::Connect, relay))],
    }
}

fn mend(stage: Stage, relay: &Relay) -> String {
    match stage {
        Stage::Connect => {
            format!(
                "check host and port in mail.relay, and that a firewall lets this machine reach {}",
                relay.place()
            )
        }
        Stage::Greeting => "the relay turns this machine away; let its operator allow our address".to_owned(),
        _ => "check user, password and scheme in mail.relay; for a private certificate set mail.ca_file"
            .to_owned(),
    }
}

fn tls(finding: Finding, relay: &Relay, seen: &Probe, now_ms: i64) -> Finding {
    match (relay.tls, seen.certificate_ends_ms) {
        (RelayTls::None, _) if seen.ip.is_loopback() => finding.pass("plain text, on this machine"),
        (RelayTls::None, _) => finding.warn(
            "mail and the addresses in it cross the network as plain text",
            if seen.offers.starttls {
                "the relay offers STARTTLS: write smtp+starttls:// instead of smtp:// in mail.relay"
            } else {
                "use smtps:// or smtp+starttls:// in mail.relay, unless the network is yours alone"
            },
        ),
        (_, Some(ends_ms)) => certificate(finding, ends_ms, now_ms, "let the relay's operator renew it"),
        (_, None) => finding.pass("TLS; the end of its certificate cannot be read"),
    }
}

fn features(finding: Finding, offers: &Capabilities) -> Finding {
    let has = |is: bool, name: &str| if is { name.to_owned() } else { format!("no {name}") };
    let size = match offers.size_bytes_max {
        Some(0) => "SIZE without limit".to_owned(),
        Some(bytes) => format!("SIZE {bytes}"),
        None => "no SIZE".to_owned(),
    };
    let list = [
        has(offers.pipelining, "PIPELINING"),
        has(offers.eight_bit, "8BITMIME"),
        has(offers.smtputf8, "SMTPUTF8"),
        size,
    ]
    .join(", ");
    match offers.size_bytes_max {
        Some(bytes) if bytes > 0 && bytes < SIZE_BYTES_MIN => finding
            .fail(format!("{list}: larger newsletters are refused"), "let its operator allow 1 MB or more"),
        _ if !offers.pipelining => finding.warn(
            format!("{list}: a message costs four round trips instead of two"),
            "let its operator turn PIPELINING on (RFC 2920)",
        ),
        _ => finding.pass(list),
    }
}

fn rate(finding: Finding, relay: &Relay, seen: &Probe) -> Finding {
    let trips = if seen.offers.pipelining { ROUND_TRIPS.0 } else { ROUND_TRIPS.1 };
    let seconds = seen.round_trip.as_secs_f64().max(0.000_05);
    let connections = relay.connections_max;
    #[expect(clippy::cast_precision_loss, reason = "at most 64")]
    let rate = connections as f64 / (trips * seconds);
    let round_trip = format!("a round trip takes {:.1} ms", seconds * 1_000.0);
    if rate < RATE_LOW {
        finding.warn(
            format!("{round_trip}: at most {rate:.0} messages a second over {connections} connections"),
            "raise mail.connections as far as the relay's operator allows, or use a relay nearby",
        )
    } else if rate > 5_000.0 {
        finding.pass(format!("{round_trip}, so the network is no limit; the relay's own speed is"))
    } else {
        finding
            .pass(format!("{round_trip}: at most {rate:.0} messages a second over {connections} connections"))
    }
}
