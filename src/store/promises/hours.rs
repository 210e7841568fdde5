//! How promises stand, taken together: by date, by date and zone, and of one issue as it is on its way.

use crate::{
    domain::{
        kernel::{Result, clock::UtcMs},
        program::promise::{AcceptedShare, OnTime, PromiseVerdict},
    },
    store::{Db, sql::args},
};

/// What was counted of promises that are taken together, as [`Hours`] has it.
macro_rules! counted {
    () => {
        "CAST(SUM(CASE WHEN skipped THEN 0 ELSE eligible - suppressed END) AS BIGINT) AS eligible,
             CAST(SUM(suppressed) AS BIGINT) AS suppressed,
             CAST(SUM(CASE WHEN skipped THEN eligible ELSE 0 END) AS BIGINT) AS skipped,
             CAST(SUM(on_time) AS BIGINT) AS on_time, CAST(SUM(accepted) AS BIGINT) AS accepted,
             CAST(SUM(held_back) AS BIGINT) AS held_back, MAX(on_time_ms) AS on_time_ms,
             CAST(SUM(CASE WHEN skipped OR counted_ms IS NOT NULL THEN 0 ELSE eligible END) AS BIGINT) AS uncounted,
             MIN(CASE WHEN issue_id IS NOT NULL AND because IS NULL AND NOT skipped AND counted_ms IS NULL
                     AND eligible > 0
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
    /// People it was meant for, whom a limit of ours kept out: how often one is written to, or told a message.
    pub held_back: i64,
    /// The longest of the windows.
    pub on_time_ms: i64,
    /// Of the eligible ones, those whose window is open or was not counted yet: `on_time` and `accepted` know nothing of them.
    pub uncounted: i64,
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

/// Whether any of these readers has an issue by now, counted or not.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn has_arrived(db: &Db, issue_id: &str, readers: Readers<'_>) -> Result<bool> {
    let found: Option<(i64,)> = db
        .opt(
            "SELECT CAST(1 AS BIGINT) FROM audience_decision a
             JOIN promise p ON p.id = a.promise_id JOIN delivery d ON d.id = a.delivery_id
             WHERE a.issue_id = $1 AND a.included AND d.accepted_ms IS NOT NULL AND p.newsletter = $2
               AND ($3 IS NULL OR p.partner_slug = $3) AND ($4 IS NULL OR p.reader_zone = $4) LIMIT 1",
            args![issue_id, readers.newsletter, readers.partner, readers.zone],
        )
        .await?;
    Ok(found.is_some())
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
