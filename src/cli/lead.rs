//! `partnercast lead`

use clap::Subcommand;

use super::{ConfigArgument, load, say, start_log, steer};
use crate::{
    domain::kernel::Result,
    work::{
        handoff::{self, Order},
        sync,
    },
};

/// Arguments of `lead`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Give a lead that no partner brought to a partner of your choice, as its page in the console does.
    Give {
        /// Its id, as its address in the console has it: `led_…`.
        lead: String,
        /// The partner's slug.
        #[arg(long, value_name = "PARTNER")]
        to: String,
        /// Why they get it; it stays in the history of the lead.
        #[arg(long, value_name = "TEXT")]
        because: String,
    },
}

/// Does it.
///
/// # Errors
/// A database that cannot be opened, no content yet, or a lead that this partner may not have, which says why.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let What::Give { lead, to, because } = arguments.what;
    let ctx = steer::levers(&config, &format!("/console/leads/{lead}")).await?;
    sync::load(&ctx).await?;
    let order = Order { lead_id: &lead, to: &to, because: &because, known_ms: None };
    let done = handoff::give_partner(&ctx, steer::ACTOR, &order).await;
    ctx.db.close().await;
    say(&if done? {
        format!("{lead} is offered at {to}")
    } else {
        format!(
            "{lead} is with {to} now and waits there: another partner is in touch with the person (rules/routing.toml \
             [conflict]); /console/conflicts shows both"
        )
    });
    Ok(())
}
