//! A lead with one owner and a clock: reminded, taken back, given, closed, taken up again.

use chrono::NaiveDate;
use partnercast::{
    domain::{
        kernel::{
            Kind,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs},
            id::{LeadId, OfferId},
        },
        lead::{Amount, DisqualifyReason},
    },
    store::{
        consents,
        lead_clocks::{self, SlaClock},
        leads::{self, Lead},
        offers::{self, Offer},
        sequences,
    },
    work::{
        desk,
        forms::{self, FormKind, Submission},
        handoff::{self, By, Closing, Giving, Outcome},
        kept, team,
        track::{self, OnPage},
    },
};

use super::{
    Rig,
    hand_off::{ada, person},
};
use crate::harness::both_dbs;

pub const LUIS: &str = "luis.ortega@northlight.example";
pub const MANAGER: &str = "tom.beckett@brackenfold.example";
pub const SPONSOR: &str = "ingrid.solheim@brackenfold.example";

pub fn at(text: &str) -> UtcMs {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

/// Somebody asks Northlight MSP, in Chicago, for a call.
pub async fn asks(rig: &Rig, at_ms: UtcMs) -> String {
    rig.clock.set(at_ms);
    let form = ada(FormKind::TalkToUs, forms::TALK_TO_US);
    assert!(forms::submit(&rig.ctx, form, &person()).await.unwrap().qualified);
    lead(rig).await.id
}

pub async fn lead(rig: &Rig) -> Lead {
    leads::recent(&rig.ctx.db, None).await.unwrap().remove(0)
}

pub async fn live(rig: &Rig, lead_id: &str) -> Option<Offer> {
    offers::of_lead(&rig.ctx.db, lead_id).await.unwrap().into_iter().find(Offer::is_live)
}

pub async fn clock(rig: &Rig, lead_id: &str) -> Option<SlaClock> {
    let all = lead_clocks::of_lead(&rig.ctx.db, lead_id).await.unwrap();
    all.into_iter().find(|clock| clock.stopped_ms.is_none())
}

pub async fn takes(rig: &Rig, lead_id: &str) -> desk::Rep {
    let offer = live(rig, lead_id).await.unwrap();
    handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
    desk::rep(&rig.ctx, &offer.rep_email).await.unwrap().unwrap()
}

/// How the clock is moved: finer than any step of a lead's clock.
const STEP_MS: i64 = 10 * MINUTE_MS;

/// Goes on until `until_ms`, and sends what that leads to.
pub async fn pass(rig: &Rig, until_ms: UtcMs) {
    while rig.clock_ms() < until_ms {
        rig.clock.set((rig.clock_ms() + STEP_MS).min(until_ms));
        handoff::tick(&rig.ctx).await.unwrap();
    }
    rig.drain().await;
}

/// Subjects of the mails to `address`, the newest first.
pub async fn subjects(rig: &Rig, address: &str) -> Vec<String> {
    let all = rig.mailbox.list(10_000).await.unwrap();
    all.into_iter().filter(|mail| mail.to.contains(address)).map(|mail| mail.subject).collect()
}

pub fn euros(sum: &str) -> Closing {
    Closing { amount: Amount::parse(sum, "EUR").unwrap(), on: None }
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

both_dbs! {
    /// Asked on a Friday at 16:30 in Chicago, with an hour to answer: reminded at 17:00, not once over the weekend, again on
    /// Monday at 09:18, and at 09:30 it is somebody else's. Everybody is told, and the ledger says that the clock was not kept.
    async fn an_offer_that_nobody_answers_goes_to_the_next(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-15T16:30:00-06:00")).await;
        rig.drain().await;
        let first = clock(&rig, &id).await.unwrap();
        assert_eq!((first.due_ms, first.zone.as_str()), (at("2027-01-18T09:30:00-06:00"), "America/Chicago"));
        let offer = live(&rig, &id).await.unwrap();
        assert_eq!(offer.rep_email, LUIS);

        pass(&rig, at("2027-01-15T16:59:00-06:00")).await;
        assert_eq!(subjects(&rig, LUIS).await.len(), 1, "the offer alone");
        pass(&rig, at("2027-01-15T17:00:00-06:00")).await;
        let mails = subjects(&rig, LUIS).await;
        assert!(mails.len() == 2 && mails[0].contains("Still waiting for your answer"), "{mails:?}");
        rig.clock.set(at("2027-01-18T09:16:00-06:00"));
        pass(&rig, at("2027-01-18T09:17:00-06:00")).await;
        assert_eq!(subjects(&rig, LUIS).await.len(), 2, "a weekend is no business time");
        pass(&rig, at("2027-01-18T09:18:00-06:00")).await;
        assert_eq!(subjects(&rig, LUIS).await.len(), 3);
        pass(&rig, at("2027-01-18T09:29:00-06:00")).await;
        assert_eq!(live(&rig, &id).await.unwrap().id, offer.id, "to the last minute");

        pass(&rig, at("2027-01-18T09:30:00-06:00")).await;
        let next = live(&rig, &id).await.unwrap();
        assert_ne!(next.rep_email, LUIS);
        let lapsed = offers::offer(&rig.ctx.db, &offer.id).await.unwrap().unwrap();
        assert_eq!((lapsed.answer.as_deref(), lapsed.reason.as_str()), (Some("recalled"), "overdue"));
        assert!(subjects(&rig, LUIS).await[0].contains("has moved on"));
        let told = subjects(&rig, MANAGER).await;
        assert!(told.len() == 1 && told[0].contains("was taken back"), "{told:?}");
        assert!(subjects(&rig, &next.rep_email).await[0].contains("asked to talk"));
        let text = rig.mail_to(MANAGER).await.text.unwrap();
        assert!(!text.contains("Ada") && !text.contains("Harbor Clinic"), "no personal data in the mail: {text}");

        let late = handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap_err();
        assert_eq!(late.kind(), Kind::Conflict);
        assert!(late.public().contains("\"offered\" now"), "{}", late.public());
        let clocks = kept::clocks(&rig.ctx, Some("northlight")).await.unwrap();
        assert_eq!((clocks.kept, clocks.broken, clocks.open), (0, 1, 1));
        let steps = leads::steps(&rig.ctx.db, &id).await.unwrap();
        let stages: Vec<_> = steps.iter().map(|step| step.stage.as_str()).collect();
        assert!(stages.ends_with(&["expired", "offered"]), "{stages:?}");
        assert!(steps.iter().any(|step| step.what.contains("Luis Ortega: did not answer in time before")), "{steps:?}");
        rig.assert_nothing_left().await;
    }

    /// Who asked for more time is reminded anew, of the longer time.
    async fn more_time_is_reminded_of_anew(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-15T10:00:00-06:00")).await;
        pass(&rig, at("2027-01-15T10:30:00-06:00")).await;
        assert_eq!(subjects(&rig, LUIS).await.len(), 2, "the offer and a reminder");
        let luis = desk::rep(&rig.ctx, LUIS).await.unwrap().unwrap();
        handoff::ask_for_time(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap();
        pass(&rig, at("2027-01-15T11:00:00-06:00")).await;
        assert_eq!(subjects(&rig, LUIS).await.len(), 3, "half of two hours");
        pass(&rig, at("2027-01-15T11:36:00-06:00")).await;
        assert_eq!(subjects(&rig, LUIS).await.len(), 4);
        rig.assert_nothing_left().await;
    }

    /// Whoever takes back their consent while their lead is offered is offered to nobody after that.
    async fn a_lead_without_consent_goes_to_nobody(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-15T10:00:00-06:00")).await;
        rig.clock.advance(10 * MINUTE_MS);
        let mut tx = rig.ctx.db.begin().await.unwrap();
        consents::withdraw(&mut tx, &id, rig.clock_ms()).await.unwrap();
        tx.commit().await.unwrap();
        let manager = desk::rep(&rig.ctx, MANAGER).await.unwrap().unwrap();
        let given = handoff::give(&rig.ctx, &id, By::Rep(&manager), &Giving::to("dana.whitlock@northlight.example")).await;
        assert!(given.unwrap_err().public().contains("took back their consent"));
        pass(&rig, at("2027-01-15T11:00:00-06:00")).await;
        assert_eq!(lead(&rig).await.stage, "recycled");
        assert!(live(&rig, &id).await.is_none() && clock(&rig, &id).await.is_none());
        assert_eq!(offers::of_lead(&rig.ctx.db, &id).await.unwrap().len(), 1);
        rig.assert_nothing_left().await;
    }

    /// Two processes look at the same clocks: each reminder is one mail, and the lead is taken back once.
    async fn two_nodes_remind_once(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-15T10:00:00-06:00")).await;
        let other = rig.another(rig.clock.clone(), 99);
        for minutes in [30, 48, 60] {
            rig.clock.set(at("2027-01-15T10:00:00-06:00") + minutes * MINUTE_MS);
            let (one, two) = tokio::join!(handoff::tick(&rig.ctx), handoff::tick(&other));
            // Of two that want the same row at once, one may be refused: it looks again.
            drop((one, two));
            handoff::tick(&rig.ctx).await.unwrap();
            handoff::tick(&other).await.unwrap();
        }
        rig.drain().await;
        let mails = subjects(&rig, LUIS).await;
        assert_eq!(mails.len(), 4, "offer, two reminders, farewell: {mails:?}");
        assert_eq!(offers::of_lead(&rig.ctx.db, &id).await.unwrap().len(), 2);
        assert_eq!(subjects(&rig, MANAGER).await.len(), 1);
    }

    /// Whoever takes a lead and reaches nobody loses it after four business hours; somebody else is asked, the lead has no
    /// owner meanwhile, and what the first one records then is refused.
    async fn a_lead_that_nobody_reaches_is_taken_back(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-15T10:00:00-06:00")).await;
        let luis = takes(&rig, &id).await;
        assert_eq!(clock(&rig, &id).await.unwrap().due_ms, at("2027-01-15T14:00:00-06:00"));
        pass(&rig, at("2027-01-15T14:00:00-06:00")).await;
        let now = lead(&rig).await;
        assert_eq!((now.stage.as_str(), now.owner_name), ("offered", None));
        let next = live(&rig, &id).await.unwrap();
        assert_ne!(next.rep_email, LUIS);
        for late in [
            handoff::contacted(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap_err(),
            handoff::ask_for_time(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap_err(),
            handoff::give(&rig.ctx, &id, By::Rep(&luis), &Giving::to(LUIS)).await.unwrap_err(),
        ] {
            assert_eq!(late.kind(), Kind::Denied, "{}", late.public());
        }
        let before = offers::of_lead(&rig.ctx.db, &id).await.unwrap().pop().unwrap();
        assert!(before.ended_because.unwrap().contains("did not reach the person in time"));
        rig.assert_nothing_left().await;
    }

    /// A next step that is late stays with its owner: the channel manager is told, and after as long again the sponsor. More
    /// time is given once.
    async fn a_late_next_step_goes_up(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        let luis = takes(&rig, &id).await;
        let by = By::Rep(&luis);
        let longer = handoff::ask_for_time(&rig.ctx, &id, by, "on the road").await.unwrap();
        assert_eq!(longer, at("2027-01-18T17:00:00-06:00"), "four hours again");
        let twice = handoff::ask_for_time(&rig.ctx, &id, by, "").await.unwrap_err();
        assert_eq!(twice.kind(), Kind::Conflict);
        handoff::contacted(&rig.ctx, &id, by, "wants a test").await.unwrap();
        let due_ms = clock(&rig, &id).await.unwrap().due_ms;
        assert_eq!(due_ms, at("2027-01-22T17:00:00-06:00"), "five business days");
        pass(&rig, due_ms).await;
        assert_eq!(live(&rig, &id).await.unwrap().rep_email, LUIS, "it stays theirs");
        assert!(subjects(&rig, MANAGER).await[0].contains("is late"));
        assert!(subjects(&rig, SPONSOR).await.is_empty());
        pass(&rig, at("2027-01-29T17:00:00-06:00")).await;
        assert!(subjects(&rig, SPONSOR).await[0].contains("is still late"));
        assert_eq!(clock(&rig, &id).await.unwrap().told_percent, 200);
        let told = subjects(&rig, LUIS).await.len();
        pass(&rig, at("2027-02-01T17:00:00-06:00")).await;
        assert_eq!(subjects(&rig, LUIS).await.len(), told, "nobody is told for ever");
        rig.assert_nothing_left().await;
    }

    /// Norway's Constitution Day is no day of work at Fjellvakt, and is one elsewhere.
    async fn holidays_stop_the_clock(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(at("2027-05-14T16:30:00+02:00"));
        let form = Submission { partner: "fjellvakt".into(), ..ada(FormKind::TalkToUs, forms::TALK_TO_US) };
        forms::submit(&rig.ctx, form, &person()).await.unwrap();
        let id = lead(&rig).await.id;
        // Friday evening, Whit Monday on the 17th is a holiday in both ways.
        assert_eq!(clock(&rig, &id).await.unwrap().due_ms, at("2027-05-18T09:30:00+02:00"));
    }

    /// From the first contact to a deal that was won: each step by its owner, its value added to and never changed; nothing
    /// follows the end, and the figures of the team say how it went.
    async fn a_lead_is_followed_to_its_close(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        rig.clock.advance(25 * MINUTE_MS);
        let luis = takes(&rig, &id).await;
        let by = By::Rep(&luis);
        let early = handoff::record(&rig.ctx, &id, by, Outcome::Won(euros("5")), "").await.unwrap_err();
        assert_eq!(early.kind(), Kind::Conflict);
        assert!(early.public().contains("cannot become \"won\""), "{}", early.public());
        rig.clock.advance(MINUTE_MS);
        handoff::contacted(&rig.ctx, &id, by, "").await.unwrap();
        rig.clock.advance(MINUTE_MS);
        let past = Closing { on: Some(day("2027-01-17")), ..euros("12000") };
        let past = handoff::record(&rig.ctx, &id, by, Outcome::Sql(past), "").await.unwrap_err();
        assert!(past.public().contains("2027-01-17 has passed"), "{}", past.public());
        let undated = handoff::record(&rig.ctx, &id, by, Outcome::Sql(euros("12000")), "").await.unwrap_err();
        assert!(undated.kind() == Kind::Invalid && undated.public().contains("write the day"), "{undated}");
        let sql = Closing { on: Some(day("2027-02-26")), ..euros("12000") };
        handoff::record(&rig.ctx, &id, by, Outcome::Sql(sql), "three sites").await.unwrap();
        assert_eq!(clock(&rig, &id).await.unwrap().due_ms, at("2027-02-26T17:00:00-06:00"));
        handoff::record(&rig.ctx, &id, by, Outcome::DealRegistered(None), "").await.unwrap();
        assert!(clock(&rig, &id).await.is_some(), "the day that was named still counts");
        let someone = desk::rep(&rig.ctx, "kara.boyd@northlight.example").await.unwrap().unwrap();
        let denied = handoff::record(&rig.ctx, &id, By::Rep(&someone), Outcome::Won(euros("1")), "").await.unwrap_err();
        assert_eq!(denied.kind(), Kind::Denied);
        handoff::record(&rig.ctx, &id, by, Outcome::Won(euros("11500.50")), "signed").await.unwrap();
        let now = lead(&rig).await;
        assert_eq!((now.stage.as_str(), now.owner_email.as_deref()), ("won", Some(LUIS)), "who won it stays known");
        assert!(clock(&rig, &id).await.is_none() && live(&rig, &id).await.is_none());
        let said = leads::amounts(&rig.ctx.db, &id).await.unwrap();
        let said: Vec<_> = said.iter().map(|it| (it.stage.as_str(), it.minor_units)).collect();
        assert_eq!(said, [("won", 1_150_050), ("sql", 1_200_000)]);
        for after in [
            handoff::record(&rig.ctx, &id, by, Outcome::Lost(DisqualifyReason::NoBudget), "").await.unwrap_err(),
            handoff::note(&rig.ctx, &id, By::Console("operator"), "more").await.unwrap_err(),
            handoff::give(&rig.ctx, &id, By::Console("operator"), &Giving::to(MANAGER)).await.unwrap_err(),
        ] {
            assert_eq!(after.kind(), Kind::Conflict, "{}", after.public());
        }
        let team = team::team(&rig.ctx, |partner| partner.slug.as_str() == "northlight").await.unwrap();
        assert_eq!((team.record.acceptance_percent(), team.record.answered_within_minutes(50)), (Some(100), Some(25)));

        // Whoever bought and asks again is not lost either.
        rig.drain().await;
        rig.clock.advance(DAY_MS);
        forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
        rig.drain().await;
        assert!(subjects(&rig, LUIS).await[0].contains("has written again"));
        assert_eq!(lead(&rig).await.stage, "won");
        rig.assert_nothing_left().await;
    }

    /// "Not now, in March": back to nurture, whose sequences go on, and on that morning it is offered to whoever had it.
    async fn a_lead_for_later_is_taken_up_again(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(at("2027-01-11T09:00:00-06:00"));
        let form = ada(FormKind::Whitepaper, "whitepapers/proof-of-recovery");
        forms::submit(&rig.ctx, form, &person()).await.unwrap();
        partnercast::work::sequences::tick(&rig.ctx).await.unwrap();
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        let inside = async || {
            let all = sequences::of_person(&rig.ctx.db, &id).await.unwrap();
            all.iter().map(|of| of.state.clone()).collect::<Vec<_>>()
        };
        let held = inside().await;
        assert!(!held.is_empty() && held.iter().all(|state| state == "left"), "{held:?}");
        let luis = takes(&rig, &id).await;
        let by = By::Rep(&luis);
        handoff::contacted(&rig.ctx, &id, by, "").await.unwrap();
        let reason = DisqualifyReason::Timing;
        for (reason, again_on) in [(DisqualifyReason::NoFit, "2027-03-02"), (reason, "2027-01-18"), (reason, "2031-01-01")] {
            let outcome = Outcome::Disqualified { reason, again_on: Some(day(again_on)) };
            let fault = handoff::record(&rig.ctx, &id, by, outcome, "").await.unwrap_err();
            assert_eq!(fault.kind(), Kind::Invalid, "{}", fault.public());
        }
        let outcome = Outcome::Disqualified { reason, again_on: Some(day("2027-03-02")) };
        handoff::record(&rig.ctx, &id, by, outcome, "after the audit").await.unwrap();
        let now = lead(&rig).await;
        assert_eq!((now.stage.as_str(), now.closed_reason.as_str(), now.owner_name), ("recycled", "timing", None));
        assert_eq!(now.reopen_ms, Some(at("2027-03-02T09:00:00-06:00")));
        assert!(inside().await.contains(&"inside".to_owned()), "nurture goes on where it was");
        let team = team::team(&rig.ctx, |partner| partner.slug.as_str() == "northlight").await.unwrap();
        assert_eq!(team.closed, [(reason, 1)], "the gate hears of it");

        // What was done before counts no more: reading one page is not enough to be called at once.
        let page = OnPage {
            kind: partnercast::domain::engagement::EventKind::PageView,
            partner: "northlight",
            asset: "whitepapers/proof-of-recovery",
            revision: None,
            via: None,
            lead: LeadId::parse(&id).ok(),
        };
        rig.clock.advance(HOUR_MS);
        drop(track::on_page(&rig.ctx, &page, &person()));
        track::write_batch(&rig.ctx).await.unwrap();
        rig.clock.advance(MINUTE_MS);
        handoff::tick(&rig.ctx).await.unwrap();
        assert_eq!(lead(&rig).await.stage, "recycled");

        rig.clock.set(at("2027-03-02T08:59:00-06:00"));
        handoff::tick(&rig.ctx).await.unwrap();
        assert!(live(&rig, &id).await.is_none());
        rig.clock.set(at("2027-03-02T09:00:00-06:00"));
        handoff::tick(&rig.ctx).await.unwrap();
        let again = live(&rig, &id).await.unwrap();
        assert_eq!(again.rep_email, LUIS);
        assert!(again.because.contains("had it before"), "{}", again.because);
        assert!(lead(&rig).await.because.contains("Not now"));
        handoff::tick(&rig.ctx).await.unwrap();
        assert_eq!(offers::of_lead(&rig.ctx.db, &id).await.unwrap().len(), 2, "once");
    }

    /// Deeds alone qualify, without a form: the gate is passed by whoever reads and clicks enough.
    async fn deeds_qualify_somebody_in_nurture(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(at("2027-01-18T09:00:00-06:00"));
        for paper in ["whitepapers/proof-of-recovery", "whitepapers/first-24-hours"] {
            forms::submit(&rig.ctx, ada(FormKind::Whitepaper, paper), &person()).await.unwrap();
        }
        let now = lead(&rig).await;
        assert_eq!((now.stage.as_str(), now.score), ("inquiry", 40));
        let page = OnPage {
            kind: partnercast::domain::engagement::EventKind::Download,
            partner: "northlight",
            asset: "whitepapers/proof-of-recovery",
            revision: None,
            via: None,
            lead: LeadId::parse(&now.id).ok(),
        };
        for times in [1, 2] {
            rig.clock.advance(MINUTE_MS);
            drop(track::on_page(&rig.ctx, &page, &person()));
            track::write_batch(&rig.ctx).await.unwrap();
            handoff::tick(&rig.ctx).await.unwrap();
            let stage = lead(&rig).await.stage;
            assert_eq!(stage, if times == 1 { "inquiry" } else { "offered" });
        }
        assert!(lead(&rig).await.because.contains("Both are met"));
        assert_eq!(live(&rig, &now.id).await.unwrap().temperature, "standard");
    }

    /// Whoever took back what they agreed to is not called: neither for what they do, nor on a day that was named before.
    async fn nobody_is_called_against_their_word(db: Db) {
        let rig = Rig::new(db).await;
        let withdraw = async |id: &str| {
            rig.clock.advance(MINUTE_MS);
            let mut tx = rig.ctx.db.begin().await.unwrap();
            consents::withdraw(&mut tx, id, rig.clock_ms()).await.unwrap();
            tx.commit().await.unwrap();
        };
        rig.clock.set(at("2027-01-18T09:00:00-06:00"));
        for paper in ["whitepapers/proof-of-recovery", "whitepapers/first-24-hours"] {
            forms::submit(&rig.ctx, ada(FormKind::Whitepaper, paper), &person()).await.unwrap();
        }
        let id = lead(&rig).await.id;
        withdraw(&id).await;
        let page = OnPage {
            kind: partnercast::domain::engagement::EventKind::Download,
            partner: "northlight",
            asset: "whitepapers/proof-of-recovery",
            revision: None,
            via: None,
            lead: LeadId::parse(&id).ok(),
        };
        for _ in 0..3 {
            drop(track::on_page(&rig.ctx, &page, &person()));
            track::write_batch(&rig.ctx).await.unwrap();
            rig.clock.advance(MINUTE_MS);
            handoff::tick(&rig.ctx).await.unwrap();
        }
        assert!(live(&rig, &id).await.is_none(), "{:?}", lead(&rig).await);

        // Who asks to talk agrees anew.
        let again = asks(&rig, rig.clock_ms() + HOUR_MS).await;
        assert_eq!(again, id);
        let luis = takes(&rig, &id).await;
        let outcome =
            Outcome::Disqualified { reason: DisqualifyReason::Timing, again_on: Some(day("2027-03-02")) };
        handoff::record(&rig.ctx, &id, By::Rep(&luis), outcome, "").await.unwrap();
        withdraw(&id).await;
        rig.clock.set(at("2027-03-02T09:00:00-06:00"));
        handoff::tick(&rig.ctx).await.unwrap();
        assert!(live(&rig, &id).await.is_none() && lead(&rig).await.reopen_ms.is_none());
        let steps = leads::steps(&rig.ctx.db, &id).await.unwrap();
        assert!(steps.last().unwrap().what.contains("took back"), "{steps:?}");
    }

    /// The channel manager gives a lead to whom they choose, at any stage; each of them is told, and nothing is doubled.
    async fn the_channel_manager_gives_leads(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        let tom = desk::rep(&rig.ctx, MANAGER).await.unwrap().unwrap();
        let by = By::Rep(&tom);
        let kara = "kara.boyd@northlight.example";
        let nobody = handoff::give(&rig.ctx, &id, by, &Giving::to("somebody@elsewhere.example")).await.unwrap_err();
        assert_eq!(nobody.kind(), Kind::Invalid);
        handoff::give(&rig.ctx, &id, by, &Giving::to(kara)).await.unwrap();
        let offered = live(&rig, &id).await.unwrap();
        assert_eq!((offered.rep_email.as_str(), offered.because.as_str()), (kara, "Tom Beckett gave it to Kara Boyd"));
        let again = handoff::give(&rig.ctx, &id, by, &Giving::to(kara)).await.unwrap_err();
        assert_eq!(again.kind(), Kind::Conflict);
        let holder = takes(&rig, &id).await;
        handoff::contacted(&rig.ctx, &id, By::Rep(&holder), "").await.unwrap();
        handoff::give(&rig.ctx, &id, by, &Giving::to("dana.whitlock@northlight.example")).await.unwrap();
        let now = lead(&rig).await;
        assert_eq!((now.stage.as_str(), now.owner_name.as_deref()), ("contacted", Some("Dana Whitlock")));
        assert_eq!(clock(&rig, &id).await.unwrap().owner, "Dana Whitlock");
        let denied = handoff::contacted(&rig.ctx, &id, By::Rep(&holder), "").await.unwrap_err();
        assert_eq!(denied.kind(), Kind::Denied);
        rig.drain().await;
        let told = async |address, what: &str| subjects(&rig, address).await.iter().any(|it| it.contains(what));
        assert!(told(kara, "has moved on").await && told("dana.whitlock@northlight.example", "is yours now").await);
        let clocks = kept::clocks(&rig.ctx, Some("northlight")).await.unwrap();
        assert_eq!(clocks.broken, 0, "what was taken from somebody in time is no broken promise of theirs");
        rig.assert_nothing_left().await;
    }
}
