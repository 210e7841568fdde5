//! Other systems are told what happened: signed, at least once, and none of them held up by another.

use std::collections::HashMap;

use partnercast::{
    domain::{
        kernel::{
            clock::{DAY_MS, HOUR_MS, MINUTE_MS},
            id::OfferId,
        },
        webhook::{Event, EventKind, Scope},
    },
    store::{
        leads, offers,
        webhooks::{endpoints, messages, turns},
    },
    work::{
        Context,
        forms::{self, FormKind},
        handoff, person as people,
        webhooks::{self, Order, Proof, Replay},
    },
};
use serde_json::Value;
use tokio::sync::watch;

use super::{
    Rig,
    hand_off::{ada, person},
    receiver::{Answer, Receiver, open, order, say, well, working},
};
use crate::harness::{
    both_dbs,
    databases::{in_tx, number},
};

/// Something happens.
pub async fn happens(ctx: &Context, number: i64) {
    let data = [("lead_id", Value::from(number))];
    let event = Event::new(EventKind::LeadWon, Scope::Vendor, ctx.now_ms(), data);
    in_tx!(ctx.db, tx => webhooks::emit(tx, &*ctx.random, &event));
}

async fn state(ctx: &Context, id: &str) -> String {
    endpoints::endpoint(&ctx.db, id).await.unwrap().unwrap().state
}

both_dbs! {
    /// From the address to the first message: who cannot repeat the challenge gets nothing; what is sent is signed, once.
    async fn an_endpoint_proves_itself_and_is_told(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let wrong = Order { url: "https://127.1/".to_owned(), name: String::new(), concurrency: 99, partner: Some("nortlight".to_owned()), ..order("") };
        let wrong = webhooks::add(&ctx, "ana", &wrong).await.unwrap_err();
        for part in ["127.1", "needs a name", "messages at once", "nortlight"] {
            assert!(wrong.public().contains(part), "{part}: {wrong}");
        }
        let order = Order { pair: true, ..order(&receiver.url()) };
        let (endpoint, secrets) = webhooks::add(&ctx, "ana", &order).await.unwrap();
        assert!(secrets[0].starts_with("whsec_") && secrets[1].starts_with("whpk_"));
        assert!(webhooks::add(&ctx, "ana", &order).await.is_err(), "there is one there already");
        happens(&ctx, 0).await;
        receiver.does(|_| say(200));
        let refused = webhooks::verify(&ctx, "ana", &endpoint.id, Proof::Challenge).await.unwrap_err();
        assert!(refused.public().contains("does not repeat"), "{refused}");
        receiver.does(well);
        webhooks::verify(&ctx, "ana", &endpoint.id, Proof::Challenge).await.unwrap();
        happens(&ctx, 1).await;
        webhooks::tick(&ctx).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        let got = receiver.got();
        assert_eq!(got.len(), 1, "what happened before it was verified is not told");
        assert!(got[0].is_signed_with(&secrets[0]) && !got[0].id.contains('.'));
        assert!(got[0].signatures[0].starts_with("v1a,"), "the newest first");
        assert_eq!(got[0].timestamp, (rig.clock_ms() / 1_000).to_string());
        let tries = messages::attempts(&ctx.db, &endpoint.id, &got[0].id).await.unwrap();
        assert_eq!((tries.len(), tries[0].status, tries[0].body.as_str()), (1, Some(202), "noted"));
        let stored = number(&ctx.db, "SELECT COUNT(*) FROM webhook_secret WHERE sealed LIKE '%whsec%'", Vec::new()).await;
        assert_eq!(stored, 0, "secrets are sealed");
        webhooks::test(&ctx, "ana", &endpoint.id).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got()[1].kind(), "endpoint.test");
    }

    /// What is not taken is tried again under the same id, later and later, as the receiver asks; what it wants not again is not.
    async fn what_fails_is_tried_again_under_its_id(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, _) = working(&ctx, &receiver, order(&receiver.url())).await;
        receiver.does(|_| Answer::Say(503, Some(("retry-after", "600")), String::new()));
        happens(&ctx, 1).await;
        webhooks::tick(&ctx).await.unwrap();
        rig.clock.advance(9 * MINUTE_MS);
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), 1, "it asked for ten minutes");
        receiver.does(|_| Answer::Say(301, Some(("location", "http://127.0.0.1:1/")), String::new()));
        rig.clock.advance(MINUTE_MS);
        webhooks::tick(&ctx).await.unwrap();
        receiver.does(well);
        rig.clock.advance(7 * MINUTE_MS);
        webhooks::tick(&ctx).await.unwrap();
        let got = receiver.got();
        assert_eq!(got.len(), 3);
        assert!(got.iter().all(|it| it.id == got[0].id && it.body == got[0].body), "the same message");
        assert!(got[0].timestamp < got[2].timestamp && got[0].signatures != got[2].signatures);
        let tries = messages::attempts(&ctx.db, &endpoint.id, &got[0].id).await.unwrap();
        let verdicts: Vec<&str> = tries.iter().map(|it| it.verdict.as_str()).collect();
        assert_eq!(verdicts, ["throttled", "failed", "delivered"]);
        receiver.does(|_| Answer::Say(422, Some(("webhook-delivery", "abort-message")), String::new()));
        happens(&ctx, 2).await;
        webhooks::tick(&ctx).await.unwrap();
        rig.clock.advance(DAY_MS);
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), 4);
        let range = Replay { from_ms: 0, until_ms: rig.clock_ms(), only_failed: true };
        receiver.does(well);
        assert_eq!(webhooks::replay(&ctx, "ana", &endpoint.id, range).await.unwrap(), 1);
        webhooks::tick(&ctx).await.unwrap();
        let got = receiver.got();
        assert_eq!((got.len(), &got[4].id), (5, &got[3].id), "replayed under its old id");
    }

    /// A process that ends in the middle leaves a message that may have arrived: it goes again under the same id.
    async fn a_killed_process_repeats_under_the_same_id(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, _) = working(&ctx, &receiver, order(&receiver.url())).await;
        happens(&ctx, 1).await;
        let now_ms = rig.clock_ms();
        let held = in_tx!(ctx.db, tx => turns::take(tx, now_ms, 9)).remove(0);
        let begun = in_tx!(ctx.db, tx => turns::start(tx, &held, now_ms, 9));
        webhooks::tick(&ctx).await.unwrap();
        // Clocks are not compared: for a minute it must be seen held.
        for _ in 0..2 {
            rig.clock.advance(25_000);
            webhooks::tick(&ctx).await.unwrap();
            assert!(receiver.got().is_empty(), "it may be on its way yet");
        }
        rig.clock.advance(25_000);
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got()[0].id, begun[0].event_id);
        let tries = messages::attempts(&ctx.db, &endpoint.id, &begun[0].event_id).await.unwrap();
        assert_eq!(tries.iter().map(|it| it.verdict.as_str()).collect::<Vec<_>>(), ["uncertain", "delivered"]);
    }

    /// Beside one that hangs and one that is dead the others are told at once.
    async fn nobody_waits_for_another(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let (slow, dead, healthy) = (Receiver::new().await, Receiver::new().await, Receiver::new().await);
        for receiver in [&slow, &dead, &healthy] {
            working(&ctx, receiver, order(&receiver.url())).await;
        }
        slow.does(|_| Answer::Hang);
        dead.does(|_| say(500));
        let (stop, stopped) = watch::channel(false);
        for number in 0..40 {
            happens(&ctx, number).await;
        }
        let running = tokio::spawn(webhooks::run(ctx.clone(), stopped));
        healthy.has(40).await;
        assert!(slow.got().len() <= 4, "no more than it may have at once");
        stop.send(true).unwrap();
        // Those that hang are let go when the gate falls.
        drop(slow);
        running.await.unwrap();
        let tried = dead.got().len();
        assert!(tried < 40, "it is left alone after a few: {tried}");
        let mut ids: HashMap<String, usize> = HashMap::new();
        healthy.got().into_iter().for_each(|got| *ids.entry(got.id).or_default() += 1);
        assert!(ids.len() == 40 && ids.values().all(|times| *times == 1), "each once");
    }

    /// One after the other, in the order in which things happened, also around a failure.
    async fn an_ordered_endpoint_is_told_in_order(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        working(&ctx, &receiver, Order { ordered: true, ..order(&receiver.url()) }).await;
        for number in 0..5 {
            happens(&ctx, number).await;
        }
        receiver.does(|got| say(if got.body.contains("\"lead_id\":2}") { 500 } else { 200 }));
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), 3, "what comes behind the third waits with it");
        receiver.does(well);
        rig.clock.advance(MINUTE_MS);
        webhooks::tick(&ctx).await.unwrap();
        let numbers: Vec<i64> = receiver
            .got()
            .iter()
            .map(|got| serde_json::from_str::<Value>(&got.body).unwrap()["data"]["lead_id"].as_i64().unwrap())
            .collect();
        assert_eq!(numbers, [0, 1, 2, 2, 3, 4]);
    }

    /// No more a second than it may have.
    async fn a_rate_is_kept(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        working(&ctx, &receiver, Order { per_second: 3, ..order(&receiver.url()) }).await;
        for number in 0..7 {
            happens(&ctx, number).await;
        }
        for count in [3, 6, 7, 7] {
            webhooks::tick(&ctx).await.unwrap();
            webhooks::tick(&ctx).await.unwrap();
            assert_eq!(receiver.got().len(), count, "also of two turns");
            rig.clock.advance(1_000);
        }
        for (waits_ms, count) in [(0, 9), (0, 10), (100, 10), (240, 11)] {
            happens(&ctx, 8).await;
            happens(&ctx, 9).await;
            rig.clock.advance(waits_ms);
            webhooks::tick(&ctx).await.unwrap();
            assert_eq!(receiver.got().len(), count, "what one turn used the next has not");
        }
    }

    /// 410 disables, a month of failures does too, and the owner is told; verified again it goes on with what waits.
    async fn what_is_gone_or_lost_is_disabled_and_its_owner_told(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let (gone, lost) = (Receiver::new().await, Receiver::new().await);
        let (at_gone, _) = working(&ctx, &gone, order(&gone.url())).await;
        let (at_lost, _) = working(&ctx, &lost, Order { contact_email: "bo@crm.example".to_owned(), ..order(&lost.url()) }).await;
        gone.does(|_| say(410));
        lost.does(|_| say(500));
        happens(&ctx, 1).await;
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!((state(&ctx, &at_gone.id).await.as_str(), state(&ctx, &at_lost.id).await.as_str()), ("disabled", "active"));
        rig.drain().await;
        assert!(rig.mail_to("ada@crm.example").await.subject.contains("is disabled"));
        for day in 0..31 {
            happens(&ctx, day).await;
            for _ in 0..4 {
                webhooks::tick(&ctx).await.unwrap();
                rig.clock.advance(6 * HOUR_MS);
            }
            if day == 2 {
                rig.drain().await;
                assert!(rig.mail_to("bo@crm.example").await.subject.contains("fails"));
            }
        }
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(state(&ctx, &at_lost.id).await, "disabled");
        let sent = gone.got().len();
        gone.does(well);
        webhooks::verify(&ctx, "ana", &at_gone.id, Proof::Challenge).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        let more = gone.got().len() - sent;
        assert!((6..=8).contains(&more), "what waited for no more than a week: {more}");
        rig.drain().await;
    }

    /// While secrets change, both sign; then the new one alone.
    async fn secrets_change_without_a_gap(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, old) = working(&ctx, &receiver, order(&receiver.url())).await;
        let new = webhooks::rotate(&ctx, "ana", &endpoint.id, 24).await.unwrap();
        happens(&ctx, 1).await;
        webhooks::tick(&ctx).await.unwrap();
        rig.clock.advance(DAY_MS);
        happens(&ctx, 2).await;
        webhooks::tick(&ctx).await.unwrap();
        let got = receiver.got();
        assert!(got[0].is_signed_with(&old[0]) && got[0].is_signed_with(&new[0]));
        assert!(!got[1].is_signed_with(&old[0]) && got[1].is_signed_with(&new[0]));
        assert_eq!(webhooks::secrets_for_receiver(&ctx, "ana", &endpoint.id).await.unwrap(), new);
        webhooks::pause(&ctx, "ana", &endpoint.id).await.unwrap();
        happens(&ctx, 3).await;
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), 2, "it rests");
        webhooks::resume(&ctx, "ana", &endpoint.id).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(receiver.got().len(), 3);
        webhooks::remove(&ctx, "ana", &endpoint.id).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        let left = number(&ctx.db, "SELECT COUNT(*) FROM webhook_endpoint", Vec::new()).await;
        assert_eq!(left, 0, "nothing is left of it");
    }

    /// What happens in the program is told: a release, with the partners it is promised to.
    async fn a_release_is_told_to_the_vendor_and_to_partners_it_is_promised_to(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let (vendors, partners) = (Receiver::new().await, Receiver::new().await);
        let only = |url: &str| Order { events: vec!["issue.*".to_owned()], ..order(url) };
        working(&ctx, &vendors, only(&vendors.url())).await;
        working(&ctx, &partners, Order { partner: Some("northlight".to_owned()), ..only(&partners.url()) }).await;
        let issue = rig.send_january().await;
        webhooks::tick(&ctx).await.unwrap();
        for receiver in [&vendors, &partners] {
            let got = receiver.got();
            assert_eq!(got.len(), 1);
            let body: Value = serde_json::from_str(&got[0].body).unwrap();
            assert_eq!((body["type"].as_str(), body["data"]["issue_id"].as_str()), (Some("issue.released"), Some(issue.as_str())));
        }
    }

    /// A lead is told of from its first day to its last, to the vendor and to its own partner, in order and without a name.
    async fn a_lead_is_told_of_to_its_own(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let (vendors, own, others) = (Receiver::new().await, Receiver::new().await, Receiver::new().await);
        let of = |receiver: &Receiver, partner: Option<&str>| Order {
            partner: partner.map(str::to_owned),
            ordered: true,
            events: vec!["lead.*".to_owned()],
            ..order(&receiver.url())
        };
        working(&ctx, &vendors, of(&vendors, None)).await;
        working(&ctx, &own, of(&own, Some("northlight"))).await;
        working(&ctx, &others, of(&others, Some("dune-gate"))).await;
        forms::submit(&ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
        let lead = leads::recent(&ctx.db, None).await.unwrap().remove(0);
        let offer = offers::of_lead(&ctx.db, &lead.id).await.unwrap().remove(0);
        rig.clock.advance(MINUTE_MS);
        handoff::accept(&ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
        rig.clock.advance(MINUTE_MS);
        people::erase(&ctx, "ada.okafor@harborclinic.example", "tests").await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        for receiver in [&vendors, &own] {
            let got = receiver.got();
            let kinds: Vec<String> = got.iter().map(|it| it.kind()).collect();
            assert_eq!(kinds, [
                "lead.created",
                "lead.stage_changed",
                "lead.offered",
                "lead.stage_changed",
                "lead.accepted",
                "lead.stage_changed",
                "lead.erased",
            ]);
            for one in &got {
                let data = &serde_json::from_str::<Value>(&one.body).unwrap()["data"];
                assert_eq!((data["lead_id"].as_str(), data["partner"].as_str()), (Some(lead.id.as_str()), Some("northlight")));
                assert!(!one.body.contains("Ada") && !one.body.contains("harborclinic"), "{}", one.body);
            }
        }
        assert!(others.got().is_empty(), "that is another partner's");
        rig.drain().await;
    }
}
