//! Heartbeats.

use partnercast::{
    domain::kernel::id::NodeId,
    store::nodes::{beat, leave},
};

use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{in_tx, rows},
};

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
}
