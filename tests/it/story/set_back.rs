//! What a clock that was ahead decided must not hold anybody up once it is set back. With real processes:
//! `clock_faults.rs`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use partnercast::{
    domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    store::issues,
    work::{publish, set_back::undo},
};

use super::{
    Rig,
    post::{Post, message_ids, relay},
    rig::EVE_MS,
};
use crate::harness::{
    both_dbs,
    chaos::{Sink, Step},
    databases::{execute, values},
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
        assert!(undo(&post.ctx, AHEAD_MS).await.unwrap() > 0);
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
        undo(&post.ctx, AHEAD_MS).await.unwrap();
        let mut sent = Vec::new();
        for _ in 0..=61 {
            worker.drain().await.unwrap();
            sent.push(message_ids(&sink).len());
            post.advance(MINUTE_MS);
        }
        assert_eq!((sent[0], sent[59], sent[61]), (9, 9, 18), "{sent:?}");
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
