//! Whoever may approve is told that an issue or a sequence paused itself, once each time: nothing of it leaves until one of them
//! says so.

use super::{
    apart,
    approvals::{approvers, escalates_to, named},
    context::Context,
    notices::{self, Words},
};
use crate::{
    domain::{
        content::{merge::authored, vendor::Staff},
        delivery::{DeliveryState, outlook::class_means},
        kernel::{Result, clock::UtcMs},
    },
    store::{
        audit, deliveries,
        issues::{self, Issue},
        pauses::{self, Pause},
        progress,
    },
};

/// Tells of what is paused for a reason, each pause once, whichever node looks.
///
/// # Errors
/// Those of the store.
pub(super) async fn tell(ctx: &Context) -> Result<()> {
    let library = ctx.library();
    let Some(vendor) = library.vendor.as_ref() else { return Ok(()) };
    for issue in issues::paused_because(&ctx.db).await? {
        let source = source(ctx, &issue).await?;
        if ctx.looks.rests(&source, ctx.now_ms()) {
            continue;
        }
        let letter = library.newsletters().find(|(asset, _)| asset.slug() == issue.newsletter);
        let title = letter.map_or(issue.newsletter.as_str(), |(asset, _)| asset.front.title.as_str());
        let words = of_issue(ctx, &issue, &authored(title)).await?;
        let newsletter = letter.map(|(_, newsletter)| newsletter);
        let sender = newsletter.and_then(|it| it.sender.as_ref()).map(|sender| sender.as_str());
        let escalate_to = newsletter.and_then(|newsletter| escalates_to(vendor, newsletter));
        mail(ctx, approvers(vendor).chain(escalate_to), source, sender, &words).await?;
    }
    for pause in pauses::all(&ctx.db).await?.into_iter().filter(|pause| !pause.is_by_hand()) {
        let source = format!("rests:{}:{}", pause.sequence, pause.since_ms);
        if ctx.looks.rests(&source, ctx.now_ms()) {
            continue;
        }
        let sequence = library.sequences().find(|(asset, _)| asset.slug() == pause.sequence);
        let title = sequence.map_or(pause.sequence.as_str(), |(asset, _)| asset.front.title.as_str());
        let words = of_sequence(ctx, &pause, &authored(title)).await?;
        mail(ctx, approvers(vendor), source, None, &words).await?;
    }
    Ok(())
}

/// What makes the mails about the pause of an issue, and makes them once. What it was paused for before ended when somebody had
/// it go on; a digest that comes apart ends no pause.
///
/// # Errors
/// Those of the store.
pub(super) async fn source(ctx: &Context, issue: &Issue) -> Result<String> {
    let resumed_ms = audit::last_ms(&ctx.db, "resume", &issue.id, issue.frozen_ms).await?;
    let carried = if resumed_ms.is_none() { apart::paused_as(ctx, issue).await? } else { None };
    Ok(carried.unwrap_or_else(|| format!("paused:{}:{}", issue.id, resumed_ms.unwrap_or(0))))
}

async fn of_issue(ctx: &Context, issue: &Issue, title: &str) -> Result<Words> {
    let counts = deliveries::counts(&ctx.db, &issue.id).await?;
    let of = |wanted: &[DeliveryState]| -> i64 {
        counts.iter().filter(|(state, _)| wanted.contains(state)).map(|(_, count)| count).sum()
    };
    let all: i64 = counts.iter().map(|(_, count)| count).sum();
    let mut facts = vec![
        ("Issue".to_owned(), authored(&issue.title)),
        ("Accepted".to_owned(), format!("{} of {all}", of(&[DeliveryState::Accepted]))),
        ("Waits".to_owned(), of(&[DeliveryState::Ready, DeliveryState::Sending]).to_string()),
    ];
    for (class, count) in progress::classes(&ctx.db, &issue.id).await? {
        facts.push(("Not accepted".to_owned(), format!("{count}: {}", class_means(&class))));
    }
    Ok(Words {
        subject: format!("{} paused itself", named(title, &issue.nominal_date)),
        heading: "An issue paused itself".to_owned(),
        paragraphs: vec![
            why(issue.paused_because.as_deref().unwrap_or_default()),
            "Nothing more of it leaves until somebody who may approve issues resumes it. Mend what the reason names first: then \
             everybody gets it who has not. Cancel it, and what waits does not leave at all."
                .to_owned(),
        ],
        facts,
        button: ("See the issue".to_owned(), format!("/console/issues/{}", issue.id)),
        why: "You may approve issues, or are told when somebody must see to one.".to_owned(),
    })
}

async fn of_sequence(ctx: &Context, pause: &Pause, title: &str) -> Result<Words> {
    let waits = pauses::waiting(&ctx.db, &pause.sequence).await?;
    Ok(Words {
        subject: format!("The sequence {title} paused itself"),
        heading: "A sequence paused itself".to_owned(),
        paragraphs: vec![
            why(&pause.because),
            "Nobody gets a message of it, or takes a step, until somebody who may approve resumes it. Mend what the reason names \
             first: what was refused is tried again."
                .to_owned(),
        ],
        facts: vec![("Messages that wait".to_owned(), waits.to_string())],
        button: ("See the sequence".to_owned(), format!("/console/sequences/{}", pause.sequence)),
        why: "You may approve issues, and have what was paused go on.".to_owned(),
    })
}

/// The reason as a sentence: `Paused because 20 messages in a row were refused for a reason that lies with us: 550 5.7.26 ...`
fn why(because: &str) -> String {
    format!("It was paused because {}.", because.trim_end_matches('.'))
}

/// Mails it to each of `people`, once.
async fn mail<'a>(
    ctx: &Context,
    people: impl Iterator<Item = &'a Staff>,
    source: String,
    sender: Option<&str>,
    words: &Words,
) -> Result<()> {
    let now_ms = ctx.now_ms();
    let mails = match notices::compose_for_each(ctx, people, (&source, sender), words) {
        Ok(mails) => mails,
        Err(error) => {
            // Other work of the same look does not wait for content that has a sender again.
            tracing::warn!(error = error.detail(), source, "nobody can be told of a pause; tried again");
            ctx.looks.rest(source, now_ms, UtcMs::MAX);
            return Ok(());
        }
    };
    let mut tx = ctx.db.begin().await?;
    for mail in mails {
        // Once for each source and person, whoever else does it.
        mail.enqueue(&mut tx, now_ms).await?;
    }
    tx.commit().await?;
    ctx.looks.rest_long(source, now_ms, UtcMs::MAX);
    ctx.wake.deliver.notify_one();
    Ok(())
}
