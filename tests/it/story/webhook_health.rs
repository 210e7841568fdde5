//! Endpoints that fail, ask for time or are to go on; and a clock that was set back.

use partnercast::{
    domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    store::webhooks::endpoints,
    work::webhooks::{self, Order, Proof},
};

use super::{
    Rig,
    receiver::{Answer, Receiver, closed, open, order, say, well, working},
    webhooks::happens,
};
use crate::harness::{
    both_dbs,
    databases::{execute, number},
};

both_dbs! {
    /// Of an ordered endpoint whose oldest message waits, no turn is taken that could do nothing; told to go on it goes on.
    async fn an_ordered_endpoint_whose_head_waits_is_left_alone_until_it_is_to_go_on(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, _) = working(&ctx, &receiver, Order { ordered: true, ..order(&receiver.url()) }).await;
        receiver.does(|_| say(500));
        for number in 0..3 {
            happens(&ctx, number).await;
        }
        webhooks::tick(&ctx).await.unwrap();
        // As a process leaves it that ends before it gives the turn back.
        execute(&ctx.db, "UPDATE webhook_endpoint SET rest_ms = 0, throttled_ms = 0", Vec::new()).await;
        assert_eq!(webhooks::tick(&ctx).await.unwrap(), 0, "no turn without a message to send");
        assert_eq!(receiver.got().len(), 1);
        receiver.does(well);
        webhooks::resume(&ctx, "ana", &endpoint.id).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), 4, "going on is at once, in order");
    }

    /// What it asked for is kept whatever else succeeds, and is no failure; refusals at once are one step.
    async fn time_that_was_asked_for_is_given_and_crowds_are_no_history(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, _) = working(&ctx, &receiver, Order { concurrency: 16, ..order(&receiver.url()) }).await;
        receiver.does(|got| match got.body.contains("\"lead_id\":0}") {
            true => Answer::Say(429, Some(("retry-after", "600")), String::new()),
            false => say(200),
        });
        for number in 0..8 {
            happens(&ctx, number).await;
        }
        webhooks::tick(&ctx).await.unwrap();
        let count = receiver.got().len();
        happens(&ctx, 8).await;
        rig.clock.advance(9 * MINUTE_MS);
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), count, "a success beside it does not shorten that");
        let known = endpoints::endpoint(&ctx.db, &endpoint.id).await.unwrap().unwrap();
        assert_eq!(known.failures, 0);
        receiver.does(|_| say(500));
        rig.clock.advance(MINUTE_MS);
        for number in 10..30 {
            happens(&ctx, number).await;
        }
        webhooks::tick(&ctx).await.unwrap();
        let known = endpoints::endpoint(&ctx.db, &endpoint.id).await.unwrap().unwrap();
        assert!(known.failures <= 6 && known.rest_ms - rig.clock_ms() < 2 * MINUTE_MS, "{known:?}");
    }

    /// What a clock that was ahead put off is tried once it is right again, and a healthy endpoint at once.
    async fn a_clock_that_is_set_back_silences_nobody(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let (healthy, ill) = (Receiver::new().await, Receiver::new().await);
        working(&ctx, &healthy, order(&healthy.url())).await;
        working(&ctx, &ill, order(&ill.url())).await;
        let right_ms = rig.clock_ms();
        rig.clock.advance(DAY_MS);
        ill.does(|_| Answer::Say(503, Some(("retry-after", "3600")), String::new()));
        happens(&ctx, 1).await;
        webhooks::tick(&ctx).await.unwrap();
        happens(&ctx, 2).await;
        ill.does(well);
        rig.clock.set(right_ms + HOUR_MS);
        happens(&ctx, 3).await;
        webhooks::tick(&ctx).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!((healthy.got().len(), ill.got().len()), (3, 4), "each once, and once more where it was refused");
    }

    /// A fault of our own is none of the receiver's: it is not counted, and its messages lose no try.
    async fn our_own_faults_are_not_theirs(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, _) = working(&ctx, &receiver, order(&receiver.url())).await;
        // The same installation after its operator took egress.allow back.
        let shut = closed(&rig).await;
        happens(&ctx, 1).await;
        for _ in 0..12 {
            webhooks::tick(&shut).await.unwrap();
            rig.clock.advance(6 * MINUTE_MS);
        }
        let known = endpoints::endpoint(&ctx.db, &endpoint.id).await.unwrap().unwrap();
        assert_eq!((known.failures, known.failing_since_ms), (0, None));
        let tries = number(&ctx.db, "SELECT MAX(tries) FROM webhook_message", Vec::new()).await;
        let attempts = number(&ctx.db, "SELECT MAX(attempts) FROM webhook_message", Vec::new()).await;
        assert!(tries == 0 && attempts >= 10, "{tries} of {attempts}");
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), 1);
    }

    /// Disabled in the moment in which it is known to be gone; its contact may be erased, then the channel managers are told.
    async fn an_endpoint_without_a_contact_is_its_managers(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let theirs = Order { partner: Some("northlight".to_owned()), ..order(&format!("{}?token=s3cret", receiver.url())) };
        let (endpoint, _) = working(&ctx, &receiver, theirs).await;
        let audit = "SELECT COUNT(*) FROM audit WHERE detail LIKE '%s3cret%'";
        assert_eq!(number(&ctx.db, audit, Vec::new()).await, 0, "a token in an address stays there");
        partnercast::work::person::erase(&ctx, "ada@crm.example", "ana").await.unwrap();
        let known = endpoints::endpoint(&ctx.db, &endpoint.id).await.unwrap().unwrap();
        assert_eq!((known.contact_name.as_str(), known.contact_email.as_str()), ("", ""));
        receiver.does(|_| say(410));
        webhooks::test(&ctx, "ana", &endpoint.id).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(endpoints::endpoint(&ctx.db, &endpoint.id).await.unwrap().unwrap().state, "disabled");
        rig.drain().await;
        let told = rig.mailbox.list(100).await.unwrap();
        assert_eq!(told.iter().filter(|mail| mail.subject.contains("is disabled")).count(), 1);
        receiver.does(well);
        webhooks::verify(&ctx, "ana", &endpoint.id, Proof::Challenge).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().last().unwrap().kind(), "endpoint.test", "it waited");
    }
}
