//! Keys of programs, and answers that are given again.

use partnercast::{
    domain::kernel::Kind,
    store::api_keys::{Answer, ApiKey, add, answer, answered, ending, find, list, revoke, told, used},
};

use crate::harness::{START_MS, both_dbs, databases::in_tx};

fn key(id: &str) -> ApiKey {
    ApiKey {
        id: id.to_owned(),
        name: "Website".to_owned(),
        purpose: "leads:write".to_owned(),
        partner_slug: Some("northlight".to_owned()),
        created_ms: START_MS,
        created_by: "operator".to_owned(),
        used_ms: None,
        revoked_ms: None,
        expires_ms: Some(START_MS + 1_000),
    }
}

both_dbs! {
    /// A key is found by its hash until it is revoked; when it was used is noted now and then.
    async fn keys_are_found_until_they_are_revoked(db: Db) {
        in_tx!(db, tx => add(tx, &key("key_1"), "hash-1"));
        in_tx!(db, tx => add(tx, &key("key_2"), "hash-2"));
        assert_eq!(find(&db, "hash-1").await.unwrap(), Some(key("key_1")));
        assert!(find(&db, "hash-9").await.unwrap().is_none());
        in_tx!(db, tx => used(tx, "key_1", 500, 0));
        in_tx!(db, tx => used(tx, "key_1", 900, 400));
        assert_eq!(find(&db, "hash-1").await.unwrap().unwrap().used_ms, Some(500), "a moment ago");
        in_tx!(db, tx => used(tx, "key_1", 1_200, 600));
        assert_eq!(find(&db, "hash-1").await.unwrap().unwrap().used_ms, Some(1_200));
        assert!(in_tx!(db, tx => revoke(tx, "key_1", 2_000)));
        assert!(!in_tx!(db, tx => revoke(tx, "key_1", 3_000)));
        assert!(find(&db, "hash-1").await.unwrap().is_none());
        let all = list(&db).await.unwrap();
        assert_eq!(all.iter().map(|it| (it.id.as_str(), it.revoked_ms)).collect::<Vec<_>>(), [("key_2", None), ("key_1", Some(2_000))]);
    }

    /// Keys that end soon are told once, the revoked and those without an end never.
    async fn the_end_of_a_key_is_told_once(db: Db) {
        in_tx!(db, tx => add(tx, &key("key_1"), "hash-1"));
        in_tx!(db, tx => add(tx, &key("key_2"), "hash-2"));
        in_tx!(db, tx => add(tx, &ApiKey { expires_ms: None, ..key("key_3") }, "hash-3"));
        in_tx!(db, tx => revoke(tx, "key_2", 2_000));
        assert!(ending(&db, START_MS + 1_000).await.unwrap().is_empty(), "not yet");
        assert_eq!(ending(&db, START_MS + 1_001).await.unwrap(), [key("key_1")]);
        assert!(in_tx!(db, tx => told(tx, "key_1", START_MS)));
        assert!(!in_tx!(db, tx => told(tx, "key_1", START_MS)));
        assert!(ending(&db, i64::MAX).await.unwrap().is_empty());
    }

    /// An answer is kept once for each request, and forgotten after a time.
    async fn answers_are_kept_once(db: Db) {
        in_tx!(db, tx => add(tx, &key("key_1"), "hash-1"));
        let first = Answer { body_hash: "b".to_owned(), answer: "{}".to_owned() };
        in_tx!(db, tx => answer(tx, "key_1", "r-1", &first, 100, 0));
        assert_eq!(answered(&db, "key_1", "r-1").await.unwrap(), Some(first.clone()));
        assert!(answered(&db, "key_1", "r-2").await.unwrap().is_none());
        let mut tx = db.begin().await.unwrap();
        assert_eq!(answer(&mut tx, "key_1", "r-1", &first, 100, 0).await.unwrap_err().kind(), Kind::Conflict);
        drop(tx);
        in_tx!(db, tx => answer(tx, "key_1", "r-2", &first, 200, 150));
        assert!(answered(&db, "key_1", "r-1").await.unwrap().is_none());
    }
}
