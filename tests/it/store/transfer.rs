//! Tables as they go from SQLite to PostgreSQL. The whole way is `story/migrate.rs`.

use partnercast::{
    domain::kernel::Kind,
    store::{
        Db,
        transfer::{Target, cautions, clear, copy, sum, tables, target},
    },
};

use crate::harness::databases::{block_on, execute, number, rows, sqlite_at, values, with_empty_postgres};

const ODD: &str = "CREATE TABLE odd (t TEXT, n BIGINT, b BOOLEAN, r DOUBLE PRECISION)";

#[test]
fn tables_stand_behind_those_they_refer_to() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let db = sqlite_at(&folder.path().join("a.sqlite")).await;
        let names: Vec<_> = tables(&db).await.unwrap().into_iter().map(|table| table.name).collect();
        let place = |name: &str| names.iter().position(|other| other == name).unwrap();
        for (first, then) in [
            ("partner", "contact"),
            ("issue", "rendition"),
            ("rendition", "delivery"),
            ("delivery", "mail_report"),
            ("lead", "offer"),
        ] {
            assert!(place(first) < place(then), "{first} before {then}: {names:?}");
        }
        assert!(!names.iter().any(|name| name.starts_with('_') || name.starts_with("sqlite")), "{names:?}");
        execute(&db, "CREATE TABLE stamped (at TIMESTAMP)", vec![]).await;
        assert!(
            tables(&db).await.unwrap_err().detail().contains("stamped.at"),
            "a kind that we do not use is refused"
        );
        db.close().await;
    });
}

#[test]
fn every_kind_of_value_arrives_as_it_was() {
    with_empty_postgres(|url| async move {
        let folder = tempfile::tempdir().unwrap();
        let source = sqlite_at(&folder.path().join("a.sqlite")).await;
        let looking = Db::look(&url).await.unwrap();
        assert_eq!(target(&looking).await.unwrap(), Target::Fresh);
        assert!(cautions(&looking).await.unwrap().iter().any(|caution| caution.starts_with("fsync is off")));
        let there = Db::open(&url).await.unwrap();
        assert_eq!(target(&looking).await.unwrap(), Target::Ours);
        looking.close().await;
        execute(&source, ODD, vec![]).await;
        execute(&there, ODD, vec![]).await;
        let text = "tab\t line\n return\r back\\slash \\N \\. quote ' \" emoji \u{1f4e8} mark \u{e000}";
        for count in 0..450_i64 {
            execute(
                &source,
                "INSERT INTO odd VALUES ($1, $2, $3, $2 / 7.0)",
                values![format!("{text}{count}"), count - 200, count % 2 == 0],
            )
            .await;
        }
        execute(
            &source,
            "INSERT INTO odd VALUES (NULL, NULL, NULL, NULL), ('', -9223372036854775808, TRUE, 1e300)",
            vec![],
        )
        .await;
        let table = tables(&source).await.unwrap().into_iter().find(|table| table.name == "odd").unwrap();
        let mut told = Vec::new();
        let mut tx = there.begin().await.unwrap();
        let sent = copy(&source, &mut tx, &table, &mut |rows| told.push(rows)).await.unwrap();
        let arrived = sum(&mut tx, &table).await.unwrap();
        assert_eq!((sent, sent.rows), (arrived, 452));
        assert_eq!(told, [200, 400, 452], "a batch at a time");
        tx.commit().await.unwrap();
        type Row = (Option<String>, Option<i64>, Option<bool>, Option<f64>);
        let all = "SELECT t, n, b, r FROM odd ORDER BY n NULLS FIRST";
        assert_eq!(rows::<Row>(&source, all, vec![]).await, rows::<Row>(&there, all, vec![]).await);
        execute(&there, "UPDATE odd SET t = t || 'x' WHERE n = 3", vec![]).await;
        let mut tx = there.begin().await.unwrap();
        assert_ne!(sum(&mut tx, &table).await.unwrap(), sent, "one letter makes a difference");
        clear(&mut tx, &table).await.unwrap();
        assert_eq!(sum(&mut tx, &table).await.unwrap().rows, 0);
        execute(&source, "UPDATE odd SET t = CAST(X'610062' AS TEXT) WHERE n = 3", vec![]).await;
        let error = copy(&source, &mut tx, &table, &mut |_| ()).await.unwrap_err();
        assert!(
            error.kind() == Kind::Invalid && error.public().contains("odd, column t holds a NUL"),
            "{error}"
        );
        drop(tx);
        assert_eq!(
            number(&there, "SELECT COUNT(*) FROM odd", vec![]).await,
            452,
            "a failure changes nothing"
        );
        let mut wrong = source.begin().await.unwrap();
        for refused in
            [sum(&mut wrong, &table).await.unwrap_err(), clear(&mut wrong, &table).await.unwrap_err()]
        {
            assert_eq!(refused.kind(), Kind::Internal);
        }
        drop(wrong);
        execute(&there, "ALTER TABLE _sqlx_migrations RENAME TO other", vec![]).await;
        let Target::Foreign(names) = target(&there).await.unwrap() else { panic!("tables of somebody else") };
        assert!(names.len() == 10, "{names:?}");
        there.close().await;
        source.close().await;
    });
}
