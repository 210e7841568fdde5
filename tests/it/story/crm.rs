//! A CRM on the other end: what it is sent by a field map, and what it tells back.

use std::sync::Arc;

use partnercast::{
    domain::{
        kernel::{Kind, clock::MINUTE_MS, id::OfferId, random::OsRandom},
        webhook::{Secret, sign::Message},
    },
    store::{api_keys as keys, leads, offers, webhooks::messages},
    work::{
        Context, api_keys,
        attribution::{self, Asked},
        forms::{self, FormKind},
        handoff, ladder,
        lead_updates::{self, Outcomes, Refused, Signed},
        person as people,
        webhooks::{self, Order, Replay},
    },
};
use serde_json::{Value, json};

use super::{
    Rig,
    hand_off::{ada, person},
    receiver::{Receiver, open, order, working},
};
use crate::harness::{
    both_dbs,
    databases::{number, rows},
};

/// Ada asks Northlight for a call, and its rep accepts.
async fn accepted(rig: &Rig, ctx: &Context) -> String {
    forms::submit(ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
    let lead = leads::recent(&ctx.db, None).await.unwrap().remove(0);
    let offer = offers::of_lead(&ctx.db, &lead.id).await.unwrap().remove(0);
    rig.clock.advance(MINUTE_MS);
    handoff::accept(ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
    rig.clock.advance(MINUTE_MS);
    lead.id
}

fn mapped(receiver: &Receiver, format: &str, partner: Option<&str>) -> Order {
    Order {
        format: format.to_owned(),
        partner: partner.map(str::to_owned),
        ordered: true,
        ..order(&receiver.url())
    }
}

/// What the CRM sends, signed with `secret` now.
struct Crm<'a> {
    ctx: &'a Arc<Context>,
    endpoint: &'a str,
    secret: &'a str,
}

impl Crm<'_> {
    async fn sends(&self, id: &str, data: &Value) -> Outcomes {
        self.sends_at(id, data, self.ctx.clock.wall_ms() / 1_000).await
    }

    async fn sends_at(&self, id: &str, data: &Value, at_s: i64) -> Outcomes {
        let body = json!({ "type": "lead.update", "data": data }).to_string();
        let timestamp = at_s.to_string();
        let signature = self.signs(id, &timestamp, &body);
        self.posts(&Signed { id, timestamp: &timestamp, signature: &signature, body: &body }).await.unwrap()
    }

    fn signs(&self, id: &str, timestamp: &str, body: &str) -> String {
        Secret::parse(self.secret).unwrap().sign(&Message { id, timestamp, body }).unwrap()
    }

    async fn posts(&self, signed: &Signed<'_>) -> partnercast::domain::kernel::Result<Outcomes> {
        match lead_updates::sender(self.ctx, self.endpoint, signed).await? {
            Ok(endpoint) => lead_updates::hook(self.ctx, &endpoint, signed).await,
            Err(why) => Ok(Outcomes::Unsigned(why)),
        }
    }
}

fn answer(outcome: &Outcomes) -> Value {
    let Outcomes::Taken(text) = outcome else { panic!("{outcome:?}") };
    serde_json::from_str(text).unwrap()
}

fn refused(outcome: Outcomes) -> Refused {
    let Outcomes::Refused(refused) = outcome else { panic!("{outcome:?}") };
    refused
}

/// Everything that is stored about leads, to see that nothing changed.
async fn state(ctx: &Context) -> String {
    let steps: Vec<(String, i64, String, String)> =
        rows(&ctx.db, "SELECT lead_id, no, stage, what FROM lead_step ORDER BY lead_id, no", Vec::new())
            .await;
    let amounts: Vec<(String, i64)> =
        rows(&ctx.db, "SELECT lead_id, minor_units FROM lead_amount ORDER BY lead_id, no", Vec::new()).await;
    format!("{steps:?} {amounts:?} {:?}", leads::recent(&ctx.db, None).await.unwrap())
}

both_dbs! {
    /// A lead reaches a CRM by the field map, signed and whole; what the CRM says comes back step by step, to the ladder and to
    /// the attribution; history names the integration.
    async fn a_lead_goes_to_a_crm_and_comes_back_won(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, secrets) = working(&ctx, &receiver, mapped(&receiver, "salesforce", None)).await;
        let lead = accepted(&rig, &ctx).await;
        webhooks::tick(&ctx).await.unwrap();
        let got = receiver.got();
        let requests: Vec<Value> = got.iter().map(|it| serde_json::from_str::<Value>(&it.body).unwrap()["request"].clone()).collect();
        assert!(got.iter().all(|it| it.is_signed_with(&secrets[0])));
        assert!(got.iter().all(|it| ["lead.created", "lead.stage_changed"].contains(&it.kind().as_str())), "each step once");
        let last = requests.last().unwrap();
        assert_eq!(last["path"], format!("/services/data/v62.0/sobjects/Lead/Partnercast_Lead_Id__c/{lead}"));
        let key = last["headers"]["idempotency-key"].as_str().unwrap();
        assert!(key.starts_with(&format!("{lead}:sal:")), "{key}");
        assert_eq!((&last["body"]["LastName"], &last["body"]["Partnercast_Stage__c"]), (&json!("Okafor"), &json!("sal")));
        assert_eq!(last["body"]["HasOptedOutOfEmail"], false);

        let crm = Crm { ctx: &ctx, endpoint: &endpoint.id, secret: &secrets[0] };
        let says = |outcome: &str| json!({
            "Partnercast_Lead_Id__c": lead, "Partnercast_Outcome__c": outcome, "Partnercast_Value__c": 12500.5,
            "CurrencyIsoCode": "EUR", "Partnercast_Close_Date__c": "2027-03-31", "Id": "00Q1",
        });
        let contacted = json!({ "Partnercast_Lead_Id__c": lead, "Partnercast_Outcome__c": "Contacted", "Partnercast_Note__c": "Met" });
        assert_eq!(answer(&crm.sends("m-1", &contacted).await)["stage"], "contacted");
        rig.clock.advance(MINUTE_MS);
        assert_eq!(answer(&crm.sends("m-2", &says("Qualified")).await)["result"], "recorded");
        rig.clock.advance(MINUTE_MS);
        let mut won = says("Closed Won");
        won["Partnercast_Close_Date__c"] = Value::Null;
        assert_eq!(answer(&crm.sends("m-3", &won).await), json!({ "result": "recorded", "lead_id": lead, "stage": "won" }));

        let steps = leads::steps(&ctx.db, &lead).await.unwrap();
        assert!(steps.iter().any(|step| step.actor == "CRM (webhook)" && step.what == "reached the person: Met"), "{steps:?}");
        assert_eq!(steps.last().unwrap().stage, "won");
        let audited = number(&ctx.db, "SELECT COUNT(*) FROM audit WHERE actor = 'CRM (webhook)' AND action = 'lead'", Vec::new()).await;
        assert_eq!(audited, 3);
        let rungs = ladder::ladder(&ctx, &ladder::Asked::default()).await.unwrap();
        assert!(format!("{rungs:?}").to_lowercase().contains("won"), "{rungs:?}");
        let credited = attribution::report(&ctx, &Asked::default(), attribution::Group::Partner).await.unwrap();
        assert!(credited.iter().any(|row| format!("{row:?}").contains("1250050")), "{credited:?}");
        webhooks::tick(&ctx).await.unwrap();
        let mut told = receiver.got().into_iter().map(|it| serde_json::from_str::<Value>(&it.body).unwrap());
        assert_eq!(told.next_back().unwrap()["request"]["body"]["Partnercast_Value__c"], 12500.5, "and the CRM is told of it");
        rig.drain().await;
    }

    /// Forged, old, altered and repeated messages change nothing; one that comes again gets the same answer.
    async fn who_did_not_sign_changes_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, secrets) = working(&ctx, &receiver, mapped(&receiver, "standard", Some("northlight"))).await;
        let lead = accepted(&rig, &ctx).await;
        let crm = Crm { ctx: &ctx, endpoint: &endpoint.id, secret: &secrets[0] };
        let data = json!({ "lead_id": lead, "stage": "contacted" });
        let before = state(&ctx).await;
        let now_s = ctx.clock.wall_ms() / 1_000;
        let forged = Crm { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ..crm };
        assert!(matches!(forged.sends("m-1", &data).await, Outcomes::Unsigned(_)));
        for off_s in [-301, 301, -86_400] {
            assert!(matches!(crm.sends_at("m-1", &data, now_s + off_s).await, Outcomes::Unsigned(why) if why.contains("five minutes")));
        }
        let nobody = Crm { endpoint: "whe_0190a5f4c0de7abc8def0123456789ab", ..crm };
        assert!(matches!(nobody.sends("m-1", &data).await, Outcomes::Unsigned(_)));
        let body = json!({ "type": "lead.update", "data": data }).to_string();
        let (timestamp, other) = (now_s.to_string(), body.replace("contacted", "note"));
        let signature = crm.signs("m-1", &timestamp, &body);
        for wrong in [
            Signed { id: "m-2", timestamp: &timestamp, signature: &signature, body: &body },
            Signed { id: "m-1", timestamp: &timestamp, signature: &signature, body: &other },
            Signed { id: "m-1", timestamp: &timestamp, signature: "", body: &body },
            Signed { id: "m.1", timestamp: &timestamp, signature: &signature, body: &body },
            Signed { id: "m-1", timestamp: "1e9", signature: &signature, body: &body },
        ] {
            assert!(matches!(crm.posts(&wrong).await.unwrap(), Outcomes::Unsigned(_)), "{wrong:?}");
        }
        // Our own message, sent back to us: it is signed well, and is none that anybody may send.
        webhooks::tick(&ctx).await.unwrap();
        let ours = receiver.got().remove(0);
        let back = Signed { id: &ours.id, timestamp: &ours.timestamp, signature: &ours.signatures.join(" "), body: &ours.body };
        assert_eq!(crm.posts(&back).await.unwrap_err().kind(), Kind::Invalid);
        assert_eq!(state(&ctx).await, before);

        let first = crm.sends("m-1", &data).await;
        assert_eq!(answer(&first)["stage"], "contacted");
        let after = state(&ctx).await;
        assert_eq!(crm.sends("m-1", &data).await, first, "the same answer");
        assert_eq!(state(&ctx).await, after);
        let note = json!({ "type": "lead.update", "data": { "lead_id": lead, "stage": "note", "note": "x" } }).to_string();
        let signature = crm.signs("m-1", &timestamp, &note);
        let reused = Signed { id: "m-1", timestamp: &timestamp, signature: &signature, body: &note };
        assert_eq!(crm.posts(&reused).await.unwrap_err().kind(), Kind::Invalid, "an id stands for one message");
        assert_eq!(state(&ctx).await, after);
        rig.drain().await;
    }

    /// What cannot be is refused with what, where and how to mend it, and nothing is changed; what is old is no news.
    async fn what_cannot_be_is_refused_as_a_whole(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, secrets) = working(&ctx, &receiver, mapped(&receiver, "standard", Some("northlight"))).await;
        let elsewhere = Receiver::new().await;
        let (other, others) = working(&ctx, &elsewhere, mapped(&elsewhere, "standard", Some("dune-gate"))).await;
        forms::submit(&ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
        let lead = leads::recent(&ctx.db, None).await.unwrap().remove(0).id;
        let crm = Crm { ctx: &ctx, endpoint: &endpoint.id, secret: &secrets[0] };
        let contacted = json!({ "lead_id": lead, "stage": "contacted" });
        let early = refused(crm.sends("m-0", &contacted).await);
        assert_eq!((early.kind, early.faults[0].column.as_str()), (Kind::Conflict, "stage"));
        assert!(early.faults[0].fix.contains("accepted"), "{early:?}");
        let offer = offers::of_lead(&ctx.db, &lead).await.unwrap().remove(0);
        rig.clock.advance(MINUTE_MS);
        handoff::accept(&ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
        rig.clock.advance(MINUTE_MS);

        let before = state(&ctx).await;
        let theirs = Crm { endpoint: &other.id, secret: &others[0], ..crm };
        assert_eq!(refused(theirs.sends("m-1", &contacted).await).kind, Kind::NotFound, "another partner's lead is not there");
        let unknown = json!({ "lead_id": "led_0190a5f4c0de7abc8def0123456789ab", "stage": "contacted" });
        assert_eq!(refused(crm.sends("m-1", &unknown).await).kind, Kind::NotFound);
        let leap = json!({ "lead_id": lead, "stage": "won", "value": 5, "currency": "EUR" });
        let leap = refused(crm.sends("m-1", &leap).await);
        assert_eq!(leap.kind, Kind::Conflict);
        assert!(leap.faults[0].fix.contains("contacted, disqualified"), "{leap:?}");
        for (value, currency) in [("-5", "EUR"), ("1e300", "EUR"), ("5", "gold"), ("99999999999999999", "EUR")] {
            let absurd = json!({ "lead_id": lead, "stage": "won", "value": value, "currency": currency });
            assert_eq!(refused(crm.sends("m-1", &absurd).await).kind, Kind::Invalid, "{value} {currency}");
        }
        let many = json!({ "lead_id": "x", "stage": "wonn", "updated_at": "soon", "valeu": 1 });
        let many = refused(crm.sends("m-1", &many).await);
        let columns: Vec<&str> = many.faults.iter().map(|fault| fault.column.as_str()).collect();
        assert_eq!(columns, ["valeu", "lead_id", "updated_at", "stage", "currency", "value"]);
        let old = json!({ "lead_id": lead, "stage": "contacted", "updated_at": "2026-01-01T00:00:00Z" });
        let ignored = answer(&crm.sends("m-1", &old).await);
        assert_eq!(ignored["result"], "ignored");
        assert!(ignored["because"].as_str().unwrap().contains("older"));
        assert_eq!(state(&ctx).await, before, "nothing was changed");
        assert_eq!(answer(&crm.sends("m-2", &contacted).await)["result"], "recorded");
        rig.drain().await;
    }

    /// What a deal is worth can be corrected by whoever tells it, with a reason, and is told to whoever is told of it; another currency
    /// is rather a slip, and is asked about.
    async fn a_corrected_value_goes_both_ways(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, secrets) = working(&ctx, &receiver, mapped(&receiver, "standard", None)).await;
        let lead = accepted(&rig, &ctx).await;
        let crm = Crm { ctx: &ctx, endpoint: &endpoint.id, secret: &secrets[0] };
        let tell = async |id: &str, data: &Value| {
            rig.clock.advance(MINUTE_MS);
            crm.sends(id, data).await
        };
        for (id, data) in [
            ("m-1", json!({ "lead_id": lead, "stage": "contacted" })),
            ("m-2", json!({ "lead_id": lead, "stage": "sql", "value": 100, "currency": "EUR", "close_date": "2027-03-01" })),
        ] {
            assert_eq!(answer(&tell(id, &data).await)["result"], "recorded");
        }
        let dollars = json!({ "lead_id": lead, "stage": "won", "value": 120, "currency": "USD" });
        let slip = refused(tell("m-3", &dollars).await);
        assert_eq!((slip.kind, slip.faults[0].column.as_str()), (Kind::Invalid, "currency"), "{slip:?}");
        assert!(slip.faults[0].message.contains("valued in EUR (EUR 100)"), "{slip:?}");
        let won = json!({ "lead_id": lead, "stage": "won", "value": 120, "currency": "EUR" });
        assert_eq!(answer(&tell("m-4", &won).await)["stage"], "won");
        let mute = json!({ "lead_id": lead, "stage": "won", "value": 130, "currency": "EUR" });
        let mute = refused(tell("m-5", &mute).await);
        assert_eq!((mute.kind, mute.faults[0].column.as_str()), (Kind::Invalid, "note"), "{mute:?}");
        let note = json!({ "lead_id": lead, "stage": "won", "value": 130, "currency": "EUR", "note": "a second site" });
        assert_eq!(answer(&tell("m-6", &note).await)["result"], "recorded");
        assert_eq!(refused(tell("m-7", &note).await).kind, Kind::Conflict, "it is so already");
        let amounts = leads::amounts(&ctx.db, &lead).await.unwrap();
        let told: Vec<_> = amounts.iter().map(|it| (it.minor_units, it.close_date.as_deref().unwrap_or_default())).collect();
        assert_eq!(told.iter().map(|(units, _)| *units).collect::<Vec<_>>(), [13_000, 12_000, 10_000]);
        assert!(told.iter().all(|(_, day)| !day.is_empty()), "each has its day: {told:?}");
        rig.drain().await;
        webhooks::tick(&ctx).await.unwrap();
        let sent = receiver.got();
        assert_eq!(sent.iter().filter(|got| got.kind() == "lead.value_corrected").count(), 1);
        assert!(sent.iter().all(|got| got.faults().is_empty()), "each as its schema says");
    }

    /// Two systems tell the same at once: one of them does it, the other one learns that it is done.
    async fn two_updates_at_once_are_one_step(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        let (endpoint, secrets) = working(&ctx, &receiver, mapped(&receiver, "standard", None)).await;
        let lead = accepted(&rig, &ctx).await;
        let crm = Crm { ctx: &ctx, endpoint: &endpoint.id, secret: &secrets[0] };
        let data = json!({ "lead_id": lead, "stage": "contacted" });
        let (one, other) = tokio::join!(crm.sends("m-1", &data), crm.sends("m-2", &data));
        let done = [&one, &other].into_iter().filter(|it| matches!(it, Outcomes::Taken(_))).count();
        assert_eq!(done, 1, "{one:?} {other:?}");
        let note = json!({ "lead_id": lead, "stage": "note", "note": "x" });
        let (one, other) = tokio::join!(crm.sends("m-3", &note), crm.sends("m-3", &note));
        assert_eq!(answer(&one), answer(&other), "the same message twice at once");
        let steps = leads::steps(&ctx.db, &lead).await.unwrap();
        assert_eq!(steps.iter().filter(|step| step.stage == "contacted" && step.what.contains("reached")).count(), 1);
        assert_eq!(steps.iter().filter(|step| step.what == "noted: x").count(), 1, "{steps:?}");
        rig.drain().await;
    }

    /// `PATCH /api/leads/{id}`: by the key's partner alone, once for each Idempotency-Key.
    async fn a_program_with_a_key_tells_the_same(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let lead = accepted(&rig, &ctx).await;
        let mut made = Vec::new();
        for partner in ["northlight", "dune-gate"] {
            let at = (ctx.now_ms(), &OsRandom as &dyn partnercast::domain::kernel::Random);
            made.push(api_keys::create(&ctx.db, at, "ana", ("Pipeline", Some(partner)), 365).await.unwrap().0);
        }
        let body = br#"{"stage": "contacted", "note": "by phone"}"#;
        let stranger = lead_updates::request(&ctx, &made[1], None, &lead, body).await.unwrap();
        assert_eq!(refused(stranger).kind, Kind::NotFound);
        let first = lead_updates::request(&ctx, &made[0], Some("r-1"), &lead, body).await.unwrap();
        assert_eq!(answer(&first)["stage"], "contacted");
        assert_eq!(lead_updates::request(&ctx, &made[0], Some("r-1"), &lead, body).await.unwrap(), first);
        let other = lead_updates::request(&ctx, &made[0], Some("r-1"), &lead, b"{\"stage\": \"note\"}").await;
        assert_eq!(other.unwrap_err().kind(), Kind::Invalid);
        let again = lead_updates::request(&ctx, &made[0], Some("r-2"), &lead, body).await.unwrap();
        assert_eq!(refused(again).kind, Kind::Conflict);
        let slips = lead_updates::request(&ctx, &made[0], None, &lead, br#"{"stage": "won", "valeu": "5"}"#).await.unwrap();
        assert_eq!(refused(slips).kind, Kind::Invalid);
        assert!(lead_updates::request(&ctx, &made[0], None, &lead, b"[]").await.is_err());
        assert_eq!(keys::list(&ctx.db).await.unwrap().len(), 2);
        rig.drain().await;
    }

    /// A partner's CRM gets the person once the partner has accepted the lead, and nothing of others'; the same bytes at every
    /// try; and after an erasure nothing of the person is left in what is stored, and the CRM is told to delete the record.
    async fn a_person_is_given_to_their_partner_alone_and_taken_back(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let (own, others) = (Receiver::new().await, Receiver::new().await);
        let (endpoint, _) = working(&ctx, &own, mapped(&own, "salesforce", Some("northlight"))).await;
        working(&ctx, &others, mapped(&others, "salesforce", Some("dune-gate"))).await;
        let lead = accepted(&rig, &ctx).await;
        webhooks::tick(&ctx).await.unwrap();
        let got = own.got();
        assert_eq!(got.len(), 1, "from acceptance on");
        assert!(got[0].body.contains("Okafor") && got[0].body.contains(":sal"));
        let range = Replay { from_ms: 0, until_ms: rig.clock_ms(), only_failed: false };
        webhooks::replay(&ctx, "ana", &endpoint.id, range).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        let all = own.got();
        let same: Vec<_> = all.iter().filter(|it| it.id == got[0].id).collect();
        assert_eq!((same.len(), &same[1].body), (2, &got[0].body), "the same message");
        assert!(all.iter().filter(|it| it.id != got[0].id).all(|it| !it.body.contains("Okafor")), "not of before");
        rig.clock.advance(MINUTE_MS);
        people::erase(&ctx, "ada.okafor@harborclinic.example", "tests").await.unwrap();
        for table in ["SELECT COUNT(*) FROM webhook_document WHERE body LIKE '%Okafor%'",
            "SELECT COUNT(*) FROM webhook_document WHERE body LIKE '%harborclinic%'",
            "SELECT COUNT(*) FROM webhook_attempt WHERE body <> '' AND verdict = 'delivered'"] {
            assert_eq!(number(&ctx.db, table, Vec::new()).await, 0, "{table}");
        }
        webhooks::tick(&ctx).await.unwrap();
        let last: Value = serde_json::from_str(&own.got().last().unwrap().body).unwrap();
        assert_eq!((last["type"].as_str(), last["request"]["method"].as_str()), (Some("lead.erased"), Some("DELETE")));
        assert!(last["request"]["path"].as_str().unwrap().ends_with(&lead));
        assert!(others.got().is_empty());
        let listed = messages::list(&ctx.db, &endpoint.id, Some("delivered"), None, 10).await.unwrap();
        assert!(listed.len() >= 2);
        rig.drain().await;
    }
}
