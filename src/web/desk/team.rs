//! How the partners that somebody looks after work their leads.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::HeaderMap,
};
use serde::{Deserialize, Serialize};

use super::rep;
use crate::{
    domain::{
        kernel::Error,
        lead::{
            OfferPurpose, SlaKind,
            record::{ACCEPTANCE_TARGET_PERCENT, Record},
        },
    },
    store::{lead_clocks::SlaClock, leads::InHand},
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{
            Choice,
            chart::{Badge, Bar},
            clock::Running,
            counted, lead,
        },
    },
    work::{
        Context,
        desk::Rep,
        team::{self, PartnerTeam, Team},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Whose.
    pub who: String,
    /// Leads about which somebody is to decide.
    pub decisions: Vec<Deciding>,
    /// Which partner, stage or name is shown.
    pub shown: Shown,
    /// All partners together.
    pub all: Figures,
    /// Each partner.
    pub partners: Vec<Part>,
    /// Why leads were turned down.
    pub rejected: Vec<Reason>,
    /// Why they were closed or lost.
    pub closed: Vec<Reason>,
}

/// A lead about which the channel manager is to decide.
#[derive(Debug, Serialize)]
pub struct Deciding {
    /// Full name and company.
    pub name: String,
    /// Its card.
    pub href: String,
    /// Where it is handed on.
    pub hand_on: String,
    /// Who turned it down, and with whom it is meanwhile.
    pub who: String,
    /// Why, with what they wrote.
    pub why: String,
    /// The clock.
    pub clock: Option<Running>,
}

/// What was asked to be shown, and what may be asked for.
#[derive(Debug, Default, Serialize)]
pub struct Shown {
    /// Part of a name or company.
    pub search: String,
    /// A partner's slug.
    pub partner: String,
    /// `offered`, `taken` or `late`.
    pub state: String,
    /// Partners.
    pub partners: Vec<Choice>,
    /// `offered`, `taken`, `late`.
    pub states: Vec<Choice>,
}

/// What is asked to be shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    partner: String,
    state: String,
}

impl Asked {
    fn search(&self) -> String {
        self.q.trim().chars().take(100).collect::<String>().to_lowercase()
    }

    /// Whether a lead is shown.
    fn shows(&self, one: &InHand, clock: Option<&SlaClock>, now_ms: i64) -> bool {
        let search = self.search();
        let named = [&one.lead.name, &one.lead.company, &one.rep_name];
        let is_found = search.is_empty() || named.iter().any(|text| text.to_lowercase().contains(&search));
        let is_so = match self.state.as_str() {
            "offered" => one.answer.is_none() && OfferPurpose::asks_to_take(&one.purpose),
            "taken" => one.answer.is_some(),
            "late" => clock.is_some_and(|clock| clock.due_ms < now_ms),
            _ => true,
        };
        is_found && is_so
    }
}

/// How offers were answered.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// `91 %`, or a dash.
    pub acceptance: String,
    /// Against the target.
    pub badge: Badge,
    /// Taken, turned down, not answered.
    pub bar: Bar,
    /// `12 offers`
    pub offers: String,
    /// `half within 25 min, nine in ten within 3 h 5 min`
    pub response: String,
}

impl Figures {
    fn of(record: &Record) -> Self {
        let percent = record.acceptance_percent();
        let badge = match percent {
            None => Badge::new("", "nothing decided yet"),
            Some(percent) if percent >= ACCEPTANCE_TARGET_PERCENT => {
                Badge::new("good", format!("at least {ACCEPTANCE_TARGET_PERCENT} %"))
            }
            Some(_) => Badge::new("warn", format!("below {ACCEPTANCE_TARGET_PERCENT} %")),
        };
        let within = |percent| record.answered_within_minutes(percent).map(working_time);
        let response = match (within(50), within(90)) {
            (Some(half), Some(most)) => {
                format!("half within {half}, nine in ten within {most}, in working hours")
            }
            _ => "no answer yet".to_owned(),
        };
        let count = |count: u32| i64::from(count);
        Self {
            acceptance: percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %")),
            badge,
            bar: Bar::of(&[
                ("good", "accepted", count(record.accepted)),
                ("warn", "turned down", count(record.rejected)),
                ("bad", "not answered in time", count(record.overdue)),
            ]),
            offers: counted(usize::try_from(record.offered).unwrap_or(usize::MAX), "offer", "offers"),
            response,
        }
    }
}

/// `with Luis Ortega`, or until they have answered `offered to Luis Ortega`, `with Tom Beckett, who decides`.
fn has(name: &str, purpose: &str, is_taken: bool) -> String {
    if is_taken { format!("with {name}") } else { lead::waits_for(name, purpose) }
}

/// `3 taken, 1 offered`: what nobody answered yet is in nobody's hand.
fn in_hand(offered: u32, holds: u32) -> String {
    match (holds, offered) {
        (0, 0) => "nothing".to_owned(),
        (holds, 0) => format!("{holds} taken"),
        (0, offered) => format!("{offered} offered"),
        (holds, offered) => format!("{holds} taken, {offered} offered"),
    }
}

/// `25 min`, `3 h 5 min`.
pub(super) fn working_time(minutes: u32) -> String {
    match minutes {
        0..60 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// A partner.
#[derive(Debug, Serialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// How it answers.
    pub figures: Figures,
    /// Its people.
    pub reps: Vec<RepLine>,
    /// Leads that somebody has.
    pub leads: Vec<LeadLine>,
}

/// Somebody who is asked to take leads.
#[derive(Debug, Serialize)]
pub struct RepLine {
    /// Full name.
    pub name: String,
    /// `3 taken, 1 offered`
    pub live: String,
    /// Their share of the offers, drawn against the most.
    pub share: Bar,
    /// How they answer.
    pub figures: Figures,
}

/// A lead.
#[derive(Debug, Serialize)]
pub struct LeadLine {
    /// Full name and company.
    pub name: String,
    /// Its card.
    pub href: String,
    /// Where it stands.
    pub stage: Badge,
    /// `with Luis Ortega`, `offered to Luis Ortega`
    pub rep: String,
    /// How long is left, and until when.
    pub clock: Option<Left>,
}

/// The clock of a lead in a list.
#[derive(Debug, Serialize)]
pub struct Left {
    /// `58 min left`
    pub badge: Badge,
    /// What it waits for.
    pub label: String,
}

/// A reason and how often it was given.
#[derive(Debug, Serialize)]
pub struct Reason {
    /// The reason.
    pub label: String,
    /// What it says of the way leads are passed on.
    pub class: String,
    /// How often, drawn against the most.
    pub bar: Bar,
    /// How often.
    pub count: u32,
}

/// `GET /desk/team`
pub async fn page(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Answer {
    let rep = rep(&ctx, &headers).await?.ok_or_else(|| Error::denied("no desk is open in this browser"))?;
    if rep.manages == crate::work::desk::Manages::Nobody {
        return Err(Error::denied("this page is for those who look after partners").into());
    }
    let team = team::team(&ctx, |partner| rep.looks_after(partner)).await?;
    let view = view(&ctx, &rep, team, &asked);
    respond::page(
        &ctx,
        "desk/team",
        &Frame::new(&ctx, Area::Desk, "Your partners' leads", "/desk/team"),
        &view,
    )
}

fn view(ctx: &Context, rep: &Rep, team: Team, asked: &Asked) -> View {
    let with_somebody = |part: &&PartnerTeam| !part.reps.is_empty() || !part.leads.is_empty();
    let names = team.partners.iter().filter(with_somebody);
    let names = names.map(|part| Choice::new(part.partner.slug.as_str(), &part.partner.name));
    let shown = Shown {
        search: asked.q.trim().chars().take(100).collect(),
        partner: asked.partner.clone(),
        state: asked.state.clone(),
        partners: std::iter::once(Choice::new("", "All partners")).chain(names).collect(),
        states: [
            ("", "All leads"),
            ("offered", "Offered, no answer yet"),
            ("taken", "Taken"),
            ("late", "Late"),
        ]
        .map(|(value, label)| Choice::new(value, label))
        .into(),
    };
    let now_ms = ctx.now_ms();
    let decisions = team.partners.iter().flat_map(|part| {
        part.decisions.iter().map(move |it| Deciding {
            name: format!("{}, {}", it.lead.lead.name, it.lead.lead.company),
            href: format!("/desk/leads/{}", it.lead.lead.id),
            hand_on: format!("/desk/leads/{}/hand-on", it.lead.lead.id),
            who: format!(
                "{}: turned down by {}, with {} until it is decided",
                part.partner.name, it.by, it.lead.rep_name
            ),
            why: it.why.clone(),
            clock: it.clock.as_ref().map(|clock| Running::of(clock, rep.zone, now_ms)),
        })
    });
    View {
        decisions: decisions.collect(),
        shown,
        who: format!("{}, {}", rep.name, rep.company),
        all: Figures::of(&team.record),
        rejected: reasons(
            team.rejected.iter().map(|(reason, count)| (reason.label(), reason.class().label(), *count)),
        ),
        closed: reasons(team.closed.iter().map(|(reason, count)| (reason.label(), "", *count))),
        partners: team
            .partners
            .into_iter()
            .filter(|part| with_somebody(&part))
            .filter(|part| asked.partner.is_empty() || part.partner.slug.as_str() == asked.partner)
            .map(|part| partner(ctx, part, asked))
            .collect(),
    }
}

fn reasons<'a>(all: impl Iterator<Item = (&'a str, &'a str, u32)>) -> Vec<Reason> {
    let all: Vec<_> = all.collect();
    let most = all.iter().map(|(_, _, count)| i64::from(*count)).max().unwrap_or(0);
    let line = |(label, class, count): (&str, &str, u32)| Reason {
        label: label.to_owned(),
        class: class.to_owned(),
        bar: Bar::single("brand", format!("{count} times"), i64::from(count), most),
        count,
    };
    all.into_iter().map(line).collect()
}

fn partner(ctx: &Context, part: PartnerTeam, asked: &Asked) -> Part {
    let mut all = Record::default();
    part.reps.iter().for_each(|rep| all.merge(&rep.record));
    let most = part.reps.iter().map(|rep| i64::from(rep.record.offered)).max().unwrap_or(0);
    let now_ms = ctx.now_ms();
    Part {
        name: part.partner.name,
        figures: Figures::of(&all),
        reps: part
            .reps
            .into_iter()
            .map(|one| RepLine {
                live: in_hand(one.offered, one.holds),
                share: Bar::single(
                    "brand",
                    format!("{} offers", one.record.offered),
                    i64::from(one.record.offered),
                    most,
                ),
                figures: Figures::of(&one.record),
                name: one.name,
            })
            .collect(),
        leads: part
            .leads
            .into_iter()
            .filter(|(one, clock)| asked.shows(one, clock.as_ref(), now_ms))
            .map(|(one, clock)| LeadLine {
                name: format!("{}, {}", one.lead.name, one.lead.company),
                href: format!("/desk/leads/{}", one.lead.id),
                stage: lead::standing(&one.lead),
                rep: has(&one.rep_name, &one.purpose, one.answer.is_some()),
                clock: clock.map(|clock| Left {
                    badge: lead::left_badge(clock.started_ms, clock.due_ms, now_ms),
                    label: SlaKind::parse(&clock.kind).map_or("", SlaKind::label).to_owned(),
                }),
            })
            .collect(),
    }
}

#[cfg(test)]
impl View {
    /// One partner with one rep and one lead.
    pub fn sample() -> Self {
        use crate::domain::lead::{RejectReason, record::Ending};
        let mut record = Record::default();
        for minutes in [12, 40, 185] {
            record.add(Some(Ending::Accepted), minutes);
        }
        record.add(Some(Ending::Rejected), 300);
        let figures = Figures::of(&record);
        let reason = RejectReason::NoCapacity;
        Self {
            who: "Tom Beckett, Brackenfold".into(),
            decisions: vec![Deciding {
                name: "Ana Ruiz, Harbor Clinic Group".into(),
                href: "#".into(),
                hand_on: "#".into(),
                who: "Northlight MSP: turned down by Luis Ortega, with Tom Beckett until it is decided"
                    .into(),
                why: "The contact data is wrong or incomplete: the number is not in use".into(),
                clock: Some(Running::sample()),
            }],
            shown: Shown {
                partners: vec![Choice::new("", "All partners")],
                states: vec![Choice::new("", "All leads"), Choice::new("late", "Late")],
                ..Shown::default()
            },
            all: figures.clone(),
            rejected: reasons([(reason.label(), reason.class().label(), 1)].into_iter()),
            closed: reasons([("Not now", "", 2)].into_iter()),
            partners: vec![Part {
                name: "Northlight MSP".into(),
                figures: figures.clone(),
                reps: vec![RepLine {
                    name: "Luis Ortega".into(),
                    live: in_hand(1, 1),
                    share: Bar::single("brand", "4 offers".into(), 4, 4),
                    figures,
                }],
                leads: vec![LeadLine {
                    name: "Ana Ruiz, Harbor Clinic Group".into(),
                    href: "#".into(),
                    stage: lead::stage("sal"),
                    rep: has("Luis Ortega", "work", true),
                    clock: Some(Left {
                        badge: Badge::new("", "58 min left"),
                        label: SlaKind::FirstContact.label().into(),
                    }),
                }],
            }],
        }
    }
}
