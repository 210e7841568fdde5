//! The built-in mail catcher: a receiving SMTP server on this machine alone, for `partnercast demo` and rehearsals.
//! Real SMTP in, a Maildir on disk; nothing it takes ever goes further. `smtp` knows nothing of it: to the sending
//! side it is a relay like any other.

pub mod mailbox;
mod maildir;
mod session;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

pub use mailbox::{Envelope, Mailbox, ParsedMail};

use self::maildir::Maildir;
use crate::domain::kernel::{Clock, Error, Result};

/// Connections open at once; more are told to come back.
const CONNECTIONS_MAX: usize = 100;
/// How long sessions may take to notice that we stop.
const DRAIN: Duration = Duration::from_secs(5);

/// A receiving SMTP server, bound and not yet running.
pub struct Catcher {
    listener: TcpListener,
    local_addr: SocketAddr,
    shared: Arc<Shared>,
}

/// What all sessions use.
struct Shared {
    maildir: Arc<Maildir>,
    clock: Arc<dyn Clock>,
    received: watch::Sender<u64>,
}

impl Catcher {
    /// Listens on `addr` (port 0 picks one) and makes the folders `tmp`, `new` and `cur` under `maildir`. `clock` dates
    /// the mail, so that a rehearsal's mail carries the rehearsal's time.
    ///
    /// # Errors
    /// `addr` can be reached from other machines, the port is taken, or the folder cannot be written.
    pub async fn bind(addr: SocketAddr, maildir: PathBuf, clock: Arc<dyn Clock>) -> Result<Self> {
        if !addr.ip().to_canonical().is_loopback() {
            return Err(Error::invalid(format!(
                "the mail catcher takes mail from anybody who can reach it, so it listens on this machine alone; use \
                 127.0.0.1:{} instead of {addr}",
                addr.port()
            )));
        }
        let maildir = tokio::task::spawn_blocking(move || Maildir::open(maildir))
            .await
            .map_err(|error| Error::internal("opening the Maildir").because(error))??;
        let taken =
            |error| Error::unavailable(format!("the mail catcher cannot listen on {addr}")).because(error);
        let listener = TcpListener::bind(addr).await.map_err(taken)?;
        let local_addr = listener.local_addr().map_err(taken)?;
        let (received, _) = watch::channel(0);
        let shared = Shared { maildir: Arc::new(maildir), clock, received };
        Ok(Self { listener, local_addr, shared: Arc::new(shared) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many messages were stored since the start, a copy per recipient; changes after each, so that a page may
    /// wait for the next one.
    pub fn received(&self) -> watch::Receiver<u64> {
        self.shared.received.subscribe()
    }

    /// Serves until `shutdown` turns true or its sender is gone. A message that is still coming in then is not
    /// accepted: its sender keeps it.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut sessions = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = shutdown.wait_for(|stop| *stop) => break,
            };
            while sessions.try_join_next().is_some() {}
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, as a rule: a pause lets some come back.
                    tracing::warn!(%error, "the mail catcher cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            match Arc::clone(&room).try_acquire_owned() {
                Ok(place) => {
                    let (shared, shutdown) = (Arc::clone(&self.shared), shutdown.clone());
                    sessions.spawn(async move {
                        session::run(stream, peer, &shared, shutdown).await;
                        drop(place);
                    });
                }
                Err(_) => turn_away(&stream),
            }
        }
        drop(self.listener);
        let _ = tokio::time::timeout(DRAIN, async { while sessions.join_next().await.is_some() {} }).await;
    }
}

/// One attempt, without waiting: somebody who floods us must not hold up the others.
fn turn_away(stream: &TcpStream) {
    let _ = stream.try_write(b"421 4.3.2 too many connections, come back soon\r\n");
}
