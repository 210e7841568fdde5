//! What is spent at social networks within a month's budget, and renewing tokens that may be used once.

use partnercast::store::{
    Db,
    social::{
        Account, accounts,
        spend::{self, Expense, Kind, Month},
    },
};

use crate::harness::{both_dbs, databases::in_tx};

fn expense(id: &str, what: &'static str, micros: i64) -> Expense {
    Expense {
        id: id.to_owned(),
        network: "x".to_owned(),
        month: "2027-02".to_owned(),
        at_ms: 10,
        account_id: "soc_1".to_owned(),
        what,
        micros,
        ..Expense::default()
    }
}

async fn reserved(db: &Db, id: &str, what: &'static str, micros: i64) -> Option<i64> {
    in_tx!(db, tx => spend::reserve(tx, &expense(id, what, micros), 500))
}

async fn month(db: &Db) -> (i64, i64) {
    let known = spend::spent(db, "x", "2027-02").await.unwrap().unwrap();
    (known.spent_micros, known.told_percent)
}

async fn connected(db: &Db, secret: &str) {
    let account = Account {
        id: "soc_1".to_owned(),
        partner_slug: "a".to_owned(),
        network: "x".to_owned(),
        server: "https://api.x.com".to_owned(),
        remote_id: "7".to_owned(),
        mode: "auto".to_owned(),
        state: "active".to_owned(),
        ..Account::default()
    };
    assert!(in_tx!(db, tx => accounts::add(tx, &account, (secret, ""))));
}

both_dbs! {
    /// What a budget does not pay for is not reserved; what is given back may be spent again, once.
    async fn a_budget_is_never_overspent(db: Db) {
        assert_eq!(spend::spent(&db, "x", "2027-02").await.unwrap(), None);
        assert_eq!(reserved(&db, "ssp_1", "post_with_link", 200).await, Some(200));
        assert_eq!(reserved(&db, "ssp_2", "post_with_link", 200).await, Some(400));
        assert_eq!(reserved(&db, "ssp_3", "post_with_link", 200).await, None, "that would be 600");
        assert_eq!(reserved(&db, "ssp_4", "picture", 100).await, Some(500), "to the last");
        assert!(in_tx!(&db, tx => spend::give_back(tx, "ssp_2", 150)));
        assert!(!in_tx!(&db, tx => spend::give_back(tx, "ssp_2", 150)), "it has 50 left");
        assert!(!in_tx!(&db, tx => spend::give_back(tx, "ssp_3", 1)), "nothing was reserved");
        assert_eq!(month(&db).await, (350, 0));
        assert!(in_tx!(&db, tx => spend::give_back(tx, "ssp_4", 100)));
        assert_eq!(reserved(&db, "ssp_5", "post_with_link", 200).await, Some(450));
        let kinds = spend::kinds(&db, "x", "2027-02").await.unwrap();
        assert_eq!(kinds, [Kind { what: "post_with_link".to_owned(), count: 3, micros: 450 }], "what cost nothing is not told");
        let next = Expense { month: "2027-03".to_owned(), ..expense("ssp_6", "post", 15) };
        assert_eq!(in_tx!(&db, tx => spend::reserve(tx, &next, 500)), Some(15), "another month");
        let months = spend::months(&db, "x").await.unwrap();
        let spent = |month: &str, spent_micros| Month { month: month.to_owned(), spent_micros, told_percent: 0 };
        assert_eq!(months, [spent("2027-03", 15), spent("2027-02", 450)]);
        assert!(spend::months(&db, "linkedin").await.unwrap().is_empty());
    }

    /// Each notice once, and none after a later one.
    async fn a_budget_is_told_of_once(db: Db) {
        for (percent, is_new) in [(80, true), (80, false), (100, true), (80, false), (100, false)] {
            assert_eq!(in_tx!(&db, tx => spend::note_told(tx, "x", "2027-02", percent)), is_new, "{percent}");
        }
        assert_eq!(month(&db).await, (0, 100));
    }

    /// One process renews; what it brings is kept only if nobody took the account over meanwhile, or connected it again.
    async fn tokens_are_renewed_by_one(db: Db) {
        connected(&db, "k1.one").await;
        assert!(in_tx!(&db, tx => accounts::begin_renewal(tx, "soc_1", "k1.one", (1_000, 900))));
        assert!(!in_tx!(&db, tx => accounts::begin_renewal(tx, "soc_1", "k1.one", (1_010, 910))), "somebody is at it");
        assert!(in_tx!(&db, tx => accounts::end_renewal(tx, "soc_1", ("k1.one", 1_000), Some("k1.two"))));
        assert!(!in_tx!(&db, tx => accounts::begin_renewal(tx, "soc_1", "k1.one", (1_020, 920))), "somebody did");
        assert_eq!(accounts::sealed(&db, "soc_1").await.unwrap().unwrap().0, "k1.two");
        assert!(in_tx!(&db, tx => accounts::begin_renewal(tx, "soc_1", "k1.two", (1_030, 930))));
        assert!(in_tx!(&db, tx => accounts::begin_renewal(tx, "soc_1", "k1.two", (1_200, 1_100))), "that one is gone");
        assert!(!in_tx!(&db, tx => accounts::end_renewal(tx, "soc_1", ("k1.two", 1_030), None)), "it is another's by now");
        assert!(in_tx!(&db, tx => accounts::end_renewal(tx, "soc_1", ("k1.two", 1_030), Some("k1.late"))), "there are no others");
        assert_eq!(accounts::sealed(&db, "soc_1").await.unwrap().unwrap().0, "k1.late");
        assert!(!in_tx!(&db, tx => accounts::end_renewal(tx, "soc_1", ("k1.two", 1_200), None)), "it brought nothing");
        assert!(in_tx!(&db, tx => accounts::begin_renewal(tx, "soc_1", "k1.late", (1_300, 1_250))));
        let again = Account {
            partner_slug: "a".to_owned(),
            network: "x".to_owned(),
            server: "https://api.x.com".to_owned(),
            remote_id: "7".to_owned(),
            mode: "auto".to_owned(),
            ..Account::default()
        };
        assert!(in_tx!(&db, tx => accounts::reconnect(tx, &again, None, ("k1.pasted", ""))).is_some());
        assert!(!in_tx!(&db, tx => accounts::end_renewal(tx, "soc_1", ("k1.late", 1_300), Some("k1.three"))), "other tokens were pasted");
        assert_eq!(accounts::sealed(&db, "soc_1").await.unwrap().unwrap().0, "k1.pasted");
    }
}
