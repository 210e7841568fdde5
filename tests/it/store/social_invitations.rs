//! Invitations to connect an account: each ends once, in one way.

use partnercast::store::social::invitations::{self, Invited};

use crate::harness::{both_dbs, databases::in_tx};

fn invited(id: &str, partner: &str, made_ms: i64) -> Invited {
    Invited {
        id: id.to_owned(),
        partner_slug: partner.to_owned(),
        server: "https://social.example".to_owned(),
        made_ms,
        made_by: "ana".to_owned(),
        ends_ms: made_ms + 100,
        used_ms: None,
        withdrawn_ms: None,
    }
}

both_dbs! {
    async fn one_ends_once_and_a_partner_has_so_many_open(db: Db) {
        for (id, partner, is_added) in [("soi_1", "a", true), ("soi_2", "a", true), ("soi_3", "a", false), ("soi_4", "b", true)] {
            assert_eq!(in_tx!(&db, tx => invitations::add(tx, &invited(id, partner, 10), 2)), is_added, "{id}");
        }
        assert_eq!(invitations::find(&db, "soi_1").await.unwrap(), Some(invited("soi_1", "a", 10)));
        assert_eq!(invitations::find(&db, "soi_3").await.unwrap(), None);
        let ids = |open: Vec<Invited>| open.into_iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!(ids(invitations::open(&db, None, 20).await.unwrap()), ["soi_4", "soi_2", "soi_1"]);
        assert_eq!(ids(invitations::open(&db, Some("a"), 20).await.unwrap()), ["soi_2", "soi_1"]);
        assert!(in_tx!(&db, tx => invitations::use_up(tx, "soi_1", 20)));
        assert!(!in_tx!(&db, tx => invitations::use_up(tx, "soi_1", 21)));
        assert!(!in_tx!(&db, tx => invitations::withdraw(tx, "soi_1", 21)), "it was used");
        assert!(in_tx!(&db, tx => invitations::withdraw(tx, "soi_2", 20)));
        assert!(!in_tx!(&db, tx => invitations::withdraw(tx, "soi_2", 21)));
        assert!(!in_tx!(&db, tx => invitations::use_up(tx, "soi_2", 21)), "it was withdrawn");
        assert!(!in_tx!(&db, tx => invitations::use_up(tx, "soi_4", 110)), "it has ended");
        assert!(!in_tx!(&db, tx => invitations::withdraw(tx, "soi_4", 110)));
        assert!(invitations::open(&db, None, 110).await.unwrap().is_empty());
        assert!(in_tx!(&db, tx => invitations::add(tx, &invited("soi_5", "a", 30), 2)), "there is room again");
        let late = 30 + 100 + 90 * 86_400_000;
        assert!(in_tx!(&db, tx => invitations::add(tx, &invited("soi_6", "a", late), 2)));
        assert_eq!(invitations::find(&db, "soi_1").await.unwrap(), None, "that was long ago");
        assert!(invitations::find(&db, "soi_5").await.unwrap().is_some());
    }
}
