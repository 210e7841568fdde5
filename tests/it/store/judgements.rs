//! Judging what is kept anew.

use partnercast::{
    domain::engagement::Reason,
    store::{
        events::{Event, insert, of_lead},
        judgements::{Progress, Rejudged, advance, begin, followed, page, progress, rescore, sent, store},
        leads,
    },
};

use super::{events::event, leads::scene};
use crate::harness::{START_MS, SeededRandom, both_dbs, databases::in_tx, outbox::Scene};

both_dbs! {
    /// One of several takes each step; other rules, and the end, stop whoever is under way.
    async fn progress_is_made_by_one(db: Db) {
        assert_eq!(progress(&db).await.unwrap(), None);
        in_tx!(db, tx => begin(tx, "one"));
        let first = progress(&db).await.unwrap().unwrap();
        assert_eq!(first, Progress { version: "one".into(), after_id: String::new(), done: false });
        assert!(in_tx!(db, tx => advance(tx, &first, "evt_5", false)));
        assert!(!in_tx!(db, tx => advance(tx, &first, "evt_5", false)), "another did");
        let second = progress(&db).await.unwrap().unwrap();
        assert_eq!(second.after_id, "evt_5");
        in_tx!(db, tx => begin(tx, "two"));
        assert!(!in_tx!(db, tx => advance(tx, &second, "evt_9", false)), "other rules hold");
        let again = progress(&db).await.unwrap().unwrap();
        assert!(in_tx!(db, tx => advance(tx, &again, "", true)));
        assert!(!in_tx!(db, tx => advance(tx, &again, "", true)), "done");
        assert!(progress(&db).await.unwrap().unwrap().done);
    }

    /// A page has its events, their deliveries, and the links that were followed of those, also outside the page.
    async fn a_page_comes_with_what_it_takes_to_judge(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let click = |at: usize, at_ms: i64| Event {
            delivery_id: Some(scene.deliveries[at].clone()),
            ..event(&scene.random, START_MS + at_ms, "click", true)
        };
        let batch = vec![click(0, 0), Event { link_no: None, ..click(1, 1) }, click(0, 5_000), click(1, 9_000)];
        let ids: Vec<String> = batch.iter().map(|event| event.id.clone()).collect();
        in_tx!(db, tx => insert(tx, batch));
        let all = page(&db, "").await.unwrap();
        assert_eq!(all.iter().map(|event| event.id.clone()).collect::<Vec<_>>(), ids);
        assert_eq!(page(&db, &ids[2]).await.unwrap().len(), 1);
        assert!(page(&db, &ids[3]).await.unwrap().is_empty());
        assert_eq!(sent(&db, "", &ids[3]).await.unwrap().len(), 2);
        let one = sent(&db, "", &ids[0]).await.unwrap();
        assert_eq!((one.len(), one[0].is_test), (1, false));
        let links = followed(&db, ("", &ids[0]), (START_MS - 1, START_MS + 5_000)).await.unwrap();
        assert_eq!(links.iter().map(|link| link.at_ms - START_MS).collect::<Vec<_>>(), [0, 5_000], "one delivery's");
        assert!(links.iter().all(|link| link.delivery_id == scene.deliveries[0] && link.link_no == 3 && !link.honeypot));
    }

    /// A new judgement replaces the one that was read, and none that was made since.
    async fn a_judgement_is_stored_unless_it_changed(db: Db) {
        let random = SeededRandom::new(4);
        let one = event(&random, START_MS, "click", true);
        in_tx!(db, tx => insert(tx, vec![one.clone()]));
        let change = |was: &str, reason: Reason| Rejudged { id: one.id.clone(), was: was.into(), verdict: reason.into() };
        assert_eq!(in_tx!(db, tx => store(tx, vec![change("burst", Reason::TooSoon)])), 0);
        assert_eq!(in_tx!(db, tx => store(tx, vec![change("person", Reason::TooSoon)])), 1);
        let found = of_lead(&db, "led_1").await.unwrap().remove(0);
        assert_eq!((found.human, found.reason.as_str()), (false, "too-soon"));
    }

    /// A score is brought up to date, once, and nothing else of the lead changes.
    async fn rescore_changes_what_a_lead_is_worth(db: Db) {
        scene(&db).await;
        let before = leads::lead(&db, "led_1").await.unwrap().unwrap();
        assert_eq!(in_tx!(db, tx => rescore(tx, "led_1", before.score + 7, "B", "less was a person's")), 1);
        assert_eq!(in_tx!(db, tx => rescore(tx, "led_1", before.score + 7, "B", "less was a person's")), 0);
        let after = leads::lead(&db, "led_1").await.unwrap().unwrap();
        assert_eq!((after.score, after.fit.as_str(), after.updated_ms), (before.score + 7, "B", before.updated_ms));
    }
}
