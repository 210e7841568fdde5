//! The outbox: what waits, what is stuck, and what receivers and readers made of what left.

use super::{Finding, Group};
use crate::{
    domain::{
        kernel::clock::{DAY_MS, MINUTE_MS, utc},
        program::PromiseVerdict,
    },
    store::{
        Db, approvals,
        inspect::{self, PAUSED_MAX, Paused, Rates},
        pauses::Pause,
        promises::{self, Asked},
    },
    work::kept,
};

/// Promises are looked at for so many days.
const PROMISED_DAYS: i64 = 7;
/// A message that is due and waits longer is told about.
const WAIT_MS_MAX: i64 = 10 * MINUTE_MS;
/// Share of addresses that do not exist, from which providers take notice and action, per thousand.
const BOUNCES_PER_MILLE: (i64, i64) = (20, 50);
/// Share of readers who call mail unwanted, likewise (Google's and Yahoo's rules for senders).
const COMPLAINTS_PER_MILLE: (i64, i64) = (1, 3);
/// Fewer messages than this say nothing about a share.
const TRIES_MIN: i64 = 100;
/// How far back is looked where a day has too few: newsletters leave once a month.
const DAYS_MAX: i64 = 30;

/// The outbox, and what became of what left it.
pub(super) async fn check(db: &Db, now_ms: i64) -> Vec<Finding> {
    let finding = |check| Finding::new(Group::Queue, check, "outbox");
    let queue = match inspect::queue(db, now_ms).await {
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
    let stuck = |check, number: i64, pass: &str, found: [&str; 2], fix: &str| {
        if number == 0 {
            finding(check).pass(pass)
        } else {
            finding(check).warn(format!("{number} {}", found[usize::from(number != 1)]), fix)
        }
    };
    let mut findings = vec![
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
            ["message was being sent in three crashes", "messages were being sent in three crashes"],
            "see what they have in common (`partnercast dead-letters --state dead`), then have them sent again, with \
             `partnercast retry` or from the console",
        ),
        stuck(
            "queue-uncertain",
            queue.uncertain,
            "nothing waits for a decision",
            [
                "message may have arrived and waits for a decision",
                "messages may have arrived and wait for a decision",
            ],
            "see `partnercast dead-letters --state uncertain`, and decide whether they are sent again, with \
             `partnercast retry` or from the console",
        ),
    ];
    if queue.late > 0 {
        let found = [
            "late message waits for somebody who may approve",
            "late messages wait for somebody who may approve",
        ];
        let fix = "see `partnercast dead-letters --state expired`, and have them sent again with `partnercast retry` or from the \
                   console, or leave them";
        findings.push(stuck("queue-late", queue.late, "", found, fix));
    }
    findings.extend(unapproved(db, now_ms).await);
    findings.extend(paused(&queue.paused, &queue.resting));
    findings.extend(promised(db, now_ms).await);
    findings.extend(silenced(db, now_ms).await);
    findings.extend(rates(db, now_ms).await);
    findings
}

/// Issues that wait for approval, those whose hour is over first.
async fn unapproved(db: &Db, now_ms: i64) -> Vec<Finding> {
    let finding = |subject: &str| Finding::new(Group::Queue, "approvals", subject);
    let waiting = match approvals::waiting(db).await {
        Ok(waiting) => waiting,
        Err(error) => {
            let fix = "see the database's findings";
            return vec![finding("approvals").unknown(format!("cannot be read: {}", error.public()), fix)];
        }
    };
    let (late, early): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|issue| issue.first_due_ms <= now_ms);
    if late.is_empty() {
        let pass = match early.first() {
            None => "no issue waits for approval".to_owned(),
            Some(first) => format!(
                "{} approval, the first of them {}/{} until {}",
                if early.len() == 1 {
                    "1 issue waits for".to_owned()
                } else {
                    format!("{} issues wait for", early.len())
                },
                first.newsletter,
                first.nominal_date,
                utc(first.first_due_ms).format("%Y-%m-%d %H:%M UTC")
            ),
        };
        return vec![finding("approvals").pass(pass)];
    }
    let fix = "approve it in the console or with `partnercast release`, or cancel it";
    let told = late.into_iter().map(|issue| {
        let because = issue.held_because.map(|because| format!(": {because}")).unwrap_or_default();
        let found = format!(
            "it waits for approval since its hour, {} (readers: {}){because}",
            utc(issue.first_due_ms).format("%Y-%m-%d %H:%M UTC"),
            issue.recipients
        );
        finding(&format!("{}/{}", issue.newsletter, issue.nominal_date)).warn(found, fix)
    });
    told.collect()
}

/// How promises of the last days were kept, each that was not with the way to see it.
async fn promised(db: &Db, now_ms: i64) -> Vec<Finding> {
    let finding = || Finding::new(Group::Queue, "promises", "promises");
    let asked = Asked { since_ms: now_ms - PROMISED_DAYS * DAY_MS, ..Asked::default() };
    let hours = match promises::hours(db, asked, 100).await {
        Ok(hours) => hours,
        Err(error) => {
            let fix = "see the database's findings";
            return vec![finding().unknown(format!("cannot be read: {}", error.public()), fix)];
        }
    };
    let mut findings = Vec::new();
    for hours in &hours {
        let name =
            format!("{}/{}", hours.newsletter, &hours.nominal_local[..10.min(hours.nominal_local.len())]);
        let because = hours.because.as_ref().filter(|because| !because.is_empty());
        let because = because.map(|because| format!(": {because}")).unwrap_or_default();
        match hours.verdict(now_ms) {
            None if hours.issue_id.is_none() && hours.eligible > 0 => {
                let found =
                    format!("{name} is promised to {} people and has no issue{because}", hours.eligible);
                findings.push(finding().warn(found, "write it, or say that it comes late"));
            }
            Some(PromiseVerdict::Late | PromiseVerdict::Partial | PromiseVerdict::Missed) => {
                let found = format!(
                    "{name} was not kept: {} of {} had it in time, {} by now{because}",
                    hours.on_time, hours.eligible, hours.accepted
                );
                let fix =
                    format!("`partnercast promises {} --note` begins a note to readers", hours.newsletter);
                findings.push(finding().warn(found, fix));
            }
            _ => {}
        }
    }
    if findings.is_empty() {
        findings.push(finding().pass(format!("none was broken in the last {PROMISED_DAYS} days")));
    }
    findings
}

/// Issues that are written and reach nobody, each with the reason.
async fn silenced(db: &Db, now_ms: i64) -> Vec<Finding> {
    let finding = |subject: &str| Finding::new(Group::Queue, "limits", subject);
    let issues = match kept::silenced(db, now_ms, PROMISED_DAYS).await {
        Ok(issues) => issues,
        Err(error) => {
            let fix = "see the database's findings";
            return vec![finding("limits").unknown(format!("cannot be read: {}", error.public()), fix)];
        }
    };
    if issues.is_empty() {
        let pass = format!("none kept an issue of the last {PROMISED_DAYS} days from everybody");
        return vec![finding("limits").pass(pass)];
    }
    let fix =
        "allow more messages in rules/frequency.toml, or give the newsletter a place in `priority` there";
    let told = issues.into_iter().map(|issue| {
        let because = issue.because.unwrap_or_default();
        let found = format!("it reaches none of its {} readers, such as: {because}", issue.people);
        finding(&format!("{}/{}", issue.newsletter, issue.nominal_date)).warn(found, fix)
    });
    told.collect()
}

/// Each issue and sequence that is paused, why, and the way on.
fn paused(issues: &[Paused], sequences: &[Pause]) -> Vec<Finding> {
    if issues.is_empty() && sequences.is_empty() {
        let pass = "no issue and no sequence is paused";
        return vec![Finding::new(Group::Queue, "queue-paused", "outbox").pass(pass)];
    }
    let finding = |issue: &Paused| {
        let name = format!("{}/{}", issue.newsletter, issue.nominal_date);
        let (found, first) = match &issue.paused_because {
            Some(why) => (format!("the issue is paused: {why}"), "mend that, then "),
            None => ("the issue is paused, by a person".to_owned(), ""),
        };
        let fix = format!(
            "{first}go on with `partnercast resume {name}` or from the console; `partnercast cancel {name}` ends it for good"
        );
        Finding::new(Group::Queue, "queue-paused", name).warn(found, fix)
    };
    let mut findings: Vec<Finding> = issues.iter().take(PAUSED_MAX).map(finding).collect();
    if issues.len() > PAUSED_MAX {
        let more = Finding::new(Group::Queue, "queue-paused", "outbox");
        findings.push(more.warn("more issues are paused than are listed", "see the console for all of them"));
    }
    findings.extend(sequences.iter().map(|pause| {
        let name = &pause.sequence;
        let (found, first) = match pause.because.as_str() {
            "" => (format!("the sequence is paused, by {}", pause.actor), ""),
            because => (format!("the sequence is paused: {because}"), "mend that, then "),
        };
        let fix = format!("{first}go on with `partnercast sequences {name} --resume` or from the console");
        Finding::new(Group::Queue, "queue-paused", format!("sequence {name}")).warn(found, fix)
    }));
    findings
}

async fn rates(db: &Db, now_ms: i64) -> Vec<Finding> {
    let mut hours = "24 h".to_owned();
    let mut rates = inspect::rates(db, now_ms - DAY_MS).await;
    if rates.as_ref().is_ok_and(|rates| rates.tried() < TRIES_MIN) {
        hours = format!("{DAYS_MAX} days");
        rates = inspect::rates(db, now_ms - DAYS_MAX * DAY_MS).await;
    }
    match rates {
        Ok(rates) if rates == Rates::default() => ["queue-bounces", "queue-complaints"]
            .map(|check| Finding::new(Group::Queue, check, "outbox"))
            .map(|finding| finding.pass(format!("nothing left in the last {hours}")))
            .into(),
        Ok(rates) => vec![bounces(&rates, &hours), complaints(&rates, &hours)],
        Err(error) => {
            let fix = "start the newest `partnercast serve` once: it brings the tables up to date";
            let finding = Finding::new(Group::Queue, "queue-bounces", "outbox");
            vec![finding.unknown(format!("cannot be read: {}", error.public()), fix)]
        }
    }
}

/// Providers judge senders by the share of addresses that do not exist.
fn bounces(rates: &Rates, hours: &str) -> Finding {
    let finding = Finding::new(Group::Queue, "queue-bounces", "outbox");
    let tried = rates.tried();
    let gone = rates.refused + rates.bounced;
    let found = format!(
        "{gone} of {tried} messages of the last {hours} met an address that does not exist ({} refused, {} came back)",
        rates.refused, rates.bounced
    );
    let fix = "import a fresh roster: addresses that are gone cost the sender's reputation, from 2 % on, and above 5 % \
               providers refuse mail";
    match share(gone, tried, BOUNCES_PER_MILLE) {
        Share::Fine => finding.pass(found),
        Share::High => finding.warn(found, fix),
        Share::TooHigh => finding.fail(found, fix),
    }
}

/// And by the share of readers who call it unwanted.
fn complaints(rates: &Rates, hours: &str) -> Finding {
    let finding = Finding::new(Group::Queue, "queue-complaints", "outbox");
    let found =
        format!("{} complaints about {} messages of the last {hours}", rates.complaints, rates.accepted);
    let fix = "see who complained on the console's page Do not send, and ask why they are in the audience; keep under \
               0.1 %, for at 0.3 % Google and Yahoo begin to refuse";
    // One person among a few hundred is no share.
    let per_mille = if rates.complaints <= 1 {
        Share::Fine
    } else {
        share(rates.complaints, rates.accepted, COMPLAINTS_PER_MILLE)
    };
    match per_mille {
        Share::Fine => finding.pass(found),
        Share::High => finding.warn(found, fix),
        Share::TooHigh => finding.fail(found, fix),
    }
}

enum Share {
    Fine,
    High,
    TooHigh,
}

/// How `part` of `whole` stands to the limits at which providers notice and act, per thousand; fine where there are too
/// few to tell.
fn share(part: i64, whole: i64, (notice, act): (i64, i64)) -> Share {
    if whole < TRIES_MIN || part * 1_000 < notice * whole {
        Share::Fine
    } else if part * 1_000 < act * whole {
        Share::High
    } else {
        Share::TooHigh
    }
}
