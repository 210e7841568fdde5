//! Whoever may approve is told of late mail that nothing could hand over: it waits for them among the dead letters. What is late is found
//! where it is started (`deliver/gate`).

use super::{
    approvals::{approvers, escalates_to, named},
    context::Context,
    notices::{self, Words},
};
use crate::{
    domain::{
        content::{merge::authored, vendor::Vendor},
        kernel::{
            Result,
            clock::{DAY_MS, MINUTE_MS, UtcMs, utc},
        },
    },
    store::{
        audit, digests,
        late::{self, Untold},
    },
};

/// How long nothing more of an issue must have been found before people are told, so that one mail has the whole number.
const SETTLED_MS: i64 = MINUTE_MS / 2;
/// How far back it is looked for what nobody was told of.
const SINCE_MS: i64 = 7 * DAY_MS;

/// Tells whoever may approve, and whom the newsletter names for what is late, of what waits for them: each message once.
///
/// # Errors
/// Those of the store.
pub(super) async fn tell(ctx: &Context) -> Result<()> {
    let now_ms = ctx.now_ms();
    let library = ctx.library();
    let Some(vendor) = library.vendor.as_ref() else { return Ok(()) };
    for held in late::untold(&ctx.db, now_ms - SINCE_MS, now_ms - SETTLED_MS).await? {
        let source = format!("late:{}:{}", held.issue_id, held.held_ms);
        if ctx.looks.rests(&source, now_ms) {
            continue;
        }
        let letter = library.newsletters().find(|(asset, _)| asset.slug() == held.newsletter);
        let title = letter.map_or(held.newsletter.as_str(), |(asset, _)| asset.front.title.as_str());
        let mut words = words(vendor, &held, &authored(title));
        let members = digests::members(&ctx.db, &held.issue_id).await?;
        let beside = members.iter().filter(|member| member.id != held.issue_id);
        let beside: Vec<String> =
            beside.map(|member| named(&member.newsletter, &member.nominal_date)).collect();
        if !beside.is_empty() {
            words.facts.push(("Shares mails with".to_owned(), beside.join(", ")));
        }
        let newsletter = letter.map(|(_, newsletter)| newsletter);
        let sender = newsletter.and_then(|it| it.sender.as_ref()).map(|sender| sender.as_str());
        let escalate_to = newsletter.and_then(|newsletter| escalates_to(vendor, newsletter));
        let people = approvers(vendor).chain(escalate_to);
        let mails = notices::compose_for_each(ctx, people, (&source, sender), &words);
        let mails = match mails {
            Ok(mails) => mails,
            Err(error) => {
                // Other work of the same look does not wait for content that has a sender again.
                tracing::warn!(
                    error = error.detail(),
                    source,
                    "nobody can be told of late mail; tried again"
                );
                ctx.looks.rest(source, now_ms, UtcMs::MAX);
                continue;
            }
        };
        let mut tx = ctx.db.begin().await?;
        if late::told(&mut tx, &held.issue_id, held.held_ms).await? {
            let detail = format!(
                "{} late and nothing could hand them over; they wait for a person",
                messages(held.people)
            );
            let subject = &held.issue_id;
            audit::record(&mut tx, now_ms, &*ctx.random, "partnercast", "hold", subject, &detail).await?;
            for mail in mails {
                mail.enqueue(&mut tx, now_ms).await?;
            }
            tx.commit().await?;
            tracing::warn!(
                issue = subject,
                messages = held.people,
                "late mail waits for a person: see dead letters"
            );
            ctx.wake.deliver.notify_one();
        }
    }
    Ok(())
}

fn messages(count: i64) -> String {
    if count == 1 { "1 message was".to_owned() } else { format!("{count} messages were") }
}

fn words(vendor: &Vendor, held: &Untold, title: &str) -> Words {
    let readers = if held.people == 1 { "1 reader".to_owned() } else { format!("{} readers", held.people) };
    let at = |ms: UtcMs| utc(ms).with_timezone(&vendor.zone).format("%a %-d %b %Y, %H:%M %Z").to_string();
    let hours = if held.first_ms == held.last_ms {
        format!("Its hour for {readers}, {}, passed", at(held.first_ms))
    } else {
        format!("Its hours for {readers}, {} to {}, passed", at(held.first_ms), at(held.last_ms))
    };
    let says = format!(
        "{hours} before any of it could be handed over. Somebody who may approve can have it sent again: it then leaves at each \
         reader's next allowed time. Otherwise it does not leave."
    );
    let name = named(title, &held.nominal_date);
    Words {
        subject: format!("The time of {name} has passed for {readers}: shall it still go?"),
        heading: "Late mail waits for you".to_owned(),
        paragraphs: vec![says],
        facts: vec![("Issue".to_owned(), authored(&held.title)), ("Waits".to_owned(), readers)],
        button: (
            "See the messages".to_owned(),
            format!("/console/dead-letters?issue={}&state=expired", held.issue_id),
        ),
        why: "You may approve issues, or are told when one is late.".to_owned(),
    }
}
