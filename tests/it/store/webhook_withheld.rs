//! Webhooks that wait for a fault of ours.

use partnercast::{
    domain::webhook::{EventKind, Scope},
    store::webhooks::{
        endpoints, housekeeping,
        messages::{self, Range},
        turns::{self, Tried},
        withheld,
    },
};

use super::webhooks::{known, taken, told, tried};
use crate::harness::{both_dbs, databases::in_tx};

both_dbs! {
    /// What waits for a fault of ours is known with its first such try, and told once; any other end of a try ends that.
    async fn what_waits_for_a_fault_of_ours_is_known(db: Db) {
        known(&db, "whe_1", "northlight", "active", &["*"]).await;
        told(&db, "whm_1", EventKind::LeadWon, Scope::Partner("northlight".to_owned()), 1).await;
        assert!(withheld::untold(&db, 1_000).await.unwrap().is_empty() && withheld::of(&db, "whe_1").await.unwrap().is_none());
        for at_ms in [50, 60] {
            let turn = taken(&db, 100).await.remove(0);
            let begun = in_tx!(db, tx => turns::start(tx, &turn, 100, 1));
            let held = Tried {
                at_ms,
                counts: false,
                detail: format!("the key is gone at {at_ms}"),
                ..tried(&begun[0], "withheld", "waiting", Some(60))
            };
            in_tx!(db, tx => turns::settle(tx, &turn, &[held]));
            in_tx!(db, tx => turns::free_all(tx));
        }
        let known = endpoints::endpoint(&db, "whe_1").await.unwrap().unwrap();
        assert_eq!(known.withheld_since_ms, Some(50), "the first such try");
        assert!(withheld::untold(&db, 49).await.unwrap().is_empty());
        let all = withheld::untold(&db, 50).await.unwrap();
        assert_eq!((all.len(), all[0].since_ms, all[0].why.as_str()), (1, 50, "the key is gone at 60"));
        assert_eq!(withheld::of(&db, "whe_1").await.unwrap().as_ref(), all.first());
        assert!(in_tx!(db, tx => withheld::tell(tx, "whe_1", 70)) && !in_tx!(db, tx => withheld::tell(tx, "whe_1", 71)));
        assert!(withheld::untold(&db, 1_000).await.unwrap().is_empty() && withheld::over(&db).await.unwrap().is_empty());
        // It waits as an endpoint rests, and not as its tries say.
        let waits = [0, 50, 50, 50, 50, 50, 50, 50, 50, 50];
        assert!(housekeeping::late(&db, 60, 5, &waits).await.unwrap().is_empty());
        assert_eq!(housekeeping::late(&db, 59, 5, &waits).await.unwrap(), ["whe_1"]);
        assert_eq!(in_tx!(db, tx => housekeeping::hurry(tx, "whe_1", 60, 5, &waits)), 0);
        assert_eq!(in_tx!(db, tx => housekeeping::hurry(tx, "whe_1", 59, 5, &waits)), 1);
        let turn = taken(&db, 100).await.remove(0);
        let begun = in_tx!(db, tx => turns::start(tx, &turn, 100, 4));
        assert!(withheld::of(&db, "whe_1").await.unwrap().is_some(), "while it is tried again");
        let done: Vec<Tried> = begun.iter().map(|it| tried(it, "delivered", "delivered", None)).collect();
        in_tx!(db, tx => turns::settle(tx, &turn, &done));
        assert!(withheld::of(&db, "whe_1").await.unwrap().is_none());
        assert_eq!(withheld::over(&db).await.unwrap(), ["whe_1"]);
        in_tx!(db, tx => withheld::forget_told(tx, "whe_1"));
        assert!(withheld::over(&db).await.unwrap().is_empty());
    }

    /// What says that something must be erased or taken away waits for as long as it takes; the vendor's people hear of it once.
    async fn erasures_are_never_ended_silently(db: Db) {
        known(&db, "whe_1", "", "active", &["*"]).await;
        let all = [
            ("whm_1", EventKind::LeadErased),
            ("whm_2", EventKind::AssetRecalled),
            ("whm_3", EventKind::AssetWithdrawn),
            ("whm_4", EventKind::LeadWon),
            ("whm_5", EventKind::LeadWon),
        ];
        for (id, kind) in all {
            told(&db, id, kind, Scope::Vendor, 5).await;
        }
        let turn = taken(&db, 10).await.remove(0);
        let begun = in_tx!(db, tx => turns::start(tx, &turn, 10, 9));
        assert!(begun.iter().map(|it| it.must_arrive).eq([true, true, true, false, false]));
        in_tx!(db, tx => turns::free_all(tx));
        let next = taken(&db, 20).await.remove(0);
        assert_eq!(in_tx!(db, tx => turns::take_over(tx, &next, 20, 1)), 5);
        let states = |all: Vec<messages::Message>| all.into_iter().map(|it| (it.state, it.due_ms)).collect::<Vec<_>>();
        let left = states(messages::list(&db, "whe_1", None, None, 9).await.unwrap());
        let (failed, daily) = (("failed".to_owned(), 20), ("waiting".to_owned(), 20 + 86_400_000));
        assert_eq!(left, [failed.clone(), failed, daily.clone(), daily.clone(), daily], "what ends processes does so once a day");
        assert_eq!(in_tx!(db, tx => messages::replay(tx, "whe_1", Range { from: "whm_4", until: "whm_5", only_failed: true }, 30)), ["whm_4"]);
        assert!(housekeeping::is_needed(&db, 31, 0, 0).await.unwrap());
        assert_eq!(in_tx!(db, tx => housekeeping::give_up(tx, 31, 40)), 1);
        assert!(!housekeeping::is_needed(&db, 31, 0, 0).await.unwrap(), "and nothing looks for it again and again");
        assert!(housekeeping::overdue(&db, 4).await.unwrap().is_empty());
        let overdue = housekeeping::overdue(&db, 5).await.unwrap();
        let ids: Vec<&str> = overdue.iter().map(|it| it.event_id.as_str()).collect();
        assert_eq!(ids, ["whm_1", "whm_2", "whm_3"]);
        assert_eq!((overdue[0].endpoint.as_str(), overdue[0].subject.as_str(), overdue[0].payload.as_str()), ("CRM", "led_1", "{}"));
        assert_eq!(in_tx!(db, tx => housekeeping::note_told(tx, &overdue[..2], 50)), 2);
        assert_eq!(in_tx!(db, tx => housekeeping::note_told(tx, &overdue[..2], 51)), 0, "told once");
        assert_eq!(housekeeping::overdue(&db, 5).await.unwrap().len(), 1);
    }

    /// However many nodes trim at once, no more is given up than is too much; what somebody had sent again does not count.
    async fn trimming_counts_as_it_trims(db: Db) {
        known(&db, "whe_1", "", "active", &["*"]).await;
        for number in 0..8 {
            told(&db, &format!("whm_{number}"), EventKind::LeadWon, Scope::Vendor, number).await;
        }
        assert_eq!(housekeeping::crowded(&db, 5).await.unwrap(), ["whe_1"]);
        assert_eq!(in_tx!(db, tx => housekeeping::trim(tx, "whe_1", 5, 10)), 3);
        assert_eq!(in_tx!(db, tx => housekeeping::trim(tx, "whe_1", 5, 10)), 0, "another node that saw the same");
        let failed = Range { from: "whm_0", until: "whm_9", only_failed: true };
        assert_eq!(in_tx!(db, tx => messages::replay(tx, "whe_1", failed, 20)).len(), 3);
        assert_eq!(housekeeping::crowded(&db, 5).await.unwrap(), ["whe_1"]);
        assert_eq!(in_tx!(db, tx => housekeeping::trim(tx, "whe_1", 5, 20)), 0, "the new ones are not too many");
        assert_eq!(in_tx!(db, tx => housekeeping::trim(tx, "whe_1", 4, 20)), 1);
    }
}
