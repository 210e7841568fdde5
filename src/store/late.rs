//! Messages of issues that nothing could hand over and that may not leave now: they are late, or their stage waits for another.
//! Which these are is judged where they are started; what is right for them is said by `domain/program/{late,stage}`.

use super::{
    Db, Tx,
    sql::{args, for_all, not_ours},
};
use crate::domain::{
    kernel::{
        Result,
        clock::{DAY_MS, UtcMs},
    },
    partner::Region,
    program::stage::{Before, Stage},
};

/// So long before its mail is held an issue was frozen at most: two weeks before its hour, and the latest hour is another month on.
const FROZEN_BEFORE_MS: i64 = 60 * DAY_MS;

/// Who reads a message.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Reader {
    /// The delivery.
    pub id: String,
    /// IANA zone by which it was promised to them.
    pub reader_zone: String,
    /// Their partner.
    pub partner_slug: String,
    /// The word of the partner's region.
    pub region: String,
    /// Whether the other side has heard of the message: it took, refused or put it off, or may have it.
    pub was_heard: bool,
}

impl Reader {
    /// The partner's region; none where its word cannot be read.
    pub fn region(&self) -> Option<Region> {
        Region::WORDS.iter().find(|(word, _)| *word == self.region).map(|(_, region)| *region)
    }
}

/// Who reads each of these messages of an issue.
///
/// # Errors
/// Those of [`Tx::bulk_all`].
pub async fn readers(tx: &mut Tx, ids: impl Iterator<Item = &String>) -> Result<Vec<Reader>> {
    tx.bulk_all(
        "WITH r (rid) AS (",
        ids.map(|id| args![id]).collect(),
        concat!(
            ") SELECT d.id, p.reader_zone, p.partner_slug, pa.region, EXISTS (
                 SELECT 1 FROM attempt t WHERE t.delivery_id = d.id AND t.outcome ",
            not_ours!(),
            ") AS was_heard
         FROM r JOIN delivery d ON d.id = rid
         JOIN audience_decision a ON a.issue_id = d.issue_id AND a.contact_id = d.contact_id
         JOIN promise p ON p.id = a.promise_id
         JOIN partner pa ON pa.slug = p.partner_slug"
        ),
    )
    .await
}

/// An issue (`$1`) moves at `$2`, and goes on since it did, if it had moved after `$3`.
macro_rules! moves {
    () => {
        "UPDATE issue SET going_ms = CASE WHEN moved_ms > $3 THEN going_ms ELSE $2 END, moved_ms = $2 WHERE id = $1"
    };
}

/// Notes that a message of an issue was taken or refused by the other side. It goes on since then, if it had not moved since
/// `since_ms`.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn moved(tx: &mut Tx, issue_id: &str, now_ms: UtcMs, since_ms: UtcMs) -> Result<()> {
    tx.run(moves!(), args![issue_id, now_ms, since_ms]).await.map(|_| ())
}

/// Notes that a limit of ours, or an earlier issue, keeps an issue back, which is no outage. It is no end of one either: not of an
/// issue of which something was due before `since_ms` and that did not move since then. Returns whether it was noted.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn kept_back(tx: &mut Tx, issue_id: &str, now_ms: UtcMs, since_ms: UtcMs) -> Result<bool> {
    let done = tx
        .run(
            concat!(
                moves!(),
                " AND (moved_ms > $3 OR NOT EXISTS (
                     SELECT 1 FROM delivery d
                     WHERE d.live AND d.issue_id = $1 AND d.due_ms <= $3 AND d.state = 'ready'))"
            ),
            args![issue_id, now_ms, since_ms],
        )
        .await?;
    Ok(done == 1)
}

/// How far the pilot and the first shares of an issue have come, hour by hour; at most 2,000 of them.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn begun(db: &Db, issue_id: &str) -> Result<Vec<Before>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        stage: String,
        hour_ms: UtcMs,
        began_ms: Option<UtcMs>,
        vain_ms: Option<UtcMs>,
        untried: i64,
        waits_until_ms: Option<UtcMs>,
        put_off_ms: Option<UtcMs>,
    }
    let rows: Vec<Row> = db
        .all(
            concat!(
                "SELECT d.stage, d.promised_ms AS hour_ms,
                     MIN(CASE WHEN d.accepted_ms IS NOT NULL THEN d.accepted_ms WHEN d.attempt > 0 THEN (
                         SELECT MIN(t.ended_ms) FROM attempt t
                         WHERE t.delivery_id = d.id AND t.outcome <> 'host' AND NOT t.outcome ",
                for_all!(),
                ") END) AS began_ms,
                     MAX(CASE WHEN d.accepted_ms IS NULL AND d.attempt > 0 THEN (
                         SELECT MIN(t.ended_ms) FROM attempt t WHERE t.delivery_id = d.id AND t.outcome ",
                for_all!(),
                ") END) AS vain_ms,
                     COUNT(CASE WHEN d.live AND (d.attempt = 0 OR d.state <> 'ready' OR NOT EXISTS (
                         SELECT 1 FROM attempt t WHERE t.delivery_id = d.id AND t.outcome ",
                for_all!(),
                ")) THEN 1 END) AS untried,
                     MIN(CASE WHEN d.live THEN d.due_ms END) AS waits_until_ms,
                     MAX(CASE WHEN d.live THEN d.hour_ms END) AS put_off_ms
                 FROM delivery d
                 WHERE d.stage IN ('pilot', 'first') AND d.issue_id = $1
                 GROUP BY d.stage, d.promised_ms ORDER BY d.stage, d.promised_ms LIMIT 2000"
            ),
            args![issue_id],
        )
        .await?;
    let begun = rows.into_iter().filter_map(|row| {
        let Row { stage, hour_ms, began_ms, vain_ms, untried, waits_until_ms, put_off_ms } = row;
        let stage = Stage::parse(&stage)?;
        Some(Before { stage, hour_ms, began_ms, vain_ms, untried, waits_until_ms, put_off_ms })
    });
    Ok(begun.collect())
}

/// What the other side last said of a message of an issue that it refused for what was sent, or for who sends it.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn last_vain(db: &Db, issue_id: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = db
        .opt(
            concat!(
                "SELECT t.reply FROM delivery d JOIN attempt t ON t.delivery_id = d.id
                 WHERE d.stage IN ('pilot', 'first') AND d.issue_id = $1 AND t.outcome ",
                for_all!(),
                " ORDER BY t.ended_ms DESC, t.delivery_id LIMIT 1"
            ),
            args![issue_id],
        )
        .await?;
    Ok(row.map(|(reply,)| reply))
}

/// A start that is undone, as the message leaves later.
#[derive(Debug, Clone)]
pub struct PutOff<'a> {
    /// The delivery.
    pub id: &'a str,
    /// Fencing token of the start.
    pub token: i64,
    /// Before which it is not started again.
    pub due_ms: UtcMs,
    /// From when on its lateness counts; none for as before.
    pub hour_ms: Option<UtcMs>,
    /// How long it is worth sending, at least.
    pub expires_ms: UtcMs,
    /// Why, as a sentence.
    pub because: &'a str,
}

/// Undoes starts that were made in this transaction. Returns how many.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn put_off(tx: &mut Tx, starts: &[PutOff<'_>]) -> Result<u64> {
    let rows =
        starts.iter().map(|it| args![it.id, it.token, it.due_ms, it.hour_ms, it.expires_ms, it.because]);
    tx.bulk(
        "WITH r (rid, rtoken, rdue_ms, rhour_ms, rexpires_ms, rdetail) AS (",
        rows.collect(),
        ") UPDATE delivery SET state = 'ready', node_id = NULL, attempt = attempt - 1, due_ms = rdue_ms,
             hour_ms = COALESCE(rhour_ms, hour_ms), detail = rdetail,
             expires_ms = CASE WHEN expires_ms < rexpires_ms THEN rexpires_ms ELSE expires_ms END
         FROM r WHERE id = rid AND token = rtoken AND state = 'sending'",
    )
    .await
}

/// Undoes starts that were made in this transaction, each given by id, token and why: a person decides whether the messages
/// still leave. Returns how many.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn hold(tx: &mut Tx, starts: &[(&str, i64, &str)], now_ms: UtcMs) -> Result<u64> {
    let rows = starts.iter().map(|(id, token, because)| args![*id, *token, *because, now_ms]);
    tx.bulk(
        "WITH r (rid, rtoken, rdetail, rnow_ms) AS (",
        rows.collect(),
        ") UPDATE delivery SET state = 'expired', live = FALSE, node_id = NULL, attempt = attempt - 1, detail = rdetail,
             held_ms = rnow_ms
         FROM r WHERE id = rid AND token = rtoken AND state = 'sending'",
    )
    .await
}

/// Messages of an issue that wait for a person, of which nobody was told.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Untold {
    /// The issue.
    pub issue_id: String,
    /// Its newsletter's slug.
    pub newsletter: String,
    /// The promised date.
    pub nominal_date: String,
    /// Its title.
    pub title: String,
    /// How many.
    pub people: i64,
    /// The first hour for which they were promised.
    pub first_ms: UtcMs,
    /// The last.
    pub last_ms: UtcMs,
    /// Since when the last of them waits.
    pub held_ms: UtcMs,
}

/// What waits since some moment after `since_ms`, of issues of which nothing more was found after `settled_ms`; at most 100 issues.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn untold(db: &Db, since_ms: UtcMs, settled_ms: UtcMs) -> Result<Vec<Untold>> {
    db.all(
        "SELECT i.id AS issue_id, i.newsletter, i.nominal_date, i.title, COUNT(*) AS people, MIN(d.promised_ms) AS first_ms,
             MAX(d.promised_ms) AS last_ms, MAX(d.held_ms) AS held_ms
         FROM issue i JOIN delivery d ON d.issue_id = i.id AND d.held_ms > COALESCE(i.held_told_ms, $1)
         WHERE i.released_ms IS NOT NULL AND i.frozen_ms > $1 - $3 AND d.held_ms > $1 AND d.state = 'expired'
           AND i.control <> 'cancelled'
         GROUP BY i.id, i.newsletter, i.nominal_date, i.title
         HAVING MAX(d.held_ms) <= $2 ORDER BY i.id LIMIT 100",
        args![since_ms, settled_ms, FROZEN_BEFORE_MS],
    )
    .await
}

/// Notes that people are told of what of an issue waits since `held_ms` and before. False if another node told them.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn told(tx: &mut Tx, issue_id: &str, held_ms: UtcMs) -> Result<bool> {
    let done = tx
        .run(
            "UPDATE issue SET held_told_ms = $2 WHERE id = $1 AND (held_told_ms IS NULL OR held_told_ms < $2)",
            args![issue_id, held_ms],
        )
        .await?;
    Ok(done == 1)
}
