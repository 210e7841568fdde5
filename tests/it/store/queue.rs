//! The queue while all goes well: release, settling, lists, sending again. Starting is `queue_start.rs`.

use partnercast::{
    domain::{
        delivery::DeliveryState,
        kernel::{
            clock::HOUR_MS,
            id::{DeliveryId, LeadId},
        },
    },
    store::{
        Db,
        deliveries::{counts, of_issue, origins, sent, unfinished},
        issues,
        outbox::{
            LANE_ISSUE, LANE_URGENT, NewDelivery, Terms, Waiting, enqueue, fill, release, renew, reopen,
            send_again,
        },
        partners, promises, renditions,
        running::{next_due_ms, running},
    },
};

use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, number, rows, values},
    outbox::{
        DOMAIN, LIFETIME_MS, Scene, attempts, key, partner, rendition_id, rendition_of, result, row, runs,
        settle, start, word,
    },
};

/// A single mail.
pub fn mail(random: &SeededRandom, source: &str) -> NewDelivery {
    NewDelivery {
        id: DeliveryId::new(START_MS, random),
        source: source.to_owned(),
        lane: LANE_URGENT,
        contact_id: None,
        lead_id: Some(LeadId::new(START_MS, random).to_string()),
        partner_slug: "northlight".to_owned(),
        recipient_name: "Rae".to_owned(),
        email: "Rae@Northlight.example".to_owned(),
        rendition_id: "rnd_offer".to_owned(),
        scope: String::new(),
        domain: DOMAIN.to_owned(),
        because: "a lead is offered".to_owned(),
        due_ms: START_MS,
        expires_ms: START_MS + LIFETIME_MS,
    }
}

both_dbs! {
    /// One row a recipient, with everything the sender needs; releasing again adds nothing and changes nothing.
    async fn release_fills_the_outbox_once(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        assert_eq!(in_tx!(db, tx => release(tx, &scene.issue, "", Terms { now_ms: START_MS + 99, lifetime_ms: LIFETIME_MS, domain: DOMAIN })), None);
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
            in_tx!(db, tx => release(tx, &issue, "", Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN }))
        };
        let nodes: Vec<_> = (0..3).map(|_| tokio::spawn(go(db.clone(), scene.issue.clone()))).collect();
        let mut filled = Vec::new();
        for node in nodes {
            filled.extend(node.await.unwrap());
        }
        assert_eq!(filled, [800], "one did it, and only that one says so");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery", vec![]).await, 800);
    }

    /// Nothing leaves that nobody approved, and nothing of what was cancelled meanwhile.
    async fn release_wants_an_approved_issue(db: Db) {
        let frozen = Scene::frozen(&db, "frozen", 2).await;
        assert_eq!(in_tx!(db, tx => release(tx, &frozen.issue, "", Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN })), None, "not approved");
        let cancelled = Scene::approved(&db, "cancelled", 2).await;
        assert!(in_tx!(db, tx => issues::control(tx, &cancelled.issue, "cancelled")));
        assert_eq!(in_tx!(db, tx => release(tx, &cancelled.issue, "", Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN })), None, "cancelled");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery", vec![]).await, 0);
        assert_eq!(issues::issue(&db, &frozen.issue).await.unwrap().unwrap().state, "frozen");
    }

    /// Those left out get no row.
    async fn release_leaves_out_who_is_out(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 3).await;
        execute(&db, "UPDATE audience_decision SET included = $1 WHERE contact_id = $2", values![false, &scene.contacts[0]]).await;
        assert_eq!(in_tx!(db, tx => release(tx, &scene.issue, "", Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN })), Some(2));
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
        assert_eq!(next_due_ms(&db, &[]).await.unwrap(), Some(START_MS));
    }

    /// Results of more than one statement's rows are recorded, each with its evidence.
    async fn settle_over_500_rows(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1_203).await;
        let node = scene.node();
        let window = start(&db, node, START_MS, &scene.issue, 5_000).await;
        assert_eq!(window.len(), 1_203);
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
        assert_eq!(next_due_ms(&db, &[runs(&scene.issue)]).await.unwrap(), Some(START_MS + 300_000));
        let page = of_issue(&db, &scene.issue, 0).await.unwrap();
        assert_eq!(page.len(), 1_000);
        assert_eq!(of_issue(&db, &scene.issue, 1_000).await.unwrap().len(), 203);
    }

    /// A deferred message comes back with its count, its reply and a new due time; an accepted one stays.
    async fn settle_writes_the_ledger(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let (node, id) = (scene.node(), &scene.deliveries[0]);
        let window = start(&db, node, START_MS, &scene.issue, 1).await;
        let mut later = result(&window[0], DeliveryState::Ready, Some(START_MS + 60_000));
        later.counts = false;
        later.relay = None;
        settle(&db, node, &[later]).await;
        let stored = row(&db, id).await;
        assert_eq!((stored.state.as_str(), stored.due_ms, stored.attempt, stored.tries), ("ready", START_MS + 60_000, 1, 0));
        assert!(start(&db, node, START_MS + 59_999, &scene.issue, 1).await.is_empty());
        let window = start(&db, node, START_MS + 60_000, &scene.issue, 1).await;
        assert_eq!((window[0].attempt, window[0].tries), (2, 0));
        settle(&db, node, &[result(&window[0], DeliveryState::Accepted, None)]).await;
        let stored = row(&db, id).await;
        assert_eq!((stored.state.as_str(), stored.attempt, stored.tries), ("accepted", 2, 1));
        assert_eq!((stored.accepted_ms, stored.node_id), (Some(START_MS + 1_000), None));
        assert_eq!(attempts(&db, id).await, [(1, "soft".to_owned()), (2, "accepted".to_owned())]);
        let relays: Vec<(Option<String>,)> =
            rows(&db, "SELECT relay FROM attempt WHERE delivery_id = $1 ORDER BY no", values![id]).await;
        assert_eq!(relays, [(None,), (Some("mail.vendor.example".to_owned()),)]);
        let line = of_issue(&db, &scene.issue, 0).await.unwrap().remove(0);
        assert_eq!((line.state.as_str(), line.attempt, line.detail.as_deref()), ("accepted", 2, Some("2.0.0 Ok")));
        assert_eq!((line.accepted_ms, line.promised_ms), (Some(START_MS + 1_000), START_MS));
        assert_eq!((&line.id, line.email.to_lowercase(), line.partner_slug.as_str()), (id, key(0), "northlight"));
        assert_eq!((line.rendition_id, line.because.as_str()), (rendition_id("fold-forward"), "reads the newsletter"));
        assert_eq!(sent(&db, DeliveryId::parse(id).unwrap()).await.unwrap().unwrap().accepted_ms, Some(START_MS + 1_000));
        assert_eq!(unfinished(&db).await.unwrap(), 0);
    }

    /// What comes back for another try while its issue is cancelled does not wait for one; what was accepted was.
    async fn settle_into_a_cancelled_issue(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        let node = scene.node();
        let window = start(&db, node, START_MS, &scene.issue, 10).await;
        in_tx!(db, tx => issues::control(tx, &scene.issue, "cancelled"));
        let results = [
            result(&window[0], DeliveryState::Ready, Some(START_MS + 60_000)),
            result(&window[1], DeliveryState::Accepted, None),
            result(&window[2], DeliveryState::Failed, None),
        ];
        assert_eq!(settle(&db, node, &results).await, 3);
        for (claimed, state) in window.iter().zip(["cancelled", "accepted", "failed"]) {
            let stored = row(&db, &claimed.id).await;
            assert_eq!((stored.state.as_str(), stored.node_id, stored.tries), (state, None, 1));
            assert_eq!(attempts(&db, &claimed.id).await.len(), 1, "the evidence stays");
        }
        assert_eq!(unfinished(&db).await.unwrap(), 0);
    }

    /// An outbox may be filled in parts; nothing leaves before the release, which adds what is missing and nothing twice.
    async fn fill_in_parts_and_release(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 5).await;
        let terms = Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN };
        let (count, last) = in_tx!(db, tx => fill(tx, &scene.issue, "", 2, terms)).unwrap();
        assert_eq!(count, 2);
        assert_eq!(in_tx!(db, tx => fill(tx, &scene.issue, "", 2, terms)), Some((0, last.clone())), "nothing twice");
        assert!(running(&db).await.unwrap().is_empty(), "the worker starts issues that are released");
        let (count, last) = in_tx!(db, tx => fill(tx, &scene.issue, &last, 2, terms)).unwrap();
        assert_eq!((count, unfinished(&db).await.unwrap()), (2, 4));
        assert_eq!(in_tx!(db, tx => release(tx, &scene.issue, "", terms)), Some(1), "the one that is missing");
        assert_eq!(in_tx!(db, tx => fill(tx, &scene.issue, &last, 2, terms)), None, "it is released");
        assert_eq!(of_issue(&db, &scene.issue, 0).await.unwrap().len(), 5);
        let gone = Scene::approved(&db, "gone", 3).await;
        in_tx!(db, tx => fill(tx, &gone.issue, "", 2, terms));
        in_tx!(db, tx => issues::control(tx, &gone.issue, "cancelled"));
        assert_eq!(in_tx!(db, tx => fill(tx, &gone.issue, "", 2, terms)), None);
        assert_eq!(counts(&db, &gone.issue).await.unwrap(), [(DeliveryState::Cancelled, 2)]);
    }

    /// Who left, or changed the partner, between freezing and release is not written to, and has a row that says why.
    async fn release_passes_over_who_left(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 3).await;
        let random = SeededRandom::new(9);
        in_tx!(db, tx => partners::import(tx, START_MS, &random, &[partner("thornbury")], &[]));
        execute(&db, "UPDATE contact SET active = FALSE WHERE id = $1", values![&scene.contacts[0]]).await;
        execute(&db, "UPDATE contact SET partner_slug = 'thornbury' WHERE id = $1", values![&scene.contacts[1]]).await;
        let terms = Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN };
        assert_eq!(in_tx!(db, tx => release(tx, &scene.issue, "", terms)), Some(3), "a row for each");
        let started = start(&db, scene.node(), START_MS, &scene.issue, 9).await;
        assert_eq!(started.iter().map(|row| &row.id).collect::<Vec<_>>(), [&scene.deliveries[2]]);
        for (at, why) in [(0, "they had left the roster before it was released"), (1, "they had changed the partner before it was released")] {
            let stored = row(&db, &scene.deliveries[at]).await;
            assert_eq!((stored.state.as_str(), stored.detail.as_deref()), ("suppressed", Some(why)));
        }
        let over = START_MS + HOUR_MS;
        assert_eq!(promises::count(&db, &scene.issue, over).await.unwrap()[0].suppressed, 2, "nobody let them down");
        execute(&db, "UPDATE delivery SET created_ms = $1", values![over]).await;
        assert_eq!(promises::count(&db, &scene.issue, over).await.unwrap()[0].suppressed, 0, "released too late, it did");
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

    /// Only what ended without being accepted goes back into the queue, with time to be sent; its issue is open again.
    async fn send_again_takes_what_ended_and_reopens_the_issue(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let (node, id) = (scene.node(), &scene.deliveries[0]);
        assert!(!in_tx!(db, tx => send_again(tx, id, &word(START_MS + 5, 1_000))), "it waits already");
        execute(&db, "UPDATE delivery SET state = 'dead', live = FALSE, crashes = 3 WHERE id = $1", values![id]).await;
        assert_eq!(in_tx!(db, tx => issues::finish(tx, START_MS + 1)), 1);
        assert!(running(&db).await.unwrap().is_empty());
        let later_ms = START_MS + 2 * LIFETIME_MS;
        assert!(in_tx!(db, tx => send_again(tx, id, &word(later_ms, 1_000))));
        let stored = issues::issue(&db, &scene.issue).await.unwrap().unwrap();
        assert_eq!((stored.state.as_str(), stored.done_ms), ("sending", None));
        assert_eq!(running(&db).await.unwrap()[0].id, scene.issue);
        let line = of_issue(&db, &scene.issue, 0).await.unwrap().remove(0);
        assert_eq!((line.state.as_str(), line.promised_ms), ("ready", START_MS), "the promise was then");
        assert!(!in_tx!(db, tx => send_again(tx, id, &word(later_ms, 1_000))), "once");
        let window = start(&db, node, later_ms, &scene.issue, 1).await;
        assert_eq!((window[0].expires_ms, row(&db, id).await.crashes), (later_ms + 1_000, 0));
        assert!(!in_tx!(db, tx => send_again(tx, id, &word(later_ms, 1_000))), "it is on its way");
        settle(&db, node, &[result(&window[0], DeliveryState::Accepted, None)]).await;
        assert!(!in_tx!(db, tx => send_again(tx, id, &word(later_ms, 1_000))), "it was accepted");
        assert_eq!(in_tx!(db, tx => issues::finish(tx, later_ms)), 1);
        assert!(!in_tx!(db, tx => send_again(tx, "dlv_none", &word(later_ms, 1_000))));
        assert_eq!(in_tx!(db, tx => reopen(tx)), 0, "nothing waits");
        let renewed = in_tx!(db, tx => renew(tx, Waiting::Issue(&scene.issue), &word(later_ms, LIFETIME_MS), None, 10));
        assert_eq!(renewed, None, "what is over stays so");
        execute(&db, "UPDATE delivery SET state = 'ready', live = TRUE WHERE id = $1", values![id]).await;
        assert_eq!(in_tx!(db, tx => reopen(tx)), 1);
    }

    /// A pause costs nobody their mail, however many wait: part by part, and never shorter.
    async fn renew_gives_time_part_by_part(db: Db) {
        let (scene, other) = (Scene::released(&db, "fold-forward", 5).await, Scene::released(&db, "other", 1).await);
        let (later_ms, mut after, mut parts) = (START_MS + 2 * LIFETIME_MS, None, 0);
        loop {
            after = in_tx!(db, tx => renew(tx, Waiting::Issue(&scene.issue), &word(later_ms, 0), after.as_ref(), 2));
            if after.is_none() {
                break;
            }
            parts += 1;
        }
        assert_eq!(parts, 3, "two, two and one");
        in_tx!(db, tx => renew(tx, Waiting::Issue(&scene.issue), &word(START_MS, 0), None, 100));
        let ends = "SELECT COUNT(*) FROM delivery WHERE expires_ms = $1 AND issue_id = $2";
        assert_eq!(number(&db, ends, values![later_ms, &scene.issue]).await, 5);
        assert_eq!(number(&db, ends, values![START_MS + LIFETIME_MS, &other.issue]).await, 1);
    }

    /// Nothing of a cancelled issue is sent again: nobody would ever start it.
    async fn send_again_leaves_cancelled_issues(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let window = start(&db, scene.node(), START_MS, &scene.issue, 1).await;
        settle(&db, scene.node(), &[result(&window[0], DeliveryState::Failed, None)]).await;
        in_tx!(db, tx => issues::control(tx, &scene.issue, "cancelled"));
        assert!(!in_tx!(db, tx => send_again(tx, &window[0].id, &word(START_MS, 1_000))));
        assert_eq!(unfinished(&db).await.unwrap(), 0);
    }

    /// The site is what follows the last @, in lower case, however odd the address.
    async fn the_site_is_what_follows_the_last_at(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 5).await;
        let odd = [
            ("Ana@Northlight.Example", "northlight.example"),
            ("\"ana@home\"@Northlight.example", "northlight.example"),
            ("\"a@a@a\"@a.example", "a.example"),
            ("example@example", "example"),
            ("a@[192.0.2.1]", "[192.0.2.1]"),
        ];
        for (contact, (address, _)) in scene.contacts.iter().zip(odd) {
            execute(
                &db,
                "UPDATE contact SET email = $2, email_key = $3 WHERE id = $1",
                values![contact, address, address.to_lowercase()],
            )
            .await;
        }
        assert_eq!(in_tx!(db, tx => release(tx, &scene.issue, "", Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN })), Some(5));
        let window = start(&db, scene.node(), START_MS, &scene.issue, 10).await;
        in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of("rnd_offer", None)]));
        let random = SeededRandom::new(1);
        for (address, site) in odd {
            let claimed = window.iter().find(|claimed| claimed.email == address).unwrap();
            assert_eq!(claimed.site, site, "{address}");
            let single = NewDelivery { email: address.to_owned(), ..mail(&random, address) };
            assert!(in_tx!(db, tx => enqueue(tx, START_MS, &single)));
            let stored: Vec<(String,)> =
                rows(&db, "SELECT site FROM delivery WHERE source = $1", values![address]).await;
            assert_eq!(stored[0].0, site, "{address}, as a single mail");
        }
    }

    /// The next due time is that of single mails and of the issues that run, earliest first.
    async fn next_due_ms_looks_at_what_may_be_started(db: Db) {
        let one = Scene::released(&db, "one", 1).await;
        let two = Scene::released(&db, "two", 1).await;
        execute(&db, "UPDATE delivery SET due_ms = $2 WHERE issue_id = $1", values![&one.issue, START_MS + 70]).await;
        execute(&db, "UPDATE delivery SET due_ms = $2 WHERE issue_id = $1", values![&two.issue, START_MS + 50]).await;
        assert_eq!(next_due_ms(&db, &[]).await.unwrap(), None, "no issue runs, there is no single mail");
        assert_eq!(next_due_ms(&db, &[runs(&one.issue)]).await.unwrap(), Some(START_MS + 70));
        let both = [runs(&one.issue), runs(&two.issue)];
        assert_eq!(next_due_ms(&db, &both).await.unwrap(), Some(START_MS + 50));
        in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of("rnd_offer", None)]));
        let single = NewDelivery { due_ms: START_MS + 60, ..mail(&one.random, "offer:off_1") };
        in_tx!(db, tx => enqueue(tx, START_MS, &single));
        assert_eq!(next_due_ms(&db, &both).await.unwrap(), Some(START_MS + 50));
        assert_eq!(next_due_ms(&db, &both[..1]).await.unwrap(), Some(START_MS + 60));
        start(&db, two.node(), START_MS + 50, &two.issue, 1).await;
        assert_eq!(next_due_ms(&db, &both).await.unwrap(), Some(START_MS + 60), "what is on its way is not due");
    }
}
