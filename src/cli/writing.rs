//! Opening the database to change something. A SQLite file has one process: while `serve` runs, others are told where
//! that process does the same.

use crate::{
    cli::{address_of, steer},
    config::Config,
    domain::kernel::{Error, Kind, Result},
    store::Db,
    work::{Context, sync},
};

/// The database of `config`; `instead` is what to say to whoever finds another process at work.
///
/// # Errors
/// As [`Db::open`].
pub(super) async fn open(config: &Config, instead: &str) -> Result<Db> {
    Db::open(&config.database.url).await.map_err(|error| match error.kind() {
        Kind::Conflict => Error::conflict(format!("{}. {instead}", error.public())),
        _ => error,
    })
}

/// The surroundings of a use case with the content as it was last synced; `path` is where the console of a running process does the
/// same.
///
/// # Errors
/// As [`open`]; those of the store.
pub(super) async fn context(config: &Config, path: &str) -> Result<Context> {
    let ctx = steer::levers(config, path).await?;
    sync::load(&ctx).await?;
    Ok(ctx)
}

/// That the console has the same lever, at `path`.
pub(super) fn in_the_console(config: &Config, path: &str) -> String {
    format!(
        "While it runs, its console has the same lever: {}{path} (`partnercast sign-in` prints a link into it)",
        base_url(config)
    )
}

/// The address of the pages, without a slash at its end.
pub(super) fn base_url(config: &Config) -> String {
    address_of(config).unwrap_or_else(|| format!("http://{}", config.server.listen))
}
