//! Opening the database to change something. A SQLite file has one process: while `serve` runs, others are told where
//! that process does the same.

use std::sync::Arc;

use crate::{
    app,
    cli::{address_of, steer},
    config::Config,
    domain::kernel::{Error, Kind, Result},
    render::Templates,
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
    load(&ctx, config).await?;
    Ok(ctx)
}

/// The content as it was last synced; where nothing was yet, as it stands in the folder.
async fn load(ctx: &Context, config: &Config) -> Result<()> {
    sync::load(ctx).await?;
    match &config.content.dir {
        Some(dir) if ctx.library().vendor.is_none() => sync::sync(ctx, dir, false).await.map(drop),
        _ => Ok(()),
    }
}

/// The surroundings of a use case, with the content as it was last synced, for what no page does; `instead` is what to say to whoever
/// finds another process at work.
///
/// # Errors
/// As [`context`].
pub(super) async fn alone(config: &Config, instead: &str) -> Result<Context> {
    let ctx = surroundings(config, instead).await?;
    load(&ctx, config).await?;
    Ok(ctx)
}

/// The same without the content.
///
/// # Errors
/// As [`open`].
pub(super) async fn surroundings(config: &Config, instead: &str) -> Result<Context> {
    let db = open(config, instead).await?;
    let templates = Arc::new(Templates::load(config.server.templates_dir.as_deref())?);
    app::context(config, db, app::clock_of(config)?, templates, base_url(config))
}

/// That nothing there does this, and what does a part of it meanwhile.
pub(super) fn no_page_has_it(meanwhile: &str) -> String {
    format!("No page does this: stop `serve`, do it, and start `serve` again. {meanwhile}")
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
