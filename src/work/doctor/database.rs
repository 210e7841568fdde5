//! The database. The outbox in it is [`queue`]'s.

use super::{Finding, Group, Subject, queue};
use crate::store::{Db, inspect, lock::ProcessLock};

/// A larger difference makes leases and promises wrong.
const SKEW_MS_MAX: i64 = 5_000;
/// Oldest version we test with.
const POSTGRES_MIN: u32 = 14;
/// A journal that grew beyond this is not being folded in, in bytes.
const WAL_BYTES_MAX: u64 = 64 << 20;

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
    let mut findings = facts(&finding, db, &server, subject.present_ms());
    if let Some(file) = &subject.sqlite_file {
        findings.push(match ProcessLock::holder(file) {
            Some(holder) => finding("database-lock")
                .pass(format!("process {} works on it, and no other may", holder.process)),
            None => finding("database-lock").pass("no process works on it now"),
        });
        findings.push(journal(finding("database-journal"), file));
    }
    findings.extend(queue::check(db, subject.now_ms).await);
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
