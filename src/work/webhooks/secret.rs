//! Secrets of endpoints, sealed at rest.

use crate::{
    domain::{
        kernel::{Error, Result, clock::UtcMs, seal::Seal},
        webhook::Secret,
    },
    store::{
        Tx,
        webhooks::{
            endpoints,
            secrets::{self, Sealed},
        },
    },
    work::Context,
};

/// What the keys are made for.
const PURPOSE: &str = "webhook-secret";
/// The same for tokens.
const BEARER: &str = "webhook-bearer";

/// Seals a secret for its endpoint and keeps it.
pub(super) async fn keep(
    ctx: &Context,
    tx: &mut Tx,
    endpoint_id: &str,
    secret: &Secret,
    now_ms: UtcMs,
) -> Result<()> {
    let seal = Seal::new(&ctx.keys, PURPOSE)?;
    let sealed = seal.seal(endpoint_id, secret.reveal().as_bytes(), &*ctx.random)?;
    secrets::keep(tx, endpoint_id, &sealed, now_ms).await
}

/// The secrets that sign and verify now.
pub(in crate::work) async fn secrets_in_use(ctx: &Context, endpoint_id: &str) -> Result<Vec<Secret>> {
    Ok(in_use(ctx, endpoint_id).await?.into_iter().map(|(_, secret)| secret).collect())
}

/// Seals what goes with messages as `Authorization: Bearer`; of a chat room its address, which is all that it takes to write there.
pub(super) fn seal_bearer(ctx: &Context, endpoint_id: &str, token: &str) -> Result<String> {
    Seal::new(&ctx.keys, BEARER)?.seal(endpoint_id, token.as_bytes(), &*ctx.random)
}

/// What [`seal_bearer`] sealed for an endpoint, if anything: the value of `Authorization: Bearer`, or the address of a chat room.
pub(super) async fn bearer(ctx: &Context, endpoint_id: &str) -> Result<Option<String>> {
    let Some(sealed) = endpoints::bearer(&ctx.db, endpoint_id).await? else { return Ok(None) };
    let bytes = Seal::new(&ctx.keys, BEARER)?.open(endpoint_id, &sealed)?;
    let token = String::from_utf8(bytes).map_err(|error| Error::internal("a bearer token").because(error))?;
    Ok(Some(token))
}

/// The secrets that sign now, the newest first, each with its row.
pub(super) async fn in_use(ctx: &Context, endpoint_id: &str) -> Result<Vec<(Sealed, Secret)>> {
    let seal = Seal::new(&ctx.keys, PURPOSE)?;
    let rows = secrets::in_use(&ctx.db, endpoint_id, ctx.now_ms()).await?;
    if rows.is_empty() {
        return Err(Error::internal(format!("endpoint {endpoint_id} has no secret")));
    }
    rows.into_iter()
        .map(|row| {
            let bytes = seal.open(endpoint_id, &row.sealed)?;
            let text =
                String::from_utf8(bytes).map_err(|error| Error::internal("webhook secret").because(error))?;
            Ok((row, Secret::parse(&text)?))
        })
        .collect()
}

/// Seals secrets, tokens and addresses of rooms anew that an older key sealed, so that it can be taken out of the file of keys
/// once it has had its time.
///
/// # Errors
/// Those of the store; what cannot be opened is left, and said.
pub(super) async fn seal_anew(ctx: &Context) -> Result<()> {
    let seal = Seal::new(&ctx.keys, PURPOSE)?;
    for (endpoint_id, row) in secrets::sealed_otherwise(&ctx.db, seal.key_id()).await? {
        let Some(sealed) = anew(ctx, &seal, &endpoint_id, &row.sealed)? else { continue };
        let mut tx = ctx.db.begin().await?;
        secrets::replace(&mut tx, &endpoint_id, &row, &sealed).await?;
        tx.commit().await?;
    }
    let seal = Seal::new(&ctx.keys, BEARER)?;
    for (endpoint_id, known) in endpoints::bearers_sealed_otherwise(&ctx.db, seal.key_id()).await? {
        let Some(sealed) = anew(ctx, &seal, &endpoint_id, &known)? else { continue };
        let mut tx = ctx.db.begin().await?;
        endpoints::replace_bearer(&mut tx, &endpoint_id, &known, &sealed).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The same, sealed by the newest key; nothing for what no key opens.
fn anew(ctx: &Context, seal: &Seal, endpoint_id: &str, sealed: &str) -> Result<Option<String>> {
    match seal.open(endpoint_id, sealed) {
        Ok(bytes) => seal.seal(endpoint_id, &bytes, &*ctx.random).map(Some),
        Err(error) => {
            tracing::error!(endpoint = endpoint_id, error = error.detail(), "a secret cannot be opened");
            Ok(None)
        }
    }
}
