//! This machine: its clock and zones, its disk, and the files that hold secrets.

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant, UNIX_EPOCH},
};

use chrono::{Offset as _, TimeZone as _};
use chrono_tz::{IANA_TZDB_VERSION, Tz};

use super::{
    Finding, Group, SecretFile, Subject,
    dkim::{KEY_DAYS_MAX, is_old},
};
use crate::{
    channel::ntp,
    domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, utc},
    store::partners,
};

/// How far ahead clock changes are told, in days.
const CHANGE_DAYS: i64 = 30;
/// Less free space is told about, and less still stops databases, in bytes.
const FREE_BYTES: (u64, u64) = (1 << 30, 200 << 20);
/// A slower disk holds up every window of mail.
const FSYNC_MAX: Duration = Duration::from_millis(50);
/// How often writing through is timed.
const FSYNC_TRIES: usize = 5;
/// Clocks that differ by more are told about, and by more still break promises.
const OFFSET_MS: (u64, u64) = (2_000, 60_000);
/// 2025-01-01: no machine that runs this was set right and says less.
const CLOCK_MS_MIN: i64 = 1_735_689_600_000;

/// Clock, zones, disk, secrets.
pub(super) async fn check(subject: &Subject) -> Vec<Finding> {
    let mut findings = vec![clock(subject).await];
    findings.push(clock_changes(&zones(subject).await, subject.now_ms));
    let folder = subject
        .sqlite_file
        .as_deref()
        .and_then(Path::parent)
        .map(|folder| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() });
    if let Some(folder) = folder {
        // The disk may be slow; others should not wait on this thread.
        let looked = tokio::task::spawn_blocking(move || vec![free_space(&folder), fsync(&folder)]).await;
        findings.extend(looked.unwrap_or_default());
    }
    if let Some(why) = &subject.content_fault {
        findings.push(Finding::new(Group::Machine, "content-folder", "content.dir").fail(
            why.clone(),
            "write the folder that holds vendor.toml under [content] dir; `serve` does not start without it",
        ));
    }
    if let Some(first) = subject.content_errors.first() {
        let number = match subject.content_errors.len() {
            1 => "an error".to_owned(),
            many => format!("{many} errors"),
        };
        findings.push(Finding::new(Group::Machine, "content-folder", "content.dir").fail(
            format!(
                "has {number}, so nothing new of it is taken, and the content before it stays in use: {first}"
            ),
            "`partnercast check` with that folder lists them all, each with how to mend it",
        ));
    }
    findings.extend(subject.secret_files.iter().map(|file| secret(file, subject.now_ms)));
    if let Err(why) = &subject.keys {
        let finding = Finding::new(Group::Machine, "token-keys", "secrets.token_keys_file");
        findings.push(
            finding.fail(why.clone(), "restore it from the backup: links in mail already sent need it"),
        );
    }
    findings
}

async fn clock(subject: &Subject) -> Finding {
    let finding = Finding::new(Group::Machine, "clock", "this machine");
    let now_ms = subject.present_ms();
    let reads = format!("it reads {}", utc(now_ms).format("%Y-%m-%d %H:%M:%S UTC"));
    let fix = "set the clock, and let NTP keep it (`timedatectl set-ntp true`): mail leaves by it";
    if now_ms < CLOCK_MS_MIN {
        return finding.fail(format!("{reads}, which cannot be"), fix);
    }
    let Some(server) = &subject.time_server else {
        return finding.unknown(
            format!("{reads}, and nobody was asked whether that is right"),
            "compare it with a clock you trust, or under [doctor] name a time server: time_server = \"ntp.example.com\"",
        );
    };
    let behind_ms = match ntp::behind_ms(server).await {
        Ok(behind_ms) => behind_ms,
        Err(why) => {
            let fix = "check [doctor] time_server, and that a firewall lets UDP port 123 out";
            return finding.unknown(format!("{reads}; {server} cannot be asked: {why}"), fix);
        }
    };
    let by = format!("{:.1} s", behind_ms.unsigned_abs() as f64 / 1_000.0);
    let found = format!("it is {by} {} {server}", if behind_ms < 0 { "before" } else { "behind" });
    match behind_ms.unsigned_abs() {
        off if off > OFFSET_MS.1 => finding.fail(found, fix),
        off if off > OFFSET_MS.0 => finding.warn(found, fix),
        _ => finding.pass(format!("it is within {} s of {server}", OFFSET_MS.0 / 1_000)),
    }
}

/// The zones that promises are kept in.
async fn zones(subject: &Subject) -> BTreeSet<&'static str> {
    let mut names: Vec<String> = Vec::new();
    if let Some(vendor) = subject.library.as_ref().and_then(|library| library.vendor.as_ref()) {
        names.push(vendor.zone.name().to_owned());
    }
    if let Ok(db) = &subject.db {
        // A database without tables has no readers yet.
        names.extend(partners::zones(db).await.unwrap_or_default());
    }
    names.iter().filter_map(|name| name.parse::<Tz>().ok()).map(Tz::name).collect()
}

fn clock_changes(zones: &BTreeSet<&'static str>, now_ms: i64) -> Finding {
    let finding = Finding::new(Group::Machine, "zones", format!("tz database {IANA_TZDB_VERSION}"));
    let changes: Vec<String> = zones
        .iter()
        .filter_map(|name| {
            let (at_ms, by_minutes) = next_change(name.parse().ok()?, now_ms)?;
            let which = if by_minutes > 0 { "forward" } else { "back" };
            let at = utc(at_ms).format("%Y-%m-%d %H:%M UTC");
            Some(format!("{name} {which} {} min at {at}", by_minutes.abs()))
        })
        .collect();
    finding.pass(if changes.is_empty() {
        format!("no clock change within {CHANGE_DAYS} days; zones of readers: {}", zones.len())
    } else {
        format!(
            "clocks change within {CHANGE_DAYS} days, and promises keep their local hour: {}",
            changes.join("; ")
        )
    })
}

/// The first change of the zone's offset within [`CHANGE_DAYS`]: to the minute, and by how many minutes.
fn next_change(zone: Tz, now_ms: i64) -> Option<(i64, i32)> {
    let offset = |at_ms: i64| zone.offset_from_utc_datetime(&utc(at_ms).naive_utc()).fix().local_minus_utc();
    let begins_ms = now_ms - now_ms.rem_euclid(HOUR_MS);
    let before = offset(begins_ms);
    let hours = 0..CHANGE_DAYS * DAY_MS / HOUR_MS;
    let hour_ms =
        hours.map(|hour| begins_ms + hour * HOUR_MS).find(|hour_ms| offset(hour_ms + HOUR_MS) != before)?;
    let at_ms = (1..=60).map(|minute| hour_ms + minute * MINUTE_MS).find(|at_ms| offset(*at_ms) != before)?;
    Some((at_ms, (offset(at_ms) - before) / 60))
}

fn free_space(folder: &Path) -> Finding {
    let finding = Finding::new(Group::Machine, "disk", folder.display().to_string());
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let found = format!("{:.1} GB are free", free as f64 / 1e9);
            let fix = "make room: without it nothing is recorded, and so nothing is sent";
            if free < FREE_BYTES.1 {
                finding.fail(found, fix)
            } else if free < FREE_BYTES.0 {
                finding.warn(found, fix)
            } else {
                finding.pass(found)
            }
        }
        Err(error) => finding.unknown(format!("cannot be asked: {error}"), "check that the folder exists"),
    }
}

/// How long a small write takes to be safe, as each window of mail needs it once.
fn fsync(folder: &Path) -> Finding {
    let finding = Finding::new(Group::Machine, "disk-sync", folder.display().to_string());
    let path = folder.join(format!(".partnercast-doctor-{}", std::process::id()));
    let timed = timed_writes(&path);
    // Nothing is left behind, whatever happened.
    let _ = std::fs::remove_file(&path);
    match timed {
        Ok(took) if took > FSYNC_MAX => finding.warn(
            format!(
                "a small write is safe after {} ms, and every window of mail waits for one",
                took.as_millis()
            ),
            "use a disk of this machine instead of a network's, or PostgreSQL",
        ),
        Ok(took) => {
            finding.pass(format!("a small write is safe after {:.1} ms", took.as_secs_f64() * 1_000.0))
        }
        Err(error) => finding.fail(
            format!("nothing can be written there: {error}"),
            "let the user that runs partnercast own the folder",
        ),
    }
}

/// The median.
fn timed_writes(path: &Path) -> std::io::Result<Duration> {
    let mut file = std::fs::File::create(path)?;
    let mut took = Vec::new();
    for _ in 0..FSYNC_TRIES {
        let began = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        took.push(began.elapsed());
    }
    took.sort();
    Ok(took[FSYNC_TRIES / 2])
}

fn secret(file: &SecretFile, now_ms: i64) -> Finding {
    let finding = Finding::new(Group::Machine, "secret", file.path.display().to_string());
    let changed = std::fs::File::open(&file.path).and_then(|opened| opened.metadata()?.modified());
    let changed_ms = match changed {
        Ok(changed) => changed
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        Err(error) => {
            let fix = format!("let the user that runs partnercast read it, or mend {}", file.setting);
            return finding.fail(format!("{} cannot be read: {error}", file.setting), fix);
        }
    };
    if let Some(open) = &file.open_to_others {
        return finding
            .warn(format!("{}: {open}", file.setting), format!("chmod 600 {}", file.path.display()));
    }
    let days = (now_ms - changed_ms).div_euclid(DAY_MS);
    if is_old(changed_ms, now_ms) {
        finding.warn(
            format!("{}: unchanged for {days} days, more than {KEY_DAYS_MAX}", file.setting),
            file.rotate.clone(),
        )
    } else {
        finding.pass(format!("{}: readable by its owner, {days} days old", file.setting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_changes_are_found_to_the_minute() {
        // 2027-03-28 01:00 UTC: Oslo goes forward.
        let spring_ms = 1_806_195_600_000;
        assert_eq!(next_change(Tz::Europe__Oslo, spring_ms - 29 * DAY_MS), Some((spring_ms, 60)));
        assert_eq!(next_change(Tz::Europe__Oslo, spring_ms - 31 * DAY_MS), None);
        assert_eq!(next_change(Tz::Asia__Tokyo, spring_ms - DAY_MS), None);
        // 2027-04-03 15:00 UTC: Lord Howe goes back by half an hour.
        assert_eq!(next_change(Tz::Australia__Lord_Howe, spring_ms), Some((1_806_764_400_000, -30)));
        let said = clock_changes(&["Europe/Oslo"].into(), spring_ms - DAY_MS).found;
        assert!(said.contains("Europe/Oslo forward 60 min at 2027-03-28 01:00 UTC"), "{said}");
    }

    #[test]
    fn an_unreadable_or_old_secret_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let file = |open: Option<&str>| SecretFile {
            setting: "secrets.token_keys_file".into(),
            path: path.clone(),
            open_to_others: open.map(str::to_owned),
            rotate: "put a new line first".into(),
        };
        use super::super::Status;
        assert_eq!(secret(&file(None), 0).status, Status::Fail);
        std::fs::write(&path, "x").unwrap();
        let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
        let now_ms = i64::try_from(changed.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        assert_eq!(secret(&file(None), now_ms + DAY_MS).status, Status::Pass);
        assert_eq!(secret(&file(Some("open")), now_ms).status, Status::Warn);
        let old = secret(&file(None), now_ms + 400 * DAY_MS);
        assert_eq!((old.status, old.fix.as_deref()), (Status::Warn, Some("put a new line first")));
        assert_eq!(fsync(dir.path()).status, Status::Pass);
        assert_eq!(fsync(&path).status, Status::Fail, "not a folder");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
