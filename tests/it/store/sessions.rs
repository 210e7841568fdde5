//! Sessions and tokens that work once.

use partnercast::{
    domain::kernel::Kind,
    store::sessions::{close, find, is_used, open, use_up},
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{in_tx, number},
};

both_dbs! {
    /// A session is found by its own kind only, until it expires; opening another clears those that have expired.
    async fn open_find_close(db: Db) {
        in_tx!(db, tx => open(tx, "hash-1", "desk", "rae@x.example", START_MS, START_MS + 100));
        let found = find(&db, "hash-1", "desk", START_MS + 99).await.unwrap().unwrap();
        assert_eq!((found.kind.as_str(), found.subject.as_str()), ("desk", "rae@x.example"));
        assert!(find(&db, "hash-1", "console", START_MS).await.unwrap().is_none(), "another door");
        assert!(find(&db, "hash-1", "desk", START_MS + 100).await.unwrap().is_none(), "expired");
        in_tx!(db, tx => open(tx, "hash-2", "console", "operator", START_MS + 100, START_MS + 900));
        assert_eq!(number(&db, "SELECT COUNT(*) FROM session", vec![]).await, 1, "the expired one is gone");
        in_tx!(db, tx => close(tx, "hash-2"));
        assert!(find(&db, "hash-2", "console", START_MS + 101).await.unwrap().is_none());
    }

    /// The same id twice is a conflict, a kind that does not exist is invalid.
    async fn open_refuses_what_cannot_be(db: Db) {
        in_tx!(db, tx => open(tx, "hash", "desk", "rae@x.example", 0, 100));
        let mut tx = db.begin().await.unwrap();
        let error = open(&mut tx, "hash", "desk", "bo@x.example", 0, 100).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{}", error.detail());
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        let error = open(&mut tx, "other", "root", "bo@x.example", 0, 100).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{}", error.detail());
    }

    /// A token works once, also when two ask at the same time.
    async fn use_up_says_yes_once(db: Db) {
        assert!(!is_used(&db, "token").await.unwrap());
        let ask = |db: partnercast::store::Db| async move { in_tx!(db, tx => use_up(tx, "token", START_MS)) };
        let asked = [tokio::spawn(ask(db.clone())), tokio::spawn(ask(db.clone())), tokio::spawn(ask(db.clone()))];
        let mut yes = 0;
        for answer in asked {
            yes += usize::from(answer.await.unwrap());
        }
        assert_eq!(yes, 1);
        assert!(is_used(&db, "token").await.unwrap());
    }
}
