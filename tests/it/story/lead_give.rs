//! A channel manager gives a lead to somebody: on a page that says what follows, with a reason that both of them read.

use axum::http::StatusCode;
use partnercast::{
    domain::kernel::{Kind, clock::MINUTE_MS, id::OfferId},
    store::{leads, offers},
    work::{
        desk,
        handoff::{self, By, Closing, Giving, Outcome},
        signin, team, tokens,
    },
};

use super::{
    Rig,
    lead_work::{LUIS, MANAGER, asks, at, clock, day, euros, lead, live, pass, subjects, takes},
    scanners::{BROWSER, Guest},
};
use crate::harness::both_dbs;

const DANA: &str = "dana.whitlock@northlight.example";
const KARA: &str = "kara.boyd@northlight.example";
const WHY: &str = "Luis is on leave until Monday";

/// A browser in which the desk of `address` is open.
pub(super) async fn at_desk<'r>(rig: &'r Rig, address: &str) -> Guest<'r> {
    let cookie = format!("partnercast-desk={}", signin::open_desk(&rig.ctx, address).await.unwrap());
    let cookie: &'static str = Box::leak(cookie.into_boxed_str());
    Guest::new(rig, &[("user-agent", BROWSER), ("cookie", cookie)])
}

/// What a page that was read sends along: when the lead had changed last.
fn known_ms(page: &str) -> &str {
    page.split("name=\"known_ms\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap()
}

fn link(rig: &Rig, offer: &offers::Offer) -> String {
    let id = OfferId::parse(&offer.id).unwrap();
    format!("/o/{}", tokens::offer_token(&rig.ctx.keys, id, rig.clock_ms()))
}

both_dbs! {
    /// An accepted lead stays accepted, with all that was written down: the page says so before, nobody is chosen on it, and who
    /// routing would not choose stands apart, with why. Both read the reason behind their links, and no mail holds it.
    async fn an_accepted_lead_that_is_given_keeps_what_was_worked(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        let luis = takes(&rig, &id).await;
        let had_it = live(&rig, &id).await.unwrap();
        rig.clock.advance(MINUTE_MS);
        handoff::note(&rig.ctx, &id, By::Rep(&luis), "call after two").await.unwrap();
        handoff::ask_for_time(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap();
        rig.drain().await;

        let (tom, path) = (at_desk(&rig, MANAGER).await, format!("/desk/leads/{id}/give"));
        let (status, _, page) = tom.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(!page.contains("checked") && !page.contains(LUIS), "{page}");
        for told in [
            "Luis Ortega has it now",
            "stays “accepted”",
            "4 h 0 min of working time to the first contact",
            "The more time that was granted ends",
        ] {
            assert!(page.contains(told), "{told}: {page}");
        }
        let (fit, others) = page.split_once("why routing would not choose them").unwrap();
        assert!(fit.contains(DANA) && !fit.contains(KARA), "{page}");
        assert!(others.contains(KARA) && others.contains("neither sells nor decides"), "{page}");
        assert!(others.contains("Tom Beckett") && others.contains("is asked last"), "{page}");
        let known = known_ms(&page).to_owned();
        let (status, _, page) = tom.ask("POST", &path, Some(&format!("known_ms={known}&because=on+leave"))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("choose whom to give it to") && page.contains("value=\"on leave\""), "{page}");
        assert_eq!(live(&rig, &id).await.unwrap(), had_it, "nothing was changed");

        rig.clock.set(at("2027-01-18T10:00:00-06:00"));
        let form = format!("known_ms={known}&to={DANA}&because={}", WHY.replace(' ', "+"));
        let (status, to, page) = tom.ask("POST", &path, Some(&form)).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
        let (_, _, page) = tom.get(&to.unwrap()).await;
        assert!(page.contains("It is theirs, and their clock runs"), "{page}");
        let now = lead(&rig).await;
        assert_eq!((now.stage.as_str(), now.owner_email.as_deref()), ("sal", Some(DANA)));
        let runs = clock(&rig, &id).await.unwrap();
        assert_eq!((runs.kind.as_str(), runs.due_ms), ("first_contact", at("2027-01-18T14:00:00-06:00")));
        let steps = leads::steps(&rig.ctx.db, &id).await.unwrap();
        assert!(steps.iter().any(|step| step.what.contains("call after two")), "{steps:?}");
        let last = steps.last().unwrap();
        assert_eq!(last.what, format!("Tom Beckett gave it to Dana Whitlock: {WHY}"));

        rig.drain().await;
        for (address, subject) in [(LUIS, "has moved on"), (DANA, "is yours now")] {
            let mail = rig.mail_to(address).await;
            assert!(mail.subject.contains(subject) && !mail.text.unwrap().contains(WHY), "{}", mail.subject);
        }
        let (_, _, page) = at_desk(&rig, LUIS).await.get(&link(&rig, &had_it)).await;
        assert!(page.contains("Ada") && page.contains(WHY), "{page}");
        let (_, _, page) = Guest::new(&rig, &[("user-agent", BROWSER)]).get(&link(&rig, &had_it)).await;
        assert!(!page.contains(WHY), "{page}");
        let (_, _, page) = at_desk(&rig, DANA).await.get(&format!("/desk/leads/{id}")).await;
        assert!(page.contains(&format!("Tom Beckett gave it to Dana Whitlock: {WHY}")), "{page}");

        let team = team::team(&rig.ctx, |partner| partner.slug.as_str() == "northlight").await.unwrap();
        assert_eq!(team.record.accepted, 1, "nobody asked Dana whether she takes it");
        let dana = desk::rep(&rig.ctx, DANA).await.unwrap().unwrap();
        handoff::contacted(&rig.ctx, &id, By::Rep(&dana), "").await.unwrap();
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// Whoever is offered a lead is asked anew when it is given: the page says so, and the reason stays behind the link until the
    /// card is opened. What changed since the page was read is not overwritten, and nobody but the manager gives anything.
    async fn an_offered_lead_that_is_given_is_asked_about_anew(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        let (tom, path) = (at_desk(&rig, MANAGER).await, format!("/desk/leads/{id}/give"));
        let (_, _, page) = tom.get(&path).await;
        for told in ["It is offered to Luis Ortega", "They are asked whether they take it", "1 h 0 min of working time to answer"] {
            assert!(page.contains(told), "{told}: {page}");
        }
        let (status, ..) = at_desk(&rig, LUIS).await.get(&path).await;
        assert_eq!(status, StatusCode::FORBIDDEN);

        rig.clock.advance(MINUTE_MS);
        takes(&rig, &id).await;
        let form = format!("known_ms={}&to={DANA}&because={}", known_ms(&page), WHY.replace(' ', "+"));
        let (status, _, page) = tom.ask("POST", &path, Some(&form)).await;
        assert_eq!(status, StatusCode::CONFLICT, "{page}");
        assert!(page.contains("changed this lead meanwhile") && page.contains("stays “accepted”"), "{page}");
        assert!(page.contains(WHY) && lead(&rig).await.owner_email.as_deref() == Some(LUIS), "{page}");

        // Nobody reached them in time: it is offered to the next, and given on from there.
        pass(&rig, at("2027-01-18T13:01:00-06:00")).await;
        let asked = live(&rig, &id).await.unwrap();
        assert_eq!((asked.answer.as_deref(), asked.given_because.as_deref()), (None, None));
        let giver = desk::rep(&rig.ctx, MANAGER).await.unwrap().unwrap();
        let long = "x".repeat(201);
        let long = Giving { because: &long, ..Giving::to(KARA) };
        let refused = handoff::give(&rig.ctx, &id, By::Rep(&giver), &long).await.unwrap_err();
        assert!(refused.kind() == Kind::Invalid && refused.public().contains("200"), "{refused}");
        let giving = Giving { because: WHY, ..Giving::to(KARA) };
        handoff::give(&rig.ctx, &id, By::Rep(&giver), &giving).await.unwrap();
        let offered = live(&rig, &id).await.unwrap();
        assert_eq!((offered.rep_email.as_str(), offered.answer.as_deref()), (KARA, None));
        assert_eq!(offered.given_because.as_deref(), Some(WHY));
        let (_, _, page) = at_desk(&rig, KARA).await.get(&link(&rig, &offered)).await;
        assert!(page.contains("Tom Beckett gave it to Kara Boyd") && !page.contains(WHY), "{page}");
        handoff::view(&rig.ctx, OfferId::parse(&offered.id).unwrap()).await.unwrap();
        let (_, _, page) = at_desk(&rig, KARA).await.get(&link(&rig, &offered)).await;
        assert!(page.contains(WHY), "{page}");
        let told = subjects(&rig, asked.rep_email.as_str()).await;
        rig.drain().await;
        assert!(subjects(&rig, asked.rep_email.as_str()).await.len() > told.len(), "whoever was asked is told");
        // Who let it pass, and in whose hands it was, stands with why.
        let (_, _, page) = tom.get(&path).await;
        assert!(page.contains("had this lead before") || page.contains("did not"), "{page}");
    }

    /// A deal keeps its day: whoever is given it has until then.
    async fn a_deal_that_is_given_keeps_its_day(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        let luis = takes(&rig, &id).await;
        rig.clock.advance(MINUTE_MS);
        handoff::contacted(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap();
        let sql = Closing { on: Some(day("2027-02-26")), ..euros("12000") };
        handoff::record(&rig.ctx, &id, By::Rep(&luis), Outcome::Sql(sql), "").await.unwrap();
        let due_ms = clock(&rig, &id).await.unwrap().due_ms;
        let (tom, path) = (at_desk(&rig, MANAGER).await, format!("/desk/leads/{id}/give"));
        let (_, _, page) = tom.get(&path).await;
        assert!(page.contains("Their clock runs until 2027-02-26") && page.contains("stays “sales qualified”"), "{page}");
        let (status, ..) = tom.ask("POST", &path, Some(&format!("to={DANA}"))).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let runs = clock(&rig, &id).await.unwrap();
        assert_eq!((runs.owner.as_str(), runs.due_ms), ("Dana Whitlock", due_ms));
        assert_eq!(lead(&rig).await.stage, "sql");
        rig.drain().await;
        rig.assert_nothing_left().await;
    }
}
