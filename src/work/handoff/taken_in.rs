//! Leads that are due to be judged (`lead_intake.due_ms`): they came from a file or through the API, a conflict holds them no
//! more, or something is told of them late. Who qualifies is offered as by a form; who is in hand already and asks to
//! be called is made known to who has them. What no partner brought is given to one first (`assign`).

use super::{super::context::Context, Asked, again, agrees, assign, qualify, stage_of};
use crate::{
    domain::{
        kernel::{Error, Result, clock::MINUTE_MS},
        lead::clock::Heat,
    },
    store::{
        intakes::{self, Intake},
        leads,
    },
};

/// Leads of one part of a look.
const PART_ROWS: i64 = 100;
/// Parts of one look; the next look goes on behind them.
const PARTS_MAX: usize = 10;
/// After how long a lead with a fault is looked at again.
const AGAIN_MS: i64 = MINUTE_MS;

/// Judges what is due, and hands off who qualifies. Returns the faults; what failed is looked at again in a minute.
///
/// # Errors
/// Those of the store.
pub(super) async fn due(ctx: &Context) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for _ in 0..PARTS_MAX {
        let part = intakes::due(&ctx.db, ctx.now_ms(), PART_ROWS).await?;
        for intake in &part {
            let Err(error) = one(ctx, intake).await else { continue };
            faults.push(format!("{}: {}", intake.lead_id, Error::detail(&error)));
            settle(ctx, intake, Some(ctx.now_ms() + AGAIN_MS)).await?;
        }
        if i64::try_from(part.len()).is_ok_and(|rows| rows < PART_ROWS) {
            break;
        }
    }
    Ok(faults)
}

async fn one(ctx: &Context, intake: &Intake) -> Result<()> {
    let lead = leads::lead(&ctx.db, &intake.lead_id).await?;
    let lead = lead.ok_or_else(|| Error::not_found("this lead"))?;
    if !agrees(ctx, &lead.id).await? {
        return settle(ctx, intake, None).await;
    }
    if !stage_of(&lead)?.may_be_offered() {
        return in_hand(ctx, intake).await;
    }
    if lead.partner_slug == intakes::HOUSE {
        return assign::first(ctx, intake, &lead).await;
    }
    hand_off(ctx, intake).await
}

/// It was judged; it is again at `due_ms`, if at all.
async fn settle(ctx: &Context, intake: &Intake, due_ms: Option<i64>) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    intakes::put_off(&mut tx, &intake.lead_id, intake.due_ms, due_ms).await?;
    tx.commit().await
}

/// Somebody works with the person already, or closed the lead: they are told that the person asks, and are to answer.
async fn in_hand(ctx: &Context, intake: &Intake) -> Result<()> {
    let what = intake.due_ms.unwrap_or_default().to_string();
    let again = if intake.asks {
        Some(again::asks_again(ctx, &intake.lead_id, &what, Asked::AsTold).await?)
    } else {
        None
    };
    let mut tx = ctx.db.begin().await?;
    if !intakes::put_off(&mut tx, &intake.lead_id, intake.due_ms, None).await? {
        return Ok(());
    }
    if let Some(again) = again {
        again.store(ctx, &mut tx).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Hands it off if it qualifies; what has changed meanwhile stays due.
async fn hand_off(ctx: &Context, intake: &Intake) -> Result<()> {
    let heat = if intake.asks { Heat::Hot } else { Heat::Standard };
    match qualify::qualify(ctx, &intake.lead_id, heat).await? {
        true => settle(ctx, intake, None).await,
        false => Ok(()),
    }
}
