//! The parts of a process, made from what the configuration says.

use std::sync::Arc;

use super::{CATCHER, dkim};
use crate::{
    channel::{
        catcher::Catcher,
        egress::{Egress, Guard},
        mailbox::{Done, ImapPlace, Source},
        smtp::{Connection, Dialer, Relay, RelayTls},
    },
    config::{self, Config, ImapDone, MailWarmUp},
    domain::{
        delivery::{Classes, WarmUp},
        kernel::{
            Clock, Error, Random, Result,
            clock::{RehearsalClock, SystemClock, UtcMs},
            random::OsRandom,
        },
        sender::hello::HelloName,
    },
    render::Templates,
    store::Db,
    work::{
        Context,
        context::{Bounces, Settings},
        tokens::sha256_hex,
    },
};

/// The surroundings of use cases as configured; also for commands that act once and end.
///
/// # Errors
/// The keys cannot be read.
pub fn context(
    config: &Config,
    db: Db,
    clock: Arc<dyn Clock>,
    templates: Arc<Templates>,
    public_url: String,
) -> Result<Context> {
    let settings = Settings {
        public_url,
        console_open: config.console.open,
        demo: config.rehearsal.as_ref().is_some_and(|rehearsal| rehearsal.story),
        mailbox: (config.mail.relay == CATCHER).then(|| config.mail.mailbox.clone()),
        trusted_proxies: config.trusted_proxies()?,
        window: config.mail.window,
        on_uncertain: config.mail.on_uncertain,
        classes: classes_of(config)?,
        warm_up: config.mail.warm_up.iter().map(warm_up_of).collect(),
        bounces: bounce_settings(config),
        linkedin: config.social.linkedin_version()?,
        x: config.social.x_terms(),
    };
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let signer = dkim::signer(config)?;
    let guard = Guard::new(config.egress.networks()?, config.egress.http);
    let egress = Egress::new(guard, config.egress.ca_file.clone());
    let ctx = Context::new(db, clock, random, config.token_keys()?, templates, settings);
    Ok(ctx.with_signer(signer).with_egress(egress))
}

/// Says at once when the relay cannot be talked to: a typing error should not first show on the promised day.
async fn try_relay(relay: Relay) {
    match Connection::open(&relay).await {
        Ok(connection) => connection.close().await,
        Err(outcome) => tracing::warn!(
            relay = relay.place(),
            ?outcome,
            "the relay cannot be talked to; mail waits until it can"
        ),
    }
}

/// What we call ourselves to relays; none where nobody gave this machine a name.
fn hello_name(config: &Config) -> Result<Option<HelloName>> {
    match &config.mail.hello_name {
        Some(name) => HelloName::parse(name).map(Some),
        None => Ok(HelloName::of_url(&config.server.public_url)),
    }
}

/// The relays that mail is handed to; none with the catcher.
///
/// # Errors
/// Every one that cannot be read.
pub fn relays_of(config: &Config) -> Result<Vec<Relay>> {
    let hello_name = hello_name(config)?;
    let mut relays = relays_as_given(config)?;
    relays.iter_mut().for_each(|relay| relay.hello_name.clone_from(&hello_name));
    Ok(relays)
}

fn relays_as_given(config: &Config) -> Result<Vec<Relay>> {
    let mail = &config.mail;
    if mail.relay == CATCHER {
        return Ok(Vec::new());
    }
    if mail.relays.is_empty() {
        let mut relay = Relay::parse(&mail.relay)?;
        relay.connections_max = mail.connections;
        relay.ca_file.clone_from(&mail.ca_file);
        return Ok(vec![relay]);
    }
    let (mut relays, mut faults): (Vec<Relay>, Vec<String>) = (Vec::new(), Vec::new());
    for (number, given) in (1..).zip(&mail.relays) {
        match Relay::parse(&given.url) {
            Ok(mut relay) => {
                relay.name = given.name.clone().unwrap_or(relay.name);
                relay.weight = given.weight;
                relay.connections_max = given.connections.unwrap_or(mail.connections);
                relay.per_hour_max = given.per_hour;
                relay.ca_file = given.ca_file.clone().or_else(|| mail.ca_file.clone());
                if relays.iter().any(|other| other.name == relay.name) {
                    let name = &relay.name;
                    faults.push(format!("mail.relays {number}: another is called {name}; give it a name"));
                }
                relays.push(relay);
            }
            Err(error) => faults.push(format!("mail.relays {number}: {}", error.public())),
        }
    }
    if faults.is_empty() { Ok(relays) } else { Err(Error::invalid(faults.join("; "))) }
}

/// What opens connections to the relays, or to the catcher; each is tried in the background.
pub(super) fn dialers_of(config: &Config, catcher: Option<&Catcher>) -> Result<Vec<Dialer>> {
    let relays = match catcher {
        Some(catcher) => vec![relay_to(catcher, config)],
        None => relays_of(config)?,
    };
    for relay in &relays {
        tokio::spawn(try_relay(relay.clone()));
    }
    relays.into_iter().map(Dialer::new).collect()
}

/// The built-in catcher as a relay.
fn relay_to(catcher: &Catcher, config: &Config) -> Relay {
    let address = catcher.local_addr();
    let mut relay = Relay::new(address.ip().to_string(), address.port(), RelayTls::None);
    relay.name = CATCHER.to_owned();
    relay.connections_max = config.mail.connections;
    relay
}

fn classes_of(config: &Config) -> Result<Classes> {
    let Some(path) = &config.mail.classes_file else { return Ok(Classes::default()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::invalid(format!("mail.classes_file {}: {error}", path.display())))?;
    Classes::with(&text).map_err(|error| Error::invalid(format!("{}: {}", path.display(), error.public())))
}

fn warm_up_of(plan: &MailWarmUp) -> WarmUp {
    WarmUp { domain: plan.domain.to_lowercase(), start: plan.start, daily: plan.daily.clone() }
}

/// What the configuration decides about what comes back.
fn bounce_settings(config: &Config) -> Bounces {
    Bounces {
        domain: config.mail.return_path_domain.as_ref().map(|domain| domain.to_lowercase()),
        complaint_scope: config.bounces.complaint_scope,
        http_secret_hash: config.bounces.http_secret.as_ref().map(|secret| sha256_hex(secret.as_bytes())),
    }
}

/// Where reports are fetched from.
///
/// # Errors
/// A place that cannot be read.
pub fn sources_of(bounces: &config::Bounces) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    if let Some(url) = &bounces.imap {
        let done = match bounces.imap_done {
            ImapDone::Move => Done::Move(bounces.imap_folder.clone()),
            ImapDone::Seen => Done::Seen,
            ImapDone::Delete => Done::Delete,
        };
        sources.push(Source::Imap(ImapPlace::parse(url, done, bounces.ca_file.as_deref())?));
    }
    sources.extend(bounces.maildir.clone().map(Source::Maildir));
    Ok(sources)
}

/// The machine's clock, or the calendar of the rehearsal, whose beginning is kept beside the configuration so that a
/// restart goes on where it was.
///
/// # Errors
/// The beginning of a rehearsal cannot be written down.
pub fn clock_of(config: &Config) -> Result<Arc<dyn Clock>> {
    let Some(rehearsal) = &config.rehearsal else { return Ok(Arc::new(SystemClock)) };
    let file = config.mail.mailbox.with_file_name("rehearsal-began-ms");
    let began: Option<UtcMs> = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    let anchor_ms = match began {
        Some(anchor_ms) => anchor_ms,
        None => {
            let now_ms = SystemClock.now_ms();
            std::fs::write(&file, now_ms.to_string()).map_err(|error| {
                Error::unavailable(format!("{} cannot be written: {error}", file.display()))
            })?;
            now_ms
        }
    };
    Ok(Arc::new(RehearsalClock {
        anchor_ms,
        start_ms: rehearsal.start.timestamp_millis(),
        speed: rehearsal.speed,
        until_ms: rehearsal.until.timestamp_millis(),
    }))
}
