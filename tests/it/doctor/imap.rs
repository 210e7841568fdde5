//! An IMAP mailbox that is looked at, behind a server that remembers what it was asked. The real one is in
//! `tests/mail/bounce_test.py`.

use std::sync::{Arc, Mutex};

use partnercast::{
    channel::mailbox::{Done, ImapPlace, Source},
    domain::kernel::clock::DAY_MS,
    work::doctor::{Finding, Group, Status, look_at},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::{RETURN_PATH, subject, tls, worst, zone::zone};

/// A mailbox `INBOX` with three messages, and the password `right`.
struct Mailbox {
    port: u16,
    ca: tempfile::NamedTempFile,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Mailbox {
    async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (acceptor, ca) = tls::server();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, told) = (acceptor.clone(), told.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        talk(stream, &told).await;
                    }
                });
            }
        });
        Self { port, ca, asked }
    }

    fn url(&self, password: &str, folder: &str) -> String {
        format!("imaps://bounces:{password}@localhost:{}/{folder}", self.port)
    }

    async fn found(&self, url: &str, done: Done, trusted: bool, now_ms: i64) -> Vec<Finding> {
        let place = ImapPlace::parse(url, done, trusted.then_some(self.ca.path())).unwrap();
        let mut there = subject(zone(&[]));
        there.return_path_domain = Some(RETURN_PATH.to_owned());
        there.ways_back.sources = vec![Source::Imap(place)];
        there.now_ms = now_ms;
        look_at(&there, Group::Bounces).await
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, asked: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    let _ = stream.write_all(b"* OK mailbox\r\n").await;
    let mut line = String::new();
    while matches!(stream.read_line(&mut line).await, Ok(1..)) {
        let (tag, command) = line.trim_end().split_once(' ').unwrap_or_default();
        asked.lock().unwrap().push(command.to_owned());
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let answer = match verb {
            "LOGIN" if rest.contains("right") => "OK in".to_owned(),
            "LOGIN" => "NO [AUTHENTICATIONFAILED] wrong".to_owned(),
            "EXAMINE" if rest == "\"INBOX\"" => {
                format!("* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1] ok\r\n{tag} OK [READ-ONLY] done")
            }
            "UID" => format!("* SEARCH 4 5 6\r\n{tag} OK done"),
            "STATUS" if rest.contains("Archive") => {
                format!("* STATUS \"Archive\" (MESSAGES 0)\r\n{tag} OK done")
            }
            "LOGOUT" => format!("* BYE\r\n{tag} OK bye"),
            _ => "NO there is no such mailbox".to_owned(),
        };
        let answer = if answer.contains("\r\n") { answer } else { format!("{tag} {answer}") };
        let _ = stream.write_all(format!("{answer}\r\n").as_bytes()).await;
        let _ = stream.flush().await;
        line.clear();
    }
}

#[tokio::test]
async fn a_mailbox_is_looked_at_and_left_as_it_is() {
    let mailbox = Mailbox::new().await;
    let now_ms = tls::ENDS_MS - 100 * DAY_MS;
    let url = mailbox.url("right", "INBOX");
    let findings = mailbox.found(&url, Done::Move("Processed".to_owned()), true, now_ms).await;
    let (status, said) = worst(&findings, "bounce-imap");
    assert!(status == Status::Pass && said.contains("3 messages wait"), "{said}");
    assert!(said.contains("Processed is made with the first"), "{said}");
    assert!(!format!("{findings:?}").contains("right"), "no password is shown");
    assert_eq!(worst(&findings, "bounce-imap-certificate").0, Status::Pass);
    let findings = mailbox.found(&url, Done::Move("Archive".to_owned()), true, tls::ENDS_MS - DAY_MS).await;
    assert!(!worst(&findings, "bounce-imap").1.contains("Archive"), "it is there");
    let (status, said) = worst(&findings, "bounce-imap-certificate");
    assert!(status == Status::Warn && said.contains("ends in 1 days"), "{said}");
    mailbox.found(&url, Done::Seen, true, now_ms).await;
    let asked = mailbox.asked.lock().unwrap().clone();
    assert!(asked.contains(&"UID SEARCH UNSEEN UNDELETED".to_owned()), "{asked:?}");
    for command in &asked {
        let reads = ["LOGIN ", "EXAMINE ", "UID SEARCH ", "STATUS ", "LOGOUT"];
        assert!(reads.iter().any(|word| command.starts_with(word)), "{command} may change something");
    }
}

#[tokio::test]
async fn each_step_that_fails_has_its_own_fix() {
    let mailbox = Mailbox::new().await;
    let now_ms = tls::ENDS_MS - 100 * DAY_MS;
    let right = mailbox.url("right", "INBOX");
    let closed = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        format!("imaps://bounces:right@localhost:{port}")
    };
    for (url, trusted, words) in [
        (right.clone(), false, ["UnknownIssuer", "bounces.ca_file"]),
        (
            right.replace("localhost", "127.0.0.1"),
            true,
            ["TLS", "the name that the server's certificate is for"],
        ),
        (mailbox.url("left", "INBOX"), true, ["AUTHENTICATIONFAILED", "percent-encoded"]),
        (mailbox.url("right", "Elsewhere"), true, ["no such mailbox", "name a folder that is there"]),
        (closed, true, ["refused", "firewall"]),
    ] {
        let (status, said) = worst(&mailbox.found(&url, Done::Delete, trusted, now_ms).await, "bounce-imap");
        assert_eq!(status, Status::Fail, "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(!said.contains("left") && !said.contains("right"), "no password is shown: {said}");
    }
}
