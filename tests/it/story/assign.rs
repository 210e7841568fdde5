//! Leads that no partner brought: the partner that fits is given each, and the next one when nobody there takes it.

use partnercast::{
    domain::{
        content::rules::{
            Assigning,
            assigning::{AssignOrder, Weight},
        },
        kernel::{
            clock::{DAY_MS, HOUR_MS, MINUTE_MS},
            id::{CallId, OfferId},
        },
        lead::RejectReason,
        partner::Tier,
    },
    store::{assignments, calls, intakes::HOUSE, lead_clocks, leads, offers},
    work::{handoff, intake, lead_card},
};

use super::{
    Rig,
    intake::{import, lead_at, live},
};
use crate::harness::{SeededRandom, both_dbs, databases::in_tx};

/// Puts a rule in place of the content's.
pub fn rule(rig: &Rig, rule: Option<Assigning>) {
    let mut library = (*rig.ctx.library()).clone();
    library.rules.routing.as_mut().unwrap().partners_of_leads = rule;
    let media = (*rig.ctx.media()).clone();
    rig.ctx.set_contents(library, media);
}

pub fn asks(email: &str, country: &str, vertical: &str) -> String {
    format!(
        "{email},Eva Lind,Harbor AG,,it,50-249,{country},{vertical},,,Fair,vendor-form,2027-01-10,Please call,\n"
    )
}

async fn partners_of(rig: &Rig, lead: &str) -> Vec<(String, String)> {
    let all = assignments::of_lead(&rig.ctx.db, lead).await.unwrap();
    all.into_iter().map(|it| (it.partner_slug, it.outcome)).collect()
}

async fn subjects(rig: &Rig, address: &str) -> Vec<String> {
    let all = rig.mailbox.list(10_000).await.unwrap();
    all.into_iter().filter(|mail| mail.to.contains(address)).map(|mail| mail.subject).collect()
}

both_dbs! {
    /// The partner that serves the industry is given it, and the ledger says who was considered. One that lets it lapse, with
    /// all its people, loses it to the next; the first one's people do not see it any more.
    async fn the_next_partner_gets_what_nobody_takes(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, Some(Assigning { tiers: vec![Tier::Platinum, Tier::Gold], ..Assigning::default() }));
        let row = asks("eva@harbor.example", "", "health");
        let dry = import(&rig, &row, true).await.unwrap();
        let foreseen = intake::foresee(&rig.ctx, &dry.due, &dry.beside, usize::MAX).await.unwrap();
        assert_eq!((foreseen[0].partner.as_str(), foreseen[0].to.as_str()), ("northlight", "Luis Ortega"));

        import(&rig, &row, false).await.unwrap();
        let id = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap().id;
        handoff::tick(&rig.ctx).await.unwrap();
        let first = live(&rig, &id).await.unwrap();
        assert_eq!((first.rep_name.as_str(), first.temperature.as_str()), ("Luis Ortega", "hot"));
        let steps = leads::steps(&rig.ctx.db, &id).await.unwrap();
        let given = steps.iter().find(|step| step.what.starts_with("Given to Northlight MSP.")).expect("a step");
        assert!(given.what.contains("fits best: serves health") && given.what.contains("Considered: "), "{}", given.what);

        let mut owners = 0;
        while partners_of(&rig, &id).await.len() < 2 {
            rig.clock.advance(30 * MINUTE_MS);
            handoff::tick(&rig.ctx).await.unwrap();
            let all = offers::of_lead(&rig.ctx.db, &id).await.unwrap();
            assert!(all.iter().filter(|offer| offer.is_live()).count() <= 1, "one offer at a time");
            owners = all.len();
            assert!(owners < 60, "it goes on");
        }
        let all = offers::of_lead(&rig.ctx.db, &id).await.unwrap();
        assert!(all.iter().all(|offer| offer.contact_id.is_some()), "it never came to a channel manager: {owners}");
        let partners = partners_of(&rig, &id).await;
        assert_eq!((partners[0].0.as_str(), partners[0].1.as_str(), partners[1].1.as_str()), ("northlight", "lapsed", ""));
        let lead = leads::lead(&rig.ctx.db, &id).await.unwrap().unwrap();
        assert_eq!((lead.partner_slug.as_str(), lead.stage.as_str()), (partners[1].0.as_str(), "offered"));
        let card = lead_card::card_of_partner(&rig.ctx, &id).await.unwrap();
        assert!(card.offers.len() == 1 && card.steps.iter().any(|step| step.what == "wrote: Please call"), "{card:?}");
        let told: String = card.steps.iter().map(|step| format!("{} {}\n", step.actor, step.what)).collect();
        assert!(!told.contains("Luis Ortega") && !told.contains("Northlight"), "nothing of another partner: {told}");
        let next = live(&rig, &id).await.unwrap();
        handoff::accept(&rig.ctx, OfferId::parse(&next.id).unwrap()).await.unwrap();
        let fair = assignments::fairness(&rig.ctx.db, 0).await.unwrap();
        let of = |slug: &str| fair.iter().find(|it| it.partner_slug == slug).map(|it| (it.given, it.taken, it.lapsed));
        assert_eq!((of("northlight"), of(&partners[1].0)), (Some((1, 0, 1)), Some((1, 1, 0))));
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// Turned down everywhere it comes back to the vendor, channel managers are told once, and it waits; when the rule is
    /// changed so that there is somebody new, they get it. Asked again, everybody may be asked again.
    async fn what_nobody_wants_comes_back_and_waits(db: Db) {
        let rig = Rig::new(db).await;
        let platinum = Assigning { tiers: vec![Tier::Platinum], vertical: Weight::Required, ..Assigning::default() };
        rule(&rig, Some(platinum.clone()));
        import(&rig, &asks("eva@harbor.example", "", "health"), false).await.unwrap();
        let id = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap().id;
        handoff::tick(&rig.ctx).await.unwrap();
        let mut turns = 0;
        while let Some(offer) = live(&rig, &id).await {
            rig.clock.advance(MINUTE_MS);
            handoff::reject(&rig.ctx, OfferId::parse(&offer.id).unwrap(), RejectReason::NoCapacity, "").await.unwrap();
            turns += 1;
            assert!(turns < 40, "it ends");
        }
        let lead = leads::lead(&rig.ctx.db, &id).await.unwrap().unwrap();
        assert_eq!((lead.partner_slug.as_str(), lead.stage.as_str()), (HOUSE, "recycled"));
        assert!(partners_of(&rig, &id).await.iter().all(|(_, outcome)| outcome == "turned_down"));
        rig.drain().await;
        let managers = rig.ctx.library().vendor.as_ref().unwrap().channel_managers.clone();
        for manager in &managers {
            let told = subjects(&rig, manager.email.as_str()).await;
            assert_eq!(told.iter().filter(|it| it.contains("A lead has no partner")).count(), 1, "{told:?}");
        }
        assert_eq!(assignments::waiting_count(&rig.ctx.db).await.unwrap(), 1);
        rig.clock.advance(2 * HOUR_MS);
        handoff::tick(&rig.ctx).await.unwrap();
        assert!(live(&rig, &id).await.is_none(), "the same people are not asked again");

        rule(&rig, Some(Assigning { vertical: Weight::Preferred, tiers: vec![Tier::Gold], ..platinum.clone() }));
        rig.clock.advance(MINUTE_MS);
        handoff::tick(&rig.ctx).await.unwrap();
        let offer = live(&rig, &id).await.expect("somebody new");
        assert!(!partners_of(&rig, &id).await.last().unwrap().0.is_empty() && offer.contact_id.is_some());
        rig.drain().await;
        let told = subjects(&rig, managers[0].email.as_str()).await;
        assert_eq!(told.iter().filter(|it| it.contains("A lead has no partner")).count(), 1, "once: {told:?}");
        rig.assert_nothing_left().await;
    }

    /// Without a rule, or where nobody serves the country, a lead stays with the vendor and says why; a roster that is changed
    /// brings it to its partner.
    async fn a_changed_roster_is_looked_at(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, None);
        import(&rig, &asks("eva@harbor.example", "NZ", "health"), false).await.unwrap();
        let id = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap().id;
        handoff::tick(&rig.ctx).await.unwrap();
        let steps = leads::steps(&rig.ctx.db, &id).await.unwrap();
        assert!(steps.last().unwrap().what.contains("has no [partners]"), "{steps:?}");

        let mut roster = partnercast::store::partners::all_partners(&rig.ctx.db).await.unwrap();
        for partner in &mut roster {
            partner.countries = vec!["DE".to_owned()];
        }
        let random = SeededRandom::new(3);
        let contacts: Vec<_> = partnercast::store::partners::contacts(&rig.ctx.db, "").await.unwrap()
            .into_iter().map(|stored| stored.contact).collect();
        let db = &rig.ctx.db;
        in_tx!(db, tx => partnercast::store::partners::import(tx, rig.ctx.now_ms() + 1, &random, &roster, &contacts));
        rule(&rig, Some(Assigning::default()));
        rig.clock.advance(MINUTE_MS);
        handoff::tick(&rig.ctx).await.unwrap();
        assert!(live(&rig, &id).await.is_none(), "nobody serves New Zealand");
        for partner in roster.iter_mut().filter(|partner| partner.slug.as_str() == "cascade-point") {
            partner.countries.push("NZ".to_owned());
        }
        in_tx!(db, tx => partnercast::store::partners::import(tx, rig.ctx.now_ms() + 2, &random, &roster, &contacts));
        rig.clock.advance(MINUTE_MS);
        handoff::tick(&rig.ctx).await.unwrap();
        assert_eq!(partners_of(&rig, &id).await, [("cascade-point".to_owned(), String::new())]);
        rig.drain().await;
    }

    /// In turn, nobody is given a second lead before everybody had a first; who is full is given none, and a person whom a
    /// partner has already is offered to nobody else.
    async fn turns_are_fair_and_the_full_are_left_out(db: Db) {
        let rig = Rig::new(db).await;
        let turns = Assigning { order: AssignOrder::RoundRobin, leads_max: Some(1), ..Assigning::default() };
        rule(&rig, Some(turns));
        let count = partnercast::store::partners::receiving(&rig.ctx.db).await.unwrap().len();
        let rows: String = (0..=count).map(|n| asks(&format!("p{n}@c{n}.example"), "", "")).collect();
        import(&rig, &rows, false).await.unwrap();
        for _ in 0..=count {
            rig.clock.advance(1);
            handoff::tick(&rig.ctx).await.unwrap();
        }
        let fair = assignments::fairness(&rig.ctx.db, 0).await.unwrap();
        assert!(fair.len() == count && fair.iter().all(|it| it.given == 1), "{fair:?}");
        assert_eq!(assignments::waiting_count(&rig.ctx.db).await.unwrap(), 1, "everybody is full");

        let theirs = "bo@clinic.example,Bo,Clinic,,,,,,northlight,,,,,,\n";
        import(&rig, theirs, false).await.unwrap();
        rig.clock.advance(DAY_MS);
        import(&rig, &asks("bo@clinic.example", "", ""), false).await.unwrap();
        assert!(lead_at(&rig, "bo@clinic.example", HOUSE).await.is_none(), "it is the same lead, at who has them");
        rig.drain().await;
    }
}

pub fn first_claim() -> Assigning {
    Assigning {
        order: AssignOrder::FirstClaim,
        called_max: 3,
        tiers: vec![Tier::Platinum, Tier::Gold],
        ..Assigning::default()
    }
}

both_dbs! {
    /// Three partners are asked at once and claim in the same moment: one has the lead, the others are told kindly, and there is
    /// one owner and one clock.
    async fn of_three_who_claim_at_once_one_has_it(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, Some(first_claim()));
        import(&rig, &asks("eva@harbor.example", "", ""), false).await.unwrap();
        let id = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap().id;
        handoff::tick(&rig.ctx).await.unwrap();
        let called = calls::of_lead(&rig.ctx.db, &id).await.unwrap();
        assert_eq!(called.len(), 3);
        assert!(live(&rig, &id).await.is_none(), "it is nobody's yet");
        rig.drain().await;
        let text = rig.mail_to(&called[0].rep_email).await.text.unwrap();
        assert!(text.contains("/claim/") && !text.contains("Eva"), "no personal data: {text}");

        let claim = |at: usize| {
            let (ctx, id) = (rig.ctx.clone(), CallId::parse(&called[at].id).unwrap());
            tokio::spawn(async move { handoff::claim(&ctx, id).await })
        };
        let mut won = Vec::new();
        for (at, done) in [claim(0), claim(1), claim(2)].into_iter().enumerate() {
            match done.await.unwrap() {
                Ok(()) => won.push(at),
                Err(error) => assert!(error.public().contains("was first"), "{error:?}"),
            }
        }
        assert_eq!(won.len(), 1, "one has it");
        let winner = &called[won[0]];
        let lead = leads::lead(&rig.ctx.db, &id).await.unwrap().unwrap();
        assert_eq!((lead.stage.as_str(), &lead.partner_slug), ("sal", &winner.partner_slug));
        assert_eq!(lead.owner_email.as_ref(), Some(&winner.rep_email));
        let offers = offers::of_lead(&rig.ctx.db, &id).await.unwrap();
        assert!(offers.len() == 1 && offers[0].holds(), "{offers:?}");
        let clocks = lead_clocks::of_lead(&rig.ctx.db, &id).await.unwrap();
        let running: Vec<_> = clocks.iter().filter(|clock| clock.stopped_ms.is_none()).collect();
        assert!(running.len() == 1 && running[0].kind == "first_contact", "{clocks:?}");
        let answers: Vec<_> =
            calls::of_lead(&rig.ctx.db, &id).await.unwrap().into_iter().filter_map(|call| call.answer).collect();
        assert_eq!(answers.iter().filter(|answer| *answer == "taken").count(), 2, "{answers:?}");
        rig.drain().await;
        let loser = called.iter().find(|call| call.id != winner.id).unwrap();
        assert!(subjects(&rig, &loser.rep_email).await[0].contains("has been taken"));
        let card = lead_card::card_of_partner(&rig.ctx, &id).await.unwrap();
        assert!(card.steps.iter().all(|step| !step.what.starts_with("Called out to")), "{:?}", card.steps);
        rig.assert_nothing_left().await;
    }

    /// Whom nobody claims in time is called out to others, those who let it go left out; with nobody left it comes back.
    async fn what_nobody_claims_is_called_out_again(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, Some(first_claim()));
        import(&rig, &asks("eva@harbor.example", "", ""), false).await.unwrap();
        let id = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap().id;
        handoff::tick(&rig.ctx).await.unwrap();
        let first = calls::of_lead(&rig.ctx.db, &id).await.unwrap();
        handoff::decline(&rig.ctx, CallId::parse(&first[0].id).unwrap()).await.unwrap();
        assert!(handoff::claim(&rig.ctx, CallId::parse(&first[0].id).unwrap()).await.is_err(), "they let it go");
        let mut turns = 0;
        while assignments::waiting_count(&rig.ctx.db).await.unwrap() == 0 {
            rig.clock.advance(HOUR_MS);
            handoff::tick(&rig.ctx).await.unwrap();
            turns += 1;
            assert!(turns < 400, "it ends");
        }
        let all = calls::of_lead(&rig.ctx.db, &id).await.unwrap();
        let partners: std::collections::BTreeSet<_> = all.iter().map(|call| &call.partner_slug).collect();
        assert!(partners.len() == all.len() && all.last().unwrap().round > 1, "nobody is asked twice: {all:?}");
        let late = handoff::claim(&rig.ctx, CallId::parse(&all[1].id).unwrap()).await.unwrap_err();
        assert!(late.public().contains("is over"), "{late:?}");
        assert_eq!(lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap().stage, "inquiry");
        rig.drain().await;
    }
}
