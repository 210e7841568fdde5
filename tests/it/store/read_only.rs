//! Looking at a database beside the process that works on it.

use partnercast::{domain::kernel::Kind, store::Db};

use crate::harness::{
    both_dbs,
    databases::{block_on, execute, number, sqlite_at},
};

both_dbs! {
    /// The tables that this version makes are its own; a migration too many, too few or changed is not.
    async fn check_version_knows_its_own_tables(db: Db) {
        db.check_version().await.unwrap();
        let made = db.migrations().await.unwrap();
        assert!(!made.is_empty() && made[0].0 == 1 && made[0].1.len() == 96, "{made:?}");
        execute(&db, "UPDATE _sqlx_migrations SET version = version + 1000", vec![]).await;
        let error = db.check_version().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.public().contains(&format!("of version {}", made.last().unwrap().0 + 1_000)), "{error}");
        execute(&db, "DROP TABLE _sqlx_migrations", vec![]).await;
        assert_eq!(db.migrations().await.unwrap_err().kind(), Kind::Invalid);
    }
}

#[test]
fn open_read_only_looks_beside_the_one_who_writes_and_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite");
    let url = format!("sqlite:{}", path.display());
    block_on(async {
        let Err(missing) = Db::open_read_only(&url).await else { panic!("there is no file yet") };
        assert!(missing.public().contains("there is no database"), "{missing}");
        assert!(!path.exists(), "looking makes nothing");
        let db = sqlite_at(&path).await;
        execute(&db, "INSERT INTO used_token VALUES ('a', 1)", vec![]).await;
        let looking = Db::open_read_only(&url).await.unwrap();
        assert_eq!(number(&looking, "SELECT COUNT(*) FROM used_token", vec![]).await, 1);
        execute(&db, "INSERT INTO used_token VALUES ('b', 1)", vec![]).await;
        assert_eq!(
            number(&looking, "SELECT COUNT(*) FROM used_token", vec![]).await,
            2,
            "sees what is committed"
        );
        let mut tx = looking.begin().await.unwrap();
        let error = tx.run("INSERT INTO used_token VALUES ('c', 1)", vec![]).await.unwrap_err();
        drop(tx);
        assert!(error.detail().contains("readonly"), "{}", error.detail());
        looking.close().await;
        db.close().await;
        drop(db);
        let alone = Db::open_read_only(&url).await.unwrap();
        assert_eq!(
            number(&alone, "SELECT COUNT(*) FROM used_token", vec![]).await,
            2,
            "also when nobody runs"
        );
        alone.close().await;
    });
}
