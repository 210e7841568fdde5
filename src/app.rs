//! The composition root: configuration in, running process out, and a stop that loses nothing.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    channel::{
        catcher::Catcher,
        mailbox::{Done, ImapPlace, Source, lmtp},
        smtp::{Connection, Relay, RelayTls, SmtpChannel},
    },
    config::{self, Config, ImapDone},
    domain::kernel::{
        Clock, Error, Random, Result,
        clock::{RehearsalClock, SystemClock, UtcMs},
        random::OsRandom,
    },
    render::Templates,
    store::Db,
    web::{self, Readiness},
    work::{
        Context,
        bounce::collect::{self, Inbound},
        context::{Bounces, Settings},
        deliver::Deliverer,
        publish, sync,
        tokens::sha256_hex,
        track,
    },
};

/// Longest time for closing the database's connections.
const CLOSE_MAX: Duration = Duration::from_secs(5);
/// Name of the relay that keeps mail in this process.
const CATCHER: &str = "catcher";
/// Reports handed over by LMTP that wait to be recorded.
const HANDED_MAX: usize = 16;

/// A running process.
pub struct App {
    /// The surroundings of all use cases.
    pub ctx: Arc<Context>,
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    readiness: Readiness,
    web: JoinHandle<std::io::Result<()>>,
    loops: JoinSet<()>,
    tracker: (watch::Sender<bool>, JoinHandle<()>),
    catcher: Option<(watch::Sender<bool>, JoinHandle<()>)>,
    grace: Duration,
}

impl App {
    /// Starts everything that `config` describes: database, catcher, content, web, publishing, delivery, tracking.
    ///
    /// # Errors
    /// Whatever cannot be opened, with what to do about it; then nothing is left running.
    pub async fn start(config: &Config) -> Result<Self> {
        let listener = listen(&config.server.listen).await?;
        let address = listener.local_addr().map_err(|error| Error::internal("listening").because(error))?;
        let templates = Arc::new(Templates::load(config.server.templates_dir.as_deref())?);
        let keys = config.token_keys()?;
        let db = Db::open(&config.database.url).await?;
        let clock = clock_of(config)?;
        let catcher = match config.mail.relay.as_str() {
            CATCHER => {
                let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
                Some(Catcher::bind(loopback, config.mail.mailbox.clone(), clock.clone()).await?)
            }
            _ => None,
        };
        let sources = sources_of(&config.bounces)?;
        let lmtp = match &config.bounces.lmtp {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let relay = relay_of(config, catcher.as_ref())?;
        let channel = SmtpChannel::new(relay.clone())?;
        tokio::spawn(try_relay(relay));
        let public_url = match config.server.public_url.trim_end_matches('/') {
            "" => format!("http://{address}"),
            url => url.to_owned(),
        };
        let settings = Settings {
            public_url,
            console_open: config.console.open,
            demo: config.rehearsal.as_ref().is_some_and(|rehearsal| rehearsal.story),
            mailbox: catcher.is_some().then(|| config.mail.mailbox.clone()),
            window: config.mail.window,
            on_uncertain: config.mail.on_uncertain,
            bounces: bounce_settings(config),
        };
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let ctx = Arc::new(Context::new(db, clock, random, keys, templates, settings));

        let (stop, stopped) = watch::channel(false);
        let catcher = catcher.map(|catcher| {
            // The catcher stops last: mail that is being handed over must find it.
            let (stop, stopped) = watch::channel(false);
            (stop, tokio::spawn(catcher.run(stopped)))
        });
        // Before anybody can ask: pages without content would be half a program.
        let content = &config.content;
        let seen = sync::first(&ctx, content.dir.as_deref(), content.import_roster).await;
        let mut loops = JoinSet::new();
        loops.spawn(sync::run(
            ctx.clone(),
            content.dir.clone(),
            content.import_roster,
            seen,
            stopped.clone(),
        ));
        loops.spawn(publish::run(ctx.clone(), stopped.clone()));
        loops.spawn(Deliverer::new(ctx.clone(), channel).run(stopped.clone()));
        let handed = lmtp.map(|listener| {
            let (to, handed) = mpsc::channel(HANDED_MAX);
            loops.spawn(lmtp::run(listener, to, stopped.clone()));
            handed
        });
        let inbound = Inbound { sources, handed, poll: Duration::from_secs(config.bounces.poll_s) };
        loops.spawn(collect::run(ctx.clone(), inbound, stopped.clone()));
        // Stops after the web: requests still being answered push clicks.
        let (stop_tracker, tracker_stopped) = watch::channel(false);
        let tracker = (stop_tracker, tokio::spawn(track::run(ctx.clone(), tracker_stopped)));
        let readiness = Readiness::default();
        let web = tokio::spawn(serve(listener, ctx.clone(), readiness.clone(), stopped));
        tracing::info!(%address, database = ctx.db.dialect(), url = ctx.settings.public_url, "partnercast runs");
        Ok(Self {
            ctx,
            address,
            stop,
            readiness,
            web,
            loops,
            tracker,
            catcher,
            grace: Duration::from_secs(config.server.grace_s),
        })
    }

    /// Stops: no new requests and windows, open ones are finished and recorded, the rest is handed back.
    ///
    /// # Errors
    /// `Unavailable` if something was still busy when the grace time ended; it is taken over at the next start.
    pub async fn stop(mut self) -> Result<()> {
        tracing::info!("stopping");
        self.readiness.stopping();
        // Without receivers everything has stopped already.
        let _ = self.stop.send(true);
        let drained = tokio::time::timeout(self.grace, async {
            // A half-sent request must not keep everything else from ending.
            if tokio::time::timeout(self.grace / 2, &mut self.web).await.is_err() {
                self.web.abort();
            }
            let (stop, tracker) = &mut self.tracker;
            let _ = stop.send(true);
            let _ = tracker.await;
            while let Some(ended) = self.loops.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a loop had failed");
                }
            }
            if let Some((stop, catcher)) = self.catcher.take() {
                let _ = stop.send(true);
                let _ = catcher.await;
            }
        })
        .await;
        // A connection that a broken task still holds must not keep the process.
        let _ = tokio::time::timeout(CLOSE_MAX, self.ctx.db.close()).await;
        drained.map_err(|_| {
            Error::unavailable(
                "not everything ended within server.grace_s; what was open is taken over at the next start",
            )
        })
    }

    /// Waits for a loop that ends although nobody asked it to: that is a bug, and better a restart than a process
    /// that looks alive.
    pub async fn failed(&mut self) -> Error {
        match self.loops.join_next().await {
            Some(Err(error)) => Error::internal("a loop failed").because(error),
            Some(Ok(())) => Error::internal("a loop ended by itself"),
            None => std::future::pending().await,
        }
    }
}

/// Listens at `address`.
///
/// # Errors
/// `Unavailable`, saying who is in the way and what to do.
pub async fn listen(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there; stop it, or choose another port (0 takes a free one)"
                    .to_owned()
            }
            std::io::ErrorKind::PermissionDenied => {
                "this user may not listen there; choose a port above 1023".to_owned()
            }
            _ => error.to_string(),
        };
        Error::unavailable(format!("cannot listen on {address}: {why}")).because(error)
    })
}

async fn serve(
    listener: TcpListener,
    ctx: Arc<Context>,
    readiness: Readiness,
    mut stopped: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let service = web::router_with(ctx, readiness).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            // An error means that nobody can ask any more, which is a stop too.
            let _ = stopped.wait_for(|stop| *stop).await;
        })
        .await
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

fn relay_of(config: &Config, catcher: Option<&Catcher>) -> Result<Relay> {
    let mut relay = match catcher {
        Some(catcher) => {
            let address = catcher.local_addr();
            Relay::new(address.ip().to_string(), address.port(), RelayTls::None)
        }
        None => Relay::parse(&config.mail.relay)?,
    };
    relay.connections_max = config.mail.connections;
    relay.ca_file.clone_from(&config.mail.ca_file);
    Ok(relay)
}

/// What the configuration decides about what comes back.
pub fn bounce_settings(config: &Config) -> Bounces {
    Bounces {
        domain: config.mail.return_path_domain.as_ref().map(|domain| domain.to_lowercase()),
        complaint_scope: config.bounces.complaint_scope,
        http_secret_hash: config.bounces.http_secret.as_ref().map(|secret| sha256_hex(secret.as_bytes())),
    }
}

/// Where reports are fetched from.
fn sources_of(bounces: &config::Bounces) -> Result<Vec<Source>> {
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
fn clock_of(config: &Config) -> Result<Arc<dyn Clock>> {
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
