//! One person and one issue: the whole chain, and their sequences, as `partnercast explain` tells it.

use std::sync::Arc;

use axum::extract::{Path, State};
use chrono_tz::Tz;
use serde::Serialize;

use super::{asset_title, delivery_tone, signin::Actor};
use crate::{
    domain::{
        delivery::{DeliveryState, outlook::WAITS_FOR_A_PERSON},
        kernel::clock::UtcMs,
    },
    store::{contacts, issues},
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{
            Fact, authored,
            chart::Badge,
            when::{Moment, span},
        },
    },
    work::{
        Context, approve,
        explain::{self, AttemptTold, DeliveryTold, EventTold, Explanation},
        journeys::JourneyTold,
        messages::MessageTold,
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The person.
    pub name: String,
    /// Role and partner.
    pub subtitle: String,
    /// The issue's subject.
    pub issue_title: String,
    /// Its page.
    pub issue_href: String,
    /// In or out.
    pub badge: Badge,
    /// Why.
    pub because: String,
    /// What stands between the decision and a delivery.
    pub next: Option<String>,
    /// What was promised, and what they get.
    pub facts: Vec<Fact>,
    /// Each message made for them.
    pub deliveries: Vec<Delivery>,
    /// What came of it.
    pub events: Vec<Event>,
    /// What this address does not want.
    pub suppressions: Vec<Fact>,
    /// Key messages they were told: `4 of 7`, and when the last time.
    pub messages: Vec<Fact>,
    /// The sequences that they are or were inside.
    pub journeys: Vec<Journey>,
}

/// A sequence that somebody is or was inside.
#[derive(Debug, Serialize)]
pub struct Journey {
    /// Its slug.
    pub sequence: String,
    /// Its page.
    pub href: String,
    /// Inside, finished or left.
    pub badge: Badge,
    /// Why they entered.
    pub because: String,
    /// When.
    pub entered: Moment,
    /// What they had, then what comes next or how it ended.
    pub lines: Vec<JourneyLine>,
}

/// A step of it, or its end.
#[derive(Debug, Serialize)]
pub struct JourneyLine {
    /// Its name.
    pub what: String,
    /// What became of it.
    pub badge: Badge,
    /// When.
    pub at: Moment,
    /// Why.
    pub text: String,
    /// Every try of its message, a sentence each.
    pub tries: Vec<String>,
}

/// A message.
#[derive(Debug, Serialize)]
pub struct Delivery {
    /// How it stands.
    pub badge: Badge,
    /// Message-ID, times, address.
    pub facts: Vec<Fact>,
    /// What happens next.
    pub next: String,
    /// When, where known.
    pub next_at: Option<Moment>,
    /// Whether the relay may have it more than once.
    pub may_be_repeated: bool,
    /// Where "send again" leads.
    pub again: Option<String>,
    /// Every try.
    pub attempts: Vec<Attempt>,
}

/// A try.
#[derive(Debug, Serialize)]
pub struct Attempt {
    /// Its number.
    pub no: i64,
    /// When it ended.
    pub at: Moment,
    /// Its class.
    pub badge: Badge,
    /// What the class means.
    pub means: String,
    /// How far it came.
    pub stage: String,
    /// The reply as it came.
    pub reply: String,
    /// Which process made it.
    pub node: String,
}

/// Something they did.
#[derive(Debug, Serialize)]
pub struct Event {
    /// What.
    pub text: String,
    /// Person or machine.
    pub badge: Badge,
    /// Why we think so.
    pub verdict: String,
    /// When.
    pub at: Moment,
}

/// `GET /console/issues/{id}/people/{contact}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Path((id, contact)): Path<(String, String)>,
) -> Answer {
    let Some(issue) = issues::issue(&ctx.db, &id).await? else { return super::levers::gone(&ctx, &id).await };
    let person = contacts::named(&ctx.db, &contact).await?.into_iter().next();
    let told = explain::explain(&ctx.db, ctx.now_ms(), &issue, &contact, person).await?;
    let view = view(&ctx, told, approve::may_approve(&ctx, &actor));
    let frame = Frame::new(&ctx, Area::Console, &view.name, "/console/issues");
    respond::page(&ctx, "console/person", &frame, &view)
}

fn view(ctx: &Context, told: Explanation, may_approve: bool) -> View {
    let zone: Tz = told.decision.zone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(Tz::UTC);
    let issue_href = format!("/console/issues/{}", told.issue.id);
    let mut facts = Vec::new();
    if let Some(promised_ms) = told.decision.promised_ms {
        let note = told.decision.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        facts.push(Fact::new("Promised", format!("{}{note}", Moment::full(promised_ms, zone).text)));
    }
    if let Some(person) = &told.person {
        facts.push(Fact::new("Address", &person.email));
        facts.push(Fact::new("Zone", person.zone.replace('_', " ")));
        facts.push(Fact::new("Language", &person.locale));
        if !person.active {
            facts.push(Fact::new("Roster", "no longer listed"));
        }
    }
    if let Some(rendition) = &told.rendition {
        let href = format!("/console/renditions/{}", rendition.id);
        facts.push(Fact::new("Subject", &rendition.subject).leading(href));
        facts.push(Fact::new(
            "Made for",
            format!("{}, {}", rendition.roles.replace(';', ", "), rendition.locale),
        ));
    }
    View {
        name: told.person.as_ref().map_or_else(|| told.asked.clone(), |person| person.name.clone()),
        subtitle: told.person.as_ref().map_or_else(String::new, |person| {
            format!("{} at {}", person.roles.replace(';', ", "), person.partner_name)
        }),
        issue_title: authored(&told.issue.title),
        badge: match told.decision.verdict {
            "in" => Badge::new("good", "in"),
            "out" => Badge::new("bad", "out"),
            _ => Badge::new("", "not considered"),
        },
        because: told.decision.because,
        next: told.decision.next,
        facts,
        deliveries: told
            .deliveries
            .into_iter()
            .map(|made| delivery(made, (&issue_href, may_approve), zone))
            .collect(),
        events: told.events.into_iter().map(|done| event(ctx, done, zone)).collect(),
        messages: told.messages.iter().map(|message| told_message(ctx, message, zone)).collect(),
        suppressions: told
            .suppressions
            .into_iter()
            .map(|entry| {
                let what = if entry.scope == "all" { "everything".to_owned() } else { entry.scope };
                Fact::new(
                    &what,
                    format!("{}, since {}", entry.reason, Moment::full(entry.since_ms, zone).text),
                )
            })
            .collect(),
        journeys: told.sequences.into_iter().map(|told| journey(told, zone)).collect(),
        issue_href,
    }
}

/// `4 of 7, last 9 February (watch)`
fn told_message(ctx: &Context, told: &MessageTold, zone: Tz) -> Fact {
    let library = ctx.library();
    let rules = &library.rules.messages;
    let value = format!(
        "{} of {}, last on {} ({}) by “{}”",
        told.times,
        rules.touches_max(&told.message),
        Moment::full(told.last_ms, zone).text,
        told.forms_in_order(),
        told.last_subject
    );
    Fact::new(rules.title(&told.message), value)
}

fn journey(told: JourneyTold, zone: Tz) -> Journey {
    let at = |ms: UtcMs| Moment::full(ms, zone);
    let mut lines: Vec<JourneyLine> = told
        .steps
        .into_iter()
        .map(|step| {
            let state = step.delivery.as_ref().map(|made| made.state.clone());
            let tone = state.as_deref().and_then(DeliveryState::parse).map_or("", delivery_tone);
            let tries = step.delivery.iter().flat_map(|made| {
                let tries = made.attempts.iter().map(|tried| {
                    format!(
                        "try {}, {}: {} ({})",
                        tried.no,
                        at(tried.ended_ms).text,
                        tried.reply,
                        tried.means
                    )
                });
                tries.chain([made.next.clone()])
            });
            JourneyLine {
                what: step.step,
                badge: Badge::new(tone, state.unwrap_or(step.outcome)),
                at: at(step.at_ms),
                text: step.because,
                tries: tries.collect(),
            }
        })
        .collect();
    let line = |what: String, badge, ms, text: Option<String>| JourneyLine {
        what,
        badge,
        at: at(ms),
        text: text.unwrap_or_default(),
        tries: Vec::new(),
    };
    lines
        .extend(told.next.map(|next| line(next.step, Badge::new("brand", "next"), next.due_ms, next.detail)));
    let tone = if told.state == "finished" { "good" } else { "" };
    lines.extend(
        told.ended_ms.map(|ms| line("The end".into(), Badge::new(tone, told.state.as_str()), ms, told.left)),
    );
    Journey {
        href: format!("/console/sequences/{}", told.sequence),
        sequence: told.sequence,
        badge: Badge::new(if told.state == "inside" { "brand" } else { tone }, told.state),
        because: told.because,
        entered: at(told.entered_ms),
        lines,
    }
}

fn delivery(made: DeliveryTold, (issue_href, may_approve): (&str, bool), zone: Tz) -> Delivery {
    let at = |ms: UtcMs| Moment::full(ms, zone);
    let state = DeliveryState::parse(&made.state);
    let mut facts = vec![Fact::new("To", &made.email), Fact::new("Message-ID", &made.message_id)];
    if let (Some(accepted_ms), Some((ms, side))) = (made.accepted_ms, made.against_promise()) {
        facts.push(Fact::new(
            "Accepted",
            format!("{}, {} {side} its promise", at(accepted_ms).text, span(ms)),
        ));
    } else {
        facts.push(Fact::new("Worth sending until", at(made.expires_ms).text));
    }
    Delivery {
        badge: Badge::new(state.map_or("", delivery_tone), made.state),
        facts,
        next: made.next,
        next_at: made.next_ms.map(at),
        may_be_repeated: made.may_be_repeated,
        again: state
            .filter(|state| {
                WAITS_FOR_A_PERSON.contains(state) && approve::may_send_again(may_approve, made.held_ms)
            })
            .map(|_| format!("{issue_href}/deliveries/{}/again", made.id)),
        attempts: made.attempts.into_iter().map(|tried| attempt(tried, zone)).collect(),
    }
}

fn attempt(tried: AttemptTold, zone: Tz) -> Attempt {
    let tone = match tried.class.as_str() {
        "accepted" => "good",
        "uncertain" | "soft" | "throttle" | "host" => "warn",
        _ => "bad",
    };
    Attempt {
        no: tried.no,
        at: Moment::full(tried.ended_ms, zone),
        badge: Badge::new(tone, tried.class),
        means: tried.means.to_owned(),
        stage: tried.stage.unwrap_or_default(),
        reply: tried.reply,
        node: tried.node,
    }
}

fn event(ctx: &Context, done: EventTold, zone: Tz) -> Event {
    let text =
        match done.what.split_once(": ").and_then(|(what, asset)| Some((what, asset_title(ctx, asset)?))) {
            Some((what, title)) => format!("{what}: {title}"),
            None => done.what,
        };
    Event {
        text,
        badge: if done.human { Badge::new("brand", "person") } else { Badge::new("", "machine") },
        verdict: done.verdict,
        at: Moment::full(done.at_ms, zone),
    }
}

#[cfg(test)]
impl View {
    /// Refused at first, accepted later, clicked by a machine and a person.
    pub fn sample() -> Self {
        let at =
            |minutes: i64| Moment::full(1_799_744_400_000 + minutes * 60_000, chrono_tz::America::Chicago);
        let attempt = |no, tone, class: &str, means: &str, reply: &str| Attempt {
            no,
            at: at(no * 5),
            badge: Badge::new(tone, class),
            means: means.into(),
            stage: "rcpt".into(),
            reply: reply.into(),
            node: "nod_01890a5d3f7c7cc0a1b2c3d4e5f60718".into(),
        };
        Self {
            name: "Luis Ortega".into(),
            subtitle: "sales at Northlight MSP".into(),
            issue_title: "Restores, not backups: your part in January".into(),
            issue_href: "/console/issues/iss_1".into(),
            badge: Badge::new("good", "in"),
            because: "sales at a platinum partner in the Americas".into(),
            next: None,
            facts: vec![
                Fact::new("Promised", at(0).text),
                Fact::new("Subject", "Restores, not backups").leading("#".into()),
            ],
            deliveries: vec![Delivery {
                badge: Badge::new("bad", "failed"),
                facts: vec![Fact::new(
                    "Message-ID",
                    "dlv_01890a5d3f7c7cc0a1b2c3d4e5f60718.g1@brackenfold.example",
                )],
                next: "nothing by itself; a person may have it sent again: there is no such address".into(),
                next_at: Some(at(9)),
                may_be_repeated: true,
                again: Some("#".into()),
                attempts: vec![
                    attempt(
                        1,
                        "warn",
                        "soft",
                        "refused for now",
                        "450 4.2.0 greylisted, come back in five minutes",
                    ),
                    attempt(
                        2,
                        "bad",
                        "bad-address",
                        "there is no such address",
                        "550 5.1.1 no such user here",
                    ),
                ],
            }],
            events: vec![Event {
                text: "followed a link: Proof of recovery".into(),
                badge: Badge::new("", "machine"),
                verdict: "three or more links of the message were followed within two seconds".into(),
                at: at(12),
            }],
            messages: vec![Fact::new(
                "Partners earn on proof",
                "4 of 7, last on 9 February (read, watch) by “Margins”",
            )],
            suppressions: vec![Fact::new("fold-forward", "unsubscribed, since 4 December")],
            journeys: vec![Journey {
                sequence: "welcome".into(),
                href: "#".into(),
                badge: Badge::new("brand", "inside"),
                because: "you are: sales, Northlight MSP".into(),
                entered: at(0),
                lines: vec![
                    JourneyLine {
                        what: "hello".into(),
                        badge: Badge::new("good", "accepted"),
                        at: at(20),
                        text: "you are: sales, Northlight MSP".into(),
                        tries: vec!["try 1, 9 January, 09:00: 250 2.0.0 ok (taken by the next hop)".into()],
                    },
                    JourneyLine {
                        what: "one-restore".into(),
                        badge: Badge::new("brand", "next"),
                        at: at(9_000),
                        text: "put off, for 1 message in 3 days is the most".into(),
                        tries: Vec::new(),
                    },
                ],
            }],
        }
    }
}
