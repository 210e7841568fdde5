//! `partnercast release`, `pause`, `resume`, `cancel` and `retry`: steering an issue from the command line.
//!
//! On PostgreSQL they work beside any number of running `serve`. A SQLite file has one process: while `serve` runs,
//! they say where its console has the same lever.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, IsTerminal as _, Write as _},
};

use super::{ConfigArgument, load, say, start_log, writing};
use crate::{
    config::Config,
    domain::{
        delivery::DeliveryState,
        kernel::{Error, Result},
    },
    store::{Db, dead_letters::Filter, deliveries, digests, issues::Issue, promises},
    work::{
        Context,
        approve::{self, Approved},
        lookup, replay,
    },
};

/// Who acts, for the audit log.
pub(super) const ACTOR: &str = "operator (command line)";

/// Arguments of the levers.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The issue: its id, `newsletter/2027-01-12`, or the newsletter alone for its latest issue.
    issue: String,
    /// Do not ask before what cannot be taken back.
    #[arg(long, short)]
    yes: bool,
}

/// Arguments of `retry`.
#[derive(Debug, clap::Args)]
pub struct RetryArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The issue, as for `explain`, or one delivery (dlv_…).
    target: String,
    /// Only those in this state: failed, uncertain, expired or dead.
    #[arg(long)]
    state: Option<String>,
    /// Only those whose last try ended in this class, such as soft or policy.
    #[arg(long)]
    class: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// What can be done with an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lever {
    /// Approve it as it was frozen.
    Release,
    /// Start nothing new for now.
    Pause,
    /// Go on.
    Resume,
    /// Start nothing new ever.
    Cancel,
    /// Fix it anew from the content as it is now.
    ReturnToDraft,
}

/// Moves the lever.
///
/// # Errors
/// The issue is not clear, cannot be moved that way now, or another process has the database for itself.
pub async fn main(lever: Lever, arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let looking = Db::open_read_only(&config.database.url).await?;
    let issue = lookup::issue(&looking, &arguments.issue).await?;
    let name = format!("{}/{}", issue.newsletter, issue.nominal_date);
    let question = question(&looking, lever, &issue, &name).await?;
    looking.close().await;
    let path = format!("/console/issues/{}", issue.id);
    let ctx = levers(&config, &path).await?;
    if let Some(question) = question
        && !arguments.yes
        && !confirmed(&question)?
    {
        say("nothing was done");
        return Ok(());
    }
    let mut missing = 0;
    match lever {
        Lever::Release => {
            if let Approved::Missing(more) =
                approve::approve(&ctx, &issue.id, &issue.content_hash, ACTOR).await?
            {
                missing = more;
            }
        }
        Lever::Pause => approve::pause(&ctx, &issue.id, ACTOR).await?,
        Lever::Resume => approve::resume(&ctx, &issue.id, ACTOR).await?,
        Lever::Cancel => approve::cancel(&ctx, &issue.id, ACTOR).await?,
        Lever::ReturnToDraft => approve::return_to_draft(&ctx, &issue.id, ACTOR).await?,
    }
    let counts = deliveries::counts(&ctx.db, &issue.id).await?;
    ctx.db.close().await;
    say(&match lever {
        Lever::Release if missing > 0 => format!(
            "{name} has your approval, and needs {missing} more: somebody else who may approve, in the console"
        ),
        Lever::Release => format!(
            "{name} is approved; its messages are made and leave at their promised hours while `serve` runs"
        ),
        Lever::Pause => format!(
            "{name} is paused; what is being handed over is finished, nothing new starts ({})",
            standing(&counts)
        ),
        Lever::Resume => format!("{name} goes on ({})", standing(&counts)),
        Lever::Cancel => format!("{name} is cancelled for good; the evidence stays ({})", standing(&counts)),
        Lever::ReturnToDraft => {
            format!("{name} is a draft again; `serve` fixes it anew from the content as it is now")
        }
    });
    Ok(())
}

/// What to ask before what cannot be taken back; refuses early what cannot be done at all.
async fn question(db: &Db, lever: Lever, issue: &Issue, name: &str) -> Result<Option<String>> {
    match lever {
        Lever::Release if issue.state != "frozen" || issue.control == "cancelled" => {
            let state = if issue.control == "cancelled" { "cancelled" } else { issue.state.as_str() };
            let by = match issue.approved_by.as_deref().map(approve::by_whom) {
                _ if state == "cancelled" => String::new(),
                Some(by) if state == "approved" => format!(", {by}"),
                Some(by) => format!(", approved {by}"),
                None => String::new(),
            };
            Err(Error::conflict(format!("{name} does not wait for approval: it is {state}{by}")))
        }
        Lever::Release => {
            let promises = promises::of_issue(db, &issue.id).await?;
            let readers: i64 = promises.iter().map(|promise| promise.recipients).sum();
            let why =
                issue.held_because.as_ref().map(|why| format!("\nIt was held: {why}")).unwrap_or_default();
            let people = if readers == 1 { "person" } else { "people" };
            let hash: String = issue.content_hash.chars().take(12).collect();
            Ok(Some(format!(
                "{name}, “{}”, goes to {readers} {people} (content {hash}).{why}\nRelease it?",
                issue.title
            )))
        }
        Lever::Cancel => {
            let counts = standing(&deliveries::counts(db, &issue.id).await?);
            let others = approve::cancelling(db, issue).await?;
            let others = if others.is_empty() { others } else { format!(" {others}") };
            Ok(Some(format!("What has not left of {name} will never leave ({counts}).{others} Cancel it?")))
        }
        Lever::ReturnToDraft => Ok(Some(format!(
            "{name} is frozen anew from the content as it is now, and so is what shares mails with it; approvals are void. \
             Return it to draft?"
        ))),
        Lever::Pause | Lever::Resume => Ok(None),
    }
}

/// Puts back what ended without being accepted.
///
/// # Errors
/// As [`main`]; a wrong state or class; nothing to send again.
pub async fn retry(arguments: RetryArguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let looking = Db::open_read_only(&config.database.url).await?;
    let mut filter = Filter { state: arguments.state, class: arguments.class, ..Filter::default() };
    let (name, path) = if arguments.target.starts_with("dlv_") {
        let told = deliveries::told(&looking, &arguments.target).await?;
        let told = told.ok_or_else(|| Error::not_found(format!("delivery {}", arguments.target)))?;
        filter.delivery = Some(told.id.clone());
        (format!("to {} <{}>", told.recipient_name, told.email), "/console/dead-letters".to_owned())
    } else {
        let issue = lookup::issue(&looking, &arguments.target).await?;
        filter.issue = Some(issue.id.clone());
        let path = format!("/console/dead-letters?issue={}", issue.id);
        (format!("of {}/{}", issue.newsletter, issue.nominal_date), path)
    };
    let mut ready = replay::ready(&looking, &filter).await?;
    let rides_in = match &filter.issue {
        Some(issue) if ready == 0 => digests::ridden(&looking, issue).await?,
        _ => Vec::new(),
    };
    looking.close().await;
    if ready == 0 {
        let hosts: BTreeSet<String> =
            rides_in.iter().map(|it| format!("{}/{}", it.newsletter, it.nominal_date)).collect();
        let hosts = hosts.into_iter().collect::<Vec<_>>().join(", ");
        let hint = if hosts.is_empty() {
            hosts
        } else {
            format!(". It came in the mails of {hosts}: have those sent again")
        };
        say(&format!(
            "nothing {name} can be sent again: only what failed, expired, is uncertain or dead, of an issue that was not \
             cancelled{hint}"
        ));
        return Ok(());
    }
    let ctx = levers(&config, &path).await?;
    let more = if ready == replay::REPLAY_MAX { " or more" } else { "" };
    let question =
        format!("{} {name} to be sent again, each with its old Message-ID. Send?", messages(ready, more));
    if !arguments.yes && !confirmed(&question)? {
        say("nothing was done");
        return Ok(());
    }
    let mut put_back = 0;
    while ready > 0 {
        put_back += replay::replay(&ctx, &filter, ready, ACTOR).await?;
        ready = if ready == replay::REPLAY_MAX { replay::ready(&ctx.db, &filter).await? } else { 0 };
    }
    ctx.db.close().await;
    say(&format!(
        "{} {name} wait in the queue and leave while `serve` runs: now, or at the reader's next allowed time if late",
        messages(i64::try_from(put_back).unwrap_or(i64::MAX), "")
    ));
    Ok(())
}

fn messages(count: i64, more: &str) -> String {
    format!("{count}{more} {}", if count == 1 { "message" } else { "messages" })
}

/// `17 accepted, 2 ready`
fn standing(counts: &[(DeliveryState, i64)]) -> String {
    let words: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    if words.is_empty() { "no message was made yet".to_owned() } else { words.join(", ") }
}

/// The surroundings of a use case; `path` is where the console of a running process has the same lever.
pub(super) async fn levers(config: &Config, path: &str) -> Result<Context> {
    writing::surroundings(config, &writing::in_the_console(config, path)).await
}

/// Asks at the terminal.
///
/// # Errors
/// `Invalid` where nobody can answer.
fn confirmed(question: &str) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Error::invalid(format!(
            "{question}\nnobody can answer here: add --yes to do it without asking"
        )));
    }
    say(question);
    let mut out = std::io::stdout().lock();
    // A closed terminal answers nothing, which is no.
    let _ = write!(out, "[y/N] ").and_then(|()| out.flush());
    let mut answer = String::new();
    let _ = stdin.lock().read_line(&mut answer);
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
