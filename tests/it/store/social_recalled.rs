//! Accounts that are the same one, and posts that stand at networks though their asset was recalled.

use partnercast::store::{
    Db,
    recalls::{self, Recall},
    social::{Account, Post, accounts, posts, recalled},
};

use crate::harness::{
    both_dbs,
    databases::{execute, in_tx, values},
};

async fn known(db: &Db, id: &str, partner: &str) {
    let account = account(id, partner);
    assert!(in_tx!(db, tx => accounts::add(tx, &account, ("k1.secret", ""))));
}

fn account(id: &str, partner: &str) -> Account {
    Account {
        id: id.to_owned(),
        partner_slug: partner.to_owned(),
        network: "mastodon".to_owned(),
        server: "https://social.example".to_owned(),
        handle: "@a@social.example".to_owned(),
        remote_id: "7".to_owned(),
        mode: "auto".to_owned(),
        state: "active".to_owned(),
        profile_url: "https://social.example/@a".to_owned(),
        ..Account::default()
    }
}

async fn made(db: &Db, id: &str, asset: &str, ready_ms: i64) {
    let post = Post {
        id: id.to_owned(),
        account_id: "soc_1".to_owned(),
        partner_slug: "a".to_owned(),
        asset: asset.to_owned(),
        state: "due".to_owned(),
        ready_ms,
        ..Post::default()
    };
    assert!(in_tx!(db, tx => posts::add(tx, &post)));
}

async fn recall(db: &Db, reference: &str, target: Option<&str>) {
    let recall = Recall {
        id: format!("rcl_{reference}"),
        reference: reference.to_owned(),
        target: target.map(str::to_owned),
        because: "wrong".to_owned(),
        good_no: None,
        actor: "ana".to_owned(),
        recalled_ms: 50,
        lifted_ms: None,
        lifted_by: None,
    };
    assert!(in_tx!(db, tx => recalls::insert(tx, &recall)));
}

both_dbs! {
    /// The same account is another partner's, or behind another name of its server; another id at the same server is another account.
    async fn the_same_account_is_found_elsewhere(db: Db) {
        known(&db, "soc_1", "a").await;
        let same = account("soc_1", "a");
        assert_eq!(in_tx!(&db, tx => accounts::elsewhere(tx, &same)), None, "it is itself");
        let theirs = account("soc_2", "b");
        assert_eq!(in_tx!(&db, tx => accounts::elsewhere(tx, &theirs)).map(|it| it.id).as_deref(), Some("soc_1"));
        let alias = Account { server: "https://alias.example".to_owned(), ..same.clone() };
        let found = in_tx!(&db, tx => accounts::elsewhere(tx, &alias)).unwrap();
        assert_eq!((found.server.as_str(), found.profile_url.as_str()), ("https://social.example", "https://social.example/@a"));
        let stranger = Account { profile_url: "https://alias.example/@a".to_owned(), ..alias };
        assert_eq!(in_tx!(&db, tx => accounts::elsewhere(tx, &stranger)), None, "ids are of one server");
        let bluesky = |id: &str, server: &str| Account {
            network: "bluesky".to_owned(),
            server: server.to_owned(),
            remote_id: "did:plc:a".to_owned(),
            profile_url: String::new(),
            ..account(id, "a")
        };
        let first = bluesky("soc_3", "https://pds.example");
        assert!(in_tx!(&db, tx => accounts::add(tx, &first, ("k1.secret", ""))));
        let moved = bluesky("soc_4", "https://bsky.social");
        assert_eq!(in_tx!(&db, tx => accounts::elsewhere(tx, &moved)).map(|it| it.id).as_deref(), Some("soc_3"));
        assert!(in_tx!(&db, tx => accounts::move_to(tx, "soc_3", ("active", "disconnected"), "", 9)));
        assert_eq!(in_tx!(&db, tx => accounts::elsewhere(tx, &moved)), None);
    }

    /// What was posted with what was said before the recall is told once; what says what is right now, or was never posted, is not.
    async fn posts_of_what_was_recalled_are_told_once(db: Db) {
        known(&db, "soc_1", "a").await;
        for (id, asset, ready_ms) in [
            ("spo_1", "social/a", 20), ("spo_2", "social/b", 20), ("spo_3", "social/c", 60), ("spo_4", "social/d", 60), ("spo_5", "social/e", 20),
        ] {
            made(&db, id, asset, ready_ms).await;
        }
        execute(&db, "UPDATE social_post SET state = 'posted', ended_ms = 30 WHERE id <> 'spo_2'", values![]).await;
        recall(&db, "social/a", None).await;
        recall(&db, "social/b", Some("social/z")).await;
        recall(&db, "social/c", None).await;
        recall(&db, "social/d", Some("social/z")).await;
        let ids = |all: &[recalled::Standing]| all.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
        let untold = recalled::untold(&db).await.unwrap();
        assert_eq!(ids(&untold), ["spo_1", "spo_4"], "not sent, right since, not recalled");
        assert!(in_tx!(&db, tx => recalled::tell(tx, &untold[0])));
        assert!(!in_tx!(&db, tx => recalled::tell(tx, &untold[0])));
        assert_eq!(ids(&recalled::untold(&db).await.unwrap()), ["spo_4"]);
        assert_eq!(ids(&recalled::of_asset(&db, "social/a").await.unwrap()), ["spo_1"]);
        execute(&db, "UPDATE social_post SET state = 'withdrawn', uncertain = TRUE, ended_ms = 70 WHERE id = 'spo_2'", values![]).await;
        assert_eq!(ids(&recalled::of_asset(&db, "social/b").await.unwrap()), ["spo_2"], "it may have arrived");
        in_tx!(&db, tx => recalls::lift(tx, 80, "ana", "social/d"));
        assert_eq!(ids(&recalled::untold(&db).await.unwrap()), ["spo_2"]);
    }
}
