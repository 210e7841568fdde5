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
    store::{lead_clocks, leads, offers},
    work::{
        Context, desk,
        forms::{self, FormKind, Submission},
        handoff::{self, By, Closing, Outcome},
    },
};

use super::{
    Rig,
    hand_off::{ada, person},
    lead_work::{LUIS, MANAGER, day, euros},
};
use crate::harness::both_dbs;

both_dbs! {
    /// Whatever people do and however time passes, a lead has exactly one owner or is in nurture, one clock at most, and never
    /// leaves the end.
    async fn a_lead_has_one_owner_or_is_in_nurture(db: Db) {
        let rig = Rig::new(db).await;
        let random = SeededRandom::new(11);
        let pick = |count: usize| usize::try_from(random.next_u64() % 1_000_003).unwrap() % count;
        for round in 0..6 {
            rig.clock.advance(DAY_MS);
            let email = format!("person{round}@clinic.example");
            let form = Submission { email, ..ada(FormKind::TalkToUs, forms::TALK_TO_US) };
            forms::submit(&rig.ctx, form.clone(), &person()).await.unwrap();
            let all = leads::recent(&rig.ctx.db, None).await.unwrap();
            let id = all.into_iter().find(|lead| lead.email == form.email).unwrap().id;
            let mut over = None;
            for _ in 0..25 {
                // What is refused changes nothing; the invariant below says so.
                act(&rig.ctx, &id, &form, &pick).await;
                rig.clock.advance(i64::try_from(pick(40)).unwrap() * 10 * MINUTE_MS);
                handoff::tick(&rig.ctx).await.unwrap();
                let stage = holds(&rig, &id).await;
                assert!(over.is_none_or(|end| end == stage), "it left {over:?} for {stage:?}");
                over = stage.is_terminal().then_some(stage);
            }
        }
    }
}

/// Something that somebody might do.
async fn act(ctx: &Context, id: &str, form: &Submission, pick: &impl Fn(usize) -> usize) {
    let offers = offers::of_lead(&ctx.db, id).await.unwrap();
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
        2 => handoff::reject(ctx, offer_id, RejectReason::NoCapacity, "").await,
        3 | 4 => handoff::contacted(ctx, id, by, "").await,
        5 => handoff::give(ctx, id, by, ["kara.boyd@northlight.example", LUIS, MANAGER][pick(3)]).await,
        6 => handoff::ask_for_time(ctx, id, by, "").await.map(drop),
        7 => match forms::submit(ctx, form.clone(), &person()).await {
            Ok(_) => Ok(()),
            Err(refused) => panic!("{refused:?}"),
        },
        _ => handoff::record(ctx, id, by, outcome, "").await,
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
            assert!(live.is_empty() && running.is_empty() && lead.owner_name.is_some(), "{}", told());
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
