//! Replayed manners of mail scanners against the real pages, and of one person. What scanners do is made up here from how
//! they are known to behave: they follow every link of a mail within seconds of its arrival, ask with HEAD, fetch ahead,
//! walk into what no person sees, call themselves browsers, and fill in forms.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use partnercast::{
    domain::{
        content::rules::engagement::ENGAGEMENT,
        kernel::clock::{HOUR_MS, UtcMs},
    },
    store::{events, judgements, leads},
    web,
    work::{rejudge, sync, track},
};
use tower::util::ServiceExt as _;

use super::{Rig, rig};
use crate::harness::{
    both_dbs,
    databases::{number, rows, values},
};

pub(super) const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const PAPER: &str = "whitepapers/proof-of-recovery";

/// Somebody, or something, with a browser.
pub(super) struct Guest<'a> {
    rig: &'a Rig,
    pages: Router,
    headers: Vec<(&'static str, &'static str)>,
}

impl<'a> Guest<'a> {
    pub(super) fn new(rig: &'a Rig, headers: &[(&'static str, &'static str)]) -> Self {
        Self { rig, pages: web::router(rig.ctx.clone()), headers: headers.to_vec() }
    }

    /// Asks, while what is taken up is written, and returns the answer's number, where it leads, and its text.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        form: Option<&str>,
    ) -> (StatusCode, Option<String>, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        if form.is_some() {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin");
        }
        let body = form.map_or_else(Body::empty, |form| Body::from(form.to_owned()));
        let asking = self.pages.clone().oneshot(request.body(body).unwrap());
        let writing = async {
            loop {
                track::write_batch(&self.rig.ctx).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let answer = tokio::select! { answer = asking => answer.unwrap(), () = writing => unreachable!() };
        track::write_batch(&self.rig.ctx).await.unwrap();
        let leads = answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        assert!(answer.headers().get(header::SET_COOKIE).is_none(), "{path} sets no cookie");
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, leads, String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Option<String>, String) {
        self.ask("GET", path, None).await
    }
}

/// The paths of all tracked links of a mail's HTML, the hidden one last.
pub(super) async fn links(rig: &Rig, to: &str) -> Vec<String> {
    let mail = rig.mail_to(to).await;
    let (html, text) = (mail.html.unwrap(), mail.text.unwrap());
    let paths = |text: &str| -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for rest in text.split("http://partnercast.test/c/").skip(1) {
            let path: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_/".contains(*c)).collect();
            let path = format!("/c/{path}");
            if !found.contains(&path) {
                found.push(path);
            }
        }
        found
    };
    let hidden = html
        .split("<a ")
        .find(|tag| tag.contains("aria-hidden=\"true\""))
        .expect("a link that no person sees");
    let hidden = &hidden[..hidden.find("</a>").unwrap()];
    assert!(hidden.contains("display:none") && hidden.contains("tabindex=\"-1\""), "{hidden}");
    let hidden = paths(hidden).remove(0);
    assert!(!paths(&text).contains(&hidden), "it is not in the text");
    let mut all = paths(&html);
    all.retain(|path| *path != hidden);
    assert!(all.len() >= 2, "{all:?}");
    all.push(hidden);
    all
}

pub(super) fn filled(email: &str) -> String {
    format!(
        "name=Nora+Quist&email={email}&company=Lakeside+Clinic&job_role=it&company_size=50-249&message=test&phone=&consent=yes&website="
    )
}

/// How the clicks of the mail to `address` were judged: reason and how many.
async fn reasons(rig: &Rig, address: &str) -> Vec<(String, i64)> {
    rows(
        &rig.ctx.db,
        "SELECT e.reason, COUNT(*) FROM engagement_event e JOIN delivery d ON d.id = e.delivery_id
         WHERE d.recipient_key = $1 GROUP BY e.reason ORDER BY e.reason",
        values![address],
    )
    .await
}

async fn accepted_ms(rig: &Rig, address: &str) -> UtcMs {
    number(&rig.ctx.db, "SELECT accepted_ms FROM delivery WHERE recipient_key = $1", values![address]).await
}

const READERS: [&str; 6] = [
    "luis.ortega@northlight.example",
    "dana.whitlock@northlight.example",
    "ines.carvalho@serralta.example",
    "oskar.lind@norrsken.example",
    "grace.adeyemi@thornbury.example",
    "kenji.mori@hoshikawa.example",
];

async fn readers(rig: &Rig) -> Vec<String> {
    let all: Vec<(String,)> = rows(
        &rig.ctx.db,
        "SELECT recipient_key FROM delivery WHERE state = 'accepted' ORDER BY recipient_key",
        vec![],
    )
    .await;
    let all: Vec<String> = all.into_iter().map(|(key,)| key).collect();
    assert!(all.len() > READERS.len(), "{all:?}");
    all
}

async fn probes(rig: &Rig, readers: &[String]) {
    // Probes with HEAD; fetches ahead; names itself; has no name.
    for (number, headers, method, reason) in [
        (2, &[("user-agent", BROWSER)][..], "HEAD", "method"),
        (3, &[("user-agent", BROWSER), ("sec-purpose", "prefetch;prerender")][..], "GET", "prefetch"),
        (4, &[("user-agent", BROWSER), ("x-moz", "prefetch")][..], "GET", "prefetch"),
        (5, &[("user-agent", "Mozilla/5.0 (compatible; BarracudaCentral)")][..], "GET", "scanner-agent"),
        (6, &[][..], "GET", "no-agent"),
    ] {
        let probe = Guest::new(rig, headers);
        for path in links(rig, &readers[number]).await.iter().take(2) {
            let (status, ..) = probe.ask(method, path, None).await;
            assert_eq!(status, StatusCode::FOUND);
            rig.clock.advance(10_000);
        }
        assert_eq!(reasons(rig, &readers[number]).await, [(reason.to_owned(), 2)]);
    }
}

async fn fill_in_forms(rig: &Rig, address: &str) {
    // Follows all links at once an hour later, and fills in the form that it finds, consent and all.
    rig.clock.advance(HOUR_MS);
    let filler = Guest::new(rig, &[("user-agent", BROWSER)]);
    let mut forms = 0;
    for path in links(rig, address).await {
        rig.clock.advance(100);
        let (_, leads, _) = filler.get(&path).await;
        let Some(target) = leads.filter(|target| target.starts_with("/p/")) else { continue };
        let (_, _, page) = filler.get(&target).await;
        if page.contains("method=\"post\"") {
            forms += 1;
            let (status, _, again) =
                filler.ask("POST", &target, Some(&filled("scanner@gateway.example"))).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "it is asked to send it again");
            let says = |words: &str| again.contains(words);
            assert!(
                says("This came faster than we can tell") || says("Cet envoi est arrivé trop vite"),
                "{again}"
            );
            assert!(again.contains("value=\"scanner@gateway.example\""), "what was typed stays");
        }
    }
    assert!(forms > 0);
    // Fills in every field of a page that it found elsewhere, also the one that no person sees.
    let trap = filled("spam@gateway.example").replace("website=", "website=http%3A%2F%2Fspam.example");
    let (status, ..) = filler.ask("POST", "/p/northlight/talk-to-us", Some(&trap)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

both_dbs! {
    /// Five manners of scanners make no lead, no person's click and no score; a person's way makes one lead, credited to the
    /// partner, the mail and the paper.
    async fn scanners_make_no_lead_and_a_person_makes_one(db: Db) {
        let rig = Rig::new(db).await;
        let issue = rig.send_january().await;
        let readers = readers(&rig).await;
        let to = |number: usize| readers[number].clone();

        // Follows every link of the mail within seconds of its acceptance, as a browser, and what they lead to.
        rig.clock.set(accepted_ms(&rig, &to(0)).await + 1_500);
        let defender = Guest::new(&rig, &[("user-agent", BROWSER)]);
        for path in links(&rig, &to(0)).await {
            let (status, leads, _) = defender.get(&path).await;
            assert!(status == StatusCode::FOUND || status == StatusCode::OK, "{status} {path}");
            if let Some(target) = leads.filter(|target| target.starts_with("/p/")) {
                defender.get(&target).await;
            }
            rig.clock.advance(120);
        }

        // An hour later, slowly enough not to be a burst, but into the hidden link as well: first, then what it had done.
        rig.clock.advance(HOUR_MS);
        let walker = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let all = links(&rig, &to(1)).await;
        let (status, leads, _) = walker.get(&all[0]).await;
        assert_eq!(status, StatusCode::FOUND);
        let page = leads.unwrap();
        walker.get(&page).await;
        assert_eq!(reasons(&rig, &to(1)).await, [("person".to_owned(), 2)], "nothing gives it away yet");
        rig.clock.advance(20_000);
        let (status, leads, text) = walker.get(all.last().unwrap()).await;
        assert_eq!((status, leads), (StatusCode::OK, None));
        assert!(text.contains("There is nothing here") || text.contains("<h1"), "{text}");
        rig.clock.advance(30_000);
        walker.get(&all[1]).await;
        assert_eq!(reasons(&rig, &to(1)).await, [("honeypot".to_owned(), 1), ("near-honeypot".to_owned(), 3)]);

        probes(&rig, &readers).await;

        fill_in_forms(&rig, &to(7)).await;

        let clicks = events::clicks_of_issue(&rig.ctx.db, &issue).await.unwrap();
        assert_eq!((clicks.human, clicks.people), (0, 0));
        let by_reason = events::machine_clicks_of_issue(&rig.ctx.db, &issue).await.unwrap();
        assert_eq!(by_reason.iter().map(|(_, count)| count).sum::<i64>(), clicks.machine);
        let people = number(&rig.ctx.db, "SELECT COUNT(*) FROM engagement_event WHERE human AND delivery_id IS NOT NULL", vec![]);
        assert_eq!(people.await, 0, "nor on the pages behind the links");
        assert!(leads::recent(&rig.ctx.db, None).await.unwrap().is_empty(), "no lead");

        // A person, the next morning.
        rig.clock.advance(8 * HOUR_MS);
        let luis = "luis.ortega@northlight.example";
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let mut page = None;
        for path in links(&rig, luis).await {
            let (_, leads, _) = person.get(&path).await;
            page = leads.filter(|target| target.contains(PAPER));
            if page.is_some() {
                break;
            }
            rig.clock.advance(15_000);
        }
        let page = page.expect("a link to the paper");
        rig.clock.advance(2_000);
        person.get(&page).await;
        rig.clock.advance(90_000);
        let (status, ..) = person.ask("POST", &page, Some(&filled("nora.quist@lakeside.example"))).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let made = leads::recent(&rig.ctx.db, None).await.unwrap();
        assert_eq!(made.len(), 1);
        assert_eq!((made[0].partner_slug.as_str(), made[0].asset.as_str()), ("northlight", PAPER));
        assert!(made[0].origin.contains("Luis Ortega"), "{}", made[0].origin);
        let clicks = events::clicks_of_issue(&rig.ctx.db, &issue).await.unwrap();
        assert!(clicks.people == 1 && clicks.human >= 1, "{clicks:?}");
    }

    /// Edited rules judge what is kept anew, once; a dry run says what they would change, and rules that are taken back bring
    /// everything back.
    async fn edited_rules_judge_what_is_kept_anew(db: Db) {
        let rig = Rig::new(db).await;
        let issue = rig.send_january().await;
        assert_eq!(rejudge::if_changed(&rig.ctx).await.unwrap().changed, 0);
        rig.clock.advance(HOUR_MS);
        let luis = "luis.ortega@northlight.example";
        let all = links(&rig, luis).await;
        let office = Guest::new(&rig, &[("user-agent", "Mozilla/5.0 (OfficeLab) Firefox/140.0")]);
        for path in &all[..2] {
            office.get(path).await;
            rig.clock.advance(4_000);
        }
        let clicks = async || events::clicks_of_issue(&rig.ctx.db, &issue).await.unwrap();
        assert_eq!((clicks().await.human, clicks().await.machine), (2, 0));

        let dir = tempfile::tempdir().unwrap();
        rig::copied(dir.path());
        let rules = dir.path().join(ENGAGEMENT);
        std::fs::write(&rules, "version = 1\n[[agent]]\ncontains = \"OfficeLab\"\nwhose = \"our own lab\"\n").unwrap();
        let draft = rig.another(rig.clock.clone(), 9);
        sync::show(&draft, dir.path()).await.unwrap();
        let told = rejudge::preview(&draft).await.unwrap();
        assert_eq!((told.looked, told.changed, told.changes[0].now.as_str()), (2, 2, "scanner-agent"));
        assert_eq!(clicks().await.human, 2, "a dry run changes nothing");

        sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
        assert_eq!(rejudge::if_changed(&rig.ctx).await.unwrap().changed, 2);
        assert_eq!(rejudge::if_changed(&rig.ctx).await.unwrap().looked, 0, "once");
        assert_eq!((clicks().await.human, clicks().await.machine), (0, 2));
        assert!(judgements::progress(&rig.ctx.db).await.unwrap().unwrap().done);

        // Two links within ten seconds are a burst for this vendor, and nothing else.
        std::fs::write(&rules, "version = 2\nburst_links = 2\nburst_ms = 10000\n").unwrap();
        sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
        let told = rejudge::if_changed(&rig.ctx).await.unwrap();
        assert_eq!((told.changed, told.changes[0].was.as_str(), told.changes[0].now.as_str()), (2, "scanner-agent", "burst"));

        std::fs::remove_file(&rules).unwrap();
        sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
        assert_eq!(rejudge::if_changed(&rig.ctx).await.unwrap().changed, 2);
        assert_eq!((clicks().await.human, clicks().await.machine), (2, 0), "everything is back");
    }
}
