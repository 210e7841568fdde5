//! Mail to the relay: a small pipelining SMTP client (RFC 5321, 2920) with a deadline and a typed result for every
//! stage. Messages come finished; nothing here looks into them, signs or queues them.

mod body;
mod connection;
mod dial;
mod hello;
mod probe;
mod relay;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

pub use connection::Connection;
pub use dial::Dialer;
pub use hello::Capabilities;
pub use probe::{Probe, probe};
pub use relay::{CONNECTIONS_MAX, Relay, RelayTls, Timeouts};
pub(in crate::channel) use relay::{percent_decoded, split_place};

use crate::domain::delivery::Outcome;

/// Hands over one message on a connection of its own.
pub async fn send_once(relay: &Relay, mail: &Mail) -> Outcome {
    match Connection::open(relay).await {
        Ok(mut connection) => {
            let outcome = connection.send(mail).await;
            connection.close().await;
            outcome
        }
        Err(outcome) => outcome,
    }
}

/// One finished message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Return path, without brackets; empty for a notice that must not bounce (RFC 5321 section 4.5.5).
    pub envelope_from: String,
    /// The recipient, without brackets.
    pub envelope_to: String,
    /// Headers and body (RFC 5322), lines ending with CRLF.
    pub bytes: Vec<u8>,
}
