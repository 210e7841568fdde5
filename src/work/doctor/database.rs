//! The database and the outbox in it.

use super::{Finding, Group, Subject};
use crate::{
    domain::kernel::clock::{DAY_MS, MINUTE_MS},
    store::{Db, inspect, lock::ProcessLock},
};

/// A larger difference makes leases and promises wrong.
const SKEW_MS_MAX: i64 = 5_000;
/// A message that is due and waits longer is told about.
const WAIT_MS_MAX: i64 = 10 * MINUTE_MS;
/// Oldest version we test with.
const POSTGRES_MIN: u32 = 14;
/// A journal that grew beyond this is not being folded in, in bytes.
const WAL_BYTES_MAX: u64 = 64 << 20;
/// Share of addresses that do not exist, from which providers take notice and action, per thousand.
const BAD_PER_MILLE: (i64, i64) = (20, 50);
/// Fewer tries than this say nothing about a share.
const TRIES_MIN: i64 = 100;

/// The database, and the queue where it can be read.
pub(super) async fn check(subject: &Subject) -> Vec<Finding> {
    let place = subject
        .sqlite_file
        .as_ref()
        .map_or_else(|| "PostgreSQL".to_owned(), |path| path.display().to_string());
    let finding = |check| Finding::new(Group::Database, check, place.clone());
    let db = match &subject.db {
        Ok(db) => db,
        Err(why) => {
            let missing = subject.sqlite_file.as_ref().is_some_and(|path| !path.exists());
            return vec![if missing {
                finding("database").unknown("there is no file yet", "the first `partnercast serve` makes it")
            } else {
                finding("database")
                    .fail(why.clone(), "check database.url; for a server, that this machine may reach it")
            }];
        }
    };
    let server = match inspect::server(db).await {
        Ok(server) => server,
        Err(error) => {
            let fix = "is it a partnercast database, and may this user read it?";
            return vec![finding("database").fail(error.detail(), fix)];
        }
    };
    let mut findings = facts(&finding, db, &server, subject.now_ms);
    if let Some(file) = &subject.sqlite_file {
        findings.push(match ProcessLock::holder(file) {
            Some(holder) => finding("database-lock")
                .pass(format!("process {} works on it, and no other may", holder.process)),
            None => finding("database-lock").pass("no process works on it now"),
        });
        findings.push(journal(finding("database-journal"), file));
    }
    findings.extend(queue(db, subject.now_ms).await);
    findings
}

fn facts(
    finding: &impl Fn(&'static str) -> Finding,
    db: &Db,
    server: &inspect::Server,
    now_ms: i64,
) -> Vec<Finding> {
    if !db.is_shared() {
        let version = format!("SQLite {}, journal {}", server.version, server.durability);
        return vec![finding("database").pass(version)];
    }
    let major: u32 = server.version.split(['.', ' ']).next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let version = format!("PostgreSQL {}", server.version);
    let durable = format!("synchronous_commit = {}", server.durability);
    let skew_ms = server.now_ms - now_ms;
    vec![
        if major < POSTGRES_MIN {
            finding("database").warn(version, format!("use PostgreSQL {POSTGRES_MIN} or newer"))
        } else {
            finding("database").pass(version)
        },
        if server.durability == "off" {
            finding("database-durability").fail(
                format!("{durable}: a crash of the server loses what was recorded as sent, and people get it twice"),
                "ALTER ROLE partnercast SET synchronous_commit = 'on' (with the role of database.url)",
            )
        } else {
            finding("database-durability").pass(durable)
        },
        if skew_ms.abs() > SKEW_MS_MAX {
            finding("database-clock").warn(
                format!("its clock is {:.1} s from this machine's", skew_ms.abs() as f64 / 1_000.0),
                "let both take their time from NTP: nodes judge each other's heartbeats by it",
            )
        } else {
            finding("database-clock")
                .pass(format!("its clock is within {} s of this machine's", SKEW_MS_MAX / 1_000))
        },
    ]
}

fn journal(finding: Finding, file: &std::path::Path) -> Finding {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    let bytes = std::fs::metadata(std::path::PathBuf::from(name)).map_or(0, |data| data.len());
    let found = format!("{:.1} MB of write-ahead log", bytes as f64 / 1e6);
    if bytes > WAL_BYTES_MAX {
        finding.warn(
            format!("{found}: something keeps it from being folded into the file"),
            "close programs that keep the database file open, such as a backup or a shell",
        )
    } else {
        finding.pass(found)
    }
}

async fn queue(db: &Db, now_ms: i64) -> Vec<Finding> {
    let finding = |check| Finding::new(Group::Queue, check, "outbox");
    let queue = match inspect::queue(db, now_ms, now_ms - DAY_MS).await {
        Ok(queue) => queue,
        Err(error) => {
            let fix = "the first `partnercast serve` makes the tables";
            return vec![finding("queue").unknown(format!("cannot be read: {}", error.public()), fix)];
        }
    };
    let waits_ms = queue.oldest_due_ms.map_or(0, |due_ms| now_ms - due_ms);
    let waiting = match queue.oldest_due_ms {
        None => "nothing that is due waits".to_owned(),
        Some(_) => format!("the oldest message that is due waits since {} min", waits_ms / MINUTE_MS),
    };
    let stuck = |check, number: i64, pass: &str, found: &str, fix: &str| {
        if number == 0 {
            finding(check).pass(pass)
        } else {
            finding(check).warn(format!("{number} {found}"), fix)
        }
    };
    vec![
        if waits_ms > WAIT_MS_MAX {
            finding("queue-waiting")
                .warn(waiting, "see that `partnercast serve` runs and that the relay answers")
        } else {
            finding("queue-waiting").pass(waiting)
        },
        stuck(
            "queue-dead",
            queue.dead,
            "nothing was given up after crashes",
            "messages were being sent in three crashes",
            "see what they have in common, then have them sent again from the console",
        ),
        stuck(
            "queue-uncertain",
            queue.uncertain,
            "nothing waits for a decision",
            "messages may have arrived and wait for a decision",
            "decide in the console whether they are sent again",
        ),
        stuck(
            "queue-paused",
            queue.paused_issues,
            "no issue is paused",
            "issues are paused",
            "resume or cancel them in the console",
        ),
        refusals(finding("queue-refusals"), &queue),
    ]
}

/// Providers judge senders by the share of addresses that do not exist.
fn refusals(finding: Finding, queue: &inspect::Queue) -> Finding {
    let tries = queue.accepted + queue.bad_addresses;
    let found = format!(
        "{} of {tries} tries of the last 24 h met an address that does not exist",
        queue.bad_addresses
    );
    let per_mille = queue.bad_addresses * 1_000 / tries.max(1);
    let fix = "import a fresh roster: addresses that are gone cost the sender's reputation";
    if tries < TRIES_MIN || per_mille <= BAD_PER_MILLE.0 {
        finding.pass(found)
    } else if per_mille <= BAD_PER_MILLE.1 {
        finding.warn(found, fix)
    } else {
        finding.fail(found, fix)
    }
}
