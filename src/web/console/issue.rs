//! An issue: its promises, its variants, its audience with reasons, its deliveries, and the levers.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Form as Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    delivery_bar, delivery_tone, issue_badge,
    levers::{Action, Overtaken, actions, gone, outdated, overtaken},
    progress::Progress,
    signin::Actor,
    trial::{self, StageLine, Subjects, TestForm},
    whose_time, world,
};
use crate::{
    domain::{
        content::vendor::Duty,
        delivery::{DeliveryState, outlook::WAITS_FOR_A_PERSON},
        engagement::Reason,
        kernel::{Error, Result},
    },
    store::{
        approvals,
        audience::{self, Considered},
        deliveries, digests,
        issues::{self, Issue},
        nodes, reports,
    },
    web::{
        error::Problem,
        frame::{self, Area, Frame},
        respond::{self, Answer, Live},
        view::{
            Fact, authored,
            chart::{Badge, Bar},
            counted,
            when::{Moment, span},
            world::World,
        },
    },
    work::{Context, apart, approve, test_send, unkept},
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its subject.
    pub title: String,
    /// Newsletter and date.
    pub subtitle: String,
    /// Why it was paused, when the breaker did it.
    pub paused_because: Option<String>,
    /// Why it waits for a person.
    pub held: Option<String>,
    /// When it was fixed, where its file says something else since, and nothing of it has left.
    pub outdated: Option<Moment>,
    /// A newer issue that has left, while this one waits.
    pub overtaken: Option<Overtaken>,
    /// The levers.
    pub actions: Vec<Action>,
    /// What changes while it runs.
    #[serde(flatten)]
    pub live: LiveView,
    /// A form that sends somebody at the vendor one of its texts.
    pub test: Option<TestForm>,
    /// What was just done.
    pub done: Option<&'static str>,
    /// One text for each group of readers.
    pub variants: Vec<Variant>,
    /// `33 in, 4 out`
    pub audience_says: String,
    /// Where everybody is listed.
    pub roll: String,
    /// Those considered, at most 1,000.
    pub audience: Vec<Person>,
    /// In the order they are promised.
    pub deliveries: Vec<Delivery>,
}

/// What changes while it runs.
#[derive(Debug, Serialize)]
pub struct LiveView {
    /// How it stands.
    pub badge: Badge,
    /// Relays that cannot be talked to, while the issue is on its way.
    pub relay_faults: Vec<String>,
    /// Promises by zone.
    pub world: World,
    /// Deliveries by state.
    pub bar: Bar,
    /// What it waits for, while nothing is released.
    pub waits: Option<Waits>,
    /// Sent, left, how fast, until when.
    pub progress: Progress,
    /// Clicks by people and machines.
    pub clicks: Bar,
    /// The same in a sentence.
    pub clicks_says: String,
    /// Those by machines, by how that is known, the most first.
    pub machines: Vec<Fact>,
    /// Frozen, approved, released.
    pub facts: Vec<Fact>,
    /// How far its stages have come.
    pub stages: Vec<StageLine>,
    /// What its two subjects came to.
    pub subjects: Option<Subjects>,
}

/// What an issue waits for that has not been released.
#[derive(Debug, Serialize)]
pub struct Waits {
    /// In a few words.
    pub title: &'static str,
    /// Until when, for whom.
    pub facts: Vec<Fact>,
}

/// One text for a group of readers.
#[derive(Debug, Serialize)]
pub struct Variant {
    /// Partner.
    pub partner: String,
    /// Roles.
    pub roles: String,
    /// Language.
    pub locale: String,
    /// Subject.
    pub subject: String,
    /// How many get it.
    pub readers: i64,
    /// To look at it.
    pub href: String,
}

impl Variant {
    /// Its rendition, and what it is, to choose by.
    fn choice(&self) -> (String, String) {
        let id = self.href.rsplit('/').next().unwrap_or_default();
        (id.to_owned(), format!("{}, {}, {}", self.partner, self.roles, self.locale))
    }
}

/// Somebody considered.
#[derive(Debug, Serialize)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Their whole chain.
    pub href: String,
    /// Partner.
    pub partner: String,
    /// Roles.
    pub roles: String,
    /// In or out.
    pub badge: Badge,
    /// Why.
    pub because: String,
}

/// A delivery.
#[derive(Debug, Serialize)]
pub struct Delivery {
    /// To whom.
    pub name: String,
    /// Their whole chain.
    pub href: Option<String>,
    /// Where to.
    pub email: String,
    /// Promised for.
    pub promised: String,
    /// How it stands.
    pub badge: Badge,
    /// What came back later: the state stays, for the next mail server did accept it.
    pub returned: Option<Badge>,
    /// When it was accepted.
    pub accepted: String,
    /// How often it was tried.
    pub tries: i64,
    /// The last reply.
    pub reply: String,
    /// Where "send again" leads, for those that ended without being accepted.
    pub again: Option<String>,
}

async fn issue_of(ctx: &Context, id: &str) -> Result<Issue> {
    issues::issue(&ctx.db, id).await?.ok_or_else(|| Error::not_found("this issue"))
}

/// `GET /console/issues/{id}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    Query(after): Query<After>,
    Actor(actor): Actor,
) -> Answer {
    let Some(issue) = issues::issue(&ctx.db, &id).await? else { return gone(&ctx, &id).await };
    let (_, zone) = frame::vendor(&ctx);
    let audience = audience::page(&ctx.db, &issue.id, 0).await?;
    let lines = deliveries::of_issue(&ctx.db, &issue.id, 0).await?;
    let returned = returned(&ctx, &issue.id).await?;
    let variants = variants(&ctx, &issue.id).await?;
    let included = audience::included_count(&ctx.db, &issue.id).await?;
    let left_out = audience::left_out_count(&ctx.db, &issue.id).await?;
    let overtaken = overtaken(&ctx, &issue).await?;
    let is_started =
        lines.iter().any(|line| line.attempt > 0) || digests::is_started(&ctx.db, &issue.id).await?;
    let may_approve = approve::may_approve(&ctx, &actor);
    let view = View {
        subtitle: format!(
            "{}, promised for {}, {}",
            issue.newsletter,
            issue.nominal_date,
            whose_time(&ctx, &issue.newsletter)
        ),
        roll: format!("/console/audience/{}/{}", issue.newsletter, issue.nominal_date),
        paused_because: issue.paused_because.clone().filter(|_| issue.control == "paused"),
        held: issue.held_because.clone().filter(|_| issue.state == "frozen"),
        outdated: if is_started { None } else { outdated(&ctx, &issue, zone).await? },
        actions: actions(
            &issue,
            (may_approve, may_approve || !approve::resuming_approves(&ctx, &issue).await?),
            overtaken.is_some(),
            !is_started,
            &approve::cancelling(&ctx.db, &issue).await?,
        ),
        overtaken,
        live: live_view(&ctx, &issue, zone).await?,
        test: trial::form(&ctx, &issue.id, variants.iter().map(Variant::choice).collect()),
        done: after.says(),
        variants,
        audience_says: audience_says(included, left_out, audience.len()),
        audience: audience.into_iter().map(|considered| person(considered, &issue.id)).collect(),
        deliveries: lines
            .into_iter()
            .map(|line| delivery(line, &returned, (&issue.id, may_approve), zone))
            .collect(),
        title: authored(&issue.title),
    };
    let path = format!("/console/issues/{id}");
    let frame = Frame::new(&ctx, Area::Console, &view.title, &path).live(format!("{path}/live.json"), 2_000);
    respond::page(&ctx, "console/issue", &frame, &view)
}

/// `GET /console/issues/{id}/live.json`
pub async fn live(State(ctx): State<Arc<Context>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let issue = issue_of(&ctx, &id).await?;
    let frame = Frame::new(&ctx, Area::Console, &issue.title, "/console");
    let mut live = Live::new(&ctx, &frame)?;
    let view = live_view(&ctx, &issue, frame::vendor(&ctx).1).await?;
    live.add(&ctx, "issue", "console/issue_live", &frame, &view)?;
    Ok(live.into_response())
}

/// What was just done, in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    tested: String,
    instead: String,
}

impl After {
    fn says(&self) -> Option<&'static str> {
        const INSTEAD: &str = "The issue that you asked for was returned to draft. This is the one that was frozen in its \
                               place; approvals of the other are void.";
        match () {
            () if self.tested == "yes" => Some("The test is on its way."),
            () if self.instead == "yes" => Some(INSTEAD),
            () => None,
        }
    }
}

/// Which text to whom.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tested {
    rendition: String,
    to: String,
}

/// `POST /console/issues/{id}/tests`
pub async fn test(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    Actor(actor): Actor,
    Body(tested): Body<Tested>,
) -> Answer {
    let order = test_send::Order { issue_id: &id, rendition_id: &tested.rendition, to: &tested.to };
    test_send::send(&ctx, order, &actor).await?;
    Ok(respond::see_other(&format!("/console/issues/{id}?tested=yes")))
}

/// `POST /console/issues/{id}/deliveries/{delivery}/again`
pub async fn send_again(
    State(ctx): State<Arc<Context>>,
    Path((id, delivery)): Path<(String, String)>,
    Actor(actor): Actor,
) -> Answer {
    approve::send_again(&ctx, &delivery, &actor).await?;
    ctx.figures.forget();
    Ok(respond::see_other(&format!("/console/issues/{id}")))
}

async fn live_view(ctx: &Context, issue: &Issue, zone: Tz) -> Result<LiveView> {
    let details = ctx.figures.details(ctx, &issue.id).await?;
    let clicks = details.clicks;
    let when = |ms: Option<i64>| ms.map_or("not yet".to_owned(), |ms| Moment::full(ms, zone).text);
    let mut facts = vec![Fact::new("Frozen", when(Some(issue.frozen_ms)))];
    if let Some(by) = &issue.approved_by {
        facts.push(Fact::new("Approved by", by));
    } else if issue.approvals_needed > 0 {
        let given = approvals::of_issue(&ctx.db, &issue.id).await?;
        let who: Vec<String> = given.into_iter().map(|approval| approval.approver).collect();
        let by = if who.is_empty() { String::new() } else { format!(": {}", who.join(", ")) };
        facts.push(Fact::new("Approvals", format!("{} of {}{by}", who.len(), issue.approvals_needed)));
    }
    if issue.state == "approved"
        && let Some(first) = issues::under_way_before(&ctx.db, &issue.id, ctx.now_ms()).await?
    {
        let waits = format!("{}, until all of it was tried", first.nominal_date);
        facts.push(
            Fact::new("Waits for the issue of", waits).leading(format!("/console/issues/{}", first.id)),
        );
    }
    for beside in digests::of_issue(&ctx.db, &issue.id).await? {
        let people = counted(usize::try_from(beside.people).unwrap_or(0), "person", "people");
        let what = format!("{} of {}, for {people}", beside.newsletter, beside.nominal_date);
        let says = if beside.carried { "Carries" } else { "Rides in" };
        facts.push(Fact::new(says, what).leading(format!("/console/issues/{}", beside.id)));
    }
    if let Some(why) = apart::why(ctx, issue).await? {
        facts.push(Fact::new("One mail or two", format!("It {why}")));
    }
    if let Some(way) = unkept::in_the_way(ctx, issue).await?.filter(|_| issue.control == "cancelled") {
        facts.push(Fact::new("Why nothing leaves", way));
    }
    facts.extend([
        Fact::new("Approved", when(issue.approved_ms)),
        Fact::new("Released", when(issue.released_ms)),
        Fact::new("Done", when(issue.done_ms)),
        Fact::new("Content", issue.content_hash.chars().take(12).collect::<String>()),
    ]);
    let on_its_way = matches!(issue.state.as_str(), "released" | "sending") && issue.control == "running";
    let relay_faults = if on_its_way { nodes::relay_faults(&ctx.db).await? } else { Vec::new() };
    let relay_fault = |fault: nodes::RelayFault| {
        format!("{}, for {}: {}", fault.relay, span(ctx.now_ms() - fault.since_ms), fault.detail)
    };
    Ok(LiveView {
        badge: issue_badge(issue),
        relay_faults: relay_faults.into_iter().map(relay_fault).collect(),
        world: world(ctx, issue).await?,
        bar: delivery_bar(ctx, &issue.id).await?,
        waits: waits(ctx, issue, zone).await?,
        progress: Progress::of(ctx, issue, zone).await?,
        clicks: Bar::of(&[("brand", "by people", clicks.human), ("", "by machines", clicks.machine)]),
        clicks_says: format!(
            "{} followed a link. Scanners and prefetching programs are counted apart.",
            counted(usize::try_from(clicks.people).unwrap_or(0), "person", "people")
        ),
        machines: machines(&details.machines),
        facts,
        stages: trial::stages(&details.stages),
        subjects: trial::subjects(&details.subjects),
    })
}

/// How machines were known, the most first; what is no word of ours is told as it stands.
fn machines(counted: &[(String, i64)]) -> Vec<Fact> {
    let mut lines = Vec::with_capacity(counted.len());
    for (word, count) in counted {
        let reason = Reason::parse(word);
        lines.push(Fact::new(reason.map_or(word, |reason| reason.label()), count.to_string()));
    }
    lines
}

/// `33 in, 4 out, everybody with the reason`; of many not all are on the page.
fn audience_says(included: i64, left_out: i64, shown: usize) -> String {
    let all = usize::try_from(included + left_out).unwrap_or(usize::MAX);
    let more = if all > shown { format!("; {shown} are shown here") } else { String::new() };
    format!("{included} in, {left_out} out, everybody with the reason{more}")
}

async fn variants(ctx: &Context, issue_id: &str) -> Result<Vec<Variant>> {
    let variants = audience::variants(&ctx.db, issue_id).await?.into_iter().map(|variant| Variant {
        href: format!("/console/renditions/{}", variant.rendition_id),
        partner: variant.partner_slug,
        roles: variant.roles.replace(';', ", "),
        locale: variant.locale,
        subject: variant.subject,
        readers: variant.readers,
    });
    Ok(variants.collect())
}

/// What an issue waits for that has not been released.
async fn waits(ctx: &Context, issue: &Issue, zone: Tz) -> Result<Option<Waits>> {
    let is_frozen = issue.state == "frozen";
    if issue.control == "cancelled" || !(is_frozen || issue.state == "approved") {
        return Ok(None);
    }
    let promises = ctx.figures.promises(ctx, issue).await?;
    let recipients: i64 = promises.iter().map(|promise| promise.recipients).sum();
    let mut facts = vec![Fact::new("Goes to", counted_people(recipients))];
    let members = digests::members(&ctx.db, &issue.id).await?;
    let shared_ms = members.iter().map(|member| member.first_due_ms).min();
    if let Some(first_ms) = promises.iter().map(|promise| promise.due_ms).chain(shared_ms).min() {
        let now_ms = ctx.now_ms();
        let away = if first_ms > now_ms {
            format!("in {}", span(first_ms - now_ms))
        } else {
            format!("{} ago", span(now_ms - first_ms))
        };
        let label = if is_frozen { "Approve until" } else { "Leaves from" };
        facts.push(Fact::new(label, format!("{}, {away}", Moment::full(first_ms, zone).text)));
    }
    let others =
        members.iter().filter(|member| member.id != issue.id && (is_frozen || member.state == "frozen"));
    for other in others {
        let what = format!("{} of {}", other.newsletter, other.nominal_date);
        let says = match other.state.as_str() {
            "frozen" => "Leaves with, where both are approved in time",
            _ => "Leaves with",
        };
        facts.push(Fact::new(says, what).leading(format!("/console/issues/{}", other.id)));
    }
    if is_frozen {
        let library = ctx.library();
        let staff = library.vendor.iter().flat_map(|vendor| &vendor.staff);
        let may: Vec<&str> = staff
            .filter(|member| member.may.contains(&Duty::Approve))
            .map(|member| member.name.as_str())
            .collect();
        let may = if may.is_empty() { "the operator alone".to_owned() } else { may.join(", ") };
        facts.push(Fact::new("May approve", may));
    }
    let title = if is_frozen { "Waits for approval" } else { "Approved, not released yet" };
    Ok(Some(Waits { title, facts }))
}

fn counted_people(count: i64) -> String {
    counted(usize::try_from(count).unwrap_or(0), "person", "people")
}

/// What came back, by delivery: `came back: mailbox full`.
async fn returned(ctx: &Context, issue_id: &str) -> Result<BTreeMap<String, String>> {
    let came_back = reports::of_issue(&ctx.db, issue_id, 0).await?.into_iter().map(|report| {
        let verb = if report.kind == "complaint" { "complained" } else { "came back" };
        (report.delivery_id, format!("{verb}: {}", report.class.replace('-', " ")))
    });
    Ok(came_back.collect())
}

fn person(person: Considered, issue_id: &str) -> Person {
    Person {
        href: format!("/console/issues/{issue_id}/people/{}", person.contact_id),
        badge: if person.included { Badge::new("good", "in") } else { Badge::new("bad", "out") },
        name: person.name,
        partner: person.partner_slug,
        roles: person.roles.replace(';', ", "),
        because: person.because,
    }
}

fn delivery(
    line: deliveries::Line,
    returned: &BTreeMap<String, String>,
    (issue_id, may_approve): (&str, bool),
    zone: Tz,
) -> Delivery {
    let state = DeliveryState::parse(&line.state);
    let tone = state.map_or("", delivery_tone);
    let ended = state.is_some_and(|state| WAITS_FOR_A_PERSON.contains(&state));
    let may_leave = ended && approve::may_send_again(may_approve, line.held_ms);
    let again = may_leave.then(|| format!("/console/issues/{issue_id}/deliveries/{}/again", line.id));
    let href = line.contact_id.map(|contact| format!("/console/issues/{issue_id}/people/{contact}"));
    Delivery {
        name: line.recipient_name,
        href,
        email: line.email,
        promised: Moment::short(line.promised_ms, zone).text,
        badge: Badge::new(tone, line.state),
        returned: returned.get(&line.id).map(|came| Badge::new("bad", came)),
        accepted: line.accepted_ms.map_or("–".to_owned(), |ms| Moment::short(ms, zone).text),
        tries: line.attempt,
        reply: line.detail.unwrap_or_default(),
        again,
    }
}

#[cfg(test)]
#[path = "issue_samples.rs"]
mod samples;
