//! One issue, from cadence to mailbox.

use partnercast::{
    domain::{
        delivery::DeliveryState,
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    },
    store::{audience, deliveries, freezing, issues, partners, promises},
    work::{preferences, publish, sync, track::Visitor},
};

use super::{
    Rig,
    rig::{EVE_MS, content},
};
use crate::harness::{
    both_dbs,
    databases::{in_tx, number, values},
};

/// 2027-01-11 22:30 UTC, Tuesday 09:00 in Adelaide: the first reader's promise.
const ADELAIDE_MS: i64 = EVE_MS + 2 * HOUR_MS + 30 * MINUTE_MS;

both_dbs! {
    /// A process that ends in the middle of a freeze leaves decisions without an issue: nobody sees them, the freeze is
    /// done anew as a whole, and they are taken away.
    async fn a_freeze_that_was_broken_off_leaves_nothing(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(ADELAIDE_MS - 120 * MINUTE_MS);
        let began_ms = rig.ctx.clock.wall_ms() - 61 * MINUTE_MS;
        let people = partners::contacts(&rig.ctx.db, "").await.unwrap();
        let decided: Vec<audience::Decision> = people.iter().take(20).map(|person| audience::Decision {
            contact_id: person.id.to_string(),
            zone: "UTC".to_owned(),
            because: "so far".to_owned(),
            reason: "role",
            included: None,
        }).collect();
        in_tx!(rig.ctx.db, tx => freezing::begin(tx, "iss_broken", began_ms));
        in_tx!(rig.ctx.db, tx => audience::insert(tx, "iss_broken", &decided));
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        let left = "SELECT COUNT(*) FROM audience_decision WHERE issue_id <> $1";
        assert_eq!(number(&rig.ctx.db, left, values![&issue.id]).await, 0);
        assert_eq!(number(&rig.ctx.db, "SELECT COUNT(*) FROM freezing", vec![]).await, 0);
        let promises = promises::of_issue(&rig.ctx.db, &issue.id).await.unwrap();
        assert_eq!(promises.iter().map(|promise| promise.recipients).sum::<i64>(), 33);
    }

    /// Frozen two hours before the first promise, released by itself, and sent to each zone at its own 09:00.
    async fn an_issue_leaves_at_nine_everywhere(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(ADELAIDE_MS - 121 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        assert!(issues::recent(&rig.ctx.db).await.unwrap().is_empty(), "not before the freeze");

        rig.clock.set(ADELAIDE_MS - 120 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        assert_eq!((issue.nominal_date.as_str(), issue.state.as_str()), ("2027-01-12", "sending"));
        assert_eq!(rig.drain().await, 0, "nobody gets it early");

        let promises = promises::of_issue(&rig.ctx.db, &issue.id).await.unwrap();
        assert_eq!(promises.len(), 12, "one promise a zone");
        assert_eq!(promises.iter().map(|promise| promise.recipients).sum::<i64>(), 33);
        // Berlin, Paris and Oslo share an instant, though not a promise.
        for together in promises.chunk_by(|a, b| a.due_ms == b.due_ms) {
            let due_ms = together[0].due_ms;
            rig.clock.set(due_ms - 1);
            assert_eq!(rig.drain().await, 0, "nobody in {} gets it early", together[0].zone);
            rig.clock.set(due_ms);
            let recipients: i64 = together.iter().map(|promise| promise.recipients).sum();
            assert_eq!(rig.drain().await as i64, recipients, "{}", together[0].zone);
        }
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::issue(&rig.ctx.db, &issue.id).await.unwrap().unwrap();
        assert_eq!(issue.state, "done");
        for promise in promises::of_issue(&rig.ctx.db, &issue.id).await.unwrap() {
            assert_eq!(promise.on_time, promise.recipients, "{}", promise.zone);
        }
        assert_eq!(rig.mailbox.count().await.unwrap(), 33);
        rig.assert_nothing_left().await;
    }

    /// A sales reader and a technical reader of different partners get different blocks and brands.
    async fn each_reader_gets_what_concerns_them(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let sales = rig.mail_to("dev.patel@thornbury.example").await;
        let technical = rig.mail_to("mei.tran@northlight.example").await;
        let (sales_text, technical_text) = (sales.text.unwrap(), technical.text.unwrap());
        let (sales_html, technical_html) = (sales.html.unwrap(), technical.html.unwrap());
        assert!(sales_text.contains("Dev") && technical_text.contains("Mei"), "greeted by first name");
        assert!(sales_html.contains("Thornbury Hosting") && !sales_html.contains("Northlight"));
        assert!(technical_html.contains("Northlight MSP") && !technical_html.contains("Thornbury Hosting ·"));
        assert_ne!(sales_text, technical_text);
        let plan = std::fs::read_to_string(content().join("newsletters/fold-forward/2027-01-12.md")).unwrap();
        let heading_of = |role: &str| {
            let block = plan.split(&format!("::: {role}\n")).nth(1).expect("a block for the role");
            block.lines().find_map(|line| line.strip_prefix("## ")).expect("a heading in the block").to_owned()
        };
        assert!(sales_text.contains(&heading_of("sales")) && !sales_text.contains(&heading_of("technical")));
        assert!(technical_text.contains(&heading_of("technical")) && !technical_text.contains(&heading_of("sales")));
        assert!(!sales_html.contains("{{") && !sales_text.contains("{{"), "no field is left unfilled");
        assert!(!sales_html.contains('\u{e000}') && !sales_text.contains('\u{e000}'), "no slot is left unfilled");
    }

    /// Headers that mail programs and large providers ask of bulk mail (RFC 2369, 2919, 8058).
    async fn the_headers_are_those_of_good_bulk_mail(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let mail = rig.mail_to("rohan.joshi@sahyadri.example").await;
        let header = |name: &str| {
            let found: Vec<_> = mail.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).collect();
            assert_eq!(found.len(), 1, "exactly one {name}");
            found[0].1.clone()
        };
        assert!(header("List-Unsubscribe").contains("<http://partnercast.test/one-click/"));
        assert_eq!(header("List-Unsubscribe-Post").trim(), "List-Unsubscribe=One-Click");
        assert!(header("List-Id").contains("fold-forward"));
        assert!(header("Message-ID").trim().ends_with(".g1@partners.brackenfold.example>"));
        assert!(header("Reply-To").contains("partners@brackenfold.example"));
        assert!(header("From").contains("partners.brackenfold.example"), "never the partner's own domain");
        for once in ["Date", "Subject", "To", "Feedback-ID", "MIME-Version"] {
            header(once);
        }
        assert!(mail.headers.iter().all(|(key, _)| !key.eq_ignore_ascii_case("Precedence")));
    }

    /// Unsubscribing takes effect before the next window, in one click, and choosing brings it back.
    async fn who_unsubscribes_gets_no_more(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(ADELAIDE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        rig.drain().await;
        let mail = rig.mail_to("bronte.hale@wattlebird.example").await;
        let unsubscribe = mail.list_unsubscribe.unwrap();
        let token = unsubscribe.split("/one-click/").nth(1).unwrap().split('>').next().unwrap().to_owned();
        let visitor = Visitor { method: "POST".into(), agent: "Mozilla/5.0".into(), ..Visitor::default() };

        let before = preferences::state(&rig.ctx, &token).await.unwrap();
        assert!(before.newsletters[0].subscribed);
        preferences::unsubscribe(&rig.ctx, &token, &visitor).await.unwrap();
        preferences::unsubscribe(&rig.ctx, &token, &visitor).await.unwrap();
        assert!(!preferences::state(&rig.ctx, &token).await.unwrap().newsletters[0].subscribed);

        // February: everybody but her.
        rig.release_by(EVE_MS + 29 * 24 * HOUR_MS).await;
        rig.drain().await;
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        assert_eq!(issue.nominal_date, "2027-02-09");
        let considered = audience::page(&rig.ctx.db, &issue.id, 0).await.unwrap();
        let out: Vec<_> = considered.iter().filter(|person| !person.included).collect();
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].name, "Bronte Hale");
        assert!(out[0].because.to_lowercase().contains("unsubscribed"), "{}", out[0].because);

        preferences::choose(&rig.ctx, &token, &["fold-forward".to_owned()], false, &visitor).await.unwrap();
        assert!(preferences::state(&rig.ctx, &token).await.unwrap().newsletters[0].subscribed);
    }

    /// Somebody who unsubscribes between release and their 09:00 gets nothing, and the ledger says why.
    async fn an_unsubscribe_stops_what_waits(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(ADELAIDE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        rig.drain().await;
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        let mut tx = rig.ctx.db.begin().await.unwrap();
        partnercast::store::suppressions::add(&mut tx, ADELAIDE_MS, "dana.whitlock@northlight.example", "fold-forward", "unsubscribed")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        rig.may_be_late(EVE_MS + DAY_MS).await;
        rig.clock.set(EVE_MS + 24 * HOUR_MS);
        rig.drain().await;
        let lines = deliveries::of_issue(&rig.ctx.db, &issue.id, 0).await.unwrap();
        let dana = lines.iter().find(|line| line.email == "dana.whitlock@northlight.example").unwrap();
        assert_eq!(dana.state, "suppressed");
        assert!(dana.detail.as_deref().unwrap().contains("do-not-send list"));
        let counts = deliveries::counts(&rig.ctx.db, &issue.id).await.unwrap();
        assert!(counts.contains(&(DeliveryState::Accepted, 32)), "{counts:?}");
    }

    /// Syncing the same folder again changes nothing; a second node that publishes finds it done.
    async fn doing_it_again_changes_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let again = sync::sync(&rig.ctx, &content(), true).await.unwrap();
        assert_eq!((again.changed, again.gone), (0, 0));
        let issue_id = rig.send_january().await;
        publish::tick(&rig.ctx).await.unwrap();
        assert_eq!(rig.drain().await, 0);
        assert_eq!(issues::recent(&rig.ctx.db).await.unwrap().len(), 1);
        assert_eq!(deliveries::of_issue(&rig.ctx.db, &issue_id, 0).await.unwrap().len(), 33);
        assert_eq!(rig.mailbox.count().await.unwrap(), 33);
    }
}
