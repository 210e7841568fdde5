//! Relays of every kind: what each offers, and what is wrong with it.

use partnercast::{
    channel::smtp::{Relay, RelayTls},
    domain::kernel::clock::DAY_MS,
    work::doctor::{Finding, Group, Status, look_at},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{subject, tls, worst, zone::zone};

/// Greets, and answers each EHLO with `offers`.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, greeting: &str, offers: &str) {
    let mut stream = BufReader::new(stream);
    let _ = stream.write_all(format!("{greeting}\r\n").as_bytes()).await;
    let mut line = String::new();
    while matches!(stream.read_line(&mut line).await, Ok(1..)) {
        let answer = if line.starts_with("EHLO") { offers } else { "250 ok" };
        line.clear();
        let _ = stream.write_all(format!("{answer}\r\n").as_bytes()).await;
        let _ = stream.flush().await;
    }
}

async fn relay(greeting: &'static str, offers: &'static str, tls: Option<TlsAcceptor>) -> Relay {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let kind = if tls.is_some() { RelayTls::Implicit } else { RelayTls::None };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            talk(stream, greeting, offers).await;
                        }
                    }
                    None => talk(stream, greeting, offers).await,
                }
            });
        }
    });
    Relay::new("localhost", port, kind)
}

async fn found(relays: Vec<Relay>) -> Vec<Finding> {
    let mut there = subject(zone(&[]));
    there.relays = relays;
    look_at(&there, Group::Relay).await
}

const OFFERS: &str = "250-relay\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 35000000";

#[tokio::test]
async fn every_relay_is_looked_at_by_itself() {
    let good = relay("220 hello", OFFERS, None).await;
    let slow = relay("220 hello", "250-relay\r\n250 SIZE 35000000", None).await;
    let small = relay("220 hello", "250-relay\r\n250-PIPELINING\r\n250 SIZE 2000", None).await;
    let busy = relay("554 go away", OFFERS, None).await;
    let gone = Relay::new("127.0.0.1", 1, RelayTls::None);
    let bare = Relay { tls: RelayTls::StartTls, ..relay("220 hello", OFFERS, None).await };
    let relays = [&good, &slow, &small, &busy, &gone, &bare];
    let findings = found(relays.into_iter().cloned().collect()).await;
    let said = |relay: &Relay, check: &str| {
        let theirs: Vec<Finding> = findings.iter().filter(|f| f.subject == relay.place()).cloned().collect();
        worst(&theirs, check)
    };
    for check in ["relay", "relay-tls", "relay-features", "relay-rate"] {
        assert_eq!(said(&good, check).0, Status::Pass, "{:?}", said(&good, check));
    }
    assert_eq!(said(&slow, "relay-features").0, Status::Warn);
    assert_eq!(said(&small, "relay-features").0, Status::Fail);
    for (relay, words) in [(&busy, "554"), (&gone, "firewall"), (&bare, "STARTTLS")] {
        let (status, text) = said(relay, "relay");
        assert!(status == Status::Fail && text.contains(words), "{text}");
    }
}

/// A relay under TLS, the file of the authority to trust, and the time so many days before its certificate ends.
async fn ending_in(days: i64) -> (Relay, tempfile::NamedTempFile, i64) {
    let (acceptor, file) = tls::server();
    let mut relay = relay("220 hello", OFFERS, Some(acceptor)).await;
    relay.ca_file = Some(file.path().to_owned());
    (relay, file, tls::ENDS_MS - days * DAY_MS)
}

#[tokio::test]
async fn a_certificate_is_told_before_it_ends() {
    for (days, expected) in [(100, Status::Pass), (13, Status::Warn), (-1, Status::Fail)] {
        let (relay, _file, now_ms) = ending_in(days).await;
        let mut there = subject(zone(&[]));
        there.relays = vec![relay];
        // The doctor's own clock decides; TLS itself goes by the machine's.
        there.now_ms = now_ms;
        let (status, said) = worst(&look_at(&there, Group::Relay).await, "relay-tls");
        assert_eq!(status, expected, "{said}");
    }
    let (mut relay, _file, _) = ending_in(100).await;
    relay.ca_file = None;
    let (status, said) = worst(&found(vec![relay]).await, "relay");
    assert!(status == Status::Fail && said.contains("mail.ca_file"), "{said}");
}
