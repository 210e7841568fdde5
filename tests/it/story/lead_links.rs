//! What links still do that are not where they belong: those of somebody who was erased, one that was moved to another partner's
//! page, one that a mail scanner opened.

use axum::http::StatusCode;
use partnercast::{
    domain::kernel::{clock::HOUR_MS, token::Purpose},
    store::{deliveries, leads},
    work::{
        forms::{self, FormKind, Submission},
        person, preferences,
        tokens::MailToken,
        track,
    },
};

use super::{
    Rig,
    hand_off::{ada, follow, person as visitor},
    scanners::{BROWSER, Guest},
};
use crate::harness::{
    both_dbs,
    databases::{number, rows, values},
};

const PAPER: &str = "whitepapers/proof-of-recovery";
const LUIS: &str = "luis.ortega@northlight.example";
const OTHER: &str = "rheinbogen";

async fn events(rig: &Rig) -> i64 {
    number(&rig.ctx.db, "SELECT COUNT(*) FROM engagement_event", vec![]).await
}

/// The path of the button of the receipt that `to` got.
async fn receipt(rig: &Rig, to: &str) -> String {
    let text = rig.mail_to(to).await.text.unwrap();
    let (_, rest) = text.split_once("http://partnercast.test/r/").unwrap();
    let path: String =
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_?=".contains(*c)).collect();
    format!("/r/{path}")
}

both_dbs! {
    /// Nobody reads behind the link of an erased person: no page that greets them, no file, no form, and nothing is kept.
    async fn an_erased_persons_link_opens_nothing(db: Db) {
        let rig = Rig::new(db).await;
        forms::submit(&rig.ctx, ada(FormKind::Whitepaper, PAPER), &visitor()).await.unwrap();
        rig.drain().await;
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        let path = receipt(&rig, &lead.email).await;
        let paper = path.replacen('?', "/document.pdf?", 1);
        rig.clock.advance(HOUR_MS);
        let guest = Guest::new(&rig, &[("user-agent", BROWSER)]);
        assert_eq!(guest.get(&path).await.0, StatusCode::OK);
        person::erase(&rig.ctx, &lead.email, "tests").await.unwrap();
        let before = events(&rig).await;
        for path in [&path, &paper] {
            let (status, _, text) = guest.get(path).await;
            assert!(status == StatusCode::GONE && !text.contains("Thank you"), "{status} {text}");
        }
        let (status, ..) = guest.ask("POST", &path, Some("message=call&phone=1&consent=yes")).await;
        assert_eq!((status, events(&rig).await), (StatusCode::GONE, before));
    }

    /// A link to one partner's page says nothing on another's: neither how a lead came, nor whose page view it was. Nor does
    /// that of a test copy.
    async fn a_link_that_was_moved_to_another_partner_is_none(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let (_, target) = follow(&rig, LUIS, PAPER).await;
        let token = target.split("via=").nth(1).unwrap();
        let via = track::via(&rig.ctx, token);
        let moved = Submission { partner: OTHER.into(), via, ..ada(FormKind::Whitepaper, PAPER) };
        forms::submit(&rig.ctx, moved, &visitor()).await.unwrap();
        let lead = leads::recent(&rig.ctx.db, Some(OTHER)).await.unwrap().remove(0);
        assert!(!lead.origin.contains("Luis"), "{}", lead.origin);
        let guest = Guest::new(&rig, &[("user-agent", BROWSER)]);
        for partner in ["northlight", OTHER] {
            assert_eq!(guest.get(&format!("/p/{partner}/{PAPER}?via={token}")).await.0, StatusCode::OK);
        }
        let led = "SELECT partner_slug, COUNT(delivery_id) FROM engagement_event WHERE kind <> 'click'
                   GROUP BY partner_slug ORDER BY partner_slug";
        let led: Vec<(String, i64)> = rows(&rig.ctx.db, led, vec![]).await;
        assert_eq!(led, [("northlight".to_owned(), 1), (OTHER.to_owned(), 0)]);
        rig.clock.advance(HOUR_MS);
        let id = via.unwrap();
        in_test(&rig, &id.to_string()).await;
        forms::submit(&rig.ctx, Submission { via, ..ada(FormKind::Whitepaper, PAPER) }, &visitor()).await.unwrap();
        let lead = leads::recent(&rig.ctx.db, Some("northlight")).await.unwrap().remove(0);
        assert!(!lead.origin.contains("Luis"), "{}", lead.origin);
    }

    /// What opens the link of a receipt as soon as it has arrived is a machine; whoever opens it later is a person.
    async fn a_receipt_that_a_scanner_opens_was_not_read(db: Db) {
        let rig = Rig::new(db).await;
        forms::submit(&rig.ctx, ada(FormKind::Whitepaper, PAPER), &visitor()).await.unwrap();
        rig.drain().await;
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        let path = receipt(&rig, &lead.email).await;
        let paper = path.replacen('?', "/document.pdf?", 1);
        let scanner = Guest::new(&rig, &[("user-agent", BROWSER)]);
        rig.clock.advance(2_000);
        let (status, _, text) = scanner.get(&path).await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains(&paper), "the page hands on what led to it: {paper}");
        scanner.get(&paper).await;
        rig.clock.advance(HOUR_MS);
        scanner.get(&path).await;
        let seen = "SELECT kind, human, reason FROM engagement_event WHERE kind <> 'whitepaper_form' ORDER BY at_ms, kind";
        let seen: Vec<(String, bool, String)> = rows(&rig.ctx.db, seen, values![]).await;
        let seen: Vec<(&str, bool, &str)> = seen.iter().map(|it| (it.0.as_str(), it.1, it.2.as_str())).collect();
        assert_eq!(
            seen,
            [("download", false, "too-soon"), ("page_view", false, "too-soon"), ("page_view", true, "person")]
        );
    }

    /// Whoever stops all mail takes back what they agreed to with every partner, whichever mail they did it in.
    async fn stopping_everything_stops_it_with_every_partner(db: Db) {
        let rig = Rig::new(db).await;
        for partner in ["northlight", OTHER] {
            let form = Submission { partner: partner.into(), ..ada(FormKind::Whitepaper, PAPER) };
            forms::submit(&rig.ctx, form, &visitor()).await.unwrap();
            rig.clock.advance(HOUR_MS);
        }
        rig.drain().await;
        let all = leads::recent(&rig.ctx.db, None).await.unwrap();
        let mail: Vec<(String, String)> = rows(
            &rig.ctx.db,
            "SELECT id, rendition_id FROM delivery WHERE lead_id = $1 AND source LIKE 'receipt:%'",
            values![&all[0].id],
        )
        .await;
        let id = partnercast::domain::kernel::id::DeliveryId::parse(&mail[0].0).unwrap();
        assert!(deliveries::sent(&rig.ctx.db, id).await.unwrap().is_some());
        let token = MailToken::new(id, &mail[0].1).unwrap().sign(&rig.ctx.keys, Purpose::Preferences);
        preferences::choose(&rig.ctx, &token, &[], true, &visitor()).await.unwrap();
        for lead in &all {
            let consents = leads::consents(&rig.ctx.db, &lead.id).await.unwrap();
            assert!(!consents[0].granted, "{}: {consents:?}", lead.partner_slug);
            let steps = leads::steps(&rig.ctx.db, &lead.id).await.unwrap();
            assert!(steps.iter().any(|step| step.what.contains("took back the consent")), "{steps:?}");
        }
    }
}

/// Makes a delivery one of a test copy.
async fn in_test(rig: &Rig, delivery: &str) {
    let mut tx = rig.ctx.db.begin().await.unwrap();
    tx.run("UPDATE delivery SET source = 'test:' || source WHERE id = $1", values![delivery]).await.unwrap();
    tx.commit().await.unwrap();
}
