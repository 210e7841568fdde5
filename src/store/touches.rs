//! Touches: which key messages people were told by mail, and in which forms.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A mail in which somebody was told a key message, or is going to be.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Touch {
    /// The contact's or lead's key.
    pub person: String,
    /// The message.
    pub key_message: String,
    /// The mail.
    pub delivery_id: String,
    /// When it was accepted; when it is due, for one that was not yet.
    pub at_ms: UtcMs,
    /// In which forms, the last met last: `read watch`.
    pub forms: String,
}

/// Messages asked about in one statement.
const MESSAGES_AT_ONCE: usize = 8;

/// What people with keys from `from` to `through` were told of `messages`; ask for as many as a page of contacts has.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn between(db: &Db, messages: &[&str], from: &str, through: &str) -> Result<Vec<Touch>> {
    let mut all = Vec::new();
    for some in messages.chunks(MESSAGES_AT_ONCE) {
        let mut arguments = args![from, through];
        let some = some.iter().copied().chain(std::iter::repeat("")).take(MESSAGES_AT_ONCE);
        arguments.extend(some.map(Into::into));
        let told: Vec<Touch> = db
            .all(
                "SELECT person, key_message, delivery_id, at_ms, forms FROM touch
                 WHERE person >= $1 AND person <= $2 AND key_message IN ($3, $4, $5, $6, $7, $8, $9, $10)
                 ORDER BY person, at_ms, delivery_id",
                arguments,
            )
            .await?;
        all.extend(told);
    }
    Ok(all)
}

/// What the contacts with keys from `from` to `through` are told by an issue whose touches are not noted yet; of one that was
/// cancelled what has left or is on its way. Ask for as many as a page of contacts has.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn pending_between(db: &Db, issue_id: &str, from: &str, through: &str) -> Result<Vec<Touch>> {
    db.all(
        "SELECT a.contact_id AS person, m.key_message, a.delivery_id, COALESCE(d.accepted_ms, p.due_ms) AS at_ms, m.forms
         FROM audience_decision a
         JOIN issue i ON i.id = a.issue_id
         JOIN rendition_message m ON m.rendition_id = a.rendition_id
         JOIN promise p ON p.id = a.promise_id
         LEFT JOIN delivery d ON d.id = a.delivery_id
         WHERE a.issue_id = $1 AND a.contact_id >= $2 AND a.contact_id <= $3 AND a.included
           AND (d.live OR d.accepted_ms IS NOT NULL OR (d.id IS NULL AND i.control <> 'cancelled'))
         ORDER BY a.contact_id",
        args![issue_id, from, through],
    )
    .await
}

/// What waits to be sent of sequences to people with keys from `from` to `through`, found by their journeys, at most 10,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn waiting_between(db: &Db, from: &str, through: &str) -> Result<Vec<Touch>> {
    db.all(
        "SELECT e.person, m.key_message, d.id AS delivery_id, d.due_ms AS at_ms, m.forms
         FROM enrolment e
         JOIN enrolment_step s ON s.enrolment_id = e.id
         JOIN delivery d ON d.id = s.delivery_id AND d.live
         JOIN rendition_message m ON m.rendition_id = d.rendition_id
         WHERE e.person >= $1 AND e.person <= $2
         ORDER BY d.due_ms, d.id LIMIT 10000",
        args![from, through],
    )
    .await
}

/// The issues whose touches are not noted yet, but for those that were never released and promised nothing after `since_ms`:
/// nobody is told by them, unless they are released all the same. At most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn pending_issues(db: &Db, since_ms: UtcMs) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT id FROM issue WHERE NOT touches_noted AND (released_ms IS NOT NULL
                 OR EXISTS (SELECT 1 FROM promise p WHERE p.issue_id = issue.id AND p.due_ms > $1))
             ORDER BY id LIMIT 500",
            args![since_ms],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// An issue that has ended.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Ended {
    /// The key.
    pub id: String,
    /// When it was done; one that goes on again is done anew.
    pub done_ms: Option<UtcMs>,
}

/// Issues that have ended, with nothing of them on its way, and whose touches are to be noted, at most 20.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn ended_issues(db: &Db) -> Result<Vec<Ended>> {
    db.all(
            "SELECT id, done_ms FROM issue WHERE NOT touches_noted AND (state IN ('done', 'cancelled') OR control = 'cancelled')
               AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.issue_id = issue.id AND d.live AND d.due_ms < $1)
             ORDER BY id LIMIT 20",
            args![UtcMs::MAX],
        )
        .await
}

/// Notes the touches of an issue that has ended: of at most `rows` of its readers behind the contact `after`. Returns the last
/// of them; none at the end, when the issue is marked.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn note_issue(tx: &mut Tx, issue_id: &str, after: &str, rows: i64) -> Result<Option<String>> {
    let last: Option<(Option<String>,)> = tx
        .opt(
            "SELECT MAX(contact_id) FROM (
                 SELECT contact_id FROM audience_decision WHERE issue_id = $1 AND included AND contact_id > $2
                 ORDER BY contact_id LIMIT $3) AS page",
            args![issue_id, after, rows],
        )
        .await?;
    let Some(last) = last.and_then(|(last,)| last) else {
        // One that goes on again in this moment stays unmarked, and so does one of which something is on its way.
        tx.run(
            "UPDATE issue SET touches_noted = TRUE
             WHERE id = $1 AND (state IN ('done', 'cancelled') OR control = 'cancelled')
               AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.issue_id = issue.id AND d.live AND d.due_ms < $2)",
            args![issue_id, UtcMs::MAX],
        )
        .await?;
        return Ok(None);
    };
    tx.run(
        "INSERT INTO touch (person, key_message, delivery_id, at_ms, forms)
         SELECT a.contact_id, m.key_message, d.id, d.accepted_ms, m.forms
         FROM audience_decision a
         JOIN rendition_message m ON m.rendition_id = a.rendition_id
         JOIN delivery d ON d.id = a.delivery_id AND d.accepted_ms IS NOT NULL
         WHERE a.issue_id = $1 AND a.included AND a.contact_id > $2 AND a.contact_id <= $3
         ON CONFLICT (person, key_message, delivery_id) DO NOTHING",
        args![issue_id, after, &last],
    )
    .await?;
    Ok(Some(last))
}

/// Notes the touches of single mails that were accepted in this transaction.
///
/// # Errors
/// Those of [`Tx::bulk`].
pub async fn note_singles(tx: &mut Tx, delivery_ids: &[&str]) -> Result<u64> {
    let rows = delivery_ids.iter().map(|id| args![*id, "accepted"]);
    tx.bulk(
        "WITH r (rid, rstate) AS (",
        rows.collect(),
        ") INSERT INTO touch (person, key_message, delivery_id, at_ms, forms)
         SELECT COALESCE(d.contact_id, d.lead_id), m.key_message, d.id, d.accepted_ms, m.forms
         FROM r JOIN delivery d ON d.id = rid AND d.state = rstate
         JOIN rendition_message m ON m.rendition_id = d.rendition_id
         WHERE d.accepted_ms IS NOT NULL AND COALESCE(d.contact_id, d.lead_id) IS NOT NULL
         ON CONFLICT (person, key_message, delivery_id) DO NOTHING",
    )
    .await
}

/// Somebody's touch with the mail that it was, for people.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TouchOf {
    /// The message.
    pub key_message: String,
    /// When the mail was accepted.
    pub at_ms: UtcMs,
    /// In which forms.
    pub forms: String,
    /// The mail.
    pub delivery_id: String,
    /// Its subject.
    pub subject: String,
}

/// What one person was told, the latest last, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_person(db: &Db, person: &str) -> Result<Vec<TouchOf>> {
    db.all(
        "SELECT t.key_message, t.at_ms, t.forms, t.delivery_id, r.subject
         FROM touch t JOIN delivery d ON d.id = t.delivery_id JOIN rendition r ON r.id = d.rendition_id
         WHERE t.person = $1 ORDER BY t.at_ms, t.delivery_id LIMIT 1000",
        args![person],
    )
    .await
}

/// People with the same roles who were told a message equally often and in the same forms.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Covered {
    /// The message.
    pub key_message: String,
    /// The people's roles, as stored; empty for leads.
    pub roles: String,
    /// Whether they are leads.
    pub is_lead: bool,
    /// In how many mails.
    pub times: i64,
    /// Whether any of them told it to be read.
    pub has_read: bool,
    /// To be watched.
    pub has_watch: bool,
    /// To be done.
    pub has_do: bool,
    /// How many people.
    pub people: i64,
}

/// Who was told what, over the active contacts and all leads; of one partner if named.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn coverage(db: &Db, partner: Option<&str>) -> Result<Vec<Covered>> {
    db.all(
        "SELECT key_message, roles, is_lead > 0 AS is_lead, times, has_read > 0 AS has_read, has_watch > 0 AS has_watch, has_do > 0 AS has_do,
             COUNT(*) AS people
         FROM (
             SELECT t.key_message, COALESCE(c.roles, '') AS roles, COUNT(*) AS times,
                 CASE WHEN c.id IS NULL THEN 1 ELSE 0 END AS is_lead,
                 MAX(CASE WHEN t.forms LIKE '%read%' THEN 1 ELSE 0 END) AS has_read,
                 MAX(CASE WHEN t.forms LIKE '%watch%' THEN 1 ELSE 0 END) AS has_watch,
                 MAX(CASE WHEN t.forms LIKE '%do%' THEN 1 ELSE 0 END) AS has_do
             FROM touch t LEFT JOIN contact c ON c.id = t.person LEFT JOIN lead l ON l.id = t.person
             WHERE (c.active OR l.id IS NOT NULL) AND ($1 IS NULL OR COALESCE(c.partner_slug, l.partner_slug) = $1)
             GROUP BY t.key_message, t.person, c.id, c.roles) AS told
         GROUP BY key_message, roles, is_lead, times, has_read, has_watch, has_do
         ORDER BY key_message, roles, is_lead, times, has_read, has_watch, has_do",
        args![partner],
    )
    .await
}

/// How many active contacts have which roles; of one partner if named.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn people_by_roles(db: &Db, partner: Option<&str>) -> Result<Vec<(String, i64)>> {
    db.all(
        "SELECT roles, COUNT(*) FROM contact WHERE active AND ($1 IS NULL OR partner_slug = $1)
         GROUP BY roles ORDER BY roles",
        args![partner],
    )
    .await
}
