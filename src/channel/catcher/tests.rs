//! The catcher with our own client and with rude ones, on real sockets.

use std::{path::Path, sync::Arc};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use super::{Catcher, Mailbox};
use crate::{
    channel::smtp::{Connection, Dialer, Mail, Relay, RelayTls},
    domain::kernel::{Kind, clock::ManualClock},
};

/// 2027-01-12T08:00:00Z.
const NOW_MS: i64 = 1_799_740_800_000;

struct Running {
    dir: TempDir,
    port: u16,
    received: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

async fn start() -> Running {
    start_in(TempDir::new().unwrap()).await
}

async fn start_in(dir: TempDir) -> Running {
    let clock = Arc::new(ManualClock::new(NOW_MS));
    let catcher = Catcher::bind("127.0.0.1:0".parse().unwrap(), dir.path().to_owned(), clock).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let (port, received) = (catcher.local_addr().port(), catcher.received());
    Running { dir, port, received, stop, task: tokio::spawn(catcher.run(stopped)) }
}

impl Running {
    async fn connection(&self) -> Connection {
        Dialer::new(Relay::new("127.0.0.1", self.port, RelayTls::None)).unwrap().open().await.unwrap()
    }

    /// Hands one mail over on a connection of its own and says what became of it.
    async fn send(&self, mail: Mail) -> &'static str {
        let mut connection = self.connection().await;
        let outcome = connection.send(&mail).await;
        connection.close().await;
        outcome.as_str()
    }

    fn mailbox(&self) -> Mailbox {
        Mailbox::new(self.dir.path())
    }

    async fn client(&self) -> Rude {
        Rude(BufReader::new(TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()))
    }
}

/// A client that writes what it likes.
struct Rude(BufReader<TcpStream>);

impl Rude {
    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next reply's last line; empty when the connection was closed.
    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).await.unwrap_or(0);
            if read == 0 || line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    async fn asks(&mut self, command: &str) -> String {
        self.write(format!("{command}\r\n")).await;
        self.reply().await
    }

    async fn begin(&mut self) {
        assert!(self.reply().await.starts_with("220"));
        assert!(self.asks("EHLO rude.example").await.starts_with("250"));
    }

    async fn begin_data(&mut self) {
        self.begin().await;
        for command in ["MAIL FROM:<a@vendor.example>", "RCPT TO:<b@partner.example>"] {
            assert!(self.asks(command).await.starts_with("250"), "{command}");
        }
        assert!(self.asks("DATA").await.starts_with("354"));
    }
}

fn mail(to: &str, bytes: impl Into<Vec<u8>>) -> Mail {
    Mail { envelope_from: "news@vendor.example".into(), envelope_to: to.into(), bytes: bytes.into() }
}

/// What was sent, of what was stored.
fn without_trace(raw: &[u8]) -> &[u8] {
    let at = memchr::memmem::find(raw, b"Subject:").unwrap();
    &raw[at..]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_mails_over_four_connections_arrive_byte_for_byte() {
    let mut catcher = start().await;
    let mails: Vec<Mail> = (0..500)
        .map(|n| {
            let body = match n % 5 {
                0 => ".\r\n..\r\n.leading\r\ninner . dot\r\n\r\n.".to_owned(),
                1 => "x".repeat(3_000 + n),
                2 => "Grüße aus Łódź, 你好 🙂\r\n".repeat(n),
                3 => "A plain line.\r\n".repeat(5_000),
                _ => String::new(),
            };
            mail(&format!("p{n}@partner.example"), format!("Subject: mail {n}\r\n\r\n{body}\r\n"))
        })
        .collect();
    let mut senders = JoinSet::new();
    for share in mails.chunks(125) {
        let (mut connection, share) = (catcher.connection().await, share.to_vec());
        senders.spawn(async move {
            for mail in &share {
                assert_eq!(connection.send(mail).await.as_str(), "accepted");
            }
            connection.close().await;
        });
    }
    assert_eq!(senders.join_all().await.len(), 4);
    assert_eq!(*catcher.received.wait_for(|n| *n >= 500).await.unwrap(), 500);
    let mailbox = catcher.mailbox();
    let listed = mailbox.list(1_000).await.unwrap();
    assert_eq!(listed.len(), 500);
    let mut seen = std::collections::HashSet::new();
    for envelope in listed {
        let n: usize = envelope.to[1..envelope.to.find('@').unwrap()].parse().unwrap();
        assert!(seen.insert(n));
        let raw = mailbox.raw(&envelope.id).await.unwrap();
        assert!(without_trace(&raw) == mails[n].bytes, "mail {n} changed on its way");
        assert_eq!(envelope.received_ms, NOW_MS);
    }
}

#[tokio::test]
async fn each_recipient_gets_a_copy_with_its_own_trace() {
    let catcher = start().await;
    let mut client = catcher.client().await;
    client.begin().await;
    client
        .write("MAIL FROM:<a@vendor.example> SIZE=40 BODY=8BITMIME\r\nRCPT TO:<b@x.example>\r\nRCPT TO:<c@x.example>\r\nDATA\r\n")
        .await;
    for code in ["250", "250", "250", "354"] {
        assert!(client.reply().await.starts_with(code));
    }
    assert!(client.asks("Subject: two\r\n\r\nHello\r\n.").await.starts_with("250"));
    assert!(client.asks("QUIT").await.starts_with("221"));
    let mailbox = catcher.mailbox();
    let listed = mailbox.list(10).await.unwrap();
    assert_eq!(listed.iter().map(|e| e.to.as_str()).collect::<Vec<_>>(), ["c@x.example", "b@x.example"]);
    let raw = String::from_utf8(mailbox.raw(&listed[1].id).await.unwrap()).unwrap();
    assert!(raw.starts_with("Return-Path: <a@vendor.example>\r\nDelivered-To: b@x.example\r\nReceived: from rude.example ([127.0.0.1])"));
    assert!(raw.contains("for <b@x.example>; Tue, 12 Jan 2027 08:00:00 +0000\r\nSubject: two\r\n"), "{raw}");
    assert_eq!(*catcher.received.borrow(), 2);
}

#[tokio::test]
async fn only_crlf_dot_crlf_ends_a_message() {
    let catcher = start().await;
    for trick in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\n.\r.\r\r\n.x\r\n"] {
        let mut client = catcher.client().await;
        client.begin_data().await;
        let body = format!("Subject: one\r\n\r\nHello{trick}MAIL FROM:<evil@x.example>\r\nQUIT");
        // In pieces of a byte, so that every state of the reader is met.
        for byte in body.as_bytes() {
            client.write([*byte]).await;
            client.0.get_mut().flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        assert!(client.asks("\r\n.").await.starts_with("250 2.0.0 stored"), "{trick:?}");
        assert!(client.asks("NOOP").await.starts_with("250"));
    }
    assert_eq!(*catcher.received.borrow(), 6, "one message each");
}

#[tokio::test]
async fn rude_commands_are_refused_and_limits_hold() {
    let catcher = start().await;
    let mut client = catcher.client().await;
    client.begin().await;
    for (command, code) in [
        ("RCPT TO:<b@x.example>", "503"),
        ("DATA", "503"),
        ("MAIL FROM:<a@x.example", "501"),
        ("MAIL FROM:<a@x.example> SIZE=99000000", "552"),
        ("MAIL FROM:<a@x.example> FUTURE=1", "555"),
        ("MAIL FROM:<>", "250"),
        ("MAIL FROM:<>", "503"),
        ("RCPT TO:<>", "501"),
        ("RCPT TO:<a b@x.example>", "501"),
        ("VRFY someone", "252"),
        ("STARTTLS", "500"),
        ("RSET", "250"),
        ("RCPT TO:<b@x.example>", "503"),
        ("MAIL FROM:<a@x.example>", "250"),
    ] {
        assert!(client.asks(command).await.starts_with(code), "{command}");
    }
    for n in 0..100 {
        assert!(client.asks(&format!("RCPT TO:<p{n}@x.example>")).await.starts_with("250"));
    }
    assert!(client.asks("RCPT TO:<more@x.example>").await.starts_with("452"));
    client.write("NOOP\n").await;
    assert!(client.reply().await.starts_with("500"));
    assert_eq!(client.reply().await, "", "closed");

    let mut client = catcher.client().await;
    client.begin().await;
    client.write([b'x'; 5_000]).await;
    assert!(client.reply().await.starts_with("500"));

    let mut client = catcher.client().await;
    client.begin().await;
    for _ in 0..20 {
        assert!(client.asks("WHAT").await.starts_with("500"));
    }
    client.write("WHAT\r\n").await;
    client.reply().await;
    assert!(client.reply().await.starts_with("421"));

    let mut client = catcher.client().await;
    client.begin_data().await;
    client.write("0123456789abcdef".repeat(64 * 1024).repeat(26)).await;
    assert!(client.asks("\r\n.").await.starts_with("552"));
    assert!(client.asks("NOOP").await.starts_with("250"), "the session goes on");
    assert_eq!(*catcher.received.borrow(), 0);
}

#[tokio::test]
async fn the_hundred_and_first_connection_is_told_to_come_back() {
    let catcher = start().await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = catcher.client().await;
        assert!(client.reply().await.starts_with("220"));
        clients.push(client);
    }
    assert!(catcher.client().await.reply().await.starts_with("421"));
    let mut last = clients.pop().unwrap();
    assert!(last.asks("QUIT").await.starts_with("221"));
    let mut rest = String::new();
    last.0.read_to_string(&mut rest).await.unwrap();
    // The place is free once the session is over, which is just after it closed.
    loop {
        if catcher.client().await.reply().await.starts_with("220") {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn it_listens_on_this_machine_alone() {
    let dir = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::new(NOW_MS));
    for addr in ["0.0.0.0:0", "[::]:0", "192.0.2.1:25", "[::ffff:10.0.0.1]:25"] {
        let refused =
            Catcher::bind(addr.parse().unwrap(), dir.path().to_owned(), clock.clone()).await.err().unwrap();
        assert_eq!(refused.kind(), Kind::Invalid, "{addr}");
    }
}

#[tokio::test]
async fn accepted_means_stored() {
    let catcher = start().await;
    let new = catcher.dir.path().join("new");
    std::fs::remove_dir(&new).unwrap();
    assert_eq!(catcher.send(mail("p@x.example", "Subject: x\r\n\r\n")).await, "soft");
    assert_eq!(*catcher.received.borrow(), 0);
    std::fs::create_dir(&new).unwrap();
    assert_eq!(catcher.send(mail("p@x.example", "Subject: x\r\n\r\n")).await, "accepted");
    assert_eq!(std::fs::read_dir(catcher.dir.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn stopping_leaves_an_unfinished_message_with_its_sender_and_a_restart_goes_on() {
    let catcher = start().await;
    catcher.send(mail("one@x.example", "Subject: x\r\n\r\n")).await;
    let mut client = catcher.client().await;
    client.begin_data().await;
    client.write("Subject: half\r\n\r\nHel").await;
    catcher.stop.send(true).unwrap();
    assert!(client.reply().await.starts_with("421"));
    catcher.task.await.unwrap();
    let catcher = start_in(catcher.dir).await;
    catcher.send(mail("two@x.example", "Subject: x\r\n\r\n")).await;
    let listed = catcher.mailbox().list(10).await.unwrap();
    assert_eq!(listed.iter().map(|e| e.to.as_str()).collect::<Vec<_>>(), ["two@x.example", "one@x.example"]);
}

const FULL: &str = "Received: from x\r\n\tby y; Tue, 12 Jan 2027 08:00:00 +0000\r\n\
    From: =?utf-8?q?N=C3=B6rdlicht?= <news@vendor.example>\r\nTo: Ana <ana@partner.example>\r\n\
    Date: Tue, 12 Jan 2027 09:00:00 +0100\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
    Message-ID: <abc.g1@vendor.example>\r\nList-Unsubscribe: <https://v.example/u/1>,\r\n <mailto:u@v.example>\r\n\
    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/alternative; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    Restores, not backups=\r\n.\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Restores</p>\r\n--b--\r\n";

#[tokio::test]
async fn a_message_is_read_in_all_its_parts() {
    let catcher = start().await;
    catcher.send(mail("ana+1@partner.example", FULL)).await;
    let mailbox = catcher.mailbox();
    let listed = mailbox.list(10).await.unwrap();
    let envelope = &listed[0];
    assert_eq!(envelope.from, "Nördlicht <news@vendor.example>");
    assert_eq!((envelope.to.as_str(), envelope.subject.as_str()), ("ana+1@partner.example", "Grüße"));
    assert_eq!((envelope.date_ms, envelope.received_ms), (Some(NOW_MS), NOW_MS));
    assert_eq!(envelope.snippet, "Restores, not backups.");
    let parsed = mailbox.read(&envelope.id).await.unwrap();
    assert_eq!(parsed.text.unwrap().trim(), "Restores, not backups.");
    assert_eq!(parsed.html.unwrap().trim(), "<p>Restores</p>");
    assert_eq!(parsed.message_id.as_deref(), Some("abc.g1@vendor.example"));
    assert_eq!(parsed.list_unsubscribe.as_deref(), Some("<https://v.example/u/1>, <mailto:u@v.example>"));
    let names: Vec<_> = parsed.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(&names[..5], ["Return-Path", "Delivered-To", "Received", "Received", "From"]);
    // A message of one part does not get the other one made up.
    catcher.send(mail("b@x.example", "Subject: x\r\n\r\nOnly text\r\n")).await;
    let id = mailbox.list(1).await.unwrap()[0].id.clone();
    let parsed = mailbox.read(&id).await.unwrap();
    assert_eq!((parsed.html, parsed.text.as_deref().map(str::trim)), (None, Some("Only text")));
}

#[tokio::test]
async fn a_mail_nested_without_end_is_listed_and_not_opened() {
    let catcher = start().await;
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let sent = catcher.send(mail("p@x.example", format!("Subject: deep\r\n{nested}"))).await;
    assert_eq!(sent, "accepted");
    let listed = catcher.mailbox().list(10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(catcher.mailbox().read(&listed[0].id).await.is_err());
}

#[tokio::test]
async fn a_listing_opens_each_message_once_and_ids_are_plain_names() {
    let dir = TempDir::new().unwrap();
    let write = |folder: &str, name: &str, text: &str| {
        std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        std::fs::write(Path::new(dir.path()).join(folder).join(name), text).unwrap();
    };
    let mailbox = Mailbox::new(dir.path());
    assert!(mailbox.list(10).await.unwrap().is_empty(), "nothing there yet");
    write("new", "000000000001.T00000000000001.partnercast", "Subject: first\r\n\r\n");
    write("cur", "000000000002.T00000000000002.partnercast:2,S", "Subject: second\r\n\r\n");
    let subjects = |listed: Vec<super::Envelope>| {
        listed.into_iter().map(|envelope| envelope.subject).collect::<Vec<_>>()
    };
    assert_eq!(subjects(mailbox.list(10).await.unwrap()), ["second", "first"]);
    write("new", "000000000001.T00000000000001.partnercast", "Subject: changed\r\n\r\n");
    write("new", "000000000003.T00000000000003.partnercast", "Subject: third\r\n\r\n");
    assert_eq!(
        subjects(mailbox.list(10).await.unwrap()),
        ["third", "second", "first"],
        "`first` was remembered"
    );
    assert_eq!(subjects(mailbox.list(1).await.unwrap()), ["third"]);
    assert_eq!(mailbox.read("000000000002.T00000000000002.partnercast").await.unwrap().subject, "second");
    write(".", "secret", "Subject: secret\r\n\r\n");
    for id in ["../secret", "..", ".", "", "/etc/hostname", "a/b", "new/../../secret", "x\0", "nothing"] {
        assert_eq!(mailbox.read(id).await.unwrap_err().kind(), Kind::NotFound, "{id}");
    }
}
