//! Old events.

use partnercast::store::{
    events::{self, Event, of_lead},
    retention::{discard, old, reduce},
};

use crate::harness::{START_MS, both_dbs, databases::in_tx};

both_dbs! {
    /// The oldest come first and once; what is reduced keeps who, what and when.
    async fn old_discard_and_reduce(db: Db) {
        let event = |id: &str, at: i64| Event {
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
            link_no: Some(2),
            method: "GET".to_owned(),
            agent: "Mozilla/5.0".to_owned(),
            network: "192.0.2.0/24".to_owned(),
            prefetch: false,
            honeypot: false,
            human: true,
            reason: String::new(),
            verdict: "a person's pace".to_owned(),
        };
        in_tx!(db, tx => events::insert(tx, vec![event("evt_2", 2), event("evt_1", 1), event("evt_3", 3)]));
        let found = old(&db, START_MS + 3, 10).await.unwrap();
        assert_eq!(found.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["evt_1", "evt_2"]);
        assert_eq!(in_tx!(db, tx => reduce(tx, &["evt_1"])), 1);
        assert_eq!(in_tx!(db, tx => discard(tx, &["evt_2", "evt_9"])), 1);
        assert!(old(&db, START_MS + 3, 10).await.unwrap().is_empty());
        let left = of_lead(&db, "led_1").await.unwrap();
        assert_eq!(left.len(), 2);
        assert_eq!((left[0].agent.as_str(), left[0].network.as_str(), left[0].link_no), ("", "", None));
        assert_eq!((left[0].at_ms, left[0].human, left[0].asset.as_deref()), (START_MS + 1, true, Some("blog/a")));
    }
}
