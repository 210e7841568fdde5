//! A form that somebody sends once more: by a double click, in another tab, or to write something else.

use super::{WROTE, fields::Clean};
use crate::{
    domain::kernel::{Error, clock::MINUTE_MS},
    store::{
        events::{self, Event},
        leads::{self, Lead},
    },
    work::{
        context::Context,
        handoff::{self, Again, Asked},
    },
};

/// Whoever sends the same form again within this time does one thing.
const ONCE_MS: i64 = 10 * MINUTE_MS;

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
/// it unlocks each time, and counts once; for whoever went back to nurture in between, anew.
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
    let Some(message) = &clean.message else { return Ok((true, true)) };
    let words = format!("{WROTE}{message}");
    Ok((true, leads::steps(&ctx.db, &lead.id).await?.iter().any(|step| step.what == words)))
}
