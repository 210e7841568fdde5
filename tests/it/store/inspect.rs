//! Looking without working on it.

use partnercast::{
    domain::kernel::{Kind, clock::DAY_MS},
    store::{
        Db,
        inspect::{Queue, queue, server},
        lock::{Holder, ProcessLock, address_noted},
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, sqlite_at, values},
    environment,
    outbox::Scene,
};

both_dbs! {
    /// Each says its version, and its clock is this machine's.
    async fn server_says_what_it_is(db: Db) {
        let server = server(&db).await.unwrap();
        assert!(server.version.split('.').next().unwrap().parse::<u32>().is_ok(), "{server:?}");
        assert!(server.now_ms > 1_700_000_000_000, "{server:?}");
        let expected: &[&str] = if db.is_shared() { &["on", "off", "local", "remote_write", "remote_apply"] } else { &["wal"] };
        assert!(expected.contains(&server.durability.as_str()), "{server:?}");
    }

    /// Only what is due, running and of these hours is counted.
    async fn queue_counts_what_is_stuck(db: Db) {
        assert_eq!(queue(&db, START_MS, START_MS - DAY_MS).await.unwrap(), Queue::default());
        let scene = Scene::released(&db, "weekly", 3).await;
        execute(&db, "UPDATE delivery SET state = 'dead' WHERE id = $1", values![&scene.deliveries[0]]).await;
        assert_eq!(queue(&db, START_MS - 1, 0).await.unwrap().oldest_due_ms, None, "not due yet");
        let seen = queue(&db, START_MS, 0).await.unwrap();
        assert_eq!(seen, Queue { oldest_due_ms: Some(START_MS), dead: 1, ..Queue::default() });
    }
}

#[tokio::test]
async fn a_file_is_looked_at_while_its_process_works_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.sqlite");
    let url = format!("sqlite:{}", path.display());
    assert_eq!(Db::look(&url).await.err().map(|error| error.kind()), Some(Kind::NotFound));
    assert!(!path.exists(), "looking makes nothing");
    let working = sqlite_at(&path).await;
    let me = |url: Option<&str>| {
        Some(Holder { process: std::process::id().to_string(), url: url.map(str::to_owned) })
    };
    assert_eq!((ProcessLock::holder(&path), address_noted(&url)), (me(None), None));
    for address in ["http://127.0.0.1:43127", "http://[::1]:9"] {
        working.note_address(address).unwrap();
        assert_eq!(ProcessLock::holder(&path), me(Some(address)), "what was noted before is gone");
        assert_eq!(address_noted(&url).as_deref(), Some(address));
    }
    let looking = Db::look(&url).await.unwrap();
    assert_eq!(queue(&looking, START_MS, 0).await.unwrap(), Queue::default());
    assert!(looking.begin().await.unwrap().run("DELETE FROM node", vec![]).await.is_err(), "it cannot write");
    looking.close().await;
    working.close().await;
    drop(working);
    assert_eq!((ProcessLock::holder(&path), address_noted(&url)), (None, None), "an old note is none");
}

#[tokio::test]
async fn a_server_is_looked_at_without_making_tables() {
    let Some(url) = environment::postgres_url() else { return };
    let db = Db::look(&url).await.unwrap();
    assert!(db.is_shared() && server(&db).await.is_ok());
    assert!(queue(&db, START_MS, 0).await.is_err(), "the server's own database has no tables of ours");
    assert!(Db::look("postgres://nobody:wrong@127.0.0.1:1/none").await.is_err());
    db.close().await;
}
