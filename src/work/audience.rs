//! Who gets an issue, in which zone and why: the contacts, their partners, and the do-not-send list, under the
//! newsletter's rule. Freezing stores it; planning only shows it.

use std::{cell::OnceCell, collections::HashMap, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::{
    budget::Budget,
    compose::{Plan, Readers},
    context::Context,
    people::People,
    promised::PromisedHours,
    touches::{Telling, ToldBeside, without_shown},
};
use crate::{
    domain::{
        content::Reader,
        kernel::{EmailAddress, Result, clock::UtcMs, text::domain_key},
        partner::{Contact, Partner},
        program::{
            Because,
            audience::{
                self, AudienceRule, Candidate, Decision, ExclusionReason, SpokenRule, Subscription,
                SuppressionReason,
            },
            stage::Stage,
            subject_test::Arm,
            touch::Withheld,
        },
    },
    store::{
        partners::{self, StoredContact},
        promises::NewPromise,
        suppressions::{self, ALL, Suppression},
    },
};

/// Readers who get the same: partner, roles, language, which of two subjects, and without which cards.
pub(super) type VariantKey = (String, String, String, Arm, Withheld);

/// What decides who gets an issue.
pub(super) struct Audience<'a> {
    hours: &'a PromisedHours<'a>,
    plan: Option<&'a Plan<'a>>,
    rule: SpokenRule,
    partners: HashMap<String, Partner>,
    stopped: Stopped,
    budget: Option<Budget<'a>>,
    telling: Option<Telling<'a>>,
}

/// What one contact gets, and why.
pub(super) struct Verdict<'a> {
    /// What is promised to them, whether or not they get it.
    pub(super) promise: Arc<NewPromise>,
    pub(super) because: Because<'a>,
    /// For those left out.
    pub(super) reason: Option<ExclusionReason>,
    /// For those included.
    pub(super) readers: Option<Readers<'a>>,
}

/// What else somebody gets that is fixed at the same time.
pub(super) struct Beside<'d> {
    /// Other mails, with hour and name; none for what comes in one of them, which costs nothing of their budget.
    pub(super) mails: Option<&'d [(UtcMs, &'d str)]>,
    /// What these tell.
    pub(super) told: ToldBeside<'d>,
}

/// What the do-not-send list says that concerns a newsletter, by address or domain.
#[derive(Default)]
pub(super) struct Stopped(HashMap<String, Suppression>);

impl Stopped {
    /// Loads it.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn load(ctx: &Context, newsletter: &str) -> Result<Self> {
        let (mut stopped, mut after) = (HashMap::new(), String::new());
        loop {
            let page = suppressions::concerning(&ctx.db, ctx.now_ms(), newsletter, &after).await?;
            let Some(last) = page.last() else { return Ok(Self(stopped)) };
            after.clone_from(&last.email_key);
            stopped.extend(page.into_iter().map(|entry| (entry.email_key.clone(), entry)));
        }
    }

    /// What it says of an address, or else of its domain.
    pub(super) fn find(&self, keys: &ListKeys<'_>) -> Option<&Suppression> {
        if self.0.is_empty() {
            return None;
        }
        keys.get().iter().find_map(|key| self.0.get(key))
    }
}

/// Under what the do-not-send list knows an address, and then its domain: made once, and only where a list has something, for
/// most are empty or short and everybody is looked for in each.
pub(super) struct ListKeys<'e> {
    address: &'e EmailAddress,
    made: OnceCell<[String; 2]>,
}

impl<'e> ListKeys<'e> {
    /// Those of `address`.
    pub(super) fn new(address: &'e EmailAddress) -> Self {
        Self { address, made: OnceCell::new() }
    }

    fn get(&self) -> &[String; 2] {
        self.made.get_or_init(|| [self.address.base_key(), domain_key(self.address.as_str())])
    }
}

impl<'a> Audience<'a> {
    /// Loads what decides about the promises of `hours`, kept by the issue of `plan`; without one, as if an issue had
    /// something for everybody.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn load(
        ctx: &Context,
        hours: &'a PromisedHours<'a>,
        plan: Option<&'a Plan<'a>>,
    ) -> Result<Self> {
        let partners = partners::all_partners(&ctx.db).await?;
        let partners = partners.into_iter().map(|partner| (partner.slug.to_string(), partner)).collect();
        let stopped = Stopped::load(ctx, hours.letter().asset.slug()).await?;
        let rule = AudienceRule::from(&hours.letter().newsletter.audience).into();
        let budget = Budget::load(ctx, hours.letter(), hours.nominal()).await?;
        let telling = match plan {
            Some(plan) => Telling::load(ctx, plan.mailing()).await?,
            None => None,
        };
        Ok(Self { hours, plan, rule, partners, stopped, budget, telling })
    }

    /// The next contacts after `after`, which moves on; none at the end.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn page(&self, ctx: &Context, after: &mut String) -> Result<Option<Vec<StoredContact>>> {
        let page = partners::contacts(&ctx.db, after).await?;
        let Some(last) = page.last() else { return Ok(None) };
        let through = last.key.clone();
        self.turn_to(ctx, &People::between(ctx, after, &through)).await?;
        *after = through;
        Ok(Some(page))
    }

    /// Looks up what bears on `people`, before they are decided on.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn turn_to(&self, ctx: &Context, people: &People<'_>) -> Result<()> {
        if let Some(budget) = &self.budget {
            budget.turn_to(ctx, people).await?;
        }
        if let Some(telling) = &self.telling {
            telling.turn_to(people).await?;
        }
        Ok(())
    }

    /// What the do-not-send list says of an address, or else of its domain.
    fn said_no(&self, address: &EmailAddress) -> (Subscription, Option<SuppressionReason>) {
        match self.stopped.find(&ListKeys::new(address)) {
            None => (Subscription::Default, None),
            Some(entry) => match SuppressionReason::parse(&entry.reason) {
                // One newsletter is the reader's choice; whatever stops everything has its own sentence.
                Some(reason) if entry.scope == ALL || reason != SuppressionReason::Unsubscribed => {
                    (Subscription::Default, Some(reason))
                }
                None if entry.scope == ALL => (Subscription::Default, Some(SuppressionReason::Unsubscribed)),
                _ => (Subscription::Out, None),
            },
        }
    }

    /// What a contact gets; `None` for one whose partner is gone.
    pub(super) fn decide<'b>(&'b self, stored: &'b StoredContact) -> Option<Verdict<'b>> {
        self.decide_beside(stored, &Beside { mails: Some(&[]), told: ToldBeside::default() })
    }

    /// What is promised to a contact, whether or not they get it; `None` for one whose partner is gone.
    pub(super) fn promise(&self, stored: &StoredContact) -> Option<Arc<NewPromise>> {
        let partner = self.partners.get(stored.contact.partner.as_str())?;
        Some(self.hours.of(partner, stored.contact.zone.unwrap_or(partner.zone)))
    }

    /// What a contact gets where they get something else `beside` that is fixed at the same time.
    pub(super) fn decide_beside<'b>(
        &'b self,
        stored: &'b StoredContact,
        beside: &Beside<'_>,
    ) -> Option<Verdict<'b>> {
        let contact = &stored.contact;
        let partner = self.partners.get(contact.partner.as_str())?;
        let (subscribed, suppressed) = self.said_no(&contact.email);
        let promise = self.hours.of(partner, contact.zone.unwrap_or(partner.zone));
        let spent = self.budget.as_ref().zip(beside.mails).and_then(|(budget, mails)| {
            budget.spent(stored, partner, promise.due_ms, mails).map(|spent| spent.because())
        });
        let locale = contact.locale.as_ref().unwrap_or(&partner.locale);
        let reader = Reader { roles: Some(contact.roles), partner, locale };
        let telling = self.telling.as_ref();
        let left = telling.map(|telling| telling.left(&stored.key, &reader, &beside.told));
        let left = left.unwrap_or_default();
        let no_hour = match (&promise.because, &spent, &left.all) {
            (Some(because), ..) if promise.skipped => Some((ExclusionReason::Calendar, because.as_str())),
            (Some(because), ..) => Some((ExclusionReason::Missed, because.as_str())),
            (None, Some(because), _) => Some((ExclusionReason::Frequency, because.as_str())),
            (None, None, Some(because)) => Some((ExclusionReason::Touches, because.as_str())),
            (None, None, None) => None,
        };
        let candidate = Candidate { contact, partner, subscribed, suppressed };
        let has_content = |reader: &Reader<'_>| {
            self.plan.is_none_or(|plan| plan.has_content_for(reader, Withheld::NOTHING))
        };
        Some(match audience::decide(&self.rule, &candidate, no_hour, &has_content) {
            Decision::Out { because, reason } => {
                Verdict { promise, because, reason: Some(reason), readers: None }
            }
            Decision::In { because } => {
                let arm = if self.has_two_subjects() { Arm::of(self.draw(contact)) } else { Arm::A };
                let withheld = match self.plan {
                    Some(plan) if !beside.told.shown.is_empty() => {
                        without_shown(&plan.mailing(), &reader, left.withheld, &beside.told.shown)
                    }
                    _ => left.withheld,
                };
                let readers = Some(Readers { partner, roles: Some(contact.roles), locale, arm, withheld });
                Verdict { promise, because, reason: None, readers }
            }
        })
    }
}

impl Audience<'_> {
    /// Has dates that are decided at the same time count as they are decided, and not as they are promised.
    pub(super) fn fixed_beside(&mut self, others: &[&PromisedHours<'_>]) {
        if let Some(budget) = &mut self.budget {
            budget.leave_out(others);
        }
    }

    /// Whether it tells a key message.
    pub(super) fn tells(&self) -> bool {
        self.telling.is_some()
    }

    fn has_two_subjects(&self) -> bool {
        self.plan.is_some_and(|plan| plan.issue.subject_b.is_some())
    }

    /// The contact's number for this date, 0 to 99: whoever asks gets the same.
    pub(super) fn draw(&self, contact: &Contact) -> u8 {
        let mut hash = Sha256::new();
        for part in [self.hours.letter().asset.slug(), &self.hours.nominal_local(), &contact.email.key()] {
            hash.update(part);
            hash.update([0]);
        }
        let digest = hash.finalize();
        // Of 65,536 values a hundredth is a hundredth but for a thousandth of it.
        (u16::from_be_bytes([digest[0], digest[1]]) % 100) as u8
    }

    /// Of which stage a reader is, and when their copy leaves, if the newsletter has stages.
    pub(super) fn stage(
        &self,
        contact: &Contact,
        promise: &NewPromise,
        frozen_ms: UtcMs,
    ) -> Option<(Stage, Option<UtcMs>)> {
        let staged = self.hours.letter().newsletter.staged.as_ref()?;
        let draw = self.draw(contact);
        let stage = Stage::of(staged, contact.partner.as_str(), contact.email.as_str(), draw);
        Some((stage, stage.leaves_ms(staged, promise.due_ms, frozen_ms)))
    }
}

impl Verdict<'_> {
    /// Whether the hour was promised to them: they get the issue, or would if the calendar or our own fault had not come
    /// between.
    pub(super) fn is_promised(&self) -> bool {
        matches!(self.reason, None | Some(ExclusionReason::Calendar | ExclusionReason::Missed))
    }
}

pub(super) fn key_of(readers: &Readers<'_>) -> VariantKey {
    let Readers { partner, locale, arm, withheld, .. } = readers;
    (partner.slug.to_string(), readers.roles_text(), locale.to_string(), *arm, *withheld)
}
