//! `partnercast dead-letters`

use super::{ConfigArgument, load, say, start_log};
use crate::{
    domain::kernel::{Error, Result, clock::utc},
    store::{
        Db,
        dead_letters::{self, DeadLetter, Filter, PAGE},
    },
    work::{lookup, replay},
};

/// Arguments of `dead-letters`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Only those of this issue, named as for `explain`.
    #[arg(long)]
    issue: Option<String>,
    /// Only those in this state: failed, uncertain, expired or dead.
    #[arg(long)]
    state: Option<String>,
    /// Only those whose last try ended in this class, such as soft or policy.
    #[arg(long)]
    class: Option<String>,
    /// Show at most this many, newest first.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// One JSON object a line; times are UTC milliseconds.
    #[arg(long)]
    json: bool,
}

/// Lists what waits for a person. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database cannot be read, or a word of the filter is wrong.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let db = Db::open_read_only(&config.database.url).await?;
    let mut filter = Filter { state: arguments.state, class: arguments.class, ..Filter::default() };
    replay::check(&filter)?;
    if let Some(issue) = &arguments.issue {
        filter.issue = Some(lookup::issue(&db, issue).await?.id);
    }
    let (all, may_leave) = dead_letters::count(&db, &filter).await?;
    let (mut shown, mut before) = (0, None);
    while shown < arguments.limit {
        let page = dead_letters::page(&db, &filter, before.as_deref()).await?;
        for letter in &page {
            if shown < arguments.limit {
                say(&if arguments.json { json(letter)? } else { line(letter) });
                shown += 1;
            }
        }
        if page.len() < PAGE {
            break;
        }
        before = page.last().map(|letter| letter.id.clone());
    }
    db.close().await;
    if !arguments.json {
        say(&match all {
            0 => "no message waits for a person".to_owned(),
            _ => format!(
                "{shown} of {all} shown; {may_leave} can be sent again: partnercast retry ISSUE, or retry dlv_…"
            ),
        });
    }
    Ok(())
}

fn json(letter: &DeadLetter) -> Result<String> {
    serde_json::to_string(letter).map_err(|error| Error::internal("JSON").because(error))
}

fn line(letter: &DeadLetter) -> String {
    let of = match (&letter.newsletter, &letter.nominal_date) {
        (Some(newsletter), Some(date)) => format!("{newsletter}/{date}"),
        _ => letter.source.split(':').next().unwrap_or_default().to_owned(),
    };
    let when = letter
        .ended_ms
        .map_or_else(|| "never tried".to_owned(), |ms| utc(ms).format("%Y-%m-%d %H:%M:%SZ").to_string());
    let why = letter.why();
    format!(
        "{}  {when}  {:<9}  {:<11}  {of}  {} <{}>, {}  {why}  “{}”{}",
        letter.id,
        letter.state,
        letter.class.as_deref().unwrap_or("-"),
        letter.recipient_name,
        letter.email,
        letter.partner_slug,
        letter.reply.as_deref().unwrap_or(""),
        if letter.cancelled { "  (issue cancelled)" } else { "" }
    )
}
