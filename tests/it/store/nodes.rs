//! Heartbeats, and forgetting those that have none.

use partnercast::{
    domain::kernel::id::NodeId,
    store::nodes::{
        Pulse, RelayFault, beat, forget, forget_others, leave, note_relay_faults, pulses, relay_faults,
    },
};

use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{in_tx, rows},
};

fn pulse(node: NodeId, beats: i64) -> Pulse {
    Pulse { id: node.to_string(), beats }
}

both_dbs! {
    /// The first beat registers, later ones only move the heartbeat, and a node that leaves takes only itself away.
    async fn beat_registers_renews_and_leave_forgets(db: Db) {
        let random = SeededRandom::new(2);
        let (one, two) = (NodeId::new(START_MS, &random), NodeId::new(START_MS, &random));
        in_tx!(db, tx => beat(tx, one, 1_000));
        in_tx!(db, tx => beat(tx, two, 2_000));
        in_tx!(db, tx => beat(tx, one, 9_000));
        let sql = "SELECT id, started_ms, heartbeat_ms FROM node ORDER BY started_ms";
        let nodes: Vec<(String, i64, i64)> = rows(&db, sql, vec![]).await;
        assert_eq!(nodes, [(one.to_string(), 1_000, 9_000), (two.to_string(), 2_000, 2_000)]);
        in_tx!(db, tx => leave(tx, one));
        in_tx!(db, tx => leave(tx, one));
        assert_eq!(rows::<(String, i64, i64)>(&db, sql, vec![]).await, [(two.to_string(), 2_000, 2_000)]);
    }

    /// A pulse counts on with every beat, whatever the node's clock reads, and from the beginning after it left.
    async fn pulses_count_the_beats(db: Db) {
        let random = SeededRandom::new(2);
        let (one, two) = (NodeId::new(START_MS, &random), NodeId::new(START_MS + 1, &random));
        assert!(pulses(&db).await.unwrap().is_empty());
        for machine_ms in [5_000, 4_000, 4_000] {
            in_tx!(db, tx => beat(tx, one, machine_ms));
        }
        in_tx!(db, tx => beat(tx, two, 1));
        assert_eq!(pulses(&db).await.unwrap(), [pulse(one, 2), pulse(two, 0)]);
        in_tx!(db, tx => leave(tx, one));
        in_tx!(db, tx => beat(tx, one, 6_000));
        assert_eq!(pulses(&db).await.unwrap(), [pulse(one, 0), pulse(two, 0)]);
    }

    /// Each relay is told once, with its longest fault, until its nodes say that it answers or leave.
    async fn relay_faults_are_told_until_they_are_over(db: Db) {
        let random = SeededRandom::new(2);
        let (one, two) = (NodeId::new(START_MS, &random), NodeId::new(START_MS + 1, &random));
        let fault = |relay: &str, since_ms, detail: &str| RelayFault { relay: relay.into(), since_ms, detail: detail.into() };
        let both = [fault("b", 7, "421 “later” \u{1f40c}"), fault("a", 9, "refused")];
        in_tx!(db, tx => note_relay_faults(tx, one, &both));
        assert!(relay_faults(&db).await.unwrap().is_empty(), "it has not said that it is alive");
        in_tx!(db, tx => beat(tx, one, 1_000));
        in_tx!(db, tx => beat(tx, two, 1_000));
        in_tx!(db, tx => note_relay_faults(tx, one, &both));
        in_tx!(db, tx => note_relay_faults(tx, two, &[fault("a", 5, "silent")]));
        let told = relay_faults(&db).await.unwrap();
        assert_eq!(told, [fault("a", 5, "silent"), both[0].clone()]);
        in_tx!(db, tx => note_relay_faults(tx, one, &[]));
        in_tx!(db, tx => beat(tx, two, 2_000));
        assert_eq!(relay_faults(&db).await.unwrap(), [fault("a", 5, "silent")]);
        in_tx!(db, tx => leave(tx, two));
        assert!(relay_faults(&db).await.unwrap().is_empty());
    }

    /// A node that has counted on since it was looked at is not forgotten.
    async fn forget_takes_away_only_who_stood_still(db: Db) {
        let random = SeededRandom::new(2);
        let (one, two) = (NodeId::new(START_MS, &random), NodeId::new(START_MS + 1, &random));
        in_tx!(db, tx => beat(tx, one, 1_000));
        in_tx!(db, tx => beat(tx, two, 1_000));
        let seen = pulses(&db).await.unwrap();
        in_tx!(db, tx => beat(tx, one, 1_000));
        assert!(!in_tx!(db, tx => forget(tx, &seen[0])), "it woke up");
        assert!(in_tx!(db, tx => forget(tx, &seen[1])));
        assert!(!in_tx!(db, tx => forget(tx, &seen[1])), "once");
        assert_eq!(pulses(&db).await.unwrap(), [pulse(one, 1)]);
    }

    /// On a SQLite file there is one process: everybody else is gone.
    async fn forget_others_keeps_only_us(db: Db) {
        let random = SeededRandom::new(2);
        let nodes: Vec<NodeId> = (0..4).map(|at| NodeId::new(START_MS + at, &random)).collect();
        for node in &nodes[..3] {
            in_tx!(db, tx => beat(tx, *node, 1_000));
        }
        assert_eq!(in_tx!(db, tx => forget_others(tx, nodes[1])), 2);
        assert_eq!(pulses(&db).await.unwrap(), [pulse(nodes[1], 0)]);
        assert_eq!(in_tx!(db, tx => forget_others(tx, nodes[3])), 1, "also when we are not registered ourselves");
    }
}
