//! What whoever writes content sees: the folder as it stands, followed at every save.

use std::{fs, path::Path, time::Duration};

use partnercast::{
    app::{PreviewApp, listen},
    config::Config,
    domain::kernel::Kind,
};

use super::{
    processes::until,
    rig::{Rig, copied},
};
use crate::harness::{
    chaos::{Sink, Step},
    databases::{block_on, sqlite_at},
};

/// A save shows within this, however busy the machine.
const AT_MOST: Duration = Duration::from_secs(30);

struct Author {
    dir: tempfile::TempDir,
    app: PreviewApp,
}

impl Author {
    async fn begin(prepare: impl FnOnce(&Path), config: Option<&Config>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        prepare(dir.path());
        let listener = listen("127.0.0.1:0").await.unwrap();
        let app = PreviewApp::start(listener, dir.path().to_owned(), config).await.unwrap();
        Self { dir, app }
    }

    /// Status and body of a request.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let place = self.app.url.strip_prefix("http://").unwrap().to_owned();
        self.ask_as(&place, method, path, body).await
    }

    /// The same under the name `host`.
    async fn ask_as(&self, host: &str, method: &str, path: &str, body: &str) -> (u16, String) {
        let place = self.app.url.strip_prefix("http://").unwrap().to_owned();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{place}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let asking = tokio::task::spawn_blocking(move || {
            use std::io::{Read as _, Write as _};
            let mut stream = std::net::TcpStream::connect(place).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        });
        let answer = asking.await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    async fn get(&self, path: &str) -> String {
        let (status, body) = self.ask("GET", path, "").await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.dir.path().join(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.path().join(path)).unwrap()
    }
}

const ISSUE: &str = "newsletters/fold-forward/2027-01-12";

/// Each reader's own words, on every channel, in a partner's voice, and the dark side of a mail.
#[test]
fn everything_is_seen_through_anybodys_eyes() {
    block_on(async {
        let author = Author::begin(|_| (), None).await;
        let list = author.get("/").await;
        assert!(list.contains(&format!("href=\"/assets/{ISSUE}\"")) && list.contains("dune-gate"), "{list}");
        let asset = author
            .get(&format!("/assets/{ISSUE}?partner=northlight&role=sales&beside=1&role2=technical"))
            .await;
        assert_eq!(asset.matches("<iframe").count(), 2);
        assert!(asset.contains("names a relay"), "nothing can be sent without one");
        let frame = |query: &str| format!("/frames/{ISSUE}?{query}");
        assert!(asset.contains("12 of 12 partners get it."), "{asset}");
        let kit = author.get("/reference/kit").await;
        assert!(kit.contains("<code>tactics</code>") && kit.contains("kind: kit"), "{kit}");
        let reference = author.get("/reference").await;
        assert!(
            reference.contains("{{ partner.phone }}") && reference.contains("id=\"C405\""),
            "{reference}"
        );
        let (status, unknown) = author.ask("GET", "/reference/leaflet", "").await;
        assert!(status == 404 && unknown.contains("there are newsletter, issue"), "{unknown}");
        let sales = author.get(&frame("partner=northlight&role=sales")).await;
        let technical = author.get(&frame("partner=northlight&role=technical")).await;
        assert!(sales.contains("Three questions") && !technical.contains("Three questions"));
        assert!(
            sales.contains("/p/northlight/") && !sales.contains("/c/preview/"),
            "links lead to their targets"
        );
        assert!(sales.contains("frame-ancestors 'self'") && sales.contains("default-src 'none'"));
        let dark = author.get(&frame("partner=northlight&dark=1")).await;
        assert!(
            sales.contains("(prefers-color-scheme: dark)") && !dark.contains("(prefers-color-scheme: dark)")
        );
        assert!(dark.contains("class=\"on-dark\"") && dark.matches("<img class=\"on-light\"").count() == 2);
        let page = "/frames/blog/restores-not-backups?partner=northlight";
        let (light, dark) = (author.get(page).await, author.get(&format!("{page}&dark=1")).await);
        assert!(light.contains("media=\"screen and (prefers-color-scheme: dark)\""), "{light}");
        assert!(dark.contains("media=\"all\"") && dark.contains("brand.css?scheme=dark&"), "{dark}");
        assert!(
            author
                .get("/p/northlight/brand.css?scheme=dark")
                .await
                .contains("@media all{.public{color-scheme:dark")
        );
        let text = author.get(&frame("partner=rheinbogen&channel=text")).await;
        assert!(text.contains("<pre>") && text.contains("Rheinbogen"));
        for (path, words) in [
            ("/frames/blog/restores-not-backups?partner=rheinbogen", "Rheinbogen"),
            ("/frames/blog/restores-not-backups?partner=northlight&lang=de", "lang=\"de\""),
            ("/frames/blog/restores-not-backups?partner=northlight&channel=mail", "Northlight"),
            (
                "/frames/social/restore-question?partner=northlight&channel=x",
                " of 256 characters as x counts, beside the link",
            ),
            ("/frames/webinars/live-restore-in-20-minutes?channel=calendar", "BEGIN:VCALENDAR"),
            ("/frames/kits/proof-of-recovery", "What is in it for"),
            ("/frames/newsletters/fold-forward", "seen in its issues"),
            ("/frames/datasheets/fold-proof?partner=wattlebird", "does not have it"),
            ("/frames/blog/nowhere", "was not found"),
            ("/frames/blog/restores-not-backups?partner=nobody", "nobody was not found"),
            ("/p/northlight/brand.css", "--brand"),
            ("/p/northlight", "Northlight MSP"),
        ] {
            let body = author.get(path).await;
            assert!(body.contains(words), "{path} without {words}: {body}");
        }
        let (status, body) = author.ask_as("elsewhere.example", "GET", "/", "").await;
        assert!(status == 403 && !body.contains(ISSUE), "a name that somebody pointed here: {body}");
        let (status, body) = author.ask("GET", "/p/northlight/talk-to-us?lang=de", "").await;
        assert!(
            status == 303 && body.contains("/frames/pages/talk-to-us?partner=northlight&lang=de"),
            "{body}"
        );
        let (status, body) = author.ask("GET", "/p/northlight/datasheets/fold-proof/document.pdf", "").await;
        assert!(
            status == 303 && body.contains("/frames/datasheets/fold-proof?partner=northlight&channel=pdf"),
            "{body}"
        );
        author.app.stop().await;
    });
}

/// A save shows by itself, an error keeps nothing from being seen, and a folder that goes away is said.
#[test]
fn a_save_shows_with_its_findings() {
    block_on(async {
        let author = Author::begin(|_| (), None).await;
        let path = "blog/restores-not-backups.md";
        let before = author.read(path);
        author.write(path, &format!("{before}\n\nA word that was not there. {{{{ partner.nmae }}}}\n"));
        until("the change is told", AT_MOST, || async {
            !author.get("/changes?seen=1").await.contains("\"version\":1}")
        })
        .await;
        let page = author.get("/assets/blog/restores-not-backups").await;
        assert!(page.contains("error C401") && page.contains("did you mean"), "{page}");
        assert!(author.get("/frames/blog/restores-not-backups").await.contains("A word that was not there"));
        author.write("roster/partners.csv", "nonsense\n");
        until("the roster's fault is told", AT_MOST, || async {
            author.get("/").await.contains("roster/partners.csv")
        })
        .await;
        let still = author.get("/frames/blog/restores-not-backups?partner=northlight").await;
        assert!(still.contains("Northlight MSP"), "the partners known so far stay");
        fs::remove_dir_all(author.dir.path()).unwrap();
        until("the folder's loss is told", AT_MOST, || async {
            author.get("/").await.contains("does not exist")
        })
        .await;
        assert!(author.get("/frames/blog/restores-not-backups").await.contains("A word that was not there"));
        author.app.stop().await;
    });
}

/// With a configuration, what is shown is sent to whoever asks, and an installation's partners do without a roster.
#[test]
fn it_is_sent_to_the_author_and_takes_an_installations_partners() {
    block_on(async {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a.sqlite");
        let rig = Rig::new(sqlite_at(&file).await).await;
        let sink = Sink::start(|step: &Step| {
            (step.verb == "RCPT" && step.line.contains("gone@"))
                .then(|| crate::harness::manners::say("550 5.1.1 no such user"))
                .flatten()
        })
        .await;
        fs::write(place.path().join("keys"), "07".repeat(32)).unwrap();
        let config = format!(
            "[database]\nurl = \"sqlite:{}\"\n[mail]\nrelay = \"smtp://{}\"\n[secrets]\ntoken_keys_file = \"keys\"\n",
            file.display(),
            sink.addr
        );
        let config = Config::parse(&config, &[], place.path()).unwrap();
        let without_roster = |dir: &Path| fs::remove_dir_all(dir.join("roster")).unwrap();
        let author = Author::begin(without_roster, Some(&config)).await;
        rig.ctx.db.close().await;
        let shown = author.get(&format!("/assets/{ISSUE}?partner=northlight&role=sales")).await;
        assert!(shown.contains("Send the mail that is shown"), "{shown}");
        let send = format!("/send/{ISSUE}?partner=northlight&role=sales");
        let (status, body) = author.ask("POST", &send, "to=me%40brackenfold.example").await;
        assert!(status == 200 && body.contains("The relay took it"), "{body}");
        let mail = sink.bodies.lock().unwrap().remove(0);
        assert!(mail.contains("Subject: [Preview]") && mail.contains("To: me@brackenfold.example"), "{mail}");
        assert!(!mail.contains("List-Unsubscribe"), "nobody can unsubscribe from it");
        let (status, body) = author.ask("POST", &send, "to=gone%40brackenfold.example").await;
        assert!(status == 503 && body.contains("5.1.1"), "{body}");
        let (status, body) = author.ask("POST", &send, "to=nobody").await;
        assert_eq!(status, 422, "{body}");
        author.app.stop().await;
    });
}

/// Without a roster and without an installation there is nobody to look through, which is said with the way out.
#[test]
fn without_partners_it_says_what_to_add() {
    block_on(async {
        let author = Author::begin(|dir| fs::remove_dir_all(dir.join("roster")).unwrap(), None).await;
        let (status, body) = author.ask("GET", &format!("/assets/{ISSUE}"), "").await;
        assert!(status == 409 && body.contains("roster/partners.csv"), "{body}");
        author.app.stop().await;
        let nowhere =
            PreviewApp::start(listen("127.0.0.1:0").await.unwrap(), "/nowhere/at/all".into(), None).await;
        assert_eq!(nowhere.err().map(|error| error.kind()), Some(Kind::Unavailable));
    });
}
