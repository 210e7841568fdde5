//! Opening connections to one relay, with its trust loaded once.

use tokio_rustls::TlsConnector;

use super::{Connection, Relay, tls};
use crate::domain::{delivery::Outcome, kernel::Result};

/// Opens connections to one relay.
pub struct Dialer {
    relay: Relay,
    tls: Option<TlsConnector>,
}

impl Dialer {
    /// Checks the relay's description and loads the trusted certificates. Connects to nothing yet.
    ///
    /// # Errors
    /// The description has faults, or the certificates cannot be read.
    pub fn new(relay: Relay) -> Result<Self> {
        relay.check()?;
        let tls = tls::connector(&relay)?;
        Ok(Self { relay, tls })
    }

    /// The relay.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// A connection that is greeted, secured and signed in.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub async fn open(&self) -> Result<Connection, Outcome> {
        Connection::open_with(&self.relay, self.tls.as_ref()).await
    }
}
