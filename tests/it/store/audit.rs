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
}
