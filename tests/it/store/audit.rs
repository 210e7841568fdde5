//! The audit log.

use partnercast::store::audit;

use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{in_tx, rows},
};

both_dbs! {
    /// An entry with quotes and line breaks comes back as written; entries made in the same millisecond are kept apart.
    async fn record_keeps_every_entry(db: Db) {
        let random = SeededRandom::new(1);
        let detail = "held: \"first\" issue;\nDROP TABLE audit; --";
        for action in ["approve", "release"] {
            in_tx!(db, tx => audit::record(tx, START_MS, &random, "operator", action, "iss_1", detail));
        }
        let entries: Vec<(String, i64, String, String, String, String)> =
            rows(&db, "SELECT id, at_ms, actor, action, subject, detail FROM audit ORDER BY action", vec![]).await;
        assert_eq!(entries.len(), 2);
        assert!(entries[0].0.starts_with("evt_") && entries[0].0 != entries[1].0);
        let (_, at_ms, actor, action, subject, stored) = &entries[0];
        assert_eq!((*at_ms, actor.as_str(), action.as_str()), (START_MS, "operator", "approve"));
        assert_eq!((subject.as_str(), stored.as_str()), ("iss_1", detail));
    }

    /// The last time counts, of this action on this subject, and nothing before the moment asked for.
    async fn last_ms_is_that_of_the_action(db: Db) {
        let random = SeededRandom::new(2);
        for (ms, action, subject) in [(1, "cancel", "iss_1"), (5, "cancel", "iss_1"), (7, "pause", "iss_1"), (9, "cancel", "iss_2")] {
            in_tx!(db, tx => audit::record(tx, START_MS + ms, &random, "operator", action, subject, ""));
        }
        let last = |subject: &'static str, since| { let db = db.clone(); async move { audit::last_ms(&db, "cancel", subject, START_MS + since).await.unwrap() } };
        assert_eq!(last("iss_1", 0).await, Some(START_MS + 5));
        assert_eq!(last("iss_1", 5).await, Some(START_MS + 5));
        assert_eq!(last("iss_1", 6).await, None);
        assert_eq!(last("iss_3", 0).await, None);
        in_tx!(db, tx => audit::record(tx, START_MS + 11, &random, "ada@v.example", "cancel", "iss_1", "n/2027-01-12 hash"));
        let told = audit::last(&db, "cancel", "iss_1", START_MS).await.unwrap();
        assert_eq!(told, Some(("ada@v.example".to_owned(), "n/2027-01-12 hash".to_owned())));
        assert_eq!(audit::last(&db, "cancel", "iss_1", START_MS + 12).await.unwrap(), None);
    }
}
