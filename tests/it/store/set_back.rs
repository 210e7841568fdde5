//! What a clock decided while it was ahead, taken back once it was set back.

use partnercast::{
    domain::{
        delivery::{DeliveryState, quota::hourly},
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    },
    store::{issues, outbox, quotas::take, renditions, set_back},
};

use super::queue::mail;
use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, number, rows, values},
    outbox::{Scene, rendition_of, result, row, settle, start},
};

/// By how much the clock was ahead.
const AHEAD_MS: i64 = 2 * DAY_MS;

both_dbs! {
    /// What was put off waits as long as it would have, but never until before its promise; the rest stays.
    async fn deliveries_are_put_off_by_less(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        let node = scene.node();
        let started = start(&db, node, START_MS, &scene.issue, 3).await;
        let put_off = |at: usize, due_ms: i64| result(&started[at], DeliveryState::Ready, Some(due_ms));
        let (tried, early, done) = (0, 1, 2);
        settle(&db, node, &[
            put_off(tried, START_MS + AHEAD_MS + 5 * MINUTE_MS),
            put_off(early, START_MS + HOUR_MS),
            result(&started[done], DeliveryState::Accepted, None),
        ]).await;
        in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of("rnd_offer", None)]));
        let single = mail(&scene.random, "offer:off_1");
        assert!(in_tx!(db, tx => outbox::enqueue(tx, START_MS + AHEAD_MS, &single)));

        assert_eq!(in_tx!(db, tx => set_back::deliveries(tx, START_MS, AHEAD_MS)), 3);
        assert_eq!(row(&db, &started[tried].id).await.due_ms, START_MS + 5 * MINUTE_MS);
        assert_eq!(row(&db, &started[early].id).await.due_ms, START_MS, "its promise");
        assert_eq!(row(&db, &started[done].id).await.state, "accepted");
        assert_eq!(row(&db, &scene.deliveries[3]).await.due_ms, START_MS, "never put off");
        assert_eq!(row(&db, &single.id.to_string()).await.due_ms, START_MS, "made by a clock that was ahead");
        assert_eq!(in_tx!(db, tx => set_back::deliveries(tx, START_MS + 5 * MINUTE_MS, AHEAD_MS)), 0);
    }

    /// What expired and has time again waits again, for its own hour; what a person cancelled does not.
    async fn deliveries_that_expired_wait_again(db: Db) {
        let (scene, cancelled) = (Scene::released(&db, "one", 2).await, Scene::released(&db, "two", 2).await);
        for scene in [&scene, &cancelled] {
            let late = start(&db, scene.node(), START_MS + AHEAD_MS, &scene.issue, 9).await;
            assert!(late.is_empty(), "their time has passed");
            in_tx!(db, tx => issues::finish(tx, START_MS + AHEAD_MS));
        }
        assert_eq!(issues::issue(&db, &scene.issue).await.unwrap().unwrap().state, "done");
        let stop = "UPDATE issue SET control = 'cancelled' WHERE id = $1";
        execute(&db, stop, values![&cancelled.issue]).await;

        assert_eq!(in_tx!(db, tx => set_back::deliveries(tx, START_MS + AHEAD_MS - HOUR_MS, HOUR_MS)), 0, "no time");
        let now_ms = START_MS - HOUR_MS;
        assert_eq!(in_tx!(db, tx => set_back::deliveries(tx, now_ms, AHEAD_MS)), 2);
        assert_eq!(issues::issue(&db, &scene.issue).await.unwrap().unwrap().state, "sending");
        assert!(start(&db, scene.node(), now_ms, &scene.issue, 9).await.is_empty(), "not before its hour");
        assert_eq!(start(&db, scene.node(), START_MS, &scene.issue, 9).await.len(), 2);
        let expired = "SELECT COUNT(*) FROM delivery WHERE state = 'expired' AND NOT live";
        assert_eq!(number(&db, expired, vec![]).await, 2);
    }

    /// What was used of a limit in a future that did not come counts from now on, once.
    async fn quotas_used_ahead_were_used_now(db: Db) {
        let at = |now_ms| hourly("mail.vendor.example", 100, now_ms);
        for (now_ms, wanted) in [(START_MS, 10), (START_MS + AHEAD_MS, 40), (START_MS + AHEAD_MS + MINUTE_MS, 20)] {
            assert_eq!(in_tx!(db, tx => take(tx, &at(now_ms), wanted)), wanted);
        }
        let now_ms = START_MS + 10 * MINUTE_MS;
        for _ in 0..2 {
            in_tx!(db, tx => set_back::quotas(tx, now_ms));
        }
        let used: Vec<(i64, i64)> =
            rows(&db, "SELECT slot_ms, used FROM quota_use WHERE used > 0 ORDER BY slot_ms", vec![]).await;
        assert_eq!(used, [(now_ms, 60)], "the first ten were forgotten, two days later as it seemed");
        assert_eq!(in_tx!(db, tx => take(tx, &at(now_ms), 100)), 40, "no more than the limit leaves");
        assert_eq!(in_tx!(db, tx => take(tx, &at(now_ms + 62 * MINUTE_MS), 100)), 100, "and in an hour it is free");
    }
}
