//! A lead that is turned down for a reason which a colleague cannot mend: the channel manager is asked first.

use partnercast::{
    domain::{
        kernel::{Kind, clock::MINUTE_MS, id::OfferId},
        lead::{DisqualifyReason, RejectReason, stage::RejectClass},
    },
    store::{closings, consents, leads},
    work::{
        desk,
        handoff::{self, By, Correction, Outcome, is_to_decide},
        team,
    },
};

use super::{
    Rig,
    console::get,
    lead_work::{LUIS, MANAGER, SPONSOR, asks, at, clock, day, lead, live, pass, subjects, takes},
};
use crate::harness::both_dbs;

/// Luis, who is offered a lead, turns it down.
async fn turned_down(rig: &Rig, reason: RejectReason, note: &str) -> String {
    let id = asks(rig, at("2027-01-18T09:00:00-06:00")).await;
    rig.drain().await;
    rig.clock.advance(MINUTE_MS);
    let offer = live(rig, &id).await.unwrap();
    assert_eq!(offer.rep_email, LUIS);
    handoff::reject(&rig.ctx, OfferId::parse(&offer.id).unwrap(), reason, note).await.unwrap();
    rig.drain().await;
    id
}

both_dbs! {
    /// What a colleague can do goes to a colleague; of all else the channel manager is asked, with the reason and the note, and
    /// has the lead meanwhile, with a clock.
    async fn each_reason_goes_where_it_can_be_mended(db: Db) {
        let rig = Rig::new(db).await;
        let mut id = String::new();
        for (round, reason) in RejectReason::ALL.iter().enumerate() {
            if round > 0 {
                // A look of its own for each: another person would do as well.
                let mut tx = rig.ctx.db.begin().await.unwrap();
                consents::withdraw(&mut tx, &id, rig.clock_ms()).await.unwrap();
                tx.commit().await.unwrap();
                let offer = live(&rig, &id).await.unwrap();
                rig.clock.advance(MINUTE_MS);
                handoff::reject(&rig.ctx, OfferId::parse(&offer.id).unwrap(), RejectReason::NoCapacity, "").await.unwrap();
                assert_eq!(lead(&rig).await.stage, "recycled");
                rig.clock.advance(MINUTE_MS);
            }
            id = asks(&rig, rig.clock_ms().max(at("2027-01-18T09:00:00-06:00"))).await;
            let first = live(&rig, &id).await.unwrap();
            rig.clock.advance(MINUTE_MS);
            handoff::reject(&rig.ctx, OfferId::parse(&first.id).unwrap(), *reason, "as we said").await.unwrap();
            let next = live(&rig, &id).await.unwrap();
            let is_asked = next.rep_email == MANAGER;
            assert_eq!(is_asked, reason.class() != RejectClass::Procedural, "{reason}: {next:?}");
            assert_eq!(is_to_decide(&next), is_asked, "{reason}");
            assert!(!next.because.contains("as we said"), "the note stays behind the link");
            rig.drain().await;
        }
    }

    /// The mail says why, the page of the channel manager lists it, and the lead can be corrected and handed on to the next.
    async fn the_channel_manager_corrects_it_and_hands_it_on(db: Db) {
        let rig = Rig::new(db).await;
        let id = turned_down(&rig, RejectReason::BadData, "the number is not in use").await;
        let mail = rig.mail_to(MANAGER).await;
        assert!(mail.subject.contains("Please decide"), "{}", mail.subject);
        let text = mail.text.unwrap();
        assert!(text.contains("The contact data is wrong") && text.contains("the number is not in use"), "{text}");
        assert!(!text.contains("Ada") && !text.contains("Harbor Clinic"), "{text}");
        assert_eq!(clock(&rig, &id).await.unwrap().owner, "Tom Beckett");
        let team = team::team(&rig.ctx, |partner| partner.slug.as_str() == "northlight").await.unwrap();
        let asked = &team.partners[0].decisions;
        assert_eq!((asked.len(), asked[0].by.as_str()), (1, "Luis Ortega"));
        assert!(asked[0].why.contains("the number is not in use"), "{}", asked[0].why);

        // To be asked what is to become of a lead is no second offer: it counts in no rate, and nobody was offered it.
        let record = &team.record;
        assert_eq!((record.offered, record.rejected, record.decided()), (1, 1, 1), "{record:?}");
        assert!(team.partners[0].reps.iter().all(|rep| rep.name != "Tom Beckett"), "{:?}", team.partners[0].reps);
        let steps = leads::steps(&rig.ctx.db, &id).await.unwrap();
        assert!(!steps.iter().any(|step| step.what.contains("Offered to Tom Beckett")), "{steps:?}");
        let asked = "Tom Beckett is asked to decide about it: Luis Ortega turned it down.";
        assert!(steps.iter().any(|step| step.what == asked), "{steps:?}");
        let (_, page) = get(&rig, &format!("/console/leads/{id}")).await;
        assert!(page.contains("is to decide"), "{page}");
        let (_, list) = get(&rig, "/console/leads").await;
        assert!(list.contains("with Tom Beckett, who decides") && !list.contains("offered to Tom Beckett"), "{list}");

        let tom = desk::rep(&rig.ctx, MANAGER).await.unwrap().unwrap();
        let luis = desk::rep(&rig.ctx, LUIS).await.unwrap().unwrap();
        let right = Correction { name: "Ada Okafor".into(), company: "Harbor Clinic Group".into(), phone: "+1 555 0142".into() };
        let denied = handoff::correct(&rig.ctx, &id, By::Rep(&luis), &right).await.unwrap_err();
        assert_eq!(denied.kind(), Kind::Denied);
        let empty = Correction { name: " ".into(), company: String::new(), phone: String::new() };
        let faults = handoff::correct(&rig.ctx, &id, By::Rep(&tom), &empty).await.unwrap_err();
        assert!(faults.public().contains("the name") && faults.public().contains("the company"), "{faults}");
        handoff::correct(&rig.ctx, &id, By::Rep(&tom), &right).await.unwrap();
        assert_eq!(lead(&rig).await.phone.as_deref(), Some("+1 555 0142"));
        let steps = leads::steps(&rig.ctx.db, &id).await.unwrap();
        assert!(!steps.iter().any(|step| step.what.contains("0142")), "the history does not keep what is corrected");

        let denied = handoff::hand_on(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap_err();
        assert_eq!(denied.kind(), Kind::Denied);
        rig.clock.advance(MINUTE_MS);
        handoff::hand_on(&rig.ctx, &id, By::Rep(&tom), "number mended").await.unwrap();
        let next = live(&rig, &id).await.unwrap();
        assert!(next.rep_email != LUIS && next.contact_id.is_some(), "{next:?}");
        let twice = handoff::hand_on(&rig.ctx, &id, By::Rep(&tom), "").await.unwrap_err();
        assert_eq!(twice.kind(), Kind::Conflict);
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// A channel manager who does not decide is reminded, and the sponsor is told; the lead stays with them. Closed by them it goes
    /// back to nurture, though others at the partner were never asked.
    async fn a_decision_that_is_late_goes_up_and_a_lead_may_be_closed(db: Db) {
        let rig = Rig::new(db).await;
        let id = turned_down(&rig, RejectReason::ExistingCustomer, "").await;
        let asked = live(&rig, &id).await.unwrap();
        let due_ms = clock(&rig, &id).await.unwrap().due_ms;
        pass(&rig, due_ms).await;
        assert_eq!(live(&rig, &id).await.unwrap().id, asked.id, "it stays with them");
        assert!(subjects(&rig, SPONSOR).await[0].contains("is late"));
        handoff::reject(&rig.ctx, OfferId::parse(&asked.id).unwrap(), RejectReason::ExistingCustomer, "").await.unwrap();
        assert!(live(&rig, &id).await.is_none() && clock(&rig, &id).await.is_none());
        assert_eq!(lead(&rig).await.stage, "recycled");
        let team = team::team(&rig.ctx, |partner| partner.slug.as_str() == "northlight").await.unwrap();
        assert_eq!(team.rejected, [(RejectReason::ExistingCustomer, 1)], "the rep's reason, and not the decision's");
        assert_eq!((team.record.offered, team.record.overdue), (1, 0));
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// What was closed is found by whoever closed it, with the day on which it comes back; and its reason counts though it has come
    /// back since.
    async fn what_was_closed_is_found_and_counted(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        let luis = takes(&rig, &id).await;
        rig.clock.advance(MINUTE_MS);
        handoff::contacted(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap();
        rig.clock.advance(MINUTE_MS);
        let later = Outcome::Disqualified { reason: DisqualifyReason::Timing, again_on: Some(day("2027-03-02")) };
        handoff::record(&rig.ctx, &id, By::Rep(&luis), later, "after the budget").await.unwrap();
        let theirs = closings::Filter { rep_key: LUIS.into(), search: "harbor".into(), ..closings::Filter::default() };
        let found = closings::list(&rig.ctx.db, &theirs, 0).await.unwrap();
        assert_eq!((found.len(), found[0].lead.reopen_ms), (1, Some(at("2027-03-02T09:00:00-06:00"))));
        assert_eq!(found[0].rep_name, "Luis Ortega");
        let closed = async || {
            let team = team::team(&rig.ctx, |partner| partner.slug.as_str() == "northlight").await.unwrap();
            team.closed
        };
        assert_eq!(closed().await, [(DisqualifyReason::Timing, 1)]);
        asks(&rig, at("2027-01-19T09:00:00-06:00")).await;
        assert_eq!(closed().await, [(DisqualifyReason::Timing, 1)], "it was closed, whatever follows");
        assert_eq!(closings::count(&rig.ctx.db, &theirs).await.unwrap(), 0, "and is open again");
    }
}
