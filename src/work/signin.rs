//! Signing in: to the console by a link that works once, to the desk by opening an offer.
//!
//! A cookie holds 256 random bits; the database holds their hash.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    context::Context,
    desk::{self, Rep},
    tokens::sha256_hex,
};
use crate::{
    domain::kernel::{
        Error, Random, Result,
        clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs},
        token::{Keys, Purpose},
    },
    store::{audit, sessions},
};

/// How long a sign-in link works.
const LINK_MS: i64 = 10 * MINUTE_MS;
/// How long a console session lasts.
const CONSOLE_MS: i64 = 12 * HOUR_MS;
/// How long a rep's browser stays at the desk.
const DESK_MS: i64 = 7 * DAY_MS;

/// A path that signs one browser in to the console, once, within ten minutes. Needs no database, so that the
/// operator can make one beside a running process.
pub fn console_path(keys: &Keys, random: &dyn Random, now_ms: UtcMs) -> String {
    let mut payload = [0; 24];
    payload[..8].copy_from_slice(&(now_ms + LINK_MS).to_be_bytes());
    random.fill(&mut payload[8..]);
    format!("/console/sign-in/{}", keys.sign(Purpose::SignIn, &payload))
}

fn expired() -> Error {
    Error::not_found(
        "this sign-in link (it works once, for ten minutes; `partnercast sign-in` makes another)",
    )
}

/// Uses up a sign-in link and returns the cookie of the new session.
///
/// # Errors
/// `NotFound` if it was used, has expired, or is not ours.
pub async fn consume(ctx: &Context, token: &str) -> Result<String> {
    let payload: [u8; 24] = ctx.keys.verify(Purpose::SignIn, token)?;
    let mut until = [0; 8];
    until.copy_from_slice(&payload[..8]);
    let wall_ms = ctx.clock.wall_ms();
    if i64::from_be_bytes(until) < wall_ms {
        return Err(expired());
    }
    let cookie = new_cookie(ctx);
    let mut tx = ctx.db.begin().await?;
    if !sessions::use_up(&mut tx, &sha256_hex(token.as_bytes()), wall_ms).await? {
        return Err(expired());
    }
    sessions::open(
        &mut tx,
        &sha256_hex(cookie.as_bytes()),
        "console",
        "operator",
        wall_ms,
        wall_ms + CONSOLE_MS,
    )
    .await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, "operator", "sign-in", "console", "").await?;
    tx.commit().await?;
    Ok(cookie)
}

/// Whether the cookie is that of a console session.
///
/// # Errors
/// Those of the store.
pub async fn is_console(ctx: &Context, cookie: &str) -> Result<bool> {
    let hash = sha256_hex(cookie.as_bytes());
    Ok(sessions::find(&ctx.db, &hash, "console", ctx.clock.wall_ms()).await?.is_some())
}

/// Opens the desk of the rep with this address and returns the cookie.
///
/// # Errors
/// Those of the store.
pub async fn open_desk(ctx: &Context, address: &str) -> Result<String> {
    let cookie = new_cookie(ctx);
    let wall_ms = ctx.clock.wall_ms();
    let mut tx = ctx.db.begin().await?;
    sessions::open(
        &mut tx,
        &sha256_hex(cookie.as_bytes()),
        "desk",
        &address.to_lowercase(),
        wall_ms,
        wall_ms + DESK_MS,
    )
    .await?;
    tx.commit().await?;
    Ok(cookie)
}

/// The rep whose desk the cookie opens; nobody, once they have left.
///
/// # Errors
/// Those of the store.
pub async fn desk(ctx: &Context, cookie: &str) -> Result<Option<Rep>> {
    let hash = sha256_hex(cookie.as_bytes());
    let session = sessions::find(&ctx.db, &hash, "desk", ctx.clock.wall_ms()).await?;
    match session {
        Some(session) => desk::rep(ctx, &session.subject).await,
        None => Ok(None),
    }
}

/// Ends the session of this cookie.
///
/// # Errors
/// Those of the store.
pub async fn leave(ctx: &Context, cookie: &str) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    sessions::close(&mut tx, &sha256_hex(cookie.as_bytes())).await?;
    tx.commit().await
}

fn new_cookie(ctx: &Context) -> String {
    let mut bytes = [0; 32];
    ctx.random.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
