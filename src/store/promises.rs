//! The promise ledger: what was promised to whom for when, and how it went. Lead clocks are read from where they run.

pub use super::lead_clocks::{Clock, clocks};
use super::{Db, Tx, sql::args};
use crate::domain::{
    kernel::{Result, clock::UtcMs},
    program::promise::{AcceptedShare, OnTime, PromiseVerdict},
};

/// A promise that is entered: an issue's hour, to one partner's readers in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPromise {
    /// The key, made of newsletter, nominal time, zones and partner.
    pub id: String,
    /// The newsletter's slug.
    pub newsletter: String,
    /// Local date and time promised, `YYYY-MM-DDTHH:MM`.
    pub nominal_local: String,
    /// IANA zone whose clock the cadence goes by.
    pub zone: String,
    /// IANA zone of the readers.
    pub reader_zone: String,
    /// Whose readers.
    pub partner_slug: String,
    /// The instant.
    pub due_ms: UtcMs,
    /// Within which time after it counts as kept.
    pub on_time_ms: i64,
    /// What a clock change or a rule of the calendar did to it.
    pub note: Option<String>,
    /// Whether a rule of the calendar took it back beforehand.
    pub skipped: bool,
    /// Why it was skipped, or why nothing could be sent.
    pub because: Option<String>,
    /// How many people it was promised to.
    pub eligible: i64,
}

/// Enters promises. Those without an issue give way to what is entered already. Returns how many were.
///
/// # Errors
/// `Conflict` when an issue is to keep what is promised already. Else those of [`Tx::run`].
pub async fn insert(tx: &mut Tx, issue_id: Option<&str>, promises: &[NewPromise]) -> Result<u64> {
    let rows = promises.iter().map(|promise| {
        args![
            &promise.id,
            &promise.newsletter,
            &promise.nominal_local,
            &promise.zone,
            &promise.reader_zone,
            &promise.partner_slug,
            issue_id,
            promise.due_ms,
            promise.on_time_ms,
            promise.note.clone(),
            promise.skipped,
            promise.because.clone(),
            promise.eligible,
        ]
    });
    tx.bulk(
        "INSERT INTO promise (id, newsletter, nominal_local, zone, reader_zone, partner_slug, issue_id, due_ms, on_time_ms,
                              note, skipped, because, eligible)",
        rows.collect(),
        if issue_id.is_some() { "" } else { "ON CONFLICT DO NOTHING" },
    )
    .await
}

/// Takes out the promises of a date for which nothing had been written, when an issue for it is stored. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn remove_unwritten(tx: &mut Tx, newsletter: &str, nominal_local: &str) -> Result<u64> {
    tx.run(
        "DELETE FROM promise WHERE newsletter = $1 AND nominal_local = $2 AND issue_id IS NULL",
        args![newsletter, nominal_local],
    )
    .await
}

/// The nominal local times from `since_local` on for which something was promised, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn entered(db: &Db, newsletter: &str, since_local: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT nominal_local FROM promise WHERE newsletter = $1 AND nominal_local >= $2
             ORDER BY nominal_local LIMIT 1000",
            args![newsletter, since_local],
        )
        .await?;
    Ok(rows.into_iter().map(|(nominal,)| nominal).collect())
}

/// Whether [`close_hopeless`] has anything to do.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn has_hopeless(db: &Db, now_ms: UtcMs) -> Result<bool> {
    let found: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM promise
             WHERE NOT closed AND (
                 (due_ms < $1 AND due_ms + on_time_ms < $1 AND (issue_id IS NULL OR because IS NOT NULL))
                 OR (issue_id IS NULL AND EXISTS (
                     SELECT 1 FROM issue i
                     WHERE i.newsletter = promise.newsletter AND i.nominal_date = substr(promise.nominal_local, 1, 10))))
             LIMIT 1",
            args![now_ms],
        )
        .await?;
    Ok(found.is_some())
}

/// Closes promises that nothing can keep any more: whose window is over, and that have no issue or were given up. Returns
/// how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn close_hopeless(tx: &mut Tx, now_ms: UtcMs) -> Result<u64> {
    // What another node entered in the moment in which an issue for the date was stored.
    tx.run(
        "DELETE FROM promise WHERE NOT closed AND issue_id IS NULL AND EXISTS (
             SELECT 1 FROM issue i
             WHERE i.newsletter = promise.newsletter AND i.nominal_date = substr(promise.nominal_local, 1, 10))",
        Vec::new(),
    )
    .await?;
    tx.run(
        "UPDATE promise SET closed = TRUE, counted_ms = $1
         WHERE NOT closed AND due_ms < $1 AND due_ms + on_time_ms < $1 AND (issue_id IS NULL OR because IS NOT NULL)",
        args![now_ms],
    )
    .await
}

/// Issues that have promises to be counted at `now_ms`: whose window is over and that were not counted since
/// `counted_before_ms`, or whose issue has ended since. At most 20.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn uncounted(db: &Db, now_ms: UtcMs, counted_before_ms: UtcMs) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT i.id FROM promise p JOIN issue i ON i.id = p.issue_id
             WHERE NOT p.closed AND p.because IS NULL AND p.due_ms < $1 AND p.due_ms + p.on_time_ms < $1
               AND (p.counted_ms IS NULL OR p.counted_ms < $2 OR i.state IN ('done', 'cancelled'))
             ORDER BY i.id LIMIT 20",
            args![now_ms, counted_before_ms],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How a promise stands.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Count {
    /// Which.
    pub id: String,
    /// Recipients that must not be written to any more since it was fixed.
    pub suppressed: i64,
    /// Accepted within the window.
    pub on_time: i64,
    /// Accepted by now.
    pub accepted: i64,
}

/// Counts the promises of an issue whose window is over at `now_ms`. Left out are those who asked for no mail, or whose
/// address was stopped, while it could still be kept: by the end of the window, as the do-not-send list says, or before the
/// issue was released, which such a row's `created_ms` is. Who was stopped only later had been let down before, and whose
/// entry is gone may be written to.
/// Who unsubscribed from the newsletter in whose mail it was to come is not left out: of this one they wanted a mail.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn count(db: &Db, issue_id: &str, now_ms: UtcMs) -> Result<Vec<Count>> {
    db.all(
        // A row that nobody took up for sending (`token` 0) was suppressed when it was made.
        "SELECT p.id, COUNT(CASE WHEN d.state = 'suppressed' AND CASE
                 WHEN d.token = 0 THEN d.created_ms <= p.due_ms + p.on_time_ms
                 ELSE EXISTS (
                     SELECT 1 FROM suppression s WHERE s.email_key IN (d.base_key, '@' || d.site)
                       AND s.scope IN (p.newsletter, 'all') AND s.created_ms <= p.due_ms + p.on_time_ms)
                 END THEN 1 END) AS suppressed,
             COUNT(CASE WHEN d.accepted_ms <= p.due_ms + p.on_time_ms THEN 1 END) AS on_time,
             COUNT(d.accepted_ms) AS accepted
         FROM audience_decision a
         JOIN promise p ON p.id = a.promise_id AND p.due_ms + p.on_time_ms < $2
         LEFT JOIN delivery d ON d.id = a.delivery_id
         WHERE a.issue_id = $1 AND a.included
         GROUP BY p.id ORDER BY p.id",
        args![issue_id, now_ms],
    )
    .await
}

/// Records counts, and closes the promises of issues that have ended.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn record(tx: &mut Tx, counts: &[Count], now_ms: UtcMs) -> Result<u64> {
    let rows = counts
        .iter()
        .map(|count| args![count.id.as_str(), count.suppressed, count.on_time, count.accepted, now_ms]);
    tx.bulk(
        "WITH r (rid, rsuppressed, ron_time, raccepted, rnow_ms) AS (",
        rows.collect(),
        ") UPDATE promise SET suppressed = rsuppressed, on_time = ron_time, accepted = raccepted, counted_ms = rnow_ms,
             closed = EXISTS (SELECT 1 FROM issue i WHERE i.id = promise.issue_id AND i.state IN ('done', 'cancelled'))
         FROM r WHERE id = rid",
    )
    .await
}

/// Has the promises of issues that go on again counted anew.
///
/// # Errors
/// Those of [`Tx::run`].
pub(super) async fn reopen(tx: &mut Tx) -> Result<u64> {
    tx.run(
        "UPDATE promise SET closed = FALSE
         WHERE closed AND because IS NULL AND issue_id IN (SELECT id FROM issue WHERE state = 'sending')",
        Vec::new(),
    )
    .await
}

/// What was counted of promises that are taken together, as [`Hours`] has it.
macro_rules! counted {
    () => {
        "CAST(SUM(CASE WHEN skipped THEN 0 ELSE eligible - suppressed END) AS BIGINT) AS eligible,
             CAST(SUM(suppressed) AS BIGINT) AS suppressed,
             CAST(SUM(CASE WHEN skipped THEN eligible ELSE 0 END) AS BIGINT) AS skipped,
             CAST(SUM(on_time) AS BIGINT) AS on_time, CAST(SUM(accepted) AS BIGINT) AS accepted,
             MIN(CASE WHEN issue_id IS NOT NULL AND because IS NULL AND NOT skipped AND counted_ms IS NULL
                 THEN due_ms + on_time_ms END) AS uncounted_ms"
    };
}

/// Promises of one hour taken together, as counted last.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Hours {
    /// The newsletter's slug.
    pub newsletter: String,
    /// Local date and time promised, `YYYY-MM-DDTHH:MM`.
    pub nominal_local: String,
    /// The issue that was to keep it; none where nothing was written.
    pub issue_id: Option<String>,
    /// When the last of them was due.
    pub due_ms: UtcMs,
    /// When the last window ended.
    pub deadline_ms: UtcMs,
    /// People it was promised to, who may still be written to.
    pub eligible: i64,
    /// Left out since, because they must not be written to any more.
    pub suppressed: i64,
    /// People for whom a rule of the calendar took it back beforehand.
    pub skipped: i64,
    /// Accepted within the window.
    pub on_time: i64,
    /// Accepted by now.
    pub accepted: i64,
    /// Why some were skipped, or why nothing was sent.
    pub because: Option<String>,
    /// When the first window ended in which an issue was to leave and which was not counted yet.
    pub uncounted_ms: Option<UtcMs>,
}

impl Hours {
    /// How it went; none while it is not over, or is being counted.
    pub fn verdict(&self, now_ms: UtcMs) -> Option<PromiseVerdict> {
        if self.is_being_counted(now_ms) { None } else { self.hour().judge(self.share(), now_ms) }
    }

    /// Whether a window is over in which something may have left that was not counted yet.
    pub fn is_being_counted(&self, now_ms: UtcMs) -> bool {
        self.uncounted_ms.is_some_and(|deadline_ms| deadline_ms < now_ms)
    }

    /// The last hour and its window.
    pub fn hour(&self) -> OnTime {
        OnTime { promised_ms: self.due_ms, on_time_ms: self.deadline_ms - self.due_ms }
    }

    /// What is judged.
    pub fn share(&self) -> AcceptedShare {
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        AcceptedShare {
            eligible: count(self.eligible),
            on_time: count(self.on_time),
            in_all: count(self.accepted),
        }
    }
}

/// Which promises are asked for; what is left out restricts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The newsletter's slug.
    pub newsletter: Option<&'a str>,
    /// To readers of this partner.
    pub partner: Option<&'a str>,
    /// Promised for this local date, `YYYY-MM-DD`.
    pub date: Option<&'a str>,
    /// Due after this.
    pub since_ms: UtcMs,
}

/// The newest `$2` hours with something due after `$1`, as `$and` restricts them further.
macro_rules! hours {
    ($and:literal) => {
        concat!(
            "SELECT newsletter, nominal_local, MAX(issue_id) AS issue_id, MAX(due_ms) AS due_ms,
                 MAX(due_ms + on_time_ms) AS deadline_ms, ",
            counted!(),
            ", MAX(because) AS because
             FROM promise WHERE due_ms > $1",
            $and,
            " GROUP BY newsletter, nominal_local ORDER BY nominal_local DESC, newsletter LIMIT $2"
        )
    };
}

/// Promises by newsletter and local time, the latest first, at most `limit`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn hours(db: &Db, asked: Asked<'_>, limit: i64) -> Result<Vec<Hours>> {
    // A statement for each usual way of asking, so that each has its index.
    let (text, more) = match (asked.newsletter, asked.partner, asked.date) {
        (None, None, None) => (hours!(""), Vec::new()),
        (Some(newsletter), None, None) => (hours!(" AND newsletter = $3"), args![newsletter]),
        (Some(newsletter), Some(partner), None) => {
            (hours!(" AND newsletter = $3 AND partner_slug = $4"), args![newsletter, partner])
        }
        (Some(newsletter), None, Some(date)) => (
            hours!(" AND newsletter = $3 AND nominal_local >= $4 AND nominal_local <= $5"),
            args![newsletter, format!("{date}T00:00"), format!("{date}T99:99")],
        ),
        (newsletter, partner, date) => (
            hours!(
                " AND ($3 IS NULL OR newsletter = $3) AND ($4 IS NULL OR partner_slug = $4)
                  AND ($5 IS NULL OR substr(nominal_local, 1, 10) = $5)"
            ),
            args![newsletter, partner, date],
        ),
    };
    let mut args = args![asked.since_ms, limit];
    args.extend(more);
    db.all(text, args).await
}

/// Fixed issues with a promise between two instants, and not cancelled: key, newsletter and date, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn issues_between(
    db: &Db,
    from_ms: UtcMs,
    until_ms: UtcMs,
) -> Result<Vec<(String, String, String)>> {
    db.all(
        "SELECT id, newsletter, nominal_date FROM issue i
         WHERE control <> 'cancelled' AND EXISTS (
             SELECT 1 FROM promise p WHERE p.issue_id = i.id AND p.due_ms >= $1 AND p.due_ms < $2)
         ORDER BY nominal_date DESC, id LIMIT 500",
        args![from_ms, until_ms],
    )
    .await
}

/// Promises of one local time to readers in one zone taken together, as counted last.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ZoneHours {
    /// IANA zone of the readers.
    pub reader_zone: String,
    /// IANA zone whose clock the cadence goes by.
    pub zone: String,
    /// When the first of them is due; where all are skipped, when it would have been.
    pub first_due_ms: UtcMs,
    /// What a clock change or a rule of the calendar did to it.
    pub note: Option<String>,
    /// Whether a rule of the calendar took it back beforehand.
    pub skipped_whole: bool,
    /// When it was counted last.
    pub counted_ms: Option<UtcMs>,
    /// Where and how it stands.
    #[sqlx(flatten)]
    pub hours: Hours,
}

/// Whose promises are asked for; what is left out restricts nothing.
#[derive(Debug, Clone, Copy)]
pub struct Readers<'a> {
    /// The newsletter's slug.
    pub newsletter: &'a str,
    /// To readers of this partner.
    pub partner: Option<&'a str>,
    /// To readers in this IANA zone.
    pub zone: Option<&'a str>,
}

/// Promises by local time and zone of the readers, from the local time `from_local` to `until_local`
/// (`YYYY-MM-DDTHH:MM`), at most 20,000. Those of several partners in a zone are one.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn by_zone(
    db: &Db,
    readers: Readers<'_>,
    from_local: &str,
    until_local: &str,
) -> Result<Vec<ZoneHours>> {
    db.all(
        concat!(
            "SELECT newsletter, nominal_local, reader_zone, MIN(zone) AS zone, MAX(issue_id) AS issue_id,
                 COALESCE(MIN(CASE WHEN skipped THEN NULL ELSE due_ms END), MIN(due_ms)) AS first_due_ms,
                 COALESCE(MAX(CASE WHEN skipped THEN NULL ELSE due_ms END), MAX(due_ms)) AS due_ms,
                 MAX(due_ms + on_time_ms) AS deadline_ms, ",
            counted!(),
            ", MAX(because) AS because, MAX(note) AS note, MAX(counted_ms) AS counted_ms,
                 MIN(CASE WHEN skipped THEN 1 ELSE 0 END) = 1 AS skipped_whole
             FROM promise
             WHERE newsletter = $1 AND nominal_local >= $4 AND nominal_local <= $5
               AND ($2 IS NULL OR partner_slug = $2) AND ($3 IS NULL OR reader_zone = $3)
             GROUP BY newsletter, nominal_local, reader_zone
             ORDER BY nominal_local, reader_zone LIMIT 20000"
        ),
        args![readers.newsletter, readers.partner, readers.zone, from_local, until_local],
    )
    .await
}

/// A promise in one zone as it stands now, while it is being kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Promise {
    /// Local date and time promised.
    pub nominal_local: String,
    /// IANA zone.
    pub zone: String,
    /// The instant.
    pub due_ms: UtcMs,
    /// What a clock change or a rule of the calendar did to it.
    pub note: Option<String>,
    /// Recipients in this zone.
    pub recipients: i64,
    /// Accepted by the next hop.
    pub accepted: i64,
    /// Accepted within the on-time window.
    pub on_time: i64,
}

/// How the promises of an issue stand now, by zone in order of time; what was skipped is not among them.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_issue(db: &Db, issue_id: &str) -> Result<Vec<Promise>> {
    db.all(
        "SELECT p.nominal_local, p.zone, p.due_ms, p.note, COUNT(*) AS recipients, COUNT(d.accepted_ms) AS accepted,
             COUNT(CASE WHEN d.accepted_ms <= p.due_ms + p.on_time_ms THEN 1 END) AS on_time
         FROM audience_decision a
         JOIN promise p ON p.id = a.promise_id
         LEFT JOIN delivery d ON d.id = a.delivery_id
         WHERE a.issue_id = $1 AND a.included
         GROUP BY p.nominal_local, p.zone, p.due_ms, p.note
         ORDER BY p.due_ms, p.zone LIMIT 1000",
        args![issue_id],
    )
    .await
}
