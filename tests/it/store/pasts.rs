//! The past of leads.

use partnercast::store::{
    events, leads,
    pasts::{acts, page},
};

use super::leads::{new_lead, scene};
use crate::harness::{START_MS, both_dbs, databases::in_tx};

both_dbs! {
    /// Leads come by key with when they first met the rule, not when somebody gave them on, were taken and turned down; and with what they did, oldest first.
    async fn page_and_acts(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => leads::add(tx, &new_lead("led_2", "dan@customer.example")));
        for (actor, stage, at) in [("Claire", "mql", 4), ("partnercast", "mql", 5), ("Luis", "rejected", 6), ("partnercast", "mql", 7), ("Luis", "sal", 8)] {
            in_tx!(db, tx => leads::add_step(tx, "led_1", START_MS + at, actor, stage, "went on"));
        }
        let act = |id: &str, at: i64, human: bool| events::Event {
            id: id.to_owned(),
            kind: "click".to_owned(),
            at_ms: START_MS + at,
            delivery_id: None,
            contact_id: None,
            lead_id: Some("led_1".to_owned()),
            partner_slug: "northlight".to_owned(),
            asset: Some("blog/a".to_owned()),
            revision: None,
            channel: String::new(),
            stayed_ms: None,
            link_no: None,
            method: "GET".to_owned(),
            agent: String::new(),
            network: String::new(),
            prefetch: false,
            honeypot: false,
            human,
            reason: String::new(),
            verdict: String::new(),
        };
        in_tx!(db, tx => events::insert(tx, vec![act("evt_2", 2, true), act("evt_1", 1, false)]));
        let all = page(&db, "", 10).await.unwrap();
        assert_eq!(all.iter().map(|past| past.id.as_str()).collect::<Vec<_>>(), ["led_1", "led_2"]);
        assert_eq!(
            (all[0].qualified_ms, all[0].rejected_ms, all[0].accepted_ms),
            (Some(START_MS + 5), Some(START_MS + 6), Some(START_MS + 8))
        );
        assert_eq!(all[1].qualified_ms, None);
        assert_eq!(page(&db, "led_1", 1).await.unwrap()[0].id, "led_2");
        let done = acts(&db, "led_1", "led_2").await.unwrap();
        assert_eq!(done.iter().map(|act| (act.at_ms - START_MS, act.human)).collect::<Vec<_>>(), [(1, false), (2, true)]);
    }
}
