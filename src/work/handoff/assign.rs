//! Leads that no partner brought: which partner is given each, to whom it goes when nobody there takes it, and those for
//! whom there is nobody yet.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        context::Context,
        notices::{self, Ready, StaffNotice, Words},
        scoring,
        tokens::row_mark,
    },
    HandOff, Offering, add_step, advance, agrees, asset_title, call, lead_in, prepare,
};
use crate::{
    domain::{
        content::{
            rules::{Assigning, assigning::AssignOrder},
            vendor::Staff,
        },
        kernel::{Error, Result, clock::HOUR_MS, text::domain_key},
        lead::{
            LeadStage,
            assign::{self, Candidate, Wanted},
            clock::Heat,
        },
        partner::Partner,
    },
    store::{
        Tx,
        assignments::{self, Load},
        audit, calls,
        intakes::{self, HOUSE, Intake},
        leads::{self, Lead},
        partners,
    },
};

/// Leads that wait, among what may rest.
const WHO: &str = "leads without a partner";
/// Leads of one look.
const LEADS_MAX: i64 = 100;
/// The least time between two looks.
const REST_MS: i64 = 15_000;
/// After so long it is looked again though nothing was changed: somebody may have room by then.
const AGAIN_MS: i64 = HOUR_MS;
/// Partners that are tried before it is given up: of those that the rule takes, people may be full.
const TRIES_MAX: usize = 100;

/// A partner for a lead, with the offer to one of its people.
pub(super) struct Given {
    pub(super) partner: Partner,
    explained: String,
    pub(super) hand_off: HandOff,
}

/// To whom a lead may go.
enum Found {
    /// To this partner.
    One(Box<Given>),
    /// To whoever of these claims it first.
    Several(Vec<Given>),
    /// To nobody, and why.
    Nobody(String),
}

/// Where a lead goes that somebody let pass.
pub(super) enum Next {
    /// To somebody else at the same partner, or its channel manager.
    Same(Box<HandOff>),
    /// To another partner.
    Given(Box<Given>),
    /// Back to the vendor: no partner is left.
    Back(Box<Back>),
}

/// What is told when no partner is left.
pub(super) struct Back {
    why: String,
    /// Under what nobody was found; nothing where it is called out anew.
    looked: Option<String>,
    mails: Vec<Ready>,
}

/// Who gets a lead that is offered onwards at its partner, or, where it was the vendor's and nobody there is left, elsewhere.
pub(super) async fn next(ctx: &Context, of: &Offering<'_>, outcome: &str) -> Result<Next> {
    let same = prepare(ctx, of).await?;
    if !same.is_managers() {
        return Ok(Next::Same(Box::new(same)));
    }
    let Some(intake) = intakes::of_lead(&ctx.db, &of.lead.id).await?.filter(|intake| intake.by_vendor) else {
        return Ok(Next::Same(Box::new(same)));
    };
    let passing = Some((of.partner.slug.as_str(), outcome));
    Ok(match find(ctx, of.lead, &intake, of.because, of.heat, passing).await? {
        Found::One(given) => Next::Given(given),
        Found::Several(_) => {
            let why = "It is called out to others.".to_owned();
            Next::Back(Box::new(Back { why, looked: None, mails: Vec::new() }))
        }
        Found::Nobody(why) => Next::Back(Box::new(back(ctx, of.lead, &intake, why).await?)),
    })
}

impl Next {
    /// The offer, where there is one.
    pub(super) fn hand_off(&self) -> Option<&HandOff> {
        match self {
            Self::Same(hand_off) => Some(hand_off),
            Self::Given(given) => Some(&given.hand_off),
            Self::Back(_) => None,
        }
    }

    /// Stores it for a lead that was taken back, or turned down, at `from`; `outcome` is how that ended there.
    pub(super) async fn store(
        self,
        ctx: &Context,
        tx: &mut Tx,
        lead: &mut Lead,
        from: &Partner,
        outcome: &str,
    ) -> Result<()> {
        let now_ms = ctx.now_ms();
        match self {
            Self::Same(hand_off) => hand_off.store_again(ctx, tx, lead).await,
            Self::Given(given) => {
                assignments::end(tx, &lead.id, outcome, now_ms).await?;
                given.give(ctx, tx, lead, from.slug.as_str()).await?.store_again(ctx, tx, lead).await
            }
            Self::Back(back) => {
                assignments::end(tx, &lead.id, outcome, now_ms).await?;
                lead.because.clone_from(&back.why);
                let what = format!("Back to the vendor. {}", back.why);
                advance(ctx, tx, lead, LeadStage::Recycled, "partnercast", &what).await?;
                assignments::give(tx, &lead.id, from.slug.as_str(), HOUSE, "", now_ms).await?;
                HOUSE.clone_into(&mut lead.partner_slug);
                back.store(ctx, tx, &lead.id).await
            }
        }
    }
}

impl Given {
    /// Gives the lead to the partner, and returns the offer to store.
    async fn give(self, ctx: &Context, tx: &mut Tx, lead: &mut Lead, from: &str) -> Result<HandOff> {
        let slug = self.partner.slug.as_str();
        assignments::give(tx, &lead.id, from, slug, &self.explained, ctx.now_ms()).await?;
        assignments::found(tx, &lead.id).await?;
        slug.clone_into(&mut lead.partner_slug);
        let what = format!("{GIVEN_TO}{}. {}", self.partner.name, self.explained);
        add_step(ctx, tx, lead, "partnercast", &what).await?;
        audit::record(tx, ctx.now_ms(), &*ctx.random, "partnercast", "give-partner", &lead.id, slug).await?;
        Ok(self.hand_off)
    }
}

impl Back {
    async fn store(self, ctx: &Context, tx: &mut Tx, lead_id: &str) -> Result<()> {
        let Some(looked) = &self.looked else {
            return calls::look_again(tx, lead_id, ctx.now_ms()).await.map(|_| ());
        };
        assignments::found_nobody(tx, lead_id, looked, ctx.now_ms()).await?;
        if assignments::tell_once(tx, lead_id, ctx.now_ms()).await? {
            for mail in self.mails {
                mail.enqueue(tx, ctx.now_ms()).await?;
            }
        }
        Ok(())
    }
}

/// What becomes of a lead of the vendor's.
enum Decided {
    Given(Box<Given>),
    Called(call::Called),
    Nobody(Box<Back>),
    Nothing,
}

/// Gives a lead that is the vendor's to a partner, calls it out to several, or notes that there is nobody.
pub(super) async fn first(ctx: &Context, intake: &Intake, lead: &Lead) -> Result<()> {
    let standing = scoring::assess(ctx, lead, None).await?;
    let mut scored = lead.clone();
    standing.apply(&mut scored);
    let heat = if intake.asks { Heat::Hot } else { Heat::Standard };
    let (_, is_called) = call::called(ctx, &lead.id, intake.came_ms).await?;
    let decided = match &standing.qualified_because {
        // Whoever is asked now has not answered yet.
        _ if is_called => Decided::Nothing,
        Some(because) => match find(ctx, &scored, intake, because, heat, None).await? {
            Found::One(given) => Decided::Given(given),
            Found::Several(to) => Decided::Called(call::prepare(ctx, &scored, because, heat, to).await?),
            Found::Nobody(why) => Decided::Nobody(Box::new(back(ctx, lead, intake, why).await?)),
        },
        // Not qualified any more: until they do something, there is nothing to look for.
        None => Decided::Nothing,
    };
    let mut tx = ctx.db.begin().await?;
    let mut now = lead_in(&mut tx, &lead.id).await?;
    // Changed meanwhile: it is judged anew at the next look.
    if now.updated_ms != lead.updated_ms || now.stage != lead.stage || now.partner_slug != HOUSE {
        return Ok(());
    }
    if intake.due_ms.is_some() && !intakes::put_off(&mut tx, &lead.id, intake.due_ms, None).await? {
        return Ok(());
    }
    match decided {
        Decided::Given(given) => {
            standing.apply(&mut now);
            let hand_off = given.give(ctx, &mut tx, &mut now, HOUSE).await?;
            hand_off.store(ctx, &mut tx, &mut now).await?;
        }
        Decided::Called(called) => called.store(ctx, &mut tx, &now).await?,
        Decided::Nobody(nobody) => {
            if intake.due_ms.is_some() {
                let what = format!("{STAYS}{}", nobody.why);
                add_step(ctx, &mut tx, &now, "partnercast", &what).await?;
            }
            nobody.store(ctx, &mut tx, &lead.id).await?;
        }
        Decided::Nothing => assignments::found(&mut tx, &lead.id).await?,
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Looks again for leads that wait, where roster or rule were changed, or an hour has gone. Returns the faults.
///
/// # Errors
/// Those of the store.
pub(super) async fn waiting(ctx: &Context) -> Result<Vec<String>> {
    let now_ms = ctx.now_ms();
    if ctx.looks.rests(WHO, now_ms) {
        return Ok(Vec::new());
    }
    let looked = looked(ctx).await?;
    let mut faults = Vec::new();
    for intake in assignments::waiting(&ctx.db, &looked, now_ms - AGAIN_MS, LEADS_MAX).await? {
        let done = match leads::lead(&ctx.db, &intake.lead_id).await? {
            Some(lead) if agrees(ctx, &lead.id).await? => first(ctx, &intake, &lead).await,
            _ => forget(ctx, &intake).await,
        };
        faults.extend(done.err().map(|error: Error| format!("{}: {}", intake.lead_id, error.detail())));
    }
    ctx.looks.rest(WHO.to_owned(), now_ms, now_ms + REST_MS);
    Ok(faults)
}

/// Nobody may call them any more.
async fn forget(ctx: &Context, intake: &Intake) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    assignments::found(&mut tx, &intake.lead_id).await?;
    tx.commit().await
}

/// The partner that is given the lead, with the offer; or why there is none.
async fn find(
    ctx: &Context,
    lead: &Lead,
    intake: &Intake,
    because: &str,
    heat: Heat,
    passing: Option<(&str, &str)>,
) -> Result<Found> {
    let mut market = Market::load(ctx).await?;
    if market.rule.is_none() {
        let why = "rules/routing.toml has no [partners], so that leads stay with the vendor.";
        return Ok(Found::Nobody(why.to_owned()));
    }
    let others = assignments::who_has(&ctx.db, &lead.email_key, &lead.id).await?;
    if lead.partner_slug == HOUSE && !others.is_empty() {
        return Ok(Found::Nobody(format!("They are a lead of {} already.", others.join(", "))));
    }
    market.pass(others.iter().map(|slug| (slug.clone(), "has them as a lead of its own".to_owned())));
    let before = assignments::of_lead(&ctx.db, &lead.id).await?;
    let since = before.into_iter().filter(|it| it.ended_ms.is_some() && it.given_ms >= intake.came_ms);
    market.pass(since.map(|it| (it.partner_slug, format!("{} before", outcome_in_words(&it.outcome)))));
    market
        .pass(passing.map(|(slug, outcome)| (slug.to_owned(), format!("{} now", outcome_in_words(outcome)))));
    market.pass(call::called(ctx, &lead.id, intake.came_ms).await?.0);
    let most = market.called_max(&lead.email_key);
    let mut several = Vec::new();
    for _ in 0..TRIES_MAX {
        let found = market.assign(&lead.email_key, &intake.country, &intake.vertical);
        let explained = found.explained();
        let Some(partner) = found.chosen.cloned() else {
            if several.is_empty() {
                return Ok(Found::Nobody(explained));
            }
            break;
        };
        let mut theirs = lead.clone();
        theirs.partner_slug = partner.slug.to_string();
        let title = asset_title(ctx, &theirs, &partner)?;
        let of = Offering {
            lead: &theirs,
            partner: &partner,
            asset_title: &title,
            because,
            heat,
            passing: None,
            again: None,
        };
        let hand_off = prepare(ctx, &of).await?;
        let slug = partner.slug.to_string();
        if hand_off.is_managers() {
            market.pass([(slug, "nobody there can take it now".to_owned())]);
            continue;
        }
        let given = Given { partner, explained, hand_off };
        let Some(most) = most else { return Ok(Found::One(Box::new(given))) };
        several.push(given);
        if several.len() >= most {
            break;
        }
        market.pass([(slug, "is asked as well".to_owned())]);
    }
    if several.is_empty() {
        return Ok(Found::Nobody("None of the partners has anybody who can take it now.".to_owned()));
    }
    Ok(Found::Several(several))
}

fn outcome_in_words(outcome: &str) -> &'static str {
    if outcome == TURNED_DOWN { "turned it down" } else { "let it lapse" }
}

/// Begins the step that says to which partner a lead was given, and who else was considered.
pub(in super::super) const GIVEN_TO: &str = "Given to ";
/// Begins the step that says why it was given to none.
pub(in super::super) const STAYS: &str = "Stays with the vendor. ";
/// Begins the step that says who was asked to claim a lead.
pub(in super::super) const CALLED_OUT: &str = "Called out to ";
/// How it ended at a partner where nobody took a lead in time.
pub(super) const LAPSED: &str = "lapsed";
/// How it ended at a partner that did not want it.
pub(super) const TURNED_DOWN: &str = "turned_down";

/// Who can be given leads, as it is now.
pub(in super::super) struct Market {
    rule: Option<Assigning>,
    partners: Vec<Partner>,
    receiving: BTreeSet<String>,
    loads: BTreeMap<String, Load>,
    passed: BTreeMap<String, String>,
}

impl Market {
    /// Reads it.
    ///
    /// # Errors
    /// Those of the store.
    pub(in super::super) async fn load(ctx: &Context) -> Result<Self> {
        let rule = ctx.library().rules.routing.as_ref().and_then(|rule| rule.partners_of_leads.clone());
        let loads = assignments::loads(&ctx.db).await?;
        Ok(Self {
            rule,
            partners: partners::all_partners(&ctx.db).await?,
            receiving: partners::receiving(&ctx.db).await?.into_iter().collect(),
            loads: loads.into_iter().map(|load| (load.partner_slug.clone(), load)).collect(),
            passed: BTreeMap::new(),
        })
    }

    fn pass(&mut self, passed: impl IntoIterator<Item = (String, String)>) {
        self.passed.extend(passed);
    }

    /// How many partners are asked at once for somebody at this address; nothing where one is chosen.
    fn called_max(&self, email_key: &str) -> Option<usize> {
        let rule = self.rule.as_ref().filter(|rule| rule.order == AssignOrder::FirstClaim)?;
        let domain = domain_key(email_key);
        // Somebody's account is nobody else's to claim.
        if rule.pinned_to(domain.trim_start_matches('@')).is_some() {
            return None;
        }
        usize::try_from(rule.called_max).ok()
    }

    /// Counts a lead that a partner would be given, after all others.
    pub(in super::super) fn count(&mut self, slug: &str) {
        let last_ms = self.loads.values().map(|load| load.last_ms).max().unwrap_or(0) + 1;
        let nothing = Load { partner_slug: slug.to_owned(), live: 0, last_ms: 0 };
        let load = self.loads.entry(slug.to_owned()).or_insert(nothing);
        load.live += 1;
        load.last_ms = last_ms;
    }

    /// Whom a lead would be given to; without a rule nobody.
    pub(in super::super) fn assign(
        &self,
        email_key: &str,
        country: &str,
        vertical: &str,
    ) -> assign::Assignment<'_> {
        let candidates: Vec<Candidate<'_>> =
            self.partners.iter().map(|partner| self.candidate(partner)).collect();
        let domain = domain_key(email_key);
        let wanted = Wanted { domain: domain.trim_start_matches('@'), country, vertical };
        match &self.rule {
            Some(rule) => assign::assign(rule, &wanted, &candidates),
            None => assign::assign(&Assigning { tiers: Vec::new(), ..Assigning::default() }, &wanted, &[]),
        }
    }

    fn candidate<'p>(&self, partner: &'p Partner) -> Candidate<'p> {
        let slug = partner.slug.as_str();
        let load = self.loads.get(slug);
        let nobody =
            || (!self.receiving.contains(slug)).then(|| "has nobody who sells or decides".to_owned());
        Candidate {
            partner,
            live: load.map_or(0, |load| u32::try_from(load.live).unwrap_or(u32::MAX)),
            last_ms: load.map_or(0, |load| load.last_ms),
            passed: self.passed.get(slug).cloned().or_else(nobody),
        }
    }
}

/// Roster and rule as they are now, as a word that changes with them.
async fn looked(ctx: &Context) -> Result<String> {
    let changed_ms = partners::changed_ms(&ctx.db).await?;
    let rule = ctx.library().rules.routing.as_ref().map(|rule| format!("{:?}", rule.partners_of_leads));
    Ok(row_mark(&[&changed_ms.to_string(), &rule.unwrap_or_default()]))
}

/// What is told when there is no partner for a lead.
async fn back(ctx: &Context, lead: &Lead, intake: &Intake, why: String) -> Result<Back> {
    let library = ctx.library();
    let managers = library.vendor.iter().flat_map(|vendor| &vendor.channel_managers);
    let or = |text: &str| if text.is_empty() { "not given".to_owned() } else { text.to_owned() };
    let mut mails = Vec::new();
    for manager in managers {
        let to = Staff {
            name: manager.name.clone(),
            title: "Channel manager".to_owned(),
            email: manager.email.clone(),
            may: Vec::new(),
        };
        let subject = "A lead has no partner".to_owned();
        let notice = StaffNotice {
            source: format!("no-partner:{}:{}", lead.id, intake.came_ms),
            sender: Some("leads"),
            to: &to,
            words: Words {
                heading: subject.clone(),
                subject,
                paragraphs: vec![
                    why.clone(),
                    "It stays with you and is looked at again when the roster or rules/routing.toml is changed, and each hour. \
                     You are told once."
                        .to_owned(),
                ],
                facts: vec![
                    ("Country".to_owned(), or(&intake.country)),
                    ("Industry".to_owned(), or(&intake.vertical)),
                ],
                button: ("Open the lead".to_owned(), format!("/console/leads/{}", lead.id)),
                why: "You look after partners for the vendor.".to_owned(),
            },
        };
        mails.push(notices::compose_for_staff(ctx, &notice)?);
    }
    Ok(Back { why, looked: Some(looked(ctx).await?), mails })
}
