//! Who is inside a sequence, what they had, and how they left.

use super::{
    Db, Tx,
    leads::Lead,
    outbox::{LANE_RESTING, LANE_SEQUENCE},
    sql::{args, consent_stands},
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// One person's journey through one sequence.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Enrolment {
    /// The key.
    pub id: String,
    /// The sequence's slug.
    pub sequence: String,
    /// The partner's person; none for a lead.
    pub contact_id: Option<String>,
    /// The lead; none for a partner's person.
    pub lead_id: Option<String>,
    /// Whose partner.
    pub partner_slug: String,
    /// Why they entered.
    pub because: String,
    /// When.
    pub entered_ms: UtcMs,
    /// `inside`, `finished` or `left`.
    pub state: String,
    /// The step that comes next; none at the end.
    pub waiting: Option<String>,
    /// When it is due.
    pub due_ms: UtcMs,
    /// What its delay counts from: entering, or the step before.
    pub from_ms: UtcMs,
    /// The revision of the sequence that decided this.
    pub plan_hash: String,
    /// Goes up with every change.
    pub moves: i64,
    /// When they finished or left.
    pub ended_ms: Option<UtcMs>,
    /// `program::sequence::LeaveReason`'s word; empty while they are inside, and when they finished.
    pub reason: String,
    /// The same in a sentence, or why they wait.
    pub detail: String,
}

/// Somebody who enters.
#[derive(Debug, Clone)]
pub struct NewEnrolment {
    /// The key.
    pub id: String,
    /// The sequence's slug.
    pub sequence: String,
    /// The partner's person; none for a lead.
    pub contact_id: Option<String>,
    /// The lead; none for a partner's person.
    pub lead_id: Option<String>,
    /// Whose partner.
    pub partner_slug: String,
    /// Why.
    pub because: String,
    /// When.
    pub entered_ms: UtcMs,
    /// The first step.
    pub waiting: String,
    /// When it is due.
    pub due_ms: UtcMs,
    /// The revision of the sequence that says so.
    pub plan_hash: String,
}

/// What somebody had of a sequence.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Done {
    /// The step's name.
    pub step: String,
    /// When.
    pub at_ms: UtcMs,
    /// `sent` or `skipped`.
    pub outcome: String,
    /// Why.
    pub because: String,
    /// The message.
    pub delivery_id: Option<String>,
}

/// The original files of sequences as they are stored: slug, hash, since when.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn stored(db: &Db) -> Result<Vec<(String, String, UtcMs)>> {
    let heads: Vec<(String, String, i64)> = db
        .all(
            // The bounds walk along the key, where a LIKE looks at every file; letters alone are in order in every collation.
            "SELECT path, hash, stored_ms FROM content_head
             WHERE path >= 'sequences/' AND path <= 'sequences/zzzzzzzzzzzzzzzz' AND path LIKE 'sequences/%.md'
             ORDER BY path LIMIT 20000",
            Vec::new(),
        )
        .await?;
    let slug = |path: &str| {
        let slug = path.strip_prefix("sequences/")?.strip_suffix(".md")?;
        (!slug.contains(['/', '.'])).then(|| slug.to_owned())
    };
    Ok(heads.into_iter().filter_map(|(path, hash, ms)| Some((slug(&path)?, hash, ms))).collect())
}

/// Leads in nurture who agreed to `purpose` and never entered `sequence`, by key: at most `rows` behind `after`. Of `stages`,
/// `inquiry` is whom nobody worked yet, `recycled` who came back, `nurturing` who gets content already.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn leads_outside(
    db: &Db,
    sequence: &str,
    stages: [&str; 3],
    purpose: &str,
    after: &str,
    rows: i64,
) -> Result<Vec<Lead>> {
    let [first, second, third] = stages;
    db.all(
        concat!(
            "SELECT id, partner_slug, email, email_key, name, company, phone, job_role, company_size, locale,
             stage, score, fit, because, asset, origin, owner_name, owner_email, created_ms, updated_ms,
             recycled_ms, reopen_ms, closed_reason, asked_again_ms
         FROM lead l
         WHERE l.id > $1 AND l.partner_slug <> '' AND l.stage IN ('inquiry', 'nurturing', 'recycled')
           AND (('inquiry' IN ($2, $3, $4) AND l.recycled_ms IS NULL)
                OR ('nurturing' IN ($2, $3, $4) AND l.stage = 'nurturing')
                OR ('recycled' IN ($2, $3, $4) AND l.recycled_ms IS NOT NULL))
           AND NOT EXISTS (SELECT 1 FROM enrolment e WHERE e.sequence = $5 AND e.person = l.id)
           AND NOT EXISTS (SELECT 1 FROM conflict_party p WHERE p.lead_id = l.id AND p.held)
           AND EXISTS (SELECT 1 FROM consent c WHERE c.lead_id = l.id AND c.purpose = $6 AND ",
            consent_stands!(),
            ") ORDER BY l.id LIMIT $7"
        ),
        args![after, first, second, third, sequence, purpose, rows],
    )
    .await
}

/// Lets people enter, each once a sequence. Returns how many did.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn enter(tx: &mut Tx, people: Vec<NewEnrolment>) -> Result<u64> {
    let rows = people.into_iter().map(|new| {
        let person = new.contact_id.clone().or_else(|| new.lead_id.clone()).unwrap_or_default();
        args![
            new.id,
            new.sequence,
            person,
            new.contact_id,
            new.lead_id,
            new.partner_slug,
            new.because,
            new.entered_ms,
            "inside",
            new.waiting,
            new.due_ms,
            new.entered_ms,
            new.plan_hash,
        ]
    });
    tx.bulk(
        "INSERT INTO enrolment (id, sequence, person, contact_id, lead_id, partner_slug, because, entered_ms, state,
             waiting, due_ms, from_ms, plan_hash)",
        rows.collect(),
        "ON CONFLICT (sequence, person) DO NOTHING",
    )
    .await
}

/// Who is due in `sequence`, the longest waiting first: at most `rows`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn due(db: &Db, sequence: &str, now_ms: UtcMs, rows: i64) -> Result<Vec<Enrolment>> {
    db.all(
        "SELECT id, sequence, contact_id, lead_id, partner_slug, because, entered_ms, state, waiting, due_ms, from_ms,
             plan_hash, moves, ended_ms, reason, detail
         FROM enrolment WHERE sequence = $1 AND state = 'inside' AND due_ms <= $2 ORDER BY due_ms, id LIMIT $3",
        args![sequence, now_ms, rows],
    )
    .await
}

/// Who is inside `sequence` and was last decided about by another revision than `plan_hash`, or counts from a moment after
/// `future_ms`, which a clock that was wrong has shown: at most `rows`.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn outdated(
    db: &Db,
    sequence: &str,
    plan_hash: &str,
    future_ms: UtcMs,
    rows: i64,
) -> Result<Vec<Enrolment>> {
    db.all(
        "SELECT id, sequence, contact_id, lead_id, partner_slug, because, entered_ms, state, waiting, due_ms, from_ms,
             plan_hash, moves, ended_ms, reason, detail
         FROM enrolment WHERE sequence = $1 AND state = 'inside' AND (plan_hash <> $2 OR from_ms > $4)
         ORDER BY due_ms, id LIMIT $3",
        args![sequence, plan_hash, rows, future_ms],
    )
    .await
}

/// One journey.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn enrolment(db: &Db, id: &str) -> Result<Option<Enrolment>> {
    db.opt(
        "SELECT id, sequence, contact_id, lead_id, partner_slug, because, entered_ms, state, waiting, due_ms, from_ms,
             plan_hash, moves, ended_ms, reason, detail
         FROM enrolment WHERE id = $1",
        args![id],
    )
    .await
}

/// The journeys of a person (a contact's or a lead's key), oldest first, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_person(db: &Db, person: &str) -> Result<Vec<Enrolment>> {
    db.all(
        "SELECT id, sequence, contact_id, lead_id, partner_slug, because, entered_ms, state, waiting, due_ms, from_ms,
             plan_hash, moves, ended_ms, reason, detail
         FROM enrolment WHERE person = $1 ORDER BY entered_ms, id LIMIT 100",
        args![person],
    )
    .await
}

/// What somebody had, oldest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn steps(db: &Db, enrolment_id: &str) -> Result<Vec<Done>> {
    db.all(
        "SELECT step, at_ms, outcome, because, delivery_id FROM enrolment_step WHERE enrolment_id = $1
         ORDER BY no, step LIMIT 1000",
        args![enrolment_id],
    )
    .await
}

/// What comes next for somebody.
#[derive(Debug, Clone)]
pub struct Move<'a> {
    /// Who, as they were read.
    pub of: &'a Enrolment,
    /// The step that comes next.
    pub waiting: &'a str,
    /// When it is due.
    pub due_ms: UtcMs,
    /// What its delay counts from.
    pub from_ms: UtcMs,
    /// The revision of the sequence that says so.
    pub plan_hash: &'a str,
    /// Why they wait, where something stands in the way.
    pub detail: &'a str,
}

/// Lets somebody go on. False if they were moved by another since they were read: nothing changed then.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn go_on(tx: &mut Tx, next: &Move<'_>) -> Result<bool> {
    let moved = tx
        .run(
            "UPDATE enrolment SET waiting = $3, due_ms = $4, from_ms = $5, plan_hash = $6, detail = $7,
                 moves = moves + 1
             WHERE id = $1 AND moves = $2 AND state = 'inside'",
            args![
                &next.of.id,
                next.of.moves,
                next.waiting,
                next.due_ms,
                next.from_ms,
                next.plan_hash,
                next.detail,
            ],
        )
        .await?;
    Ok(moved == 1)
}

/// How a journey ends.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// `finished` or `left`.
    pub state: &'a str,
    /// `program::sequence::LeaveReason`'s word; empty for who finished.
    pub reason: &'a str,
    /// The same in a sentence.
    pub detail: &'a str,
    /// When.
    pub now_ms: UtcMs,
}

/// Ends somebody's journey; if they leave, nothing that waits of it is sent. False if they were moved by another since they were read: nothing changed then.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn end(tx: &mut Tx, of: &Enrolment, how: &End<'_>) -> Result<bool> {
    let ended = tx
        .run(
            "UPDATE enrolment SET state = $3, reason = $4, detail = $5, ended_ms = $6, waiting = NULL, moves = moves + 1
             WHERE id = $1 AND moves = $2 AND state = 'inside'",
            args![&of.id, of.moves, how.state, how.reason, how.detail, how.now_ms],
        )
        .await?;
    if ended == 1 && how.state == "left" {
        let person = of.contact_id.as_deref().or(of.lead_id.as_deref()).unwrap_or_default();
        cancel_waiting(tx, person, Some(&of.sequence), how.detail).await?;
    }
    Ok(ended == 1)
}

/// Takes what waits to be sent to a person of one sequence, or of all, out of the queue; the rows stay as evidence. To be done
/// once their journeys have ended: what is on its way just then goes no further when it comes back to the queue.
async fn cancel_waiting(tx: &mut Tx, person: &str, sequence: Option<&str>, detail: &str) -> Result<u64> {
    // Whoever puts one of them back in this moment has done so before the next statement, or finds the journey ended.
    tx.run(
        "UPDATE delivery SET token = token WHERE live AND state = 'sending' AND id IN (
             SELECT s.delivery_id FROM enrolment e JOIN enrolment_step s ON s.enrolment_id = e.id
             WHERE e.person = $1 AND ($2 IS NULL OR e.sequence = $2) AND s.delivery_id IS NOT NULL)",
        args![person, sequence],
    )
    .await?;
    tx.run(
        "UPDATE delivery SET state = 'cancelled', live = FALSE, detail = $3
         WHERE live AND state = 'ready' AND id IN (
             SELECT s.delivery_id FROM enrolment e JOIN enrolment_step s ON s.enrolment_id = e.id
             WHERE e.person = $1 AND ($2 IS NULL OR e.sequence = $2) AND s.delivery_id IS NOT NULL)",
        args![person, sequence, detail],
    )
    .await
}

/// Ends what a person is inside: one sequence, or all of them; nothing that waits of them is sent. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn leave(tx: &mut Tx, person: &str, sequence: Option<&str>, how: &End<'_>) -> Result<u64> {
    // Journeys before their messages, as in `end`.
    let left = tx
        .run(
            "UPDATE enrolment SET state = $3, reason = $4, detail = $5, ended_ms = $6, waiting = NULL, moves = moves + 1
             WHERE person = $1 AND ($2 IS NULL OR sequence = $2) AND state = 'inside'",
            args![person, sequence, how.state, how.reason, how.detail, how.now_ms],
        )
        .await?;
    // Also of one that they finished: its last message may still wait.
    cancel_waiting(tx, person, sequence, how.detail).await?;
    Ok(left)
}

/// Takes somebody into those sequences again that they left for `reason`, where they were: what comes next is found anew, as
/// after an edit, and counts from now. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn come_back(tx: &mut Tx, person: &str, reason: &str, now_ms: UtcMs, due_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE enrolment SET state = 'inside', reason = '', detail = '', ended_ms = NULL, waiting = NULL, from_ms = $3,
             due_ms = $4, plan_hash = '', moves = moves + 1
         WHERE person = $1 AND state = 'left' AND reason = $2",
        args![person, reason, now_ms, due_ms],
    )
    .await
}

/// Ends the journeys of all who are inside a sequence, at most `rows` of them, and takes what waits of it out of the queue.
/// Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn close(tx: &mut Tx, sequence: &str, how: &End<'_>, rows: i64) -> Result<u64> {
    let closed = tx
        .run(
            "UPDATE enrolment SET state = $2, reason = $3, detail = $4, ended_ms = $5, waiting = NULL, moves = moves + 1
             WHERE id IN (SELECT id FROM enrolment WHERE sequence = $1 AND state = 'inside' ORDER BY due_ms, id LIMIT $6)
               AND state = 'inside'",
            args![sequence, how.state, how.reason, how.detail, how.now_ms, rows],
        )
        .await?;
    tx.run(
        "UPDATE delivery SET state = 'cancelled', live = FALSE, detail = $2
         WHERE live AND issue_id IS NULL AND lane IN ($3, $4) AND scope = $1 AND state = 'ready'",
        args![sequence, how.detail, LANE_SEQUENCE, LANE_RESTING],
    )
    .await?;
    Ok(closed)
}

/// Records that somebody had a step. False if they had it before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add_step(tx: &mut Tx, enrolment_id: &str, done: &Done) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO enrolment_step (enrolment_id, step, no, at_ms, outcome, because, delivery_id)
             SELECT $1, $2, COALESCE(MAX(no), 0) + 1, $3, $4, $5, $6 FROM enrolment_step WHERE enrolment_id = $1
             ON CONFLICT (enrolment_id, step) DO NOTHING",
            args![
                enrolment_id,
                &done.step,
                done.at_ms,
                &done.outcome,
                &done.because,
                done.delivery_id.clone(),
            ],
        )
        .await?;
    Ok(added == 1)
}

/// The steps in whose messages a person followed a link.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn clicked(db: &Db, enrolment_id: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT s.step FROM enrolment_step s JOIN engagement_event v ON v.delivery_id = s.delivery_id
             WHERE s.enrolment_id = $1 AND v.kind = 'click' AND v.human ORDER BY s.step LIMIT 1000",
            args![enrolment_id],
        )
        .await?;
    Ok(rows.into_iter().map(|(step,)| step).collect())
}

/// What a person opened, took or asked for.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Taken {
    /// `engagement::EventKind`'s word.
    pub kind: String,
    /// The asset.
    pub asset: Option<String>,
    /// When, the last time.
    pub at_ms: UtcMs,
}

/// What the person of an enrolment opened, took or asked for, ever, as a person and not a machine; also by a link in one of its
/// messages. At most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn taken(db: &Db, of: &Enrolment) -> Result<Vec<Taken>> {
    db.all(
        "SELECT kind, asset, MAX(at_ms) AS at_ms FROM (
             SELECT kind, asset, at_ms FROM engagement_event WHERE lead_id = $1 AND human
               AND kind IN ('page_view', 'download', 'whitepaper_form', 'webinar_registered', 'webinar_attended', 'webinar_replay', 'talk_to_us')
             UNION ALL
             SELECT kind, asset, at_ms FROM engagement_event WHERE contact_id = $2 AND human
               AND kind IN ('page_view', 'download', 'whitepaper_form', 'webinar_registered', 'webinar_attended', 'webinar_replay', 'talk_to_us')
             UNION ALL
             SELECT v.kind, v.asset, v.at_ms FROM enrolment_step s
             JOIN engagement_event v ON v.delivery_id = s.delivery_id
             WHERE s.enrolment_id = $3 AND v.human
               AND v.kind IN ('page_view', 'download', 'whitepaper_form', 'webinar_registered', 'webinar_attended', 'webinar_replay', 'talk_to_us')
         ) AS deed GROUP BY kind, asset ORDER BY kind, asset LIMIT 1000",
        args![of.lead_id.clone(), of.contact_id.clone(), &of.id],
    )
    .await
}

/// Holds a lead until the end of the transaction, and returns its stage; none for one that is not there.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn hold_lead(tx: &mut Tx, lead_id: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = tx
        .opt("UPDATE lead SET updated_ms = updated_ms WHERE id = $1 RETURNING stage", args![lead_id])
        .await?;
    Ok(row.map(|(stage,)| stage))
}
