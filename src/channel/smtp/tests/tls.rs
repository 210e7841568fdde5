//! TLS and AUTH, with a certificate authority made for the test.

use tokio::io::{AsyncWriteExt, BufReader};
use tokio_rustls::TlsAcceptor;

use super::{
    super::{Connection, Dialer, Relay, RelayTls},
    assert_refused,
    chaos::{Act, Sink, Step, Wire},
    mails, relay, say, send_in_turn,
};
use crate::{
    channel::tests::authority,
    domain::delivery::{Stage, Trouble},
};

fn secured(sink: &Sink, tls: RelayTls, ca: &tempfile::NamedTempFile) -> Relay {
    Relay {
        host: "localhost".into(),
        tls,
        username: Some("vendor".into()),
        password: Some("hunter2".into()),
        ca_file: Some(ca.path().to_owned()),
        ..relay(sink)
    }
}

async fn under_tls(acceptor: &TlsAcceptor, wire: Wire) -> Option<Wire> {
    Some(BufReader::new(Box::new(acceptor.accept(wire.into_inner()).await.ok()?)))
}

/// Goes on under TLS, from the first byte.
fn secure(acceptor: &TlsAcceptor) -> Option<Act> {
    let acceptor = acceptor.clone();
    Some(Act::take(move |wire| {
        let acceptor = acceptor.clone();
        async move { under_tls(&acceptor, wire).await }
    }))
}

/// Answers 220 and goes on under TLS, having slipped in these bytes of plain text after the 220.
fn starttls(acceptor: &TlsAcceptor, slipped: &'static str) -> Option<Act> {
    let acceptor = acceptor.clone();
    Some(Act::take(move |mut wire| {
        let acceptor = acceptor.clone();
        async move {
            wire.write_all(format!("220 go\r\n{slipped}").as_bytes()).await.ok()?;
            under_tls(&acceptor, wire).await
        }
    }))
}

const OFFERS_TLS: &str = "250-sink\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 STARTTLS";

#[tokio::test]
async fn mail_goes_over_tls_with_auth_both_ways() {
    for tls in [RelayTls::Implicit, RelayTls::StartTls] {
        let (ca, acceptor) = authority("localhost");
        let sink = Sink::start(move |step: &Step| match step.verb.as_str() {
            "CONNECT" if tls == RelayTls::Implicit => secure(&acceptor),
            "EHLO" => say(OFFERS_TLS),
            "STARTTLS" => starttls(&acceptor, ""),
            "AUTH" => say("235 2.7.0 welcome"),
            _ => None,
        })
        .await;
        let dialer = Dialer::new(secured(&sink, tls, &ca)).unwrap();
        let mails = mails(20);
        let (one, two) =
            tokio::join!(send_in_turn(&dialer, &mails[..10]), send_in_turn(&dialer, &mails[10..]));
        assert_eq!((one, two), ((vec!["accepted"; 10], 1), (vec!["accepted"; 10], 1)));
        assert!(sink.heard().contains(&"AUTH PLAIN AHZlbmRvcgBodW50ZXIy".to_owned()));
    }
}

#[tokio::test]
async fn auth_login_is_spoken_and_a_refused_password_is_our_setup() {
    for (last, fine) in [("235 2.7.0 welcome", true), ("535 5.7.8 wrong", false)] {
        let (ca, acceptor) = authority("localhost");
        let sink = Sink::start(move |step: &Step| match step.verb.as_str() {
            "CONNECT" => secure(&acceptor),
            "EHLO" => say("250-sink\r\n250 AUTH LOGIN"),
            "AUTH" => say("334 VXNlcm5hbWU6"),
            _ if step.line == "dmVuZG9y" => say("334 UGFzc3dvcmQ6"),
            "AHVUDGVYMG==" => say(last),
            _ if step.line == "aHVudGVyMg==" => say(last),
            _ => None,
        })
        .await;
        let opened = Connection::open(&secured(&sink, RelayTls::Implicit, &ca)).await;
        match opened {
            Ok(_) => assert!(fine),
            Err(outcome) => {
                assert!(!fine);
                assert_refused(&outcome, Stage::Hello, Trouble::OurSetup);
            }
        }
        assert!(sink.heard().contains(&"aHVudGVyMg==".to_owned()), "{:?}", sink.heard());
    }
}

#[tokio::test]
async fn a_wrong_name_or_an_unknown_authority_is_refused() {
    for tls in [RelayTls::Implicit, RelayTls::StartTls] {
        for known in [true, false] {
            let (ca, acceptor) = authority(if known { "mail.other.example" } else { "localhost" });
            let (stranger, _) = authority("localhost");
            let sink = Sink::start(move |step: &Step| match step.verb.as_str() {
                "CONNECT" if tls == RelayTls::Implicit => secure(&acceptor),
                "EHLO" => say(OFFERS_TLS),
                "STARTTLS" => starttls(&acceptor, ""),
                _ => None,
            })
            .await;
            let relay = secured(&sink, tls, if known { &ca } else { &stranger });
            let outcome = Connection::open(&relay).await.err().unwrap();
            assert_refused(&outcome, Stage::Hello, Trouble::Host);
            assert_eq!(sink.count("AUTH") + sink.count("MAIL"), 0);
        }
    }
}

#[tokio::test]
async fn a_stripped_starttls_gets_no_password() {
    let (ca, acceptor) = authority("localhost");
    // The offer removed; the offer refused; replies slipped in before TLS.
    for trick in ["strip", "refuse", "inject"] {
        let acceptor = acceptor.clone();
        let sink = Sink::start(move |step: &Step| match (step.verb.as_str(), trick) {
            ("EHLO", "strip") => say("250-sink\r\n250 AUTH PLAIN LOGIN"),
            ("EHLO", _) => say(OFFERS_TLS),
            ("STARTTLS", "refuse") => say("454 4.7.0 not now"),
            ("STARTTLS", _) => starttls(&acceptor, "250-evil\r\n250 AUTH PLAIN\r\n"),
            _ => None,
        })
        .await;
        let outcome = Connection::open(&secured(&sink, RelayTls::StartTls, &ca)).await.err().unwrap();
        let trouble = if trick == "strip" { Trouble::OurSetup } else { Trouble::Host };
        assert_refused(&outcome, Stage::Hello, trouble);
        assert!(!sink.heard().iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")));
    }
    let mut plain = secured(&Sink::start(|_: &Step| None).await, RelayTls::None, &ca);
    assert!(Dialer::new(plain.clone()).is_err(), "credentials without TLS, even on loopback");
    plain.host = "127.0.0.1".into();
    assert_refused(&Connection::open(&plain).await.err().unwrap(), Stage::Connect, Trouble::OurSetup);
}
