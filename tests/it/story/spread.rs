//! What partners spread outside our mails: feeds, embedded forms, posts, a mail of their own system; the hidden link of pages, and
//! the work that a form may ask for.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode},
};
use partnercast::{
    domain::{
        engagement::proof::WAIT_MS,
        kernel::{
            Locale,
            clock::{DAY_MS, HOUR_MS},
        },
        partner::Partner,
    },
    store::{leads, partners},
    web,
    work::{
        bundle,
        feeds::{self, Ask},
        recall, rejudge, sync, track,
    },
};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

use super::{
    Rig, copied,
    scanners::{BROWSER, Guest, filled, links},
};
use crate::harness::{
    both_dbs,
    databases::{number, rows, values},
};

const LUIS: &str = "luis.ortega@northlight.example";
const PAPER: &str = "whitepapers/proof-of-recovery";
const READER: &str = "NewsReader/1.0 (feed)";

/// Asks as a program that reads feeds does.
async fn read(rig: &Rig, path: &str, known: Option<&str>) -> (StatusCode, HeaderMap, String) {
    let peer = ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 50_000)));
    let mut request = Request::builder().uri(path).header("user-agent", READER).extension(peer);
    if let Some(tag) = known {
        request = request.header("if-none-match", tag);
    }
    let asking = web::router(rig.ctx.clone()).oneshot(request.body(Body::empty()).unwrap());
    let writing = async {
        loop {
            track::write_batch(&rig.ctx).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let response = tokio::select! { response = asking => response, () = writing => unreachable!() };
    let (parts, body) = response.unwrap().into_parts();
    track::write_batch(&rig.ctx).await.unwrap();
    let body = to_bytes(body, 1 << 22).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// The entries of a JSON feed.
async fn items(rig: &Rig, path: &str) -> Vec<serde_json::Value> {
    let (status, _, body) = read(rig, path, None).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    let feed: serde_json::Value = serde_json::from_str(&body).unwrap();
    feed["items"].as_array().unwrap().clone()
}

fn of<'i>(items: &'i [serde_json::Value], asset: &str) -> Option<&'i serde_json::Value> {
    items.iter().find(|item| item["id"].as_str().unwrap().ends_with(&format!("northlight/{asset}")))
}

/// Path and query of an address of ours.
fn path(address: &str) -> &str {
    address.strip_prefix("http://partnercast.test").expect("an address of ours")
}

/// Of all events of a kind: channel, whether a person's, why.
async fn events(rig: &Rig, kind: &str) -> Vec<(String, bool, String)> {
    rows(
        &rig.ctx.db,
        "SELECT channel, human, reason FROM engagement_event WHERE kind = $1 ORDER BY at_ms, id",
        values![kind],
    )
    .await
}

both_dbs! {
    /// A feed that is asked for all day is one event, and a machine's; who follows an entry is a click of the feed, and a form
    /// filled in behind it makes the lead of the right partner, with how they came.
    async fn a_feed_is_read_by_programs_and_followed_by_people(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let (status, headers, body) = read(&rig, "/p/northlight/feed.atom", None).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["content-type"], "application/atom+xml; charset=utf-8");
        assert!(headers.contains_key("last-modified") && body.contains("<feed xmlns="), "{body}");
        let tag = headers["etag"].to_str().unwrap().to_owned();
        for _ in 0..3 {
            rig.clock.advance(60_000);
            let (status, _, body) = read(&rig, "/p/northlight/feed.atom", Some(&tag)).await;
            assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
        }
        let machine = [("feed".to_owned(), false, "feed-reader".to_owned())];
        assert_eq!(events(&rig, "feed_read").await, machine);
        rejudge::all(&rig.ctx).await.unwrap();
        assert_eq!(events(&rig, "feed_read").await, machine, "judged anew it is the same");
        rig.clock.advance(DAY_MS);
        read(&rig, "/p/northlight/feed.atom", Some(&tag)).await;
        assert_eq!(events(&rig, "feed_read").await.len(), 2, "a day later it is another");

        let all = items(&rig, "/p/northlight/feed.json").await;
        let paper = of(&all, PAPER).expect("the paper is in it");
        let link = path(paper["url"].as_str().unwrap()).to_owned();
        assert!(all.iter().all(|item| !item["id"].as_str().unwrap().contains("/kits/")), "kits are for partners");
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let (status, leads_to, _) = person.get(&link).await;
        assert_eq!(status, StatusCode::FOUND);
        let page = leads_to.unwrap();
        assert!(page.contains("utm_source=northlight&utm_medium=feed&utm_campaign=feed"), "{page}");
        assert_eq!(events(&rig, "click").await.last().unwrap(), &("feed".to_owned(), true, "person".to_owned()));
        let (status, _, html) = person.get(path(&page)).await;
        assert_eq!(status, StatusCode::OK);
        assert!(html.contains("rel=\"alternate\" type=\"application/atom+xml\""), "a page names the feed");
        let action = html.split("action=\"").nth(1).unwrap().split(['"', '#']).next().unwrap().replace("&amp;", "&");
        rig.clock.advance(30_000);
        let (status, _, _) = person.ask("POST", &action, Some(&filled("nora.quist@clinic.example"))).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let lead = leads::by_address(&rig.ctx.db, "nora.quist@clinic.example", "northlight").await.unwrap().unwrap();
        assert_eq!(lead.asset, PAPER);
        assert!(lead.origin.contains("in the partner’s feed"), "{}", lead.origin);
        assert_eq!(events(&rig, "whitepaper_form").await, [("feed".to_owned(), true, "form".to_owned())]);
        let mut bent = link.clone();
        bent = bent.replace("/northlight/", "/ipe/");
        assert_eq!(person.get(&bent).await.0, StatusCode::NOT_FOUND, "it is for one partner");
    }

    /// The partner's own people read more, at an address that nobody can guess, and less where they ask for it.
    async fn a_feed_for_the_partners_people_is_at_a_secret_address(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let inside = feeds::inside_path(&rig.ctx, "northlight");
        let all = items(&rig, &format!("{inside}.json")).await;
        let kit = of(&all, "kits/proof-of-recovery").expect("kits are in it");
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let (_, leads_to, _) = person.get(path(kit["url"].as_str().unwrap())).await;
        assert_eq!(person.get(path(&leads_to.unwrap())).await.0, StatusCode::OK, "and its page opens");
        let (status, headers, _) = read(&rig, &format!("{inside}.atom"), None).await;
        assert_eq!((status, headers["x-robots-tag"].to_str().unwrap()), (StatusCode::OK, "noindex"));
        let of_role = items(&rig, &format!("{inside}.json?role=development")).await;
        assert!(of_role.len() < all.len(), "{} of {}", of_role.len(), all.len());
        for wrong in [format!("{inside}x.json"), format!("{inside}.rss"), format!("{inside}.json?role=king"), "/p/nobody/feed.json".to_owned()] {
            assert_eq!(read(&rig, &wrong, None).await.0, StatusCode::NOT_FOUND, "{wrong}");
        }
    }

    /// An entry keeps its name whatever becomes of it: edited, it is dated anew; led elsewhere, it says that it was withdrawn, for
    /// a month.
    async fn an_entry_stays_itself(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let before = items(&rig, "/p/northlight/feed.json").await;
        let paper = of(&before, PAPER).unwrap().clone();
        let folder = copied();
        let file = folder.path().join(format!("{PAPER}.md"));
        let text = std::fs::read_to_string(&file).unwrap();
        rig.clock.advance(HOUR_MS);
        std::fs::write(&file, text.replacen("\n## ", "\nOne more word.\n\n## ", 1)).unwrap();
        sync::sync(&rig.ctx, folder.path(), true).await.unwrap();
        let edited = items(&rig, "/p/northlight/feed.json").await;
        let edited = of(&edited, PAPER).unwrap().clone();
        assert_eq!((&edited["id"], &edited["url"]), (&paper["id"], &paper["url"]));
        assert_eq!(edited["date_published"], paper["date_published"]);
        assert!(edited["date_modified"].as_str() > paper["date_modified"].as_str(), "{edited} {paper}");

        let order = recall::Order { reference: PAPER, to: Some("blog/restores-not-backups"), because: "a wrong number" };
        recall::recall(&rig.ctx.db, &rig.ctx.library(), (rig.clock_ms(), &*rig.ctx.random), "Rosa", &order).await.unwrap();
        let withdrawn = items(&rig, "/p/northlight/feed.json").await;
        let withdrawn = of(&withdrawn, PAPER).unwrap();
        assert_eq!(withdrawn["id"], paper["id"]);
        assert!(withdrawn["title"].as_str().unwrap().starts_with("This is no longer available"), "{withdrawn}");
        assert!(!withdrawn["content_html"].as_str().unwrap().contains("One more word"), "{withdrawn}");
        rig.clock.advance(31 * DAY_MS);
        let later = items(&rig, "/p/northlight/feed.json").await;
        assert!(of(&later, PAPER).is_none(), "and then it is gone");
    }

    /// Programs ask again and again: a feed is made once, and anew when it may say something else.
    async fn a_feed_is_made_once_until_something_changes(db: Db) {
        let rig = Rig::new(db).await;
        let partner = partners::partner(&rig.ctx.db, "northlight").await.unwrap().unwrap();
        let made = async |partner| feeds::kept(&rig.ctx, partner, &Ask::default(), false).await.unwrap();
        let first = made(&partner).await;
        assert!(Arc::ptr_eq(&first, &made(&partner).await), "nothing is new");
        let renamed = Partner { name: "Northlight & Sons".to_owned(), ..partner.clone() };
        assert_eq!(made(&renamed).await.author.0, "Northlight & Sons");
        let again = made(&partner).await;
        let order = recall::Order { reference: PAPER, to: Some("blog/restores-not-backups"), because: "a wrong number" };
        recall::recall(&rig.ctx.db, &rig.ctx.library(), (rig.clock_ms(), &*rig.ctx.random), "Rosa", &order).await.unwrap();
        assert!(!Arc::ptr_eq(&again, &made(&partner).await), "a recall tells at once");
        let recalled = made(&partner).await;
        rig.clock.advance(DAY_MS);
        assert!(!Arc::ptr_eq(&recalled, &made(&partner).await), "another day, another entry");
    }

    /// A form in the partner's site is looked at, which is no page of ours, and what is filled in there came by it.
    async fn an_embedded_form_says_where_it_stands(db: Db) {
        let rig = Rig::new(db).await;
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let (status, _, html) = person.get("/p/northlight/forms/talk-to-us/embed").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(events(&rig, "embed_view").await, [("embed".to_owned(), true, "person".to_owned())]);
        assert!(events(&rig, "page_view").await.is_empty());
        let action = html.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(action.contains("?via="), "signed: {action}");
        rig.clock.advance(30_000);
        assert_eq!(person.ask("POST", action, Some(&filled("nora.quist@clinic.example"))).await.0, StatusCode::OK);
        let lead = leads::by_address(&rig.ctx.db, "nora.quist@clinic.example", "northlight").await.unwrap().unwrap();
        assert!(lead.origin.contains("by what stands in the partner’s own site"), "{}", lead.origin);
        assert_eq!(events(&rig, "talk_to_us").await, [("embed".to_owned(), true, "form".to_owned())]);
    }

    /// Whoever got the kit's mail shares it: words and links per network, once a day each; nobody else is shown it.
    async fn a_share_kit_is_for_the_partners_people(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let mut page = String::new();
        for link in links(&rig, LUIS).await {
            rig.clock.advance(15_000);
            let (_, leads_to, _) = person.get(&link).await;
            if let Some(to) = leads_to.filter(|to| to.contains(PAPER)) {
                page = to;
                break;
            }
        }
        let (_, _, html) = person.get(&page).await;
        let share = format!("/p/northlight/{PAPER}/share");
        assert!(html.contains(&format!("href=\"{share}?via=")), "his page leads there");
        let query = page.split_once('?').unwrap().1;
        let (status, _, kit) = person.get(&format!("{share}?{query}&server=fosstodon.org")).await;
        assert_eq!(status, StatusCode::OK);
        for intent in ["linkedin.com/sharing/share-offsite/?url=", "twitter.com/intent/tweet?text=", "facebook.com/sharer/", "bsky.app/intent/compose?text=", "https://fosstodon.org/share?text="] {
            assert!(kit.contains(intent), "{intent}");
        }
        assert!(kit.contains("rel=\"noopener noreferrer\"") && kit.contains("target=\"_blank\""));
        for _ in 0..2 {
            let (status, to, _) = person.ask("POST", &format!("{share}?{query}"), Some("network=linkedin")).await;
            assert_eq!(status, StatusCode::SEE_OTHER);
            assert!(to.unwrap().ends_with("&shared=linkedin"));
        }
        assert_eq!(events(&rig, "share").await, [("linkedin".to_owned(), true, "person".to_owned())]);
        let whose = "SELECT COUNT(*) FROM engagement_event e JOIN contact c ON c.id = e.contact_id WHERE e.kind = 'share' AND c.email_key = $1";
        assert_eq!(number(&rig.ctx.db, whose, values![LUIS]).await, 1, "it is known who did");
        assert_eq!(person.get(&share).await.0, StatusCode::NOT_FOUND, "not for anybody");
        assert_eq!(person.ask("POST", &share, Some("network=linkedin")).await.0, StatusCode::NOT_FOUND);
        let playbook = "/p/northlight/playbooks/proof-of-recovery";
        let (status, _, html) = person.get(&format!("{playbook}?{query}")).await;
        assert!(status == StatusCode::OK && !html.contains("/share"), "a playbook is no post");
        assert_eq!(person.get(&format!("{playbook}/share?{query}")).await.0, StatusCode::NOT_FOUND);
        let wrong = person.ask("POST", &format!("{share}?{query}"), Some("network=feed")).await.0;
        assert_eq!(wrong, StatusCode::UNPROCESSABLE_ENTITY);
    }

    /// A bundle's mail goes out of the partner's own system: its links are theirs and told apart, and what their system fills in
    /// stands open.
    async fn a_mail_of_the_partners_own_is_counted_without_their_list(db: Db) {
        let rig = Rig::new(db).await;
        let made = bundle::bundle(&rig.ctx, "northlight", PAPER, Some(&Locale::en())).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bundle.zip");
        std::fs::write(&file, &made.bytes).unwrap();
        let script = "import sys, zipfile; sys.stdout.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]).decode())";
        let opened = |name: &str| {
            let output = std::process::Command::new("python3").args(["-c", script]).arg(&file).arg(name).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let (html, text, readme) = (opened("mail.html"), opened("mail.txt"), opened("README.md"));
        for mail in [&html, &text] {
            assert!(mail.contains("[[FIRST NAME]]") && mail.contains("[[UNSUBSCRIBE]]"), "{mail}");
        }
        assert!(readme.contains("`*|FNAME|*`") && readme.contains("`[[UNSUBSCRIBE]]`"), "{readme}");
        let at = text.find("http://partnercast.test/t/").expect("a tracked link");
        let link = text[at..].split_whitespace().next().unwrap();
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let (status, page, _) = person.get(path(link)).await;
        assert_eq!(status, StatusCode::FOUND);
        assert_eq!(events(&rig, "click").await, [("own_mailer".to_owned(), true, "person".to_owned())]);
        let page = page.unwrap();
        let query = page.split_once('?').unwrap().1;
        let form = format!("/p/northlight/{PAPER}?{query}");
        rig.clock.advance(30_000);
        let (status, ..) = person.ask("POST", &form, Some(&filled("nora.quist@clinic.example"))).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let lead = leads::by_address(&rig.ctx.db, "nora.quist@clinic.example", "northlight").await.unwrap().unwrap();
        assert!(lead.origin.contains("a mail of the partner’s own system"), "{}", lead.origin);
    }

    /// Whoever follows what no person sees was a machine when it opened the page, and stays one when judged anew.
    async fn the_hidden_link_of_a_page_gives_machines_away(db: Db) {
        let rig = Rig::new(db).await;
        let guest = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let (_, _, html) = guest.get(&format!("/p/northlight/{PAPER}")).await;
        assert_eq!(events(&rig, "page_view").await, [(String::new(), true, "person".to_owned())]);
        let tag = html.split("<a class=\"trap\"").nth(1).and_then(|rest| rest.split('>').next()).expect("a hidden link");
        assert!(tag.contains("aria-hidden=\"true\""), "{tag}");
        assert!(tag.contains("rel=\"nofollow\"") && tag.contains("tabindex=\"-1\""), "{tag}");
        let trap = tag.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
        let (status, _, nothing) = guest.get(trap).await;
        assert_eq!(status, StatusCode::OK);
        assert!(nothing.contains("There is nothing here"), "it learns nothing");
        let machine = [(String::new(), false, "honeypot".to_owned())];
        assert_eq!((events(&rig, "page_view").await, events(&rig, "click").await), (machine.to_vec(), machine.to_vec()));
        rejudge::all(&rig.ctx).await.unwrap();
        assert_eq!(events(&rig, "page_view").await, machine);
        let (_, _, robots) = guest.get("/robots.txt").await;
        assert!(robots.contains("Disallow: /nothing-here/"), "{robots}");
        assert_eq!(guest.get(&format!("{trap}x")).await.0, StatusCode::NOT_FOUND);
    }

    /// A form that asks for work takes a number that fits, once; without a script it is taken half a minute after its page.
    async fn a_form_may_ask_for_work(db: Db) {
        let rig = Rig::new(db).await;
        let folder = copied();
        let built_in = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/domain/content/forms/talk-to-us.toml")).unwrap();
        let asking = built_in.replacen("counts_as", "proof_of_work = true\nproof_bits = 8\ncounts_as", 1);
        std::fs::create_dir_all(folder.path().join("forms")).unwrap();
        std::fs::write(folder.path().join("forms/talk-to-us.toml"), asking).unwrap();
        sync::sync(&rig.ctx, folder.path(), true).await.unwrap();
        let guest = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let page = "/p/northlight/talk-to-us";
        let challenge = |html: &str| html.split("name=\"proof_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let (_, _, html) = guest.get(page).await;
        assert!(html.contains("<noscript>") && html.contains("/static/proof.js"), "it says what it asks");
        let token = challenge(&html);
        let number = (0..).find(|number: &u32| Sha256::digest(format!("{token}:{number}"))[0] == 0).unwrap();
        rig.clock.advance(2_000);
        let send = async |email: &str, token: &str, number: &str| {
            let form = format!("{}&proof_token={token}&proof_number={number}", filled(email));
            guest.ask("POST", page, Some(&form)).await
        };
        let (status, _, again) = send("a@clinic.example", &token, "").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(challenge(&again), token, "whoever waits keeps the challenge");
        assert_eq!(send("a@clinic.example", &format!("{token}x"), &number.to_string()).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(send("a@clinic.example", &token, &number.to_string()).await.0, StatusCode::SEE_OTHER);
        assert_eq!(send("a@clinic.example", &token, &number.to_string()).await.0, StatusCode::SEE_OTHER, "pressed twice");
        assert_eq!(send("b@clinic.example", &token, &number.to_string()).await.0, StatusCode::UNPROCESSABLE_ENTITY, "once");
        let token = challenge(&guest.get(page).await.2);
        rig.clock.advance(WAIT_MS);
        assert_eq!(send("b@clinic.example", &token, "").await.0, StatusCode::SEE_OTHER, "without a script");
    }
}
