//! The command line: what the operator and the marketer type.

mod api_key;
pub mod attribution;
pub mod audience;
pub mod bounce;
pub mod check;
pub mod content;
pub mod dead_letters;
pub mod demo;
pub mod doctor;
mod embed;
pub mod explain;
mod export;
mod feeds;
pub mod import;
mod import_leads;
mod import_updates;
pub mod init;
pub mod ladder;
mod lead;
mod looking;
pub mod messages;
pub mod migrate_to;
pub mod person;
pub mod plan;
pub mod preview;
pub mod promises;
pub mod recall;
pub mod rejudge;
pub mod revisions;
mod rows;
mod secret_line;
pub mod sequences;
pub mod serve;
pub mod sign_in;
mod site;
mod social;
pub mod steer;
pub mod suppress;
mod webhook;
pub mod what_if;
mod writing;

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use steer::Lever;

use crate::{
    app::url_at,
    config::{Config, Log, LogFormat},
    domain::kernel::Result,
    store::lock::address_noted,
};

/// Partner communication and content syndication: newsletters on a promised cadence, co-branded content, honest
/// tracking, leads with one owner and a running clock.
#[derive(Debug, Parser)]
#[command(name = "partnercast", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole story on real content, with nothing installed: an issue that leaves around the world, an inbox
    /// that receives it, a form, a lead, a sales rep.
    Demo(demo::Arguments),
    /// Run the web pages, the scheduler and the delivery until stopped.
    Serve(serve::Arguments),
    /// Write a commented partnercast.toml and the keys it needs.
    Init(init::Arguments),
    /// Check a content folder; findings with file, line, column and fix. Exit code 1 if there are errors.
    Check(check::Arguments),
    /// Show a content folder as its readers will see it, through any partner's eyes, and follow every save.
    Preview(preview::Arguments),
    /// Begin a new content file with the example of its kind.
    New(content::NewArguments),
    /// Print what may be written in a content file: keys with meanings, and an example.
    Guide(content::GuideArguments),
    /// Look at everything that decides whether mail leaves and arrives (DNS, relay, public address, what comes back,
    /// database, queue, machine), each with the exact fix. Exit code 1 if something fails.
    Doctor(doctor::Arguments),
    /// Import partners, contacts and brands from a roster folder, leads from a CSV file (`import leads`), what came of them
    /// (`import lead-updates`), or who was at a webinar (`import attendance`).
    Import(import::Arguments),
    /// Give a lead that no partner brought to a partner of your choice.
    Lead(lead::Arguments),
    /// Write leads as CSV that a spreadsheet opens without running anything.
    Export(export::Arguments),
    /// Show the issues ahead: when each is frozen and leaves, to whom, in which variants, who is left out and why, and
    /// what changed since the last one.
    Plan(plan::Arguments),
    /// List everybody considered for a date with the reason in or out, and what changed since the issue before; as CSV, too.
    Audience(audience::Arguments),
    /// Show how promises were kept: each newsletter's last dates, to whom they were not, lead clocks; or a note to readers
    /// about one that was broken.
    Promises(promises::Arguments),
    /// Print the addresses of partners' feeds (Atom and JSON Feed): the one for anybody, and the secret one for their own people.
    Feeds(feeds::Arguments),
    /// Print what a partner pastes into its own site: the loader script with its hash, places, what a policy must allow, a whole page.
    Embed(embed::Arguments),
    /// Show the outcome ladder, read from the top: won, sales qualified, accepted, qualified, engaged people, used, delivered;
    /// by partner, kit, asset, newsletter and days.
    Ladder(ladder::Arguments),
    /// Show what deals are credited to: sourced, influenced and shared among touches, by partner, kit, asset or newsletter.
    Attribution(attribution::Arguments),
    /// Say what a changed scoring rule would have done: which leads would have qualified and when, which would not, and how
    /// those would have been accepted. Changes nothing.
    WhatIf(what_if::Arguments),
    /// Show the key messages: whom each was told by mail, how often, and in which forms (read, watch, do).
    Messages(messages::Arguments),
    /// Show sequences: how many people are at which step, who they are, how they left; or what an edited content folder
    /// would do to those inside; have one rest, or go on.
    Sequences(sequences::Arguments),
    /// Tell the whole chain for one person and one issue: chosen or not and why, every try and reply, what came of it; or the
    /// sequences that somebody is or was inside.
    Explain(explain::Arguments),
    /// List what a file of the content folder said when: numbers, commits, sizes, how many people have each.
    Revisions(revisions::RevisionsArguments),
    /// Compare two revisions as a reader gets them, the latest two if no number is named.
    Diff(revisions::DiffArguments),
    /// Say who has a revision: to whom an issue with it went, and what they did with it.
    Who(revisions::WhoArguments),
    /// Take an asset back: say why, and where its links lead from now on; or show what was recalled.
    Recall(recall::Arguments),
    /// Approve an issue that waits for a person: it leaves at its promised hours.
    Release(steer::Arguments),
    /// Stop starting messages of an issue, until it is resumed.
    Pause(steer::Arguments),
    /// Go on with a paused issue.
    Resume(steer::Arguments),
    /// End an issue for good: what has not left does not leave.
    Cancel(steer::Arguments),
    /// Take an issue of which nothing was started back to draft: it is frozen anew from the content as it is now.
    ReturnToDraft(steer::Arguments),
    /// Send again what failed, expired, is uncertain or dead: of an issue, or one message.
    Retry(steer::RetryArguments),
    /// List the messages that wait for a person, with class and reply.
    DeadLetters(dead_letters::Arguments),
    /// Copy this SQLite installation into an empty PostgreSQL database, all or nothing, and compare both.
    MigrateTo(migrate_to::Arguments),
    /// Make, list and revoke the keys with which programs send leads (`POST /api/leads`) and what came of them.
    ApiKey(api_key::Arguments),
    /// Tell other systems what happens (a partner's, a CRM): add, verify, try and steer their endpoints, see tries, send again.
    Webhook(webhook::Arguments),
    /// Post in partners' own accounts at social networks: connect, try and steer accounts, see posts with their tries, approve, send
    /// again.
    Social(social::Arguments),
    /// Post articles to a partner's own WordPress: connect it, list posts, have them tried again, disconnect it.
    Site(site::Arguments),
    /// Show and mend the do-not-send list.
    Suppress(suppress::Arguments),
    /// Hand out everything that is held of a person, or take it away.
    Person(person::Arguments),
    /// Take bounces and complaints from files, such as those that came to another mailbox.
    Bounce(bounce::Arguments),
    /// Judge anew who did what is recorded, person or machine, by rules/engagement.toml as it is now, and say what changes.
    Rejudge(rejudge::Arguments),
    /// Print a link that signs one browser in to the console, once, within ten minutes.
    SignIn(sign_in::Arguments),
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
pub struct ConfigArgument {
    /// The configuration file.
    #[arg(long, short, default_value = "partnercast.toml", global = true)]
    pub config: PathBuf,
}

/// Parses the arguments, runs the command, reports what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Both choices of the TLS library's back end are compiled into some dependency's reach; this one is ours. A second
    // call, as in tests, changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = match cli.command {
        Command::Check(arguments) => return check::main(&arguments),
        Command::Init(arguments) => init::main(&arguments),
        Command::New(arguments) => content::new(&arguments),
        Command::Guide(arguments) => content::guide(&arguments),
        Command::SignIn(arguments) => sign_in::main(&arguments),
        Command::Demo(arguments) => block_on(demo::main(arguments)),
        Command::Doctor(arguments) => {
            let mut code = ExitCode::SUCCESS;
            let looked = block_on(async { doctor::main(arguments).await.map(|found| code = found) });
            if looked.is_ok() {
                return code;
            }
            looked
        }
        Command::Preview(arguments) => block_on(preview::main(arguments)),
        Command::Serve(arguments) => block_on(serve::main(arguments)),
        Command::Plan(arguments) => block_on(plan::main(arguments)),
        Command::Explain(arguments) => block_on(explain::main(arguments)),
        Command::Revisions(arguments) => block_on(revisions::list(arguments)),
        Command::Diff(arguments) => block_on(revisions::diff(arguments)),
        Command::Who(arguments) => block_on(revisions::who(arguments)),
        Command::Recall(arguments) => block_on(recall::main(arguments)),
        Command::Release(arguments) => block_on(steer::main(Lever::Release, arguments)),
        Command::Pause(arguments) => block_on(steer::main(Lever::Pause, arguments)),
        Command::Resume(arguments) => block_on(steer::main(Lever::Resume, arguments)),
        Command::Cancel(arguments) => block_on(steer::main(Lever::Cancel, arguments)),
        Command::ReturnToDraft(arguments) => block_on(steer::main(Lever::ReturnToDraft, arguments)),
        Command::Retry(arguments) => block_on(steer::retry(arguments)),
        Command::Audience(arguments) => block_on(audience::main(arguments)),
        Command::Promises(arguments) => block_on(promises::main(arguments)),
        Command::Feeds(arguments) => block_on(feeds::main(arguments)),
        Command::Embed(arguments) => block_on(embed::main(arguments)),
        Command::Ladder(arguments) => block_on(ladder::main(arguments)),
        Command::Attribution(arguments) => block_on(attribution::main(arguments)),
        Command::WhatIf(arguments) => block_on(what_if::main(arguments)),
        Command::Messages(arguments) => block_on(messages::main(arguments)),
        Command::Sequences(arguments) => block_on(sequences::main(arguments)),
        Command::DeadLetters(arguments) => block_on(dead_letters::main(arguments)),
        Command::MigrateTo(arguments) => block_on(migrate_to::main(arguments)),
        Command::Import(arguments) => block_on(import::main(arguments)),
        Command::Lead(arguments) => block_on(lead::main(arguments)),
        Command::Export(arguments) => block_on(export::main(arguments)),
        Command::ApiKey(arguments) => block_on(api_key::main(arguments)),
        Command::Webhook(arguments) => block_on(webhook::main(arguments)),
        Command::Social(arguments) => block_on(social::main(arguments)),
        Command::Site(arguments) => block_on(site::main(arguments)),
        Command::Suppress(arguments) => block_on(suppress::main(arguments)),
        Command::Rejudge(arguments) => block_on(rejudge::main(arguments)),
        Command::Person(arguments) => block_on(person::main(arguments)),
        Command::Bounce(arguments) => block_on(bounce::main(arguments)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error.detail());
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        crate::domain::kernel::Error::unavailable("the operating system gives us no threads").because(error)
    })?;
    runtime.block_on(work)
}

/// A line for the person at the terminal. A closed terminal is no reason to stop working.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn say_error(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "error: {line}");
}

/// Starts the log as configured.
fn start_log(log: &Log) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&log.filter).map_err(|error| {
        crate::domain::kernel::Error::invalid(format!(
            "log.filter `{}` cannot be read; write `info` or `partnercast=debug,warn`",
            log.filter
        ))
        .because(error)
    })?;
    let quiet = [
        // It would write the mailbox's password when asked for everything.
        "async_imap=warn",
        // PostgreSQL remarks on each table that is there already.
        "sqlx::postgres::notice=warn",
    ];
    let filter = quiet.iter().try_fold(filter, |filter, directive| {
        let directive = directive.parse().map_err(|error: tracing_subscriber::filter::ParseError| {
            crate::domain::kernel::Error::internal("log filter").because(error)
        })?;
        Ok::<_, crate::domain::kernel::Error>(filter.add_directive(directive))
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A log that was started already, as in tests, stays.
    let _ = match log.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
///
/// # Errors
/// The operating system gives us no signals.
async fn asked_to_stop() -> Result<()> {
    let no_signals =
        |error| crate::domain::kernel::Error::unavailable("signals cannot be received").because(error);
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(no_signals)?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.map_err(no_signals),
        _ = terminate.recv() => Ok(()),
    }
}

/// The address for links to pages of this installation: `server.public_url`, or where the running process serves, or
/// where it would. `None` where it would take any free port, and nobody serves or tells.
fn address_of(config: &Config) -> Option<String> {
    let server = &config.server;
    match server.public_url.trim_end_matches('/') {
        "" => {}
        url => return Some(url.to_owned()),
    }
    address_noted(&config.database.url).or_else(|| match server.listen.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => None,
        Ok(address) => Some(url_at(address)),
        Err(_) => Some(format!("http://{}", server.listen)),
    })
}

/// Reads the configuration.
///
/// # Errors
/// As [`Config::load`].
fn load(argument: &ConfigArgument) -> Result<Config> {
    Config::load(&argument.config)
}
