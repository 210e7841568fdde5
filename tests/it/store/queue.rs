//! The queue while all goes well: release, claim, windows, settling, lists.

use std::collections::BTreeSet;

use partnercast::{
    domain::{
        delivery::DeliveryState,
        kernel::id::{DeliveryId, LeadId},
    },
    store::{
        Db,
        deliveries::{counts, of_issue, origins, sent, unfinished},
        issues,
        queue::{LANE_ISSUE, LANE_URGENT, NewDelivery, enqueue, hand_back, next_due_ms, release, send_again},
        renditions, suppressions,
    },
};

use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, number, rows, values},
    outbox::{
        DOMAIN, LIFETIME_MS, Scene, attempts, claim, key, rendition_id, rendition_of, result, row, settle,
        start,
    },
};

fn mail(random: &SeededRandom, source: &str) -> NewDelivery {
    NewDelivery {
        id: DeliveryId::new(START_MS, random),
        source: source.to_owned(),
        lead_id: Some(LeadId::new(START_MS, random).to_string()),
        partner_slug: "northlight".to_owned(),
        recipient_name: "Rae".to_owned(),
        email: "Rae@Northlight.example".to_owned(),
        rendition_id: "rnd_offer".to_owned(),
        scope: "",
        domain: DOMAIN.to_owned(),
        because: "a lead is offered".to_owned(),
        expires_ms: START_MS + LIFETIME_MS,
    }
}

both_dbs! {
    /// One row a recipient, with everything the sender needs; releasing again adds nothing and changes nothing.
    async fn release_fills_the_outbox_once(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        assert_eq!(in_tx!(db, tx => release(tx, &scene.issue, START_MS + 99, LIFETIME_MS, DOMAIN)), 0);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery", vec![]).await, 3);
        let stored = issues::issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((stored.state.as_str(), stored.released_ms), ("sending", Some(START_MS)));
        let id = DeliveryId::parse(&scene.deliveries[1]).unwrap();
        let one = sent(&db, id).await.unwrap().unwrap();
        assert_eq!((one.id, one.recipient_key, one.scope), (scene.deliveries[1].clone(), key(1), "fold-forward".to_owned()));
        assert_eq!((one.contact_id, one.lead_id), (Some(scene.contacts[1].clone()), None));
        assert_eq!((one.rendition_id, one.because), (rendition_id("fold-forward"), "reads the newsletter".to_owned()));
        assert_eq!((one.partner_slug.as_str(), one.accepted_ms), ("northlight", None));
        assert!(!one.recipient_name.is_empty());
        assert!(sent(&db, DeliveryId::new(1, &scene.random)).await.unwrap().is_none());
        let (lane, expires_ms): (i64, i64) =
            rows(&db, "SELECT lane, expires_ms FROM delivery LIMIT 1", vec![]).await.remove(0);
        assert_eq!((lane, expires_ms), (LANE_ISSUE, START_MS + LIFETIME_MS));
    }

    /// Two nodes that release the same issue at the same moment fill the outbox once, and neither fails.
    async fn release_by_two_nodes(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 800).await;
        let go = |db: Db, issue: String| async move {
            in_tx!(db, tx => release(tx, &issue, START_MS, LIFETIME_MS, DOMAIN))
        };
        let nodes: Vec<_> = (0..3).map(|_| tokio::spawn(go(db.clone(), scene.issue.clone()))).collect();
        let mut filled = 0;
        for node in nodes {
            filled += node.await.unwrap();
        }
        assert_eq!(filled, 800);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery", vec![]).await, 800);
    }

    /// Nothing leaves that nobody approved, and nothing of what was cancelled meanwhile.
    async fn release_wants_an_approved_issue(db: Db) {
        let frozen = Scene::frozen(&db, "frozen", 2).await;
        assert_eq!(in_tx!(db, tx => release(tx, &frozen.issue, START_MS, LIFETIME_MS, DOMAIN)), 0, "not approved");
        let cancelled = Scene::approved(&db, "cancelled", 2).await;
        assert!(in_tx!(db, tx => issues::control(tx, &cancelled.issue, "cancelled")));
        assert_eq!(in_tx!(db, tx => release(tx, &cancelled.issue, START_MS, LIFETIME_MS, DOMAIN)), 0, "cancelled");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery", vec![]).await, 0);
        assert_eq!(issues::issue(&db, &frozen.issue).await.unwrap().unwrap().state, "frozen");
    }

    /// Those left out get no row.
    async fn release_leaves_out_who_is_out(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 3).await;
        execute(&db, "UPDATE audience_decision SET included = $1 WHERE contact_id = $2", values![false, &scene.contacts[0]]).await;
        assert_eq!(in_tx!(db, tx => release(tx, &scene.issue, START_MS, LIFETIME_MS, DOMAIN)), 2);
    }

    /// A single mail goes out once a source, and is due at once, in the urgent lane.
    async fn enqueue_once_a_source(db: Db) {
        let random = SeededRandom::new(1);
        in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of("rnd_offer", None)]));
        let first = mail(&random, "offer:off_1");
        assert!(in_tx!(db, tx => enqueue(tx, START_MS, &first)));
        let again = NewDelivery { email: "rae@northlight.example".to_owned(), ..mail(&random, "offer:off_1") };
        assert!(!in_tx!(db, tx => enqueue(tx, START_MS, &again)), "the address in another case is the same person");
        assert!(in_tx!(db, tx => enqueue(tx, START_MS, &mail(&random, "offer:off_2"))));
        let one = sent(&db, first.id).await.unwrap().unwrap();
        assert_eq!((one.lead_id, one.recipient_key.as_str()), (first.lead_id, "rae@northlight.example"));
        assert_eq!((one.scope.as_str(), one.contact_id), ("", None));
        let message_id = "SELECT message_id FROM delivery WHERE id = $1";
        let seen: Vec<(String,)> = rows(&db, message_id, values![first.id.to_string()]).await;
        assert_eq!(seen[0].0, format!("{}.g1@{DOMAIN}", first.id));
        assert_eq!(number(&db, "SELECT MIN(lane) FROM delivery", vec![]).await, LANE_URGENT);
        assert_eq!(next_due_ms(&db).await.unwrap(), Some(START_MS));
    }

    /// Urgent mail first, then by due time; never what is not due yet, never more than asked for.
    async fn claim_takes_urgent_then_oldest(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 5).await;
        for (at, due_ms) in [(0, 30), (1, 10), (2, 20), (3, 40), (4, 5_000)] {
            execute(&db, "UPDATE delivery SET due_ms = $2 WHERE id = $1", values![&scene.deliveries[at], START_MS + due_ms]).await;
        }
        in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of("rnd_offer", None)]));
        let urgent = mail(&scene.random, "offer:off_1");
        in_tx!(db, tx => enqueue(tx, START_MS + 35, &urgent));
        let node = scene.node();
        assert!(claim(&db, node, START_MS, 10).await.is_empty(), "nothing is due yet");
        let mut order = Vec::new();
        while let Some(claimed) = claim(&db, node, START_MS + 100, 1).await.pop() {
            order.push(claimed.id);
        }
        let expected = [&urgent.id.to_string(), &scene.deliveries[1], &scene.deliveries[2], &scene.deliveries[0], &scene.deliveries[3]];
        assert_eq!(order.iter().collect::<Vec<_>>(), expected);
        assert_eq!(next_due_ms(&db).await.unwrap(), Some(START_MS + 5_000));
        let rest = claim(&db, node, START_MS + 5_000, 10).await.remove(0);
        assert_eq!((rest.id.as_str(), rest.token, rest.attempt, rest.tries), (scene.deliveries[4].as_str(), 1, 0, 0));
        assert_eq!((rest.email.to_lowercase(), rest.rendition_id), (key(4), rendition_id("fold-forward")));
        assert_eq!((rest.expires_ms, rest.promised_ms), (START_MS + LIFETIME_MS, START_MS));
        assert_eq!(rest.message_id, format!("{}.g1@{DOMAIN}", rest.id));
        assert!(!rest.recipient_name.is_empty());
        assert_eq!(next_due_ms(&db).await.unwrap(), None);
    }

    /// Many claimers at once take every row exactly once.
    async fn claim_by_many_never_gives_a_row_twice(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 900).await;
        let claimers: Vec<_> = (0..6)
            .map(|_| {
                let (db, node) = (db.clone(), scene.node());
                tokio::spawn(async move {
                    let (mut mine, mut empty) = (Vec::new(), 0);
                    // Locked rows are skipped, so one empty answer does not mean that nothing is left.
                    while empty < 3 {
                        let claimed = claim(&db, node, START_MS, 40).await;
                        empty = if claimed.is_empty() { empty + 1 } else { 0 };
                        mine.extend(claimed.into_iter().map(|claimed| claimed.id));
                    }
                    mine
                })
            })
            .collect();
        let mut all = Vec::new();
        for claimer in claimers {
            all.extend(claimer.await.unwrap());
        }
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), different.len(), "a row was given twice");
        assert_eq!(all.len(), 900);
    }

    /// Two open transactions claim at the same moment: the second gets other rows and does not wait for the first.
    async fn claim_skips_what_another_transaction_holds(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        if !db.is_shared() {
            return; // one writer: there is no second transaction
        }
        let (mut one, mut two) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        let first = partnercast::store::queue::claim(&mut one, scene.node(), START_MS, 2).await.unwrap();
        let second = partnercast::store::queue::claim(&mut two, scene.node(), START_MS, 10).await.unwrap();
        assert_eq!((first.len(), second.len()), (2, 2));
        assert!(first.iter().all(|a| second.iter().all(|b| a.id != b.id)));
    }

    /// The rows of a paused issue stay where they are; those of others go on.
    async fn claim_leaves_paused_issues(db: Db) {
        let paused = Scene::released(&db, "paused", 3).await;
        let running = Scene::released(&db, "running-on", 2).await;
        assert!(in_tx!(db, tx => issues::control(tx, &paused.issue, "paused")));
        let taken = claim(&db, running.node(), START_MS, 100).await;
        assert_eq!(taken.len(), 2);
        assert!(taken.iter().all(|claimed| running.deliveries.contains(&claimed.id)));
        assert!(in_tx!(db, tx => issues::control(tx, &paused.issue, "running")));
        assert_eq!(claim(&db, running.node(), START_MS, 100).await.len(), 3);
    }

    /// Each way in which a claimed row may have to stay: the row says why, and nothing is left in hand.
    async fn start_window_respects_everything_that_happened_since(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        let gone = Scene::released(&db, "gone", 1).await;
        let held = Scene::released(&db, "held", 1).await;
        let node = scene.node();
        let mut window = claim(&db, node, START_MS, 100).await;
        assert_eq!(window.len(), 6);
        // Readers are the same people in every scene: what they stop is one newsletter, or all.
        in_tx!(db, tx => suppressions::add(tx, START_MS, &key(1), "fold-forward", "asked to"));
        in_tx!(db, tx => suppressions::add(tx, START_MS, &key(2), suppressions::ALL, "complained"));
        in_tx!(db, tx => suppressions::add(tx, START_MS, &key(3), "another", "asked to"));
        in_tx!(db, tx => issues::control(tx, &gone.issue, "cancelled"));
        in_tx!(db, tx => issues::control(tx, &held.issue, "paused"));
        let stolen = scene.deliveries[0].clone();
        window.iter_mut().filter(|claimed| claimed.id == stolen).for_each(|claimed| claimed.token += 1);
        assert_eq!(start(&db, &window).await, [scene.deliveries[3].clone()]);
        let expected = [
            (&scene.deliveries[0], "leased", 0),
            (&scene.deliveries[1], "suppressed", 0),
            (&scene.deliveries[2], "suppressed", 0),
            (&scene.deliveries[3], "sending", 1),
            (&gone.deliveries[0], "cancelled", 0),
            (&held.deliveries[0], "ready", 0),
        ];
        for (id, state, attempt) in expected {
            let stored = row(&db, id).await;
            assert_eq!((stored.state.as_str(), stored.attempt), (state, attempt), "{stored:?}");
            assert_eq!(stored.node_id.is_some(), matches!(state, "leased" | "sending"), "{stored:?}");
        }
        assert!(row(&db, &scene.deliveries[1]).await.detail.unwrap().contains("do-not-send list"));
        assert!(start(&db, &[]).await.is_empty());
        assert!(start(&db, &window).await.is_empty(), "a window starts once");
    }

    /// A mail that a person asked for at that moment goes out whatever they unsubscribed from.
    async fn start_window_sends_single_mails_to_everybody(db: Db) {
        let random = SeededRandom::new(1);
        in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of("rnd_offer", None)]));
        in_tx!(db, tx => enqueue(tx, START_MS, &mail(&random, "offer:off_1")));
        in_tx!(db, tx => suppressions::add(tx, START_MS, "rae@northlight.example", suppressions::ALL, "asked to"));
        let node = partnercast::domain::kernel::id::NodeId::new(START_MS, &random);
        let window = claim(&db, node, START_MS, 10).await;
        assert_eq!(start(&db, &window).await.len(), 1);
    }

    /// Results of more than one statement's rows are recorded, each with its evidence.
    async fn settle_over_500_rows(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1_203).await;
        let node = scene.node();
        let window = claim(&db, node, START_MS, 5_000).await;
        assert_eq!(start(&db, &window).await.len(), 1_203);
        let results: Vec<_> = window
            .iter()
            .enumerate()
            .map(|(at, claimed)| match at % 3 {
                0 => result(claimed, DeliveryState::Accepted, None),
                1 => result(claimed, DeliveryState::Failed, None),
                _ => result(claimed, DeliveryState::Ready, Some(START_MS + 300_000)),
            })
            .collect();
        assert_eq!(settle(&db, node, &results).await, 1_203);
        assert_eq!(settle(&db, node, &results).await, 0, "recorded once");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM attempt", vec![]).await, 1_203);
        let mut counted = counts(&db, &scene.issue).await.unwrap();
        counted.sort_by_key(|(state, _)| state.as_str());
        assert_eq!(counted, [(DeliveryState::Accepted, 401), (DeliveryState::Failed, 401), (DeliveryState::Ready, 401)]);
        assert_eq!(unfinished(&db).await.unwrap(), 401);
        assert_eq!(next_due_ms(&db).await.unwrap(), Some(START_MS + 300_000));
        let page = of_issue(&db, &scene.issue, 0).await.unwrap();
        assert_eq!(page.len(), 1_000);
        assert_eq!(of_issue(&db, &scene.issue, 1_000).await.unwrap().len(), 203);
    }

    /// A deferred message comes back with its count, its reply and a new due time; an accepted one stays.
    async fn settle_writes_the_ledger(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let (node, id) = (scene.node(), &scene.deliveries[0]);
        let window = claim(&db, node, START_MS, 1).await;
        start(&db, &window).await;
        let mut later = result(&window[0], DeliveryState::Ready, Some(START_MS + 60_000));
        later.counts = false;
        settle(&db, node, &[later]).await;
        let stored = row(&db, id).await;
        assert_eq!((stored.state.as_str(), stored.due_ms, stored.attempt, stored.tries), ("ready", START_MS + 60_000, 1, 0));
        assert!(claim(&db, node, START_MS + 59_999, 1).await.is_empty());
        let window = claim(&db, node, START_MS + 60_000, 1).await;
        assert_eq!((window[0].attempt, window[0].tries), (1, 0));
        start(&db, &window).await;
        settle(&db, node, &[result(&window[0], DeliveryState::Accepted, None)]).await;
        let stored = row(&db, id).await;
        assert_eq!((stored.state.as_str(), stored.attempt, stored.tries), ("accepted", 2, 1));
        assert_eq!((stored.accepted_ms, stored.node_id), (Some(START_MS + 1_000), None));
        assert_eq!(attempts(&db, id).await, [(1, "soft".to_owned()), (2, "accepted".to_owned())]);
        let line = of_issue(&db, &scene.issue, 0).await.unwrap().remove(0);
        assert_eq!((line.state.as_str(), line.attempt, line.detail.as_deref()), ("accepted", 2, Some("2.0.0 Ok")));
        assert_eq!((line.accepted_ms, line.promised_ms), (Some(START_MS + 1_000), START_MS));
        assert_eq!((&line.id, line.email.to_lowercase(), line.partner_slug.as_str()), (id, key(0), "northlight"));
        assert_eq!((line.rendition_id, line.because.as_str()), (rendition_id("fold-forward"), "reads the newsletter"));
        assert_eq!(sent(&db, DeliveryId::parse(id).unwrap()).await.unwrap().unwrap().accepted_ms, Some(START_MS + 1_000));
        assert_eq!(unfinished(&db).await.unwrap(), 0);
    }

    /// A node that stops gives back what it had not started, and only that.
    async fn hand_back_returns_what_was_not_started(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        let (mine, other) = (scene.node(), scene.node());
        let started = claim(&db, mine, START_MS, 1).await;
        start(&db, &started).await;
        let waiting = claim(&db, mine, START_MS, 1).await;
        claim(&db, other, START_MS, 1).await;
        assert_eq!(in_tx!(db, tx => hand_back(tx, mine)), 1);
        assert_eq!(row(&db, &waiting[0].id).await.state, "ready");
        assert!(start(&db, &waiting).await.is_empty(), "its token is worth nothing now");
        assert_eq!(unfinished(&db).await.unwrap(), 4);
        assert_eq!(row(&db, &started[0].id).await.state, "sending");
    }

    /// A state nobody knows is reported with its place.
    async fn counts_report_a_damaged_state(db: Db) {
        if db.is_shared() {
            return; // the CHECK of the table cannot be switched off for one statement
        }
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let mut tx = db.begin().await.unwrap();
        tx.run("PRAGMA ignore_check_constraints = ON", vec![]).await.unwrap();
        tx.run("UPDATE delivery SET state = 'flying'", vec![]).await.unwrap();
        tx.commit().await.unwrap();
        let error = counts(&db, &scene.issue).await.unwrap_err();
        assert!(error.detail().contains("table delivery, column state"), "{}", error.detail());
    }

    /// Origins are found for those that are there, more than a statement's rows at once.
    async fn origins_of_many_events(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 600).await;
        let mut ids = scene.deliveries.clone();
        ids.push("dlv_none".to_owned());
        let found = in_tx!(db, tx => origins(tx, ids.clone()));
        assert_eq!(found.len(), 600);
        let one = found.iter().find(|origin| origin.id == scene.deliveries[3]).unwrap();
        assert_eq!((one.contact_id.as_ref(), one.lead_id.as_ref()), (Some(&scene.contacts[3]), None));
        assert_eq!((one.partner_slug.as_str(), one.accepted_ms), ("northlight", None));
        assert!(in_tx!(db, tx => origins(tx, vec![])).is_empty());
    }

    /// Only what ended without being accepted goes back into the queue.
    async fn send_again_takes_what_ended(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let line = of_issue(&db, &scene.issue, 0).await.unwrap().remove(0);
        assert!(!in_tx!(db, tx => send_again(tx, &line.id, START_MS + 5, 1_000)), "it waits already");
        execute(&db, "UPDATE delivery SET state = 'dead', crashes = 3 WHERE id = $1", values![line.id.clone()]).await;
        assert!(in_tx!(db, tx => send_again(tx, &line.id, START_MS + 5, 1_000)));
        assert_eq!(of_issue(&db, &scene.issue, 0).await.unwrap()[0].state, "ready");
    }
}
