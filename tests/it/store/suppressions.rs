//! Do-not-send entries.

use partnercast::store::suppressions::{
    ALL, Filter, Suppression, add, asked_for, concerning, count, is_new, lapse, lift, list, of, put, remove,
};

use crate::harness::{
    START_MS, both_dbs,
    databases::in_tx,
    outbox::{Scene, row, start},
};

/// An entry of a bounce.
fn entry(key: &str, scope: &str, expires_ms: Option<i64>) -> Suppression {
    Suppression {
        email_key: key.to_owned(),
        scope: scope.to_owned(),
        reason: "bad-address".to_owned(),
        source: "bounce".to_owned(),
        detail: "550 5.1.1 gone".to_owned(),
        created_ms: START_MS,
        expires_ms,
    }
}

both_dbs! {
    /// Adding twice keeps the first reason and says so; `all` and a newsletter are separate entries.
    async fn add_is_idempotent_and_remove_takes_one_scope(db: Db) {
        assert!(in_tx!(db, tx => add(tx, START_MS, "a@x.example", "fold-forward", "asked to")));
        assert!(!in_tx!(db, tx => add(tx, START_MS + 5, "a@x.example", "fold-forward", "bounced")));
        assert!(in_tx!(db, tx => add(tx, START_MS + 9, "a@x.example", ALL, "complained")));
        let entries = of(&db, START_MS, "a@x.example").await.unwrap();
        let seen: Vec<_> =
            entries.iter().map(|e| (e.scope.as_str(), e.reason.as_str(), e.created_ms)).collect();
        assert_eq!(
            seen,
            [("all", "complained", START_MS + 9), ("fold-forward", "asked to", START_MS)],
            "{}",
            entries[0].email_key
        );
        assert!(in_tx!(db, tx => remove(tx, "a@x.example", ALL)));
        assert!(!in_tx!(db, tx => remove(tx, "a@x.example", ALL)));
        assert_eq!(of(&db, START_MS, "a@x.example").await.unwrap().len(), 1);
        assert!(of(&db, START_MS, "b@x.example").await.unwrap().is_empty());
    }

    /// Each address is listed once however many entries concern it, other newsletters' entries are not, and pages
    /// join without gap or overlap.
    async fn concerning_lists_each_address_once_in_pages(db: Db) {
        let mut tx = db.begin().await.unwrap();
        for at in 0..1_100 {
            add(&mut tx, START_MS, &format!("p{at:05}@x.example"), "fold-forward", "asked to").await.unwrap();
        }
        add(&mut tx, START_MS, "p00000@x.example", ALL, "complained").await.unwrap();
        add(&mut tx, START_MS, "zz@x.example", "other", "asked to").await.unwrap();
        tx.commit().await.unwrap();
        let first = concerning(&db, START_MS, "fold-forward", "").await.unwrap();
        assert_eq!(first.len(), 1_000);
        assert_eq!(first[0].scope, ALL);
        let second = concerning(&db, START_MS, "fold-forward", &first[999].email_key).await.unwrap();
        assert_eq!(second.len(), 100);
        assert_eq!(second[99].email_key, "p01099@x.example");
        assert!(concerning(&db, START_MS, "other", "").await.unwrap().iter().any(|e| e.email_key == "zz@x.example"));
    }

    /// One entry holds for all tags of an address, whichever was entered, and for nobody else.
    async fn entries_go_by_the_address_without_its_tag(db: Db) {
        assert!(in_tx!(db, tx => add(tx, START_MS, "Dana+news@X.example", ALL, "unsubscribed")));
        assert!(!in_tx!(db, tx => add(tx, START_MS, "dana@x.example", ALL, "unsubscribed")));
        for spelt in ["dana@x.example", "dana+other@x.example", "DANA@X.EXAMPLE"] {
            assert_eq!(of(&db, START_MS, spelt).await.unwrap().len(), 1, "{spelt}");
        }
        assert!(of(&db, START_MS, "dan@x.example").await.unwrap().is_empty());
        assert!(in_tx!(db, tx => put(tx, &entry("@x.example", ALL, None))));
        assert_eq!(of(&db, START_MS, "somebody@x.example").await.unwrap()[0].email_key, "@x.example");
        assert!(in_tx!(db, tx => remove(tx, "dana+x@x.example", ALL)));
    }

    /// An entry ends when it says, is only ever made longer, and the reader's own word is kept.
    async fn entries_end_and_only_grow(db: Db) {
        let until = |ms: i64| entry("a@x.example", ALL, Some(START_MS + ms));
        assert!(in_tx!(db, tx => is_new(tx, &asked_for(START_MS, "a@x.example", ALL, "unsubscribed"))));
        assert!(in_tx!(db, tx => put(tx, &until(100))));
        assert!(!in_tx!(db, tx => put(tx, &until(50))), "a shorter one changes nothing");
        assert!(in_tx!(db, tx => put(tx, &until(200))));
        assert_eq!(of(&db, START_MS + 199, "a@x.example").await.unwrap().len(), 1);
        assert!(of(&db, START_MS + 200, "a@x.example").await.unwrap().is_empty());
        assert!(concerning(&db, START_MS + 200, "fold-forward", "").await.unwrap().is_empty());
        assert_eq!(in_tx!(db, tx => lapse(tx, START_MS + 199)), []);
        assert_eq!(in_tx!(db, tx => lapse(tx, START_MS + 200)), [until(200)]);

        in_tx!(db, tx => put(tx, &until(100)));
        assert!(in_tx!(db, tx => put(tx, &entry("a@x.example", ALL, None))));
        assert!(!in_tx!(db, tx => put(tx, &until(900))), "for good is longest");
        assert!(in_tx!(db, tx => add(tx, START_MS + 5, "a@x.example", ALL, "unsubscribed")));
        assert!(!in_tx!(db, tx => put(tx, &entry("a@x.example", ALL, None))), "a bounce does not hide an unsubscribe");
        assert_eq!(of(&db, START_MS, "a@x.example").await.unwrap()[0].source, "unsubscribe");
        assert_eq!(in_tx!(db, tx => lapse(tx, i64::MAX)), []);
    }

    /// Asking whether an entry is new says what putting it would do, whatever is there.
    async fn is_new_says_what_put_does(db: Db) {
        let mut entries = Vec::new();
        for source in ["unsubscribe", "bounce", "complaint", "person"] {
            for expires_ms in [None, Some(START_MS + 1), Some(START_MS + 2)] {
                let end = Suppression { source: source.to_owned(), ..entry("A+tag@x.example", ALL, expires_ms) };
                entries.push(end);
            }
        }
        for old in &entries {
            for new in &entries {
                in_tx!(db, tx => lift(tx, "a@x.example", ALL));
                assert!(in_tx!(db, tx => is_new(tx, old)) && in_tx!(db, tx => put(tx, old)));
                let said = in_tx!(db, tx => is_new(tx, new));
                assert_eq!(said, in_tx!(db, tx => put(tx, new)), "{new:?} over {old:?}");
            }
        }
    }

    /// A reader takes back what they or a server said, and not what the vendor's people entered; these lift anything.
    async fn readers_take_back_less_than_the_vendors_people(db: Db) {
        let manual = Suppression { source: "person".to_owned(), ..entry("a@x.example", ALL, None) };
        in_tx!(db, tx => put(tx, &manual));
        assert!(!in_tx!(db, tx => remove(tx, "a@x.example", ALL)));
        assert_eq!(in_tx!(db, tx => lift(tx, "A+tag@x.example", ALL)), Some(manual));
        assert_eq!(in_tx!(db, tx => lift(tx, "a@x.example", ALL)), None);
    }

    /// The list is searched by any part of the address, taken literally, and by reason.
    async fn the_list_is_searched_and_filtered(db: Db) {
        for (at, key) in ["dana_w@x.example", "danaxw@x.example", "50%@y.example", "@z.example"].iter().enumerate() {
            let entry = Suppression { created_ms: START_MS + at as i64, ..entry(key, ALL, None) };
            in_tx!(db, tx => put(tx, &entry));
        }
        in_tx!(db, tx => add(tx, START_MS + 9, "dana_w@x.example", "fold-forward", "unsubscribed"));
        in_tx!(db, tx => put(tx, &entry("over@x.example", ALL, Some(START_MS))));
        let found = async |search: &str, reason: &str| {
            let filter = Filter { search: search.to_owned(), reason: reason.to_owned() };
            let rows = list(&db, START_MS, &filter, 0).await.unwrap();
            assert_eq!(count(&db, START_MS, &filter).await.unwrap(), rows.len() as i64);
            rows.into_iter().map(|entry| entry.email_key).collect::<Vec<_>>()
        };
        assert_eq!(found("", "").await.len(), 5);
        assert_eq!(found("DANA_W", "").await, ["dana_w@x.example", "dana_w@x.example"]);
        assert_eq!(found("dana_w", "unsubscribed").await, ["dana_w@x.example"]);
        assert_eq!(found("0%", "").await, ["50%@y.example"]);
        assert_eq!(found("!", "").await, Vec::<String>::new());
        assert_eq!(found("@z", "").await, ["@z.example"]);
        assert_eq!(list(&db, START_MS, &Filter::default(), 4).await.unwrap().len(), 1);
    }

    /// What waits for a suppressed domain does not leave; another domain, another newsletter and an entry whose time is
    /// over stop nothing, and single mails go to everybody.
    async fn a_domain_stops_what_waits_for_it(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        in_tx!(db, tx => put(tx, &entry("@light.example", ALL, None)));
        in_tx!(db, tx => put(tx, &entry("@northlight.example", "other", None)));
        assert_eq!(start(&db, scene.node(), START_MS, &scene.issue, 1).await.len(), 1);
        in_tx!(db, tx => put(tx, &entry("@northlight.example", ALL, Some(START_MS + 1))));
        assert!(start(&db, scene.node(), START_MS, &scene.issue, 2).await.is_empty());
        assert_eq!(start(&db, scene.node(), START_MS + 1, &scene.issue, 1).await.len(), 1, "its time is over");
        let mut states = Vec::new();
        for id in &scene.deliveries {
            states.push(row(&db, id).await.state);
        }
        states.sort();
        assert_eq!(states, ["sending", "sending", "suppressed", "suppressed"]);
    }
}
