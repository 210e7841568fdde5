//! `partnercast explain`

use chrono_tz::Tz;

use super::{ConfigArgument, load, say, start_log};
use crate::{
    app,
    domain::kernel::{
        Error, Result,
        clock::{UtcMs, utc},
    },
    store::Db,
    work::{
        explain::{self, AttemptTold, DeliveryTold, Explanation, PersonTold},
        journeys::{self, JourneyTold, PersonExplanation},
        lookup,
    },
};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The issue: its id, `newsletter/2027-01-12`, or the newsletter alone for its latest issue. Without one, name the person
    /// alone for the sequences that they are or were inside.
    #[arg(value_name = "ISSUE")]
    issue: String,
    /// The person: an address, an id, or a part of the name.
    #[arg(value_name = "PERSON")]
    contact: Option<String>,
    /// One JSON object; times are UTC milliseconds.
    #[arg(long)]
    json: bool,
}

/// Prints the whole chain for one person: of an issue, or of the sequences that they are or were inside. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database cannot be read, or issue or person are not clear.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let db = Db::open_read_only(&config.database.url).await?;
    let now_ms = app::clock_of(&config)?.now_ms();
    let Some(contact) = &arguments.contact else {
        let person = lookup::contact(&db, &arguments.issue).await?;
        let told = journeys::person(&db, now_ms, &arguments.issue, person).await?;
        db.close().await;
        if told.is_nobody() {
            return Err(nobody(&told.asked));
        }
        return tell(arguments.json, &told, person_lines);
    };
    let issue = lookup::issue(&db, &arguments.issue).await?;
    let person = lookup::contact(&db, contact).await?;
    let told = explain::explain(&db, now_ms, &issue, contact, person).await?;
    db.close().await;
    tell(arguments.json, &told, lines)
}

fn tell<T: serde::Serialize>(as_json: bool, told: &T, lines: impl Fn(&T) -> Vec<String>) -> Result<()> {
    if as_json {
        let text =
            serde_json::to_string_pretty(told).map_err(|error| Error::internal("JSON").because(error))?;
        say(&text);
    } else {
        lines(told).iter().for_each(|line| say(line));
    }
    Ok(())
}

/// For a word that is neither a contact nor a lead.
fn nobody(asked: &str) -> Error {
    Error::not_found_but(
        format!("anybody called `{asked}`"),
        "write an address of a contact or a lead, a contact's id (con_…) or a part of their name; of an issue, \
         `partnercast explain ISSUE PERSON` tells",
    )
}

fn person_lines(told: &PersonExplanation) -> Vec<String> {
    let zone = told.person.as_ref().and_then(|person| person.zone.parse().ok()).unwrap_or(Tz::UTC);
    let mut lines = vec![match &told.person {
        Some(person) => person_line(person),
        None => format!("person     {}", told.asked),
    }];
    if told.sequences.is_empty() {
        lines.push("sequences  none; of an issue, `partnercast explain ISSUE PERSON` tells".to_owned());
    }
    let at = |ms: UtcMs| utc(ms).with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string();
    told.sequences.iter().for_each(|journey| journey_lines(journey, &at, &mut lines));
    lines
}

fn journey_lines(journey: &JourneyTold, at: &impl Fn(UtcMs) -> String, lines: &mut Vec<String>) {
    let whom = if journey.is_lead { ", as a lead" } else { "" };
    lines.push(format!(
        "sequence   {}: {}{whom} at {}, since {}  {}",
        journey.sequence,
        journey.state,
        journey.partner,
        at(journey.entered_ms),
        journey.id
    ));
    lines.push(format!("           entered: {}", journey.because));
    for step in &journey.steps {
        lines.push(format!(
            "step       {}  {} {}: {}",
            at(step.at_ms),
            step.step,
            step.outcome,
            step.because
        ));
        if let Some(delivery) = &step.delivery {
            delivery_lines(delivery, at, lines);
        }
    }
    if let Some(next) = &journey.next {
        let detail = next.detail.as_ref().map(|detail| format!("  {detail}")).unwrap_or_default();
        lines.push(format!("next step  {}, {}{detail}", next.step, at(next.due_ms)));
    }
    if let Some(ended_ms) = journey.ended_ms {
        let why = journey.left.as_ref().map(|why| format!(", {why}")).unwrap_or_default();
        lines.push(format!("ended      {}, {}{why}", at(ended_ms), journey.state));
    }
}

fn person_line(person: &PersonTold) -> String {
    format!(
        "person     {} <{}>, {} at {}, {}, {}{}  {}",
        person.name,
        person.email,
        person.roles.replace(';', " and "),
        person.partner_name,
        person.locale,
        person.zone,
        if person.active { "" } else { ", no longer in the roster" },
        person.id
    )
}

fn lines(told: &Explanation) -> Vec<String> {
    let zone: Tz = told.decision.zone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(Tz::UTC);
    let at = |ms: UtcMs| utc(ms).with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string();
    let mut lines = vec![format!(
        "issue      {}/{}  {}  ({}, {})  {}",
        told.issue.newsletter,
        told.issue.date,
        told.issue.title,
        told.issue.state,
        told.issue.control,
        told.issue.id
    )];
    match &told.person {
        Some(person) => lines.push(person_line(person)),
        None => lines.push(format!("person     {}", told.asked)),
    }
    lines.push(format!("decision   {}: {}", told.decision.verdict.replace('-', " "), told.decision.because));
    if let Some(promised_ms) = told.decision.promised_ms {
        let note = told.decision.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        lines.push(format!("promised   {}{note}", at(promised_ms)));
    }
    if let Some(rendition) = &told.rendition {
        lines.push(format!(
            "rendition  “{}”, for {} at {}, {}  {}",
            rendition.subject,
            rendition.roles.replace(';', " and "),
            rendition.partner,
            rendition.locale,
            rendition.id
        ));
    }
    if let Some(next) = &told.decision.next {
        lines.push(format!("next       {next}"));
    }
    for delivery in &told.deliveries {
        delivery_lines(delivery, &at, &mut lines);
    }
    if told.events.is_empty() && !told.deliveries.is_empty() {
        lines.push("events     none yet".to_owned());
    }
    for event in &told.events {
        let who = if event.human { "person" } else { "machine" };
        lines.push(format!("event      {}  {} ({who}: {})", at(event.at_ms), event.what, event.verdict));
    }
    lines.extend(told.messages.iter().map(|message| {
        format!(
            "told       {} {}, last on {} ({}) by “{}”",
            message.message,
            if message.times == 1 { "once".to_owned() } else { format!("{} times", message.times) },
            at(message.last_ms),
            message.forms_in_order(),
            message.last_subject
        )
    }));
    if told.suppressions.is_empty() && !told.deliveries.is_empty() {
        lines.push("stopped    nothing: this address gets what it is chosen for".to_owned());
    }
    for entry in &told.suppressions {
        let what = if entry.scope == "all" { "everything" } else { entry.scope.as_str() };
        lines.push(format!("stopped    {what} since {}: {}", at(entry.since_ms), entry.reason));
    }
    told.sequences.iter().for_each(|journey| journey_lines(journey, &at, &mut lines));
    lines
}

fn delivery_lines(delivery: &DeliveryTold, at: &impl Fn(UtcMs) -> String, lines: &mut Vec<String>) {
    lines.push(format!("delivery   {}  to {}  {}", delivery.state, delivery.email, delivery.id));
    lines
        .push(format!("           Message-ID <{}>, generation {}", delivery.message_id, delivery.generation));
    if delivery.attempts.is_empty() {
        lines.push("try        none yet".to_owned());
    }
    lines.extend(delivery.attempts.iter().map(|attempt| attempt_line(attempt, at)));
    if delivery.may_be_repeated {
        lines.push(
            "           may have reached the relay more than once, always with this Message-ID".to_owned(),
        );
    }
    if let (Some(accepted_ms), Some((ms, side))) = (delivery.accepted_ms, delivery.against_promise()) {
        lines.push(format!("accepted   {}, {} s {side} its promise", at(accepted_ms), ms / 1_000));
    }
    let when = delivery.next_ms.map(|ms| format!(", {}", at(ms))).unwrap_or_default();
    lines.push(format!("next       {}{when}", delivery.next));
}

fn attempt_line(attempt: &AttemptTold, at: &impl Fn(UtcMs) -> String) -> String {
    let stage = attempt.stage.as_ref().map(|stage| format!(" at {stage}")).unwrap_or_default();
    let maybe = if attempt.may_have_arrived { "; may have arrived" } else { "" };
    format!(
        "try {:<6} {}  {}{stage} ({}{maybe})  “{}”  by {}",
        attempt.no,
        at(attempt.ended_ms),
        attempt.class,
        attempt.means,
        attempt.reply,
        attempt.node
    )
}
