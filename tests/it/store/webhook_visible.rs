//! What partners were told that they may see.

use partnercast::store::webhooks::visible;

use super::webhooks::known;
use crate::harness::{both_dbs, databases::in_tx};

both_dbs! {
    /// Partners with endpoints are known with what they can see, which one process at a time changes.
    async fn partners_are_known_with_what_they_can_see(db: Db) {
        known(&db, "whe_1", "northlight", "active", &["*"]).await;
        known(&db, "whe_2", "dune-gate", "pending", &["*"]).await;
        known(&db, "whe_3", "", "active", &["*"]).await;
        assert_eq!(visible::audiences(&db).await.unwrap(), [("northlight".to_owned(), None)]);
        assert!(visible::is_told(&db, "northlight").await.unwrap() && !visible::is_told(&db, "dune-gate").await.unwrap());
        assert!(in_tx!(db, tx => visible::mark(tx, "northlight", None, "one")));
        assert!(!in_tx!(db, tx => visible::mark(tx, "northlight", None, "other")), "somebody else did");
        in_tx!(db, tx => visible::note(tx, "northlight", &[("blog/a", "1"), ("blog/b", "1")], 5));
        in_tx!(db, tx => visible::note(tx, "northlight", &[("blog/a", "2")], 6));
        in_tx!(db, tx => visible::note(tx, "northlight", &[], 6));
        let seen: Vec<(String, String)> = visible::of(&db, "northlight").await.unwrap().into_iter().collect();
        assert_eq!(seen, [("blog/a".to_owned(), "2".to_owned()), ("blog/b".to_owned(), "1".to_owned())]);
        assert!(in_tx!(db, tx => visible::mark(tx, "northlight", Some("one"), "two")));
        assert!(!in_tx!(db, tx => visible::mark(tx, "northlight", Some("one"), "three")));
        assert_eq!(visible::audiences(&db).await.unwrap(), [("northlight".to_owned(), Some("two".to_owned()))]);
        assert_eq!(in_tx!(db, tx => visible::partners(tx, "blog/a")), ["northlight"]);
        in_tx!(db, tx => visible::forget(tx, "blog/a"));
        assert!(in_tx!(db, tx => visible::partners(tx, "blog/a")).is_empty());
        in_tx!(db, tx => visible::forget_mark(tx, "northlight"));
        assert_eq!(visible::audiences(&db).await.unwrap()[0].1, None);
    }
}
