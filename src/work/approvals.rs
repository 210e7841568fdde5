//! Whoever may approve is told that an issue waits, reminded when half of the time is gone, and told when it is late.

use super::{
    context::Context,
    notices::{self, StaffNotice, Words},
};
use crate::{
    domain::{
        content::vendor::{Duty, Staff, Vendor},
        kernel::{Result, clock::utc},
        program::issue::Urging,
    },
    store::approvals::{self, Waiting},
};

/// Tells whoever should be told by now, each thing once.
///
/// # Errors
/// Those of the store, and of content without a sender.
pub(super) async fn urge(ctx: &Context) -> Result<()> {
    let now_ms = ctx.now_ms();
    let library = ctx.library();
    let Some(vendor) = library.vendor.as_ref() else { return Ok(()) };
    for issue in approvals::waiting(&ctx.db).await? {
        let urging = Urging::due(issue.frozen_ms, issue.first_due_ms, now_ms);
        if urging.number() <= issue.approval_asked {
            continue;
        }
        let escalate_to = library
            .newsletters()
            .find(|(asset, _)| asset.slug() == issue.newsletter)
            .and_then(|(_, newsletter)| newsletter.escalate_to.clone())
            .filter(|_| urging == Urging::Late);
        let given = approvals::of_issue(&ctx.db, &issue.id).await?;
        let may = vendor.staff.iter().filter(|member| {
            member.may.contains(&Duty::Approve)
                && !given.iter().any(|it| member.email.as_str().eq_ignore_ascii_case(&it.approver))
        });
        let also = escalate_to.and_then(|address| vendor.member(address.as_str()));
        let mut people: Vec<&Staff> = may.chain(also).collect();
        people.dedup_by(|a, b| a.email == b.email);
        let mut mails = Vec::new();
        for member in people {
            mails.push(notices::compose_for_staff(ctx, &notice(vendor, &issue, urging, member))?);
        }
        let mut tx = ctx.db.begin().await?;
        if approvals::asked(&mut tx, &issue.id, urging.number()).await? {
            for mail in mails {
                mail.enqueue(&mut tx, now_ms).await?;
            }
            tx.commit().await?;
            ctx.wake.deliver.notify_one();
        }
    }
    Ok(())
}

fn notice<'a>(vendor: &Vendor, issue: &Waiting, urging: Urging, to: &'a Staff) -> StaffNotice<'a> {
    let name = format!("{} of {}", issue.newsletter, issue.nominal_date);
    let due =
        utc(issue.first_due_ms).with_timezone(&vendor.zone).format("%a %-d %b %Y, %H:%M %Z").to_string();
    let (subject, heading) = match urging {
        Urging::Asked => (format!("{name} waits for your approval"), "An issue waits for your approval"),
        Urging::Reminded => (format!("{name} still waits for your approval"), "An issue still waits"),
        Urging::Late => (format!("{name} is late: nobody approved it"), "An issue is late"),
    };
    let when = match urging {
        Urging::Late => format!(
            "Its first hour, {due}, has come, and it has not been approved. It leaves as soon as it is."
        ),
        _ => format!("Its first hour is {due}. What is approved by then leaves in time."),
    };
    let mut facts = vec![
        ("Issue".to_owned(), issue.title.clone()),
        ("Goes to".to_owned(), format!("{} people", issue.recipients)),
    ];
    if issue.approvals_needed > 1 {
        facts.push(("Needs".to_owned(), format!("{} different people", issue.approvals_needed)));
    }
    if let Some(why) = &issue.held_because {
        facts.push(("Held because".to_owned(), why.clone()));
    }
    StaffNotice {
        source: format!("approval:{}:{}:{}", issue.id, issue.frozen_ms, urging.number()),
        to,
        words: Words {
            subject,
            heading: heading.to_owned(),
            paragraphs: vec![when],
            facts,
            button: ("See the issue".to_owned(), format!("/console/issues/{}", issue.id)),
            why: "You may approve issues, or are told when an approval is late.".to_owned(),
        },
    }
}
