//! How leads are worked: by whom, how many were taken and how soon, and what reps say of those they did not take.

use std::collections::BTreeMap;

use super::{cobrand::no_content, context::Context, handoff::is_to_decide};
use crate::{
    domain::{
        kernel::{
            Result,
            clock::{DAY_MS, MINUTE_MS},
        },
        lead::{
            DisqualifyReason, OfferPurpose, RejectReason, StopReason, WorkingHours,
            record::{Ending, Record},
        },
        partner::Partner,
    },
    store::{
        closings,
        lead_clocks::{self, SlaClock},
        leads::{self, InHand},
        offers::{self, Offer},
        partners,
    },
};

/// How far back it looks.
pub const SINCE_MS: i64 = 90 * DAY_MS;
/// Offers looked at of each partner.
const OFFERS_MAX: i64 = 5_000;
/// Leads listed of each partner.
const LEADS_MAX: usize = 200;

/// Somebody to whom leads were offered.
#[derive(Debug, Clone, Default)]
pub struct Rep {
    /// Full name, as last offered to.
    pub name: String,
    /// Lower-cased address.
    pub key: String,
    /// Leads offered to them now, which they have not answered.
    pub offered: u32,
    /// Leads they have taken.
    pub holds: u32,
    /// How they answered.
    pub record: Record,
}

/// A partner's people and leads.
#[derive(Debug, Clone)]
pub struct PartnerTeam {
    /// The partner.
    pub partner: Partner,
    /// Whoever was asked, most first.
    pub reps: Vec<Rep>,
    /// Leads that somebody has, or is asked to take, with the clock that runs, the most urgent first.
    pub leads: Vec<(InHand, Option<SlaClock>)>,
    /// Leads about which the channel manager is asked to decide, with what the rep wrote and when an answer is due.
    pub decisions: Vec<Decision>,
}

/// A lead about which the channel manager is to decide.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The lead, and whom it is with meanwhile.
    pub lead: InHand,
    /// Who turned it down.
    pub by: String,
    /// Why, with what they wrote.
    pub why: String,
    /// The clock that runs.
    pub clock: Option<SlaClock>,
}

/// What is known of a manager's partners.
#[derive(Debug, Clone, Default)]
pub struct Team {
    /// Their partners, by name.
    pub partners: Vec<PartnerTeam>,
    /// All of them together.
    pub record: Record,
    /// Why leads were turned down, most often first.
    pub rejected: Vec<(RejectReason, u32)>,
    /// Why they were closed after contact, or lost, most often first.
    pub closed: Vec<(DisqualifyReason, u32)>,
}

/// What is known of the partners that `theirs` says.
///
/// # Errors
/// No routing rule yet, or those of the store.
pub async fn team(ctx: &Context, theirs: impl Fn(&Partner) -> bool) -> Result<Team> {
    let clocks = lead_clocks::running(&ctx.db).await?;
    let mut team = Team::default();
    let (mut rejected, mut closed) = (BTreeMap::new(), BTreeMap::new());
    for partner in partners::all_partners(&ctx.db).await?.into_iter().filter(|partner| theirs(partner)) {
        let slug = partner.slug.as_str();
        let since_ms = ctx.now_ms() - SINCE_MS;
        let offered = offers::since(&ctx.db, Some(slug), since_ms, OFFERS_MAX).await?;
        for (reason, count) in closings::reasons(&ctx.db, slug, since_ms).await? {
            let Some(reason) = DisqualifyReason::parse(&reason) else { continue };
            *closed.entry(reason).or_insert(0) += u32::try_from(count).unwrap_or(u32::MAX);
        }
        let reps = reps(ctx, &partner, &offered)?;
        for offer in &offered {
            if let Some(reason) =
                RejectReason::parse(&offer.reason).filter(|_| OfferPurpose::asks_to_take(&offer.purpose))
            {
                *rejected.entry(reason).or_insert(0) += 1;
            }
        }
        reps.iter().for_each(|rep| team.record.merge(&rep.record));
        let leads = with_somebody(ctx, &partner, &clocks).await?;
        let decisions = decisions(ctx, &leads).await?;
        team.partners.push(PartnerTeam { partner, reps, leads, decisions });
    }
    team.partners.sort_by(|a, b| a.partner.name.cmp(&b.partner.name));
    team.rejected = most_first(rejected);
    team.closed = most_first(closed);
    Ok(team)
}

fn most_first<K: Ord>(counts: BTreeMap<K, u32>) -> Vec<(K, u32)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

fn reps(ctx: &Context, partner: &Partner, offered: &[Offer]) -> Result<Vec<Rep>> {
    let library = ctx.library();
    let routing = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let working = WorkingHours::at_partner(routing, &library.rules.calendar, partner, partner.zone);
    let mut reps: BTreeMap<String, Rep> = BTreeMap::new();
    for offer in offered {
        // Whoever is to decide, or to answer who asks again, or was given what is worked, was not asked whether they take it.
        let is_asked = OfferPurpose::asks_to_take(&offer.purpose) && !offer.is_handed_over();
        if !is_asked && !offer.holds() {
            continue;
        }
        let key = offer.rep_email.to_lowercase();
        let rep = reps.entry(key.clone()).or_insert_with(|| Rep {
            name: offer.rep_name.clone(),
            key,
            ..Rep::default()
        });
        rep.offered += u32::from(offer.is_live() && !offer.holds());
        rep.holds += u32::from(offer.holds());
        if !is_asked {
            continue;
        }
        let answered_ms = offer.answered_ms.unwrap_or(offer.offered_ms);
        let minutes = working.elapsed_ms(offer.offered_ms, answered_ms) / MINUTE_MS;
        rep.record.add(ending(offer), u32::try_from(minutes).unwrap_or(u32::MAX));
    }
    let mut reps: Vec<Rep> = reps.into_values().collect();
    reps.sort_by_key(|rep| std::cmp::Reverse(rep.record.offered));
    Ok(reps)
}

fn ending(offer: &Offer) -> Option<Ending> {
    match (offer.answer.as_deref()?, offer.reason.as_str()) {
        ("accepted", _) => Some(Ending::Accepted),
        ("rejected", _) => Some(Ending::Rejected),
        (_, reason) if StopReason::of(reason) == StopReason::Overdue => Some(Ending::Overdue),
        _ => Some(Ending::Withdrawn),
    }
}

/// Leads of a partner that somebody has.
async fn with_somebody(
    ctx: &Context,
    partner: &Partner,
    clocks: &[SlaClock],
) -> Result<Vec<(InHand, Option<SlaClock>)>> {
    let mut found = Vec::new();
    for one in leads::in_hand(&ctx.db, Some(partner.slug.as_str())).await?.into_iter().take(LEADS_MAX) {
        let clock = clocks.iter().find(|clock| clock.lead_id == one.lead.id).cloned();
        found.push((one, clock));
    }
    found.sort_by_key(|(_, clock)| clock.as_ref().map_or(i64::MAX, |clock| clock.due_ms));
    Ok(found)
}

/// Those of the leads about which the channel manager is to decide.
async fn decisions(ctx: &Context, leads: &[(InHand, Option<SlaClock>)]) -> Result<Vec<Decision>> {
    let mut found = Vec::new();
    for (one, clock) in leads.iter().filter(|(one, _)| one.answer.is_none() && one.is_managers()) {
        let all = offers::of_lead(&ctx.db, &one.lead.id).await?;
        if !all.iter().find(|offer| offer.is_live()).is_some_and(is_to_decide) {
            continue;
        }
        let Some(asked) = all.iter().find(|offer| offer.answer.as_deref() == Some("rejected")) else {
            continue;
        };
        found.push(Decision {
            lead: one.clone(),
            by: asked.rep_name.clone(),
            why: asked.answer_reason.clone().unwrap_or_default(),
            clock: clock.clone(),
        });
    }
    Ok(found)
}
