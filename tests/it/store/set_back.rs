//! What a clock decided while it was ahead, taken back once it was set back.

use partnercast::{
    domain::{
        delivery::{DeliveryState, quota::hourly},
        kernel::{
            Random as _,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS},
        },
    },
    store::{
        Db, issues, late, nodes,
        outbox::{self, NewDelivery},
        quotas::take,
        renditions,
        set_back::{self, Change, begin, is_open, last_seen_ms, part, see},
    },
};

use super::queue::mail;
use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, number, rows, values},
    outbox::{DOMAIN, Scene, rendition_of, result, row, settle, start},
};

/// By how much the clock was ahead.
const AHEAD_MS: i64 = 2 * DAY_MS;

/// Undoes a change of its own in parts of two deliveries. Returns how many it concerned.
async fn undo(db: &Db, now_ms: i64, by_ms: i64) -> u64 {
    let random = SeededRandom::new(now_ms as u64);
    let id = random.next_u64().to_string();
    let known: Vec<(String,)> = rows(db, "SELECT id FROM clock_change", vec![]).await;
    let known = known.first().map_or("", |(id,)| id);
    assert_eq!(in_tx!(db, tx => begin(tx, Change { id: &id, now_ms, by_ms }, known)), id);
    go_on(db, now_ms).await
}

async fn go_on(db: &Db, now_ms: i64) -> u64 {
    let mut concerned = 0;
    while let Some(deliveries) = in_tx!(db, tx => part(tx, now_ms, 2)) {
        assert!(is_open(db).await.unwrap());
        concerned += deliveries;
    }
    assert!(!is_open(db).await.unwrap());
    concerned
}

both_dbs! {
    /// Of several nodes that find the same change one undoes it, or all of them by turns; each finds a second one.
    async fn a_change_is_undone_once(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 5).await;
        let node = scene.node();
        let started = start(&db, node, START_MS, &scene.issue, 5).await;
        let due_ms = START_MS + AHEAD_MS + DAY_MS;
        let results: Vec<_> = started.iter().map(|claimed| result(claimed, DeliveryState::Ready, Some(due_ms))).collect();
        settle(&db, node, &results).await;
        let change = |id, late_ms| Change { id, now_ms: START_MS + late_ms, by_ms: AHEAD_MS - late_ms };
        assert!(!is_open(&db).await.unwrap());
        let begun = |id: &'static str, late_ms, known: &'static str| {
            let db = db.clone();
            async move { in_tx!(db, tx => begin(tx, change(id, late_ms), known)) }
        };
        assert_eq!(begun("one", 0, "").await, "one");
        assert_eq!(in_tx!(db, tx => part(tx, START_MS, 2)), Some(2));
        assert_eq!(begun("two", 2_000, "").await, "one", "another node found the same");
        assert_eq!(go_on(&db, START_MS).await, 3, "and goes on with it");
        assert_eq!(begun("three", 3_000, "").await, "one");
        assert_eq!(go_on(&db, START_MS).await, 0, "it is undone");
        let dues: Vec<(i64, i64)> = rows(&db, "SELECT MIN(due_ms), MAX(due_ms) FROM delivery", vec![]).await;
        assert_eq!(dues, [(START_MS + DAY_MS, START_MS + DAY_MS)], "once");
        assert_eq!(begun("four", 60_000, "one").await, "four", "who knows that one has found another");
        assert_eq!(begun("five", 61_000, "one").await, "four", "also the other node");
        assert_eq!(begun("six", HOUR_MS, "one").await, "six", "long after it, by less");
    }

    /// What the clock showed is kept, and said while nobody is at work.
    async fn what_the_clock_showed_last_is_kept(db: Db) {
        assert_eq!(last_seen_ms(&db).await.unwrap(), None);
        for wall_ms in [START_MS, START_MS - DAY_MS] {
            in_tx!(db, tx => see(tx, wall_ms));
            assert_eq!(last_seen_ms(&db).await.unwrap(), Some(wall_ms));
        }
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let node = scene.node();
        in_tx!(db, tx => nodes::beat(tx, node, START_MS));
        assert!(last_seen_ms(&db).await.unwrap().is_some(), "it has only just begun: that may be ourselves");
        in_tx!(db, tx => nodes::beat(tx, node, START_MS));
        assert_eq!(last_seen_ms(&db).await.unwrap(), None);
    }

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
        let single = NewDelivery { due_ms: START_MS + AHEAD_MS, ..mail(&scene.random, "offer:off_1") };
        assert!(in_tx!(db, tx => outbox::enqueue(tx, START_MS + AHEAD_MS, &single)));

        assert_eq!(undo(&db, START_MS, AHEAD_MS).await, 3);
        assert_eq!(row(&db, &started[tried].id).await.due_ms, START_MS + 5 * MINUTE_MS);
        assert_eq!(row(&db, &started[early].id).await.due_ms, START_MS, "its promise");
        assert_eq!(row(&db, &started[done].id).await.state, "accepted");
        assert_eq!(row(&db, &scene.deliveries[3]).await.due_ms, START_MS, "never put off");
        assert_eq!(row(&db, &single.id.to_string()).await.due_ms, START_MS, "made by a clock that was ahead");
        assert_eq!(undo(&db, START_MS + 5 * MINUTE_MS, AHEAD_MS).await, 0);
    }

    /// Who gets an issue only after its first readers still does: their hour was never put off by a clock.
    async fn stages_leave_when_they_would(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 3).await;
        let leaves_ms = START_MS + HOUR_MS;
        for contact in &scene.contacts[1..] {
            execute(&db, "UPDATE audience_decision SET stage = 'rest', leaves_ms = $2 WHERE contact_id = $1", values![contact, leaves_ms]).await;
        }
        let terms = outbox::Terms { now_ms: START_MS, lifetime_ms: 3 * DAY_MS, domain: DOMAIN };
        in_tx!(db, tx => outbox::release(tx, &scene.issue, "", terms));
        let (untried, tried) = (&scene.deliveries[1], &scene.deliveries[2]);
        execute(&db, "UPDATE delivery SET due_ms = $2, attempt = 1 WHERE id = $1", values![tried, leaves_ms + AHEAD_MS]).await;
        assert_eq!(undo(&db, START_MS - DAY_MS, AHEAD_MS).await, 1);
        assert_eq!(row(&db, untried).await.due_ms, leaves_ms);
        assert_eq!(row(&db, tried).await.due_ms, leaves_ms, "put off by less");
        assert_eq!(undo(&db, START_MS - DAY_MS, AHEAD_MS).await, 0);
        assert_eq!(row(&db, tried).await.due_ms, leaves_ms, "and never before its stage");
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

        assert_eq!(undo(&db, START_MS + AHEAD_MS - HOUR_MS, HOUR_MS).await, 0, "no time");
        let now_ms = START_MS - HOUR_MS;
        assert_eq!(undo(&db, now_ms, AHEAD_MS).await, 2);
        assert_eq!(issues::issue(&db, &scene.issue).await.unwrap().unwrap().state, "sending");
        assert!(start(&db, scene.node(), now_ms, &scene.issue, 9).await.is_empty(), "not before its hour");
        assert_eq!(start(&db, scene.node(), START_MS, &scene.issue, 9).await.len(), 2);
        let expired = "SELECT COUNT(*) FROM delivery WHERE state = 'expired' AND NOT live";
        assert_eq!(number(&db, expired, vec![]).await, 2);
    }

    /// What waits for a person since before the clock was set back waits on; of what was noted ahead nothing lasts.
    async fn late_mail_waits_on_for_its_person(db: Db) {
        let scene = Scene::released(&db, "one", 2).await;
        let started = start(&db, scene.node(), START_MS, &scene.issue, 2).await;
        for (claimed, held_ms) in started.iter().zip([START_MS - 1, START_MS + AHEAD_MS]) {
            in_tx!(db, tx => late::hold(tx, &[(claimed.id.as_str(), claimed.token, "late")], held_ms));
        }
        let far_ms = START_MS + AHEAD_MS;
        in_tx!(db, tx => late::moved(tx, &scene.issue, far_ms, 0));
        in_tx!(db, tx => issues::resumed(tx, &scene.issue, far_ms));
        assert!(in_tx!(db, tx => late::told(tx, &scene.issue, far_ms)));
        assert_eq!(undo(&db, START_MS, AHEAD_MS).await, 1);
        assert_eq!(row(&db, &started[0].id).await.state, "expired");
        assert_eq!(row(&db, &started[1].id).await.state, "ready");
        in_tx!(db, tx => set_back::issues(tx, START_MS));
        let marks: Vec<(i64, i64, Option<i64>)> =
            rows(&db, "SELECT moved_ms, resumed_ms, held_told_ms FROM issue", vec![]).await;
        assert_eq!(marks, [(START_MS, START_MS, None)]);
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
