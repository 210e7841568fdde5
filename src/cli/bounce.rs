//! `partnercast bounce`

use std::{io::Read, path::PathBuf, sync::Arc};

use super::{ConfigArgument, load, say, start_log, writing};
use crate::{
    app,
    channel::mailbox::MESSAGE_BYTES_MAX,
    config::Config,
    domain::kernel::{Error, Result},
    render::Templates,
    store::Db,
    work::{
        Context,
        bounce::{self, Incoming},
        sync,
    },
};

/// Arguments of `bounce`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Messages that came back, one a file (RFC 5322), such as those of a Maildir.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Whom they came to, where the messages do not say.
    #[arg(long)]
    to: Option<String>,
    /// Say what would follow; change nothing. Works beside a running `serve`.
    #[arg(long)]
    dry_run: bool,
}

/// Takes report files by hand. They stay where they are; taking one twice changes nothing.
///
/// # Errors
/// A file that cannot be read, before anything is taken; a database that cannot be opened.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let mut messages = Vec::new();
    let mut faults = Vec::new();
    for path in &arguments.files {
        match read(path) {
            Ok(raw) => messages.push((path, raw)),
            Err(error) => faults.push(format!("{} cannot be read: {error}", path.display())),
        }
    }
    if !faults.is_empty() {
        return Err(Error::invalid(faults.join("\n")));
    }
    let db = if arguments.dry_run {
        Db::open_read_only(&config.database.url).await?
    } else {
        let instead = "While it runs, hand the messages to a way in of its own (a Maildir, LMTP or HTTP, under [bounces]), or \
                       stop it first; --dry-run works beside it";
        writing::open(&config, instead).await?
    };
    let ctx = context(&config, db.clone())?;
    // What an unsubscribing mail stops depends on which newsletters there are.
    sync::load(&ctx).await?;
    let mut changed = 0;
    for (path, raw) in &messages {
        let incoming = Incoming { source: "file", envelope_to: arguments.to.as_deref(), raw };
        let taken = if arguments.dry_run {
            bounce::rehearse(&ctx, &incoming).await?
        } else {
            bounce::take(&ctx, &incoming).await?
        };
        changed += i32::from(taken.report.changed && !taken.is_repeat);
        let report = &taken.report;
        let what = [report.kind.as_str(), &report.class].join(" ");
        say(&format!("{}: {}: {}", path.display(), what.trim(), report.effect));
    }
    let count = messages.len();
    say(&if arguments.dry_run {
        format!("dry run: {changed} of {count} would change something; nothing was written")
    } else {
        format!("{changed} of {count} changed something")
    });
    db.close().await;
    Ok(())
}

/// As much of a file as is looked at.
fn read(path: &PathBuf) -> std::io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    std::fs::File::open(path)?.take(MESSAGE_BYTES_MAX as u64).read_to_end(&mut raw)?;
    Ok(raw)
}

fn context(config: &Config, db: Db) -> Result<Context> {
    let templates = Arc::new(Templates::load(config.server.templates_dir.as_deref())?);
    let public_url = config.server.public_url.trim_end_matches('/').to_owned();
    app::context(config, db, app::clock_of(config)?, templates, public_url)
}
