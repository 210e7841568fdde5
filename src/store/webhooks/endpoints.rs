//! Where other systems are told what happened.

use serde::Serialize;

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// Endpoints of one list.
pub const LIST_MAX: i64 = 1_000;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, sqlx::FromRow)]
pub struct Endpoint {
    /// The key, `whe_…`.
    pub id: String,
    /// Whose; empty for the vendor's own.
    pub partner_slug: String,
    /// What people call it.
    pub name: String,
    /// Where.
    pub url: String,
    /// Who is told when it fails.
    pub contact_name: String,
    /// Their address.
    pub contact_email: String,
    /// `pending` (not yet its owner's), `active`, `paused`, `disabled` or `removed`.
    pub state: String,
    /// Why it is in that state.
    pub because: String,
    /// Since when.
    pub state_ms: UtcMs,
    /// Whether each message waits for the one before it.
    pub ordered: bool,
    /// Messages a second at most; 0 for as many as it takes.
    pub per_second: i64,
    /// Messages on their way at once at most.
    pub concurrency: i64,
    /// Since when it is known.
    pub created_ms: UtcMs,
    /// Who added it.
    pub created_by: String,
    /// Failures since the last success.
    pub failures: i64,
    /// When the first of them was.
    pub failing_since_ms: Option<UtcMs>,
    /// When its owner was told that it fails.
    pub told_ms: Option<UtcMs>,
    /// Until when it is left alone, because it fails or asked for that.
    pub rest_ms: UtcMs,
    /// What messages are made of: `standard`, or the field map that renders them.
    pub format: String,
    /// Since when messages wait for a fault of ours, if any do.
    pub withheld_since_ms: Option<UtcMs>,
}

/// Adds an endpoint with what it wants. False where the owner has one at this address already; then nothing changed.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn add(tx: &mut Tx, endpoint: &Endpoint, entries: &[&str]) -> Result<bool> {
    let added = tx
        .run(
            "INSERT INTO webhook_endpoint (id, partner_slug, name, url, contact_name, contact_email, state, because, state_ms,
                 ordered, per_second, concurrency, created_ms, created_by, format)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (partner_slug, url) WHERE state <> 'removed' DO NOTHING",
            args![
                &endpoint.id,
                &endpoint.partner_slug,
                &endpoint.name,
                &endpoint.url,
                &endpoint.contact_name,
                &endpoint.contact_email,
                &endpoint.state,
                &endpoint.because,
                endpoint.state_ms,
                endpoint.ordered,
                endpoint.per_second,
                endpoint.concurrency,
                endpoint.created_ms,
                &endpoint.created_by,
                &endpoint.format,
            ],
        )
        .await?;
    if added == 1 {
        let rows = entries.iter().map(|entry| args![&endpoint.id, *entry]).collect();
        tx.bulk("INSERT INTO webhook_filter (endpoint_id, entry)", rows, "").await?;
    }
    Ok(added == 1)
}

/// One endpoint that is not removed.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn endpoint(db: &Db, id: &str) -> Result<Option<Endpoint>> {
    db.opt(
        "SELECT id, partner_slug, name, url, contact_name, contact_email, state, because, state_ms, ordered, per_second,
             concurrency, created_ms, created_by, failures, failing_since_ms, told_ms,
             CASE WHEN throttled_ms > rest_ms THEN throttled_ms ELSE rest_ms END AS rest_ms, format,
             (SELECT MIN(m.withheld_since_ms) FROM webhook_message m
              WHERE m.endpoint_id = webhook_endpoint.id AND m.withheld_since_ms IS NOT NULL AND m.ended_ms IS NULL)
                 AS withheld_since_ms
         FROM webhook_endpoint WHERE id = $1 AND state <> 'removed'",
        args![id],
    )
    .await
}

/// All endpoints that are not removed, or those of one owner, the vendor's first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn list(db: &Db, owner: Option<&str>) -> Result<Vec<Endpoint>> {
    db.all(
        "SELECT id, partner_slug, name, url, contact_name, contact_email, state, because, state_ms, ordered, per_second,
             concurrency, created_ms, created_by, failures, failing_since_ms, told_ms,
             CASE WHEN throttled_ms > rest_ms THEN throttled_ms ELSE rest_ms END AS rest_ms, format,
             (SELECT MIN(m.withheld_since_ms) FROM webhook_message m
              WHERE m.endpoint_id = webhook_endpoint.id AND m.withheld_since_ms IS NOT NULL AND m.ended_ms IS NULL)
                 AS withheld_since_ms
         FROM webhook_endpoint WHERE state <> 'removed' AND ($1 IS NULL OR partner_slug = $1)
         ORDER BY partner_slug, created_ms, id LIMIT $2",
        args![owner, LIST_MAX],
    )
    .await
}

/// What an endpoint wants.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn entries(db: &Db, id: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all("SELECT entry FROM webhook_filter WHERE endpoint_id = $1 ORDER BY entry LIMIT 1000", args![id])
        .await?;
    Ok(rows.into_iter().map(|(entry,)| entry).collect())
}

/// How many endpoints an owner has.
///
/// # Errors
/// Those of [`Tx::all`].
pub async fn count(tx: &mut Tx, owner: &str) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .opt(
            "SELECT COUNT(*) FROM webhook_endpoint WHERE partner_slug = $1 AND state <> 'removed'",
            args![owner],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Moves an endpoint from one state to another, and says why. What becomes active begins anew: what failed before is forgotten,
/// and what waits is due. False where it is in another state by now.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn move_to(
    tx: &mut Tx,
    id: &str,
    (from, to): (&str, &str),
    because: &str,
    now_ms: UtcMs,
) -> Result<bool> {
    let moved = tx
        .run(
            "UPDATE webhook_endpoint SET state = $3, because = $4, state_ms = $5,
                 failures = CASE WHEN $3 = 'active' THEN 0 ELSE failures END,
                 failing_since_ms = CASE WHEN $3 = 'active' THEN NULL ELSE failing_since_ms END,
                 failed_ms = CASE WHEN $3 = 'active' THEN NULL ELSE failed_ms END,
                 told_ms = CASE WHEN $3 = 'active' THEN NULL ELSE told_ms END,
                 rest_ms = CASE WHEN $3 = 'active' THEN 0 ELSE rest_ms END,
                 throttled_ms = CASE WHEN $3 = 'active' THEN 0 ELSE throttled_ms END,
                 anew = CASE WHEN $3 = 'active' THEN anew + 1 ELSE anew END
             WHERE id = $1 AND state = $2",
            args![id, from, to, because, now_ms],
        )
        .await?;
    if moved == 1 && to == "active" {
        tx.run(
            "UPDATE webhook_message SET due_ms = $2 WHERE endpoint_id = $1 AND state = 'waiting' AND due_ms > $2",
            args![id, now_ms],
        )
        .await?;
    }
    Ok(moved == 1)
}

/// Keeps what goes with the messages of an endpoint as `Authorization: Bearer`, sealed before it comes here; nothing takes it away.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn keep_bearer(tx: &mut Tx, id: &str, sealed: &str) -> Result<bool> {
    let kept = tx
        .run(
            "UPDATE webhook_endpoint SET bearer = $2 WHERE id = $1 AND state <> 'removed'",
            args![id, sealed],
        )
        .await?;
    Ok(kept == 1)
}

/// That, if an endpoint has it.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn bearer(db: &Db, id: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = db
        .opt(
            "SELECT bearer FROM webhook_endpoint WHERE id = $1 AND bearer <> '' AND state <> 'removed'",
            args![id],
        )
        .await?;
    Ok(row.map(|(sealed,)| sealed))
}

/// What goes with messages and was sealed by another key than this one, each with its endpoint; at most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn bearers_sealed_otherwise(db: &Db, key_id: &str) -> Result<Vec<(String, String)>> {
    db.all(
        "SELECT id, bearer FROM webhook_endpoint
         WHERE bearer <> '' AND bearer NOT LIKE $1 || '.%' AND state <> 'removed' ORDER BY id LIMIT 100",
        args![key_id],
    )
    .await
}

/// Puts `sealed` in the place of what was sealed before, unless somebody else changed it.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn replace_bearer(tx: &mut Tx, id: &str, known: &str, sealed: &str) -> Result<bool> {
    let replaced = tx
        .run(
            "UPDATE webhook_endpoint SET bearer = $3 WHERE id = $1 AND bearer = $2",
            args![id, known, sealed],
        )
        .await?;
    Ok(replaced == 1)
}

/// Takes the people at these addresses (lower case) off the endpoints whose contacts they are. Returns how many.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget_contact(tx: &mut Tx, addresses: &[String]) -> Result<u64> {
    let mut changed = 0;
    for address in addresses {
        changed += tx
            .run(
                "UPDATE webhook_endpoint SET contact_name = '', contact_email = '' WHERE LOWER(contact_email) = $1",
                args![address],
            )
            .await?;
    }
    Ok(changed)
}

/// Notes that the owner is told that an active endpoint fails. False where that was done before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn tell(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<bool> {
    let told = tx
        .run(
            "UPDATE webhook_endpoint SET told_ms = $2
             WHERE id = $1 AND state = 'active' AND told_ms IS NULL AND failing_since_ms IS NOT NULL",
            args![id, now_ms],
        )
        .await?;
    Ok(told == 1)
}
