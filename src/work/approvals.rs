//! Whoever may approve is told that an issue waits, reminded when half of the time is gone, and told when it is late.

use std::collections::BTreeSet;

use super::{
    context::Context,
    notices::{self, StaffNotice, Words},
};
use crate::{
    domain::{
        content::{
            self, Asset,
            kinds::Newsletter,
            merge::authored,
            vendor::{Duty, Staff, Vendor},
        },
        kernel::{Result, clock::utc},
        program::issue::Urging,
    },
    store::{
        approvals::{self, Approval, Waiting},
        digests::{self, Member},
    },
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
        let letter = library.newsletters().find(|(asset, _)| asset.slug() == issue.newsletter);
        let escalate_to =
            letter.filter(|_| urging == Urging::Late).and_then(|(_, letter)| escalates_to(vendor, letter));
        let given = approvals::of_issue(&ctx.db, &issue.id).await?;
        let mut told = BTreeSet::new();
        // Each once, and nobody who has said yes already.
        let people = approvers(vendor).chain(escalate_to).filter(|member| {
            let said_yes = given.iter().any(|it| member.email.as_str().eq_ignore_ascii_case(&it.approver));
            !said_yes && told.insert(member.email.as_str())
        });
        let members = digests::members(&ctx.db, &issue.id).await?;
        let asking = Asking { vendor, issue: &issue, letter, given: &given, urging, members };
        let mut mails = Vec::new();
        for member in people {
            mails.push(notices::compose_for_staff(ctx, &asking.notice(member))?);
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

/// Who may approve issues.
pub(super) fn approvers(vendor: &Vendor) -> impl Iterator<Item = &Staff> {
    vendor.staff.iter().filter(|member| member.may.contains(&Duty::Approve))
}

/// The member of staff who is told of what a newsletter's approvers do not see to.
pub(super) fn escalates_to<'a>(vendor: &'a Vendor, newsletter: &Newsletter) -> Option<&'a Staff> {
    newsletter.escalate_to.as_ref().and_then(|address| vendor.member(address.as_str()))
}

/// Newsletter and date, as people call an issue.
pub(super) fn named(title: &str, date: &str) -> String {
    format!("{title} of {date}")
}

/// What is asked about an issue that waits.
struct Asking<'a> {
    vendor: &'a Vendor,
    issue: &'a Waiting,
    letter: Option<(&'a Asset, &'a Newsletter)>,
    given: &'a [Approval],
    urging: Urging,
    /// The issues with which it shares mails, itself included.
    members: Vec<Member>,
}

impl<'a> Asking<'a> {
    /// The subject and the heading.
    fn heads(&self) -> (String, &'static str) {
        let issue = self.issue;
        let title = self.letter.map_or(issue.newsletter.as_str(), |(asset, _)| asset.front.title.as_str());
        let name = named(&authored(title), &issue.nominal_date);
        match (self.urging, self.missing()) {
            // Nobody was late: it would have left by itself, had nothing held it.
            (Urging::Late, _) if self.is_automatic() => {
                (format!("The time of {name} has passed: shall it still go?"), "Its time has passed")
            }
            (Urging::Late, Some(more)) => {
                (format!("{name} is late: it waits for {more}"), "An issue is late")
            }
            (Urging::Late, None) => (format!("{name} is late: nobody approved it"), "An issue is late"),
            (_, Some(more)) => (format!("{name} waits for {more}"), "An issue waits for one more person"),
            (Urging::Reminded, None) => {
                (format!("{name} still waits for your approval"), "An issue still waits")
            }
            (Urging::Asked, None) => {
                (format!("{name} waits for your approval"), "An issue waits for your approval")
            }
        }
    }

    /// Whether it would leave by itself, had nothing held it.
    fn is_automatic(&self) -> bool {
        let is = |(_, letter): (&Asset, &Newsletter)| letter.approval == content::kinds::Approval::Automatic;
        self.issue.held_because.is_some() && self.letter.is_some_and(is)
    }

    /// `1 more approval`, where some but not all who must have approved it.
    fn missing(&self) -> Option<String> {
        let given = i64::try_from(self.given.len()).unwrap_or(i64::MAX);
        let more = self.issue.approvals_needed - given;
        (given > 0 && more > 0)
            .then(|| format!("{more} more {}", if more == 1 { "approval" } else { "approvals" }))
    }

    /// What waits with it, or for it.
    fn beside(&self) -> Option<String> {
        let others = self.members.iter().filter(|member| member.id != self.issue.id);
        let others: Vec<String> =
            others.map(|member| format!("{} of {}", member.newsletter, member.nominal_date)).collect();
        (!others.is_empty()).then(|| {
            format!(
                "Some readers get it in one mail with {}, if both are approved by the first one's hour; what is not then comes by \
                 itself, later.",
                others.join(" and ")
            )
        })
    }

    fn notice(&self, to: &'a Staff) -> StaffNotice<'a> {
        let issue = self.issue;
        let due = utc(issue.first_due_ms)
            .with_timezone(&self.vendor.zone)
            .format("%a %-d %b %Y, %H:%M %Z")
            .to_string();
        let (subject, heading) = self.heads();
        let when = match self.urging {
            Urging::Late if self.is_automatic() => format!(
                "Its first hour, {due}, passed before it could leave by itself. Approve it, and it leaves, at each reader's next \
                 allowed time; cancel it, and it does not leave at all."
            ),
            Urging::Late => format!(
                "Its first hour, {due}, has come, and it has not been approved. Once it is, it leaves at each reader's next \
                 allowed time."
            ),
            _ => format!("Its first hour is {due}. What is approved by then leaves in time."),
        };
        let mut facts = vec![
            ("Issue".to_owned(), authored(&issue.title)),
            ("Goes to".to_owned(), format!("{} people", issue.recipients)),
        ];
        if issue.approvals_needed > 1 {
            facts.push(("Needs".to_owned(), format!("{} different people", issue.approvals_needed)));
        }
        if !self.given.is_empty() {
            let who: Vec<&str> = self.given.iter().map(|approval| approval.approver.as_str()).collect();
            facts.push(("Approved by".to_owned(), who.join(", ")));
        }
        if let Some(why) = &issue.held_because {
            facts.push(("Held because".to_owned(), why.clone()));
        }
        StaffNotice {
            source: format!("approval:{}:{}:{}", issue.id, issue.frozen_ms, self.urging.number()),
            sender: self.letter.and_then(|(_, letter)| letter.sender.as_ref()).map(|sender| sender.as_str()),
            to,
            words: Words {
                subject,
                heading: heading.to_owned(),
                paragraphs: [Some(when), self.beside()].into_iter().flatten().collect(),
                facts,
                button: ("See the issue".to_owned(), format!("/console/issues/{}", issue.id)),
                why: "You may approve issues, or are told when an approval is late.".to_owned(),
            },
        }
    }
}
