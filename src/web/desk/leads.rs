//! A rep's leads, the most urgent first.

use std::{collections::HashMap, sync::Arc};

use axum::{extract::State, http::HeaderMap};
use serde::Serialize;

use super::rep;
use crate::{
    domain::{
        kernel::{
            Result,
            id::{CallId, OfferId},
        },
        lead::LeadStage,
        partner::Partner,
    },
    store::{
        calls::{self, Call},
        conflicts,
        lead_clocks::{self, SlaClock},
        leads::{self, Lead},
        offers::{self, Offer},
        partners,
    },
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{authored, chart::Badge, clock::Running, conflict, lead, when::Moment},
    },
    work::{
        Context,
        desk::{Manages, Rep},
        handoff::{code, waits_for_answer},
        tokens,
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Whose desk; nobody's, where none is open.
    pub who: Option<String>,
    /// The zone of the times.
    pub zone: String,
    /// Where those who look after partners see their leads.
    pub team: Option<&'static str>,
    /// Conflicts that wait for whoever looks.
    pub conflicts: Vec<Waiting>,
    /// What whoever looks may claim.
    pub calls: Vec<Called>,
    /// Cards.
    pub leads: Vec<Card>,
    /// Leads of the partner that wait because another one is in touch with the person.
    pub held: Vec<Held>,
}

/// A lead that may be claimed, without a word about the person.
#[derive(Debug, Serialize)]
pub struct Called {
    /// Where it is claimed or declined.
    pub href: String,
    /// `Asked to talk`
    pub heat: &'static str,
    /// Its tone.
    pub heat_tone: &'static str,
    /// Why it is offered.
    pub because: String,
    /// Until when.
    pub until: Moment,
    /// How long that is.
    pub left: Badge,
}

/// A conflict of two partners that waits for a decision.
#[derive(Debug, Serialize)]
pub struct Waiting {
    /// Its page.
    pub href: String,
    /// Between whom.
    pub text: String,
    /// Since when.
    pub since: Moment,
}

/// A lead that waits, without a word about the person: nobody here was offered it.
#[derive(Debug, Serialize)]
pub struct Held {
    /// Through what they came.
    pub what: String,
    /// Why it waits.
    pub text: &'static str,
    /// Since when.
    pub since: Moment,
}

/// A lead.
#[derive(Debug, Serialize)]
pub struct Card {
    /// `Asked to talk`
    pub heat: &'static str,
    /// Its tone.
    pub heat_tone: &'static str,
    /// Where it stands.
    pub stage: Badge,
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Why it stands there.
    pub because: String,
    /// The partner it came through, on a channel manager's desk.
    pub through: Option<String>,
    /// The card.
    pub href: String,
    /// That another partner knows the person, too.
    pub conflict: Option<&'static str>,
    /// The running clock.
    pub clock: Option<Running>,
    /// What one press records.
    pub taps: Vec<Tap>,
}

/// What one press records.
#[derive(Debug, Serialize)]
pub struct Tap {
    /// On the button.
    pub label: &'static str,
    /// Where it leads.
    pub action: String,
    /// What is noted with it.
    pub note: &'static str,
}

/// `GET /desk`
pub async fn page(State(ctx): State<Arc<Context>>, headers: HeaderMap) -> Answer {
    let frame = Frame::new(&ctx, Area::Desk, "Your leads", "/desk");
    let Some(rep) = rep(&ctx, &headers).await? else {
        let view = View {
            who: None,
            zone: String::new(),
            team: None,
            conflicts: Vec::new(),
            calls: Vec::new(),
            leads: Vec::new(),
            held: Vec::new(),
        };
        return respond::page(&ctx, "desk/leads", &frame, &view);
    };
    let offers = offers::live_of_rep(&ctx.db, &rep.key).await?;
    let clocks = lead_clocks::running_of_rep(&ctx.db, &rep.key).await?;
    let names = partner_names(&ctx, &offers).await?;
    let in_conflict: HashMap<String, String> =
        conflicts::of_rep(&ctx.db, &rep.key).await?.into_iter().collect();
    let of_lead: HashMap<&str, &Offer> = offers.iter().map(|offer| (offer.lead_id.as_str(), offer)).collect();
    let clock_of: HashMap<&str, &SlaClock> =
        clocks.iter().map(|clock| (clock.lead_id.as_str(), clock)).collect();
    let mut cards: Vec<Card> = leads::of_rep(&ctx.db, &rep.key)
        .await?
        .into_iter()
        .filter_map(|lead| {
            let offer = of_lead.get(lead.id.as_str()).copied()?;
            let clock = clock_of.get(lead.id.as_str()).copied();
            let mut card = card(&ctx, lead, &rep, offer, clock, &names)?;
            card.conflict = in_conflict.get(&offer.lead_id).map(|state| conflict::short(state));
            Some(card)
        })
        .collect();
    cards.sort_by_key(|card| card.clock.as_ref().map_or(i64::MAX, |clock| clock.due_ms));
    let view = View {
        who: Some(format!("{}, {}", rep.name, rep.company)),
        zone: format!("in {}", rep.zone.name().replace('_', " ")),
        team: (rep.manages != Manages::Nobody).then_some("/desk/team"),
        conflicts: waiting(&ctx, &rep).await?,
        calls: called(&ctx, &rep).await?,
        held: held(&ctx, &rep).await?,
        leads: cards,
    };
    respond::page(&ctx, "desk/leads", &frame, &view)
}

/// What the rep may claim. A link of its own opens each, as the mail's does.
async fn called(ctx: &Context, rep: &Rep) -> Result<Vec<Called>> {
    let (now_ms, made_ms) = (ctx.now_ms(), ctx.clock.wall_ms());
    let all = calls::open_of_rep(&ctx.db, &rep.key, now_ms).await?;
    let line = |call: Call| {
        let token = tokens::call_token(&ctx.keys, CallId::parse(&call.id).ok()?, made_ms);
        let (heat, heat_tone) = lead::heat(&call.temperature);
        Some(Called {
            href: format!("/claim/{token}"),
            heat,
            heat_tone,
            because: call.because,
            until: Moment::full(call.due_ms, rep.zone),
            left: lead::left_badge(call.called_ms, call.due_ms, now_ms),
        })
    };
    Ok(all.into_iter().filter_map(line).collect())
}

/// The conflicts that wait for a channel manager; none for others.
async fn waiting(ctx: &Context, rep: &Rep) -> Result<Vec<Waiting>> {
    if rep.manages == Manages::Nobody {
        return Ok(Vec::new());
    }
    let all = partners::all_partners(&ctx.db).await?;
    let mut found = Vec::new();
    for case in conflicts::list(&ctx.db).await?.into_iter().filter(|case| case.state == "open") {
        let parts = conflicts::parties(&ctx.db, &case.id).await?;
        let of = |partner: &&Partner| parts.iter().any(|part| part.partner_slug == partner.slug.as_str());
        let theirs: Vec<&Partner> = all.iter().filter(of).collect();
        if theirs.iter().any(|partner| rep.looks_after(partner)) {
            let names: Vec<&str> = theirs.iter().map(|partner| partner.name.as_str()).collect();
            found.push(Waiting {
                href: format!("/desk/conflicts/{}", case.id),
                text: names.join(", "),
                since: Moment::full(case.opened_ms, rep.zone),
            });
        }
    }
    Ok(found)
}

/// The leads of the rep's partner that wait.
async fn held(ctx: &Context, rep: &Rep) -> Result<Vec<Held>> {
    let Some(stored) = partners::contact_at(&ctx.db, &rep.key).await? else { return Ok(Vec::new()) };
    let library = ctx.library();
    let all = conflicts::held_of(&ctx.db, stored.contact.partner.as_str()).await?;
    let line = |held: conflicts::Held| {
        let title = library.versions(&held.asset).first().map(|asset| authored(asset.front.title.as_str()));
        Held {
            what: title.unwrap_or_else(|| "One of your pages".to_owned()),
            text: conflict::held(&held.state),
            since: Moment::short(held.joined_ms, rep.zone),
        }
    };
    Ok(all.into_iter().map(line).collect())
}

/// The partners' names by slug, where a channel manager has leads of several.
async fn partner_names(ctx: &Context, offers: &[Offer]) -> Result<HashMap<String, String>> {
    if offers.iter().all(|offer| offer.contact_id.is_some()) {
        return Ok(HashMap::new());
    }
    let all = partners::all_partners(&ctx.db).await?;
    Ok(all.into_iter().map(|partner| (partner.slug.to_string(), partner.name)).collect())
}

fn card(
    ctx: &Context,
    lead: Lead,
    rep: &Rep,
    offer: &Offer,
    clock: Option<&SlaClock>,
    names: &HashMap<String, String>,
) -> Option<Card> {
    let (heat, heat_tone) = lead::heat(&offer.temperature);
    let id = OfferId::parse(&offer.id).ok()?;
    let library = ctx.library();
    let title = library.versions(&lead.asset).first().map(|asset| authored(asset.front.title.as_str()));
    // Before the card is opened, the person is not named here either.
    let viewed = offer.viewed_ms.is_some();
    let href = match LeadStage::parse(&lead.stage) {
        Some(LeadStage::Offered) => {
            format!("/o/{}", tokens::offer_token(&ctx.keys, id, ctx.clock.wall_ms()))
        }
        _ => format!("/desk/leads/{}", lead.id),
    };
    Some(Card {
        heat,
        heat_tone,
        stage: lead::standing(&lead),
        taps: taps(&lead),
        conflict: None,
        through: offer.contact_id.is_none().then(|| names.get(&lead.partner_slug).cloned()).flatten(),
        href,
        clock: clock.map(|clock| Running::of(clock, rep.zone, ctx.now_ms())),
        // What the mail calls it tells it from the others.
        name: if viewed { lead.name } else { format!("A new lead, {}", code(&lead.id)) },
        company: if viewed {
            lead.company
        } else {
            let points = format!("{} points, fit {}", lead.score, lead.fit);
            title.map_or_else(
                || format!("not opened yet · {points}"),
                |title| format!("not opened yet · “{title}” · {points}"),
            )
        },
        because: lead.because,
    })
}

fn taps(lead: &Lead) -> Vec<Tap> {
    let tap =
        |label, what: &str, note| Tap { label, action: format!("/desk/leads/{}/{what}", lead.id), note };
    let to_reach = || {
        vec![
            tap("I reached them", "contacted", ""),
            tap("Tried, no answer", "note", "tried to reach them, no answer"),
        ]
    };
    match LeadStage::parse(&lead.stage) {
        _ if waits_for_answer(lead) => to_reach(),
        Some(LeadStage::Sal) => to_reach(),
        Some(LeadStage::Contacted | LeadStage::Sql | LeadStage::DealRegistered) => {
            vec![tap("Talked again", "note", "talked again")]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
impl View {
    /// One open offer, one accepted lead.
    pub fn sample() -> Self {
        Self {
            who: Some("Luis Ortega, Northlight MSP".into()),
            team: Some("/desk/team"),
            zone: "in America/Chicago".into(),
            conflicts: vec![Waiting {
                href: "#".into(),
                text: "Northlight MSP, Thornbury Cloud".into(),
                since: Moment::full(1_799_766_000_000, chrono_tz::Europe::Oslo),
            }],
            calls: vec![Called {
                href: "#".into(),
                heat: "Reached the score",
                heat_tone: "brand",
                because: "engagement 62 of 50 needed, fit B".into(),
                until: Moment::full(1_799_766_000_000, chrono_tz::America::Chicago),
                left: Badge::new("warn", "40 min left"),
            }],
            held: vec![Held {
                what: "Proof of Recovery".into(),
                text: conflict::held("decided"),
                since: Moment::short(1_799_766_000_000, chrono_tz::Europe::Oslo),
            }],
            leads: vec![
                Card {
                    heat: "Asked to talk",
                    heat_tone: "warn",
                    stage: lead::stage("offered"),
                    name: "Ana Ruiz".into(),
                    company: "Harbor Clinic Group".into(),
                    because: "asked to talk".into(),
                    conflict: Some(conflict::short("decided")),
                    through: Some("Northlight MSP".into()),
                    href: "#".into(),
                    clock: Some(Running::sample()),
                    taps: Vec::new(),
                },
                Card {
                    heat: "Reached the score",
                    heat_tone: "brand",
                    stage: lead::stage("sal"),
                    name: "Jonas Lind".into(),
                    company: "Prairie Co-op".into(),
                    because: "accepted by Luis Ortega".into(),
                    conflict: None,
                    through: None,
                    href: "#".into(),
                    clock: Some(Running::sample()),
                    taps: vec![Tap { label: "I reached them", action: "#".into(), note: "" }],
                },
            ],
        }
    }
}
