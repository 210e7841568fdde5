//! The ledger of touches.

use partnercast::{
    domain::delivery::DeliveryState,
    store::{
        issues::{control, finish},
        outbox::{LANE_SEQUENCE, NewDelivery, enqueue, reopen, send_again},
        sequences::{Done, NewEnrolment, add_step, enter},
        touches::{
            self, Touch, TouchOf, between, coverage, ended_issues, note_issue, note_singles, of_person,
            pending_between, people_by_roles, waiting_between,
        },
    },
};

use super::queue::mail;
use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, number, values},
    outbox::{LIFETIME_MS, Scene, rendition_id, result, settle, start, word},
};

const ALL: (&str, &str) = ("", "~");

both_dbs! {
    /// What is fixed counts before it is sent, but for what failed; what was accepted is noted once the issue has ended.
    async fn an_issue_counts_before_and_after(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 3).await;
        let pending_issues = async |since_ms: i64| touches::pending_issues(&db, since_ms).await.unwrap();
        assert_eq!(pending_issues(START_MS - 1).await, [scene.issue.as_str()]);
        assert!(pending_issues(START_MS).await.is_empty(), "what is never released tells nobody");
        let pending = async || pending_between(&db, &scene.issue, ALL.0, ALL.1).await.unwrap();
        let due = pending().await;
        assert_eq!(due.len(), 3, "nothing of it is in the outbox");
        assert_eq!((due[0].key_message.as_str(), due[0].forms.as_str(), due[0].at_ms), ("restores-not-backups", "read watch", START_MS));
        let one = pending_between(&db, &scene.issue, &scene.contacts[1], &scene.contacts[1]).await.unwrap();
        assert_eq!(one.len(), 1);
        let terms = partnercast::store::outbox::Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: "v.example" };
        in_tx!(db, tx => partnercast::store::outbox::release(tx, &scene.issue, "", terms));
        assert_eq!(pending_issues(START_MS).await, [scene.issue.as_str()], "it was released");
        let node = scene.node();
        let sending = start(&db, node, START_MS, &scene.issue, 10).await;
        let ends = [DeliveryState::Accepted, DeliveryState::Failed, DeliveryState::Accepted];
        let results: Vec<_> = sending.iter().zip(ends).map(|(claimed, state)| result(claimed, state, None)).collect();
        settle(&db, node, &results).await;
        assert_eq!((pending().await.len(), ended_issues(&db).await.unwrap().len()), (2, 0), "it has not ended");
        in_tx!(db, tx => finish(tx, START_MS));
        let ended = ended_issues(&db).await.unwrap();
        assert_eq!((ended.len(), ended[0].id.as_str(), ended[0].done_ms), (1, scene.issue.as_str(), Some(START_MS)));
        let first = in_tx!(db, tx => note_issue(tx, &scene.issue, "", 2)).unwrap();
        assert_eq!(pending_issues(START_MS).await.len(), 1, "a part is not the whole");
        let last = in_tx!(db, tx => note_issue(tx, &scene.issue, &first, 2)).unwrap();
        assert_eq!(in_tx!(db, tx => note_issue(tx, &scene.issue, &last, 2)), None);
        assert_eq!((pending_issues(START_MS).await.len(), ended_issues(&db).await.unwrap().len()), (0, 0));
        let noted = between(&db, &["restores-not-backups"], ALL.0, ALL.1).await.unwrap();
        assert_eq!((noted.len(), noted[0].at_ms), (2, START_MS + 1_000), "by when they were accepted");
        let many = vec!["other"; 9].into_iter().chain(["restores-not-backups"]).collect::<Vec<_>>();
        assert_eq!(between(&db, &many, ALL.0, ALL.1).await.unwrap(), noted, "however many are asked about");
        assert!(between(&db, &["other"], ALL.0, ALL.1).await.unwrap().is_empty());
        // The third is sent again, and the issue is noted anew.
        let failed = sending[1].id.clone();
        assert!(in_tx!(db, tx => send_again(tx, &failed, &word(START_MS + 5, LIFETIME_MS))));
        assert_eq!(in_tx!(db, tx => reopen(tx)), 0, "it was opened with it");
        assert_eq!((pending_issues(START_MS).await.len(), pending().await.len()), (1, 3));
        let again = start(&db, node, START_MS + 5, &scene.issue, 10).await;
        settle(&db, node, &[result(&again[0], DeliveryState::Accepted, None)]).await;
        in_tx!(db, tx => finish(tx, START_MS + 9));
        while in_tx!(db, tx => note_issue(tx, &scene.issue, &last, 9)).is_some() {}
        in_tx!(db, tx => note_issue(tx, &scene.issue, "", 9));
        assert_eq!(number(&db, "SELECT COUNT(*) FROM touch", vec![]).await, 3);
    }

    /// What was on its way when its issue was cancelled counts on, and is noted once it was accepted.
    async fn what_is_on_its_way_when_cancelled_is_noted(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 3).await;
        let terms = partnercast::store::outbox::Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: "v.example" };
        in_tx!(db, tx => partnercast::store::outbox::release(tx, &scene.issue, "", terms));
        let node = scene.node();
        let sending = start(&db, node, START_MS, &scene.issue, 2).await;
        in_tx!(db, tx => control(tx, &scene.issue, "cancelled"));
        let pending = async || pending_between(&db, &scene.issue, ALL.0, ALL.1).await.unwrap().len();
        assert!(ended_issues(&db).await.unwrap().is_empty(), "something is on its way");
        assert_eq!((touches::pending_issues(&db, START_MS).await.unwrap().len(), pending().await), (1, 2));
        assert_eq!(in_tx!(db, tx => note_issue(tx, &scene.issue, "~", 9)), None);
        assert_eq!(touches::pending_issues(&db, START_MS).await.unwrap().len(), 1, "not marked");
        settle(&db, node, &[result(&sending[0], DeliveryState::Accepted, None), result(&sending[1], DeliveryState::Ready, Some(START_MS + 9))]).await;
        assert_eq!((ended_issues(&db).await.unwrap().len(), pending().await), (1, 1), "what came back goes no further");
        let last = in_tx!(db, tx => note_issue(tx, &scene.issue, "", 9)).unwrap();
        assert_eq!(in_tx!(db, tx => note_issue(tx, &scene.issue, &last, 9)), None);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM touch", vec![]).await, 1);
        assert!(touches::pending_issues(&db, START_MS).await.unwrap().is_empty());
        // Of one that was never in the outbox nobody is told.
        let other = Scene::approved(&db, "other", 1).await;
        in_tx!(db, tx => control(tx, &other.issue, "cancelled"));
        assert!(pending_between(&db, &other.issue, ALL.0, ALL.1).await.unwrap().is_empty());
    }

    /// A message of a sequence counts while it waits, and is noted when it was accepted; a failed one is not.
    async fn single_mails_count_too(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 1).await;
        let contact = &scene.contacts[0];
        let single = |source: &str| NewDelivery {
            lane: LANE_SEQUENCE,
            lead_id: None,
            contact_id: Some(contact.clone()),
            rendition_id: rendition_id("fold-forward"),
            ..mail(&scene.random, source)
        };
        let (good, bad) = (single("sequence:s:a"), single("sequence:s:b"));
        in_tx!(db, tx => enqueue(tx, START_MS, &good));
        in_tx!(db, tx => enqueue(tx, START_MS, &bad));
        let new = NewEnrolment {
            id: "enr_1".to_owned(),
            sequence: "s".to_owned(),
            contact_id: Some(contact.clone()),
            lead_id: None,
            partner_slug: "northlight".to_owned(),
            because: "new".to_owned(),
            entered_ms: START_MS,
            waiting: "a".to_owned(),
            due_ms: START_MS,
            plan_hash: "plan".to_owned(),
        };
        in_tx!(db, tx => enter(tx, vec![new]));
        for (step, mail) in [("a", &good), ("b", &bad)] {
            let done = Done {
                step: step.to_owned(),
                at_ms: START_MS,
                outcome: "sent".to_owned(),
                because: "due".to_owned(),
                delivery_id: Some(mail.id.to_string()),
            };
            in_tx!(db, tx => add_step(tx, "enr_1", &done));
        }
        assert_eq!(waiting_between(&db, contact, contact).await.unwrap().len(), 2);
        assert_eq!(waiting_between(&db, "z", "zz").await.unwrap(), [] as [Touch; 0]);
        let ended = "UPDATE delivery SET live = FALSE, state = $2, accepted_ms = $3 WHERE id = $1";
        execute(&db, ended, values![good.id.to_string(), "accepted", Some(START_MS + 7)]).await;
        execute(&db, ended, values![bad.id.to_string(), "failed", None::<i64>]).await;
        let (good, bad) = (good.id.to_string(), bad.id.to_string());
        assert_eq!(in_tx!(db, tx => note_singles(tx, &[&good, &bad])), 1);
        assert_eq!(in_tx!(db, tx => note_singles(tx, &[&good])), 0, "once");
        assert_eq!(waiting_between(&db, ALL.0, ALL.1).await.unwrap().len(), 0);
        let told = of_person(&db, contact).await.unwrap();
        let TouchOf { key_message, at_ms, forms, delivery_id, subject } = told[0].clone();
        assert_eq!((key_message.as_str(), at_ms, forms.as_str(), delivery_id), ("restores-not-backups", START_MS + 7, "read watch", good));
        assert!(subject.starts_with("Überschrift"));
        let covered = coverage(&db, None).await.unwrap();
        assert_eq!(covered.len(), 1, "{covered:?}");
        assert_eq!((covered[0].people, covered[0].times, covered[0].is_lead), (1, 1, false));
        assert_eq!((covered[0].has_read, covered[0].has_watch, covered[0].has_do), (true, true, false));
        assert_eq!(coverage(&db, Some("elsewhere")).await.unwrap().len(), 0);
        assert_eq!(people_by_roles(&db, Some("northlight")).await.unwrap(), [("sales;executive".to_owned(), 1)]);
        assert_eq!(people_by_roles(&db, Some("elsewhere")).await.unwrap(), []);
    }
}
