//! What field maps made of events, and tokens of endpoints.

use partnercast::store::{
    leads,
    webhooks::{
        Endpoint,
        documents::{self, Document},
        endpoints,
    },
};

use super::leads::scene;
use crate::harness::{START_MS, both_dbs, databases::in_tx};

fn document(event: &str, body: &str) -> Document {
    Document {
        event_id: event.to_owned(),
        endpoint_id: "whe_1".to_owned(),
        lead_id: "led_1".to_owned(),
        format: "salesforce".to_owned(),
        body: body.to_owned(),
    }
}

both_dbs! {
    /// A document is kept once, of a lead that has not changed since it was read; and replaced with all others of the lead.
    async fn documents_are_kept_once_and_replaced_together(db: Db) {
        let lead = scene(&db).await;
        assert!(in_tx!(db, tx => documents::keep(tx, &document("whm_1", "first"), lead.updated_ms)));
        assert!(in_tx!(db, tx => documents::keep(tx, &document("whm_1", "second"), lead.updated_ms)));
        assert_eq!(documents::body(&db, "whe_1", "whm_1").await.unwrap().as_deref(), Some("first"), "the same at every try");
        assert!(!in_tx!(db, tx => documents::keep(tx, &document("whm_2", "late"), lead.updated_ms - 1)), "it has changed");
        assert!(documents::body(&db, "whe_1", "whm_2").await.unwrap().is_none());
        assert!(documents::knows(&db, "whe_1", "led_1").await.unwrap());
        assert!(!documents::knows(&db, "whe_2", "led_1").await.unwrap());
        assert_eq!(in_tx!(db, tx => documents::formats(tx, "led_1")), ["salesforce"]);
        assert_eq!(in_tx!(db, tx => documents::replace(tx, "led_1", "salesforce", "gone")), 1);
        assert_eq!(documents::body(&db, "whe_1", "whm_1").await.unwrap().as_deref(), Some("gone"));
        assert!(leads::lead(&db, "led_1").await.unwrap().is_some_and(|it| it.updated_ms == lead.updated_ms));
    }

    /// A token is kept as it is given, and taken away.
    async fn tokens_are_kept_and_taken_away(db: Db) {
        let endpoint = Endpoint {
            id: "whe_1".to_owned(),
            url: "https://crm.example/in".to_owned(),
            state: "active".to_owned(),
            state_ms: START_MS,
            format: "hubspot".to_owned(),
            ..Endpoint::default()
        };
        assert!(in_tx!(db, tx => endpoints::add(tx, &endpoint, &["lead.*"])));
        assert_eq!(endpoints::endpoint(&db, "whe_1").await.unwrap().unwrap().format, "hubspot");
        assert!(endpoints::bearer(&db, "whe_1").await.unwrap().is_none());
        assert!(in_tx!(db, tx => endpoints::keep_bearer(tx, "whe_1", "sealed")));
        assert_eq!(endpoints::bearer(&db, "whe_1").await.unwrap().as_deref(), Some("sealed"));
        in_tx!(db, tx => endpoints::keep_bearer(tx, "whe_1", "old1.x"));
        let old = endpoints::bearers_sealed_otherwise(&db, "new2").await.unwrap();
        assert_eq!(old, [("whe_1".to_owned(), "old1.x".to_owned())]);
        assert!(in_tx!(db, tx => endpoints::replace_bearer(tx, "whe_1", "old1.x", "new2.x")));
        assert!(!in_tx!(db, tx => endpoints::replace_bearer(tx, "whe_1", "old1.x", "new2.y")), "somebody else did");
        assert!(endpoints::bearers_sealed_otherwise(&db, "new2").await.unwrap().is_empty());
        assert!(in_tx!(db, tx => endpoints::keep_bearer(tx, "whe_1", "")));
        assert!(endpoints::bearer(&db, "whe_1").await.unwrap().is_none());
        assert!(!in_tx!(db, tx => endpoints::keep_bearer(tx, "whe_9", "x")));
    }
}
