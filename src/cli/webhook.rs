//! `partnercast webhook`

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveTime};
use clap::Subcommand;

use super::{ConfigArgument, load, looking, say, secret_line, start_log, steer, writing};
use crate::{
    domain::{
        crm,
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
        },
        webhook::{Chat, guide},
    },
    store::webhooks::{
        Endpoint, documents, endpoints,
        messages::{self, Attempt, Message},
    },
    work::{
        Context,
        webhooks::{self, CONCURRENCY, Order, Proof, Replay},
    },
};

/// Messages that `show` lists.
const SHOWN: i64 = 20;

/// Arguments of `webhook`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add an endpoint and print its secrets. It gets nothing before it is verified.
    Add(Add),
    /// Show all endpoints, with how they fare.
    List {
        /// Only those of this partner.
        #[arg(long)]
        partner: Option<String>,
    },
    /// Show one endpoint with its latest messages; with a message its tries, what was sent and what was answered.
    Show {
        /// Its id, as the list has it: `whe_…`.
        id: String,
        /// A message, as this shows them: `whm_…`.
        message: Option<String>,
    },
    /// Print what the receiver verifies with. That somebody looked is written down.
    Secret {
        /// Its id.
        id: String,
    },
    /// Send the challenge that an endpoint must repeat before it gets anything, and let it begin, or go on.
    Verify {
        /// Its id.
        id: String,
        /// Let any answer of 2xx do: you vouch for the address, which is written down. For systems that cannot be made to answer.
        #[arg(long)]
        vouch: bool,
    },
    /// Have a test event sent, as any other.
    Test {
        /// Its id.
        id: String,
    },
    /// Have events of a time sent again, each under its old webhook-id.
    Replay {
        /// Its id.
        id: String,
        /// What happened from then on: `2027-01-12` (UTC) or `2027-01-12T08:00:00Z`.
        #[arg(long)]
        from: String,
        /// What happened before then; until now if left out.
        #[arg(long)]
        until: Option<String>,
        /// Also what was delivered, and not only what failed.
        #[arg(long)]
        all: bool,
    },
    /// Make new secrets and print them; the old ones sign beside them for a while.
    Rotate {
        /// Its id.
        id: String,
        /// For how many hours, 0 to 168.
        #[arg(long, default_value_t = 24)]
        grace_hours: i64,
    },
    /// Put another token in the place of the one that goes with the messages, or take it away.
    Bearer {
        /// Its id.
        id: String,
        /// A file with the new token; without one the endpoint has none any more.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Have an endpoint rest; what happens waits for it, a week at most.
    Pause {
        /// Its id.
        id: String,
    },
    /// Have a paused endpoint go on, or one that fails be tried at once.
    Resume {
        /// Its id.
        id: String,
    },
    /// Take an endpoint away, with its secrets and messages.
    Remove {
        /// Its id.
        id: String,
    },
    /// Print the JSON Schemas of all events, as one array.
    Schemas,
}

/// What `add` is told.
#[derive(Debug, clap::Args)]
struct Add {
    /// What people call it: `CRM`.
    name: String,
    /// Where: `https://crm.example/in`; `-` reads it from standard input, for a chat room whose address nobody else may see.
    url: String,
    /// Who is told by mail when it fails.
    #[arg(long)]
    email: String,
    /// Their name.
    #[arg(long, default_value = "")]
    contact: String,
    /// The slug of the partner whose it is, which is told of its own and of what its people can see; the vendor's own if left out.
    #[arg(long)]
    partner: Option<String>,
    /// What it wants: `lead.*,issue.released`; everything if left out. `partnercast guide webhooks` lists all.
    #[arg(long, value_delimiter = ',')]
    events: Vec<String>,
    /// Send each message only after the one before it was delivered or given up.
    #[arg(long)]
    ordered: bool,
    /// Messages a second at most; 0 for no limit.
    #[arg(long, default_value_t = 0)]
    per_second: i64,
    /// Messages on their way at once at most, 1 to 16.
    #[arg(long, default_value_t = CONCURRENCY)]
    concurrency: i64,
    /// Sign with a pair of keys too (v1a), so that the receiver holds nothing that could sign.
    #[arg(long)]
    pair: bool,
    /// How its messages are written: `slack`, `teams`, `mattermost` or `discord` for a chat room, whose address is sealed and never
    /// shown; or the field map `crm/<name>.toml` for a CRM: salesforce, hubspot, dynamics; `guide crm` tells all.
    #[arg(long, default_value = crm::STANDARD)]
    format: String,
    /// A file with the token that goes with its messages as `Authorization: Bearer`. It is sealed, and never shown.
    #[arg(long, value_name = "FILE")]
    bearer_file: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// A database that cannot be opened; what the use cases refuse.
pub async fn main(arguments: Arguments) -> Result<()> {
    match arguments.what {
        What::Schemas => {
            say(guide::schemas().trim_end());
            return Ok(());
        }
        What::List { partner } => {
            let ctx = looking::context(&arguments.config, None).await?;
            let listed = list(&ctx, partner.as_deref()).await;
            ctx.db.close().await;
            return listed;
        }
        What::Show { id, message } => {
            let ctx = looking::context(&arguments.config, None).await?;
            let shown = match message {
                Some(message) => show_message(&ctx, &id, &message).await,
                None => show(&ctx, &id).await,
            };
            ctx.db.close().await;
            return shown;
        }
        _ => {}
    }
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let ctx = writing::context(&config, "/console/webhooks").await?;
    let done = change(&ctx, arguments.what).await;
    ctx.db.close().await;
    done
}

async fn change(ctx: &Context, what: What) -> Result<()> {
    let actor = steer::ACTOR;
    match what {
        What::Add(add) => {
            let order = Order {
                partner: add.partner,
                name: add.name,
                url: if add.url == "-" { secret_line::read("Address")? } else { add.url },
                contact_name: add.contact,
                contact_email: add.email,
                events: add.events,
                ordered: add.ordered,
                per_second: add.per_second,
                concurrency: add.concurrency,
                pair: add.pair,
                format: add.format,
                bearer: add.bearer_file.as_deref().map_or(Ok(String::new()), token)?,
            };
            let (endpoint, secrets) = webhooks::add(ctx, actor, &order).await?;
            say(&line(&endpoint));
            if Chat::parse(&endpoint.format).is_some() {
                say(&format!("`partnercast webhook verify {}` greets the room", endpoint.id));
                return Ok(());
            }
            secrets.iter().for_each(|secret| say(secret));
            say(&format!(
                "Give the receiver that to verify with; then `partnercast webhook verify {}`",
                endpoint.id
            ));
        }
        What::Secret { id } => {
            webhooks::secrets_for_receiver(ctx, actor, &id).await?.iter().for_each(|secret| say(secret));
        }
        What::Verify { id, vouch } => {
            let proof = if vouch { Proof::Vouched } else { Proof::Challenge };
            webhooks::verify(ctx, actor, &id, proof).await?;
            say(&format!("{id} is active"));
        }
        What::Test { id } => {
            let message = webhooks::test(ctx, actor, &id).await?;
            say(&format!(
                "{message} is sent by `serve`; `partnercast webhook show {id} {message}` tells what became of it"
            ));
        }
        What::Replay { id, from, until, all } => {
            let until_ms = until.map_or(Ok(ctx.now_ms()), |until| time("--until", &until))?;
            let replay = Replay { from_ms: time("--from", &from)?, until_ms, only_failed: !all };
            let count = webhooks::replay(ctx, actor, &id, replay).await?;
            say(&format!("{count} messages are sent again by `serve`"));
        }
        What::Rotate { id, grace_hours } => {
            let secrets = webhooks::rotate(ctx, actor, &id, grace_hours).await?;
            secrets.iter().for_each(|secret| say(secret));
            say(&format!("The old ones sign beside these for {grace_hours} hours"));
        }
        What::Bearer { id, file } => {
            let token = file.as_deref().map_or(Ok(String::new()), token)?;
            webhooks::bearer(ctx, actor, &id, &token).await?;
            say(if token.is_empty() { "It has no token any more" } else { "The next message goes with it" });
        }
        What::Pause { id } => {
            webhooks::pause(ctx, actor, &id).await?;
            say(&format!("{id} rests; what happens waits for it, a week at most"));
        }
        What::Resume { id } => {
            webhooks::resume(ctx, actor, &id).await?;
            say(&format!("{id} goes on"));
        }
        What::Remove { id } => {
            webhooks::remove(ctx, actor, &id).await?;
            say(&format!("{id} is taken away"));
        }
        What::List { .. } | What::Show { .. } | What::Schemas => {}
    }
    Ok(())
}

/// The token in a file.
fn token(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::invalid(format!("{} cannot be read ({error})", path.display())))?;
    Ok(text.trim().to_owned())
}

async fn list(ctx: &Context, partner: Option<&str>) -> Result<()> {
    if let Some(slug) = partner {
        looking::known_partner(ctx, slug).await?;
    }
    let all = endpoints::list(&ctx.db, partner).await?;
    all.iter().for_each(|endpoint| say(&line(endpoint)));
    if all.is_empty() {
        say("there are no webhooks; `partnercast webhook add --help` tells how to add one");
    }
    Ok(())
}

async fn known(ctx: &Context, id: &str) -> Result<Endpoint> {
    let endpoint = endpoints::endpoint(&ctx.db, id).await?;
    endpoint
        .ok_or_else(|| Error::not_found_but(format!("webhook {id}"), "`partnercast webhook list` shows all"))
}

async fn show(ctx: &Context, id: &str) -> Result<()> {
    let endpoint = known(ctx, id).await?;
    say(&line(&endpoint));
    say(&format!("wants {}, as {}", endpoints::entries(&ctx.db, id).await?.join(" "), endpoint.format));
    let contact = [endpoint.contact_name.as_str(), endpoint.contact_email.as_str()].join(" ");
    say(&format!("contact {}", contact.trim()));
    let counts = messages::counts(&ctx.db, id).await?;
    let counts: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    say(&if counts.is_empty() { "no messages yet".to_owned() } else { counts.join(", ") });
    for message in messages::list(&ctx.db, id, None, None, SHOWN).await? {
        say(&message_line(&message));
    }
    Ok(())
}

async fn show_message(ctx: &Context, id: &str, message: &str) -> Result<()> {
    known(ctx, id).await?;
    let payload = match documents::body(&ctx.db, id, message).await? {
        Some(body) => Some(body),
        None => messages::payload(&ctx.db, id, message).await?,
    };
    say(&payload.ok_or_else(|| Error::not_found(format!("message {message} of {id}")))?);
    for attempt in messages::attempts(&ctx.db, id, message).await? {
        say(&attempt_line(&attempt));
        if !attempt.body.is_empty() {
            say(&format!("    {}", attempt.body.replace('\n', "\n    ")));
        }
    }
    Ok(())
}

fn minute(ms: UtcMs) -> String {
    utc(ms).format("%Y-%m-%d %H:%M").to_string()
}

/// `whe_…  CRM  northlight  active  https://crm.example/in`
fn line(endpoint: &Endpoint) -> String {
    let whose = if endpoint.partner_slug.is_empty() { "vendor" } else { &endpoint.partner_slug };
    let mut state = match (endpoint.state.as_str(), endpoint.failing_since_ms) {
        ("active", Some(since_ms)) => {
            format!("active, failing since {} ({} in a row)", minute(since_ms), endpoint.failures)
        }
        ("active", None) => "active".to_owned(),
        (state, _) => format!("{state}: {}", endpoint.because),
    };
    if let Some(since_ms) = endpoint.withheld_since_ms {
        state.push_str(&format!(", held back by us since {}", minute(since_ms)));
    }
    format!("{}  {}  {whose}  {}  {state}", endpoint.id, endpoint.name, endpoint.url)
}

/// `whm_…  2027-01-12 08:00  lead.won  waiting until 2027-01-12 08:05  2 tries  503`
fn message_line(message: &Message) -> String {
    let state = match message.state.as_str() {
        "waiting" if message.attempts > 0 => format!("waiting until {}", minute(message.due_ms)),
        "failed" => format!("failed: {}", message.because),
        state => state.to_owned(),
    };
    let last = message.status.map(|status| format!("  {status}")).unwrap_or_default();
    let tries = message.attempts;
    format!("{}  {}  {}  {state}  {tries} tries{last}", message.event_id, minute(message.at_ms), message.kind)
}

fn attempt_line(attempt: &Attempt) -> String {
    let status = attempt.status.map(|status| format!("  {status}")).unwrap_or_default();
    let Attempt { no, took_ms, verdict, detail, .. } = attempt;
    let line = format!("{no}  {}  {verdict}{status}  {took_ms} ms  {detail}", minute(attempt.at_ms));
    line.trim_end().to_owned()
}

/// A day, which begins at midnight in UTC, or a time.
fn time(option: &str, text: &str) -> Result<UtcMs> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let at = day.map(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp_millis());
    let at = at.or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis()));
    at.ok_or_else(|| {
        Error::invalid(format!(
            "{option}: `{text}` is no time; write 2027-01-12 (UTC) or 2027-01-12T08:00:00Z"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_or_an_instant() {
        assert_eq!(time("--from", "1970-01-02").unwrap(), 86_400_000);
        assert_eq!(time("--from", "1970-01-01T01:00:00+01:00").unwrap(), 0);
        let error = time("--until", "tomorrow").unwrap_err();
        assert!(error.public().contains("--until") && error.public().contains("`tomorrow`"), "{error}");
    }
}
