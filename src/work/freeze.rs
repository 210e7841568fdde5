//! Freezing an issue: audience and content are fixed, every variant is rendered, all of it counts at once.
//!
//! People are looked at page by page, twice: first to render what they need and to find every fault, then to store what
//! was decided. So the memory is that of the variants, however many readers there are, and no transaction is long: the
//! audience is stored in parts, which count only when the issue's own row is there. That is written last.

mod survey;

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};

use super::{
    audience::Verdict,
    compose::{Plan, Readers},
    context::Context,
    recall::Replaced,
    together::{MailKey, Together, Written, contents, mail_key},
    tokens::sha256_hex,
};
use crate::{
    domain::{
        content::kinds::Approval,
        kernel::{
            Error, Result,
            clock::{HOUR_MS, MINUTE_MS, UtcMs},
            id::DeliveryId,
        },
        program::{
            ExclusionReason, digest,
            issue::{Control, IssueState, approvals_needed},
            stage::{Stage, wait_ms},
            subject_test::READERS_MIN,
        },
    },
    store::{
        audience as stored, audit,
        digests::{self, NewRide},
        freezing,
        issues::{self, Frozen, Issue},
        partners::StoredContact,
        promises::{self, NewPromise},
        recalls, renditions,
    },
};

pub(super) use survey::render;
use survey::{Found, Survey, note};

/// A freeze that stored nothing for so long (by the wall clock) was broken off.
const BROKEN_OFF_MS: i64 = HOUR_MS;
/// What the audit calls it; the detail is the hash that approval is bound to and, of what shares mails, that of its own letter.
pub(super) const FREEZE: &str = "freeze";

/// Freezes the issue of the file `path` among `written`, which are fixed together and in their order. One of the others that
/// has a fault, or would be too much in one mail with it, is left out of `written`, and comes by itself: nobody else waits for
/// it. False if another node was first.
///
/// # Errors
/// Every fault in content of this issue that somebody would get; a roster that changed meanwhile; those of the store.
/// Nothing is stored then.
pub(super) async fn freeze(
    ctx: &Context,
    written: &mut Vec<Written<'_>>,
    path: &str,
    late: Option<&str>,
) -> Result<bool> {
    let replaced = Replaced::load(&ctx.db).await?;
    loop {
        let faulty = {
            let together = Together::load(ctx, written).await?;
            let objections = together.objections(&replaced);
            let mut survey = Survey::of(ctx, &together).await?;
            let this = together.number_of(path);
            let faulty = survey.faulty(this);
            if faulty.is_empty() {
                return store(ctx, &together, survey, (path, late), objections).await;
            }
            let this = this.and_then(|number| survey.issues.get_mut(number));
            let faults = this.map(|found| std::mem::take(&mut found.faults)).unwrap_or_default();
            if !faults.is_empty() {
                return Err(Error::invalid(faults.into_iter().collect::<Vec<_>>().join("\n")));
            }
            faulty
        };
        let mut number = 0;
        written.retain(|written| {
            number += 1;
            let stays = !faulty.contains(&(number - 1));
            if !stays {
                let file = written.plan.asset.path.as_str();
                tracing::warn!(file, "has a fault or is too much beside others, and comes by itself instead of in one mail with them");
            }
            stays
        });
    }
}

/// Stores what was found. False if another node was first.
async fn store(
    ctx: &Context,
    together: &Together<'_>,
    survey: Survey,
    (path, late): (&str, Option<&str>),
    objections: Vec<Vec<String>>,
) -> Result<bool> {
    let Survey { ids, variants, issues, rides, .. } = survey;
    let renditions: HashMap<MailKey, String> =
        variants.iter().map(|(key, variant)| (key.clone(), variant.id.clone())).collect();
    let shares: Vec<Option<String>> = issues.iter().map(Found::alone_in_share).collect();
    let (mut frozen, mut decided) = (Vec::new(), Vec::new());
    for (number, mut found) in issues.into_iter().enumerate() {
        let promises = found.ledger();
        let own_letter = found.own_letter();
        let digest = found.digest.finalize();
        // Also the texts in which it rides: whoever approves it approves what its readers get.
        let of_it: Vec<&renditions::NewRendition> = variants
            .iter()
            .filter(|(key, _)| key.iter().any(|(issue, _)| *issue == number))
            .map(|(_, variant)| variant)
            .collect();
        let tells_messages = of_it.iter().any(|variant| !variant.messages.is_empty());
        let mut hashed: Vec<String> = of_it.iter().map(|variant| variant.id.clone()).collect();
        hashed.push(sha256_hex(&digest));
        let plan = together.plan(number);
        let late = late.filter(|_| together.number_of(path) == Some(number)).map(str::to_owned);
        let held: Vec<String> = late.into_iter().chain(objections[number].iter().cloned()).collect();
        let held = (!held.is_empty()).then(|| held.join("; "));
        let (recipients, left_out) = (found.recipients, found.left_out);
        let content_hash = sha256_hex(hashed.join("\n").as_bytes());
        let issue = head(ctx, plan, ids[number].clone(), content_hash, held, recipients);
        tracing::debug!(issue = issue.id, recipients, left_out, "everybody was looked at");
        let frozen_of = Frozen {
            issue,
            plan_hash: plan.asset.revision.clone(),
            promises,
            decisions: Vec::new(),
            tells_messages,
            stage_wait_ms: plan.newsletter.staged.as_ref().map(wait_ms),
        };
        frozen.push((frozen_of, own_letter));
        decided.push(digest);
    }
    let texts = variants.into_values().collect();
    let stored = match together.store(ctx, &ids, &renditions, &shares).await {
        Ok(stored) if stored == decided => {
            count_from_now_on(ctx, (together, objections), &frozen, texts, &rides).await
        }
        Ok(_) => Err(roster_changed()),
        Err(error) => Err(error),
    };
    if !matches!(stored, Ok(true)) {
        if let Err(error) = give_up(ctx, &ids).await {
            tracing::warn!(error = error.detail(), "what was stored of this freeze is taken away later");
        }
        return stored;
    }
    for issue in &ids {
        tracing::info!(issue, renditions = renditions.len(), together = ids.len(), "issue frozen");
    }
    Ok(true)
}

/// Stores the issues themselves, whose audiences are stored already, unless recalls object to other things by now. False if
/// another node was first with one of them.
async fn count_from_now_on(
    ctx: &Context,
    (together, objections): (&Together<'_>, Vec<Vec<String>>),
    frozen: &[(Frozen, Option<String>)],
    variants: Vec<renditions::NewRendition>,
    rides: &BTreeMap<(usize, usize), i64>,
) -> Result<bool> {
    let mut tx = ctx.db.begin().await?;
    recalls::take_turns(&mut tx).await?;
    if together.objections(&Replaced::load(&ctx.db).await?) != objections {
        return Err(recalled());
    }
    for (frozen, _) in frozen {
        if !issues::insert_head(&mut tx, frozen).await? {
            return Ok(false);
        }
    }
    renditions::insert(&mut tx, ctx.now_ms(), variants).await?;
    let shares = |number: usize| rides.keys().any(|(host, guest)| number == *host || number == *guest);
    for (number, (frozen, own_letter)) in frozen.iter().enumerate() {
        let nominal_local = together.hours(number).nominal_local();
        promises::remove_unwritten(&mut tx, &frozen.issue.newsletter, &nominal_local).await?;
        issues::insert_audience(&mut tx, frozen).await?;
        let (issue, hash) = (&frozen.issue.id, &frozen.issue.content_hash);
        if !freezing::end(&mut tx, issue).await? {
            return Err(given_up());
        }
        // Should the digest come apart, it is known by this whether a letter is what it was.
        let own_letter = own_letter.as_deref();
        let detail = match own_letter.filter(|_| shares(number)) {
            Some(own_letter) => format!("{hash} {own_letter}"),
            None => hash.clone(),
        };
        audit::record(&mut tx, ctx.now_ms(), &*ctx.random, "partnercast", FREEZE, issue, &detail).await?;
        if let Some(before) = together.apart(number) {
            before.carry_over(ctx, &mut tx, &frozen.issue, own_letter).await?;
        }
    }
    let id = |number: usize| frozen[number].0.issue.id.clone();
    let pairs: Vec<(usize, usize)> = rides.keys().copied().collect();
    let parts: Vec<Vec<String>> = digest::parts(frozen.len(), &pairs)
        .into_iter()
        .map(|part| part.into_iter().map(id).collect())
        .collect();
    let rides: Vec<NewRide> = rides
        .iter()
        .map(|((host, guest), people)| NewRide { host_id: id(*host), guest_id: id(*guest), people: *people })
        .collect();
    digests::insert(&mut tx, &parts, &rides).await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes away what was stored for issues that did not come to be. What a fault leaves is taken away by [`tidy_up`].
async fn give_up(ctx: &Context, ids: &[String]) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    for issue_id in ids {
        freezing::give_up(&mut tx, issue_id).await?;
    }
    tx.commit().await?;
    tidy_up(ctx).await
}

/// Takes away, part by part, what freezes left behind that were given up or broken off.
pub(super) async fn tidy_up(ctx: &Context) -> Result<()> {
    let broken_off_ms = ctx.clock.wall_ms() - BROKEN_OFF_MS;
    while let Some(issue_id) = freezing::abandoned(&ctx.db, broken_off_ms).await? {
        let mut tx = ctx.db.begin().await?;
        freezing::give_up(&mut tx, &issue_id).await?;
        let gone = freezing::clear(&mut tx, &issue_id, issues::PART_ROWS).await?;
        tx.commit().await?;
        tracing::info!(issue = issue_id, decisions = gone, "took away what a freeze left that did not end");
    }
    Ok(())
}

/// Another node took it for broken off.
fn given_up() -> Error {
    Error::unavailable("freezing stood still for an hour and was given up; it is tried again")
}

/// An import came between two looks: nobody may fall between them.
fn roster_changed() -> Error {
    Error::unavailable("the roster changed while the issue was frozen; it is tried again")
}

/// Something was recalled, or a recall lifted, between two looks.
fn recalled() -> Error {
    Error::unavailable("a recall changed while the issue was frozen; it is tried again")
}

fn head(
    ctx: &Context,
    plan: &Plan<'_>,
    id: String,
    content_hash: String,
    held_because: Option<String>,
    recipients: usize,
) -> Issue {
    let now_ms = ctx.now_ms();
    let approvals_needed = approvals_needed(
        plan.newsletter.approval == Approval::Automatic,
        held_because.is_some(),
        recipients,
        plan.newsletter.second_approval_above,
    );
    let automatic = approvals_needed == 0;
    Issue {
        id,
        newsletter: plan.newsletter_asset.slug().to_owned(),
        nominal_date: plan.issue.date.to_string(),
        title: plan.issue.theme.clone(),
        content_hash,
        state: if automatic { IssueState::Approved } else { IssueState::Frozen }.as_str().to_owned(),
        control: Control::Running.as_str().to_owned(),
        held_because,
        paused_because: None,
        on_time_ms: i64::from(plan.newsletter.on_time_minutes) * MINUTE_MS,
        frozen_ms: now_ms,
        approved_by: automatic.then(|| "automatic".to_owned()),
        approved_ms: automatic.then_some(now_ms),
        approvals_needed: approvals_needed.into(),
        released_ms: None,
        done_ms: None,
    }
}

type Digests = Vec<sha2::digest::Output<Sha256>>;

impl Together<'_> {
    /// Stores the decisions on everybody, a page at a time, and returns the digest of each issue's.
    async fn store(
        &self,
        ctx: &Context,
        ids: &[String],
        variants: &HashMap<MailKey, String>,
        shares: &[Option<String>],
    ) -> Result<Digests> {
        let mut tx = ctx.db.begin().await?;
        for issue_id in ids {
            freezing::begin(&mut tx, issue_id, ctx.clock.wall_ms()).await?;
        }
        tx.commit().await?;
        let mut digests = vec![Sha256::new(); self.len()];
        let (mut copies, mut after) = (Copies { now_ms: ctx.now_ms(), number: 0 }, String::new());
        while let Some(page) = self.page(ctx, &mut after).await? {
            let mut decisions: Vec<Vec<stored::Decision>> = vec![Vec::with_capacity(page.len()); self.len()];
            for stored in &page {
                let Some(given) = self.decide(stored) else { continue };
                let made: Vec<_> =
                    (0..given.len()).map(|host| copies.of(ctx, &contents(&given, host), variants)).collect();
                for (number, digest) in digests.iter_mut().enumerate() {
                    note(digest, self, stored, &given, number);
                }
                for (number, it) in given.into_iter().enumerate() {
                    let copy = made[it.host.unwrap_or(number)].clone();
                    let copy = copy.filter(|_| it.verdict.readers.is_some());
                    let host = it.host.map(|host| ids[host].clone());
                    let mut decision = self.decision(number, stored, &it.verdict, copy, host, &copies);
                    if let Some(included) = &mut decision.included
                        && shares[number].as_ref() == Some(&decision.contact_id)
                    {
                        (included.stage, included.leaves_ms) = (Stage::First.as_str(), None);
                    }
                    decisions[number].push(decision);
                }
            }
            let mut tx = ctx.db.begin().await?;
            for (issue_id, decisions) in ids.iter().zip(&decisions) {
                if !freezing::go_on(&mut tx, issue_id, ctx.clock.wall_ms()).await? {
                    return Err(given_up());
                }
                stored::insert(&mut tx, issue_id, decisions).await?;
            }
            tx.commit().await?;
        }
        Ok(digests.into_iter().map(sha2::Digest::finalize).collect())
    }

    fn decision(
        &self,
        number: usize,
        stored: &StoredContact,
        verdict: &Verdict<'_>,
        copy: Option<(String, DeliveryId)>,
        host_issue_id: Option<String>,
        copies: &Copies,
    ) -> stored::Decision {
        let staged = self.audience(number).stage(&stored.contact, &verdict.promise, copies.now_ms);
        stored::Decision {
            contact_id: stored.key.clone(),
            zone: verdict.promise.zone.clone(),
            because: verdict.because.to_string(),
            reason: verdict.reason.map_or("", ExclusionReason::as_str),
            included: copy.map(|(rendition_id, delivery)| stored::Included {
                rendition_id,
                delivery,
                promise_id: verdict.promise.id.clone(),
                stage: staged.map_or("", |(stage, _)| stage.as_str()),
                leaves_ms: staged.and_then(|(_, leaves_ms)| leaves_ms),
                host_issue_id,
            }),
        }
    }
}

/// Numbers the mails that are made.
struct Copies {
    now_ms: UtcMs,
    number: u32,
}

impl Copies {
    /// Text and key of a mail with these issues in it; none for no mail. Somebody new since the first look has no variant; the
    /// digest will tell.
    fn of(
        &mut self,
        ctx: &Context,
        inside: &[(usize, Readers<'_>)],
        variants: &HashMap<MailKey, String>,
    ) -> Option<(String, DeliveryId)> {
        let rendition_id = variants.get(&mail_key(inside)).filter(|_| !inside.is_empty())?;
        self.number += 1;
        Some((rendition_id.clone(), DeliveryId::numbered(self.now_ms, self.number, &*ctx.random)))
    }
}

/// Why an issue cannot have two subjects for so many readers of each.
pub(super) fn too_few(plan: &Plan<'_>, [a, b]: [usize; 2]) -> Option<String> {
    let is_short = plan.issue.subject_b.is_some() && a.min(b) < READERS_MIN;
    is_short.then(|| {
        format!(
            "{}: two subjects want {READERS_MIN} readers of each, and there are {a} and {b}; leave out `subject_b`",
            plan.asset.path
        )
    })
}

/// Counts somebody among those to whom their hour was promised, or whom a limit kept out of it.
pub(super) fn count_promise(promises: &mut BTreeMap<String, NewPromise>, verdict: &Verdict<'_>) {
    let (eligible, held_back) = match verdict.reason {
        _ if verdict.is_promised() => (1, 0),
        Some(reason) if reason.is_limit() => (0, 1),
        _ => return,
    };
    if let Some(promise) = promises.get_mut(&verdict.promise.id) {
        promise.eligible += eligible;
        promise.held_back += held_back;
    } else {
        let first = NewPromise { eligible, held_back, ..(*verdict.promise).clone() };
        promises.insert(first.id.clone(), first);
    }
}
