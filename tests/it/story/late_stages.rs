//! Stages of an issue that leaves late or with a pause in between: each waits for the one before, as it really left.

use partnercast::{
    channel::smtp::Dialer,
    domain::kernel::clock::{MINUTE_MS, UtcMs},
    store::audience,
    work::{approve, deliver::Deliverer, kept, publish},
};

use super::{
    Rig,
    console::get,
    post::relay,
    release::{DUE_MS, MARCUS, mails_to, note, with_letter},
};
use crate::harness::{
    both_dbs,
    chaos::{Sink, Step},
    databases::{execute, rows, values},
    manners::say,
};

const STAGED: &str = "staged: {pilot: [fjellvakt], share: 30, wait_minutes: 10}\n";

/// When the first of each stage was accepted, in minutes after the hour: pilot, first share, rest.
async fn left(rig: &Rig) -> [Option<i64>; 3] {
    let issue = note(rig).await;
    let text =
        "SELECT a.stage, MIN(d.accepted_ms) FROM audience_decision a JOIN delivery d ON d.id = a.delivery_id
         WHERE a.issue_id = $1 GROUP BY a.stage";
    let found: Vec<(String, Option<UtcMs>)> = rows(&rig.ctx.db, text, values![&issue.id]).await;
    ["pilot", "first", "rest"].map(|stage| {
        let at_ms = found.iter().find(|(of, _)| of == stage).and_then(|(_, at_ms)| *at_ms);
        at_ms.map(|at_ms| (at_ms - DUE_MS).div_euclid(MINUTE_MS))
    })
}

/// Lets minutes pass from an hour before the promise on until so many after it.
async fn until(rig: &Rig, minutes: i64) {
    rig.clock.set(rig.clock_ms().max(DUE_MS - 61 * MINUTE_MS));
    rig.pass(DUE_MS + minutes * MINUTE_MS, MINUTE_MS).await;
}

both_dbs! {
    /// Nobody approved it before its hour: the stages follow each other all the same.
    async fn a_late_approval_keeps_the_stages_apart(db: Db) {
        let rig = with_letter(db, &format!("approval: required\n{STAGED}"), "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        until(&rig, 6).await;
        approve::approve(&rig.ctx, &issue.id, &issue.content_hash, MARCUS).await.unwrap();
        until(&rig, 40).await;
        assert_eq!(left(&rig).await, [Some(7), Some(17), Some(27)]);
        let told = kept::occurrence(&rig.ctx, "note", "2027-01-12").await.unwrap().unwrap();
        assert_eq!((told.verdict, told.accepted), (Some("late"), 33));
    }

    /// Paused over the hour, after the pilot: the share leaves when it is resumed, the rest some minutes later.
    async fn a_pause_over_the_hour_keeps_the_stages_apart(db: Db) {
        let rig = with_letter(db, &format!("approval: automatic\n{STAGED}"), "").await;
        until(&rig, -20).await;
        let issue = note(&rig).await;
        approve::pause(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        until(&rig, 30).await;
        approve::resume(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        until(&rig, 60).await;
        let [pilot, first, rest] = left(&rig).await.map(Option::unwrap);
        assert!(pilot < -20 && first == 31 && rest == 41, "{pilot} {first} {rest}");
    }

    /// The pilot was refused for a reason of ours, and a person resumes after the hour: the pilot goes first, the others later.
    async fn a_pilot_that_did_not_leave_holds_the_others(db: Db) {
        let rig = with_letter(db.clone(), &format!("approval: automatic\n{STAGED}"), "").await;
        rig.clock.set(DUE_MS - 58 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        // As the breaker leaves it: each was tried, in vain, and no try counts.
        execute(&db, "UPDATE delivery SET attempt = 1, due_ms = $1 WHERE scope = 'note' AND partner_slug = 'fjellvakt'", values![DUE_MS - 30 * MINUTE_MS]).await;
        execute(&db, "UPDATE issue SET control = 'paused', paused_because = 'refused' WHERE id = $1", values![&issue.id]).await;
        until(&rig, 6).await;
        assert_eq!(left(&rig).await, [None; 3]);
        approve::resume(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        until(&rig, 40).await;
        assert_eq!(left(&rig).await, [Some(7), Some(17), Some(27)]);
    }

    /// All of the pilot were refused for who sends it: the issue pauses itself before the others get it, and its approvers are told.
    /// Once one of them has it go on, the others wait no longer.
    async fn a_pilot_that_was_tried_in_vain_pauses_the_issue(db: Db) {
        let rig = with_letter(db, &format!("approval: automatic\n{STAGED}"), "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let sink = Sink::start(|step: &Step| {
            (step.verb == "DOT").then(|| say("550 5.7.1 rejected due to policy: SPF fail for your domain")).flatten()
        })
        .await;
        let mut worker = Deliverer::new(rig.ctx.clone(), vec![Dialer::new(relay(&sink, "relay")).unwrap()]);
        for _ in 0..3 {
            worker.drain().await.unwrap();
            rig.clock.advance(MINUTE_MS);
        }
        let issue = note(&rig).await;
        assert_eq!(issue.control, "paused");
        assert!(issue.paused_because.unwrap().contains("nobody of those who get it first could be sent it: 550 5.7.1"));
        until(&rig, 6).await;
        assert_eq!(left(&rig).await, [None; 3]);
        let told = mails_to(&rig, MARCUS).await;
        assert!(told.iter().any(|subject| subject.contains("Note of 2027-01-12 paused itself")), "{told:?}");
        approve::resume(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        until(&rig, 40).await;
        assert_eq!(left(&rig).await, [None, Some(7), Some(17)], "the pilot's next try is hours ahead");
    }

    /// A share of few is at least one person; what is cancelled is shown as that, and people are told what waits.
    async fn a_share_is_somebody(db: Db) {
        let keys = "approval: automatic\nstaged: {pilot: [fjellvakt], share: 1, wait_minutes: 10}\n";
        let rig = with_letter(db, keys, "").await;
        until(&rig, 1).await;
        let issue = note(&rig).await;
        let stages = audience::stages(&rig.ctx.db, &issue.id).await.unwrap();
        let people: Vec<(&str, i64)> = stages.iter().map(|it| (it.stage.as_str(), it.people)).collect();
        assert!(people[0].0 == "first" && people[0].1 >= 1 && stages[0].accepted == people[0].1, "{stages:?}");
        approve::cancel(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        let stages = audience::stages(&rig.ctx.db, &issue.id).await.unwrap();
        assert_eq!((stages[2].failed, stages[2].cancelled), (0, people[2].1), "{stages:?}");
        let (_, page) = get(&rig, &format!("/console/issues/{}", issue.id)).await;
        assert!(page.contains(&format!("{} cancelled", people[2].1)), "{page}");
    }
}
