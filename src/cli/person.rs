//! `partnercast person`

use std::sync::Arc;

use clap::Subcommand;

use super::{ConfigArgument, load, looking, say, start_log, writing};
use crate::{
    app,
    domain::kernel::{Error, Result},
    render::Templates,
    work::{person, sync},
};

/// Who acts, for the audit.
const ACTOR: &str = "command line";

/// Arguments of `person`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print everything that is held of a person, as JSON by table.
    Export {
        /// Their address; its tags are theirs too.
        email: String,
    },
    /// Take everything of a person away, in all tables and in the database's files. Says what it would do, and does it with
    /// --yes. Counts stay; a salted hash of the address stays, so that no roster brings them back.
    Erase {
        /// Their address; its tags are theirs too.
        email: String,
        /// Do it. It cannot be undone.
        #[arg(long)]
        yes: bool,
    },
}

/// Does it.
///
/// # Errors
/// No address, nobody known by it, a database that cannot be opened.
pub async fn main(arguments: Arguments) -> Result<()> {
    match &arguments.what {
        What::Export { email } => {
            let ctx = looking::context(&arguments.config, None).await?;
            let all = person::export(&ctx.db, email).await;
            ctx.db.close().await;
            let text = serde_json::to_string_pretty(&all?);
            say(&text.map_err(|error| Error::internal("JSON").because(error))?);
            Ok(())
        }
        What::Erase { email, yes: false } => {
            let ctx = looking::context(&arguments.config, None).await?;
            let held = preview(&ctx.db, email).await;
            ctx.db.close().await;
            held?.iter().for_each(|line| say(line));
            say("nothing was changed; add --yes to take it away for good");
            Ok(())
        }
        What::Erase { email, yes: true } => erase(&arguments.config, email).await,
    }
}

async fn preview(db: &crate::store::Db, email: &str) -> Result<Vec<String>> {
    let known = person::find(db, email).await?;
    let mut lines = vec![format!(
        "{}: {} as a partner's contact, {} as a lead; would be taken away or replaced in",
        known.base_key,
        known.contacts.len(),
        known.leads.len()
    )];
    lines.extend(
        person::held(db, &known).await?.into_iter().map(|(table, rows)| format!("  {table}: {rows} rows")),
    );
    lines.extend(person::fixed(db, &known).await?.iter().map(fixed));
    Ok(lines)
}

async fn erase(argument: &ConfigArgument, email: &str) -> Result<()> {
    let config = load(argument)?;
    start_log(&config.log)?;
    let db = writing::open(&config, &writing::in_the_console(&config, "/console/leads")).await?;
    let templates = Arc::new(Templates::load(config.server.templates_dir.as_deref())?);
    let public_url = config.server.public_url.trim_end_matches('/').to_owned();
    let ctx = app::context(&config, db, app::clock_of(&config)?, templates, public_url)?;
    sync::load(&ctx).await?;
    let done = person::erase(&ctx, email, ACTOR).await;
    ctx.db.close().await;
    let done = done?;
    done.held.iter().for_each(|(table, rows)| say(&format!("{table}: {rows} rows")));
    say(&format!("erased; {} open offers were taken back, and who had them is told", done.recalled));
    if done.passed_on > 0 {
        say(&format!("{} leads that they had, or were offered, are with others now", done.passed_on));
    }
    for (table, rows) in &done.left {
        say(&format!("still in {table}: {rows} rows that came meanwhile; erase again"));
    }
    done.fixed.iter().map(fixed).for_each(|line| say(&line));
    Ok(())
}

/// What a released issue says stays: it is what people approved, and what was sent.
fn fixed(one: &person::Fixed) -> String {
    let waits = match one.waiting {
        0 => "none of them waits to leave".to_owned(),
        many => format!("{many} messages of them have not left yet: cancel or recall it if they must not"),
    };
    format!(
        "stays in what was fixed for the issue {}: {} renditions name them; {waits}",
        one.issue, one.renditions
    )
}
