//! `store::rule_looks`

use partnercast::store::rule_looks;

use crate::harness::both_dbs;

both_dbs! {
    async fn the_last_version_of_a_rule_is_known(db: Db) {
        assert_eq!(rule_looks::version(&db, "scoring").await.unwrap(), None);
        for version in ["a", "b"] {
            let mut tx = db.begin().await.unwrap();
            rule_looks::done(&mut tx, "scoring", version).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(rule_looks::version(&db, "scoring").await.unwrap().as_deref(), Some(version));
        }
        assert_eq!(rule_looks::version(&db, "routing").await.unwrap(), None);
    }
}
