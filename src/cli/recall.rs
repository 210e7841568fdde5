//! `partnercast recall`: taking an asset back, and what was taken back.

use super::{ConfigArgument, load, say, start_log, writing};
use crate::{
    app,
    domain::{
        content::Library,
        kernel::{Error, Result, clock::utc, random::OsRandom},
    },
    store::{Db, social::recalled as standing},
    work::{
        recall::{self, Correction, Order},
        revisions::Count,
        sync,
    },
};

/// Who acts, for the audit log.
const ACTOR: &str = "operator (command line)";

/// Arguments of `recall`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The asset, such as whitepapers/first-24-hours. Alone, or left out: what was recalled.
    reference: Option<String>,
    /// Why, for colleagues.
    #[arg(long, requires = "reference")]
    because: Option<String>,
    /// The asset that its links lead to instead.
    #[arg(long, value_name = "REFERENCE", requires = "because")]
    to: Option<String>,
    /// Take the recall back.
    #[arg(long, requires = "reference", conflicts_with_all = ["because", "to"])]
    lift: bool,
    /// A line of JSON for each, in a list.
    #[arg(long, conflicts_with_all = ["because", "lift"])]
    json: bool,
}

/// Recalls an asset, lifts a recall, or lists them. Listing only reads and works beside a running `serve`.
///
/// # Errors
/// The database cannot be opened, the order has faults, or another process has the database for itself.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let acts = arguments.because.is_some() || arguments.lift;
    let (true, Some(reference)) = (acts, &arguments.reference) else {
        let db = Db::open_read_only(&config.database.url).await?;
        // Counting looks at every message: of one asset, and not of all.
        let count = if arguments.reference.is_some() { Count::People } else { Count::Nobody };
        let found = recall::corrections(&db, arguments.reference.as_deref(), count).await?;
        db.close().await;
        return list(&found, arguments.json);
    };
    let path = format!("/console/revisions/{reference}");
    let db = writing::open(&config, &writing::in_the_console(&config, &path)).await?;
    let now_ms = app::clock_of(&config)?.now_ms();
    if arguments.lift {
        recall::lift(&db, (now_ms, &OsRandom), ACTOR, reference).await?;
        say(&format!("{reference} is no longer recalled; its links lead where they led before"));
    } else {
        let (library, _) = Library::build(sync::stored_texts(&db).await?);
        let because = arguments.because.unwrap_or_default();
        let order = Order { reference, to: arguments.to.as_deref(), because: &because };
        let done = recall::recall(&db, &library, (now_ms, &OsRandom), ACTOR, &order).await?;
        let people = recall::outdated(&db, &done).await?;
        say(&format!("{}; {} an issue with a wrong text of it", effect(&done), have(people)));
        for path in recall::unmended(&db, &done).await? {
            say(&format!("{path} has had no new text since: it may still say what was wrong"));
        }
        for post in standing::of_asset(&db, &done.reference).await? {
            let at = if post.remote_url.is_empty() { "its address is not known" } else { &post.remote_url };
            say(&format!(
                "a post of it stands at {} as {} of {} ({at}): its partner is asked by mail to delete it",
                post.network, post.handle, post.partner_slug
            ));
        }
    }
    db.close().await;
    Ok(())
}

/// What a recall does.
fn effect(recall: &crate::store::recalls::Recall) -> String {
    let reference = &recall.reference;
    match (&recall.target, recall.good_no) {
        (Some(target), _) => format!("{reference} is recalled: its links lead to {target}"),
        (None, Some(no)) => {
            format!("{reference} is recalled: its links lead to its present text, revision {no}")
        }
        (None, None) => format!("{reference} is recalled: its links say that it was withdrawn"),
    }
}

fn have(people: i64) -> String {
    if people == 1 { "1 person has".to_owned() } else { format!("{people} people have") }
}

fn list(found: &[Correction], json: bool) -> Result<()> {
    for correction in found {
        let line = if json {
            serde_json::to_string(correction).map_err(|error| Error::internal("JSON").because(error))?
        } else {
            line(correction)
        };
        say(&line);
    }
    if found.is_empty() && !json {
        say("nothing was recalled");
    }
    Ok(())
}

/// `2027-01-12  blog/a -> blog/b  the price is wrong  by ana  12 people have a wrong text`
fn line(correction: &Correction) -> String {
    let recall = &correction.recall;
    let day = |ms| utc(ms).format("%Y-%m-%d %H:%M UTC").to_string();
    let to = match (&recall.target, recall.good_no) {
        (Some(target), _) => format!("-> {target}"),
        (None, Some(no)) => format!("-> revision {no}"),
        (None, None) => "withdrawn".to_owned(),
    };
    let end = match (recall.lifted_ms, &recall.lifted_by) {
        (Some(ms), Some(by)) => format!("lifted {} by {by}", day(ms)),
        _ => correction.people.map_or_else(
            || format!("in force; `partnercast recall {}` counts who has it", recall.reference),
            |people| format!("{} a wrong text", have(people)),
        ),
    };
    format!(
        "{}  {} {to}  {}  by {}  {end}",
        day(recall.recalled_ms),
        recall.reference,
        recall.because,
        recall.actor
    )
}
