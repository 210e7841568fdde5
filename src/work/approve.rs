//! Approving and steering an issue. Approval is bound to what the person saw.

use super::{context::Context, follow, signin::OPERATOR};
use crate::{
    domain::{
        content::vendor::Duty,
        kernel::{
            Error, Result,
            clock::{DAY_MS, UtcMs},
        },
        program::issue::{Control, IssueState},
    },
    store::{
        Db, Tx, approvals, audit,
        dead_letters::{self, Filter},
        digests, freezing, issues,
        outbox::{self, Waiting, Word},
    },
};

/// How far back it is known where an issue went that was returned to draft.
const RETURNED_MS: i64 = 400 * DAY_MS;
/// What the audit calls it.
pub(super) const RETURN_TO_DRAFT: &str = "return-to-draft";
/// What the audit calls it.
const PAUSE: &str = "pause";
/// What `may_approve` stands for, beside approving itself.
const DUTY: &str = "`may = [\"approve\"]` under [[staff]] in vendor.toml says who may";

/// What came of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approved {
    /// It leaves at its promised hours.
    Whole,
    /// So many more people must approve it.
    Missing(i64),
}

/// Approves the issue whose frozen content has this hash, by the word of `actor`: the operator, or a member of staff who
/// may approve.
///
/// # Errors
/// `Denied` for somebody who may not; `Conflict` if the content is another one by now, the issue no longer waits for
/// approval, or they have approved it before.
pub async fn approve(ctx: &Context, issue_id: &str, content_hash: &str, actor: &str) -> Result<Approved> {
    allowed(ctx, actor, "approve issues")?;
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    let approver = person_of(actor);
    let Some(count) = approvals::give(&mut tx, issue_id, content_hash, approver, now_ms).await? else {
        return Err(not_given(ctx, issue_id, content_hash, approver).await?);
    };
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "approve", issue_id, content_hash).await?;
    let needed = issues::issue(&ctx.db, issue_id).await?.map_or(1, |issue| issue.approvals_needed);
    let approved = if count >= needed {
        // Inside, where the issue's row is held: of two people who approve at once the second names both.
        let given = approvals::given(&mut tx, issue_id).await?;
        let before = given.iter().map(|approval| approval.approver.as_str()).filter(|who| *who != approver);
        let who: Vec<&str> = before.chain([approver]).collect();
        approvals::approve(&mut tx, issue_id, &who.join(" and "), now_ms).await?;
        Approved::Whole
    } else {
        Approved::Missing(needed - count)
    };
    tx.commit().await?;
    ctx.wake.publish.notify_one();
    Ok(approved)
}

/// Why somebody's approval of an issue does not count.
async fn not_given(ctx: &Context, issue_id: &str, content_hash: &str, approver: &str) -> Result<Error> {
    let issue = issues::issue(&ctx.db, issue_id).await?.filter(|issue| issue.content_hash == content_hash);
    let Some(issue) = issue.filter(|issue| issue.control != Control::Cancelled.as_str()) else {
        return Ok(Error::conflict(
            "this issue no longer waits for approval, or it is not what you looked at; load the page again",
        ));
    };
    if let Some(by) = &issue.approved_by {
        let by = by_whom(by);
        return Ok(Error::conflict(format!("this issue is approved already, {by}; nothing was changed")));
    }
    let given = approvals::of_issue(&ctx.db, issue_id).await?;
    if given.iter().any(|approval| approval.approver == approver) {
        return Ok(Error::conflict("you have approved this issue already; somebody else must, too"));
    }
    Ok(Error::conflict("this issue no longer waits for approval; load the page again"))
}

/// Who approved an issue, as its row says it.
pub fn by_whom(approved_by: &str) -> String {
    match approved_by {
        "automatic" => "without anybody, as its newsletter says".to_owned(),
        by => format!("by {by}"),
    }
}

/// Takes an issue back to draft of which nothing was started, whether it waits for approval or for its hour: it is fixed anew
/// from the content as it is now, and approvals are void. What shares mails with it returns with
/// it.
///
/// # Errors
/// `Denied` for somebody who may not approve; `Conflict` if something of it, or of what shares mails with it, was started, or
/// it is over, or the content folder has errors; `Unavailable` if it cannot be read.
pub async fn return_to_draft(ctx: &Context, issue_id: &str, actor: &str) -> Result<()> {
    allowed(ctx, actor, "take an issue back to draft")?;
    let Some(issue) = issues::issue(&ctx.db, issue_id).await? else {
        return Err(Error::not_found("this issue"));
    };
    if let Some(state) = IssueState::parse(&issue.state) {
        state.check_step(IssueState::Draft)?;
    }
    // It is fixed anew at once, and that from what its authors have saved by now.
    if follow::catch_up(ctx).await? == follow::Standing::Refused {
        return Err(Error::conflict(
            "the content folder has errors, so it would be fixed anew from the content before them: mend what the page Content, \
             or `partnercast check`, names, then return it to draft; or pause it meanwhile",
        ));
    }
    let mut tx = ctx.db.begin().await?;
    // Held before the issues' own rows, as by whoever releases them.
    let digest = digests::hold(&mut tx, issue_id).await?;
    let mut beside = Vec::new();
    if let Some(digest) = &digest {
        beside = digests::unstarted_beside(&mut tx, digest, issue_id).await?.ok_or_else(started)?;
    }
    let all: Vec<&str> = [issue_id].into_iter().chain(beside.iter().map(String::as_str)).collect();
    for id in &all {
        if !freezing::withdraw(&mut tx, id).await? {
            return Err(started());
        }
    }
    let detail = draft_detail(&issue);
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, actor, RETURN_TO_DRAFT, issue_id, &detail).await?;
    returned_with(ctx, &mut tx, &beside, actor, (&issue, "was returned")).await?;
    // From here on nothing more is started. What is broken off now waits for approval, and may be taken back again.
    tx.commit().await?;
    if take_back(ctx, issue_id, &all).await? { Ok(()) } else { Err(started()) }
}

fn started() -> Error {
    Error::conflict(
        "messages of this issue, or of what shares mails with it, were started already, so it cannot be taken back to draft; \
         pause or cancel it",
    )
}

/// Empties the outboxes of issues that were withdrawn, dissolves the digest that `issue_id` belongs to, and takes them back to
/// draft. False if something was started in the very moment in which they were withdrawn: then they wait for another approval.
async fn take_back(ctx: &Context, issue_id: &str, ids: &[&str]) -> Result<bool> {
    for id in ids {
        loop {
            let mut tx = ctx.db.begin().await?;
            let gone = freezing::empty(&mut tx, id, issues::PART_ROWS).await?;
            tx.commit().await?;
            if gone == 0 {
                break;
            }
        }
    }
    let mut tx = ctx.db.begin().await?;
    if let Some(digest) = digests::hold(&mut tx, issue_id).await? {
        if digests::unstarted_beside(&mut tx, &digest, issue_id).await?.is_none() {
            return Ok(false);
        }
        digests::dissolve(&mut tx, &digest).await?;
    }
    for id in ids {
        if !freezing::thaw(&mut tx, id, ctx.now_ms()).await? {
            return Ok(false);
        }
    }
    tx.commit().await?;
    ctx.looks.forget();
    ctx.wake.publish.notify_one();
    Ok(true)
}

/// What the record says of an issue that goes back to draft, which is all that is left of it: its name, its content, and when
/// it was frozen.
fn draft_detail(issue: &issues::Issue) -> String {
    draft_detail_of((&issue.newsletter, &issue.nominal_date), &issue.content_hash, issue.frozen_ms)
}

/// The same of its parts.
pub(super) fn draft_detail_of((newsletter, date): (&str, &str), hash: &str, frozen_ms: UtcMs) -> String {
    format!("{newsletter}/{date} {hash} {frozen_ms}")
}

/// Records that issues went back to draft because another one, which shared mails with them, did or was cancelled.
async fn returned_with(
    ctx: &Context,
    tx: &mut Tx,
    beside: &[String],
    actor: &str,
    (issue, why): (&issues::Issue, &str),
) -> Result<()> {
    for other in beside {
        let Some(own) = issues::issue(&ctx.db, other).await? else { continue };
        let detail = format!(
            "{} it shared mails with {} of {}, which {why}",
            draft_detail(&own),
            issue.newsletter,
            issue.nominal_date
        );
        audit::record(tx, ctx.now_ms(), &*ctx.random, actor, RETURN_TO_DRAFT, other, &detail).await?;
    }
    Ok(())
}

/// An issue that was returned to draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// By whom.
    pub by: String,
    /// The newsletter's slug.
    pub newsletter: String,
    /// The promised date.
    pub date: String,
    /// When it had been frozen.
    pub frozen_ms: Option<UtcMs>,
    /// Why, where it was another issue's doing: `it shared mails with beta of 2027-01-12, which was cancelled`.
    pub because: Option<String>,
    /// The issue that was frozen for that date since.
    pub now: Option<String>,
}

/// What became of an issue that is gone because it was returned to draft; none if it never was. Mails and other pages still
/// lead to it.
///
/// # Errors
/// Those of the store.
pub async fn returned(ctx: &Context, issue_id: &str) -> Result<Option<Returned>> {
    let since_ms = ctx.now_ms() - RETURNED_MS;
    let Some((by, detail)) = audit::last(&ctx.db, RETURN_TO_DRAFT, issue_id, since_ms).await? else {
        return Ok(None);
    };
    let mut parts = detail.splitn(4, ' ');
    let name = parts.next().unwrap_or_default();
    let frozen_ms = parts.nth(1).and_then(|ms| ms.parse().ok());
    let because = parts.next().map(str::to_owned);
    let Some((newsletter, date)) = name.split_once('/') else { return Ok(None) };
    let now = issues::named(&ctx.db, None, Some(newsletter), Some(date)).await?.pop();
    Ok(Some(Returned {
        by,
        newsletter: newsletter.to_owned(),
        date: date.to_owned(),
        frozen_ms,
        because,
        now: now.map(|issue| issue.id),
    }))
}

/// Who `actor` is among those who approve: the operator is one and the same by whichever door.
fn person_of(actor: &str) -> &str {
    if actor.contains('@') { actor } else { OPERATOR }
}

/// Refuses those who may not approve: what they may not send, they may not take back either.
fn allowed(ctx: &Context, actor: &str, what: &str) -> Result<()> {
    if may_approve(ctx, actor) { Ok(()) } else { Err(denied(ctx, actor, what)) }
}

/// What somebody is told who may not do that.
pub(super) fn denied(ctx: &Context, actor: &str, what: &str) -> Error {
    let library = ctx.library();
    // As vendor.toml spells it.
    let member = library.vendor.as_ref().and_then(|vendor| vendor.member(actor));
    let actor = member.map_or(actor, |member| member.email.as_str());
    Error::denied(format!("{actor} may not {what}; {DUTY}"))
}

/// Whether resuming the issue is for those who may approve: it was paused so that somebody reads why, or one of them stopped it.
///
/// # Errors
/// Those of the store.
pub async fn resuming_approves(ctx: &Context, issue: &issues::Issue) -> Result<bool> {
    if issue.control != "paused" {
        return Ok(false);
    }
    if issue.paused_because.is_some() {
        return Ok(true);
    }
    let last = audit::last(&ctx.db, PAUSE, &issue.id, issue.frozen_ms).await?;
    Ok(last.is_some_and(|(by, _)| may_approve(ctx, &by)))
}

/// Whether `actor` may approve issues: the operator may, and of the staff whoever vendor.toml says.
pub fn may_approve(ctx: &Context, actor: &str) -> bool {
    let library = ctx.library();
    match library.vendor.as_ref().and_then(|vendor| vendor.member(actor)) {
        Some(member) => member.may.contains(&Duty::Approve),
        // An address is of nobody who is on the staff any more.
        None => !actor.contains('@'),
    }
}

/// Whether somebody may have a message sent again: late mail that nothing could hand over, since `held_ms`, is for those who
/// `may_approve`.
pub fn may_send_again(may_approve: bool, held_ms: Option<UtcMs>) -> bool {
    may_approve || held_ms.is_none()
}

/// Stops starting deliveries of the issue; the open window is finished.
///
/// # Errors
/// `Conflict` if it is paused, cancelled or done already.
pub async fn pause(ctx: &Context, issue_id: &str, actor: &str) -> Result<()> {
    control(ctx, issue_id, "paused", PAUSE, actor).await
}

/// Goes on with a paused issue.
///
/// # Errors
/// `Denied` for somebody who may not approve, where it was paused for a reason that somebody must read, one of those who may stopped it,
/// or something of it is late: that this still goes is an approval; `Conflict` if it runs, is cancelled or done already.
pub async fn resume(ctx: &Context, issue_id: &str, actor: &str) -> Result<()> {
    if !may_approve(ctx, actor)
        && let Some(issue) = issues::issue(&ctx.db, issue_id).await?
    {
        if resuming_approves(ctx, &issue).await? {
            let why = if issue.paused_because.is_some() {
                "resume an issue that was paused for a reason"
            } else {
                "resume an issue that somebody who may approve has stopped"
            };
            return Err(denied(ctx, actor, why));
        }
        if issues::has_late(&ctx.db, issue_id, ctx.now_ms()).await? {
            return Err(denied(ctx, actor, "resume an issue of which something is late"));
        }
    }
    control(ctx, issue_id, "running", "resume", actor).await
}

/// Ends the issue for good: what has not left does not leave. The evidence stays. While no message of any of them was
/// started, what shares mails with it goes back to draft and is fixed anew without it; later, what rides in its mails does
/// not leave either, and what of it rides in others leaves with them. [`cancelling`] says which.
///
/// # Errors
/// `Denied` for somebody who may not approve; `Conflict` if it is cancelled or done already, or if it is cancelled now and
/// something of what shares mails with it was started in the same moment.
pub async fn cancel(ctx: &Context, issue_id: &str, actor: &str) -> Result<()> {
    allowed(ctx, actor, "cancel an issue")?;
    control(ctx, issue_id, "cancelled", "cancel", actor).await
}

/// Sends a delivery again that failed, expired, or waits for a person: the same message, with the same Message-ID.
///
/// # Errors
/// `Denied` for somebody who may not approve, where it is late mail that nothing could hand over; `Conflict` if it was accepted, is on
/// its way, or its issue was cancelled.
pub async fn send_again(ctx: &Context, delivery_id: &str, actor: &str) -> Result<()> {
    let filter = Filter { delivery: Some(delivery_id.to_owned()), ..Filter::default() };
    allowed_late(ctx, &filter, actor).await?;
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    let word = Word { now_ms, lifetime_ms: DAY_MS, may_approve: may_approve(ctx, actor) };
    if !outbox::send_again(&mut tx, delivery_id, &word).await? {
        return Err(Error::conflict(
            "this message was accepted, is on its way, or its issue was cancelled; there is nothing to send again",
        ));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "send-again", delivery_id, "").await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Refuses those who may not approve, where late mail is among what is sent again: that it still goes is an approval.
pub(super) async fn allowed_late(ctx: &Context, filter: &Filter, actor: &str) -> Result<()> {
    if !may_approve(ctx, actor) && dead_letters::any_held(&ctx.db, filter).await? {
        return Err(denied(ctx, actor, "have late mail sent"));
    }
    Ok(())
}

async fn control(ctx: &Context, issue_id: &str, to: &str, action: &str, actor: &str) -> Result<()> {
    let Some(issue) = issues::issue(&ctx.db, issue_id).await? else {
        return Err(Error::not_found("this issue"));
    };
    // A long list is renewed and cancelled in parts, so that clicks and other issues do not wait for it. Before it goes
    // on, or its mail would expire at once.
    let may_be_late = may_approve(ctx, actor);
    if to == "running" && issue.control == "paused" {
        renew(ctx, Waiting::Issue(issue_id), may_be_late).await?;
    }
    let mut tx = ctx.db.begin().await?;
    // Held before its own row, as by whoever releases it.
    let digest = if to == "cancelled" { digests::hold(&mut tx, issue_id).await? } else { None };
    let beside = match &digest {
        Some(digest) => digests::unstarted_beside(&mut tx, digest, issue_id).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    if !issues::control(&mut tx, issue_id, to).await? {
        return Err(Error::conflict(format!(
            "there is nothing to {action}: this issue is {}",
            standing(&issue)
        )));
    }
    if to == "running" && may_be_late {
        issues::resumed(&mut tx, issue_id, ctx.now_ms()).await?;
    }
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, actor, action, issue_id, "").await?;
    for id in &beside {
        // What is started in this moment is found when it is taken back.
        freezing::withdraw(&mut tx, id).await?;
    }
    returned_with(ctx, &mut tx, &beside, actor, (&issue, "was cancelled")).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    if to == "cancelled" {
        clear_away(ctx).await?;
    }
    let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
    if beside.is_empty() || take_back(ctx, issue_id, &beside).await? {
        return Ok(());
    }
    Err(Error::conflict(
        "it is cancelled; but messages of what shares mails with it were started in the same moment, so that waits for another \
         approval",
    ))
}

/// What becomes of others that share mails with an issue when it is cancelled, in sentences; empty where nothing does.
///
/// # Errors
/// Those of the store.
pub async fn cancelling(db: &Db, issue: &issues::Issue) -> Result<String> {
    let beside = digests::of_issue(db, &issue.id).await?;
    if beside.is_empty() {
        return Ok(String::new());
    }
    let mut says = Vec::new();
    if digests::is_started(db, &issue.id).await? {
        for it in digests::waiting_in(db, &issue.id).await? {
            let readers =
                if it.people == 1 { "1 reader".to_owned() } else { format!("{} readers", it.people) };
            let lose = if it.people == 1 { "loses" } else { "lose" };
            let (letter, date) = (&it.newsletter, &it.nominal_date);
            says.push(format!(
                "{readers} of {letter} of {date} {lose} it, since it comes in mails of this one."
            ));
        }
        let hosts = beside.iter().filter(|it| !it.carried);
        says.extend(hosts.map(|it| {
            format!("What comes in the mail of {} of {} leaves with that.", it.newsletter, it.nominal_date)
        }));
    } else {
        says.extend(beside.iter().map(|it| {
            let (letter, date) = (&it.newsletter, &it.nominal_date);
            format!("{letter} of {date} goes back to draft, and is fixed anew without it; approvals of it are void.")
        }));
    }
    Ok(says.join(" "))
}

/// Where an issue stands, for whoever wanted to move it.
fn standing(issue: &issues::Issue) -> String {
    let ended = ["done", "cancelled"].contains(&issue.state.as_str());
    match issue.control.as_str() {
        "cancelled" => "cancelled already".to_owned(),
        _ if ended => format!("{} already", issue.state),
        "running" => "not paused".to_owned(),
        control => format!("{control} already"),
    }
}

/// Gives everything that waits of an issue or a sequence another day, in parts, so that clicks do not wait for it; and leave to be
/// late, if whoever has it go on may approve.
pub(super) async fn renew(ctx: &Context, of: Waiting<'_>, may_approve: bool) -> Result<()> {
    let word = Word { now_ms: ctx.now_ms(), lifetime_ms: DAY_MS, may_approve };
    let mut after = None;
    loop {
        let mut tx = ctx.db.begin().await?;
        after = outbox::renew(&mut tx, of, &word, after.as_ref(), issues::PART_ROWS).await?;
        tx.commit().await?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Takes the rest of what cancelled issues left out of the queue; after a fault here `publish` goes on with it.
async fn clear_away(ctx: &Context) -> Result<()> {
    loop {
        let mut tx = ctx.db.begin().await?;
        let cancelled = issues::cancel_part(&mut tx, issues::PART_ROWS).await?;
        tx.commit().await?;
        if cancelled == 0 {
            return Ok(());
        }
    }
}
