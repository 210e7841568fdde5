//! What the terminal tells while the demo's issue goes around the world.

use std::{collections::BTreeSet, time::Duration};

use chrono_tz::Tz;

use super::say;
use crate::{
    domain::kernel::{Result, clock::utc},
    store::{
        issues,
        promises::{self, Promise},
    },
    work::Context,
};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(300);

/// Tells where the issue is, then each zone in which it has arrived, until everybody has it.
pub(super) async fn narrate(ctx: &Context) {
    let mut told: Option<BTreeSet<String>> = None;
    loop {
        match look(ctx).await {
            Ok((promises, is_done)) => {
                let told = told.get_or_insert_with(|| {
                    let now = utc(ctx.now_ms()).format("%a %d %b %H:%M");
                    say(&format!("  {now} UTC on the demo's calendar; {}", standing(&promises, is_done)));
                    // What arrived before this start was told then.
                    promises.iter().filter(|promise| is_complete(promise)).map(|p| p.zone.clone()).collect()
                });
                for promise in promises.iter().filter(|promise| is_complete(promise)) {
                    if told.insert(promise.zone.clone()) {
                        say(&arrived(promise));
                    }
                }
                if is_done {
                    say("");
                    say(&end(ctx, &promises));
                    break;
                }
            }
            // The loops report their own trouble; the narrator just waits.
            Err(error) => tracing::debug!(error = error.detail(), "no progress to tell"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What the terminal says once nothing of it leaves any more by itself.
fn end(ctx: &Context, promises: &[Promise]) -> String {
    let lack: i64 = promises.iter().map(|promise| promise.recipients - promise.accepted).sum();
    let said = match lack {
        0 => "Everybody has it.".to_owned(),
        _ => {
            format!("Not everybody has it (lacking: {lack}); see why: {}.", ctx.url("/console/dead-letters"))
        }
    };
    format!("  {said} The calendar runs at normal speed from here; go on in the browser.")
}

/// The issue's promises, none before it is frozen, and whether all of it has left.
async fn look(ctx: &Context) -> Result<(Vec<Promise>, bool)> {
    let Some(issue) = issues::recent(&ctx.db).await?.into_iter().next() else {
        return Ok((Vec::new(), false));
    };
    Ok((promises::of_issue(&ctx.db, &issue.id).await?, issue.done_ms.is_some()))
}

fn is_complete(promise: &Promise) -> bool {
    promise.recipients > 0 && promise.accepted == promise.recipients
}

/// Where the issue is when the demo starts, also for the second time.
fn standing(promises: &[Promise], is_done: bool) -> String {
    let (readers, have_it) = promises.iter().fold((0, 0), |(readers, have_it), promise| {
        (readers + promise.recipients, have_it + promise.accepted)
    });
    let zones = promises.iter().filter(|promise| is_complete(promise)).count();
    if promises.is_empty() {
        "the issue is being prepared".to_owned()
    } else if is_done {
        format!("the issue has left for all {readers} readers")
    } else if have_it == 0 {
        "the issue is ready and leaves at 09:00 in each zone".to_owned()
    } else {
        format!(
            "the issue goes on: {have_it} of {readers} readers have it, in {zones} of {} zones",
            promises.len()
        )
    }
}

/// `Tue 09:00 in Europe/Oslo            2 of 2 accepted, on time`
fn arrived(promise: &Promise) -> String {
    let local = promise.zone.parse::<Tz>().map(|zone| utc(promise.due_ms).with_timezone(&zone));
    let local = local.map_or_else(|_| promise.nominal_local.clone(), |at| at.format("%a %H:%M").to_string());
    let late = promise.accepted - promise.on_time;
    let how = match late {
        0 => "on time".to_owned(),
        late if late == promise.accepted => "late: the demo did not run at that hour".to_owned(),
        late => format!("{late} of them late"),
    };
    format!(
        "  {local} in {:<24} {} of {} accepted, {how}",
        promise.zone, promise.accepted, promise.recipients
    )
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn promise(zone: &str, accepted: i64, on_time: i64) -> Promise {
        Promise {
            nominal_local: "2027-01-12T09:00".to_owned(),
            zone: zone.to_owned(),
            due_ms: 1_799_740_800_000,
            note: None,
            recipients: 3,
            accepted,
            on_time,
        }
    }

    #[test]
    fn a_second_start_tells_what_is_true_then() {
        let (adelaide, berlin) = (promise("Australia/Adelaide", 3, 3), promise("Europe/Berlin", 0, 0));
        assert_eq!(standing(&[], false), "the issue is being prepared");
        assert_eq!(standing(from_ref(&berlin), false), "the issue is ready and leaves at 09:00 in each zone");
        let under_way = standing(&[adelaide.clone(), berlin], false);
        assert_eq!(under_way, "the issue goes on: 3 of 6 readers have it, in 1 of 2 zones");
        assert_eq!(standing(from_ref(&adelaide), true), "the issue has left for all 3 readers");
    }

    #[test]
    fn what_is_late_says_so() {
        assert!(arrived(&promise("Europe/Berlin", 3, 3)).ends_with("3 of 3 accepted, on time"));
        assert!(
            arrived(&promise("Europe/Berlin", 3, 0)).ends_with("late: the demo did not run at that hour")
        );
        assert!(arrived(&promise("Europe/Berlin", 3, 2)).ends_with("3 of 3 accepted, 1 of them late"));
    }
}
