//! Consent that is taken back, and people who are erased, while others work on their leads.

use partnercast::{
    domain::{
        kernel::{Kind, clock::MINUTE_MS, id::OfferId},
        lead::RejectReason,
    },
    store::{Db, consents, leads, offers},
    work::{
        desk,
        handoff::{self, By, Closing, Outcome},
        person,
    },
};

use super::{
    Rig,
    lead_work::{LUIS, MANAGER, asks, at, clock, day, euros, lead, live, pass, subjects, takes},
};
use crate::harness::both_dbs;

const MONDAY: &str = "2027-01-18T09:00:00-06:00";

async fn withdraw(rig: &Rig, id: &str) {
    rig.clock.advance(MINUTE_MS);
    let mut tx = rig.ctx.db.begin().await.unwrap();
    consents::withdraw(&mut tx, id, rig.clock_ms()).await.unwrap();
    tx.commit().await.unwrap();
}

/// A deal of Luis's, sales qualified with a day.
async fn deal(rig: &Rig) -> String {
    let id = asks(rig, rig.clock_ms().max(at(MONDAY))).await;
    let luis = takes(rig, &id).await;
    handoff::contacted(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap();
    let closing = Closing { on: Some(day("2027-03-30")), ..euros("100") };
    handoff::record(&rig.ctx, &id, By::Rep(&luis), Outcome::Sql(closing), "").await.unwrap();
    rig.drain().await;
    id
}

both_dbs! {
    /// Whoever takes back their consent between offer and answer is not accepted; the offer is taken back at once, and the rep
    /// is told instead of reminded.
    async fn nobody_takes_a_lead_against_its_word(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at(MONDAY)).await;
        let offer = live(&rig, &id).await.unwrap();
        withdraw(&rig, &id).await;
        let refused = handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap_err();
        assert!(refused.public().contains("took back their consent"), "{refused:?}");
        handoff::tick(&rig.ctx).await.unwrap();
        assert_eq!(lead(&rig).await.stage, "recycled");
        assert!(live(&rig, &id).await.is_none() && clock(&rig, &id).await.is_none());
        pass(&rig, at("2027-01-18T11:00:00-06:00")).await;
        let told = subjects(&rig, LUIS).await;
        assert!(told.len() == 2 && told.iter().any(|it| it.contains("may not be called")), "{told:?}");
        rig.assert_nothing_left().await;
    }

    /// The same for whoever accepted and reached nobody yet; what was worked since a first contact stays.
    async fn an_owner_who_has_not_called_yet_is_told(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at(MONDAY)).await;
        takes(&rig, &id).await;
        withdraw(&rig, &id).await;
        handoff::tick(&rig.ctx).await.unwrap();
        let now = lead(&rig).await;
        assert!(now.stage == "recycled" && now.owner_name.is_none(), "{now:?}");
        assert!(clock(&rig, &id).await.is_none());
        rig.drain().await;
        assert!(subjects(&rig, LUIS).await.iter().any(|subject| subject.contains("may not be called")));
        assert!(consents::unsettled(&rig.ctx.db, 10).await.unwrap().is_empty());

        rig.clock.advance(MINUTE_MS);
        let id = deal(&rig).await;
        withdraw(&rig, &id).await;
        handoff::tick(&rig.ctx).await.unwrap();
        assert!(lead(&rig).await.stage == "sql" && clock(&rig, &id).await.is_some());
    }

    /// What a channel manager is asked to decide is handed on to nobody either.
    async fn what_is_to_be_decided_is_not_handed_on(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at(MONDAY)).await;
        let offer = live(&rig, &id).await.unwrap();
        handoff::reject(&rig.ctx, OfferId::parse(&offer.id).unwrap(), RejectReason::BadData, "").await.unwrap();
        withdraw(&rig, &id).await;
        let manager = desk::rep(&rig.ctx, MANAGER).await.unwrap().unwrap();
        let refused = handoff::hand_on(&rig.ctx, &id, By::Rep(&manager), "").await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Conflict, "{refused:?}");
        handoff::tick(&rig.ctx).await.unwrap();
        assert_eq!(lead(&rig).await.stage, "recycled");
    }

    /// A rep is erased: what nobody reached is offered to the next, a deal goes to the channel manager, each with one clock,
    /// and no row of a lead names them.
    async fn the_leads_of_an_erased_rep_go_on(db: Db) {
        let rig = Rig::new(db).await;
        let id = deal(&rig).await;
        assert_eq!(live(&rig, &id).await.unwrap().rep_email, LUIS);
        let done = person::erase(&rig.ctx, LUIS, "tests").await.unwrap();
        assert_eq!((done.passed_on, done.left.as_slice()), (1, [].as_slice()), "{done:?}");
        let (now, offer) = (lead(&rig).await, live(&rig, &id).await.unwrap());
        assert!(now.stage == "sql" && now.owner_email.as_deref() == Some(MANAGER), "{now:?}");
        assert!(offer.holds() && offer.rep_email == MANAGER && clock(&rig, &id).await.is_some(), "{offer:?}");
        no_row_names(&rig.ctx.db, &id, "Luis").await;
        rig.drain().await;
        assert!(!subjects(&rig, MANAGER).await.is_empty());
    }

    /// The same where they were only offered it.
    async fn an_offer_to_an_erased_rep_goes_to_the_next(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at(MONDAY)).await;
        assert_eq!(live(&rig, &id).await.unwrap().rep_email, LUIS);
        person::erase(&rig.ctx, LUIS, "tests").await.unwrap();
        let offer = live(&rig, &id).await.unwrap();
        assert!(lead(&rig).await.stage == "offered" && offer.rep_email != LUIS, "{offer:?}");
        assert_eq!(clock(&rig, &id).await.unwrap().owner, offer.rep_name);
        no_row_names(&rig.ctx.db, &id, "Luis").await;
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// The person of a deal is erased: the deal keeps its owner and its clock, the owner is told what is true, and what they
    /// typed about the person is gone.
    async fn a_deal_goes_on_without_its_person(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at(MONDAY)).await;
        let first = live(&rig, &id).await.unwrap();
        let note = "she is on sick leave until June";
        handoff::reject(&rig.ctx, OfferId::parse(&first.id).unwrap(), RejectReason::NoCapacity, note).await.unwrap();
        let rep = takes(&rig, &id).await;
        handoff::contacted(&rig.ctx, &id, By::Rep(&rep), "").await.unwrap();
        let closing = Closing { on: Some(day("2027-03-30")), ..euros("100") };
        handoff::record(&rig.ctx, &id, By::Rep(&rep), Outcome::Sql(closing), "").await.unwrap();
        rig.drain().await;
        let (email, runs) = (lead(&rig).await.email, clock(&rig, &id).await.unwrap());
        person::erase(&rig.ctx, &email, "tests").await.unwrap();
        let now = leads::lead(&rig.ctx.db, &id).await.unwrap().unwrap();
        assert!(now.stage == "sql" && now.owner_name.is_some() && now.name == "(erased)", "{now:?}");
        assert_eq!(clock(&rig, &id).await.unwrap().due_ms, runs.due_ms, "the day of the deal");
        let reasons = offers::of_lead(&rig.ctx.db, &id).await.unwrap();
        assert!(reasons.iter().all(|offer| !format!("{offer:?}").contains("sick")), "{reasons:?}");
        assert!(reasons.iter().any(|offer| offer.reason == RejectReason::NoCapacity.as_str()));
        rig.drain().await;
        let told = rig.mail_to(&live(&rig, &id).await.unwrap().rep_email).await.text.unwrap();
        assert!(told.contains("The deal stays yours") && !told.contains("taken back"), "{told}");
    }
}

/// Fails where a row of the lead holds `name`.
async fn no_row_names(db: &Db, id: &str, name: &str) {
    let steps = leads::steps(db, id).await.unwrap();
    let offers = offers::of_lead(db, id).await.unwrap();
    let clocks = partnercast::store::lead_clocks::of_lead(db, id).await.unwrap();
    let all = format!("{steps:?} {offers:?} {clocks:?} {:?}", leads::lead(db, id).await.unwrap());
    assert!(!all.contains(name), "{all}");
}
