//! Whether people still agree.

use partnercast::store::{
    consents::{agrees, agrees_in, has, settle, unsettled, withdraw},
    leads::{NewConsent, add_consent, consents, lead},
    suppressions,
};

use super::leads::scene;
use crate::harness::{
    START_MS, both_dbs,
    databases::{in_tx, number},
};

fn yes(text_id: &str, text_version: i64) -> NewConsent {
    NewConsent {
        text_id: text_id.to_owned(),
        text_version,
        purpose: "follow_up".to_owned(),
        wording: "yes".to_owned(),
        locale: "en".to_owned(),
        granted: true,
    }
}

both_dbs! {
    /// What was agreed to before everything was taken back counts no more, whenever it is told and to whatever text; what is
    /// agreed to after that does.
    async fn an_older_yes_does_not_come_alive(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => add_consent(tx, "led_1", START_MS, &yes("whitepaper", 2)));
        assert!(agrees(&db, "led_1").await.unwrap() && has(&db, "led_1", "follow_up").await.unwrap());
        let before = lead(&db, "led_1").await.unwrap().unwrap().updated_ms;
        assert_eq!(in_tx!(db, tx => withdraw(tx, "led_1", START_MS + 10)), 1);
        assert!(lead(&db, "led_1").await.unwrap().unwrap().updated_ms > before, "who looked before sees it");
        for older in [yes("talk-to-us", 1), yes("whitepaper", 3)] {
            in_tx!(db, tx => add_consent(tx, "led_1", START_MS + 5, &older));
        }
        assert!(!agrees(&db, "led_1").await.unwrap() && !has(&db, "led_1", "follow_up").await.unwrap());
        assert!(!in_tx!(db, tx => agrees_in(tx, "led_1")));
        assert!(consents(&db, "led_1").await.unwrap().iter().all(|consent| !consent.stands));
        in_tx!(db, tx => add_consent(tx, "led_1", START_MS + 11, &yes("talk-to-us", 1)));
        assert!(agrees(&db, "led_1").await.unwrap() && in_tx!(db, tx => agrees_in(tx, "led_1")));
    }

    /// Whoever stopped everything at their address stopped it for a lead, too, that is made later of an older yes; and who took
    /// back before we knew of any yes took back that one.
    async fn what_was_stopped_at_an_address_is_stopped(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => suppressions::add(tx, START_MS + 10, "bea@customer.example", suppressions::ALL, "unsubscribed"));
        in_tx!(db, tx => add_consent(tx, "led_1", START_MS, &yes("talk-to-us", 1)));
        assert!(!agrees(&db, "led_1").await.unwrap());
        in_tx!(db, tx => suppressions::remove(tx, "bea@customer.example", suppressions::ALL));
        assert!(agrees(&db, "led_1").await.unwrap(), "they came back");
        assert_eq!(in_tx!(db, tx => withdraw(tx, "led_1", START_MS + 20)), 1);
        in_tx!(db, tx => add_consent(tx, "led_1", START_MS + 30, &yes("talk-to-us", 1)));
        assert!(agrees(&db, "led_1").await.unwrap());
    }

    /// Each lead is looked after once.
    async fn who_has_them_is_looked_after_once(db: Db) {
        scene(&db).await;
        for at in [1, 2] {
            in_tx!(db, tx => withdraw(tx, "led_1", START_MS + at));
        }
        assert_eq!(unsettled(&db, 10).await.unwrap(), ["led_1"]);
        assert!(in_tx!(db, tx => settle(tx, "led_1", START_MS + 3)));
        assert!(!in_tx!(db, tx => settle(tx, "led_1", START_MS + 4)));
        assert!(unsettled(&db, 10).await.unwrap().is_empty());
        assert_eq!(number(&db, "SELECT COUNT(*) FROM consent_withdrawal", vec![]).await, 2);
    }
}
