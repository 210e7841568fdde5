//! One person, or one company, known through two partners: one goes on, and the others learn nothing of them.

use axum::http::Method;
use partnercast::{
    domain::{
        kernel::{
            Kind,
            clock::{DAY_MS, MINUTE_MS},
            id::OfferId,
        },
        lead::DisqualifyReason,
    },
    store::{
        Db,
        conflicts::{self, Case},
        leads::{self, Lead},
        offers::{self, Offer},
        partners,
    },
    work::{
        desk,
        forms::{self, FormKind, Submission},
        handoff::{self, By, Closing, Giving, Outcome, conflict},
        person as people, sync,
    },
};

use super::{
    Rig,
    console::{ask, get},
    copied,
    hand_off::{ada, person},
    intake::import,
    lead_work::{LUIS, MANAGER, euros},
};
use crate::harness::{both_dbs, databases::in_tx};

const PAPER: &str = "whitepapers/proof-of-recovery";
pub const HERE: &str = "northlight";
pub const THERE: &str = "rheinbogen";
pub const JENS: &str = "jens.krueger@rheinbogen.example";
pub const CLAIRE: &str = "claire.vasseur@brackenfold.example";
pub const EMAIL: &str = "ada.okafor@harborclinic.example";

/// Puts another rule in force.
pub async fn ruled(rig: &Rig, rule: &str, scope: &str) {
    let folder = copied();
    let path = folder.path().join("rules/routing.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("rule = \"first_in_hand\"", &format!("rule = \"{rule}\""))
        .replace("scope = \"person\"", &format!("scope = \"{scope}\""));
    std::fs::write(&path, text).unwrap();
    sync::sync(&rig.ctx, folder.path(), true).await.unwrap();
    assert_eq!(rig.ctx.library().rules.routing.as_ref().unwrap().conflict.rule.as_str(), rule);
}

async fn fills(rig: &Rig, form: Submission) -> Lead {
    rig.clock.advance(MINUTE_MS);
    let key = form.email.to_lowercase();
    let partner = form.partner.clone();
    forms::submit(&rig.ctx, form, &person()).await.unwrap();
    rig.drain().await;
    leads::by_address(&rig.ctx.db, &key, &partner).await.unwrap().unwrap()
}

pub async fn asks(rig: &Rig, partner: &str) -> Lead {
    fills(rig, Submission { partner: partner.into(), ..ada(FormKind::TalkToUs, forms::TALK_TO_US) }).await
}

async fn reads(rig: &Rig, partner: &str) -> Lead {
    fills(rig, Submission { partner: partner.into(), ..ada(FormKind::Whitepaper, PAPER) }).await
}

async fn again(rig: &Rig, lead: &Lead) -> Lead {
    leads::lead(&rig.ctx.db, &lead.id).await.unwrap().unwrap()
}

pub async fn with(rig: &Rig, lead: &Lead) -> Option<String> {
    let all = offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap();
    all.into_iter().find(Offer::is_live).map(|offer| offer.rep_email)
}

pub async fn accepts(rig: &Rig, lead: &Lead) -> desk::Rep {
    let offer =
        offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap().into_iter().find(Offer::is_live).unwrap();
    handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
    rig.clock.advance(MINUTE_MS);
    desk::rep(&rig.ctx, &offer.rep_email).await.unwrap().unwrap()
}

pub async fn case(rig: &Rig) -> Case {
    conflicts::list(&rig.ctx.db).await.unwrap().remove(0)
}

pub async fn subjects(rig: &Rig, address: &str) -> Vec<String> {
    let all = rig.mailbox.list(10_000).await.unwrap();
    all.into_iter().filter(|mail| mail.to.contains(address)).map(|mail| mail.subject).collect()
}

pub async fn looks_again(rig: &Rig) {
    rig.clock.advance(MINUTE_MS);
    handoff::tick(&rig.ctx).await.unwrap();
    rig.drain().await;
}

/// All that is written about a lead for its partner.
pub async fn ledger(rig: &Rig, lead: &Lead) -> String {
    let steps = leads::steps(&rig.ctx.db, &lead.id).await.unwrap();
    steps.into_iter().map(|step| format!("{}: {}\n", step.actor, step.what)).collect()
}

both_dbs! {
    /// Known here and in hand, she asks there too: nobody there is asked, the rep here is told that she asked, neither learns of
    /// the other, and when it comes to nothing here, it is offered there.
    async fn whoever_had_her_first_goes_on(db: Db) {
        let rig = Rig::new(db).await;
        let here = asks(&rig, HERE).await;
        assert_eq!(with(&rig, &here).await.as_deref(), Some(LUIS));
        let there = asks(&rig, THERE).await;
        assert_eq!((with(&rig, &there).await, there.owner_name.as_deref()), (None, None), "nobody is asked to call twice");
        assert_eq!(subjects(&rig, JENS).await, [] as [String; 0]);
        assert!(subjects(&rig, LUIS).await[0].contains("asked again"), "{:?}", subjects(&rig, LUIS).await);
        let decided = case(&rig).await;
        assert_eq!((decided.state.as_str(), decided.winner.as_deref(), decided.settled), ("decided", Some(HERE), true));
        let (ours, theirs) = (ledger(&rig, &here).await, ledger(&rig, &there).await);
        assert!(theirs.contains("Waits: another partner") && !theirs.to_lowercase().contains(HERE) && !theirs.contains("Luis"));
        assert!(ours.contains("This lead goes on") && !ours.to_lowercase().contains(THERE) && !ours.contains("Jens"));

        // Their own desk says that somebody waits, and neither who nor why in names.
        let (_, mine) = get_desk(&rig, JENS, "/desk").await;
        assert!(mine.contains("Waiting") && mine.contains("in touch with another of our partners"), "{mine}");
        assert!(!mine.contains("Ada") && !mine.contains("Northlight"), "{mine}");
        let (status, _) = get_desk(&rig, JENS, &format!("/desk/leads/{}", there.id)).await;
        assert_eq!(status, 404, "it was never offered to him");
        let (status, _) = get_desk(&rig, JENS, &format!("/desk/conflicts/{}", decided.id)).await;
        assert_eq!(status, 404, "the case is the channel managers'");
        let luis = accepts(&rig, &here).await;
        let (_, card) = get_desk(&rig, LUIS, &format!("/desk/leads/{}", here.id)).await;
        assert!(card.contains("You are the one point of contact") && !card.contains("Rheinbogen"), "{card}");
        assert!(!card.contains("/desk/conflicts/"), "{card}");
        let (_, both) = get_desk(&rig, CLAIRE, &format!("/desk/conflicts/{}", decided.id)).await;
        assert!(both.contains("Northlight MSP") && both.contains("Rheinbogen Systemhaus") && both.contains("Luis Ortega"), "{both}");

        handoff::contacted(&rig.ctx, &here.id, By::Rep(&luis), "").await.unwrap();
        rig.clock.advance(MINUTE_MS);
        let outcome = Outcome::Disqualified { reason: DisqualifyReason::NoNeed, again_on: None };
        handoff::record(&rig.ctx, &here.id, By::Rep(&luis), outcome, "").await.unwrap();
        assert_eq!(with(&rig, &there).await, None);
        looks_again(&rig).await;
        assert_eq!(with(&rig, &there).await.as_deref(), Some(JENS), "looked at again: {}", ledger(&rig, &there).await);
        let states: Vec<String> = conflicts::list(&rig.ctx.db).await.unwrap().into_iter().map(|case| case.state).collect();
        assert_eq!(states, ["over"], "she did nothing here since it was returned");
        // Now she asks here again: there goes on.
        let back = asks(&rig, HERE).await;
        assert_eq!((with(&rig, &back).await, case(&rig).await.winner.as_deref()), (None, Some(THERE)));
        rig.assert_nothing_left().await;
    }

    /// By the rule to ask, both channel managers get a mail and one decides: what is wrong with a decision is said at once, a
    /// stale one and a second one change nothing, and what was decided against whoever has the lead is carried out.
    async fn a_channel_manager_decides_once(db: Db) {
        let rig = Rig::new(db).await;
        ruled(&rig, "ask", "person").await;
        let here = asks(&rig, HERE).await;
        reads(&rig, THERE).await;
        let open = case(&rig).await;
        assert_eq!((open.state.as_str(), open.winner.as_deref()), ("open", None));
        for manager in [MANAGER, CLAIRE] {
            assert!(subjects(&rig, manager).await[0].contains("who goes on?"), "{manager}");
        }
        let there = fills(&rig, Submission { partner: THERE.into(), ..ada(FormKind::TalkToUs, forms::TALK_TO_US) }).await;
        assert_eq!((with(&rig, &here).await.as_deref(), with(&rig, &there).await), (Some(LUIS), None));
        looks_again(&rig).await;
        assert_eq!(with(&rig, &there).await, None, "nobody decided yet");
        let claire = desk::rep(&rig.ctx, CLAIRE).await.unwrap().unwrap();
        let jens = desk::rep(&rig.ctx, JENS).await.unwrap().unwrap();
        let kenji = desk::rep(&rig.ctx, "kenji.arai@brackenfold.example").await.unwrap().unwrap();
        let decide = async |by, version, winner, why| conflict::decide(&rig.ctx, &open.id, by, version, winner, why).await;
        let now = case(&rig).await;
        assert!(now.version > open.version, "she asked since");
        for by in [&jens, &kenji] {
            let refused = decide(By::Rep(by), now.version, THERE, "mine").await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Denied);
        }
        let stale = decide(By::Rep(&claire), open.version, THERE, "closer").await.unwrap_err();
        assert!(stale.kind() == Kind::Conflict && stale.public().contains("has changed since"), "{}", stale.public());
        let faults = decide(By::Rep(&claire), now.version, "thornbury", " ").await.unwrap_err();
        assert!(faults.kind() == Kind::Invalid && faults.public().contains("reason") && faults.public().contains("choose one"), "{}", faults.public());
        let give = handoff::give(&rig.ctx, &there.id, By::Rep(&claire), &Giving::to(JENS)).await.unwrap_err();
        assert!(give.kind() == Kind::Conflict && give.public().contains("decide that conflict"), "{}", give.public());
        assert_eq!(case(&rig).await, now, "nothing was changed");

        decide(By::Rep(&claire), now.version, THERE, "closer to the clinic").await.unwrap();
        rig.drain().await;
        assert_eq!((with(&rig, &here).await, with(&rig, &there).await.as_deref()), (None, Some(JENS)));
        let gone = again(&rig, &here).await;
        assert_eq!((gone.stage.as_str(), gone.owner_name), ("recycled", None));
        assert!(subjects(&rig, LUIS).await[0].contains("another partner"), "{:?}", subjects(&rig, LUIS).await);
        let twice = decide(By::Console("operator"), now.version, HERE, "no").await.unwrap_err();
        assert!(twice.kind() == Kind::Conflict && twice.public().contains("Claire Vasseur"), "{}", twice.public());
        let steps = conflicts::steps(&rig.ctx.db, &open.id).await.unwrap();
        let decided = steps.iter().find(|step| step.actor == "Claire Vasseur").unwrap();
        assert_eq!(decided.because, "closer to the clinic");
        let looked: Vec<conflict::Looked> = serde_json::from_str(&decided.looked).unwrap();
        assert_eq!(looked.len(), 2);
        assert!(looked.iter().any(|it| it.partner == HERE && it.stage == "offered") && looked.iter().any(|it| it.asks));

        // Taken up again, nothing is taken from anybody; then it is decided the other way.
        let settled = case(&rig).await;
        conflict::reopen(&rig.ctx, &open.id, By::Rep(&claire), settled.version, "their project has a name").await.unwrap();
        assert_eq!(with(&rig, &there).await.as_deref(), Some(JENS));
        let open = case(&rig).await;
        let (status, page) = get(&rig, &format!("/console/conflicts/{}", open.id)).await;
        assert!(status == 200 && page.contains("closer to the clinic") && page.contains("name=\"winner\""), "{page}");
        let sent = format!("winner={HERE}&because=asked+first&version={}", open.version);
        let (status, to, _) = ask(&rig, Method::POST, &format!("/console/conflicts/{}", open.id), &sent).await;
        assert_eq!((status, to), (303, format!("/console/conflicts/{}", open.id)));
        assert_eq!((with(&rig, &here).await.as_deref(), with(&rig, &there).await), (Some(LUIS), None));
        rig.drain().await;
    }

    /// The other rules: whoever was given the name first is offered what she asked for elsewhere; whoever was asked last gets it
    /// from whoever has it; a confirmed deal stays where it is.
    async fn first_and_last_touch_pick_as_they_say(db: Db) {
        let rig = Rig::new(db).await;
        ruled(&rig, "first_touch", "person").await;
        let here = reads(&rig, HERE).await;
        assert_eq!(with(&rig, &here).await, None);
        let there = asks(&rig, THERE).await;
        rig.drain().await;
        assert_eq!((with(&rig, &here).await.as_deref(), with(&rig, &there).await), (Some(LUIS), None));
        ruled(&rig, "last_touch", "person").await;
        let other = Submission { email: "bo@depot.example".into(), ..ada(FormKind::TalkToUs, forms::TALK_TO_US) };
        let here = fills(&rig, other.clone()).await;
        let there = fills(&rig, Submission { partner: THERE.into(), ..other.clone() }).await;
        rig.drain().await;
        assert_eq!((with(&rig, &here).await, with(&rig, &there).await.as_deref()), (None, Some(JENS)));
        let jens = accepts(&rig, &there).await;
        handoff::contacted(&rig.ctx, &there.id, By::Rep(&jens), "").await.unwrap();
        rig.clock.advance(MINUTE_MS);
        handoff::record(&rig.ctx, &there.id, By::Rep(&jens), Outcome::Sql(Closing { on: "2027-12-30".parse().ok(), ..euros("100") }), "").await.unwrap();
        rig.clock.advance(MINUTE_MS);
        handoff::record(&rig.ctx, &there.id, By::Rep(&jens), Outcome::Won(euros("100")), "").await.unwrap();
        looks_again(&rig).await;
        let here = fills(&rig, other).await;
        assert_eq!(with(&rig, &here).await, None, "a customer is their partner's");
        rig.clock.advance(366 * DAY_MS);
        looks_again(&rig).await;
        assert_eq!(conflicts::of_lead(&rig.ctx.db, &here.id).await.unwrap().map(|(case, _)| case.state), None, "for a year");
        rig.drain().await;
    }

    /// By the account, colleagues at one company have one partner; people at a public mail provider are no company.
    async fn an_account_is_a_companys_domain(db: Db) {
        let rig = Rig::new(db).await;
        ruled(&rig, "first_in_hand", "account").await;
        let form = |partner: &str, email: &str| Submission {
            partner: partner.into(),
            email: email.into(),
            ..ada(FormKind::TalkToUs, forms::TALK_TO_US)
        };
        let here = fills(&rig, form(HERE, "ann@depot.example")).await;
        let there = fills(&rig, form(THERE, "bob@depot.example")).await;
        assert_eq!((with(&rig, &here).await.as_deref(), with(&rig, &there).await), (Some(LUIS), None));
        let mine = fills(&rig, form(HERE, "cara@depot.example")).await;
        assert_eq!(with(&rig, &mine).await.as_deref(), Some(LUIS), "the partner that goes on gets the others too");
        let third = fills(&rig, form("thornbury", "dan@depot.example")).await;
        assert_eq!(with(&rig, &third).await, None, "who comes by a third partner waits as well");
        for (partner, email) in [(HERE, "ann@gmail.com"), (THERE, "bob@gmail.com")] {
            let lead = fills(&rig, form(partner, email)).await;
            assert!(with(&rig, &lead).await.is_some(), "{email}");
        }
        assert_eq!(conflicts::list(&rig.ctx.db).await.unwrap().len(), 1);
        rig.drain().await;
    }

    /// Erased while a decision is open: nothing is left to decide, and no case knows them.
    async fn erased_before_it_is_decided(db: Db) {
        let rig = Rig::new(db).await;
        ruled(&rig, "ask", "person").await;
        asks(&rig, HERE).await;
        asks(&rig, THERE).await;
        let open = case(&rig).await;
        assert_eq!(open.subject, EMAIL);
        let all = people::export(&rig.ctx.db, EMAIL).await.unwrap();
        assert!(all["tables"]["conflict_case"].is_array(), "{all}");
        let erased = people::erase(&rig.ctx, EMAIL, "operator").await.unwrap();
        assert_eq!(erased.left, []);
        let over = case(&rig).await;
        assert_eq!((over.state.as_str(), over.subject.contains('@')), ("over", false));
        let late = conflict::decide(&rig.ctx, &open.id, By::Console("operator"), over.version, HERE, "so").await.unwrap_err();
        assert!(late.kind() == Kind::Conflict && late.public().contains("over"), "{}", late.public());
        looks_again(&rig).await;
        assert!(conflicts::list(&rig.ctx.db).await.unwrap().iter().all(|case| case.state == "over"));
        // Whoever comes with the same address again is somebody new.
        let back = asks(&rig, THERE).await;
        assert!(with(&rig, &back).await.is_some());
        rig.drain().await;
    }

    /// A partner whose people left the roster cannot be chosen; the decision says so and the other one can.
    async fn nobody_is_left_at_a_partner(db: Db) {
        let rig = Rig::new(db).await;
        ruled(&rig, "ask", "person").await;
        let here = asks(&rig, HERE).await;
        asks(&rig, THERE).await;
        let gone = partners::partner(&rig.ctx.db, THERE).await.unwrap().unwrap();
        in_tx!(&rig.ctx.db, tx => partners::import(tx, rig.clock_ms(), &*rig.ctx.random, &[gone], &[]));
        let open = case(&rig).await;
        let decide = async |winner| conflict::decide(&rig.ctx, &open.id, By::Console("operator"), open.version, winner, "so").await;
        let refused = decide(THERE).await.unwrap_err();
        assert!(refused.kind() == Kind::Invalid && refused.public().contains("nobody left"), "{}", refused.public());
        looks_again(&rig).await;
        let decided = case(&rig).await;
        assert_eq!((decided.state.as_str(), decided.winner.as_deref()), ("decided", Some(HERE)), "no other is left");
        assert_eq!(with(&rig, &here).await.as_deref(), Some(LUIS));
        rig.drain().await;
    }

    /// She asks two partners in the same moment: one is asked to call.
    async fn two_at_once_are_one(db: Db) {
        let rig = Rig::new(db).await;
        let form = |partner: &str| Submission { partner: partner.into(), ..ada(FormKind::TalkToUs, forms::TALK_TO_US) };
        let (one, two) = (person(), person());
        let (first, second) = tokio::join!(
            forms::submit(&rig.ctx, form(HERE), &one),
            forms::submit(&rig.ctx, form(THERE), &two),
        );
        first.unwrap();
        second.unwrap();
        looks_again(&rig).await;
        let all = leads::recent(&rig.ctx.db, None).await.unwrap();
        let mut live = 0;
        for lead in &all {
            live += usize::from(with(&rig, lead).await.is_some());
        }
        assert_eq!((all.len(), live), (2, 1));
        rig.drain().await;
    }

    /// Leads of files are the same people: whoever is in hand at one partner is not offered to another by a row, and once the
    /// first gives them back, the row's partner is asked, for the person asked to be called.
    async fn a_row_of_a_file_meets_the_rule_too(db: Db) {
        let rig = Rig::new(db).await;
        let here = asks(&rig, HERE).await;
        assert_eq!(with(&rig, &here).await.as_deref(), Some(LUIS));
        let row = format!(
            "{},Ada Okafor,Harbor,,it,50-249,DE,,{THERE},,Fair,talk-to-us,2027-01-10T10:00:00Z,Please call,\n",
            here.email
        );
        import(&rig, &row, false).await.unwrap();
        let there = leads::by_address(&rig.ctx.db, &here.email_key, THERE).await.unwrap().unwrap();
        for _ in 0..3 {
            looks_again(&rig).await;
        }
        assert_eq!((with(&rig, &here).await.as_deref(), with(&rig, &there).await), (Some(LUIS), None));
        assert_eq!(case(&rig).await.winner.as_deref(), Some(HERE));
        let luis = accepts(&rig, &here).await;
        handoff::contacted(&rig.ctx, &here.id, By::Rep(&luis), "").await.unwrap();
        rig.clock.advance(MINUTE_MS);
        let no_need = Outcome::Disqualified { reason: DisqualifyReason::NoNeed, again_on: None };
        handoff::record(&rig.ctx, &here.id, By::Rep(&luis), no_need, "").await.unwrap();
        for _ in 0..3 {
            looks_again(&rig).await;
        }
        assert_eq!(with(&rig, &there).await.as_deref(), Some(JENS), "{}", ledger(&rig, &there).await);
    }
}

/// A page of the desk of whoever has this address.
async fn get_desk(rig: &Rig, address: &str, path: &str) -> (u16, String) {
    let cookie = partnercast::work::signin::open_desk(&rig.ctx, address).await.unwrap();
    super::console::get_with(rig, path, &format!("partnercast-desk={cookie}")).await
}

/// Whether two partners have one of the two leads in hand at once: what no rule allows.
pub async fn are_both_in_hand(db: &Db, one: &str, two: &str) -> bool {
    let mut live = 0;
    for id in [one, two] {
        live += usize::from(offers::of_lead(db, id).await.unwrap().iter().any(Offer::is_live));
    }
    live > 1
}
