//! What programs told of leads, and what leads are exported.

use partnercast::{
    domain::kernel::Kind,
    store::{
        api_keys::Answer,
        lead_updates::{exported, exported_one, known_ms, take, taken, told},
        leads,
    },
};

use super::leads::{new_lead, scene};
use crate::harness::{START_MS, both_dbs, databases::in_tx};

both_dbs! {
    /// What is known of a lead goes by its stage and by what was told last, and never goes back.
    async fn what_is_known_never_goes_back(db: Db) {
        let lead = scene(&db).await;
        let stage = lead.stage.as_str();
        in_tx!(db, tx => leads::add_step(tx, "led_1", START_MS + 10, "rae", stage, "first"));
        in_tx!(db, tx => leads::add_step(tx, "led_1", START_MS + 90, "rae", stage, "a note"));
        let since = in_tx!(db, tx => known_ms(tx, "led_1")).unwrap();
        assert!(since <= START_MS + 10, "a note is no news of the stage: {since}");
        in_tx!(db, tx => told(tx, "led_1", START_MS + 500));
        in_tx!(db, tx => told(tx, "led_1", START_MS + 400));
        assert_eq!(in_tx!(db, tx => known_ms(tx, "led_1")), Some(START_MS + 500));
        assert_eq!(in_tx!(db, tx => known_ms(tx, "led_9")), None);
    }

    /// A message is taken once for an endpoint, and forgotten after a time.
    async fn messages_are_taken_once(db: Db) {
        let first = Answer { body_hash: "b".to_owned(), answer: "{}".to_owned() };
        in_tx!(db, tx => take(tx, ("whe_1", "msg_1"), &first, 100, 0));
        assert_eq!(taken(&db, "whe_1", "msg_1").await.unwrap(), Some(first.clone()));
        assert!(taken(&db, "whe_2", "msg_1").await.unwrap().is_none(), "another's");
        let mut tx = db.begin().await.unwrap();
        assert_eq!(take(&mut tx, ("whe_1", "msg_1"), &first, 100, 0).await.unwrap_err().kind(), Kind::Conflict);
        drop(tx);
        in_tx!(db, tx => take(tx, ("whe_1", "msg_2"), &first, 200, 150));
        assert!(taken(&db, "whe_1", "msg_1").await.unwrap().is_none());
    }

    /// Leads are exported part by part with their last amount; of one partner, since a day, without those who were erased.
    async fn leads_are_exported_in_parts(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => leads::add(tx, &new_lead("led_2", "cy@customer.example")));
        in_tx!(db, tx => leads::add(tx, &new_lead("led_3", "led_3@erased.invalid")));
        for (units, no) in [(100, 1), (250, 2)] {
            let amount = leads::Amount {
                at_ms: START_MS + no,
                actor: "Rae".to_owned(),
                stage: "sql".to_owned(),
                minor_units: units,
                currency: "EUR".to_owned(),
                close_date: Some("2027-03-31".to_owned()),
            };
            assert_eq!(in_tx!(db, tx => leads::add_amount(tx, "led_2", &amount)), no);
        }
        let first = exported(&db, Some("northlight"), 0, "", 1).await.unwrap();
        assert_eq!((first[0].id.as_str(), first[0].minor_units), ("led_1", None));
        let rest = exported(&db, None, 0, "led_1", 10).await.unwrap();
        assert_eq!(rest.len(), 1, "who was erased is none");
        assert_eq!((rest[0].id.as_str(), rest[0].minor_units, rest[0].currency.as_deref()), ("led_2", Some(250), Some("EUR")));
        let one = exported_one(&db, "led_2").await.unwrap().unwrap();
        assert_eq!((one.id.as_str(), one.minor_units), ("led_2", Some(250)));
        assert!(exported_one(&db, "led_3").await.unwrap().is_none());
        assert!(exported(&db, Some("thornbury"), 0, "", 10).await.unwrap().is_empty());
        assert!(exported(&db, None, START_MS + 1_000_000, "", 10).await.unwrap().is_empty());
    }
}
