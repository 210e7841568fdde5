//! Leads that no partner brought: given to one at a time, in order, and those that wait.

use partnercast::{
    domain::kernel::Kind,
    store::{
        Db,
        assignments::{
            end, ever_with, fairness, found, found_nobody, give, live_in, loads, of_lead, tell_once, waiting,
            waiting_count, who_has,
        },
        intakes::{self, HOUSE, Intake},
        leads::{self, Lead},
        offers, partners,
    },
};

use super::leads::{new_lead, new_offer, scene};
use crate::harness::{START_MS, both_dbs, databases::in_tx};

/// The vendor's own lead `led_v` beside the partner's `led_1`.
async fn vendors(db: &Db) {
    scene(db).await;
    in_tx!(db, tx => intakes::open_house(tx, START_MS));
    let lead = Lead {
        partner_slug: HOUSE.to_owned(),
        stage: "inquiry".to_owned(),
        ..new_lead("led_v", "eva@harbor.example")
    };
    in_tx!(db, tx => leads::add_all(tx, &[lead]));
    let intake = Intake {
        lead_id: "led_v".to_owned(),
        country: "DE".to_owned(),
        vertical: String::new(),
        by_vendor: true,
        asks: false,
        due_ms: Some(START_MS),
        came_ms: START_MS,
    };
    in_tx!(db, tx => intakes::note(tx, vec![intake]));
}

both_dbs! {
    /// A lead is at one place, and whoever comes second is refused; what it was given for stands in order.
    async fn a_lead_is_given_to_one_at_a_time(db: Db) {
        vendors(&db).await;
        in_tx!(db, tx => give(tx, "led_v", HOUSE, "northlight", "fits best", START_MS));
        let mut tx = db.begin().await.unwrap();
        let second = give(&mut tx, "led_v", HOUSE, "thornbury", "", START_MS).await.unwrap_err();
        assert_eq!(second.kind(), Kind::Conflict);
        drop(tx);
        assert_eq!(leads::lead(&db, "led_v").await.unwrap().unwrap().partner_slug, "northlight");
        let mut tx = db.begin().await.unwrap();
        let twice = give(&mut tx, "led_v", "northlight", "thornbury", "", START_MS).await.unwrap_err();
        assert_eq!(twice.kind(), Kind::Conflict, "before the first one has ended");
        drop(tx);
        assert!(in_tx!(db, tx => end(tx, "led_v", "lapsed", START_MS + 5)));
        assert!(!in_tx!(db, tx => end(tx, "led_v", "lapsed", START_MS + 6)));
        in_tx!(db, tx => give(tx, "led_v", "northlight", "thornbury", "next", START_MS + 7));
        assert!(in_tx!(db, tx => end(tx, "led_v", "turned_down", START_MS + 8)));
        assert_eq!(in_tx!(db, tx => ever_with(tx, "led_v")), ["northlight", "thornbury"]);
        in_tx!(db, tx => give(tx, "led_v", "thornbury", HOUSE, "", START_MS + 8));
        let all = of_lead(&db, "led_v").await.unwrap();
        let told: Vec<_> = all.iter().map(|it| (it.no, it.partner_slug.as_str(), it.outcome.as_str())).collect();
        assert_eq!(told, [(1, "northlight", "lapsed"), (2, "thornbury", "turned_down")]);
        assert_eq!((all[0].ended_ms, all[0].because.as_str()), (Some(START_MS + 5), "fits best"));
    }

    /// What partners have in hand counts from wherever it came; how it went counts what was given.
    async fn loads_and_fairness_are_counted(db: Db) {
        vendors(&db).await;
        in_tx!(db, tx => offers::add(tx, &new_offer("off_1", "ctc_1", START_MS)));
        in_tx!(db, tx => give(tx, "led_v", HOUSE, "thornbury", "", START_MS + 3));
        let theirs = offers::Offer { lead_id: "led_v".to_owned(), ..new_offer("off_2", "ctc_2", START_MS + 3) };
        in_tx!(db, tx => offers::add(tx, &theirs));
        let seen: Vec<_> =
            loads(&db).await.unwrap().into_iter().map(|it| (it.partner_slug, it.live, it.last_ms)).collect();
        assert_eq!(seen, [("northlight".to_owned(), 1, 0), ("thornbury".to_owned(), 1, START_MS + 3)]);
        assert_eq!(in_tx!(db, tx => live_in(tx, "thornbury")), 1);
        assert_eq!(in_tx!(db, tx => live_in(tx, "rheinbogen")), 0);
        let one = &fairness(&db, 0).await.unwrap()[0];
        assert_eq!((one.given, one.taken, one.lapsed, one.turned_down), (1, 0, 0, 0));
        let how = offers::Answer { answer: "accepted", reason: "", because: None };
        in_tx!(db, tx => offers::answer(tx, "off_2", START_MS + 4, how));
        assert_eq!(fairness(&db, 0).await.unwrap()[0].taken, 1);
        in_tx!(db, tx => end(tx, "led_v", "lapsed", START_MS + 9));
        let one = fairness(&db, 0).await.unwrap().remove(0);
        assert_eq!((one.partner_slug.as_str(), one.taken, one.lapsed, one.last_ms), ("thornbury", 1, 1, START_MS + 3));
        assert!(fairness(&db, START_MS + 3).await.unwrap().is_empty());
        assert_eq!(who_has(&db, "bea@customer.example", "led_v").await.unwrap(), ["northlight"]);
        assert!(who_has(&db, "bea@customer.example", "led_1").await.unwrap().is_empty());
    }

    /// A lead for which nobody was found waits until roster or rule change, or a time has gone; managers are told once.
    async fn who_waits_is_looked_at_again(db: Db) {
        vendors(&db).await;
        in_tx!(db, tx => found_nobody(tx, "led_v", "as it is", START_MS));
        assert_eq!(intakes::of_lead(&db, "led_v").await.unwrap().unwrap().due_ms, None);
        assert!(waiting(&db, "as it is", START_MS, 9).await.unwrap().is_empty());
        assert_eq!(waiting(&db, "changed", START_MS, 9).await.unwrap().len(), 1);
        assert_eq!(waiting(&db, "as it is", START_MS + 1, 9).await.unwrap().len(), 1);
        assert!(waiting(&db, "changed", START_MS, 0).await.unwrap().is_empty());
        assert_eq!(waiting_count(&db).await.unwrap(), 1);
        assert!(in_tx!(db, tx => tell_once(tx, "led_v", START_MS)));
        assert!(!in_tx!(db, tx => tell_once(tx, "led_v", START_MS + 1)));
        in_tx!(db, tx => found(tx, "led_v"));
        assert_eq!(waiting_count(&db).await.unwrap(), 0);
        assert!(partners::receiving(&db).await.unwrap().is_empty(), "nobody is listed");
        assert_eq!(partners::changed_ms(&db).await.unwrap(), START_MS);
    }
}
