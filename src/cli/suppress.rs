//! `partnercast suppress`

use clap::Subcommand;

use super::{ConfigArgument, load, say, start_log, writing};
use crate::{
    app,
    domain::{
        kernel::{Error, Result, clock::utc, random::OsRandom},
        program::audience::SuppressionReason,
    },
    store::{
        Db,
        suppressions::{self, ALL, Filter, Suppression},
    },
    work::suppress::{self, Order},
};

/// Who acts, for the audit.
const ACTOR: &str = "command line";

/// Arguments of `suppress`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show who gets nothing, why, and until when.
    List {
        /// A part of the address.
        #[arg(default_value = "")]
        search: String,
        /// Only this reason: bad-address, bad-domain, mailbox-full, complaint, unsubscribed or manual.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Put an address, or a whole @domain, on the list.
    Add {
        /// `person@example.com`, which covers its tags too, or `@example.com`.
        address: String,
        /// A newsletter's slug; everything if left out.
        #[arg(long, default_value = ALL)]
        scope: String,
        /// Why, for colleagues.
        #[arg(long, default_value = "")]
        because: String,
        /// For so many days; for good if left out.
        #[arg(long)]
        days: Option<i64>,
    },
    /// Take an entry off the list.
    Lift {
        /// As in the list.
        address: String,
        /// As in the list.
        #[arg(long, default_value = ALL)]
        scope: String,
        /// They unsubscribed or complained themselves, and have asked for mail again.
        #[arg(long)]
        they_asked: bool,
    },
}

/// Does it.
///
/// # Errors
/// A database that cannot be opened, faults in what was given.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let db = match &arguments.what {
        What::List { reason, .. } => {
            reason.as_deref().map_or(Ok(()), check)?;
            Db::open_read_only(&config.database.url).await?
        }
        What::Add { .. } | What::Lift { .. } => {
            writing::open(&config, &writing::in_the_console(&config, "/console/suppressions")).await?
        }
    };
    let now_ms = app::clock_of(&config)?.now_ms();
    match &arguments.what {
        What::List { search, reason } => {
            let filter = Filter { search: search.clone(), reason: reason.clone().unwrap_or_default() };
            let mut offset = 0;
            loop {
                let page = suppressions::list(&db, now_ms, &filter, offset).await?;
                if page.is_empty() {
                    break;
                }
                page.iter().for_each(|entry| say(&line(entry)));
                offset += i64::try_from(page.len()).unwrap_or(i64::MAX);
            }
            say(&format!("{offset} on the do-not-send list"));
        }
        What::Add { address, scope, because, days } => {
            let order = Order { address, scope, detail: because, days: *days };
            let added = suppress::add(&db, now_ms, &OsRandom, ACTOR, &order).await?;
            say(if added { "added" } else { "it was there already; nothing changed" });
        }
        What::Lift { address, scope, they_asked } => {
            let entry = suppress::lift(&db, now_ms, &OsRandom, ACTOR, address, scope, *they_asked).await?;
            say(&format!("lifted: {}", line(&entry)));
        }
    }
    db.close().await;
    Ok(())
}

/// Refuses a reason that there is not.
fn check(reason: &str) -> Result<()> {
    if SuppressionReason::parse(reason).is_some() {
        return Ok(());
    }
    let words = SuppressionReason::ALL.map(SuppressionReason::as_str).join(", ");
    Err(Error::invalid(format!("nobody is on the list for the reason `{reason}`; there are {words}")))
}

/// `dana@north.example  all  bad-address  since 2027-01-12  for good  550 5.1.1 no such user`
fn line(entry: &Suppression) -> String {
    let day = |ms| utc(ms).format("%Y-%m-%d").to_string();
    let until = entry.expires_ms.map_or_else(|| "for good".to_owned(), |ms| format!("until {}", day(ms)));
    let Suppression { email_key, scope, reason, created_ms, detail, .. } = entry;
    format!("{email_key}  {scope}  {reason}  since {}  {until}  {detail}", day(*created_ms))
        .trim_end()
        .to_owned()
}
