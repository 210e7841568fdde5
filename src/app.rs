//! The composition root: configuration in, running process out, and a stop that loses nothing.

pub mod dkim;
mod parts;
mod preview;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    channel::{catcher::Catcher, mailbox::lmtp},
    config::Config,
    domain::kernel::{Error, Result},
    render::Templates,
    store::{Db, lock},
    web::{self, Limits, Readiness},
    work::{
        Context,
        bounce::collect::{self, Inbound},
        deliver::Deliverer,
        follow, handoff, publish, rejudge, retention, sequences,
        set_back::ClockGuard,
        sites, social,
        track::{self, Spool},
        webhooks,
    },
};
use parts::dialers_of;
pub use parts::{clock_of, context, relays_of, sources_of};
pub use preview::PreviewApp;

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
    /// Where it serves `/metrics`.
    pub metrics_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    readiness: Readiness,
    web: JoinSet<()>,
    loops: JoinSet<()>,
    tracker: (watch::Sender<bool>, JoinSet<()>),
    catcher: Option<(watch::Sender<bool>, JoinHandle<()>)>,
    grace: Duration,
}

impl App {
    /// Starts everything that `config` describes: database, catcher, content, web, publishing, delivery, tracking.
    ///
    /// # Errors
    /// Whatever cannot be opened, with what to do about it; then nothing is left running.
    pub async fn start(config: &Config) -> Result<Self> {
        // Started twice is the usual reason for a port that is taken: then it is said who works there.
        let taken = |error: Error| lock::refusal(&config.database.url).unwrap_or(error);
        let listener = listen(&config.server.listen).await.map_err(taken)?;
        let address = listener.local_addr().map_err(|error| Error::internal("listening").because(error))?;
        let metrics_listener = match &config.server.metrics_listen {
            Some(address) => Some(listen(address).await.map_err(taken)?),
            None => None,
        };
        let templates = Arc::new(Templates::load(config.server.templates_dir.as_deref())?);
        // Before anything is opened: without keys there is nothing to start.
        config.token_keys()?;
        dkim::signer(config)?;
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
        let dialers = dialers_of(config, catcher.as_ref())?;
        let public_url = match config.server.public_url.trim_end_matches('/') {
            "" => url_at(address),
            url => url.to_owned(),
        };
        db.note_address(&public_url)?;
        let ctx = Arc::new(spooling(config, context(config, db, clock, templates, public_url)?));
        if ctx.settings.public_url.starts_with("https:") && ctx.settings.trusted_proxies.is_empty() {
            tracing::warn!(
                "server.trusted_proxies is empty: behind the proxy that ends TLS all visitors look like one"
            );
        }
        let (stop, stopped) = watch::channel(false);
        let catcher = catcher.map(|catcher| {
            // The catcher stops last: mail that is being handed over must find it.
            let (stop, stopped) = watch::channel(false);
            (stop, tokio::spawn(catcher.run(stopped)))
        });
        // Before anybody can ask: pages without content would be half a program.
        let content = &config.content;
        follow::begin(&ctx, content.dir.as_deref(), content.import_roster).await;
        let mut loops = JoinSet::new();
        loops.spawn(follow::run(ctx.clone(), stopped.clone()));
        keep_promises(&ctx, &mut loops, &stopped);
        loops.spawn(retention::run(ctx.clone(), config.retention.events_months, stopped.clone()));
        loops.spawn(Deliverer::new(ctx.clone(), dialers).run(stopped.clone()));
        let handed = lmtp.map(|listener| {
            let (to, handed) = mpsc::channel(HANDED_MAX);
            loops.spawn(lmtp::run(listener, to, stopped.clone()));
            handed
        });
        let inbound = Inbound { sources, handed, poll: Duration::from_secs(config.bounces.poll_s) };
        loops.spawn(collect::run(ctx.clone(), inbound, stopped.clone()));
        // Stops after the web: requests still being answered push clicks.
        let (stop_tracker, stopped_tracker) = watch::channel(false);
        let tracker = (stop_tracker, alone(track::run(ctx.clone(), stopped_tracker)));
        let readiness = Readiness::default();
        let router = web::router_with(ctx.clone(), readiness.clone());
        let web = alone(web::serve(listener, router, limits(config), stopped.clone()));
        let metrics_address =
            metrics_listener.map(|listener| measure(listener, &ctx, &mut loops, stopped)).transpose()?;
        tracing::info!(%address, database = ctx.db.dialect(), url = ctx.settings.public_url, "partnercast runs");
        Ok(Self {
            ctx,
            address,
            metrics_address,
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
            if tokio::time::timeout(self.grace / 2, ended(&mut self.web)).await.is_err() {
                self.web.abort_all();
            }
            let (stop, tracker) = &mut self.tracker;
            let _ = stop.send(true);
            ended(tracker).await;
            ended(&mut self.loops).await;
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

    /// Waits for a part that ends although nobody asked it to: that is a bug, and better a restart than a process
    /// that looks alive.
    pub async fn failed(&mut self) -> Error {
        let (part, ended) = tokio::select! {
            Some(ended) = self.loops.join_next() => ("a loop", ended),
            Some(ended) = self.web.join_next() => ("the web server", ended),
            Some(ended) = self.tracker.1.join_next() => ("the recorder of clicks", ended),
            else => return std::future::pending().await,
        };
        match ended {
            Err(error) => Error::internal(format!("{part} failed")).because(error),
            Ok(()) => Error::internal(format!("{part} ended by itself")),
        }
    }
}

/// `ctx` with a place for events that the database does not take in time; without one, which the log says, where there is no
/// room for it.
fn spooling(config: &Config, ctx: Context) -> Context {
    let name = format!("{:016x}", ctx.random.next_u64());
    match Spool::open(&config.database.spool_dir, &name) {
        Ok(spool) => ctx.with_spool(spool),
        Err(error) => {
            let error = error.public();
            tracing::warn!(error, "clicks are kept in memory alone while the database does not take them");
            ctx
        }
    }
}

/// What connections from browsers may cost.
fn limits(config: &Config) -> Limits {
    Limits { connections: affordable(config.server.connections), ..Limits::default() }
}

/// Starts a task that is waited for by itself.
fn alone(task: impl Future<Output = ()> + Send + 'static) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    tasks
}

/// Starts the loops that keep what was promised: to readers, to people inside sequences, to leads, whose deeds are judged
/// anew when the rules change, to other systems, and to partners' own accounts.
fn keep_promises(ctx: &Arc<Context>, loops: &mut JoinSet<()>, stopped: &watch::Receiver<bool>) {
    loops.spawn(rejudge::run(ctx.clone(), stopped.clone()));
    loops.spawn(publish::run(ctx.clone(), ClockGuard::new(&*ctx.clock), stopped.clone()));
    loops.spawn(sequences::run(ctx.clone(), stopped.clone()));
    loops.spawn(handoff::run(ctx.clone(), stopped.clone()));
    loops.spawn(webhooks::run(ctx.clone(), stopped.clone()));
    loops.spawn(social::run(ctx.clone(), stopped.clone()));
    loops.spawn(sites::run(ctx.clone(), stopped.clone()));
}

/// Waits until all `tasks` have ended.
async fn ended(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a part of the program had failed");
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

/// An address that a browser on this machine can open, for a listener at `address`.
pub fn url_at(address: SocketAddr) -> String {
    // "Everywhere" is no place to go to.
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// At most half of the files that the system lets us open, where it says so: visitors must leave room for the
/// database, the relay and content.
fn affordable(connections: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let most: Option<usize> = most.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    match most {
        Some(most) if most / 2 < connections => {
            let lowered = (most / 2).max(1);
            tracing::warn!(
                "server.connections is {lowered}, not {connections}: this process may open {most} files (ulimit -n)"
            );
            lowered
        }
        _ => connections,
    }
}

/// Serves `/metrics` until stopped and returns where.
fn measure(
    listener: TcpListener,
    ctx: &Arc<Context>,
    loops: &mut JoinSet<()>,
    mut stopped: watch::Receiver<bool>,
) -> Result<SocketAddr> {
    let address = listener.local_addr().map_err(|error| Error::internal("listening").because(error))?;
    let service = web::metrics::router(ctx.clone());
    loops.spawn(async move {
        let served = axum::serve(listener, service).with_graceful_shutdown(async move {
            // An error means that nobody can ask any more, which is a stop too.
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        if let Err(error) = served.await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    tracing::info!(%address, "metrics");
    Ok(address)
}
