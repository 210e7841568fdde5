//! Assets taken back.

use partnercast::store::recalls::{
    LIST_MAX, Recall, in_force, in_force_in, insert, lift, list, references, stamp, take_turns, with_target,
};

use crate::harness::{START_MS, both_dbs, databases::in_tx};

fn recall(id: i64, reference: &str) -> Recall {
    Recall {
        id: format!("rcl_{id:04}"),
        reference: reference.to_owned(),
        target: (id == 1).then(|| "blog/b".to_owned()),
        because: "the price is wrong".to_owned(),
        good_no: (id == 2).then_some(3),
        actor: "ana".to_owned(),
        recalled_ms: START_MS + id,
        lifted_ms: None,
        lifted_by: None,
    }
}

both_dbs! {
    /// Of two at once the second begins when the first has ended, and sees what it did.
    async fn take_turns_lets_nobody_between(db: Db) {
        let mut first = db.begin().await.unwrap();
        take_turns(&mut first).await.unwrap();
        let second = { let db = db.clone(); tokio::spawn(async move {
            in_tx!(db, tx => take_turns(tx));
            in_force(&db, "blog/a").await.unwrap().is_some()
        }) };
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert!(!second.is_finished());
        assert!(insert(&mut first, &recall(1, "blog/a")).await.unwrap());
        first.commit().await.unwrap();
        assert!(second.await.unwrap());
    }

    /// One in force for an asset; what was lifted stays in the list.
    async fn insert_lift_and_insert_again(db: Db) {
        assert!(in_force(&db, "blog/a").await.unwrap().is_none());
        assert_eq!(stamp(&db).await.unwrap(), (0, 0, 0));
        assert!(in_tx!(db, tx => insert(tx, &recall(1, "blog/a"))));
        assert!(!in_tx!(db, tx => insert(tx, &recall(2, "blog/a"))), "one at a time");
        assert_eq!(with_target(&db).await.unwrap(), [recall(1, "blog/a")]);
        assert!(in_tx!(db, tx => insert(tx, &recall(3, "blog/b"))));
        assert_eq!(in_force(&db, "blog/a").await.unwrap(), Some(recall(1, "blog/a")));
        assert_eq!(in_tx!(db, tx => in_force_in(tx, "blog/b")), Some(recall(3, "blog/b")));
        let lifted = in_tx!(db, tx => lift(tx, START_MS + 9, "bo", "blog/a")).unwrap();
        assert_eq!((lifted.lifted_ms, lifted.lifted_by.as_deref()), (Some(START_MS + 9), Some("bo")));
        assert!(in_tx!(db, tx => lift(tx, START_MS + 10, "bo", "blog/a")).is_none());
        assert_eq!(stamp(&db).await.unwrap(), (2, START_MS + 3, START_MS + 9));
        assert!(with_target(&db).await.unwrap().is_empty(), "the one with a target was lifted");
        assert!(in_tx!(db, tx => insert(tx, &recall(2, "blog/a"))));
        let all: Vec<String> = list(&db, None).await.unwrap().into_iter().map(|it| it.id).collect();
        assert_eq!(all, ["rcl_0003", "rcl_0002", "rcl_0001"]);
        assert_eq!(references(&db).await.unwrap(), ["blog/b", "blog/a"]);
        let of_a = list(&db, Some("blog/a")).await.unwrap();
        assert_eq!(of_a, [recall(2, "blog/a"), lifted]);
    }

    /// The list has an end.
    async fn list_is_limited(db: Db) {
        for id in 0..LIST_MAX + 2 {
            in_tx!(db, tx => insert(tx, &recall(id, &format!("blog/{id}"))));
        }
        assert_eq!(list(&db, None).await.unwrap().len(), usize::try_from(LIST_MAX).unwrap());
    }
}
