//! Journeys through sequences: who enters, who is due, what they had, how they end.

use partnercast::{
    domain::{delivery::DeliveryState, kernel::id::NodeId},
    store::{
        Db, consents,
        events::{Event, insert as insert_events},
        journeys::{busy, counts, ended, had, had_by, inside, path, places, reached},
        leads::{NewConsent, add, add_consent},
        outbox::{LANE_SEQUENCE, NewDelivery, enqueue},
        partners::{contact, import, new_contacts},
        queue::{put_back, start_single},
        renditions,
        sequences::{
            Done, End, Enrolment, Move, NewEnrolment, add_step, clicked, close, come_back, due, end,
            enrolment, enter, go_on, hold_lead, leads_outside, leave, of_person, outdated, steps, stored,
            taken,
        },
        takeover::reap,
    },
};

use super::{
    leads::{new_lead, scene},
    queue::mail,
};
use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, number, rows, values},
    outbox::{contact as new_contact, partner, rendition_of, result, row, settle},
};

/// How who left is recorded.
const LEFT: End<'_> = End { state: "left", reason: "rule", detail: "because", now_ms: START_MS + 9 };

/// The lead `led_1` in the sequence `s`, waiting for `a`, due `due_ms` after the start.
fn entering(no: i64, due_ms: i64) -> NewEnrolment {
    NewEnrolment {
        id: format!("enr_{no}"),
        sequence: "s".to_owned(),
        contact_id: None,
        lead_id: Some(format!("led_{no}")),
        partner_slug: "northlight".to_owned(),
        because: "asked for the paper".to_owned(),
        entered_ms: START_MS,
        waiting: "a".to_owned(),
        due_ms: START_MS + due_ms,
        plan_hash: "plan1".to_owned(),
    }
}

/// Three leads in `s`, due one after the other; returns them as stored.
async fn three(db: &Db) -> Vec<Enrolment> {
    scene(db).await;
    for no in 2..=3 {
        let lead = new_lead(&format!("led_{no}"), &format!("lead{no}@oel.example"));
        in_tx!(db, tx => add(tx, &lead));
    }
    assert_eq!(in_tx!(db, tx => enter(tx, vec![entering(1, 30), entering(2, 10), entering(3, 20)])), 3);
    let all = due(db, "s", START_MS + 100, 10).await.unwrap();
    assert_eq!(all.iter().map(|of| of.id.as_str()).collect::<Vec<_>>(), ["enr_2", "enr_3", "enr_1"]);
    all
}

fn step(id: &str, outcome: &str, delivery: Option<&str>) -> Done {
    Done {
        step: id.to_owned(),
        at_ms: START_MS + 1,
        outcome: outcome.to_owned(),
        because: "it was due".to_owned(),
        delivery_id: delivery.map(str::to_owned),
    }
}

fn event(id: &str, kind: &str, asset: Option<&str>) -> Event {
    Event {
        id: id.to_owned(),
        kind: kind.to_owned(),
        at_ms: START_MS,
        delivery_id: None,
        contact_id: None,
        lead_id: None,
        partner_slug: "northlight".to_owned(),
        asset: asset.map(str::to_owned),
        revision: None,
        channel: String::new(),
        stayed_ms: None,
        link_no: None,
        method: "GET".to_owned(),
        agent: String::new(),
        network: String::new(),
        prefetch: false,
        honeypot: false,
        human: true,
        reason: String::new(),
        verdict: String::new(),
    }
}

both_dbs! {
    /// A person enters a sequence once, and is due in order and not before.
    async fn a_person_enters_once(db: Db) {
        let all = three(&db).await;
        assert_eq!(in_tx!(db, tx => enter(tx, vec![NewEnrolment { id: "enr_again".to_owned(), ..entering(1, 0) }])), 0);
        assert_eq!(due(&db, "s", START_MS + 15, 10).await.unwrap().len(), 1);
        assert_eq!(due(&db, "s", START_MS + 100, 2).await.unwrap().len(), 2);
        assert!(due(&db, "t", START_MS + 100, 2).await.unwrap().is_empty());
        let one = enrolment(&db, "enr_1").await.unwrap().unwrap();
        assert_eq!((&one, one.from_ms, one.state.as_str(), one.moves), (&all[2], START_MS, "inside", 0));
        assert_eq!(enrolment(&db, "enr_9").await.unwrap(), None);
        in_tx!(db, tx => enter(tx, vec![NewEnrolment { id: "enr_t".to_owned(), sequence: "t".to_owned(), ..entering(1, 5) }]));
        let own: Vec<String> = of_person(&db, "led_1").await.unwrap().into_iter().map(|of| of.sequence).collect();
        assert_eq!(own, ["s", "t"]);
        assert_eq!(busy(&db).await.unwrap(), ["s", "t"]);
    }

    /// Of two who move somebody one does; who was edited past is found until they are moved.
    async fn a_move_is_made_once(db: Db) {
        let all = three(&db).await;
        assert_eq!(outdated(&db, "s", "plan1", START_MS + 99, 10).await.unwrap().len(), 0);
        assert_eq!(outdated(&db, "s", "plan2", START_MS + 99, 2).await.unwrap().len(), 2);
        assert_eq!(outdated(&db, "s", "plan1", START_MS - 1, 10).await.unwrap().len(), 3, "they count from a future");
        let next = Move { of: &all[0], waiting: "b", due_ms: START_MS + 50, from_ms: START_MS + 10, plan_hash: "plan2", detail: "" };
        assert!(in_tx!(db, tx => go_on(tx, &next)));
        assert!(!in_tx!(db, tx => go_on(tx, &next)), "another did");
        assert!(!in_tx!(db, tx => end(tx, &all[0], &LEFT)), "another did");
        let moved = enrolment(&db, "enr_2").await.unwrap().unwrap();
        assert_eq!((moved.waiting.as_deref(), moved.due_ms, moved.from_ms, moved.moves), (Some("b"), START_MS + 50, START_MS + 10, 1));
        assert_eq!(outdated(&db, "s", "plan2", START_MS + 99, 10).await.unwrap().len(), 2);
        assert!(in_tx!(db, tx => end(tx, &moved, &LEFT)));
        let gone = enrolment(&db, "enr_2").await.unwrap().unwrap();
        assert_eq!((gone.state.as_str(), gone.reason.as_str(), gone.waiting, gone.ended_ms), ("left", "rule", None, Some(START_MS + 9)));
    }

    /// Leaving one sequence or all, and everybody leaving one in parts.
    async fn leaving_is_for_those_inside(db: Db) {
        three(&db).await;
        in_tx!(db, tx => enter(tx, vec![NewEnrolment { id: "enr_t".to_owned(), sequence: "t".to_owned(), ..entering(1, 5) }]));
        assert_eq!(in_tx!(db, tx => leave(tx, "led_1", Some("s"), &LEFT)), 1);
        assert_eq!(in_tx!(db, tx => leave(tx, "led_1", None, &LEFT)), 1, "the other one");
        assert_eq!(in_tx!(db, tx => leave(tx, "led_1", None, &LEFT)), 0);
        assert_eq!(in_tx!(db, tx => come_back(tx, "led_1", "in_hand", START_MS, START_MS + 7)), 0, "for another reason");
        assert_eq!(in_tx!(db, tx => come_back(tx, "led_1", LEFT.reason, START_MS + 3, START_MS + 7)), 2);
        let back = enrolment(&db, "enr_t").await.unwrap().unwrap();
        assert_eq!((back.state.as_str(), back.waiting, back.from_ms, back.due_ms), ("inside", None, START_MS + 3, START_MS + 7));
        assert_eq!(outdated(&db, "t", "plan1", START_MS + 99, 10).await.unwrap().len(), 1, "where they go on is found anew");
        assert_eq!(in_tx!(db, tx => leave(tx, "led_1", None, &LEFT)), 2);
        assert_eq!(in_tx!(db, tx => close(tx, "s", &LEFT, 1)), 1);
        assert_eq!(in_tx!(db, tx => close(tx, "s", &LEFT, 10)), 1);
        assert!(busy(&db).await.unwrap().is_empty());
    }

    /// A step is had once, in the order it came; what was clicked in it counts where a person did it.
    async fn steps_are_had_once(db: Db) {
        let all = three(&db).await;
        let of = &all[2];
        assert!(in_tx!(db, tx => add_step(tx, &of.id, &step("b", "sent", Some("dlv_b")))));
        assert!(in_tx!(db, tx => add_step(tx, &of.id, &step("a", "skipped", None))));
        assert!(!in_tx!(db, tx => add_step(tx, &of.id, &step("b", "sent", Some("dlv_other")))));
        assert_eq!(steps(&db, &of.id).await.unwrap(), [step("b", "sent", Some("dlv_b")), step("a", "skipped", None)]);
        let on = |event: Event| Event { delivery_id: Some("dlv_b".to_owned()), ..event };
        in_tx!(db, tx => insert_events(tx, vec![Event { human: false, ..on(event("evt_1", "click", None)) }]));
        assert!(clicked(&db, &of.id).await.unwrap().is_empty(), "a machine did");
        in_tx!(db, tx => insert_events(tx, vec![on(event("evt_2", "click", None)), on(event("evt_3", "talk_to_us", None))]));
        assert_eq!(clicked(&db, &of.id).await.unwrap(), ["b"]);
        assert!(reached(&db, &of.id).await.unwrap().is_empty(), "there is no such mail");
        let by_lead = |event: Event| Event { lead_id: of.lead_id.clone(), ..event };
        let machine = Event { human: false, ..by_lead(event("evt_4", "download", Some("blog/x"))) };
        in_tx!(db, tx => insert_events(tx, vec![by_lead(event("evt_5", "download", Some("blog/b"))), machine, event("evt_6", "download", Some("blog/c")), by_lead(event("evt_7", "page_view", Some("videos/v")))]));
        let taken: Vec<(String, Option<String>)> = taken(&db, of).await.unwrap().into_iter().map(|deed| (deed.kind, deed.asset)).collect();
        let kinds = ["download", "page_view", "talk_to_us"].map(str::to_owned);
        let assets = [Some("blog/b".to_owned()), Some("videos/v".to_owned()), None];
        assert_eq!(taken, kinds.into_iter().zip(assets).collect::<Vec<_>>());
    }

    /// How many are where, and who.
    async fn people_are_seen_where_they_are(db: Db) {
        let all = three(&db).await;
        for id in ["a", "b"] {
            in_tx!(db, tx => add_step(tx, "enr_1", &step(id, "sent", None)));
        }
        in_tx!(db, tx => add_step(tx, "enr_2", &step("a", "skipped", None)));
        in_tx!(db, tx => end(tx, &all[0], &LEFT));
        let seen: Vec<_> = counts(&db, Some("s")).await.unwrap().into_iter().map(|count| (count.state, count.waiting, count.reason, count.people)).collect();
        assert_eq!(seen, [
            ("inside".to_owned(), Some("a".to_owned()), String::new(), 2),
            ("left".to_owned(), None, "rule".to_owned(), 1),
        ]);
        assert!(counts(&db, Some("t")).await.unwrap().is_empty());
        assert_eq!(counts(&db, None).await.unwrap().len(), 2);
        let outcome = |step: &str, outcome: &str, people| (step.to_owned(), outcome.to_owned(), people);
        assert_eq!(had(&db, "s").await.unwrap(), [outcome("a", "sent", 1), outcome("a", "skipped", 1), outcome("b", "sent", 1)]);
        let went = path(&db, "s", "enr_1").await.unwrap();
        assert_eq!(went.iter().map(|had| had.step.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(path(&db, "t", "enr_1").await.unwrap().is_empty(), "another sequence's");
        let here = inside(&db, "s", 10).await.unwrap();
        assert_eq!(here.iter().map(|who| who.id.as_str()).collect::<Vec<_>>(), ["enr_3", "enr_1"]);
        assert_eq!((here[0].name.as_str(), here[0].email.as_str(), here[0].is_lead), ("Bea Özil", "lead3@oel.example", true));
        assert_eq!(inside(&db, "s", 1).await.unwrap().len(), 1);
        let gone = ended(&db, "s", 10).await.unwrap();
        assert_eq!((gone.len(), gone[0].reason.as_str(), gone[0].detail.as_str()), (1, "rule", "because"));
        assert_eq!(places(&db, "s", "", 10).await.unwrap().len(), 2);
        assert_eq!(places(&db, "s", "enr_1", 10).await.unwrap(), [("enr_3".to_owned(), Some("a".to_owned()))]);
        let own = |step: &str| ("enr_1".to_owned(), step.to_owned());
        assert_eq!(had_by(&db, "s", "", "enr_9").await.unwrap(), [own("a"), own("b")], "who left is not among them");
    }

    /// Leads enter by stage and consent, which they can take back; a held lead tells its stage.
    async fn leads_need_the_consent(db: Db) {
        scene(&db).await;
        execute(&db, "UPDATE lead SET stage = 'recycled', recycled_ms = 1", values![]).await;
        let outside = async |purpose: &'static str, stage: &'static str, after: &'static str| {
            leads_outside(&db, "s", [stage, "", ""], purpose, after, 10).await.unwrap().len()
        };
        assert_eq!(outside("follow_up", "recycled", "").await, 0, "nothing was agreed to");
        let consent = |granted| NewConsent {
            text_id: "paper".to_owned(),
            text_version: 1,
            purpose: "follow_up".to_owned(),
            wording: "Yes.".to_owned(),
            granted,
            locale: "en".to_owned(),
        };
        in_tx!(db, tx => add_consent(tx, "led_1", START_MS, &consent(true)));
        assert!(consents::has(&db, "led_1", "follow_up").await.unwrap());
        assert!(!consents::has(&db, "led_1", "calls").await.unwrap());
        assert_eq!(outside("follow_up", "recycled", "").await, 1);
        assert_eq!(outside("follow_up", "inquiry", "").await, 0);
        assert_eq!(outside("calls", "recycled", "").await, 0);
        assert_eq!(outside("follow_up", "recycled", "led_1").await, 0);
        in_tx!(db, tx => consents::withdraw(tx, "led_1", START_MS + 1));
        assert!(!consents::has(&db, "led_1", "follow_up").await.unwrap());
        assert_eq!(outside("follow_up", "recycled", "").await, 0);
        in_tx!(db, tx => add_consent(tx, "led_1", START_MS + 2, &consent(true)));
        assert_eq!(outside("follow_up", "recycled", "").await, 1, "agreed anew");
        in_tx!(db, tx => enter(tx, vec![entering(1, 0)]));
        assert_eq!(outside("follow_up", "recycled", "").await, 0, "inside already");
        assert_eq!(in_tx!(db, tx => hold_lead(tx, "led_1")).as_deref(), Some("recycled"));
        assert_eq!(in_tx!(db, tx => hold_lead(tx, "led_9")), None);
    }

    /// Who is new is so since the import that brought them, and not by being imported again; who left and came back is.
    async fn contacts_are_new_since_they_came(db: Db) {
        let random = SeededRandom::new(1);
        let (partner, one, two) = (partner("northlight"), new_contact("northlight", "one@northlight.example"), new_contact("northlight", "two@northlight.example"));
        let roster = async |at_ms: i64, people: &[partnercast::domain::partner::Contact]| {
            in_tx!(db, tx => import(tx, at_ms, &random, std::slice::from_ref(&partner), people));
        };
        let fresh = async |since_ms: i64, after: (i64, &str)| {
            let found = new_contacts(&db, "s", since_ms, after, 10).await.unwrap();
            found.into_iter().map(|new| (new.active_since_ms, new.stored.contact.email.to_string())).collect::<Vec<_>>()
        };
        roster(START_MS, std::slice::from_ref(&one)).await;
        let all = [one.clone(), two];
        roster(START_MS + 10, &all).await;
        roster(START_MS + 20, &all).await;
        assert_eq!(fresh(START_MS, (0, "")).await, [(START_MS + 10, "two@northlight.example".to_owned())]);
        assert_eq!(fresh(START_MS - 1, (0, "")).await.len(), 2);
        assert_eq!(fresh(START_MS - 1, (START_MS, "z")).await.len(), 1);
        roster(START_MS + 30, std::slice::from_ref(&one)).await;
        assert!(fresh(START_MS, (0, "")).await.is_empty(), "they left");
        roster(START_MS + 40, &all).await;
        assert_eq!(fresh(START_MS + 30, (0, "")).await, [(START_MS + 40, "two@northlight.example".to_owned())]);
        let id: Vec<(String,)> = rows(&db, "SELECT id FROM contact WHERE email_key = 'two@northlight.example'", values![]).await;
        let found = contact(&db, &id[0].0).await.unwrap().unwrap();
        assert_eq!(found.contact.email.as_str(), "two@northlight.example");
        let enrolled = NewEnrolment { contact_id: Some(id[0].0.clone()), lead_id: None, ..entering(1, 0) };
        in_tx!(db, tx => enter(tx, vec![enrolled]));
        assert!(fresh(START_MS + 30, (0, "")).await.is_empty(), "inside already");
        execute(&db, "UPDATE contact SET active = FALSE", values![]).await;
        assert!(contact(&db, &id[0].0).await.unwrap().is_none());
    }

    /// The original files of sequences, and no others.
    async fn stored_sequences_are_known_by_slug(db: Db) {
        for path in ["sequences/a.md", "sequences/a.de.md", "sequences/a/hello.md", "blog/a.md"] {
            execute(&db, "INSERT INTO content_head (path, hash, is_text, stored_ms) VALUES ($1, 'h', TRUE, 5)", values![path]).await;
        }
        assert_eq!(stored(&db).await.unwrap(), [("a".to_owned(), "h".to_owned(), 5)]);
    }

    /// What is on its way when somebody leaves goes no further once it comes back to the queue, however it does; of those who
    /// stay it is tried again.
    async fn what_comes_back_of_who_left_is_not_sent(db: Db) {
        three(&db).await;
        let random = SeededRandom::new(4);
        in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of("rnd_offer", None)]));
        for no in 1..=3 {
            let (source, lead) = (format!("sequence:s:a:enr_{no}"), Some(format!("led_{no}")));
            let message = NewDelivery { lane: LANE_SEQUENCE, scope: "s".to_owned(), lead_id: lead, ..mail(&random, &source) };
            in_tx!(db, tx => enqueue(tx, START_MS, &message));
            in_tx!(db, tx => add_step(tx, &format!("enr_{no}"), &step("a", "sent", Some(&message.id.to_string()))));
        }
        let node = NodeId::new(START_MS, &random);
        let begin = async || in_tx!(db, tx => start_single(tx, node, START_MS + 10, LANE_SEQUENCE, 10)).leaving;
        let state = async |id: &str| row(&db, id).await.state;
        let sent = begin().await;
        assert_eq!(sent.len(), 3);
        settle(&db, node, &[result(&sent[0], DeliveryState::Ready, Some(START_MS + 5))]).await;
        in_tx!(db, tx => put_back(tx, &[(sent[1].clone(), START_MS)]));
        assert_eq!((state(&sent[0].id).await, state(&sent[1].id).await), ("ready".to_owned(), "ready".to_owned()), "they are inside");
        let again = begin().await;
        assert_eq!(again.len(), 2);
        for lead in ["led_1", "led_2", "led_3"] {
            assert_eq!(in_tx!(db, tx => leave(tx, lead, Some("s"), &LEFT)), 1);
        }
        for message in &sent {
            assert_eq!(state(&message.id).await, "sending", "it may have arrived");
        }
        settle(&db, node, &[result(&again[0], DeliveryState::Ready, Some(START_MS + 5))]).await;
        in_tx!(db, tx => put_back(tx, &[(again[1].clone(), START_MS)]));
        assert_eq!(in_tx!(db, tx => reap(tx, NodeId::new(START_MS + 1, &random), START_MS + 20, false)).all, 1);
        for message in &sent {
            assert_eq!(state(&message.id).await, "cancelled");
        }
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery WHERE live", values![]).await, 0);
    }
}
