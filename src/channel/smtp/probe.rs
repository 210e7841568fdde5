//! A look at a relay without sending anything.

use std::{net::IpAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout},
};

use super::{Capabilities, Connection, Relay};
use crate::domain::{
    delivery::{Outcome, Stage},
    kernel::clock::UtcMs,
};

/// What was seen.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The address that answered.
    pub ip: IpAddr,
    /// One round trip: how long TCP took to connect.
    pub round_trip: Duration,
    /// What the relay offers after TLS and AUTH.
    pub offers: Capabilities,
    /// When its certificate ends; none without TLS.
    pub certificate_ends_ms: Option<UtcMs>,
}

/// Connects, greets, secures, signs in and says goodbye.
///
/// # Errors
/// As [`Connection::open`].
pub async fn probe(relay: &Relay) -> Result<Probe, Outcome> {
    let failed = |why: String| Outcome::host(Stage::Connect, format!("{}: {why}", relay.place()));
    let mut places =
        lookup_host((relay.host.as_str(), relay.port)).await.map_err(|error| failed(error.to_string()))?;
    let place = places.next().ok_or_else(|| failed("the name has no address".to_owned()))?;
    let began = Instant::now();
    let connected = timeout(relay.timeouts.connect, TcpStream::connect(place)).await;
    connected.map_err(|_| failed("no answer".to_owned()))?.map_err(|error| failed(error.to_string()))?;
    let round_trip = began.elapsed();
    let connection = Connection::open(relay).await?;
    let (offers, certificate_ends_ms) = (connection.capabilities().clone(), connection.certificate_ends_ms());
    connection.close().await;
    Ok(Probe { ip: place.ip(), round_trip, offers, certificate_ends_ms })
}
