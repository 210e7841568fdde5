//! The database fails while messages are on their way: what is in hand is neither lost nor sent twice, and nobody waits
//! for what hangs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use partnercast::{store::Db, work::deliver::Deliverer};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use super::{
    post::{AMPLE, Post, message_ids, relay},
    processes::until,
};
use crate::harness::{
    both_dbs,
    chaos::{Sink, Step},
    databases::{number, rows},
    manners::{
        Manner::{SilentAt, SilentUntil},
        by_domain,
    },
};

/// Makes the next transactions fail, until `task` has noticed.
async fn fail_until_noticed<T>(db: &Db, task: &JoinHandle<T>) {
    match db {
        // As many pages as there are: the next one cannot be had.
        Db::Sqlite { write, .. } => {
            sqlx::raw_sql("PRAGMA max_page_count = 1").execute(write).await.unwrap();
            until("it notices", AMPLE, || async { task.is_finished() }).await;
            sqlx::raw_sql("PRAGMA max_page_count = 1000000").execute(write).await.unwrap();
        }
        // The next transaction stands before a closed door, and is cut off there.
        Db::Postgres(pool) => {
            let mut door = pool.begin().await.unwrap();
            sqlx::raw_sql("LOCK TABLE delivery").execute(&mut *door).await.unwrap();
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE wait_event_type = 'Lock' AND datname = current_database() AND pid <> pg_backend_pid()";
            until("it notices", AMPLE, || async {
                rows::<(bool,)>(db, cut, vec![]).await;
                task.is_finished()
            })
            .await;
            door.rollback().await.unwrap();
        }
    }
}

both_dbs! {
    /// Asked to stop, what hangs before anything of the message has left is put back untried; what may have left is said
    /// to be uncertain.
    async fn what_hangs_at_a_stop_is_uncertain_only_if_it_may_have_left(db: Db) {
        let treat = by_domain(vec![("asked.example", SilentAt("RCPT")), ("sent.example", SilentAt("DOT"))]);
        let sink = Sink::start(treat).await;
        let post = Post::new(&db, "stop", &[("asked.example", 1), ("sent.example", 1)]).await;
        let running = post.run(vec![relay(&sink, "relay")]);
        until("both hang", AMPLE, || async { sink.count("RCPT") == 2 && message_ids(&sink).len() == 1 }).await;
        running.stop().await;
        let told = "SELECT site, state, attempt, tries FROM delivery ORDER BY site";
        let told: Vec<(String, String, i64, i64)> = rows(&db, told, vec![]).await;
        let row = |site: &str, tries| (site.to_owned(), "ready".to_owned(), tries, tries);
        assert_eq!(told, [row("asked.example", 0), row("sent.example", 1)]);
        let tries: Vec<(String, String)> = rows(&db, "SELECT outcome, reply FROM attempt", vec![]).await;
        assert_eq!(tries, [("uncertain".to_owned(), "sending was broken off on our side".to_owned())]);
    }

    /// After a fault of the database everybody else gets their mail although some messages hang; those are neither taken
    /// for crashed nor started again, and arrive once when the other side speaks.
    async fn a_database_fault_waits_for_nothing_that_hangs(db: Db) {
        let (open, gate) = watch::channel(false);
        let treat = by_domain(vec![("silent.example", SilentUntil(gate))]);
        let (some, arrived) = (Arc::new(Notify::new()), AtomicUsize::new(0));
        let told = some.clone();
        let sink = Sink::start(move |step: &Step| {
            if step.verb == "DOT" && arrived.fetch_add(1, Ordering::SeqCst) == 20 {
                told.notify_one();
            }
            treat(step)
        })
        .await;
        let post = Post::new(&db, "hangs", &[("silent.example", 2), ("fine.example", 400)]).await;
        let mut worker: Deliverer = post.worker(vec![relay(&sink, "relay")]);
        let draining = tokio::spawn(async move {
            let outcome = worker.drain().await;
            (worker, outcome.is_err())
        });
        some.notified().await;
        fail_until_noticed(&db, &draining).await;
        let (mut worker, failed) = draining.await.unwrap();
        assert!(failed, "it was noticed before everything was sent");
        let draining = tokio::spawn(async move {
            // Connections that were cut may show one by one.
            while worker.drain().await.is_err() {
                tokio::task::yield_now().await;
            }
        });
        until("the others have their mail", AMPLE, || async { post.accepted("fine.example").await == 400 }).await;
        assert_eq!(post.states("silent.example").await.get("sending"), Some(&2), "these still hang");
        open.send(true).unwrap();
        draining.await.unwrap();
        assert_eq!(post.accepted("").await, 402);
        assert_eq!(message_ids(&sink).len(), 402, "each once");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery WHERE crashes > 0", vec![]).await, 0, "nobody crashed");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM attempt WHERE outcome = 'uncertain'", vec![]).await, 0);
        post.assert_nothing_lost(&[&sink]).await;
    }
}
