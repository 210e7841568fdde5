//! What is promised next, what is on its way, and how people answer.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::Serialize;

use super::{
    alarms::{self, Alarm},
    asset_title, delivery_bar, issue_badge, world,
};
use crate::{
    domain::{kernel::Result, lead::LeadStage, program::PromiseVerdict},
    store::{events, issues, leads, promises::Promise},
    web::{
        error::Problem,
        frame::{self, Area, Frame},
        respond::{self, Answer, Live},
        view::{
            authored,
            chart::{Badge, Bar},
            counted, lead,
            when::{Moment, ago},
            world::World,
        },
    },
    work::{
        Context,
        kept::{self, Occurrence},
        upcoming::Upcoming,
    },
};

/// Issues listed.
const ISSUES_MAX: usize = 12;
/// Events listed.
const EVENTS_MAX: usize = 8;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The zone of the times.
    pub zone: String,
    /// What somebody should look at now.
    pub alarms: Vec<Alarm>,
    /// Figures.
    pub tiles: Vec<Tile>,
    /// The issue on its way.
    pub running: Option<Running>,
    /// The latest.
    pub issues: Vec<IssueLine>,
    /// Promises ahead.
    pub upcoming: Vec<Ahead>,
    /// `12 leads`
    pub leads_total: String,
    /// Leads by stage.
    pub pipeline: Vec<StageLine>,
    /// People and machines.
    pub engagement: Engagement,
    /// The latest.
    pub events: Vec<EventLine>,
}

/// A figure.
#[derive(Debug, Serialize)]
pub struct Tile {
    /// Over it.
    pub label: &'static str,
    /// The figure.
    pub value: String,
    /// Under it.
    pub text: String,
    /// The same, drawn.
    pub bar: Option<Bar>,
}

/// The issue on its way.
#[derive(Debug, Serialize)]
pub struct Running {
    /// Its page.
    pub href: String,
    /// Its subject.
    pub title: String,
    /// How it stands.
    pub badge: Badge,
    /// Deliveries by state.
    pub bar: Bar,
    /// Promises by zone.
    pub world: World,
}

/// A line of the issues.
#[derive(Debug, Serialize)]
pub struct IssueLine {
    /// Its page.
    pub href: String,
    /// Its subject.
    pub title: String,
    /// The newsletter's title.
    pub newsletter: String,
    /// Promised for.
    pub date: String,
    /// How it stands.
    pub badge: Badge,
    /// `35 of 36`
    pub kept: String,
    /// The same, drawn.
    pub bar: Option<Bar>,
}

/// A promise ahead.
#[derive(Debug, Serialize)]
pub struct Ahead {
    /// `Feb`
    pub month: String,
    /// `9`
    pub day: String,
    /// The newsletter.
    pub title: String,
    /// Who would get it.
    pub href: String,
    /// Cadence and plan.
    pub text: String,
    /// What stands in the way.
    pub warning: Option<String>,
    /// What clock changes and the calendar's rules do to it.
    pub notes: Vec<String>,
}

/// A stage with its leads.
#[derive(Debug, Serialize)]
pub struct StageLine {
    /// Its name.
    pub label: &'static str,
    /// How many.
    pub count: i64,
    /// The same, drawn.
    pub bar: Bar,
}

/// People and machines among the latest events.
#[derive(Debug, Serialize)]
pub struct Engagement {
    /// How many events.
    pub total: usize,
    /// By whom.
    pub bar: Bar,
}

/// An event.
#[derive(Debug, Serialize)]
pub struct EventLine {
    /// What.
    pub text: String,
    /// Whether a machine did it.
    pub badge: Option<Badge>,
    /// `3 min ago`
    pub at: String,
}

/// `GET /console`
pub async fn page(State(ctx): State<Arc<Context>>) -> Answer {
    let frame = Frame::new(&ctx, Area::Console, "Overview", "/console").live("/console/live.json", 2_000);
    respond::page(&ctx, "console/overview", &frame, &view(&ctx).await?)
}

/// `GET /console/live.json`
pub async fn live(State(ctx): State<Arc<Context>>) -> Result<Response, Problem> {
    let frame = Frame::new(&ctx, Area::Console, "Overview", "/console");
    let mut live = Live::new(&ctx, &frame)?;
    live.add(&ctx, "overview", "console/overview_live", &frame, &view(&ctx).await?)?;
    Ok(live.into_response())
}

async fn view(ctx: &Context) -> Result<View> {
    let (_, zone) = frame::vendor(ctx);
    let figures = ctx.figures.overview(ctx).await?;
    let all = &figures.issues;
    let on_its_way =
        all.iter().find(|issue| matches!(issue.state.as_str(), "sending" | "approved" | "frozen"));
    let running = match on_its_way {
        Some(issue) => Some(Running {
            href: format!("/console/issues/{}", issue.id),
            title: issue.title.clone(),
            badge: issue_badge(issue),
            bar: delivery_bar(ctx, &issue.id).await?,
            world: world(ctx, issue).await?,
        }),
        None => None,
    };
    // The ledger's, which also has the dates that no issue kept; and of those that are not over, what is due by now.
    let over: Vec<&Occurrence> = figures.kept.iter().filter(|occurrence| counts(occurrence)).collect();
    let mut on_time: i64 = over.iter().map(|occurrence| occurrence.on_time).sum();
    let mut recipients: i64 = over.iter().map(|occurrence| occurrence.counted()).sum();
    let mut lines = Vec::new();
    for issue in all.iter().take(ISSUES_MAX) {
        let (line, due) = issue_line(ctx, issue).await?;
        lines.push(line);
        if !over.iter().any(|it| it.issue_id.as_deref() == Some(&issue.id)) {
            on_time += due.on_time;
            recipients += due.recipients;
        }
    }
    let (people, clocks, seen) = (&figures.leads, &figures.clocks, &figures.events);
    let human = i64::try_from(seen.iter().filter(|event| event.human).count()).unwrap_or(0);
    let machine = i64::try_from(seen.len()).unwrap_or(0) - human;
    let late = clocks.iter().filter(|clock| clock.due_ms < ctx.now_ms()).count();
    Ok(View {
        zone: zone.name().replace('_', " "),
        alarms: alarms::alarms(ctx, &figures),
        tiles: vec![
            Tile {
                label: "Promises kept",
                value: if recipients == 0 { "–".to_owned() } else { format!("{on_time} of {recipients}") },
                text: kept_words(&figures.kept),
                bar: (recipients > 0).then(|| kept_bar(on_time, recipients)),
            },
            Tile {
                label: "In the queue",
                value: figures.unfinished.to_string(),
                text: "deliveries not in a final state".to_owned(),
                bar: None,
            },
            Tile {
                label: "Leads",
                value: people.len().to_string(),
                text: counted(
                    people.iter().filter(|lead| lead.owner_name.is_some()).count(),
                    "has an owner",
                    "have an owner",
                ),
                bar: None,
            },
            Tile {
                label: "Clocks running",
                value: clocks.len().to_string(),
                text: if late == 0 {
                    "none is late".to_owned()
                } else {
                    counted(late, "is late", "are late")
                },
                bar: None,
            },
        ],
        running,
        issues: lines,
        upcoming: upcoming(&figures.upcoming, zone),
        leads_total: counted(people.len(), "lead", "leads"),
        pipeline: pipeline(people),
        engagement: Engagement {
            total: seen.len(),
            bar: Bar::of(&[("brand", "by people", human), ("", "by machines", machine)]),
        },
        events: seen.iter().take(EVENTS_MAX).map(|event| event_line(ctx, event)).collect(),
    })
}

/// An event for a short list.
pub fn event_line(ctx: &Context, event: &events::Event) -> EventLine {
    let title = event.asset.as_deref().and_then(|asset| asset_title(ctx, asset));
    EventLine {
        text: lead::phrase(event, title),
        badge: (!event.human).then(|| Badge::new("", "machine")),
        at: ago(event.at_ms, ctx.now_ms()),
    }
}

/// What the figure counts: `mails due in 90 days, accepted within 15 minutes`.
fn kept_words(kept: &[Occurrence]) -> String {
    let within = kept::within(kept).unwrap_or_else(|| "in time".to_owned());
    format!("mails due in {} days, accepted {within}", kept::LATELY_DAYS)
}

/// Whether a date is over, and was not skipped by rule, which counts neither way.
fn counts(occurrence: &Occurrence) -> bool {
    occurrence.verdict().is_some_and(|verdict| verdict != PromiseVerdict::Skipped)
}

/// Mails of an issue whose time is over: how many were accepted in it, and how many there are.
#[derive(Debug, Clone, Copy, Default)]
struct Due {
    on_time: i64,
    recipients: i64,
}

fn kept_bar(on_time: i64, due: i64) -> Bar {
    Bar::of(&[("good", "on time", on_time), ("warn", "late or not yet", due - on_time)])
}

/// The line, and what is over by now.
async fn issue_line(ctx: &Context, issue: &issues::Issue) -> Result<(IssueLine, Due)> {
    let promises = ctx.figures.promises(ctx, issue).await?;
    let now_ms = ctx.now_ms();
    let sum = |from: &dyn Fn(&Promise) -> bool| {
        promises.iter().filter(|promise| from(promise)).fold(Due::default(), |due, promise| Due {
            on_time: due.on_time + promise.on_time,
            recipients: due.recipients + promise.recipients,
        })
    };
    // What is not due yet is neither kept nor broken; what is due and may still be in time is said, and counted later.
    let begun = sum(&|promise| promise.due_ms <= now_ms);
    let due = sum(&|promise| promise.due_ms + issue.on_time_ms < now_ms);
    let all: i64 = promises.iter().map(|promise| promise.recipients).sum();
    let so_far = if all > due.recipients { " so far" } else { "" };
    let line = IssueLine {
        href: format!("/console/issues/{}", issue.id),
        title: issue.title.clone(),
        newsletter: asset_title(ctx, &format!("newsletters/{}", issue.newsletter))
            .unwrap_or_else(|| issue.newsletter.clone()),
        date: issue.nominal_date.clone(),
        badge: issue_badge(issue),
        kept: match begun.recipients {
            // Of an issue that everybody was left out of nothing is ever due.
            0 if promises.is_empty() && issue.state == "done" => "went to nobody".to_owned(),
            0 => "not due yet".to_owned(),
            recipients => format!("{} of {recipients}{so_far}", begun.on_time),
        },
        bar: (begun.recipients > 0).then(|| kept_bar(begun.on_time, begun.recipients)),
    };
    Ok((line, due))
}

fn upcoming(ahead: &[Upcoming], zone: Tz) -> Vec<Ahead> {
    let ahead = ahead.iter().take(6).cloned().map(|promise| {
        let date = chrono::NaiveDate::parse_from_str(&promise.nominal_date, "%Y-%m-%d").ok();
        let part = |format: &str| date.map(|date| date.format(format).to_string()).unwrap_or_default();
        let plan = promise.plan.as_deref().map_or_else(|| "nothing written yet".to_owned(), authored);
        Ahead {
            month: part("%b"),
            day: part("%-d"),
            href: format!("/console/audience/{}/{}", promise.newsletter, promise.nominal_date),
            title: promise.title,
            text: if promise.skipped {
                format!("{} · {plan}", promise.cadence)
            } else {
                let first = Moment::short(promise.first_due_ms, zone).text;
                let when = match promise.zones {
                    0 | 1 => format!("leaves {first}"),
                    many => format!("leaves from {first} in {many} zones"),
                };
                format!("{} · {plan} · {when}", promise.cadence)
            },
            warning: promise.warning,
            notes: promise.notes,
        }
    });
    ahead.collect()
}

fn pipeline(people: &[leads::Lead]) -> Vec<StageLine> {
    let count = |stage: LeadStage| people.iter().filter(|lead| lead.stage == stage.as_str()).count();
    let counts: Vec<(LeadStage, i64)> = LeadStage::ALL
        .iter()
        .map(|stage| (*stage, i64::try_from(count(*stage)).unwrap_or(0)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts
        .into_iter()
        .map(|(stage, count)| StageLine {
            label: stage.label(),
            count,
            bar: Bar::single("brand", format!("{count} of {}", people.len()), count, most),
        })
        .collect()
}

#[cfg(test)]
impl View {
    /// While the January issue goes around the world.
    pub fn sample() -> Self {
        let stage = |stage: LeadStage, count| StageLine {
            label: stage.label(),
            count,
            bar: Bar::single("brand", count.to_string(), count, 9),
        };
        let event = |text: &str, machine: bool, at: &str| EventLine {
            text: text.into(),
            badge: machine.then(|| Badge::new("", "machine")),
            at: at.into(),
        };
        let issue = |title: &str, date: &str, badge, kept: i64, of: i64| IssueLine {
            href: "#".into(),
            title: title.into(),
            newsletter: "Fold Forward".into(),
            date: date.into(),
            badge,
            kept: format!("{kept} of {of}"),
            bar: Some(kept_bar(kept, of)),
        };
        Self {
            zone: "Europe/Oslo".into(),
            alarms: vec![Alarm {
                title: "The content folder has 1 error".into(),
                text: "Nothing new of it is taken until that is mended; the content before it is in use.".into(),
                href: "/console/content".into(),
            }],
            tiles: vec![
                Tile { label: "Promises kept", value: "16 of 17".into(), text: "mails due in 90 days, accepted within 15 minutes".into(), bar: Some(kept_bar(16, 17)) },
                Tile { label: "In the queue", value: "17".into(), text: "deliveries not in a final state".into(), bar: None },
                Tile { label: "Leads", value: "12".into(), text: "9 have an owner".into(), bar: None },
                Tile { label: "Clocks running", value: "3".into(), text: "none is late".into(), bar: None },
            ],
            running: Some(Running {
                href: "#".into(),
                title: "Restores, not backups: your part in January".into(),
                badge: Badge::new("brand", "on its way"),
                bar: Bar::of(&[("good", "accepted", 17), ("brand", "sending", 2), ("", "ready", 15)]),
                world: World::sample(),
            }),
            issues: vec![
                issue("Restores, not backups: your part in January", "2027-01-12", Badge::new("brand", "on its way"), 16, 17),
                issue("A quiet December, and what to check", "2026-12-08", Badge::new("good", "done"), 33, 33),
            ],
            upcoming: vec![
                Ahead { month: "Feb".into(), day: "9".into(), title: "Fold Forward".into(), href: "#".into(), text: "second Tuesday at 09:00 · The first 24 hours · leaves from Mon 8 Feb, 23:30 in 11 zones".into(), warning: None, notes: vec!["Year-end freeze: moved from Mon 2027-12-20 09:00 to Mon 2028-01-03 09:00".into()] },
                Ahead { month: "Apr".into(), day: "13".into(), title: "Fold Forward".into(), href: "#".into(), text: "second Tuesday at 09:00".into(), warning: Some("promised, and nothing is written for it yet".into()), notes: Vec::new() },
            ],
            leads_total: "12 leads".into(),
            pipeline: vec![stage(LeadStage::Inquiry, 3), stage(LeadStage::Offered, 1), stage(LeadStage::Sal, 6), stage(LeadStage::Won, 2)],
            engagement: Engagement { total: 46, bar: Bar::of(&[("brand", "by people", 31), ("", "by machines", 15)]) },
            events: vec![event("followed a link: Proof of Recovery", false, "2 min ago"), event("followed a link: Live restore in 20 minutes", true, "4 min ago")],
        }
    }
}
