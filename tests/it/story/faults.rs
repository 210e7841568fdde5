//! What happens when things break: nobody is lost, and what may repeat is listed.

use std::net::SocketAddr;

use partnercast::{
    domain::{
        delivery::DeliveryState,
        kernel::{
            clock::{DAY_MS, HOUR_MS},
            id::NodeId,
            random::SeededRandom,
        },
    },
    store::{deliveries, issues, nodes, queue, takeover},
    work::{approve, publish},
};

use super::{Rig, rig::EVE_MS};
use crate::harness::{both_dbs, databases::number, outbox::attempts};

both_dbs! {
    /// A process that ends after marking a window and before recording it: the rows it held go out again, with the
    /// same Message-ID, and the ledger lists them.
    async fn a_crash_in_the_middle_of_a_window_loses_nobody(db: Db) {
        let rig = Rig::new(db).await;
        rig.release_by(EVE_MS + DAY_MS).await;
        let dead = NodeId::new(1, &SeededRandom::new(99));
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0).id;
        let mut tx = rig.ctx.db.begin().await.unwrap();
        nodes::beat(&mut tx, dead, 0).await.unwrap();
        let started = queue::start_issue(&mut tx, dead, rig.clock_ms(), &issue, queue::Part::default(), 8).await.unwrap().leaving;
        tx.commit().await.unwrap();
        assert_eq!(started.len(), 8);

        rig.drain().await;
        if rig.ctx.db.is_shared() {
            assert_eq!(rig.mailbox.count().await.unwrap(), 25, "what the other node holds is not touched yet");
            let pulse = nodes::pulses(&rig.ctx.db).await.unwrap().into_iter().find(|p| p.id == dead.to_string());
            let mut tx = rig.ctx.db.begin().await.unwrap();
            assert!(nodes::forget(&mut tx, &pulse.unwrap()).await.unwrap());
            tx.commit().await.unwrap();
            rig.drain().await;
        }
        assert_eq!(rig.mailbox.count().await.unwrap(), 33, "everybody has it, once");
        for claimed in &started {
            assert_eq!(attempts(&rig.ctx.db, &claimed.id).await, [(1, "uncertain".to_owned()), (2, "accepted".to_owned())]);
        }
        let repeats = "SELECT COUNT(*) FROM attempt WHERE outcome = 'uncertain'";
        assert_eq!(number(&rig.ctx.db, repeats, vec![]).await, 8, "each possible repeat is listed, and no other");
        rig.assert_nothing_left().await;
    }

    /// A relay that is down uses up no attempt; when it is back everybody gets their mail.
    async fn a_relay_that_is_down_costs_nobody_their_mail(db: Db) {
        let rig = Rig::new(db).await;
        rig.release_by(EVE_MS + DAY_MS).await;
        let nobody: SocketAddr = {
            let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            taken.local_addr().unwrap()
        };
        let mut down = rig.deliverer_to(nobody);
        down.drain().await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        assert_eq!(deliveries::counts(&rig.ctx.db, &issue.id).await.unwrap(), [(DeliveryState::Ready, 33)]);
        assert_eq!(down.drain().await.unwrap(), 0, "the relay is left alone for a while");
        rig.clock.advance(HOUR_MS);
        rig.drain().await;
        assert_eq!(deliveries::counts(&rig.ctx.db, &issue.id).await.unwrap(), [(DeliveryState::Accepted, 33)]);
    }

    /// Paused means that nothing starts; resumed goes on; cancelled keeps the evidence.
    async fn pause_resume_and_cancel_take_effect_at_once(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(EVE_MS + 3 * HOUR_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0).id;
        assert_eq!(rig.drain().await, 2, "Adelaide");
        approve::pause(&rig.ctx, &issue, "marcus").await.unwrap();
        rig.clock.set(EVE_MS + 8 * HOUR_MS);
        assert_eq!(rig.drain().await, 0);
        approve::resume(&rig.ctx, &issue, "marcus").await.unwrap();
        assert_eq!(rig.drain().await, 5, "Osaka and Pune, late");
        approve::cancel(&rig.ctx, &issue, "marcus").await.unwrap();
        rig.clock.set(EVE_MS + DAY_MS);
        assert_eq!(rig.drain().await, 0);
        let counts = deliveries::counts(&rig.ctx.db, &issue).await.unwrap();
        assert_eq!(counts, [(DeliveryState::Accepted, 7), (DeliveryState::Cancelled, 26)]);
        assert!(approve::resume(&rig.ctx, &issue, "marcus").await.is_err(), "cancelled is for good");
    }

    /// An issue whose time passed while nothing ran is not sent by itself two days later: a person is asked.
    async fn a_stale_issue_is_held_and_approval_is_bound_to_what_was_seen(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(EVE_MS + 3 * DAY_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        assert_eq!(issue.state, "frozen");
        assert!(issue.held_because.is_some());
        assert_eq!(rig.drain().await, 2, "to the two who may approve; no reader has it");
        assert!(approve::approve(&rig.ctx, &issue.id, "another hash", "marcus").await.is_err());
        approve::approve(&rig.ctx, &issue.id, &issue.content_hash, "marcus").await.unwrap();
        publish::tick(&rig.ctx).await.unwrap();
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// A message that waits for a person is sent again by one, once; an accepted one is not.
    async fn a_person_sends_again_what_ended_without_being_accepted(db: Db) {
        let rig = Rig::new(db).await;
        let issue = rig.send_january().await;
        let line = deliveries::of_issue(&rig.ctx.db, &issue, 0).await.unwrap().remove(0);
        assert!(approve::send_again(&rig.ctx, &line.id, "marcus").await.is_err(), "it was accepted");
        let dead = NodeId::new(1, &SeededRandom::new(99));
        let me = NodeId::new(2, &SeededRandom::new(98));
        rig.release_by(EVE_MS + 29 * DAY_MS).await;
        let mut tx = rig.ctx.db.begin().await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0).id;
        let claimed = queue::start_issue(&mut tx, dead, rig.clock_ms(), &issue, queue::Part::default(), 1).await.unwrap().leaving;
        takeover::reap(&mut tx, me, rig.clock_ms(), true).await.unwrap();
        tx.commit().await.unwrap();
        rig.drain().await;
        assert_eq!(rig.mailbox.count().await.unwrap(), 33 + 32, "one is held for a person");
        approve::send_again(&rig.ctx, &claimed[0].id, "marcus").await.unwrap();
        assert!(approve::send_again(&rig.ctx, &claimed[0].id, "marcus").await.is_err(), "it is on its way");
        rig.drain().await;
        assert_eq!(rig.mailbox.count().await.unwrap(), 66);
    }
}
