//! Filling the queue: an issue's outbox, single mails, and what a person has sent again.

use super::{Tx, digests, promises, queue::Place, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs, id::DeliveryId, text::base_key};

/// Mail somebody waits for: hand-offs, sign-in, what a form promised.
pub const LANE_URGENT: i64 = 0;
/// Messages of sequences: single mails that nobody waits for.
pub const LANE_SEQUENCE: i64 = 5;
/// Messages of sequences that rest, which no start looks at. They come back to [`LANE_SEQUENCE`] when theirs goes on.
pub const LANE_RESTING: i64 = 6;
/// Newsletter issues.
pub const LANE_ISSUE: i64 = 10;

/// What a person's word changes of a message that leaves again: due from `$now` on, for `$lifetime`.
macro_rules! leaves_again {
    ($now:literal, $lifetime:literal) => {
        concat!(
            "UPDATE delivery SET state = 'ready', live = TRUE, due_ms = ",
            $now,
            ", hour_ms = CASE WHEN tries = 0 THEN ",
            $now,
            " ELSE hour_ms END, held_ms = NULL, expires_ms = ",
            $now,
            " + ",
            $lifetime,
            ", crashes = 0, token = token + 1, detail = 'a person had it sent again'"
        )
    };
}
pub(super) use leaves_again;

/// A person's word that messages leave again.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// When it was said; the messages are due from then on.
    pub now_ms: UtcMs,
    /// How long they are worth sending.
    pub lifetime_ms: i64,
    /// Whether the person may approve issues, and so have late mail leave that nothing could hand over.
    pub may_approve: bool,
}

/// Puts a delivery that ended without being accepted back into the queue, due now: the same message, by a person's
/// word. False for one that was accepted, is on its way, belongs to a cancelled issue, or is late while the person may not approve.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn send_again(tx: &mut Tx, id: &str, word: &Word) -> Result<bool> {
    let done = tx
        .run(
            concat!(
                leaves_again!("$2", "$3"),
                " WHERE id = $1 AND state IN ('uncertain', 'failed', 'expired', 'dead') AND ($4 OR held_ms IS NULL) AND NOT EXISTS (
                     SELECT 1 FROM issue WHERE issue.id = delivery.issue_id AND issue.control = 'cancelled')"
            ),
            args![id, word.now_ms, word.lifetime_ms, word.may_approve],
        )
        .await?;
    if done == 1 {
        reopen(tx).await?;
    }
    Ok(done == 1)
}

/// Whose messages wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting<'w> {
    /// Those of the issue with this key.
    Issue(&'w str),
    /// Those of the sequence with this slug.
    Sequence(&'w str),
}

/// Gives what waits as much time as `word` says at least: a pause must not make its readers' mail worthless. Where the person may
/// approve they have also said that it may leave late: that is its hour from now on, where its own is past. A part at once: at most
/// `rows` behind `after`. Returns the last place of the part; `None` at the end.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn renew(
    tx: &mut Tx,
    of: Waiting<'_>,
    word: &Word,
    after: Option<&Place>,
    rows: i64,
) -> Result<Option<Place>> {
    let (due_ms, id) = Place::bound(after);
    let (text, mut args) = match of {
        Waiting::Issue(id) => (
            "UPDATE delivery SET expires_ms = CASE WHEN expires_ms < $2 THEN $2 ELSE expires_ms END,
                 hour_ms = CASE WHEN hour_ms > $6 OR tries > 0 OR NOT $7 THEN hour_ms ELSE $6 END
             WHERE id IN (
                 SELECT id FROM delivery WHERE live AND issue_id = $1 AND due_ms >= $3 AND (due_ms, id) > ($3, $4)
                 ORDER BY due_ms, id LIMIT $5)
             RETURNING due_ms, id",
            args![id],
        ),
        Waiting::Sequence(slug) => (
            "UPDATE delivery SET expires_ms = CASE WHEN expires_ms < $2 THEN $2 ELSE expires_ms END WHERE id IN (
                 SELECT id FROM delivery WHERE live AND issue_id IS NULL AND lane IN ($6, $7) AND scope = $1
                   AND due_ms >= $3 AND (due_ms, id) > ($3, $4)
                 ORDER BY due_ms, id LIMIT $5)
             RETURNING due_ms, id",
            args![slug],
        ),
    };
    args.extend(args![word.now_ms + word.lifetime_ms, due_ms, id, rows]);
    args.extend(match of {
        Waiting::Issue(_) => args![word.now_ms, word.may_approve],
        Waiting::Sequence(_) => args![LANE_SEQUENCE, LANE_RESTING],
    });
    let renewed: Vec<Place> = tx.all(text, args).await?;
    Ok(renewed.into_iter().max())
}

/// Lets issues that were done go on when something of theirs waits again, and with them those that ride in their mails; has
/// what they promised counted anew. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn reopen(tx: &mut Tx) -> Result<u64> {
    let again = tx
        .run(
            "UPDATE issue SET state = 'sending', done_ms = NULL, touches_noted = FALSE
             WHERE state = 'done' AND EXISTS (
                 SELECT 1 FROM delivery d WHERE d.issue_id = issue.id AND d.live AND d.due_ms < $1)",
            args![UtcMs::MAX],
        )
        .await?;
    let with_them = tx
        .run(
            "UPDATE issue SET state = 'sending', done_ms = NULL, touches_noted = FALSE
             WHERE state = 'done' AND EXISTS (
                 SELECT 1 FROM issue_guest g JOIN issue h ON h.id = g.host_id
                 WHERE g.guest_id = issue.id AND h.state = 'sending')",
            Vec::new(),
        )
        .await?;
    if again + with_them > 0 {
        promises::reopen(tx).await?;
    }
    Ok(again + with_them)
}

/// How long a message is worth sending, and under which name it leaves.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// When the rows are made.
    pub now_ms: UtcMs,
    /// How long after its promise a message is worth sending.
    pub lifetime_ms: i64,
    /// The part of the Message-ID after the @.
    pub domain: &'a str,
}

/// Fills a part of the outbox of an approved issue: at most `rows` recipients in the order of their contacts' keys,
/// behind `after`. Nothing of it leaves before [`release`]. Returns how many, and the last key; `None` when there is
/// nothing more to fill, or the issue is not approved (any more).
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn fill(
    tx: &mut Tx,
    issue_id: &str,
    after: &str,
    rows: i64,
    terms: Terms<'_>,
) -> Result<Option<(u64, String)>> {
    digests::hold(tx, issue_id).await?;
    // Holds the issue's row: whoever cancels it waits, and cancels these, too.
    let held = tx
        .run(
            "UPDATE issue SET state = 'approved' WHERE id = $1 AND state = 'approved' AND control <> 'cancelled'
               AND NOT EXISTS (SELECT 1 FROM issue o WHERE o.digest_id = issue.digest_id
                   AND (o.state = 'frozen' OR (o.control = 'paused' AND o.state <> 'done')))",
            args![issue_id],
        )
        .await?;
    let last: Option<(Option<String>,)> = tx
        .opt(
            "SELECT MAX(contact_id) FROM (
                 SELECT contact_id FROM audience_decision
                 WHERE issue_id = $1 AND included AND host_issue_id IS NULL AND contact_id > $2
                 ORDER BY contact_id LIMIT $3) AS page",
            args![issue_id, after, rows],
        )
        .await?;
    match last.and_then(|(last,)| last) {
        Some(last) if held > 0 => {
            let filled = insert(tx, issue_id, after, Some(&last), terms).await?;
            Ok(Some((filled, last)))
        }
        _ => Ok(None),
    }
}

/// Releases an approved issue: from now on its outbox may leave, one row per included recipient; those that [`fill`]
/// did not reach, those behind the contact `after`, are added; whoever gets it in another issue's mail has no row of it.
/// Returns how many were added; `None` for an issue that was released before, by another node perhaps, is not approved or
/// was cancelled, or shares mails with one that waits for approval or is paused: it stays as it is.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn release(tx: &mut Tx, issue_id: &str, after: &str, terms: Terms<'_>) -> Result<Option<u64>> {
    digests::hold(tx, issue_id).await?;
    // First, because it holds the row: of two nodes that release at once the second waits here and finds it done.
    let first = tx
        .run(
            "UPDATE issue SET state = 'sending', released_ms = $2
             WHERE id = $1 AND state = 'approved' AND control <> 'cancelled'
               AND NOT EXISTS (SELECT 1 FROM issue o WHERE o.digest_id = issue.digest_id
                   AND (o.state = 'frozen' OR (o.control = 'paused' AND o.state <> 'done')))",
            args![issue_id, terms.now_ms],
        )
        .await?;
    if first == 0 {
        return Ok(None);
    }
    insert(tx, issue_id, after, None, terms).await.map(Some)
}

/// The rows of an issue's recipients behind `after`, up to `last`; those that are there already stay. Who left, or changed
/// the partner, since it was fixed gets nothing more of it, and a row that says so.
async fn insert(
    tx: &mut Tx,
    issue_id: &str,
    after: &str,
    last: Option<&str>,
    terms: Terms<'_>,
) -> Result<u64> {
    tx.run(
        "INSERT INTO delivery (id, source, issue_id, contact_id, partner_slug, recipient_key, base_key, recipient_name,
             email, site, channel, generation, lane, scope, rendition_id, message_id, because, state, live, detail, due_ms,
             promised_ms, hour_ms, stage, expires_ms, created_ms)
         SELECT a.delivery_id, i.id, i.id, c.id, r.partner_slug, c.email_key, c.base_key, c.name, c.email,
             -- What follows the last @, in words that both databases know.
             replace(c.email_key, rtrim(c.email_key, replace(c.email_key, '@', '')), ''), 'email', 1, $2,
             i.newsletter, a.rendition_id, a.delivery_id || '.g1@' || $5, a.because,
             CASE WHEN c.active AND c.partner_slug = r.partner_slug THEN 'ready' ELSE 'suppressed' END,
             c.active AND c.partner_slug = r.partner_slug,
             CASE WHEN NOT c.active THEN 'they had left the roster before it was released'
                 WHEN c.partner_slug <> r.partner_slug THEN 'they had changed the partner before it was released' END,
             COALESCE(a.leaves_ms, p.due_ms), p.due_ms,
             -- Whoever approved it after its hour, or had it go on, has said that it may leave late.
             CASE WHEN i.resumed_ms > p.due_ms AND i.resumed_ms > COALESCE(i.approved_ms, 0) THEN i.resumed_ms
                 WHEN i.approved_ms > p.due_ms AND i.approved_by <> 'automatic' THEN i.approved_ms END,
             NULLIF(a.stage, ''), CASE WHEN p.due_ms > $4 THEN p.due_ms ELSE $4 END + $3, $4
         FROM audience_decision a
         JOIN issue i ON i.id = a.issue_id
         JOIN contact c ON c.id = a.contact_id
         JOIN rendition r ON r.id = a.rendition_id
         JOIN promise p ON p.id = a.promise_id
         WHERE a.issue_id = $1 AND a.included AND a.host_issue_id IS NULL AND a.contact_id > $6 AND ($7 IS NULL OR a.contact_id <= $7)
         -- In the order in which they will leave, so that a window's rows lie together.
         ORDER BY COALESCE(a.leaves_ms, p.due_ms), a.contact_id
         ON CONFLICT (source, recipient_key, channel, generation) DO NOTHING",
        args![issue_id, LANE_ISSUE, terms.lifetime_ms, terms.now_ms, terms.domain, after, last],
    )
    .await
}

/// A single mail to put into the outbox.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// The key, also in the Message-ID.
    pub id: DeliveryId,
    /// What makes it, and makes it once: such as `offer:off_…`.
    pub source: String,
    /// [`LANE_URGENT`] or [`LANE_SEQUENCE`].
    pub lane: i64,
    /// The lead it is about, or goes to.
    pub lead_id: Option<String>,
    /// The partner's person it goes to, where the message is for them as a reader.
    pub contact_id: Option<String>,
    /// Whose partner.
    pub partner_slug: String,
    /// To whom.
    pub recipient_name: String,
    /// Where to.
    pub email: String,
    /// Which rendition.
    pub rendition_id: String,
    /// Empty for mail that goes out whatever the recipient stopped; else the scope that stops it, beside `all`.
    pub scope: String,
    /// The part of the Message-ID after the @.
    pub domain: String,
    /// Why they get it.
    pub because: String,
    /// When it is promised for, and may leave.
    pub due_ms: UtcMs,
    /// After which it is worthless.
    pub expires_ms: UtcMs,
}

/// Puts a single mail into the outbox; once per source and recipient.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn enqueue(tx: &mut Tx, now_ms: UtcMs, mail: &NewDelivery) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO delivery (id, source, lead_id, contact_id, partner_slug, recipient_key, base_key, recipient_name,
                 email, site, channel, generation, lane, scope, rendition_id, message_id, because, state, due_ms, promised_ms,
                 expires_ms, created_ms)
             VALUES ($1, $2, $3, $17, $4, $5, $16, $6, $7, $15, 'email', 1, $8, $14, $9, $1 || '.g1@' || $13, $10, 'ready',
                 $18, $18, $12, $11)
             ON CONFLICT (source, recipient_key, channel, generation) DO NOTHING",
            args![
                mail.id.to_string(),
                &mail.source,
                mail.lead_id.clone(),
                &mail.partner_slug,
                mail.email.to_lowercase(),
                &mail.recipient_name,
                &mail.email,
                mail.lane,
                &mail.rendition_id,
                &mail.because,
                now_ms,
                mail.expires_ms,
                &mail.domain,
                &mail.scope,
                mail.email.rsplit_once('@').map_or("", |(_, domain)| domain).to_lowercase(),
                base_key(&mail.email),
                mail.contact_id.clone(),
                mail.due_ms,
            ],
        )
        .await?;
    Ok(added == 1)
}
