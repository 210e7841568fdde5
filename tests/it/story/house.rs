//! Leads that no partner brought where somebody else is in touch already, or where a person gives them away; the time that people
//! have to decide; keys that end.

use axum::http::Method;
use partnercast::{
    domain::{
        content::rules::Assigning,
        kernel::{
            Kind,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS},
            id::CallId,
            random::OsRandom,
        },
        lead::{
            DisqualifyReason,
            intake::{Row, at},
        },
    },
    store::{
        audit, calls, conflicts,
        intakes::HOUSE,
        leads::{self, Lead},
        person as stored,
    },
    work::{
        api_keys,
        handoff::{self, By, Order, Outcome, conflict},
        intake::{self, Door, Source},
        kept, signin,
    },
};

use super::{
    Rig,
    assign::{asks as house_row, first_claim, rule},
    conflicts::{
        CLAIRE, EMAIL, HERE, THERE, accepts, asks, case, ledger, looks_again, ruled, subjects, with,
    },
    console::{ask, ask_with, get, get_with},
    intake::{import, lead_at, live},
    lead_work::{LUIS, MANAGER},
};
use crate::harness::both_dbs;

async fn again(rig: &Rig, id: &str) -> Lead {
    leads::lead(&rig.ctx.db, id).await.unwrap().unwrap()
}

async fn open_calls(rig: &Rig, lead_id: &str) -> Vec<calls::Call> {
    let all = calls::of_lead(&rig.ctx.db, lead_id).await.unwrap();
    all.into_iter().filter(|call| call.answer.is_none()).collect()
}

both_dbs! {
    /// Whom somebody has in hand is offered to no other partner: the vendor's lead goes by the rule as any that arrives. It waits
    /// where it was given, whoever goes on is told that the person asked, and once they return it, it is offered.
    async fn whom_somebody_has_is_offered_to_nobody_else(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, Some(Assigning::default()));
        import(&rig, &house_row(EMAIL, "", ""), false).await.unwrap();
        let house = lead_at(&rig, EMAIL, HOUSE).await.unwrap();
        let here = asks(&rig, HERE).await;
        assert_eq!(with(&rig, &here).await.as_deref(), Some(LUIS));
        looks_again(&rig).await;
        let given = again(&rig, &house.id).await;
        assert!(given.partner_slug != HOUSE && given.partner_slug != HERE, "{}", given.partner_slug);
        assert_eq!((with(&rig, &given).await, with(&rig, &here).await.as_deref()), (None, Some(LUIS)));
        let decided = case(&rig).await;
        assert_eq!((decided.state.as_str(), decided.winner.as_deref(), decided.settled), ("decided", Some(HERE), true));
        let steps = conflicts::steps(&rig.ctx.db, &decided.id).await.unwrap();
        assert!(steps[0].because.contains("in hand first") && steps[0].looked.contains(&given.id), "{steps:?}");
        let told = ledger(&rig, &given).await;
        assert!(told.contains("Given to ") && told.contains("Waits: another partner"), "{told}");
        assert!(subjects(&rig, LUIS).await[0].contains("asked again"), "{:?}", subjects(&rig, LUIS).await);

        let luis = accepts(&rig, &here).await;
        handoff::contacted(&rig.ctx, &here.id, By::Rep(&luis), "").await.unwrap();
        rig.clock.advance(MINUTE_MS);
        let no_need = Outcome::Disqualified { reason: DisqualifyReason::NoNeed, again_on: None };
        handoff::record(&rig.ctx, &here.id, By::Rep(&luis), no_need, "").await.unwrap();
        for _ in 0..3 {
            looks_again(&rig).await;
        }
        assert!(with(&rig, &given).await.is_some(), "{}", ledger(&rig, &given).await);
        rig.drain().await;
    }

    /// A lead that is called out when its person turns up elsewhere is claimed by nobody: the calls end, and the rule decides.
    async fn a_claim_meets_the_rule(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, Some(first_claim()));
        import(&rig, &house_row(EMAIL, "", ""), false).await.unwrap();
        let house = lead_at(&rig, EMAIL, HOUSE).await.unwrap();
        handoff::tick(&rig.ctx).await.unwrap();
        let called = open_calls(&rig, &house.id).await;
        assert_eq!(called.len(), 3);
        let here = asks(&rig, HERE).await;
        let other = called.iter().find(|call| call.partner_slug != HERE).unwrap();
        let refused = handoff::claim(&rig.ctx, CallId::parse(&other.id).unwrap()).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Conflict, "{refused:?}");
        assert!(open_calls(&rig, &house.id).await.is_empty(), "nobody is asked any more");
        looks_again(&rig).await;
        let given = again(&rig, &house.id).await;
        assert_eq!((with(&rig, &here).await.as_deref(), with(&rig, &given).await), (Some(LUIS), None));
        assert_eq!(case(&rig).await.winner.as_deref(), Some(HERE));
        rig.drain().await;
    }

    /// Calls count for nobody while they are open; who claims one while their partner is full is told so, and it stays open.
    async fn who_is_full_claims_no_other(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, Some(Assigning { leads_max: Some(1), ..first_claim() }));
        let rows = [house_row("eva@harbor.example", "", ""), house_row("bo@clinic.example", "", "")].concat();
        import(&rig, &rows, false).await.unwrap();
        handoff::tick(&rig.ctx).await.unwrap();
        let (eva, bo) =
            (lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap(), lead_at(&rig, "bo@clinic.example", HOUSE).await.unwrap());
        let first = open_calls(&rig, &eva.id).await.remove(0);
        handoff::claim(&rig.ctx, CallId::parse(&first.id).unwrap()).await.unwrap();
        let (theirs, others): (Vec<_>, Vec<_>) =
            open_calls(&rig, &bo.id).await.into_iter().partition(|call| call.partner_slug == first.partner_slug);
        let full = handoff::claim(&rig.ctx, CallId::parse(&theirs[0].id).unwrap()).await.unwrap_err();
        assert!(full.kind() == Kind::Conflict && full.public().contains("is the most"), "{}", full.public());
        assert_eq!(open_calls(&rig, &bo.id).await.len(), 3, "the call stays open");
        handoff::claim(&rig.ctx, CallId::parse(&others[0].id).unwrap()).await.unwrap();
        assert_eq!(again(&rig, &bo.id).await.partner_slug, others[0].partner_slug);
        rig.drain().await;
    }

    /// Behind the link there is one button, which opens the desk and claims nothing; only the browser of whoever is asked can
    /// claim, or leave it to the others.
    async fn a_claim_needs_the_desk(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, Some(first_claim()));
        import(&rig, &house_row("eva@harbor.example", "", ""), false).await.unwrap();
        let house = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap();
        handoff::tick(&rig.ctx).await.unwrap();
        rig.drain().await;
        let called = open_calls(&rig, &house.id).await;
        let text = rig.mail_to(&called[0].rep_email).await.text.unwrap();
        let token: String = text.split("/claim/").nth(1).unwrap().chars().take_while(|c| !c.is_whitespace()).collect();
        let path = format!("/claim/{token}");
        let (status, page) = get(&rig, &path).await;
        assert!(status == 200 && page.contains(&format!("{path}/open")) && !page.contains("Claim the lead"), "{page}");
        for deed in ["claim", "decline"] {
            let (status, ..) = ask(&rig, Method::POST, &format!("{path}/{deed}"), "").await;
            assert_eq!(status, 403, "{deed}");
        }
        let (status, to, _) = ask(&rig, Method::POST, &format!("{path}/open"), "").await;
        assert_eq!((status, to.as_str()), (303, path.as_str()));
        assert_eq!(open_calls(&rig, &house.id).await.len(), called.len(), "nothing was claimed");
        let other = signin::open_desk(&rig.ctx, &called[1].rep_email).await.unwrap();
        let (status, ..) = ask_with(&rig, Method::POST, &format!("{path}/claim"), "", &format!("partnercast-desk={other}")).await;
        assert_eq!(status, 403, "somebody else's desk");
        let cookie = format!("partnercast-desk={}", signin::open_desk(&rig.ctx, &called[0].rep_email).await.unwrap());
        let (_, desk) = get_with(&rig, "/desk", &cookie).await;
        assert!(desk.contains("Who is first?") && desk.contains("/claim/"), "who lost the mail finds it here: {desk}");
        let (_, lead) = get(&rig, &format!("/console/leads/{}", called[0].lead_id)).await;
        assert!(lead.contains("may claim it") && !lead.contains("Not offered to anybody"), "{lead}");
        let (_, page) = get_with(&rig, &path, &cookie).await;
        assert!(page.contains("Claim the lead") && page.contains("Leave it to the others"), "{page}");
        let (status, to, _) = ask_with(&rig, Method::POST, &format!("{path}/claim"), "", &cookie).await;
        assert_eq!((status, to), (303, format!("/desk/leads/{}?done=accepted", house.id)));
        assert_eq!(again(&rig, &house.id).await.stage, "sal");
        rig.drain().await;
    }

    /// At the console somebody gives a lead to a partner of their choice, with a reason; what is wrong is said, and changes nothing.
    async fn a_person_gives_it_to_a_partner(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, None);
        import(&rig, &house_row("eva@harbor.example", "DE", ""), false).await.unwrap();
        import(&rig, "eva@harbor.example,Eva Lind,Harbor AG,,,,,,thornbury,,,,,,\n", false).await.unwrap();
        handoff::tick(&rig.ctx).await.unwrap();
        let house = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap();
        let path = format!("/console/leads/{}", house.id);
        let (status, page) = get(&rig, &path).await;
        assert!(status == 200 && page.contains("Give it to a partner") && page.contains("has them as a lead of its own"), "{page}");
        let order = |to, because, known_ms| Order { lead_id: &house.id, to, because, known_ms };
        for (to, because, known_ms, kind, says) in [
            (THERE, " ", None, Kind::Invalid, "write down why"),
            ("nobody-there", "so", None, Kind::NotFound, "nobody-there"),
            ("thornbury", "so", None, Kind::Conflict, "has them as a lead of its own"),
            (THERE, "so", Some(house.updated_ms - 1), Kind::Conflict, "has changed since"),
        ] {
            let refused = handoff::give_partner(&rig.ctx, "ida", &order(to, because, known_ms)).await.unwrap_err();
            assert!(refused.kind() == kind && refused.public().contains(says), "{}", refused.public());
        }
        let same = again(&rig, &house.id).await;
        assert_eq!((&same.partner_slug, same.updated_ms), (&house.partner_slug, house.updated_ms), "nothing was changed");

        let sent = format!("partner={THERE}&because=They+met+at+the+fair&known_ms={}", house.updated_ms);
        let (status, to, body) = ask(&rig, Method::POST, &format!("{path}/give"), &sent).await;
        assert_eq!((status, to.as_str()), (303, path.as_str()), "{body}");
        let given = again(&rig, &house.id).await;
        assert_eq!((given.partner_slug.as_str(), given.stage.as_str()), (THERE, "offered"));
        assert!(live(&rig, &house.id).await.is_some());
        assert!(ledger(&rig, &given).await.contains("chose them: They met at the fair"));
        let line = audit::last(&rig.ctx.db, "give-partner", &house.id, 0).await.unwrap().expect("a line");
        assert!(line.0 == THERE || line.1 == THERE, "{line:?}");
        let (_, page) = get(&rig, &path).await;
        assert!(!page.contains("Give it to a partner") && page.contains("They met at the fair"), "{page}");
        let late = handoff::give_partner(&rig.ctx, "ida", &order(HERE, "so", None)).await.unwrap_err();
        assert!(late.kind() == Kind::Conflict && late.public().contains("already"), "{}", late.public());
        rig.drain().await;
    }

    /// Given by hand while it is called out, those who are asked are told that it is taken.
    async fn those_who_are_asked_are_told(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, Some(first_claim()));
        import(&rig, &house_row("eva@harbor.example", "DE", ""), false).await.unwrap();
        let house = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap();
        handoff::tick(&rig.ctx).await.unwrap();
        let called = open_calls(&rig, &house.id).await;
        let to = called[0].partner_slug.clone();
        let order = Order { lead_id: &house.id, to: &to, because: "their customer", known_ms: None };
        assert!(handoff::give_partner(&rig.ctx, "ida", &order).await.unwrap(), "it is offered");
        rig.drain().await;
        assert!(subjects(&rig, &called[1].rep_email).await.iter().any(|it| it.contains("has been taken")));
        let late = handoff::claim(&rig.ctx, CallId::parse(&called[1].id).unwrap()).await.unwrap_err();
        assert_eq!(late.kind(), Kind::Conflict, "{late:?}");
        assert!(live(&rig, &house.id).await.is_some());
        rig.assert_nothing_left().await;
    }

    /// Who must decide is reminded twice, then the sponsor is told, and in the end the rule decides: nobody waits for ever.
    async fn what_nobody_decides_the_rule_does(db: Db) {
        let rig = Rig::new(db).await;
        ruled(&rig, "ask", "person").await;
        let here = asks(&rig, HERE).await;
        let luis = accepts(&rig, &here).await;
        handoff::contacted(&rig.ctx, &here.id, By::Rep(&luis), "").await.unwrap();
        let there = asks(&rig, THERE).await;
        let open = case(&rig).await;
        assert_eq!((open.state.as_str(), open.told_percent), ("open", 0));
        let (due_ms, last_ms) = conflict::until(&rig.ctx, &open).unwrap();
        assert!(rig.clock_ms() < due_ms && due_ms < last_ms);
        let mut told = Vec::new();
        while rig.clock_ms() < last_ms + HOUR_MS {
            rig.clock.advance(HOUR_MS);
            handoff::tick(&rig.ctx).await.unwrap();
            // Mail that waits for days is not sent any more.
            rig.drain().await;
            let now = case(&rig).await;
            if told.last() != Some(&now.told_percent) {
                told.push(now.told_percent);
            }
            assert!(now.state == "open" || rig.clock_ms() >= last_ms, "not before its time");
            assert_eq!(with(&rig, &there).await, None);
        }
        assert_eq!(told, [0, 50, 80, 100, 200]);
        let (all, theirs) =
            (kept::clocks(&rig.ctx, None).await.unwrap(), kept::clocks(&rig.ctx, Some(HERE)).await.unwrap());
        assert_eq!(all.broken, theirs.broken + 1, "nobody decided in time: {all:?} {theirs:?}");
        let decided = case(&rig).await;
        assert_eq!((decided.state.as_str(), decided.winner.as_deref(), decided.settled), ("decided", Some(HERE), true));
        for manager in [MANAGER, CLAIRE] {
            let all = subjects(&rig, manager).await;
            let count = |what: &str| all.iter().filter(|it| it.contains(what)).count();
            assert_eq!((count("Still to be decided"), count("nobody decided in time")), (2, 1), "{manager}: {all:?}");
        }
        let sponsor = rig.ctx.library().rules.routing.as_ref().unwrap().sponsor.clone().unwrap().0;
        let up = subjects(&rig, sponsor.as_str()).await;
        assert_eq!(up.iter().filter(|it| it.contains("Not decided in time")).count(), 1, "{up:?}");
        let steps = conflicts::steps(&rig.ctx.db, &decided.id).await.unwrap();
        let last = steps.iter().find(|step| step.winner.is_some()).unwrap();
        assert!(last.actor == "rule" && last.because.contains("nobody decided in time"), "{steps:?}");
        let (_, page) = get(&rig, &format!("/console/conflicts/{}", decided.id)).await;
        assert!(page.contains("Reminded the channel managers"), "{page}");
    }

    /// A dry run foresees what the real one does: several who are asked, and who waits because another partner has them.
    async fn a_dry_run_foresees_claims_and_conflicts(db: Db) {
        let rig = Rig::new(db).await;
        rule(&rig, Some(first_claim()));
        let dry = import(&rig, &house_row("eva@harbor.example", "", ""), true).await.unwrap();
        let foreseen = intake::foresee(&rig.ctx, &dry.due, &dry.beside, usize::MAX).await.unwrap();
        assert!(foreseen[0].partner.is_empty() && foreseen[0].to.contains("claims it first"), "{foreseen:?}");
        import(&rig, &house_row("eva@harbor.example", "", ""), false).await.unwrap();
        let eva = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap();
        handoff::tick(&rig.ctx).await.unwrap();
        for call in open_calls(&rig, &eva.id).await {
            let partner = partnercast::store::partners::partner(&rig.ctx.db, &call.partner_slug).await.unwrap().unwrap();
            assert!(foreseen[0].to.contains(&partner.name), "{foreseen:?}");
        }

        rule(&rig, Some(Assigning::default()));
        let here = asks(&rig, HERE).await;
        let row = |partner: &str, email: &str| format!(
            "{email},Ada Okafor,Harbor,,it,50-249,DE,,{partner},,Fair,talk-to-us,2027-01-10T10:00:00Z,Please call,\n"
        );
        // In hand here; and one who comes twice in the same file.
        let rows = [row(THERE, EMAIL), row(HERE, "cy@mill.example"), row(THERE, "cy@mill.example")].concat();
        let dry = import(&rig, &rows, true).await.unwrap();
        let foreseen = intake::foresee(&rig.ctx, &dry.due, &dry.beside, usize::MAX).await.unwrap();
        let waits = |at: usize| foreseen[at].to.is_empty() && foreseen[at].because.contains("waits");
        assert_eq!([waits(0), waits(1), waits(2)], [true, false, true], "{foreseen:?}");
        import(&rig, &rows, false).await.unwrap();
        for _ in 0..3 {
            looks_again(&rig).await;
        }
        let there = lead_at(&rig, EMAIL, THERE).await.unwrap();
        assert_eq!((with(&rig, &here).await.as_deref(), with(&rig, &there).await), (Some(LUIS), None));
        let mut live = 0;
        for partner in [HERE, THERE] {
            let cy = lead_at(&rig, "cy@mill.example", partner).await.unwrap();
            live += usize::from(with(&rig, &cy).await.is_some());
        }
        assert_eq!(live, 1, "one of both");
        rig.drain().await;
    }

    /// What somebody agreed to is kept in the language in which they read it, with that language.
    async fn a_consent_keeps_its_language(db: Db) {
        let rig = Rig::new(db).await;
        let row = |email: &str, locale: &str| {
            let mut row = Row::empty(1);
            for (column, value) in [
                ("email", email), ("name", "Eva Lind"), ("company", "Harbor AG"), ("partner", HERE), ("consent", "whitepaper"),
                ("consent_at", "2027-01-10"), ("locale", locale),
            ] {
                row.values[at(column).unwrap()] = value.to_owned();
            }
            row
        };
        let rows = [row("eva@harbor.example", "de-AT"), row("bo@harbor.example", "")];
        let known = intake::known(&rig.ctx, None).await.unwrap();
        let door = Door { actor: "operator", subject: "fair.csv", method: "import" };
        intake::take(&rig.ctx, &Source::Rows(&rows), &known, &door, false).await.unwrap();
        let agreed = async |email: &str| stored::consents(&rig.ctx.db, email).await.unwrap().remove(0);
        let (eva, bo) = (agreed("eva@harbor.example").await, agreed("bo@harbor.example").await);
        assert_eq!((eva.locale.as_str(), bo.locale.as_str()), ("de", "en"));
        assert!(eva.wording.contains("dürfen mich") && bo.wording.contains("may contact me"), "{eva:?} {bo:?}");
        assert_eq!(lead_at(&rig, "eva@harbor.example", HERE).await.unwrap().locale, "de-AT");
        let mut wrong = row("cy@harbor.example", "sv");
        wrong.no = 7;
        let mut faults = Vec::new();
        intake::check(&rig.ctx, &Source::Rows(&[wrong]), &known, &mut |fault| faults.push(fault));
        assert_eq!((faults[0].row, faults[0].column.as_str()), (7, "locale"), "{faults:?}");
    }

    /// Two weeks before a key ends the channel managers are told, once.
    async fn the_end_of_a_key_is_told(db: Db) {
        let rig = Rig::new(db).await;
        let make = async |days| {
            let made = api_keys::create(&rig.ctx.db, (rig.clock_ms(), &OsRandom), "operator", ("Website", None), days).await;
            made.map(|(key, _)| key)
        };
        make(20).await.unwrap();
        assert_eq!(make(0).await.unwrap_err().kind(), Kind::Invalid);
        let told = async || {
            handoff::tick(&rig.ctx).await.unwrap();
            rig.drain().await;
            subjects(&rig, MANAGER).await.iter().filter(|it| it.contains("Website ends soon")).count()
        };
        assert_eq!(told().await, 0);
        rig.clock.advance(7 * DAY_MS);
        assert_eq!(told().await, 1);
        rig.clock.advance(DAY_MS);
        assert_eq!(told().await, 1, "once");
        rig.assert_nothing_left().await;
    }
}
