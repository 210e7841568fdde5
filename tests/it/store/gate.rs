//! The gate itself: opening, locking, transactions, errors, plans.

use partnercast::{
    domain::kernel::Kind,
    store::{
        Db,
        sql::{Arg, stored},
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{block_on, execute, in_tx, number, rows, sqlite_at, values},
    outbox::{Scene, start},
};

both_dbs! {
    /// Every kind of argument goes in and comes out, empty ones too, and text that means something elsewhere.
    async fn arguments_round_trip(db: Db) {
        let text = "quote ' double \" percent % nul-like \\0 emoji \u{1f4e8} \u{e000}";
        type Pairs = (String, Option<String>, i64, Option<i64>, bool, Option<bool>);
        let row: Vec<Pairs> = rows(
            &db,
            "SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT),
                 CAST($5 AS BOOLEAN), CAST($6 AS BOOLEAN)",
            vec![Arg::from(text), Arg::Text(None), Arg::from(i64::MIN), Arg::Int(None), Arg::from(true), Arg::Bool(None)],
        )
        .await;
        assert_eq!(row, [(text.to_owned(), None, i64::MIN, None, true, None)]);
    }

    /// A sign of life, and none after closing.
    async fn ping_and_close(db: Db) {
        db.ping().await.unwrap();
        assert_eq!(db.dialect() == "postgres", db.is_shared());
        db.close().await;
        assert_eq!(db.ping().await.unwrap_err().kind(), Kind::Unavailable);
        let Err(error) = db.begin().await else { panic!("a closed database opened a transaction") };
        assert_eq!(error.kind(), Kind::Unavailable);
    }

    /// More rows than a statement may hold, exactly as many, and none; the count is right and rows come back.
    async fn bulk_splits_large_batches(db: Db) {
        for (from, count) in [(0, 0), (10_000, 500), (20_000, 501), (30_000, 1_777)] {
            let batch = |offset: i64| (0..count).map(|at| values![format!("h{}", from + at + offset), at]).collect();
            let mut tx = db.begin().await.unwrap();
            let added = tx.bulk("INSERT INTO used_token (hash, used_ms)", batch(0), "ON CONFLICT DO NOTHING").await.unwrap();
            assert_eq!(added, u64::try_from(count).unwrap());
            let back: Vec<(String, i64)> = tx
                .bulk_all("INSERT INTO used_token (hash, used_ms)", batch(5_000), "RETURNING hash, used_ms")
                .await
                .unwrap();
            assert_eq!(back.len(), usize::try_from(count).unwrap());
            tx.commit().await.unwrap();
        }
        assert_eq!(number(&db, "SELECT COUNT(*) FROM used_token", vec![]).await, 2 * (500 + 501 + 1_777));
    }

    /// A broken uniqueness rule is a conflict, another broken rule is invalid, a wrong statement is our fault; none
    /// shows SQL to the person who asked.
    async fn errors_have_their_kinds(db: Db) {
        let broken: [(&'static str, Kind); 5] = [
            ("INSERT INTO used_token (hash, used_ms) VALUES ('a', 1), ('a', 2)", Kind::Conflict),
            ("INSERT INTO session VALUES ('h', 'root', 's', 1, 2)", Kind::Invalid),
            ("INSERT INTO link VALUES ('rnd_none', 1, 't', 'l', NULL)", Kind::Invalid),
            ("INSERT INTO used_token (hash, used_ms) VALUES ('b', NULL)", Kind::Internal),
            ("SELECT nothing FROM nowhere", Kind::Internal),
        ];
        for (statement, kind) in broken {
            let mut tx = db.begin().await.unwrap();
            let error = tx.run(statement, vec![]).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{statement}: {}", error.detail());
            assert!(!error.public().contains("INSERT") && !error.public().contains("nowhere"), "{error}");
        }
    }

    /// A dropped transaction changes nothing, and the connection is usable afterwards.
    async fn a_dropped_transaction_changes_nothing(db: Db) {
        let mut tx = db.begin().await.unwrap();
        tx.run("INSERT INTO used_token VALUES ('a', 1)", vec![]).await.unwrap();
        let seen: Option<(i64,)> = tx.opt("SELECT used_ms FROM used_token WHERE hash = $1", values!["a"]).await.unwrap();
        assert_eq!(seen, Some((1,)));
        drop(tx);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM used_token", vec![]).await, 0);
        assert_eq!(execute(&db, "INSERT INTO used_token VALUES ('a', 1)", vec![]).await, 1);
        let none: Option<(i64,)> = db.opt("SELECT used_ms FROM used_token WHERE hash = 'b'", vec![]).await.unwrap();
        assert_eq!(none, None);
    }

    /// Many transactions that read first and write later, at once: none fails, none is lost.
    async fn transactions_queue_instead_of_failing(db: Db) {
        execute(&db, "INSERT INTO used_token VALUES ('counter', 0)", vec![]).await;
        let add = |db: Db| async move {
            for _ in 0..15 {
                let mut tx = db.begin().await.unwrap();
                // The update takes the row before it is read, as every read-then-write of the store must on a server.
                tx.run("UPDATE used_token SET used_ms = used_ms WHERE hash = 'counter'", vec![]).await.unwrap();
                let now: Option<(i64,)> = tx.opt("SELECT used_ms FROM used_token WHERE hash = 'counter'", vec![]).await.unwrap();
                tx.run("UPDATE used_token SET used_ms = $1 WHERE hash = 'counter'", values![now.unwrap().0 + 1]).await.unwrap();
                tx.commit().await.unwrap();
            }
        };
        let adding: Vec<_> = (0..6).map(|_| tokio::spawn(add(db.clone()))).collect();
        for done in adding {
            done.await.unwrap();
        }
        assert_eq!(number(&db, "SELECT used_ms FROM used_token", vec![]).await, 90);
    }

    /// Opening a database again brings nothing new and loses nothing.
    async fn a_template_is_complete(db: Db) {
        let tables = if db.is_shared() {
            "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'"
        } else {
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name <> '_sqlx_migrations'"
        };
        assert!(number(&db, tables, vec![]).await >= 20);
    }

    /// A value that no longer means anything names its place, to the log and not to the person.
    async fn stored_names_table_column_and_row(db: Db) {
        let Err(error) = stored::<i64>("lead", "stage", "led_1", "flying", None) else { panic!("nothing is not a value") };
        assert!(error.detail().contains("table lead, column stage, row led_1: `flying`"), "{}", error.detail());
        assert!(!error.public().contains("lead"));
        assert_eq!(stored("lead", "stage", "led_1", "new", Some(1)).unwrap(), 1);
        drop(db);
    }
}

#[test]
fn the_read_side_of_a_file_refuses_writes() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let db = sqlite_at(&folder.path().join("a.sqlite")).await;
        let written: Result<Vec<(String,)>, _> =
            db.all("INSERT INTO used_token VALUES ('a', 1) RETURNING hash", vec![]).await;
        assert!(written.unwrap_err().detail().contains("readonly"));
        assert_eq!(number(&db, "SELECT COUNT(*) FROM used_token", vec![]).await, 0);
        db.close().await;
    });
}

#[test]
fn a_second_process_on_the_same_file_is_refused_with_the_first_ones_number() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let first = sqlite_at(&path).await;
        let url = format!("sqlite:{}", path.display());
        let Err(error) = Db::open(&url).await else { panic!("two processes on one file") };
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.public().contains(&format!("process {}", std::process::id())), "{error}");
        assert!(error.public().contains("PostgreSQL"), "says what to do: {error}");
        first.close().await;
        drop(first);
        Db::open(&url).await.unwrap().close().await;
    });
}

#[test]
fn what_is_no_database_is_named() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "shopping list\n".repeat(500)).unwrap();
        let Err(error) = Db::open(&format!("sqlite:{}", path.display())).await else {
            panic!("a text file opened")
        };
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(
            error.public().contains("notes.txt") && error.public().contains("partnercast database"),
            "{error}"
        );
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("shopping"), "and is not touched");
        let Err(error) = Db::open(&format!("sqlite:{}/notes.txt/a.sqlite", folder.path().display())).await
        else {
            panic!("a file is no folder")
        };
        assert!(error.public().contains("notes.txt"), "{error}");
        let Err(error) = Db::open("mysql://localhost").await else { panic!("an unknown scheme opened") };
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.public().contains("sqlite:") && error.public().contains("postgres:"), "{error}");
        let Err(error) = Db::open("postgres://nobody@127.0.0.1:1/none?sslmode=disable").await else {
            panic!("nothing listens on port 1")
        };
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.public().contains("127.0.0.1:1"), "{error}");
    });
}

#[test]
fn a_full_disk_passes_without_a_restart() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let db = sqlite_at(&folder.path().join("a.sqlite")).await;
        let pages = number(&db, "PRAGMA page_count", vec![]).await;
        let Db::Sqlite { write, .. } = &db else { panic!("this is SQLite") };
        sqlx::raw_sql(sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(format!(
            "PRAGMA max_page_count = {pages}"
        ))))
        .execute(write)
        .await
        .unwrap();
        let much = "x".repeat(100_000);
        let mut tx = db.begin().await.unwrap();
        let error = tx
            .run("INSERT INTO content_revision VALUES ('h', 'p', $1, 1)", values![much.as_str()])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{}", error.detail());
        drop(tx);
        // The same process goes on as soon as there is room, without a restart.
        let _ = sqlx::raw_sql("PRAGMA max_page_count = 1000000").execute(write).await;
        in_tx!(db, tx => tx.run("INSERT INTO content_revision VALUES ('h', 'p', $1, 1)", values![much.as_str()]));
        db.close().await;
    });
}

#[test]
fn starts_read_their_partial_indexes_and_sort_nothing() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let db = sqlite_at(&folder.path().join("a.sqlite")).await;
        let scene = Scene::released(&db, "fold-forward", 50).await;
        // The starts' own sub-selects; `start` is called too, so that this test moves when it does.
        assert_eq!(start(&db, scene.node(), START_MS, &scene.issue, 1).await.len(), 1);
        let plans = [
            (
                "EXPLAIN QUERY PLAN SELECT id AS pick_id FROM delivery
                 WHERE live AND issue_id = $3 AND due_ms <= $1 AND state = 'ready' AND site NOT IN ('a', 'b')
                   AND EXISTS (SELECT 1 FROM issue WHERE issue.id = $3 AND issue.control = 'running')
                 ORDER BY due_ms, id LIMIT $2",
                values![START_MS, 100_i64, &scene.issue],
            ),
            (
                "EXPLAIN QUERY PLAN SELECT id AS pick_id, scope FROM delivery
                 WHERE live AND issue_id IS NULL AND lane = $3 AND due_ms <= $1 AND state = 'ready' ORDER BY due_ms, id LIMIT $2",
                values![START_MS, 100_i64, 0_i64],
            ),
        ];
        for (statement, arguments) in plans {
            let plan: Vec<(i64, i64, i64, String)> = rows(&db, statement, arguments).await;
            let text = plan.iter().map(|(_, _, _, step)| step.as_str()).collect::<Vec<_>>().join("\n");
            assert!(text.contains("SEARCH delivery USING") && text.contains("INDEX delivery_"), "{text}");
            assert!(!text.contains("SCAN delivery"), "{text}");
            assert!(!text.contains("TEMP B-TREE"), "{text}");
        }
        db.close().await;
    });
}
