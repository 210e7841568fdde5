//! What follows from a report that is rightly signed, inside its transaction.

use super::Matched;
use crate::{
    domain::{
        delivery::report::{
            Action, ComplaintScope, Consequence, DOMAIN_REST_MS, DOMAIN_WITNESSES, FULL_ISSUES, FULL_REST_MS,
            Fault, Report,
        },
        engagement::{EventKind, Reason},
        kernel::{
            Result,
            clock::{DAY_MS, UtcMs},
            id::EventId,
            text::domain_key,
        },
        lead::is_business_domain,
        program::audience::SuppressionReason,
    },
    store::{
        Tx, audit,
        events::{self, Event},
        reports,
        suppressions::{self, ALL, Suppression},
    },
    work::{Context, preferences, track::Visitor},
};

/// What was done, for the record.
pub(super) struct Effect {
    pub(super) changed: bool,
    pub(super) words: String,
}

impl Effect {
    fn nothing(why: impl Into<String>) -> Self {
        Self { changed: false, words: why.into() }
    }
}

/// Does what follows from `matched`, or in a rehearsal says what would.
pub(super) async fn apply(ctx: &Context, tx: &mut Tx, matched: &Matched) -> Result<Effect> {
    let Matched { report, target, .. } = matched;
    let consequence = report.consequence(&target.email);
    let counts = match report {
        Report::Bounce(bounce) => bounce.action == Action::Failed,
        _ => consequence == Consequence::Complaint,
    };
    if counts {
        // A person may have lifted what followed the first time; a copy must not bring it back.
        if reports::reported(tx, &target.id, report.kind(), report.action()).await? {
            return Ok(Effect::nothing("this was reported before"));
        }
        if !matched.is_rehearsal {
            let fact = fact(ctx, tx, matched).await?;
            events::insert(tx, vec![fact]).await?;
        }
    }
    match consequence {
        Consequence::Nothing(why) => Ok(Effect::nothing(why)),
        Consequence::StopAddress(reason) => stop(ctx, tx, matched, reason, None).await,
        Consequence::RestDomain => rest_domain(ctx, tx, matched).await,
        Consequence::CountFull => count_full(ctx, tx, matched).await,
        Consequence::Complaint => complain(ctx, tx, matched).await,
        Consequence::Unsubscribe => unsubscribe(ctx, tx, matched).await,
        Consequence::Reply => wrote_back(ctx, tx, matched).await,
    }
}

/// What a mail system did is a fact about our mail, and no sign of anybody's interest; that somebody wrote back is one.
async fn fact(ctx: &Context, tx: &mut Tx, matched: &Matched) -> Result<Event> {
    let now_ms = ctx.now_ms();
    let (kind, agent) = match &matched.report {
        Report::Bounce(bounce) => (EventKind::Bounce, bounce.reporting_mta.clone().unwrap_or_default()),
        Report::Reply => (EventKind::Reply, String::new()),
        _ => (EventKind::Complaint, String::new()),
    };
    let reason = if kind == EventKind::Reply { Reason::Wrote } else { Reason::Reported };
    let mut event = Event {
        id: EventId::new(now_ms, &*ctx.random).to_string(),
        kind: kind.as_str().to_owned(),
        at_ms: now_ms,
        delivery_id: Some(matched.target.id.clone()),
        contact_id: matched.target.contact_id.clone(),
        // A mail about a lead to whoever has it is no deed of the lead's.
        lead_id: preferences::lead_of(tx, &matched.sent).await?.map(|lead| lead.id),
        partner_slug: matched.target.partner_slug.clone(),
        asset: None,
        revision: None,
        channel: String::new(),
        stayed_ms: None,
        link_no: None,
        method: "MAIL".to_owned(),
        agent: agent.chars().take(200).collect(),
        network: String::new(),
        prefetch: false,
        honeypot: false,
        human: false,
        reason: String::new(),
        verdict: String::new(),
    };
    event.judged(&reason.into());
    Ok(event)
}

/// Somebody wrote back to where mail systems report. That they did is theirs; what they wrote stands in the record, for people.
async fn wrote_back(ctx: &Context, tx: &mut Tx, matched: &Matched) -> Result<Effect> {
    if !matched.is_rehearsal {
        let fact = fact(ctx, tx, matched).await?;
        events::insert(tx, vec![fact]).await?;
    }
    let words = format!("{} wrote back: read it and answer, for nobody else gets it", matched.target.email);
    Ok(Effect { changed: true, words })
}

/// Puts the reader's address on the do-not-send list, for everything.
async fn stop(
    ctx: &Context,
    tx: &mut Tx,
    matched: &Matched,
    reason: SuppressionReason,
    for_ms: Option<i64>,
) -> Result<Effect> {
    let key = matched.target.base_key.clone();
    let words = match for_ms {
        None => format!("{key} gets nothing more: {}", reason.sentence()),
        Some(for_ms) => format!("{key} gets nothing for {} days: {}", for_ms / DAY_MS, reason.sentence()),
    };
    put(ctx, tx, matched, &Entry { key, scope: ALL, reason, source: "bounce", for_ms }, words).await
}

/// What to put on the list.
struct Entry<'a> {
    key: String,
    scope: &'a str,
    reason: SuppressionReason,
    source: &'a str,
    for_ms: Option<i64>,
}

async fn put(
    ctx: &Context,
    tx: &mut Tx,
    matched: &Matched,
    entry: &Entry<'_>,
    words: String,
) -> Result<Effect> {
    let now_ms = ctx.now_ms();
    let detail = match &matched.report {
        Report::Bounce(bounce) => bounce.diagnostic.clone(),
        other => other.class().to_owned(),
    };
    let suppression = Suppression {
        email_key: entry.key.clone(),
        scope: entry.scope.to_owned(),
        reason: entry.reason.as_str().to_owned(),
        source: entry.source.to_owned(),
        detail: detail.chars().take(300).collect(),
        created_ms: now_ms,
        expires_ms: entry.for_ms.map(|for_ms| now_ms + for_ms),
    };
    let is_new = if matched.is_rehearsal {
        suppressions::is_new(tx, &suppression).await?
    } else {
        suppressions::put(tx, &suppression).await?
    };
    if !is_new {
        return Ok(Effect::nothing(format!("{} was on the do-not-send list already", entry.key)));
    }
    if matched.is_rehearsal {
        return Ok(Effect { changed: true, words });
    }
    let why = format!("{} ({})", entry.reason.as_str(), matched.target.id);
    audit::record(tx, now_ms, &*ctx.random, "mail", "suppress", &entry.key, &why).await?;
    Ok(Effect { changed: true, words })
}

/// A domain that takes no mail: the address rests, with enough witnesses the domain too, and the second time the address
/// is stopped for good.
async fn rest_domain(ctx: &Context, tx: &mut Tx, matched: &Matched) -> Result<Effect> {
    let target = &matched.target;
    let class = Fault::BadDomain.as_str();
    let week_ago_ms = ctx.now_ms() - DOMAIN_REST_MS;
    if reports::last_of_class(tx, &target.base_key, class, week_ago_ms).await?.is_some() {
        return stop(ctx, tx, matched, SuppressionReason::BadAddress, None).await;
    }
    let rested = stop(ctx, tx, matched, SuppressionReason::BadDomain, Some(DOMAIN_REST_MS)).await?;
    let domain = domain_key(&target.base_key);
    let mut witnesses = reports::witnesses(tx, &domain, class, week_ago_ms).await?;
    witnesses.push(target.base_key.clone());
    witnesses.sort();
    witnesses.dedup();
    // Providers for everybody do not go away, and their users have nothing to do with each other.
    if witnesses.len() < DOMAIN_WITNESSES || !is_business_domain(domain.trim_start_matches('@')) {
        return Ok(rested);
    }
    let words = format!(
        "{domain} gets nothing for {} days: mail to {} of its addresses came back",
        DOMAIN_REST_MS / DAY_MS,
        witnesses.len()
    );
    let entry = Entry {
        key: domain,
        scope: ALL,
        reason: SuppressionReason::BadDomain,
        source: "bounce",
        for_ms: Some(DOMAIN_REST_MS),
    };
    let effect = put(ctx, tx, matched, &entry, words).await?;
    Ok(if effect.changed { effect } else { rested })
}

/// A full mailbox: one may be a holiday, three issues in a row are nobody there.
async fn count_full(ctx: &Context, tx: &mut Tx, matched: &Matched) -> Result<Effect> {
    if matched.target.issue_id.is_none() {
        return Ok(Effect::nothing("the mailbox is full; single mails do not count"));
    }
    let class = Fault::MailboxFull.as_str();
    let issues = i64::try_from(FULL_ISSUES).unwrap_or(i64::MAX);
    // This one is not recorded yet.
    let full = reports::issues_in_a_row(tx, matched.id, class, issues).await? + 1;
    if full < issues {
        return Ok(Effect::nothing(format!("the mailbox is full; {full} of {issues} issues in a row")));
    }
    stop(ctx, tx, matched, SuppressionReason::MailboxFull, Some(FULL_REST_MS)).await
}

/// Who complains has unsubscribed.
async fn complain(ctx: &Context, tx: &mut Tx, matched: &Matched) -> Result<Effect> {
    let target = &matched.target;
    let all = ctx.settings.bounces.complaint_scope == ComplaintScope::All || target.scope.is_empty();
    let scope = if all { ALL } else { target.scope.as_str() };
    let what = if all { "nothing more" } else { "this newsletter no more" };
    let words = format!("{} gets {what}: they called it unwanted", target.base_key);
    let entry = Entry {
        key: target.base_key.clone(),
        scope,
        reason: SuppressionReason::Complaint,
        source: "complaint",
        for_ms: None,
    };
    let effect = put(ctx, tx, matched, &entry, words).await?;
    if effect.changed && !matched.is_rehearsal {
        preferences::withdraw(tx, ctx.now_ms(), &matched.sent, scope).await?;
    }
    Ok(effect)
}

async fn unsubscribe(ctx: &Context, tx: &mut Tx, matched: &Matched) -> Result<Effect> {
    let visitor = Visitor { method: "MAIL".to_owned(), ..Visitor::default() };
    let changed = if matched.is_rehearsal {
        preferences::would_stop(ctx, tx, &matched.sent).await?
    } else {
        preferences::stop(ctx, tx, &matched.sent, &visitor).await?
    };
    Ok(if changed {
        Effect { changed, words: format!("{} unsubscribed by mail", matched.target.base_key) }
    } else {
        Effect::nothing("they had unsubscribed before")
    })
}

/// Takes entries away whose time is over, each with a line in the audit; returns how many.
pub(super) async fn lapse(ctx: &Context, now_ms: UtcMs) -> Result<usize> {
    let mut tx = ctx.db.begin().await?;
    let lapsed = suppressions::lapse(&mut tx, now_ms).await?;
    for entry in &lapsed {
        audit::record(&mut tx, now_ms, &*ctx.random, "partnercast", "lapse", &entry.email_key, &entry.reason)
            .await?;
    }
    tx.commit().await?;
    Ok(lapsed.len())
}
