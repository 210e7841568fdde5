//! Freezing an issue: audience and content are fixed, every variant is rendered, all of it counts at once.
//!
//! People are looked at page by page, twice: first to render what they need and to find every fault, then to store what
//! was decided. So the memory is that of the variants, however many readers there are, and no transaction is long: the
//! audience is stored in parts, which count only when the issue's own row is there. That is written last.

use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry};

use sha2::{Digest as _, Sha256};

use super::{
    audience::{Audience, VariantKey, Verdict, key_of},
    compose::{self, Plan},
    context::Context,
    promised::PromisedHours,
    recall::Replaced,
    tokens::sha256_hex,
};
use crate::{
    domain::{
        content::kinds::Approval,
        kernel::{
            Error, Result,
            clock::{HOUR_MS, MINUTE_MS},
            id::{DeliveryId, IssueId},
        },
        program::{
            ExclusionReason,
            issue::{Control, IssueState, approvals_needed},
            subject_test::{Arm, READERS_MIN},
        },
    },
    store::{
        audience as stored, audit, freezing,
        issues::{self, Frozen, Issue},
        partners::StoredContact,
        promises::{self, NewPromise},
        recalls, renditions,
    },
};

/// A freeze that stored nothing for so long (by the wall clock) was broken off.
const BROKEN_OFF_MS: i64 = HOUR_MS;

/// What a look at everybody found.
#[derive(Default)]
struct Survey {
    variants: BTreeMap<VariantKey, renditions::NewRendition>,
    promises: BTreeMap<String, NewPromise>,
    /// What would have been promised to those of the newsletter's partners who were left out, and how many were why.
    unpromised: BTreeMap<String, NewPromise>,
    reasons: BTreeMap<&'static str, usize>,
    recipients: usize,
    arms: [usize; 2],
    left_out: usize,
    faults: BTreeSet<String>,
    digest: Sha256,
}

/// Freezes the issue of `plan` for its promised `hours`; held if it is `late`, or features what is recalled. False if
/// another node was first.
///
/// # Errors
/// Every fault in content that somebody would get; a roster or a recall that changed meanwhile; those of the store.
/// Nothing is stored then.
pub(super) async fn freeze(
    ctx: &Context,
    plan: &Plan<'_>,
    hours: &PromisedHours<'_>,
    late: Option<String>,
) -> Result<bool> {
    let objections = Replaced::load(&ctx.db).await?.objections(plan.featured());
    let held: Vec<String> = late.into_iter().chain(objections.iter().cloned()).collect();
    let held_because = (!held.is_empty()).then(|| held.join("; "));
    let audience = Audience::load(ctx, hours, Some(plan)).await?;
    let id = IssueId::new(ctx.now_ms(), &*ctx.random).to_string();
    let mut survey = Survey::default();
    let mut after = String::new();
    while let Some(page) = audience.page(ctx, &mut after).await? {
        for stored in &page {
            audience.survey(ctx, plan, &id, stored, &mut survey);
        }
    }
    survey.faults.extend(too_few(plan, survey.arms));
    if !survey.faults.is_empty() {
        return Err(Error::invalid(survey.faults.into_iter().collect::<Vec<_>>().join("\n")));
    }
    let promises = survey.ledger();
    let decided = survey.digest.finalize();
    let mut hashed: Vec<String> = survey.variants.values().map(|variant| variant.id.clone()).collect();
    hashed.push(sha256_hex(&decided));
    let content_hash = sha256_hex(hashed.join("\n").as_bytes());
    let frozen = Frozen {
        issue: head(ctx, plan, id, content_hash, held_because, survey.recipients),
        plan_hash: plan.asset.revision.clone(),
        promises,
        decisions: Vec::new(),
        tells_messages: survey.variants.values().any(|variant| !variant.messages.is_empty()),
    };
    let ids: HashMap<VariantKey, String> =
        survey.variants.iter().map(|(key, variant)| (key.clone(), variant.id.clone())).collect();
    let variants: Vec<_> = survey.variants.into_values().collect();
    let stored = match audience.store(ctx, &frozen.issue.id, &ids).await {
        Ok(stored) if stored == decided => {
            let unless = (plan, objections);
            count_from_now_on(ctx, unless, &frozen, &hours.nominal_local(), variants).await
        }
        Ok(_) => Err(roster_changed()),
        Err(error) => Err(error),
    };
    let issue = &frozen.issue.id;
    if !matches!(stored, Ok(true)) {
        if let Err(error) = give_up(ctx, issue).await {
            tracing::warn!(error = error.detail(), "what was stored of this freeze is taken away later");
        }
        return stored;
    }
    let (recipients, left_out, renditions) = (survey.recipients, survey.left_out, ids.len());
    tracing::info!(issue, recipients, left_out, renditions, "issue frozen");
    Ok(true)
}

/// Stores the issue itself, whose audience is stored already, unless recalls object to other things by now. False if another
/// node was first.
async fn count_from_now_on(
    ctx: &Context,
    (plan, objections): (&Plan<'_>, Vec<String>),
    frozen: &Frozen,
    nominal_local: &str,
    variants: Vec<renditions::NewRendition>,
) -> Result<bool> {
    let mut tx = ctx.db.begin().await?;
    recalls::take_turns(&mut tx).await?;
    if Replaced::load(&ctx.db).await?.objections(plan.featured()) != objections {
        return Err(recalled());
    }
    if !issues::insert_head(&mut tx, frozen).await? {
        return Ok(false);
    }
    renditions::insert(&mut tx, ctx.now_ms(), variants).await?;
    promises::remove_unwritten(&mut tx, &frozen.issue.newsletter, nominal_local).await?;
    issues::insert_audience(&mut tx, frozen).await?;
    let (issue, hash) = (&frozen.issue.id, &frozen.issue.content_hash);
    if !freezing::end(&mut tx, issue).await? {
        return Err(given_up());
    }
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, "partnercast", "freeze", issue, hash).await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes away what was stored for an issue that did not come to be. What a fault leaves is taken away by [`tidy_up`].
async fn give_up(ctx: &Context, issue_id: &str) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    freezing::give_up(&mut tx, issue_id).await?;
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

impl Survey {
    /// Takes note of somebody who was left out, and to whom nothing was promised.
    fn leave_out(&mut self, verdict: &Verdict<'_>) {
        use ExclusionReason::{Region, Tier, Type};
        // Whose partner the newsletter is not for had nothing to be left out of.
        let reason = verdict.reason.filter(|reason| !matches!(reason, Tier | Type | Region));
        let Some(reason) = reason.filter(|_| !verdict.is_promised()) else { return };
        *self.reasons.entry(reason.as_str()).or_default() += 1;
        if !self.unpromised.contains_key(&verdict.promise.id) {
            self.unpromised.insert(verdict.promise.id.clone(), (*verdict.promise).clone());
        }
    }

    /// What the ledger gets. An issue that everybody was left out of is promised to nobody, and the ledger says why, or its
    /// date would be missing there.
    fn ledger(&mut self) -> Vec<NewPromise> {
        let mut promises = std::mem::take(&mut self.promises);
        if promises.values().all(|promise| promise.skipped) {
            let reasons: Vec<String> =
                self.reasons.iter().map(|(reason, people)| format!("{reason} {people}")).collect();
            let because = format!("nobody was left to send it to ({})", reasons.join(", "));
            for (id, promise) in std::mem::take(&mut self.unpromised) {
                let to_nobody = NewPromise { eligible: 0, because: Some(because.clone()), ..promise };
                promises.entry(id).or_insert(to_nobody);
            }
        }
        promises.into_values().collect()
    }
}

impl Audience<'_> {
    /// Takes note of one contact. A fault in one variant stops the issue as a whole: better nobody yet than half the
    /// list.
    fn survey(
        &self,
        ctx: &Context,
        plan: &Plan<'_>,
        issue_id: &str,
        stored: &StoredContact,
        survey: &mut Survey,
    ) {
        let Some(verdict) = self.decide(stored) else { return };
        note(&mut survey.digest, stored, &verdict);
        count_promise(&mut survey.promises, &verdict);
        let Some(readers) = verdict.readers else {
            survey.left_out += 1;
            survey.leave_out(&verdict);
            return;
        };
        survey.recipients += 1;
        survey.arms[usize::from(readers.arm == Arm::B)] += 1;
        let key = key_of(&readers);
        if let Entry::Vacant(place) = survey.variants.entry(key) {
            match compose::variant(&ctx.templates, plan, readers, issue_id) {
                Ok(variant) => drop(place.insert(variant)),
                Err(error) => drop(survey.faults.insert(error.detail())),
            }
        }
    }

    /// Stores the decision on everybody, a page at a time, and returns their digest.
    async fn store(
        &self,
        ctx: &Context,
        issue_id: &str,
        variants: &HashMap<VariantKey, String>,
    ) -> Result<sha2::digest::Output<Sha256>> {
        let mut tx = ctx.db.begin().await?;
        freezing::begin(&mut tx, issue_id, ctx.clock.wall_ms()).await?;
        tx.commit().await?;
        let (mut digest, mut after) = (Sha256::new(), String::new());
        let (now_ms, mut number) = (ctx.now_ms(), 0);
        while let Some(page) = self.page(ctx, &mut after).await? {
            let mut decisions = Vec::with_capacity(page.len());
            for stored in &page {
                let Some(verdict) = self.decide(stored) else { continue };
                note(&mut digest, stored, &verdict);
                // Somebody new since the first look has no variant; the digest will tell.
                let variant = verdict.readers.and_then(|readers| variants.get(&key_of(&readers)));
                number += u32::from(variant.is_some());
                let staged = self.stage(&stored.contact, &verdict.promise, now_ms);
                decisions.push(stored::Decision {
                    contact_id: stored.id.to_string(),
                    zone: verdict.promise.zone.clone(),
                    because: verdict.because,
                    reason: verdict.reason.map_or("", ExclusionReason::as_str),
                    included: variant.map(|rendition_id| stored::Included {
                        rendition_id: rendition_id.clone(),
                        delivery: DeliveryId::numbered(now_ms, number, &*ctx.random),
                        promise_id: verdict.promise.id.clone(),
                        stage: staged.map_or("", |(stage, _)| stage.as_str()),
                        leaves_ms: staged.and_then(|(_, leaves_ms)| leaves_ms),
                    }),
                });
            }
            let mut tx = ctx.db.begin().await?;
            if !freezing::go_on(&mut tx, issue_id, ctx.clock.wall_ms()).await? {
                return Err(given_up());
            }
            stored::insert(&mut tx, issue_id, &decisions).await?;
            tx.commit().await?;
        }
        Ok(digest.finalize())
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

/// Counts somebody among those to whom their hour was promised.
pub(super) fn count_promise(promises: &mut BTreeMap<String, NewPromise>, verdict: &Verdict<'_>) {
    if !verdict.is_promised() {
        return;
    }
    if let Some(promise) = promises.get_mut(&verdict.promise.id) {
        promise.eligible += 1;
    } else {
        let first = NewPromise { eligible: 1, ..(*verdict.promise).clone() };
        promises.insert(first.id.clone(), first);
    }
}

/// Adds to the digest that approval is bound to: who, when, and what they get.
fn note(digest: &mut Sha256, stored: &StoredContact, verdict: &Verdict<'_>) {
    digest.update(stored.id.to_string());
    if let Some(readers) = &verdict.readers {
        let (partner, roles, locale, arm, withheld) = key_of(readers);
        let NewPromise { reader_zone, due_ms, .. } = &*verdict.promise;
        digest.update(format!(
            " {partner} {roles} {locale} {} {withheld} {reader_zone} {due_ms}",
            arm.as_str()
        ));
    }
    digest.update("\n");
}
