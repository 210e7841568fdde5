//! Why a date was not kept, or is not yet: what stands in its issue's way, and what became of its messages.

use std::collections::BTreeMap;

use super::{context::Context, kept::Occurrence};
use crate::{
    domain::{
        delivery::DeliveryState,
        kernel::{
            Result,
            clock::{UtcMs, utc},
        },
        program::PromiseVerdict,
    },
    store::{
        audit, deliveries, digests,
        issues::{self, Issue},
    },
};

/// Why `occurrence` was not kept, was skipped, or is not kept yet, in a sentence or two; none for one that was kept, and where
/// nothing is in its way.
///
/// # Errors
/// Those of the store.
pub async fn reason(ctx: &Context, occurrence: &Occurrence) -> Result<Option<String>> {
    if occurrence.because.is_some() {
        return Ok(occurrence.because.clone());
    }
    if matches!(occurrence.verdict(), Some(PromiseVerdict::Kept | PromiseVerdict::Skipped)) {
        return Ok(None);
    }
    let Some(issue_id) = &occurrence.issue_id else { return Ok(None) };
    let Some(issue) = issues::issue(&ctx.db, issue_id).await? else { return Ok(None) };
    let mut said: Vec<String> = in_the_way(ctx, &issue).await?.into_iter().collect();
    if occurrence.is_broken() {
        said.extend(messages(ctx, issue_id).await?);
    }
    Ok((!said.is_empty()).then(|| said.join(" ")))
}

/// What keeps an issue from leaving, in a sentence; none where nothing does.
///
/// # Errors
/// Those of the store.
pub async fn in_the_way(ctx: &Context, issue: &Issue) -> Result<Option<String>> {
    let by = async |action: &str| -> Result<String> {
        let who = audit::last(&ctx.db, action, &issue.id, issue.frozen_ms).await?;
        let when = audit::last_ms(&ctx.db, action, &issue.id, issue.frozen_ms).await?;
        Ok(who
            .zip(when)
            .map_or_else(String::new, |((actor, _), at_ms)| format!(" by {actor}, {}", when_utc(at_ms))))
    };
    Ok(match (issue.control.as_str(), issue.state.as_str()) {
        ("cancelled", _) | (_, "cancelled") => Some(format!("It was cancelled{}.", by("cancel").await?)),
        (_, "frozen") => Some(match &issue.held_because {
            Some(why) => format!("It waits for approval: {why}."),
            None => "It waits for approval.".to_owned(),
        }),
        ("paused", _) => Some(match &issue.paused_because {
            Some(why) => format!("It paused itself: {why}."),
            None => format!("It was paused{}.", by("pause").await?),
        }),
        (_, "approved") => {
            let before = issues::under_way_before(&ctx.db, &issue.id, ctx.now_ms()).await?;
            before.map(|first| {
                format!(
                    "It waits for the issue of {}: issues of a newsletter leave one behind the other.",
                    first.nominal_date
                )
            })
        }
        _ => None,
    })
}

/// What became of the messages of an issue that were not accepted.
async fn messages(ctx: &Context, issue_id: &str) -> Result<Vec<String>> {
    let counts = deliveries::counts(&ctx.db, issue_id).await?;
    let own = counts.into_iter().filter(|(state, _)| *state != DeliveryState::Suppressed);
    let mut said: Vec<String> = said_of("Of its messages", own).into_iter().collect();
    let held = deliveries::held(&ctx.db, issue_id).await?;
    if held > 0 {
        said.push(format!(
            "{held} of these could not be handed over before their time passed: a person decides whether they still go, among the dead \
             letters."
        ));
    }
    // What came in the mails of others, and what became of those.
    let mut ridden: BTreeMap<String, Vec<(DeliveryState, i64)>> = BTreeMap::new();
    for it in digests::ridden(&ctx.db, issue_id).await? {
        let Some(state) = DeliveryState::parse(&it.state) else { continue };
        ridden
            .entry(format!("{} of {}", it.newsletter, it.nominal_date))
            .or_default()
            .push((state, it.mails));
    }
    for (host, counts) in ridden {
        said.extend(said_of(&format!("Of the mails of {host} in which it came"), counts.into_iter()));
    }
    Ok(said)
}

/// What became of messages that were not accepted, in a sentence; none where all were.
fn said_of(whose: &str, counts: impl Iterator<Item = (DeliveryState, i64)>) -> Option<String> {
    let said = counts.filter(|(_, count)| *count > 0).filter_map(|(state, count)| {
        let became = match state {
            DeliveryState::Expired => "expired: their time passed before they could leave",
            DeliveryState::Failed => "failed for good",
            DeliveryState::Dead | DeliveryState::Uncertain => "wait for a person",
            DeliveryState::Cancelled => "were cancelled",
            DeliveryState::Ready | DeliveryState::Sending => "are still on their way",
            DeliveryState::Suppressed => "were stopped by the do-not-send list",
            DeliveryState::Accepted => return None,
        };
        Some(format!("{count} {became}"))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| format!("{whose} {}.", said.join("; ")))
}

/// `2027-01-13 08:12 UTC`.
fn when_utc(at_ms: UtcMs) -> String {
    utc(at_ms).format("%Y-%m-%d %H:%M UTC").to_string()
}
