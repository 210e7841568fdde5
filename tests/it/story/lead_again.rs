//! Somebody whose lead was won, lost or is a deal already asks to talk again: it is one lead, with a clock for whoever has it.

use partnercast::{
    domain::{
        engagement::EventKind,
        kernel::{
            Kind,
            clock::{DAY_MS, MINUTE_MS},
            id::LeadId,
        },
        lead::DisqualifyReason,
    },
    store::leads,
    work::{
        desk,
        forms::{self, FormKind, Submission},
        handoff::{self, By, Closing, Giving, Outcome},
        track::{self, OnPage},
    },
};

use super::{
    Rig,
    console::get,
    hand_off::{ada, person},
    lead_work::{LUIS, MANAGER, SPONSOR, asks, at, clock, day, euros, lead, live, pass, subjects, takes},
};
use crate::harness::both_dbs;

/// Luis has a lead whose need sales confirmed, to be closed on 2027-02-26.
async fn qualified(rig: &Rig) -> (String, desk::Rep) {
    let id = asks(rig, at("2027-01-18T09:00:00-06:00")).await;
    let luis = takes(rig, &id).await;
    rig.clock.advance(MINUTE_MS);
    handoff::contacted(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap();
    rig.clock.advance(MINUTE_MS);
    let sql = Closing { on: Some(day("2027-02-26")), ..euros("12000") };
    handoff::record(&rig.ctx, &id, By::Rep(&luis), Outcome::Sql(sql), "").await.unwrap();
    rig.drain().await;
    (id, luis)
}

fn download(lead_id: &str) -> OnPage<'static> {
    OnPage {
        kind: EventKind::Download,
        partner: "northlight",
        asset: "whitepapers/proof-of-recovery",
        revision: None,
        via: None,
        lead: LeadId::parse(lead_id).ok(),
    }
}

async fn asks_again(rig: &Rig, time: &str) {
    rig.clock.set(at(time));
    forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
    rig.drain().await;
}

both_dbs! {
    /// Who bought and asks again: four business hours for whoever won them, on their desk, told to the channel manager, and
    /// upwards where nobody answers. Asking twice changes nothing more; answered, the lead is won as before.
    async fn a_customer_who_asks_again_is_answered(db: Db) {
        let rig = Rig::new(db).await;
        let (id, luis) = qualified(&rig).await;
        let by = By::Rep(&luis);
        handoff::record(&rig.ctx, &id, by, Outcome::Won(euros("11500")), "").await.unwrap();
        asks_again(&rig, "2027-01-25T09:00:00-06:00").await;
        let now = lead(&rig).await;
        assert_eq!((now.id.as_str(), now.stage.as_str()), (id.as_str(), "won"), "one lead, won as before");
        let runs = clock(&rig, &id).await.unwrap();
        assert_eq!((runs.owner.as_str(), runs.due_ms), ("Luis Ortega", at("2027-01-25T13:00:00-06:00")));
        assert!(leads::of_rep(&rig.ctx.db, LUIS).await.unwrap().iter().any(|it| it.id == id), "on the desk");
        assert!(subjects(&rig, LUIS).await[0].contains("has written again"));
        assert!(subjects(&rig, MANAGER).await[0].contains("asks again"));

        asks_again(&rig, "2027-01-25T10:00:00-06:00").await;
        assert_eq!(clock(&rig, &id).await.unwrap(), runs, "whoever asks twice waits no longer");
        pass(&rig, at("2027-01-25T13:00:00-06:00")).await;
        assert_eq!(live(&rig, &id).await.unwrap().rep_email, LUIS, "it stays theirs");
        assert!(subjects(&rig, MANAGER).await[0].contains("is late"));
        pass(&rig, at("2027-01-25T17:00:00-06:00")).await;
        assert!(subjects(&rig, SPONSOR).await[0].contains("is still late"));

        handoff::note(&rig.ctx, &id, by, "tried to reach them").await.unwrap();
        let again = handoff::record(&rig.ctx, &id, by, Outcome::Won(euros("1")), "").await.unwrap_err();
        assert_eq!(again.kind(), Kind::Conflict, "it is won already");
        handoff::contacted(&rig.ctx, &id, by, "needs a second site").await.unwrap();
        let now = lead(&rig).await;
        assert_eq!((now.stage.as_str(), now.owner_email.as_deref()), ("won", Some(LUIS)));
        assert!(clock(&rig, &id).await.is_none() && live(&rig, &id).await.is_none());
        let steps = leads::steps(&rig.ctx.db, &id).await.unwrap();
        assert!(steps.last().unwrap().what.contains("needs a second site"), "{steps:?}");
        let over = handoff::contacted(&rig.ctx, &id, by, "").await.unwrap_err();
        assert_eq!(over.kind(), Kind::Conflict);
        rig.assert_nothing_left().await;
    }

    /// However it ended, and be it a minute ago: who asks again is with somebody who has a clock, in one record to which is only
    /// added. What was won or lost stays so; what was closed after contact is offered anew.
    async fn whoever_asks_again_is_with_somebody_whatever_the_end(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(at("2027-01-18T09:00:00-06:00"));
        let over = |reason| Outcome::Disqualified { reason, again_on: None };
        let ends = [
            (Outcome::Won(euros("1")), "won"),
            (Outcome::Lost(DisqualifyReason::Competitor), "lost"),
            (Outcome::Lost(DisqualifyReason::Timing), "lost"),
            (over(DisqualifyReason::NoFit), "offered"),
            (over(DisqualifyReason::ExistingDeal), "offered"),
            (over(DisqualifyReason::Timing), "offered"),
        ];
        for (no, (end, stage)) in ends.into_iter().enumerate() {
            let form = Submission {
                email: format!("end{no}@clinic{no}.example"),
                ..ada(FormKind::TalkToUs, forms::TALK_TO_US)
            };
            forms::submit(&rig.ctx, form.clone(), &person()).await.unwrap();
            let known = leads::by_address(&rig.ctx.db, &form.email, "northlight").await.unwrap().unwrap();
            let rep = takes(&rig, &known.id).await;
            let by = By::Rep(&rep);
            rig.clock.advance(MINUTE_MS);
            handoff::contacted(&rig.ctx, &known.id, by, "").await.unwrap();
            if stage != "offered" {
                let sql = Closing { on: Some(day("2027-02-26")), ..euros("12000") };
                handoff::record(&rig.ctx, &known.id, by, Outcome::Sql(sql), "").await.unwrap();
            }
            handoff::record(&rig.ctx, &known.id, by, end, "").await.unwrap();
            assert!(clock(&rig, &known.id).await.is_none() && live(&rig, &known.id).await.is_none(), "{end:?}");
            let before = leads::steps(&rig.ctx.db, &known.id).await.unwrap();
            for _ in 0..2 {
                rig.clock.advance(MINUTE_MS);
                forms::submit(&rig.ctx, form.clone(), &person()).await.unwrap();
                let now = leads::by_address(&rig.ctx.db, &form.email, "northlight").await.unwrap().unwrap();
                assert_eq!((&now.id, now.stage.as_str()), (&known.id, stage), "{end:?}");
                let has_it = live(&rig, &known.id).await.unwrap_or_else(|| panic!("nobody has it after {end:?}"));
                assert_eq!(clock(&rig, &known.id).await.unwrap().owner, has_it.rep_name, "{end:?}");
            }
            let steps = leads::steps(&rig.ctx.db, &known.id).await.unwrap();
            let told = |steps: &[leads::Step]| steps.iter().map(|step| step.what.clone()).collect::<Vec<_>>();
            assert_eq!(told(&steps[..before.len()]), told(&before), "{end:?}");
            if stage == "offered" {
                continue;
            }
            // Answered, and asked once more within the minute, they wait for an answer again.
            let holder = desk::rep(&rig.ctx, &live(&rig, &known.id).await.unwrap().rep_email).await.unwrap().unwrap();
            handoff::contacted(&rig.ctx, &known.id, By::Rep(&holder), "").await.unwrap();
            assert!(clock(&rig, &known.id).await.is_none(), "{end:?}");
            rig.clock.advance(MINUTE_MS);
            forms::submit(&rig.ctx, form, &person()).await.unwrap();
            assert!(clock(&rig, &known.id).await.is_some(), "{end:?}");
        }
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// A lost one is answered too, by whom the channel manager gives it to; it stays lost, and the clock is as short.
    async fn a_lost_one_who_asks_again_is_given_to_somebody(db: Db) {
        let rig = Rig::new(db).await;
        let (id, luis) = qualified(&rig).await;
        handoff::record(&rig.ctx, &id, By::Rep(&luis), Outcome::Lost(DisqualifyReason::NoBudget), "").await.unwrap();
        asks_again(&rig, "2027-01-25T09:00:00-06:00").await;
        // It stays what it was, and stands where people look as one that waits for an answer.
        for page in ["/console/leads", &format!("/console/leads/{id}")] {
            let (_, page) = get(&rig, page).await;
            assert!(page.contains("Lost, asks again"), "{page}");
        }
        let tom = desk::rep(&rig.ctx, MANAGER).await.unwrap().unwrap();
        rig.clock.advance(MINUTE_MS);
        handoff::give(&rig.ctx, &id, By::Rep(&tom), &Giving::to("dana.whitlock@northlight.example")).await.unwrap();
        let now = lead(&rig).await;
        assert_eq!((now.stage.as_str(), now.owner_name.as_deref()), ("lost", Some("Dana Whitlock")));
        assert_eq!(clock(&rig, &id).await.unwrap().due_ms, at("2027-01-25T13:01:00-06:00"));
        let dana = desk::rep(&rig.ctx, "dana.whitlock@northlight.example").await.unwrap().unwrap();
        handoff::contacted(&rig.ctx, &id, By::Rep(&dana), "").await.unwrap();
        assert_eq!(lead(&rig).await.stage, "lost");
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// Who was offered for what they did, and then asks to talk, is answered as soon as whoever asks, before and after somebody took the
    /// lead; asking once more changes nothing.
    async fn who_asks_while_they_are_offered_waits_no_longer(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(at("2027-01-18T09:00:00-06:00"));
        for (no, is_taken) in [(1, false), (2, true)] {
            let email = format!("w{no}@clinic{no}.example");
            for paper in ["whitepapers/proof-of-recovery", "whitepapers/first-24-hours"] {
                let form = Submission { email: email.clone(), ..ada(FormKind::Whitepaper, paper) };
                forms::submit(&rig.ctx, form, &person()).await.unwrap();
            }
            let id = leads::by_address(&rig.ctx.db, &email, "northlight").await.unwrap().unwrap().id;
            for _ in 0..2 {
                rig.clock.advance(MINUTE_MS);
                drop(track::on_page(&rig.ctx, &download(&id), &person()));
                track::write_batch(&rig.ctx).await.unwrap();
                handoff::tick(&rig.ctx).await.unwrap();
            }
            assert_eq!(live(&rig, &id).await.unwrap().temperature, "standard");
            if is_taken {
                takes(&rig, &id).await;
            }
            let before = clock(&rig, &id).await.unwrap();
            let asks = Submission { email: email.clone(), ..ada(FormKind::TalkToUs, forms::TALK_TO_US) };
            rig.clock.advance(MINUTE_MS);
            let asked_ms = rig.clock_ms();
            forms::submit(&rig.ctx, asks.clone(), &person()).await.unwrap();
            let now = clock(&rig, &id).await.unwrap();
            assert_eq!((&now.kind, now.minutes), (&before.kind, if is_taken { 240 } else { 60 }));
            assert!(now.due_ms < before.due_ms && now.due_ms > asked_ms, "{before:?} {now:?}");
            assert_eq!(live(&rig, &id).await.unwrap().temperature, "hot");
            rig.clock.advance(MINUTE_MS);
            forms::submit(&rig.ctx, asks, &person()).await.unwrap();
            assert_eq!(clock(&rig, &id).await.unwrap(), now, "once");
            handoff::tick(&rig.ctx).await.unwrap();
        }
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// Of a deal that runs, the long clock to its close is cut short until the person is answered, and then goes on.
    async fn a_deal_whose_person_asks_again_is_answered_soon(db: Db) {
        let rig = Rig::new(db).await;
        let (id, luis) = qualified(&rig).await;
        let long = clock(&rig, &id).await.unwrap().due_ms;
        assert_eq!(long, at("2027-02-26T17:00:00-06:00"));
        asks_again(&rig, "2027-01-25T09:00:00-06:00").await;
        assert_eq!(clock(&rig, &id).await.unwrap().due_ms, at("2027-01-25T13:00:00-06:00"));
        rig.clock.advance(MINUTE_MS);
        handoff::contacted(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap();
        assert_eq!((lead(&rig).await.stage.as_str(), clock(&rig, &id).await.unwrap().due_ms), ("sql", long));
        rig.clock.advance(DAY_MS);
        rig.assert_nothing_left().await;
    }

    /// A wrong value of a deal, open or won, is corrected by its owner with a reason; nothing that was said before is lost.
    async fn the_value_of_a_won_deal_is_corrected(db: Db) {
        let rig = Rig::new(db).await;
        let (id, luis) = qualified(&rig).await;
        let by = By::Rep(&luis);
        // One that is open is corrected too: it keeps its day, or has another, and the clock that goes with it.
        let day_before = clock(&rig, &id).await.unwrap();
        handoff::correct_value(&rig.ctx, &id, by, euros("12500"), "typed wrong").await.unwrap();
        assert_eq!(clock(&rig, &id).await.unwrap(), day_before);
        let sooner = Closing { on: Some(day("2027-02-19")), ..euros("12500") };
        rig.clock.advance(MINUTE_MS);
        handoff::correct_value(&rig.ctx, &id, by, sooner, "a week sooner").await.unwrap();
        assert_eq!(clock(&rig, &id).await.unwrap().due_ms, at("2027-02-19T17:00:00-06:00"));
        let past = Closing { on: Some(day("2027-01-01")), ..euros("1") };
        let past = handoff::correct_value(&rig.ctx, &id, by, past, "").await.unwrap_err();
        assert!(past.public().contains("has passed") && past.public().contains("why"), "{past}");
        rig.clock.advance(MINUTE_MS);
        handoff::record(&rig.ctx, &id, by, Outcome::Won(euros("115000")), "").await.unwrap();
        let mute = handoff::correct_value(&rig.ctx, &id, by, euros("11500"), "").await.unwrap_err();
        assert!(mute.kind() == Kind::Invalid && mute.public().contains("why"), "{mute}");
        let kara = desk::rep(&rig.ctx, "kara.boyd@northlight.example").await.unwrap().unwrap();
        let denied = handoff::correct_value(&rig.ctx, &id, By::Rep(&kara), euros("11500"), "x").await.unwrap_err();
        assert_eq!(denied.kind(), Kind::Denied);
        rig.clock.advance(MINUTE_MS);
        handoff::correct_value(&rig.ctx, &id, by, euros("11500"), "a nought too many").await.unwrap();
        let said = leads::amounts(&rig.ctx.db, &id).await.unwrap();
        let said: Vec<_> = said.iter().map(|it| (it.stage.as_str(), it.minor_units)).collect();
        assert_eq!(
            said,
            [
                ("won", 1_150_000),
                ("won", 11_500_000),
                ("sql", 1_250_000),
                ("sql", 1_250_000),
                ("sql", 1_200_000)
            ]
        );
        let steps = leads::steps(&rig.ctx.db, &id).await.unwrap();
        assert!(steps.last().unwrap().what.contains("a nought too many"), "{steps:?}");
    }
}
