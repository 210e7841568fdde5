//! A window of messages over a few connections, which are kept for the next window.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::{Connection, Mail, Relay, tls};
use crate::domain::{
    delivery::{Outcome, Stage, Trouble},
    kernel::Result,
};

/// A connection that was silent for longer is dropped rather than trusted: relays close idle ones, and finding
/// that out costs a round trip.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Connections that may break in a row, with nothing accepted in between, before a lane gives up.
const BROKEN_MAX: u32 = 2;

/// Hands windows of mail to one relay.
pub struct SmtpChannel {
    inner: Arc<Inner>,
}

struct Inner {
    relay: Relay,
    tls: Option<TlsConnector>,
    idle_max: Duration,
    kept: Mutex<Vec<Connection>>,
}

/// The messages of a window, what became of each, and which is next.
struct Window {
    mails: Vec<Mail>,
    outcomes: Mutex<Vec<Option<Outcome>>>,
    next: AtomicUsize,
}

impl SmtpChannel {
    /// Checks the relay's description and loads the trusted certificates. Connects to nothing yet.
    ///
    /// # Errors
    /// The description has faults, or the certificates cannot be read.
    pub fn new(relay: Relay) -> Result<Self> {
        Self::with_idle_max(relay, IDLE_MAX)
    }

    /// As [`SmtpChannel::new`], with another limit for idle connections.
    ///
    /// # Errors
    /// As there.
    pub(super) fn with_idle_max(relay: Relay, idle_max: Duration) -> Result<Self> {
        relay.check()?;
        let tls = tls::connector(&relay)?;
        Ok(Self { inner: Arc::new(Inner { relay, tls, idle_max, kept: Mutex::new(Vec::new()) }) })
    }

    /// Hands `mails` over and says what became of each, in the same order. Uses up to `connections_max` connections;
    /// each takes the next message when it is free. When the relay cannot be reached, the messages not yet tried get
    /// [`Trouble::Host`] at once. Dropping the future leaves the outcome of messages on their way unknown.
    pub async fn send_window(&self, mails: Vec<Mail>) -> Vec<Outcome> {
        self.send_window_until(mails, std::future::pending()).await
    }

    /// As [`SmtpChannel::send_window`], but when `enough` ends first, says what became of each message by then: those
    /// on their way are uncertain, those not yet taken were not tried.
    pub async fn send_window_until(
        &self,
        mails: Vec<Mail>,
        enough: impl Future<Output = ()>,
    ) -> Vec<Outcome> {
        let lanes = self.inner.relay.connections_max.min(mails.len());
        let window = Arc::new(Window {
            outcomes: Mutex::new(vec![None; mails.len()]),
            next: AtomicUsize::new(0),
            mails,
        });
        let mut running = JoinSet::new();
        for _ in 0..lanes {
            let (inner, window) = (Arc::clone(&self.inner), Arc::clone(&window));
            running.spawn(async move { inner.run_lane(&window).await });
        }
        let mut why_stopped = None;
        tokio::pin!(enough);
        loop {
            tokio::select! {
                ended = running.join_next() => match ended {
                    // A lane that panicked has left its message without an outcome; `finish` calls that uncertain.
                    Some(ended) => why_stopped = ended.ok().flatten().or(why_stopped),
                    None => break,
                },
                () = &mut enough => {
                    running.shutdown().await;
                    break;
                }
            }
        }
        window.finish(why_stopped)
    }

    /// Says goodbye on all kept connections.
    pub async fn close(&self) {
        let kept = std::mem::take(&mut *lock(&self.inner.kept));
        let mut closing = JoinSet::new();
        for connection in kept {
            closing.spawn(connection.close());
        }
        closing.join_all().await;
    }
}

impl Inner {
    /// Sends until the window is empty, or says why it cannot go on.
    async fn run_lane(&self, window: &Window) -> Option<Outcome> {
        let mut current: Option<Connection> = None;
        let mut broken = 0;
        while window.has_more() {
            let mut connection = match current.take() {
                Some(connection) => connection,
                None => match self.obtain().await {
                    Ok(connection) => connection,
                    Err(outcome) => return Some(outcome),
                },
            };
            let Some((at, mail)) = window.take() else {
                self.keep(connection);
                return None;
            };
            let was_used = connection.is_used();
            let mut outcome = connection.send(mail).await;
            if was_used && died_unseen(&connection, &outcome) {
                match self.open().await {
                    Ok(fresh) => {
                        connection = fresh;
                        outcome = connection.send(mail).await;
                    }
                    Err(outcome) => {
                        window.settle(at, outcome.clone());
                        return Some(outcome);
                    }
                }
            }
            if matches!(outcome, Outcome::Accepted { .. }) {
                broken = 0;
            }
            if connection.is_usable() {
                current = Some(connection);
            } else {
                broken += 1;
            }
            window.settle(at, outcome.clone());
            if broken >= BROKEN_MAX {
                return Some(outcome);
            }
        }
        if let Some(connection) = current {
            self.keep(connection);
        }
        None
    }

    /// A kept connection, the freshest first, or a new one.
    async fn obtain(&self) -> Result<Connection, Outcome> {
        let kept = {
            let mut kept = lock(&self.kept);
            kept.retain(|connection| connection.idle() <= self.idle_max);
            kept.pop()
        };
        match kept {
            Some(connection) => Ok(connection),
            None => self.open().await,
        }
    }

    async fn open(&self) -> Result<Connection, Outcome> {
        Connection::open_with(&self.relay, self.tls.as_ref()).await
    }

    fn keep(&self, connection: Connection) {
        let mut kept = lock(&self.kept);
        if connection.is_usable() && kept.len() < self.relay.connections_max {
            kept.push(connection);
        }
    }
}

impl Window {
    fn has_more(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.mails.len()
    }

    fn take(&self) -> Option<(usize, &Mail)> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        self.mails.get(at).map(|mail| (at, mail))
    }

    fn settle(&self, at: usize, outcome: Outcome) {
        if let Some(slot) = lock(&self.outcomes).get_mut(at) {
            *slot = Some(outcome);
        }
    }

    /// Fills the gaps: a message never taken was not tried; one taken and never settled may have left.
    fn finish(&self, why_stopped: Option<Outcome>) -> Vec<Outcome> {
        let taken = self.next.load(Ordering::Relaxed);
        let not_tried = not_tried(why_stopped);
        let outcomes = std::mem::take(&mut *lock(&self.outcomes));
        let fill = |(at, outcome): (usize, Option<Outcome>)| match outcome {
            Some(outcome) => outcome,
            None if at < taken => {
                Outcome::Uncertain { detail: "the sending lane stopped unexpectedly".to_owned() }
            }
            None => not_tried.clone(),
        };
        outcomes.into_iter().enumerate().map(fill).collect()
    }
}

/// The outcome of messages that were not tried, after `why`: never worse than the host's trouble, as nothing is
/// known about them.
fn not_tried(why: Option<Outcome>) -> Outcome {
    match why {
        Some(outcome @ Outcome::Refused { trouble: Trouble::OurSetup, stage, .. })
            if stage <= Stage::Hello =>
        {
            outcome
        }
        Some(Outcome::Refused { stage, reply, detail, .. }) => {
            let stage = if stage <= Stage::Hello { stage } else { Stage::Connect };
            Outcome::Refused { stage, trouble: Trouble::Host, reply, detail: format!("not tried: {detail}") }
        }
        Some(Outcome::Uncertain { detail }) => Outcome::host(Stage::Connect, format!("not tried: {detail}")),
        Some(Outcome::Accepted { .. }) | None => {
            Outcome::host(Stage::Connect, "not tried: the sending lanes stopped")
        }
    }
}

/// A kept connection that was gone already when MAIL was said: nothing was at stake, so trying again is safe.
fn died_unseen(connection: &Connection, outcome: &Outcome) -> bool {
    !connection.is_usable()
        && matches!(outcome, Outcome::Refused { stage: Stage::Mail, trouble: Trouble::Host, .. })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
