//! Partners' own sites, and what should stand on them.

use partnercast::store::{
    Db,
    site_posts::{self, Outcome, Post},
    sites::{self, Site},
};

use crate::harness::{both_dbs, databases::in_tx};

fn site(id: &str, url: &str) -> Site {
    Site {
        id: id.to_owned(),
        partner_slug: "northlight".to_owned(),
        kind: "wordpress".to_owned(),
        url: url.to_owned(),
        username: "ada".to_owned(),
        mode: "draft".to_owned(),
        since_day: "2027-01-01".to_owned(),
        contact_email: "ada@example.com".to_owned(),
        state: "active".to_owned(),
        state_ms: 1,
        created_ms: 1,
        created_by: "operator".to_owned(),
        ..Site::default()
    }
}

async fn known(db: &Db, id: &str) {
    let site = site(id, &format!("https://{id}.example"));
    assert!(in_tx!(db, tx => sites::add(tx, &site, "k1.sealed")));
}

async fn want(db: &Db, id: &str, asset: &str, wanted: &str, now_ms: i64) -> u64 {
    in_tx!(db, tx => site_posts::want(tx, (id, asset), "pc-1", wanted, now_ms))
}

async fn take(db: &Db, now_ms: i64) -> Vec<Post> {
    in_tx!(db, tx => site_posts::take(tx, now_ms, 10))
}

async fn settle(db: &Db, post: &Post, outcome: &Outcome) -> bool {
    in_tx!(db, tx => site_posts::settle(tx, post, outcome, 9))
}

async fn post(db: &Db, id: &str, asset: &str) -> Post {
    let all = site_posts::of_site(db, id).await.unwrap();
    all.into_iter().find(|post| post.asset == asset).unwrap()
}

fn placed(hash: &str) -> Outcome {
    Outcome {
        state: "placed",
        placed: Some(hash.to_owned()),
        remote: Some((7, "https://a.example/?p=7".to_owned())),
        due_ms: 9,
        ..Outcome::default()
    }
}

both_dbs! {
    async fn a_partner_has_a_site_at_an_address_once(db: Db) {
        known(&db, "sit_1").await;
        let twice = site("sit_2", "https://sit_1.example");
        assert!(!in_tx!(&db, tx => sites::add(tx, &twice, "k1.other")));
        assert_eq!(sites::list(&db, Some("ipe")).await.unwrap(), []);
        let all = sites::list(&db, None).await.unwrap();
        assert_eq!(all, [sites::site(&db, "sit_1").await.unwrap().unwrap()]);
        assert_eq!(sites::sealed(&db, "sit_1").await.unwrap().as_deref(), Some("k1.sealed"));
        assert!(in_tx!(&db, tx => sites::move_to(tx, "sit_1", ("active", "refused"), "401", 5)));
        assert!(!in_tx!(&db, tx => sites::move_to(tx, "sit_1", ("active", "refused"), "401", 5)));
        assert_eq!(in_tx!(&db, tx => sites::rest(tx, "sit_1", 50)), 1);
        in_tx!(&db, tx => sites::end_rest(tx, "sit_1"));
        assert_eq!(sites::site(&db, "sit_1").await.unwrap().unwrap().rest_ms, 0);
        assert_eq!(in_tx!(&db, tx => sites::rest(tx, "sit_1", 50)), 1);
        let anew = Site { username: "bo".to_owned(), ..site("sit_1", "https://sit_1.example") };
        assert!(in_tx!(&db, tx => sites::renew(tx, &anew, "k1.new", 6)));
        let now = sites::site(&db, "sit_1").await.unwrap().unwrap();
        assert_eq!((now.username.as_str(), now.state.as_str(), now.because.as_str(), now.rest_ms), ("bo", "active", "", 0));
        let otherwise = sites::sealed_otherwise(&db, "k2").await.unwrap();
        assert_eq!(otherwise, [("sit_1".to_owned(), "k1.new".to_owned())]);
        assert!(in_tx!(&db, tx => sites::seal_anew(tx, "sit_1", ("k1.new", "k2.new"))));
        assert!(!in_tx!(&db, tx => sites::seal_anew(tx, "sit_1", ("k1.new", "k2.newer"))));
        assert_eq!(sites::sealed_otherwise(&db, "k2").await.unwrap(), []);
        assert!(in_tx!(&db, tx => sites::move_to(tx, "sit_1", ("active", "removed"), "", 7)));
        assert_eq!((sites::site(&db, "sit_1").await.unwrap(), sites::sealed(&db, "sit_1").await.unwrap()), (None, None));
        assert!(in_tx!(&db, tx => sites::add(tx, &twice, "k1.other")), "a removed one is in nobody's way");
    }

    async fn a_site_takes_one_post_at_a_time_the_oldest_first(db: Db) {
        known(&db, "sit_1").await;
        known(&db, "sit_2").await;
        assert!(!site_posts::any_due(&db, 9).await.unwrap());
        assert_eq!(want(&db, "sit_1", "blog/b", "h1", 2).await, 1);
        assert_eq!(want(&db, "sit_1", "blog/b", "h1", 3).await, 0, "it is known already");
        want(&db, "sit_1", "blog/a", "h1", 3).await;
        want(&db, "sit_2", "blog/a", "h1", 3).await;
        assert!(!site_posts::any_due(&db, 1).await.unwrap() && site_posts::any_due(&db, 3).await.unwrap());
        let taken = take(&db, 5).await;
        let mut names: Vec<_> = taken.iter().map(|post| (post.site_id.as_str(), post.asset.as_str())).collect();
        names.sort_unstable();
        assert_eq!(names, [("sit_1", "blog/b"), ("sit_2", "blog/a")]);
        assert!(take(&db, 5).await.is_empty(), "each site has one on its way");
        let first = taken.iter().find(|post| post.site_id == "sit_1").unwrap();
        assert_eq!((first.tries, first.token, first.state.as_str()), (1, 1, "sending"));
        assert!(settle(&db, first, &placed("h1")).await);
        assert!(!settle(&db, first, &placed("h1")).await, "once");
        let now = post(&db, "sit_1", "blog/b").await;
        assert_eq!((now.state.as_str(), now.placed.as_str(), now.remote_id, now.tries), ("placed", "h1", Some(7), 0));
        let next = take(&db, 5).await;
        assert_eq!(next[0].asset, "blog/a");
        in_tx!(&db, tx => sites::move_to(tx, "sit_1", ("active", "refused"), "401", 5));
        assert!(settle(&db, &next[0], &Outcome { state: "waiting", due_ms: 5, ..Outcome::default() }).await);
        assert!(take(&db, 5).await.is_empty() && !site_posts::any_due(&db, 5).await.unwrap(), "it refuses us");
    }

    async fn what_changes_while_it_is_on_its_way_waits_again(db: Db) {
        known(&db, "sit_1").await;
        want(&db, "sit_1", "blog/a", "h1", 1).await;
        let [first] = &take(&db, 5).await[..] else { panic!("one") };
        assert_eq!(want(&db, "sit_1", "blog/a", "h2", 6).await, 1);
        assert_eq!(post(&db, "sit_1", "blog/a").await.state, "sending");
        settle(&db, first, &placed("h1")).await;
        let now = post(&db, "sit_1", "blog/a").await;
        assert_eq!((now.state.as_str(), now.placed.as_str(), now.wanted.as_str()), ("waiting", "h1", "h2"));
        let [second] = &take(&db, 10).await[..] else { panic!("one") };
        assert_eq!((second.remote_id, second.token), (Some(7), 2));
        assert!(site_posts::is_ours(&db, second).await.unwrap() && !site_posts::is_ours(&db, first).await.unwrap());
        // Its process ended: it is tried again later, and the old try says nothing any more.
        assert_eq!(site_posts::on_way(&db).await.unwrap(), [("sit_1".to_owned(), "blog/a".to_owned(), 2)]);
        assert!(!in_tx!(&db, tx => site_posts::free(tx, ("sit_1", "blog/a"), 1, "ended", 40)));
        assert!(in_tx!(&db, tx => site_posts::free(tx, ("sit_1", "blog/a"), 2, "ended", 40)));
        assert!(!settle(&db, second, &placed("h2")).await);
        // It may be at work there still, whatever is wanted and whoever presses a button.
        assert_eq!(want(&db, "sit_1", "blog/a", "", 20).await, 1);
        assert_eq!(in_tx!(&db, tx => site_posts::again(tx, "sit_1", None, 21)), 1);
        assert!(take(&db, 39).await.is_empty());
        assert_eq!(take(&db, 40).await.len(), 1);
    }

    async fn what_failed_is_tried_again_and_what_was_taken_away_when_it_is_named(db: Db) {
        known(&db, "sit_1").await;
        for (asset, state) in [("blog/a", "failed"), ("blog/b", "gone")] {
            want(&db, "sit_1", asset, "h1", 1).await;
            let [one] = &take(&db, 5).await[..] else { panic!("one") };
            settle(&db, one, &Outcome { state, remote: Some((7, String::new())), ..Outcome::default() }).await;
        }
        want(&db, "sit_1", "blog/b", "h2", 6).await;
        assert_eq!(post(&db, "sit_1", "blog/b").await.state, "gone", "what the partner took away stays away");
        assert_eq!(in_tx!(&db, tx => site_posts::again(tx, "sit_1", None, 7)), 1);
        assert_eq!(post(&db, "sit_1", "blog/a").await.state, "waiting");
        assert_eq!(in_tx!(&db, tx => site_posts::again(tx, "sit_1", Some("blog/b"), 7)), 1);
        let anew = post(&db, "sit_1", "blog/b").await;
        assert_eq!((anew.state.as_str(), anew.remote_id), ("waiting", None));
        assert_eq!(in_tx!(&db, tx => site_posts::again(tx, "sit_1", Some("blog/c"), 7)), 0);
    }

    async fn a_try_is_ours_while_its_site_takes_posts(db: Db) {
        known(&db, "sit_1").await;
        want(&db, "sit_1", "blog/a", "h1", 1).await;
        let [one] = &take(&db, 5).await[..] else { panic!("one") };
        assert!(site_posts::is_ours(&db, one).await.unwrap());
        in_tx!(&db, tx => sites::move_to(tx, "sit_1", ("active", "refused"), "401", 6));
        assert!(!site_posts::is_ours(&db, one).await.unwrap(), "it was refused meanwhile");
        in_tx!(&db, tx => sites::move_to(tx, "sit_1", ("refused", "removed"), "", 7));
        assert!(!site_posts::is_ours(&db, one).await.unwrap(), "or taken away");
    }

    async fn a_post_knows_how_it_was_seen_and_since_when_it_waits(db: Db) {
        known(&db, "sit_1").await;
        want(&db, "sit_1", "blog/a", "h1", 1).await;
        let [one] = &take(&db, 5).await[..] else { panic!("one") };
        assert!(in_tx!(&db, tx => site_posts::note_remote(tx, one, (7, "https://a.example/?p=7"))));
        let spared = Outcome { state: "waiting", due_ms: 5, is_spared: true, is_told: true, ..Outcome::default() };
        assert!(settle(&db, one, &spared).await);
        let now = post(&db, "sit_1", "blog/a").await;
        assert_eq!((now.remote_id, now.tries, now.wanted_ms, now.told_ms), (Some(7), 0, 1, 9));
        assert!(!in_tx!(&db, tx => site_posts::note_remote(tx, one, (8, ""))), "it is on its way no more");
        want(&db, "sit_1", "blog/a", "", 20).await;
        let [taken] = &take(&db, 20).await[..] else { panic!("one") };
        assert_eq!((taken.wanted_ms, taken.told_ms, taken.was_status.as_str()), (20, 0, ""));
        assert!(in_tx!(&db, tx => site_posts::note_status(tx, taken, "private")));
        assert!(!in_tx!(&db, tx => site_posts::note_status(tx, taken, "draft")), "the first one stays");
        let withdrawn = Outcome { state: "withdrawn", placed: Some(String::new()), ..Outcome::default() };
        assert!(settle(&db, taken, &withdrawn).await);
        assert_eq!(post(&db, "sit_1", "blog/a").await.was_status, "private");
        want(&db, "sit_1", "blog/a", "h1", 30).await;
        let [back] = &take(&db, 30).await[..] else { panic!("one") };
        assert!(settle(&db, back, &placed("h1")).await);
        assert_eq!(post(&db, "sit_1", "blog/a").await.was_status, "");
    }
}
