//! The ways in for what comes back: a Maildir, LMTP, HTTP; the return path's self-test.

use std::path::{Path, PathBuf};

use partnercast::{
    channel::mailbox::{Source, lmtp},
    domain::kernel::clock::HOUR_MS,
    store::reports::{self, MailReport},
    work::doctor::{Finding, Group, Secret, Status, Subject, look_at},
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    sync::{mpsc, watch},
};

use super::{RETURN_PATH, subject, worst, zone::zone};
use crate::harness::{START_MS, both_dbs, databases::in_tx, outbox::bounce};

/// The demo vendor with a domain for return paths.
fn there() -> Subject {
    let mut there = subject(zone(&[]));
    there.return_path_domain = Some(RETURN_PATH.to_owned());
    there
}

async fn found(subject: &Subject) -> Vec<Finding> {
    look_at(subject, Group::Bounces).await
}

#[tokio::test]
async fn without_a_domain_nothing_stops_anybody_and_the_fix_is_whole() {
    let mut there = subject(zone(&[]));
    let (status, said) = worst(&found(&there).await, "return-path");
    assert_eq!(status, Status::Warn, "{said}");
    for words in [
        "under [mail] set return_path_domain = \"bounces.brackenfold.example\"",
        "publish: bounces.brackenfold.example. MX 10 mail.brackenfold.example.\n",
        "\nbounces.brackenfold.example. TXT \"v=spf1 ip4:198.51.100.25 ~all\"",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    there.relays.clear();
    assert_eq!(worst(&found(&there).await, "return-path").0, Status::Unknown, "the catcher");
}

#[tokio::test]
async fn a_bounce_is_taken_for_its_mail_and_a_forged_one_for_none() {
    let mut there = there();
    let findings = found(&there).await;
    let (status, said) = worst(&findings, "return-path");
    assert!(status == Status::Pass && said.contains("a forged one changes nothing"), "{said}");
    let (status, said) = worst(&findings, "bounce-last");
    assert!(status == Status::Warn && said.contains("names no source"), "{said}");
    // Valid as a domain, and too long behind a signed local part.
    there.return_path_domain = Some(format!("{}.example", ["abcdefghi"; 20].join(".")));
    let (status, said) = worst(&found(&there).await, "return-path");
    assert!(status == Status::Fail && said.contains("shorter"), "{said}");
    there.keys = Err("no such file".to_owned());
    assert_eq!(worst(&found(&there).await, "return-path").0, Status::Unknown);
    there.ways_back.faults = vec!["bounces.imap cannot be used: the scheme".to_owned()];
    let (status, said) = worst(&found(&there).await, "bounce-source");
    assert!(status == Status::Fail && said.contains("scheme"), "{said}");
}

/// Every path under `root`, sorted.
fn contents(root: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            all.push(path);
        }
    }
    all.sort();
    all
}

#[tokio::test]
async fn a_maildir_is_looked_at_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut there = there();
    there.ways_back.sources = vec![Source::Maildir(dir.path().to_owned())];
    let (status, said) = worst(&found(&there).await, "bounce-maildir");
    assert!(status == Status::Fail && said.contains("bounces.maildir"), "{said}");
    std::fs::create_dir(dir.path().join("new")).unwrap();
    std::fs::write(dir.path().join("new/1.M1.host"), "Subject: x\n\n").unwrap();
    let before = contents(dir.path());
    let (status, said) = worst(&found(&there).await, "bounce-maildir");
    assert!(status == Status::Pass && said.contains("1 messages wait"), "cur can be made: {said}");
    assert_eq!(contents(dir.path()), before);
    // Nobody, not even root, may write in what is no folder.
    std::fs::write(dir.path().join("cur"), "").unwrap();
    let (status, said) = worst(&found(&there).await, "bounce-maildir");
    assert!(
        status == Status::Fail && said.contains("cur") && said.contains("let the user that runs"),
        "{said}"
    );
}

#[tokio::test]
async fn lmtp_is_known_by_its_greeting() {
    let mut there = there();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    there.ways_back.lmtp = Some(address.clone());
    let (to, _handed) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(lmtp::run(listener, to, stopped));
    let (status, said) = worst(&found(&there).await, "bounce-lmtp");
    assert!(
        status == Status::Pass && said.contains(&format!(":\n{RETURN_PATH} lmtp:inet:{address}")),
        "{said}"
    );
    stop.send(true).unwrap();
    running.await.unwrap();
    let (status, said) = worst(&found(&there).await, "bounce-lmtp");
    assert!(status == Status::Warn && said.contains("start `partnercast serve`"), "{said}");
    let other = TcpListener::bind(&address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = other.accept().await {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
        }
    });
    let (status, said) = worst(&found(&there).await, "bounce-lmtp");
    assert!(status == Status::Fail && said.contains("another program"), "{said}");
}

#[tokio::test]
async fn the_secret_is_never_shown_to_strangers() {
    let mut there = there();
    there.ways_back.http_secret = Some(Secret("quite-a-secret-of-some-length".to_owned()));
    there.public_url = "http://news.brackenfold.example".to_owned();
    let findings = found(&there).await;
    let (status, said) = worst(&findings, "bounce-http");
    assert!(status == Status::Fail && said.contains("plain text"), "{said}");
    there.public_url = "http://127.0.0.1:1".to_owned();
    let (status, said) = worst(&found(&there).await, "bounce-http");
    assert!(status == Status::Warn && said.contains("http://127.0.0.1:1/in/mail?to=<recipient>"), "{said}");
    assert!(!format!("{findings:?} {:?}", there.ways_back).contains("quite-a-secret"));
}

both_dbs! {
    /// Only what came tells that mail finds its way.
    async fn what_came_last_is_told(db: Db) {
        let mut there = there();
        there.db = Ok(db.clone());
        there.ways_back.lmtp = Some("127.0.0.1:1".to_owned());
        let (status, said) = worst(&found(&there).await, "bounce-last");
        assert!(status == Status::Unknown && said.contains(&format!("write a mail to test@{RETURN_PATH}")), "{said}");
        let report = MailReport { source: "lmtp".to_owned(), ..bounce(1, None, "", "bad-address") };
        in_tx!(db, tx => reports::insert(tx, &report));
        there.now_ms = START_MS + 5 * HOUR_MS;
        let (status, said) = worst(&found(&there).await, "bounce-last");
        assert!(status == Status::Pass && said.contains("4 h ago by lmtp"), "{said}");
    }
}
