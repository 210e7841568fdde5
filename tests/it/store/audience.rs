//! Who was considered for an issue, with reasons.

use partnercast::{
    domain::kernel::Kind,
    store::{
        approvals,
        audience::{
            Decision, decided, due_between, due_of, included, included_count, insert, left_out_count, listed,
            page, stages, variants,
        },
        issues::{insert_audience, insert_head},
        outbox,
        promises::{self, NewPromise},
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, values},
    outbox::{DOMAIN, LIFETIME_MS, Scene, promise_of},
};

both_dbs! {
    /// The audience lists those left out first, with their reasons, in pages.
    async fn a_page_says_who_and_why(db: Db) {
        let mut scene = Scene::frozen(&db, "fold-forward", 1_003).await;
        scene.frozen.issue.id = "iss_feb".to_owned();
        scene.frozen.issue.nominal_date = "2027-02-09".to_owned();
        scene.frozen.promises = vec![NewPromise {
            id: "prm_feb".to_owned(),
            nominal_local: "2027-02-09T10:00".to_owned(),
            note: Some("moved by a clock change".to_owned()),
            ..promise_of("fold-forward", 1_003)
        }];
        for decision in &mut scene.frozen.decisions {
            decision.included.as_mut().unwrap().promise_id = "prm_feb".to_owned();
        }
        scene.frozen.decisions[5] = Decision { because: "unsubscribed".to_owned(), included: None, ..scene.frozen.decisions[5].clone() };
        assert!(in_tx!(db, tx => insert_head(tx, &scene.frozen)));
        in_tx!(db, tx => insert_audience(tx, &scene.frozen));
        let first = page(&db, "iss_feb", 0).await.unwrap();
        assert_eq!(first.len(), 1_000);
        assert_eq!((first[0].included, first[0].because.as_str()), (false, "unsubscribed"));
        assert_eq!(first[0].contact_id, scene.contacts[5]);
        assert!(first[0].rendition_id.is_none() && first[1].rendition_id.is_some());
        assert_eq!((first[1].partner_slug.as_str(), first[1].roles.as_str()), ("northlight", "sales;executive"));
        assert!(!first[1].name.is_empty());
        assert_eq!(page(&db, "iss_feb", 1_000).await.unwrap().len(), 3);
        let twice = &scene.frozen.decisions[..1];
        let mut tx = db.begin().await.unwrap();
        assert_eq!(insert(&mut tx, "iss_feb", twice).await.unwrap_err().kind(), Kind::Conflict, "once each");
        let promise = promises::of_issue(&db, "iss_feb").await.unwrap().remove(0);
        assert_eq!((promise.recipients, promise.accepted, promise.on_time), (1_002, 0, 0));
        assert_eq!(promise.note.as_deref(), Some("moved by a clock change"));
    }

    /// What was decided about a person comes with what was promised to them.
    async fn decided_tells_decision_and_promise(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        let told = decided(&db, &scene.issue, &scene.contacts[0]).await.unwrap().unwrap();
        assert!(told.included && told.rendition_id.is_some() && told.note.is_none());
        assert_eq!((told.because.as_str(), told.zone.as_str()), ("reads the newsletter", "Europe/Copenhagen"));
        assert_eq!((told.nominal_local.as_deref(), told.due_ms), (Some("2027-01-12T10:00"), Some(START_MS)));
        assert!(decided(&db, &scene.issue, "con_none").await.unwrap().is_none());
    }

    /// Those who got an issue, between two keys, and how many there are.
    async fn included_lists_who_got_it(db: Db) {
        let mut scene = Scene::frozen(&db, "fold-forward", 5).await;
        let mut keys = scene.contacts.clone();
        keys.sort();
        assert_eq!(included(&db, &scene.issue, "", &keys[4]).await.unwrap(), keys);
        assert_eq!(included(&db, &scene.issue, &keys[0], &keys[2]).await.unwrap(), keys[1..3]);
        assert!(included(&db, "iss_none", "", &keys[4]).await.unwrap().is_empty());
        scene.frozen.issue.id = "iss_feb".to_owned();
        scene.frozen.issue.nominal_date = "2027-02-09".to_owned();
        scene.frozen.promises.clear();
        scene.frozen.decisions[0].included = None;
        assert!(in_tx!(db, tx => insert_head(tx, &scene.frozen)));
        in_tx!(db, tx => insert_audience(tx, &scene.frozen));
        assert_eq!(included_count(&db, &scene.issue).await.unwrap(), 5);
        assert_eq!(included_count(&db, "iss_feb").await.unwrap(), 4);
        assert_eq!(left_out_count(&db, "iss_feb").await.unwrap(), 1);
        let texts = variants(&db, "iss_feb").await.unwrap();
        assert_eq!(texts.iter().map(|text| (text.partner_slug.as_str(), text.readers)).collect::<Vec<_>>(), [("northlight", 4)]);
        assert!(variants(&db, "iss_none").await.unwrap().is_empty());
    }

    /// How far each stage has come; an issue without stages has none.
    async fn stages_count_people_by_stage(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 4).await;
        assert!(stages(&db, &scene.issue).await.unwrap().is_empty());
        let rest = "UPDATE audience_decision SET stage = 'rest'";
        execute(&db, rest, vec![]).await;
        execute(&db, "UPDATE audience_decision SET stage = 'pilot' WHERE contact_id = $1", values![&scene.contacts[0]]).await;
        let counts = stages(&db, &scene.issue).await.unwrap();
        assert_eq!(counts.iter().map(|it| (it.stage.as_str(), it.people)).collect::<Vec<_>>(), [("pilot", 1), ("rest", 3)]);
        assert!(counts.iter().all(|it| (it.accepted, it.failed, it.cancelled, it.suppressed) == (0, 0, 0, 0)));
        assert!(in_tx!(db, tx => approvals::approve(tx, &scene.issue, "Ida", START_MS)));
        let terms = outbox::Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN };
        in_tx!(db, tx => outbox::release(tx, &scene.issue, "", terms));
        for (delivery, state) in scene.deliveries.iter().zip(["cancelled", "suppressed", "failed", "ready"]) {
            execute(&db, "UPDATE delivery SET state = $2, live = (state = 'ready') WHERE id = $1", values![delivery, state]).await;
        }
        let counts = stages(&db, &scene.issue).await.unwrap();
        let told = counts.iter().map(|it| (it.failed, it.cancelled, it.suppressed)).collect::<Vec<_>>();
        assert_eq!(told, [(0, 1, 0), (1, 0, 1)], "what was stopped has not failed");
    }

    /// Everybody considered, by key, with the hour of those who get it.
    async fn listed_goes_on_behind_a_key(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 3).await;
        execute(&db, "UPDATE audience_decision SET included = FALSE, reason = 'role', promise_id = NULL WHERE contact_id = $1", values![&scene.contacts[0]]).await;
        let mut keys = scene.contacts.clone();
        keys.sort();
        let all = listed(&db, &scene.issue, "").await.unwrap();
        assert_eq!(all.iter().map(|it| it.contact_id.clone()).collect::<Vec<_>>(), keys);
        let out = all.iter().find(|it| it.contact_id == scene.contacts[0]).unwrap();
        assert_eq!((out.included, out.reason.as_str(), out.due_ms), (false, "role", None));
        assert!(all.iter().filter(|it| it.included).all(|it| it.due_ms == Some(START_MS) && it.email.contains('@')));
        assert_eq!(listed(&db, &scene.issue, &keys[1]).await.unwrap().len(), 1);
        let due = due_between(&db, &scene.issue, "", &keys[2]).await.unwrap();
        assert_eq!(due.len(), 2, "of those who get it");
        assert!(due.iter().all(|(id, due_ms)| *due_ms == START_MS && *id != scene.contacts[0]));
        assert_eq!(due_between(&db, &scene.issue, &keys[0], &keys[1]).await.unwrap().len(), usize::from(keys[1] != scene.contacts[0]));
        let issues = ["iss_other", scene.issue.as_str()];
        assert_eq!(due_of(&db, &scene.contacts[1], &issues).await.unwrap(), [(scene.issue.clone(), START_MS)]);
        assert_eq!(due_of(&db, &scene.contacts[0], &issues).await.unwrap(), [], "who does not get it");
        let many = vec!["iss_other"; 40].into_iter().chain([scene.issue.as_str()]).collect::<Vec<_>>();
        assert_eq!(due_of(&db, &scene.contacts[1], &many).await.unwrap().len(), 1, "however many are asked about");
        execute(&db, "UPDATE audience_decision SET host_issue_id = 'iss_other' WHERE contact_id = $1", values![&scene.contacts[1]]).await;
        assert_eq!(due_of(&db, &scene.contacts[1], &issues).await.unwrap(), [], "it comes in another one's mail");
        assert_eq!(due_between(&db, &scene.issue, "", &keys[2]).await.unwrap().len(), 1);
    }
}
