//! Secrets of endpoints, sealed at rest.

use crate::{
    domain::{
        kernel::{Error, Result, clock::UtcMs, seal::Seal},
        webhook::Secret,
    },
    store::{
        Tx,
        webhooks::secrets::{self, Sealed},
    },
    work::Context,
};

/// What the keys are made for.
const PURPOSE: &str = "webhook-secret";

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
