//! Audiences that are stored in parts, and what is taken away of those that did not come to be.

use partnercast::store::{
    Db, approvals,
    audience::{Decision, insert},
    freezing::{abandoned, begin, clear, empty, end, give_up, go_on, thaw, withdraw},
    outbox::{Terms, release},
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, number, rows},
    outbox::{DOMAIN, LIFETIME_MS, Scene, start},
};

/// Stores what a freeze of `issue` has decided on so far.
async fn decide(db: &Db, scene: &Scene, issue: &str) {
    let decisions: Vec<Decision> = scene
        .contacts
        .iter()
        .map(|contact| Decision {
            contact_id: contact.clone(),
            zone: "UTC".to_owned(),
            because: "a sales contact".to_owned(),
            reason: "role",
            included: None,
        })
        .collect();
    in_tx!(db, tx => insert(tx, issue, &decisions));
}

async fn decided(db: &Db) -> i64 {
    number(db, "SELECT COUNT(*) FROM audience_decision WHERE issue_id LIKE 'iss_new%'", vec![]).await
}

both_dbs! {
    /// One that ends leaves its audience and nothing else behind, and ends once.
    async fn a_freeze_ends_once(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        in_tx!(db, tx => begin(tx, "iss_new", START_MS));
        decide(&db, &scene, "iss_new").await;
        assert_eq!(abandoned(&db, START_MS).await.unwrap(), None, "it goes on");
        assert!(in_tx!(db, tx => end(tx, "iss_new")));
        assert!(!in_tx!(db, tx => end(tx, "iss_new")));
        assert_eq!(abandoned(&db, i64::MAX).await.unwrap(), None);
        assert_eq!(in_tx!(db, tx => clear(tx, "iss_new", 100)), 0, "nothing of it may be taken away any more");
        assert_eq!(decided(&db).await, 3);
    }

    /// One that was broken off is given up, and taken away part by part; whoever still works on it hears of it.
    async fn what_a_broken_freeze_left_is_taken_away_in_parts(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 5).await;
        for (issue, began_ms) in [("iss_new1", START_MS), ("iss_new2", START_MS + 10)] {
            in_tx!(db, tx => begin(tx, issue, began_ms));
            decide(&db, &scene, issue).await;
        }
        assert_eq!(abandoned(&db, START_MS + 10).await.unwrap().as_deref(), Some("iss_new1"));
        assert_eq!(in_tx!(db, tx => clear(tx, "iss_new1", 2)), 0, "not before it is given up");
        in_tx!(db, tx => give_up(tx, "iss_new1"));
        assert_eq!(abandoned(&db, START_MS).await.unwrap().as_deref(), Some("iss_new1"), "given up, however old");
        assert!(!in_tx!(db, tx => end(tx, "iss_new1")), "its audience is not whole any more");
        assert!(!in_tx!(db, tx => go_on(tx, "iss_new1", START_MS + 99)), "and nothing may be added to it");
        for expected in [2, 2, 1, 0] {
            assert_eq!(in_tx!(db, tx => clear(tx, "iss_new1", 2)), expected);
        }
        assert_eq!(abandoned(&db, START_MS + 10).await.unwrap(), None);
        assert_eq!(decided(&db).await, 5, "the other one goes on");
        assert!(in_tx!(db, tx => go_on(tx, "iss_new2", START_MS + 50)));
        assert_eq!(abandoned(&db, START_MS + 50).await.unwrap(), None, "and says so");
        assert!(in_tx!(db, tx => end(tx, "iss_new2")));
        in_tx!(db, tx => give_up(tx, "iss_none"));
    }

    /// A frozen issue goes back to draft whole; one that is approved does not by itself.
    async fn thaw_takes_back_what_waits(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 3).await;
        in_tx!(db, tx => approvals::approve(tx, &scene.issue, "Ida", START_MS));
        assert!(!in_tx!(db, tx => thaw(tx, &scene.issue, START_MS - 1)), "approved");
        execute(&db, "UPDATE issue SET state = 'frozen'", vec![]).await;
        in_tx!(db, tx => approvals::give(tx, &scene.issue, "c0ffee", "Ida", START_MS));
        assert!(in_tx!(db, tx => thaw(tx, &scene.issue, START_MS - 1)));
        assert!(!in_tx!(db, tx => thaw(tx, &scene.issue, START_MS - 1)), "once");
        for text in ["SELECT COUNT(*) FROM issue", "SELECT COUNT(*) FROM promise", "SELECT COUNT(*) FROM issue_approval"] {
            assert_eq!(number(&db, text, vec![]).await, 0, "{text}");
        }
        assert_eq!(abandoned(&db, 0).await.unwrap().as_deref(), Some(scene.issue.as_str()));
        assert_eq!(in_tx!(db, tx => clear(tx, &scene.issue, 100)), 3);
    }

    /// What was promised for an hour that has come stays promised, whatever becomes of the issue.
    async fn thaw_keeps_what_is_due(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 3).await;
        execute(&db, "UPDATE promise SET on_time = 1, counted_ms = 7, closed = TRUE", vec![]).await;
        assert!(in_tx!(db, tx => thaw(tx, &scene.issue, START_MS)));
        let kept: Vec<(String, i64, i64)> = rows(&db, "SELECT because, eligible, on_time FROM promise WHERE issue_id IS NULL AND NOT closed AND counted_ms IS NULL", vec![]).await;
        assert_eq!(kept, [("its issue was returned to draft".to_owned(), 3, 0)]);
    }

    /// Of an issue that nobody was sent anything of its outbox is taken away, in parts; of one that is under way nothing is.
    async fn an_outbox_is_emptied_before_anything_leaves(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 5).await;
        assert_eq!(in_tx!(db, tx => empty(tx, &scene.issue, 2)), 0, "it is on its way");
        assert!(in_tx!(db, tx => withdraw(tx, &scene.issue)));
        assert!(start(&db, scene.node(), START_MS, &scene.issue, 9).await.is_empty(), "nothing leaves any more");
        assert!(!in_tx!(db, tx => thaw(tx, &scene.issue, START_MS - 1)), "it has an outbox");
        for expected in [2, 2, 1, 0] {
            assert_eq!(in_tx!(db, tx => empty(tx, &scene.issue, 2)), expected);
        }
        assert!(in_tx!(db, tx => thaw(tx, &scene.issue, START_MS - 1)));

        let other = Scene::released(&db, "other", 3).await;
        assert_eq!(start(&db, other.node(), START_MS, &other.issue, 1).await.len(), 1);
        assert!(!in_tx!(db, tx => withdraw(tx, &other.issue)), "one was started");
        // As if it had been in the very moment in which it was withdrawn.
        execute(&db, "UPDATE issue SET state = 'frozen'", vec![]).await;
        assert_eq!(in_tx!(db, tx => empty(tx, &other.issue, 9)), 2);
        assert!(!in_tx!(db, tx => thaw(tx, &other.issue, START_MS - 1)), "what was started stays");
        assert!(in_tx!(db, tx => approvals::approve(tx, &other.issue, "Ida", START_MS)));
        let terms = Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN };
        assert_eq!(in_tx!(db, tx => release(tx, &other.issue, "", terms)), Some(2), "approved again, the others follow");
    }
}
