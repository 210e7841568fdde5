//! Deliveries that ended without being accepted and wait for a person: `failed`, `uncertain`, `expired`, `dead`.

use std::collections::BTreeMap;

use super::{
    Db, Tx,
    outbox::{self, Word, leaves_again},
    sql::args,
};
use crate::domain::{
    delivery::{DeliveryState, outlook::why_it_ended},
    kernel::{Result, clock::UtcMs},
};

/// Lines of one page.
pub const PAGE: usize = 100;
/// Beyond this many, counting stops.
pub const COUNT_MAX: i64 = 100_000;

/// Which of them. What is empty fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this issue.
    pub issue: Option<String>,
    /// Single mails alone, which belong to no issue.
    pub single: bool,
    /// In this state.
    pub state: Option<String>,
    /// Whose last try ended in this class.
    pub class: Option<String>,
    /// This one delivery.
    pub delivery: Option<String>,
}

impl Filter {
    fn args(&self) -> Vec<super::sql::Arg> {
        args![self.issue.clone(), self.single, self.state.clone(), self.class.clone(), self.delivery.clone()]
    }
}

/// The rows that a filter (`$1` to `$5`) fits; the first two conditions are those of the partial index.
macro_rules! fitting {
    () => {
        " FROM delivery d
         LEFT JOIN attempt a ON a.delivery_id = d.id AND a.no = d.attempt
         LEFT JOIN issue i ON i.id = d.issue_id
         WHERE NOT d.live AND d.accepted_ms IS NULL AND d.state IN ('failed', 'uncertain', 'expired', 'dead')
           AND ($1 IS NULL OR d.issue_id = $1) AND (NOT $2 OR d.issue_id IS NULL)
           AND ($3 IS NULL OR d.state = $3) AND ($4 IS NULL OR a.outcome = $4) AND ($5 IS NULL OR d.id = $5)"
    };
}

/// One of them, with its last try.
#[derive(Debug, Clone, serde::Serialize, sqlx::FromRow)]
pub struct DeadLetter {
    /// The delivery.
    pub id: String,
    /// The issue; none for single mails.
    pub issue_id: Option<String>,
    /// Its newsletter.
    pub newsletter: Option<String>,
    /// Its promised date.
    pub nominal_date: Option<String>,
    /// Whether the issue was cancelled, so that nothing of it leaves any more.
    pub cancelled: bool,
    /// What made a single mail, such as `offer:off_…`.
    pub source: String,
    /// The contact, for mail to partners.
    pub contact_id: Option<String>,
    /// To whom.
    pub recipient_name: String,
    /// Where to.
    pub email: String,
    /// Whose partner.
    pub partner_slug: String,
    /// Where it stands.
    pub state: String,
    /// How the last try ended.
    pub class: Option<String>,
    /// How far the last try came.
    pub stage: Option<String>,
    /// The reply as it came, or what happened.
    pub reply: Option<String>,
    /// When the last try ended.
    pub ended_ms: Option<UtcMs>,
    /// How often it was started.
    pub attempt: i64,
    /// Since when it waits because its time passed before anything could hand it over; none for other reasons.
    pub held_ms: Option<UtcMs>,
    /// The last word about it.
    pub detail: Option<String>,
    /// Without angle brackets.
    pub message_id: String,
}

impl DeadLetter {
    /// Why it waits for a person, in a sentence without its end; nothing for a state that this version does not know.
    pub fn why(&self) -> String {
        let held = self.detail.as_ref().filter(|_| self.held_ms.is_some());
        let ended =
            || DeliveryState::parse(&self.state).map(|state| why_it_ended(state, self.class.as_deref()));
        held.cloned().or_else(ended).unwrap_or_default()
    }
}

/// Those that fit, newest first, at most [`PAGE`], of those made before `before`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn page(db: &Db, filter: &Filter, before: Option<&str>) -> Result<Vec<DeadLetter>> {
    let mut args = filter.args();
    args.extend(args![before]);
    db.all(
        concat!(
            "SELECT d.id, d.issue_id, i.newsletter, i.nominal_date, COALESCE(i.control = 'cancelled', FALSE) AS cancelled,
                 d.source, d.contact_id, d.recipient_name, d.email, d.partner_slug, d.state, a.outcome AS class, a.stage,
                 a.reply, a.ended_ms, d.attempt, d.held_ms, d.detail, d.message_id",
            fitting!(),
            " AND ($6 IS NULL OR d.id < $6) ORDER BY d.id DESC LIMIT 100"
        ),
        args,
    )
    .await
}

/// Whether late mail that nothing could hand over is among those that fit.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn any_held(db: &Db, filter: &Filter) -> Result<bool> {
    let row: Option<(String,)> = db
        .opt(
            concat!(
                "SELECT d.id",
                fitting!(),
                " AND d.held_ms IS NOT NULL AND COALESCE(i.control, '') <> 'cancelled' LIMIT 1"
            ),
            filter.args(),
        )
        .await?;
    Ok(row.is_some())
}

/// How many fit, up to [`COUNT_MAX`]: in all, and of those the ones that may leave again because their issue was not
/// cancelled.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn count(db: &Db, filter: &Filter) -> Result<(i64, i64)> {
    let row: Option<(i64, i64)> = db
        .opt(
            concat!(
                "SELECT COUNT(*), COUNT(CASE WHEN control IS NULL OR control <> 'cancelled' THEN 1 END)
                 FROM (SELECT i.control AS control",
                fitting!(),
                " LIMIT 100000) AS counted"
            ),
            filter.args(),
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// The latest issues that have some, for choosing one: key, newsletter, date; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn issues(db: &Db) -> Result<Vec<(String, String, String)>> {
    db.all(
        "SELECT i.id, i.newsletter, i.nominal_date FROM issue i
         WHERE EXISTS (SELECT 1 FROM delivery d
             WHERE d.issue_id = i.id AND NOT d.live AND d.accepted_ms IS NULL
               AND d.state IN ('failed', 'uncertain', 'expired', 'dead'))
         ORDER BY i.nominal_date DESC, i.id LIMIT 100",
        Vec::new(),
    )
    .await
}

/// How many there are of each of these issues that were not cancelled; nothing of an issue without any.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn of_issues(db: &Db, issues: &[&str]) -> Result<BTreeMap<String, i64>> {
    let mut found = BTreeMap::new();
    for issue in issues {
        let filter = Filter { issue: Some((*issue).to_owned()), ..Filter::default() };
        let (_, may_leave) = count(db, &filter).await?;
        if may_leave > 0 {
            found.insert((*issue).to_owned(), may_leave);
        }
    }
    Ok(found)
}

/// Puts the oldest `most` of those that fit, and whose issue was not cancelled, back into the queue, due now: the same
/// messages with the same Message-IDs, by a person's word. Late mail that nothing could hand over stays where the person may not
/// approve.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn replay(tx: &mut Tx, filter: &Filter, word: &Word, most: i64) -> Result<u64> {
    let mut args = filter.args();
    args.extend(args![word.now_ms, word.lifetime_ms, most, word.may_approve]);
    let done = tx
        .run(
        concat!(
            "WITH pick AS (SELECT d.id AS pick_id",
            fitting!(),
            " AND (i.control IS NULL OR i.control <> 'cancelled') AND ($9 OR d.held_ms IS NULL) ORDER BY d.id LIMIT $8) ",
            leaves_again!("$6", "$7"),
            " FROM pick WHERE id = pick_id AND state IN ('failed', 'uncertain', 'expired', 'dead')"
        ),
        args,
    )
    .await?;
    outbox::reopen(tx).await?;
    Ok(done)
}
