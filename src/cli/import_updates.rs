//! `partnercast import lead-updates`

use std::path::PathBuf;

use super::{
    ConfigArgument, load,
    rows::{Faults, read},
    say, start_log, steer, writing,
};
use crate::{
    domain::{kernel::Result, lead::update::FILE_BYTES_MAX},
    work::{
        Context,
        lead_updates::{self, Told},
    },
};

/// Arguments of `import lead-updates`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A CSV file with the columns lead_id, stage, value, currency, close_date, reason, again_on, note and updated_at;
    /// `partnercast guide crm` says what each holds.
    file: PathBuf,
    /// Do everything and take it back: every fault is told, nothing is written.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line, all faults at once: {"fault": {"row", "column", "value", "message", "fix"}}, where row 0 means the
    /// whole file; without a fault what was done.
    #[arg(long)]
    json: bool,
    /// Write every fault into this file, as CSV that a spreadsheet opens without running anything.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

/// Takes the file as a whole, or says every fault and takes nothing.
///
/// # Errors
/// Faults in the file, or a database that cannot be opened.
pub async fn main(config: &ConfigArgument, arguments: Arguments) -> Result<()> {
    let config = load(config)?;
    start_log(&config.log)?;
    let name = arguments.file.display().to_string();
    let bytes = read(&arguments.file, &name, FILE_BYTES_MAX)?;
    let base = writing::base_url(&config);
    let meanwhile = format!(
        "Meanwhile what came of a lead is recorded on the desk ({base}/desk), or sent to {base}/api/leads/<id> \
         (`partnercast guide crm`)"
    );
    let ctx = writing::alone(&config, &writing::no_page_has_it(&meanwhile)).await?;
    let done = import(&ctx, &arguments, &name, &bytes).await;
    ctx.db.close().await;
    done
}

async fn import(ctx: &Context, arguments: &Arguments, name: &str, bytes: &[u8]) -> Result<()> {
    let mut faults = Faults::new(arguments.json, arguments.faults.as_deref())?;
    let (done, unchanged) = match lead_updates::import(ctx, steer::ACTOR, bytes, arguments.dry_run).await? {
        Told::All(done, unchanged) => (done, unchanged),
        Told::Faults(found) => {
            found.iter().for_each(|fault| faults.tell(fault));
            return faults.refusal(name);
        }
    };
    faults.finish()?;
    let recorded = done.iter().filter(|it| it.recorded).count();
    let ignored = done.len() - recorded;
    if arguments.json {
        let told = serde_json::json!({
            "dry_run": arguments.dry_run, "recorded": recorded, "ignored": ignored, "unchanged": unchanged,
        });
        say(&told.to_string());
        return Ok(());
    }
    say(&format!(
        "updates: {recorded} recorded, {ignored} older than what is known, {unchanged} as it is known"
    ));
    if arguments.dry_run {
        say("dry run: nothing was written");
    }
    Ok(())
}
