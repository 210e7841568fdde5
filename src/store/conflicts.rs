//! One person, or one company, known through two partners: cases, their leads, and what happened in them.

use super::{
    Db, Tx,
    sql::{args, consent_stands},
};
use crate::domain::kernel::{Result, clock::UtcMs};

/// A case.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Case {
    /// The key.
    pub id: String,
    /// `person` or `account`.
    pub scope: String,
    /// The person's address without its tag, or the company's mail domain.
    pub subject: String,
    /// `open`, `decided` or `over`.
    pub state: String,
    /// Goes up with every change.
    pub version: i64,
    /// When it began.
    pub opened_ms: UtcMs,
    /// Last change.
    pub changed_ms: UtcMs,
    /// The partner that goes on, once it is decided.
    pub winner: Option<String>,
    /// Whether what was decided is done: who lost is with nobody, and who won with somebody.
    pub settled: bool,
    /// Since when people are asked to decide it; 0 where that is not known.
    pub asked_ms: UtcMs,
    /// How much of their time they were told of, in percent.
    pub told_percent: i64,
}

/// A lead of a case.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Party {
    /// The case.
    pub case_id: String,
    /// The lead.
    pub lead_id: String,
    /// The partner it came through.
    pub partner_slug: String,
    /// Since when.
    pub joined_ms: UtcMs,
    /// How urgently somebody was to call: `hot`, `standard`, or empty.
    pub asks: String,
    /// Whether it waits: offered to nobody, and in no sequence.
    pub held: bool,
}

/// Something that happened in a case.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Step {
    /// When.
    pub at_ms: UtcMs,
    /// The rule, or who.
    pub actor: String,
    /// What happened, in a sentence.
    pub what: String,
    /// The rule's words, or the reason somebody gave.
    pub because: String,
    /// The partner that goes on from then, where this decided it.
    pub winner: Option<String>,
    /// What its leads looked like then; JSON, a list of maps.
    pub looked: String,
}

/// A lead of one person, or one company, as a conflict sees it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Known {
    /// The lead.
    pub lead_id: String,
    /// The partner it came through.
    pub partner_slug: String,
    /// `lead::LeadStage`'s word.
    pub stage: String,
    /// Points when last computed.
    pub score: i64,
    /// Fit grade.
    pub fit: String,
    /// The asset that brought them.
    pub asset: String,
    /// Who has it.
    pub owner_name: Option<String>,
    /// Since when it is known.
    pub created_ms: UtcMs,
    /// When it last went back to nurture.
    pub recycled_ms: Option<UtcMs>,
    /// When they did something last.
    pub last_ms: Option<UtcMs>,
    /// Since when it is offered to somebody or theirs, or when it was won.
    pub since_ms: Option<UtcMs>,
    /// Whether they agree to something that they did not take back.
    pub agrees: bool,
    /// Whether the partner has anybody left.
    pub has_people: bool,
    /// How urgently somebody was to call, in the case that is not over; or empty.
    pub asks: String,
}

macro_rules! known {
    ($whose:literal) => {
        concat!(
            "SELECT l.id AS lead_id, l.partner_slug, l.stage, l.score, l.fit, l.asset, l.owner_name, l.created_ms, l.recycled_ms,
                 (SELECT MAX(e.at_ms) FROM engagement_event e WHERE e.lead_id = l.id AND e.human) AS last_ms,
                 CASE WHEN l.stage = 'won'
                     THEN (SELECT MIN(s.at_ms) FROM lead_step s WHERE s.lead_id = l.id AND s.stage = 'won' AND s.at_ms > $2)
                     ELSE (SELECT o.offered_ms FROM offer o WHERE o.lead_id = l.id AND o.ended_ms IS NULL
                             AND (o.answer IS NULL OR o.answer = 'accepted')) END AS since_ms,
                 EXISTS (SELECT 1 FROM consent c WHERE c.lead_id = l.id AND ",
            consent_stands!(),
            ") AS agrees,
                 EXISTS (SELECT 1 FROM contact k WHERE k.partner_slug = l.partner_slug AND k.active) AS has_people,
                 COALESCE((SELECT MIN(p.asks) FROM conflict_party p JOIN conflict_case c ON c.id = p.case_id
                     WHERE p.lead_id = l.id AND p.asks <> '' AND c.state <> 'over'), '') AS asks
             FROM lead l WHERE l.partner_slug <> '' AND ",
            $whose,
            " = $1 ORDER BY CASE WHEN l.stage IN ('inquiry', 'nurturing', 'recycled', 'disqualified', 'lost') THEN 1 ELSE 0 END,
                 l.created_ms, l.id LIMIT 200"
        )
    };
}

fn known_by(scope: &str) -> &'static str {
    if scope == "account" { known!("l.account") } else { known!("l.person_key") }
}

/// The leads of a person, or a company: those in hand first, else the oldest first, at most 200. A deal won before
/// `won_since_ms` is in nobody's hand any more.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn known(db: &Db, scope: &str, subject: &str, won_since_ms: UtcMs) -> Result<Vec<Known>> {
    db.all(known_by(scope), args![subject, won_since_ms]).await
}

/// The same inside a transaction.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn known_in(tx: &mut Tx, scope: &str, subject: &str, won_since_ms: UtcMs) -> Result<Vec<Known>> {
    tx.all(known_by(scope), args![subject, won_since_ms]).await
}

/// Lets hand-overs and decisions take turns until the end of the transaction: of two that begin at once, one sees the other.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn take_turns(tx: &mut Tx) -> Result<()> {
    // A slot at the end of time holds no use, as for limits: whoever writes it holds it.
    tx.run(
        "INSERT INTO quota_use (key, slot_ms, used) VALUES ('conflicts', $1, 0)
         ON CONFLICT (key, slot_ms) DO UPDATE SET used = 0",
        args![UtcMs::MAX],
    )
    .await
    .map(|_| ())
}

const LIVE: &str =
    "SELECT id, scope, subject, state, version, opened_ms, changed_ms, winner, settled, asked_ms, told_percent FROM conflict_case
     WHERE scope = $1 AND subject = $2 AND state <> 'over'";
const ONE: &str =
    "SELECT id, scope, subject, state, version, opened_ms, changed_ms, winner, settled, asked_ms, told_percent FROM conflict_case
     WHERE id = $1";

/// The case of a person, or a company, that is not over.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn live(db: &Db, scope: &str, subject: &str) -> Result<Option<Case>> {
    db.opt(LIVE, args![scope, subject]).await
}

/// The same inside a transaction.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn live_in(tx: &mut Tx, scope: &str, subject: &str) -> Result<Option<Case>> {
    tx.opt(LIVE, args![scope, subject]).await
}

/// One case.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn case(db: &Db, id: &str) -> Result<Option<Case>> {
    db.opt(ONE, args![id]).await
}

/// The same inside a transaction.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn case_in(tx: &mut Tx, id: &str) -> Result<Option<Case>> {
    tx.opt(ONE, args![id]).await
}

/// The case of a lead that is not over, with its part in it.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn of_lead(db: &Db, lead_id: &str) -> Result<Option<(Case, Party)>> {
    let party: Option<Party> = db
        .opt(
            "SELECT p.case_id, p.lead_id, p.partner_slug, p.joined_ms, p.asks, p.held
             FROM conflict_party p JOIN conflict_case c ON c.id = p.case_id
             WHERE p.lead_id = $1 AND c.state <> 'over' ORDER BY p.joined_ms DESC, p.case_id LIMIT 1",
            args![lead_id],
        )
        .await?;
    let Some(party) = party else { return Ok(None) };
    Ok(case(db, &party.case_id).await?.map(|case| (case, party)))
}

/// Begins a case.
///
/// # Errors
/// `Conflict` where the person, or the company, has one that is not over. Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, case: &Case) -> Result<()> {
    tx.run(
        "INSERT INTO conflict_case (id, scope, subject, state, version, opened_ms, changed_ms, winner, settled, asked_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            &case.id,
            &case.scope,
            &case.subject,
            &case.state,
            case.version,
            case.opened_ms,
            case.changed_ms,
            case.winner.clone(),
            case.settled,
            case.asked_ms,
        ],
    )
    .await
    .map(|_| ())
}

/// Notes that whoever must decide a case, asked since `asked_ms`, was told at `percent` of their time; false where somebody
/// told them, or changed the case, since it was read. Whoever looks at it may go on deciding what they saw.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn told(tx: &mut Tx, case: &Case, asked_ms: UtcMs, percent: i64) -> Result<bool> {
    let told = tx
        .run(
            "UPDATE conflict_case SET asked_ms = $2, told_percent = $3
             WHERE id = $1 AND state = 'open' AND version = $4 AND asked_ms = $5 AND told_percent = $6",
            args![&case.id, asked_ms, percent, case.version, case.asked_ms, case.told_percent],
        )
        .await?;
    Ok(told == 1)
}

/// Has the time to decide a case begin anew.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn ask_anew(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<()> {
    tx.run("UPDATE conflict_case SET asked_ms = $2, told_percent = 0 WHERE id = $1", args![id, now_ms])
        .await
        .map(|_| ())
}

/// Brings a case up to date that was read with this version; false if somebody changed it since, or it is over.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn update(tx: &mut Tx, case: &Case, now_ms: UtcMs) -> Result<bool> {
    let changed = tx
        .run(
            "UPDATE conflict_case SET state = $2, version = version + 1, changed_ms = $3, winner = $4, settled = $5
             WHERE id = $1 AND version = $6 AND state <> 'over'",
            args![&case.id, &case.state, now_ms, case.winner.clone(), case.settled, case.version],
        )
        .await?;
    Ok(changed == 1)
}

/// Puts a lead into a case, or brings its part up to date; since when it is there stays.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn put_party(tx: &mut Tx, party: &Party) -> Result<()> {
    tx.run(
        "INSERT INTO conflict_party (case_id, lead_id, partner_slug, joined_ms, asks, held) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (case_id, lead_id) DO UPDATE SET partner_slug = excluded.partner_slug, asks = excluded.asks,
             held = excluded.held",
        args![&party.case_id, &party.lead_id, &party.partner_slug, party.joined_ms, &party.asks, party.held],
    )
    .await
    .map(|_| ())
}

const PARTIES: &str =
    "SELECT case_id, lead_id, partner_slug, joined_ms, asks, held FROM conflict_party WHERE case_id = $1
     ORDER BY joined_ms, lead_id LIMIT 500";

/// The leads of a case, first come first, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn parties(db: &Db, case_id: &str) -> Result<Vec<Party>> {
    db.all(PARTIES, args![case_id]).await
}

/// The same inside a transaction.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn parties_in(tx: &mut Tx, case_id: &str) -> Result<Vec<Party>> {
    tx.all(PARTIES, args![case_id]).await
}

/// Lets go of all leads of a case, for it is over.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn free(tx: &mut Tx, case_id: &str) -> Result<u64> {
    tx.run("UPDATE conflict_party SET held = FALSE WHERE case_id = $1 AND held", args![case_id]).await
}

/// Ends the cases about a person who is erased, and takes their lead out of those about a company.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget(tx: &mut Tx, lead_id: &str, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "UPDATE conflict_case SET state = 'over', version = version + 1, changed_ms = $2, settled = TRUE
         WHERE scope = 'person' AND state <> 'over' AND id IN (SELECT case_id FROM conflict_party WHERE lead_id = $1)",
        args![lead_id, now_ms],
    )
    .await?;
    tx.run(
        "UPDATE conflict_case SET version = version + 1, changed_ms = $2
         WHERE scope = 'account' AND state <> 'over' AND id IN (SELECT case_id FROM conflict_party WHERE lead_id = $1)",
        args![lead_id, now_ms],
    )
    .await?;
    tx.run("UPDATE conflict_party SET held = FALSE, asks = '' WHERE lead_id = $1", args![lead_id])
        .await
        .map(|_| ())
}

/// Takes away the reasons that people wrote in a case, of somebody who is erased.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_reasons(tx: &mut Tx, case_id: &str) -> Result<()> {
    tx.run(
        "UPDATE conflict_step SET because = '(erased)' WHERE case_id = $1 AND because <> '' AND actor <> 'partnercast'",
        args![case_id],
    )
    .await
    .map(|_| ())
}

/// Adds what happened in a case; but for erased people nothing that happened before is changed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add_step(tx: &mut Tx, case_id: &str, step: &Step) -> Result<()> {
    tx.run(
        "INSERT INTO conflict_step (case_id, no, at_ms, actor, what, because, winner, looked)
         SELECT $1, COALESCE(MAX(no), 0) + 1, $2, $3, $4, $5, $6, $7 FROM conflict_step WHERE case_id = $1",
        args![
            case_id,
            step.at_ms,
            &step.actor,
            &step.what,
            &step.because,
            step.winner.clone(),
            &step.looked,
        ],
    )
    .await
    .map(|_| ())
}

/// What happened in a case, in order, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn steps(db: &Db, case_id: &str) -> Result<Vec<Step>> {
    db.all(
        "SELECT at_ms, actor, what, because, winner, looked FROM conflict_step WHERE case_id = $1 ORDER BY no LIMIT 500",
        args![case_id],
    )
    .await
}

/// Cases, those that wait for a decision first, else the last changed first, at most 200.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(db: &Db) -> Result<Vec<Case>> {
    db.all(
        "SELECT id, scope, subject, state, version, opened_ms, changed_ms, winner, settled, asked_ms, told_percent FROM conflict_case
         ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, changed_ms DESC, id DESC LIMIT 200",
        Vec::new(),
    )
    .await
}

/// Cases to be looked at again: open ones; those decided that are not settled; and those whose winner has none of the leads in
/// hand any more, a deal won before `won_since_ms` counting for none. Behind `after`, in order of their keys, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn to_look_at(db: &Db, won_since_ms: UtcMs, after: &str) -> Result<Vec<Case>> {
    db.all(
        "SELECT c.id, c.scope, c.subject, c.state, c.version, c.opened_ms, c.changed_ms, c.winner, c.settled, c.asked_ms,
             c.told_percent
         FROM conflict_case c
         WHERE c.state <> 'over' AND c.id > $2
           AND (c.state = 'open' OR NOT c.settled OR NOT EXISTS (
               SELECT 1 FROM conflict_party p JOIN lead l ON l.id = p.lead_id
               WHERE p.case_id = c.id AND p.partner_slug = c.winner
                 AND (EXISTS (SELECT 1 FROM offer o WHERE o.lead_id = l.id AND o.ended_ms IS NULL
                                AND (o.answer IS NULL OR o.answer = 'accepted'))
                      OR (l.stage = 'won' AND EXISTS (SELECT 1 FROM lead_step s WHERE s.lead_id = l.id AND s.stage = 'won'
                                                        AND s.at_ms > $1)))))
         ORDER BY c.id LIMIT 100",
        args![won_since_ms, after],
    )
    .await
}

/// Persons, or companies, whom two partners have in hand at once and who have no case: their keys, at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn unmet(db: &Db, scope: &str) -> Result<Vec<String>> {
    let sql = if scope == "account" {
        "SELECT l.account FROM offer o JOIN lead l ON l.id = o.lead_id
         WHERE o.ended_ms IS NULL AND (o.answer IS NULL OR o.answer = 'accepted') AND l.account <> '' AND l.partner_slug <> ''
           AND NOT EXISTS (SELECT 1 FROM conflict_case c WHERE c.scope = 'account' AND c.subject = l.account AND c.state <> 'over')
         GROUP BY l.account HAVING COUNT(DISTINCT l.partner_slug) > 1 ORDER BY l.account LIMIT 100"
    } else {
        "SELECT l.person_key FROM offer o JOIN lead l ON l.id = o.lead_id
         WHERE o.ended_ms IS NULL AND (o.answer IS NULL OR o.answer = 'accepted') AND l.person_key <> '' AND l.partner_slug <> ''
           AND NOT EXISTS (SELECT 1 FROM conflict_case c WHERE c.scope = 'person' AND c.subject = l.person_key AND c.state <> 'over')
         GROUP BY l.person_key HAVING COUNT(DISTINCT l.partner_slug) > 1 ORDER BY l.person_key LIMIT 100"
    };
    let rows: Vec<(String,)> = db.all(sql, Vec::new()).await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// The leads with the rep with this lower-cased address that are in a case, each with the case's state, at most 500.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_rep(db: &Db, rep_key: &str) -> Result<Vec<(String, String)>> {
    db.all(
        "SELECT p.lead_id, c.state FROM offer o JOIN conflict_party p ON p.lead_id = o.lead_id
             JOIN conflict_case c ON c.id = p.case_id
         WHERE o.rep_key = $1 AND o.ended_ms IS NULL AND (o.answer IS NULL OR o.answer = 'accepted') AND c.state <> 'over'
         ORDER BY p.lead_id LIMIT 500",
        args![rep_key],
    )
    .await
}

/// A lead that waits, as its partner may know of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    /// The lead.
    pub lead_id: String,
    /// Since when.
    pub joined_ms: UtcMs,
    /// The asset that brought it.
    pub asset: String,
    /// `open` or `decided`.
    pub state: String,
    /// Whether somebody was to call.
    pub asks: String,
}

/// The leads of a partner that wait because of a conflict, the latest first, at most 50.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn held_of(db: &Db, partner: &str) -> Result<Vec<Held>> {
    db.all(
        "SELECT p.lead_id, p.joined_ms, l.asset, c.state, p.asks
         FROM conflict_party p JOIN conflict_case c ON c.id = p.case_id JOIN lead l ON l.id = p.lead_id
         WHERE p.held AND p.partner_slug = $1 AND c.state <> 'over'
         ORDER BY p.joined_ms DESC, p.lead_id LIMIT 50",
        args![partner],
    )
    .await
}
