//! Rows that were being sent by a process that is gone, or whose start was confirmed to nobody.

use std::collections::HashSet;

use super::{Tx, outbox::LANE_SEQUENCE, queue::return_to_queue, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs, id::NodeId};

/// Crashes while one message was being sent after which a person must look.
const CRASHES_MAX: i64 = 3;

/// What became of the rows of nodes that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reaped {
    /// Were being sent: these may have left once already.
    pub uncertain: u64,
    /// All rows taken over.
    pub all: u64,
}

/// Takes over the rows of nodes that are not known any more; those of `node` itself are left to it. They go out again, or wait for a person when `hold`; each gets an attempt record that says so, so that
/// every possible repeat is listed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn reap(tx: &mut Tx, node: NodeId, now_ms: UtcMs, hold: bool) -> Result<Reaped> {
    let uncertain = tx
        .run(
            "INSERT INTO attempt (delivery_id, no, node_id, ended_ms, outcome, stage, code, reply)
             SELECT d.id, d.attempt, COALESCE(d.node_id, ''), $2, 'uncertain', 'final-dot', NULL,
                 'the process ended while this was being sent; it may have been accepted'
             FROM delivery d
             WHERE d.live AND d.state = 'sending' AND d.node_id <> $1 AND NOT EXISTS (
                 SELECT 1 FROM node n WHERE n.id = d.node_id)
             ON CONFLICT (delivery_id, no) DO NOTHING",
            args![node.to_string(), now_ms],
        )
        .await?;
    let all = tx
        .run(
            "UPDATE delivery SET
                 state = CASE
                     WHEN crashes + 1 >= $2 THEN 'dead'
                     WHEN $3 THEN 'uncertain'
                     WHEN EXISTS (
                         SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')
                         OR EXISTS (
                         SELECT 1 FROM enrolment e WHERE delivery.lane = $4 AND e.sequence = delivery.scope
                           AND e.person = COALESCE(delivery.contact_id, delivery.lead_id) AND e.state = 'left')
                         THEN 'cancelled'
                     ELSE 'ready' END,
                 live = NOT (crashes + 1 >= $2 OR $3 OR EXISTS (
                     SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')
                     OR EXISTS (
                     SELECT 1 FROM enrolment e WHERE delivery.lane = $4 AND e.sequence = delivery.scope
                       AND e.person = COALESCE(delivery.contact_id, delivery.lead_id) AND e.state = 'left')),
                 detail = 'the process ended while this was being sent', crashes = crashes + 1,
                 token = token + 1, node_id = NULL
             WHERE live AND state = 'sending' AND node_id <> $1 AND NOT EXISTS (
                 SELECT 1 FROM node n WHERE n.id = delivery.node_id)",
            args![node.to_string(), CRASHES_MAX, hold, LANE_SEQUENCE],
        )
        .await?;
    Ok(Reaped { uncertain, all })
}

/// Puts back rows that `node` started without knowing: the commit was done and its confirmation lost, so that nobody has
/// them in hand and they surely did not leave. `in_hand` are id and token of what the node does know of. Returns how
/// many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn put_back_unconfirmed(tx: &mut Tx, node: NodeId, in_hand: &[(String, i64)]) -> Result<u64> {
    let started: Vec<(String, i64)> = tx
        .all(
            "SELECT id, token FROM delivery WHERE live AND state = 'sending' AND node_id = $1",
            args![node.to_string()],
        )
        .await?;
    let known: HashSet<(&str, i64)> = in_hand.iter().map(|(id, token)| (id.as_str(), *token)).collect();
    let unknown = started.iter().filter(|(id, token)| !known.contains(&(id.as_str(), *token)));
    return_to_queue(tx, unknown.map(|(id, token)| (id, *token, UtcMs::MIN))).await
}
