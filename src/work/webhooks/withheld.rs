//! What waits for a fault of ours (a key that is gone, name servers that are dead, a field map with faults) is told to the channel
//! managers, once for each endpoint until it is over: no receiver can mend it, and none is charged with it.

use super::notice;
use crate::{
    domain::kernel::{
        Result,
        clock::{HOUR_MS, utc},
    },
    store::webhooks::withheld::{self, Withheld},
    work::{
        Context,
        notices::{self, Words},
    },
};

/// How long it lasts before anybody is told.
const TELL_AFTER_MS: i64 = HOUR_MS;

/// Tells what has lasted for an hour, in one mail, and forgets what is over.
///
/// # Errors
/// Those of the store.
pub(super) async fn tell(ctx: &Context) -> Result<()> {
    for id in withheld::over(&ctx.db).await? {
        let mut tx = ctx.db.begin().await?;
        withheld::forget_told(&mut tx, &id).await?;
        tx.commit().await?;
    }
    let now_ms = ctx.now_ms();
    let all = withheld::untold(&ctx.db, now_ms - TELL_AFTER_MS).await?;
    let Some(first) = all.first() else { return Ok(()) };
    let managers = notice::managers(ctx);
    let source = format!("webhooks-withheld:{}:{now_ms}", first.id);
    let mails = match notices::compose_for_each(ctx, managers.iter(), (&source, None), &words(&all)) {
        Ok(mails) => mails,
        Err(error) => {
            // Told in a minute, when it may be mended; it stops nothing else.
            tracing::error!(error = error.detail(), "nobody can be told of webhooks that are held back");
            return Ok(());
        }
    };
    let mut tx = ctx.db.begin().await?;
    for endpoint in &all {
        if !withheld::tell(&mut tx, &endpoint.id, now_ms).await? {
            // Another node tells of it at this moment; what it leaves is told in a minute.
            return Ok(());
        }
    }
    for mail in mails {
        mail.enqueue(&mut tx, now_ms).await?;
    }
    tx.commit().await?;
    for endpoint in &all {
        tracing::error!(
            endpoint = endpoint.id,
            why = endpoint.why,
            "webhooks are held back by a fault of ours"
        );
    }
    ctx.wake.deliver.notify_one();
    Ok(())
}

fn words(all: &[Withheld]) -> Words {
    let fact = |endpoint: &Withheld| {
        let whose = if endpoint.partner_slug.is_empty() { "the vendor" } else { &endpoint.partner_slug };
        let since = utc(endpoint.since_ms).format("%a %-d %b %Y, %H:%M UTC");
        (format!("{} of {whose}", endpoint.name), format!("since {since}: {}", endpoint.why))
    };
    Words {
        subject: match all {
            [one] => format!("The webhook {} is held back by us", one.name),
            more => format!("{} webhooks are held back by us", more.len()),
        },
        heading: "Webhooks are held back".to_owned(),
        paragraphs: vec![
            "What happens is not told there, or not all of it, by a fault of this installation and not of the receivers': they \
             were asked for nothing. It is tried again by itself, and a week after it was made at the latest it is given up; \
             what was given up can be replayed for 30 days."
                .to_owned(),
        ],
        facts: all.iter().map(fact).collect(),
        button: ("See the endpoints".to_owned(), "/console/webhooks".to_owned()),
        why: "You are a channel manager.".to_owned(),
    }
}
