//! A form that somebody sends once more: by a double click, in another tab, or to write something else.

use super::{WROTE, fields::Clean};
use crate::{
    domain::{
        kernel::{Error, clock::MINUTE_MS},
        lead::LeadStage,
    },
    store::{
        events::{self, Event},
        leads::{self, Lead, Step},
    },
    work::{
        context::Context,
        handoff::{self, Again, Asked},
    },
};

/// Whoever sends the same form again within this time does one thing.
const ONCE_MS: i64 = 10 * MINUTE_MS;
/// Whose steps are the rules' doing and nobody's.
const RULE: &str = "partnercast";

/// What follows where somebody whose lead is in hand, or closed, asks again by a form.
pub(super) async fn asked(
    ctx: &Context,
    lead_id: &str,
    event_id: &str,
    is_asking: bool,
) -> Result<Option<Again>, Error> {
    if !is_asking {
        return Ok(None);
    }
    handoff::asks_again(ctx, lead_id, event_id, Asked::Themselves).await.map(Some)
}

/// Whether `event` was done by the lead a moment ago, and if so, whether nothing is written that was not before. A form unlocks what
/// it unlocks each time, and counts once; for whoever went back to nurture in between, or was answered or closed, anew.
pub(super) async fn repeats(
    ctx: &Context,
    lead: &Lead,
    event: &Event,
    clean: &Clean,
) -> Result<(bool, bool), Error> {
    let did = (lead.id.as_str(), event.kind.as_str(), event.asset.as_deref().unwrap_or_default());
    let since_ms = lead.recycled_ms.map_or(i64::MIN, |ms| ms + 1).max(event.at_ms - ONCE_MS);
    if !events::was_done(&ctx.db, did, since_ms).await? {
        return Ok((false, false));
    }
    let steps = leads::steps(&ctx.db, &lead.id).await?;
    let is_over = LeadStage::parse(&lead.stage).is_some_and(LeadStage::is_terminal);
    if is_over && lead.asked_again_ms.is_none() {
        // Nobody is to answer them: what they asked before somebody closed or answered it was another matter.
        let is_peoples = |step: &&Step| step.actor != lead.name && step.actor != RULE;
        let answered_ms = steps.iter().rev().find(is_peoples).map_or(i64::MIN, |step| step.at_ms + 1);
        if !events::was_done(&ctx.db, did, since_ms.max(answered_ms)).await? {
            return Ok((false, false));
        }
    }
    let Some(message) = &clean.message else { return Ok((true, true)) };
    let words = format!("{WROTE}{message}");
    Ok((true, steps.iter().any(|step| step.what == words)))
}
