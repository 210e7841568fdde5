//! The program itself: `partnercast doctor` beside a running `serve`, with DNS answered over UDP on this machine.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use partnercast::{
    app::App,
    channel::catcher::{Catcher, Mailbox},
    config::Config,
    domain::{kernel::clock::SystemClock, sender::dkim::DkimRecord},
    render::email::dkim::verify,
};
use serde_json::Value;
use tokio::sync::watch;

use super::{RETURN_PATH, keys, zone::zone};
use crate::story::{content, copied};

/// A folder with a configuration, a catcher as the relay, and DNS.
struct Place {
    dir: tempfile::TempDir,
    mailbox: Mailbox,
    _stop: watch::Sender<bool>,
}

impl Place {
    async fn new(edits: &[(&str, &str)]) -> Self {
        Self::with(edits, "", "").await
    }

    /// The same with more in `[mail]`, and more sections.
    async fn with(edits: &[(&str, &str)], mail: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = dir.path().join("mailbox");
        let catcher =
            Catcher::bind(([127, 0, 0, 1], 0).into(), mailbox.clone(), std::sync::Arc::new(SystemClock))
                .await
                .unwrap();
        let relay = catcher.local_addr();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(catcher.run(stopped));
        let dns = zone(edits).serve().await;
        std::fs::write(dir.path().join("token.keys"), "07".repeat(32)).unwrap();
        std::fs::write(dir.path().join("partnercast.toml"), configuration(relay, dns, mail, more)).unwrap();
        Self { dir, mailbox: Mailbox::new(mailbox), _stop: stop }
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("partnercast.toml")
    }

    /// Exit code and standard output of `doctor` with these arguments.
    async fn doctor(&self, arguments: &[&str]) -> (i32, String) {
        run(self.dir.path(), &[&["doctor"], arguments].concat()).await
    }
}

fn configuration(relay: SocketAddr, dns: SocketAddr, mail: &str, more: &str) -> String {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let key = |selector: &str, file: &str| {
        format!(
            "[[mail.dkim]]\ndomain = \"partners.brackenfold.example\"\nselector = \"{selector}\"\nkey_file = \"{}\"\n",
            root.join("tests/keys").join(file).display()
        )
    };
    format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\n\
         [database]\nurl = \"sqlite:test.sqlite\"\n[content]\ndir = \"{}\"\nimport_roster = true\n\
         [mail]\nrelay = \"smtp://{relay}\"\n{mail}{}{}[secrets]\ntoken_keys_file = \"token.keys\"\n\
         [dns]\nserver = \"{dns}\"\n{more}",
        content().display(),
        key("r1", "rsa-2048.pem"),
        key("e1", "ed25519.pem"),
    )
}

async fn run(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partnercast"));
    command.args(arguments).current_dir(dir);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code().unwrap(), said)
}

/// The worst status of `check` in the JSON.
fn status<'a>(answer: &'a Value, check: &str) -> &'a str {
    let findings = answer["findings"].as_array().unwrap();
    let of = findings.iter().filter(|finding| finding["check"] == check);
    let rank = |word: &&str| ["pass", "unknown", "warn", "fail"].iter().position(|other| other == word);
    of.map(|finding| finding["status"].as_str().unwrap()).max_by_key(rank).unwrap_or("not looked at")
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_serve_everything_that_can_be_good_is() {
    let place = Place::new(&[]).await;
    let app = App::start(&Config::load(&place.config()).unwrap()).await.unwrap();
    let (code, said) = place.doctor(&["--json", "--send-test", "dana@northlight.example"]).await;
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(code, 0, "{said}");
    assert_eq!(answer["ok"], true);
    for check in [
        "mail-servers",
        "spf",
        "dkim",
        "dkim-keys",
        "dkim-self-test",
        "dmarc",
        "dmarc-reports",
        "alignment",
        "relay",
        "relay-tls",
        "relay-features",
        "relay-rate",
        "one-click",
        "one-click-get",
        "database",
        "database-lock",
        "queue-waiting",
        "queue-dead",
        "zones",
        "disk-sync",
        "send-test",
    ] {
        assert_eq!(status(&answer, check), "pass", "{check}: {said}");
    }
    assert_eq!(status(&answer, "public-url"), "warn", "loopback alone");
    // The test message is one that receivers would take.
    let caught = place.mailbox.list(10).await.unwrap();
    assert_eq!(caught.len(), 1);
    let raw = place.mailbox.raw(&caught[0].id).await.unwrap();
    let checked = verify(&raw, |selector, _| {
        let keys = keys();
        let key = keys.iter().find(|key| key.selector == selector)?;
        DkimRecord::parse(&key.key.record()).ok()
    });
    assert!(checked.len() == 2 && checked.iter().all(|one| one.result.is_ok()), "{checked:?}");
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_folder_that_is_not_there_is_named() {
    let place = Place::new(&[]).await;
    let text = std::fs::read_to_string(place.config()).unwrap();
    let gone = place.dir.path().join("gone").display().to_string();
    std::fs::write(place.config(), text.replace(&content().display().to_string(), &gone)).unwrap();
    let (code, said) = place.doctor(&["--json"]).await;
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!((code, status(&answer, "content-folder")), (1, "fail"), "{said}");
    assert!(said.contains(&gone), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_in_the_content_folder_are_told() {
    let place = Place::new(&[]).await;
    let folder = copied();
    std::fs::write(folder.path().join("blog/wrong.md"), "no front matter").unwrap();
    let text = std::fs::read_to_string(place.config()).unwrap();
    let changed = text.replace(&content().display().to_string(), &folder.path().display().to_string());
    std::fs::write(place.config(), changed).unwrap();
    let (code, said) = place.doctor(&["--json"]).await;
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!((code, status(&answer, "content-folder")), (1, "fail"), "{said}");
    assert!(said.contains("has an error") && said.contains("blog/wrong.md:1:1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_is_looked_at_beside_a_running_serve() {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let bounces = format!(
        "[bounces]\nmaildir = \"back\"\nlmtp = \"127.0.0.1:{port}\"\nhttp_secret = \"one secret of many letters\"\npoll_s = 3600\n"
    );
    let mail = format!("return_path_domain = \"{RETURN_PATH}\"\n");
    let place = Place::with(&[], &mail, &bounces).await;
    std::fs::create_dir_all(place.dir.path().join("back/new")).unwrap();
    let app = App::start(&Config::load(&place.config()).unwrap()).await.unwrap();
    let (code, said) = place.doctor(&["--json", "--send-test", "dana@northlight.example"]).await;
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(code, 0, "{said}");
    for check in
        ["return-path-mx", "spf", "return-path", "bounce-maildir", "bounce-lmtp", "bounce-http", "send-test"]
    {
        assert_eq!(status(&answer, check), "pass", "{check}: {said}");
    }
    assert_eq!(status(&answer, "bounce-last"), "unknown", "asking recorded nothing: {said}");
    assert!(!said.contains("one secret"), "{said}");
    // The test mail left as those of issues do, or receivers would judge another return path.
    let caught = place.mailbox.list(10).await.unwrap();
    let raw = String::from_utf8(place.mailbox.raw(&caught[0].id).await.unwrap()).unwrap();
    assert!(raw.starts_with("Return-Path: <b+"), "{raw}");
    assert!(raw.contains("<mailto:unsubscribe+") && raw.contains(&format!("@{RETURN_PATH}>")), "{raw}");
    let other = std::fs::read_to_string(place.config()).unwrap().replace("one secret", "another secret");
    std::fs::write(place.config(), other).unwrap();
    let (code, said) = place.doctor(&[]).await;
    assert!(code == 1 && said.contains("the partnercast there knows another secret"), "{said}");
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_1_and_stands_there_to_be_copied() {
    let place = Place::new(&[("k=rsa; p=MI", "k=rsa; p=MJ")]).await;
    let (code, said) = place.doctor(&[]).await;
    assert_eq!(code, 1, "{said}");
    let [r1, _] = keys();
    let record = partnercast::domain::sender::dkim::txt_strings(&r1.key.record());
    let line = format!("r1._domainkey.partners.brackenfold.example. TXT {record}");
    assert!(said.lines().any(|said| said.trim() == line), "{said}");
    assert!(said.contains("another key than the key file"), "{said}");
    assert!(said.contains("nothing answers there"), "serve does not run: {said}");
    assert!(!said.contains('\u{1b}'), "no colour into a pipe");
    assert!(said.lines().last().unwrap().contains("fail"), "{said}");
    assert!(!place.dir.path().join("test.sqlite").exists(), "looking makes no database");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_installation_with_the_catcher_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path(), &["init"]).await.0, 0);
    let (code, said) = run(dir.path(), &["doctor"]).await;
    assert_eq!(code, 0, "{said}");
    for words in ["catcher keeps every mail", "DNS was not asked", "there is no file yet", "0 fail"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (code, said) = run(dir.path(), &["doctor", "--config", "nowhere.toml"]).await;
    assert!(code != 0 && said.contains("nowhere.toml"), "{said}");
    let (code, said) = run(dir.path(), &["doctor", "--send-test", "nobody"]).await;
    assert!(code != 0 && said.contains("nobody"), "{said}");
}
