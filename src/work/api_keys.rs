//! Keys of programs: made, listed, revoked, and recognised. A key is for one purpose, and may be bound to one partner.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::tokens::sha256_hex;
use crate::{
    domain::{
        content::finding::did_you_mean,
        kernel::{
            Error, Random, Result,
            clock::{MINUTE_MS, UtcMs},
            id::ApiKeyId,
            text::single_line,
        },
    },
    store::{
        Db,
        api_keys::{self, ApiKey},
        audit, partners,
    },
};

/// The purpose of keys that send leads.
pub const LEADS_WRITE: &str = "leads:write";
/// Begins every key, so that scanners of code find one that was left there.
const PREFIX: &str = "pck_";

/// Makes a key. Returns it with its secret, which nobody can show again.
///
/// # Errors
/// `Invalid` for a name that is no line, `NotFound` for a partner that is not there; those of the store.
pub async fn create(
    db: &Db,
    (now_ms, random): (UtcMs, &dyn Random),
    actor: &str,
    name: &str,
    partner: Option<&str>,
) -> Result<(ApiKey, String)> {
    let name = single_line("the name", name)?;
    if name.is_empty() {
        return Err(Error::invalid("a key needs a name, such as what will use it"));
    }
    if let Some(slug) = partner {
        let slugs = partners::slugs(db).await?;
        if !slugs.iter().any(|known| known == slug) {
            let meant = did_you_mean(slug, slugs.iter().map(String::as_str));
            return Err(Error::not_found_but(format!("partner {slug}"), meant));
        }
    }
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let key = ApiKey {
        id: ApiKeyId::new(now_ms, random).to_string(),
        name,
        purpose: LEADS_WRITE.to_owned(),
        partner_slug: partner.map(str::to_owned),
        created_ms: now_ms,
        created_by: actor.to_owned(),
        used_ms: None,
        revoked_ms: None,
    };
    let mut tx = db.begin().await?;
    api_keys::add(&mut tx, &key, &sha256_hex(secret.as_bytes())).await?;
    let detail = format!("{}, {}, {}", key.name, key.purpose, partner.unwrap_or("all partners"));
    audit::record(&mut tx, now_ms, random, actor, "create-api-key", &key.id, &detail).await?;
    tx.commit().await?;
    Ok((key, secret))
}

/// Revokes the key with this id.
///
/// # Errors
/// `NotFound` for a key that is not there, or was revoked before; those of the store.
pub async fn revoke(db: &Db, (now_ms, random): (UtcMs, &dyn Random), actor: &str, id: &str) -> Result<()> {
    let mut tx = db.begin().await?;
    if !api_keys::revoke(&mut tx, id, now_ms).await? {
        return Err(Error::not_found_but(format!("a good key {id}"), "`partnercast api-key list` shows all"));
    }
    audit::record(&mut tx, now_ms, random, actor, "revoke-api-key", id, "").await?;
    tx.commit().await
}

/// The key with this secret, and that it is used now; nothing for one that we did not make, or that was revoked.
///
/// # Errors
/// Those of the store.
pub async fn recognise(db: &Db, now_ms: UtcMs, secret: &str) -> Result<Option<ApiKey>> {
    if !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    // A key is 256 random bits: its hash is found or not, and a wrong one tells nothing about another.
    let Some(key) = api_keys::find(db, &sha256_hex(secret.as_bytes())).await? else { return Ok(None) };
    let since_ms = now_ms - MINUTE_MS;
    if key.used_ms.is_none_or(|used_ms| used_ms < since_ms) {
        let mut tx = db.begin().await?;
        api_keys::used(&mut tx, &key.id, now_ms, since_ms).await?;
        tx.commit().await?;
    }
    Ok(Some(key))
}
