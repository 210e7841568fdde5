//! How an issue and the queue come along, counted.

use partnercast::{
    domain::delivery::DeliveryState,
    store::progress::{Lane, Later, classes, first_unreleased_ms, lanes, later, sites},
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, values},
    outbox::{Scene, result, settle, start},
};

both_dbs! {
    /// Classes are those of the last try, of what was tried and is not accepted.
    async fn classes_count_the_last_try(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 5).await;
        assert!(classes(&db, &scene.issue).await.unwrap().is_empty(), "nothing was tried");
        let node = scene.node();
        let window = start(&db, node, START_MS, &scene.issue, 4).await;
        let mut results: Vec<_> = window.iter().map(|c| result(c, DeliveryState::Ready, Some(START_MS + 1))).collect();
        results[0] = result(&window[0], DeliveryState::Accepted, None);
        results[1].outcome = "bad-address";
        results[1].state = DeliveryState::Failed;
        settle(&db, node, &results).await;
        let counted = classes(&db, &scene.issue).await.unwrap();
        assert_eq!(counted, [("soft".to_owned(), 2), ("bad-address".to_owned(), 1)]);
        assert!(classes(&db, "iss_none").await.unwrap().is_empty());
    }

    /// Sites are what stands behind the @, the largest first, 20 at most.
    async fn sites_are_the_domains_of_the_addresses(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 30).await;
        for (at, id) in scene.deliveries.iter().enumerate().skip(5) {
            let key = format!("site{:02}.example", at % 25);
            execute(&db, "UPDATE delivery SET site = $1 WHERE id = $2", values![key, id]).await;
        }
        execute(&db, "UPDATE delivery SET site = '' WHERE id = $1", values![&scene.deliveries[29]]).await;
        execute(&db, "UPDATE delivery SET state = 'accepted', live = FALSE WHERE id = $1", values![&scene.deliveries[0]]).await;
        execute(&db, "UPDATE delivery SET state = 'failed', live = FALSE WHERE id = $1", values![&scene.deliveries[1]]).await;
        let largest = sites(&db, &scene.issue).await.unwrap();
        assert_eq!(largest.len(), 20);
        let first = &largest[0];
        assert_eq!((first.site.as_str(), first.total, first.accepted, first.unfinished), ("northlight.example", 5, 1, 3));
        assert!(largest.iter().skip(1).all(|site| site.total == 1 && !site.site.contains('@')), "{largest:?}");
    }

    /// What is not due yet is counted with its first and last hour, of one issue alone and without what has ended.
    async fn later_tells_what_is_not_due(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 5).await;
        Scene::released(&db, "second", 2).await;
        assert_eq!(later(&db, &scene.issue, START_MS).await.unwrap(), Later::default(), "all is due");
        for (at, id) in scene.deliveries.iter().enumerate().skip(1) {
            let ms = i64::try_from(at).unwrap() * 1_000;
            execute(&db, "UPDATE delivery SET due_ms = due_ms + $1 WHERE id = $2", values![ms, id]).await;
        }
        execute(&db, "UPDATE delivery SET state = 'expired', live = FALSE WHERE id = $1", values![&scene.deliveries[4]]).await;
        let (first_due_ms, last_due_ms) = (Some(START_MS + 2_000), Some(START_MS + 3_000));
        let told = later(&db, &scene.issue, START_MS + 1_000).await.unwrap();
        assert_eq!(told, Later { messages: 2, first_due_ms, last_due_ms });
    }

    /// Lanes tell what is due from what is due later, and since when; the first hour that nobody released is known.
    async fn lanes_and_the_first_unreleased_hour(db: Db) {
        assert!(lanes(&db, START_MS).await.unwrap().is_empty());
        assert_eq!(first_unreleased_ms(&db).await.unwrap(), None);
        let waiting = Scene::frozen(&db, "second", 1).await;
        assert_eq!(first_unreleased_ms(&db).await.unwrap(), Some(START_MS));
        assert!(in_tx!(db, tx => partnercast::store::issues::control(tx, &waiting.issue, "cancelled")));
        assert_eq!(first_unreleased_ms(&db).await.unwrap(), None, "cancelled hours pass unnoticed");
        let scene = Scene::released(&db, "fold-forward", 3).await;
        execute(&db, "UPDATE delivery SET due_ms = due_ms + 60000 WHERE id = $1", values![&scene.deliveries[0]]).await;
        execute(&db, "UPDATE delivery SET lane = 0, due_ms = due_ms - 5 WHERE id = $1", values![&scene.deliveries[1]]).await;
        let waits = lanes(&db, START_MS).await.unwrap();
        assert_eq!(waits, [
            Lane { lane: 0, due: 1, later: 0, oldest_due_ms: START_MS - 5 },
            Lane { lane: 10, due: 1, later: 1, oldest_due_ms: START_MS },
        ]);
    }
}
