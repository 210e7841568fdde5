//! Leads that no partner brought: which partner is given each, to whom it goes when nobody there takes it, and those for
//! whom there is nobody yet.

use super::{
    super::{
        context::Context,
        notices::{self, Ready, StaffNotice, Words},
        scoring,
        tokens::row_mark,
    },
    HandOff, Offering, add_step, advance, agrees, asset_title, call,
    conflict::{self, Meeting},
    lead_in,
    market::Market,
    prepare,
};
use crate::{
    domain::{
        content::vendor::Staff,
        kernel::{Error, Result, clock::HOUR_MS},
        lead::{LeadStage, clock::Heat},
        partner::Partner,
    },
    store::{
        Tx, assignments, audit, calls, conflicts,
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
pub(in super::super) const TRIES_MAX: usize = 100;

/// A partner for a lead, with the offer to one of its people, and whether another partner is in its way.
pub(super) struct Given {
    pub(super) partner: Partner,
    pub(super) explained: String,
    pub(super) hand_off: HandOff,
    pub(super) meeting: Meeting,
    /// Tells whoever goes on with the person that they asked by another way as well.
    pub(super) told: Option<Ready>,
}

/// Who gives a lead to a partner: from whom it comes, and whose doing that is.
pub(super) struct Giver<'a> {
    pub(super) from: &'a str,
    pub(super) actor: &'a str,
}

/// The rule's doing.
const BY_RULE: &str = "partnercast";

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
        Found::One(given) if given.meeting.goes() => Next::Given(given),
        // Where another partner goes on, it comes back first, and is looked at as one that arrives.
        Found::One(_) => {
            let why = "Another partner is in touch with them.".to_owned();
            Next::Back(Box::new(Back { why, looked: None, mails: Vec::new() }))
        }
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
                let heat = Heat::parse(&given.hand_off.offer.temperature).unwrap_or(Heat::Standard);
                let giver = Giver { from: from.slug.as_str(), actor: BY_RULE };
                let (hand_off, meeting) = given.give(ctx, tx, lead, &giver).await?;
                // What that decides is carried out at the next look at conflicts.
                conflict::meet(ctx, tx, lead, Some(heat), meeting).await?;
                hand_off.store_again(ctx, tx, lead).await
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
    /// Gives the lead to the partner, and returns the offer to store with what was found of other partners.
    async fn give(
        self,
        ctx: &Context,
        tx: &mut Tx,
        lead: &mut Lead,
        giver: &Giver<'_>,
    ) -> Result<(HandOff, Meeting)> {
        let slug = self.partner.slug.as_str();
        assignments::give(tx, &lead.id, giver.from, slug, &self.explained, ctx.now_ms()).await?;
        assignments::found(tx, &lead.id).await?;
        slug.clone_into(&mut lead.partner_slug);
        let what = format!("{GIVEN_TO}{}. {}", self.partner.name, self.explained);
        add_step(ctx, tx, lead, giver.actor, &what).await?;
        audit::record(tx, ctx.now_ms(), &*ctx.random, giver.actor, "give-partner", &lead.id, slug).await?;
        Ok((self.hand_off, self.meeting))
    }

    /// Gives the lead to the partner and offers it there. Where another partner is in the way it waits there, by the rule of
    /// conflicts and in the same transaction. Returns the case that is to be settled behind it, if there is one.
    ///
    /// # Errors
    /// `Conflict` where something has changed since it was weighed; those of the store.
    pub(super) async fn start(
        mut self,
        ctx: &Context,
        tx: &mut Tx,
        lead: &mut Lead,
        giver: &Giver<'_>,
    ) -> Result<Option<String>> {
        let heat = Heat::parse(&self.hand_off.offer.temperature).unwrap_or(Heat::Standard);
        let told = self.told.take();
        let (hand_off, meeting) = self.give(ctx, tx, lead, giver).await?;
        let goes = meeting.goes();
        let case_id = conflict::meet(ctx, tx, lead, Some(heat), meeting).await?;
        if goes {
            hand_off.store(ctx, tx, lead).await?;
        } else if let Some(told) = told {
            told.enqueue(tx, ctx.now_ms()).await?;
        }
        Ok(case_id)
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
    conflicts::take_turns(&mut tx).await?;
    let mut now = lead_in(&mut tx, &lead.id).await?;
    // Changed meanwhile: it is judged anew at the next look.
    if now.updated_ms != lead.updated_ms || now.stage != lead.stage || now.partner_slug != HOUSE {
        return Ok(());
    }
    if intake.due_ms.is_some() && !intakes::put_off(&mut tx, &lead.id, intake.due_ms, None).await? {
        return Ok(());
    }
    let mut case_id = None;
    match decided {
        Decided::Given(given) => {
            standing.apply(&mut now);
            let giver = Giver { from: HOUSE, actor: BY_RULE };
            case_id = given.start(ctx, &mut tx, &mut now, &giver).await?;
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
    conflict::settle_now(ctx, case_id).await;
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
    if !market.has_rule() {
        let why = "rules/routing.toml has no [partners], so that leads stay with the vendor.";
        return Ok(Found::Nobody(why.to_owned()));
    }
    let others = assignments::who_has(&ctx.db, &lead.email_key, &lead.id).await?;
    market.pass(others.iter().map(|slug| (slug.clone(), "has them as a lead of its own".to_owned())));
    let before = assignments::of_lead(&ctx.db, &lead.id).await?;
    let since = before.into_iter().filter(|it| it.ended_ms.is_some() && it.given_ms >= intake.came_ms);
    market.pass(since.map(|it| (it.partner_slug, format!("{} before", outcome_in_words(&it.outcome)))));
    market
        .pass(passing.map(|(slug, outcome)| (slug.to_owned(), format!("{} now", outcome_in_words(outcome)))));
    market.pass(call::called(ctx, &lead.id, intake.came_ms).await?.0);
    let most = market.called_max(&lead.email_key);
    let (mut several, mut waits) = (Vec::new(), None);
    for _ in 0..TRIES_MAX {
        let found = market.assign(&lead.email_key, &intake.country, &intake.vertical);
        let explained = found.explained();
        let Some(partner) = found.chosen.cloned() else {
            if several.is_empty() && waits.is_none() {
                return Ok(Found::Nobody(explained));
            }
            break;
        };
        let slug = partner.slug.to_string();
        let given = given(ctx, lead, partner, (explained, because, heat)).await?;
        if given.hand_off.is_managers() {
            market.pass([(slug, "nobody there can take it now".to_owned())]);
        } else if !given.meeting.goes() {
            // Somebody else is in touch with them: whoever is may go on, and nobody beside them.
            market.only(given.meeting.partners(), "another partner is in touch with them");
            market.pass([(slug, "another partner is in touch with them".to_owned())]);
            waits.get_or_insert(given);
        } else if let Some(most) = most {
            several.push(given);
            if several.len() >= most {
                break;
            }
            market.pass([(slug, "is asked as well".to_owned())]);
        } else {
            return Ok(Found::One(Box::new(given)));
        }
    }
    match waits {
        _ if !several.is_empty() => Ok(Found::Several(several)),
        Some(mut given) => {
            if heat == Heat::Hot {
                let what = format!("{}:{}", lead.id, intake.came_ms);
                given.told = conflict::tell_who_goes_on(ctx, &given.meeting, &what).await?;
            }
            Ok(Found::One(Box::new(given)))
        }
        None => Ok(Found::Nobody("None of the partners has anybody who can take it now.".to_owned())),
    }
}

/// What giving a lead to `partner` leads to. Stores nothing.
pub(super) async fn given(
    ctx: &Context,
    lead: &Lead,
    partner: Partner,
    (explained, because, heat): (String, &str, Heat),
) -> Result<Given> {
    let mut theirs = lead.clone();
    theirs.partner_slug = partner.slug.to_string();
    let title = asset_title(ctx, &theirs, &partner)?;
    let of = Offering::new(&theirs, &partner, &title, because, heat);
    let hand_off = prepare(ctx, &of).await?;
    let meeting = conflict::weigh(ctx, &theirs, true).await?;
    Ok(Given { partner, explained, hand_off, meeting, told: None })
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
/// Begins the step that says why nobody is asked to claim a lead any more.
pub(in super::super) const CALLED_BACK: &str = "Not called out any more: ";
/// How it ended at a partner where nobody took a lead in time.
pub(super) const LAPSED: &str = "lapsed";
/// How it ended at a partner that did not want it.
pub(super) const TURNED_DOWN: &str = "turned_down";

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
