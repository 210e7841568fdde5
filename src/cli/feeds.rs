//! `partnercast feeds`

use super::{ConfigArgument, address_of, load, looking, say};
use crate::{domain::kernel::Result, store::partners, work::feeds};

/// Arguments of `feeds`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Of this partner alone.
    #[arg(long)]
    partner: Option<String>,
}

/// Prints where partners' feeds are. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database cannot be read, or there is no such partner.
pub async fn main(arguments: Arguments) -> Result<()> {
    let base = address_of(&load(&arguments.config)?).unwrap_or_default();
    let ctx = looking::context(&arguments.config, None).await?;
    let told = async {
        if let Some(slug) = &arguments.partner {
            looking::known_partner(&ctx, slug).await?;
        }
        let mut lines = Vec::new();
        for slug in partners::slugs(&ctx.db).await? {
            if arguments.partner.as_ref().is_some_and(|wanted| *wanted != slug) {
                continue;
            }
            let paths = [("public", feeds::public_path(&slug)), ("inside", feeds::inside_path(&ctx, &slug))];
            for (whose, path) in paths {
                lines
                    .extend(["atom", "json"].map(|ending| format!("{slug}\t{whose}\t{base}{path}.{ending}")));
            }
        }
        Ok::<_, crate::domain::kernel::Error>(lines)
    };
    let told = told.await;
    ctx.db.close().await;
    told?.iter().for_each(|line| say(line));
    Ok(())
}
