//! The first thing a visitor sees: the whole way from an issue to a lead with an owner, live.

use super::readers::{MailCard, mail_cards};
use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::Mail;
use crate::{
    domain::{
        content::AssetKind,
        kernel::Result,
        partner::{Partner, contact::first_name},
    },
    store::{
        events::{self, Event},
        issues::{self, Issue},
        lead_clocks,
        leads::{self, Lead},
        offers::{self, Offer},
        partners,
    },
    web::{
        console::{
            self,
            overview::{EventLine, event_line},
        },
        error::Problem,
        frame::{self, Area, Frame},
        respond::{self, Answer, Live},
        view::{
            chart::Badge,
            clock::Running,
            when::{Moment, ago},
            world::World,
        },
    },
    work::{Context, upcoming},
};

/// The partner whose readers the story follows, where it is there.
const FOLLOWED: &str = "northlight";
/// Mails looked through for the two readers'.
const READ_MAX: usize = 2_000;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The vendor.
    pub vendor: String,
    /// How many partners.
    pub partners: usize,
    /// The promise around the world.
    pub world: World,
    /// The two readers' mails.
    pub mails: Vec<MailCard>,
    /// Six.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Serialize)]
pub struct Step {
    /// 1 to 6.
    pub no: u8,
    /// For the line at the top.
    pub short: &'static str,
    /// Title.
    pub title: String,
    /// What happens, and what to do.
    pub text: String,
    /// `done`, `now`, or `later`.
    pub state: &'static str,
    /// The same for people.
    pub badge: Badge,
    /// What happened.
    pub events: Vec<EventLine>,
    /// The clock that runs.
    pub clock: Option<Running>,
    /// Where to go.
    pub actions: Vec<Action>,
}

/// A button.
#[derive(Debug, Serialize)]
pub struct Action {
    /// Its text.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// Whether it stands back.
    pub quiet: bool,
}

/// A part of a live page.
#[derive(Serialize)]
struct OneStep<'a> {
    step: &'a Step,
}

/// `GET /`
pub async fn page(State(ctx): State<Arc<Context>>, Extension(mail): Extension<Mail>) -> Answer {
    let frame = Frame::new(&ctx, Area::Demo, "The story", "/").live("/story.json", 1_000);
    respond::page(&ctx, "story/page", &frame, &view(&ctx, &mail).await?)
}

/// `GET /story.json`
pub async fn live(
    State(ctx): State<Arc<Context>>,
    Extension(mail): Extension<Mail>,
) -> Result<Response, Problem> {
    let frame = Frame::new(&ctx, Area::Demo, "The story", "/");
    let view = view(&ctx, &mail).await?;
    let mut live = Live::new(&ctx, &frame)?;
    for (id, name) in [("loop", "story/loop"), ("world", "story/world"), ("mails", "story/mails")] {
        live.add(&ctx, id, name, &frame, &view)?;
    }
    for step in &view.steps {
        live.put(&ctx, &format!("state-{}", step.no), "story/badge", &OneStep { step })?;
        if step.no > 2 {
            live.put(&ctx, &format!("live-{}", step.no), "story/live", &OneStep { step })?;
        }
    }
    Ok(live.into_response())
}

/// What the steps are made of.
struct Seen {
    partner: Option<Partner>,
    issue: Option<Issue>,
    events: Vec<Event>,
    lead: Option<Lead>,
    offer: Option<Offer>,
    clock: Option<Running>,
}

async fn view(ctx: &Context, Mail(mail): &Mail) -> Result<View> {
    let all = partners::all_partners(&ctx.db).await?;
    let (vendor, _) = frame::vendor(ctx);
    let issue = issues::recent(&ctx.db).await?.into_iter().find(|issue| issue.state != "cancelled");
    let partner = all.iter().find(|partner| partner.slug.as_str() == FOLLOWED).or(all.first()).cloned();
    let world = match &issue {
        Some(issue) => console::world(ctx, issue).await?,
        None => not_yet(ctx).await?,
    };
    let envelopes = mail.list(READ_MAX).await?;
    let mails = match &partner {
        Some(partner) => mail_cards(ctx, partner, &envelopes).await?,
        None => Vec::new(),
    };
    let seen = seen(ctx, partner, issue).await?;
    let mut steps = steps(ctx, &seen, &world, &mails);
    // The first that is not done is the one to do now.
    if let Some(next) = steps.iter_mut().find(|step| step.state != "done") {
        next.state = "now";
        if next.badge.tone.is_empty() {
            next.badge.tone = "brand";
        }
    }
    Ok(View { vendor, partners: all.len(), world, mails, steps })
}

/// Before anything is fixed: what is promised.
async fn not_yet(ctx: &Context) -> Result<World> {
    let (_, zone) = frame::vendor(ctx);
    let next = upcoming::upcoming(ctx, 1).await?.into_iter().next();
    let mut world = World::of("No issue is planned", &[], &Default::default(), zone, "", ctx.now_ms());
    world.says = "Write one under content/newsletters; it is sent at the promised time.".to_owned();
    if let Some(next) = next {
        world.title = format!("The next issue is promised for {}", next.nominal_date);
        world.says = format!(
            "Half an hour before {}, its content and its readers are frozen.",
            Moment::full(next.first_due_ms, zone).text
        );
    }
    Ok(world)
}

async fn seen(ctx: &Context, partner: Option<Partner>, issue: Option<Issue>) -> Result<Seen> {
    let lead = leads::recent(&ctx.db, None).await?.into_iter().next();
    let (mut offer, mut clock) = (None, None);
    if let Some(lead) = &lead {
        offer = offers::of_lead(&ctx.db, &lead.id).await?.into_iter().next();
        let zone = partners::partner(&ctx.db, &lead.partner_slug)
            .await?
            .map_or(chrono_tz::UTC, |partner| partner.zone);
        let clocks = lead_clocks::of_lead(&ctx.db, &lead.id).await?;
        clock = clocks
            .iter()
            .find(|clock| clock.stopped_ms.is_none())
            .map(|clock| Running::of(clock, zone, ctx.now_ms()));
    }
    Ok(Seen { partner, issue, events: events::recent(&ctx.db).await?, lead, offer, clock })
}

fn steps(ctx: &Context, seen: &Seen, world: &World, mails: &[MailCard]) -> Vec<Step> {
    let name = seen.partner.as_ref().map_or("a partner", |partner| partner.name.as_str());
    let slug = seen.partner.as_ref().map_or("", |partner| partner.slug.as_str());
    let of_kind = |kind: &str| -> Vec<EventLine> {
        seen.events
            .iter()
            .filter(|event| event.kind == kind)
            .take(3)
            .map(|event| event_line(ctx, event))
            .collect()
    };
    let (clicks, papers, hands) = (of_kind("click"), of_kind("whitepaper_form"), of_kind("talk_to_us"));
    let mut steps = vec![
        issue_step(seen, world),
        mails_step(mails),
        click_step(seen, mails, clicks),
        form_step(ctx, (name, slug), papers),
        hand_step((name, slug), hands),
        owner_step(ctx, seen),
    ];
    for (no, step) in (1..).zip(&mut steps) {
        step.no = no;
    }
    steps
}

fn step(
    short: &'static str,
    title: impl Into<String>,
    text: impl Into<String>,
    done: bool,
    badge: Badge,
) -> Step {
    let state = if done { "done" } else { "later" };
    Step {
        no: 0,
        short,
        title: title.into(),
        text: text.into(),
        state,
        badge: if done { Badge { tone: "good", ..badge } } else { badge },
        events: Vec::new(),
        clock: None,
        actions: Vec::new(),
    }
}

fn action(label: impl Into<String>, href: impl Into<String>, quiet: bool) -> Action {
    Action { label: label.into(), href: href.into(), quiet }
}

fn issue_step(seen: &Seen, world: &World) -> Step {
    let done = world.recipients > 0 && world.accepted == world.recipients;
    let badge = if world.recipients == 0 {
        Badge::new("", "getting ready")
    } else {
        Badge::new("", format!("{} of {} accepted", world.accepted, world.recipients))
    };
    let text = "Each partner gets it at 09:00 on their own clock, across every time zone. What has left, and what was \
                late, is on record for each reader.";
    let mut step = step("An issue leaves", "An issue goes around the world", text, done, badge);
    step.actions = seen
        .issue
        .iter()
        .map(|issue| action("See every promise and delivery", format!("/console/issues/{}", issue.id), true))
        .collect();
    step
}

fn mails_step(mails: &[MailCard]) -> Step {
    let here = mails.iter().filter(|mail| mail.href.is_some()).count();
    let done = here > 0 && here == mails.len();
    let badge = Badge::new(
        "",
        if done { "arrived".to_owned() } else { format!("{here} of {} arrived", mails.len()) },
    );
    let text = "The same issue in each partner’s colours: a sales rep gets questions to ask, an engineer elsewhere a schedule to run.";
    let mut step = step("Two readers", "Two readers, two mails", text, done, badge);
    step.actions = vec![action("All caught mail", "/inbox", true)];
    step
}

fn click_step(seen: &Seen, mails: &[MailCard], clicks: Vec<EventLine>) -> Step {
    let people = seen.events.iter().filter(|event| event.kind == "click" && event.human).count();
    let text = "Open a mail and press any button in it. People are told apart from the scanners that follow every link, \
                and only people count.";
    let badge =
        Badge::new("", if people == 0 { "your turn".to_owned() } else { format!("{people} by people") });
    let mut step = step("A click", "Somebody clicks", text, people > 0, badge);
    step.events = clicks;
    step.actions = mails
        .iter()
        .filter_map(|mail| {
            mail.href.clone().map(|href| action(format!("Open {}’s mail", mail.first_name), href, true))
        })
        .collect();
    step
}

fn form_step(ctx: &Context, (name, slug): (&str, &str), papers: Vec<EventLine>) -> Step {
    let library = ctx.library();
    let paper = library.by_kind(AssetKind::Whitepaper).max_by_key(|asset| {
        // The newest that is out already.
        asset.front.publish.filter(|day| *day <= crate::domain::kernel::clock::utc(ctx.now_ms()).date_naive())
    });
    let text = format!(
        "The whitepaper stands on a page in {name}’s name and colours. Be their customer: fill in the form, and read on."
    );
    let badge = Badge::new("", if papers.is_empty() { "your turn" } else { "filled in" });
    let mut step = step("A form", "A customer asks for the whitepaper", text, !papers.is_empty(), badge);
    step.events = papers;
    step.actions = paper
        .map(|paper| action(format!("Open {name}’s page"), format!("/p/{slug}/{}", paper.reference), false))
        .into_iter()
        .collect();
    step
}

fn hand_step((name, slug): (&str, &str), hands: Vec<EventLine>) -> Step {
    let text = "One sentence is enough. Asking to talk qualifies a lead at once, whatever the score says.";
    let badge = Badge::new("", if hands.is_empty() { "your turn" } else { "asked" });
    let mut step = step("A hand goes up", "The customer wants to talk", text, !hands.is_empty(), badge);
    step.events = hands;
    step.actions = vec![action(format!("Talk to {name}"), format!("/p/{slug}/talk-to-us"), false)];
    step
}

fn owner_step(ctx: &Context, seen: &Seen) -> Step {
    let owner = seen.lead.as_ref().and_then(|lead| lead.owner_name.as_deref());
    let rep = seen.offer.as_ref().map(|offer| offer.rep_name.as_str());
    let text = match (owner, rep) {
        (Some(owner), _) => format!("{owner} has it, and nobody else. The clock for the first contact runs."),
        (None, Some(rep)) => format!(
            "{rep} has a mail with the evidence and a clock. Open it as {}, open the card, and accept.",
            first_name(rep)
        ),
        (None, None) => {
            "The partner’s sales rep gets a mail with the evidence, three next steps, and a running clock."
                .to_owned()
        }
    };
    let badge = match (owner, rep) {
        (Some(owner), _) => Badge::new("good", format!("{owner} has it")),
        (None, Some(_)) => Badge::new("warn", "waits for an answer"),
        (None, None) => Badge::new("", "after a form or a hand"),
    };
    let mut step = step("An owner", "One rep accepts, with a clock running", text, owner.is_some(), badge);
    step.clock = if seen.offer.is_some() { seen.clock.clone() } else { None };
    if let Some(lead) = &seen.lead {
        step.events = vec![EventLine {
            text: format!("{}, {}: {}", lead.name, lead.company, lead.because),
            badge: None,
            at: ago(lead.updated_ms, ctx.now_ms()),
        }];
        step.actions.push(action("Everything about this lead", format!("/console/leads/{}", lead.id), true));
    }
    if let Some(offer) = &seen.offer {
        step.actions.insert(
            0,
            action(
                format!("Open {}’s mail", first_name(&offer.rep_name)),
                format!("/inbox?to={}", offer.rep_email),
                false,
            ),
        );
    }
    step
}

#[cfg(test)]
impl View {
    /// While the issue goes around; the two mails are there.
    pub fn sample() -> Self {
        let mail = |name: &str, role: &'static str| MailCard {
            name: name.into(),
            first_name: first_name(name).into(),
            role,
            partner: "Northlight MSP".into(),
            detail: "arrived 09:00 CST".into(),
            href: Some("#".into()),
            html: Some(format!("/mail-{role}.html")),
            waiting: String::new(),
        };
        let world = World::sample();
        let mails = vec![mail("Luis Ortega", "sales"), mail("Mei Tran", "technical")];
        let event = |text: &str, machine: bool| EventLine {
            text: text.into(),
            badge: machine.then(|| Badge::new("", "machine")),
            at: "2 min ago".into(),
        };
        let mut steps = vec![
            step(
                "An issue leaves",
                "An issue goes around the world",
                "Each partner gets it at 09:00 on their own clock, across every time zone. What has left, and what was late, is on record for each reader.",
                false,
                Badge::new("brand", "20 of 34 accepted"),
            ),
            mails_step(&mails),
            step(
                "A click",
                "Somebody clicks",
                "Open a mail and press any button in it. People are told apart from the scanners that follow every link, and only people count.",
                true,
                Badge::new("good", "3 by people"),
            ),
            step(
                "A form",
                "A customer asks for the whitepaper",
                "The whitepaper stands on a page in Northlight MSP’s name and colours. Be their customer: fill in the form, and read on.",
                false,
                Badge::new("", "your turn"),
            ),
            step(
                "A hand goes up",
                "The customer wants to talk",
                "One sentence is enough. Asking to talk qualifies a lead at once, whatever the score says.",
                false,
                Badge::new("", "your turn"),
            ),
            step(
                "An owner",
                "One rep accepts, with a clock running",
                "Luis Ortega has a mail with the evidence and a clock.",
                false,
                Badge::new("warn", "waits for an answer"),
            ),
        ];
        for (no, step) in (1..).zip(&mut steps) {
            step.no = no;
        }
        steps[0].state = "now";
        steps[2].events = vec![
            event("followed a link: Proof of Recovery: what boards should ask", false),
            event("followed a link: Live restore in 20 minutes", true),
        ];
        steps[3].actions = vec![action("Open Northlight MSP’s page", "#", false)];
        steps[4].actions = vec![action("Talk to Northlight MSP", "#", false)];
        steps[5].clock = Some(Running::sample());
        steps[5].actions = vec![action("Open Luis’s mail", "#", false)];
        Self { vendor: "Brackenfold".into(), partners: 12, world, mails, steps }
    }
}
