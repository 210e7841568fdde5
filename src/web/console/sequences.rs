//! Sequences: how many people are at which step, who they are, how they left.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::signin::Actor;
use crate::{
    domain::{
        kernel::{Result, id::EnrolmentId},
        program::sequence::LeaveReason,
    },
    store::{
        journeys::{self, Traveller},
        pauses::Pause,
    },
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{
            Fact, authored,
            chart::{Badge, Bar},
            counted,
            when::Moment,
        },
    },
    work::{
        Context,
        sequences::{self, Overview, StepView},
    },
};

/// Where the pages are.
const PATH: &str = "/console/sequences";

/// The list.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// By slug.
    pub sequences: Vec<Card>,
}

/// A sequence.
#[derive(Debug, Serialize)]
pub struct Card {
    /// Its page.
    pub href: String,
    /// Its title.
    pub title: String,
    /// `3 steps, for contacts`.
    pub text: String,
    /// Where its people are.
    pub bar: Bar,
    /// Why it rests, if it does.
    pub paused: Option<String>,
}

/// One sequence.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its title.
    pub title: String,
    /// `3 steps, for contacts`.
    pub text: String,
    /// What was just done.
    pub done: Option<&'static str>,
    /// Why it rests, if it does.
    pub paused: Option<String>,
    /// Whether a person paused it, and not what its mail met.
    pub is_by_hand: bool,
    /// Whether who looks may have it go on.
    pub may_resume: bool,
    /// Where the button that has it rest, or go on, leads.
    pub lever: String,
    /// Where its people are.
    pub bar: Bar,
    /// Its steps, in order.
    pub steps: Vec<StepLine>,
    /// Why people left.
    pub exits: Vec<Fact>,
    /// Who is inside.
    pub inside: Vec<Person>,
    /// `the next 200 of 512`, where not all are shown.
    pub inside_text: String,
    /// Who finished or left, the latest first.
    pub ended: Vec<Person>,
    /// What somebody of them had, step by step.
    pub path: Option<Journey>,
}

/// What somebody had of a sequence.
#[derive(Debug, Serialize)]
pub struct Journey {
    /// Their name.
    pub name: String,
    /// Their page, where they have one of their own.
    pub href: Option<String>,
    /// In order.
    pub steps: Vec<HadLine>,
    /// What comes next.
    pub next: Option<NextLine>,
}

/// The step that somebody waits for.
#[derive(Debug, Serialize)]
pub struct NextLine {
    /// Its subject.
    pub title: String,
    /// When it is due.
    pub at: Moment,
    /// What stands in the way.
    pub detail: String,
}

/// A step that somebody had.
#[derive(Debug, Serialize)]
pub struct HadLine {
    /// Its subject.
    pub title: String,
    /// Sent or passed over.
    pub badge: Badge,
    /// When.
    pub at: Moment,
    /// Why it was passed over.
    pub because: String,
}

/// A step.
#[derive(Debug, Serialize)]
pub struct StepLine {
    /// Its subject.
    pub title: String,
    /// Its name.
    pub id: String,
    /// Its message.
    pub href: Option<String>,
    /// When it comes, and to whom.
    pub text: String,
    /// `12 wait`.
    pub badge: Badge,
    /// `43 came here: sent to 40, left out for 3`.
    pub counts: String,
    /// The same, drawn against the step that most came to.
    pub bar: Bar,
}

/// Somebody.
#[derive(Debug, Serialize)]
pub struct Person {
    /// What they had.
    pub href: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their partner.
    pub partner: String,
    /// The step that comes next, or how it ended.
    pub badge: Badge,
    /// When it is due, or ended.
    pub at: Moment,
    /// Why they wait, or left.
    pub detail: String,
    /// Where the button that takes them out leads.
    pub out: Option<String>,
}

/// `GET /console/sequences`
pub async fn list(State(ctx): State<Arc<Context>>) -> Answer {
    let all = sequences::overviews(&ctx).await?;
    let view = ListView {
        sequences: all
            .into_iter()
            .map(|one| Card {
                href: format!("{PATH}/{}", one.slug),
                title: authored(&one.title),
                text: text(&one),
                bar: bar(&one),
                paused: one.rests(),
            })
            .collect(),
    };
    respond::page(&ctx, "console/sequences", &Frame::new(&ctx, Area::Console, "Sequences", PATH), &view)
}

/// What was just done, in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    done: Option<String>,
    who: Option<String>,
}

/// `GET /console/sequences/{slug}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(slug): Path<String>,
    Query(after): Query<After>,
    Actor(actor): Actor,
) -> Answer {
    let one = sequences::overview(&ctx, &slug).await?;
    let people = sequences::travellers(&ctx, &slug).await?;
    let (_, zone) = frame::vendor(&ctx);
    let shown = people.inside.len();
    let path = match &after.who {
        Some(who) => journey(&ctx, &slug, who, people.inside.iter().chain(&people.ended), zone).await?,
        None => None,
    };
    let most = one.steps.iter().map(came).max().unwrap_or(0);
    let view = View {
        text: text(&one),
        done: match after.done.as_deref() {
            Some("out") => Some("They are out, and get no more of it."),
            Some("paused") => Some("It is paused: nobody takes a step, and nothing is lost."),
            Some("resumed") => Some("It goes on."),
            Some("same") => Some("They were not inside any more; nothing changed."),
            _ => None,
        },
        paused: one.rests(),
        is_by_hand: one.paused.as_ref().is_some_and(Pause::is_by_hand),
        may_resume: one.paused.as_ref().is_some_and(|pause| sequences::may_resume(&ctx, &actor, pause)),
        lever: format!("{PATH}/{slug}/{}", if one.paused.is_some() { "resume" } else { "pause" }),
        bar: bar(&one),
        exits: one.exits.iter().map(|exit| Fact::new(&exit.label, exit.people.to_string())).collect(),
        inside_text: if usize::try_from(one.inside).unwrap_or(shown) > shown {
            format!("the next {shown} of {}", one.inside)
        } else {
            counted(shown, "person", "people")
        },
        steps: one.steps.iter().map(|step| step_line(&ctx, &slug, step, most)).collect(),
        path,
        inside: people.inside.into_iter().map(|who| inside(&slug, who, zone)).collect(),
        ended: people.ended.into_iter().map(|who| ended(&slug, who, zone)).collect(),
        title: authored(&one.title),
    };
    respond::page(&ctx, "console/sequence", &Frame::new(&ctx, Area::Console, &view.title, PATH), &view)
}

/// `POST /console/sequences/{slug}/people/{enrolment}/out`
pub async fn take_out(
    State(ctx): State<Arc<Context>>,
    Path((slug, id)): Path<(String, String)>,
    Actor(actor): Actor,
) -> Answer {
    let done = sequences::take_out(&ctx, EnrolmentId::parse(&id)?, &actor).await?;
    Ok(respond::see_other(&format!("{PATH}/{slug}?done={}", if done { "out" } else { "same" })))
}

/// `POST /console/sequences/{slug}/pause`
pub async fn pause(State(ctx): State<Arc<Context>>, Path(slug): Path<String>, Actor(actor): Actor) -> Answer {
    sequences::pause(&ctx, &slug, &actor).await?;
    Ok(respond::see_other(&format!("{PATH}/{slug}?done=paused")))
}

/// `POST /console/sequences/{slug}/resume`
pub async fn resume(
    State(ctx): State<Arc<Context>>,
    Path(slug): Path<String>,
    Actor(actor): Actor,
) -> Answer {
    sequences::resume(&ctx, &slug, &actor).await?;
    Ok(respond::see_other(&format!("{PATH}/{slug}?done=resumed")))
}

fn text(one: &Overview) -> String {
    let steps = one.steps.iter().filter(|step| !step.is_gone).count();
    match one.who {
        Some(who) => format!("{}, for {who}", counted(steps, "step", "steps")),
        None => "It is gone from the content.".to_owned(),
    }
}

fn bar(one: &Overview) -> Bar {
    let left = one.exits.iter().map(|exit| exit.people).sum();
    Bar::of(&[("brand", "inside", one.inside), ("good", "finished", one.finished), ("", "left", left)])
}

/// How many came to a step, whatever became of it there.
fn came(step: &StepView) -> i64 {
    step.sent + step.skipped + step.waiting
}

/// The subject of a step's message; its name where it has none any more.
fn subject(ctx: &Context, slug: &str, step: &str) -> String {
    let library = ctx.library();
    let message = library.versions(&format!("sequences/{slug}/{step}")).first();
    let Some((asset, letter)) = message.and_then(|asset| Some((asset, asset.detail.letter()?))) else {
        return step.to_owned();
    };
    // Where partners' names stand in it, it has holes.
    let is_whole = letter.subject.fields().next().is_none();
    authored(if is_whole { letter.subject.as_str() } else { asset.front.title.as_str() })
}

/// What somebody among `known` had; none for a key of nobody's.
async fn journey(
    ctx: &Context,
    slug: &str,
    id: &str,
    mut known: impl Iterator<Item = &Traveller>,
    zone: Tz,
) -> Result<Option<Journey>> {
    let Some(who) = known.find(|who| who.id == id) else { return Ok(None) };
    let steps = journeys::path(&ctx.db, slug, id).await?.into_iter().map(|had| HadLine {
        title: subject(ctx, slug, &had.step),
        badge: if had.outcome == "sent" { Badge::new("good", "sent") } else { Badge::new("", "left out") },
        at: Moment::full(had.at_ms, zone),
        because: had.because,
    });
    let next = who.waiting.as_deref().filter(|_| who.ended_ms.is_none()).map(|step| NextLine {
        title: subject(ctx, slug, step),
        at: Moment::full(who.due_ms, zone),
        detail: who.detail.clone(),
    });
    let href = who.is_lead.then(|| format!("/console/leads/{}", who.person));
    Ok(Some(Journey { name: who.name.clone(), href, steps: steps.collect(), next }))
}

fn step_line(ctx: &Context, slug: &str, step: &StepView, most: i64) -> StepLine {
    let mut parts = vec![step.when.clone()];
    parts.extend(step.condition.clone());
    if step.is_gone {
        parts = vec!["It is gone from the sequence.".to_owned()];
    }
    let people = |count: i64| counted(usize::try_from(count).unwrap_or(0), "person", "people");
    let mut counts = match came(step) {
        0 => "Nobody came here yet".to_owned(),
        many => format!("{} came here: sent to {}", people(many), step.sent),
    };
    if step.skipped > 0 {
        counts.push_str(&format!(", left out for {}", step.skipped));
    }
    StepLine {
        title: subject(ctx, slug, &step.id),
        bar: Bar::within(
            &[
                ("good", "sent", step.sent),
                ("warn", "left out", step.skipped),
                ("brand", "waiting", step.waiting),
            ],
            most,
        ),
        id: step.id.clone(),
        href: (!step.is_gone).then(|| format!("/console/content/sequences/{slug}/{}", step.id)),
        text: parts.join(", "),
        badge: Badge::new(if step.waiting > 0 { "brand" } else { "" }, format!("{} waiting", step.waiting)),
        counts,
    }
}

fn inside(slug: &str, who: Traveller, zone: Tz) -> Person {
    let tone = if who.detail.is_empty() { "" } else { "warn" };
    Person {
        badge: Badge::new(tone, who.waiting.clone().unwrap_or_default()),
        at: Moment::full(who.due_ms, zone),
        out: Some(format!("{PATH}/{slug}/people/{}/out", who.id)),
        ..person(slug, who)
    }
}

fn ended(slug: &str, who: Traveller, zone: Tz) -> Person {
    let reason = LeaveReason::parse(&who.reason);
    let word = reason.map_or("finished", LeaveReason::label);
    Person {
        badge: Badge::new(if reason.is_none() { "good" } else { "" }, word),
        at: Moment::full(who.ended_ms.unwrap_or(who.due_ms), zone),
        ..person(slug, who)
    }
}

fn person(slug: &str, who: Traveller) -> Person {
    Person {
        href: format!("{PATH}/{slug}?who={}#path", who.id),
        name: who.name,
        email: who.email,
        partner: who.partner_slug,
        badge: Badge::new("", ""),
        at: Moment::full(who.due_ms, Tz::UTC),
        detail: who.detail,
        out: None,
    }
}

#[cfg(test)]
impl ListView {
    /// One of two.
    pub fn sample() -> Self {
        let card = |title: &str, inside| Card {
            href: "#".into(),
            title: title.into(),
            text: "3 steps, for contacts".into(),
            bar: Bar::of(&[("brand", "inside", inside), ("good", "finished", 40), ("", "left", 3)]),
            paused: (inside == 0).then(|| "paused by rosa@brackenfold.example".into()),
        };
        Self { sequences: vec![card("Welcome to Brackenfold", 12), card("After the paper", 0)] }
    }
}

#[cfg(test)]
impl View {
    /// A welcome on its way.
    pub fn sample() -> Self {
        let at = || Moment::full(1_799_766_000_000, chrono_tz::Europe::Oslo);
        let step = |id: &str, waiting: i64| StepLine {
            title: "Welcome: your first restore".into(),
            bar: Bar::within(
                &[("good", "sent", 40), ("warn", "left out", 3), ("brand", "waiting", waiting)],
                60,
            ),
            id: id.into(),
            href: Some("#".into()),
            text: "after 6 days at 09:00, if they followed a link in hello".into(),
            badge: Badge::new("brand", format!("{waiting} waiting")),
            counts: "47 people came here: sent to 40, left out for 3".into(),
        };
        let person = |name: &str, badge: Badge, detail: &str, out: Option<&str>| Person {
            href: "#path".into(),
            name: name.into(),
            email: "dana.whitlock@northlight.example".into(),
            partner: "northlight".into(),
            badge,
            at: at(),
            detail: detail.into(),
            out: out.map(str::to_owned),
        };
        Self {
            title: "Welcome to Brackenfold".into(),
            text: "3 steps, for contacts".into(),
            done: Some("They are out, and get no more of it."),
            paused: Some(
                "paused because 20 messages in a row were refused for a reason that lies with us: 550 5.7.26 not \
                 authenticated"
                    .into(),
            ),
            is_by_hand: false,
            may_resume: true,
            lever: "#".into(),
            bar: Bar::of(&[("brand", "inside", 12), ("good", "finished", 40), ("", "left", 3)]),
            steps: vec![step("hello", 4), step("one-restore", 8)],
            exits: vec![Fact::new("unsubscribed", "2"), Fact::new("a partner works the lead", "1")],
            inside: vec![
                person("Dana Whitlock", Badge::new("", "hello"), "", Some("#")),
                person(
                    "Mei Tran",
                    Badge::new("warn", "one-restore"),
                    "no value for `partner.phone`",
                    Some("#"),
                ),
            ],
            inside_text: "the next 200 of 512".into(),
            ended: vec![person("Luis Ortega", Badge::new("", "unsubscribed"), "they unsubscribed", None)],
            path: Some(Journey {
                name: "Dana Whitlock".into(),
                href: None,
                steps: vec![HadLine {
                    title: "Welcome".into(),
                    badge: Badge::new("good", "sent"),
                    at: at(),
                    because: String::new(),
                }],
                next: Some(NextLine { title: "Your first restore".into(), at: at(), detail: String::new() }),
            }),
        }
    }
}
