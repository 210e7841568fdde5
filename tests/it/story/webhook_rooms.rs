//! Chat rooms are told what happens, in their own shape, at an address that nobody can read again.

use partnercast::{
    store::webhooks::endpoints,
    work::webhooks::{self, Order, Proof},
};
use serde_json::Value;

use super::{
    Rig,
    receiver::{Receiver, open, open_with, order, say, working},
    rig::KEY,
    webhooks::happens,
};
use crate::harness::{both_dbs, databases::number};

fn room(receiver: &Receiver) -> Order {
    let url = format!("{}?token=s3cret", receiver.url());
    Order { url, format: "slack".to_owned(), ..order("") }
}

both_dbs! {
    /// From its address to the first sentence: greeted, told once, at most one message a second.
    async fn a_room_is_greeted_and_told_in_a_sentence(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        receiver.does(|_| say(200));
        let bearer = Order { bearer: "t0ken".to_owned(), ..room(&receiver) };
        let refused = webhooks::add(&ctx, "ana", &bearer).await.unwrap_err();
        assert!(refused.public().contains("is its secret"), "{refused}");
        let (endpoint, _) = webhooks::add(&ctx, "ana", &room(&receiver)).await.unwrap();
        assert!(webhooks::add(&ctx, "ana", &room(&receiver)).await.is_err(), "there is one there already");
        webhooks::verify(&ctx, "ana", &endpoint.id, Proof::Challenge).await.unwrap();
        let greeting: Value = serde_json::from_str(&receiver.got()[0].body).unwrap();
        assert_eq!(greeting["text"], "*From now on partnercast tells this room what happens.*");
        happens(&ctx, 7).await;
        webhooks::tick(&ctx).await.unwrap();
        let said: Value = serde_json::from_str(&receiver.got()[1].body).unwrap();
        assert_eq!(said["text"], "*The deal was won.*");
        assert!(webhooks::bearer(&ctx, "ana", &endpoint.id, "t0ken").await.is_err());
        happens(&ctx, 8).await;
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), 2, "one a second");
        rig.clock.advance(1_000);
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), 3);
    }

    /// The address is in no column as it was given, and goes on to open after the keys were changed.
    async fn the_address_of_a_room_is_sealed(db: Db) {
        let rig = Rig::new(db).await;
        let receiver = Receiver::new().await;
        receiver.does(|_| say(200));
        let (endpoint, _) = webhooks::add(&*open(&rig).await, "ana", &room(&receiver)).await.unwrap();
        assert!(endpoint.url.starts_with("http://127.0.0.1:") && !endpoint.url.contains("/in"), "{}", endpoint.url);
        let told = "SELECT COUNT(*) FROM webhook_endpoint e, audit a WHERE e.url || e.bearer || a.detail LIKE '%s3cret%'";
        assert_eq!(number(&rig.ctx.db, told, Vec::new()).await, 0);
        let before = endpoints::bearer(&rig.ctx.db, &endpoint.id).await.unwrap();
        let new = vec![9; 32];
        webhooks::tick(&*open_with(&rig, &[new.clone(), KEY.to_vec()]).await).await.unwrap();
        assert_ne!(endpoints::bearer(&rig.ctx.db, &endpoint.id).await.unwrap(), before, "sealed by the newest key");
        let later = endpoints::bearer(&rig.ctx.db, &endpoint.id).await.unwrap();
        webhooks::tick(&*open_with(&rig, &[new, KEY.to_vec()]).await).await.unwrap();
        assert_eq!(endpoints::bearer(&rig.ctx.db, &endpoint.id).await.unwrap(), later, "once");
    }

    /// What is no room is as it was.
    async fn a_program_beside_a_room_gets_the_message_itself(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let (chat, program) = (Receiver::new().await, Receiver::new().await);
        chat.does(|_| say(200));
        let (endpoint, _) = webhooks::add(&ctx, "ana", &room(&chat)).await.unwrap();
        webhooks::verify(&ctx, "ana", &endpoint.id, Proof::Challenge).await.unwrap();
        working(&ctx, &program, order(&program.url())).await;
        happens(&ctx, 1).await;
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!((chat.got().len(), program.got()[0].kind().as_str()), (2, "lead.won"));
    }
}
