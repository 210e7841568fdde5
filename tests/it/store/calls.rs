//! Leads that are called out: one claim a round, and nobody is asked for ever.

use partnercast::{
    domain::kernel::Kind,
    store::{
        calls::{Call, add, answer, call, close, hold, look_again, of_lead, open_of_rep, over},
        intakes::{self, Intake},
    },
};

use super::leads::scene;
use crate::harness::{START_MS, both_dbs, databases::in_tx};

fn called(id: &str, round: i64, due_ms: i64) -> Call {
    Call {
        id: id.to_owned(),
        lead_id: "led_1".to_owned(),
        round,
        partner_slug: format!("partner-of-{id}"),
        rep_name: "Rae".to_owned(),
        rep_email: "rae@northlight.example".to_owned(),
        because: "asked to talk".to_owned(),
        temperature: "hot".to_owned(),
        called_ms: START_MS,
        due_ms,
        ..Call::default()
    }
}

both_dbs! {
    /// Of those who are asked one claims; who comes second finds the call answered, and the database allows no second claim.
    async fn one_claims(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => add(tx, &[called("cal_1", 1, 50), called("cal_2", 1, 60), called("cal_3", 1, 70)]));
        let again = Call { id: "cal_9".to_owned(), ..called("cal_1", 2, 50) };
        let mut tx = db.begin().await.unwrap();
        assert_eq!(add(&mut tx, &[again]).await.unwrap_err().kind(), Kind::Conflict, "nobody is asked twice at once");
        drop(tx);
        let open: Vec<_> = open_of_rep(&db, "rae@northlight.example", 55).await.unwrap().into_iter().map(|it| it.id).collect();
        assert_eq!(open, ["cal_2", "cal_3"], "the time of the first is over");
        assert!(open_of_rep(&db, "ana@northlight.example", 0).await.unwrap().is_empty());
        in_tx!(db, tx => hold(tx, "led_1"));
        assert!(in_tx!(db, tx => answer(tx, "cal_1", "claimed", 10)));
        assert!(!in_tx!(db, tx => answer(tx, "cal_1", "claimed", 11)));
        let mut tx = db.begin().await.unwrap();
        assert_eq!(answer(&mut tx, "cal_2", "claimed", 12).await.unwrap_err().kind(), Kind::Conflict);
        drop(tx);
        assert_eq!(in_tx!(db, tx => close(tx, "led_1", "taken", 13)), 2);
        let all: Vec<_> = of_lead(&db, "led_1").await.unwrap().into_iter().map(|it| it.answer.unwrap()).collect();
        assert_eq!(all, ["claimed", "taken", "taken"]);
        assert!(open_of_rep(&db, "rae@northlight.example", 0).await.unwrap().is_empty());
        assert_eq!(call(&db, "cal_2").await.unwrap().unwrap().answered_ms, Some(13));
        in_tx!(db, tx => add(tx, &[called("cal_4", 2, 90)]));
        assert!(in_tx!(db, tx => answer(tx, "cal_4", "claimed", 14)), "another round has another claim");
    }

    /// What is over is found in its order, and once all have answered the lead is looked at anew.
    async fn what_is_over_is_found(db: Db) {
        scene(&db).await;
        let intake = Intake {
            lead_id: "led_1".to_owned(),
            country: String::new(),
            vertical: String::new(),
            by_vendor: true,
            asks: false,
            due_ms: None,
            came_ms: START_MS,
        };
        in_tx!(db, tx => intakes::note(tx, vec![intake]));
        in_tx!(db, tx => add(tx, &[called("cal_1", 1, 60), called("cal_2", 1, 50)]));
        let ids = |calls: Vec<Call>| calls.into_iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!(ids(over(&db, 55, 9).await.unwrap()), ["cal_2"]);
        assert_eq!(ids(over(&db, 60, 9).await.unwrap()), ["cal_2", "cal_1"]);
        assert!(in_tx!(db, tx => answer(tx, "cal_2", "lapsed", 60)));
        assert!(!in_tx!(db, tx => look_again(tx, "led_1", 60)), "somebody may still claim it");
        assert!(in_tx!(db, tx => answer(tx, "cal_1", "declined", 61)));
        assert!(in_tx!(db, tx => look_again(tx, "led_1", 62)));
        assert_eq!(intakes::of_lead(&db, "led_1").await.unwrap().unwrap().due_ms, Some(62));
    }
}
