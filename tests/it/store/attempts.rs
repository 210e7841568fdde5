//! Tries, and the deliveries they belong to, as people read them.

use partnercast::{
    domain::delivery::DeliveryState,
    store::{
        attempts::of_delivery,
        deliveries::{to_person, told},
    },
};

use crate::harness::{
    START_MS, both_dbs,
    outbox::{Scene, key, result, settle, start},
};

both_dbs! {
    /// Every try comes back in order, with the reply as it came.
    async fn of_delivery_lists_every_try(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let node = scene.node();
        for (state, due_ms) in [(DeliveryState::Ready, Some(START_MS)), (DeliveryState::Accepted, None)] {
            let window = start(&db, node, START_MS, &scene.issue, 2).await;
            let results: Vec<_> = window.iter().map(|claimed| result(claimed, state, due_ms)).collect();
            settle(&db, node, &results).await;
        }
        let tries = of_delivery(&db, &scene.deliveries[0]).await.unwrap();
        let seen: Vec<_> = tries.iter().map(|t| (t.no, t.outcome.as_str(), t.code, t.reply.as_str())).collect();
        assert_eq!(seen, [(1, "soft", Some(451), "2.0.0 Ok"), (2, "accepted", Some(250), "2.0.0 Ok")]);
        assert_eq!((tries[0].node_id.clone(), tries[0].ended_ms), (node.to_string(), START_MS + 1_000));
        assert_eq!(tries[0].stage.as_deref(), Some("final-dot"));
        assert!(of_delivery(&db, "dlv_none").await.unwrap().is_empty());
    }

    /// A delivery is found by its contact, by the address it went to, and by its id; nobody else's is.
    async fn to_person_finds_their_messages(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let by_contact = to_person(&db, &scene.issue, &scene.contacts[0], "").await.unwrap();
        let by_address = to_person(&db, &scene.issue, "", &key(0)).await.unwrap();
        let by_both = to_person(&db, &scene.issue, &scene.contacts[0], &key(0)).await.unwrap();
        let by_id = told(&db, &scene.deliveries[0]).await.unwrap().unwrap();
        assert_eq!((by_contact.len(), by_address.len(), by_both.len()), (1, 1, 1));
        for found in [&by_contact[0], &by_address[0], &by_both[0], &by_id] {
            assert_eq!(found.id, scene.deliveries[0]);
            assert_eq!((found.state.as_str(), found.generation, found.promised_ms), ("ready", 1, START_MS));
            assert!(found.message_id.starts_with(&scene.deliveries[0]));
        }
        assert!(to_person(&db, &scene.issue, "con_none", "nobody@x.example").await.unwrap().is_empty());
        assert!(to_person(&db, "iss_none", &scene.contacts[0], &key(0)).await.unwrap().is_empty());
        assert!(told(&db, "dlv_none").await.unwrap().is_none());
    }
}
