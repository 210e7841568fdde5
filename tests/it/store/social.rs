//! Accounts at social networks, their posts, and whose turn it is.

use partnercast::store::{
    Db, revisions,
    social::{
        Account, Post, accounts, posts,
        turns::{self, Tried, Turn},
    },
};

use crate::harness::{
    both_dbs,
    databases::{execute, in_tx, number},
};

fn account(id: &str, partner: &str) -> Account {
    Account {
        id: id.to_owned(),
        partner_slug: partner.to_owned(),
        network: "bluesky".to_owned(),
        server: "https://pds.example".to_owned(),
        handle: format!("{partner}.example"),
        remote_id: format!("did:plc:{partner}"),
        mode: "auto".to_owned(),
        state: "active".to_owned(),
        because: "ana connected it".to_owned(),
        state_ms: 10,
        connected_ms: 10,
        connected_by: "ana".to_owned(),
        ..Account::default()
    }
}

fn post(id: &str, account: &str, asset: &str, state: &str) -> Post {
    Post {
        id: id.to_owned(),
        account_id: account.to_owned(),
        partner_slug: "a".to_owned(),
        asset: asset.to_owned(),
        content: "{\"text\":\"“ü”\"}".to_owned(),
        hash: "h1".to_owned(),
        state: state.to_owned(),
        made_ms: 20,
        ready_ms: 20,
        due_ms: 20,
        ended_ms: (state == "kit" || state == "failed").then_some(20),
        ..Post::default()
    }
}

async fn known(db: &Db, id: &str, partner: &str) {
    let account = account(id, partner);
    assert!(in_tx!(db, tx => accounts::add(tx, &account, ("k1.secret", ""))));
}

async fn made(db: &Db, post: Post) {
    assert!(in_tx!(db, tx => posts::add(tx, &post)));
}

async fn taken(db: &Db, now_ms: i64) -> Vec<Turn> {
    in_tx!(db, tx => turns::take(tx, now_ms, 10))
}

fn tried(id: &str, attempt: i64, verdict: &'static str, state: &'static str) -> Tried {
    let ended_ms = (state == "posted" || state == "failed").then_some(60);
    Tried {
        id: id.to_owned(),
        attempt,
        at_ms: 50,
        took_ms: 7,
        verdict,
        state,
        ended_ms,
        counts: true,
        ..Tried::default()
    }
}

async fn state(db: &Db, id: &str) -> (String, bool, i64) {
    let post = posts::post(db, id).await.unwrap().unwrap();
    (post.state, post.uncertain, post.tries)
}

both_dbs! {
    /// A partner has an account once; with another secret the same one goes on, and taken away its place is free.
    async fn accounts_are_connected_once(db: Db) {
        known(&db, "soc_1", "a").await;
        known(&db, "soc_2", "b").await;
        let again = Account { id: "soc_3".to_owned(), handle: "new.example".to_owned(), state_ms: 30, ..account("soc_1", "a") };
        assert!(!in_tx!(db, tx => accounts::add(tx, &again, ("k1.x", ""))));
        made(&db, Post { due_ms: 900, ..post("spo_1", "soc_1", "social/a", "due") }).await;
        assert!(in_tx!(db, tx => accounts::move_to(tx, "soc_1", ("active", "needs_reconnect"), "denied", 20)));
        assert!(!in_tx!(db, tx => accounts::move_to(tx, "soc_1", ("active", "needs_reconnect"), "denied", 21)));
        let id = in_tx!(db, tx => accounts::reconnect(tx, &again, Some("auto"), ("k1.new", "k1.session")));
        assert_eq!(id.as_deref(), Some("soc_1"));
        let now = accounts::account(&db, "soc_1").await.unwrap().unwrap();
        assert_eq!((now.state.as_str(), now.handle.as_str(), now.connected_ms), ("active", "new.example", 10));
        assert_eq!(posts::post(&db, "spo_1").await.unwrap().unwrap().due_ms, 30, "what waits goes on");
        let sealed = accounts::sealed(&db, "soc_1").await.unwrap();
        assert_eq!(sealed, Some(("k1.new".to_owned(), "k1.session".to_owned())));
        let stranger = Account { remote_id: "did:plc:other".to_owned(), ..again.clone() };
        assert_eq!(in_tx!(db, tx => accounts::reconnect(tx, &stranger, None, ("k1.new", ""))), None);
        assert_eq!(in_tx!(db, tx => accounts::count(tx, "a")), 1);
        assert_eq!(accounts::list(&db, None).await.unwrap().len(), 2);
        assert_eq!(accounts::list(&db, Some("b")).await.unwrap()[0].id, "soc_2");
        assert!(!in_tx!(db, tx => accounts::lose(tx, "soc_1", 20, "denied", 35)), "connected again since");
        assert!(in_tx!(db, tx => accounts::lose(tx, "soc_1", 30, "denied", 35)));
        assert!(!in_tx!(db, tx => accounts::lose(tx, "soc_1", 35, "denied", 36)), "it is lost already");
        assert!(in_tx!(db, tx => accounts::move_to(tx, "soc_1", ("needs_reconnect", "active"), "again", 37)));
        assert!(in_tx!(db, tx => accounts::set_mode(tx, "soc_1", "approve")));
        assert!(in_tx!(db, tx => accounts::move_to(tx, "soc_1", ("active", "disconnected"), "gone", 40)));
        assert_eq!(accounts::sealed(&db, "soc_1").await.unwrap(), None);
        let kept = number(&db, "SELECT COUNT(*) FROM social_account WHERE secret <> '' OR session <> ''", Vec::new()).await;
        assert_eq!(kept, 1, "the secret of the one that is left");
        assert!(!in_tx!(db, tx => accounts::set_mode(tx, "soc_1", "auto")));
        assert!(!in_tx!(db, tx => accounts::keep_session(tx, "soc_1", "k1.s", "x", 50)));
        assert!(in_tx!(db, tx => accounts::add(tx, &again, ("k1.x", ""))));
    }

    /// Sessions are kept, and what an older key sealed is found and sealed anew, unless it was changed meanwhile.
    async fn secrets_are_sealed_anew(db: Db) {
        known(&db, "soc_1", "a").await;
        assert!(accounts::sealed_otherwise(&db, "k1").await.unwrap().is_empty());
        assert!(in_tx!(db, tx => accounts::keep_session(tx, "soc_1", "k1.session", "moved.example", 50)));
        let found = accounts::sealed_otherwise(&db, "k2").await.unwrap();
        assert_eq!(found, [("soc_1".to_owned(), "k1.secret".to_owned(), "k1.session".to_owned())]);
        assert!(!in_tx!(db, tx => accounts::seal_anew(tx, "soc_1", ("k1.secret", ""), ("k2.a", "k2.b"))));
        assert!(in_tx!(db, tx => accounts::seal_anew(tx, "soc_1", ("k1.secret", "k1.session"), ("k2.a", "k2.b"))));
        assert!(accounts::sealed_otherwise(&db, "k2").await.unwrap().is_empty());
        let now = accounts::account(&db, "soc_1").await.unwrap().unwrap();
        assert_eq!((now.handle.as_str(), now.worked_ms), ("moved.example", Some(50)));
    }

    /// Each warning is noted once, the nearer after the farther.
    async fn warnings_are_noted_once(db: Db) {
        known(&db, "soc_1", "a").await;
        for (days, is_new) in [(14, true), (14, false), (7, true), (14, false), (1, true)] {
            assert_eq!(in_tx!(db, tx => accounts::tell(tx, "soc_1", days)), is_new, "{days}");
        }
    }

    /// One asset is posted in one account once, whatever became of it; none in an account that was taken away.
    async fn an_asset_is_posted_once(db: Db) {
        known(&db, "soc_1", "a").await;
        made(&db, post("spo_1", "soc_1", "social/a", "due")).await;
        let again = post("spo_2", "soc_1", "social/a", "due");
        assert!(!in_tx!(db, tx => posts::add(tx, &again)));
        assert!(in_tx!(db, tx => posts::end(tx, "spo_1", ("due", "withdrawn"), "recalled", 30)));
        assert!(!in_tx!(db, tx => posts::end(tx, "spo_1", ("due", "withdrawn"), "recalled", 31)));
        assert!(!in_tx!(db, tx => posts::add(tx, &again)));
        made(&db, post("spo_3", "soc_1", "social/b", "kit")).await;
        assert_eq!(posts::assets(&db, "soc_1").await.unwrap(), ["social/a", "social/b"]);
        assert_eq!(posts::counts(&db, "soc_1").await.unwrap(), [("kit".to_owned(), 1), ("withdrawn".to_owned(), 1)]);
        let ids = |all: Vec<Post>| all.into_iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!(ids(posts::list(&db, "soc_1", None, None, 10).await.unwrap()), ["spo_3", "spo_1"]);
        assert_eq!(ids(posts::list(&db, "soc_1", Some("kit"), None, 10).await.unwrap()), ["spo_3"]);
        assert_eq!(ids(posts::list(&db, "soc_1", None, Some("spo_3"), 10).await.unwrap()), ["spo_1"]);
        assert!(posts::open(&db).await.unwrap().is_empty());
        in_tx!(db, tx => accounts::move_to(tx, "soc_1", ("active", "disconnected"), "gone", 40));
        let late = post("spo_4", "soc_1", "social/c", "due");
        assert!(!in_tx!(db, tx => posts::add(tx, &late)));
    }

    /// Approval is of what was seen; another text is another question, and what was begun is not rewritten.
    async fn approval_is_bound_to_the_hash(db: Db) {
        known(&db, "soc_1", "a").await;
        made(&db, post("spo_1", "soc_1", "social/a", "waiting_approval")).await;
        assert!(!in_tx!(db, tx => posts::approve(tx, "spo_1", "h0", "ana", 30)), "that is not what it says");
        let other = Post { hash: "h2".to_owned(), ready_ms: 31, ..post("spo_1", "soc_1", "social/a", "waiting_approval") };
        assert!(in_tx!(db, tx => posts::rewrite(tx, &other, false)));
        assert!(!in_tx!(db, tx => posts::approve(tx, "spo_1", "h1", "ana", 32)));
        assert!(in_tx!(db, tx => posts::approve(tx, "spo_1", "h2", "ana", 33)));
        assert!(!in_tx!(db, tx => posts::approve(tx, "spo_1", "h2", "ben", 34)), "once is enough");
        let now = posts::post(&db, "spo_1").await.unwrap().unwrap();
        assert_eq!((now.state.as_str(), now.approved_by.as_str(), now.approved_ms), ("due", "ana", Some(33)));
        assert!(in_tx!(db, tx => posts::rewrite(tx, &other, false)), "a text that changed is asked for again");
        assert_eq!(posts::post(&db, "spo_1").await.unwrap().unwrap().approved_by, "");
        assert!(in_tx!(db, tx => posts::approve(tx, "spo_1", "h2", "ana", 35)));
        let turn = taken(&db, 50).await.remove(0);
        assert!(in_tx!(db, tx => turns::start(tx, &turn, 50)).is_some());
        assert!(!in_tx!(db, tx => posts::rewrite(tx, &other, false)));
        assert!(!in_tx!(db, tx => posts::rewrite(tx, &other, true)));
        assert!(!in_tx!(db, tx => posts::end(tx, "spo_1", ("sending", "failed"), "late", 60)), "it is on its way");
    }

    /// From its turn to its id at the network; a turn is one process's, one post at a time, the oldest first.
    async fn a_turn_posts_one_after_the_other(db: Db) {
        assert!(!turns::any_due(&db, 100).await.unwrap());
        known(&db, "soc_1", "a").await;
        known(&db, "soc_2", "b").await;
        made(&db, post("spo_2", "soc_1", "social/b", "due")).await;
        made(&db, post("spo_1", "soc_1", "social/a", "due")).await;
        assert!(!turns::any_due(&db, 19).await.unwrap());
        assert!(turns::any_due(&db, 20).await.unwrap());
        let turn = taken(&db, 20).await.remove(0);
        assert_eq!((turn.id.as_str(), turn.token, turn.remote_id.as_str()), ("soc_1", 1, "did:plc:a"));
        assert!(taken(&db, 20).await.is_empty(), "it is held");
        assert_eq!(turns::held(&db).await.unwrap(), [("soc_1".to_owned(), 1)]);
        let started = in_tx!(db, tx => turns::start(tx, &turn, 20)).unwrap();
        assert_eq!((started.id.as_str(), started.tries, started.attempts, started.uncertain), ("spo_1", 1, 1, false));
        assert!(turns::is_ours(&db, &turn).await.unwrap());
        let done = Tried {
            remote: ("at://x".to_owned(), "cid".to_owned(), "https://bsky.app/x".to_owned()),
            ..tried("spo_1", 1, "posted", "posted")
        };
        assert!(in_tx!(db, tx => turns::settle(tx, &turn, &done)));
        assert!(in_tx!(db, tx => turns::give_back(tx, &turn, 0, true, 60)));
        assert!(!turns::is_ours(&db, &turn).await.unwrap());
        let now = posts::post(&db, "spo_1").await.unwrap().unwrap();
        assert_eq!((now.state.as_str(), now.remote_uri.as_str(), now.ended_ms), ("posted", "at://x", Some(60)));
        assert_eq!(posts::attempts(&db, "spo_1").await.unwrap()[0].verdict, "posted");
        assert!(!in_tx!(db, tx => posts::again(tx, "spo_1", 70)), "it is there");
        assert_eq!(accounts::account(&db, "soc_1").await.unwrap().unwrap().worked_ms, Some(60));
        let turn = taken(&db, 70).await.remove(0);
        assert_eq!(in_tx!(db, tx => turns::start(tx, &turn, 70)).unwrap().id, "spo_2");
        let limited = Tried { due_ms: Some(500), counts: false, ..tried("spo_2", 1, "limited", "due") };
        assert!(in_tx!(db, tx => turns::settle(tx, &turn, &limited)));
        assert!(in_tx!(db, tx => turns::give_back(tx, &turn, 500, false, 80)));
        assert!(taken(&db, 499).await.is_empty(), "its server wants to be left alone");
        assert_eq!(state(&db, "spo_2").await, ("due".to_owned(), false, 0), "waiting as asked costs no try");
        let turn = taken(&db, 500).await.remove(0);
        in_tx!(db, tx => accounts::move_to(tx, "soc_1", ("active", "needs_reconnect"), "denied", 501));
        assert!(in_tx!(db, tx => turns::start(tx, &turn, 501)).is_none(), "nobody is let in");
        assert!(!turns::is_ours(&db, &turn).await.unwrap());
    }

    /// What a process left on its way may have arrived: it is said so for ever, and the old turn's word counts no more.
    async fn what_was_left_on_its_way_is_uncertain(db: Db) {
        known(&db, "soc_1", "a").await;
        made(&db, post("spo_1", "soc_1", "social/a", "due")).await;
        let gone = taken(&db, 20).await.remove(0);
        in_tx!(db, tx => turns::start(tx, &gone, 20));
        assert!(!in_tx!(db, tx => turns::free(tx, "soc_1", 7)));
        assert!(in_tx!(db, tx => turns::free(tx, "soc_1", 1)));
        let next = taken(&db, 30).await.remove(0);
        assert_eq!(in_tx!(db, tx => turns::take_over(tx, &next, 30)), 1);
        assert_eq!(state(&db, "spo_1").await, ("due".to_owned(), true, 1));
        let done = tried("spo_1", 1, "posted", "posted");
        assert!(!in_tx!(db, tx => turns::settle(tx, &gone, &done)), "its turn is over");
        assert_eq!(posts::attempts(&db, "spo_1").await.unwrap()[0].verdict, "uncertain");
        assert!(in_tx!(db, tx => turns::start(tx, &next, 30)).is_none(), "its server may still be at work on it");
        let started = in_tx!(db, tx => turns::start(tx, &next, 30 + turns::UNSURE_MS)).unwrap();
        assert_eq!((started.uncertain, started.tries, started.attempts), (true, 2, 2));
        let failed = Tried { because: "refused".to_owned(), ..tried("spo_1", 2, "refused", "failed") };
        assert!(in_tx!(db, tx => turns::settle(tx, &next, &failed)));
        assert!(!in_tx!(db, tx => turns::give_back(tx, &gone, 0, true, 40)));
        assert!(in_tx!(db, tx => turns::give_back(tx, &next, 0, false, 40)));
        let other = post("spo_1", "soc_1", "social/a", "due");
        assert!(!in_tx!(db, tx => posts::rewrite(tx, &other, true)), "what may be there keeps its text");
        assert!(in_tx!(db, tx => posts::again(tx, "spo_1", 50)));
        assert_eq!(state(&db, "spo_1").await, ("due".to_owned(), true, 0));
        let turn = taken(&db, 50).await.remove(0);
        in_tx!(db, tx => turns::start(tx, &turn, 50));
        assert_eq!(in_tx!(db, tx => turns::free_all(tx)), 1);
        made(&db, post("spo_2", "soc_1", "social/b", "waiting_approval")).await;
        assert_eq!(in_tx!(db, tx => posts::withdraw_of_disconnected(tx, "soc_1", 60)), 0, "it is connected");
        assert_eq!(in_tx!(db, tx => posts::withdraw_all(tx, "soc_1", "disconnected", 60)), 2, "and what nobody sends any more");
        made(&db, post("spo_3", "soc_1", "social/c", "due")).await;
        in_tx!(db, tx => accounts::move_to(tx, "soc_1", ("active", "disconnected"), "gone", 61));
        assert_eq!(in_tx!(db, tx => posts::withdraw_of_disconnected(tx, "soc_1", 62)), 1);
    }

    /// A post that failed is written anew as long as no try may have arrived.
    async fn what_failed_is_written_anew(db: Db) {
        known(&db, "soc_1", "a").await;
        made(&db, post("spo_1", "soc_1", "social/a", "failed")).await;
        let shorter = Post { hash: "h2".to_owned(), ready_ms: 30, ..post("spo_1", "soc_1", "social/a", "due") };
        assert!(!in_tx!(db, tx => posts::rewrite(tx, &shorter, false)), "it has ended");
        assert!(in_tx!(db, tx => posts::rewrite(tx, &shorter, true)));
        assert_eq!(state(&db, "spo_1").await, ("due".to_owned(), false, 0));
        assert_eq!(posts::open(&db).await.unwrap()[0].hash, "h2");
    }

    /// Files that are new since a moment, by when they were first known.
    async fn first_known_counts_the_first_number(db: Db) {
        for (path, no, since_ms) in [("social/a.md", 1, 10), ("social/a.md", 2, 50), ("social/b.md", 1, 40), ("blog/c.md", 1, 60)] {
            execute(
                &db,
                "INSERT INTO content_history (path, no, hash, is_text, since_ms) VALUES ($1, $2, 'h', TRUE, $3)",
                crate::harness::databases::values![path, no, since_ms],
            )
            .await;
        }
        let found = revisions::first_known(&db, "social/", 30).await.unwrap();
        assert_eq!(found, [("social/b.md".to_owned(), 40)], "the other is known for longer, whatever it says now");
    }
}
