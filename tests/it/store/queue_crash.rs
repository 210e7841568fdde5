//! The queue when processes die, freeze or lose the database's answer.

use partnercast::{
    domain::{delivery::DeliveryState, kernel::id::NodeId},
    store::{
        Db, issues, nodes,
        queue::{Reaped, reap},
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{in_tx, number, values},
    outbox::{Scene, attempts, claim, result, row, settle, start},
};

/// `node` last said that it is alive at machine time `at_ms`.
async fn beat(db: &Db, node: NodeId, at_ms: i64) {
    in_tx!(db, tx => nodes::beat(tx, node, at_ms));
}

/// Machine time before which a heartbeat is too old, in these tests.
const ALIVE_MS: i64 = 100_000;

async fn reap_by(db: &Db, node: NodeId, hold: bool) -> Reaped {
    in_tx!(db, tx => reap(tx, node, ALIVE_MS, START_MS + 500, hold, false))
}

both_dbs! {
    /// What a dead node had claimed goes back; what it was sending goes out again and is listed as a possible repeat.
    async fn reap_takes_over_from_the_dead(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        let (dead, alive) = (scene.node(), scene.node());
        beat(&db, dead, ALIVE_MS - 1).await;
        beat(&db, alive, ALIVE_MS).await;
        let sending = claim(&db, dead, START_MS, 1).await;
        start(&db, &sending).await;
        let leased = claim(&db, dead, START_MS, 1).await;
        let kept = claim(&db, alive, START_MS, 1).await;
        assert_eq!(reap_by(&db, alive, false).await, Reaped { uncertain: 1, all: 2 });
        for claimed in [&sending[0], &leased[0]] {
            let stored = row(&db, &claimed.id).await;
            assert_eq!((stored.state.as_str(), stored.token, stored.node_id), ("ready", claimed.token + 1, None));
        }
        assert_eq!(row(&db, &sending[0].id).await.crashes, 1);
        assert_eq!(row(&db, &leased[0].id).await.crashes, 0, "nothing had left");
        assert_eq!(attempts(&db, &sending[0].id).await, [(1, "uncertain".to_owned())]);
        assert!(attempts(&db, &leased[0].id).await.is_empty());
        assert_eq!(row(&db, &kept[0].id).await.state, "leased", "the living keep theirs");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM node WHERE id = $1", values![dead.to_string()]).await, 0);
        assert_eq!(reap_by(&db, alive, false).await, Reaped { uncertain: 0, all: 0 });
    }

    /// Rows of a node that nobody knows any more are taken over too.
    async fn reap_takes_over_from_the_forgotten(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let (gone, alive) = (scene.node(), scene.node());
        claim(&db, gone, START_MS, 1).await;
        assert_eq!(reap_by(&db, alive, false).await.all, 1);
    }

    /// A frozen process that wakes up after its rows were taken over changes nothing (invariant I2).
    async fn settle_with_a_stale_token_changes_nothing(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let (frozen, heir) = (scene.node(), scene.node());
        let window = claim(&db, frozen, START_MS, 1).await;
        start(&db, &window).await;
        let leased = claim(&db, frozen, START_MS, 1).await;
        reap_by(&db, heir, false).await;
        let before = row(&db, &window[0].id).await;
        assert_eq!(settle(&db, frozen, &[result(&window[0], DeliveryState::Accepted, None)]).await, 0);
        assert!(start(&db, &leased).await.is_empty());
        assert_eq!(row(&db, &window[0].id).await, before);
        // The heir holds them now; the sleeper's results must not touch its tries either.
        let again = claim(&db, heir, START_MS, 2).await;
        assert_eq!(start(&db, &again).await.len(), 2);
        assert_eq!(settle(&db, frozen, &[result(&window[0], DeliveryState::Failed, None)]).await, 0);
        let results: Vec<_> = again.iter().map(|c| result(c, DeliveryState::Accepted, None)).collect();
        assert_eq!(settle(&db, heir, &results).await, 2);
        let expected = [(1, "uncertain".to_owned()), (2, "accepted".to_owned())];
        assert_eq!(attempts(&db, &window[0].id).await, expected, "the possible repeat stays listed");
        assert_eq!(attempts(&db, &leased[0].id).await, [(1, "accepted".to_owned())]);
    }

    /// A result for a try that never started leaves no evidence of a try.
    async fn settle_of_what_was_not_started_leaves_no_trace(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let (node, heir) = (scene.node(), scene.node());
        let leased = claim(&db, node, START_MS, 1).await;
        assert_eq!(settle(&db, node, &[result(&leased[0], DeliveryState::Accepted, None)]).await, 0);
        assert!(attempts(&db, &leased[0].id).await.is_empty());
        reap_by(&db, heir, false).await;
        let again = claim(&db, heir, START_MS, 1).await;
        start(&db, &again).await;
        settle(&db, heir, &[result(&again[0], DeliveryState::Failed, None)]).await;
        assert_eq!(attempts(&db, &leased[0].id).await, [(1, "soft".to_owned())]);
    }

    /// A message that kills its sender three times is put aside for a person.
    async fn reap_gives_up_after_three_crashes(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let id = &scene.deliveries[0];
        for crash in 1..=3 {
            let (dying, heir) = (scene.node(), scene.node());
            let window = claim(&db, dying, START_MS, 1).await;
            assert_eq!(start(&db, &window).await.len(), 1, "crash {crash}");
            assert_eq!(reap_by(&db, heir, false).await, Reaped { uncertain: 1, all: 1 });
            let expected = if crash < 3 { "ready" } else { "dead" };
            assert_eq!(row(&db, id).await.state, expected, "crash {crash}");
        }
        assert!(claim(&db, scene.node(), START_MS + 1_000_000, 1).await.is_empty());
        assert_eq!(attempts(&db, id).await.len(), 3);
        assert!(row(&db, id).await.detail.unwrap().contains("ended while this was being sent"));
    }

    /// With `hold`, what may have left waits for a person; what had not left goes on.
    async fn reap_holds_what_may_have_left(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let (dead, heir) = (scene.node(), scene.node());
        let window = claim(&db, dead, START_MS, 1).await;
        start(&db, &window).await;
        let leased = claim(&db, dead, START_MS, 1).await;
        reap_by(&db, heir, true).await;
        assert_eq!(row(&db, &window[0].id).await.state, "uncertain");
        assert_eq!(row(&db, &leased[0].id).await.state, "ready");
    }

    /// What comes back from a dead node after its issue was cancelled or paused does not leave.
    async fn reap_and_then_control_is_respected(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let (dead, heir) = (scene.node(), scene.node());
        let window = claim(&db, dead, START_MS, 1).await;
        start(&db, &window).await;
        in_tx!(db, tx => issues::control(tx, &scene.issue, "cancelled"));
        reap_by(&db, heir, false).await;
        let again = claim(&db, heir, START_MS, 1).await;
        assert!(start(&db, &again).await.is_empty());
        assert_eq!(row(&db, &scene.deliveries[0]).await.state, "cancelled");
    }

    /// A transaction that ends before its commit leaves everything as it was: the window did not start.
    async fn a_crash_before_the_commit_changes_nothing(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let window = claim(&db, scene.node(), START_MS, 1).await;
        let before = row(&db, &window[0].id).await;
        let mut tx = db.begin().await.unwrap();
        partnercast::store::queue::start_window(&mut tx, &window).await.unwrap();
        drop(tx);
        assert_eq!(row(&db, &window[0].id).await, before);
    }
}
