//! How the partners that somebody looks after work their leads.

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap};
use serde::Serialize;

use super::rep;
use crate::{
    domain::{
        kernel::Error,
        lead::record::{ACCEPTANCE_TARGET_PERCENT, Record},
    },
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{
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
    /// All partners together.
    pub all: Figures,
    /// Each partner.
    pub partners: Vec<Part>,
    /// Why leads were turned down.
    pub rejected: Vec<Reason>,
    /// Why they were closed or lost.
    pub closed: Vec<Reason>,
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

/// `25 min`, `3 h 5 min`.
fn working_time(minutes: u32) -> String {
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
    /// `3 in hand`
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
    /// Who has it.
    pub rep: String,
    /// The clock.
    pub clock: Option<Running>,
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
pub async fn page(State(ctx): State<Arc<Context>>, headers: HeaderMap) -> Answer {
    let rep = rep(&ctx, &headers).await?.ok_or_else(|| Error::denied("no desk is open in this browser"))?;
    if rep.manages == crate::work::desk::Manages::Nobody {
        return Err(Error::denied("this page is for those who look after partners").into());
    }
    let team = team::team(&ctx, |partner| rep.looks_after(partner)).await?;
    let view = view(&ctx, &rep, team);
    respond::page(
        &ctx,
        "desk/team",
        &Frame::new(&ctx, Area::Desk, "Your partners' leads", "/desk/team"),
        &view,
    )
}

fn view(ctx: &Context, rep: &Rep, team: Team) -> View {
    View {
        who: format!("{}, {}", rep.name, rep.company),
        all: Figures::of(&team.record),
        rejected: reasons(
            team.rejected.iter().map(|(reason, count)| (reason.label(), reason.class().label(), *count)),
        ),
        closed: reasons(team.closed.iter().map(|(reason, count)| (reason.label(), "", *count))),
        partners: team
            .partners
            .into_iter()
            .filter(|part| !part.reps.is_empty() || !part.leads.is_empty())
            .map(|part| partner(ctx, rep, part))
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

fn partner(ctx: &Context, rep: &Rep, part: PartnerTeam) -> Part {
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
                live: format!("{} in hand", one.live),
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
            .map(|(lead, clock, has)| LeadLine {
                name: format!("{}, {}", lead.name, lead.company),
                href: format!("/desk/leads/{}", lead.id),
                stage: lead::stage(&lead.stage),
                rep: has,
                clock: clock.map(|clock| Running::of(&clock, rep.zone, now_ms)),
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
            all: figures.clone(),
            rejected: reasons([(reason.label(), reason.class().label(), 1)].into_iter()),
            closed: reasons([("Not now", "", 2)].into_iter()),
            partners: vec![Part {
                name: "Northlight MSP".into(),
                figures: figures.clone(),
                reps: vec![RepLine {
                    name: "Luis Ortega".into(),
                    live: "1 in hand".into(),
                    share: Bar::single("brand", "4 offers".into(), 4, 4),
                    figures,
                }],
                leads: vec![LeadLine {
                    name: "Ana Ruiz, Harbor Clinic Group".into(),
                    href: "#".into(),
                    stage: lead::stage("sal"),
                    rep: "Luis Ortega".into(),
                    clock: Some(Running::sample()),
                }],
            }],
        }
    }
}
