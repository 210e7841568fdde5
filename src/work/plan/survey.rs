//! Looking at everybody who might get something, page by page, so that memory is that of the variants and of the reasons.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, btree_map::Entry};

use super::{Change, LeftOut, PlannedVariant, Since};
use crate::{
    domain::{kernel::Result, program::subject_test::Arm},
    store::{audience as stored, issues::Issue, promises::NewPromise},
    work::{
        audience::{Audience, VariantKey, key_of, page},
        compose::{self, Plan},
        context::Context,
        freeze::{count_promise, too_few},
        promised::PromisedHours,
    },
};

/// People left out, by reason.
#[derive(Default)]
pub(super) struct Reasons(BTreeMap<String, Change>);

impl Reasons {
    fn add(&mut self, because: String, address: &str) {
        self.0.entry(because).or_default().add(address);
    }

    /// Most people first.
    pub(super) fn into_sorted(self) -> Vec<LeftOut> {
        let mut left_out: Vec<LeftOut> = self
            .0
            .into_iter()
            .map(|(because, change)| LeftOut { because, people: change.people, named: change.named })
            .collect();
        left_out.sort_by(|a, b| (b.people, &a.because).cmp(&(a.people, &b.because)));
        left_out
    }
}

/// What a look at everybody found of an issue.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) promises: BTreeMap<String, NewPromise>,
    pub(super) readers: usize,
    pub(super) variants: BTreeMap<VariantKey, PlannedVariant>,
    pub(super) left_out: Reasons,
    pub(super) faults: BTreeSet<String>,
    pub(super) since: Option<Since>,
}

/// Whom a newsletter is for, whatever is in its issues: how many people of which partner in which zone.
pub(super) struct Crowd {
    at: HashMap<String, HashMap<String, usize>>,
    left_out: Vec<LeftOut>,
}

impl Crowd {
    /// How many of `partner` in `zone`.
    pub(super) fn at(&self, partner: &str, zone: &str) -> usize {
        self.at.get(partner).and_then(|zones| zones.get(zone)).copied().unwrap_or_default()
    }

    /// Who is not among them.
    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        self.left_out.clone()
    }
}

/// Looks at everybody for whom a newsletter might be.
pub(super) async fn of_newsletter(ctx: &Context, hours: &PromisedHours<'_>) -> Result<Crowd> {
    let audience = Audience::load(ctx, hours, None).await?;
    let (mut at, mut left_out): (HashMap<String, HashMap<String, usize>>, _) =
        (HashMap::new(), Reasons::default());
    let mut after = String::new();
    while let Some(page) = page(ctx, &mut after).await? {
        for stored in &page {
            let Some(verdict) = audience.decide(&stored.contact) else { continue };
            if !verdict.is_promised() {
                left_out.add(verdict.because, stored.contact.email.as_str());
                continue;
            }
            let NewPromise { partner_slug, reader_zone, .. } = &*verdict.promise;
            // Without a new key for each of a hundred thousand.
            match at.get_mut(partner_slug).and_then(|zones| zones.get_mut(reader_zone)) {
                Some(count) => *count += 1,
                None => {
                    at.entry(partner_slug.clone()).or_default().insert(reader_zone.clone(), 1);
                }
            }
        }
    }
    Ok(Crowd { at, left_out: left_out.into_sorted() })
}

/// Looks at everybody, page by page, so that memory is that of the variants.
pub(super) async fn of_issue(
    ctx: &Context,
    plan: &Plan<'_>,
    hours: &PromisedHours<'_>,
    last: Option<&Issue>,
) -> Result<Survey> {
    let audience = Audience::load(ctx, hours, Some(plan)).await?;
    let mut survey = Survey {
        since: last.map(|last| Since { date: last.nominal_date.clone(), ..Since::default() }),
        ..Survey::default()
    };
    let (mut after, mut before) = (String::new(), String::new());
    let (mut known, mut faulty, mut arms) = (0, HashSet::new(), [0, 0]);
    while let Some(page) = page(ctx, &mut after).await? {
        let got_last: HashSet<String> = match last {
            Some(last) => stored::included(&ctx.db, &last.id, &before, &after).await?.into_iter().collect(),
            None => HashSet::new(),
        };
        before.clone_from(&after);
        for stored in &page {
            let Some(verdict) = audience.decide(&stored.contact) else { continue };
            let address = stored.contact.email.as_str();
            let had = got_last.contains(&stored.id.to_string());
            known += usize::from(had);
            let gets = verdict.readers.is_some();
            count_promise(&mut survey.promises, &verdict);
            if let Some(since) = &mut survey.since {
                match (had, gets) {
                    (false, true) => since.joined.add(address),
                    (true, false) => since.left.add(address),
                    _ => {}
                }
            }
            let Some(readers) = verdict.readers else {
                survey.left_out.add(verdict.because, address);
                continue;
            };
            survey.readers += 1;
            arms[usize::from(readers.arm == Arm::B)] += 1;
            let key = key_of(&readers);
            if faulty.contains(&key) {
                continue;
            }
            match survey.variants.entry(key) {
                Entry::Occupied(mut place) => place.get_mut().readers += 1,
                Entry::Vacant(place) => match compose::variant(&ctx.templates, plan, readers, "plan") {
                    Ok(variant) => {
                        place.insert(PlannedVariant {
                            partner: variant.partner_slug,
                            roles: variant.roles,
                            locale: variant.locale,
                            subject: variant.subject,
                            readers: 1,
                        });
                    }
                    Err(error) => {
                        faulty.insert(key_of(&readers));
                        survey.faults.insert(error.detail());
                    }
                },
            }
        }
    }
    survey.faults.extend(too_few(plan, arms));
    if let (Some(since), Some(last)) = (&mut survey.since, last) {
        let all = usize::try_from(stored::included_count(&ctx.db, &last.id).await?).unwrap_or(usize::MAX);
        since.gone = all.saturating_sub(known);
    }
    Ok(survey)
}
