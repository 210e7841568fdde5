//! `partnercast doctor`: what decides whether mail leaves and arrives, and how to mend it.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use serde_json::json;
use tokio::time::Instant;

use super::{ConfigArgument, load, looking, writing};
use crate::{
    app,
    channel::dns::Resolver,
    config::Config,
    domain::{
        content::{Memo, Severity, finding::did_you_mean},
        kernel::{Clock, EmailAddress, Kind, Result, clock::SystemClock, random::OsRandom},
    },
    store::{Db, lock::address_noted},
    work::{
        doctor::{
            self, Finding, Group, Secret, SecretFile, Status, Subject, WaysBack,
            channels::{self, Channel},
        },
        folder,
        sync::{self, Read},
    },
};

/// Width that lines are broken at.
const COLUMNS: usize = 100;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Write findings as JSON.
    #[arg(long)]
    json: bool,
    /// Hand one test message for this address to the relay.
    #[arg(long, value_name = "ADDRESS")]
    send_test: Option<String>,
    /// Look at the senders' DNS although the catcher keeps every mail.
    #[arg(long)]
    dns: bool,
    /// Look at this channel alone, beside mail: bluesky, mastodon, linkedin, x, wordpress or webhook. Nothing is posted. Accounts'
    /// secrets are used as by `social test`, which is noted (and at X costs $0.01 each): one that is refused has to be connected again
    /// from then on.
    #[arg(long, value_name = "CHANNEL", value_parser = channel, conflicts_with_all = ["send_test", "dns", "blocklists"])]
    channel: Option<Channel>,
    /// Ask the blocklists named in [doctor] about the addresses that the relay sends from.
    #[arg(long)]
    blocklists: bool,
}

/// Looks, prints, and gives the exit code: 1 when something fails.
///
/// # Errors
/// The configuration cannot be read, or the address of `--send-test` is none.
pub async fn main(arguments: Arguments) -> Result<ExitCode> {
    let config = load(&arguments.config)?;
    if let Some(channel) = arguments.channel {
        return Ok(show(&of_channel(&config, &arguments.config, channel).await?, arguments.json));
    }
    let send_to = arguments.send_test.as_deref().map(EmailAddress::parse).transpose()?;
    let subject = subject(&config, &arguments).await?;
    let mut findings = doctor::check(&subject).await;
    if let Some(to) = &send_to {
        findings.extend(doctor::sample::send(&subject, to, &OsRandom).await?);
    }
    if let Ok(db) = &subject.db {
        db.close().await;
    }
    Ok(show(&findings, arguments.json))
}

/// Prints findings, and gives the exit code.
fn show(findings: &[Finding], as_machine_reads: bool) -> ExitCode {
    let mut out = io::stdout().lock();
    // Nobody reads the answer if it cannot be written; the code still tells.
    let _ = if as_machine_reads {
        writeln!(out, "{:#}", as_json(findings))
    } else {
        human(findings, io::stdout().is_terminal(), &mut out)
    };
    let failed = findings.iter().any(|finding| finding.status == Status::Fail);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn channel(word: &str) -> std::result::Result<Channel, String> {
    let known = Channel::WORDS.into_iter().find(|(known, _)| *known == word);
    known
        .map(|(_, channel)| channel)
        .ok_or_else(|| did_you_mean(word, Channel::WORDS.iter().map(|(word, _)| *word)))
}

/// Looks at a channel. What is there is read first, as it is: only accounts that have a secret need a database that can be written
/// to, and beside a running `serve` on SQLite there is none.
async fn of_channel(config: &Config, argument: &ConfigArgument, channel: Channel) -> Result<Vec<Finding>> {
    let looking = looking::context(argument, None).await?;
    if !channels::uses_secrets(&looking, channel).await? {
        let findings = channels::check(&looking, channel, None).await;
        looking.db.close().await;
        return findings;
    }
    looking.db.close().await;
    let (ctx, busy) = match writing::context(config, "/console/social").await {
        Ok(ctx) => (ctx, None),
        Err(error) if error.kind() == Kind::Conflict => {
            (looking::context(argument, None).await?, Some(error.public().to_owned()))
        }
        Err(error) => return Err(error),
    };
    let findings = channels::check(&ctx, channel, busy.as_deref()).await;
    ctx.db.close().await;
    findings
}

async fn subject(config: &Config, arguments: &Arguments) -> Result<Subject> {
    let db = Db::look(&config.database.url).await.map_err(|error| error.detail());
    let (relays, relay_faults) = match app::relays_of(config) {
        Ok(relays) => (relays, Vec::new()),
        Err(error) => (Vec::new(), vec![error.detail()]),
    };
    let (signer, dkim_faults) = match app::dkim::signer(config) {
        Ok(signer) => (signer, Vec::new()),
        Err(error) => app::dkim::what_can_sign(config, &error),
    };
    let sqlite_file = config.database.url.strip_prefix("sqlite:").map(PathBuf::from);
    let (read, content_fault) = match content(config.content.dir.as_deref(), db.as_ref().ok()).await {
        Ok(read) => (read, None),
        Err(error) => (None, Some(error.detail())),
    };
    let (library, found) = read.map(|read| (Arc::new(read.library), read.findings)).unzip();
    // What is stored was without errors when it was stored.
    let found = found.filter(|_| config.content.dir.is_some()).unwrap_or_default();
    let errors = found.into_iter().filter(|it| it.severity == Severity::Error);
    Ok(Subject {
        library,
        content_fault,
        content_errors: errors.map(|error| error.to_string()).collect(),
        signer,
        dkim_faults,
        secret_files: secret_files(config),
        relays,
        relay_faults,
        relay_addresses: config.doctor.relay_addresses.clone(),
        blocklists: arguments.blocklists.then(|| config.doctor.blocklists.clone()),
        dns_anyway: arguments.dns,
        return_path_domain: config.mail.return_path_domain.as_ref().map(|domain| domain.to_lowercase()),
        ways_back: ways_back(config),
        public_url: config.server.public_url.clone(),
        listen: listen(config),
        keys: config.token_keys().map_err(|error| error.detail()),
        db,
        sqlite_file,
        dns: Arc::new(Resolver::new(config.dns.server)?),
        time_server: config.doctor.time_server.clone(),
        now_ms: SystemClock.now_ms(),
        since: Instant::now(),
    })
}

/// Where the running process listens, or one would.
fn listen(config: &Config) -> String {
    let noted = address_noted(&config.database.url);
    noted
        .and_then(|url| url.strip_prefix("http://").map(str::to_owned))
        .unwrap_or_else(|| config.server.listen.clone())
}

fn ways_back(config: &Config) -> WaysBack {
    let (sources, faults) = match app::sources_of(&config.bounces) {
        Ok(sources) => (sources, Vec::new()),
        Err(error) => (Vec::new(), vec![error.detail()]),
    };
    let http_secret = config.bounces.http_secret.clone().map(Secret);
    WaysBack { sources, faults, lmtp: config.bounces.lmtp.clone(), http_secret }
}

/// The content of the folder, or as last synced; none where there is none yet.
async fn content(dir: Option<&Path>, db: Option<&Db>) -> Result<Option<Read>> {
    let files = match (dir, db) {
        (Some(dir), _) => return Ok(Some(sync::read(&folder::read(dir).await?, SystemClock.now_ms()))),
        // A database that cannot be read is told about by itself.
        (None, Some(db)) => match sync::stored_files(db).await {
            Ok((files, _)) => files,
            Err(_) => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    Ok(Some(sync::read_texts(&files, &mut Memo::default(), SystemClock.now_ms())))
}

fn secret_files(config: &Config) -> Vec<SecretFile> {
    let file = |setting: String, path: &Path, rotate: String| SecretFile {
        setting,
        path: path.to_owned(),
        open_to_others: app::dkim::open_to_others(path),
        rotate,
    };
    let mut files = vec![file(
        "secrets.token_keys_file".to_owned(),
        &config.secrets.token_keys_file,
        "put a new line first (`openssl rand -hex 32`) and keep the old ones".to_owned(),
    )];
    files.extend(config.mail.dkim.iter().map(|entry| {
        file(
            format!("[[mail.dkim]] {}", entry.selector),
            &entry.key_file,
            "list a new key with a new selector and a `from` in a week; doctor shows the record to publish until then"
                .to_owned(),
        )
    }));
    files
}

fn count(findings: &[Finding], status: Status) -> usize {
    findings.iter().filter(|finding| finding.status == status).count()
}

fn as_json(findings: &[Finding]) -> serde_json::Value {
    json!({
        "ok": count(findings, Status::Fail) == 0,
        "pass": count(findings, Status::Pass),
        "warn": count(findings, Status::Warn),
        "fail": count(findings, Status::Fail),
        "unknown": count(findings, Status::Unknown),
        "findings": findings,
    })
}

fn human(findings: &[Finding], colour: bool, out: &mut dyn Write) -> io::Result<()> {
    for group in Group::ALL {
        let mut first = true;
        for finding in findings.iter().filter(|finding| finding.group == group) {
            if first {
                writeln!(out, "{}\n", painted(group.title(), "1", colour))?;
            }
            first = false;
            let paint = match finding.status {
                Status::Pass => "32",
                Status::Unknown => "2",
                Status::Warn => "33",
                Status::Fail => "1;31",
            };
            let word = painted(&format!("{:<7}", finding.status.as_str()), paint, colour);
            writeln!(
                out,
                "  {word}  {}  {}",
                finding.check,
                painted(&printable(&finding.subject), "2", colour)
            )?;
            for line in wrapped(&finding.found, COLUMNS - 11) {
                writeln!(out, "           {line}")?;
            }
            for (at, line) in finding.fix.iter().flat_map(|fix| fix_lines(fix)).enumerate() {
                writeln!(out, "           {}{line}", if at == 0 { "-> " } else { "   " })?;
            }
        }
        if !first {
            writeln!(out)?;
        }
    }
    writeln!(
        out,
        "{} pass, {} warn, {} fail, {} unknown",
        count(findings, Status::Pass),
        count(findings, Status::Warn),
        count(findings, Status::Fail),
        count(findings, Status::Unknown)
    )
}

/// A record stands on a line of its own, however long, so that it can be copied; so does everything after the first line.
fn fix_lines(fix: &str) -> Vec<String> {
    let (first, rest) = fix.split_once('\n').unwrap_or((fix, ""));
    let (prose, record) = first.split_once("publish: ").unwrap_or((first, ""));
    let prose = if record.is_empty() { prose.to_owned() } else { format!("{prose}publish:") };
    let mut lines = wrapped(&prose, COLUMNS - 14);
    lines.extend([record].into_iter().chain(rest.lines()).filter(|line| !line.is_empty()).map(printable));
    lines
}

/// What others wrote, in DNS or a greeting, must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Broken between words.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace().map(printable) {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines[last].push_str(&word);
        } else if lines[last].chars().count() + 1 + word.chars().count() <= columns {
            lines[last].push(' ');
            lines[last].push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

fn painted(text: &str, code: &str, colour: bool) -> String {
    if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
