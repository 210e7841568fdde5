//! How long a page was in view: told by the page, believed within limits, judged as its opening was, scored for the lead.

use axum::http::StatusCode;
use partnercast::{
    domain::kernel::{
        clock::{DAY_MS, HOUR_MS, MINUTE_MS},
        token::Purpose,
    },
    store::{events, leads},
    work::scoring,
};

use super::{
    Rig,
    console::get,
    scanners::{BROWSER, Guest, filled, links},
};
use crate::harness::{
    both_dbs,
    databases::{number, rows, values},
};

const LUIS: &str = "luis.ortega@northlight.example";
const PAPER: &str = "whitepapers/proof-of-recovery";

/// Where the page tells how long it was in view.
fn stay_of(page: &str) -> String {
    let at = page.find("data-stay=\"").expect("a page that tells") + "data-stay=\"".len();
    assert!(page.contains("/static/stay."), "with its script: {page}");
    page[at..].split('"').next().unwrap().to_owned()
}

/// The page of the paper that a mail to Luis leads to, and where it tells.
async fn opened(rig: &Rig, guest: &Guest<'_>) -> (String, String) {
    for path in links(rig, LUIS).await {
        let (_, leads, _) = guest.get(&path).await;
        rig.clock.advance(15_000);
        if let Some(page) = leads.filter(|target| target.contains(PAPER)) {
            let (_, _, html) = guest.get(&page).await;
            return (page, stay_of(&html));
        }
    }
    panic!("no link to the paper");
}

/// Of each stay: how long, whether a person's, why.
async fn stays(rig: &Rig) -> Vec<(i64, bool, String)> {
    rows(
        &rig.ctx.db,
        "SELECT stayed_ms, human, reason FROM engagement_event WHERE kind = 'page_read' ORDER BY at_ms, id",
        vec![],
    )
    .await
}

async fn tell(guest: &Guest<'_>, path: &str, seconds: i64) -> StatusCode {
    guest.ask("POST", path, Some(&format!("seconds={seconds}"))).await.0
}

both_dbs! {
    /// Told again and again, it is one stay, as long as the longest that was told; never longer than the page was open, nor than
    /// anybody reads; and nothing once that is long ago.
    async fn a_stay_is_one_and_no_longer_than_the_page_was_open(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let (_, stay) = opened(&rig, &person).await;
        assert_eq!(tell(&person, &stay, 0).await, StatusCode::NO_CONTENT);
        assert!(stays(&rig).await.is_empty(), "nothing was told");
        rig.clock.advance(20_000);
        assert_eq!(tell(&person, &stay, 9_999).await, StatusCode::NO_CONTENT);
        assert_eq!(stays(&rig).await, [(20_000, true, "person".to_owned())]);
        rig.clock.advance(HOUR_MS);
        for seconds in [80, 35, 80] {
            assert_eq!(tell(&person, &stay, seconds).await, StatusCode::NO_CONTENT);
        }
        assert_eq!(stays(&rig).await, [(80_000, true, "person".to_owned())]);
        assert_eq!(tell(&person, &stay, 86_400).await, StatusCode::NO_CONTENT);
        assert_eq!(stays(&rig).await, [(30 * MINUTE_MS, true, "person".to_owned())]);
        let same = "SELECT COUNT(*) FROM engagement_event r JOIN engagement_event v ON v.at_ms = r.at_ms AND v.asset = r.asset
                    AND v.delivery_id = r.delivery_id WHERE r.kind = 'page_read' AND v.kind = 'page_view'";
        assert_eq!(number(&rig.ctx.db, same, values![]).await, 1, "it belongs to the opening of the page");
        rig.clock.advance(DAY_MS);
        assert_eq!(tell(&person, &stay, 90_000).await, StatusCode::NOT_FOUND, "that was yesterday");
        assert_eq!(stays(&rig).await.len(), 1);
    }

    /// Nobody tells of a page that we did not sign, or with what was signed for something else; what is no number is refused;
    /// and what floods is told to wait.
    async fn a_stay_is_told_by_our_page_alone(db: Db) {
        let rig = Rig::new(db).await;
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let (_, _, page) = person.get(&format!("/p/northlight/{PAPER}")).await;
        let stay = stay_of(&page);
        rig.clock.advance(60_000);
        let other = rig.ctx.keys.sign(Purpose::Via, &[7; 16]);
        for wrong in [format!("{stay}x"), stay.replace("/stay/", "/stay/A"), format!("/stay/{other}")] {
            assert_eq!(tell(&person, &wrong, 30).await, StatusCode::NOT_FOUND, "{wrong}");
        }
        let unknown = rig.ctx.keys.sign(Purpose::Stay, &[7; 16]);
        assert_eq!(tell(&person, &format!("/stay/{unknown}"), 30).await, StatusCode::NOT_FOUND, "of no page view");
        assert_eq!(person.ask("POST", &stay, Some("seconds=-5")).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(person.get(&stay).await.0.is_client_error(), "GET tells nothing");
        assert!(stays(&rig).await.is_empty());
        let mut last = StatusCode::NO_CONTENT;
        for _ in 0..130 {
            last = tell(&person, &stay, 30).await;
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(stays(&rig).await.len(), 1);
    }

    /// What opened the page as a machine did not read it as a person, whatever it tells later; what gives it away later counts
    /// for both.
    async fn a_machine_reads_nothing(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let ahead = Guest::new(&rig, &[("user-agent", BROWSER), ("sec-purpose", "prefetch")]);
        let (_, stay) = opened(&rig, &ahead).await;
        rig.clock.advance(60_000);
        let browser = Guest::new(&rig, &[("user-agent", BROWSER)]);
        tell(&browser, &stay, 40).await;
        assert_eq!(stays(&rig).await, [(40_000, false, "prefetch".to_owned())]);
        rig.clock.advance(HOUR_MS);
        let (_, stay) = opened(&rig, &browser).await;
        rig.clock.advance(30_000);
        tell(&browser, &stay, 30).await;
        assert_eq!(stays(&rig).await[1], (30_000, true, "person".to_owned()));
        browser.get(links(&rig, LUIS).await.last().unwrap()).await;
        assert_eq!(stays(&rig).await[1], (30_000, false, "near-honeypot".to_owned()), "it was none after all");
    }

    /// A lead who reads what the form unlocked has a line of score for it, once it was in view for long enough.
    async fn a_lead_s_reading_is_a_line_of_the_score(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let (page, _) = opened(&rig, &person).await;
        rig.clock.advance(90_000);
        let (_, unlocked, _) = person.ask("POST", &page, Some(&filled("nora.quist@lakeside.example"))).await;
        let (_, _, thanks) = person.get(&unlocked.unwrap()).await;
        let stay = stay_of(&thanks);
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        rig.clock.advance(5 * MINUTE_MS);
        tell(&person, &stay, 20).await;
        let line = async || {
            let standing = scoring::assess(&rig.ctx, &lead, None).await.unwrap();
            let line = standing.score.lines.into_iter().find(|line| line.label.contains("stayed on a page")).unwrap();
            (line.label, line.raw, line.after_decay, line.note)
        };
        let short = "stayed on a page for 20 s: Proof of Recovery: what boards should ask".to_owned();
        assert_eq!(line().await, (short, 3, 0.0, Some("a page counts as read after 30 s".to_owned())));
        tell(&person, &stay, 80).await;
        let long = "stayed on a page for 1 min 20 s: Proof of Recovery: what boards should ask".to_owned();
        assert_eq!(line().await, (long.clone(), 3, 3.0, None));
        let kept = events::of_lead(&rig.ctx.db, &lead.id).await.unwrap();
        assert_eq!(kept.iter().filter(|event| event.kind == "page_read").count(), 1);
        let (_, card) = get(&rig, &format!("/console/leads/{}", lead.id)).await;
        assert!(card.contains(&long), "{card}");
    }
}
