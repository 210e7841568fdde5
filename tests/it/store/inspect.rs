//! Looking without working on it.

use partnercast::{
    domain::kernel::{Kind, clock::DAY_MS},
    store::{
        Db,
        inspect::{CameBack, Queue, Rates, came_back, queue, rates, server},
        lock::{Holder, ProcessLock, address_noted},
        reports::{self, MailReport},
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, sqlite_at, values},
    environment,
    outbox::{Scene, bounce, key},
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
        assert_eq!(queue(&db, START_MS).await.unwrap(), Queue::default());
        let scene = Scene::released(&db, "weekly", 3).await;
        execute(&db, "UPDATE delivery SET state = 'dead' WHERE id = $1", values![&scene.deliveries[0]]).await;
        assert_eq!(queue(&db, START_MS - 1).await.unwrap().oldest_due_ms, None, "not due yet");
        let seen = queue(&db, START_MS).await.unwrap();
        assert_eq!(seen, Queue { oldest_due_ms: Some(START_MS), dead: 1, ..Queue::default() });
    }

    /// Only what was really said about mail of ours, in that time, is counted, and each message once.
    async fn rates_count_each_message_once(db: Db) {
        assert_eq!(rates(&db, 0).await.unwrap(), Rates::default());
        let scene = Scene::released(&db, "weekly", 4).await;
        let tries = [(0, "accepted"), (0, "soft"), (1, "bad-address"), (2, "accepted"), (3, "accepted")];
        for (no, (at, outcome)) in (1_i64..).zip(tries) {
            let of = &scene.deliveries[at];
            execute(
                &db,
                "INSERT INTO attempt (delivery_id, no, node_id, ended_ms, outcome, reply) VALUES ($1, $2, 'n', $3, $4, '')",
                values![of, no, START_MS, outcome],
            )
            .await;
        }
        let of = |no: i64, at: usize, class: &str| bounce(no, Some(&scene.deliveries[at]), &key(at), class);
        let as_complaint = |no: i64, at: usize, class: &str| MailReport {
            kind: "complaint".to_owned(),
            action: class.to_owned(),
            ..of(no, at, class)
        };
        for report in [
            of(1, 0, "bad-address"),
            of(2, 0, "bad-domain"),
            of(3, 2, "policy"),
            MailReport { action: "delayed".to_owned(), ..of(4, 2, "bad-address") },
            MailReport { source: "relay".to_owned(), ..of(5, 1, "bad-address") },
            bounce(6, None, "", "bad-address"),
            as_complaint(7, 3, "abuse"),
            as_complaint(8, 3, "fraud"),
            as_complaint(9, 2, "not-spam"),
        ] {
            assert!(in_tx!(db, tx => reports::insert(tx, &report)));
        }
        let expected = Rates { accepted: 3, refused: 1, bounced: 1, complaints: 1 };
        assert_eq!(rates(&db, START_MS).await.unwrap(), expected);
        assert_eq!(expected.tried(), 4);
        assert_eq!(rates(&db, START_MS + DAY_MS).await.unwrap(), Rates::default());
        // What was made more than a week before is not looked at.
        let later = "UPDATE attempt SET ended_ms = $1";
        for (days, tried) in [(7, 4), (8, 0)] {
            let since_ms = START_MS + days * DAY_MS;
            execute(&db, later, values![since_ms]).await;
            assert_eq!(rates(&db, since_ms).await.unwrap().tried(), tried, "{days} days");
        }
    }

    /// The latest of each way, and no refusals at the door, which did not come back.
    async fn came_back_tells_by_which_way(db: Db) {
        assert_eq!(came_back(&db).await.unwrap(), []);
        for (no, source) in [(1, "imap"), (2, "lmtp"), (3, "imap"), (4, "relay")] {
            let report = MailReport { source: source.to_owned(), ..bounce(no, None, "", "bad-address") };
            in_tx!(db, tx => reports::insert(tx, &report));
        }
        let way = |source: &str, no: i64| CameBack { source: source.to_owned(), last_ms: START_MS + no };
        assert_eq!(came_back(&db).await.unwrap(), [way("imap", 3), way("lmtp", 2)]);
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
    assert_eq!(queue(&looking, START_MS).await.unwrap(), Queue::default());
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
    assert!(queue(&db, START_MS).await.is_err(), "the server's own database has no tables of ours");
    assert!(Db::look("postgres://nobody:wrong@127.0.0.1:1/none").await.is_err());
    db.close().await;
}
