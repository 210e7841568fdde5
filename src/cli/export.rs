//! `partnercast export`

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
};

use chrono::{NaiveDate, NaiveTime};
use clap::Subcommand;

use super::{ConfigArgument, looking};
use crate::{
    domain::kernel::{Error, Result, clock::UtcMs},
    work::lead_updates,
};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Leads with what they are worth; `import lead-updates` takes the columns lead_id, stage, value, currency, close_date and
    /// reason back. It works beside a running `serve`.
    Leads {
        /// Only those of this partner.
        #[arg(long)]
        partner: Option<String>,
        /// Only those that changed on this day (UTC) or later, such as 2027-01-12.
        #[arg(long, value_name = "DAY")]
        since: Option<String>,
        /// The file; the terminal if left out.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Writes them.
///
/// # Errors
/// A database that cannot be read, a file that cannot be written, a day that is none.
pub async fn main(arguments: Arguments) -> Result<()> {
    let What::Leads { partner, since, out } = arguments.what;
    let since_ms = since.as_deref().map_or(Ok(0), day)?;
    let ctx = looking::context(&arguments.config, None).await?;
    if let Some(slug) = &partner {
        looking::known_partner(&ctx, slug).await?;
    }
    let mut to: Box<dyn Write + Send> = match &out {
        None => Box::new(BufWriter::new(std::io::stdout())),
        Some(path) => {
            let file = File::create(path)
                .map_err(|error| Error::invalid(format!("{} cannot be written ({error})", path.display())))?;
            Box::new(BufWriter::new(file))
        }
    };
    let mut write = |text: &str| to.write_all(text.as_bytes()).map_err(|error| failed(&error));
    let exported = lead_updates::export(&ctx, partner.as_deref(), since_ms, &mut write).await;
    ctx.db.close().await;
    exported?;
    to.flush().map_err(|error| failed(&error))
}

fn failed(error: &std::io::Error) -> Error {
    Error::unavailable(format!("the leads cannot be written: {error}"))
}

fn day(text: &str) -> Result<UtcMs> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
    let day =
        day.ok_or_else(|| Error::invalid(format!("--since: `{text}` is no day; write it like 2027-01-12")))?;
    Ok(day.and_time(NaiveTime::MIN).and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        assert_eq!(day("1970-01-02").unwrap(), 86_400_000);
        assert!(day("2.1.1970").unwrap_err().public().contains("2027-01-12"));
    }
}
