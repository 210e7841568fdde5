//! What may leave, and what does not: starting issues and single mails, and putting back.

use std::collections::BTreeSet;

use partnercast::{
    domain::{delivery::DeliveryState, kernel::id::NodeId},
    store::{
        Db,
        deliveries::unfinished,
        issues,
        outbox::{LANE_SEQUENCE, LANE_URGENT, enqueue},
        queue::{EXCEPT_MAX, Part, Place, Started, peek, put_back, start_issue, start_single},
        renditions,
        running::{Running, running},
        suppressions,
    },
};

use super::queue::mail;
use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, number, values},
    outbox::{
        DOMAIN, LIFETIME_MS, Scene, attempts, key, rendition_id, rendition_of, result, row, settle, start,
    },
};

/// No moment at which what is put back may be started at the earliest.
const AT_ONCE: i64 = i64::MIN;

/// Puts two single mails into the outbox and returns their ids: one that goes out whatever was stopped, one that the
/// scope `nurture` stops.
async fn two_single_mails(db: &Db, random: &SeededRandom) -> [String; 2] {
    in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of("rnd_offer", None)]));
    let always = mail(random, "offer:off_1");
    let stoppable = partnercast::store::outbox::NewDelivery {
        scope: "nurture".to_owned(),
        ..mail(random, "follow-up:1")
    };
    in_tx!(db, tx => enqueue(tx, START_MS, &always));
    in_tx!(db, tx => enqueue(tx, START_MS, &stoppable));
    [always.id.to_string(), stoppable.id.to_string()]
}

/// Moves a delivery to another site.
async fn move_to(db: &Db, id: &str, site: &str) {
    execute(db, "UPDATE delivery SET site = $2 WHERE id = $1", values![id, site]).await;
}

fn ids(issues: &[Running]) -> Vec<&str> {
    issues.iter().map(|issue| issue.id.as_str()).collect()
}

both_dbs! {
    /// By due time, never what is not due yet, never more than asked for; with everything the sender needs.
    async fn start_issue_takes_the_oldest_first(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 5).await;
        for (at, due_ms) in [(0, 30), (1, 10), (2, 20), (3, 40), (4, 5_000)] {
            execute(&db, "UPDATE delivery SET due_ms = $2 WHERE id = $1", values![&scene.deliveries[at], START_MS + due_ms]).await;
        }
        let node = scene.node();
        assert!(start(&db, node, START_MS, &scene.issue, 10).await.is_empty(), "nothing is due yet");
        let mut order = Vec::new();
        while let Some(claimed) = start(&db, node, START_MS + 100, &scene.issue, 1).await.pop() {
            order.push(claimed.id);
        }
        let expected = [&scene.deliveries[1], &scene.deliveries[2], &scene.deliveries[0], &scene.deliveries[3]];
        assert_eq!(order.iter().collect::<Vec<_>>(), expected);
        let rest = start(&db, node, START_MS + 5_000, &scene.issue, 10).await.remove(0);
        assert_eq!((rest.id.as_str(), rest.token, rest.attempt, rest.tries), (scene.deliveries[4].as_str(), 1, 1, 0));
        assert_eq!((rest.email.to_lowercase(), rest.rendition_id.clone()), (key(4), rendition_id("fold-forward")));
        assert_eq!((rest.expires_ms, rest.promised_ms), (START_MS + LIFETIME_MS, START_MS));
        assert_eq!((rest.message_id.clone(), rest.site.as_str()), (format!("{}.g1@{DOMAIN}", rest.id), "northlight.example"));
        assert_eq!((rest.issue_id.as_deref(), rest.is_urgent(), rest.state.as_str()), (Some(scene.issue.as_str()), false, "sending"));
        assert!(!rest.recipient_name.is_empty());
        let stored = row(&db, &rest.id).await;
        assert_eq!((stored.state.as_str(), stored.attempt, stored.node_id), ("sending", 1, Some(node.to_string())));
        let seen = peek(&db, &rest.id).await.unwrap().unwrap();
        assert_eq!(format!("{seen:?}"), format!("{rest:?}"), "a look at it claims nothing");
        assert!(peek(&db, "dlv_none").await.unwrap().is_none());
    }

    /// Each way in which a due row may have to stay: the row says why, and nothing is left in hand.
    async fn start_issue_respects_everything_that_happened_since(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 5).await;
        let node = scene.node();
        // What a reader stops is one newsletter, or all; of the two reasons to stay, theirs comes first.
        in_tx!(db, tx => suppressions::add(tx, START_MS, &key(1), "fold-forward", "asked to"));
        in_tx!(db, tx => suppressions::add(tx, START_MS, &key(2), suppressions::ALL, "complained"));
        in_tx!(db, tx => suppressions::add(tx, START_MS, &key(3), "another", "asked to"));
        for at in [2, 4] {
            execute(&db, "UPDATE delivery SET expires_ms = $2 WHERE id = $1", values![&scene.deliveries[at], START_MS - 1]).await;
        }
        execute(&db, "UPDATE delivery SET expires_ms = $2 WHERE id = $1", values![&scene.deliveries[3], START_MS]).await;
        let Started { seen, leaving, .. } = in_tx!(db, tx => start_issue(tx, node, START_MS, &scene.issue, Part::default(), 100));
        assert_eq!(seen, 5, "all were looked at, so the next look finds others");
        let leaving: BTreeSet<_> = leaving.into_iter().map(|claimed| claimed.id).collect();
        assert_eq!(leaving, BTreeSet::from([scene.deliveries[0].clone(), scene.deliveries[3].clone()]));
        let expected = [("sending", 1), ("suppressed", 0), ("suppressed", 0), ("sending", 1), ("expired", 0)];
        for (id, (state, attempt)) in scene.deliveries.iter().zip(expected) {
            let stored = row(&db, id).await;
            assert_eq!((stored.state.as_str(), stored.attempt, stored.tries), (state, attempt, 0), "{stored:?}");
            assert_eq!(stored.node_id.is_some(), state == "sending", "{stored:?}");
        }
        assert!(row(&db, &scene.deliveries[1]).await.detail.unwrap().contains("do-not-send list"));
        assert!(row(&db, &scene.deliveries[4]).await.detail.unwrap().contains("time passed"));
        let again = in_tx!(db, tx => start_issue(tx, node, START_MS, &scene.issue, Part::default(), 100));
        assert_eq!(again.seen, 0, "a row is started once");
    }

    /// The rows of a paused or cancelled issue stay where they are; those of others go on.
    async fn start_issue_leaves_paused_and_cancelled_issues(db: Db) {
        let paused = Scene::released(&db, "paused", 3).await;
        let gone = Scene::released(&db, "gone", 1).await;
        let on = Scene::released(&db, "running-on", 2).await;
        assert_eq!(running(&db).await.unwrap().len(), 3);
        assert!(in_tx!(db, tx => issues::control(tx, &paused.issue, "paused")));
        assert!(in_tx!(db, tx => issues::control(tx, &gone.issue, "cancelled")));
        assert_eq!(ids(&running(&db).await.unwrap()), [on.issue.as_str()]);
        // A list of running issues may be old: the start itself looks.
        assert!(start(&db, on.node(), START_MS, &paused.issue, 100).await.is_empty());
        assert!(start(&db, on.node(), START_MS, &gone.issue, 100).await.is_empty());
        assert_eq!(row(&db, &paused.deliveries[0]).await.state, "ready");
        assert_eq!(row(&db, &gone.deliveries[0]).await.state, "cancelled");
        assert_eq!(start(&db, on.node(), START_MS, &on.issue, 100).await.len(), 2, "no issue's rows but its own");
        assert!(in_tx!(db, tx => issues::control(tx, &paused.issue, "running")));
        assert_eq!(start(&db, on.node(), START_MS, &paused.issue, 100).await.len(), 3);
    }

    /// Of the issues that run, the one frozen first comes first.
    async fn running_lists_the_oldest_first(db: Db) {
        let (one, two) = (Scene::released(&db, "one", 1).await, Scene::released(&db, "two", 1).await);
        Scene::approved(&db, "three", 1).await;
        execute(&db, "UPDATE issue SET frozen_ms = frozen_ms - 1 WHERE id = $1", values![&two.issue]).await;
        assert_eq!(ids(&running(&db).await.unwrap()), [two.issue.as_str(), &one.issue]);
    }

    /// Sites that should get nothing are passed over, as many as may be named; the others behind them are found.
    async fn start_issue_passes_over_excluded_sites(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 12).await;
        let site = |at: usize| format!("site-{at:02}.example");
        for (at, id) in scene.deliveries.iter().enumerate() {
            move_to(&db, id, &site(at)).await;
        }
        let except: Vec<String> = (0..EXCEPT_MAX).map(site).collect();
        let node = scene.node();
        let part = Part { after: None, except: &except };
        let Started { seen, leaving, .. } = in_tx!(db, tx => start_issue(tx, node, START_MS, &scene.issue, part, 2));
        assert_eq!((seen, leaving.len()), (2, 2), "the limit is for those that may leave");
        let more = in_tx!(db, tx => start_issue(tx, node, START_MS, &scene.issue, part, 100)).leaving;
        let sites: BTreeSet<_> = leaving.iter().chain(&more).map(|claimed| claimed.site.clone()).collect();
        assert_eq!(sites, (EXCEPT_MAX..12).map(site).collect());
        let too_many: Vec<String> = (0..12).map(site).collect();
        let part = Part { after: None, except: &too_many };
        let rest = in_tx!(db, tx => start_issue(tx, node, START_MS, &scene.issue, part, 100)).leaving;
        assert!(rest.is_empty(), "more than {EXCEPT_MAX} are cut off, not an error");
        assert_eq!(start(&db, node, START_MS, &scene.issue, 100).await.len(), EXCEPT_MAX);
    }

    /// A start goes on behind the place where another ended; what lies before it stays until a start from the head.
    async fn start_issue_goes_on_behind_a_place(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 6).await;
        let mut ids_in_order = scene.deliveries.clone();
        ids_in_order.sort();
        for (at, id) in ids_in_order.iter().enumerate() {
            let due_ms = START_MS - if at < 3 { 1_000 } else { 0 };
            execute(&db, "UPDATE delivery SET due_ms = $2 WHERE id = $1", values![id, due_ms]).await;
        }
        move_to(&db, &ids_in_order[0], "slow.example").await;
        let (node, except) = (scene.node(), ["slow.example".to_owned()]);
        let part = Part { after: None, except: &except };
        let first = in_tx!(db, tx => start_issue(tx, node, START_MS, &scene.issue, part, 2));
        let ids = |started: &Started| started.leaving.iter().map(|c| c.id.clone()).collect::<BTreeSet<_>>();
        assert_eq!(ids(&first), BTreeSet::from([ids_in_order[1].clone(), ids_in_order[2].clone()]));
        assert_eq!(first.last, Some(Place { due_ms: START_MS - 1_000, id: ids_in_order[2].clone() }));
        let returned: Vec<_> = first.leaving.iter().take(1).map(|c| (c.clone(), START_MS - 1_000)).collect();
        in_tx!(db, tx => put_back(tx, &returned));
        let part = Part { after: first.last.as_ref(), except: &except };
        let next = in_tx!(db, tx => start_issue(tx, node, START_MS, &scene.issue, part, 100));
        assert_eq!(ids(&next), ids_in_order[3..].iter().cloned().collect(), "and not what came back before it");
        let rest = in_tx!(db, tx => start_issue(tx, node, START_MS, &scene.issue, Part::default(), 100));
        assert_eq!(ids(&rest), BTreeSet::from([ids_in_order[0].clone(), returned[0].0.id.clone()]));
    }

    /// Many nodes that start at once take every row exactly once.
    async fn start_issue_by_many_never_gives_a_row_twice(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 900).await;
        let starters: Vec<_> = (0..6)
            .map(|_| {
                let (db, node, issue) = (db.clone(), scene.node(), scene.issue.clone());
                tokio::spawn(async move {
                    let (mut mine, mut empty) = (Vec::new(), 0);
                    // Locked rows are skipped, so one empty answer does not mean that nothing is left.
                    while empty < 3 {
                        let started = start(&db, node, START_MS, &issue, 40).await;
                        empty = if started.is_empty() { empty + 1 } else { 0 };
                        mine.extend(started.into_iter().map(|claimed| claimed.id));
                    }
                    mine
                })
            })
            .collect();
        let mut all = Vec::new();
        for starter in starters {
            all.extend(starter.await.unwrap());
        }
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), different.len(), "a row was given twice");
        assert_eq!(all.len(), 900);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery WHERE state = 'sending' AND attempt = 1 AND token = 1", vec![]).await, 900);
    }

    /// Two open transactions start at the same moment: the second gets other rows and does not wait for the first.
    async fn starts_skip_what_another_transaction_holds(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        two_single_mails(&db, &scene.random).await;
        if !db.is_shared() {
            return; // one writer: there is no second transaction
        }
        let (mut one, mut two) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        let first = start_issue(&mut one, scene.node(), START_MS, &scene.issue, Part::default(), 2).await.unwrap().leaving;
        let second = start_issue(&mut two, scene.node(), START_MS, &scene.issue, Part::default(), 10).await.unwrap().leaving;
        assert_eq!((first.len(), second.len()), (2, 2));
        assert!(first.iter().all(|a| second.iter().all(|b| a.id != b.id)));
        let first = start_single(&mut one, scene.node(), START_MS, LANE_URGENT, 1).await.unwrap().leaving;
        let second = start_single(&mut two, scene.node(), START_MS, LANE_URGENT, 10).await.unwrap().leaving;
        assert_eq!((first.len(), second.len()), (1, 1));
        assert_ne!(first[0].id, second[0].id);
    }

    /// Single mails are started apart from issues, in the order of their time, also while every issue is paused.
    async fn start_single_takes_single_mails_alone(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let ids = two_single_mails(&db, &scene.random).await;
        execute(&db, "UPDATE delivery SET due_ms = due_ms + 10 WHERE id = $1", values![&ids[0]]).await;
        in_tx!(db, tx => issues::control(tx, &scene.issue, "paused"));
        let node = scene.node();
        assert_eq!(in_tx!(db, tx => start_single(tx, node, START_MS - 1, LANE_URGENT, 10)).seen, 0, "nothing is due yet");
        let Started { seen, leaving: first, .. } = in_tx!(db, tx => start_single(tx, node, START_MS + 10, LANE_URGENT, 1));
        assert_eq!((seen, first[0].id.as_str()), (1, ids[1].as_str()));
        let second = in_tx!(db, tx => start_single(tx, node, START_MS + 10, LANE_URGENT, 10)).leaving;
        assert_eq!(second.iter().map(|claimed| claimed.id.as_str()).collect::<Vec<_>>(), [ids[0].as_str()]);
        assert!(second[0].is_urgent() && second[0].issue_id.is_none());
        assert_eq!((second[0].site.as_str(), second[0].attempt, second[0].token), ("northlight.example", 1, 1));
        assert_eq!(row(&db, &scene.deliveries[0]).await.state, "ready");
    }

    /// Messages of sequences are started by themselves, and are not urgent.
    async fn start_single_keeps_the_lanes_apart(db: Db) {
        let random = SeededRandom::new(1);
        let ids = two_single_mails(&db, &random).await;
        let welcome = partnercast::store::outbox::NewDelivery { lane: LANE_SEQUENCE, ..mail(&random, "sequence:welcome") };
        in_tx!(db, tx => enqueue(tx, START_MS, &welcome));
        let node = NodeId::new(START_MS, &random);
        let urgent = in_tx!(db, tx => start_single(tx, node, START_MS, LANE_URGENT, 10)).leaving;
        assert_eq!(urgent.len(), ids.len());
        let other = in_tx!(db, tx => start_single(tx, node, START_MS, LANE_SEQUENCE, 10)).leaving;
        assert_eq!(other.iter().map(|claimed| &claimed.id).collect::<Vec<_>>(), [&welcome.id.to_string()]);
        assert!(!other[0].is_urgent() && other[0].issue_id.is_none());
    }

    /// A mail that a person asked for at that moment goes out whatever they unsubscribed from; one with a scope does
    /// not, nor one whose time passed.
    async fn start_single_asks_only_where_there_is_a_scope(db: Db) {
        let random = SeededRandom::new(1);
        let ids = two_single_mails(&db, &random).await;
        in_tx!(db, tx => suppressions::add(tx, START_MS, "rae@northlight.example", suppressions::ALL, "asked to"));
        let node = NodeId::new(START_MS, &random);
        let Started { seen, leaving, .. } = in_tx!(db, tx => start_single(tx, node, START_MS, LANE_URGENT, 10));
        assert_eq!((seen, leaving.len(), leaving[0].id.as_str()), (2, 1, ids[0].as_str()));
        let stored = row(&db, &ids[1]).await;
        assert_eq!((stored.state.as_str(), stored.node_id, stored.attempt), ("suppressed", None, 0));
        let late = mail(&random, "offer:off_2");
        in_tx!(db, tx => enqueue(tx, START_MS, &late));
        let Started { seen, leaving, .. } = in_tx!(db, tx => start_single(tx, node, late.expires_ms + 1, LANE_URGENT, 10));
        assert_eq!((seen, leaving.len()), (1, 0));
        assert_eq!(row(&db, &late.id.to_string()).await.state, "expired");
    }

    /// What did not leave goes back as if it had not been started, and can be started again.
    async fn put_back_undoes_the_start(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        let (mine, other) = (scene.node(), scene.node());
        let window = start(&db, mine, START_MS, &scene.issue, 2).await;
        let theirs = start(&db, other, START_MS, &scene.issue, 1).await;
        let mut back: Vec<_> = window.iter().cloned().map(|claimed| (claimed, AT_ONCE)).collect();
        back[1].1 = START_MS + 9_000;
        assert_eq!(in_tx!(db, tx => put_back(tx, &back)), 2);
        let stored = row(&db, &window[0].id).await;
        assert_eq!((stored.state.as_str(), stored.attempt, stored.due_ms, stored.node_id), ("ready", 0, START_MS, None));
        assert_eq!(row(&db, &window[1].id).await.due_ms, START_MS + 9_000, "put off");
        assert_eq!(row(&db, &theirs[0].id).await.state, "sending", "only what was given");
        assert_eq!(in_tx!(db, tx => put_back(tx, &back)), 0, "once");
        assert_eq!(in_tx!(db, tx => put_back(tx, &[])), 0);
        assert_eq!(settle(&db, mine, &[result(&window[0], DeliveryState::Accepted, None)]).await, 0, "it was not sent");
        assert!(attempts(&db, &window[0].id).await.is_empty());
        let again = start(&db, other, START_MS, &scene.issue, 10).await;
        assert_eq!((again.len(), again[0].attempt, again[0].token), (1, 1, 2), "the same number of try, another token");
        assert_eq!(in_tx!(db, tx => put_back(tx, &[(again[0].clone(), START_MS - 5)])), 1);
        assert_eq!(row(&db, &again[0].id).await.due_ms, START_MS, "never earlier than it was");
    }

    /// With a token that another start has made old, nothing is put back.
    async fn put_back_with_a_stale_token_changes_nothing(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let first = start(&db, scene.node(), START_MS, &scene.issue, 1).await.remove(0);
        in_tx!(db, tx => put_back(tx, &[(first.clone(), AT_ONCE)]));
        let second = start(&db, scene.node(), START_MS, &scene.issue, 1).await.remove(0);
        let before = row(&db, &second.id).await;
        assert_eq!(in_tx!(db, tx => put_back(tx, &[(first, AT_ONCE)])), 0);
        assert_eq!(row(&db, &second.id).await, before);
    }

    /// What is put back into a cancelled issue is cancelled; into a paused one it waits. More than a statement's rows.
    async fn put_back_knows_what_was_cancelled_meanwhile(db: Db) {
        let gone = Scene::released(&db, "gone", 600).await;
        let paused = Scene::released(&db, "paused", 1).await;
        let mut window = start(&db, gone.node(), START_MS, &gone.issue, 600).await;
        window.extend(start(&db, gone.node(), START_MS, &paused.issue, 10).await);
        in_tx!(db, tx => issues::control(tx, &gone.issue, "cancelled"));
        in_tx!(db, tx => issues::control(tx, &paused.issue, "paused"));
        let back: Vec<_> = window.into_iter().map(|claimed| (claimed, AT_ONCE)).collect();
        assert_eq!(in_tx!(db, tx => put_back(tx, &back)), 601);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery WHERE state = 'cancelled' AND attempt = 0", vec![]).await, 600);
        assert_eq!(row(&db, &paused.deliveries[0]).await.state, "ready");
        assert_eq!(unfinished(&db).await.unwrap(), 1);
    }
}
