//! Passwords, tokens and sessions of accounts, sealed at rest.

use crate::{
    channel::social::bluesky::Session,
    domain::kernel::{Error, Result, seal::Seal},
    store::social::accounts,
    work::Context,
};

/// What the keys are made for.
const PURPOSE: &str = "social-secret";

/// Seals a password or token for its account.
pub(super) fn seal(ctx: &Context, account_id: &str, secret: &str) -> Result<String> {
    Seal::new(&ctx.keys, PURPOSE)?.seal(account_id, secret.as_bytes(), &*ctx.random)
}

/// Seals a session for its account.
pub(super) fn seal_session(ctx: &Context, account_id: &str, session: &Session) -> Result<String> {
    let json = serde_json::to_string(session).map_err(|error| Error::internal("a session").because(error))?;
    seal(ctx, account_id, &json)
}

fn open(seal: &Seal, account_id: &str, sealed: &str) -> Result<String> {
    let bytes = seal.open(account_id, sealed)?;
    String::from_utf8(bytes).map_err(|error| Error::internal("an account's secret").because(error))
}

/// An account's password or token, and its session if it has one.
///
/// # Errors
/// `Unavailable` where the key that sealed it is gone, `Conflict` for an account without one.
pub(super) async fn of_account(ctx: &Context, account_id: &str) -> Result<(String, Option<Session>)> {
    let (sealed, session) = accounts::sealed(&ctx.db, account_id).await?.unwrap_or_default();
    if sealed.is_empty() {
        return Err(Error::conflict("this account has no password or token: a person posts in it"));
    }
    let seal = Seal::new(&ctx.keys, PURPOSE)?;
    let secret = open(&seal, account_id, &sealed)?;
    // A session that cannot be read is none: signing in makes another.
    let session = (!session.is_empty()).then(|| open(&seal, account_id, &session).ok()).flatten();
    Ok((secret, session.and_then(|json| serde_json::from_str(&json).ok())))
}

/// Seals anew what an older key sealed, so that it can be taken out of the file of keys once it has had its time.
///
/// # Errors
/// Those of the store; what cannot be opened is left, and said.
pub(super) async fn seal_anew(ctx: &Context) -> Result<()> {
    let by = Seal::new(&ctx.keys, PURPOSE)?;
    for (id, secret, session) in accounts::sealed_otherwise(&ctx.db, by.key_id()).await? {
        let again = |sealed: &str| -> Result<String> {
            if sealed.is_empty() {
                return Ok(String::new());
            }
            by.seal(&id, open(&by, &id, sealed)?.as_bytes(), &*ctx.random)
        };
        let (new_secret, new_session) = match (again(&secret), again(&session)) {
            (Ok(secret), session) => (secret, session.unwrap_or_default()),
            (Err(error), _) => {
                tracing::error!(account = id, error = error.detail(), "an account's secret cannot be opened");
                continue;
            }
        };
        let mut tx = ctx.db.begin().await?;
        accounts::seal_anew(&mut tx, &id, (&secret, &session), (&new_secret, &new_session)).await?;
        tx.commit().await?;
    }
    Ok(())
}
