//! Running processes and their heartbeats.

use serde::{Deserialize, Serialize};

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Error, Result, clock::UtcMs, id::NodeId};

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

/// A relay that a node cannot talk to, as that node said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayFault {
    /// The relay's name.
    pub relay: String,
    /// When it was first left alone for it.
    pub since_ms: UtcMs,
    /// What happened last, for people.
    pub detail: String,
}

/// Says which relays `node`, which has said that it is alive, cannot talk to.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn note_relay_faults(tx: &mut Tx, node: NodeId, faults: &[RelayFault]) -> Result<()> {
    let text = match faults {
        [] => String::new(),
        _ => serde_json::to_string(faults).map_err(|error| Error::internal("JSON").because(error))?,
    };
    tx.run("UPDATE node SET relay_faults = $2 WHERE id = $1", args![node.to_string(), text]).await.map(|_| ())
}

/// The relays that nodes cannot talk to, each with its longest fault, by name.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn relay_faults(db: &Db) -> Result<Vec<RelayFault>> {
    let rows: Vec<(String,)> =
        db.all("SELECT relay_faults FROM node WHERE relay_faults <> '' LIMIT 1000", Vec::new()).await?;
    // What another version wrote in another form is no fault of the reader's.
    let mut faults: Vec<RelayFault> =
        rows.iter().filter_map(|(text,)| serde_json::from_str::<Vec<_>>(text).ok()).flatten().collect();
    faults.sort_by(|a, b| (&a.relay, a.since_ms).cmp(&(&b.relay, b.since_ms)));
    faults.dedup_by(|later, first| later.relay == first.relay);
    Ok(faults)
}

/// Forgets a node that has handed back everything.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn leave(tx: &mut Tx, node: NodeId) -> Result<()> {
    tx.run("DELETE FROM node WHERE id = $1", args![node.to_string()]).await.map(|_| ())
}
