//! Promised limits, counted over all nodes.

use partnercast::{
    domain::{
        delivery::{Quota, quota::hourly},
        kernel::clock::{HOUR_MS, MINUTE_MS},
    },
    store::{
        Db,
        quotas::{give_back, take},
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{in_tx, number, rows},
};

/// At most `max` in any hour.
fn at(max: u64, now_ms: i64) -> Quota {
    hourly("mail.vendor.example", max, now_ms)
}

async fn taken(db: &Db, quota: &Quota, wanted: u64) -> u64 {
    in_tx!(db, tx => take(tx, quota, wanted))
}

both_dbs! {
    /// As many as are left, and no more, until the slots that were used have passed; old slots are forgotten.
    async fn take_gives_what_is_left(db: Db) {
        assert_eq!(taken(&db, &at(100, START_MS), 60).await, 60);
        assert_eq!(taken(&db, &at(100, START_MS + 30 * MINUTE_MS), 60).await, 40);
        assert_eq!(taken(&db, &at(100, START_MS + 59 * MINUTE_MS), 1).await, 0);
        assert_eq!(taken(&db, &at(100, START_MS + HOUR_MS), 1).await, 0, "the slot that the hour begins in counts");
        assert_eq!(taken(&db, &at(100, START_MS + 61 * MINUTE_MS), 100).await, 60, "the first slot has passed");
        assert_eq!(taken(&db, &at(100, START_MS + 90 * MINUTE_MS), 100).await, 0);
        assert_eq!(taken(&db, &at(100, START_MS + 91 * MINUTE_MS), 100).await, 40);
        let slots: Vec<(i64,)> = rows(&db, "SELECT slot_ms FROM quota_use ORDER BY slot_ms", vec![]).await;
        assert!(slots.iter().all(|(slot_ms,)| *slot_ms >= START_MS + 31 * MINUTE_MS), "{slots:?}");
        assert_eq!(taken(&db, &hourly("another", 5, START_MS), 9).await, 5, "each counts for itself");
        assert_eq!(taken(&db, &at(0, START_MS + 300 * MINUTE_MS), 9).await, 0);
    }

    /// A limit that was lowered meanwhile gives nothing, and does not go below zero.
    async fn take_after_the_limit_was_lowered(db: Db) {
        assert_eq!(taken(&db, &at(100, START_MS), 80).await, 80);
        assert_eq!(taken(&db, &at(50, START_MS), 10).await, 0);
        assert_eq!(taken(&db, &at(90, START_MS), u64::MAX).await, 10);
    }

    /// What was not used can be used again; never more than was taken.
    async fn give_back_makes_room_again(db: Db) {
        let quota = at(10, START_MS);
        assert_eq!(taken(&db, &quota, 10).await, 10);
        in_tx!(db, tx => give_back(tx, &quota, 4));
        assert_eq!(taken(&db, &quota, 10).await, 4);
        in_tx!(db, tx => give_back(tx, &quota, 11));
        assert_eq!(taken(&db, &quota, 10).await, 0, "more than was taken is a fault of ours and gives nothing");
        in_tx!(db, tx => give_back(tx, &at(10, START_MS + 5 * MINUTE_MS), 3));
        assert_eq!(number(&db, "SELECT CAST(SUM(used) AS BIGINT) FROM quota_use", vec![]).await, 10);
    }

    /// A transaction that ends before its commit took nothing.
    async fn take_before_a_crash_took_nothing(db: Db) {
        let quota = at(10, START_MS);
        let mut tx = db.begin().await.unwrap();
        assert_eq!(take(&mut tx, &quota, 10).await.unwrap(), 10);
        drop(tx);
        assert_eq!(taken(&db, &quota, 10).await, 10);
    }

    /// Nodes that take at the same moment, some in the minute before the others, never pass the limit together, and
    /// use it up.
    async fn take_by_many_at_once_keeps_the_limit(db: Db) {
        let takers: Vec<_> = (0..12)
            .map(|taker: i64| {
                let db = db.clone();
                let quota = at(100, START_MS + taker % 3 * MINUTE_MS);
                tokio::spawn(async move {
                    let mut mine = 0;
                    for _ in 0..10 {
                        mine += taken(&db, &quota, 3).await;
                    }
                    mine
                })
            })
            .collect();
        let mut all = 0;
        for taker in takers {
            all += taker.await.unwrap();
        }
        assert_eq!(all, 100);
        assert_eq!(number(&db, "SELECT CAST(SUM(used) AS BIGINT) FROM quota_use", vec![]).await, 100);
    }

    /// Two open transactions: the second waits for the first, and sees what it took.
    async fn take_waits_for_the_other_transaction(db: Db) {
        if !db.is_shared() {
            return; // one writer: there is no second transaction
        }
        for minutes in [0, 1] {
            let (first, second) = (at(10, START_MS + 200 * minutes * MINUTE_MS), at(10, START_MS + 201 * minutes * MINUTE_MS));
            let mut one = db.begin().await.unwrap();
            assert_eq!(take(&mut one, &first, 7).await.unwrap(), 7);
            let other = {
                let db = db.clone();
                tokio::spawn(async move { taken(&db, &second, 7).await })
            };
            // Until the other one waits for a lock; it must not go on before we commit.
            while number(&db, "SELECT COUNT(*) FROM pg_locks WHERE NOT granted", vec![]).await == 0 {
                assert!(!other.is_finished(), "it did not wait");
                tokio::task::yield_now().await;
            }
            one.commit().await.unwrap();
            assert_eq!(other.await.unwrap(), 3, "{minutes} minutes apart");
        }
    }
}
