//! Faults of this installation, which are no receiver's, and what must not be lost: the vendor's people are told of both.

use partnercast::{
    domain::{
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
        webhook::{Event, EventKind, Scope},
    },
    store::webhooks::{Endpoint, endpoints, messages},
    work::{
        Context,
        doctor::channels::{self, Channel},
        webhooks::{self, Order},
    },
};
use serde_json::Value;

use super::{
    Rig,
    intake::import,
    receiver::{Receiver, closed, open, open_with, order, say, well, working},
    webhooks::happens,
};
use crate::harness::{
    both_dbs,
    databases::{in_tx, number},
};

/// Has time pass, with a look every few minutes, or every hour of several days.
async fn pass(rig: &Rig, ctx: &Context, for_ms: i64) {
    let until_ms = rig.clock_ms() + for_ms;
    let step_ms = if for_ms > DAY_MS { HOUR_MS } else { 10 * MINUTE_MS };
    while rig.clock_ms() < until_ms {
        rig.clock.advance(step_ms);
        webhooks::tick(ctx).await.unwrap();
        if for_ms > DAY_MS {
            // A notice is worth sending for three days.
            rig.drain().await;
        }
    }
}

/// How many mails with this in their subject there are.
async fn mails(rig: &Rig, part: &str) -> usize {
    rig.drain().await;
    rig.mailbox.list(500).await.unwrap().iter().filter(|mail| mail.subject.contains(part)).count()
}

async fn known(ctx: &Context, endpoint: &Endpoint) -> Endpoint {
    endpoints::endpoint(&ctx.db, &endpoint.id).await.unwrap().unwrap()
}

/// What doctor finds of the only endpoint, and what to do.
async fn found(ctx: &Context) -> (String, String) {
    let finding = channels::check(ctx, Channel::Webhook, None).await.unwrap().remove(0);
    (finding.found, finding.fix.unwrap_or_default())
}

both_dbs! {
    /// What our own configuration keeps back is told to the channel managers after an hour, once until it is over.
    async fn what_we_hold_back_is_told_to_those_who_can_mend_it(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, _) = working(&ctx, &receiver, order(&receiver.url())).await;
        let managers = ctx.library().vendor.as_ref().unwrap().channel_managers.len();
        // Its operator took egress.allow back; later the key that sealed its secrets.
        let shut = [(closed(&rig).await, "write https"), (open_with(&rig, &[vec![8; 32]]).await, "cannot be opened")];
        for ((round, no), (shut, why)) in (1..).zip(1..).zip(shut) {
            happens(&ctx, no).await;
            webhooks::tick(&shut).await.unwrap();
            assert!(known(&ctx, &endpoint).await.withheld_since_ms.is_some(), "seen at once");
            pass(&rig, &shut, 50 * MINUTE_MS).await;
            assert_eq!(mails(&rig, "held back by us").await, managers * (round - 1));
            pass(&rig, &shut, 5 * HOUR_MS).await;
            assert_eq!(mails(&rig, "held back by us").await, managers * round, "told once");
            let (finds, next) = found(&shut).await;
            assert!(finds.contains("held back by us since") && finds.contains(why) && next.contains("resume"), "{finds}");
            let fares = known(&ctx, &endpoint).await;
            assert_eq!((fares.failures, fares.failing_since_ms), (0, None));
            pass(&rig, &ctx, HOUR_MS).await;
            assert_eq!(receiver.got().len(), round);
            assert_eq!(known(&ctx, &endpoint).await.withheld_since_ms, None);
            assert_eq!(found(&ctx).await.0, "it takes what it is told");
        }
        assert_eq!(number(&ctx.db, "SELECT MAX(tries) FROM webhook_message", Vec::new()).await, 1);
    }

    /// A field map that is gone is a fault of ours: the CRM is not charged with it, and nothing is lost.
    async fn a_field_map_that_is_gone_is_no_fault_of_the_crm(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let mapped = Order { format: "salesforce".to_owned(), ..order(&receiver.url()) };
        let (endpoint, _) = working(&ctx, &receiver, mapped).await;
        let (library, media) = ((*ctx.library()).clone(), (*ctx.media()).clone());
        let mut without = library.clone();
        without.field_maps.clear();
        ctx.set_contents(without, media.clone());
        import(&rig, "eva@harbor.example,Eva Lind,Harbor AG,,it,50-249,DE,health,northlight,,Fair,talk-to-us,2027-01-10,,\n", false)
            .await
            .unwrap();
        pass(&rig, &ctx, 4 * DAY_MS).await;
        let fares = known(&ctx, &endpoint).await;
        assert_eq!((fares.failures, fares.failing_since_ms, fares.state.as_str()), (0, None, "active"));
        assert!(fares.withheld_since_ms.is_some());
        assert_eq!(mails(&rig, "webhook CRM fails").await, 0);
        assert!(mails(&rig, "held back by us").await > 0);
        assert!(found(&ctx).await.0.contains("crm/salesforce.toml"));
        ctx.set_contents(library, media);
        pass(&rig, &ctx, HOUR_MS + 20 * MINUTE_MS).await;
        assert!(!receiver.got().is_empty(), "within the hour in which it is mended");
        let left = number(&ctx.db, "SELECT COUNT(*) FROM webhook_message WHERE state <> 'delivered'", Vec::new()).await;
        assert_eq!(left, 0);
    }

    /// An endpoint that failed once for good and was asked for nothing since is not disabled by its next failure a month later; and
    /// what to do about one that is disabled is what works.
    async fn failing_for_a_month_takes_a_month_of_tries(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, _) = working(&ctx, &receiver, order(&receiver.url())).await;
        receiver.does(|_| say(500));
        happens(&ctx, 1).await;
        pass(&rig, &ctx, 5 * DAY_MS).await;
        assert_eq!(receiver.got().len(), 10);
        rig.clock.advance(26 * DAY_MS);
        receiver.does(|_| say(503));
        happens(&ctx, 2).await;
        webhooks::tick(&ctx).await.unwrap();
        let fares = known(&ctx, &endpoint).await;
        assert_eq!((fares.state.as_str(), fares.failures), ("active", 0), "{}", fares.because);
        assert!(found(&ctx).await.0.contains("asked for time since"));
        receiver.does(|_| say(410));
        pass(&rig, &ctx, HOUR_MS).await;
        let (finds, next) = found(&ctx).await;
        assert!(finds.starts_with("disabled") && next.contains("webhook verify"), "{finds}: {next}");
        receiver.does(well);
        webhooks::verify(&ctx, "ana", &endpoint.id, webhooks::Proof::Challenge).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(known(&ctx, &endpoint).await.state, "active");
    }

    /// An erasure that a receiver does not take goes on day by day, and the vendor's people hear of it after three.
    async fn an_erasure_goes_on_until_it_arrives(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, _) = working(&ctx, &receiver, order(&receiver.url())).await;
        receiver.does(|_| say(500));
        let data = [("lead_id", Value::from("led_1")), ("partner", Value::Null)];
        let event = Event::new(EventKind::LeadErased, Scope::Vendor, ctx.now_ms(), data);
        in_tx!(ctx.db, tx => webhooks::emit(tx, &*ctx.random, &event));
        happens(&ctx, 1).await;
        pass(&rig, &ctx, 2 * DAY_MS).await;
        assert_eq!(mails(&rig, "was not told of lead.erased").await, 0);
        pass(&rig, &ctx, 10 * DAY_MS).await;
        let managers = ctx.library().vendor.as_ref().unwrap().channel_managers.len();
        assert_eq!(mails(&rig, "was not told of lead.erased").await, managers, "once");
        let states = messages::counts(&ctx.db, &endpoint.id).await.unwrap();
        assert_eq!(states, [("failed".to_owned(), 1), ("waiting".to_owned(), 1)]);
        let before = receiver.got().len();
        pass(&rig, &ctx, 3 * DAY_MS).await;
        assert!((2..=5).contains(&(receiver.got().len() - before)), "once a day");
        receiver.does(well);
        pass(&rig, &ctx, 30 * HOUR_MS).await;
        assert_eq!(receiver.got().last().unwrap().kind(), "lead.erased");
        let states = messages::counts(&ctx.db, &endpoint.id).await.unwrap();
        assert_eq!(states, [("delivered".to_owned(), 1), ("failed".to_owned(), 1)]);
    }
}
