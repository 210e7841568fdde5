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
        explain::{self, AttemptTold, DeliveryTold, Explanation},
        lookup,
    },
};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The issue: its id, `newsletter/2027-01-12`, or the newsletter alone for its latest issue.
    issue: String,
    /// The person: an address, an id, or a part of the name.
    contact: String,
    /// One JSON object; times are UTC milliseconds.
    #[arg(long)]
    json: bool,
}

/// Prints the whole chain for one person. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database cannot be read, or issue or person are not clear.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let db = Db::open_read_only(&config.database.url).await?;
    let now_ms = app::clock_of(&config)?.now_ms();
    let issue = lookup::issue(&db, &arguments.issue).await?;
    let person = lookup::contact(&db, &arguments.contact).await?;
    let told = explain::explain(&db, now_ms, &issue, &arguments.contact, person).await?;
    db.close().await;
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&told).map_err(|error| Error::internal("JSON").because(error))?;
        say(&text);
    } else {
        lines(&told).iter().for_each(|line| say(line));
    }
    Ok(())
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
        Some(person) => lines.push(format!(
            "person     {} <{}>, {} at {}, {}, {}{}  {}",
            person.name,
            person.email,
            person.roles.replace(';', " and "),
            person.partner_name,
            person.locale,
            person.zone,
            if person.active { "" } else { ", no longer in the roster" },
            person.id
        )),
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
            message.last_forms,
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
    if let (Some(accepted_ms), Some(late_ms)) = (delivery.accepted_ms, delivery.late_ms) {
        lines.push(format!("accepted   {}, {} s after its promise", at(accepted_ms), late_ms / 1_000));
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
