//! The clocks of leads: running, due for a turn, and as promises to whoever waits.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A clock on a lead.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct SlaClock {
    /// Which lead.
    pub lead_id: String,
    /// `accept`, `first_contact` or `next_step`.
    pub kind: String,
    /// Since when it runs.
    pub started_ms: UtcMs,
    /// When it runs out.
    pub due_ms: UtcMs,
    /// When it was stopped.
    pub stopped_ms: Option<UtcMs>,
    /// Why it was stopped, where it was not by doing what it waits for.
    pub stopped_because: String,
    /// Who is to act.
    pub owner: String,
    /// IANA zone of the business hours it runs in.
    pub zone: String,
    /// How long it runs, in business minutes.
    pub minutes: i64,
    /// The last share of its time that somebody was told of, in percent.
    pub told_percent: i64,
    /// When something is to be done about it next.
    pub turn_ms: UtcMs,
    /// When it would have run out if nobody had asked for more time.
    pub first_due_ms: Option<UtcMs>,
}

/// Starts a clock; `Conflict` if one runs: a lead has one clock at a time. Those of a kind are told apart by when they began, so that one
/// of a moment in which others began is begun a millisecond behind the last of these.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn start(tx: &mut Tx, clock: &SlaClock) -> Result<()> {
    tx.run(
        "INSERT INTO sla_clock (lead_id, kind, started_ms, due_ms, owner, zone, minutes, told_percent, turn_ms)
         SELECT $1, $2, COALESCE(MAX(c.started_ms) + 1, $3), $4, $5, $6, $7, $8, $9
         FROM sla_clock c WHERE c.lead_id = $1 AND c.kind = $2 AND c.started_ms >= $3 AND c.started_ms < $3 + 1000",
        args![
            &clock.lead_id,
            &clock.kind,
            clock.started_ms,
            clock.due_ms,
            &clock.owner,
            &clock.zone,
            clock.minutes,
            clock.told_percent,
            clock.turn_ms,
        ],
    )
    .await
    .map(|_| ())
}

/// Stops the clock that runs on a lead, if one does; `because` is empty where what it waits for was done.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn stop(tx: &mut Tx, lead_id: &str, now_ms: UtcMs, because: &str) -> Result<()> {
    tx.run(
        "UPDATE sla_clock SET stopped_ms = $2, stopped_because = $3 WHERE lead_id = $1 AND stopped_ms IS NULL",
        args![lead_id, now_ms, because],
    )
    .await
    .map(|_| ())
}

/// Records that somebody was told of `clock` up to `told_percent`, and when its next turn is. False if it was stopped or
/// somebody else did so meanwhile.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn told(tx: &mut Tx, clock: &SlaClock, told_percent: i64, turn_ms: UtcMs) -> Result<bool> {
    let changed = tx
        .run(
            "UPDATE sla_clock SET told_percent = $3, turn_ms = $4
             WHERE lead_id = $1 AND started_ms = $2 AND kind = $5 AND told_percent = $6 AND turn_ms = $7
                 AND stopped_ms IS NULL",
            args![
                &clock.lead_id,
                clock.started_ms,
                told_percent,
                turn_ms,
                &clock.kind,
                clock.told_percent,
                clock.turn_ms,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Gives a running clock until `due_ms`, once. False if it was stopped, or was given more time before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn extend(
    tx: &mut Tx,
    clock: &SlaClock,
    due_ms: UtcMs,
    minutes: i64,
    turn_ms: UtcMs,
) -> Result<bool> {
    let changed = tx
        .run(
            "UPDATE sla_clock SET first_due_ms = due_ms, due_ms = $3, minutes = $4, turn_ms = $5, told_percent = 0
             WHERE lead_id = $1 AND started_ms = $2 AND kind = $6 AND first_due_ms IS NULL AND stopped_ms IS NULL",
            args![&clock.lead_id, clock.started_ms, due_ms, minutes, turn_ms, &clock.kind],
        )
        .await?;
    Ok(changed == 1)
}

/// The clocks of a lead, oldest first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Vec<SlaClock>> {
    db.all(
        "SELECT lead_id, kind, started_ms, due_ms, stopped_ms, stopped_because, owner, zone, minutes, told_percent, turn_ms,
             first_due_ms
         FROM sla_clock WHERE lead_id = $1 ORDER BY started_ms, kind LIMIT 100",
        args![lead_id],
    )
    .await
}

/// The clock that runs on a lead, inside a transaction.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn running_in(tx: &mut Tx, lead_id: &str) -> Result<Option<SlaClock>> {
    tx.opt(
        "SELECT lead_id, kind, started_ms, due_ms, stopped_ms, stopped_because, owner, zone, minutes, told_percent, turn_ms,
             first_due_ms
         FROM sla_clock WHERE lead_id = $1 AND stopped_ms IS NULL",
        args![lead_id],
    )
    .await
}

/// All running clocks, the most urgent first, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn running(db: &Db) -> Result<Vec<SlaClock>> {
    db.all(
        "SELECT lead_id, kind, started_ms, due_ms, stopped_ms, stopped_because, owner, zone, minutes, told_percent, turn_ms,
             first_due_ms
         FROM sla_clock WHERE stopped_ms IS NULL ORDER BY due_ms, lead_id LIMIT 500",
        Vec::new(),
    )
    .await
}

/// The clocks that run on leads of the rep with this lower-cased address, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn running_of_rep(db: &Db, rep_key: &str) -> Result<Vec<SlaClock>> {
    db.all(
        "SELECT c.lead_id, c.kind, c.started_ms, c.due_ms, c.stopped_ms, c.stopped_because, c.owner, c.zone, c.minutes,
             c.told_percent, c.turn_ms, c.first_due_ms
         FROM sla_clock c
         JOIN offer o ON o.lead_id = c.lead_id AND o.ended_ms IS NULL AND (o.answer IS NULL OR o.answer = 'accepted')
         WHERE o.rep_key = $1 AND c.stopped_ms IS NULL ORDER BY c.due_ms, c.lead_id LIMIT 500",
        args![rep_key],
    )
    .await
}

/// Running clocks whose turn has come at `now_ms`, the longest due first, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn turning(db: &Db, now_ms: UtcMs, limit: i64) -> Result<Vec<SlaClock>> {
    db.all(
        "SELECT lead_id, kind, started_ms, due_ms, stopped_ms, stopped_because, owner, zone, minutes, told_percent, turn_ms,
             first_due_ms
         FROM sla_clock WHERE stopped_ms IS NULL AND turn_ms <= $1 ORDER BY turn_ms, lead_id LIMIT $2",
        args![now_ms, limit],
    )
    .await
}

/// A lead's clock as a promise to the lead.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Clock {
    /// The lead.
    pub lead_id: String,
    /// `accept`, `first_contact` or `next_step`.
    pub kind: String,
    /// Whose clock.
    pub owner: String,
    /// The lead's partner.
    pub partner_slug: String,
    /// When it had to be stopped.
    pub due_ms: UtcMs,
    /// When it was stopped.
    pub stopped_ms: Option<UtcMs>,
    /// Why, where it was not by doing what it waits for.
    pub stopped_because: String,
}

/// Lead clocks of a partner, or of all, that were due after `since_ms`, latest first, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn clocks(db: &Db, partner: Option<&str>, since_ms: UtcMs, limit: i64) -> Result<Vec<Clock>> {
    db.all(
        // Of a lead that was given to several, whoever had it when the clock started.
        "SELECT lead_id, kind, owner, partner_slug, due_ms, stopped_ms, stopped_because FROM (
             SELECT c.lead_id, c.kind, c.owner, c.due_ms, c.stopped_ms, c.stopped_because,
                 COALESCE((SELECT a.partner_slug FROM lead_assignment a WHERE a.lead_id = c.lead_id
                     AND a.given_ms <= c.started_ms ORDER BY a.no DESC LIMIT 1), l.partner_slug) AS partner_slug
             FROM sla_clock c JOIN lead l ON l.id = c.lead_id WHERE c.due_ms > $2) x
         WHERE $1 IS NULL OR partner_slug = $1
         ORDER BY due_ms DESC, lead_id, kind LIMIT $3",
        args![partner, since_ms, limit],
    )
    .await
}
