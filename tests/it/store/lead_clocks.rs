//! The clocks of leads.

use partnercast::{
    domain::kernel::Kind,
    store::{
        lead_clocks::{
            SlaClock, clocks, extend, of_lead, running, running_in, running_of_rep, start, stop, told,
            turning,
        },
        leads, offers,
    },
};

use super::leads::{new_lead, new_offer, scene};
use crate::harness::{START_MS, both_dbs, databases::in_tx};

fn clock(lead: &str, kind: &str, started_ms: i64, due_ms: i64) -> SlaClock {
    SlaClock {
        lead_id: lead.to_owned(),
        kind: kind.to_owned(),
        started_ms: START_MS + started_ms,
        due_ms: START_MS + due_ms,
        owner: "Rae".to_owned(),
        zone: "Europe/Oslo".to_owned(),
        minutes: 15,
        turn_ms: START_MS + due_ms / 2,
        ..SlaClock::default()
    }
}

both_dbs! {
    /// A clock runs until it is stopped, once, and a lead has one at a time; the running ones are listed most urgent first.
    async fn start_and_stop(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => leads::add(tx, &new_lead("led_2", "other@customer.example")));
        let (one, other) = (clock("led_1", "accept", 0, 900), clock("led_2", "first_contact", 1, 300));
        in_tx!(db, tx => start(tx, &one));
        in_tx!(db, tx => start(tx, &other));
        assert_eq!(running(&db).await.unwrap(), [other.clone(), one.clone()]);
        let mut tx = db.begin().await.unwrap();
        let error = start(&mut tx, &clock("led_1", "next_step", 2, 9)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{}", error.detail());
        drop(tx);
        in_tx!(db, tx => stop(tx, "led_1", START_MS + 50, ""));
        in_tx!(db, tx => stop(tx, "led_1", START_MS + 99, "overdue"));
        let stopped = SlaClock { stopped_ms: Some(START_MS + 50), ..one };
        assert_eq!(of_lead(&db, "led_1").await.unwrap(), [stopped]);
        let mut tx = db.begin().await.unwrap();
        assert!(running_in(&mut tx, "led_1").await.unwrap().is_none());
        assert_eq!(running_in(&mut tx, "led_2").await.unwrap().unwrap(), other);
        let error = start(&mut tx, &clock("led_1", "lunch", 0, 0)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{}", error.detail());
        drop(tx);
        let promised = clocks(&db, Some("northlight"), START_MS, 9).await.unwrap();
        let seen: Vec<_> = promised.iter().map(|it| (it.lead_id.as_str(), it.stopped_ms.is_some())).collect();
        assert_eq!(seen, [("led_1", true), ("led_2", false)]);
    }

    /// Of two processes that tell of a clock one does; whoever read it before is too late.
    async fn told_once(db: Db) {
        scene(&db).await;
        let one = clock("led_1", "accept", 0, 900);
        in_tx!(db, tx => start(tx, &one));
        assert!(turning(&db, START_MS + 449, 9).await.unwrap().is_empty());
        assert_eq!(turning(&db, START_MS + 450, 9).await.unwrap(), std::slice::from_ref(&one));
        assert!(in_tx!(db, tx => told(tx, &one, 50, START_MS + 720)));
        assert!(!in_tx!(db, tx => told(tx, &one, 50, START_MS + 720)));
        let now = running(&db).await.unwrap().remove(0);
        assert_eq!((now.told_percent, now.turn_ms), (50, START_MS + 720));
        in_tx!(db, tx => stop(tx, "led_1", START_MS + 500, ""));
        assert!(!in_tx!(db, tx => told(tx, &now, 80, START_MS + 900)), "it was stopped");
        assert!(turning(&db, i64::MAX, 9).await.unwrap().is_empty());
    }

    /// More time is given once, and what was promised first stays known.
    async fn extend_once(db: Db) {
        scene(&db).await;
        let one = clock("led_1", "accept", 0, 900);
        in_tx!(db, tx => start(tx, &one));
        assert!(in_tx!(db, tx => extend(tx, &one, START_MS + 1_800, 30, START_MS + 900)));
        assert!(!in_tx!(db, tx => extend(tx, &one, START_MS + 9_000, 60, START_MS + 900)));
        let now = running(&db).await.unwrap().remove(0);
        assert_eq!((now.due_ms, now.first_due_ms, now.minutes), (START_MS + 1_800, Some(START_MS + 900), 30));
    }

    /// A rep's clocks are those of the leads that they have now.
    async fn running_of_rep_is_theirs(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => offers::add(tx, &new_offer("off_1", "con_1", START_MS)));
        in_tx!(db, tx => start(tx, &clock("led_1", "accept", 0, 900)));
        assert_eq!(running_of_rep(&db, "rae@northlight.example").await.unwrap().len(), 1);
        assert!(running_of_rep(&db, "sam@northlight.example").await.unwrap().is_empty());
        let back = offers::Answer { answer: "recalled", reason: "overdue", because: None };
        in_tx!(db, tx => offers::answer(tx, "off_1", START_MS, back));
        assert!(running_of_rep(&db, "rae@northlight.example").await.unwrap().is_empty());
    }
}
