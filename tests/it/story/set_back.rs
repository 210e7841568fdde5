//! What a clock that was ahead decided must not hold anybody up once it is set back. With real processes:
//! `clock_faults.rs`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use partnercast::{
    domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    store::issues,
    work::{publish, set_back::ClockGuard},
};

use super::{
    Rig,
    post::{Post, message_ids, relay},
    rig::EVE_MS,
};
use crate::harness::{
    both_dbs,
    chaos::{Sink, Step},
    databases::{execute, number, values},
    manners::say,
};

/// By how much the clock was ahead.
const AHEAD_MS: i64 = 3 * HOUR_MS;

both_dbs! {
    /// A relay that rested by the clock that was ahead is asked again; so are the messages that waited for it.
    async fn a_relay_does_not_rest_until_a_future_that_did_not_come(db: Db) {
        let post = Post::new(&db, "rests", &[("one.example", 20)]).await;
        let is_on = Arc::new(AtomicBool::new(false));
        let switch = is_on.clone();
        let sink = Sink::start(move |step: &Step| {
            (step.verb == "GREETING" && !switch.load(Ordering::SeqCst)).then(|| say("421 4.3.2 not now")).flatten()
        })
        .await;
        let mut worker = post.worker(vec![relay(&sink, "relay")]);
        post.advance(AHEAD_MS);
        worker.drain().await.unwrap();
        assert!(worker.relays()[0].rests_until_ms.is_some(), "it was refused");
        is_on.store(true, Ordering::SeqCst);
        post.advance(-AHEAD_MS);
        assert!(ClockGuard::new(&*post.ctx.clock).take_back(&post.ctx, AHEAD_MS).await.unwrap() > 0);
        assert_eq!(worker.relays()[0].rests_until_ms, None);
        post.advance(2 * MINUTE_MS);
        worker.drain().await.unwrap();
        assert_eq!(post.accepted("").await, 20);
    }

    /// What was sent by the clock that was ahead was sent in this hour: the limit is kept, and used again when it is over.
    async fn a_limit_is_kept_and_used_again(db: Db) {
        let post = Post::new(&db, "limit", &[("one.example", 30)]).await;
        let sink = Sink::start(|_: &Step| None).await;
        let mut limited = relay(&sink, "limited");
        limited.per_hour_max = Some(10);
        let mut worker = post.worker(vec![limited]);
        post.advance(AHEAD_MS);
        // One of the ten is kept for mail that somebody waits for.
        while message_ids(&sink).len() < 9 {
            worker.drain().await.unwrap();
        }
        post.advance(-AHEAD_MS);
        ClockGuard::new(&*post.ctx.clock).take_back(&post.ctx, AHEAD_MS).await.unwrap();
        let mut sent = Vec::new();
        for _ in 0..=61 {
            worker.drain().await.unwrap();
            sent.push(message_ids(&sink).len());
            post.advance(MINUTE_MS);
        }
        assert_eq!((sent[0], sent[59], sent[61]), (9, 9, 18), "{sent:?}");
    }

    /// A clock that was set back while no process ran is found at the start, unless by so much that it is one which has
    /// not been set yet; one that only stood still is not.
    async fn a_clock_set_back_while_nothing_ran_is_found_at_the_start(db: Db) {
        let post = Post::new(&db, "down", &[("one.example", 4)]).await;
        let look = || async { ClockGuard::new(&*post.ctx.clock).look(&post.ctx).await.unwrap() };
        let changes = || async { number(&db, "SELECT COUNT(*) FROM clock_change", vec![]).await };
        look().await;
        post.advance(-4 * MINUTE_MS);
        look().await;
        post.advance(AHEAD_MS);
        look().await;
        post.advance(-40 * DAY_MS);
        look().await;
        assert_eq!(changes().await, 0);
        post.advance(40 * DAY_MS);
        look().await;
        let put_off = "UPDATE delivery SET due_ms = due_ms + $1";
        execute(&db, put_off, values![AHEAD_MS]).await;
        post.advance(-AHEAD_MS);
        look().await;
        assert_eq!(changes().await, 1);
        let early = "SELECT COUNT(*) FROM delivery WHERE due_ms = promised_ms";
        assert_eq!(number(&db, early, vec![]).await, 4);
        execute(&db, put_off, values![HOUR_MS]).await;
        look().await;
        assert_eq!(number(&db, early, vec![]).await, 0, "the next start finds nothing new");
    }

    /// Content that was stored by a clock that was ahead was known in time all the same.
    async fn an_issue_stored_in_the_future_is_promised(db: Db) {
        let rig = Rig::new(db).await;
        execute(&rig.ctx.db, "UPDATE content_head SET stored_ms = $1", values![EVE_MS + 2 * DAY_MS]).await;
        rig.clock.set(EVE_MS + 2 * HOUR_MS);
        publish::tick(&rig.ctx).await.unwrap();
        rig.send_january().await;
        assert_eq!(rig.mailbox.count().await.unwrap(), 33);
        rig.clock.set(EVE_MS + 3 * DAY_MS);
        publish::tick(&rig.ctx).await.unwrap();
        assert_eq!(issues::recent(&rig.ctx.db).await.unwrap().len(), 1, "once");
    }
}
