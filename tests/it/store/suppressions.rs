//! Do-not-send entries.

use partnercast::store::suppressions::{ALL, add, concerning, of, remove};

use crate::harness::{START_MS, both_dbs, databases::in_tx};

both_dbs! {
    /// Adding twice keeps the first reason and says so; `all` and a newsletter are separate entries.
    async fn add_is_idempotent_and_remove_takes_one_scope(db: Db) {
        assert!(in_tx!(db, tx => add(tx, START_MS, "a@x.example", "fold-forward", "asked to")));
        assert!(!in_tx!(db, tx => add(tx, START_MS + 5, "a@x.example", "fold-forward", "bounced")));
        assert!(in_tx!(db, tx => add(tx, START_MS + 9, "a@x.example", ALL, "complained")));
        let entries = of(&db, "a@x.example").await.unwrap();
        let seen: Vec<_> =
            entries.iter().map(|e| (e.scope.as_str(), e.reason.as_str(), e.created_ms)).collect();
        assert_eq!(
            seen,
            [("all", "complained", START_MS + 9), ("fold-forward", "asked to", START_MS)],
            "{}",
            entries[0].email_key
        );
        assert!(in_tx!(db, tx => remove(tx, "a@x.example", ALL)));
        assert!(!in_tx!(db, tx => remove(tx, "a@x.example", ALL)));
        assert_eq!(of(&db, "a@x.example").await.unwrap().len(), 1);
        assert!(of(&db, "b@x.example").await.unwrap().is_empty());
    }

    /// Each address is listed once however many entries concern it, other newsletters' entries are not, and pages
    /// join without gap or overlap.
    async fn concerning_lists_each_address_once_in_pages(db: Db) {
        let mut tx = db.begin().await.unwrap();
        for at in 0..1_100 {
            add(&mut tx, START_MS, &format!("p{at:05}@x.example"), "fold-forward", "asked to").await.unwrap();
        }
        add(&mut tx, START_MS, "p00000@x.example", ALL, "complained").await.unwrap();
        add(&mut tx, START_MS, "zz@x.example", "other", "asked to").await.unwrap();
        tx.commit().await.unwrap();
        let first = concerning(&db, "fold-forward", "").await.unwrap();
        assert_eq!(first.len(), 1_000);
        assert_eq!(first[0].scope, ALL);
        let second = concerning(&db, "fold-forward", &first[999].email_key).await.unwrap();
        assert_eq!(second.len(), 100);
        assert_eq!(second[99].email_key, "p01099@x.example");
        assert!(concerning(&db, "other", "").await.unwrap().iter().any(|e| e.email_key == "zz@x.example"));
    }
}
