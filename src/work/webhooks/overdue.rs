//! What must arrive and does not: an erasure, a recall and a withdrawal go on once a day for as long as it takes, and the channel
//! managers get a list of those that have waited for three days, each once, for somebody may have to ask the receiver by hand.

use serde_json::Value;

use super::notice;
use crate::{
    domain::kernel::{
        Result,
        clock::{DAY_MS, utc},
    },
    store::webhooks::housekeeping::{self, Overdue},
    work::{
        Context,
        notices::{self, Words},
    },
};

/// How long it waits before anybody is told.
const TELL_AFTER_MS: i64 = 3 * DAY_MS;
/// Lines of one mail.
const LINES_MAX: usize = 100;

/// Tells what has waited for three days, in one mail.
///
/// # Errors
/// Those of the store.
pub(super) async fn tell(ctx: &Context) -> Result<()> {
    let now_ms = ctx.now_ms();
    let mut all = housekeeping::overdue(&ctx.db, now_ms - TELL_AFTER_MS).await?;
    // What does not fit is told in a minute.
    all.truncate(LINES_MAX);
    let Some(first) = all.first() else { return Ok(()) };
    let managers = notice::managers(ctx);
    let source = format!("webhooks-overdue:{}:{}:{now_ms}", first.endpoint_id, first.event_id);
    let mails = match notices::compose_for_each(ctx, managers.iter(), (&source, None), &words(&all)) {
        Ok(mails) => mails,
        Err(error) => {
            // Told in a minute, when it may be mended; it stops nothing else.
            tracing::error!(error = error.detail(), "nobody can be told of webhooks that must arrive");
            return Ok(());
        }
    };
    let mut tx = ctx.db.begin().await?;
    if housekeeping::note_told(&mut tx, &all, now_ms).await? < all.len() as u64 {
        // Another node tells of them at this moment, or they arrived.
        return Ok(());
    }
    for mail in mails {
        mail.enqueue(&mut tx, now_ms).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

fn words(all: &[Overdue]) -> Words {
    let fact = |it: &Overdue| {
        let whose = if it.partner_slug.is_empty() { "the vendor" } else { &it.partner_slug };
        let since = utc(it.made_ms).format("%-d %b %Y, %H:%M UTC");
        (format!("{} of {whose}", it.endpoint), format!("{} of {}, since {since}", it.kind, about(it)))
    };
    Words {
        subject: match all {
            [one] => format!("The webhook {} was not told of {}", one.endpoint, one.kind),
            more => format!("{} erasures and recalls have not arrived", more.len()),
        },
        heading: "Erasures and recalls have not arrived".to_owned(),
        paragraphs: vec![
            "These receivers have not taken for three days that a person is to be erased, or that content is not to be used any \
             more. Each goes on once a day for as long as it takes; see whether somebody there can be asked meanwhile."
                .to_owned(),
        ],
        facts: all.iter().map(fact).collect(),
        button: ("See the endpoints".to_owned(), "/console/webhooks".to_owned()),
        why: "You are a channel manager.".to_owned(),
    }
}

/// The lead or the asset that an event is about.
fn about(overdue: &Overdue) -> String {
    if !overdue.subject.is_empty() {
        return overdue.subject.clone();
    }
    let payload: Value = serde_json::from_str(&overdue.payload).unwrap_or_default();
    payload["data"]["asset"].as_str().unwrap_or_default().to_owned()
}
