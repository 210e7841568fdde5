//! What a database and the queue in it say about themselves, for `doctor`.

use super::{
    Db,
    outbox::{LANE_RESTING, LANE_SEQUENCE},
    pauses::{self, Pause},
    sql::{Sql, args},
};
use crate::domain::kernel::{
    Error, Result,
    clock::{DAY_MS, UtcMs},
    id::DeliveryId,
};

/// What a database says about itself.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Server {
    /// Its version.
    pub version: String,
    /// `synchronous_commit` of PostgreSQL; for a SQLite file the mode of its journal.
    pub durability: String,
    /// What its clock reads.
    pub now_ms: UtcMs,
}

/// Asks the database about itself.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn server(db: &Db) -> Result<Server> {
    let sql = Sql {
        sqlite: "SELECT sqlite_version() AS version, journal_mode AS durability,
                        CAST((julianday('now') - 2440587.5) * 86400000.0 AS BIGINT) AS now_ms
                 FROM pragma_journal_mode()",
        postgres: "SELECT current_setting('server_version') AS version,
                          current_setting('synchronous_commit') AS durability,
                          CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms",
    };
    db.opt(sql, Vec::new()).await?.ok_or_else(|| Error::internal("the database says nothing about itself"))
}

/// Paused issues that are named.
pub const PAUSED_MAX: usize = 10;

/// An issue that is paused.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Paused {
    /// The newsletter's slug.
    pub newsletter: String,
    /// The promised date.
    pub nominal_date: String,
    /// Why, where the worker did it.
    pub paused_because: Option<String>,
}

/// How the queue stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    /// Since when the oldest message waits that is due and not paused.
    pub oldest_due_ms: Option<UtcMs>,
    /// Messages that wait for a person after three crashes.
    pub dead: i64,
    /// Messages that may have arrived and wait for a person.
    pub uncertain: i64,
    /// Late messages that nothing could hand over and that wait for somebody who may approve.
    pub late: i64,
    /// Issues that are paused, the latest first, at most one more than [`PAUSED_MAX`].
    pub paused: Vec<Paused>,
    /// Sequences that rest.
    pub resting: Vec<Pause>,
}

/// Reads how the queue stands at `now_ms`.
///
/// # Errors
/// Those of [`Db::all`]; a database without tables too.
pub async fn queue(db: &Db, now_ms: UtcMs) -> Result<Queue> {
    let oldest: Option<(Option<i64>,)> = db
        .opt(
            "SELECT MIN(d.due_ms) FROM delivery d LEFT JOIN issue i ON i.id = d.issue_id
             WHERE d.state = 'ready' AND d.due_ms <= $1 AND (i.id IS NULL OR i.control = 'running')
               AND (d.lane NOT IN ($2, $3) OR NOT EXISTS (SELECT 1 FROM sequence_pause p WHERE p.sequence = d.scope))",
            args![now_ms, LANE_SEQUENCE, LANE_RESTING],
        )
        .await?;
    let stuck: Vec<(String, i64)> = db
        .all(
            "SELECT state, COUNT(*) FROM delivery WHERE state IN ('dead', 'uncertain') GROUP BY state",
            Vec::new(),
        )
        .await?;
    let late: Option<(i64,)> = db
        .opt(
            "SELECT COUNT(*) FROM delivery d JOIN issue i ON i.id = d.issue_id
             WHERE d.held_ms IS NOT NULL AND d.state = 'expired' AND i.control <> 'cancelled'",
            Vec::new(),
        )
        .await?;
    let paused: Vec<Paused> = db
        .all(
            "SELECT newsletter, nominal_date, paused_because FROM issue WHERE control = 'paused' AND state <> 'done'
             ORDER BY nominal_date DESC, newsletter LIMIT $1",
            args![PAUSED_MAX as i64 + 1],
        )
        .await?;
    Ok(Queue {
        oldest_due_ms: oldest.and_then(|(due_ms,)| due_ms),
        dead: count(&stuck, "dead"),
        uncertain: count(&stuck, "uncertain"),
        late: late.map_or(0, |(late,)| late),
        paused,
        resting: pauses::all(db).await?,
    })
}

/// What receivers and readers made of the mail of some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Messages that were accepted.
    pub accepted: i64,
    /// Messages that were refused because the address does not exist.
    pub refused: i64,
    /// Messages that were accepted and came back, because the address or its domain does not exist.
    pub bounced: i64,
    /// Messages that their readers called unwanted.
    pub complaints: i64,
}

impl Rates {
    /// Messages that the next mail server took or refused for their address.
    pub fn tried(&self) -> i64 {
        self.accepted + self.refused
    }
}

/// How long before a try its delivery may have been made, for the try to be found: it waits for its hour, for an
/// approval, and through a day of tries.
const MADE_BEFORE_MS: i64 = 7 * DAY_MS;

/// What happened since `since_ms` to deliveries that were made a week before that at the most: tries are found by the
/// time in their deliveries' keys, for nothing else orders them, and all that were ever made are too many to look at.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn rates(db: &Db, since_ms: UtcMs) -> Result<Rates> {
    let tries: Vec<(String, i64)> = db
        .all(
            "SELECT outcome, COUNT(*) FROM attempt
             WHERE delivery_id >= $2 AND ended_ms >= $1 AND outcome IN ('accepted', 'bad-address') GROUP BY outcome",
            args![since_ms, DeliveryId::since(since_ms.saturating_sub(MADE_BEFORE_MS)).to_string()],
        )
        .await?;
    // Refusals at the door are reports too, and counted as tries already.
    let reports: Vec<(String, i64)> = db
        .all(
            "SELECT kind, COUNT(DISTINCT delivery_id) FROM mail_report
             WHERE at_ms >= $1 AND delivery_id IS NOT NULL AND source <> 'relay'
               AND ((kind = 'bounce' AND action = 'failed' AND class IN ('bad-address', 'bad-domain'))
                 OR (kind = 'complaint' AND class IN ('abuse', 'fraud', 'opt-out', 'opt-out-list')))
             GROUP BY kind",
            args![since_ms],
        )
        .await?;
    Ok(Rates {
        accepted: count(&tries, "accepted"),
        refused: count(&tries, "bad-address"),
        bounced: count(&reports, "bounce"),
        complaints: count(&reports, "complaint"),
    })
}

/// A way by which messages came back.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CameBack {
    /// `imap`, `maildir`, `lmtp`, `http` or `file`.
    pub source: String,
    /// When the last one was taken.
    pub last_ms: UtcMs,
}

/// The ways by which messages came back, the latest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn came_back(db: &Db) -> Result<Vec<CameBack>> {
    db.all(
        "SELECT source, MAX(at_ms) AS last_ms FROM mail_report WHERE source <> 'relay'
         GROUP BY source ORDER BY last_ms DESC",
        Vec::new(),
    )
    .await
}

fn count(rows: &[(String, i64)], word: &str) -> i64 {
    rows.iter().find(|(name, _)| name == word).map_or(0, |(_, count)| *count)
}
