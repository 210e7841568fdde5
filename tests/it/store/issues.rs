//! Issues and their promises.

use partnercast::{
    domain::{delivery::DeliveryState, kernel::Kind},
    store::approvals::approve,
    store::issues::{
        any_sending, between, cancel_part, control, exists, finish, insert_audience, insert_head, issue,
        last_before, named, overtaken_by, pause_because, paused_because, plan_hash, recent, sender,
        under_way_before,
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, number, values},
    outbox::{Scene, result, settle, start},
};

both_dbs! {
    /// What was frozen comes back as it was; of two nodes that freeze the same promise one wins.
    async fn insert_head_is_won_once(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 2).await;
        let stored = issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!(format!("{stored:?}"), format!("{:?}", scene.frozen.issue));
        assert!(exists(&db, "fold-forward", "2027-01-12").await.unwrap());
        assert!(!exists(&db, "fold-forward", "2027-02-09").await.unwrap());
        let mut other = scene.frozen.clone();
        other.issue.id = "iss_other".to_owned();
        assert!(!in_tx!(db, tx => insert_head(tx, &other)));
        assert!(issue(&db, "iss_other").await.unwrap().is_none());
        assert_eq!(plan_hash(&db, &scene.issue).await.unwrap(), Some(scene.frozen.plan_hash.clone()));
        assert_eq!(plan_hash(&db, "iss_other").await.unwrap(), None);
        assert_eq!(recent(&db).await.unwrap().len(), 1);
    }

    /// Two occurrences of one newsletter at the same local time in the same zone cannot be.
    async fn insert_audience_refuses_the_same_promise_twice(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        let mut tx = db.begin().await.unwrap();
        let error = insert_audience(&mut tx, &scene.frozen).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{}", error.detail());
    }

    /// An issue waits for the one before it as long as something of that was due and not tried.
    async fn under_way_before_names_what_comes_first(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let mut next = scene.frozen.clone();
        (next.issue.id, next.issue.nominal_date) = ("iss_next".to_owned(), "2027-01-13".to_owned());
        assert!(in_tx!(db, tx => insert_head(tx, &next)));
        let first = |now_ms| { let db = db.clone(); async move {
            under_way_before(&db, "iss_next", now_ms).await.unwrap().map(|issue| issue.id)
        } };
        assert_eq!(first(START_MS - 1).await, None, "nothing is due");
        assert_eq!(first(START_MS).await, Some(scene.issue.clone()));
        assert!(under_way_before(&db, &scene.issue, START_MS).await.unwrap().is_none());
        let window = start(&db, scene.node(), START_MS, &scene.issue, 10).await;
        assert_eq!(first(START_MS).await, None, "all of it was tried");
        drop(window);
    }

    /// An issue is found by each of its names.
    async fn named_answers_who_asks(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        let ids = |found: Vec<partnercast::store::issues::Issue>| found.into_iter().map(|issue| issue.id).collect::<Vec<_>>();
        for (id, newsletter, date) in [
            (Some(scene.issue.as_str()), None, None),
            (None, Some("fold-forward"), None),
            (None, Some("fold-forward"), Some("2027-01-12")),
            (None, None, Some("2027-01-12")),
        ] {
            assert_eq!(ids(named(&db, id, newsletter, date).await.unwrap()), [scene.issue.as_str()]);
        }
        assert!(named(&db, None, Some("fold-forward"), Some("2027-02-09")).await.unwrap().is_empty());
        for (first, last, count) in [("2027-01-12", "2027-01-12", 1), ("2027-01-01", "2027-01-11", 0), ("2027-01-13", "2028-01-01", 0)] {
            assert_eq!(between(&db, "fold-forward", first, last).await.unwrap().len(), count, "{first} to {last}");
        }
        for (newsletter, date, found) in [("fold-forward", "2027-01-12", false), ("fold-forward", "2027-01-13", true), ("other", "2028-01-01", false)] {
            assert_eq!(last_before(&db, newsletter, date).await.unwrap().is_some(), found, "{newsletter} before {date}");
        }
        assert!(between(&db, "other", "2027-01-01", "2028-01-01").await.unwrap().is_empty());
    }

    /// Pausing and resuming say whether anything changed; a cancelled issue stays cancelled and cannot be approved.
    async fn control_steers_and_cancelling_is_for_good(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        assert!(!in_tx!(db, tx => control(tx, &scene.issue, "running")), "it runs already");
        assert!(in_tx!(db, tx => control(tx, &scene.issue, "paused")));
        assert!(in_tx!(db, tx => control(tx, &scene.issue, "running")));
        assert!(in_tx!(db, tx => control(tx, &scene.issue, "cancelled")));
        assert!(!in_tx!(db, tx => control(tx, &scene.issue, "running")));
        assert!(!in_tx!(db, tx => approve(tx, &scene.issue, "Ida", START_MS)));
        let stored = issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((stored.state.as_str(), stored.control.as_str()), ("cancelled", "cancelled"));
        let mut tx = db.begin().await.unwrap();
        let error = control(&mut tx, "iss_none", "asleep").await;
        assert!(!error.unwrap(), "an issue that is not there does not change");
    }

    /// Cancelling takes what has not started out of the queue and keeps the rows.
    async fn control_cancelled_empties_the_queue(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        let node = scene.node();
        let window = start(&db, node, START_MS, &scene.issue, 1).await;
        assert_eq!(window.len(), 1);
        assert!(in_tx!(db, tx => control(tx, &scene.issue, "cancelled")));
        let states = "SELECT COUNT(*) FROM delivery WHERE state = $1";
        assert_eq!(number(&db, states, values!["cancelled"]).await, 2);
        assert_eq!(number(&db, states, values!["sending"]).await, 1, "what is leaving is not called back");
        let accepted = [result(&window[0], DeliveryState::Accepted, None)];
        assert_eq!(settle(&db, node, &accepted).await, 1, "and its result is recorded");
    }

    /// A delivery that became ready in the very moment of the cancelling is found by the next look.
    async fn finish_sweeps_up_after_cancelled_issues(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let other = Scene::released(&db, "another", 1).await;
        assert!(in_tx!(db, tx => control(tx, &scene.issue, "cancelled")));
        execute(&db, "UPDATE delivery SET state = 'ready', live = TRUE WHERE id = $1", values![&scene.deliveries[0]]).await;
        assert_eq!(in_tx!(db, tx => finish(tx, START_MS)), 0);
        let states = "SELECT COUNT(*) FROM delivery WHERE state = $1";
        assert_eq!(number(&db, states, values!["cancelled"]).await, 2);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery WHERE state = 'ready' AND issue_id = $1", values![&other.issue]).await, 1);
    }

    /// The breaker pauses what runs, says why, and a person's word takes the reason away; nothing else is paused by it.
    async fn pause_because_stops_what_runs_and_says_why(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let why = "20 messages in a row were refused: 550 5.7.26 unauthenticated";
        assert!(in_tx!(db, tx => pause_because(tx, &scene.issue, why)));
        let stored = issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((stored.control.as_str(), stored.paused_because.as_deref()), ("paused", Some(why)));
        assert!(start(&db, scene.node(), START_MS, &scene.issue, 10).await.is_empty());
        assert!(!in_tx!(db, tx => pause_because(tx, &scene.issue, "another reason")), "it is paused already");
        let told = async || paused_because(&db).await.unwrap().into_iter().map(|issue| issue.id).collect::<Vec<_>>();
        assert_eq!(told().await, std::slice::from_ref(&scene.issue));
        assert_eq!(issue(&db, &scene.issue).await.unwrap().unwrap().paused_because.as_deref(), Some(why));
        assert!(in_tx!(db, tx => control(tx, &scene.issue, "running")));
        let stored = issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((stored.control.as_str(), stored.paused_because), ("running", None));
        assert_eq!(recent(&db).await.unwrap()[0].paused_because, None);
        assert!(in_tx!(db, tx => control(tx, &scene.issue, "paused")));
        assert!(told().await.is_empty(), "a person did it");
        assert!(in_tx!(db, tx => control(tx, &scene.issue, "cancelled")));
        assert!(!in_tx!(db, tx => pause_because(tx, &scene.issue, why)), "cancelled stays cancelled");
        assert!(!in_tx!(db, tx => pause_because(tx, "iss_none", why)));
        let done = Scene::released(&db, "done", 0).await;
        in_tx!(db, tx => finish(tx, START_MS));
        assert!(!in_tx!(db, tx => pause_because(tx, &done.issue, why)), "what is done is done");
    }

    /// A long list is cancelled part by part, and only what waits.
    async fn cancel_part_takes_so_many_out_of_the_queue(db: Db) {
        let (gone, on) = (Scene::released(&db, "gone", 6).await, Scene::released(&db, "goes-on", 2).await);
        start(&db, gone.node(), START_MS, &gone.issue, 1).await;
        assert_eq!(in_tx!(db, tx => cancel_part(tx, 10)), 0, "nothing is cancelled");
        // As by a node that was cut off right after its word was written down.
        execute(&db, "UPDATE issue SET control = 'cancelled', state = 'cancelled' WHERE id = $1", values![&gone.issue]).await;
        assert!(any_sending(&db).await.unwrap(), "so that somebody goes on with it");
        for expected in [2, 2, 1, 0] {
            assert_eq!(in_tx!(db, tx => cancel_part(tx, 2)), expected);
        }
        let states = "SELECT COUNT(*) FROM delivery WHERE state = $1";
        for (state, expected) in [("cancelled", 5), ("sending", 1), ("ready", 2)] {
            assert_eq!(number(&db, states, values![state]).await, expected, "{state}");
        }
        assert_eq!(start(&db, on.node(), START_MS, &on.issue, 10).await.len(), 2);
    }

    /// A later issue of the same newsletter overtakes one when it has left.
    async fn a_later_issue_overtakes_when_it_left(db: Db) {
        let mut scene = Scene::frozen(&db, "fold-forward", 1).await;
        Scene::released(&db, "other", 1).await;
        scene.frozen.issue.id = "iss_later".to_owned();
        scene.frozen.issue.nominal_date = "2027-12-14".to_owned();
        assert!(in_tx!(db, tx => insert_head(tx, &scene.frozen)));
        assert!(overtaken_by(&db, &scene.issue).await.unwrap().is_none(), "it has not left");
        execute(&db, "UPDATE issue SET released_ms = 5 WHERE id = 'iss_later'", vec![]).await;
        assert_eq!(overtaken_by(&db, &scene.issue).await.unwrap().unwrap().id, "iss_later");
        assert!(overtaken_by(&db, "iss_later").await.unwrap().is_none());
    }

    /// The address that an issue is sent from is that of its renditions.
    async fn sender_is_read_from_the_renditions(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        assert_eq!(in_tx!(db, tx => sender(tx, &scene.issue)).as_deref(), Some("news@vendor.example"));
        assert_eq!(in_tx!(db, tx => sender(tx, "iss_none")), None);
    }

    /// An issue is done when its last delivery is in a final state, and not before.
    async fn finish_waits_for_the_last(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let node = scene.node();
        assert_eq!(in_tx!(db, tx => finish(tx, START_MS)), 0);
        assert!(any_sending(&db).await.unwrap());
        let window = start(&db, node, START_MS, &scene.issue, 10).await;
        settle(&db, node, &[result(&window[0], DeliveryState::Accepted, None)]).await;
        assert_eq!(in_tx!(db, tx => finish(tx, START_MS)), 0, "one is still being sent");
        settle(&db, node, &[result(&window[1], DeliveryState::Failed, None)]).await;
        assert_eq!(in_tx!(db, tx => finish(tx, START_MS + 7)), 1);
        assert_eq!(in_tx!(db, tx => finish(tx, START_MS + 8)), 0);
        assert!(!any_sending(&db).await.unwrap());
        let stored = issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((stored.state.as_str(), stored.done_ms), ("done", Some(START_MS + 7)));
        assert!(!in_tx!(db, tx => control(tx, &scene.issue, "cancelled")), "what is done is done");
    }
}
