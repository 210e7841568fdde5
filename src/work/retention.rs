//! Old events: machines' are thrown away, people's are reduced to what the ladder counts. Consents, audit and the ledgers of
//! leads and deliveries are kept.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::Months;
use tokio::sync::watch;

use super::context::Context;
use crate::{
    domain::kernel::{
        Result,
        clock::{DAY_MS, UtcMs, utc},
    },
    store::retention::{self as events, Old},
};

/// How often it is looked for events that have become old.
const LOOK: Duration = Duration::from_secs(3_600);
/// Events of one transaction: a click never waits long for the one writer.
const BATCH: i64 = 1_000;

/// How many events went, and how many were reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Machines', and repetitions on the same day.
    pub discarded: u64,
    /// The first of each kind, person, asset and day.
    pub reduced: u64,
}

/// Looks once an hour, until `shutdown`.
pub async fn run(ctx: Arc<Context>, months: u32, mut shutdown: watch::Receiver<bool>) {
    while !*shutdown.borrow() {
        match tick(&ctx, months, &shutdown).await {
            Ok(done) if done == Done::default() => {}
            Ok(done) => {
                tracing::info!(discarded = done.discarded, reduced = done.reduced, "old events were reduced");
            }
            Err(error) => tracing::error!(error = error.detail(), "old events wait to be reduced"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = shutdown.changed() => {}
        }
    }
}

/// Reduces all events that are older than `months` months, in batches; stops between two of them when asked to.
///
/// # Errors
/// Those of the store; what was done before stays done.
pub async fn tick(ctx: &Context, months: u32, shutdown: &watch::Receiver<bool>) -> Result<Done> {
    let before_ms = before(ctx.now_ms(), months);
    let (mut done, mut day) = (Done::default(), Day::default());
    while !*shutdown.borrow() {
        let old = events::old(&ctx.db, before_ms, BATCH).await?;
        if old.is_empty() {
            break;
        }
        let (discard, reduce) = day.sorted(&old);
        let mut tx = ctx.db.begin().await?;
        done.discarded += events::discard(&mut tx, &discard).await?;
        done.reduced += events::reduce(&mut tx, &reduce).await?;
        tx.commit().await?;
        tokio::task::yield_now().await;
    }
    Ok(done)
}

/// The beginning of the day so many months back, in UTC, so that days are reduced whole; the beginning of time where there is
/// none.
fn before(now_ms: UtcMs, months: u32) -> UtcMs {
    let then = utc(now_ms).checked_sub_months(Months::new(months)).map_or(0, |then| then.timestamp_millis());
    then - then.rem_euclid(DAY_MS)
}

/// What makes two events of a day the same: kind, partner, lead, contact, asset, scope, channel, revision.
type Same = (String, String, Option<String>, Option<String>, Option<String>, String, String, Option<String>);

/// What was seen of the day that is looked at, which may begin in one batch and end in another.
#[derive(Debug, Default)]
struct Day {
    number: i64,
    seen: HashSet<Same>,
}

impl Day {
    /// What goes, and what stays of old events, the oldest first. Distinct people and uses of each day stay as many as they
    /// were.
    fn sorted<'o>(&mut self, old: &'o [Old]) -> (Vec<&'o str>, Vec<&'o str>) {
        let (mut discard, mut reduce) = (Vec::new(), Vec::new());
        for event in old {
            let number = event.at_ms.div_euclid(DAY_MS);
            if number != self.number {
                self.number = number;
                self.seen.clear();
            }
            let same = (
                event.kind.clone(),
                event.partner_slug.clone(),
                event.lead_id.clone(),
                event.contact_id.clone(),
                event.asset.clone(),
                event.scope.clone(),
                event.channel.clone(),
                event.revision.clone(),
            );
            if event.human && self.seen.insert(same) { &mut reduce } else { &mut discard }
                .push(event.id.as_str());
        }
        (discard, reduce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirteen_months_are_by_the_calendar() {
        let day = |text: &str| {
            chrono::DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_millis()).unwrap_or_default()
        };
        assert_eq!(before(day("2027-03-31T10:00:00Z"), 13), day("2026-02-28T00:00:00Z"));
        assert_eq!(before(0, u32::MAX), 0);
    }

    #[test]
    fn the_first_of_each_day_stays_and_machines_go() {
        let event = |id: &str, at_ms: UtcMs, human: bool, asset: &str| Old {
            id: id.to_owned(),
            at_ms,
            human,
            kind: "click".to_owned(),
            partner_slug: "northlight".to_owned(),
            lead_id: None,
            contact_id: Some("con_1".to_owned()),
            asset: Some(asset.to_owned()),
            scope: String::new(),
            channel: String::new(),
            revision: None,
        };
        let old = [
            event("a", 1, true, "x"),
            event("b", 2, true, "x"),
            event("c", 3, true, "y"),
            event("d", DAY_MS, true, "x"),
            event("e", DAY_MS, false, "z"),
        ];
        let mut day = Day::default();
        assert_eq!(day.sorted(&old), (vec!["b", "e"], vec!["a", "c", "d"]));
        let rest = [event("f", DAY_MS + 1, true, "x"), event("g", DAY_MS + 2, true, "y")];
        assert_eq!(day.sorted(&rest), (vec!["f"], vec!["g"]), "the day goes on in another batch");
    }
}
