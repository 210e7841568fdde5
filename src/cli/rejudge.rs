//! `partnercast rejudge`

use std::{path::PathBuf, sync::Arc};

use super::{ConfigArgument, load, looking, say, start_log, writing};
use crate::{
    app,
    domain::kernel::{Error, Result},
    render::Templates,
    work::{
        rejudge::{self, Told},
        sync,
    },
};

/// Arguments of `rejudge`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Only say what would change. Works beside a running `serve` on both databases.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: go by the rules of this content folder instead of those last synced.
    #[arg(long, value_name = "DIR", requires = "dry_run")]
    content: Option<PathBuf>,
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// Judges anew who did what is recorded, person or machine, and says what changes.
///
/// # Errors
/// The configuration, the database or the folder cannot be read; a running `serve` has the SQLite file.
pub async fn main(arguments: Arguments) -> Result<()> {
    let told = if arguments.dry_run {
        let ctx = looking::context(&arguments.config, arguments.content.as_deref()).await?;
        let told = rejudge::preview(&ctx).await;
        ctx.db.close().await;
        told?
    } else {
        for_good(&arguments.config).await?
    };
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&told).map_err(|error| Error::internal("JSON").because(error))?;
        say(&text);
    } else {
        lines(&told, arguments.dry_run).iter().for_each(|line| say(line));
    }
    Ok(())
}

async fn for_good(config: &ConfigArgument) -> Result<Told> {
    let config = load(config)?;
    start_log(&config.log)?;
    let instead = "It judges anew by itself when rules/engagement.toml changes; `--dry-run` works beside it";
    let db = writing::open(&config, instead).await?;
    let templates = Arc::new(Templates::load(config.server.templates_dir.as_deref())?);
    let ctx = app::context(&config, db, app::clock_of(&config)?, templates, writing::base_url(&config))?;
    sync::load(&ctx).await?;
    let told = rejudge::all(&ctx).await;
    ctx.db.close().await;
    told
}

fn lines(told: &Told, is_dry: bool) -> Vec<String> {
    let verb = if is_dry { "would be" } else { "are" };
    let mut lines = vec![format!(
        "{} events looked at, {} {verb} judged differently, of {} leads",
        told.looked, told.changed, told.leads
    )];
    if !told.changes.is_empty() {
        lines.push(format!("  {:<12} {:<16}    {:<16} {:>8}", "kind", "before", "now", "events"));
    }
    lines.extend(told.changes.iter().map(|change| {
        let was = if change.was.is_empty() { "none" } else { &change.was };
        format!("  {:<12} {was:<16} -> {:<16} {:>8}", change.kind, change.now, change.events)
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::rejudge::Change;

    #[test]
    fn what_changes_is_told_by_reason() {
        let change = Change { kind: "click".into(), was: "person".into(), now: "burst".into(), events: 41 };
        let told = Told { looked: 100, changed: 41, changes: vec![change], leads: 2 };
        let said = lines(&told, true).join("\n");
        assert!(
            said.starts_with("100 events looked at, 41 would be judged differently, of 2 leads"),
            "{said}"
        );
        assert!(said.ends_with("click        person           -> burst                  41"), "{said}");
    }
}
