//! Running processes and their heartbeats (machine time).

use super::{Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs, id::NodeId};

/// Says that `node` is alive; the first call registers it.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn beat(tx: &mut Tx, node: NodeId, machine_ms: UtcMs) -> Result<()> {
    tx.run(
        "INSERT INTO node (id, started_ms, heartbeat_ms) VALUES ($1, $2, $2)
         ON CONFLICT (id) DO UPDATE SET heartbeat_ms = excluded.heartbeat_ms",
        args![node.to_string(), machine_ms],
    )
    .await
    .map(|_| ())
}

/// Forgets a node that has handed back everything.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn leave(tx: &mut Tx, node: NodeId) -> Result<()> {
    tx.run("DELETE FROM node WHERE id = $1", args![node.to_string()]).await.map(|_| ())
}
