//! What came back by mail.

use partnercast::{
    domain::{
        delivery::DeliveryState,
        kernel::{clock::DAY_MS, id::DeliveryId},
    },
    store::reports::{
        MailReport, Which, insert, is_known, issues_in_a_row, last_of_class, of_delivery, of_issue, recent,
        refusals, report, reported, target, witnesses,
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, values},
    outbox::{Scene, bounce, key, result, settle, start},
};

both_dbs! {
    /// A message is recorded once; what is stored is what is read.
    async fn a_message_is_recorded_once(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let first = bounce(1, Some(&scene.deliveries[0]), &key(0), "bad-address");
        assert!(!in_tx!(db, tx => is_known(tx, "hash1")));
        assert!(in_tx!(db, tx => insert(tx, &first)));
        assert!(!in_tx!(db, tx => insert(tx, &MailReport { id: "rpt_9".to_owned(), ..first.clone() })));
        assert!(in_tx!(db, tx => is_known(tx, "hash1")));
        assert_eq!(report(&db, "rpt_1").await.unwrap().unwrap(), first);
        assert!(report(&db, "rpt_9").await.unwrap().is_none());
        assert_eq!(of_delivery(&db, &scene.deliveries[0]).await.unwrap(), std::slice::from_ref(&first));
        let forged = MailReport { delivery_id: None, changed: false, ..bounce(2, None, "", "bad-address") };
        in_tx!(db, tx => insert(tx, &forged));
        let late = MailReport { action: "delayed".to_owned(), ..bounce(3, Some(&scene.deliveries[1]), &key(1), "delayed") };
        in_tx!(db, tx => insert(tx, &late));
        let ids = |list: Vec<MailReport>| list.into_iter().map(|report| report.id).collect::<Vec<_>>();
        assert_eq!(ids(recent(&db, Which::All).await.unwrap()), ["rpt_3", "rpt_2", "rpt_1"]);
        assert_eq!(ids(recent(&db, Which::Effective).await.unwrap()), ["rpt_3", "rpt_1"]);
        assert_eq!(ids(recent(&db, Which::Unmatched).await.unwrap()), ["rpt_2"]);
        let returned = of_issue(&db, &scene.issue, 0).await.unwrap();
        assert_eq!(returned.len(), 1, "a delay is no return");
        assert_eq!((returned[0].delivery_id.as_str(), returned[0].class.as_str()), (scene.deliveries[0].as_str(), "bad-address"));
        assert!(of_issue(&db, &scene.issue, 1).await.unwrap().is_empty());
        assert!(in_tx!(db, tx => reported(tx, &scene.deliveries[0], "bounce", "failed")));
        assert!(!in_tx!(db, tx => reported(tx, &scene.deliveries[1], "bounce", "failed")));
        assert!(!in_tx!(db, tx => reported(tx, &scene.deliveries[0], "complaint", "")));
    }

    /// The delivery that a report is about, by its id alone.
    async fn target_finds_the_delivery(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let id = DeliveryId::parse(&scene.deliveries[0]).unwrap();
        let found = target(&db, id).await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), found.scope.as_str()), (scene.deliveries[0].as_str(), "fold-forward"));
        assert_eq!((found.base_key, found.created_ms), (key(0), START_MS));
        assert_eq!(found.issue_id.as_deref(), Some(scene.issue.as_str()));
        assert!(target(&db, DeliveryId::new(5, &scene.random)).await.unwrap().is_none());
    }

    /// Classes are looked for by address and by domain, within their time.
    async fn classes_are_counted_by_address_and_by_domain(db: Db) {
        for (no, base_key, class) in [
            (1, "a@x.example", "bad-domain"),
            (2, "b@x.example", "bad-domain"),
            (3, "b@x.example", "bad-domain"),
            (4, "c@x.example", "bad-address"),
            (5, "d@sub.x.example", "bad-domain"),
        ] {
            in_tx!(db, tx => insert(tx, &bounce(no, None, base_key, class)));
        }
        let seen = in_tx!(db, tx => witnesses(tx, "@x.example", "bad-domain", START_MS));
        assert_eq!(seen, ["a@x.example", "b@x.example"]);
        assert_eq!(in_tx!(db, tx => witnesses(tx, "@x.example", "bad-domain", START_MS + 2)), ["b@x.example"]);
        let last = in_tx!(db, tx => last_of_class(tx, "b@x.example", "bad-domain", START_MS + DAY_MS));
        assert_eq!(last, Some(START_MS + 3));
        assert_eq!(in_tx!(db, tx => last_of_class(tx, "b@x.example", "bad-domain", START_MS + 3)), Some(START_MS + 2));
        assert_eq!(in_tx!(db, tx => last_of_class(tx, "z@x.example", "bad-domain", START_MS + 3)), None);
    }

    /// Issues in a row are the last ones that the reader was sent, of one newsletter, up to the one that came back.
    async fn issues_in_a_row_are_those_the_reader_was_sent(db: Db) {
        let mut sent = Vec::new();
        for (at, name) in ["one", "two", "three", "other"].into_iter().enumerate() {
            let scene = Scene::released(&db, name, 1).await;
            let newsletter = if name == "other" { "other" } else { "fold-forward" };
            let date = format!("2027-0{}-12", at + 1);
            execute(&db, "UPDATE issue SET newsletter = $2, nominal_date = $3 WHERE id = $1", values![&scene.issue, newsletter, &date]).await;
            sent.push(scene.deliveries[0].clone());
        }
        let third = DeliveryId::parse(&sent[2]).unwrap();
        let count = async |of: DeliveryId| in_tx!(db, tx => issues_in_a_row(tx, of, "mailbox-full", 3));
        assert_eq!(count(third).await, 0);
        in_tx!(db, tx => insert(tx, &bounce(1, Some(&sent[0]), &key(0), "mailbox-full")));
        in_tx!(db, tx => insert(tx, &bounce(2, Some(&sent[1]), &key(0), "mailbox-full")));
        in_tx!(db, tx => insert(tx, &bounce(3, Some(&sent[1]), &key(0), "mailbox-full")));
        in_tx!(db, tx => insert(tx, &bounce(4, Some(&sent[3]), &key(0), "mailbox-full")));
        assert_eq!(count(third).await, 2);
        assert_eq!(count(DeliveryId::parse(&sent[0]).unwrap()).await, 1, "later issues do not count");
        assert_eq!(count(DeliveryId::parse(&sent[3]).unwrap()).await, 1, "each newsletter by itself");
    }

    /// Refusals at the door for the address are found once, by the last try, until they are recorded.
    async fn refusals_are_found_until_they_are_recorded(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        let mut window = start(&db, scene.node(), START_MS, &scene.issue, 4).await;
        window.sort_by(|a, b| a.id.cmp(&b.id));
        let mut results: Vec<_> =
            window.iter().map(|claimed| result(claimed, DeliveryState::Failed, None)).collect();
        for (result, outcome) in results.iter_mut().zip(["bad-address", "bad-address", "policy", "bad-address"]) {
            result.outcome = outcome;
            result.reply = "550 no such user".to_owned();
        }
        results[3].state = DeliveryState::Ready;
        assert_eq!(settle(&db, scene.node(), &results).await, 4);
        let found = refusals(&db, START_MS).await.unwrap();
        let ids: Vec<_> = found.iter().map(|refusal| refusal.delivery_id.clone()).collect();
        assert_eq!(ids, [window[0].id.clone(), window[1].id.clone()]);
        assert_eq!(found[0].reply, "550 no such user");
        assert!(refusals(&db, START_MS + 1).await.unwrap().is_empty(), "older ones are left alone");
        in_tx!(db, tx => insert(tx, &bounce(1, Some(&window[0].id), &key(0), "bad-address")));
        assert_eq!(refusals(&db, START_MS).await.unwrap().len(), 1);
    }
}
