use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};

use super::{lmtp::Handed, *};
use crate::domain::kernel::Kind;

#[test]
fn imap_addresses_are_read_and_every_fault_is_told() {
    let parse = |url: &str| ImapPlace::parse(url, Done::Seen, None);
    let place = parse("imaps://b%40vendor.example:p%3Aw@mail.example/INBOX%2FBounces").unwrap();
    assert_eq!(place.to_string(), "mail.example:993/INBOX/Bounces");
    assert_eq!(parse("imap+starttls://u:p@mail.example").unwrap().to_string(), "mail.example:143/INBOX");
    let error = parse("pop3://u:hunter2@bad host:99999").unwrap_err();
    for part in ["scheme", "port", "host"] {
        assert!(error.public().contains(part), "{part}: {error}");
    }
    assert!(!format!("{error} {place:?}").contains("hunter2") && !format!("{place:?}").contains("p:w"));
    assert!(parse("imap://u:p@mail.example").unwrap_err().public().contains("plain text"));
    for bad in
        ["", "imaps://mail.example", "imaps://u@mail.example", "imaps://u:p@", "imaps://u:%0d@h.example"]
    {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_maildir_is_emptied_oldest_first_and_keeps_what_is_not_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::Maildir(dir.path().to_owned());
    let error = source.open().await.err().unwrap();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.public().contains("bounces.maildir"), "{error}");
    std::fs::create_dir_all(dir.path().join("new/folder")).unwrap();
    for no in 0..25 {
        std::fs::write(dir.path().join(format!("new/17997444{no:02}.M1.host")), format!("Subject: {no}\n\n"))
            .unwrap();
    }
    std::fs::write(dir.path().join("new/.hidden"), "x").unwrap();
    let mut opened = source.open().await.unwrap();
    let first = opened.batch(&HashSet::new()).await.unwrap();
    assert_eq!(first.len(), 20);
    assert_eq!(
        (first[0].id.as_str(), first[0].raw.as_slice()),
        ("1799744400.M1.host", b"Subject: 0\n\n".as_slice())
    );
    let ids: Vec<String> = first[1..].iter().map(|letter| letter.id.clone()).collect();
    opened.done(&ids).await.unwrap();
    opened.done(&ids).await.unwrap();
    let rest = opened.batch(&HashSet::new()).await.unwrap();
    assert_eq!(rest.len(), 6, "the one that was not recorded is there again");
    assert_eq!(opened.batch(&HashSet::from([first[0].id.clone()])).await.unwrap().len(), 5);
    assert!(dir.path().join("cur/1799744401.M1.host:2,S").exists());
    let big = dir.path().join("new/1.big");
    std::fs::write(&big, vec![b'x'; 10 * 1024 * 1024]).unwrap();
    let letters = opened.batch(&HashSet::new()).await.unwrap();
    assert_eq!((letters[0].id.as_str(), letters[0].raw.len()), ("1.big", MESSAGE_BYTES_MAX));
    opened.close().await;
}

/// An LMTP server, and what is handed over by it.
struct Lmtp {
    stream: TcpStream,
    handed: mpsc::Receiver<Handed>,
    _stop: watch::Sender<bool>,
}

impl Lmtp {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (to, handed) = mpsc::channel(4);
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(lmtp::run(listener, to, stopped));
        Self { stream: TcpStream::connect(address).await.unwrap(), handed, _stop: stop }
    }

    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until `end` was said.
    async fn until(&mut self, end: &str) -> String {
        let mut said = String::new();
        let mut chunk = [0; 4_096];
        while !said.contains(end) {
            let read = tokio::time::timeout(Duration::from_secs(20), self.stream.read(&mut chunk));
            let read = read.await.unwrap_or_else(|_| panic!("no {end:?} in {said:?}")).unwrap();
            assert!(read > 0, "hung up without {end:?}: {said}");
            said.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
        }
        said
    }
}

#[tokio::test]
async fn lmtp_answers_for_each_recipient_what_became_of_it() {
    let mut lmtp = Lmtp::new().await;
    lmtp.send("EHLO mx\r\n").await;
    lmtp.until("500 5.5.1 this is LMTP").await;
    lmtp.send("LHLO mx\r\nMAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<b+a@x.example>\r\nRCPT TO:<b+c@x.example> ORCPT=x\r\nDATA\r\n")
        .await;
    lmtp.until("354 ").await;
    lmtp.send("Subject: x\r\n\r\n..dot\r\n.\r\n").await;
    for (to, recorded) in [("b+a@x.example", true), ("b+c@x.example", false)] {
        let handed = lmtp.handed.recv().await.unwrap();
        assert_eq!(handed.letter.envelope_to.as_deref(), Some(to));
        assert_eq!(handed.letter.raw, b"Subject: x\r\n\r\n.dot\r\n");
        handed.recorded.send(recorded).unwrap();
    }
    let said = lmtp.until("451 4.3.0").await;
    assert!(said.starts_with("250 2.0.0 recorded\r\n451 "), "{said}");
    lmtp.send("DATA\r\nRSET\r\nQUIT\r\n").await;
    let said = lmtp.until("221 ").await;
    assert!(said.starts_with("503 5.5.1"), "{said}");
}

#[tokio::test]
async fn lmtp_keeps_the_beginning_of_a_big_message_and_loses_none_when_nobody_records() {
    let mut lmtp = Lmtp::new().await;
    lmtp.send("LHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<b+a@x.example>\r\nDATA\r\n").await;
    lmtp.until("354 ").await;
    let line = format!("{}\r\n", "x".repeat(998));
    lmtp.send(&line.repeat(10 * 1_024)).await;
    lmtp.send(".\r\n").await;
    let handed = lmtp.handed.recv().await.unwrap();
    assert_eq!(handed.letter.raw.len(), MESSAGE_BYTES_MAX);
    // Dropped, as when the database fails: the mail server must keep it.
    drop(handed);
    lmtp.until("451 4.3.0").await;
    lmtp.handed.close();
    lmtp.send("MAIL FROM:<>\r\nRCPT TO:<b+a@x.example>\r\nDATA\r\nx\r\n.\r\n").await;
    lmtp.until("451 4.3.0").await;
}
