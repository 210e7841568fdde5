//! `partnercast embed`

use super::{ConfigArgument, looking, say};
use crate::{
    domain::kernel::{Error, Result},
    store::partners,
    work::embeds::{self, Kit},
};

/// Arguments of `embed`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The partner's slug.
    partner: String,
    #[command(flatten)]
    config: ConfigArgument,
    /// The place for this asset alone, such as blog/restores-not-backups.
    #[arg(long)]
    asset: Option<String>,
    /// Print a whole page for the partner to host, and nothing else.
    #[arg(long, conflicts_with = "asset")]
    page: bool,
}

/// Prints what a partner pastes into its own site. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database cannot be read, or there is no such partner or asset.
pub async fn main(arguments: Arguments) -> Result<()> {
    let ctx = looking::context(&arguments.config, None).await?;
    let kit = async {
        looking::known_partner(&ctx, &arguments.partner).await?;
        let partner = partners::partner(&ctx.db, &arguments.partner).await?;
        let partner = partner.ok_or_else(|| Error::not_found("this partner"))?;
        embeds::kit(&ctx, &partner, arguments.asset.as_deref()).await
    };
    let kit = kit.await;
    ctx.db.close().await;
    let kit = kit?;
    if arguments.page {
        say(kit.page.trim_end());
    } else {
        tell(&kit);
    }
    Ok(())
}

fn tell(kit: &Kit) {
    say("The script, once a page; browsers refuse any other than this one:");
    say(&kit.fixed);
    say("Or the one of the day, which follows our releases:");
    say(&kit.floating);
    for place in &kit.places {
        say("");
        say(&format!("{}:", place.label));
        say(&place.html);
    }
    say("");
    if kit.sites.is_empty() {
        say(
            "The roster has no website that begins with https://, so no site may show frames of this partner.",
        );
    } else {
        say(&format!("Frames are shown on {}, and nowhere else.", kit.sites.join(" and ")));
    }
    say("A Content-Security-Policy of the site must allow:");
    kit.policy.iter().for_each(|line| say(line));
}
