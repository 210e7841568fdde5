//! Surroundings that only read, beside a running `serve` on both databases.

use std::{path::Path, sync::Arc};

use super::{ConfigArgument, load, start_log};
use crate::{
    app,
    domain::{
        content::finding::did_you_mean,
        kernel::{Error, Result},
    },
    render::Templates,
    store::{Db, partners},
    work::{Context, sync},
};

/// The surroundings of a command that only reads: the configured database, with the content as last synced or that of the
/// folder `content`.
///
/// # Errors
/// The configuration, the database or the folder cannot be read.
pub(super) async fn context(config: &ConfigArgument, content: Option<&Path>) -> Result<Context> {
    let config = load(config)?;
    start_log(&config.log)?;
    let db = Db::open_read_only(&config.database.url).await?;
    let templates = Arc::new(Templates::load(config.server.templates_dir.as_deref())?);
    let public_url = config.server.public_url.trim_end_matches('/').to_owned();
    let ctx = app::context(&config, db, app::clock_of(&config)?, templates, public_url)?;
    match content {
        Some(dir) => sync::show(&ctx, dir).await?,
        None => drop(sync::load(&ctx).await?),
    }
    Ok(ctx)
}

/// Refuses a partner that nobody knows: nothing would be found of it, which reads as if nothing were there.
///
/// # Errors
/// `NotFound` with the slug that was probably meant; those of the store.
pub(super) async fn known_partner(ctx: &Context, slug: &str) -> Result<()> {
    let partners = partners::all_partners(&ctx.db).await?;
    let slugs = || partners.iter().map(|partner| partner.slug.as_str());
    if slugs().any(|known| known == slug) {
        return Ok(());
    }
    Err(Error::not_found_but(format!("partner {slug}"), did_you_mean(slug, slugs())))
}
