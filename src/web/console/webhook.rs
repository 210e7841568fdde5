//! One endpoint: how it fares, its messages, each with its tries, and what may be done.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
};
use chrono::{Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    signin::Actor,
    suppressions::{Choice, Notice},
    webhooks::{PATH, badge, because},
};
use crate::{
    domain::{
        crm,
        kernel::{Error, Kind, Result, clock::UtcMs},
        webhook::Chat,
    },
    store::webhooks::{
        Endpoint, documents, endpoints,
        messages::{self, Attempt, Message},
        withheld,
    },
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{
            Fact,
            chart::Badge,
            when::{Moment, span},
        },
    },
    work::{
        Context,
        webhooks::{self, Proof, Replay},
    },
};

/// Messages of one page.
const PAGE: i64 = 50;
/// For how long old secrets sign beside new ones, in hours.
const GRACE_HOURS: i64 = 24;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its address among our pages.
    pub href: String,
    /// What people call it.
    pub name: String,
    /// How it stands.
    pub state: Badge,
    /// Why.
    pub because: String,
    /// What was just done, or what was wrong.
    pub notice: Option<Notice>,
    /// What the receiver verifies with, where somebody asked for it.
    pub secrets: Vec<String>,
    /// What is known.
    pub facts: Vec<Fact>,
    /// What may be done, each a button.
    pub actions: Vec<Action>,
    /// The message that is looked at.
    pub looked: Option<Looked>,
    /// Its latest messages.
    pub messages: Vec<Line>,
    /// Older ones.
    pub more: Option<String>,
    /// States to choose from, by their addresses.
    pub shown: Vec<Choice>,
}

/// A button.
#[derive(Debug, Serialize)]
pub struct Action {
    /// Where it is sent.
    pub action: String,
    /// Its words.
    pub label: &'static str,
    /// What it does.
    pub text: &'static str,
    /// Whether it takes something away.
    pub danger: bool,
}

/// A message in the list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its tries.
    pub href: String,
    /// When it happened.
    pub at: Moment,
    /// What.
    pub kind: String,
    /// How it stands.
    pub state: Badge,
    /// When it is tried next, or why it failed.
    pub next: String,
    /// How often it was tried.
    pub tries: i64,
    /// The last answer.
    pub status: String,
}

/// A message with its tries.
#[derive(Debug, Serialize)]
pub struct Looked {
    /// `webhook-id`.
    pub id: String,
    /// What is sent.
    pub payload: String,
    /// Its tries.
    pub tries: Vec<Try>,
}

/// A try.
#[derive(Debug, Serialize)]
pub struct Try {
    /// Its number.
    pub no: i64,
    /// When.
    pub at: Moment,
    /// What it came to.
    pub verdict: Badge,
    /// Status and time: `503 after 120 ms`.
    pub answer: String,
    /// The beginning of the answer, or what kept us from one.
    pub body: String,
}

/// What stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
    state: String,
    before: String,
    message: String,
}

/// `GET /console/webhooks/{id}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let done = match asked.done.as_str() {
        "verify" => Some("Verified. It is told what happens from now on."),
        "vouch" => {
            Some("It answered. It is told what happens from now on; that you vouched for it is written down.")
        }
        "pause" => Some("It rests. What happens waits for it, a week at most."),
        "resume" => Some("It goes on."),
        "test" => Some("A test event is on its way; look at its tries in a moment."),
        "replay" => Some("What was chosen is sent again, each under its old id."),
        _ => None,
    };
    let notice = done.map(|text| Notice { tone: "good", text: text.to_owned() });
    show(&ctx, &id, &asked, notice, Vec::new()).await
}

async fn show(
    ctx: &Context,
    id: &str,
    asked: &Asked,
    notice: Option<Notice>,
    secrets: Vec<String>,
) -> Answer {
    let endpoint = endpoints::endpoint(&ctx.db, id).await?;
    let endpoint = endpoint.ok_or_else(|| Error::not_found("this webhook"))?;
    let (_, zone) = frame::vendor(ctx);
    let href = format!("{PATH}/{id}");
    let state = Some(asked.state.as_str()).filter(|state| !state.is_empty());
    let before = Some(asked.before.as_str()).filter(|before| before.starts_with("whm_"));
    let listed = messages::list(&ctx.db, id, state, before, PAGE).await?;
    let more = (i64::try_from(listed.len()) == Ok(PAGE)).then(|| {
        let last = listed.last().map(|message| message.event_id.as_str()).unwrap_or_default();
        format!("{href}?state={}&before={last}", state.unwrap_or_default())
    });
    let shown = [("", "All"), ("waiting", "Waiting"), ("failed", "Failed"), ("delivered", "Delivered")];
    let view = View {
        name: endpoint.name.clone(),
        state: badge(&endpoint),
        because: because(&endpoint),
        notice,
        secrets,
        facts: facts(ctx, &endpoint, zone).await?,
        actions: actions(&href, &endpoint.state),
        looked: looked(ctx, id, &asked.message, zone).await?,
        messages: listed.into_iter().map(|message| line(&href, message, zone)).collect(),
        more,
        shown: shown
            .into_iter()
            .map(|(word, label)| Choice {
                value: format!("{href}?state={word}#messages"),
                label: label.to_owned(),
                chosen: asked.state == word,
            })
            .collect(),
        href,
    };
    let frame = Frame::new(ctx, Area::Console, format!("Webhook: {}", view.name), PATH);
    respond::page(ctx, "console/webhook", &frame, &view)
}

/// What its messages are.
fn as_what(format: &str) -> String {
    if crm::is_standard(format) {
        "ids and words".to_owned()
    } else if let Some(chat) = Chat::parse(format) {
        format!("a text for a room of {}", chat.name())
    } else {
        format!("a record of crm/{format}.toml, with personal data")
    }
}

async fn facts(ctx: &Context, endpoint: &Endpoint, zone: Tz) -> Result<Vec<Fact>> {
    let counts = messages::counts(&ctx.db, &endpoint.id).await?;
    let counts: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let contact = [endpoint.contact_name.as_str(), endpoint.contact_email.as_str()].join(" ");
    let rate = match endpoint.per_second {
        0 => "as many as it takes".to_owned(),
        rate => format!("{rate} a second at most"),
    };
    let order = if endpoint.ordered {
        "one after the other".to_owned()
    } else {
        format!("{} at once at most", endpoint.concurrency)
    };
    let owner = if endpoint.partner_slug.is_empty() { "the vendor" } else { &endpoint.partner_slug };
    let mut facts = vec![
        Fact::new("Address", endpoint.url.clone()),
        Fact::new("Of", owner),
        Fact::new("Wants", endpoints::entries(&ctx.db, &endpoint.id).await?.join(" ")),
        Fact::new("As", as_what(&endpoint.format)),
        Fact::new("Contact", contact.trim()),
        Fact::new("Messages", if counts.is_empty() { "none yet".to_owned() } else { counts.join(", ") }),
        Fact::new("Sent", format!("{order}, {rate}")),
        Fact::new(
            "Added",
            format!("{} by {}", Moment::full(endpoint.created_ms, zone).text, endpoint.created_by),
        ),
    ];
    if let Some(held) = withheld::of(&ctx.db, &endpoint.id).await? {
        facts.push(Fact::new("Held back by us", held.why));
    }
    if endpoint.rest_ms > ctx.now_ms() {
        facts.push(Fact::new("Left alone until", Moment::full(endpoint.rest_ms, zone).text));
    }
    Ok(facts)
}

/// What may be done with an endpoint in this state.
fn actions(href: &str, state: &str) -> Vec<Action> {
    let all: [(&str, &[&str], &'static str, &'static str); 8] = [
        ("verify", &["pending", "disabled"], "Verify", "Sends a challenge, which the endpoint must repeat."),
        (
            "vouch",
            &["pending", "disabled"],
            "Vouch for it",
            "Any answer of 2xx will do; that you vouched is written down.",
        ),
        ("test", &["active"], "Send a test", "Sends a test event as any other."),
        ("pause", &["active"], "Pause", "What happens waits, a week at most."),
        ("resume", &["paused", "active"], "Go on now", "Sends what waits, without waiting any longer."),
        (
            "secret",
            &["pending", "active", "paused", "disabled"],
            "Show secrets",
            "That you looked is written down.",
        ),
        (
            "rotate",
            &["pending", "active", "paused", "disabled"],
            "Change secrets",
            "The old ones sign beside the new ones for a day.",
        ),
        (
            "remove",
            &["pending", "active", "paused", "disabled"],
            "Remove",
            "Takes its secrets and messages away too.",
        ),
    ];
    all.into_iter()
        .filter(|(_, states, ..)| states.contains(&state))
        .map(|(word, _, label, text)| Action {
            action: format!("{href}/{word}"),
            label,
            text,
            danger: word == "remove",
        })
        .collect()
}

fn line(href: &str, message: Message, zone: Tz) -> Line {
    let (tone, next) = match message.state.as_str() {
        "delivered" => ("good", String::new()),
        "failed" => ("bad", message.because),
        "sending" => ("brand", String::new()),
        _ => ("", format!("next try {}", Moment::short(message.due_ms, zone).text)),
    };
    Line {
        href: format!("{href}?message={}#message", message.event_id),
        at: Moment::short(message.at_ms, zone),
        kind: message.kind,
        state: Badge::new(tone, message.state),
        next,
        tries: message.attempts,
        status: message
            .status
            .map_or_else(|| message.verdict.unwrap_or_default(), |status| status.to_string()),
    }
}

async fn looked(ctx: &Context, id: &str, message: &str, zone: Tz) -> Result<Option<Looked>> {
    if message.is_empty() {
        return Ok(None);
    }
    let Some(payload) = messages::payload(&ctx.db, id, message).await? else { return Ok(None) };
    // What a field map made of it is what was sent.
    let payload = documents::body(&ctx.db, id, message).await?.unwrap_or(payload);
    let tries = messages::attempts(&ctx.db, id, message).await?;
    let tries = tries.into_iter().map(|it| tried(it, zone)).collect();
    Ok(Some(Looked { id: message.to_owned(), payload, tries }))
}

fn tried(attempt: Attempt, zone: Tz) -> Try {
    let tone = match attempt.verdict.as_str() {
        "delivered" => "good",
        "uncertain" | "throttled" => "warn",
        _ => "bad",
    };
    let took =
        if attempt.took_ms < 1_000 { format!("{} ms", attempt.took_ms) } else { span(attempt.took_ms) };
    Try {
        no: attempt.no,
        at: Moment::short(attempt.at_ms, zone),
        verdict: Badge::new(tone, attempt.verdict),
        answer: attempt
            .status
            .map_or_else(|| format!("no answer, {took}"), |status| format!("{status} after {took}")),
        body: if attempt.detail.is_empty() { attempt.body } else { attempt.detail },
    }
}

/// What the form of a replay says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    from: String,
    until: String,
    all: String,
}

/// `POST /console/webhooks/{id}/{action}`
pub async fn act(
    State(ctx): State<Arc<Context>>,
    Path((id, action)): Path<(String, String)>,
    Actor(actor): Actor,
    Body(sent): Body<Sent>,
) -> Answer {
    let done = match action.as_str() {
        "verify" => webhooks::verify(&ctx, &actor, &id, Proof::Challenge).await.map(|()| Vec::new()),
        "vouch" => webhooks::verify(&ctx, &actor, &id, Proof::Vouched).await.map(|()| Vec::new()),
        "test" => webhooks::test(&ctx, &actor, &id).await.map(|_| Vec::new()),
        "pause" => webhooks::pause(&ctx, &actor, &id).await.map(|()| Vec::new()),
        "resume" => webhooks::resume(&ctx, &actor, &id).await.map(|()| Vec::new()),
        "remove" => webhooks::remove(&ctx, &actor, &id).await.map(|()| Vec::new()),
        "secret" => webhooks::secrets_for_receiver(&ctx, &actor, &id).await,
        "rotate" => webhooks::rotate(&ctx, &actor, &id, GRACE_HOURS).await,
        "replay" => replay(&ctx, &actor, &id, &sent).await.map(|()| Vec::new()),
        _ => return Err(Error::not_found("this action").into()),
    };
    match done {
        Ok(_) if action == "remove" => Ok(respond::see_other(&format!("{PATH}?done=removed"))),
        Ok(secrets) if secrets.is_empty() => Ok(respond::see_other(&format!("{PATH}/{id}?done={action}"))),
        Ok(secrets) => show(&ctx, &id, &Asked::default(), None, secrets).await,
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Unavailable) => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(&ctx, &id, &Asked::default(), Some(notice), Vec::new()).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn replay(ctx: &Context, actor: &str, id: &str, sent: &Sent) -> Result<()> {
    let day = |text: &str, later: u64| -> Result<UtcMs> {
        let day = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok();
        // The last day of the calendar has no other behind it.
        let day = day
            .and_then(|day| day.checked_add_days(Days::new(later)))
            .ok_or_else(|| Error::invalid(format!("`{}` is no day; write 2027-01-12", text.trim())))?;
        Ok(day.and_time(NaiveTime::MIN).and_utc().timestamp_millis())
    };
    let until_ms = if sent.until.trim().is_empty() { ctx.now_ms() } else { day(&sent.until, 1)? };
    let replay = Replay { from_ms: day(&sent.from, 0)?, until_ms, only_failed: sent.all != "yes" };
    webhooks::replay(ctx, actor, id, replay).await.map(drop)
}

#[cfg(test)]
impl View {
    /// One that fails, with a message that is looked at.
    pub fn sample() -> Self {
        let at = || Moment::short(1_799_744_700_000, chrono_tz::Europe::Oslo);
        let line = |kind: &str, state: Badge, next: &str| Line {
            href: "#".into(),
            at: at(),
            kind: kind.into(),
            state,
            next: next.into(),
            tries: 3,
            status: "503".into(),
        };
        Self {
            href: "/console/webhooks/whe_1".into(),
            name: "CRM".into(),
            state: Badge::new("warn", "fails"),
            because: "6 failures in a row since 12 Jan, 08:00 UTC".into(),
            notice: Some(Notice { tone: "bad", text: "https://crm.example/in does not answer".into() }),
            secrets: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()],
            facts: vec![Fact::new("Address", "https://crm.example/in"), Fact::new("Wants", "lead.*")],
            actions: actions("/console/webhooks/whe_1", "active"),
            looked: Some(Looked {
                id: "whm_0190a5f4c0de7abc8def0123456789ab".into(),
                payload: "{\"type\":\"lead.won\"}".into(),
                tries: vec![Try {
                    no: 1,
                    at: at(),
                    verdict: Badge::new("warn", "throttled"),
                    answer: "503 after 120 ms".into(),
                    body: "<h1>Try later</h1>".into(),
                }],
            }),
            messages: vec![
                line("lead.won", Badge::new("", "waiting"), "next try Tue 12 Jan, 09:05"),
                line("issue.released", Badge::new("bad", "failed"), "no try is left"),
            ],
            more: Some("#".into()),
            shown: vec![
                Choice { value: "#".into(), label: "All".into(), chosen: true },
                Choice { value: "#".into(), label: "Failed".into(), chosen: false },
            ],
        }
    }
}
