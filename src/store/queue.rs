//! The queue: start, settle, put back. One statement a batch. What fills it is `outbox.rs`; what happens to rows whose
//! process is gone stands in `takeover.rs`.

use std::collections::{HashMap, HashSet};

use super::{
    Db, Tx,
    outbox::{LANE_SEQUENCE, LANE_URGENT},
    sql::{args, not_ours, skip_locked},
};
use crate::domain::{
    delivery::{DeliveryState, Trouble},
    kernel::{Result, clock::UtcMs, id::NodeId},
};

/// Sites that one start may leave out.
pub const EXCEPT_MAX: usize = 8;

/// The end of both starts: what was picked is marked, or put where it belongs.
macro_rules! start_picked {
    () => {
        concat!(
            ")
         UPDATE delivery SET token = token + 1,
             node_id = CASE WHEN unwanted OR expires_ms < $1 THEN NULL ELSE $3 END,
             attempt = attempt + CASE WHEN unwanted OR expires_ms < $1 THEN 0 ELSE 1 END,
             detail = CASE WHEN unwanted THEN 'the address was put on the do-not-send list before it left'
                 WHEN expires_ms < $1 THEN 'its time passed before it could leave' ELSE detail END,
             state = CASE WHEN unwanted THEN 'suppressed' WHEN expires_ms < $1 THEN 'expired' ELSE 'sending' END,
             live = NOT (unwanted OR expires_ms < $1),
             -- Of an issue and never handed over: those who may approve are told.
             held_ms = CASE WHEN NOT unwanted AND expires_ms < $1 AND issue_id IS NOT NULL AND NOT EXISTS (
                     SELECT 1 FROM attempt t WHERE t.delivery_id = pick_id AND t.outcome ",
            not_ours!(),
            ") THEN $1
                 ELSE held_ms END
         FROM pick WHERE id = pick_id
         RETURNING id, token, attempt, tries, issue_id, lane, scope, site, message_id, due_ms, promised_ms, hour_ms,
             created_ms, email, recipient_name, rendition_id, expires_ms, stage, state"
        )
    };
}

/// What a worker needs to send one message.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Claimed {
    /// The key.
    pub id: String,
    /// Fencing token of this start.
    pub token: i64,
    /// Number of this try.
    pub attempt: i64,
    /// How many tries counted before.
    pub tries: i64,
    /// The issue; none for single mails.
    pub issue_id: Option<String>,
    /// Its lane (`outbox::LANE_URGENT` and others).
    pub lane: i64,
    /// What stops it, such as the sequence it belongs to.
    pub scope: String,
    /// The recipient's domain.
    pub site: String,
    /// Message-ID without angle brackets, the same for every try.
    pub message_id: String,
    /// Since when it could be started.
    pub due_ms: UtcMs,
    /// When it was promised.
    pub promised_ms: UtcMs,
    /// From when on its lateness counts, where that is later: to when it was put off, or when a person last let it go.
    pub hour_ms: Option<UtcMs>,
    /// When it was put into the outbox: its content was fixed, and nobody held it any more.
    pub created_ms: UtcMs,
    /// Where to.
    pub email: String,
    /// To whom.
    pub recipient_name: String,
    /// Which rendition.
    pub rendition_id: String,
    /// After which it is worthless.
    pub expires_ms: UtcMs,
    /// The word of its reader's stage; none without stages.
    pub stage: Option<String>,
    /// `sending`, or what kept it from leaving.
    pub state: String,
}

impl Claimed {
    /// Whether somebody waits for it: a hand-off, a sign-in, what a form promised.
    pub fn is_urgent(&self) -> bool {
        self.lane == LANE_URGENT
    }

    /// The `Date` of the message, the same for every try: when it was complete and could enter the mail system (RFC 5322
    /// 3.6.1), which is not when it was handed over. That is its promised hour, or its release where that came later: after
    /// catching up, or a late approval; and the hour to which it was put off, or when a person said that it may leave late. A pilot's
    /// copy, which leaves before the hour, has its release.
    pub fn date_ms(&self) -> UtcMs {
        let complete_ms = if self.due_ms < self.promised_ms {
            self.created_ms
        } else {
            self.promised_ms.max(self.created_ms)
        };
        complete_ms.max(self.hour_ms.unwrap_or(UtcMs::MIN))
    }

    /// What tells this start from all others: id and token.
    pub fn start(&self) -> (String, i64) {
        (self.id.clone(), self.token)
    }

    /// What it is a part of, which is paused and counted as a whole: its issue, or its sequence.
    pub fn whole(&self) -> Option<String> {
        match &self.issue_id {
            Some(issue) => Some(issue.clone()),
            None => (self.lane == LANE_SEQUENCE).then(|| sequence_key(&self.scope)),
        }
    }
}

/// What a sequence is counted under, beside issues by their ids.
pub fn sequence_key(slug: &str) -> String {
    format!("sequence:{slug}")
}

/// A row's place in the queue of its issue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Place {
    /// Since when it could be started.
    pub due_ms: UtcMs,
    /// The delivery.
    pub id: String,
}

impl Place {
    /// What rows behind `after` are greater than; all of them without.
    pub(super) fn bound(after: Option<&Self>) -> (UtcMs, &str) {
        after.map_or((UtcMs::MIN, ""), |place| (place.due_ms, &place.id))
    }
}

/// Which part of an issue's queue a start looks at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part<'a> {
    /// Only rows behind this one; from the head without.
    pub after: Option<&'a Place>,
    /// Sites that get nothing, the first [`EXCEPT_MAX`] of them.
    pub except: &'a [String],
}

/// What a start found.
#[derive(Debug, Clone, Default)]
pub struct Started {
    /// Rows that were looked at.
    pub seen: usize,
    /// Those of them that may leave.
    pub leaving: Vec<Claimed>,
    /// The last place that was looked at.
    pub last: Option<Place>,
}

impl Started {
    fn of(rows: Vec<Claimed>) -> Self {
        let last = rows.iter().map(|row| (row.due_ms, &row.id)).max();
        let last = last.map(|(due_ms, id)| Place { due_ms, id: id.clone() });
        let seen = rows.len();
        let may_leave = |row: &Claimed| row.state == DeliveryState::Sending.as_str();
        Self { seen, leaving: rows.into_iter().filter(may_leave).collect(), last }
    }
}

/// Marks up to `limit` due deliveries of a running issue as being sent by `node`. Those that the recipient stopped or
/// whose time passed are put where they belong instead.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn start_issue(
    tx: &mut Tx,
    node: NodeId,
    now_ms: UtcMs,
    issue_id: &str,
    part: Part<'_>,
    limit: i64,
) -> Result<Started> {
    let mut arguments = args![now_ms, limit, node.to_string(), issue_id];
    let except = part.except.iter().map(String::as_str).chain(std::iter::repeat("\u{1}")).take(EXCEPT_MAX);
    arguments.extend(except.map(Into::into));
    let (due_ms, id) = Place::bound(part.after);
    arguments.extend(args![due_ms, id]);
    let rows = tx
        .all(
            skip_locked!(
                "WITH pick AS (
                     SELECT id AS pick_id, EXISTS (
                             SELECT 1 FROM suppression s WHERE s.email_key IN (delivery.base_key, '@' || delivery.site)
                               AND s.scope IN (delivery.scope, 'all')
                               AND (s.expires_ms IS NULL OR s.expires_ms > $1)) AS unwanted
                     FROM delivery
                     WHERE live AND issue_id = $4 AND due_ms <= $1 AND state = 'ready' AND (due_ms, id) > ($13, $14)
                       AND site NOT IN ($5, $6, $7, $8, $9, $10, $11, $12)
                       AND EXISTS (SELECT 1 FROM issue WHERE issue.id = $4 AND issue.control = 'running'
                           AND issue.state = 'sending')
                     ORDER BY due_ms, id LIMIT $2",
                start_picked!()
            ),
            arguments,
        )
        .await?;
    Ok(Started::of(rows))
}

/// The same for the single mails of a lane, but for those of sequences that rest.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn start_single(
    tx: &mut Tx,
    node: NodeId,
    now_ms: UtcMs,
    lane: i64,
    limit: i64,
) -> Result<Started> {
    start_lane(tx, node, now_ms, (lane, None), limit).await
}

/// The same for one sequence.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn start_sequence(
    tx: &mut Tx,
    node: NodeId,
    now_ms: UtcMs,
    sequence: &str,
    limit: i64,
) -> Result<Started> {
    start_lane(tx, node, now_ms, (LANE_SEQUENCE, Some(sequence)), limit).await
}

async fn start_lane(
    tx: &mut Tx,
    node: NodeId,
    now_ms: UtcMs,
    (lane, scope): (i64, Option<&str>),
    limit: i64,
) -> Result<Started> {
    let rows = tx
        .all(
            skip_locked!(
                "WITH pick AS (
                     SELECT id AS pick_id, scope <> '' AND EXISTS (
                             SELECT 1 FROM suppression s WHERE s.email_key IN (delivery.base_key, '@' || delivery.site)
                               AND s.scope IN (delivery.scope, 'all')
                               AND (s.expires_ms IS NULL OR s.expires_ms > $1)) AS unwanted
                     FROM delivery
                     WHERE live AND issue_id IS NULL AND lane = $4 AND due_ms <= $1 AND state = 'ready'
                       AND ($5 IS NULL OR scope = $5)
                       AND (lane <> $6 OR NOT EXISTS (SELECT 1 FROM sequence_pause p WHERE p.sequence = delivery.scope))
                     ORDER BY due_ms, id LIMIT $2",
                start_picked!()
            ),
            args![now_ms, limit, node.to_string(), lane, scope, LANE_SEQUENCE],
        )
        .await?;
    Ok(Started::of(rows))
}

/// Puts back what was started and surely did not leave, not to be started again before the moment beside it; the start
/// does not count. Rows that another node took over stay as they are.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn put_back(tx: &mut Tx, claimed: &[(Claimed, UtcMs)]) -> Result<u64> {
    return_to_queue(tx, claimed.iter().map(|(claimed, since_ms)| (&claimed.id, claimed.token, *since_ms)))
        .await
}

/// Undoes starts, each given by id, token and the moment before which it is not to be started again.
pub(super) async fn return_to_queue<'a>(
    tx: &mut Tx,
    starts: impl Iterator<Item = (&'a String, i64, UtcMs)> + Clone,
) -> Result<u64> {
    let rows = starts.clone().map(|(id, token, since_ms)| args![id, token, since_ms]);
    let back = tx
        .bulk(
            "WITH r (rid, rtoken, rsince_ms) AS (",
            rows.collect(),
            ") UPDATE delivery SET state = 'ready', node_id = NULL, attempt = attempt - 1,
                 due_ms = CASE WHEN due_ms < rsince_ms THEN rsince_ms ELSE due_ms END
             FROM r WHERE id = rid AND token = rtoken AND state = 'sending'",
        )
        .await?;
    cancel_returned(tx, starts.map(|(id, ..)| id)).await?;
    Ok(back)
}

/// One delivery as a worker would see it, without claiming it.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn peek(db: &Db, id: &str) -> Result<Option<Claimed>> {
    db.opt(
        "SELECT id, token, attempt, tries, issue_id, lane, scope, site, message_id, due_ms, promised_ms, hour_ms,
             created_ms, email, recipient_name, rendition_id, expires_ms, stage, state
         FROM delivery WHERE id = $1",
        args![id],
    )
    .await
}

/// The result of one try, as the ledger keeps it.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Which delivery.
    pub id: String,
    /// The claim's fencing token.
    pub token: i64,
    /// Number of this try.
    pub attempt: i64,
    /// The new state.
    pub state: DeliveryState,
    /// When to try again.
    pub due_ms: Option<UtcMs>,
    /// Whether the try counts.
    pub counts: bool,
    /// When it was accepted.
    pub accepted_ms: Option<UtcMs>,
    /// The outcome's word.
    pub outcome: &'static str,
    /// How far it came.
    pub stage: Option<String>,
    /// The reply's code.
    pub code: Option<i64>,
    /// The reply, or what happened.
    pub reply: String,
    /// Name of the relay that was asked, if it came to that.
    pub relay: Option<String>,
    /// When the try ended.
    pub ended_ms: UtcMs,
}

impl Settled {
    /// When it expired without the other side ever having heard of it by this try; none otherwise.
    fn expired_unheard_ms(&self) -> Option<UtcMs> {
        let is_ours = |trouble: &Trouble| trouble.is_ours() && trouble.as_str() == self.outcome;
        (self.state == DeliveryState::Expired && Trouble::ALL.iter().any(is_ours)).then_some(self.ended_ms)
    }

    /// What tells the start it belongs to from all others: id and token.
    pub fn start(&self) -> (String, i64) {
        (self.id.clone(), self.token)
    }
}

/// What became of the results of a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recorded {
    /// How many were recorded by this statement.
    pub count: u64,
    /// Starts whose results came too late: the message was put back or taken over before. Of those the ledger keeps the
    /// reaper's word, not ours. What `node` had recorded already is neither here nor counted.
    pub fenced: HashSet<(String, i64)>,
}

/// Records the results of a window, as far as they are still ours to record.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn settle(tx: &mut Tx, node: NodeId, results: &[Settled]) -> Result<Recorded> {
    let rows = results.iter().map(|result| {
        args![
            &result.id,
            result.token,
            result.state.as_str(),
            !result.state.is_final(),
            result.due_ms,
            i64::from(result.counts),
            &result.reply,
            result.accepted_ms,
            result.expired_unheard_ms(),
        ]
    });
    let count = tx
        .bulk(
            "WITH r (rid, rtoken, rstate, rlive, rdue_ms, rcounts, rdetail, raccepted_ms, rheld_ms) AS (",
            rows.collect(),
            concat!(
                ") UPDATE delivery SET state = rstate, live = rlive, due_ms = COALESCE(rdue_ms, due_ms),
                     tries = tries + rcounts, detail = rdetail, accepted_ms = raccepted_ms, node_id = NULL,
                     held_ms = CASE WHEN rheld_ms IS NOT NULL AND issue_id IS NOT NULL AND NOT EXISTS (
                         SELECT 1 FROM attempt t WHERE t.delivery_id = rid AND t.outcome ",
                not_ours!(),
                ") THEN rheld_ms END
                 FROM r WHERE id = rid AND token = rtoken AND state = 'sending'"
            ),
        )
        .await?;
    // Asking which were ours is worth a statement only when some were not.
    let known = if count == results.len() as u64 { None } else { Some(known(tx, node, results).await?) };
    let is_ours = |result: &&Settled| {
        known.as_ref().is_none_or(|known| known.get(&result.start()).is_some_and(|is_held| *is_held))
    };
    let rows = results.iter().filter(is_ours).map(|result| {
        args![
            &result.id,
            result.attempt,
            node.to_string(),
            result.ended_ms,
            result.outcome,
            result.stage.clone(),
            result.code,
            &result.reply,
            result.relay.clone(),
        ]
    });
    tx.bulk(
        "INSERT INTO attempt (delivery_id, no, node_id, ended_ms, outcome, stage, code, reply, relay)",
        rows.collect(),
        "ON CONFLICT (delivery_id, no) DO NOTHING",
    )
    .await?;
    let again = results.iter().filter(|result| result.state == DeliveryState::Ready).map(|result| &result.id);
    cancel_returned(tx, again).await?;
    let fenced = known.map_or_else(HashSet::new, |known| {
        results.iter().map(Settled::start).filter(|start| !known.contains_key(start)).collect()
    });
    Ok(Recorded { count, fenced })
}

/// Which starts of `results` are `node`'s: true where the row still has their token and try, false where it has gone on
/// since `node` recorded the same result, of which it was not told.
async fn known(tx: &mut Tx, node: NodeId, results: &[Settled]) -> Result<HashMap<(String, i64), bool>> {
    let node = node.to_string();
    // The reaper's record bears our name too, but never our words.
    let rows = results
        .iter()
        .map(|result| args![&result.id, result.token, result.attempt, &node, result.outcome, &result.reply]);
    let rows: Vec<(String, i64, bool)> = tx
        .bulk_all(
            "WITH r (rid, rtoken, rattempt, rnode, routcome, rreply) AS (",
            rows.collect(),
            ") SELECT rid, rtoken, token = rtoken AND attempt = rattempt FROM r JOIN delivery ON id = rid
             WHERE (token = rtoken AND attempt = rattempt) OR EXISTS (
                 SELECT 1 FROM attempt a WHERE a.delivery_id = rid AND a.no = rattempt AND a.node_id = rnode
                   AND a.outcome = routcome AND a.reply = rreply)",
        )
        .await?;
    Ok(rows.into_iter().map(|(id, token, is_held)| ((id, token), is_held)).collect())
}

/// Rows that came back to the queue go no further if their issue was cancelled meanwhile, or their reader left the sequence.
async fn cancel_returned(tx: &mut Tx, ids: impl Iterator<Item = &String>) -> Result<u64> {
    tx.bulk(
        "WITH r (rid, rlane) AS (",
        ids.map(|id| args![id, LANE_SEQUENCE]).collect(),
        ") UPDATE delivery SET state = 'cancelled', live = FALSE,
             detail = CASE WHEN issue_id IS NULL THEN 'they had left the sequence' ELSE 'the issue was cancelled' END
         FROM r WHERE id = rid AND state = 'ready' AND (
             EXISTS (SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')
             OR (issue_id IS NULL AND lane = rlane AND EXISTS (
                 SELECT 1 FROM enrolment e WHERE e.sequence = delivery.scope
                   AND e.person = COALESCE(delivery.contact_id, delivery.lead_id) AND e.state = 'left')))",
    )
    .await
}
