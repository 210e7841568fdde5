//! Running processes and their heartbeats.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs, id::NodeId};

/// A node and how often it has said that it is alive.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Pulse {
    /// The node.
    pub id: String,
    /// Its count.
    pub beats: i64,
}

/// The pulses of all nodes, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn pulses(db: &Db) -> Result<Vec<Pulse>> {
    db.all("SELECT id, beats FROM node ORDER BY id LIMIT 1000", Vec::new()).await
}

/// Forgets a node that has not counted on since `pulse` was seen; what it holds can then be taken over. False if it
/// has, or is forgotten already.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget(tx: &mut Tx, pulse: &Pulse) -> Result<bool> {
    let done = tx.run("DELETE FROM node WHERE id = $1 AND beats = $2", args![&pulse.id, pulse.beats]).await?;
    Ok(done == 1)
}

/// Forgets every node but `node`: one process works on a SQLite file, all others are gone.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget_others(tx: &mut Tx, node: NodeId) -> Result<u64> {
    tx.run("DELETE FROM node WHERE id <> $1", args![node.to_string()]).await
}

/// Says that `node` is alive and returns its count; the first call registers it with 0. `machine_ms` is kept for people
/// to read.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn beat(tx: &mut Tx, node: NodeId, machine_ms: UtcMs) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .opt(
            "INSERT INTO node (id, started_ms, heartbeat_ms) VALUES ($1, $2, $2)
         ON CONFLICT (id) DO UPDATE SET heartbeat_ms = excluded.heartbeat_ms, beats = node.beats + 1
         RETURNING beats",
            args![node.to_string(), machine_ms],
        )
        .await?;
    Ok(row.map_or(0, |(beats,)| beats))
}

/// Forgets a node that has handed back everything.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn leave(tx: &mut Tx, node: NodeId) -> Result<()> {
    tx.run("DELETE FROM node WHERE id = $1", args![node.to_string()]).await.map(|_| ())
}
