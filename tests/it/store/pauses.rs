//! Sequences that rest, what of them may start, and what counts in a person's budget.

use partnercast::{
    domain::kernel::id::NodeId,
    store::{
        Db, inspect,
        journeys::{leads_at, sent_between, waiting_between},
        outbox::{LANE_RESTING, LANE_SEQUENCE, NewDelivery, Waiting, enqueue, renew},
        pauses::{Pause, all, bring_back, going, of, pause, resume, set_aside, waiting},
        queue::{start_sequence, start_single},
        renditions,
        running::next_due_ms,
        sequences::{Done, NewEnrolment, add_step, enter},
    },
};

use super::{leads::scene, queue::mail};
use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, number, values},
    outbox::{LIFETIME_MS, rendition_of, word},
};

/// A message of each of two sequences; their ids.
async fn two_messages(db: &Db, random: &SeededRandom) -> [String; 2] {
    in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of("rnd_offer", None)]));
    let message = |scope: &str| NewDelivery {
        lane: LANE_SEQUENCE,
        scope: scope.to_owned(),
        ..mail(random, &format!("sequence:{scope}"))
    };
    let both = [message("nurture"), message("welcome")];
    for one in &both {
        assert!(in_tx!(db, tx => enqueue(tx, START_MS, one)));
    }
    both.map(|one| one.id.to_string())
}

fn resting() -> Pause {
    Pause {
        sequence: "welcome".to_owned(),
        because: "20 in a row".to_owned(),
        actor: "partnercast".to_owned(),
        since_ms: START_MS,
    }
}

both_dbs! {
    /// What rests is not started, and keeps for as long as it rests; the others go on.
    async fn what_rests_is_not_started(db: Db) {
        let random = SeededRandom::new(1);
        let [nurture, welcome] = two_messages(&db, &random).await;
        let node = NodeId::new(START_MS, &random);
        let names = |found: Vec<(String, String)>| found.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(in_tx!(db, tx => going(tx, LANE_SEQUENCE, START_MS))), ["nurture", "welcome"]);
        assert!(in_tx!(db, tx => pause(tx, &resting())));
        assert!(!in_tx!(db, tx => pause(tx, &resting())), "it rests already");
        assert_eq!((of(&db, "welcome").await.unwrap(), of(&db, "nurture").await.unwrap()), (Some(resting()), None));
        assert_eq!(all(&db).await.unwrap(), [resting()]);
        assert_eq!((waiting(&db, "welcome").await.unwrap(), waiting(&db, "none").await.unwrap()), (1, 0));
        assert_eq!(names(in_tx!(db, tx => going(tx, LANE_SEQUENCE, START_MS))), ["nurture"]);
        assert!(in_tx!(db, tx => start_sequence(tx, node, START_MS, "welcome", 10)).leaving.is_empty());
        let started = in_tx!(db, tx => start_single(tx, node, START_MS, LANE_SEQUENCE, 10)).leaving;
        assert_eq!(started.iter().map(|one| (&one.id, one.scope.as_str())).collect::<Vec<_>>(), [(&nurture, "nurture")]);
        assert_eq!(started[0].whole().as_deref(), Some("sequence:nurture"));
        assert_eq!(next_due_ms(&db, &[]).await.unwrap(), None, "what rests is not due");
        let lane = async || number(&db, "SELECT lane FROM delivery WHERE id = $1", values![&welcome]).await;
        assert_eq!((in_tx!(db, tx => set_aside(tx, 10)), in_tx!(db, tx => set_aside(tx, 10)), lane().await), (1, 0, LANE_RESTING));
        assert_eq!(in_tx!(db, tx => bring_back(tx, 10)), 0, "it rests");
        assert_eq!(inspect::queue(&db, START_MS + 9).await.unwrap().oldest_due_ms, None, "and is not late");
        let later_ms = START_MS + 2 * LIFETIME_MS;
        let place = in_tx!(db, tx => renew(tx, Waiting::Sequence("welcome"), &word(later_ms, 9), None, 10)).unwrap();
        assert_eq!(place.id, welcome);
        assert_eq!(in_tx!(db, tx => renew(tx, Waiting::Sequence("welcome"), &word(later_ms, 9), Some(&place), 10)), None);
        assert!(in_tx!(db, tx => resume(tx, "welcome")) && !in_tx!(db, tx => resume(tx, "welcome")));
        assert_eq!((in_tx!(db, tx => set_aside(tx, 10)), in_tx!(db, tx => bring_back(tx, 10)), lane().await), (0, 1, LANE_SEQUENCE));
        assert!(in_tx!(db, tx => start_sequence(tx, node, later_ms, "nurture", 10)).leaving.is_empty());
        let started = in_tx!(db, tx => start_sequence(tx, node, later_ms, "welcome", 10)).leaving;
        assert_eq!(started.iter().map(|one| &one.id).collect::<Vec<_>>(), [&welcome]);
    }

    /// What somebody was sent counts from its promise, or from when it was made if that was much later; what reached nobody
    /// does not. What they wait for is told apart.
    async fn what_counts_in_a_budget(db: Db) {
        let lead = scene(&db).await;
        let [first, second] = two_messages(&db, &SeededRandom::new(1)).await;
        let new = NewEnrolment {
            id: "enr_1".to_owned(),
            sequence: "welcome".to_owned(),
            contact_id: None,
            lead_id: Some(lead.id.clone()),
            partner_slug: "northlight".to_owned(),
            because: "asked".to_owned(),
            entered_ms: START_MS,
            waiting: "c".to_owned(),
            due_ms: START_MS + 50,
            plan_hash: "plan".to_owned(),
        };
        in_tx!(db, tx => enter(tx, vec![new]));
        for (step, id) in [("a", &first), ("b", &second)] {
            let done = Done {
                step: step.to_owned(),
                at_ms: START_MS + 1,
                outcome: "sent".to_owned(),
                because: "due".to_owned(),
                delivery_id: Some(id.clone()),
            };
            assert!(in_tx!(db, tx => add_step(tx, "enr_1", &done)));
        }
        execute(&db, "UPDATE delivery SET created_ms = created_ms + 30 WHERE id = $1", values![&second]).await;
        let (one, span) = ((lead.id.as_str(), lead.id.as_str()), (START_MS, START_MS + 100));
        let told = |at: i64| (lead.id.clone(), "welcome".to_owned(), START_MS + at);
        assert_eq!(sent_between(&db, one, span, 20).await.unwrap(), [told(0), told(30)]);
        assert_eq!(sent_between(&db, one, span, 40).await.unwrap(), [told(0), told(0)], "it is not that late");
        assert_eq!(sent_between(&db, ("", lead.id.as_str()), (START_MS + 2, START_MS + 9), 20).await.unwrap(), []);
        assert_eq!(sent_between(&db, ("con_", "con_z"), span, 20).await.unwrap(), [], "of others");
        execute(&db, "UPDATE delivery SET state = 'failed', live = FALSE WHERE id = $1", values![&first]).await;
        assert_eq!(sent_between(&db, one, span, 20).await.unwrap(), [told(30)]);
        assert_eq!(waiting_between(&db, one, span).await.unwrap(), [told(50)]);
        assert_eq!(waiting_between(&db, one, (START_MS, START_MS + 50)).await.unwrap(), []);
        assert_eq!(leads_at(&db, &lead.email_key).await.unwrap(), [lead.id.as_str()]);
        assert!(leads_at(&db, "nobody@customer.example").await.unwrap().is_empty());
    }
}
