//! Sending again, by a person's word, what ended without being accepted: one message, or all that fit a filter.

use super::{approve, context::Context};
use crate::{
    domain::{
        delivery::outlook::{CLASSES, WAITS_FOR_A_PERSON},
        kernel::{Error, Result, clock::DAY_MS},
    },
    store::{
        audit,
        dead_letters::{self, Filter},
        outbox::Word,
    },
};

/// Messages put back in one go at most; a larger number takes several.
pub const REPLAY_MAX: i64 = 10_000;

/// Checks the words of a filter.
///
/// # Errors
/// `Invalid`, with the words there are.
pub fn check(filter: &Filter) -> Result<()> {
    let states: Vec<&str> = WAITS_FOR_A_PERSON.iter().map(|state| state.as_str()).collect();
    let mut faults = Vec::new();
    if let Some(state) = filter.state.as_deref().filter(|state| !states.contains(state)) {
        faults.push(format!(
            "no message waits for a person in the state `{state}`; there are {}",
            states.join(", ")
        ));
    }
    if let Some(class) = filter.class.as_deref().filter(|class| !CLASSES.contains(class)) {
        faults.push(format!("there is no class `{class}`; there are {}", CLASSES.join(", ")));
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults.join("; "))) }
}

/// How many messages [`replay`] would put back now, at most [`REPLAY_MAX`].
///
/// # Errors
/// A wrong word in the filter, or those of the store.
pub async fn ready(db: &crate::store::Db, filter: &Filter) -> Result<i64> {
    check(filter)?;
    let (_, may_leave) = dead_letters::count(db, filter).await?;
    Ok(may_leave.min(REPLAY_MAX))
}

/// Puts all that fit back into the queue, if they are as many as the person saw: `seen`, from [`ready`].
///
/// # Errors
/// `Denied` for somebody who may not approve, where late mail is among them that nothing could hand over; `Conflict` if their number
/// changed meanwhile. Then nothing is changed.
pub async fn replay(ctx: &Context, filter: &Filter, seen: i64, actor: &str) -> Result<u64> {
    check(filter)?;
    approve::allowed_late(ctx, filter, actor).await?;
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    let word = Word { now_ms, lifetime_ms: DAY_MS, may_approve: approve::may_approve(ctx, actor) };
    let put_back = dead_letters::replay(&mut tx, filter, &word, REPLAY_MAX).await?;
    if i64::try_from(put_back).ok() != Some(seen) || seen == 0 {
        return Err(Error::conflict(format!(
            "{seen} messages were to be sent again, and now {put_back} fit; nothing was done: load the list again"
        )));
    }
    let subject = filter.delivery.as_ref().or(filter.issue.as_ref()).map_or("dead-letters", String::as_str);
    let detail = format!(
        "{put_back} messages; state {}, class {}",
        filter.state.as_deref().unwrap_or("any"),
        filter.class.as_deref().unwrap_or("any")
    );
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "send-again", subject, &detail).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(put_back)
}
