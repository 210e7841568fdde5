//! Digests that come apart: what nobody approved, or what is paused, holds up nothing else that is approved and whose hour has
//! come. All of it goes back to draft and is fixed anew at once: what waits by itself, the others without it.
//!
//! What must outlive that stands in the audit, under newsletter and date: why, and what people had said about the letter.

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

use super::{
    approve::{RETURN_TO_DRAFT, draft_detail_of},
    compose::Plan,
    context::Context,
    freeze::FREEZE,
    paused,
    promised::{Letter, PromisedHours},
    promises::Places,
    publish::{Misfire, misfire, nominal_on},
};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{DAY_MS, MINUTE_MS, UtcMs},
        },
        program::Cadence,
    },
    store::{
        Db, Tx,
        approvals::{self, Approval},
        audit,
        digests::{self, Part},
        freezing,
        issues::{self, Issue, PART_ROWS},
    },
};

/// So long before the hour it is done, so that what is fixed anew leaves in time, and nothing paused leaves in a mail of another.
const BEFORE_MS: i64 = MINUTE_MS;
/// What the audit calls it.
const COME_APART: &str = "come-apart";
/// What it calls that an issue was fixed anew since. A name of its own: both may be of one millisecond, which has no order.
const FIXED_ANEW: &str = "come-apart-fixed";
/// How long afterwards an issue's page says so.
const TOLD_MS: i64 = 30 * DAY_MS;
/// How many days before an issue's date its digest comes apart at most: more than dates lie apart that share mails.
const DAYS_BEFORE: i64 = 5;

/// What came of an issue whose digest came apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Apart {
    /// The issue that it was frozen as in the digest.
    before: String,
    /// The one that it is frozen as; at first the same.
    issue: String,
    /// Whether that is the one which it was fixed as since.
    is_fixed: bool,
    /// Whether it shares no mail any more: it was what the others would have waited for.
    pub(super) by_itself: bool,
    /// Why, in words that follow what was decided about a person.
    pub(super) why: String,
    /// Hash of its own letter in the digest.
    letter: String,
    /// Who had approved it, and when.
    approvals: Vec<(String, UtcMs)>,
    /// Whether it was paused.
    paused: bool,
    /// Why, when nobody asked for it.
    paused_because: Option<String>,
    /// What made the mails that told of that pause.
    paused_source: Option<String>,
}

impl Apart {
    /// In the transaction that stores `issue`, whose own letter has this hash now: what was paused stays paused, and approvals
    /// count where the letter is what it was. Once: what is frozen later is another issue.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn carry_over(
        &self,
        ctx: &Context,
        tx: &mut Tx,
        issue: &Issue,
        own_letter: Option<&str>,
    ) -> Result<()> {
        if let Some(why) = self.paused_because.as_ref().filter(|_| self.paused) {
            issues::pause_because(tx, &issue.id, why).await?;
        } else if self.paused {
            issues::control(tx, &issue.id, "paused").await?;
        }
        let is_same = own_letter == Some(self.letter.as_str()) && issue.held_because.is_none();
        for (approver, at_ms) in self.approvals.iter().filter(|_| is_same) {
            let count = approvals::give(tx, &issue.id, &issue.content_hash, approver, *at_ms).await?;
            if count.is_some_and(|count| count >= issue.approvals_needed) {
                let given = approvals::given(tx, &issue.id).await?;
                let who: Vec<&str> = given.iter().map(|approval| approval.approver.as_str()).collect();
                let (now_ms, who) = (ctx.now_ms(), who.join(" and "));
                approvals::approve(tx, &issue.id, &who, now_ms).await?;
                let detail = format!("{} {who} approved the same letter before", issue.content_hash);
                audit::record(tx, now_ms, &*ctx.random, "partnercast", "approve", &issue.id, &detail).await?;
            }
        }
        let done = Self {
            issue: issue.id.clone(),
            is_fixed: true,
            letter: String::new(),
            approvals: Vec::new(),
            paused: false,
            paused_because: None,
            ..self.clone()
        };
        done.record(ctx, tx, (&issue.newsletter, &issue.nominal_date)).await
    }

    async fn record(&self, ctx: &Context, tx: &mut Tx, (newsletter, date): (&str, &str)) -> Result<()> {
        let detail =
            serde_json::to_string(self).map_err(|error| Error::internal("a digest apart").because(error))?;
        let subject = format!("{newsletter}/{date}");
        let action = if self.is_fixed { FIXED_ANEW } else { COME_APART };
        audit::record(tx, ctx.now_ms(), &*ctx.random, "partnercast", action, &subject, &detail).await
    }
}

/// What came of the digest of the issue of a newsletter and a date, if that came apart.
///
/// # Errors
/// Those of the store.
pub(super) async fn of(ctx: &Context, newsletter: &str, date: NaiveDate) -> Result<Option<Apart>> {
    // That is at the hour of something that is due some days before it, or later.
    let since_ms = date.and_time(NaiveTime::MIN).and_utc().timestamp_millis() - DAYS_BEFORE * DAY_MS;
    if ctx.now_ms() < since_ms {
        return Ok(None);
    }
    last(&ctx.db, since_ms, newsletter, &date.to_string()).await
}

/// Whether it went back to draft when its digest came apart, and was not fixed anew yet.
///
/// # Errors
/// Those of the store.
pub(super) async fn is_to_be_fixed(ctx: &Context, newsletter: &str, date: NaiveDate) -> Result<bool> {
    Ok(of(ctx, newsletter, date).await?.is_some_and(|apart| !apart.is_fixed))
}

async fn last(db: &Db, since_ms: UtcMs, newsletter: &str, date: &str) -> Result<Option<Apart>> {
    let subject = format!("{newsletter}/{date}");
    let told = async |action: &str| -> Result<Option<Apart>> {
        let told = audit::last(db, action, &subject, since_ms).await?;
        Ok(told.and_then(|(_, detail)| serde_json::from_str(&detail).ok()))
    };
    let Some(apart) = told(COME_APART).await? else { return Ok(None) };
    let fixed = told(FIXED_ANEW).await?.filter(|fixed| fixed.before == apart.before);
    Ok(Some(fixed.unwrap_or(apart)))
}

/// Why an issue comes by itself, or without another one, in words without a capital; none for one whose digest did not come
/// apart.
///
/// # Errors
/// Those of the store.
pub async fn why(ctx: &Context, issue: &Issue) -> Result<Option<String>> {
    if issue.frozen_ms < ctx.now_ms() - TOLD_MS {
        return Ok(None);
    }
    let since_ms = issue.frozen_ms - DAYS_BEFORE * DAY_MS;
    let found = last(&ctx.db, since_ms, &issue.newsletter, &issue.nominal_date).await?;
    Ok(found.filter(|apart| apart.issue == issue.id).map(|apart| apart.why))
}

/// What made the mails about a pause that an issue has from the digest which came apart; none for another pause.
///
/// # Errors
/// Those of the store.
pub(super) async fn paused_as(ctx: &Context, issue: &Issue) -> Result<Option<String>> {
    let since_ms = issue.frozen_ms - DAYS_BEFORE * DAY_MS;
    let found = last(&ctx.db, since_ms, &issue.newsletter, &issue.nominal_date).await?;
    Ok(found.filter(|apart| apart.issue == issue.id).and_then(|apart| apart.paused_source))
}

/// Takes digests apart of which something would wait beyond its hour for something else.
///
/// # Errors
/// Those of the store.
pub(super) async fn take_apart_due(ctx: &Context) -> Result<()> {
    for digest_id in digests::held_up(&ctx.db, ctx.now_ms() + BEFORE_MS).await? {
        let look = format!("digest {digest_id}");
        if !ctx.looks.rests(&look, ctx.now_ms()) && !take_apart(ctx, &digest_id).await? {
            ctx.looks.rest(look, ctx.now_ms(), UtcMs::MAX);
        }
    }
    Ok(())
}

/// Takes one apart. False if it stays as it is.
async fn take_apart(ctx: &Context, digest_id: &str) -> Result<bool> {
    // Before the transaction: one connection must do.
    let places = Places::load(ctx).await?;
    let mut letters = Vec::new();
    for member in digests::members(&ctx.db, digest_id).await? {
        let Some(issue) = issues::issue(&ctx.db, &member.id).await? else { continue };
        let hashes = audit::last(&ctx.db, FREEZE, &member.id, issue.frozen_ms - MINUTE_MS).await?;
        let letter = hashes.and_then(|(_, detail)| Some(detail.split_once(' ')?.1.to_owned()));
        let source = paused::source(ctx, &issue).await?;
        letters.push((member.id, (letter.unwrap_or_default(), source)));
    }
    let mut tx = ctx.db.begin().await?;
    // Before the issues' own rows, as whoever releases them does.
    if digests::hold(&mut tx, digest_id).await?.is_none() {
        return Ok(true);
    }
    let parts = digests::parts(&mut tx, digest_id, ctx.now_ms() + BEFORE_MS).await?;
    let (waiting, ready): (Vec<&Part>, Vec<&Part>) = parts.iter().partition(|part| part.waits);
    if waiting.is_empty() || !ready.iter().any(|part| part.is_due) {
        return Ok(true);
    }
    // What could not be fixed anew is better late than lost.
    if !ready.iter().all(|part| would_be_fixed(ctx, &places, part)) {
        tracing::warn!(
            digest = digest_id,
            "an approved issue waits for what shares mails with it, since it could not be fixed anew"
        );
        return Ok(false);
    }
    let mut given = Vec::with_capacity(parts.len());
    for part in &parts {
        given.push(approvals::given(&mut tx, &part.id).await?);
    }
    // All in one transaction: an approval that is given in this moment counts for what was there, or finds it gone. Nothing of
    // it is in an outbox, or it was paused after that was filled.
    for part in &parts {
        if !freezing::withdraw(&mut tx, &part.id).await? {
            return Ok(false);
        }
        while freezing::empty(&mut tx, &part.id, PART_ROWS).await? > 0 {}
    }
    digests::dissolve(&mut tx, digest_id).await?;
    for (part, given) in parts.iter().zip(given) {
        let known = letters.iter().find(|(id, _)| *id == part.id);
        let known = known.map(|(_, known)| known.clone()).unwrap_or_default();
        go_back(ctx, &mut tx, part, (known, given), why_of(part, &waiting, &ready)).await?;
        if !freezing::thaw(&mut tx, &part.id, ctx.now_ms()).await? {
            return Ok(false);
        }
    }
    tx.commit().await?;
    tracing::info!(
        digest = digest_id,
        waits = names(&waiting),
        "a digest came apart: what is approved does not wait"
    );
    ctx.looks.forget();
    Ok(true)
}

/// Records that a part goes back to draft, and what is to be known of it.
async fn go_back(
    ctx: &Context,
    tx: &mut Tx,
    part: &Part,
    ((letter, paused_source), given): ((String, String), Vec<Approval>),
    (why, because): (String, String),
) -> Result<()> {
    let name = (part.newsletter.as_str(), part.nominal_date.as_str());
    let back = format!("{} {because}", draft_detail_of(name, &part.content_hash, part.frozen_ms));
    audit::record(tx, ctx.now_ms(), &*ctx.random, "partnercast", RETURN_TO_DRAFT, &part.id, &back).await?;
    let apart = Apart {
        before: part.id.clone(),
        issue: part.id.clone(),
        is_fixed: false,
        by_itself: part.waits,
        why,
        letter,
        approvals: given.into_iter().map(|approval| (approval.approver, approval.at_ms)).collect(),
        paused: part.is_paused,
        paused_because: part.paused_because.clone(),
        paused_source: part.paused_because.is_some().then_some(paused_source),
    };
    apart.record(ctx, tx, name).await
}

/// What is said of the issue that it is fixed as, and of the one that went back to draft: `comes by itself: it was not approved by
/// the hour of alpha of 2027-01-12, with which it was to share mails`.
fn why_of(part: &Part, waiting: &[&Part], ready: &[&Part]) -> (String, String) {
    if !part.waits {
        let others = said_of(waiting);
        return (format!("comes without {others}"), format!("it shared mails with {others}"));
    }
    let due: Vec<&Part> = ready.iter().copied().filter(|part| part.is_due).collect();
    let was = if part.is_paused { "was paused at" } else { "was not approved by" };
    let because = format!("it {was} the hour of {}, with which it was to share mails", names(&due));
    (format!("comes by itself: {because}"), because)
}

/// `beta of 2027-01-12, which was not approved by then`.
fn said_of(waiting: &[&Part]) -> String {
    let were = waiting.iter().map(|part| {
        let was = if part.is_paused { "was paused then" } else { "was not approved by then" };
        format!("{} of {}, which {was}", part.newsletter, part.nominal_date)
    });
    were.collect::<Vec<_>>().join(", and ")
}

fn names(parts: &[&Part]) -> String {
    let names: Vec<String> =
        parts.iter().map(|part| format!("{} of {}", part.newsletter, part.nominal_date)).collect();
    names.join(" and ")
}

/// Whether an issue that is taken back now is fixed anew, and asks nobody whether it is still worth sending.
fn would_be_fixed(ctx: &Context, places: &Places, part: &Part) -> bool {
    let (library, media) = (ctx.library(), ctx.media());
    let letter = library.newsletters().find(|(asset, _)| asset.slug() == part.newsletter);
    let Some((newsletter_asset, newsletter)) = letter else { return false };
    let issues = library.issues_of(&part.newsletter);
    let written = issues.into_iter().find(|(_, issue)| issue.date.to_string() == part.nominal_date);
    let (Some((asset, issue)), Ok(cadence)) = (written, Cadence::parse(&newsletter.cadence)) else {
        return false;
    };
    let Some(nominal) = nominal_on(&cadence, issue.date) else { return false };
    let letter = Letter { library: &library, asset: newsletter_asset, newsletter };
    let Some(span) = places.span(&PromisedHours::new(letter, &cadence, nominal)) else { return false };
    let plan = Plan { library: &library, media: &media, newsletter_asset, newsletter, asset, issue };
    let fate = misfire(&plan, places, letter, &cadence, span, ctx.now_ms());
    matches!(fate, Misfire::InTime | Misfire::Late { asks: None })
}
