//! Signing in: to the console by a link that works once, to the desk by opening an offer.
//!
//! A cookie holds 256 random bits; the database holds their hash.

use sha2::{Digest as _, Sha256};

use super::{
    context::Context,
    desk::{self, Rep},
    notices::{self, StaffNotice, Words},
    tokens::sha256_hex,
};
use crate::{
    domain::content::merge::percent_encoded,
    domain::kernel::{
        EmailAddress, Error, Random, Result,
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

/// Bytes of a link's payload: until when, randomness, and whose it is.
const LINK_BYTES: usize = 8 + 16 + 16;
/// Who signs in with a link that names nobody.
pub const OPERATOR: &str = "operator";

/// A path that signs one browser in to the console, once, within ten minutes: as the member of staff with this address, or
/// as the operator. Needs no database, so that the operator can make one beside a running process.
pub fn console_path(
    keys: &Keys,
    random: &dyn Random,
    now_ms: UtcMs,
    member: Option<&EmailAddress>,
) -> String {
    let mut payload = [0; LINK_BYTES];
    payload[..8].copy_from_slice(&(now_ms + LINK_MS).to_be_bytes());
    random.fill(&mut payload[8..24]);
    if let Some(member) = member {
        payload[24..].copy_from_slice(&of_address(member.as_str()));
    }
    format!("/console/sign-in/{}", keys.sign(Purpose::SignIn, &payload))
}

/// Whose link it is, in 16 bytes; never all zero, which stands for the operator.
fn of_address(address: &str) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha256::digest(address.to_lowercase().as_bytes())[..16]);
    first
}

fn expired() -> Error {
    Error::not_found(
        "this sign-in link (it works once, for ten minutes; ask for another, or have `partnercast sign-in` make one)",
    )
}

/// A page of the console to return to after signing in, as an address says it: anybody may have written that, so it must be
/// a path of the console's own, and none that signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// Longest such path.
    const MAX: usize = 500;

    /// Reads one; none where it is no page of the console.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("/console")?;
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let is_whole_name = rest.is_empty() || rest.starts_with(['/', '?']);
        // Browsers read a backslash as a slash, and leave out line breaks.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let goes_up = path.split('/').any(|part| matches!(part, "." | "..")) || path.contains("//");
        let fits = is_whole_name && is_plain && !goes_up && text.len() <= Self::MAX;
        (fits && !path.starts_with("/sign-")).then(|| Self(text.to_owned()))
    }

    /// The path, with what stands after a question mark.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `path` with this as its query.
    pub fn after(&self, path: &str) -> String {
        format!("{path}?to={}", percent_encoded(&self.0))
    }
}

/// Whether the link with this token would sign somebody in, which changes nothing.
///
/// # Errors
/// `NotFound` if it was used, has expired, is not ours, or is of nobody among the staff; else those of the store.
pub async fn look(ctx: &Context, token: &str) -> Result<()> {
    subject_of(ctx, token)?;
    let used = sessions::is_used(&ctx.db, &sha256_hex(token.as_bytes())).await?;
    if used { Err(expired()) } else { Ok(()) }
}

/// Uses up a sign-in link and returns the cookie of the new session.
///
/// # Errors
/// `NotFound` if it was used, has expired, is not ours, or is somebody's who is no longer among the staff.
pub async fn consume(ctx: &Context, token: &str) -> Result<String> {
    let wall_ms = ctx.clock.wall_ms();
    let subject = subject_of(ctx, token)?;
    let cookie = ctx.random.word();
    let mut tx = ctx.db.begin().await?;
    if !sessions::use_up(&mut tx, &sha256_hex(token.as_bytes()), wall_ms).await? {
        return Err(expired());
    }
    let hash = sha256_hex(cookie.as_bytes());
    sessions::open(&mut tx, &hash, "console", &subject, wall_ms, wall_ms + CONSOLE_MS).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, &subject, "sign-in", "console", "").await?;
    tx.commit().await?;
    Ok(cookie)
}

/// Whom a link signs in, whether or not it was used.
fn subject_of(ctx: &Context, token: &str) -> Result<String> {
    let payload: [u8; LINK_BYTES] = ctx.keys.verify(Purpose::SignIn, token)?;
    let mut until = [0; 8];
    until.copy_from_slice(&payload[..8]);
    if i64::from_be_bytes(until) < ctx.clock.wall_ms() {
        return Err(expired());
    }
    if payload[24..] == [0; 16] {
        return Ok(OPERATOR.to_owned());
    }
    let library = ctx.library();
    let mut staff = library.vendor.iter().flat_map(|vendor| &vendor.staff);
    let member = staff.find(|member| of_address(member.email.as_str()) == payload[24..]);
    Ok(member.ok_or_else(expired)?.email.as_str().to_lowercase())
}

/// Mails a sign-in link to the member of staff with this address, which leads on to the page that they asked for. Whoever asks
/// learns nothing: an address of nobody's is answered alike.
///
/// # Errors
/// Those of the store, and of content without a sender.
pub async fn send_link(ctx: &Context, address: &str, to: Option<&ReturnTo>) -> Result<()> {
    let library = ctx.library();
    let member = library.vendor.as_ref().and_then(|vendor| vendor.member(address.trim()));
    let Some(member) = member else { return Ok(()) };
    let path = console_path(&ctx.keys, &*ctx.random, ctx.clock.wall_ms(), Some(&member.email));
    let made = sha256_hex(path.as_bytes());
    let path = to.map_or_else(|| path.clone(), |to| to.after(&path));
    let mail = notices::compose_for_staff(
        ctx,
        &StaffNotice {
            source: format!("sign-in:{}", &made[..16]),
            sender: None,
            to: member,
            words: Words {
            subject: "Your link to the console".to_owned(),
            heading: "Sign in to the console".to_owned(),
            paragraphs: vec![
                "You asked for this link. It works once, for ten minutes. If you did not ask, leave it: nothing \
                 happens."
                    .to_owned(),
            ],
            facts: Vec::new(),
            button: ("Sign in".to_owned(), path),
            why: "You are among the staff who may sign in to this console.".to_owned(),
            },
        },
    )?;
    let mut tx = ctx.db.begin().await?;
    mail.enqueue(&mut tx, ctx.now_ms()).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, member.email.as_str(), "sign-in-link", "console", "")
        .await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Who is signed in to the console with this cookie: the operator, or the address of somebody who is still among the
/// staff.
///
/// # Errors
/// Those of the store.
pub async fn console(ctx: &Context, cookie: &str) -> Result<Option<String>> {
    let hash = sha256_hex(cookie.as_bytes());
    let session = sessions::find(&ctx.db, &hash, "console", ctx.clock.wall_ms()).await?;
    let library = ctx.library();
    let is_staff =
        |subject: &String| library.vendor.as_ref().is_some_and(|vendor| vendor.member(subject).is_some());
    Ok(session.map(|session| session.subject).filter(|subject| subject == OPERATOR || is_staff(subject)))
}

/// Opens the desk of the rep with this address and returns the cookie.
///
/// # Errors
/// Those of the store.
pub async fn open_desk(ctx: &Context, address: &str) -> Result<String> {
    let cookie = ctx.random.word();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_console_are_returned_to() {
        for good in ["/console", "/console/issues/iss_1", "/console/leads?stage=sal&q=a%20b", "/console?x"] {
            assert_eq!(ReturnTo::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "/",
            "/consoles",
            "/console-x",
            "//console.example",
            "https://evil.example/console",
            "/console//evil.example",
            "/console/../desk",
            "/console/\\evil",
            "/console/a b",
            "/console/\r\nset-cookie:x",
            "/console/sign-in/abc",
            "/console/sign-out",
            "/console\u{e9}",
        ] {
            assert_eq!(ReturnTo::parse(bad), None, "{bad}");
        }
        assert_eq!(ReturnTo::parse(&format!("/console/{}", "a".repeat(500))), None);
        let to = ReturnTo::parse("/console/leads?a=1&b=2").unwrap();
        assert_eq!(to.after("/console/sign-in"), "/console/sign-in?to=%2Fconsole%2Fleads%3Fa%3D1%26b%3D2");
    }
}
