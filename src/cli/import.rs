//! `partnercast import`

use std::path::PathBuf;

use super::{ConfigArgument, load, say, start_log, writing};
use crate::{
    domain::kernel::{Clock, Result, clock::SystemClock, random::OsRandom},
    work::import,
};

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Folder with partners.csv, contacts.csv and brands/<partner>/brand.toml, logo.png or logo.svg, and logo-dark.png or logo-dark.svg.
    roster: PathBuf,
    /// Check everything and say what would change; write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Checks the roster as a whole and imports it, or says every fault and imports nothing.
///
/// # Errors
/// Faults in the roster, or a database that cannot be opened.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let roster = import::read(&arguments.roster).await?;
    let db =
        writing::open(&config, "Stop it, import, and start it again; on PostgreSQL both work side by side")
            .await?;
    let change = import::compare(&db, &roster).await?;
    say(&format!(
        "partners: {} new, {} known; contacts: {} new, {} known, {} no longer listed (they get nothing more)",
        change.partners_new,
        change.partners_known,
        change.contacts_new,
        change.contacts_known,
        change.contacts_gone
    ));
    if arguments.dry_run {
        say("dry run: nothing was written");
    } else {
        import::import(&db, SystemClock.now_ms(), &OsRandom, roster).await?;
        say("imported");
    }
    db.close().await;
    Ok(())
}
