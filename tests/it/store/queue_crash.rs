//! The queue when processes die, freeze or lose the database's answer.

use std::collections::HashSet;

use partnercast::{
    domain::{delivery::DeliveryState, kernel::id::NodeId},
    store::{
        Db, issues,
        nodes::{self, Pulse},
        queue::{Part, Recorded, put_back, settle as settle_all, start_issue},
        takeover::{Reaped, put_back_unconfirmed, reap},
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::in_tx,
    outbox::{Scene, attempts, result, row, settle, start},
};

async fn beat(db: &Db, node: NodeId) {
    in_tx!(db, tx => nodes::beat(tx, node, 1_000));
}

/// The others found that `node` stands still.
async fn forget(db: &Db, node: NodeId) {
    let seen = nodes::pulses(db).await.unwrap();
    let pulse: &Pulse = seen.iter().find(|pulse| pulse.id == node.to_string()).unwrap();
    assert!(in_tx!(db, tx => nodes::forget(tx, pulse)));
}

async fn reap_by(db: &Db, node: NodeId, hold: bool) -> Reaped {
    in_tx!(db, tx => reap(tx, node, START_MS + 500, hold))
}

both_dbs! {
    /// What a dead node was sending goes out again and is listed as a possible repeat; what it had put back is not.
    async fn reap_takes_over_from_the_dead(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        let (dead, alive) = (scene.node(), scene.node());
        beat(&db, dead).await;
        beat(&db, alive).await;
        let sending = start(&db, dead, START_MS, &scene.issue, 1).await;
        let returned = start(&db, dead, START_MS, &scene.issue, 1).await;
        in_tx!(db, tx => put_back(tx, &[(returned[0].clone(), START_MS + 1)]));
        let kept = start(&db, alive, START_MS, &scene.issue, 1).await;
        assert_eq!(reap_by(&db, alive, false).await, Reaped::default(), "it is still known");
        forget(&db, dead).await;
        assert_eq!(reap_by(&db, alive, false).await, Reaped { uncertain: 1, all: 1 });
        let stored = row(&db, &sending[0].id).await;
        assert_eq!((stored.state.as_str(), stored.token, stored.node_id), ("ready", sending[0].token + 1, None));
        assert_eq!((stored.crashes, stored.attempt), (1, 1));
        assert_eq!(attempts(&db, &sending[0].id).await, [(1, "uncertain".to_owned())]);
        let stored = row(&db, &returned[0].id).await;
        assert_eq!((stored.crashes, stored.attempt), (0, 0), "nothing had left");
        assert!(attempts(&db, &returned[0].id).await.is_empty());
        assert_eq!(row(&db, &kept[0].id).await.state, "sending", "the living keep theirs");
        assert_eq!(reap_by(&db, alive, false).await, Reaped { uncertain: 0, all: 0 });
    }

    /// Rows of a node that never said that it is alive are taken over too; our own are ours without that.
    async fn reap_takes_over_from_the_unknown(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let (gone, me) = (scene.node(), scene.node());
        start(&db, gone, START_MS, &scene.issue, 1).await;
        let mine = start(&db, me, START_MS, &scene.issue, 1).await;
        assert_eq!(reap_by(&db, me, false).await.all, 1);
        assert_eq!(row(&db, &mine[0].id).await.state, "sending");
    }

    /// After the database failed us, rows that were started without our knowing go back as if nothing had been: they were
    /// in nobody's hands. What we hold and what others hold stays.
    async fn put_back_unconfirmed_undoes_what_nobody_has_in_hand(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        let (me, other) = (scene.node(), scene.node());
        let lost = start(&db, me, START_MS, &scene.issue, 1).await;
        let held = start(&db, me, START_MS, &scene.issue, 1).await;
        let theirs = start(&db, other, START_MS, &scene.issue, 1).await;
        let waits = row(&db, &scene.deliveries[3]).await;
        // The token is part of the name: an older start of the same row is another one.
        let in_hand = [held[0].start(), (lost[0].id.clone(), lost[0].token - 1)];
        assert_eq!(in_tx!(db, tx => put_back_unconfirmed(tx, me, &in_hand)), 1);
        let stored = row(&db, &lost[0].id).await;
        assert_eq!((stored.state.as_str(), stored.attempt, stored.crashes, stored.node_id), ("ready", 0, 0, None));
        assert!(attempts(&db, &lost[0].id).await.is_empty(), "it cannot have left, so nothing may repeat");
        assert_eq!(row(&db, &held[0].id).await.state, "sending");
        assert_eq!(row(&db, &theirs[0].id).await.state, "sending");
        assert_eq!(row(&db, &scene.deliveries[3]).await, waits);
        assert_eq!(settle(&db, me, &[result(&lost[0], DeliveryState::Accepted, None)]).await, 0);
        in_tx!(db, tx => issues::control(tx, &scene.issue, "cancelled"));
        assert_eq!(in_tx!(db, tx => put_back_unconfirmed(tx, me, &[])), 1);
        assert_eq!(row(&db, &held[0].id).await.state, "cancelled", "a cancelled issue's rows go no further");
    }

    /// A frozen process that wakes up after its rows were taken over changes nothing (invariant I2).
    async fn settle_with_a_stale_token_changes_nothing(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let (frozen, heir) = (scene.node(), scene.node());
        let window = start(&db, frozen, START_MS, &scene.issue, 2).await;
        reap_by(&db, heir, false).await;
        let before = row(&db, &window[0].id).await;
        assert_eq!(settle(&db, frozen, &[result(&window[0], DeliveryState::Accepted, None)]).await, 0);
        assert_eq!(in_tx!(db, tx => put_back(tx, &[(window[0].clone(), START_MS)])), 0);
        assert_eq!(row(&db, &window[0].id).await, before);
        // The heir holds them now; the sleeper's results must not touch its tries either.
        let again = start(&db, heir, START_MS, &scene.issue, 2).await;
        assert_eq!(again.len(), 2);
        assert_eq!(settle(&db, frozen, &[result(&window[0], DeliveryState::Failed, None)]).await, 0);
        assert_eq!(in_tx!(db, tx => put_back(tx, &[(window[1].clone(), START_MS)])), 0);
        let results: Vec<_> = again.iter().map(|c| result(c, DeliveryState::Accepted, None)).collect();
        assert_eq!(settle(&db, heir, &results).await, 2);
        let expected = [(1, "uncertain".to_owned()), (2, "accepted".to_owned())];
        for claimed in &window {
            assert_eq!(attempts(&db, &claimed.id).await, expected, "the possible repeat stays listed");
        }
    }

    /// Results that were recorded without our being told are not taken for another node's, also after the row has gone
    /// on; those that another node took over are.
    async fn settle_again_is_not_fenced(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        let (me, heir) = (scene.node(), scene.node());
        let window = start(&db, me, START_MS, &scene.issue, 3).await;
        let results = [
            result(&window[0], DeliveryState::Accepted, None),
            result(&window[1], DeliveryState::Ready, Some(START_MS)),
            result(&window[2], DeliveryState::Accepted, None),
        ];
        assert_eq!(in_tx!(db, tx => settle_all(tx, me, &results[..2])), Recorded { count: 2, ..Recorded::default() });
        assert_eq!(in_tx!(db, tx => settle_all(tx, me, &results[..2])), Recorded::default(), "it is ours");
        reap_by(&db, heir, false).await;
        assert_eq!(start(&db, heir, START_MS, &scene.issue, 3).await.len(), 2, "the others go on");
        let fenced = HashSet::from([window[2].start()]);
        assert_eq!(in_tx!(db, tx => settle_all(tx, me, &results)), Recorded { count: 0, fenced });
    }

    /// A result for a try that was put back leaves no evidence of a try.
    async fn settle_of_what_was_put_back_leaves_no_trace(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let (node, heir) = (scene.node(), scene.node());
        let started = start(&db, node, START_MS, &scene.issue, 1).await;
        in_tx!(db, tx => put_back(tx, &[(started[0].clone(), START_MS)]));
        assert_eq!(settle(&db, node, &[result(&started[0], DeliveryState::Accepted, None)]).await, 0);
        assert!(attempts(&db, &started[0].id).await.is_empty());
        let again = start(&db, heir, START_MS, &scene.issue, 1).await;
        settle(&db, heir, &[result(&again[0], DeliveryState::Failed, None)]).await;
        assert_eq!(attempts(&db, &started[0].id).await, [(1, "soft".to_owned())]);
    }

    /// A message that kills its sender three times is put aside for a person.
    async fn reap_gives_up_after_three_crashes(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let id = &scene.deliveries[0];
        for crash in 1..=3 {
            let (dying, heir) = (scene.node(), scene.node());
            assert_eq!(start(&db, dying, START_MS, &scene.issue, 1).await.len(), 1, "crash {crash}");
            assert_eq!(reap_by(&db, heir, false).await, Reaped { uncertain: 1, all: 1 });
            let expected = if crash < 3 { "ready" } else { "dead" };
            assert_eq!(row(&db, id).await.state, expected, "crash {crash}");
        }
        assert!(start(&db, scene.node(), START_MS + 1_000_000, &scene.issue, 1).await.is_empty());
        assert_eq!(attempts(&db, id).await.len(), 3);
        assert!(row(&db, id).await.detail.unwrap().contains("ended while this was being sent"));
    }

    /// With `hold`, what may have left waits for a person; what had not left goes on.
    async fn reap_holds_what_may_have_left(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let (dead, heir) = (scene.node(), scene.node());
        let window = start(&db, dead, START_MS, &scene.issue, 1).await;
        reap_by(&db, heir, true).await;
        assert_eq!(row(&db, &window[0].id).await.state, "uncertain");
        assert_eq!(start(&db, heir, START_MS, &scene.issue, 10).await.len(), 1);
    }

    /// What comes back from a dead node after its issue was cancelled or paused does not leave.
    async fn reap_and_then_control_is_respected(db: Db) {
        let gone = Scene::released(&db, "gone", 1).await;
        let paused = Scene::released(&db, "paused", 1).await;
        let (dead, heir) = (gone.node(), gone.node());
        for (scene, control) in [(&gone, "cancelled"), (&paused, "paused")] {
            assert_eq!(start(&db, dead, START_MS, &scene.issue, 1).await.len(), 1);
            in_tx!(db, tx => issues::control(tx, &scene.issue, control));
        }
        assert_eq!(reap_by(&db, heir, false).await.all, 2);
        assert_eq!(row(&db, &gone.deliveries[0]).await.state, "cancelled");
        assert_eq!(row(&db, &paused.deliveries[0]).await.state, "ready");
        assert!(start(&db, heir, START_MS, &gone.issue, 1).await.is_empty());
        assert!(start(&db, heir, START_MS, &paused.issue, 1).await.is_empty());
    }

    /// A transaction that ends before its commit leaves everything as it was: the window did not start.
    async fn a_crash_before_the_commit_changes_nothing(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let before = row(&db, &scene.deliveries[0]).await;
        let mut tx = db.begin().await.unwrap();
        let started = start_issue(&mut tx, scene.node(), START_MS, &scene.issue, Part::default(), 1).await.unwrap().leaving;
        assert_eq!(started.len(), 1);
        drop(tx);
        assert_eq!(row(&db, &scene.deliveries[0]).await, before);
    }
}
