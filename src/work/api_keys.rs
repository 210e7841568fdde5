//! Keys of programs: made, listed, revoked, and recognised. A key is for one purpose, and may be bound to one partner.

use super::{
    context::Context,
    notices::{self, Ready, StaffNotice, Words},
    tokens::sha256_hex,
};
use crate::{
    domain::{
        content::{finding::did_you_mean, vendor::Staff},
        kernel::{
            EmailAddress, Error, Random, Result,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs, utc},
            id::ApiKeyId,
            text::single_line,
        },
    },
    store::{
        Db,
        api_keys::{self, ApiKey},
        audit, partners,
        webhooks::endpoints,
    },
};

/// How long a key is good where nothing else is said, in days.
pub const DAYS: u32 = 365;
/// The longest that one may be good, in days.
pub const DAYS_MAX: u32 = 3_650;
/// How long before its end people are told of it.
const NOTICE_MS: i64 = 14 * DAY_MS;
/// Keys that end soon, among what may rest.
const ENDING: &str = "keys that end soon";

/// The purpose of keys that send leads.
pub const LEADS_WRITE: &str = "leads:write";
/// Begins every key, so that scanners of code find one that was left there.
const PREFIX: &str = "pck_";

/// Makes a key. Returns it with its secret, which nobody can show again.
///
/// # Errors
/// `Invalid` for a name that is no line, or `days` that are not 1 to [`DAYS_MAX`]; `NotFound` for a partner that is not there;
/// those of the store.
pub async fn create(
    db: &Db,
    (now_ms, random): (UtcMs, &dyn Random),
    actor: &str,
    (name, partner): (&str, Option<&str>),
    days: u32,
) -> Result<(ApiKey, String)> {
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Error::invalid(format!("a key is good for 1 to {DAYS_MAX} days, and not for {days}")));
    }
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
    let secret = format!("{PREFIX}{}", random.word());
    let key = ApiKey {
        id: ApiKeyId::new(now_ms, random).to_string(),
        name,
        purpose: LEADS_WRITE.to_owned(),
        partner_slug: partner.map(str::to_owned),
        created_ms: now_ms,
        created_by: actor.to_owned(),
        used_ms: None,
        revoked_ms: None,
        expires_ms: Some(now_ms + i64::from(days) * DAY_MS),
    };
    let mut tx = db.begin().await?;
    api_keys::add(&mut tx, &key, &sha256_hex(secret.as_bytes())).await?;
    let detail = format!("{}, {}, {}, {days} days", key.name, key.purpose, partner.unwrap_or("all partners"));
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

/// Whose key a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// A good one.
    Good(ApiKey),
    /// One whose time is over.
    Expired(ApiKey),
    /// None that we made, or one that was revoked.
    Unknown,
}

/// The key with this secret, and that it is used now.
///
/// # Errors
/// Those of the store.
pub async fn recognise(db: &Db, now_ms: UtcMs, secret: &str) -> Result<Recognised> {
    if !secret.starts_with(PREFIX) {
        return Ok(Recognised::Unknown);
    }
    // A key is 256 random bits: its hash is found or not, and a wrong one tells nothing about another.
    let Some(key) = api_keys::find(db, &sha256_hex(secret.as_bytes())).await? else {
        return Ok(Recognised::Unknown);
    };
    if key.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
        return Ok(Recognised::Expired(key));
    }
    let since_ms = now_ms - MINUTE_MS;
    if key.used_ms.is_none_or(|used_ms| used_ms < since_ms) {
        let mut tx = db.begin().await?;
        api_keys::used(&mut tx, &key.id, now_ms, since_ms).await?;
        tx.commit().await?;
    }
    Ok(Recognised::Good(key))
}

/// Tells of keys that end within two weeks, each once. They are told to whoever is named at the webhooks of the same partner, or
/// of the vendor, and where there is none to the channel managers. Returns the faults.
///
/// # Errors
/// Those of the store.
pub async fn tell_of_ends(ctx: &Context) -> Result<Vec<String>> {
    let now_ms = ctx.now_ms();
    if ctx.looks.rests(ENDING, now_ms) {
        return Ok(Vec::new());
    }
    let mut faults = Vec::new();
    for key in api_keys::ending(&ctx.db, now_ms + NOTICE_MS).await? {
        let done = tell_of_end(ctx, &key).await;
        faults.extend(done.err().map(|error: Error| format!("{}: {}", key.id, error.detail())));
    }
    ctx.looks.rest(ENDING.to_owned(), now_ms, now_ms + HOUR_MS);
    Ok(faults)
}

async fn tell_of_end(ctx: &Context, key: &ApiKey) -> Result<()> {
    let people = people(ctx, key).await?;
    let mails = people.iter().map(|to| mail(ctx, key, to)).collect::<Result<Vec<Ready>>>()?;
    let mut tx = ctx.db.begin().await?;
    if !api_keys::told(&mut tx, &key.id, ctx.now_ms()).await? {
        return Ok(());
    }
    for mail in mails {
        mail.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, "partnercast", "api-key-ends", &key.id, &key.name)
        .await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Who is told of a key, each once.
async fn people(ctx: &Context, key: &ApiKey) -> Result<Vec<Staff>> {
    let named = |name: &str, address: &str| {
        let email = EmailAddress::parse(address).ok()?;
        let name = if name.is_empty() { address } else { name }.to_owned();
        Some(Staff { name, title: String::new(), email, may: Vec::new() })
    };
    let whose = key.partner_slug.as_deref().unwrap_or_default();
    let mut people: Vec<Staff> = endpoints::list(&ctx.db, Some(whose))
        .await?
        .iter()
        .filter_map(|endpoint| named(&endpoint.contact_name, &endpoint.contact_email))
        .collect();
    if people.is_empty() {
        let library = ctx.library();
        let managers = library.vendor.iter().flat_map(|vendor| &vendor.channel_managers);
        people.extend(managers.filter_map(|manager| named(&manager.name, manager.email.as_str())));
    }
    people.sort_by_key(|it| it.email.key());
    people.dedup_by_key(|it| it.email.key());
    Ok(people)
}

fn mail(ctx: &Context, key: &ApiKey, to: &Staff) -> Result<Ready> {
    let minute = |ms: UtcMs| utc(ms).format("%a %-d %b %Y, %H:%M UTC").to_string();
    let end = key.expires_ms.map(minute).unwrap_or_default();
    notices::compose_for_staff(
        ctx,
        &StaffNotice {
            source: format!("api-key-ends:{}", key.id),
            sender: None,
            to,
            words: Words {
                subject: format!("The API key {} ends soon", key.name),
                heading: "An API key ends soon".to_owned(),
                paragraphs: vec![
                    format!(
                        "From {end} on, what is sent with it is refused, and no lead of that program arrives any more."
                    ),
                    "Have another key made (`partnercast api-key create`), give it to the program, and revoke this one."
                        .to_owned(),
                ],
                facts: vec![
                    ("Key".to_owned(), format!("{} ({})", key.name, key.id)),
                    ("For".to_owned(), key.partner_slug.clone().unwrap_or_else(|| "all partners".to_owned())),
                    ("Used last".to_owned(), key.used_ms.map_or_else(|| "never".to_owned(), minute)),
                ],
                button: ("See the leads".to_owned(), "/console/leads".to_owned()),
                why: "You are the contact of a webhook of the same partner, or look after partners for the vendor.".to_owned(),
            },
        },
    )
}
