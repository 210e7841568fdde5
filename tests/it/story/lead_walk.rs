//! Whatever people do with a lead and however time passes: one owner or nurture, one clock, and an end that is one.

use partnercast::{
    domain::{
        kernel::{
            Random,
            clock::{DAY_MS, MINUTE_MS},
            id::OfferId,
            random::SeededRandom,
        },
        lead::{DisqualifyReason, LeadStage, RejectReason},
    },
    store::{conflicts, consents, lead_clocks, leads, offers},
    work::{
        Context, desk,
        forms::{self, FormKind, Submission},
        handoff::{self, By, Closing, Giving, Outcome, conflict, waits_for_answer},
        person::erase,
    },
};

use super::{
    Rig,
    conflicts::{CLAIRE, JENS, are_both_in_hand, ruled},
    hand_off::{ada, person},
    lead_work::{LUIS, MANAGER, day, euros},
};
use crate::harness::both_dbs;

both_dbs! {
    /// Whatever people do, take back or have erased, and however time passes, a lead has exactly one owner or is in nurture, one clock at most,
    /// and never leaves the end; and of a person who is known through two partners one partner alone has them in hand, by whichever rule.
    async fn a_lead_has_one_owner_or_is_in_nurture(db: Db) {
        let rig = Rig::new(db).await;
        let random = SeededRandom::new(11);
        let pick = |count: usize| usize::try_from(random.next_u64() % 1_000_003).unwrap() % count;
        for round in 0..8 {
            rig.clock.advance(DAY_MS);
            let rule = ["first_in_hand", "ask", "last_touch", "first_touch"][round % 4];
            ruled(&rig, rule, ["person", "account"][round / 4]).await;
            let email = format!("person{round}@clinic{round}.example");
            let forms = ["northlight", "rheinbogen"].map(|partner| Submission {
                email: email.clone(),
                partner: partner.into(),
                ..ada(FormKind::TalkToUs, forms::TALK_TO_US)
            });
            let mut ids = Vec::new();
            for form in &forms {
                forms::submit(&rig.ctx, form.clone(), &person()).await.unwrap();
                let lead = leads::by_address(&rig.ctx.db, &email, &form.partner).await.unwrap();
                ids.push(lead.unwrap().id);
            }
            let (mut over, mut is_erased) = ([None; 2], false);
            for _ in 0..15 {
                // What is refused changes nothing; the invariant below says so.
                let which = pick(2);
                act(&rig.ctx, &ids[which], &forms[which], &pick).await;
                is_erased |= withdrawn_or_erased(&rig, &ids[which], &email, is_erased, &pick).await;
                assert!(!are_both_in_hand(&rig.ctx.db, &ids[0], &ids[1]).await, "{rule}, after an act: {}", told(&rig, &ids).await);
                rig.clock.advance(i64::try_from(pick(40)).unwrap() * 10 * MINUTE_MS);
                handoff::tick(&rig.ctx).await.unwrap();
                assert!(!are_both_in_hand(&rig.ctx.db, &ids[0], &ids[1]).await, "{rule}, after a look: {}", told(&rig, &ids).await);
                for (id, over) in ids.iter().zip(&mut over) {
                    let stage = holds(&rig, id).await;
                    assert!(over.is_none_or(|end| end == stage), "it left {over:?} for {stage:?}");
                    *over = stage.is_terminal().then_some(stage);
                }
                cases_hold(&rig).await;
            }
        }
    }
}

/// The person may take back their consent, or, once, ask to be erased; whether they are erased now.
async fn withdrawn_or_erased(
    rig: &Rig,
    id: &str,
    email: &str,
    is_erased: bool,
    pick: &impl Fn(usize) -> usize,
) -> bool {
    match pick(20) {
        0 | 1 => {
            let mut tx = rig.ctx.db.begin().await.unwrap();
            consents::withdraw(&mut tx, id, rig.clock_ms()).await.unwrap();
            tx.commit().await.unwrap();
            rig.clock.advance(MINUTE_MS);
            false
        }
        2 if !is_erased => {
            handoff::tick(&rig.ctx).await.unwrap();
            erase(&rig.ctx, email, "operator").await.unwrap();
            rig.clock.advance(MINUTE_MS);
            true
        }
        _ => false,
    }
}

/// What happened to two leads.
async fn told(rig: &Rig, ids: &[String]) -> String {
    let mut told = String::new();
    for id in ids {
        for step in leads::steps(&rig.ctx.db, id).await.unwrap() {
            told += &format!("{id} {} {}: {}\n", step.stage, step.actor, step.what);
        }
    }
    for case in conflicts::list(&rig.ctx.db).await.unwrap() {
        told += &format!("{case:?}\n{:?}\n", conflicts::steps(&rig.ctx.db, &case.id).await.unwrap());
    }
    told
}

/// Who waits is with nobody; in a case that is over nobody waits; a decision that is settled left nobody else in hand.
async fn cases_hold(rig: &Rig) {
    let db = &rig.ctx.db;
    for case in conflicts::list(db).await.unwrap() {
        for party in conflicts::parties(db, &case.id).await.unwrap() {
            let live = offers::of_lead(db, &party.lead_id).await.unwrap().iter().any(offers::Offer::is_live);
            let told = || format!("{case:#?}\n{party:#?}");
            assert!(!(party.held && live), "{}", told());
            assert!(!(party.held && case.state == "over"), "{}", told());
            let is_winners = case.winner.as_deref() == Some(party.partner_slug.as_str());
            assert!(!(live && case.state == "decided" && case.settled && !is_winners), "{}", told());
        }
    }
}

/// Something that somebody might do.
async fn act(ctx: &Context, id: &str, form: &Submission, pick: &impl Fn(usize) -> usize) {
    if pick(6) == 0 {
        return decide(ctx, id, pick).await;
    }
    let offers = offers::of_lead(&ctx.db, id).await.unwrap();
    if offers.is_empty() {
        _ = forms::submit(ctx, form.clone(), &person()).await.unwrap();
        return;
    }
    let offer = &offers[pick(offers.len())];
    let offer_id = OfferId::parse(&offer.id).unwrap();
    let rep = desk::rep(ctx, &offer.rep_email).await.unwrap().unwrap();
    let by = if pick(4) == 0 { By::Console("operator") } else { By::Rep(&rep) };
    let reason = DisqualifyReason::ALL[pick(DisqualifyReason::ALL.len())];
    let outcome = match pick(7) {
        0 => Outcome::Sql(Closing { on: Some(day("2027-12-30")), ..euros("100") }),
        1 => Outcome::DealRegistered(None),
        6 => Outcome::DealRegistered(Some(euros("80"))),
        2 => Outcome::Won(euros("90.90")),
        3 => Outcome::Lost(reason),
        4 => Outcome::Disqualified { reason, again_on: None },
        _ => Outcome::Disqualified { reason, again_on: Some(day("2027-04-01")) },
    };
    _ = match pick(9) {
        0 | 1 => handoff::accept(ctx, offer_id).await,
        2 => handoff::reject(ctx, offer_id, RejectReason::ALL[pick(RejectReason::ALL.len())], "").await,
        3 | 4 => handoff::contacted(ctx, id, by, "").await,
        5 => {
            let to = ["kara.boyd@northlight.example", LUIS, MANAGER, JENS, CLAIRE][pick(5)];
            handoff::give(ctx, id, by, &Giving::to(to)).await
        }
        6 => handoff::ask_for_time(ctx, id, by, "").await.map(drop),
        7 => match forms::submit(ctx, form.clone(), &person()).await {
            Ok(_) => {
                is_with_somebody(ctx, id, form).await;
                Ok(())
            }
            Err(refused) => panic!("{refused:?}"),
        },
        _ => handoff::record(ctx, id, by, outcome, "").await,
    };
}

/// Whoever asked to talk just now is with somebody: here, at the partner that goes on with them, or with who decides between the two.
async fn is_with_somebody(ctx: &Context, id: &str, form: &Submission) {
    let is_live =
        async |id: &str| offers::of_lead(&ctx.db, id).await.unwrap().iter().any(offers::Offer::is_live);
    let mut is_with_one = is_live(id).await;
    for partner in ["northlight", "rheinbogen"] {
        let other = leads::by_address(&ctx.db, &form.email, partner).await.unwrap();
        if let Some(other) = other {
            is_with_one |= is_live(&other.id).await;
        }
    }
    let case = conflicts::of_lead(&ctx.db, id).await.unwrap();
    let is_asked = case.is_some_and(|(case, _)| case.state == "open");
    let lead = leads::lead(&ctx.db, id).await.unwrap().unwrap();
    let steps = leads::steps(&ctx.db, id).await.unwrap();
    assert!(is_with_one || is_asked, "asked to talk, and nobody has them: {lead:#?}\n{steps:#?}");
}

/// A channel manager decides the lead's conflict, or takes it up again.
async fn decide(ctx: &Context, id: &str, pick: &impl Fn(usize) -> usize) {
    let Some((case, _)) = conflicts::of_lead(&ctx.db, id).await.unwrap() else { return };
    let by = By::Console("operator");
    let version = case.version - i64::from(pick(5) == 0);
    let winner = ["northlight", "rheinbogen", "nobody"][pick(3)];
    _ = match case.state.as_str() {
        "open" => conflict::decide(ctx, &case.id, by, version, winner, "because").await,
        _ => conflict::reopen(ctx, &case.id, by, version, "otherwise").await,
    };
}

/// Fails unless the lead has one owner or is in nurture; returns its stage.
async fn holds(rig: &Rig, id: &str) -> LeadStage {
    let db = &rig.ctx.db;
    let lead = leads::lead(db, id).await.unwrap().unwrap();
    let stage = LeadStage::parse(&lead.stage).unwrap();
    let offers = offers::of_lead(db, id).await.unwrap();
    let live: Vec<_> = offers.iter().filter(|offer| offer.is_live()).collect();
    let clocks = lead_clocks::of_lead(db, id).await.unwrap();
    let running: Vec<_> = clocks.iter().filter(|clock| clock.stopped_ms.is_none()).collect();
    let steps = leads::steps(db, id).await.unwrap();
    let told = || format!("{lead:#?}\n{offers:#?}\n{clocks:#?}\n{steps:#?}");
    assert!(live.len() <= 1 && running.len() <= 1, "{}", told());
    match stage {
        LeadStage::Offered => {
            assert!(live[0].answer.is_none() && lead.owner_name.is_none(), "{}", told());
            assert_eq!(running[0].kind, "accept", "{}", told());
        }
        _ if stage.is_owned() => {
            assert!(live[0].holds() && running.len() == 1, "{}", told());
            assert_eq!(lead.owner_email.as_deref(), Some(live[0].rep_email.as_str()), "{}", told());
        }
        LeadStage::Won | LeadStage::Lost => {
            // Over, and with its owner again only while the person waits for an answer.
            assert!(lead.owner_name.is_some() && live.len() == running.len(), "{}", told());
            if let Some(live) = live.first() {
                assert!(live.holds() && waits_for_answer(&lead), "{}", told());
                assert_eq!(lead.owner_email.as_deref(), Some(live.rep_email.as_str()), "{}", told());
            }
        }
        LeadStage::Recycled | LeadStage::Disqualified | LeadStage::Nurturing | LeadStage::Inquiry => {
            assert!(live.is_empty() && running.is_empty() && lead.owner_name.is_none(), "{}", told());
        }
        _ => panic!("no place to stay: {}", told()),
    }
    for pair in steps.windows(2) {
        let (from, to) =
            (LeadStage::parse(&pair[0].stage).unwrap(), LeadStage::parse(&pair[1].stage).unwrap());
        assert!(from == to || from.next().contains(&to), "{from} to {to}: {}", told());
    }
    stage
}
