//! Answers to forms' own fields.

use partnercast::store::answers::{Answer, add, blank, of_lead};

use super::leads::scene;
use crate::harness::{START_MS, both_dbs, databases::in_tx};

both_dbs! {
    /// Answers come back newest first, the same of one moment once, and without their words once they are taken away.
    async fn answers_are_kept_and_blanked(db: Db) {
        scene(&db).await;
        let answer = |at_ms, value: &str| Answer {
            at_ms,
            form: "audit".to_owned(),
            version: 2,
            name: "next-audit".to_owned(),
            label: "Wann ist Ihre nächste Prüfung?".to_owned(),
            value: value.to_owned(),
        };
        for (at_ms, value) in [(START_MS, "soon"), (START_MS + 5, "later"), (START_MS + 5, "never")] {
            in_tx!(db, tx => add(tx, "led_1", &answer(at_ms, value)));
        }
        let all = of_lead(&db, "led_1").await.unwrap();
        assert_eq!(all, [answer(START_MS + 5, "never"), answer(START_MS, "soon")]);
        in_tx!(db, tx => blank(tx, "led_1"));
        let all = of_lead(&db, "led_1").await.unwrap();
        assert!(all.len() == 2 && all.iter().all(|answer| answer.value == "(erased)"), "{all:?}");
    }
}
