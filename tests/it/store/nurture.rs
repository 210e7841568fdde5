//! Leads in nurture.

use partnercast::store::{
    leads::{Lead, add, lead},
    nurture::{active_in_nurture, in_nurture, nurture},
};

use super::{
    events::event as clicked,
    leads::{new_lead, scene},
};
use crate::harness::{START_MS, SeededRandom, both_dbs, databases::in_tx};

both_dbs! {
    /// Whoever nobody knew more of than that it is a lead gets content from then on; others stay where they are.
    async fn nurture_moves_inquiries(db: Db) {
        scene(&db).await;
        for (id, stage, then) in [("led_2", "inquiry", "nurturing"), ("led_3", "sal", "sal")] {
            in_tx!(db, tx => add(tx, &Lead { stage: stage.to_owned(), ..new_lead(id, &format!("{id}@customer.example")) }));
            let from = in_tx!(db, tx => nurture(tx, id, START_MS + 5, "gets the welcome"));
            assert_eq!(from.as_deref(), (stage != then).then_some(stage));
            assert_eq!(lead(&db, id).await.unwrap().unwrap().stage, then);
        }
    }

    /// Who did something lately and is in nurture is found, in pages; machines and leads in hand are not.
    async fn active_in_nurture_finds_people(db: Db) {
        scene(&db).await;
        for (id, stage) in [("led_2", "nurturing"), ("led_3", "recycled"), ("led_4", "sal"), ("led_5", "inquiry")] {
            let lead = Lead { stage: stage.to_owned(), ..new_lead(id, &format!("{id}@customer.example")) };
            in_tx!(db, tx => add(tx, &lead));
        }
        let random = SeededRandom::new(5);
        let event = |lead: &str, at_ms, human| partnercast::store::events::Event {
            lead_id: Some(lead.to_owned()),
            ..clicked(&random, START_MS + at_ms, "click", human)
        };
        let all = vec![
            event("led_2", 1, true),
            event("led_3", 2, true),
            event("led_4", 2, true),
            event("led_5", 2, false),
            event("led_2", 3, true),
        ];
        in_tx!(db, tx => partnercast::store::events::insert(tx, all));
        let found = async |from, to, after: &str| -> Vec<String> {
            let page = active_in_nurture(&db, START_MS + from, START_MS + to, after, 9).await.unwrap();
            page.into_iter().map(|lead| lead.id).collect()
        };
        assert_eq!(found(0, 9, "").await, ["led_2", "led_3"]);
        assert_eq!(found(0, 9, "led_2").await, ["led_3"]);
        assert_eq!(found(2, 3, "").await, ["led_3"]);
        assert!(found(4, 9, "").await.is_empty());
        let all = in_nurture(&db, "", 9).await.unwrap();
        assert_eq!(all.iter().map(|lead| lead.id.as_str()).collect::<Vec<_>>(), ["led_2", "led_3", "led_5"]);
        assert_eq!(in_nurture(&db, "led_2", 1).await.unwrap()[0].id, "led_3");
    }
}
