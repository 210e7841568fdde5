//! Approvals: by whom, of what, and what takes them back.

use partnercast::store::{
    approvals::{approve, asked, give, given, hold, of_issue, waiting},
    issues::{approved, issue},
    outbox,
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, number},
    outbox::{DOMAIN, LIFETIME_MS, Scene},
};

both_dbs! {
    /// A word is bound to what the person saw and counts once; two people make two.
    async fn give_wants_the_same_content_and_different_people(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        let says = |who: &'static str, hash: &'static str, at_ms| { let (db, issue) = (db.clone(), scene.issue.clone()); async move {
            in_tx!(db, tx => give(tx, &issue, hash, who, at_ms))
        } };
        assert_eq!(says("ida", "other", 1).await, None, "content has changed");
        assert_eq!(says("ida", "c0ffee", 2).await, Some(1));
        assert_eq!(says("ida", "c0ffee", 3).await, None, "once");
        assert_eq!(says("bo", "c0ffee", 4).await, Some(2));
        let who: Vec<_> = of_issue(&db, &scene.issue).await.unwrap().into_iter().map(|it| (it.approver, it.at_ms)).collect();
        assert_eq!(who, [("ida".to_owned(), 2), ("bo".to_owned(), 4)]);
        assert_eq!(in_tx!(db, tx => given(tx, &scene.issue)), of_issue(&db, &scene.issue).await.unwrap());
        execute(&db, "UPDATE issue SET content_hash = 'new'", vec![]).await;
        assert!(of_issue(&db, &scene.issue).await.unwrap().is_empty(), "of what it was");
        execute(&db, "UPDATE issue SET content_hash = 'c0ffee', control = 'cancelled'", vec![]).await;
        assert_eq!(says("eve", "c0ffee", 5).await, None);
    }

    /// The approval as a whole counts once and clears why it was held.
    async fn approve_lets_it_go_once(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        assert!(approved(&db).await.unwrap().is_empty());
        assert!(in_tx!(db, tx => approve(tx, &scene.issue, "Ida and Bo", START_MS)));
        assert!(!in_tx!(db, tx => approve(tx, &scene.issue, "Eve", START_MS + 1)), "once");
        let stored = issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((stored.approved_by.as_deref(), stored.approved_ms), (Some("Ida and Bo"), Some(START_MS)));
        assert_eq!((stored.state.as_str(), stored.held_because), ("approved", None));
        assert_eq!(approved(&db).await.unwrap(), [scene.issue]);
    }

    /// What waits is listed with its first hour and its readers, and who was asked is noted once.
    async fn waiting_and_asked_go_together(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 3).await;
        let first = waiting(&db).await.unwrap().remove(0);
        assert_eq!((first.id.as_str(), first.recipients, first.first_due_ms), (scene.issue.as_str(), 3, START_MS));
        assert_eq!((first.approval_asked, first.approvals_needed), (0, 1));
        assert!(in_tx!(db, tx => asked(tx, &scene.issue, 2)));
        assert!(!in_tx!(db, tx => asked(tx, &scene.issue, 2)), "another node was first");
        assert!(!in_tx!(db, tx => asked(tx, &scene.issue, 1)), "further already");
        assert_eq!(waiting(&db).await.unwrap()[0].approval_asked, 2);
        in_tx!(db, tx => approve(tx, &scene.issue, "Ida", START_MS));
        assert!(!in_tx!(db, tx => asked(tx, &scene.issue, 3)));
        assert!(waiting(&db).await.unwrap().is_empty());
    }

    /// One that is released in the very moment of the recall is paused: the recall waits for the release and sees it.
    async fn hold_sees_what_is_released_meanwhile(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 1).await;
        let mut releasing = db.begin().await.unwrap();
        let terms = outbox::Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN };
        assert_eq!(outbox::release(&mut releasing, &scene.issue, "", terms).await.unwrap(), Some(1));
        let holding = { let db = db.clone(); tokio::spawn(async move { in_tx!(db, tx => hold(tx, "blog/a", "wrong")) }) };
        // Time to come to where it waits.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        releasing.commit().await.unwrap();
        assert_eq!(holding.await.unwrap(), 1);
        let paused = issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((paused.state.as_str(), paused.control.as_str(), paused.paused_because.as_deref()), ("sending", "paused", Some("wrong")));
    }

    /// What was approved waits again, with what it waits for, and its approvals are void; what is on its way is paused;
    /// what has no card of the asset, or is done, is let be.
    async fn hold_takes_an_approval_back(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        in_tx!(db, tx => give(tx, &scene.issue, "c0ffee", "ida", START_MS));
        assert!(in_tx!(db, tx => approve(tx, &scene.issue, "Ida", START_MS)));
        execute(&db, "UPDATE issue SET approvals_needed = 0, approval_asked = 3", vec![]).await;
        assert_eq!(in_tx!(db, tx => hold(tx, "blog/_", "wrong")), 0);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM issue_approval", vec![]).await, 1);
        assert_eq!(in_tx!(db, tx => hold(tx, "blog/a", "wrong")), 1);
        assert_eq!(in_tx!(db, tx => hold(tx, "blog/a", "and old")), 1);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM issue_approval", vec![]).await, 0);
        let held = issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((held.state.as_str(), held.approved_by, held.approved_ms), ("frozen", None, None));
        assert_eq!(held.held_because.as_deref(), Some("wrong; and old"));
        assert_eq!(held.approvals_needed, 1, "somebody has to look");
        assert_eq!(waiting(&db).await.unwrap()[0].approval_asked, 0);
        assert!(in_tx!(db, tx => approve(tx, &scene.issue, "Ida", START_MS)));
        execute(&db, "UPDATE issue SET state = 'released'", vec![]).await;
        assert_eq!(in_tx!(db, tx => hold(tx, "blog/a", "late")), 1);
        let paused = issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((paused.state.as_str(), paused.control.as_str(), paused.paused_because.as_deref()), ("released", "paused", Some("late")));
        execute(&db, "UPDATE issue SET state = 'done', control = 'running'", vec![]).await;
        assert_eq!(in_tx!(db, tx => hold(tx, "blog/a", "too late")), 0);
    }
}
