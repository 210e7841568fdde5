//! `partnercast import`

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Subcommand;

use super::{
    ConfigArgument, import_leads, import_updates, load, looking, say, start_log, steer::ACTOR, writing,
};
use crate::{
    domain::{
        kernel::{Clock, Error, Kind, Result, clock::SystemClock, random::OsRandom},
        lead::attendance::LIST_BYTES_MAX,
        partner::roster::RowFault,
    },
    work::{
        Context, attendance,
        import::{self, Change, Found},
    },
};

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    config: ConfigArgument,
    /// Folder with partners.csv, contacts.csv and brands/<partner>/brand.toml, logo.png or logo.svg, and logo-dark.png or logo-dark.svg.
    #[arg(required = true)]
    roster: Option<PathBuf>,
    /// Check everything and say what would change; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line, all faults at once: {"fault": {"file", "line", "column", "message", "fix"}}, where line 0 means the
    /// whole file; without a fault one line with what is new, known and gone.
    #[arg(long)]
    json: bool,
}

/// Other things to import than a roster.
#[derive(Debug, Subcommand)]
enum What {
    /// Import who was at a webinar from the list of the webinar tool. A folder of that name is `./attendance`.
    Attendance(Attendance),
    /// Take leads from a CSV file: all of them, or, with one fault, none.
    Leads(import_leads::Arguments),
    /// Take what came of leads from a CSV file: all of its rows, or, with one fault, none.
    LeadUpdates(import_updates::Arguments),
}

/// Arguments of `import attendance`.
#[derive(Debug, clap::Args)]
struct Attendance {
    #[command(flatten)]
    config: ConfigArgument,
    /// CSV with a column `email`, and if there are `attended` (yes or no) and `minutes`; other columns are left alone.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The webinar, such as `webinars/prove-your-restores`.
    #[arg(long, value_name = "REFERENCE")]
    webinar: String,
    /// Check everything and say who is meant; write nothing. It works beside a running `serve` on both databases.
    #[arg(long)]
    dry_run: bool,
}

/// Checks the roster as a whole and imports it, or says every fault and imports nothing.
///
/// # Errors
/// Faults in the roster, or a database that cannot be opened.
pub async fn main(arguments: Arguments) -> Result<()> {
    let Arguments { config, what, roster, dry_run, json } = arguments;
    match what {
        Some(What::Attendance(attendance)) => return attended(attendance).await,
        Some(What::Leads(leads)) => return import_leads::main(&config, leads).await,
        Some(What::LeadUpdates(updates)) => return import_updates::main(&config, updates).await,
        None => {}
    }
    let roster = roster.ok_or_else(|| Error::invalid("name the folder of the roster"))?;
    let config = load(&config)?;
    start_log(&config.log)?;
    let name = roster.display().to_string();
    let roster = match import::check(&roster).await? {
        Found::Roster(roster) => roster,
        Found::Faults(faults) => return refused(&name, &faults, json),
    };
    let db =
        writing::open(&config, "Stop it, import, and start it again; on PostgreSQL both work side by side")
            .await?;
    let change = import::compare(&db, &roster).await?;
    if json {
        say(&serde_json::json!({ "dry_run": dry_run, "change": change }).to_string());
    } else {
        say(&in_words(change));
    }
    if dry_run && !json {
        say("dry run: nothing was written");
    }
    if !dry_run {
        import::import(&db, SystemClock.now_ms(), &OsRandom, roster).await?;
        if !json {
            say("imported");
        }
    }
    db.close().await;
    Ok(())
}

fn in_words(change: Change) -> String {
    format!(
        "partners: {} new, {} known; contacts: {} new, {} known, {} no longer listed (they get nothing more)",
        change.partners_new,
        change.partners_known,
        change.contacts_new,
        change.contacts_known,
        change.contacts_gone
    )
}

/// Tells every fault of the roster in the folder `name`.
fn refused(name: &str, faults: &[RowFault], json: bool) -> Result<()> {
    if !json {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        return Err(Error::invalid(lines.join("\n")));
    }
    faults.iter().for_each(|fault| say(&serde_json::json!({ "fault": fault }).to_string()));
    let counted = if faults.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", faults.len()) };
    Err(Error::invalid(format!("{name} has {counted}; nothing was imported")))
}

/// Checks the list as a whole and notes who was there, or says every fault and notes nobody.
async fn attended(arguments: Attendance) -> Result<()> {
    let bytes = read_list(&arguments.file)?;
    let ctx = if arguments.dry_run {
        looking::context(&arguments.config, None).await?
    } else {
        let config = load(&arguments.config)?;
        start_log(&config.log)?;
        writing::alone(&config, &writing::no_page_has_it("`--dry-run` works beside it")).await?
    };
    let done = note(&ctx, &arguments, &bytes).await;
    ctx.db.close().await;
    done?.iter().for_each(|line| say(line));
    Ok(())
}

async fn note(ctx: &Context, arguments: &Attendance, bytes: &[u8]) -> Result<Vec<String>> {
    let matched =
        attendance::matched(ctx, &arguments.webinar, bytes).await.map_err(|error| match error.kind() {
            Kind::Invalid => Error::invalid(format!("{}: {}", arguments.file.display(), error.public())),
            _ => error,
        })?;
    let mut lines = vec![format!(
        "{}: {} leads and {} people of partners were there, {} of them noted already; {} more are listed who were not",
        arguments.webinar, matched.leads, matched.contacts, matched.known, matched.absent
    )];
    if matched.strangers > 0 {
        let more = if matched.strangers > matched.named.len() { ", …" } else { "" };
        lines.push(format!(
            "left out, as neither a lead nor anybody at a partner has the address: {} ({}{more})",
            matched.strangers,
            matched.named.join(", ")
        ));
    }
    if arguments.dry_run {
        lines.push("dry run: nothing was written".to_owned());
    } else {
        lines.push(format!("noted: {}", attendance::import(ctx, ACTOR, matched).await?));
    }
    Ok(lines)
}

/// The list, of which no more is read than a list may have.
fn read_list(file: &Path) -> Result<Vec<u8>> {
    let failed =
        |error: std::io::Error| Error::invalid(format!("{} cannot be read: {error}", file.display()));
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(failed)?;
    opened.take(LIST_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
